// netnotes/socket/resolve.hpp: the names of hosts
// SPDX-License-Identifier: MIT
//
// People use names of hosts, and packets carry addresses. A resolver turns a name into addresses, often several:
// "localhost" may be ::1 and 127.0.0.1. It asks the file /etc/hosts, then the name servers (DNS).
//
//        resolve("www.example.org", 80)      ──> 2001:db8::1, 192.0.2.1        in the order in which to try them
//        resolve_name(192.0.2.1)             ──> "web7.example.net"            the way back, if the owner has set it
//        canonical_name("www.example.org")   ──> "web7.example.net"            the name behind the aliases
//
// A name server may not answer, and the resolver then blocks for many seconds. Each function therefore takes a time
// limit and a stop.
//
// On this page:  resolve · resolve_hints · canonical_name · resolve_name · resolver_category
// Above it:      tcp/connect.hpp, which tries the addresses; coro/lookup.hpp, the same for tasks
// The notes:     socket 简单服务器 (gethostname); examples 01 and 10

#ifndef NETNOTES_SOCKET_RESOLVE_HPP
#define NETNOTES_SOCKET_RESOLVE_HPP

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "address.hpp"
#include "stop.hpp"
#include "time.hpp"
#include "wait.hpp"

namespace netnotes {

/// Returns the category of the errors of name resolution, with the system's words: "Name or service not known".
[[nodiscard]] const std::error_category& resolver_category() noexcept;

/// The most threads of calls with a time limit or a stop at a time. Threads that such calls left behind count, too.
inline constexpr int max_resolver_threads = 128;

/// Restrictions of the answers of resolve(): getaddrinfo(3).
struct resolve_hints {
    address_family family = address_family::unspecified;  ///< inet or inet6 for only this family.
    socket_type type = socket_type::stream;
    bool to_bind = false;  ///< an empty host is then the wildcard address, else the loopback address.
    /// Takes only an address, not a name, and as service only a number. Then no file and no name server is asked.
    bool numeric_only = false;
};

/// Returns the endpoints of a host (name or address) and a service (name or number), in the order in which to try them
/// (RFC 6724). It blocks, for seconds if a name server does not answer: getaddrinfo(3). The forms with a timeout below
/// limit that.
///
/// A service that begins like a number (a digit, a sign, a space) must be a decimal number from 0 to 65535. Otherwise
/// the error is EAI_SERVICE, because getaddrinfo() would take 65616 for port 80, and " 80" and "+80" as well. Some
/// hosts are numbers for inet_aton(3) but not for ip_address: `127.1`, `0177.0.0.1`, `0x7f000001`, `2130706433`. For
/// such a host the error is EAI_NONAME. Otherwise a filter in front of this function could see a different address (RFC
/// 6943 §3.1.1).
[[nodiscard]] std::vector<endpoint> resolve(const std::string& host, const std::string& service,
                                            resolve_hints hints = {});
[[nodiscard]] std::vector<endpoint> resolve(const std::string& host, const std::string& service, resolve_hints hints,
                                            std::error_code& error);
/// Returns the endpoints of a host and a port. It takes any integer, so a number beyond 65535 is an error and not a
/// different port.
template <std::integral Port>
[[nodiscard]] std::vector<endpoint> resolve(const std::string& host, Port port, resolve_hints hints = {}) {
    return resolve(host, std::to_string(port), hints);
}

/// Does the same as resolve() above, but waits no longer than `timeout` (errc::timed_out) and not beyond a stop
/// (errc::operation_canceled; nullptr: no stop). getaddrinfo(3) cannot be interrupted. So it runs in a thread of its
/// own, which the caller leaves behind when the time is up; it ends when the name server has answered or failed. If the
/// host is an address or empty, no thread is started. A timeout of zero finds only such a host.
///
/// If no name server answers, each call leaves a thread behind for a while. So that they do not pile up, at most
/// max_resolver_threads run in a process. A further call fails at once with errc::resource_unavailable_try_again.
[[nodiscard]] std::vector<endpoint> resolve(const std::string& host, const std::string& service, resolve_hints hints,
                                            wait_time timeout, const stop_event* stop = nullptr);
[[nodiscard]] std::vector<endpoint> resolve(const std::string& host, const std::string& service, resolve_hints hints,
                                            wait_time timeout, const stop_event* stop, std::error_code& error);

/// Returns the official name of a host, behind all aliases (AI_CANONNAME): `www.example.org` may be `web7.example.net`.
/// Returns an address as it is. The time limit is that of resolve(). Throws std::system_error.
[[nodiscard]] std::string canonical_name(const std::string& host, wait_time timeout = never,
                                         const stop_event* stop = nullptr);

/// Returns the name of the host that has this address (getnameinfo(3)), or nullopt if it has no name. The port does not
/// matter. The time limit is that of resolve(). Throws std::system_error if no name server answers.
///
/// The owner of an address chooses its name and may lie. Before you trust the name, resolve() it and compare.
[[nodiscard]] std::optional<std::string> resolve_name(const endpoint& where, wait_time timeout = never,
                                                      const stop_event* stop = nullptr);

// ========================================================================================================
// How it is done
// ========================================================================================================

inline const std::error_category& resolver_category() noexcept {
    static const struct final_category final : std::error_category {
        [[nodiscard]] const char* name() const noexcept override { return "resolver"; }
        [[nodiscard]] std::string message(int code) const override {
            if (code == EAI_SERVICE) return "unknown service, or a port beyond 65535";
            return ::gai_strerror(code);
        }
    } category;
    return category;
}

namespace detail {
/// Returns true if the service begins as strtol(3) lets a number begin. Of service names (RFC 6335 §5.1) only names
/// like "3com-tsmux" begin so, with a digit, and they hold a letter behind it.
inline bool is_like_number(std::string_view service) noexcept {
    if (service.empty()) return false;
    if (digit_value(service.front()) > 9)
        return std::string_view{"+- \t\n\v\f\r"}.find(service.front()) != service.npos;
    if (service.starts_with("0x") || service.starts_with("0X")) return true;
    for (const char c : service)
        if (('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z')) return false;
    return true;
}
inline bool is_port(std::string_view service) noexcept {
    std::uint32_t port = 0;
    parse_failure why;
    return read_number(service.data(), service.data() + service.size(), 65535, port, why);
}
/// Returns true if inet_aton(3), which getaddrinfo() calls first, reads the host as an IPv4 address but we do not. It
/// takes one to four numbers, decimal, octal or hexadecimal, and reads no further than a space.
inline bool is_number_of_old(std::string_view host) noexcept {
    host = host.substr(0, host.find_first_of(" \t\n\v\f\r"));
    if (host.empty() || digit_value(host.front()) > 9 || ipv4_address::parse(host)) return false;
    for (;;) {
        const std::string_view part = host.substr(0, host.find('.'));
        const bool is_hexadecimal = part.starts_with("0x") || part.starts_with("0X");
        for (const char c : part.substr(is_hexadecimal ? 2 : 0))
            if (is_hexadecimal ? hexadecimal_value[static_cast<unsigned char>(c)] >= 16 : digit_value(c) > 9) return false;
        if (part.size() == host.size()) return true;
        host.remove_prefix(part.size() + 1);
    }
}
}  // namespace detail

inline std::vector<endpoint> resolve(const std::string& host, const std::string& service, resolve_hints hints,
                                     std::error_code& error) {
    // C would read only the text before a NUL. The name "*" is glibc's old word for an empty host, so a name from a
    // stranger could reach this host by it.
    if (host.find('\0') != host.npos || service.find('\0') != service.npos || host == "*" ||
        detail::is_number_of_old(host)) {
        error = {EAI_NONAME, resolver_category()};
        return {};
    }
    if (detail::is_like_number(service) && !detail::is_port(service)) {
        error = {EAI_SERVICE, resolver_category()};
        return {};
    }
    addrinfo wanted{};
    wanted.ai_family = static_cast<int>(hints.family);
    wanted.ai_socktype = static_cast<int>(hints.type);  // one answer for each address, not for every type
    wanted.ai_flags = (hints.to_bind ? AI_PASSIVE : 0) | (hints.numeric_only ? AI_NUMERICHOST | AI_NUMERICSERV : 0);
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), service.empty() ? nullptr : service.c_str(),
                                   &wanted, &found);
    error = code == EAI_SYSTEM ? detail::last_error()
            : code != 0        ? std::error_code{code, resolver_category()}
                               : std::error_code{};
    std::vector<endpoint> endpoints;
    if (error) return endpoints;
    const struct guard {
        addrinfo* list;
        ~guard() { ::freeaddrinfo(list); }
    } freed{found};
    for (const addrinfo* entry = found; entry; entry = entry->ai_next) {
        socket_address address;
        std::memcpy(address.data(), entry->ai_addr, entry->ai_addrlen);
        address.resize(entry->ai_addrlen);
        if (address.is_ip()) endpoints.push_back(address.ip());
    }
    return endpoints;
}
namespace detail {
/// For messages: "www.example.org:80", "[2001:db8::1]:80". A host may come from a stranger, so control characters are
/// escaped.
inline std::string with_service(std::string_view host, std::string_view service) {
    const bool has_colons = host.find(':') != host.npos;
    return joined(has_colons ? "[" : "", visible(host), has_colons ? "]" : "", service.empty() ? "" : ":",
                  visible(service));
}
}  // namespace detail
inline std::vector<endpoint> resolve(const std::string& host, const std::string& service, resolve_hints hints) {
    std::error_code error;
    auto endpoints = resolve(host, service, hints, error);
    if (error) detail::throw_error(error, "resolve ", detail::with_service(host, service));
    return endpoints;
}

// ---- within a time limit

namespace detail {
/// Counts the threads of the resolver in this process.
class resolver_threads {
  public:
    /// Counts one more, or returns false if there are as many as may be.
    static bool begin() noexcept {
        // A child of fork() has none of these threads, because only the thread that calls fork() is copied.
        static const int forks = ::pthread_atfork(nullptr, nullptr, [] { running_ = 0; });
        static_cast<void>(forks);
        if (running_.fetch_add(1) < max_resolver_threads) return true;
        end();
        return false;
    }
    static void end() noexcept { running_.fetch_sub(1); }

  private:
    static inline std::atomic<int> running_{0};
};

/// A call of the resolver in a thread of its own. Two hold it: the caller and the thread. The last owner deletes it.
class resolver_call {
  public:
    resolver_call(const resolver_call&) = delete;
    resolver_call& operator=(const resolver_call&) = delete;

    /// Runs the call and waits for its end. With an error the thread may still run, so its results must not be read.
    void finish(time_point until, const stop_event* stop, std::error_code& error) noexcept {
        if (until == time_point::max() && !stop) {
            error.clear();
            return run();
        }
        if (until <= clock::now()) {  // a fast resolver would win against a timeout of zero, but only sometimes
            error = std::make_error_code(std::errc::timed_out);
            return;
        }
        event_ = ::eventfd(0, EFD_CLOEXEC);
        if (event_ < 0) {
            error = last_error();
            return;
        }
        if (!resolver_threads::begin()) {
            error = std::make_error_code(std::errc::resource_unavailable_try_again);
            return;
        }
        // The new thread blocks all signals, so that the kernel delivers them to the program's own threads.
        sigset_t all, before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        holders_ = 2;
        pthread_t thread;
        const int failure = ::pthread_create(&thread, nullptr, &resolver_call::work, this);
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (failure != 0) {
            resolver_threads::end();
            holders_ = 1;
            error = {failure, std::system_category()};
            return;
        }
        ::pthread_detach(thread);
        wait_for(event_, POLLIN, stop, until, error);
        // The eventfd has reported the end, so this loop ends at once. The atomic makes the thread's results visible.
        while (!error && !has_ended_.load(std::memory_order_acquire)) {
        }
    }
    struct release {  // for std::unique_ptr, or any owner that calls it
        void operator()(resolver_call* call) const noexcept {
            if (--call->holders_ == 0) delete call;
        }
    };

  protected:
    resolver_call() noexcept = default;
    virtual ~resolver_call() {
        if (event_ >= 0) ::close(event_);
    }
    virtual void run() noexcept = 0;

  private:
    static void* work(void* object) noexcept {
        auto* const call = static_cast<resolver_call*>(object);
        call->run();
        resolver_threads::end();
        call->has_ended_.store(true, std::memory_order_release);
        constexpr std::uint64_t one = 1;
        static_cast<void>(!::write(call->event_, &one, sizeof one));
        release{}(call);
        return nullptr;
    }
    std::atomic<int> holders_{1};
    std::atomic<bool> has_ended_{false};
    int event_ = -1;
};
/// Owns the caller's share of a call.
template <class Call>
class held_call {
  public:
    explicit held_call(Call* call) noexcept : call_{call} {}
    held_call(const held_call&) = delete;
    held_call& operator=(const held_call&) = delete;
    ~held_call() { resolver_call::release{}(call_); }
    Call* operator->() const noexcept { return call_; }

  private:
    Call* call_;
};

struct resolving final : resolver_call {
    resolving(const std::string& of_host, const std::string& of_service, resolve_hints with)
        : host{of_host}, service{of_service}, hints{with} {}
    void run() noexcept override {
        try {
            found = resolve(host, service, hints, error);
        } catch (...) {
            error = std::make_error_code(std::errc::not_enough_memory);
        }
    }
    const std::string host, service;
    const resolve_hints hints;
    std::vector<endpoint> found;
    std::error_code error;
};
struct resolving_canonical final : resolver_call {
    explicit resolving_canonical(const std::string& of_host) : host{of_host} {}
    void run() noexcept override {
        addrinfo wanted{}, *list = nullptr;
        wanted.ai_socktype = SOCK_STREAM;
        wanted.ai_flags = AI_CANONNAME;
        code = ::getaddrinfo(host.c_str(), nullptr, &wanted, &list);
        if (code == EAI_SYSTEM) system_error = errno;
        if (code != 0) return;
        try {
            name = list->ai_canonname ? list->ai_canonname : host;
        } catch (...) {
            code = EAI_MEMORY;
        }
        ::freeaddrinfo(list);
    }
    const std::string host;
    std::string name;
    int code = 0, system_error = 0;
};
struct resolving_name final : resolver_call {
    explicit resolving_name(const socket_address& of) noexcept : address{of} {}
    void run() noexcept override {
        code = ::getnameinfo(address.data(), address.size(), name, sizeof name, nullptr, 0, NI_NAMEREQD);
        if (code == EAI_SYSTEM) system_error = errno;
    }
    const socket_address address;
    char name[NI_MAXHOST] = {};
    int code = 0, system_error = 0;
};
inline std::error_code resolver_error(int code, int system_error) noexcept {
    if (code == EAI_SYSTEM) return {system_error, std::system_category()};
    return code == 0 ? std::error_code{} : std::error_code{code, resolver_category()};
}
}  // namespace detail

inline std::vector<endpoint> resolve(const std::string& host, const std::string& service, resolve_hints hints,
                                     wait_time timeout, const stop_event* stop, std::error_code& error) {
    if (hints.numeric_only || host.empty() || ip_address::parse(host)) return resolve(host, service, hints, error);
    const detail::held_call call{new detail::resolving{host, service, hints}};
    call->finish(timeout == never ? time_point::max() : detail::end_of(timeout), stop, error);
    if (error) return {};
    error = call->error;
    return std::move(call->found);
}
inline std::vector<endpoint> resolve(const std::string& host, const std::string& service, resolve_hints hints,
                                     wait_time timeout, const stop_event* stop) {
    std::error_code error;
    auto endpoints = resolve(host, service, hints, timeout, stop, error);
    if (error) detail::throw_error(error, "resolve ", detail::with_service(host, service));
    return endpoints;
}

inline std::string canonical_name(const std::string& host, wait_time timeout, const stop_event* stop) {
    std::error_code error;
    if (ip_address::parse(host)) return host;
    const bool is_bad = host.empty() || host.find('\0') != host.npos || host == "*" || detail::is_number_of_old(host);
    if (is_bad) detail::throw_error({EAI_NONAME, resolver_category()}, "canonical name of ", visible(host));
    const detail::held_call call{new detail::resolving_canonical{host}};
    call->finish(timeout == never ? time_point::max() : detail::end_of(timeout), stop, error);
    if (!error) error = detail::resolver_error(call->code, call->system_error);
    if (error) detail::throw_error(error, "canonical name of ", visible(host));
    return std::move(call->name);
}

inline std::optional<std::string> resolve_name(const endpoint& where, wait_time timeout, const stop_event* stop) {
    std::error_code error;
    const detail::held_call call{new detail::resolving_name{socket_address{where}}};
    call->finish(timeout == never ? time_point::max() : detail::end_of(timeout), stop, error);
    if (!error && call->code == EAI_NONAME) return std::nullopt;
    if (!error) error = detail::resolver_error(call->code, call->system_error);
    if (error) detail::throw_error(error, "name of ", where.address().to_string());
    return std::string{call->name};
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_RESOLVE_HPP
