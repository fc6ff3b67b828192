// netnotes/server/threaded.hpp: a thread for each client
// SPDX-License-Identifier: MIT
//
// The server accepts a client, starts a thread that serves it, and accepts the next client. The threads share one
// memory.
//
// On this page:  threaded_options · threaded_server
// The notes:     多线程服务器 (threads); example 17

#ifndef NETNOTES_SERVER_THREADED_HPP
#define NETNOTES_SERVER_THREADED_HPP

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "blocking.hpp"

namespace netnotes {

/// The limits of a threaded_server.
struct threaded_options {
    std::size_t max_threads = 100;  ///< clients beyond this number wait in the listener's queue. Above zero
    wait_time idle_timeout = std::chrono::minutes{5};  ///< see conversation_options
    std::optional<wait_time> request_timeout{};        ///< see conversation_options
};

/// Serves each client in its own thread. The threads share the memory: data that one thread writes and another reads
/// needs a lock or an atomic. They also share the descriptors, so only the thread that serves a stream closes it.
/// Closing "the parent's copy", as after a fork, would end the conversation.
///
/// The handler is a single object, called as by the iterative server, but from many threads at once. It is called as
/// const, because by the standard library's convention const calls may run at the same time. A handler must lock what
/// it changes. Whatever the handler throws ends that conversation only. The handler may also have these const members,
/// which must not throw:
///
///     on_error(const endpoint& peer, const std::exception&)   the handler has thrown: see server/blocking.hpp; called
///                                                             by the client's thread
///     on_accept_error(std::error_code)                        no descriptor or memory for a new client, or no thread
///                                                             (EAGAIN), and then the client is disconnected; called
///                                                             by run()
template <detail::handler_for_many Handler>
class threaded_server {
    static_assert(detail::hears_errors<Handler> == detail::hears_errors<const Handler> &&
                      detail::hears_accept_errors<Handler> == detail::hears_accept_errors<const Handler>,
                  "on_error and on_accept_error of a threaded server's handler must be const");

  public:
    /// Takes over the listener and the handler. Throws std::invalid_argument if max_threads is zero or a time limit is
    /// not above zero.
    threaded_server(tcp_listener listener, Handler handler, threaded_options options = {})
        : listener_{std::move(listener)},
          handler_{std::move(handler)},
          options_{options},
          patience_{options.idle_timeout, options.request_timeout} {
        if (options_.max_threads == 0) throw std::invalid_argument{"a threaded server needs max_threads above zero"};
    }
    threaded_server(const threaded_server&) = delete;
    threaded_server& operator=(const threaded_server&) = delete;

    /// Serves until a stop is requested, then joins the threads. Call run() once. The stop also ends every call that
    /// waits on a client's stream, with errc::operation_canceled. But no thread can be ended from outside, so run()
    /// waits for a handler that does not use its stream. Throws std::system_error if the listener does not listen, or
    /// if no descriptor or memory is left to wait with. It throws only after it has joined all threads.
    void run(const stop_event& stop);

  private:
    struct worker {
        std::thread thread;
        std::atomic<bool> done{false};
    };
    std::error_code start(tcp_listener::accepted client, const stop_event& stop);
    void join_the_done();

    tcp_listener listener_;
    const Handler handler_;
    threaded_options options_;
    detail::patience patience_;
    socket bell_;  ///< an eventfd: each thread writes to it at its end, so run() wakes and joins it
    std::list<worker> workers_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

template <detail::handler_for_many Handler>
void threaded_server<Handler>::run(const stop_event& stop) {
    detail::reception door{listener_, stop};
    bell_ = socket{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!bell_.is_open()) detail::throw_error(detail::last_error(), "eventfd");
    door.watch(bell_.native_handle(), 0);
    const auto wait = [&](time_point pause) {
        for (;;) {
            const time_point now = clock::now();
            const auto who = door.wait(workers_.size() < options_.max_threads && now >= pause,
                                       now < pause ? pause : time_point::max(), [&](auto) { join_the_done(); });
            if (who != detail::reception::visit::other) return who == detail::reception::visit::client;
        }
    };
    const auto join_all = [&] {
        for (worker& one : workers_) one.thread.join();
        workers_.clear();
    };
    try {
        detail::accept_clients(listener_, handler_, wait,
                               [&](tcp_listener::accepted client) { return start(std::move(client), stop); });
    } catch (...) {
        join_all();
        throw;
    }
    join_all();
}

template <detail::handler_for_many Handler>
std::error_code threaded_server<Handler>::start(tcp_listener::accepted client, const stop_event& stop) {
    std::list<worker> fresh;
    try {
        worker& self = fresh.emplace_back();
        self.thread = std::thread{[this, &stop, &self, client = std::move(client)]() mutable {
            {
                tcp_stream stream = std::move(client.stream);
                detail::converse(handler_, stream, client.peer, stop, patience_);
            }  // the stream is closed before `done` is set
            self.done.store(true, std::memory_order_release);
            const std::uint64_t one = 1;
            [[maybe_unused]] const auto written = ::write(bell_.native_handle(), &one, sizeof one);
        }};
    } catch (const std::system_error& failure) {  // EAGAIN: the system has enough threads. The stream is closed
        return failure.code();
    } catch (const std::bad_alloc&) {
        return std::make_error_code(std::errc::not_enough_memory);
    }
    workers_.splice(workers_.end(), fresh);
    return {};
}

template <detail::handler_for_many Handler>
void threaded_server<Handler>::join_the_done() {
    std::uint64_t rings = 0;  // read the bell first, so that a thread that ends from now on rings it again
    [[maybe_unused]] const auto got = ::read(bell_.native_handle(), &rings, sizeof rings);
    workers_.remove_if([](worker& one) {
        if (!one.done.load(std::memory_order_acquire)) return false;
        one.thread.join();
        return true;
    });
}

}  // namespace netnotes

#endif  // NETNOTES_SERVER_THREADED_HPP
