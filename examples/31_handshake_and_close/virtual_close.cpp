// virtual_close.cpp: a lost last ACK, four minutes of TIME-WAIT, and a late SYN, in virtual time (beyond the notes)

#include <netnotes/lan.hpp>

#include <iostream>

namespace net = netnotes;
namespace lan = netnotes::lan;
namespace packet = netnotes::packet;
using namespace std::chrono_literals;

// A client and a server on a cable, with its first ARP exchange done. A server that hears the end closes, too.
struct two_hosts {
    lan::network net{31};
    lan::host& a = net.host("client", "10.0.0.1/24");
    lan::host& b = net.host("server", "10.0.0.2/24");
    lan::cable& wire = net.connect(a, b, {.delay = 10ms});
    lan::tcp_stack client{a}, server{b};
    two_hosts() {
        server.listen(6666, [](lan::tcp_connection& peer) {
            peer.on_change = [](lan::tcp_connection& it) {
                if (it.has_ended()) it.close();
            };
        });
        a.ping("10.0.0.2");
        net.run();
        net.forget_passages();
    }
    void show() const { std::cout << lan::sequence_diagram(net, net.passages()); }
};

void lost_last_ack() {
    two_hosts both;
    auto& connection = both.client.connect({"10.0.0.2", 6666}, 40944);
    both.net.run_for(1s);
    both.net.forget_passages();
    both.wire.lose_nth(2, 0);  // the client's second frame from now on: FIN, and then the last ACK
    connection.shutdown();
    both.net.run_for(10s);
    both.show();
    std::cout << "the server: " << (both.server.connections().empty() ? "CLOSED" : "still open")
              << ", the client: " << to_string(connection.state()) << " for "
              << connection.machine().time_wait_left(both.net.now()) / 1s << " s more\n";
    both.net.run();
    std::cout << "at " << lan::time_text(both.net.now()) << " s the client is " << to_string(connection.state())
              << "\n";
}

void late_syn() {
    two_hosts both;
    std::vector<std::byte> old;  // a SYN of a connection that was closed long ago: the network has kept it back
    packet::write(old, packet::ipv4{.source = both.a.address(), .destination = both.b.address()},
                  packet::tcp{.source_port = 50000,
                              .destination_port = 6666,
                              .sequence_number = packet::sequence{1000},
                              .flags = packet::tcp_flag::syn});
    both.a.send_packet(both.b.address(), packet::ip_protocol::tcp, std::span{old}.subspan(20));
    both.net.run();
    both.show();
    std::cout << "half-open connections of the server: " << both.server.listener(6666).half_open() << '\n';
}

int main() {
    std::cout << "2 MSL: the last ACK is lost, so the server sends its FIN again\n";
    lost_last_ack();
    std::cout << "\na late SYN: the client has no such connection, and says so\n";
    late_syn();
}
