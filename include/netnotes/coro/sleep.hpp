// netnotes/coro/sleep.hpp: a pause, and a turn for the other tasks
// SPDX-License-Identifier: MIT
//
// One thread runs all tasks of a loop. So a task that computes for long, or calls sleep(3), stops all of them. These
// two waits let the other tasks run:
//
//     co_await sleep_for(100ms);      // this task is resumed after 100 ms on the loop's clock
//     co_await yield();               // each task that is ready gets a turn, then this task is resumed
//
//        this task   ──── yield() ·················· ──── sleep_for(100ms) ··············· ────
//        other tasks              ─────────────────                        ───── … ───────
//
// Example 24 uses virtual time, where the clock jumps to the next timer. So a demonstration of an hour takes no time.
//
// On this page:  yield · sleep_for, sleep_until

#ifndef NETNOTES_CORO_SLEEP_HPP
#define NETNOTES_CORO_SLEEP_HPP

#include <coroutine>

#include "scheduler.hpp"
#include "task.hpp"

namespace netnotes {

namespace detail {
class yielding;
class sleeping;
}  // namespace detail

/// `co_await yield()` suspends for one turn, so that every other task that is ready runs first. A long computation
/// should call it now and then. Throws netnotes::cancelled.
[[nodiscard]] detail::yielding yield() noexcept;
/// `co_await sleep_for(time)` suspends for `time` on the loop's clock: never shorter, and up to two milliseconds longer
/// if the loop is idle. Zero and less suspends for one turn. `never` sleeps until the task is cancelled. Throws
/// netnotes::cancelled.
[[nodiscard]] detail::sleeping sleep_for(wait_time time) noexcept;
/// `co_await sleep_until(when)` suspends until this point in time on the loop's clock. Otherwise it is like
/// sleep_for().
[[nodiscard]] detail::sleeping sleep_until(time_point when) noexcept;

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

class yielding {  // not an operation: its chain is in the ready queue at once, so there is no wait to cancel
  public:
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> waiter) noexcept {
        chain_ = &waiter.promise().chain();
        chain_->goes_on_at(waiter);
        chain_->loop().make_ready(*chain_);
    }
    void await_resume() const {
        if (chain_->is_cancelled()) throw_cancelled();
    }

  private:
    fiber* chain_ = nullptr;
};

class sleeping final : public loop_operation, private loop_timer {
  public:
    /// Sleeps for `time`, or until `when` if `time` is never. The loop's clock is known only when the wait begins.
    sleeping(duration time, time_point when) noexcept : time_{time}, when_{when} {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) noexcept {
        fiber& whose = waiter.promise().chain();
        if ((was_cancelled_ = whose.is_cancelled())) return hear_at_once(waiter, whose);
        has_expired_ = false;
        waits(waiter, whose);
        scheduler& loop = whose.loop();
        loop.arm(*this, time_ == never ? when_ : later(loop.now(), time_));
        return true;
    }
    void await_resume() {
        // If the timer expires in the turn in which the task of run() ends, cancelling the sleep comes too late. But
        // the objects that this task uses may be destroyed by then, so it is cancelled here.
        if (was_cancelled_ || (has_expired_ && chain().is_cancelled() && chain().loop().main_has_ended())) throw_cancelled();
    }

  private:
    /// Makes the task ready. It does not resume the task inside this call, because the task may sleep again until a
    /// time that is past. Then its timer would expire again, without end.
    void expired() noexcept override {
        has_expired_ = true;
        go_on();
    }
    void cancelled() noexcept override {
        was_cancelled_ = true;
        cancel();
        go_on();
    }

    duration time_;
    time_point when_;
    bool was_cancelled_ = false;
    bool has_expired_ = false;
};

}  // namespace detail

inline detail::yielding yield() noexcept { return {}; }
inline detail::sleeping sleep_for(wait_time time) noexcept { return {time, time_point::max()}; }
inline detail::sleeping sleep_until(time_point when) noexcept { return {never, when}; }

}  // namespace netnotes

#endif  // NETNOTES_CORO_SLEEP_HPP
