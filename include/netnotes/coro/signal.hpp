// netnotes/coro/signal.hpp: waking a task from another thread or from a signal
// SPDX-License-Identifier: MIT
//
// A signal handler interrupts the program anywhere, perhaps in the middle of malloc(), so it may call only a few
// functions (signal-safety(7)). Another thread may run at any time. Neither of them may touch the data that the tasks
// of a loop share. But both can set a bit and wake the loop:
//
//        signal handler  ──┐                                           ┌──> tasks that wait for the bit
//        another thread  ──┴── a bit, a place in a list, write(2) ──> loop
//
// With async_signals a task waits for signals. So the answer to SIGHUP is a line in a task, not code in a handler:
//
//     task<> rereads_its_configuration() {
//         async_signals signals{SIGHUP};
//         for (;;) {
//             co_await signals.next();
//             reread();
//         }
//     }
//
// On this page:  remote_event · async_signals
// Beside it:     socket/stop.hpp, for programs that use signals only to stop
// The notes:     their servers end by Ctrl-C and a traceback (socket 简单服务器)

#ifndef NETNOTES_CORO_SIGNAL_HPP
#define NETNOTES_CORO_SIGNAL_HPP

#include <sched.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "../socket/owner.hpp"
#include "sync.hpp"

namespace netnotes {

namespace detail {

/// A message to the tasks of a loop: 64 bits. It is posted to the loop once, until the loop has called it. It outlives
/// its owner if the loop still has to call it.
class remote_word final : public posted_call {
  public:
    explicit remote_word(event_loop& loop) noexcept : loop_{loop} {}

    /// Sets the bits and wakes the loop. May be called by any thread and by a signal handler.
    void leave(std::uint64_t bits) noexcept {
        leaving_.fetch_add(1);
        bits_.fetch_or(bits);
        if (!is_posted_.exchange(true)) loop_.post_call(*this);
        leaving_.fetch_sub(1);
    }
    /// Clears the lowest bit that is set and returns its number. Returns `none` if no bit is set.
    [[nodiscard]] int take() noexcept {
        const std::uint64_t bits = bits_.load();
        if (bits != 0) bits_.fetch_and(~(bits & (~bits + 1)));
        return std::countr_zero(bits);
    }
    /// Sets a bit again and hands it to the next waiting task, because its task was cancelled before it resumed.
    void return_bit(int bit) noexcept;
    static constexpr int none = 64;
    wait_queue waiting;

    struct abandon {
        void operator()(remote_word* word) const noexcept {
            // The task may have received the bits and ended before leave() has returned in the other thread.
            while (word->leaving_.load() != 0) ::sched_yield();
            word->is_abandoned_ = true;
            if (!word->is_posted_.exchange(true)) delete word;  // otherwise call() deletes it
        }
    };

  private:
    ~remote_word() = default;
    inline void call() override;
    void hand_out() noexcept;

    event_loop& loop_;
    std::atomic<std::uint64_t> bits_{0};
    std::atomic<bool> is_posted_{false};
    std::atomic<int> leaving_{0};  // threads and handlers inside leave()
    bool is_abandoned_ = false;    // used only in the loop's thread
    static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "a signal handler may not wait for a lock");
};

class waiting_for_word : public wait_queue::waiter {
  public:
    explicit waiting_for_word(remote_word& word) noexcept : word_{word} {}
    ~waiting_for_word() { is_destroyed(); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
        bit_ = remote_word::none;
        return stand_in(word_.waiting, self, [this] {
            if (word_.waiting.empty()) bit_ = word_.take();
            return bit_ != remote_word::none;
        });
    }

  protected:
    int taken() {
        finish();
        return bit_;
    }

  private:
    friend remote_word;
    inline void give_back() noexcept override;
    remote_word& word_;
    int bit_ = remote_word::none;
};

inline void waiting_for_word::give_back() noexcept { word_.return_bit(bit_); }

/// Gives each waiting task its bit before the task resumes. So no other task can take the bit in between.
inline void remote_word::call() {
    if (is_abandoned_) {
        delete this;
        return;
    }
    is_posted_.store(false);  // before the bits are read: bits that are set from now on post this again
    hand_out();
}
inline void remote_word::return_bit(int bit) noexcept {
    bits_.fetch_or(std::uint64_t{1} << bit);
    hand_out();
}
inline void remote_word::hand_out() noexcept {
    while (!waiting.empty()) {
        const int bit = take();
        if (bit == none) break;
        auto& first = static_cast<waiting_for_word&>(*waiting.first());
        first.bit_ = bit;
        first.grant();
    }
}

}  // namespace detail

/// An event that another thread or a signal handler sets, and for which tasks of a loop wait. It stays set until one
/// task has received it. Several calls of set() before that count once.
///
/// Only set() may be called outside the loop's thread, and not while the object is being destroyed. The object must not
/// outlive the loop.
class remote_event {
  public:
    class waiting;
    /// Makes an event for the given loop, or for the loop that runs in this thread (std::logic_error if no loop runs).
    /// Allocates memory.
    remote_event() : remote_event{event_loop::current()} {}
    explicit remote_event(event_loop& loop) : word_{new detail::remote_word{loop}} {}

    /// Sets the event and wakes the loop. May be called by any thread and by a signal handler. Does not block or throw.
    void set() noexcept { word_->leave(1); }
    /// `co_await event.wait()` suspends until the event is set, and clears it. Each set() resumes one task. Throws
    /// netnotes::cancelled if the task is cancelled.
    [[nodiscard]] waiting wait() noexcept;

  private:
    detail::owner<detail::remote_word, detail::remote_word::abandon> word_;
};

/// Catches signals, for tasks that wait for them. While the object exists, these signals have no other effect: they do
/// not end the program. A signal that arrives several times before a task takes it counts once. A signal belongs to the
/// whole process, so only one object in a process may catch it. The object must not outlive its loop.
class async_signals {
  public:
    class waiting;
    /// Begins to catch the signals, for the given loop or the loop that runs in this thread. Throws std::logic_error if
    /// another object catches one of them, or if no loop runs. Throws std::system_error (EINVAL) if a number is not a
    /// signal, or if the signal cannot be caught (SIGKILL, SIGSTOP).
    template <std::convertible_to<int>... Signals>
    explicit async_signals(Signals... signals) : async_signals{event_loop::current(), signals...} {}
    template <std::convertible_to<int>... Signals>
    explicit async_signals(event_loop& loop, Signals... signals) : word_{new detail::remote_word{loop}} {
        try {
            (catch_signal(signals), ...);
        } catch (...) {
            give_back();
            throw;
        }
    }
    async_signals(const async_signals&) = delete;
    async_signals& operator=(const async_signals&) = delete;
    /// Restores the earlier handlers.
    ~async_signals() { give_back(); }

    /// `int number = co_await signals.next()` returns the number of a signal that has arrived, the lowest one first.
    /// Suspends until there is one. Throws netnotes::cancelled if the task is cancelled.
    [[nodiscard]] waiting next() noexcept;

  private:
    static constexpr int most = 64;  // Linux: 1 to 64
    void catch_signal(int number);
    void give_back() noexcept;
    static void handle(int number) noexcept;

    static inline constinit std::array<std::atomic<detail::remote_word*>, most + 1> owners{};
    static inline constinit std::atomic<int> handling{0};
    detail::owner<detail::remote_word, detail::remote_word::abandon> word_;
    std::array<detail::owner<struct sigaction>, most + 1> before_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

class [[nodiscard]] remote_event::waiting final : public detail::waiting_for_word {
  public:
    using detail::waiting_for_word::waiting_for_word;
    void await_resume() { taken(); }
};
inline remote_event::waiting remote_event::wait() noexcept { return waiting{*word_}; }

class [[nodiscard]] async_signals::waiting final : public detail::waiting_for_word {
  public:
    using detail::waiting_for_word::waiting_for_word;
    int await_resume() { return taken() + 1; }
};
inline async_signals::waiting async_signals::next() noexcept { return waiting{*word_}; }

inline void async_signals::catch_signal(int number) {
    if (number < 1 || number > most) detail::throw_error({EINVAL, std::system_category()}, "sigaction");
    const auto index = static_cast<std::size_t>(number);
    if (before_[index]) return;  // named twice
    detail::owner<struct sigaction> before{new (struct sigaction)()};
    detail::remote_word* none = nullptr;
    if (!owners[index].compare_exchange_strong(none, word_.get()))
        throw std::logic_error{"another async_signals object already catches this signal"};
    struct sigaction action {};
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;  // only the loop notices the signal; blocking calls of other threads continue
    if (::sigaction(number, &action, before.get()) != 0) {
        const int error = errno;
        owners[index].store(nullptr);
        detail::throw_error({error, std::system_category()}, "sigaction");
    }
    before_[index] = std::move(before);
}
inline void async_signals::give_back() noexcept {
    for (int number = 1; number <= most; ++number) {
        const auto index = static_cast<std::size_t>(number);
        if (!before_[index]) continue;
        ::sigaction(number, before_[index].get(), nullptr);
        owners[index].store(nullptr);
    }
    while (handling.load() != 0) {
    }  // a handler in another thread may still use our word
}
inline void async_signals::handle(int number) noexcept {
    const int saved = errno;
    ++handling;
    if (detail::remote_word* const word = owners[static_cast<std::size_t>(number)].load())
        word->leave(std::uint64_t{1} << (number - 1));
    --handling;
    errno = saved;
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_SIGNAL_HPP
