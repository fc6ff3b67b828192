// netnotes/lan/tcp_sender.hpp: what leaves a TCP, and when
// SPDX-License-Identifier: MIT
//
// This chapter is the half of the TCP machine that speaks; lan/tcp_machine.hpp is the half that listens. Everything
// that leaves is decided at one place, next(): the caller asks for segments until it returns nullopt.
//
// The variables have the names of RFC 9293 §3.3.1. Each SYN, each byte and each FIN has a sequence number:
//
//           ISS    SND.UNA            cursor       SND.NXT                 edge: SND.UNA + the smaller window
//            │      │                  │            │                       │
//        ────┼──────┼──────────────────┼────────────┼───────────────────────┼─────────────────────
//             acked     under way        was sent,       may be sent            must wait
//                                        goes again
//
// The RFC has no such cursor. It says where to go on sending. Usually it is SND.NXT. When the timer expires, the cursor
// goes back to SND.UNA, and the sender goes on from there as if nothing had been sent. SND.NXT stays, because the peer
// may acknowledge everything before it.
//
// A sender does not send just because it may (RFC 9293 §3.8.6.2.1). It sends a full segment at once. It sends a small
// segment if nothing is under way, or if nothing more will follow, or if it fills half the peer's largest window. With
// tcp_settings::nagle off, small segments go at once.
//
// A window of zero could last for ever, because the segment that opens it carries no data, and no timer protects it.
// So the sender tries a byte now and then: the zero-window probe (§3.8.6.1). Its answer tells the window.
//
// On this page:  tcp_segment · detail::tcp_sender, the base of tcp_machine
// The notes:     TCP三次握手, 四次挥手, 保活

#ifndef NETNOTES_LAN_TCP_SENDER_HPP
#define NETNOTES_LAN_TCP_SENDER_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "../ip/tcp_state.hpp"
#include "../packet/build.hpp"
#include "../packet/tcp.hpp"
#include "tcp_congestion.hpp"
#include "tcp_queues.hpp"
#include "tcp_settings.hpp"

namespace netnotes::lan {

/// A segment to send: packet::write() makes its bytes, behind an IP header.
struct tcp_segment {
    packet::tcp header;
    std::span<const std::byte> payload;  ///< valid until the next call of a member of the machine
    /// Returns how many sequence numbers the segment occupies (RFC 9293 §3.4).
    [[nodiscard]] std::uint32_t length() const noexcept {
        return static_cast<std::uint32_t>(payload.size()) + (header.flags.syn() ? 1 : 0) + (header.flags.fin() ? 1 : 0);
    }
};

namespace detail {

/// The send side of a connection, with all timers.
class tcp_sender {
  public:
    using time = std::chrono::nanoseconds;
    static constexpr time never = time::max();  ///< a deadline that does not come

    /// Returns the next segment to send, or nullopt. Call it after each other call, until it returns nullopt.
    [[nodiscard]] std::optional<tcp_segment> next(time now) noexcept {
        now_ = std::max(now_, now);
        if (reset_) return tcp_segment{*std::exchange(reset_, std::nullopt), {}};
        switch (state_) {
            case tcp_state::closed:
            case tcp_state::listen: return std::nullopt;
            case tcp_state::syn_sent:
            case tcp_state::syn_received:
                if (cursor_ == iss_) return synchronize();
                break;
            case tcp_state::fin_wait_2:
            case tcp_state::time_wait: break;
            default:
                if (auto segment = text()) return segment;
        }
        if (keep_alive_probe_) {
            // A number that the peer has acknowledged: the peer must answer that it knows (RFC 9293 §3.8.4).
            keep_alive_probe_ = false;
            return leaving({.sequence_number = nxt_ - 1, .flags = packet::tcp_flag::ack}, {});
        }
        if (acknowledge_now_) return leaving({.sequence_number = nxt_, .flags = packet::tcp_flag::ack}, {});
        return std::nullopt;
    }

    /// Returns when to call expired(): never if there is nothing to wait for.
    [[nodiscard]] time deadline() const noexcept {
        return std::min({retransmit_at_, persist_at_, acknowledge_at_, end_at_, keep_alive_at()});
    }
    /// Takes the time. Call it at the deadline; an early call does nothing.
    void expired(time now) noexcept {
        now_ = std::max(now_, now);
        if (now_ >= end_at_) return end({});
        if (now_ >= acknowledge_at_) acknowledge_now();
        if (now_ >= retransmit_at_) retransmit();
        if (now_ >= persist_at_) probe_window();
        if (now_ >= keep_alive_at()) keep_alive();
    }

    [[nodiscard]] tcp_state state() const noexcept { return state_; }
    /// Returns why the connection has ended: connection_refused, connection_reset, timed_out, host_unreachable, or
    /// connection_aborted after abort(). No error means that it runs, or that it ended as it should.
    [[nodiscard]] std::error_code failure() const noexcept { return failure_; }
    [[nodiscard]] std::uint16_t local_port() const noexcept { return local_port_; }
    /// Returns the peer's port, 0 in LISTEN.
    [[nodiscard]] std::uint16_t remote_port() const noexcept { return remote_port_; }

    /// Returns how many bytes send() would take.
    [[nodiscard]] std::size_t room() const noexcept { return queue_.room(); }
    /// Returns the bytes that send() took and the peer has not acknowledged.
    [[nodiscard]] std::size_t unacknowledged() const noexcept { return queue_.size(); }
    /// Returns SND.UNA, the first number that is not acknowledged.
    [[nodiscard]] packet::sequence send_unacknowledged() const noexcept { return una_; }
    /// Returns SND.NXT, the next new number.
    [[nodiscard]] packet::sequence send_next() const noexcept { return nxt_; }
    /// Returns SND.WND, the peer's window in bytes.
    [[nodiscard]] std::uint32_t send_window() const noexcept { return window_; }
    /// Returns how many bytes of data a full segment carries.
    [[nodiscard]] std::uint32_t segment_size() const noexcept { return mss_; }
    [[nodiscard]] const congestion_window& congestion() const noexcept { return congestion_; }
    [[nodiscard]] const retransmission_timeout& timeout() const noexcept { return timeout_; }
    /// Returns how many segments were sent more than once.
    [[nodiscard]] std::uint64_t retransmissions() const noexcept { return total_retransmissions_; }
    /// Returns how long TIME-WAIT still lasts, zero in every other state.
    [[nodiscard]] time time_wait_left(time now) const noexcept {
        return state_ == tcp_state::time_wait ? std::max(time::zero(), end_at_ - now) : time::zero();
    }

  protected:
    tcp_sender(const tcp_settings& settings, std::uint16_t local_port, std::uint16_t remote_port)
        : settings_{settings},
          local_port_{local_port},
          remote_port_{remote_port},
          queue_{settings.send_buffer},
          receive_{settings.receive_buffer, settings.maximum_segment_size},
          timeout_{settings} {
        const std::size_t most = std::min<std::size_t>(settings.receive_buffer, 1u << 30);
        while (settings.window_scale && offered_shift_ < 14 && (most >> offered_shift_) > 65'535) ++offered_shift_;
    }
    ~tcp_sender() = default;
    tcp_sender(const tcp_sender&) = default;
    tcp_sender(tcp_sender&&) noexcept = default;
    tcp_sender& operator=(const tcp_sender&) = default;
    tcp_sender& operator=(tcp_sender&&) noexcept = default;

    /// Begins the numbers of our direction.
    void number_from(packet::sequence initial) noexcept {
        iss_ = una_ = nxt_ = cursor_ = urgent_end_ = initial;
        front_ = initial + 1;
    }
    /// Begins a connection whose SYNs are exchanged: the peer's options are known.
    void synchronized() noexcept {
        congestion_ = congestion_window{mss_, settings_.initial_window, iss_};
        if (syn_repeated_) timeout_.syn_was_repeated();
        if (syn_repeated_) congestion_ = congestion_window{mss_, 1, iss_};  // RFC 5681 §3.1
    }
    /// Returns the number of our FIN, sent or not.
    [[nodiscard]] packet::sequence finish() const noexcept { return front_ + queue_.size(); }
    [[nodiscard]] bool is_finish_acknowledged() const noexcept { return finishing_ && una_ == finish() + 1; }
    /// Returns true if the peer has seen our SYN and we have seen the peer's.
    [[nodiscard]] bool is_synchronized() const noexcept {
        return state_ != tcp_state::closed && state_ != tcp_state::listen && state_ != tcp_state::syn_sent &&
               state_ != tcp_state::syn_received;
    }
    /// Returns true if data or a FIN may still leave.
    [[nodiscard]] bool is_sending() const noexcept {
        return is_synchronized() && state_ != tcp_state::fin_wait_2 && state_ != tcp_state::time_wait;
    }

    void acknowledge_now() noexcept {
        acknowledge_now_ = true;
        acknowledge_at_ = never;
    }
    /// Acknowledges together with data, or a little later.
    void acknowledge_soon() noexcept {
        if (settings_.delayed_acknowledgment <= time::zero() || acknowledge_at_ != never)  // every second: §3.8.6.3
            return acknowledge_now();
        if (!acknowledge_now_) acknowledge_at_ = now_ + settings_.delayed_acknowledgment;
    }
    /// Sends a reset with that number, in place of everything else.
    void send_reset(packet::sequence number) noexcept {
        reset_ = packet::tcp{.source_port = local_port_,
                             .destination_port = remote_port_,
                             .sequence_number = number,
                             .flags = packet::tcp_flag::rst,
                             .window = 0};
    }
    /// Sends a reset that belongs to the connection, then ends it.
    void reset_and_end(std::error_code why) noexcept {
        send_reset(nxt_);
        reset_->flags = packet::tcp_flag::rst | packet::tcp_flag::ack;
        reset_->acknowledgment_number = receive_.next();
        end(why);
    }
    /// Forgets the connection.
    void end(std::error_code why) noexcept {
        state_ = tcp_state::closed;
        failure_ = why;
        queue_.clear();
        retransmit_at_ = persist_at_ = acknowledge_at_ = end_at_ = never;
        acknowledge_now_ = keep_alive_probe_ = resend_front_ = false;
    }
    void wait_two_lifetimes() noexcept {
        state_ = tcp_state::time_wait;
        retransmit_at_ = persist_at_ = never;
        end_at_ = now_ + 2 * settings_.maximum_segment_lifetime;
    }
    /// Starts the timer of the first unacknowledged segment, or stops it.
    void restart_timer() noexcept {
        retransmit_at_ = una_ == nxt_ || una_ == cursor_ ? never : now_ + timeout_.value();
    }

    tcp_settings settings_;
    std::uint16_t local_port_;
    std::uint16_t remote_port_;
    tcp_state state_ = tcp_state::closed;
    std::error_code failure_;
    time now_{};

    packet::sequence iss_, una_, nxt_, cursor_;  // cursor_ is between una_ and nxt_
    packet::sequence front_;                     // the number of the queue's first byte
    packet::sequence wl1_, wl2_;                 // the segment that told the window last: SND.WL1, SND.WL2
    packet::sequence urgent_end_;                // behind the last urgent byte: SND.UP
    std::uint32_t window_ = 0;
    std::uint32_t max_window_ = 0;
    std::uint32_t mss_ = 536;  // without the option (RFC 9293 §3.7.1, MUST-15)
    send_queue queue_;
    receive_queue receive_;
    unsigned offered_shift_ = 0;  // the window scale that our SYN offers
    unsigned send_shift_ = 0;     // the peer's windows are shifted by this
    unsigned receive_shift_ = 0;  // ours are
    bool peer_scales_ = true;     // the peer's SYN had the option, or has not come yet
    bool finishing_ = false;      // a FIN follows the queue
    bool passive_ = false;        // began in LISTEN
    bool syn_repeated_ = false;
    bool acknowledge_now_ = false;
    bool keep_alive_probe_ = false;
    bool resend_front_ = false;  // fast retransmit
    bool force_ = false;         // a zero-window probe, or a small segment that has waited long enough

    congestion_window congestion_;
    retransmission_timeout timeout_;
    unsigned retransmissions_ = 0;  // of the same segment
    unsigned window_probes_ = 0;    // doublings of the persist timer
    unsigned silent_probes_ = 0;    // of them without an answer
    unsigned keep_alives_ = 0;      // without an answer
    std::uint64_t total_retransmissions_ = 0;
    std::optional<packet::sequence> timed_;  // the end of the segment whose round trip is measured
    time timed_at_{};
    time last_sent_{};
    time last_heard_{};

    time retransmit_at_ = never;
    time persist_at_ = never;
    time acknowledge_at_ = never;
    time end_at_ = never;  // 2 MSL, or the end of FIN-WAIT-2
    std::optional<packet::tcp> reset_;

  private:
    using flag = packet::tcp_flag;

    /// Completes a segment that goes now. Everything but a SYN carries the acknowledgment.
    tcp_segment leaving(packet::tcp header, std::span<const std::byte> payload) noexcept {
        header.source_port = local_port_;
        header.destination_port = remote_port_;
        if (header.flags.ack()) {
            header.acknowledgment_number = receive_.next();
            acknowledge_now_ = false;
            acknowledge_at_ = never;
        }
        const std::uint32_t window = receive_.open_window();
        const unsigned shift = header.flags.syn() ? 0 : receive_shift_;  // a SYN's own window is never scaled
        header.window =
            static_cast<std::uint16_t>(std::min<std::uint32_t>((window + (1u << shift) - 1) >> shift, 65'535));
        if (header.flags.ack() && !header.flags.syn()) receive_.promise(std::uint32_t{header.window} << shift);
        if (urgent_end_.is_after(header.sequence_number) && !header.flags.syn()) {
            header.flags = header.flags | flag::urg;
            header.urgent_pointer =
                static_cast<std::uint16_t>(std::min<std::int32_t>(urgent_end_ - header.sequence_number, 65'535));
        }
        last_sent_ = now_;
        return {header, payload};
    }
    /// Counts the numbers of a segment that goes now, which begins at the cursor.
    void count(std::uint32_t numbers) noexcept {
        const packet::sequence end = cursor_ + numbers;
        if (cursor_.is_before(nxt_)) {
            ++total_retransmissions_;
            timed_.reset();
        } else if (!timed_) {
            timed_ = end;
            timed_at_ = now_;
        }
        cursor_ = end;
        if (nxt_.is_before(end)) nxt_ = end;
        if (retransmit_at_ == never) retransmit_at_ = now_ + timeout_.value();
        persist_at_ = never;
    }

    tcp_segment synchronize() noexcept {
        packet::tcp header{.sequence_number = iss_, .flags = flag::syn};
        if (state_ == tcp_state::syn_received) header.flags = flag::syn | flag::ack;
        header.options.maximum_segment_size(settings_.maximum_segment_size);
        if (settings_.window_scale && peer_scales_)
            header.options.no_operation().window_scale(static_cast<std::uint8_t>(offered_shift_));
        count(1);
        return leaving(header, {});
    }

    /// Returns a segment with data or a FIN, if it may go.
    std::optional<tcp_segment> text() noexcept {
        if (resend_front_) {
            resend_front_ = false;
            if (una_.is_before(nxt_)) {
                const packet::sequence saved = std::exchange(cursor_, una_);
                const std::uint32_t most = std::min(mss_, static_cast<std::uint32_t>(nxt_ - una_));
                auto segment = piece(std::min(most, queue_.size()), nxt_.is_after(finish()));
                if (cursor_.is_before(saved)) cursor_ = saved;
                return segment;
            }
        }
        const packet::sequence end = finish();
        if (cursor_.is_after(end)) return std::nullopt;  // the FIN was sent
        const auto unsent = static_cast<std::uint32_t>(end - cursor_);
        if (unsent == 0 && !finishing_) return std::nullopt;
        if (cursor_ == una_ && cursor_ == nxt_ && now_ - last_sent_ > timeout_.value()) congestion_.was_idle();

        const bool is_idle = cursor_ == una_;
        const std::int32_t room = una_ + std::min(window_, congestion_.size()) - cursor_;
        std::uint32_t size = std::min({unsent, mss_, static_cast<std::uint32_t>(std::max(room, 0))});
        const bool with_fin = finishing_ && size == unsent && static_cast<std::int64_t>(size) < room;
        const bool is_full = size == mss_;
        const bool is_rest = size == unsent && (!settings_.nagle || nxt_ == una_ || with_fin);
        const bool is_half = 2 * size >= max_window_ && (!settings_.nagle || nxt_ == una_);
        const bool is_again = cursor_.is_before(nxt_);
        if ((size != 0 || with_fin) && (is_full || is_rest || is_half || is_again)) {
            force_ = false;
            return piece(size, with_fin);
        }
        if (!is_idle) return std::nullopt;  // an acknowledgment will come, or the timer
        if (!force_) {
            if (persist_at_ == never) {
                window_probes_ = silent_probes_ = 0;
                persist_at_ = now_ + timeout_.value();
            }
            retransmit_at_ = never;
            return std::nullopt;
        }
        force_ = false;
        if (size != 0) return piece(size, false);  // small, but it has waited long enough (RFC 9293 §3.8.6.2.1, case 4)
        // A probe: the next byte, or the FIN, although there is no room (RFC 9293 §3.8.6.1, MUST-36).
        size = std::min(unsent, 1u);
        auto segment = piece(size, size == 0);
        cursor_ = una_;  // it is not expected to arrive, so nothing is under way
        retransmit_at_ = never;
        timed_.reset();
        persist_at_ = now_ + timeout_.after(window_probes_);
        return segment;
    }
    /// Makes a segment of `size` bytes from the cursor on.
    tcp_segment piece(std::uint32_t size, bool with_fin) noexcept {
        const auto at = static_cast<std::uint32_t>(cursor_ - front_);
        const auto bytes = queue_.part(at, size);
        packet::tcp header{.sequence_number = cursor_, .flags = flag::ack};
        if (size != 0 && at + size == queue_.size())
            header.flags = header.flags | flag::psh;  // nothing more to wait for
        with_fin = with_fin && at + size == queue_.size();
        if (with_fin) header.flags = header.flags | flag::fin;
        count(size + (with_fin ? 1 : 0));
        return leaving(header, bytes);
    }

    void retransmit() noexcept {
        const bool is_syn = state_ == tcp_state::syn_sent || state_ == tcp_state::syn_received;
        if (retransmissions_ >= (is_syn ? settings_.max_syn_retransmissions : settings_.max_retransmissions)) {
            if (state_ == tcp_state::syn_received && passive_) return listen_again();
            return end(make_error_code(std::errc::timed_out));
        }
        if (is_syn)
            syn_repeated_ = true;
        else
            congestion_.timed_out(nxt_, static_cast<std::uint32_t>(nxt_ - una_), retransmissions_ == 0);
        ++retransmissions_;
        timeout_.back_off();
        timed_.reset();
        cursor_ = una_;
        resend_front_ = false;
        retransmit_at_ = never;  // next() starts it again
    }
    void probe_window() noexcept {
        if (++silent_probes_ > settings_.max_retransmissions) return end(make_error_code(std::errc::timed_out));
        ++window_probes_;
        force_ = true;
        persist_at_ = never;
    }

    [[nodiscard]] time keep_alive_at() const noexcept {
        const bool may = is_synchronized() && state_ != tcp_state::time_wait && una_ == nxt_ && persist_at_ == never;
        if (!may || settings_.keep_alive_idle <= time::zero()) return never;
        return last_heard_ + settings_.keep_alive_idle + keep_alives_ * settings_.keep_alive_interval;
    }
    void keep_alive() noexcept {
        if (keep_alives_ >= settings_.keep_alive_count) return reset_and_end(make_error_code(std::errc::timed_out));
        ++keep_alives_;
        keep_alive_probe_ = true;
    }

  protected:
    /// Goes back to LISTEN: the SYN that we have answered came to nothing.
    void listen_again() noexcept {
        end({});
        if (finishing_) return;  // the program has closed meanwhile
        state_ = tcp_state::listen;
        remote_port_ = 0;
        retransmissions_ = 0;
        syn_repeated_ = false;
        peer_scales_ = true;
        timeout_ = retransmission_timeout{settings_};
        timed_.reset();
    }
};

}  // namespace detail

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_SENDER_HPP
