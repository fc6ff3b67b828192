// examples/50_key_value_server/demo.cpp: a server that stores values under names; real Redis clients can use it
//
//        redis-cli:   SET city Beijing
//        on the wire: *3\r\n  $3\r\nSET\r\n  $4\r\ncity\r\n  $7\r\nBeijing\r\n     an array of three strings with their sizes
//        the answer:  +OK\r\n
//
// The protocol (RESP, version 2) sends the size of each string before its bytes, so a value may hold any byte. A line without
// a star is a request, too: `nc localhost 6379` and `SET city Beijing`.
//
// One loop serves all clients, and each request runs to its end before the next request. So no lock guards the values, and
// INCR is atomic, as in Redis itself.
//
// A shorter server stands in key_value_server.cpp. The server here also limits the sum of all values, and the size of an
// answer.
//
// The notes:     they end before this lesson; the lesson before it is 26_coroutine_server
// Type:          demo                                  a demonstration
//                demo serve --port 6379                the server; Ctrl-C stops it
//                redis-cli -p 6379 SET city Beijing    a real client, in a second terminal
// You will see:  what demo.txt shows: requests and their answers, as bytes

#include <netnotes/coro.hpp>

#include "../demo.hpp"

#include <algorithm>
#include <cctype>
#include <deque>
#include <limits>
#include <map>
#include <variant>

using example::heading;
using example::say;

namespace {

// ---- The values, and the commands -----------------------------------------------------------------

using words = std::vector<std::string>;
using list = std::deque<std::string>;

constexpr std::size_t max_words = 1024, max_word = 64 * 1024, max_answer = 1 << 20, max_stored = 256 << 20;

std::string bulk(std::string_view text) {
    std::string made = "$" + std::to_string(text.size()) + "\r\n";
    made.append(text).append("\r\n");
    return made;
}
std::string number(std::int64_t value) { return ":" + std::to_string(value) + "\r\n"; }
std::int64_t to_number(std::string_view text, const char* refusal) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) throw std::invalid_argument{refusal};
    return value;
}
constexpr char no_integer[] = "ERR value is not an integer or out of range";

class database {
  public:
    /// Returns the answer as bytes of the protocol. Throws std::invalid_argument with the text of the refusal.
    std::string answer(const words& request) {
        const std::string command = upper(request[0]);
        const auto wants = [&](std::size_t least, std::size_t most) {
            if (request.size() < least || request.size() > most)
                throw std::invalid_argument{"ERR wrong number of arguments for '" + request[0] + "' command"};
        };
        if (command == "PING") return wants(1, 2), request.size() == 1 ? "+PONG\r\n" : bulk(request[1]);
        if (command == "SET") return wants(3, 3), store(request[1], request[2]), "+OK\r\n";
        if (command == "GET") {
            wants(2, 2);
            const std::string* const text = find<std::string>(request[1]);
            return text ? bulk(*text) : "$-1\r\n";
        }
        if (command == "DEL") return wants(2, max_words), number(remove(request));
        if (command == "INCR") {
            wants(2, 2);
            const std::string* const text = find<std::string>(request[1]);
            const std::int64_t value = text ? to_number(*text, no_integer) : 0;
            if (value == std::numeric_limits<std::int64_t>::max())
                throw std::invalid_argument{"ERR increment or decrement would overflow"};
            return store(request[1], std::to_string(value + 1)), number(value + 1);
        }
        if (command == "LPUSH") return wants(3, max_words), number(push(request));
        if (command == "LRANGE") return wants(4, 4), range(request);
        if (command == "COMMAND" || command == "CONFIG")
            return "*0\r\n";  // redis-cli and redis-benchmark ask, and do not need an answer
        throw std::invalid_argument{"ERR unknown command '" + net::visible(request[0].substr(0, 128)) + "'"};
    }

  private:
    static std::string upper(std::string text) {
        for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        return text;
    }
    template <class Kind>
    Kind* find(const std::string& key) {
        const auto place = values_.find(key);
        if (place == values_.end()) return nullptr;
        if (Kind* const value = std::get_if<Kind>(&place->second)) return value;
        throw std::invalid_argument{"WRONGTYPE Operation against a key holding the wrong kind of value"};
    }
    /// Limits the sum of all keys and values, so that no client can fill the memory.
    void take(std::size_t bytes, std::size_t instead_of = 0) {
        const std::size_t others = stored_ - instead_of;
        if (bytes > max_stored - others) throw std::invalid_argument{"OOM command not allowed: the memory is full"};
        stored_ = others + bytes;
    }
    static constexpr std::size_t overhead = 128;  // bytes that the map or the deque needs for an entry
    static std::size_t size_of(const std::string& key, const std::variant<std::string, list>& value) {
        std::size_t size = key.size() + overhead;
        if (const auto* const text = std::get_if<std::string>(&value)) return size + text->size();
        for (const std::string& item : std::get<list>(value)) size += item.size() + overhead;
        return size;
    }
    std::int64_t remove(const words& request) {
        std::int64_t removed = 0;
        for (std::size_t i = 1; i < request.size(); ++i) {
            const auto place = values_.find(request[i]);
            if (place == values_.end()) continue;
            stored_ -= size_of(place->first, place->second);
            values_.erase(place);
            ++removed;
        }
        return removed;
    }
    void store(const std::string& key, const std::string& text) {
        const auto place = values_.find(key);
        take(key.size() + overhead + text.size(), place == values_.end() ? 0 : size_of(key, place->second));
        if (place == values_.end())
            values_.emplace(key, text);
        else
            place->second = text;
    }
    std::int64_t push(const words& request) {
        list* items = find<list>(request[1]);
        std::size_t size = items ? 0 : request[1].size() + overhead;
        for (std::size_t i = 2; i < request.size(); ++i) size += request[i].size() + overhead;
        take(size);
        if (!items) items = &values_[request[1]].emplace<list>();
        items->insert(items->begin(), request.rbegin(), request.rend() - 2);
        return static_cast<std::int64_t>(items->size());
    }
    std::string range(const words& request) {
        const list* const items = find<list>(request[1]);
        const auto size = static_cast<std::int64_t>(items ? items->size() : 0);
        std::int64_t first = to_number(request[2], no_integer), last = to_number(request[3], no_integer);
        // -1 is the last item. A number beyond an end is replaced by that end, so that no sum overflows below.
        first = std::clamp<std::int64_t>(first < 0 ? first + size : first, 0, size);
        last = std::clamp<std::int64_t>(last < 0 ? last + size : last, -1, size - 1);
        std::string text = "*" + std::to_string(std::max<std::int64_t>(last - first + 1, 0)) + "\r\n";
        for (; first <= last; ++first) {
            text += bulk((*items)[static_cast<std::size_t>(first)]);
            // All clients may ask for such an answer at the same time. Each answer is in memory until it is read.
            if (text.size() > max_answer)
                throw std::invalid_argument{"ERR the range is too long, ask for a part of it"};
        }
        return text;
    }

    std::map<std::string, std::variant<std::string, list>, std::less<>> values_;
    std::size_t stored_ = 0;
};

// ---- The protocol: a request of a client ----------------------------------------------------------------

/// Reads one request into `request`. Returns false at the end of the stream. Throws std::invalid_argument for bytes that are
/// no request. The place of the next request is then unknown.
net::task<bool> read_request(net::async_buffered_stream& client, words& request) {
    request.clear();
    const auto line = co_await client.recv_line();
    if (!line) co_return false;
    if (!line->starts_with('*')) {  // a person has typed the words of a line
        std::istringstream typed{std::string{*line}};
        for (std::string word; typed >> word && request.size() < max_words;) request.push_back(word);
        co_return true;
    }
    const std::int64_t count = to_number(line->substr(1), "ERR Protocol error: invalid multibulk length");
    if (count > std::int64_t{max_words}) throw std::invalid_argument{"ERR Protocol error: invalid multibulk length"};
    for (std::int64_t i = 0; i < count; ++i) {
        const auto head = co_await client.recv_line();
        if (!head) co_return false;
        if (!head->starts_with('$')) throw std::invalid_argument{"ERR Protocol error: expected '$'"};
        const std::int64_t size = to_number(head->substr(1), "ERR Protocol error: invalid bulk length");
        if (size < 0 || size > std::int64_t{max_word})
            throw std::invalid_argument{"ERR Protocol error: invalid bulk length"};
        const auto bytes =
            co_await client.recv_exact(static_cast<std::size_t>(size) + 2);  // and the "\r\n" behind them
        if (!bytes) co_return false;
        request.emplace_back(bytes->substr(0, bytes->size() - 2));
    }
    co_return true;
}

/// Answers the requests of one client, until it sends no more.
net::task<> converse(net::async_stream stream, database& values) {
    net::async_buffered_stream client{std::move(stream), max_word + 2};
    words request;
    for (;;) {
        std::string refusal;
        bool has_more = false;
        try {
            has_more = co_await read_request(client, request);
        } catch (const std::invalid_argument& error) {
            refusal = error.what();
        }
        if (!refusal.empty()) {
            co_await client.write("-" + refusal + "\r\n");
            break;
        }
        if (!has_more) break;
        if (request.empty()) continue;
        std::string answer;
        try {
            answer = values.answer(request);
        } catch (const std::invalid_argument& error) {
            answer = std::string{"-"} + error.what() + "\r\n";
        }
        co_await client.write(answer);  // the stream sends it when the buffer holds no further request
    }
    co_await client.flush();
}

void serve(const example::serve_options& options, std::size_t max_clients) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    example::raise_descriptor_limit();
    database values;
    const auto handler = [&values](net::async_stream client) { return converse(std::move(client), values); };
    net::tcp_listener listener = example::listen(options);
    net::serve_options limits;
    limits.max_connections = max_clients;
    limits.idle_timeout = net::never;  // a client of a database may be silent for a day
    if (options.quiet) limits.on_error = nullptr;
    net::event_loop loop;
    loop.run(net::serve(std::move(listener), handler, limits), stop);
}

// ---- The demonstration ----------------------------------------------------------------------------------

net::task<> ask(net::endpoint where) {
    auto server = co_await net::async_stream::connect(where);
    for (const std::string_view request :
         {"PING\r\n", "*3\r\n$3\r\nSET\r\n$4\r\ncity\r\n$7\r\nBeijing\r\n", "GET city\r\n", "GET country\r\n",
          "INCR visits\r\nINCR visits\r\n", "LPUSH queue a b c\r\n", "LRANGE queue 0 -1\r\n", "INCR queue\r\n",
          "INCR city\r\n", "SHUTDOWN\r\n", "*1\r\n!\r\n"}) {
        co_await server.send_all(request);
        if (request.starts_with("*1")) server.shutdown(net::shutdown_direction::send);
        // The demonstration knows the number of lines. A real client reads it from the protocol.
        const std::size_t lines = request.starts_with("GET city")      ? 2
                                  : request.starts_with("LRANGE")      ? 7
                                  : request.starts_with("INCR visits") ? 2
                                                                       : 1;
        std::string answer;
        while (std::count(answer.begin(), answer.end(), '\n') < static_cast<std::ptrdiff_t>(lines)) {
            const auto bytes = co_await server.recv();
            if (bytes.empty()) break;
            answer += net::as_text(bytes);
        }
        say("  ", net::visible(request));
        say("      ", net::visible(answer));
    }
    const auto rest = co_await server.recv();
    say("After bytes that are no request the server closes the connection: ", rest.size(), " more bytes");
}

/// Runs the client beside the server, in one loop. The end of this task ends the run, and so the server.
net::task<> beside(net::tcp_listener listener, database& values) {
    const net::endpoint where = listener.local_endpoint();
    const auto handler = [&values](net::async_stream client) { return converse(std::move(client), values); };
    net::spawn(net::serve(std::move(listener), handler), "server");
    co_await ask(where);
}

void demonstrate() {
    heading("Requests and answers");
    database values;
    net::event_loop loop;
    loop.run(beside(net::tcp_listener{{net::ipv4_address::loopback(), 0}}, values));
}

constexpr std::string_view help = R"(usage: demo
       demo serve [--bind ADDRESS] [--port N] [--max-clients N] [--quiet]
       demo connect HOST PORT
       demo --help

A server that stores values under names, for redis-cli and all other clients of the Redis protocol (RESP 2). It has the
commands PING, SET, GET, DEL, INCR, LPUSH and LRANGE. Without an argument: a demonstration.

  serve             stores up to 256 MiB of values, in memory only
  --bind ADDRESS    where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N          6666 by default, the port of the course; Redis' own is 6379. 0 lets the system choose
  --max-clients N   further clients wait in the queue; 10000 by default
  --quiet           prints only the line `listening on ADDRESS:PORT`
  connect           sends what you type and shows what the server says; Ctrl-D ends it
)";

}  // namespace

int main(int argc, char** argv) {
    std::size_t max_clients = 10'000;
    example::roles roles;
    roles.more_options = [&](example::arguments& options) {
        if (const auto most = options.number("--max-clients", 1, 1'000'000)) max_clients = *most;
    };
    roles.demonstrate = demonstrate;
    roles.serve = [&](const example::serve_options& options) { serve(options, max_clients); };
    return example::run(argc, argv, help, roles);
}
