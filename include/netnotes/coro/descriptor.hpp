// netnotes/coro/descriptor.hpp: any descriptor, for tasks
// SPDX-License-Identifier: MIT
//
// A task can wait for other descriptors than sockets: a pipe to another program, a terminal, a timerfd, an inotify. Then it
// reads them with the system call that belongs to each:
//
//     async_descriptor input{loop, descriptor};              non-blocking, and yours
//     for (;;) {
//         co_await input.readable();
//         while ((size = ::read(descriptor, ...)) > 0) ...   until EAGAIN: only what is *new* is announced again
//     }
//
// On this page:  async_descriptor
// The notes:     select 回显服务器 waits for a keyboard and for sockets at once

#ifndef NETNOTES_CORO_DESCRIPTOR_HPP
#define NETNOTES_CORO_DESCRIPTOR_HPP

#include <system_error>
#include <utility>

#include "loop.hpp"
#include "owner.hpp"

namespace netnotes {

/// Waits for a descriptor of any kind that can be ready or not. The loop registers the descriptor once; it neither owns it
/// nor makes it non-blocking. Destroy this object before you close the descriptor.
class async_descriptor {
  public:
    /// Throws std::system_error: errc::operation_not_permitted for a regular file, which is always ready.
    async_descriptor(event_loop& loop, int descriptor);
    async_descriptor(async_descriptor&&) noexcept = default;
    async_descriptor& operator=(async_descriptor&&) noexcept = default;

    class waiting;
    /// `co_await d.readable()`: until there is something to read, or the end, or an error. Then read until there is no
    /// more (EAGAIN), for the next readable() waits for what is new.
    [[nodiscard]] waiting readable() noexcept;
    [[nodiscard]] waiting writable() noexcept;
    /// Each wait from now on ends after so long, with errc::timed_out. `never` is for ever.
    void set_timeout(wait_time timeout) { node_->set_timeout(timeout); }

  private:
    detail::owner<detail::io_node, detail::io_node::retire> node_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

class [[nodiscard]] async_descriptor::waiting : public detail::io_operation {
  public:
    void await_resume() {
        if (error_ != 0) throw std::system_error{take_failure(), "wait for a descriptor"};
    }

  private:
    friend async_descriptor;
    using detail::io_operation::io_operation;
    bool attempt() noexcept override {
        return std::exchange(direction_ == direction::read ? node_.readable : node_.writable, false);
    }
};

inline async_descriptor::async_descriptor(event_loop& loop, int descriptor)
    : node_{new detail::io_node{loop, descriptor}} {
    node_->writable = false;  // the poller will say so if it is
}
inline async_descriptor::waiting async_descriptor::readable() noexcept { return {node_ ? *node_ : detail::io_node::closed, waiting::direction::read}; }
inline async_descriptor::waiting async_descriptor::writable() noexcept { return {node_ ? *node_ : detail::io_node::closed, waiting::direction::write}; }

}  // namespace netnotes

#endif  // NETNOTES_CORO_DESCRIPTOR_HPP
