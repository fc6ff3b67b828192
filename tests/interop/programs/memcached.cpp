// memcached.cpp ADDRESS:PORT: keeps values for clients of memcached: get, set, delete, incr, stats

#include <netnotes/coro.hpp>

#include <iterator>
#include <map>
#include <sstream>

namespace net = netnotes;

struct store {
    std::map<std::string, std::string> items;  // each is "FLAGS SIZE\r\nBYTES"
    std::size_t room = 256 << 20;              // bytes that clients may still store
};

std::string answer(store& all, const std::vector<std::string>& asked, std::string bytes) {
    std::string text;
    for (std::size_t i = 1; asked[0] == "get" && i < asked.size(); ++i)
        if (const auto found = all.items.find(asked[i]); found != all.items.end())
            text += "VALUE " + asked[i] + ' ' + found->second + "\r\n";
    if (asked[0] == "get") return text + "END\r\n";
    if (asked[0] == "stats") return "STAT curr_items " + std::to_string(all.items.size()) + "\r\nEND\r\n";
    const bool is_set = asked[0] == "set", is_incr = asked[0] == "incr";
    if ((!is_set && !is_incr && asked[0] != "delete") || asked.size() < 2) return "ERROR\r\n";
    const auto at = all.items.find(asked[1]);
    if (!is_set && at == all.items.end()) return "NOT_FOUND\r\n";
    if (is_incr)
        bytes = std::to_string(net::read_number<std::uint64_t>(at->second.substr(at->second.find('\n') + 1)) +
                               net::read_number<std::uint64_t>(asked.at(2)));
    const std::string flags = is_set ? asked.at(2) : at->second.substr(0, at->second.find(' '));
    if (at != all.items.end()) all.room += at->second.size() + 512, all.items.erase(at);  // with its key and its place
    if (asked[0] == "delete") return "DELETED\r\n";
    const std::string value = flags + ' ' + std::to_string(bytes.size()) + "\r\n" + bytes;
    if (asked[1].size() > 250 || value.size() + 512 > all.room) return "SERVER_ERROR out of memory\r\n";
    all.items[asked[1]] = value, all.room -= value.size() + 512;
    return is_set ? "STORED\r\n" : bytes + "\r\n";
}

int main(int, char** argv) {
    store all;
    const auto talk = [&](net::async_stream stream) -> net::task<> {
        net::async_buffered_stream client{std::move(stream), 1 << 20};
        while (const auto line = co_await client.recv_line()) {
            std::istringstream text{std::string{*line}};
            const std::vector<std::string> asked{std::istream_iterator<std::string>{text}, {}};
            if (asked.empty() || asked[0] == "quit") break;
            const auto size = asked[0] == "set" ? net::read_number<std::size_t>(asked.at(4)) : 0;
            std::string block;
            if (asked[0] == "set") block = (co_await client.recv_exact(size + 2)).value().substr(0, size);
            if (auto reply = answer(all, asked, block); asked.back() != "noreply") co_await client.write(reply);
        }
        co_await client.flush();
    };
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::event_loop{}.run(net::serve(net::endpoint{argv[1]}, talk), stop);
}
