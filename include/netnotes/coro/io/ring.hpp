// netnotes/coro/io/ring.hpp: two rings of memory, shared with the kernel
// SPDX-License-Identifier: MIT
//
// io_uring(7) consists of two rings in memory that the program and the kernel share. The program writes requests into
// one ring, and the kernel writes their results into the other. One system call hands over many requests:
//
//        program ── requests ──> [ submission ring ] ──> kernel
//        program <── results ─── [ completion ring ] <── kernel
//
// The kernel receives into buffers of a pool, so an idle connection needs no buffer. These classes know nothing of
// tasks or of the loop; io_uring.hpp uses them.
//
// On this page:  io_uring (the two rings) · receive_pool (the buffers)
// Above it:      coro/io/io_uring.hpp

#ifndef NETNOTES_CORO_IO_RING_HPP
#define NETNOTES_CORO_IO_RING_HPP

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <system_error>

#include "../../ip/algorithm.hpp"
#include "../../socket/address.hpp"
#include "../../socket/buffer.hpp"
#include "../../socket/time.hpp"

#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#endif

#if defined(IORING_RECV_MULTISHOT) && \
    defined(IORING_SETUP_DEFER_TASKRUN)  // the system's header is of Linux 6.1 or newer
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace netnotes::detail {

/// Owns memory that the system has mapped with mmap(2).
class mapping {
  public:
    mapping() noexcept = default;
    /// Maps `size` bytes of the descriptor from `offset` on, shared with the kernel. Without a descriptor the memory is
    /// private and zeroed. Throws std::system_error.
    explicit mapping(std::size_t size, int descriptor = -1, std::uint64_t offset = 0)
        : data_{::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE, descriptor,
                       static_cast<off_t>(offset))},
          size_{size} {
        if (data_ == MAP_FAILED) detail::throw_error(detail::last_error(), "mmap");
    }
    mapping(const mapping&) = delete;
    mapping& operator=(const mapping&) = delete;
    mapping& operator=(mapping&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~mapping() {
        if (size_ > 0) ::munmap(data_, size_);
    }
    [[nodiscard]] std::byte* data() const noexcept { return static_cast<std::byte*>(data_); }
    /// Returns a pointer to the T that lies `offset` bytes from the beginning.
    template <class T>
    [[nodiscard]] T* at(std::size_t offset) const noexcept {
        return reinterpret_cast<T*>(data() + offset);
    }

  private:
    void* data_ = nullptr;
    std::size_t size_ = 0;
};

/// The two rings, and the three system calls behind them. Each ring has a head and a tail, two numbers that only grow.
/// The writer moves the tail, and the reader moves the head. The entries between them are in the ring.
class io_uring {
  public:
    /// Makes rings for this number of requests and completions, each a power of two. They are disabled until enable().
    /// Throws std::system_error.
    io_uring(std::uint32_t requests, std::uint32_t completions);
    io_uring(const io_uring&) = delete;
    io_uring& operator=(const io_uring&) = delete;
    ~io_uring() { ::close(descriptor_); }

    /// Enables the rings. From now on only the calling thread may call enter(). Throws std::system_error.
    void enable() {
        if (call_register(IORING_REGISTER_ENABLE_RINGS, nullptr, 0) != 0)
            detail::throw_error(detail::last_error(), "io_uring_register");
    }
    /// Calls io_uring_register(2). Returns its result; -1 means a failure, and errno says why.
    int call_register(unsigned operation, void* argument, unsigned count) const noexcept {
        return static_cast<int>(::syscall(__NR_io_uring_register, descriptor_, operation, argument, count));
    }

    /// Returns a request to fill in, all bytes zero. Returns nullptr if the ring is full.
    [[nodiscard]] io_uring_sqe* next_request() noexcept;
    /// Turns requests with this name that were not handed over yet into requests that do nothing and have name 0.
    /// Returns true if there were any.
    bool withdraw(std::uint64_t name) noexcept;
    /// Hands over the filled requests, and waits for a completion for at most `timeout`. Returns 0 or a value of errno.
    /// ETIME (no completion in time) and EINTR are harmless.
    int enter(duration timeout) noexcept;

    /// Returns true if a completion with this name waits to be handled.
    [[nodiscard]] bool has_completion(std::uint64_t name) const noexcept {
        const std::uint32_t end = __atomic_load_n(completion_tail_, __ATOMIC_ACQUIRE);
        for (std::uint32_t at = *completion_head_; at != end; ++at)
            if (completions_[at & completion_mask_].user_data == name) return true;
        return false;
    }
    /// Calls `handle(completion)` for each completion that was in the ring at the call. Returns true if there were any.
    template <class Handle>
    bool for_each_completion(Handle handle) {
        const std::uint32_t end = __atomic_load_n(completion_tail_, __ATOMIC_ACQUIRE);
        std::uint32_t head = *completion_head_;
        const bool any = head != end;
        while (head != end) {
            const io_uring_cqe completion = completions_[head & completion_mask_];
            __atomic_store_n(completion_head_, ++head, __ATOMIC_RELEASE);
            handle(completion);
        }
        return any;
    }

  private:
    int descriptor_;
    mapping rings_, requests_memory_;
    io_uring_sqe* requests_ = nullptr;
    const io_uring_cqe* completions_ = nullptr;
    std::uint32_t request_mask_ = 0, completion_mask_ = 0;
    std::uint32_t tail_ = 0;  // of the requests; enter() shows it to the kernel
    std::uint32_t *request_head_ = nullptr, *request_tail_ = nullptr;
    std::uint32_t *completion_head_ = nullptr, *completion_tail_ = nullptr;
};

/// The buffers into which the kernel receives. It uses them in the order in which they were given back.
class receive_pool {
  public:
    static constexpr std::uint16_t count = 1024;      // number of buffers
    static constexpr std::uint32_t size = 16 * 1024;  // bytes in each; a page that was never written needs no memory
    static constexpr std::uint16_t group = 0;
    static constexpr std::uint16_t none = 0xffff;  // the id of no buffer

    /// Registers the pool with the ring. Throws std::system_error.
    explicit receive_pool(io_uring& ring);
    /// Returns the memory of all buffers.
    [[nodiscard]] std::span<std::byte> all() const noexcept { return {memory_.data(), std::size_t{count} * size}; }
    /// Returns the memory of one buffer.
    [[nodiscard]] std::byte* data(std::uint16_t id) const noexcept { return memory_.data() + std::size_t{id} * size; }
    /// Gives a buffer back to the kernel.
    void give_back(std::uint16_t id) noexcept;

    /// Describes a buffer that the kernel has filled.
    struct filled {
        std::uint32_t length;
        std::uint16_t next;  // the next filled buffer of the same connection
    };
    std::array<filled, count> received{};

  private:
    mapping memory_, ring_memory_;
    io_uring_buf* buffers_;
    std::uint16_t tail_ = 0;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline io_uring::io_uring(std::uint32_t requests, std::uint32_t completions) {
    io_uring_params parameters{};
    // DEFER_TASKRUN: the kernel works on completions only inside enter(), so it does not interrupt the program.
    // R_DISABLED: the thread that makes a loop need not be the thread that runs it.
    parameters.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
                       IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED;
    parameters.cq_entries = completions;
    descriptor_ = static_cast<int>(::syscall(__NR_io_uring_setup, requests, &parameters));
    if (descriptor_ < 0) detail::throw_error(detail::last_error(), "io_uring_setup");
    try {
        const io_sqring_offsets& in = parameters.sq_off;
        const io_cqring_offsets& out = parameters.cq_off;
        const std::size_t size = detail::max<std::size_t>(in.array + parameters.sq_entries * sizeof(std::uint32_t),
                                                       out.cqes + parameters.cq_entries * sizeof(io_uring_cqe));
        rings_ = mapping{size, descriptor_, IORING_OFF_SQ_RING};
        requests_memory_ = mapping{parameters.sq_entries * sizeof(io_uring_sqe), descriptor_, IORING_OFF_SQES};
        requests_ = requests_memory_.at<io_uring_sqe>(0);
        completions_ = rings_.at<io_uring_cqe>(out.cqes);
        request_head_ = rings_.at<std::uint32_t>(in.head);
        request_tail_ = rings_.at<std::uint32_t>(in.tail);
        completion_head_ = rings_.at<std::uint32_t>(out.head);
        completion_tail_ = rings_.at<std::uint32_t>(out.tail);
        request_mask_ = parameters.sq_entries - 1;
        completion_mask_ = parameters.cq_entries - 1;
        // The ring holds indices of requests, so requests could be handed over in another order. We need only this
        // order.
        std::uint32_t* const order = rings_.at<std::uint32_t>(in.array);
        for (std::uint32_t i = 0; i < parameters.sq_entries; ++i) order[i] = i;
    } catch (...) {
        ::close(descriptor_);
        throw;
    }
}

inline io_uring_sqe* io_uring::next_request() noexcept {
    if (tail_ - __atomic_load_n(request_head_, __ATOMIC_ACQUIRE) > request_mask_) return nullptr;
    io_uring_sqe& request = requests_[tail_++ & request_mask_];
    std::memset(&request, 0, sizeof request);
    return &request;
}

inline bool io_uring::withdraw(std::uint64_t name) noexcept {
    bool found = false;
    for (std::uint32_t i = __atomic_load_n(request_head_, __ATOMIC_ACQUIRE); i != tail_; ++i) {
        io_uring_sqe& request = requests_[i & request_mask_];
        if (request.user_data != name) continue;
        std::memset(&request, 0, sizeof request);  // IORING_OP_NOP
        found = true;
    }
    return found;
}

inline int io_uring::enter(duration timeout) noexcept {
    __atomic_store_n(request_tail_, tail_, __ATOMIC_RELEASE);
    const std::uint32_t count = tail_ - __atomic_load_n(request_head_, __ATOMIC_ACQUIRE);
    const unsigned at_least = timeout > duration::zero() ? 1 : 0;
    __kernel_timespec time{};
    io_uring_getevents_arg limit{};
    if (at_least > 0 && timeout != never) {
        time.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(timeout).count();
        time.tv_nsec = (timeout % std::chrono::seconds{1}).count();
        limit.ts = reinterpret_cast<std::uintptr_t>(&time);
    }
    const auto done = ::syscall(__NR_io_uring_enter, descriptor_, count, at_least,
                                IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &limit, sizeof limit);
    return done < 0 ? errno : 0;
}

inline receive_pool::receive_pool(io_uring& ring)
    : memory_{std::size_t{count} * size},
      ring_memory_{count * sizeof(io_uring_buf)},
      buffers_{ring_memory_.at<io_uring_buf>(0)} {
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffers_);
    registration.ring_entries = count;
    registration.bgid = group;
    if (ring.call_register(IORING_REGISTER_PBUF_RING, &registration, 1) != 0)
        detail::throw_error(detail::last_error(), "io_uring_register");
    for (std::uint16_t id = 0; id < count; ++id) give_back(id);
}
inline void receive_pool::give_back(std::uint16_t id) noexcept {
    io_uring_buf& place = buffers_[tail_++ & (count - 1)];
    place.addr = reinterpret_cast<std::uintptr_t>(data(id));
    place.len = size;
    place.bid = id;
    // The kernel's tail lies in an unused field of the first entry.
    __atomic_store_n(&buffers_[0].resv, tail_, __ATOMIC_RELEASE);
}

}  // namespace netnotes::detail

#endif

#endif  // NETNOTES_CORO_IO_RING_HPP
