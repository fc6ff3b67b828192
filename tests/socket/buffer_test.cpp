// Room to receive into, and bytes to send.
// SPDX-License-Identifier: MIT

#include "sockets.hpp"

// ---- Buffers -------------------------------------------------------------------------------------------

namespace buffers {
template <class T>
constexpr bool receives = std::is_constructible_v<net::mutable_buffer, T>;
template <class T>
constexpr bool sends = std::is_constructible_v<net::const_buffer, T>;

static_assert(receives<std::byte (&)[4]> && receives<char (&)[4]> && receives<unsigned char (&)[4]>);
static_assert(receives<std::array<char, 4>&> && receives<std::vector<std::byte>&> && receives<std::string&>);
static_assert(receives<std::span<std::byte>> && receives<std::span<char>> && receives<std::span<char, 4>>);
static_assert(receives<std::vector<signed char>&> && receives<std::vector<char8_t>&>);
static_assert(!receives<const std::string&> && !receives<const std::vector<std::byte>&> && !receives<std::string_view>,
              "what is not to be changed is not received into");
static_assert(!receives<const char (&)[4]> && !receives<std::span<const std::byte>>);
static_assert(!receives<std::vector<int>&> && !receives<int (&)[4]> && !receives<std::list<char>&>,
              "bytes in one run, and nothing else");

static_assert(sends<const char (&)[4]> && sends<const char*> && sends<std::string_view> && sends<const std::string&>);
static_assert(sends<const std::vector<std::byte>&> && sends<std::array<unsigned char, 4>> && sends<std::span<char>>);
static_assert(sends<std::span<const std::byte>> && sends<std::byte (&)[4]> && sends<net::mutable_buffer>);
static_assert(!sends<char (&)[4]>, "of an array that is filled and sent, one says how much");
static_assert(!sends<std::vector<int>> && !sends<const wchar_t*> && !sends<int>);
}  // namespace buffers

TEST_CASE("a buffer is the very bytes of what it is made from") {
    const auto is_all_of = [](const auto& buffer, const auto& range) {
        return static_cast<const void*>(buffer.data()) == static_cast<const void*>(std::data(range)) &&
               buffer.size() == std::size(range);
    };
    std::byte bytes[3]{};
    char chars[4]{};
    unsigned char octets[4]{};
    const char text[4] = {'t', 'e', 'x', 't'};
    std::array<unsigned char, 5> array{};
    std::string string(6, ' ');
    std::vector<std::byte> vector(7);
    const std::span<char> span{chars};
    const std::string_view view{string};
    CHECK(is_all_of(net::mutable_buffer{bytes}, bytes));
    CHECK(is_all_of(net::mutable_buffer{chars}, chars));
    CHECK(is_all_of(net::mutable_buffer{array}, array));
    CHECK(is_all_of(net::mutable_buffer{string}, string));
    CHECK(is_all_of(net::mutable_buffer{vector}, vector));
    CHECK(is_all_of(net::mutable_buffer{span}, span));
    CHECK(is_all_of(net::mutable_buffer{std::span{vector}.subspan(2)}, std::span{vector}.subspan(2)));
    CHECK(is_all_of(net::const_buffer{bytes}, bytes));
    CHECK(is_all_of(net::const_buffer{octets}, octets));  // an array that is no text: whole, zeros and all
    CHECK(is_all_of(net::const_buffer{text}, text));
    CHECK(is_all_of(net::const_buffer{std::span{chars}}, chars));
    CHECK(is_all_of(net::const_buffer{array}, array));
    CHECK(is_all_of(net::const_buffer{string}, string));
    CHECK(is_all_of(net::const_buffer{vector}, vector));
    CHECK(is_all_of(net::const_buffer{view}, view));
    CHECK(is_all_of(net::const_buffer{net::mutable_buffer{vector}}, vector));
}

TEST_CASE("the NUL behind a literal is not sent and all before it is") {
    CHECK(net::as_text(net::const_buffer{"hello"}) == "hello");
    CHECK(net::const_buffer{""}.empty());
    const char* const pointer = "hello";
    CHECK(net::as_text(net::const_buffer{pointer}) == "hello");
    CHECK(net::as_text(net::const_buffer{"\0\x1cmode\0"}) == "\0\x1cmode\0"sv);  // a packet written as a literal
    CHECK(net::as_text(net::const_buffer{"a\0b"sv}) == "a\0b"sv);
    // No NUL at its end: nothing behind the array may be looked for, let alone sent.
    struct {
        const char magic[4] = {'M', 'A', 'G', 'C'};
        const char secret[4] = {'p', 'i', 'n', '\0'};
    } const record;
    CHECK(net::as_text(net::const_buffer{record.magic}) == "MAGC");
}

TEST_CASE("received bytes are looked at as text without a copy") {
    const std::array<std::byte, 3> bytes{std::byte{'a'}, std::byte{0}, std::byte{0xff}};
    const std::string_view text = net::as_text(bytes);
    CHECK(text == "a\0\xff"sv);
    CHECK(static_cast<const void*>(text.data()) == static_cast<const void*>(bytes.data()));
}

TEST_CASE("bytes of every kind of range travel") {
    auto [first, second] = net::socket_pair();
    const std::vector<std::byte> vector{std::byte{'v'}, std::byte{0}};
    const std::array<unsigned char, 2> array{'a', 0xff};
    first.send_all("literal");
    first.send_all("string"s);
    first.send_all("view"sv);
    first.send_all(vector);
    first.send_all(array);
    first.send_all(std::span{vector}.first(1));
    first.shutdown(net::shutdown_direction::send);
    CHECK(receive_all(second) == "literalstringviewv\0a\xffv"s);
}
