// netnotes/http/parser.hpp: the head of a message, read strictly and fast
// SPDX-License-Identifier: MIT
//
// The head is the first line, the fields, and the empty line behind them. TCP may cut it anywhere, so the parser is
// asked again with more bytes until the head is whole:
//
//        http::request_head head;
//        http::head_progress seen;
//        auto result = http::parse_head(bytes, seen, head);
//        if (result.is_complete())
//            use(head.target, bytes.substr(result.size));           // the body begins there
//        else if (result.is_refused())
//            answer(result.refusal.message(bytes));                 // a sentence with line, place and rule
//        else
//            read_more();                                           // and ask again with all bytes, old and new
//
// If a head arrives byte by byte, parsing it from the start each time would take time in the square of its size. So
// after a first attempt only the end of the head is looked for, in the bytes that are new, and `seen` remembers how
// far. Then it is parsed once more. The result is the same whatever the cuts.
//
// Why it is fast: a table tells for each byte whether it may stand in a token. Values are checked eight bytes at a
// time, and this check also finds the end of the line.
//
// On this page:  framing · request_head, response_head · head_progress, head_result, parse_head · to_request,
// to_response
// Sources:       RFC 9112 §2 to §6
// Beside it:     http/refusal.hpp, all rules; http/head.hpp, the result; http/body.hpp, the bytes behind the head

#ifndef NETNOTES_HTTP_PARSER_HPP
#define NETNOTES_HTTP_PARSER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "head.hpp"
#include "refusal.hpp"
#include "status.hpp"
#include "syntax.hpp"
#include "target.hpp"

namespace netnotes::http {

/// How far parse_head() has looked. Begin each message with a new object.
struct head_progress {
    std::size_t seen = 0;        ///< bytes in which no end of the head was found
    std::size_t start_line = 0;  ///< where the second line begins; 0: not known yet
};

/// The result of parse_head().
struct head_result {
    /// The state of the parser.
    enum class outcome : std::uint8_t { complete, more, refused };
    outcome what = outcome::more;
    std::size_t size = 0;     ///< of the head with its empty line, if it is complete
    http::refusal refusal{};  ///< if it is refused

    /// Returns whether this is the outcome; so do the functions below.
    [[nodiscard]] bool is_complete() const noexcept { return what == outcome::complete; }
    [[nodiscard]] bool is_refused() const noexcept { return what == outcome::refused; }
    [[nodiscard]] bool needs_more() const noexcept { return what == outcome::more; }
};

/// Reads the head of a request from the beginning of `bytes`. If it returns `more`, call it again when bytes have come:
/// with the old bytes and the new ones behind them, at any place in memory, and the same `seen`. One empty line before
/// the request is skipped (RFC 9112 §2.2). If the result is not complete, the content of `head` means nothing. Never
/// reads beyond `bytes`, allocates nothing, and throws nothing.
[[nodiscard]] head_result parse_head(std::string_view bytes, head_progress& seen, request_head& head,
                                     const limits& bounds = {}) noexcept;
/// Does the same for the head of a response.
[[nodiscard]] head_result parse_head(std::string_view bytes, head_progress& seen, response_head& head,
                                     const limits& bounds = {}) noexcept;

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Returns the place of the first byte that no target has: below 0x21, from 0x7f on, or '#'. It looks at eight bytes in
/// one step, as skip_value() does.
inline const char* skip_target(const char* p, const char* last) noexcept {
    constexpr std::uint64_t ones = 0x0101'0101'0101'0101;
    constexpr std::uint64_t high = ones * 0x80, low = ones * 0x7f;
    while (last - p >= 8) {
        std::uint64_t word;
        std::memcpy(&word, p, sizeof word);
        const std::uint64_t from_exclamation = (word & low) + ones * 0x5f;    // the highest bit is set from 0x21 on
        const std::uint64_t from_delete = word | ((word & low) + ones);       // ... from 0x7f on
        const std::uint64_t is_not_hash = ((word ^ ones * '#') & low) + low;  // ... if it is not '#' below 0x80
        const std::uint64_t mask = ~(from_exclamation & ~from_delete & is_not_hash) & high;
        if (mask != 0) return p + first_byte(mask);
        p += 8;
    }
    while (p != last && is(target_character, *p)) ++p;
    return p;
}

/// The fields behind the last chunk.
struct trailer_head : message_head {};

/// The parser of both heads.
class head_reader {
  public:
    head_reader(std::string_view bytes, const limits& bounds) noexcept
        : first_{bytes.data()}, last_{bytes.data() + bytes.size()}, p_{first_}, line_begin_{first_}, bounds_{bounds} {}

    template <class Head>
    head_result read(Head& head) noexcept {
        head.count_ = 0;
        head.keeps_alive = true;
        head.is_chunked = head.has_length = false;
        head.length = 0;
        head.upgrade = {};
        if constexpr (std::is_same_v<Head, request_head>) head.expects_continue = false;
        if (start_line(head) && all_fields(head) && is_consistent(head)) {
            using outcome = head_result::outcome;
            return {outcome::complete, static_cast<std::size_t>(p_ - first_), {}};
        }
        return result_;
    }

    /// Reads fields and the empty line, without a first line and without meaning.
    head_result read_fields(trailer_head& head) noexcept {
        fields_begin_ = p_;
        if (!all_fields(head)) return result_;
        return {head_result::outcome::complete, offset_of(p_), {}};
    }

    /// Looks for the end of a head in bytes that are new. Returns true if it is time to parse: at the end, at a line
    /// that is refused anyway, and beyond the limits.
    static bool is_worth_parsing(std::string_view bytes, head_progress& seen, const limits& bounds) noexcept {
        while (seen.seen < bytes.size()) {
            const std::size_t at = bytes.find('\n', seen.seen);
            if (at == bytes.npos) break;
            if (at == 0 || bytes[at - 1] != '\r') return true;
            if (at >= 2 && bytes[at - 2] == '\n') return true;
            seen.seen = at + 1;
            if (seen.start_line == 0 && at > 1) seen.start_line = seen.seen;
        }
        seen.seen = bytes.size();
        if (seen.start_line == 0) return bytes.size() > bounds.start_line;
        return bytes.size() - seen.start_line > bounds.fields;
    }

    /// Returns where the second line begins, or 0 if it has not come.
    [[nodiscard]] std::size_t fields_at() const noexcept {
        return fields_begin_ == nullptr ? 0 : offset_of(fields_begin_);
    }

  private:
    // Each step returns false when it cannot go on; result_ then says why. At the end of the bytes it is `more`.
    bool refuse(reason why, const char* at) noexcept {
        result_ = {head_result::outcome::refused, 0, {why, line_, offset_of(at), offset_of(line_begin_)}};
        return false;
    }
    /// Refuses something in the previous line, which began at `line`.
    bool refuse_line(reason why, const char* at, const char* line) noexcept {
        result_ = {head_result::outcome::refused, 0, {why, line_ - 1, offset_of(at), offset_of(line)}};
        return false;
    }
    [[nodiscard]] std::size_t offset_of(const char* at) const noexcept { return static_cast<std::size_t>(at - first_); }
    /// The bytes end inside the first line.
    bool more_of_start_line() noexcept {
        if (static_cast<std::size_t>(last_ - line_begin_) > bounds_.start_line + 1)  // 1: a CR may be there
            return refuse(reason::start_line_too_long, line_begin_ + bounds_.start_line);
        return false;
    }
    bool more_of_fields() noexcept {
        if (static_cast<std::size_t>(last_ - fields_begin_) > bounds_.fields)
            return refuse(reason::fields_too_large, fields_begin_ + bounds_.fields);
        return false;
    }
    /// A byte that may not stand in any line, or not there.
    bool refuse_byte(const char* at, reason otherwise) noexcept {
        switch (*at) {
            case '\0': return refuse(reason::nul, at);
            case '\n': return refuse(reason::bare_lf, at);
            case '\r': return refuse(at + 1 != last_ && at[1] == '\n' ? otherwise : reason::bare_cr, at);
            default: break;
        }
        const auto byte = static_cast<unsigned char>(*at);
        return refuse((byte < ' ' && byte != '\t') || byte == 0x7f ? reason::control_character : otherwise, at);
    }
    const char* skip(character kind, const char* p) const noexcept {
        while (p != last_ && is(kind, *p)) ++p;
        return p;
    }
    /// Steps over CR LF.
    [[gnu::always_inline]] bool end_of_line(reason otherwise) noexcept {
        if (last_ - p_ < 2 || p_[0] != '\r' || p_[1] != '\n') [[unlikely]]
            return is_no_end_of_line(otherwise);
        p_ += 2;
        ++line_;
        line_begin_ = p_;
        return true;
    }
    [[gnu::noinline]] bool is_no_end_of_line(reason otherwise) noexcept {
        if (p_ == last_) return false;
        if (*p_ != '\r') return refuse_byte(p_, otherwise);
        return p_ + 1 != last_ && refuse(reason::bare_cr, p_);
    }

    bool start_line(request_head& head) noexcept {
        if (p_ == last_) return false;
        if (*p_ == '\r') {  // an old browser sends CR LF behind the body of a POST
            if (p_ + 1 == last_) return false;
            if (!end_of_line(reason::empty_line)) return false;
            if (p_ == last_) return false;
        }
        return finish_start_line(request_line(head));
    }
    bool start_line(response_head& head) noexcept { return finish_start_line(status_line(head)); }
    bool finish_start_line(bool has_line) noexcept {
        if (has_line) return true;
        if (!result_.is_refused()) return more_of_start_line();
        // A line that is too long is refused for that, whatever is wrong behind the limit: else the cuts would decide.
        if (result_.refusal.offset > result_.refusal.line_begin + bounds_.start_line)
            refuse(reason::start_line_too_long, line_begin_ + bounds_.start_line);
        return false;
    }
    bool request_line(request_head& head) noexcept {
        const char* const name = p_;
        const bool is_get = last_ - p_ >= 4 && std::memcmp(p_, "GET ", 4) == 0;  // usually
        p_ = is_get ? p_ + 3 : skip(token_character, p_);
        if (p_ == last_) return false;
        if (p_ == name) {
            if (*p_ == 0x16) return refuse(reason::tls, p_);
            if (*p_ == '\r' && p_ + 1 == last_) return false;
            return refuse_byte(p_, *p_ == '\r' ? reason::empty_line : reason::bad_method);
        }
        if (*p_ != ' ') {
            if (*p_ == '\r' && p_ + 1 == last_) return false;
            return refuse_byte(p_, *p_ == '\r' ? reason::missing_target : reason::bad_method);
        }
        head.method_name = {name, static_cast<std::size_t>(p_ - name)};
        head.method = is_get ? method::get : read_method(head.method_name);

        const char* const target = ++p_;
        p_ = skip_target(p_, last_);
        if (p_ == last_) return false;
        if (*p_ == '\r' && p_ + 1 == last_) return false;
        if (*p_ != ' ') return refuse_byte(p_, *p_ == '\r' ? reason::missing_version : reason::bad_target);
        if (p_ == target) return refuse(reason::spaces, p_);
        head.target = {target, static_cast<std::size_t>(p_ - target)};
        ++p_;
        if (!version(head)) return false;
        if (!end_of_line(p_ != last_ && *p_ == ' ' ? reason::spaces : reason::bad_version)) return false;
        fields_begin_ = p_;
        if (static_cast<std::size_t>(p_ - 2 - name) > bounds_.start_line)
            return refuse_line(reason::start_line_too_long, name + bounds_.start_line, name);
        return target_is_right(head, name);
    }
    template <class Head>
    bool version(Head& head) noexcept {
        if (last_ - p_ >= 8 && std::memcmp(p_, "HTTP/1.", 7) == 0 && (p_[7] == '1' || p_[7] == '0')) {
            head.keeps_alive = p_[7] == '1';
            head.minor_version = head.keeps_alive ? 1 : 0;
            p_ += 8;
            return true;
        }
        constexpr std::string_view prefix = "HTTP/";
        for (const char c : prefix) {
            if (p_ == last_) return false;
            if (*p_ != c) {
                if (*p_ == '\r' && p_ + 1 == last_) return false;
                return refuse_byte(p_, *p_ == ' ' ? reason::spaces : reason::bad_version);
            }
            ++p_;
        }
        int digits[2] = {};
        for (int i = 0; i < 3; ++i, ++p_) {
            if (p_ == last_) return false;
            const bool fits = i == 1 ? *p_ == '.' : netnotes::detail::digit_value(*p_) <= 9;
            if (!fits) {
                if (*p_ == '\r' && p_ + 1 == last_) return false;
                return refuse_byte(p_, reason::bad_version);
            }
            if (i != 1) digits[i / 2] = *p_ - '0';
        }
        if (digits[0] != 1) return refuse(reason::unsupported_version, p_ - 3);
        head.minor_version = digits[1] == 0 ? 0 : 1;
        head.keeps_alive = digits[1] != 0;
        return true;
    }
    bool target_is_right(request_head& head, const char* name) noexcept {
        const auto wrong = [&](reason why, std::size_t place) {
            return refuse_line(why, head.target.data() + place, name);
        };
        if (head.method == method::connect) return wrong(reason::no_tunnels, 0);
        std::string_view path = head.target;
        if (path[0] != '/') {
            if (path == "*") return head.method == method::options || wrong(reason::target_form, 0);
            const std::size_t scheme = size_of_scheme(path);
            if (scheme == 0) return wrong(reason::target_form, 0);
            const std::size_t end = std::min(path.find_first_of("/?", scheme), path.size());
            if (end == scheme || !is_authority(path.substr(scheme, end - scheme)))
                return wrong(reason::target_form, scheme);
            path.remove_prefix(end);
        }
        if (path.find('%') == path.npos) return true;
        bool is_nul = false;
        const std::size_t place = wrong_percent(path.substr(0, path.find('?')), is_nul);
        if (place == path.npos) return true;
        return wrong(is_nul ? reason::nul_in_path : reason::percent, head.target.size() - path.size() + place);
    }

    bool status_line(response_head& head) noexcept {
        if (!version(head)) return false;
        if (p_ == last_) return false;
        if (*p_ != ' ') {
            if (*p_ == '\r' && p_ + 1 == last_) return false;
            return refuse_byte(p_, *p_ == '\r' ? reason::bad_status : reason::bad_version);
        }
        ++p_;
        int code = 0;
        for (int i = 0; i < 3; ++i, ++p_) {
            if (p_ == last_) return false;
            if (netnotes::detail::digit_value(*p_) > 9 || (i == 0 && *p_ == '0')) {
                if (*p_ == '\r' && p_ + 1 == last_) return false;
                return refuse_byte(p_, reason::bad_status);
            }
            code = code * 10 + (*p_ - '0');
        }
        head.status = http::status{code};
        if (p_ == last_) return false;
        if (*p_ == ' ')
            ++p_;
        else if (*p_ != '\r')  // many servers leave out the space behind the number if no words follow
            return refuse_byte(p_, reason::bad_status);
        const char* const words = p_;
        p_ = skip_value(p_, last_);
        head.reason = {words, static_cast<std::size_t>(p_ - words)};
        const char* const line = line_begin_;
        if (!end_of_line(reason::control_character)) return false;
        fields_begin_ = p_;
        if (static_cast<std::size_t>(p_ - 2 - line) > bounds_.start_line)
            return refuse_line(reason::start_line_too_long, line + bounds_.start_line, line);
        return true;
    }

    template <class Head>
    bool all_fields(Head& head) noexcept {
        for (;;) {
            const step taken = one_field(head);
            if (taken == step::next) continue;
            if (taken == step::end) return true;
            if (!result_.is_refused()) return more_of_fields();
            if (result_.refusal.why != reason::fields_too_large &&  // as at the start line
                result_.refusal.offset >= offset_of(fields_begin_) + bounds_.fields)
                refuse(reason::fields_too_large, fields_begin_ + bounds_.fields);
            return false;
        }
    }
    enum class step : std::uint8_t { next, end, stop };
    template <class Head>
    step one_field(Head& head) noexcept {
        const char* const name = p_;
        p_ = skip(token_character, p_);
        if (p_ == last_) return step::stop;
        if (p_ == name && *p_ == '\r') {
            if (!end_of_line(reason::bare_cr)) return step::stop;
            return fits(name) ? step::end : step::stop;
        }
        if (p_ == name || *p_ != ':') {
            wrong_name(name);
            return step::stop;
        }
        const auto name_size = static_cast<std::size_t>(p_ - name);
        ++p_;
        while (p_ != last_ && (*p_ == ' ' || *p_ == '\t')) ++p_;
        const char* const value = p_;
        p_ = skip_value(p_, last_);
        const char* end = p_;
        if (!end_of_line(reason::control_character) || !fits(name)) return step::stop;
        while (end != value && (end[-1] == ' ' || end[-1] == '\t')) --end;

        if (head.count_ >= std::min(bounds_.field_count, message_head::max_fields)) {
            refuse_line(reason::too_many_fields, name, name);
            return step::stop;
        }
        field& added = head.fields_[head.count_++];
        added = {{name, name_size}, {value, static_cast<std::size_t>(end - value)}};
        if (const reason why = meaning(head, added); why != reason::none) {
            refuse_line(why, value, name);
            return step::stop;
        }
        return step::next;
    }
    /// Returns false if the line that has just ended, and began at `line`, is beyond the limit.
    bool fits(const char* line) noexcept {
        if (static_cast<std::size_t>(p_ - fields_begin_) <= bounds_.fields) return true;
        return refuse_line(reason::fields_too_large, fields_begin_ + bounds_.fields, line);
    }
    /// Finds out what is wrong with the name of a field: p_ is at the first byte that no token has.
    bool wrong_name(const char* name) noexcept {
        if (*p_ == ':') return refuse(reason::empty_name, p_);
        const bool is_space = *p_ == ' ' || *p_ == '\t';
        if (is_space && p_ == name) return refuse(reason::fold, p_);
        if (is_space) {  // "Host : a" or "Host a"
            if (p_ + 1 == last_) return false;
            const bool is_before_colon = p_[1] == ':' || p_[1] == ' ' || p_[1] == '\t';
            return refuse(is_before_colon ? reason::space_before_colon : reason::missing_colon, p_);
        }
        if (*p_ == '\r' && p_ + 1 == last_) return false;
        return refuse_byte(p_, *p_ == '\r' ? reason::missing_colon : reason::bad_name);
    }

    // ---- the fields that mean something to a parser

    template <class Head>
    reason meaning(Head& head, const field& it) noexcept {
        if constexpr (std::is_same_v<Head, trailer_head>) return reason::none;
        switch (it.name.size()) {
            case 4:
                if constexpr (std::is_same_v<Head, request_head>)
                    if (same_name(it.name, "host")) return host(head, it.value);
                break;
            case 6:
                if constexpr (std::is_same_v<Head, request_head>)
                    if (same_name(it.name, "expect")) return expect(head, it.value);
                break;
            case 7:
                if (same_name(it.name, "upgrade")) upgrade_ = it.value;
                break;
            case 10:
                if (same_name(it.name, "connection")) connection(it.value);
                break;
            case 14:
                if (same_name(it.name, "content-length")) return content_length(head, it.value);
                break;
            case 17:
                if (same_name(it.name, "transfer-encoding")) return transfer_encoding(head, it.value);
                break;
            default: break;
        }
        return reason::none;
    }
    reason host(request_head& head, std::string_view value) noexcept {
        if (has_host_) return reason::second_host;
        has_host_ = true;
        head.host = value;
        return is_authority(value) ? reason::none : reason::bad_host;
    }
    reason expect(request_head& head, std::string_view value) noexcept {
        if (!same_name(value, "100-continue")) return reason::bad_expectation;
        head.expects_continue = head.minor_version > 0;  // a client of 1.0 would not understand the 100
        return reason::none;
    }
    void connection(std::string_view value) noexcept {
        for_each_element(value, [&](std::string_view word) {
            if (same_name(word, "close")) closes_ = true;
            if (same_name(word, "keep-alive")) keeps_alive_ = true;
            if (same_name(word, "upgrade")) upgrades_ = true;
        });
    }
    static reason content_length(message_head& head, std::string_view value) noexcept {
        if (head.is_chunked) return reason::length_and_coding;
        if (head.has_length) return reason::second_length;
        const auto length = read_decimal(value);
        if (!length) return reason::bad_length;
        head.has_length = true;
        head.length = *length;
        return reason::none;
    }
    static reason transfer_encoding(message_head& head, std::string_view value) noexcept {
        if (head.minor_version == 0) return reason::coding_in_1_0;
        if (head.has_length) return reason::length_and_coding;
        if (head.is_chunked) return reason::second_coding;
        head.is_chunked = true;
        if (same_name(value, "chunked")) return reason::none;
        // `gzip, chunked` is legal, but there is no gzip here. `gzip` alone leaves a request without an end.
        std::string_view last;
        std::size_t count = 0;
        bool is_chunked_before = false;
        for_each_element(value, [&](std::string_view coding) {
            is_chunked_before = is_chunked_before || same_name(last, "chunked");
            last = coding;
            ++count;
        });
        if (!same_name(last, "chunked")) return reason::chunked_not_last;
        return count > 1 && !is_chunked_before ? reason::unknown_coding : reason::bad_coding;
    }

    bool is_consistent(request_head& head) noexcept {
        conclude(head);
        if (!has_host_) {
            head.host = {};
            if (head.minor_version > 0) return refuse_line(reason::missing_host, p_ - 2, p_ - 2);
        }
        return true;
    }
    bool is_consistent(response_head& head) noexcept {
        conclude(head);
        return true;
    }
    void conclude(message_head& head) noexcept {
        head.keeps_alive = !closes_ && (head.keeps_alive || keeps_alive_);
        if (upgrades_) head.upgrade = upgrade_;
    }

    const char* const first_;
    const char* const last_;
    const char* p_;
    const char* line_begin_;
    const char* fields_begin_ = nullptr;
    const limits& bounds_;
    std::size_t line_ = 1;
    std::string_view upgrade_;
    bool has_host_ = false, closes_ = false, keeps_alive_ = false, upgrades_ = false;
    head_result result_;
};

template <class Head>
head_result parse_any_head(std::string_view bytes, head_progress& seen, Head& head, const limits& bounds) noexcept {
    if (seen.seen > 0 && !head_reader::is_worth_parsing(bytes, seen, bounds)) return {};
    head_reader reader{bytes, bounds};
    const head_result result = reader.read(head);
    if (result.needs_more()) {
        seen.seen = bytes.size();
        seen.start_line = reader.fields_at();
    }
    return result;
}

}  // namespace detail

inline head_result parse_head(std::string_view bytes, head_progress& seen, request_head& head,
                              const limits& bounds) noexcept {
    return detail::parse_any_head(bytes, seen, head, bounds);
}
inline head_result parse_head(std::string_view bytes, head_progress& seen, response_head& head,
                              const limits& bounds) noexcept {
    return detail::parse_any_head(bytes, seen, head, bounds);
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_PARSER_HPP
