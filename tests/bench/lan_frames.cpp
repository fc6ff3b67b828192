// Datagrams there and back through two routers, for lan.py, which runs ns3_frames.cpp beside it.
// SPDX-License-Identifier: MIT
//
//     A ── R1 ── R2 ── B     each exchange is a datagram of 64 bytes and its echo: six frames on cables
//
//     lan_frames EXCHANGES   prints how many frames went over cables, and the seconds of processor time

#include <netnotes/lan.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <functional>
#include <iostream>
#include <string>

namespace {

namespace lan = netnotes::lan;
using namespace std::chrono_literals;

double processor_time() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return std::cerr << "usage: lan_frames EXCHANGES\n", 2;
    const auto exchanges = std::stoul(argv[1]);

    lan::network net;
    auto& a = net.host("A", "10.0.1.1/24");
    auto& r1 = net.router("R1", {"10.0.1.2/24", "10.0.2.1/24"});
    auto& r2 = net.router("R2", {"10.0.2.2/24", "10.0.3.1/24"});
    auto& b = net.host("B", "10.0.3.2/24");
    const lan::cable_settings how{.delay = 10us, .rate = 1'000'000'000};
    net.connect(a, r1[0], how);
    net.connect(r1[1], r2[0], how);
    net.connect(r2[1], b, how);
    a.default_gateway("10.0.1.2");
    r1.add_route("10.0.3.0/24", "10.0.2.2");
    r2.add_route("10.0.1.0/24", "10.0.2.1");
    b.default_gateway("10.0.3.1");
    net.keep_passages(0);

    unsigned long answers = 0;
    const std::array<std::byte, 64> data{};
    b.on_udp(7, [&](const lan::datagram& arrived) { b.send_udp(7, arrived.source, arrived.payload); });
    a.on_udp(40'000, [&](const lan::datagram&) { ++answers; });
    unsigned long sent = 0;
    const std::function<void()> send = [&] {
        a.send_udp(40'000, {b.address(), 7}, data);
        if (++sent < exchanges) net.after(1ms, send);
    };
    net.after(1s, send);

    const double before = processor_time();
    net.run(20 * exchanges + 1000);
    const double taken = processor_time() - before;
    std::uint64_t frames = 0;
    for (const auto& each : net.cables()) frames += each->entered(0) + each->entered(1);
    if (answers != exchanges) return std::cerr << answers << " of " << exchanges << " datagrams came back\n", 1;
    std::cout << frames << ' ' << taken << '\n';
}
