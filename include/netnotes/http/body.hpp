// netnotes/http/body.hpp: the bytes behind the head
// SPDX-License-Identifier: MIT
//
// The head says where the body ends (see framing in http/head.hpp). If the sender does not know the length in advance,
// it sends the body in chunks. Each chunk has its size before it, in hexadecimal digits, and the chunk of size 0 is the
// end:
//
//        5\r\n                      5 bytes follow
//        hello\r\n
//        6;a=b\r\n                  6 bytes follow; behind the semicolon are extensions, which mean nothing to us
//         world\r\n
//        0\r\n                      the end
//        Checksum: 1234\r\n         trailers: fields that the sender knew only now
//        \r\n                       the end of the trailers
//
// A decoder takes bytes as they come and returns the bytes of the body among them, as views. It copies nothing but
// trailers.
//
//        http::body_decoder body{head.body(), bounds};
//        while (!body.is_done() && !bytes.empty()) {
//            const auto piece = body.next(bytes);
//            if (body.is_refused()) throw std::runtime_error{body.refusal().message()};
//            use(piece.data);                                  // perhaps empty: these bytes were the frame of a chunk
//            bytes.remove_prefix(piece.consumed);
//        }
//
// Everything that a stranger can make large is counted: the body, the extensions, and the trailers. A size with more
// than 16 digits would wrap around in 64 bits, and then two programs would see two bodies, so it is refused.
//
// Trailers stay apart from the fields of the head. If a trailer could add Content-Length or Host to a message after it
// was checked, the check would be worth nothing (RFC 9110 §6.5.1).
//
// On this page:  body_decoder · write_chunk_head, last_chunk
// Sources:       RFC 9112 §6.3, §7.1

#ifndef NETNOTES_HTTP_BODY_HPP
#define NETNOTES_HTTP_BODY_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fields.hpp"
#include "head.hpp"
#include "parser.hpp"
#include "refusal.hpp"

namespace netnotes::http {

/// Finds the bytes of a body in the bytes of a connection.
class body_decoder {
  public:
    /// Decodes no body: is_done() is true at once.
    body_decoder() noexcept : body_decoder{framing{}} {}
    /// Decodes a body with this end. Is refused at once if the announced length is above `bounds.body`.
    explicit body_decoder(framing how, const limits& bounds = {}) noexcept;

    /// The result of next().
    struct piece {
        std::string_view data;     ///< bytes of the body: a part of the bytes that were given
        std::size_t consumed = 0;  ///< how many bytes are used up, data and frame; the next call begins behind them
    };
    /// Takes bytes, and returns the first bytes of the body among them. Call it again with the bytes behind `consumed`
    /// until these are empty, or until is_done() or is_refused(). Then it consumes nothing. Throws std::bad_alloc if
    /// there is no memory for trailers.
    [[nodiscard]] piece next(std::string_view bytes);
    /// Tells that the connection has ended. A body that goes on until then is done. Any other that is not done is
    /// refused with reason::cut_off: what has come is only a part.
    void end() noexcept;

    /// Returns true if the whole body was read, or if it was refused.
    [[nodiscard]] bool is_done() const noexcept { return state_ == state::done; }
    [[nodiscard]] bool is_refused() const noexcept { return state_ == state::refused; }
    /// Returns why and where, if is_refused(). The offset counts bytes of body and frame, from 0.
    [[nodiscard]] const http::refusal& refusal() const noexcept { return refusal_; }
    /// Returns how many bytes of the body have come.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    /// Returns the trailers, if is_done(). Do not mix them with the fields of the head.
    [[nodiscard]] const fields& trailers() const noexcept { return trailers_; }

  private:
    enum class state : std::uint8_t {
        data,         // `left_` bytes follow
        until_close,  //
        chunk_begin,  // the first digit of a size
        chunk_size,   // more digits, or the end of the size
        extension,    // behind a semicolon, up to CR
        size_lf,      // behind the CR of a line with a size
        chunk_cr,     // behind the data of a chunk
        chunk_lf,     //
        trailer,      // lines, the last one empty
        done,
        refused,
    };

    void refuse(reason why, std::uint64_t at) noexcept {
        refusal_ = {why, 0, static_cast<std::size_t>(at), 0};
        state_ = state::refused;
    }
    void refuse_byte(char c, reason otherwise) noexcept {
        const auto byte = static_cast<unsigned char>(c);
        refuse(c == '\n'                                                ? reason::bare_lf
               : c == '\0'                                              ? reason::nul
               : (byte < ' ' && c != '\t' && c != '\r') || byte == 0x7f ? reason::control_character
                                                                        : otherwise,
               offset_);
    }
    void frame(char c) noexcept;
    void end_of_size() noexcept;
    std::size_t trailer(std::string_view bytes);
    void parse_trailers();

    limits bounds_;
    state state_ = state::done;
    bool is_chunked_ = false;
    std::uint8_t digits_ = 0;
    std::uint64_t left_ = 0;    // of the body, or of the chunk
    std::uint64_t size_ = 0;    // of the body so far
    std::uint64_t offset_ = 0;  // of the next byte, in the body with its frame
    std::size_t extensions_ = 0;
    http::refusal refusal_{};
    std::string lines_;  // the trailers as they came
    fields trailers_;
};

/// Returns the line before a chunk of `size` bytes: "5\r\n" for 5. Behind the data comes "\r\n". `size` must not be 0,
/// because that would be the end of the body.
[[nodiscard]] inline std::string write_chunk_head(std::uint64_t size) {
    std::array<char, 18> text{};
    char* p = text.data() + text.size();
    *--p = '\n';
    *--p = '\r';
    do {
        *--p = netnotes::detail::hexadecimal_digits[size & 15];
        size >>= 4;
    } while (size != 0);
    return {p, text.data() + text.size()};
}
/// The end of a body in chunks, without trailers.
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

// ========================================================================================================
// How it is done
// ========================================================================================================

inline body_decoder::body_decoder(framing how, const limits& bounds) noexcept : bounds_{bounds} {
    switch (how.how) {
        case framing::kind::none: break;
        case framing::kind::length:
            left_ = how.length;
            state_ = left_ == 0 ? state::done : state::data;
            if (left_ > bounds_.body) refuse(reason::body_too_large, 0);
            break;
        case framing::kind::chunked:
            is_chunked_ = true;
            state_ = state::chunk_begin;
            break;
        case framing::kind::until_close: state_ = state::until_close; break;
    }
}

inline body_decoder::piece body_decoder::next(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size()) {
        std::size_t count = bytes.size() - used;
        switch (state_) {
            case state::until_close:
                if (count > bounds_.body - size_) {
                    refuse(reason::body_too_large, bounds_.body);
                    return {{}, used};
                }
                size_ += count;
                offset_ += count;
                return {bytes.substr(used), used + count};
            case state::data: {
                count = static_cast<std::size_t>(std::min<std::uint64_t>(count, left_));
                left_ -= count;
                size_ += count;
                offset_ += count;
                if (left_ == 0) state_ = is_chunked_ ? state::chunk_cr : state::done;
                return {bytes.substr(used, count), used + count};
            }
            case state::trailer: used += trailer(bytes.substr(used)); break;
            case state::done:
            case state::refused: return {{}, used};
            default:
                frame(bytes[used]);
                if (state_ == state::refused) return {{}, used};
                ++used;
                ++offset_;
        }
    }
    return {{}, used};
}

inline void body_decoder::end() noexcept {
    if (state_ == state::until_close)
        state_ = state::done;
    else if (state_ != state::done && state_ != state::refused)
        refuse(reason::cut_off, offset_);
}

/// Takes a byte of the frame of a chunk.
inline void body_decoder::frame(char c) noexcept {
    switch (state_) {
        case state::chunk_begin:
        case state::chunk_size: {
            const unsigned digit = netnotes::detail::hexadecimal_value[static_cast<unsigned char>(c)];
            if (digit < 16) {
                if (state_ == state::chunk_begin) left_ = digits_ = 0;
                if (++digits_ > 16) return refuse(reason::chunk_size_too_large, offset_);
                left_ = left_ << 4 | digit;
                state_ = state::chunk_size;
                return;
            }
            if (state_ == state::chunk_begin) return refuse_byte(c, reason::bad_chunk_size);
            if (c == '\r')
                state_ = state::size_lf;
            else if (c == ';') {
                state_ = state::extension;
                if (++extensions_ > bounds_.extensions) refuse(reason::extensions_too_large, offset_);
            } else
                refuse_byte(c, reason::bad_extension);
            return;
        }
        case state::extension:
            if (c == '\r') {
                state_ = state::size_lf;
                return;
            }
            if (!detail::is(detail::value_character, c)) return refuse_byte(c, reason::bad_extension);
            if (++extensions_ > bounds_.extensions) refuse(reason::extensions_too_large, offset_);
            return;
        case state::size_lf:
            if (c != '\n') return refuse(reason::bare_cr, offset_ - 1);
            return end_of_size();
        case state::chunk_cr:
            if (c != '\r') return refuse(c == '\n' ? reason::bare_lf : reason::missing_chunk_end, offset_);
            state_ = state::chunk_lf;
            return;
        default:
            if (c != '\n') return refuse(reason::bare_cr, offset_ - 1);
            state_ = state::chunk_begin;
            return;
    }
}

inline void body_decoder::end_of_size() noexcept {
    if (left_ > bounds_.body - size_) return refuse(reason::body_too_large, offset_);
    state_ = left_ == 0 ? state::trailer : state::data;
}

/// Takes bytes of the trailers, up to the end of a line, and returns how many.
inline std::size_t body_decoder::trailer(std::string_view bytes) {
    const std::size_t line = bytes.find('\n');
    std::size_t count = line == bytes.npos ? bytes.size() : line + 1;
    // Two bytes more than the limit, because the empty line at the end is no trailer.
    const std::size_t room = std::min(bounds_.trailers, std::size_t{1} << 30) + 2 - lines_.size();
    if (count > room) {
        offset_ += room;
        refuse(reason::trailers_too_large, offset_);
        return room;
    }
    lines_.append(bytes.substr(0, count));
    offset_ += count;
    if (line == bytes.npos) return count;
    const std::string_view all = lines_;
    if (!all.ends_with("\r\n") || all == "\r\n" || all.ends_with("\n\r\n")) parse_trailers();
    return count;
}

inline void body_decoder::parse_trailers() {
    state_ = state::done;
    if (lines_ == "\r\n") return;
    detail::trailer_head head;
    limits bounds = bounds_;
    bounds.fields = lines_.size();
    const head_result result = detail::head_reader{lines_, bounds}.read_fields(head);
    if (!result.is_complete()) return refuse(result.refusal.why, offset_ - lines_.size() + result.refusal.offset);
    detail::checked_fields::assign(trailers_, head.fields());
    lines_.clear();
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_BODY_HPP
