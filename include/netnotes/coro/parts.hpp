// netnotes/coro/parts.hpp: one task that waits for several
// SPDX-License-Identifier: MIT
//
// when_all(), when_any(), with_timeout(), shield(), with_group() and serve() do the same: they run tasks beside one
// another and wait until all have ended. They differ only in what they do when a part ends or the waiting task is
// cancelled:
//
//        joint_wait ──┬── part: task a ───────── ends ──> part_ended(a)
//                     ├── part: task b ─────────────────────── ends ──> part_ended(b)
//                     └── part: task c ──── ends ──> part_ended(c)          └── the last one: resume the waiting task
//
//        the waiting task is cancelled ──> cancel_parts(), and it still waits until all parts have ended
//
// On this page:  for authors of awaitables: joint_wait · part_base, part
// Above it:      coro/when.hpp, coro/timeout.hpp, coro/group.hpp, coro/serve.hpp

#ifndef NETNOTES_CORO_PARTS_HPP
#define NETNOTES_CORO_PARTS_HPP

#include <coroutine>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include "join.hpp"
#include "scheduler.hpp"
#include "task.hpp"

namespace netnotes::detail {

/// What a compiler shows if a task with a name is passed where the task has to be moved.
template <class... Ts>
auto advise_to_move() {  // auto: the compiler then reports it before anything else
    static_assert(sizeof...(Ts) == 0, "a task runs once: write std::move(it) for a task, or a vector of tasks, with a name");
}

template <class T>
using value_or_monostate = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
class part_base;

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

    /// Calls `begin()`, which begins the parts. They begin inside this call, even if this chain has kept other tasks
    /// waiting for many steps. A part may refer to an object that another task ends, or to lent bytes, and must use them
    /// before any other task runs. Its first operation then gives up the turn.
    template <class Begin>
    bool begin_all(std::coroutine_handle<> waiter, fiber& whose, Begin begin) {
        waits(waiter, whose);
        running_ = 1;  // counts this call, so that a part that ends at once does not resume the waiting task here
        const bool may_go_on = whose.loop().take_step();
        begin();
        if (--running_ > 0) return true;
        decided();
        return !may_go_on && leave_turn(waiter, whose);  // there was no part, or all have ended without an operation
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
    void begin(joint_wait& whole, std::coroutine_handle<> self, bool is_shielded, bool is_operation) {
        whole_ = &whole;
        belongs_to(whole.chain());
        if (whole.chain().is_cancelled() && !is_shielded) cancel_with(whole.chain());
        ++whole.running_;
        if (is_operation || !between.is_deep()) {
            scheduler& loop = this->loop();  // this part may be destroyed when resume() returns
            const unsigned before = loop.runs(*this);
            self.resume();
            return loop.runs_again(before);
        }
        goes_on_at(self);
        postpone();
    }
    /// Returns the wait that this part belongs to. The part must have begun.
    [[nodiscard]] joint_wait& whole() const noexcept { return *whole_; }
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
    /// Begins the task: inside this call, or at the next turn if the stack is deep. A task around one operation always
    /// begins inside this call, because the operation may refer to an object that another task ends. It begins as
    /// cancelled if the waiting chain is cancelled, unless `is_shielded`.
    void begin(joint_wait& whole, bool is_shielded = false) {
        if (!task_) return fail(whole);
        task_.promise().belongs_to(*this);
        part_base::begin(whole, task_, is_shielded, task_.promise().is_operation());
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

}  // namespace netnotes::detail

#endif  // NETNOTES_CORO_PARTS_HPP
