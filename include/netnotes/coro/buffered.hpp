// netnotes/coro/buffered.hpp: lines and frames for tasks, without a system call for each
// SPDX-License-Identifier: MIT
//
// A protocol of lines is written down as it is thought of: read a line, answer it, read the next.
//
//     for (;;) {
//         auto line = co_await client.recv_line();
//         if (!line) break;
//         co_await client.write(answer(*line));
//     }
//
// A client who sends sixteen lines at once would cost sixteen receives and sixteen sends, if each of these calls were a
// system call. Here one receive brings them all, and the answers gather in a buffer that is sent when there is nothing
// more to read, that is, just before we would wait:
//
//        recv_line() ──> "one"      from recv(2), which brought   one | two | three
//        write("1")                                                                        [1]
//        recv_line() ──> "two"      from the buffer
//        write("2")                                                                        [1|2]
//        recv_line() ──> "three"    from the buffer
//        write("3")                                                                        [1|2|3]
//        recv_line() ──> nothing there: send [1|2|3], and only now wait
//
// So nobody waits for an answer that lies in a buffer, and nobody need think of flushing; but before a pause that is not
// a receive (a sleep, another connection) flush() says what is to go out now, and so it does before the end.
//
// On this page:  async_buffered_stream
// The notes:     their receivers take each recv for a message (TCP服务器, gevent版-TCP服务器)

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

/// A connection read by messages and written through a buffer. See buffered_reader for what the reading calls do at the
/// end of the stream, with a message that is too long, and after an error: nothing is lost, call again. Views are valid
/// until the next reading call. For one task, or one that reads and one that writes; the latter has to flush(), for the
/// former may be waiting already. All throw errc::bad_file_descriptor when it is none, or its stream was closed.
class async_buffered_stream {
  public:
    /// None.
    async_buffered_stream() noexcept = default;
    /// Takes the stream. No message may be longer than `limit`; write() waits while more than `high_water` bytes have
    /// gathered. Both buffers grow from 4 KiB, when they are first needed.
    explicit async_buffered_stream(async_stream stream, std::size_t limit = 64 * 1024,
                                   std::size_t high_water = 64 * 1024);
    /// What has gathered and was not flushed is lost, and then the connection ends in a reset.
    async_buffered_stream(async_buffered_stream&&) noexcept;
    async_buffered_stream& operator=(async_buffered_stream&&) noexcept;
    ~async_buffered_stream();

    /// The next line without its "\n" or "\r\n"; none at the end. std::optional<std::string_view>.
    [[nodiscard]] detail::reading<detail::line_message> recv_line();
    /// The next bytes up to and with the delimiter, which must stay where it is until then; none at the end.
    [[nodiscard]] detail::reading<detail::delimited_message> recv_until(std::string_view delimiter);
    /// The next `size` bytes, none at the end.
    [[nodiscard]] detail::reading<detail::sized_message> recv_exact(std::size_t size);

    /// Puts the bytes behind what has gathered. It waits only when that is too much, until all of it is sent.
    [[nodiscard]] detail::writing write(const_buffer bytes);
    /// Sends what has gathered, and waits until the kernel has it.
    [[nodiscard]] detail::writing flush();
    /// Bytes that have gathered.
    [[nodiscard]] std::size_t unsent() const noexcept;
    /// The connection, for its options, its peer, its timeout, shutdown and close.
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

/// Bytes that are to go out: new ones come behind the others, and those that were sent go from the front.
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
        if (all > capacity_ / 2) {  // doubled, so that there is not a copy for each few bytes
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

    /// What the reader reads from: the socket, but what has gathered goes out first.
    struct source {
        std::size_t recv(mutable_buffer room, std::error_code& error) noexcept;
        buffered_state& state;
        buffered_operation* current = nullptr;  ///< on whose behalf
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

    /// Until all is sent. False when it has to wait.
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
    // Another task that already waits until it can send does it for us.
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

/// `Message` says what is read: take() of what is there, receive() of what is still to come.
template <class Message>
class [[nodiscard]] reading final : public io_awaiter<reading<Message>, buffered_operation> {
    using base = io_awaiter<reading<Message>, buffered_operation>;

  public:
    reading(buffered_state& state, Message message)
        : base{state, base::direction::read}, message_{std::move(message)} {}
    [[gnu::always_inline]] ~reading() = default;
    /// What lies in the buffer is taken without ado, so that many small messages cost little; but not for ever.
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
    // Word by word. A std::optional is copied 16 bytes at a time, and to load as one what was stored as two a moment
    // ago makes a processor wait.
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
    /// Who of us both sends has changed: the one who reads may go on to receive, or has to send again.
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
    if (!state.node().is_closed()) [[likely]]  // nothing gathers in a stream that is closed
        state.unsent.append(as_text(bytes));
    return {state, state.high_water};
}
inline detail::writing async_buffered_stream::flush() { return {opened(), 0}; }
inline std::size_t async_buffered_stream::unsent() const noexcept { return state_ ? state_->unsent.size() : 0; }
inline async_stream& async_buffered_stream::stream() {
    if (!state_) throw std::system_error{std::make_error_code(std::errc::bad_file_descriptor), "a closed socket"};
    return state_->stream;
}
/// Every operation on it fails with errc::bad_file_descriptor.
[[gnu::noinline]] inline detail::buffered_state& async_buffered_stream::empty() {
    static thread_local detail::buffered_state none{async_stream{}, 1, 0};
    return none;
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_BUFFERED_HPP
