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
// To send to many clients, call try_send(), which never waits. It refuses bytes for a client that does not read:
//
//     for (async_buffered_stream* each : everybody)
//         if (!each->try_send(line)) each->stream().close();       too slow: its task ends with an error
//
// So no client waits for an answer that lies in a buffer. Call flush() only where the task pauses without a receive:
// before it sleeps, before it uses another connection, and before it ends.
//
// A silent client costs no buffer: a reading call frees the buffers before it waits, if they are empty.
//
// On this page:  async_buffered_stream
// Beside it:     tcp/reader.hpp (buffered_reader), which has the same reading calls without tasks
// The notes:     their receivers treat each recv as one message (TCP服务器, gevent版-TCP服务器)

#ifndef NETNOTES_CORO_BUFFERED_HPP
#define NETNOTES_CORO_BUFFERED_HPP

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "../ip/algorithm.hpp"
#include "../socket/owner.hpp"
#include "../tcp/reader.hpp"
#include "gathered.hpp"
#include "stream.hpp"

namespace netnotes {

namespace detail {
class buffered_state;
template <class Message>
class reading;
struct line_message;
struct delimited_message;
struct sized_message;
template <class Call>
class reading_value;
struct filling_call;
struct receiving_call;
struct skipping_call;
class writing;
template <class Message>
using message_report = reporting<reading<Message>>;  // the forms with an error
template <class Call>
using value_report = reporting<reading_value<Call>>;
}  // namespace detail

/// Reads messages from a connection, and writes to it through a buffer. Use it in one task, or in a reading task and a
/// writing task. The writing task must then call flush(), because the reading task may already be waiting.
///
/// It has the reading calls of buffered_reader. A call that returns a message returns std::optional<std::string_view>.
/// The view is valid until the next reading call. They suspend until the message is complete. Before they suspend, they
/// send the gathered bytes, and free empty buffers. An error or a cancellation loses no byte: call again to continue.
/// The header tcp/reader.hpp lists what happens at the end of the stream and with a message that is too long.
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
    /// Assignment does the same to the connection that it replaces, and stream().close() to its own.
    ~async_buffered_stream();

    /// Returns the next line without its "\n" or "\r\n", or nullopt at the end of the stream.
    [[nodiscard]] detail::reading<detail::line_message> recv_line();
    /// Does the same, but reports an error instead of throwing it, and then returns nullopt. So do the other forms with
    /// an error. They still throw a cancellation. `error` must stay valid until the call returns its result.
    [[nodiscard]] detail::message_report<detail::line_message> recv_line(std::error_code& error);
    /// Returns the next bytes up to and with the delimiter, or nullopt at the end of the stream. The delimiter's text
    /// must stay valid until the call returns its result.
    [[nodiscard]] detail::reading<detail::delimited_message> recv_until(std::string_view delimiter);
    [[nodiscard]] detail::message_report<detail::delimited_message> recv_until(std::string_view delimiter,
                                                                               std::error_code& error);
    /// Returns the next `size` bytes, or nullopt at the end of the stream.
    [[nodiscard]] detail::reading<detail::sized_message> recv_exact(std::size_t size);
    [[nodiscard]] detail::message_report<detail::sized_message> recv_exact(std::size_t size, std::error_code& error);
    /// Fills the caller's buffer, so the limit does not apply. Returns buffer.size(), or 0 at the end of the stream.
    /// The buffer must stay valid until then.
    [[nodiscard]] detail::reading_value<detail::filling_call> recv_exact(mutable_buffer buffer);
    /// Does the same with a buffer that already holds `filled` bytes, and adds to `filled` every byte that arrives. So
    /// no byte is lost by an error or a cancellation: call again with the same arguments.
    [[nodiscard]] detail::reading_value<detail::filling_call> recv_exact(mutable_buffer buffer, std::size_t& filled);
    /// Fills the caller's buffer, but reports an error instead of throwing it: operation_canceled if the task is
    /// cancelled. Returns the number of bytes that lie in the buffer, also after an error; continue behind them.
    [[nodiscard]] detail::value_report<detail::filling_call> recv_exact(mutable_buffer buffer, std::error_code& error);
    /// Receives at least one byte and at most buffer.size(), first the bytes that were read ahead. Returns their
    /// number, or 0 at the end of the stream.
    [[nodiscard]] detail::reading_value<detail::receiving_call> recv(mutable_buffer buffer);
    [[nodiscard]] detail::value_report<detail::receiving_call> recv(mutable_buffer buffer, std::error_code& error);
    /// Discards everything up to and with the delimiter, whatever its size. Returns false if the stream ended before
    /// the delimiter.
    [[nodiscard]] detail::reading_value<detail::skipping_call> skip_until(std::string_view delimiter);
    [[nodiscard]] detail::value_report<detail::skipping_call> skip_until(std::string_view delimiter,
                                                                          std::error_code& error);

    /// Work like recv_until(), recv_line() and recv_exact(), but only on bytes that have already been received. They do
    /// not wait, and return nullopt if these bytes do not suffice.
    std::optional<std::string_view> take_until(std::string_view delimiter) noexcept;
    std::optional<std::string_view> take_line() noexcept;
    std::optional<std::string_view> take_exact(std::size_t size) noexcept;
    /// Returns the bytes that have been received and not yet taken. They are valid until the next reading call.
    [[nodiscard]] std::string_view buffered() const noexcept;
    /// Returns the greatest length of a message, with its delimiter, in bytes.
    [[nodiscard]] std::size_t limit() const noexcept;
    /// Returns the size of the buffer for received bytes. It is 0 while a reading call waits and nothing is in it.
    [[nodiscard]] std::size_t capacity() const noexcept;
    /// Frees the buffer for received bytes if it is empty. Reading calls do so themselves before they wait.
    void shrink_to_fit() noexcept;

    /// Copies the bytes behind the gathered bytes. The copy is made at the call, but the result must still be awaited.
    /// If more than `high_water` bytes have gathered, it sends all of them and suspends until the kernel has taken
    /// them.
    [[nodiscard]] detail::writing write(const_buffer bytes);
    /// Gathers the bytes without a wait, from any task of the loop, and returns true. Returns false, and gathers
    /// nothing, if more than `high_water` bytes would then wait that the kernel does not take, or if the stream is
    /// closed. So a peer that does not read costs bounded memory, and the caller can disconnect it with
    /// stream().close().
    ///
    /// If a task waits in a reading call, or in a call that sends, that task sends the bytes at the next turn.
    /// Otherwise the next such call sends them.
    [[nodiscard]] bool try_send(const_buffer bytes);
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
    detail::owner<detail::buffered_state> state_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

class buffered_operation;

class buffered_state {
  public:
    buffered_state(async_stream&& taken, std::size_t limit, std::size_t most)
        : stream{std::move(taken)}, reader{from, limit}, high_water{most} {}

    /// Gathers bytes. From now on a close of the connection is a reset, because bytes would be missing.
    void gather(std::string_view bytes) {
        unsent.append(bytes);
        stream.node().ends_by_reset = unsent.size() > 0;
    }
    void remove_sent(std::size_t size) noexcept {
        unsent.remove(size);
        if (unsent.size() == 0) stream.node().ends_by_reset = false;
    }
    /// Returns true if `size` more bytes keep the bound. If they do not at first, sends what the kernel takes now.
    bool has_room(std::size_t size) noexcept {
        if (size > high_water || stream.node().is_closed()) return false;
        if (unsent.size() > high_water - size) send_now();
        return unsent.size() <= high_water - size;
    }
    [[gnu::noinline]] void send_now() noexcept {
        io_node& to = stream.node();
        while (unsent.size() > 0 && to.writable && !to.has_writer()) {
            const auto taken = ::send(to.descriptor(), unsent.data(), unsent.size(), MSG_NOSIGNAL);
            if (taken >= 0)
                remove_sent(static_cast<std::size_t>(taken));
            else if (detail::would_block(errno))
                to.writable = false;
            else if (errno != EINTR)
                return;  // the next call that sends reports the error
        }
    }

    /// The reader's source: it receives from the socket, but sends the gathered bytes first.
    struct source {
        std::size_t recv(mutable_buffer room, std::error_code& error) noexcept;
        static constexpr int most = 16;  ///< receives of one attempt; then other tasks have their turn
        buffered_state& state;
        buffered_operation* current = nullptr;  ///< the operation that receives
        int left = 0;                           ///< how many more receives it may make in this attempt
    };
    [[nodiscard]] io_node& node() const noexcept { return stream.node(); }

    async_stream stream;
    source from{*this};
    buffered_reader<source> reader;
    std::size_t high_water;
    gathered_bytes unsent;
};

class buffered_operation : public socket_operation {
  public:
    std::error_code take_report(bool also_cancelled) noexcept {
        if (error_ != 0) stop_sending();
        return socket_operation::take_report(also_cancelled);
    }

  protected:
    friend buffered_state;
    buffered_operation(buffered_state& state, direction way) : socket_operation{state.node(), way}, state_{state} {}
    [[gnu::always_inline]] ~buffered_operation() = default;

    /// Sends until no byte is left or an error occurs. Returns false if the operation has to wait.
    bool send_gathered() noexcept {
        while (state_.unsent.size() > 0 && error_ == 0) {
            const bool done = transmit([this] {
                const auto taken = ::send(node_.descriptor(), state_.unsent.data(), state_.unsent.size(), MSG_NOSIGNAL);
                if (taken > 0) state_.remove_sent(static_cast<std::size_t>(taken));
                return taken;
            });
            if (!done) return false;
        }
        return true;
    }
    /// Runs `call(error)`, a call of the reader. Returns false if it would block; then empty buffers are freed.
    template <class Call>
    bool attempt_to_read(Call call) noexcept {
        std::error_code error;
        state_.from.current = this;
        state_.from.left = buffered_state::source::most;
        call(error);
        if (error == std::errc::operation_would_block) {
            state_.reader.shrink_to_fit();
            return false;
        }
        error_ = error.value();
        return true;
    }
    /// Throws if the call failed.
    void throw_if_read_failed(const char* name) {
        if (error_ == 0) [[likely]]
            return;
        stop_sending();
        fail(name);
    }
    /// After a failure this operation no longer sends.
    void stop_sending() noexcept {
        if (!node_.is_closed() && !node_.has_reader()) node_.let_reader_send(false);
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
    if (operation.error_ == 0 && left-- == 0) {
        node.loop().look_again(node);
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
    /// such messages in a row it returns false, and the other tasks run. A cancelled task takes nothing here.
    bool await_ready() noexcept {
        return !this->node_.is_closed() && this->node_.loop().take_quick_step() &&
               keep(message_.take(this->state_.reader));
    }
    std::optional<std::string_view> await_resume() {
        this->throw_if_read_failed(Message::name);
        if (!has_come_) return std::nullopt;
        return std::string_view{data_, size_};
    }
    bool attempt() noexcept override {
        return this->attempt_to_read(
            [this](std::error_code& error) { keep(message_.receive(this->state_.reader, error)); });
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

/// Reads into memory of the caller, or skips bytes. `Call` is the kind: take() uses the bytes in the buffer and returns
/// true if they suffice, receive() receives the missing bytes.
template <class Call>
class [[nodiscard]] reading_value final : public io_awaiter<reading_value<Call>, buffered_operation> {
    using base = io_awaiter<reading_value<Call>, buffered_operation>;

  public:
    reading_value(buffered_state& state, Call call) : base{state, base::direction::read}, call_{call} {}
    [[gnu::always_inline]] ~reading_value() = default;
    bool await_ready() noexcept {
        return !this->node_.is_closed() && this->node_.loop().take_quick_step() && call_.take(this->state_.reader);
    }
    typename Call::value await_resume() {
        this->throw_if_read_failed(Call::name);
        return call_.result();
    }
    [[nodiscard]] std::size_t so_far() noexcept requires(requires(Call& call) { call.filled(); }) {
        return call_.filled();
    }
    bool attempt() noexcept override {
        return this->attempt_to_read([this](std::error_code& error) { call_.receive(this->state_.reader, error); });
    }

  private:
    Call call_;
};
struct filling_call {
    using value = std::size_t;
    static constexpr const char* name = "recv_exact from";
    bool take(auto& reader) noexcept {
        std::error_code unused;  // these bytes are in the buffer
        if (!rest().empty() && !reader.buffered().empty()) filled() += reader.recv(rest(), unused);
        return rest().empty();
    }
    void receive(auto& reader, std::error_code& error) noexcept {
        if (rest().empty()) return;
        filled() += reader.recv_exact(rest(), error);
        if (!error && !rest().empty() && filled() > 0) error = std::make_error_code(std::errc::protocol_error);
    }
    std::size_t result() noexcept {
        const std::size_t size = filled();
        own = 0;
        return size;
    }
    std::size_t& filled() noexcept { return counter ? *counter : own; }
    mutable_buffer rest() noexcept { return room.subspan(detail::min(filled(), room.size())); }
    mutable_buffer room;
    std::size_t* counter;  // the caller's, or nullptr
    std::size_t own = 0;
};
struct receiving_call {
    using value = std::size_t;
    static constexpr const char* name = "recv from";
    bool take(auto& reader) noexcept {
        std::error_code unused;
        if (!room.empty() && reader.buffered().empty()) return false;
        size = room.empty() ? 0 : reader.recv(room, unused);
        return true;
    }
    void receive(auto& reader, std::error_code& error) noexcept { size = room.empty() ? 0 : reader.recv(room, error); }
    std::size_t result() const noexcept { return size; }
    mutable_buffer room;
    std::size_t size = 0;
};
struct skipping_call {
    using value = bool;
    static constexpr const char* name = "skip_until from";
    bool take(auto& reader) noexcept { return was_found = reader.take_until(delimiter).has_value(); }
    void receive(auto& reader, std::error_code& error) noexcept { was_found = reader.skip_until(delimiter, error); }
    bool result() const noexcept { return was_found; }
    std::string_view delimiter;
    bool was_found = false;
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
inline detail::reading_value<detail::filling_call> async_buffered_stream::recv_exact(mutable_buffer buffer) {
    return {opened(), {buffer, nullptr}};
}
inline detail::reading_value<detail::filling_call> async_buffered_stream::recv_exact(mutable_buffer buffer,
                                                                                     std::size_t& filled) {
    return {opened(), {buffer, &filled}};
}
inline detail::reading_value<detail::receiving_call> async_buffered_stream::recv(mutable_buffer buffer) {
    return {opened(), {buffer}};
}
inline detail::reading_value<detail::skipping_call> async_buffered_stream::skip_until(std::string_view delimiter) {
    return {opened(), {delimiter}};
}
inline detail::message_report<detail::line_message> async_buffered_stream::recv_line(std::error_code& error) {
    return detail::message_report<detail::line_message>{error, opened(), detail::line_message{}};
}
inline detail::message_report<detail::delimited_message> async_buffered_stream::recv_until(std::string_view delimiter,
                                                                                           std::error_code& error) {
    return detail::message_report<detail::delimited_message>{error, opened(), detail::delimited_message{delimiter}};
}
inline detail::message_report<detail::sized_message> async_buffered_stream::recv_exact(std::size_t size,
                                                                                       std::error_code& error) {
    return detail::message_report<detail::sized_message>{error, opened(), detail::sized_message{size}};
}
inline detail::value_report<detail::filling_call> async_buffered_stream::recv_exact(mutable_buffer buffer,
                                                                                    std::error_code& error) {
    return detail::value_report<detail::filling_call>{error, opened(), detail::filling_call{buffer, nullptr}};
}
inline detail::value_report<detail::receiving_call> async_buffered_stream::recv(mutable_buffer buffer,
                                                                                std::error_code& error) {
    return detail::value_report<detail::receiving_call>{error, opened(), detail::receiving_call{buffer}};
}
inline detail::value_report<detail::skipping_call> async_buffered_stream::skip_until(std::string_view delimiter,
                                                                                     std::error_code& error) {
    return detail::value_report<detail::skipping_call>{error, opened(), detail::skipping_call{delimiter}};
}
inline std::optional<std::string_view> async_buffered_stream::take_until(std::string_view delimiter) noexcept {
    return opened().reader.take_until(delimiter);
}
inline std::optional<std::string_view> async_buffered_stream::take_line() noexcept { return opened().reader.take_line(); }
inline std::optional<std::string_view> async_buffered_stream::take_exact(std::size_t size) noexcept {
    return opened().reader.take_exact(size);
}
inline std::string_view async_buffered_stream::buffered() const noexcept { return opened().reader.buffered(); }
inline std::size_t async_buffered_stream::limit() const noexcept { return opened().reader.limit(); }
inline std::size_t async_buffered_stream::capacity() const noexcept { return opened().reader.capacity(); }
inline void async_buffered_stream::shrink_to_fit() noexcept { opened().reader.shrink_to_fit(); }
inline detail::writing async_buffered_stream::write(const_buffer bytes) {
    detail::buffered_state& state = opened();
    if (!state.node().is_closed()) [[likely]]  // a closed stream gathers no bytes
        state.gather(as_text(bytes));
    return {state, state.high_water};
}
inline bool async_buffered_stream::try_send(const_buffer bytes) {
    detail::buffered_state& state = opened();
    detail::io_node& node = state.node();
    if (!state.has_room(bytes.size())) return false;
    state.gather(as_text(bytes));
    if (node.has_reader()) node.loop().look_again(node);
    return true;
}
inline detail::writing async_buffered_stream::flush() { return {opened(), 0}; }
inline std::size_t async_buffered_stream::unsent() const noexcept { return state_ ? state_->unsent.size() : 0; }
inline async_stream& async_buffered_stream::stream() {
    if (!state_) detail::throw_error(std::make_error_code(std::errc::bad_file_descriptor), "a closed socket");
    return state_->stream;
}
/// Returns a state with a closed stream. Every operation on it fails with errc::bad_file_descriptor.
[[gnu::noinline]] inline detail::buffered_state& async_buffered_stream::empty() {
    static thread_local detail::buffered_state none{async_stream{}, 1, 0};
    return none;
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_BUFFERED_HPP
