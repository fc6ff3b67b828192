// netnotes/http/connection.hpp: a connection, without a network and without a clock
// SPDX-License-Identifier: MIT
//
// HTTP/1.1 sends one message after the other over one connection. This machine knows which message may follow which.
// Bytes and the time go in; events, bytes and a deadline come out. It serves both ends. Use it to speak HTTP over
// anything: threads, a reactor, a pipe, or a simulated network in a test. (For tasks take http/server.hpp.)
//
//        bytes ──> receive() ──> next(): request, data, data, end           the peer's message
//        bytes <── output()  <── begin(), write(), write(), finish()        ours
//
// A server with threads, as a sketch:
//
//        http::connection talk{http::connection::role::server, now()};
//        for (;;) {
//            switch (talk.next(now())) {
//                case event::request: ask = http::to_request(talk.request()); break;
//                case event::data: body += talk.data(); break;
//                case event::end: talk.send(handle(ask, body)); break;
//                case event::need_data: ...                       send all of output(), then receive more
//                default: ...                                     send all of output(), then see closing()
//            }
//        }
//
// When may a connection carry one more message, and who must close it? The rules stand in http/rules.hpp, which the
// server of tasks asks, too. Ask why() for the reason, and how_to_close() for what to do.
//
// On this page:  connection_settings · connection
// Below it:      http/rules.hpp (ending, and all rules), http/parser.hpp, http/body.hpp, http/write.hpp
// Sources:       RFC 9112 §9; RFC 9110 §10.1.1. The shape follows the idea of h11, a Python library without I/O.

#ifndef NETNOTES_HTTP_CONNECTION_HPP
#define NETNOTES_HTTP_CONNECTION_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "body.hpp"
#include "head.hpp"
#include "message.hpp"
#include "parser.hpp"
#include "refusal.hpp"
#include "rules.hpp"
#include "write.hpp"

namespace netnotes::http {

/// The limits of a connection. Times are counted by the caller's clock.
struct connection_settings {
    http::limits bounds{};
    std::chrono::milliseconds head = std::chrono::seconds{10};  ///< for a whole head, from its first byte
    std::chrono::milliseconds idle = std::chrono::seconds{60};  ///< between two messages
    /// For a whole body, and a second for each 16 KiB of it. The time in which our program works counts, too.
    std::chrono::milliseconds body = std::chrono::seconds{10};
    std::chrono::milliseconds send = std::chrono::seconds{30};  ///< without any byte of output being sent
    std::uint64_t max_drain =
        detail::exchange_rules::usual_drain;  ///< bytes of an unread body that are skipped to save the connection
};

/// One end of a connection. It holds received bytes until they are used, bytes to send until they are sent, and the
/// head of the current message. Throws std::logic_error for calls in the wrong order, for example two answers to one
/// request.
class connection {
  public:
    using time = std::chrono::steady_clock::time_point;
    /// Which end of a connection this is.
    enum class role : std::uint8_t { client, server };
    /// The events that receive() reports.
    enum class event : std::uint8_t {
        need_data,  ///< nothing can happen before the peer sends more: send output(), then receive()
        request,    ///< a head has come: see request()
        interim,    ///< a response 1xx has come: see response(). The real one follows, but an enemy sends 1xx for ever
        response,   ///< a head has come: see response()
        data,       ///< bytes of the body have come: see data()
        end,        ///< the message of the peer is complete: see trailers()
        paused,     ///< it is our turn: a server must answer, and a client may ask
        refused,    ///< the peer broke a rule: see refusal(). A server has an answer in output() already
        closed,     ///< no message follows: see why()
    };
    /// The next step for the connection once output() is empty.
    enum class closing : std::uint8_t {
        no,      ///< it goes on
        close,   ///< close it
        linger,  ///< stop sending, read and discard for some seconds or until the peer closes, then close
        reset,   ///< close it with a reset, so that the peer can tell that a part is missing
    };

    connection(role who, time now, const connection_settings& wishes = {});

    // ---- the peer's messages

    /// Takes bytes that have come. Views into earlier bytes become invalid. Call next() until it returns need_data,
    /// paused, refused or closed before you receive more, or the buffer grows.
    void receive(std::string_view bytes, time now);
    /// Ends the input: the peer will send nothing more.
    void receive_end() noexcept { at_end_ = true; }
    /// Returns the next event. A server gets the next request only after finish(), even if its bytes are there: so
    /// answers leave in the order of the requests (pipelining, RFC 9112 §9.3.2). The rest of an answered request
    /// makes no events. The first call that waits for a body sends "100 Continue" if the client expects it.
    [[nodiscard]] event next(time now);
    /// Returns the head of the last request or response. The views in it are valid until the next receive().
    [[nodiscard]] const request_head& request() const { return std::get<request_head>(head_); }
    [[nodiscard]] const response_head& response() const { return std::get<response_head>(head_); }
    /// Returns the bytes of the last event `data`, valid until the next receive().
    [[nodiscard]] std::string_view data() const noexcept { return data_; }
    /// Returns the fields behind a body in chunks, after the event `end`.
    [[nodiscard]] const fields& trailers() const noexcept { return rules_.body().trailers(); }
    /// Returns why the peer's bytes were refused, and the sentence that says so.
    [[nodiscard]] const http::refusal& refusal() const noexcept { return refusal_; }
    [[nodiscard]] const std::string& refusal_message() const noexcept { return sentence_; }
    /// Returns the bytes that have come and belong to no message: after 101 they are of the other protocol.
    [[nodiscard]] std::string_view rest() const noexcept { return std::string_view{in_}.substr(used_); }

    // ---- our messages

    /// Sends a whole response with the text in its body.
    void send(const http::response& answer) {
        begin(answer, answer.body.size());
        write(answer.body);
        finish();
    }
    /// Sends a whole request with the text in its body.
    void send(const http::request& ask) {
        begin(ask, ask.body().size());
        write(ask.body());
        finish();
    }
    /// Sends the head of a response. `size` is the size of the body, or nullopt if it is not known yet: then the body
    /// is sent in chunks, or up to the end of the connection for a client of HTTP/1.0. `date` is the value of Date, or
    /// empty.
    void begin(const http::response& answer, std::optional<std::uint64_t> size, std::string_view date = {});
    /// Sends the head of a request.
    void begin(const http::request& ask, std::optional<std::uint64_t> size);
    /// Sends bytes of the body. They are dropped if there may be no body: after HEAD, and with 204 and 304. Throws
    /// std::length_error, and sends nothing, if they are more than promised.
    void write(std::string_view piece);
    /// Ends our message. If it has fewer bytes than promised, the connection must be reset: see closing().
    void finish();
    /// Makes the current message the last message of the connection, for a server that stops. Call it before begin().
    void close_after_this() noexcept { closes_here_ = true; }

    /// Returns the bytes to send, in order. They stay until sent() says how many of them the network has taken.
    [[nodiscard]] std::string_view output() const noexcept { return std::string_view{out_}.substr(sent_); }
    void sent(std::size_t count, time now) noexcept;

    // ---- the end, and the time

    /// Returns why no message will follow, or ending::none.
    [[nodiscard]] ending why() const noexcept { return rules_.why(); }
    /// Returns what to do with the connection as soon as output() is empty.
    [[nodiscard]] closing how_to_close() const noexcept;
    /// Returns when to call expired(), asked now. Ask again after each call of another member. The end of time: there
    /// is nothing to wait for, or only for our own program. A client has no limit for the answer here, because it has
    /// one for the whole exchange.
    [[nodiscard]] time deadline(time now) noexcept;
    /// Reports that the deadline has passed. A server has a 408 in output() then, if that helps.
    void expired(time now);

  private:
    enum class step : std::uint8_t { head, body, done };  // of the peer's message
    enum class turn : std::uint8_t { idle, body, done };  // of ours

    /// Returns the latest time if the clock cannot hold the sum, so milliseconds::max() is no limit.
    template <class Rep, class Period>
    [[nodiscard]] static time later(time from, std::chrono::duration<Rep, Period> wait) noexcept {
        return wait > std::chrono::duration_cast<decltype(wait)>(time::max() - from) ? time::max() : from + wait;
    }
    [[nodiscard]] bool is_server() const noexcept { return who_ == role::server; }
    void use(std::size_t count) noexcept { used_ += count; }
    event on_head(time now);
    event on_body(time now);
    event refuse(const http::refusal& why, std::string_view head);
    void answer_error(http::status code, std::string_view sentence);
    bool begin_next(time now) noexcept;
    [[nodiscard]] bool is_unread() const noexcept { return step_ == step::body && rules_.is_unread(); }

    role who_;
    connection_settings settings_;
    std::variant<request_head, response_head> head_;
    std::string in_, out_;
    std::size_t used_ = 0, sent_ = 0;
    head_progress progress_;
    detail::exchange_rules rules_;
    detail::body_writer writer_;
    std::string_view data_;
    http::refusal refusal_;
    std::string sentence_;
    method asked_ = method::get;  // a client's request
    time since_;                  // of the head, the body, or the silence
    time sent_at_;
    step step_ = step::head;
    turn turn_ = turn::idle;
    bool at_end_ = false, closes_here_ = false, has_begun_head_ = false, is_sending_ = false;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline connection::connection(role who, time now, const connection_settings& wishes)
    : who_{who}, settings_{wishes}, rules_{wishes.max_drain}, since_{now}, sent_at_{now} {
    if (who == role::client) head_.emplace<response_head>();
}

inline void connection::receive(std::string_view bytes, time now) {
    data_ = {};
    in_.erase(0, used_);
    used_ = 0;
    if (step_ == step::head && in_.empty() && !bytes.empty()) since_ = now;
    in_.append(bytes);
}

inline connection::event connection::next(time now) {
    for (;;) {
        if (why() == ending::refused) return event::refused;
        if (step_ == step::body) {
            const event found = on_body(now);
            if (found == event::data && turn_ == turn::done && is_server()) {  // the answer is given: nobody reads it
                if (rules_.skips(data_.size())) continue;
                return event::closed;
            }
            if (found == event::end && turn_ == turn::done && is_server()) continue;
            return found;
        }
        if (step_ == step::done) {
            if (turn_ != turn::done) {
                if (is_server()) return event::paused;
                rules_.end_with(ending::early_answer);
            }
            if (!begin_next(now)) return event::closed;
            if (!is_server()) return event::paused;
        }
        const bool awaits_answer = !is_server() && turn_ != turn::idle && why() != ending::timed_out;
        if (why() != ending::none && !awaits_answer) return event::closed;
        if (!is_server() && turn_ == turn::idle) {
            if (!rest().empty()) return refuse({reason::bad_version, 1, 0, 0}, rest());  // an answer without a question
            if (!at_end_) return event::paused;
        }
        return on_head(now);
    }
}

inline connection::event connection::on_head(time now) {
    const std::string_view bytes = rest();
    if (bytes.empty()) {
        if (!at_end_) return event::need_data;
        rules_.end_with(ending::peer_left);
        return event::closed;
    }
    if (!has_begun_head_) since_ = std::max(since_, now);
    has_begun_head_ = true;
    if (at_end_) progress_ = {};  // no more can come, so look for any error, not only for the end of the head
    const auto result =
        std::visit([&](auto& head) { return parse_head(bytes, progress_, head, settings_.bounds); }, head_);
    if (result.is_refused()) return refuse(result.refusal, bytes);
    if (result.needs_more()) {
        if (!at_end_) return event::need_data;
        return refuse({reason::cut_off, 1, bytes.size(), bytes.size()}, bytes);
    }
    use(result.size);
    progress_ = {};
    has_begun_head_ = false;
    since_ = now;
    if (is_server()) {
        rules_.begin(request(), settings_.bounds);
    } else {
        const response_head& answer = response();
        if (answer.status.is_interim() && answer.status != status::switching_protocols) return event::interim;
        rules_.begin(answer, asked_, settings_.bounds);
        if (answer.status == status::switching_protocols) rules_.end_with(ending::upgraded);
        if (!answer.keeps_alive) rules_.end_with(ending::asked_by_peer);
        if (rules_.framing().how == framing::kind::until_close) rules_.end_with(ending::until_close);
    }
    step_ = step::body;
    // A client may not know yet that its body is too large. It learns it from the answer, not from a 100.
    if (rules_.body().is_refused()) return refuse(rules_.body().refusal(), {});
    return is_server() ? event::request : event::response;
}

inline connection::event connection::on_body(time) {
    for (;;) {
        if (!rules_.is_unread()) {
            step_ = step::done;
            return event::end;
        }
        const std::string_view bytes = rest();
        if (bytes.empty()) {
            if (!at_end_) break;
            rules_.end_body();
            if (rules_.body().is_refused()) return refuse(rules_.body().refusal(), {});
            continue;
        }
        const auto piece = rules_.decode(bytes);
        use(piece.consumed);
        if (rules_.body().is_refused()) return refuse(rules_.body().refusal(), {});
        if (piece.data.empty()) continue;
        data_ = piece.data;
        return event::data;
    }
    if (why() == ending::expected_continue || why() == ending::unread_body) return event::closed;
    if (turn_ == turn::idle && rules_.takes_continue()) out_ += "HTTP/1.1 100 Continue\r\n\r\n";
    return event::need_data;
}

inline connection::event connection::refuse(const http::refusal& why, std::string_view head) {
    refusal_ = why;
    sentence_ = why.message(head);
    const bool has_left = why.why == reason::cut_off;
    rules_.refuse();
    if (is_server() && turn_ == turn::idle && !has_left) answer_error(why.status(), sentence_);
    return event::refused;
}

inline void connection::answer_error(http::status code, std::string_view sentence) {
    const http::response answer{code, std::string{sentence} + "\n"};
    rules_.refuse();
    rules_.answer(out_, answer, answer.body.size(), {}, false);
    out_ += answer.body;
    turn_ = turn::done;
}

/// Begins the next exchange if the connection can carry one.
inline bool connection::begin_next(time now) noexcept {
    if (why() != ending::none) return false;
    step_ = step::head;
    turn_ = turn::idle;
    since_ = now;
    return true;
}

inline void connection::begin(const http::response& answer, std::optional<std::uint64_t> size, std::string_view date) {
    if (!is_server() || turn_ != turn::idle || step_ == step::head || why() == ending::refused)
        throw std::logic_error{"an HTTP server answers a request once, after it has come"};
    writer_ = detail::body_writer{rules_.answer(out_, answer, size, date, closes_here_), size};
    turn_ = turn::body;
}

inline void connection::begin(const http::request& ask, std::optional<std::uint64_t> size) {
    if (is_server() || turn_ != turn::idle || step_ != step::head || why() != ending::none)
        throw std::logic_error{"an HTTP client asks when the answer before is complete, on a connection that goes on"};
    writer_ = detail::body_writer{write_head(out_, ask, size), size};
    asked_ = ask.method();
    if (ask.fields().has_element("Connection", "close")) closes_here_ = true;
    turn_ = turn::body;
}

inline void connection::write(std::string_view piece) {
    if (turn_ != turn::body) throw std::logic_error{"the body of an HTTP message comes behind its head"};
    if (!writer_.append(out_, piece)) throw std::length_error{"the body has more bytes than promised"};
}

inline void connection::finish() {
    if (turn_ != turn::body) throw std::logic_error{"an HTTP message ends once, after its head"};
    if (!writer_.finish(out_)) rules_.end_at_once_with(ending::short_body);
    if (!is_server() && closes_here_) rules_.end_with(ending::asked_here);
    turn_ = turn::done;
}

inline void connection::sent(std::size_t count, time now) noexcept {
    sent_ += std::min(count, out_.size() - sent_);
    if (count > 0) sent_at_ = now;
    if (sent_ < out_.size()) return;
    out_.clear();
    sent_ = 0;
    is_sending_ = false;
}

inline connection::closing connection::how_to_close() const noexcept {
    switch (why()) {
        case ending::none:
        case ending::upgraded: return closing::no;
        case ending::short_body: return closing::reset;
        case ending::timed_out: return output().empty() && turn_ != turn::body ? closing::close : closing::reset;
        case ending::peer_left: return closing::close;
        default: break;
    }
    if (is_server()) {
        if (turn_ == turn::body) return why() == ending::refused ? closing::reset : closing::no;
        if (turn_ == turn::idle && why() != ending::refused) return closing::no;
        return at_end_ || !rules_.lingers() ? closing::close : closing::linger;
    }
    return why() == ending::refused || step_ == step::done ? closing::close : closing::no;
}

inline connection::time connection::deadline(time now) noexcept {
    if (!output().empty()) {
        if (!std::exchange(is_sending_, true)) sent_at_ = now;  // the handler may have taken long, but the peer did not
        return later(sent_at_, settings_.send);
    }
    if (why() == ending::refused || why() == ending::timed_out || !is_server()) return time::max();
    if (step_ == step::head) return later(since_, rest().empty() ? settings_.idle : settings_.head);
    if (!is_unread() || at_end_) return time::max();
    return later(later(since_, settings_.body), detail::exchange_rules::earned_time(rules_.body().size()));
}

inline void connection::expired(time now) {
    if (now < deadline(now)) return;
    const bool is_stalled = !output().empty();
    const bool has_asked = step_ == step::body || !rest().empty();
    rules_.end_at_once_with(ending::timed_out);
    if (!is_stalled && has_asked && turn_ == turn::idle) {
        answer_error(status::request_timeout, "408: the request did not arrive in time");
        refusal_ = {reason::cut_off, 0, 0, 0};
        sentence_ = "408: the request did not arrive in time";
    }
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_CONNECTION_HPP
