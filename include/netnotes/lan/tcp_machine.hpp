// netnotes/lan/tcp_machine.hpp: one end of a TCP connection, without a net and without a clock
// SPDX-License-Identifier: MIT
//
// Segments and the time go in; segments and a deadline come out. So a lesson can lose the last acknowledgment and wait
// four minutes in no time, and a test can try every order in which segments arrive.
//
//        ┌─ program ──────────────┐         ┌─ tcp_machine ─┐         ┌─ network ──────────────┐
//        │ connect() listen()     │ ──────> │               │ ──────> │ next()                 │
//        │ send() shutdown()      │         │   a state,    │         │                        │
//        │ readable() consume()   │ <────── │ numbers, and  │ <────── │ receive()              │
//        │ close() abort()        │         │  two queues   │ <────── │ expired(), at deadline │
//        └────────────────────────┘         └───────────────┘         └────────────────────────┘
//
// After each call, take segments from next() until it returns nullopt. The machine knows ports and no addresses: the
// caller puts an IP header in front (packet::write) and checks the checksum of each segment that arrives
// (tcp_view::checksum_state).
//
//        lan::tcp_machine client{{}, 40000, 80};
//        client.connect(packet::sequence{1000}, 0s);
//        while (const auto segment = client.next(0s)) say(segment->header.flags.syn());
//
// A segment that arrives is treated as RFC 9293 §3.10.7 says, step by step. Three checks of RFC 5961 protect against a
// stranger who guesses numbers. A RST must have exactly the number that is expected. A SYN never ends a connection. An
// acknowledgment must not be older than the largest window. A segment that fails such a check is answered by a
// *challenge acknowledgment*: the true peer then answers with a RST that has the right number.
//
// Not spoken: selective acknowledgments, time stamps, Fast Open. They are options; the peer does without them if our
// SYN does not offer them. Bytes in a SYN are not taken, so the peer sends them again, as Linux does.
//
// On this page:  tcp_machine · reset_for()
// The notes:     TCP三次握手, 四次挥手, tcp十种状态, TCP的2MSL问题

#ifndef NETNOTES_LAN_TCP_MACHINE_HPP
#define NETNOTES_LAN_TCP_MACHINE_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

#include "../ip/tcp_state.hpp"
#include "../packet/build.hpp"
#include "../packet/tcp.hpp"
#include "tcp_sender.hpp"

namespace netnotes::lan {

/// Returns the RST that answers a segment to a port where there is no connection (RFC 9293 §3.10.7.1). Returns nullopt
/// for a RST, which is never answered: two hosts would otherwise reset each other for ever.
[[nodiscard]] constexpr std::optional<packet::tcp> reset_for(const packet::tcp_view& segment) noexcept {
    if (segment.flags().rst()) return std::nullopt;
    packet::tcp reset{
        .source_port = segment.destination_port(), .destination_port = segment.source_port(), .window = 0};
    if (segment.flags().ack()) {
        reset.sequence_number = segment.acknowledgment_number();
        reset.flags = packet::tcp_flag::rst;
    } else {
        reset.acknowledgment_number = segment.sequence_number() + segment.segment_length();
        reset.flags = packet::tcp_flag::rst | packet::tcp_flag::ack;
    }
    return reset;
}

/// One end of a connection, as RFC 9293 describes it. It has the timer of RFC 6298, the congestion control of RFC 5681
/// and 6582, window scaling (RFC 7323 §2), and the checks of RFC 5961. No call blocks. A value: a copy is the same
/// connection at that moment.
class tcp_machine : public detail::tcp_sender {
  public:
    /// Makes a machine in CLOSED. The peer's port may be 0 before listen().
    explicit tcp_machine(const tcp_settings& settings, std::uint16_t local_port, std::uint16_t remote_port = 0)
        : tcp_sender{settings, local_port, remote_port} {}

    // ---- What the program calls

    /// Opens actively: sends a SYN with the number `initial` (RFC 9293 §3.10.1). The number should be hard to guess;
    /// see initial_sequence(). Does nothing unless the state is CLOSED or LISTEN.
    void connect(packet::sequence initial, time now) {
        if (state_ != tcp_state::closed && state_ != tcp_state::listen) return;
        if (state_ == tcp_state::closed) *this = tcp_machine{settings_, local_port_, remote_port_};
        begin(now);
        passive_ = false;
        number_from(initial);
        state_ = tcp_state::syn_sent;
    }
    /// Opens passively: waits for a SYN from any port, and answers it with the number `initial`.
    void listen(packet::sequence initial) {
        if (state_ != tcp_state::closed) return;
        *this = tcp_machine{settings_, local_port_, remote_port_};
        passive_ = true;
        listen_number_ = initial;
        state_ = tcp_state::listen;
    }
    /// Opens as if the handshake had taken place: the peer has acknowledged our SYN with a cookie (see syn_cookies).
    /// Each number is that of the side's SYN. Neither side scales its windows.
    void establish(packet::sequence ours, packet::sequence peers, std::uint16_t peer_segment_size, time now) {
        if (state_ != tcp_state::closed) return;
        *this = tcp_machine{settings_, local_port_, remote_port_};
        begin(now);
        passive_ = true;
        number_from(ours);
        receive_.begin(peers + 1);
        take_segment_size(peer_segment_size);
        una_ = nxt_ = cursor_ = ours + 1;
        wl1_ = peers;
        wl2_ = una_;
        synchronized();
        state_ = tcp_state::established;
    }
    /// Queues bytes, and returns how many were taken: as many as there is room for, none after shutdown(). In SYN-SENT
    /// and SYN-RECEIVED they wait for the connection. Throws std::bad_alloc.
    std::size_t send(std::span<const std::byte> bytes) {
        const bool may = state_ == tcp_state::established || state_ == tcp_state::close_wait ||
                         state_ == tcp_state::syn_sent || state_ == tcp_state::syn_received;
        return may && !finishing_ ? queue_.append(bytes) : 0;
    }
    std::size_t send(std::string_view text) { return send(std::as_bytes(std::span{text.data(), text.size()})); }
    /// Queues bytes and marks them as urgent, so that the peer's program learns of them early (RFC 9293 §3.8.5).
    /// Returns how many bytes were taken. The RFC demands this call, but new programs should not use it (RFC 6093).
    std::size_t send_urgent(std::span<const std::byte> bytes) {
        const std::size_t taken = send(bytes);
        if (taken != 0) urgent_end_ = finish();
        return taken;
    }
    /// Ends our direction: a FIN follows what was sent. Receiving goes on. This is CLOSE of RFC 9293 §3.10.4, and
    /// shutdown(SHUT_WR) of a socket.
    void shutdown() noexcept {
        switch (state_) {
            case tcp_state::listen:
            case tcp_state::syn_sent: return end({});
            case tcp_state::syn_received:  // a FIN may follow our SYN; it goes when the peer has acknowledged that
            case tcp_state::established:
                finishing_ = true;
                state_ = state_ == tcp_state::established ? tcp_state::fin_wait_1 : state_;
                break;
            case tcp_state::close_wait:
                finishing_ = true;
                state_ = tcp_state::last_ack;
                break;
            default: break;
        }
    }
    /// Ends both directions, as close() of a socket does. Bytes that the program has not read, and bytes that arrive
    /// later, are answered by a RST: they are lost, and the peer should know (RFC 9293 §3.6.1).
    void close(time now) noexcept {
        now_ = std::max(now_, now);
        discards_ = true;
        if (is_synchronized() && state_ != tcp_state::time_wait && !receive_.readable().empty())
            return reset_and_end({});
        shutdown();
        wait_for_finish();
    }
    /// Ends the connection at once, with a RST if the peer knows of it (RFC 9293 §3.10.5).
    void abort() noexcept {
        const bool tell = state_ == tcp_state::syn_received || state_ == tcp_state::established ||
                          state_ == tcp_state::fin_wait_1 || state_ == tcp_state::fin_wait_2 ||
                          state_ == tcp_state::close_wait;
        const bool was_open = state_ != tcp_state::closed && state_ != tcp_state::listen;
        if (tell) send_reset(nxt_);
        receive_.clear();
        end(was_open ? make_error_code(std::errc::connection_aborted) : std::error_code{});
    }

    /// Returns the bytes that have arrived in order. They are valid until the next call of receive() or consume().
    [[nodiscard]] std::span<const std::byte> readable() const noexcept { return receive_.readable(); }
    /// Forgets the first bytes, which the program has read. The window may open: call next().
    void consume(std::size_t count) noexcept {
        receive_.consume(count);
        urgent_received_ -= std::min(urgent_received_, count);
        if (is_synchronized() && state_ != tcp_state::time_wait && receive_.wants_update()) acknowledge_now();
    }
    /// Returns true if the peer has sent its FIN, and everything before it has arrived. Once readable() is empty, too,
    /// recv() of a socket would return 0.
    [[nodiscard]] bool has_peer_finished() const noexcept { return receive_.has_finished(); }
    /// Returns how many urgent bytes are to be read.
    [[nodiscard]] std::size_t urgent() const noexcept { return urgent_received_; }

    // ---- What the network calls

    /// Takes a segment for this connection: its ports fit, and its checksum is good (RFC 9293 §3.10.7). Throws
    /// std::bad_alloc.
    void receive(const packet::tcp_view& segment, time now) {
        now_ = std::max(now_, now);
        switch (state_) {
            case tcp_state::closed:
                if (const auto reset = reset_for(segment)) reset_ = reset;
                return;
            case tcp_state::listen: return in_listen(segment);
            case tcp_state::syn_sent: return in_syn_sent(segment);
            default: return in_synchronized(segment);
        }
    }
    /// Takes an ICMP error about a segment of ours (RFC 9293 §3.9.2.2). `is_hard` is true for "protocol", "port
    /// unreachable". A hard error ends an attempt to connect; any other error changes nothing, because routes recover,
    /// and because a stranger could have sent it (RFC 5927).
    void unreachable(bool is_hard) noexcept {
        if (is_hard && state_ == tcp_state::syn_sent) end(make_error_code(std::errc::host_unreachable));
    }
    /// Reports that a path carries packets of at most `bytes` bytes (ICMP "fragmentation needed"). Sends again what was
    /// too large. Values below 68 count as 68 (RFC 791).
    void path_mtu(std::uint16_t bytes) noexcept {
        const std::uint32_t size = std::max<std::uint32_t>(bytes, 68) - 40;
        if (size >= mss_) return;
        mss_ = size;
        congestion_.segment_size(size);
        cursor_ = una_;
        timed_.reset();
    }
    /// Returns true if the machine waits in TIME-WAIT, and this SYN begins a new connection whose numbers cannot be
    /// taken for old ones. The host may then forget this machine and hand the SYN to its listener (RFC 9293 §3.6.1,
    /// MAY-2).
    [[nodiscard]] bool gives_way_to(const packet::tcp_view& segment) const noexcept {
        const auto flags = segment.flags();
        return state_ == tcp_state::time_wait && flags.syn() && !flags.rst() && !flags.ack() &&
               segment.sequence_number().is_after(receive_.next());
    }
    /// Returns RCV.NXT, the number of the next byte from the peer.
    [[nodiscard]] packet::sequence receive_next() const noexcept { return receive_.next(); }
    /// Returns RCV.WND, how many bytes from there on will be kept.
    [[nodiscard]] std::uint32_t receive_window() const noexcept { return receive_.window(); }
    /// Returns true if the program has called close().
    [[nodiscard]] bool is_closed_by_program() const noexcept { return discards_; }

  private:
    void begin(time now) noexcept {
        now_ = std::max(now_, now);
        last_heard_ = now_;
        failure_ = {};
    }
    void take_segment_size(std::uint16_t peers) noexcept {
        // Not below Linux's least: a peer that asks for segments of one byte costs forty times what it gets.
        mss_ = std::clamp<std::uint32_t>(peers, 48, settings_.maximum_segment_size);
    }
    /// Takes the peer's SYN: its number, its window, and its options.
    void take_syn(const packet::tcp_view& syn) noexcept {
        peers_initial_ = syn.sequence_number();
        receive_.begin(peers_initial_ + 1);
        take_segment_size(syn.maximum_segment_size().value_or(536));
        const auto shift = syn.window_scale();
        peer_scales_ = shift.has_value();
        const bool scale = settings_.window_scale && peer_scales_;  // both sides or neither (RFC 7323 §2.2)
        send_shift_ = scale ? std::min<unsigned>(*shift, 14) : 0;
        receive_shift_ = scale ? offered_shift_ : 0;
        window_ = max_window_ = syn.window();  // the window in a SYN is not scaled
        wl1_ = peers_initial_;
        wl2_ = syn.flags().ack() ? syn.acknowledgment_number() : iss_;
    }

    // §3.10.7.2
    void in_listen(const packet::tcp_view& segment) noexcept {
        const auto flags = segment.flags();
        if (flags.rst()) return;
        if (flags.ack()) {
            remote_port_ = segment.source_port();
            send_reset(segment.acknowledgment_number());
            remote_port_ = 0;
            return;
        }
        if (!flags.syn() || flags.fin()) return;  // SYN with FIN is no connection that a program wants
        begin(now_);
        remote_port_ = segment.source_port();
        number_from(listen_number_);
        take_syn(segment);
        state_ = tcp_state::syn_received;
    }

    // §3.10.7.3
    void in_syn_sent(const packet::tcp_view& segment) noexcept {
        const auto flags = segment.flags();
        const packet::sequence ack = segment.acknowledgment_number();
        const bool acknowledges = flags.ack() && ack.is_after(iss_) && !ack.is_after(nxt_);
        if (flags.ack() && !acknowledges) {  // of an earlier connection: RFC 9293 figure 8
            if (!flags.rst()) send_reset(ack);
            return;
        }
        if (flags.rst()) {
            if (acknowledges) end(make_error_code(std::errc::connection_refused));
            return;
        }
        if (!flags.syn()) return;
        last_heard_ = now_;
        take_syn(segment);
        if (!acknowledges) {  // both sides open at the same time: RFC 9293 figure 7
            state_ = tcp_state::syn_received;
            cursor_ = iss_;
            retransmit_at_ = never;
            return;
        }
        established(ack);
        acknowledge_now();
    }
    /// Our SYN is acknowledged.
    void established(packet::sequence ack) noexcept {
        state_ = finishing_ ? tcp_state::fin_wait_1 : tcp_state::established;
        una_ = iss_ + 1;
        if (cursor_.is_before(una_)) cursor_ = una_;
        if (timed_ && !timed_->is_after(ack)) {
            timeout_.measure(now_ - timed_at_);
            timed_.reset();
        }
        retransmissions_ = 0;
        synchronized();
        restart_timer();
    }

    // §3.10.7.4
    void in_synchronized(const packet::tcp_view& segment) {
        auto flags = segment.flags();
        packet::sequence number = segment.sequence_number();
        if (state_ == tcp_state::syn_received && flags.syn() && !flags.rst() && number == peers_initial_) {
            // The SYN again: our answer was lost. Or, if both sides opened, the peer's SYN with its acknowledgment.
            if (!flags.ack()) return repeat_syn();
            flags = flags & ~packet::tcp_flags{packet::tcp_flag::syn};
            number += 1;
        }
        const auto length =
            static_cast<std::uint32_t>(segment.payload().size()) + (flags.syn() ? 1 : 0) + (flags.fin() ? 1 : 0);
        // First, the sequence number.
        if (!is_acceptable(number, length)) {
            if (flags.rst()) return;
            if (state_ == tcp_state::time_wait && flags.fin()) end_at_ = now_ + 2 * settings_.maximum_segment_lifetime;
            // A full buffer must not stop acknowledgments: with a window of zero nothing else is acceptable.
            if (number == receive_.next() && flags.ack() && !flags.syn() && is_fresh(segment))
                take_acknowledgment(segment, number, 1);
            if (state_ == tcp_state::closed) return;
            // Two ends that disagree about the numbers would answer each other for ever. Only a segment without bytes
            // can be part of such a war, because bytes come from a timer.
            return length == 0 ? challenge() : acknowledge_now();
        }
        last_heard_ = now_;
        keep_alives_ = 0;
        silent_probes_ = 0;
        // Second, RST (RFC 5961 §3.2).
        if (flags.rst()) {
            if (number != receive_.next()) return challenge();
            if (state_ == tcp_state::syn_received && passive_) return listen_again();
            if (state_ == tcp_state::syn_received) return end(make_error_code(std::errc::connection_refused));
            const bool is_over =
                state_ == tcp_state::closing || state_ == tcp_state::last_ack || state_ == tcp_state::time_wait;
            return end(is_over ? std::error_code{} : make_error_code(std::errc::connection_reset));
        }
        // Fourth, SYN (RFC 5961 §4.2). There is no third: security labels are gone.
        if (flags.syn()) return challenge();
        // Fifth, the acknowledgment.
        if (!flags.ack()) return;
        if (state_ == tcp_state::syn_received) {
            const packet::sequence ack = segment.acknowledgment_number();
            if (!ack.is_after(una_) || ack.is_after(nxt_)) return send_reset(ack);
            window_ = max_window_ = std::uint32_t{segment.window()} << send_shift_;
            wl1_ = number;
            wl2_ = ack;
            established(ack);
        }
        if (!is_fresh(segment)) {
            challenge();
            return;
        }
        if (!take_acknowledgment(segment, number, length)) return;
        if (state_ == tcp_state::time_wait || state_ == tcp_state::closed) return;
        // Sixth, urgent data.
        if (flags.urg()) take_urgent(number + segment.urgent_pointer());
        // Seventh, the bytes, and eighth, FIN.
        if (length != 0) take_text(number, segment.payload(), flags.fin());
    }

    [[nodiscard]] bool is_acceptable(packet::sequence number, std::uint32_t length) const noexcept {
        const packet::sequence next = receive_.next();
        const std::uint32_t window = receive_.window();
        if (length == 0) return window == 0 ? number == next : number.is_in(next, window);
        if (window == 0) return false;
        return number.is_in(next, window) || (number + (length - 1)).is_in(next, window) ||
               (number.is_before(next) && (number + length).is_after(next));
    }
    /// Returns false for an acknowledgment of bytes that were never sent. Returns false, too, if the acknowledgment is
    /// older than the largest window (RFC 5961 §5).
    [[nodiscard]] bool is_fresh(const packet::tcp_view& segment) const noexcept {
        const packet::sequence ack = segment.acknowledgment_number();
        return !ack.is_after(nxt_) && !ack.is_before(una_ - max_window_);
    }
    /// Sends the SYN and its acknowledgment again.
    void repeat_syn() noexcept {
        cursor_ = iss_;
        timed_.reset();
        syn_repeated_ = true;
    }
    void challenge() noexcept {
        if (now_ - challenges_since_ >= std::chrono::seconds{5}) {
            challenges_since_ = now_;
            challenges_ = 0;
        }
        if (challenges_ < settings_.max_challenges) {
            ++challenges_;
            acknowledge_now();
        }
    }

    /// Takes the acknowledgment and the window. Returns false if the segment needs nothing more.
    bool take_acknowledgment(const packet::tcp_view& segment, packet::sequence number, std::uint32_t length) noexcept {
        const packet::sequence ack = segment.acknowledgment_number();
        const std::uint32_t window = std::uint32_t{segment.window()} << send_shift_;
        const bool is_news = ack.is_after(una_);
        // Repeated: nothing new, while bytes are under way (RFC 5681 §2).
        if (ack == una_ && length == 0 && window == window_ && cursor_ != una_) {
            if (congestion_.repeated(ack, nxt_, static_cast<std::uint32_t>(nxt_ - una_))) resend_front_ = true;
        }
        if (is_news) take_new_acknowledgment(ack);
        // The window, unless an older segment tells it (§3.10.7.4, SND.WL1 and SND.WL2).
        if (!ack.is_before(una_) && (wl1_.is_before(number) || (wl1_ == number && !ack.is_before(wl2_)))) {
            const bool opens = window_ == 0 && window != 0;
            window_ = window;
            max_window_ = std::max(max_window_, window);
            wl1_ = number;
            wl2_ = ack;
            if (opens) persist_at_ = never;
        }
        silent_probes_ = 0;
        keep_alives_ = 0;
        if (is_finish_acknowledged()) finish_acknowledged();
        return state_ != tcp_state::closed;
    }
    void take_new_acknowledgment(packet::sequence ack) noexcept {
        const auto bytes = static_cast<std::uint32_t>(ack - una_);
        if (timed_ && !timed_->is_after(ack)) {
            timeout_.measure(now_ - timed_at_);
            timed_.reset();
        }
        const auto of_queue = std::min(static_cast<std::uint32_t>(ack - front_), queue_.size());
        queue_.acknowledged(of_queue);
        front_ += of_queue;
        una_ = ack;
        if (cursor_.is_before(una_)) cursor_ = una_;
        if (urgent_end_.is_before(una_)) urgent_end_ = una_;
        retransmissions_ = 0;
        window_probes_ = 0;
        if (congestion_.new_bytes(bytes, ack, static_cast<std::uint32_t>(nxt_ - una_))) resend_front_ = true;
        restart_timer();  // RFC 6298 §5.3: an acknowledgment of new bytes starts the timer anew
    }
    void finish_acknowledged() noexcept {
        switch (state_) {
            case tcp_state::fin_wait_1: state_ = tcp_state::fin_wait_2; return wait_for_finish();
            case tcp_state::closing: return wait_two_lifetimes();
            case tcp_state::last_ack: return end({});
            default: return;
        }
    }
    /// After close() the peer's FIN may not come for ever.
    void wait_for_finish() noexcept {
        if (state_ == tcp_state::fin_wait_2 && discards_ && settings_.fin_wait_2_timeout > time::zero())
            end_at_ = now_ + settings_.fin_wait_2_timeout;
    }

    void take_urgent(packet::sequence end) noexcept {
        const std::int32_t ahead = end - receive_.next();
        const std::size_t unread = receive_.readable().size();
        if (ahead > 0) urgent_received_ = std::max(urgent_received_, unread + static_cast<std::size_t>(ahead));
    }
    void take_text(packet::sequence number, std::span<const std::byte> bytes, bool fin) {
        const bool receives =
            state_ == tcp_state::established || state_ == tcp_state::fin_wait_1 || state_ == tcp_state::fin_wait_2;
        if (!receives) return acknowledge_now();  // behind the peer's FIN nothing can be new
        if (discards_ && (number + static_cast<std::uint32_t>(bytes.size())).is_after(receive_.next()) &&
            !bytes.empty())
            return reset_and_end({});  // no program will read it
        const auto found = receive_.arrived(number, bytes, fin);
        // A gap, and its end, are acknowledged at once, so that the peer can send again early (RFC 5681 §4.2).
        if (found.left_gap || found.in_order == 0)
            acknowledge_now();
        else
            acknowledge_soon();
        if (!found.has_finished) return;
        acknowledge_now();
        switch (state_) {
            case tcp_state::established: state_ = tcp_state::close_wait; return;
            case tcp_state::fin_wait_1:  // our FIN is not acknowledged yet, or the state would be another
                state_ = tcp_state::closing;
                return;
            default:  // FIN-WAIT-2
                return wait_two_lifetimes();
        }
    }

    packet::sequence listen_number_;
    packet::sequence peers_initial_;  // IRS
    std::size_t urgent_received_ = 0;
    bool discards_ = false;  // the program has called close()
    time challenges_since_{};
    unsigned challenges_ = 0;
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_MACHINE_HPP
