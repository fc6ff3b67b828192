// The header of TCP, its options, and sequence numbers.
// SPDX-License-Identifier: MIT

#include "packet.hpp"

#include <concepts>

using packet::checksum_state;
using packet::packet_failure;
using packet::sequence;
using packet::tcp_flag;
using packet::tcp_flags;
using packet::tcp_view;

namespace {

// The first segment of a connection, as Linux sends it.
const auto syn =
    hex("9ff0 1a0a 12345678 00000000 a002 faf0 0000 0000"
        "020405b4 0402 080a 00112233 00000000 01 030307");
const net::ipv4_address from{"192.0.2.1"}, to{"198.51.100.7"};

std::vector<std::byte> with_checksum(std::vector<std::byte> bytes) {
    packet::detail::store_16(bytes.data() + 16, 0);
    const auto sum =
        packet::pseudo_header(from, to, packet::ip_protocol::tcp, static_cast<std::uint32_t>(bytes.size()));
    packet::detail::store_16(bytes.data() + 16, packet::internet_checksum(bytes, sum));
    return bytes;
}

packet_failure refusal(std::span<const std::byte> bytes) {
    const exact_copy copy{bytes};
    packet_failure why;
    CHECK(!tcp_view::parse(copy, why));
    CHECK(why.where() == packet::layer::tcp);
    return why;
}

constexpr std::array<std::byte, 20> reset{
    std::byte{0x1a}, std::byte{0x0a}, std::byte{0}, std::byte{80}, std::byte{0}, std::byte{0},    std::byte{0},
    std::byte{7},    std::byte{0},    std::byte{0}, std::byte{0},  std::byte{0}, std::byte{0x50}, std::byte{4},
    std::byte{0},    std::byte{0},    std::byte{0}, std::byte{0},  std::byte{0}, std::byte{0}};
constexpr auto flags_of(std::span<const std::byte> bytes) {
    packet_failure why;
    return tcp_view::parse(bytes, why)->flags();
}
static_assert(flags_of(reset) == tcp_flag::rst);

template <class Value>
concept has_less = requires(Value a, Value b) {
    a < b;
};

}  // namespace

// ---- Sequence numbers --------------------------------------------------------------------------------------

TEST_CASE("sequence numbers are compared across the wrap") {
    constexpr sequence near_end{0xffff'fff0};
    static_assert((near_end + 0x20).to_uint() == 0x10);
    static_assert(near_end.is_before(near_end + 0x20));
    static_assert((near_end + 0x20).is_after(near_end));
    static_assert((near_end + 0x20) - near_end == 0x20);
    static_assert(near_end - (near_end + 0x20) == -0x20);
    static_assert((sequence{0x10} - 0x20).to_uint() == 0xffff'fff0);
    static_assert(!near_end.is_before(near_end));
    static_assert(sequence{0x10}.is_in(near_end, 0x21) && !sequence{0x10}.is_in(near_end, 0x20));
    static_assert(near_end.is_in(near_end, 1) && !near_end.is_in(near_end, 0));
    SUCCEED();
}

TEST_CASE("being before is no order so sequence numbers have no operator <") {
    constexpr sequence a{0}, b{0x6000'0000}, c{0xc000'0000};
    static_assert(a.is_before(b) && b.is_before(c) && c.is_before(a));
    static_assert(!has_less<sequence>);
    static_assert(std::regular<sequence>);
    // Half a circle away neither is before the other.
    static_assert(!sequence{0}.is_before(sequence{0x8000'0000}) && !sequence{0x8000'0000}.is_before(sequence{0}));
    SUCCEED();
}

// ---- The header --------------------------------------------------------------------------------------------

TEST_CASE("a SYN as Linux sends it") {
    packet_failure why;
    const auto tcp = tcp_view::parse(syn, why);
    REQUIRE(tcp);
    CHECK(tcp->source_port() == 40944);
    CHECK(tcp->destination_port() == 6666);
    CHECK(tcp->sequence_number() == sequence{0x12345678});
    CHECK(tcp->acknowledgment_number() == sequence{});
    CHECK(tcp->data_offset() == 10);
    CHECK(tcp->header_size() == 40);
    CHECK(tcp->reserved() == 0);
    CHECK(tcp->flags() == tcp_flag::syn);
    CHECK(tcp->window() == 64240);
    CHECK(tcp->urgent_pointer() == 0);
    CHECK(tcp->payload().empty());
    CHECK(tcp->segment_length() == 1);
    CHECK(tcp->maximum_segment_size() == 1460);
    CHECK(tcp->is_sack_permitted());
    CHECK(tcp->timestamps() == packet::tcp_timestamps{0x112233, 0});
    CHECK(tcp->window_scale() == 7);
    CHECK(tcp->selective_acknowledgments().size() == 0);
    std::vector<unsigned> kinds;
    for (const auto& each : tcp->options()) kinds.push_back(each.kind);
    CHECK(kinds == std::vector<unsigned>{2, 4, 8, 1, 3});
    CHECK(!tcp->options().failure());
}

TEST_CASE("a span of more than 4 GiB is read up to 4 GiB") {
    if constexpr (sizeof(std::size_t) > 4) {
        packet_failure why;
        // Only the header is read, so the rest of the span need not exist.
        const std::span<const std::byte> long_span{syn.data(), std::size_t{1} << 32 | 4};
        const auto segment = tcp_view::parse(long_span, why);
        REQUIRE(segment);
        CHECK(segment->bytes().size() == 0xffff'ffff);
        CHECK(segment->payload().size() == 0xffff'ffff - segment->header_size());
    }
}

TEST_CASE("flags are a set") {
    constexpr tcp_flags both = tcp_flag::syn | tcp_flag::ack;
    static_assert(both.syn() && both.ack() && !both.fin() && both.to_uint() == 0x12);
    static_assert(both.has(tcp_flag::ack) && !both.has(tcp_flag::ack | tcp_flag::fin));
    static_assert((both & ~tcp_flags{tcp_flag::syn}) == tcp_flag::ack);
    const tcp_flags all{0xff};
    CHECK((all.fin() && all.syn() && all.rst() && all.psh() && all.ack() && all.urg() && all.ece() && all.cwr()));
    CHECK(!tcp_flags{}.has(tcp_flag::cwr));
}

TEST_CASE("reserved bits and urgent pointer are read beside a broken option") {
    packet_failure why;
    const auto bytes = hex("0050 1a0a ffffffff 00000001 6f20 0001 abcd 0007 01 01 05 12 616263");
    const auto tcp = tcp_view::parse(bytes, why);
    REQUIRE(tcp);
    CHECK(tcp->reserved() == 15);
    CHECK(tcp->flags() == tcp_flag::urg);
    CHECK(tcp->urgent_pointer() == 7);
    CHECK(tcp->checksum() == 0xabcd);
    CHECK(same_bytes(tcp->payload(), hex("616263")));
    CHECK(tcp->options().failure().message() == "TCP: option 5 needs 18 bytes, and the header ends before, at byte 22");
}

TEST_CASE("the blocks of a selective acknowledgment") {
    packet_failure why;
    const auto bytes =
        hex("0050 1a0a ffffffff 00000001 a010 0001 0000 0000"
            "01 01 05 12 00000010 00000020 fffffff0 00000040");
    const auto tcp = tcp_view::parse(bytes, why);
    REQUIRE(tcp);
    const auto blocks = tcp->selective_acknowledgments();
    REQUIRE(blocks.size() == 2);
    CHECK(blocks[0] == packet::tcp_block{sequence{0x10}, sequence{0x20}});
    CHECK(blocks[1].last - blocks[1].first == 0x50);
    CHECK(blocks.end() - blocks.begin() == 2);
}

TEST_CASE("an option with a wrong length is no option of its kind") {
    packet_failure why;
    const auto bytes = hex("0050 1a0a 00000000 00000000 7002 0001 0000 0000 020305 0302 0803 01");
    const auto tcp = tcp_view::parse(bytes, why);
    REQUIRE(tcp);
    CHECK(!tcp->maximum_segment_size());
    CHECK(!tcp->window_scale());
    CHECK(!tcp->timestamps());
    CHECK(!tcp->is_sack_permitted());
    CHECK(!tcp->options().failure());
}

TEST_CASE("SYN and FIN occupy a sequence number each") {
    auto bytes = hex("0050 1a0a 00000000 00000000 5000 0001 0000 0000 616263");
    const auto length = [&](tcp_flags flags) {
        bytes[13] = static_cast<std::byte>(flags.to_uint());
        packet_failure why;
        return tcp_view::parse(bytes, why)->segment_length();
    };
    CHECK(length({}) == 3);
    CHECK(length(tcp_flag::syn) == 4);
    CHECK(length(tcp_flag::fin | tcp_flag::ack) == 4);
    CHECK(length(tcp_flag::syn | tcp_flag::fin) == 5);
}

TEST_CASE("the checksum of TCP is good bad or partial") {
    const auto bytes = with_checksum(syn);
    packet_failure why;
    CHECK(tcp_view::parse(bytes, why)->checksum_state(from, to) == checksum_state::good);
    CHECK(tcp_view::parse(bytes, why)->checksum_state(to, to) == checksum_state::bad);
    CHECK(tcp_view::parse(syn, why)->checksum_state(from, to) == checksum_state::bad);
    auto offloaded = syn;
    packet::detail::store_16(offloaded.data() + 16,
                             packet::pseudo_header(from, to, packet::ip_protocol::tcp, 40).sum());
    CHECK(tcp_view::parse(offloaded, why)->checksum_state(from, to) == checksum_state::partial);
}

TEST_CASE("every flipped bit of a TCP segment is noticed") {
    const auto bytes = with_checksum(syn);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        auto damaged = bytes;
        damaged[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
        packet_failure why;
        const auto tcp = tcp_view::parse(damaged, why);
        CHECK((!tcp || tcp->checksum_state(from, to) == checksum_state::bad));
    }
}

TEST_CASE("a TCP header is malformed below five words and cut short when bytes are missing") {
    auto bytes = syn;
    bytes[12] = std::byte{0x30};
    CHECK(refusal(bytes).message() == "TCP: data offset is 3 words, below 5, at byte 12");
    CHECK(!refusal(bytes).is_cut_short());
    for (std::size_t size = 0; size < syn.size(); ++size) {
        const auto why = refusal(std::span{syn}.first(size));
        CHECK(why.is_cut_short());
        CHECK(why.offset() == size);
    }
    CHECK(refusal(std::span{syn}.first(39)).message() == "TCP: cut short: 39 of 40 bytes are there, at byte 39");
}
