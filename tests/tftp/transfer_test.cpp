// What tftp/transfer.hpp promises, rule by rule, and on a net as bad as can be; in virtual time, without a socket.

#include <netnotes/tftp/transfer.hpp>

#include "link.hpp"

#include "../catch.hpp"

using namespace std::chrono_literals;
using tftp_link::as_bytes;
using tftp_link::bytes;
using tftp_link::lossy_link;
using tftp_link::memory_sink;
using tftp_link::memory_source;
namespace net = netnotes;
namespace tftp = netnotes::tftp;

namespace {

const tftp::settings plain{.block_size = 512, .with_options = false};
const tftp::time_point start{1h};
const net::endpoint stranger{net::ipv4_address{"198.51.100.7"}, 4'000};

bytes datagram(std::initializer_list<int> head, std::string_view rest = {}) {
    bytes made;
    for (const int each : head) made.push_back(static_cast<std::byte>(each));
    const bytes more = as_bytes(rest);
    made.insert(made.end(), more.begin(), more.end());
    return made;
}
bytes data(int block, std::string_view content) { return datagram({0, 3, block >> 8, block & 255}, content); }
bytes acknowledgment(int block) { return datagram({0, 4, block >> 8, block & 255}); }
bytes nothing() { return {}; }
bytes text_with_nuls(int opcode, std::string_view text) {  // '|' stands for NUL
    bytes made = datagram({0, opcode}, text);
    std::replace(made.begin(), made.end(), std::byte{'|'}, std::byte{0});
    return made;
}
/// Everything that is to be sent now, one behind the other.
bytes said(tftp::transfer& by, net::endpoint* to = nullptr) {
    bytes all;
    for (auto out = by.next(); !out.bytes.empty(); out = by.next()) {
        if (to) *to = out.to;
        all.insert(all.end(), out.bytes.begin(), out.bytes.end());
    }
    return all;
}
bytes operator+(bytes a, const bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
const std::string block(512, 'x');
bytes content_of(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    bytes made(size);
    for (auto& each : made) {
        const auto kind = random() % 8;  // often what netascii has to translate
        each = static_cast<std::byte>(kind == 0 ? '\n' : kind == 1 ? '\r' : kind == 2 ? 0 : random() & 255);
    }
    return made;
}
tftp::packet request_of(const bytes& datagram) { return tftp::parse(datagram).value(); }

}  // namespace

// ---- RFC 1350 ------------------------------------------------------------------------------------------

TEST_CASE("RFC 1350 section 4: a read request goes to port 69, and the answer's port is the peer from then on") {
    memory_sink file;
    tftp::transfer client{lossy_link::server_door, "motd", tftp::mode::octet, file, plain};
    client.begin(start);
    net::endpoint to;
    CHECK(said(client, &to) == text_with_nuls(1, "motd|octet|"));
    CHECK(to == lossy_link::server_door);
    client.receive(lossy_link::server_port, data(1, block), start);
    CHECK(said(client, &to) == acknowledgment(1));
    CHECK(to == lossy_link::server_port);
    client.receive(lossy_link::server_port, data(2, "end"), start);
    CHECK(said(client) == acknowledgment(2));
    CHECK(client.has_ended());
    CHECK(client.result().is_whole());
    CHECK(file.is_finished);
    CHECK(file.content == as_bytes(block + "end"));
}

TEST_CASE("RFC 1350 section 6: a file of a multiple of the block size ends with an empty block") {
    for (const std::size_t size : {0u, 1u, 511u, 512u, 513u, 1024u}) {
        const bytes content = content_of(size, 1);
        memory_source file{content};
        tftp::transfer server{lossy_link::client_port, request_of(text_with_nuls(1, "f|octet|")), file, plain};
        server.begin(start);
        bytes got;
        for (int number = 1;; ++number) {
            const bytes out = said(server);
            REQUIRE(out.size() >= 4);
            CHECK(bytes(out.begin(), out.begin() + 4) == data(number, ""));
            got.insert(got.end(), out.begin() + 4, out.end());
            server.receive(lossy_link::client_port, acknowledgment(number), start);
            if (out.size() < 516) break;
        }
        CHECK(got == content);
        CHECK(server.has_ended());
        CHECK(server.result().is_whole());
        CHECK(server.result().blocks == size / 512 + 1);
    }
}

TEST_CASE("RFC 1350 section 5: a block that comes again is acknowledged again, and written once") {
    memory_sink file;
    tftp::transfer client{lossy_link::server_door, "f", tftp::mode::octet, file, plain};
    client.begin(start);
    said(client);
    for (int i = 0; i < 3; ++i) {
        client.receive(lossy_link::server_port, data(1, block), start);
        CHECK(said(client) == acknowledgment(1));
    }
    client.receive(lossy_link::server_port, data(2, "."), start);
    CHECK(said(client) == acknowledgment(2));
    CHECK(file.content == as_bytes(block + "."));
    CHECK(client.result().duplicates == 2);
}

TEST_CASE("RFC 1123 section 4.2.3.1: an acknowledgment that comes again never brings a second block") {
    memory_source file{as_bytes(block + block + ".")};
    tftp::transfer server{lossy_link::client_port, request_of(text_with_nuls(1, "f|octet|")), file, plain};
    server.begin(start);
    CHECK(said(server) == data(1, block));
    server.receive(lossy_link::client_port, acknowledgment(1), start);
    CHECK(said(server) == data(2, block));
    for (int i = 0; i < 5; ++i) {
        server.receive(lossy_link::client_port, acknowledgment(1), start);
        CHECK(said(server) == nothing());
    }
    server.receive(lossy_link::client_port, acknowledgment(2), start);
    CHECK(said(server) == data(3, "."));
}

TEST_CASE(
    "RFC 1123 section 4.2.3.2: what is not answered is said again, each time after twice as long, and not for ever") {
    memory_source file{as_bytes(block + "hello")};
    tftp::transfer server{lossy_link::client_port,
                          request_of(text_with_nuls(1, "f|octet|")),
                          file,
                          {.block_size = 512, .first_timeout = 1s, .min_timeout = 1s}};
    server.begin(start);
    CHECK(said(server) == data(1, block));
    server.receive(lossy_link::client_port, acknowledgment(1), start);  // so it is there
    CHECK(said(server) == data(2, "hello"));
    tftp::time_point now = start;
    std::vector<tftp::duration> waits;
    while (!server.has_ended()) {
        waits.push_back(server.deadline() - now);
        now = server.deadline();
        server.expired(now - 1ns);
        CHECK(said(server) == nothing());  // not before the time
        server.expired(now);
        if (!server.has_ended()) CHECK(said(server) == data(2, "hello"));
    }
    CHECK(waits == std::vector<tftp::duration>{1s, 2s, 4s, 8s, 8s, 8s});
    CHECK(server.result().error == std::errc::timed_out);
    CHECK(said(server) == text_with_nuls(5, "||no answer for too long|"));
    CHECK(said(server) == nothing());
}

TEST_CASE("RFC 1123 section 4.2.3.2: the time to wait follows the round trips that were measured") {
    memory_source file{content_of(100'000, 2)};
    tftp::transfer server{lossy_link::client_port, request_of(text_with_nuls(1, "f|octet|")), file, plain};
    server.begin(start);
    tftp::time_point now = start;
    for (int number = 1; number < 60; ++number) {
        said(server);
        now += 400ms;
        server.receive(lossy_link::client_port, acknowledgment(number), now);
    }
    said(server);
    CHECK(server.deadline() - now >= 400ms);
    CHECK(server.deadline() - now < 500ms);
}

TEST_CASE("RFC 1350 section 4: a stranger gets error 5, and the transfer goes on undisturbed") {
    memory_sink file;
    tftp::transfer client{lossy_link::server_door, "f", tftp::mode::octet, file, plain};
    client.begin(start);
    said(client);
    client.receive(stranger, data(1, "poison"), start);  // before anybody has answered
    net::endpoint to;
    CHECK(said(client, &to) == text_with_nuls(5, std::string{"|\x05"} + "Unknown transfer ID|"));
    CHECK(to == stranger);
    client.receive(lossy_link::server_port, data(1, block), start);
    said(client);
    const net::endpoint other_port{lossy_link::server_port.address(), 1};
    client.receive(other_port, data(2, "poison"), start);
    client.receive(other_port, data(2, "poison"), start);
    CHECK(said(client, &to) == text_with_nuls(5, std::string{"|\x05"} + "Unknown transfer ID|"));  // once for both
    CHECK(to == other_port);
    client.receive(other_port, text_with_nuls(5, "||you!|"), start);
    CHECK(said(client) == nothing());  // an error is never answered
    client.receive(lossy_link::server_port, data(2, "."), start);
    CHECK(said(client) == acknowledgment(2));
    CHECK(file.content == as_bytes(block + "."));
}

TEST_CASE("RFC 1350 section 7: an error ends it, with its code and its words, and is not answered") {
    for (int code = 0; code < 12; ++code) {
        memory_sink file;
        tftp::transfer client{lossy_link::server_door, "f", tftp::mode::octet, file, plain};
        client.begin(start);
        said(client);
        client.receive(lossy_link::server_port, data(1, block), start);
        said(client);
        client.receive(lossy_link::server_port, datagram({0, 5, 0, code}, std::string_view{"no\x1b[2J\0", 7}), start);
        CHECK(client.has_ended());
        CHECK(!client.result().is_whole());
        CHECK(client.result().is_from_peer);
        if (code > 0) CHECK(client.result().error == std::error_code{code, tftp::error_category()});
        CHECK(client.result().message == "no\\x1b[2J");  // what a terminal would obey is not passed on
        CHECK(said(client) == nothing());
        CHECK(!file.is_finished);
    }
}

TEST_CASE("RFC 1350 section 6: a short datagram that is out of order, or no data, does not end the file") {
    memory_sink file;
    tftp::transfer client{lossy_link::server_door, "f", tftp::mode::octet, file, plain};
    client.begin(start);
    said(client);
    client.receive(lossy_link::server_port, data(1, block), start);
    said(client);
    for (const bytes& stray :
         {nothing(), datagram({0}), datagram({0, 3}), datagram({0, 3, 0}), data(7, ""), data(0, "x"), acknowledgment(2),
          datagram({0, 9, 0, 2}), text_with_nuls(1, "f|octet|"), text_with_nuls(6, "")}) {
        client.receive(lossy_link::server_port, stray, start);
        CHECK(!client.has_ended());
        CHECK(said(client) == nothing());
    }
    client.receive(lossy_link::server_port, data(2, "."), start);
    CHECK(client.result().is_whole());
    CHECK(file.content == as_bytes(block + "."));
}

TEST_CASE("a full disk is an error to both ends, also at the very last") {
    for (const bool at_the_end : {false, true}) {
        memory_sink file;
        if (at_the_end)
            file.at_the_end = std::make_error_code(std::errc::no_space_on_device);
        else
            file.room = 600;
        tftp::transfer client{lossy_link::server_door, "f", tftp::mode::octet, file, plain};
        client.begin(start);
        said(client);
        client.receive(lossy_link::server_port, data(1, block), start);
        CHECK(said(client) == acknowledgment(1));
        client.receive(lossy_link::server_port, data(2, at_the_end ? "." : std::string_view{block}.substr(1)), start);
        const bytes last = said(client);
        CHECK(bytes(last.begin(), last.begin() + 4) == datagram({0, 5, 0, 3}));
        CHECK(client.result().error == std::errc::no_space_on_device);
        CHECK(!file.is_finished);
    }
}

TEST_CASE("a receiver that dallies acknowledges the last block again, and then is gone") {
    memory_sink file;
    tftp::settings dallying = plain;
    dallying.dally = 3s;
    tftp::transfer client{lossy_link::server_door, "f", tftp::mode::octet, file, dallying};
    client.begin(start);
    said(client);
    client.receive(lossy_link::server_port, data(1, "."), start);
    CHECK(said(client) == acknowledgment(1));
    CHECK(client.has_outcome());
    CHECK(!client.has_ended());
    client.receive(lossy_link::server_port, data(1, "."), start + 2s);
    CHECK(said(client) == acknowledgment(1));
    client.expired(start + 3s);
    CHECK(client.has_ended());
    client.receive(lossy_link::server_port, data(1, "."), start + 4s);
    CHECK(said(client) == nothing());
    CHECK(client.result().is_whole());
}

// ---- RFC 2347, 2348, 2349 ------------------------------------------------------------------------------

TEST_CASE("RFC 2347: a reader acknowledges an option acknowledgment with block 0, as often as it comes") {
    memory_sink file;
    tftp::transfer client{
        lossy_link::server_door, "f", tftp::mode::octet, file, {.block_size = 1024, .window_size = 2, .timeout = 3}};
    client.begin(start);
    CHECK(said(client) == text_with_nuls(1, "f|octet|blksize|1024|windowsize|2|timeout|3|tsize|0|"));
    const bytes granted = text_with_nuls(6, "BLKSIZE|600|timeout|3|tsize|601|");
    client.receive(lossy_link::server_port, granted, start);
    CHECK(said(client) == acknowledgment(0));
    client.receive(lossy_link::server_port, granted, start);
    CHECK(said(client) == acknowledgment(0));
    CHECK(client.result().block_size == 600);
    CHECK(client.result().window_size == 1);
    CHECK(client.result().size == 601);
    CHECK(client.deadline() - start == 3s);  // RFC 2349
    client.receive(lossy_link::server_port, data(1, std::string(600, 'a')), start);
    CHECK(said(client) == acknowledgment(1));
    client.receive(lossy_link::server_port, data(2, "b"), start);
    CHECK(client.result().is_whole());
}

TEST_CASE("RFC 2347: what was not asked for is refused with error 8") {
    for (const char* const granted : {"blksize|1025|", "blksize|7|", "windowsize|2|", "timeout|2|", "rollover|1|",
                                      "multicast||", "blksize|600|blksize|600|", "blksize||", "tsize|x|"}) {
        memory_sink file;
        tftp::transfer client{lossy_link::server_door, "f", tftp::mode::octet, file, {.block_size = 1024}};
        client.begin(start);
        said(client);
        client.receive(lossy_link::server_port, text_with_nuls(6, granted), start);
        const bytes answer = said(client);
        INFO(granted);
        REQUIRE(answer.size() > 4);
        CHECK(bytes(answer.begin(), answer.begin() + 4) == datagram({0, 5, 0, 8}));
        CHECK(client.result().error == tftp::error::option_refused);
    }
}

TEST_CASE("RFC 2347: a server that knows no options answers at once, and all is as usual") {
    memory_sink file;
    tftp::transfer client{
        lossy_link::server_door, "f", tftp::mode::octet, file, {.block_size = 1024, .window_size = 8}};
    client.begin(start);
    said(client);
    client.receive(lossy_link::server_port, data(1, block), start);
    CHECK(said(client) == acknowledgment(1));
    CHECK(client.result().block_size == 512);
    CHECK(client.result().window_size == 1);
}

TEST_CASE("RFC 2347, 2348, 2349, 7440: a server grants what it can, tells the size, and passes over the rest") {
    memory_source file{as_bytes(std::string(3'000, 'y'))};
    const bytes asked =
        text_with_nuls(1, "f|OCTET|blksize|65464|WindowSize|65535|timeout|0|tsize|0|multicast||rollover|1|");
    tftp::transfer server{lossy_link::client_port, request_of(asked), file, {.block_size = 1024, .window_size = 16}};
    server.begin(start);
    CHECK(said(server) == text_with_nuls(6, "blksize|1024|windowsize|16|tsize|3000|rollover|1|"));
    server.expired(server.deadline());
    CHECK(said(server) == text_with_nuls(6, "blksize|1024|windowsize|16|tsize|3000|rollover|1|"));
    server.receive(lossy_link::client_port, acknowledgment(0), start + 1s);
    CHECK(said(server) ==
          data(1, std::string(1024, 'y')) + data(2, std::string(1024, 'y')) + data(3, std::string(952, 'y')));
    server.receive(lossy_link::client_port, acknowledgment(3), start + 1s);
    CHECK(server.result().is_whole());
}

TEST_CASE("a window is never wider than the memory that it may take") {
    memory_source file{as_bytes("x")};
    const bytes asked = text_with_nuls(1, "f|octet|blksize|65464|windowsize|65535|");
    tftp::transfer server{lossy_link::client_port,
                          request_of(asked),
                          file,
                          {.block_size = 65'464, .window_size = 65'535, .max_memory = 1'000'000}};
    server.begin(start);
    CHECK(said(server) == text_with_nuls(6, "blksize|65464|windowsize|15|"));
}

TEST_CASE("RFC 2349: a writer tells the size, and a server refuses what is too long before a byte of it") {
    memory_source file{as_bytes(std::string(5'000, 'z'))};
    tftp::transfer client{lossy_link::server_door, "up", tftp::mode::octet, file, {}};
    client.begin(start);
    const bytes request = said(client);
    CHECK(request == text_with_nuls(2, "up|octet|blksize|1428|tsize|5000|"));
    memory_sink disk;
    tftp::transfer server{lossy_link::client_port, request_of(request), disk, {.max_bytes = 4'999}};
    server.begin(start);
    const bytes refusal = said(server);
    CHECK(bytes(refusal.begin(), refusal.begin() + 4) == datagram({0, 5, 0, 3}));
    client.receive(lossy_link::server_port, refusal, start);
    CHECK(client.result().error == tftp::error::disk_full);
}

TEST_CASE("a reader takes a file that is longer or shorter than announced, and tells so, as other clients do") {
    for (const auto& [announced, is_right] : {std::pair{"1000", false}, {"1", false}, {"0", true}, {"9", true}}) {
        CAPTURE(announced);
        memory_sink file;
        tftp::transfer client{lossy_link::server_door, "f", tftp::mode::octet, file, {}};
        client.begin(start);
        said(client);
        client.receive(lossy_link::server_port, text_with_nuls(6, std::string{"tsize|"} + announced + '|'), start);
        said(client);
        client.receive(lossy_link::server_port, data(1, "too short"), start);
        CHECK(client.result().is_whole());
        CHECK(file.is_finished);
        CHECK(client.result().has_announced_size() == is_right);
    }
}
TEST_CASE("a file that a writer has announced longer than it is is no whole file") {
    memory_sink file;
    tftp::transfer server{lossy_link::client_port, request_of(text_with_nuls(2, "f|octet|tsize|1000|")), file, {}};
    server.begin(start);
    said(server);
    server.receive(lossy_link::client_port, data(1, "too short"), start);
    CHECK(server.result().error == std::errc::protocol_error);
    CHECK(!file.is_finished);
}
TEST_CASE("a file that is longer than announced is broken off at once") {
    memory_sink file;
    const bytes asked = text_with_nuls(2, "f|octet|blksize|8|tsize|10|");
    tftp::transfer server{lossy_link::client_port, request_of(asked), file, {}};
    server.begin(start);
    said(server);
    server.receive(lossy_link::client_port, data(1, "12345678"), start);
    CHECK(said(server) == acknowledgment(1));
    server.receive(lossy_link::client_port, data(2, "12345678"), start);
    CHECK(tftp::parse(said(server))->what == tftp::opcode::error);
    CHECK(server.result().error == std::errc::protocol_error);
}
TEST_CASE("RFC 2349: that a file is empty its first block says, and curl takes a size of 0 for nonsense") {
    memory_source file{{}};
    for (const char* const more : {"blksize|1024|tsize|0|", "tsize|0|"}) {
        const bytes asked = text_with_nuls(1, std::string{"f|octet|"} + more);
        tftp::transfer server{lossy_link::client_port, request_of(asked), file, {}};
        server.begin(start);
        const bool has_another = *more == 'b';
        CHECK(said(server) == (has_another ? text_with_nuls(6, "blksize|1024|") : data(1, "")));
    }
}

// ---- RFC 7440 ------------------------------------------------------------------------------------------

TEST_CASE("RFC 7440: a window goes out as one run of equal datagrams, and one acknowledgment answers it") {
    memory_source file{as_bytes(std::string(8 * 10 + 3, 'w'))};
    const bytes asked = text_with_nuls(1, "f|octet|blksize|8|windowsize|4|");
    tftp::transfer server{lossy_link::client_port, request_of(asked), file, {.window_size = 4}};
    server.begin(start);
    said(server);
    server.receive(lossy_link::client_port, acknowledgment(0), start);
    auto out = server.next();
    CHECK(out.segment == 12);
    CHECK(out.bytes.size() == 48);
    CHECK(server.next().bytes.empty());
    server.receive(lossy_link::client_port, acknowledgment(4), start);
    CHECK(server.next().bytes.size() == 48);
    server.receive(lossy_link::client_port, acknowledgment(8), start);
    out = server.next();
    CHECK(out.bytes.size() == 12 + 12 + 7);  // the last is short
    server.receive(lossy_link::client_port, acknowledgment(11), start);
    CHECK(server.result().is_whole());
}

TEST_CASE("RFC 7440 section 4: a gap is told once, and the sender goes on from there") {
    const std::string eight = "12345678";
    memory_sink file;
    tftp::transfer client{lossy_link::server_door, "f", tftp::mode::octet, file, {.block_size = 8, .window_size = 4}};
    client.begin(start);
    said(client);
    client.receive(lossy_link::server_port, text_with_nuls(6, "blksize|8|windowsize|4|"), start);
    said(client);
    client.receive(lossy_link::server_port, data(1, eight), start);
    CHECK(said(client) == nothing());
    client.receive(lossy_link::server_port, data(3, eight), start);  // 2 is lost
    CHECK(said(client) == acknowledgment(1));
    client.receive(lossy_link::server_port, data(4, eight), start);
    CHECK(said(client) == nothing());
    for (int number = 2; number <= 4; ++number) client.receive(lossy_link::server_port, data(number, eight), start);
    CHECK(said(client) == nothing());
    client.receive(lossy_link::server_port, data(5, eight), start);  // the fourth of the new window
    CHECK(said(client) == acknowledgment(5));

    memory_source content{as_bytes(std::string(100, 'w'))};
    tftp::transfer server{lossy_link::client_port,
                          request_of(text_with_nuls(1, "f|octet|blksize|8|windowsize|4|")),
                          content,
                          {.window_size = 4}};
    server.begin(start);
    said(server);
    server.receive(lossy_link::client_port, acknowledgment(0), start);
    said(server);
    server.receive(lossy_link::client_port, acknowledgment(1), start);
    const std::string www(8, 'w');
    CHECK(said(server) == data(2, www) + data(3, www) + data(4, www) + data(5, www));
    CHECK(server.result().repeated == 3);
}

TEST_CASE("an answer that comes after the timeout, and before anything is sent again, is taken like any other") {
    // The timeout takes the sender back to the first block, and the answer to what was sent before lies beyond that.
    for (const int window : {1, 2, 8})
        for (const int timeouts : {1, 2, 3})
            for (const int late : {1, window}) {
                CAPTURE(window, timeouts, late);
                memory_source file{content_of(std::size_t{64} * 8, 1)};
                const std::string asked = "f|octet|blksize|8|windowsize|" + std::to_string(window) + '|';
                tftp::transfer server{lossy_link::client_port, request_of(text_with_nuls(1, asked)), file,
                                      {.window_size = 8}};
                server.begin(start);
                said(server);
                server.receive(lossy_link::client_port, acknowledgment(0), start + 1ms);
                said(server);
                tftp::time_point now = start;
                for (int i = 0; i < timeouts; ++i) {
                    if (i > 0) said(server);
                    now = server.deadline();
                    server.expired(now);
                }
                server.receive(lossy_link::client_port, acknowledgment(late), now);
                const bytes next = said(server);
                REQUIRE(next.size() >= 12);
                const int number = std::to_integer<int>(next[3]);
                CHECK(number == late + 1);
                CHECK(server.deadline() > now);
                CHECK(server.deadline() < now + 1min);
            }
}

TEST_CASE(
    "RFC 7440 section 4: a lost first block of a window is sent again at its acknowledgment, and that only once") {
    memory_source content{as_bytes(std::string(100, 'w'))};
    tftp::transfer server{lossy_link::client_port,
                          request_of(text_with_nuls(1, "f|octet|blksize|8|windowsize|4|")),
                          content,
                          {.window_size = 4}};
    server.begin(start);
    said(server);
    server.receive(lossy_link::client_port, acknowledgment(0), start);
    CHECK(said(server).size() == 48);
    server.receive(lossy_link::client_port, acknowledgment(0), start);
    CHECK(said(server).size() == 48);
    server.receive(lossy_link::client_port, acknowledgment(0), start);
    CHECK(said(server) == nothing());
}

// ---- Files without a limit, and text -------------------------------------------------------------------

TEST_CASE("block numbers roll over, to 0 or, where that is agreed, to 1") {
    for (const auto rollover :
         {std::optional<std::uint8_t>{}, std::optional<std::uint8_t>{0}, std::optional<std::uint8_t>{1}}) {
        const bytes content = content_of(8 * 140'000 + 5, 3);
        memory_source from{content};
        memory_sink to;
        lossy_link between{1, {.lost = 0.001}};
        tftp::transfer client{lossy_link::server_door,
                              "f",
                              tftp::mode::octet,
                              to,
                              {.block_size = 8, .window_size = 32, .rollover = rollover}};
        std::vector<int> behind_last;
        int previous = 0;
        const auto note = [&](bool from_client, std::span<const std::byte> what, int) {
            const auto seen = tftp::parse(what);
            if (from_client || seen->what != tftp::opcode::data) return;
            if (previous == 65'535) behind_last.push_back(seen->block);
            previous = seen->block;
        };
        const auto serve = [&](const tftp::packet& request) {
            return std::make_unique<tftp::transfer>(lossy_link::client_port, request, from,
                                                    tftp::settings{.window_size = 64});
        };
        CHECK(between.run(client, serve, note));
        CHECK(client.result().is_whole());
        CHECK((to.content == content));
        const int expected = rollover == 1 ? 1 : 0;
        CHECK(std::count(behind_last.begin(), behind_last.end(), expected) >= 2);
    }
}

TEST_CASE("RFC 1350: a text travels as netascii, whatever the cuts, and arrives as it was") {
    for (const std::size_t size : {0u, 1u, 7u, 8u, 9u, 500u, 5'000u}) {
        for (const std::uint16_t block_size :
             {std::uint16_t{8}, std::uint16_t{9}, std::uint16_t{511}, std::uint16_t{512}, std::uint16_t{513}}) {
            const bytes content = content_of(size, size + block_size);
            memory_source from{content};
            memory_sink to;
            lossy_link between{1, {}};
            tftp::transfer client{lossy_link::server_door, "f", tftp::mode::netascii, to, {.block_size = block_size}};
            const auto serve = [&](const tftp::packet& request) {
                CHECK(!request.options.transfer_size);  // nobody knows how long it is there
                return std::make_unique<tftp::transfer>(lossy_link::client_port, request, from, tftp::settings{});
            };
            CHECK(between.run(client, serve));
            CHECK(client.result().is_whole());
            CHECK((to.content == content));
        }
    }
}

// ---- What is agreed on, and what time does with it -----------------------------------------------------

TEST_CASE("RFC 2349: a timeout that was agreed on stays, whatever the round trips are") {
    memory_sink file;
    tftp::transfer client{lossy_link::server_door, "f", tftp::mode::octet, file, {.block_size = 512, .timeout = 3}};
    client.begin(start);
    said(client);
    tftp::time_point now = start + 10ms;
    client.receive(lossy_link::server_port, text_with_nuls(6, "timeout|3|"), now);
    CHECK(said(client) == acknowledgment(0));
    for (int number = 1; number < 20; ++number) {
        now += 10ms;
        client.receive(lossy_link::server_port, data(number, block), now);
        CHECK(said(client) == acknowledgment(number));
        CHECK(client.deadline() - now == 3s);
    }
    memory_source content{content_of(20'000, 2)};
    tftp::transfer server{lossy_link::client_port, request_of(text_with_nuls(1, "f|octet|timeout|3|")), content, {}};
    server.begin(now);
    said(server);
    for (int number = 0; number < 20; ++number) {
        CHECK(server.deadline() - now == 3s);
        now += 10ms;
        server.receive(lossy_link::client_port, acknowledgment(number), now);
        said(server);
    }
}

TEST_CASE("RFC 2349: a timeout is granted only where patience leaves time to say a thing again") {
    for (const auto& [asked, is_granted] :
         {std::pair{1, true}, std::pair{15, true}, std::pair{16, false}, std::pair{30, false}, std::pair{255, false}}) {
        CAPTURE(asked);
        memory_source content{content_of(600, 2)};
        const bytes request = text_with_nuls(1, "f|octet|tsize|0|timeout|" + std::to_string(asked) + "|");
        tftp::transfer server{lossy_link::client_port, request_of(request), content, {.patience = 30s}};
        server.begin(start);
        CHECK(said(server) ==
              text_with_nuls(6, is_granted ? "timeout|" + std::to_string(asked) + "|tsize|600|" : "tsize|600|"));
        server.receive(lossy_link::client_port, acknowledgment(0), start);
        said(server);
        tftp::time_point now = server.deadline();
        server.expired(now);
        CHECK(said(server).size() == 516);  // said again, and not given up
        CHECK(!server.has_ended());
    }
}
TEST_CASE("RFC 2349: a client whose timeout is granted is patient enough to say a thing again") {
    for (const int seconds : {8, 30, 60, 255}) {
        CAPTURE(seconds);
        memory_sink file;
        const auto timeout = static_cast<std::uint8_t>(seconds);
        tftp::transfer client{
            lossy_link::server_door, "f", tftp::mode::octet, file, {.block_size = 512, .timeout = timeout}};
        client.begin(start);
        said(client);
        client.receive(lossy_link::server_port, text_with_nuls(6, "timeout|" + std::to_string(seconds) + "|"), start);
        CHECK(said(client) == acknowledgment(0));
        for (int i = 0; i < 2; ++i) {
            client.expired(client.deadline());
            CHECK(said(client) == acknowledgment(0));
            CHECK(!client.has_ended());
        }
        while (!client.has_ended()) client.expired(client.deadline());
        CHECK(client.result().error == std::errc::timed_out);
    }
}

TEST_CASE("RFC 2349: a server that grants an upload another size than announced is refused") {
    for (const auto& [size, is_good] : {std::pair{"600", true}, std::pair{"0", false}, std::pair{"599", false}}) {
        CAPTURE(size);
        memory_source file{content_of(600, 4)};
        tftp::transfer client{lossy_link::server_door, "f", tftp::mode::octet, file, {.block_size = 512}};
        client.begin(start);
        CHECK(said(client) == text_with_nuls(2, "f|octet|tsize|600|"));
        client.receive(lossy_link::server_port, text_with_nuls(6, std::string{"tsize|"} + size + '|'), start);
        const bytes answer = said(client);
        REQUIRE(answer.size() > 4);
        CHECK(bytes(answer.begin(), answer.begin() + 4) == (is_good ? data(1, "") : datagram({0, 5, 0, 8})));
        CHECK((client.result().error == tftp::error::option_refused) == !is_good);
    }
}
TEST_CASE("RFC 2347: options are not acknowledged to who asked for none") {
    for (const char* const granted : {"", "tsize|9|", "blksize|512|", "multicast|x|"}) {
        CAPTURE(granted);
        memory_sink file;
        tftp::transfer client{lossy_link::server_door, "f", tftp::mode::octet, file, plain};
        client.begin(start);
        CHECK(said(client) == text_with_nuls(1, "f|octet|"));
        client.receive(lossy_link::server_port, text_with_nuls(6, granted), start);
        const bytes answer = said(client);
        REQUIRE(answer.size() > 4);
        CHECK(bytes(answer.begin(), answer.begin() + 4) == datagram({0, 5, 0, 8}));
        CHECK(client.result().error == tftp::error::option_refused);
    }
}
TEST_CASE("RFC 2347: an option that is given twice counts as not given") {
    memory_source file{content_of(600, 4)};
    const bytes asked = text_with_nuls(1, "f|octet|blksize|1024|tsize|0|BLKSIZE|1024|blksize|8|timeout|0|timeout|3|");
    tftp::transfer server{lossy_link::client_port, request_of(asked), file, {}};
    server.begin(start);
    CHECK(said(server) == text_with_nuls(6, "tsize|600|"));
}

TEST_CASE("where numbers roll over to 1 there are 65,535 of them, so a window has one fewer") {
    // Acknowledgment n of a window as wide as all numbers could be that of its first block's predecessor as well.
    memory_sink file;
    const tftp::settings widest{
        .block_size = 512, .window_size = 65'535, .rollover = 1, .max_memory = std::size_t{1} << 30};
    tftp::transfer client{lossy_link::server_door, "f", tftp::mode::octet, file, widest};
    client.begin(start);
    CHECK(said(client) == text_with_nuls(1, "f|octet|windowsize|65534|tsize|0|rollover|1|"));
    for (const char rollover : {'0', '1'}) {
        memory_source content{content_of(8 * 140'000 + 3, 5)};
        bytes asked = text_with_nuls(1, "f|octet|blksize|8|windowsize|65535|rollover|1|");
        asked[asked.size() - 2] = static_cast<std::byte>(rollover);
        tftp::transfer server{lossy_link::client_port, request_of(asked), content, widest};
        server.begin(start);
        const std::string width = rollover == '1' ? "65534" : "65535";
        CHECK(said(server) ==
              text_with_nuls(6, "blksize|8|windowsize|" + width + "|rollover|" + std::string(1, rollover) + '|'));
        server.receive(lossy_link::client_port, acknowledgment(0), start);
        CHECK(said(server).size() == 12 * std::stoul(width));
        server.receive(lossy_link::client_port, acknowledgment(std::stoi(width)), start);
        CHECK(said(server).size() == 12 * std::stoul(width));  // the whole of the next
        CHECK(server.result().repeated == 0);
    }
}
TEST_CASE("where numbers roll over to 1 there is no block 0, and none of what says so counts") {
    const std::string eight = "12345678";
    memory_sink file;
    const tftp::settings small{.block_size = 8, .rollover = 1};
    tftp::transfer client{lossy_link::server_door, "f", tftp::mode::octet, file, small};
    client.begin(start);
    said(client);
    client.receive(lossy_link::server_port, text_with_nuls(6, "blksize|8|rollover|1|"), start);
    for (int number = 1; number < 65'535; ++number) {
        client.receive(lossy_link::server_port, data(number, eight), start);
        said(client);
    }
    client.receive(lossy_link::server_port, data(0, "poison!!"), start);
    CHECK(said(client) == nothing());
    client.receive(lossy_link::server_port, data(65'535, eight), start);
    CHECK(said(client) == acknowledgment(65'535));
    client.receive(lossy_link::server_port, data(0, "poison!!"), start);
    CHECK(said(client) == nothing());
    client.receive(lossy_link::server_port, data(1, "."), start);
    CHECK(said(client) == acknowledgment(1));
    CHECK(file.content.size() == 65'535 * 8 + 1);
    CHECK(client.result().is_whole());

    memory_source content{content_of(8 * 70'000, 5)};
    tftp::transfer server{lossy_link::client_port, request_of(text_with_nuls(1, "f|octet|blksize|8|rollover|1|")),
                          content, small};
    server.begin(start);
    said(server);
    for (int number = 0; number < 65'535; ++number) {
        server.receive(lossy_link::client_port, acknowledgment(number), start);
        REQUIRE(said(server).size() == 12);
    }
    server.receive(lossy_link::client_port, acknowledgment(0), start);  // block 65,535 is under way
    CHECK(said(server) == nothing());
    CHECK(server.result().blocks == 65'534);
}

TEST_CASE("a client's window fits into its memory, whichever of its wishes are granted") {
    memory_source file{content_of(5'000'000, 6)};
    tftp::transfer client{lossy_link::server_door,
                          "f",
                          tftp::mode::octet,
                          file,
                          {.block_size = 8, .window_size = 65'535, .max_memory = 516'000}};
    client.begin(start);
    CHECK(said(client) == text_with_nuls(2, "f|octet|blksize|8|windowsize|1000|tsize|5000000|"));
    client.receive(lossy_link::server_port, text_with_nuls(6, "windowsize|1000|"), start);  // and no small blocks
    CHECK(said(client).size() == 516'000);
}

TEST_CASE("limits of time that contradict each other, or that no clock can hold, do no harm") {
    const auto waits_with = [](tftp::settings how) {
        memory_source file{content_of(100'000, 7)};
        tftp::transfer server{lossy_link::client_port, request_of(text_with_nuls(1, "f|octet|")), file, how};
        server.begin(start);
        tftp::time_point now = start;
        for (int number = 1; number < 10; ++number) {
            said(server);
            now += 50ms;
            server.receive(lossy_link::client_port, acknowledgment(number), now);
        }
        said(server);
        return server.deadline() - now;
    };
    // The least counts where the most is less.
    CHECK(waits_with({.min_timeout = 2s, .max_timeout = 1s}) == 2s);
    // Nobody says a thing again without a pause.
    for (const tftp::duration none : {tftp::duration{0}, tftp::duration{-5s}, tftp::duration::min()}) {
        CHECK(waits_with({.first_timeout = none, .min_timeout = none, .max_timeout = none}) == 1ms);
        memory_sink file;
        tftp::transfer client{
            lossy_link::server_door, "f", tftp::mode::octet, file, {.first_timeout = none, .dally = none}};
        client.begin(start);
        CHECK(client.deadline() == start + 1ms);
    }
    const auto forever = tftp::duration::max();
    CHECK(waits_with({.first_timeout = forever, .min_timeout = forever, .max_timeout = forever}) >= 24h);
    memory_sink file;
    tftp::transfer client{lossy_link::server_door,
                          "f",
                          tftp::mode::octet,
                          file,
                          {.first_timeout = forever, .max_timeout = forever, .patience = forever, .dally = forever}};
    client.begin(start);
    said(client);
    client.expired(client.deadline());
    CHECK(!client.has_ended());
    CHECK(client.deadline() > start + 24h);
    client.receive(lossy_link::server_port, data(1, "."), start + 48h);
    CHECK(client.has_outcome());
    CHECK(client.deadline() > start + 48h);
    // A server that waits for ever for a client that says nothing is silent in the end, and has no deadline in the
    // past.
    memory_source silent{content_of(1'000, 3)};
    tftp::transfer server{
        lossy_link::client_port, request_of(text_with_nuls(1, "f|octet|")), silent, {.patience = forever}};
    server.begin(start);
    for (int i = 0; i < 10; ++i) {
        said(server);
        const auto before = server.deadline();
        server.expired(before);
        if (!server.has_ended()) CHECK(server.deadline() > before);
    }
}

TEST_CASE("RFC 6298 section 2: the gains are an eighth for the round trip and a quarter for its variation") {
    memory_source file{content_of(10'000, 2)};
    tftp::transfer server{lossy_link::client_port, request_of(text_with_nuls(1, "f|octet|")), file, plain};
    server.begin(start);
    said(server);
    tftp::time_point now = start;
    tftp::duration expected = 0ms;
    int number = 0;
    for (const auto& [round_trip, timeout] : {std::pair<tftp::duration, tftp::duration>{400ms, 1200ms},
                                              {800ms, 1450ms},    // 450 + 4 * 250
                                              {450ms, 1200ms},    // 450 + 4 * 187.5
                                              {50ms, 1350ms}}) {  // 400 + 4 * 240.625 - ...
        now += round_trip;
        server.receive(lossy_link::client_port, acknowledgment(++number), now);
        said(server);
        if (number < 4) CHECK(server.deadline() - now == timeout);
        expected = server.deadline() - now;
    }
    CHECK(expected == 400ms + 4 * 240'625us);
}
TEST_CASE(
    "RFC 6298 section 5.5 to 5.7: a timeout that has doubled stays until a block that was sent once is measured") {
    memory_source file{content_of(10'000, 2)};
    tftp::transfer server{lossy_link::client_port, request_of(text_with_nuls(1, "f|octet|")), file, plain};
    server.begin(start);
    said(server);
    tftp::time_point now = start + 100ms;
    server.receive(lossy_link::client_port, acknowledgment(1), now);
    said(server);
    CHECK(server.deadline() - now == 300ms);
    now = server.deadline();
    server.expired(now);
    said(server);
    CHECK(server.deadline() - now == 600ms);
    now += 10ms;
    server.receive(lossy_link::client_port, acknowledgment(2), now);  // of the first or of the second?
    said(server);
    CHECK(server.deadline() - now == 600ms);
    now += 100ms;
    server.receive(lossy_link::client_port, acknowledgment(3), now);
    said(server);
    CHECK(server.deadline() - now == 250ms);  // 100 + 4 * 37.5
}
TEST_CASE("a receiver dallies for as long as it was told, and its deadline says so") {
    for (const tftp::duration dally : {tftp::duration{3s}, tftp::duration{250ms}, tftp::duration{100s}}) {
        memory_sink file;
        tftp::transfer client{
            lossy_link::server_door, "f", tftp::mode::octet, file, {.with_options = false, .dally = dally}};
        client.begin(start);
        said(client);
        client.receive(lossy_link::server_port, data(1, "."), start + 1ms);
        CHECK(client.deadline() == start + 1ms + dally);
        client.expired(start + dally);
        CHECK(!client.has_ended());
    }
}

// ---- A peer that may not be there, and a peer that is gone ---------------------------------------------------

TEST_CASE("before the first acknowledgment a request draws two data blocks, or three datagrams without data") {
    for (const auto& [request, most] : {std::pair{text_with_nuls(1, "f|octet|"), 2},
                                        {text_with_nuls(1, "f|octet|blksize|1024|windowsize|64|"), 3},
                                        {text_with_nuls(2, "f|octet|"), 3},
                                        {text_with_nuls(2, "f|octet|blksize|1024|"), 3}})
        for (const bool is_shared : {false, true}) {
            CAPTURE(most, is_shared);
            memory_source from{content_of(100'000, 3)};
            memory_sink to;
            const tftp::settings how{.window_size = 64, .shared_port = is_shared};
            const auto packet = request_of(request);
            auto server = packet.what == tftp::opcode::read_request
                              ? std::make_unique<tftp::transfer>(lossy_link::client_port, packet, from, how)
                              : std::make_unique<tftp::transfer>(lossy_link::client_port, packet, to, how);
            server->begin(start);
            int datagrams = said(*server).empty() ? 0 : 1;
            while (!server->has_ended()) {
                const tftp::time_point now = server->deadline();
                server->expired(now);
                if (!said(*server).empty()) ++datagrams;
                if (server->has_ended()) CHECK(now == start + how.patience);
            }
            CHECK(datagrams == most);
            CHECK(server->result().error == std::errc::timed_out);
        }
}
TEST_CASE("a silent server answers a request that comes again, once each time") {
    memory_source file{content_of(2'000, 3)};
    const bytes request = text_with_nuls(1, "f|octet|");
    tftp::transfer server{lossy_link::client_port, request_of(request), file, plain};
    server.begin(start);
    CHECK(said(server).size() == 516);
    server.receive(lossy_link::client_port, request, start);  // its answer is under way
    CHECK(said(server) == nothing());
    for (int i = 0; i < 2; ++i) server.expired(server.deadline());
    said(server);
    for (int i = 0; i < 3; ++i) {
        server.receive(lossy_link::client_port, request, start + 5s);
        CHECK(said(server).size() == 516);
        CHECK(said(server) == nothing());
    }
    server.receive(lossy_link::client_port, acknowledgment(1), start + 6s);
    CHECK(said(server).size() == 516);
    server.receive(lossy_link::client_port, request, start + 6s);
    CHECK(said(server) == nothing());
}
TEST_CASE("on a shared port the first window is at most 64 KiB, goes out once, and a timeout repeats one datagram") {
    for (const auto& [block_size, window] : {std::pair{1428, 64}, {65'464, 64}, {512, 1'000}, {8192, 8}}) {
        CAPTURE(block_size, window);
        memory_source file{content_of(3'000'000, 3)};
        const bytes request = text_with_nuls(
            1, "f|octet|blksize|" + std::to_string(block_size) + "|windowsize|" + std::to_string(window) + "|");
        tftp::transfer server{lossy_link::client_port,
                              request_of(request),
                              file,
                              {.block_size = 65'464, .window_size = 65'535, .shared_port = true}};
        server.begin(start);
        said(server);
        server.receive(lossy_link::client_port, acknowledgment(0), start);
        std::size_t sent = said(server).size();
        CHECK(sent <= 65'536);
        CHECK(sent > 65'536 / 2);
        for (int i = 0; i < 20; ++i) server.receive(lossy_link::client_port, acknowledgment(0), start);
        CHECK(said(server) == nothing());
        const int most = block_size > 32'768 ? 1 : 2;  // of 64 KiB one is enough
        for (int repeats = 0; !server.has_ended(); ++repeats) {
            server.expired(server.deadline());
            const std::size_t again = said(server).size();
            CHECK(again == (repeats < most ? static_cast<std::size_t>(block_size) + 4 : 0));
        }
    }
}
TEST_CASE("ICMP unreachable: where nobody listens any more a transfer ends at once, in every state and role") {
    for (int situation = 0; situation < 6; ++situation) {
        CAPTURE(situation);
        memory_source from{content_of(10'000, 3)};
        memory_sink to;
        const bool is_reader = situation < 2, is_client = situation < 4;
        const bytes asked = text_with_nuls(situation == 4 ? 1 : 2, "f|octet|blksize|512|");
        auto one =
            !is_client
                ? (situation == 4
                       ? std::make_unique<tftp::transfer>(lossy_link::server_port, request_of(asked), from, plain)
                       : std::make_unique<tftp::transfer>(lossy_link::server_port, request_of(asked), to, plain))
            : is_reader
                ? std::make_unique<tftp::transfer>(lossy_link::server_door, "f", tftp::mode::octet, to, plain)
                : std::make_unique<tftp::transfer>(lossy_link::server_door, "f", tftp::mode::octet, from, plain);
        one->begin(start);
        said(*one);
        if (situation == 1) one->receive(lossy_link::server_port, data(1, block), start);
        if (situation == 3) one->receive(lossy_link::server_port, acknowledgment(0), start);
        one->unreachable(stranger);
        CHECK(!one->has_ended());
        one->unreachable(one->peer());
        CHECK(one->has_ended());
        CHECK(one->result().error == std::errc::connection_refused);
        CHECK(said(*one) == nothing());
    }
}
TEST_CASE("RFC 2347: a server that refuses options with error 8 is asked again without them") {
    const bytes refusal = datagram({0, 5, 0, 8}, std::string_view{"no\0", 3});
    for (const bool serves_itself : {false, true})
        for (const auto& answers_from : {lossy_link::server_port, lossy_link::server_door}) {
            memory_sink to;
            tftp::transfer client{lossy_link::server_door, "f", tftp::mode::octet, to, {.window_size = 8}};
            client.begin(start);
            said(client);
            client.receive(answers_from, refusal, start);
            net::endpoint asked;
            CHECK(said(client, &asked) == text_with_nuls(1, "f|octet|"));
            CHECK(asked == lossy_link::server_door);
            if (answers_from != lossy_link::server_door) client.receive(answers_from, refusal, start);  // it came twice
            CHECK(!client.has_ended());
            // The second request may be answered from the port that has refused the first one.
            const net::endpoint other{lossy_link::server_port.address(), 50'001};
            client.receive(serves_itself ? answers_from : other, data(1, "x"), start);
            CHECK(client.result().is_whole());
            CHECK(client.result().block_size == 512);
        }
    memory_source from{content_of(600, 3)};
    tftp::transfer writer{lossy_link::server_door, "f", tftp::mode::netascii, from, {.block_size = 1024}};
    writer.begin(start);
    CHECK(said(writer) == text_with_nuls(2, "f|netascii|blksize|1024|"));
    writer.receive(lossy_link::server_port, refusal, start);
    CHECK(said(writer) == text_with_nuls(2, "f|netascii|"));
    writer.receive(lossy_link::server_door, refusal, start);  // then it is refused
    CHECK(writer.result().error == tftp::error::option_refused);
}
TEST_CASE("RFC 2349: a writer that announces a size of 0 does not know it") {
    memory_sink file;
    tftp::transfer server{lossy_link::client_port, request_of(text_with_nuls(2, "f|octet|tsize|0|")), file, {}};
    server.begin(start);
    said(server);
    server.receive(lossy_link::client_port, data(1, block), start);
    server.receive(lossy_link::client_port, data(2, "."), start);
    CHECK(server.result().is_whole());
    CHECK(file.content.size() == 513);
}
TEST_CASE("a window that a link of known rate cannot carry within half of the patience is not asked for") {
    for (const auto& [rate, expected] : {std::pair{8'000, 83}, {1'000, 10}, {1, 1}, {10'000'000, 1'000}}) {
        memory_sink file;
        tftp::transfer client{lossy_link::server_door,
                              "f",
                              tftp::mode::octet,
                              file,
                              {.window_size = 1'000, .link_rate = static_cast<std::uint64_t>(rate)}};
        client.begin(start);
        const auto asked = request_of(said(client)).options.window_size;
        CHECK(asked.value_or(1) == expected);
    }
}

// ---- What the sink says --------------------------------------------------------------------------------

TEST_CASE("a text is not a byte longer than allowed, not even by a CR at its end") {
    for (const std::uint64_t most : {3u, 4u}) {
        CAPTURE(most);
        memory_sink file;
        tftp::transfer client{
            lossy_link::server_door, "f", tftp::mode::netascii, file, {.with_options = false, .max_bytes = most}};
        client.begin(start);
        said(client);
        client.receive(lossy_link::server_port, data(1, "abc\r"), start);
        const bytes answer = said(client);
        CHECK(bytes(answer.begin(), answer.begin() + 4) == (most == 4 ? acknowledgment(1) : datagram({0, 5, 0, 3})));
        CHECK((client.result().error == std::errc::file_too_large) == (most == 3));
        CHECK(file.is_finished == (most == 4));
        CHECK(file.content.size() == most);
    }
}

namespace {
/// A disk with something wrong with it.
class bad_sink final : public tftp::sink {
  public:
    enum class when { expecting, writing, finishing };
    bad_sink(when moment, std::error_code error) : moment_{moment}, error_{error} {}
    void expect(std::uint64_t, std::error_code& error) noexcept override { at(when::expecting, error); }
    void write(std::span<const std::byte>, std::error_code& error) noexcept override { at(when::writing, error); }
    void finish(std::error_code& error) noexcept override { at(when::finishing, error); }

  private:
    void at(when now, std::error_code& error) const noexcept {
        if (now == moment_) error = error_;
    }
    when moment_;
    std::error_code error_;
};
}  // namespace

TEST_CASE("RFC 1350, appendix: what the disk says is told to the peer with the code that fits") {
#ifdef _WIN32  // the system's codes are its own there: 112 is ERROR_DISK_FULL, 5 ERROR_ACCESS_DENIED (winerror.h)
    const auto& category = std::generic_category();
    CHECK(tftp::to_error({112, std::system_category()}) == tftp::error::disk_full);
    CHECK(tftp::to_error({5, std::system_category()}) == tftp::error::access_violation);
#else
    const auto& category = std::system_category();
    CHECK(tftp::to_error({EDQUOT, std::generic_category()}) == tftp::error::disk_full);
#endif
    const std::array codes{
        std::pair{ENOSPC, 3}, std::pair{EFBIG, 3}, std::pair{EACCES, 2}, std::pair{EPERM, 2},
        std::pair{EEXIST, 6}, std::pair{EIO, 0},   std::pair{EMFILE, 0},
#ifdef EDQUOT
        std::pair{EDQUOT, 3},
#endif
    };
    for (const auto& [number, told] : codes)
        for (const auto moment : {bad_sink::when::expecting, bad_sink::when::writing, bad_sink::when::finishing})
            for (const bool is_server : {false, true}) {
                CAPTURE(number, static_cast<int>(moment), is_server);
                const std::error_code code{number, category};
                bad_sink file{moment, code};
                const bytes asked = text_with_nuls(2, "f|octet|tsize|3|");
                auto one = is_server ? std::make_unique<tftp::transfer>(lossy_link::server_port, request_of(asked),
                                                                        file, tftp::settings{})
                                     : std::make_unique<tftp::transfer>(lossy_link::server_door, "f", tftp::mode::octet,
                                                                        file, tftp::settings{});
                one->begin(start);
                bytes last = said(*one);
                if (!is_server) {
                    one->receive(lossy_link::server_port, text_with_nuls(6, "tsize|3|"), start);
                    last = said(*one);
                }
                if (moment != bad_sink::when::expecting) {
                    one->receive(lossy_link::server_port, data(1, "abc"), start);
                    last = said(*one);
                }
                REQUIRE(last.size() > 5);
                CHECK(bytes(last.begin(), last.begin() + 4) == datagram({0, 5, 0, told}));
                CHECK(one->has_ended());
                CHECK(one->result().error == code);
                // Where the code says nothing, the words do.
                const std::string words{net::tftp::parse(last)->message};
                if (told == 0) CHECK(words.find(code.message()) < words.size());
            }
}

// ---- A bad net -----------------------------------------------------------------------------------------

TEST_CASE("whatever the net loses, doubles and reorders: the file is whole, or there is an error, within a bound") {
    constexpr int runs = 10'000;
    int whole = 0, failed = 0;
    for (int run = 0; run < runs; ++run) {
        std::mt19937_64 random{static_cast<std::uint64_t>(run)};
        const auto any_of = [&](auto... values) {
            const std::array all{values...};
            return all[random() % all.size()];
        };
        const bool is_upload = random() % 2 == 0;
        const auto mode = random() % 4 == 0 ? tftp::mode::netascii : tftp::mode::octet;
        tftp::settings wish{.block_size = static_cast<std::uint16_t>(any_of(8, 64, 512, 512, 1428)),
                            .window_size = static_cast<std::uint16_t>(any_of(1, 1, 2, 3, 8, 64)),
                            .with_options = random() % 8 != 0,
                            .dally = any_of(tftp::duration{0}, tftp::duration{60s})};
        if (random() % 4 == 0) wish.timeout = static_cast<std::uint8_t>(1 + random() % 3);
        if (random() % 4 == 0) wish.rollover = static_cast<std::uint8_t>(random() % 2);
        tftp::settings limit{.block_size = static_cast<std::uint16_t>(any_of(512, 1428, 65'464)),
                             .window_size = static_cast<std::uint16_t>(any_of(1, 4, 64)),
                             .with_options = random() % 8 != 0,
                             .dally = any_of(tftp::duration{0}, tftp::duration{60s})};
        const std::size_t block_size = wish.block_size;
        const std::size_t size = any_of(std::size_t{0}, std::size_t{1}, block_size - 1, block_size, block_size + 1,
                                        10 * block_size, static_cast<std::size_t>(random() % (30 * block_size)));
        const double worst = any_of(0.0, 0.1, 0.3, 0.5);
        const auto chance = [&] { return worst * static_cast<double>(random() % 101) / 100; };
        const bytes content = content_of(size, static_cast<std::uint64_t>(run));
        memory_source from{content, random() % 2 == 0};
        memory_sink to;
        lossy_link between{static_cast<std::uint64_t>(run), {.lost = chance(), .doubled = chance(), .late = chance()}};
        std::unique_ptr<tftp::transfer> client;
        if (is_upload)
            client = std::make_unique<tftp::transfer>(lossy_link::server_door, "f", mode, from, wish);
        else
            client = std::make_unique<tftp::transfer>(lossy_link::server_door, "f", mode, to, wish);
        const auto serve = [&](const tftp::packet& request) {
            return is_upload ? std::make_unique<tftp::transfer>(lossy_link::client_port, request, to, limit)
                             : std::make_unique<tftp::transfer>(lossy_link::client_port, request, from, limit);
        };
        INFO("run " << run);
        const tftp::time_point begin = between.now;
        REQUIRE(between.run(*client, serve));
        REQUIRE(client->has_ended());
        REQUIRE(between.sent_after_end == 0);
        // Each block may wait for as long as patience lasts, and a little.
        REQUIRE(between.now - begin < 50s * (size / 8 + 10));
        const tftp::transfer* const receiver = is_upload ? between.server.get() : client.get();
        if (receiver && receiver->result().is_whole()) {
            REQUIRE(to.is_finished);
            REQUIRE((to.content == content));
            ++whole;
        } else {
            REQUIRE(!to.is_finished);
            ++failed;
        }
        // The sender may be in doubt (two generals), but it never reports a success that did not happen.
        const tftp::transfer* const sender = is_upload ? client.get() : between.server.get();
        if (sender && sender->result().is_whole()) REQUIRE(to.is_finished);
        if (worst == 0) REQUIRE(client->result().is_whole());
    }
    CHECK(whole > runs * 9 / 10);
    INFO(failed << " gave up");
    CHECK(whole + failed == runs);
}

TEST_CASE("any datagram in any state: no crash, no answer to nonsense that grows, and an end") {
    std::mt19937_64 random{7};
    const std::vector<bytes> words{text_with_nuls(1, "f|octet|"),
                                   text_with_nuls(2, "f|netascii|blksize|8|"),
                                   data(0, ""),
                                   data(1, block),
                                   data(2, "x"),
                                   data(65'535, block),
                                   acknowledgment(0),
                                   acknowledgment(1),
                                   acknowledgment(2),
                                   acknowledgment(65'535),
                                   text_with_nuls(6, "blksize|8|"),
                                   text_with_nuls(6, "tsize|9|"),
                                   text_with_nuls(6, ""),
                                   datagram({0, 7}),
                                   datagram({}),
                                   datagram({0, 5, 0})};
    for (int run = 0; run < 20'000; ++run) {
        memory_sink to;
        memory_source from{content_of(random() % 3'000, 1)};
        const tftp::settings how{.block_size = 8, .window_size = static_cast<std::uint16_t>(1 + random() % 4)};
        const auto request =
            request_of(text_with_nuls(1 + run % 2, random() % 2 == 0 ? "f|octet|" : "f|octet|blksize|8|windowsize|3|"));
        std::unique_ptr<tftp::transfer> one;
        switch (run % 4) {
            case 0:
                one = std::make_unique<tftp::transfer>(lossy_link::server_door, "f", tftp::mode::octet, to, how);
                break;
            case 1:
                one = std::make_unique<tftp::transfer>(lossy_link::server_door, "f", tftp::mode::octet, from, how);
                break;
            case 2: one = std::make_unique<tftp::transfer>(lossy_link::server_port, request, from, how); break;
            default: one = std::make_unique<tftp::transfer>(lossy_link::server_port, request, to, how);
        }
        tftp::time_point now = start;
        one->begin(now);
        for (int step = 0; step < 30; ++step) {
            std::size_t sent = 0;
            for (auto out = one->next(); !out.bytes.empty(); out = one->next()) sent += out.bytes.size();
            REQUIRE(sent < 4 * 516 + 600);
            if (random() % 8 == 0 && one->deadline() != tftp::time_point::max()) {
                now = std::max(now, one->deadline());
                one->expired(now);
            } else
                one->receive(random() % 8 == 0 ? stranger : lossy_link::server_port, words[random() % words.size()],
                             now);
        }
        for (int i = 0; i < 100 && !one->has_ended(); ++i) {
            now = std::max(now, one->deadline());
            one->expired(now);
            while (!one->next().bytes.empty()) continue;
        }
        REQUIRE(one->has_ended());
        one->receive(lossy_link::server_port, data(1, block), now);
        while (one->next().bytes.size() > 0) continue;
        REQUIRE(one->deadline() == tftp::time_point::max());
    }
}
