// netnotes/tftp/uri.hpp: the name of a file on a TFTP server
// SPDX-License-Identifier: MIT
//
//        tftp://192.0.2.1/boot/kernel.img;mode=octet?blksize=1428&windowsize=16
//
// On this page:  uri
// The notes:     tftp 客户端; example 14

#ifndef NETNOTES_TFTP_URI_HPP
#define NETNOTES_TFTP_URI_HPP

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "../ip/endpoint.hpp"
#include "packet.hpp"

namespace netnotes::tftp {

/// A URI of the form tftp://host[:port]/file[;mode=octet|netascii][?blksize=N&windowsize=N] (RFC 3617). The part behind
/// "?" is our extension, because the RFC has no way to ask for options. It may also have `timeout` and `rollover`.
///
/// An IPv6 address stands in brackets. Its zone follows %25 (RFC 6874), or a bare % if that is not ambiguous, because
/// people type it so. Elsewhere %xx is a byte.
struct uri {
    std::string host{};  ///< without brackets; a zone behind %: "fe80::1%eth0"
    std::uint16_t port = tftp::port;
    std::string file_name{};  ///< without the slash behind the host: "tftp://h//etc/motd" means "/etc/motd"
    tftp::mode mode = mode::octet;
    tftp::options options{};

    /// Reads a URI. Returns nullopt if the text is not a URI of TFTP; `why` then has the reason and its place. A user
    /// (`me@host`) or a fragment (`file#part`) is refused, because TFTP has neither.
    [[nodiscard]] static std::optional<uri> parse(std::string_view text, parse_failure& why);
    /// Reads a URI and returns it. Throws parse_error.
    [[nodiscard]] static uri parse(std::string_view text);
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// The place of a fault is counted in the whole text.
class uri_reader {  // (In a reason '%', '#' and '@' would stand for numbers, see parse_failure.)
  public:
    uri_reader(std::string_view text, parse_failure& why) noexcept : text_{text}, why_{why} {}

    std::optional<uri> read() {
        constexpr std::string_view scheme = "tftp://";
        if (!same_word(text_.substr(0, scheme.size()), scheme)) return refused("it does not begin with tftp://", 0);
        const std::size_t host = scheme.size();
        const std::size_t slash = std::min(text_.find_first_of("/?#", host), text_.size());
        if (!read_authority(host, slash)) return std::nullopt;
        if (!text_.substr(slash).starts_with('/')) return refused("a file name is missing", slash);
        if (const std::size_t fragment = text_.find('#', slash); fragment != text_.npos)
            return refused("TFTP knows no fragments; in a name write a percent sign and 23", fragment);
        const std::size_t query = std::min(text_.find('?', slash), text_.size());
        const std::size_t semicolon = std::min(text_.find(';', slash), query);
        if (!decode(slash + 1, semicolon, result_.file_name)) return std::nullopt;
        if (result_.file_name.empty()) return refused("a file name is missing", slash + 1);
        if (semicolon < query && !read_mode(semicolon + 1, query)) return std::nullopt;
        if (query < text_.size() && !read_options(query + 1)) return std::nullopt;
        return result_;
    }

  private:
    std::nullopt_t refused(std::string_view reason, std::size_t place) noexcept {
        why_ = parse_failure{reason, place};
        return std::nullopt;
    }
    bool read_authority(std::size_t begin, std::size_t end) {
        const std::string_view all = text_.substr(begin, end - begin);
        if (const std::size_t at = all.find('@'); at != all.npos)
            return refused("TFTP knows no users: nothing stands before the host", begin), false;
        std::size_t behind_host = std::min(all.find(':'), all.size());
        if (all.starts_with('[')) {
            const std::size_t bracket = all.find(']');
            if (bracket == all.npos) return refused("']' is missing", end), false;
            if (!read_ipv6(begin + 1, begin + bracket)) return false;
            behind_host = bracket + 1;
        } else if (!decode(begin, begin + behind_host, result_.host))
            return false;
        if (result_.host.empty()) return refused("a host is missing", begin), false;
        if (behind_host == all.size()) return true;
        if (all[behind_host] != ':') return refused("behind ']' comes ':' or '/'", begin + behind_host), false;
        const auto port = to_number(all.substr(behind_host + 1), 1, 65'535);
        if (!port) return refused("a port is a number from 1 to 65535", begin + behind_host + 1), false;
        result_.port = static_cast<std::uint16_t>(*port);
        return true;
    }
    /// An address, and behind %25 its zone, in which %xx is a byte (RFC 6874). A bare % is taken for its beginning
    /// where no hexadecimal digits follow: %2 is interface 2, but %25 is the %.
    bool read_ipv6(std::size_t begin, std::size_t end) {
        const std::size_t percent = std::min(text_.find('%', begin), end);
        result_.host = text_.substr(begin, percent - begin);
        if (!ipv6_address::parse(result_.host))
            return refused("what stands in brackets is no IPv6 address", begin), false;
        if (percent == end) return true;
        const std::string_view behind = text_.substr(percent + 1, end - percent - 1);
        const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f'); };
        const bool is_encoded = behind.size() >= 2 && is_digit(behind[0]) && is_digit(behind[1]);
        if (is_encoded && !behind.starts_with("25"))
            return refused("a zone stands behind a percent sign and 25 (RFC 6874)", percent), false;
        result_.host += '%';
        const std::size_t zone = percent + (is_encoded ? 3 : 1);
        if (zone == end) return refused("a zone is missing", end), false;
        if (!decode(zone, end, result_.host)) return false;
        if (!ipv6_address::parse(result_.host)) return refused("that is no zone", zone), false;
        return true;
    }
    bool read_mode(std::size_t begin, std::size_t end) noexcept {
        const std::string_view word = text_.substr(begin, end - begin);
        if (!same_word(word.substr(0, 5), "mode="))
            return refused("behind ';' comes mode=octet or mode=netascii", begin), false;
        const std::string_view value = word.substr(5);
        if (same_word(value, "netascii"))
            result_.mode = mode::netascii;
        else if (!same_word(value, "octet"))
            return refused("a mode is octet or netascii", begin + 5), false;
        return true;
    }
    bool read_options(std::size_t begin) noexcept {
        option_reader options{result_.options};
        while (begin < text_.size()) {
            const std::size_t end = std::min(text_.find('&', begin), text_.size());
            const std::string_view word = text_.substr(begin, end - begin);
            const std::size_t equals = std::min(word.find('='), word.size());
            const auto verdict = options.read(word.substr(0, equals), word.substr(std::min(equals + 1, word.size())));
            if (verdict == option_reader::verdict::unknown)
                return refused("no option of TFTP: blksize, windowsize, timeout, rollover", begin), false;
            if (verdict == option_reader::verdict::bad)
                return refused("an option out of its range, or given twice", begin), false;
            if (result_.options.transfer_size)
                return refused("tsize is no wish: how long a file is, it says itself", begin), false;
            begin = end + 1;
        }
        return true;
    }
    bool decode(std::size_t begin, std::size_t end, std::string& into) {
        for (std::size_t i = begin; i < end; ++i) {
            char byte = text_[i];
            if (byte == '%') {
                unsigned value = 0;
                const char* const digits = text_.data() + i + 1;
                if (end - i < 3 || std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2)
                    return refused("behind a percent sign come two hexadecimal digits", i + 1), false;
                byte = static_cast<char>(value);
                i += 2;
            }
            if (byte == '\0') return refused("a name has no NUL", i), false;
            into += byte;
        }
        return true;
    }

    std::string_view text_;
    parse_failure& why_;
    uri result_;
};

}  // namespace detail

inline std::optional<uri> uri::parse(std::string_view text, parse_failure& why) {
    return detail::uri_reader{text, why}.read();
}
inline uri uri::parse(std::string_view text) {
    parse_failure why;
    auto read = parse(text, why);
    if (!read) throw parse_error{"TFTP URI", text, why};
    return *std::move(read);
}

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_URI_HPP
