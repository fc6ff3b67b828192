// netnotes/coro/descriptor.hpp: any descriptor, for tasks
// SPDX-License-Identifier: MIT
//
// A task can wait for other descriptors than sockets: the keyboard, a pipe to another program, a timerfd, an inotify.
// Bytes come and go with two calls. They also work if the shell has put a file in the keyboard's place:
//
//     async_descriptor keyboard{STDIN_FILENO};
//     for (std::array<char, 4096> room;;) {
//         const std::size_t size = co_await keyboard.read(room);
//         if (size == 0) break;                                              // Ctrl-D, or the end of the file
//         co_await server.send_all(std::span{room}.first(size));
//     }
//
// The first page of coro/byte_stream.hpp reads lines from it. Another system call needs a loop of its own, and a
// non-blocking descriptor:
//
//     for (;;) {
//         co_await events.readable();
//         while ((size = ::recvmsg(descriptor, ...)) > 0) ...   // until EAGAIN: only *new* bytes are reported again
//     }
//
//        readable() ──> suspend ──> the loop sees new bytes ──> resume: recvmsg(2), recvmsg(2), ... EAGAIN
//             ^                                                                                       │
//             └───────────────────────────────────────────────────────────────────────────────────────┘
//
// On this page:  async_descriptor
// The notes:     select 回显服务器 waits for a keyboard and for sockets at once

#ifndef NETNOTES_CORO_DESCRIPTOR_HPP
#define NETNOTES_CORO_DESCRIPTOR_HPP

#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <system_error>
#include <utility>

#include "../ip/algorithm.hpp"
#include "../socket/buffer.hpp"
#include "../socket/owner.hpp"
#include "loop.hpp"

namespace netnotes {

/// Waits until a descriptor is ready. It does not own the descriptor and does not make it non-blocking. Destroy this
/// object before you close the descriptor, and before the loop ends. Use it only in tasks of its loop. One task may
/// wait to read while another waits to write; a second task in the same direction gets std::logic_error.
///
/// A regular file is always ready, so the kernel reports no event for it. The object then takes one descriptor more, and
/// each wait ends at once.
class async_descriptor {
  public:
    /// Registers the descriptor with the loop. Without `loop` it uses the loop that runs in this thread
    /// (std::logic_error if no loop runs). Throws std::system_error, for example errc::bad_file_descriptor.
    explicit async_descriptor(int descriptor) : async_descriptor{event_loop::current(), descriptor} {}
    async_descriptor(event_loop& loop, int descriptor);
    async_descriptor(async_descriptor&&) noexcept = default;
    async_descriptor& operator=(async_descriptor&&) noexcept = default;

    class waiting;
    class reading;
    class writing;
    /// `co_await d.read(buffer)` reads at least one byte and at most buffer.size(), and returns the number. Returns 0 at
    /// the end: Ctrl-D at a keyboard, the end of a file, or a pipe whose writers have closed it. An empty buffer also
    /// returns 0. Suspends until bytes arrive; the buffer must stay valid until then.
    ///
    /// The descriptor need not be non-blocking, because each read(2) follows a poll(2). So a program can leave standard
    /// input as other programs expect it. If another program reads from the same terminal or pipe, its read may take
    /// the bytes in between; then this call blocks the loop unless the descriptor is non-blocking. Throws the errors of
    /// read(2) and of readable().
    [[nodiscard]] reading read(mutable_buffer buffer) noexcept;
    /// `co_await d.write_all(bytes)` writes all bytes, and suspends while the descriptor takes no more. The bytes must
    /// stay valid until then. It writes at most PIPE_BUF bytes in a call, so a pipe need not be non-blocking. Throws the
    /// errors of write(2) and of writable(). A pipe without a reader raises SIGPIPE, which ends a program that does not
    /// ignore it (signal(7)); then the error is errc::broken_pipe.
    [[nodiscard]] writing write_all(const_buffer bytes) noexcept;

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
        if (!node_) detail::throw_error(std::make_error_code(std::errc::bad_file_descriptor), "async_descriptor");
        node_->set_timeout(timeout);
    }

  private:
    [[nodiscard]] detail::io_node& node() const noexcept { return node_ ? *node_ : detail::io_node::closed; }
    detail::owner<detail::io_node, detail::io_node::retire> node_;
    int descriptor_;
    bool is_always_ready_ = false;  // the loop cannot wait for the descriptor, and node_ stands for an eventfd
};

// ========================================================================================================
// How it is done
// ========================================================================================================

class [[nodiscard]] async_descriptor::waiting : public detail::io_operation {
  public:
    void await_resume() {
        if (error_ != 0) detail::throw_error(take_failure(), "wait for a descriptor");
    }

  private:
    friend async_descriptor;
    waiting(const async_descriptor& of, direction way) noexcept
        : detail::io_operation{of.node(), way}, is_always_ready_{of.is_always_ready_} {}
    bool attempt() noexcept override {
        return std::exchange(direction_ == direction::read ? node_.readable : node_.writable, false) ||
               is_always_ready_;
    }
    bool is_always_ready_;
};

class [[nodiscard]] async_descriptor::reading final : public detail::io_awaiter<reading> {
  public:
    std::size_t await_resume() {
        if (error_ != 0) detail::throw_error(take_failure(), "read from a descriptor");
        return size_;
    }
    bool attempt() noexcept override {
        if (room_.empty()) return true;
        while (node_.readable || is_always_ready_) {
            pollfd asked{descriptor_, POLLIN, 0};
            const ssize_t got = ::poll(&asked, 1, 0) == 0 ? -1 : ::read(descriptor_, room_.data(), room_.size());
            if (got >= 0) return size_ = static_cast<std::size_t>(got), true;
            if (asked.revents == 0 || detail::would_block(errno)) return node_.readable = false;
            if (errno == EINTR) continue;
            error_ = errno;
            return true;
        }
        return false;
    }

  private:
    friend async_descriptor;
    reading(const async_descriptor& of, mutable_buffer room) noexcept
        : io_awaiter{of.node(), direction::read},
          room_{room},
          descriptor_{of.descriptor_},
          is_always_ready_{of.is_always_ready_} {}
    mutable_buffer room_;
    std::size_t size_ = 0;
    int descriptor_;
    bool is_always_ready_;
};

class [[nodiscard]] async_descriptor::writing final : public detail::io_awaiter<writing> {
  public:
    void await_resume() {
        if (error_ != 0) detail::throw_error(take_failure(), "write to a descriptor");
    }
    bool attempt() noexcept override {
        while (!rest_.empty()) {
            if (!node_.writable && !is_always_ready_) return false;
            pollfd asked{descriptor_, POLLOUT, 0};
            const std::size_t size = detail::min<std::size_t>(rest_.size(), PIPE_BUF);
            const ssize_t took = ::poll(&asked, 1, 0) == 0 ? -1 : ::write(descriptor_, rest_.data(), size);
            if (took >= 0) {
                rest_ = rest_.subspan(static_cast<std::size_t>(took));
            } else if (asked.revents == 0 || detail::would_block(errno)) {
                node_.writable = false;
            } else if (errno != EINTR) {
                error_ = errno;
                break;
            }
        }
        return true;
    }

  private:
    friend async_descriptor;
    writing(const async_descriptor& of, const_buffer bytes) noexcept
        : io_awaiter{of.node(), direction::write},
          rest_{std::as_bytes(std::span{bytes.data(), bytes.size()})},
          descriptor_{of.descriptor_},
          is_always_ready_{of.is_always_ready_} {}
    std::span<const std::byte> rest_;
    int descriptor_;
    bool is_always_ready_;
};

inline async_descriptor::async_descriptor(event_loop& loop, int descriptor) : descriptor_{descriptor} {
    using detail::io_node;
    try {
        node_.reset(new io_node{loop, descriptor});
        node_->writable = false;  // the back end reports it if the descriptor is writable
    } catch (const std::system_error& refused) {
        if (refused.code() != std::errc::operation_not_permitted) throw;
        is_always_ready_ = true;
    }
    if (!is_always_ready_) return;
    const int substitute = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (substitute < 0) detail::throw_error(detail::last_error(), "eventfd");
    try {
        node_.reset(new io_node{loop, substitute, io_node::kind::any, io_node::ends_with::close});
    } catch (...) {
        ::close(substitute);
        throw;
    }
}
inline async_descriptor::reading async_descriptor::read(mutable_buffer buffer) noexcept { return {*this, buffer}; }
inline async_descriptor::writing async_descriptor::write_all(const_buffer bytes) noexcept { return {*this, bytes}; }
inline async_descriptor::waiting async_descriptor::readable() noexcept { return {*this, waiting::direction::read}; }
inline async_descriptor::waiting async_descriptor::writable() noexcept { return {*this, waiting::direction::write}; }

}  // namespace netnotes

#endif  // NETNOTES_CORO_DESCRIPTOR_HPP
