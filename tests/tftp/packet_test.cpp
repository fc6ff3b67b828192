// What tftp/packet.hpp promises: datagrams byte for byte.

#include <netnotes/tftp/packet.hpp>

#include "../catch.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace tftp = netnotes::tftp;
using namespace std::string_literals;

namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
    const auto* const begin = reinterpret_cast<const std::byte*>(text.data());
    return {begin, begin + text.size()};
}
std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
template <class Write>
std::string written(const Write& write) {
    std::array<std::byte, tftp::max_request_size> room;
    return text_of(std::span{room}.first(write(std::span{room})));
}

}  // namespace

TEST_CASE("a request is written byte for byte as in RFC 1350 and RFC 2347, and read back") {
    const tftp::options wished{
        .block_size = 1428, .window_size = 16, .timeout = 3, .transfer_size = 0, .rollover = std::nullopt};
    const auto request = written([&](auto room) {
        return tftp::write_request(room, tftp::opcode::read_request, "motd", tftp::mode::octet, wished);
    });
    CHECK(request == "\0\1motd\0octet\0blksize\0001428\0windowsize\00016\0timeout\0003\0tsize\0000\0"s);
    const auto bytes = bytes_of(request);
    const auto read = tftp::parse(bytes);
    REQUIRE(read);
    CHECK(read->what == tftp::opcode::read_request);
    CHECK(read->file_name == "motd");
    CHECK(read->mode == tftp::mode::octet);
    CHECK(read->options == wished);
    CHECK_FALSE(read->has_bad_option);
}

TEST_CASE("a request that does not fit, or whose name is empty or has a NUL, is not written") {
    const auto size = [](std::string_view name) {
        std::array<std::byte, tftp::max_request_size> room;
        return tftp::write_request(room, tftp::opcode::write_request, name, tftp::mode::netascii, {});
    };
    CHECK(size("a") == 2 + 2 + 9);
    CHECK(size("") == 0);
    CHECK(size("a\0b"s) == 0);
    CHECK(size(std::string(tftp::max_request_size - 12, 'a')) == tftp::max_request_size);
    CHECK(size(std::string(tftp::max_request_size - 11, 'a')) == 0);
}

TEST_CASE("the other datagrams are written byte for byte") {
    CHECK(written([](auto room) { return tftp::write_data_header(room, 0x102); }) == "\0\3\1\2"s);
    CHECK(written([](auto room) { return tftp::write_acknowledgment(room, 65'535); }) == "\0\4\xff\xff"s);
    CHECK(written([](auto room) {
              return tftp::write_option_acknowledgment(room, {.block_size = 65'464,
                                                              .window_size = std::nullopt,
                                                              .timeout = std::nullopt,
                                                              .transfer_size = ~std::uint64_t{0},
                                                              .rollover = 1});
          }) == "\0\6blksize\00065464\0tsize\00018446744073709551615\0rollover\0001\0"s);
    CHECK(written([](auto room) { return tftp::write_error(room, tftp::error::file_not_found, "no\0pe"s); }) ==
          "\0\5\0\1no\0"s);
}

TEST_CASE("the message of an error is cut to what fits, and the NUL behind it stays") {
    std::array<std::byte, 8> room;
    const auto size = tftp::write_error(room, tftp::error::disk_full, "full to the brim");
    CHECK(text_of(std::span{room}.first(size)) == "\0\5\0\3ful\0"s);
}

TEST_CASE("of a datagram that is cut off anywhere nothing is read that was not there") {
    for (const auto& whole :
         {"\0\1motd\0octet\0blksize\0001428\0"s, "\0\2f\0NetASCII\0"s, "\0\6tsize\0007\0"s, "\0\4\0\7"s}) {
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const auto cut = bytes_of(whole.substr(0, size));
            const auto read = tftp::parse(cut);
            INFO("of " << whole.size() << " bytes " << size);
            CHECK(tftp::begins_as_request(cut) == (size >= 2 && whole[1] <= '\2'));
            if (!read) continue;
            // A request must end with a NUL. An option acknowledgment that is cut is read, and is a bad one.
            CHECK((whole[size - 1] == '\0' || read->what == tftp::opcode::option_acknowledgment));
            CHECK_FALSE(read->options.any());
            const bool is_cut_option = size > 2 && read->what == tftp::opcode::option_acknowledgment;
            const bool lacks_value = read->what == tftp::opcode::read_request && size > 13;
            CHECK(read->has_bad_option == (is_cut_option || lacks_value));
        }
        const auto all = bytes_of(whole);
        CHECK(tftp::parse(all));
    }
    CHECK_FALSE(tftp::parse(bytes_of("\0\7\0\0"s)));
    CHECK_FALSE(tftp::parse(bytes_of("\1\1f\0octet\0"s)));
}

TEST_CASE("NULs behind the last option mean nothing, in a request and in an option acknowledgment") {
    for (const std::size_t count : {0u, 1u, 2u, 3u, 4u, 5u, 20u, 101u}) {
        INFO(count << " NULs");
        const std::string padding(count, '\0');
        for (const auto& request : {"\0\1f\0octet\0"s, "\0\1f\0octet\0blksize\0001024\0"s,
                                    "\0\2f\0octet\0tsize\0000\0blksize\0001024\0"s, "\0\1f\0octet\0multicast\0\0"s}) {
            const auto bare = bytes_of(request), padded = bytes_of(request + padding);
            const auto read = tftp::parse(padded);
            REQUIRE(read);
            CHECK(read->options == tftp::parse(bare)->options);
            CHECK_FALSE(read->has_bad_option);
        }
        for (const auto& granted : {"\0\6"s, "\0\6blksize\000512\0"s, "\0\6tsize\0000\0windowsize\0004\0"s}) {
            const auto bare = bytes_of(granted), padded = bytes_of(granted + padding);
            const auto read = tftp::parse(padded);
            REQUIRE(read);
            CHECK(read->options == tftp::parse(bare)->options);
            CHECK_FALSE(read->has_bad_option);
        }
    }
    // NULs that are followed by something are no padding.
    const auto inside = bytes_of("\0\1f\0octet\0\0blksize\0001024\0"s);
    const auto read = tftp::parse(inside);
    REQUIRE(read);
    CHECK_FALSE(read->options.any());
    CHECK(read->has_bad_option);
    const auto granted = bytes_of("\0\6\0\0blksize\000512\0"s);
    CHECK(tftp::parse(granted)->has_bad_option);
}

TEST_CASE("a broken request is not read, and is known as a request") {
    for (const auto& broken :
         {"\0\1"s, "\0\2"s, "\0\1f"s, "\0\1f\0"s, "\0\1f\0octet"s, "\0\1\0octet\0"s, "\0\2\0\0"s, "\0\1\0"s,
          "\0\1f\0octet\0blksize"s, "\0\1f\0octet\0blksize\0001024"s, "\0\1f\0octet\0blksize\0001024\0tsize\0000"s}) {
        const auto bytes = bytes_of(broken);
        CHECK_FALSE(tftp::parse(bytes));
        CHECK(tftp::begins_as_request(bytes));
    }
    for (const auto& other : {""s, "\0"s, "\1"s, "\0\3"s, "\1\1f\0octet\0"s, "\0\6"s, "\0\0"s}) {
        const auto bytes = bytes_of(other);
        CHECK_FALSE(tftp::begins_as_request(bytes));
    }
}

TEST_CASE("an error without the NUL behind its message is read all the same") {
    const auto bytes = bytes_of("\0\5\0\2keep out"s);
    const auto read = tftp::parse(bytes);
    REQUIRE(read);
    CHECK(read->error_code == 2);
    CHECK(read->message == "keep out");
}

TEST_CASE("an option out of its range or given twice counts as absent, and is told") {
    const auto read = [](const std::string& options) {
        static std::vector<std::byte> bytes;
        bytes = bytes_of("\0\1f\0octet\0"s + options);
        return tftp::parse(bytes).value();
    };
    for (const auto& bad :
         {"blksize\0007\0"s, "blksize\00065465\0"s, "windowsize\0000\0"s, "timeout\000256\0"s, "blksize\0+8\0"s,
          "timeout\0\0"s, "tsize\00018446744073709551616\0"s, "blksize\0008\0blksize\0008\0"s}) {
        const auto request = read(bad);
        CHECK(request.has_bad_option);
        CHECK_FALSE(request.options.any());
    }
    const auto unknown = read("colour\0red\0BLKSIZE\0008\0"s);
    CHECK_FALSE(unknown.has_bad_option);
    CHECK(unknown.options.block_size == std::uint16_t{8});
}

TEST_CASE("every code of an error has its words, and unknown ones do not go without") {
    CHECK(tftp::make_error_code(tftp::error::disk_full).message() == "Disk full or allocation exceeded");
    CHECK(tftp::make_error_code(tftp::error::option_refused).message() == "Option negotiation refused");
    CHECK(tftp::make_error_code(tftp::error::no_such_user).message() == "No such user");
    CHECK(tftp::make_error_code(static_cast<tftp::error>(99)).message() == "An error that no RFC knows");
    CHECK(tftp::error_category().name() == "tftp"s);
}
