// netnotes/server/iterative.hpp: one client at a time
// SPDX-License-Identifier: MIT
//
// accept, serve, close, and again. The other clients wait in the kernel's queue meanwhile.
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

/// The notes' first server: one client at a time, the others wait in the queue, where they are already
/// connected and may already send. Right when a conversation is short. A client that says nothing keeps all the others
/// waiting for idle_timeout, which should therefore be short.
///
/// The handler is called as handler(tcp_stream&, const endpoint& peer); the stream is closed when it returns.
/// A std::exception that it throws ends that conversation and no other. Members that the handler may have, too:
///
///     on_error(const endpoint& peer, const std::exception&)   it has thrown
///     on_accept_error(std::error_code)                        no descriptors or no memory for a new client
template <std::invocable<tcp_stream&, const endpoint&> Handler>
class iterative_server {
  public:
    /// Throws std::invalid_argument for a time limit that is not above zero.
    iterative_server(tcp_listener listener, Handler handler, const conversation_options& options = {})
        : listener_{std::move(listener)},
          handler_{std::move(handler)},
          patience_{options.idle_timeout, options.request_timeout} {}

    /// Serves until a stop is requested, which also ends the wait for a client that is just being served. Throws
    /// std::system_error when the listener does not listen. Once.
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
    listener_.set_blocking(true);  // whatever limit it may have had, and those that it accepts
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
