// netnotes/lan/tcp_listener.hpp: a port at which connections arrive
// SPDX-License-Identifier: MIT
//
// A listener stays in LISTEN. For each SYN it makes a machine of its own, which is *half-open* until the client's ACK:
//
//        SYN ──> ┌─ half-open: at most backlog ─┐ ──ACK──> ┌─ waiting: at most backlog ─┐ ──accept()──> the program
//                │ SYN-RECEIVED, one a client   │          │ ESTABLISHED                │
//                └──────────────────────────────┘          └────────────────────────────┘
//
// Both queues have a limit. If half-open connections use up the first, further SYNs are dropped, and clients are shut
// out. A SYN flood aims at this. With SYN cookies the listener answers such a SYN without an entry
// (lan/tcp_cookie.hpp). The client's ACK then makes the connection out of nothing.
//
// If the second queue is full, because the program does not accept, the last ACK of a handshake is dropped. The client
// believes to be connected, and sends. Its bytes are not acknowledged, so it sends them again, and with luck there is
// room.
//
// On this page:  syn_cookie_use · listener_options · tcp_listener
// The notes:     tcp半链接攻击, listen的参数 (backlog); example 35

#ifndef NETNOTES_LAN_TCP_LISTENER_HPP
#define NETNOTES_LAN_TCP_LISTENER_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "../ip/endpoint.hpp"
#include "../packet/tcp.hpp"
#include "tcp_cookie.hpp"
#include "tcp_machine.hpp"

namespace netnotes::lan {

/// When a listener uses SYN cookies. Linux has the same three (net.ipv4.tcp_syncookies 0, 1 and 2).
enum class syn_cookie_use : std::uint8_t { never, when_full, always };

/// The queues of a listener.
struct listener_options {
    std::size_t backlog = 128;  ///< the limit of half-open connections, and that of connections that wait for accept()
    syn_cookie_use cookies = syn_cookie_use::when_full;
};

/// A port at which connections arrive. It knows no network: segments and the time go in, segments and a deadline come
/// out.
class tcp_listener {
  public:
    using time = std::chrono::nanoseconds;
    static constexpr time never = time::max();

    /// Counts of a listener, in SYNs or ACKs.
    struct counters {
        std::uint64_t syns = 0;            ///< SYNs of new clients
        std::uint64_t dropped_syns = 0;    ///< because a queue was full
        std::uint64_t cookies_sent = 0;    ///< SYNs that were answered by a cookie
        std::uint64_t cookies_passed = 0;  ///< ACKs with a good cookie
        std::uint64_t cookies_failed = 0;  ///< ACKs with a cookie that is forged or old
        std::uint64_t established = 0;     ///< handshakes that ended well
        std::uint64_t expired = 0;         ///< half-open connections that were dropped
        std::uint64_t waits_dropped = 0;   ///< last ACKs that were dropped, because connections wait for accept()
    };
    /// A segment to a client.
    struct outgoing {
        endpoint local;
        endpoint remote;
        tcp_segment segment;
    };
    /// A handshake that has ended: the machine of the connection.
    struct arrived_connection {
        endpoint local;
        endpoint remote;
        tcp_machine machine;
    };

    tcp_listener(std::uint16_t port, const tcp_settings& settings, const listener_options& how,
                 const keyed_hash::key& secret)
        : port_{port}, settings_{settings}, how_{how}, secret_{secret}, cookies_{secret} {}

    /// Takes a segment that belongs to no connection. Returns the connection whose handshake it has ended, if any.
    /// `waiting` is how many connections wait for accept(). Throws std::bad_alloc.
    std::optional<arrived_connection> receive(const endpoint& local, const endpoint& remote,
                                              const packet::tcp_view& segment, std::size_t waiting, time now) {
        now_ = std::max(now_, now);
        const auto found = half_open_.find({remote, local});
        if (found != half_open_.end()) return continued(found, segment, waiting);
        const auto flags = segment.flags();
        if (flags.rst()) return std::nullopt;
        if (flags.ack()) return returned(local, remote, segment, waiting);
        if (!flags.syn() || flags.fin()) return std::nullopt;
        ++counters_.syns;
        const bool is_full = half_open_.size() >= how_.backlog || waiting >= how_.backlog;
        if (how_.cookies == syn_cookie_use::always || (is_full && how_.cookies == syn_cookie_use::when_full)) {
            bake(local, remote, segment);
            return std::nullopt;
        }
        if (is_full) {
            ++counters_.dropped_syns;
            return std::nullopt;
        }
        tcp_machine machine{settings_, port_};
        machine.listen(initial_sequence(secret_, local, remote, now));
        machine.receive(segment, now);
        half_open_.emplace(key{remote, local}, std::move(machine));
        return std::nullopt;
    }

    /// Returns the next segment to send, or nullopt.
    [[nodiscard]] std::optional<outgoing> next(time now) {
        now_ = std::max(now_, now);
        if (answer_) return std::exchange(answer_, std::nullopt);
        for (auto& [ends, machine] : half_open_)
            if (auto segment = machine.next(now)) return outgoing{ends.second, ends.first, *segment};
        return std::nullopt;
    }
    [[nodiscard]] time deadline() const noexcept {
        time first = never;
        for (const auto& each : half_open_) first = std::min(first, each.second.deadline());
        return first;
    }
    void expired(time now) {
        now_ = std::max(now_, now);
        for (auto each = half_open_.begin(); each != half_open_.end();) {
            each->second.expired(now);
            const bool is_over = each->second.state() != tcp_state::syn_received;
            counters_.expired += is_over;
            each = is_over ? half_open_.erase(each) : std::next(each);
        }
    }

    /// Returns the port, in host byte order.
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// Returns how many half-open connections there are.
    [[nodiscard]] std::size_t half_open() const noexcept { return half_open_.size(); }
    [[nodiscard]] const listener_options& options() const noexcept { return how_; }
    [[nodiscard]] const counters& count() const noexcept { return counters_; }

  private:
    using key = std::pair<endpoint, endpoint>;  // the client, and our address

    std::optional<arrived_connection> continued(std::map<key, tcp_machine>::iterator found,
                                                const packet::tcp_view& segment, std::size_t waiting) {
        const auto flags = segment.flags();
        const bool may_end = flags.ack() && !flags.rst() && !flags.syn();
        if (may_end && waiting >= how_.backlog) {
            ++counters_.waits_dropped;
            return std::nullopt;
        }
        tcp_machine& machine = found->second;
        machine.receive(segment, now_);
        if (machine.state() == tcp_state::syn_received) return std::nullopt;
        std::optional<arrived_connection> done;
        if (machine.state() != tcp_state::listen && machine.state() != tcp_state::closed) {
            ++counters_.established;
            done.emplace(arrived_connection{found->first.second, found->first.first, std::move(machine)});
        }
        half_open_.erase(found);
        return done;
    }

    /// Answers a SYN by a cookie, and forgets the SYN.
    void bake(const endpoint& local, const endpoint& remote, const packet::tcp_view& syn) noexcept {
        ++counters_.cookies_sent;
        const auto cookie =
            cookies_.make(local, remote, syn.sequence_number(), syn.maximum_segment_size().value_or(536), now_);
        packet::tcp header{.source_port = port_,
                           .destination_port = remote.port(),
                           .sequence_number = cookie,
                           .acknowledgment_number = syn.sequence_number() + 1,
                           .flags = packet::tcp_flag::syn | packet::tcp_flag::ack};
        header.window = static_cast<std::uint16_t>(std::min<std::size_t>(settings_.receive_buffer, 65'535));
        header.options.maximum_segment_size(settings_.maximum_segment_size);
        answer_ = outgoing{local, remote, {header, {}}};
    }
    /// Takes an ACK without an entry: it brings a cookie back, or it is nobody's.
    std::optional<arrived_connection> returned(const endpoint& local, const endpoint& remote,
                                               const packet::tcp_view& segment, std::size_t waiting) {
        const packet::sequence cookie = segment.acknowledgment_number() - 1;
        const packet::sequence initial = segment.sequence_number() - 1;
        std::optional<std::uint16_t> size;
        if (counters_.cookies_sent > 0) size = cookies_.check(cookie, local, remote, initial, now_);
        if (!size) {
            counters_.cookies_failed += counters_.cookies_sent > 0;
            if (const auto reset = reset_for(segment)) answer_ = outgoing{local, remote, {*reset, {}}};
            return std::nullopt;
        }
        if (waiting >= how_.backlog) {
            ++counters_.waits_dropped;
            return std::nullopt;
        }
        ++counters_.cookies_passed;
        ++counters_.established;
        tcp_machine machine{settings_, port_, remote.port()};
        machine.establish(cookie, initial, *size, now_);
        machine.receive(segment, now_);
        return arrived_connection{local, remote, std::move(machine)};
    }

    std::uint16_t port_;
    tcp_settings settings_;
    listener_options how_;
    keyed_hash::key secret_;
    syn_cookies cookies_;
    std::map<key, tcp_machine> half_open_;
    std::optional<outgoing> answer_;
    counters counters_;
    time now_{};
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_LISTENER_HPP
