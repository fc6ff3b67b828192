#include "grader.hpp"

#include <netnotes/poll.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>

namespace {

namespace net = netnotes;
using grader::question;

std::string listed(const std::set<int>& numbers) {
    std::string text;
    for (const int each : numbers) text += (text.empty() ? "" : " ") + std::to_string(each);
    return text.empty() ? "-" : text;
}
/// Pairs of sockets; one end of each has the descriptor that the question names.
class sockets {
  public:
    explicit sockets(const std::set<int>& numbers) {
        for (const int each : numbers) {
            auto [one, other] = net::socket_pair();
            ::dup2(one.native_handle(), each);
            peers_[each] = std::move(other);
        }
    }
    ~sockets() {
        for (auto& [number, peer] : peers_) ::close(number);
    }
    void make_readable(int number) { peers_.at(number).send("x"); }

  private:
    std::map<int, net::socket> peers_;
};

/// Asks select() with a nfds of `end`, and says what it returns and what is in the set then.
std::pair<int, std::set<int>> ask(const std::set<int>& asked, const std::set<int>& readable, int end) {
    sockets all{asked};
    for (const int each : readable) all.make_readable(each);
    fd_set set;
    FD_ZERO(&set);
    for (const int each : asked) FD_SET(each, &set);
    timeval now{};
    const int count = ::select(end, &set, nullptr, nullptr, &now);
    std::set<int> left;
    for (int i = 0; i < FD_SETSIZE; ++i)
        if (FD_ISSET(i, &set)) left.insert(i);
    return {count, left};
}
/// Which byte behind the set does FD_SET(descriptor) change, and to which value? -1: it stays inside.
__attribute__((no_sanitize("undefined", "address"))) std::pair<int, int> byte_behind(int descriptor) {
    struct {
        fd_set set;
        std::array<unsigned char, 1024> behind;
    } memory;
    std::memset(&memory, 0, sizeof memory);
    volatile auto* const words = reinterpret_cast<volatile long*>(&memory);  // what the macro FD_SET does
    words[descriptor / 64] = words[descriptor / 64] | (1L << (descriptor % 64));
    for (std::size_t i = 0; i < memory.behind.size(); ++i)
        if (memory.behind[i]) return {static_cast<int>(i), memory.behind[i]};
    return {-1, 0};
}
template <class Poller>
std::string takes(int descriptor) {
    sockets one{{descriptor}};
    Poller poller;
    try {
        poller.add(descriptor, net::interest::read, 0);
        return "yes";
    } catch (const std::system_error&) {
        return "no";
    }
}

std::vector<question> make(std::uint32_t seed) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    std::vector<question> all;
    all.push_back({"bits in an fd_set", std::to_string(FD_SETSIZE), "FD_SETSIZE. A larger limit of descriptors does not change it."});
    all.push_back({"bytes of an fd_set", std::to_string(sizeof(fd_set)), "A bit for each descriptor."});
    for (const int each : {1023, 1024})
        all.push_back({"select() can wait for descriptor " + std::to_string(each) + ": yes or no", takes<net::select_poller>(each),
                       "Bits are counted from 0."});
    all.push_back({"poll() can wait for descriptor 1024: yes or no", takes<net::poll_poller>(1024), "It takes a list of numbers."});
    all.push_back({"epoll can wait for descriptor 1024: yes or no", takes<net::epoll_poller>(1024), "The kernel has a tree of them."});

    const auto after = [&](const std::set<int>& asked, const std::set<int>& readable, int end, bool of_count) {
        const auto [count, left] = ask(asked, readable, end);
        const std::string text = "asked for " + listed(asked) + "; bytes lie in " + listed(readable) + "; select(" +
                                 std::to_string(end) + ", ...) " + (of_count ? "returns" : "leaves in the set");
        for (const question& each : all)
            if (each.text == text) return;
        all.push_back({text, of_count ? std::to_string(count) : listed(left),
                       end <= *asked.rbegin() ? "The first argument is the highest descriptor plus 1: select() looks no further."
                                              : "The answer is written over the question; descriptors that are not ready are gone."});
    };
    after({101, 103, 107}, {103}, 108, true);
    after({101, 103, 107}, {103}, 108, false);
    after({101, 103, 107}, {}, 108, false);
    after({101, 103, 107}, {101, 107}, 107, true);
    for (const int each : {1023, 1024, 1031, 1056, 1100}) {
        const auto [place, value] = byte_behind(each);
        all.push_back({"FD_SET(" + std::to_string(each) + ", &set) writes into byte N behind the set (- if into none): N",
                       place < 0 ? "-" : std::to_string(place), "Byte 0 behind the set has the bits 1024 to 1031."});
    }
    std::mt19937 random{seed};
    for (int i = 0; i < 6; ++i) {
        std::set<int> asked, readable;
        while (asked.size() < 4) asked.insert(100 + static_cast<int>(random() % 40));
        for (const int each : asked)
            if (random() % 2) readable.insert(each);
        after(asked, readable, *asked.rbegin() + (i % 3 ? 1 : 0), i % 2);
    }
    for (int i = 0; i < 2; ++i) {
        const int descriptor = 1024 + static_cast<int>(random() % 4000);
        all.push_back({"FD_SET(" + std::to_string(descriptor) + ", &set) writes into byte N behind the set: N",
                       std::to_string(byte_behind(descriptor).first), "Divide by 8."});
    }
    return all;
}

}  // namespace

int main(int argc, char** argv) { return grader::run_sheet(argc, argv, make); }
