#include "kill.hpp"

#include <netnotes/tftp/content.hpp>

#include <string>

namespace net = netnotes;
namespace tftp = netnotes::tftp;

const net::endpoint door{net::ipv4_address{"192.0.2.1"}, 69}, server{net::ipv4_address{"192.0.2.1"}, 4000};

std::string number(int value) { return {static_cast<char>(value / 256), static_cast<char>(value)}; }
std::string data(int block, const std::string& bytes) { return number(3) + number(block) + bytes; }

/// A client that reads a file, without options. You are the network. `machine.result()` counts as soon as
/// `machine.has_outcome()` is true.
struct client {
    tftp::memory_sink file{100'000};
    tftp::transfer machine{door, "moon.img", tftp::mode::octet, file, {.with_options = false}};
    tftp::time_point now{};

    client() { machine.begin(now); }
    /// A datagram arrives.
    void hear(const net::endpoint& from, const std::string& bytes) {
        machine.receive(from, std::as_bytes(std::span{bytes}), now);
    }
    /// Takes the next datagram that the machine sends: its bytes, or "" if there is no datagram.
    std::string say() {
        const auto next = machine.next();
        return {reinterpret_cast<const char*>(next.bytes.data()), next.bytes.size()};
    }
};

void test() {
    client reader;
    CHECK(reader.say() == number(1) + "moon.img" + '\0' + "octet" + '\0');
    reader.hear(server, data(1, "hello"));
    CHECK(reader.say() == number(4) + number(1));
    CHECK(reader.machine.result().is_whole() && reader.file.text() == "hello");
}
