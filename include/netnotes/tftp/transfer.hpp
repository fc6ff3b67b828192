// netnotes/tftp/transfer.hpp: the transfer of a file, without a net and without a clock
// SPDX-License-Identifier: MIT
//
// One machine serves both ends and both directions. Datagrams and the time go in; datagrams and a deadline come out.
// The blocking client and the server drive it with a socket and a clock. The tests drive it with a simulated network
// that loses, doubles and reorders datagrams, and with a clock that jumps.
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
//   - number: a block that comes twice is written once and acknowledged again. It came twice because the acknowledgment
//     was lost (RFC 1350 §5). The notes count every datagram, and so lose one byte in two.
//   - wait with a limit, and send again what was not answered, because anything may be lost. The limit doubles each time
//     (RFC 1123 §4.2.3.2).
//   - know its peer: the first answer comes from a new port. From then on every other sender is a stranger, gets error 5,
//     and does not disturb the transfer (RFC 1350 §4).
//   - believe an error, tell it with its code and its words, and never answer it.
// And what a sender must not do: send a block again because an acknowledgment came twice. Two ends that both do so
// double every block from there on: the Sorcerer's Apprentice (RFC 1123 §4.2.3.1).
//
// A window has a chapter for each end: tftp/window.hpp decides what a sender sends again, tftp/receive_window.hpp what
// a receiver acknowledges.
//
// A stranger can draw two data blocks, or three datagrams without data, from a server that has not heard an
// acknowledgment. Then the machine is silent. A repeated request of the peer draws one more datagram.
//
// Blocks are counted in 64 bits here, and their numbers on the wire roll over, so a file may have any size.
//
// On this page:  transfer
// The notes:     TFTP下载过程, tftp 客户端; example 14

#ifndef NETNOTES_TFTP_TRANSFER_HPP
#define NETNOTES_TFTP_TRANSFER_HPP

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../ip/endpoint.hpp"
#include "blocks.hpp"
#include "delivery.hpp"
#include "negotiation.hpp"
#include "outbox.hpp"
#include "packet.hpp"
#include "receive_window.hpp"
#include "settings.hpp"
#include "source.hpp"
#include "timeout.hpp"
#include "window.hpp"

namespace netnotes::tftp {

class transfer {
  public:
    /// Makes a client's end. It reads the file into the sink, or writes it from the source; both must outlive it.
    /// begin() sends the request to `server`. Throws std::invalid_argument for a name or a setting that no request can
    /// carry.
    transfer(const endpoint& server, std::string_view file_name, mode how, sink& into, const settings& wishes);
    transfer(const endpoint& server, std::string_view file_name, mode how, source& from, const settings& wishes);
    /// Makes a server's end, which answers the request of `client`. Throws std::invalid_argument for limits out of
    /// range.
    transfer(const endpoint& client, const packet& request, source& from, const settings& limits);
    transfer(const endpoint& client, const packet& request, sink& into, const settings& limits);
    transfer(const transfer&) = delete;
    transfer& operator=(const transfer&) = delete;

    void begin(time_point now) noexcept;
    /// Takes a datagram that has come from any sender.
    void receive(const endpoint& from, std::span<const std::byte> datagram, time_point now) noexcept;
    /// Returns when to call expired(): the end of time if there is nothing to wait for.
    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }
    void expired(time_point now) noexcept;
    /// Ends the transfer with an error and tells the peer so. Does nothing if the outcome is decided: see
    /// has_outcome().
    void abort(error code, std::error_code why, std::string_view message) noexcept;
    /// Reports that no program listens at `where` (ICMP port unreachable). If `where` is the peer, the transfer ends
    /// with errc::connection_refused; a transfer that is decided ends as it was. Any other address changes nothing.
    void unreachable(const endpoint& where) noexcept;

    /// Datagrams to send now: `segment` bytes each, one behind the other; only the last may be shorter. So one call can
    /// send all of them (UDP_SEGMENT). The bytes are valid until the next call of any member.
    struct outgoing {
        endpoint to{};
        std::span<const std::byte> bytes{};
        std::size_t segment = 0;
    };
    /// Returns the datagrams to send now. `bytes` is empty if nothing must be sent.
    [[nodiscard]] outgoing next(std::size_t max_segments = 64, std::size_t max_bytes = 65'000) noexcept;
    /// Returns true if the bytes that next() returned last must still be sent, as far as the socket has not taken them.
    /// Call it after receive(), expired() or abort(). A run of blocks must be sent, unless next() will return it again.
    [[nodiscard]] bool still_goes() const noexcept {
        return state_ == state::sending && run_end_ != 0 && window_.next_block() >= run_end_;
    }

    /// Returns true if the outcome is decided. A receiver may stay a little longer: see has_ended().
    [[nodiscard]] bool has_outcome() const noexcept { return state_ == state::dallying || state_ == state::ended; }
    /// Returns true if there is nothing to wait for, and nothing to send once next() is empty.
    [[nodiscard]] bool has_ended() const noexcept { return state_ == state::ended; }
    [[nodiscard]] const outcome& result() const noexcept { return result_; }
    [[nodiscard]] const endpoint& peer() const noexcept { return peer_; }

  private:
    /// The states of a transfer, each with the event that ends it:
    ///
    ///        requesting   the request is sent                    an answer: sending or receiving
    ///        accepting    the option acknowledgment is sent      its answer: sending or receiving
    ///        sending      see tftp/window.hpp                    the last block is acknowledged: ended
    ///        receiving    see tftp/receive_window.hpp            the last block has come: dallying
    ///        dallying     the last acknowledgment may be lost    settings::dally is over: ended
    ///        ended
    ///
    /// An error of either end leads to `ended` from each state but dallying.
    enum class state : unsigned char { requesting, accepting, sending, receiving, dallying, ended };
    /// Knowledge of the peer:
    ///
    ///        unknown      a client has not heard an answer       the first answer: proven
    ///        claimed      a server has heard a request only      an answer to the server: proven
    ///        proven       it has answered
    enum class acquaintance : unsigned char { unknown, claimed, proven };
    using role = detail::role;

    transfer(const endpoint& peer, mode how, source* from, sink* into, role who, const settings& wishes);
    void request(opcode what, std::string_view file_name);
    void answer(const packet& request);
    void agree_on(const options& granted) noexcept;

    void from_peer(const packet& what) noexcept;
    void granted(const packet& what) noexcept;
    void learn_peer(const endpoint& from) noexcept {
        peer_ = from;
        acquaintance_ = acquaintance::proven;
    }
    void acknowledged(std::uint16_t number) noexcept;
    void received(const packet& what) noexcept;
    bool delivered(const detail::delivery::result& failure) noexcept;
    void finish() noexcept;

    bool begin_sending() noexcept;
    void begin_receiving() noexcept {
        state_ = state::receiving;
        received_.begin(result_.window_size);
    }
    bool expect() noexcept { return delivered(delivery_.expect(result_.size, role_ == role::server)); }
    bool load() noexcept;
    outgoing next_blocks(std::size_t max_segments, std::size_t max_bytes) noexcept;
    outgoing next_control() noexcept {
        const auto said = outbox_.take();
        return {peer_, said, said.size()};
    }

    void acknowledge() noexcept {
        outbox_.acknowledge(numbers_.number_of(received_.done()));
        received_.acknowledged(now_);
    }
    [[nodiscard]] std::uint64_t datagram_size() const noexcept { return result_.block_size + data_header_size; }
    void measure_answer() noexcept {  // to what was said once
        if (attempts_ == 0) timer_.measure(now_ - asked_at_, result_.window_size * datagram_size(), false);
    }
    [[nodiscard]] duration answer_time() const noexcept;
    void wait_for_answer() noexcept;
    /// A sender gets no answer while the link carries a window and the datagrams before it.
    [[nodiscard]] duration patience() const noexcept {
        const bool is_window = state_ == state::sending && result_.window_size > 1;
        return settings_.patience +
               (is_window ? std::min(window_.time_of(2 * window_.size()), settings_.patience) : duration::zero());
    }
    void wait_longer() noexcept;  // a receiver: something has come that is no progress
    void has_progressed() noexcept {
        attempts_ = 0;
        progress_ = now_;
        wait_for_answer();
    }

    // A server that has only received the request, whose sender address may be forged.
    [[nodiscard]] bool is_unproven() const noexcept {
        return acquaintance_ == acquaintance::claimed ||
               (role_ == role::server && settings_.shared_port && source_ && window_.done() == 0);
    }
    [[nodiscard]] unsigned max_unproven_repeats() const noexcept {
        // On a shared port two blocks of 64 KiB are all that a forged acknowledgment draws.
        const bool is_large = state_ == state::sending && 2 * datagram_size() > 64 * 1024;
        return state_ == state::sending && (acquaintance_ == acquaintance::claimed || is_large) ? 1 : 2;
    }
    void repeat_unproven() noexcept;

    bool ask_without_options() noexcept;
    void fail(error code, std::error_code why, std::string_view message) noexcept;
    void fail_here(const std::error_code& why, std::string_view message) noexcept;
    void fail_too_long() noexcept {
        fail_here(std::make_error_code(std::errc::file_too_large), "the file is too long");
    }
    void end(std::error_code why, std::string_view message, bool is_from_peer) noexcept;

    settings settings_;
    mode mode_;
    source* source_;
    sink* sink_;
    role role_;
    state state_ = state::requesting;
    acquaintance acquaintance_;
    endpoint peer_;
    endpoint door_, refused_by_{};  // where the request went, and the port that refused its options
    options asked_{};               // by us or of us
    outcome result_{};
    detail::outbox outbox_{};
    detail::block_numbers numbers_{};

    time_point now_{}, deadline_ = time_point::max(), asked_at_{}, progress_{};
    detail::retransmission_timeout timer_;
    unsigned attempts_ = 0, unproven_repeats_ = 0;

    // A sender's part, and a receiver's.
    detail::send_window window_{timer_};
    detail::block_ring blocks_{};
    std::uint64_t run_end_ = 0;  // behind the blocks that next() gave last; 0: it gave something else
    detail::receive_window received_{};
    std::uint64_t timed_block_ = 0;  // whose arrival is measured; 0: none
    detail::delivery delivery_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline transfer::transfer(const endpoint& peer, mode how, source* from, sink* into, role who, const settings& wishes)
    : settings_{detail::with_sane_times(wishes)},
      mode_{how},
      source_{from},
      sink_{into},
      role_{who},
      acquaintance_{who == role::client ? acquaintance::unknown : acquaintance::claimed},
      peer_{peer},
      door_{peer},
      timer_{settings_},
      delivery_{into, how, settings_.max_bytes} {
    if (wishes.block_size < min_block_size || wishes.block_size > max_block_size || wishes.window_size == 0 ||
        wishes.timeout == 0 || wishes.rollover.value_or(0) > 1)
        throw std::invalid_argument{
            "TFTP: a block size must be 8 to 65464, a window and a timeout at least 1, a rollover 0 or 1"};
}
inline transfer::transfer(const endpoint& server, std::string_view file_name, mode how, sink& into,
                          const settings& wishes)
    : transfer{server, how, nullptr, &into, role::client, wishes} {
    request(opcode::read_request, file_name);
}
inline transfer::transfer(const endpoint& server, std::string_view file_name, mode how, source& from,
                          const settings& wishes)
    : transfer{server, how, &from, nullptr, role::client, wishes} {
    request(opcode::write_request, file_name);
}
inline transfer::transfer(const endpoint& client, const packet& request, source& from, const settings& limits)
    : transfer{client, request.mode.value_or(mode::octet), &from, nullptr, role::server, limits} {
    answer(request);
}
inline transfer::transfer(const endpoint& client, const packet& request, sink& into, const settings& limits)
    : transfer{client, request.mode.value_or(mode::octet), nullptr, &into, role::server, limits} {
    answer(request);
}

// ---- what is agreed on

inline void transfer::request(opcode what, std::string_view file_name) {
    if (source_) result_.size = source_->size();
    asked_ = detail::wishes_of(settings_, mode_, source_ ? result_.size : std::uint64_t{0});
    if (!outbox_.prepare_request(what, file_name, mode_, asked_))
        throw std::invalid_argument{"TFTP: the file name is empty, too long, or contains a NUL"};
}

/// Grants what was asked for, or as much of it as we allow. An option that was not asked for is not granted (RFC 2347).
inline void transfer::answer(const packet& request) {
    if (settings_.with_options) asked_ = request.options;
    if (source_) result_.size = source_->size();
    const options granted = detail::grant(asked_, settings_, mode_, source_ != nullptr, result_.size);
    agree_on(granted);
    if (granted.any()) {
        outbox_.prepare_option_acknowledgment(granted);
        state_ = state::accepting;
    } else
        state_ = source_ ? state::sending : state::receiving;
}

inline void transfer::agree_on(const options& granted) noexcept {
    result_.block_size = granted.block_size.value_or(usual_block_size);
    result_.window_size = granted.window_size.value_or(1);
    numbers_ = detail::block_numbers{granted.rollover == 1};
    if (granted.timeout) {
        const duration agreed = std::chrono::seconds{*granted.timeout};
        timer_.agree_on(agreed);
        settings_.patience = std::max(settings_.patience, role_ == role::client ? 4 * agreed : duration::zero());
    }
    if (!sink_) return;
    result_.size = role_ == role::client || granted.transfer_size ? granted.transfer_size : asked_.transfer_size;
    // From a writer 0 means that the size is unknown: it reads from a pipe, say. From a server it means the same.
    if (result_.size == std::uint64_t{0}) result_.size.reset();
}

// ---- what comes in

inline void transfer::begin(time_point now) noexcept {
    now_ = asked_at_ = progress_ = now;
    if (sink_ && role_ == role::server && !expect()) return;
    if (state_ == state::sending) {
        if (!begin_sending()) return;
    } else if (state_ == state::receiving) {
        begin_receiving();
        acknowledge();  // of nothing: go on
    } else
        outbox_.say_again();
    wait_for_answer();
}

inline void transfer::receive(const endpoint& from, std::span<const std::byte> datagram, time_point now) noexcept {
    now_ = now;
    if (state_ == state::ended) return;
    const bool knows_peer = acquaintance_ != acquaintance::unknown;
    const bool is_peer = knows_peer ? from == peer_ : from.address() == peer_.address();
    const auto what = parse(datagram);
    if (!is_peer) {  // no answer to an error, or two strangers could go on for ever
        if (what && what->what != opcode::error) outbox_.refuse(from);
        return;
    }
    if (!what) return;
    if (!knows_peer) {
        // Only an answer to the request makes its sender our peer.
        const bool is_answer = what->what == opcode::error || what->what == opcode::option_acknowledgment ||
                               (sink_ && what->what == opcode::data && what->block == 1) ||
                               (source_ && what->what == opcode::acknowledgment && what->block == 0);
        if (!is_answer) return;
        // A refusal that came twice belongs to the first request. Any other datagram from there answers the second
        // request.
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
        case opcode::option_acknowledgment: return granted(what);
        case opcode::data:
            if (!sink_) return;
            acquaintance_ = acquaintance::proven;
            if (state_ == state::requesting || state_ == state::accepting) {
                if (state_ == state::requesting) agree_on({});  // a server that knows no options
                measure_answer();
                begin_receiving();
            }
            return received(what);
        case opcode::acknowledgment:
            if (!source_) return;
            if (state_ == state::requesting || state_ == state::accepting) {
                if (what.block != 0) return;
                if (state_ == state::requesting) agree_on({});
                acquaintance_ = acquaintance::proven;
                measure_answer();
                unproven_repeats_ = 0;
                if (begin_sending()) has_progressed();
                return;
            }
            if (state_ == state::sending) acknowledged(what.block);
            return;
        default:
            // A request: it has come before, and is being answered. If we have fallen silent it is answered once more.
            if (acquaintance_ == acquaintance::claimed && unproven_repeats_ > max_unproven_repeats()) {
                repeat_unproven();
                deadline_ = progress_ + settings_.patience;
            }
            return;
    }
}

inline void transfer::granted(const packet& what) noexcept {
    if (role_ != role::client || state_ == state::dallying) return;
    if (state_ != state::requesting) {
        // The peer repeats it, so our answer was lost. (A sender's answer is data, and has its timer.)
        if (state_ == state::receiving && received_.done() == 0) acknowledge();
        return;
    }
    if (!detail::is_acceptable(what, asked_, sink_ != nullptr))
        return fail(error::option_refused, make_error_code(error::option_refused),
                    "the server granted an option that was not requested");
    measure_answer();
    agree_on(what.options);
    if (source_) {
        if (begin_sending()) has_progressed();
        return;
    }
    begin_receiving();
    if (!expect()) return;
    acknowledge();
    has_progressed();
}

/// A server that refuses options is asked without them, as every server can be (RFC 2347: the client may try again).
inline bool transfer::ask_without_options() noexcept {
    if (role_ != role::client || state_ != state::requesting || !asked_.any()) return false;
    outbox_.drop_options();
    outbox_.say_again();
    if (peer_ != door_) refused_by_ = peer_;
    peer_ = door_;
    acquaintance_ = acquaintance::unknown;
    asked_ = {};
    asked_at_ = now_;
    has_progressed();
    return true;
}

inline void transfer::acknowledged(std::uint16_t number) noexcept {
    // Where numbers roll over to 1 no block has the number 0: it means what was before the first.
    if (numbers_.rolls_to_one() && number == 0 && window_.done() > 0) return;
    const std::uint64_t upto = window_.done() + numbers_.distance(window_.done(), number);
    if (upto > window_.furthest()) return;  // an old acknowledgment, from before a roll-over or a repetition
    if (upto == window_.done()) {
        if (is_unproven()) return;
        window_.acknowledged_again(now_);
        deadline_ = window_.deadline();
        return;
    }
    acquaintance_ = acquaintance::proven;
    result_.blocks = upto;
    window_.acknowledged(upto, now_);
    if (upto == blocks_.last()) return end({}, {}, false);
    has_progressed();
}

inline void transfer::received(const packet& what) noexcept {
    if (numbers_.rolls_to_one() && what.block == 0) return;  // no block has it: it would pass for the 65,535th
    using verdict = detail::receive_window::verdict;
    const verdict judged = received_.judge(what.block, numbers_, now_, timer_.round_trip(), settings_.min_timeout);
    if (state_ == state::dallying) {
        ++result_.duplicates;
        if (received_.is_last_again(what.block, numbers_)) acknowledge();
        return;
    }
    if (judged != verdict::take) {
        ++result_.duplicates;
        wait_longer();
        if (judged != verdict::acknowledge) return;
        timed_block_ = 0;
        return acknowledge();
    }
    if (what.data.size() > result_.block_size)
        return fail(error::illegal_operation, make_error_code(error::illegal_operation),
                    "a block is longer than the agreed block size");
    received_.take();
    result_.blocks = received_.done();
    if (timed_block_ != 0 && received_.done() >= timed_block_) {
        timed_block_ = 0;
        timer_.measure(now_ - asked_at_, result_.window_size * datagram_size(), true);
    }
    const bool is_written = delivered(delivery_.write(what.data));
    result_.bytes = delivery_.bytes();
    if (!is_written) return;
    has_progressed();
    if (what.data.size() < result_.block_size) return finish();
    if (!received_.completes_window()) return;
    acknowledge();
    timed_block_ = received_.done() + 1;
    asked_at_ = now_;
}

inline void transfer::finish() noexcept {
    const bool is_kept = delivered(delivery_.finish());
    result_.bytes = delivery_.bytes();
    if (!is_kept) return;
    acknowledge();
    state_ = state::dallying;
    if (settings_.dally <= duration::zero()) return end({}, {}, false);
    deadline_ = now_ + settings_.dally;
}

/// Ends the transfer if the file could not be written. Returns false then.
inline bool transfer::delivered(const detail::delivery::result& failure) noexcept {
    if (!failure) return true;
    if (failure->is_local)
        fail_here(failure->why, failure->message);
    else
        fail(error::not_defined, failure->why, failure->message);
    return false;
}

// ---- time

/// Returns how long an answer may take.
inline duration transfer::answer_time() const noexcept {
    if (state_ != state::receiving || timer_.has_measured_data()) return timer_.value();
    return std::max(timer_.value(), timer_.likely_answer() + detail::slowest_time(datagram_size()));
}
inline void transfer::wait_for_answer() noexcept {
    deadline_ = state_ == state::sending ? window_.deadline() : now_ + answer_time();
}
inline void transfer::wait_longer() noexcept {
    const time_point until = std::max(deadline_, now_ + answer_time());
    deadline_ = std::min(until, std::max(deadline_, progress_ + patience()));
}

/// Sends the first datagram again. After some repetitions only a request of the peer draws it.
inline void transfer::repeat_unproven() noexcept {
    ++unproven_repeats_;
    if (state_ == state::sending) return window_.repeat(window_.done() + 1);
    ++result_.repeated;
    outbox_.say_again();
}

inline void transfer::expired(time_point now) noexcept {
    now_ = now;
    if (state_ == state::ended || now < deadline_) return;
    if (state_ == state::dallying) return end({}, {}, false);
    if (now - progress_ >= patience()) {
        const auto why = std::make_error_code(std::errc::timed_out);
        // A peer that never answered gets no error, because it may not know the request.
        if (is_unproven()) return end(why, "no answer for too long", false);
        return fail(error::not_defined, why, "no answer for too long");
    }
    if (is_unproven()) {
        ++attempts_;
        timer_.back_off();
        if (unproven_repeats_ < max_unproven_repeats()) {
            repeat_unproven();
            deadline_ = now_ + (state_ == state::sending ? window_.answer_time(now_) : answer_time());
            return;
        }
        unproven_repeats_ = max_unproven_repeats() + 1;
        deadline_ = progress_ + settings_.patience;
        return;
    }
    if (state_ == state::sending) {
        window_.expired(now);
        return wait_for_answer();
    }
    ++attempts_;
    timed_block_ = 0;
    timer_.back_off();  // RFC 6298 §5.5; and so it stays until a round trip is measured (§5.7)
    if (state_ == state::receiving) {
        acknowledge();
        received_.timed_out();
    }
    outbox_.say_again();
    ++result_.repeated;
    wait_for_answer();
}

inline void transfer::abort(error code, std::error_code why, std::string_view message) noexcept {
    if (state_ != state::ended && state_ != state::dallying) fail(code, why, message);
}

inline void transfer::unreachable(const endpoint& where) noexcept {
    if (state_ == state::ended || where != peer_) return;
    if (state_ == state::dallying) return end({}, {}, false);
    outbox_.say_nothing();
    end(std::make_error_code(std::errc::connection_refused), "nobody listens there", false);
}

/// Ends the transfer and tells the peer, once. A peer that has not answered yet gets the error as well, because it may
/// have begun.
inline void transfer::fail(error code, std::error_code why, std::string_view message) noexcept {
    outbox_.tell_error(code, message);
    end(why, message, false);
}
/// Ends the transfer for a failure of our file. If no code of TFTP fits, the peer gets the system's words.
inline void transfer::fail_here(const std::error_code& why, std::string_view message) noexcept {
    const error code = to_error(why);
    fail(code, why, message);
    if (code != error::not_defined) return;
    try {
        outbox_.tell_error(code, std::string{message} + ": " + why.message());
    } catch (const std::bad_alloc&) {  // then without
    }
}
inline void transfer::end(std::error_code why, std::string_view message, bool is_from_peer) noexcept {
    // To std::error_code an error without a number means success.
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

inline bool transfer::begin_sending() noexcept {
    state_ = state::sending;
    if (blocks_.has_begun()) return true;
    std::size_t slots = result_.window_size;
    if (result_.size && mode_ == mode::octet)
        slots = static_cast<std::size_t>(std::min<std::uint64_t>(slots, *result_.size / result_.block_size + 1));
    if (!blocks_.begin(*source_, mode_, slots, result_.block_size, result_.size, settings_.max_bytes)) {
        fail(error::not_defined, std::make_error_code(std::errc::not_enough_memory), "no memory for a window");
        return false;
    }
    window_.begin(slots, result_.window_size, datagram_size(), now_);
    return true;
}

/// Reads the next block of the file. Returns false if that failed; then the transfer has ended.
inline bool transfer::load() noexcept {
    using trouble = detail::block_ring::trouble;
    std::error_code failure;
    const trouble what = blocks_.load(numbers_, failure);
    result_.bytes = blocks_.bytes();
    switch (what) {
        case trouble::none: break;
        case trouble::read_failed: fail_here(failure, "the file cannot be read"); return false;
        case trouble::became_shorter:
            fail(error::not_defined, std::make_error_code(std::errc::io_error), "the file became shorter");
            return false;
        case trouble::too_long: fail_too_long(); return false;
    }
    if (blocks_.last() != 0) window_.ends_with(blocks_.last());
    return true;
}

inline transfer::outgoing transfer::next(std::size_t max_segments, std::size_t max_bytes) noexcept {
    run_end_ = 0;
    if (const outgoing said = next_control(); !said.bytes.empty()) return said;
    if (state_ == state::sending) {
        const outgoing blocks = next_blocks(max_segments, max_bytes);
        if (!blocks.bytes.empty()) return blocks;
        if (const outgoing said = next_control(); !said.bytes.empty()) return said;  // reading has failed
    }
    const auto refusal = outbox_.take_refusal();
    return {outbox_.stranger(), refusal, refusal.size()};
}

inline transfer::outgoing transfer::next_blocks(std::size_t max_segments, std::size_t max_bytes) noexcept {
    const auto run = window_.next(now_);
    const std::uint64_t repeated = window_.repeated();
    const bool is_new = run.first >= window_.next_block();
    const auto size = static_cast<std::size_t>(datagram_size());
    std::uint64_t count = 0;
    std::size_t bytes = 0;
    for (; count < std::min<std::uint64_t>(run.count, max_segments); ++count) {
        const std::uint64_t block = run.first + count;
        if (count > 0 && (bytes + size > max_bytes || blocks_.begins_ring(block))) break;
        if (blocks_.last() != 0 && block > blocks_.last()) break;
        if (block > blocks_.loaded() && !load()) return {};
        bytes += blocks_.size_of(block);
    }
    if (count > 0) window_.sent({run.first, count}, now_);
    result_.repeated += window_.repeated() - repeated;
    if (!is_unproven() || is_new) deadline_ = window_.deadline();
    if (count == 0) return {};
    if (is_new) run_end_ = run.first + count;
    return {peer_, {blocks_.slot(run.first).data(), bytes}, size};
}

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_TRANSFER_HPP
