// netnotes/coro/when.hpp: all results, the first, or the first that succeeds
// SPDX-License-Identifier: MIT
//
// Often a task needs the results of several others, and the others can run at the same time. Then it takes as long as
// the slowest of them, and not as long as all together:
//
//     auto [page, icon] = co_await when_all(fetch("/"), fetch("/icon"));    both results, or the first exception
//     auto first = co_await when_any(ask(mirror_1), ask(mirror_2));         the first that ends; the other is cancelled
//     auto answer = co_await first_success(ask(mirror_1), ask(mirror_2));   the first that does not fail
//
//     std::vector<task<std::string>> tasks;                                 or any number of them, of one kind:
//     for (const std::string& name : names) tasks.push_back(fetch(name));
//     std::vector<std::string> pages = co_await when_all(std::move(tasks));
//
//        when_all       ── a ────────> result         when_any  ── a ─────────> cancelled
//                       ── b ──> result  (waits)                ── b ──> result          first_success goes on if
//                                                                                        b throws, and waits for a
//
// No task outlives the wait: the losers are cancelled, and the wait lasts until they have ended, too. If the awaiting
// task is cancelled, all these tasks are cancelled.
//
// On this page:  when_all · when_any · first_success, first_result
// Below it:      coro/parts.hpp
// The notes:     asyncio, async/await; example 25

#ifndef NETNOTES_CORO_WHEN_HPP
#define NETNOTES_CORO_WHEN_HPP

#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "parts.hpp"
#include "task.hpp"

namespace netnotes {

/// The first result of several tasks: `auto [index, value] = co_await when_any(std::move(tasks))`.
template <class T>
struct first_result {
    first_result(std::size_t which, detail::value_or_monostate<T>&& result)
        : index{which}, value{std::forward<detail::value_or_monostate<T>>(result)} {}
    std::size_t index;                    ///< the position of its task
    detail::value_or_monostate<T> value;  ///< std::monostate for a task<void>
};

namespace detail {
template <class... Ts>
class waiting_for_all;
template <class... Ts>
class waiting_for_any;
template <class T>
class waiting_for_all_of;
template <class T>
class waiting_for_any_of;
/// Says which part ends the wait: the first that ends, or the first that succeeds.
enum class winner_is : bool { first, first_success };
template <class T>
using all_results = std::conditional_t<std::is_void_v<T>, void, std::vector<value_or_monostate<T>>>;
inline void refuse_empty(bool is_empty, const char* why);
}  // namespace detail

/// `co_await when_all(a(), b())` runs all tasks at the same time and waits until all have ended. It begins them in this
/// order, each up to its first wait. Returns a std::tuple of the results, with std::monostate for a task<void>.
///
/// If a task throws, the others are cancelled. When all have ended, the first exception is thrown and the other results
/// are dropped. If a result must not be lost, such as a value from a channel, let the task store it in a variable
/// outside.
template <class... Ts>
[[nodiscard]] detail::awaited_once<detail::waiting_for_all<Ts...>, task<Ts>...> when_all(task<Ts>&&... tasks) {
    return detail::awaited_once<detail::waiting_for_all<Ts...>, task<Ts>...>{std::move(tasks)...};
}

/// `co_await when_any(a(), b())` runs all tasks at the same time until the first ends. Then it cancels the others, and
/// waits until they have ended. Returns the result of the first task as a std::variant, whose index() is the position
/// of that task; or throws its exception. The results and exceptions of the others are dropped.
template <class... Ts>
requires(sizeof...(Ts) > 0)
    [[nodiscard]] auto when_any(task<Ts>&&... tasks) {
    return detail::awaited_once<detail::waiting_for_any<Ts...>, detail::winner_is, task<Ts>...>{
        detail::winner_is::first, std::move(tasks)...};
}

/// `co_await first_success(a(), b())` runs all tasks at the same time until the first returns a result. Then it cancels
/// the others, and waits until they have ended. Returns a std::variant as when_any() does. If every task throws, it
/// throws what the first of them to end has thrown.
template <class... Ts>
requires(sizeof...(Ts) > 0)
    [[nodiscard]] auto first_success(task<Ts>&&... tasks) {
    return detail::awaited_once<detail::waiting_for_any<Ts...>, detail::winner_is, task<Ts>...>{
        detail::winner_is::first_success, std::move(tasks)...};
}

/// Does the same as when_all(a(), b()), for any number of tasks of one kind. Returns a std::vector of the results in
/// the order of the tasks, or nothing for tasks of void. For an empty vector it does not wait.
template <class T>
requires(!std::is_reference_v<T>)
    [[nodiscard]] auto when_all(std::vector<task<T>>&& tasks) {
    return detail::awaited_once<detail::waiting_for_all_of<T>, std::vector<task<T>>>{std::move(tasks)};
}
/// Does the same as when_any(a(), b()), for any number of tasks of one kind. Returns a first_result. Throws
/// std::invalid_argument if the vector is empty.
template <class T>
requires(!std::is_reference_v<T>)
    [[nodiscard]] auto when_any(std::vector<task<T>>&& tasks) {
    detail::refuse_empty(tasks.empty(), "when_any: no tasks");
    return detail::awaited_once<detail::waiting_for_any_of<T>, detail::winner_is, std::vector<std::exception_ptr>*,
                                std::vector<task<T>>>{detail::winner_is::first, nullptr, std::move(tasks)};
}
/// Does the same as first_success(a(), b()), for any number of tasks of one kind. Returns a first_result. Throws
/// std::invalid_argument if the vector is empty.
template <class T>
requires(!std::is_reference_v<T>)
    [[nodiscard]] auto first_success(std::vector<task<T>>&& tasks) {
    detail::refuse_empty(tasks.empty(), "first_success: no tasks");
    return detail::awaited_once<detail::waiting_for_any_of<T>, detail::winner_is, std::vector<std::exception_ptr>*,
                                std::vector<task<T>>>{detail::winner_is::first_success, nullptr, std::move(tasks)};
}
/// Does the same, and adds the exception of each task that fails before a success to `failures`, in the order of their
/// ends. `failures` must stay valid until the call returns.
template <class T>
requires(!std::is_reference_v<T>)
    [[nodiscard]] auto first_success(std::vector<task<T>>&& tasks, std::vector<std::exception_ptr>& failures) {
    detail::refuse_empty(tasks.empty(), "first_success: no tasks");
    return detail::awaited_once<detail::waiting_for_any_of<T>, detail::winner_is, std::vector<std::exception_ptr>*,
                                std::vector<task<T>>>{detail::winner_is::first_success, &failures, std::move(tasks)};
}

// Mistakes: the message says what to write.
template <class... What>
requires((requires { typename std::remove_cvref_t<What>::write_co_await; } || ...))
auto when_all(What&&...) {
    static_assert(sizeof...(What) == 0, "pass tasks only: write a function that returns task<> around the operation");
}
template <class... What>
requires((requires { typename std::remove_cvref_t<What>::write_co_await; } || ...))
auto when_any(What&&...) {
    static_assert(sizeof...(What) == 0, "pass tasks only: write a function that returns task<> around the operation");
}
template <class... Ts>
requires(sizeof...(Ts) > 0)
auto when_all(const task<Ts>&...) {
    detail::advise_to_move<Ts...>();
}
template <class... Ts>
requires(sizeof...(Ts) > 0)
auto when_any(const task<Ts>&...) {
    detail::advise_to_move<Ts...>();
}
template <class... Ts>
requires(sizeof...(Ts) > 0)
auto first_success(const task<Ts>&...) {
    detail::advise_to_move<Ts...>();
}
template <class T>
auto when_all(const std::vector<task<T>>&) {
    detail::advise_to_move<T>();
}
template <class T>
auto when_any(const std::vector<task<T>>&) {
    detail::advise_to_move<T>();
}
template <class T, class... Failures>
auto first_success(const std::vector<task<T>>&, Failures&...) {
    detail::advise_to_move<T>();
}

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Adds an exception to the list. Without memory for it, the exception is dropped.
inline void keep_failure(std::vector<std::exception_ptr>& failures, const std::exception_ptr& thrown) noexcept {
    try {
        failures.push_back(thrown);
    } catch (const std::bad_alloc&) {
    }
}

/// A wait for results. If the waiting task is cancelled already, the parts begin as cancelled, and the wait throws, even
/// if they end without a wait. Otherwise a loop over such waits could not be cancelled.
class wait_for_results : public joint_wait {
  protected:
    wait_for_results() noexcept : joint_wait{true} {}
    ~wait_for_results() = default;
    template <class Begin>
    bool begin_parts(std::coroutine_handle<> waiter, fiber& whose, Begin begin) {
        return begin_all(waiter, whose, [&] {
            if ((was_cancelled_ = whose.is_cancelled())) cancelled();
            begin();
        });
    }
    void throw_if_it_was_cancelled() const {
        if (was_cancelled_) throw_cancelled();
    }

  private:
    bool was_cancelled_ = false;
};

template <class... Ts>
class [[nodiscard]] waiting_for_all : public wait_for_results {
  public:
    explicit waiting_for_all(task<Ts>&&... tasks) : parts_{std::move(tasks)...} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin_parts(waiter, waiter.promise().chain(), [this] {
            std::apply([this](auto&... parts) { (parts.begin(*this), ...); }, parts_);
        });
    }
    std::tuple<value_or_monostate<Ts>...> await_resume() {
        throw_if_it_was_cancelled();
        if (failure_) std::rethrow_exception(failure_);
        return std::apply([](auto&... parts) { return std::tuple<value_or_monostate<Ts>...>{parts.take_value()...}; },
                          parts_);
    }

  private:
    void part_ended(part_base& which) noexcept override {
        if (failure_ || !(failure_ = which.exception())) return;
        cancelled();
    }
    void cancel_parts() noexcept override {
        std::apply([](auto&... parts) { (parts.withdraw(), ...); }, parts_);  // their results are not used
    }

    std::tuple<part<Ts>...> parts_;
    std::exception_ptr failure_;
};

/// The contest of when_any() and first_success(): remembers the winner, or the failures if every part fails.
class contest : public wait_for_results {
  protected:
    contest(winner_is what, std::vector<std::exception_ptr>* failures) noexcept
        : needs_success_{what == winner_is::first_success}, failures_{failures} {}
    ~contest() = default;
    /// Returns the winner. If there is no winner, throws the first failure, or netnotes::cancelled.
    const part_base& winner() const {
        throw_if_it_was_cancelled();
        if (!first_ && chain().is_cancelled()) throw_cancelled();
        if (!first_) std::rethrow_exception(failure_);
        return *first_;
    }

  private:
    void part_ended(part_base& which) noexcept final {
        if (first_) return;
        const std::exception_ptr thrown = needs_success_ ? which.exception() : nullptr;
        if (!thrown) {
            first_ = &which;
            return cancelled();
        }
        if (!failure_) failure_ = thrown;
        if (failures_) keep_failure(*failures_, thrown);
    }

    bool needs_success_;
    const part_base* first_ = nullptr;
    std::exception_ptr failure_;
    std::vector<std::exception_ptr>* failures_;
};

template <class... Ts>
class [[nodiscard]] waiting_for_any : public contest {
  public:
    explicit waiting_for_any(winner_is what, task<Ts>&&... tasks) : contest{what, nullptr}, parts_{std::move(tasks)...} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin_parts(waiter, waiter.promise().chain(), [this] {
            std::apply([this](auto&... parts) { (parts.begin(*this), ...); }, parts_);
        });
    }
    std::variant<value_or_monostate<Ts>...> await_resume() { return result_of<0>(winner()); }

  private:
    using outcome = std::variant<value_or_monostate<Ts>...>;
    template <std::size_t I>
    outcome result_of(const part_base& first) {
        auto& candidate = std::get<I>(parts_);
        if (&candidate == &first) return outcome{std::in_place_index<I>, candidate.take_value()};
        if constexpr (I + 1 < sizeof...(Ts))
            return result_of<I + 1>(first);
        else
            std::terminate();  // cannot happen: the winner is one of the parts
    }
    void cancel_parts() noexcept override {
        std::apply([](auto&... parts) { (parts.withdraw(), ...); }, parts_);  // their results are not used
    }

    std::tuple<part<Ts>...> parts_;
};

/// The parts of a range. They stay in place, because a part cannot be moved.
template <class T>
class part_list {
  public:
    explicit part_list(std::vector<task<T>>&& tasks)
        : first_{allocate(tasks.size())}, size_{tasks.size()} {
        for (std::size_t i = 0; i < size_; ++i) new (first_ + i) part<T>{std::move(tasks[i])};
    }
    part_list(const part_list&) = delete;
    part_list& operator=(const part_list&) = delete;
    ~part_list() {
        for (part<T>& each : *this) each.~part();
        ::operator delete(first_, std::align_val_t{alignof(part<T>)});
    }
    [[nodiscard]] part<T>* begin() const noexcept { return first_; }
    [[nodiscard]] part<T>* end() const noexcept { return first_ + size_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    void withdraw() const noexcept {
        for (part<T>& each : *this) each.withdraw();
    }

  private:
    static part<T>* allocate(std::size_t count) {
        if (count > static_cast<std::size_t>(-1) / sizeof(part<T>)) throw std::bad_array_new_length{};
        return static_cast<part<T>*>(::operator new(count * sizeof(part<T>), std::align_val_t{alignof(part<T>)}));
    }
    part<T>* first_;
    std::size_t size_;
};

template <class T>
class [[nodiscard]] waiting_for_all_of : public wait_for_results {
  public:
    explicit waiting_for_all_of(std::vector<task<T>>&& tasks) : parts_{std::move(tasks)} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin_parts(waiter, waiter.promise().chain(), [this] {
            for (part<T>& each : parts_) each.begin(*this);
        });
    }
    all_results<T> await_resume() {
        throw_if_it_was_cancelled();
        if (failure_) std::rethrow_exception(failure_);
        if constexpr (!std::is_void_v<T>) {
            std::vector<T> results;
            results.reserve(parts_.size());
            for (part<T>& each : parts_) results.push_back(each.take());
            return results;
        }
    }

  private:
    void part_ended(part_base& which) noexcept override {
        if (failure_ || !(failure_ = which.exception())) return;
        cancelled();
    }
    void cancel_parts() noexcept override { parts_.withdraw(); }  // their results are not used

    part_list<T> parts_;
    std::exception_ptr failure_;
};

template <class T>
class [[nodiscard]] waiting_for_any_of : public contest {
  public:
    waiting_for_any_of(winner_is what, std::vector<std::exception_ptr>* failures, std::vector<task<T>>&& tasks)
        : contest{what, failures}, parts_{std::move(tasks)} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin_parts(waiter, waiter.promise().chain(), [this] {
            for (part<T>& each : parts_) each.begin(*this);
        });
    }
    first_result<T> await_resume() {
        const part_base& first = winner();
        part<T>* at = parts_.begin();
        while (at != &first) ++at;
        return {static_cast<std::size_t>(at - parts_.begin()), at->take_value()};
    }

  private:
    void cancel_parts() noexcept override { parts_.withdraw(); }  // their results are not used
    part_list<T> parts_;
};

inline void refuse_empty(bool is_empty, const char* why) {
    if (is_empty) throw std::invalid_argument{why};
}

}  // namespace detail
}  // namespace netnotes

#endif  // NETNOTES_CORO_WHEN_HPP
