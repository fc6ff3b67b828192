// netnotes/http/rules.hpp: one request and its answer, and what they do to the connection
// SPDX-License-Identifier: MIT
//
// May another request follow on this connection? If not, which side closes it, and how? All rules for that stand on
// this page. It has no network, no clock and no buffer. http/connection.hpp and the server of tasks (http/exchange.hpp)
// both ask it, so they cannot differ:
//
//        head of a request ──> begin()      does the client keep the connection? Where does its body end?
//        bytes of the body ──> decode()     a client that sends them no longer waits for "100 Continue"
//        the answer        ──> answer()     writes the head. From here on why() says whether the connection goes on
//        unread bytes      ──> skips()      a short rest of the body is skipped to save the connection
//
//   why()               the rule                                                          closed by
//   asked_by_peer       it said `Connection: close`, or HTTP/1.0 without keep-alive       a close: nothing follows
//   asked_here          our answer says `Connection: close`                               stop sending, read on, close
//   until_close         only the end of the connection ends the body                      stop sending, read on, close
//   refused             nobody knows where the next message begins                        stop sending, read on, close
//   unread_body         too much of the body is left                                      stop sending, read on, close
//   expected_continue   the client waited for a 100, and may send its body now or not     stop sending, read on, close
//   short_body          our body has fewer bytes than promised                            a reset
//
// On this page:  ending, text_of · for authors of servers: detail::exchange_rules, detail::body_writer
// Sources:       RFC 9112 §9; RFC 9110 §10.1.1

#ifndef NETNOTES_HTTP_RULES_HPP
#define NETNOTES_HTTP_RULES_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "body.hpp"
#include "head.hpp"
#include "message.hpp"
#include "refusal.hpp"
#include "write.hpp"

namespace netnotes::http {

/// Why a connection carries no further message.
enum class ending : std::uint8_t {
    none,  ///< it can go on
    asked_by_peer,
    asked_here,
    until_close,
    refused,
    unread_body,
    expected_continue,
    short_body,
    early_answer,
    upgraded,   ///< 101: from here on the bytes are of another protocol
    peer_left,  ///< the peer has closed its side between two messages
    timed_out,
};
/// Returns the reason as a sentence, for a log.
[[nodiscard]] constexpr std::string_view text_of(ending why) noexcept {
    switch (why) {
        case ending::none: return "the connection can go on";
        case ending::asked_by_peer: return "the peer asked for the end, or speaks HTTP/1.0";
        case ending::asked_here: return "our message says Connection: close";
        case ending::until_close: return "only the end of the connection ends the body";
        case ending::refused: return "the bytes of the peer are no HTTP";
        case ending::unread_body: return "an answer was given before the body was read";
        case ending::expected_continue: return "the client expected a 100 and got an answer";
        case ending::short_body: return "the body has fewer bytes than promised";
        case ending::early_answer: return "the server answered before the request was complete";
        case ending::upgraded: return "both sides go on with another protocol";
        case ending::peer_left: return "the peer has closed its side";
        case ending::timed_out: return "the peer took too long";
    }
    return {};
}

namespace detail {

/// The body that the peer sends, and the reason why no message follows. Begin each message of the peer with begin().
class exchange_rules {
  public:
    /// How many bytes of an unread body are skipped to save the connection, unless the owner decides otherwise.
    static constexpr std::uint64_t usual_drain = 64 * 1024;
    explicit exchange_rules(std::uint64_t max_drain = usual_drain) noexcept : max_drain_{max_drain} {}

    /// Takes the head of a request, or of an answer to a request with this method. is_refused() is true afterwards if
    /// the head announces a body that is too large.
    void begin(const request_head& head, const limits& bounds) {
        is_head_ = head.method == method::head;
        begin_body(head, head.body(), bounds);
        expects_continue_ = head.expects_continue && framing_.how != framing::kind::none;
    }
    void begin(const response_head& head, method asked, const limits& bounds) {
        begin_body(head, head.body(asked), bounds);
    }
    /// Takes that a request was refused. The answer that says so goes out as if to a GET of HTTP/1.1.
    void refuse() noexcept {
        is_head_ = expects_continue_ = false;
        minor_version_ = 1;
        ending_ = ending::refused;
    }

    // ---- the body of the peer

    [[nodiscard]] const http::framing& framing() const noexcept { return framing_; }
    [[nodiscard]] const body_decoder& body() const noexcept { return body_; }
    /// Returns true if bytes of the body are missing.
    [[nodiscard]] bool is_unread() const noexcept { return !body_.is_done(); }
    /// Takes bytes behind the head: see body_decoder::next().
    [[nodiscard]] body_decoder::piece decode(std::string_view bytes) {
        expects_continue_ = false;  // a peer that sends its body does not wait
        return body_.next(bytes);
    }
    /// Takes that the peer will send nothing more.
    void end_body() noexcept { body_.end(); }
    /// Call before a wait for the body. Returns true if "100 Continue" must be sent now.
    [[nodiscard]] bool takes_continue() noexcept { return std::exchange(expects_continue_, false); }
    /// Counts bytes of a body that nobody reads. Returns false if they are too many: then the connection ends.
    [[nodiscard]] bool skips(std::size_t size) noexcept {
        skipped_ += size;
        if (skipped_ > max_drain_) end_with(ending::unread_body);
        return skipped_ <= max_drain_;
    }

    /// The time that a body of this size has, beyond the usual limit: a second for each 16 KiB that have come.
    static constexpr std::chrono::seconds earned_time(std::uint64_t size) noexcept {
        return std::chrono::seconds{static_cast<std::int64_t>(size / (16 * 1024))};
    }

    // ---- the answer

    /// Appends the head of the answer to `to`, and returns how its body must follow. `is_last` says that the server
    /// wants to end the connection, for example because it stops. `date` is the value of Date, or empty.
    body_coding answer(std::string& to, const response& what, std::optional<std::uint64_t> size, std::string_view date,
                       bool is_last) {
        if (!keeps_alive_) end_with(ending::asked_by_peer);
        if (what.status == status::switching_protocols) end_with(ending::upgraded);
        if (is_last) end_with(ending::asked_here);
        if (is_unread()) {
            const bool has_length = framing_.how == framing::kind::length;
            if (expects_continue_) end_with(ending::expected_continue);
            if (has_length && framing_.length - body_.size() > max_drain_) end_with(ending::unread_body);
        }
        expects_continue_ = false;  // the answer takes the place of a 100, which must not come behind it
        head_context context;
        context.date = date;
        context.is_head = is_head_;
        context.minor_version = minor_version_;
        context.keeps_alive = ending_ == ending::none;
        const body_coding how = write_head(to, what, size, context);
        if (how == body_coding::until_close) end_with(ending::until_close);
        if (!context.keeps_alive) end_with(ending::asked_here);  // a field of the answer says so
        return how;
    }

    // ---- the end

    /// Keeps the first reason.
    void end_with(ending why) noexcept {
        if (ending_ == ending::none) ending_ = why;
    }
    /// Takes a reason that is graver than an earlier one.
    void end_at_once_with(ending why) noexcept { ending_ = why; }
    [[nodiscard]] ending why() const noexcept { return ending_; }
    /// Returns true if a server should read on before it closes. A close with unread bytes becomes a reset, which may
    /// destroy the answer. A client that asked for the end sends no request, but perhaps the rest of its body.
    [[nodiscard]] bool lingers() const noexcept {
        if (ending_ == ending::peer_left) return false;
        return ending_ != ending::asked_by_peer || is_unread();
    }

  private:
    void begin_body(const message_head& head, http::framing how, const limits& bounds) {
        keeps_alive_ = head.keeps_alive;
        minor_version_ = head.minor_version;
        skipped_ = 0;
        expects_continue_ = false;
        const bool has_none = how.how == framing::kind::none && framing_.how == framing::kind::none;
        framing_ = how;
        if (!has_none) body_ = body_decoder{how, bounds};
    }

    body_decoder body_;
    http::framing framing_;
    std::uint64_t max_drain_, skipped_ = 0;
    int minor_version_ = 1;
    ending ending_ = ending::none;
    bool keeps_alive_ = true, expects_continue_ = false, is_head_ = false;
};

/// The body of our message, sent as its head has said.
class body_writer {
  public:
    body_writer() noexcept = default;
    /// Takes what write_head() has returned, and the size that it was given.
    body_writer(body_coding how, std::optional<std::uint64_t> size) noexcept
        : how_{how}, is_counted_{how == body_coding::length}, left_{size.value_or(0)} {}

    [[nodiscard]] body_coding coding() const noexcept { return how_; }
    /// Appends bytes of the body to `to`, with the frame of a chunk if there must be one. Bytes of a body that there
    /// may not be (HEAD, 204, 304) are dropped. Returns false, and appends nothing, if they are more than promised.
    [[nodiscard]] bool append(std::string& to, std::string_view piece) {
        if (piece.empty() || how_ == body_coding::none) return true;
        if (is_counted_ && piece.size() > left_) return false;
        left_ -= is_counted_ ? piece.size() : 0;
        if (how_ == body_coding::chunked) to += write_chunk_head(piece.size());
        to += piece;
        if (how_ == body_coding::chunked) to += "\r\n";
        return true;
    }
    /// Appends the end of the body. Returns false if bytes are missing: then the connection must be reset.
    [[nodiscard]] bool finish(std::string& to) const {
        if (how_ == body_coding::chunked) to += last_chunk;
        return !is_counted_ || left_ == 0;
    }

  private:
    body_coding how_ = body_coding::none;
    bool is_counted_ = false;
    std::uint64_t left_ = 0;
};

}  // namespace detail

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_RULES_HPP
