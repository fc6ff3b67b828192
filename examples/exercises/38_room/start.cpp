#include "room.hpp"

#include <list>

namespace net = netnotes;

static net::task<> converse(net::async_stream stream, std::list<net::async_stream*>& room) try {
    const auto place = room.insert(room.end(), &stream);
    co_await stream.send_all("welcome\n");
    std::string text;
    for (auto bytes = co_await stream.recv(); !bytes.empty(); bytes = co_await stream.recv()) {
        text += net::as_text(bytes);
        for (std::size_t end = 0; (end = text.find('\n')) != text.npos; text.erase(0, end + 1))
            for (net::async_stream* const each : room)
                if (each != &stream) co_await each->send_all(text.substr(0, end + 1));
    }
    room.erase(place);
} catch (const std::system_error&) {}  // the member has gone

net::task<> chat(net::async_listener listener) {
    std::list<net::async_stream*> room;
    const auto accept = [&](net::task_group& group) -> net::task<> {
        for (;;) {
            auto accepted = co_await listener.accept();
            group.spawn(converse(std::move(accepted.stream), room));
        }
    };
    co_await net::with_group(accept);
}
