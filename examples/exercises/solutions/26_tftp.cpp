#include "kill.hpp"

#include <netnotes/tftp/content.hpp>

#include <string>

namespace net = netnotes;
namespace tftp = netnotes::tftp;

const net::endpoint door{net::ipv4_address{"192.0.2.1"}, 69}, server{net::ipv4_address{"192.0.2.1"}, 4000};

std::string number(int value) { return {static_cast<char>(value / 256), static_cast<char>(value)}; }
std::string data(int block, const std::string& bytes) { return number(3) + number(block) + bytes; }

/// A client that reads a file, without options. You are the network.
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

const std::string block(512, 'x');
std::string acknowledgment(int of) { return number(4) + number(of); }

void test() {
    {  // two blocks; the first comes twice
        client reader;
        CHECK(reader.say() == number(1) + "moon.img" + '\0' + "octet" + '\0');
        reader.hear(server, data(1, block));
        CHECK(reader.say() == acknowledgment(1));
        reader.hear(server, data(1, block));
        CHECK(reader.say() == acknowledgment(1));
        reader.hear(server, data(2, "end"));
        CHECK(reader.say() == acknowledgment(2));
        CHECK(reader.machine.has_outcome() && reader.machine.result().is_whole());
        CHECK(reader.file.is_whole() && reader.file.text() == block + "end");
    }
    {  // a stranger is told so, but not if it sends an error
        client reader;
        reader.say();
        reader.hear(server, data(1, block));
        reader.say();
        const net::endpoint stranger{net::ipv4_address{"192.0.2.1"}, 4001};
        reader.hear(stranger, data(2, "rubbish"));
        CHECK(reader.say().starts_with(number(5) + number(5)));
        reader.hear(stranger, number(5) + number(0) + "no" + '\0');
        CHECK(reader.say().empty());
        CHECK(!reader.machine.has_outcome() && reader.file.text() == block);
    }
    {  // an error is no end of the file
        client reader;
        reader.say();
        reader.hear(server, data(1, block));
        reader.hear(server, number(5) + number(3) + "disk" + '\0');
        CHECK(reader.machine.result().error == tftp::error::disk_full && !reader.file.is_whole());
    }
    {  // a block may be too long
        client reader;
        reader.say();
        reader.hear(server, data(1, block + "x"));
        CHECK(reader.machine.has_outcome() && !reader.machine.result().is_whole());
    }
    {  // a silent server is asked several times, and given up
        client reader;
        int requests = 0;
        while (!reader.machine.has_outcome() && requests < 100) {
            requests += reader.say().empty() ? 0 : 1;
            reader.now = reader.machine.deadline();
            reader.machine.expired(reader.now);
        }
        CHECK(requests > 2 && requests < 100);
        CHECK(reader.machine.result().error == std::errc::timed_out);
    }
}
