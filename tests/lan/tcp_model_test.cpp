// Two machines on a link that loses, doubles and swaps segments, in every way for up to three of the first twelve segments,
// and with both sides closing at every step. The data must arrive whole, each change of state must be one of RFC 9293's
// figure 5, and both sides must end in CLOSED.
// SPDX-License-Identifier: MIT

#include "tcp.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <utility>

namespace {

enum class fate : std::uint8_t { arrives, lost, doubled, swapped };
constexpr std::size_t fated = 12;
using fates = std::array<fate, fated>;

enum class opening : std::uint8_t { client_and_listener, both_connect, listener_connects };

using transition = std::pair<tcp_state, tcp_state>;
using enum net::tcp_state;
// RFC 9293, figure 5.
const std::set<transition> figure{{closed, listen},           {closed, syn_sent},       {listen, syn_received},
                                  {listen, syn_sent},         {listen, closed},         {syn_sent, closed},
                                  {syn_sent, syn_received},   {syn_sent, established},  {syn_received, established},
                                  {syn_received, fin_wait_1}, {syn_received, listen},   {established, fin_wait_1},
                                  {established, close_wait},  {fin_wait_1, fin_wait_2}, {fin_wait_1, closing},
                                  {fin_wait_1, time_wait},    {fin_wait_2, time_wait},  {closing, time_wait},
                                  {close_wait, last_ack},     {last_ack, closed},       {time_wait, closed}};

/// A segment may hold two news, for example the acknowledgment of our SYN and a FIN.
bool is_legal(const transition& seen) {
    if (figure.contains(seen)) return true;
    return std::any_of(figure.begin(), figure.end(), [&](const transition& first) {
        return first.first == seen.first && figure.contains({first.second, seen.second});
    });
}

/// One side, and what its program has sent and read.
struct side {
    lan::tcp_machine tcp;
    std::size_t to_send;
    unsigned close_at;  // closes when this number of segments has left, counted on both sides
    std::size_t sent = 0, received = 0;
    bool has_closed = false, was_open = false, is_whole = true;
    tcp_state seen = closed;
};

const lan::tcp_settings settings{.maximum_segment_size = 100, .delayed_acknowledgment = 0s};

class model {
  public:
    model(opening how, const fates& what, unsigned close_a, unsigned close_b, std::set<transition>& coverage)
        : fates_{what},
          coverage_{coverage},
          sides_{side{lan::tcp_machine{settings, 1000, 2000}, 250, close_a},
                 side{lan::tcp_machine{settings, 2000, 1000}, 150, close_b}} {
        auto &a = sides_[0].tcp, &b = sides_[1].tcp;
        if (how != opening::both_connect) b.listen(sequence{0xffff'ffff});
        look();
        a.connect(sequence{0xffff'ffc0}, now_);
        if (how != opening::client_and_listener) b.connect(sequence{0xffff'ffff}, now_);
    }
    /// Runs to the end. Returns what is wrong, or an empty text.
    std::string run() {
        for (unsigned events = 0; events < 2000; ++events) {
            if (!act()) return fault_.empty() ? judge() : fault_;
            if (!fault_.empty()) return fault_;
        }
        return "it does not end";
    }

    [[nodiscard]] std::size_t segments() const { return serial_; }
    [[nodiscard]] std::size_t received() const { return sides_[0].received + sides_[1].received; }

  private:
    struct travelling {
        nanoseconds at;
        unsigned serial;
        unsigned to;
        std::vector<std::byte> bytes;
    };

    /// Programs act, segments leave, and then the next event happens. Returns false if no event is left.
    bool act() {
        for (unsigned i = 0; i < 2; ++i) {
            program(i);
            look();
            while (const auto segment = sides_[i].tcp.next(now_))
                leave(1 - i, bytes_of(segment->header, segment->payload));
        }
        const auto next = std::min_element(way_.begin(), way_.end(), [](const travelling& a, const travelling& b) {
            return std::pair{a.at, a.serial} < std::pair{b.at, b.serial};
        });
        const auto deadline = std::min(sides_[0].tcp.deadline(), sides_[1].tcp.deadline());
        if (next == way_.end() && deadline == lan::tcp_machine::never) {
            // Quiet. A side that has not closed yet closes now.
            const bool was_last = sides_[0].has_closed && sides_[1].has_closed;
            for (auto& each : sides_) each.close_at = 0;
            return !was_last;
        }
        if (next != way_.end() && next->at <= deadline) {
            const travelling segment = std::move(*next);
            way_.erase(next);
            now_ = segment.at;
            sides_[segment.to].tcp.receive(view_of(segment.bytes), now_);
        } else {
            now_ = deadline;
            for (auto& each : sides_) each.tcp.expired(now_);
        }
        look();
        return true;
    }
    void program(unsigned i) {
        side& self = sides_[i];
        if (self.sent < self.to_send && !self.has_closed)
            self.sent += self.tcp.send(stream_bytes(self.sent, self.to_send - self.sent));
        const auto bytes = self.tcp.readable();
        for (std::size_t k = 0; k < bytes.size(); ++k)
            self.is_whole = self.is_whole && bytes[k] == stream_byte(self.received + k);
        self.received += bytes.size();
        self.tcp.consume(bytes.size());
        if (!self.has_closed && serial_ >= self.close_at) {
            self.tcp.shutdown();
            self.has_closed = true;
        }
    }
    void leave(unsigned to, std::vector<std::byte> bytes) {
        const fate what = serial_ < fated ? fates_[serial_] : fate::arrives;
        ++serial_;
        if (what == fate::lost) return;
        if (what == fate::doubled) way_.push_back({now_ + 17ms, serial_, to, bytes});
        way_.push_back({now_ + (what == fate::swapped ? 15ms : 10ms), serial_, to, std::move(bytes)});
    }
    void look() {
        for (auto& each : sides_) {
            const tcp_state now = each.tcp.state();
            if (now == established || now == fin_wait_1 || now == close_wait) each.was_open = true;
            if (now == each.seen) continue;
            const transition seen{each.seen, now};
            if (!is_legal(seen) && !each.tcp.failure())
                fault_ = std::string{to_string(each.seen)} + " -> " + std::string{to_string(now)};
            coverage_.insert(seen);
            each.seen = now;
        }
    }
    std::string judge() {
        for (unsigned i = 0; i < 2; ++i) {
            const side &self = sides_[i], &other = sides_[1 - i];
            if (self.tcp.state() != closed) return "one side ends in " + std::string{to_string(self.tcp.state())};
            if (!self.is_whole) return "other bytes arrived";
            // A side that closes in SYN-SENT has no connection, and the other is refused.
            if (!self.was_open || !other.was_open) continue;
            if (self.tcp.failure()) return "one side failed: " + self.tcp.failure().message();
            if (self.received != other.sent)
                return std::to_string(self.received) + " of " + std::to_string(other.sent) + " bytes arrived";
        }
        return {};
    }

    fates fates_;
    std::set<transition>& coverage_;
    std::array<side, 2> sides_;
    std::vector<travelling> way_;
    nanoseconds now_ = 1s;
    unsigned serial_ = 0;
    std::string fault_;
};

std::string text_of(const fates& what) {
    std::string text;
    for (const fate each : what) text += ".LDS"[static_cast<unsigned>(each)];
    return text;
}

/// Calls use(fates) for every way in which at most `count` of the segments do not simply arrive.
template <class Use>
void for_each_fates(unsigned count, const Use& use, fates& what, std::size_t from = 0) {
    use(std::as_const(what));
    if (count == 0) return;
    for (std::size_t i = from; i < fated; ++i) {
        for (const fate each : {fate::lost, fate::doubled, fate::swapped}) {
            what[i] = each;
            for_each_fates(count - 1, use, what, i + 1);
        }
        what[i] = fate::arrives;
    }
}

struct tally {
    std::size_t runs = 0, faults = 0, segments = 0, bytes = 0;
    std::set<transition> coverage;
    void run(opening how, const fates& what, unsigned close_a, unsigned close_b) {
        ++runs;
        model both{how, what, close_a, close_b, coverage};
        const std::string fault = both.run();
        segments += both.segments();
        bytes += both.received();
        if (fault.empty()) return;
        if (++faults < 10) {
            UNSCOPED_INFO(text_of(what) << " opening " << static_cast<int>(how) << ", closing at " << close_a << " and "
                                        << close_b << ": " << fault);
            CHECK(fault.empty());
        }
    }
    void check() const {
        CHECK(faults == 0);
        for (const auto& each : figure) {
            INFO(to_string(each.first) << " -> " << to_string(each.second));
            CHECK(coverage.contains(each));
        }
    }
};

constexpr std::array openings{opening::client_and_listener, opening::both_connect, opening::listener_connects};
constexpr unsigned last_step = 14;

}  // namespace

TEST_CASE("model check: each single fault, both sides closing at each step") {
    tally all;
    fates what{};
    for (const opening how : openings)
        for_each_fates(
            1,
            [&](const fates& each) {
                // Every pair of steps for the plain link; for a faulty one a third of them, another third each time.
                const unsigned stride = each == fates{} ? 1 : 3, run = static_cast<unsigned>(all.runs % stride);
                for (unsigned a = 0; a <= last_step; ++a)
                    for (unsigned b = (a + run) % stride; b <= last_step; b += stride) all.run(how, each, a, b);
            },
            what);
    all.check();
    CHECK(all.segments > 10 * all.runs);
    CHECK(all.bytes > 200 * all.runs);
}

TEST_CASE("model check: three faults at a time, a sample") {
    tally all;
    std::minstd_rand random{26};
    for (unsigned i = 0; i < 3000; ++i) {
        fates what{};
        for (unsigned k = 0; k < 3; ++k) what[random() % fated] = static_cast<fate>(random() % 4);
        all.run(openings[random() % openings.size()], what, static_cast<unsigned>(random() % (last_step + 1)),
                static_cast<unsigned>(random() % (last_step + 1)));
    }
    CHECK(all.faults == 0);
}

// 4.4 million runs. lan_tcp_model_test "[.whole]"
TEST_CASE("model check: every way of up to three faults, both sides closing at each step", "[.whole]") {
    tally all;
    fates what{};
    for (const opening how : openings)
        for_each_fates(
            3,
            [&](const fates& each) {
                for (unsigned a = 0; a <= last_step; ++a)
                    for (unsigned b = 0; b <= last_step; ++b) all.run(how, each, a, b);
            },
            what);
    all.check();
    WARN(all.runs << " runs, " << all.segments << " segments, " << all.bytes << " bytes arrived, "
                  << all.coverage.size() << " changes of state seen");
}
