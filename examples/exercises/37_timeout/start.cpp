#include "timeout.hpp"

namespace net = netnotes;

net::task<std::optional<std::string>> ask(std::vector<net::endpoint> servers, std::string question, net::duration patience) {
    for (const net::endpoint& server : servers) {
        net::async_stream stream = co_await net::async_stream::connect(server);
        co_await stream.send_all(question + "\n");
        stream.set_timeout(patience);

        std::string answer;
        while (answer.empty() || answer.back() != '\n') {
            const auto bytes = co_await stream.recv();
            if (bytes.empty()) break;
            answer += net::as_text(bytes);
        }
        if (answer.empty()) continue;
        answer.pop_back();
        co_return answer;
    }
    co_return std::nullopt;
}
