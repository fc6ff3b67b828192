// netnotes/coro/sync.hpp: tasks that wait for one another
// SPDX-License-Identifier: MIT
//
// The tasks of a loop never run at the same time, and change places only at co_await (and in task_group::spawn(), which
// begins one at once): between two of them whatever they share needs no lock. What remains is to wait for one another.
//
//        event        set once, seen by all                      "the configuration is there"
//        semaphore    so many may, the others wait               at most 100 connections
//        mutex        one may, across a co_await                 one request at a time on a connection
//        channel      values from task to task, so many kept     who produces faster than others consume waits
//
//        producer ── send(1) send(2) send(3) waits ──> [1][2] ──> receive() ── consumer
//                                               ^                     │
//                                               └──── room again ─────┘
//
// Who has waited longest goes first. A wait that is cancelled leaves the queue and takes nothing with it; one that has
// been given what it waited for keeps it. But in a task whose result nobody will see, as it has lost in when_any or another
// of its when_all has failed, a value, a permit or a lock goes back: to the next who waits, and values in order. Who waits for one of these while it is destroyed is told std::logic_error: it
// should outlive them. All of this is for the tasks of one loop; between threads, event_loop::post().
//
// On this page:  async_event · async_semaphore · async_mutex · channel

#ifndef NETNOTES_CORO_SYNC_HPP
#define NETNOTES_CORO_SYNC_HPP

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <stdexcept>
#include <utility>

#include "loop.hpp"

namespace netnotes {

namespace detail {

/// Awaiters in their frames, the one that has waited longest first.
class wait_queue {
  public:
    class waiter;
    wait_queue() noexcept = default;
    wait_queue(const wait_queue&) = delete;
    wait_queue& operator=(const wait_queue&) = delete;
    ~wait_queue();
    [[nodiscard]] bool empty() const noexcept { return waiting_.first == nullptr; }
    [[nodiscard]] waiter* first() const noexcept { return waiting_.first; }
    /// The first of those that were granted what they waited for, and have not gone on yet.
    [[nodiscard]] waiter* first_granted() const noexcept { return granted_.first; }

  private:
    struct list {
        waiter* first = nullptr;
        waiter* last = nullptr;
    };
    list waiting_, granted_;
};

/// What is granted to an awaiter it takes when its task goes on, a turn later. If the task is withdrawn before that (it has
/// lost in a when_any, say), give_back() hands it to the next one. So nobody takes what will never be used. An event's
/// waiter and a channel's sender are served instead: there is nothing to take.
class wait_queue::waiter : public loop_operation {
  public:
    bool await_ready() const noexcept { return false; }

  protected:
    waiter() noexcept = default;
    ~waiter() {
        if (is_waiting()) leave();
    }
    /// In the destructor of a class that overrides give_back(): its frame is destroyed while it waits.
    void is_destroyed() noexcept {
        if (state_ == state::granted) give_back();
    }
    /// In await_suspend(): waits in the queue until it is served, or granted; but if it `is_there()`, takes it at once.
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
    /// In await_resume(). Throws when it was in vain.
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
            case state::left_alone: throw std::logic_error{"what this task waited for was destroyed"};
        }
    }
    /// What was granted goes to the next.
    virtual void give_back() noexcept {}
    bool is_final_ = false;  ///< what it has at once it has, even if its task is cancelled before it goes on

  public:
    /// It has what it waited for.
    void serve() noexcept {
        leave();
        state_ = state::none;
        go_on();
    }
    /// It will have it when its task goes on.
    void grant() noexcept {
        if (state_ == state::queued) leave();
        enter(state::granted);
        comes_round();
    }
    /// Its queue is being destroyed: what it was granted it has, from here on.
    void keep() noexcept {
        leave();
        state_ = state::none;
        decided();
    }
    /// It will never have it.
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

/// Something that happens: who waits for it goes on when it has, and so does who comes later, until reset().
class async_event {
  public:
    class waiting;
    [[nodiscard]] bool is_set() const noexcept { return is_set_; }
    void set() noexcept;
    void reset() noexcept { is_set_ = false; }
    [[nodiscard]] waiting wait() noexcept;

  private:
    bool is_set_ = false;
    detail::wait_queue queue_;
};

/// So many permits; acquire() waits until one is free, and the permit gives itself back when it is destroyed.
class async_semaphore {
  public:
    class permit;
    class acquiring;
    explicit async_semaphore(std::size_t permits) noexcept : free_{permits} {}
    /// Those that are out are dead: they must not outlive it.
    async_semaphore(const async_semaphore&) = delete;
    async_semaphore& operator=(const async_semaphore&) = delete;
    ~async_semaphore() {
        while (queue_.first_granted()) queue_.first_granted()->leave_alone();
    }

    [[nodiscard]] acquiring acquire() noexcept;
    /// None when nobody may now.
    [[nodiscard]] permit try_acquire() noexcept;
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

/// Leave to do something, as long as it lives.
class [[nodiscard]] async_semaphore::permit {
  public:
    permit() noexcept = default;
    permit(permit&& other) noexcept : semaphore_{std::exchange(other.semaphore_, nullptr)} {}
    permit& operator=(permit&& other) noexcept {
        permit{std::move(other)}.swap(*this);
        return *this;
    }
    ~permit() {
        if (semaphore_) semaphore_->give_back();
    }
    void swap(permit& other) noexcept { std::swap(semaphore_, other.semaphore_); }
    explicit operator bool() const noexcept { return semaphore_ != nullptr; }

  private:
    friend async_semaphore;
    explicit permit(async_semaphore& from) noexcept : semaphore_{&from} {}
    async_semaphore* semaphore_ = nullptr;
};

/// A semaphore of one: `auto lock = co_await mutex.lock();`. Only for what must not be interleaved *across* a co_await.
class async_mutex {
  public:
    using guard = async_semaphore::permit;
    [[nodiscard]] async_semaphore::acquiring lock() noexcept;
    [[nodiscard]] guard try_lock() noexcept { return semaphore_.try_acquire(); }

  private:
    async_semaphore semaphore_{1};
};

/// Values from task to task, in order. At most `capacity` are kept; with 0 each is handed over from hand to hand.
template <class T>
class channel {
  public:
    class sending;
    class receiving;
    explicit channel(std::size_t capacity) : capacity_{capacity} {}
    channel(const channel&) = delete;
    channel& operator=(const channel&) = delete;
    /// A task that has a value coming still receives it.
    ~channel();

    /// Waits while it is full. Throws std::logic_error when it is closed, also while it waits.
    [[nodiscard]] detail::awaited_once<sending, channel*, T> send(T value);
    /// The next value; none when the channel is closed and all have been received.
    [[nodiscard]] receiving receive() noexcept;
    /// No more will be sent. What is in it can still be received.
    void close() noexcept;
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }
    /// How many values are kept, at most `capacity`. One that a cancelled receiver has given back may be kept beside them.
    [[nodiscard]] std::size_t size() const noexcept { return std::min(left(), capacity_); }

  private:
    [[nodiscard]] std::size_t left() const noexcept { return kept_.size() - granted_; }
    void let_sender_in();
    void grant_next() noexcept;

    std::size_t capacity_;
    bool is_closed_ = false;
    std::size_t granted_ = 0;  // of those that are kept: for receivers that have not gone on yet
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
/// From hand to hand where somebody waits, so that nobody can come in between.
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
        struct keeping {  // what cannot be taken goes to the next
            channel* from;
            ~keeping() {
                if (from) from->grant_next();
            }
        } unless_taken{from_};
        from_->let_sender_in();  // first, for this may throw
        std::optional<T> value{std::move(from_->kept_.front())};
        from_->kept_.pop_front();
        unless_taken.from = nullptr;
        return value;
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
    bool has_value_ = false;  // one of those that are kept is for this one
    std::optional<T> value_;  // when the channel was destroyed before it could be taken from there
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
        if (was_refused_) throw std::logic_error{"this channel is closed"};
    }

  private:
    friend channel;
    friend receiving;
    bool hand_over() {
        if ((was_refused_ = to_.is_closed_)) return true;
        // Not past a sender that has waited longer.
        if (to_.receivers_.empty() && (!to_.senders_.empty() || to_.left() >= to_.capacity_)) return false;
        to_.kept_.push_back(std::move(value_));
        to_.grant_next();
        return true;
    }
    channel& to_;
    T value_;
    bool was_refused_ = false;
};

/// The first of the senders that wait, if any.
template <class T>
void channel<T>::let_sender_in() {
    if (senders_.empty() || left() > capacity_) return;
    auto& sender = static_cast<sending&>(*senders_.first());
    kept_.push_back(std::move(sender.value_));
    sender.serve();
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
