// examples/08_udp_broadcast/demo.cpp: which sockets receive a broadcast, and which receive a datagram to a group
//
//        broadcast                                            multicast
//          sender, with the option                              sender
//            | to 192.0.2.255 or 255.255.255.255                  | to the group 239.255.77.1
//            ├──> each host of the link takes it                  ├──> a member receives it
//            ├──> a host without a socket for it drops it         ├──> a second member receives it
//            └──> a host with a socket for it delivers it         ╵    most other hosts do not even see it
//
// The notes say that a broadcast goes to all computers of the network. It goes to the computers of *this link*, because
// no router passes it on (RFC 919 §7, RFC 2644). There it reaches the sockets on that port that are bound to every
// address, or to the broadcast address. A host with several links sends it through one of them. IPv6 has no broadcast.
// Its group ff02::1, all nodes of the link, is the closest replacement (RFC 4291 §2.7.1).
//
// The notes:     udp广播 (broadcast); D类地址用于多点广播 (class D: multicast)
// Type:          demo
// You will see:  what demo.txt shows. All of it happens on the loopback interface: in a network of its own where the
//                system permits that, else in the network of this host

#include <netnotes/udp.hpp>

#include "../demo.hpp"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

// ---- A private network ----------------------------------------------------------------------------------

/// Moves this process into a network namespace (network_namespaces(7)) with a loopback interface and nothing else. A
/// process without root's rights may do so inside a user namespace, where the system permits that.
bool enter_private_network() {
    if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
    ::prctl(PR_SET_DUMPABLE, 1);  // a debugger may look at us, as before
    const net::socket any{net::address_family::inet, net::socket_type::datagram};
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    if (::ioctl(any.native_handle(), SIOCGIFFLAGS, &request) != 0) return false;
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    return ::ioctl(any.native_handle(), SIOCSIFFLAGS, &request) == 0;
}
/// Returns true if a child process succeeds. The child tries first because there is no way back.
bool can_enter_private_network() {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(enter_private_network() ? 0 : 1);
    int status = -1;
    while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child > 0 && status == 0;
}

// ---- The demonstration ----------------------------------------------------------------------------------

/// Returns a socket that shares its port, because several programs on one host may listen for the same broadcast.
net::udp_socket sharing(const net::ip_address& address, std::uint16_t port) {
    net::udp_socket socket{{address, port}, {.reuse_address = true}};
    socket.set_blocking(false);
    return socket;
}
/// Returns the next datagram in quotation marks, or "nothing".
std::string heard(net::udp_socket& socket) {
    char buffer[100];
    std::error_code error;
    const auto got = socket.recv_from(buffer, error);
    return error ? "nothing" : '"' + example::shown(net::as_text(got.bytes)) + '"';
}

const net::ip_address any_address = net::ipv4_address::any();
const net::ip_address this_host = net::ipv4_address::loopback();
const net::ip_address everyone = net::ipv4_address{127, 255, 255, 255};  // the loopback network's: 127.0.0.0/8

void broadcast() {
    heading("udp广播: which sockets receive it");
    net::udp_socket any = sharing(any_address, 0);
    const auto port = any.local_endpoint().port();
    net::udp_socket exact = sharing(everyone, port), unicast = sharing(this_host, port),
                    other = sharing(any_address, 0);
    net::udp_socket sender{{this_host, 0}};
    try {
        sender.send_to("hello, world!", {everyone, port});
    } catch (const std::system_error& failure) {
        say("without the option: ", failure.what());
    }
    sender.set_option(net::option::broadcast{});
    sender.send_to("hello, world!", {everyone, port});
    say("with it, on that port: bound to any address      receives ", heard(any));
    say("                       bound to 127.255.255.255  receives ", heard(exact));
    say("                       bound to 127.0.0.1        receives ", heard(unicast));
    say("on another port:       bound to any address      receives ", heard(other));

    for (net::udp_socket* const listener : {&any, &exact}) listener->send_to("here", sender.local_endpoint());
    sender.set_deadline(net::clock::now() + 50ms);  // one limit for all answers: their number is not known
    char buffer[100];
    std::error_code error;
    for (;;) {
        const auto got = sender.recv_from(buffer, error);
        if (error) break;
        say("received from ", got.sender, ": ", example::shown(net::as_text(got.bytes)));
    }
    say("after the last answer: ", error.message(), " (the notes' program waits for ever)");
}

void multicast() {
    heading("D类地址: which sockets receive a datagram to a group");
    const unsigned lo = net::interface_index("lo");
    const net::ip_address group{"239.255.77.1"}, last{"239.255.255.255"}, specific{"232.255.77.1"};
    net::udp_socket first = sharing(any_address, 0);
    const auto port = first.local_endpoint().port();
    net::udp_socket second = sharing(any_address, port), stranger = sharing(any_address, port);
    net::udp_socket sender{{this_host, 0}}, other{{net::ip_address{"127.0.0.2"}, 0}};
    for (net::udp_socket* const each : {&sender, &other}) each->set_multicast_interface(lo);
    for (net::udp_socket* const each : {&first, &second}) each->join(group, lo);
    const auto show_receivers = [&](std::string_view what) {
        const auto a = heard(first), b = heard(second), c = heard(stranger);
        say(what, "first ", a, ", second ", b, ", stranger ", c);
    };
    say("a group needs no option; by default its datagrams pass ", sender.multicast_ttl() - 1, " routers");
    sender.send_to("hello", {group, port});
    show_receivers("first and second have joined:   ");
    sender.set_option(net::option::broadcast{});
    sender.send_to("hello", {everyone, port});
    show_receivers("a broadcast, for comparison:    ");
    second.leave(group, lo);
    sender.send_to("hello", {group, port});
    show_receivers("second has left:                ");
    first.join(specific, this_host, lo);
    second.join(specific, net::ip_address{"127.0.0.2"}, lo);
    sender.send_to("I am .1", {specific, port});
    other.send_to("I am .2", {specific, port});
    show_receivers("each has joined for one source: ");
    stranger.join(last, lo);
    sender.send_to("hello", {last, port});
    show_receivers("stranger has joined the last:   ");
    say("The last group is ", last, ". The notes' range ends before it, but a group has no host part to keep free.");
}

void demonstrate() {
    const bool is_private = can_enter_private_network() && enter_private_network();
    broadcast();
    multicast();
    say("\nplayed in: ", is_private ? "a network namespace of its own" : "the loopback network of this host");
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Shows which sockets receive a broadcast and which receive a datagram to a group.
The programs broadcast, receiver and member of this lesson are the tools for several terminals.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"this example takes no arguments"};
        demonstrate();
    });
}
