// netnotes/server/threaded.hpp: a thread for each client
// SPDX-License-Identifier: MIT
//
// accept, start a thread, and accept again. The threads share one memory.
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

struct threaded_options {
    std::size_t max_threads = 100;  ///< beyond, clients wait in the listener's queue
    wait_time idle_timeout = std::chrono::minutes{5};  ///< see conversation_options
    std::optional<wait_time> request_timeout{};        ///< see conversation_options
};

/// A thread for every client. They share the memory: what one thread writes another may read only under a lock, or in
/// an atomic. They also share the descriptors, so the stream is closed once, by the thread that serves it; to close
/// "the parent's copy", as after a fork, would end the conversation.
///
/// The handler is one object, called as by the iterative server, from many threads at once, and as const: by the
/// standard library's convention what is const is safe to call so. Let it change what it shares only under a lock.
/// What is thrown and no std::exception ends the program, as in every std::thread. Members that it may have, const:
///
///     on_error(const endpoint& peer, const std::exception&)   it has thrown; called by the client's thread
///     on_accept_error(std::error_code)                        no descriptors or memory for a new client, or no
///                                                             thread: EAGAIN. Then he is sent away. Called by run()
template <detail::handler_for_many Handler>
class threaded_server {
    static_assert(detail::hears_errors<Handler> == detail::hears_errors<const Handler> &&
                      detail::hears_accept_errors<Handler> == detail::hears_accept_errors<const Handler>,
                  "what the handler of a threaded server is told, it is told as const");

  public:
    /// Throws std::invalid_argument when no thread is allowed, or for a time limit that is not above zero.
    threaded_server(tcp_listener listener, Handler handler, threaded_options options = {})
        : listener_{std::move(listener)},
          handler_{std::move(handler)},
          options_{options},
          patience_{options.idle_timeout, options.request_timeout} {
        if (options_.max_threads == 0) throw std::invalid_argument{"a threaded server without threads"};
    }
    threaded_server(const threaded_server&) = delete;
    threaded_server& operator=(const threaded_server&) = delete;

    /// Serves until a stop is requested. The streams are stopped by it, too; then the threads are joined. A handler that
    /// waits on its stream returns at once. For one that does not look at its stream run() waits: nothing ends a thread
    /// from outside. Throws std::system_error when the listener does not listen or there is nothing to wait with,
    /// having waited for the clients that are being served. Once.
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
    socket bell_;  ///< an eventfd: rung by each thread as its last act
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
            }  // closed, before anybody hears of our end
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
    std::uint64_t rings = 0;  // first, so that who ends from now on rings again
    [[maybe_unused]] const auto got = ::read(bell_.native_handle(), &rings, sizeof rings);
    workers_.remove_if([](worker& one) {
        if (!one.done.load(std::memory_order_acquire)) return false;
        one.thread.join();
        return true;
    });
}

}  // namespace netnotes

#endif  // NETNOTES_SERVER_THREADED_HPP
