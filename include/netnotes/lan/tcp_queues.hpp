// netnotes/lan/tcp_queues.hpp: bytes before they are acknowledged, and bytes before they are read
// SPDX-License-Identifier: MIT
//
// TCP sits between two programs that do not wait for each other, so it has a queue at each end. The sender keeps each
// byte until the peer acknowledges it, because the byte may be lost. The receiver keeps each byte until its program
// reads it:
//
//        sender      ├─ acknowledged ─┼─ under way ─┼─ not sent yet ─┤
//                         forgotten   ^ SND.UNA     ^ SND.NXT
//
//        receiver    ├─ read ─┼─ may be read ─┼── gap ──┼─ arrived early ─┤       ^ the window's edge
//                    forgotten                ^ RCV.NXT                  └───────┘
//
// The receiver's window is its promise: bytes before the edge will be kept. A promise is never taken back (RFC 9293
// §3.8.6, SHLD-14). The edge moves on only by a worthwhile step, half the buffer or a whole segment. Without this rule
// a slow reader would announce three bytes, get three, and announce three again: the silly window syndrome
// (§3.8.6.2.2).
//
// On this page:  send_queue · receive_queue
// The notes:     TCP (滑动窗口)

#ifndef NETNOTES_LAN_TCP_QUEUES_HPP
#define NETNOTES_LAN_TCP_QUEUES_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "../packet/pieces.hpp"
#include "../packet/tcp.hpp"

namespace netnotes::lan {

namespace detail {
/// Bytes that are added behind and taken away in front. They lie in a row, so a part is a span.
class byte_queue {
  public:
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() - begin_; }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return std::span{bytes_}.subspan(begin_); }
    void append(std::span<const std::byte> more) { bytes_.insert(bytes_.end(), more.begin(), more.end()); }
    void drop(std::size_t count) noexcept {
        begin_ += std::min(count, size());
        if (begin_ == bytes_.size()) {
            bytes_.clear();
            begin_ = 0;
        } else if (begin_ > bytes_.size() / 2) {  // each byte is moved once at most, on average
            bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
            begin_ = 0;
        }
    }
    void clear() noexcept {
        bytes_.clear();
        begin_ = 0;
    }

  private:
    std::vector<std::byte> bytes_;
    std::size_t begin_ = 0;
};
}  // namespace detail

/// The bytes that a program has sent and the peer has not acknowledged.
class send_queue {
  public:
    explicit send_queue(std::size_t capacity) noexcept : capacity_{capacity} {}

    /// Takes as many bytes as there is room for, and returns their count.
    std::size_t append(std::span<const std::byte> bytes) {
        const std::size_t taken = std::min(bytes.size(), room());
        queue_.append(bytes.first(taken));
        return taken;
    }
    [[nodiscard]] std::size_t room() const noexcept { return capacity_ - std::min(capacity_, queue_.size()); }
    [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(queue_.size()); }
    /// Returns a part of the queue. It is valid until the next append() or acknowledged().
    [[nodiscard]] std::span<const std::byte> part(std::size_t at, std::size_t size) const noexcept {
        return queue_.bytes().subspan(at, size);
    }
    /// Forgets the first bytes, which the peer has.
    void acknowledged(std::size_t bytes) noexcept { queue_.drop(bytes); }
    void clear() noexcept { queue_.clear(); }

  private:
    std::size_t capacity_;
    detail::byte_queue queue_;
};

/// The bytes that have arrived and the program has not read: bytes in order, bytes behind a gap, and the peer's FIN. At
/// most as much as the window has promised is kept, whatever the peer sends.
class receive_queue {
  public:
    /// `capacity` is at most 2^30 bytes. A window moves on by `segment` bytes at least.
    receive_queue(std::size_t capacity, std::uint32_t segment) noexcept
        : capacity_{static_cast<std::uint32_t>(std::min<std::size_t>(capacity, largest))},
          step_{std::max(1u, std::min(capacity_ / 2, segment))} {}

    /// Begins with the peer's first byte, one behind its SYN.
    void begin(packet::sequence first) noexcept {
        next_ = first;
        edge_ = first + capacity_;
    }
    /// Returns RCV.NXT, the number of the next byte in order.
    [[nodiscard]] packet::sequence next() const noexcept { return next_; }
    /// Returns RCV.WND: how many bytes from next() on will be kept.
    [[nodiscard]] std::uint32_t window() const noexcept { return static_cast<std::uint32_t>(edge_ - next_); }
    /// Moves the window's edge as far as there is room, if that is worth a step. Returns the window.
    std::uint32_t open_window() noexcept {
        const packet::sequence possible = next_ + (capacity_ - std::min(capacity_, unread()));
        if (possible - edge_ >= static_cast<std::int32_t>(step_)) edge_ = possible;
        return window();
    }
    /// Makes the promise larger, by less than a unit of the window scale: the announced window was rounded up.
    void promise(std::uint32_t window) noexcept {
        if (edge_.is_before(next_ + window)) edge_ = next_ + window;
    }
    /// Returns true if the peer should learn at once that the program has read: the window was below half the buffer,
    /// and would double.
    [[nodiscard]] bool wants_update() const noexcept {
        if (has_finished_ || window() > capacity_ / 2) return false;
        const std::uint32_t possible = capacity_ - std::min(capacity_, unread());
        return possible >= window() + step_ && possible >= 2 * window();
    }

    /// The result of arrived().
    struct arrival {
        std::uint32_t in_order = 0;  ///< bytes that may now be read
        bool left_gap = false;       ///< bytes are missing before the new bytes, or a gap was filled
        bool has_finished = false;   ///< the FIN is the next in order, and was taken
    };
    /// Takes the bytes of a segment that begin with the number `at`, and returns what they changed. Bytes that were
    /// there before, and bytes outside the window, are dropped. Throws std::bad_alloc.
    arrival arrived(packet::sequence at, std::span<const std::byte> bytes, bool fin) {
        arrival found;
        if (has_finished_) return found;
        if (at.is_before(next_)) {
            const auto old = static_cast<std::uint32_t>(next_ - at);
            bytes = bytes.subspan(std::min<std::size_t>(old, bytes.size()));
            at = next_;
        }
        const auto offset = static_cast<std::uint32_t>(at - next_);
        const std::size_t room = window() - std::min(window(), offset);
        if (bytes.size() > room) {
            bytes = bytes.first(room);
            fin = false;
        }
        if (fin) finish_ = place_ + offset + bytes.size();
        found.left_gap = offset != 0 || !early_.empty();
        const std::uint64_t before = place_;
        if (offset == 0) {
            take(bytes);
            early_.remove_before(place_);
        } else if (early_.cost_of(place_ + offset, bytes.size()) + early_.memory() <=
                   4 * std::uint64_t{capacity_} + 4096) {
            early_.insert(place_ + offset, bytes);  // a flood of one-byte pieces ends at the limit above
        }
        while (!early_.empty() && early_.first() == place_) take(early_.take_first());
        found.in_order = static_cast<std::uint32_t>(place_ - before);
        if (place_ == finish_) {
            next_ += 1;
            found.has_finished = has_finished_ = true;
            early_.clear();
        }
        return found;
    }

    /// Returns the bytes that may be read. They are valid until the next arrived() or consume().
    [[nodiscard]] std::span<const std::byte> readable() const noexcept { return ready_.bytes(); }
    /// Forgets the first bytes, which the program has read.
    void consume(std::size_t count) noexcept { ready_.drop(count); }
    /// Returns true if the peer's FIN has arrived, and everything before it.
    [[nodiscard]] bool has_finished() const noexcept { return has_finished_; }
    /// Returns how many bytes wait behind a gap.
    [[nodiscard]] std::size_t early() const noexcept { return early_.size(); }
    void clear() noexcept {
        ready_.clear();
        early_.clear();
    }

  private:
    static constexpr std::size_t largest = 1u << 30;

    /// The pieces behind a gap, without the parts that a later segment has filled.
    class pieces : public packet::detail::pieces {
      public:
        void remove_before(std::uint64_t place) {
            while (!empty() && first() < place) {
                const std::uint64_t at = first();
                const std::vector<std::byte> piece = take_first();
                if (at + piece.size() <= place) continue;
                insert(place, std::span{piece}.subspan(static_cast<std::size_t>(place - at)));
            }
        }
    };

    [[nodiscard]] std::uint32_t unread() const noexcept { return static_cast<std::uint32_t>(ready_.size()); }
    void take(std::span<const std::byte> bytes) {
        ready_.append(bytes);
        place_ += bytes.size();
        next_ += static_cast<std::uint32_t>(bytes.size());
    }

    std::uint32_t capacity_;
    std::uint32_t step_;
    packet::sequence next_;
    packet::sequence edge_;
    std::uint64_t place_ = 0;  // bytes in order so far: the place of next_ in the stream
    std::uint64_t finish_ = std::numeric_limits<std::uint64_t>::max();
    bool has_finished_ = false;
    detail::byte_queue ready_;
    pieces early_;
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_QUEUES_HPP
