#include "send_all.hpp"

#include "grader.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <system_error>
#include <thread>

namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

struct connection {
    explicit connection(bool blocking = true) {
        int fds[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | (blocking ? 0 : SOCK_NONBLOCK), 0, fds) == 0)
            sender = fds[0], reader = fds[1];
        ::fcntl(reader, F_SETFL, 0);
    }
    ~connection() {
        ::close(sender);
        ::close(reader);
    }
    int sender = -1, reader = -1;
};
/// The learner's send_all(), in a thread.
class sending {
  public:
    sending(const connection& pair, std::string text)
        : pair_{pair}, text_{std::move(text)}, thread_{[this] {
              try {
                  send_all(pair_.sender, text_.data(), text_.size());
              } catch (const std::system_error& error) {
                  error_ = error.code();
              }
              rusage used{};
              ::getrusage(RUSAGE_THREAD, &used);
              const auto of = [](const timeval& time) { return seconds{time.tv_sec} + microseconds{time.tv_usec}; };
              processor_time_ = duration_cast<milliseconds>(of(used.ru_utime) + of(used.ru_stime)).count();
              ::shutdown(pair_.sender, SHUT_WR);  // so the reader sees the end, also if bytes are missing
              has_ended_ = true;
          }} {}
    ~sending() {
        ::shutdown(pair_.reader, SHUT_RDWR);
        end();
    }
    void end() {
        if (thread_.joinable()) thread_.join();
    }
    /// Waits until the buffer of the connection is full, or the sender has ended.
    void wait_until_full() const {
        pollfd room{pair_.sender, POLLOUT, 0};
        while (!has_ended_ && ::poll(&room, 1, 0) > 0) std::this_thread::sleep_for(1ms);
    }
    void interrupt() { ::pthread_kill(thread_.native_handle(), SIGUSR1); }
    bool has_ended() const { return has_ended_; }
    long long processor_time() const { return processor_time_; }
    std::error_code error() const { return error_; }

  private:
    const connection& pair_;
    const std::string text_;
    std::atomic<bool> has_ended_ = false;
    std::atomic<long long> processor_time_ = 0;
    std::error_code error_;
    std::thread thread_;
};
/// Reads to the end of the stream, in pieces.
std::string all_of(int from, std::size_t piece) {
    std::string all, buffer(piece, '\0');
    for (ssize_t size; (size = ::recv(from, buffer.data(), buffer.size(), 0)) > 0;)
        all.append(buffer, 0, static_cast<std::size_t>(size));
    return all;
}
std::string numbered(std::size_t size) {
    std::string text;
    for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
    text.resize(size);
    return text;
}

}  // namespace

int main(int argc, char** argv) {
    struct sigaction action {};
    action.sa_handler = [](int) {};  // without SA_RESTART
    ::sigaction(SIGUSR1, &action, nullptr);
    static volatile sig_atomic_t pipe_signals = 0;
    action.sa_handler = [](int) { pipe_signals = 1; };
    ::sigaction(SIGPIPE, &action, nullptr);

    grader::sheet steps{argc, argv};
    const auto arrived = [&](const std::string& got, const std::string& sent) {
        steps.expect(
            got.size() == sent.size(), std::to_string(sent.size()) + grader::either(" bytes", " 字节"),
            grader::either("arrived", "到达"),
            grader::either("only ", "只到达了 ") + std::to_string(got.size()) + grader::either(" came", " 字节"));
        steps.expect(got == sent, grader::either("the bytes", "这些字节"), "arrived in order, each once",
                     "they are changed");
    };
    steps.step("a few bytes", "几个字节", [&] {
        for (const bool blocking : {true, false}) {
            for (const std::string text : {"hello", "x"}) {
                connection pair{blocking};
                sending one{pair, text};
                arrived(all_of(pair.reader, 100), text);
            }
        }
        connection pair;
        send_all(pair.sender, "", 0);
    });
    steps.step("three million bytes on a non-blocking socket, and a slow reader",
               "非阻塞套接字上的三百万字节，对端读得很慢", [&] {
                   const std::string text = numbered(3'000'000);
                   connection pair{false};
                   sending one{pair, text};
                   one.wait_until_full();
                   arrived(all_of(pair.reader, 50'000), text);
                   one.end();
                   steps.expect((::fcntl(pair.sender, F_GETFL) & O_NONBLOCK) != 0, "send_all()",
                                "left the socket non-blocking", "it is blocking now");
               });
    steps.step("while the peer does not read, send_all() uses no processor time",
               "对端不读取时，send_all() 不占用处理器", [&] {
                   const std::string text = numbered(1'000'000);
                   connection pair{false};
                   sending one{pair, text};
                   one.wait_until_full();
                   std::this_thread::sleep_for(600ms);  // how much it uses meanwhile
                   steps.expect(!one.has_ended(), "send_all()", "waited for the reader", "it has returned");
                   ::shutdown(pair.reader, SHUT_RDWR);
                   one.end();
                   steps.expect(one.processor_time() < 40, "send_all()", "used no processor time",
                                "it used " + std::to_string(one.processor_time()) + " ms of 600 ms");
               });
    steps.step("signals interrupt a blocking send, and no byte is lost", "信号打断阻塞的发送，但不丢失字节", [&] {
        const std::string text = numbered(2'000'000);
        connection pair;
        sending one{pair, text};
        one.wait_until_full();
        for (int i = 0; i < 30 && !one.has_ended(); ++i) {
            one.interrupt();
            std::this_thread::sleep_for(1ms);
        }
        const std::string got = all_of(pair.reader, 50'000);
        one.end();
        steps.expect(!one.error(), "send_all()", "gone on after the signal", "it threw: " + one.error().message());
        arrived(got, text);
    });
    steps.step("a lost connection is an exception, and no signal", "连接断开时抛出异常，而没有信号", [&] {
        for (const bool blocking : {true, false}) {
            connection pair{blocking};
            const std::string text = numbered(1'000'000);
            sending one{pair, text};
            one.wait_until_full();
            ::shutdown(pair.reader, SHUT_RDWR);
            one.end();
            steps.expect(static_cast<bool>(one.error()), "send_all()", "thrown std::system_error", "it returned");
            steps.expect(one.error() == std::errc::broken_pipe, "send_all()", "thrown EPIPE",
                         "it threw: " + one.error().message());
            steps.expect(!pipe_signals, "send_all()", "raised no signal",
                         "SIGPIPE came: it ends each program that does not handle it");
        }
    });
    return steps.result();
}
