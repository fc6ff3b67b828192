// netnotes/server/blocking.hpp: servers that block
// SPDX-License-Identifier: MIT
//
// The easiest way to write what a server says to *one* client is to write just that: receive, think, answer, and
// wait wherever there is something to wait for. But who waits for one client serves no other. Three ways out:
//
//        iterative_server            forking_server                     threaded_server
//
//        accept <── queue            accept <── queue                   accept <── queue
//          |                           | fork      | fork                 | start     | start
//        handler(first)              handler     handler                handler     handler
//          |                         (first)     (second)               (first)     (second)
//        accept                        : a memory each :                  └── one memory ──┘
//          |                         exit        crash                  returns     returns
//        handler(second)               └> reaped   └> reaped              └> joined   └> joined
//
//   a client who says nothing   holds up all          holds a process         holds a thread
//   a handler that crashes      takes all along       harms its own client    takes all along
//   what one client changes     the next one sees     is gone with its child  all see at once: it needs a lock
//   a client costs              nothing               a process               a thread
//   so it fits                  short dialogues       work that must be       dialogues that share something
//                                                     kept apart
//
// All three take a listener and a handler, and have one call: run(stop). A conversation that fails ends no other. A
// client for whom there is no place (max_children, max_threads) waits in the kernel's queue: he is connected there and
// may already send. A system that is out of descriptors, memory, processes or threads is asked again after 100 ms,
// and not in a loop. A client that is silent for idle_timeout, or draws no answer for request_timeout by sending a byte now
// and then, ends its conversation with errc::timed_out. If the last send_all() of a handler has failed, the connection ends
// in a reset, so that the client cannot take half an answer for a whole one. (A handler that throws between two sends that
// went well ends in order, as only the handler knows that its answer is half. It can set option::linger{0s} before it
// throws: that is a reset.) When run() returns, nobody is being served any more: there is no child, no thread, no zombie.
//
// Fork and threads do not go together. fork(2) copies the memory as it is at that moment, and one thread only. A
// mutex that another one holds just then stays locked in the child for ever. So let a forking server run in a program
// that has one thread, or let its handler keep to what is safe in a signal handler.
//
// On this page:  iterative_server · forking_server · threaded_server
// Above it:      server/reactor.hpp, thousands of clients in one thread that never waits for one
// The notes:     单进程服务器 (one at a time), 多进程服务器 (processes), 多线程服务器 (threads); examples 15, 16, 17

#ifndef NETNOTES_SERVER_BLOCKING_HPP
#define NETNOTES_SERVER_BLOCKING_HPP

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <list>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "../poll/poll.hpp"
#include "../tcp/stream.hpp"

namespace netnotes {

namespace detail {
class reception;
template <class Handler>
concept hears_errors = requires(Handler& handler, const endpoint& peer, const std::exception& failure) {
    handler.on_error(peer, failure);
};
template <class Handler>
concept hears_accept_errors = requires(Handler& handler, std::error_code error) {
    handler.on_accept_error(error);
};
/// For many threads at once: see threaded_server.
template <class Handler>
concept handler_for_many = std::invocable<const Handler&, tcp_stream&, const endpoint&>;

/// The time limits of a conversation.
struct patience {
    patience(duration idle_timeout, const std::optional<wait_time>& request_timeout)
        : idle{idle_timeout},
          request{request_timeout.value_or(wait_time{idle_timeout > never / 4 ? never : 4 * idle_timeout})} {
        if (idle <= duration::zero() || request <= duration::zero())
            throw std::invalid_argument{"a server that waits for no client"};
    }
    void apply_to(tcp_stream& stream) const {
        stream.set_timeout(idle);
        stream.set_answer_timeout(request);
    }
    duration idle, request;
};
}  // namespace detail

/// How long a handler may be kept waiting. The other two servers have the same two limits among their options.
struct conversation_options {
    /// For each call on the stream that waits, all its parts together: see socket::set_timeout(). The handler may set
    /// another. Above zero; `never` to wait for ever.
    wait_time idle_timeout = std::chrono::minutes{5};
    /// For an exchange: the time from one send to the next, or from the beginning to the first. See
    /// socket::set_answer_timeout(), by which a handler that answers seldom sets another, or begins the time anew. Nothing:
    /// four idle timeouts. Above zero.
    std::optional<wait_time> request_timeout{};
};

/// The notes' first server: one client at a time, the others wait in the queue, where they are already
/// connected and may already send. Right when a conversation is short. A client that says nothing keeps all the others
/// waiting for idle_timeout, which should therefore be short.
///
/// The handler is called as handler(tcp_stream&, const endpoint& peer); the stream is closed when it returns.
/// A std::exception that it throws ends that conversation and no other. Members that the handler may have, too:
///
///     on_error(const endpoint& peer, const std::exception&)   it has thrown
///     on_accept_error(std::error_code)                        no descriptors or no memory for a new client
template <std::invocable<tcp_stream&, const endpoint&> Handler>
class iterative_server {
  public:
    /// Throws std::invalid_argument for a time limit that is not above zero.
    iterative_server(tcp_listener listener, Handler handler, const conversation_options& options = {})
        : listener_{std::move(listener)},
          handler_{std::move(handler)},
          patience_{options.idle_timeout, options.request_timeout} {}

    /// Serves until a stop is requested, which also ends the wait for a client that is just being served. Throws
    /// std::system_error when the listener does not listen. Once.
    void run(const stop_event& stop);

  private:
    tcp_listener listener_;
    Handler handler_;
    detail::patience patience_;
};

struct forking_options {
    std::size_t max_children = 100;  ///< beyond, clients wait in the listener's queue
    /// How long a stop waits for the children's last words. Who has not ended by then is killed.
    wait_time stop_grace = std::chrono::seconds{2};
    wait_time idle_timeout = std::chrono::minutes{5};  ///< see conversation_options
    std::optional<wait_time> request_timeout{};        ///< see conversation_options
};

/// A process for every client. A child that crashes harms nobody else, and what it does to its memory nobody else sees.
///
/// The handler is called as by the iterative server, in the child, on a copy of everything. The child holds the
/// client's stream and what the program had open before, but not the listener. It leaves by _exit(2), with status 0,
/// or 1 when the handler has thrown: no destructor of the parent's objects runs in it, and no buffer of std::cout or
/// stdio is written, neither the handler's (so let it flush) nor the copy of what the parent had not yet flushed (so
/// flush before run()). What is thrown and no std::exception aborts the child. Members that the handler may have:
///
///     on_error(const endpoint& peer, const std::exception&)   it has thrown; called in the child
///     on_exit(const endpoint& peer, int status)               a child has ended, and how: waitpid(2), WIFEXITED ...
///     on_accept_error(std::error_code)                        no descriptors or memory for a new client, or no
///                                                             process: EAGAIN of fork(2). Then he is sent away
///
/// The last two are called by run() and must not throw. Only the server's own children are waited for; the program
/// may have others. (If it ignores SIGCHLD, or reaps whatever ends, the status is lost, and on_exit() is told 0.)
///
/// In the child the stop_event is the child's own. SIGTERM requests it, and so does SIGINT, unless the program ignores
/// or handles that itself: Ctrl-C and timeout(1) reach children too, and they end as by a stop, which they tell nobody
/// else. If the parent dies, its children are asked to stop.
template <std::invocable<tcp_stream&, const endpoint&> Handler>
class forking_server {
  public:
    /// Throws std::invalid_argument when no child is allowed, or for a time limit that is not above zero.
    forking_server(tcp_listener listener, Handler handler, forking_options options = {})
        : listener_{std::move(listener)},
          handler_{std::move(handler)},
          options_{options},
          patience_{options.idle_timeout, options.request_timeout} {
        if (options_.max_children == 0) throw std::invalid_argument{"a forking server without children"};
    }
    forking_server(const forking_server&) = delete;
    forking_server& operator=(const forking_server&) = delete;

    /// Serves until a stop is requested. Then it asks its children to stop, by SIGTERM, and waits for them, until
    /// stop_grace is over: the rest is killed. Throws std::system_error when the listener does not listen or there is
    /// nothing to wait with; the children are ended in the same way. Once.
    void run(const stop_event& stop);

  private:
    struct child {
        pid_t process;
        int descriptor;  ///< a pidfd, which turns readable when the child ends; -1 where the system has none
        endpoint peer;
    };
    static constexpr duration look = std::chrono::milliseconds{20};  ///< ... and then it is asked so often

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

struct threaded_options {
    std::size_t max_threads = 100;  ///< beyond, clients wait in the listener's queue
    wait_time idle_timeout = std::chrono::minutes{5};  ///< see conversation_options
    std::optional<wait_time> request_timeout{};        ///< see conversation_options
};

/// A thread for every client. They share the memory: what one thread writes another may read only under a lock, or in
/// an atomic. They also share the descriptors, so the stream is closed once, by the thread that serves it; to close
/// "the parent's copy", as after a fork, would end the conversation.
///
/// The handler is one object, called as by the iterative server, from many threads at once, and as const: by the
/// standard library's convention what is const is safe to call so. Let it change what it shares only under a lock.
/// What is thrown and no std::exception ends the program, as in every std::thread. Members that it may have, const:
///
///     on_error(const endpoint& peer, const std::exception&)   it has thrown; called by the client's thread
///     on_accept_error(std::error_code)                        no descriptors or memory for a new client, or no
///                                                             thread: EAGAIN. Then he is sent away. Called by run()
template <detail::handler_for_many Handler>
class threaded_server {
    static_assert(detail::hears_errors<Handler> == detail::hears_errors<const Handler> &&
                      detail::hears_accept_errors<Handler> == detail::hears_accept_errors<const Handler>,
                  "what the handler of a threaded server is told, it is told as const");

  public:
    /// Throws std::invalid_argument when no thread is allowed, or for a time limit that is not above zero.
    threaded_server(tcp_listener listener, Handler handler, threaded_options options = {})
        : listener_{std::move(listener)},
          handler_{std::move(handler)},
          options_{options},
          patience_{options.idle_timeout, options.request_timeout} {
        if (options_.max_threads == 0) throw std::invalid_argument{"a threaded server without threads"};
    }
    threaded_server(const threaded_server&) = delete;
    threaded_server& operator=(const threaded_server&) = delete;

    /// Serves until a stop is requested. The streams are stopped by it, too; then the threads are joined. A handler that
    /// waits on its stream returns at once. For one that does not look at its stream run() waits: nothing ends a thread
    /// from outside. Throws std::system_error when the listener does not listen or there is nothing to wait with,
    /// having waited for the clients that are being served. Once.
    void run(const stop_event& stop);

  private:
    struct worker {
        std::thread thread;
        std::atomic<bool> done{false};
    };
    std::error_code start(tcp_listener::accepted client, const stop_event& stop);
    void join_the_done();

    tcp_listener listener_;
    const Handler handler_;
    threaded_options options_;
    detail::patience patience_;
    socket bell_;  ///< an eventfd: rung by each thread as its last act
    std::list<worker> workers_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// What the three servers do alike. wait(pause) returns when a client may have come, and not before `pause`; false
/// ends it all. serve(client) serves him, or has somebody serve him, or says what it lacks for that.
template <class Handler, class Wait, class Serve>
void accept_clients(tcp_listener& listener, Handler& handler, Wait wait, Serve serve) {
    constexpr time_point none = time_point::min();
    for (time_point pause = none; wait(std::exchange(pause, none));) {
        std::error_code error;
        tcp_listener::accepted client = listener.accept(error);
        if (error == std::errc::operation_canceled) return;
        if (error == std::errc::timed_out) continue;  // he has left, or another process was faster
        if (is_not_listening(error)) throw_error(error, "accept");
        if (!error) error = serve(std::move(client));
        if (!error) continue;
        // Out of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM) or of processes or threads (EAGAIN): it may
        // pass. Others stand in the queue, so trying again at once would only keep the processor busy.
        if constexpr (hears_accept_errors<Handler>) handler.on_accept_error(error);
        pause = clock::now() + accept_pause;
    }
}

/// One conversation. False when it failed; but not at a stop, which most likely is the reason, and none to complain of.
template <class Handler>
bool converse(Handler& handler, tcp_stream& stream, const endpoint& peer, const stop_event& stop,
              const patience& limits) {
    try {
        limits.apply_to(stream);
        handler(stream, peer);
    } catch (const std::exception& failure) {
        if (stop.stop_requested()) return true;
        if constexpr (hears_errors<Handler>) handler.on_error(peer, failure);
        return false;
    }
    return true;
}

/// Where one waits for a client, for the stop, and for the end of those who serve.
class reception {
  public:
    enum class visit { other, client, stop };

    reception(tcp_listener& listener, const stop_event& stop) : listener_{listener.native_handle()}, stop_{stop} {
        listener.stop_with(stop);
        listener.set_timeout(duration::zero());  // accept() need not wait; those it accepts wait without a limit
        poller_.add(listener_, interest::none, listener_token);
        poller_.add(stop_.native_handle(), interest::read, stop_token);
    }
    /// Until one of them or `until`, and for a client only if the door is open. Each of those who have ended is given
    /// to `ended` by the token that watch() was told.
    template <class Ended>
    visit wait(bool is_open, time_point until, Ended ended) {
        if (is_open != std::exchange(is_open_, is_open))
            poller_.modify(listener_, is_open ? interest::read : interest::none, listener_token);
        visit who = visit::other;
        for (const event& happened : poller_.wait(until == time_point::max() ? never : until - clock::now())) {
            if (happened.token == stop_token)
                who = visit::stop;
            else if (happened.token != listener_token)
                ended(happened.token);
            else if (who != visit::stop)  // somebody has come, or the listener listens no more
                who = visit::client;
        }
        return who;
    }
    void watch(int descriptor, std::uint64_t token) { poller_.add(descriptor, interest::read, token); }
    void forget(int descriptor) noexcept { poller_.remove(descriptor); }
    /// No more clients, and the stop has been heard.
    void close_doors() noexcept {
        poller_.remove(listener_);
        poller_.remove(stop_.native_handle());
        is_open_ = false;
    }
    /// In a child: the poller is the parent's.
    void leave() noexcept { const epoll_poller gone{std::move(poller_)}; }

  private:
    static constexpr std::uint64_t stop_token = ~std::uint64_t{0};
    static constexpr std::uint64_t listener_token = stop_token - 1;
    epoll_poller poller_;
    int listener_;
    const stop_event& stop_;
    bool is_open_ = false;
};

}  // namespace detail

template <std::invocable<tcp_stream&, const endpoint&> Handler>
void iterative_server<Handler>::run(const stop_event& stop) {
    listener_.set_blocking(true);  // whatever limit it may have had, and those that it accepts
    listener_.stop_with(stop);
    detail::accept_clients(
        listener_, handler_,
        [&](time_point pause) {
            std::error_code error;
            if (pause != time_point::min()) detail::wait_for(-1, 0, &stop, pause, error);
            return !stop.stop_requested();
        },
        [&](tcp_listener::accepted client) {
            detail::converse(handler_, client.stream, client.peer, stop, patience_);
            return std::error_code{};
        });
}

// ---- a process for every client

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
        children_.push_back({-1, -1, client.peer});  // now, for once there is a child it must not be lost
    } catch (const std::bad_alloc&) {
        return std::make_error_code(std::errc::not_enough_memory);
    }
    // A signal that comes between fork() and in_child() would, in the child, run the parent's handler, and that
    // requests a stop of the whole server. So it waits.
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
#ifdef SYS_pidfd_open  // Linux 5.3. Until it is waited for, the number of a child belongs to nobody else
    int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
#else
    int descriptor = -1;
#endif
    try {
        if (descriptor >= 0) door.watch(descriptor, static_cast<std::uint64_t>(process));
    } catch (const std::system_error&) {  // too many are watched
        ::close(std::exchange(descriptor, -1));
    }
    children_.back() = {process, descriptor, client.peer};
    unwatched_ += descriptor < 0;
    return {};  // our copy of the stream is closed here. If it stayed open, the child could never hang up
}

/// noexcept: whatever comes out of the handler must not go on into the parent's code.
template <std::invocable<tcp_stream&, const endpoint&> Handler>
void forking_server<Handler>::be_child(detail::reception& door, tcp_listener::accepted client, const stop_event& stop,
                                       pid_t parent, sigset_t signals) noexcept {
    std::error_code ignored;
    listener_.close(ignored);  // or the port would stay taken as long as we live, and clients come to nobody
    door.leave();
    for (const child& other : children_)
        if (other.descriptor >= 0) ::close(other.descriptor);
    bool good = false;
    try {
        stop.become_own_after_fork();
        stop_on_signals::in_child(stop);
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (::getppid() != parent) ::raise(SIGTERM);  // it has died in between
        ::sigdelset(&signals, SIGTERM);               // by which the parent asks us, whatever it blocks for itself
        ::pthread_sigmask(SIG_SETMASK, &signals, nullptr);
        good = detail::converse(handler_, client.stream, client.peer, stop, patience_);
    } catch (const std::system_error& failure) {  // of become_own_after_fork(); converse() keeps the handler's
        if constexpr (detail::hears_errors<Handler>) handler_.on_error(client.peer, failure);
    }
    ::_exit(good ? EXIT_SUCCESS : EXIT_FAILURE);
}

/// Only this one child, by its number: waitpid(-1) would take the status of the program's other children away.
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

// ---- a thread for every client

template <detail::handler_for_many Handler>
void threaded_server<Handler>::run(const stop_event& stop) {
    detail::reception door{listener_, stop};
    bell_ = socket{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!bell_.is_open()) detail::throw_error(detail::last_error(), "eventfd");
    door.watch(bell_.native_handle(), 0);
    const auto wait = [&](time_point pause) {
        for (;;) {
            const time_point now = clock::now();
            const auto who = door.wait(workers_.size() < options_.max_threads && now >= pause,
                                       now < pause ? pause : time_point::max(), [&](auto) { join_the_done(); });
            if (who != detail::reception::visit::other) return who == detail::reception::visit::client;
        }
    };
    const auto join_all = [&] {
        for (worker& one : workers_) one.thread.join();
        workers_.clear();
    };
    try {
        detail::accept_clients(listener_, handler_, wait,
                               [&](tcp_listener::accepted client) { return start(std::move(client), stop); });
    } catch (...) {
        join_all();
        throw;
    }
    join_all();
}

template <detail::handler_for_many Handler>
std::error_code threaded_server<Handler>::start(tcp_listener::accepted client, const stop_event& stop) {
    std::list<worker> fresh;
    try {
        worker& self = fresh.emplace_back();
        self.thread = std::thread{[this, &stop, &self, client = std::move(client)]() mutable {
            {
                tcp_stream stream = std::move(client.stream);
                detail::converse(handler_, stream, client.peer, stop, patience_);
            }  // closed, before anybody hears of our end
            self.done.store(true, std::memory_order_release);
            const std::uint64_t one = 1;
            [[maybe_unused]] const auto written = ::write(bell_.native_handle(), &one, sizeof one);
        }};
    } catch (const std::system_error& failure) {  // EAGAIN: the system has enough threads. The stream is closed
        return failure.code();
    } catch (const std::bad_alloc&) {
        return std::make_error_code(std::errc::not_enough_memory);
    }
    workers_.splice(workers_.end(), fresh);
    return {};
}

template <detail::handler_for_many Handler>
void threaded_server<Handler>::join_the_done() {
    std::uint64_t rings = 0;  // first, so that who ends from now on rings again
    [[maybe_unused]] const auto got = ::read(bell_.native_handle(), &rings, sizeof rings);
    workers_.remove_if([](worker& one) {
        if (!one.done.load(std::memory_order_acquire)) return false;
        one.thread.join();
        return true;
    });
}

}  // namespace netnotes

#endif  // NETNOTES_SERVER_BLOCKING_HPP
