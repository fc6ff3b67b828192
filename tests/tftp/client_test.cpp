// What tftp/client.hpp and tftp/async_client.hpp promise where the server does not play along: a peer here is a socket
// that says what the test tells it to. Whole transfers with the library's server are in tftp_server_test.cpp.

#include <netnotes/coro/group.hpp>
#include <netnotes/tftp/async_client.hpp>
#include <netnotes/tftp/client.hpp>
#include <netnotes/tftp/content.hpp>

#include "../back_end.hpp"
#include "../support.hpp"

#include "../catch.hpp"

#include <array>
#include <sstream>
#include <string>

using namespace std::chrono_literals;
namespace tftp = netnotes::tftp;
using support::failure_of;

namespace {

/// A server made by hand.
struct scripted {
    net::udp_socket socket{{net::ipv4_address::loopback(), 0}};
    net::endpoint where = socket.local_endpoint();
    net::endpoint client{};
    std::array<std::byte, 70'000> buffer;

    scripted() { socket.set_timeout(120s); }
    /// The next datagram, of anybody.
    tftp::packet next() {
        const auto got = socket.recv_from(buffer);
        client = got.sender;
        const auto parsed = tftp::parse(got.bytes);
        REQUIRE(parsed);
        return *parsed;
    }
    void data(std::uint16_t block, std::string_view text) {
        std::string datagram{'\0', '\3', static_cast<char>(block >> 8), static_cast<char>(block & 255)};
        datagram += text;
        socket.send_to(datagram, client);
    }
};
/// A port of this machine on which no program listens: the system gave it to us a moment ago.
net::endpoint nobody(const net::ip_address& where) {
    net::udp_socket gone{{where, 0}};
    return gone.local_endpoint();
}
tftp::settings lock_step() {
    tftp::settings wishes;
    wishes.with_options = false;
    return wishes;
}

}  // namespace

TEST_CASE("where nobody listens a transfer ends at once, and not when patience does") {
    for (const auto& host : support::loopbacks()) {
        const net::endpoint where = nobody(host);
        tftp::settings wishes;
        wishes.patience = 1h;
        wishes.first_timeout = 1h;
        wishes.max_timeout = 1h;
        for (const std::uint16_t window : {std::uint16_t{1}, std::uint16_t{8}}) {
            wishes.window_size = window;
            tftp::memory_sink file{1000};
            CHECK(failure_of([&] { tftp::client{where}.get("f", file, wishes); }).code ==
                  std::errc::connection_refused);
            tftp::memory_source content{"content"};
            CHECK(failure_of([&] { tftp::client{where}.put(content, "f", wishes); }).code ==
                  std::errc::connection_refused);
            test_loop loop;
            const auto body = [](net::endpoint server, tftp::sink& into, tftp::settings how) -> net::task<> {
                co_await tftp::get(server, "f", into, how);
            };
            CHECK(failure_of([&] { loop.run(body(where, file, wishes)); }).code == std::errc::connection_refused);
            CHECK_FALSE(file.is_whole());
        }
    }
}

TEST_CASE("progress that throws breaks the transfer off, and the server is told") {
    scripted server;
    tftp::memory_sink file{1 << 20};
    tftp::request more;
    more.progress = [](std::uint64_t, std::optional<std::uint64_t>) { throw std::runtime_error{"enough"}; };
    support::background client{[&] {
        tftp::settings wishes;
        wishes.block_size = 65'464;
        try {
            tftp::client{server.where}.get("f", file, wishes, more);
        } catch (const std::runtime_error&) {
            return true;
        }
        return false;
    }};
    REQUIRE(server.next().what == tftp::opcode::read_request);
    const std::string granted{"\0\6blksize\00065464\0", 16};
    server.socket.send_to(granted, server.client);
    REQUIRE(server.next().what == tftp::opcode::acknowledgment);
    server.data(1, std::string(65'464, 'x'));
    REQUIRE(server.next().what == tftp::opcode::acknowledgment);
    server.data(2, std::string(65'464, 'x'));  // beyond the 64 KiB of which one is told
    const auto last = server.next();
    // The acknowledgment of what has come may stand before it.
    CHECK((last.what == tftp::opcode::error || server.next().what == tftp::opcode::error));
    CHECK(client.get());
    CHECK_FALSE(file.is_whole());
}

TEST_CASE("the words of a server cannot pretend to have ended") {
    scripted server;
    tftp::memory_sink file{1 << 20};
    support::background client{
        [&] { return failure_of([&] { tftp::client{server.where}.get("f", file, lock_step()); }).what; }};
    REQUIRE(server.next().what == tftp::opcode::read_request);
    const std::string_view refusal{"\0\5\0\1none\": 5 bytes\0", 18};
    server.socket.send_to(refusal, server.client);
    CHECK(client.get() ==
          "get f from " + server.where.to_string() + " says \"none\\\": 5 bytes\": File not found");
}

TEST_CASE("a stop breaks the transfer off, and the server is told") {
    scripted server;
    tftp::memory_sink file{1 << 20};
    net::stop_event stop;
    tftp::request more;
    more.stop = &stop;
    support::background client{
        [&] { return failure_of([&] { tftp::client{server.where}.get("f", file, lock_step(), more); }).code; }};
    REQUIRE(server.next().what == tftp::opcode::read_request);
    server.data(1, std::string(512, 'x'));
    REQUIRE(server.next().what == tftp::opcode::acknowledgment);
    stop.request_stop();
    CHECK(server.next().what == tftp::opcode::error);
    CHECK(client.get() == std::errc::operation_canceled);
    CHECK_FALSE(file.is_whole());
}

TEST_CASE("a client that only stays for its last acknowledgment can be stopped, and has the file") {
    tftp::settings wishes = lock_step();
    wishes.dally = 1h;
    SECTION("by a stop") {
        scripted server;
        tftp::memory_sink file{1000};
        net::stop_event stop;
        tftp::request more;
        more.stop = &stop;
        support::background client{[&] { return tftp::client{server.where}.get("f", file, wishes, more).is_whole(); }};
        REQUIRE(server.next().what == tftp::opcode::read_request);
        server.data(1, "short");
        REQUIRE(server.next().what == tftp::opcode::acknowledgment);
        stop.request_stop();
        CHECK(client.get());
        CHECK(file.text() == "short");
    }
    SECTION("by a deadline") {
        scripted server;
        tftp::memory_sink file{1000};
        tftp::request more;
        support::background client{[&] {
            more.deadline = net::clock::now() + 300ms;
            std::error_code error;
            const auto result = tftp::client{server.where}.get("f", file, wishes, more, error);
            return std::pair{result.is_whole(), file.is_whole()};
        }};
        REQUIRE(server.next().what == tftp::opcode::read_request);
        server.data(1, "short");
        const auto [is_whole, has_file] = client.get();
        CHECK(is_whole == has_file);  // on a machine that sleeps for 300 ms it may have come too late
    }
    SECTION("by cancelling its task") {
        scripted server;
        tftp::memory_sink file{1000};
        test_loop loop;
        net::async_descriptor heard{loop, server.socket.native_handle()};
        const auto body = [](scripted& peer, net::async_descriptor& readable, tftp::sink& into,
                             tftp::settings how) -> net::task<bool> {
            auto whole = net::spawn(tftp::get(peer.where, "f", into, how));
            co_await readable.readable();
            peer.next();
            peer.data(1, "short");
            co_await readable.readable();
            peer.next();
            whole.cancel();
            const auto result = co_await whole.join();
            co_return result.is_whole();
        };
        CHECK(loop.run(body(server, heard, file, wishes)));
        CHECK(file.text() == "short");
    }
}

TEST_CASE("a flood of datagrams does not keep timers and stops waiting") {
    scripted stranger;
    scripted server;
    tftp::memory_sink file{1000};
    tftp::transfer one{server.where, "f", tftp::mode::octet, file, lock_step()};
    tftp::detail::transfer_socket socket{{net::ipv4_address::loopback(), 0}, false};
    one.begin(net::clock::now());
    REQUIRE(socket.send(one));
    for (int i = 0; i < 200; ++i) stranger.socket.send_to("nonsense", socket.socket().local_endpoint());
    CHECK_FALSE(socket.receive(one, net::clock::now()));  // and somebody else has a turn
    CHECK(socket.receive(one, net::clock::now()));
}

TEST_CASE("content comes from memory, streams and functions, and goes there") {
    const std::string text = "line one\nline two\n";
    std::array<std::byte, 5> room{};
    std::error_code error;
    const auto all_of = [&](tftp::source& from) {
        std::string all;
        while (const std::size_t size = from.read(room, error)) all += net::as_text(std::span{room}.first(size));
        return all;
    };
    SECTION("memory") {
        tftp::memory_source from{text};
        CHECK(from.size() == text.size());
        CHECK(all_of(from) == text);
        tftp::memory_sink into{10};
        into.expect(11, error);
        CHECK(error == std::errc::no_space_on_device);
        error.clear();
        into.write(std::as_bytes(std::span{"0123456789", 10}), error);
        CHECK_FALSE(error);
        CHECK_FALSE(into.is_whole());
        into.write(std::as_bytes(std::span{"x", 1}), error);
        CHECK(error == std::errc::no_space_on_device);
        CHECK(into.text() == "0123456789");
        error.clear();
        into.finish(error);
        CHECK(into.is_whole());
        CHECK(into.release().size() == 10);
    }
    SECTION("streams") {
        std::istringstream in{text};
        tftp::stream_source from{in};
        CHECK(all_of(from) == text);
        CHECK_FALSE(error);
        std::istringstream broken{text};
        broken.setstate(std::ios::badbit);
        tftp::stream_source none{broken};
        CHECK(none.read(room, error) == 0);
        CHECK(error == std::errc::io_error);
        error.clear();
        std::ostringstream out;
        tftp::stream_sink into{out};
        into.write(std::as_bytes(std::span{text}), error);
        into.finish(error);
        CHECK_FALSE(error);
        CHECK(into.is_whole());
        CHECK(out.str() == text);
        out.exceptions(std::ios::badbit);
        CHECK_THROWS_AS(out.setstate(std::ios::badbit), std::ios::failure);
        into.write(std::as_bytes(std::span{text}), error);
        CHECK(error == std::errc::io_error);
    }
    SECTION("functions") {
        int calls = 0;
        tftp::function_source from{[&](std::span<std::byte> into) {
            if (++calls == 4) throw std::system_error{std::make_error_code(std::errc::permission_denied)};
            into[0] = std::byte{'x'};
            return std::size_t{calls < 3 ? 1u : 0u};
        }};
        CHECK(all_of(from) == "xx");
        CHECK_FALSE(error);
        CHECK(from.read(room, error) == 0);
        CHECK(error == std::errc::permission_denied);
        error.clear();
        std::string all;
        tftp::function_sink into{[&](std::span<const std::byte> piece) {
            if (!all.empty()) throw 1;
            all += net::as_text(piece);
        }};
        into.write(std::as_bytes(std::span{text}), error);
        CHECK(all == text);
        CHECK_FALSE(error);
        into.write(std::as_bytes(std::span{text}), error);
        CHECK(error == std::errc::io_error);
    }
}
