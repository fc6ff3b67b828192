// netnotes/socket/stop.hpp: asking a program to stop
// SPDX-License-Identifier: MIT
//
// A server waits: in accept(), in recv(), in epoll_wait(). How does a program ask it to stop? Closing the server's
// socket from another thread does not wake it, and the kernel may give the descriptor's number to another file. A flag
// that a signal handler sets is seen only after the wait. A wait that begins just after the check of the flag never
// ends. The wait itself can see a descriptor, so a stop is a descriptor.
//
//        main thread                     signal handler, or another thread
//          | run(stop): waits for clients
//          |            and for `stop`   <──── stop.request_stop()
//          | finishes what is under way
//          v returns
//
// Once requested, a stop stays requested: a later wait for it returns at once.
//
// A fork(2) copies the flag and shares the descriptor. The parent's request would wake a child that waits, but a child
// that does not wait would miss it. A signal to one child would stop all children. So a child makes the event its own,
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

/// A request to stop. A program can wait for it: an eventfd(2) becomes readable and stays readable.
class stop_event {
  public:
    /// Creates an event that is not requested. Throws std::system_error if no descriptor is left.
    stop_event() : descriptor_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
        if (descriptor_ < 0) throw std::system_error{errno, std::system_category(), "eventfd"};
    }
    stop_event(const stop_event&) = delete;
    stop_event& operator=(const stop_event&) = delete;
    ~stop_event() { ::close(descriptor_); }

    /// Requests the stop: ends all waits for it, now and later. Call it from any thread, repeatedly, and from a signal
    /// handler: write(2) is on the list of functions that are safe there (signal-safety(7)).
    void request_stop() noexcept { request(); }
    /// Returns true after request_stop(). Any thread may call it.
    [[nodiscard]] bool stop_requested() const noexcept { return requested_.load(std::memory_order_acquire); }
    /// Returns the descriptor for poll(2) and its relatives. It is readable from the request on; do not read from it,
    /// because that would undo the request.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_; }

    /// Makes this event the child's own. Call it in a child made by fork(2), while the child has one thread. The
    /// descriptor number stays, so every object that uses the event continues to use it. The event is requested if it
    /// was requested when the child was made. Throws std::system_error if no descriptor is left.
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
        const int saved = errno;  // a signal handler must leave errno unchanged
        requested_.store(true, std::memory_order_release);
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written =
            ::write(descriptor_, &one, sizeof one);  // if it is full, it is readable, too
        errno = saved;
    }

    static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler must not wait for a lock");
    int descriptor_;
    mutable std::atomic<bool> requested_{false};  // mutable: a signal requests it in a child that holds it const
};

/// While this object lives, SIGINT (Ctrl-C) and SIGTERM request a stop instead of killing the process. This holds even
/// if SIGINT was ignored, as a shell does for a command started with `&`. A process may have a single such object at a
/// time, because signals belong to the process.
class stop_on_signals {
  public:
    /// Handles both signals from now on. Throws std::logic_error if such an object exists already, std::system_error if
    /// sigaction(2) fails.
    explicit stop_on_signals(stop_event& event) {
        const stop_event* none = nullptr;
        if (!target.compare_exchange_strong(none, &event))
            throw std::logic_error{"stop_on_signals: only one object may exist at a time"};
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
    /// Restores the earlier signal handlers.
    ~stop_on_signals() { give_back(); }

    /// Makes SIGTERM request a stop of `event` in a child made by fork(2), until the child ends. SIGINT does so, too,
    /// unless the program ignores it or handles it itself. The parent's signal handling does not change. Make the event
    /// the child's own first, and block both signals from before the fork until now.
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
