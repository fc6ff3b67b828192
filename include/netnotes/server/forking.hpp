// netnotes/server/forking.hpp: a process for each client
// SPDX-License-Identifier: MIT
//
// The server accepts a client and forks. The child serves the client while the parent accepts the next client. Each
// child has its own memory.
//
// On this page:  forking_options · forking_server
// The notes:     多进程服务器 (processes); example 16

#ifndef NETNOTES_SERVER_FORKING_HPP
#define NETNOTES_SERVER_FORKING_HPP

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "blocking.hpp"

namespace netnotes {

/// The limits of a forking_server.
struct forking_options {
    std::size_t max_children = 100;  ///< clients beyond this number wait in the listener's queue. Above zero
    /// Limits the time that a stop waits for the children. A child that has not ended by then is killed.
    wait_time stop_grace = std::chrono::seconds{2};
    wait_time idle_timeout = std::chrono::minutes{5};  ///< see conversation_options
    std::optional<wait_time> request_timeout{};        ///< see conversation_options
};

/// Serves each client in its own process. A child that crashes ends only its own conversation, and no other process
/// sees what a child changes in its memory.
///
/// The handler is called as by the iterative server, but in the child, on the child's copy of the memory. The child
/// holds the client's stream and every descriptor that the program had open, but not the listener. It ends with
/// _exit(2): status 0, or 1 if the handler threw. So in the child no destructor of the parent's objects runs, and no
/// buffer of std::cout or stdio is written. The handler must flush its own output. Flush before run() too: otherwise
/// the handler's flush also writes the child's copy of the parent's output. If a child crashes or is killed, the kernel
/// ends its connection, and in order: then only the answer itself can tell the client that it is half. The handler may
/// also have these members:
///
///     on_error(const endpoint& peer, const std::exception&)   the handler has thrown; called in the child
///     on_exit(const endpoint& peer, int status)               a child has ended; `status` is that of waitpid(2)
///     on_accept_error(std::error_code)                        no descriptor or memory for a new client, or no process
///                                                             (EAGAIN), and then the client is disconnected
///
/// None of them may throw: see server/blocking.hpp. run() calls on_exit() and on_accept_error(). The server waits only
/// for its own children, so the program may have others. If the program ignores SIGCHLD or reaps every child itself,
/// the status is lost and on_exit() gets 0.
///
/// The child has its own stop_event. SIGTERM requests it. SIGINT requests it too, unless the program ignores or handles
/// SIGINT itself. So Ctrl-C and timeout(1), which signal the children too, stop them in order. A stop in a child does
/// not stop the parent or other children. If the parent dies, its children are asked to stop.
template <std::invocable<tcp_stream&, const endpoint&> Handler>
class forking_server {
  public:
    /// Takes over the listener and the handler. Throws std::invalid_argument if max_children is zero or a time limit is
    /// not above zero.
    forking_server(tcp_listener listener, Handler handler, forking_options options = {})
        : listener_{std::move(listener)},
          handler_{std::move(handler)},
          options_{options},
          patience_{options.idle_timeout, options.request_timeout} {
        if (options_.max_children == 0) throw std::invalid_argument{"a forking server needs max_children above zero"};
    }
    forking_server(const forking_server&) = delete;
    forking_server& operator=(const forking_server&) = delete;

    /// Serves until a stop is requested. Then it sends SIGTERM to its children, waits for them up to stop_grace, and
    /// kills the children that are left. Call run() once. Throws std::system_error if the listener does not listen, or
    /// if no descriptor or memory is left to wait with. It ends its children in the same way before it throws.
    void run(const stop_event& stop);

  private:
    struct child {
        pid_t process;
        int descriptor;  ///< a pidfd, which becomes readable when the child ends; -1 if the system has no pidfd for us
        endpoint peer;
    };
    static constexpr duration look = std::chrono::milliseconds{20};  ///< how often a child without a pidfd is checked

    std::error_code start(detail::reception& door, tcp_listener::accepted client, const stop_event& stop);
    [[noreturn]] void be_child(detail::reception& door, tcp_listener::accepted client, const stop_event& stop,
                               pid_t parent, sigset_t signals) noexcept;
    bool wait(detail::reception& door, time_point pause);
    void reap(detail::reception& door, std::size_t index);
    void reap_unwatched(detail::reception& door);
    void signal_all(int signal) noexcept;
    void end_all(detail::reception& door) noexcept;
    auto reaper(detail::reception& door) {
        return [this, &door](std::uint64_t token) {
            for (std::size_t i = 0; i < children_.size(); ++i)
                if (static_cast<std::uint64_t>(children_[i].process) == token) return reap(door, i);
        };
    }

    tcp_listener listener_;
    Handler handler_;
    forking_options options_;
    detail::patience patience_;
    std::vector<child> children_;
    std::size_t unwatched_ = 0;  ///< children without a descriptor
};

// ========================================================================================================
// How it is done
// ========================================================================================================

template <std::invocable<tcp_stream&, const endpoint&> Handler>
void forking_server<Handler>::run(const stop_event& stop) {
    detail::reception door{listener_, stop};
    try {
        detail::accept_clients(
            listener_, handler_, [&](time_point pause) { return wait(door, pause); },
            [&](tcp_listener::accepted client) { return start(door, std::move(client), stop); });
    } catch (...) {
        end_all(door);
        throw;
    }
    end_all(door);
}

template <std::invocable<tcp_stream&, const endpoint&> Handler>
bool forking_server<Handler>::wait(detail::reception& door, time_point pause) {
    for (;;) {
        const time_point now = clock::now();
        const bool is_open = children_.size() < options_.max_children && now >= pause;
        time_point until = now < pause ? pause : time_point::max();
        if (unwatched_ > 0) until = std::min(until, now + look);
        switch (door.wait(is_open, until, reaper(door))) {
            case detail::reception::visit::stop: return false;
            case detail::reception::visit::client: return true;
            case detail::reception::visit::other: reap_unwatched(door);
        }
    }
}

template <std::invocable<tcp_stream&, const endpoint&> Handler>
std::error_code forking_server<Handler>::start(detail::reception& door, tcp_listener::accepted client,
                                               const stop_event& stop) {
    try {
        children_.push_back({-1, -1, client.peer});  // before the fork, because after it nothing may fail
    } catch (const std::bad_alloc&) {
        return std::make_error_code(std::errc::not_enough_memory);
    }
    // A signal between fork() and in_child() would run the parent's handler in the child. That handler would request a
    // stop of the whole server. So both signals stay blocked until then.
    sigset_t stopping, before;
    ::sigemptyset(&stopping);
    ::sigaddset(&stopping, SIGINT);
    ::sigaddset(&stopping, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &stopping, &before);
    const pid_t parent = ::getpid();
    const pid_t process = ::fork();
    const std::error_code error = process < 0 ? detail::last_error() : std::error_code{};
    if (process == 0) be_child(door, std::move(client), stop, parent, before);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (error) {
        children_.pop_back();
        return error;
    }
#ifdef SYS_pidfd_open  // Linux 5.3. The kernel does not reuse a child's number before waitpid(2)
    int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
#else
    int descriptor = -1;
#endif
    try {
        if (descriptor >= 0) door.watch(descriptor, static_cast<std::uint64_t>(process));
    } catch (const std::system_error&) {  // epoll watches too many descriptors, or has no memory
        ::close(std::exchange(descriptor, -1));
    }
    children_.back() = {process, descriptor, client.peer};
    unwatched_ += descriptor < 0;
    return {};  // this closes our copy of the stream; otherwise the child's close() would not end the connection
}

/// Runs the child; never returns. It is noexcept, so an exception from the handler cannot reach the parent's code.
template <std::invocable<tcp_stream&, const endpoint&> Handler>
void forking_server<Handler>::be_child(detail::reception& door, tcp_listener::accepted client, const stop_event& stop,
                                       pid_t parent, sigset_t signals) noexcept {
    std::error_code ignored;
    listener_.close(ignored);  // otherwise the port stays in use while this child lives, and no process accepts
    door.leave();
    for (const child& other : children_)
        if (other.descriptor >= 0) ::close(other.descriptor);
    bool good = false;
    try {
        stop.become_own_after_fork();
        stop_on_signals::in_child(stop);
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (::getppid() != parent) ::raise(SIGTERM);  // the parent died before prctl()
        ::sigdelset(&signals, SIGTERM);               // the parent's request, even if the parent itself blocks it
        ::pthread_sigmask(SIG_SETMASK, &signals, nullptr);
        good = detail::converse(handler_, client.stream, client.peer, stop, patience_);
    } catch (const std::system_error& failure) {  // from become_own_after_fork(); converse() catches the handler's
        if constexpr (detail::hears_errors<Handler>) handler_.on_error(client.peer, failure);
    }
    client.stream.close(ignored);  // _exit() calls no destructor, and only close() resets after half an answer
    ::_exit(good ? EXIT_SUCCESS : EXIT_FAILURE);
}

/// Waits for this child only, by its number: waitpid(-1) would take the status of the program's other children. Does
/// nothing if a child without a pidfd is still running.
template <std::invocable<tcp_stream&, const endpoint&> Handler>
void forking_server<Handler>::reap(detail::reception& door, std::size_t index) {
    const child gone = children_[index];
    int status = 0;
    pid_t ended = 0;
    do ended = ::waitpid(gone.process, &status, gone.descriptor >= 0 ? 0 : WNOHANG);
    while (ended < 0 && errno == EINTR);
    if (ended == 0) return;
    if (gone.descriptor >= 0) {
        door.forget(gone.descriptor);
        ::close(gone.descriptor);
    }
    unwatched_ -= gone.descriptor < 0;
    children_[index] = children_.back();
    children_.pop_back();
    if constexpr (requires { handler_.on_exit(gone.peer, status); }) handler_.on_exit(gone.peer, status);
}

template <std::invocable<tcp_stream&, const endpoint&> Handler>
void forking_server<Handler>::reap_unwatched(detail::reception& door) {
    for (std::size_t i = children_.size(); unwatched_ > 0 && i-- > 0;)
        if (children_[i].descriptor < 0) reap(door, i);
}

template <std::invocable<tcp_stream&, const endpoint&> Handler>
void forking_server<Handler>::signal_all(int signal) noexcept {
    for (const child& one : children_) {
        if (one.descriptor < 0) ::kill(one.process, signal);
#ifdef SYS_pidfd_send_signal
        if (one.descriptor >= 0) ::syscall(SYS_pidfd_send_signal, one.descriptor, signal, nullptr, 0);
#endif
    }
}

template <std::invocable<tcp_stream&, const endpoint&> Handler>
void forking_server<Handler>::end_all(detail::reception& door) noexcept {
    door.close_doors();
    signal_all(SIGTERM);
    time_point end = detail::end_of(options_.stop_grace);
    while (!children_.empty()) {
        if (clock::now() >= end) {
            signal_all(SIGKILL);
            end = time_point::max();
        }
        door.wait(false, unwatched_ > 0 ? std::min(end, clock::now() + look) : end, reaper(door));
        reap_unwatched(door);
    }
}

}  // namespace netnotes

#endif  // NETNOTES_SERVER_FORKING_HPP
