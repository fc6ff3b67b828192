// discovery.cpp GROUP [NAME PORT]: asks all members of a multicast group for their names, or is a member with a name
//
//     discovery 239.255.70.77 printer 631        discovery ff02::4d%eth0 printer 631        answers until Ctrl-C
//     discovery 239.255.70.77                    discovery ff02::4d%eth0                    asks, and waits a second

#include <netnotes/coro.hpp>

#include <iostream>
#include <set>

namespace net = netnotes;
using namespace std::chrono_literals;

constexpr std::uint16_t port = 4477;
constexpr std::string_view question = "anybody there?";

net::task<> answer(net::ip_address group, std::string text) {
    net::async_udp socket{net::endpoint{group, port}, {.reuse_address = true}};  // several may run on one host
    socket.join(group);
    std::error_code lost;  // a sender that cannot be reached does not end the member
    for (std::array<char, 64> room;;) {
        const auto received = co_await socket.recv_from(room);
        if (net::as_text(received.bytes) == question) co_await socket.send_to(text, received.sender, lost);
    }
}

net::task<> ask(net::ip_address group) {
    net::async_udp socket{group.is_v4() ? net::address_family::inet : net::address_family::inet6};
    socket.set_timeout(300ms);
    std::set<std::string> known;
    std::array<char, 512> room;
    for (int attempt = 0; attempt < 3; ++attempt) {  // a datagram may be lost
        co_await socket.send_to(question, net::endpoint{group, port});
        for (std::error_code error; !error;) {
            const auto received = co_await socket.recv_from(room, error);
            const auto line = received.sender.to_string() + ' ' + net::visible(net::as_text(received.bytes));
            if (!error && known.insert(line).second) std::cout << line << std::endl;
        }
    }
}

int main(int argc, char** argv) {
    const net::ip_address group{argv[1]};
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::event_loop{}.run(argc == 4 ? answer(group, argv[2] + std::string{' '} + argv[3]) : ask(group), stop);
}
