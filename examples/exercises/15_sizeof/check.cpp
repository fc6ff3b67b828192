#include "sizeof.hpp"

#include "grader.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

namespace {

struct connection {
    connection() {
        int fds[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0) server = fds[0], client = fds[1];
    }
    ~connection() {
        ::close(server);
        ::close(client);
    }
    int server = -1, client = -1;
};
/// Reads to the end of the stream.
std::string all_of(int from) {
    std::string all;
    char buffer[5000];
    for (ssize_t size; (size = ::recv(from, buffer, sizeof buffer, 0)) > 0;)
        all.append(buffer, static_cast<std::size_t>(size));
    return all;
}
std::string greeted(const char* text) {
    connection pair;
    greet(pair.server, text);
    ::shutdown(pair.server, SHUT_WR);
    return all_of(pair.client);
}
/// Returns what comes back for these bytes.
std::string echoed(const std::string& text) {
    connection pair;
    std::thread server{[&] {
        echo(pair.server);
        ::shutdown(pair.server, SHUT_RDWR);
    }};
    std::thread client{[&] {
        for (std::size_t at = 0; at < text.size();) {
            const ssize_t size = ::send(pair.client, text.data() + at, text.size() - at, MSG_NOSIGNAL);
            if (size < 0) break;
            at += static_cast<std::size_t>(size);
        }
        ::shutdown(pair.client, SHUT_WR);
    }};
    std::string got = all_of(pair.client);
    server.join();
    client.join();
    return got;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto ask = [&](const std::string& what, const std::string& text) {
        const std::string got = echoed(text);
        const char* const bytes = grader::either(" bytes", " 字节");
        steps.expect(got.size() == text.size(), what,
                     grader::either("sent back ", "送回 ") + std::to_string(text.size()) + bytes,
                     grader::either("it sent ", "它送回了 ") + std::to_string(got.size()) + bytes);
        steps.expect(got == text, what, grader::either("sent back the same bytes", "送回同样的字节"),
                     grader::either("they differ", "内容不同"));
    };
    steps.step("the greeting arrives as it is", "问候语原样到达", [&] {
        for (const char* text : {"welcome to the echo server\r\n", "12345678", "hi\n", "", "x"})
            steps.equal("greet()", greeted(text), std::string{text});
        const std::string large(50'000, 'x');
        steps.equal("greet(), with 50,000 bytes,", greeted(large.c_str()).size(), large.size());
    });
    steps.step("echo() sends back what came, and no other byte", "echo() 送回收到的内容，没有多余的字节", [&] {
        ask("echo(\"hi\")", "hi");
        ask("echo(\"x\")", "x");
        ask("echo()", std::string(1024, 'y'));
    });
    steps.step("echo() sends back zero bytes, too", "echo() 也送回零字节", [&] {
        ask("echo(\"a\\0b\")", std::string{"a\0b", 3});
        ask("echo()", std::string(100, '\0'));
    });
    steps.step("nothing of an earlier message comes with a later one", "后面的消息里没有前面消息的内容", [&] {
        connection pair;
        std::thread server{[&] {
            echo(pair.server);
            ::shutdown(pair.server, SHUT_RDWR);
        }};
        std::string got;
        for (const std::string text : {"the password is 12345", "ok"}) {
            ::send(pair.client, text.data(), text.size(), MSG_NOSIGNAL);
            char buffer[100];
            for (std::size_t size = 0; size < text.size();) {
                const ssize_t more = ::recv(pair.client, buffer, sizeof buffer, 0);
                if (more <= 0) break;
                got.append(buffer, static_cast<std::size_t>(more));
                size += static_cast<std::size_t>(more);
            }
        }
        ::shutdown(pair.client, SHUT_WR);
        got += all_of(pair.client);
        server.join();
        steps.equal("echo()", got, std::string{"the password is 12345ok"});
    });
    steps.step("200,000 random bytes", "二十万个随机字节", [&] {
        std::string text(200'000, '\0');
        for (char& each : text) each = static_cast<char>(steps.below(256));
        ask("echo()", text);
    });
    return steps.result();
}
