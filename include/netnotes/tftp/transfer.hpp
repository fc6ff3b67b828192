// netnotes/tftp/transfer.hpp: the transfer of a file, without a net and without a clock
// SPDX-License-Identifier: MIT
//
// One machine for both ends and both directions. Datagrams and the time go in; datagrams and a deadline come out. Whoever
// drives it has a socket and a clock: the blocking client, the server for thousands, and the tests, whose net loses,
// doubles and reorders as they wish, and whose clock jumps.
//
//        reader                              server           reader                             server
//          │ read request ────────────────> :69 │                │ read request, windowsize=4 ───> :69 │
//          │ <─────────────── data 1   :49152   │                │ <── option acknowledgment   :49152  │
//          │ acknowledgment 1 ───────> :49152   │                │ acknowledgment 0 ─────────> :49152  │
//          │ <─────────────── data 2            │                │ <──── data 1, 2, 3, 4               │
//          │ acknowledgment 2 ───────>          │                │ acknowledgment 4 ─────────>         │
//          │ <── data 3, short: the last        │                │ <──── data 5, 7, 8      (6 is lost) │
//          │ acknowledgment 3 ───────>          │                │ acknowledgment 5 ─────────>         │ from 6 again
//
// What a receiver must do, and the notes' client does not:
//   - number: a block that comes twice is written once, and acknowledged again, for it came twice because the
//     acknowledgment was lost (RFC 1350 §5). The notes count every datagram, and so lose one byte in two.
//   - wait with a limit, and say again what was not answered: anything may be lost. Each time twice as long (RFC 1123
//     §4.2.3.2).
//   - know whom it talks to: the first answer comes from a new port, and from then on all others are strangers, who get
//     error 5 and disturb nobody (RFC 1350 §4).
//   - believe an error, tell it with its code and its words, and never answer it.
// And what a sender must not do: send a block again because an acknowledgment came twice. Two ends that both do so double
// every block from there on: the Sorcerer's Apprentice (RFC 1123 §4.2.3.1).
//
// A window on a slow link. Four rules keep the sender from filling such a link with repetitions:
//   - The timer knows how long a window takes: it is measured, and until then the link is taken for one of 64 kbit/s. A
//     timeout that has doubled stays doubled until a round trip is measured of a block that was sent once (RFC 6298
//     §5.5 to §5.7, Karn's rule).
//   - After a loss the window goes out in pieces, as long as a piece passes the link without a loss most of the time. The
//     sender waits after each for the time in which the receiver would tell of a gap.
//   - What is sent twice may draw acknowledgments that mean nothing (from EDK2, U-Boot, ...). The sender counts how many
//     it may have provoked, and does not act upon so many (after RFC 6582, where recovery ends with the furthest block).
//   - From a peer that sends such acknowledgments, one is no proof of a gap. The sender repeats one block, and the rest
//     when the peer says the same again.
//
// What a stranger can draw from a server that has not heard an acknowledgment: two data blocks, or three datagrams
// without data. Then the machine is silent, and the peer's repeated request draws one more.
//
// Blocks are counted in 64 bits here, and their numbers on the wire roll over, so a file may have any size.
//
// On this page:  transfer
// The notes:     TFTP下载过程, tftp 客户端; example 14

#ifndef NETNOTES_TFTP_TRANSFER_HPP
#define NETNOTES_TFTP_TRANSFER_HPP

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../ip/endpoint.hpp"
#include "netascii.hpp"
#include "packet.hpp"
#include "settings.hpp"
#include "source.hpp"

namespace netnotes::tftp {

class transfer {
  public:
    /// A client: reads the file into the sink, or writes it from the source. Source and sink must outlive it. begin()
    /// sends the request to `server`. Throws std::invalid_argument for a name or a setting that no request can carry.
    transfer(const endpoint& server, std::string_view file_name, mode how, sink& into, const settings& wishes);
    transfer(const endpoint& server, std::string_view file_name, mode how, source& from, const settings& wishes);
    /// A server, that answers the request of `client`.
    transfer(const endpoint& client, const packet& request, source& from, const settings& limits);
    transfer(const endpoint& client, const packet& request, sink& into, const settings& limits);
    transfer(const transfer&) = delete;
    transfer& operator=(const transfer&) = delete;

    void begin(time_point now) noexcept;
    /// A datagram has come, from whomever.
    void receive(const endpoint& from, std::span<const std::byte> datagram, time_point now) noexcept;
    /// When to call expired(); the end of time when there is nothing to wait for.
    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }
    void expired(time_point now) noexcept;
    /// Gives up, and tells the peer so. Nothing happens when it is decided already: see has_outcome().
    void abort(error code, std::error_code why, std::string_view message) noexcept;
    /// The net says that nobody listens there (ICMP port unreachable). If that is the peer it is the end:
    /// errc::connection_refused, or, if all is decided, nobody is left to stay for. Of anybody else it says nothing.
    void unreachable(const endpoint& where) noexcept;

    /// What is to be sent now: datagrams of `segment` bytes, one behind the other, the last perhaps shorter, so that one
    /// call can hand over all of them (UDP_SEGMENT); of nothing: no bytes. Valid until the next call of anything here.
    struct outgoing {
        endpoint to{};
        std::span<const std::byte> bytes{};
        std::size_t segment = 0;
    };
    [[nodiscard]] outgoing next(std::size_t max_segments = 64, std::size_t max_bytes = 65'000) noexcept;
    /// After receive(), expired() or abort(): must what next() gave last still go, as far as the socket has not taken it?
    /// A run of blocks must, unless it will be given again. What else was to be said is said anew where it matters.
    [[nodiscard]] bool still_goes() const noexcept {
        return state_ == state::sending && run_end_ != 0 && next_ >= run_end_;
    }

    /// Is it decided? A receiver may stay a little longer: see has_ended().
    [[nodiscard]] bool has_outcome() const noexcept { return state_ == state::dallying || state_ == state::ended; }
    /// Nothing more to send or to wait for, once next() is empty.
    [[nodiscard]] bool has_ended() const noexcept { return state_ == state::ended; }
    [[nodiscard]] const outcome& result() const noexcept { return result_; }
    [[nodiscard]] const endpoint& peer() const noexcept { return peer_; }

  private:
    enum class state : unsigned char {
        requesting,  // the request is sent, and unanswered
        accepting,   // the option acknowledgment is sent, and unanswered
        sending,
        receiving,
        dallying,
        ended,
    };
    /// What the deadline of a sender means.
    enum class waiting : unsigned char {
        for_answer,  // else the window goes out again
        for_tail,    // the rate is unknown: else one block goes out again
        for_second,  // the peer may have told of a gap: a second word proves it, or silence
        for_piece,   // the next piece of the window goes out
    };
    static constexpr std::size_t netascii_piece = 1024;
    static constexpr std::uint64_t slowest_rate = 64'000 / 8;   // bytes a second, while nothing is measured
    static constexpr std::uint64_t min_piece = 4;             // blocks
    static constexpr std::size_t max_first_window = 64 * 1024;  // bytes, see settings::shared_port

    transfer(const endpoint& peer, mode how, source* from, sink* into, const settings& wishes);
    void request(opcode what, std::string_view file_name);
    void answer(const packet& request);
    void agree_on(const options& granted) noexcept;
    [[nodiscard]] bool is_acceptable(const packet& acknowledgment) const noexcept;
    [[nodiscard]] std::uint16_t max_window(std::uint16_t block_size, bool rolls_to_one) const noexcept;

    // The number on the wire of the block that is the count-th, from 1 on; 0 is what is before the first.
    [[nodiscard]] std::uint32_t numbers() const noexcept { return rolls_to_one_ ? 65'535 : 65'536; }
    [[nodiscard]] std::uint16_t number_of(std::uint64_t count) const noexcept {
        if (count <= 65'535) return static_cast<std::uint16_t>(count);
        return static_cast<std::uint16_t>(rolls_to_one_ ? (count - 1) % 65'535 + 1 : count % 65'536);
    }
    /// How many blocks behind the count-th the one with this number is; below numbers().
    [[nodiscard]] std::uint32_t distance(std::uint64_t count, std::uint16_t number) const noexcept {
        return (number + numbers() - number_of(count) % numbers()) % numbers();
    }

    void from_peer(const packet& what) noexcept;
    void learn_peer(const endpoint& from) noexcept { peer_ = from, knows_peer_ = true; }
    void acknowledged(std::uint16_t number) noexcept;
    void received(const packet& what) noexcept;
    bool deliver(std::span<const std::byte> data) noexcept;
    bool deliver_lines(std::span<const std::byte> data) noexcept;
    void finish() noexcept;

    bool begin_sending() noexcept;
    bool expect() noexcept;
    bool load() noexcept;
    std::size_t fill(std::span<std::byte> block) noexcept;
    [[nodiscard]] std::span<std::byte> slot(std::uint64_t count) const noexcept;
    outgoing next_blocks(std::size_t max_segments, std::size_t max_bytes) noexcept;

    void say(std::size_t size) noexcept {
        control_size_ = size;
        says_control_ = size > 0;
    }
    void acknowledge() noexcept {
        say(write_acknowledgment(control_, number_of(done_)));
        unacknowledged_ = 0;
        acknowledged_at_ = now_;
    }
    /// What so many bytes may take on the slowest link, and a quarter more.
    [[nodiscard]] static duration slowest_time(std::uint64_t bytes) noexcept {
        return std::chrono::milliseconds{static_cast<std::int64_t>(bytes * 1'250 / slowest_rate)};
    }
    [[nodiscard]] duration answer_time() const noexcept;
    [[nodiscard]] bool can_try_tail() const noexcept;
    void wait_for_answer() noexcept;
    /// A sender hears nothing while the link carries a window, and what was under way before it.
    [[nodiscard]] duration patience() const noexcept {
        const bool is_window = state_ == state::sending && result_.window_size > 1;
        return settings_.patience + (is_window ? std::min(time_of(2 * slots_), settings_.patience) : duration::zero());
    }
    void wait_longer() noexcept;  // a receiver: something has come that is no progress
    void has_progressed() noexcept {
        attempts_ = 0;
        progress_ = now_;
        wait_for_answer();
    }
    void measure(duration round_trip) noexcept;
    void measure_rate() noexcept;

    // A server that has heard of its request only: whoever sent that may have lied about where it is.
    [[nodiscard]] bool is_unproven() const noexcept {
        return !is_client_ && (!is_proven_ || (settings_.shared_port && source_ && done_ == 0));
    }
    [[nodiscard]] unsigned max_unproven_repeats() const noexcept {
        return state_ == state::sending && !is_proven_ ? 1 : 2;
    }
    void repeat_unproven() noexcept;

    [[nodiscard]] std::uint64_t max_piece() const noexcept;
    [[nodiscard]] std::uint64_t max_run() const noexcept;
    void adapt_room(bool is_loss) noexcept;
    [[nodiscard]] time_point piece_end(bool listens) const noexcept;
    [[nodiscard]] duration time_of(std::uint64_t blocks) const noexcept {
        if (block_time_ == duration::max()) return duration::zero();
        return block_time_ * static_cast<std::int64_t>(blocks);
    }
    void acknowledged_again() noexcept;
    void send_again_from_gap(bool is_first_sent = false) noexcept;
    bool ask_without_options() noexcept;
    void fail(error code, std::error_code why, std::string_view message) noexcept;
    void fail_here(const std::error_code& why, std::string_view message) noexcept;
    void end(std::error_code why, std::string_view message, bool is_from_peer) noexcept;

    settings settings_;
    mode mode_;
    source* source_;
    sink* sink_;
    endpoint peer_;
    endpoint door_, refused_by_{};  // where the request went; who has refused its options
    bool is_client_ = false, knows_peer_ = false, rolls_to_one_ = false, is_proven_ = false;
    state state_ = state::requesting;
    options asked_{};  // by us or of us
    outcome result_{};

    // Time.
    time_point now_{}, deadline_ = time_point::max(), asked_at_{}, progress_{};
    duration timeout_, base_timeout_, smoothed_{}, variation_{};
    bool is_measured_ = false, is_timing_ = false;
    std::uint64_t timed_block_ = 0, timed_first_ = 0;  // of a receiver, and of a sender
    unsigned attempts_ = 0, unproven_repeats_ = 0;
    bool has_measured_blocks_ = false;  // and not only an exchange without data

    // Blocks: done_ of them have been acknowledged, or received in order.
    std::uint64_t done_ = 0;
    std::uint64_t next_ = 1;      // the next to send
    std::uint64_t loaded_ = 0;    // of them are, or were, in the ring
    std::uint64_t last_ = 0;      // the number of the last one, once it is known
    std::uint64_t furthest_ = 0;  // sent so far; what is not beyond it is sent again
    std::uint32_t unacknowledged_ = 0;
    bool has_told_gap_ = false;
    std::int64_t place_ = 0;  // of the block that came last, counted from done_ on
    time_point acknowledged_at_{};

    // A sender's losses. A restart is the decision to send again from done_ + 1 on.
    waiting waits_ = waiting::for_answer;
    std::uint64_t recover_ = 0;        // the furthest block at the last restart
    std::uint64_t restarted_at_ = 0;   // the last block before the gap, then
    std::uint64_t echoes_ = 0;         // acknowledgments that our repetitions may draw, and that mean nothing
    std::uint64_t losses_ = 0;         // restarts that were needed
    std::uint64_t repeats_block_ = 0;  // that goes out once more, alone; 0: none
    std::uint64_t tails_ = 0;          // repetitions of the last block, in waiting::for_tail
    std::uint64_t tail_echoes_ = 0;    // the acknowledgments that those may draw
    std::uint64_t probe_echoes_ = 0, probed_until_ = 0;  // the same, of single blocks behind what looked like a gap
    std::uint64_t echoes_heard_ = 0;                     // since the last progress
    std::uint64_t copies_ = 0;   // sent again after a timeout: the earlier ones may have been late, not lost
    bool hears_echoes_ = false;  // the peer acknowledges what it did not expect
    bool has_sent_gap_ = false;  // the first block behind the gap has gone out again
    std::uint64_t piece_first_ = 0, piece_last_ = 0;  // of the window, that goes out at once
    std::uint64_t run_last_ = 0;                      // of the pieces between which nothing is waited for
    std::uint64_t room_ = 0, room_since_ = 0;         // blocks that a queue has taken at once, perhaps; 0: any number
    bool is_behind_others_ = false;  // blocks that the receiver will discard are under way before the piece
    time_point piece_at_{}, window_at_{};
    time_point echo_at_{}, echo_until_ = time_point::max();  // the last one heard; when all of echoes_ have come
    time_point busy_until_{};  // when the link has carried what was sent, as far as is known
    duration min_round_trip_ = duration::max(), block_time_ = duration::max();
    std::uint64_t run_end_ = 0;  // behind the blocks that next() gave last; 0: it gave something else
    std::size_t last_size_ = 0;  // bytes of the last one
    std::unique_ptr<std::byte[]> ring_{};
    std::size_t slots_ = 0;

    // What is said besides data: the last such datagram, for it may have to be said again.
    std::array<std::byte, max_request_size> control_{};
    std::size_t control_size_ = 0;
    bool says_control_ = false;
    endpoint stranger_{};
    bool says_stranger_ = false;
    std::array<std::byte, 32> for_stranger_{};
    std::size_t for_stranger_size_ = 0;

    netascii_encoder encoder_{};
    netascii_decoder decoder_{};
    std::array<std::byte, netascii_piece> piece_{};  // of a text, before or behind its conversion
    std::size_t piece_begin_ = 0, piece_end_ = 0;
    bool source_has_ended_ = false;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline transfer::transfer(const endpoint& peer, mode how, source* from, sink* into, const settings& wishes)
    : settings_{detail::with_sane_times(wishes)},
      mode_{how},
      source_{from},
      sink_{into},
      peer_{peer},
      door_{peer},
      timeout_{settings_.first_timeout},
      base_timeout_{settings_.first_timeout} {
    if (wishes.block_size < min_block_size || wishes.block_size > max_block_size || wishes.window_size == 0 ||
        wishes.timeout == 0 || wishes.rollover.value_or(0) > 1)
        throw std::invalid_argument{"TFTP: a block size is from 8 to 65464, a window from 1 on, a timeout from 1 on"};
}
inline transfer::transfer(const endpoint& server, std::string_view file_name, mode how, sink& into,
                          const settings& wishes)
    : transfer{server, how, nullptr, &into, wishes} {
    request(opcode::read_request, file_name);
}
inline transfer::transfer(const endpoint& server, std::string_view file_name, mode how, source& from,
                          const settings& wishes)
    : transfer{server, how, &from, nullptr, wishes} {
    request(opcode::write_request, file_name);
}
inline transfer::transfer(const endpoint& client, const packet& request, source& from, const settings& limits)
    : transfer{client, request.mode.value_or(mode::octet), &from, nullptr, limits} {
    answer(request);
}
inline transfer::transfer(const endpoint& client, const packet& request, sink& into, const settings& limits)
    : transfer{client, request.mode.value_or(mode::octet), nullptr, &into, limits} {
    answer(request);
}

// ---- what is agreed on

/// A window lies in memory, whole. And the numbers must suffice to tell its beginning from what comes behind its end: there
/// are 65,536, or 65,535 where they roll over to 1.
inline std::uint16_t transfer::max_window(std::uint16_t block_size, bool rolls_to_one) const noexcept {
    std::size_t room = settings_.max_memory;
    if (settings_.link_rate != 0) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(settings_.patience / 2).count();
        const auto time = static_cast<std::uint64_t>(std::clamp<std::int64_t>(seconds, 1, 86'400));
        room = static_cast<std::size_t>(std::min<std::uint64_t>(room, settings_.link_rate * std::uint64_t{time}));
    }
    if (settings_.shared_port && !is_client_) room = std::min(room, max_first_window);
    const std::size_t fit = room / (block_size + data_header_size);
    const std::size_t most = std::min<std::size_t>(settings_.window_size, rolls_to_one ? 65'534 : 65'535);
    return static_cast<std::uint16_t>(std::clamp<std::size_t>(fit, 1, most));
}

inline void transfer::request(opcode what, std::string_view file_name) {
    is_client_ = true;
    if (settings_.with_options) {
        if (settings_.block_size != usual_block_size) asked_.block_size = settings_.block_size;
        // The server may grant the window and not the smaller blocks.
        const std::uint16_t block_size = std::max(settings_.block_size, usual_block_size);
        if (const auto window = max_window(block_size, settings_.rollover == 1); window != 1)
            asked_.window_size = window;
        asked_.timeout = settings_.timeout;
        asked_.rollover = settings_.rollover;
        // Of a text neither end knows how long it is on the other's disk.
        if (mode_ == mode::octet) asked_.transfer_size = source_ ? source_->size() : std::uint64_t{0};
    }
    control_size_ = write_request(control_, what, file_name, mode_, asked_);
    if (control_size_ == 0) throw std::invalid_argument{"TFTP: no name for a file, or one that is too long"};
    if (source_) result_.size = source_->size();
}

/// Grants what was asked for, or as much of it as we allow. What was not asked for is not granted (RFC 2347).
inline void transfer::answer(const packet& request) {
    knows_peer_ = true;
    options granted;
    if (settings_.with_options) {
        asked_ = request.options;
        if (asked_.block_size) granted.block_size = std::min(*asked_.block_size, settings_.block_size);
        const std::uint16_t block_size = granted.block_size.value_or(usual_block_size);
        granted.rollover = asked_.rollover;
        if (asked_.window_size)
            granted.window_size = std::min(*asked_.window_size, max_window(block_size, granted.rollover == 1));
        // One with which we would give up before we had said a thing again is no good to anybody.
        if (asked_.timeout && settings_.patience / 2 >= std::chrono::seconds{*asked_.timeout})
            granted.timeout = asked_.timeout;
        if (asked_.transfer_size && mode_ == mode::octet)
            granted.transfer_size = source_ ? source_->size() : asked_.transfer_size;
        // Its first block says so, too, and curl takes the number for nonsense.
        if (source_ && granted.transfer_size == std::uint64_t{0}) granted.transfer_size.reset();
    }
    if (source_) result_.size = source_->size();
    agree_on(granted);
    if (granted.any()) {
        control_size_ = write_option_acknowledgment(control_, granted);
        state_ = state::accepting;
    } else
        state_ = source_ ? state::sending : state::receiving;
}

inline void transfer::agree_on(const options& granted) noexcept {
    result_.block_size = granted.block_size.value_or(usual_block_size);
    result_.window_size = granted.window_size.value_or(1);
    rolls_to_one_ = granted.rollover == 1;
    if (granted.timeout) {
        timeout_ = base_timeout_ = std::chrono::seconds{*granted.timeout};
        settings_.min_timeout = base_timeout_;
        settings_.max_timeout = std::max(settings_.max_timeout, base_timeout_);
        settings_.patience = std::max(settings_.patience, is_client_ ? 4 * base_timeout_ : duration::zero());
    }
    if (!sink_) return;
    result_.size = is_client_ || granted.transfer_size ? granted.transfer_size : asked_.transfer_size;
    // From a writer 0 means that the size is unknown: it reads from a pipe, say. From a server it means the same.
    if (result_.size == std::uint64_t{0}) result_.size.reset();
}

/// A server may grant less than was asked for, and nothing else. The size of what is written it repeats (RFC 2349).
inline bool transfer::is_acceptable(const packet& acknowledgment) const noexcept {
    const options& granted = acknowledgment.options;
    const auto fits = [](const auto& what, const auto& most) { return !what || (most && *what <= *most); };
    return asked_.any() && !acknowledgment.has_bad_option && fits(granted.block_size, asked_.block_size) &&
           fits(granted.window_size, asked_.window_size) && (!granted.timeout || granted.timeout == asked_.timeout) &&
           (!granted.rollover || granted.rollover == asked_.rollover) &&
           (!granted.transfer_size || granted.transfer_size == asked_.transfer_size || (asked_.transfer_size && sink_));
}

// ---- what comes in

inline void transfer::begin(time_point now) noexcept {
    now_ = asked_at_ = progress_ = now;
    if (sink_ && !is_client_ && !expect()) return;
    if (state_ == state::sending) {
        if (!begin_sending()) return;
    } else if (state_ == state::receiving)
        acknowledge();  // of nothing: go on
    else
        says_control_ = true;
    wait_for_answer();
}

inline void transfer::receive(const endpoint& from, std::span<const std::byte> datagram, time_point now) noexcept {
    now_ = now;
    if (state_ == state::ended) return;
    const bool is_peer = knows_peer_ ? from == peer_ : from.address() == peer_.address();
    const auto what = parse(datagram);
    if (!is_peer) {
        // One answer at a time, however many ask; and none to an error, or two strangers could go on for ever.
        if (says_stranger_ || !what || what->what == opcode::error) return;
        stranger_ = from;
        for_stranger_size_ =
            write_error(for_stranger_, error::unknown_transfer_id, to_string(error::unknown_transfer_id));
        says_stranger_ = true;
        return;
    }
    if (!what) return;
    if (!knows_peer_) {
        // What has no business here does not make anybody our peer.
        const bool is_answer = what->what == opcode::error || what->what == opcode::option_acknowledgment ||
                               (sink_ && what->what == opcode::data && what->block == 1) ||
                               (source_ && what->what == opcode::acknowledgment && what->block == 0);
        if (!is_answer) return;
        // A refusal that came twice is of the first request. What else comes from there answers the second one.
        if (from == refused_by_ && what->what == opcode::error &&
            what->error_code == static_cast<std::uint16_t>(error::option_refused))
            return;
        learn_peer(from);
    }
    from_peer(*what);
}

inline void transfer::from_peer(const packet& what) noexcept {
    switch (what.what) {
        case opcode::error:
            if (state_ == state::dallying) return;
            if (what.error_code == static_cast<std::uint16_t>(error::option_refused) && ask_without_options()) return;
            return end(make_error_code(static_cast<error>(what.error_code)), what.message, true);
        case opcode::option_acknowledgment:
            if (!is_client_ || state_ == state::dallying) return;
            if (state_ != state::requesting) {
                // It was said again, so what we have answered was lost. (A sender's answer is data, and has its timer.)
                if (state_ == state::receiving && done_ == 0) acknowledge();
                return;
            }
            if (!is_acceptable(what))
                return fail(error::option_refused, make_error_code(error::option_refused),
                            "the server grants what was not asked for");
            if (attempts_ == 0) measure(now_ - asked_at_);
            agree_on(what.options);
            if (sink_) {
                state_ = state::receiving;
                if (!expect()) return;
                acknowledge();
            } else if (!begin_sending())
                return;
            return has_progressed();
        case opcode::data:
            if (!sink_) return;
            is_proven_ = true;
            if (state_ == state::requesting) {
                agree_on({});  // a server that knows no options
                if (attempts_ == 0) measure(now_ - asked_at_);
                state_ = state::receiving;
            } else if (state_ == state::accepting) {
                if (attempts_ == 0) measure(now_ - asked_at_);
                state_ = state::receiving;
            }
            return received(what);
        case opcode::acknowledgment:
            if (!source_) return;
            if (state_ == state::requesting || state_ == state::accepting) {
                if (what.block != 0) return;
                if (state_ == state::requesting) agree_on({});
                is_proven_ = true;
                if (attempts_ == 0) measure(now_ - asked_at_);
                unproven_repeats_ = 0;
                if (begin_sending()) has_progressed();
                return;
            }
            if (state_ == state::sending) acknowledged(what.block);
            return;
        default:
            // A request: it has come before, and is being answered. If we have fallen silent it is answered once more.
            if (!is_client_ && !is_proven_ && unproven_repeats_ > max_unproven_repeats()) {
                repeat_unproven();
                deadline_ = progress_ + settings_.patience;
            }
            return;
    }
}

/// A server that refuses options is asked without them, as every server can be (RFC 2347: the client may try again).
inline bool transfer::ask_without_options() noexcept {
    if (!is_client_ || state_ != state::requesting || !asked_.any()) return false;
    // The request without its options ends behind the mode.
    const auto end_of_text = [&](auto begin) { return std::find(begin, control_.end(), std::byte{0}) + 1; };
    control_size_ = static_cast<std::size_t>(end_of_text(end_of_text(control_.begin() + 2)) - control_.begin());
    if (peer_ != door_) refused_by_ = peer_;
    peer_ = door_;
    knows_peer_ = false;
    asked_ = {};
    says_control_ = true;
    asked_at_ = now_;
    has_progressed();
    return true;
}

inline void transfer::acknowledged(std::uint16_t number) noexcept {
    if (rolls_to_one_ && number == 0 && done_ > 0) return;  // there it is no block's, but what was before the first
    const std::uint32_t count = distance(done_, number);
    if (done_ + count > furthest_)
        return;  // of what was never sent: an old one, from before a roll-over or a repetition
    if (count == 0) return acknowledged_again();
    is_proven_ = true;
    done_ += count;
    result_.blocks = done_;
    measure_rate();
    if (is_timing_ && done_ >= timed_first_) {  // of what was sent once, or a part of it
        is_timing_ = false;
        has_measured_blocks_ = true;
        measure(now_ - asked_at_);
    }
    if (last_ != 0 && done_ == last_) return end({}, {}, false);
    // Where every window has a loss nothing is measured for long. There the rate says how long a window takes.
    if (block_time_ != duration::max())
        timeout_ = std::min(timeout_, std::max(base_timeout_, 2 * time_of(slots_) + settings_.min_timeout));
    const bool was_restarted = recover_ >= done_;
    // Datagrams keep their order, mostly. So what is acknowledged beyond the furthest block of the last restart is
    // heard after all that the repetitions may have drawn; else they can have drawn as many as have arrived.
    echoes_ = was_restarted ? echoes_ : 0;
    tail_echoes_ = std::exchange(tails_, 0);
    if (has_sent_gap_) {
        ++probe_echoes_;
        probed_until_ = furthest_;
    }
    if (done_ > probed_until_) probe_echoes_ = 0;
    echoes_heard_ = 0;
    const bool was_needless = recover_ == done_ && next_ > done_ + 1;
    if (was_needless) {  // nothing was missing: the peer has acknowledged a datagram that came twice
        hears_echoes_ = true;
        if (losses_ > 0) --losses_;
    }
    next_ = std::max(next_, done_ + 1);
    if (!was_restarted) copies_ = 0;
    busy_until_ = now_ + time_of(next_ - 1 - done_ + copies_);
    piece_last_ = run_last_ = 0;
    repeats_block_ = 0;
    has_sent_gap_ = false;
    waits_ = waiting::for_answer;
    adapt_room(false);
    has_progressed();
    // All that was sent, or a whole window, counted by the peer from its last acknowledgment on: there is no gap.
    if (next_ == done_ + 1 || count == result_.window_size || was_needless) return;
    if (!hears_echoes_) return send_again_from_gap();  // RFC 7440 §4
    repeats_block_ = done_ + 1;
    waits_ = waiting::for_second;
    wait_for_answer();
}

/// Of a single block that means nothing, see the Sorcerer's Apprentice. In a window it may mean that the first one was
/// lost, or that the peer has not expected a block that it has got.
inline void transfer::acknowledged_again() noexcept {
    if (result_.window_size == 1 || next_ == done_ + 1 || is_unproven()) return;
    for (std::uint64_t* const known : {&tail_echoes_, &probe_echoes_})
        if (*known > 0) {
            --*known;
            return;
        }
    // Later than the last of them the peer says it anew: the first block that was sent again is lost again.
    // So it is if it says so without hurry: then nothing has come to it for a while.
    const duration apart = now_ - std::exchange(echo_at_, now_);
    if (now_ > echo_until_ ||
        (block_time_ != duration::max() && echoes_heard_ > 0 && apart > time_of(4) + settings_.min_timeout))
        echoes_ = 0;
    if (echoes_ > 0) {
        --echoes_;
        // One is the answer to a window that came twice. More are drawn by blocks that the peer did not expect.
        if (++echoes_heard_ > 1) hears_echoes_ = true;
        return;
    }
    if (hears_echoes_ && waits_ != waiting::for_second) {
        waits_ = waiting::for_second;
        return wait_for_answer();
    }
    send_again_from_gap(has_sent_gap_);
}

inline void transfer::send_again_from_gap(bool is_first_sent) noexcept {
    is_timing_ = false;
    recover_ = furthest_;
    restarted_at_ = done_;
    echoes_ += furthest_ - done_;
    // What was sent behind the gap is under way before what follows, unless a whole timeout has passed since.
    busy_until_ = attempts_ > 0 ? now_ : now_ + time_of(next_ - 1 - done_);
    if (attempts_ > 0) copies_ += next_ - 1 - done_;
    echo_until_ = time_point::max();
    if (block_time_ != duration::max() && min_round_trip_ != duration::max())
        echo_until_ = busy_until_ + 2 * min_round_trip_ + time_of(2) + settings_.min_timeout / 16;
    next_ = done_ + (is_first_sent && furthest_ > done_ + 1 ? 2 : 1);
    repeats_block_ = 0;
    has_sent_gap_ = false;
    piece_last_ = run_last_ = 0;
    ++losses_;
    adapt_room(true);
    waits_ = waiting::for_answer;
    wait_for_answer();
}

inline void transfer::received(const packet& what) noexcept {
    if (rolls_to_one_ && what.block == 0) return;  // there is none: it would pass for the 65,535th
    const std::uint32_t ahead = distance(done_ + 1, what.block);
    if (ahead != 0 || state_ == state::dallying) {
        ++result_.duplicates;
        if (state_ == state::receiving) wait_longer();
        const bool is_last_again = distance(done_, what.block) == 0 && done_ > 0;
        // One of the window that was acknowledged last.
        const std::uint32_t behind = (numbers() - distance(done_, what.block)) % numbers();
        const bool is_old = done_ > 0 && behind < result_.window_size;
        const std::int64_t place = is_old ? -std::int64_t{behind} : std::int64_t{ahead} + 1;
        // The sender has begun again: no datagram that the net has doubled, for that had come at once.
        const duration round_trip = min_round_trip_ == duration::max() ? duration::zero() : min_round_trip_;
        const bool goes_back =
            place <= place_ && now_ - acknowledged_at_ >= std::max(round_trip, settings_.min_timeout / 10);
        place_ = place;
        if (state_ == state::dallying) {
            if (is_last_again) acknowledge();
        } else if (is_last_again && result_.window_size == 1) {
            acknowledge();  // our acknowledgment was lost
        } else if (is_old && unacknowledged_ == 0 && goes_back) {
            acknowledge();  // the same, of a window
        } else if (!is_old && ahead < result_.window_size) {
            // One is missing: from there on again, please. It is told once, not for each that comes behind it; and once
            // more if the sender has begun again, and has lost the same block again.
            if (std::exchange(has_told_gap_, true) && !goes_back) return;
            is_timing_ = false;
            acknowledge();
        }
        return;
    }
    if (what.data.size() > result_.block_size)
        return fail(error::illegal_operation, make_error_code(error::illegal_operation),
                    "a block is longer than was agreed on");
    ++done_;
    result_.blocks = done_;
    has_told_gap_ = false;
    place_ = 0;
    if (is_timing_ && done_ >= timed_block_) {
        is_timing_ = false;
        has_measured_blocks_ = true;
        measure(now_ - asked_at_);
    }
    if (!deliver(what.data)) return;
    has_progressed();
    if (what.data.size() < result_.block_size) return finish();
    if (++unacknowledged_ < result_.window_size) return;
    acknowledge();
    timed_block_ = done_ + 1;
    asked_at_ = now_;
    is_timing_ = true;
}

inline void transfer::finish() noexcept {
    std::error_code failure;
    if (const auto rest = decoder_.finish()) {
        if (++result_.bytes > settings_.max_bytes)
            return fail_here(std::make_error_code(std::errc::file_too_large), "the file is too long");
        sink_->write(std::span{&*rest, 1}, failure);
    }
    // A writer has been let in for the size that it announced. To a reader it is no promise: has_announced_size().
    if (!failure && !is_client_ && result_.size && mode_ == mode::octet && result_.bytes != *result_.size)
        return fail(error::not_defined, std::make_error_code(std::errc::protocol_error),
                    "the file is not as long as announced");
    if (!failure) sink_->finish(failure);
    if (failure) return fail_here(failure, "the file cannot be kept");
    acknowledge();
    state_ = state::dallying;
    if (settings_.dally <= duration::zero()) return end({}, {}, false);
    deadline_ = now_ + settings_.dally;
}

inline bool transfer::deliver(std::span<const std::byte> data) noexcept {
    if (mode_ == mode::netascii) return deliver_lines(data);
    result_.bytes += data.size();
    if (result_.bytes > settings_.max_bytes) {
        fail_here(std::make_error_code(std::errc::file_too_large), "the file is too long");
        return false;
    }
    // At once: whoever has let it in for its size has not let in more.
    if (!is_client_ && result_.size && result_.bytes > *result_.size) {
        fail(error::not_defined, std::make_error_code(std::errc::protocol_error), "the file is longer than announced");
        return false;
    }
    if (data.empty()) return true;
    std::error_code failure;
    sink_->write(data, failure);
    if (failure) fail_here(failure, "the file cannot be written");
    return !failure;
}
inline bool transfer::deliver_lines(std::span<const std::byte> data) noexcept {
    std::error_code failure;
    while (!data.empty() && !failure) {
        const auto now = data.first(std::min(data.size(), piece_.size()));
        data = data.subspan(now.size());
        std::copy(now.begin(), now.end(), piece_.begin());
        std::optional<std::byte> before;
        const std::size_t size = decoder_.decode(std::span{piece_}.first(now.size()), before);
        result_.bytes += size + (before ? 1 : 0);
        if (result_.bytes > settings_.max_bytes) {
            fail_here(std::make_error_code(std::errc::file_too_large), "the file is too long");
            return false;
        }
        if (before) sink_->write(std::span{&*before, 1}, failure);
        if (!failure && size > 0) sink_->write(std::span{piece_}.first(size), failure);
    }
    if (failure) fail_here(failure, "the file cannot be written");
    return !failure;
}

// ---- time

/// RFC 6298 §2, and never of what was said twice (Karn).
inline void transfer::measure(duration round_trip) noexcept {
    // That of an answer to a window tells how long the window took, too.
    if (!has_measured_blocks_) min_round_trip_ = std::min(min_round_trip_, round_trip);
    if (!is_measured_) {
        is_measured_ = true;
        smoothed_ = round_trip;
        variation_ = round_trip / 2;
    } else {
        const duration error = round_trip > smoothed_ ? round_trip - smoothed_ : smoothed_ - round_trip;
        variation_ += (error - variation_) / 4;
        smoothed_ += (round_trip - smoothed_) / 8;
    }
    // max_timeout is meant for what fits into a frame. A window may take longer, so far as a slow link explains it.
    const std::uint64_t window = std::uint64_t{result_.window_size} * (result_.block_size + data_header_size);
    const duration longest = settings_.max_timeout + (window > 1'500 ? slowest_time(window) : duration::zero());
    // At least an eighth more than what was just measured is left for a busy peer.
    const duration likely =
        std::max({smoothed_ + 4 * variation_, smoothed_ + smoothed_ / 8, round_trip + round_trip / 8});
    base_timeout_ = std::clamp(likely, settings_.min_timeout, longest);
    timeout_ = base_timeout_;
}

/// How long a block takes on the link: a piece went out at once, and this much of it has arrived.
inline void transfer::measure_rate() noexcept {
    if (result_.window_size == 1 || piece_first_ == 0 || done_ < piece_first_) return;
    const bool is_known = block_time_ != duration::max();
    if (is_known && (is_behind_others_ || attempts_ > 0)) return;
    const duration round_trip = min_round_trip_ == duration::max() ? duration::zero() : min_round_trip_;
    const duration took = now_ - piece_at_ - round_trip;
    const std::uint64_t count = done_ - piece_first_ + 1;
    if (took <= duration::zero() || (is_known && count < min_piece)) return;
    const duration each = took / static_cast<std::int64_t>(count);
    if (!is_known || each < block_time_)
        block_time_ = each;
    else
        block_time_ += (each - block_time_) / 8;
}

/// How long an answer to what was sent may take.
inline duration transfer::answer_time() const noexcept {
    duration longest = timeout_;
    if (!has_measured_blocks_ && (state_ == state::sending || state_ == state::receiving)) {
        const std::uint64_t size = result_.block_size + data_header_size;
        const std::uint64_t blocks =
            state_ == state::sending ? std::max<std::uint64_t>(next_ - 1 - done_ + echoes_, 1) : 1;
        longest = std::max(longest, smoothed_ + 4 * variation_ + slowest_time(blocks * size));
    }
    // Blocks that were sent before a restart may be under way before those that were sent again.
    if (result_.window_size > 1 && state_ == state::sending && busy_until_ > now_)
        longest = std::max(longest, (busy_until_ - now_) / 8 * 9 + settings_.min_timeout);
    return longest;
}
/// While the rate is unknown a window has much time. A block of it that is sent again asks the peer what it has, and
/// costs a tenth of the window at most.
inline bool transfer::can_try_tail() const noexcept {
    return state_ == state::sending && !has_measured_blocks_ && attempts_ == 0 && tails_ < 3 &&
           next_ - 1 - done_ >= 10 * (tails_ + 1);
}
inline void transfer::wait_for_answer() noexcept {
    if (waits_ == waiting::for_second && is_measured_) {
        const duration shortest = smoothed_ + std::max<duration>(4 * variation_, std::chrono::milliseconds{1});
        deadline_ = now_ + std::min(shortest, answer_time());
        return;
    }
    if (state_ == state::sending && waits_ == waiting::for_answer) window_at_ = now_;
    if (waits_ == waiting::for_answer && can_try_tail()) waits_ = waiting::for_tail;
    deadline_ = now_ + (waits_ == waiting::for_tail ? timeout_ : answer_time());
}
inline void transfer::wait_longer() noexcept {
    const time_point until = std::max(deadline_, now_ + answer_time());
    deadline_ = std::min(until, std::max(deadline_, progress_ + patience()));
}

/// The first datagram again, now and then; after that only the peer's request brings it.
inline void transfer::repeat_unproven() noexcept {
    ++result_.repeated;
    ++unproven_repeats_;
    is_timing_ = false;
    if (state_ == state::sending)
        repeats_block_ = done_ + 1;
    else
        says_control_ = true;
}

inline void transfer::expired(time_point now) noexcept {
    now_ = now;
    if (state_ == state::ended || now < deadline_) return;
    if (state_ == state::dallying) return end({}, {}, false);
    if (now - progress_ >= patience()) {
        const auto why = std::make_error_code(std::errc::timed_out);
        // A peer that was never heard is told nothing: it may not know of the request.
        if (is_unproven()) return end(why, "no answer for too long", false);
        return fail(error::not_defined, why, "no answer for too long");
    }
    const waiting what = std::exchange(waits_, waiting::for_answer);
    if (state_ == state::sending && what == waiting::for_piece) {
        piece_last_ = 0;
        if (next_ > run_last_) run_last_ = 0;
        return wait_for_answer();
    }
    if (is_unproven()) {
        ++attempts_;
        timeout_ = std::min(2 * timeout_, std::max(settings_.max_timeout, base_timeout_));
        if (unproven_repeats_ < max_unproven_repeats()) {
            repeat_unproven();
            return wait_for_answer();
        }
        unproven_repeats_ = max_unproven_repeats() + 1;
        deadline_ = progress_ + settings_.patience;
        return;
    }
    if (state_ == state::sending && what == waiting::for_second) return send_again_from_gap(has_sent_gap_);
    if (state_ == state::sending && what == waiting::for_tail) {
        ++tails_;
        repeats_block_ = furthest_;
        timeout_ = std::min(2 * timeout_, std::max(settings_.max_timeout, base_timeout_));
        const time_point window_at = window_at_;
        waits_ = can_try_tail() ? waiting::for_tail : waiting::for_answer;
        deadline_ =
            waits_ == waiting::for_tail ? now_ + timeout_ : std::max(now_ + timeout_, window_at + answer_time());
        return;
    }
    ++attempts_;
    is_timing_ = false;
    // RFC 6298 §5.5; and so it stays until measure() (§5.7).
    timeout_ = std::min(2 * timeout_, std::max(settings_.max_timeout, base_timeout_));
    if (state_ == state::sending) return send_again_from_gap();
    if (state_ == state::receiving) acknowledge();
    has_told_gap_ = false;
    says_control_ = true;
    ++result_.repeated;
    wait_for_answer();
}

inline void transfer::abort(error code, std::error_code why, std::string_view message) noexcept {
    if (state_ != state::ended && state_ != state::dallying) fail(code, why, message);
}

inline void transfer::unreachable(const endpoint& where) noexcept {
    if (state_ == state::ended || where != peer_) return;
    if (state_ == state::dallying) return end({}, {}, false);
    says_control_ = false;  // to whom?
    end(std::make_error_code(std::errc::connection_refused), "nobody listens there", false);
}

/// It ends here, and the peer is told, once. (Who has not answered yet is told as well: he may have begun.)
inline void transfer::fail(error code, std::error_code why, std::string_view message) noexcept {
    say(write_error(control_, code, message));
    end(why, message, false);
}
/// The same for what has gone wrong with our file. A code that says nothing is sent with the system's words.
inline void transfer::fail_here(const std::error_code& why, std::string_view message) noexcept {
    const error code = to_error(why);
    fail(code, why, message);
    if (code != error::not_defined) return;
    try {
        say(write_error(control_, code, std::string{message} + ": " + why.message()));
    } catch (const std::bad_alloc&) {  // then without
    }
}
inline void transfer::end(std::error_code why, std::string_view message, bool is_from_peer) noexcept {
    // An error without a number is none to std::error_code.
    result_.error = is_from_peer && !why ? std::make_error_code(std::errc::protocol_error) : why;
    try {
        result_.message = visible(message.substr(0, 200));
    } catch (const std::bad_alloc&) {  // the code says enough
    }
    result_.is_from_peer = is_from_peer;
    state_ = state::ended;
    deadline_ = time_point::max();
}

// ---- what goes out

/// So much is said to come, where that is said. False when it is refused.
inline bool transfer::expect() noexcept {
    if (!result_.size) return true;
    std::error_code refusal;
    if (*result_.size > settings_.max_bytes) {
        fail_here(std::make_error_code(std::errc::file_too_large), "the file is too long");
        return false;
    }
    sink_->expect(*result_.size, refusal);
    if (refusal) fail_here(refusal, "there is no room for the file");
    return !refusal;
}

inline bool transfer::begin_sending() noexcept {
    state_ = state::sending;
    if (ring_) return true;
    slots_ = result_.window_size;
    if (result_.size && mode_ == mode::octet)
        slots_ = static_cast<std::size_t>(std::min<std::uint64_t>(slots_, *result_.size / result_.block_size + 1));
    ring_.reset(new (std::nothrow) std::byte[slots_ * (result_.block_size + data_header_size)]);
    if (ring_) return true;
    fail(error::not_defined, std::make_error_code(std::errc::not_enough_memory), "no memory for a window");
    return false;
}

/// The place of a block, with its header. Neighbours lie side by side, so that several go out at once.
inline std::span<std::byte> transfer::slot(std::uint64_t count) const noexcept {
    const std::size_t size = result_.block_size + data_header_size;
    return {ring_.get() + static_cast<std::size_t>((count - 1) % slots_) * size, size};
}

/// Brings the block behind the last one that was loaded into the ring. False when that failed.
inline bool transfer::load() noexcept {
    const std::span<std::byte> place = slot(loaded_ + 1);
    write_data_header(place, number_of(loaded_ + 1));
    const std::size_t size = fill(place.subspan(data_header_size));
    if (state_ == state::ended) return false;
    ++loaded_;
    if (size == result_.block_size) return true;
    last_ = loaded_;
    last_size_ = size;
    return true;
}
inline std::size_t transfer::fill(std::span<std::byte> block) noexcept {
    std::size_t filled = 0;
    std::error_code failure;
    while (filled < block.size()) {
        if (mode_ == mode::octet) {
            // What was announced is what is sent: a file that grows meanwhile ends where it ended.
            std::span<std::byte> room = block.subspan(filled);
            if (result_.size)
                room = room.first(
                    static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), *result_.size - result_.bytes)));
            const std::size_t size = room.empty() ? 0 : source_->read(room, failure);
            if (size == 0) break;
            filled += size;
            result_.bytes += size;
        } else {
            if (piece_begin_ == piece_end_ && !source_has_ended_) {
                piece_begin_ = 0;
                piece_end_ = source_->read(piece_, failure);
                result_.bytes += piece_end_;
                source_has_ended_ = piece_end_ == 0;
            }
            const auto done = encoder_.encode(std::span{piece_}.subspan(piece_begin_, piece_end_ - piece_begin_),
                                              block.subspan(filled));
            piece_begin_ += done.taken;
            filled += done.made;
            if (done.made == 0) break;
        }
    }
    if (failure)
        fail_here(failure, "the file cannot be read");
    else if (mode_ == mode::octet && filled < block.size() && result_.size && result_.bytes < *result_.size)
        fail(error::not_defined, std::make_error_code(std::errc::io_error), "the file has become shorter");
    else if (result_.bytes > settings_.max_bytes)
        fail_here(std::make_error_code(std::errc::file_too_large), "the file is too long");
    return filled;
}

inline transfer::outgoing transfer::next(std::size_t max_segments, std::size_t max_bytes) noexcept {
    run_end_ = 0;
    if (std::exchange(says_control_, false)) return {peer_, std::span{control_}.first(control_size_), control_size_};
    if (state_ == state::sending) {
        const outgoing blocks = next_blocks(max_segments, max_bytes);
        if (!blocks.bytes.empty()) return blocks;
        if (std::exchange(says_control_, false))  // reading has failed
            return {peer_, std::span{control_}.first(control_size_), control_size_};
    }
    if (std::exchange(says_stranger_, false))
        return {stranger_, std::span{for_stranger_}.first(for_stranger_size_), for_stranger_size_};
    return {};
}

inline transfer::outgoing transfer::next_blocks(std::size_t max_segments, std::size_t max_bytes) noexcept {
    const std::size_t size = result_.block_size + data_header_size;
    if (const std::uint64_t again = std::exchange(repeats_block_, 0); again != 0 && again <= furthest_) {
        ++result_.repeated;
        if (again == done_ + 1) has_sent_gap_ = true;
        return {peer_, slot(again).first(again == last_ ? last_size_ + data_header_size : size), size};
    }
    if (waits_ == waiting::for_piece || waits_ == waiting::for_second) return {};
    if (run_last_ == 0) run_last_ = next_ - 1 + max_run();
    if (piece_last_ == 0) {
        piece_last_ = std::min(run_last_, next_ - 1 + max_piece());
        piece_first_ = next_;
        piece_at_ = now_;
        is_behind_others_ = busy_until_ > now_;
    }
    std::size_t count = 0, bytes = 0;
    const std::uint64_t first = next_;
    const std::uint64_t last = std::min(done_ + slots_, piece_last_);
    while (next_ <= last && (last_ == 0 || next_ <= last_) && count < max_segments) {
        if (count > 0 && (bytes + size > max_bytes || (next_ - 1) % slots_ == 0)) break;  // the ring's end
        if (next_ > loaded_ && !load()) return {};
        bytes += next_ == last_ ? last_size_ + data_header_size : size;
        if (next_ <= furthest_) ++result_.repeated;
        ++next_;
        ++count;
    }
    if (count == 0) return {};
    run_end_ = next_;
    if (next_ - 1 > furthest_) {
        const std::uint64_t before = std::exchange(furthest_, next_ - 1);
        if (!is_timing_ && attempts_ == 0) {
            is_timing_ = true;
            timed_first_ = before + 1;
            asked_at_ = now_;
        }
    }
    busy_until_ = std::max(busy_until_, now_) + time_of(count);
    if (waits_ == waiting::for_tail) waits_ = waiting::for_answer;
    wait_for_answer();
    if (next_ > piece_last_ && next_ <= done_ + slots_ && (last_ == 0 || next_ <= last_)) {
        waits_ = waiting::for_piece;
        deadline_ = piece_end(next_ > run_last_);
    }
    return {peer_, {slot(first).data(), bytes}, size};
}

/// How many blocks go out before the sender listens for a gap: as many as mostly arrive without a loss, as far as losses
/// have been seen.
inline std::uint64_t transfer::max_run() const noexcept {
    if (losses_ == 0) return slots_;
    constexpr std::uint64_t before = 64;  // as if so many had arrived before the first loss
    // After a timeout a few blocks come first: perhaps only the acknowledgment was lost.
    if (attempts_ > 0 && losses_ > 2 && next_ == done_ + 1) return min_piece;
    return std::max(min_piece, (done_ + before) * 2 / (5 * losses_));
}
/// How many of them go out at once. The link's queue may take no more. Of a fast link a millisecond is the least, for
/// timers are not finer.
inline std::uint64_t transfer::max_piece() const noexcept {
    if (room_ == 0) return slots_;
    constexpr duration tick = std::chrono::milliseconds{1};
    const std::uint64_t in_a_tick =
        block_time_ > tick ? 1 : static_cast<std::uint64_t>(tick / std::max(block_time_, duration{1}));
    return std::max({room_, min_piece, std::min<std::uint64_t>(in_a_tick, slots_)});
}
/// Half as much at each loss; twice as much once that has gone well for long.
inline void transfer::adapt_room(bool is_loss) noexcept {
    if (is_loss) {
        room_ = std::max(min_piece, (room_ == 0 ? static_cast<std::uint64_t>(slots_) : room_) / 2);
        room_since_ = done_;
    } else if (room_ != 0 && done_ - room_since_ >= 32 * room_) {
        room_ = 2 * room_ >= slots_ ? 0 : 2 * room_;
        room_since_ = done_;
    }
}
/// When the link has carried the piece; and, behind the last one of a run, when the receiver would have told of a gap.
inline time_point transfer::piece_end(bool listens) const noexcept {
    if (!listens && block_time_ != duration::max()) return busy_until_;
    const duration round_trip = min_round_trip_ == duration::max() ? smoothed_ : min_round_trip_;
    return std::min(busy_until_ + round_trip + round_trip / 8, now_ + answer_time());
}

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_TRANSFER_HPP
