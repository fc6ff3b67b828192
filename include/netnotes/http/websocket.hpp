// netnotes/http/websocket.hpp: messages in both directions, over a connection that began as HTTP
// SPDX-License-Identifier: MIT
//
// In HTTP the client asks and the server answers. A chat room needs more: the server must speak first when somebody
// writes. WebSocket begins as a request of HTTP and then turns the connection into two streams of messages:
//
//        browser                                                     server
//          GET /chat HTTP/1.1
//          Upgrade: websocket
//          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==  ─────────>
//                                                       <─────────   HTTP/1.1 101 Switching Protocols
//                                                                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
//          frames  <───────────────────────────────────────────────> frames
//
// A frame has 2 to 14 bytes before its data:
//
//          0               1               2               3
//          ┌─┬─────┬───────┬─┬─────────────┬───────────────────────────────┐
//          │F│ 000 │opcode │M│ size, 7 bit │ size in 16 bits if it is 126, │
//          │ │     │       │ │             │ in 64 bits if it is 127       │
//          ├─┴─────┴───────┴─┴─────────────┴───────────────────────────────┤
//          │ key of the mask, 4 bytes, if M is set                         │
//          └───────────────────────────────────────────────────────────────┘
//          F: the last frame of its message
//
// A browser masks what it sends: each byte is XORed with a byte of a random key. It is no secret. It keeps a page from
// choosing the bytes on the wire, which an old proxy could take for a request of HTTP (RFC 6455 §10.3). So a server
// must refuse a frame without a mask, and a client must refuse a frame with a mask.
//
// The reader below takes bytes in any pieces, and gives whole messages. It checks the rules of RFC 6455. A size has its
// shortest form, a control frame has at most 125 bytes and one piece, a text is UTF-8, and a message has a limit.
//
// A server of tasks needs nothing of this page: http/websocket_peer.hpp gives its handlers whole messages. Without
// tasks the bytes come from http::connection, which ends with ending::upgraded and has the first frames in rest().
//
// On this page:  is_websocket, accept_websocket, websocket_key · websocket_message, websocket_reader · write_frame,
// write_close
// Sources:       RFC 6455; RFC 3174 (SHA-1), RFC 4648 §4 (base64), RFC 3629 (UTF-8)

#ifndef NETNOTES_HTTP_WEBSOCKET_HPP
#define NETNOTES_HTTP_WEBSOCKET_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "message.hpp"

namespace netnotes::http {

/// The kinds of frames (RFC 6455 §5.2).
enum class websocket_opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// Why a connection is closed (RFC 6455 §7.4.1).
enum class websocket_close : std::uint16_t {
    normal = 1000,
    going_away = 1001,
    protocol_error = 1002,
    unsupported_data = 1003,
    no_status = 1005,  ///< the peer gave none; is never sent
    lost = 1006,       ///< the connection has failed without a close; is never sent
    invalid_text = 1007,
    policy = 1008,
    too_large = 1009,
    internal_error = 1011,
};

/// Returns true if the request asks for a WebSocket as RFC 6455 §4.2.1 demands. It is a GET of HTTP/1.1 with `Upgrade:
/// websocket`, `Connection: Upgrade`, version 13, and a key of 16 bytes. The caller must also look at the field Origin,
/// because any page on the web may open a WebSocket to any server, and the browser sends its cookies along.
[[nodiscard]] bool is_websocket(const request& ask);
/// Returns the response 101 for a request that is_websocket() has accepted.
[[nodiscard]] response accept_websocket(const request& ask);
/// Returns the value of Sec-WebSocket-Accept for a key: SHA-1 of the key and a fixed text, in base64. It proves that
/// the server has read the request as WebSocket. It is no protection of anything else.
[[nodiscard]] std::string websocket_key(std::string_view key);

/// Appends a frame to `to`. A client passes a random key for its mask, and a server none. Throws std::length_error if a
/// control frame (close, ping, pong) has more than 125 bytes.
void write_frame(std::string& to, websocket_opcode what, std::string_view data, bool is_last = true,
                 std::optional<std::uint32_t> mask = std::nullopt);
/// Appends a frame that closes the connection. At most 123 bytes of the reason are sent, cut between characters.
void write_close(std::string& to, websocket_close why, std::string_view reason = {},
                 std::optional<std::uint32_t> mask = std::nullopt);

/// A whole message, or a control frame.
struct websocket_message {
    websocket_opcode what = websocket_opcode::text;    ///< text, binary, close, ping or pong
    std::string data;                                  ///< of `close`: the reason
    websocket_close why = websocket_close::no_status;  ///< of `close`
};

/// Finds messages in the bytes of a connection.
class websocket_reader {
  public:
    /// Which end of a connection this is.
    enum class role : std::uint8_t { client, server };
    /// Reads as this end. A message of more than `max_message` bytes is refused with 1009.
    explicit websocket_reader(role who, std::size_t max_message = 1024 * 1024) noexcept
        : max_{max_message}, is_server_{who == role::server} {}

    /// Takes bytes that have come. Call next() until it returns nullopt before you give more.
    void receive(std::string_view bytes) { in_.erase(0, used_), used_ = 0, in_.append(bytes); }
    /// Returns true if a part of a message or frame has come. Otherwise the reader holds no memory, after next() has
    /// returned nullopt.
    [[nodiscard]] bool has_begun() const noexcept {
        return used_ < in_.size() || kind_ != websocket_opcode::continuation;
    }
    /// Returns the next message, or nullopt if more bytes are needed, the peer has closed, or it broke a rule. Answer a
    /// `ping` with a `pong` of the same data, and a `close` with a `close`. Control frames come between the frames of a
    /// message, and are returned at once.
    [[nodiscard]] std::optional<websocket_message> next();
    /// Returns true if the peer broke a rule. Send write_close(out, why()) and close the connection.
    [[nodiscard]] bool is_refused() const noexcept { return why_ != websocket_close::no_status; }
    [[nodiscard]] websocket_close why() const noexcept { return why_; }
    /// Returns the broken rule in words, and "" if no rule is broken.
    [[nodiscard]] std::string_view reason() const noexcept { return reason_; }
    /// Returns true if the peer has sent a close: no message follows.
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }

  private:
    std::nullopt_t refuse(websocket_close why, std::string_view reason) noexcept {
        why_ = why;
        reason_ = reason;
        return std::nullopt;
    }
    std::optional<websocket_message> control(websocket_opcode what, std::string data);

    std::string in_, message_;
    std::size_t used_ = 0, max_;
    std::string_view reason_;
    websocket_close why_ = websocket_close::no_status;
    websocket_opcode kind_ = websocket_opcode::continuation;  // of the message that is coming
    bool is_server_, is_closed_ = false;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// SHA-1 (RFC 3174) of a short text. SHA-1 is broken as a protection against forgery. Here nothing is protected: the
/// RFC of WebSocket chose it as a test that both sides mean the same protocol.
inline std::array<std::uint8_t, 20> sha1(std::string text) {
    std::array<std::uint32_t, 5> h{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    const std::uint64_t bits = std::uint64_t{text.size()} * 8;
    text += '\x80';
    while (text.size() % 64 != 56) text += '\0';
    for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(bits >> shift & 0xff);
    for (std::size_t block = 0; block < text.size(); block += 64) {
        std::array<std::uint32_t, 80> w{};
        for (std::size_t i = 0; i < 64; ++i) w[i / 4] = w[i / 4] << 8 | static_cast<unsigned char>(text[block + i]);
        for (std::size_t i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        auto [a, b, c, d, e] = h;
        for (std::size_t i = 0; i < 80; ++i) {
            const std::uint32_t f = i < 20   ? (b & c) | (~b & d)
                                    : i < 40 ? b ^ c ^ d
                                    : i < 60 ? (b & c) | (b & d) | (c & d)
                                             : b ^ c ^ d;
            constexpr std::array<std::uint32_t, 4> k{0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
            const std::uint32_t next = std::rotl(a, 5) + f + e + k[i / 20] + w[i];
            e = d, d = c, c = std::rotl(b, 30), b = a, a = next;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    std::array<std::uint8_t, 20> digest{};
    for (std::size_t i = 0; i < 20; ++i) digest[i] = static_cast<std::uint8_t>(h[i / 4] >> (24 - i % 4 * 8));
    return digest;
}

template <class Bytes>
std::string base64(const Bytes& bytes) {
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t j = 0; j < 3; ++j) group = group << 8 | (i + j < bytes.size() ? bytes[i + j] : 0u);
        for (std::size_t j = 0; j < 4; ++j) text += i + j <= bytes.size() ? letters[group >> (18 - 6 * j) & 63] : '=';
    }
    return text;
}

/// Returns true if the text is UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF.
constexpr bool is_utf8(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i++]);
        if (first < 0x80) continue;
        const std::size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4 || text.size() - i < more) return false;
        for (std::size_t j = 0; j < more; ++j) {
            const auto byte = static_cast<unsigned char>(text[i + j]);
            unsigned least = 0x80, most = 0xbf;
            if (j == 0 && first == 0xe0) least = 0xa0;  // overlong
            if (j == 0 && first == 0xed) most = 0x9f;   // surrogates
            if (j == 0 && first == 0xf0) least = 0x90;
            if (j == 0 && first == 0xf4) most = 0x8f;
            if (byte < least || byte > most) return false;
        }
        i += more;
    }
    return true;
}

/// XORs the bytes with the key. The first byte meets the highest byte of the key, which is sent first.
inline void mask(std::string& bytes, std::size_t from, std::uint32_t key) noexcept {
    for (std::size_t i = from; i < bytes.size(); ++i)
        bytes[i] = static_cast<char>(bytes[i] ^ static_cast<char>(key >> (24 - (i - from) % 4 * 8) & 0xff));
}

/// Returns true if a peer may send this code (RFC 6455 §7.4).
constexpr bool is_close_code(unsigned code) noexcept {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

}  // namespace detail

inline bool is_websocket(const request& ask) {
    const http::fields& fields = ask.fields();
    const std::string_view key = fields.find("Sec-WebSocket-Key").value_or("");
    // 16 bytes in base64 are 22 letters and "==".
    const bool is_key =
        key.size() == 24 && key.ends_with("==") && std::all_of(key.begin(), key.end() - 2, [](char c) {
            return c == '+' || c == '/' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
        });
    return ask.method() == method::get && ask.minor_version() > 0 && fields.has_element("Upgrade", "websocket") &&
           fields.has_element("Connection", "Upgrade") && fields.find("Sec-WebSocket-Version") == "13" && is_key &&
           fields.count("Sec-WebSocket-Key") == 1;
}

inline std::string websocket_key(std::string_view key) {
    return detail::base64(detail::sha1(std::string{key}.append("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
}

inline response accept_websocket(const request& ask) {
    response answer{status::switching_protocols};
    answer.fields.add("Upgrade", "websocket");
    answer.fields.add("Connection", "Upgrade");
    answer.fields.add("Sec-WebSocket-Accept", websocket_key(ask.field("Sec-WebSocket-Key").value_or("")));
    return answer;
}

inline void write_frame(std::string& to, websocket_opcode what, std::string_view data, bool is_last,
                        std::optional<std::uint32_t> mask) {
    const auto code = static_cast<unsigned>(what);
    if (code >= 8 && data.size() > 125) throw std::length_error{"a control frame of WebSocket has at most 125 bytes"};
    to += static_cast<char>(code | (is_last ? 0x80u : 0u));
    const unsigned mask_bit = mask ? 0x80 : 0;
    const std::uint64_t size = data.size();
    const int bytes = size < 126 ? 0 : size < 65'536 ? 2 : 8;
    to += static_cast<char>((bytes == 0 ? static_cast<unsigned>(size) : bytes == 2 ? 126u : 127u) | mask_bit);
    for (int i = bytes - 1; i >= 0; --i) to += static_cast<char>(size >> (8 * i) & 0xff);
    if (mask)
        for (int shift = 24; shift >= 0; shift -= 8) to += static_cast<char>(*mask >> shift & 0xff);
    const std::size_t begin = to.size();
    to += data;
    if (mask) detail::mask(to, begin, *mask);
}

inline void write_close(std::string& to, websocket_close why, std::string_view reason,
                        std::optional<std::uint32_t> mask) {
    std::string data;
    if (why != websocket_close::no_status) {
        const auto code = static_cast<unsigned>(why);
        data += static_cast<char>(code >> 8);
        data += static_cast<char>(code & 0xff);
        std::size_t size = std::min<std::size_t>(reason.size(), 123);
        while (size > 0 && size < reason.size() && (static_cast<unsigned char>(reason[size]) & 0xc0) == 0x80) --size;
        data += reason.substr(0, size);
    }
    write_frame(to, websocket_opcode::close, data, true, mask);
}

inline std::optional<websocket_message> websocket_reader::next() {
    using opcode = websocket_opcode;
    for (;;) {
        if (is_refused() || is_closed_) return std::nullopt;
        const std::string_view bytes = std::string_view{in_}.substr(used_);
        const auto byte = [bytes](std::size_t at) {
            return static_cast<unsigned>(static_cast<unsigned char>(bytes[at]));
        };
        if (bytes.empty()) {
            std::string{}.swap(in_);  // a silent peer costs no memory
            used_ = 0;
        }
        if (bytes.size() < 2) return std::nullopt;
        const auto what = static_cast<opcode>(byte(0) & 15);
        const bool is_last = (byte(0) & 0x80) != 0, is_masked = (byte(1) & 0x80) != 0, is_control = (byte(0) & 8) != 0;
        if ((byte(0) & 0x70) != 0) return refuse(websocket_close::protocol_error, "a reserved bit is set");
        if ((byte(0) & 15) > 10 || ((byte(0) & 15) > 2 && !is_control))
            return refuse(websocket_close::protocol_error, "an unknown kind of frame");
        if (is_masked != is_server_)
            return refuse(websocket_close::protocol_error,
                          is_server_ ? "the frame of a client needs a mask" : "the frame of a server has no mask");
        if (is_control && (!is_last || (byte(1) & 0x7f) > 125))
            return refuse(websocket_close::protocol_error, "a control frame has at most 125 bytes, in one piece");
        if (!is_control && (what == opcode::continuation) != (kind_ != opcode::continuation))
            return refuse(websocket_close::protocol_error, what == opcode::continuation
                                                               ? "no message is there to be continued"
                                                               : "the message before is not complete");
        std::uint64_t size = byte(1) & 0x7f;
        const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
        const std::size_t header = 2 + more + (is_masked ? 4 : 0);
        if (bytes.size() < 2 + more) return std::nullopt;
        if (more > 0) {
            size = 0;
            for (std::size_t i = 0; i < more; ++i) size = size << 8 | byte(2 + i);
            if (size < (more == 2 ? 126u : 65'536u) || size >> 63 != 0)
                return refuse(websocket_close::protocol_error, "the size is not in its shortest form");
        }
        if (!is_control && size > max_ - message_.size())
            return refuse(websocket_close::too_large, "the message is too large");
        if (bytes.size() < header || bytes.size() - header < size) return std::nullopt;

        std::string data{bytes.substr(header, static_cast<std::size_t>(size))};
        if (is_masked) {
            std::uint32_t key = 0;
            for (std::size_t i = 0; i < 4; ++i) key = key << 8 | byte(header - 4 + i);
            detail::mask(data, 0, key);
        }
        used_ += header + static_cast<std::size_t>(size);
        if (is_control) return control(what, std::move(data));
        if (what != opcode::continuation) kind_ = what;
        message_ += data;
        if (!is_last) continue;
        websocket_message whole{std::exchange(kind_, opcode::continuation), std::exchange(message_, {})};
        if (whole.what == opcode::text && !detail::is_utf8(whole.data))
            return refuse(websocket_close::invalid_text, "the text is not UTF-8");
        return whole;
    }
}

inline std::optional<websocket_message> websocket_reader::control(websocket_opcode what, std::string data) {
    websocket_message message{what, std::move(data)};
    if (what != websocket_opcode::close) return message;
    is_closed_ = true;
    if (message.data.empty()) return message;
    if (message.data.size() == 1) return refuse(websocket_close::protocol_error, "half a status");
    const unsigned code = static_cast<unsigned>(static_cast<unsigned char>(message.data[0])) << 8 |
                          static_cast<unsigned char>(message.data[1]);
    if (!detail::is_close_code(code)) return refuse(websocket_close::protocol_error, "a status that nobody may send");
    message.why = static_cast<websocket_close>(code);
    message.data.erase(0, 2);
    if (!detail::is_utf8(message.data)) return refuse(websocket_close::invalid_text, "the reason is not UTF-8");
    return message;
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_WEBSOCKET_HPP
