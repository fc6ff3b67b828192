// netnotes/coro/group.hpp: tasks beside one another
// SPDX-License-Identifier: MIT
//
// A task from spawn() may outlive the function that began it. Most functions need the opposite. Several tasks run at
// the same time *inside* the function, and all of them have ended when it returns or throws. Then the text of the
// function shows when each task runs, and the tasks can use the function's variables. This is called structured
// concurrency. It improves on spawn() as `while` improved on goto.
//
//     auto [page, icon] = co_await when_all(fetch("/"), fetch("/icon"));      two tasks, or a vector: coro/when.hpp
//     auto answer = co_await with_timeout(2s, ask(server));                   one task: coro/timeout.hpp
//     co_await with_group(clients);                                           tasks that begin one by one:
//
//         task<> clients(task_group& group) {
//             for (const std::string& name : names) group.spawn(ask_and_tell(name));
//             co_return;
//         }
//
//        with_group ──┬── the body ──────────X fails               the first failure cancels all the others;
//                     ├── a task ────────────────x cancelled       when the last of them has ended, with_group()
//                     └── a task ───────────────────x cancelled    throws the failure, and no task runs on
//
// If the awaiting task is cancelled, all these tasks are cancelled too, and it is resumed when the last has ended.
//
// On this page:  with_group, task_group
// Below it:      coro/when.hpp (when_all, when_any), coro/timeout.hpp (with_timeout, shield), coro/parts.hpp
// The notes:     asyncio, async/await; example 25

#ifndef NETNOTES_CORO_GROUP_HPP
#define NETNOTES_CORO_GROUP_HPP

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "function.hpp"
#include "loop.hpp"
#include "parts.hpp"
#include "timeout.hpp"
#include "when.hpp"

namespace netnotes {

namespace detail {
template <class Body, class T>
class waiting_for_group;
}  // namespace detail

/// The tasks that belong to one with_group(). Use it only in the loop's thread, and only while that with_group() runs.
class task_group {
  public:
    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;

    /// Begins a task of this group: runs it up to its first wait, inside this call. If the task throws, all other tasks
    /// of the group are cancelled. After cancel() the task begins as cancelled. Does not suspend. Throws
    /// std::logic_error if `what` is empty, if the body has not begun, or if all tasks of the group have ended.
    void spawn(task<>&& what);
    /// Begins a task that returns a value, which is dropped.
    template <class T>
    void spawn(task<T>&& what) {
        spawn(drop_result(std::move(what)));
    }
    /// A mistake: the message says what to write.
    template <class T>
    void spawn(const task<T>&) {
        detail::advise_to_move<T>();
    }
    /// Begins the task that `what()` returns. The function lives as long as its task.
    template <task_function Function>
    void spawn(Function what) {
        spawn(detail::call_in_frame(std::move(what)));
    }
    /// Cancels all tasks of the group, with the body, and every task that is spawned later. A spawned task that ends by
    /// this cancellation is not a failure. If the body ends by it, with_group() throws std::system_error with
    /// errc::operation_canceled. Does not suspend.
    void cancel() noexcept;
    /// Returns the number of spawned tasks that have not ended. The body does not count.
    [[nodiscard]] std::size_t size() const noexcept;

  private:
    template <class Body, class T>
    friend class detail::waiting_for_group;
    class state;
    explicit task_group(state& shared) noexcept : state_{shared} {}
    template <class T>
    static task<> drop_result(task<T> what) {
        co_await std::move(what);
    }
    state& state_;
};

/// `co_await with_group(body)` calls `body(task_group&)`, which returns a task. It runs that task and all tasks that
/// are spawned in the group, and waits until the last has ended. Returns the body's result, or throws the first
/// exception of all these tasks. The body may end before the other tasks, so variables that they share must be outside
/// of the body.
template <task_function<task_group&> Body>
[[nodiscard]] auto with_group(Body body);
/// Does the same, and tells all failures: it adds each exception to `failures`, in the order in which the tasks end,
/// also the first exception. A task that ends by its cancellation is not a failure. `failures` must stay valid until
/// the call returns or throws.
///
///     std::vector<std::exception_ptr> failures;
///     try { co_await with_group(body, failures); } catch (const std::exception&) {}        then look at `failures`
template <task_function<task_group&> Body>
[[nodiscard]] auto with_group(Body body, std::vector<std::exception_ptr>& failures);

// ========================================================================================================
// How it is done
// ========================================================================================================

// ---- the group

class task_group::state {
  public:
    template <class Body, class T>
    friend class detail::waiting_for_group;
    friend task_group;
    class member;

  private:
    explicit state(std::vector<std::exception_ptr>* failures) noexcept : failures_{failures} {}
    void take_failure(const detail::part_base& from) noexcept;
    void cancel() noexcept;

    detail::joint_wait* whole_ = nullptr;
    detail::part_base* body_ = nullptr;
    member* members_ = nullptr;
    std::size_t size_ = 0;
    bool is_cancelled_ = false;
    bool was_asked_ = false;     // by task_group::cancel()
    bool has_no_body_ = false;   // the call of the body has thrown
    std::exception_ptr failure_;
    std::vector<std::exception_ptr>* failures_;  // all of them, if the caller wants to know
};

/// A spawned task of a group. The group deletes it when the task has ended.
class task_group::state::member final : public detail::part<void> {
  public:
    static void* operator new(std::size_t size) { return detail::frames.take(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { detail::frames.give_back(memory, size); }
    member(state& group, task<>&& what)
        : detail::part<void>{std::move(what)}, group_{group}, next_{group.members_}, previous_{&group.members_} {
        if (next_) next_->previous_ = &next_;
        group.members_ = this;
        ++group.size_;
    }
    ~member() override {
        *previous_ = next_;
        if (next_) next_->previous_ = previous_;
        --group_.size_;
    }
    [[nodiscard]] member* next() const noexcept { return next_; }

  private:
    state& group_;
    member* next_;
    member** previous_;
};

inline void task_group::state::cancel() noexcept {
    is_cancelled_ = true;
    if (!whole_) return;  // the body has not begun
    const detail::fiber& whole = whole_->chain();
    if (body_) body_->cancel_with(whole);
    for (member* each = members_; each; each = each->next()) each->cancel_with(whole);
}

inline void task_group::state::take_failure(const detail::part_base& from) noexcept {
    const std::exception_ptr thrown = from.exception();
    if (!thrown) return;
    const bool is_known = has_no_body_ && &from == body_;
    if (failures_ && !is_known && !detail::is_cancellation(thrown)) detail::keep_failure(*failures_, thrown);
    if (failure_) return;
    const bool as_asked = was_asked_ && !whole_->chain().is_cancelled();
    if (as_asked && &from != body_ && detail::is_cancellation(thrown)) return;
    failure_ = thrown;
    cancel();
}

inline void task_group::spawn(task<>&& what) {
    if (!state_.whole_ || state_.whole_->running() == 0)
        throw std::logic_error{"task_group::spawn: the group has not begun, or has ended"};
    auto* const made = new state::member{state_, std::move(what)};
    if (made->is_empty()) {
        delete made;
        detail::throw_empty_task();
    }
    if (state_.is_cancelled_) made->cancel();
    made->begin(*state_.whole_);
}
inline void task_group::cancel() noexcept {
    state_.was_asked_ = true;
    state_.cancel();
}
inline std::size_t task_group::size() const noexcept { return state_.size_; }

namespace detail {

template <class Body, class T>
class [[nodiscard]] waiting_for_group : public joint_wait {
  public:
    waiting_for_group(Body&& body, std::vector<std::exception_ptr>* failures)
        : joint_wait{!std::is_void_v<T>}, state_{failures}, body_{std::move(body)}, part_{make()} {}
    ~waiting_for_group() {
        while (state_.members_) delete state_.members_;  // if the frame is destroyed during the wait
    }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        state_.whole_ = this;
        state_.body_ = &part_;
        return begin_all(waiter, waiter.promise().chain(), [this] { part_.begin(*this); });
    }
    T await_resume() {
        if (state_.failure_ && state_.was_asked_ && !this->chain().is_cancelled())
            rethrow_outside(state_.failure_, "with_group");  // the group was cancelled, but not its caller
        if (state_.failure_) std::rethrow_exception(state_.failure_);
        return part_.take();
    }

  private:
    /// Calls the body. If the body throws before it returns a task, that counts as a failure of the task.
    task<T> make() {
        try {
            return body_(group_);
        } catch (...) {
            state_.failure_ = std::current_exception();
            state_.has_no_body_ = true;
            if (state_.failures_) keep_failure(*state_.failures_, state_.failure_);
            return {};
        }
    }
    void part_ended(part_base& which) noexcept override {
        state_.take_failure(which);
        if (&which == &part_)
            state_.body_ = nullptr;
        else
            delete static_cast<task_group::state::member*>(&which);
    }
    void cancel_parts() noexcept override { state_.cancel(); }

    task_group::state state_;
    task_group group_{state_};
    Body body_;
    part<T> part_;
};

}  // namespace detail

template <task_function<task_group&> Body>
auto with_group(Body body) {
    using result = detail::task_result<Body, task_group&>;
    return detail::awaited_once<detail::waiting_for_group<Body, result>, Body, std::vector<std::exception_ptr>*>{
        std::move(body), nullptr};
}
template <task_function<task_group&> Body>
auto with_group(Body body, std::vector<std::exception_ptr>& failures) {
    using result = detail::task_result<Body, task_group&>;
    return detail::awaited_once<detail::waiting_for_group<Body, result>, Body, std::vector<std::exception_ptr>*>{
        std::move(body), &failures};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_GROUP_HPP
