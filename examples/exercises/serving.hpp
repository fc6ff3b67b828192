// serving.hpp: for the checks that run a server of the learner, and look at it from outside

#pragma once

#include "grader.hpp"

#include <netnotes/tcp.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <chrono>
#include <span>
#include <string>
#include <thread>

namespace grader {

namespace net = netnotes;
using namespace std::chrono_literals;

/// Runs `serve(listener, stop)` in a process of its own, so that its processor time, its children and its limit of
/// descriptors are its own. The listening socket does not block. `stop` can be read when the server is to end.
class server_process {
  public:
    template <class Serve>
    explicit server_process(Serve serve, rlim_t descriptors = 0) : listener_{{net::ipv4_address::loopback(), 0}} {
        begin(serve, descriptors);
    }
    /// `before(where)` runs when clients can connect, and no server accepts yet.
    template <class Serve, class Before>
    server_process(Serve serve, rlim_t descriptors, Before before) : listener_{{net::ipv4_address::loopback(), 0}} {
        before(where());
        begin(serve, descriptors);
    }
    ~server_process() {
        if (child_ <= 0) return;
        note_end();
        ::kill(-child_, SIGKILL);  // and the children of the server
        ::waitpid(child_, nullptr, 0);
        detail::group_to_end = 0;
    }
    server_process(const server_process&) = delete;

    net::endpoint where() const { return where_; }
    pid_t id() const { return child_; }
    net::tcp_stream connect() const {
        net::tcp_stream client{where_};
        client.set_timeout(6s * patience);
        return client;
    }
    /// Processor time that the server has used until now.
    std::chrono::milliseconds used() const {
        clockid_t clock{};
        timespec time{};
        if (::clock_getcpuclockid(child_, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0ms;
        return std::chrono::milliseconds{time.tv_sec * 1000 + time.tv_nsec / 1'000'000};
    }
    /// Works for 200 ms of processor time, so that a server that does not sleep uses about as much beside it, however
    /// busy the machine is. Returns what the server has used.
    std::chrono::milliseconds used_beside_work() const {
        const auto own = [] {
            timespec time{};
            ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
            return time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
        };
        const auto before = used();
        for (const auto end = own() + 200; own() < end;) {}
        return used() - before;
    }
    /// Returns the memory of the server, in MB.
    long resident() const {
        std::ifstream file{"/proc/" + std::to_string(child_) + "/statm"};
        long all = 0, pages = 0;
        file >> all >> pages;
        return pages * ::sysconf(_SC_PAGESIZE) / 1'000'000;
    }
    /// Counts the server's children that have ended and that it has not waited for.
    int zombies() const {
        int count = 0;
        DIR* const folder = ::opendir("/proc");
        while (const dirent* const entry = ::readdir(folder)) {
            std::ifstream file{std::string{"/proc/"} + entry->d_name + "/stat"};
            std::string text;
            std::getline(file, text);
            std::istringstream rest{text.substr(std::min(text.size(), text.rfind(')') + 2))};
            char state = 0;
            pid_t parent = 0;
            if (rest >> state >> parent && parent == child_ && state == 'Z') ++count;
        }
        ::closedir(folder);
        return count;
    }
    /// Asks the server to end. Returns false if it has not ended with status 0.
    bool end() {
        stop_.request_stop();
        int status = 1;
        ::waitpid(child_, &status, 0);
        ::kill(-child_, SIGKILL);
        child_ = -1;
        detail::group_to_end = 0;
        return status == 0;
    }

  private:
    /// Notes for the verdict if the server has ended already, and why.
    void note_end() const {
        siginfo_t info{};
        if (::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return;
        if (info.si_pid == 0) return;  // it lives
        const std::string number = std::to_string(info.si_status);
        if (info.si_code != CLD_EXITED)
            detail::server_end = either("Signal ", "信号 ") + number + either(" (", "（") + ::strsignal(info.si_status) +
                                 either(") has ended the server.", "）终止了服务器。");
        else if (info.si_status != 0)
            detail::server_end = either("The server has exited with status ", "服务器已退出，状态 ") + number + either(".", "。");
        else
            detail::server_end = either("serve() has returned before the stop.", "serve() 在停止之前就返回了。");
    }
    template <class Serve>
    void begin(Serve& serve, rlim_t descriptors) {
        std::cout.flush();
        child_ = ::fork();
        if (child_ != 0) {
            ::setpgid(child_, child_);
            detail::group_to_end = child_;
            listener_.close();
            return;
        }
        ::setpgid(0, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (descriptors > 0) {
            const rlimit limit{descriptors, descriptors};
            ::setrlimit(RLIMIT_NOFILE, &limit);
        }
        listener_.set_blocking(false);
        const int listener = listener_.native_handle(), stop = stop_.native_handle();
        for (int each = 3; each < 1024; ++each)  // the ends of the clients are not the server's
            if (each != listener && each != stop) ::close(each);
        serve(listener, stop);
        ::_exit(0);
    }
    net::tcp_listener listener_;
    net::endpoint where_ = listener_.local_endpoint();
    net::stop_event stop_;
    pid_t child_ = -1;
};

/// Receives `size` bytes, or fewer if the end comes first or nothing comes for six seconds.
inline std::string receive(net::tcp_stream& client, std::size_t size) {
    std::string bytes;
    std::error_code error;
    char buffer[4096];
    while (bytes.size() < size && !error) {
        const std::size_t got = client.recv(std::as_writable_bytes(std::span{buffer, std::min(sizeof buffer, size - bytes.size())}), error);
        if (got == 0) break;
        bytes.append(buffer, got);
    }
    return bytes;
}

/// Returns true if the server has ended its stream, or ends it within six seconds, and no bytes come before the end.
inline bool is_at_end(net::tcp_stream& client) {
    std::error_code error;
    char c = 0;
    return client.recv(std::as_writable_bytes(std::span{&c, 1}), error) == 0 && !error;
}

}  // namespace grader
