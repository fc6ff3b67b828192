// examples/17_threaded_server/demo.cpp: an echo server with a thread for every client
//
//        server                        threads                       clients
//        accept  <─────────────────────────────────────────────────  first connects
//          | starts ──────────────────>  recv, send  <────────────>  first talks
//        accept  <─────────────────────────────────────────────────  second connects, and need not wait
//          | starts ──────────────────>    :     recv, send  <────>  second talks
//          :                             returns   :
//        joins the thread                          :
//                     └──────── one memory, one set of descriptors ────────┘
//
// A thread costs less than a process, and all threads see what one thread writes. This is the use of threads and also the
// trouble. Two threads that change the same number at the same time lose a change. A crash ends all threads.
//
// The notes:     多线程服务器 (a server of many threads)
// Type:          demo                            a demonstration
//                demo serve --max-threads 2      and in other terminals
//                demo connect localhost 6666     or: nc localhost 6666
// You will see:  what demo.txt shows, with real ports. With --max-threads 2 a third client waits until another client has
//                left. Ctrl-C ends the server while clients are connected

#include <netnotes/server.hpp>

#include "../demo.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>

using example::answer_to;
using example::heading;
using example::heard;
using example::say;

namespace {

using namespace std::chrono_literals;

/// Serves a client, in its thread. All threads use the same object, which does not change.
struct echo {
    bool quiet = false;

    void operator()(net::tcp_stream& client, const net::endpoint& peer) const {
        if (!quiet) say(peer, "  connected");
        client.set_timeout(5min);  // a silent client may not keep its thread for ever
        std::error_code error;
        const std::size_t echoed = example::echo(client, error);
        if (!quiet) say(peer, "  gone: ", example::farewell(error), ", after ", echoed, " bytes");
    }
    void on_accept_error(std::error_code why) const {
        std::cerr << "accept, or start of a thread: " << why.message() << '\n';
    }
};

void serve(const example::serve_options& options, std::size_t max_threads) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener = example::listen(options);
    net::threaded_server{std::move(listener), echo{options.quiet}, {.max_threads = max_threads}}.run(stop);
}

// ---- The demonstration ----------------------------------------------------------------------------------

/// The server with its threads, in the background.
template <class Handler>
struct running_server : example::running_server {
    running_server(Handler handler, std::size_t max_threads)
        : example::running_server{
              {net::ipv4_address::loopback(), 0},
              [handler, max_threads](net::tcp_listener listener, const net::stop_event& stop) {
                  net::threaded_server{std::move(listener), handler, {.max_threads = max_threads}}.run(stop);
              }} {}
};

void all_at_once() {
    heading("多线程服务器: a thread for each client, at most two threads");
    say("(the server prints the lines that begin with an address)");
    running_server server{echo{}, 2};
    net::tcp_stream silent{server.where()};
    say("first client receives ", answer_to(silent, "hello"), ", and is silent from now on");
    net::tcp_stream second{server.where()};
    say("second client receives ", answer_to(second, "hello"), " at once");
    net::tcp_stream third{server.where()};
    third.send_all("hello");
    char buffer[100];
    std::error_code error;
    third.set_timeout(50ms);
    third.recv(buffer, error);
    third.set_timeout(net::never);
    say("third client waits in the queue: ", error.message());
    second.shutdown(net::shutdown_direction::send);
    const std::string answer = heard(third);
    say("second client sends no more, and receives ", heard(second));
    say("third client receives ", answer);
    server.stop();
    say("the server has stopped: the clients receive ", heard(silent), " and ", heard(third));
}

void one_memory() {
    heading("All threads share the memory");
    // To count takes two steps. Here the clients choose the order of the steps; in a real program it is chance.
    struct counter {
        std::atomic<int>& served;
        void operator()(net::tcp_stream& client, const net::endpoint&) const {
            int mine = 0;
            for (char step[1]; client.recv(step) > 0;) {
                if (step[0] == 'r') mine = served;    // read the number
                if (step[0] == 'w') served = ++mine;  // write the next
                if (step[0] == '+') mine = ++served;  // both in one step, which no other thread can interrupt
                client.send_all(std::to_string(mine));
            }
        }
    };
    std::atomic<int> served{0};
    running_server server{counter{served}, 10};
    net::tcp_stream first{server.where()}, second{server.where()};
    const auto step = [](net::tcp_stream& client, const char* name, std::string_view what) {
        const std::string number = answer_to(client, what.substr(0, 1));
        say("  ", name, "'s thread ", what, ": ", number);
    };
    say("one thread after the other:");
    step(first, "first client", "reads");
    step(first, "first client", "writes");
    step(second, "second client", "reads");
    step(second, "second client", "writes");
    say("both threads at the same time:");
    step(first, "first client", "reads");
    step(second, "second client", "reads");
    step(first, "first client", "writes");
    step(second, "second client", "writes");
    say("Four clients were counted, and the counter is ", served, ". A std::atomic reads and writes in one step:");
    step(first, "first client", "+1");
    step(second, "second client", "+1");
    say("Data that is more than a number needs a lock: a std::mutex, held while a thread reads and changes it.");
}

void one_set_of_descriptors() {
    heading("All threads share the descriptors");
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    net::tcp_stream first{listener.local_endpoint()}, second{listener.local_endpoint()};
    net::tcp_stream stream = listener.accept().stream;
    const int number = stream.native_handle();
    stream.close();  // "the main thread does not need its copy"
    say("the main thread closes the stream, as a parent does after a fork; the client receives ", heard(first));
    const net::tcp_stream other = listener.accept().stream;
    say("the next stream has ", other.native_handle() == number ? "the same number" : "another number",
        ": the thread of the first client would receive the bytes of the second");
}

void one_fate() {
    heading("An exception ends one conversation, a crash ends all conversations");
    struct fragile {
        void operator()(net::tcp_stream& client, const net::endpoint&) const {
            char buffer[100];
            while (const std::size_t size = client.recv(buffer)) {
                const std::string_view text{buffer, size};
                if (text == "throw") throw std::runtime_error{"I do not like this client"};
                if (text == "crash") std::abort();
                client.send_all(text);
            }
        }
        void on_error(const net::endpoint& peer, const std::exception& error) const {
            say(peer, "  failed: ", error.what());
        }
    };
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    const net::endpoint where = listener.local_endpoint();
    const pid_t process = ::fork();  // so the demonstration survives the crash; it has no other thread now
    if (process < 0) throw std::system_error{errno, std::system_category(), "fork"};
    if (process == 0) {
        const struct rlimit no_core {};
        ::setrlimit(RLIMIT_CORE, &no_core);
        [&]() noexcept { net::threaded_server{std::move(listener), fragile{}}.run(net::stop_event{}); }();
    }
    listener.close();
    net::tcp_stream first{where}, second{where}, third{where};
    say("first client receives ", answer_to(first, "one"));
    say("second client sends \"throw\", and receives ", answer_to(second, "throw"));
    say("first client receives ", answer_to(first, "two"));
    third.send_all("crash");
    say("third client sends \"crash\", and the first client receives ", heard(first));
    int status = 0;
    ::waitpid(process, &status, 0);
    say("signal ", WTERMSIG(status), " has ended the whole server; compare 16_forking_server");
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--max-threads N] [--quiet]
       demo connect HOST PORT
       demo --help

An echo server with a thread for every client. Without an argument: a demonstration.

  serve             sends each client its own bytes back, until the client sends no more
  --bind ADDRESS    the address to listen on: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N          6666 by default; 0 lets the system choose
  --max-threads N   the clients served at a time, 1000 by default; further clients wait in the queue
  --quiet           prints only the line `listening on ADDRESS:PORT`
  connect           sends what you type and shows what the server sends; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    std::optional<unsigned> max_threads;
    example::roles roles;
    roles.more_options = [&](example::arguments& words) { max_threads = words.number("--max-threads", 1, 10000); };
    roles.serve = [&](const example::serve_options& options) { serve(options, max_threads.value_or(1000)); };
    roles.demonstrate = [] {
        all_at_once();
        one_memory();
        one_set_of_descriptors();
        one_fate();
    };
    return example::run(argc, argv, help, roles);
}
