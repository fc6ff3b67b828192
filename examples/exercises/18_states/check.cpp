#include "grader.hpp"

#include <netnotes/tcp.hpp>

#include <sys/ioctl.h>

#include <cstdio>
#include <sstream>
#include <thread>

namespace {

namespace net = netnotes;
using state = net::tcp_state;

/// The kernel's table also knows ends that have no program any more.
state state_of(const net::endpoint& local, const net::endpoint& remote) {
    std::ifstream table{"/proc/net/tcp"};
    for (std::string line; std::getline(table, line);) {
        unsigned from = 0, to = 0, number = 0;
        if (std::sscanf(line.c_str(), "%*u: %*8x:%x %*8x:%x %x", &from, &to, &number) == 3 && from == local.port() &&
            to == remote.port())
            return static_cast<state>(number);
    }
    return state::closed;
}

template <class Condition>
void wait_until(Condition holds) {
    for (const auto end = net::clock::now() + std::chrono::seconds{8} * grader::patience; !holds(); std::this_thread::yield())
        if (net::clock::now() > end) throw std::runtime_error{"the kernel does not do what this exercise expects"};
}

/// A connection over loopback, and the calls that a program can make on either end.
class connection {
  public:
    connection() : listener_{{net::ipv4_address::loopback(), 0}} {
        ends_[0] = net::tcp_stream{listener_.local_endpoint()};
        ends_[1] = listener_.accept().stream;
        for (int i : {0, 1}) names_[i] = ends_[i].local_endpoint();
    }
    bool is_open(int end) const { return ends_[end].native_handle() >= 0; }
    bool may_send(int end) const { return is_open(end) && !has_shut_[end] && !is_over(); }
    bool has_bytes(int end) const { return is_open(end) && waiting_[end] > 0; }
    bool is_over() const { return look(0) == state::closed && look(1) == state::closed; }
    bool has_ended(int end) const { return look(end) == state::time_wait || look(end) == state::closed; }
    state look(int end) const { return state_of(names_[end], names_[1 - end]); }

    void close(int end) {
        ends_[end].close();
        settle();
    }
    void reset(int end) {
        ends_[end].set_option(net::option::linger{std::chrono::seconds{0}});
        close(end);
    }
    void shut(int end) {
        has_shut_[end] = true;
        ends_[end].shutdown(net::shutdown_direction::send);
        settle();
    }
    void send(int end) {
        ends_[end].send_all("hello");
        const int other = 1 - end;
        if (is_open(other)) {
            waiting_[other] += 5;
            wait_until([&] { return arrived(other) == waiting_[other]; });
        } else {
            wait_until([&] { return is_over(); });
        }
    }
    void recv(int end) {
        char buffer[100];
        [[maybe_unused]] const auto size =
            ::recv(ends_[end].native_handle(), buffer, static_cast<std::size_t>(waiting_[end]), MSG_WAITALL);
        waiting_[end] = 0;
    }

  private:
    int arrived(int end) const {
        int size = 0;
        ::ioctl(ends_[end].native_handle(), FIONREAD, &size);
        return size;
    }
    /// Segments are under way until the two states are one of these pairs.
    void settle() const {
        wait_until([&] {
            const state a = look(0), b = look(1);
            const auto is_pair = [&](state x, state y) { return (a == x && b == y) || (a == y && b == x); };
            return is_pair(state::established, state::established) || is_pair(state::fin_wait_2, state::close_wait) ||
                   is_pair(state::time_wait, state::closed) || is_pair(state::closed, state::closed);
        });
    }
    net::tcp_listener listener_;
    net::tcp_stream ends_[2];
    net::endpoint names_[2];
    bool has_shut_[2] = {};
    int waiting_[2] = {};
};

struct call {
    const char* name;
    bool (*may)(const connection&, int end);
    void (*make)(connection&, int end);
};
constexpr call calls[] = {
    {"close()", [](const connection& c, int end) { return c.is_open(end) && !(c.has_bytes(end) && c.has_ended(end)); },
     [](connection& c, int end) { c.close(end); }},
    {"shutdown(send)", [](const connection& c, int end) { return c.may_send(end); },
     [](connection& c, int end) { c.shut(end); }},
    {"send(hello)", [](const connection& c, int end) { return c.may_send(end); }, [](connection& c, int end) { c.send(end); }},
    {"recv()", [](const connection& c, int end) { return c.has_bytes(end); }, [](connection& c, int end) { c.recv(end); }},
    {"linger(0).close()", [](const connection& c, int end) { return c.is_open(end) && !c.has_ended(end); },
     [](connection& c, int end) { c.reset(end); }},
};
constexpr const char* ends[] = {"client", "server"};

const char* why(state answer) {
    switch (answer) {
        case state::established: return "Neither side has said that it has no more to send.";
        case state::close_wait: return "The peer has closed, and this program has not.";
        case state::fin_wait_2: return "This end has closed, its FIN is acknowledged, and the peer has not closed.";
        case state::time_wait: return "Both have closed in order, and this end was the first.";
        default: return "This end closed second, or there was a reset: bytes unread, bytes for a closed end, linger(0).";
    }
}

/// Makes the calls, "client.close() server.recv()", and asks for one end.
grader::question ask(const std::string& script, int end) {
    connection both;
    std::istringstream words{script};
    for (std::string word; words >> word;) {
        const int who = word.rfind("client.", 0) == 0 ? 0 : 1;
        for (const call& each : calls)
            if (word.substr(7) == each.name) each.make(both, who);
    }
    const state answer = both.look(end);
    return {(script.empty() ? "connect() has returned" : script) + ": the " + ends[end], std::string{to_string(answer)},
            why(answer)};
}

std::vector<grader::question> make(std::uint32_t seed) {
    std::vector<grader::question> all;
    all.push_back(ask("", 1));
    for (const char* script : {"client.close()", "client.close() server.close()", "server.close() client.close()",
                               "client.shutdown(send) server.send(hello) client.recv() server.close()",
                               "server.send(hello) client.close()", "client.close() server.send(hello)"})
        for (const int end : {0, 1}) all.push_back(ask(script, end));
    all.push_back(ask("server.linger(0).close()", 0));
    std::mt19937 random{seed};
    while (all.size() < 20) {
        connection both;
        std::string script;
        for (int size = 0; size < 4 && !both.is_over();) {
            const int who = static_cast<int>(random() % 2);
            const call& next = calls[random() % std::size(calls)];
            if (!next.may(both, who)) {
                if (!both.is_open(0) && !both.is_open(1)) break;
                continue;
            }
            next.make(both, who);
            script += (size++ ? " " : "") + std::string{ends[who]} + "." + next.name;
        }
        grader::question last = ask(script, static_cast<int>(random() % 2));
        bool is_new = true;
        for (const grader::question& each : all) is_new = is_new && each.text != last.text;
        if (is_new) all.push_back(last);
    }
    return all;
}

}  // namespace

int main(int argc, char** argv) { return grader::run_sheet(argc, argv, make); }
