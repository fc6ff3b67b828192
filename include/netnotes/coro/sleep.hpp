// netnotes/coro/sleep.hpp: a turn for the others, and a pause
// SPDX-License-Identifier: MIT
//
// One thread runs all tasks of a loop, so a task that computes for long, or calls sleep(3), stops all of them. These two
// waits let the others run:
//
//     co_await sleep_for(100ms);      // the others run; this task goes on after 100 ms of the loop's clock
//     co_await yield();               // each task that can run gets a turn, then this task goes on
//
//        this task   ──── yield() ·················· ──── sleep_for(100ms) ··············· ────
//        the others               ─────────────────                        ───── … ───────
//
// Example 24 runs with a clock that jumps to the next timer, so a demonstration of an hour takes no time.
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

/// `co_await yield()` lets all others that can go on have their turn. Long computations should, now and then.
[[nodiscard]] detail::yielding yield() noexcept;
/// Waits for a time, measured by the loop's clock: never shorter, and up to two milliseconds longer.
[[nodiscard]] detail::sleeping sleep_for(wait_time time) noexcept;
[[nodiscard]] detail::sleeping sleep_until(time_point when) noexcept;

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

class yielding {  // no operation: it never waits, its chain stands in the queue already
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
    /// A time_point of no loop yet: which clock it is measured by the loop knows.
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
        // A sleep whose time has come in the very turn in which the task of run() has ended: cancelling it came too late, but
        // what it would go on with may be gone.
        if (was_cancelled_ || (has_expired_ && chain().is_cancelled() && chain().loop().main_has_ended())) throw_cancelled();
    }

  private:
    /// Not inside this call: it may sleep again until a time that is past, and then its timer is due again.
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
