// examples/19_select_server/demo.cpp: one thread that sleeps until one of its clients has sent something
//
//        descriptor                 0 1 2 3 4 5 6 7 8 ...    1023
//        question: ready to read?   . . . 1 1 . 1 1 1 ...     .       listener, stop, three clients
//             select: the kernel looks at each of them. If no descriptor is ready, it sleeps, and later looks again
//        answer: these are          . . . 1 . . . 1 . ...     .       written over the question
//
// The loop below is the whole server: it waits, handles all descriptors that are ready, and waits again. It holds at most one
// piece of what a client has sent. While the client does not take this piece, the server waits until it can *write* to it. So
// no byte is lost, the memory is bounded, and no other client waits.
//
// The notes:     select原理 (how select works), select 优缺点 (its merits and faults), select 回显服务器 (the echo server).
//                Its counterpart is select_server.cpp
// Type:          demo                                 a demonstration
//                demo serve --port 6666 --keyboard    the server; a line typed here stops it
//                demo connect localhost 6666          a client: type, and read what comes back
// You will see:  what demo.txt shows: a question that its answer overwrites, the number 1024, a client that takes nothing,
//                and clients that are refused while the server serves the others

#include "../selecting.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

// ---- The server -----------------------------------------------------------------------------------------

class select_server : public example::select_clients {
  public:
    using example::select_clients::select_clients;
    /// Serves until a stop is requested, or a line has been read from `keyboard`, a descriptor (-1: no keyboard).
    void run(const net::stop_event& stop, int keyboard) {
        begin(stop);
        if (keyboard >= 0) poller_.add(keyboard, net::interest::read, at_the_keyboard);
        for (;;) {
            const auto events = poller_.wait(time_to_wait());
            now_ = net::clock::now();
            for (const net::event& happened : events) {
                if (happened.token == at_stop) return close_all();  // the notes' `break` leaves the inner loop only
                if (happened.token == at_the_keyboard && has_read_line(keyboard)) return close_all();
                if (happened.token == at_listener) accept_clients();
                // A token is never used twice. The kernel reuses a descriptor as soon as it is closed.
                const auto found = clients_.find(happened.token);
                if (found != clients_.end() && !serve(found->first, found->second)) forget(found);
            }
            look_at_the_clock();
        }
    }

  private:
    /// Reads one byte, because select promises no more. The program must take the whole line, or else the shell reads it
    /// later and runs it. The bytes behind the line belong to the shell.
    static bool has_read_line(int keyboard) {
        char typed = 0;
        const auto size = ::read(keyboard, &typed, 1);
        if (size < 0) return errno != EINTR && errno != EAGAIN;
        return size == 0 || typed == '\n';
    }
    /// Makes one receive and one send. Returns false if the client has gone.
    bool serve(std::uint64_t id, client& one) {
        std::error_code error;
        if (one.queue.empty()) {
            const std::size_t size = one.stream.recv(buffer_, error);
            if (error == std::errc::operation_would_block) return true;
            if (error || size == 0) return gone(one, error);
            one.queue.assign(buffer_.data(), size);
        }
        const std::size_t sent = one.stream.send(one.queue, error);  // the notes lose the bytes that it does not take
        if (error && error != std::errc::operation_would_block) return gone(one, error);
        one.queue.erase(0, sent);
        one.echoed += sent;
        one.active = now_;
        // There nearly always is room to write. A program that always asks for it never sleeps.
        poller_.modify(one.stream.native_handle(), one.queue.empty() ? net::interest::read : net::interest::write, id);
        return true;
    }

    std::array<char, 16 * 1024> buffer_;
};

void serve(const example::serve_options& options, bool keyboard) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener = example::listen(options);
    select_server{std::move(listener), options.quiet}.run(stop, keyboard ? 0 : -1);
}

// ---- The demonstration ----------------------------------------------------------------------------------

void the_question_is_overwritten() {
    heading("select原理: select writes its answer over the question");
    const std::array names{"first", "second", "third"};
    std::array pairs{net::socket_pair(), net::socket_pair(), net::socket_pair()};
    fd_set asked{};
    int end = 0;
    for (const auto& [ours, theirs] : pairs) {
        FD_SET(ours.native_handle(), &asked);
        end = std::max(end, ours.native_handle() + 1);
    }
    const auto ask = [&](fd_set& set) {
        timeval now{};
        const int count = ::select(end, &set, nullptr, nullptr, &now);
        if (count < 0) return std::generic_category().message(errno);
        std::string text = std::to_string(count) + ", and the set holds";
        for (std::size_t i = 0; i < names.size(); ++i)
            if (FD_ISSET(pairs[i].first.native_handle(), &set)) text += std::string{" "} + names[i];
        return text;
    };
    pairs[1].second.send_all("x");
    fd_set set = asked;
    say("the set holds three sockets, and a byte has arrived at the second");
    say("  select returns ", ask(set));
    pairs[2].second.send_all("x");
    say("a byte arrives at the third, too");
    say("  the same set again: ", ask(set));
    set = asked;
    say("  a fresh copy:       ", ask(set));
    say("The kernel looks at each descriptor of the set below the first argument, not at all ", FD_SETSIZE, ":");
    const int closed = ::fcntl(end - 1, F_DUPFD_CLOEXEC, end);
    ::close(closed);
    FD_SET(closed, &asked);
    set = asked;
    say("  with a closed descriptor, not below it: ", ask(set));
    end = closed + 1;
    set = asked;
    say("  with a closed descriptor, below it:     ", ask(set));
    struct stat what {};
    ::fstat(pairs[0].first.native_handle(), &what);
    say("The notes call sockets devices with drivers. fstat(2) says: ",
        S_ISSOCK(what.st_mode)  ? "sockets. Their protocol knows when they are ready"
        : S_ISCHR(what.st_mode) ? "devices"
                                : "another kind of file");
}

void the_limit() {
    heading("select 优缺点: the number 1024");
    static_assert(FD_SETSIZE == 1024 && sizeof(fd_set) * 8 == FD_SETSIZE);
    say("A set has ", FD_SETSIZE, " bits, on 32-bit and on 64-bit machines, not 2048 as the notes say.");
    std::uint64_t all_files = 0;
    std::ifstream{"/proc/sys/fs/file-max"} >> all_files;
    say("/proc/sys/fs/file-max is another limit: the open files of all programs together, here: ", all_files);
    say("No macro and no other kernel raises the 1024. It is the size of the C library's set. The kernel has no such "
        "limit.");
    net::select_poller poller;
    try {
        poller.add(FD_SETSIZE, net::interest::read, 0);
    } catch (const std::system_error& failure) {
        say("An empty poller refuses a descriptor of this number:");
        say("  ", failure.what());
    }
    say("The limit is for the number of a descriptor, not for the count of descriptors. FD_SET would write behind the");
    say("end of the set, into another variable.");
}

/// Runs the server in a thread.
class running_server {
  public:
    explicit running_server(bool quiet, int keyboard = -1)
        : server_{std::move(listener_), quiet}, thread_{stop_, [this, keyboard] { server_.run(stop_, keyboard); }} {}
    void stop() {
        stop_.request_stop();
        thread_.finish();
    }
    void wait_for_end() { thread_.finish(); }
    [[nodiscard]] const net::endpoint& where() const { return where_; }
    [[nodiscard]] const net::stop_event& stop_event() const { return stop_; }

  private:
    net::stop_event stop_;
    net::tcp_listener listener_{net::endpoint{net::ipv4_address::loopback(), 0}};
    net::endpoint where_ = listener_.local_endpoint();
    select_server server_;
    example::background thread_;
};

/// Returns the echo. A text of a few bytes arrives in one piece.
template <class Stream>
std::string echo_of(Stream& client, const std::string& text) {
    std::error_code error;
    client.send_all(text, error);
    char buffer[100];
    const std::size_t size = client.recv(buffer, error);
    return error || size == 0 ? "the end: the server has closed" : std::string{buffer, size};
}

void clients_and_a_keyboard() {
    heading("select 回显服务器: clients and a keyboard in one wait (a socket plays the keyboard)");
    auto [keyboard, fingers] = net::socket_pair();
    running_server server{true, keyboard.native_handle()};
    net::tcp_stream first{server.where()}, second{server.where()}, torn{server.where()};
    say("the second client says hello and receives ", echo_of(second, "hello"));
    torn.set_option(net::option::linger{0s});
    torn.close();
    say("another client resets; the first says 你好 and receives ", echo_of(first, "你好"));

    const std::string flood(8 * 1024 * 1024, 'z');  // far more bytes than the kernel's buffers hold
    net::tcp_stream slow{server.where()};
    net::stop_event give_up;
    slow.stop_with(give_up);
    example::background sender{give_up, [&] { slow.send_all(flood); }};
    int right = 0;
    for (int i = 0; i < 1000; ++i) right += echo_of(first, "ping") == "ping";
    say("one client sends 8 MiB and takes nothing; the first asks 1000 times and gets ", right, " right answers");
    std::string back(flood.size(), '\0');
    for (std::size_t filled = 0; filled < back.size();) {
        const std::size_t size = slow.recv(std::span{back}.subspan(filled));
        if (size == 0) throw std::runtime_error{"the server has closed"};
        filled += size;
    }
    sender.finish();
    say("then that client receives all: ", back == flood ? "yes" : "no");
    fingers.send_all("quit\n");
    server.wait_for_end();
    say("a typed line ends the server; the first client says hello and receives ", echo_of(first, "hello"));
}

void past_the_limit() {
    heading("Beyond the limit: some clients are refused, and the others are served");
    if (example::raise_descriptor_limit() <= FD_SETSIZE)
        return say("not here: ulimit -n does not allow descriptor 1024");
    running_server server{true};
    std::vector<net::socket> clients, others;
    while (clients.size() < 5) clients.emplace_back(net::address_family::inet, net::socket_type::stream);
    do others.emplace_back(::dup(server.stop_event().native_handle()));
    while (others.back().native_handle() < FD_SETSIZE - 1);
    others.resize(others.size() - 2);
    say("this program has many open files; two descriptors are left below ", FD_SETSIZE);
    const auto comes = [&](std::size_t number) {
        net::socket& client = clients[number - 1];
        client.connect(server.where());
        say("client ", number, " connects and receives ", echo_of(client, "hello"));
    };
    for (std::size_t number = 1; number <= 4; ++number) comes(number);
    clients[0].close();
    clients[1].shutdown(net::shutdown_direction::send);
    char byte;
    say("client 1 leaves; client 2 sends no more and receives the end: ", clients[1].recv(std::span{&byte, 1}),
        " bytes");
    comes(5);
    server.stop();
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--keyboard] [--quiet]
       demo connect HOST PORT
       demo --help

An echo server on select(2), for about a thousand clients. Without an argument: a demonstration.

  serve            sends every byte back to its client, until the client sends no more
  --bind ADDRESS   where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N         6666 by default; 0 lets the system choose
  --keyboard       a line on standard input, or its end, stops the server
  --quiet          prints only the line `listening on ADDRESS:PORT`
  connect          sends what you type and shows what the server says; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    bool keyboard = false;
    example::roles roles;
    roles.more_options = [&](example::arguments& words) { keyboard = words.flag("--keyboard"); };
    roles.serve = [&](const example::serve_options& options) { serve(options, keyboard); };
    roles.demonstrate = [] {
        the_question_is_overwritten();
        the_limit();
        clients_and_a_keyboard();
        past_the_limit();
    };
    return example::run(argc, argv, help, roles);
}
