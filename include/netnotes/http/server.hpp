// netnotes/http/server.hpp: a web server is a function from a request to a response
// SPDX-License-Identifier: MIT
//
//     task<http::response> hello(http::request& ask) {
//         if (ask.path() != "/") co_return http::not_found(ask);
//         co_return http::response{200, "Hello, " + ask.query("name").value_or("world") + "\n"};
//     }
//     int main() {
//         stop_event stop;
//         stop_on_signals signals{stop};
//         event_loop loop;
//         loop.run(http::serve({ipv6_address::any(), 8000}, hello), stop);      // curl 'localhost:8000/?name=Li'
//     }
//
//        accept ──> connection ──> head, body ──> hello(ask) ──> answer ──┐
//                       ^                                                 │ keep-alive: the next request may follow
//                       └─────────────────────────────────────────────────┘
//
// Everything else is the server's: it reads heads strictly, bounds every size and every wait, answers HEAD, keeps
// connections alive, survives handlers that throw and clients that reset, and stops in order. The pages below say how.
//
//     co_return http::response{200, "<p>hi", "text/html; charset=utf-8"};       a text
//     co_return site.answer(ask);                                               a file: http/file.hpp
//     co_return http::response{200, http::pieces(rows()), "text/csv"};          pieces of a generator: http/answer.hpp
//
//     co_return http::accept_websocket(ask, chat);                              a WebSocket: http/websocket_peer.hpp
//
//     const std::string body = co_await ask.text();                             the whole body of a POST, at most 1 MiB
//     for (;;) { auto bytes = co_await ask.recv(); if (bytes.empty()) break; }   or piece by piece
//
// A handler that does not wait may return http::response instead of a task. All handlers run in the loop's thread, one
// step at a time. So they need no lock, and a handler that computes for a second makes every client wait for a second.
//
// The port is 8000 here and not 6666, the port of the other lessons, because browsers refuse 6666 (`ERR_UNSAFE_PORT`).
//
// There is no TLS. For https:// put nginx in front, which then speaks HTTP to this server:
//
//     server { listen 443 ssl;  ssl_certificate ...;  ssl_certificate_key ...;
//              location / { proxy_pass http://127.0.0.1:8000;  proxy_http_version 1.1;
//                           proxy_set_header Host $host; } }
//
// Your own stream can stand below the server, too: `http::serve<encrypted>(...)` makes it from each async_stream. See
// coro/byte_stream.hpp.
//
// On this page:  serve, converse
// Below it:      http/server_options.hpp, http/exchange.hpp (one connection), http/answer.hpp, http/file.hpp,
//                http/websocket_peer.hpp, coro/serve.hpp
// Beside it:     http/client.hpp
// The notes:     TCP长/短连接的应用场景 (long and short connections), Python Internet 模块; examples 39 and 42

#ifndef NETNOTES_HTTP_SERVER_HPP
#define NETNOTES_HTTP_SERVER_HPP

#include <utility>

#include "../coro/serve.hpp"
#include "exchange.hpp"
#include "websocket_peer.hpp"

namespace netnotes::http {

/// Serves the requests of one connection until it ends. For tests, and for connections that do not come from a
/// listener. Throws std::system_error if the connection fails in the middle of an answer, and netnotes::cancelled if
/// the task is cancelled. A limit that must be above zero and is not is std::invalid_argument.
template <async_byte_stream Stream, request_handler Handler>
task<> converse(Stream stream, Handler handler, server_options options = {}) {
    detail::server_state state{options};
    state.stops_with(co_await detail::own_chain{});
    co_await detail::converse(std::move(stream), state, handler);
}

namespace detail {

inline async_listener listener_of(async_listener&& made) { return std::move(made); }
inline async_listener listener_of(tcp_listener&& made) { return async_listener{std::move(made)}; }
inline async_listener listener_of(const endpoint& where) {
    tcp_listener made{where};
    made.set_option(option::no_delay{});
    return async_listener{std::move(made)};
}

// `From` is what listener_of() takes. The listener is made in the task, because it belongs to the loop that runs it.
template <class Stream, class From, class Handler>
task<> serve_from(From from, Handler handler, server_options options) {
    async_listener listener = listener_of(std::move(from));
    server_state state{options};
    state.stops_with(co_await own_chain{});
    const auto talk = [&state, &handler](async_stream connection) {
        return detail::converse<Stream, Handler>(Stream{std::move(connection)}, state, handler);
    };
    netnotes::serve_options limits;
    limits.max_connections = options.max_connections;
    limits.max_per_client = options.max_per_client;
    limits.descriptors_per_connection = options.descriptors_per_connection;
    limits.idle_timeout = options.idle_timeout;
    limits.request_timeout = never;  // each wait has its own limit here
    limits.stop_grace = options.stop_grace;
    limits.on_error = options.on_error;
    co_await netnotes::serve(std::move(listener), talk, limits);
}

}  // namespace detail

/// Accepts connections and answers their requests until it is cancelled, for example by the stop of event_loop::run().
/// Then it closes the listener and the idle connections. A handler that is running may end within stop_grace, and its
/// answer says `Connection: close`. At last it throws netnotes::cancelled.
///
/// Throws std::system_error if the listener fails, and std::invalid_argument if a limit that must be above zero is not.
/// All connections share one handler object.
template <async_byte_stream Stream = async_stream, request_handler Handler>
task<> serve(async_listener listener, Handler handler, server_options options = {}) {
    return detail::serve_from<Stream>(std::move(listener), std::move(handler), options);
}
/// Serves connections of a tcp_listener that you have made. It uses the loop that runs this task.
template <async_byte_stream Stream = async_stream, request_handler Handler>
task<> serve(tcp_listener listener, Handler handler, server_options options = {}) {
    return detail::serve_from<Stream>(std::move(listener), std::move(handler), options);
}
/// Listens at `where` and serves the connections. Small answers are sent at once (option::no_delay). Also throws the
/// errors of tcp_listener's constructor, for example errc::address_in_use.
template <async_byte_stream Stream = async_stream, request_handler Handler>
task<> serve(endpoint where, Handler handler, server_options options = {}) {
    return detail::serve_from<Stream>(where, std::move(handler), options);
}

/// A mistake: the message says what to write.
template <async_byte_stream Stream = async_stream, class Handler>
requires(!request_handler<Handler>) task<> serve(endpoint, Handler, server_options = {}) {
    static_assert(request_handler<Handler>,
                  "the handler must take an http::request& and return an http::response, or a task of it: write "
                  "[](http::request& ask) { return http::response{200, \"hello\"}; }");
    return {};
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_SERVER_HPP
