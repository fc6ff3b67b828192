// netnotes/async_sync.hpp: tasks that wait for one another
// SPDX-License-Identifier: MIT      version 0.1.0      copy with: ip_text.hpp ip.hpp stop.hpp socket_address.hpp socket.hpp poll.hpp task.hpp timer_wheel.hpp scheduler.hpp io_operation.hpp io_uring.hpp event_loop.hpp
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
// been given what it waited for keeps it. Who waits for one of these while it is destroyed is told std::logic_error: it
// should outlive them. All of this is for the tasks of one loop; between threads, event_loop::post().
//
// On this page:  async_event · async_semaphore · async_mutex · channel

#ifndef NETNOTES_ASYNC_SYNC_HPP
#define NETNOTES_ASYNC_SYNC_HPP

#if defined(NETNOTES_VERSION) && NETNOTES_VERSION != 100
#error "netnotes headers of two versions meet here: take all of them from one release"
#endif
#define NETNOTES_VERSION 100  // major * 10000 + minor * 100 + patch

#include <cstddef>
#include <deque>
#include <optional>
#include <stdexcept>
#include <utility>

#include "event_loop.hpp"

namespace netnotes {

namespace detail {

/// Those who wait, the longest first. It refers to awaiters in their frames.
class wait_queue {
  public:
    class waiter;
    wait_queue() noexcept = default;
    wait_queue(const wait_queue&) = delete;
    wait_queue& operator=(const wait_queue&) = delete;
    ~wait_queue();
    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
    [[nodiscard]] waiter* first() const noexcept { return first_; }

  private:
    waiter* first_ = nullptr;
    waiter* last_ = nullptr;
};

class wait_queue::waiter : public loop_operation {
  public:
    bool await_ready() const noexcept { return false; }

  protected:
    waiter() noexcept = default;
    ~waiter() {
        if (is_waiting()) leave();
    }
    /// In await_suspend(): waits in the queue, unless the chain is cancelled or `done()` without.
    template <class Promise, class Done>
    bool stand_in(wait_queue& queue, std::coroutine_handle<Promise> self, Done done) {
        fiber& whose = self.promise().chain();
        if ((was_cancelled_ = whose.is_cancelled()) || done()) return false;
        waits(self, whose);
        queue_ = &queue;
        before_ = queue.last_;
        (before_ ? before_->behind_ : queue.first_) = this;
        queue.last_ = this;
        return true;
    }
    void throw_if_in_vain() const {
        if (was_cancelled_) throw_cancelled();
        if (was_left_alone_) throw std::logic_error{"what this task waited for was destroyed"};
    }

  public:
    /// It has what it waited for.
    void serve() noexcept {
        leave();
        go_on();
    }
    /// It will never have it.
    void leave_alone() noexcept {
        was_left_alone_ = true;
        serve();
    }

  private:
    void leave() noexcept {
        (before_ ? before_->behind_ : queue_->first_) = behind_;
        (behind_ ? behind_->before_ : queue_->last_) = before_;
    }
    void cancelled() noexcept override {
        leave();
        was_cancelled_ = true;
        go_on();
    }
    wait_queue* queue_ = nullptr;
    waiter* before_ = nullptr;
    waiter* behind_ = nullptr;
    bool was_cancelled_ = false;
    bool was_left_alone_ = false;
};

inline wait_queue::~wait_queue() {
    while (first_) first_->leave_alone();
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

    /// Waits while it is full. Throws std::logic_error when it is closed, also while it waits.
    [[nodiscard]] sending send(T value);
    /// The next value; none when the channel is closed and all have been received.
    [[nodiscard]] receiving receive() noexcept;
    /// No more will be sent. What is in it can still be received.
    void close() noexcept;
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }
    [[nodiscard]] std::size_t size() const noexcept { return kept_.size(); }

  private:
    std::size_t capacity_;
    bool is_closed_ = false;
    std::deque<T> kept_;
    detail::wait_queue senders_, receivers_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

class [[nodiscard]] async_event::waiting : public detail::wait_queue::waiter {
  public:
    explicit waiting(async_event& event) noexcept : event_{event} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
        return stand_in(event_.queue_, self, [this] { return event_.is_set_; });
    }
    void await_resume() const { throw_if_in_vain(); }

  private:
    async_event& event_;
};
inline async_event::waiting async_event::wait() noexcept { return waiting{*this}; }
inline void async_event::set() noexcept {
    is_set_ = true;
    while (!queue_.empty()) queue_.first()->serve();
}

class [[nodiscard]] async_semaphore::acquiring : public detail::wait_queue::waiter {
  public:
    explicit acquiring(async_semaphore& from) noexcept : semaphore_{from} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
        return stand_in(semaphore_.queue_, self, [this] { return semaphore_.take(); });
    }
    permit await_resume() const {
        throw_if_in_vain();
        return permit{semaphore_};
    }

  private:
    async_semaphore& semaphore_;
};
inline async_semaphore::acquiring async_semaphore::acquire() noexcept { return acquiring{*this}; }
inline async_semaphore::permit async_semaphore::try_acquire() noexcept { return take() ? permit{*this} : permit{}; }
/// From hand to hand where somebody waits, so that nobody can come in between.
inline void async_semaphore::give_back() noexcept {
    if (queue_.empty())
        ++free_;
    else
        queue_.first()->serve();
}
inline async_semaphore::acquiring async_mutex::lock() noexcept { return semaphore_.acquire(); }

template <class T>
class [[nodiscard]] channel<T>::receiving : public detail::wait_queue::waiter {
  public:
    explicit receiving(channel& from) noexcept : from_{from} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
        return this->stand_in(from_.receivers_, self, [this] { return take(); });
    }
    std::optional<T> await_resume() {
        this->throw_if_in_vain();
        return std::move(value_);
    }

  private:
    friend sending;
    bool take() {
        if (!from_.kept_.empty()) {
            if (!from_.senders_.empty()) {  // the first of those who wait has room now; here, for this may throw
                auto& sender = static_cast<sending&>(*from_.senders_.first());
                from_.kept_.push_back(std::move(sender.value_));
                sender.serve();
            }
            value_.emplace(std::move(from_.kept_.front()));
            from_.kept_.pop_front();
            return true;
        }
        if (!from_.senders_.empty()) {
            auto& sender = static_cast<sending&>(*from_.senders_.first());
            value_.emplace(std::move(sender.value_));
            sender.serve();
            return true;
        }
        return from_.is_closed_;
    }
    channel& from_;
    std::optional<T> value_;
};

template <class T>
class [[nodiscard]] channel<T>::sending : public detail::wait_queue::waiter {
  public:
    sending(channel& to, T&& value) : to_{to}, value_{std::move(value)} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
        return this->stand_in(to_.senders_, self, [this] { return hand_over(); });
    }
    void await_resume() const {
        this->throw_if_in_vain();
        if (was_refused_) throw std::logic_error{"this channel is closed"};
    }

  private:
    friend channel;
    friend receiving;
    bool hand_over() {
        if (to_.is_closed_) throw std::logic_error{"this channel is closed"};
        if (!to_.receivers_.empty()) {
            auto& receiver = static_cast<receiving&>(*to_.receivers_.first());
            receiver.value_.emplace(std::move(value_));
            receiver.serve();
            return true;
        }
        if (to_.kept_.size() >= to_.capacity_) return false;
        to_.kept_.push_back(std::move(value_));
        return true;
    }
    channel& to_;
    T value_;
    bool was_refused_ = false;
};

template <class T>
typename channel<T>::sending channel<T>::send(T value) {
    return sending{*this, std::move(value)};
}
template <class T>
typename channel<T>::receiving channel<T>::receive() noexcept {
    return receiving{*this};
}
template <class T>
void channel<T>::close() noexcept {
    is_closed_ = true;
    while (!receivers_.empty()) receivers_.first()->serve();
    while (!senders_.empty()) {
        static_cast<sending*>(senders_.first())->was_refused_ = true;
        senders_.first()->serve();
    }
}

}  // namespace netnotes

#endif  // NETNOTES_ASYNC_SYNC_HPP
