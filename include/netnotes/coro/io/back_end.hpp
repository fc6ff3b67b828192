// netnotes/coro/io/back_end.hpp: the part of a loop that waits for descriptors
// SPDX-License-Identifier: MIT
//
// On this page:  io_back_end · ring_side · io_backend_factory

#ifndef NETNOTES_CORO_IO_BACK_END_HPP
#define NETNOTES_CORO_IO_BACK_END_HPP

#include <cstddef>
#include <memory>
#include <span>
#include <system_error>

#include "../../socket/buffer.hpp"

namespace netnotes {

namespace detail {
class scheduler;
class io_node;
class io_back_end;
}  // namespace detail

/// Makes the back end of a loop, the part that waits for descriptors. What is above it cannot tell which one it is, but by
/// the clock. Returns nullptr where the kernel refuses, and says why; then the loop uses epoll. The loop is handed a
/// function, so a program has no code of a back end that it does not name. There are two: io_backend::epoll (of
/// coro/io/operation.hpp) and io_backend::io_uring (of coro/io/io_uring.hpp).
using io_backend_factory = std::unique_ptr<detail::io_back_end> (*)(detail::scheduler& loop, std::error_code& refusal);

namespace detail {

/// Waits for descriptors, for a loop.
class io_back_end {
  public:
    io_back_end(const io_back_end&) = delete;
    io_back_end& operator=(const io_back_end&) = delete;
    virtual ~io_back_end() = default;

    /// The thread that calls this is about to wait. Throws std::logic_error when it may not.
    virtual void prepare() {}
    /// From here on `wait` hears of it. Throws std::system_error when the system refuses.
    virtual void add(io_node& node) = 0;
    /// No more, and nobody waits for it any longer. False when the system still has the node in hand: then the back end
    /// destroys it, later. Before the descriptor is closed.
    virtual bool remove(io_node& node) noexcept = 0;
    /// An operation waits for it now, in this direction.
    virtual void needs(io_node& node, bool to_write) noexcept = 0;
    /// A descriptor that ends a wait each time it is written to. Of the stop `saw_stop` tells.
    virtual void watch(int descriptor, bool is_stop) = 0;
    virtual void unwatch(int descriptor) noexcept = 0;
    /// Waits at most so long, and lets those go on who have waited for what has come. False when nothing has.
    virtual bool wait(duration timeout) = 0;

    bool saw_stop = false;
    std::span<const std::byte> lends;  ///< from where it lends bytes, where that is not the scheduler's buffer

  protected:
    io_back_end() noexcept = default;
};

/// What io_uring has received or accepted for a node before anybody has asked for it: see coro/io/io_uring.hpp. In each call
/// `error` is of errno, and the answer is false when there is nothing.
class ring_side {
  public:
    ring_side(const ring_side&) = delete;
    ring_side& operator=(const ring_side&) = delete;

    /// `size` of 0 is the end of the stream.
    virtual bool receive(mutable_buffer room, std::size_t& size, int& error) noexcept = 0;
    /// The same, where it lies. It stays there until the next is lent.
    virtual bool lend(std::span<std::byte>& bytes, int& error) noexcept = 0;
    virtual bool accept(int& descriptor, int& error) noexcept = 0;

  protected:
    ring_side() noexcept = default;
    ~ring_side() = default;
};

}  // namespace detail
}  // namespace netnotes

#endif  // NETNOTES_CORO_IO_BACK_END_HPP
