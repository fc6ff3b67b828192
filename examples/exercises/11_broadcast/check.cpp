#include "broadcast.hpp"

#include "grader.hpp"

#include <netnotes/udp.hpp>

#include <atomic>
#include <thread>

namespace {

namespace net = netnotes;
using namespace std::chrono;
using namespace std::chrono_literals;
using names = std::set<std::string>;

/// The broadcast address of the loopback network, so that no question leaves this computer.
constexpr net::ipv4_address everybody{127, 255, 255, 255};

/// Three hosts on one computer: three sockets share the port, and each of them hears a broadcast.
class hosts {
  public:
    explicit hosts(int seed) {
        for (const char* name : {"printer", "camera", "clock"}) {
            names_.push_back(std::string{name} + std::to_string(seed));
            sockets_.emplace_back(net::endpoint{net::ipv4_address::any(), port_},
                                  net::udp_options{.reuse_address = true});
            port_ = sockets_.back().local_endpoint().port();
        }
        thread_ = std::thread{[this] { answer(); }};
    }
    ~hosts() { end(); }
    void end() {
        ended_ = true;
        if (thread_.joinable()) thread_.join();
    }
    sockaddr_in where() const {
        sockaddr_in out{};
        out.sin_family = AF_INET;
        out.sin_port = htons(port_);
        out.sin_addr.s_addr = htonl(everybody.to_uint());
        return out;
    }
    names all() const { return {names_.begin(), names_.end()}; }
    int questions() const { return questions_; }
    /// After end(): a question with another text, if there was one.
    const std::string& strange_question() const { return strange_; }

  private:
    void answer() {
        while (!ended_) {
            pollfd waiting[3];
            for (std::size_t i = 0; i < 3; ++i) waiting[i] = {sockets_[i].native_handle(), POLLIN, 0};
            if (::poll(waiting, 3, 20) <= 0) continue;
            for (std::size_t i = 0; i < 3; ++i) {
                if (waiting[i].revents == 0) continue;
                char buffer[200];
                const auto got = sockets_[i].recv_from(buffer);
                const std::string text(buffer, got.bytes.size());
                if (text != "your name?") strange_ = text;
                ++questions_;
                std::error_code gone;
                for (int twice = 0; twice < 2; ++twice) sockets_[i].send_to(names_[i], net::endpoint{got.sender}, gone);
            }
        }
    }
    std::uint16_t port_ = 0;
    std::vector<std::string> names_;
    std::vector<net::udp_socket> sockets_;
    std::string strange_;
    std::atomic<int> questions_ = 0;
    std::atomic<bool> ended_ = false;
    std::thread thread_;
};

std::string text(const names& all) {
    std::string out{"{"};
    for (const std::string& each : all) out += (out.size() > 1 ? ", " : "") + each;
    return out + "}";
}
sockaddr_in address_of(net::ipv4_address host, std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    out.sin_addr.s_addr = htonl(host.to_uint());
    return out;
}
std::string text(milliseconds time) { return std::to_string(time.count()) + " ms"; }

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const int seed = static_cast<int>(steps.below(1000));
    steps.step("three hosts hear the question, and find_hosts() returns their names",
               "三台主机都收到询问，find_hosts() 返回它们的名字", [&] {
                   hosts three{seed};
                   net::udp_socket socket{net::endpoint{net::ipv4_address::any(), 0}};
                   const names found = find_hosts(socket.native_handle(), three.where(), 3, 4s);
                   three.end();
                   const std::string& question = three.strange_question();
                   steps.expect(
                       three.questions() > 0, grader::either("the hosts", "主机"),
                       grader::either("heard a question", "收到询问"),
                       grader::either("none of them did: sendto() has failed, and no code looked at its result",
                                      "一台也没有收到：sendto() 失败了，而程序没有检查它的返回值"));
                   steps.expect(question.empty(), grader::either("the hosts", "主机"), "heard \"your name?\"",
                                "they heard " + grader::shown(question));
                   steps.expect(three.questions() == 3, grader::either("the question", "询问"), "come to 3 hosts, once",
                                std::to_string(three.questions()) + " have heard it");
                   steps.expect(found == three.all(), "find_hosts()", "returned " + text(three.all()),
                                "it returned " + text(found));
               });
    steps.step("a host that repeats its answer counts once, and an empty answer is no name",
               "重复回答的主机只算一次，空的回答不是名字", [&] {
                   net::udp_socket socket{net::endpoint{net::ipv4_address::any(), 0}},
                       host{net::endpoint{net::ipv4_address::loopback(), 0}};
                   const auto port = socket.local_endpoint().port();
                   for (const char* name : {"a", "a", "", "a", "b", "c"})
                       host.send_to(name, {net::ipv4_address::loopback(), port});
                   const names found = find_hosts(socket.native_handle(), address_of(everybody, 9), 3, 4s);
                   steps.expect(found == names{"a", "b", "c"}, "find_hosts()", "returned {a, b, c}",
                                "it returned " + text(found));
               });
    steps.step("if fewer hosts answer, the wait ends at the limit", "回答的主机较少时，到时限为止", [&] {
        net::udp_socket socket{net::endpoint{net::ipv4_address::any(), 0}},
            host{net::endpoint{net::ipv4_address::loopback(), 0}};
        const net::endpoint where{net::ipv4_address::loopback(), socket.local_endpoint().port()};
        std::atomic<bool> ended = false, has_given_up = false;
        std::thread noisy{[&] {  // one host that says its name each millisecond
            for (const auto end = steady_clock::now() + 5s; !ended && steady_clock::now() < end;) {
                host.send_to("a", where);
                std::this_thread::sleep_for(1ms);
            }
            has_given_up = !ended;
        }};
        const auto begin = steady_clock::now();
        const names found = find_hosts(socket.native_handle(), address_of(everybody, 9), 1000, 300ms);
        const auto took = duration_cast<milliseconds>(steady_clock::now() - begin);
        ended = true;
        noisy.join();
        steps.expect(!has_given_up, "find_hosts()", "ended after 300 ms", "it took " + text(took));
        steps.expect(took >= 300ms, "find_hosts()", "waited for 300 ms", "it ended after " + text(took));
        steps.expect(found == names{"a"}, "find_hosts()", "returned {a}", "it returned " + text(found));
    });
    steps.step("an error of sendto() is thrown", "sendto() 的错误以异常报告", [&] {
        net::udp_socket socket{net::endpoint{net::ipv4_address::any(), 0}};
        try {
            find_hosts(socket.native_handle(), address_of(everybody, 0), 1, 200ms);  // port 0: EINVAL
        } catch (const std::system_error& error) {
            steps.expect(error.code() == std::errc::invalid_argument, "find_hosts()",
                         "thrown the error of sendto(), EINVAL", "it threw " + error.code().message());
            return;
        }
        steps.expect(false, "find_hosts()", "thrown std::system_error: no question left", "it returned");
    });
    return steps.result();
}
