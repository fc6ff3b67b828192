// netnotes/coro/signal.hpp: what reaches a loop from outside
// SPDX-License-Identifier: MIT
//
// A signal handler interrupts the program anywhere, in the middle of malloc() perhaps, and so it may do next to nothing
// (signal-safety(7)). Another thread may run at any time. Neither may touch what the tasks of a loop share. What both can
// do is to set a bit and to wake the loop:
//
//        signal handler  ──┐                                           ┌──> tasks that wait for it
//        another thread  ──┴── a bit, a place in a list, write(2) ──> loop
//
// async_signals makes of signals something to wait for, so that the answer to SIGHUP is a line in a task and not a
// handler:
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
// The notes:     their servers end by Ctrl-C and a traceback (socket 简单服务器); socket/stop.hpp is for those that only stop

#ifndef NETNOTES_CORO_SIGNAL_HPP
#define NETNOTES_CORO_SIGNAL_HPP

#include <signal.h>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "sync.hpp"

namespace netnotes {

namespace detail {

/// Word left for the tasks of a loop: some bits, and a bell that is rung once until it is heard. It outlives its owner
/// while the loop has yet to hear it.
class remote_word final : public posted_call {
  public:
    explicit remote_word(event_loop& loop) noexcept : loop_{loop} {}

    /// From anywhere, a signal handler too.
    void leave(std::uint64_t bits) noexcept {
        leaving_.fetch_add(1);
        bits_.fetch_or(bits);
        if (!is_posted_.exchange(true)) loop_.post_call(*this);
        leaving_.fetch_sub(1);
    }
    /// One of the bits, which is then cleared; `none` when there is none.
    [[nodiscard]] int take() noexcept {
        const std::uint64_t bits = bits_.load();
        if (bits != 0) bits_.fetch_and(~(bits & (~bits + 1)));
        return std::countr_zero(bits);
    }
    /// A task to which it was handed out was cancelled before it could take note: it goes to the next.
    void return_bit(int bit) noexcept;
    static constexpr int none = 64;
    wait_queue waiting;

    struct abandon {
        void operator()(remote_word* word) const noexcept {
            // Its task may have heard of the word, and be done, before the one who leaves it has returned.
            while (word->leaving_.load() != 0) std::this_thread::yield();
            word->is_abandoned_ = true;
            if (!word->is_posted_.exchange(true)) delete word;  // or else call() does
        }
    };

  private:
    ~remote_word() = default;
    void call() override;
    void hand_out() noexcept;

    event_loop& loop_;
    std::atomic<std::uint64_t> bits_{0};
    std::atomic<bool> is_posted_{false};
    std::atomic<int> leaving_{0};  // threads and handlers inside of leave()
    bool is_abandoned_ = false;  // only the loop's thread looks at it
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
    void give_back() noexcept override;
    remote_word& word_;
    int bit_ = remote_word::none;
};

inline void waiting_for_word::give_back() noexcept { word_.return_bit(bit_); }

/// Whoever is woken has his bit already: another, who comes before he goes on, cannot take it from him.
inline void remote_word::call() {
    if (is_abandoned_) {
        delete this;
        return;
    }
    is_posted_.store(false);  // before the bits are looked at: what is left from now on rings again
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

/// Something that happens outside of the loop, in another thread or in a signal handler. It is remembered until a task
/// has taken note, once, however often it has happened by then. Belongs to a loop; only set() is for others, and nobody
/// may call it when this object is being destroyed.
class remote_event {
  public:
    class waiting;
    /// For the loop that runs in this thread, or another. Allocates.
    remote_event() : remote_event{event_loop::current()} {}
    explicit remote_event(event_loop& loop) : word_{new detail::remote_word{loop}} {}

    /// From any thread, and from a signal handler. Does not wait and does not fail.
    void set() noexcept { word_->leave(1); }
    /// `co_await event.wait()`: until it has been set since the last wait. One task a time is woken.
    [[nodiscard]] waiting wait() noexcept;

  private:
    std::unique_ptr<detail::remote_word, detail::remote_word::abandon> word_;
};

/// Signals as something to wait for. As long as it lives, they do nothing else: they do not end the program. One that
/// comes several times before it is taken is taken once, as signals are. One object in a process for each signal, for
/// signals belong to the process. It must go before its loop does.
class async_signals {
  public:
    class waiting;
    /// Throws std::logic_error when one of them has an owner already, std::system_error for what is no signal or cannot
    /// be caught (SIGKILL, SIGSTOP).
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
    /// Puts back what was in force before.
    ~async_signals() { give_back(); }

    /// `int number = co_await signals.next()`: the next signal that comes or has come; of several the lowest.
    [[nodiscard]] waiting next() noexcept;

  private:
    static constexpr int most = 64;  // Linux: 1 to 64
    void catch_signal(int number);
    void give_back() noexcept;
    static void handle(int number) noexcept;

    static inline constinit std::array<std::atomic<detail::remote_word*>, most + 1> owners{};
    static inline constinit std::atomic<int> handling{0};
    std::unique_ptr<detail::remote_word, detail::remote_word::abandon> word_;
    std::array<std::unique_ptr<struct sigaction>, most + 1> before_;
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
    if (number < 1 || number > most) throw std::system_error{EINVAL, std::system_category(), "sigaction"};
    const auto index = static_cast<std::size_t>(number);
    if (before_[index]) return;  // named twice
    auto before = std::make_unique<struct sigaction>();
    detail::remote_word* none = nullptr;
    if (!owners[index].compare_exchange_strong(none, word_.get()))
        throw std::logic_error{"this signal has an owner already"};
    struct sigaction action {};
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;  // it is the loop that is to notice, nobody else
    if (::sigaction(number, &action, before.get()) != 0) {
        const int error = errno;
        owners[index].store(nullptr);
        throw std::system_error{error, std::system_category(), "sigaction"};
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
    }  // in another thread, with a pointer to our word
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
