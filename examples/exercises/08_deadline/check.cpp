#include "deadline.hpp"

#include "grader.hpp"

#include <netnotes/tcp.hpp>

#include <pthread.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>

namespace {

namespace net = netnotes;
using namespace std::chrono;
using namespace std::chrono_literals;

/// A client and the server's side of its connection.
struct connection {
    connection() {
        net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
        client = net::tcp_stream{listener.local_endpoint()};
        server = std::move(listener.accept().stream);
        client.set_option(net::option::no_delay{true});
    }
    net::tcp_stream client, server;
};
/// Does something each millisecond until it is destroyed, but not longer than five seconds.
class each_millisecond {
  public:
    template <class Action>
    explicit each_millisecond(Action action)
        : thread_{[this, action] {
              for (const auto end = steady_clock::now() + 5s; !ended_ && steady_clock::now() < end;) {
                  action();
                  std::this_thread::sleep_for(1ms);
              }
              has_given_up_ = !ended_;
          }} {}
    ~each_millisecond() { end(); }
    void end() {
        ended_ = true;
        if (thread_.joinable()) thread_.join();
    }
    bool has_given_up() const { return has_given_up_; }

  private:
    std::atomic<bool> ended_ = false, has_given_up_ = false;
    std::thread thread_;
};

milliseconds processor_time() {
    rusage used{};
    ::getrusage(RUSAGE_THREAD, &used);
    const auto of = [](const timeval& time) { return seconds{time.tv_sec} + microseconds{time.tv_usec}; };
    return duration_cast<milliseconds>(of(used.ru_utime) + of(used.ru_stime));
}
std::string text(milliseconds time) { return std::to_string(time.count()) + " ms"; }
std::string received(connection& pair, std::size_t size, milliseconds limit) {
    std::string buffer(size, '?');
    buffer.resize(receive(pair.server.native_handle(), buffer.data(), size, limit));
    return buffer;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto waited_for_limit = [&](milliseconds took, milliseconds limit) {
        steps.expect(took >= limit, "receive()", grader::either("waited for ", "等待 ") + text(limit),
                     grader::either("it returned after ", "它返回时只过了 ") + text(took));
    };
    steps.step("bytes that are there are received", "接收已经到达的字节", [&] {
        connection pair;
        pair.client.send_all("hello");
        steps.equal("receive()", received(pair, 5, 5s), std::string{"hello"});
        pair.client.send_all("hello, world");
        steps.equal("receive() of 5 bytes", received(pair, 5, 5s), std::string{"hello"});
        steps.equal("receive() of 7 more", received(pair, 7, 5s), std::string{", world"});
        pair.client.send_all("now");
        pollfd waiting{pair.server.native_handle(), POLLIN, 0};
        ::poll(&waiting, 1, 5000 * grader::patience);
        steps.equal("receive() with a limit of 0 ms", received(pair, 3, 0ms), std::string{"now"});
    });
    steps.step("a client that closes ends the wait", "客户端关闭后不再等待", [&] {
        connection pair;
        pair.client.send_all("hel");
        pair.client.close();
        const auto begin = steady_clock::now();
        steps.equal("receive()", received(pair, 5, 60s), std::string{"hel"});
        steps.expect(steady_clock::now() - begin < 9s, "receive()", "returned at once", "it waited");
    });
    steps.step("100,000 bytes arrive in pieces", "十万字节分段到达", [&] {
        connection pair;
        const std::string sent(100'000, 'x');
        std::thread sender{[&] {
            for (std::size_t at = 0; at < sent.size(); at += 1000) {
                pair.client.send_all(std::string_view{sent}.substr(at, 1000));
                if (at % 10'000 == 0) std::this_thread::sleep_for(1ms);
            }
        }};
        const std::size_t size = received(pair, sent.size(), 8s).size();
        pair.server.close();  // a sender that is still at it ends
        sender.join();
        steps.equal("receive()", size, sent.size());
    });
    steps.step("a silent client: the wait ends, and costs no processor time",
               "沉默的客户端：等待会结束，而且不占用处理器", [&] {
                   connection pair;
                   pair.client.send_all("he");
                   const auto before = processor_time();
                   const auto begin = steady_clock::now();
                   steps.equal("receive()", received(pair, 5, 600ms), std::string{"he"});
                   waited_for_limit(duration_cast<milliseconds>(steady_clock::now() - begin), 600ms);
                   const auto used = processor_time() - before;
                   steps.expect(used < 40ms, "receive()", "used no processor time",
                                "it used " + text(used) + " in 600 ms");
               });
    steps.step("a client that sends a byte each millisecond is served no longer than 300 ms",
               "每毫秒发送一个字节的客户端最多被服务 300 毫秒", [&] {
                   connection pair;
                   each_millisecond drip{[&] {
                       std::error_code ignored;
                       pair.client.send("x", ignored);
                   }};
                   const auto begin = steady_clock::now();
                   const std::size_t size = [&] {
                       std::string buffer(100'000, '?');
                       // After five seconds the client is silent: then also a timeout of each receive ends.
                       return receive(pair.server.native_handle(), buffer.data(), buffer.size(), 300ms);
                   }();
                   const auto took = duration_cast<milliseconds>(steady_clock::now() - begin);
                   drip.end();
                   steps.expect(
                       !drip.has_given_up(), "receive() with a limit of 300 ms",
                       grader::either("ended after 300 ms", "在 300 毫秒后结束"),
                       grader::either("it waited for ", "它等待了 ") + text(took) +
                           grader::either(", because a byte came each millisecond", "，因为每毫秒都有一个字节到达"));
                   waited_for_limit(took, 300ms);
                   steps.expect(size > 0, "receive()", "returned the bytes that came", "it returned 0");
               });
    steps.step("signals neither end the wait nor make it longer", "信号既不会提前结束等待，也不会延长等待", [&] {
        struct sigaction action {};
        action.sa_handler = [](int) {};
        ::sigaction(SIGUSR1, &action, nullptr);
        connection pair;
        each_millisecond interrupt{[me = ::pthread_self()] { ::pthread_kill(me, SIGUSR1); }};
        const auto begin = steady_clock::now();
        steps.equal("receive()", received(pair, 5, 300ms), std::string{});
        const auto took = duration_cast<milliseconds>(steady_clock::now() - begin);
        interrupt.end();
        waited_for_limit(took, 300ms);
        steps.expect(!interrupt.has_given_up(), "receive()", "ended after 300 ms",
                     "each signal began the wait anew, for " + text(took));
    });
    return steps.result();
}
