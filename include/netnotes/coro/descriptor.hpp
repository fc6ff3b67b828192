// netnotes/coro/descriptor.hpp: any descriptor, for tasks
// SPDX-License-Identifier: MIT
//
// A task can wait for other descriptors than sockets: a pipe to another program, a terminal, a timerfd, an inotify.
// Then it reads them with the system call that belongs to each:
//
//     async_descriptor input{loop, descriptor};              // `descriptor` is non-blocking, and you close it
//     for (;;) {
//         co_await input.readable();
//         while ((size = ::read(descriptor, ...)) > 0) ...   // until EAGAIN: only *new* bytes are reported again
//     }
//
//        readable() ──> suspend ──> the loop sees new bytes ──> resume: read(2), read(2), ... EAGAIN
//             ^                                                                                 │
//             └─────────────────────────────────────────────────────────────────────────────────┘
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

/// Waits until a descriptor is ready. It does not own the descriptor and does not make it non-blocking. Destroy this
/// object before you close the descriptor, and before the loop ends. Use it only in tasks of its loop. One task may
/// wait to read while another waits to write; a second task in the same direction gets std::logic_error.
class async_descriptor {
  public:
    /// Registers the descriptor with the loop. Throws std::system_error, for example errc::operation_not_permitted for
    /// a regular file, which is always ready.
    async_descriptor(event_loop& loop, int descriptor);
    async_descriptor(async_descriptor&&) noexcept = default;
    async_descriptor& operator=(async_descriptor&&) noexcept = default;

    class waiting;
    /// `co_await d.readable()` suspends until there are bytes to read, or the end, or an error. Then read until EAGAIN,
    /// because the next readable() waits for new bytes. Throws errc::timed_out, and netnotes::cancelled if the task is
    /// cancelled. Throws errc::bad_file_descriptor if the object was moved from.
    [[nodiscard]] waiting readable() noexcept;
    /// `co_await d.writable()` suspends until the descriptor takes bytes, or has an error. Then write until EAGAIN,
    /// because the next writable() may wait for new room. Throws the same errors as readable().
    [[nodiscard]] waiting writable() noexcept;
    /// Limits every later wait to `timeout`: it then fails with errc::timed_out. `never` means no limit. Throws
    /// errc::bad_file_descriptor if the object was moved from.
    void set_timeout(wait_time timeout) {
        if (!node_) throw std::system_error{std::make_error_code(std::errc::bad_file_descriptor), "async_descriptor"};
        node_->set_timeout(timeout);
    }

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
    node_->writable = false;  // the back end reports it if the descriptor is writable
}
inline async_descriptor::waiting async_descriptor::readable() noexcept {
    return {node_ ? *node_ : detail::io_node::closed, waiting::direction::read};
}
inline async_descriptor::waiting async_descriptor::writable() noexcept {
    return {node_ ? *node_ : detail::io_node::closed, waiting::direction::write};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_DESCRIPTOR_HPP
