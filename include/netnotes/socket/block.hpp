// netnotes/socket/block.hpp: the blocks of buffers that are filled and emptied again and again
// SPDX-License-Identifier: MIT
//
// A connection that waits has no buffer, so ten thousand idle connections need little memory. Its next message needs a
// buffer again. If free() gets the last blocks of the heap, malloc() returns them to the kernel with brk(2), and soon
// fetches them again. So each thread keeps a few blocks:
//
//     a message arrives        new_block()     a kept block, or a new one
//     the buffer is empty      free_block()    keeps the block, or deletes it if enough are kept
//
// On this page:  (what readers and queues use: block_size, new_block, free_block)

#ifndef NETNOTES_SOCKET_BLOCK_HPP
#define NETNOTES_SOCKET_BLOCK_HPP

#include <cstddef>
#include <new>

#include "owner.hpp"

namespace netnotes::detail {

/// Whether freed memory may be kept for the next use. AddressSanitizer must see each block and frame freed. MinGW frees
/// the memory of thread_local objects before it calls their destructors, so it keeps nothing either.
inline constexpr bool keeps_freed_memory =
#if defined(__SANITIZE_ADDRESS__) || defined(__MINGW32__)
    false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    false;
#else
    true;
#endif
#else
    true;
#endif

/// How many bytes a buffer has at first. Only blocks of this size are kept.
inline constexpr std::size_t block_size = 4096;

class block_store {
  public:
    char* take() noexcept { return count_ == 0 ? nullptr : kept_[--count_]; }
    /// Keeps a block, and returns true. Returns false if it is the caller's still: enough are kept, or the thread ends.
    bool keep(char* block) noexcept {
        if (!keeps_freed_memory || count_ == max_count || (!open_ && !opens())) return false;
        kept_[count_++] = block;
        return true;
    }

  private:
    // A connection needs one block to receive and one to send, and a loop works for one connection at a time.
    static constexpr std::size_t max_count = 4;

    bool opens() noexcept;

    // No constructor and no destructor, so that access to the thread_local object needs no check whether it was made.
    char* kept_[max_count];
    std::size_t count_;
    bool open_;
    bool closed_;
};
inline constinit thread_local block_store blocks{};

/// Opens the store with the first block that a thread gives back. The end of the thread empties it. Blocks that other
/// thread_local objects give back after that are not kept.
inline bool block_store::opens() noexcept {
    struct closing {
        ~closing() {
            blocks.open_ = false;
            blocks.closed_ = true;
            while (char* const block = blocks.take()) delete[] block;
        }
    };
    if (closed_) return false;
    static thread_local closing at_the_end;
    static_cast<void>(at_the_end);
    return open_ = true;
}

/// Returns `size` bytes, or an empty owner if there is no memory.
inline owner<char[]> new_block(std::size_t size) noexcept {
    char* const kept = size == block_size ? blocks.take() : nullptr;
    return owner<char[]>{kept ? kept : new (std::nothrow) char[size]};
}
/// Frees `size` bytes. The owner is empty afterwards.
inline void free_block(owner<char[]>& memory, std::size_t size) noexcept {
    if (size == block_size && blocks.keep(memory.get()))
        static_cast<void>(memory.release());
    else
        memory.reset();
}

}  // namespace netnotes::detail

#endif  // NETNOTES_SOCKET_BLOCK_HPP
