// netnotes/coro/function.hpp: functions that return tasks
// SPDX-License-Identifier: MIT
//
// A lambda can be a coroutine. Its captures then lie in the lambda object, not in the frame of the coroutine. If the
// object is destroyed first, the coroutine reads destroyed variables:
//
//     task<> wrong = [name]() -> task<> { co_await sleep_for(1s); print(name); }();     the lambda ends at this ";"
//     spawn([name]() -> task<> { co_await sleep_for(1s); print(name); });               safe: spawn() keeps the lambda
//
//        spawn(lambda) ──> frame of the wrapper [ lambda: name ] ── co_await lambda() ──> frame of the lambda's task
//                               └── is destroyed when the task has ended <─────────────────────────┘
//
// So event_loop::run(), spawn(), task_group::spawn(), with_group(), with_timeout() and shield() also take a function
// that returns a task. They store the function, call it, and destroy it after its task.
//
// On this page:  task_function
// Below it:      coro/task.hpp

#ifndef NETNOTES_CORO_FUNCTION_HPP
#define NETNOTES_CORO_FUNCTION_HPP

#include <type_traits>
#include <utility>

#include "task.hpp"

namespace netnotes {

namespace detail {
/// A task that reports its error in a std::error_code. with_timeout() then reports its timeout there, too.
template <class T>
class [[nodiscard]] reporting_task : public task<T> {
  public:
    reporting_task(task<T>&& what, std::error_code& error) noexcept : task<T>{std::move(what)}, error_{&error} {}
    [[nodiscard]] std::error_code* report() const noexcept { return error_; }

  private:
    std::error_code* error_;
};

template <class T>
struct result_of_task;
template <class T>
struct result_of_task<task<T>> {
    using type = T;
};
template <class T>
struct result_of_task<reporting_task<T>> {
    using type = T;
};
/// The T of the task<T> that the function returns.
template <class Function, class... Arguments>
using task_result = typename result_of_task<std::invoke_result_t<Function&, Arguments...>>::type;
}  // namespace detail

/// A function, a lambda or another function object that returns a task when it is called with `Arguments`.
template <class Function, class... Arguments>
concept task_function = requires { typename detail::task_result<Function, Arguments...>; };

namespace detail {

/// Calls the function and awaits its task. The frame of this coroutine owns the function, so captures live as long as
/// the task. An exception of the call itself becomes an exception of the task.
template <task_function Function>
task<task_result<Function>> call_in_frame(Function what) {
    co_return co_await what();
}

/// Does the same for an awaitable that can be awaited once: see event_loop::run().
template <class Awaiter, class... Parts>
task<decltype(std::declval<Awaiter&>().await_resume())> await_in_frame(awaited_once<Awaiter, Parts...> what) {
    co_return co_await std::move(what);
}

}  // namespace detail
}  // namespace netnotes

#endif  // NETNOTES_CORO_FUNCTION_HPP
