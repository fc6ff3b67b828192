// tests/fuzz/lan_tcp.cpp: TCP machines under decisions: what is lost, what strangers send, what the programs call
// SPDX-License-Identifier: MIT
//
// Either two machines talk over a link that the input controls: whatever arrives must be what was sent, in order, and
// after a reset-free end nothing is missing. Or strangers send segments with numbers near the right ones: the machine must
// stay within its bounds. Or a listener is flooded: it keeps no more half-open connections than its backlog.

#include "fuzz.hpp"

#include <deque>
#include <vector>

#include <netnotes/lan/tcp_listener.hpp>
#include <netnotes/lan/tcp_machine.hpp>

namespace lan = netnotes::lan;
namespace packet = netnotes::packet;
using fuzz::require;
using netnotes::tcp_state;
using namespace std::chrono_literals;
using bytes = std::vector<std::byte>;

namespace {

std::byte letter(std::size_t place) { return static_cast<std::byte>('a' + (place * 7 + place / 251) % 26); }
bytes letters(std::size_t from, std::size_t size) {
    bytes all(size);
    for (std::size_t i = 0; i < size; ++i) all[i] = letter(from + i);
    return all;
}
packet::tcp_view view_of(const bytes& segment) {
    packet::packet_failure why;
    return packet::tcp_view::parse(segment, why).value();
}
lan::tcp_settings settings_of(fuzz::choices& choose) {
    lan::tcp_settings settings;
    settings.maximum_segment_size = choose.one_of({std::uint16_t{100}, std::uint16_t{536}, std::uint16_t{1460}});
    settings.send_buffer = choose.one_of({100u, 3000u, 65'536u});
    settings.receive_buffer = choose.one_of({100u, 3000u, 200'000u});
    settings.nagle = choose.yes();
    settings.window_scale = choose.yes();
    if (choose.yes()) settings.delayed_acknowledgment = 0s;
    if (choose.yes()) settings.keep_alive_idle = 100s;
    return settings;
}

void check_talk(fuzz::choices& choose) {
    struct end {
        lan::tcp_machine tcp;
        std::size_t sent = 0, read = 0;
        bool has_closed = false;
    };
    struct travelling {
        std::size_t to;
        bytes segment;
    };
    end ends[2] = {{lan::tcp_machine{settings_of(choose), 1, 2}}, {lan::tcp_machine{settings_of(choose), 2, 1}}};
    std::chrono::nanoseconds now = 1s;
    std::deque<travelling> way;
    ends[1].tcp.listen(packet::sequence{0xffff'ff00});
    ends[0].tcp.connect(packet::sequence{0xffff'fff0}, now);
    const auto read = [](end& self) {
        const auto ready = self.tcp.readable();
        for (std::size_t i = 0; i < ready.size(); ++i) require(ready[i] == letter(self.read + i), "the byte was sent");
        self.read += ready.size();
        self.tcp.consume(ready.size());
    };
    const auto leave = [&] {
        for (std::size_t i = 0; i < 2; ++i)
            for (unsigned count = 0; const auto out = ends[i].tcp.next(now); ++count) {
                require(count < 3000, "a machine falls silent");
                way.push_back({1 - i, {}});
                packet::write(way.back().segment, out->header, out->payload);
            }
    };
    const auto deliver = [&](std::size_t at) {
        const travelling next = way[at];
        way.erase(way.begin() + static_cast<std::ptrdiff_t>(at));
        ends[next.to].tcp.receive(view_of(next.segment), now);
    };
    const auto pass = [&] {
        const auto first = std::min(ends[0].tcp.deadline(), ends[1].tcp.deadline());
        if (first == lan::tcp_machine::never) return false;
        now = std::max(now, first);
        for (auto& each : ends) each.tcp.expired(now);
        return true;
    };
    for (unsigned steps = 0; !choose.empty() && steps < 300; ++steps) {
        end& self = ends[choose.below(2)];
        switch (choose.below(7)) {
            case 0:
                if (!way.empty()) deliver(0);
                break;
            case 1:
                if (!way.empty()) deliver(choose.below(way.size()));
                break;
            case 2:
                if (!way.empty()) way.erase(way.begin());
                break;
            case 3:
                if (!way.empty() && way.size() < 200) way.push_back(way.front());
                break;
            case 4:
                if (!self.has_closed) self.sent += self.tcp.send(letters(self.sent, choose.below(3000)));
                break;
            case 5:
                if (choose.yes())
                    read(self);
                else
                    pass();
                break;
            default:
                if (choose.below(8) == 7) self.tcp.shutdown(), self.has_closed = true;
                break;
        }
        leave();
    }
    // From here on nothing is lost, and both close.
    for (unsigned steps = 0; steps < 20'000; ++steps) {
        for (auto& each : ends) {
            read(each);
            if (!each.has_closed && each.tcp.state() != tcp_state::syn_sent)
                each.tcp.shutdown(), each.has_closed = true;
        }
        leave();
        if (!way.empty())
            deliver(0);
        else if ((ends[0].tcp.state() == tcp_state::closed && ends[1].tcp.state() == tcp_state::closed) || !pass())
            break;
    }
    for (std::size_t i = 0; i < 2; ++i) {
        read(ends[i]);
        const bool is_whole = !ends[0].tcp.failure() && !ends[1].tcp.failure();
        require(ends[i].read <= ends[1 - i].sent, "no byte is invented");
        require(!is_whole || !ends[i].tcp.has_peer_finished() || ends[i].read == ends[1 - i].sent,
                "no byte is missing");
        require(ends[i].tcp.state() == tcp_state::closed || ends[i].tcp.state() == tcp_state::listen, "both sides end");
    }
}

packet::tcp segment_near(fuzz::choices& choose, packet::sequence number, packet::sequence ack) {
    packet::tcp header{.source_port = 1, .destination_port = 2};
    header.sequence_number = number + static_cast<std::uint32_t>(choose.below(5000)) - (choose.yes() ? 2500u : 0u);
    header.acknowledgment_number = ack - static_cast<std::uint32_t>(choose.below(200));
    header.flags = choose.yes() ? packet::tcp_flags{packet::tcp_flag::ack} : packet::tcp_flags{choose.byte()};
    header.window = static_cast<std::uint16_t>(choose.below(65'536));
    header.urgent_pointer = static_cast<std::uint16_t>(choose.below(65'536));
    header.options = packet::tcp_options{fuzz::as_bytes(choose.take(choose.below(41)))};
    return header;
}

void check_strangers(fuzz::choices& choose) {
    const lan::tcp_settings settings = settings_of(choose);
    lan::tcp_machine tcp{settings, 2, 1};
    std::chrono::nanoseconds now = 1s;
    const std::size_t beginning = choose.below(3);
    if (beginning == 0) tcp.listen(packet::sequence{1000});
    if (beginning == 1) tcp.connect(packet::sequence{1000}, now);
    if (beginning == 2) tcp.establish(packet::sequence{1000}, packet::sequence{0}, 1460, now);
    for (unsigned steps = 0; !choose.empty() && steps < 300; ++steps) {
        bytes segment;
        const auto header = segment_near(choose, tcp.receive_next(), tcp.send_next());
        packet::write(segment, header, letters(0, choose.below(2000)));
        tcp.receive(view_of(segment), now);
        if (choose.below(4) == 3) now = std::max(now, std::min(tcp.deadline(), now + 1000s)), tcp.expired(now);
        if (choose.below(4) == 3) tcp.send(letters(0, choose.below(3000)));
        if (choose.below(8) == 7) tcp.consume(choose.below(1000));
        if (choose.below(32) == 31) tcp.shutdown();
        if (choose.below(32) == 31) tcp.close(now);
        for (unsigned count = 0; const auto out = tcp.next(now); ++count) {
            require(count < 3000, "a machine falls silent");
            require(out->payload.size() <= settings.maximum_segment_size, "a segment is not too large");
            require(out->header.options.fits(), "the options fit");
        }
        require(tcp.readable().size() <= settings.receive_buffer + 0x4000, "the buffer has a bound");
        require(tcp.unacknowledged() <= settings.send_buffer, "the queue has a bound");
    }
}

void check_listener(fuzz::choices& choose) {
    lan::listener_options how{.backlog = choose.below(5)};
    how.cookies = static_cast<lan::syn_cookie_use>(choose.below(3));
    lan::tcp_listener listener{2, {}, how, {1, 2}};
    std::chrono::nanoseconds now = 1000s;
    const netnotes::endpoint local{netnotes::ipv4_address{10, 0, 0, 1}, 2};
    packet::sequence last;
    for (unsigned steps = 0; !choose.empty() && steps < 300; ++steps) {
        const netnotes::endpoint remote{netnotes::ipv4_address{10, 0, 0, choose.byte()}, 1};
        bytes segment;
        packet::write(segment, segment_near(choose, packet::sequence{0}, last + 1));
        const auto made = listener.receive(local, remote, view_of(segment), choose.below(3), now);
        if (made) require(made->machine.state() != tcp_state::listen, "a connection is open");
        for (unsigned count = 0; const auto out = listener.next(now); ++count) {
            require(count < 100, "a listener falls silent");
            last = out->segment.header.sequence_number;
        }
        require(listener.half_open() <= how.backlog, "the backlog is a bound");
        if (choose.below(8) == 7) now = std::max(now, std::min(listener.deadline(), now + 100s)), listener.expired(now);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::choices choose{{data, size}};
    switch (choose.below(3)) {
        case 0: check_talk(choose); break;
        case 1: check_strangers(choose); break;
        default: check_listener(choose); break;
    }
    return 0;
}
