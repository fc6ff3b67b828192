#include "room.hpp"

#include <set>

namespace net = netnotes;

namespace {

struct member;  // keeps every line for a member that does not receive
using members = std::set<member*>;
struct member {
    explicit member(members& all) : room{all} { room.insert(this); }
    ~member() { room.erase(this); }
    members& room;
    net::channel<std::string> lines{1'000'000};
    net::async_event is_slow;
};

net::task<> hear(net::async_stream& stream, member& self) {
    std::string text;
    while (text.size() <= 64 * 1024) {
        const auto bytes = co_await stream.recv();
        if (bytes.empty()) co_return;
        text += net::as_text(bytes);
        for (std::size_t end = 0; (end = text.find('\n')) != text.npos; text.erase(0, end + 1))
            for (member* const each : self.room)  // try_send() does not wait
                if (each != &self && !each->lines.try_send(text.substr(0, end + 1))) each->is_slow.set();
    }
}
net::task<> tell(net::async_stream& stream, member& self) {
    co_await stream.send_all("welcome\n");
    for (;;) {
        const auto line = co_await self.lines.receive();
        co_await stream.send_all(*line);
    }
}
net::task<> notice(member& self) { co_await self.is_slow.wait(); }

net::task<> converse(net::async_stream stream, members& room) try {
    member self{room};
    co_await net::when_any(hear(stream, self), tell(stream, self), notice(self));  // the first that ends closes the connection
} catch (const std::system_error&) {}  // the member has gone

}  // namespace

net::task<> chat(net::async_listener listener) {
    members room;
    const auto accept = [&](net::task_group& group) -> net::task<> {
        for (;;) {
            auto accepted = co_await listener.accept();
            group.spawn(converse(std::move(accepted.stream), room));
        }
    };
    co_await net::with_group(accept);
}
