// netnotes/server/iterative.hpp: one client at a time
// SPDX-License-Identifier: MIT
//
// The server accepts a client, serves it, closes its connection, and accepts the next client. Meanwhile the other
// clients wait in the kernel's queue.
//
// On this page:  iterative_server
// The notes:     单进程 TCP服务器 (a server of one process); example 15

#ifndef NETNOTES_SERVER_ITERATIVE_HPP
#define NETNOTES_SERVER_ITERATIVE_HPP

#include <sys/socket.h>

#include <chrono>
#include <concepts>
#include <system_error>
#include <utility>

#include "blocking.hpp"

namespace netnotes {

/// Serves one client at a time: the notes' first server. It fits short conversations. Other clients wait in the queue,
/// where they are already connected and may already send. A silent client makes them wait for idle_timeout, so keep
/// idle_timeout short.
///
/// The server calls handler(tcp_stream&, const endpoint& peer) and closes the stream when the handler returns. Whatever
/// the handler throws ends that conversation only. The handler may also have these members, which must not throw:
///
///     on_error(const endpoint& peer, const std::exception&)   the handler has thrown: see server/blocking.hpp
///     on_accept_error(std::error_code)                        no descriptor or memory for a new client
template <std::invocable<tcp_stream&, const endpoint&> Handler>
class iterative_server {
  public:
    /// Takes over the listener and the handler. Throws std::invalid_argument if a time limit is not above zero.
    iterative_server(tcp_listener listener, Handler handler, const conversation_options& options = {})
        : listener_{std::move(listener)},
          handler_{std::move(handler)},
          patience_{options.idle_timeout, options.request_timeout} {}

    /// Serves until a stop is requested; the stop also ends the current client's wait. Call run() once. Throws
    /// std::system_error if the listener does not listen.
    void run(const stop_event& stop);

  private:
    tcp_listener listener_;
    Handler handler_;
    detail::patience patience_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================


template <std::invocable<tcp_stream&, const endpoint&> Handler>
void iterative_server<Handler>::run(const stop_event& stop) {
    listener_.set_blocking(true);  // removes any time limit, also for the streams that it accepts
    listener_.stop_with(stop);
    detail::accept_clients(
        listener_, handler_,
        [&](time_point pause) {
            std::error_code error;
            if (pause != time_point::min()) detail::wait_for(-1, 0, &stop, pause, error);
            return !stop.stop_requested();
        },
        [&](tcp_listener::accepted client) {
            detail::converse(handler_, client.stream, client.peer, stop, patience_);
            return std::error_code{};
        });
}

}  // namespace netnotes

#endif  // NETNOTES_SERVER_ITERATIVE_HPP
