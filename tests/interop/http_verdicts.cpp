// tests/interop/http_verdicts.cpp: what our parser says about requests, for http_peers.py
// SPDX-License-Identifier: MIT
//
//     http_verdicts corpus            each request of tests/http/corpus.hpp
//     http_verdicts mutate N SEED     N requests that are made by chance out of them
//     http_verdicts serve             prints its port, and answers each request with "[[METHOD TARGET BODY]]"
//
// A line is: name, bytes, verdict, and the requests that were seen, each as METHOD,TARGET,BODY. Bytes, targets and
// bodies are in hexadecimal digits. Behind the bytes of an entry stands one more request, `GET /sentinel`, which asks
// for the end of the connection. A parser that finds another end of a body does not see it.

#include <netnotes/http/connection.hpp>
#include <netnotes/tcp/stream.hpp>

#include <iostream>
#include <random>
#include <string>
#include <string_view>
#include <thread>

#include "../http/corpus.hpp"

namespace http = netnotes::http;
using event = http::connection::event;

namespace {

constexpr std::string_view sentinel = "GET /sentinel HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

std::string hex(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text.empty() ? "-" : text;
}

void judge(std::string_view name, const std::string& bytes) {
    http::connection talk{http::connection::role::server, {}};
    talk.receive(bytes + std::string{sentinel}, {});
    talk.receive_end();
    std::string seen, request, body;
    for (;;) {
        const event what = talk.next({});
        if (what == event::request) {
            request = std::string{talk.request().method_name} + "," + hex(talk.request().target);
            body.clear();
        } else if (what == event::data)
            body += talk.data();
        else if (what == event::end) {
            seen += " " + request + "," + hex(body);
            talk.send(http::response{200});
        } else
            break;
    }
    std::cout << name << ' ' << hex(bytes) << ' '
              << (talk.why() == http::ending::refused ? talk.refusal().status().code() : 200) << seen << '\n';
}

void mutate(int count, unsigned seed) {
    std::mt19937 random{seed};
    const auto below = [&random](std::size_t limit) { return static_cast<std::size_t>(random()) % limit; };
    const auto entries = corpus::requests();
    const std::string_view words[] = {"\r\n",
                                      "\r",
                                      "\n",
                                      " ",
                                      "\t",
                                      ":",
                                      ",",
                                      ";",
                                      "0",
                                      "5",
                                      "chunked",
                                      "Content-Length: 3\r\n",
                                      "Transfer-Encoding: chunked\r\n",
                                      "Host: b\r\n",
                                      "0\r\n\r\n",
                                      "+",
                                      "x",
                                      "HTTP/1.1",
                                      "%"};
    for (int i = 0; i < count;) {
        std::string bytes = entries[below(entries.size())].bytes;
        if (bytes.size() > 1000) continue;
        for (std::size_t changes = 1 + below(3); changes > 0; --changes) {
            const std::size_t at = below(bytes.size() + 1);
            switch (below(4)) {
                case 0: bytes.insert(at, words[below(std::size(words))]); break;
                case 1: bytes.erase(at, 1 + below(4)); break;
                case 2: bytes.insert(at, bytes.substr(below(bytes.size() + 1), below(20))); break;
                default: bytes.insert(at, 1, static_cast<char>(below(256)));
            }
        }
        judge("mutant-" + std::to_string(i++), bytes);
    }
}

void serve() {
    netnotes::tcp_listener listener{{netnotes::ipv4_address::loopback(), 0}};
    std::cout << listener.local_endpoint().port() << std::endl;
    for (;;) {
        auto [stream, peer] = listener.accept();
        std::thread{[stream = std::move(stream)]() mutable {
            try {
                const auto now = std::chrono::steady_clock::now;
                http::connection talk{http::connection::role::server, now()};
                std::string request, body;
                std::array<char, 4096> buffer{};
                for (bool goes_on = true; goes_on;) {
                    const event what = talk.next(now());
                    if (what == event::request) {
                        request =
                            "[[" + std::string{talk.request().method_name} + " " + std::string{talk.request().target};
                        body.clear();
                    } else if (what == event::data)
                        body += talk.data();
                    else if (what == event::end)
                        talk.send(http::response{200, request + " " + hex(body) + "]]"});
                    else {
                        stream.send_all(talk.output());
                        talk.sent(talk.output().size(), now());
                        if (what != event::need_data) break;
                        const std::size_t size = stream.recv(buffer);
                        if (size == 0)
                            talk.receive_end();
                        else
                            talk.receive({buffer.data(), size}, now());
                    }
                }
            } catch (const std::exception&) {  // the client has left
            }
        }}.detach();
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 1 ? argv[1] : "";
    if (what == "corpus")
        for (const auto& [name, bytes, why] : corpus::requests()) judge(name, bytes);
    else if (what == "mutate" && argc == 4)
        mutate(std::stoi(argv[2]), static_cast<unsigned>(std::stoul(argv[3])));
    else if (what == "serve")
        serve();
    else {
        std::cerr << "usage: http_verdicts corpus | mutate N SEED | serve\n";
        return 2;
    }
}
