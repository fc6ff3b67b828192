#include "udp_echo.hpp"

#include "grader.hpp"

#include <netnotes/udp.hpp>

#include <atomic>
#include <thread>

namespace {

namespace net = netnotes;
using namespace std::chrono;
using namespace std::chrono_literals;

net::udp_socket bound(const char* address = "127.0.0.1", std::uint16_t port = 0) {
    net::udp_socket socket{net::endpoint{address, port}};
    socket.set_timeout(5s * grader::patience);
    return socket;
}
sockaddr_in system_address(const net::endpoint& where) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(where.port());
    out.sin_addr.s_addr = htonl(where.address().v4().to_uint());
    return out;
}
std::string received(net::udp_socket& socket, net::endpoint* sender = nullptr) {
    std::vector<char> buffer(65536);
    const auto got = socket.recv_from(buffer);
    if (sender) *sender = got.sender;
    return std::string{reinterpret_cast<const char*>(got.bytes.data()), got.bytes.size()};
}
/// The learner's server, in a thread.
class running {
  public:
    running()
        : thread_{[this] {
              serve(socket_.native_handle(), stop_.native_handle());
              has_ended_ = true;
          }} {}
    ~running() {
        stop_.request_stop();
        thread_.join();
    }
    net::endpoint where() const { return socket_.local_endpoint(); }
    bool has_ended() const { return has_ended_; }

  private:
    net::udp_socket socket_ = bound();
    net::stop_event stop_;
    std::atomic<bool> has_ended_ = false;
    std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto echo = [&](net::udp_socket& client, const running& server, const std::string& text) {
        client.send_to(text, server.where());
        pollfd waiting{client.native_handle(), POLLIN, 0};
        for (int i = 0; i < 50 && ::poll(&waiting, 1, 100) == 0 && !server.has_ended();) ++i;
        const std::string size = std::to_string(text.size()) + grader::either(" bytes", " 字节");
        steps.expect(::poll(&waiting, 1, 0) > 0, "serve()",
                     grader::either("echoed a datagram of ", "送回数据报：") + size,
                     server.has_ended() ? "serve() has returned" : "nothing came");
        const std::string got = received(client);
        steps.equal("serve()", got.size(), text.size());
        steps.expect(got == text, "serve()", "echoed the same bytes", "they differ");
    };
    steps.step("serve() answers two clients", "serve() 回答两个客户端", [&] {
        running server;
        net::udp_socket first = bound(), second = bound("127.0.0.2");
        for (const char* text : {"hello", "x", "hello, world"}) {
            echo(first, server, text);
            echo(second, server, text);
        }
    });
    steps.step("serve() answers an empty datagram, zeros, and the largest datagram",
               "serve() 回答空数据报、含零字节的数据报和最大的数据报", [&] {
                   running server;
                   net::udp_socket client = bound();
                   for (const std::size_t size : {0u, 1u, 1500u, 1501u, 65507u}) {
                       std::string text(size, '\0');
                       for (std::size_t i = 1; i < size; i += 2) text[i] = static_cast<char>(i);
                       echo(client, server, text);
                   }
               });
    steps.step("serve() goes on when a client has gone", "客户端消失以后 serve() 继续工作", [&] {
        running server;
        net::udp_socket client = bound();  // before the others, so that none of them has the same port
        for (int i = 0; i < 20; ++i) bound().send_to("lost", server.where());
        echo(client, server, "still here");
    });

    steps.step("ask() returns the echo", "ask() 返回回显", [&] {
        net::udp_socket client = bound(), server = bound();
        std::thread echoing{[&] {
            try {
                for (int i = 0; i < 3; ++i) {
                    net::endpoint sender;
                    const std::string text = received(server, &sender);
                    server.send_to(text + (i == 2 ? "!" : ""), sender);
                    if (i == 2) server.send_to(text, sender);
                }
            } catch (const std::system_error&) {  // no question came
            }
        }};
        const auto address = system_address(server.local_endpoint());
        const auto first = ask(client.native_handle(), address, "hello", 5s);
        const auto second = ask(client.native_handle(), address, std::string(20'000, 'y'), 5s);
        const auto third = ask(client.native_handle(), address, "third", 5s);
        echoing.join();
        steps.equal("ask(\"hello\")", first, std::optional<std::string>{"hello"});
        steps.expect(second == std::string(20'000, 'y'), "ask() with 20,000 bytes", "returned them",
                     "it returned " + (second ? std::to_string(second->size()) + " bytes" : "nothing"));
        steps.equal("ask(\"third\"), after the datagram \"third!\",", third, std::optional<std::string>{"third"});
    });
    steps.step("ask() does not believe strangers", "ask() 不相信陌生人", [&] {
        net::udp_socket client = bound(), server = bound(), stranger = bound();
        const net::endpoint where = client.local_endpoint();
        // The same port on another address, and the same address with another port.
        net::udp_socket neighbour = bound("127.0.0.2", server.local_endpoint().port());
        neighbour.send_to("hello", where);
        stranger.send_to("hello", where);
        const auto none = ask(client.native_handle(), system_address(server.local_endpoint()), "hello", 200ms);
        steps.expect(!none, "ask()", "ignored the datagrams of two strangers", "it believed one of them");
        net::endpoint sender;
        steps.equal("the question", received(server, &sender), std::string{"hello"});
        steps.expect(sender == where, "the question", "come from the client's socket",
                     "it came from " + sender.to_string());

        neighbour.send_to("again", where);
        stranger.send_to("again", where);
        server.send_to("hello", where);  // late: the echo of the first question
        server.send_to("again", where);
        const auto second = ask(client.native_handle(), system_address(server.local_endpoint()), "again", 5s);
        steps.equal("ask(\"again\")", second, std::optional<std::string>{"again"});
    });
    steps.step("a stranger that sends each millisecond does not make the wait longer",
               "陌生人每毫秒发送一个数据报，也不能延长等待", [&] {
                   net::udp_socket client = bound(), server = bound(), stranger = bound();
                   std::atomic<bool> ended = false, has_given_up = false;
                   std::thread noise{[&, where = client.local_endpoint()] {
                       for (const auto end = steady_clock::now() + 5s; !ended && steady_clock::now() < end;) {
                           stranger.send_to("hello", where);
                           std::this_thread::sleep_for(1ms);
                       }
                       has_given_up = !ended;
                   }};
                   const auto begin = steady_clock::now();
                   const auto answer =
                       ask(client.native_handle(), system_address(server.local_endpoint()), "hello", 300ms);
                   const auto took = duration_cast<milliseconds>(steady_clock::now() - begin);
                   ended = true;
                   noise.join();
                   steps.expect(!answer, "ask()", "returned nothing", "it believed a stranger");
                   steps.expect(!has_given_up, "ask()", "ended after 300 ms",
                                "it took " + std::to_string(took.count()) + " ms");
                   steps.expect(took >= 300ms, "ask()", "waited for 300 ms",
                                "it ended after " + std::to_string(took.count()) + " ms" +
                                    (took < 299ms ? ""
                                                  : grader::either(": duration_cast rounds down, ceil rounds up",
                                                                   "：duration_cast 向下取整，ceil 向上取整")));
               });
    return steps.result();
}
