// examples/01_first_socket/demo.cpp: what a socket is, and the small number that stands for it
//
// The notes' first program makes a TCP socket and a UDP socket. This demonstration does the same. Then it shows which
// other kinds of sockets exist, which number the program holds, and when the socket is closed.
//
//   Python                                  here
//   socket.socket(AF_INET, SOCK_STREAM)     net::socket{net::address_family::inet, net::socket_type::stream}
//   s.close(), or forgotten                 the destructor
//   socket.socketpair()                     net::socket_pair()
//
// The notes:     网络编程 (network programming), socket, Python创建socket (making a socket in Python),
//                创建socket 例子 (the first program)
// Type:          demo
// You will see:  what demo.txt shows, with the real descriptor numbers
//
// The notes call a socket one end of a two-way *connection*. A socket need not have a connection: a UDP socket never has
// one, and a new socket has no peer yet.

#include "../demo.hpp"

#include <fcntl.h>

#include <filesystem>
#include <iterator>

using example::heading;
using example::say;

namespace {

using enum net::address_family;
using enum net::socket_type;

/// The kernel shows every process its own open descriptors as a directory (proc(5)).
std::ptrdiff_t open_descriptors() {
    // The iterator opens the directory itself. This descriptor does not count.
    return std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, {}) - 1;
}

void the_first_program() {
    heading("创建socket 例子: the notes' first program");
    const net::socket tcp_socket{inet, stream};
    say("tcp socket created!");
    const net::socket udp_socket{inet, datagram};
    say("udp socket created!");
    // The notes never close their sockets. Here the destructors close both.
}

// The notes name AF_UNIX and AF_INET, and say that a type is "with connection" (SOCK_STREAM) or "without"
// (SOCK_DGRAM). IPv6 is missing, and so is the type that has a connection and keeps messages apart.
void which_kinds_there_are() {
    heading("Python创建socket: families and types");
    const struct {
        const char* name;
        net::address_family family;
        net::socket_type type;
    } kinds[] = {
        {"IPv4  stream            TCP", inet, stream},
        {"IPv4  datagram          UDP", inet, datagram},
        {"IPv6  stream            TCP", inet6, stream},
        {"IPv6  datagram          UDP", inet6, datagram},
        {"Unix  stream            like TCP, inside one machine", local, stream},
        {"Unix  datagram          like UDP, inside one machine; reliable there", local, datagram},
        {"Unix  sequenced packet  a connection that keeps messages apart", local, sequenced_packet},
    };
    for (const auto& kind : kinds) {
        // This form reports the error instead of throwing, because a system may have no IPv6.
        std::error_code error;
        const net::socket made{kind.family, kind.type, 0, error};
        say(error ? "not here  " : "created   ", kind.name, error ? ": " + error.message() : "");
    }
}

void what_a_descriptor_is() {
    heading("The program holds a descriptor");
    const auto before = open_descriptors();

    net::socket first{inet, stream};
    const net::socket second{inet, stream};
    say("one socket is descriptor ", first.native_handle(), ", the next is descriptor ", second.native_handle());

    // A new descriptor is the lowest free number, for files and sockets alike (open(2)). So a number soon stands for a
    // different object after close().
    const int number = first.native_handle();
    first.close();
    const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (file < 0) throw std::system_error{errno, std::system_category(), "open /dev/null"};
    say("the first is closed and a file is opened: the file is descriptor ", file,
        file == number ? ", the same number" : ", another number");
    ::close(file);

    {
        net::socket third{inet, stream};
        const net::socket new_owner =
            std::move(third);                // a socket can be moved but not copied, so it has a single owner
        const bool still = third.is_open();  // NOLINT(bugprone-use-after-move): shown on purpose
        say("after a move: the old owner ", still ? "still has it" : "has nothing", ", the new owner has descriptor ",
            new_owner.native_handle());
        say("open now: ", open_descriptors() - before, " more than before");
    }
    // A second close() of the same number would close a different object. Both destructors ran, and only the owner's
    // destructor closed the socket.
    say("the scope has ended, its socket is closed: ", open_descriptors() - before, " more than before");
}

void not_a_connection() {
    heading("socket: a new socket has no peer");
    const net::socket fresh{inet, stream};
    say("its own address:    ", fresh.local_endpoint().to_string(), ", which means no address");
    std::error_code error;
    static_cast<void>(fresh.peer_endpoint(error));
    say("its peer's address: ", error.message());
}

void borders_between_messages() {
    heading("The type decides what a receive returns");
    for (const auto type : {stream, sequenced_packet}) {
        auto [left, right] = net::socket_pair(type);
        left.send_all("one");
        left.send_all("two");
        char buffer[100];
        const std::size_t size = right.recv(buffer);
        say(type == stream ? "stream:           " : "sequenced packet: ", "\"one\" and \"two\" sent, \"",
            std::string_view{buffer, size}, "\" received");
    }
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Makes the first sockets and shows their kinds and their descriptors.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"this example takes no arguments"};
        const auto before = open_descriptors();
        the_first_program();
        which_kinds_there_are();
        what_a_descriptor_is();
        not_a_connection();
        borders_between_messages();
        say("\nopen at the end: ", open_descriptors() - before, " descriptors more than at the start");
    });
}
