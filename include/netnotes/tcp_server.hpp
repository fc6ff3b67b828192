// netnotes/tcp_server.hpp: servers that block
// SPDX-License-Identifier: MIT      version 0.1.0      copy with: ip_text.hpp ip.hpp stop.hpp socket_address.hpp socket.hpp tcp.hpp
//
// On this page:  iterative_server
// The notes:     单进程服务器 (one at a time); example 15

#ifndef NETNOTES_TCP_SERVER_HPP
#define NETNOTES_TCP_SERVER_HPP

#if defined(NETNOTES_VERSION) && NETNOTES_VERSION != 100
#error "netnotes headers of two versions meet here: take all of them from one release"
#endif
#define NETNOTES_VERSION 100  // major * 10000 + minor * 100 + patch

#include <concepts>
#include <exception>
#include <utility>

#include "tcp.hpp"

namespace netnotes {

/// The notes' first server: one client at a time, the others wait in the queue, where they are already
/// connected and may already send. Right when a conversation is short; and one client who says nothing keeps
/// all the others waiting, so the handler should set a timeout on the stream.
///
/// The handler is called as handler(tcp_stream&, const endpoint& peer); the stream is closed when it returns.
/// A std::exception that it throws ends that conversation and no other. Members that the handler may have, too:
///
///     on_error(const endpoint& peer, const std::exception&)   it has thrown
///     on_accept_error(std::error_code)                        no descriptors or no memory for a new client
template <std::invocable<tcp_stream&, const endpoint&> Handler>
class iterative_server {
  public:
    iterative_server(tcp_listener listener, Handler handler)
        : listener_{std::move(listener)}, handler_{std::move(handler)} {}

    /// Serves until a stop is requested, which also ends the wait for a client that is just being served. Throws
    /// std::system_error when the listener does not listen.
    void run(const stop_event& stop);

  private:
    tcp_listener listener_;
    Handler handler_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

template <std::invocable<tcp_stream&, const endpoint&> Handler>
void iterative_server<Handler>::run(const stop_event& stop) {
    listener_.stop_with(stop);
    while (!stop.stop_requested()) {
        std::error_code error;
        tcp_listener::accepted client = listener_.accept(error);
        if (error == std::errc::operation_canceled) return;
        if (detail::is_not_listening(error)) detail::throw_error(error, "accept");
        if (error) {
            // Out of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM): it may pass. The client still
            // stands in the queue, so trying again at once would only keep the processor busy.
            if constexpr (requires { handler_.on_accept_error(error); }) handler_.on_accept_error(error);
            detail::wait_for(-1, 0, &stop, clock::now() + std::chrono::milliseconds{100}, error);
            continue;
        }
        try {
            handler_(client.stream, client.peer);
        } catch (const std::exception& failure) {
            if (stop.stop_requested()) return;  // most likely the reason, and none to complain of
            if constexpr (requires { handler_.on_error(client.peer, failure); })
                handler_.on_error(client.peer, failure);
        }
    }
}

}  // namespace netnotes

#endif  // NETNOTES_TCP_SERVER_HPP
