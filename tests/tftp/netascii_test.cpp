// What tftp/netascii.hpp promises: text travels as lines, and arrives as it was.

#include <netnotes/tftp/netascii.hpp>

#include "../catch.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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

}  // namespace

TEST_CASE("text goes out as lines of the net and comes back the same, wherever it is cut") {
    const std::string ours = "\none\r\ntwo\r\rthree\r\n\r";
    const std::string net = "\r\none\r\0\r\ntwo\r\0\r\0three\r\0\r\n\r\0"s;
    for (std::size_t room = 1; room <= net.size() + 1; ++room) {
        const auto from = bytes_of(ours);
        std::span<const std::byte> left{from};
        std::string sent;
        // Not a local: there g++ 12 at -O3 takes what its optional holds for uninitialised, and warns.
        const auto on_heap = std::make_unique<tftp::netascii_encoder>();
        tftp::netascii_encoder& encoder = *on_heap;
        while (!left.empty() || encoder.has_rest()) {
            std::vector<std::byte> block(room);
            const auto done = encoder.encode(left, block);
            REQUIRE(done.made > 0);
            left = left.subspan(done.taken);
            sent += text_of(std::span{block}.first(done.made));
        }
        CHECK(sent == net);

        tftp::netascii_decoder decoder;
        std::string got;
        for (std::size_t begin = 0; begin < net.size(); begin += room) {
            auto block = bytes_of(std::string_view{net}.substr(begin, room));
            std::optional<std::byte> before;
            const std::size_t size = decoder.decode(block, before);
            if (before) got += static_cast<char>(*before);
            got += text_of(std::span{block}.first(size));
        }
        CHECK_FALSE(decoder.finish());
        CHECK(got == ours);
    }
}

TEST_CASE("a CR of a careless sender, with neither LF nor NUL behind it, is not lost") {
    for (const std::size_t room : {1u, 2u, 3u, 100u}) {
        const std::string net = "a\rb\r\rc\r";
        tftp::netascii_decoder decoder;
        std::string got;
        for (std::size_t begin = 0; begin < net.size(); begin += room) {
            auto block = bytes_of(std::string_view{net}.substr(begin, room));
            std::optional<std::byte> before;
            const std::size_t size = decoder.decode(block, before);
            if (before) got += static_cast<char>(*before);
            got += text_of(std::span{block}.first(size));
        }
        if (const auto last = decoder.finish()) got += static_cast<char>(*last);
        CHECK(got == net);
        CHECK_FALSE(decoder.finish());
    }
}
