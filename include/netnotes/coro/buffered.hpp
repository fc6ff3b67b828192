// netnotes/coro/buffered.hpp: lines and frames for tasks, without a system call for each
// SPDX-License-Identifier: MIT
//
// Many protocols consist of lines: the server reads a line, answers it, and reads the next. The program says just that:
//
//     for (;;) {
//         auto line = co_await client.recv_line();
//         if (!line) break;
//         co_await client.write(answer(*line));
//     }
//
// Assume that a client sends sixteen lines at once. With one system call for each line and each answer, that would be
// sixteen receives and sixteen sends. Here one receive fetches all lines. The answers gather in a buffer, which is sent
// when no line is left to read, that is, just before the task would wait:
//
//        recv_line() ──> "one"      from recv(2), which brought   one | two | three
//        write("1")                                                                        [1]
//        recv_line() ──> "two"      from the buffer
//        write("2")                                                                        [1|2]
//        recv_line() ──> "three"    from the buffer
//        write("3")                                                                        [1|2|3]
//        recv_line() ──> the buffer is empty: send [1|2|3], then wait
//
// So no client waits for an answer that lies in a buffer. Call flush() only where the task pauses without a receive:
// before it sleeps, before it uses another connection, and before it ends.
//
// On this page:  async_buffered_stream
// The notes:     their receivers treat each recv as one message (TCP服务器, gevent版-TCP服务器)

#ifndef NETNOTES_CORO_BUFFERED_HPP
#define NETNOTES_CORO_BUFFERED_HPP

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "../tcp/reader.hpp"
#include "stream.hpp"

namespace netnotes {

namespace detail {
class buffered_state;
template <class Message>
class reading;
struct line_message;
struct delimited_message;
struct sized_message;
class writing;
}  // namespace detail

/// Reads messages from a connection, and writes to it through a buffer. Use it in one task, or in a reading task and a
/// writing task. The writing task must then call flush(), because the reading task may already be waiting.
///
/// The reading calls return std::optional<std::string_view>. The view is valid until the next reading call. They
/// suspend until the message is complete. Before they suspend, they send the gathered bytes. An error or a cancellation
/// loses no byte: call again to continue. The header tcp/reader.hpp lists what happens at the end of the stream and
/// with a message that is too long.
///
/// Awaited calls throw what async_stream's calls throw, for example errc::bad_file_descriptor on a closed stream.
class async_buffered_stream {
  public:
    /// Creates an object without a stream. Every operation on it fails with errc::bad_file_descriptor.
    async_buffered_stream() noexcept = default;
    /// Takes over the stream. A message may have at most `limit` bytes. If more than `high_water` bytes have gathered,
    /// write() sends them. Both buffers are empty at first and grow from 4 KiB.
    explicit async_buffered_stream(async_stream stream, std::size_t limit = 64 * 1024,
                                   std::size_t high_water = 64 * 1024);
    /// Takes over the stream and the buffers of another object, which is then without a stream. Views and waiting calls
    /// stay valid.
    async_buffered_stream(async_buffered_stream&&) noexcept;
    async_buffered_stream& operator=(async_buffered_stream&&) noexcept;
    /// Closes the connection. Gathered bytes that were not flushed are lost, and then the connection ends in a reset.
    /// Assignment does the same to the connection that it replaces.
    ~async_buffered_stream();

    /// Returns the next line without its "\n" or "\r\n", or nullopt at the end of the stream.
    [[nodiscard]] detail::reading<detail::line_message> recv_line();
    /// Returns the next bytes up to and with the delimiter, or nullopt at the end of the stream. The delimiter's text
    /// must stay valid until the call returns its result.
    [[nodiscard]] detail::reading<detail::delimited_message> recv_until(std::string_view delimiter);
    /// Returns the next `size` bytes, or nullopt at the end of the stream.
    [[nodiscard]] detail::reading<detail::sized_message> recv_exact(std::size_t size);

    /// Copies the bytes behind the gathered bytes. The copy is made at the call, but the result must still be awaited.
    /// If more than `high_water` bytes have gathered, it sends all of them and suspends until the kernel has taken
    /// them.
    [[nodiscard]] detail::writing write(const_buffer bytes);
    /// Sends the gathered bytes and suspends until the kernel has taken them.
    [[nodiscard]] detail::writing flush();
    /// Returns the number of bytes that have gathered and are not sent yet.
    [[nodiscard]] std::size_t unsent() const noexcept;
    /// Returns the connection, for its options, peer, timeout, shutdown() and close(). Call flush() before shutdown()
    /// and close(). Throws errc::bad_file_descriptor if there is no stream. Do not receive or send through it directly.
    [[nodiscard]] async_stream& stream();

  private:
    [[nodiscard, gnu::always_inline]] inline detail::buffered_state& opened() const {
        return state_ ? *state_ : empty();
    }
    static detail::buffered_state& empty();
    std::unique_ptr<detail::buffered_state> state_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

class buffered_operation;

/// Queues bytes to send: new bytes are appended at the end, and sent bytes are removed from the front.
class gathered_bytes {
  public:
    [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
    [[nodiscard]] const char* data() const noexcept { return memory_.get() + begin_; }
    void append(std::string_view bytes) {
        if (bytes.size() > capacity_ - end_) [[unlikely]]
            make_room(bytes.size());
        std::copy_n(bytes.data(), bytes.size(), memory_.get() + end_);
        end_ += bytes.size();
    }
    void remove(std::size_t sent) noexcept {
        begin_ += sent;
        if (begin_ == end_) begin_ = end_ = 0;
    }

  private:
    static constexpr std::size_t first_capacity = 4096;
    [[gnu::noinline]] void make_room(std::size_t wanted) {
        const std::size_t all = size() + wanted;
        if (all > capacity_ / 2) {  // doubled, so that copies stay rare
            const std::size_t grown = std::max({first_capacity, 2 * capacity_, all});
            std::unique_ptr<char[]> memory{new char[grown]};
            std::copy_n(data(), size(), memory.get());
            memory_ = std::move(memory);
            capacity_ = grown;
        } else
            std::copy_n(data(), size(), memory_.get());
        end_ = size();
        begin_ = 0;
    }
    std::unique_ptr<char[]> memory_;
    std::size_t begin_ = 0, end_ = 0, capacity_ = 0;
};

class buffered_state {
  public:
    buffered_state(async_stream&& taken, std::size_t limit, std::size_t most)
        : stream{std::move(taken)}, reader{from, limit}, high_water{most} {}
    ~buffered_state() {
        constexpr ::linger reset{1, 0};
        if (unsent.size() > 0 && stream.is_open())
            ::setsockopt(stream.native_handle(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }

    /// The reader's source: it receives from the socket, but sends the gathered bytes first.
    struct source {
        std::size_t recv(mutable_buffer room, std::error_code& error) noexcept;
        buffered_state& state;
        buffered_operation* current = nullptr;  ///< the operation that receives
    };
    [[nodiscard]] io_node& node() const noexcept { return stream.node(); }

    async_stream stream;
    source from{*this};
    buffered_reader<source> reader;
    std::size_t high_water;
    gathered_bytes unsent;
};

class buffered_operation : public socket_operation {
  protected:
    friend buffered_state;
    buffered_operation(buffered_state& state, direction way) : socket_operation{state.node(), way}, state_{state} {}
    [[gnu::always_inline]] ~buffered_operation() = default;

    /// Sends until no byte is left or an error occurs. Returns false if the operation has to wait.
    bool send_gathered() noexcept {
        while (state_.unsent.size() > 0 && error_ == 0) {
            const bool done = transmit([this] {
                const auto taken = ::send(node_.descriptor(), state_.unsent.data(), state_.unsent.size(), MSG_NOSIGNAL);
                if (taken > 0) state_.unsent.remove(static_cast<std::size_t>(taken));
                return taken;
            });
            if (!done) return false;
        }
        return true;
    }

    buffered_state& state_;
};

inline std::size_t buffered_state::source::recv(mutable_buffer room, std::error_code& error) noexcept {
    buffered_operation& operation = *current;
    std::size_t size = 0;
    // If another task already waits to send, that task sends the gathered bytes.
    io_node& node = operation.node_;
    node.let_reader_send(state.unsent.size() > 0 && !node.has_writer() && !operation.send_gathered());
    if (node.reader_sends()) {
        error = std::make_error_code(std::errc::operation_would_block);
        return 0;
    }
    if (operation.error_ == 0 && !operation.receive(room, size)) {
        error = std::make_error_code(std::errc::operation_would_block);
        return 0;
    }
    error = {operation.error_, std::system_category()};
    return size;
}

/// Reads one message. `Message` is its kind: take() takes a message from the buffer, receive() receives the missing
/// bytes.
template <class Message>
class [[nodiscard]] reading final : public io_awaiter<reading<Message>, buffered_operation> {
    using base = io_awaiter<reading<Message>, buffered_operation>;

  public:
    reading(buffered_state& state, Message message)
        : base{state, base::direction::read}, message_{std::move(message)} {}
    [[gnu::always_inline]] ~reading() = default;
    /// Takes a message that is already in the buffer and returns true, so small messages cost little. After about 60
    /// such messages in a row it returns false, and the other tasks run.
    bool await_ready() noexcept {
        return !this->node_.is_closed() && this->node_.loop().take_step() && keep(message_.take(this->state_.reader));
    }
    std::optional<std::string_view> await_resume() {
        if (this->error_ != 0) {
            if (!this->node_.is_closed() && !this->node_.has_reader()) this->node_.let_reader_send(false);
            this->fail(Message::name);
        }
        if (!has_come_) return std::nullopt;
        return std::string_view{data_, size_};
    }
    bool attempt() noexcept override {
        std::error_code error;
        this->state_.from.current = this;
        keep(message_.receive(this->state_.reader, error));
        if (error == std::errc::operation_would_block) return false;
        this->error_ = error.value();
        return true;
    }

  private:
    bool keep(const std::optional<std::string_view>& message) noexcept {
        has_come_ = message.has_value();
        if (has_come_) {
            data_ = message->data();
            size_ = message->size();
        }
        return has_come_;
    }
    Message message_;
    // Three members instead of a std::optional, which the compiler copies 16 bytes at a time. A processor has to wait
    // if it loads 16 bytes at once that were stored as two words just before.
    bool has_come_ = false;
    const char* data_ = nullptr;
    std::size_t size_ = 0;
};
struct line_message {
    static constexpr const char* name = "recv_line from";
    auto take(auto& reader) const noexcept { return reader.take_line(); }
    auto receive(auto& reader, std::error_code& error) const noexcept { return reader.recv_line(error); }
};
struct delimited_message {
    static constexpr const char* name = "recv_until from";
    auto take(auto& reader) const noexcept { return reader.take_until(delimiter); }
    auto receive(auto& reader, std::error_code& error) const noexcept { return reader.recv_until(delimiter, error); }
    std::string_view delimiter;
};
struct sized_message {
    static constexpr const char* name = "recv_exact from";
    auto take(auto& reader) const noexcept { return reader.take_exact(size); }
    auto receive(auto& reader, std::error_code& error) const noexcept { return reader.recv_exact(size, error); }
    std::size_t size;
};

class [[nodiscard]] writing final : public io_awaiter<writing, buffered_operation> {
  public:
    writing(buffered_state& state, std::size_t most) : io_awaiter{state, direction::write}, most_{most} {}
    [[gnu::always_inline]] ~writing() = default;
    bool await_ready() const noexcept {
        return !node_.is_closed() && state_.unsent.size() <= most_ && node_.loop().take_step();
    }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        if (state_.unsent.size() <= most_) return leave_at_once(waiter);
        const bool waits = io_awaiter::await_suspend(waiter);
        if (waits) tell_reader();
        return waits;
    }
    [[gnu::always_inline]] void await_resume() {
        if (error_ != 0 || node_.reader_sends()) [[unlikely]]
            tell_reader();
        throw_if_failed("send to");
    }
    bool attempt() noexcept override { return send_gathered(); }

  private:
    /// Makes a waiting reader try again, because the task that sends has changed. Either this task now sends, and the
    /// reader can receive; or it no longer does, and the reader may have to send first.
    [[gnu::noinline]] void tell_reader() const noexcept {
        if (node_.has_reader() && !node_.is_retired()) node_.loop().look_again(node_);
    }
    std::size_t most_;
};

}  // namespace detail

inline async_buffered_stream::async_buffered_stream(async_stream stream, std::size_t limit, std::size_t high_water)
    : state_{new detail::buffered_state{std::move(stream), limit, high_water}} {}
inline async_buffered_stream::async_buffered_stream(async_buffered_stream&&) noexcept = default;
inline async_buffered_stream& async_buffered_stream::operator=(async_buffered_stream&&) noexcept = default;
inline async_buffered_stream::~async_buffered_stream() = default;

inline detail::reading<detail::line_message> async_buffered_stream::recv_line() { return {opened(), {}}; }
inline detail::reading<detail::delimited_message> async_buffered_stream::recv_until(std::string_view delimiter) {
    return {opened(), {delimiter}};
}
inline detail::reading<detail::sized_message> async_buffered_stream::recv_exact(std::size_t size) {
    return {opened(), {size}};
}
inline detail::writing async_buffered_stream::write(const_buffer bytes) {
    detail::buffered_state& state = opened();
    if (!state.node().is_closed()) [[likely]]  // a closed stream gathers no bytes
        state.unsent.append(as_text(bytes));
    return {state, state.high_water};
}
inline detail::writing async_buffered_stream::flush() { return {opened(), 0}; }
inline std::size_t async_buffered_stream::unsent() const noexcept { return state_ ? state_->unsent.size() : 0; }
inline async_stream& async_buffered_stream::stream() {
    if (!state_) throw std::system_error{std::make_error_code(std::errc::bad_file_descriptor), "a closed socket"};
    return state_->stream;
}
/// Returns a state with a closed stream. Every operation on it fails with errc::bad_file_descriptor.
[[gnu::noinline]] inline detail::buffered_state& async_buffered_stream::empty() {
    static thread_local detail::buffered_state none{async_stream{}, 1, 0};
    return none;
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_BUFFERED_HPP
