// netnotes/coro/gathered.hpp: bytes that are gathered before they are sent
// SPDX-License-Identifier: MIT
//
// A server that sends each short answer by itself pays for a system call with each. So a stream gathers its answers, and
// sends them together:
//
//     write("a"), write("b")       [a b . . . .]     appended at the end; the memory doubles when it is full
//     the kernel took one byte     [  b . . . .]     removed from the front
//     the kernel took the rest     no memory         a silent connection needs none
//
// On this page:  (what buffered.hpp and byte_stream.hpp use: gathered_bytes)

#ifndef NETNOTES_CORO_GATHERED_HPP
#define NETNOTES_CORO_GATHERED_HPP

#include <cstddef>
#include <new>
#include <string_view>
#include <utility>

#include "../ip/algorithm.hpp"
#include "../socket/block.hpp"

namespace netnotes::detail {

/// Queues bytes to send: new bytes are appended at the end, and sent bytes are removed from the front.
class gathered_bytes {
  public:
    [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
    [[nodiscard]] const char* data() const noexcept { return memory_.get() + begin_; }
    void append(std::string_view bytes) {
        if (bytes.size() > capacity_ - end_) [[unlikely]]
            make_room(bytes.size());
        detail::copy_n(bytes.data(), bytes.size(), memory_.get() + end_);
        end_ += bytes.size();
    }
    /// Removes sent bytes, and frees the memory if no byte is left.
    void remove(std::size_t sent) noexcept {
        begin_ += sent;
        if (begin_ != end_) return;
        free_block(memory_, capacity_);
        begin_ = end_ = capacity_ = 0;
    }

  private:
    [[gnu::noinline]] void make_room(std::size_t wanted) {
        const std::size_t all = size() + wanted;
        if (all > capacity_ / 2) {  // doubled, so that copies stay rare
            const std::size_t grown = detail::max(detail::max(block_size, 2 * capacity_), all);
            detail::owner<char[]> memory = new_block(grown);
            if (!memory) throw std::bad_alloc{};
            detail::copy_n(data(), size(), memory.get());
            memory_ = std::move(memory);
            capacity_ = grown;
        } else
            detail::copy_n(data(), size(), memory_.get());
        end_ = size();
        begin_ = 0;
    }
    detail::owner<char[]> memory_;
    std::size_t begin_ = 0, end_ = 0, capacity_ = 0;
};

}  // namespace netnotes::detail

#endif  // NETNOTES_CORO_GATHERED_HPP
