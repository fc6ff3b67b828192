// examples/09_udp_chat/demo.cpp: two people, both may talk at once
//
//        simplex        a ─────────> b        one end only sends, the other only receives: a broadcast station
//        half duplex    a <───or───> b        both may send, but not at the same time: a walkie-talkie
//        full duplex    a ══════════ b        both at the same time: a telephone, and every socket
//
//        keyboard ──┐                         A program that waits for the keyboard is deaf, and one that waits for the
//                   ├── poll ── whichever     peer is dumb. The notes have a thread for each, and no way to end them: a
//        socket   ──┘           is ready      thread in recvfrom() is not woken when another closes the socket. One
//                                             thread that waits for both at once needs neither.
//
// Simplex is not "can only receive", as the notes have it: somebody has to send. And encode() and decode() have no part
// in duplex: they turn text into bytes, and bytes into text.
//
// The notes:     网络编程 应用: 单全双工信息收发 (simplex and full duplex; a chat with two threads)
// Type:          demo                                a demonstration
//                demo --port 7001 localhost 7002     in one terminal, and in another
//                demo --port 7002 localhost 7001     type, on both; Ctrl-D or Ctrl-C ends one
//                nc -u -p 7002 localhost 7001               does as well
// You will see:  what demo.txt shows; in the terminals, "< " and what the other has typed

#include <netnotes/udp.hpp>

#include "../demo.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <tuple>

using example::heading;
using example::say;

namespace {

using namespace std::chrono_literals;

// ---- The chat -------------------------------------------------------------------------------------------

/// nc sends the end of a line along, and needs it; so this chat does, too.
std::string_view without_end(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

/// Between a keyboard, that is any descriptor with lines in it, and the peer of a connected socket.
class chat {
  public:
    static constexpr std::size_t longest = 1200;  // bytes in a datagram: hardly a path cuts that up (RFC 9000 §14)

    chat(net::udp_socket socket, std::function<void(const std::string&)> show)
        : socket_{std::move(socket)}, show_{std::move(show)} {
        socket_.set_timeout(1s);  // for a send
    }
    /// Until the keyboard ends, or a stop.
    void run(int keyboard, const net::stop_event& stop) {
        socket_.stop_with(stop);
        for (;;) {
            pollfd watched[] = {
                {keyboard, POLLIN, 0}, {socket_.native_handle(), POLLIN, 0}, {stop.native_handle(), POLLIN, 0}};
            if (::poll(watched, std::size(watched), -1) < 0 && errno != EINTR)
                throw std::system_error{errno, std::system_category(), "poll"};
            if (stop.stop_requested()) return;
            if (watched[1].revents != 0) hear();
            if (watched[0].revents != 0 && !type(keyboard)) return;
        }
    }

  private:
    /// A few datagrams, and not all that are there: one who floods us must not take the keyboard from us.
    void hear() {
        std::array<std::byte, longest> buffer;
        for (int i = 0; i < 16; ++i) {
            std::error_code error;
            const auto got = socket_.recv_from(buffer, error, MSG_DONTWAIT);
            if (error == std::errc::connection_refused) show_("(nobody is there: the last line was not heard)");
            if (error) return;
            show_("< " + net::visible(without_end(net::as_text(got.bytes))) + (got.truncated ? " ..." : ""));
        }
    }
    /// Each line, or as much of it as fits, is a datagram. Returns false at the end.
    bool type(int keyboard) {
        char buffer[longest];
        const auto size = ::read(keyboard, buffer, sizeof buffer);
        if (size < 0 && (errno == EINTR || errno == EAGAIN)) return true;
        if (size < 0) throw std::system_error{errno, std::system_category(), "keyboard"};
        for (const char c : std::string_view{buffer, static_cast<std::size_t>(size)}) {
            line_ += c;
            if (c == '\n' || line_.size() == longest) send();
        }
        if (size == 0 && !line_.empty()) send();
        return size > 0;
    }
    void send() {
        std::error_code error;
        socket_.send(line_, error);
        if (error == std::errc::connection_refused) socket_.send(line_, error);  // it was about the line before
        if (error) show_("(not sent: " + error.message() + ")");
        line_.clear();
    }

    net::udp_socket socket_;
    std::function<void(const std::string&)> show_;
    std::string line_;
};

// ---- The demonstration ----------------------------------------------------------------------------------

net::udp_socket bound() { return net::udp_socket{{net::ipv4_address::loopback(), 0}}; }

/// The real chat in a thread, with a pair of sockets for a keyboard. What it shows is kept, to be told in order.
class person {
  public:
    person(net::udp_socket socket, const net::endpoint& peer) {
        socket.connect(peer);
        std::tie(reads_, types_) = net::socket_pair();
        chat_.emplace(std::move(socket), [this](const std::string& line) {
            const std::lock_guard lock{mutex_};
            shown_.push_back(line);
            changed_.notify_all();
        });
        running_.emplace(stop_, [this] { chat_->run(reads_.native_handle(), stop_); });
    }
    void type(const std::string& text) { types_.send_all(text); }
    /// What it has shown since the last time, once it is so many lines.
    std::vector<std::string> shown(std::size_t count) {
        std::unique_lock lock{mutex_};
        if (!changed_.wait_for(lock, 5s, [&] { return shown_.size() >= count; }))
            throw std::runtime_error{"only " + std::to_string(shown_.size()) + " lines have come"};
        return std::exchange(shown_, {});
    }
    void end_of_input() {
        types_.close();
        running_->finish();
    }
    void stop() {
        stop_.request_stop();
        running_->finish();
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> shown_;
    net::socket reads_, types_;
    net::stop_event stop_;
    std::optional<chat> chat_;
    std::optional<example::background> running_;  // the last, so that the rest is there when it begins
};

void demonstrate() {
    net::udp_socket socket_a = bound(), socket_b = bound();
    const net::endpoint where_a = socket_a.local_endpoint(), where_b = socket_b.local_endpoint();
    person a{std::move(socket_a), where_b};
    auto b = std::make_unique<person>(std::move(socket_b), where_a);
    heading("单全双工信息收发: both at once");
    a.type("how are you?\n");
    b->type("你好\n");
    say("a and b type at the same time");
    say("a sees: ", a.shown(1).front());
    say("b sees: ", b->shown(1).front());
    std::vector<std::string> expected;
    for (int i = 1; i <= 100; ++i) {
        a.type("line " + std::to_string(i) + '\n');
        b->type("line " + std::to_string(i) + '\n');
        expected.push_back("< line " + std::to_string(i));
    }
    say("a hundred lines in each direction, at once: a sees all, ", a.shown(100) == expected ? "yes" : "no", "; b, ",
        b->shown(100) == expected ? "yes" : "no");

    heading("Whatever a peer sends is only text");
    b->stop();
    say("b is stopped in the middle of its wait; somebody else takes its port");
    b.reset();
    net::udp_socket peer{where_b}, stranger = bound();
    stranger.send_to("let me in", where_a);
    peer.send_to("\x1b[2J\x1b[31mred\a", where_a);
    peer.send_to(
        "\xc2\x9b"
        "31m, \xff\xfe, \xe4\xbd",
        where_a);
    peer.send_to("", where_a);
    peer.send_to(std::string(1201, 'x'), where_a);
    const auto seen = a.shown(4);
    say("a sees, of the screen cleared, red, a bell:   ", seen[0]);
    say("of ESC [ as one character, half a character:  ", seen[1]);
    say("of an empty datagram:                         ", seen[2]);
    say("of 1201 bytes:                                ", seen[3].size() - 6, " bytes and",
        seen[3].substr(seen[3].size() - 4));
    say("of a stranger, who is not its peer:           ", seen.size() == 4 ? "nothing" : "something");

    heading("Nobody there");
    char buffer[100];
    peer.close();
    a.type("hello?\n");
    say("a sees: ", a.shown(1).front());
    net::udp_socket late{where_b};
    a.type("and now?\n");
    say("b is back, and gets: ", without_end(net::as_text(late.recv_from(buffer).bytes)));
    a.end_of_input();
    say("a's keyboard ends, and so does a: the notes' two threads wait for ever");
}

// ---- The tool -------------------------------------------------------------------------------------------

net::udp_socket connected(const std::string& host, std::uint16_t port, const std::optional<net::ip_address>& bind,
                          std::uint16_t own_port) {
    std::error_code error = std::make_error_code(std::errc::address_family_not_supported);
    for (const net::endpoint& peer : net::resolve(host, port, {.type = net::socket_type::datagram})) {
        const bool v4 = peer.address().is_v4();
        if (bind && bind->is_v4() != v4) continue;
        const net::ip_address any = v4 ? net::ip_address{net::ipv4_address::any()} : net::ipv6_address::any();
        net::udp_socket socket{{bind.value_or(any), own_port}, {}, error};
        if (!error) socket.connect(peer, error);
        if (!error) return socket;
    }
    throw std::system_error{error, "chat with " + host};
}

constexpr std::string_view help = R"(usage: demo
       demo [--bind ADDRESS] [--port N] PEER_HOST PEER_PORT
       demo --help

A chat of two, who may both type at once. Without an argument: a demonstration.

  --bind ADDRESS   our own: any (the default), 127.0.0.1, ::1, ...
  --port N         our own port, to which the other sends: 6666 by default
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        const auto bind_text = words.value("--bind");
        const auto port = words.number("--port", 0, 65535);
        const auto rest = words.rest();
        if (rest.empty() && !bind_text && !port) return demonstrate();
        if (rest.size() != 2) throw example::usage_error{"either nothing, or PEER_HOST PEER_PORT"};
        const auto bind = bind_text ? net::ip_address::parse(*bind_text) : std::nullopt;
        if (bind_text && !bind) throw example::usage_error{"--bind takes an address, not '" + *bind_text + "'"};
        const auto peer_port =
            static_cast<std::uint16_t>(example::arguments::to_number("PEER_PORT", rest[1], 1, 65535));
        for (const int signal : {SIGINT, SIGTERM})
            std::signal(signal, SIG_IGN);  // a second one must not kill us at the end
        net::stop_event stop;
        const net::stop_on_signals signals{stop};
        net::udp_socket socket = connected(rest[0], peer_port, bind, static_cast<std::uint16_t>(port.value_or(6666)));
        say("chatting from ", socket.local_endpoint(), " with ", socket.peer_endpoint());
        chat{std::move(socket), [](const std::string& line) { say(line); }}.run(STDIN_FILENO, stop);
    });
}
