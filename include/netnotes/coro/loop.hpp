// netnotes/coro/loop.hpp: thousands of functions that wait, in one thread
// SPDX-License-Identifier: MIT
//
// A task that waits is only a frame on the heap. The event loop notices when its event has happened, and resumes the
// task. It is the scheduler of the notes' "1:N model": one thread runs N coroutines. The loop is cooperative: it runs
// while the tasks wait, and never interrupts a task that computes.
//
//     task<> tell(std::string name) {
//         for (int i = 0; i < 3; ++i) { say(name, i); co_await sleep_for(300ms); }
//     }
//     task<> both() {
//         auto a = spawn(tell("a "));                       begins when both() waits
//         auto b = spawn(tell("b "));
//         co_await a.join();
//         co_await b.join();                                0.3 s for each round, not 0.6
//     }
//     int main() { event_loop loop; loop.run(both()); }
//
//            ┌───────────────────────────────── a turn ───────────────────────────────────┐
//            │ resume each ready task until it waits  ──> wait for descriptors or posted  │
//            │ (spawned, yielded, woken)                  calls, until the next timer     │
//            └── ready again: tasks whose timer has expired or whose descriptor is ready <┘
//
// run() ends with its task. If spawned tasks are still running then, run() cancels them and waits until they have
// ended. If a task whose handle was dropped throws an exception, no task can catch it. Then the run ends, and run()
// throws it.
//
// On this page:  loop_options · event_loop · spawn
// Under it:      coro/scheduler.hpp (turns and timers), coro/join.hpp, coro/sleep.hpp,
//                coro/io/operation.hpp (operations on descriptors), coro/io/back_end.hpp (how the loop waits for them)
// The notes:     协程问题, 例子 (which function switches; 1:N), gevent (spawn, join, sleep); example 24

#ifndef NETNOTES_CORO_LOOP_HPP
#define NETNOTES_CORO_LOOP_HPP

#include <sched.h>

#include <atomic>
#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../ip/algorithm.hpp"
#include "../socket/owner.hpp"
#include "function.hpp"
#include "io/epoll.hpp"
#include "join.hpp"
#include "scheduler.hpp"
#include "sleep.hpp"
#include "task.hpp"

namespace netnotes {

/// Says how an event_loop waits, and whether it watches its tasks.
struct loop_options {
    /// If nothing is ready, the loop polls for this long before it sleeps. This costs a processor and lowers the
    /// latency.
    duration busy_poll = duration::zero();
    /// The watchdog: the loop calls `slow` if a task has kept the thread for longer than this. `never` costs nothing.
    duration slow_after = never;
    void (*slow)(const char* name, duration took) = nullptr;  ///< `name` is the name given to spawn(), or ""
    /// For tests: the clock stands still while any task can run. If all tasks wait, it jumps to the first timer.
    bool virtual_time = false;
    /// How the loop waits for descriptors: io_backend::epoll, or io_backend::io_uring (include coro/io/io_uring.hpp).
    /// If the kernel refuses the chosen back end, the loop uses this default; event_loop::backend() returns the back
    /// end in use. nullptr means the default.
    io_backend_factory backend = io_backend::epoll;
};

/// Runs tasks in the thread that calls run(). Other threads may only call post().
///
/// After fork(2) the loop belongs to the parent. The child shares the poller, and must not use or destroy its copy of
/// the loop. It may run a loop of its own if the forking thread was not inside run(). Inside a task, fork only if the
/// child calls exec(3) at once.
class event_loop : public detail::scheduler {
  public:
    /// Makes a loop that does not run yet. Throws std::system_error if the system refuses a descriptor.
    explicit event_loop(const loop_options& options = {});
    /// Destroys the tasks that have not ended, and the posted functions that have not been called. Sockets and other
    /// descriptors that use the loop must be destroyed before; handles may outlive it.
    ~event_loop();

    /// Runs the task, and the spawned tasks beside it, until the task has ended. Then it cancels the other tasks and
    /// waits until they have ended. Blocks the thread. Returns the task's result or throws its exception.
    ///
    /// If the task ends by netnotes::cancelled, run() throws std::system_error with errc::operation_canceled. If a
    /// spawned task fails and its exception cannot be taken by join() any more, run() throws that exception instead.
    ///
    /// Throws std::logic_error, before the task begins, if the task is empty or a loop already runs in this thread. It
    /// throws the same if this loop runs in another thread, or if the back end ties the loop to another thread. If the
    /// kernel refuses to wait, all tasks are destroyed where they wait, and run() throws std::system_error.
    template <class T>
    T run(task<T>&& main);
    /// Does the same as run(main), but a stop request cancels all tasks, `main` too. Returns true if `main` returned,
    /// and false if it ended by netnotes::cancelled. `stop` must outlive the call.
    bool run(task<>&& main, const stop_event& stop);
    /// Calls `main()`, which returns a task, and runs that task. The function lives as long as its task.
    template <task_function Function>
    decltype(auto) run(Function main) {
        return run(detail::call_in_frame(std::move(main)));
    }
    template <task_function Function>
    bool run(Function main, const stop_event& stop) {
        return run(detail::call_in_frame(std::move(main)), stop);
    }

    /// Runs what with_timeout(), when_all() and the like return: `loop.run(with_timeout(10s, get(url)))`.
    template <class Awaiter, class... Parts>
    decltype(auto) run(detail::awaited_once<Awaiter, Parts...>&& main) {
        return run(detail::await_in_frame(std::move(main)));
    }
    template <class Awaiter, class... Parts>
    bool run(detail::awaited_once<Awaiter, Parts...>&& main, const stop_event& stop) {
        return run(detail::await_in_frame(std::move(main)), stop);
    }

    /// A mistake: the message says what to write.
    template <class T, class... Stop>
    auto run(const task<T>&, const Stop&...) {
        static_assert(std::is_same_v<T, task<T>>, "a task runs once: write run(std::move(it)) for a task with a name");
    }

    template <class Function, class... Stop>
    requires(std::is_invocable_v<Function&> && !task_function<Function>) auto run(Function, const Stop&...) {
        static_assert(task_function<Function>,
                      "the function must return a task: write []() -> task<> { ...; co_return; }");
    }

    /// Adds a task, which begins at the next turn and runs concurrently with the others. Returns a handle to wait for
    /// it. Call in the loop's thread, inside or outside of run(). The watchdog reports `name`, which is not copied.
    /// Throws std::logic_error if the task is empty.
    template <class T>
    join_handle<T> spawn(task<T>&& what, const char* name = "");
    /// A mistake: the message says what to write.
    template <class T>
    auto spawn(const task<T>&, const char* = "") {
        static_assert(std::is_same_v<T, task<T>>,
                      "a task runs once: write spawn(std::move(it)) for a task with a name");
    }
    /// Adds the task that `what()` returns. The function is called at the next turn and lives as long as its task.
    template <task_function Function>
    auto spawn(Function what, const char* name = "") {
        return spawn(detail::call_in_frame(std::move(what)), name);
    }

    /// Makes the loop call `what()` in its thread, soon, and returns at once. Any thread may call it while the loop
    /// exists. Do not call it in a signal handler, because it allocates; use remote_event there. If `what()` throws,
    /// the run ends and run() throws that exception.
    template <class Function>
    void post(Function what);

    /// Returns the number of tasks that have not ended, with the task of run().
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Returns the back end in use: the chosen one, or the default of loop_options if the kernel has refused it.
    [[nodiscard]] io_backend_factory backend() const noexcept { return options_.backend; }
    /// Returns why the kernel has refused the chosen back end; no error if it has not.
    [[nodiscard]] std::error_code refusal() const noexcept { return refusal_; }

    /// Returns the loop that runs in this thread. Throws std::logic_error outside of run().
    [[nodiscard]] static event_loop& current();

  private:
    static constexpr int turns_without_poll = 64;  // a wait costs as much as a hundred switches

    class running;
    void run_until(detail::spawned& main);
    template <class Done>
    void turn_until(Done done);
    void poll();
    void cancel_all() noexcept;
    void break_off_all() noexcept;

    loop_options options_;
    int turns_ = 0;
    bool is_ending_ = false;  // a task that is spawned now begins as cancelled
    std::atomic<bool> is_running_{false};
    std::error_code refusal_;
    static inline constinit thread_local event_loop* current_ = nullptr;
};

/// Calls event_loop::current().spawn(): adds a task, or the task that a function returns, to the loop that runs in this
/// thread. Throws std::logic_error
/// outside of run(), or if the task is empty.
template <class T>
join_handle<T> spawn(task<T>&& what, const char* name = "");
template <task_function Function>
auto spawn(Function what, const char* name = "");
/// Mistakes: the message says what to write.
template <class T>
auto spawn(const task<T>&, const char* = "") {
    static_assert(std::is_same_v<T, task<T>>, "a task runs once: write spawn(std::move(it)) for a task with a name");
}
template <class Function>
requires(std::is_invocable_v<Function&> && !task_function<Function>) auto spawn(Function, const char* = "") {
    static_assert(task_function<Function>, "the function must return a task: write []() -> task<> { ...; co_return; }");
}

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

template <class Function>
class posted_function final : public posted_call {
  public:
    explicit posted_function(Function what) : what_{std::move(what)} {}

  private:
    void call() override {
        const owner<posted_function> released_at_the_end{this};
        what_();
    }
    void forget() noexcept override { delete this; }
    Function what_;
};

}  // namespace detail

// ---- the loop

inline event_loop::event_loop(const loop_options& options)
    : scheduler{options.virtual_time, options.slow_after, options.slow}, options_{options} {
    if (options.backend) back_end_ = options.backend(*this, refusal_);
    if (!back_end_) {
        options_.backend = loop_options{}.backend;
        back_end_ = options_.backend(*this, refusal_);
    }
    back_end_->watch(wake_.native_handle(), false);
}
inline event_loop::~event_loop() {
    ready_end_ = nullptr;  // make_ready() does nothing from here on
    // Repeats, because destructors may spawn and post, and another thread may still be inside post().
    while (spawned_ || posted_.load() || posting_.load() != 0) {
        while (spawned_) spawned_->lose_loop();
        forget_posted();
        if (posting_.load() != 0) ::sched_yield();
    }
    detail::io_node::run_pending(*this);
    back_end_.reset();  // it may still use some nodes of the next line
    detail::io_node::destroy_list(retired_);
}
inline event_loop& event_loop::current() {
    if (!current_) throw std::logic_error{"no event loop runs in this thread: call this in a task"};
    return *current_;
}

template <class T>
join_handle<T> event_loop::spawn(task<T>&& what, const char* name) {
    task<T> own{std::move(what)};  // is destroyed even if there is no memory
    auto* const spawned = new detail::spawned_task<T>{*this, std::move(own), name};
    if (is_ending_) spawned->cancel();
    make_ready(*spawned);
    return join_handle<T>{*spawned};
}

class event_loop::running {
  public:
    explicit running(event_loop& loop) : loop_{loop} {
        if (current_) throw std::logic_error{"run: a loop runs in this thread already; await the task"};
        if (loop_.is_running_.exchange(true))
            throw std::logic_error{"run: this loop runs in another thread; make a loop for each thread"};
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
T event_loop::run(task<T>&& main) {
    task<T> own{std::move(main)};  // is destroyed even if the loop cannot run
    const running here{*this};
    back_end_->prepare();
    join_handle<T> handle = spawn(std::move(own), "main");
    run_until(*handle.task_);
    return handle.task_->take_outside("run");
}
inline bool event_loop::run(task<>&& main, const stop_event& stop) {
    task<> own{std::move(main)};
    const running here{*this};
    back_end_->prepare();
    back_end_->watch(stop.native_handle(), true);
    struct leaving {
        event_loop& loop;
        int descriptor;
        ~leaving() { loop.back_end_->unwatch(descriptor); }
    } at_the_end{*this, stop.native_handle()};
    join_handle<> handle = spawn(std::move(own), "main");
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
    } catch (...) {  // the loop cannot wait. Tasks must not continue in a later run, when their references are invalid
        break_off_all();
        asleep_.store(false);
        failure_ = nullptr;
        throw;
    }
    if (!failure_) return;
    main.was_taken_ = true;  // run() can throw only one exception, and the next run must not throw the other
    detail::rethrow_outside(std::exchange(failure_, nullptr), "a spawned task");
}

inline void event_loop::cancel_all() noexcept {
    is_ending_ = true;
    for (detail::spawned* each = spawned_; each; each = each->next_spawned_)
        if (!each->has_ended_) each->cancel();
}

/// Destroys all tasks where they wait.
inline void event_loop::break_off_all() noexcept {
    ready_ = nullptr;
    ready_end_ = nullptr;  // make_ready() does nothing meanwhile
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
        const time_point until = detail::later(clock::now(), detail::min(options_.busy_poll, timeout));
        do has_come = back_end_->wait(duration::zero());
        while (!has_come && !posted_.load(std::memory_order_relaxed) && clock::now() < until);
        if (!has_come) timeout = time_to_next_timer();  // shorter now, because time has passed
    }
    if (!has_come) {
        if (timeout > duration::zero()) {
            asleep_.store(true);  // see post_call()
            if (posted_.load()) timeout = duration::zero();
        }
        has_come = back_end_->wait(timeout);
        asleep_.store(false, std::memory_order_relaxed);  // one wake-up too many does no harm
    }
    if (back_end_->take_stop()) cancel_all();
    if (pending_) detail::io_node::run_pending(*this);
    if (posted_.load(std::memory_order_relaxed)) run_posted();
    const auto next = timers_.next_tick();
    if (!next) return;
    if (options_.virtual_time && !ready_ && !pending_ && !has_come && !posted_.load())
        virtual_now_ = detail::max(virtual_now_, origin_ + duration{static_cast<duration::rep>(*next)});
    run_timers();
}

// ---- the rest

template <class Function>
void event_loop::post(Function what) {
    post_call(*new detail::posted_function<Function>{std::move(what)});
}
template <class T>
join_handle<T> spawn(task<T>&& what, const char* name) {
    return event_loop::current().spawn(std::move(what), name);
}
template <task_function Function>
auto spawn(Function what, const char* name) {
    return event_loop::current().spawn(std::move(what), name);
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_LOOP_HPP
