// netnotes/coro/timeout.hpp: an end for each wait, and a cleanup that may wait
// SPDX-License-Identifier: MIT
//
// A peer may never answer. So each wait for it needs a limit, and the limit should hold for the whole conversation:
//
//     auto answer = co_await with_timeout(2s, ask(server));             // the result, or errc::timed_out
//     std::size_t size = co_await with_timeout(2s, stream.recv(room));  // one operation, without a task around it
//
//        with_timeout(2s, ask) ── ask() ─────────── answer ──> the result
//                              └─ 2 s ──> cancel ask(), wait until it has ended, throw errc::timed_out
//
// A timeout cancels the task, and each later wait of a cancelled task throws. That is wrong for a cleanup that has to
// wait, such as a last message to the peer. shield() runs such a cleanup to its end, but not longer than its bound:
//
//     std::exception_ptr failure;
//     try { co_await talk(stream); } catch (...) { failure = std::current_exception(); }     // no co_await inside catch
//     co_await shield(2s, say_goodbye(stream));
//     if (failure) std::rethrow_exception(failure);
//
//        talk() ── cancelled ──> shield(2s, say_goodbye) ──> its end, or its cancellation after 2 s ──> cancelled
//
// On this page:  with_timeout · shield
// Below it:      coro/parts.hpp
// The notes:     asyncio, async/await; example 25

#ifndef NETNOTES_CORO_TIMEOUT_HPP
#define NETNOTES_CORO_TIMEOUT_HPP

#include <coroutine>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../socket/time.hpp"
#include "function.hpp"
#include "parts.hpp"
#include "scheduler.hpp"
#include "task.hpp"

namespace netnotes {

namespace detail {
template <class T>
class waiting_with_timeout;
template <class T>
class waiting_in_shield;

/// Says which wait has timed out: its name, and the function that waits. Where to report it: nullptr if it is thrown.
struct wait_name {
    const char* name;
    const char* caller;
    std::error_code* report = nullptr;
};

template <class Awaitable>
concept has_awaiter = requires(Awaitable&& what) { static_cast<Awaitable&&>(what).operator co_await(); };
template <class Awaitable>
concept is_awaiter = requires(Awaitable&& what) {
    what.await_ready();
    what.await_resume();
};
template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& what) {
    if constexpr (has_awaiter<Awaitable>)
        return static_cast<Awaitable&&>(what).operator co_await();
    else
        return static_cast<Awaitable&&>(what);
}
/// What `co_await what` returns.
template <class Awaitable>
using await_result = decltype(awaiter_of(std::declval<Awaitable>()).await_resume());

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<task<T>> = true;
template <class T>
inline constexpr bool is_task<reporting_task<T>> = true;
}  // namespace detail

/// An operation of this library that can be awaited, such as stream.recv(buffer) or handle.join(). Not a task.
template <class Operation>
concept awaitable_operation = (detail::has_awaiter<Operation> || detail::is_awaiter<Operation>)&&
    !detail::is_task<std::remove_cvref_t<Operation>>;

/// `co_await with_timeout(2s, a())` runs the task, and cancels it when `time` has passed. Returns the task's result or
/// throws its exception. If the timeout has ended the task, it throws std::system_error with errc::timed_out. what()
/// then names the wait and the time: `with_timeout in fetch: not done after 2 s`. With a name, it is `ask the server:
/// not done after 2 s`. The name is not copied.
///
/// If the task returns a result in spite of the cancellation, that result is returned. With `never` there is no
/// timeout.
///
/// A call of this library that reports its error in a std::error_code reports errc::timed_out there, too, and
/// with_timeout() then throws nothing: `co_await with_timeout(2s, stream.recv(buffer, error))`. A limit around another
/// limit throws all the same.
template <class T>
[[nodiscard]] auto with_timeout(wait_time time, task<T>&& what, const char* name = nullptr,
                                const char* caller = __builtin_FUNCTION()) {
    return detail::awaited_once<detail::waiting_with_timeout<T>, duration, task<T>, detail::wait_name>{
        time, std::move(what), detail::wait_name{name, caller}};
}
template <class T>
[[nodiscard]] auto with_timeout(wait_time time, detail::reporting_task<T>&& what, const char* name = nullptr,
                                const char* caller = __builtin_FUNCTION()) {
    std::error_code* const report = what.report();
    return detail::awaited_once<detail::waiting_with_timeout<T>, duration, task<T>, detail::wait_name>{
        time, std::move(what), detail::wait_name{name, caller, report}};
}
/// Runs the task that `what()` returns. The function lives as long as its task.
template <task_function Function>
[[nodiscard]] auto with_timeout(wait_time time, Function what, const char* name = nullptr,
                                const char* caller = __builtin_FUNCTION()) {
    return with_timeout(time, detail::call_in_frame(std::move(what)), name, caller);
}
/// Awaits one operation and returns its result: `co_await with_timeout(2s, stream.recv(buffer))`. Await it in the same
/// expression, because the operation is not copied. Bytes that stream.recv() lends are valid until the next wait, as
/// without a timeout.
template <awaitable_operation Operation>
[[nodiscard]] auto with_timeout(wait_time time, Operation&& operation, const char* name = nullptr,
                                const char* caller = __builtin_FUNCTION());

/// A mistake: the message says what to write.
template <class What, class Rep, class Period>
auto with_timeout(What&&, std::chrono::duration<Rep, Period>) {
    static_assert(std::is_same_v<What, void>, "the time comes first: write with_timeout(2s, what)");
}
template <class T>
auto with_timeout(wait_time, const task<T>&, const char* = nullptr, const char* = nullptr) {
    detail::advise_to_move<T>();
}
template <class Function>
requires(std::is_invocable_v<Function&> && !task_function<Function>) auto with_timeout(wait_time, Function) {
    static_assert(task_function<Function>, "the function must return a task: write []() -> task<> { ...; co_return; }");
}

/// `co_await shield(2s, cleanup())` runs the task to its end even if the awaiting task is cancelled, before or during
/// the call. When `at_most` has passed since the cancellation, it cancels the task. Without a cancellation there is no
/// limit. Returns the task's result or throws its exception. The next wait of a cancelled caller throws
/// netnotes::cancelled, as always.
///
/// If the main task of event_loop::run() awaits the rest of its work in shield(), a stop lets that work finish. Tasks
/// that do not run inside shield() are cancelled at once.
template <class T>
[[nodiscard]] auto shield(wait_time at_most, task<T>&& what) {
    return detail::awaited_once<detail::waiting_in_shield<T>, duration, task<T>>{at_most, std::move(what)};
}
/// Runs the task that `what()` returns. The function lives as long as its task.
template <task_function Function>
[[nodiscard]] auto shield(wait_time at_most, Function what) {
    return shield(at_most, detail::call_in_frame(std::move(what)));
}
/// Awaits one operation and returns its result, in the same expression: `co_await shield(2s,
/// stream.send_all("bye\n"))`.
template <awaitable_operation Operation>
[[nodiscard]] auto shield(wait_time at_most, Operation&& operation);
/// A mistake: the message says what to write.
template <class T>
auto shield(wait_time, const task<T>&) {
    detail::advise_to_move<T>();
}

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Returns "2 s", "250 ms", "1500 us" or "7 ns": the largest unit that needs no fraction.
inline std::string to_text(duration time) {
    const auto count = std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
    if (count % 1'000'000'000 == 0) return std::to_string(count / 1'000'000'000) + " s";
    if (count % 1'000'000 == 0) return std::to_string(count / 1'000'000) + " ms";
    if (count % 1'000 == 0) return std::to_string(count / 1'000) + " us";
    return std::to_string(count) + " ns";
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_timed_out(const wait_name& what, duration after) {
    const std::string where =
        what.name ? std::string{what.name} : std::string{"with_timeout in "}.append(what.caller);
    throw std::system_error{std::make_error_code(std::errc::timed_out), where + ": not done after " + to_text(after)};
}

/// Awaits an operation that lies in the frame of the caller.
template <class Operation>
task<await_result<Operation>> await_in_frame(Operation&& operation) {
    co_return co_await static_cast<Operation&&>(operation);
}
template <class Operation>
task<await_result<Operation>> await_there(Operation&& operation) {
    auto made = await_in_frame<Operation>(static_cast<Operation&&>(operation));
    task_access::is_operation(made);
    return made;
}

template <class T>
class [[nodiscard]] waiting_with_timeout : public joint_wait, private loop_timer {
  public:
    waiting_with_timeout(duration time, task<T>&& what, const wait_name& name)
        : joint_wait{true}, part_{std::move(what)}, time_{time}, name_{name} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        fiber& whose = waiter.promise().chain();
        return begin_all(waiter, whose, [&] {
            if (time_ != never) whose.loop().arm(*this, later(whose.loop().now(), time_));
            part_.begin(*this);
        });
    }
    T await_resume() {
        if (has_expired_ && !chain().is_cancelled()) [[unlikely]] {
            const bool was_cancelled = part_.exception() && is_cancellation(part_.exception());
            if (was_cancelled && !name_.report) throw_timed_out(name_, time_);
            // A call that counts reports its cancellation itself, and returns the count.
            if (was_cancelled || (name_.report && *name_.report == std::errc::operation_canceled))
                *name_.report = std::make_error_code(std::errc::timed_out);
            if constexpr (std::is_void_v<T> || std::is_default_constructible_v<T>)
                if (was_cancelled) return T();
        }
        return part_.take();
    }

  private:
    void part_ended(part_base&) noexcept override { cancel(); }
    void cancel_parts() noexcept override { part_.cancel_with(chain()); }
    void expired() noexcept override {
        has_expired_ = true;
        part_.cancel();
    }

    part<T> part_;
    duration time_;
    wait_name name_;
    bool has_expired_ = false;
};

template <class T>
class [[nodiscard]] waiting_in_shield : public joint_wait, private loop_timer {
  public:
    waiting_in_shield(duration at_most, task<T>&& what)
        : joint_wait{true}, part_{std::move(what)}, at_most_{at_most} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        fiber& whose = waiter.promise().chain();
        return begin_all(waiter, whose, [&] {
            if (whose.is_cancelled()) cancel_parts();
            part_.begin(*this, true);
        });
    }
    T await_resume() { return part_.take(); }

  private:
    void part_ended(part_base&) noexcept override { cancel(); }
    /// The waiting chain was cancelled: now the time runs. It may be called twice, by cancel() and by withdraw().
    void cancel_parts() noexcept override {
        scheduler& loop = chain().loop();
        if (!std::exchange(is_limited_, true)) loop.arm(*this, later(loop.now(), at_most_));
    }
    void expired() noexcept override { part_.cancel_with(chain()); }

    part<T> part_;
    duration at_most_;
    bool is_limited_ = false;
};

}  // namespace detail

template <awaitable_operation Operation>
auto with_timeout(wait_time time, Operation&& operation, const char* name, const char* caller) {
    if constexpr (requires { operation.report(); }) {
        std::error_code* const report = operation.report();
        return with_timeout(
            time, detail::reporting_task{detail::await_there<Operation>(static_cast<Operation&&>(operation)), *report},
            name, caller);
    } else {
        return with_timeout(time, detail::await_there<Operation>(static_cast<Operation&&>(operation)), name, caller);
    }
}
template <awaitable_operation Operation>
auto shield(wait_time at_most, Operation&& operation) {
    return shield(at_most, detail::await_there<Operation>(static_cast<Operation&&>(operation)));
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_TIMEOUT_HPP
