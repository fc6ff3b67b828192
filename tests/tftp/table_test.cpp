// Every kind of datagram in every state of a transfer, and what comes of each: the tables in full, so that nothing is
// left to chance. The rules behind the rows are in tftp_transfer_test.cpp, one by one.

#include <netnotes/tftp/transfer.hpp>

#include "link.hpp"

#include "../catch.hpp"

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using tftp_link::as_bytes;
using tftp_link::bytes;
using tftp_link::lossy_link;
using tftp_link::memory_sink;
using tftp_link::memory_source;
namespace net = netnotes;
namespace tftp = netnotes::tftp;

namespace {

const tftp::time_point start{1h};
const net::endpoint peer = lossy_link::server_port;
const net::endpoint stranger{net::ipv4_address{"198.51.100.7"}, 4'000};
constexpr std::size_t block_size = 8;
const tftp::settings wishes{.block_size = block_size, .dally = 60s};
const tftp::settings wishes_of_1350{.block_size = 512, .with_options = false, .dally = 60s};

bytes datagram(int opcode, std::string_view text) {  // '|' stands for NUL
    bytes made = as_bytes(std::string{'\0', static_cast<char>(opcode)} + std::string{text});
    std::replace(made.begin(), made.end(), std::byte{'|'}, std::byte{0});
    return made;
}
const bytes option_acknowledgment = datagram(6, "blksize|8|");
bytes numbered(int opcode, std::uint64_t block, std::size_t size = 0) {
    bytes made(4 + size, std::byte{'x'});
    made[0] = {};
    made[1] = static_cast<std::byte>(opcode);
    made[2] = static_cast<std::byte>(block >> 8);
    made[3] = static_cast<std::byte>(block);
    return made;
}

/// What a datagram says, as a person would write it down.
std::string in_words(std::span<const std::byte> what) {
    const auto packet = tftp::parse(what);
    if (!packet) return "nonsense";
    switch (packet->what) {
        case tftp::opcode::read_request: return "RRQ";
        case tftp::opcode::write_request: return "WRQ";
        case tftp::opcode::data: return "DATA " + std::to_string(packet->block);
        case tftp::opcode::acknowledgment: return "ACK " + std::to_string(packet->block);
        case tftp::opcode::error: return "ERROR " + std::to_string(packet->error_code);
        default: return "OACK";
    }
}
/// All that is to be sent, and whether that was the end.
std::string reaction(tftp::transfer& one) {
    std::string all;
    const auto say = [&](const std::string& word) { all += (all.empty() ? "" : ", ") + word; };
    for (auto out = one.next(); !out.bytes.empty(); out = one.next())
        for (std::size_t at = 0; at < out.bytes.size(); at += out.segment)
            say(in_words(out.bytes.subspan(at, std::min(out.segment, out.bytes.size() - at))) +
                (out.to == stranger ? " to the stranger" : ""));
    if (one.has_ended())
        say(one.result().is_whole() ? "whole" : "failed");
    else if (one.has_outcome())
        say("stays");
    return all.empty() ? "-" : all;
}

/// A transfer that has been brought into some state, with its `done` blocks behind it.
struct situation {
    memory_source from{bytes(3 * block_size - 3, std::byte{'x'})};  // two blocks and a short one
    memory_sink to;
    std::unique_ptr<tftp::transfer> one;
    std::uint64_t done = 0;
    std::size_t size = block_size;  // of a block

    void begin() { one->begin(start); }
    void hears(const bytes& what) {
        reaction(*one);
        one->receive(peer, what, start);
    }
    void asks_for_a_file(const tftp::settings& how = wishes) {
        one = std::make_unique<tftp::transfer>(lossy_link::server_door, "f", tftp::mode::octet, to, how);
        begin();
    }
    void asks_to_write() {
        one = std::make_unique<tftp::transfer>(lossy_link::server_door, "f", tftp::mode::octet, from, wishes);
        begin();
    }
    void is_asked_for_a_file(std::string_view options) {
        const bytes request = datagram(1, "f|octet|" + std::string{options});
        one = std::make_unique<tftp::transfer>(peer, tftp::parse(request).value(), from, wishes);
        begin();
    }
    void is_asked_to_write(std::string_view options) {
        const bytes request = datagram(2, "f|octet|" + std::string{options});
        one = std::make_unique<tftp::transfer>(peer, tftp::parse(request).value(), to, wishes);
        begin();
    }
    void has_received(std::uint64_t blocks) {
        for (; done < blocks; ++done) hears(numbered(3, done + 1, size));
    }
    void has_been_acknowledged(std::uint64_t block) {
        for (; done < block; ++done) hears(numbered(4, done + 1));
        if (block == 0) hears(numbered(4, 0));
    }
    void has_received_the_last() { hears(numbered(3, ++done, size - 1)); }
};

/// Every kind of datagram, seen from there.
struct kind {
    const char* name;
    bytes (*make)(const situation&);
    bool is_datagram = true;  ///< else nonsense
};
const kind kinds[]{
    {"read request", [](const situation&) { return datagram(1, "f|octet|blksize|8|"); }},
    {"write request", [](const situation&) { return datagram(2, "f|octet|blksize|8|"); }},
    {"data before the last", [](const situation& now) { return numbered(3, (now.done + 65'535) % 65'536, now.size); }},
    {"data, the last again", [](const situation& now) { return numbered(3, now.done, now.size); }},
    {"data, the next", [](const situation& now) { return numbered(3, now.done + 1, now.size); }},
    {"data, the next, short", [](const situation& now) { return numbered(3, now.done + 1, 1); }},
    {"data, the next, too long", [](const situation& now) { return numbered(3, now.done + 1, now.size + 1); }},
    {"data, the next but one", [](const situation& now) { return numbered(3, now.done + 2, now.size); }},
    {"data, far ahead", [](const situation& now) { return numbered(3, now.done + 30'000, now.size); }},
    {"ack of the last, again", [](const situation& now) { return numbered(4, now.done); }},
    {"ack of the next", [](const situation& now) { return numbered(4, now.done + 1); }},
    {"ack of what was never sent", [](const situation& now) { return numbered(4, now.done + 2); }},
    {"error", [](const situation&) { return numbered(5, 3, 0); }},
    {"option ack", [](const situation&) { return option_acknowledgment; }},
    {"option ack of more than was asked", [](const situation&) { return datagram(6, "blksize|9|"); }},
    {"option ack of nothing", [](const situation&) { return datagram(6, ""); }},
    {"opcode 0", [](const situation&) { return datagram(0, "f|octet|"); }, false},
    {"opcode 7", [](const situation&) { return datagram(7, "f|octet|"); }, false},
    {"opcode 256 and 3",
     [](const situation&) {
         return bytes{std::byte{1}, std::byte{3}, std::byte{0}, std::byte{1}};
     },
     false},
    {"data, cut off",
     [](const situation& now) {
         return bytes{std::byte{0}, std::byte{3}, static_cast<std::byte>(now.done + 1)};
     },
     false},
    {"one byte", [](const situation&) { return bytes(1); }, false},
    {"nothing at all", [](const situation&) { return bytes(); }, false},
};

struct row {
    const char* state;
    void (*enter)(situation&);
    const char* otherwise;  ///< what comes of every datagram that is not in the list
    std::vector<std::pair<std::string_view, std::string_view>> reactions;
};
using reactions = std::vector<std::pair<std::string_view, std::string_view>>;

// What all readers do before the first block, all with some blocks behind them, and all senders.
const reactions of_a_first_block{
    {"data, the next", "ACK 1"},
    {"data, the next, short", "ACK 1, stays"},        // shorter than a block: the last (RFC 1350 section 6)
    {"data, the next, too long", "ERROR 4, failed"},  // nobody has agreed to it
    {"error", "failed"},                              // and is not answered (RFC 1350 section 7)
};
const reactions of_a_third_block{
    {"data, the last again", "ACK 2"},  // it comes again, so the acknowledgment was lost (RFC 1350 section 5)
    {"data, the next", "ACK 3"},
    {"data, the next, short", "ACK 3, stays"},
    {"data, the next, too long", "ERROR 4, failed"},
    {"error", "failed"},
};
reactions operator+(reactions a, const reactions& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

const row rows[]{
    // ---- who reads, as a client
    {"a reader that has asked, and knows RFC 1350 only",
     [](situation& now) {
         now.size = 512;
         now.asks_for_a_file(wishes_of_1350);
     },
     "-",
     of_a_first_block + reactions{{"option ack", "ERROR 8, failed"},  // it has asked for none (RFC 2347)
                                  {"option ack of more than was asked", "ERROR 8, failed"},
                                  {"option ack of nothing", "ERROR 8, failed"}}},
    {"a reader that has asked",
     [](situation& now) {
         now.size = 512;  // a server that knows no options keeps to RFC 1350
         now.asks_for_a_file();
     },
     "-",
     of_a_first_block + reactions{{"option ack", "ACK 0"},
                                  {"option ack of more than was asked", "ERROR 8, failed"},
                                  {"option ack of nothing", "ACK 0"}}},
    {"a reader that has agreed",
     [](situation& now) {
         now.asks_for_a_file();
         now.hears(option_acknowledgment);
     },
     "-",
     of_a_first_block + reactions{{"option ack", "ACK 0"},  // the acknowledgment of it was lost
                                  {"option ack of more than was asked", "ACK 0"},
                                  {"option ack of nothing", "ACK 0"}}},
    {"a reader with two blocks",
     [](situation& now) {
         now.asks_for_a_file();
         now.hears(option_acknowledgment);
         now.has_received(2);
     },
     "-", of_a_third_block},
    {"a reader that stays",
     [](situation& now) {
         now.asks_for_a_file();
         now.hears(option_acknowledgment);
         now.has_received(2);
         now.has_received_the_last();
     },
     "stays",
     {{"data, the last again", "ACK 3, stays"}}},  // whatever else comes, the file is whole
    {"a reader that has failed",
     [](situation& now) {
         now.asks_for_a_file();
         now.hears(numbered(5, 1, 0));
     },
     "failed",
     {}},

    // ---- who writes, as a client
    {"a writer that has asked",
     [](situation& now) { now.asks_to_write(); },
     "-",
     {{"ack of the last, again", "DATA 1"},  // of block 0: the request itself (RFC 1350 section 5)
      {"option ack", "DATA 1"},
      {"option ack of more than was asked", "ERROR 8, failed"},
      {"option ack of nothing", "DATA 1"},
      {"error", "failed"}}},
    {"a writer that has agreed",
     [](situation& now) {
         now.asks_to_write();
         now.hears(option_acknowledgment);
     },
     "-",
     {{"ack of the next", "DATA 2"}, {"error", "failed"}}},
    {"a writer with one block behind it",
     [](situation& now) {
         now.asks_to_write();
         now.hears(option_acknowledgment);
         now.has_been_acknowledged(1);
     },
     "-",
     {{"ack of the next", "DATA 3"}, {"error", "failed"}}},  // and none of the last again: RFC 1123 section 4.2.3.1
    {"a writer at its last block",
     [](situation& now) {
         now.asks_to_write();
         now.hears(option_acknowledgment);
         now.has_been_acknowledged(2);
     },
     "-",
     {{"ack of the next", "whole"}, {"error", "failed"}}},
    {"a writer that is done",
     [](situation& now) {
         now.asks_to_write();
         now.hears(option_acknowledgment);
         now.has_been_acknowledged(3);
     },
     "whole",
     {}},

    // ---- who sends, as a server
    {"a server that has offered to send",
     [](situation& now) { now.is_asked_for_a_file("blksize|8|"); },
     "-",
     {{"ack of the last, again", "DATA 1"}, {"error", "failed"}}},  // ACK 0 accepts the options (RFC 2347)
    {"a server that sends a short file, without options",
     [](situation& now) { now.is_asked_for_a_file(""); },
     "-",
     {{"ack of the next", "whole"}, {"error", "failed"}}},
    {"a server with one block behind it",
     [](situation& now) {
         now.is_asked_for_a_file("blksize|8|");
         now.has_been_acknowledged(0);
         now.has_been_acknowledged(1);
     },
     "-",
     {{"ack of the next", "DATA 3"}, {"error", "failed"}}},

    // ---- who receives, as a server
    {"a server that has offered to receive", [](situation& now) { now.is_asked_to_write("blksize|8|"); }, "-",
     of_a_first_block},
    {"a server that receives, without options",
     [](situation& now) {
         now.size = 512;
         now.is_asked_to_write("");
     },
     "-", of_a_first_block},
    {"a server with two blocks",
     [](situation& now) {
         now.is_asked_to_write("blksize|8|");
         now.has_received(2);
     },
     "-", of_a_third_block},
    {"a server that stays",
     [](situation& now) {
         now.is_asked_to_write("blksize|8|");
         now.has_received(2);
         now.has_received_the_last();
     },
     "stays",
     {{"data, the last again", "ACK 3, stays"}}},
};

std::string after(const row& from, const kind& what, const net::endpoint& sender) {
    situation now;
    from.enter(now);
    reaction(*now.one);
    now.one->receive(sender, what.make(now), start);
    return reaction(*now.one);
}

}  // namespace

TEST_CASE("every kind of datagram in every state") {
    for (const row& each : rows) {
        std::size_t found = 0;
        for (const kind& what : kinds) {
            std::string_view expected = each.otherwise;
            for (const auto& [name, reaction] : each.reactions)
                if (name == what.name) {
                    expected = reaction;
                    ++found;
                }
            INFO(each.state << " hears: " << what.name);
            CHECK(after(each, what, peer) == expected);
        }
        CHECK(found == each.reactions.size());
    }
}

TEST_CASE(
    "RFC 1350 section 4: a stranger is told so in every state, but not for an error or for nonsense, and changes "
    "nothing") {
    for (const row& each : rows)
        for (const kind& what : kinds) {
            situation now;
            each.enter(now);
            reaction(*now.one);
            const std::string before = reaction(*now.one);
            const bool is_answered =
                what.is_datagram && std::string_view{what.name} != "error" && !now.one->has_ended();
            INFO(each.state << " hears of a stranger: " << what.name);
            CHECK(after(each, what, stranger) ==
                  (is_answered ? "ERROR 5 to the stranger" + (before == "-" ? "" : ", " + before) : before));
        }
}
