// examples/16_forking_server/demo.cpp: an echo server with a process for every client
//
//        server                        children                      clients
//        accept  <─────────────────────────────────────────────────  first connects
//          | fork() ──────────────────>  has the stream, too
//        closes its copy                 recv, send  <────────────>  first talks
//        accept  <─────────────────────────────────────────────────  second connects, and need not wait
//          | fork() ──────────────────>    :      recv, send  <───>  second talks
//          :                             exit       :
//        reaps the child with waitpid()     crash: only the second client is lost
//
// The children share the descriptors that were open before the fork. They do not share memory, so a crash ends a single
// conversation, and each child counts for itself.
//
// The notes say that hundreds of clients are impossible. They are possible, and they cost time and memory: on our machine
// a fork took 0.19 ms, and the start of a thread 0.02 ms.
//
// The notes:     多进程服务器 (a server of many processes)
// Type:          demo                             a demonstration
//                demo serve --max-children 2      and in other terminals
//                demo connect localhost 6666      or: nc localhost 6666
//                kill -9 PID                      PID is the number of a child, from the server's lines
// You will see:  what demo.txt shows, with real ports and process numbers. With --max-children 2 a third client waits until
//                another client has left. Ctrl-C ends the server and its children

#include <netnotes/server.hpp>

#include "../demo.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <fstream>

using example::answer_to;
using example::heading;
using example::heard;
using example::say;

namespace {

using namespace std::chrono_literals;

std::string how(int status) {
    return WIFSIGNALED(status) ? "ended by signal " + std::to_string(WTERMSIG(status))
                               : "exited with status " + std::to_string(WEXITSTATUS(status));
}

/// Serves a client, in a child. The server reports how the child has ended.
struct echo {
    bool quiet = false;

    void operator()(net::tcp_stream& client, const net::endpoint& peer) const {
        if (!quiet) say(peer, "  connected, served by pid ", ::getpid());
        client.set_timeout(5min);  // a silent client may not keep its process for ever
        std::error_code error;
        const std::size_t echoed = example::echo(client, error);
        if (!quiet) say(peer, "  gone: ", example::farewell(error), ", after ", echoed, " bytes");
    }
    void on_exit(const net::endpoint& peer, int status) const {
        if (status != 0 && !quiet) say(peer, "  lost: the process ", how(status));
    }
    void on_accept_error(std::error_code why) const { std::cerr << "accept or fork: " << why.message() << '\n'; }
};

void serve(const example::serve_options& options, std::size_t max_children) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener = example::listen(options);
    net::forking_server{std::move(listener), echo{options.quiet}, {.max_children = max_children}}.run(stop);
}

// ---- The demonstration ----------------------------------------------------------------------------------

/// The server in a process of its own. It must not run in a thread, because a fork copies only one thread. A lock that
/// another thread holds would stay locked in the child.
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

void all_at_once() {
    heading("多进程服务器: a process for each client (the server prints the lines that begin with an address)");
    running_server server{echo{}, 10};
    net::tcp_stream silent{server.where()};
    say("first client receives ", answer_to(silent, "hello"), ", and is silent from now on");
    net::tcp_stream second{server.where()};
    say("second client receives ", answer_to(second, "hello"), " at once; an iterative server would let it wait");
    server.stop();  // sends both children SIGTERM, and waits for them
    say("the server has stopped: the clients receive ", heard(silent), " and ", heard(second));
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
            say("server: my own counter is ", served, ", and I have ", some ? "children" : "no child",
                ", alive or zombie");
        }
    };
    // The limit is one child, so the next client is served after the last child has ended and the server has said so.
    running_server server{counter{}, 1};
    for (const char* name : {"first", "second"}) {
        net::tcp_stream client{server.where()};
        const std::string one = answer_to(client, "x"), two = answer_to(client, "x"), three = answer_to(client, "x");
        say(name, " client is served, and its child counts ", one, ", ", two, ", ", three);
    }
    server.stop();
}

void a_crash() {
    heading("A crash, with a limit of two children");
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
    say("first client receives ", answer_to(first, "one"));
    say("second client receives ", answer_to(second, "two"));
    third.send_all("three");
    third.set_timeout(50ms);
    char buffer[100];
    std::error_code error;
    third.recv(buffer, error);
    say("third client waits in the queue: ", error.message());
    third.set_timeout(net::never);
    second.send_all("crash");
    const std::string answer = heard(third);  // the server has reaped the child, so it takes the third client
    say("second client has made its child crash, and receives ", heard(second));
    say("third client receives ", answer);
    say("first client receives ", answer_to(first, "still here"));
    first.close();
    third.close();
}

/// Returns the state of a process: R, S, Z, ... (/proc/PID/stat, proc(5)).
std::string state_of(pid_t process) {
    std::ifstream file{"/proc/" + std::to_string(process) + "/stat"};
    std::string number, name, state = "unknown: the process is gone";
    file >> number >> name >> state;
    return state;
}

void zombies() {
    heading("A child that the parent does not reap, as in the notes");
    const pid_t child = ::fork();
    if (child < 0) throw std::system_error{errno, std::system_category(), "fork"};
    if (child == 0) ::_exit(3);
    siginfo_t ended{};
    ::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT);  // waits for its end, and leaves it a zombie
    say("the child has ended; its state is ", state_of(child), ", a zombie: an entry that keeps the exit status");
    int status = 0;
    ::waitpid(child, &status, 0);
    say("after waitpid(): the child ", how(status), "; its state is ", state_of(child));
    say("The forking_server reaps each of its children as soon as it has ended, and no other children.");
}

void closed_in_the_loop() {
    heading("The notes close the socket inside the loop");
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
    say("client: a second message would be lost; I receive ", heard(client));
    say("Close the stream behind the loop, or let its destructor close it.");
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--max-children N] [--quiet]
       demo connect HOST PORT
       demo --help

An echo server with a process for every client. Without an argument: a demonstration.

  serve             sends each client its own bytes back, until the client sends no more
  --bind ADDRESS    the address to listen on: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N          6666 by default; 0 lets the system choose
  --max-children N  the clients served at a time, 1000 by default; further clients wait in the queue
  --quiet           prints only the line `listening on ADDRESS:PORT`
  connect           sends what you type and shows what the server sends; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    std::optional<unsigned> max_children;
    example::roles roles;
    roles.more_options = [&](example::arguments& words) { max_children = words.number("--max-children", 1, 10000); };
    roles.serve = [&](const example::serve_options& options) { serve(options, max_children.value_or(1000)); };
    roles.demonstrate = [] {
        all_at_once();
        separate_memories();
        a_crash();
        zombies();
        closed_in_the_loop();
    };
    return example::run(argc, argv, help, roles);
}
