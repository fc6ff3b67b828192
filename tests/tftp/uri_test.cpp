// What tftp/uri.hpp promises: each part of a URI is read, and a text that is no URI is refused with its reason.

#include <netnotes/tftp/uri.hpp>

#include "../catch.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace tftp = netnotes::tftp;
using namespace std::string_literals;

namespace {

/// Why a URI is refused, and where; "" when it is not.
std::string refusal(std::string_view text) {
    netnotes::parse_failure why;
    return tftp::uri::parse(text, why) ? "" : why.message();
}

}  // namespace

TEST_CASE("a URI names host, port, file, mode and options (RFC 3617)") {
    const auto plain = tftp::uri::parse("tftp://example.com/boot/kernel.img");
    CHECK(plain.host == "example.com");
    CHECK(plain.port == 69);
    CHECK(plain.file_name == "boot/kernel.img");
    CHECK(plain.mode == tftp::mode::octet);
    CHECK_FALSE(plain.options.any());

    const auto full =
        tftp::uri::parse("TFTP://192.0.2.1:6969//etc/motd;mode=NetASCII?blksize=1428&windowsize=16&timeout=2");
    CHECK(full.host == "192.0.2.1");
    CHECK(full.port == 6969);
    CHECK(full.file_name == "/etc/motd");
    CHECK(full.mode == tftp::mode::netascii);
    CHECK(full.options.block_size == std::uint16_t{1428});
    CHECK(full.options.window_size == std::uint16_t{16});
    CHECK(full.options.timeout == std::uint8_t{2});

    CHECK(tftp::uri::parse("tftp://h/a%20b%3fc%23;mode=octet").file_name == "a b?c#");
    CHECK(tftp::uri::parse("tftp://h/f?rollover=1").options.rollover == std::uint8_t{1});
}

TEST_CASE("an IPv6 address stands in brackets, its zone behind %25 or a percent sign that cannot be mistaken") {
    CHECK(tftp::uri::parse("tftp://[2001:db8::1]/f").host == "2001:db8::1");
    CHECK(tftp::uri::parse("tftp://[2001:db8::1]:70/f").port == 70);
    CHECK(tftp::uri::parse("tftp://[fe80::1%25eth0]/f").host == "fe80::1%eth0");
    CHECK(tftp::uri::parse("tftp://[fe80::1%eth0]/f").host == "fe80::1%eth0");
    CHECK(refusal("tftp://[fe80::1%ea0]/f").find("RFC 6874") != std::string::npos);  // %ea is a byte
    CHECK(refusal("tftp://[fe80::1%25]/f").find("a zone is missing") != std::string::npos);
    CHECK(refusal("tftp://[fe80::1%25a%20b]/f") != "");
    CHECK(refusal("tftp://[192.0.2.1]/f").find("no IPv6 address") != std::string::npos);
    CHECK(refusal("tftp://[::1/f").find("']' is missing") != std::string::npos);
    CHECK(refusal("tftp://[::1]x/f").find("behind ']'") != std::string::npos);
}

TEST_CASE("what is no URI of TFTP is refused, and said why") {
    const std::pair<const char*, const char*> refused[] = {
        {"http://h/f", "does not begin with tftp://"},
        {"tftp:/h/f", "does not begin with tftp://"},
        {"", "does not begin with tftp://"},
        {"tftp://", "a host is missing"},
        {"tftp:///f", "a host is missing"},
        {"tftp://:69/f", "a host is missing"},
        {"tftp://h", "a file name is missing"},
        {"tftp://h/", "a file name is missing"},
        {"tftp://h?blksize=8", "a file name is missing"},
        {"tftp://me@h/f", "no users"},
        {"tftp://h/f#part", "no fragments"},
        {"tftp://h:0/f", "a port is a number from 1 to 65535"},
        {"tftp://h:65536/f", "a port is a number from 1 to 65535"},
        {"tftp://h:/f", "a port is a number from 1 to 65535"},
        {"tftp://h:6x/f", "a port is a number from 1 to 65535"},
        {"tftp://h/f;octet", "behind ';' comes mode="},
        {"tftp://h/f;mode=mail", "a mode is octet or netascii"},
        {"tftp://h/f?blksize=7", "out of its range"},
        {"tftp://h/f?blksize=8&blksize=8", "given twice"},
        {"tftp://h/f?blksize", "out of its range"},
        {"tftp://h/f?color=red", "no option of TFTP"},
        {"tftp://h/f?tsize=1", "tsize is no wish"},
    };
    for (const auto& [text, why] : refused) {
        INFO(text << ": " << refusal(text));
        CHECK(refusal(text).find(why) != std::string::npos);
        CHECK_THROWS_AS(tftp::uri::parse(text), netnotes::parse_error);
    }
    for (const char* text : {"tftp://h/a%", "tftp://h/a%4", "tftp://h/a%4x", "tftp://h/a%00b", "tftp://a%00b/f"}) {
        INFO(text);
        CHECK(refusal(text) != "");
    }
}

TEST_CASE("a URI that ends in the middle of an escape is refused, whatever lies behind it in memory") {
    const std::string_view whole = "tftp://h/a%41";
    CHECK(tftp::uri::parse(whole).file_name == "aA");
    for (const std::size_t missing : {1u, 2u}) {
        netnotes::parse_failure why;
        CHECK_FALSE(tftp::uri::parse(whole.substr(0, whole.size() - missing), why));
    }
    netnotes::parse_failure why;
    CHECK_FALSE(tftp::uri::parse(std::string_view{"tftp://h%41/f"}.substr(0, 10), why));
}
