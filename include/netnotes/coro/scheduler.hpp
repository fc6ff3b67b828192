// netnotes/coro/scheduler.hpp: whose turn it is
// SPDX-License-Identifier: MIT
//
// The part of an event loop that its tasks meet: a queue of those who can go on, a wheel of timers, a clock, and a word
// with the one who waits for descriptors, whoever that is. What a task awaits is an *operation*; it lives in the frame
// of the one who waits, and tells the scheduler when it is decided:
//
//        co_await op ──> op.waits(...)        the coroutine lies aside; op stands wherever it will be found:
//                          │                  in a list, in the wheel, at a descriptor
//                          ├── what it waits for has come: op.go_on(), and it stands in the queue
//                          └── the task is cancelled:      op.cancelled(), the same
//
// So nothing here is allocated, and nothing is looked for: a switch costs a few nanoseconds.
//
// On this page:  for authors of awaitables: scheduler, loop_operation, loop_timer, posted_call
// The notes:     协程问题 (who switches; 1:N); read coro/loop.hpp first

#ifndef NETNOTES_CORO_SCHEDULER_HPP
#define NETNOTES_CORO_SCHEDULER_HPP

#include <algorithm>
#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "../socket/socket.hpp"
#include "../socket/stop.hpp"
#include "io/back_end.hpp"
#include "owner.hpp"
#include "task.hpp"
#include "timer_wheel.hpp"

namespace netnotes {

namespace detail {

class io_node;
class loop_timer;
class posted_call;
class spawned;

/// Whose turn it is, in one thread.
class scheduler {
  public:
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;

    /// steady_clock's, or virtual time.
    [[nodiscard]] time_point now() const noexcept { return is_virtual_ ? virtual_now_ : clock::now(); }

    /// Goes on with it at the next turn.
    void make_ready(fiber& chain) noexcept {
        if (!ready_end_) return;  // the loop is being destroyed: nobody goes on any more
        chain.next_ready_ = nullptr;
        *ready_end_ = &chain;
        ready_end_ = &chain.next_ready_;
    }
    /// Goes on with it now. It may be gone afterwards.
    void resume(const fiber& chain) noexcept {
        steps_ = steps_a_turn;
        if (slow_after_ == never)
            chain.resume();
        else
            resume_watched(chain);
    }
    /// May what has not had to wait go on at once? Not for ever, or a peer who always has something for us would keep
    /// all others waiting.
    [[nodiscard]] bool take_step() noexcept { return --steps_ > 0; }
    /// Whose turn has ended: tries again at the next one.
    void look_again(io_node& node) noexcept;
    /// The end of time never comes, not in virtual time either.
    void arm(loop_timer& what, time_point when) noexcept;
    /// Room to receive into, for all tasks: what lies there is valid until the task that has received it waits.
    [[nodiscard]] std::span<std::byte> lent_buffer() const noexcept { return {lent_.get(), lent_size}; }
    /// Are these bytes there, or where a back end has lent them?
    [[nodiscard]] bool has_lent(std::span<const std::byte> bytes) const noexcept {
        return is_inside(bytes, lent_buffer()) || back_end_->has_lent(bytes);
    }
    /// From any thread, and from a signal handler. Not again before it has been called.
    void post_call(posted_call& call) noexcept;
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
    void fails(std::exception_ptr exception) noexcept {
        if (!failure_) failure_ = std::move(exception);
    }

    friend io_node;
    friend spawned;
    const bool is_virtual_;  // see loop_options
    const duration slow_after_;
    const slow_function slow_;
    int steps_ = 0;
    fiber* ready_ = nullptr;
    fiber** ready_end_ = &ready_;
    timer_wheel timers_;
    time_point origin_ = clock::now();
    time_point virtual_now_ = origin_;
    // Closed in this turn: events of the same batch, and awaiters, still name them.
    io_node* retired_ = nullptr;
    io_node* pending_ = nullptr;  // with an operation that has had to leave its turn to others
    owner<std::byte[]> lent_;
    spawned* spawned_ = nullptr;  // list of tasks that have not ended or have a handle
    std::size_t size_ = 0;        // spawned tasks that have not ended
    const spawned* main_ = nullptr;  // the task of run()
    bool main_has_ended_ = false;
    std::exception_ptr failure_;
    stop_event wake_;  // an eventfd is an eventfd
    std::atomic<posted_call*> posted_{nullptr};
    std::atomic<bool> asleep_{false};
    std::atomic<int> posting_{0};  // threads inside of post_call()
    owner<io_back_end> back_end_;
};

/// Something that is to happen at a time.
class loop_timer : public timer {
  protected:
    friend scheduler;
    loop_timer() noexcept = default;
    ~loop_timer() = default;
    virtual void expired() noexcept = 0;
};

/// What another thread, or a signal handler, wants done.
class posted_call {
  public:
    posted_call(const posted_call&) = delete;
    posted_call& operator=(const posted_call&) = delete;

  protected:
    friend scheduler;
    posted_call() noexcept = default;
    ~posted_call() = default;
    virtual void call() = 0;
    /// The loop ends without having called it. What belongs to nobody else destroys itself, here as in call().
    virtual void forget() noexcept { call(); }

  private:
    posted_call* next_ = nullptr;
};

/// An awaiter that waits for the loop.
class loop_operation : public operation {
  public:
    /// It is decided; the coroutine goes on at the next turn.
    void go_on() noexcept {
        decided();
        chain().loop().make_ready(chain());
    }
    /// The coroutine goes on at the next turn. Until then cancelled() may be called, and await_resume() is what decides.
    void comes_round() noexcept { chain().loop().make_ready(chain()); }
    /// It is decided; the coroutine goes on as soon as the present one has returned to the loop.
    void go_on_next() noexcept {
        decided();
        between.next = chain().goes_on_at();
    }
    /// It is decided; the coroutine goes on inside this call, and this object may be gone when it returns.
    void go_on_now() noexcept {
        decided();
        chain().loop().resume(chain());
    }

  protected:
    loop_operation() noexcept = default;
    ~loop_operation() = default;
    /// For await_suspend() of a cancelled task: it hears of that at once; but one that swallows it again and again leaves
    /// its turn to the others now and then.
    static bool hear_at_once(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        return !whose.loop().take_step() && leave_turn(waiter, whose);
    }
    /// For await_suspend(), where there is nothing to wait for: the coroutine goes on a turn later, after all others that
    /// are ready.
    static bool leave_turn(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        whose.goes_on_at(waiter);
        whose.loop().make_ready(whose);
        return true;
    }
};

/// Takes part in fairness: `co_await stepping{}` stands before an operation that may complete or fail without a wait. It
/// suspends the task for one turn after many steps, and throws netnotes::cancelled if the task is cancelled.
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
        fiber* const next = chain->next_ready_;  // it may end, or stand in the queue again
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
    return std::max(when - clock::now(), duration::zero());
}
inline void scheduler::run_timers() noexcept {
    const std::uint64_t passed = ticks_passed();
    while (timer* const due = timers_.take_due(passed)) static_cast<loop_timer*>(due)->expired();
}

// -- what comes from elsewhere

// Whoever posts looks whether the loop sleeps, after he has posted; the loop looks whether something was posted, after
// it has said that it sleeps. So one of the two sees the other.
// What was posted may end the loop before the poster has returned, so the loop waits for posting_ to be 0 before it goes.
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
    posted_call* first = nullptr;  // the first to be posted is the first to be called
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
