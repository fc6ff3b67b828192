// netnotes/coro/loop.hpp: thousands of functions that wait, in one thread
// SPDX-License-Identifier: MIT
//
// A task that waits is a frame on the heap and nothing more. Somebody has to notice when what it waits for has come,
// and go on with it: the loop. It is the scheduler of the notes' "1:N model", one thread and N coroutines, and it is
// passive: it has its turn when a task waits, and never takes the thread away from one that computes.
//
//     task<> tell(std::string name) {
//         for (int i = 0; i < 3; ++i) { say(name, i); co_await sleep_for(300ms); }
//     }
//     task<> both() {
//         auto a = spawn(tell("a "));                       begins when we wait
//         auto b = spawn(tell("b "));
//         co_await a.join();
//         co_await b.join();                                0.3 s for each round, not 0.6
//     }
//     int main() { event_loop loop; loop.run(both()); }
//
//            ┌──────────────────────────────── a turn ────────────────────────────────┐
//            │ ready: go on with each, until all wait    ──> poller: what has come,   │
//            │ (spawned, yielded, woken)                     until the next timer     │
//            └──────────── timers that are due, descriptors that are ready  <─────────┘
//
// run() ends with its task, and what it has spawned and not awaited is cancelled and awaited first: nothing is left
// behind. An exception that nobody can catch, of a task whose handle was dropped, ends the run and comes out of it.
//
// On this page:  event_loop · join_handle · spawn, yield, sleep_for, sleep_until
// Under it:      coro/scheduler.hpp (its options; turns and timers), coro/io/operation.hpp (waiting for descriptors, epoll),
//                coro/io/io_uring.hpp (the other way to wait; include it, or coro.hpp, to use it)
// The notes:     协程问题, 例子 (who switches; 1:N), gevent (spawn, join, sleep); example 24

#ifndef NETNOTES_CORO_LOOP_HPP
#define NETNOTES_CORO_LOOP_HPP

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "io/operation.hpp"
#include "scheduler.hpp"
#include "task.hpp"

namespace netnotes {

namespace detail {
class spawned;
class sleeping;
template <class T>
class spawned_task;
}  // namespace detail

template <class T = void>
class join_handle;

/// Runs tasks, in the thread that calls run(). Only post() is for other threads.
///
/// After fork(2) it belongs to the parent, and the child shares its poller: he must not touch the copy, not even destroy
/// it, but may run a loop of his own if none ran in the thread that has forked. In a task of a loop only fork to exec.
class event_loop : public detail::scheduler {
  public:
    /// Throws std::system_error when the system refuses a descriptor.
    explicit event_loop(const loop_options& options = {});
    /// Tasks that were spawned and have not ended, as run() was not called again or has failed, are destroyed, and so are
    /// functions that were posted and not called. The descriptors of the loop must be gone; handles may outlive it.
    ~event_loop();

    /// Runs the task and all that is spawned until the task has ended; then cancels what is left, and runs until that has
    /// ended, too. Returns the task's result, or throws its exception, or that of a spawned task which nobody awaits. A
    /// task that ends by netnotes::cancelled makes it throw std::system_error with errc::operation_canceled. Blocks.
    /// Throws std::logic_error, and has done nothing, when a loop runs in this thread or this loop in another, or may only
    /// run in another (io_backend::io_uring). If the system refuses to wait, all tasks are destroyed where they stand, and
    /// it throws std::system_error.
    template <class T>
    T run(task<T> main);
    /// Like run(main), but a stop request cancels all tasks, `main` too. Returns false if `main` ended by
    /// netnotes::cancelled.
    bool run(task<> main, const stop_event& stop);

    /// Begins a task beside the others, at the next turn. `name` is for the watchdog; it is not copied. Throws
    /// std::logic_error when the task is none.
    template <class T>
    join_handle<T> spawn(task<T> what, const char* name = "");

    /// Calls `what()` in the loop's thread, soon. From any thread, as long as the loop lives, but not from a signal
    /// handler, since it allocates: see remote_event. What it throws ends the run.
    template <class Function>
    void post(Function what);

    /// How many tasks have been spawned and not ended, that of run() included.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// How the loop waits: as loop_options said, or io_backend::epoll where the kernel has refused that, and why it has.
    [[nodiscard]] io_backend_factory backend() const noexcept { return options_.backend; }
    [[nodiscard]] std::error_code refusal() const noexcept { return refusal_; }

    /// The loop that runs in this thread. Throws std::logic_error outside of run().
    [[nodiscard]] static event_loop& current();

  private:
    static constexpr int turns_without_poll = 64;  // an epoll_wait costs as much as a hundred switches

    class running;
    void run_until(detail::spawned& main);
    template <class Done>
    void turn_until(Done done);
    void poll();
    void cancel_all() noexcept;
    void break_off_all() noexcept;

    int turns_ = 0;
    bool is_ending_ = false;              // what is spawned now begins as cancelled
    std::atomic<bool> is_running_{false};
    std::error_code refusal_;
    static inline constinit thread_local event_loop* current_ = nullptr;
};

/// A spawned task, for whoever wants its result. Dropping the handle does not end the task; only its result is then
/// nobody's, and an exception ends the run.
template <class T>
class join_handle {
  public:
    /// None.
    join_handle() noexcept = default;
    join_handle(join_handle&& other) noexcept : task_{std::exchange(other.task_, nullptr)} {}
    join_handle& operator=(join_handle&& other) noexcept {
        join_handle{std::move(other)}.swap(*this);
        return *this;
    }
    ~join_handle();
    void swap(join_handle& other) noexcept { std::swap(task_, other.task_); }

    /// `co_await handle.join()` waits until the task has ended and returns its result, once, or throws its exception. If
    /// the task was cancelled that is std::system_error with errc::operation_canceled, for it is not the one who joins
    /// that was cancelled. If the waiting is cancelled the task goes on, and its result stays there. Only for tasks of
    /// the same loop (std::logic_error).
    [[nodiscard]] auto join();
    /// Whatever it waits for throws netnotes::cancelled.
    void cancel() noexcept;
    [[nodiscard]] bool has_ended() const noexcept;

  private:
    friend event_loop;
    explicit join_handle(detail::spawned_task<T>& task) noexcept : task_{&task} {}

    detail::spawned_task<T>* task_ = nullptr;
};

/// In a task: event_loop::current().spawn().
template <class T>
join_handle<T> spawn(task<T> what, const char* name = "");

namespace detail {
class yielding;
class sleeping;
class io_operation;
template <class T>
class joining;
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

inline bool is_cancellation(const std::exception_ptr& exception) noexcept {
    try {
        std::rethrow_exception(exception);
    } catch (const cancelled&) {
        return true;
    } catch (...) {
        return false;
    }
}
/// Throws what a task has thrown, to somebody who was not cancelled with it: then a cancellation is an error.
[[noreturn]] inline void rethrow_outside(const std::exception_ptr& exception, const char* what) {
    try {
        std::rethrow_exception(exception);
    } catch (const cancelled&) {
        throw std::system_error{std::make_error_code(std::errc::operation_canceled), what};
    }
}

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

class sleeping : public loop_operation, private loop_timer {
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

// ---- what is spawned

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
        if (!has_ended_) --loop().size_;  // it was none: see the derived class
        if (has_loop_) leave();
    }
    [[nodiscard]] virtual std::exception_ptr exception() const noexcept = 0;
    bool postpone() noexcept override {
        loop().make_ready(*this);
        return true;
    }
    /// Destroys the coroutine where it stands.
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
    /// Its loop is being destroyed, and it is, unless somebody has a handle.
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
    /// Nobody will ask any more. That it was cancelled is no news.
    void abandon() noexcept {
        if (!was_taken_ && has_loop_)
            if (const std::exception_ptr lost = exception(); lost && !(is_cancelled() && is_cancellation(lost)))
                loop().fails(lost);
        delete this;
    }

    // Of these there may be one for each connection, hence the order: the first fill what the base has left open.
    bool has_handle_ : 1 = true;
    bool has_ended_ : 1 = false;
    bool has_loop_ : 1 = true;

  protected:
    bool was_taken_ : 1 = false;  // its result, or its exception

  private:
    std::uint32_t joins_ = 0;  // awaiters that refer to it: the one who waits, and those who were cancelled just now
    spawned* next_spawned_;
    spawned** previous_spawned_;
    loop_operation* joiner_ = nullptr;
};

template <class T>
class spawned_task final : public spawned {
  public:
    spawned_task(scheduler& loop, task<T>&& what, const char* name)
        : spawned{loop, name}, task_{task_access::release(what)} {
        if (!task_) throw std::logic_error{"this task is none, or has been awaited before"};
        goes_on_at(task_);
        task_.promise().belongs_to(*this);
    }
    T take() {
        if (was_taken_) throw std::logic_error{"a spawned task has one result, and it was taken"};
        was_taken_ = true;
        return outcome_.take();
    }
    /// The same, for somebody who was not cancelled with it.
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
        new (&outcome_) result<T>;
        try {
            outcome_.set_exception(std::make_exception_ptr(cancelled{}));
        } catch (...) {  // there is no memory for it
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
        task.destroy();  // now, and not with the handle: its parameters may hold connections
        finish();
    }

    union {
        std::coroutine_handle<task_promise<T>> task_;  // until it has ended
        result<T> outcome_;                            // from then on
    };
};

/// A share in a spawned task: the handle may be dropped before the awaiter has the result.
template <class T>
class join_share {
  public:
    explicit join_share(spawned_task<T>* task) : task_{task} {
        if (!task_) throw std::logic_error{"this handle has no task"};
        ++task_->joins_;
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
        if (task_->joiner_ == this) task_->joiner_ = nullptr;
    }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        fiber& whose = waiter.promise().chain();
        whose_ = &whose;
        was_cancelled_ = whose.is_cancelled() && (whose.is_withdrawn() || !task_->has_ended());
        if (was_cancelled_) return hear_at_once(waiter, whose);
        if (task_->has_ended()) {
            if (whose.loop().take_step()) return false;
            waits(waiter, whose);
            comes_round();
            return true;
        }
        if (task_->joiner_) throw std::logic_error{"two tasks wait for the end of one"};
        if (&whose.loop() != &task_->loop()) throw std::logic_error{"this task belongs to another event loop"};
        waits(waiter, whose);
        task_->joiner_ = this;
        return true;
    }
    T await_resume() {
        if (is_waiting()) decided();
        if (was_cancelled_) throw_cancelled();
        if (whose_->is_cancelled()) return task_->take();
        return task_->take_outside("join");
    }

  private:
    /// When the task has ended, and this one has yet to hear of it, and nobody would use the result: it stays there.
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
    bool was_cancelled_ = false;
};

template <class Function>
class posted_function final : public posted_call {
  public:
    explicit posted_function(Function what) : what_{std::move(what)} {}

  private:
    void call() override {
        const std::unique_ptr<posted_function> owner{this};
        what_();
    }
    void forget() noexcept override { delete this; }
    Function what_;
};

}  // namespace detail

// ---- the loop

inline event_loop::event_loop(const loop_options& options) : scheduler{options} {
    if (options.backend) back_end_ = options.backend(*this, refusal_);
    if (!back_end_) {
        options_.backend = io_backend::epoll;
        back_end_ = options_.backend(*this, refusal_);
    }
    back_end_->watch(wake_.native_handle(), false);
}
inline event_loop::~event_loop() {
    ready_end_ = nullptr;  // nobody goes on
    // Again and again: destructors may spawn and post, and another thread may still be about to return from post().
    while (spawned_ || posted_.load() || posting_.load() != 0) {
        while (spawned_) spawned_->lose_loop();
        forget_posted();
        if (posting_.load() != 0) std::this_thread::yield();
    }
    detail::io_node::run_pending(*this);
    back_end_.reset();  // it may still have some in hand
    detail::io_node::destroy_list(retired_);
}
inline event_loop& event_loop::current() {
    if (!current_) throw std::logic_error{"no event loop runs in this thread"};
    return *current_;
}

template <class T>
join_handle<T> event_loop::spawn(task<T> what, const char* name) {
    auto* const spawned = new detail::spawned_task<T>{*this, std::move(what), name};
    if (is_ending_) spawned->cancel();
    make_ready(*spawned);
    return join_handle<T>{*spawned};
}

class event_loop::running {
  public:
    explicit running(event_loop& loop) : loop_{loop} {
        if (current_) throw std::logic_error{"an event loop runs in this thread already"};
        if (loop_.is_running_.exchange(true)) throw std::logic_error{"this event loop runs in another thread"};
        current_ = &loop_;
    }
    running(const running&) = delete;
    running& operator=(const running&) = delete;
    ~running() {
        current_ = nullptr;
        loop_.is_ending_ = false;
        loop_.is_running_.store(false);
    }

  private:
    event_loop& loop_;
};

template <class T>
T event_loop::run(task<T> main) {
    const running here{*this};
    back_end_->prepare();
    join_handle<T> handle = spawn(std::move(main), "main");
    run_until(*handle.task_);
    return handle.task_->take_outside("run");
}
inline bool event_loop::run(task<> main, const stop_event& stop) {
    const running here{*this};
    back_end_->prepare();
    back_end_->watch(stop.native_handle(), true);
    struct leaving {
        event_loop& loop;
        int descriptor;
        ~leaving() { loop.back_end_->unwatch(descriptor); }
    } at_the_end{*this, stop.native_handle()};
    join_handle<> handle = spawn(std::move(main), "main");
    run_until(*handle.task_);
    try {
        handle.task_->take();
        return true;
    } catch (const cancelled&) {
        return false;
    }
}

inline void event_loop::run_until(detail::spawned& main) {
    main_ = &main;
    const struct forgetting {
        event_loop& loop;
        ~forgetting() {
            loop.main_ = nullptr;
            loop.main_has_ended_ = false;
        }
    } at_the_end{*this};
    try {
        turn_until([this] { return main_has_ended_ || failure_; });
        cancel_all();
        turn_until([&] { return size_ == 0; });
    } catch (...) {  // it cannot wait any more. What has begun must not go on in another run: what it refers to is gone by then
        break_off_all();
        asleep_.store(false);
        failure_ = nullptr;
        throw;
    }
    if (!failure_) return;
    main.was_taken_ = true;  // one exception can come out, and not the other from the next run
    detail::rethrow_outside(std::exchange(failure_, nullptr), "a spawned task");
}

inline void event_loop::cancel_all() noexcept {
    is_ending_ = true;
    for (detail::spawned* each = spawned_; each; each = each->next_spawned_)
        if (!each->has_ended_) each->cancel();
}

/// Destroys all tasks where they stand.
inline void event_loop::break_off_all() noexcept {
    ready_ = nullptr;
    ready_end_ = nullptr;  // nobody goes on
    while (spawned_) spawned_->lose_loop();
    ready_end_ = &ready_;
}

template <class Done>
void event_loop::turn_until(Done done) {
    while (!done()) {
        detail::io_node* const retired = std::exchange(retired_, nullptr);
        run_ready();
        detail::io_node::destroy_list(retired);
        if (ready_ && ++turns_ < turns_without_poll) continue;
        turns_ = 0;
        if (!done()) poll();
    }
}

inline void event_loop::poll() {
    const bool must_not_wait = ready_ || pending_ || posted_.load(std::memory_order_relaxed);
    duration timeout = must_not_wait ? duration::zero() : time_to_next_timer();
    bool has_come = false;
    if (timeout > duration::zero() && options_.busy_poll > duration::zero()) {
        const time_point until = detail::later(clock::now(), std::min(options_.busy_poll, timeout));
        do has_come = back_end_->wait(duration::zero());
        while (!has_come && !posted_.load(std::memory_order_relaxed) && clock::now() < until);
        if (!has_come) timeout = time_to_next_timer();  // it is nearer by now
    }
    if (!has_come) {
        if (timeout > duration::zero()) {
            asleep_.store(true);  // see post_call()
            if (posted_.load()) timeout = duration::zero();
        }
        has_come = back_end_->wait(timeout);
        asleep_.store(false, std::memory_order_relaxed);  // one wake-up too many does no harm
    }
    if (std::exchange(back_end_->saw_stop, false)) cancel_all();
    if (pending_) detail::io_node::run_pending(*this);
    if (posted_.load(std::memory_order_relaxed)) run_posted();
    const auto next = timers_.next_tick();
    if (!next) return;
    if (options_.virtual_time && !ready_ && !pending_ && !has_come && !posted_.load())
        virtual_now_ = std::max(virtual_now_, origin_ + duration{static_cast<duration::rep>(*next)});
    run_timers();
}

// ---- the rest

template <class Function>
void event_loop::post(Function what) {
    post_call(*new detail::posted_function<Function>{std::move(what)});
}
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
template <class T>
join_handle<T> spawn(task<T> what, const char* name) {
    return event_loop::current().spawn(std::move(what), name);
}

inline detail::yielding yield() noexcept { return {}; }
inline detail::sleeping sleep_for(wait_time time) noexcept { return {time, time_point::max()}; }
inline detail::sleeping sleep_until(time_point when) noexcept { return {never, when}; }

}  // namespace netnotes

#endif  // NETNOTES_CORO_LOOP_HPP
