// examples/04_ports_and_services/demo.cpp: what a port is, and in what sense it is unique
//
// The notes say that a port number is unique. Here real sockets share a port number in four ways. The notes' table of
// services is corrected, the system tells which ports it gives out, and the kernel's list of listening sockets is read.
//
// The notes:     Python Internet 模块 (protocols and ports), 端口 (ports), 端口分类 (the classes of ports),
//                查看端口 (looking at ports); of UDP特点 and 背景描述, the protocols over UDP and over TCP
// Type:          demo                      the demonstration
//                demo --listening          the sockets that listen on this computer, as `ss -tln` shows them
// You will see:  what demo.txt shows, with the real port numbers

#include "../demo.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <set>
#include <sstream>

using enum net::address_family;
using enum net::socket_type;
using namespace std::chrono_literals;
using example::heading;
using example::say;

namespace {

// Port 0 lets the system choose a free port.
const net::endpoint anywhere{net::ipv4_address::loopback(), 0};

// ---- Services ------------------------------------------------------------------------------------------

const char* name_of(net::transport protocol) { return protocol == net::transport::tcp ? "tcp" : "udp"; }

/// Returns the name of the port's service in our table or in the system's database, else "-".
std::string service_at(std::uint16_t port, net::transport protocol) {
    if (const net::service* const known = net::find_service(port, protocol)) return std::string{known->name};
    const servent* const found = ::getservbyport(htons(port), name_of(protocol));
    return found ? found->s_name : "-";
}

void show(const net::service& service) {
    say("  ", std::right, std::setw(5), service.port, '/', name_of(service.transport), "  ", std::left, std::setw(12),
        service.name, service.purpose);
}

void show_table_put_right() {
    heading("Python Internet 模块: the notes' services");
    const struct {
        const char* protocol;
        unsigned port;
        const char* service;
        const char* python;
    } notes[] = {{"HTTP", 80, "http", "http.client, urllib.request"},
                 {"NNTP", 119, "nntp", "(nntplib, until 3.12)"},
                 {"FTP", 20, "ftp", "ftplib"},
                 {"SMTP", 25, "smtp", "smtplib"},
                 {"POP3", 110, "pop3", "poplib"},
                 {"IMAP4", 143, "imap", "imaplib"},
                 {"Telnet", 23, "telnet", "(telnetlib, until 3.12)"},
                 {"Gopher", 70, "gopher", "(none)"}};
    say(std::left, std::setw(10), "protocol", std::setw(11), "the notes", std::setw(20), "registered (IANA)",
        "Python 3");
    for (const auto& [protocol, port, name, python] : notes) {
        const net::service& service = *net::find_service(name, net::transport::tcp);
        say(std::left, std::setw(10), protocol, std::setw(5), port, std::setw(6), port == service.port ? "" : "wrong",
            std::setw(5), service.port, std::setw(15), service.name, python);
    }
    say("\nThe notes say that FTP is port 20, but it is 21. 20 is the port *from* which a server sends data in\n"
        "active mode (RFC 959 §8). The notes name modules of Python 2, and \"fitlib\" is a misprint of ftplib.\n"
        "A client hands in mail on 465 or 587 today, and 25 is between servers. Everybody on the way can read what\n"
        "passes over the notes' ports. These services are encrypted:\n");
    for (const char* name : {"https", "submissions", "submission", "imaps", "pop3s", "ssh"})
        show(*net::find_service(name, net::transport::tcp));

    say("\nThe transport of some protocols, in the notes (背景描述, UDP特点) and today:\n");
    const struct {
        const char* protocol;
        const char* notes;
        std::string_view service;
        const char* remark;
    } transports[] = {{"DNS", "UDP", "domain", "both; an implementation must support TCP, too (RFC 7766 §5)"},
                      {"NFS", "UDP", "nfs", "TCP, because version 4 must control congestion (RFC 7530 §3.1)"},
                      {"HTTP", "TCP", "http", "TCP"},
                      {"HTTPS", "-", "https", "TCP, and UDP for HTTP/3 (RFC 9114 §3.1)"},
                      {"RIP", "UDP", "router", "UDP; it carries routes, not share prices or flights (RFC 2453 §3)"}};
    say(std::left, std::setw(10), "protocol", std::setw(11), "the notes", "today");
    for (const auto& [protocol, notes_say, name, remark] : transports) {
        std::string ports;
        for (const net::service& service : net::services)
            if (service.name == name) ports += std::to_string(service.port) + '/' + name_of(service.transport) + ' ';
        say(std::left, std::setw(10), protocol, std::setw(11), notes_say, std::setw(17), ports, remark);
    }
}

// ---- Classes, and the ports that the system gives out --------------------------------------------------

const char* class_of(std::uint16_t port) {
    switch (net::classify_port(port)) {
        case net::port_class::well_known: return "well-known";
        case net::port_class::registered: return "registered";
        case net::port_class::dynamic: return "dynamic";
    }
    return "";
}

void show_classes() {
    heading("端口分类: the classes of ports");
    for (const unsigned port : {0u, 1023u, 1024u, 49151u, 49152u, 65535u})
        say("  ", std::left, std::setw(7), port, class_of(static_cast<std::uint16_t>(port)));
    say("\nSo far the notes are right (RFC 6335 §6). They add that systems give out ports from 1024. The range of\n"
        "this system is in /proc/sys/net/ipv4/ip_local_port_range (ip(7)):\n");

    unsigned first = 0, last = 0;
    if (!(std::ifstream{"/proc/sys/net/ipv4/ip_local_port_range"} >> first >> last)) {
        say("  it cannot be read here");
        return;
    }
    std::vector<net::socket> sockets;
    std::set<unsigned> ports;
    bool all_inside = true;
    for (int i = 0; i < 20; ++i) {
        sockets.emplace_back(inet, stream).bind(anywhere);
        const unsigned port = sockets.back().local_endpoint().ip().port();
        ports.insert(port);
        all_inside = all_inside && port >= first && port <= last;
    }
    say("  it gives out the range ", first, " to ", last, '\n', "  20 sockets were bound to port 0 and got ",
        ports.size(), " different ports, ", all_inside ? "all" : "not all", " in that range");
    say("\nA port below 1024 needs a privilege on Linux: CAP_NET_BIND_SERVICE. Without it bind fails with\n"
        "\"Permission denied\". The limit is in /proc/sys/net/ipv4/ip_unprivileged_port_start. Sun's RPC is the\n"
        "exception in the notes. Its port mapper has port 111 and tells the ports of the other services (RFC 1833).");
}

// ---- Unique? -------------------------------------------------------------------------------------------

/// Calls `make` until both of its sockets have the same port number. A different program may hold the number that the
/// system chose for the first socket. That is rare, and then both sockets try a new number.
auto with_a_free_port(const auto& make) {
    for (int tries = 1;; ++tries) {
        try {
            return make();
        } catch (const std::system_error& error) {
            if (error.code() != std::errc::address_in_use || tries == 50) throw;
        }
    }
}

std::string received_by(net::tcp_listener& listener) {
    auto [stream, peer] = listener.accept();
    char buffer[64];
    return std::string{net::as_text(std::as_bytes(std::span{buffer}.first(stream.recv(buffer))))};
}

void two_protocols() {
    auto [listener, receiver] = with_a_free_port([] {
        net::tcp_listener tcp{anywhere};
        net::socket udp{inet, datagram};
        udp.bind(tcp.local_endpoint());
        return std::pair{std::move(tcp), std::move(udp)};
    });
    const net::endpoint where = listener.local_endpoint();
    net::tcp_stream{where}.send_all("bytes of a connection");
    net::socket{inet, datagram}.send_to("a datagram", where);
    receiver.set_timeout(2s);
    char buffer[64];
    say("1. TCP and UDP have separate ports. Two sockets are at ", where, ":\n   the TCP socket got \"",
        received_by(listener), "\", the UDP socket \"", net::as_text(receiver.recv_from(buffer).bytes), '"');
}

void two_addresses() {
    auto [first, second] = with_a_free_port([] {
        net::tcp_listener one{anywhere};
        net::tcp_listener two{{"127.0.0.2", one.local_endpoint().port()}};
        return std::pair{std::move(one), std::move(two)};
    });
    net::tcp_stream{second.local_endpoint()}.send_all("for the second");
    net::tcp_stream{first.local_endpoint()}.send_all("for the first");
    say("2. Each address has separate ports. ", first.local_endpoint(), " got \"", received_by(first), "\",\n   ",
        second.local_endpoint(), " with the same port got \"", received_by(second), '"');
}

void one_listener() {
    net::tcp_listener listener{anywhere};
    const net::tcp_stream clients[] = {net::tcp_stream{listener.local_endpoint()},
                                       net::tcp_stream{listener.local_endpoint()}};
    const auto first = listener.accept(), second = listener.accept();
    const bool same = first.stream.local_endpoint() == second.stream.local_endpoint() &&
                      first.stream.local_endpoint() == listener.local_endpoint();
    say("3. Every connection of a server has the port of its listener: ", same ? "three sockets" : "not the same",
        " at\n   ", listener.local_endpoint(),
        ". The other end tells them apart: ", first.peer != second.peer ? "two different clients" : "nothing");
}

void two_listeners() {
    constexpr net::listen_options shared{.reuse_port = true};
    net::tcp_listener plain{anywhere};
    std::array listeners{net::tcp_listener{anywhere, shared}, net::tcp_listener{}};
    const net::endpoint where = listeners[0].local_endpoint();
    listeners[1] = net::tcp_listener{where, shared};
    try {
        net::tcp_listener{plain.local_endpoint()};
    } catch (const std::system_error& error) {
        say("4. Two listeners at one endpoint are refused: ", error.what());
    }
    // A hash of both endpoints decides which listener gets a client. The chance that one listener gets all 40 clients
    // is 1 in 2^39.
    std::vector<net::tcp_stream> clients;
    std::array<int, 2> accepted{};
    while (clients.size() < 40) clients.emplace_back(where);
    while (accepted[0] + accepted[1] < 40) {
        pollfd watched[] = {{listeners[0].native_handle(), POLLIN, 0}, {listeners[1].native_handle(), POLLIN, 0}};
        if (::poll(watched, 2, 2000) <= 0) break;
        for (std::size_t i : {0u, 1u})
            if (watched[i].revents != 0) listeners[i].accept(), ++accepted[i];
    }
    say("   With SO_REUSEPORT on both (socket(7)) they are allowed: of 40 clients of ", where, ",\n   ",
        accepted[0] > 0 && accepted[1] > 0 ? "each got some" : "one got all", ", together ", accepted[0] + accepted[1]);
}

void show_that_it_is_not_unique() {
    heading("端口: the notes say that a port number is unique");
    say("A port is a number of 16 bits that selects a socket at an address. It is not unique:\n");
    two_protocols();
    two_addresses();
    one_listener();
    two_listeners();
    say("\nA connection is unique: the protocol, and address and port of both ends (RFC 9293 §4).");
}

void show_port_zero() {
    heading("Port 0");
    say("The notes let ports begin at 0. For bind, 0 means \"choose a port for me\". No socket ever has port 0:\n");
    std::error_code error;
    net::tcp_stream::connect(anywhere, 2s, error);
    say("  TCP, connect to ", anywhere, ": ", error.message());
    net::socket{inet, datagram}.send_to("hello?", anywhere, error);
    say("  UDP, send to ", anywhere, ":    ", error.message());
    say("\nBut a datagram may *come* from port 0 if its sender wants no answer (RFC 768).");
}

// ---- Listening sockets ---------------------------------------------------------------------------------------

struct listening_socket {
    net::endpoint where;
    std::string kernel_text;  ///< the text in /proc
    unsigned user = 0;
    unsigned long long inode = 0;  ///< the kernel's number for the socket, which fstat() returns
};

template <class Number>
std::optional<Number> from_hexadecimal(std::string_view digits) {
    Number number{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

/// Returns the endpoint behind a text such as 0100007F:0050, which is 127.0.0.1:80. The kernel prints the four octets of
/// an address as a number of this processor, so most processors show them in reverse. IPv6 has four such numbers.
std::optional<net::endpoint> read_endpoint(std::string_view text) {
    const std::size_t colon = text.find(':');
    if ((colon != 8 && colon != 32) || text.size() != colon + 5) return std::nullopt;
    std::array<std::uint8_t, 16> octets{};
    for (std::size_t digit = 0; digit < colon; digit += 8) {
        const auto word = from_hexadecimal<std::uint32_t>(text.substr(digit, 8));
        if (!word) return std::nullopt;
        std::memcpy(octets.data() + digit / 2, &*word, sizeof *word);
    }
    const auto port = from_hexadecimal<std::uint16_t>(text.substr(colon + 1));
    if (!port) return std::nullopt;
    if (colon == 32) return net::endpoint{net::ipv6_address{octets}, *port};
    return net::endpoint{net::ipv4_address{octets[0], octets[1], octets[2], octets[3]}, *port};
}

/// Reads a row of /proc/net/tcp or tcp6 (proc(5)). Returns nullopt for the title and for sockets that do not listen.
std::optional<listening_socket> read_row(const std::string& row) {
    std::istringstream fields{row};
    listening_socket found;
    std::string slot, remote, state, queues, timer, retransmitted, timeout;
    fields >> slot >> found.kernel_text >> remote >> state >> queues >> timer >> retransmitted >> found.user >>
        timeout >> found.inode;
    const auto where = read_endpoint(found.kernel_text);
    if (!fields || !where || state != "0A") return std::nullopt;  // the kernel's TCP_LISTEN is 10
    found.where = *where;
    return found;
}

std::vector<listening_socket> listening_sockets() {
    std::vector<listening_socket> sockets;
    bool readable = false;
    for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {  // without IPv6 the second file is missing
        std::ifstream file{path};
        readable = readable || file;
        for (std::string row; std::getline(file, row);)
            if (auto found = read_row(row)) sockets.push_back(*std::move(found));
    }
    if (!readable) throw std::runtime_error{"/proc/net/tcp cannot be read"};
    std::sort(sockets.begin(), sockets.end(), [](auto& a, auto& b) { return a.where < b.where; });
    return sockets;
}

unsigned long long inode_of(const net::tcp_listener& listener) {
    struct stat status {};
    if (::fstat(listener.native_handle(), &status) != 0)
        throw std::system_error{errno, std::system_category(), "fstat"};
    return status.st_ino;
}

void show_who_listens() {
    heading("查看端口: the sockets that listen");
    say("The notes name netstat -an. Its successor on Linux is `ss -tuna`. They also name scanners: use them only on\n"
        "computers that are yours. netstat reads /proc/net/tcp (proc(5)). Here are two listeners of this program as\n"
        "that file shows them, and a text of IPv6:\n");
    const net::tcp_listener local{anywhere}, everywhere{{net::ipv4_address::any(), 0}};
    const std::set<unsigned long long> ours{inode_of(local), inode_of(everywhere)};
    for (const listening_socket& found : listening_sockets())
        if (ours.contains(found.inode))
            say("  ", found.kernel_text.substr(0, 8), " is ", found.where, ", opened by ",
                found.user == ::getuid() ? "you" : "user " + std::to_string(found.user));
    constexpr std::string_view six = "0000000000000000FFFF00000100007F:0050";
    say("  ", six, ", in /proc/net/tcp6, is ", read_endpoint(six).value_or(net::endpoint{}));
    say("\nOnly this computer reaches a server on 127.0.0.1. A server on 0.0.0.0 has every address of its computer,\n"
        "so other computers reach it. `demo --listening` lists all listening sockets.");
}

void show_listening() {
    for (const listening_socket& found : listening_sockets())
        say(std::left, std::setw(47), found.where, "  ", std::setw(16),
            service_at(found.where.port(), net::transport::tcp), "user ", found.user);
}

void demonstrate() {
    show_table_put_right();
    show_that_it_is_not_unique();
    show_port_zero();
    show_classes();
    show_who_listens();
}

constexpr std::string_view help = R"(usage: demo [--listening]
       demo --help

Without an argument: a demonstration of what ports are, with sockets of 127.0.0.0/8.

  --listening   lists the TCP sockets of this computer that listen: endpoint, service, user id
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        const bool listening = words.flag("--listening");
        if (!words.rest().empty()) throw example::usage_error{"--listening, or nothing"};
        listening ? show_listening() : demonstrate();
    });
}
