// netnotes/coro/io/back_end.hpp: what waits for descriptors, seen from the loop
// SPDX-License-Identifier: MIT
//
// A loop waits for descriptors through this interface and knows nothing of the system call behind it. A back end is one
// file that implements it. The factory in loop_options chooses the back end, so a program contains no code of a back
// end that it does not name.
//
//        event_loop ──────────────> io_back_end          prepare, watch, wait
//        io_node ─────────────────> io_back_end          add, remove, needs
//        io_operation ────────────> io_intake            receive, lend, accept: only if the back end does these itself
//        io_node <───────────────── the back end         readable, writable, awaken()
//
// Two kinds of kernel interface fit. A readiness interface reports that a call would succeed, and the operation then
// makes the call. A completion interface makes the call itself: its back end gives each node an io_intake, which holds
// what the kernel has already received or accepted.
//
// On this page:  io_back_end · io_intake · io_backend_factory
// Above it:      the back ends, each in a file of its own in coro/io

#ifndef NETNOTES_CORO_IO_BACK_END_HPP
#define NETNOTES_CORO_IO_BACK_END_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>

#include "../../socket/buffer.hpp"
#include "../../socket/owner.hpp"
#include "../../socket/time.hpp"

namespace netnotes {

namespace detail {
class scheduler;
class io_node;
class io_back_end;
}  // namespace detail

/// Makes the back end of a loop. Returns an empty owner and sets `refusal` if the kernel does not offer this back end;
/// the loop then uses the default of loop_options. Throws std::system_error if the kernel refuses a descriptor.
using io_backend_factory = detail::owner<detail::io_back_end> (*)(detail::scheduler& loop, std::error_code& refusal);

namespace detail {

/// Returns true if `part` begins inside `whole`. The two need not belong to one object, so addresses are compared as
/// numbers.
inline bool is_inside(std::span<const std::byte> part, std::span<const std::byte> whole) noexcept {
    return reinterpret_cast<std::uintptr_t>(part.data()) - reinterpret_cast<std::uintptr_t>(whole.data()) <
           whole.size();
}

/// Waits for descriptors on behalf of one loop.
class io_back_end {
  public:
    io_back_end(const io_back_end&) = delete;
    io_back_end& operator=(const io_back_end&) = delete;
    virtual ~io_back_end() = default;

    /// Is called by the thread that is about to wait. Throws std::logic_error if this thread may not wait.
    virtual void prepare() {}
    /// Starts to watch the node's descriptor. Throws std::system_error if the system refuses.
    virtual void add(io_node& node) = 0;
    /// Stops watching the node; no operation waits for it any more. Is called before the descriptor is closed. Returns
    /// false while the kernel still uses the node. Then the back end calls io_node::release(loop) when the kernel has
    /// finished.
    virtual bool remove(io_node& node) noexcept = 0;
    /// Tells the back end that an operation now waits for the node, to write or to read. If the back end cannot arrange
    /// that now, it calls scheduler::look_again(), and the operation tries again at the next turn.
    virtual void needs(io_node& node, bool to_write) noexcept = 0;
    /// Watches a descriptor that ends a wait each time it is written to. With `is_stop`, take_stop() then also returns
    /// true. Throws std::system_error if the system refuses.
    virtual void watch(int descriptor, bool is_stop) = 0;
    /// Stops watching the descriptor of a stop.
    virtual void unwatch(int descriptor) noexcept = 0;
    /// Waits for at most `timeout`. Sets `readable` and `writable` of each ready node and calls its awaken(). Returns
    /// true if there was any event. Throws std::system_error if the system refuses to wait.
    virtual bool wait(duration timeout) = 0;

    /// Returns true, once, if a stop was requested since the last call.
    [[nodiscard]] bool take_stop() noexcept { return std::exchange(saw_stop_, false); }
    /// Returns true if the bytes lie in memory that io_intake::lend() lends.
    [[nodiscard]] bool has_lent(std::span<const std::byte> bytes) const noexcept { return is_inside(bytes, lends_); }

  protected:
    io_back_end() noexcept = default;
    bool saw_stop_ = false;
    std::span<const std::byte> lends_;  // memory from which an io_intake lends; empty for a readiness interface
};

/// Holds what a completion back end has received or accepted for a node before any task has asked for it. Each call
/// returns false if there is nothing yet. A failure sets `error` to a value of errno and returns true.
class io_intake {
  public:
    io_intake(const io_intake&) = delete;
    io_intake& operator=(const io_intake&) = delete;

    /// Copies received bytes to `room`. A `size` of 0 is the end of the stream.
    virtual bool receive(mutable_buffer room, std::size_t& size, int& error) noexcept = 0;
    /// Sets `bytes` to received bytes without copying them. They stay valid until the next call of lend() or wait().
    virtual bool lend(std::span<std::byte>& bytes, int& error) noexcept = 0;
    /// Takes an accepted connection, and passes its ownership to the caller.
    virtual bool accept(int& descriptor, int& error) noexcept = 0;
    /// Returns true if something was received, also if a report of it waits to be handled.
    [[nodiscard]] virtual bool has_arrived() const noexcept = 0;

  protected:
    io_intake() noexcept = default;
    ~io_intake() = default;
};

}  // namespace detail
}  // namespace netnotes

#endif  // NETNOTES_CORO_IO_BACK_END_HPP
