// chat_page.cpp: a chat room in the browser: what one person writes, all see at once (beyond the notes)

#include <netnotes/http.hpp>

#include <iostream>
#include <set>

namespace net = netnotes;
namespace http = netnotes::http;

constexpr std::string_view page = R"html(<!DOCTYPE html>
<meta charset="utf-8"><title>Chat</title><h1>聊天室 (chat room)</h1>
<form><input id="text" autocomplete="off" autofocus> <button>发送 (send)</button></form>
<script>
// The page came by HTTP. The room speaks WebSocket.
const name = new URLSearchParams(location.search).get("name") || prompt("你的名字 (your name)") || "nobody";
// This opens the room. It ends with the page.
const room = new WebSocket(`ws://${location.host}/room?name=${encodeURIComponent(name)}`);
const show = line => document.body.append(Object.assign(document.createElement("p"), {textContent: line}));
// A stranger's line stays a text. It never becomes a part of the page.
room.onmessage = event => show(event.data);
room.onclose = event => show(`再见 (closed): ${event.code} ${event.reason}`);
document.forms[0].onsubmit = () => { room.send(text.value); text.value = ""; return false; };
</script>
)html";

std::set<http::websocket*> room;
struct seat {  // however a member leaves, its place becomes free
    explicit seat(http::websocket& who) : member{&who} { room.insert(member); }
    ~seat() { room.erase(member); }
    http::websocket* member;
};
void tell_all(const std::string& line) {
    std::cout << net::visible(line) << std::endl;
    for (http::websocket* each : room)  // post() does not wait, so nobody waits for a slow member
        if (!each->post(line)) each->close(http::websocket_close::policy, "too slow");
}
net::task<> talk(http::websocket& self, std::string name) {
    const seat here{self};
    tell_all(name + " 来了 (joins)");
    while (self.is_open()) {
        const auto message = co_await self.recv();  // nothing: the page is closed, or its network is gone
        if (message && message->what == http::websocket_opcode::text) tell_all(name + ": " + message->data);
    }
    tell_all(name + " 走了 (leaves)");
}
http::response answer(http::request& ask) {
    if (ask.path() == "/") return {200, std::string{page}, "text/html; charset=utf-8"};
    if (ask.path() != "/room") return http::not_found(ask);
    const std::string name = net::visible(ask.query("name").value_or("nobody"));
    return http::accept_websocket(ask, [name](http::websocket& self) { return talk(self, name); });
}

int main() try {
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::loopback(), 8000}};
    std::cout << "等待浏览器 (open http://localhost:8000 in two windows; Ctrl-C ends)" << std::endl;
    net::event_loop loop;
    loop.run(http::serve(std::move(listener), answer), stop);
} catch (const std::system_error& error) {
    std::cerr << "chat_page: " << error.what() << '\n';
    return 1;
}
