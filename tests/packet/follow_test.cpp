// TCP streams: order, gaps, retransmissions, overlaps that differ, ends, ports that are used again, and the memory.
// SPDX-License-Identifier: MIT

#include "packet.hpp"

#include <netnotes/packet/follow.hpp>

#include <limits>
#include <random>

using packet::stream_event;
using packet::stream_side;
using packet::tcp_flag;
using packet::tcp_flags;
using packet::tcp_follower;
using kind = packet::stream_event::kind;
using namespace std::string_literals;

namespace {

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

constexpr std::uint32_t client_start = 0xffff'fff0, server_start = 5000;  // the client's numbers pass zero

/// A follower, and in words what it reports: `C:hello` are data of the client.
class watcher {
  public:
    explicit watcher(const packet::follow_limits& limits = {}) : follower{limits} {}

    /// A segment of a side. `number` counts from the first byte behind the SYN, as does `acknowledged` of the other side.
    watcher& segment(char side, int number, std::string_view text, tcp_flags flags = tcp_flag::ack,
                     int acknowledged = 0, std::size_t missing = 0) {
        return raw(side, (side == 'C' ? client_start : server_start) + 1 + static_cast<std::uint32_t>(number),
                   (side == 'C' ? server_start : client_start) + 1 + static_cast<std::uint32_t>(acknowledged), text,
                   flags, missing);
    }
    watcher& raw(char side, std::uint32_t number, std::uint32_t acknowledged, std::string_view text, tcp_flags flags,
                 std::size_t missing = 0, std::uint16_t client_port = 40000) {
        std::vector<std::byte> bytes(20);
        const bool is_client = side == 'C';
        packet::detail::store_16(bytes.data(), is_client ? client_port : 80);
        packet::detail::store_16(bytes.data() + 2, is_client ? 80 : client_port);
        packet::detail::store_32(bytes.data() + 4, number);
        packet::detail::store_32(bytes.data() + 8, acknowledged);
        bytes[12] = std::byte{0x50};
        bytes[13] = std::byte{flags.to_uint()};
        for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
        const exact_copy copy{bytes};
        packet::packet_failure why;
        const net::ip_address near = "192.0.2.1"_ip, far = "192.0.2.2"_ip;
        follower.add({.source = is_client ? near : far,
                      .destination = is_client ? far : near,
                      .header = *packet::tcp_view::parse(copy, why),
                      .payload_size = text.size() + missing},
                     [&](const stream_event& event) { note(event); });
        CHECK(follower.memory() <= max_memory);
        return *this;
    }
    watcher& handshake() {
        segment('C', -1, "", tcp_flag::syn).segment('S', -1, "", tcp_flag::syn | tcp_flag::ack);
        segment('C', 0, "");
        (void)words();
        return *this;
    }
    watcher& finish() {
        follower.finish([&](const stream_event& event) { note(event); });
        return *this;
    }
    /// Returns the events since the last call.
    std::string words() { return std::exchange(words_, ""); }
    [[nodiscard]] std::string said(char side) const { return side == 'C' ? client : server; }

    tcp_follower follower;
    std::size_t max_memory = std::size_t{64} << 20;
    std::string client, server;
    std::size_t lost = 0;

  private:
    void note(const stream_event& event) {
        const bool is_client = event.side == stream_side::client;
        const std::string side = is_client ? "C" : "S";
        const std::string size = std::to_string(event.size);
        const std::string at = std::to_string(
            static_cast<std::int32_t>(event.at.to_uint() - (is_client ? client_start : server_start) - 1));
        constexpr std::string_view reasons[]{"acknowledged", "memory", "end"};
        switch (event.what) {
            case kind::opened: words_ += side + " opens " + std::to_string(event.stream.number); break;
            case kind::data:
                words_ += side + ":" + text_of(event.bytes);
                (is_client ? client : server) += text_of(event.bytes);
                break;
            case kind::gap:
                words_ += side + " gap " + size + " " + std::string{reasons[static_cast<std::size_t>(event.reason)]};
                lost += event.size;
                break;
            case kind::retransmission: words_ += side + " again " + size + " at " + at; break;
            case kind::conflict: words_ += side + " differs " + size + " at " + at; break;
            case kind::outside: words_ += side + (event.size > 0 ? " outside" : " outside at " + at); break;
            case kind::finished: words_ += side + " fin"; break;
            case kind::reset: words_ += side + " rst"; break;
            case kind::dropped: words_ += "dropped " + std::to_string(event.stream.number); break;
        }
        words_ += "|";
    }
    std::string words_;
};

}  // namespace

// ---- The plain course --------------------------------------------------------------------------------------

TEST_CASE("a whole connection is followed from SYN to FIN") {
    watcher to;
    to.segment('C', -1, "", tcp_flag::syn).segment('S', -1, "", tcp_flag::syn | tcp_flag::ack).segment('C', 0, "");
    CHECK(to.words() == "C opens 0|");
    to.segment('C', 0, "GET /").segment('S', 0, "200", tcp_flag::ack, 5).segment('C', 5, "", tcp_flag::ack, 3);
    CHECK(to.words() == "C:GET /|S:200|");
    to.segment('C', 5, "!", tcp_flag::fin | tcp_flag::ack, 3).segment('S', 3, "", tcp_flag::fin | tcp_flag::ack, 7);
    CHECK(to.words() == "C:!|C fin|S fin|");
    to.segment('C', 7, "", tcp_flag::ack, 4);
    CHECK(to.words() == "");
    CHECK(to.follower.size() == 1);
}

TEST_CASE("a stream whose beginning is missing belongs to the side that was seen first") {
    watcher to;
    to.segment('S', 100, "hello").segment('C', 7, "you");
    CHECK(to.words() == "C opens 0|C:hello|S:you|");
    watcher other;  // an answer to a SYN tells who the client is
    other.segment('S', -1, "", tcp_flag::syn | tcp_flag::ack).segment('C', 0, "hi").segment('S', 0, "ho");
    CHECK(other.words() == "S opens 0|C:hi|S:ho|");
}

TEST_CASE("segments of each order give the same bytes") {
    std::mt19937 random{11};
    for (int round = 0; round < 300; ++round) {
        std::string text;
        for (std::size_t i = 1 + random() % 2000; i > 0; --i) text += static_cast<char>('0' + random() % 10);
        std::vector<std::pair<int, std::string>> parts;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t size = 1 + random() % 100;
            parts.emplace_back(static_cast<int>(at), text.substr(at, size));
            at += size;
        }
        for (std::size_t extra = random() % 10; extra > 0; --extra) {  // repeated, and cut elsewhere
            const std::size_t at = random() % text.size();
            parts.emplace_back(static_cast<int>(at), text.substr(at, 2 + random() % 300));
        }
        std::shuffle(parts.begin(), parts.end(), random);
        watcher to;
        to.handshake();
        for (const auto& [at, part] : parts) to.segment('C', at, part);
        const std::string words = to.words();
        CHECK(to.said('C') == text);
        CHECK(words.find("gap") == std::string::npos);
        CHECK(words.find("differs") == std::string::npos);
    }
}

TEST_CASE(
    "a FIN that arrives before the last bytes ends the stream behind them, and is no sign of loss (PcapPlusPlus "
    "1333)") {
    watcher to;
    to.handshake();
    to.segment('C', 3, "def", tcp_flag::fin | tcp_flag::ack);
    CHECK(to.words() == "");
    to.segment('S', 0, "", tcp_flag::fin | tcp_flag::ack, 0);
    CHECK(to.words() == "S fin|");
    to.segment('C', 0, "abc");
    CHECK(to.words() == "C:abc|C:def|C fin|");
    to.segment('C', 6, "ghi");
    CHECK(to.words() == "C outside|");
    to.segment('C', 3, "def", tcp_flag::fin | tcp_flag::ack);
    CHECK(to.words() == "C again 3 at 3|");
}

// ---- Gaps --------------------------------------------------------------------------------------------------

TEST_CASE("a gap is given up when the receiver acknowledges behind it, not when it speaks (PcapPlusPlus 851)") {
    watcher to;
    to.handshake();
    to.segment('C', 0, "abc").segment('C', 6, "ghi");
    CHECK(to.words() == "C:abc|");
    to.segment('S', 0, "hello", tcp_flag::ack, 3).segment('S', 5, "?", tcp_flag::ack, 6);
    CHECK(to.words() == "S:hello|S:?|");
    to.segment('S', 6, "", tcp_flag::ack, 9);
    CHECK(to.words() == "C gap 3 acknowledged|C:ghi|");
    to.segment('C', 3, "def");  // late: it is reported as repeated, for its place is over
    CHECK(to.words() == "C again 3 at 3|");
    to.segment('C', 9, "jkl");
    CHECK(to.words() == "C:jkl|");
}

TEST_CASE("an acknowledgment gives up one gap after the other") {
    watcher to;
    to.handshake();
    to.segment('C', 2, "c").segment('C', 4, "e").segment('C', 6, "g", tcp_flag::fin | tcp_flag::ack);
    to.segment('S', 0, "", tcp_flag::ack, 5);
    CHECK(to.words() == "C gap 2 acknowledged|C:c|C gap 1 acknowledged|C:e|");
    to.segment('S', 0, "", tcp_flag::ack, 8);
    CHECK(to.words() == "C gap 1 acknowledged|C:g|C fin|");
    watcher other;  // all that is missing lies before the FIN
    other.handshake();
    other.segment('C', 4, "", tcp_flag::fin | tcp_flag::ack).segment('S', 0, "", tcp_flag::ack, 4);
    CHECK(other.words() == "");
    other.segment('S', 0, "", tcp_flag::ack, 5);
    CHECK(other.words() == "C gap 4 acknowledged|C fin|");
}

TEST_CASE("the end of the capture reports what waits behind gaps") {
    watcher to;
    to.handshake();
    to.segment('C', 2, "c").segment('S', 3, "d", tcp_flag::fin | tcp_flag::ack).finish();
    CHECK(to.words() == "C gap 2 end|C:c|S gap 3 end|S:d|S fin|");
    to.finish();
    CHECK(to.words() == "");
}

TEST_CASE("a segment that the capture has cut short leaves a gap") {
    watcher to;
    to.handshake();
    to.segment('C', 0, "abc", tcp_flag::ack, 0, 7).segment('C', 10, "k").segment('S', 0, "", tcp_flag::ack, 11);
    CHECK(to.words() == "C:abc|C gap 7 acknowledged|C:k|");
    to.segment('C', 11, "l", tcp_flag::fin | tcp_flag::ack, 0, 4).segment('S', 0, "", tcp_flag::ack, 17);
    CHECK(to.words() == "C:l|C gap 4 acknowledged|C fin|");
}

// ---- Repetitions -------------------------------------------------------------------------------------------

TEST_CASE("retransmissions are reported, and only their new bytes are data") {
    watcher to;
    to.handshake();
    to.segment('C', 0, "abcdef").segment('C', 0, "abcdef").segment('C', 4, "efgh");
    CHECK(to.words() == "C:abcdef|C again 6 at 0|C again 2 at 4|C:gh|");
    to.segment('C', 10, "kl").segment('C', 9, "jkl").segment('C', 8, "ijklm");
    CHECK(to.words() == "C again 2 at 9|C again 3 at 8|C:i|C:j|C:kl|C:m|");
    to.segment('C', -1, "", tcp_flag::syn);
    CHECK(to.words() == "");
}

TEST_CASE("of bytes that differ the first count, and the difference is reported (PyPCAPKit 443)") {
    watcher to;
    to.handshake();
    to.segment('C', 0, "abcdef").segment('C', 2, "cXYfgh");
    CHECK(to.words() == "C:abcdef|C again 4 at 2|C differs 2 at 3|C:gh|");
    to.segment('C', 10, "klm").segment('C', 9, "jkZ");  // behind a gap
    CHECK(to.words() == "C again 2 at 9|C differs 1 at 11|");
    to.segment('C', 8, "iJkl");  // fills the gap: what waited behind it came first
    CHECK(to.words() == "C again 3 at 8|C differs 1 at 9|C:i|C:j|C:klm|");
    CHECK(to.said('C') == "abcdefghijklm");
}

TEST_CASE("a retransmission is compared with as many bytes as the history holds") {
    watcher to{{.max_memory = std::size_t{64} << 20, .history = 4}};
    to.handshake();
    to.segment('C', 0, "abcdefgh").segment('C', 0, "ABCDEFgh");
    CHECK(to.words() == "C:abcdefgh|C again 8 at 0|C differs 2 at 4|");
    to.segment('C', 0, "XXXX");
    CHECK(to.words() == "C again 4 at 0|");
    to.segment('C', 8, "i").segment('C', 4, "EFGHIJ");
    CHECK(to.words() == "C:i|C again 5 at 4|C differs 4 at 5|C:J|");
    watcher blind{{.max_memory = std::size_t{64} << 20, .history = 0}};
    blind.handshake();
    blind.segment('C', 0, "abc").segment('C', 0, "ABC");
    CHECK(blind.words() == "C:abc|C again 3 at 0|");
}

TEST_CASE("a keep-alive is no retransmission, whatever its byte is") {
    watcher to;
    to.handshake();
    to.segment('C', 0, "abc").segment('C', 2, "\0"sv).segment('C', 2, "").segment('C', 3, "d");
    CHECK(to.words() == "C:abc|C:d|");
}

TEST_CASE("segments from before the first one in the capture are old") {
    watcher to;
    to.segment('C', 100, "def").segment('C', 97, "abcdefghi");
    CHECK(to.words() == "C opens 0|C:def|C again 3 at 97|C again 3 at 100|C:ghi|");
    to.segment('C', 90, "abc");
    CHECK(to.words() == "C again 3 at 90|");
}

// ---- A FIN ahead of a gap ------------------------------------------------------------------------------------

TEST_CASE("a forged FIN ahead of a gap hides no bytes") {
    watcher to;
    to.handshake();
    to.segment('C', 0, "ab").segment('C', 6, "", tcp_flag::fin | tcp_flag::ack);  // forged
    CHECK(to.words() == "C:ab|");
    to.segment('C', 4, "efgh");  // reaches beyond it
    CHECK(to.words() == "C outside at 6|");
    to.segment('C', 2, "cd").segment('C', 8, "ij", tcp_flag::fin | tcp_flag::ack);
    CHECK(to.words() == "C:cd|C:efgh|C:ij|C fin|");
    watcher fills;  // the bytes that fill the gap reach beyond the FIN
    fills.handshake();
    fills.segment('C', 6, "", tcp_flag::fin | tcp_flag::ack).segment('C', 0, "abcdefgh");
    CHECK(fills.words() == "C outside at 6|C:abcdefgh|");
    watcher cut;  // the capture has only the beginning of the segment that reaches beyond the FIN
    cut.handshake();
    cut.segment('C', 6, "", tcp_flag::fin | tcp_flag::ack).segment('C', 0, "abcd", tcp_flag::ack, 0, 4);
    CHECK(cut.words() == "C outside at 6|C:abcd|");
    cut.segment('C', 4, "efghij");
    CHECK(cut.words() == "C:efghij|");
}

TEST_CASE("a FIN ahead of a gap ends the stream when the gap is filled, whatever comes without bytes") {
    watcher to;
    to.handshake();
    to.segment('C', 4, "ef", tcp_flag::fin | tcp_flag::ack).segment('C', 2, "cd");
    to.segment('C', 7, "").segment('C', 4, "ef", tcp_flag::fin | tcp_flag::ack);  // an acknowledgment, and a repetition
    to.segment('C', 7, "x", tcp_flag::rst | tcp_flag::ack);  // the text of a RST is no byte of the stream
    CHECK(to.words() == "C again 2 at 4|C rst|");
    to.segment('C', 0, "ab");
    CHECK(to.words() == "C:ab|C:cd|C:ef|C fin|");
    to.segment('C', 6, "gh");
    CHECK(to.words() == "C outside|");
}

TEST_CASE("of two FINs ahead of a gap the first counts, until bytes contradict it") {
    watcher to;
    to.handshake();
    to.segment('C', 6, "", tcp_flag::fin | tcp_flag::ack).segment('C', 4, "", tcp_flag::fin | tcp_flag::ack);
    CHECK(to.words() == "C outside at 4|");
    to.segment('C', 9, "", tcp_flag::fin | tcp_flag::ack);
    CHECK(to.words() == "C outside at 9|");
    to.segment('C', 0, "abcdef");
    CHECK(to.words() == "C:abcdef|C fin|");
    watcher later;  // the second has bytes behind the first
    later.handshake();
    later.segment('C', 4, "", tcp_flag::fin | tcp_flag::ack).segment('C', 3, "def", tcp_flag::fin | tcp_flag::ack);
    CHECK(later.words() == "C outside at 4|");
    later.segment('C', 0, "abc");
    CHECK(later.words() == "C:abc|C:def|C fin|");
    watcher in_order;  // no gap is before the second
    in_order.handshake();
    in_order.segment('C', 9, "", tcp_flag::fin | tcp_flag::ack).segment('C', 6, "ghi");
    in_order.segment('C', 0, "abc", tcp_flag::fin | tcp_flag::ack);
    CHECK(in_order.words() == "C:abc|C outside at 9|C outside|C fin|");
    CHECK(in_order.finish().words() == "");
}

TEST_CASE("a FIN ahead of a gap is ignored if bytes behind it are kept already") {
    watcher to;
    to.handshake();
    to.segment('C', 8, "ijk").segment('C', 2, "cdefg");
    const std::size_t before = to.follower.memory();
    to.segment('C', 4, "", tcp_flag::fin | tcp_flag::ack);
    CHECK(to.words() == "C outside at 4|");
    CHECK(to.follower.memory() == before);
    to.segment('C', 6, "gh", tcp_flag::fin | tcp_flag::ack);  // its bytes are kept, but not its FIN
    CHECK(to.words() == "C again 1 at 6|C outside at 8|");
    to.segment('C', 0, "ab");
    CHECK(to.words() == "C:ab|C:cdefg|C:h|C:ijk|");
    to.segment('C', 11, "", tcp_flag::fin | tcp_flag::ack);
    CHECK(to.words() == "C fin|");
    watcher last;  // nothing is kept behind this FIN
    last.handshake();
    last.segment('C', 2, "cd").segment('C', 4, "", tcp_flag::fin | tcp_flag::ack).segment('C', 0, "ab");
    CHECK(last.words() == "C:ab|C:cd|C fin|");
}

TEST_CASE("an acknowledgment behind a FIN ahead of a gap decides: of the FIN, or of bytes behind it") {
    watcher to;
    to.handshake();
    to.segment('C', 2, "cd", tcp_flag::fin | tcp_flag::ack).segment('S', 0, "", tcp_flag::ack, 5);
    CHECK(to.words() == "C gap 2 acknowledged|C:cd|C fin|");
    watcher more;
    more.handshake();
    more.segment('C', 2, "cd", tcp_flag::fin | tcp_flag::ack).segment('S', 0, "", tcp_flag::ack, 6);
    CHECK(more.words() == "C outside at 4|C gap 2 acknowledged|C:cd|");
    more.segment('C', 4, "ef", tcp_flag::fin | tcp_flag::ack);
    CHECK(more.words() == "C:ef|C fin|");
}

TEST_CASE("a FIN ahead of a gap is compared rightly when the numbers pass zero") {
    // The client's byte 15 has the number 0: 0xffff'fff0 is its SYN.
    for (int fin = 12; fin <= 18; ++fin) {
        CAPTURE(fin);
        watcher forged;
        forged.handshake();
        forged.segment('C', fin, "", tcp_flag::fin | tcp_flag::ack).segment('C', fin - 2, "vwxyz");
        CHECK(forged.words() == "C outside at " + std::to_string(fin) + "|");
        const std::string text(static_cast<std::size_t>(fin) - 2, '.');
        forged.segment('C', 0, text);
        CHECK(forged.words() == "C:" + text + "|C:vwxyz|");
        watcher honest;
        honest.handshake();
        honest.segment('C', fin, "", tcp_flag::fin | tcp_flag::ack).segment('C', fin - 2, "yz").segment('C', 0, text);
        CHECK(honest.words() == "C:" + text + "|C:yz|C fin|");
    }
}

// ---- Ends, and what does not belong ------------------------------------------------------------------------

TEST_CASE("a reset is reported once, and a forged reset with another number is outside") {
    watcher to;
    to.handshake();
    to.segment('C', 0, "abcdef");
    to.segment('C', 3, "", tcp_flag::rst);
    CHECK(to.words() == "C:abcdef|C outside at 3|");
    to.segment('C', 6, "", tcp_flag::rst).segment('C', 6, "", tcp_flag::rst);
    CHECK(to.words() == "C rst|");
    watcher refused;
    refused.segment('C', -1, "", tcp_flag::syn).raw('S', 0, client_start + 1, "", tcp_flag::rst | tcp_flag::ack);
    CHECK(refused.words() == "C opens 0|S rst|");
}

TEST_CASE("a segment whose numbers are far away is outside and is not kept") {
    watcher to;
    to.handshake();
    const std::size_t before = to.follower.memory();
    to.raw('C', client_start + 1 + (1u << 30) + 1, 0, "far", tcp_flag::ack);
    CHECK(to.words() == "C outside|");
    to.raw('C', client_start - (1u << 30) - 1, 0, "old", tcp_flag::ack);
    CHECK(to.words() == "C outside|");
    CHECK(to.follower.memory() == before);
    to.raw('C', client_start + 1 + (1u << 30), 0, "near", tcp_flag::ack);
    CHECK(to.words() == "");
    CHECK(to.follower.memory() > before);
}

TEST_CASE("a SYN with another number begins a new stream on the same ports, and a repeated SYN does not") {
    watcher to;
    to.handshake();
    to.segment('C', 0, "abc").segment('C', 5, "f");
    (void)to.words();
    to.segment('C', -1, "", tcp_flag::syn);  // a retransmission
    CHECK(to.words() == "");
    to.raw('C', 77, 0, "", tcp_flag::syn);
    CHECK(to.words() == "C gap 2 end|C:f|C opens 1|");
    to.raw('S', 9, 78, "", tcp_flag::syn | tcp_flag::ack).raw('C', 78, 10, "new", tcp_flag::ack);
    CHECK(to.words() == "C:new|");
    to.raw('C', 81, 10, "", tcp_flag::rst);
    to.raw('C', 77, 0, "", tcp_flag::syn);  // the same number after a reset is the same connection
    CHECK(to.words() == "C rst|");
    to.raw('C', 81, 10, "", tcp_flag::rst);
    CHECK(to.words() == "C rst|");
    CHECK(to.follower.size() == 1);
}

TEST_CASE("streams of other ports are other streams") {
    watcher to;
    for (std::uint16_t port = 1; port <= 3; ++port) to.raw('C', 1, 0, "", tcp_flag::syn, 0, port);
    CHECK(to.words() == "C opens 0|C opens 1|C opens 2|");
    to.raw('S', 5, 2, "", tcp_flag::syn | tcp_flag::ack, 0, 2).raw('S', 6, 2, "two", tcp_flag::ack, 0, 2);
    CHECK(to.words() == "S:two|");
    CHECK(to.follower.size() == 3);
}

// ---- Memory ------------------------------------------------------------------------------------------------

TEST_CASE("a stream behind a gap takes no more memory than allowed, and loses nothing else (gopacket 444)") {
    watcher to{{.max_memory = 20'000, .history = 0}};
    to.max_memory = 20'000;
    to.handshake();
    std::string expected;
    for (int i = 0; i < 1000; ++i) {
        const std::string part(100, static_cast<char>('a' + i % 26));
        to.segment('C', 10 + i * 100, part);
        expected += part;
    }
    CHECK(to.words().starts_with("C gap 10 memory|C:aaaa"));
    to.finish();
    CHECK(to.lost == 10);
    CHECK(to.said('C') == expected);
}

TEST_CASE("the history gives its memory back to bytes behind a gap, each time") {
    watcher to{{.max_memory = 20'000, .history = 4096}};
    to.max_memory = 20'000;
    to.handshake();
    const std::string block(4000, 'x');
    int at = 0;
    for (int round = 0; round < 4; ++round) {
        to.segment('C', at, block);  // fills the history
        at += 4000;
        for (int i = 1; i <= 6; ++i) to.segment('C', at + i * 4001, block);  // each behind another gap
        at += 6 * 4001 + 4000;
        CHECK(to.follower.memory() > 0);
        CHECK(to.follower.size() == 1);
    }
    to.finish();
    CHECK(to.client.size() + to.lost == static_cast<std::size_t>(at));
    to.segment('C', -1, "", tcp_flag::syn);  // repeated; the next SYN begins a new stream, and the old one is forgotten
    to.raw('C', 77, 0, "", tcp_flag::syn);
    CHECK(to.follower.size() == 1);
    watcher fresh{{.max_memory = 20'000, .history = 4096}};
    fresh.raw('C', 77, 0, "", tcp_flag::syn);
    CHECK(to.follower.memory() == fresh.follower.memory());
}

TEST_CASE("a single segment larger than the memory is reported behind its gap") {
    watcher to{{.max_memory = 3000, .history = 500}};
    to.max_memory = 3000;
    to.handshake();
    const std::string large(4000, 'x');
    to.segment('C', 0, "a").segment('C', 3, "d").segment('C', 10, large);
    CHECK(to.words() == "C:a|C gap 2 memory|C:d|C gap 6 memory|C:" + large + "|");
    to.segment('C', 4010, "y");
    CHECK(to.words() == "C:y|");
}

TEST_CASE("bytes for which there is no memory are data and no retransmission, wherever they lie and where the FIN is") {
    const std::string held(600, 'h'), late(600, 'l');
    for (const bool has_fin : {false, true}) {
        CAPTURE(has_fin);
        watcher before{{.max_memory = 2000, .history = 0}};  // what comes lies before what is held
        before.max_memory = 2000;
        before.handshake();
        if (has_fin) before.segment('C', 5000, "", tcp_flag::fin | tcp_flag::ack);
        before.segment('C', 2000, held).segment('C', 1000, late);
        CHECK(before.words() == "C gap 1000 memory|C:" + late + "|");
        before.finish();
        CHECK(before.words() == "C gap 400 end|C:" + held + "|" + (has_fin ? "C gap 2400 end|C fin|" : ""));
        watcher behind{{.max_memory = 2000, .history = 0}};
        behind.max_memory = 2000;
        behind.handshake();
        if (has_fin) behind.segment('C', 5000, "", tcp_flag::fin | tcp_flag::ack);
        behind.segment('C', 1000, held).segment('C', 2000, late);
        CHECK(behind.words() == "C gap 1000 memory|C:" + held + "|");  // now there is room again
        behind.finish();
        CHECK(behind.words() == "C gap 400 end|C:" + late + "|" + (has_fin ? "C gap 2400 end|C fin|" : ""));
    }
}

TEST_CASE("bytes that wait behind a FIN without a gap before it are outside, and nothing follows the end") {
    watcher to;
    to.handshake();
    to.segment('C', 8, "behind").segment('C', 20, "far");
    CHECK(to.words() == "");
    to.segment('C', 0, "abcd", tcp_flag::fin | tcp_flag::ack);
    CHECK(to.words() == "C:abcd|C outside|C fin|");
    to.segment('S', 0, "", tcp_flag::ack, 30).finish();  // an acknowledgment of more than was sent
    CHECK(to.words() == "");
}

TEST_CASE("a history larger than the memory is not kept, however large it is") {
    watcher to{{.max_memory = 4000, .history = std::numeric_limits<std::size_t>::max()}};
    to.max_memory = 4000;
    to.handshake().segment('C', 0, "hello").segment('C', 0, "hullo");
    CHECK(to.words() == "C:hello|C again 5 at 0|");
}

TEST_CASE("of many streams the longest silent are dropped, with what they had") {
    watcher to{{.max_memory = 100'000, .history = 0}};
    to.max_memory = 100'000;
    std::size_t dropped = 0;
    for (std::uint16_t port = 1; port <= 1000; ++port) {
        to.raw('C', 1, 0, "", tcp_flag::syn, 0, port).raw('C', 12, 0, "hello", tcp_flag::ack, 0, port);
        const std::string words = to.words();
        if (words.find("dropped") != std::string::npos) {
            ++dropped;
            CHECK(words.find("C gap 10 memory|C:hello|dropped ") != std::string::npos);
        }
    }
    CHECK(dropped > 500);
    CHECK(to.follower.size() > 50);
    to.raw('C', 2, 0, "0123456789", tcp_flag::ack, 0, 1000);  // the newest is still there
    CHECK(to.words() == "C:0123456789|C:hello|");
    watcher nothing{{.max_memory = 10, .history = 0}};
    nothing.handshake().segment('C', 0, "abc");
    CHECK(nothing.words() == "");
    CHECK(nothing.follower.size() == 0);
}
