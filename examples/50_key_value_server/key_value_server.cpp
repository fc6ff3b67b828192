// key_value_server.cpp: a small Redis server: PING, SET, GET, INCR, LPUSH and LRANGE (beyond the notes)

#include <netnotes/coro.hpp>

#include <algorithm>
#include <charconv>
#include <deque>
#include <iostream>
#include <map>
#include <sstream>
#include <variant>

namespace net = netnotes;
using words = std::vector<std::string>;
using list = std::deque<std::string>;
using database = std::map<std::string, std::variant<std::string, list>>;

/// Both bounds are so far from the ends of the type that no sum below overflows.
std::int64_t number(std::string_view text, std::int64_t from = -(1LL << 62), std::int64_t to = 1LL << 62) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < from || value > to)
        throw std::invalid_argument{"ERR value is not an integer or out of range"};
    return value;
}
std::string bulk(const std::string& text) { return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"; }

std::string answer(words request, database& values) try {
    const std::size_t size = request.size();
    for (char& c : request[0]) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (request[0] == "PING" && size == 1) return "+PONG\r\n";
    const auto end = values.end(), at = size > 1 ? values.find(request[1]) : end;
    if (request[0] == "SET" && size == 3) return values[request[1]] = request[2], "+OK\r\n";
    if (request[0] == "GET" && size == 2) return at == end ? "$-1\r\n" : bulk(std::get<std::string>(at->second));
    if (request[0] == "INCR" && size == 2) {
        const std::int64_t old = at == end ? 0 : number(std::get<std::string>(at->second));
        return values[request[1]] = std::to_string(old + 1), ":" + std::to_string(old + 1) + "\r\n";
    }
    if (request[0] == "LPUSH" && size > 2) {
        list& items = std::get<list>(at == end ? values[request[1]] = list{} : at->second);
        items.insert(items.begin(), request.rbegin(), request.rend() - 2);  // the last word becomes the first item
        return ":" + std::to_string(items.size()) + "\r\n";
    }
    if (request[0] == "LRANGE" && size == 4) {
        const list none, &items = at == end ? none : std::get<list>(at->second);
        const auto count = static_cast<std::int64_t>(items.size());
        std::int64_t first = number(request[2]), last = number(request[3]);  // -1 is the last item
        first = std::clamp<std::int64_t>(first < 0 ? first + count : first, 0, count);
        last = std::clamp<std::int64_t>(last < 0 ? last + count : last, first - 1, count - 1);
        std::string text = "*" + std::to_string(last + 1 - first) + "\r\n";
        for (; first <= last; ++first) text += bulk(items[static_cast<std::size_t>(first)]);
        return text;
    }
    return "-ERR unknown command, or wrong number of arguments\r\n";
} catch (const std::bad_variant_access&) {
    return "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
} catch (const std::invalid_argument& error) {
    return "-" + std::string{error.what()} + "\r\n";
}

net::task<words> receive(net::async_buffered_stream& client) {  // an empty result ends the conversation
    const auto line = (co_await client.recv_line()).value_or("");
    std::istringstream text{std::string{line}};
    if (!line.starts_with('*')) co_return words(std::istream_iterator<std::string>{text}, {});  // typed by a person
    words request(static_cast<std::size_t>(number(line.substr(1), 0, 1024)));
    for (std::string& word : request) {
        const auto header = (co_await client.recv_line()).value();  // "$4", and then four bytes and "\r\n"
        const auto size = static_cast<std::size_t>(number(header.starts_with('$') ? header.substr(1) : "", 0, 60'000));
        word = (co_await client.recv_exact(size + 2)).value().substr(0, size);
    }
    co_return request;
}

int main() try {
    database values;
    const auto converse = [&](net::async_stream stream) -> net::task<> {
        net::async_buffered_stream client{std::move(stream)};
        for (auto request = co_await receive(client); !request.empty(); request = co_await receive(client))
            co_await client.write(answer(request, values));
        co_await client.flush();
    };
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::tcp_listener listener{{net::ipv4_address::loopback(), 6379}};
    std::cout << "等待客户端 (waiting for clients on port 6379; Ctrl-C ends)" << std::endl;
    net::event_loop{}.run(net::serve(std::move(listener), converse), stop);
} catch (const std::system_error& error) {
    std::cerr << "key_value_server: " << error.what() << '\n';
    return 1;
}
