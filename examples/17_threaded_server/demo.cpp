// examples/17_threaded_server/demo.cpp: an echo server with a thread for every client
//
//        server                        threads                       clients
//        accept  <─────────────────────────────────────────────────  first connects
//          | starts ──────────────────>  recv, send  <────────────>  first talks
//        accept  <─────────────────────────────────────────────────  second connects, and is served at once
//          | starts ──────────────────>    :     recv, send  <────>  second talks
//          :                             returns   :
//        joins the thread                          :
//                     └──────── one memory, one set of descriptors ────────┘
//
// A thread costs less than a process, and all see what one of them writes. That is the use of threads, and the trouble
// with them: two that change the same thing at the same time lose a change, and a crash of one is a crash of all.
//
// The notes:     多线程服务器 (a server of many threads)
// Type:          demo                            a demonstration
//                demo serve --max-threads 2      and in other terminals
//                demo connect localhost 6666     or: nc localhost 6666
// You will see:  what demo.txt shows, with real ports in it. A third client waits until one of two has
//                left; Ctrl-C ends the server while clients are connected

#include <netnotes/server.hpp>

#include "../demo.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

/// What a thread does with its client. One object serves them all, and does not change.
struct echo {
    bool quiet = false;

    void operator()(net::tcp_stream& client, const net::endpoint& peer) const {
        if (!quiet) say(peer, "  connected");
        client.set_timeout(5min);  // who does nothing for so long may not keep a thread any longer
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
    void on_accept_error(std::error_code why) const {
        std::cerr << "accept, or start of a thread: " << why.message() << '\n';
    }
};

void serve(const example::serve_options& options, std::size_t max_threads) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener{options.where};
    listener.set_option(net::option::no_delay{});  // an answer must not wait for the acknowledgment of the last
    example::announce(listener.local_endpoint());
    net::threaded_server{std::move(listener), echo{options.quiet}, {.max_threads = max_threads}}.run(stop);
}

// ---- The demonstration ----------------------------------------------------------------------------------

/// The server, in the background, with its threads.
template <class Handler>
class running_server {
  public:
    running_server(Handler handler, std::size_t max_threads)
        : listener_{{net::ipv4_address::loopback(), 0}},
          where_{listener_.local_endpoint()},
          thread_{stop_, [this, handler, max_threads] {
                      net::threaded_server{std::move(listener_), handler, {.max_threads = max_threads}}.run(stop_);
                  }} {}
    void stop() {
        stop_.request_stop();
        thread_.finish();
    }
    [[nodiscard]] const net::endpoint& where() const { return where_; }

  private:
    net::stop_event stop_;
    net::tcp_listener listener_;
    net::endpoint where_;
    example::background thread_;
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
    heading("多线程服务器: a thread each, but for two at a time");
    say("(the lines that begin with an address are the server's)");
    running_server server{echo{}, 2};
    net::tcp_stream silent{server.where()};
    say("first client hears ", answer_to(silent, "hello"), ", and says nothing more");
    net::tcp_stream second{server.where()};
    say("second client hears ", answer_to(second, "hello"), " at once");
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
    say("second client ends his half, and hears ", heard(second));
    say("third client hears ", answer);
    server.stop();
    say("stopped: the clients hear ", heard(silent), " and ", heard(third));
}

void one_memory() {
    heading("All threads have one memory");
    // To count is two steps. Here the clients say which thread does which of them when; elsewhere it is chance.
    struct counter {
        std::atomic<int>& served;
        void operator()(net::tcp_stream& client, const net::endpoint&) const {
            int mine = 0;
            for (char step[1]; client.recv(step) > 0;) {
                if (step[0] == 'r') mine = served;    // read the number
                if (step[0] == 'w') served = ++mine;  // write the next
                if (step[0] == '+') mine = ++served;  // both, and nobody comes between: one indivisible step
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
    say("one after the other:");
    step(first, "first client", "reads");
    step(first, "first client", "writes");
    step(second, "second client", "reads");
    step(second, "second client", "writes");
    say("both at once:");
    step(first, "first client", "reads");
    step(second, "second client", "reads");
    step(first, "first client", "writes");
    step(second, "second client", "writes");
    say("Four times counted, and the counter says ", served, ". Reading and writing in one step, as std::atomic can:");
    step(first, "first client", "+1");
    step(second, "second client", "+1");
    say("What is more than a number needs a lock: a std::mutex, held while one looks and changes.");
}

void one_set_of_descriptors() {
    heading("All threads have one set of descriptors");
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    net::tcp_stream first{listener.local_endpoint()}, second{listener.local_endpoint()};
    net::tcp_stream stream = listener.accept().stream;
    const int number = stream.native_handle();
    stream.close();  // "the main thread does not need its copy"
    say("the main thread closes the stream as it would after a fork; the client hears ", heard(first));
    const net::tcp_stream other = listener.accept().stream;
    say("the next stream has ", other.native_handle() == number ? "the same number" : "another number",
        ": the first client's thread would receive what the second sends");
}

void one_fate() {
    heading("An exception ends one conversation, a crash ends all");
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
    const pid_t process = ::fork();  // so that we survive it; this program has no other thread just now
    if (process < 0) throw std::system_error{errno, std::system_category(), "fork"};
    if (process == 0) {
        const struct rlimit no_core {};
        ::setrlimit(RLIMIT_CORE, &no_core);
        [&]() noexcept { net::threaded_server{std::move(listener), fragile{}}.run(net::stop_event{}); }();
    }
    listener.close();
    net::tcp_stream first{where}, second{where}, third{where};
    say("first client hears ", answer_to(first, "one"));
    say("second client says \"throw\", and hears ", answer_to(second, "throw"));
    say("first client hears ", answer_to(first, "two"));
    third.send_all("crash");
    say("third client says \"crash\", and first client hears ", heard(first));
    int status = 0;
    ::waitpid(process, &status, 0);
    say("the whole server was ended by signal ", WTERMSIG(status), "; compare 16_forking_server");
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--max-threads N] [--quiet]
       demo connect HOST PORT
       demo --help

An echo server with a thread for every client. Without an argument: a demonstration.

  serve             sends every client back what he says, until he has no more to say
  --bind ADDRESS    where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N          6666 by default; 0 lets the system choose
  --max-threads N   so many clients at once, 1000 by default; the others wait
  --quiet           only the line `listening on ADDRESS:PORT`
  connect           sends what you type and shows what the server says; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    std::optional<unsigned> max_threads;
    example::roles roles;
    roles.more_options = [&](example::arguments& words) { max_threads = words.number("--max-threads", 1, 10000); };
    roles.serve = [&](const example::serve_options& options) { serve(options, max_threads.value_or(1000)); };
    roles.connect = [](const std::string& host, std::uint16_t port) {
        example::talk(net::tcp_stream::connect(host, port));
    };
    roles.demonstrate = [] {
        all_at_once();
        one_memory();
        one_set_of_descriptors();
        one_fate();
    };
    return example::run(argc, argv, help, roles);
}
