// load.cpp: many clients ask an echo server at once; counts the answers (beyond the notes)
//
//     load HOST PORT CLIENTS [SECONDS]        SECONDS is 3 if it is left out

#include <netnotes/coro.hpp>

#include <algorithm>
#include <charconv>
#include <iostream>

namespace net = netnotes;
using namespace std::chrono_literals;

struct results {
    std::uint64_t answers = 0;
    net::duration slowest{};
};

net::task<> ask(std::string host, std::uint16_t port, net::duration time, results& all) {
    net::async_stream server = co_await net::with_timeout(10s, net::async_connect(host, port));
    server.set_timeout(10s);
    const std::string question(64, '?');
    std::string answer(question.size(), ' ');
    const net::time_point end = net::clock::now() + time;
    for (net::time_point begin = net::clock::now(), now; begin < end; begin = now) {
        co_await server.send_all(question);
        const std::size_t size = co_await server.recv_exact(answer);
        if (size == 0 || answer != question) throw std::runtime_error{"the server has closed, or is no echo server"};
        now = net::clock::now();
        all.slowest = std::max(all.slowest, now - begin);
        ++all.answers;
    }
}

net::task<> ask_all(std::string host, std::uint16_t port, std::uint16_t clients, net::duration time, results& all) {
    const auto body = [&](net::task_group& group) -> net::task<> {  // if one client fails, the group cancels the others
        for (std::uint16_t i = 0; i < clients; ++i) group.spawn(ask(host, port, time, all));
        co_return;
    };
    co_await net::with_group(body);
}

std::uint16_t number(std::string_view text) {
    std::uint16_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value == 0)
        throw std::invalid_argument{"usage: load HOST PORT CLIENTS [SECONDS], with numbers from 1 to 65535"};
    return value;
}

int main(int argc, char** argv) try {
    const std::vector<std::string> words{argv, argv + argc};
    const std::uint16_t port = number(argc > 2 ? words[2] : ""), clients = number(argc > 3 ? words[3] : "");
    const std::chrono::seconds time{argc > 4 ? number(words[4]) : 3};
    std::cout << clients << " clients ask " << words[1] << ':' << port << " for " << time.count() << " s" << std::endl;
    net::event_loop loop;
    results all;
    loop.run(ask_all(words[1], port, clients, time, all));
    std::cout << all.answers / static_cast<std::uint64_t>(time.count()) << " answers a second; the slowest answer took "
              << std::chrono::duration_cast<std::chrono::microseconds>(all.slowest).count() << " us\n";
} catch (const std::exception& error) {
    std::cerr << "load: " << error.what() << '\n';
    return 1;
}
