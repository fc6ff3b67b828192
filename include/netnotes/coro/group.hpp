// netnotes/coro/group.hpp: tasks beside one another
// SPDX-License-Identifier: MIT
//
// A task from spawn() may outlive the function that began it. Most functions need the opposite. Several tasks run at
// the same time *inside* the function, and all of them have ended when it returns or throws. Then the text of the
// function shows when each task runs, and the tasks can use the function's variables. This is called structured
// concurrency. It improves on spawn() as `while` improved on goto.
//
//     auto [page, icon] = co_await when_all(fetch("/"), fetch("/icon"));      both results, or the first exception
//     auto first = co_await when_any(ask(mirror_1), ask(mirror_2));           the first result; the other is cancelled
//     auto answer = co_await with_timeout(2s, ask(server));                   the result, or errc::timed_out
//     co_await with_group(clients);                                           any number of tasks:
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
// On this page:  when_all · when_any · with_timeout · with_group, task_group
// The notes:     asyncio, async/await; example 25

#ifndef NETNOTES_CORO_GROUP_HPP
#define NETNOTES_CORO_GROUP_HPP

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "function.hpp"
#include "loop.hpp"

namespace netnotes {

namespace detail {
template <class T>
using value_or_monostate = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
class part_base;
template <class... Ts>
class waiting_for_all;
template <class... Ts>
class waiting_for_any;
template <class T>
class waiting_with_timeout;
template <class Body, class T>
class waiting_for_group;
}  // namespace detail

/// `co_await when_all(a(), b())` runs all tasks at the same time and waits until all have ended. It begins them in this
/// order, each up to its first wait. Returns a std::tuple of the results, with std::monostate for a task<void>.
///
/// If a task throws, the others are cancelled. When all have ended, the first exception is thrown and the other results
/// are dropped. If a result must not be lost, such as a value from a channel, let the task store it in a variable
/// outside.
template <class... Ts>
[[nodiscard]] detail::awaited_once<detail::waiting_for_all<Ts...>, task<Ts>...> when_all(task<Ts>... tasks) {
    return detail::awaited_once<detail::waiting_for_all<Ts...>, task<Ts>...>{std::move(tasks)...};
}

/// `co_await when_any(a(), b())` runs all tasks at the same time until the first ends. Then it cancels the others, and
/// waits until they have ended. Returns the result of the first task as a std::variant, whose index() is the position
/// of that task; or throws its exception. The results and exceptions of the others are dropped.
template <class... Ts>
requires(sizeof...(Ts) > 0)
    [[nodiscard]] detail::awaited_once<detail::waiting_for_any<Ts...>, task<Ts>...> when_any(task<Ts>... tasks) {
    return detail::awaited_once<detail::waiting_for_any<Ts...>, task<Ts>...>{std::move(tasks)...};
}

/// `co_await with_timeout(2s, a())` runs the task, and cancels it when `time` has passed. Returns the task's result or
/// throws its exception. Throws std::system_error with errc::timed_out if the timeout has ended the task. If the task
/// returns a result in spite of the cancellation, that result is returned. With `never` there is no timeout.
template <class T>
[[nodiscard]] detail::awaited_once<detail::waiting_with_timeout<T>, duration, task<T>> with_timeout(wait_time time,
                                                                                                    task<T> what) {
    return detail::awaited_once<detail::waiting_with_timeout<T>, duration, task<T>>{time, std::move(what)};
}

/// The tasks that belong to one with_group(). Use it only in the loop's thread, and only while that with_group() runs.
class task_group {
  public:
    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;

    /// Begins a task of this group: runs it up to its first wait, inside this call. If the task throws, all other tasks
    /// of the group are cancelled. After cancel() the task begins as cancelled. Does not suspend. Throws
    /// std::logic_error if `what` is empty, if the body has not begun, or if all tasks of the group have ended.
    void spawn(task<> what);
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
    state& state_;
};

/// `co_await with_group(body)` calls `body(task_group&)`, which returns a task. It runs that task and all tasks that
/// are spawned in the group, and waits until the last has ended. Returns the body's result, or throws the first
/// exception of all these tasks. The body may end before the other tasks, so variables that they share must be outside
/// of the body.
template <task_function<task_group&> Body>
[[nodiscard]] auto with_group(Body body);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Waits until several chains, its parts, have ended.
class joint_wait : public loop_operation {
  public:
    bool await_ready() const noexcept { return false; }

  protected:
    friend class part_base;
    /// `has_result`: see part_base::end().
    explicit joint_wait(bool has_result) noexcept : has_result_{has_result} {}
    ~joint_wait() = default;

    /// Tells the derived class that a part has ended. The last part resumes the waiting task after this call.
    virtual void part_ended(part_base& which) noexcept = 0;

    /// Calls `begin(later)`, which begins the parts: in place if `later` is false, otherwise at the next turn. `later`
    /// is true if this chain has kept other tasks waiting for many steps.
    template <class Begin>
    bool begin_all(std::coroutine_handle<> waiter, fiber& whose, Begin begin) {
        waits(waiter, whose);
        running_ = 1;  // counts this call, so that a part that ends at once does not resume the waiting task here
        const bool later = !whose.loop().take_step();
        begin(later);
        if (--running_ > 0) return true;
        decided();
        return later && leave_turn(waiter, whose);  // there was no part to run, or the parts failed at once
    }

    /// Cancels all parts.
    virtual void cancel_parts() noexcept = 0;
    /// Cancels all parts. Nested waits are put in a list and cancelled one after another, so that the stack does not
    /// grow.
    void cancelled() noexcept final {
        static constinit thread_local joint_wait* to_be_cancelled = nullptr;
        static constinit thread_local bool is_at_it = false;
        if (std::exchange(is_listed_, true)) return;
        next_ = std::exchange(to_be_cancelled, this);
        if (std::exchange(is_at_it, true)) return;
        while (to_be_cancelled) {
            joint_wait& first = *std::exchange(to_be_cancelled, to_be_cancelled->next_);
            first.is_listed_ = false;
            first.cancel_parts();
        }
        is_at_it = false;
    }

  public:
    [[nodiscard]] std::size_t running() const noexcept { return running_; }

  private:
    std::size_t running_ = 0;
    joint_wait* next_ = nullptr;
    bool has_result_;
    bool is_listed_ = false;
};

/// One of the chains that a joint_wait waits for.
class part_base : public fiber {
  public:
    [[nodiscard]] virtual std::exception_ptr exception() const noexcept = 0;
    [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
    /// Withdraws this part if `whole`, the waiting chain, was withdrawn; cancels it otherwise.
    void cancel_with(const fiber& whole) noexcept {
        if (whole.is_withdrawn())
            withdraw();
        else
            cancel();
    }

  protected:
    part_base() noexcept = default;
    virtual ~part_base() = default;
    void begin(joint_wait& whole, std::coroutine_handle<> self, bool later) {
        whole_ = &whole;
        belongs_to(whole.chain());
        if (whole.chain().is_cancelled()) cancel_with(whole.chain());
        ++whole.running_;
        if (!later && !between.is_deep()) return self.resume();
        goes_on_at(self);
        postpone();
    }
    /// Ends a part that has no task to run.
    void fail_at_once(joint_wait& whole) noexcept {
        whole_ = &whole;
        belongs_to(whole.chain());
        ++whole.running_;
        end();
    }
    /// Ends this part. The last part to end resumes the waiting task. If there is a result, the waiting task is resumed
    /// before any other chain. The result may have been taken from a socket or a channel, and must reach the waiting
    /// task before another task can cancel it.
    void end() noexcept {
        has_ended_ = true;
        joint_wait& whole = *whole_;
        whole.part_ended(*this);  // this call may destroy the part
        if (--whole.running_ > 0) return;
        if (whole.has_result_)
            whole.go_on_next();
        else
            whole.go_on();
    }

  private:
    bool postpone() noexcept final {
        loop().make_ready(*this);
        return true;
    }
    joint_wait* whole_ = nullptr;
    bool has_ended_ = false;
};

template <class T>
class part : public part_base {
  public:
    /// Takes a task. An empty task fails when it begins, so that its error comes from the wait.
    explicit part(task<T>&& what) noexcept : task_{task_access::release(what)} {}
    ~part() override {
        if (!task_) return;
        task_.destroy();
        leave_awaiter();
    }
    [[nodiscard]] std::exception_ptr exception() const noexcept override { return outcome_.exception(); }
    T take() { return outcome_.take(); }
    value_or_monostate<T> take_value() {
        if constexpr (std::is_void_v<T>) {
            outcome_.take();
            return {};
        } else {
            return outcome_.take();
        }
    }
    void begin(joint_wait& whole, bool later = false) {
        if (!task_) return fail(whole);
        task_.promise().belongs_to(*this);
        part_base::begin(whole, task_, later);
    }
    [[nodiscard]] bool is_empty() const noexcept { return !task_; }

  private:
    [[gnu::noinline]] void fail(joint_wait& whole) {
        outcome_.set_exception(std::make_exception_ptr(
            std::logic_error{"empty task: default-constructed, moved from, or already awaited"}));
        fail_at_once(whole);
    }
    void ended() noexcept override {
        try {
            outcome_.take_over(task_.promise().outcome);
        } catch (...) {
            outcome_.set_exception(std::current_exception());
        }
        std::exchange(task_, nullptr).destroy();
        end();
    }

    std::coroutine_handle<task_promise<T>> task_;
    result<T> outcome_;
};

template <class... Ts>
class [[nodiscard]] waiting_for_all : public joint_wait {
  public:
    explicit waiting_for_all(task<Ts>&&... tasks) : joint_wait{true}, parts_{std::move(tasks)...} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin_all(waiter, waiter.promise().chain(),
                         [this](bool later) {
                             std::apply([&](auto&... parts) { (parts.begin(*this, later), ...); }, parts_);
                         });
    }
    std::tuple<value_or_monostate<Ts>...> await_resume() {
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

template <class... Ts>
class [[nodiscard]] waiting_for_any : public joint_wait {
  public:
    explicit waiting_for_any(task<Ts>&&... tasks) : joint_wait{true}, parts_{std::move(tasks)...} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin_all(waiter, waiter.promise().chain(),
                         [this](bool later) {
                             std::apply([&](auto&... parts) { (parts.begin(*this, later), ...); }, parts_);
                         });
    }
    std::variant<value_or_monostate<Ts>...> await_resume() { return winner<0>(); }

  private:
    using outcome = std::variant<value_or_monostate<Ts>...>;
    template <std::size_t I>
    outcome winner() {
        auto& candidate = std::get<I>(parts_);
        if (&candidate == first_) return outcome{std::in_place_index<I>, candidate.take_value()};
        if constexpr (I + 1 < sizeof...(Ts))
            return winner<I + 1>();
        else
            std::terminate();  // cannot happen: the wait ends only after a part has ended
    }
    void part_ended(part_base& which) noexcept override {
        if (first_) return;
        first_ = &which;
        cancelled();
    }
    void cancel_parts() noexcept override {
        std::apply([](auto&... parts) { (parts.withdraw(), ...); }, parts_);  // their results are not used
    }

    std::tuple<part<Ts>...> parts_;
    part_base* first_ = nullptr;
};

template <class T>
class [[nodiscard]] waiting_with_timeout : public joint_wait, private loop_timer {
  public:
    waiting_with_timeout(duration time, task<T>&& what) : joint_wait{true}, part_{std::move(what)}, time_{time} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        fiber& whose = waiter.promise().chain();
        return begin_all(waiter, whose, [&](bool aside) {
            if (time_ != never) whose.loop().arm(*this, later(whose.loop().now(), time_));
            part_.begin(*this, aside);
        });
    }
    T await_resume() {
        if (has_expired_ && !chain().is_cancelled() && part_.exception() && is_cancellation(part_.exception()))
            throw std::system_error{std::make_error_code(std::errc::timed_out)};
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
    bool has_expired_ = false;
};

}  // namespace detail

// ---- the group

class task_group::state {
  public:
    template <class Body, class T>
    friend class detail::waiting_for_group;
    friend task_group;
    class member;

  private:
    void take_failure(const detail::part_base& from) noexcept;
    void cancel() noexcept;

    detail::joint_wait* whole_ = nullptr;
    detail::part_base* body_ = nullptr;
    member* members_ = nullptr;
    std::size_t size_ = 0;
    bool is_cancelled_ = false;
    bool was_asked_ = false;  // by task_group::cancel()
    std::exception_ptr failure_;
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
    if (failure_ || !thrown) return;
    const bool as_asked = was_asked_ && !whole_->chain().is_cancelled();
    if (as_asked && &from != body_ && detail::is_cancellation(thrown)) return;
    failure_ = thrown;
    cancel();
}

inline void task_group::spawn(task<> what) {
    if (!state_.whole_ || state_.whole_->running() == 0)
        throw std::logic_error{"this group has not begun, or has ended"};
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
    explicit waiting_for_group(Body&& body) : joint_wait{!std::is_void_v<T>}, body_{std::move(body)}, part_{make()} {}
    ~waiting_for_group() {
        while (state_.members_) delete state_.members_;  // if the frame is destroyed during the wait
    }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        state_.whole_ = this;
        state_.body_ = &part_;
        return begin_all(waiter, waiter.promise().chain(), [this](bool later) { part_.begin(*this, later); });
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
    return detail::awaited_once<detail::waiting_for_group<Body, result>, Body>{std::move(body)};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_GROUP_HPP
