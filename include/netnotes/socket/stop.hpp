// netnotes/socket/stop.hpp: asking a program to stop
// SPDX-License-Identifier: MIT
//
// A server waits: in accept(), in recv(), in epoll_wait(). How is it asked to stop? Closing its socket from
// another thread does not wake it, and may hand the number of the descriptor to somebody else meanwhile. A
// flag that a signal handler sets is seen only after the wait, and a wait that begins just after the flag
// was looked at never ends. What works is something that the wait itself can see: a descriptor.
//
//        main thread                     signal handler, or another thread
//          | run(stop): waits for clients
//          |            and for `stop`   <──── stop.request_stop()
//          | finishes what is under way
//          v returns
//
// Once requested, a stop stays requested: whoever waits for it later is woken at once.
//
// A fork(2) copies the flag and shares the descriptor: the parent's request would wake a child that waits, and be
// overlooked by one that does not; a signal to one child would stop all. So a child makes the event its own,
// and its parent asks it by a signal: become_own_after_fork() and in_child(), as forking_server does.
//
// On this page:  stop_event · stop_on_signals
// The notes:     their servers end by Ctrl-C and a traceback (socket 简单服务器); examples 10, 15, 16 and 21

#ifndef NETNOTES_SOCKET_STOP_HPP
#define NETNOTES_SOCKET_STOP_HPP

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <system_error>

#include "../ip/version.hpp"

namespace netnotes {

/// A request to stop that can be waited for: an eventfd(2) which turns readable and stays so.
class stop_event {
  public:
    /// Throws std::system_error when no descriptor is to be had.
    stop_event() : descriptor_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
        if (descriptor_ < 0) throw std::system_error{errno, std::system_category(), "eventfd"};
    }
    stop_event(const stop_event&) = delete;
    stop_event& operator=(const stop_event&) = delete;
    ~stop_event() { ::close(descriptor_); }

    /// Wakes all who wait, now and later. From any thread, as often as you like, and from a signal handler:
    /// write(2) is on the list of functions that are safe there (signal-safety(7)).
    void request_stop() noexcept { request(); }
    [[nodiscard]] bool stop_requested() const noexcept { return requested_.load(std::memory_order_acquire); }
    /// Readable from the request on: for poll(2) and its relatives. Reading from it would undo the request.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_; }

    /// In a child made by fork(2), while it has one thread: from here on this event is the child's own, under the same
    /// descriptor number, so that all who hold or wait for it go on doing so. It is requested if it was when the child
    /// was made. Throws std::system_error when no descriptor is to be had.
    void become_own_after_fork() const {
        const int own = ::eventfd(stop_requested() ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
        const bool done = own >= 0 && ::dup3(own, descriptor_, O_CLOEXEC) >= 0;
        const int error = errno;
        if (own >= 0) ::close(own);
        if (!done) throw std::system_error{error, std::system_category(), "eventfd of a child"};
    }

  private:
    friend class stop_on_signals;

    void request() const noexcept {
        const int saved = errno;  // a handler must leave it as the interrupted code had it
        requested_.store(true, std::memory_order_release);
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written =
            ::write(descriptor_, &one, sizeof one);  // full is as good: it is readable
        errno = saved;
    }

    static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may not wait for a lock");
    int descriptor_;
    mutable std::atomic<bool> requested_{false};  // a child of a server that may only wait for it is asked by a signal
};

/// As long as this object lives, SIGINT (Ctrl-C) and SIGTERM request a stop instead of killing the process; also
/// where SIGINT was ignored, as it is for what a shell starts with `&`. One at a time in a process, for signals
/// belong to the process.
class stop_on_signals {
  public:
    /// Throws std::logic_error when there is one already, std::system_error when sigaction(2) fails.
    explicit stop_on_signals(stop_event& event) {
        const stop_event* none = nullptr;
        if (!target.compare_exchange_strong(none, &event))
            throw std::logic_error{"signals already stop something else"};
        struct sigaction action {};
        action.sa_handler = handle;
        // Without SA_RESTART, so that a program which waits in read() for its user comes out of it too.
        for (; taken_ < signals.size(); ++taken_)
            if (::sigaction(signals[taken_], &action, &before_[taken_]) != 0) {
                const std::error_code error{errno, std::system_category()};
                give_back();
                throw std::system_error{error, "sigaction"};
            }
    }
    stop_on_signals(const stop_on_signals&) = delete;
    stop_on_signals& operator=(const stop_on_signals&) = delete;
    /// Puts back what was in force before.
    ~stop_on_signals() { give_back(); }

    /// In a child made by fork(2), until it ends: SIGTERM requests a stop of `event`, and so does SIGINT unless the
    /// program ignores it or handles it in a way of its own. Whatever the parent has made of its signals is the
    /// parent's. Make the event the child's own first, and block both signals from before the fork until now.
    static void in_child(const stop_event& event) noexcept {
        target.store(&event);
        handling.store(0);  // another thread of the parent may have been at it
        struct sigaction action {};
        struct sigaction before {};
        action.sa_handler = handle;
        ::sigaction(SIGTERM, &action, nullptr);
        ::sigaction(SIGINT, nullptr, &before);
        if (before.sa_handler == SIG_DFL) ::sigaction(SIGINT, &action, nullptr);
    }

  private:
    static void handle(int) noexcept {
        ++handling;
        if (const stop_event* const event = target.load()) event->request();
        --handling;
    }
    void give_back() noexcept {
        while (taken_ > 0) --taken_, ::sigaction(signals[taken_], &before_[taken_], nullptr);
        target.store(nullptr);
        while (handling.load() != 0) {
        }  // in another thread; the event may be gone as soon as we return
    }
    static constexpr std::array signals{SIGINT, SIGTERM};
    static inline constinit std::atomic<const stop_event*> target{nullptr};
    static inline constinit std::atomic<int> handling{0};
    std::array<struct sigaction, signals.size()> before_{};
    std::size_t taken_ = 0;
};

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_STOP_HPP
