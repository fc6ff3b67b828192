#include "sigpipe.hpp"

#include "grader.hpp"

#include <netnotes/tcp.hpp>

#include <fcntl.h>
#include <poll.h>

#include <algorithm>

namespace {

namespace net = netnotes;

void broken_pipe(int) {
    const char* text = grader::either("\n    the program should have lived on, but the signal SIGPIPE ended it\n",
                                      "\n    程序应当继续运行，但是 SIGPIPE 信号终止了它\n");
    [[maybe_unused]] const auto ignored = ::write(1, text, ::strlen(text));
    ::_exit(1);
}

/// Some clients, and the server's descriptors of them.
class room {
  public:
    explicit room(std::size_t count) : listener_{{net::ipv4_address::loopback(), 0}} {
        for (std::size_t i = 0; i < count; ++i) {
            clients.emplace_back(listener_.local_endpoint());
            clients.back().set_timeout(std::chrono::seconds{8} * grader::patience);
            all.push_back(listener_.accept().stream.release());
        }
        served = all;
    }
    ~room() {
        for (const int each : served) ::close(each);
    }
    /// The client closes, and the server's kernel knows it.
    void leave(std::size_t i) {
        clients[i].close();
        await(all[i], POLLRDHUP);
    }
    void reset(std::size_t i) {
        clients[i].set_option(net::option::linger{std::chrono::seconds{0}});
        clients[i].close();
        await(all[i], POLLHUP);
    }
    /// The client's kernel has answered the bytes that came too late with a reset.
    void refuse(std::size_t i) {
        if (std::find(served.begin(), served.end(), all[i]) != served.end()) await(all[i], POLLHUP);
    }
    static bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) != -1; }
    static void await(int descriptor, short what) {
        for (pollfd waiting{descriptor, what, 0}; ::poll(&waiting, 1, 8000 * grader::patience) > 0;)
            if (waiting.revents & what) return;
        throw std::runtime_error{"the kernel does not report that the client has gone"};
    }
    std::vector<net::tcp_stream> clients;
    std::vector<int> all, served;

  private:
    net::tcp_listener listener_;
};

std::string heard(net::tcp_stream& client, std::size_t size) {
    std::string text;
    char buffer[200];
    while (text.size() < size) {
        std::error_code error;
        const std::size_t more = client.recv(std::as_writable_bytes(std::span{buffer}), error);
        if (error || more == 0) break;
        text.append(buffer, more);
    }
    while (true) {  // and nothing behind it
        std::error_code error;
        const std::size_t more = client.recv(std::as_writable_bytes(std::span{buffer}), error, MSG_DONTWAIT);
        if (error || more == 0) return text;
        text.append(buffer, more);
    }
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    ::signal(SIGPIPE, broken_pipe);
    steps.step("each client gets each line", "每个客户端都收到每一行", [&] {
        room chat{3};
        tell(chat.served, "one\n");
        tell(chat.served, "two\n");
        for (net::tcp_stream& each : chat.clients)
            steps.equal(grader::either("a client", "客户端"), heard(each, 8), std::string{"one\ntwo\n"});
    });
    steps.step("a client that has only ended its own direction still gets lines",
               "只关闭自己发送方向的客户端仍然收到各行", [&] {
                   room chat{1};
                   chat.clients[0].shutdown(net::shutdown_direction::send);
                   room::await(chat.all[0], POLLRDHUP);
                   tell(chat.served, "one\n");
                   tell(chat.served, "two\n");
                   steps.equal(grader::either("the client", "这个客户端"), heard(chat.clients[0], 8),
                               std::string{"one\ntwo\n"});
               });
    steps.step(
        "the server outlives the second line to a client that has left", "向已离开的客户端发第二行之后，服务器仍在运行",
        [&] {
            room chat{2};
            chat.leave(0);
            tell(chat.served, "one\n");
            chat.refuse(0);
            tell(chat.served, "two\n");
            steps.equal(grader::either("the other client", "另一个客户端"), heard(chat.clients[1], 8),
                        std::string{"one\ntwo\n"});
            steps.equal(grader::either("the list of clients", "客户端列表"), chat.served, std::vector{chat.all[1]});
            steps.expect(!room::is_open(chat.all[0]), grader::either("the client that has left", "已离开的客户端"),
                         grader::either("been closed", "被关闭"),
                         grader::either("its descriptor is open", "它的描述符还开着"));
        });
    steps.step("a client that resets is closed as well", "复位连接的客户端也被关闭", [&] {
        room chat{2};
        chat.reset(1);
        tell(chat.served, "one\n");
        tell(chat.served, "two\n");
        steps.equal(grader::either("the list of clients", "客户端列表"), chat.served, std::vector{chat.all[0]});
        steps.expect(!room::is_open(chat.all[1]), grader::either("the client that has reset", "复位连接的客户端"),
                     grader::either("been closed", "被关闭"),
                     grader::either("its descriptor is open", "它的描述符还开着"));
        steps.equal(grader::either("the other client", "另一个客户端"), heard(chat.clients[0], 8),
                    std::string{"one\ntwo\n"});
    });
    steps.step("of 30 clients any may leave, and the others miss no line",
               "30 个客户端中任何一个离开，其余的一行也不漏", [&] {
                   room chat{30};
                   std::vector<int> stay;
                   std::vector<bool> has_left;
                   for (std::size_t i = 0; i < 30; ++i) {
                       has_left.push_back(i == 7 || i == 8 || i == 29 || steps.below(3) == 0);
                       if (has_left[i])
                           chat.leave(i);
                       else
                           stay.push_back(chat.all[i]);
                   }
                   tell(chat.served, "one\n");
                   for (std::size_t i = 0; i < 30; ++i)
                       if (has_left[i]) chat.refuse(i);
                   tell(chat.served, "two\n");
                   tell(chat.served, "three\n");
                   steps.equal(grader::either("the list of clients", "客户端列表"), chat.served, stay);
                   for (std::size_t i = 0; i < 30; ++i)
                       if (!has_left[i])
                           steps.equal("client " + std::to_string(i), heard(chat.clients[i], 14),
                                       std::string{"one\ntwo\nthree\n"});
               });
    steps.step("the program's own handling of SIGPIPE is as before", "程序自己对 SIGPIPE 的处理没有改变", [&] {
        struct sigaction now {};
        ::sigaction(SIGPIPE, nullptr, &now);
        steps.expect(
            now.sa_handler == broken_pipe, "tell()",
            grader::either("left the signal's handler of the whole program alone", "不改变整个程序的信号处理函数"),
            grader::either("the handler is another", "处理函数变了"));
    });
    return steps.result();
}
