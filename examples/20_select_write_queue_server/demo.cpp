// examples/20_select_write_queue_server/demo.cpp: a queue for each client, of what he has not yet taken
//
//                     ┌───────── the server ─────────┐
//        client ───>  recv ──> queue ──> send ──> ... ───>  client
//                       ^        |         ^
//                       |        |         └── wait for room to write: only while there is something in the queue
//                       |        └── 64 KiB: more is not taken in ...
//                       └── ... so wait for something to read: only while there is room in the queue
//
// 19 takes nothing new from a client before he has taken what it holds. Here he may be some way ahead, as far as his
// queue goes. The two questions in the picture are all that is asked of select, and both follow from the queue.
//
// The notes:     包含writeList服务器 (the server with write lists)
// Type:          demo                            a demonstration
//                demo serve --port 6666          the server; Ctrl-C stops it
//                demo connect localhost 6666     a client: type, and see it come back
// You will see:  what demo.txt shows: a loop that never sleeps, a send that takes a part, a
//                client who has left and is reported for ever; and the server to which none of it happens

#include "../demo.hpp"

#include <netnotes/server.hpp>

#include <map>

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

// ---- The server -----------------------------------------------------------------------------------------

class write_queue_server {
  public:
    static constexpr std::size_t high_water = 64 * 1024;
    static constexpr std::size_t receive_size = 16 * 1024;  ///< what one receive brings at most
    struct statistics {
        std::size_t max_queued = 0;   ///< bytes, for one client
        std::size_t clients_left = 0;  ///< in the books, at the end
    };

    write_queue_server(net::tcp_listener listener, bool quiet) : listener_{std::move(listener)}, quiet_{quiet} {
        listener_.set_blocking(false);  // and with it those that it accepts
    }
    statistics run(const net::stop_event& stop) {
        poller_.add(stop.native_handle(), net::interest::read, to_stop);
        poller_.add(listener_.native_handle(), net::interest::read, at_the_door);
        for (;;) {
            const auto events = poller_.wait(time_to_wait());
            now_ = net::clock::now();
            for (const net::event& happened : events) {
                if (happened.token == to_stop) return close_all();
                if (happened.token == at_the_door) {
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
    struct client {
        net::tcp_stream stream;
        net::endpoint peer;
        net::time_point active;
        std::string queue{};     ///< of bytes, and not of messages as in the notes: a send may take half of one
        bool has_ended = false;  ///< he has no more to say, and may still be listening
        std::size_t echoed = 0;
    };
    using client_map = std::map<std::uint64_t, client>;
    static constexpr std::uint64_t to_stop = 0, at_the_door = 1;
    static constexpr net::duration patience = 5min;  // with a client from whom and to whom no byte goes

    static net::interest wanted(const client& who) {
        net::interest what = net::interest::none;
        if (!who.has_ended && who.queue.size() < high_water) what |= net::interest::read;
        if (!who.queue.empty()) what |= net::interest::write;
        return what;
    }
    /// false: he is gone.
    bool serve(std::uint64_t id, client& who, net::interest ready) {
        std::error_code error;
        if (any_of(ready, net::interest::read)) receive(who, error);
        if (!error && !who.queue.empty()) send(who, error);  // there is nearly always room, so why wait to be told?
        if (error || (who.has_ended && who.queue.empty())) return gone(who, error);
        poller_.modify(who.stream.native_handle(), wanted(who), id);
        return true;
    }
    void receive(client& who, std::error_code& error) {
        const std::size_t size = who.stream.recv(buffer_, error);
        if (error == std::errc::operation_would_block) return error.clear();
        if (error) return;
        // An empty receive is the end. The notes put it into the queue, and are told of it at once, for ever.
        who.has_ended = size == 0;
        who.queue.append(buffer_.data(), size);
        who.active = now_;
        statistics_.max_queued = std::max(statistics_.max_queued, who.queue.size());
    }
    void send(client& who, std::error_code& error) {
        const std::size_t sent = who.stream.send(who.queue, error);
        if (error == std::errc::operation_would_block) return error.clear();
        if (error) return;
        who.queue.erase(0, sent);  // the rest stays the first in the queue. In the notes it is lost
        who.echoed += sent;
        who.active = now_;
    }
    void accept_clients() {
        for (int turn = 0; turn < 64; ++turn) {  // then those who are here have theirs
            std::error_code error;
            auto [stream, peer] = listener_.accept(error);
            if (error == std::errc::operation_would_block) return;
            if (error) {  // no descriptor is free, say. He waits in the queue, and select would tell us so for ever
                std::cerr << "accept: " << error.message() << '\n';
                poller_.modify(listener_.native_handle(), net::interest::none, at_the_door);
                pause_end_ = now_ + 100ms;
                return;
            }
            try {
                poller_.add(stream.native_handle(), net::interest::read, next_id_);
            } catch (const std::system_error& failure) {  // a descriptor that select cannot hold: see 19
                if (!quiet_) say(peer, "  refused: ", failure.what());
                continue;
            }
            if (!quiet_) say(peer, "  connected");
            clients_.emplace(next_id_++, client{std::move(stream), peer, now_});
        }
    }
    /// Everything that there is of a client stands in one place, so it cannot be forgotten by half: out of one list
    /// and not the other, his queue deleted and his socket not closed, as it is in the notes.
    void forget(client_map::iterator who) {
        poller_.remove(who->second.stream.native_handle());
        clients_.erase(who);
        pause_end_ = now_;  // there is a descriptor again
    }
    bool gone(client& who, const std::error_code& why) const {
        example::reset_if(!who.queue.empty(), who.stream);
        if (!quiet_) say(who.peer, "  gone: ", example::farewell(why), ", after ", who.echoed, " bytes");
        return false;
    }
    /// A stop ends all conversations where they are. (The reactor's, in 21, sends what is queued.)
    statistics close_all() {
        statistics_.clients_left = clients_.size();
        poller_ = {};  // before they are closed, as ever
        for (auto& [id, who] : clients_) gone(who, std::make_error_code(std::errc::operation_canceled));
        clients_.clear();
        listener_ = {};
        return statistics_;
    }
    net::duration time_to_wait() const {
        net::time_point wake = pause_end_;
        for (const auto& [id, who] : clients_) wake = std::min(wake, who.active + patience);
        return wake == net::time_point::max() ? net::never : wake - net::clock::now();
    }
    void look_at_the_clock() {
        if (now_ >= pause_end_) {
            pause_end_ = net::time_point::max();
            poller_.modify(listener_.native_handle(), net::interest::read, at_the_door);
        }
        for (auto next = clients_.begin(); next != clients_.end();)
            if (const auto who = next++; now_ >= who->second.active + patience) {
                gone(who->second, std::make_error_code(std::errc::timed_out));
                forget(who);
            }
    }

    net::tcp_listener listener_;
    bool quiet_;
    client_map clients_;
    net::select_poller poller_;
    std::uint64_t next_id_ = 2;
    net::time_point now_{}, pause_end_ = net::time_point::max();
    std::array<char, receive_size> buffer_;
    statistics statistics_;
};

void serve(const example::serve_options& options) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    example::raise_descriptor_limit();
    net::tcp_listener listener{options.where};
    listener.set_option(net::option::no_delay{});
    example::announce(listener.local_endpoint());
    write_queue_server{std::move(listener), options.quiet}.run(stop);
}

// ---- The demonstration ----------------------------------------------------------------------------------

const net::endpoint anywhere{net::ipv4_address::loopback(), 0};

void three_loops_of_the_notes() {
    heading("Waiting for room to write, with nothing to write");
    auto [ours, theirs] = net::socket_pair();
    ours.set_blocking(false);
    net::select_poller poller;
    poller.add(ours.native_handle(), net::interest::write, 0);
    int woken = 0;
    for (int i = 0; i < 1000; ++i) woken += poller.wait(net::never).size() == 1;
    say("of 1000 waits without a time limit, so many were over at once: ", woken);
    poller.modify(ours.native_handle(), net::interest::none, 0);
    say("asked for nothing, as long as there is nothing to send: ", poller.wait(net::duration::zero()).size());

    heading("A send that takes a part");
    const std::string message(8 * 1024 * 1024, 'm');
    const std::size_t sent = ours.send(message);
    say("the whole message of 8 MiB was taken: ", sent == message.size() ? "yes" : "no; the notes forget the rest");
    poller.modify(ours.native_handle(), net::interest::write, 0);
    say("now there is no room: ", poller.wait(net::duration::zero()).size(), " descriptors are ready");

    heading("A client who has left");
    auto [served, client] = net::socket_pair();
    client.close();
    poller.add(served.native_handle(), net::interest::read, 1);
    std::size_t reported = 0, bytes = 0;
    for (int i = 0; i < 1000; ++i) {
        reported += poller.wait(net::never).size();
        char buffer[1024];
        bytes += served.recv(buffer);
    }
    say("of 1000 waits, so many report him: ", reported, "; he has sent so many bytes: ", bytes);
    say("That is his end. The notes wait for a ConnectionResetError, and which of two names it has they do not agree.");
}

std::string answer_to(net::tcp_stream& client, const std::string& text) {
    client.send_all(text);
    std::string answer(text.size(), '\0');
    for (std::size_t filled = 0; filled < answer.size();) {
        const std::size_t size = client.recv(std::span{answer}.subspan(filled));
        if (size == 0) throw std::runtime_error{"the server has hung up"};
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
    say("while one sends 8 MiB and takes nothing, another asks 1000 times and hears ", right, " right answers");
    std::string back;
    std::array<char, 64 * 1024> buffer;
    while (const std::size_t size = slow.recv(buffer)) back.append(buffer.data(), size);
    sender.finish();
    say("he says that this was all, and then takes it, and the end: ", back == flood ? "every byte" : "something else");

    std::vector<net::tcp_stream> crowd;
    while (crowd.size() < 100) crowd.emplace_back(where);
    right = 0;
    for (std::size_t i = 0; i < crowd.size(); ++i) {
        net::tcp_stream& each = crowd[i * 37 % crowd.size()];  // in another order than they came
        right += answer_to(each, std::to_string(i)) == std::to_string(i);
        each.shutdown(net::shutdown_direction::send);
        right += each.recv(buffer) == 0;
    }
    say("100 clients come, and leave in another order: ", right, " of 200 answers and ends are right");
    other.shutdown(net::shutdown_direction::send);
    other.recv(buffer);
    stop.request_stop();
    running.finish();
    const bool bounded = seen.max_queued < write_queue_server::high_water + write_queue_server::receive_size;
    say("the longest queue stayed below the mark and one receive: ", bounded ? "yes" : "no");
    say("clients left in the books: ", seen.clients_left);
}

void the_same_from_the_box() {
    heading("The same, by the library");
    net::tcp_listener listener{anywhere};
    net::tcp_stream client{listener.local_endpoint()};
    const auto echo = [](net::connection& to, std::span<const std::byte> bytes) { to.send(bytes); };
    net::stop_event stop;
    net::reactor_server server{std::move(listener).into_socket(), echo, {}, net::select_poller{}};
    example::background running{stop, [&] { server.run(stop); }};
    say("a reactor_server on a select_poller says ", answer_to(client, "hello"), "; on an epoll_poller it is 21");
    client.close();
    stop.request_stop();
    running.finish();
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--quiet]
       demo connect HOST PORT
       demo --help

An echo server on select(2) with a queue for each client. Without an argument: a demonstration.

  serve            sends every client back what he says, until he has no more to say
  --bind ADDRESS   where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N         6666 by default; 0 lets the system choose
  --quiet          only the line `listening on ADDRESS:PORT`
  connect          sends what you type and shows what the server says; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    const auto demonstrate = [] {
        three_loops_of_the_notes();
        the_server();
        the_same_from_the_box();
    };
    const auto connect = [](const std::string& host, std::uint16_t port) {
        example::talk(net::tcp_stream::connect(host, port));
    };
    return example::run(argc, argv, help, {.demonstrate = demonstrate, .serve = serve, .connect = connect});
}
