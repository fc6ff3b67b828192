// examples/09_udp_chat/demo.cpp: a chat of two with one thread on each side
//
//        simplex        a ─────────> b        one end sends, the other end receives: a radio station
//        half duplex    a <───or───> b        both ends send, but not at the same time: a walkie-talkie
//        full duplex    a ══════════ b        both ends send at the same time: a telephone, and every socket
//
//        keyboard ──┐                         A thread that waits for the keyboard does not see the socket. The notes
//                   ├── poll ── the one       take two threads. When one thread closes the socket, the other thread
//        socket   ──┘    that is ready        may wait in recvfrom() for ever. A single thread can wait for both.
//
// The notes say that simplex is "can only receive". But one end has to send. encode() and decode() have nothing to do
// with duplex: they turn text into bytes, and bytes into text.
//
// The notes:     网络编程 应用: 单全双工信息收发 (simplex and full duplex; a chat with two threads)
// Type:          demo
// You will see:  what demo.txt shows

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

/// Returns the line without its end. This chat sends the end of a line along, as nc does.
std::string_view without_end(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

/// Joins a keyboard, which is any descriptor with lines in it, and the peer of a connected socket.
class chat {
  public:
    static constexpr std::size_t longest =
        1200;  // bytes in a datagram: nearly every path takes them in one piece (RFC 9000 §14)

    chat(net::udp_socket socket, std::function<void(const std::string&)> show)
        : socket_{std::move(socket)}, show_{std::move(show)} {
        socket_.set_timeout(1s);  // limits a send
    }
    /// Runs until the keyboard ends or a stop is requested.
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
    /// Takes a few datagrams, not all: a peer that floods us must not keep us from the keyboard.
    void hear() {
        std::array<std::byte, longest> buffer;
        for (int i = 0; i < 16; ++i) {
            std::error_code error;
            const auto got = socket_.recv_from(buffer, error, MSG_DONTWAIT);
            if (error == std::errc::connection_refused) show_("(nobody is there: the last line is lost)");
            if (error) return;
            show_("< " + net::visible(without_end(net::as_text(got.bytes))) + (got.truncated ? " ..." : ""));
        }
    }
    /// Sends each line, or as much of it as fits, as a datagram. Returns false at the end of the input.
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
        if (error == std::errc::connection_refused) socket_.send(line_, error);  // the error was about the line before
        if (error) show_("(not sent: " + error.message() + ")");
        line_.clear();
    }

    net::udp_socket socket_;
    std::function<void(const std::string&)> show_;
    std::string line_;
};

// ---- The demonstration ----------------------------------------------------------------------------------

net::udp_socket bound() { return net::udp_socket{{net::ipv4_address::loopback(), 0}}; }

/// Runs a chat in a thread of its own, with a pair of sockets as its keyboard, and keeps the lines that it shows.
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
    /// Waits until the chat has shown `count` lines since the last call, and returns them.
    std::vector<std::string> shown(std::size_t count) {
        std::unique_lock lock{mutex_};
        if (!changed_.wait_for(lock, 5s, [&] { return shown_.size() >= count; }))
            throw std::runtime_error{"only " + std::to_string(shown_.size()) + " lines have arrived"};
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
    heading("单全双工信息收发: both type at once");
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
    say("a hundred lines in each direction, at once: does a see all? ", a.shown(100) == expected ? "yes" : "no",
        "; and b? ", b->shown(100) == expected ? "yes" : "no");

    heading("A peer's bytes are shown as text");
    b->stop();
    say("b waits and is stopped; a different socket takes its port");
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
    say("the bytes that clear a screen, red, a bell:   ", seen[0]);
    say("ESC [ as one character, half a character:     ", seen[1]);
    say("an empty datagram:                            ", seen[2]);
    say("1201 bytes:                                   ", seen[3].size() - 6, " bytes and",
        seen[3].substr(seen[3].size() - 4));
    say("a datagram of a stranger:                     ", seen.size() == 4 ? "nothing" : "something");

    heading("Nobody there");
    char buffer[100];
    peer.close();
    a.type("hello?\n");
    say("a sees: ", a.shown(1).front());
    net::udp_socket late{where_b};
    a.type("and now?\n");
    say("b is back, and gets: ", without_end(net::as_text(late.recv_from(buffer).bytes)));
    a.end_of_input();
    say("a's input ends, and a ends; the notes' two threads wait for ever");
}

constexpr std::string_view help = R"(usage: demo
       demo --help

A chat of two people who type at the same time, and what the peer may send.
The program chat of this lesson is the tool for two terminals.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"this example takes no arguments"};
        demonstrate();
    });
}
