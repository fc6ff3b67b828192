#include "timeout.hpp"

namespace net = netnotes;

static net::task<std::optional<std::string>> ask_one(net::endpoint server, std::string question) {
    net::async_buffered_stream stream{co_await net::async_stream::connect(server)};
    co_await stream.write(question + "\n");
    const auto line = co_await stream.recv_until("\n");
    if (!line) co_return std::nullopt;
    co_return std::string{line->substr(0, line->size() - 1)};
}

net::task<std::optional<std::string>> ask(std::vector<net::endpoint> servers, std::string question, net::duration patience) {
    for (const net::endpoint& server : servers) {
        std::optional<std::string> answer;
        try {
            answer = co_await net::with_timeout(patience, ask_one(server, question));  // one limit for the whole conversation
        } catch (const std::system_error&) {}  // refused, or too late. netnotes::cancelled is another class, and goes on
        if (answer) co_return answer;
    }
    co_return std::nullopt;
}
