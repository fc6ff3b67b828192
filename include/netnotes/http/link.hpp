// netnotes/http/link.hpp: a connection, and the bytes of it that came too early
// SPDX-License-Identifier: MIT
//
// TCP delivers bytes, not messages. So a receive may bring a part of a head, or a head with the beginning of its body,
// or three requests at once. A link keeps the bytes of the next message:
//
//        received     GET /a ...\r\n\r\n GET /b ...\r\n\r\n GET /c HTT
//                     └── used ─────────┘ └── unused() ───────────────┘    receive() adds more behind
//
// The memory is freed when all bytes are used, so an idle connection holds none.
//
// On this page:  for authors of servers and clients: detail::peer_link, detail::cut_link_guard
// Below it:      coro/byte_stream.hpp
// Above it:      http/exchange.hpp (a server's connection), http/client.hpp

#ifndef NETNOTES_HTTP_LINK_HPP
#define NETNOTES_HTTP_LINK_HPP

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../coro/byte_stream.hpp"
#include "../coro/send_file.hpp"
#include "../coro/stream.hpp"
#include "../coro/task.hpp"
#include "../coro/timeout.hpp"
#include "message.hpp"

namespace netnotes::http::detail {

template <class Stream>
concept has_lent_recv = requires(Stream& stream) {
    {
        std::declval<netnotes::detail::await_result<decltype(stream.recv())>>()
        } -> std::convertible_to<std::span<std::byte>>;
};

/// A stream, the received bytes that were not used yet, and the limit of each wait.
template <class Stream>
class peer_link {
  public:
    explicit peer_link(Stream&& taken) : stream{std::move(taken)} {}

    /// Limits each of the next waits.
    void limit(duration time) {
        not_acknowledged_ = unknown;
        if constexpr (requires { stream.set_timeout(time); })
            stream.set_timeout(time);
        else
            limit_ = time;
    }
    /// Receives more bytes behind the kept ones, at most `room`. Returns false at the end of the stream.
    task<bool> receive(std::size_t room) {
        drop_used();
        const std::size_t old = kept_.size();
        kept_.resize(old + room);
        const mutable_buffer place{std::span{kept_}.subspan(old)};
        std::size_t size = 0;
        try {
            if constexpr (requires { stream.set_timeout(limit_); })
                size = co_await stream.recv(place);
            else
                size = co_await with_timeout(limit_, stream.recv(place));
        } catch (...) {
            kept_.resize(old);
            throw;
        }
        kept_.resize(old + size);
        co_return size > 0;
    }
    /// What a slow peer means. The kernel of Linux has room again when a third of the connection's send buffer is free,
    /// and that buffer may hold 4 MiB. So a wait for room may be long, although the peer takes bytes all the time.
    enum class slow_peer : bool {
        fails,          ///< no wait for room lasts longer than the limit
        is_waited_for,  ///< after each limit, such a wait goes on if the peer has acknowledged bytes meanwhile
    };
    // Says what comes behind the bytes. If more bytes follow, the kernel may keep these and send all together.
    enum class follows : bool { nothing, more };
    /// Sends all bytes, and removes them from the front of `bytes` as they are sent. With `limit_of_sending` each wait
    /// has this limit, even if another task that receives sets its own with limit() meanwhile.
    task<> send(std::string_view& bytes, slow_peer how = slow_peer::fails, follows then = follows::nothing,
                std::optional<duration> limit_of_sending = {}) {
        while (!bytes.empty()) {
            if (limit_of_sending) limit(*limit_of_sending);
            std::size_t size = 0;
            try {
                if constexpr (std::is_same_v<Stream, async_stream>) {
                    const int flags = then == follows::more ? MSG_MORE : 0;
                    netnotes::detail::sending part{stream.node(), bytes, flags};
                    size = co_await part;
                } else if constexpr (requires { stream.set_timeout(limit_); })
                    size = co_await stream.send(bytes);
                else
                    size = co_await with_timeout(limit_, stream.send(bytes));
                not_acknowledged_ = unknown;  // the kernel holds new bytes
            } catch (const std::system_error& error) {
                if (how == slow_peer::fails || !is_only_slow(error)) throw;
            }
            bytes.remove_prefix(size);
        }
    }
    /// Sends a part of a file, and waits for a slow peer. Returns false if the kernel cannot send this file, so that it
    /// must be read; then nothing was sent. Throws std::runtime_error if the file has become shorter.
    task<bool> send_file(body_source::file_bytes file) {
        std::error_code error;
        const input_file input{file.descriptor};
        netnotes::detail::file_part part{input, {file.first, file.count}, error};
        if (error) throw std::system_error{error};
        while (!part.is_done()) {
            ssize_t size = 1;
            try {
                size = co_await netnotes::detail::sending_file_part{stream.node(), part};
                not_acknowledged_ = unknown;
            } catch (const std::system_error& failure) {
                if (!is_only_slow(failure)) throw;
            }
            if (size < 0 && part.sent() == 0) co_return false;
            if (size <= 0) break;
        }
        if (part.sent() < file.count) throw std::runtime_error{"a file has become shorter while it was sent"};
        co_return true;
    }
    /// Returns the kept bytes that were not used.
    [[nodiscard]] std::string_view unused() const noexcept { return std::string_view{kept_}.substr(begin_); }
    /// Marks bytes as used. They stay in their place until the next receive() or drop_used().
    void use(std::size_t size) noexcept { begin_ += size; }
    void keep(std::string_view bytes) {
        drop_used();
        kept_ += bytes;
    }
    /// Removes the used bytes, and frees the memory if no byte is left.
    void drop_used() {
        if (begin_ < kept_.size())
            kept_.erase(0, begin_);
        else
            std::string{}.swap(kept_);
        begin_ = 0;
    }
    [[nodiscard]] socket_address peer() const noexcept {
        if constexpr (requires { stream.peer_endpoint(); }) {
            try {
                return stream.peer_endpoint();
            } catch (const std::system_error&) {  // the client has left
            }
        }
        return {};
    }
    /// Stops sending, and discards what the client still sends, for two seconds at most: see the first page.
    task<> linger() {
        constexpr duration most_time = std::chrono::seconds{2};
        constexpr std::size_t room = 16 * 1024;
        try {
            stream.shutdown(shutdown_direction::send);
            const auto end = netnotes::detail::later(event_loop::current().now(), most_time);
            for (;;) {
                const duration left = end - event_loop::current().now();
                if (left <= duration::zero()) break;
                limit(left);
                kept_.clear();
                begin_ = 0;
                const bool is_more = co_await receive(room);
                if (!is_more) break;
            }
        } catch (const std::system_error&) {  // the client has left, or two seconds have passed
        }
    }
    /// Makes the end of the connection a reset, because an answer is cut.
    void abort() noexcept {
        if constexpr (requires { stream.set_option(option::linger{std::chrono::seconds{0}}); }) {
            try {
                stream.set_option(option::linger{std::chrono::seconds{0}});
            } catch (const std::system_error&) {  // it has failed already
            }
        }
        stream.close();
    }
    /// Returns true if a send has failed because of the limit, but the peer has acknowledged bytes since the last call.
    /// The first call after limit() always returns true then. False for a stream whose bytes cannot be counted.
    [[nodiscard]] bool is_only_slow(const std::system_error& error) noexcept {
        if constexpr (requires { stream.native_handle(); }) {
            int left = 0;
            if (error.code() == std::errc::timed_out && ::ioctl(stream.native_handle(), SIOCOUTQ, &left) == 0)
                return left < std::exchange(not_acknowledged_, left);
        }
        return false;
    }

    Stream stream;

  private:
    static constexpr int unknown = std::numeric_limits<int>::max();

    std::string kept_;
    std::size_t begin_ = 0;
    duration limit_ = never;
    int not_acknowledged_ = unknown;  // bytes that the peer had not acknowledged when a wait had ended
};

/// Makes the end of a connection a reset, unless it was disarmed.
template <class Stream>
class cut_link_guard {
  public:
    explicit cut_link_guard(peer_link<Stream>& link) noexcept : link_{&link} {}
    cut_link_guard(const cut_link_guard&) = delete;
    cut_link_guard& operator=(const cut_link_guard&) = delete;
    ~cut_link_guard() {
        if (link_) link_->abort();
    }
    void disarm() noexcept { link_ = nullptr; }

  private:
    peer_link<Stream>* link_;
};

}  // namespace netnotes::http::detail

#endif  // NETNOTES_HTTP_LINK_HPP
