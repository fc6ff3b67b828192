// netnotes/coro/serve.hpp: a server of tasks that no client ends
// SPDX-License-Identifier: MIT
//
// A loop that accepts and spawns is quickly written, and as quickly ended: by the first client that resets its
// connection, by a handler that throws, by a crowd that takes all descriptors. serve() is that loop with an answer to
// each of these; what is left to write is what the server says to one client:
//
//     task<> echo(async_stream client) {
//         for (;;) {
//             auto bytes = co_await client.recv();
//             if (bytes.empty()) co_return;
//             co_await client.send_all(bytes);
//         }
//     }
//     int main() {
//         stop_event stop;
//         stop_on_signals signals{stop};
//         event_loop loop;
//         loop.run(serve({ipv4_address::loopback(), 6666}, echo, {.max_connections = 1000}), stop);
//     }
//
//        accept ──> handler(client) ──┬── returns ──> closed             and the next client takes its place
//          ^                          ├── throws  ──> on_error, closed
//          └── room for one more <────┘   an answer that was cut short: a reset, so that the peer can tell
//
//   a client that resets, a handler that throws   is reported by on_error, and nobody else notices
//   a client that says nothing                    errc::timed_out after idle_timeout
//   a client that says a byte now and then        the same after request_timeout without an answer
//   too many clients                              wait in the kernel's queue until one leaves: max_connections
//   no descriptors, no memory                     the same, for a tenth of a second at a time: async_listener::accept()
//   a stop, or a cancel                           closes the listener. Each connection then reads what has come by now, and
//                                                 the end. Handlers that have not ended after stop_grace are cancelled
//
// serve() sees a send that failed, and then resets. It does not see that an answer of several sends is not complete: if the
// handler throws between two of them, the connection ends in order. A handler that knows better resets before it throws:
//
//     client.set_option(option::linger{std::chrono::seconds{0}});
//     throw std::runtime_error{"half of the answer is missing"};
//
// On this page:  serve_options · serve
// Under it:      coro/listener.hpp, coro/stream.hpp. Its siblings without coroutines: server/reactor.hpp, server/blocking.hpp
// The notes:     gevent版-TCP服务器 (the gevent server)

#ifndef NETNOTES_CORO_SERVE_HPP
#define NETNOTES_CORO_SERVE_HPP

#include <sys/socket.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>

#include "group.hpp"
#include "listener.hpp"
#include "sleep.hpp"
#include "stream.hpp"
#include "sync.hpp"

namespace netnotes {

/// What serve() grants. Its members have no destructors, so g++ 12 may see it as a temporary beside a co_await.
struct serve_options {
    std::size_t max_connections = 10'000;  ///< beyond, clients wait in the listener's queue. Above zero
    /// For each call that waits for the client: see async_stream::set_timeout(). Above zero.
    wait_time idle_timeout = std::chrono::minutes{5};
    /// A handler that has sent nothing for this long, or up to a quarter longer, is cancelled and reported as timed_out.
    /// A connection that is answered now and then may live for ever; for handlers that stay silent it is `never`. Only for
    /// TCP. Nothing: four idle timeouts. Above zero.
    std::optional<wait_time> request_timeout{};
    wait_time stop_grace = std::chrono::seconds{2};  ///< how long handlers may go on after a stop
    /// Is told what a handler has thrown, and errc::timed_out for request_timeout. It must not throw.
    void (*on_error)(const socket_address& peer, const std::exception& failure) = [](const socket_address& peer,
                                                                                     const std::exception& failure) {
        std::fprintf(stderr, "%s: %s\n", peer.to_string().c_str(), failure.what());
    };
};
static_assert(std::is_trivially_destructible_v<serve_options>);

/// task<>(async_stream), or task<>(async_stream, endpoint), or with a socket_address, for Unix sockets.
template <class Handler>
concept connection_handler =
    std::is_invocable_r_v<task<>, Handler&, async_stream> ||
    std::is_invocable_r_v<task<>, Handler&, async_stream, const socket_address&> ||
    std::is_invocable_r_v<task<>, Handler&, async_stream, const endpoint&>;

namespace detail {

template <class Handler>
class [[nodiscard]] serving final : public joint_wait, private loop_timer {
  public:
    serving(async_listener&& listener, Handler&& handler, const serve_options& options)
        : joint_wait{false},
          handler_{std::move(handler)},
          options_{options},
          accepting_{accept_all(std::move(listener))} {
        if (!options_.request_timeout)
            options_.request_timeout = options.idle_timeout > never / 4 ? never : 4 * options.idle_timeout;
        if (options.max_connections == 0 || options.idle_timeout <= duration::zero() ||
            *options_.request_timeout <= duration::zero())
            throw std::invalid_argument{"a server that has no place or no time for a client"};
    }
    ~serving() {
        while (clients_) delete clients_;  // only when the frame is destroyed while it waits
    }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin_all(waiter, waiter.promise().chain(), [this](bool later) { accepting_.begin(*this, later); });
    }
    void await_resume() { accepting_.take(); }  // it has failed, or was cancelled

  private:
    /// A connection. It destroys itself when its handler has ended.
    class client final : public part<void>, private loop_timer {
      public:
        static void* operator new(std::size_t size) { return frames.take(size); }
        static void operator delete(void* memory, std::size_t size) noexcept { frames.give_back(memory, size); }
        client(serving& all, int descriptor, const socket_address& from, task<>&& conversation)
            : part<void>{std::move(conversation)},
              peer{from},
              older{all.clients_},
              descriptor_{descriptor},
              all_{all},
              previous_{&all.clients_} {
            if (older) older->previous_ = &older;
            all.clients_ = this;
            ++all.count_;
            look_later();
        }
        ~client() override {
            *previous_ = older;
            if (older) older->previous_ = previous_;
            --all_.count_;
        }
        void hear_no_more() noexcept {
            if (is_there()) ::shutdown(descriptor_, SHUT_RD);
        }

        socket_address peer;
        client* older;
        bool has_timed_out = false;

      private:
        /// The handler owns the stream and may have closed it; then the number may be another descriptor's by now.
        bool is_there() const noexcept {
            std::error_code is_gone;
            return borrowed_socket{descriptor_}->peer_endpoint(is_gone) == peer && !is_gone;
        }
        void look_later() noexcept {
            if (*all_.options_.request_timeout == never || !peer.is_ip()) return;
            scheduler& loop = event_loop::current();
            loop.arm(*this, later(loop.now(), *all_.options_.request_timeout / 4));
        }
        /// What the peer has acknowledged is what it was answered. So nothing need be counted when bytes are sent.
        void expired() noexcept override {
            kernel_tcp_info now{};
            socklen_t size = sizeof now;
            // After a reset nothing is known of the connection, so it counts as quiet: its handler may wait for something else.
            const bool is_known = is_there() && ::getsockopt(descriptor_, IPPROTO_TCP, TCP_INFO, &now, &size) == 0;
            if (is_known && std::exchange(acknowledged_, now.bytes_acked) != now.bytes_acked) quiet_quarters_ = 0;
            if (++quiet_quarters_ <= 4) return look_later();
            has_timed_out = true;
            fiber::cancel();
        }

        int descriptor_;
        unsigned char quiet_quarters_ = 0;
        serving& all_;
        client** previous_;
        std::uint64_t acknowledged_ = 0;
    };

    task<> accept_all(async_listener listener) {
        for (;;) {
            while (count_ >= options_.max_connections) {
                has_room_.reset();
                co_await has_room_.wait();
            }
            auto accepted = co_await listener.accept();
            bool is_short = false;
            try {
                const int descriptor = accepted.stream.native_handle();
                accepted.stream.set_timeout(options_.idle_timeout);
                auto* const made = new client{*this, descriptor, accepted.peer,
                                              call(std::move(accepted.stream), accepted.peer)};
                made->begin(*this);
            } catch (const std::bad_alloc&) {
                is_short = true;
            }
            if (is_short) co_await sleep_for(accept_pause);
        }
    }
    /// Owns what the handler's task may refer to, and takes what the handler throws before it returns a task.
    task<> call(async_stream stream, socket_address peer) {
        if constexpr (std::is_invocable_v<Handler&, async_stream, const socket_address&>) {
            co_await handler_(std::move(stream), peer);
        } else if constexpr (std::is_invocable_v<Handler&, async_stream, const endpoint&>) {
            const endpoint from = peer.ip();
            co_await handler_(std::move(stream), from);
        } else {
            co_await handler_(std::move(stream));
        }
    }
    void part_ended(part_base& which) noexcept override {
        if (&which == &accepting_) {  // the listener is closed
            for (client* each = clients_; each; each = each->older) each->hear_no_more();
            scheduler& loop = chain().loop();
            if (clients_) loop.arm(*this, later(loop.now(), options_.stop_grace));
            return;
        }
        auto* const one = static_cast<client*>(&which);
        if (one->has_timed_out)
            report(*one, std::make_exception_ptr(std::system_error{std::make_error_code(std::errc::timed_out)}));
        else if (const std::exception_ptr thrown = one->exception(); thrown && !is_cancellation(thrown))
            report(*one, thrown);
        delete one;
        has_room_.set();
    }
    void report(const client& one, const std::exception_ptr& thrown) noexcept {
        if (!options_.on_error) return;
        try {
            std::rethrow_exception(thrown);
        } catch (const std::exception& failure) {
            options_.on_error(one.peer, failure);
        } catch (...) {
            options_.on_error(one.peer, std::runtime_error{"the handler has thrown what is no std::exception"});
        }
    }
    void cancel_parts() noexcept override { accepting_.cancel(); }
    void expired() noexcept override {  // the grace
        for (client* each = clients_; each; each = each->older) each->fiber::cancel();
    }

    Handler handler_;
    serve_options options_;
    client* clients_ = nullptr;
    std::size_t count_ = 0;
    async_event has_room_;
    part<void> accepting_;
};

}  // namespace detail

/// Accepts connections and runs handler(stream), or handler(stream, peer), for each, until it is cancelled: by the stop
/// of event_loop::run(), say. Then it closes the listener and ends as a cancelled task does when the last handler has ended,
/// within stop_grace. Throws std::system_error when the listener fails, std::invalid_argument for options without place or
/// time. The handler is one object for all; if it is a lambda with captures, these live as long as the server.
template <connection_handler Handler>
task<> serve(async_listener listener, Handler handler, serve_options options = {}) {
    detail::serving<Handler> all{std::move(listener), std::move(handler), options};
    co_await all;
}
/// The same with a listener of your own, for the loop that runs this.
template <connection_handler Handler>
task<> serve(tcp_listener listener, Handler handler, serve_options options = {}) {
    detail::serving<Handler> all{async_listener{std::move(listener)}, std::move(handler), options};
    co_await all;
}
/// The same where to listen: also throws what tcp_listener does. Answers do not wait for acknowledgments (option::no_delay).
template <connection_handler Handler>
task<> serve(endpoint where, Handler handler, serve_options options = {}) {
    tcp_listener listener{where};
    listener.set_option(option::no_delay{});
    detail::serving<Handler> all{async_listener{std::move(listener)}, std::move(handler), options};
    co_await all;
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_SERVE_HPP
