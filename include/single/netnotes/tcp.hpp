// netnotes 0.2.0, tcp.hpp in one file: copy it, include it, and nothing else is needed. Do not edit:
// include/single/generate.cmake made it from include/netnotes/tcp.hpp, where it can be read in chapters.
// netnotes/ip/version.hpp: the version, which every chapter includes
// SPDX-License-Identifier: MIT
//
// The test stands outside the include guard on purpose. If one-file headers of two releases meet in one program, the
// compiler reports that here. Otherwise it would report strange errors about classes that are defined twice.

#if __cplusplus < 202002L
#error "netnotes needs C++20: compile with -std=c++20"
#endif

#if defined(NETNOTES_VERSION) && NETNOTES_VERSION != 200
#error "netnotes headers of two versions meet here: take all of them from one release"
#endif

#ifndef NETNOTES_IP_VERSION_HPP
#define NETNOTES_IP_VERSION_HPP

#define NETNOTES_VERSION 200  // major * 10000 + minor * 100 + patch

#endif  // NETNOTES_IP_VERSION_HPP
// netnotes/tcp.hpp: connections
// SPDX-License-Identifier: MIT
//
// TCP carries bytes in both directions between two sockets. All bytes arrive, once and in order, or the connection
// fails. For this, TCP numbers every byte and retransmits the bytes that the peer has not acknowledged.
//
//        client                                      server
//          connect     ──── SYN ──────────────────>    listen       the two kernels shake hands:
//                      <─── SYN, ACK ──────────────                 three segments open a connection
//                      ──── ACK ──────────────────>    accept
//          send_all    ──── "hello" ──────────────>    recv returns "hel", the next recv "lo"
//          close       ──── FIN ──────────────────>    recv returns 0 bytes: the end of the stream
//
// TCP does not keep the borders between two sends. One receive may return half a message, or two messages. So the
// programs must agree where a message ends: at a delimiter, or after a known length. A buffered_reader finds this end:
//
//        tcp_listener listener{{ipv6_address::any(), 6666}};
//        auto [stream, peer] = listener.accept();
//        buffered_reader reader{stream};
//        while (auto line = reader.recv_line()) stream.send_all(*line);
//
// This page brings only those chapters of ip.hpp and socket.hpp that connections need. Include these pages for the
// rest: networks, the interfaces of this machine, descriptors over Unix sockets, a connection as a std::iostream.
//
// Chapters, lowest first:
//     tcp/state.hpp      options, keep-alive, the states and the live state of a connection
//     tcp/connect.hpp    connecting to the fastest of several addresses
//     tcp/stream.hpp     streams and listeners
//     tcp/reader.hpp     messages out of a stream: lines, and blocks of a known length
//     tcp/pump.hpp       bytes from one connection to another: proxies
//
// The notes:     TCP三次握手 to 保活 (handshake, close, states), TCP长连接和短连接, TCP服务器, TCP客户端, tcp 模拟qq
// Examples:      10_tcp_hello, 11_tcp_states, 12_tcp_connections, 13_tcp_chat

#ifndef NETNOTES_TCP_HPP
#define NETNOTES_TCP_HPP


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

// netnotes/tcp/connect.hpp: connecting by the fastest of several addresses
// SPDX-License-Identifier: MIT
//
// A host has several addresses, and some of them may be dead. Happy Eyeballs (RFC 8305) tries them with a staggered
// start and keeps the first connection that is established. tcp_stream::connect() uses this chapter.
//
// On this page:  connect_options · connect_hook · interleave_families
// The notes:     TCP客户端 (a client); example 10

#ifndef NETNOTES_TCP_CONNECT_HPP
#define NETNOTES_TCP_CONNECT_HPP

#include <netinet/in.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

// netnotes/ip/algorithm.hpp: the few algorithms that the chapters need
// SPDX-License-Identifier: MIT
//
// <algorithm> has 14,000 lines, and a program that includes it waits for them in every compilation. The chapters below
// coro.hpp need six of its functions, in the forms that stand here. A chapter that needs more includes <algorithm>.
//
// On this page:  min, max, clamp · copy_n · find_if · sort

#ifndef NETNOTES_IP_ALGORITHM_HPP
#define NETNOTES_IP_ALGORITHM_HPP

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

// A namespace of its own: the addresses have a base class in detail. For a program that also has `using namespace std`,
// find_if() of addresses would otherwise be two functions that fit equally well, and would not compile.
namespace netnotes::detail::algorithms {

/// Returns the smaller value, and `a` if they are equal.
template <class T>
[[nodiscard]] constexpr const T& min(const T& a, const T& b) {
    return b < a ? b : a;
}
/// Returns the larger value, and `a` if they are equal.
template <class T>
[[nodiscard]] constexpr const T& max(const T& a, const T& b) {
    return a < b ? b : a;
}

/// Returns `value`, or the limit that it passes.
template <class T>
[[nodiscard]] constexpr const T& clamp(const T& value, const T& low, const T& high) {
    return value < low ? low : high < value ? high : value;
}

/// Copies `count` items, and returns the place behind the last copy. The two places must not overlap.
template <class T>
constexpr T* copy_n(const T* from, std::size_t count, T* to) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    if (std::is_constant_evaluated()) {
        for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
    } else if (count > 0) {  // memcpy() refuses a null pointer even for no bytes
        std::memcpy(to, from, count * sizeof(T));
    }
    return to + count;
}

/// Returns the first place whose item fulfils the condition, or `last`.
template <class Place, class Condition>
[[nodiscard]] constexpr Place find_if(Place first, Place last, Condition condition) {
    while (first != last && !condition(*first)) ++first;
    return first;
}

/// Sorts `count` items, the smallest first. Heap sort: it takes count · log(count) steps for any input, and no memory.
template <class T>
constexpr void sort(T* items, std::size_t count) {
    // In a heap no parent is smaller than its two children, so the largest item is the first.
    const auto sink = [&](std::size_t parent, std::size_t size) {
        for (std::size_t child; (child = 2 * parent + 1) < size; parent = child) {
            if (child + 1 < size && items[child] < items[child + 1]) ++child;
            if (!(items[parent] < items[child])) return;
            std::swap(items[parent], items[child]);
        }
    };
    for (std::size_t parent = count / 2; parent > 0; --parent) sink(parent - 1, count);
    for (std::size_t size = count; size > 1; --size) {
        std::swap(items[0], items[size - 1]);
        sink(0, size - 1);
    }
}

}  // namespace netnotes::detail::algorithms

namespace netnotes::detail {
using namespace algorithms;  // a lookup by the types of arguments does not follow this
}

#endif  // NETNOTES_IP_ALGORITHM_HPP

// netnotes/socket/file.hpp: files that a socket sends
// SPDX-License-Identifier: MIT
//
// A server of files could read each block into its own memory and send it from there. The bytes would then be copied
// twice: from the kernel to the program, and back. sendfile(2) moves them inside the kernel.
//
//        read, send     file ──> [ the kernel's cache ] ──> [ the program's buffer ] ──> [ the socket's queue ]
//        sendfile       file ──> [ the kernel's cache ] ───────────────────────────────> [ the socket's queue ]
//
//        stream.send_file("kernel.img");                                            // the whole file
//        stream.send_file("kernel.img", {.offset = 1000, .count = 500});            // bytes 1000 to 1499
//        stream.send_file(descriptor, {.progress = [&](std::uint64_t sent) { bar.show(sent); }});
//
// sendfile(2) refuses some files, for example a file of /proc or a pipe. They are then read and sent in blocks.
//
// On this page:  input_file · send_file_options · progress_callback
// Above it:      socket/socket.hpp, socket::send_file(); coro/send_file.hpp, the same for tasks
// The notes:     send, sendall (公共用途的套接字函数); tftp下载 (a server of files); sendfile(2)

#ifndef NETNOTES_SOCKET_FILE_HPP
#define NETNOTES_SOCKET_FILE_HPP

#include <fcntl.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>


// netnotes/socket/address.hpp: the names of sockets
// SPDX-License-Identifier: MIT
//
// A socket's name depends on its family. TCP and UDP use an address and a port. A conversation inside one machine uses
// a path in the file system. The kernel takes every name as a `sockaddr`, a structure whose first field tells its real
// type. This header converts our values to that structure and back. Only this header deals with byte order, structure
// sizes and interface numbers.
//
//        endpoint 192.0.2.1:80  ──┐                        ┌──> sockaddr_in    bytes on the wire: 00 50 c0 00 02 01
//        endpoint [fe80::1%2]:80 ─┼──> socket_address ─────┼──> sockaddr_in6   port, address, and the 2 beside it
//        unix_endpoint "/run/x"  ─┘                        └──> sockaddr_un
//
// On this page:  unix_endpoint · socket_address
// Above it:      socket/resolve.hpp, the names of hosts
// The notes:     socket, Python创建socket (families), socket 简单服务器 (gethostname); examples 01 and 10

#ifndef NETNOTES_SOCKET_ADDRESS_HPP
#define NETNOTES_SOCKET_ADDRESS_HPP

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>


// netnotes/ip/endpoint.hpp: endpoints, ports and services
// SPDX-License-Identifier: MIT
//
// A *port* is a 16-bit number that picks one socket behind an address, separately for TCP and for UDP. Address and port
// together are an *endpoint*:
//
//        192.0.2.1:80        [2001:db8::1]:80        brackets, because IPv6 has colons, too
//
// On this page:  endpoint · parse_port, read_port · host_port, parse_host_port, read_host_port · port_class,
//                classify_port · service, find_service · the literal _endpoint
// The notes:     端口 (ports), 端口分类 (classes of ports); example 04

#ifndef NETNOTES_IP_ENDPOINT_HPP
#define NETNOTES_IP_ENDPOINT_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// netnotes/ip/address.hpp: addresses
// SPDX-License-Identifier: MIT
//
// An IP address is a number; everything else on this page is notation or arithmetic on that number. An IPv4 address has
// 32 bits, an IPv6 address 128:
//
//        192.168.1.77      11000000 10101000 00000001 01001101       four octets, in decimal
//        2001:db8::1       2001 0db8 0000 0000 0000 0000 0000 0001   eight groups, in hexadecimal; "::" is zeros
//
// This chapter asks the operating system nothing. It is values: constexpr throughout, no allocation but in to_string(),
// so a wrong literal does not compile:
//
//        "192.168.1.256"_ip                 // error: octet 4 is 256, above 255, at character 10
//
// Parsing is strict and says what it dislikes, and where; ip/text.hpp tells why.
//
// is_global() and is_global_unicast() need a table: include ip/special.hpp where you ask them.
//
// On this page:  ipv4_address · ipv6_address · ip_address · the literal _ip
// The notes:     IP地址 (IP addresses); example 02

#ifndef NETNOTES_IP_ADDRESS_HPP
#define NETNOTES_IP_ADDRESS_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

// netnotes/ip/text.hpp: how addresses are read and written
// SPDX-License-Identifier: MIT
//
// The machinery under ip.hpp, and a page on two small grammars. Most people never include this file.
//
//        "192.0.2.1"                             <->  0xc0000201                  dotted decimal
//        "2001:db8::1"                           <->  2001:0db8:0:0:0:0:0:1       RFC 4291 §2.2, RFC 5952
//        "::ffff:192.0.2.1"                      <->  ... ffff c000 0201          an IPv4 tail
//        "fe80::1%eth0"                          <->  number and zone             RFC 4007 §11
//
// Reading is strict where the C library is not. inet_aton() takes 192.168.010.1 for 192.168.8.1, because a leading zero
// means octal in C. It takes 10.1 for 10.0.0.1. If a filter and a server read the same text as two addresses, the
// filter is useless (RFC 6943 §3.1.1). Both texts are therefore refused here. A reader stops at the first error and
// names it with its place: "octet 4 is 256, above 255, at character 6".
//
// Writing has one form for each address (RFC 5952 §4): lower case and no leading zeros. The longest run of zero groups,
// the first of equals, becomes "::", but only if it is longer than one group. Equal addresses have equal texts, so a
// text may serve as a key in a log.
//
// A text from a stranger is not printed as it is. It may hold a line's end that forges a line of the log. It may hold
// an escape sequence that controls the terminal. visible() and quoted() write such characters as escape sequences of
// C++.
//
// On this page:  parse_failure, parse_error · visible, quoted · printable, what every value of ip.hpp can do · 128 bits
// ·
//                reading IPv4, IPv6, numbers · writing them
// The notes:     IP地址 (IP addresses); example 02

#ifndef NETNOTES_IP_TEXT_HPP
#define NETNOTES_IP_TEXT_HPP

#include <array>
#include <bit>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <version>
#ifdef __cpp_lib_format
#include <format>
#endif




namespace netnotes {

// ---- Why a text was refused ----------------------------------------------------------------------------

/// The error in a text and its place. It is cheap to make: only message() composes the sentence.
class parse_failure {
  public:
    constexpr parse_failure() noexcept = default;
    /// In the pattern '#' stands for the item's number, '%' for the offending value, '@' for that value as
    /// a character. The pattern must outlive the failure: here it is always a literal.
    constexpr parse_failure(std::string_view pattern, std::size_t position, std::uint32_t item = 0,
                            std::uint32_t value = 0) noexcept
        : pattern_{pattern}, position_{position}, item_{item}, value_{value} {}

    /// Returns the offending character's place, counted from 0; the text's size if something is missing.
    [[nodiscard]] constexpr std::size_t position() const noexcept { return position_; }
    /// Returns the failure for a longer text, in which this text begins at `offset` characters.
    constexpr void shift(std::ptrdiff_t offset) noexcept { position_ += static_cast<std::size_t>(offset); }
    /// Returns a sentence, for example `octet 4 is 256, above 255, at character 6`.
    [[nodiscard, gnu::cold]] std::string message() const;

  private:
    std::string_view pattern_;
    std::size_t position_ = 0;
    std::uint32_t item_ = 0;
    std::uint32_t value_ = 0;
};

/// Thrown by the constructors that take text. what() quotes the text and gives the failure's message.
class parse_error : public std::invalid_argument {
  public:
    [[gnu::cold]] parse_error(std::string_view kind, std::string_view text, const parse_failure& failure);
    /// Returns the reason and the place of the fault.
    [[nodiscard]] const parse_failure& failure() const noexcept { return failure_; }

  private:
    parse_failure failure_;
};

// ---- A stranger's text ---------------------------------------------------------------------------------

/// Returns the text in a form that is safe for a terminal and a line of a log. Valid UTF-8 stays, except for characters
/// that control the output or cannot be seen. These are the controls, the separators of lines, characters that change
/// the direction of writing, characters without width, and noncharacters. The controls include U+0080 to U+009F; U+009B
/// means ESC [ (ECMA-48 §5.4). These characters become `\n`, `\r`, `\t`, `\u202e` and the like. U+0000 to U+001F,
/// U+007F and each byte that is no UTF-8 (RFC 3629) become `\x1b` and the like. A backslash and a quotation mark stay,
/// so a text that is visible already does not change.
[[nodiscard]] std::string visible(std::string_view text);
/// Returns the text, made visible, in quotation marks. A quotation mark inside becomes `\"` and a backslash two, so
/// that the text cannot pretend to have ended.
[[nodiscard]] std::string quoted(std::string_view text);

/// A number of 128 bits, as two halves: an IPv6 address as a number, or a distance between two. (`unsigned __int128` is
/// not standard C++, and not every compiler has it.) Arithmetic is modulo 2^128, as for the built-in unsigned types. A
/// regular value. No operation throws.
struct uint128 {
    std::uint64_t high = 0;  ///< the 64 bits of the larger weight
    std::uint64_t low = 0;   ///< the 64 bits of the smaller weight

    /// Compares as numbers.
    friend constexpr auto operator<=>(const uint128&, const uint128&) noexcept = default;
    /// Returns the number that has the bits of both, of any, of exactly one, or of none of the operands.
    friend constexpr uint128 operator&(uint128 a, uint128 b) noexcept { return {a.high & b.high, a.low & b.low}; }
    friend constexpr uint128 operator|(uint128 a, uint128 b) noexcept { return {a.high | b.high, a.low | b.low}; }
    friend constexpr uint128 operator^(uint128 a, uint128 b) noexcept { return {a.high ^ b.high, a.low ^ b.low}; }
    friend constexpr uint128 operator~(uint128 a) noexcept { return {~a.high, ~a.low}; }
    /// Returns `a` shifted to the left. `bits` is 0 to 128.
    friend constexpr uint128 operator<<(uint128 a, unsigned bits) noexcept {
        if (bits >= 64) return {bits == 128 ? 0 : a.low << (bits - 64), 0};
        return bits == 0 ? a : uint128{a.high << bits | a.low >> (64 - bits), a.low << bits};
    }
    /// Returns `a` shifted to the right. `bits` is 0 to 128.
    friend constexpr uint128 operator>>(uint128 a, unsigned bits) noexcept {
        if (bits >= 64) return {0, bits == 128 ? 0 : a.high >> (bits - 64)};
        return bits == 0 ? a : uint128{a.high >> bits, a.low >> bits | a.high << (64 - bits)};
    }
    friend constexpr uint128 operator+(uint128 a, uint128 b) noexcept {
        const std::uint64_t sum = a.low + b.low;
        return {a.high + b.high + (sum < a.low ? 1 : 0), sum};
    }
    friend constexpr uint128 operator-(uint128 a, uint128 b) noexcept {
        return {a.high - b.high - (a.low < b.low ? 1 : 0), a.low - b.low};
    }
};

namespace detail {

using netnotes::uint128;

/// A number of `bits` ones at the low end; bits from 0 to 128.
constexpr uint128 ones(unsigned bits) noexcept { return (uint128{0, 1} << bits) - uint128{0, 1}; }
constexpr unsigned bit_width(uint128 value) noexcept {
    return static_cast<unsigned>(value.high != 0 ? 64 + std::bit_width(value.high) : std::bit_width(value.low));
}
constexpr unsigned trailing_zeros(uint128 value) noexcept {
    return static_cast<unsigned>(value.low != 0 ? std::countr_zero(value.low) : 64 + std::countr_zero(value.high));
}

/// An IPv6 zone ("eth0", "2"), kept inside the address. Interface names have at most 15 characters (IFNAMSIZ is 16), so
/// the zone needs no allocation.
struct zone_name {
    std::array<char, 15> text{};
    std::uint8_t size = 0;
    [[nodiscard]] constexpr std::string_view view() const noexcept { return {text.data(), size}; }
    // Compares only the characters that are used. This is faster for the usual empty zone. It also stays constexpr in
    // libstdc++'s debug mode (g++ 12), where comparing the arrays does not.
    friend constexpr bool operator==(const zone_name& a, const zone_name& b) noexcept { return a.view() == b.view(); }
    friend constexpr std::strong_ordering operator<=>(const zone_name& a, const zone_name& b) noexcept {
        return a.view().compare(b.view()) <=> 0;
    }
};

constexpr std::uint64_t mix(std::uint64_t x) noexcept {  // the finaliser of MurmurHash3: every bit reaches every bit
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
    return x ^ (x >> 33);
}

/// The text functions of every value of this header. A value defines `write`, which writes into a buffer of at least
/// `text_capacity` characters. This class adds the functions that the standard library's types have.
template <class Value>
struct printable {
    /// Returns the canonical text. It is the only function of this header that allocates.
    [[nodiscard]] std::string to_string() const {
        char text[Value::text_capacity];
        return {text, self().write(text)};
    }
    /// Works like std::to_chars: writes to [first, last) without a terminating NUL and returns the end. Returns
    /// errc::value_too_large if the text does not fit. Value::text_capacity characters always suffice.
    constexpr std::to_chars_result to_chars(char* first, char* last) const noexcept {
        if (last - first >= static_cast<std::ptrdiff_t>(Value::text_capacity)) return {self().write(first), {}};
        char text[Value::text_capacity]{};
        const char* const end = self().write(text);
        if (last - first < end - text) return {last, std::errc::value_too_large};
        return {detail::copy_n(text, static_cast<std::size_t>(end - text), first), {}};
    }
    /// Writes the text to a stream, with the stream's width and fill, as for a string.
    template <class Traits>
    friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const Value& value) {
        char text[Value::text_capacity];
        return out << std::basic_string_view<char, Traits>(text, static_cast<std::size_t>(value.write(text) - text));
    }
    friend constexpr auto operator<=>(const printable&, const printable&) noexcept = default;

  private:
    constexpr const Value& self() const noexcept { return static_cast<const Value&>(*this); }
};

template <class Value>
concept text_value = std::is_base_of_v<printable<Value>, Value>;

// ---- Reading -------------------------------------------------------------------------------------------

/// Returns the digit's value, above 9 if the character is no digit.
constexpr unsigned digit_value(char c) noexcept { return static_cast<unsigned char>(c) - unsigned{'0'}; }

/// One table look-up a character instead of three comparisons; 0xff is no digit.
struct hexadecimal_values {
    std::uint8_t of[256]{};  // no std::array: each of its operator[] costs the compiler a call
    constexpr hexadecimal_values() noexcept {
        for (std::uint8_t& value : of) value = 0xff;
        for (unsigned digit = 0; digit < 16; ++digit)
            of[digit < 10 ? '0' + digit : 'a' + digit - 10] = of[digit < 10 ? '0' + digit : 'A' + digit - 10] =
                static_cast<std::uint8_t>(digit);
    }
    constexpr unsigned operator[](unsigned char c) const noexcept { return of[c]; }
};
inline constexpr hexadecimal_values hexadecimal_value;

/// The failure branches are out of line, so that the path through a valid text stays short.
constexpr bool refuse(parse_failure& why, std::string_view pattern, std::ptrdiff_t position, std::uint32_t item = 0,
                      std::uint32_t value = 0) noexcept {
    why = parse_failure{pattern, static_cast<std::size_t>(position), item, value};
    return false;
}
constexpr bool refuse_character(parse_failure& why, const char* first, const char* at) noexcept {
    return refuse(why, "unexpected character @", at - first, 0, static_cast<unsigned char>(*at));
}

/// Reads all of [first, last) as a decimal number up to `limit`, without sign or leading zeros.
constexpr bool read_number(const char* first, const char* last, std::uint32_t limit, std::uint32_t& value,
                           parse_failure& why) noexcept {
    std::uint64_t number = 0;
    if (first == last) return refuse(why, "a number is missing", 0);
    for (const char* p = first; p != last; ++p) {
        if (digit_value(*p) > 9) return refuse_character(why, first, p);
        if (number <= limit) number = number * 10 + digit_value(*p);  // beyond the limit it only has to stay there
    }
    if (*first == '0' && last - first > 1) return refuse(why, "a leading zero", 0);
    if (number > limit) return refuse(why, "the number is above %", 0, 0, limit);
    value = static_cast<std::uint32_t>(number);
    return true;
}

/// Reads all of [first, last) as dotted decimal.
constexpr bool read_ipv4(const char* const first, const char* const last, std::uint32_t& value,
                         parse_failure& why) noexcept {
    std::uint32_t address = 0;
    const char* p = first;
    if (p == last) return refuse(why, "the address is empty", 0);
    for (std::uint32_t octet = 1; octet <= 4; ++octet) {
        if (octet > 1) {
            if (p == last) return refuse(why, "only # of 4 octets", last - first, octet - 1);
            if (*p != '.') return refuse_character(why, first, p);
            ++p;
        }
        const char* const start = p;
        if (p == last || *p == '.') return refuse(why, "octet # is missing", p - first, octet);
        std::uint32_t number = digit_value(*p);
        if (number > 9) return refuse_character(why, first, p);
        for (++p; p != last && digit_value(*p) <= 9; ++p) {
            number = number * 10 + digit_value(*p);
            // Before the number of digits: "0377" is refused because C would read it as octal.
            if (*start == '0') return refuse(why, "octet # has a leading zero", start - first, octet);
            if (p - start == 3) return refuse(why, "octet # has more than three digits", start - first, octet);
        }
        if (number > 255) return refuse(why, "octet # is %, above 255", start - first, octet, number);
        address = address << 8 | number;
    }
    if (p != last) {
        if (*p == '.') return refuse(why, "more than 4 octets", p - first);
        return refuse_character(why, first, p);
    }
    value = address;
    return true;
}

/// Reads all of [first, last) as a zone. It accepts the characters that the name of an interface may hold, except
/// characters that end the zone in `[fe80::1%eth0]:80` or `fe80::%eth0/64`.
constexpr bool read_zone(const char* first, const char* last, zone_name& zone, parse_failure& why) noexcept {
    if (first == last) return refuse(why, "the zone is missing", 0);
    if (last - first > static_cast<std::ptrdiff_t>(zone.text.size()))
        return refuse(why, "a zone of more than 15 characters", 0);
    zone_name read;
    for (const char* p = first; p != last; ++p) {
        if (*p <= ' ' || *p > '~' || *p == '%' || *p == '/' || *p == '[' || *p == ']')
            return refuse_character(why, first, p);
        read.text[read.size++] = *p;
    }
    zone = read;
    return true;
}

/// Reads all of [first, last) as IPv6: groups of hexadecimal digits, perhaps one "::", perhaps an IPv4 tail.
constexpr bool read_ipv6(const char* const first, const char* const last, uint128& value, zone_name& zone,
                         parse_failure& why) noexcept {
    uint128 address;     // the groups read so far, the last group lowest; after "::" only the groups behind it
    uint128 front;       // the groups before "::", already in their place
    unsigned count = 0;  // of all groups
    bool gap = false;    // has "::" been seen?
    const char* p = first;
    if (p == last) return refuse(why, "the address is empty", 0);
    if (*p == ':') {
        if (p + 1 == last || p[1] != ':') return refuse(why, "a single ':' at the start", 0);
        gap = true;
        p += 2;
    }
    while (p != last && *p != '%') {
        if (*p == ':') return refuse(why, "a second '::', or ':::'", p - first);
        if (count == 8) return refuse(why, "more than 8 groups", p - first);
        const char* const start = p;
        unsigned group = 0;
        for (; p != last && hexadecimal_value[static_cast<unsigned char>(*p)] < 16; ++p) {
            if (p - start == 4) return refuse(why, "group # has more than four digits", start - first, count + 1);
            group = group << 4 | hexadecimal_value[static_cast<unsigned char>(*p)];
        }
        if (p != last && *p == '.') {  // what looked like a group is the first octet of an IPv4 tail
            if (count > 6) return refuse(why, "no room for an IPv4 address after # groups", start - first, count);
            const char* tail_end = p;
            while (tail_end != last && *tail_end != '%') ++tail_end;
            std::uint32_t tail = 0;
            if (!read_ipv4(start, tail_end, tail, why)) return why.shift(start - first), false;
            address = address << 32 | uint128{0, tail};
            count += 2;
            p = tail_end;
            break;
        }
        if (p == start) return refuse_character(why, first, p);
        address = address << 16 | uint128{0, group};
        ++count;
        if (p == last || *p == '%') break;
        if (*p != ':') return refuse_character(why, first, p);
        ++p;
        if (p == last || *p == '%') return refuse(why, "a single ':' at the end", p - 1 - first);
        if (*p == ':') {
            if (gap) return refuse(why, "a second '::', or ':::'", p - first);
            gap = true;
            front = address << 16 * (8 - count);
            address = {};
            ++p;
        }
    }
    if (!gap && count < 8) return refuse(why, "only # of 8 groups, and no '::'", p - first, count);
    if (gap && count == 8) return refuse(why, "'::' stands for one group at least, and 8 are there", p - first);
    value = front | address;
    if (p != last) {
        ++p;
        if (!read_zone(p, last, zone, why)) return why.shift(p - first), false;
        // unmapped() would lose the zone without a word.
        if (value.high == 0 && value.low >> 32 == 0xffff)
            return refuse(why, "an IPv4-mapped address has no zone", p - 1 - first);
    }
    return true;
}

// ---- Writing -------------------------------------------------------------------------------------------

/// The texts "0." to "255.". Writing an octet takes one look-up and one four-byte store. So printing an address is some
/// thirty times faster than inet_ntop(), which calls snprintf().
struct octet_texts {
    char of[256][4]{};
    constexpr octet_texts() noexcept {
        for (unsigned octet = 0; octet < 256; ++octet) {
            char* out = of[octet];
            if (octet >= 100) *out++ = static_cast<char>('0' + octet / 100);
            if (octet >= 10) *out++ = static_cast<char>('0' + octet / 10 % 10);
            *out++ = static_cast<char>('0' + octet % 10);
            *out = '.';
        }
    }
};
inline constexpr octet_texts octet_text;

/// Needs room for 16 characters. The last characters may be overwritten without being part of the text.
constexpr char* write_ipv4(char* out, std::uint32_t value) noexcept {
    for (int shift = 24; shift >= 0; shift -= 8) {
        const unsigned octet = value >> shift & 0xff;
        const auto [a, b, c, d] = octet_text.of[octet];  // all four before any store, so that they become one
        out[0] = a, out[1] = b, out[2] = c, out[3] = d;
        out += 2 + (octet >= 10) + (octet >= 100);
    }
    return out - 1;
}

/// Writes the number in decimal; std::to_chars is not constexpr before C++23.
constexpr char* write_number(char* out, std::uint32_t value) noexcept {
    std::array<char, 10> digits{};
    char* first = digits.data() + digits.size();
    do {
        *--first = static_cast<char>('0' + value % 10);
    } while ((value /= 10) != 0);
    return detail::copy_n(first, static_cast<std::size_t>(digits.data() + digits.size() - first), out);
}

inline constexpr std::string_view hexadecimal_digits = "0123456789abcdef";

/// Needs room for 64 characters.
constexpr char* write_ipv6(char* out, uint128 value, const zone_name& zone) noexcept {
    std::array<std::uint16_t, 8> groups{};
    for (unsigned i = 0; i < 4; ++i) {
        groups[i] = static_cast<std::uint16_t>(value.high >> (48 - 16 * i));
        groups[i + 4] = static_cast<std::uint16_t>(value.low >> (48 - 16 * i));
    }
    unsigned gap = 8, zeros = 1;  // where the longest run of zero groups begins, and its length: one is no run
    for (unsigned i = 0; i < 8; ++i) {
        unsigned run = 0;
        while (i + run < 8 && groups[i + run] == 0) ++run;
        if (run > zeros) gap = i, zeros = run;
        i += run;
    }
    // RFC 5952 §5: the IPv4 part of a mapped address is written as IPv4.
    const bool mapped = value.high == 0 && value.low >> 32 == 0xffff;
    for (unsigned i = 0; i < (mapped ? 6u : 8u);) {
        if (i == gap) {
            *out++ = ':';
            if (i == 0) *out++ = ':';
            i += zeros;
            continue;
        }
        const unsigned group = groups[i];
        if (group >= 0x1000) *out++ = hexadecimal_digits[group >> 12];
        if (group >= 0x100) *out++ = hexadecimal_digits[group >> 8 & 0xf];
        if (group >= 0x10) *out++ = hexadecimal_digits[group >> 4 & 0xf];
        *out++ = hexadecimal_digits[group & 0xf];
        if (++i < 8) *out++ = ':';
    }
    if (mapped) out = write_ipv4(out, static_cast<std::uint32_t>(value.low));
    if (zone.size > 0) {
        *out++ = '%';
        out = detail::copy_n(zone.text.data(), zone.size, out);
    }
    return out;
}

}  // namespace detail

namespace detail {
/// A text or a character, for joined(). It refers to the text and does not own it.
class text_part {
  public:
    constexpr text_part() noexcept = default;
    constexpr text_part(std::string_view text) noexcept : text_{text} {}
    constexpr text_part(const char* text) noexcept : text_{text} {}
    text_part(const std::string& text) noexcept : text_{text} {}
    constexpr text_part(char character) noexcept : character_{character}, is_character_{true} {}
    void append_to(std::string& text) const {
        if (is_character_) text += character_;
        text += text_;
    }

  private:
    std::string_view text_{};
    char character_ = '\0';
    bool is_character_ = false;
};
/// Joins texts and characters. It is no template, because each of its hundred calls would make another function. (g++
/// 12 -O3 wrongly warns of an overlapping copy in every "text" + std::string{}: its bug 105651.)
inline std::string joined(const text_part& a, const text_part& b = {}, const text_part& c = {}, const text_part& d = {},
                          const text_part& e = {}, const text_part& f = {}, const text_part& g = {},
                          const text_part& h = {}, const text_part& i = {}) {
    std::string text;
    for (const text_part* const part : {&a, &b, &c, &d, &e, &f, &g, &h, &i}) part->append_to(text);
    return text;
}
}  // namespace detail

inline std::string parse_failure::message() const {
    std::string text;
    for (const char c : pattern_) {
        if (c == '#') {
            text += std::to_string(item_);
        } else if (c == '%') {
            text += std::to_string(value_);
        } else if (c != '@') {
            text += c;
        } else if (value_ > ' ' && value_ <= '~') {
            text += {'\'', static_cast<char>(value_), '\''};
        } else {
            text += {'0', 'x', detail::hexadecimal_digits[value_ >> 4 & 0xf], detail::hexadecimal_digits[value_ & 0xf]};
        }
    }
    return detail::joined(text, ", at character ", std::to_string(position_));
}

namespace detail {

/// Returns true if a reader does not see the character, or if the character changes how others are seen.
constexpr bool is_invisible(char32_t point) noexcept {
    struct range {
        char32_t first, last;
    };
    constexpr range all[]{
        {0x00, 0x1f},     {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},
        {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
        {0x2060, 0x206f}, {0x3164, 0x3164},   {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
        {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    for (const range& each : all)
        if (each.first <= point && point <= each.last) return true;
    return (point & 0xfffe) == 0xfffe;
}

/// Reads the character of UTF-8 (RFC 3629) with which the text begins. Returns how many bytes it has, 0 if they are no
/// character: cut off, longer than needed, a surrogate, or above U+10FFFF.
constexpr std::size_t read_utf8(std::string_view text, char32_t& point) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    point = lead;
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    const std::size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (text.size() < size) return 0;
    point = lead & (0x7fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
        point = point << 6 | (byte(i) & 0x3fu);
    }
    constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    return point < least[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? 0 : size;
}

inline void append_visible(std::string& to, std::string_view text, bool is_quoted) {
    while (!text.empty()) {
        char32_t point = 0;
        const std::size_t size = read_utf8(text, point);
        const std::string_view bytes = text.substr(0, detail::max<std::size_t>(size, 1));
        text.remove_prefix(bytes.size());
        // A string is appended to in one place: each other place would put its code here once more.
        char escape[10] = {'\\'};
        std::size_t length = 1;
        if (size > 0 && !is_invisible(point)) {
            if (!is_quoted || (point != '"' && point != '\\')) length = 0;
            for (const char byte : bytes) escape[length++] = byte;
        } else if (size == 1 && (point == '\n' || point == '\r' || point == '\t')) {
            escape[length++] = point == '\n' ? 'n' : point == '\r' ? 'r' : 't';
        } else {
            if (size == 0) point = static_cast<unsigned char>(bytes[0]);
            unsigned digits = size < 2 ? 2 : point <= 0xffff ? 4 : 8;
            escape[length++] = digits == 2 ? 'x' : digits == 4 ? 'u' : 'U';
            while (digits-- > 0) escape[length++] = hexadecimal_digits[point >> 4 * digits & 0xf];
        }
        to.append(escape, length);
    }
}

}  // namespace detail

inline std::string visible(std::string_view text) {
    std::string shown;
    shown.reserve(text.size());
    detail::append_visible(shown, text, false);
    return shown;
}
inline std::string quoted(std::string_view text) {
    std::string shown{'"'};
    shown.reserve(text.size() + 2);
    detail::append_visible(shown, text, true);
    return shown += '"';
}

namespace detail {
/// Returns the text in quotation marks, cut if it is long, so that an error fits in a line.
[[gnu::cold]] inline std::string quoted_beginning(std::string_view text) {
    constexpr std::size_t most = 64;
    std::string shown = quoted(text.substr(0, most));
    if (text.size() > most) shown.insert(shown.size() - 1, "...");
    return shown;
}
}  // namespace detail

inline parse_error::parse_error(std::string_view kind, std::string_view text, const parse_failure& failure)
    : std::invalid_argument{detail::joined(detail::quoted_beginning(text), " is no ", kind, ": ", failure.message())},
      failure_{failure} {}

}  // namespace netnotes

#ifdef __cpp_lib_format
template <netnotes::detail::text_value Value>
struct std::formatter<Value, char> : std::formatter<std::string_view, char> {
    auto format(const Value& value, auto& context) const {
        char text[Value::text_capacity];
        const char* const end = value.write(text);
        return std::formatter<std::string_view, char>::format({text, static_cast<std::size_t>(end - text)}, context);
    }
};
#endif

#endif  // NETNOTES_IP_TEXT_HPP


namespace netnotes {

namespace detail {
/// Bytes of a packet or a message: a span, an array, a string, a vector of elements of one byte.
template <class Bytes>
concept wire_bytes = requires(const Bytes& bytes) {
    std::size(bytes);
    static_cast<std::uint8_t>(bytes[0]);
    requires sizeof(bytes[0]) == 1;
};
}  // namespace detail

// ---- IPv4 ----------------------------------------------------------------------------------------------

/// The classes of RFC 791, told by the leading bits: 0…, 10…, 110…; and of RFC 1112 §4: 1110… (multicast), 1111…
/// (reserved).
/// History since 1993, when prefixes of any length replaced them (CIDR, RFC 4632); still taught and asked.
enum class ipv4_class : char { a = 'A', b = 'B', c = 'C', d = 'D', e = 'E' };

/// An IPv4 address (RFC 791): a 32-bit number. It names an *interface*, not a computer (RFC 1122 §3.3.4.1).
class ipv4_address : public detail::printable<ipv4_address> {
  public:
    static constexpr unsigned width = 32;             ///< bits
    static constexpr std::size_t text_capacity = 16;  ///< room that any address's text needs, INET_ADDRSTRLEN

    /// 0.0.0.0
    constexpr ipv4_address() noexcept = default;
    /// Takes the number in host byte order: 0x7f000001 is 127.0.0.1.
    constexpr explicit ipv4_address(std::uint32_t value) noexcept : value_{value} {}
    constexpr ipv4_address(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) noexcept
        : value_{std::uint32_t{a} << 24 | std::uint32_t{b} << 16 | std::uint32_t{c} << 8 | d} {}
    /// Takes four octets in the order in which they are written, which is also the order of the wire.
    constexpr explicit ipv4_address(std::array<std::uint8_t, 4> octets) noexcept
        : ipv4_address{octets[0], octets[1], octets[2], octets[3]} {}
    /// Takes four bytes out of a packet or a message, in the order of the wire: `from_bytes(message.subspan(4, 4))`.
    /// Returns nullopt for another number of bytes.
    template <detail::wire_bytes Bytes>
    static constexpr std::optional<ipv4_address> from_bytes(const Bytes& bytes) noexcept {
        if (std::size(bytes) != 4) return std::nullopt;
        std::array<std::uint8_t, 4> octets{};
        for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>(bytes[i]);
        return ipv4_address{octets};
    }
    /// Reads dotted decimal: four parts from 0 to 255, without leading zeros. Throws parse_error.
    constexpr explicit ipv4_address(std::string_view text) {
        if (parse_failure why; !detail::read_ipv4(text.data(), text.data() + text.size(), value_, why))
            throw parse_error{"IPv4 address", text, why};
    }
    /// Reads a text like the constructor, but returns nullopt for an unreadable text; `why` then names the error.
    static constexpr std::optional<ipv4_address> parse(std::string_view text, parse_failure& why) noexcept {
        std::uint32_t value{};
        if (!detail::read_ipv4(text.data(), text.data() + text.size(), value, why)) return std::nullopt;
        return ipv4_address{value};
    }
    static constexpr std::optional<ipv4_address> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns 0.0.0.0. A socket bound to it receives at every local address (INADDR_ANY, ip(7)).
    static constexpr ipv4_address any() noexcept { return {}; }
    /// Returns 127.0.0.1, this host.
    static constexpr ipv4_address loopback() noexcept { return {127, 0, 0, 1}; }
    /// Returns 255.255.255.255: every host on this link. No router forwards it (RFC 919 §7).
    static constexpr ipv4_address broadcast() noexcept { return ipv4_address{0xffffffff}; }

    /// Returns the address as a number, the first octet on top (host byte order), or as its four octets.
    [[nodiscard]] constexpr std::uint32_t to_uint() const noexcept { return value_; }
    [[nodiscard]] constexpr std::array<std::uint8_t, 4> to_octets() const noexcept {
        return {octet(24), octet(16), octet(8), octet(0)};
    }
    /// Returns the class that the first bits of the address had before CIDR, A to E: see ip/special.hpp.
    [[nodiscard]] constexpr ipv4_class address_class() const noexcept;

    /// Returns true for 0.0.0.0 (RFC 1122 §3.2.1.3(a)).
    [[nodiscard]] constexpr bool is_unspecified() const noexcept { return value_ == 0; }
    /// Returns true in 127.0.0.0/8, all of it (RFC 1122 §3.2.1.3(g)); the notes leave 127.0.0.0 out.
    [[nodiscard]] constexpr bool is_loopback() const noexcept { return in(0x7f000000, 8); }
    /// Returns true in 10/8, 172.16/12, 192.168/16 (RFC 1918 §3). Other ranges are not global either: see
    /// special_range.
    [[nodiscard]] constexpr bool is_private() const noexcept {
        return in(0x0a000000, 8) || in(0xac100000, 12) || in(0xc0a80000, 16);
    }
    /// Returns true in 169.254/16 (RFC 3927).
    [[nodiscard]] constexpr bool is_link_local() const noexcept { return in(0xa9fe0000, 16); }
    /// Returns true in 224.0.0.0/4, all of it: a group has no host part that could be all ones (RFC 1112 §4).
    [[nodiscard]] constexpr bool is_multicast() const noexcept { return in(0xe0000000, 4); }
    /// Returns true in 240.0.0.0/4 (RFC 1112 §4). 255.255.255.255 lies in it and is the limited broadcast.
    [[nodiscard]] constexpr bool is_reserved() const noexcept { return in(0xf0000000, 4); }
    [[nodiscard]] constexpr bool is_broadcast() const noexcept { return value_ == 0xffffffff; }
    /// Returns true in 192.0.2/24, 198.51.100/24, 203.0.113/24, which are for examples in texts (RFC 5737).
    [[nodiscard]] constexpr bool is_documentation() const noexcept {
        return in(0xc0000200, 24) || in(0xc6336400, 24) || in(0xcb007100, 24);
    }
    /// Returns true in 100.64/10, between a provider and its customers (RFC 6598).
    [[nodiscard]] constexpr bool is_shared() const noexcept { return in(0x64400000, 10); }
    /// Returns true in 198.18/15 (RFC 2544).
    [[nodiscard]] constexpr bool is_benchmarking() const noexcept { return in(0xc6120000, 15); }
    /// Returns true if the address may be reachable from everywhere, by the IANA registry. Returns false for a
    /// multicast group that is local to the link or to an organisation (RFC 5771, RFC 2365).
    [[nodiscard]] constexpr bool is_global() const noexcept;
    /// Returns true if the address is global and belongs to a single host; see ipv6_address::is_global_unicast().
    [[nodiscard]] constexpr bool is_global_unicast() const noexcept;

    /// Returns the name under which DNS keeps the name of this address: `1.2.0.192.in-addr.arpa` (RFC 1035 §3.5).
    [[nodiscard]] std::string reverse_pointer() const;
    /// Returns a well-mixed hash without a secret: a hostile peer can choose colliding addresses.
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return detail::mix(value_); }
    /// Writes the text of to_string() to `out`, without a NUL, and returns the place behind its last character. Make
    /// room for text_capacity characters.
    constexpr char* write(char* out) const noexcept { return detail::write_ipv4(out, value_); }

    friend constexpr auto operator<=>(const ipv4_address&, const ipv4_address&) noexcept = default;

  private:
    constexpr std::uint8_t octet(unsigned shift) const noexcept { return static_cast<std::uint8_t>(value_ >> shift); }
    constexpr bool in(std::uint32_t block, unsigned prefix) const noexcept {
        return (value_ ^ block) >> (32 - prefix) == 0;
    }

    std::uint32_t value_ = 0;
};

// ---- IPv6 ----------------------------------------------------------------------------------------------

/// An IPv6 address (RFC 4291) and, where it has one, its zone (RFC 4007): `fe80::1%eth0`. Link-local
/// addresses mean something else on every link, so the zone takes part in comparison.
///
/// ::ffff:192.0.2.1 is an IPv4-mapped address: a dual-stack socket shows its IPv4 peers in this form. The is_…
/// questions look at the IPv4 address inside, because ::ffff:127.0.0.1 must not pass a filter (the fault of
/// CVE-2024-24790). Translators and tunnels put IPv4 addresses into other IPv6 addresses, too. There is_global() and
/// is_global_unicast() look inside, and embedded_ipv4() returns what they see.
class ipv6_address : public detail::printable<ipv6_address> {
  public:
    static constexpr unsigned width = 128;            ///< bits
    static constexpr std::size_t text_capacity = 64;  ///< 45 for the longest address, '%' and 15 for the zone

    /// ::
    constexpr ipv6_address() noexcept = default;
    /// Takes sixteen octets in the order of the wire.
    constexpr explicit ipv6_address(const std::array<std::uint8_t, 16>& octets) noexcept {
        for (unsigned i = 0; i < 8; ++i) {
            value_.high = value_.high << 8 | octets[i];
            value_.low = value_.low << 8 | octets[i + 8];
        }
    }
    /// Takes sixteen bytes out of a packet or a message, in the order of the wire. Returns nullopt for another number
    /// of bytes. The address has no zone.
    template <detail::wire_bytes Bytes>
    static constexpr std::optional<ipv6_address> from_bytes(const Bytes& bytes) noexcept {
        if (std::size(bytes) != 16) return std::nullopt;
        std::array<std::uint8_t, 16> octets{};
        for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>(bytes[i]);
        return ipv6_address{octets};
    }
    /// Takes the address as a number of 128 bits, without a zone; see to_uint().
    constexpr explicit ipv6_address(uint128 value) noexcept : value_{value} {}
    /// Takes an IPv4 address into its IPv4-mapped form, ::ffff:a.b.c.d (RFC 4291 §2.5.5.2).
    constexpr explicit ipv6_address(ipv4_address address) noexcept
        : value_{0, std::uint64_t{0xffff} << 32 | address.to_uint()} {}
    /// Reads any form of RFC 4291 §2.2, a zone after '%' allowed. Throws parse_error.
    constexpr explicit ipv6_address(std::string_view text) {
        if (parse_failure why; !detail::read_ipv6(text.data(), text.data() + text.size(), value_, zone_, why))
            throw parse_error{"IPv6 address", text, why};
    }
    /// Returns nullopt if the text is not such an address; `why` then has the reason and the place.
    static constexpr std::optional<ipv6_address> parse(std::string_view text, parse_failure& why) noexcept {
        ipv6_address address;
        if (!detail::read_ipv6(text.data(), text.data() + text.size(), address.value_, address.zone_, why))
            return std::nullopt;
        return address;
    }
    static constexpr std::optional<ipv6_address> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns ::. A socket bound to it receives at every local address, of IPv4 too if it is dual-stack (ipv6(7)).
    static constexpr ipv6_address any() noexcept { return {}; }
    /// Returns ::1. Datagrams to it stay on this host.
    static constexpr ipv6_address loopback() noexcept { return ipv6_address{detail::uint128{0, 1}, {}}; }

    /// Returns the address as a number of 128 bits: ::1 is uint128{0, 1}. The zone is not in it.
    [[nodiscard]] constexpr uint128 to_uint() const noexcept { return value_; }
    [[nodiscard]] constexpr std::array<std::uint8_t, 16> to_octets() const noexcept {
        std::array<std::uint8_t, 16> octets{};
        for (unsigned i = 0; i < 8; ++i) {
            octets[i] = static_cast<std::uint8_t>(value_.high >> (56 - 8 * i));
            octets[i + 8] = static_cast<std::uint8_t>(value_.low >> (56 - 8 * i));
        }
        return octets;
    }
    /// Returns the zone, an interface's name or number, or an empty text. It is valid as long as this object.
    [[nodiscard]] constexpr std::string_view zone() const noexcept { return zone_.view(); }
    /// Returns the same address in another zone, or without a zone for "". Throws parse_error for a zone of more than
    /// 15 characters, or for a zone that could not be read back.
    [[nodiscard]] constexpr ipv6_address with_zone(std::string_view zone) const {
        parse_failure why;
        ipv6_address changed{value_, {}};
        if (zone.empty()) return changed;
        if (is_mapped()) throw parse_error{"zone", zone, parse_failure{"an IPv4-mapped address has no zone", 0}};
        if (!detail::read_zone(zone.data(), zone.data() + zone.size(), changed.zone_, why))
            throw parse_error{"zone", zone, why};
        return changed;
    }
    /// Returns the same address in the zone of the interface with this number, or without a zone for 0. An IPv4-mapped
    /// address has no zone and stays as it is.
    [[nodiscard]] ipv6_address with_zone_number(std::uint32_t number) const noexcept {
        ipv6_address changed{value_, {}};
        if (number == 0 || is_mapped()) return changed;
        parse_failure none;  // digits are a zone
        const std::string digits = std::to_string(number);
        static_cast<void>(detail::read_zone(digits.data(), digits.data() + digits.size(), changed.zone_, none));
        return changed;
    }

    /// Returns the IPv4 address inside ::ffff:a.b.c.d, otherwise nullopt.
    [[nodiscard]] constexpr std::optional<ipv4_address> ipv4_mapped() const noexcept {
        if (!is_mapped()) return std::nullopt;
        return ipv4_address{static_cast<std::uint32_t>(value_.low)};
    }
    /// Returns the router's IPv4 address inside a 6to4 address, 2002:a.b.c.d::/48 (RFC 3056 §2).
    [[nodiscard]] constexpr std::optional<ipv4_address> six_to_four() const noexcept {
        if (value_.high >> 48 != 0x2002) return std::nullopt;
        return ipv4_address{static_cast<std::uint32_t>(value_.high >> 16)};
    }
    struct teredo_parts {
        ipv4_address server;
        ipv4_address client;
    };
    /// Returns the server and the client inside a Teredo address, 2001::/32; the client is stored inverted (RFC 4380
    /// §4).
    [[nodiscard]] constexpr std::optional<teredo_parts> teredo() const noexcept {
        if (value_.high >> 32 != 0x20010000) return std::nullopt;
        return teredo_parts{ipv4_address{static_cast<std::uint32_t>(value_.high)},
                            ipv4_address{static_cast<std::uint32_t>(~value_.low)}};
    }

    /// Returns the IPv4 host that a packet to this address may reach, because a translator or a tunnel extracts the
    /// IPv4 address. Returns nullopt if the address has no such form:
    ///
    ///     ::ffff:a.b.c.d        IPv4-mapped                                        RFC 4291 §2.5.5.2
    ///     ::a.b.c.d             IPv4-compatible, deprecated; :: and ::1 are not    RFC 4291 §2.5.5.1
    ///     ::ffff:0:a.b.c.d      IPv4-translated, of the first stateless translator RFC 2765 §2.1
    ///     64:ff9b::a.b.c.d      NAT64, the well-known prefix                       RFC 6052 §2.1
    ///     64:ff9b:1:…:a.b.c.d   NAT64 in one network, read as a prefix of /96      RFC 8215, RFC 6052 §2.2
    ///     2002:a.b.c.d::        6to4, the router                                   RFC 3056 §2
    ///     2001:0:…              Teredo, the client                                 RFC 4380 §4
    ///     …:0:5efe:a.b.c.d      ISATAP under any prefix, also 200:5efe             RFC 5214 §6.1
    ///
    /// A network may use prefixes of its own for NAT64 (RFC 6052 §2.2); no address tells that.
    [[nodiscard]] constexpr std::optional<ipv4_address> embedded_ipv4() const noexcept {
        const auto low = static_cast<std::uint32_t>(value_.low);
        if (is_mapped() || is_compatible() || is_translated() || is_nat64()) return ipv4_address{low};
        if (value_.high >> 16 == 0x0064'ff9b'0001) return ipv4_address{low};
        if (const auto router = six_to_four()) return router;
        if (const auto parts = teredo()) return parts->client;
        // The bits "universal" and "group" of the interface identifier do not count (RFC 4291 §2.5.1).
        if ((value_.low >> 32 & ~std::uint64_t{0x0300'0000}) == 0x5efe && !is_multicast()) return ipv4_address{low};
        return std::nullopt;
    }

    /// Returns true for ::, and for an IPv4 address inside for which ipv4_address::is_unspecified() does.
    [[nodiscard]] constexpr bool is_unspecified() const noexcept {
        return ask(&ipv4_address::is_unspecified, value_ == detail::uint128{});
    }
    [[nodiscard]] constexpr bool is_loopback() const noexcept {
        return ask(&ipv4_address::is_loopback, value_ == detail::uint128{0, 1});
    }
    /// Returns true in fc00::/7, unique local addresses (RFC 4193), which correspond to 10/8 of IPv4.
    [[nodiscard]] constexpr bool is_private() const noexcept { return ask(&ipv4_address::is_private, in(0xfc00, 7)); }
    [[nodiscard]] constexpr bool is_link_local() const noexcept {
        return ask(&ipv4_address::is_link_local, in(0xfe80, 10));
    }
    /// Returns true in fec0::/10, deprecated in 2004 (RFC 3879).
    [[nodiscard]] constexpr bool is_site_local() const noexcept { return in(0xfec0, 10); }
    [[nodiscard]] constexpr bool is_multicast() const noexcept {
        return ask(&ipv4_address::is_multicast, in(0xff00, 8));
    }
    /// Returns true in the blocks that IANA's IPv6 address space registry marks "Reserved by IETF". These are all
    /// blocks but 2000::/3, fc00::/7, fe80::/9 and ff00::/8. (The block 0000::/8 contains ::1. The block fec0::/10 is
    /// reserved, too; see is_site_local().)
    [[nodiscard]] constexpr bool is_reserved() const noexcept {
        return ask(&ipv4_address::is_reserved, !in(0x2000, 3) && !in(0xfc00, 7) && !in(0xfe80, 9) && !in(0xff00, 8));
    }
    /// Returns true in 2001:db8::/32 (RFC 3849) and 3fff::/20 (RFC 9637).
    [[nodiscard]] constexpr bool is_documentation() const noexcept {
        return ask(&ipv4_address::is_documentation, value_.high >> 32 == 0x20010db8 || in(0x3fff, 16, 0, 4));
    }
    /// Returns true in 2001:2::/48 (RFC 5180).
    [[nodiscard]] constexpr bool is_benchmarking() const noexcept {
        return ask(&ipv4_address::is_benchmarking, value_.high >> 16 == 0x200100020000);
    }
    /// Returns true if routers of the whole Internet forward packets to the address, as ipv4_address::is_global() says.
    /// For multicast the scope nibble decides, and only 0xe is global (RFC 4291 §2.7). An address with an IPv4 address
    /// inside is global only if the IPv4 address is global, too; see embedded_ipv4().
    [[nodiscard]] constexpr bool is_global() const noexcept;
    /// Returns true if the address is global and is no group. It must also lie in the part of IPv6 that IANA assigns
    /// (2000::/3) or be a form of IPv4 (mapped, NAT64). Ask this question before connecting to an address from a
    /// stranger. The answer is false for loopback, private, site-local, reserved and deprecated addresses, also inside
    /// other addresses.
    /// Ask it of the endpoint that you then connect to, because a name may resolve differently the second time.
    [[nodiscard]] constexpr bool is_global_unicast() const noexcept;

    /// Returns all eight groups with all their zeros: 2001:0db8:0000:0000:0000:0000:0000:0001.
    [[nodiscard]] std::string exploded() const;
    /// Returns thirty-two hexadecimal digits, the last first, under ip6.arpa (RFC 3596 §2.5).
    [[nodiscard]] std::string reverse_pointer() const;
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept {
        return detail::mix(detail::mix(value_.high) ^ value_.low);
    }
    constexpr char* write(char* out) const noexcept { return detail::write_ipv6(out, value_, zone_); }

    friend constexpr auto operator<=>(const ipv6_address&, const ipv6_address&) noexcept = default;

  private:
    friend class ip_address;
    constexpr ipv6_address(detail::uint128 value, const detail::zone_name& zone) noexcept
        : value_{value}, zone_{zone} {}
    constexpr bool in(std::uint64_t group, unsigned prefix, std::uint64_t next = 0, unsigned more = 0) const noexcept {
        return ((value_.high >> 32) ^ (group << 16 | next)) >> (32 - prefix - more) == 0;
    }
    constexpr bool is_mapped() const noexcept { return value_.high == 0 && value_.low >> 32 == 0xffff; }
    constexpr bool is_compatible() const noexcept {
        return value_.high == 0 && value_.low >> 32 == 0 && value_.low > 1;
    }
    constexpr bool is_translated() const noexcept { return value_.high == 0 && value_.low >> 32 == 0xffff'0000; }
    constexpr bool is_nat64() const noexcept { return value_.high == 0x0064'ff9b'0000'0000 && value_.low >> 32 == 0; }
    // Not by way of ipv4_mapped(): g++ 12 at -O2 takes its optional for uninitialised and warns.
    constexpr bool ask(bool (ipv4_address::*question)() const noexcept, bool answer) const noexcept {
        return is_mapped() ? (ipv4_address{static_cast<std::uint32_t>(value_.low)}.*question)() : answer;
    }

    detail::uint128 value_;
    detail::zone_name zone_;
};

// ---- Either --------------------------------------------------------------------------------------------

/// An IPv4 or an IPv6 address. IPv4 sorts before IPv6; 127.0.0.1 and ::ffff:127.0.0.1 are different values.
class ip_address : public detail::printable<ip_address> {
  public:
    static constexpr std::size_t text_capacity = ipv6_address::text_capacity;

    /// 0.0.0.0
    constexpr ip_address() noexcept = default;
    constexpr ip_address(ipv4_address address) noexcept : value_{0, address.to_uint()} {}
    constexpr ip_address(const ipv6_address& address) noexcept
        : is_v6_{true}, value_{address.value_}, zone_{address.zone_} {}
    /// Reads a text with a colon as IPv6, any other text as IPv4. Throws parse_error.
    constexpr explicit ip_address(std::string_view text)
        : ip_address{text.find(':') == text.npos ? ip_address{ipv4_address{text}} : ip_address{ipv6_address{text}}} {}
    /// Takes four bytes as IPv4 and sixteen as IPv6, in the order of the wire. Returns nullopt for another number of
    /// bytes.
    template <detail::wire_bytes Bytes>
    static constexpr std::optional<ip_address> from_bytes(const Bytes& bytes) noexcept {
        if (std::size(bytes) == 4) return ipv4_address::from_bytes(bytes);
        return ipv6_address::from_bytes(bytes);
    }
    static constexpr std::optional<ip_address> parse(std::string_view text, parse_failure& why) noexcept {
        if (text.find(':') == text.npos) {
            const auto v4 = ipv4_address::parse(text, why);
            return v4 ? std::optional{ip_address{*v4}} : std::nullopt;
        }
        const auto v6 = ipv6_address::parse(text, why);
        return v6 ? std::optional{ip_address{*v6}} : std::nullopt;
    }
    static constexpr std::optional<ip_address> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns the family of the address.
    [[nodiscard]] constexpr bool is_v4() const noexcept { return !is_v6_; }
    [[nodiscard]] constexpr bool is_v6() const noexcept { return is_v6_; }
    /// Returns the number of bits, 32 or 128.
    [[nodiscard]] constexpr unsigned width() const noexcept { return is_v6_ ? 128 : 32; }
    /// Returns the address in its own family. Throws std::logic_error if the address is of the other family.
    [[nodiscard]] constexpr ipv4_address v4() const {
        return is_v6_ ? throw std::logic_error{"v4() of an IPv6 address"} : as_v4();
    }
    [[nodiscard]] constexpr ipv6_address v6() const {
        return is_v6_ ? as_v6() : throw std::logic_error{"v6() of an IPv4 address"};
    }
    /// Returns the IPv4 address inside an IPv4-mapped IPv6 address, and every other address unchanged. Use it to
    /// compare and count the peers of a dual-stack listener.
    [[nodiscard]] constexpr ip_address unmapped() const noexcept {
        const auto mapped = is_v6_ ? as_v6().ipv4_mapped() : std::nullopt;
        return mapped ? ip_address{*mapped} : *this;
    }
    /// Returns the IPv4 address inside an IPv6 address of any of the known forms; see ipv6_address::embedded_ipv4().
    /// Returns nullopt for all others, and for an IPv4 address, which is inside nothing.
    [[nodiscard]] constexpr std::optional<ipv4_address> embedded_ipv4() const noexcept {
        return is_v6_ ? as_v6().embedded_ipv4() : std::nullopt;
    }
    /// Returns the next address, or nullopt beyond the last address. The zone stays.
    [[nodiscard]] constexpr std::optional<ip_address> next() const noexcept {
        if (value_ == detail::ones(width())) return std::nullopt;
        return ip_address{is_v6_, value_ + detail::uint128{0, 1}, zone_};
    }
    /// Returns the previous address, or nullopt before the first address. The zone stays.
    [[nodiscard]] constexpr std::optional<ip_address> previous() const noexcept {
        if (value_ == detail::uint128{}) return std::nullopt;
        return ip_address{is_v6_, value_ - detail::uint128{0, 1}, zone_};
    }

    /// Calls `question` with the ipv4_address or the ipv6_address, and returns its answer.
    constexpr auto visit(auto&& question) const { return is_v6_ ? question(as_v6()) : question(as_v4()); }

    // The questions that both families answer. Their comments stand at ipv4_address and ipv6_address.
    /// Returns what the same function of the address's family returns; so do the functions below.
    // clang-format off
    [[nodiscard]] constexpr bool is_unspecified() const noexcept {
        return is_v6_ ? as_v6().is_unspecified() : as_v4().is_unspecified();
    }
    [[nodiscard]] constexpr bool is_loopback() const noexcept {
        return is_v6_ ? as_v6().is_loopback() : as_v4().is_loopback();
    }
    [[nodiscard]] constexpr bool is_private() const noexcept {
        return is_v6_ ? as_v6().is_private() : as_v4().is_private();
    }
    [[nodiscard]] constexpr bool is_link_local() const noexcept {
        return is_v6_ ? as_v6().is_link_local() : as_v4().is_link_local();
    }
    [[nodiscard]] constexpr bool is_multicast() const noexcept {
        return is_v6_ ? as_v6().is_multicast() : as_v4().is_multicast();
    }
    [[nodiscard]] constexpr bool is_reserved() const noexcept {
        return is_v6_ ? as_v6().is_reserved() : as_v4().is_reserved();
    }
    [[nodiscard]] constexpr bool is_documentation() const noexcept {
        return is_v6_ ? as_v6().is_documentation() : as_v4().is_documentation();
    }
    [[nodiscard]] constexpr bool is_benchmarking() const noexcept {
        return is_v6_ ? as_v6().is_benchmarking() : as_v4().is_benchmarking();
    }
    [[nodiscard]] constexpr bool is_global() const noexcept;
    [[nodiscard]] constexpr bool is_global_unicast() const noexcept;
    [[nodiscard]] std::string reverse_pointer() const {
        return is_v6_ ? as_v6().reverse_pointer() : as_v4().reverse_pointer();
    }
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return is_v6_ ? as_v6().hash() : as_v4().hash(); }
    constexpr char* write(char* out) const noexcept { return is_v6_ ? as_v6().write(out) : as_v4().write(out); }
    // clang-format on

    friend constexpr auto operator<=>(const ip_address&, const ip_address&) noexcept = default;

  private:
    friend class network;
    template <class Output>
    friend constexpr Output summarize(ip_address first, const ip_address& last, Output out);
    constexpr ip_address(bool is_v6, detail::uint128 value, const detail::zone_name& zone = {}) noexcept
        : is_v6_{is_v6},
          value_{value},
          zone_{is_v6 && ipv6_address{value, zone}.is_mapped() ? detail::zone_name{} : zone} {}
    constexpr ipv4_address as_v4() const noexcept { return ipv4_address{static_cast<std::uint32_t>(value_.low)}; }
    constexpr ipv6_address as_v6() const noexcept { return ipv6_address{value_, zone_}; }

    bool is_v6_ = false;
    detail::uint128 value_;
    detail::zone_name zone_;
};

// ---- Longer texts --------------------------------------------------------------------------------------

inline std::string ipv4_address::reverse_pointer() const {
    return detail::joined(ipv4_address{octet(0), octet(8), octet(16), octet(24)}.to_string(), ".in-addr.arpa");
}

inline std::string ipv6_address::exploded() const {
    std::string text;
    for (const std::uint8_t octet : to_octets()) {
        if (text.size() % 5 == 4) text += ':';
        text += {detail::hexadecimal_digits[octet >> 4], detail::hexadecimal_digits[octet & 0xf]};
    }
    return zone().empty() ? text : detail::joined(text, '%', zone());
}

inline std::string ipv6_address::reverse_pointer() const {
    const auto octets = to_octets();
    std::string text;
    for (std::size_t i = octets.size(); i-- > 0;)
        text += {detail::hexadecimal_digits[octets[i] & 0xf], '.', detail::hexadecimal_digits[octets[i] >> 4], '.'};
    text += "ip6.arpa";
    return text;
}

/// Needs `using namespace netnotes::literals;`. A wrong text is an error of the compiler.
namespace literals {
/// Returns the address of the text: `"192.0.2.1"_ip`.
consteval ip_address operator""_ip(const char* text, std::size_t size) {
    return ip_address{std::string_view{text, size}};
}
}  // namespace literals

}  // namespace netnotes

template <netnotes::detail::text_value Value>
struct std::hash<Value> {
    constexpr std::size_t operator()(const Value& value) const noexcept {
        return static_cast<std::size_t>(value.hash());
    }
};

#endif  // NETNOTES_IP_ADDRESS_HPP



namespace netnotes {

// ---- Endpoints -----------------------------------------------------------------------------------------

namespace detail {
struct write_an_address_and_a_port_in_braces;  // what a compiler shows for a mistake: see tests/package/mistakes.txt
}  // namespace detail

/// An address and a port: where a socket listens, or whom it talks to. The port is in host byte order; it
/// is turned round only where the system's own structure is filled.
class endpoint : public detail::printable<endpoint> {
  public:
    static constexpr std::size_t text_capacity = ip_address::text_capacity + 8;

    /// 0.0.0.0:0
    constexpr endpoint() noexcept = default;
    constexpr endpoint(const ip_address& address, std::uint16_t port) noexcept : address_{address}, port_{port} {}
    constexpr endpoint(ipv4_address address, std::uint16_t port) noexcept : address_{address}, port_{port} {}
    constexpr endpoint(const ipv6_address& address, std::uint16_t port) noexcept : address_{address}, port_{port} {}
    /// Throws parse_error when the text is not an address. (A name is not: see resolve() in socket.hpp.)
    constexpr endpoint(std::string_view address, std::uint16_t port) : address_{address}, port_{port} {}
    template <class Port, class Advice = detail::write_an_address_and_a_port_in_braces>
    requires std::is_arithmetic_v<Port>
    endpoint(Port) = delete;
    /// From `192.0.2.1:80` or `[2001:db8::1]:80`: without brackets, where does the address end? (RFC 3986
    /// §3.2.2.) Throws parse_error.
    constexpr explicit endpoint(std::string_view text) {
        parse_failure why;
        const auto read = parse(text, why);
        if (!read) throw parse_error{"endpoint", text, why};
        *this = *read;
    }
    /// Returns nullopt if the text is no endpoint; `why` then says why.
    static constexpr std::optional<endpoint> parse(std::string_view text, parse_failure& why) noexcept {
        const auto refused = [&](std::string_view pattern, std::size_t position) {
            why = parse_failure{pattern, position};
            return std::nullopt;
        };
        const bool bracketed = text.starts_with('[');
        const std::size_t colon = bracketed ? detail::min(text.find(']'), text.size() - 1) + 1 : text.find(':');
        if (bracketed && text[colon - 1] != ']') return refused("']' is missing", text.size());
        if (colon >= text.size() || text[colon] != ':')
            return refused("':' and a port are missing", detail::min(colon, text.size()));
        if (!bracketed && text.find(':', colon + 1) != text.npos)
            return refused("a second ':'; an IPv6 address needs brackets before a port", text.find(':', colon + 1));
        const std::string_view host = bracketed ? text.substr(1, colon - 2) : text.substr(0, colon);
        ip_address address;
        if (bracketed) {
            const auto v6 = ipv6_address::parse(host, why);
            if (!v6) return why.shift(1), std::nullopt;
            address = *v6;
        } else {
            const auto v4 = ipv4_address::parse(host, why);
            if (!v4) return std::nullopt;
            address = *v4;
        }
        std::uint32_t port = 0;
        if (!detail::read_number(text.data() + colon + 1, text.data() + text.size(), 65535, port, why))
            return why.shift(static_cast<std::ptrdiff_t>(colon + 1)), std::nullopt;
        return endpoint{address, static_cast<std::uint16_t>(port)};
    }
    static constexpr std::optional<endpoint> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns the address, or the port in host byte order.
    [[nodiscard]] constexpr ip_address address() const noexcept { return address_; }
    [[nodiscard]] constexpr std::uint16_t port() const noexcept { return port_; }

    /// Returns a number that is equal for equal endpoints, for std::hash.
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return detail::mix(address_.hash() + port_); }
    /// Writes the text of to_string() to `out`, without a NUL, and returns the place behind its last character. Make
    /// room for text_capacity characters.
    constexpr char* write(char* out) const noexcept {
        if (address_.is_v6()) *out++ = '[';
        out = address_.write(out);
        if (address_.is_v6()) *out++ = ']';
        *out++ = ':';
        return detail::write_number(out, port_);
    }
    friend constexpr auto operator<=>(const endpoint&, const endpoint&) noexcept = default;

  private:
    ip_address address_;
    std::uint16_t port_ = 0;
};

// ---- Ports and hosts, as a user types them -------------------------------------------------------------

/// Reads a port: a decimal number from 0 to 65535, without sign, spaces and leading zeros. Returns nullopt if the text
/// is something else; `why` then says why.
constexpr std::optional<std::uint16_t> parse_port(std::string_view text, parse_failure& why) noexcept {
    std::uint32_t port = 0;
    if (!detail::read_number(text.data(), text.data() + text.size(), 65535, port, why)) return std::nullopt;
    return static_cast<std::uint16_t>(port);
}
constexpr std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
    parse_failure why;
    return parse_port(text, why);
}
/// Does the same for an argument of a program: `read_port(argv[1])`. Throws parse_error, whose what() is for example
/// `"66666" is no port: the number is above 65535, at character 0`.
constexpr std::uint16_t read_port(std::string_view text) {
    parse_failure why;
    const auto port = parse_port(text, why);
    if (!port) throw parse_error{"port", text, why};
    return *port;
}

/// A host and a port, for tcp_stream::connect(), async_connect() and resolve(). The host is a name or an address, and
/// nobody has looked it up yet.
struct host_port {
    std::string host;  ///< without brackets: `example.net`, `192.0.2.1`, `2001:db8::1`
    std::uint16_t port = 0;

    host_port() = default;
    host_port(std::string name_or_address, std::uint16_t its_port) : host{std::move(name_or_address)}, port{its_port} {}
    /// Returns `example.net:80`, with brackets around an IPv6 address.
    [[nodiscard]] std::string to_string() const {
        const bool has_colon = host.find(':') != host.npos;
        return detail::joined(has_colon ? "[" : "", host, has_colon ? "]:" : ":", std::to_string(port));
    }
    friend bool operator==(const host_port&, const host_port&) = default;
};

/// Reads `example.net:80`, `192.0.2.1:80` or `[2001:db8::1]:80`. With a default port the text may end behind the host.
/// Returns nullopt if the text is something else; `why` then says why.
///
/// A host between brackets must be an IPv6 address. Any other host may be a name, so it must not be empty and has no
/// space, control character, '/', '@', '[' or ']'.
inline std::optional<host_port> parse_host_port(std::string_view text, parse_failure& why,
                                                std::optional<std::uint16_t> default_port = std::nullopt) {
    const auto refused = [&](std::string_view pattern, std::size_t at, unsigned char character = 0) {
        why = parse_failure{pattern, at, 0, character};
        return std::nullopt;
    };
    const bool bracketed = text.starts_with('[');
    const std::size_t bracket = text.find(']');
    if (bracketed && bracket == text.npos) return refused("']' is missing", text.size());
    const std::size_t end = detail::min(bracketed ? bracket + 1 : text.find(':'), text.size());
    const std::string_view host = bracketed ? text.substr(1, end - 2) : text.substr(0, end);
    if (bracketed && !ipv6_address::parse(host, why)) return why.shift(1), std::nullopt;
    if (host.empty()) return refused("a host is missing", 0);
    for (std::size_t at = 0; !bracketed && at < end; ++at) {
        const auto c = static_cast<unsigned char>(text[at]);
        if (c <= ' ' || c == 0x7f || c == '/' || c == '@' || c == '[' || c == ']')
            return refused("unexpected character @", at, c);
    }
    if (end == text.size() && default_port) return host_port{std::string{host}, *default_port};
    if (end == text.size() || text[end] != ':') return refused("':' and a port are missing", end);
    if (const std::size_t second = text.find(':', end + 1); !bracketed && second != text.npos)
        return refused("a second ':'; an IPv6 address needs brackets before a port", second);
    const auto port = parse_port(text.substr(end + 1), why);
    if (!port) return why.shift(static_cast<std::ptrdiff_t>(end + 1)), std::nullopt;
    return host_port{std::string{host}, *port};
}
/// Does the same for an argument of a program: `read_host_port(argv[1])`. Throws parse_error.
inline host_port read_host_port(std::string_view text, std::optional<std::uint16_t> default_port = std::nullopt) {
    parse_failure why;
    auto read = parse_host_port(text, why, default_port);
    if (!read) throw parse_error{"host and port", text, why};
    return *std::move(read);
}

// ---- Ports and services --------------------------------------------------------------------------------

/// How IANA divides the ports (RFC 6335 §6): system 0 to 1023, user 1024 to 49151, dynamic from 49152. The ports that a
/// system gives out for port 0 are another range: Linux takes 32768 to 60999 (ip(7)).
enum class port_class { well_known, registered, dynamic };

/// Returns the class of a port.
constexpr port_class classify_port(std::uint16_t port) noexcept {
    return port < 1024 ? port_class::well_known : port < 49152 ? port_class::registered : port_class::dynamic;
}

/// The two protocols that have ports and services in the table below.
enum class transport { tcp, udp };

/// A service and the port that IANA gave it, under its registered name.
struct service {
    std::string_view name;
    std::uint16_t port;
    netnotes::transport transport;
    std::string_view purpose;
};

/// The notes' services, corrected (FTP's control port is 21, not 20), together with further services that are in use
/// today.
inline constexpr std::array<service, 27> services{{
    {"ftp-data", 20, transport::tcp, "the server's source port of active-mode FTP data"},
    {"ftp", 21, transport::tcp, "file transfer, the control connection"},
    {"ssh", 22, transport::tcp, "secure shell and file copy"},
    {"telnet", 23, transport::tcp, "command line without any secrecy"},
    {"smtp", 25, transport::tcp, "mail from server to server"},
    {"domain", 53, transport::tcp, "names to addresses: long answers and zone transfers"},
    {"domain", 53, transport::udp, "names to addresses"},
    {"bootps", 67, transport::udp, "DHCP, the server's side"},
    {"bootpc", 68, transport::udp, "DHCP, the client's side"},
    {"tftp", 69, transport::udp, "trivial file transfer, the request only"},
    {"gopher", 70, transport::tcp, "menus and texts, before the web"},
    {"http", 80, transport::tcp, "web pages"},
    {"pop3", 110, transport::tcp, "fetching mail"},
    {"sunrpc", 111, transport::tcp, "the RPC port mapper"},
    {"nntp", 119, transport::tcp, "news articles"},
    {"ntp", 123, transport::udp, "the time of day"},
    {"imap", 143, transport::tcp, "mailboxes that stay on the server (IMAP4)"},
    {"snmp", 161, transport::udp, "asking and setting network devices"},
    {"https", 443, transport::tcp, "web pages over TLS"},
    {"https", 443, transport::udp, "web pages over QUIC (HTTP/3)"},
    {"submissions", 465, transport::tcp, "handing in mail over TLS"},
    {"router", 520, transport::udp, "RIP: routers tell each other their routes"},
    {"submission", 587, transport::tcp, "handing in mail"},
    {"imaps", 993, transport::tcp, "IMAP over TLS"},
    {"pop3s", 995, transport::tcp, "POP3 over TLS"},
    {"nfs", 2049, transport::tcp, "files of another host as if they were here"},
    {"ircu", 6667, transport::tcp, "internet relay chat; browsers refuse 6665 to 6669, so no HTTP there"},
}};

/// Returns the service with this name or this port, or nullptr if the table does not have it. resolve() in socket.hpp
/// asks the system's own table.
constexpr const service* find_service(std::string_view name, transport protocol) noexcept {
    for (const service& each : services)
        if (each.name == name && each.transport == protocol) return &each;
    return nullptr;
}
constexpr const service* find_service(std::uint16_t port, transport protocol) noexcept {
    for (const service& each : services)
        if (each.port == port && each.transport == protocol) return &each;
    return nullptr;
}

/// Needs `using namespace netnotes::literals;`. A wrong text is an error of the compiler.
namespace literals {
/// Returns the endpoint of the text: `"192.0.2.1:80"_endpoint`.
consteval endpoint operator""_endpoint(const char* text, std::size_t size) {
    return endpoint{std::string_view{text, size}};
}
}  // namespace literals

}  // namespace netnotes

#endif  // NETNOTES_IP_ENDPOINT_HPP


namespace netnotes {

namespace detail {
struct write_net_endpoint_or_net_unix_endpoint_around_the_text;  // see tests/package/mistakes.txt
}

// ---- Names of sockets ----------------------------------------------------------------------------------

/// The family of a socket's addresses (socket(2)).
enum class address_family : int { unspecified = AF_UNSPEC, inet = AF_INET, inet6 = AF_INET6, local = AF_UNIX };

/// How a socket moves its bytes (socket(2)).
enum class socket_type : int {
    stream = SOCK_STREAM,               ///< a connection, bytes in order without borders: TCP.
    datagram = SOCK_DGRAM,              ///< no connection, single messages: UDP.
    sequenced_packet = SOCK_SEQPACKET,  ///< a connection that keeps the messages' borders; AF_UNIX has it
    raw = SOCK_RAW,                     ///< whole packets of a protocol below the ports: ICMP. For root (raw(7))
};

/// The name of a socket for conversations inside one machine (unix(7)). It is a path in the file system, a name in the
/// kernel's *abstract* namespace (Linux), or empty. An abstract name needs no file and vanishes with its socket.
class unix_endpoint {
  public:
    static constexpr std::size_t max_size = sizeof(sockaddr_un::sun_path);  ///< 108 bytes; abstract, one fewer

    /// Creates an empty name, as a client without bind() has.
    unix_endpoint() noexcept = default;
    /// Takes a path. Throws std::invalid_argument if it is empty, holds a NUL, or is longer than max_size.
    explicit unix_endpoint(std::string_view path) : unix_endpoint{path, kind::path} {
        if (path.empty() || path.find('\0') != path.npos)
            throw std::invalid_argument{"a socket's path is empty or contains a NUL"};
    }
    /// Returns an abstract name of any bytes. Throws std::invalid_argument if it is longer than max_size.
    static unix_endpoint abstract(std::string_view name) { return {name, kind::abstract}; }

    /// Returns the path, or the bytes of an abstract name; empty for an unnamed endpoint.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Returns true if the name is abstract: it lies in the kernel, and there is no file of this name.
    [[nodiscard]] bool is_abstract() const noexcept { return is_abstract_; }
    /// Returns true for a socket that was never bound, for example a client.
    [[nodiscard]] bool is_unnamed() const noexcept { return name_.empty() && !is_abstract_; }
    /// Returns the path, `@name` for an abstract name (as ss(8) does), or `(unnamed)`, for a terminal or a log. A peer
    /// chooses its name, so the text is visible(): a line feed in the name is `\n`. name() has the bytes themselves.
    [[nodiscard]] std::string to_string() const {
        return is_unnamed() ? "(unnamed)" : visible(is_abstract_ ? detail::joined('@', name_) : name_);
    }
    friend bool operator==(const unix_endpoint&, const unix_endpoint&) = default;
    /// Writes to_string().
    template <class Traits>
    friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                                        const unix_endpoint& name) {
        const std::string text = name.to_string();
        return out << std::basic_string_view<char, Traits>(text.data(), text.size());
    }

  private:
    enum class kind : bool { path, abstract };  // no bool: {"127.0.0.1", 80} must not fit
    unix_endpoint(std::string_view name, kind what) : name_{name}, is_abstract_{what == kind::abstract} {
        if (name.size() + is_abstract_ > max_size)
            throw std::invalid_argument{"a Unix socket's name has at most " + std::to_string(max_size) + " bytes"};
    }
    std::string name_;
    bool is_abstract_ = false;
};

/// The address of a socket of any family, which the kernel calls a sockaddr. It hides byte order, structure sizes and
/// zones.
class socket_address {
  public:
    /// Creates an address without a family.
    socket_address() noexcept = default;
    /// Takes an IP endpoint. A zone that is not a number is the name of an interface. Throws std::system_error if no
    /// interface has that name.
    socket_address(const endpoint& where);  // NOLINT(google-explicit-constructor)
    socket_address(const unix_endpoint& where) noexcept;
    template <class Text, class Advice = detail::write_net_endpoint_or_net_unix_endpoint_around_the_text>
    requires std::is_convertible_v<const Text&, std::string_view>
    socket_address(const Text&) = delete;

    /// Returns the family, or address_family::unspecified if there is no address.
    [[nodiscard]] address_family family() const noexcept { return static_cast<address_family>(storage_.any.sa_family); }
    /// Returns true for an address with a port, of IPv4 or IPv6.
    [[nodiscard]] bool is_ip() const noexcept {
        return family() == address_family::inet || family() == address_family::inet6;
    }
    /// Returns the IP endpoint. Its zone is the interface's number: `fe80::1%2`. Throws
    /// std::invalid_argument if this is not the address of an IP socket.
    [[nodiscard]] endpoint ip() const;
    /// Returns the name of a Unix socket. The name is empty if there is no address, as for a datagram whose sender did
    /// not bind.
    [[nodiscard]] unix_endpoint local() const;
    /// Returns the text of the endpoint, or `(no address)`.
    [[nodiscard]] std::string to_string() const;

    /// Returns the bytes of the address and their number, for system calls. resize() takes the number that a call
    /// has written.
    [[nodiscard]] const sockaddr* data() const noexcept { return &storage_.any; }
    [[nodiscard]] sockaddr* data() noexcept { return &storage_.any; }
    [[nodiscard]] socklen_t size() const noexcept { return size_; }
    void resize(socklen_t size) noexcept {
        // Behind a path of 108 bytes the kernel keeps and counts a NUL, but does not accept it back (unix(7), BUGS).
        size_ = family() == address_family::local ? detail::min(size, socklen_t{sizeof(sockaddr_un)}) : size;
    }
    static constexpr socklen_t capacity = sizeof(sockaddr_storage);

    friend bool operator==(const socket_address& a, const socket_address& b) {
        if (a.is_ip() && b.is_ip()) return a.ip() == b.ip();  // flow labels and padding do not count
        if (a.family() == address_family::unspecified) return b.family() == a.family();  // the kernel's size is 0
        return a.size_ == b.size_ && std::memcmp(a.data(), b.data(), a.size_) == 0;
    }
    /// Writes to_string().
    template <class Traits>
    friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                                        const socket_address& address) {
        const std::string text = address.to_string();
        return out << std::basic_string_view<char, Traits>(text.data(), text.size());
    }

  private:
    union {
        sockaddr_storage whole{};  // first, so that all of it is zero
        sockaddr any;
        sockaddr_in inet;
        sockaddr_in6 inet6;
        sockaddr_un local;
    } storage_;
    socklen_t size_ = sizeof(sa_family_t);
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
inline std::error_code last_error() noexcept { return {errno, std::system_category()}; }
/// Returns true if a call failed because the system has no IPv6, and `::` means more than IPv6. Without the protocol
/// there is no socket (EAFNOSUPPORT). If IPv6 is switched off, there is no address (EADDRNOTAVAIL).
inline bool may_do_without_ipv6(const endpoint& where, const std::error_code& error) noexcept {
    return where.address() == ip_address{ipv6_address::any()} &&
           (error.value() == EAFNOSUPPORT || error.value() == EADDRNOTAVAIL) &&
           error.category() == std::system_category();
}
/// Throws the error with the joined texts in front. Not inlined: it is cold, and a hundred functions call it.
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_error(const std::error_code& error, const text_part& a,
                                                    const text_part& b = {}, const text_part& c = {},
                                                    const text_part& d = {}, const text_part& e = {},
                                                    const text_part& f = {}, const text_part& g = {},
                                                    const text_part& h = {}, const text_part& i = {}) {
    throw std::system_error{error, joined(a, b, c, d, e, f, g, h, i)};
}
}  // namespace detail

// ---- socket_address

inline socket_address::socket_address(const endpoint& where) {
    if (where.address().is_v4()) {
        storage_.inet.sin_family = AF_INET;
        storage_.inet.sin_port = htons(where.port());
        storage_.inet.sin_addr.s_addr = htonl(where.address().v4().to_uint());
        size_ = sizeof storage_.inet;
        return;
    }
    const ipv6_address address = where.address().v6();
    const auto octets = address.to_octets();
    storage_.inet6.sin6_family = AF_INET6;
    storage_.inet6.sin6_port = htons(where.port());
    std::memcpy(&storage_.inet6.sin6_addr, octets.data(), octets.size());
    size_ = sizeof storage_.inet6;
    if (const std::string_view zone = address.zone(); !zone.empty()) {
        std::uint32_t index = 0;
        const auto [end, error] = std::from_chars(zone.data(), zone.data() + zone.size(), index);
        if (error != std::errc{} || end != zone.data() + zone.size()) {
            index = ::if_nametoindex(std::string{zone}.c_str());
            if (index == 0) detail::throw_error(detail::last_error(), "zone of ", address.to_string());
        }
        storage_.inet6.sin6_scope_id = index;
    }
}

inline socket_address::socket_address(const unix_endpoint& where) noexcept {
    storage_.local.sun_family = AF_UNIX;
    if (where.is_unnamed()) return;
    const std::size_t nul = where.is_abstract() ? 1 : 0;  // an abstract name begins with a NUL, a path ends with a NUL
    std::memcpy(storage_.local.sun_path + nul, where.name().data(), where.name().size());
    const std::size_t size = detail::min(where.name().size() + 1, unix_endpoint::max_size);
    size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
}

inline endpoint socket_address::ip() const {
    if (family() == address_family::inet)
        return {ipv4_address{ntohl(storage_.inet.sin_addr.s_addr)}, ntohs(storage_.inet.sin_port)};
    if (family() != address_family::inet6)
        throw std::invalid_argument{detail::joined("not the address of an IP socket: ", to_string())};
    std::array<std::uint8_t, 16> octets{};
    std::memcpy(octets.data(), &storage_.inet6.sin6_addr, octets.size());
    // (An IPv4-mapped address has no zone, whatever getaddrinfo() puts there.)
    const ipv6_address address = ipv6_address{octets}.with_zone_number(storage_.inet6.sin6_scope_id);
    return {address, ntohs(storage_.inet6.sin6_port)};
}

inline unix_endpoint socket_address::local() const {
    if (family() == address_family::unspecified) return {};
    if (family() != address_family::local)
        throw std::invalid_argument{detail::joined("not the address of a Unix socket: ", to_string())};
    const std::size_t size = size_ > offsetof(sockaddr_un, sun_path) ? size_ - offsetof(sockaddr_un, sun_path) : 0;
    if (size == 0) return {};
    if (storage_.local.sun_path[0] == '\0') return unix_endpoint::abstract({storage_.local.sun_path + 1, size - 1});
    return unix_endpoint{std::string_view{storage_.local.sun_path, ::strnlen(storage_.local.sun_path, size)}};
}

inline std::string socket_address::to_string() const {
    if (is_ip()) return ip().to_string();
    if (family() == address_family::local) return local().to_string();
    if (family() == address_family::unspecified) return "(no address)";
    return detail::joined("(address family ", std::to_string(storage_.any.sa_family), ')');
}

namespace detail {
/// Converts an address without throwing. Fails if its zone names no interface.
inline socket_address to_socket_address(const endpoint& where, std::error_code& error) noexcept {
    error.clear();
    try {
        return where;
    } catch (const std::system_error& failure) {
        error = failure.code();
    } catch (const std::bad_alloc&) {
        error = std::make_error_code(std::errc::not_enough_memory);
    }
    return {};
}
}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_ADDRESS_HPP


namespace netnotes {

/// A file to read: a path, or a descriptor that is already open. The file is opened at once; an error is kept, and the
/// call that uses the file reports it. A file that was opened by path is closed with this object. A descriptor still
/// belongs to the caller, who must keep it open as long as this object is used.
class input_file {
  public:
    /// Borrows an open descriptor.
    input_file(int descriptor) noexcept  // NOLINT(google-explicit-constructor)
        : descriptor_{descriptor}, error_{descriptor < 0 ? EBADF : 0} {}
    /// Opens the file for reading. Does not wait for the other end of a FIFO: without a writer it is empty.
    input_file(const char* path) : path_{path}, is_owned_{true} {  // NOLINT(google-explicit-constructor)
        descriptor_ = ::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (descriptor_ < 0)
            error_ = errno;
        else
            ::fcntl(descriptor_, F_SETFL, 0);  // only open() must not wait: a read waits for the writer of a FIFO
    }
    /// Opens the file, like the constructor above. It also takes a std::filesystem::path.
    template <class Path>
    requires requires(const Path& path) {
        { path.c_str() } -> std::same_as<const char*>;
    }
    input_file(const Path& path) : input_file{path.c_str()} {}  // NOLINT(google-explicit-constructor)
    input_file(input_file&& other) noexcept
        : path_{std::move(other.path_)},
          descriptor_{std::exchange(other.descriptor_, -1)},
          error_{std::exchange(other.error_, EBADF)},
          is_owned_{std::exchange(other.is_owned_, false)} {}
    input_file& operator=(input_file&&) = delete;
    ~input_file() {
        if (is_owned_ && descriptor_ >= 0) ::close(descriptor_);
    }

    /// Returns the descriptor, or -1 if the file could not be opened.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_; }
    /// Returns why the file could not be opened, or no error.
    [[nodiscard]] std::error_code error() const noexcept { return {error_, std::system_category()}; }
    /// Returns the path, or "descriptor 3".
    [[nodiscard]] std::string name() const {
        return is_owned_ ? path_ : detail::joined("descriptor ", std::to_string(descriptor_));
    }

  private:
    std::string path_;
    int descriptor_ = -1;
    int error_ = 0;  // a value of errno
    bool is_owned_ = false;
};

namespace detail {
/// Refers to a function object, or keeps a pointer to a function. Of std::function it has only the call.
template <class... Arguments>
class function_reference {
  public:
    constexpr function_reference() noexcept = default;
    template <class Call>
    constexpr explicit function_reference(Call& call) noexcept {
        if constexpr (std::is_function_v<std::remove_pointer_t<std::remove_cv_t<Call>>>) {
            using pointer = std::decay_t<Call>;
            const pointer kept = call;
            object_ = reinterpret_cast<void*>(kept);  // POSIX: a void* holds it (dlsym)
            if (kept)
                call_ = [](void* object, Arguments... arguments) { reinterpret_cast<pointer>(object)(arguments...); };
        } else {
            object_ = const_cast<std::remove_cv_t<Call>*>(&call);
            call_ = [](void* object, Arguments... arguments) { (*static_cast<Call*>(object))(arguments...); };
        }
    }
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return call_ != nullptr; }
    void operator()(Arguments... arguments) const {
        if (call_) call_(object_, arguments...);
    }

  private:
    void* object_ = nullptr;
    void (*call_)(void*, Arguments...) = nullptr;
};
}  // namespace detail

/// Refers to a function `void(std::uint64_t sent)`: a plain function, or an object such as a lambda. It does not own
/// the object, which must live until the call that uses it has ended. A lambda written inside that call does.
class progress_callback {
  public:
    constexpr progress_callback() noexcept = default;
    template <class Call>
    requires(std::invocable<Call&, std::uint64_t> && !std::same_as<std::remove_cvref_t<Call>, progress_callback>)
    constexpr progress_callback(Call&& call) noexcept : call_{call} {}  // NOLINT(google-explicit-constructor)
    /// Returns true if there is a function to call.
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return static_cast<bool>(call_); }
    /// Calls the function with the number of bytes that were sent so far; does nothing without a function.
    void operator()(std::uint64_t sent) const { call_(sent); }

  private:
    detail::function_reference<std::uint64_t> call_;
};

/// The settings of send_file().
struct send_file_options {
    std::uint64_t offset = 0;  ///< The first byte to send. The file's own position is neither used nor changed.
    /// The number of bytes to send, at most. The default sends up to the present end of the file.
    std::uint64_t count = std::numeric_limits<std::uint64_t>::max();
    /// Called after each part with the number of bytes that were sent since the call began. If it throws, send_file()
    /// ends with that exception.
    progress_callback progress{};
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Calls sendfile(2) without a SIGPIPE. send(2) has the flag MSG_NOSIGNAL for this, but sendfile(2) has no flags. So
/// the signal is blocked during the call, and taken away if the call has raised it.
inline ssize_t sendfile_quietly(int to, int from, off_t& offset, std::size_t count) noexcept {
    sigset_t pipe, before, pending;
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
    // An earlier SIGPIPE that the program has blocked by itself is not ours to take.
    const bool is_earlier =
        ::sigismember(&before, SIGPIPE) == 1 && ::sigpending(&pending) == 0 && ::sigismember(&pending, SIGPIPE) == 1;
    const ssize_t sent = ::sendfile(to, from, &offset, count);
    const int error = errno;
    constexpr timespec at_once{};
    // A call that sent a part before it failed has raised the signal too, and returns the size of that part.
    const bool may_have_raised = sent < 0 ? error == EPIPE : static_cast<std::size_t>(sent) < count;
    if (may_have_raised && !is_earlier)
        while (::sigtimedwait(&pipe, nullptr, &at_once) < 0 && errno == EINTR) {
        }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return sent;
}

/// The bytes of a file that are still to be sent, and how they are taken from it.
class file_part {
  public:
    static constexpr std::size_t largest_step = std::size_t{2} << 20;  ///< for progress, deadlines and other tasks
    static constexpr std::size_t block = std::size_t{16} << 10;        ///< to read without sendfile

    file_part(const input_file& file, const send_file_options& options, std::error_code& error) noexcept
        : file_{file.native_handle()}, left_{options.count} {
        constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
        error = file.error();
        if (!error && options.offset > most) error = std::make_error_code(std::errc::value_too_large);
        if (error) return;
        offset_ = static_cast<off_t>(options.offset);
        left_ = detail::min(left_, most - options.offset);
        // With the size known, no last call is needed that only finds the end. And Linux before 6.5 holds the last bytes
        // back for 200 ms if sendfile(2) is asked for more than there is. (A file of /proc says that it is empty.)
        struct stat status {};
        if (::fstat(file_, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
            left_ = detail::min(left_, static_cast<std::uint64_t>(detail::max<off_t>(status.st_size - offset_, 0)));
    }
    [[nodiscard]] bool is_done() const noexcept { return left_ == 0; }
    [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

    /// Sends once with sendfile(2), at most `most` bytes. Returns its result; 0 is the end of the file.
    ssize_t step(int to, std::size_t most) noexcept {
        const ssize_t size =
            sendfile_quietly(to, file_, offset_, static_cast<std::size_t>(detail::min<std::uint64_t>(left_, most)));
        if (size >= 0) count(static_cast<std::size_t>(size));
        return size;
    }
    /// Returns true if an error of step() means that the file must be read. A file that fails for another reason
    /// (a directory, no permission) then fails again when it is read, with that reason.
    [[nodiscard]] static bool is_refused(int error) noexcept {
        return error == EINVAL || error == ENOSYS || error == ESPIPE || error == EOPNOTSUPP || error == EOVERFLOW;
    }
    /// Reads the next bytes and returns their number; 0 is the end of the file. Call taken() after they were sent. A
    /// pipe or a terminal may keep its reader waiting. Without `may_wait` they fail with errc::invalid_seek.
    std::size_t read(std::byte* room, std::size_t room_size, bool may_wait, std::error_code& error) noexcept {
        const auto size = static_cast<std::size_t>(detail::min<std::uint64_t>(left_, room_size));
        for (;;) {
            const ssize_t got = has_position_ ? ::pread(file_, room, size, offset_) : ::read(file_, room, size);
            if (got >= 0) {
                error.clear();
                return static_cast<std::size_t>(got);
            }
            if (errno == ESPIPE && has_position_ && offset_ == 0 &&
                may_wait) {  // a pipe can only be read from where it is
                has_position_ = false;
                continue;
            }
            if (errno == EINTR) continue;
            error = last_error();
            return 0;
        }
    }
    /// Counts bytes of read() that were sent.
    void taken(std::size_t size) noexcept {
        offset_ += static_cast<off_t>(size);
        count(size);
    }

  private:
    void count(std::size_t size) noexcept {
        left_ -= size;
        sent_ += size;
    }

    int file_;
    bool has_position_ = true;
    off_t offset_ = 0;
    std::uint64_t left_, sent_ = 0;
};

}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_FILE_HPP

// netnotes/socket/socket.hpp: the socket
// SPDX-License-Identifier: MIT
//
// A socket is an end of a conversation, held by the kernel. The program holds a small number for it, the *descriptor*.
// A socket need not be an end of a connection: a datagram socket has no connection, and a listening socket only
// accepts them. This header owns the descriptor and closes it exactly once. It also handles here, in one place, the
// things that programs often get wrong:
//
//   a signal interrupts a call (EINTR)       the call goes on, with the time that is left
//   the peer is gone (SIGPIPE)               an error, not the death of the process
//   a timeout                                a point in time: a peer that sends a byte a second cannot extend
//                                            it. It is reported as errc::timed_out, never as EAGAIN
//   a child process inherits descriptors     close-on-exec, always
//   what failed, and on what                 "bind 0.0.0.0:80: Permission denied"
//
//        server                                     client
//          socket{inet, stream}                       socket{inet, stream}
//          bind({any, 6666})                          |
//          listen()                                   |
//          accept() <───────── handshake ──────────── connect({"192.0.2.1", 6666})
//            └─> a new socket  <───── bytes ────────> send_all, recv
//
// Each call has two forms. The plain form throws std::system_error. The form with a std::error_code at its end
// does not throw. Use it for outcomes that a program expects, as Python's connect_ex is for connect.
//
//   Python                          C                                here
//   socket(family, type)            socket                           socket{family, type}
//   bind, listen, accept            bind, listen, accept4            bind, listen, accept
//   connect / connect_ex            connect                          connect(where) / connect(where, error)
//   recv / recv_into                recv                             recv(buffer): the buffer is yours; recv_exact
//   send / sendall                  send / a loop                    send / send_all
//   sendfile                        sendfile                         send_file
//   recvfrom, sendto                recvmsg, sendto                  recv_from, send_to
//   close, shutdown                 close, shutdown                  close, shutdown; and the destructor
//   getpeername, getsockname        the same                         peer_endpoint, local_endpoint
//   setsockopt, getsockopt          the same                         set_option, get_option
//   settimeout, gettimeout          poll before every call           set_timeout, set_deadline, timeout
//   setblocking                     fcntl(O_NONBLOCK)                set_blocking
//   fileno, detach                  the int itself                   native_handle, release
//   makefile                        fdopen                           socket_iostream, in socket/iostream.hpp
//   socketpair, getaddrinfo         the same                         socket_pair, resolve
//
// On this page:  socket · socket_pair
// Below it:      socket/handle.hpp, what all sockets have; socket/buffer.hpp, bytes; socket/time.hpp, timeouts
// The notes:     socket 至 公共用途的套接字函数 (sockets and their methods); examples 01, 05 and 10

#ifndef NETNOTES_SOCKET_SOCKET_HPP
#define NETNOTES_SOCKET_SOCKET_HPP

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <system_error>
#include <utility>



// netnotes/socket/buffer.hpp: bytes
// SPDX-License-Identifier: MIT
//
// The calls of a socket take a buffer: room to receive into, or bytes to send.
//
// On this page:  mutable_buffer, const_buffer, as_text
// The notes:     recv, send (公共用途的套接字函数); example 05

#ifndef NETNOTES_SOCKET_BUFFER_HPP
#define NETNOTES_SOCKET_BUFFER_HPP

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>



namespace netnotes {

namespace detail {
template <class Byte>
concept byte_like = sizeof(Byte) == 1 && std::is_trivially_copyable_v<Byte>;
template <class Range>
concept bytes_range = requires(Range& range) {
    { std::size(range) } -> std::convertible_to<std::size_t>;
    requires byte_like<std::remove_cvref_t<decltype(*std::data(range))>>;
};
template <class Pointer>
concept text_pointer = std::is_pointer_v<Pointer> && std::is_convertible_v<Pointer, const char*>;
class borrowed_socket;
// What a compiler shows for a mistake: see tests/package/mistakes.txt.
struct write_std_span_buffer_first_size;
struct give_a_buffer_to_receive_into_not_a_size;
struct bytes_to_send_are_text_or_a_range_of_bytes;
struct room_to_receive_is_a_range_of_char_or_std_byte_that_is_not_const;
}  // namespace detail

/// Room to receive into, made from any contiguous bytes: an array, a std::array, std::string, std::vector or std::span
/// of std::byte, char or unsigned char. The buffer does not own its memory and does not grow.
class mutable_buffer : public std::span<std::byte> {
  public:
    using std::span<std::byte>::span;
    constexpr mutable_buffer(std::span<std::byte> bytes) noexcept : std::span<std::byte>{bytes} {}
    template <detail::bytes_range Range>
    mutable_buffer(Range&& range) noexcept  // NOLINT(bugprone-forwarding-reference-overload)
        requires(!std::is_const_v<std::remove_reference_t<decltype(*std::data(range))>>)
        : std::span<std::byte>{reinterpret_cast<std::byte*>(std::data(range)), std::size(range)} {}
    template <class Range, class Advice = detail::room_to_receive_is_a_range_of_char_or_std_byte_that_is_not_const>
    requires(requires(Range& range) { std::data(range); } &&
             !(detail::bytes_range<Range> && requires(Range& range) { *std::data(range) = {}; }))
    mutable_buffer(Range&&) = delete;
    template <class Number, class Advice = detail::give_a_buffer_to_receive_into_not_a_size>
    requires std::is_arithmetic_v<Number>
    mutable_buffer(Number) = delete;
};

/// Bytes to send, made from any contiguous bytes or from text. The NUL at the end of a literal is not sent. No type can
/// tell a literal from another *const* array of char, so a NUL at the end of such an array is not sent either. An array
/// of char that is not const is refused, because it is seldom full: use `std::span{buffer}.first(size)`.
class const_buffer : public std::span<const std::byte> {
  public:
    using std::span<const std::byte>::span;
    constexpr const_buffer(std::span<const std::byte> bytes) noexcept : std::span<const std::byte>{bytes} {}
    const_buffer(const std::string_view& text) noexcept
        : std::span<const std::byte>{reinterpret_cast<const std::byte*>(text.data()), text.size()} {}
    template <detail::text_pointer Pointer>
    const_buffer(Pointer text) noexcept : const_buffer{std::string_view{text}} {}
    template <detail::byte_like Byte, std::size_t Size>
    const_buffer(Byte (&array)[Size]) noexcept
        : std::span<const std::byte>{reinterpret_cast<const std::byte*>(array),
                                     Size - (std::is_same_v<Byte, const char> && array[Size - 1] == Byte{})} {}
    template <std::size_t Size, class Advice = detail::write_std_span_buffer_first_size>
    const_buffer(char (&array)[Size]) = delete;
    template <class Number, class Advice = detail::bytes_to_send_are_text_or_a_range_of_bytes>
    requires std::is_arithmetic_v<Number>
    const_buffer(Number) = delete;
    template <class Range, class Advice = detail::bytes_to_send_are_text_or_a_range_of_bytes>
    requires(requires(const Range& range) { std::data(range); } && !detail::bytes_range<const Range>)
    const_buffer(const Range&) = delete;
    template <detail::bytes_range Range>
    const_buffer(const Range& range) noexcept
        : std::span<const std::byte>{reinterpret_cast<const std::byte*>(std::data(range)), std::size(range)} {}
};

namespace detail {
/// Returns the bytes of a value, for an option of a socket. (std::as_bytes() makes the compiler check each type.)
template <class Value>
std::span<const std::byte> bytes_of(const Value& value) noexcept {
    return {reinterpret_cast<const std::byte*>(&value), sizeof value};
}
/// Returns the bytes of a value, to fill them.
template <class Value>
std::span<std::byte> room_of(Value& value) noexcept {
    return {reinterpret_cast<std::byte*>(&value), sizeof value};
}
}  // namespace detail

/// Returns received bytes as text, without a copy and without a check: a peer may send anything.
inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_BUFFER_HPP


// netnotes/socket/handle.hpp: an open socket, whatever it is used for
// SPDX-License-Identifier: MIT
//
// A socket is held by the kernel. The program holds a small number for it, the *descriptor*. This class owns the
// descriptor. It has the calls that all sockets share: options, endpoints of both sides, shutdown, and timeouts.
// The class socket adds the calls that move bytes.
//
//        set_blocking(false)     a call returns at once: errc::operation_would_block
//        set_timeout(2s)         a call ends within two seconds: errc::timed_out
//        set_deadline(end)       all calls end by this moment
//        stop_with(stop)         a request to stop ends each wait: errc::operation_canceled
//
// On this page:  socket_handle · shutdown_direction
// The notes:     公共用途的套接字函数 (the functions that all sockets have); example 05

#ifndef NETNOTES_SOCKET_HANDLE_HPP
#define NETNOTES_SOCKET_HANDLE_HPP

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>




// netnotes/socket/options.hpp: the options of a socket, as types
// SPDX-License-Identifier: MIT
//
// setsockopt(2) takes any bytes for any option. A type for each option has the right size, and refuses values out of
// range.
//
//        net::socket stream{net::address_family::inet, net::socket_type::stream};
//        stream.set_option(net::option::keep_alive{true});
//        auto size = stream.get_option<net::option::receive_buffer>();
//
// On this page:  option::reuse_address, reuse_port, keep_alive, broadcast, receive_buffer, send_buffer, ipv6_only,
// linger The notes:     setsockopt, getsockopt (公共用途的套接字函数); example 05

#ifndef NETNOTES_SOCKET_OPTIONS_HPP
#define NETNOTES_SOCKET_OPTIONS_HPP

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>



// netnotes/socket/time.hpp: how long a call waits
// SPDX-License-Identifier: MIT
//
// Every timeout of the library is measured on one clock, and saturates: the longest duration waits for ever.
//
//        stream.set_timeout(2s);                        // namespace net = netnotes; using std::chrono literals
//        stream.set_timeout(std::chrono::hours::max()); // never
//        stream.set_deadline(net::clock::now() + 1min); // a point in time, for many calls together
//
// On this page:  clock, duration, time_point, never, wait_time
// The notes:     socket.settimeout() (公共用途的套接字函数); example 05

#ifndef NETNOTES_SOCKET_TIME_HPP
#define NETNOTES_SOCKET_TIME_HPP

#include <cstdint>
#include <ctime>
#include <limits>
#include <ratio>
#include <stdexcept>
#include <type_traits>
#include <utility>
// <chrono> also has calendars and time zones, for which every compilation waits a tenth of a second. The waits of
// <semaphore> take durations and points in time, and libstdc++ defines both there, with the clocks and the literals.
#ifdef _GLIBCXX_RELEASE
#include <semaphore>
#else
#include <chrono>
#endif




namespace netnotes {

// ---- Time and bytes ------------------------------------------------------------------------------------

/// The clock that measures all waiting. No program can set it.
using clock = std::chrono::steady_clock;
using duration = clock::duration;
using time_point = clock::time_point;

/// The timeout that never expires. Zero means *now*: a call that cannot finish at once fails with errc::timed_out.
inline constexpr duration never = duration::max();

namespace detail {
struct write_a_time_with_its_unit_like_5s_or_500ms;  // what a compiler shows: see tests/package/mistakes.txt

/// Converts a duration to another unit and saturates where std::chrono would overflow: hours::max() is `To`'s maximum.
/// Rounds up to a whole unit, so that no wait is too short. Throws std::invalid_argument for NaN.
template <class To, class Rep, class Period>
constexpr To saturated(const std::chrono::duration<Rep, Period>& time) {
    if constexpr (std::is_floating_point_v<Rep>) {
        if (time.count() != time.count()) throw std::invalid_argument{"the duration is not a number (NaN)"};
        const std::chrono::duration<long double, typename To::period> exact{time};
        if (exact.count() >= static_cast<long double>(To::max().count())) return To::max();
        if (exact.count() <= static_cast<long double>(To::min().count())) return To::min();
        return std::chrono::ceil<To>(exact);
    } else {
        using factor = std::ratio_divide<Period, typename To::period>;
        constexpr auto times = static_cast<std::uint64_t>(factor::num), by = static_cast<std::uint64_t>(factor::den);
        constexpr auto most = static_cast<std::uint64_t>(To::max().count());
        const bool is_negative = std::cmp_less(time.count(), 0);
        const auto count = static_cast<std::uint64_t>(time.count());
        const std::uint64_t size = is_negative ? 0 - count : count, rest = size % by;
        // size * times / by, without a product that is larger than the result: the whole part, then that of the rest.
        std::uint64_t part = 0, left = 0;
        if constexpr (by - 1 <= std::numeric_limits<std::uint64_t>::max() / times) {
            part = rest * times / by;
            left = rest * times % by;
        } else {
            for (int bit = 63; bit >= 0; --bit) {  // as on paper, in base 2: left < by, which has at most 63 bits
                left = 2 * left;
                part = 2 * part + (left >= by);
                if (left >= by) left -= by;
                if ((times >> bit & 1) == 0) continue;
                left += rest;
                part += left >= by;
                if (left >= by) left -= by;
            }
        }
        if (left > 0 && !is_negative) ++part;
        if (size / by > most / times || part > most - size / by * times) return is_negative ? To::min() : To::max();
        const auto result = static_cast<typename To::rep>(size / by * times + part);
        return To{is_negative ? -result : result};
    }
}
}  // namespace detail

/// A time to wait, made from a duration of any unit, floating-point ones included. A time that is too long for
/// `duration` (292 years) becomes `never`, and so does infinity. So hours::max() waits for ever and does not overflow
/// to the past. A negative time counts as zero in every wait. Throws std::invalid_argument for NaN.
class wait_time : public duration {
  public:
    constexpr wait_time() noexcept : duration{duration::zero()} {}
    constexpr wait_time(duration time) noexcept : duration{time} {}
    template <class Rep, class Period>
    constexpr wait_time(const std::chrono::duration<Rep, Period>& time) : duration{detail::saturated<duration>(time)} {}
    template <class Number, class Advice = detail::write_a_time_with_its_unit_like_5s_or_500ms>
    requires std::is_arithmetic_v<Number>
    wait_time(Number) = delete;
};

namespace detail {
inline time_point later(time_point start, duration time) noexcept {
    return time > time_point::max() - start ? time_point::max() : start + time;  // `never` would overflow
}
inline time_point end_of(duration timeout) noexcept { return later(clock::now(), detail::max(timeout, duration::zero())); }

/// Counts down a timeout over the parts of a call.
class time_left {
  public:
    explicit time_left(duration timeout) noexcept : end_{timeout == never ? time_point::max() : end_of(timeout)} {}
    [[nodiscard]] duration now() const noexcept {
        return end_ == time_point::max() ? never : detail::max(end_ - clock::now(), duration::zero());
    }

  private:
    time_point end_;
};

/// Converts a time for ppoll(2) and pselect(2), rounded up to nanoseconds, so that they never return early. Where
/// time_t has 32 bits the kernel refuses more than 68 years (EINVAL), so 68 years are the longest.
inline timespec to_timespec(duration time) noexcept {
    using std::chrono::nanoseconds, std::chrono::seconds;
    const nanoseconds whole = std::chrono::ceil<nanoseconds>(time);
    constexpr std::int64_t longest = std::numeric_limits<time_t>::max();
    return {static_cast<time_t>(detail::min<std::int64_t>(whole / seconds{1}, longest)),
            static_cast<decltype(timespec::tv_nsec)>((whole % seconds{1}).count())};
}
}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_TIME_HPP


namespace netnotes {

// ---- Options -------------------------------------------------------------------------------------------

/// A socket option as a type: `socket.set_option(option::keep_alive{true})`, `socket.get_option<option::linger>()`.
/// An option without a type is set by level, name and value, as in C.
namespace option {

/// An option that is on or off.
template <int Level, int Name>
struct flag {
    bool value = true;
    using native_type = int;
    static constexpr int level = Level, name = Name;
    constexpr native_type to_native() const noexcept { return value; }
    static constexpr bool from_native(native_type native) noexcept { return native != 0; }
};
/// A number below `Least` is errc::invalid_argument when it is set.
template <int Level, int Name, int Least = std::numeric_limits<int>::min()>
struct number {
    int value;
    using native_type = int;
    static constexpr int level = Level, name = Name;
    constexpr bool is_in_range() const noexcept { return value >= Least; }
    constexpr native_type to_native() const noexcept { return value; }
    static constexpr int from_native(native_type native) noexcept { return native; }
};

/// Allows bind() although connections of an earlier run are still in TIME_WAIT on the same port. On Linux it helps only
/// if the earlier socket had it too, so set it from the first run on. It never allows two listeners at once.
using reuse_address = flag<SOL_SOCKET, SO_REUSEADDR>;
/// Lets several sockets of one user bind the same port. The kernel distributes the clients among them.
using reuse_port = flag<SOL_SOCKET, SO_REUSEPORT>;
/// Probes a silent peer. It is off by default, and the first probe is by default sent after two hours (tcp(7)).
using keep_alive = flag<SOL_SOCKET, SO_KEEPALIVE>;
/// Allows datagrams to a broadcast address. Without it the kernel refuses them with EACCES.
using broadcast = flag<SOL_SOCKET, SO_BROADCAST>;
/// The size of a buffer in bytes. Linux sets twice the number, for its own book-keeping, and returns the doubled number
/// (socket(7)). Linux would take a negative number as the maximum; here it fails with errc::invalid_argument.
using receive_buffer = number<SOL_SOCKET, SO_RCVBUF, 0>;
using send_buffer = number<SOL_SOCKET, SO_SNDBUF, 0>;
/// Keeps an IPv6 socket from serving IPv4 clients as ::ffff:a.b.c.d.
using ipv6_only = flag<IPPROTO_IPV6, IPV6_V6ONLY>;

/// Is true for a listening socket. The option can only be read.
using accepts_connections = flag<SOL_SOCKET, SO_ACCEPTCONN>;

/// Sets what close() does with bytes that are not yet acknowledged. With nullopt the kernel goes on sending them in the
/// background. With a number of seconds close() waits for at most this time. With zero close() discards them and sends
/// a reset. A negative number fails with errc::invalid_argument. A time that is too long for the kernel becomes the
/// kernel's maximum, 68 years.
struct linger {
    std::optional<std::chrono::seconds> value;
    using native_type = ::linger;
    static constexpr int level = SOL_SOCKET, name = SO_LINGER;

    constexpr linger() noexcept = default;
    constexpr linger(std::nullopt_t) noexcept {}
    constexpr linger(const std::optional<std::chrono::seconds>& time) noexcept : value{time} {}
    /// Takes minutes and hours, too; half a second does not compile.
    template <class Rep, class Period>
    requires std::is_convertible_v<std::chrono::duration<Rep, Period>, std::chrono::seconds>
    constexpr linger(const std::chrono::duration<Rep, Period>& time) noexcept
        : value{detail::saturated<std::chrono::seconds>(time)} {}

    constexpr bool is_in_range() const noexcept { return !value || value->count() >= 0; }
    native_type to_native() const noexcept {
        const auto seconds = value.value_or(std::chrono::seconds::zero()).count();
        return {value ? 1 : 0, static_cast<int>(detail::clamp<std::int64_t>(seconds, 0, std::numeric_limits<int>::max()))};
    }
    static std::optional<std::chrono::seconds> from_native(native_type native) noexcept {
        return native.l_onoff ? std::optional{std::chrono::seconds{native.l_linger}} : std::nullopt;
    }
};

}  // namespace option

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_OPTIONS_HPP



// netnotes/socket/wait.hpp: waiting when a call would block
// SPDX-License-Identifier: MIT
//
// The sockets of this library share two things: the list of errors that mean "later", and one poll(2) for a descriptor
// and a stop.
//
//        recv(2) ── EAGAIN ──> poll(descriptor, stop, the time that is left) ──> recv(2) again
//                                     ├── the stop was requested: errc::operation_canceled
//                                     └── no time is left:        errc::timed_out
//
// All names here are in detail: programs use socket/socket.hpp.

#ifndef NETNOTES_SOCKET_WAIT_HPP
#define NETNOTES_SOCKET_WAIT_HPP

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>





namespace netnotes::detail {

inline bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }
/// Returns true for an error of accept() that will not pass.
inline bool is_not_listening(const std::error_code& error) noexcept {
    return error.value() == EBADF || error.value() == EINVAL || error.value() == ENOTSOCK;
}
/// Returns true for a shortage in accept() or in the code that makes room for a connection. It may pass, and the client
/// waits in the queue.
inline bool is_shortage(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}
/// The pause before the next attempt. Without it, attempts would keep a processor busy.
inline constexpr duration accept_pause = std::chrono::milliseconds{100};

/// The connection failed while it stood in the queue; that is no fault of the listener's (accept(2), "Error handling").
/// The next connection may work.
inline bool is_passed_over(int error) noexcept {
    for (const int each :
         {ECONNABORTED, ENETDOWN, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, ENETUNREACH})
        if (error == each) return true;
    return false;
}

/// Calls poll(2) until a descriptor is ready. Fails with errc::timed_out at `until`; signals do not end the wait.
inline void poll_until(pollfd* watched, std::size_t count, time_point until, std::error_code& error) noexcept {
    for (;;) {
        timespec left{};
        if (until != time_point::max()) {
            const time_point now = clock::now();
            left = to_timespec(until > now ? until - now : duration::zero());
        }
        const int ready =
            ::ppoll(watched, count, until == time_point::max() ? nullptr : &left, nullptr);
        if (ready < 0 && errno == EINTR) continue;  // with the time that is left
        error = ready < 0 ? last_error() : ready == 0 ? std::make_error_code(std::errc::timed_out) : std::error_code{};
        return;
    }
}

/// Waits for a descriptor (-1: no descriptor) and for a stop (nullptr: no stop).
inline void wait_for(int descriptor, short events, const stop_event* stop, time_point until,
                     std::error_code& error) noexcept {
    pollfd watched[2] = {{descriptor, events, 0}, {stop ? stop->native_handle() : -1, POLLIN, 0}};
    poll_until(watched, 2, until, error);
    if (!error && watched[1].revents != 0) error = std::make_error_code(std::errc::operation_canceled);
}

/// Returns true if connect() has begun to connect this stream to itself. The local endpoint is known as soon as
/// connect(2) returns, even if connecting continues in the background. The wildcard address stands for the loopback
/// address.
inline bool meets_itself(int descriptor, const socket_address& where) noexcept {
    if (!where.is_ip()) return false;
    socket_address local;
    socklen_t size = socket_address::capacity;
    if (::getsockname(descriptor, local.data(), &size) != 0) return false;
    local.resize(size);
    if (!local.is_ip()) return false;
    const endpoint own = local.ip(), other = where.ip();
    if (own.port() != other.port()) return false;
    const auto without_needless_zone = [](const ip_address& address) {  // ::1%lo is ::1; fe80::1 is on many links
        const ip_address plain = address.unmapped();
        return plain.is_v4() || plain.is_link_local() ? plain : ip_address{plain.v6().with_zone({})};
    };
    const ip_address wanted = without_needless_zone(other.address());
    if (!wanted.is_unspecified() && without_needless_zone(own.address()) != wanted) return false;
    int type = 0;
    socklen_t type_size = sizeof type;  // a datagram socket may be its own peer
    return ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_STREAM;
}
/// Resets a connection and leaves the socket unconnected (connect(2), AF_UNSPEC).
inline void dissolve(int descriptor) noexcept {
    const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
    ::connect(descriptor, &nobody, sizeof nobody);
}

}  // namespace netnotes::detail

#endif  // NETNOTES_SOCKET_WAIT_HPP


namespace netnotes {

namespace detail {
struct descriptor_messages;  // of socket/descriptors.hpp
class limits_lifted;         // of tcp/pump.hpp

/// A point in time that the sending thread moves while the receiving thread reads it. Relaxed, because no other memory
/// depends on it.
class shared_time_point {
  public:
    [[nodiscard]] time_point load() const noexcept {
        return time_point{duration{since_epoch_.load(std::memory_order_relaxed)}};
    }
    void store(time_point when) noexcept {
        since_epoch_.store(when.time_since_epoch().count(), std::memory_order_relaxed);
    }

  private:
    std::atomic<duration::rep> since_epoch_{time_point::max().time_since_epoch().count()};
};
}

/// Which direction of a connection shutdown() ends.
enum class shutdown_direction : int { receive = SHUT_RD, send = SHUT_WR, both = SHUT_RDWR };

/// The error of a call that cannot finish now on a socket that does not block. A short name for
/// std::errc::operation_would_block (EAGAIN): `if (error == netnotes::would_block) continue;`.
inline constexpr std::errc would_block = std::errc::operation_would_block;

/// Owns a socket. A handle can be moved but not copied, and its destructor closes the socket.
///
/// The mode of the socket decides whether a call waits. A new socket waits without a limit. set_timeout() and
/// set_deadline() limit the wait, and set_blocking(false) forbids it: errc::operation_would_block. stop_with() ends a
/// wait early with errc::operation_canceled. Two threads may share a socket: one thread sends and one thread receives.
/// No thread may close the socket or change its mode while another thread uses it.
class socket_handle {
  public:
    using native_handle_type = int;

    /// Creates an empty handle: is_open() returns false.
    socket_handle() noexcept = default;
    /// Takes over an open descriptor. `blocking` tells its present mode, which is not changed.
    explicit socket_handle(native_handle_type descriptor, bool blocking = true) noexcept
        : descriptor_{descriptor}, blocking_{blocking} {}
    socket_handle(socket_handle&& other) noexcept { swap(other); }
    socket_handle& operator=(socket_handle&& other) noexcept {
        socket_handle{std::move(other)}.swap(*this);
        return *this;
    }
    ~socket_handle() {
        std::error_code ignored;
        if (is_open()) close(ignored);
    }
    void swap(socket_handle& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        std::swap(blocking_, other.blocking_);
        std::swap(timeout_, other.timeout_);
        std::swap(deadline_, other.deadline_);
        std::swap(stop_, other.stop_);
        std::swap(answer_time_, other.answer_time_);
        const time_point answer_end = answer_end_.load();
        answer_end_.store(other.answer_end_.load());
        other.answer_end_.store(answer_end);
        std::swap(is_cut_, other.is_cut_);
        std::swap(takes_notes_, other.takes_notes_);
        std::swap(was_tried_to_receive_, other.was_tried_to_receive_);
        std::swap(was_tried_to_send_, other.was_tried_to_send_);
    }

    /// Returns false after close() and release(), and for a socket that was moved away.
    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
    /// Returns the descriptor, which the socket keeps; -1 if it is closed.
    [[nodiscard]] native_handle_type native_handle() const noexcept { return descriptor_; }
    /// Returns the descriptor, which the caller must close. It is non-blocking if a timeout, a deadline, a stop or
    /// set_blocking(false) was in force.
    [[nodiscard]] native_handle_type release() noexcept { return std::exchange(descriptor_, -1); }

    /// Ends one direction of the connection, or both, and leaves the descriptor open. After shutdown(send) the peer
    /// reads the end of the stream, and its bytes can still be received.
    void shutdown(shutdown_direction direction);
    void shutdown(shutdown_direction direction, std::error_code& error) noexcept;
    /// Closes the descriptor. The connection ends with its last descriptor (fork and dup make more). If received bytes
    /// were not read, the kernel sends a reset instead of an orderly end. The destructor does the same.
    void close();
    void close(std::error_code& error) noexcept;

    /// Returns the address of this end or of the peer. An error of the kernel leaves it empty: errc::not_connected, for
    /// example.
    [[nodiscard]] socket_address local_endpoint() const;
    [[nodiscard]] socket_address local_endpoint(std::error_code& error) const noexcept;
    [[nodiscard]] socket_address peer_endpoint() const;
    [[nodiscard]] socket_address peer_endpoint(std::error_code& error) const noexcept;

    /// Sets an option. Fails with errc::invalid_argument for a value out of the option's range.
    template <class Option>
    void set_option(const Option& option) {
        if constexpr (requires { option.is_in_range(); })
            if (!option.is_in_range())
                fail(std::make_error_code(std::errc::invalid_argument), "set an option out of its range");
        const auto native = option.to_native();
        set_option(Option::level, Option::name, detail::bytes_of(native));
    }
    template <class Option>
    void set_option(const Option& option, std::error_code& error) noexcept {
        if constexpr (requires { option.is_in_range(); })
            if (!option.is_in_range()) {
                error = std::make_error_code(std::errc::invalid_argument);
                return;
            }
        const auto native = option.to_native();
        set_option(Option::level, Option::name, detail::bytes_of(native), error);
    }
    /// Returns the option's value: bool, int, ..., as the option's type says.
    template <class Option>
    [[nodiscard]] auto get_option() const {
        typename Option::native_type native{};
        get_option(Option::level, Option::name, detail::room_of(native));
        return Option::from_native(native);
    }
    /// Sets an option as in C, if the option has no type here. All forms throw std::system_error. SO_RCVTIMEO and
    /// SO_SNDTIMEO have no effect on the calls of this class, which continue to wait: set_timeout() limits them.
    void set_option(int level, int name, std::span<const std::byte> value);
    void set_option(int level, int name, std::span<const std::byte> value, std::error_code& error) noexcept;
    void set_option(int level, int name, int value) { set_option(level, name, detail::bytes_of(value)); }
    /// Returns how many bytes of `value` were filled.
    std::size_t get_option(int level, int name, std::span<std::byte> value) const;
    std::size_t get_option(int level, int name, std::span<std::byte> value, std::error_code& error) const noexcept;
    /// Returns and clears the error that occurred in the background (SO_ERROR), or no error.
    [[nodiscard]] std::error_code take_error() noexcept;

    // -- how long a call may take

    // These throw std::system_error if the descriptor cannot be switched. The mode then stays as it was.

    /// Limits every call from now on to this time, all its parts and waits together; then it fails with
    /// errc::timed_out. `never` removes the limit. With zero or less a call does everything that needs no wait, and
    /// fails where it would have to wait.
    void set_timeout(wait_time timeout);
    /// Ends all calls from now on at this moment. Use it for an exchange of many calls that has a limit as a whole.
    /// Once the moment has passed, one more receive and one more send are tried, without a wait: what is there already
    /// can be taken. After that each call fails with errc::timed_out, however fast the peer sends.
    void set_deadline(time_point deadline);
    /// Makes every call from now on also fail with errc::timed_out if nothing has been sent for `time`. So a peer that
    /// sends single bytes and never a whole request cannot hold a server, while a dialogue has no limit. The time
    /// begins now, and again with each send of at least one byte. A send in another thread also gives new time to a
    /// receive that waits already. It holds beside set_timeout() and set_deadline(). `never` removes it.
    void set_answer_timeout(wait_time time);
    /// Returns the time that set_timeout() has set, otherwise `never`.
    [[nodiscard]] duration timeout() const noexcept { return timeout_; }
    /// Returns the moment that set_deadline() has set.
    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }
    /// Sets whether calls may wait. With false no call waits: a call that cannot finish at once fails with
    /// errc::operation_would_block. With true calls wait again, without a limit.
    void set_blocking(bool blocking);
    /// Returns false after set_blocking(false).
    [[nodiscard]] bool is_blocking() const noexcept { return blocking_; }
    /// Lets a stop end the calls. Once it is requested, every call that may wait fails with errc::operation_canceled.
    /// The event must outlive the socket's last call. Accepted sockets follow the same event.
    void stop_with(const stop_event& stop);

    /// Waits until the socket can be read (POLLIN) or written (POLLOUT), an error included, or until `until`.
    /// For calls of your own on native_handle(). set_answer_timeout() and stop_with() end this wait, too.
    void wait(short events, time_point until, std::error_code& error) const noexcept;

  protected:
    // For sockets that make system calls of their own, under the same rules.
    time_point end_of_call() const noexcept;  // without the answer's, which moves with each send
    bool is_too_late(time_point until) const noexcept;
    template <class Call>
    auto attempt(Call call, short events, int flags, time_point until, std::error_code& error) const noexcept;
    [[noreturn, gnu::cold]] void fail(const std::error_code& error, const std::string& what) const;
    /// Makes recv_from() give the kernel room for notes. Never call it for a Unix socket: there the notes could be
    /// descriptors that a stranger passes, and no code would close them.
    void take_notes() noexcept { takes_notes_ = true; }
    [[noreturn, gnu::cold]] void fail_with_peer(const std::error_code& error, const std::string& what) const;
    std::error_code forbidden(short events) const noexcept;
    void wait_for(int descriptor, short events, time_point until, std::error_code& error) const noexcept;
    void wait_a_moment(time_point until, std::error_code& error) const noexcept;

    native_handle_type descriptor_ = -1;
    bool blocking_ = true;
    bool takes_notes_ = false;
    duration timeout_ = never;
    time_point deadline_ = time_point::max();
    const stop_event* stop_ = nullptr;
    duration answer_time_ = never;
    mutable detail::shared_time_point answer_end_;
    bool is_cut_ = false;  ///< the last send_all() has failed
    // The deadline has passed and one call was tried since. Each is used by one thread: the receiver or the sender.
    mutable bool was_tried_to_receive_ = false, was_tried_to_send_ = false;

  private:
    friend detail::descriptor_messages;
    friend detail::limits_lifted;
    // O_NONBLOCK is set whenever a call must not wait inside the kernel: there it could neither be timed nor
    // stopped. (recv() would do with a flag, but accept() and connect() have none.)
    void change_mode(bool blocking, duration timeout, time_point deadline, const stop_event* stop) {
        change_mode(blocking, timeout, deadline, stop, answer_time_);
    }
    void change_mode(bool blocking, duration timeout, time_point deadline, const stop_event* stop,
                     duration answer_time);
    bool has_no_port() const noexcept;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

/// "listen on 0.0.0.0:80: Address already in use"
inline void socket_handle::fail(const std::error_code& error, const std::string& what) const {
    std::error_code unknown;
    const socket_address local = local_endpoint(unknown);
    detail::throw_error(error, what, unknown ? "" : " on ", unknown ? "" : local.to_string());
}

/// Throws with a text like "recv from 192.0.2.1:80: Connection reset by peer". The peer's address is read only now,
/// because only an error needs it. After a reset the kernel no longer knows it. The text then names the own endpoint:
/// "recv from the peer of 192.0.2.7:40000".
inline void socket_handle::fail_with_peer(const std::error_code& error, const std::string& what) const {
    std::error_code unknown;
    const socket_address peer = peer_endpoint(unknown);
    const std::string name = unknown ? "" : peer.to_string();
    if (!name.empty() && name.front() != '(') detail::throw_error(error, what, ' ', name);  // not "(unnamed)"
    const socket_address own = local_endpoint(unknown);
    if (unknown || !own.is_ip()) detail::throw_error(error, what, " the peer");
    detail::throw_error(error, what, " the peer of ", own.to_string());
}

inline void socket_handle::wait(short events, time_point until, std::error_code& error) const noexcept {
    if (is_open()) return wait_for(descriptor_, events, until, error);
    error = std::make_error_code(std::errc::bad_file_descriptor);  // poll(2) would ignore it and wait
}
inline void socket_handle::wait_for(int descriptor, short events, time_point until,
                                    std::error_code& error) const noexcept {
    for (;;) {
        const time_point answer_end = answer_end_.load();
        detail::wait_for(descriptor, events, stop_, detail::min(until, answer_end), error);
        // A send in another thread has perhaps moved the end meanwhile. Then the wait is not over.
        if (error != std::errc::timed_out || until <= answer_end || answer_end_.load() == answer_end) return;
    }
}
/// Pauses before the next attempt, if the event cannot be polled for.
inline void socket_handle::wait_a_moment(time_point until, std::error_code& error) const noexcept {
    until = detail::min(until, answer_end_.load());
    detail::wait_for(-1, 0, stop_, detail::min(until, clock::now() + std::chrono::milliseconds{5}), error);
    if (error == std::errc::timed_out && clock::now() < until) error.clear();
}

inline time_point socket_handle::end_of_call() const noexcept {
    return timeout_ == never ? deadline_ : detail::end_of(timeout_);
}
/// Returns true if a call of many parts has used up its time, although no part had to wait: a fast peer must not carry
/// it past its limit. A call that may not wait has no such limit. It ends at the first part that would wait.
inline bool socket_handle::is_too_late(time_point until) const noexcept {
    return until != time_point::max() && timeout_ > duration::zero() && clock::now() >= until;
}

/// Returns the error that forbids a call to begin. If a peer always has bytes for us, no call waits. Without this check
/// such a program would miss its deadline or a stop, because only a wait notices them.
inline std::error_code socket_handle::forbidden(short events) const noexcept {
    if (stop_ && stop_->stop_requested()) return std::make_error_code(std::errc::operation_canceled);
    const time_point answer_end = answer_end_.load();
    const time_point end = detail::min(deadline_, answer_end);
    if (end == time_point::max()) return {};
    const time_point now = clock::now();
    if (now < end) return {};
    bool& was_tried = events == POLLOUT ? was_tried_to_send_ : was_tried_to_receive_;
    if (now >= answer_end || was_tried) return std::make_error_code(std::errc::timed_out);
    was_tried = true;
    return {};
}

/// A datagram socket gets a port with its first send or connect. If all ports are in use, the kernel returns EAGAIN.
inline bool socket_handle::has_no_port() const noexcept {
    std::error_code error;
    const socket_address local = local_endpoint(error);
    return !error && local.is_ip() && local.ip().port() == 0;
}

/// Makes the system call. Repeats it if a signal interrupted it, and waits if the call would block and may wait.
/// Without a deadline, a call that succeeds at once costs only that system call and no look at the clock.
template <class Call>
auto socket_handle::attempt(Call call, short events, int flags, time_point until,
                            std::error_code& error) const noexcept {
    decltype(call()) result = -1;
    if ((error = forbidden(events))) return result;
    // poll() may report a descriptor as ready although the call would block. It sees our own queue, but not the
    // queue of the Unix socket that send_to() names. It reports a datagram with a wrong checksum, and a datagram
    // socket that was shut down, as readable. Another thread may also be faster. None of these may spin or lose the
    // time limit.
    const int max_in_a_row = events == POLLOUT ? 1 : 16;
    for (int polls_in_a_row = 0;;) {
        result = call();
        if (result >= 0) {
            if (events == POLLOUT && result > 0 && answer_time_ != never)
                answer_end_.store(detail::end_of(answer_time_));
            error.clear();
            return result;
        }
        if (errno == EINTR) continue;
        error = detail::last_error();
        if (!detail::would_block(errno) || !blocking_ || (flags & (MSG_DONTWAIT | MSG_ERRQUEUE)) != 0) return result;
        if (events == POLLOUT && has_no_port()) {
            error = std::make_error_code(std::errc::address_not_available);
            return result;
        }
        if (until == time_point::min()) until = end_of_call();
        if (polls_in_a_row++ < max_in_a_row) {
            wait(events, until, error);
        } else {
            wait_a_moment(until, error);
            polls_in_a_row = 0;
        }
        if (error) return result;
    }
}

inline void socket_handle::change_mode(bool blocking, duration timeout, time_point deadline, const stop_event* stop,
                                       duration answer_time) {
    const auto waits = [](bool is_blocking, duration time, time_point end, const stop_event* event, duration answer) {
        return is_blocking && time == never && end == time_point::max() && !event && answer == never;
    };
    const bool in_kernel = waits(blocking, timeout, deadline, stop, answer_time);
    if (in_kernel != waits(blocking_, timeout_, deadline_, stop_, answer_time_)) {
        const int flags = ::fcntl(descriptor_, F_GETFL);
        if (flags < 0 || ::fcntl(descriptor_, F_SETFL, in_kernel ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) < 0)
            fail(detail::last_error(), "fcntl");
    }
    blocking_ = blocking;
    timeout_ = timeout;
    deadline_ = deadline;
    was_tried_to_receive_ = was_tried_to_send_ = false;
    stop_ = stop;
    answer_time_ = answer_time;
}

inline void socket_handle::set_timeout(wait_time timeout) { change_mode(true, timeout, time_point::max(), stop_); }
inline void socket_handle::set_deadline(time_point deadline) { change_mode(true, never, deadline, stop_); }
inline void socket_handle::set_answer_timeout(wait_time time) {
    change_mode(blocking_, timeout_, deadline_, stop_, time);
    answer_end_.store(detail::end_of(time));
}
inline void socket_handle::set_blocking(bool blocking) { change_mode(blocking, never, time_point::max(), stop_); }
inline void socket_handle::stop_with(const stop_event& stop) { change_mode(blocking_, timeout_, deadline_, &stop); }

inline void socket_handle::shutdown(shutdown_direction direction, std::error_code& error) noexcept {
    error = ::shutdown(descriptor_, static_cast<int>(direction)) == 0 ? std::error_code{} : detail::last_error();
}
inline void socket_handle::shutdown(shutdown_direction direction) {
    std::error_code error;
    shutdown(direction, error);
    if (error) fail_with_peer(error, "shutdown of the connection to");
}

inline void socket_handle::close(std::error_code& error) noexcept {
    constexpr ::linger reset{1, 0};
    if (is_cut_) ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    // Never close twice, not even after EINTR: on Linux the descriptor is already closed. Another thread may have
    // opened a file with the same number (close(2)).
    error = ::close(release()) == 0 ? std::error_code{} : detail::last_error();
}
inline void socket_handle::close() {
    std::error_code error;
    close(error);
    if (error) detail::throw_error(error, "close");
}

inline socket_address socket_handle::local_endpoint(std::error_code& error) const noexcept {
    socket_address address;
    socklen_t size = socket_address::capacity;
    error = ::getsockname(descriptor_, address.data(), &size) == 0 ? std::error_code{} : detail::last_error();
    address.resize(size);
    return address;
}
inline socket_address socket_handle::local_endpoint() const {
    std::error_code error;
    const socket_address address = local_endpoint(error);
    if (error) detail::throw_error(error, "getsockname");
    return address;
}

inline socket_address socket_handle::peer_endpoint(std::error_code& error) const noexcept {
    socket_address address;
    socklen_t size = socket_address::capacity;
    error = ::getpeername(descriptor_, address.data(), &size) == 0 ? std::error_code{} : detail::last_error();
    address.resize(size);
    return address;
}
inline socket_address socket_handle::peer_endpoint() const {
    std::error_code error;
    const socket_address address = peer_endpoint(error);
    if (error) detail::throw_error(error, "getpeername");
    return address;
}

inline void socket_handle::set_option(int level, int name, std::span<const std::byte> value,
                                      std::error_code& error) noexcept {
    error = ::setsockopt(descriptor_, level, name, value.data(), static_cast<socklen_t>(value.size())) == 0
                ? std::error_code{}
                : detail::last_error();
}
inline void socket_handle::set_option(int level, int name, std::span<const std::byte> value) {
    std::error_code error;
    set_option(level, name, value, error);
    if (error) fail(error, detail::joined("setsockopt(", std::to_string(level), ", ", std::to_string(name), ')'));
}
inline std::size_t socket_handle::get_option(int level, int name, std::span<std::byte> value,
                                             std::error_code& error) const noexcept {
    socklen_t size = static_cast<socklen_t>(value.size());
    error = ::getsockopt(descriptor_, level, name, value.data(), &size) == 0 ? std::error_code{} : detail::last_error();
    return error ? 0 : size;
}
inline std::size_t socket_handle::get_option(int level, int name, std::span<std::byte> value) const {
    std::error_code error;
    const std::size_t size = get_option(level, name, value, error);
    if (error) fail(error, detail::joined("getsockopt(", std::to_string(level), ", ", std::to_string(name), ')'));
    return size;
}
inline std::error_code socket_handle::take_error() noexcept {
    int pending = 0;
    std::error_code error;
    get_option(SOL_SOCKET, SO_ERROR, detail::room_of(pending), error);
    return error ? error : std::error_code{pending, std::system_category()};
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_HANDLE_HPP

// netnotes/socket/message.hpp: what travels beside the bytes of a datagram
// SPDX-License-Identifier: MIT
//
// recvmsg(2) and sendmsg(2) take control messages beside the bytes (cmsg(3)). Every UDP server needs two of them. The
// first says to which of the host's addresses a datagram came. The second says from which address the answer leaves.
// Others tell the interface, the time to live that is left, and when the datagram arrived.
//
//        a host with 192.0.2.1 and 192.0.2.2, its socket on 0.0.0.0
//        client ── to 192.0.2.2 ──> recvmsg: IP_PKTINFO says 192.0.2.2
//        client <── from 192.0.2.2 ── sendmsg: IP_PKTINFO says 192.0.2.2      else the client would not take the answer
//
//        receiver.tell_details();
//        net::datagram_details details;
//        auto got = receiver.recv_from(buffer, details);       // details.interface_index, details.hop_limit, ...
//
// On this page:  datagram_details. The other names are in detail: programs use received::local and send_to() of
//                socket/socket.hpp, or udp.hpp
// The notes:     UDP, udp绑定 (which address a datagram came to); ip(7), ipv6(7), socket(7)

#ifndef NETNOTES_SOCKET_MESSAGE_HPP
#define NETNOTES_SOCKET_MESSAGE_HPP

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <optional>
#include <system_error>




namespace netnotes {

/// The facts that the kernel reports beside the bytes of a datagram, after socket::tell_details().
struct datagram_details {
    /// The address that the datagram was sent to: one of this host, a group, or a broadcast address. If it is not
    /// known: 0.0.0.0.
    ip_address destination{};
    unsigned interface_index = 0;           ///< the interface that it came in by: if_indextoname(3), or 0
    std::optional<std::uint8_t> hop_limit;  ///< the time to live that was left: IP_RECVTTL, IPV6_RECVHOPLIMIT
    /// When the kernel took it from the network: SO_TIMESTAMPNS (socket(7)). It is the time of day, which can be set.
    std::optional<std::chrono::system_clock::time_point> arrived;
};

namespace detail {

/// Copies the data of a control message. Returns false if the kernel has cut the message off (MSG_CTRUNC), because the
/// program has asked for more messages than its buffer holds.
template <class Data>
bool read_note(cmsghdr& part, Data& data) noexcept {
    if (part.cmsg_len < CMSG_LEN(sizeof data)) return false;
    std::memcpy(&data, CMSG_DATA(&part), sizeof data);
    return true;
}

/// The facts that the kernel reports beside a datagram's bytes. They are the address to which it came, and the size of
/// each datagram if the kernel has merged several (UDP_GRO).
struct datagram_notes {
    static constexpr std::size_t capacity =
        CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(in6_pktinfo));

    ip_address local{};        ///< our own address, from which to answer; 0.0.0.0 if it is not known
    bool is_to_group = false;  ///< it came to a multicast or a broadcast address
    std::size_t segment = 0;   ///< 0: it is one datagram

    static datagram_notes of(msghdr& header) noexcept {
        datagram_notes notes;
        if (header.msg_controllen == 0) return notes;
        for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
            const auto is = [&](int level, int type) { return part->cmsg_level == level && part->cmsg_type == type; };
            if (is(IPPROTO_IP, IP_PKTINFO)) {
                in_pktinfo info;
                if (!read_note(*part, info)) continue;
                // For a broadcast or a group, the local address is the address from which to answer (ip(7)).
                notes.local = ipv4_address{ntohl(info.ipi_spec_dst.s_addr)};
                // A datagram that came before IP_PKTINFO was set has no local address. Then a multicast group and
                // 255.255.255.255 are recognised, and the broadcast address of a subnet counts as our own.
                const std::uint32_t to = ntohl(info.ipi_addr.s_addr);
                notes.is_to_group = info.ipi_spec_dst.s_addr == htonl(INADDR_ANY)
                                        ? IN_MULTICAST(to) || to == INADDR_BROADCAST
                                        : info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
            } else if (is(IPPROTO_IPV6, IPV6_PKTINFO)) {
                in6_pktinfo info;
                if (!read_note(*part, info)) continue;
                if (IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr)) continue;  // IP_PKTINFO reports this better
                sockaddr_in6 raw{};
                raw.sin6_family = AF_INET6;
                raw.sin6_addr = info.ipi6_addr;
                raw.sin6_scope_id = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0;
                notes.is_to_group = IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
                if (notes.is_to_group) continue;
                socket_address local;
                std::memcpy(local.data(), &raw, sizeof raw);
                local.resize(sizeof raw);
                notes.local = local.ip().address();
            } else if (is(IPPROTO_UDP, 104)) {  // UDP_GRO, which old headers lack
                int value = 0;
                if (!read_note(*part, value)) continue;
                notes.segment = value > 0 ? static_cast<std::size_t>(value) : 0;
            }
        }
        return notes;
    }
};

/// Room for all control messages of a datagram, and the reader of datagram_details. Every receive gives this room:
/// after tell_details() the kernel puts the details before the local address, and drops what does not fit.
struct details_note {
    static constexpr std::size_t capacity =
        datagram_notes::capacity + 2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(timespec));
    using buffer = std::array<char, capacity>;  // to be aligned as a cmsghdr

    static datagram_details of(msghdr& header) noexcept {
        datagram_details details;
        if (header.msg_controllen == 0) return details;
        for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
            const auto is = [&](int level, int type) { return part->cmsg_level == level && part->cmsg_type == type; };
            if (is(IPPROTO_IP, IP_PKTINFO)) {
                in_pktinfo info;
                if (!read_note(*part, info)) continue;
                details.destination = ipv4_address{ntohl(info.ipi_addr.s_addr)};
                details.interface_index = static_cast<unsigned>(info.ipi_ifindex);
            } else if (is(IPPROTO_IPV6, IPV6_PKTINFO)) {
                in6_pktinfo info;
                if (!read_note(*part, info)) continue;
                if (IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr)) continue;  // IP_PKTINFO comes too
                std::array<std::uint8_t, 16> octets{};
                std::memcpy(octets.data(), &info.ipi6_addr, octets.size());
                details.destination = ipv6_address{octets};
                details.interface_index = info.ipi6_ifindex;
            } else if (is(IPPROTO_IP, IP_TTL) || is(IPPROTO_IPV6, IPV6_HOPLIMIT)) {
                int value = 0;
                if (!read_note(*part, value)) continue;
                details.hop_limit = static_cast<std::uint8_t>(value);
            } else if (is(SOL_SOCKET, SO_TIMESTAMPNS)) {
                timespec time;
                if (!read_note(*part, time)) continue;
                details.arrived = std::chrono::system_clock::time_point{
                    std::chrono::duration_cast<std::chrono::system_clock::duration>(
                        std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec})};
            }
        }
        return details;
    }
};

/// The control message that tells the kernel from which address a datagram is to leave.
class source_note {
  public:
    source_note() noexcept = default;
    /// Chooses the address. With 0.0.0.0 and :: the system chooses. Fails if the zone of the address names no
    /// interface.
    void choose(const ip_address& from, std::error_code& error) noexcept {
        size_ = 0;
        error.clear();
        if (from.is_unspecified()) return;
        const socket_address address = to_socket_address({from.unmapped(), 0}, error);
        if (error) return;
        if (address.family() == address_family::inet) {
            sockaddr_in raw;
            std::memcpy(&raw, address.data(), sizeof raw);
            in_pktinfo info{};  // without an interface: the routing table chooses the way
            info.ipi_spec_dst = raw.sin_addr;
            write(IPPROTO_IP, IP_PKTINFO, info);
        } else {
            sockaddr_in6 raw;
            std::memcpy(&raw, address.data(), sizeof raw);
            in6_pktinfo info{};
            info.ipi6_addr = raw.sin6_addr;
            info.ipi6_ifindex = raw.sin6_scope_id;
            write(IPPROTO_IPV6, IPV6_PKTINFO, info);
        }
    }
    [[nodiscard]] const char* data() const noexcept { return bytes_.data(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    static constexpr std::size_t capacity = CMSG_SPACE(sizeof(in6_pktinfo));
    /// Adds the control message to `message`. This object must live until the message is sent.
    void add_to(msghdr& message) noexcept {
        if (size_ == 0) return;
        message.msg_control = bytes_.data();
        message.msg_controllen = static_cast<decltype(message.msg_controllen)>(size_);  // socklen_t in musl
    }

  private:
    template <class Info>
    void write(int level, int type, const Info& info) noexcept {
        cmsghdr header{};
        header.cmsg_level = level;
        header.cmsg_type = type;
        header.cmsg_len = CMSG_LEN(sizeof info);
        bytes_ = {};
        std::memcpy(bytes_.data(), &header, sizeof header);
        std::memcpy(bytes_.data() + CMSG_LEN(0), &info, sizeof info);
        size_ = CMSG_SPACE(sizeof info);
    }
    alignas(cmsghdr) std::array<char, capacity> bytes_;
    std::size_t size_ = 0;
};

}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_MESSAGE_HPP



namespace netnotes {

// ---- The socket ----------------------------------------------------------------------------------------

/// A socket with the calls that move bytes. See socket_handle for its lifetime, its modes and its options.
class socket : public socket_handle {
  public:
    using socket_handle::socket_handle;

    /// Creates an empty socket: is_open() returns false.
    socket() noexcept = default;
    /// Creates a socket. `protocol` 0 selects the only protocol of this family and type. Throws std::system_error.
    explicit socket(address_family family, socket_type type, int protocol = 0);
    socket(address_family family, socket_type type, int protocol, std::error_code& error) noexcept;

    // -- as a server

    /// Gives the socket its own address; port 0 lets the system choose. errc::address_in_use, and
    /// errc::permission_denied below port 1024 (ip(7)).
    void bind(const socket_address& where);
    void bind(const socket_address& where, std::error_code& error) noexcept;
    /// Lets connections come in. `backlog` is the number of complete connections that accept() has not taken yet. Linux
    /// admits one more, and net.core.somaxconn caps the number. A further client is not *refused*: the kernel drops its
    /// SYN, and the client retransmits it and connects late (listen(2)). A negative number means the system's maximum.
    void listen(int backlog = SOMAXCONN);
    void listen(int backlog, std::error_code& error) noexcept;

    struct accepted;
    /// Waits for the next connection and returns it. The new socket has no timeout. It does not wait if this socket
    /// does not, and the stop of this socket ends its calls, too. A connection that ended in the queue is skipped.
    ///
    /// If no descriptor or memory is left (EMFILE, ENFILE, ENOBUFS, ENOMEM), the first form tries again every 100 ms,
    /// up to the socket's timeout. So `for (;;) serve(listener.accept());` survives many clients. The second form
    /// reports the error.
    accepted accept();
    accepted accept(std::error_code& error) noexcept;

    // -- as a client

    /// Opens a connection on a stream socket and waits until it is established or has failed. On a datagram socket,
    /// fixes the peer of send() and recv(). Fails with errc::connection_refused, timed_out, network_unreachable, ...
    /// After a failure make a new socket, because POSIX does not define the state of this socket. After
    /// set_blocking(false) it fails with errc::operation_in_progress, and the kernel continues to connect.
    ///
    /// A stream never connects to itself. TCP can connect a port of this host to the same port if no program listens
    /// on it (a simultaneous open, RFC 9293 §3.5). The socket would then read its own bytes. So connect() resets such
    /// a connection and fails with errc::connection_refused.
    void connect(const socket_address& where);
    void connect(const socket_address& where, std::error_code& error) noexcept;

    // -- both

    /// Receives at least one byte and at most buffer.size(); returns their number. Returns 0 at the end of the stream,
    /// and then at every call. A receive is not a message: bytes sent in one piece may arrive in many, and the reverse.
    /// With an empty buffer it always returns 0, so pass room. `flags` are the flags of recv(2). With MSG_DONTWAIT this
    /// call does not wait, and MSG_WAITALL holds only for a socket without a timeout.
    std::size_t recv(mutable_buffer buffer, int flags = 0);
    std::size_t recv(mutable_buffer buffer, std::error_code& error, int flags = 0) noexcept;
    /// Receives exactly buffer.size() bytes, in as many receives as that takes. The timeout is for the whole call.
    /// Returns 0 if the stream ended before the first byte, so `while (s.recv_exact(header))` loops over messages. An
    /// end in the middle is errc::protocol_error. On an error the second form returns the number of bytes in the
    /// buffer, and the next call may continue behind them. With an empty buffer it returns 0 and receives nothing.
    std::size_t recv_exact(mutable_buffer buffer);
    std::size_t recv_exact(mutable_buffer buffer, std::error_code& error) noexcept;
    /// Hands bytes to the kernel and returns how many it took, perhaps not all. The kernel may not have sent them yet,
    /// and they may never arrive. Fails with errc::broken_pipe, connection_reset.
    std::size_t send(const_buffer bytes, int flags = 0);
    std::size_t send(const_buffer bytes, std::error_code& error, int flags = 0) noexcept;
    /// Sends all bytes or fails. The timeout is for the whole call. On an error the second form returns how many bytes
    /// the kernel took, and what() of the first form says it. After a failed call that may wait, close() sends a reset,
    /// because an orderly end would say that all bytes were sent. A later call that succeeds cancels this.
    void send_all(const_buffer bytes);
    std::size_t send_all(const_buffer bytes, std::error_code& error) noexcept;
    /// Sends a file, or a part of it, without a copy in user space (sendfile(2)): see socket/file.hpp. Returns the
    /// number of bytes. It is less than options.count if the file ends before. Other files than regular ones are read
    /// and sent in blocks. The timeout is for the whole call. Reading from a slow disk may take longer.
    ///
    /// If the file cannot be opened or read, the connection stays as it is. After other failures, and after a part of
    /// the file was sent, close() sends a reset, as after send_all(). On an error the second form returns the number of
    /// bytes that the kernel took. It is not noexcept because options.progress may throw.
    std::uint64_t send_file(const input_file& file, const send_file_options& options = {});
    std::uint64_t send_file(const input_file& file, const send_file_options& options, std::error_code& error);

    /// The result of recv_from(): a datagram, its sender, and the address of ours that it came to.
    struct received {
        std::span<std::byte> bytes;  ///< the part of the buffer that was filled
        socket_address sender;       ///< without a family if the sender is a Unix socket without a name
        bool truncated = false;      ///< the datagram was longer than the buffer, and its rest is lost
        /// The address of this host that the datagram was sent to, after tell_local_address(); else 0.0.0.0. For a
        /// datagram to a broadcast address or an IPv4 group, it is the address from which to answer. For a datagram
        /// to an IPv6 group it is not known.
        ip_address local{};
    };
    /// Receives one datagram and returns it with its sender. For an empty datagram `bytes` is empty and the sender is
    /// set.
    received recv_from(mutable_buffer buffer, int flags = 0);
    received recv_from(mutable_buffer buffer, std::error_code& error, int flags = 0) noexcept;
    /// Sends one datagram, whole or not at all. Fails with errc::message_size if it is too long for the protocol.
    void send_to(const_buffer bytes, const socket_address& where, int flags = 0);
    void send_to(const_buffer bytes, const socket_address& where, std::error_code& error, int flags = 0) noexcept;
    /// Sends one datagram from the given address of this host, for example received::local. A client takes an answer
    /// only from the address that it asked. With 0.0.0.0 and :: the system chooses. Fails with errc::invalid_argument
    /// or network_unreachable if the host has no such address.
    void send_to(const_buffer bytes, const socket_address& where, const ip_address& from, int flags = 0);
    void send_to(const_buffer bytes, const socket_address& where, const ip_address& from, std::error_code& error,
                 int flags = 0) noexcept;
    /// Makes recv_from() report to which address each datagram was sent: IP_PKTINFO (ip(7)), IPV6_RECVPKTINFO (RFC 3542
    /// §6.1). It costs no system call, but some 70 ns for each datagram, so it is off by default. It is needed for
    /// sockets on the wildcard address. udp_socket and async_datagram call it for those sockets.
    void tell_local_address();
    void tell_local_address(std::error_code& error) noexcept;
    /// Does the same as recv_from() above, and fills `details`: the destination, the interface, the hops left, and the
    /// time of arrival. Call tell_details() once before the datagrams arrive; details that the kernel does not report
    /// stay empty. For datagram sockets over IPv4 and IPv6.
    received recv_from(mutable_buffer buffer, datagram_details& details, int flags = 0);
    received recv_from(mutable_buffer buffer, datagram_details& details, std::error_code& error,
                       int flags = 0) noexcept;
    void tell_details();
    void tell_details(std::error_code& error) noexcept;

  private:
    received receive_datagram(mutable_buffer buffer, std::span<char> control, datagram_details* details, int flags,
                              std::error_code& error) noexcept;
    friend class detail::borrowed_socket;  // of coro/io/socket.hpp
    friend detail::descriptor_messages;
    accepted accept_until(time_point until, std::error_code& error) noexcept;
    std::size_t recv_until(mutable_buffer buffer, int flags, time_point until, std::error_code& error) noexcept;
    std::size_t send_until(const_buffer bytes, int flags, time_point until, std::error_code& error) noexcept;
    std::size_t send_all_until(const_buffer bytes, time_point until, std::error_code& error) noexcept;
};

struct socket::accepted {
    socket connection;
    socket_address peer;
};

/// Returns two connected sockets without names, for parent and child or for two threads (socketpair(2)).
[[nodiscard]] std::pair<socket, socket> socket_pair(socket_type type = socket_type::stream);

// ========================================================================================================
// How it is done. A reader who only uses sockets can stop here.
// ========================================================================================================

// ---- making, waiting, failing

inline socket::socket(address_family family, socket_type type, int protocol, std::error_code& error) noexcept
    : socket_handle{::socket(static_cast<int>(family), static_cast<int>(type) | SOCK_CLOEXEC, protocol)} {
    error = is_open() ? std::error_code{} : detail::last_error();
}

inline socket::socket(address_family family, socket_type type, int protocol) {
    std::error_code error;
    socket{family, type, protocol, error}.swap(*this);
    if (error) detail::throw_error(error, "socket");
}

// ---- the calls

inline void socket::bind(const socket_address& where, std::error_code& error) noexcept {
    error = ::bind(descriptor_, where.data(), where.size()) == 0 ? std::error_code{} : detail::last_error();
}
inline void socket::bind(const socket_address& where) {
    std::error_code error;
    bind(where, error);
    if (error) detail::throw_error(error, "bind ", where.to_string());
}

inline void socket::listen(int backlog, std::error_code& error) noexcept {
    const int length = backlog < 0 ? std::numeric_limits<int>::max() : backlog;
    error = ::listen(descriptor_, length) == 0 ? std::error_code{} : detail::last_error();
}
inline void socket::listen(int backlog) {
    std::error_code error;
    listen(backlog, error);
    if (error) fail(error, "listen");
}

inline socket::accepted socket::accept_until(time_point until, std::error_code& error) noexcept {
    accepted result;
    const bool new_waits_in_kernel = blocking_ && !stop_;
    for (;;) {
        const int descriptor = attempt(
            [&] {
                socklen_t size = socket_address::capacity;
                const int made = ::accept4(descriptor_, result.peer.data(), &size,
                                           SOCK_CLOEXEC | (new_waits_in_kernel ? 0 : SOCK_NONBLOCK));
                result.peer.resize(size);
                return made;
            },
            POLLIN, 0, until, error);
        if (descriptor >= 0) {
            result.connection.descriptor_ = descriptor;
            result.connection.blocking_ = blocking_;
            result.connection.stop_ = stop_;
            return result;
        }
        if (!detail::is_passed_over(error.value())) return result;
        if (until != time_point::max() && clock::now() >= until) {  // however many have died
            error = std::make_error_code(std::errc::timed_out);
            return result;
        }
    }
}
inline socket::accepted socket::accept(std::error_code& error) noexcept { return accept_until(end_of_call(), error); }
inline socket::accepted socket::accept() {
    const time_point until = end_of_call();  // of all attempts together
    for (;;) {
        std::error_code error;
        accepted result = accept_until(until, error);
        if (!error) return result;
        if (!blocking_ || !detail::is_shortage(error.value()) || clock::now() >= until) fail(error, "accept");
        std::error_code is_over;
        detail::wait_for(-1, 0, stop_, detail::min(until, clock::now() + detail::accept_pause), is_over);
        if (is_over == std::errc::operation_canceled) fail(is_over, "accept");
    }
}

inline void socket::connect(const socket_address& where, std::error_code& error) noexcept {
    if ((error = forbidden(POLLOUT))) return;
    const time_point until = end_of_call();
    const auto is_alone = [&] {
        if (!detail::meets_itself(descriptor_, where)) return false;
        detail::dissolve(descriptor_);
        error = std::make_error_code(std::errc::connection_refused);
        return true;
    };
    while (::connect(descriptor_, where.data(), where.size()) != 0) {
        error = detail::last_error();
        if (detail::would_block(errno) && where.family() != address_family::local) {
            error = std::make_error_code(std::errc::address_not_available);  // see has_no_port()
            return;
        }
        if (detail::would_block(errno) && blocking_) {
            wait_a_moment(until, error);  // nothing can be polled for a place in a Unix listener's queue (unix(7))
            if (error) return;
            continue;
        }
        // In that queue an interrupted connect() has not begun. Elsewhere it continues by itself, and a
        // second call would only fail with EALREADY. From here on it is treated like a non-blocking connect().
        if (error.value() == EINTR && where.family() == address_family::local) continue;
        if (error.value() != EINTR && error.value() != EINPROGRESS) return;
        if (is_alone()) return;
        if (error.value() != EINTR && !blocking_) return;
        wait(POLLOUT, until, error);
        if (!error) error = take_error();
        return;
    }
    if (!is_alone()) error.clear();
}
inline void socket::connect(const socket_address& where) {
    std::error_code error;
    connect(where, error);
    if (error) detail::throw_error(error, "connect ", where.to_string());
}

inline std::size_t socket::recv_until(mutable_buffer buffer, int flags, time_point until,
                                      std::error_code& error) noexcept {
    const auto size =
        attempt([&] { return ::recv(descriptor_, buffer.data(), buffer.size(), flags); }, POLLIN, flags, until, error);
    return size < 0 ? 0 : static_cast<std::size_t>(size);
}
inline std::size_t socket::recv(mutable_buffer buffer, std::error_code& error, int flags) noexcept {
    return recv_until(buffer, flags, time_point::min(), error);
}
inline std::size_t socket::recv(mutable_buffer buffer, int flags) {
    std::error_code error;
    const std::size_t size = recv(buffer, error, flags);
    if (error) fail_with_peer(error, "recv from");
    return size;
}

inline std::size_t socket::recv_exact(mutable_buffer buffer, std::error_code& error) noexcept {
    error.clear();
    const time_point until = end_of_call();
    std::size_t filled = 0;
    while (filled < buffer.size()) {
        if (filled > 0 && is_too_late(until)) {
            error = std::make_error_code(std::errc::timed_out);
            return filled;
        }
        const std::size_t size = recv_until(buffer.subspan(filled), 0, until, error);
        if (error) return filled;
        if (size == 0) {
            if (filled > 0) error = std::make_error_code(std::errc::protocol_error);
            return filled;
        }
        filled += size;
    }
    return filled;
}
inline std::size_t socket::recv_exact(mutable_buffer buffer) {
    std::error_code error;
    const std::size_t filled = recv_exact(buffer, error);
    if (error)
        fail_with_peer(
            error,
            detail::joined("recv_exact (", std::to_string(filled), " of ", std::to_string(buffer.size()), " bytes",
                           error == std::errc::protocol_error ? ", then the end of the stream" : "", ") from"));
    return filled;
}

inline std::size_t socket::send_until(const_buffer bytes, int flags, time_point until,
                                      std::error_code& error) noexcept {
    const auto size = attempt([&] { return ::send(descriptor_, bytes.data(), bytes.size(), flags | MSG_NOSIGNAL); },
                              POLLOUT, flags, until, error);
    return size < 0 ? 0 : static_cast<std::size_t>(size);
}
inline std::size_t socket::send(const_buffer bytes, std::error_code& error, int flags) noexcept {
    return send_until(bytes, flags, time_point::min(), error);
}
inline std::size_t socket::send(const_buffer bytes, int flags) {
    std::error_code error;
    const std::size_t size = send(bytes, error, flags);
    if (error) fail_with_peer(error, "send to");
    return size;
}

inline std::size_t socket::send_all_until(const_buffer bytes, time_point until, std::error_code& error) noexcept {
    std::size_t sent = 0;
    do {
        if (sent > 0 && is_too_late(until)) {  // the kernel takes part of the bytes whenever its buffer fills
            error = std::make_error_code(std::errc::timed_out);
            break;
        }
        sent += send_until(bytes.subspan(sent), 0, until, error);
    } while (!error && sent < bytes.size());
    is_cut_ = error && blocking_;  // a caller that does not wait keeps the rest and sends it later
    return sent;
}
inline std::size_t socket::send_all(const_buffer bytes, std::error_code& error) noexcept {
    return send_all_until(bytes, end_of_call(), error);
}
inline void socket::send_all(const_buffer bytes) {
    std::error_code error;
    const std::size_t sent = send_all(bytes, error);
    if (error)
        fail_with_peer(error, detail::joined("send_all (", std::to_string(sent), " of ", std::to_string(bytes.size()),
                                             " bytes sent) to"));
}

inline std::uint64_t socket::send_file(const input_file& file, const send_file_options& options,
                                       std::error_code& error) {
    detail::file_part part{file, options, error};
    if (error) return 0;
    const time_point until = end_of_call();
    const bool is_in_steps = options.progress || until != time_point::max();
    bool is_read = false, is_file_error = false;
    while (!error && !part.is_done()) {
        if (part.sent() > 0 && is_too_late(until)) {
            error = std::make_error_code(std::errc::timed_out);
            break;
        }
        const std::uint64_t before = part.sent();
        if (is_read) {
            // A pipe or a terminal may keep its reader waiting. The limits of the call hold for that wait, too.
            if (!blocking_ || stop_ || until != time_point::max() || answer_time_ != never) {
                wait_for(file.native_handle(), POLLIN, blocking_ ? until : time_point{}, error);
                if (error == std::errc::timed_out && !blocking_) error = std::make_error_code(would_block);
            }
            std::byte room[detail::file_part::block];
            std::span<const std::byte> bytes{room, error ? 0 : part.read(room, sizeof room, true, error)};
            is_file_error = static_cast<bool>(error);
            while (!error && !bytes.empty()) {
                const std::size_t size = send_until(bytes, 0, until, error);
                part.taken(size);
                bytes = bytes.subspan(size);
            }
        } else {
            const std::size_t most = is_in_steps ? detail::file_part::largest_step : 0x7fff'f000;  // sendfile(2)
            attempt([&] { return part.step(descriptor_, most); }, POLLOUT, 0, until, error);
            if ((is_read = error && part.is_refused(error.value()))) {
                error.clear();
                continue;
            }
        }
        if (part.sent() == before) break;  // the end of the file, or an error
        is_cut_ = blocking_;               // in case the callback throws
        options.progress(part.sent());
    }
    is_cut_ = error && blocking_ && (part.sent() > 0 || !is_file_error);
    return part.sent();
}
inline std::uint64_t socket::send_file(const input_file& file, const send_file_options& options) {
    std::error_code error;
    const std::uint64_t sent = send_file(file, options, error);
    if (file.error()) detail::throw_error(file.error(), "open ", file.name());
    if (error)
        fail_with_peer(error, detail::joined("send_file ", file.name(), " (", std::to_string(sent), " bytes sent) to"));
    return sent;
}

inline void socket::tell_local_address(std::error_code& error) noexcept {
    const int on = 1;
    const auto yes = detail::bytes_of(on);
    const socket_address local = local_endpoint(error);
    if (!error && !local.is_ip()) error = std::make_error_code(std::errc::address_family_not_supported);
    if (error) return;
    if (local.family() == address_family::inet6) set_option(IPPROTO_IPV6, IPV6_RECVPKTINFO, yes, error);
    if (!error) set_option(IPPROTO_IP, IP_PKTINFO, yes, error);  // an IPv6 socket's IPv4 side has it as well
    if (!error) take_notes();
}
inline void socket::tell_local_address() {
    std::error_code error;
    tell_local_address(error);
    if (error) fail(error, "tell_local_address");
}

inline void socket::tell_details(std::error_code& error) noexcept {
    const int on = 1;
    const auto yes = detail::bytes_of(on);
    tell_local_address(error);
    if (error) return;
    std::error_code is_v4;
    set_option(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, yes, is_v4);
    set_option(IPPROTO_IP, IP_RECVTTL, yes, error);
    if (!error) set_option(SOL_SOCKET, SO_TIMESTAMPNS, yes, error);
}
inline void socket::tell_details() {
    std::error_code error;
    tell_details(error);
    if (error) fail(error, "tell_details");
}

inline socket::received socket::receive_datagram(mutable_buffer buffer, std::span<char> control,
                                                 datagram_details* details, int flags,
                                                 std::error_code& error) noexcept {
    received result;
    const auto size = attempt(
        [&] {  // recvmsg() and not recvfrom(), which does not tell that a datagram was cut off
            iovec part{buffer.data(), buffer.size()};
            msghdr message{};
            message.msg_name = result.sender.data();
            message.msg_namelen = socket_address::capacity;
            message.msg_iov = &part;
            message.msg_iovlen = 1;
            message.msg_control = takes_notes_ ? control.data() : nullptr;
            message.msg_controllen = static_cast<decltype(message.msg_controllen)>(takes_notes_ ? control.size() : 0);
            const auto got = ::recvmsg(descriptor_, &message, flags);
            if (got >= 0) {
                result.sender.resize(message.msg_namelen);
                result.truncated = (message.msg_flags & MSG_TRUNC) != 0;
                if (message.msg_controllen > 0) result.local = detail::datagram_notes::of(message).local;
                if (details) *details = detail::details_note::of(message);  // all empty if nothing was reported
            }
            return got;
        },
        POLLIN, flags, time_point::min(), error);
    if (size > 0) result.bytes = buffer.first(detail::min(static_cast<std::size_t>(size), buffer.size()));
    return result;
}
inline socket::received socket::recv_from(mutable_buffer buffer, std::error_code& error, int flags) noexcept {
    alignas(cmsghdr) detail::details_note::buffer notes;  // after tell_details() the kernel reports more than the address
    return receive_datagram(buffer, notes, nullptr, flags, error);
}
inline socket::received socket::recv_from(mutable_buffer buffer, datagram_details& details, std::error_code& error,
                                          int flags) noexcept {
    alignas(cmsghdr) detail::details_note::buffer notes;
    return receive_datagram(buffer, notes, &details, flags, error);
}
inline socket::received socket::recv_from(mutable_buffer buffer, datagram_details& details, int flags) {
    std::error_code error;
    const received result = recv_from(buffer, details, error, flags);
    if (error) fail(error, "recv_from");
    return result;
}
inline socket::received socket::recv_from(mutable_buffer buffer, int flags) {
    std::error_code error;
    const received result = recv_from(buffer, error, flags);
    if (error) fail(error, "recv_from");
    return result;
}

inline void socket::send_to(const_buffer bytes, const socket_address& where, std::error_code& error,
                            int flags) noexcept {
    attempt(
        [&] {
            return ::sendto(descriptor_, bytes.data(), bytes.size(), flags | MSG_NOSIGNAL, where.data(), where.size());
        },
        POLLOUT, flags, time_point::min(), error);
}
inline void socket::send_to(const_buffer bytes, const socket_address& where, int flags) {
    std::error_code error;
    send_to(bytes, where, error, flags);
    if (error) detail::throw_error(error, "send_to ", where.to_string(), " (", std::to_string(bytes.size()), " bytes)");
}

inline void socket::send_to(const_buffer bytes, const socket_address& where, const ip_address& from,
                            std::error_code& error, int flags) noexcept {
    detail::source_note source;
    source.choose(from, error);
    if (error) return;
    if (source.size() == 0) return send_to(bytes, where, error, flags);
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_name = const_cast<sockaddr*>(where.data());
    message.msg_namelen = where.size();
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    source.add_to(message);
    attempt([&] { return ::sendmsg(descriptor_, &message, flags | MSG_NOSIGNAL); }, POLLOUT, flags, time_point::min(),
            error);
}
inline void socket::send_to(const_buffer bytes, const socket_address& where, const ip_address& from, int flags) {
    std::error_code error;
    send_to(bytes, where, from, error, flags);
    if (error)
        detail::throw_error(error, "send_to ", where.to_string(), " from ", from.to_string(), " (",
                            std::to_string(bytes.size()), " bytes)");
}

inline std::pair<socket, socket> socket_pair(socket_type type) {
    int descriptors[2];
    if (::socketpair(AF_UNIX, static_cast<int>(type) | SOCK_CLOEXEC, 0, descriptors) != 0)
        detail::throw_error(detail::last_error(), "socketpair");
    return {socket{descriptors[0]}, socket{descriptors[1]}};
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_SOCKET_HPP



namespace netnotes {

// ---- Connecting ----------------------------------------------------------------------------------------

// A name stands for several addresses, and some of them may be dead: IPv6 that ends at the next router, a server that
// is down. A client that tries them one after another waits two minutes for each dead address. A client that tries them
// all at once burdens every server. The solution is a race with a staggered start, *Happy Eyeballs* (RFC 8305):
//
//        resolve("example.net") -> 2001:db8::1, 2001:db8::2, 192.0.2.1
//
//          0 ms   2001:db8::1  ──── SYN ───>  . . .             closed: 192.0.2.1 was faster
//        250 ms   192.0.2.1    ──── SYN ───>  <─── SYN, ACK     returned
//                 2001:db8::2                                   not tried; its turn was at 500 ms, or after a failure

/// Refers to a function `void(socket&)`: a plain function, or an object such as a lambda. It does not own the object,
/// which must live until the call that uses it has ended. A lambda written inside that call does.
class connect_hook {
  public:
    constexpr connect_hook() noexcept = default;
    template <class Call>
    requires(std::invocable<Call&, socket&> && !std::same_as<std::remove_cvref_t<Call>, connect_hook>)
    constexpr connect_hook(Call&& call) noexcept : call_{call} {}  // NOLINT(google-explicit-constructor)
    /// Returns true if there is a function to call.
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return static_cast<bool>(call_); }
    /// Calls the function with the socket that is about to connect; does nothing without a function.
    void operator()(socket& made) const { call_(made); }

  private:
    detail::function_reference<socket&> call_;
};

/// The settings of connecting: how to try several addresses, and what ends it.
struct connect_options {
    wait_time timeout = never;  ///< For all attempts together. Zero accepts only a connection made at once.
    /// The time after which the next attempt begins beside this attempt: the Connection Attempt Delay of RFC 8305 §5,
    /// 250 ms recommended. Less than 10 ms counts as 10 ms.
    wait_time attempt_delay = std::chrono::milliseconds{250};
    const stop_event* stop = nullptr;  ///< Ends the connecting with errc::operation_canceled, not later calls.
    /// The address and port to connect from. With address 0.0.0.0 or :: the system chooses the address, with port 0 the
    /// port. An attempt fails with errc::address_not_available if this host does not have the address, and with
    /// errc::address_family_not_supported if the peer's address is of the other family.
    endpoint local{};
    /// Called with the new socket of each attempt before it is bound and connects, for options that must be set early:
    /// option::receive_buffer, SO_MARK, SO_BINDTODEVICE. If it throws, the connecting ends with that exception. It must
    /// not change how long the socket's calls wait.
    connect_hook before{};
};

/// Returns the endpoints in the order in which to try them (RFC 8305 §4). The families take turns, beginning with the
/// family of the first endpoint. Within a family the order stays. So one broken family costs only one attempt.
[[nodiscard]] std::vector<endpoint> interleave_families(std::span<const endpoint> endpoints);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
inline address_family family_of(const endpoint& where) noexcept {
    return where.address().is_v4() ? address_family::inet : address_family::inet6;
}

/// Returns how much a failure tells a person: an answer most, then silence, then no route.
constexpr int meaning(int error) noexcept {
    switch (error) {
        case ECONNREFUSED:
        case ECONNRESET: return 4;
        case ETIMEDOUT:
        case EHOSTUNREACH:
        case EHOSTDOWN: return 3;
        case ENETUNREACH:
        case ENETDOWN:
        case EADDRNOTAVAIL:
        case EAFNOSUPPORT: return 1;
        default: return 2;  // no descriptors, not permitted, ...
    }
}

/// Returns true if the process or the system has no descriptor left. Closing a descriptor helps.
inline bool lacks_descriptors(const std::error_code& error) noexcept {
    return error.value() == EMFILE || error.value() == ENFILE;
}

/// RFC 8305 §5 without a network and without a clock, which `world` has:
///
///     now()           the time
///     start(i)        begins attempt i. No error: connected. errc::operation_in_progress: pending. Else: failed
///     wait(until)     waits until an attempt has ended, and returns it with its error. Returns no attempt at `until`,
///                     or with an error that ends everything
///
/// An attempt without an answer does not hold up the next address. Only if no descriptor is left, the next attempt
/// waits: it tries again after each delay, and when an attempt has ended.
struct attempt_end {
    std::optional<std::size_t> attempt;
    std::error_code error;
};
/// Returns the attempt that won. With an error, returns the attempt that it belongs to, or nullopt.
template <class World>
std::optional<std::size_t> race(World& world, std::size_t count, duration delay, time_point until,
                                std::error_code& error) {
    std::size_t started = 0, pending = 0;
    time_point next_start = time_point::min();
    attempt_end worst;
    const auto failed = [&](std::size_t attempt, const std::error_code& why) {
        if (!worst.attempt || meaning(why.value()) > meaning(worst.error.value())) worst = {attempt, why};
        next_start = time_point::min();
    };
    for (;;) {
        const bool may_start = started < count;
        if (may_start && (pending == 0 || world.now() >= next_start)) {
            const std::size_t attempt = started;
            error = world.start(attempt);
            if (!error) return attempt;
            if (lacks_descriptors(error) && pending > 0) {
                next_start = later(world.now(), delay);
                continue;
            }
            ++started;
            if (error == std::errc::operation_in_progress) {
                ++pending;
                next_start = later(world.now(), delay);
            } else {
                failed(attempt, error);
            }
            continue;
        }
        if (pending == 0) {
            error = worst.error;
            return worst.attempt;
        }
        const attempt_end ended = world.wait(may_start ? detail::min(next_start, until) : until);
        if (ended.attempt) {
            if (!ended.error) {
                error.clear();
                return ended.attempt;
            }
            --pending;
            failed(*ended.attempt, ended.error);
        } else if (ended.error) {
            error = ended.error;
            return {};
        } else if (world.now() >= until) {
            error = std::make_error_code(std::errc::timed_out);
            return {};
        }
    }
}

inline socket_address to_address(const endpoint& where, std::error_code& error) {
    try {
        error.clear();
        return socket_address{where};
    } catch (const std::system_error& failure) {  // its zone names no interface
        error = failure.code();
        return {};
    }
}

/// Prepares a new socket for connecting to `where`: the hook, then the local address.
inline void prepare_to_connect(socket& made, const endpoint& where, const connect_options& options,
                               std::error_code& error) {
    options.before(made);
    error.clear();
    if (options.local == endpoint{}) return;
    ip_address from = options.local.address();
    if (from.is_unspecified()) from = where.address().is_v4() ? ip_address{ipv4_address::any()} : ipv6_address::any();
    if (from.is_v4() != where.address().is_v4()) {
        error = std::make_error_code(std::errc::address_family_not_supported);
        return;
    }
    const socket_address address = to_address({from, options.local.port()}, error);
    if (error) return;
    // Without this, bind() would take a port that no other connection has, to any peer. Few ports are left soon.
    std::error_code too_old;
    if (options.local.port() == 0) made.set_option(option::flag<IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT>{}, too_old);
    made.bind(address, error);
}

/// The world of a real race: sockets, and one poll(2) for all of them.
class connecting_sockets {
  public:
    connecting_sockets(std::span<const endpoint> endpoints, const connect_options& options) noexcept
        : endpoints_{endpoints}, options_{options}, stop_{options.stop} {}

    static time_point now() noexcept { return clock::now(); }

    std::error_code start(std::size_t attempt) {
        std::error_code error;
        const socket_address address = to_address(endpoints_[attempt], error);
        if (error) return error;
        socket connecting{family_of(endpoints_[attempt]), socket_type::stream, 0, error};
        if (error) return error;
        prepare_to_connect(connecting, endpoints_[attempt], options_, error);
        if (error) return error;
        connecting.set_timeout(duration::zero());
        connecting.connect(address, error);
        if (error && error != std::errc::timed_out) return error;  // (the network's own timeout takes longer)
        lanes_.push_back({std::move(connecting), attempt, {}});
        return error ? std::make_error_code(std::errc::operation_in_progress) : error;
    }

    attempt_end wait(time_point until) {
        watched_.clear();
        for (const lane& one : lanes_) watched_.push_back({one.connecting.native_handle(), POLLOUT, 0});
        watched_.push_back({stop_ ? stop_->native_handle() : -1, POLLIN, 0});  // poll(2) passes over -1
        std::error_code error;
        poll_until(watched_.data(), watched_.size(), until, error);
        if (error == std::errc::timed_out) return {};
        if (!error && watched_.back().revents != 0) error = std::make_error_code(std::errc::operation_canceled);
        if (error) return {{}, error};
        // A connected attempt goes before a failed attempt. Otherwise another attempt would begin for nothing.
        auto failed = lanes_.end();
        for (auto one = lanes_.begin(); one != lanes_.end(); ++one) {
            if (watched_[static_cast<std::size_t>(one - lanes_.begin())].revents == 0) continue;
            if (!one->error) one->error = one->connecting.take_error();
            if (!one->error) return {one->attempt, {}};
            if (failed == lanes_.end()) failed = one;
        }
        const attempt_end ended{failed->attempt, failed->error};
        lanes_.erase(failed);
        return ended;
    }

    /// Returns the socket of the attempt that won. The others are closed with this object.
    socket take(std::size_t attempt) {
        auto& won =
            *detail::find_if(lanes_.begin(), lanes_.end(), [&](const lane& one) { return one.attempt == attempt; });
        won.connecting.set_timeout(never);
        return std::move(won.connecting);
    }

  private:
    struct lane {
        socket connecting;
        std::size_t attempt = 0;
        std::error_code error;  ///< kept, because SO_ERROR reports an error only once
    };
    std::span<const endpoint> endpoints_;
    const connect_options& options_;
    const stop_event* stop_;
    std::vector<lane> lanes_;  // in the order in which they began
    std::vector<pollfd> watched_;
};

/// `whose` is the index of the endpoint that won or that the error belongs to, if there is such an endpoint.
inline socket connect_to(std::span<const endpoint> endpoints, const connect_options& options,
                         std::optional<std::size_t>& whose, std::error_code& error) {
    whose.reset();
    error = endpoints.empty() ? std::make_error_code(std::errc::destination_address_required)
            : options.stop && options.stop->stop_requested() ? std::make_error_code(std::errc::operation_canceled)
                                                             : std::error_code{};
    if (error) return {};
    if (endpoints.size() == 1 && options.timeout == never && !options.stop) {  // nothing to race with
        const socket_address address = to_address(endpoints[0], error);
        if (error) return {};
        socket connecting{family_of(endpoints[0]), socket_type::stream, 0, error};
        if (!error) prepare_to_connect(connecting, endpoints[0], options, error);
        if (!error) connecting.connect(address, error);
        return error ? socket{} : std::move(connecting);
    }
    connecting_sockets sockets{endpoints, options};
    const duration delay = detail::max<duration>(options.attempt_delay, std::chrono::milliseconds{10});
    whose = race(sockets, endpoints.size(), delay, end_of(options.timeout), error);
    return error ? socket{} : sockets.take(*whose);
}

/// "connect example.com:80 (192.0.2.1:80, one of 3 addresses): Connection refused"
[[noreturn, gnu::cold]] inline void throw_connect_error(const std::error_code& error, std::string_view where,
                                             std::span<const endpoint> endpoints, std::optional<std::size_t> whose) {
    if (endpoints.size() < 2) throw_error(error, "connect ", where);
    const std::string number = std::to_string(endpoints.size());
    if (!whose) throw_error(error, "connect ", where, " (", number, " addresses)");
    throw_error(error, "connect ", where, " (", endpoints[*whose].to_string(), ", one of ", number, " addresses)");
}
}  // namespace detail

namespace detail {
/// Returns the endpoints of a list. A conversion to std::span would make the compiler check a dozen concepts of ranges,
/// in every program that includes this page: a twentieth of its time.
inline std::span<const endpoint> all_of(const std::vector<endpoint>& list) noexcept {
    return {list.data(), list.size()};
}
}  // namespace detail

inline std::vector<endpoint> interleave_families(std::span<const endpoint> endpoints) {
    std::vector<endpoint> order;
    order.reserve(endpoints.size());
    const auto is_v4 = [](const endpoint& one) { return one.address().is_v4(); };
    bool v4 = !endpoints.empty() && is_v4(endpoints.front());
    std::array<std::size_t, 2> next{};  // where to look for the next endpoint of each family
    while (order.size() < endpoints.size()) {
        std::size_t& i = next[v4];
        while (i < endpoints.size() && is_v4(endpoints[i]) != v4) ++i;
        if (i < endpoints.size()) order.push_back(endpoints[i++]);
        v4 = !v4;  // even if that family has no more endpoints: then the other continues alone
    }
    return order;
}

}  // namespace netnotes

#endif  // NETNOTES_TCP_CONNECT_HPP

// netnotes/tcp/pump.hpp: bytes from one connection to another
// SPDX-License-Identifier: MIT
//
// A proxy, a tunnel and netcat do the same work: what comes in at one connection goes out at another. Three things go
// wrong in a loop written by hand. The end of one direction is taken for the end of both, and the answer is lost. A
// connection that was reset ends in order on the other side, so the peer takes a part for the whole. And one thread
// waits for a peer that does not read, while the other direction stands still.
//
//        client                      proxy                      server
//          | "GET / ..." ──────────> pump_both ──────────────────> |
//          | FIN  ─────────────────>  shutdown(send) ───── FIN ──> |      the server still answers:
//          | <──────────────────────────────────── "200 OK ..."    |
//          | <───────── FIN ───────── shutdown(send) <──── FIN     |      now both directions have ended
//
//        pump(from, to)                  one direction, to its end
//        pump_both(client, server)       both directions, in one thread
//        copy_bytes(from, to, 1000)      at most 1000 bytes, without an end
//
// On this page:  copy_bytes · pump · pump_options, pump_both
// Above it:      coro/pump.hpp, the same for tasks
// The notes:     TCP长连接和短连接 (long and short connections)

#ifndef NETNOTES_TCP_PUMP_HPP
#define NETNOTES_TCP_PUMP_HPP

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <type_traits>
#include <utility>


// netnotes/socket/owner.hpp: a pointer that owns
// SPDX-License-Identifier: MIT
//
// An owner deletes its object when it is destroyed, so no path out of a function can forget the object:
//
//     first{new object}            first ──> object
//     second{std::move(first)}     second ──> object        `first` is empty now
//
// std::unique_ptr does the same. But <memory> takes five times as long to compile as this page. So a chapter that needs
// only an owner, such as tcp/reader.hpp, includes this page.
//
// On this page:  owner

#ifndef NETNOTES_SOCKET_OWNER_HPP
#define NETNOTES_SOCKET_OWNER_HPP

#include <cstddef>
#include <utility>

namespace netnotes::detail {

/// Releases an object with delete.
template <class T>
struct deleting {
    void operator()(T* object) const noexcept { delete object; }
};
/// Releases an array with delete[].
template <class T>
struct deleting<T[]> {
    void operator()(T* first) const noexcept { delete[] first; }
};
/// Names the type of the object, or of an element if T is an array.
template <class T>
struct owned {
    using type = T;
};
template <class T>
struct owned<T[]> {
    using type = T;
};

/// Owns an object, or an array if T is `U[]`. Calls `Release{}(object)` when the owner is destroyed. It can be moved,
/// not copied.
template <class T, class Release = deleting<T>>
class owner {
  public:
    /// Names the type that the owner points to.
    using element = typename owned<T>::type;

    /// Makes an empty owner.
    constexpr owner() noexcept = default;
    /// Makes an empty owner.
    constexpr owner(std::nullptr_t) noexcept {}
    /// Takes the object. nullptr makes an empty owner.
    constexpr explicit owner(element* object) noexcept : object_{object} {}
    /// Takes the object of `other`, which is empty afterwards.
    constexpr owner(owner&& other) noexcept : object_{other.release()} {}
    /// Takes the object of `other`, which is empty afterwards, and releases the old object.
    constexpr owner& operator=(owner&& other) noexcept {
        reset(other.release());
        return *this;
    }
    /// Releases the object, if there is one.
    constexpr ~owner() {
        if (object_) Release{}(object_);
    }

    /// Returns the object, which the caller now owns, and leaves this owner empty.
    [[nodiscard]] constexpr element* release() noexcept { return std::exchange(object_, nullptr); }
    /// Takes `object`, then releases the old object, if there is one.
    constexpr void reset(element* object = nullptr) noexcept {
        if (element* const old = std::exchange(object_, object)) Release{}(old);
    }
    /// Returns the object, which this owner keeps; nullptr if it is empty.
    [[nodiscard]] constexpr element* get() const noexcept { return object_; }
    /// Returns the object. The owner must not be empty.
    [[nodiscard]] constexpr element& operator*() const noexcept { return *object_; }
    /// Accesses a member of the object. The owner must not be empty.
    [[nodiscard]] constexpr element* operator->() const noexcept { return object_; }
    /// Returns an element of the array. `index` is not checked.
    [[nodiscard]] constexpr element& operator[](std::size_t index) const noexcept { return object_[index]; }
    /// Returns true if it owns an object.
    constexpr explicit operator bool() const noexcept { return object_ != nullptr; }

  private:
    element* object_ = nullptr;
};

}  // namespace netnotes::detail

#endif  // NETNOTES_SOCKET_OWNER_HPP





namespace netnotes {

class tcp_stream;

namespace detail {
template <class Stream>
concept pump_source = requires(Stream& stream, mutable_buffer room, std::error_code& error) {
    { stream.recv(room, error) } -> std::convertible_to<std::size_t>;
};
template <class Stream>
concept pump_sink = requires(Stream& stream, const_buffer bytes, std::error_code& error) {
    { stream.send_all(bytes, error) } -> std::convertible_to<std::size_t>;
    stream.shutdown(shutdown_direction::send, error);
};
template <class Stream>
concept pump_end = pump_source<Stream> && pump_sink<Stream> && requires(Stream& stream) { stream.native_handle(); };
}  // namespace detail

/// Moves bytes from one stream to another until `from` ends, or until `max_bytes` bytes have moved. Returns their
/// number. Receives no byte beyond `max_bytes`, and does not end `to`. `from` may also be a buffered_reader, whose
/// buffered bytes come first. The timeouts of the streams limit each wait. Throws std::system_error. On an error the
/// second form returns how many bytes `to` took.
template <detail::pump_source From, detail::pump_sink To>
std::uint64_t copy_bytes(From& from, To& to, std::uint64_t max_bytes = ~std::uint64_t{0});
template <detail::pump_source From, detail::pump_sink To>
std::uint64_t copy_bytes(From& from, To& to, std::uint64_t max_bytes, std::error_code& error);

/// Moves bytes until `from` ends, and then ends the sending direction of `to` (half-close). Returns the number of
/// bytes. If `from` fails, close() of `to` sends a reset, so that its peer can tell that bytes are missing. Throws
/// std::system_error. On an error the second form returns how many bytes `to` took.
template <detail::pump_source From, detail::pump_sink To>
std::uint64_t pump(From& from, To& to);
template <detail::pump_source From, detail::pump_sink To>
std::uint64_t pump(From& from, To& to, std::error_code& error);

/// The bounds that end pump_both() early.
struct pump_options {
    wait_time idle_timeout = never;    ///< errc::timed_out if no byte has moved in either direction for this long
    const stop_event* stop = nullptr;  ///< a stop ends it with errc::operation_canceled
};
/// Moves bytes in both directions at the same time, in this thread, until both have ended. Each end is passed on by
/// itself, as pump() does. Returns how many bytes went from `first` to `second`, and how many went back. It holds at
/// most 64 KiB for each direction. A stream that is not read takes no more bytes, and the other direction goes on.
///
/// If a direction fails, both connections end, and close() of both sends a reset. A reset by a peer that has ended its
/// own direction counts, too: it will not take the answer. Throws std::system_error. The streams' own timeouts do not
/// count here, and an answer timeout begins anew when the call returns. A stop of the streams (stop_with()) ends the
/// call like `options.stop`, which must outlive it.
template <detail::pump_end First, detail::pump_end Second>
std::pair<std::uint64_t, std::uint64_t> pump_both(First& first, Second& second, const pump_options& options = {});
template <detail::pump_end First, detail::pump_end Second>
std::pair<std::uint64_t, std::uint64_t> pump_both(First& first, Second& second, const pump_options& options,
                                                  std::error_code& error);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

inline constexpr std::size_t pump_room = 64 * 1024;

/// Makes close() send a reset, if the stream is a socket: bytes are missing, and an orderly end would hide that.
template <class Stream>
void reset_at_close(Stream& stream) noexcept {
    if constexpr (requires { stream.set_option(option::linger{std::chrono::seconds{0}}); }) {
        try {
            stream.set_option(option::linger{std::chrono::seconds{0}});
        } catch (const std::system_error&) {  // the socket is closed
        }
    }
}

/// Lifts the time limits of a stream while this object lives, if it is a socket. Its owner waits by itself and makes no
/// call that waits, so the mode of the descriptor does not matter.
class limits_lifted {
  public:
    template <class Stream>
    explicit limits_lifted(Stream& stream) noexcept {
        if constexpr (std::is_convertible_v<Stream*, socket_handle*> || std::derived_from<Stream, tcp_stream>)
            lift(stream);
    }
    limits_lifted(const limits_lifted&) = delete;
    limits_lifted& operator=(const limits_lifted&) = delete;
    ~limits_lifted() {
        if (!socket_) return;
        socket_->deadline_ = deadline_;
        socket_->answer_time_ = answer_time_;
        socket_->answer_end_.store(end_of(answer_time_));
    }
    /// Returns the descriptor of the stream's stop, or -1.
    [[nodiscard]] int stop() const noexcept { return socket_ && socket_->stop_ ? socket_->stop_->native_handle() : -1; }

  private:
    void lift(socket_handle& limited) noexcept {
        socket_ = &limited;
        deadline_ = std::exchange(limited.deadline_, time_point::max());
        answer_time_ = std::exchange(limited.answer_time_, never);
        limited.answer_end_.store(time_point::max());
    }
    socket_handle* socket_ = nullptr;
    time_point deadline_{};
    duration answer_time_{};
};

/// Takes the error that a socket has in store, a reset for example (SO_ERROR).
inline std::error_code take_error_of(int descriptor) noexcept {
    int pending = 0;
    socklen_t size = sizeof pending;
    ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &pending, &size);
    return {pending, std::system_category()};
}

/// One direction of pump_both().
template <class From, class To>
class pump_lane {
  public:
    pump_lane(From& from, To& to) : from_{from}, to_{to}, room_{new std::byte[pump_room]} {}
    /// Returns true if a call would receive (or send), so that poll(2) is to watch for it.
    [[nodiscard]] bool wants_bytes() const noexcept { return !has_ended_ && bytes_.empty(); }
    [[nodiscard]] bool wants_room() const noexcept { return !bytes_.empty(); }
    [[nodiscard]] bool is_over() const noexcept { return has_ended_ && bytes_.empty(); }
    [[nodiscard]] std::uint64_t moved() const noexcept { return moved_; }
    /// Receives and sends what is possible without a wait. Returns true if any byte has moved, or the end.
    bool step(std::error_code& error) noexcept {
        bool has_moved = false;
        if (wants_bytes()) {
            const std::size_t size = from_.recv(std::span{room_.get(), pump_room}, error, MSG_DONTWAIT);
            if (is_still_to_come(error) || error) return false;
            has_moved = true;
            bytes_ = {room_.get(), size};
            if ((has_ended_ = size == 0)) to_.shutdown(shutdown_direction::send, error);
            // The peer of `to_` may have gone already. Then the other direction reports how.
            if (error == std::errc::not_connected) error.clear();
        }
        while (!error && !bytes_.empty()) {
            const std::size_t size = to_.send(bytes_, error, MSG_DONTWAIT);
            if (is_still_to_come(error) || error) break;
            has_moved = true;
            moved_ += size;
            bytes_ = bytes_.subspan(size);
        }
        return has_moved;
    }

  private:
    static bool is_still_to_come(std::error_code& error) noexcept {
        if (error != std::errc::operation_would_block) return false;
        error.clear();
        return true;
    }
    From& from_;
    To& to_;
    detail::owner<std::byte[]> room_;
    std::span<const std::byte> bytes_;  // received and not sent yet
    std::uint64_t moved_ = 0;
    bool has_ended_ = false;
};

}  // namespace detail

template <detail::pump_source From, detail::pump_sink To>
std::uint64_t copy_bytes(From& from, To& to, std::uint64_t max_bytes, std::error_code& error) {
    const detail::owner<std::byte[]> room{new std::byte[detail::pump_room]};
    std::uint64_t moved = 0;
    error.clear();
    while (!error && moved < max_bytes) {
        const auto most = static_cast<std::size_t>(detail::min<std::uint64_t>(detail::pump_room, max_bytes - moved));
        const std::size_t size = from.recv(std::span{room.get(), most}, error);
        if (error || size == 0) break;
        moved += to.send_all(std::span{room.get(), size}, error);
    }
    return moved;
}
template <detail::pump_source From, detail::pump_sink To>
std::uint64_t copy_bytes(From& from, To& to, std::uint64_t max_bytes) {
    std::error_code error;
    const std::uint64_t moved = copy_bytes(from, to, max_bytes, error);
    if (error) detail::throw_error(error, "copy_bytes (", std::to_string(moved), " bytes copied)");
    return moved;
}

template <detail::pump_source From, detail::pump_sink To>
std::uint64_t pump(From& from, To& to, std::error_code& error) {
    const std::uint64_t moved = copy_bytes(from, to, ~std::uint64_t{0}, error);
    if (error)
        detail::reset_at_close(to);
    else
        to.shutdown(shutdown_direction::send, error);
    return moved;
}
template <detail::pump_source From, detail::pump_sink To>
std::uint64_t pump(From& from, To& to) {
    std::error_code error;
    const std::uint64_t moved = pump(from, to, error);
    if (error) detail::throw_error(error, "pump (", std::to_string(moved), " bytes moved)");
    return moved;
}

template <detail::pump_end First, detail::pump_end Second>
std::pair<std::uint64_t, std::uint64_t> pump_both(First& first, Second& second, const pump_options& options,
                                                  std::error_code& error) {
    detail::pump_lane<First, Second> there{first, second};
    detail::pump_lane<Second, First> back{second, first};
    const detail::limits_lifted first_limits{first}, second_limits{second};
    bool has_hung_up[2] = {false, false};
    error.clear();
    for (time_point until = detail::end_of(options.idle_timeout); !error && !(there.is_over() && back.is_over());) {
        const auto watched_for = [](bool to_read, bool to_write) {
            return static_cast<short>((to_read ? POLLIN : 0) | (to_write ? POLLOUT : 0));
        };
        std::array<pollfd, 5> watched{
            pollfd{first.native_handle(), watched_for(there.wants_bytes(), back.wants_room()), 0},
            pollfd{second.native_handle(), watched_for(back.wants_bytes(), there.wants_room()), 0},
            pollfd{options.stop ? options.stop->native_handle() : -1, POLLIN, 0},
            pollfd{first_limits.stop(), POLLIN, 0}, pollfd{second_limits.stop(), POLLIN, 0}};
        for (std::size_t i = 0; i < 2; ++i)  // or a hang-up would be reported again and again
            if (watched[i].events == 0 && has_hung_up[i]) watched[i].fd = -1;
        detail::poll_until(watched.data(), watched.size(), until, error);
        if (!error && (watched[2].revents | watched[3].revents | watched[4].revents) != 0)
            error = std::make_error_code(std::errc::operation_canceled);
        // No call of the lanes would find that a peer has reset which is neither read nor written to now. (A hang-up
        // without an error is only the end of both directions.)
        for (std::size_t i = 0; i < 2; ++i)
            if (!error && watched[i].events == 0 && watched[i].revents != 0) {
                has_hung_up[i] = true;
                error = detail::take_error_of(watched[i].fd);
            }
        bool has_moved = !error && there.step(error);
        has_moved = (!error && back.step(error)) || has_moved;
        if (has_moved) until = detail::end_of(options.idle_timeout);
    }
    if (error) {
        detail::reset_at_close(first);
        detail::reset_at_close(second);
    }
    return {there.moved(), back.moved()};
}
template <detail::pump_end First, detail::pump_end Second>
std::pair<std::uint64_t, std::uint64_t> pump_both(First& first, Second& second, const pump_options& options) {
    std::error_code error;
    const auto moved = pump_both(first, second, options, error);
    if (error)
        detail::throw_error(error, "pump_both (", std::to_string(moved.first), " bytes there, ",
                            std::to_string(moved.second), " back)");
    return moved;
}

}  // namespace netnotes

#endif  // NETNOTES_TCP_PUMP_HPP

// netnotes/tcp/reader.hpp: messages out of a stream
// SPDX-License-Identifier: MIT
//
// A receive is not a message. Bytes that were sent in one piece may arrive in many, and many pieces may arrive as one.
// So a receiver must know where a message ends. There are two ways to tell it: a mark behind the message that does not
// occur in it, or its length before it. Either way the receiver keeps the bytes of the next message that have already
// arrived. This reader does that.
//
//        recv ──> "HELO a.exa"                    no end yet: wait for more
//        recv ──> "mple\r\nDATA\r\nFrom: "        two messages and a part of the third
//
//                 [ HELO a.example\r\n | DATA\r\n | From: . . . . . . . . . . ]
//                   recv_line()          next       buffered()    room, up to the limit
//                   views into the buffer, valid until the next call
//
// Bytes that were read ahead are in the reader and no longer in the stream. From the first call on, receive through
// the reader only, and never through a second reader on the same stream. Lines and lengths may be mixed freely.
//
//   recv_until("\r\n\r\n")     up to and with the delimiter, as Python's readuntil
//   recv_line()                a line without its "\n" or "\r\n"; a last line without an end counts
//   recv_exact(size)           exactly `size` bytes
//   recv(buffer)               the bytes that are there; from here on it is a stream again
//
// The cases, and the contents of the buffer in each:
//
//   an orderly end between two messages      no value, no error. So: while (auto line = reader.recv_line())
//   an end in the middle of a message        errc::protocol_error. Nothing is lost: buffered() returns what arrived
//   a message longer than the limit          errc::message_size, for the same messages however they arrive. Nothing
//                                            is taken out, memory is bounded, and the next call fails again.
//                                            Hang up, or call skip_until(delimiter) and continue behind it
//   errc::timed_out, operation_canceled,     nothing is lost: call again to continue. A timeout is for the whole
//   operation_would_block                    message: a peer that sends a byte a second cannot extend it
//
// No byte is searched twice, not even if a peer sends single bytes. The reader copies bytes only if a message does not
// fit behind its own beginning. Then the beginning moves to the front or, if it is long, into a buffer of twice the
// size.
//
// On this page:  byte_source · message_reader · buffered_reader
// The notes:     their receivers take each recv for a message (TCP服务器, 带有QQ聊天); example 12

#ifndef NETNOTES_TCP_READER_HPP
#define NETNOTES_TCP_READER_HPP

#include <concepts>
#include <cstddef>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>


// netnotes/socket/block.hpp: the blocks of buffers that are filled and emptied again and again
// SPDX-License-Identifier: MIT
//
// A connection that waits has no buffer, so ten thousand idle connections need little memory. Its next message needs a
// buffer again. If free() gets the last blocks of the heap, malloc() returns them to the kernel with brk(2), and soon
// fetches them again. So each thread keeps a few blocks:
//
//     a message arrives        new_block()     a kept block, or a new one
//     the buffer is empty      free_block()    keeps the block, or deletes it if enough are kept
//
// On this page:  (what readers and queues use: block_size, new_block, free_block)

#ifndef NETNOTES_SOCKET_BLOCK_HPP
#define NETNOTES_SOCKET_BLOCK_HPP

#include <cstddef>
#include <new>



namespace netnotes::detail {

/// Whether freed memory may be kept for the next use. AddressSanitizer must see each block and frame freed. MinGW frees
/// the memory of thread_local objects before it calls their destructors, so it keeps nothing either.
inline constexpr bool keeps_freed_memory =
#if defined(__SANITIZE_ADDRESS__) || defined(__MINGW32__)
    false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    false;
#else
    true;
#endif
#else
    true;
#endif

/// How many bytes a buffer has at first. Only blocks of this size are kept.
inline constexpr std::size_t block_size = 4096;

class block_store {
  public:
    char* take() noexcept { return count_ == 0 ? nullptr : kept_[--count_]; }
    /// Keeps a block, and returns true. Returns false if it is the caller's still: enough are kept, or the thread ends.
    bool keep(char* block) noexcept {
        if (!keeps_freed_memory || count_ == max_count || (!open_ && !opens())) return false;
        kept_[count_++] = block;
        return true;
    }

  private:
    // A connection needs one block to receive and one to send, and a loop works for one connection at a time.
    static constexpr std::size_t max_count = 4;

    bool opens() noexcept;

    // No constructor and no destructor, so that access to the thread_local object needs no check whether it was made.
    char* kept_[max_count];
    std::size_t count_;
    bool open_;
    bool closed_;
};
inline constinit thread_local block_store blocks{};

/// Opens the store with the first block that a thread gives back. The end of the thread empties it. Blocks that other
/// thread_local objects give back after that are not kept.
inline bool block_store::opens() noexcept {
    struct closing {
        ~closing() {
            blocks.open_ = false;
            blocks.closed_ = true;
            while (char* const block = blocks.take()) delete[] block;
        }
    };
    if (closed_) return false;
    static thread_local closing at_the_end;
    static_cast<void>(at_the_end);
    return open_ = true;
}

/// Returns `size` bytes, or an empty owner if there is no memory.
inline owner<char[]> new_block(std::size_t size) noexcept {
    char* const kept = size == block_size ? blocks.take() : nullptr;
    return owner<char[]>{kept ? kept : new (std::nothrow) char[size]};
}
/// Frees `size` bytes. The owner is empty afterwards.
inline void free_block(owner<char[]>& memory, std::size_t size) noexcept {
    if (size == block_size && blocks.keep(memory.get()))
        static_cast<void>(memory.release());
    else
        memory.reset();
}

}  // namespace netnotes::detail

#endif  // NETNOTES_SOCKET_BLOCK_HPP



namespace netnotes {

/// A source for a buffered_reader; its recv() must not throw. Where it has the waiting calls of a socket, too, its
/// timeout is for whole messages.
template <class Stream>
concept byte_source = requires(Stream& stream, mutable_buffer buffer, std::error_code& error) {
    { stream.recv(buffer, error) } -> std::convertible_to<std::size_t>;
};

/// A reader of messages: buffered_reader, and async_buffered_stream for tasks (coro/buffered.hpp). They have the same
/// calls with the same arguments. The calls that may wait return their result, or an object to co_await for it.
template <class Reader>
concept message_reader = requires(Reader& reader, std::string_view delimiter, std::size_t size, mutable_buffer buffer) {
    reader.recv_until(delimiter);
    reader.recv_line();
    reader.recv_exact(size);
    reader.recv_exact(buffer);
    reader.recv(buffer);
    reader.skip_until(delimiter);
    { reader.take_until(delimiter) } -> std::same_as<std::optional<std::string_view>>;
    { reader.take_line() } -> std::same_as<std::optional<std::string_view>>;
    { reader.take_exact(size) } -> std::same_as<std::optional<std::string_view>>;
    { reader.buffered() } -> std::same_as<std::string_view>;
    { reader.limit() } -> std::same_as<std::size_t>;
    { reader.capacity() } -> std::same_as<std::size_t>;
    reader.shrink_to_fit();
};

/// Takes messages out of a tcp_stream or a connected socket. The reader does not own the stream, which must outlive it.
/// The reader cannot be copied or moved, and the stream must stay in place, too. Every call may wait, as the stream
/// does. Each call has two forms; the form with an error code at its end does not throw.
template <byte_source Stream>
class buffered_reader {
  public:
    /// Creates a reader on `stream`. A message may have at most `limit` bytes, with its delimiter. Memory grows with
    /// the messages from 4 KiB to the limit and never beyond. Nothing is allocated before the first call.
    explicit buffered_reader(Stream& stream, std::size_t limit = 64 * 1024) noexcept : stream_{stream}, limit_{limit} {}
    buffered_reader(const buffered_reader&) = delete;
    buffered_reader& operator=(const buffered_reader&) = delete;

    /// Returns the next bytes up to and with the delimiter, or nullopt at an orderly end. Fails with
    /// errc::invalid_argument if the delimiter is empty.
    std::optional<std::string_view> recv_until(std::string_view delimiter);
    std::optional<std::string_view> recv_until(std::string_view delimiter, std::error_code& error) noexcept;
    /// Returns the next line without its end, "\n" or "\r\n", or nullopt at the end. Bytes behind the last "\n" are a
    /// line as well. To tell such a line from a complete line, call recv_until("\n").
    std::optional<std::string_view> recv_line();
    std::optional<std::string_view> recv_line(std::error_code& error) noexcept;
    /// Returns the next `size` bytes, or nullopt at an orderly end. A size above the limit fails with
    /// errc::message_size before anything is read, so the size may come straight from the peer. Size 0
    /// returns an empty view at once.
    std::optional<std::string_view> recv_exact(std::size_t size);
    std::optional<std::string_view> recv_exact(std::size_t size, std::error_code& error) noexcept;
    /// Fills the caller's buffer, so the limit does not apply. Returns buffer.size(), or 0 at an orderly end. On an
    /// error the second form returns the number of bytes already in the buffer; continue behind them.
    std::size_t recv_exact(mutable_buffer buffer);
    std::size_t recv_exact(mutable_buffer buffer, std::error_code& error) noexcept;
    /// Receives at least one byte and at most buffer.size(), first from the bytes that were read ahead, otherwise from
    /// the stream. Returns their number, or 0 at the end.
    std::size_t recv(mutable_buffer buffer);
    std::size_t recv(mutable_buffer buffer, std::error_code& error) noexcept;

    /// Discards everything up to and with the delimiter, whatever its size. Use it after a message that is too long.
    /// Returns false if the stream ended before the delimiter. After an error, call again to continue.
    bool skip_until(std::string_view delimiter);
    bool skip_until(std::string_view delimiter, std::error_code& error) noexcept;

    /// Work like recv_until(), recv_line() and recv_exact(), but only on bytes that have already been received. They
    /// return nullopt if these do not suffice. They do not read the stream and do not wait.
    std::optional<std::string_view> take_until(std::string_view delimiter) noexcept;
    std::optional<std::string_view> take_line() noexcept;
    std::optional<std::string_view> take_exact(std::size_t size) noexcept;

    /// Returns the bytes that have been received and not yet taken, without reading the stream. They are valid until
    /// the next call.
    [[nodiscard]] std::string_view buffered() const noexcept { return {memory_.get() + begin_, end_ - begin_}; }
    /// Returns the greatest length of a message, with its delimiter, in bytes.
    [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
    /// Returns the size of the reader's memory, in bytes.
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    /// Frees the memory if the reader holds no bytes. Views of the messages before are not valid any more. A server
    /// with many idle clients calls it before it waits.
    void shrink_to_fit() noexcept {
        if (begin_ != end_) return;
        detail::free_block(memory_, capacity_);
        capacity_ = begin_ = end_ = 0;
    }
    /// Returns the stream that the reader was made for.
    [[nodiscard]] Stream& stream() const noexcept { return stream_; }

  private:
    static constexpr std::size_t first_capacity = detail::block_size;
    // Only a stream with a timeout needs a point in time for the whole message. A deadline is such a point already, and
    // with a timeout of zero no receive waits.
    static constexpr bool has_timeout = requires(Stream & stream, mutable_buffer buffer, std::error_code& error) {
        stream.recv(buffer, error, MSG_DONTWAIT);
        stream.wait(POLLIN, time_point{}, error);
        { stream.timeout() } -> std::convertible_to<duration>;
        { stream.is_blocking() } -> std::convertible_to<bool>;
    };
    /// The time that one call of the reader may take, all its receives together.
    class time_limit {
      public:
        explicit time_limit(const Stream& stream) noexcept {
            if constexpr (has_timeout)
                if (const duration time = stream.timeout(); time > duration::zero() && time != never)
                    until = detail::end_of(time);
        }
        time_point until = time_point::max();
        bool used = false;
    };

    // A short line costs less than these two would as calls.
    [[gnu::always_inline]] inline std::errc prepare_search(std::string_view delimiter) noexcept;
    [[gnu::always_inline]] inline std::optional<std::size_t> find(std::string_view delimiter) noexcept;
    std::string_view take(std::size_t size) noexcept {
        const std::string_view taken = buffered().substr(0, size);
        begin_ += size;
        searched_ -= detail::min(searched_, size);
        return taken;
    }
    [[gnu::noinline]] std::optional<std::string_view> search_until(std::string_view delimiter) noexcept;
    std::optional<std::string_view> next(std::string_view delimiter, bool& ended, std::error_code& error) noexcept;
    bool make_room(std::size_t wanted, std::error_code& error) noexcept;
    std::size_t receive(mutable_buffer room, time_limit& time, std::error_code& error) noexcept;
    std::size_t fill(std::size_t wanted, time_limit& time, std::error_code& error) noexcept;
    [[noreturn]] void fail(const std::error_code& error, const char* call, std::size_t filled) const;

    Stream& stream_;
    std::size_t limit_;
    detail::owner<char[]> memory_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0, end_ = 0;  ///< the bytes that have been received and not yet taken
    std::size_t searched_ = 0;         ///< how many bytes at their front hold no part of a delimiter ...
    std::string searched_for_;         ///< ... equal to this text
};

// ========================================================================================================
// How it is done
// ========================================================================================================

/// Forgets the earlier search if the delimiter is another. Most delimiters are a single byte, and then no call is
/// needed.
template <byte_source Stream>
std::errc buffered_reader<Stream>::prepare_search(std::string_view delimiter) noexcept {
    if (delimiter.empty()) return std::errc::invalid_argument;
    if (delimiter.size() == searched_for_.size() && delimiter.front() == searched_for_.front() &&
        (delimiter.size() == 1 || delimiter == searched_for_))
        return {};
    searched_ = 0;
    try {
        searched_for_.clear();
        searched_for_.append(delimiter);  // g++ 12 warns wrongly about assignment here (its bug 105651)
    } catch (...) {                       // the delimiter is long, and there is no memory for it
        return std::errc::not_enough_memory;
    }
    return {};
}

/// Returns where the delimiter begins. Of the bytes searched before, it looks again only at the last ones, because a
/// delimiter that has now arrived may begin there.
template <byte_source Stream>
std::optional<std::size_t> buffered_reader<Stream>::find(std::string_view delimiter) noexcept {
    const char* const there = memory_.get() + begin_;
    const std::size_t size = end_ - begin_;
    if (delimiter.size() == 1) [[likely]] {
        if (searched_ < size)
            if (const void* const at = std::memchr(there + searched_, delimiter.front(), size - searched_))
                return static_cast<std::size_t>(static_cast<const char*>(at) - there);
    } else {
        const std::size_t from = searched_ - detail::min(searched_, delimiter.size() - 1);
        if (const std::size_t at = buffered().find(delimiter, from); at != std::string_view::npos) return at;
    }
    searched_ = size;
    return std::nullopt;
}

/// Short lines come many at once: where nothing was searched before, there is nothing to remember of it either.
template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::take_until(std::string_view delimiter) noexcept {
    if (delimiter.size() == 1 && searched_ == 0 && begin_ != end_) [[likely]] {
        const char* const there = memory_.get() + begin_;
        if (const void* const at = std::memchr(there, delimiter.front(), end_ - begin_)) [[likely]] {
            const auto size = static_cast<std::size_t>(static_cast<const char*>(at) - there) + 1;
            if (size <= limit_) [[likely]] {
                begin_ += size;
                return std::string_view{there, size};
            }
        }
    }
    return search_until(delimiter);
}
template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::search_until(std::string_view delimiter) noexcept {
    if (begin_ == end_ || prepare_search(delimiter) != std::errc{}) return std::nullopt;
    const auto found = find(delimiter);
    if (!found || *found + delimiter.size() > limit_) return std::nullopt;
    return take(*found + delimiter.size());
}
template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::take_line() noexcept {
    auto line = take_until("\n");
    if (line) line->remove_suffix(line->ends_with("\r\n") ? 2 : 1);
    return line;
}
template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::take_exact(std::size_t size) noexcept {
    if (size > limit_ || buffered().size() < size) return std::nullopt;
    return take(size);
}

/// Makes room for `wanted` bytes from begin_ on. `wanted` is more than the bytes received.
template <byte_source Stream>
bool buffered_reader<Stream>::make_room(std::size_t wanted, std::error_code& error) noexcept {
    const std::size_t size = end_ - begin_;
    if (size == 0) begin_ = end_ = 0;
    if (wanted <= capacity_ - begin_) return true;
    if (wanted > capacity_) {
        // Doubled, so that the bytes copied for a long message are in proportion to its length.
        const std::size_t most = detail::max(detail::max(first_capacity, limit_), wanted);
        const std::size_t grown = detail::min(most, detail::max(detail::max(first_capacity, 2 * capacity_), wanted));
        detail::owner<char[]> memory = detail::new_block(grown);
        if (!memory) {
            error = std::make_error_code(std::errc::not_enough_memory);
            return false;
        }
        if (size > 0) std::memcpy(memory.get(), memory_.get() + begin_, size);
        memory_ = std::move(memory);
        capacity_ = grown;
    } else {
        std::memmove(memory_.get(), memory_.get() + begin_, size);
    }
    begin_ = 0;
    end_ = size;
    return true;
}

/// Receives once, within the time that is left of the whole call.
template <byte_source Stream>
std::size_t buffered_reader<Stream>::receive(mutable_buffer room, time_limit& time, std::error_code& error) noexcept {
    if constexpr (has_timeout) {
        if (time.until != time_point::max()) {
            // A peer that always has one more byte must not carry us past the limit without a wait.
            if (std::exchange(time.used, true) && clock::now() >= time.until) {
                error = std::make_error_code(std::errc::timed_out);
                return 0;
            }
            for (;;) {
                const std::size_t size = stream_.recv(room, error, MSG_DONTWAIT);
                if (error != std::errc::operation_would_block || !stream_.is_blocking()) return size;
                stream_.wait(POLLIN, time.until, error);
                if (error) return 0;
            }
        }
    }
    return stream_.recv(room, error);
}

/// Receives once, behind the bytes that are there. Returns 0 at the end of the stream or with an error.
template <byte_source Stream>
std::size_t buffered_reader<Stream>::fill(std::size_t wanted, time_limit& time, std::error_code& error) noexcept {
    if (!make_room(wanted, error)) return 0;
    const std::size_t size = receive(std::span{memory_.get() + end_, capacity_ - end_}, time, error);
    if (error) return 0;
    end_ += size;
    return size;
}

template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::next(std::string_view delimiter, bool& ended,
                                                              std::error_code& error) noexcept {
    ended = false;
    const std::errc failure = prepare_search(delimiter);
    error = std::make_error_code(failure);
    if (error) return std::nullopt;
    delimiter = searched_for_;  // it may be a view into this very buffer, which is now overwritten
    for (time_limit time{stream_};;) {
        const auto found = find(delimiter);
        if (found && *found + delimiter.size() <= limit_) return take(*found + delimiter.size());
        const std::size_t size = buffered().size();
        if (found || size >= limit_) {
            error = std::make_error_code(std::errc::message_size);
            return std::nullopt;
        }
        if (fill(size + 1, time, error) == 0) {
            ended = !error;
            return std::nullopt;
        }
    }
}

template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::recv_until(std::string_view delimiter,
                                                                    std::error_code& error) noexcept {
    bool ended = false;
    const auto message = next(delimiter, ended, error);
    if (ended && !buffered().empty()) error = std::make_error_code(std::errc::protocol_error);
    return message;
}

template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::recv_line(std::error_code& error) noexcept {
    bool ended = false;
    auto line = next("\n", ended, error);
    if (line) line->remove_suffix(line->ends_with("\r\n") ? 2 : 1);
    if (ended && !buffered().empty()) return take(buffered().size());
    return line;
}

template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::recv_exact(std::size_t size, std::error_code& error) noexcept {
    error.clear();
    if (size > limit_) {
        error = std::make_error_code(std::errc::message_size);
        return std::nullopt;
    }
    for (time_limit time{stream_}; buffered().size() < size;) {
        if (fill(size, time, error) == 0) {
            if (!error && !buffered().empty()) error = std::make_error_code(std::errc::protocol_error);
            return std::nullopt;
        }
    }
    return take(size);
}

template <byte_source Stream>
std::size_t buffered_reader<Stream>::recv_exact(mutable_buffer buffer, std::error_code& error) noexcept {
    error.clear();
    std::size_t filled = 0;
    if (!buffer.empty() && !buffered().empty()) filled = recv(buffer, error);
    for (time_limit time{stream_}; filled < buffer.size();) {
        const std::size_t size = receive(buffer.subspan(filled), time, error);
        if (error) break;
        if (size == 0) {
            if (filled > 0) error = std::make_error_code(std::errc::protocol_error);
            break;
        }
        filled += size;
    }
    return filled;
}

template <byte_source Stream>
std::size_t buffered_reader<Stream>::recv(mutable_buffer buffer, std::error_code& error) noexcept {
    error.clear();
    if (buffered().empty()) return stream_.recv(buffer, error);
    const std::string_view taken = take(detail::min(buffer.size(), buffered().size()));
    detail::copy_n(reinterpret_cast<const std::byte*>(taken.data()), taken.size(), buffer.data());
    return taken.size();
}

template <byte_source Stream>
bool buffered_reader<Stream>::skip_until(std::string_view delimiter, std::error_code& error) noexcept {
    const std::errc failure = prepare_search(delimiter);
    error = std::make_error_code(failure);
    if (error) return false;
    delimiter = searched_for_;
    for (time_limit time{stream_};;) {
        if (const auto found = find(delimiter)) {
            take(*found + delimiter.size());
            return true;
        }
        // Discards all but the bytes that may begin a delimiter.
        const std::size_t size = buffered().size();
        take(size - detail::min(size, delimiter.size() - 1));
        if (fill(detail::min(size, delimiter.size() - 1) + 1, time, error) == 0) {
            if (!error) take(buffered().size());
            return false;
        }
    }
}

// ---- the forms that throw

/// "recv_line from 192.0.2.1:80 (17 bytes, then the end of the stream): Protocol error"
template <byte_source Stream>
void buffered_reader<Stream>::fail(const std::error_code& error, const char* call, std::size_t filled) const {
    std::string peer;
    if constexpr (requires { stream_.peer_endpoint().to_string(); }) {
        try {
            peer = detail::joined(" from ", stream_.peer_endpoint().to_string());
        } catch (const std::exception&) {  // the connection is gone, and with it the peer's name; or it never had one
        }
    }
    if (error == std::errc::message_size)
        detail::throw_error(error, call, peer, " (the limit is ", std::to_string(limit_), " bytes)");
    detail::throw_error(error, call, peer, " (", std::to_string(filled), " bytes",
                        error == std::errc::protocol_error ? ", then the end of the stream)" : " so far)");
}

template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::recv_until(std::string_view delimiter) {
    std::error_code error;
    const auto message = recv_until(delimiter, error);
    if (error) fail(error, "recv_until", buffered().size());
    return message;
}
template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::recv_line() {
    std::error_code error;
    const auto line = recv_line(error);
    if (error) fail(error, "recv_line", buffered().size());
    return line;
}
template <byte_source Stream>
std::optional<std::string_view> buffered_reader<Stream>::recv_exact(std::size_t size) {
    std::error_code error;
    const auto message = recv_exact(size, error);
    if (error) fail(error, "recv_exact", buffered().size());
    return message;
}
template <byte_source Stream>
std::size_t buffered_reader<Stream>::recv_exact(mutable_buffer buffer) {
    std::error_code error;
    const std::size_t filled = recv_exact(buffer, error);
    if (error) fail(error, "recv_exact", filled);
    return filled;
}
template <byte_source Stream>
std::size_t buffered_reader<Stream>::recv(mutable_buffer buffer) {
    std::error_code error;
    const std::size_t size = recv(buffer, error);
    if (error) fail(error, "recv", size);
    return size;
}
template <byte_source Stream>
bool buffered_reader<Stream>::skip_until(std::string_view delimiter) {
    std::error_code error;
    const bool found = skip_until(delimiter, error);
    if (error) fail(error, "skip_until", buffered().size());
    return found;
}

}  // namespace netnotes

#endif  // NETNOTES_TCP_READER_HPP

// netnotes/tcp/state.hpp: options and live state of a connection
// SPDX-License-Identifier: MIT
//
// This chapter has options of a connection, keep-alive, and the connection's live state. The live state is the name of
// the TCP state, round-trip times, windows and retransmissions (TCP_INFO, tcp(7)).
//
// On this page:  option::no_delay, user_timeout · keep_alive · linger · connection_info
// Below it:      ip/tcp_state.hpp, the eleven states
// The notes:     tcp十种状态 (states), 保活 (keep-alive); example 11

#ifndef NETNOTES_TCP_STATE_HPP
#define NETNOTES_TCP_STATE_HPP

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstdint>
#include <limits>
#include <type_traits>


// netnotes/ip/tcp_state.hpp: the eleven states of a TCP connection
// SPDX-License-Identifier: MIT
//
// Each end of a connection is in one of eleven states (RFC 9293 §3.3.2, figure 5). The states of the two ends need not be
// equal: between them lies the time that a segment is under way.
//
//        CLOSED ──connect()──> SYN-SENT ────────SYN+ACK────────> ESTABLISHED        opening
//        LISTEN ──SYN────────> SYN-RECEIVED ────ACK────────────> ESTABLISHED
//
//        ESTABLISHED ──close()──> FIN-WAIT-1 ──ACK──> FIN-WAIT-2 ──FIN──> TIME-WAIT ──2 MSL──> CLOSED
//                                      └──────FIN───> CLOSING ─────ACK───────┘
//        ESTABLISHED ──FIN──> CLOSE-WAIT ──close()──> LAST-ACK ──ACK──> CLOSED
//
// The kernel tells the state of a socket (tcp/state.hpp), and the TCP of this library's own network has the same states
// (lan/tcp_machine.hpp). So the names stand here, below both.
//
// On this page:  tcp_state
// The notes:     tcp十种状态 (states)

#ifndef NETNOTES_IP_TCP_STATE_HPP
#define NETNOTES_IP_TCP_STATE_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace netnotes {

/// The eleven states (RFC 9293 §3.3.2). The notes count ten, and use the eleventh, CLOSED. The numbers are Linux's,
/// also in /proc/net/tcp.
enum class tcp_state : std::uint8_t {
    established = 1,   ///< Both sides may send.
    syn_sent = 2,      ///< Our connect() has sent a SYN and has no answer yet.
    syn_received = 3,  ///< A SYN was received and answered; the last acknowledgment is missing.
    fin_wait_1 = 4,    ///< We have sent a FIN, and it is not acknowledged.
    fin_wait_2 = 5,    ///< Our FIN is acknowledged; the peer may still send.
    time_wait = 6,     ///< Both sides have closed, and we closed first; old segments must expire.
    closed = 7,        ///< There is no connection: not yet, or no longer.
    close_wait = 8,    ///< The peer has closed, and our program has not yet called close().
    last_ack = 9,      ///< We have closed, too; the last acknowledgment is missing.
    listen = 10,       ///< A listener. Each connection has its own state.
    closing = 11,      ///< Both sides sent a FIN at the same time.
};
/// Returns the state's name as in RFC 9293: "SYN-SENT", "FIN-WAIT-1", "CLOSED". Returns "UNKNOWN" for any other number.
[[nodiscard]] constexpr std::string_view to_string(tcp_state state) noexcept {
    constexpr std::array<std::string_view, 12> names{"UNKNOWN",    "ESTABLISHED", "SYN-SENT",  "SYN-RECEIVED",
                                                     "FIN-WAIT-1", "FIN-WAIT-2",  "TIME-WAIT", "CLOSED",
                                                     "CLOSE-WAIT", "LAST-ACK",    "LISTEN",    "CLOSING"};
    const auto number = static_cast<std::size_t>(state);
    return names[number < names.size() ? number : 0];
}

}  // namespace netnotes

#endif  // NETNOTES_IP_TCP_STATE_HPP




namespace netnotes {

// ---- Options -------------------------------------------------------------------------------------------

namespace option {
/// Sends small pieces at once, without waiting until earlier pieces are acknowledged (it turns off Nagle's algorithm,
/// RFC 9293 §3.7.4). Without it, two small writes and then a read cost 40 ms. Accepted sockets inherit it.
using no_delay = flag<IPPROTO_TCP, TCP_NODELAY>;

/// A number of seconds, or milliseconds, as the kernel counts them in an int.
/// A longer time becomes the int's maximum; a negative time fails with errc::invalid_argument.
template <class Unit, int Level, int Name>
struct time {
    Unit value;
    using native_type = int;
    static constexpr int level = Level, name = Name;
    template <class Rep, class Period>
    requires std::is_convertible_v<std::chrono::duration<Rep, Period>, Unit>
    constexpr time(const std::chrono::duration<Rep, Period>& given) noexcept : value{detail::saturated<Unit>(given)} {}
    constexpr bool is_in_range() const noexcept { return value.count() >= 0; }
    constexpr native_type to_native() const noexcept {
        return static_cast<int>(detail::clamp<std::int64_t>(value.count(), -1, std::numeric_limits<int>::max()));
    }
    static constexpr Unit from_native(native_type native) noexcept { return Unit{native}; }
};
/// The three numbers of keep_alive as separate options; see struct netnotes::keep_alive.
using keep_alive_idle = time<std::chrono::seconds, IPPROTO_TCP, TCP_KEEPIDLE>;
using keep_alive_interval = time<std::chrono::seconds, IPPROTO_TCP, TCP_KEEPINTVL>;
using keep_alive_count = number<IPPROTO_TCP, TCP_KEEPCNT>;

/// Ends the connection with errc::timed_out if sent bytes stay unacknowledged for this time (RFC 5482, tcp(7)). It also
/// limits how long bytes may wait because the peer does not read, even if the peer's kernel answers. With keep-alive
/// on, this time replaces the count of unanswered probes.
///
/// Zero means the system's limits. Retransmissions then end after about a quarter of an hour (net.ipv4.tcp_retries2).
/// A peer that does not read has no limit while its kernel answers.
using user_timeout = time<std::chrono::milliseconds, IPPROTO_TCP, TCP_USER_TIMEOUT>;
}  // namespace option

/// Keep-alive detects a peer that vanished without closing the connection. A side that only receives needs it. TCP
/// sends nothing on an idle connection, so without keep-alive this side never notices that the peer lost power.
///
/// Keep-alive is *off* by default (RFC 9293 §3.8.4). When it is on and no segment has come from the peer for `idle`,
/// the kernel sends a probe, and repeats it every `interval`. If `count` probes stay unanswered, the connection ends
/// and a receive fails with errc::timed_out. Any segment from the peer starts the count anew. Linux has the same
/// defaults (tcp(7)). With them a lost peer is detected after 2 h 11 min 15 s.
///
/// An answer shows that the peer's *kernel* runs. Only the program's own answers show that the program runs: see
/// set_timeout(). The kernel sends no probes while sent bytes are unacknowledged; option::user_timeout limits that
/// time.
struct keep_alive {
    std::chrono::seconds idle{7200};    ///< 1 to 32767 s
    std::chrono::seconds interval{75};  ///< 1 to 32767 s
    int count = 9;                      ///< 1 to 127 probes

    /// Returns the time from the peer's last segment to the end of the connection: `idle` plus `count` intervals. A
    /// result that does not fit becomes the largest or the smallest number of seconds.
    [[nodiscard]] constexpr std::chrono::seconds until_verdict() const noexcept {
        const auto exact = static_cast<long double>(idle.count()) + static_cast<long double>(interval.count()) * count;
        constexpr auto longest = std::chrono::seconds::max(), shortest = std::chrono::seconds::min();
        if (exact >= static_cast<long double>(longest.count())) return longest;
        if (exact <= static_cast<long double>(shortest.count())) return shortest;
        return std::chrono::seconds{static_cast<std::chrono::seconds::rep>(exact)};
    }
    friend constexpr bool operator==(const keep_alive&, const keep_alive&) = default;
};

// How a connection ends, and what becomes of bytes that were sent and are not yet acknowledged:
//
//    close()                                the kernel continues to send them; the program does not learn the result
//    close() with option::linger{3s}        waits up to 3 s for the acknowledgments, despite any timeout or stop.
//                                           After 3 s it returns without an error.
//    close() with option::linger{0s}        discards them and sends a reset: bytes under way are lost.
//                                           The peer gets errc::connection_reset. On Linux it first reads the bytes
//                                           that had arrived; elsewhere they may be lost, too. No TIME_WAIT is left.
//    close() with unread bytes              a reset as well: read to the end first
//    shutdown(send), then recv() until 0    the only way to *know* that the peer has read all and has closed, too

// ---- The state of a connection -------------------------------------------------------------------------

// ip/tcp_state.hpp has the kernel's numbers.
static_assert(static_cast<int>(tcp_state::established) == TCP_ESTABLISHED &&
              static_cast<int>(tcp_state::syn_sent) == TCP_SYN_SENT &&
              static_cast<int>(tcp_state::syn_received) == TCP_SYN_RECV &&
              static_cast<int>(tcp_state::fin_wait_1) == TCP_FIN_WAIT1 &&
              static_cast<int>(tcp_state::fin_wait_2) == TCP_FIN_WAIT2 &&
              static_cast<int>(tcp_state::time_wait) == TCP_TIME_WAIT &&
              static_cast<int>(tcp_state::closed) == TCP_CLOSE &&
              static_cast<int>(tcp_state::close_wait) == TCP_CLOSE_WAIT &&
              static_cast<int>(tcp_state::last_ack) == TCP_LAST_ACK &&
              static_cast<int>(tcp_state::listen) == TCP_LISTEN && static_cast<int>(tcp_state::closing) == TCP_CLOSING);

/// The kernel's figures of a connection at this moment: TCP_INFO, tcp(7). The name is not tcp_info, because C has a
/// struct of that name outside of any namespace. A field that an older kernel does not report is zero.
struct connection_info {
    tcp_state state = tcp_state::closed;
    std::chrono::microseconds round_trip_time{};          ///< Smoothed; zero before the first measurement.
    std::chrono::microseconds round_trip_variation{};     ///< Mean deviation of the round-trip time.
    std::chrono::microseconds minimum_round_trip_time{};  ///< The least of recent measurements.
    std::chrono::microseconds retransmission_timeout{};   ///< Wait for an acknowledgment before a retransmission.
    std::uint32_t maximum_segment_size = 0;               ///< The most bytes that we put into a segment.
    std::uint32_t congestion_window = 0;   ///< Segments that may be under way without overloading the network.
    std::uint32_t peer_window = 0;         ///< Bytes that the peer has room for (Linux 5.4).
    std::uint32_t unacknowledged = 0;      ///< Segments sent and not acknowledged.
    std::uint32_t lost = 0;                ///< Unacknowledged segments that the kernel believes lost.
    std::uint32_t timeouts_in_a_row = 0;   ///< Retransmissions of the same segment without an answer.
    std::uint32_t retransmissions = 0;     ///< Segments retransmitted since the connection began.
    std::uint32_t probes = 0;              ///< Unanswered probes, of keep-alive or of a closed window.
    std::uint32_t bytes_not_sent = 0;      ///< Bytes that send() took and the kernel has never sent yet.
    std::uint64_t bytes_acknowledged = 0;  ///< Our bytes that the peer acknowledged; the SYN counts as a byte.
    std::uint64_t bytes_received = 0;      ///< Bytes from the peer; its FIN counts as a byte.
    std::uint32_t segments_sent = 0, segments_received = 0;            ///< All segments, empty segments too.
    std::uint32_t data_segments_sent = 0, data_segments_received = 0;  ///< Only segments that carry bytes.
};

}  // namespace netnotes

#endif  // NETNOTES_TCP_STATE_HPP

// netnotes/tcp/stream.hpp: connections
// SPDX-License-Identifier: MIT
//
// TCP makes a pipe of bytes in each direction out of a network that loses, duplicates and reorders packets. The bytes
// that go in at one end come out at the other, all of them, in order, once, or the connection fails. TCP is reliable
// because it numbers every byte and retransmits what is not acknowledged (RFC 9293 §2.2), not because it is
// "connection-oriented". TCP does not keep the borders between two sends: a receive is not a message.
//
//        client                                             server
//          |                                        tcp_listener{where}      socket, bind, listen
//        tcp_stream{where}   ──── SYN ─────────────────>  |
//          |                 <─── SYN, ACK ─────────────  |   the kernel answers; the program need not have
//          |                 ──── ACK ─────────────────>  |   called accept() yet
//          |                                        accept() -> stream, peer
//        send_all("hello")   ──── 5 bytes ─────────────>  recv() -> "hel", recv() -> "lo"
//        shutdown(send)      ──── FIN ─────────────────>  recv() -> 0: no more will come
//        recv() -> "bye"     <─── 3 bytes ──────────────  send_all("bye"): the other half is still open
//        recv() -> 0         <─── FIN ──────────────────  close()
//
// Two limits hold the bytes under way. Flow control is the room that the peer has. Congestion control is an
// estimate of what the network can carry (RFC 5681). connection_info shows both: peer_window and congestion_window.
// In a segment's header the data offset counts words of 32 bits. Four reserved bits and eight flags follow it, not
// six and six as in the notes (RFC 9293 §3.1).
//
// The side that closes first keeps the connection in TIME_WAIT for a minute, and with it the port. A server that
// closes first could then not be started again on that port. Listeners therefore set SO_REUSEADDR. They set it in the
// first run already, because on Linux it helps only if the earlier socket had it too.
//
// On this page:  tcp_stream · listen_options · tcp_listener
// Below it:      tcp/state.hpp, options and state; tcp/connect.hpp, several addresses
// Above it:      server/blocking.hpp, servers that block; tcp/reader.hpp, lines and messages
// The notes:     TCP三次握手 至 保活 (handshake, close, states, keep-alive), TCP长连接和短连接 (long and short
//                connections), TCP服务器, TCP客户端 (server and client); examples 10, 11 and 12

#ifndef NETNOTES_TCP_STREAM_HPP
#define NETNOTES_TCP_STREAM_HPP

#include <netinet/tcp.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>


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






namespace netnotes {

namespace detail {  // what a compiler shows for a mistake: see tests/package/mistakes.txt
struct write_tcp_stream_connect_for_a_name_and_braces_for_an_endpoint;
struct print_its_local_endpoint;
struct print_its_peer_endpoint_or_receive_and_print_as_text;
}  // namespace detail

// ---- Streams and listeners -----------------------------------------------------------------------------

/// One end of a TCP connection: the socket's calls that make sense for it.
class tcp_stream : private socket {
  public:
    /// Creates an empty stream: is_open() returns false.
    tcp_stream() noexcept = default;
    /// Takes over a connected stream socket.
    explicit tcp_stream(socket&& connected) noexcept : socket{std::move(connected)} {}
    /// Connects and waits for the connection. Without an answer the system tries for about two minutes.
    /// Throws std::system_error.
    explicit tcp_stream(const endpoint& where) : tcp_stream{connect(where)} {}
    template <class Host, class Advice = detail::write_tcp_stream_connect_for_a_name_and_braces_for_an_endpoint>
    requires std::is_convertible_v<const Host&, std::string_view>
    tcp_stream(const Host&, int) = delete;
    /// Connects within `timeout` and returns the connection; fails with errc::timed_out after it. The timeout is for
    /// connecting only. With a zero timeout a peer on this machine may still answer within the call; a peer elsewhere
    /// cannot.
    static tcp_stream connect(const endpoint& where, wait_time timeout = never);
    static tcp_stream connect(const endpoint& where, wait_time timeout, std::error_code& error);
    /// A mistake: the message says what to write.
    template <class Number>
    requires std::is_arithmetic_v<Number>
    static tcp_stream connect(const endpoint&, Number) {  // {"127.0.0.1", 80} is a std::string, too, and 5 a port
        static_assert(!std::is_arithmetic_v<Number>, "write the timeout with its unit, like 5s or 500ms");
        return {};
    }
    static tcp_stream connect(const endpoint& where, const connect_options& options);
    static tcp_stream connect(const endpoint& where, const connect_options& options, std::error_code& error);

    /// Resolves the host and connects to the fastest of its addresses: Happy Eyeballs, version 2 (RFC 8305). The
    /// addresses are tried in the order of interleave_families(). The next attempt begins when an attempt has failed,
    /// or after 250 ms without an answer. So a silent address never holds up the next address. The first connection
    /// that is established is returned, and the others are closed. A dead address costs 250 ms, not two minutes.
    /// Each attempt needs a descriptor. If no descriptor is left, the next attempt is tried again every 250 ms, and
    /// whenever another attempt has failed.
    ///
    /// Resolving comes first. All addresses of both families are therefore known when the first attempt begins, and the
    /// resolution delay of RFC 8305 §3 has no place here. The timeout is for resolving and all attempts together. With
    /// a timeout or a stop the resolver runs in a thread: see resolve() in socket/resolve.hpp.
    ///
    /// If every attempt fails, the most informative error is reported. Refused comes first, then no answer, then no
    /// route. what() names the address of this error and the number of addresses.
    static tcp_stream connect(const std::string& host, std::uint16_t port, wait_time timeout = never);
    static tcp_stream connect(const std::string& host, std::uint16_t port, const connect_options& options);
    static tcp_stream connect(const std::string& host, std::uint16_t port, const connect_options& options,
                              std::error_code& error);
    /// Connects to the given endpoints in their order, and returns the first connection that is established. Fails with
    /// errc::destination_address_required if there are no endpoints.
    static tcp_stream connect(std::span<const endpoint> endpoints, const connect_options& options = {});
    static tcp_stream connect(std::span<const endpoint> endpoints, const connect_options& options,
                              std::error_code& error);

    using socket::close;
    using socket::deadline;
    using socket::get_option;
    using socket::is_blocking;
    using socket::is_open;
    using socket::native_handle;
    using socket::recv;
    using socket::recv_exact;
    using socket::release;
    using socket::send;
    using socket::send_all;
    using socket::send_file;
    using socket::set_answer_timeout;
    using socket::set_blocking;
    using socket::set_deadline;
    using socket::set_option;
    using socket::set_timeout;
    using socket::shutdown;
    using socket::stop_with;
    using socket::take_error;
    using socket::timeout;
    using socket::wait;

    /// Switches keep-alive on with these numbers, or off with nullopt. Throws std::system_error:
    /// errc::invalid_argument if a number is out of its range, and then nothing has changed.
    void set_keep_alive(const std::optional<netnotes::keep_alive>& numbers);
    /// Returns the numbers in force, or nullopt if keep-alive is off.
    [[nodiscard]] std::optional<netnotes::keep_alive> keep_alive() const;

    /// Returns the connection's state as the kernel sees it now. It works while the descriptor is open, even if the
    /// connection has ended. A connection in TIME_WAIT belongs to no descriptor, so info() reports CLOSED for it
    /// (/proc/net/tcp shows TIME-WAIT).
    [[nodiscard]] connection_info info() const;
    [[nodiscard]] connection_info info(std::error_code& error) const noexcept;

    /// Returns the address and port of this end. Throws std::system_error.
    [[nodiscard]] endpoint local_endpoint() const { return socket::local_endpoint().ip(); }
    /// Returns the address and port of the peer. Throws errc::not_connected after a reset has arrived.
    [[nodiscard]] endpoint peer_endpoint() const { return socket::peer_endpoint().ip(); }
    /// Returns the same end of the connection as a plain socket.
    [[nodiscard]] socket into_socket() && noexcept { return std::move(*this); }

  private:
    friend detail::limits_lifted;
    // connect() calls these, not its own overloads: to choose among them, the compiler would check the concepts of
    // ranges for an endpoint and a string, in every program.
    static tcp_stream try_all(std::span<const endpoint> endpoints, const connect_options& options,
                              std::error_code& error);
    static tcp_stream connect_all(std::span<const endpoint> endpoints, const connect_options& options);
    static tcp_stream connect_host(const std::string& host, std::uint16_t port, const connect_options& options);
};

template <class Traits, class Advice = detail::print_its_peer_endpoint_or_receive_and_print_as_text>
void operator<<(std::basic_ostream<char, Traits>&, const tcp_stream&) = delete;

/// The settings of a tcp_listener.
struct listen_options {
    int backlog = SOMAXCONN;  ///< see socket::listen()
    /// An IPv6 wildcard listener also takes IPv4 clients, as ::ffff:a.b.c.d, unless this is set (RFC 3493 §5.3).
    bool ipv6_only = false;
    /// Shares the port with other listeners that set this too.
    bool reuse_port = false;
};

/// A socket that accepts connections. It sets SO_REUSEADDR, for the reason on the first page.
class tcp_listener : private socket {
  public:
    /// Creates an empty listener: is_open() returns false.
    tcp_listener() noexcept = default;
    /// Makes a socket, sets the options, binds and listens. With port 0 the system chooses a port, which
    /// local_endpoint() returns. Bind the wildcard address to be reached from outside: the host's own name often means
    /// 127.0.1.1, which only this host can reach. Throws std::system_error: errc::address_in_use, permission_denied.
    ///
    /// On a system without IPv6, `::` is taken as 0.0.0.0. With ipv6_only set, the system's error is thrown instead.
    explicit tcp_listener(const endpoint& where, listen_options options = {});
    template <class Port, class Advice = detail::write_an_address_and_a_port_in_braces>
    requires std::is_arithmetic_v<Port>
    explicit tcp_listener(Port) = delete;

    /// A new connection and the address of its peer.
    struct accepted {
        tcp_stream stream;
        endpoint peer;  ///< use `peer.address().unmapped()` if IPv4 clients come to an IPv6 listener
    };
    /// Waits for the next connection and returns it; see socket::accept().
    accepted accept();
    accepted accept(std::error_code& error) noexcept;

    using socket::close;
    using socket::get_option;
    using socket::is_open;
    using socket::native_handle;
    using socket::set_blocking;
    using socket::set_deadline;
    using socket::set_option;
    using socket::set_timeout;
    using socket::stop_with;

    /// Returns the number of established connections that accept() has not taken yet. When it exceeds the backlog, the
    /// kernel drops new SYNs. Throws std::system_error.
    [[nodiscard]] std::uint32_t queue_length() const;

    /// Returns the address and port that the listener is bound to. Throws std::system_error.
    [[nodiscard]] endpoint local_endpoint() const { return socket::local_endpoint().ip(); }
    /// Returns the listener as a plain socket.
    [[nodiscard]] socket into_socket() && noexcept { return std::move(*this); }

  private:
    void open(const endpoint& where, const listen_options& options, std::error_code& error, const char*& what);
};

template <class Traits, class Advice = detail::print_its_local_endpoint>
void operator<<(std::basic_ostream<char, Traits>&, const tcp_listener&) = delete;

// ========================================================================================================
// How it is done
// ========================================================================================================

inline tcp_stream tcp_stream::try_all(std::span<const endpoint> endpoints, const connect_options& options,
                                      std::error_code& error) {
    std::optional<std::size_t> whose;
    return tcp_stream{detail::connect_to(endpoints, options, whose, error)};
}
inline tcp_stream tcp_stream::connect_all(std::span<const endpoint> endpoints, const connect_options& options) {
    std::error_code error;
    std::optional<std::size_t> whose;
    tcp_stream stream{detail::connect_to(endpoints, options, whose, error)};
    if (error)
        detail::throw_connect_error(error, endpoints.empty() ? "nowhere" : endpoints[0].to_string(), endpoints, whose);
    return stream;
}
inline tcp_stream tcp_stream::connect_host(const std::string& host, std::uint16_t port,
                                           const connect_options& options) {
    const detail::time_left left{options.timeout};
    const auto found = resolve(host, std::to_string(port), {}, options.timeout, options.stop);
    const auto order = interleave_families(detail::all_of(found));
    const std::span<const endpoint> endpoints = detail::all_of(order);
    connect_options rest = options;
    rest.timeout = left.now();
    std::error_code error;
    std::optional<std::size_t> whose;
    tcp_stream stream{detail::connect_to(endpoints, rest, whose, error)};
    if (error) detail::throw_connect_error(error, detail::with_service(host, std::to_string(port)), endpoints, whose);
    return stream;
}

inline tcp_stream tcp_stream::connect(std::span<const endpoint> endpoints, const connect_options& options,
                                      std::error_code& error) {
    return try_all(endpoints, options, error);
}
inline tcp_stream tcp_stream::connect(std::span<const endpoint> endpoints, const connect_options& options) {
    return connect_all(endpoints, options);
}
inline tcp_stream tcp_stream::connect(const endpoint& where, const connect_options& options, std::error_code& error) {
    return try_all({&where, 1}, options, error);
}
inline tcp_stream tcp_stream::connect(const endpoint& where, const connect_options& options) {
    return connect_all({&where, 1}, options);
}
inline tcp_stream tcp_stream::connect(const endpoint& where, wait_time timeout, std::error_code& error) {
    return try_all({&where, 1}, connect_options{.timeout = timeout}, error);
}
inline tcp_stream tcp_stream::connect(const endpoint& where, wait_time timeout) {
    return connect_all({&where, 1}, connect_options{.timeout = timeout});
}
inline tcp_stream tcp_stream::connect(const std::string& host, std::uint16_t port, const connect_options& options,
                                      std::error_code& error) {
    const detail::time_left left{options.timeout};
    const auto found = resolve(host, std::to_string(port), {}, options.timeout, options.stop, error);
    if (error) return {};
    connect_options rest = options;
    rest.timeout = left.now();
    const auto order = interleave_families(detail::all_of(found));
    return try_all(detail::all_of(order), rest, error);
}
inline tcp_stream tcp_stream::connect(const std::string& host, std::uint16_t port, const connect_options& options) {
    return connect_host(host, port, options);
}
inline tcp_stream tcp_stream::connect(const std::string& host, std::uint16_t port, wait_time timeout) {
    return connect_host(host, port, connect_options{.timeout = timeout});
}

// ---- keep-alive and the kernel's numbers: for tcp_stream, and for async_stream in coro/stream.hpp

namespace detail {
inline void set_keep_alive(socket& of, const std::optional<keep_alive>& numbers) {
    if (!numbers) return of.set_option(option::keep_alive{false});
    const auto in_range = [](std::int64_t value, std::int64_t most) { return 1 <= value && value <= most; };
    if (!in_range(numbers->idle.count(), 32767))
        detail::throw_error(std::make_error_code(std::errc::invalid_argument), "keep-alive idle ",
                            std::to_string(numbers->idle.count()), " s (1 to 32767)");
    if (!in_range(numbers->interval.count(), 32767))
        detail::throw_error(std::make_error_code(std::errc::invalid_argument), "keep-alive interval ",
                            std::to_string(numbers->interval.count()), " s (1 to 32767)");
    if (!in_range(numbers->count, 127))
        detail::throw_error(std::make_error_code(std::errc::invalid_argument), "keep-alive count ",
                            std::to_string(numbers->count), " (1 to 127)");
    of.set_option(option::keep_alive_idle{numbers->idle});
    of.set_option(option::keep_alive_interval{numbers->interval});
    of.set_option(option::keep_alive_count{numbers->count});
    of.set_option(option::keep_alive{});  // last, so that no probe is sent by the old numbers
}
inline std::optional<keep_alive> keep_alive_of(const socket& of) {
    if (!of.get_option<option::keep_alive>()) return std::nullopt;
    return keep_alive{of.get_option<option::keep_alive_idle>(), of.get_option<option::keep_alive_interval>(),
                      of.get_option<option::keep_alive_count>()};
}

// ---- TCP_INFO

/// The kernel's struct tcp_info, as far as we need it (linux/tcp.h). The struct in glibc's netinet/tcp.h is shorter,
/// and the two headers cannot be included together. The kernel adds fields only at the end.
struct kernel_tcp_info {
    std::uint8_t state, ca_state, retransmits, probes, backoff, options, window_scales, flags;
    std::uint32_t rto, ato, snd_mss, rcv_mss, unacked, sacked, lost, retrans, fackets;
    std::uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
    std::uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering, rcv_rtt, rcv_space;
    std::uint32_t total_retrans;
    std::uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
    std::uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
    std::uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
    std::uint32_t delivered, delivered_ce;
    std::uint64_t bytes_sent, bytes_retrans;
    std::uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd;
};
static_assert(offsetof(kernel_tcp_info, rto) == offsetof(::tcp_info, tcpi_rto));
static_assert(offsetof(kernel_tcp_info, total_retrans) == offsetof(::tcp_info, tcpi_total_retrans));
static_assert(offsetof(kernel_tcp_info, pacing_rate) == 104 && offsetof(kernel_tcp_info, snd_wnd) == 228);

inline connection_info info_of(const socket& of, std::error_code& error) noexcept {
    kernel_tcp_info raw{};
    of.get_option(IPPROTO_TCP, TCP_INFO, room_of(raw), error);
    connection_info info;
    if (error) return info;
    using std::chrono::microseconds;
    info.state = static_cast<tcp_state>(raw.state);
    info.round_trip_time = microseconds{raw.rtt};
    info.round_trip_variation = microseconds{raw.rttvar};
    // Before the first measurement the kernel reports the greatest number as the minimum.
    info.minimum_round_trip_time = microseconds{raw.min_rtt == ~std::uint32_t{0} ? 0 : raw.min_rtt};
    info.retransmission_timeout = microseconds{raw.rto};
    info.maximum_segment_size = raw.snd_mss;
    info.congestion_window = raw.snd_cwnd;
    info.peer_window = raw.snd_wnd;
    info.unacknowledged = raw.unacked;
    info.lost = raw.lost;
    info.timeouts_in_a_row = raw.retransmits;
    info.retransmissions = raw.total_retrans;
    info.probes = raw.probes;
    info.bytes_not_sent = raw.notsent_bytes;
    info.bytes_acknowledged = raw.bytes_acked;
    info.bytes_received = raw.bytes_received;
    info.segments_sent = raw.segs_out;
    info.segments_received = raw.segs_in;
    info.data_segments_sent = raw.data_segs_out;
    info.data_segments_received = raw.data_segs_in;
    return info;
}
inline connection_info info_of(const socket& of) {
    std::error_code error;
    const connection_info result = info_of(of, error);
    if (error) throw_error(error, "getsockopt(TCP_INFO)");
    return result;
}
/// For a listener: the length of the accept queue.
inline std::uint32_t queue_length_of(const socket& of) {
    ::tcp_info raw{};
    of.get_option(IPPROTO_TCP, TCP_INFO, room_of(raw));
    return raw.tcpi_unacked;
}
}  // namespace detail

inline void tcp_stream::set_keep_alive(const std::optional<netnotes::keep_alive>& numbers) {
    detail::set_keep_alive(*this, numbers);
}
inline std::optional<keep_alive> tcp_stream::keep_alive() const { return detail::keep_alive_of(*this); }
inline connection_info tcp_stream::info() const { return detail::info_of(*this); }
inline connection_info tcp_stream::info(std::error_code& error) const noexcept { return detail::info_of(*this, error); }
inline std::uint32_t tcp_listener::queue_length() const { return detail::queue_length_of(*this); }

// ---- tcp_listener

/// `what` names the step that failed.
inline void tcp_listener::open(const endpoint& where, const listen_options& options, std::error_code& error,
                               const char*& what) {
    const socket_address address{where};
    what = "socket";
    socket made{address.family(), socket_type::stream, 0, error};
    if (error) return;
    what = "setsockopt for ";
    made.set_option(option::reuse_address{}, error);
    if (!error && options.reuse_port) made.set_option(option::reuse_port{}, error);
    // Set in both cases, because the default is a setting of the system (net.ipv6.bindv6only).
    if (!error && where.address().is_v6()) made.set_option(option::ipv6_only{options.ipv6_only}, error);
    if (error) return;
    what = "bind ";
    made.bind(address, error);
    if (error) return;
    what = "listen on ";
    made.listen(options.backlog, error);
    if (!error) made.swap(*this);
}
inline tcp_listener::tcp_listener(const endpoint& where, listen_options options) {
    std::error_code error;
    const char* what = "";
    endpoint tried = where;
    open(tried, options, error, what);
    // A program that listens on `::` means "everywhere". Without IPv6, everywhere is 0.0.0.0.
    if (!options.ipv6_only && detail::may_do_without_ipv6(where, error)) {
        tried = endpoint{ipv4_address::any(), where.port()};
        open(tried, options, error, what);
    }
    if (error) detail::throw_error(error, what, std::string_view{what}.ends_with(' ') ? tried.to_string() : "");
}

inline tcp_listener::accepted tcp_listener::accept(std::error_code& error) noexcept {
    socket::accepted made = socket::accept(error);
    if (error) return {};
    return {tcp_stream{std::move(made.connection)}, made.peer.ip()};
}
inline tcp_listener::accepted tcp_listener::accept() {
    socket::accepted made = socket::accept();
    return {tcp_stream{std::move(made.connection)}, made.peer.ip()};
}

}  // namespace netnotes

#endif  // NETNOTES_TCP_STREAM_HPP


#endif  // NETNOTES_TCP_HPP
