// virtual_states.cpp: all eleven states, with the time at which each begins; a segment takes 10 ms (beyond the notes)

#include <netnotes/lan.hpp>

#include <deque>
#include <iomanip>
#include <iostream>

namespace lan = netnotes::lan;
namespace packet = netnotes::packet;
using enum netnotes::tcp_state;
using namespace std::chrono_literals;

// Two ends without a network: this class carries the segments, and no clock is needed.
struct two_ends {
    struct segment {
        std::chrono::nanoseconds arrives;
        std::size_t to;
        std::vector<std::byte> bytes;
    };
    lan::tcp_machine ends[2] = {lan::tcp_machine{{}, 40944, 6666}, lan::tcp_machine{{}, 6666, 40944}};
    std::deque<segment> way{};
    std::chrono::nanoseconds now{};
    std::pair<netnotes::tcp_state, netnotes::tcp_state> shown{closed, closed};

    void show(std::string_view why) {
        const auto states = std::pair{ends[0].state(), ends[1].state()};
        if (std::exchange(shown, states) == states) return;
        std::cout << "  " << std::setw(10) << std::right << lan::time_text(now) << std::left << "  " << std::setw(14)
                  << to_string(states.first) << std::setw(14) << to_string(states.second) << why << '\n';
    }
    // Shows what a call has changed, and goes on until nothing is under way and no timer runs.
    void run(std::string_view call) {
        for (show(call);;) {
            for (std::size_t i = 0; i < 2; ++i)
                while (const auto out = ends[i].next(now)) {
                    way.push_back({now + 10ms, 1 - i, {}});
                    packet::write(way.back().bytes, out->header, out->payload);
                }
            const auto timer = std::min(ends[0].deadline(), ends[1].deadline());
            if (way.empty() && timer == lan::tcp_machine::never) return;
            packet::packet_failure why;
            const bool arrives = !way.empty() && way.front().arrives <= timer;
            now = arrives ? way.front().arrives : timer;
            for (auto& each : ends) each.expired(now);
            if (arrives) ends[way.front().to].receive(*packet::tcp_view::parse(way.front().bytes, why), now);
            if (arrives) way.pop_front();
            show(arrives ? "" : "2 MSL are over");
        }
    }
};

int main() {
    two_ends plain, both;
    std::cout << "                client        server\n";
    plain.ends[1].listen(packet::sequence{5000});
    plain.run("server: listen()");
    plain.ends[0].connect(packet::sequence{1000}, plain.now);
    plain.run("client: connect()");
    plain.ends[0].shutdown();
    plain.run("client: shutdown()");
    plain.ends[1].shutdown();
    plain.run("server: shutdown()");
    std::cout << "both at the same time\n";
    for (auto& each : both.ends) each.connect(packet::sequence{1000}, both.now);
    both.run("both: connect()");
    for (auto& each : both.ends) each.shutdown();
    both.run("both: shutdown()");
}
