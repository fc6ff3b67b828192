// chat_room.cpp PORT: the first line of a client is its name, and each further line goes to everybody

#include <netnotes/coro.hpp>

#include <list>
#include <memory>

namespace net = netnotes;

using people = std::list<net::async_buffered_stream>;

void tell(people& all, const std::string& text) {
    for (auto& each : all)
        if (!each.try_send(text + '\n')) each.stream().close();  // it does not read: its task ends
}

net::task<> talk(people& all, net::async_stream stream) {
    const auto me = all.emplace(all.end(), std::move(stream));
    std::string name;
    const auto leave = [&](void*) {
        all.erase(me);
        if (!name.empty()) tell(all, name + " has left");
    };
    const std::unique_ptr<void, decltype(leave)> at_the_end{&all, leave};
    while (const auto line = co_await me->recv_line()) {
        tell(all, name.empty() ? std::string{*line} + " is here" : name + ": " + std::string{*line});
        if (name.empty()) name = *line;
    }
}

int main(int, char** argv) {
    people all;
    const auto handler = [&](net::async_stream stream) { return talk(all, std::move(stream)); };
    const net::endpoint where{net::ipv6_address::any(), net::read_number<std::uint16_t>(argv[1])};
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::event_loop{}.run(net::serve(where, handler), stop);
}
