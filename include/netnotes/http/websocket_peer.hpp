// netnotes/http/websocket_peer.hpp: a handler that talks with a browser, message by message
// SPDX-License-Identifier: MIT
//
//     task<> echo(http::websocket& peer) {
//         for (;;) {
//             const auto message = co_await peer.recv();
//             if (!message) co_return;                                    the conversation has ended
//             co_await peer.send(message->data);
//         }
//     }
//     http::response answer(http::request& ask) {
//         if (ask.path() == "/echo") return http::accept_websocket(ask, echo);
//         return http::not_found(ask);
//     }
//
// In the page: `socket = new WebSocket("ws://localhost:8000/echo")`, then socket.send() and socket.onmessage.
//
//        answer(ask) ──> 101 ──> echo(peer) ──┬── recv() <── reader <── frames       pings are answered,
//                                             └── send() ──> queue ──> frames        and pieces are joined
//
//   the peer closes, leaves, or breaks     recv() returns nullopt. why() and reason() tell the cause. send() throws
//     a rule, or the server stops            errc::broken_pipe, and post() returns false
//   the handler returns                    the peer is told 1000, or 1001 if the server stops, and its answer is awaited
//   the handler throws                     the peer is told 1011, and on_error gets the exception
//   a message is too large, not UTF-8      the peer is told 1009, 1007, 1002 (see http/websocket.hpp)
//     or not allowed
//   the peer is silent                     it gets a ping after ping_after, and is given up after as much again
//   a message comes too slowly             the peer is told 1008 after message_timeout
//   the peer does not read                 send() waits while max_queued bytes wait; post() returns false. The connection
//                                            is reset after send_timeout
//
// Pings and the peer's close are heard by recv(). So a handler that only sends should call recv() in a second task.
//
// A browser lets any page open a WebSocket to any server, and sends the cookies of that server along. So a page of an
// attacker could talk to your server in the name of your user. The browser tells the origin of the page, and
// accept_websocket() answers a foreign one with 403. A program that is no browser sends no Origin, and has no cookies
// of others; it is accepted.
//
// A message for many peers must not wait for the slowest. post() puts it into the queue of a peer and never waits:
//
//     for (http::websocket* each : room)
//         if (!each->post(text)) each->close(http::websocket_close::policy, "too slow");
//
// On this page:  websocket_options, same_origin · websocket · websocket_handler, accept_websocket
// Below it:      http/websocket.hpp (frames), http/upgrade.hpp
// Above it:      http/server.hpp; example 51, a chat room in a browser
// Sources:       RFC 6455, §10.2 (Origin), §5.5 (control frames), §7 (closing)

#ifndef NETNOTES_HTTP_WEBSOCKET_PEER_HPP
#define NETNOTES_HTTP_WEBSOCKET_PEER_HPP

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../coro/loop.hpp"
#include "../coro/sync.hpp"
#include "../coro/task.hpp"
#include "../coro/timeout.hpp"
#include "../coro/when.hpp"
#include "message.hpp"
#include "upgrade.hpp"
#include "websocket.hpp"

namespace netnotes::http {

/// Returns true if `origin` is "http://" or "https://" and the host that the request names. (Behind a proxy that speaks
/// TLS the server does not see the scheme.) The proxy must hand on the field Host.
[[nodiscard]] bool same_origin(const request& ask, std::string_view origin);

/// The limits of a WebSocket. No member has a destructor, so the struct may be a temporary in a co_await expression;
/// g++ 12 destroys other temporaries twice there.
struct websocket_options {
    std::size_t max_message = 1 << 20;  ///< bytes of a message that the peer sends, all its fragments together
    std::size_t max_queued = 1 << 20;   ///< bytes that may wait to be sent; a single larger message may, too
    wait_time ping_after = std::chrono::seconds{30};  ///< without a byte of the peer. Above zero
    /// For a whole message, from its first byte: this time, and a second more for each 16 KiB, up to max_message. Only
    /// the waits for the peer count. Above zero.
    wait_time message_timeout = std::chrono::seconds{10};
    wait_time send_timeout = std::chrono::seconds{30};   ///< while the kernel takes no byte. Above zero
    wait_time close_timeout = std::chrono::seconds{5};   ///< for the peer's answer to our close. Above zero
    /// Is called if the request has a field Origin: a browser sends it, and a page cannot choose it. With false the
    /// answer is 403. For pages of other sites compare `origin` with a list, for example with "https://shop.example".
    bool (*allows_origin)(const request& ask, std::string_view origin) = same_origin;
};
static_assert(std::is_trivially_destructible_v<websocket_options>);

namespace detail {
template <class Handler>
class websocket_upgrade;
}

/// A WebSocket of the server: the peer is a browser. A handler gets it by reference, and it ends with the handler. All
/// calls belong in tasks of the server's loop. One task receives; any task may send, post or close.
class websocket {
  public:
    websocket(const websocket&) = delete;
    websocket& operator=(const websocket&) = delete;

    /// Waits for the next message: text, which is UTF-8, or binary. Its pieces are joined. Returns nullopt when the
    /// conversation has ended, also by a failure of the connection: see why(). Throws netnotes::cancelled.
    [[nodiscard]] task<std::optional<websocket_message>> recv();
    /// Queues a message, and waits before that while max_queued bytes wait already. `data` must stay valid until then.
    /// Throws std::system_error with errc::broken_pipe if the conversation has ended, and std::invalid_argument for a
    /// text that is not UTF-8 or a kind that is neither text nor binary.
    [[nodiscard]] task<> send(std::string_view data, websocket_opcode what = websocket_opcode::text);
    /// Queues a message and does not wait. Returns false if the conversation has ended or max_queued bytes wait; then
    /// the message is dropped. Throws std::invalid_argument like send().
    [[nodiscard]] bool post(std::string_view data, websocket_opcode what = websocket_opcode::text);
    /// Tells the peer that the conversation ends, behind the queued messages. Does not wait. recv() then waits for the
    /// peer's answer, drops its messages, and returns nullopt. The first call counts. `why` is a code that may be sent
    /// (1000 to 1003, 1007 to 1014, 3000 to 4999), and `reason` is UTF-8, else std::invalid_argument. At most 123 bytes
    /// of `reason` are sent.
    void close(websocket_close why = websocket_close::normal, std::string_view reason = {});

    /// Returns false when one side has said that it closes, and when the connection has failed.
    [[nodiscard]] bool is_open() const noexcept { return is_open_; }
    /// Returns why the conversation has ended: the code of the side that closed first, or websocket_close::lost if the
    /// connection failed. Before the end it returns no_status.
    [[nodiscard]] websocket_close why() const noexcept { return why_; }
    /// Returns the reason in words, or "" if there are no words for it. They may come from the peer.
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
    /// Returns the number of bytes that wait to be sent.
    [[nodiscard]] std::size_t queued() const noexcept { return out_.size() + in_flight_; }

  private:
    template <class Handler>
    friend class detail::websocket_upgrade;
    websocket(upgraded_connection& connection, const websocket_options& options)
        : connection_{connection},
          options_{options},
          reader_{websocket_reader::role::server, options.max_message} {}

    [[nodiscard]] bool has_room(std::size_t size) const noexcept {
        return queued() == 0 || (queued() < options_.max_queued && size <= options_.max_queued - queued());
    }
    [[nodiscard]] bool hears() const noexcept { return !is_deaf_ && !reader_.is_closed() && !reader_.is_refused(); }
    /// Appends a frame to the queue: the whole frame, or nothing if the memory does not suffice.
    template <class Write>
    void append(Write write) {
        const std::size_t before = out_.size();
        try {
            write(out_);
        } catch (...) {
            out_.resize(before);
            throw;
        }
        has_work_.set();
    }
    static void check(std::string_view data, websocket_opcode what);
    void control(websocket_message& heard);
    void answer_close(websocket_close why, std::string_view reason);
    void ends_with(websocket_close why, std::string_view reason);
    void lose(std::string_view reason) noexcept;
    void bid_farewell() noexcept;
    task<> receive_more();
    task<> send_all();

    upgraded_connection& connection_;
    websocket_options options_;
    websocket_reader reader_;
    std::string out_;                  // frames that are not sent yet
    std::optional<std::string> pong_;  // the answer to the last ping (RFC 6455 §5.5.3), so pings cannot fill the queue
    std::size_t in_flight_ = 0;        // bytes that send_all() is sending
    async_event has_work_, has_room_;
    std::string reason_;
    websocket_close why_ = websocket_close::no_status;
    duration message_waited_{};  // for the message that has begun
    duration silence_waited_{};  // since the last byte of the peer, since the ping, or since the close
    netnotes::time_point closed_at_ = netnotes::time_point::min();  // here or there
    std::uint64_t message_received_ = 0;
    bool is_open_ = true, is_deaf_ = false, is_lost_ = false;
    bool is_pinged_ = false;        // and has not said anything since
    bool is_close_queued_ = false;  // no frame may follow it
    bool is_over_ = false;          // nothing more will be queued
};

/// A function of a websocket that returns a task<>. It lives as long as its task, so it may be a lambda with captures.
template <class Handler>
concept websocket_handler = std::is_invocable_r_v<task<>, Handler&, websocket&>;

/// Returns the response 101 if the request asks for a WebSocket: see is_websocket(). After it `handler(peer)` runs
/// until the conversation ends. Otherwise returns a response that says what is wrong: 426 if fields of RFC 6455 §4.2.1
/// are missing, 400 if there is a body, 403 if the origin is not allowed. Throws std::invalid_argument if a limit is
/// not above zero.
///
/// The request ends before the handler begins: capture what the handler needs of it.
template <websocket_handler Handler>
[[nodiscard]] response accept_websocket(const request& ask, Handler handler, websocket_options options = {});

// ========================================================================================================
// How it is done
// ========================================================================================================

inline bool same_origin(const request& ask, std::string_view origin) {
    for (const std::string_view scheme : {"http://", "https://"})
        if (origin.size() > scheme.size() && same_name(origin.substr(0, scheme.size()), scheme))
            return same_name(origin.substr(scheme.size()), ask.host());
    return false;
}

inline void websocket::check(std::string_view data, websocket_opcode what) {
    if (what != websocket_opcode::text && what != websocket_opcode::binary)
        throw std::invalid_argument{"a message of WebSocket is text or binary"};
    if (what == websocket_opcode::text && !detail::is_utf8(data))
        throw std::invalid_argument{"a text of WebSocket is UTF-8, not " + netnotes::quoted(data.substr(0, 100))};
}
inline task<> websocket::send(std::string_view data, websocket_opcode what) {
    check(data, what);
    while (is_open_ && !has_room(data.size())) {
        has_room_.reset();
        co_await has_room_.wait();
    }
    if (!is_open_)
        throw std::system_error{std::make_error_code(std::errc::broken_pipe), "send to a WebSocket that has ended"};
    append([&](std::string& to) { write_frame(to, what, data); });
}
inline bool websocket::post(std::string_view data, websocket_opcode what) {
    check(data, what);
    if (!is_open_ || !has_room(data.size())) return false;
    append([&](std::string& to) { write_frame(to, what, data); });
    return true;
}
inline void websocket::close(websocket_close why, std::string_view reason) {
    if (!detail::is_close_code(static_cast<unsigned>(why)))
        throw std::invalid_argument{"a WebSocket cannot close with code " + std::to_string(static_cast<unsigned>(why))};
    if (!detail::is_utf8(reason))
        throw std::invalid_argument{"the reason of a close is UTF-8, not " + netnotes::quoted(reason.substr(0, 100))};
    if (!is_open_) return;
    answer_close(why, reason);
    ends_with(why, reason);
}
inline void websocket::answer_close(websocket_close why, std::string_view reason) {
    if (pong_) append([this](std::string& to) { write_frame(to, websocket_opcode::pong, *pong_); });
    pong_.reset();
    append([&](std::string& to) { write_close(to, why, reason); });
    is_close_queued_ = true;
}
inline void websocket::ends_with(websocket_close why, std::string_view reason) {
    is_open_ = false;
    why_ = why;
    reason_ = reason;
    silence_waited_ = duration::zero();  // close_timeout begins
    closed_at_ = event_loop::current().now();
    has_room_.set();  // for tasks in send(), which throw now
}
/// The connection has failed, or the peer is given up.
inline void websocket::lose(std::string_view reason) noexcept {
    is_deaf_ = is_lost_ = true;
    if (is_open_) {
        is_open_ = false;
        why_ = websocket_close::lost;
        try {
            reason_ = reason;
        } catch (const std::bad_alloc&) {  // then there are no words for it
        }
    }
    has_room_.set();
    has_work_.set();
}
/// Tells the peer that the server stops, in a task that was cancelled and cannot wait any more.
inline void websocket::bid_farewell() noexcept {
    if (is_close_queued_ || is_lost_ || queued() > 0) return;
    try {
        std::string frame;
        write_close(frame, websocket_close::going_away);
        static_cast<void>(connection_.send_at_once(frame));
    } catch (const std::bad_alloc&) {  // then the reset tells it
    }
}

inline task<std::optional<websocket_message>> websocket::recv() {
    co_await netnotes::detail::stepping{};  // a cancelled task takes no message out of the buffer
    for (;;) {
        while (hears()) {
            std::optional<websocket_message> heard = reader_.next();
            if (!heard) break;
            if (heard->what != websocket_opcode::text && heard->what != websocket_opcode::binary) {
                control(*heard);
                continue;
            }
            message_waited_ = duration::zero();
            message_received_ = 0;
            if (is_open_) co_return std::move(heard);
        }
        if (reader_.is_refused()) close(reader_.why(), reader_.reason());
        if (!hears()) co_return std::nullopt;
        co_await receive_more();
    }
}
inline void websocket::control(websocket_message& heard) {
    if (heard.what == websocket_opcode::ping && !is_close_queued_) {
        pong_ = std::move(heard.data);
        has_work_.set();
    } else if (heard.what == websocket_opcode::close && is_open_) {
        answer_close(heard.why, {});  // the same code (RFC 6455 §5.5.1)
        ends_with(heard.why, heard.data);
    }
}
/// Waits for bytes. It sends a ping if there are none for ping_after, and gives the peer up if there are none again.
inline task<> websocket::receive_more() {
    const bool is_in_message = reader_.has_begun();
    // Only waits count: while the handler does other things, bytes may have come. A wait that was cancelled counts, too,
    // or with_timeout() in a loop would wait for a silent peer for ever.
    const duration silence = std::min<duration>(options_.ping_after, is_open_ ? never : options_.close_timeout);
    duration limit = std::max<duration>(silence - silence_waited_, duration::zero());
    bool is_message_limit = false;
    if (is_in_message) {
        // Empty fragments and pings are bytes, too, so they must not earn time for ever.
        const auto counted = std::min<std::uint64_t>(message_received_, options_.max_message);
        const duration earned = std::chrono::seconds{counted / (16 * 1024)};
        const duration rest = options_.message_timeout - message_waited_;  // `never` must not overflow
        const duration left = std::min(rest, never - earned) + earned;
        is_message_limit = left < limit;
        limit = std::min(limit, left);
    }
    const auto begin = event_loop::current().now();
    const auto count_wait = [&] {
        const auto now = event_loop::current().now();
        silence_waited_ += now - std::max(begin, closed_at_);
        if (is_in_message) message_waited_ += now - begin;
    };
    bool is_late = is_message_limit && limit <= duration::zero();
    std::string failure;
    if (!is_late) {
        try {
            const std::string_view bytes = co_await connection_.receive(limit);
            reader_.receive(bytes);
            message_received_ += bytes.size();
            count_wait();
            is_pinged_ = false;
            silence_waited_ = duration::zero();
            if (bytes.empty()) {
                if (connection_.is_stopping()) close(websocket_close::going_away);
                if (is_open_) ends_with(websocket_close::lost, "the peer has left without a close");
                is_deaf_ = true;
            }
        } catch (const netnotes::cancelled&) {
            count_wait();
            throw;
        } catch (const std::system_error& error) {
            count_wait();
            if (error.code() == std::errc::timed_out)
                is_late = true;
            else
                failure = error.what();
        }
    }
    if (!failure.empty()) {
        lose(failure);
    } else if (is_late && is_message_limit) {
        close(websocket_close::policy, "the message did not arrive in time");
        is_deaf_ = true;
    } else if (is_late && !is_open_) {
        // A wait that began before the close may end soon after it: the next wait has the whole close_timeout.
        if (silence_waited_ >= std::min<duration>(options_.ping_after, options_.close_timeout)) lose("the peer is silent");
    } else if (is_late && std::exchange(is_pinged_, true)) {
        lose("the peer is silent");
    } else if (is_late) {
        silence_waited_ = duration::zero();
        append([](std::string& to) { write_frame(to, websocket_opcode::ping, {}); });
    }
}
/// Sends what is queued until the conversation is over. If the connection fails, or the peer does not answer a close in
/// time, ends the connection, so that receive_more() ends, too.
inline task<> websocket::send_all() {
    std::string failure;
    try {
        std::optional<netnotes::time_point> deadline;  // of the peer's close
        for (;;) {
            if (pong_) append([this](std::string& to) { write_frame(to, websocket_opcode::pong, *pong_); });
            pong_.reset();
            if (!out_.empty() && !is_lost_) {
                const std::string batch = std::exchange(out_, {});
                in_flight_ = batch.size();
                co_await connection_.send(batch, options_.send_timeout);
                in_flight_ = 0;
                has_room_.set();
                continue;
            }
            if (is_over_ || is_lost_) break;
            has_work_.reset();
            if (!is_close_queued_ || !hears()) {
                co_await has_work_.wait();
                continue;
            }
            const auto now = event_loop::current().now();
            if (!deadline) deadline = netnotes::detail::later(now, options_.close_timeout);
            if (*deadline <= now) throw std::system_error{std::make_error_code(std::errc::timed_out)};
            co_await with_timeout(*deadline - now, has_work_.wait());
        }
    } catch (const std::exception& error) {
        failure = error.what();
    }
    in_flight_ = 0;
    if (!failure.empty()) lose(failure);
    if (is_lost_) connection_.abort();
}

namespace detail {

template <class Handler>
class websocket_upgrade final : public upgrade {
  public:
    websocket_upgrade(Handler&& handler, const websocket_options& options)
        : handler_{std::move(handler)}, options_{options} {}
    task<> converse(upgraded_connection& connection) override {
        websocket peer{connection, options_};
        co_await when_all(talk(peer, connection), peer.send_all());
    }

  private:
    task<> talk(websocket& peer, upgraded_connection& connection) {
        const char* failure = nullptr;
        bool has_failed = false;
        try {
            co_await handler_(peer);
        } catch (const netnotes::cancelled&) {
            peer.bid_farewell();
            throw;
        } catch (const std::system_error& error) {
            // A handler need not catch what send() throws when the peer has left.
            has_failed = peer.is_open() || error.code() != std::errc::broken_pipe;
            if (has_failed) connection.report(error);
        } catch (const std::exception& error) {
            has_failed = true;
            connection.report(error);
        } catch (...) {
            failure = "the handler threw an object that is not a std::exception";
        }
        if (failure) connection.report(std::runtime_error{failure});
        peer.close(has_failed || failure ? websocket_close::internal_error
                   : connection.is_stopping() ? websocket_close::going_away
                                              : websocket_close::normal);
        const auto none = co_await peer.recv();  // waits for the peer's close
        static_cast<void>(none);
        peer.is_over_ = true;
        peer.has_work_.set();
    }

    Handler handler_;
    websocket_options options_;
};

/// Returns what is wrong with a request for a WebSocket, or nullopt.
inline std::optional<response> refuse_websocket(const request& ask, const websocket_options& options) {
    if (options.ping_after <= duration::zero() || options.message_timeout <= duration::zero() ||
        options.send_timeout <= duration::zero() || options.close_timeout <= duration::zero())
        throw std::invalid_argument{"http::websocket_options: the timeouts must be above zero"};
    if (!is_websocket(ask)) {
        response refused{status::upgrade_required, "426: this address speaks WebSocket, version 13 (RFC 6455 §4.2.1)\n"};
        refused.fields.set("Upgrade", "websocket");
        refused.fields.set("Sec-WebSocket-Version", "13");
        return refused;
    }
    if (ask.source() || !ask.body().empty())
        return response{status::bad_request, "400: a request for a WebSocket has no body\n"};
    const std::size_t origins = ask.fields().count("Origin");
    const std::string_view origin = ask.field("Origin").value_or("");
    if (origins > 1 || (origins == 1 && !options.allows_origin(ask, origin)))
        return response{status::forbidden, "403: a page of " + netnotes::quoted(origin.substr(0, 200)) +
                                               " may not talk to this server (RFC 6455 §10.2)\n"};
    return std::nullopt;
}

}  // namespace detail

template <websocket_handler Handler>
response accept_websocket(const request& ask, Handler handler, websocket_options options) {
    std::optional<response> refused = detail::refuse_websocket(ask, options);
    if (refused) return std::move(*refused);
    response answer = accept_websocket(ask);
    answer.source = std::make_unique<detail::websocket_upgrade<Handler>>(std::move(handler), options);
    return answer;
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_WEBSOCKET_PEER_HPP
