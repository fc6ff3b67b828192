#include "leak.hpp"

#include "grader.hpp"

#include <netnotes/tcp.hpp>

#include <sys/resource.h>

#include <dirent.h>
#include <thread>

namespace {

namespace net = netnotes;

int open_descriptors() {
    int count = 0;
    DIR* const folder = ::opendir("/proc/self/fd");
    while (::readdir(folder)) ++count;
    ::closedir(folder);
    return count - 3;  // ".", ".." and the folder itself
}

/// The learner's server, in a thread.
class running {
  public:
    running() : listener_{{net::ipv4_address::loopback(), 0}}, thread_{[this] {
          serve(listener_.native_handle(), stop_.native_handle());
      }} {}
    ~running() { end(); }
    net::endpoint where() const { return listener_.local_endpoint(); }
    void end() {
        stop_.request_stop();
        if (thread_.joinable()) thread_.join();
    }

  private:
    net::tcp_listener listener_;
    net::stop_event stop_;
    std::thread thread_;
};

std::string ask(const net::endpoint& where, const std::string& name = "me") {
    net::tcp_stream client{where};
    client.set_timeout(std::chrono::seconds{5} * grader::patience);
    client.send_all(name);
    std::string answer;
    char buffer[100];
    while (const std::size_t size = client.recv(buffer)) answer.append(buffer, size);
    return answer;
}
/// A client that resets the connection before it has said anything.
void vanish(const net::endpoint& where) {
    net::tcp_stream client{where};
    client.set_option(net::option::linger{std::chrono::seconds{0}});
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    steps.step("a client gets its answer", "客户端得到回答", [&] {
        running server;
        for (const char* name : {"me", "x"})
            steps.equal("the server", ask(server.where(), name), std::string{"hello\n"});
    });
    steps.step("60 clients that vanish leave no descriptor open", "60 个消失的客户端不留下打开的描述符", [&] {
        running server;
        steps.equal("the server", ask(server.where()), std::string{"hello\n"});
        const int before = open_descriptors();
        for (int i = 0; i < 60; ++i) {
            vanish(server.where());
            if (i % 10 == 9) ask(server.where());
        }
        steps.equal("the server", ask(server.where()), std::string{"hello\n"});
        server.end();
        const int more = open_descriptors() - before;
        steps.expect(more <= 0, "60 lost clients", "left no descriptor open", std::to_string(more) + " more are open");
    });
    steps.step("with a limit of 30 descriptors the last client is served as well", "限制为 30 个描述符时，最后一个客户端也得到服务", [&] {
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = 30;
        ::setrlimit(RLIMIT_NOFILE, &limit);
        running server;
        for (int i = 0; i < 60; ++i) {
            vanish(server.where());
            steps.equal("the server", ask(server.where()), std::string{"hello\n"});
        }
    });
    return steps.result();
}
