// examples/20_select_write_queue_server/demo.cpp: a queue for each client, of the bytes that it has not taken yet
//
//                     ┌───────── the server ─────────┐
//        client ───>  recv ──> queue ──> send ──> ... ───>  client
//                       ^        |         ^
//                       |        |         └── waits for room to write: only while the queue holds bytes
//                       |        └── 64 KiB: then it is full
//                       └── waits for bytes to read: only while the queue has room
//
// The server of 19 holds one piece for a client, and receives no more until the client has taken it. Here a client may be
// behind by the length of its queue. The server asks select the two questions of the picture. Both follow from the queue.
//
// The notes:     包含writeList服务器 (the server with write lists). Its counterpart is write_queue_server.cpp
// Type:          demo                            a demonstration
//                demo serve --port 6666          the server; Ctrl-C stops it
//                demo connect localhost 6666     a client: type, and read what comes back
// You will see:  what demo.txt shows: a loop that never sleeps, a send that takes a part, a client that has left and is
//                reported for ever; and a server that avoids all three

#include "../selecting.hpp"

#include <netnotes/server.hpp>

#include <algorithm>

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

// ---- The server -----------------------------------------------------------------------------------------

class write_queue_server : public example::select_clients {
  public:
    static constexpr std::size_t high_water = 64 * 1024;
    static constexpr std::size_t receive_size = 16 * 1024;  ///< the most bytes of one receive
    struct statistics {
        std::size_t max_queued = 0;    ///< bytes, for one client
        std::size_t clients_left = 0;  ///< in the map, at the end
    };

    using example::select_clients::select_clients;
    statistics run(const net::stop_event& stop) {
        begin(stop);
        for (;;) {
            const auto events = poller_.wait(time_to_wait());
            now_ = net::clock::now();
            for (const net::event& happened : events) {
                if (happened.token == at_stop) {
                    statistics_.clients_left = clients_.size();
                    close_all();
                    return statistics_;
                }
                if (happened.token == at_listener) {
                    accept_clients();
                    continue;
                }
                const auto found = clients_.find(happened.token);
                if (found != clients_.end() && !serve(found->first, found->second, happened.ready)) forget(found);
            }
            look_at_the_clock();
        }
    }

  private:
    static net::interest wanted(const client& one) {
        net::interest what = net::interest::none;
        if (!one.has_ended && one.queue.size() < high_water) what |= net::interest::read;
        if (!one.queue.empty()) what |= net::interest::write;
        return what;
    }
    /// Returns false if the client has gone.
    bool serve(std::uint64_t id, client& one, net::interest ready) {
        std::error_code error;
        if (any_of(ready, net::interest::read)) receive(one, error);
        if (!error && !one.queue.empty()) send(one, error);  // there nearly always is room, so it does not wait for it
        if (error || (one.has_ended && one.queue.empty())) return gone(one, error);
        poller_.modify(one.stream.native_handle(), wanted(one), id);
        return true;
    }
    void receive(client& one, std::error_code& error) {
        const std::size_t size = one.stream.recv(buffer_, error);
        if (error == std::errc::operation_would_block) return error.clear();
        if (error) return;
        // An empty receive is the end. The notes put it into the queue, and select reports it at once, for ever.
        one.has_ended = size == 0;
        one.queue.append(buffer_.data(), size);
        one.active = now_;
        statistics_.max_queued = std::max(statistics_.max_queued, one.queue.size());
    }
    void send(client& one, std::error_code& error) {
        const std::size_t sent = one.stream.send(one.queue, error);
        if (error == std::errc::operation_would_block) return error.clear();
        if (error) return;
        one.queue.erase(0, sent);  // the rest stays in the queue. The notes lose it
        one.echoed += sent;
        one.active = now_;
    }

    std::array<char, receive_size> buffer_;
    statistics statistics_;
};

void serve(const example::serve_options& options) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    net::tcp_listener listener = example::listen(options);
    write_queue_server{std::move(listener), options.quiet}.run(stop);
}

// ---- The demonstration ----------------------------------------------------------------------------------

const net::endpoint anywhere{net::ipv4_address::loopback(), 0};

void three_faults_of_the_notes() {
    heading("Waiting for room to write, with nothing to write");
    auto [ours, theirs] = net::socket_pair();
    ours.set_blocking(false);
    net::select_poller poller;
    poller.add(ours.native_handle(), net::interest::write, 0);
    int woken = 0;
    for (int i = 0; i < 1000; ++i) woken += poller.wait(net::never).size() == 1;
    say("1000 waits without a time limit; the number that ended at once: ", woken);
    poller.modify(ours.native_handle(), net::interest::none, 0);
    say("without that question, while there is nothing to send: ", poller.wait(net::duration::zero()).size(),
        " descriptors are ready");

    heading("A send that takes a part");
    const std::string message(8 * 1024 * 1024, 'm');
    const std::size_t sent = ours.send(message);
    say("the kernel took the whole message of 8 MiB: ",
        sent == message.size() ? "yes" : "no; the notes forget the rest");
    poller.modify(ours.native_handle(), net::interest::write, 0);
    say("now there is no room, so ", poller.wait(net::duration::zero()).size(), " descriptors are ready");

    heading("A client that has left");
    auto [served, client] = net::socket_pair();
    client.close();
    poller.add(served.native_handle(), net::interest::read, 1);
    std::size_t reported = 0, bytes = 0;
    for (int i = 0; i < 1000; ++i) {
        reported += poller.wait(net::never).size();
        char buffer[1024];
        bytes += served.recv(buffer);
    }
    say("1000 waits; the number that report the client: ", reported, "; bytes received: ", bytes);
    say("An empty receive is the end. The notes wait for a ConnectionResetError, which does not come.");
}

std::string answer_to(net::tcp_stream& client, const std::string& text) {
    client.send_all(text);
    std::string answer(text.size(), '\0');
    for (std::size_t filled = 0; filled < answer.size();) {
        const std::size_t size = client.recv(std::span{answer}.subspan(filled));
        if (size == 0) throw std::runtime_error{"the server has closed"};
        filled += size;
    }
    return answer;
}

void the_server() {
    heading("The server");
    net::tcp_listener listener{anywhere};
    const net::endpoint where = listener.local_endpoint();
    net::stop_event stop;
    write_queue_server server{std::move(listener), true};
    write_queue_server::statistics seen;
    example::background running{stop, [&] { seen = server.run(stop); }};
    net::tcp_stream other{where}, slow{where};
    const std::string flood(8 * 1024 * 1024, 'z');
    net::stop_event give_up;
    slow.stop_with(give_up);
    example::background sender{give_up, [&] {
                                   slow.send_all(flood);
                                   slow.shutdown(net::shutdown_direction::send);
                               }};
    int right = 0;
    for (int i = 0; i < 1000; ++i) right += answer_to(other, "ping") == "ping";
    say("one client sends 8 MiB and takes nothing; another asks 1000 times and gets ", right, " right answers");
    std::string back;
    std::array<char, 64 * 1024> buffer;
    while (const std::size_t size = slow.recv(buffer)) back.append(buffer.data(), size);
    sender.finish();
    say("then the first client receives all: ", back == flood ? "every byte, and the end" : "other bytes");

    std::vector<net::tcp_stream> crowd;
    while (crowd.size() < 100) crowd.emplace_back(where);
    right = 0;
    for (std::size_t i = 0; i < crowd.size(); ++i) {
        net::tcp_stream& each = crowd[i * 37 % crowd.size()];  // in another order than the clients have connected
        right += answer_to(each, std::to_string(i)) == std::to_string(i);
        each.shutdown(net::shutdown_direction::send);
        right += each.recv(buffer) == 0;
    }
    say("100 clients connect, and leave in another order: ", right, " of 200 answers and ends are right");
    other.shutdown(net::shutdown_direction::send);
    other.recv(buffer);
    stop.request_stop();
    running.finish();
    const bool bounded = seen.max_queued < write_queue_server::high_water + write_queue_server::receive_size;
    say("the longest queue stayed below its limit plus one receive: ", bounded ? "yes" : "no");
    say("clients left in the map: ", seen.clients_left);
}

void the_reactor() {
    heading("The same in the library");
    net::tcp_listener listener{anywhere};
    net::tcp_stream client{listener.local_endpoint()};
    const auto echo = [](net::connection& to, std::span<const std::byte> bytes) { to.send(bytes); };
    net::stop_event stop;
    net::reactor_server server{std::move(listener).into_socket(), echo, {}, net::select_poller{}};
    example::background running{stop, [&] { server.run(stop); }};
    say("a reactor_server on a select_poller answers ", answer_to(client, "hello"),
        "; lesson 21 has it on an epoll_poller");
    client.close();
    stop.request_stop();
    running.finish();
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--quiet]
       demo connect HOST PORT
       demo --help

An echo server on select(2) with a queue for each client. Without an argument: a demonstration.

  serve            sends every byte back to its client, until the client sends no more
  --bind ADDRESS   where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N         6666 by default; 0 lets the system choose
  --quiet          prints only the line `listening on ADDRESS:PORT`
  connect          sends what you type and shows what the server says; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    const auto demonstrate = [] {
        three_faults_of_the_notes();
        the_server();
        the_reactor();
    };
    return example::run(argc, argv, help, {.demonstrate = demonstrate, .serve = serve});
}
