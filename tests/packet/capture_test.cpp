// Capture files: pcap and pcapng in both byte orders, byte for byte, whole and cut at every length.
// SPDX-License-Identifier: MIT

#include "packet.hpp"

#include <netnotes/packet/capture.hpp>

#include <chrono>
#include <functional>
#include <iterator>
#include <limits>
#include <random>

using packet::capture_reader;
using packet::capture_record;
using packet::time_resolution;
using std::chrono::nanoseconds;

namespace {

packet::capture_time at(std::int64_t count) { return packet::capture_time{nanoseconds{count}}; }

/// A file of 32-bit numbers, 16-bit numbers and bytes in one byte order, as a person would write it on paper.
class paper {
  public:
    explicit paper(bool big_endian) : big_endian_{big_endian} {}
    paper& number(std::uint64_t value, unsigned size = 4) {
        for (unsigned i = 0; i < size; ++i)
            bytes_.push_back(static_cast<std::byte>(value >> 8 * (big_endian_ ? size - 1 - i : i) & 0xff));
        return *this;
    }
    paper& text(std::string_view value) {
        for (const char c : value) bytes_.push_back(static_cast<std::byte>(c));
        return *this;
    }
    paper& option(std::uint16_t code, std::string_view value) {
        number(code, 2).number(value.size(), 2).text(value);
        while (bytes_.size() % 4 != 0) bytes_.push_back({});
        return *this;
    }
    paper& block(std::uint32_t type, const paper& body) {
        number(type).number(body.bytes_.size() + 12);
        bytes_.insert(bytes_.end(), body.bytes_.begin(), body.bytes_.end());
        return number(body.bytes_.size() + 12);
    }
    /// A body, of the byte order of this file.
    [[nodiscard]] paper body() const { return paper{big_endian_}; }
    paper& section() { return block(0x0a0d0d0a, body().number(0x1a2b3c4d).number(1, 2).number(0, 2).number(~0ull, 8)); }
    paper& interface(std::uint32_t snapshot_length = 0, std::uint16_t link = 1) {
        return block(1, body().number(link, 2).number(0, 2).number(snapshot_length));
    }
    paper& enhanced(std::uint32_t interface, std::uint64_t ticks, std::string_view four_bytes) {
        return block(6, body()
                            .number(interface)
                            .number(ticks >> 32)
                            .number(ticks & 0xffffffff)
                            .number(4)
                            .number(60)
                            .text(four_bytes));
    }
    [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

  private:
    bool big_endian_;
    std::vector<std::byte> bytes_;
};

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::string shown(std::span<const std::byte> bytes) {
    std::string text;
    for (const std::byte byte : bytes) {
        text += net::detail::hexadecimal_digits[std::to_integer<unsigned>(byte) >> 4];
        text += net::detail::hexadecimal_digits[std::to_integer<unsigned>(byte) & 15];
    }
    return text;
}
std::vector<std::byte> bytes_of(const std::ostringstream& out) {
    const std::string text = out.str();
    const auto* const begin = reinterpret_cast<const std::byte*>(text.data());
    return {begin, begin + text.size()};
}
std::string failure_of(std::span<const std::byte> file) {
    const exact_copy copy{file};
    capture_reader reader{copy};
    while (reader.next()) {
    }
    CHECK(!reader.next());  // and it stays so
    return reader.failure().message();
}

std::vector<std::byte> one_packet() {
    return hex(
        "a1b2c3d4 0002 0004 00000000 00000000 00000060 00000001"
        "5f000001 000f423f 00000005 00000040  68656c6c 6f");
}

/// Reads every beginning of the file in a buffer of exactly its size. The places at which the file may end without a
/// byte missing are `whole`; each adds a record, or does not.
void cut_everywhere(std::span<const std::byte> file, const std::vector<std::size_t>& whole,
                    const std::vector<std::size_t>& records) {
    std::vector<std::string> all;
    capture_reader complete{file};
    for (const capture_record& record : complete) all.push_back(text_of(record.bytes));
    REQUIRE(!complete.failure());
    REQUIRE(all.size() == records.back());
    for (std::size_t size = 0; size <= file.size(); ++size) {
        const exact_copy copy{file.first(size)};
        capture_reader reader{copy};
        std::size_t count = 0;
        for (const capture_record& record : reader) CHECK(text_of(record.bytes) == all.at(count++));
        const auto next = std::upper_bound(whole.begin(), whole.end(), size);
        const bool is_whole = next != whole.begin() && *(next - 1) == size;
        CHECK(reader.is_cut_short() == !is_whole);
        CHECK(static_cast<bool>(reader.failure()) == !is_whole);
        CHECK(count == (next == whole.begin() ? 0 : records.at(static_cast<std::size_t>(next - whole.begin()) - 1)));
    }
}

}  // namespace

// ---- pcap --------------------------------------------------------------------------------------------------

TEST_CASE("a pcap file of each byte order and each resolution is read, without losing nanoseconds (PcapPlusPlus 664)") {
    for (const bool big_endian : {false, true}) {
        for (const bool nano : {false, true}) {
            paper file{big_endian};
            file.number(nano ? 0xa1b23c4d : 0xa1b2c3d4)
                .number(2, 2)
                .number(4, 2)
                .number(0)
                .number(0)
                .number(96)
                .number(1);
            file.number(1'600'000'001).number(999'999).number(5).number(64).text("hello");
            file.number(1'600'000'002).number(1).number(0).number(0);
            const exact_copy copy{file.bytes()};
            capture_reader reader{copy};
            CHECK(!reader.is_pcapng());
            CHECK(reader.is_big_endian() == big_endian);
            REQUIRE(reader.interfaces().size() == 1);
            CHECK(reader.interfaces()[0].link == packet::link_type::ethernet);
            CHECK(reader.interfaces()[0].snapshot_length == 96);
            CHECK(reader.interfaces()[0].name().empty());
            auto record = reader.next();
            REQUIRE(record);
            CHECK(text_of(record->bytes) == "hello");
            CHECK(record->original_size == 64);
            CHECK(record->is_cut_short());
            CHECK(record->time == at(1'600'000'001'000'000'000 + (nano ? 999'999 : 999'999'000)));
            CHECK(record->ticks == (nano ? 1'600'000'001'000'999'999 : 1'600'000'001'999'999));
            CHECK(record->offset == 24);
            CHECK(record->comment().empty());
            record = reader.next();
            REQUIRE(record);
            CHECK(record->bytes.empty());
            CHECK(!record->is_cut_short());
            CHECK(record->time == at(1'600'000'002'000'000'000 + (nano ? 1 : 1000)));
            CHECK(!reader.next());
            CHECK(!reader.failure());
        }
    }
}

TEST_CASE("a pcap file is read at compile time") {
    static constexpr auto file = [] {
        std::array<std::byte, 41> bytes{};
        constexpr std::uint8_t values[]{0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                        0,    0,    1,    0,    0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1, 42};
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(values[i]);
        return bytes;
    }();
    static_assert([] {
        packet::pcap_reader reader{file};
        const auto record = reader.next();
        return record && record->bytes[0] == std::byte{42} && record->ticks == 1'000'000'007 && !reader.next();
    }());
    SUCCEED();
}

TEST_CASE(
    "a pcap file cut at every length gives each whole record and is cut short, not malformed (PcapPlusPlus 143)") {
    auto file = one_packet();
    const std::size_t first = file.size();
    for (const std::byte byte : hex("5f000002 00000001 00000003 00000003 616263")) file.push_back(byte);
    cut_everywhere(file, {24, first, file.size()}, {0, 1, 2});
    CHECK(failure_of({}) == "capture file: cut short: 0 of 24 bytes are there, at byte 0");
    CHECK(failure_of(std::span{file}.first(30)) == "capture file: cut short: 6 of 16 bytes are there, at byte 30");
    CHECK(failure_of(std::span{file}.first(42)) == "capture file: cut short: 18 of 21 bytes are there, at byte 42");
}

TEST_CASE("a file of no known format is malformed, not cut short") {
    const std::string why = "capture file: the file does not begin as a pcap file does, at byte 0";
    CHECK(failure_of(hex("a1b2c3d5 0002 0004")) == why);
    CHECK(failure_of(hex("a1b3")) == why);
    CHECK(failure_of(hex("00")) == why);
    CHECK(failure_of(hex("d4")) != why);
    CHECK(failure_of(hex("0a0d0d")) == "capture file: cut short: 3 of 12 bytes are there, at byte 3");
    CHECK(failure_of(hex("0a0d0e")) == "capture file: the file does not begin as a pcapng file does, at byte 0");
    CHECK(packet::pcap_reader::recognizes(one_packet()));
    CHECK(!packet::pcapng_reader::recognizes(one_packet()));
    CHECK(!packet::pcap_reader::recognizes(hex("a1b2c3")));
}

TEST_CASE("a pcap file of another version, or with a packet that cannot be, is malformed") {
    auto file = one_packet();
    file[5] = std::byte{3};
    CHECK(failure_of(file) == "capture file: version is 3, and 2 is known, at byte 4");
    file = one_packet();
    file[32] = std::byte{0x7f};
    CHECK(failure_of(file) == "capture file: captured size is 2130706437, above 262144, at byte 32");
}

TEST_CASE("sizes that changed places before version 2 point 3 of pcap are put in order") {
    auto file = one_packet();
    file[35] = std::byte{0x40}, file[39] = std::byte{5};
    for (const int minor : {2, 3}) {
        file[7] = static_cast<std::byte>(minor);
        capture_reader reader{file};
        const auto record = reader.next();
        REQUIRE(record);
        CHECK(record->bytes.size() == 5);
        CHECK(record->original_size == 64);
    }
}

TEST_CASE("the header of a pcap file names a check sequence behind each packet") {
    auto file = one_packet();
    CHECK(packet::pcap_reader{file}.check_sequence_size() == 0);
    file[20] = std::byte{0x24};
    packet::pcap_reader reader{file};
    CHECK(reader.check_sequence_size() == 4);
    CHECK(reader.interfaces()[0].link == packet::link_type::ethernet);
}

TEST_CASE("a pcap file is written byte for byte, with nanoseconds") {
    std::ostringstream out;
    packet::pcap_writer writer{out, packet::link_type::raw_ip, 8};
    writer.write(at(1'600'000'001'123'456'789), hex("0102030405"), 64);
    writer.write(at(0), hex("0102030405060708090a"));
    CHECK(shown(bytes_of(out)) == shown(hex("4d3cb2a1 0200 0400 00000000 00000000 08000000 65000000"
                                            "01105e5f 15cd5b07 05000000 40000000 0102030405"
                                            "00000000 00000000 08000000 0a000000 0102030405060708")));
}

TEST_CASE("a pcap file refuses times that it cannot hold") {
    std::ostringstream out;
    packet::pcap_writer writer{out};
    const std::size_t size = out.str().size();
    CHECK_THROWS_AS(writer.write(at(-1), {}), std::out_of_range);
    CHECK_THROWS_AS(writer.write(at(4'294'967'296'000'000'000), {}), std::out_of_range);
    if constexpr (sizeof(std::size_t) > 4)
        CHECK_THROWS_AS(writer.write(at(0), {}, static_cast<std::size_t>(0x1'0000'0000)), std::out_of_range);
    CHECK(out.str().size() == size);
    writer.write(at(4'294'967'295'999'999'999), {});
    const auto bytes = bytes_of(out);
    capture_reader reader{bytes};
    CHECK(reader.next()->time == at(4'294'967'295'999'999'999));
}

// ---- Time --------------------------------------------------------------------------------------------------

TEST_CASE("every resolution of a tick becomes nanoseconds, rounded down (libpcap 577)") {
    const auto time = [](unsigned byte, std::uint64_t ticks, std::int64_t offset = 0) -> std::optional<std::int64_t> {
        const auto found = time_resolution{static_cast<std::uint8_t>(byte)}.at(ticks, offset);
        if (!found) return std::nullopt;
        return found->time_since_epoch().count();
    };
    static_assert(time_resolution{}.to_byte() == 6);
    static_assert(time_resolution{}.at(1)->time_since_epoch() == nanoseconds{1000});
    CHECK(time(0, 3) == 3'000'000'000);
    CHECK(time(3, 1'234) == 1'234'000'000);
    CHECK(time(6, 1'600'000'000'123'456) == 1'600'000'000'123'456'000);
    CHECK(time(8, 123) == 1'230);
    CHECK(time(9, 1'600'000'000'123'456'789) == 1'600'000'000'123'456'789);
    CHECK(time(12, 1'999) == 1);
    CHECK(time(12, ~0ull) == 18'446'744'073'709'551);
    CHECK(time(28, ~0ull) == 1);
    CHECK(time(29, ~0ull) == 0);
    CHECK(time(127, ~0ull) == 0);
    CHECK(time(0x80, 3) == 3'000'000'000);
    CHECK(time(0x81, 3) == 1'500'000'000);
    CHECK(time(0x8a, 1025) == 1'000'976'562);  // 1/1024 s has 976,562.5 ns
    CHECK(time(0x9e, (5ull << 30) + 1) == 5'000'000'000);
    CHECK(time(0xa0, (7ull << 32) + 0x80000000) == 7'500'000'000);
    CHECK(time(0xa1, (7ull << 33) + 0x80000000) == 7'250'000'000);
    CHECK(time(0xbf, (1ull << 63) + (1ull << 62)) == 1'500'000'000);
    CHECK(time(0xc0, 1ull << 63) == 500'000'000);
    CHECK(time(0xc0, ~0ull) == 999'999'999);
    CHECK(time(0xdd, ~0ull) == 1);  // 2^64 / 2^93 seconds have 1.86 ns
    CHECK(time(0xde, ~0ull) == 0);
    CHECK(time(0xe0, ~0ull) == 0);
    CHECK(time(0xff, ~0ull) == 0);
    // if_tsoffset moves it, and what does not fit is absent
    CHECK(time(9, 5, -1) == -999'999'995);
    CHECK(time(9, 5, 1'600'000'000) == 1'600'000'000'000'000'005);
    CHECK(time(0, 9'223'372'036) == 9'223'372'036'000'000'000);
    CHECK(!time(0, 9'223'372'037));
    CHECK(!time(0, ~0ull));
    CHECK(!time(0, 0, std::numeric_limits<std::int64_t>::min()));
    CHECK(!time(0, 0, std::numeric_limits<std::int64_t>::max()));
    CHECK(time(0, 4'000'000'000'000'000'000, -4'000'000'000'000'000'000) == 0);
    CHECK(!time(0, ~0ull, std::numeric_limits<std::int64_t>::min()));
    // The first and the last nanosecond that 64 bits hold are times, their neighbours are not. The two terms may be larger.
    constexpr auto first = std::numeric_limits<std::int64_t>::min(), last = std::numeric_limits<std::int64_t>::max();
    CHECK(time(9, static_cast<std::uint64_t>(last)) == last);
    CHECK(!time(9, static_cast<std::uint64_t>(last) + 1));
    CHECK(time(9, 145'224'192, -9'223'372'037) == first);
    CHECK(!time(9, 145'224'191, -9'223'372'037));
    CHECK(!time(9, 999'999'999, -9'223'372'038));
    CHECK(time(9, static_cast<std::uint64_t>(last) + 1, -1) == last - 999'999'999);
    CHECK(time(0, static_cast<std::uint64_t>(last) + 6, first) == 5'000'000'000);
    CHECK(time(0, static_cast<std::uint64_t>(last) - 4, first) == -5'000'000'000);
}

// ---- pcapng ------------------------------------------------------------------------------------------------

TEST_CASE("a pcapng file of each byte order is read, block by block") {
    for (const bool big_endian : {false, true}) {
        paper file{big_endian};
        const auto body = [&] { return file.body(); };
        file.block(0x0a0d0d0a, body()
                                   .number(0x1a2b3c4d)
                                   .number(1, 2)
                                   .number(0, 2)
                                   .number(~0ull, 8)
                                   .option(1, "a section")
                                   .option(4, "by hand")
                                   .number(0));
        const char nano = 9;
        file.block(1, body()
                          .number(1, 2)
                          .number(0, 2)
                          .number(96)
                          .option(2, "link h1\xe2\x80\x93s1")
                          .option(3, "a cable")
                          .option(9, {&nano, 1})
                          .number(0));
        file.block(6, body()
                          .number(0)
                          .number(0x16345785)
                          .number(0xd8a00001)
                          .number(5)
                          .number(60)
                          .text("hello\0\0\0"sv)
                          .option(1, "first")
                          .option(2, "\0\0\0\1"sv)
                          .option(1, "second")
                          .number(0));
        file.block(0x12345678, body().number(0));  // nobody knows it
        file.block(5, body().number(0).number(0).number(0));
        file.block(3, body().number(6).text("simple\0\0"sv));
        file.block(2, body().number(0, 2).number(7, 2).number(0).number(9).number(3).number(3).text("old\0"sv));
        const exact_copy copy{file.bytes()};
        capture_reader reader{copy};
        CHECK(reader.is_pcapng());
        auto record = reader.next();
        REQUIRE(record);
        CHECK(reader.is_big_endian() == big_endian);
        REQUIRE(reader.interfaces().size() == 1);
        CHECK(reader.interfaces()[0].name() == "link h1\xe2\x80\x93s1");
        CHECK(reader.interfaces()[0].description() == "a cable");
        CHECK(reader.interfaces()[0].snapshot_length == 96);
        CHECK(reader.interfaces()[0].resolution == time_resolution::nanoseconds());
        CHECK(text_of(record->bytes) == "hello");
        CHECK(record->original_size == 60);
        CHECK(record->ticks == 0x16345785d8a00001);
        CHECK(record->time == at(0x16345785d8a00001));
        CHECK(record->comment() == "first");
        std::string comments;
        for (const packet::capture_option& option : record->options)
            if (option.code == packet::capture_option::comment) comments += std::string{option.text()} + ";";
        CHECK(comments == "first;second;");
        record = reader.next();
        REQUIRE(record);
        CHECK(text_of(record->bytes) == "simple");
        CHECK(record->original_size == 6);
        CHECK(!record->time);
        record = reader.next();
        REQUIRE(record);
        CHECK(text_of(record->bytes) == "old");
        CHECK(record->time == at(9));
        CHECK(!reader.next());
        CHECK(!reader.failure());
    }
}

TEST_CASE("sections of a pcapng file have their own byte order and number their interfaces anew") {
    paper file{true};
    file.section().interface(0, 1).interface(0, 101).enhanced(1, 7, "abcd");
    paper other{false};
    other.section().interface(0, 228).enhanced(0, 8, "efgh").interface().enhanced(1, 9, "ijkl");
    auto bytes = file.bytes();
    bytes.insert(bytes.end(), other.bytes().begin(), other.bytes().end());
    packet::pcapng_reader reader{bytes};
    std::string found;
    for (const capture_record& record : reader)
        found += text_of(record.bytes) + " " + std::to_string(record.interface_index) + " " +
                 std::to_string(static_cast<int>(record.link)) + " " +
                 std::to_string(record.time->time_since_epoch().count()) + ";";
    CHECK(found == "abcd 1 101 7000;efgh 2 228 8000;ijkl 3 1 9000;");
    CHECK(reader.section_count() == 2);
    CHECK(reader.interfaces().size() == 4);
    CHECK(!reader.is_big_endian());
}

TEST_CASE("a simple packet block is as long as the snapshot length says") {
    paper file{false};
    file.section().interface(4).block(3, file.body().number(100).text("abcd"));
    capture_reader reader{file.bytes()};
    const auto record = reader.next();
    REQUIRE(record);
    CHECK(text_of(record->bytes) == "abcd");
    CHECK(record->original_size == 100);
    CHECK(record->is_cut_short());
}

TEST_CASE("a time offset of an interface moves its times") {
    paper file{false};
    const char binary = static_cast<char>(0x81);
    file.section();
    file.block(1, file.body()
                      .number(1, 2)
                      .number(0, 2)
                      .number(0)
                      .option(2, "eth0\0\0"sv)
                      .option(9, {&binary, 1})
                      .option(14, "\x0a\0\0\0\0\0\0\0"sv)
                      .number(0));
    file.enhanced(0, 3, "abcd");
    capture_reader reader{file.bytes()};
    const auto record = reader.next();
    REQUIRE(record);
    CHECK(record->time == at(11'500'000'000));
    CHECK(reader.interfaces()[0].time_offset == 10);
    CHECK(reader.interfaces()[0].name() == "eth0");  // some programs write NULs
    CHECK(reader.interfaces()[0].resolution.is_binary());
    CHECK(reader.interfaces()[0].resolution.exponent() == 1);
}

TEST_CASE("a pcapng file cut at every length gives each whole record and is cut short, not malformed") {
    for (const bool big_endian : {false, true}) {
        paper file{big_endian};
        std::vector<std::size_t> whole;
        const auto note = [&] { whole.push_back(file.bytes().size()); };
        file.section(), note();
        file.interface(), note();
        file.enhanced(0, 1, "abcd"), note();
        file.block(77, file.body()), note();
        file.block(3, file.body().number(4).text("efgh")), note();
        file.section(), note();
        cut_everywhere(file.bytes(), whole, {0, 0, 1, 1, 2, 2});
    }
}

TEST_CASE("a malformed block of pcapng is reported with its place") {
    const auto start = [] {
        paper file{false};
        file.section().interface();
        return file;
    };
    const std::size_t size = start().bytes().size();
    CHECK(size == 48);
    const auto failure = [&](auto change) {
        paper file = start();
        change(file);
        return failure_of(file.bytes());
    };
    const auto body = [&] { return start().body(); };
    CHECK(failure([](paper& file) { file.number(6).number(8).number(8); }) ==
          "capture file: length of the block is 8, below 12, at byte 52");
    CHECK(failure([](paper& file) { file.number(6).number(14).number(0).number(14); }) ==
          "capture file: length of the block is 14, no multiple of 4, at byte 52");
    CHECK(failure([](paper& file) { file.number(6).number(12).number(16); }) ==
          "capture file: the block does not end with its length, 12, at byte 56");
    CHECK(failure([&](paper& file) { file.block(6, body().number(0)); }) ==
          "capture file: length of the packet's block is 16, below 32, at byte 52");
    CHECK(failure([](paper& file) { file.enhanced(1, 0, "abcd"); }) ==
          "capture file: interface is 1, and the section has described 1, at byte 56");
    CHECK(failure([&](paper& file) {
              file.block(6, body().number(0).number(0).number(0).number(5).number(5).text("abcd"));
          }) == "capture file: size of the packet is 5, and its block has room for 4, at byte 72");
    CHECK(failure([&](paper& file) { file.block(3, body().number(5).text("abcd")); }) ==
          "capture file: size of the packet is 5, and its block has room for 4, at byte 56");
    CHECK(failure([&](paper& file) { file.block(1, body().number(1)); }) ==
          "capture file: length of the interface's block is 16, below 20, at byte 52");
    CHECK(failure([&](paper& file) { file.block(1, body().number(1).number(0).option(9, "ab")); }) ==
          "capture file: size of if_tsresol is 2, and it should be 1, at byte 48");
    CHECK(failure([&](paper& file) { file.block(1, body().number(1).number(0).option(14, "ab")); }) ==
          "capture file: size of if_tsoffset is 2, and it should be 8, at byte 48");
    CHECK(failure([&](paper& file) { file.block(0x0a0d0d0a, body().number(0x11223344)); }) ==
          "capture file: the section names no byte order, at byte 56");
    CHECK(failure([&](paper& file) { file.block(0x0a0d0d0a, body().number(0x1a2b3c4d)); }) ==
          "capture file: length of the section header is 16, below 28, at byte 52");
    CHECK(failure([&](paper& file) {
              file.block(0x0a0d0d0a, body().number(0x1a2b3c4d).number(2, 2).number(0, 2).number(0, 8));
          }) == "capture file: version is 2, and 1 is known, at byte 60");
    paper nothing{false};
    nothing.section().enhanced(0, 0, "abcd");
    CHECK(failure_of(nothing.bytes()) == "capture file: interface is 0, and the section has described 0, at byte 36");
}

TEST_CASE("a broken option of a packet ends its options, and the packet stays") {
    paper file{false};
    file.section().interface();
    const auto packet = [&] { return file.body().number(0).number(0).number(0).number(4).number(4).text("abcd"); };
    file.block(6, packet().option(1, "kept").number(1, 2).number(400, 2));
    file.block(6, packet().option(1, "kept").number(0).option(1, "behind the end"));
    capture_reader reader{file.bytes()};
    for (int i = 0; i < 2; ++i) {
        const auto record = reader.next();
        REQUIRE(record);
        CHECK(record->comment() == "kept");
        CHECK(std::ranges::distance(record->options) == 1);
    }
}

TEST_CASE("a pcapng file is written byte for byte, with named interfaces and comments") {
    std::ostringstream out;
    packet::pcapng_writer writer{out, {.comment = "four", .application = {}}};
    CHECK(writer.add_interface({.name = "h1-s1",
                                .description = {},
                                .comment = {},
                                .link = packet::link_type::ethernet,
                                .snapshot_length = 4}) == 0);
    writer.write(0, at(0x0102030405060708), hex("aabbccddee"), {.comment = "lost", .original_size = {}});
    writer.write(0, at(1), hex("aa"), {.comment = {}, .original_size = 60});
    CHECK(shown(bytes_of(out)) ==
          shown(hex("0a0d0d0a 28000000 4d3c2b1a 0100 0000 ffffffffffffffff 0100 0400 666f7572 00000000 28000000")) +
              shown(hex("01000000 2c000000 0100 0000 04000000 0200 0500 68312d7331 000000 0900 0100 09 000000"
                        "00000000 2c000000")) +
              shown(hex("06000000 30000000 00000000 04030201 08070605 04000000 05000000 aabbccdd"
                        "0100 0400 6c6f7374 00000000 30000000")) +
              shown(hex("06000000 24000000 00000000 00000000 01000000 01000000 3c000000 aa 000000 24000000")));
    CHECK(writer.add_interface({}) == 1);
    const auto bytes = bytes_of(out);
    capture_reader reader{bytes};
    CHECK(reader.next()->comment() == "lost");
    CHECK(reader.next()->original_size == 60);
    CHECK(!reader.next());
    CHECK(!reader.failure());
    CHECK(reader.interfaces().size() == 2);
}

TEST_CASE("a pcapng writer refuses what a file cannot hold, and goes on") {
    std::ostringstream out;
    packet::pcapng_writer writer{out};
    const std::string long_text(65'536, 'x');
    CHECK_THROWS_AS(writer.add_interface({.name = long_text}), std::length_error);
    CHECK_THROWS_AS(writer.write(0, at(0), {}), std::out_of_range);
    writer.add_interface({.name = long_text.substr(1)});
    const std::size_t size = out.str().size();
    CHECK_THROWS_AS(writer.write(1, at(0), {}), std::out_of_range);
    CHECK_THROWS_AS(writer.write(0, at(-1), {}), std::out_of_range);
    CHECK_THROWS_AS(writer.write(0, at(0), hex("00"), {.comment = long_text, .original_size = {}}), std::length_error);
    if constexpr (sizeof(std::size_t) > 4)
        CHECK_THROWS_AS(
            writer.write(0, at(0), {}, {.comment = {}, .original_size = static_cast<std::size_t>(0x1'0000'0000)}),
            std::out_of_range);
    CHECK(out.str().size() == size);
    writer.write(0, at(5), hex("01"));
    const auto bytes = bytes_of(out);
    capture_reader reader{bytes};
    CHECK(reader.next()->time == at(5));
    CHECK(!reader.failure());
    CHECK(reader.interfaces()[0].name().size() == 65'535);
}

// ---- Pieces ------------------------------------------------------------------------------------------------

namespace {

/// What a reader says about its records, its interfaces and its end, as a text.
void note(std::string& all, const capture_reader& reader, const capture_record& record) {
    const packet::capture_interface& interface = reader.interfaces()[record.interface_index];
    all += std::to_string(record.offset) + " " + shown(record.bytes) + " " + std::to_string(record.original_size) + " " +
           std::to_string(record.ticks) + " " + std::to_string(record.interface_index) + " ";
    for (const packet::capture_option& option : record.options)
        all += std::to_string(option.code) + "=" + shown(option.value) + " ";
    all += std::string{interface.name()} + " " + std::string{interface.description()} + " " +
           std::to_string(reader.interfaces().size()) + (reader.is_big_endian() ? " big" : " little") + "\n";
}
std::string end_of(const capture_reader& reader) {
    std::string names;
    for (const packet::capture_interface& each : reader.interfaces()) names += std::string{each.name()} + ",";
    return names + (reader.is_pcapng() ? "pcapng " : "pcap ") + (reader.is_cut_short() ? "cut " : "") +
           reader.failure().message();
}
std::string whole(std::span<const std::byte> file) {
    std::string all;
    capture_reader reader{file};
    for (const capture_record& record : reader) note(all, reader, record);
    return all + end_of(reader);
}
/// Reads the file in pieces of these sizes. Each piece lies in a buffer of exactly its size, which is gone afterwards.
std::string in_pieces(std::span<const std::byte> file, const std::function<std::size_t(std::size_t)>& size_at) {
    std::string all;
    capture_reader reader;
    for (std::size_t at = 0; at < file.size();) {
        const std::size_t size = std::min(size_at(at), file.size() - at);
        exact_copy piece{file.subspan(at, size)};
        reader.add(piece);
        for (const capture_record& record : reader) note(all, reader, record);
        for (std::size_t i = 0; i < size; ++i) piece[i] = std::byte{0xee};
        CHECK(!reader.is_cut_short());
        at += size;
    }
    reader.finish();
    for (const capture_record& record : reader) note(all, reader, record);
    return all + end_of(reader);
}
void cut_into_pieces(std::span<const std::byte> file) {
    const std::string expected = whole(file);
    CHECK(in_pieces(file, [&](std::size_t) { return file.size(); }) == expected);
    CHECK(in_pieces(file, [](std::size_t) { return 1; }) == expected);
    for (std::size_t cut = 1; cut < file.size(); ++cut)
        REQUIRE(in_pieces(file, [&](std::size_t at) { return at == 0 ? cut : file.size(); }) == expected);
    std::mt19937 random{7};
    for (int i = 0; i < 100; ++i)
        REQUIRE(in_pieces(file, [&](std::size_t) { return random() % 40; }) == expected);
}
/// Files of both formats and both byte orders, whole, cut short and malformed.
std::vector<std::vector<std::byte>> several_files() {
    std::vector<std::vector<std::byte>> files{{}, hex("00"), hex("a1b2"), hex("0a0d0d"), hex("0a0d0e00"), one_packet()};
    for (const bool big_endian : {false, true}) {
        paper old{big_endian};
        old.number(0xa1b23c4d).number(2, 2).number(4, 2).number(0).number(0).number(96).number(1);
        for (unsigned i = 0; i < 5; ++i)
            old.number(i).number(7).number(i * 9).number(64).text(std::string(i * 9, static_cast<char>('a' + i)));
        files.push_back(old.bytes());
        old.number(1).number(1).number(0x7fff'ffff).number(0);  // no packet has that size
        files.push_back(old.bytes());
        paper file{big_endian};
        file.section();
        file.block(1, file.body().number(1, 2).number(0, 2).number(0).option(2, "eth0").option(3, "a card").number(0));
        file.enhanced(0, 1, "abcd").block(77, file.body().text("0123456789abcdef"));
        file.block(6, file.body().number(0).number(0).number(2).number(3).number(3).text("xyz\0"sv).option(1, "lost"));
        file.block(1, file.body().number(101, 2).number(0, 2).number(0).option(2, "ppp0").number(0));
        file.block(3, file.body().number(4).text("efgh")).enhanced(1, 3, "ijkl");
        paper other{!big_endian};
        other.section().interface().enhanced(0, 9, "mnop");
        auto both = file.bytes();
        both.insert(both.end(), other.bytes().begin(), other.bytes().end());
        files.push_back(both);
        file.number(6).number(14).number(0).number(14);
        files.push_back(file.bytes());
    }
    for (const std::size_t i : {5u, 6u, 8u})
        for (const std::size_t lost : {1u, 5u, 17u}) {
            auto cut = files[i];
            cut.erase(cut.end() - static_cast<std::ptrdiff_t>(lost), cut.end());
            files.push_back(cut);
        }
    return files;
}

}  // namespace

TEST_CASE("a capture file in pieces gives the records, offsets and failures of the whole file, wherever it is cut") {
    for (const auto& file : several_files()) cut_into_pieces(file);
}

TEST_CASE("a length in a capture file does not make the reader allocate what it claims") {
    paper old{false};
    old.number(0xa1b2c3d4).number(2, 2).number(4, 2).number(0).number(0).number(0xffff'ffff).number(1);
    old.number(1).number(1).number(0xffff'fff0).number(0xffff'fff0);
    CHECK(failure_of(old.bytes()) == "capture file: captured size is 4294967280, above 16777200, at byte 32");
    cut_into_pieces(old.bytes());
    paper file{false};
    file.section().number(6).number(0xffff'fff0).number(0);
    CHECK(failure_of(file.bytes()) == "capture file: length of the block is 4294967280, above 16777216, at byte 32");
    cut_into_pieces(file.bytes());
    paper largest{false};
    largest.section().number(77).number(packet::max_record_size).number(0);
    CHECK(failure_of(largest.bytes()) == "capture file: cut short: 12 of 16777216 bytes are there, at byte 40");
    cut_into_pieces(largest.bytes());
    auto padded = largest.bytes();
    padded.resize(28 + packet::max_record_size - 4);
    for (const std::byte byte : hex("00000001")) padded.push_back(byte);
    CHECK(in_pieces(padded, [](std::size_t) { return 1'000'003; }) == whole(padded));
    CHECK(!whole(padded).ends_with("byte 28"));
}

TEST_CASE("interfaces of a pcapng file may take 16 MiB of it") {
    paper file{false};
    file.section();
    auto bytes = file.bytes();
    paper one{false};
    one.block(1, one.body().number(1).number(0).text(std::string(65'536, '\0')));
    while (bytes.size() < packet::max_record_size + 65'536) bytes.insert(bytes.end(), one.bytes().begin(), one.bytes().end());
    CHECK(whole(bytes).ends_with("the interfaces take 16782336 bytes, above 16777216, at byte 16716808"));
    CHECK(in_pieces(bytes, [](std::size_t) { return 100'000; }) == whole(bytes));
}

TEST_CASE("a record above the bound is not written") {
    std::ostringstream out;
    packet::pcap_writer old{out, packet::link_type::ethernet, 0xffff'ffff};
    packet::pcapng_writer writer{out};
    writer.add_interface({});
    const auto size = out.str().size();
    const std::vector<std::byte> large(packet::max_record_size - 15);
    CHECK_THROWS_AS(old.write(at(0), large), std::out_of_range);
    CHECK_THROWS_AS(writer.write(0, at(0), large), std::out_of_range);
    const auto fits = std::span{large}.first(packet::max_record_size - 32);
    CHECK_THROWS_AS(writer.write(0, at(0), fits, {.comment = "x", .original_size = {}}), std::out_of_range);
    CHECK(out.str().size() == size);
    std::ostringstream good;
    packet::pcapng_writer other{good};
    other.add_interface({});
    other.write(0, at(0), fits);
    const auto bytes = bytes_of(good);
    capture_reader reader{bytes};
    CHECK(reader.next()->bytes.size() == fits.size());
}

TEST_CASE("a reader of pieces refuses a piece too early or too late, and moves with what it keeps") {
    const auto file = one_packet();
    const auto bytes = std::span{file};
    capture_reader reader;
    CHECK(!reader.next());
    CHECK(!reader.failure());
    reader.add(bytes.first(30));
    CHECK_THROWS_AS(reader.add(bytes.subspan(30)), std::logic_error);
    CHECK(!reader.next());
    CHECK(!reader.next());
    CHECK(!reader.failure());
    capture_reader moved{std::move(reader)};
    moved.add(bytes.subspan(30));
    CHECK_THROWS_AS(moved.add({}), std::logic_error);
    moved.finish();
    const auto record = moved.next();
    REQUIRE(record);
    CHECK(text_of(record->bytes) == "hello");
    CHECK(!moved.next());
    CHECK(!moved.failure());
    CHECK_THROWS_AS(moved.add({}), std::logic_error);
    capture_reader whole_file{file};
    CHECK_THROWS_AS(whole_file.add({}), std::logic_error);
    whole_file.finish();
    CHECK(whole_file.next());
}
