// netnotes/coro/io/operation.hpp: waiting for a descriptor
// SPDX-License-Identifier: MIT
//
// If a call on a descriptor would block, its coroutine is suspended. When the descriptor is ready, the call is made
// again and the coroutine is resumed. So an awaiter needs only one function, attempt(). It makes the call, or returns
// false if the call would block:
//
//        attempt() ──done──────────────────────────────────────────> the task continues
//            │ would block; the node notes: readable = false
//            └──> the operation waits at its io_node                 (the coroutine is suspended)
//                     │ the back end sets readable = true
//                     └──> attempt() again ──done──> resume the task
//
// An edge-triggered event is reported only once, so the node remembers it. A receive that would only return EAGAIN is
// then skipped.
//
// On this page:  for authors of awaitables: io_node · io_operation · io_awaiter, io_receiver
// The notes:     epoll版-TCP服务器, gevent版-TCP服务器; read coro/loop.hpp first

#ifndef NETNOTES_CORO_IO_OPERATION_HPP
#define NETNOTES_CORO_IO_OPERATION_HPP

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "../../ip/algorithm.hpp"
#include "../../socket/owner.hpp"
#include "../scheduler.hpp"

namespace netnotes::detail {

class io_operation;

/// A descriptor of a loop: what is known of its state, and which operations wait for it.
class io_node {
  public:
    /// The operations that a completion back end does by itself on the descriptor.
    enum class kind : unsigned char {
        any,       ///< only wait: a datagram socket, a pipe, any other descriptor
        stream,    ///< receive
        listener,  ///< accept
    };
    /// The fate of the descriptor when the node is retired.
    enum class ends_with : bool { nothing, close };
    /// Registers the descriptor with the loop's back end. With ends_with::close the node closes the descriptor when it
    /// is retired. Throws std::system_error if the system refuses to wait for the descriptor; it is not closed then.
    /// With `hears_to_write`, the back end watches for writing from the beginning: for a socket that will connect.
    io_node(scheduler& loop, int descriptor, kind what = kind::any, ends_with end = ends_with::nothing,
            bool hears_to_write = false);
    io_node(const io_node&) = delete;
    io_node& operator=(const io_node&) = delete;
    static void* operator new(std::size_t size) { return frames.take(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { frames.give_back(memory, size); }

    /// Returns the loop. The node must not be closed.
    [[nodiscard]] scheduler& loop() const noexcept { return *loop_; }
    /// Returns the descriptor, or -1 if the node is `closed`.
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    /// Returns true if an operation waits to read, or has_writer(): to write.
    [[nodiscard]] bool has_reader() const noexcept { return waiting_[0] != nullptr; }
    [[nodiscard]] bool has_writer() const noexcept { return waiting_[1] != nullptr; }
    /// Notes that the reading operation must first send. It is then also resumed when the descriptor becomes writable.
    void let_reader_send(bool does) noexcept { reader_sends_ = does; }
    /// Returns true if the reading operation must first send.
    [[nodiscard]] bool reader_sends() const noexcept { return reader_sends_; }
    /// Limits each later wait to `timeout`: it then fails with ETIMEDOUT. `never` means no limit. Allocates memory.
    void set_timeout(duration timeout);
    /// Returns the limit of each wait, or `never`.
    [[nodiscard]] duration timeout() const noexcept { return limits_ ? limits_->time : never; }
    /// Makes room for keep(). Allocates memory.
    void make_room_to_keep() {
        set_up_limits();
        limits_->rare.reset(new rare_limits{*this});
    }
    /// Keeps a connection that a listener has taken, if nobody can have it yet. The listener's end closes it. Call
    /// make_room_to_keep() before; one connection has room.
    void keep(int connection) noexcept { limits_->rare->kept = connection; }
    /// Returns the connection of keep(), which then belongs to the caller, or -1.
    [[nodiscard]] int take_kept() noexcept {
        return limits_ && limits_->rare ? std::exchange(limits_->rare->kept, -1) : -1;
    }

    /// Stands for the descriptor of a closed socket, in every thread. An operation on it fails with EBADF.
    static io_node closed;
    /// Returns true for `closed` and for a retired node. An operation that was made before the end of its object may
    /// begin after it in the same turn, when the number already belongs to another descriptor. It then fails with EBADF.
    /// In a later turn the node does not exist any more, so no operation may begin then.
    [[nodiscard]] bool is_closed() const noexcept { return !loop_; }

    /// Retires a node, as the Release of an owner.
    struct retire {
        void operator()(io_node* node) const noexcept { node->leave(); }
    };

    // For back ends.

    /// Returns true if the socket was closed. The node still exists, because an event may refer to it.
    [[nodiscard]] bool is_retired() const noexcept { return is_retired_; }
    /// Remembers for the back end whether it has asked the system to report when the descriptor can be written to.
    void set_heard_to_write(bool is) noexcept { is_heard_to_write_ = is; }
    /// Returns what set_heard_to_write() has set.
    [[nodiscard]] bool is_heard_to_write() const noexcept { return is_heard_to_write_; }
    /// Lets waiting operations attempt again, if the descriptor is ready for them. Resumes their tasks inside this
    /// call.
    void awaken() noexcept;
    /// Is called by a back end whose remove() has returned false, when the kernel no longer uses the node. The loop
    /// deletes the node at the end of the turn.
    void release(scheduler& loop) noexcept {
        is_in_hand_ = false;
        discard(loop);
    }
    io_intake* intake = nullptr;  ///< set by a completion back end

    // For loops.

    /// Lets the operations attempt again that have left their turn to other tasks: see scheduler::look_again().
    static void run_pending(scheduler& loop) noexcept;
    /// Deletes all nodes of the list.
    static void destroy_list(io_node* list) noexcept {
        while (list) delete std::exchange(list, list->next_);
    }

    bool readable = false;     ///< there may be bytes to read. If false, an event will report the next bytes
    bool writable = true;      ///< the kernel may take bytes. If false, an event will report when it does
    bool read_to_end : 1 = false;    ///< a short receive does not prove that no more bytes are there: read until EAGAIN
    bool one_by_one : 1 = false;     ///< a listener: a back end must not accept before a task waits for it
    bool ends_by_reset : 1 = false;  ///< the descriptor is a connection with unsent bytes: close it with a reset

    /// Returns the kind that was passed to the constructor.
    [[nodiscard]] kind what() const noexcept { return kind_; }

  private:
    friend io_operation;
    friend scheduler;
    constexpr io_node() noexcept : kind_{kind::any}, closes_{false}, descriptor_{-1}, loop_{nullptr} {}
    constexpr ~io_node() = default;
    void leave() noexcept;
    void discard(scheduler& loop) noexcept;
    struct deadline final : loop_timer {
        explicit deadline(io_operation*& place) noexcept : waiting{place} {}
        inline void expired() noexcept override;
        io_operation*& waiting;
    };
    /// What few nodes need. Most connections never wait to write, so the deadline of writing is made when the first
    /// task does. A listener has it for its connection.
    struct rare_limits {
        explicit rare_limits(io_node& node) noexcept : writing{node.waiting_[1]} {}
        deadline writing;
        int kept = -1;  // see keep()
    };
    struct limits {
        explicit limits(io_node& node) noexcept : reading{node.waiting_[0]} {}
        duration time = never;
        deadline reading;
        owner<rare_limits> rare{};
    };
    void set_up_limits() {
        if (!limits_) limits_ = owner<limits>{new limits{*this}};
    }

    kind kind_ : 2;
    bool is_retired_ : 1 = false;
    bool is_pending_ : 1 = false;
    bool is_in_hand_ : 1 = false;
    bool reader_sends_ : 1 = false;
    bool is_heard_to_write_ : 1 = false;
    bool closes_ : 1;
    int descriptor_;
    scheduler* loop_;  // nullptr: see is_closed()
    std::array<io_operation*, 2> waiting_{};  // the operations that wait to read and to write
    io_node* next_ = nullptr;                 // in the loop's list of retired or of pending nodes
    owner<limits> limits_;
};

/// The base of awaiters that make a call on a descriptor and may have to wait for it. It lives in the coroutine's
/// frame. One operation at a time may wait in each direction of a node.
class io_operation : public loop_operation {
  public:
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin(*this, waiter);
    }
    /// For `reporting`: returns the error of a failed operation, if it is to be reported, and clears it. A refused wait,
    /// and a cancellation if it is not `also_cancelled`, stay for await_resume() to throw.
    std::error_code take_report(bool also_cancelled) noexcept {
        if (error_ <= 0 || (error_ == ECANCELED && !also_cancelled)) return {};
        return {std::exchange(error_, 0), std::system_category()};
    }

  protected:
    enum class direction : bool { read, write };
    io_operation(io_node& node, direction way) noexcept : node_{node}, direction_{way} {}
    [[gnu::always_inline]] ~io_operation() {
        if (is_waiting()) [[unlikely]]
            leave_place();
    }
    /// Makes the call, unless `node_` already knows that it would block. Returns true if the call is done or has failed
    /// (error_). Returns false if it would block; then node_.readable or node_.writable is false.
    virtual bool attempt() noexcept = 0;
    /// Repeats a receiving call until it is done, fails, or would block. Returns false if it would block. Call it only
    /// if node_.readable is true. A stream that returned fewer bytes than `asked` is empty, so the next receive will
    /// wait without a system call.
    template <class Call>
    bool receive(Call call, std::size_t& size, std::size_t asked) noexcept {
        do {
            const auto got = call();
            if (got >= 0) [[likely]] {
                size = static_cast<std::size_t>(got);
                if (size - 1 < asked - 1 && !node_.read_to_end) node_.readable = false;  // 0 < size < asked
                return true;
            }
            if (failed()) return true;
            if (detail::would_block(errno)) node_.readable = false;
        } while (node_.readable);
        return false;
    }
    /// Receives bytes of a stream and sets `size`, which is 0 at the end. Returns false if it would block.
    bool receive(mutable_buffer room, std::size_t& size) noexcept;
    /// Like receive(), but sets `bytes` to where the bytes lie: in the loop's buffer, or in memory of the back end.
    bool receive_lent(std::span<std::byte>& bytes) noexcept;
    /// Repeats a sending call until it is done, fails, or would block. Returns false if it would block. The call itself
    /// stores how many bytes it has sent.
    template <class Call>
    bool transmit(Call call) noexcept {
        while (node_.writable) {
            if (call() >= 0 || failed()) return true;
            if (detail::would_block(errno)) node_.writable = false;
        }
        return false;
    }

    /// For await_resume(): returns the error of a failed operation and clears it, so that the operation can be awaited
    /// again. Throws netnotes::cancelled if the task was cancelled, and std::logic_error if the wait was refused.
    [[gnu::noinline]] std::error_code take_failure() {
        const int error = std::exchange(error_, 0);
        if (error == ECANCELED) throw_cancelled();
        if (error < 0) throw_refusal(error);
        return {error, std::system_category()};
    }

    /// For await_suspend() if there is nothing to do. The task resumes one turn later. The operation fails if the node
    /// is closed or the task is cancelled.
    template <class Promise>
    bool leave_at_once(std::coroutine_handle<Promise> waiter) {
        fiber& whose = waiter.promise().chain();
        if (node_.is_closed()) error_ = EBADF;
        if (whose.is_cancelled()) error_ = ECANCELED;
        return leave_turn(waiter, whose);
    }

    /// For await_suspend(): attempts the call and returns true if the task has to wait. `Derived` is the class that
    /// defines attempt(). Most calls need not wait, so the compiler should inline all of it.
    template <class Derived, class Promise>
    [[gnu::always_inline]] static bool begin(Derived& operation, std::coroutine_handle<Promise> waiter) {
        io_operation& self = operation;
        fiber& whose = waiter.promise().chain();
        if (whose.is_cancelled()) [[unlikely]]
            return self.was_cancelled(waiter, whose);
        if (self.place() || &whose.loop() != self.node_.loop_) [[unlikely]]
            return self.refuse(waiter, whose);
        // Before the call: received bytes may lie in the lent buffer, so the task must be able to use them at once.
        if (!whose.loop().take_step()) [[unlikely]]
            return self.leave_step(waiter, whose);
        if (operation.attempt()) [[likely]]
            return false;
        // Not `whose`: to keep it during attempt() would slow down the calls that need not wait.
        self.put_aside(waiter, waiter.promise().chain());
        return true;
    }
    /// Fast path of await_suspend() for an operation that only receives. If the node is known to be empty and the back
    /// end need not be told, it suspends without a receive and returns true. Most receives end here, because the
    /// receive before took all bytes. Returns false if the caller must use begin().
    template <class Promise>
    [[gnu::always_inline]] bool begin_wait(std::coroutine_handle<Promise> waiter) {
        fiber& whose = waiter.promise().chain();
        if (node_.readable || node_.intake || whose.is_cancelled() || place() || &whose.loop() != node_.loop_)
            return false;
        waits(waiter, whose);
        place() = this;
        if (node_.limits_) arm_deadline();
        return true;
    }

    /// Ends the wait with this value of errno. The task resumes at the next turn.
    void give_up(int error) noexcept {
        leave_place();
        error_ = error;
        go_on();
    }

    io_node& node_;
    int error_ = 0;  // a value of errno, or of `refusal`; 0 means success
    direction direction_;

  private:
    friend io_node;
    /// Makes the operation fail. A task that retries it for ever still leaves its turn to other tasks now and then.
    bool refuse(std::coroutine_handle<> waiter, fiber& whose) noexcept;
    [[noreturn]] static void throw_refusal(int why);
    enum refusal : int { other_loop = -1, two_tasks = -2 };  // values of error_ that are not values of errno
    [[gnu::noinline]] bool failed() noexcept {
        if (errno == EINTR || detail::would_block(errno)) return false;
        error_ = errno;
        return true;
    }
    io_operation*& place() const noexcept { return node_.waiting_[static_cast<std::size_t>(direction_)]; }
    void cancel_deadline() noexcept {
        if (!node_.limits_) return;
        if (direction_ == direction::read)
            node_.limits_->reading.cancel();
        else if (node_.limits_->rare)
            node_.limits_->rare->writing.cancel();
    }
    [[gnu::noinline]] void leave_place() noexcept {
        place() = nullptr;
        cancel_deadline();
    }
    [[gnu::noinline]] void put_aside(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        waits(waiter, whose);
        place() = this;
        tell_back_end();
        if (node_.limits_) arm_deadline();
    }
    [[gnu::noinline]] bool leave_step(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        put_aside(waiter, whose);
        whose.loop().look_again(node_);
        return true;
    }
    [[gnu::noinline]] bool was_cancelled(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        error_ = ECANCELED;
        return hear_at_once(waiter, whose);
    }
    void arm_deadline() noexcept;
    /// Tells the back end of the wait, if the back end does not watch for this event already.
    void tell_back_end() noexcept {
        const bool to_write = direction_ == direction::write || node_.reader_sends();
        if (node_.intake || (to_write && !node_.is_heard_to_write_)) node_.loop().back_end().needs(node_, to_write);
    }
    void cancelled() noexcept override { give_up(ECANCELED); }
    /// Attempts again, and resumes the task if the call is done. The caller has cleared place() before.
    void try_again() noexcept {
        if (attempt()) {
            cancel_deadline();
            return go_on_now();
        }
        place() = this;
        tell_back_end();
    }
};

/// The base of `class my_call final : public io_awaiter<my_call>` with a public attempt(). The compiler knows which
/// attempt() it is and can inline it.
template <class Derived, class Base = io_operation>
class io_awaiter : public Base {
  public:
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return io_operation::begin(static_cast<Derived&>(*this), waiter);
    }

  protected:
    using Base::Base;
    [[gnu::always_inline]] ~io_awaiter() = default;
};
/// Like io_awaiter, for an operation that only receives. It tries the fast path begin_wait() first.
template <class Derived, class Base = io_operation>
class io_receiver : public io_awaiter<Derived, Base> {
  public:
    template <class Promise>
    [[gnu::always_inline]] bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return this->begin_wait(waiter) || begin_after_all(waiter);
    }

  protected:
    using io_awaiter<Derived, Base>::io_awaiter;
    [[gnu::always_inline]] ~io_receiver() = default;

  private:
    template <class Promise>
    [[gnu::noinline]] bool begin_after_all(std::coroutine_handle<Promise> waiter) {
        return io_operation::begin(static_cast<Derived&>(*this), waiter);
    }
};

/// Awaits an operation, but reports an error instead of throwing it. It then returns an empty value. If the operation
/// has so_far(), it returns that, the number of bytes or datagrams that are done, and reports a cancellation, too.
template <class Operation>
class [[nodiscard]] reporting final {
    static constexpr bool has_count = requires(Operation& what) { what.so_far(); };

  public:
    template <class... Arguments>
    explicit reporting(std::error_code& error, Arguments&&... arguments)
        : operation_{std::forward<Arguments>(arguments)...}, error_{error} {}
    reporting(const reporting&) = delete;
    reporting& operator=(const reporting&) = delete;
    [[gnu::always_inline]] ~reporting() = default;
    using write_co_await = write_co_await_before_the_call;
    template <class Value, class Advice = write_co_await_before_the_call>
    requires std::is_arithmetic_v<Value>
    operator Value() const = delete;
    /// Returns where the error is reported, for with_timeout().
    [[nodiscard]] std::error_code* report() const noexcept { return &error_; }
    bool await_ready() { return operation_.await_ready(); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return operation_.await_suspend(waiter);
    }
    auto await_resume() {
        error_ = operation_.take_report(has_count);
        if constexpr (has_count) {
            const std::size_t count = operation_.so_far();
            if (error_) return count;
            operation_.await_resume();
            return count;
        } else {
            using value = decltype(operation_.await_resume());
            if (error_) return value();
            return operation_.await_resume();
        }
    }

  private:
    Operation operation_;
    std::error_code& error_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline constinit io_node io_node::closed{};
inline io_node::io_node(scheduler& loop, int descriptor, kind what, ends_with end, bool hears_to_write)
    : kind_{what},
      is_heard_to_write_{hears_to_write},
      closes_{end == ends_with::close},
      descriptor_{descriptor},
      loop_{&loop} {
    loop.back_end().add(*this);
}
inline void io_node::leave() noexcept {
    is_retired_ = true;
    is_in_hand_ = !loop_->back_end().remove(*this);
    scheduler& loop = *std::exchange(loop_, nullptr);
    // A task that still waits would wait for ever, for an object that no longer exists.
    for (io_operation* const each : waiting_)
        if (each) each->give_up(EBADF);
    if (const int connection = take_kept(); connection >= 0) ::close(connection);
    const int own = closes_ ? descriptor_ : -1;
    const bool resets = ends_by_reset;
    discard(loop);
    if (own < 0) return;
    constexpr ::linger at_once{1, 0};
    if (resets) [[unlikely]]
        ::setsockopt(own, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(own);
}
inline void io_node::discard(scheduler& loop) noexcept {
    if (!is_pending_ && !is_in_hand_) next_ = std::exchange(loop.retired_, this);
}
inline void io_node::set_timeout(duration timeout) {
    if (timeout == never && !limits_) return;
    set_up_limits();
    limits_->time = timeout;
}
inline void io_node::deadline::expired() noexcept {
    if (waiting) waiting->give_up(ETIMEDOUT);
}
inline void io_node::awaken() noexcept {
    if (waiting_[0] && (readable || (writable && reader_sends_))) std::exchange(waiting_[0], nullptr)->try_again();
    if (waiting_[1] && writable && !is_retired_) std::exchange(waiting_[1], nullptr)->try_again();
}
inline void scheduler::look_again(io_node& node) noexcept {
    if (node.is_pending_) return;
    node.is_pending_ = true;
    node.next_ = std::exchange(pending_, &node);
}
inline void io_node::run_pending(scheduler& loop) noexcept {
    io_node* list = std::exchange(loop.pending_, nullptr);
    while (list) {
        io_node& node = *std::exchange(list, list->next_);
        node.is_pending_ = false;
        if (node.is_retired_)
            node.discard(loop);
        else {  // even if the descriptor is not ready: the bytes may lie in a buffer above it
            if (node.waiting_[0]) std::exchange(node.waiting_[0], nullptr)->try_again();
            if (node.waiting_[1] && !node.is_retired_) std::exchange(node.waiting_[1], nullptr)->try_again();
        }
    }
}

[[gnu::noinline]] inline bool io_operation::refuse(std::coroutine_handle<> waiter, fiber& whose) noexcept {
    error_ = node_.is_closed() ? EBADF : &whose.loop() != node_.loop_ ? other_loop : two_tasks;
    return hear_at_once(waiter, whose);
}
inline void io_operation::throw_refusal(int why) {
    if (why == other_loop) throw std::logic_error{"this descriptor belongs to another event loop"};
    throw std::logic_error{"two tasks wait for one descriptor in one direction: let only one receive, and one send"};
}
[[gnu::noinline]] inline void io_operation::arm_deadline() noexcept {
    io_node::limits& limits = *node_.limits_;
    if (limits.time == never) return;
    if (direction_ == direction::write && !limits.rare) {
        limits.rare.reset(new (std::nothrow) io_node::rare_limits{node_});
        if (!limits.rare) return give_up(ENOMEM);
    }
    node_.loop().arm(direction_ == direction::read ? limits.reading : limits.rare->writing,
                    later(node_.loop().now(), detail::max(limits.time, duration::zero())));
}

inline bool io_operation::receive(mutable_buffer room, std::size_t& size) noexcept {
    if (!node_.readable) return false;
    if (node_.intake) [[unlikely]]
        return node_.intake->receive(room, size, error_);
    return receive([&] { return ::recv(node_.descriptor(), room.data(), room.size(), 0); }, size, room.size());
}
inline bool io_operation::receive_lent(std::span<std::byte>& bytes) noexcept {
    if (!node_.readable) [[unlikely]]
        return false;
    if (node_.intake) [[unlikely]]
        return node_.intake->lend(bytes, error_);
    const auto room = [this] { return node_.loop().lent_buffer(); };
    std::size_t size = 0;
    if (!receive([&] { return ::recv(node_.descriptor(), room().data(), room().size(), 0); }, size, room().size()))
        return false;
    bytes = room().first(size);
    return true;
}

}  // namespace netnotes::detail

#endif  // NETNOTES_CORO_IO_OPERATION_HPP
