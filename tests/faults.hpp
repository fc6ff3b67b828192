// System calls that fail on demand.
//
// The linker hands every call of recv() in this program to __wrap_recv() below (-Wl,--wrap=recv; the whole list
// is in CMakeLists.txt and meson.build), so what is tested is the very code that users compile: no hook, no
// macro, no virtual function. A *script* says which calls are to fail and how. A thread that is *under* a
// script gets its faults; all other threads, the peers in a test for example, talk to the kernel undisturbed.
//
//     faults::script script;
//     script.fail(faults::call::recv, ECONNRESET, 3);    // the third recv
//     script.interrupt(faults::call::send, 2);           // every send, twice, before it gets through
//     script.at_most(faults::call::send, 1);             // ... and then it takes a byte
//     const faults::under here{script};
//
// The faults are those that a kernel may really inflict. What it never does is left out, for code may rely on
// it: a stream's receive that is shorter than what waits, on a socket in an edge-triggered poller, or EAGAIN
// there while bytes are ready.
//
// To be included by one file of a program.

#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <random>
#include <utility>

namespace faults {

/// The calls that can be made to fail.
enum class call : unsigned {
    accept4,
    bind,
    close,
    connect,
    epoll_create1,
    epoll_ctl,
    epoll_wait,
    eventfd,
    fcntl,
    getpeername,
    getsockname,
    getsockopt,
    listen,
    ppoll,
    recv,
    recvmsg,
    send,
    sendto,
    setsockopt,
    shutdown,
    socket,
    socketpair,
    write,
};
inline constexpr std::array names{
    "accept4", "bind",        "close",       "connect",    "epoll_create1", "epoll_ctl",  "epoll_wait", "eventfd",
    "fcntl",   "getpeername", "getsockname", "getsockopt", "listen",        "ppoll",      "recv",       "recvmsg",
    "send",    "sendto",      "setsockopt",  "shutdown",   "socket",        "socketpair", "write",
};
static_assert(names.size() == static_cast<std::size_t>(call::write) + 1);
inline const char* name(call what) { return names[static_cast<std::size_t>(what)]; }

/// What is to happen to one call: an error, or a transfer of that many bytes at most.
struct fate {
    int error = 0;
    std::size_t most = std::numeric_limits<std::size_t>::max();
    friend bool operator==(const fate&, const fate&) = default;
};

/// Says which calls fail, and counts them. May be shared by threads; reproducible for one.
class script {
  public:
    /// The nth call from now on fails, the next being the first.
    void fail(call what, int error, unsigned nth = 1) {
        const std::lock_guard lock{mutex_};
        plan& chosen = plan_of(what);
        chosen.errors[chosen.made + nth] = error;
    }
    /// Every call from now on.
    void fail_always(call what, int error) {
        const std::lock_guard lock{mutex_};
        plan_of(what).error = error;
    }
    /// As if signals came: every call is interrupted so many times before it gets through.
    void interrupt(call what, unsigned times) {
        const std::lock_guard lock{mutex_};
        plan_of(what).interruptions = times;
    }
    /// Every transfer is cut to so many bytes. For streams: a datagram goes whole or not at all.
    void at_most(call what, std::size_t bytes) {
        const std::lock_guard lock{mutex_};
        plan_of(what).most = bytes;
    }
    /// So many of a hundred calls that may wait are interrupted, and so many of a hundred transfers of a stream
    /// cut to a few bytes. The same seed and the same calls meet the same fate.
    void random(std::uint32_t seed, unsigned percent) {
        const std::lock_guard lock{mutex_};
        random_.seed(seed);
        percent_ = percent;
    }

    /// Something to be done before every call of `what`, by the thread that calls: to hold it at the worst moment.
    /// Set it before the first call.
    void before(call what, std::function<void()> step) {
        const std::lock_guard lock{mutex_};
        plan_of(what).step = std::move(step);
    }

    /// How many calls there were, those that failed included.
    [[nodiscard]] unsigned made(call what) {
        const std::lock_guard lock{mutex_};
        return plan_of(what).made;
    }
    /// How many calls have met with an error of this script.
    [[nodiscard]] unsigned failed() {
        const std::lock_guard lock{mutex_};
        unsigned all = 0;
        for (const plan& each : plans_) all += each.failed;
        return all;
    }
    [[nodiscard]] unsigned failed(call what) {
        const std::lock_guard lock{mutex_};
        return plan_of(what).failed;
    }

    /// Decides about the next call.
    fate next(call what) {
        if (const auto& step = plan_of(what).step) step();
        const std::lock_guard lock{mutex_};
        const fate decided = decide(what);
        plan_of(what).failed += decided.error != 0;
        return decided;
    }

  private:
    struct plan {
        std::function<void()> step;
        unsigned made = 0, failed = 0;
        std::map<unsigned, int> errors;
        int error = 0;
        unsigned interruptions = 0, interrupted = 0;
        std::size_t most = fate{}.most;
    };
    plan& plan_of(call what) { return plans_[static_cast<std::size_t>(what)]; }

    fate decide(call what) {
        plan& chosen = plan_of(what);
        ++chosen.made;
        if (const auto found = chosen.errors.find(chosen.made); found != chosen.errors.end()) return {found->second};
        if (chosen.error != 0) return {chosen.error};
        if (chosen.interrupted < chosen.interruptions) {
            ++chosen.interrupted;
            return {EINTR};
        }
        chosen.interrupted = 0;
        fate decided{0, chosen.most};
        if (percent_ > 0) {
            const bool is_transfer = what == call::recv || what == call::send;
            const bool may_wait = is_transfer || what == call::accept4 || what == call::connect ||
                                  what == call::epoll_wait || what == call::ppoll || what == call::recvmsg ||
                                  what == call::sendto;
            if (may_wait && random_() % 100 < percent_) return {EINTR};
            if (is_transfer && random_() % 100 < percent_)
                decided.most = std::min<std::size_t>(decided.most, 1 + random_() % 7);
        }
        return decided;
    }

    std::mutex mutex_;
    std::array<plan, names.size()> plans_{};
    std::mt19937 random_;
    unsigned percent_ = 0;
};

/// Puts the calls of this thread under a script, until the end of the scope.
class under {
  public:
    explicit under(script& chosen) : before_{std::exchange(current(), &chosen)} {}
    under(const under&) = delete;
    under& operator=(const under&) = delete;
    ~under() { current() = before_; }
    static script*& current() {
        static thread_local script* chosen = nullptr;
        return chosen;
    }

  private:
    script* before_;
};

/// Makes the real call, with the number of bytes that it may transfer, or none if it is to fail.
template <class Real>
auto meet(call what, Real real) -> decltype(real(std::size_t{})) {
    script* const chosen = under::current();
    const fate decided = chosen ? chosen->next(what) : fate{};
    if (decided.error == 0) return real(decided.most);
    errno = decided.error;
    return -1;
}

}  // namespace faults

// ---- What the linker calls -----------------------------------------------------------------------------

extern "C" {
int __real_accept4(int, sockaddr*, socklen_t*, int);
int __wrap_accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
    return faults::meet(faults::call::accept4, [=](auto) { return __real_accept4(fd, address, size, flags); });
}
int __real_bind(int, const sockaddr*, socklen_t);
int __wrap_bind(int fd, const sockaddr* address, socklen_t size) {
    return faults::meet(faults::call::bind, [=](auto) { return __real_bind(fd, address, size); });
}
// Whatever close() says, the descriptor is gone (close(2)): an error of ours comes behind the real call.
int __real_close(int);
int __wrap_close(int fd) {
    const int result = __real_close(fd);
    return faults::meet(faults::call::close, [=](auto) { return result; });
}
// Where connect() is interrupted a TCP connection goes on being made, so it has to be begun; in the queue of a
// Unix listener nothing has happened yet.
int __real_fcntl(int, int, ...);
int __real_connect(int, const sockaddr*, socklen_t);
int __wrap_connect(int fd, const sockaddr* address, socklen_t size) {
    const int result = faults::meet(faults::call::connect, [=](auto) { return __real_connect(fd, address, size); });
    if (result != 0 && errno == EINTR && address->sa_family != AF_UNIX) {
        const int flags = __real_fcntl(fd, F_GETFL);
        __real_fcntl(fd, F_SETFL, flags | O_NONBLOCK);
        const bool begun = __real_connect(fd, address, size) == 0 || errno == EINPROGRESS;
        const int error = errno;
        __real_fcntl(fd, F_SETFL, flags);
        errno = begun ? EINTR : error;
    }
    return result;
}
int __real_epoll_create1(int);
int __wrap_epoll_create1(int flags) {
    return faults::meet(faults::call::epoll_create1, [=](auto) { return __real_epoll_create1(flags); });
}
int __real_epoll_ctl(int, int, int, epoll_event*);
int __wrap_epoll_ctl(int poller, int operation, int fd, epoll_event* event) {
    return faults::meet(faults::call::epoll_ctl, [=](auto) { return __real_epoll_ctl(poller, operation, fd, event); });
}
int __real_epoll_wait(int, epoll_event*, int, int);
int __wrap_epoll_wait(int poller, epoll_event* events, int room, int timeout) {
    return faults::meet(faults::call::epoll_wait,
                        [=](auto) { return __real_epoll_wait(poller, events, room, timeout); });
}
int __real_eventfd(unsigned, int);
int __wrap_eventfd(unsigned value, int flags) {
    return faults::meet(faults::call::eventfd, [=](auto) { return __real_eventfd(value, flags); });
}
int __wrap_fcntl(int fd, int command, ...) {
    std::va_list arguments;
    va_start(arguments, command);
    void* const argument = va_arg(arguments, void*);  // if there is one; this is how the C library does it, too
    va_end(arguments);
    return faults::meet(faults::call::fcntl, [=](auto) { return __real_fcntl(fd, command, argument); });
}
int __real_getpeername(int, sockaddr*, socklen_t*);
int __wrap_getpeername(int fd, sockaddr* address, socklen_t* size) {
    return faults::meet(faults::call::getpeername, [=](auto) { return __real_getpeername(fd, address, size); });
}
int __real_getsockname(int, sockaddr*, socklen_t*);
int __wrap_getsockname(int fd, sockaddr* address, socklen_t* size) {
    return faults::meet(faults::call::getsockname, [=](auto) { return __real_getsockname(fd, address, size); });
}
int __real_getsockopt(int, int, int, void*, socklen_t*);
int __wrap_getsockopt(int fd, int level, int name, void* value, socklen_t* size) {
    return faults::meet(faults::call::getsockopt,
                        [=](auto) { return __real_getsockopt(fd, level, name, value, size); });
}
int __real_listen(int, int);
int __wrap_listen(int fd, int backlog) {
    return faults::meet(faults::call::listen, [=](auto) { return __real_listen(fd, backlog); });
}
int __real_ppoll(pollfd*, nfds_t, const timespec*, const sigset_t*);
int __wrap_ppoll(pollfd* watched, nfds_t count, const timespec* timeout, const sigset_t* signals) {
    return faults::meet(faults::call::ppoll, [=](auto) { return __real_ppoll(watched, count, timeout, signals); });
}
ssize_t __real_recv(int, void*, size_t, int);
ssize_t __wrap_recv(int fd, void* buffer, size_t size, int flags) {
    return faults::meet(faults::call::recv,
                        [=](std::size_t most) { return __real_recv(fd, buffer, std::min(size, most), flags); });
}
ssize_t __real_recvmsg(int, msghdr*, int);
ssize_t __wrap_recvmsg(int fd, msghdr* message, int flags) {
    return faults::meet(faults::call::recvmsg, [=](auto) { return __real_recvmsg(fd, message, flags); });
}
ssize_t __real_send(int, const void*, size_t, int);
ssize_t __wrap_send(int fd, const void* buffer, size_t size, int flags) {
    return faults::meet(faults::call::send,
                        [=](std::size_t most) { return __real_send(fd, buffer, std::min(size, most), flags); });
}
ssize_t __real_sendto(int, const void*, size_t, int, const sockaddr*, socklen_t);
ssize_t __wrap_sendto(int fd, const void* buffer, size_t size, int flags, const sockaddr* address, socklen_t length) {
    return faults::meet(faults::call::sendto,
                        [=](auto) { return __real_sendto(fd, buffer, size, flags, address, length); });
}
int __real_setsockopt(int, int, int, const void*, socklen_t);
int __wrap_setsockopt(int fd, int level, int name, const void* value, socklen_t size) {
    return faults::meet(faults::call::setsockopt,
                        [=](auto) { return __real_setsockopt(fd, level, name, value, size); });
}
int __real_shutdown(int, int);
int __wrap_shutdown(int fd, int how) {
    return faults::meet(faults::call::shutdown, [=](auto) { return __real_shutdown(fd, how); });
}
int __real_socket(int, int, int);
int __wrap_socket(int family, int type, int protocol) {
    return faults::meet(faults::call::socket, [=](auto) { return __real_socket(family, type, protocol); });
}
int __real_socketpair(int, int, int, int*);
int __wrap_socketpair(int family, int type, int protocol, int* pair) {
    return faults::meet(faults::call::socketpair,
                        [=](auto) { return __real_socketpair(family, type, protocol, pair); });
}
ssize_t __real_write(int, const void*, size_t);
ssize_t __wrap_write(int fd, const void* bytes, size_t size) {
    return faults::meet(faults::call::write, [=](auto) { return __real_write(fd, bytes, size); });
}
}  // extern "C"
