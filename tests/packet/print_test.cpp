// The printers, character by character.
// SPDX-License-Identifier: MIT

#include "packet.hpp"

#include <netnotes/packet/print.hpp>

using packet::box;
using packet::dissect;
using packet::layer;
using packet::summary;

namespace {

std::vector<std::byte> syn() {
    return hex(
        "020000000001 020000000002 0800"
        "4500003c 1c464000 4006 9a74 c0000201 c0000202"
        "9ff01a0a 00000000 00000000 a002 faf0 1234 0000 020405b4 0402080a 00000007 00000000 01 030307");
}
std::vector<std::byte> arp_request() {
    return hex("ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000202");
}
std::vector<std::byte> query() {
    return hex(
        "020000000001 020000000002 0800 45000039 00000000 4011 0000 c0000201 c0000202"
        "9c40 0035 0025 0000 beef 0100 0001 0000 0000 0000 07 6578616d706c65 03 636f6d 00 0001 0001");
}

std::string lines(std::initializer_list<std::string_view> all) {
    std::string text;
    for (const std::string_view each : all) text.append(each) += '\n';
    return text;
}

}  // namespace

TEST_CASE("a frame becomes one line") {
    CHECK(summary(dissect(syn())) ==
          "192.0.2.1 \u2192 192.0.2.2 TCP 74 40944 \u2192 6666 [SYN] Seq=0 Win=64240 Len=0 MSS=1460 SACK_PERM TSval=7 "
          "TSecr=0 WS=128");
    CHECK(summary(dissect(arp_request())) ==
          "02:00:00:00:00:01 \u2192 ff:ff:ff:ff:ff:ff ARP 42 Who has 192.0.2.2? Tell 192.0.2.1");
    CHECK(summary(dissect(query())) == "192.0.2.1 \u2192 192.0.2.2 DNS 71 Standard query 0xbeef A example.com");
    CHECK(summary(dissect(hex("020000000001 020000000002 88cc 0207"))) ==
          "02:00:00:00:00:02 \u2192 02:00:00:00:00:01 Ethernet 16 0x88cc");
    auto answer = query();
    answer[44] = std::byte{0x81}, answer[45] = std::byte{0x83};
    CHECK(summary(dissect(answer)) ==
          "192.0.2.1 \u2192 192.0.2.2 DNS 71 Standard query response 0xbeef No such name A example.com");
    auto datagram = hex(
        "020000000001 020000000002 0800 45000020 00000000 4011 0000 c0000201 c0000202 9c40 1a0a 000c 0000 01020304");
    CHECK(summary(dissect(datagram)) == "192.0.2.1 \u2192 192.0.2.2 UDP 46 40000 \u2192 6666 Len=4");
    datagram[39] = std::byte{0};  // the length of a jumbogram
    CHECK(summary(dissect(datagram)) == "192.0.2.1 \u2192 192.0.2.2 UDP 46 40000 \u2192 6666 Len=4");
    CHECK(summary(dissect({})) == "frame 0 [Ethernet: the header needs 14 bytes, and 0 are left, at byte 0]");
}

TEST_CASE("the line of a DNS message stays short, however many records name a long name") {
    auto frame = query();
    std::vector<std::byte> message(frame.begin() + 42, frame.begin() + 54);
    for (int i = 0; i < 3; ++i) {  // a name of 255 bytes, each of which needs four characters
        message.push_back(std::byte{63});
        message.insert(message.end(), 63, std::byte{0});
    }
    message.push_back(std::byte{61});
    message.insert(message.end(), 61, std::byte{0});
    const auto end = hex("00 0001 0001");
    message.insert(message.end(), end.begin(), end.end());
    const auto record = hex("c00c 0005 0001 00000000 0002 c00c");
    for (int i = 0; i < 4000; ++i) message.insert(message.end(), record.begin(), record.end());
    packet::detail::store_16(message.data() + 2, 0x8000);
    packet::detail::store_16(message.data() + 4, 1);
    packet::detail::store_16(message.data() + 6, 4000);
    std::vector<std::byte> whole;
    packet::write(whole, packet::ethernet{}, packet::ipv4{}, packet::udp{.source_port = 53}, message);
    const std::string line = summary(dissect(whole));
    CHECK(line.find(" Standard query response 0xbeef A \\000") != std::string::npos);
    CHECK(line.ends_with(" ..."));
    CHECK(line.size() < 6000);
    const std::string tree = packet::tree(dissect(whole));
    CHECK(tree.find("    aliases: \\000") != std::string::npos);
    CHECK(tree.find("...\n") != std::string::npos);
    CHECK(tree.size() < 10'000);
}

TEST_CASE("a frame that is cut short says so in its line") {
    const auto bytes = syn();
    const exact_copy copy{std::span{bytes}.first(40)};
    const std::string line = summary(dissect(copy, bytes.size()));
    CHECK(line.starts_with("192.0.2.1 \u2192 192.0.2.2 TCP 74 "));
    CHECK(line.find("TCP: cut short: 6 of 20 bytes are there, at byte 40") != std::string::npos);
}

TEST_CASE("the tree has a line for each field") {
    const std::string text = packet::tree(dissect(syn()));
    CHECK(text.starts_with("Frame, 74 bytes\nEthernet, 14 bytes from byte 0\n    destination: 02:00:00:00:00:01\n"));
    CHECK(text.find(
              "    type: 0x0800 (IPv4)\nIPv4, 20 bytes from byte 14\n    version: 4\n    IHL: 5 words, 20 bytes\n") !=
          std::string::npos);
    CHECK(text.find("    protocol: 6 (TCP)\n") != std::string::npos);
    CHECK(text.find("    SYN: 1\n") != std::string::npos);
    CHECK(text.find("    checksum state: bad\n    payload size: 0\n    maximum segment size: 1460\n") !=
          std::string::npos);
    const std::string broken = packet::tree(dissect(std::span<const std::byte>{syn()}.first(20), 74));
    CHECK(broken.starts_with("Frame, 20 bytes of 74 on the wire\n"));
    CHECK(broken.ends_with("Failure: IPv4: cut short: 6 of 20 bytes are there, at byte 20\n"));
}

TEST_CASE("a hex dump marks the bytes of a field") {
    const auto bytes = hex("000102030405060708090a0b0c0d0e0f 41427e7f");
    CHECK(packet::hex_dump(bytes) ==
          "0000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ................\n"
          "0010  41 42 7e 7f                                      AB~.\n");
    CHECK(packet::hex_dump(bytes, packet::field_place{8, 16}) ==
          "0000  00[01 02]03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ................\n"
          "0010  41 42 7e 7f                                      AB~.\n");
    CHECK(packet::hex_dump(bytes, packet::field_place{15 * 8 + 7, 2}) ==
          "0000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e[0f] ................\n"
          "0010 [41]42 7e 7f                                      AB~.\n");
    CHECK(packet::hex_dump(bytes, packet::field_place{19 * 8, 8})
              .ends_with("0010  41 42 7e[7f]                                     AB~.\n"));
    CHECK(packet::hex_dump({}).empty());
    std::vector<std::byte> large(0x10000);
    CHECK(packet::hex_dump(large).find("\nfff0  00 ") != std::string::npos);
    large.push_back({});  // now each place has five digits
    CHECK(packet::hex_dump(large).starts_with("00000  00 "));
    CHECK(packet::hex_dump(large).find("\n10000  00 ") != std::string::npos);
}

TEST_CASE("the box of TCP is that of RFC 9293, with the values of the segment") {
    CHECK(box(dissect(syn()), layer::tcp) ==
          lines({" 0                   1                   2                   3",
                 " 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                 "┌───────────────────────────────┬───────────────────────────────┐",
                 "│          source port          │       destination port        │",
                 "│             40944             │             6666              │",
                 "├───────────────────────────────┴───────────────────────────────┤",
                 "│                        sequence number                        │",
                 "│                               0                               │",
                 "├───────────────────────────────────────────────────────────────┤",
                 "│                     acknowledgment number                     │",
                 "│                               0                               │",
                 "├───────┬───────┬─┬─┬─┬─┬─┬─┬─┬─┬───────────────────────────────┤",
                 "│ data  │       │C│E│U│A│P│R│S│F│            window             │",
                 "│offset │       │W│C│R│C│S│S│Y│I│                               │",
                 "│       │       │R│E│G│K│H│T│N│N│                               │",
                 "│  10   │       │0│0│0│0│0│0│1│0│             64240             │",
                 "├───────┴───────┴─┴─┴─┴─┴─┴─┴─┴─┼───────────────────────────────┤",
                 "│           checksum            │        urgent pointer         │",
                 "│            0x1234             │               0               │",
                 "├───────────────────────────────┴───────────────────────────────┤",
                 "│                            options                            │",
                 "└───────────────────────────────────────────────────────────────┘"}));
}

TEST_CASE("the box of ARP has fields that go on in the next row") {
    CHECK(box(dissect(arp_request()), layer::arp) ==
          lines({" 0                   1                   2                   3",
                 " 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1",
                 "┌───────────────────────────────┬───────────────────────────────┐",
                 "│         hardware type         │         protocol type         │",
                 "│               1               │            0x0800             │",
                 "├───────────────┬───────────────┼───────────────────────────────┤",
                 "│   hw. size    │  proto. size  │           operation           │",
                 "│       6       │       4       │               1               │",
                 "├───────────────┴───────────────┴───────────────────────────────┤",
                 "│                    sender hardware address                    │",
                 "│                       02:00:00:00:00:01                       │",
                 "├───────────────────────────────┬───────────────────────────────┤",
                 "│                               │    sender protocol address    │",
                 "│              ...              │           192.0.2.1           │",
                 "├───────────────────────────────┼───────────────────────────────┤",
                 "│                               │    target hardware address    │",
                 "│              ...              │       00:00:00:00:00:00       │",
                 "├───────────────────────────────┴───────────────────────────────┤",
                 "│                              ...                              │",
                 "├───────────────────────────────────────────────────────────────┤",
                 "│                    target protocol address                    │",
                 "│                           192.0.2.2                           │",
                 "└───────────────────────────────────────────────────────────────┘"}));
}

TEST_CASE("the box of Ethernet has rows of 48 bits, and a header that is absent has no box") {
    const std::string text = box(dissect(syn()), layer::ethernet);
    CHECK(text.find("02:00:00:00:00:02") != std::string::npos);
    CHECK(text.ends_with(
        "├───────────────────────────────┬───────────────────────────────────────────────────────────────┘\n"
        "│             type              │\n"
        "│            0x0800             │\n"
        "└───────────────────────────────┘\n"));
    CHECK(box(dissect(syn()), layer::udp).empty());
    CHECK(box(dissect(syn()), layer::payload).empty());
    CHECK(box(dissect(query()), layer::dns).find("0xbeef") != std::string::npos);
}

TEST_CASE("a frame that is cut or damaged anywhere has a line, a tree and boxes") {
    for (const auto& whole : {syn(), arp_request(), query()}) {
        for (std::size_t size = 0; size <= whole.size(); ++size) {
            for (const unsigned flip : {0u, 0xffu, 0x55u}) {
                exact_copy copy{std::span{whole}.first(size)};
                if (size > 0)
                    copy[size * 5 / 7] = static_cast<std::byte>(std::to_integer<unsigned>(copy[size * 5 / 7]) ^ flip);
                const auto frame = dissect(copy, whole.size());
                CHECK(!summary(frame).empty());
                CHECK(!packet::tree(frame).empty());
                for (unsigned each = 0; each < 13; ++each) (void)box(frame, static_cast<layer>(each));
            }
        }
    }
}
