// netnotes/coro/scheduler.hpp: which task is resumed next
// SPDX-License-Identifier: MIT
//
// The scheduler is the part of an event loop that its tasks use. It has a queue of ready tasks, a timer wheel, a clock,
// and the back end that waits for descriptors. A task awaits an *operation*, which is an object in the task's own
// frame. The operation tells the scheduler when the wait has ended:
//
//        co_await op ──> op.waits(...)        the coroutine is suspended; op enters a list, the timer wheel,
//                          │                  or the node of a descriptor
//                          ├── its event happens:      op.go_on(), and the task enters the ready queue
//                          └── the task is cancelled:  op.cancelled(), which does the same
//
// So a wait needs no allocation and no search, and a switch between tasks costs a few nanoseconds.
//
// On this page:  for authors of awaitables: scheduler, loop_operation, loop_timer, posted_call, stepping
// The notes:     协程问题 (which function switches; 1:N); read coro/loop.hpp first

#ifndef NETNOTES_CORO_SCHEDULER_HPP
#define NETNOTES_CORO_SCHEDULER_HPP

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "../ip/algorithm.hpp"
#include "../socket/owner.hpp"
#include "../socket/socket.hpp"
#include "../socket/stop.hpp"
#include "io/back_end.hpp"
#include "task.hpp"
#include "timer_wheel.hpp"

namespace netnotes {

namespace detail {

class io_node;
class loop_timer;
class posted_call;
class spawned;

/// Decides which task is resumed next, in one thread. Only post_call() may be called from other threads.
class scheduler {
  public:
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;

    /// Returns the time of steady_clock, or virtual time.
    [[nodiscard]] time_point now() const noexcept { return is_virtual_ ? virtual_now_ : clock::now(); }

    /// Puts the chain in the ready queue, so that it is resumed at the next turn.
    void make_ready(fiber& chain) noexcept {
        if (!ready_end_) return;  // all tasks are being destroyed
        chain.next_ready_ = nullptr;
        *ready_end_ = &chain;
        ready_end_ = &chain.next_ready_;
    }
    /// Resumes the chain inside this call. The chain may be destroyed when the call returns.
    void resume(const fiber& chain) noexcept {
        steps_ = steps_a_turn;
        runs(chain);
        if (slow_after_ == never)
            chain.resume();
        else
            resume_watched(chain);
    }
    /// Counts a step of the running task. Returns true if the task may continue without a wait, and false after
    /// `steps_a_turn` steps. Otherwise a peer that always sends would keep all other tasks waiting.
    [[nodiscard]] bool take_step() noexcept { return --steps_ > 0; }
    /// Counts a step that may take a value before it has looked at its chain. Returns false for a cancelled chain, too,
    /// because its result may be dropped, and the value with it.
    [[nodiscard]] bool take_quick_step() noexcept { return --steps_ > 0 && may_take_ == cancellations_; }
    /// Notes that `chain` runs now. Returns the note before, for runs_again().
    unsigned runs(const fiber& chain) noexcept {
        return std::exchange(may_take_, chain.is_cancelled() ? cancellations_ - 1 : cancellations_);
    }
    /// Notes that the chain of an earlier runs() runs again, because the chain inside it has returned.
    void runs_again(unsigned note) noexcept { may_take_ = note; }
    /// Notes that a chain is cancelled. It may be the running chain, or a chain that waits for it. So every earlier note is
    /// void, and a running chain takes no quick step before the loop resumes it.
    void notes_cancellation() noexcept { ++cancellations_; }
    /// Makes the operations of `node` try again at the next turn.
    void look_again(io_node& node) noexcept;
    /// Arms the timer. With time_point::max() it never expires, not even in virtual time.
    void arm(loop_timer& what, time_point when) noexcept;
    /// Returns the buffer that all tasks receive into. Its bytes are valid until the task that has received them waits.
    [[nodiscard]] std::span<std::byte> lent_buffer() const noexcept { return {lent_.get(), lent_size}; }
    /// Returns true if these bytes are in lent_buffer(), or in a buffer that the back end has lent.
    [[nodiscard]] bool has_lent(std::span<const std::byte> bytes) const noexcept {
        return is_inside(bytes, lent_buffer()) || back_end_->has_lent(bytes);
    }
    /// Makes the loop call `call`. May be called from any thread and from a signal handler. Do not post the same object
    /// again before the loop has called it.
    void post_call(posted_call& call) noexcept;
    /// Returns the object that waits for descriptors.
    [[nodiscard]] io_back_end& back_end() const noexcept { return *back_end_; }
    /// Returns true from the moment when the task of run() has ended until run() returns.
    [[nodiscard]] bool main_has_ended() const noexcept { return main_has_ended_; }

  protected:
    static constexpr int steps_a_turn = 64;
    static constexpr std::size_t lent_size = 64 * 1024;
    static constexpr unsigned tick_bits = 20;  // a tick is 2^20 ns, a little more than a millisecond

    using slow_function = void (*)(const char* name, duration took);
    scheduler(bool is_virtual, duration slow_after, slow_function slow)
        : is_virtual_{is_virtual}, slow_after_{slow_after}, slow_{slow}, lent_{new std::byte[lent_size]} {}
    ~scheduler() = default;
    void resume_watched(const fiber& chain) noexcept;
    void run_ready() noexcept;
    void run_posted() noexcept;
    void forget_posted() noexcept;
    void run_timers() noexcept;
    [[nodiscard]] duration time_to_next_timer() noexcept;
    [[nodiscard]] std::uint64_t tick_of(time_point when) const noexcept;  // not before `when`
    [[nodiscard]] std::uint64_t ticks_passed() const noexcept;
    /// Ends the run with this exception, unless it already ends with an earlier exception.
    void fails(std::exception_ptr exception) noexcept {
        if (!failure_) failure_ = std::move(exception);
    }

    friend io_node;
    friend spawned;
    const bool is_virtual_;  // see loop_options
    const duration slow_after_;
    const slow_function slow_;
    int steps_ = 0;
    unsigned cancellations_ = 0;
    unsigned may_take_ = 0;  // differs from cancellations_ if the running chain may be cancelled
    fiber* ready_ = nullptr;
    fiber** ready_end_ = &ready_;
    timer_wheel timers_;
    time_point origin_ = clock::now();
    time_point virtual_now_ = origin_;
    // Nodes that were closed in this turn. Events of the same batch, and awaiters, may still refer to them.
    io_node* retired_ = nullptr;
    io_node* pending_ = nullptr;  // nodes with an operation that had to give up its turn
    owner<std::byte[]> lent_;
    spawned* spawned_ = nullptr;  // list of tasks that have not ended or have a handle
    std::size_t size_ = 0;        // spawned tasks that have not ended
    const spawned* main_ = nullptr;  // the task of run()
    bool main_has_ended_ = false;
    std::exception_ptr failure_;
    stop_event wake_;  // post_call() wakes the loop with it: a stop_event is an eventfd
    std::atomic<posted_call*> posted_{nullptr};
    std::atomic<bool> asleep_{false};
    std::atomic<int> posting_{0};  // threads inside of post_call()
    owner<io_back_end> back_end_;
};

/// A timer that calls expired() when its time has come.
class loop_timer : public timer {
  protected:
    friend scheduler;
    loop_timer() noexcept = default;
    ~loop_timer() = default;
    virtual void expired() noexcept = 0;
};

/// A call that another thread or a signal handler asks the loop to make: see scheduler::post_call().
class posted_call {
  public:
    posted_call(const posted_call&) = delete;
    posted_call& operator=(const posted_call&) = delete;

  protected:
    friend scheduler;
    posted_call() noexcept = default;
    ~posted_call() = default;
    /// Called once, in the loop's thread. An exception of it ends the run.
    virtual void call() = 0;
    /// Called instead of call() if the loop is destroyed first. An object without another owner deletes itself, here
    /// and in call().
    virtual void forget() noexcept { call(); }

  private:
    posted_call* next_ = nullptr;
};

/// The base of awaiters whose task the loop resumes. go_on(), go_on_next() and go_on_now() end the wait, so cancelling
/// comes too late after that.
class loop_operation : public operation {
  public:
    /// Ends the wait. The coroutine is resumed at the next turn.
    void go_on() noexcept {
        decided();
        chain().loop().make_ready(chain());
    }
    /// Makes the coroutine ready, but does not end the wait: await_resume() must do that. Until then the wait can still
    /// be cancelled.
    void comes_round() noexcept { chain().loop().make_ready(chain()); }
    /// Ends the wait. The coroutine is resumed as soon as the running coroutine has returned to the loop.
    void go_on_next() noexcept {
        decided();
        chain().loop().runs(chain());
        between.next = chain().goes_on_at();
    }
    /// Ends the wait. The coroutine is resumed inside this call, and this object may be destroyed when the call
    /// returns.
    void go_on_now() noexcept {
        decided();
        chain().loop().resume(chain());
    }

  protected:
    loop_operation() noexcept = default;
    ~loop_operation() = default;
    /// Call in await_suspend() of a cancelled task, and return its result. The task is resumed at once, and
    /// await_resume() throws. A task that swallows the exception many times must give up its turn now and then.
    static bool hear_at_once(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        return !whose.loop().take_step() && leave_turn(waiter, whose);
    }
    /// Call in await_suspend() if there is nothing to wait for, and return its result. The coroutine is resumed one
    /// turn later, after all tasks that are ready now.
    static bool leave_turn(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        whose.goes_on_at(waiter);
        whose.loop().make_ready(whose);
        return true;
    }
};

/// Keeps a task fair to the others. Write `co_await stepping{}` before an operation that may complete or fail without a
/// wait. It suspends the task for one turn after many steps. Throws netnotes::cancelled if the task is cancelled.
class stepping : public loop_operation {
  public:
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) noexcept {
        whose_ = &waiter.promise().chain();
        return hear_at_once(waiter, *whose_);
    }
    void await_resume() const {
        if (whose_->is_cancelled()) throw_cancelled();
    }

  private:
    void cancelled() noexcept override {}
    fiber* whose_ = nullptr;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline void fiber::cancel() noexcept {
    if (std::exchange(cancelled_, true)) return;
    if (loop_) loop_->notes_cancellation();
    if (waits_for_) waits_for_->cancelled();
}
inline void fiber::withdraw() noexcept {
    cancelled_ = true;
    if (loop_) loop_->notes_cancellation();
    if (std::exchange(withdrawn_, true)) return;
    if (waits_for_) waits_for_->cancelled();
}

inline void scheduler::arm(loop_timer& what, time_point when) noexcept {
    if (when == time_point::max())
        what.cancel();
    else
        timers_.arm(what, tick_of(when));
}

inline void scheduler::run_ready() noexcept {
    fiber* chain = std::exchange(ready_, nullptr);
    ready_end_ = &ready_;
    while (chain) {
        fiber* const next = chain->next_ready_;  // read first: resuming may destroy the chain, or queue it again
        resume(*chain);
        chain = next;
    }
}
inline void scheduler::resume_watched(const fiber& chain) noexcept {
    const char* const name = chain.name();
    const time_point begin = clock::now();
    chain.resume();
    const duration took = clock::now() - begin;
    if (took > slow_after_ && slow_) slow_(name, took);
}

// -- time

inline std::uint64_t scheduler::ticks_passed() const noexcept {
    const auto passed = static_cast<std::uint64_t>((now() - origin_).count());
    return is_virtual_ ? passed : passed >> tick_bits;
}
inline std::uint64_t scheduler::tick_of(time_point when) const noexcept {
    if (when <= origin_) return 0;
    const auto distance = static_cast<std::uint64_t>((when - origin_).count());
    return is_virtual_ ? distance : (distance >> tick_bits) + 1;
}
inline duration scheduler::time_to_next_timer() noexcept {
    const auto tick = timers_.next_tick();
    if (!tick) return never;
    if (is_virtual_) return duration::zero();
    const time_point when = later(origin_, duration{static_cast<duration::rep>(*tick << tick_bits)});
    return detail::max(when - clock::now(), duration::zero());
}
inline void scheduler::run_timers() noexcept {
    const std::uint64_t passed = ticks_passed();
    while (timer* const due = timers_.take_due(passed)) static_cast<loop_timer*>(due)->expired();
}

// -- posted calls

// The poster stores its call first and then checks asleep_. The loop sets asleep_ first and then checks posted_. With
// this order at least one side sees the other (sequential consistency). A posted call may end the loop before
// post_call() has returned. So the destructor of the loop waits until posting_ is 0.
inline void scheduler::post_call(posted_call& call) noexcept {
    posting_.fetch_add(1);
    posted_call* before = posted_.load(std::memory_order_relaxed);
    do call.next_ = before;
    while (!posted_.compare_exchange_weak(before, &call));
    if (asleep_.exchange(false)) wake_.request_stop();
    posting_.fetch_sub(1);
}
inline void scheduler::run_posted() noexcept {
    posted_call* latest = posted_.exchange(nullptr);
    posted_call* first = nullptr;  // the call that was posted first is made first
    while (latest) {
        posted_call* const next = std::exchange(latest->next_, first);
        first = std::exchange(latest, next);
    }
    while (first) {
        posted_call* const now = std::exchange(first, first->next_);
        try {
            now->call();
        } catch (...) {
            fails(std::current_exception());
        }
    }
}
inline void scheduler::forget_posted() noexcept {
    for (posted_call* call = posted_.exchange(nullptr); call;) std::exchange(call, call->next_)->forget();
}

}  // namespace detail
}  // namespace netnotes

#endif  // NETNOTES_CORO_SCHEDULER_HPP
