#include "duplex.hpp"

#include "grader.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

/// The learner's chat in a thread: with a keyboard, a screen and a peer.
class running {
  public:
    running() {
        int fds[2];
        if (::pipe(fds) == 0) input_ = fds[0], keyboard = fds[1];
        if (::pipe(fds) == 0) screen = fds[0], output_ = fds[1];
        if (::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0) socket_ = fds[0], peer = fds[1];
        thread_ = std::thread{[this] {
            chat(input_, output_, socket_);
            rusage used{};
            ::getrusage(RUSAGE_THREAD, &used);
            const auto of = [](const timeval& time) { return seconds{time.tv_sec} + microseconds{time.tv_usec}; };
            processor_time_ = duration_cast<milliseconds>(of(used.ru_utime) + of(used.ru_stime)).count();
            has_ended_ = true;
        }};
    }
    ~running() {
        end();
        for (const int each : {input_, output_, screen, keyboard, socket_, peer}) ::close(each);
    }
    /// Ends the keyboard and the peer, so that also a faulty chat ends.
    void end() {
        if (!thread_.joinable()) return;
        ::shutdown(peer, SHUT_RDWR);
        close_keyboard();
        std::thread reader{[this] {  // a chat that still writes must not wait for the screen
            while (!has_ended_) read_some(screen, 20);
        }};
        thread_.join();
        reader.join();
    }
    void close_keyboard() {
        if (keyboard_is_open_) ::dup2(open_nothing(), keyboard);
        keyboard_is_open_ = false;
    }
    void close_screen() { ::dup2(open_nothing(), screen); }
    bool has_ended() const { return has_ended_; }
    long long processor_time() const { return processor_time_; }

    static std::string read_some(int from, int limit) {
        pollfd waiting{from, POLLIN, 0};
        if (::poll(&waiting, 1, limit) <= 0) return {};
        std::string buffer(100'000, '\0');
        const ssize_t size = ::read(from, buffer.data(), buffer.size());
        buffer.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return buffer;
    }
    int keyboard = -1, screen = -1, peer = -1;

  private:
    /// A descriptor that holds no end of the pipe.
    static int open_nothing() {
        static const int nothing = ::dup(2);
        return nothing;
    }
    int input_ = -1, output_ = -1, socket_ = -1;
    bool keyboard_is_open_ = true;
    std::atomic<bool> has_ended_ = false;
    std::atomic<long long> processor_time_ = 0;
    std::thread thread_;
};

void put(int to, const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
        const ssize_t size = ::write(to, text.data() + at, text.size() - at);
        if (size < 0) return;
        at += static_cast<std::size_t>(size);
    }
}
/// Reads until `size` bytes are there, or nothing comes for five seconds, or the stream has ended.
std::string get(int from, std::size_t size) {
    std::string all;
    while (all.size() < size) {
        const std::string more = running::read_some(from, 5000 * grader::patience);
        if (more.empty()) break;
        all += more;
    }
    return all;
}

}  // namespace

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    grader::sheet steps{argc, argv};
    steps.step("what is typed is sent", "键入的内容被发送", [&] {
        running one;
        for (const char* text : {"hello\n", "how are you?\n"}) {
            put(one.keyboard, text);
            steps.equal("the peer", get(one.peer, std::string_view{text}.size()), std::string{text});
            put(one.peer, "well\n");
            steps.equal("the screen", get(one.screen, 5), std::string{"well\n"});
        }
    });
    steps.step("while nothing is typed, the peer's messages appear", "没有键入时，对端的消息也会显示", [&] {
        running one;
        for (const char* text : {"are you there?\n", "hello?\n", "x", "\n", "bye\n"}) {
            put(one.peer, text);
            steps.equal("the screen", get(one.screen, std::string_view{text}.size()), std::string{text});
        }
    });
    steps.step("while the peer is silent, each line is sent", "对端沉默时，每一行都被发送", [&] {
        running one;
        for (const char* text : {"one\n", "two\n", "x", "\n", "three\n"}) {
            put(one.keyboard, text);
            steps.equal("the peer", get(one.peer, std::string_view{text}.size()), std::string{text});
        }
    });
    steps.step("100,000 bytes in each direction", "每个方向十万字节", [&] {
        running one;
        std::string typed(100'000, 'a'), said(100'000, 'b');
        for (std::size_t i = 0; i < typed.size(); i += 7) typed[i] = said[i] = static_cast<char>(steps.below(256));
        std::thread typing{[&] { put(one.keyboard, typed); }}, saying{[&] { put(one.peer, said); }};
        std::string heard;
        std::thread hearing{[&] { heard = get(one.peer, typed.size()); }};
        const std::string seen = get(one.screen, said.size());
        hearing.join();
        const bool all = heard == typed && seen == said;
        one.end();
        typing.join();
        saying.join();
        steps.expect(
            all, "chat()", "passed on all bytes in both directions",
            std::to_string(heard.size()) + " and " + std::to_string(seen.size()) + " came, or they were changed");
    });
    steps.step("at the end of the input, the peer hears the end and still can answer",
               "输入结束时，对端得知输入已结束，并且仍能回答", [&] {
                   running one;
                   put(one.keyboard, "last words\n");
                   one.close_keyboard();
                   steps.equal("the peer", get(one.peer, 1000), std::string{"last words\n"});
                   pollfd waiting{one.peer, POLLIN | POLLRDHUP, 0};
                   steps.expect(::poll(&waiting, 1, 5000 * grader::patience) > 0 && (waiting.revents & POLLRDHUP) != 0,
                                grader::either("the peer", "对端"), grader::either("heard the end", "得知结束"),
                                grader::either("it did not", "它没有"));
                   std::string answer(50'000, 'z');
                   std::thread answering{[&] { put(one.peer, answer); }};
                   const std::string seen = get(one.screen, answer.size());
                   ::shutdown(one.peer, SHUT_RDWR);
                   answering.join();
                   steps.equal("the screen", seen.size(), answer.size());
               });
    steps.step("a chat in which nothing happens uses no processor time", "什么都不发生时，聊天程序不占用处理器", [&] {
        for (const bool input_has_ended : {false, true}) {
            running one;
            put(one.keyboard, "x");
            get(one.peer, 1);
            if (input_has_ended) one.close_keyboard();
            std::this_thread::sleep_for(600ms);  // how much the chat uses meanwhile
            steps.expect(!one.has_ended(), "chat()", "waited for the peer", "it has returned");
            one.end();
            steps.expect(one.processor_time() < 40, input_has_ended ? "chat(), after the end of its input," : "chat()",
                         "used no processor time", "it used " + std::to_string(one.processor_time()) + " ms of 600 ms");
        }
    });
    steps.step("the chat ends when the peer ends", "对端结束时聊天结束", [&] {
        for (const bool screen_is_closed : {false, true}) {
            running one;
            if (screen_is_closed) one.close_screen();
            put(one.peer, "bye\n");
            ::shutdown(one.peer, SHUT_RDWR);
            for (int i = 0; i < 500 && !one.has_ended(); ++i) std::this_thread::sleep_for(10ms);
            steps.expect(one.has_ended(), screen_is_closed ? "chat(), with an output that is closed," : "chat()",
                         "returned", "it goes on");
        }
    });
    return steps.result();
}
