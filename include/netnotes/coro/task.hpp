// netnotes/coro/task.hpp: functions that wait
// SPDX-License-Identifier: MIT
//
// A server with a thousand clients waits in a thousand places. A thread for each client costs a thousand stacks.
// Callbacks need only one stack, but they cut each conversation into pieces. A coroutine is a function that can wait
// without keeping a thread. `co_await` suspends it, and the event loop resumes it when its event has happened. So it
// reads like the blocking program.
//
//     task<std::string> ask(async_stream& server, std::string_view question) {
//         co_await server.send_all(question);                     other tasks run during the wait
//         co_return co_await receive_line(server);                a task awaits a task as a function calls a function
//     }
//
//        outer ── co_await inner() ──> inner ── co_await (an operation) ──┐
//          ^                             ^                                │ the stack is empty; the frames are on the
//          |                             └────── the loop resumes it ─────┘ heap, and each frame knows which frame
//          └────── co_return value ──────┘                                  awaits it
//
// A task is lazy. Calling the function only makes its frame, and co_await begins it. So a task that is never awaited
// never runs, which is why the class is [[nodiscard]]. The task begins inside the expression that awaits it, so
// arguments passed by reference stay valid. To run a task concurrently with its caller, use spawn() (coro/loop.hpp).
//
// If a task is cancelled, its wait throws netnotes::cancelled. Destructors then clean up, as in any function. The class
// is not a std::exception, so a handler that logs every std::exception and continues does not swallow it. If a task
// swallows it anyway, its next wait throws it again.
//
// g++ 12 compiles some expressions around co_await wrongly, and prints no warning. With that compiler write
//     auto ready = co_await x; if (ready) ...        not   if (co_await x) ..., while (co_await x) ..., switch
//     pair p{a, 1}; co_await f(std::move(p))         not   co_await f({a, 1}): an aggregate that is a temporary
//     auto body = [n]() -> task<> ...; co_await body()     not   co_await [n]() -> task<> {...}(): a capturing temporary
//     auto body = [n](task_group&) ...; with_group(body)   not   co_await with_group([n](task_group&) ...), nor such a
//                                                                std::function argument, nor [n](T) {...}(co_await x)
//     if (c) co_await x; else co_await y;            not   c ? co_await x : co_await y, with operands of class type
//     auto text = co_await x; throw error{text};     not   throw error{co_await x}
//     auto a = co_await x; std::vector{a, ...}       not   std::vector{co_await x, co_await y}, pair p{co_await x, 4}
// clang and newer versions of g++ compile both columns correctly. The examples and tests use the left column.
// `sh tests/gcc12_coroutines.sh FILE...` finds expressions of the right column in your sources.
//
// On this page:  task, cancelled · for authors of awaitables: fiber, operation, awaited_once
// The notes:     asyncio, async/await; examples 24 to 26

#ifndef NETNOTES_CORO_TASK_HPP
#define NETNOTES_CORO_TASK_HPP

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iosfwd>
#include <new>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include "../ip/version.hpp"
#include "../socket/block.hpp"

namespace netnotes {

namespace detail {
class scheduler;
template <class T>
class task_promise;
template <class T>
class task_awaiter;
struct task_access;
struct write_co_await_before_the_call;  // what a compiler shows for a mistake: tests/package/mistakes.txt
}  // namespace detail

/// Thrown by the waits of a cancelled task. It is not an error and not a std::exception. Catch it only to clean up, and
/// rethrow it. Outside of the cancelled task it is reported as std::system_error with errc::operation_canceled: by
/// event_loop::run(), and by join_handle::join() to a task that was not cancelled itself.
class cancelled {
  public:
    /// Returns a fixed text for log messages.
    [[nodiscard]] const char* what() const noexcept { return "this task was cancelled"; }
};

/// A coroutine that can wait. Its result is a value, a reference, nothing, or an exception. It begins when it is
/// awaited, and it can be awaited once: `co_await f()`, or `co_await std::move(t)` for a variable. Before that it can
/// be moved, not copied. It runs in the thread of its event loop.
///
/// A task that waits can be destroyed. Its variables are then destroyed, innermost call first, which nests on the
/// stack. Each call takes 64 bytes with g++ -O2, and 160 bytes without optimization. So a depth of 50,000 calls is safe
/// on a stack of 8 MiB. The end of a task, and its cancellation, do not nest.
template <class T = void>
class [[nodiscard]] task {
  public:
    /// Names the promise, as the language requires for a coroutine.
    using promise_type = detail::task_promise<T>;

    /// Makes an empty task. Awaiting it throws std::logic_error, as does awaiting a task that was moved from or
    /// awaited.
    task() noexcept = default;
    /// Takes the coroutine of `other`, which is empty afterwards.
    task(task&& other) noexcept : coroutine_{std::exchange(other.coroutine_, nullptr)} {}
    /// Destroys the own coroutine and takes that of `other`, which is empty afterwards.
    task& operator=(task&& other) noexcept {
        task{std::move(other)}.swap(*this);
        return *this;
    }
    /// Destroys the coroutine if it was never awaited, with its arguments.
    ~task() {
        if (coroutine_) coroutine_.destroy();
    }
    /// Exchanges the two coroutines.
    void swap(task& other) noexcept { std::swap(coroutine_, other.coroutine_); }

    /// `co_await` runs the task at once, up to its first wait, and suspends the caller until the task has ended. Then
    /// it returns the task's result or throws its exception. Throws std::logic_error if the task is empty.
    [[nodiscard]] detail::task_awaiter<T> operator co_await() && noexcept;
    /// A mistake: the message says what to write.
    template <class Result = T>
    detail::task_awaiter<Result> operator co_await() & {
        static_assert(!std::is_same_v<Result, T>, "a task with a name: write co_await std::move(name), only once");
    }
    template <class Value, class Advice = detail::write_co_await_before_the_call>
    requires(std::is_arithmetic_v<Value> || std::is_same_v<Value, T>)
    operator Value() const = delete;

  private:
    friend promise_type;
    friend detail::task_access;
    explicit task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_{coroutine} {}

    std::coroutine_handle<promise_type> coroutine_;
};

template <class Traits, class T, class Advice = detail::write_co_await_before_the_call>
void operator<<(std::basic_ostream<char, Traits>&, const task<T>&) = delete;

namespace detail {
template <class Traits, class Operation, class Advice = typename Operation::write_co_await>
void operator<<(std::basic_ostream<char, Traits>&, const Operation&) = delete;
template <class Operation, class Value, class Advice = typename Operation::write_co_await>
void operator==(const Operation&, const Value&) = delete;
}  // namespace detail

// ========================================================================================================
// For authors of awaitables
// ========================================================================================================

namespace detail {

class operation;

/// Holds what a thread must remember from one coroutine to the next. A coroutine that ends does not resume its awaiter:
/// it stores the awaiter in `next` and returns. So chains of any length end without nesting on the stack. "Symmetric
/// transfer" gives the same only where the compiler turns a call into a jump. g++ does not below -O2 or with a
/// sanitizer.
struct relay {
    std::coroutine_handle<> next;  ///< is resumed as soon as the running coroutine has returned
    std::uintptr_t stack_begin;    ///< where the stack was when the loop resumed the running chain

    /// Resumes `coroutine`, and then each coroutine that is stored in `next`.
    void resume(std::coroutine_handle<> coroutine) {
        stack_begin = here();
        coroutine.resume();
        while (next) std::exchange(next, nullptr).resume();
    }
    /// Returns true if the stack is deep, because coroutines have begun inside one another. Then the loop should begin
    /// the next coroutine.
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

/// Throws netnotes::cancelled.
[[noreturn]] inline void throw_cancelled() { throw cancelled{}; }
/// Throws std::logic_error for a task without a coroutine.
[[noreturn]] inline void throw_empty_task() {
    throw std::logic_error{"empty task: default-constructed, moved from, or already awaited"};
}

/// A chain of tasks, each awaiting the next. It begins with the task that was started, by spawn() for example, and ends
/// with the task that runs or waits. Other libraries call the whole chain a fibre, a green thread or a task.
class fiber {
  public:
    fiber(const fiber&) = delete;
    fiber& operator=(const fiber&) = delete;

    /// Cancels the chain. Its present wait throws netnotes::cancelled unless the wait has been decided already, and so
    /// does every later wait. The loop resumes the chain later, not inside this call.
    void cancel() noexcept;
    /// Returns true after cancel() or withdraw().
    [[nodiscard]] bool is_cancelled() const noexcept { return cancelled_; }
    /// Cancels the chain and declares that its result will not be used. A value or permit that is reserved for the
    /// chain is then given back, although cancel() would come too late for that.
    void withdraw() noexcept;
    /// Returns true after withdraw().
    [[nodiscard]] bool is_withdrawn() const noexcept { return withdrawn_; }
    /// Returns the scheduler that resumes the chain. The chain must have begun.
    [[nodiscard]] scheduler& loop() const noexcept { return *loop_; }
    /// Returns the name that was given to spawn().
    [[nodiscard]] const char* name() const noexcept { return name_; }
    /// Sets the coroutine that resume() resumes. Code that suspends the chain calls this.
    void goes_on_at(std::coroutine_handle<> coroutine) noexcept { goes_on_at_ = coroutine; }
    /// Returns the coroutine that resume() resumes.
    [[nodiscard]] std::coroutine_handle<> goes_on_at() const noexcept { return goes_on_at_; }
    /// Resumes the chain. This object may be destroyed when the call returns.
    void resume() const { between.resume(goes_on_at_); }

  protected:
    fiber() noexcept = default;
    /// Makes a chain of `loop`. `name` is not copied.
    fiber(scheduler& loop, const char* name) noexcept : loop_{&loop}, name_{name} {}
    /// Makes this chain a part of `parent`, which waits for it: takes over the loop and the name.
    void belongs_to(const fiber& parent) noexcept {
        loop_ = parent.loop_;
        name_ = parent.name_;
    }
    /// Ends the wait of an awaiter that is stored outside of the coroutine. Call when the coroutine has been destroyed.
    inline void leave_awaiter() noexcept;
    ~fiber() = default;
    /// Called once, when the outermost task has ended and its result is stored. It runs in the last step of the
    /// coroutine, and may destroy the coroutine.
    virtual void ended() noexcept = 0;
    /// Makes the loop resume the chain at the next turn. Returns false if the chain has no loop.
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
    // A chain runs, waits, or is in the ready queue. So one of each member is enough for all its tasks and awaiters.
    std::coroutine_handle<> goes_on_at_;
    fiber* next_ready_ = nullptr;
    bool cancelled_ = false;
    bool withdrawn_ = false;
};

/// The wait of the last task of a chain: the base of the awaiters. An awaiter is in the frame of the awaiting
/// coroutine.
class operation {
  public:
    operation(const operation&) = delete;
    operation& operator=(const operation&) = delete;
    // A mistake: the message says what to write. So in `reporting` and `awaited_once`.
    using write_co_await = write_co_await_before_the_call;
    template <class Value, class Advice = write_co_await_before_the_call>
    requires std::is_arithmetic_v<Value>
    operator Value() const = delete;
    /// Returns the chain that waits. The operation must wait, or have waited.
    [[nodiscard]] fiber& chain() const noexcept { return *reinterpret_cast<fiber*>(chain_ & ~waiting); }

  protected:
    operation() noexcept = default;
    /// Waits still only if the frame is destroyed during the wait. Then the derived class removes itself from its list.
    /// (always_inline, because g++ takes the body of a coroutine for code that runs once, and would make this a call.)
    [[gnu::always_inline]] ~operation() {
        if (is_waiting()) [[unlikely]]
            decided();
    }
    /// Begins the wait: from now on cancelled() may be called. Call in await_suspend().
    void waits(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        chain_ = reinterpret_cast<std::uintptr_t>(&whose) | waiting;
        whose.waits_for_ = this;
        whose.goes_on_at(waiter);
    }
    /// Returns true after the first waits().
    [[nodiscard]] bool has_waited() const noexcept { return chain_ != 0; }
    /// Returns true from waits() until decided().
    [[nodiscard]] bool is_waiting() const noexcept { return (chain_ & waiting) != 0; }
    /// Ends the wait: from now on cancelling comes too late. The caller must make sure that the coroutine is resumed.
    void decided() noexcept {
        chain().waits_for_ = nullptr;
        chain_ &= ~waiting;
    }
    /// Gives up the wait, and makes sure that the loop resumes the coroutine later. Called when the chain is cancelled.
    virtual void cancelled() noexcept = 0;

  private:
    friend fiber;
    // The chain's address. Its lowest bit is set while this operation waits. An awaiter that is stored outside of its
    // coroutine may be destroyed after the chain, so the destructor must not read the chain.
    static constexpr std::uintptr_t waiting = 1;
    std::uintptr_t chain_ = 0;
};

/// An awaitable that can be awaited once, because its awaiter takes over `parts`. Only an rvalue can be awaited, so
/// code that awaits a variable twice does not compile.
template <class Awaiter, class... Parts>
class [[nodiscard]] awaited_once {
  public:
    /// Takes the arguments of the awaiter's constructor.
    explicit awaited_once(Parts... parts) : parts_{std::move(parts)...} {}
    /// Makes the awaiter when `co_await` begins.
    [[nodiscard]] Awaiter operator co_await() && { return std::make_from_tuple<Awaiter>(std::move(parts_)); }
    using write_co_await = write_co_await_before_the_call;
    template <class Value, class Advice = write_co_await_before_the_call>
    requires std::is_arithmetic_v<Value>
    operator Value() const = delete;

  private:
    std::tuple<Parts...> parts_;
};

inline void fiber::leave_awaiter() noexcept {
    if (waits_for_) [[unlikely]]
        waits_for_->cancelled();
}

// ========================================================================================================
// How it is done
// ========================================================================================================

// Every call of a task makes a frame and frees it. There are few sizes, and mostly the last frame made is freed first.
// So each thread keeps some free frames of each size, which halves the cost of a call.

class frame_store {
  public:
    void* take(std::size_t size) {
        const std::size_t index = index_of(size);
        if (!keeps_freed_memory || index >= lists_.size()) return ::operator new(size);
        list& free = lists_[index];
        if (!free.first) return ::operator new((step * index) + first_step);
        --free.length;
        return std::exchange(free.first, free.first->next);
    }
    void give_back(void* frame, std::size_t size) noexcept {
        const std::size_t index = index_of(size);
        if (!keeps_freed_memory || index >= lists_.size() || lists_[index].length == longest)
            return ::operator delete(frame);
        if (!open_) return late(frame, size);
        list& free = lists_[index];
        free.first = new (frame) link{free.first};
        ++free.length;
    }

  private:
    static constexpr std::size_t step = 16;        // bytes between two sizes, as in malloc, ...
    static constexpr std::size_t first_step = 24;  // ... which keeps 8 bytes of each block for itself
    static constexpr std::uint32_t longest = 256;  // free frames kept of one size; further frames are deleted
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

    // No constructor and no destructor, so that access to the thread_local object needs no check whether it was made.
    std::array<list, 128> lists_;
    bool open_;
    bool closed_;
};
inline constinit thread_local frame_store frames{};

/// Takes a frame while the store is not open. The first frame that a thread gives back opens its store, and the end of
/// the thread empties it. Frames that other thread_local objects give back after that are deleted.
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

    /// Returns the chain that this task is a part of. The task must have begun.
    [[nodiscard]] fiber& chain() const noexcept { return *fiber_; }

    /// Makes this task the outermost task of `chain`, which is told when the task ends. Resume the task to begin it.
    void belongs_to(fiber& chain) noexcept { fiber_ = &chain; }
    /// Notes that the task only awaits one operation, which was made before: with_timeout(2s, stream.recv(room)).
    void set_operation() noexcept { is_operation_ = true; }
    [[nodiscard]] bool is_operation() const noexcept { return is_operation_; }
    /// Begins this task for `awaiter`. Returns true if the task has ended inside this call.
    ///
    /// There are two ways back to the awaiter. Most tasks end without a wait, and then the awaiter continues when this
    /// call returns. A task that has waited stores the awaiter in relay::next when it ends. So does a task that the
    /// loop had to begin because the stack was deep.
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
    bool is_operation_ = false;  // beside the state, where it needs no memory
};

/// Stores what a task returned or threw.
template <class T>
class result {
    using stored = std::conditional_t<std::is_reference_v<T>, std::add_pointer_t<T>, std::remove_const_t<T>>;

  public:
    result() noexcept {}
    result(const result&) = delete;
    result& operator=(const result&) = delete;
    ~result() { clear(); }
    template <class Value>
    void set_value(Value&& value) {
        if constexpr (std::is_reference_v<T>)
            new (&value_) stored{__builtin_addressof(value)};  // std::addressof without <memory>
        else
            new (&value_) stored(std::forward<Value>(value));
        kind_ = kind::value;
    }
    /// Stores an exception, and drops a value that is stored already. A destructor of a variable may throw after
    /// co_return.
    void set_exception(std::exception_ptr exception) noexcept {
        clear();
        new (&exception_) std::exception_ptr{std::move(exception)};
        kind_ = kind::exception;
    }
    /// Returns the value, or throws the exception. Call once.
    T take() {
        if (kind_ == kind::exception) std::rethrow_exception(exception_);
        if constexpr (std::is_reference_v<T>)
            return static_cast<T>(*value_);
        else
            return std::move(value_);
    }
    // Returns the value where it lies, or throws the exception.
    stored& value() {
        if (kind_ == kind::exception) std::rethrow_exception(exception_);
        return value_;
    }
    [[nodiscard]] std::exception_ptr exception() const noexcept {
        return kind_ == kind::exception ? exception_ : nullptr;
    }
    /// Moves the result of `other` here.
    void take_over(result& other) {
        if (other.kind_ == kind::exception)
            set_exception(other.exception_);
        else if constexpr (std::is_reference_v<T>)
            set_value(*other.value_);
        else
            set_value(std::move(other.value_));
    }

  private:
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
    requires(std::is_convertible_v<Value&&, T> && !std::is_arithmetic_v<T>)
    void return_value(Value&& value) { outcome.set_value(std::forward<Value>(value)); }
    // In a task<std::size_t>, `co_return 0` converts a constant, which no compiler warns of. Through a template it would
    // convert an int.
    void return_value(T value) requires std::is_arithmetic_v<T> { outcome.set_value(value); }
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

/// Owns the awaited task, so that its frame is destroyed at the end of the awaiting expression.
template <class T>
class [[nodiscard]] task_awaiter {
  public:
    explicit task_awaiter(std::coroutine_handle<task_promise<T>> awaited) noexcept : awaited_{awaited} {}
    task_awaiter(task_awaiter&& other) noexcept : awaited_{std::exchange(other.awaited_, nullptr)} {}
    task_awaiter& operator=(task_awaiter&&) = delete;
    ~task_awaiter() {
        if (awaited_) awaited_.destroy();
    }
    void operator co_await() & = delete;  // a task can be awaited once
    bool await_ready() const noexcept { return false; }
    /// Begins the task. If the task is empty, the awaiting task gives up its turn before the error is thrown. So a
    /// program that tries again for ever still lets the other tasks run.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiter) const {
        fiber& whose = awaiter.promise().chain();
        if (awaited_) [[likely]]
            return !awaited_.promise().begin(awaited_, awaiter, whose);
        whose.goes_on_at(awaiter);
        return whose.postpone();
    }
    T await_resume() const { return outcome().take(); }
    // The result in the frame of the awaited task, when that task has ended.
    [[nodiscard]] result<T>& outcome() const {
        if (!awaited_) [[unlikely]]
            throw_empty_task();
        return awaited_.promise().outcome;
    }

  private:
    std::coroutine_handle<task_promise<T>> awaited_;
};

/// Lets code that starts tasks take the coroutine out of a task.
struct task_access {
    template <class T>
    static std::coroutine_handle<task_promise<T>> release(task<T>& from) noexcept {
        return std::exchange(from.coroutine_, nullptr);
    }
    /// Notes that the task only awaits one operation.
    template <class T>
    static void is_operation(const task<T>& what) noexcept {
        what.coroutine_.promise().set_operation();
    }
};

}  // namespace detail

template <class T>
detail::task_awaiter<T> task<T>::operator co_await() && noexcept {
    return detail::task_awaiter<T>{std::exchange(coroutine_, nullptr)};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_TASK_HPP
