// netnotes/coro/join.hpp: the end of a task that was spawned
// SPDX-License-Identifier: MIT
//
// spawn() begins a task and returns a handle. The handle is how another task waits for the end of that task, gets its
// result, or cancels it:
//
//     task<> both() {
//         auto first = spawn(sum(1, 1'000));          // begins when both() waits
//         auto second = spawn(sum(1'000, 2'000));
//         const int one = co_await first.join();      // waits for its end; returns its result or throws its exception
//         const int two = co_await second.join();
//         std::cout << one + two << '\n';
//     }
//
//        spawn ──┬── the caller continues ──── join() waits ─────> result
//                └── the task ──────────────── ends ─────┘
//
// A program need not join a task. If it does not, an exception in the task ends the run. coro/group.hpp has tasks that
// cannot outlive a scope.
//
// On this page:  join_handle

#ifndef NETNOTES_CORO_JOIN_HPP
#define NETNOTES_CORO_JOIN_HPP

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "scheduler.hpp"
#include "task.hpp"

namespace netnotes {

class event_loop;
namespace detail {
template <class T>
class spawned_task;
}  // namespace detail

template <class T = void>
class join_handle;

/// Refers to a spawned task, for the caller that wants its result. It can be moved, not copied. Use it in the loop's
/// thread. It may outlive the task and the loop.
///
/// Dropping the handle does not end the task. The result is then lost. If the task throws, event_loop::run() ends and
/// throws that exception.
template <class T>
class join_handle {
  public:
    /// Makes an empty handle.
    join_handle() noexcept = default;
    /// Takes the task of `other`, which is empty afterwards.
    join_handle(join_handle&& other) noexcept : task_{std::exchange(other.task_, nullptr)} {}
    /// Drops the own task and takes that of `other`, which is empty afterwards.
    join_handle& operator=(join_handle&& other) noexcept {
        join_handle{std::move(other)}.swap(*this);
        return *this;
    }
    /// Drops the handle. The task runs on.
    ~join_handle();
    /// A mistake: the message says what to write.
    template <class Result = T>
    std::suspend_never operator co_await() const {
        static_assert(!std::is_same_v<Result, T>, "a handle of a spawned task: write co_await handle.join()");
        return {};
    }
    /// Exchanges the two handles.
    void swap(join_handle& other) noexcept { std::swap(task_, other.task_); }

    /// `co_await handle.join()` suspends until the task has ended. Returns its result or throws its exception, once.
    ///
    /// If the task was cancelled, join() throws std::system_error with errc::operation_canceled. If the waiting task
    /// itself is cancelled, join() throws netnotes::cancelled; the joined task runs on, and another join() can take its
    /// result. Throws std::logic_error if the handle is empty or the result was taken already. It throws the same if
    /// another task waits in join(), or if the task belongs to another loop.
    [[nodiscard]] auto join();
    /// Cancels the task: its present wait and every later wait throw netnotes::cancelled. Does not suspend. Has no
    /// effect if the task has ended or the handle is empty.
    void cancel() noexcept;
    /// Returns true if the task has ended; false if it has not, or if the handle is empty.
    [[nodiscard]] bool has_ended() const noexcept;

  private:
    friend event_loop;
    explicit join_handle(detail::spawned_task<T>& task) noexcept : task_{&task} {}

    detail::spawned_task<T>* task_ = nullptr;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

inline bool is_cancellation(const std::exception_ptr& exception) noexcept {
    try {
        std::rethrow_exception(exception);
    } catch (const cancelled&) {
        return true;
    } catch (...) {
        return false;
    }
}
/// Rethrows an exception of a task to a caller that was not cancelled. So netnotes::cancelled becomes std::system_error
/// with errc::operation_canceled, whose text begins with `what`.
[[noreturn]] inline void rethrow_outside(const std::exception_ptr& exception, const char* what) {
    try {
        std::rethrow_exception(exception);
    } catch (const cancelled&) {
        detail::throw_error(std::make_error_code(std::errc::operation_canceled), what);
    }
}

// ---- spawned tasks

class spawned : public fiber {
  public:
    static void* operator new(std::size_t size) { return frames.take(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { frames.give_back(memory, size); }

    [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
    void drop_handle() noexcept {
        has_handle_ = false;
        release();
    }

  protected:
    friend event_loop;
    template <class T>
    friend class join_share;
    template <class T>
    friend class joining;
    spawned(scheduler& loop, const char* name) noexcept
        : fiber{loop, name}, next_spawned_{loop.spawned_}, previous_spawned_{&loop.spawned_} {
        if (next_spawned_) next_spawned_->previous_spawned_ = &next_spawned_;
        loop.spawned_ = this;
        ++loop.size_;
    }
    virtual ~spawned() {
        if (!has_ended_) --loop().size_;  // the task was empty, and the derived class threw
        if (has_loop_) leave();
    }
    [[nodiscard]] virtual std::exception_ptr exception() const noexcept = 0;
    bool postpone() noexcept override {
        loop().make_ready(*this);
        return true;
    }
    /// Destroys the coroutine where it waits.
    virtual void break_off() noexcept = 0;
    void finish() noexcept {
        --loop().size_;
        has_ended_ = true;
        if (loop().main_ == this) loop().main_has_ended_ = true;
        if (joiner_) std::exchange(joiner_, nullptr)->comes_round();
        release();
    }

  private:
    void leave() noexcept {
        has_loop_ = false;
        *previous_spawned_ = next_spawned_;
        if (next_spawned_) next_spawned_->previous_spawned_ = previous_spawned_;
    }
    /// Ends the task because its loop is being destroyed. Deletes this object unless a handle refers to it.
    void lose_loop() noexcept {
        leave();
        if (!has_ended_) {
            break_off();
            joiner_ = nullptr;
            --loop().size_;
            has_ended_ = true;
        }
        release();
    }
    void release() noexcept {
        if (has_ended_ && !has_handle_ && joins_ == 0) abandon();
    }
    /// Deletes this object, because no handle and no join() refers to it. If its exception was not taken, the run fails
    /// with it. A cancelled task that ended by netnotes::cancelled is not a failure.
    void abandon() noexcept {
        if (!was_taken_ && has_loop_)
            if (const std::exception_ptr lost = exception(); lost && !(is_cancelled() && is_cancellation(lost)))
                loop().fails(lost);
        delete this;
    }

    // A server may have one such object for each connection. So these members come first, in the padding of the base.
    bool has_handle_ : 1 = true;
    bool has_ended_ : 1 = false;
    bool has_loop_ : 1 = true;

  protected:
    bool was_taken_ : 1 = false;  // true after the result or the exception was taken

  private:
    // Awaiters that refer to this object: a waiting awaiter, and cancelled awaiters that are not resumed yet.
    std::uint32_t joins_ = 0;
    spawned* next_spawned_;
    spawned** previous_spawned_;
    loop_operation* joiner_ = nullptr;
};

template <class T>
class spawned_task final : public spawned {
  public:
    spawned_task(scheduler& loop, task<T>&& what, const char* name)
        : spawned{loop, name}, task_{task_access::release(what)} {
        if (!task_) throw_empty_task();
        goes_on_at(task_);
        task_.promise().belongs_to(*this);
    }
    T take() {
        if (was_taken_) throw std::logic_error{"join: the result of this task was taken already"};
        was_taken_ = true;
        return outcome_.take();
    }
    /// Does the same as take(), but changes the exception as rethrow_outside() does.
    T take_outside(const char* what) {
        if (!was_taken_ && outcome_.exception()) {
            was_taken_ = true;
            rethrow_outside(outcome_.exception(), what);
        }
        return take();
    }

  private:
    ~spawned_task() override {
        if (has_ended()) outcome_.~result();
    }
    [[nodiscard]] std::exception_ptr exception() const noexcept override { return outcome_.exception(); }
    void break_off() noexcept override {
        task_.destroy();
        leave_awaiter();
        new (&outcome_) result<T>;
        try {
            outcome_.set_exception(std::make_exception_ptr(cancelled{}));
        } catch (...) {  // no memory for the exception
            outcome_.set_exception(std::current_exception());
        }
    }
    void ended() noexcept override {
        const auto task = task_;
        new (&outcome_) result<T>;
        try {
            outcome_.take_over(task.promise().outcome);
        } catch (...) {
            outcome_.set_exception(std::current_exception());
        }
        task.destroy();  // now, and not with the handle, because its parameters may own connections
        finish();
    }

    union {
        std::coroutine_handle<task_promise<T>> task_;  // until the task has ended
        result<T> outcome_;                            // after that
    };
};

/// Keeps a spawned task alive for an awaiter, because the handle may be dropped before the awaiter has the result.
template <class T>
class join_share {
  public:
    explicit join_share(spawned_task<T>* task) : task_{task} {
        if (task_) ++task_->joins_;
    }
    join_share(join_share&& other) noexcept : task_{std::exchange(other.task_, nullptr)} {}
    join_share& operator=(join_share&&) = delete;
    ~join_share() {
        if (!task_) return;
        --task_->joins_;
        task_->release();
    }
    [[nodiscard]] spawned_task<T>* get() const noexcept { return task_; }

  private:
    spawned_task<T>* task_;
};

template <class T>
class joining : public loop_operation {
  public:
    explicit joining(join_share<T>&& share) noexcept : share_{std::move(share)}, task_{share_.get()} {}
    ~joining() {
        if (task_ && task_->joiner_ == this) task_->joiner_ = nullptr;
    }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        fiber& whose = waiter.promise().chain();
        whose_ = &whose;
        was_cancelled_ = whose.is_cancelled() && (!task_ || whose.is_withdrawn() || !task_->has_ended());
        if (was_cancelled_ || (refusal_ = why_not(whose))) return hear_at_once(waiter, whose);
        if (task_->has_ended()) {
            if (whose.loop().take_step()) return false;
            waits(waiter, whose);
            comes_round();
            return true;
        }
        waits(waiter, whose);
        task_->joiner_ = this;
        return true;
    }
    T await_resume() {
        if (is_waiting()) decided();
        if (was_cancelled_) throw_cancelled();
        if (refusal_) throw std::logic_error{refusal_};
        if (whose_->is_cancelled()) return task_->take();
        return task_->take_outside("join");
    }

  private:
    /// Returns why this task may not wait for the other task; nullptr if it may.
    [[nodiscard]] const char* why_not(const fiber& whose) const noexcept {
        if (!task_) return "join: empty handle: default-constructed or moved from";
        if (task_->has_ended()) return nullptr;
        if (task_->joiner_) return "join: another task already waits for this task";
        return &whose.loop() != &task_->loop() ? "join: this task belongs to another event loop" : nullptr;
    }
    /// Gives up the wait. If the joined task has ended and the waiting task is to be resumed, the wait succeeds all the
    /// same. But if the result would be dropped (fiber::withdraw()), it stays with the joined task.
    void cancelled() noexcept override {
        const bool has_ended = task_->joiner_ != this;
        if (has_ended && !chain().is_withdrawn()) return;
        was_cancelled_ = true;
        if (has_ended) return decided();
        task_->joiner_ = nullptr;
        go_on();
    }

    join_share<T> share_;
    spawned_task<T>* task_;
    const fiber* whose_ = nullptr;
    const char* refusal_ = nullptr;
    bool was_cancelled_ = false;
};

}  // namespace detail

template <class T>
join_handle<T>::~join_handle() {
    if (task_) task_->drop_handle();
}
template <class T>
auto join_handle<T>::join() {
    return detail::awaited_once<detail::joining<T>, detail::join_share<T>>{detail::join_share<T>{task_}};
}
template <class T>
void join_handle<T>::cancel() noexcept {
    if (task_ && !task_->has_ended()) task_->cancel();
}
template <class T>
bool join_handle<T>::has_ended() const noexcept {
    return task_ && task_->has_ended();
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_JOIN_HPP
