// netnotes/coro/byte_stream.hpp: a stream of your own, and lines over it
// SPDX-License-Identifier: MIT
//
// A protocol such as HTTP needs only four calls of its connection: recv, send, shutdown and close. So it can run over
// anything that has them: a socket, a connection that TLS encrypts, or a stream in memory for a test. The concept
// async_byte_stream names these four calls:
//
//     class encrypted {
//       public:
//         encrypted(async_stream below) : below_{std::move(below)} {}          not explicit, so serve() can make it
//         task<std::size_t> recv(mutable_buffer buffer);                       at least one byte; 0 at the end
//         task<std::size_t> send(const_buffer bytes);                          at least one byte
//         void shutdown(shutdown_direction direction) { below_.shutdown(direction); }
//         void close() noexcept { below_.close(); }
//     };
//     task<> talk(encrypted client) {                                          a handler for serve()
//         basic_async_buffered_stream lines{std::move(client)};
//         auto line = co_await lines.recv_line(); ...
//     }
//     loop.run(serve(where, talk));
//
// Lines of a keyboard or of a pipe need only an object from which tasks can read, such as an async_descriptor:
//
//     basic_async_buffered_stream keyboard{async_descriptor{STDIN_FILENO}};
//     while (auto line = co_await keyboard.recv_line()) ...
//
//        your protocol ──> basic_async_buffered_stream<encrypted> ──> encrypted ──> async_stream ──> kernel
//
// On this page:  async_byte_stream · basic_async_buffered_stream
// Beside it:     coro/buffered.hpp, the same calls for sockets, with less memory and fewer copies

#ifndef NETNOTES_CORO_BYTE_STREAM_HPP
#define NETNOTES_CORO_BYTE_STREAM_HPP

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "../ip/algorithm.hpp"
#include "../socket/owner.hpp"
#include "../socket/socket.hpp"
#include "../tcp/reader.hpp"
#include "buffered.hpp"
#include "gathered.hpp"
#include "pump.hpp"
#include "task.hpp"
#include "timeout.hpp"

namespace netnotes {

/// A stream that tasks can use. `co_await stream.recv(buffer)` returns at least one byte, or 0 at the end of the
/// stream. `co_await stream.send(bytes)` returns how many bytes it has sent, at least one. shutdown() and close() do
/// not wait. A cancelled recv() or send() must lose no byte. async_stream is such a stream.
template <class Stream>
concept async_byte_stream = requires(Stream& stream, mutable_buffer buffer, const_buffer bytes) {
    { std::declval<detail::await_result<decltype(stream.recv(buffer))>>() } -> std::convertible_to<std::size_t>;
    { std::declval<detail::await_result<decltype(stream.send(bytes))>>() } -> std::convertible_to<std::size_t>;
    stream.shutdown(shutdown_direction::send);
    stream.close();
};

/// Reads messages from any async_byte_stream, and writes to it through a buffer: the same calls as
/// async_buffered_stream, with the same results and errors, but tasks. Only try_send() is missing, because a stream of
/// this kind has no send() that does not wait. Use it in one task, or in a reading task and a writing task, which must
/// then call flush().
///
/// An object without send(), such as an async_descriptor, can be read in the same way, and has no write() and flush().
///
/// While it waits it holds a buffer of 4 KiB, because recv() of an unknown stream needs one.
template <async_byte_source Stream>
class basic_async_buffered_stream {
    static constexpr bool sends = detail::sends_some<Stream>;

  public:
    /// Takes over the stream. A message may have at most `limit` bytes. If more than `high_water` bytes have gathered,
    /// write() sends them.
    explicit basic_async_buffered_stream(Stream stream, std::size_t limit = 64 * 1024,
                                         std::size_t high_water = 64 * 1024)
        : state_{new state{std::move(stream), limit, high_water}} {}
    /// Takes over the stream and the buffers of another object, which must not be used afterwards. Waiting tasks stay
    /// valid.
    basic_async_buffered_stream(basic_async_buffered_stream&&) noexcept = default;
    basic_async_buffered_stream& operator=(basic_async_buffered_stream&& other) noexcept {
        basic_async_buffered_stream taken{std::move(other)};
        std::swap(state_, taken.state_);
        return *this;
    }
    /// Closes the stream, or destroys an object without close(). A task that is waiting on it fails as after
    /// stream().close(). Assignment does the same to the stream that it replaces.
    ~basic_async_buffered_stream() {
        if (!state_.is_shared()) return;  // otherwise a task still owns the state
        if constexpr (requires { state_->stream.close(); })
            state_->stream.close();
        else
            static_cast<void>(Stream{std::move(state_->stream)});
    }

    /// Work like the calls of async_buffered_stream with the same names. Each returns a task. `error` must stay valid
    /// until the task ends.
    [[nodiscard]] task<std::optional<std::string_view>> recv_line() { return read<message>(state_, line_call); }
    [[nodiscard]] detail::reporting_task<std::optional<std::string_view>> recv_line(std::error_code& error) {
        return {report<message>(state_, line_call, error), error};
    }
    [[nodiscard]] task<std::optional<std::string_view>> recv_until(std::string_view delimiter) {
        return read<message>(state_, until_call(delimiter));
    }
    [[nodiscard]] detail::reporting_task<std::optional<std::string_view>> recv_until(std::string_view delimiter,
                                                                                     std::error_code& error) {
        return {report<message>(state_, until_call(delimiter), error), error};
    }
    [[nodiscard]] task<std::optional<std::string_view>> recv_exact(std::size_t size) {
        return read<message>(state_, exact_call(size));
    }
    [[nodiscard]] detail::reporting_task<std::optional<std::string_view>> recv_exact(std::size_t size,
                                                                                     std::error_code& error) {
        return {report<message>(state_, exact_call(size), error), error};
    }
    [[nodiscard]] task<std::size_t> recv_exact(mutable_buffer buffer) { return fill_from_0(state_, buffer); }
    [[nodiscard]] task<std::size_t> recv_exact(mutable_buffer buffer, std::size_t& filled) {
        return read<std::size_t>(state_, filling_call(buffer, filled));
    }
    [[nodiscard]] detail::reporting_task<std::size_t> recv_exact(mutable_buffer buffer, std::error_code& error) {
        return {report_filled(state_, buffer, error), error};
    }
    [[nodiscard]] task<std::size_t> recv(mutable_buffer buffer) {
        return read<std::size_t>(state_, receiving_call(buffer));
    }
    [[nodiscard]] detail::reporting_task<std::size_t> recv(mutable_buffer buffer, std::error_code& error) {
        return {report<std::size_t>(state_, receiving_call(buffer), error), error};
    }
    [[nodiscard]] task<bool> skip_until(std::string_view delimiter) {
        return read<bool>(state_, skipping_call(delimiter));
    }
    [[nodiscard]] detail::reporting_task<bool> skip_until(std::string_view delimiter, std::error_code& error) {
        return {report<bool>(state_, skipping_call(delimiter), error), error};
    }
    /// Return what the calls of async_buffered_stream with the same names return. They do not wait.
    std::optional<std::string_view> take_until(std::string_view delimiter) noexcept {
        return state_->reader.take_until(delimiter);
    }
    std::optional<std::string_view> take_line() noexcept { return state_->reader.take_line(); }
    std::optional<std::string_view> take_exact(std::size_t size) noexcept { return state_->reader.take_exact(size); }
    /// Returns the bytes that are in the reader. Bytes that were received and not looked at yet do not count.
    [[nodiscard]] std::string_view buffered() const noexcept { return state_->reader.buffered(); }
    [[nodiscard]] std::size_t limit() const noexcept { return state_->reader.limit(); }
    [[nodiscard]] std::size_t capacity() const noexcept { return state_->reader.capacity(); }
    void shrink_to_fit() noexcept { state_->reader.shrink_to_fit(); }

    /// Copies the bytes behind the gathered bytes, at the call. The task sends them if there are more than
    /// `high_water`.
    [[nodiscard]] task<> write(const_buffer bytes) requires sends {
        state_->unsent.append(as_text(bytes));
        return send_above(state_, state_->high_water);
    }
    /// Sends the gathered bytes. If another task is sending already, that task sends these bytes, too, and flush() does
    /// not wait for it. Gathered bytes that were not flushed are lost when the object is destroyed.
    [[nodiscard]] task<> flush() requires sends { return send_above(state_, 0); }
    /// Returns the number of bytes that have gathered and are not sent yet.
    [[nodiscard]] std::size_t unsent() const noexcept { return state_->unsent.size() + state_->in_flight.size(); }
    /// Returns the stream, for shutdown(), close() and calls of its own. Do not receive or send through it directly.
    [[nodiscard]] Stream& stream() noexcept { return state_->stream; }

  private:
    /// Holds the bytes of one receive, for the reader to take.
    struct source {
        std::size_t recv(mutable_buffer room, std::error_code& error) noexcept {
            if (begin == end && !has_ended) error = std::make_error_code(std::errc::operation_would_block);
            const std::size_t size = detail::min(room.size(), end - begin);
            detail::copy_n(bytes.get() + begin, size, room.data());
            begin += size;
            return size;
        }
        detail::owner<std::byte[]> bytes;
        std::size_t begin = 0, end = 0;
        bool has_ended = false;
    };
    using reader = buffered_reader<source>;
    struct state {
        state(Stream&& taken, std::size_t limit, std::size_t most)
            : stream{std::move(taken)}, reader{from, limit}, high_water{most} {}
        Stream stream;
        source from;
        basic_async_buffered_stream::reader reader;
        std::size_t high_water;
        detail::gathered_bytes unsent;
        detail::gathered_bytes in_flight;  // stays in place while send() waits, although a task may write more
        bool is_sending = false;
        std::size_t holders = 0;
    };
    /// One of several owners of the state. All of them belong to one loop, so the count needs no atomic.
    class holder {
      public:
        explicit holder(state* held) noexcept : held_{held} { ++held_->holders; }
        holder(const holder& other) noexcept : held_{other.held_} {
            if (held_) ++held_->holders;
        }
        holder(holder&& other) noexcept : held_{std::exchange(other.held_, nullptr)} {}
        holder& operator=(holder other) noexcept {
            std::swap(held_, other.held_);
            return *this;
        }
        ~holder() {
            if (held_ && --held_->holders == 0) delete held_;
        }
        state& operator*() const noexcept { return *held_; }
        state* operator->() const noexcept { return held_; }
        [[nodiscard]] bool is_shared() const noexcept { return held_ && held_->holders > 1; }

      private:
        state* held_;
    };

    // The calls of the reader, for the form that throws and for the form that reports.
    using message = std::optional<std::string_view>;
    static message line_call(reader& from, std::error_code& error) { return from.recv_line(error); }
    static auto until_call(std::string_view delimiter) {
        return [delimiter](reader& from, std::error_code& error) { return from.recv_until(delimiter, error); };
    }
    static auto exact_call(std::size_t size) {
        return [size](reader& from, std::error_code& error) { return from.recv_exact(size, error); };
    }
    static auto filling_call(mutable_buffer buffer, std::size_t& filled) {
        return [buffer, &filled](reader& from, std::error_code& error) {
            if (filled >= buffer.size()) return filled;
            filled += from.recv_exact(buffer.subspan(filled), error);
            if (!error && filled > 0 && filled < buffer.size())
                error = std::make_error_code(std::errc::protocol_error);
            return filled;
        };
    }
    static auto receiving_call(mutable_buffer buffer) {
        return [buffer](reader& from, std::error_code& error) { return buffer.empty() ? 0 : from.recv(buffer, error); };
    }
    static auto skipping_call(std::string_view delimiter) {
        return [delimiter](reader& from, std::error_code& error) { return from.skip_until(delimiter, error); };
    }

    template <class T, class Call>
    static task<T> report(holder of, Call call, std::error_code& error) {
        error.clear();
        try {
            co_return co_await read<T>(of, call);
        } catch (const std::system_error& failure) {
            error = failure.code();
        }
        co_return T{};
    }
    static task<std::size_t> fill_from_0(holder of, mutable_buffer buffer) {
        std::size_t filled = 0;
        co_return co_await read<std::size_t>(of, filling_call(buffer, filled));
    }
    static task<std::size_t> report_filled(holder of, mutable_buffer buffer, std::error_code& error) {
        error.clear();
        std::size_t filled = 0;
        try {
            co_await read<std::size_t>(of, filling_call(buffer, filled));
        } catch (const std::system_error& failure) {
            error = failure.code();
        } catch (const cancelled&) {
            error = std::make_error_code(std::errc::operation_canceled);
        }
        co_return filled;
    }
    template <class T, class Call>
    static task<T> read(holder of, Call call) {
        constexpr std::size_t room = 4096;
        for (;;) {
            std::error_code error;
            T result = call(of->reader, error);
            if (!error) co_return result;
            if (error != std::errc::operation_would_block) detail::throw_error(error, "read from a stream");
            if constexpr (sends) co_await send_above(of, 0);
            of->reader.shrink_to_fit();
            if (!of->from.bytes) of->from.bytes = detail::owner<std::byte[]>{new std::byte[room]};
            of->from.begin = of->from.end = 0;
            const std::span<std::byte> all{of->from.bytes.get(), room};
            of->from.end = co_await detail::take_some(of->stream, all);
            of->from.has_ended = of->from.end == 0;
        }
    }
    static task<> send_above(holder of, std::size_t most) {
        if (of->is_sending || of->unsent.size() + of->in_flight.size() <= most) co_return;
        const struct sending {
            explicit sending(state& all) noexcept : of{all} { of.is_sending = true; }
            sending(const sending&) = delete;
            sending& operator=(const sending&) = delete;
            ~sending() { of.is_sending = false; }
            state& of;
        } now{*of};
        for (;;) {
            if (of->in_flight.size() == 0) std::swap(of->in_flight, of->unsent);
            if (of->in_flight.size() == 0) co_return;
            const std::string_view bytes{of->in_flight.data(), of->in_flight.size()};
            const std::size_t sent = co_await of->stream.send(bytes);
            of->in_flight.remove(sent);
        }
    }

    holder state_;  // shared with the tasks that use it
};

}  // namespace netnotes

#endif  // NETNOTES_CORO_BYTE_STREAM_HPP
