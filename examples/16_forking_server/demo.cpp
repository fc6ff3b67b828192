// examples/16_forking_server/demo.cpp: an echo server with a process for every client
//
//        server                        children                      clients
//        accept  <─────────────────────────────────────────────────  first connects
//          | fork() ──────────────────>  has the stream, too
//        closes its copy                 recv, send  <────────────>  first talks
//        accept  <─────────────────────────────────────────────────  second connects, and is served at once
//          | fork() ──────────────────>    :      recv, send  <───>  second talks
//          :                             exit       :
//        waits for the child: only now is it gone   crash: his own client's loss
//
// The children share what was open before the fork, and nothing that happens in memory after it. So a crash stays
// where it is; and so a counter counts only for its own client.
//
// Hundreds of clients are out of the question, say the notes. They are possible, and costly: each takes a fork, measured
// at 0.19 ms where a thread took 0.02 ms, the memory of a process, and its share of the scheduler's time.
//
// The notes:     多进程服务器 (a server of many processes)
// Type:          demo                             a demonstration
//                demo serve --max-children 2      and in other terminals
//                demo connect localhost 6666      or: nc localhost 6666
//                kill -9 PID                                   with the number of a child, from the server's lines
// You will see:  what demo.txt shows, with real ports and numbers of processes in it. A third client waits
//                until one of two has left; Ctrl-C ends the server and its children

#include <netnotes/server.hpp>

#include "../demo.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <fstream>

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

std::string how(int status) {
    return WIFSIGNALED(status) ? "ended by signal " + std::to_string(WTERMSIG(status))
                               : "exited with status " + std::to_string(WEXITSTATUS(status));
}

/// What a child does with its client; and what the server says of a child.
struct echo {
    bool quiet = false;

    void operator()(net::tcp_stream& client, const net::endpoint& peer) const {
        if (!quiet) say(peer, "  connected, and has pid ", ::getpid());
        client.set_timeout(5min);  // who does nothing for so long may not keep a process any longer
        char buffer[16 * 1024];
        std::error_code error;
        std::size_t echoed = 0;
        for (;;) {
            const std::size_t size = client.recv(buffer, error);
            if (error || size == 0) break;
            echoed += client.send_all(std::span{buffer}.first(size), error);
            if (error) break;
        }
        if (!quiet) say(peer, "  gone: ", example::farewell(error), ", after ", echoed, " bytes");
    }
    void on_exit(const net::endpoint& peer, int status) const {
        if (status != 0 && !quiet) say(peer, "  lost: its process ", how(status));
    }
    void on_accept_error(std::error_code why) const { std::cerr << "accept or fork: " << why.message() << '\n'; }
};

void serve(const example::serve_options& options, std::size_t max_children) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener{options.where};
    listener.set_option(net::option::no_delay{});  // an answer must not wait for the acknowledgment of the last
    example::announce(listener.local_endpoint());
    net::forking_server{std::move(listener), echo{options.quiet}, {.max_children = max_children}}.run(stop);
}

// ---- The demonstration ----------------------------------------------------------------------------------

/// The server, in a process of its own. Not in a thread: a fork copies one thread only, and the locks of the others as
/// they happen to be.
class running_server {
  public:
    template <class Handler>
    running_server(Handler handler, std::size_t max_children)
        : listener_{{net::ipv4_address::loopback(), 0}}, where_{listener_.local_endpoint()}, process_{::fork()} {
        if (process_ < 0) throw std::system_error{errno, std::system_category(), "fork"};
        if (process_ > 0) {
            listener_.close();
            return;
        }
        const struct rlimit no_core {};
        ::setrlimit(RLIMIT_CORE, &no_core);
        try {
            net::stop_event stop;
            const net::stop_on_signals signals{stop};
            net::forking_server{std::move(listener_), handler, {.max_children = max_children}}.run(stop);
            ::_exit(0);
        } catch (const std::exception& failure) {
            std::cerr << failure.what() << '\n';
            ::_exit(1);
        }
    }
    running_server(const running_server&) = delete;
    running_server& operator=(const running_server&) = delete;
    ~running_server() { stop(); }
    void stop() {
        if (process_ <= 0) return;
        ::kill(process_, SIGTERM);
        ::waitpid(std::exchange(process_, -1), nullptr, 0);
    }
    [[nodiscard]] const net::endpoint& where() const { return where_; }

  private:
    net::tcp_listener listener_;
    net::endpoint where_;
    pid_t process_;
};

/// The next bytes from the server; so few come in one piece.
std::string heard(net::tcp_stream& client) {
    char buffer[100];
    const std::size_t size = client.recv(buffer);
    return size == 0 ? "the end" : '"' + std::string{buffer, size} + '"';
}
std::string answer_to(net::tcp_stream& client, std::string_view text) {
    client.send_all(text);
    return heard(client);
}

void all_at_once() {
    heading("多进程服务器: a process each (the lines that begin with an address are the server's)");
    running_server server{echo{}, 10};
    net::tcp_stream silent{server.where()};
    say("first client hears ", answer_to(silent, "hello"), ", and says nothing more");
    net::tcp_stream second{server.where()};
    say("second client hears ", answer_to(second, "hello"), " at once; the iterative server would let him wait");
    server.stop();  // asks both children, and waits for them
    say("stopped: the clients hear ", heard(silent), " and ", heard(second));
}

void separate_memories() {
    heading("Each child has a memory of its own");
    static int served = 0;
    struct counter {
        void operator()(net::tcp_stream& client, const net::endpoint&) const {
            for (char byte[1]; client.recv(byte) > 0;) client.send_all(std::to_string(++served));
        }
        void on_exit(const net::endpoint&, int) const {
            siginfo_t any{};
            const bool some = ::waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) == 0;
            say("server: my own counter says ", served, "; children left, alive or not: ", some ? "some" : "none");
        }
    };
    // One child at a time: the next client is served when the last child is gone, and the server has said so.
    running_server server{counter{}, 1};
    for (const char* name : {"first", "second"}) {
        net::tcp_stream client{server.where()};
        const std::string one = answer_to(client, "x"), two = answer_to(client, "x"), three = answer_to(client, "x");
        say(name, " client is served, and counted as ", one, ", ", two, ", ", three);
    }
    server.stop();
}

void a_crash() {
    heading("A crash, with room for two children");
    struct fragile {
        void operator()(net::tcp_stream& client, const net::endpoint&) const {
            char buffer[100];
            while (const std::size_t size = client.recv(buffer)) {
                if (std::string_view{buffer, size} == "crash") std::abort();
                client.send_all(std::span{buffer}.first(size));
            }
        }
        void on_exit(const net::endpoint& peer, int status) const { say(peer, "  its process ", how(status)); }
    };
    running_server server{fragile{}, 2};
    net::tcp_stream first{server.where()}, second{server.where()}, third{server.where()};
    say("first client hears ", answer_to(first, "one"));
    say("second client hears ", answer_to(second, "two"));
    third.send_all("three");
    third.set_timeout(50ms);
    char buffer[100];
    std::error_code error;
    third.recv(buffer, error);
    say("third client waits in the queue: ", error.message());
    third.set_timeout(net::never);
    second.send_all("crash");
    const std::string answer = heard(third);  // when the server has waited for the child, and so there is room
    say("second client has made the server crash, and hears ", heard(second));
    say("third client hears ", answer);
    say("first client hears ", answer_to(first, "still here"));
    first.close();
    third.close();
}

/// The state of a process as the kernel has it, R, S, Z, ... (proc(5), /proc/pid/stat).
std::string state_of(pid_t process) {
    std::ifstream file{"/proc/" + std::to_string(process) + "/stat"};
    std::string number, name, state = "none: it is gone";
    file >> number >> name >> state;
    return state;
}

void zombies() {
    heading("A child that nobody waits for, as in the notes");
    const pid_t child = ::fork();
    if (child < 0) throw std::system_error{errno, std::system_category(), "fork"};
    if (child == 0) ::_exit(3);
    siginfo_t ended{};
    ::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT);  // has it ended? Leave it as it is
    say("it has ended; its state is ", state_of(child), ", a zombie: an entry that keeps a status for us");
    int status = 0;
    ::waitpid(child, &status, 0);
    say("waited for, it ", how(status), "; its state is ", state_of(child));
    say("The server waits for each of its children, and for no others, as soon as it ends: see above.");
}

void closed_in_the_loop() {
    heading("The notes close the stream inside the loop");
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    net::tcp_stream client{listener.local_endpoint()};
    net::tcp_stream stream = listener.accept().stream;
    client.send_all("one");
    char buffer[100];
    for (std::error_code error; !error;) {
        const std::size_t size = stream.recv(buffer, error);
        say("child: receive: ", error ? error.message() : std::to_string(size) + " bytes");
        if (stream.is_open()) stream.close();
    }
    say("client: a second message would find nobody; I hear ", heard(client));
    say("Close behind the loop, or not at all: the stream's destructor does.");
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--max-children N] [--quiet]
       demo connect HOST PORT
       demo --help

An echo server with a process for every client. Without an argument: a demonstration.

  serve             sends every client back what he says, until he has no more to say
  --bind ADDRESS    where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N          6666 by default; 0 lets the system choose
  --max-children N  so many clients at once, 1000 by default; the others wait
  --quiet           only the line `listening on ADDRESS:PORT`
  connect           sends what you type and shows what the server says; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    std::optional<unsigned> max_children;
    example::roles roles;
    roles.more_options = [&](example::arguments& words) { max_children = words.number("--max-children", 1, 10000); };
    roles.serve = [&](const example::serve_options& options) { serve(options, max_children.value_or(1000)); };
    roles.connect = [](const std::string& host, std::uint16_t port) {
        example::talk(net::tcp_stream::connect(host, port));
    };
    roles.demonstrate = [] {
        all_at_once();
        separate_memories();
        a_crash();
        zombies();
        closed_in_the_loop();
    };
    return example::run(argc, argv, help, roles);
}
