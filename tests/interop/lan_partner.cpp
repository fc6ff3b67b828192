// lan_partner FD LOSS: a simulated host whose cable ends in a TAP device, so that the kernel can talk to it.
// SPDX-License-Identifier: MIT
//
// lan_partner.py makes the device, in a network namespace of its own, and is the kernel's side of each conversation. The
// host here has the address 10.98.0.2. LOSS is in per cent, of the frames in each direction. Virtual time follows the clock.

#include <netnotes/lan/host.hpp>
#include <netnotes/lan/network.hpp>
#include <netnotes/lan/tcp_stack.hpp>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace lan = netnotes::lan;
using netnotes::tcp_state;
using namespace std::chrono_literals;

namespace {

constexpr unsigned crossing = 1003;  // the port where the FINs of both sides cross

/// What decides whether a frame has to wait for another: its FIN, and the ports.
struct segment {
    unsigned from = 0, to = 0;
    bool is_fin = false;
    explicit segment(std::span<const std::byte> frame) {
        const auto at = [&](std::size_t i) { return i < frame.size() ? std::to_integer<unsigned>(frame[i]) : 0; };
        if (at(12) != 0x08 || at(13) != 0 || at(23) != 6) return;  // no TCP over IPv4
        const std::size_t tcp = 14 + at(14) % 16 * 4;
        from = at(tcp) * 256 + at(tcp + 1);
        to = at(tcp + 2) * 256 + at(tcp + 3);
        is_fin = at(tcp + 13) % 2 == 1;
    }
};

/// A node whose one port leads to the kernel. A FIN of the port `crossing` waits here until the kernel's FIN has left.
class device : public lan::node {
  public:
    device(lan::network& net, std::string_view name, int descriptor) : node{net, name}, descriptor_{descriptor} {
        add_ports(1);
    }
    void receive(unsigned, const lan::frame& arrived) override {
        const segment it{arrived.bytes()};
        if (it.is_fin && it.from == crossing && !closed_.contains(it.to))
            waiting_.emplace(it.to, arrived);
        else
            pass(arrived);
    }
    /// Puts the frames that the kernel has sent into the cable.
    void read_all() {
        std::array<std::byte, 4096> buffer;
        for (pollfd ready{descriptor_, POLLIN, 0}; ::poll(&ready, 1, 0) == 1;) {
            const auto size = ::read(descriptor_, buffer.data(), buffer.size());
            if (size <= 0) return;
            const std::vector<std::byte> bytes(buffer.begin(), buffer.begin() + size);
            if (const segment it{bytes}; it.is_fin && it.to == crossing) {
                closed_.insert(it.from);
                const auto [first, last] = waiting_.equal_range(it.from);
                for (auto each = first; each != last; ++each) pass(each->second);
                waiting_.erase(first, last);
            }
            send(0, lan::frame{bytes});
        }
    }

  private:
    void pass(const lan::frame& each) {
        const auto bytes = each.bytes();
        if (::write(descriptor_, bytes.data(), bytes.size()) < 0) std::perror("write to the device");
    }
    int descriptor_;
    std::multimap<unsigned, lan::frame> waiting_;  // by the kernel's port
    std::set<unsigned> closed_;                    // ports from which the kernel has sent its FIN
};

constexpr std::size_t bulk = 1 << 20;

char letter(std::size_t i) { return static_cast<char>('a' + (i * 7 + i / 251) % 26); }
std::string letters(std::size_t from, std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = letter(from + i);
    return text;
}

/// A program at one end of a connection: what it has sent, and what it has read.
struct talk {
    std::size_t sent = 0, received = 0;
    bool is_whole = true;
    void read(lan::tcp_connection& it) {
        for (const char each : it.read()) is_whole = is_whole && each == letter(received++);
    }
    /// Returns true when `size` bytes are sent.
    bool send(lan::tcp_connection& it, std::size_t size) {
        while (sent < size) {
            const std::size_t taken = it.send(letters(sent, std::min<std::size_t>(size - sent, 10'000)));
            if (taken == 0) return false;
            sent += taken;
        }
        return true;
    }
    void tell(const char* what) const {
        std::printf("%s %zu %zu %s\n", what, sent, received, is_whole ? "whole" : "BROKEN");
    }
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return std::fputs("usage: lan_partner FD LOSS\n", stderr), 2;
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const int descriptor = std::atoi(argv[1]);
    lan::network net{26};
    net.keep_passages(0);
    auto& host = net.host("us", "10.98.0.2/24");
    auto& kernel = net.add<device>("kernel", descriptor);
    net.connect(host, kernel, {.delay = 1ms, .loss = lan::per_cent(static_cast<std::uint32_t>(std::atoi(argv[2])))});
    lan::tcp_stack tcp{
        host,
        {.receive_buffer = 200'000, .min_timeout = 200ms, .initial_window = 10, .maximum_segment_lifetime = 50ms}};
    const netnotes::endpoint to_kernel{"10.98.0.1", 2000};

    // 1001: a megabyte each way, then both close.
    tcp.listen(1001, [](lan::tcp_connection& peer) {
        peer.on_change = [state = std::make_shared<talk>()](lan::tcp_connection& it) {
            state->read(it);
            if (!state->send(it, bulk) || !it.has_ended() || it.state() != tcp_state::close_wait) return;
            state->tell("bulk");
            it.close();
        };
    });
    // 1002: this side closes at once.
    tcp.listen(1002, [](lan::tcp_connection& peer) { peer.close(); });
    // 1003: both close at the same time, and the FINs cross on the way.
    tcp.listen(crossing, [](lan::tcp_connection& peer) {
        peer.on_change = [](lan::tcp_connection& it) {
            if (it.state() == tcp_state::closing) std::puts("closing");
            if (it.has_ended()) it.close();
        };
        peer.shutdown();
    });
    // 1004: the kernel sends a question and its FIN; the answer comes after it.
    tcp.listen(1004, [](lan::tcp_connection& peer) {
        peer.on_change = [state = std::make_shared<talk>()](lan::tcp_connection& it) {
            state->read(it);
            if (!it.has_ended() || !state->send(it, 300'000)) return;
            state->tell("half");
            it.close();
        };
    });
    // 1005: this side sends its FIN first, and goes on reading.
    tcp.listen(1005, [](lan::tcp_connection& peer) {
        peer.send("half");
        peer.shutdown();
        peer.on_change = [state = std::make_shared<talk>()](lan::tcp_connection& it) {
            state->read(it);
            if (!it.has_ended()) return;
            state->tell("rest");
            it.close();
        };
    });
    // 1006: this side does not read until its window is closed, and then for a second more.
    tcp.listen(1006, [&net](lan::tcp_connection& peer) {
        auto state = std::make_shared<talk>();
        auto act = [state](lan::tcp_connection& it) {
            state->read(it);
            if (!it.has_ended() || it.state() != tcp_state::close_wait) return;
            state->tell("slow");
            it.close();
        };
        peer.on_change = [&net, act](lan::tcp_connection& it) {
            if (it.machine().receive_window() > 0) return;
            std::puts("window 0");
            it.on_change = nullptr;
            net.after(1s, [&it, act] {
                it.on_change = act;
                act(it);
            });
        };
    });
    // 1007: this side sends a megabyte to a kernel that does not read for a while.
    tcp.listen(1007, [](lan::tcp_connection& peer) {
        peer.on_change = [state = std::make_shared<talk>(), was_closed = false](lan::tcp_connection& it) mutable {
            if (!was_closed && state->sent > 0 && it.machine().send_window() == 0) {
                was_closed = true;
                std::puts("peer's window is closed");
            }
            if (state->send(it, bulk)) it.close();
        };
    });
    // 1008: this side opens 500 connections to the kernel, ten at a time, and closes each.
    unsigned opened = 0, ended = 0;
    std::function<void()> open = [&] {
        if (opened == 500) return;  // the kernel accepts no more
        ++opened;
        auto& made = tcp.connect(to_kernel);
        made.on_change = [&, is_counted = false](lan::tcp_connection& it) mutable {
            if (it.state() == tcp_state::established) it.close();
            const bool is_over = it.state() == tcp_state::time_wait || it.state() == tcp_state::closed;
            if (!is_over || is_counted) return;
            is_counted = true;
            if (++ended == 500) std::puts("opened 500");
            net.after({}, open);
        };
    };
    tcp.listen(1008, [&](lan::tcp_connection& peer) {
        for (unsigned i = 0; i < 10; ++i) net.after({}, open);
        peer.close();
    });
    // 1009: the end, as soon as no connection is left. Whatever is open a minute later is told.
    bool is_asked = false, is_over = false;
    tcp.listen(1009, [&](lan::tcp_connection& peer) {
        is_asked = true;
        peer.close();
        net.after(60s, [&] { is_over = true; });
    });

    const auto begin = std::chrono::steady_clock::now();
    while (!is_over && !(is_asked && tcp.connections().empty())) {
        pollfd ready{descriptor, POLLIN, 0};
        ::poll(&ready, 1, 1);
        net.run_until(std::chrono::steady_clock::now() - begin);
        kernel.read_all();
    }
    std::printf("left %zu malformed %llu\n", tcp.connections().size(),
                static_cast<unsigned long long>(tcp.malformed()));
    std::printf("%s", tcp.connections().empty() ? "" : tcp.table().c_str());
}
