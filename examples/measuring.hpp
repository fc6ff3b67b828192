// examples/measuring.hpp: what a server process costs, seen from outside
// SPDX-License-Identifier: MIT
//
// The kernel keeps book of every process, and shows it under /proc (proc(5)): no tool is needed to see what a server uses.
// Only the system calls are in no book; they are counted by ptrace(2), as strace does it: the kernel stops the server at
// each of them and asks us.

#pragma once

#include <netnotes/socket.hpp>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace measuring {

namespace net = netnotes;

/// A process, its children, and all their threads, summed up.
struct usage {
    double cpu = 0;       ///< seconds
    double wake_ups = 0;  ///< how often one has slept, and was woken
    double memory = 0;    ///< bytes; what several processes share is divided among them (Pss)
};

inline void add_process(usage& sum, pid_t process) {
    const std::string folder = "/proc/" + std::to_string(process);
    std::error_code gone;
    std::vector<pid_t> children;
    for (const auto& task : std::filesystem::directory_iterator{folder + "/task", gone}) {
        double nanoseconds = 0;
        std::ifstream{task.path() / "schedstat"} >> nanoseconds;
        sum.cpu += nanoseconds / 1e9;
        std::ifstream status{task.path() / "status"};
        for (std::string word; status >> word;)
            if (double count = 0; word == "voluntary_ctxt_switches:" && status >> count) sum.wake_ups += count;
        std::ifstream list{task.path() / "children"};
        for (pid_t child = 0; list >> child;) children.push_back(child);
    }
    std::ifstream memory{folder + "/smaps_rollup"};
    for (std::string word; memory >> word;)
        if (double kibibytes = 0; word == "Pss:" && memory >> kibibytes) sum.memory += 1024 * kibibytes;
    for (const pid_t child : children) add_process(sum, child);
}
inline usage usage_of(pid_t process) {
    usage sum;
    add_process(sum, process);
    return sum;
}

/// A server in a process of its own; it is asked to stop by SIGTERM.
class server_process {
  public:
    explicit server_process(const std::function<void(net::stop_event&)>& serve, bool is_traced = false) {
        std::cout.flush();  // or the child would print it a second time
        const pid_t parent = ::getpid();
        id_ = ::fork();
        if (id_ < 0) throw std::system_error{errno, std::system_category(), "fork"};
        if (id_ > 0) return;
        // Whatever ends us ends it, too; it may have ended us already.
        if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) ::_exit(1);
        ::_exit(run(serve, is_traced));
    }
    server_process(const server_process&) = delete;
    server_process& operator=(const server_process&) = delete;
    ~server_process() {
        if (id_ < 0) return;
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
    }
    [[nodiscard]] pid_t id() const { return id_; }
    /// Throws when it does not end well.
    void stop() {
        ::kill(id_, SIGTERM);
        int status = 0;
        if (::waitpid(std::exchange(id_, -1), &status, 0) < 0)
            throw std::system_error{errno, std::system_category(), "waitpid"};
        if (status != 0) throw std::runtime_error{"a server has not ended well"};
    }
    void has_ended() { id_ = -1; }

  private:
    static int run(const std::function<void(net::stop_event&)>& serve, bool is_traced) {
        try {
            net::stop_event stop;
            const net::stop_on_signals signals{stop};
            if (is_traced) {
                if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) return 77;
                ::raise(SIGSTOP);
            }
            serve(stop);
            return 0;
        } catch (const std::exception& error) {
            std::fprintf(stderr, "%s\n", error.what());
            return 1;
        }
    }
    pid_t id_;
};

/// The system calls that the server makes between the two calls of `count_from_here(bool)` that `client` makes, in a
/// thread of its own. None where the system does not let us trace (ptrace(2), "Ptrace access mode checking").
inline std::optional<std::uint64_t> system_calls(const std::function<void(net::stop_event&)>& serve,
                                                 const std::function<void(const std::function<void(bool)>&)>& client) {
    server_process server{serve, true};
    int status = 0;
    if (::waitpid(server.id(), &status, 0) < 0 || !WIFSTOPPED(status)) {
        server.has_ended();
        return std::nullopt;
    }
    // What it starts, threads and processes, is traced as well, and all end if we do.
    const long how =
        PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL;
    if (::ptrace(PTRACE_SETOPTIONS, server.id(), nullptr, how) != 0) return std::nullopt;
    ::ptrace(PTRACE_SYSCALL, server.id(), nullptr, nullptr);

    std::atomic<bool> counts{false};
    std::exception_ptr failure;
    std::thread other{[&] {
        try {
            client([&](bool from_here) { counts = from_here; });
        } catch (...) {
            failure = std::current_exception();
        }
        ::kill(server.id(), SIGTERM);
    }};
    std::uint64_t stops = 0;  // one when a call begins, and one when it ends
    for (pid_t who = 0; (who = ::waitpid(-1, &status, __WALL)) > 0 || errno == EINTR;) {
        if (who <= 0 || !WIFSTOPPED(status)) continue;
        const int signal = WSTOPSIG(status);
        const bool is_call = signal == (SIGTRAP | 0x80);
        const bool is_ours = is_call || signal == SIGTRAP || signal == SIGSTOP;
        if (is_call && counts) ++stops;
        ::ptrace(PTRACE_SYSCALL, who, nullptr, static_cast<long>(is_ours ? 0 : signal));
    }
    other.join();
    server.has_ended();
    if (failure) std::rethrow_exception(failure);
    return (stops + 1) / 2;
}

}  // namespace measuring
