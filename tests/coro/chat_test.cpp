// A chat room of thirty lines, and people who are many, leave without a word, or never read.

#include <netnotes/coro.hpp>

#include "../back_end.hpp"
#include "../support.hpp"

#include <sys/resource.h>

#include <list>
#include <string>

using namespace std::chrono_literals;

namespace {

// ---- the chat room: thirty lines

class chat_room {
  public:
    net::task<> talk(net::async_stream connection) {
        const member me{people_, std::move(connection)};
        const auto name = co_await me->recv_line();
        if (!name) co_return;
        const std::string prefix = std::string{*name} + ": ";
        tell_all("* " + std::string{*name} + " is here\n");
        for (;;) {
            const auto line = co_await me->recv_line();
            if (!line) co_return;
            tell_all(prefix + std::string{*line} + "\n");
        }
    }
    void tell_all(const std::string& text) {
        for (net::async_buffered_stream& each : people_)
            if (!each.try_send(text)) each.stream().close();  // reads too slowly: its task ends
    }

  private:
    struct member {
        member(std::list<net::async_buffered_stream>& all, net::async_stream&& connection)
            : people{all}, place{all.emplace(all.end(), std::move(connection))} {}
        ~member() { people.erase(place); }
        net::async_buffered_stream* operator->() const { return &*place; }
        std::list<net::async_buffered_stream>& people;
        std::list<net::async_buffered_stream>::iterator place;
    };
    std::list<net::async_buffered_stream> people_;
};
// int main() { chat_room room; net::event_loop loop; loop.run(net::serve(where, [&](auto s) { return room.talk(...); })); }

// ---- the people

net::task<net::async_buffered_stream> joins(net::endpoint where, std::string name) {
    net::async_buffered_stream me{co_await net::async_stream::connect(where)};
    co_await me.write(name + "\n");
    co_await me.flush();
    co_return me;
}
/// Reads until the line has come. Returns how many lines came before it.
net::task<int> reads_until(net::async_buffered_stream& me, std::string last) {
    for (int lines = 0;; ++lines) {
        const auto line = co_await me.recv_line();
        if (!line) throw std::runtime_error{"the room has hung up"};
        if (*line == last) co_return lines;
    }
}

}  // namespace

TEST_CASE("a chat for a thousand people, in which a person who never reads harms nobody") {
    ::rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    const int people = descriptors.rlim_cur > 2'200 ? 1'000 : 100;
    test_loop loop;
    chat_room room;
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    const net::endpoint where = listener.local_endpoint();
    net::serve_options options;
    options.max_connections = 2'000;
    options.on_error = nullptr;
    const auto talk = [&room](net::async_stream connection) { return room.talk(std::move(connection)); };
    loop.run([&]() -> net::task<> {
        auto server = net::spawn(net::serve(std::move(listener), talk, options));
        net::async_buffered_stream silent = co_await joins(where, "silent");  // joins, and never reads
        std::vector<net::async_buffered_stream> all;
        std::vector<net::task<net::async_buffered_stream>> joining;
        for (int i = 0; i + 1 < people; ++i) joining.push_back(joins(where, "p" + std::to_string(i)));
        all = co_await net::when_all(std::move(joining));
        all.push_back(co_await joins(where, "last"));
        std::vector<net::task<int>> arriving;
        for (auto& each : all) arriving.push_back(reads_until(each, "* last is here"));
        co_await net::when_all(std::move(arriving));
        const std::string much(10'000, 'x');
        const int lines = 1'000;  // 10 MB: more than the kernel and the bound hold for the silent person
        all.erase(all.begin() + 10, all.end());  // most leave, without a word
        auto& talker = all.front();
        std::vector<net::task<int>> reading;
        for (auto& each : all) reading.push_back(reads_until(each, "p0: the end"));
        auto heard = net::spawn([&reading]() -> net::task<std::vector<int>> {
            co_return co_await net::when_all(std::move(reading));
        });
        for (int i = 0; i < lines; ++i) {
            co_await talker.write(much + "\n");
            co_await talker.flush();
            if (i % 4 == 0) co_await net::sleep_for(1ms);
        }
        co_await talker.write("the end\n");
        co_await talker.flush();
        const std::vector<int> lines_heard = co_await heard.join();
        for (const int each : lines_heard) CHECK(each >= lines);
        // The room has hung up on the silent person.
        std::error_code end;
        try {
            for (;;) {
                const auto line = co_await net::with_timeout(10s, silent.recv_line());
                if (!line) break;
            }
        } catch (const std::system_error& error) {
            end = error.code();
        }
        CHECK(end == std::errc::connection_reset);
        server.cancel();
    });
}
