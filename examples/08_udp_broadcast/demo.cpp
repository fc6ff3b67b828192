// examples/08_udp_broadcast/demo.cpp: one datagram for many
//
//        broadcast                                            multicast
//          sender, with the option                              sender
//            | to 192.0.2.255 or 255.255.255.255                  | to the group 239.255.77.1
//            ├──> every host of the link: looks at it             ├──> a member: hears it
//            ├──> ... and throws it away                          ├──> another member: hears it
//            └──> ... or has a socket for it                      ╵    all others: do not even see it, mostly
//
// A broadcast goes, say the notes, to all computers of the network. It goes to those of *this link*, as no router
// passes it on (RFC 919 §7, RFC 2644), and there to the sockets on that port that are bound to any address or to that
// one. On a host with several links it leaves by one of them. And IPv6 has none: the group ff02::1, all nodes of the
// link, is what comes nearest (RFC 4291 §2.7.1).
//
// The notes:     udp广播 (broadcast); D类地址用于多点广播 (class D: multicast, which is no kind of broadcast)
// Type:          demo                                        a demonstration
//                demo serve --port 6666                      in one terminal, or on several hosts
//                demo send 255.255.255.255 6666 hello        in another: who is there?
//                demo serve --group 239.255.77.1             the same for a group; add --interface lo
//                demo send 239.255.77.1 6666 hello           to both to try it without a network
// You will see:  what demo.txt shows, and for how far: all of it happens on the loopback interface, of a
//                network of its own if the system lets us make one, else of this host

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

// ---- A network of one's own -----------------------------------------------------------------------------

/// Moves this process into a network namespace (network_namespaces(7)) that holds nothing but a loopback interface. Who
/// is not root may do so inside a user namespace, where the system allows that.
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
/// There is no way back, so a child tries it first.
bool can_enter_private_network() {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(enter_private_network() ? 0 : 1);
    int status = -1;
    while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child > 0 && status == 0;
}

// ---- The demonstration ----------------------------------------------------------------------------------

/// A socket that shares its port with others, as many programs on one host may listen for the same broadcast.
net::udp_socket sharing(const net::ip_address& address, std::uint16_t port) {
    net::udp_socket socket{{address, port}, {.reuse_address = true}};
    socket.set_blocking(false);
    return socket;
}
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
    heading("udp广播: who hears it");
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
    say("with it, on that port: bound to any address      hears ", heard(any));
    say("                       bound to 127.255.255.255  hears ", heard(exact));
    say("                       bound to 127.0.0.1        hears ", heard(unicast));
    say("on another port:       bound to any address      hears ", heard(other));

    for (net::udp_socket* const listener : {&any, &exact}) listener->send_to("here", sender.local_endpoint());
    sender.set_deadline(net::clock::now() + 50ms);  // for all answers together: nobody can know how many will come
    char buffer[100];
    std::error_code error;
    for (;;) {
        const auto got = sender.recv_from(buffer, error);
        if (error) break;
        say("received from ", got.sender, ": ", example::shown(net::as_text(got.bytes)));
    }
    say("and then: ", error.message(), " (the notes wait for ever)");
}

void multicast() {
    heading("D类地址: who hears a group");
    const unsigned lo = net::interface_index("lo");
    const net::ip_address group{"239.255.77.1"}, last{"239.255.255.255"}, specific{"232.255.77.1"};
    net::udp_socket first = sharing(any_address, 0);
    const auto port = first.local_endpoint().port();
    net::udp_socket second = sharing(any_address, port), stranger = sharing(any_address, port);
    net::udp_socket sender{{this_host, 0}}, other{{net::ip_address{"127.0.0.2"}, 0}};
    for (net::udp_socket* const one : {&sender, &other}) one->set_multicast_interface(lo);
    for (net::udp_socket* const one : {&first, &second}) one->join(group, lo);
    const auto who_hears = [&](std::string_view what) {
        const auto a = heard(first), b = heard(second), c = heard(stranger);
        say(what, "first ", a, ", second ", b, ", stranger ", c);
    };
    say("a group needs no option; its datagrams pass ", sender.multicast_ttl() - 1, " routers unless told otherwise");
    sender.send_to("hello", {group, port});
    who_hears("first and second have joined:   ");
    sender.set_option(net::option::broadcast{});
    sender.send_to("hello", {everyone, port});
    who_hears("a broadcast, for comparison:    ");
    second.leave(group, lo);
    sender.send_to("hello", {group, port});
    who_hears("second has left:                ");
    first.join(specific, this_host, lo);
    second.join(specific, net::ip_address{"127.0.0.2"}, lo);
    sender.send_to("I am .1", {specific, port});
    other.send_to("I am .2", {specific, port});
    who_hears("each has joined for one source: ");
    stranger.join(last, lo);
    sender.send_to("hello", {last, port});
    who_hears("stranger has joined the last:   ");
    say("That is ", last, ": the notes' range ends one before, but a group has no host part to keep free.");
}

void demonstrate() {
    const bool is_private = can_enter_private_network() && enter_private_network();
    broadcast();
    multicast();
    say("\nplayed in: ", is_private ? "a network namespace of its own" : "the loopback network of this host");
}

// ---- The tools ------------------------------------------------------------------------------------------

/// Shows what comes, and says "here" to whoever has asked. That is no more than he has sent, mostly, and so no good for
/// flooding somebody in whose name it was asked; nor do two such servers talk to each other for ever.
void serve(const net::endpoint& where, const std::optional<net::ip_address>& group, unsigned interface) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::udp_socket socket{where, {.reuse_address = true}};
    if (group) socket.join(*group, interface);
    socket.stop_with(stop);
    example::announce(socket.local_endpoint());
    const auto port = socket.local_endpoint().port();
    std::array<std::byte, 65'535> buffer;
    for (;;) {
        std::error_code error;
        const auto got = socket.recv_from(buffer, error);
        if (error == std::errc::operation_canceled) return;
        if (error) throw std::system_error{error, "recv_from"};
        say(got.sender, "  ", got.bytes.size(), " bytes: ", example::shown(net::as_text(got.bytes)));
        if (got.sender.port() != port && got.sender.port() >= 1024) socket.send_to("here", got.sender, error);
    }
}

void send(const net::endpoint& to, const std::string& text, unsigned interface) {
    net::udp_socket socket{to.address().is_v4() ? net::address_family::inet : net::address_family::inet6};
    socket.set_option(net::option::broadcast{});
    if (interface > 0) socket.set_multicast_interface(interface);
    socket.send_to(text, to);
    say("sent to ", to, "; who answers within one second:");
    socket.set_deadline(net::clock::now() + 1s);
    std::array<std::byte, 65'535> buffer;
    for (std::error_code error;;) {
        const auto got = socket.recv_from(buffer, error);
        if (error == std::errc::timed_out) return;
        if (error) throw std::system_error{error, "recv_from"};
        say("received from ", got.sender, ": ", example::shown(net::as_text(got.bytes)));
    }
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--group ADDRESS] [--interface NAME]
       demo send [--interface NAME] ADDRESS PORT TEXT
       demo --help

Broadcast and multicast. Without an argument: a demonstration.

  serve              shows every datagram that comes and answers "here", until Ctrl-C
  --bind ADDRESS     0.0.0.0 unless there is an IPv6 group; a broadcast does not reach 127.0.0.1
  --port N           6666 by default; 0 lets the system choose
  --group ADDRESS    joins it: 224.0.0.0 to 239.255.255.255, or ff00:: and up
  --interface NAME   for the group: lo, eth0, ...; the routing table chooses otherwise
  send               sends TEXT to a broadcast address, to a group, or to anybody, and shows the answers of one second
)";

std::optional<net::ip_address> address_of(std::string_view what, const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    const auto address = net::ip_address::parse(*text);
    if (!address) throw example::usage_error{std::string{what} + " takes an address, not '" + *text + "'"};
    return address;
}

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        const auto bind = address_of("--bind", words.value("--bind"));
        const auto port = words.number("--port", 0, 65535);
        const auto group = address_of("--group", words.value("--group"));
        const auto name = words.value("--interface");
        const auto rest = words.rest();
        const unsigned interface = name && !rest.empty() ? net::interface_index(*name) : 0;
        if (group && !group->is_multicast()) throw example::usage_error{group->to_string() + " is no group"};
        if (rest.size() == 1 && rest[0] == "serve") {
            const net::ip_address all =
                group && group->is_v6() ? net::ip_address{net::ipv6_address::any()} : any_address;
            words.output_matters = false;  // see example::run for this and the next two
            std::signal(SIGPIPE, SIG_IGN);
            for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, SIG_IGN);
            serve({bind.value_or(all), static_cast<std::uint16_t>(port.value_or(6666))}, group, interface);
        } else if (rest.size() == 4 && rest[0] == "send" && !bind && !port && !group) {
            const auto to = static_cast<std::uint16_t>(example::arguments::to_number("PORT", rest[2], 1, 65535));
            send({*address_of("ADDRESS", rest[1]), to}, rest[3], interface);
        } else if (rest.empty() && !bind && !port && !group && !name) {
            demonstrate();
        } else {
            throw example::usage_error{"either nothing, or serve, or send ADDRESS PORT TEXT"};
        }
    });
}
