// examples/01_first_socket/demo.cpp: what a socket is, and the small number that stands for it
//
// The notes' first program makes a TCP and a UDP socket and says so. This one does the same, and then looks at
// what it has made: which other kinds there are, what the number is that the program now holds, who gives it
// back, and what a socket is *not* until it is told whom to talk to. At the end two processes talk.
//
//   Python                                  here
//   socket.socket(AF_INET, SOCK_STREAM)     net::socket{net::address_family::inet, net::socket_type::stream}
//   s.close(), or forgotten                 the destructor
//   socket.socketpair()                     net::socket_pair()
//
// The notes:     网络编程 (network programming), socket, Python创建socket (making a socket in Python),
//                创建socket 例子 (the first program)
// Type:          demo
// You will see:  what demo.txt shows, with the descriptors' real numbers in it
//
// The notes call a socket one end of a two-way *connection*. It is an end of a conversation, and that need not
// be a connection: a UDP socket never has one, and a socket just made has none yet. They also tell of a second,
// higher level, the module SocketServer (socketserver since Python 3). Here that is tcp.hpp: example 15.

#include "../demo.hpp"

#include <fcntl.h>
#include <sys/wait.h>

#include <filesystem>

using example::heading;
using example::say;

namespace {

using enum net::address_family;
using enum net::socket_type;

/// The kernel shows every process its own open descriptors as a directory (proc(5)).
std::ptrdiff_t open_descriptors() {
    // To be read, the directory itself is opened too; that one does not count.
    return std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, {}) - 1;
}

void the_first_program() {
    heading("创建socket 例子: the notes' first program");
    const net::socket tcp_socket{inet, stream};
    say("tcp socket created!");
    const net::socket udp_socket{inet, datagram};
    say("udp socket created!");
    // The notes never close theirs. Here the end of this function does.
}

// The notes name AF_UNIX and AF_INET, and say that a type is "with connection" (SOCK_STREAM) or "without"
// (SOCK_DGRAM). There is IPv6 beside them, and a type that has a connection and yet keeps messages apart.
void which_kinds_there_are() {
    heading("Python创建socket: a family and a type, and which there are");
    const struct {
        const char* name;
        net::address_family family;
        net::socket_type type;
    } kinds[] = {
        {"IPv4  stream            TCP", inet, stream},
        {"IPv4  datagram          UDP", inet, datagram},
        {"IPv6  stream            TCP", inet6, stream},
        {"IPv6  datagram          UDP", inet6, datagram},
        {"Unix  stream            as TCP, inside one machine", local, stream},
        {"Unix  datagram          as UDP, inside one machine; there it is reliable", local, datagram},
        {"Unix  sequenced packet  a connection that keeps messages apart", local, sequenced_packet},
    };
    for (const auto& kind : kinds) {
        // The form with an error code, because a system may well be built without IPv6.
        std::error_code error;
        const net::socket made{kind.family, kind.type, 0, error};
        say(error ? "not here  " : "created   ", kind.name, error ? ": " + error.message() : "");
    }
}

void what_a_descriptor_is() {
    heading("What the program holds: a descriptor");
    const auto before = open_descriptors();

    net::socket first{inet, stream};
    const net::socket second{inet, stream};
    say("one socket is descriptor ", first.native_handle(), ", the next is descriptor ", second.native_handle());

    // A new descriptor is the lowest number that is free, for files and sockets alike (open(2)). So a number
    // says nothing about what it stands for, and one that was given back soon stands for something else.
    const int number = first.native_handle();
    first.close();
    const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (file < 0) throw std::system_error{errno, std::system_category(), "open /dev/null"};
    say("close the first and open a file: the file is descriptor ", file,
        file == number ? ", the same number" : ", another number");
    ::close(file);

    {
        net::socket third{inet, stream};
        const net::socket new_owner = std::move(third);  // a socket can be moved, never copied: it has one owner
        const bool still = third.is_open();              // NOLINT(bugprone-use-after-move): that is the question
        say("after a move: the old owner ", still ? "still has it" : "has nothing", ", the new one has descriptor ",
            new_owner.native_handle());
        say("open now: ", open_descriptors() - before, " more than before");
    }
    // A second close() of the same number would hit whoever has been given it meanwhile. Both destructors ran,
    // and only the one that still owned something closed it.
    say("that scope has ended, its socket is closed: ", open_descriptors() - before, " more than before");
}

void not_a_connection() {
    heading("socket: a new one is an end of nothing yet");
    const net::socket fresh{inet, stream};
    say("its own address:    ", fresh.local_endpoint().to_string(), ", which is to say none");
    std::error_code error;
    static_cast<void>(fresh.peer_endpoint(error));
    say("its peer's address: ", error.message());
}

// The notes' ways for processes of one machine to communicate are "queues, and synchronisation (mutexes,
// condition variables)". The latter carry no data. Pipes, shared memory and Unix sockets are missing; here is
// the last: two sockets that are connected from the start (socketpair(2)).
void parent_and_child() {
    heading("网络编程: two processes exchange a line");
    int counter = 1;
    auto [parents, childs] = net::socket_pair();
    const pid_t child = ::fork();
    if (child < 0) throw std::system_error{errno, std::system_category(), "fork"};

    if (child == 0) {
        // From here on there are two processes, each with a copy of all memory and of all descriptors. A
        // conversation is over only when the *last* descriptor of an end is closed, so both give back the end
        // that is not theirs: with `parents` still open here, the child would wait for itself.
        try {
            parents.close();
            counter = 2;
            childs.send_all("my counter is " + std::to_string(counter) + "\n");
            char buffer[100];
            while (childs.recv(buffer) > 0) continue;  // until the parent has closed its end
            ::_exit(0);  // and not return: what the parent has still to do is not to be done twice
        } catch (const std::exception&) {
            ::_exit(1);
        }
    }

    childs.close();
    char buffer[100];
    std::string line;
    while (!line.ends_with('\n')) {  // one recv() may bring only a part of the line
        const std::size_t size = parents.recv(buffer);
        if (size == 0) throw std::runtime_error{"the child has left in the middle of its line"};
        line.append(buffer, size);
    }
    parents.close();
    int status = 0;
    ::waitpid(child, &status, 0);  // a child that nobody waits for stays behind as a zombie

    say("the child says:  ", line.substr(0, line.size() - 1));
    say("the parent says: mine is still ", counter, " (processes share no memory, so they have to talk)");
    say("the child has ended with status ", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

void borders_between_messages() {
    heading("The type decides what a receive gives");
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

Makes the first sockets and shows what they are: kinds, descriptors, two processes that talk.
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
        parent_and_child();
        borders_between_messages();
        say("\nopen at the end: ", open_descriptors() - before, " descriptors more than at the start");
    });
}
