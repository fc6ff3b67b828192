// What several tests need: peers to talk to, threads of which one can wait until they wait, errors caught.

#pragma once

#include <netnotes/socket/socket.hpp>

#include "catch.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NETNOTES_THREAD_SANITIZER
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define NETNOTES_THREAD_SANITIZER
#endif

namespace net = netnotes;

namespace support {

/// Some things ThreadSanitizer cannot do: a child of a process with threads, for example, may start none.
#ifdef NETNOTES_THREAD_SANITIZER
inline constexpr bool has_thread_sanitizer = true;
#else
inline constexpr bool has_thread_sanitizer = false;
#endif

/// How many descriptors this process has open: what was there before must be there after, and no more.
inline std::ptrdiff_t open_descriptors() {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};  // one of them is its own, at every call
    return std::distance(begin(all), end(all));
}

/// Returns the exception that was thrown.
struct failure {
    std::error_code code;
    std::string what;
};
template <class Call>
failure failure_of(Call call) {
    try {
        call();
    } catch (const std::system_error& error) {
        return {error.code(), error.what()};
    }
    return {{}, "(nothing was thrown)"};
}

/// Bytes of which none can stand for another without being noticed: a period that is no power of two.
inline std::string pattern(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i % 251 + i / 65'521);
    return bytes;
}

/// Everything up to the end of the stream.
inline std::string receive_all(net::socket& from) {
    std::string all;
    std::vector<std::byte> buffer(64 * 1024);
    while (const std::size_t size = from.recv(buffer)) all += net::as_text(std::span{buffer}.first(size));
    return all;
}
/// Receives exactly `size` bytes, or fewer if the stream ends before.
inline std::string receive_exactly(net::socket& from, std::size_t size) {
    std::string bytes(size, '\0');
    std::size_t filled = 0;
    while (filled < size) {
        const std::size_t got = from.recv(std::span{bytes}.subspan(filled));
        if (got == 0) break;
        filled += got;
    }
    bytes.resize(filled);
    return bytes;
}

/// Does qemu-user run this program? It passes some options and control messages on unchanged, in the byte order of the
/// emulated machine. See platform.sh.
inline bool is_emulated() { return std::getenv("NETNOTES_SYSTEM_CALLS") != nullptr; }

/// Does this machine tell when a datagram arrived? qemu-user 7.2 does not pass the option on.
inline bool tells_arrival() {
    const int on = 1;
    std::error_code error;
    net::socket{net::address_family::inet, net::socket_type::datagram}.set_option(
        SOL_SOCKET, SO_TIMESTAMPNS, std::as_bytes(std::span{&on, 1}), error);
    return !error;
}

inline bool has_ipv6() {
    std::error_code error;
    net::socket probe{net::address_family::inet6, net::socket_type::stream, 0, error};
    if (!error) probe.bind(net::endpoint{net::ipv6_address::loopback(), 0}, error);
    return !error;
}
/// 127.0.0.1, and ::1 where there is one.
inline std::vector<net::ip_address> loopbacks() {
    static const bool both = [] {
        const bool exists = has_ipv6();
        if (!exists) WARN("SKIPPED: the half of all tests that needs ::1, which does not exist here");
        return exists;
    }();
    std::vector<net::ip_address> addresses{net::ipv4_address::loopback()};
    if (both) addresses.emplace_back(net::ipv6_address::loopback());
    return addresses;
}

inline net::address_family family_of(const net::ip_address& address) {
    return address.is_v4() ? net::address_family::inet : net::address_family::inet6;
}
inline net::socket bound(const net::ip_address& address, net::socket_type type) {
    net::socket made{family_of(address), type};
    made.bind(net::endpoint{address, 0});
    return made;
}
inline net::socket listening(const net::ip_address& address, int backlog = SOMAXCONN) {
    net::socket made = bound(address, net::socket_type::stream);
    made.listen(backlog);
    return made;
}
inline net::socket client_of(const net::socket& listener) {
    const net::socket_address where = listener.local_endpoint();
    net::socket made{where.family(), net::socket_type::stream};
    made.connect(where);
    return made;
}
/// Two ends of a TCP connection; the first is the client.
inline std::pair<net::socket, net::socket> tcp_pair(const net::ip_address& address = net::ipv4_address::loopback()) {
    net::socket listener = listening(address);
    net::socket client = client_of(listener);
    return {std::move(client), listener.accept().connection};
}

/// Every kind of byte stream there is here.
struct link {
    std::string name;
    net::socket first, second;
};
inline std::vector<link> links() {
    std::vector<link> all;
    for (const net::ip_address& address : loopbacks()) {
        auto [first, second] = tcp_pair(address);
        all.push_back({"TCP over " + address.to_string(), std::move(first), std::move(second)});
    }
    auto [first, second] = net::socket_pair();
    all.push_back({"a Unix stream", std::move(first), std::move(second)});
    return all;
}

/// A TCP port on which no program listens, and which no other program gets as long as this object lives. A connection
/// to it is refused.
class closed_port {
  public:
    explicit closed_port(const net::ip_address& address, net::socket_type type = net::socket_type::stream)
        : holder_{bound(address, type)} {}
    [[nodiscard]] net::endpoint where() const { return holder_.local_endpoint().ip(); }

  private:
    net::socket holder_;
};

/// A folder of its own for sockets with paths.
class temporary_folder {
  public:
    temporary_folder() {
        std::string name = (std::filesystem::temp_directory_path() / "netnotes-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw std::system_error{errno, std::system_category(), "mkdtemp"};
        path_ = name;
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

  private:
    std::filesystem::path path_;
};

/// Another thread, of which one can wait until it waits. No CHECK in there: Catch2 counts in one thread only.
template <class Call>
class background {
    using result = std::invoke_result_t<Call>;

  public:
    explicit background(Call call)
        : task_{std::move(call)}, future_{task_.get_future()}, thread_{[this] {
              id_ = static_cast<pid_t>(::syscall(SYS_gettid));
              task_();
          }} {}
    background(const background&) = delete;
    background& operator=(const background&) = delete;
    ~background() {
        if (thread_.joinable()) thread_.join();
    }
    /// What it returned, or threw.
    result get() { return future_.get(); }
    [[nodiscard]] bool has_ended() const {
        return future_.wait_for(std::chrono::seconds{0}) == std::future_status::ready;
    }
    [[nodiscard]] pthread_t native_handle() { return thread_.native_handle(); }

    /// Until it sleeps in a system call that waits for a descriptor, or has ended. The kernel is asked for the
    /// call in which the thread sleeps (proc(5), /proc/pid/syscall). Where it does not tell there is no
    /// waiting, and the tests still hold: they only reach their point from the other side of the race.
    void await_waiting() const {
        while (id_ == 0) std::this_thread::yield();
        for (const std::string path = "/proc/self/task/" + std::to_string(id_) + "/syscall"; !has_ended();) {
            std::string state;  // "running", or the number of the call and its arguments
            if (!(std::ifstream{path} >> state)) return;
            if (waits_in(state)) return;
            std::this_thread::yield();
        }
    }

  private:
    static bool waits_in(const std::string& number) {
        const auto is_among = [&](const auto& calls) {
            return std::any_of(std::begin(calls), std::end(calls),
                               [&](long call) { return number == std::to_string(call); });
        };
        // Under qemu the kernel sees the calls that qemu makes. tests/platform.sh says of which machine they are.
        static const char* const machine = std::getenv("NETNOTES_SYSTEM_CALLS");
        return machine && std::string_view{machine} == "x86_64" ? is_among(waiting_calls_of_x86_64)
                                                                : is_among(waiting_calls);
    }
    static constexpr long waiting_calls[] = {SYS_ppoll,
                                             SYS_pselect6,
                                             SYS_recvfrom,
                                             SYS_recvmsg,
                                             SYS_sendto,
                                             SYS_accept4,
#ifdef SYS_poll  // the newer architectures have only ppoll and epoll_pwait
                                             SYS_poll,
                                             SYS_epoll_wait,
#endif
#ifdef SYS_socketcall  // the C library's way to all calls of sockets on i386, and on old kernels of others
                                             SYS_socketcall,
#endif
#ifdef SYS_ppoll_time64  // where time_t once had 32 bits
                                             SYS_ppoll_time64,
                                             SYS_pselect6_time64,
                                             SYS_recvmmsg_time64,
#endif
                                             SYS_connect,
                                             SYS_read,
                                             SYS_epoll_pwait,
                                             SYS_recvmmsg,
                                             SYS_io_uring_enter};
    // read, poll, select, connect, sendto, recvfrom, recvmsg, epoll_wait, pselect6, ppoll, epoll_pwait, accept4,
    // recvmmsg, io_uring_enter
    static constexpr long waiting_calls_of_x86_64[] = {0, 7, 23, 42, 44, 45, 47, 232, 270, 271, 281, 288, 299, 426};
    std::atomic<pid_t> id_{0};
    std::packaged_task<result()> task_;
    std::future<result> future_;
    std::thread thread_;
};

}  // namespace support
