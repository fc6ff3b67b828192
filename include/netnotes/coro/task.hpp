// netnotes/coro/task.hpp: functions that wait
// SPDX-License-Identifier: MIT
//
// A server of a thousand clients waits a thousand times over. With a thread for each that is a thousand stacks; with
// callbacks it is one stack, and no function that one could read. A coroutine is a function that may wait without
// keeping a thread: `co_await` puts it aside, and whoever has what it waits for goes on with it. It reads like the
// blocking program.
//
//     task<std::string> ask(async_stream& server, std::string_view question) {
//         co_await server.send_all(question);                     others run meanwhile
//         co_return co_await receive_line(server);                a task awaits a task as a function calls a function
//     }
//
//        outer ── co_await inner() ──> inner ── co_await (an operation) ──┐
//          ^                             ^                                │ nothing on the stack any more, only frames
//          |                             └──────── the loop goes on ──────┘ on the heap, each of which knows whom it
//          └────── co_return value ──────┘                                  is to continue
//
// A task is lazy: calling one makes its frame and nothing more; co_await begins it. So one that is never awaited never
// runs, hence [[nodiscard]]; and as it begins inside its awaiter it cannot outlive what it refers to there. What runs
// beside its caller is made so explicitly: coro/loop.hpp.
//
// A cancelled task is told by an exception, netnotes::cancelled, that its wait throws; destructors do the rest, as in any
// function. The class is no std::exception, so a handler that logs every std::exception and goes on does not swallow it.
// A task that swallows it all the same meets it again at its next wait.
//
// g++ 12 miscompiles some expressions around co_await, silently. With that compiler write
//     auto ready = co_await x; if (ready) ...        not   if (co_await x) ..., while (co_await x) ..., switch
//     pair p{a, 1}; co_await f(std::move(p))         not   co_await f({a, 1}): an aggregate that is a temporary
//     auto body = [n]() -> task<> ...; co_await body()     not   co_await [n]() -> task<> {...}(): a capturing temporary
//     auto body = [n](task_group&) ...; with_group(body)   not   co_await with_group([n](task_group&) ...), nor where
//                                                                a std::function is taken, nor [n](T) {...}(co_await x)
//     if (c) co_await x; else co_await y;            not   c ? co_await x : co_await y, with operands of class type
//     auto text = co_await x; throw error{text};     not   throw error{co_await x}
//     auto a = co_await x; std::vector{a, ...}       not   std::vector{co_await x, co_await y}, pair p{co_await x, 4}
// clang and newer versions of g++ have no such trouble. The examples and tests here keep to the left column, and
// `sh tests/gcc12_coroutines.sh FILE...` finds the right one in your sources.
//
// On this page:  task · and below, for those who write awaitables: fiber, operation
// The notes:     asyncio, async/await; examples 24 to 26

#ifndef NETNOTES_CORO_TASK_HPP
#define NETNOTES_CORO_TASK_HPP

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include "../ip/version.hpp"

namespace netnotes {

namespace detail {
class scheduler;
template <class T>
class task_promise;
template <class T>
class task_awaiter;
struct task_access;
}  // namespace detail

/// What a wait of a cancelled task throws. It is not an error and not a std::exception. Catch it only to clean up, and
/// rethrow it. Outside of the cancelled task it is reported as std::system_error with errc::operation_canceled: by
/// event_loop::run(), and by join_handle::join() to a task that was not cancelled itself.
class cancelled {
  public:
    [[nodiscard]] const char* what() const noexcept { return "this task was cancelled"; }
};

/// A function that waits, and its result: a value, a reference or nothing; or an exception. It begins when it is
/// awaited, once, by `co_await f()` or, if it has a name, `co_await std::move(t)`. It can be moved before that, and
/// not copied. Destroying one that has not ended destroys its variables, innermost call first. That nests on the stack: 64
/// bytes for each call with g++ -O2, 160 without optimization, so 50,000 calls deep is safe on a stack of 8 MiB. One that
/// ends, or is cancelled, does not nest.
template <class T = void>
class [[nodiscard]] task {
  public:
    using promise_type = detail::task_promise<T>;

    /// None: awaiting it throws std::logic_error, as it does for one that was moved from or awaited before.
    task() noexcept = default;
    task(task&& other) noexcept : coroutine_{std::exchange(other.coroutine_, nullptr)} {}
    task& operator=(task&& other) noexcept {
        task{std::move(other)}.swap(*this);
        return *this;
    }
    ~task() {
        if (coroutine_) coroutine_.destroy();
    }
    void swap(task& other) noexcept { std::swap(coroutine_, other.coroutine_); }

    /// Runs it, in place as far as it goes without waiting, and gives its result or throws its exception.
    [[nodiscard]] detail::task_awaiter<T> operator co_await() && noexcept;

  private:
    friend promise_type;
    friend detail::task_access;
    explicit task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_{coroutine} {}

    std::coroutine_handle<promise_type> coroutine_;
};

// ========================================================================================================
// For those who write awaitables
// ========================================================================================================

namespace detail {

class operation;

/// What a thread knows between two coroutines. A coroutine that ends does not resume the one that awaits it: it says here
/// which one it is, and returns. So chains of any length come to their end without nesting on the stack. ("Symmetric
/// transfer" does the same only where the compiler makes a jump of a call: g++ does not below -O2 or under a sanitizer.)
struct relay {
    std::coroutine_handle<> next;  ///< goes on as soon as the present one has returned
    std::uintptr_t stack_begin;    ///< where the stack was when the loop resumed the present chain

    void resume(std::coroutine_handle<> coroutine) {
        stack_begin = here();
        coroutine.resume();
        while (next) std::exchange(next, nullptr).resume();
    }
    /// Are too many coroutines begun inside one another? Then the next one had better begin from the loop.
    [[nodiscard]] bool is_deep() const noexcept {
        return static_cast<std::intptr_t>(stack_begin - here()) > most;
    }

  private:
    static constexpr std::intptr_t most = 32 * 1024;  // bytes; musl's threads have 128 KiB in all
    [[gnu::always_inline]] static std::uintptr_t here() noexcept {
        return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    }
};
inline constinit thread_local relay between{};

[[noreturn]] inline void throw_cancelled() { throw cancelled{}; }
[[noreturn]] inline void throw_empty_task() {
    throw std::logic_error{"empty task: default-constructed, moved from, or already awaited"};
}

/// A chain of tasks, each awaiting the next, from the outermost, that somebody has started, to the one that runs or
/// waits at the end. In other libraries: a fibre, a green thread, a (whole) task.
class fiber {
  public:
    fiber(const fiber&) = delete;
    fiber& operator=(const fiber&) = delete;

    /// What the chain waits for throws netnotes::cancelled, unless it has ended already, and so does each later wait.
    /// The chain goes on when the loop comes to it, not inside this call.
    void cancel() noexcept;
    [[nodiscard]] bool is_cancelled() const noexcept { return cancelled_; }
    /// Cancels it, and what it gives will not be used: what is on its way to it (a value, a permit) goes back, where
    /// cancel() comes too late for that.
    void withdraw() noexcept;
    [[nodiscard]] bool is_withdrawn() const noexcept { return withdrawn_; }
    [[nodiscard]] scheduler& loop() const noexcept { return *loop_; }
    [[nodiscard]] const char* name() const noexcept { return name_; }
    /// For what puts the chain aside: there it goes on when its turn comes.
    void goes_on_at(std::coroutine_handle<> coroutine) noexcept { goes_on_at_ = coroutine; }
    [[nodiscard]] std::coroutine_handle<> goes_on_at() const noexcept { return goes_on_at_; }
    /// Its turn has come. It may be gone afterwards.
    void resume() const { between.resume(goes_on_at_); }

  protected:
    fiber() noexcept = default;
    fiber(scheduler& loop, const char* name) noexcept : loop_{&loop}, name_{name} {}
    /// A part of another chain, which waits for it.
    void belongs_to(const fiber& parent) noexcept {
        loop_ = parent.loop_;
        name_ = parent.name_;
    }
    /// Takes an awaiter that is kept outside of the coroutine out of its place, when the coroutine is destroyed.
    inline void leave_awaiter() noexcept;
    ~fiber() = default;
    /// The outermost task has ended: its result is there. Called once, in the last moments of the coroutine, which may
    /// be destroyed in it.
    virtual void ended() noexcept = 0;
    /// The chain goes on from the loop, at the next turn. Returns false if it has no loop.
    virtual bool postpone() noexcept { return false; }

  private:
    friend operation;
    friend scheduler;
    friend class task_promise_base;
    template <class T>
    friend class task_awaiter;
    scheduler* loop_ = nullptr;
    const char* name_ = "";
    operation* waits_for_ = nullptr;
    // A chain runs, waits or stands in the queue, so one of each is enough for all its tasks and all that they await.
    std::coroutine_handle<> goes_on_at_;
    fiber* next_ready_ = nullptr;
    bool cancelled_ = false;
    bool withdrawn_ = false;
};

/// What a chain waits for at its end: the base of awaiters, which live in the frame of the coroutine that awaits.
class operation {
  public:
    operation(const operation&) = delete;
    operation& operator=(const operation&) = delete;
    /// Whose it is, once it waits.
    [[nodiscard]] fiber& chain() const noexcept { return *reinterpret_cast<fiber*>(chain_ & ~waiting); }

  protected:
    operation() noexcept = default;
    /// In the middle only when the frame is destroyed while it waits; then the derived class takes itself out of
    /// wherever it stands. (g++ takes the body of a coroutine for code that runs once, and would make this a call.)
    [[gnu::always_inline]] ~operation() {
        if (is_waiting()) [[unlikely]]
            decided();
    }
    /// In await_suspend(): from now on cancelled() may be called.
    void waits(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        chain_ = reinterpret_cast<std::uintptr_t>(&whose) | waiting;
        whose.waits_for_ = this;
        whose.goes_on_at(waiter);
    }
    [[nodiscard]] bool has_waited() const noexcept { return chain_ != 0; }
    [[nodiscard]] bool is_waiting() const noexcept { return (chain_ & waiting) != 0; }
    /// From now on cancelling comes too late. Whoever calls this sees to it that the coroutine goes on.
    void decided() noexcept {
        chain().waits_for_ = nullptr;
        chain_ &= ~waiting;
    }
    /// Give up, and see to it that the coroutine goes on, later.
    virtual void cancelled() noexcept = 0;

  private:
    friend fiber;
    // The chain's address, and in its lowest bit whether this operation waits. An awaiter that is kept outside of its
    // coroutine may be destroyed after the chain, so the destructor must not read the chain.
    static constexpr std::uintptr_t waiting = 1;
    std::uintptr_t chain_ = 0;
};

/// An awaitable whose awaiter uses up what it is made of. Only an rvalue of it can be awaited, so to await one twice does
/// not compile.
template <class Awaiter, class... Parts>
class [[nodiscard]] awaited_once {
  public:
    explicit awaited_once(Parts... parts) : parts_{std::move(parts)...} {}
    [[nodiscard]] Awaiter operator co_await() && { return std::make_from_tuple<Awaiter>(std::move(parts_)); }

  private:
    std::tuple<Parts...> parts_;
};

inline void fiber::cancel() noexcept {
    if (std::exchange(cancelled_, true)) return;
    if (waits_for_) waits_for_->cancelled();
}
inline void fiber::leave_awaiter() noexcept {
    if (waits_for_) [[unlikely]]
        waits_for_->cancelled();
}
inline void fiber::withdraw() noexcept {
    cancelled_ = true;
    if (std::exchange(withdrawn_, true)) return;
    if (waits_for_) waits_for_->cancelled();
}

// ========================================================================================================
// How it is done
// ========================================================================================================

// Frames come and go with every call of a task, in few sizes and mostly last in, first out. So each thread keeps some
// that are free, by size; that halves what a call costs. Not under AddressSanitizer, which is to see each go.
// Nor with MinGW: it frees the memory of a thread's objects before it calls their destructors.

inline constexpr bool keeps_frames =
#if defined(__SANITIZE_ADDRESS__) || defined(__MINGW32__)
    false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    false;
#else
    true;
#endif
#else
    true;
#endif

class frame_store {
  public:
    void* take(std::size_t size) {
        const std::size_t index = index_of(size);
        if (!keeps_frames || index >= lists_.size()) return ::operator new(size);
        list& free = lists_[index];
        if (!free.first) return ::operator new((step * index) + first_step);
        --free.length;
        return std::exchange(free.first, free.first->next);
    }
    void give_back(void* frame, std::size_t size) noexcept {
        const std::size_t index = index_of(size);
        if (!keeps_frames || index >= lists_.size() || lists_[index].length == longest) return ::operator delete(frame);
        if (!open_) return late(frame, size);
        list& free = lists_[index];
        free.first = new (frame) link{free.first};
        ++free.length;
    }

  private:
    static constexpr std::size_t step = 16;        // bytes by which the sizes are told apart: malloc's own, ...
    static constexpr std::size_t first_step = 24;  // ... who keeps 8 of them for himself
    static constexpr std::uint32_t longest = 256;  // of one size; what is beyond goes back to the system
    struct link {
        link* next;
    };
    struct list {
        link* first;
        std::uint32_t length;
    };
    static constexpr std::size_t index_of(std::size_t size) noexcept {
        return size <= first_step ? 0 : (size - first_step + step - 1) / step;
    }

    void late(void* frame, std::size_t size) noexcept;
    void empty() noexcept {
        open_ = false;
        for (list& free : lists_)
            while (free.first) ::operator delete(std::exchange(free.first, free.first->next));
    }

    // Without a constructor or a destructor of its own: then a thread_local one costs no look at whether it is made.
    std::array<list, 128> lists_;
    bool open_;
    bool closed_;
};
inline constinit thread_local frame_store frames{};

/// The first frame that a thread gives back opens its store, and the end of the thread empties it. Frames that go
/// still later, with other objects of the thread, go to the system.
inline void frame_store::late(void* frame, std::size_t size) noexcept {
    struct closing {
        ~closing() {
            frames.empty();
            frames.closed_ = true;
        }
    };
    if (closed_) return ::operator delete(frame);
    static thread_local closing at_the_end;
    static_cast<void>(at_the_end);
    open_ = true;
    give_back(frame, size);
}

class task_promise_base {
  public:
    static void* operator new(std::size_t size) { return frames.take(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { frames.give_back(frame, size); }

    std::suspend_always initial_suspend() const noexcept { return {}; }
    auto final_suspend() const noexcept { return ending{}; }

    /// The chain of which this task is a part, once it has begun.
    [[nodiscard]] fiber& chain() const noexcept { return *fiber_; }

    /// As the outermost of a chain, which hears of its end: it begins when it is resumed.
    void belongs_to(fiber& chain) noexcept { fiber_ = &chain; }
    /// As what `awaiter` awaits. True when it has ended meanwhile.
    ///
    /// Two ways lead back to the awaiter. Most tasks end without having waited, and then it simply goes on, when this
    /// call returns. After one that has waited, or that was begun from the loop as the stack is deep, it is `next`.
    bool begin(std::coroutine_handle<> self, std::coroutine_handle<> awaiter, fiber& chain) {
        continuation_ = awaiter;
        fiber_ = &chain;
        if (between.is_deep()) [[unlikely]] {
            chain.goes_on_at(self);
            if (chain.postpone()) return false;
        }
        state_ = state::in_place;
        self.resume();
        return std::exchange(state_, state::waiting) == state::ended;
    }

  private:
    enum class state : char { waiting, in_place, ended };
    struct ending {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> self) const noexcept {
            task_promise_base& task = self.promise();
            if (std::exchange(task.state_, state::ended) == state::in_place) return;
            if (task.continuation_)
                between.next = task.continuation_;
            else
                task.fiber_->ended();
        }
        void await_resume() const noexcept {}
    };

    std::coroutine_handle<> continuation_;
    fiber* fiber_ = nullptr;
    state state_ = state::waiting;
};

/// What a task leaves: a value, or an exception.
template <class T>
class result {
  public:
    result() noexcept {}
    result(const result&) = delete;
    result& operator=(const result&) = delete;
    ~result() { clear(); }
    template <class Value>
    void set_value(Value&& value) {
        if constexpr (std::is_reference_v<T>)
            new (&value_) stored{std::addressof(value)};
        else
            new (&value_) stored(std::forward<Value>(value));
        kind_ = kind::value;
    }
    /// Also in place of a value: the destructor of a variable may throw when the task has returned already.
    void set_exception(std::exception_ptr exception) noexcept {
        clear();
        new (&exception_) std::exception_ptr{std::move(exception)};
        kind_ = kind::exception;
    }
    T take() {
        if (kind_ == kind::exception) std::rethrow_exception(exception_);
        if constexpr (std::is_reference_v<T>)
            return static_cast<T>(*value_);
        else
            return std::move(value_);
    }
    [[nodiscard]] std::exception_ptr exception() const noexcept {
        return kind_ == kind::exception ? exception_ : nullptr;
    }
    /// Takes over what the other has.
    void take_over(result& other) {
        if (other.kind_ == kind::exception)
            set_exception(other.exception_);
        else if constexpr (std::is_reference_v<T>)
            set_value(*other.value_);
        else
            set_value(std::move(other.value_));
    }

  private:
    using stored = std::conditional_t<std::is_reference_v<T>, std::add_pointer_t<T>, std::remove_const_t<T>>;
    enum class kind : char { none, value, exception };
    void clear() noexcept {
        if (kind_ == kind::value) value_.~stored();
        if (kind_ == kind::exception) exception_.~exception_ptr();
        kind_ = kind::none;
    }
    union {
        stored value_;
        std::exception_ptr exception_;
    };
    kind kind_ = kind::none;
};
template <>
class result<void> {
  public:
    void set_exception(std::exception_ptr exception) noexcept { exception_ = std::move(exception); }
    void take() const {
        if (exception_) std::rethrow_exception(exception_);
    }
    [[nodiscard]] std::exception_ptr exception() const noexcept { return exception_; }
    void take_over(result& other) noexcept { exception_ = std::move(other.exception_); }

  private:
    std::exception_ptr exception_;
};

template <class T>
class task_promise : public task_promise_base {
  public:
    task<T> get_return_object() noexcept { return task<T>{std::coroutine_handle<task_promise>::from_promise(*this)}; }
    template <class Value = T>
    requires std::is_convertible_v<Value&&, T>
    void return_value(Value&& value) { outcome.set_value(std::forward<Value>(value)); }
    void unhandled_exception() noexcept { outcome.set_exception(std::current_exception()); }

    result<T> outcome;
};
template <>
class task_promise<void> : public task_promise_base {
  public:
    task<void> get_return_object() noexcept {
        return task<void>{std::coroutine_handle<task_promise>::from_promise(*this)};
    }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { outcome.set_exception(std::current_exception()); }

    result<void> outcome;
};

/// Owns the task that it awaits, so that the frame goes when the awaiting expression has ended.
template <class T>
class [[nodiscard]] task_awaiter {
  public:
    explicit task_awaiter(std::coroutine_handle<task_promise<T>> awaited) noexcept : awaited_{awaited} {}
    task_awaiter(task_awaiter&& other) noexcept : awaited_{std::exchange(other.awaited_, nullptr)} {}
    task_awaiter& operator=(task_awaiter&&) = delete;
    ~task_awaiter() {
        if (awaited_) awaited_.destroy();
    }
    void operator co_await() & = delete;  // once: see task
    bool await_ready() const noexcept { return false; }
    /// Of an empty task: the awaiting task leaves its turn before it hears of the error, so no loop can go on for ever.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiter) const {
        fiber& whose = awaiter.promise().chain();
        if (awaited_) [[likely]]
            return !awaited_.promise().begin(awaited_, awaiter, whose);
        whose.goes_on_at(awaiter);
        return whose.postpone();
    }
    T await_resume() const {
        if (!awaited_) [[unlikely]]
            throw_empty_task();
        return awaited_.promise().outcome.take();
    }

  private:
    std::coroutine_handle<task_promise<T>> awaited_;
};

/// For what starts tasks.
struct task_access {
    template <class T>
    static std::coroutine_handle<task_promise<T>> release(task<T>& from) noexcept {
        return std::exchange(from.coroutine_, nullptr);
    }
};

}  // namespace detail

template <class T>
detail::task_awaiter<T> task<T>::operator co_await() && noexcept {
    return detail::task_awaiter<T>{std::exchange(coroutine_, nullptr)};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_TASK_HPP
