// tests/fuzz/tftp_uri.cpp: tftp://host[:port]/file[;mode=...][?blksize=...]
// SPDX-License-Identifier: MIT
//
// The test writes each URI that it has read once more, with every special character as %xx, and must read the same URI.

#include "fuzz.hpp"

#include <optional>
#include <string>

#include <netnotes/tftp/uri.hpp>

namespace net = netnotes;
namespace tftp = netnotes::tftp;
using fuzz::require;

namespace {

std::string escaped(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string made;
    for (const char c : text) {
        const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const auto byte = static_cast<unsigned char>(c);
        if (is_plain)
            made += c;
        else
            made += {'%', digits[byte >> 4], digits[byte & 0xf]};
    }
    return made;
}

std::string written(const tftp::uri& what) {
    std::string text = "TFTP://";
    const std::size_t zone = what.host.find('%');
    if (!net::ipv6_address::parse(what.host))
        text += escaped(what.host);
    else
        text += '[' + what.host.substr(0, zone) +
                (zone == what.host.npos ? "]" : "%25" + escaped(what.host.substr(zone + 1)) + ']');
    text += ':' + std::to_string(what.port) + '/' + escaped(what.file_name);
    text += what.mode == tftp::mode::octet ? ";mode=OCTET" : ";MODE=netascii";
    char sign = '?';
    const auto option = [&](const char* name, const auto& value) {
        if (!value) return;
        text += sign + std::string{name} + '=' + std::to_string(*value);
        sign = '&';
    };
    option("rollover", what.options.rollover);
    option("timeout", what.options.timeout);
    option("windowsize", what.options.window_size);
    option("blksize", what.options.block_size);
    return text;
}

bool are_equal(const tftp::uri& a, const tftp::uri& b) {
    return a.host == b.host && a.port == b.port && a.file_name == b.file_name && a.mode == b.mode &&
           a.options == b.options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::as_text({data, size});
    net::parse_failure why;
    const std::optional<tftp::uri> read = tftp::uri::parse(text, why);
    try {
        const tftp::uri same = tftp::uri::parse(text);
        require(read && are_equal(same, *read), "both forms read the same");
    } catch (const net::parse_error& error) {
        require(!read && error.failure().message() == why.message(), "both forms refuse it, and say why");
        require(why.position() <= text.size(), "the place is in the text, or at its end");
    }
    if (!read) return 0;
    require(!read->host.empty() && read->host.find('\0') == read->host.npos, "there is a host, and no NUL in it");
    require(!read->file_name.empty() && read->file_name.find('\0') == read->file_name.npos, "the same of the name");
    require(read->port > 0, "port 0 is no port");
    require(!read->options.transfer_size, "a size is no wish");
    const auto again = tftp::uri::parse(written(*read), why);
    require(again && are_equal(*again, *read), "what is written again reads as the same");
    return 0;
}
