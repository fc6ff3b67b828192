// netnotes/packet/pieces.hpp: bytes that arrive in any order
// SPDX-License-Identifier: MIT
//
// Fragments of a packet and segments of a stream may arrive late, twice, or with a part that arrived before. This page
// keeps what has arrived, as pieces that do not touch the same byte twice:
//
//        held      ├── abc ──┤                ├── ghi ──┤
//        arrives          ├──── cdefgX ───────────┤
//        held      ├── abc ──┼──── def ───────┼── ghi ──┤        the byte X differs from h: the first byte wins
//
// Two receivers may decide differently which of two bytes counts. An attacker uses that: the program that looks for
// attacks reads one text, the victim the other. So a difference is never resolved silently here.
//
// On this page:  pieces (for reassembly.hpp and follow.hpp)
// The notes:     TCP/IP协议(族)

#ifndef NETNOTES_PACKET_PIECES_HPP
#define NETNOTES_PACKET_PIECES_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace netnotes::packet::detail {

/// Bytes with their places, which do not overlap. Allocates a node and a block of memory for each piece.
class pieces {
  public:
    /// How many bytes a piece costs besides its content: the node of the map, the vector, and what malloc() keeps.
    static constexpr std::size_t piece_cost = 112;

    struct insertion {
        std::size_t stored = 0;           ///< bytes that were new
        std::size_t repeated = 0;         ///< bytes that had arrived before, equal or not
        std::size_t different = 0;        ///< bytes that had arrived before and differ
        std::uint64_t difference_at = 0;  ///< place of the first byte that differs
    };

    [[nodiscard]] bool empty() const noexcept { return held_.empty(); }
    /// Returns the place of the first byte. There must be a piece.
    [[nodiscard]] std::uint64_t first() const noexcept { return held_.begin()->first; }
    /// Returns how many bytes are held.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Returns the place behind the last byte, 0 if nothing is held.
    [[nodiscard]] std::uint64_t end() const noexcept {
        return held_.empty() ? 0 : std::prev(held_.end())->first + std::prev(held_.end())->second.size();
    }
    /// Returns how much memory the pieces take, about.
    [[nodiscard]] std::size_t memory() const noexcept { return size_ + held_.size() * piece_cost; }
    /// Returns how much memory at most a piece of that size may add, wherever it lies.
    [[nodiscard]] std::size_t cost_of(std::uint64_t at, std::size_t size) const noexcept {
        std::size_t parts = 1;
        for (auto i = held_.lower_bound(at); i != held_.end() && i->first < at + size; ++i) ++parts;
        return size + parts * piece_cost;
    }

    /// Keeps the bytes whose places are empty.
    insertion insert(std::uint64_t at, std::span<const std::byte> bytes) {
        insertion done;
        auto next = held_.upper_bound(at);
        if (next != held_.begin() && std::prev(next)->first + std::prev(next)->second.size() > at) --next;
        while (!bytes.empty()) {
            if (next == held_.end() || next->first > at) {  // the bytes before the next piece are new
                const std::size_t room =
                    next == held_.end()
                        ? bytes.size()
                        : static_cast<std::size_t>(std::min<std::uint64_t>(next->first - at, bytes.size()));
                held_.emplace_hint(next, at, std::vector<std::byte>(bytes.begin(), bytes.begin() + diff(room)));
                size_ += room;
                done.stored += room;
                at += room;
                bytes = bytes.subspan(room);
                continue;
            }
            const std::size_t from = static_cast<std::size_t>(at - next->first);
            const auto there = std::span<const std::byte>{next->second}.subspan(from);
            compare(done, at, bytes, there);
            const std::size_t common = std::min(bytes.size(), there.size());
            at += common;
            bytes = bytes.subspan(common);
            ++next;
        }
        return done;
    }
    /// Counts the bytes in which a repetition differs from the first copy.
    static void compare(insertion& done, std::uint64_t at, std::span<const std::byte> bytes,
                        std::span<const std::byte> there) noexcept {
        const std::size_t common = std::min(bytes.size(), there.size());
        done.repeated += common;
        for (std::size_t i = 0; i < common; ++i) {
            if (bytes[i] == there[i]) continue;
            if (done.different++ == 0) done.difference_at = at + i;
        }
    }
    /// Counts the bytes that are held already, and how many of them differ. Keeps nothing.
    void compare_with(insertion& done, std::uint64_t at, std::span<const std::byte> bytes) const noexcept {
        auto piece = held_.upper_bound(at);
        if (piece != held_.begin()) --piece;
        for (; piece != held_.end() && piece->first < at + bytes.size(); ++piece) {
            const std::uint64_t from = std::max(piece->first, at);
            if (from >= piece->first + piece->second.size()) continue;
            compare(done, from, bytes.subspan(static_cast<std::size_t>(from - at)),
                    std::span<const std::byte>{piece->second}.subspan(static_cast<std::size_t>(from - piece->first)));
        }
    }
    /// Removes the first piece and returns its bytes. There must be a piece.
    std::vector<std::byte> take_first() noexcept {
        std::vector<std::byte> bytes = std::move(held_.begin()->second);
        held_.erase(held_.begin());
        size_ -= bytes.size();
        return bytes;
    }
    /// Removes the bytes from the place `at` on, and returns how many there were.
    std::size_t cut_at(std::uint64_t at) noexcept {
        const std::size_t before = size_;
        while (end() > at) {
            const auto last = std::prev(held_.end());
            const auto stays = static_cast<std::size_t>(std::max(at, last->first) - last->first);
            size_ -= last->second.size() - stays;
            last->second.resize(stays);
            if (stays == 0) held_.erase(last);
        }
        return before - size_;
    }
    /// Appends the bytes of all pieces, from the first to the last.
    void copy_to(std::vector<std::byte>& all) const {
        all.reserve(all.size() + size_);
        for (const auto& [at, bytes] : held_) all.insert(all.end(), bytes.begin(), bytes.end());
    }
    void clear() noexcept {
        held_.clear();
        size_ = 0;
    }

  private:
    static std::ptrdiff_t diff(std::size_t size) noexcept { return static_cast<std::ptrdiff_t>(size); }
    std::map<std::uint64_t, std::vector<std::byte>> held_;
    std::size_t size_ = 0;
};

}  // namespace netnotes::packet::detail

#endif  // NETNOTES_PACKET_PIECES_HPP
