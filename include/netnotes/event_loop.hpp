// netnotes/event_loop.hpp: thousands of functions that wait, in one thread
// SPDX-License-Identifier: MIT      version 0.1.0      copy with: ip_text.hpp ip.hpp stop.hpp socket_address.hpp socket.hpp poll.hpp task.hpp timer_wheel.hpp
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
// On this page:  loop_options · event_loop · join_handle · spawn, yield, sleep_for, sleep_until · and below, for those
//                who write awaitables: loop_operation, io_node, io_operation
// The notes:     协程问题, 例子 (who switches; 1:N), gevent (spawn, join, sleep); example 24

#ifndef NETNOTES_EVENT_LOOP_HPP
#define NETNOTES_EVENT_LOOP_HPP

#if defined(NETNOTES_VERSION) && NETNOTES_VERSION != 100
#error "netnotes headers of two versions meet here: take all of them from one release"
#endif
#define NETNOTES_VERSION 100  // major * 10000 + minor * 100 + patch

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
#include <system_error>
#include <utility>

#include "poll.hpp"
#include "task.hpp"
#include "timer_wheel.hpp"

namespace netnotes {

struct loop_options {
    /// When nothing is ready, look again and again for so long before going to sleep: a processor for a lower latency.
    duration busy_poll = duration::zero();
    /// The watchdog: `slow` is told when a task has kept the thread for longer than this. `never` costs nothing.
    duration slow_after = never;
    void (*slow)(const char* name, duration took) = nullptr;  ///< `name` as it was given to spawn(), or ""
    /// For tests: time stands still while anything can go on, and when all wait it jumps to the first timer.
    bool virtual_time = false;
};

namespace detail {
class io_node;
class posted_call;
class spawned;
template <class T>
class spawned_task;

/// Something that is to happen at a time.
class loop_timer : public timer {
  protected:
    friend event_loop;
    loop_timer() noexcept = default;
    ~loop_timer() = default;
    virtual void expired() noexcept = 0;
};
}  // namespace detail

template <class T = void>
class join_handle;

/// Runs tasks, in the thread that calls run(). Only post() is for other threads.
class event_loop {
  public:
    /// Throws std::system_error when the system refuses a descriptor.
    explicit event_loop(loop_options options = {});
    event_loop(const event_loop&) = delete;
    event_loop& operator=(const event_loop&) = delete;
    /// Tasks that were spawned and have not ended, as run() was not called again or has failed, are destroyed, and so are
    /// functions that were posted and not called. The descriptors of the loop must be gone; handles may outlive it.
    ~event_loop();

    /// Runs the task and all that is spawned until the task has ended; then cancels what is left, and runs until that has
    /// ended, too. Gives the task's result, or throws its exception, or that of a spawned one whom nobody awaits. Blocks.
    /// Throws std::logic_error, and has done nothing, when a loop runs in this thread or this loop in another.
    template <class T>
    T run(task<T> main);
    /// The same, and a stop cancels all tasks, this one too. False when that was its end.
    bool run(task<> main, const stop_event& stop);

    /// Begins a task beside the others, at the next turn. `name` is for the watchdog; it is not copied. Throws
    /// std::logic_error when the task is none.
    template <class T>
    join_handle<T> spawn(task<T> what, const char* name = "");

    /// Calls `what()` in the loop's thread, soon. From any thread, as long as the loop lives. Allocates. What it throws
    /// ends the run.
    template <class Function>
    void post(Function what);

    /// How many tasks have been spawned and not ended, that of run() included.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// steady_clock's, or virtual time.
    [[nodiscard]] time_point now() const noexcept { return options_.virtual_time ? virtual_now_ : clock::now(); }

    /// The loop that runs in this thread. Throws std::logic_error outside of run().
    [[nodiscard]] static event_loop& current();

    // -- for those who write awaitables

    /// Goes on with it at the next turn.
    void make_ready(detail::ready_item& item) noexcept {
        if (!ready_end_) return;  // the loop is being destroyed: nobody goes on any more
        item.next = nullptr;
        *ready_end_ = &item;
        ready_end_ = &item.next;
    }
    /// Goes on with it now.
    void resume(const detail::ready_item& item) noexcept {
        steps_ = steps_a_turn;
        if (options_.slow_after == never)
            item.coroutine.resume();
        else
            resume_watched(item);
    }
    /// May what has not had to wait go on at once? Not for ever, or a peer who always has something for us would keep
    /// all others waiting.
    [[nodiscard]] bool take_step() noexcept { return --steps_ > 0; }
    /// Whose turn has ended: tries again at the next one.
    void look_again(detail::io_node& node) noexcept;
    /// The end of time never comes, not in virtual time either.
    void arm(detail::loop_timer& what, time_point when) noexcept {
        if (when == time_point::max())
            what.cancel();
        else
            timers_.arm(what, tick_of(when));
    }
    /// Room to receive into, for all tasks: what lies there is valid until the task that has received it waits.
    [[nodiscard]] std::span<std::byte> lent_buffer() const noexcept { return {lent_.get(), lent_size}; }
    /// From any thread, and from a signal handler. Not again before it has been called.
    void post_call(detail::posted_call& call) noexcept;

  private:
    friend detail::io_node;
    friend detail::spawned;
    static constexpr int steps_a_turn = 64;
    static constexpr std::size_t lent_size = 64 * 1024;
    static constexpr unsigned tick_bits = 20;      // a tick is 2^20 ns, a little more than a millisecond
    static constexpr int turns_without_poll = 64;  // an epoll_wait costs as much as a hundred switches

    class running;
    void run_until(detail::spawned& main);
    template <class Done>
    void turn_until(Done done);
    void poll();
    void dispatch(std::span<const event> events);
    void resume_watched(const detail::ready_item& item) noexcept;
    void run_posted() noexcept;
    void run_pending() noexcept;
    static void awaken(detail::io_node& node) noexcept;
    void delete_retired(detail::io_node* list) noexcept;
    void cancel_all() noexcept;
    duration time_to_wait() noexcept;
    std::uint64_t tick_of(time_point when) const noexcept;  // not before `when`
    std::uint64_t ticks_passed() const noexcept;
    void fails(std::exception_ptr exception) noexcept {
        if (!failure_) failure_ = std::move(exception);
    }

    loop_options options_;
    int steps_ = 0;
    int turns_ = 0;
    detail::ready_item* ready_ = nullptr;
    detail::ready_item** ready_end_ = &ready_;
    epoll_poller poller_;
    timer_wheel timers_;
    time_point origin_ = clock::now();
    time_point virtual_now_ = origin_;
    detail::spawned* spawned_ = nullptr;  // all that have not ended, or have a handle, a list
    std::size_t size_ = 0;                // those that have not ended
    // Closed in this turn: events of the same batch, and awaiters, still name them.
    detail::io_node* retired_ = nullptr;
    detail::io_node* pending_ = nullptr;  // with an operation that has had to leave its turn to others
    std::unique_ptr<std::byte[]> lent_;
    bool is_ending_ = false;  // what is spawned now begins as cancelled
    std::exception_ptr failure_;
    std::atomic<bool> is_running_{false};
    stop_event wake_;  // an eventfd is an eventfd
    std::atomic<detail::posted_call*> posted_{nullptr};
    std::atomic<bool> asleep_{false};
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

    /// `co_await handle.join()` waits until it has ended and gives its result, once, or throws its exception. If the
    /// waiting is cancelled the task goes on.
    [[nodiscard]] auto join();
    /// Whatever it waits for ends with errc::operation_canceled.
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
[[nodiscard]] detail::sleeping sleep_for(duration time) noexcept;
[[nodiscard]] detail::sleeping sleep_until(time_point when) noexcept;

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

inline std::error_code cancelled_error() noexcept { return std::make_error_code(std::errc::operation_canceled); }
inline bool is_cancellation(const std::exception_ptr& exception) noexcept {
    try {
        std::rethrow_exception(exception);
    } catch (const std::system_error& error) {
        return error.code() == std::errc::operation_canceled;
    } catch (...) {
        return false;
    }
}
[[noreturn]] inline void throw_cancelled() {
    throw std::system_error{std::make_error_code(std::errc::operation_canceled)};
}

/// What another thread, or a signal handler, wants done.
class posted_call {
  public:
    posted_call(const posted_call&) = delete;
    posted_call& operator=(const posted_call&) = delete;

  protected:
    friend event_loop;
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
        chain->loop().make_ready(*this);
    }
    /// It is decided; the coroutine goes on inside this call, and this object may be gone when it returns.
    void go_on_now() noexcept {
        decided();
        chain->loop().resume(*this);
    }

  protected:
    loop_operation() noexcept = default;
    ~loop_operation() = default;
};

class yielding : private ready_item {  // no operation: it never waits, it stands in the queue already
  public:
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> waiter) noexcept {
        coroutine = waiter;
        chain = &waiter.promise().chain();
        chain->loop().make_ready(*this);
    }
    void await_resume() const {
        if (chain->is_cancelled()) throw_cancelled();
    }
};

class sleeping : public loop_operation, private loop_timer {
  public:
    /// A time_point of no loop yet: which clock it is measured by the loop knows.
    sleeping(duration time, time_point when) noexcept : time_{time}, when_{when} {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) noexcept {
        fiber& whose = waiter.promise().chain();
        if ((was_cancelled_ = whose.is_cancelled())) return false;
        waits(waiter, whose);
        event_loop& loop = whose.loop();
        loop.arm(*this, time_ == never ? when_ : later(loop.now(), time_));
        return true;
    }
    void await_resume() const {
        if (was_cancelled_) throw_cancelled();
    }

  private:
    /// Not inside this call: it may sleep again until a time that is past, and then its timer is due again.
    void expired() noexcept override { go_on(); }
    void cancelled() noexcept override {
        cancel();
        was_cancelled_ = true;
        go_on();
    }

    duration time_;
    time_point when_;
    bool was_cancelled_ = false;
};

// ---- what is spawned

class spawned : public fiber, public ready_item {
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
    friend class joining;
    spawned(event_loop& loop, const char* name) noexcept
        : fiber{loop, name}, next_spawned_{loop.spawned_}, previous_spawned_{&loop.spawned_} {
        chain = this;
        if (next_spawned_) next_spawned_->previous_spawned_ = &next_spawned_;
        loop.spawned_ = this;
        ++loop.size_;
    }
    virtual ~spawned() {
        if (!has_ended_) --loop().size_;  // it was none: see the derived class
        if (has_loop_) leave();
    }
    [[nodiscard]] virtual std::exception_ptr exception() const noexcept = 0;
    /// Destroys the coroutine where it stands.
    virtual void break_off() noexcept = 0;
    void finish() noexcept {
        --loop().size_;
        has_ended_ = true;
        if (joiner_) std::exchange(joiner_, nullptr)->go_on();
        release();
    }
    bool was_taken_ = false;  // its result, or its exception

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

    spawned* next_spawned_;
    spawned** previous_spawned_;
    loop_operation* joiner_ = nullptr;
    std::uint32_t joins_ = 0;  // awaiters that refer to it: the one who waits, and those who were cancelled just now
    bool has_handle_ = true;
    bool has_ended_ = false;
    bool has_loop_ = true;
};

template <class T>
class spawned_task final : public spawned {
  public:
    spawned_task(event_loop& loop, task<T>&& what, const char* name)
        : spawned{loop, name}, task_{task_access::release(what)} {
        if (!task_) throw std::logic_error{"this task is none, or has been awaited before"};
        coroutine = task_;
        task_.promise().belongs_to(*this);
    }
    T take() {
        if (std::exchange(was_taken_, true)) throw std::logic_error{"a spawned task has one result, and it was taken"};
        return outcome_.take();
    }

  private:
    ~spawned_task() override = default;
    [[nodiscard]] std::exception_ptr exception() const noexcept override { return outcome_.exception(); }
    void break_off() noexcept override {
        std::exchange(task_, nullptr).destroy();
        outcome_.set_exception(std::make_exception_ptr(std::system_error{cancelled_error()}));
    }
    void ended() noexcept override {
        try {
            outcome_.take_over(task_.promise().outcome);
        } catch (...) {
            outcome_.set_exception(std::current_exception());
        }
        std::exchange(task_, nullptr).destroy();  // now, and not with the handle: its parameters may hold connections
        finish();
    }

    std::coroutine_handle<task_promise<T>> task_;
    result<T> outcome_;
};

template <class T>
class joining : public loop_operation {
  public:
    explicit joining(spawned_task<T>* task) : task_{task} {
        if (!task_) throw std::logic_error{"this handle has no task"};
        ++task_->joins_;  // the handle may be dropped before this has its result
    }
    ~joining() {
        if (is_waiting()) task_->joiner_ = nullptr;
        --task_->joins_;
        task_->release();
    }
    bool await_ready() const noexcept { return task_->has_ended(); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        fiber& whose = waiter.promise().chain();
        if ((was_cancelled_ = whose.is_cancelled())) return false;
        if (task_->joiner_) throw std::logic_error{"two tasks wait for the end of one"};
        waits(waiter, whose);
        task_->joiner_ = this;
        return true;
    }
    T await_resume() const {
        if (was_cancelled_) throw_cancelled();
        return task_->take();
    }

  private:
    void cancelled() noexcept override {
        task_->joiner_ = nullptr;
        was_cancelled_ = true;
        go_on();
    }

    spawned_task<T>* task_;
    bool was_cancelled_ = false;
};

// ---- descriptors

/// A descriptor as the loop knows it. What the kernel has said of it is remembered, for edge-triggered events are said
/// once; and so is what we have found out ourselves.
class io_node {
  public:
    io_node(event_loop& loop, int descriptor);
    io_node(const io_node&) = delete;
    io_node& operator=(const io_node&) = delete;
    static void* operator new(std::size_t size) { return frames.take(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { frames.give_back(memory, size); }

    [[nodiscard]] event_loop& loop() const noexcept { return loop_; }
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    /// Does an operation wait until it can send?
    [[nodiscard]] bool has_writer() const noexcept { return writer_ != nullptr; }
    /// Each wait from now on ends after so long, with errc::timed_out.
    void set_timeout(duration timeout);
    [[nodiscard]] duration timeout() const noexcept { return limits_ ? limits_->time : never; }

    struct retire {  // for std::unique_ptr
        void operator()(io_node* node) const noexcept { node->leave(); }
    };

    bool readable = false;  ///< there may be something to read; when there is not, an event will come
    bool writable = true;
    bool read_to_end = false;  ///< a short receive does not mean that there is no more, and no event would say so

  protected:
    virtual ~io_node() = default;
    /// Before the descriptor is closed.
    virtual void leave() noexcept;

  private:
    friend event_loop;
    friend io_operation;
    struct deadline final : loop_timer {
        explicit deadline(io_operation*& place) noexcept : waiting{place} {}
        void expired() noexcept override;
        io_operation*& waiting;
    };
    struct limits {
        explicit limits(io_node& node) noexcept : read{node.reader_}, write{node.writer_} {}
        duration time = never;
        deadline read, write;
    };

    bool is_retired_ = false;
    bool is_pending_ = false;
    int descriptor_;
    event_loop& loop_;
    io_operation* reader_ = nullptr;
    io_operation* writer_ = nullptr;
    io_node* next_ = nullptr;  // among the retired, or the pending
    std::unique_ptr<limits> limits_;
};

/// A call on a descriptor that may have to wait.
class io_operation : public loop_operation {
  public:
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin(waiter, waiter.promise().chain());
    }

  protected:
    enum class direction : bool { read, write };
    io_operation(io_node& node, direction way) noexcept : node_{node}, direction_{way} {}
    ~io_operation() {
        if (is_waiting()) leave_place();
    }
    /// Makes the call, unless `node_` knows that it would have to wait. False when it has to: then `node_` knows that.
    virtual bool attempt() noexcept = 0;
    /// Makes a receiving call until it is done, has failed, or has to wait. A stream that has given less than was asked
    /// for is empty (epoll(7), question 9), so the next call need not be made to hear so.
    template <class Call>
    bool receive(Call call, std::size_t& size, std::size_t asked) noexcept {
        while (node_.readable) {
            const auto got = call();
            if (got >= 0) {
                size = static_cast<std::size_t>(got);
                if (size < asked && size > 0 && !node_.read_to_end) node_.readable = false;
                return true;
            }
            if (failed()) return true;
            if (detail::would_block(errno)) node_.readable = false;
        }
        return false;
    }
    /// The same for a sending one, which keeps what it returns for itself.
    template <class Call>
    bool transmit(Call call) noexcept {
        while (node_.writable) {
            if (call() >= 0 || failed()) return true;
            if (detail::would_block(errno)) node_.writable = false;
        }
        return false;
    }

    io_node& node_;
    int error_ = 0;  // of errno
    direction direction_;

  private:
    friend event_loop;
    friend io_node;
    bool begin(std::coroutine_handle<> waiter, fiber& whose);
    bool failed() noexcept {
        if (errno == EINTR || detail::would_block(errno)) return false;
        error_ = errno;
        return true;
    }
    io_operation*& place() const noexcept { return direction_ == direction::read ? node_.reader_ : node_.writer_; }
    void leave_place() noexcept {
        place() = nullptr;
        if (node_.limits_) (direction_ == direction::read ? node_.limits_->read : node_.limits_->write).cancel();
    }
    void take_place() noexcept;
    void cancelled() noexcept override { give_up(ECANCELED); }
    void give_up(int error) noexcept {
        leave_place();
        error_ = error;
        go_on();
    }
    void try_again() noexcept {
        place() = nullptr;
        if (attempt()) {
            leave_place();
            return go_on_now();
        }
        place() = this;  // perhaps the other one: an operation may first have to send and then to receive
    }
};

inline io_node::io_node(event_loop& loop, int descriptor) : descriptor_{descriptor}, loop_{loop} {
    loop_.poller_.add(descriptor, interest::read | interest::write | interest::peer_done | interest::urgent,
                      reinterpret_cast<std::uintptr_t>(this), trigger::edge);
}
inline void io_node::leave() noexcept {
    loop_.poller_.remove(descriptor_);
    is_retired_ = true;
    // A task that still waits for it would wait for ever, on an object that is gone.
    if (reader_) reader_->give_up(EBADF);
    if (writer_) writer_->give_up(EBADF);
    if (!is_pending_) next_ = std::exchange(loop_.retired_, this);
}
inline void io_node::set_timeout(duration timeout) {
    if (timeout == never && !limits_) return;
    if (!limits_) limits_ = std::make_unique<limits>(*this);
    limits_->time = timeout;
}
inline void io_node::deadline::expired() noexcept {
    if (waiting) waiting->give_up(ETIMEDOUT);
}

inline bool io_operation::begin(std::coroutine_handle<> waiter, fiber& whose) {
    if (whose.is_cancelled()) {
        error_ = ECANCELED;
        return false;
    }
    if (place()) throw std::logic_error{"two tasks wait for one descriptor, in the same direction"};
    if (&whose.loop() != &node_.loop_) throw std::logic_error{"this descriptor belongs to another event loop"};
    // What has come is taken when its task can go on with it, and not before: it may lie in the buffer that is lent.
    const bool has_turn = whose.loop().take_step();
    if (has_turn && attempt()) return false;
    waits(waiter, whose);
    take_place();
    if (!has_turn) whose.loop().look_again(node_);
    return true;
}
inline void io_operation::take_place() noexcept {
    place() = this;
    if (!node_.limits_ || node_.limits_->time == never) return;
    loop_timer& deadline = direction_ == direction::read ? node_.limits_->read : node_.limits_->write;
    node_.loop_.arm(deadline, later(node_.loop_.now(), std::max(node_.limits_->time, duration::zero())));
}

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

inline event_loop::event_loop(loop_options options) : options_{options}, lent_{new std::byte[lent_size]} {
    poller_.add(wake_.native_handle(), interest::read, 0, trigger::edge);
}
inline event_loop::~event_loop() {
    ready_end_ = nullptr;
    while (spawned_ || posted_.load()) {  // again: destructors may spawn and post
        while (spawned_) spawned_->lose_loop();
        for (detail::posted_call* call = posted_.exchange(nullptr); call;) std::exchange(call, call->next_)->forget();
    }
    run_pending();
    delete_retired(retired_);
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
    join_handle<T> handle = spawn(std::move(main), "main");
    run_until(*handle.task_);
    return handle.task_->take();
}
inline bool event_loop::run(task<> main, const stop_event& stop) {
    const running here{*this};
    poller_.add(stop.native_handle(), interest::read, 1, trigger::edge);
    struct leaving {
        event_loop& loop;
        int descriptor;
        ~leaving() { loop.poller_.remove(descriptor); }
    } at_the_end{*this, stop.native_handle()};
    join_handle<> handle = spawn(std::move(main), "main");
    run_until(*handle.task_);
    try {
        handle.task_->take();
        return true;
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::operation_canceled || !stop.stop_requested()) throw;
        return false;
    }
}

inline void event_loop::run_until(detail::spawned& main) {
    turn_until([&] { return main.has_ended() || failure_; });
    cancel_all();
    turn_until([&] { return size_ == 0; });
    if (!failure_) return;
    main.was_taken_ = true;  // one exception can come out, and not the other from the next run
    std::rethrow_exception(std::exchange(failure_, nullptr));
}

inline void event_loop::cancel_all() noexcept {
    is_ending_ = true;
    for (detail::spawned* each = spawned_; each; each = each->next_spawned_)
        if (!each->has_ended_) each->cancel();
}

template <class Done>
void event_loop::turn_until(Done done) {
    while (!done()) {
        detail::io_node* const retired = std::exchange(retired_, nullptr);
        detail::ready_item* item = std::exchange(ready_, nullptr);
        ready_end_ = &ready_;
        while (item) {
            detail::ready_item* const next = item->next;  // the item lives in the frame of the one that now goes on
            resume(*item);
            item = next;
        }
        delete_retired(retired);
        if (ready_ && ++turns_ < turns_without_poll) continue;
        turns_ = 0;
        if (!done()) poll();
    }
}

inline void event_loop::poll() {
    duration timeout = time_to_wait();
    std::span<const event> events;
    if (timeout > duration::zero() && options_.busy_poll > duration::zero()) {
        const time_point until = detail::later(clock::now(), std::min(options_.busy_poll, timeout));
        do events = poller_.wait(duration::zero());
        while (events.empty() && !posted_.load(std::memory_order_relaxed) && clock::now() < until);
        if (!events.empty()) timeout = duration::zero();
    }
    if (events.empty()) {
        // Whoever posts looks whether we sleep, after he has posted; we look whether something was posted, after we
        // have said that we sleep. So one of the two sees the other.
        if (timeout > duration::zero()) {
            asleep_.store(true);
            if (posted_.load()) timeout = duration::zero();
        }
        events = poller_.wait(timeout);
        asleep_.store(false);
    }
    dispatch(events);
    if (pending_) run_pending();
    if (posted_.load(std::memory_order_relaxed)) run_posted();
    if (!timers_.next_tick()) return;
    if (options_.virtual_time && !ready_ && !pending_ && events.empty() && !posted_.load())
        virtual_now_ = std::max(virtual_now_, origin_ + duration{static_cast<duration::rep>(*timers_.next_tick())});
    const std::uint64_t passed = ticks_passed();
    while (timer* const due = timers_.take_due(passed)) static_cast<detail::loop_timer*>(due)->expired();
}

inline void event_loop::dispatch(std::span<const event> events) {
    for (const event& happened : events) {
        if (happened.token == 0) continue;
        if (happened.token == 1) {
            cancel_all();
            continue;
        }
        auto& node = *reinterpret_cast<detail::io_node*>(happened.token);
        if (node.is_retired_) continue;
        constexpr interest over = interest::hang_up | interest::error;
        if (any_of(happened.ready, interest::read | interest::peer_done | interest::urgent | over)) {
            node.readable = true;
            if (any_of(happened.ready, interest::peer_done | interest::urgent | over)) node.read_to_end = true;
        }
        if (any_of(happened.ready, interest::write | over)) node.writable = true;
        awaken(node);
    }
}

inline void event_loop::awaken(detail::io_node& node) noexcept {
    if (node.readable && node.reader_) node.reader_->try_again();
    if (node.writable && node.writer_ && !node.is_retired_) node.writer_->try_again();
}

inline void event_loop::look_again(detail::io_node& node) noexcept {
    if (std::exchange(node.is_pending_, true)) return;
    node.next_ = std::exchange(pending_, &node);
}
inline void event_loop::run_pending() noexcept {
    detail::io_node* list = std::exchange(pending_, nullptr);
    while (list) {
        detail::io_node& node = *std::exchange(list, list->next_);
        node.is_pending_ = false;
        if (node.is_retired_)
            node.next_ = std::exchange(retired_, &node);
        else {  // whatever is known of the descriptor: what is waited for may lie in a buffer above it
            if (node.reader_) node.reader_->try_again();
            if (node.writer_ && !node.is_retired_) node.writer_->try_again();
        }
    }
}
inline void event_loop::delete_retired(detail::io_node* list) noexcept {
    while (list) delete std::exchange(list, list->next_);
}

inline void event_loop::resume_watched(const detail::ready_item& item) noexcept {
    const char* const name = item.chain->name();
    const time_point begin = clock::now();
    item.coroutine.resume();
    const duration took = clock::now() - begin;
    if (took > options_.slow_after && options_.slow) options_.slow(name, took);
}

// -- time

inline std::uint64_t event_loop::ticks_passed() const noexcept {
    const auto passed = static_cast<std::uint64_t>((now() - origin_).count());
    return options_.virtual_time ? passed : passed >> tick_bits;
}
inline std::uint64_t event_loop::tick_of(time_point when) const noexcept {
    if (when <= origin_) return 0;
    const auto distance = static_cast<std::uint64_t>((when - origin_).count());
    return options_.virtual_time ? distance : (distance >> tick_bits) + 1;
}
inline duration event_loop::time_to_wait() noexcept {
    if (ready_ || pending_ || posted_.load(std::memory_order_relaxed)) return duration::zero();
    const auto tick = timers_.next_tick();
    if (!tick) return never;
    if (options_.virtual_time) return duration::zero();
    const time_point when = detail::later(origin_, duration{static_cast<duration::rep>(*tick << tick_bits)});
    return std::max(when - clock::now(), duration::zero());
}

// -- what comes from elsewhere

inline void event_loop::post_call(detail::posted_call& call) noexcept {
    detail::posted_call* before = posted_.load(std::memory_order_relaxed);
    do call.next_ = before;
    while (!posted_.compare_exchange_weak(before, &call));
    if (asleep_.exchange(false)) wake_.request_stop();
}
template <class Function>
void event_loop::post(Function what) {
    post_call(*new detail::posted_function<Function>{std::move(what)});
}
inline void event_loop::run_posted() noexcept {
    detail::posted_call* latest = posted_.exchange(nullptr);
    detail::posted_call* first = nullptr;  // the first to be posted is the first to be called
    while (latest) {
        detail::posted_call* const next = std::exchange(latest->next_, first);
        first = std::exchange(latest, next);
    }
    while (first) {
        detail::posted_call* const now = std::exchange(first, first->next_);
        try {
            now->call();
        } catch (...) {
            fails(std::current_exception());
        }
    }
}

// ---- the rest

template <class T>
join_handle<T>::~join_handle() {
    if (task_) task_->drop_handle();
}
template <class T>
auto join_handle<T>::join() {
    return detail::joining<T>{task_};
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
inline detail::sleeping sleep_for(duration time) noexcept { return {time, time_point::max()}; }
inline detail::sleeping sleep_until(time_point when) noexcept { return {never, when}; }

}  // namespace netnotes

#endif  // NETNOTES_EVENT_LOOP_HPP
