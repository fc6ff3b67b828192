#include "half_close.hpp"

#include "grader.hpp"

#include <netnotes/tcp.hpp>

#include <dirent.h>
#include <sys/ioctl.h>

#include <atomic>
#include <thread>

namespace {

namespace net = netnotes;
using namespace std::chrono;
using namespace std::chrono_literals;

int open_descriptors() {
    int count = 0;
    DIR* const folder = ::opendir("/proc/self/fd");
    while (::readdir(folder)) ++count;
    ::closedir(folder);
    return count;
}
/// A client, and answer() for it in a thread.
struct conversation {
    conversation() {
        net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
        client = net::tcp_stream{listener.local_endpoint()};
        client.set_timeout(5s * grader::patience);
        server = listener.accept().stream.release();
    }
    ~conversation() {
        leave();
        end();
    }
    void leave() {
        if (client.is_open()) client.close();
    }
    void begin(std::string text, milliseconds limit) {
        thread = std::thread{[this, text = std::move(text), limit] {
            answer(server, text, limit);
            has_ended = true;
        }};
    }
    void end() {
        if (thread.joinable()) thread.join();
    }
    net::tcp_stream client;
    int server = -1;
    std::atomic<bool> has_ended = false;
    std::thread thread;
};
/// Reads to the end of the stream, or to an error. Returns the bytes and the error.
std::pair<std::string, std::error_code> all_of(net::tcp_stream& client) {
    std::string all;
    std::error_code error;
    char buffer[20'000];
    while (const std::size_t size = client.recv(buffer, error)) all.append(buffer, size);
    return {all, error};
}
std::string numbered(std::size_t size) {
    std::string text;
    for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
    text.resize(size);
    return text;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto expect_answer = [&](net::tcp_stream& client, const std::string& wanted) {
        const auto [got, error] = all_of(client);
        const std::string bytes = std::to_string(got.size()) + grader::either(" bytes", " 字节");
        const std::string what = grader::either("the client", "客户端");
        const std::string should =
            grader::either("got the whole answer and then the end", "得到完整的回答，然后是流的结束");
        steps.expect(error != std::errc::connection_reset, what, should,
                     grader::either("it got a reset after ", "它收到复位，之前收到 ") + bytes);
        steps.expect(error != std::errc::timed_out, what, should,
                     grader::either("no end came in five seconds, after ", "五秒内没有收到流的结束，之前收到 ") + bytes);
        steps.expect(!error, what, should, error.message());
        steps.expect(got == wanted, what, should,
                     grader::either("it got ", "它收到 ") + bytes + grader::either(" of ", "，共 ") +
                         std::to_string(wanted.size()));
    };
    const std::string large = numbered(300'000);
    steps.step("a client that sends one line gets its answer and the end", "发送一行的客户端得到回答，然后是流的结束", [&] {
        for (const std::string& text : {std::string{"hello\n"}, large}) {
            conversation one;
            one.client.send_all("GET /\n");
            one.begin(text, 60s);
            expect_answer(one.client, text);
        }
    });
    steps.step("a client that has sent more than a line gets its answer and the end",
               "多发送了内容的客户端也得到回答，然后是流的结束", [&] {
                   conversation one;
                   one.client.send_all("POST /\n" + std::string(30'000, 'x'));
                   for (int waiting = 0; waiting < 30'007; std::this_thread::sleep_for(1ms))
                       ::ioctl(one.server, FIONREAD, &waiting);
                   one.begin(large, 60s);
                   expect_answer(one.client, large);
               });
    steps.step("a client that sends a million bytes while it reads gets its answer",
               "一边读取一边发送一百万字节的客户端也得到回答", [&] {
                   conversation one;
                   one.client.send_all("POST /\n");
                   one.begin(large, 60s);
                   std::error_code error;
                   std::thread more{[&] {
                       const std::string text(1'000'000, 'x');
                       for (std::size_t at = 0; at < text.size() && !error; at += 10'000)
                           one.client.send_all(std::string_view{text}.substr(at, 10'000), error);
                   }};
                   struct joined {
                       std::thread& thread;
                       ~joined() { thread.join(); }
                   };
                   {
                       const joined end{more};
                       expect_answer(one.client, large);
                   }
                   steps.expect(!error, grader::either("the client", "客户端"), "sent all its bytes",
                                "its send() failed: " + error.message());
               });
    steps.step("a line in several pieces is a line", "分几段到达的一行", [&] {
        conversation one;
        one.begin("hello\n", 60s);
        for (const char* piece : {"G", "ET", " /"}) {
            one.client.send_all(piece);
            for (int waiting = 1; waiting > 0 && !one.has_ended; std::this_thread::sleep_for(1ms))
                ::ioctl(one.server, FIONREAD, &waiting);
        }
        std::error_code error;
        char buffer[100];
        one.client.recv(buffer, error, MSG_DONTWAIT);
        steps.expect(error == std::errc::operation_would_block, "answer()", "waited for the end of the line",
                     "it has answered");
        one.client.send_all("\n");
        expect_answer(one.client, "hello\n");
    });
    steps.step(
        "when the client has closed, answer() closes and returns", "客户端关闭以后，answer() 关闭连接并返回", [&] {
            const int before = open_descriptors();
            for (int i = 0; i < 8; ++i) {
                conversation one;
                one.begin(i % 4 == 3 ? std::string(10'000'000, 'x') : std::string{"hello\n"}, 60s);
                if (i % 4 == 1) one.client.send_all("GET /\n");
                if (i % 4 == 2) one.client.send_all("GE");  // it closes before the end of its line
                if (i % 4 == 3) {                           // it closes in the middle of the answer
                    one.client.send_all("GET /\n");
                    char buffer[1000];
                    one.client.recv(buffer);
                }
                one.leave();
                one.end();
            }
            const int more = open_descriptors() - before;
            steps.expect(more == 0, "answer()", "closed each descriptor", std::to_string(more) + " more are open");
        });
    steps.step("a client that does not close is waited for no longer than the limit", "客户端不关闭时，最多等到时限",
               [&] {
                   for (const bool drips : {false, true}) {
                       conversation one;
                       one.client.send_all("GET /\n");
                       const auto begin = steady_clock::now();
                       one.begin("hello\n", 300ms);
                       expect_answer(one.client, "hello\n");
                       while (!one.has_ended && steady_clock::now() - begin < 5s) {
                           std::error_code ignored;
                           if (drips) one.client.send("x", ignored);
                           std::this_thread::sleep_for(1ms);
                       }
                       const bool in_time = one.has_ended;
                       one.leave();
                       one.end();
                       const auto took = duration_cast<milliseconds>(steady_clock::now() - begin);
                       steps.expect(in_time, "answer()", "returned after 300 ms", "it still waited after 5 s");
                       steps.expect(took >= 300ms, "answer()", "waited 300 ms for the client",
                                    "it returned after " + std::to_string(took.count()) + " ms");
                   }
               });
    return steps.result();
}
