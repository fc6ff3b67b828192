// System calls that fail on demand.
//
// The linker passes every call of recv() in this program to __wrap_recv() below (-Wl,--wrap=recv). The whole list is in
// CMakeLists.txt and meson.build. So the tests run the very code that users compile: no hook, no macro, no virtual
// function. A *script* says which calls are to fail and how. A thread that is *under* a script gets its faults; all
// other threads, the peers in a test for example, talk to the kernel undisturbed. A process that it makes by fork(2)
// stays under the script, and they count together: the third recv is the third of all of them. So do the threads that
// it starts, where the script says follow_threads().
//
//     faults::script script;
//     script.fail(faults::call::recv, ECONNRESET, 3);    // the third recv
//     script.interrupt(faults::call::send, 2);           // every send, twice, before it gets through
//     script.at_most(faults::call::send, 1);             // ... and then it takes a byte
//     const faults::under here{script};
//
// Only faults that a kernel can really cause are injected. What it never does is left out, for code may rely on
// it: a stream's receive that is shorter than what waits, on a socket in an edge-triggered poller, or EAGAIN
// there while bytes are ready.
//
// Memory is such a call, too: operator new is replaced for the whole program, and throws std::bad_alloc where the
// script says so, whatever error it names. What it has given out is counted, so that a test can see without a sanitizer
// whether all of it has come back.
//
// To be included by one file of a program.

#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <random>
#include <system_error>
#include <thread>
#include <utility>

namespace faults {

/// The calls that can be made to fail.
enum class call : unsigned {
    accept4,
    bind,
    close,
    connect,
    dup3,
    epoll_create1,
    epoll_ctl,
    epoll_wait,
    eventfd,
    fcntl,
    fork,
    getpeername,
    getsockname,
    getsockopt,
    listen,
    pidfd_open,  ///< with syscall(2)
    ppoll,
    pselect,
    read,
    recv,
    recvmmsg,
    recvmsg,
    send,
    sendmmsg,
    sendmsg,
    sendto,
    setsockopt,
    shutdown,
    socket,
    socketpair,
    thread_start,  ///< of a std::thread
    waitpid,
    write,
    // Of loops, files and memory: not among `names`, see further_names.
    allocate,  ///< operator new
    fstat,
    fstatat,
    fstatvfs,
    io_uring_enter,     ///< with syscall(2)
    io_uring_register,  ///< the same
    io_uring_setup,     ///< the same
    linkat,
    mmap,
    open,
    openat,
    renameat,
    renameat2,  ///< with syscall(2)
    sendfile,
    unlinkat,
};
/// The calls of sockets and of servers that wait with poll, threads or processes.
inline constexpr std::array names{
    "accept4",    "bind",       "close",        "connect", "dup3",        "epoll_create1", "epoll_ctl",
    "epoll_wait", "eventfd",    "fcntl",        "fork",    "getpeername", "getsockname",   "getsockopt",
    "listen",     "pidfd_open", "ppoll",        "pselect", "read",        "recv",          "recvmmsg",
    "recvmsg",    "send",       "sendmmsg",     "sendmsg", "sendto",      "setsockopt",    "shutdown",
    "socket",     "socketpair", "thread_start", "waitpid", "write",
};
static_assert(names.size() == static_cast<std::size_t>(call::write) + 1);
/// The calls that were added later.
inline constexpr std::array further_names{
    "allocate", "fstat", "fstatat", "fstatvfs", "io_uring_enter", "io_uring_register", "io_uring_setup",
    "linkat",   "mmap",  "open",    "openat",   "renameat",       "renameat2",         "sendfile",
    "unlinkat",
};
inline constexpr std::size_t number_of_calls = names.size() + further_names.size();
static_assert(number_of_calls == static_cast<std::size_t>(call::unlinkat) + 1);
inline const char* name(call what) {
    const auto number = static_cast<std::size_t>(what);
    return number < names.size() ? names[number] : further_names[number - names.size()];
}

/// The calls that may wait, and that a signal can then interrupt (signal(7)).
inline constexpr std::array interruptible{call::accept4, call::connect,  call::epoll_wait, call::ppoll, call::pselect,
                                          call::recv,    call::recvmmsg, call::recvmsg,    call::send,  call::sendmmsg,
                                          call::sendmsg, call::sendto,   call::waitpid};
inline bool may_be_interrupted(call what) {
    return std::find(interruptible.begin(), interruptible.end(), what) != interruptible.end();
}

/// The fault of one call: an error, or a transfer of at most `bytes` bytes.
struct fate {
    int error = 0;
    std::size_t most = std::numeric_limits<std::size_t>::max();
    friend bool operator==(const fate&, const fate&) = default;
};

class script;
/// Of this thread.
inline script*& current_script() {
    static thread_local script* chosen = nullptr;
    return chosen;
}
/// What a script needs for itself is not under it: it would wait for its own lock.
class aside {
  public:
    aside() : before_{std::exchange(current_script(), nullptr)} {}
    aside(const aside&) = delete;
    aside& operator=(const aside&) = delete;
    ~aside() { current_script() = before_; }

  private:
    script* before_;
};

/// Says which calls fail, and counts them. May be shared by threads and by processes; reproducible for one.
class script {
  public:
    script() : shared_{make_shared_memory()} {}
    script(const script&) = delete;
    script& operator=(const script&) = delete;
    ~script() { ::munmap(shared_, sizeof(counted)); }

    /// The nth call from now on fails, the next being the first.
    void fail(call what, int error, unsigned nth = 1) {
        const aside here;
        const std::lock_guard lock{*shared_};
        plan_of(what).errors[count_of(what).made + nth] = error;
    }
    /// Every call from now on.
    void fail_always(call what, int error) {
        const std::lock_guard lock{*shared_};
        plan_of(what).error = error;
    }
    /// Interrupts every call `times` times before it succeeds, as signals do.
    void interrupt(call what, unsigned times) {
        const std::lock_guard lock{*shared_};
        plan_of(what).interruptions = times;
    }
    /// Cuts every transfer to `number` bytes. It is for streams, because a datagram goes whole or not at all. For
    /// sendmmsg and recvmmsg it is the number of datagrams.
    void at_most(call what, std::size_t number) {
        const std::lock_guard lock{*shared_};
        plan_of(what).most = number;
    }
    /// Interrupts this percentage of the calls that may wait, and cuts this percentage of a stream's transfers to a few
    /// bytes. The same seed and the same calls meet the same fate.
    void random(std::uint32_t seed, unsigned percent) {
        const std::lock_guard lock{*shared_};
        random_.seed(seed);
        percent_ = percent;
    }

    /// Something to be done before every call of `what`, by the thread that calls: to hold it at the worst moment.
    /// Set it before the first call.
    void before(call what, std::function<void()> step) {
        const aside here;
        const std::lock_guard lock{*shared_};
        plan_of(what).step = std::move(step);
    }
    /// The threads that a thread under this script starts are under it, too. Set it before the first of them.
    void follow_threads() { follows_threads_ = true; }
    [[nodiscard]] bool follows_threads() const { return follows_threads_; }

    /// Returns the number of calls, also of failed calls.
    [[nodiscard]] unsigned made(call what) {
        const std::lock_guard lock{*shared_};
        return count_of(what).made;
    }
    /// How many calls have met with an error of this script.
    [[nodiscard]] unsigned failed() {
        const std::lock_guard lock{*shared_};
        unsigned all = 0;
        for (const count& each : shared_->counts) all += each.failed;
        return all;
    }
    [[nodiscard]] unsigned failed(call what) {
        const std::lock_guard lock{*shared_};
        return count_of(what).failed;
    }

    /// Decides about the next call.
    fate next(call what) {
        if (const auto& step = plan_of(what).step) step();
        const std::lock_guard lock{*shared_};
        const fate decided = decide(what);
        count_of(what).failed += decided.error != 0;
        return decided;
    }

  private:
    struct plan {
        std::function<void()> step;
        std::map<unsigned, int> errors;
        int error = 0;
        unsigned interruptions = 0;
        std::size_t most = fate{}.most;
    };
    struct count {
        unsigned made = 0, failed = 0, interrupted = 0;
    };
    /// What parent and child go on sharing after a fork, and so a lock that does not belong to one process.
    struct counted {
        std::array<count, number_of_calls> counts{};
        std::atomic_flag is_locked = ATOMIC_FLAG_INIT;
        void lock() {
            while (is_locked.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
        }
        void unlock() { is_locked.clear(std::memory_order_release); }
    };
    static counted* make_shared_memory() {
        void* const memory =
            ::mmap(nullptr, sizeof(counted), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc{};
        return new (memory) counted;
    }
    plan& plan_of(call what) { return plans_[static_cast<std::size_t>(what)]; }
    count& count_of(call what) { return shared_->counts[static_cast<std::size_t>(what)]; }

    fate decide(call what) {
        plan& chosen = plan_of(what);
        count& so_far = count_of(what);
        ++so_far.made;
        if (const auto found = chosen.errors.find(so_far.made); found != chosen.errors.end()) return {found->second};
        if (chosen.error != 0) return {chosen.error};
        if (so_far.interrupted < chosen.interruptions) {
            ++so_far.interrupted;
            return {EINTR};
        }
        so_far.interrupted = 0;
        fate decided{0, chosen.most};
        if (percent_ > 0) {
            const bool is_transfer = what == call::recv || what == call::send;
            if (may_be_interrupted(what) && random_() % 100 < percent_) return {EINTR};
            if (is_transfer && random_() % 100 < percent_)
                decided.most = std::min<std::size_t>(decided.most, 1 + random_() % 7);
        }
        return decided;
    }

    counted* shared_;
    std::array<plan, number_of_calls> plans_{};
    std::mt19937 random_;
    unsigned percent_ = 0;
    bool follows_threads_ = false;
};

/// Puts the calls of this thread under a script, until the end of the scope.
class under {
  public:
    explicit under(script& chosen) : before_{std::exchange(current(), &chosen)} {}
    under() : before_{std::exchange(current(), nullptr)} {}  ///< under none
    under(const under&) = delete;
    under& operator=(const under&) = delete;
    ~under() { current() = before_; }
    static script*& current() { return current_script(); }

  private:
    script* before_;
};

/// Makes the real call, with the number of bytes that it may transfer; makes no call if it must fail.
template <class Real>
auto meet(call what, Real real) -> decltype(real(std::size_t{})) {
    script* const chosen = under::current();
    const fate decided = chosen ? chosen->next(what) : fate{};
    if (decided.error == 0) return real(decided.most);
    errno = decided.error;
    return -1;
}

/// The time that ppoll() was allowed to wait in this thread, all calls together. It shows whether a limit is kept, and
/// no clock has to judge that.
inline thread_local std::chrono::nanoseconds allowed_to_wait{0};

/// Blocks of memory that operator new has given out and that have not come back.
inline std::atomic<std::ptrdiff_t> blocks_in_use{0};

/// What a new thread does first, where the script follows it.
class heir : public std::thread::_State {
  public:
    heir(std::unique_ptr<std::thread::_State> work, script& chosen) : work_{std::move(work)}, script_{chosen} {}
    void _M_run() override {
        const under here{script_};
        work_->_M_run();
    }

  private:
    std::unique_ptr<std::thread::_State> work_;
    script& script_;
};

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
int __real_dup3(int, int, int);
int __wrap_dup3(int from, int to, int flags) {
    return faults::meet(faults::call::dup3, [=](auto) { return __real_dup3(from, to, flags); });
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
pid_t __real_fork();
pid_t __wrap_fork() {
    return faults::meet(faults::call::fork, [](auto) { return __real_fork(); });
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
    if (timeout) faults::allowed_to_wait += std::chrono::seconds{timeout->tv_sec} + std::chrono::nanoseconds{timeout->tv_nsec};
    return faults::meet(faults::call::ppoll, [=](auto) { return __real_ppoll(watched, count, timeout, signals); });
}
int __real_pselect(int, fd_set*, fd_set*, fd_set*, const timespec*, const sigset_t*);
int __wrap_pselect(int end, fd_set* read, fd_set* write, fd_set* urgent, const timespec* timeout,
                   const sigset_t* signals) {
    return faults::meet(faults::call::pselect,
                        [=](auto) { return __real_pselect(end, read, write, urgent, timeout, signals); });
}
ssize_t __real_read(int, void*, size_t);
ssize_t __wrap_read(int fd, void* buffer, size_t size) {
    return faults::meet(faults::call::read,
                        [=](std::size_t most) { return __real_read(fd, buffer, std::min(size, most)); });
}
ssize_t __real_recv(int, void*, size_t, int);
ssize_t __wrap_recv(int fd, void* buffer, size_t size, int flags) {
    return faults::meet(faults::call::recv,
                        [=](std::size_t most) { return __real_recv(fd, buffer, std::min(size, most), flags); });
}
int __real_recvmmsg(int, mmsghdr*, unsigned, int, timespec*);
int __wrap_recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
    return faults::meet(faults::call::recvmmsg, [=](std::size_t most) {
        return __real_recvmmsg(fd, messages, static_cast<unsigned>(std::min<std::size_t>(count, most)), flags, timeout);
    });
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
int __real_sendmmsg(int, mmsghdr*, unsigned, int);
int __wrap_sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
    return faults::meet(faults::call::sendmmsg, [=](std::size_t most) {
        return __real_sendmmsg(fd, messages, static_cast<unsigned>(std::min<std::size_t>(count, most)), flags);
    });
}
ssize_t __real_sendmsg(int, const msghdr*, int);
ssize_t __wrap_sendmsg(int fd, const msghdr* message, int flags) {
    return faults::meet(faults::call::sendmsg, [=](auto) { return __real_sendmsg(fd, message, flags); });
}
ssize_t __real_sendto(int, const void*, size_t, int, const sockaddr*, socklen_t);
ssize_t __wrap_sendto(int fd, const void* buffer, size_t size, int flags, const sockaddr* address, socklen_t length) {
    return faults::meet(faults::call::sendto,
                        [=](auto) { return __real_sendto(fd, buffer, size, flags, address, length); });
}
ssize_t __real_sendfile(int, int, off_t*, size_t);
ssize_t __wrap_sendfile(int to, int from, off_t* offset, size_t size) {
    return faults::meet(faults::call::sendfile,
                        [=](std::size_t most) { return __real_sendfile(to, from, offset, std::min(size, most)); });
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
// For calls that the C library may not know yet.
long __real_syscall(long, ...);
long __wrap_syscall(long number, ...) {
    long arguments[6];
    std::va_list list;
    va_start(list, number);
    for (long& each : arguments) each = va_arg(list, long);  // if the call has a third argument, as fcntl may have
    va_end(list);
    const auto real = [&](auto) {
        return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                              arguments[5]);
    };
#ifdef SYS_pidfd_open
    if (number == SYS_pidfd_open) return faults::meet(faults::call::pidfd_open, real);
#endif
    if (number == SYS_renameat2) return faults::meet(faults::call::renameat2, real);
#ifdef SYS_io_uring_setup
    if (number == SYS_io_uring_enter) return faults::meet(faults::call::io_uring_enter, real);
    if (number == SYS_io_uring_register) return faults::meet(faults::call::io_uring_register, real);
    if (number == SYS_io_uring_setup) return faults::meet(faults::call::io_uring_setup, real);
#endif
    return real(0);
}
// std::thread{...} calls this member of its, and it pthread_create(3), but inside of libstdc++, where no linker
// of ours comes. As there, the lack is thrown.
void __real__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
    std::thread*, std::unique_ptr<std::thread::_State>, void (*)());
void __wrap__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
    std::thread* thread, std::unique_ptr<std::thread::_State> work, void (*depends)()) {
    if (faults::meet(faults::call::thread_start, [](auto) { return 0; }) != 0)
        throw std::system_error{errno, std::generic_category()};
    if (faults::script* const chosen = faults::under::current(); chosen && chosen->follows_threads())
        work = std::make_unique<faults::heir>(std::move(work), *chosen);
    __real__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
        thread, std::move(work), depends);
}
pid_t __real_waitpid(pid_t, int*, int);
pid_t __wrap_waitpid(pid_t process, int* status, int options) {
    return faults::meet(faults::call::waitpid, [=](auto) { return __real_waitpid(process, status, options); });
}
ssize_t __real_write(int, const void*, size_t);
ssize_t __wrap_write(int fd, const void* bytes, size_t size) {
    return faults::meet(faults::call::write,
                        [=](std::size_t most) { return __real_write(fd, bytes, std::min(size, most)); });
}

// ---- Files ----------------------------------------------------------------------------------------------

int __real_fstat(int, struct stat*);
int __wrap_fstat(int fd, struct stat* status) {
    return faults::meet(faults::call::fstat, [=](auto) { return __real_fstat(fd, status); });
}
int __real_fstatat(int, const char*, struct stat*, int);
int __wrap_fstatat(int folder, const char* path, struct stat* status, int flags) {
    return faults::meet(faults::call::fstatat, [=](auto) { return __real_fstatat(folder, path, status, flags); });
}
int __real_fstatvfs(int, struct statvfs*);
int __wrap_fstatvfs(int fd, struct statvfs* disk) {
    return faults::meet(faults::call::fstatvfs, [=](auto) { return __real_fstatvfs(fd, disk); });
}
int __real_linkat(int, const char*, int, const char*, int);
int __wrap_linkat(int from, const char* path, int to, const char* name, int flags) {
    return faults::meet(faults::call::linkat, [=](auto) { return __real_linkat(from, path, to, name, flags); });
}
void* __real_mmap(void*, size_t, int, int, int, off_t);
void* __wrap_mmap(void* where, size_t size, int protection, int flags, int fd, off_t offset) {
    void* mapped = MAP_FAILED;
    faults::meet(faults::call::mmap, [&](auto) {
        mapped = __real_mmap(where, size, protection, flags, fd, offset);
        return mapped == MAP_FAILED ? -1 : 0;
    });
    return mapped;
}
int __real_open(const char*, int, ...);
int __wrap_open(const char* path, int flags, ...) {
    std::va_list arguments;
    va_start(arguments, flags);
    const auto mode = va_arg(arguments, mode_t);  // if there is one
    va_end(arguments);
    return faults::meet(faults::call::open, [=](auto) { return __real_open(path, flags, mode); });
}
int __real_openat(int, const char*, int, ...);
int __wrap_openat(int folder, const char* path, int flags, ...) {
    std::va_list arguments;
    va_start(arguments, flags);
    const auto mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return faults::meet(faults::call::openat, [=](auto) { return __real_openat(folder, path, flags, mode); });
}
int __real_renameat(int, const char*, int, const char*);
int __wrap_renameat(int from, const char* path, int to, const char* name) {
    return faults::meet(faults::call::renameat, [=](auto) { return __real_renameat(from, path, to, name); });
}
int __real_unlinkat(int, const char*, int);
int __wrap_unlinkat(int folder, const char* path, int flags) {
    return faults::meet(faults::call::unlinkat, [=](auto) { return __real_unlinkat(folder, path, flags); });
}
}  // extern "C"

// ---- Memory. Every form but the forms for over-aligned types. A sanitizer would replace a missing form by its own.

void* operator new(std::size_t size) {
    if (faults::meet(faults::call::allocate, [](auto) { return 0; }) == 0) {
        if (void* const memory = std::malloc(size > 0 ? size : 1)) {
            faults::blocks_in_use.fetch_add(1, std::memory_order_relaxed);
            return memory;
        }
    }
    throw std::bad_alloc{};
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    try {
        return ::operator new(size);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t& none) noexcept { return ::operator new(size, none); }
// (Not inline: where g++ 12 sees a free() and not the malloc() it warns that they do not match.)
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    if (!memory) return;
    faults::blocks_in_use.fetch_sub(1, std::memory_order_relaxed);
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { ::operator delete(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { ::operator delete(memory); }
void operator delete[](void* memory) noexcept { ::operator delete(memory); }
void operator delete[](void* memory, std::size_t) noexcept { ::operator delete(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { ::operator delete(memory); }
