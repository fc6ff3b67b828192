// netnotes/coro/sync.hpp: tasks that wait for one another
// SPDX-License-Identifier: MIT
//
// The tasks of a loop never run at the same time. A task gives up the thread only at co_await, and in
// task_group::spawn(), which begins the new task at once. Between two such places, shared variables need no lock. But
// tasks also need to wait for one another:
//
//        event        all wait until it is set                   "the configuration has been read"
//        semaphore    at most n tasks at a time                  at most 100 connections
//        mutex        one task at a time, across a co_await      one request at a time on a connection
//        channel      passes values, and stores at most n        a producer that is too fast waits
//
//        try_send() and try_receive() do not wait: a full or empty channel is told by their result
//
//        producer ── send(1) send(2) send(3) waits ──> [1][2] ──> receive() ── consumer
//                                               ^                     │
//                                               └──── room again ─────┘
//
// The task that has waited longest is resumed first. A cancelled wait leaves the queue and takes nothing: no value,
// permit or lock. If one of these is already reserved for the task, the cancellation comes too late: the task gets it.
// A task whose result will be dropped is an exception: it lost in when_any(), or another task of its when_all() failed.
// Then the value, permit or lock passes to the next waiting task. Values keep their order.
//
// These objects must outlive the tasks that wait for them; otherwise the wait throws std::logic_error. Use each object
// only with tasks of one loop, in that loop's thread. Another thread uses event_loop::post().
//
// On this page:  async_event · async_semaphore · async_mutex · channel

#ifndef NETNOTES_CORO_SYNC_HPP
#define NETNOTES_CORO_SYNC_HPP

#include <cstddef>
#include <deque>
#include <optional>
#include <stdexcept>
#include <utility>

#include "../ip/algorithm.hpp"
#include "loop.hpp"

namespace netnotes {

namespace detail {

/// Links the awaiters that wait for one object, in order of arrival. The awaiters stay in their coroutine frames.
class wait_queue {
  public:
    class waiter;
    wait_queue() noexcept = default;
    wait_queue(const wait_queue&) = delete;
    wait_queue& operator=(const wait_queue&) = delete;
    ~wait_queue();
    [[nodiscard]] bool empty() const noexcept { return waiting_.first == nullptr; }
    [[nodiscard]] waiter* first() const noexcept { return waiting_.first; }
    /// Returns the first awaiter that has been granted the object but whose task has not been resumed yet.
    [[nodiscard]] waiter* first_granted() const noexcept { return granted_.first; }

  private:
    struct list {
        waiter* first = nullptr;
        waiter* last = nullptr;
    };
    list waiting_, granted_;
};

/// Waits in a wait_queue. There are two ways to end the wait:
/// - grant() reserves a permit or value. The task takes it when it is resumed, one turn later. If the task is withdrawn
///   before that (it lost in when_any(), for example), give_back() passes the permit or value to the next awaiter.
/// - serve() ends the wait at once. An event's waiter and a channel's sender have nothing to take.
class wait_queue::waiter : public loop_operation {
  public:
    bool await_ready() const noexcept { return false; }

  protected:
    waiter() noexcept = default;
    ~waiter() {
        if (is_waiting()) leave();
    }
    /// Gives a grant back if the frame is destroyed while it waits. A class that overrides give_back() calls this in
    /// its destructor.
    void is_destroyed() noexcept {
        if (state_ == state::granted) give_back();
    }
    /// Call in await_suspend(), and return its result. Enters the queue until serve() or grant(). `is_there()` returns
    /// true if it could take the object; then the wait ends at once, or after one turn for the other tasks.
    template <class Promise, class IsThere>
    bool stand_in(wait_queue& queue, std::coroutine_handle<Promise> self, IsThere is_there) {
        fiber& whose = self.promise().chain();
        state_ = state::none;
        if (whose.is_cancelled()) {
            state_ = state::cancelled;
            return hear_at_once(self, whose);
        }
        if (!is_there()) {
            waits(self, whose);
            queue_ = &queue;
            enter(state::queued);
            return true;
        }
        if (whose.loop().take_step()) return false;
        if (is_final_) return leave_turn(self, whose);
        waits(self, whose);
        queue_ = &queue;
        grant();
        return true;
    }
    /// Call in await_resume(). Throws netnotes::cancelled, or std::logic_error if the queue was destroyed.
    void finish() {
        if (state_ == state::granted) {
            leave();
            decided();
        }
        switch (std::exchange(state_, state::none)) {
            case state::none:
            case state::queued:
            case state::granted: return;
            case state::cancelled: throw_cancelled();
            case state::left_alone: throw std::logic_error{"the object that this task waited for was destroyed"};
        }
    }
    /// Passes a grant to the next awaiter.
    virtual void give_back() noexcept {}
    bool is_final_ = false;  ///< true: a wait that ends at once cannot be cancelled before the task is resumed

  public:
    /// Ends the wait: it has succeeded.
    void serve() noexcept {
        leave();
        state_ = state::none;
        go_on();
    }
    /// Reserves what the task waits for. The task takes it when it is resumed.
    void grant() noexcept {
        if (state_ == state::queued) leave();
        enter(state::granted);
        comes_round();
    }
    /// Turns a grant into success, because the queue is being destroyed.
    void keep() noexcept {
        leave();
        state_ = state::none;
        decided();
    }
    /// Ends the wait with std::logic_error, because the queue is being destroyed.
    void leave_alone() noexcept {
        const bool stands_in_turn = state_ == state::granted;
        leave();
        state_ = state::left_alone;
        if (stands_in_turn)
            decided();
        else
            go_on();
    }

  private:
    enum class state : unsigned char { none, queued, granted, cancelled, left_alone };
    [[nodiscard]] list& place() const noexcept {
        return state_ == state::granted ? queue_->granted_ : queue_->waiting_;
    }
    void enter(state as) noexcept {
        state_ = as;
        list& where = place();
        behind_ = nullptr;
        before_ = where.last;
        (before_ ? before_->behind_ : where.first) = this;
        where.last = this;
    }
    void leave() noexcept {
        (before_ ? before_->behind_ : place().first) = behind_;
        (behind_ ? behind_->before_ : place().last) = before_;
    }
    void cancelled() noexcept override {
        if (state_ == state::granted && !chain().is_withdrawn()) return;
        leave();
        if (std::exchange(state_, state::cancelled) == state::queued) return go_on();
        decided();
        give_back();
    }
    wait_queue* queue_ = nullptr;
    waiter* before_ = nullptr;
    waiter* behind_ = nullptr;
    state state_ = state::none;
};

inline wait_queue::~wait_queue() {
    while (granted_.first) granted_.first->keep();
    while (waiting_.first) waiting_.first->leave_alone();
}

}  // namespace detail

/// A flag that tasks can wait for. It begins as not set. For tasks of one loop; it must outlive every wait.
class async_event {
  public:
    /// A mistake: the message says what to write.
    template <class Self = async_event>
    std::suspend_never operator co_await() const {
        static_assert(!std::is_same_v<Self, async_event>, "write co_await it.wait()");
        return {};
    }
    class waiting;
    /// Returns true from set() until reset().
    [[nodiscard]] bool is_set() const noexcept { return is_set_; }
    /// Sets the event and ends the wait of every waiting task. The tasks are resumed at the next turn, in order of
    /// arrival.
    void set() noexcept;
    /// Clears the event, so that later waits suspend. Tasks that set() has released still resume.
    void reset() noexcept { is_set_ = false; }
    /// `co_await event.wait()` suspends until set(), and does not wait if the event is set. Throws netnotes::cancelled,
    /// or std::logic_error if the event is destroyed during the wait.
    [[nodiscard]] waiting wait() noexcept;

  private:
    bool is_set_ = false;
    detail::wait_queue queue_;
};

/// A fixed number of permits. A permit gives itself back when it is destroyed. For tasks of one loop. The semaphore
/// must outlive its permits and every wait.
class async_semaphore {
  public:
    /// A mistake: the message says what to write.
    template <class Self = async_semaphore>
    std::suspend_never operator co_await() const {
        static_assert(!std::is_same_v<Self, async_semaphore>, "write co_await it.acquire()");
        return {};
    }
    class permit;
    class acquiring;
    /// Makes a semaphore with this many free permits. With 0, acquire() never succeeds.
    explicit async_semaphore(std::size_t permits) noexcept : free_{permits} {}
    async_semaphore(const async_semaphore&) = delete;
    async_semaphore& operator=(const async_semaphore&) = delete;
    /// Destroys the semaphore. Every acquire() that has not returned throws std::logic_error. Permits must be gone.
    ~async_semaphore() {
        while (queue_.first_granted()) queue_.first_granted()->leave_alone();
    }

    /// `co_await semaphore.acquire()` suspends until a permit is free, and returns it. Tasks get permits in order of
    /// arrival. Throws netnotes::cancelled, or std::logic_error if the semaphore is destroyed during the wait.
    [[nodiscard]] acquiring acquire() noexcept;
    /// Returns a permit, or an empty permit if no permit is free. Does not suspend.
    [[nodiscard]] permit try_acquire() noexcept;
    /// Returns the number of free permits.
    [[nodiscard]] std::size_t available() const noexcept { return free_; }

  private:
    bool take() noexcept {
        if (free_ == 0) return false;
        --free_;
        return true;
    }
    void give_back() noexcept;
    std::size_t free_;
    detail::wait_queue queue_;
};

/// Holds one permit of a semaphore until it is destroyed. It can be moved, not copied. Must not outlive the semaphore.
class [[nodiscard]] async_semaphore::permit {
  public:
    /// Makes an empty permit.
    permit() noexcept = default;
    /// Takes the permit of `other`, which is empty afterwards.
    permit(permit&& other) noexcept : semaphore_{std::exchange(other.semaphore_, nullptr)} {}
    /// Gives the own permit back and takes that of `other`, which is empty afterwards.
    permit& operator=(permit&& other) noexcept {
        permit{std::move(other)}.swap(*this);
        return *this;
    }
    /// Gives the permit back. If a task waits for it, the task that has waited longest gets it.
    ~permit() {
        if (semaphore_) semaphore_->give_back();
    }
    /// Exchanges the two permits.
    void swap(permit& other) noexcept { std::swap(semaphore_, other.semaphore_); }
    /// Returns true if it holds a permit, false if it is empty.
    explicit operator bool() const noexcept { return semaphore_ != nullptr; }

  private:
    friend async_semaphore;
    explicit permit(async_semaphore& from) noexcept : semaphore_{&from} {}
    async_semaphore* semaphore_ = nullptr;
};

/// A semaphore with one permit: `auto guard = co_await mutex.lock();`. You need it only if other tasks must stay out
/// *across* a co_await. For tasks of one loop; it must outlive its guards and every wait. A task that locks it twice
/// waits for ever.
class async_mutex {
  public:
    /// A mistake: the message says what to write.
    template <class Self = async_mutex>
    std::suspend_never operator co_await() const {
        static_assert(!std::is_same_v<Self, async_mutex>, "write co_await it.lock()");
        return {};
    }
    /// Holds the lock until it is destroyed.
    using guard = async_semaphore::permit;
    /// `co_await mutex.lock()` suspends until the mutex is free, and returns the guard. Tasks get the lock in order of
    /// arrival. Throws netnotes::cancelled, or std::logic_error if the mutex is destroyed during the wait.
    [[nodiscard]] async_semaphore::acquiring lock() noexcept;
    /// Returns the guard, or an empty guard if the mutex is locked. Does not suspend.
    [[nodiscard]] guard try_lock() noexcept { return semaphore_.try_acquire(); }

  private:
    async_semaphore semaphore_{1};
};

/// Passes values from task to task, in the order in which they were sent. Each value goes to one receiver. For tasks of
/// one loop; it must outlive every wait.
template <class T>
class channel {
  public:
    /// A mistake: the message says what to write.
    template <class Self = channel>
    auto operator co_await() const {  // auto: the compiler then reports it before anything else
        static_assert(!std::is_same_v<Self, channel>, "write co_await it.receive()");
        return std::suspend_never{};
    }
    class sending;
    class receiving;
    /// Makes a channel that stores at most `capacity` values. With 0, send() waits until a task receives the value.
    explicit channel(std::size_t capacity) : capacity_{capacity} {}
    channel(const channel&) = delete;
    channel& operator=(const channel&) = delete;
    /// Destroys the channel and the values in it. If a value is already reserved for a receiver, the receiver still
    /// gets it. Every other waiting task throws std::logic_error.
    ~channel();

    /// `co_await c.send(value)` passes the value on, and suspends while the channel is full. Throws std::logic_error if
    /// the channel is closed, or if it is closed or destroyed during the wait. Throws netnotes::cancelled, and the
    /// exceptions of moving a T.
    [[nodiscard]] detail::awaited_once<sending, channel*, T> send(T value);
    /// `co_await c.receive()` suspends until there is a value, and returns it as std::optional<T>. Returns nullopt if
    /// the channel is closed and empty. Throws netnotes::cancelled, what moving a T throws, or std::logic_error if the
    /// channel is destroyed during the wait. If a move throws, the value stays in the channel.
    [[nodiscard]] receiving receive() noexcept;
    /// Passes the value on and returns true, if that needs no wait. Returns false if the channel is full; the value is
    /// then not moved. Does not suspend. Throws std::logic_error if the channel is closed.
    template <class Value = T>
    [[nodiscard]] bool try_send(Value&& value);
    /// Returns a value, or nullopt if the channel is empty. Does not suspend. See is_closed().
    [[nodiscard]] std::optional<T> try_receive();
    /// Closes the channel. Every send() throws from now on, even if it already waits. Stored values can still be
    /// received. Waiting receivers get nullopt.
    void close() noexcept;
    /// Returns true after close().
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }
    /// Returns how many stored values can be received, at most `capacity`. A value that a cancelled receiver gave back
    /// may be stored beyond that and is not counted.
    [[nodiscard]] std::size_t size() const noexcept { return detail::min(left(), capacity_); }
    /// Returns how many values the channel can store.
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  private:
    [[nodiscard]] std::size_t left() const noexcept { return kept_.size() - granted_; }
    /// Returns true if a value can be passed on now. A sender that has waited longer comes first.
    [[nodiscard]] bool has_room() const noexcept {
        return !receivers_.empty() || (senders_.empty() && left() < capacity_);
    }
    std::optional<T> take_front();
    void let_sender_in();
    void grant_next() noexcept;

    std::size_t capacity_;
    bool is_closed_ = false;
    std::size_t granted_ = 0;  // number of stored values that are reserved for receivers that have yet to be resumed
    std::deque<T> kept_;
    detail::wait_queue senders_, receivers_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

class [[nodiscard]] async_event::waiting final : public detail::wait_queue::waiter {
  public:
    explicit waiting(async_event& event) noexcept : event_{event} { is_final_ = true; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
        return stand_in(event_.queue_, self, [this] { return event_.is_set_; });
    }
    void await_resume() { finish(); }

  private:
    async_event& event_;
};
inline async_event::waiting async_event::wait() noexcept { return waiting{*this}; }
inline void async_event::set() noexcept {
    is_set_ = true;
    while (!queue_.empty()) queue_.first()->serve();
}

class [[nodiscard]] async_semaphore::acquiring final : public detail::wait_queue::waiter {
  public:
    explicit acquiring(async_semaphore& from) noexcept : semaphore_{from} {}
    ~acquiring() { is_destroyed(); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
        return stand_in(semaphore_.queue_, self, [this] { return semaphore_.take(); });
    }
    permit await_resume() {
        finish();
        return permit{semaphore_};
    }

  private:
    void give_back() noexcept override { semaphore_.give_back(); }
    async_semaphore& semaphore_;
};
inline async_semaphore::acquiring async_semaphore::acquire() noexcept { return acquiring{*this}; }
inline async_semaphore::permit async_semaphore::try_acquire() noexcept { return take() ? permit{*this} : permit{}; }
/// Passes the permit straight to the first waiting task, so that no other task can take it first.
inline void async_semaphore::give_back() noexcept {
    if (queue_.empty())
        ++free_;
    else
        queue_.first()->grant();
}
inline async_semaphore::acquiring async_mutex::lock() noexcept { return semaphore_.acquire(); }

template <class T>
class [[nodiscard]] channel<T>::receiving final : public detail::wait_queue::waiter {
  public:
    explicit receiving(channel& from) noexcept : from_{&from} {}
    ~receiving() { this->is_destroyed(); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
        has_value_ = false;
        return this->stand_in(from_->receivers_, self, [this] {
            if (from_->left() == 0) from_->let_sender_in();
            has_value_ = from_->left() > 0;
            if (has_value_) ++from_->granted_;
            return has_value_ || from_->is_closed_;
        });
    }
    std::optional<T> await_resume() {
        this->finish();
        if (!from_) return std::exchange(value_, std::nullopt);
        if (has_value_) --from_->granted_;
        if (from_->left() == 0) return std::nullopt;
        return from_->take_front();
    }

  private:
    friend channel;
    friend sending;
    void give_back() noexcept override {
        if (!has_value_) return;
        --from_->granted_;
        from_->grant_next();
    }
    channel* from_;
    bool has_value_ = false;  // one of the stored values is reserved for this receiver
    std::optional<T> value_;  // the reserved value, if the channel was destroyed before this task was resumed
};

template <class T>
class channel<T>::sending : public detail::wait_queue::waiter {
  public:
    sending(channel* to, T&& value) : to_{*to}, value_{std::move(value)} { this->is_final_ = true; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
        return this->stand_in(to_.senders_, self, [this] { return hand_over(); });
    }
    void await_resume() {
        this->finish();
        if (was_refused_) throw std::logic_error{"channel::send: the channel is closed"};
    }

  private:
    friend channel;
    friend receiving;
    bool hand_over() {
        if ((was_refused_ = to_.is_closed_)) return true;
        if (!to_.has_room()) return false;
        to_.kept_.push_back(std::move(value_));
        to_.grant_next();
        return true;
    }
    channel& to_;
    T value_;
    bool was_refused_ = false;
};

/// Stores the value of the first waiting sender, if there is one, and ends its wait. Call before a value is removed:
/// one value more than `capacity_` fits until then.
template <class T>
void channel<T>::let_sender_in() {
    if (senders_.empty() || left() > capacity_) return;
    auto& sender = static_cast<sending&>(*senders_.first());
    kept_.push_back(std::move(sender.value_));
    sender.serve();
}
/// Removes the first value, and returns it. If a move throws, the value passes to the next receiver.
template <class T>
std::optional<T> channel<T>::take_front() {
    struct keeping {
        channel* from;
        ~keeping() {
            if (from) from->grant_next();
        }
    } unless_taken{this};
    let_sender_in();  // first, because this may throw
    std::optional<T> value{std::move(kept_.front())};
    kept_.pop_front();
    unless_taken.from = nullptr;
    return value;
}
template <class T>
template <class Value>
bool channel<T>::try_send(Value&& value) {
    if (is_closed_) throw std::logic_error{"channel::send: the channel is closed"};
    if (!has_room()) return false;
    kept_.push_back(std::forward<Value>(value));
    grant_next();
    return true;
}
template <class T>
std::optional<T> channel<T>::try_receive() {
    if (left() == 0) let_sender_in();
    if (left() == 0) return std::nullopt;
    return take_front();
}
template <class T>
void channel<T>::grant_next() noexcept {
    if (left() == 0 || receivers_.empty()) return;
    auto& receiver = static_cast<receiving&>(*receivers_.first());
    receiver.has_value_ = true;
    ++granted_;
    receiver.grant();
}
template <class T>
detail::awaited_once<typename channel<T>::sending, channel<T>*, T> channel<T>::send(T value) {
    return detail::awaited_once<sending, channel*, T>{this, std::move(value)};
}
template <class T>
typename channel<T>::receiving channel<T>::receive() noexcept {
    return receiving{*this};
}
template <class T>
void channel<T>::close() noexcept {
    is_closed_ = true;
    while (!receivers_.empty()) receivers_.first()->grant();
    while (!senders_.empty()) {
        static_cast<sending*>(senders_.first())->was_refused_ = true;
        senders_.first()->serve();
    }
}
template <class T>
channel<T>::~channel() {
    while (receivers_.first_granted()) {
        auto& receiver = static_cast<receiving&>(*receivers_.first_granted());
        receiver.from_ = nullptr;
        if (receiver.has_value_) try {
                receiver.value_.emplace(std::move(kept_.front()));
                kept_.pop_front();
            } catch (...) {
                receiver.leave_alone();
                continue;
            }
        receiver.keep();
    }
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_SYNC_HPP
