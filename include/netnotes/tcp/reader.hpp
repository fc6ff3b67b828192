// netnotes/tcp/reader.hpp: messages out of a stream
// SPDX-License-Identifier: MIT
//
// A receive is not a message. Bytes that were sent in one piece may arrive in many, and many pieces may arrive as one.
// So a receiver must know where a message ends. There are two ways to tell it: a mark behind the message that does not
// occur in it, or its length before it. Either way the receiver keeps the bytes of the next message that have already
// arrived. This reader does that.
//
//        recv ──> "HELO a.exa"                    no end yet: wait for more
//        recv ──> "mple\r\nDATA\r\nFrom: "        two messages and a part of the third
//
//                 [ HELO a.example\r\n | DATA\r\n | From: . . . . . . . . . . ]
//                   recv_line()          next       buffered()    room, up to the limit
//                   views into the buffer, valid until the next call
//
// Bytes that were read ahead are in the reader and no longer in the stream. From the first call on, receive through
// the reader only, and never through a second reader on the same stream. Lines and lengths may be mixed freely.
//
//   recv_until("\r\n\r\n")     up to and with the delimiter, as Python's readuntil
//   recv_line()                a line without its "\n" or "\r\n"; a last line without an end counts
//   recv_exact(size)           exactly `size` bytes
//   recv(buffer)               the bytes that are there; from here on it is a stream again
//
// The cases, and the contents of the buffer in each:
//
//   an orderly end between two messages      no value, no error. So: while (auto line = reader.recv_line())
//   an end in the middle of a message        errc::protocol_error. Nothing is lost: buffered() returns what arrived
//   a message longer than the limit          errc::message_size, for the same messages however they arrive. Nothing
//                                            is taken out, memory is bounded, and the next call fails again.
//                                            Hang up, or call skip_until(delimiter) and continue behind it
//   errc::timed_out, operation_canceled,     nothing is lost: call again to continue. A timeout is for the whole
//   operation_would_block                    message: a peer that sends a byte a second cannot extend it
//
// No byte is searched twice, not even if a peer sends single bytes. The reader copies bytes only if a message does not
// fit behind its own beginning. Then the beginning moves to the front or, if it is long, into a buffer of twice the
// size.
//
// On this page:  byte_source · message_reader · buffered_reader
// The notes:     their receivers take each recv for a message (TCP服务器, 带有QQ聊天); example 12

#ifndef NETNOTES_TCP_READER_HPP
#define NETNOTES_TCP_READER_HPP

#include <concepts>
#include <cstddef>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../ip/algorithm.hpp"
#include "../socket/block.hpp"
#include "../socket/socket.hpp"

namespace netnotes {

/// A source for a buffered_reader; its recv() must not throw. Where it has the waiting calls of a socket, too, its
/// timeout is for whole messages.
template <class Stream>
concept byte_source = requires(Stream& stream, mutable_buffer buffer, std::error_code& error) {
    { stream.recv(buffer, error) } -> std::convertible_to<std::size_t>;
};

/// A reader of messages: buffered_reader, and async_buffered_stream for tasks (coro/buffered.hpp). They have the same
/// calls with the same arguments. The calls that may wait return their result, or an object to co_await for it.
template <class Reader>
concept message_reader = requires(Reader& reader, std::string_view delimiter, std::size_t size, mutable_buffer buffer) {
    reader.recv_until(delimiter);
    reader.recv_line();
    reader.recv_exact(size);
    reader.recv_exact(buffer);
    reader.recv(buffer);
    reader.skip_until(delimiter);
    { reader.take_until(delimiter) } -> std::same_as<std::optional<std::string_view>>;
    { reader.take_line() } -> std::same_as<std::optional<std::string_view>>;
    { reader.take_exact(size) } -> std::same_as<std::optional<std::string_view>>;
    { reader.buffered() } -> std::same_as<std::string_view>;
    { reader.limit() } -> std::same_as<std::size_t>;
    { reader.capacity() } -> std::same_as<std::size_t>;
    reader.shrink_to_fit();
};

/// Takes messages out of a tcp_stream or a connected socket. The reader does not own the stream, which must outlive it.
/// The reader cannot be copied or moved, and the stream must stay in place, too. Every call may wait, as the stream
/// does. Each call has two forms; the form with an error code at its end does not throw.
template <byte_source Stream>
class buffered_reader {
  public:
    /// Creates a reader on `stream`. A message may have at most `limit` bytes, with its delimiter. Memory grows with
    /// the messages from 4 KiB to the limit and never beyond. Nothing is allocated before the first call.
    explicit buffered_reader(Stream& stream, std::size_t limit = 64 * 1024) noexcept : stream_{stream}, limit_{limit} {}
    buffered_reader(const buffered_reader&) = delete;
    buffered_reader& operator=(const buffered_reader&) = delete;

    /// Returns the next bytes up to and with the delimiter, or nullopt at an orderly end. Fails with
    /// errc::invalid_argument if the delimiter is empty.
    std::optional<std::string_view> recv_until(std::string_view delimiter);
    std::optional<std::string_view> recv_until(std::string_view delimiter, std::error_code& error) noexcept;
    /// Returns the next line without its end, "\n" or "\r\n", or nullopt at the end. Bytes behind the last "\n" are a
    /// line as well. To tell such a line from a complete line, call recv_until("\n").
    std::optional<std::string_view> recv_line();
    std::optional<std::string_view> recv_line(std::error_code& error) noexcept;
    /// Returns the next `size` bytes, or nullopt at an orderly end. A size above the limit fails with
    /// errc::message_size before anything is read, so the size may come straight from the peer. Size 0
    /// returns an empty view at once.
    std::optional<std::string_view> recv_exact(std::size_t size);
    std::optional<std::string_view> recv_exact(std::size_t size, std::error_code& error) noexcept;
    /// Fills the caller's buffer, so the limit does not apply. Returns buffer.size(), or 0 at an orderly end. On an
    /// error the second form returns the number of bytes already in the buffer; continue behind them.
    std::size_t recv_exact(mutable_buffer buffer);
    std::size_t recv_exact(mutable_buffer buffer, std::error_code& error) noexcept;
    /// Receives at least one byte and at most buffer.size(), first from the bytes that were read ahead, otherwise from
    /// the stream. Returns their number, or 0 at the end.
    std::size_t recv(mutable_buffer buffer);
    std::size_t recv(mutable_buffer buffer, std::error_code& error) noexcept;

    /// Discards everything up to and with the delimiter, whatever its size. Use it after a message that is too long.
    /// Returns false if the stream ended before the delimiter. After an error, call again to continue.
    bool skip_until(std::string_view delimiter);
    bool skip_until(std::string_view delimiter, std::error_code& error) noexcept;

    /// Work like recv_until(), recv_line() and recv_exact(), but only on bytes that have already been received. They
    /// return nullopt if these do not suffice. They do not read the stream and do not wait.
    std::optional<std::string_view> take_until(std::string_view delimiter) noexcept;
    std::optional<std::string_view> take_line() noexcept;
    std::optional<std::string_view> take_exact(std::size_t size) noexcept;

    /// Returns the bytes that have been received and not yet taken, without reading the stream. They are valid until
    /// the next call.
    [[nodiscard]] std::string_view buffered() const noexcept { return {memory_.get() + begin_, end_ - begin_}; }
    /// Returns the greatest length of a message, with its delimiter, in bytes.
    [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
    /// Returns the size of the reader's memory, in bytes.
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    /// Frees the memory if the reader holds no bytes. Views of the messages before are not valid any more. A server
    /// with many idle clients calls it before it waits.
    void shrink_to_fit() noexcept {
        if (begin_ != end_) return;
        detail::free_block(memory_, capacity_);
        capacity_ = begin_ = end_ = 0;
    }
    /// Returns the stream that the reader was made for.
    [[nodiscard]] Stream& stream() const noexcept { return stream_; }

  private:
    static constexpr std::size_t first_capacity = detail::block_size;
    // Only a stream with a timeout needs a point in time for the whole message. A deadline is such a point already, and
    // with a timeout of zero no receive waits.
    static constexpr bool has_timeout = requires(Stream & stream, mutable_buffer buffer, std::error_code& error) {
        stream.recv(buffer, error, MSG_DONTWAIT);
        stream.wait(POLLIN, time_point{}, error);
        { stream.timeout() } -> std::convertible_to<duration>;
        { stream.is_blocking() } -> std::convertible_to<bool>;
    };
    /// The time that one call of the reader may take, all its receives together.
    class time_limit {
      public:
        explicit time_limit(const Stream& stream) noexcept {
            if constexpr (has_timeout)
                if (const duration time = stream.timeout(); time > duration::zero() && time != never)
                    until = detail::end_of(time);
        }
        time_point until = time_point::max();
        bool used = false;
    };

    // A short line costs less than these two would as calls.
    [[gnu::always_inline]] inline std::errc prepare_search(std::string_view delimiter) noexcept;
    [[gnu::always_inline]] inline std::optional<std::size_t> find(std::string_view delimiter) noexcept;
    std::string_view take(std::size_t size) noexcept {
        const std::string_view taken = buffered().substr(0, size);
        begin_ += size;
        searched_ -= detail::min(searched_, size);
        return taken;
    }
    [[gnu::noinline]] std::optional<std::string_view> search_until(std::string_view delimiter) noexcept;
    std::optional<std::string_view> next(std::string_view delimiter, bool& ended, std::error_code& error) noexcept;
    bool make_room(std::size_t wanted, std::error_code& error) noexcept;
    std::size_t receive(mutable_buffer room, time_limit& time, std::error_code& error) noexcept;
    std::size_t fill(std::size_t wanted, time_limit& time, std::error_code& error) noexcept;
    [[noreturn]] void fail(const std::error_code& error, const char* call, std::size_t filled) const;

    Stream& stream_;
    std::size_t limit_;
    detail::owner<char[]> memory_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0, end_ = 0;  ///< the bytes that have been received and not yet taken
    std::size_t searched_ = 0;         ///< how many bytes at their front hold no part of a delimiter ...
    std::string searched_for_;         ///< ... equal to this text
};

// ========================================================================================================
// How it is done
// ========================================================================================================

/// Forgets the earlier search if the delimiter is another. Most delimiters are a single byte, and then no call is
/// needed.
template <byte_source Stream>
std::errc buffered_reader<Stream>::prepare_search(std::string_view delimiter) noexcept {
    if (delimiter.empty()) return std::errc::invalid_argument;
    if (delimiter.size() == searched_for_.size() && delimiter.front() == searched_for_.front() &&
        (delimiter.size() == 1 || delimiter == searched_for_))
        return {};
    searched_ = 0;
    try {
        searched_for_.clear();
        searched_for_.append(delimiter);  // g++ 12 warns wrongly about assignment here (its bug 105651)
    } catch (...) {                       // the delimiter is long, and there is no memory for it
        return std::errc::not_enough_memory;
    }
    return {};
}

/// Returns where the delimiter begins. Of the bytes searched before, it looks again only at the last ones, because a
/// delimiter that has now arrived may begin there.
template <byte_source Stream>
std::optional<std::size_t> buffered_reader<Stream>::find(std::string_view delimiter) noexcept {
    const char* const there = memory_.get() + begin_;
    const std::size_t size = end_ - begin_;
    if (delimiter.size() == 1) [[likely]] {
        if (searched_ < size)
            if (const void* const at = std::memchr(there + searched_, delimiter.front(), size - searched_))
                return static_cast<std::size_t>(static_cast<const char*>(at) - there);
    } else {
        const std::size_t from = searched_ - detail::min(searched_, delimiter.size() - 1);
        if (const std::size_t at = buffered().find(delimiter, from); at != std::string_view::npos) return at;
    }
    searched_ = size;
    return std::nullopt;
}

/// Short lines come many at once: where nothing was searched before, there is nothing to remember of it either.
template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::take_until(std::string_view delimiter) noexcept {
    if (delimiter.size() == 1 && searched_ == 0 && begin_ != end_) [[likely]] {
        const char* const there = memory_.get() + begin_;
        if (const void* const at = std::memchr(there, delimiter.front(), end_ - begin_)) [[likely]] {
            const auto size = static_cast<std::size_t>(static_cast<const char*>(at) - there) + 1;
            if (size <= limit_) [[likely]] {
                begin_ += size;
                return std::string_view{there, size};
            }
        }
    }
    return search_until(delimiter);
}
template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::search_until(std::string_view delimiter) noexcept {
    if (begin_ == end_ || prepare_search(delimiter) != std::errc{}) return std::nullopt;
    const auto found = find(delimiter);
    if (!found || *found + delimiter.size() > limit_) return std::nullopt;
    return take(*found + delimiter.size());
}
template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::take_line() noexcept {
    auto line = take_until("\n");
    if (line) line->remove_suffix(line->ends_with("\r\n") ? 2 : 1);
    return line;
}
template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::take_exact(std::size_t size) noexcept {
    if (size > limit_ || buffered().size() < size) return std::nullopt;
    return take(size);
}

/// Makes room for `wanted` bytes from begin_ on. `wanted` is more than the bytes received.
template <byte_source Stream>
bool buffered_reader<Stream>::make_room(std::size_t wanted, std::error_code& error) noexcept {
    const std::size_t size = end_ - begin_;
    if (size == 0) begin_ = end_ = 0;
    if (wanted <= capacity_ - begin_) return true;
    if (wanted > capacity_) {
        // Doubled, so that the bytes copied for a long message are in proportion to its length.
        const std::size_t most = detail::max(detail::max(first_capacity, limit_), wanted);
        const std::size_t grown = detail::min(most, detail::max(detail::max(first_capacity, 2 * capacity_), wanted));
        detail::owner<char[]> memory = detail::new_block(grown);
        if (!memory) {
            error = std::make_error_code(std::errc::not_enough_memory);
            return false;
        }
        if (size > 0) std::memcpy(memory.get(), memory_.get() + begin_, size);
        memory_ = std::move(memory);
        capacity_ = grown;
    } else {
        std::memmove(memory_.get(), memory_.get() + begin_, size);
    }
    begin_ = 0;
    end_ = size;
    return true;
}

/// Receives once, within the time that is left of the whole call.
template <byte_source Stream>
std::size_t buffered_reader<Stream>::receive(mutable_buffer room, time_limit& time, std::error_code& error) noexcept {
    if constexpr (has_timeout) {
        if (time.until != time_point::max()) {
            // A peer that always has one more byte must not carry us past the limit without a wait.
            if (std::exchange(time.used, true) && clock::now() >= time.until) {
                error = std::make_error_code(std::errc::timed_out);
                return 0;
            }
            for (;;) {
                const std::size_t size = stream_.recv(room, error, MSG_DONTWAIT);
                if (error != std::errc::operation_would_block || !stream_.is_blocking()) return size;
                stream_.wait(POLLIN, time.until, error);
                if (error) return 0;
            }
        }
    }
    return stream_.recv(room, error);
}

/// Receives once, behind the bytes that are there. Returns 0 at the end of the stream or with an error.
template <byte_source Stream>
std::size_t buffered_reader<Stream>::fill(std::size_t wanted, time_limit& time, std::error_code& error) noexcept {
    if (!make_room(wanted, error)) return 0;
    const std::size_t size = receive(std::span{memory_.get() + end_, capacity_ - end_}, time, error);
    if (error) return 0;
    end_ += size;
    return size;
}

template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::next(std::string_view delimiter, bool& ended,
                                                              std::error_code& error) noexcept {
    ended = false;
    const std::errc failure = prepare_search(delimiter);
    error = std::make_error_code(failure);
    if (error) return std::nullopt;
    delimiter = searched_for_;  // it may be a view into this very buffer, which is now overwritten
    for (time_limit time{stream_};;) {
        const auto found = find(delimiter);
        if (found && *found + delimiter.size() <= limit_) return take(*found + delimiter.size());
        const std::size_t size = buffered().size();
        if (found || size >= limit_) {
            error = std::make_error_code(std::errc::message_size);
            return std::nullopt;
        }
        if (fill(size + 1, time, error) == 0) {
            ended = !error;
            return std::nullopt;
        }
    }
}

template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::recv_until(std::string_view delimiter,
                                                                    std::error_code& error) noexcept {
    bool ended = false;
    const auto message = next(delimiter, ended, error);
    if (ended && !buffered().empty()) error = std::make_error_code(std::errc::protocol_error);
    return message;
}

template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::recv_line(std::error_code& error) noexcept {
    bool ended = false;
    auto line = next("\n", ended, error);
    if (line) line->remove_suffix(line->ends_with("\r\n") ? 2 : 1);
    if (ended && !buffered().empty()) return take(buffered().size());
    return line;
}

template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::recv_exact(std::size_t size, std::error_code& error) noexcept {
    error.clear();
    if (size > limit_) {
        error = std::make_error_code(std::errc::message_size);
        return std::nullopt;
    }
    for (time_limit time{stream_}; buffered().size() < size;) {
        if (fill(size, time, error) == 0) {
            if (!error && !buffered().empty()) error = std::make_error_code(std::errc::protocol_error);
            return std::nullopt;
        }
    }
    return take(size);
}

template <byte_source Stream>
std::size_t buffered_reader<Stream>::recv_exact(mutable_buffer buffer, std::error_code& error) noexcept {
    error.clear();
    std::size_t filled = 0;
    if (!buffer.empty() && !buffered().empty()) filled = recv(buffer, error);
    for (time_limit time{stream_}; filled < buffer.size();) {
        const std::size_t size = receive(buffer.subspan(filled), time, error);
        if (error) break;
        if (size == 0) {
            if (filled > 0) error = std::make_error_code(std::errc::protocol_error);
            break;
        }
        filled += size;
    }
    return filled;
}

template <byte_source Stream>
std::size_t buffered_reader<Stream>::recv(mutable_buffer buffer, std::error_code& error) noexcept {
    error.clear();
    if (buffered().empty()) return stream_.recv(buffer, error);
    const std::string_view taken = take(detail::min(buffer.size(), buffered().size()));
    detail::copy_n(reinterpret_cast<const std::byte*>(taken.data()), taken.size(), buffer.data());
    return taken.size();
}

template <byte_source Stream>
bool buffered_reader<Stream>::skip_until(std::string_view delimiter, std::error_code& error) noexcept {
    const std::errc failure = prepare_search(delimiter);
    error = std::make_error_code(failure);
    if (error) return false;
    delimiter = searched_for_;
    for (time_limit time{stream_};;) {
        if (const auto found = find(delimiter)) {
            take(*found + delimiter.size());
            return true;
        }
        // Discards all but the bytes that may begin a delimiter.
        const std::size_t size = buffered().size();
        take(size - detail::min(size, delimiter.size() - 1));
        if (fill(detail::min(size, delimiter.size() - 1) + 1, time, error) == 0) {
            if (!error) take(buffered().size());
            return false;
        }
    }
}

// ---- the forms that throw

/// "recv_line from 192.0.2.1:80 (17 bytes, then the end of the stream): Protocol error"
template <byte_source Stream>
void buffered_reader<Stream>::fail(const std::error_code& error, const char* call, std::size_t filled) const {
    std::string peer;
    if constexpr (requires { stream_.peer_endpoint().to_string(); }) {
        try {
            peer = detail::joined(" from ", stream_.peer_endpoint().to_string());
        } catch (const std::exception&) {  // the connection is gone, and with it the peer's name; or it never had one
        }
    }
    if (error == std::errc::message_size)
        detail::throw_error(error, call, peer, " (the limit is ", std::to_string(limit_), " bytes)");
    detail::throw_error(error, call, peer, " (", std::to_string(filled), " bytes",
                        error == std::errc::protocol_error ? ", then the end of the stream)" : " so far)");
}

template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::recv_until(std::string_view delimiter) {
    std::error_code error;
    const auto message = recv_until(delimiter, error);
    if (error) fail(error, "recv_until", buffered().size());
    return message;
}
template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::recv_line() {
    std::error_code error;
    const auto line = recv_line(error);
    if (error) fail(error, "recv_line", buffered().size());
    return line;
}
template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::recv_exact(std::size_t size) {
    std::error_code error;
    const auto message = recv_exact(size, error);
    if (error) fail(error, "recv_exact", buffered().size());
    return message;
}
template <byte_source Stream>
std::size_t buffered_reader<Stream>::recv_exact(mutable_buffer buffer) {
    std::error_code error;
    const std::size_t filled = recv_exact(buffer, error);
    if (error) fail(error, "recv_exact", filled);
    return filled;
}
template <byte_source Stream>
std::size_t buffered_reader<Stream>::recv(mutable_buffer buffer) {
    std::error_code error;
    const std::size_t size = recv(buffer, error);
    if (error) fail(error, "recv", size);
    return size;
}
template <byte_source Stream>
bool buffered_reader<Stream>::skip_until(std::string_view delimiter) {
    std::error_code error;
    const bool found = skip_until(delimiter, error);
    if (error) fail(error, "skip_until", buffered().size());
    return found;
}

}  // namespace netnotes

#endif  // NETNOTES_TCP_READER_HPP
