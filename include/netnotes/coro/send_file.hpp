// netnotes/coro/send_file.hpp: files over the connections of tasks
// SPDX-License-Identifier: MIT
//
// async_stream::send_file() takes the same arguments as socket::send_file(). The task waits whenever the kernel takes
// no more bytes, and the other tasks run:
//
//        task<> answer(async_stream client) {
//            co_await client.send_all("here it is:\r\n");
//            co_await client.send_file("kernel.img");
//        }
//
//        task a  ── sendfile(2): 200 KB ──> the socket is full, wait ──> 300 KB ──> wait ──> ...
//        task b                             runs                          runs
//
// A file has no event that says "the bytes have come from the disk". If the kernel must read them from a slow disk
// first, the loop and all its tasks wait for it. For bytes of a pipe or a terminal use async_descriptor.
//
// On this page:  async_stream::send_file
// Below it:      socket/file.hpp, files and the settings; coro/stream.hpp
// The notes:     gevent版-TCP服务器; tftp下载 (a server of files)

#ifndef NETNOTES_CORO_SEND_FILE_HPP
#define NETNOTES_CORO_SEND_FILE_HPP

#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "../socket/file.hpp"
#include "stream.hpp"
#include "task.hpp"

namespace netnotes {

namespace detail {

/// Sends one part of a file. Returns its size; 0 is the end of the file. Returns -1 if the file must be read instead.
class [[nodiscard]] sending_file_part final : public io_awaiter<sending_file_part, socket_operation> {
  public:
    sending_file_part(io_node& node, file_part& part) noexcept : io_awaiter{node, direction::write}, part_{part} {}
    [[gnu::always_inline]] ~sending_file_part() = default;
    ssize_t await_resume() {
        if (file_part::is_refused(error_)) {
            error_ = 0;
            return -1;
        }
        throw_if_failed("send_file to");
        return size_;
    }
    bool attempt() noexcept override {
        return transmit([this] { return size_ = part_.step(node_.descriptor(), file_part::largest_step); });
    }

  private:
    file_part& part_;
    ssize_t size_ = 0;
};

/// Makes close() send a reset unless the file was sent to its end.
class cut_guard {
  public:
    explicit cut_guard(const async_socket& connection) noexcept : connection_{connection} {}
    cut_guard(const cut_guard&) = delete;
    cut_guard& operator=(const cut_guard&) = delete;
    ~cut_guard() {
        constexpr ::linger reset{1, 0};
        if (is_armed_ && connection_.is_open())
            ::setsockopt(connection_.native_handle(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    void arm(bool does) noexcept { is_armed_ = does; }

  private:
    const async_socket& connection_;
    bool is_armed_ = true;
};

/// Reads the rest of a file and sends it. A coroutine of its own, because few files need its buffer.
inline task<> send_by_reading(async_stream& to, file_part& part, std::string name, progress_callback progress,
                              cut_guard& guard) {
    std::string room(file_part::block, '\0');
    while (!part.is_done()) {
        std::error_code error;
        const std::size_t size = part.read(reinterpret_cast<std::byte*>(room.data()), room.size(), false, error);
        if (error) {
            guard.arm(part.sent() > 0);
            detail::throw_error(error, "send_file ", name);
        }
        if (size == 0) break;
        co_await to.send_all(std::string_view{room}.substr(0, size));
        part.taken(size);
        progress(part.sent());
    }
}

inline task<> send_part(async_stream& to, file_part& part, std::string name, progress_callback progress) {
    cut_guard guard{to};
    while (!part.is_done()) {
        const ssize_t size = co_await sending_file_part{to.node(), part};
        if (size < 0) co_await send_by_reading(to, part, name, progress, guard);
        if (size <= 0) break;
        progress(part.sent());
    }
    guard.arm(false);
}

}  // namespace detail

inline task<std::uint64_t> async_stream::send_file(input_file file, send_file_options options) {
    std::error_code error;
    detail::file_part part{file, options, error};
    if (error) detail::throw_error(error, file.error() ? "open " : "send_file ", file.name());
    co_await detail::send_part(*this, part, file.name(), options.progress);
    co_return part.sent();
}
inline detail::reporting_task<std::uint64_t> async_stream::send_file(input_file file, send_file_options options,
                                                                     std::error_code& error) {
    return {send_file_or_report(std::move(file), options, error), error};
}
inline task<std::uint64_t> async_stream::send_file_or_report(input_file file, send_file_options options,
                                                             std::error_code& error) {
    detail::file_part part{file, options, error};
    if (error) co_return std::uint64_t{0};
    bool is_of_progress = false;  // its exceptions are the caller's
    auto guarded = [&](std::uint64_t sent) {
        is_of_progress = true;
        options.progress(sent);
        is_of_progress = false;
    };
    const progress_callback report{guarded};
    try {
        co_await detail::send_part(*this, part, file.name(), report);
    } catch (const std::system_error& failure) {
        if (is_of_progress) throw;
        error = failure.code();
    } catch (const cancelled&) {
        if (is_of_progress) throw;
        error = std::make_error_code(std::errc::operation_canceled);
    }
    co_return part.sent();
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_SEND_FILE_HPP
