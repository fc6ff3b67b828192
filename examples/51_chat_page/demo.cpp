// examples/51_chat_page/demo.cpp: a chat room in the browser, and the frames that travel
//
//        Li's browser                        server                        Wang's browser
//          GET /room, Upgrade: websocket ──>
//                                        <── 101 Switching Protocols
//          81 85 .. .. .. .. (masked)    ──> talk(Li) ── to all ──> 81 09 "Li: hello"
//
// After the 101 the connection carries frames in both directions, and the server speaks when it likes. Each member has a
// task that waits for its messages. What a member writes goes into the queue of every member, and nobody waits for a
// member that does not read.
//
// The notes:     TCP长/短连接的应用场景 (long and short connections). Its counterpart is chat_page.cpp
// Type:          demo                                    a demonstration
//                demo serve                              the room on port 8000; then open http://localhost:8000
// You will see:  what demo.txt shows: the handshake, frames byte by byte, a slow member, a foreign page

#include "../serving.hpp"

#include <algorithm>
#include <set>

using example::heading;
using example::say;
namespace http = netnotes::http;

namespace {

// ---- The room -------------------------------------------------------------------------------------------

class chat_room {
  public:
    explicit chat_room(http::websocket_options limits = {}, void (*on_line)(std::string_view) = nullptr)
        : limits_{limits}, on_line_{on_line} {}
    http::response answer(http::request& ask) {
        if (ask.path() == "/") return {200, std::string{page}, "text/html; charset=utf-8"};
        if (ask.path() != "/room") return http::not_found(ask);
        const std::string name = net::visible(ask.query("name").value_or("nobody").substr(0, 60));
        return http::accept_websocket(
            ask, [this, name](http::websocket& self) { return talk(self, name); }, limits_);
    }

  private:
    static constexpr std::string_view page = R"(<!DOCTYPE html>
<meta charset="utf-8"><title>51</title>
<form><input id="text" autofocus></form>
<script>
const name = new URLSearchParams(location.search).get("name") || prompt("your name") || "nobody";
// The page is HTTP. The room is not.
const room = new WebSocket(`ws://${location.host}/room?name=${encodeURIComponent(name)}`);
const show = line => document.body.append(Object.assign(document.createElement("p"), {textContent: line}));
// A stranger's line stays a text. It never becomes a part of the page.
room.onmessage = event => show(event.data);
room.onclose = event => show(`closed: ${event.code} ${event.reason}`);
document.forms[0].onsubmit = () => { room.send(text.value); text.value = ""; return false; };
</script>
)";

    class seat {
      public:
        seat(std::set<http::websocket*>& all, http::websocket& who) : all_{all}, who_{&who} { all_.insert(who_); }
        seat(const seat&) = delete;
        seat& operator=(const seat&) = delete;
        ~seat() { all_.erase(who_); }

      private:
        std::set<http::websocket*>& all_;
        http::websocket* who_;
    };
    void tell_all(std::string_view line) {
        if (on_line_) on_line_(line);
        for (http::websocket* each : members_)
            if (!each->post(line)) each->close(http::websocket_close::policy, "too slow");
    }
    net::task<> talk(http::websocket& self, std::string name) {
        const seat here{members_, self};
        tell_all(name + " joins");
        while (self.is_open()) {
            const auto message = co_await self.recv();
            if (message && message->what == http::websocket_opcode::text) tell_all(name + ": " + message->data);
        }
        tell_all(name + " leaves");
    }

    http::websocket_options limits_;
    void (*on_line_)(std::string_view);
    std::set<http::websocket*> members_;
};

void serve(const example::serve_options& options) {
    chat_room room{{}, options.quiet ? nullptr : +[](std::string_view line) { say(net::visible(line)); }};
    example::serve_http(options, [&room](http::request& ask) { return room.answer(ask); }, true);
}

// ---- The demonstration ----------------------------------------------------------------------------------

using opcode = http::websocket_opcode;
constexpr std::uint32_t mask = 0x37fa213d;  // of the example in RFC 6455; a browser takes a new random one for each frame

void show_text(std::string_view side, std::string_view text) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        say(side, line.starts_with("Date: ") ? "Date: (now)\\r" : net::visible(line));
    }
}
/// Prints the bytes of a frame and what they mean.
void show_frame(std::string_view side, std::string_view bytes, std::string_view meaning) {
    std::string hex;
    for (const char each : bytes.substr(0, 16)) {
        const auto byte = static_cast<unsigned char>(each);
        constexpr std::string_view digits = "0123456789abcdef";
        hex += digits[byte >> 4];
        hex += digits[byte & 15];
        hex += ' ';
    }
    say(side, hex, bytes.size() > 16 ? "..  " : " ", meaning);
}

/// A browser: it opens the room, says lines and hears them.
class browser {
  public:
    net::task<> open(net::endpoint where, std::string name, std::string more = "", bool shows = false) {
        server_ = co_await net::async_stream::connect(where);
        const std::string request = "GET /room?name=" + name +
                                    " HTTP/1.1\r\nHost: localhost:8000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
                                    more + "\r\n";
        co_await server_.send_all(request);
        std::string head;
        while (head.find("\r\n\r\n") == head.npos) {
            const auto bytes = co_await server_.recv();
            if (bytes.empty()) break;
            head += net::as_text(bytes);
        }
        const std::size_t end = std::min(head.find("\r\n\r\n"), head.size() - 4) + 4;
        if (shows) {
            show_text("  > ", request);
            say("");
            show_text("  < ", std::string_view{head}.substr(0, head.starts_with("HTTP/1.1 101") ? end : head.npos));
        }
        heard_.receive(std::string_view{head}.substr(end));
    }
    net::task<> say_line(std::string line, bool shows = false) {
        std::string frame;
        http::write_frame(frame, opcode::text, line, true, mask);
        if (shows) show_frame("  > ", frame, "text, 5 bytes, mask 37 fa 21 3d: \"" + line + "\"");
        co_await server_.send_all(frame);
    }
    net::task<> leave() {
        std::string frame;
        http::write_close(frame, http::websocket_close::normal, "bye", mask);
        show_frame("  > ", frame, "close, 1000, \"bye\"");
        co_await server_.send_all(frame);
        const auto last = co_await hear();
        std::string same;
        http::write_close(same, last.why);
        show_frame("  < ", same, "close, 1000");
        const auto end = co_await server_.recv();
        if (end.empty()) say("  < the end of the connection");
    }
    /// Returns the next message.
    net::task<http::websocket_message> hear() {
        for (;;) {
            std::optional<http::websocket_message> message = heard_.next();
            if (message) co_return std::move(*message);
            const auto bytes = co_await server_.recv();
            if (bytes.empty()) throw std::runtime_error{"the server has closed the connection"};
            heard_.receive(net::as_text(bytes));
        }
    }

  private:
    net::async_stream server_;
    http::websocket_reader heard_{http::websocket_reader::role::client};
};

net::task<> meet(net::endpoint where) {
    say("Li opens the room. The request is HTTP, and asks for something else:\n");
    browser li, wang;
    co_await li.open(where, "Li", "Origin: http://localhost:8000\r\n", true);
    auto line = co_await li.hear();
    say("\nFrom here on the connection carries frames. The server speaks first:\n");
    std::string frame;
    http::write_frame(frame, opcode::text, line.data);
    show_frame("  < ", frame, "text, 8 bytes: \"" + line.data + "\"");
    co_await wang.open(where, "Wang");
    line = co_await li.hear();
    say("  < (to Li) ", line.data);
    line = co_await wang.hear();
    say("  < (to Wang) ", line.data);
    say("\nLi writes. A browser masks its bytes, and a server does not:\n");
    co_await li.say_line("hello", true);
    line = co_await li.hear();
    say("  < (to Li) ", line.data);
    line = co_await wang.hear();
    say("  < (to Wang) ", line.data);
    say("\nWang closes the page. Each side says so, and then the server ends the connection:\n");
    co_await wang.leave();
    line = co_await li.hear();
    say("  < (to Li) ", line.data);
}
/// A member that reads nothing. The kernel holds some of its lines, then the room does, and then it is shown out.
net::task<> be_slow(net::endpoint where) {
    browser li, slow;
    co_await li.open(where, "Li");
    auto line = co_await li.hear();
    co_await slow.open(where, "Zhang");
    line = co_await li.hear();
    say("Li and Zhang are in the room. Zhang's browser reads nothing, and Li goes on writing.");
    const std::string text(10'000, 'x');
    std::size_t said = 0, heard = 0;
    for (bool is_there = true; is_there;) {
        co_await li.say_line(text);
        ++said;
        for (bool is_own = false; !is_own;) {
            line = co_await li.hear();
            is_own = line.data.ends_with(text);
            heard += is_own ? 1 : 0;
            if (line.data == "Zhang leaves") is_there = false;
        }
    }
    say("Li hears: Zhang leaves");
    say(said == heard ? "Li has heard every line of the others. Only Zhang is gone." : "Lines are missing.");
}
net::task<> beside(net::tcp_listener listener) {
    const net::endpoint where = listener.local_endpoint();
    http::websocket_options limits;
    limits.max_queued = 64 * 1024;
    limits.send_timeout = std::chrono::milliseconds{100};
    chat_room room{limits};
    const auto answer = [&room](http::request& ask) { return room.answer(ask); };
    auto server = net::spawn(http::serve(std::move(listener), answer), "server");

    heading("Two browsers in a room");
    co_await meet(where);
    heading("A member that does not read");
    co_await be_slow(where);
    heading("A page of another site");
    say("Any page may open a WebSocket to any server, and the browser sends the cookies along. But it says whose page it is:\n");
    browser stranger;
    co_await stranger.open(where, "Li", "Origin: http://evil.example\r\n", true);
    server.cancel();
    std::error_code how;
    try {
        co_await server.join();
    } catch (const std::system_error& error) {
        how = error.code();
    }
    if (how != std::errc::operation_canceled) throw std::system_error{how};
}

void demonstrate() {
    net::event_loop loop;
    loop.run(beside(net::tcp_listener{{net::ipv4_address::loopback(), 0}}));
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--quiet]
       demo connect HOST PORT
       demo --help

A chat room whose members are browsers. Without an argument: a demonstration.

  serve             serves the page at / and the room at /room until Ctrl-C, and prints what is said
  --bind ADDRESS    where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N          8000 by default, because browsers refuse 6666; 0 lets the system choose
  --quiet           prints only the line `listening on ADDRESS:PORT`
  connect           sends what you type and shows what the server says; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    example::roles roles;
    roles.port = 8000;
    roles.demonstrate = demonstrate;
    roles.serve = serve;
    return example::run(argc, argv, help, roles);
}
