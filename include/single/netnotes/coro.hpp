// netnotes 0.2.0, coro.hpp in one file: copy it, include it, and nothing else is needed. Do not edit:
// include/single/generate.cmake made it from include/netnotes/coro.hpp, where it can be read in chapters.
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
// netnotes/coro.hpp: coroutines, from yield to a server
// SPDX-License-Identifier: MIT
//
// A coroutine is a function that can pause and later continue where it paused. A generator pauses to return a value. A
// task pauses to wait for an event. The event loop resumes each task when its event has happened, so one thread serves
// thousands of clients. The code of each task still reads as if there were only one client.
//
//        task<> echo(async_stream peer) {
//            for (;;) {
//                auto bytes = co_await peer.recv();      // the loop lends the bytes until the next wait
//                if (bytes.empty()) co_return;           // end of stream
//                co_await peer.send_all(bytes);
//            }
//        }
//
//                      co_await recv(): no bytes have arrived
//        task of a  ──────────────────────────────────────────>  event loop    waits for all descriptors, with epoll
//        task of b  <──────────────────────────────────────────                 or io_uring
//                      bytes for b have arrived: resumes b
//
// If you use g++ 12, read the first page of coro/task.hpp before you write co_await. This compiler compiles some
// expressions with co_await wrongly, and prints no warning. That page lists them.
//
// Handlers and tasks must not call pthread_exit(3), and pthread_cancel(3) must not reach their threads, because the
// program may then abort: end a server with its stop.
//
// Chapters, lowest first:
//     coro/generator.hpp       functions that pause: generators and greenlets
//     coro/task.hpp            functions that wait
//     coro/function.hpp        functions that return tasks
//     socket/block.hpp         blocks for buffers, which a thread keeps
//     socket/owner.hpp         a pointer that owns, without <memory>
//     coro/timer_wheel.hpp     a hundred thousand timers
//     coro/scheduler.hpp       which task is resumed next
//     coro/io/back_end.hpp     the interface of the code that waits for descriptors
//     coro/io/operation.hpp    an operation that waits for a descriptor
//     coro/io/epoll.hpp        the back end that waits with epoll
//     coro/io/ring.hpp         the rings of io_uring
//     coro/io/io_uring.hpp     the back end that waits with io_uring
//     coro/join.hpp            the end of a task that was spawned
//     coro/sleep.hpp           a pause, and a turn for the other tasks
//     coro/loop.hpp            the event loop: run, spawn, post, virtual time
//     coro/descriptor.hpp      any descriptor, for tasks
//     coro/parts.hpp           a task that waits for several
//     coro/when.hpp            several tasks at once: all results, the first, the first success
//     coro/timeout.hpp         a limit for a wait, and a cleanup that may wait
//     coro/group.hpp           any number of tasks, inside one function
//     coro/sync.hpp            events, mutexes, semaphores, channels
//     coro/signal.hpp          signals of the system, and values from other threads
//     coro/io/socket.hpp       a socket as the loop knows it
//     coro/stream.hpp          connections for tasks
//     coro/send_file.hpp       files over the connections of tasks
//     coro/pump.hpp            bytes from one connection to another: proxies
//     coro/listener.hpp        listeners for tasks
//     coro/datagram.hpp        datagrams for tasks
//     coro/udp.hpp             UDP for tasks, with groups and batches
//     coro/descriptors.hpp     descriptors that travel over a Unix socket
//     coro/gathered.hpp        bytes that are gathered before they are sent
//     coro/buffered.hpp        lines and blocks for tasks
//     coro/byte_stream.hpp     a stream of your own, and lines over it
//     coro/lookup.hpp          looking up a host
//     coro/connect.hpp         connecting to the first address that answers
//     coro/serve.hpp           a whole server in one call
//     coro/every_core.hpp      a loop for each processor
//
// The notes:     协程 to gevent (coroutines, greenlet, gevent), gevent版-TCP服务器 (the gevent server)
// Examples:      22_generator, 23_greenlet, 24_event_loop, 25_async_await, 26_coroutine_server

#ifndef NETNOTES_CORO_HPP
#define NETNOTES_CORO_HPP


// netnotes/coro/buffered.hpp: lines and frames for tasks, without a system call for each
// SPDX-License-Identifier: MIT
//
// Many protocols consist of lines: the server reads a line, answers it, and reads the next. The program says just that:
//
//     for (;;) {
//         auto line = co_await client.recv_line();
//         if (!line) break;
//         co_await client.write(answer(*line));
//     }
//
// Assume that a client sends sixteen lines at once. With one system call for each line and each answer, that would be
// sixteen receives and sixteen sends. Here one receive fetches all lines. The answers gather in a buffer, which is sent
// when no line is left to read, that is, just before the task would wait:
//
//        recv_line() ──> "one"      from recv(2), which brought   one | two | three
//        write("1")                                                                        [1]
//        recv_line() ──> "two"      from the buffer
//        write("2")                                                                        [1|2]
//        recv_line() ──> "three"    from the buffer
//        write("3")                                                                        [1|2|3]
//        recv_line() ──> the buffer is empty: send [1|2|3], then wait
//
// To send to many clients, call try_send(), which never waits. It refuses bytes for a client that does not read:
//
//     for (async_buffered_stream* each : everybody)
//         if (!each->try_send(line)) each->stream().close();       too slow: its task ends with an error
//
// So no client waits for an answer that lies in a buffer. Call flush() only where the task pauses without a receive:
// before it sleeps, before it uses another connection, and before it ends.
//
// A silent client costs no buffer: a reading call frees the buffers before it waits, if they are empty.
//
// On this page:  async_buffered_stream
// Beside it:     tcp/reader.hpp (buffered_reader), which has the same reading calls without tasks
// The notes:     their receivers treat each recv as one message (TCP服务器, gevent版-TCP服务器)

#ifndef NETNOTES_CORO_BUFFERED_HPP
#define NETNOTES_CORO_BUFFERED_HPP

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

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

// netnotes/coro/gathered.hpp: bytes that are gathered before they are sent
// SPDX-License-Identifier: MIT
//
// A server that sends each short answer by itself pays for a system call with each. So a stream gathers its answers, and
// sends them together:
//
//     write("a"), write("b")       [a b . . . .]     appended at the end; the memory doubles when it is full
//     the kernel took one byte     [  b . . . .]     removed from the front
//     the kernel took the rest     no memory         a silent connection needs none
//
// On this page:  (what buffered.hpp and byte_stream.hpp use: gathered_bytes)

#ifndef NETNOTES_CORO_GATHERED_HPP
#define NETNOTES_CORO_GATHERED_HPP

#include <cstddef>
#include <new>
#include <string_view>
#include <utility>




namespace netnotes::detail {

/// Queues bytes to send: new bytes are appended at the end, and sent bytes are removed from the front.
class gathered_bytes {
  public:
    [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
    [[nodiscard]] const char* data() const noexcept { return memory_.get() + begin_; }
    void append(std::string_view bytes) {
        if (bytes.size() > capacity_ - end_) [[unlikely]]
            make_room(bytes.size());
        detail::copy_n(bytes.data(), bytes.size(), memory_.get() + end_);
        end_ += bytes.size();
    }
    /// Removes sent bytes, and frees the memory if no byte is left.
    void remove(std::size_t sent) noexcept {
        begin_ += sent;
        if (begin_ != end_) return;
        free_block(memory_, capacity_);
        begin_ = end_ = capacity_ = 0;
    }

  private:
    [[gnu::noinline]] void make_room(std::size_t wanted) {
        const std::size_t all = size() + wanted;
        if (all > capacity_ / 2) {  // doubled, so that copies stay rare
            const std::size_t grown = detail::max(detail::max(block_size, 2 * capacity_), all);
            detail::owner<char[]> memory = new_block(grown);
            if (!memory) throw std::bad_alloc{};
            detail::copy_n(data(), size(), memory.get());
            memory_ = std::move(memory);
            capacity_ = grown;
        } else
            detail::copy_n(data(), size(), memory_.get());
        end_ = size();
        begin_ = 0;
    }
    detail::owner<char[]> memory_;
    std::size_t begin_ = 0, end_ = 0, capacity_ = 0;
};

}  // namespace netnotes::detail

#endif  // NETNOTES_CORO_GATHERED_HPP

// netnotes/coro/stream.hpp: connections for tasks
// SPDX-License-Identifier: MIT
//
// A connection has the same calls as in socket.hpp. A call that may have to wait is awaited with co_await. So a server
// for thousands of clients reads like a server for one client:
//
//     task<> echo(async_stream client) {
//         try {
//             for (;;) {
//                 auto bytes = co_await client.recv();            // lent by the loop until the task waits again
//                 if (bytes.empty()) co_return;                   // the end of the stream
//                 co_await client.send_all(bytes);
//             }
//         } catch (const std::system_error&) {                    // this client has failed, the others continue
//         }
//     }
//     task<> accept_all(async_listener listener) {
//         for (;;) {
//             auto next = co_await listener.accept();             // if no descriptor is free, it waits for one
//             spawn(echo(std::move(next.stream)));
//         }
//     }
//     int main() {
//         event_loop loop;
//         loop.run(accept_all(async_listener{loop, tcp_listener{{ipv4_address::loopback(), 6666}}}));
//     }
//
// The `catch` matters. Without it, a client that resets its connection would end its task with an exception. The loop's
// run() would throw that exception, and the server would end. The function serve() in coro/serve.hpp is this loop with
// limits, a graceful stop and a report of such exceptions.
//
//        recv() ──> may there be bytes? ──yes──> recv(2) ──> the task continues at once
//                          │no: the last receive emptied the socket
//                          └──> suspend ──> the loop sees new bytes ──> recv(2) ──> resume
//
// It is cheap because it makes few system calls. The loop registers a descriptor once. A receive that returned less
// than its buffer can hold has emptied the socket, so the next receive waits without a system call. A send is tried at
// once, and the task waits only if the kernel takes no more. A task that waits for bytes holds no buffer: when bytes
// arrive, the loop lends its own. A silent connection therefore costs one coroutine frame and one node.
//
// A peer that always has more bytes cannot starve the other tasks. After about 60 calls that did not have to wait, the
// next call lets the others run first.
//
// On this page:  async_stream
// Above it:      coro/serve.hpp, a whole server
// The notes:     gevent版-TCP服务器 (the gevent server); example 26

#ifndef NETNOTES_CORO_STREAM_HPP
#define NETNOTES_CORO_STREAM_HPP

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>



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

// netnotes/coro/io/socket.hpp: the common part of all sockets for tasks
// SPDX-License-Identifier: MIT
//
// async_stream, async_listener and async_datagram have the same base. It owns the socket and its node, and has the
// calls that do not wait. A call that waits is an awaiter on top of socket_operation:
//
//        async_stream ────┐
//        async_listener ──┼──> async_socket ──────> io_node ──> the loop
//        async_datagram ──┘                            ^
//        co_await recv(), ... ──> socket_operation ────┘
//
// On this page:  async_socket · for authors of awaitables: borrowed_socket · socket_operation · pausing_operation
// Below it:      coro/io/operation.hpp

#ifndef NETNOTES_CORO_IO_SOCKET_HPP
#define NETNOTES_CORO_IO_SOCKET_HPP

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>




// netnotes/coro/loop.hpp: thousands of functions that wait, in one thread
// SPDX-License-Identifier: MIT
//
// A task that waits is only a frame on the heap. The event loop notices when its event has happened, and resumes the
// task. It is the scheduler of the notes' "1:N model": one thread runs N coroutines. The loop is cooperative: it runs
// while the tasks wait, and never interrupts a task that computes.
//
//     task<> tell(std::string name) {
//         for (int i = 0; i < 3; ++i) { say(name, i); co_await sleep_for(300ms); }
//     }
//     task<> both() {
//         auto a = spawn(tell("a "));                       begins when both() waits
//         auto b = spawn(tell("b "));
//         co_await a.join();
//         co_await b.join();                                0.3 s for each round, not 0.6
//     }
//     int main() { event_loop loop; loop.run(both()); }
//
//            ┌───────────────────────────────── a turn ───────────────────────────────────┐
//            │ resume each ready task until it waits  ──> wait for descriptors or posted  │
//            │ (spawned, yielded, woken)                  calls, until the next timer     │
//            └── ready again: tasks whose timer has expired or whose descriptor is ready <┘
//
// run() ends with its task. If spawned tasks are still running then, run() cancels them and waits until they have
// ended. If a task whose handle was dropped throws an exception, no task can catch it. Then the run ends, and run()
// throws it.
//
// On this page:  loop_options · event_loop · spawn
// Under it:      coro/scheduler.hpp (turns and timers), coro/join.hpp, coro/sleep.hpp,
//                coro/io/operation.hpp (operations on descriptors), coro/io/back_end.hpp (how the loop waits for them)
// The notes:     协程问题, 例子 (which function switches; 1:N), gevent (spawn, join, sleep); example 24

#ifndef NETNOTES_CORO_LOOP_HPP
#define NETNOTES_CORO_LOOP_HPP

#include <sched.h>

#include <atomic>
#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>



// netnotes/coro/function.hpp: functions that return tasks
// SPDX-License-Identifier: MIT
//
// A lambda can be a coroutine. Its captures then lie in the lambda object, not in the frame of the coroutine. If the
// object is destroyed first, the coroutine reads destroyed variables:
//
//     task<> wrong = [name]() -> task<> { co_await sleep_for(1s); print(name); }();     the lambda ends at this ";"
//     spawn([name]() -> task<> { co_await sleep_for(1s); print(name); });               safe: spawn() keeps the lambda
//
//        spawn(lambda) ──> frame of the wrapper [ lambda: name ] ── co_await lambda() ──> frame of the lambda's task
//                               └── is destroyed when the task has ended <─────────────────────────┘
//
// So event_loop::run(), spawn(), task_group::spawn(), with_group(), with_timeout() and shield() also take a function
// that returns a task. They store the function, call it, and destroy it after its task.
//
// On this page:  task_function
// Below it:      coro/task.hpp

#ifndef NETNOTES_CORO_FUNCTION_HPP
#define NETNOTES_CORO_FUNCTION_HPP

#include <type_traits>
#include <utility>

// netnotes/coro/task.hpp: functions that wait
// SPDX-License-Identifier: MIT
//
// A server with a thousand clients waits in a thousand places. A thread for each client costs a thousand stacks.
// Callbacks need only one stack, but they cut each conversation into pieces. A coroutine is a function that can wait
// without keeping a thread. `co_await` suspends it, and the event loop resumes it when its event has happened. So it
// reads like the blocking program.
//
//     task<std::string> ask(async_stream& server, std::string_view question) {
//         co_await server.send_all(question);                     other tasks run during the wait
//         co_return co_await receive_line(server);                a task awaits a task as a function calls a function
//     }
//
//        outer ── co_await inner() ──> inner ── co_await (an operation) ──┐
//          ^                             ^                                │ the stack is empty; the frames are on the
//          |                             └────── the loop resumes it ─────┘ heap, and each frame knows which frame
//          └────── co_return value ──────┘                                  awaits it
//
// A task is lazy. Calling the function only makes its frame, and co_await begins it. So a task that is never awaited
// never runs, which is why the class is [[nodiscard]]. The task begins inside the expression that awaits it, so
// arguments passed by reference stay valid. To run a task concurrently with its caller, use spawn() (coro/loop.hpp).
//
// If a task is cancelled, its wait throws netnotes::cancelled. Destructors then clean up, as in any function. The class
// is not a std::exception, so a handler that logs every std::exception and continues does not swallow it. If a task
// swallows it anyway, its next wait throws it again.
//
// g++ 12 compiles some expressions around co_await wrongly, and prints no warning. With that compiler write
//     auto ready = co_await x; if (ready) ...        not   if (co_await x) ..., while (co_await x) ..., switch
//     pair p{a, 1}; co_await f(std::move(p))         not   co_await f({a, 1}): an aggregate that is a temporary
//     auto body = [n]() -> task<> ...; co_await body()     not   co_await [n]() -> task<> {...}(): a capturing temporary
//     auto body = [n](task_group&) ...; with_group(body)   not   co_await with_group([n](task_group&) ...), nor such a
//                                                                std::function argument, nor [n](T) {...}(co_await x)
//     if (c) co_await x; else co_await y;            not   c ? co_await x : co_await y, with operands of class type
//     auto text = co_await x; throw error{text};     not   throw error{co_await x}
//     auto a = co_await x; std::vector{a, ...}       not   std::vector{co_await x, co_await y}, pair p{co_await x, 4}
// clang and newer versions of g++ compile both columns correctly. The examples and tests use the left column.
// `sh tests/gcc12_coroutines.sh FILE...` finds expressions of the right column in your sources.
//
// On this page:  task, cancelled · for authors of awaitables: fiber, operation, awaited_once
// The notes:     asyncio, async/await; examples 24 to 26

#ifndef NETNOTES_CORO_TASK_HPP
#define NETNOTES_CORO_TASK_HPP

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iosfwd>
#include <new>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>




namespace netnotes {

namespace detail {
class scheduler;
template <class T>
class task_promise;
template <class T>
class task_awaiter;
struct task_access;
struct write_co_await_before_the_call;  // what a compiler shows for a mistake: tests/package/mistakes.txt
}  // namespace detail

/// Thrown by the waits of a cancelled task. It is not an error and not a std::exception. Catch it only to clean up, and
/// rethrow it. Outside of the cancelled task it is reported as std::system_error with errc::operation_canceled: by
/// event_loop::run(), and by join_handle::join() to a task that was not cancelled itself.
class cancelled {
  public:
    /// Returns a fixed text for log messages.
    [[nodiscard]] const char* what() const noexcept { return "this task was cancelled"; }
};

/// A coroutine that can wait. Its result is a value, a reference, nothing, or an exception. It begins when it is
/// awaited, and it can be awaited once: `co_await f()`, or `co_await std::move(t)` for a variable. Before that it can
/// be moved, not copied. It runs in the thread of its event loop.
///
/// A task that waits can be destroyed. Its variables are then destroyed, innermost call first, which nests on the
/// stack. Each call takes 64 bytes with g++ -O2, and 160 bytes without optimization. So a depth of 50,000 calls is safe
/// on a stack of 8 MiB. The end of a task, and its cancellation, do not nest.
template <class T = void>
class [[nodiscard]] task {
  public:
    /// Names the promise, as the language requires for a coroutine.
    using promise_type = detail::task_promise<T>;

    /// Makes an empty task. Awaiting it throws std::logic_error, as does awaiting a task that was moved from or
    /// awaited.
    task() noexcept = default;
    /// Takes the coroutine of `other`, which is empty afterwards.
    task(task&& other) noexcept : coroutine_{std::exchange(other.coroutine_, nullptr)} {}
    /// Destroys the own coroutine and takes that of `other`, which is empty afterwards.
    task& operator=(task&& other) noexcept {
        task{std::move(other)}.swap(*this);
        return *this;
    }
    /// Destroys the coroutine if it was never awaited, with its arguments.
    ~task() {
        if (coroutine_) coroutine_.destroy();
    }
    /// Exchanges the two coroutines.
    void swap(task& other) noexcept { std::swap(coroutine_, other.coroutine_); }

    /// `co_await` runs the task at once, up to its first wait, and suspends the caller until the task has ended. Then
    /// it returns the task's result or throws its exception. Throws std::logic_error if the task is empty.
    [[nodiscard]] detail::task_awaiter<T> operator co_await() && noexcept;
    /// A mistake: the message says what to write.
    template <class Result = T>
    detail::task_awaiter<Result> operator co_await() & {
        static_assert(!std::is_same_v<Result, T>, "a task with a name: write co_await std::move(name), only once");
    }
    template <class Value, class Advice = detail::write_co_await_before_the_call>
    requires(std::is_arithmetic_v<Value> || std::is_same_v<Value, T>)
    operator Value() const = delete;

  private:
    friend promise_type;
    friend detail::task_access;
    explicit task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_{coroutine} {}

    std::coroutine_handle<promise_type> coroutine_;
};

template <class Traits, class T, class Advice = detail::write_co_await_before_the_call>
void operator<<(std::basic_ostream<char, Traits>&, const task<T>&) = delete;

namespace detail {
template <class Traits, class Operation, class Advice = typename Operation::write_co_await>
void operator<<(std::basic_ostream<char, Traits>&, const Operation&) = delete;
template <class Operation, class Value, class Advice = typename Operation::write_co_await>
void operator==(const Operation&, const Value&) = delete;
}  // namespace detail

// ========================================================================================================
// For authors of awaitables
// ========================================================================================================

namespace detail {

class operation;

/// Holds what a thread must remember from one coroutine to the next. A coroutine that ends does not resume its awaiter:
/// it stores the awaiter in `next` and returns. So chains of any length end without nesting on the stack. "Symmetric
/// transfer" gives the same only where the compiler turns a call into a jump. g++ does not below -O2 or with a
/// sanitizer.
struct relay {
    std::coroutine_handle<> next;  ///< is resumed as soon as the running coroutine has returned
    std::uintptr_t stack_begin;    ///< where the stack was when the loop resumed the running chain

    /// Resumes `coroutine`, and then each coroutine that is stored in `next`.
    void resume(std::coroutine_handle<> coroutine) {
        stack_begin = here();
        coroutine.resume();
        while (next) std::exchange(next, nullptr).resume();
    }
    /// Returns true if the stack is deep, because coroutines have begun inside one another. Then the loop should begin
    /// the next coroutine.
    [[nodiscard]] bool is_deep() const noexcept {
        return static_cast<std::intptr_t>(stack_begin - here()) > most;
    }

  private:
    static constexpr std::intptr_t most = 32 * 1024;  // bytes; musl's threads have 128 KiB in all
    [[gnu::always_inline]] static std::uintptr_t here() noexcept {
        return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    }
};
inline constinit thread_local relay between{};

/// Throws netnotes::cancelled.
[[noreturn]] inline void throw_cancelled() { throw cancelled{}; }
/// Throws std::logic_error for a task without a coroutine.
[[noreturn]] inline void throw_empty_task() {
    throw std::logic_error{"empty task: default-constructed, moved from, or already awaited"};
}

/// A chain of tasks, each awaiting the next. It begins with the task that was started, by spawn() for example, and ends
/// with the task that runs or waits. Other libraries call the whole chain a fibre, a green thread or a task.
class fiber {
  public:
    fiber(const fiber&) = delete;
    fiber& operator=(const fiber&) = delete;

    /// Cancels the chain. Its present wait throws netnotes::cancelled unless the wait has been decided already, and so
    /// does every later wait. The loop resumes the chain later, not inside this call.
    void cancel() noexcept;
    /// Returns true after cancel() or withdraw().
    [[nodiscard]] bool is_cancelled() const noexcept { return cancelled_; }
    /// Cancels the chain and declares that its result will not be used. A value or permit that is reserved for the
    /// chain is then given back, although cancel() would come too late for that.
    void withdraw() noexcept;
    /// Returns true after withdraw().
    [[nodiscard]] bool is_withdrawn() const noexcept { return withdrawn_; }
    /// Returns the scheduler that resumes the chain. The chain must have begun.
    [[nodiscard]] scheduler& loop() const noexcept { return *loop_; }
    /// Returns the name that was given to spawn().
    [[nodiscard]] const char* name() const noexcept { return name_; }
    /// Sets the coroutine that resume() resumes. Code that suspends the chain calls this.
    void goes_on_at(std::coroutine_handle<> coroutine) noexcept { goes_on_at_ = coroutine; }
    /// Returns the coroutine that resume() resumes.
    [[nodiscard]] std::coroutine_handle<> goes_on_at() const noexcept { return goes_on_at_; }
    /// Resumes the chain. This object may be destroyed when the call returns.
    void resume() const { between.resume(goes_on_at_); }

  protected:
    fiber() noexcept = default;
    /// Makes a chain of `loop`. `name` is not copied.
    fiber(scheduler& loop, const char* name) noexcept : loop_{&loop}, name_{name} {}
    /// Makes this chain a part of `parent`, which waits for it: takes over the loop and the name.
    void belongs_to(const fiber& parent) noexcept {
        loop_ = parent.loop_;
        name_ = parent.name_;
    }
    /// Ends the wait of an awaiter that is stored outside of the coroutine. Call when the coroutine has been destroyed.
    inline void leave_awaiter() noexcept;
    ~fiber() = default;
    /// Called once, when the outermost task has ended and its result is stored. It runs in the last step of the
    /// coroutine, and may destroy the coroutine.
    virtual void ended() noexcept = 0;
    /// Makes the loop resume the chain at the next turn. Returns false if the chain has no loop.
    virtual bool postpone() noexcept { return false; }

  private:
    friend operation;
    friend scheduler;
    friend class task_promise_base;
    template <class T>
    friend class task_awaiter;
    scheduler* loop_ = nullptr;
    const char* name_ = "";
    operation* waits_for_ = nullptr;
    // A chain runs, waits, or is in the ready queue. So one of each member is enough for all its tasks and awaiters.
    std::coroutine_handle<> goes_on_at_;
    fiber* next_ready_ = nullptr;
    bool cancelled_ = false;
    bool withdrawn_ = false;
};

/// The wait of the last task of a chain: the base of the awaiters. An awaiter is in the frame of the awaiting
/// coroutine.
class operation {
  public:
    operation(const operation&) = delete;
    operation& operator=(const operation&) = delete;
    // A mistake: the message says what to write. So in `reporting` and `awaited_once`.
    using write_co_await = write_co_await_before_the_call;
    template <class Value, class Advice = write_co_await_before_the_call>
    requires std::is_arithmetic_v<Value>
    operator Value() const = delete;
    /// Returns the chain that waits. The operation must wait, or have waited.
    [[nodiscard]] fiber& chain() const noexcept { return *reinterpret_cast<fiber*>(chain_ & ~waiting); }

  protected:
    operation() noexcept = default;
    /// Waits still only if the frame is destroyed during the wait. Then the derived class removes itself from its list.
    /// (always_inline, because g++ takes the body of a coroutine for code that runs once, and would make this a call.)
    [[gnu::always_inline]] ~operation() {
        if (is_waiting()) [[unlikely]]
            decided();
    }
    /// Begins the wait: from now on cancelled() may be called. Call in await_suspend().
    void waits(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        chain_ = reinterpret_cast<std::uintptr_t>(&whose) | waiting;
        whose.waits_for_ = this;
        whose.goes_on_at(waiter);
    }
    /// Returns true after the first waits().
    [[nodiscard]] bool has_waited() const noexcept { return chain_ != 0; }
    /// Returns true from waits() until decided().
    [[nodiscard]] bool is_waiting() const noexcept { return (chain_ & waiting) != 0; }
    /// Ends the wait: from now on cancelling comes too late. The caller must make sure that the coroutine is resumed.
    void decided() noexcept {
        chain().waits_for_ = nullptr;
        chain_ &= ~waiting;
    }
    /// Gives up the wait, and makes sure that the loop resumes the coroutine later. Called when the chain is cancelled.
    virtual void cancelled() noexcept = 0;

  private:
    friend fiber;
    // The chain's address. Its lowest bit is set while this operation waits. An awaiter that is stored outside of its
    // coroutine may be destroyed after the chain, so the destructor must not read the chain.
    static constexpr std::uintptr_t waiting = 1;
    std::uintptr_t chain_ = 0;
};

/// An awaitable that can be awaited once, because its awaiter takes over `parts`. Only an rvalue can be awaited, so
/// code that awaits a variable twice does not compile.
template <class Awaiter, class... Parts>
class [[nodiscard]] awaited_once {
  public:
    /// Takes the arguments of the awaiter's constructor.
    explicit awaited_once(Parts... parts) : parts_{std::move(parts)...} {}
    /// Makes the awaiter when `co_await` begins.
    [[nodiscard]] Awaiter operator co_await() && { return std::make_from_tuple<Awaiter>(std::move(parts_)); }
    using write_co_await = write_co_await_before_the_call;
    template <class Value, class Advice = write_co_await_before_the_call>
    requires std::is_arithmetic_v<Value>
    operator Value() const = delete;

  private:
    std::tuple<Parts...> parts_;
};

inline void fiber::leave_awaiter() noexcept {
    if (waits_for_) [[unlikely]]
        waits_for_->cancelled();
}

// ========================================================================================================
// How it is done
// ========================================================================================================

// Every call of a task makes a frame and frees it. There are few sizes, and mostly the last frame made is freed first.
// So each thread keeps some free frames of each size, which halves the cost of a call.

class frame_store {
  public:
    void* take(std::size_t size) {
        const std::size_t index = index_of(size);
        if (!keeps_freed_memory || index >= lists_.size()) return ::operator new(size);
        list& free = lists_[index];
        if (!free.first) return ::operator new((step * index) + first_step);
        --free.length;
        return std::exchange(free.first, free.first->next);
    }
    void give_back(void* frame, std::size_t size) noexcept {
        const std::size_t index = index_of(size);
        if (!keeps_freed_memory || index >= lists_.size() || lists_[index].length == longest)
            return ::operator delete(frame);
        if (!open_) return late(frame, size);
        list& free = lists_[index];
        free.first = new (frame) link{free.first};
        ++free.length;
    }

  private:
    static constexpr std::size_t step = 16;        // bytes between two sizes, as in malloc, ...
    static constexpr std::size_t first_step = 24;  // ... which keeps 8 bytes of each block for itself
    static constexpr std::uint32_t longest = 256;  // free frames kept of one size; further frames are deleted
    struct link {
        link* next;
    };
    struct list {
        link* first;
        std::uint32_t length;
    };
    static constexpr std::size_t index_of(std::size_t size) noexcept {
        return size <= first_step ? 0 : (size - first_step + step - 1) / step;
    }

    void late(void* frame, std::size_t size) noexcept;
    void empty() noexcept {
        open_ = false;
        for (list& free : lists_)
            while (free.first) ::operator delete(std::exchange(free.first, free.first->next));
    }

    // No constructor and no destructor, so that access to the thread_local object needs no check whether it was made.
    std::array<list, 128> lists_;
    bool open_;
    bool closed_;
};
inline constinit thread_local frame_store frames{};

/// Takes a frame while the store is not open. The first frame that a thread gives back opens its store, and the end of
/// the thread empties it. Frames that other thread_local objects give back after that are deleted.
inline void frame_store::late(void* frame, std::size_t size) noexcept {
    struct closing {
        ~closing() {
            frames.empty();
            frames.closed_ = true;
        }
    };
    if (closed_) return ::operator delete(frame);
    static thread_local closing at_the_end;
    static_cast<void>(at_the_end);
    open_ = true;
    give_back(frame, size);
}

class task_promise_base {
  public:
    static void* operator new(std::size_t size) { return frames.take(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { frames.give_back(frame, size); }

    std::suspend_always initial_suspend() const noexcept { return {}; }
    auto final_suspend() const noexcept { return ending{}; }

    /// Returns the chain that this task is a part of. The task must have begun.
    [[nodiscard]] fiber& chain() const noexcept { return *fiber_; }

    /// Makes this task the outermost task of `chain`, which is told when the task ends. Resume the task to begin it.
    void belongs_to(fiber& chain) noexcept { fiber_ = &chain; }
    /// Notes that the task only awaits one operation, which was made before: with_timeout(2s, stream.recv(room)).
    void set_operation() noexcept { is_operation_ = true; }
    [[nodiscard]] bool is_operation() const noexcept { return is_operation_; }
    /// Begins this task for `awaiter`. Returns true if the task has ended inside this call.
    ///
    /// There are two ways back to the awaiter. Most tasks end without a wait, and then the awaiter continues when this
    /// call returns. A task that has waited stores the awaiter in relay::next when it ends. So does a task that the
    /// loop had to begin because the stack was deep.
    bool begin(std::coroutine_handle<> self, std::coroutine_handle<> awaiter, fiber& chain) {
        continuation_ = awaiter;
        fiber_ = &chain;
        if (between.is_deep()) [[unlikely]] {
            chain.goes_on_at(self);
            if (chain.postpone()) return false;
        }
        state_ = state::in_place;
        self.resume();
        return std::exchange(state_, state::waiting) == state::ended;
    }

  private:
    enum class state : char { waiting, in_place, ended };
    struct ending {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> self) const noexcept {
            task_promise_base& task = self.promise();
            if (std::exchange(task.state_, state::ended) == state::in_place) return;
            if (task.continuation_)
                between.next = task.continuation_;
            else
                task.fiber_->ended();
        }
        void await_resume() const noexcept {}
    };

    std::coroutine_handle<> continuation_;
    fiber* fiber_ = nullptr;
    state state_ = state::waiting;
    bool is_operation_ = false;  // beside the state, where it needs no memory
};

/// Stores what a task returned or threw.
template <class T>
class result {
    using stored = std::conditional_t<std::is_reference_v<T>, std::add_pointer_t<T>, std::remove_const_t<T>>;

  public:
    result() noexcept {}
    result(const result&) = delete;
    result& operator=(const result&) = delete;
    ~result() { clear(); }
    template <class Value>
    void set_value(Value&& value) {
        if constexpr (std::is_reference_v<T>)
            new (&value_) stored{__builtin_addressof(value)};  // std::addressof without <memory>
        else
            new (&value_) stored(std::forward<Value>(value));
        kind_ = kind::value;
    }
    /// Stores an exception, and drops a value that is stored already. A destructor of a variable may throw after
    /// co_return.
    void set_exception(std::exception_ptr exception) noexcept {
        clear();
        new (&exception_) std::exception_ptr{std::move(exception)};
        kind_ = kind::exception;
    }
    /// Returns the value, or throws the exception. Call once.
    T take() {
        if (kind_ == kind::exception) std::rethrow_exception(exception_);
        if constexpr (std::is_reference_v<T>)
            return static_cast<T>(*value_);
        else
            return std::move(value_);
    }
    // Returns the value where it lies, or throws the exception.
    stored& value() {
        if (kind_ == kind::exception) std::rethrow_exception(exception_);
        return value_;
    }
    [[nodiscard]] std::exception_ptr exception() const noexcept {
        return kind_ == kind::exception ? exception_ : nullptr;
    }
    /// Moves the result of `other` here.
    void take_over(result& other) {
        if (other.kind_ == kind::exception)
            set_exception(other.exception_);
        else if constexpr (std::is_reference_v<T>)
            set_value(*other.value_);
        else
            set_value(std::move(other.value_));
    }

  private:
    enum class kind : char { none, value, exception };
    void clear() noexcept {
        if (kind_ == kind::value) value_.~stored();
        if (kind_ == kind::exception) exception_.~exception_ptr();
        kind_ = kind::none;
    }
    union {
        stored value_;
        std::exception_ptr exception_;
    };
    kind kind_ = kind::none;
};
template <>
class result<void> {
  public:
    void set_exception(std::exception_ptr exception) noexcept { exception_ = std::move(exception); }
    void take() const {
        if (exception_) std::rethrow_exception(exception_);
    }
    [[nodiscard]] std::exception_ptr exception() const noexcept { return exception_; }
    void take_over(result& other) noexcept { exception_ = std::move(other.exception_); }

  private:
    std::exception_ptr exception_;
};

template <class T>
class task_promise : public task_promise_base {
  public:
    task<T> get_return_object() noexcept { return task<T>{std::coroutine_handle<task_promise>::from_promise(*this)}; }
    template <class Value = T>
    requires(std::is_convertible_v<Value&&, T> && !std::is_arithmetic_v<T>)
    void return_value(Value&& value) { outcome.set_value(std::forward<Value>(value)); }
    // In a task<std::size_t>, `co_return 0` converts a constant, which no compiler warns of. Through a template it would
    // convert an int.
    void return_value(T value) requires std::is_arithmetic_v<T> { outcome.set_value(value); }
    void unhandled_exception() noexcept { outcome.set_exception(std::current_exception()); }

    result<T> outcome;
};
template <>
class task_promise<void> : public task_promise_base {
  public:
    task<void> get_return_object() noexcept {
        return task<void>{std::coroutine_handle<task_promise>::from_promise(*this)};
    }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { outcome.set_exception(std::current_exception()); }

    result<void> outcome;
};

/// Owns the awaited task, so that its frame is destroyed at the end of the awaiting expression.
template <class T>
class [[nodiscard]] task_awaiter {
  public:
    explicit task_awaiter(std::coroutine_handle<task_promise<T>> awaited) noexcept : awaited_{awaited} {}
    task_awaiter(task_awaiter&& other) noexcept : awaited_{std::exchange(other.awaited_, nullptr)} {}
    task_awaiter& operator=(task_awaiter&&) = delete;
    ~task_awaiter() {
        if (awaited_) awaited_.destroy();
    }
    void operator co_await() & = delete;  // a task can be awaited once
    bool await_ready() const noexcept { return false; }
    /// Begins the task. If the task is empty, the awaiting task gives up its turn before the error is thrown. So a
    /// program that tries again for ever still lets the other tasks run.
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiter) const {
        fiber& whose = awaiter.promise().chain();
        if (awaited_) [[likely]]
            return !awaited_.promise().begin(awaited_, awaiter, whose);
        whose.goes_on_at(awaiter);
        return whose.postpone();
    }
    T await_resume() const { return outcome().take(); }
    // The result in the frame of the awaited task, when that task has ended.
    [[nodiscard]] result<T>& outcome() const {
        if (!awaited_) [[unlikely]]
            throw_empty_task();
        return awaited_.promise().outcome;
    }

  private:
    std::coroutine_handle<task_promise<T>> awaited_;
};

/// Lets code that starts tasks take the coroutine out of a task.
struct task_access {
    template <class T>
    static std::coroutine_handle<task_promise<T>> release(task<T>& from) noexcept {
        return std::exchange(from.coroutine_, nullptr);
    }
    /// Notes that the task only awaits one operation.
    template <class T>
    static void is_operation(const task<T>& what) noexcept {
        what.coroutine_.promise().set_operation();
    }
};

}  // namespace detail

template <class T>
detail::task_awaiter<T> task<T>::operator co_await() && noexcept {
    return detail::task_awaiter<T>{std::exchange(coroutine_, nullptr)};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_TASK_HPP


namespace netnotes {

namespace detail {
/// A task that reports its error in a std::error_code. with_timeout() then reports its timeout there, too.
template <class T>
class [[nodiscard]] reporting_task : public task<T> {
  public:
    reporting_task(task<T>&& what, std::error_code& error) noexcept : task<T>{std::move(what)}, error_{&error} {}
    [[nodiscard]] std::error_code* report() const noexcept { return error_; }

  private:
    std::error_code* error_;
};

template <class T>
struct result_of_task;
template <class T>
struct result_of_task<task<T>> {
    using type = T;
};
template <class T>
struct result_of_task<reporting_task<T>> {
    using type = T;
};
/// The T of the task<T> that the function returns.
template <class Function, class... Arguments>
using task_result = typename result_of_task<std::invoke_result_t<Function&, Arguments...>>::type;
}  // namespace detail

/// A function, a lambda or another function object that returns a task when it is called with `Arguments`.
template <class Function, class... Arguments>
concept task_function = requires { typename detail::task_result<Function, Arguments...>; };

namespace detail {

/// Calls the function and awaits its task. The frame of this coroutine owns the function, so captures live as long as
/// the task. An exception of the call itself becomes an exception of the task.
template <task_function Function>
task<task_result<Function>> call_in_frame(Function what) {
    co_return co_await what();
}

/// Does the same for an awaitable that can be awaited once: see event_loop::run().
template <class Awaiter, class... Parts>
task<decltype(std::declval<Awaiter&>().await_resume())> await_in_frame(awaited_once<Awaiter, Parts...> what) {
    co_return co_await std::move(what);
}

}  // namespace detail
}  // namespace netnotes

#endif  // NETNOTES_CORO_FUNCTION_HPP

// netnotes/coro/io/epoll.hpp: the back end that waits with epoll
// SPDX-License-Identifier: MIT
//
// With epoll(7) the kernel keeps the list of descriptors. A wait returns only the ready descriptors, so it is fast even
// if the list is long. This back end registers each descriptor once. The operations then make their calls themselves:
//
//        io_node ── add() ──> epoll_ctl(ADD)
//        loop ───── wait() ─> epoll_wait ──> readable or writable ──> io_node::awaken() ──> the operation tries again
//
// It is the default of loop_options. The other back end of the library is in coro/io/io_uring.hpp.
//
// On this page:  io_backend::epoll
// Below it:      poll/epoll.hpp, epoll_poller
// The notes:     epoll版-TCP服务器 (the epoll server)

#ifndef NETNOTES_CORO_IO_EPOLL_HPP
#define NETNOTES_CORO_IO_EPOLL_HPP

#include <poll.h>
#include <cstdint>
#include <ctime>
#include <exception>
#include <span>
#include <system_error>

// netnotes/poll/epoll.hpp: waiting with epoll(7)
// SPDX-License-Identifier: MIT
//
// The kernel keeps the list of descriptors, and puts each descriptor that becomes ready on a second list. A wait looks
// at the second list only. So its cost depends on the active descriptors, not on all.
//
// On this page:  epoll_poller
// The notes:     epoll版-TCP服务器, epoll使用说明; example 21

#ifndef NETNOTES_POLL_EPOLL_HPP
#define NETNOTES_POLL_EPOLL_HPP

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <system_error>
#include <utility>



// netnotes/poll/interest.hpp: waiting for many descriptors at once
// SPDX-License-Identifier: MIT
//
// A thread has a thousand connections. If it waits in recv() for one connection, it misses the others. If it asks each
// connection in turn, it keeps a processor busy to hear "nothing" (the notes' 非阻塞 server). So it asks the kernel one
// question: *which of these descriptors are ready?* A poller asks this question.
//
//        poller.add(listener, read)          poller.add(a, read)          poller.add(b, read | write)
//                         \                          |                          /
//                          └──────────────  poller.wait(timeout)  ─────────────┘
//                                                    |
//                            { token of a: read }  { token of b: write }          handle them, wait again
//
// A socket is not a device with a driver, as the notes say. Its protocol in the kernel knows when it becomes ready. It
// then wakes the threads that sleep in the socket's wait queue, so the kernel does not check in a loop.
//
// The kernel has three such calls, and each has a poller here. Code for one poller runs on all three:
//
//                            select_poller            poll_poller              epoll_poller
//    passed at each wait     three sets of bits       a list of descriptors    nothing: the kernel keeps the list
//    descriptors             below FD_SETSIZE, 1024   any                      any
//    a wait checks           all, up to the highest   all                      the ready descriptors
//    triggers                level, one_shot          level, one_shot          level, one_shot, edge
//    read, write, urgent     yes                      yes                      yes
//    peer_done               no: read, and recv is 0  yes                      yes
//    hang_up, error          as read; error as write  yes, always reported     yes, always reported
//    a wait returns          all ready descriptors    all ready descriptors    at most 128; the next wait the rest
//    a regular file          is always ready          is always ready          is refused
//    closed before remove()  an error once, then      an error once, then      removed, unless a duplicate is open
//                            removed                  removed
//
// select(2) and poll(2) get the whole list at every call. The kernel checks each descriptor on it before it sleeps and
// after it wakes. With epoll(7) a descriptor that becomes ready is put on a ready list, and a wait looks at that list
// only. So its cost depends on the active descriptors, not on all. To find one ready descriptor among 19,900, select
// and poll take 10 ms, and epoll takes 4 us. If all descriptors are active, epoll gains little. The "callback" of the
// notes happens inside the kernel: the program still has to call epoll_wait().
//
// *Level* or *edge*? A level-triggered descriptor is reported at every wait while it has bytes to read. So you may read
// a part of them. An edge-triggered descriptor is reported when *new* bytes arrive. Then read until "would block", or
// the rest stays unread until the peer sends again. The notes say that a program must handle an edge-triggered event at
// once or lose it. That is wrong: it may handle the event at any time, but the event is not reported again.
//
// "Ready" is a hint, not a promise: a datagram with a bad checksum makes a socket ready, and the receive then drops it
// (select(2), BUGS). So make the descriptors in a poller non-blocking, and expect "would block" as a normal result.
//
// On this page:  interest · trigger · event · the concepts poller and has_native_handle
// Beside it:     poll/select.hpp, poll/poll.hpp, poll/epoll.hpp, the three pollers
// Above it:      server/reactor.hpp, a whole server on any poller
// The notes:     单进程服务器,非阻塞模式 (asking each in turn), select版 TCP服务器 (select), 包含writeList服务器 (write
//                queues), epoll版-TCP服务器 (epoll); examples 18 to 21

#ifndef NETNOTES_POLL_INTEREST_HPP
#define NETNOTES_POLL_INTEREST_HPP

#include <fcntl.h>
#include <sys/epoll.h>

#include <cerrno>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>





namespace netnotes {

/// A set of flags: the events to wait for, or the events that happened. Test single flags with any_of(). Do not compare
/// the whole set, because error and hang_up are always reported. (The notes test `events == EPOLLIN`, so they lose
/// every client that resets.) The values are the same as in epoll(7) and poll(2).
enum class interest : std::uint32_t {
    none = 0,
    read = 0x1,          ///< There are bytes, a connection to accept, or the end of the stream.
    urgent = 0x2,        ///< TCP has urgent data. A receive stops at its mark, even if more bytes follow.
    write = 0x4,         ///< The send buffer has room, or a connect() has finished.
    error = 0x8,         ///< An error: socket::take_error() returns it. Always reported; do not ask for it.
    hang_up = 0x10,      ///< Both directions have ended. Always reported; do not ask for it.
    peer_done = 0x2000,  ///< The peer has shut down its sending side. Bytes may still be unread.
};
/// Returns the flags of both sets.
constexpr interest operator|(interest a, interest b) noexcept {
    return static_cast<interest>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
/// Adds the flags of `b` to `a`, and returns `a`.
constexpr interest& operator|=(interest& a, interest b) noexcept { return a = a | b; }
/// Returns true if the two sets have a flag in common.
constexpr bool any_of(interest set, interest flags) noexcept {
    return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(flags)) != 0;
}

namespace detail {
constexpr std::uint32_t to_bits(interest what) noexcept { return static_cast<std::uint32_t>(what); }
constexpr interest to_interest(std::uint32_t bits) noexcept { return static_cast<interest>(bits & 0x201f); }
}  // namespace detail

/// How often a poller reports a descriptor that is ready.
enum class trigger {
    level,     ///< At every wait while it is ready.
    edge,      ///< When it becomes ready, and again when more bytes arrive. Only if the poller has has_edge == true.
    one_shot,  ///< Once, and then never until modify() arms it again.
};

/// A descriptor that is ready. `token` is the number that was given to add(). It is not the descriptor. The program may
/// have closed that for an earlier event of the same batch, and its number may now belong to another file. A token that
/// contains a generation tells the two files apart, as in server/reactor.hpp.
struct event {
    std::uint64_t token = 0;
    interest ready = interest::none;
};

/// An object that tells its descriptor, for example a socket, a listener, a stop_event or an async_udp.
template <class Object>
concept has_native_handle = requires(const Object& object) {
    { object.native_handle() } -> std::same_as<int>;
};

/// A set of descriptors that one thread waits for. Poller::has_edge says if it offers trigger::edge. The functions
/// add() and modify() throw std::system_error:
///
///     errc::bad_file_descriptor        add: the descriptor is not open
///     errc::file_exists                add: the descriptor is in the poller already
///     errc::no_such_file_or_directory  modify: the descriptor is not in the poller
///     errc::operation_not_supported    trigger::edge, and the poller has no edge
///     errc::value_too_large            add: the descriptor's number is too high for this poller. (Any other
///                                      error is a shortage, for example of memory, and may pass)
///
/// Call remove() *before* you close a descriptor, because the kernel may soon give its number to another file. For a
/// descriptor that is not in the poller it does nothing.
///
/// The function wait() returns the events when a descriptor is ready, or an empty span after `timeout`. Signals do not
/// end it. The events are valid until the next wait(); the calls add() and remove() do not change them.
///
/// The pollers of this library take a socket, a listener or any other object with native_handle() instead of its
/// descriptor: `poller.add(listener, interest::read, 0)`. The object must outlive its stay in the poller.
///
/// A poller may also have a clock, `time_point now() const noexcept`. A reactor_server then uses this clock, so a test
/// can control the time.
template <class Poller>
concept poller = requires(Poller& poller, int descriptor, interest what, std::uint64_t token, trigger how,
                          duration timeout) {
    { Poller::has_edge } -> std::convertible_to<bool>;
    poller.add(descriptor, what, token, how);
    poller.modify(descriptor, what, token, how);
    poller.remove(descriptor);
    { poller.wait(timeout) } -> std::convertible_to<std::span<const event>>;
};

namespace detail {
/// Gives a poller the calls for objects with native_handle(). The poller adds `using takes_objects::add` and the
/// others.
template <class Poller>
class takes_objects {
  public:
    void add(const has_native_handle auto& object, interest what, std::uint64_t token, trigger how = trigger::level) {
        static_cast<Poller&>(*this).add(object.native_handle(), what, token, how);
    }
    void modify(const has_native_handle auto& object, interest what, std::uint64_t token,
                trigger how = trigger::level) {
        static_cast<Poller&>(*this).modify(object.native_handle(), what, token, how);
    }
    void remove(const has_native_handle auto& object) noexcept {
        static_cast<Poller&>(*this).remove(object.native_handle());
    }
};

/// The remaining time of a wait that a signal may interrupt. For `never` and zero it does not read the clock; most
/// waits of a busy server use these two.
class countdown {
  public:
    explicit countdown(duration timeout) noexcept
        : left_{detail::max(timeout, duration::zero())}, until_{is_limited() ? end_of(left_) : time_point::max()} {}
    [[nodiscard]] duration left() const noexcept { return left_; }
    /// Returns true if the time is over. Reads the clock and updates left().
    [[nodiscard]] bool is_over() noexcept {
        if (is_limited()) left_ = detail::max(until_ - clock::now(), duration::zero());
        return left_ == duration::zero();
    }

  private:
    bool is_limited() const noexcept { return left_ != never && left_ != duration::zero(); }
    duration left_;
    time_point until_;
};
}  // namespace detail

namespace detail {
[[noreturn]] inline void refuse(int error, const char* attempt, int descriptor, const char* why = "") {
    throw_error(std::error_code{error, std::system_category()}, attempt, std::to_string(descriptor), why);
}
/// Throws if the descriptor is not open, as epoll_ctl(2) does. select(2) and poll(2) would fail only at the wait.
inline void require_open(const char* attempt, int descriptor) {
    if (::fcntl(descriptor, F_GETFD) < 0) refuse(errno, attempt, descriptor);
}
inline void require_no_edge(trigger how, const char* attempt, int descriptor) {
    if (how == trigger::edge) refuse(EOPNOTSUPP, attempt, descriptor, ": edge-triggered needs an epoll_poller");
}
}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_POLL_INTEREST_HPP


namespace netnotes {

namespace detail {
static_assert(EPOLLIN == 0x1 && EPOLLPRI == 0x2 && EPOLLOUT == 0x4 && EPOLLERR == 0x8 && EPOLLHUP == 0x10 &&
              EPOLLRDHUP == 0x2000);
}  // namespace detail

/// Waits with epoll(7), on Linux. The number of descriptors is limited only by RLIMIT_NOFILE, memory, and
/// fs.epoll.max_user_watches; each descriptor takes about 160 bytes in the kernel. After a move only destruction and
/// assignment are allowed.
class epoll_poller : public detail::takes_objects<epoll_poller> {
  public:
    using takes_objects::add, takes_objects::modify, takes_objects::remove;
    static constexpr bool has_edge = true;  ///< add() and modify() accept trigger::edge
    /// The most events that a wait() returns. The next wait() returns the rest, before it repeats earlier events. This
    /// makes a server fast: a single system call returns a whole batch.
    static constexpr std::size_t batch = 128;

    /// Creates an empty poller. Throws std::system_error if no descriptor or memory is left.
    epoll_poller() : descriptor_{::epoll_create1(EPOLL_CLOEXEC)} {
        if (descriptor_ < 0) detail::throw_error(detail::last_error(), "epoll_create1");
    }
    epoll_poller(epoll_poller&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
    epoll_poller& operator=(epoll_poller&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~epoll_poller() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }

    /// Adds a descriptor. Throws the errors of the concept poller. Also throws errc::operation_not_permitted for a
    /// regular file, which would always be ready.
    void add(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        control(EPOLL_CTL_ADD, descriptor, what, token, how, "epoll add ");
    }
    /// Replaces the interest, the token and the trigger. A descriptor that is ready now is reported again, even with an
    /// edge trigger.
    void modify(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        control(EPOLL_CTL_MOD, descriptor, what, token, how, "epoll modify ");
    }
    /// Removes a descriptor; does nothing if the poller does not have it. Closing a descriptor does not always remove
    /// it, because epoll watches the open file behind it. A duplicate (dup, fork) keeps the file open. The poller would
    /// then continue to report it, and no call could remove it.
    void remove(int descriptor) noexcept { ::epoll_ctl(descriptor_, EPOLL_CTL_DEL, descriptor, nullptr); }

    /// Waits for events; never returns early. `timeout` is rounded up to whole milliseconds, the unit of epoll_wait(2).
    /// A timeout above 24 days, the most that an int holds, is waited for in parts. Throws std::system_error if
    /// epoll_wait(2) fails.
    std::span<const event> wait(wait_time timeout) {
        for (detail::countdown time{timeout};;) {
            const int ready =
                ::epoll_wait(descriptor_, raw_.data(), static_cast<int>(raw_.size()), milliseconds(time.left()));
            if (ready < 0 && errno != EINTR) detail::throw_error(detail::last_error(), "epoll_wait");
            if (ready > 0 || (time.is_over() && ready == 0)) {
                for (std::size_t i = 0; i < static_cast<std::size_t>(ready); ++i)
                    events_[i] = {raw_[i].data.u64, static_cast<interest>(raw_[i].events)};  // has known flags only
                return {events_.data(), static_cast<std::size_t>(ready)};
            }
        }
    }

  private:
    static int milliseconds(duration timeout) noexcept {
        if (timeout == never) return -1;
        const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
        return static_cast<int>(detail::clamp<std::int64_t>(rounded, 0, std::numeric_limits<int>::max()));
    }
    static constexpr std::uint32_t to_raw(interest what, trigger how) noexcept {
        const std::uint32_t bits = how == trigger::edge       ? std::uint32_t{EPOLLET}
                                   : how == trigger::one_shot ? std::uint32_t{EPOLLONESHOT}
                                                              : 0u;
        return bits | detail::to_bits(what);
    }
    void control(int operation, int descriptor, interest what, std::uint64_t token, trigger how, const char* attempt) {
        epoll_event raw{};
        raw.events = to_raw(what, how);
        raw.data.u64 = token;
        if (::epoll_ctl(descriptor_, operation, descriptor, &raw) != 0) {
            const std::error_code error = detail::last_error();
            detail::throw_error(error, attempt, std::to_string(descriptor));
        }
    }

    int descriptor_;
    std::array<epoll_event, batch> raw_{};
    std::array<event, batch> events_{};
};
static_assert(poller<epoll_poller>);

}  // namespace netnotes

#endif  // NETNOTES_POLL_EPOLL_HPP

// netnotes/coro/io/operation.hpp: waiting for a descriptor
// SPDX-License-Identifier: MIT
//
// If a call on a descriptor would block, its coroutine is suspended. When the descriptor is ready, the call is made
// again and the coroutine is resumed. So an awaiter needs only one function, attempt(). It makes the call, or returns
// false if the call would block:
//
//        attempt() ──done──────────────────────────────────────────> the task continues
//            │ would block; the node notes: readable = false
//            └──> the operation waits at its io_node                 (the coroutine is suspended)
//                     │ the back end sets readable = true
//                     └──> attempt() again ──done──> resume the task
//
// An edge-triggered event is reported only once, so the node remembers it. A receive that would only return EAGAIN is
// then skipped.
//
// On this page:  for authors of awaitables: io_node · io_operation · io_awaiter, io_receiver
// The notes:     epoll版-TCP服务器, gevent版-TCP服务器; read coro/loop.hpp first

#ifndef NETNOTES_CORO_IO_OPERATION_HPP
#define NETNOTES_CORO_IO_OPERATION_HPP

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>



// netnotes/coro/scheduler.hpp: which task is resumed next
// SPDX-License-Identifier: MIT
//
// The scheduler is the part of an event loop that its tasks use. It has a queue of ready tasks, a timer wheel, a clock,
// and the back end that waits for descriptors. A task awaits an *operation*, which is an object in the task's own
// frame. The operation tells the scheduler when the wait has ended:
//
//        co_await op ──> op.waits(...)        the coroutine is suspended; op enters a list, the timer wheel,
//                          │                  or the node of a descriptor
//                          ├── its event happens:      op.go_on(), and the task enters the ready queue
//                          └── the task is cancelled:  op.cancelled(), which does the same
//
// So a wait needs no allocation and no search, and a switch between tasks costs a few nanoseconds.
//
// On this page:  for authors of awaitables: scheduler, loop_operation, loop_timer, posted_call, stepping
// The notes:     协程问题 (which function switches; 1:N); read coro/loop.hpp first

#ifndef NETNOTES_CORO_SCHEDULER_HPP
#define NETNOTES_CORO_SCHEDULER_HPP

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>





// netnotes/coro/io/back_end.hpp: what waits for descriptors, seen from the loop
// SPDX-License-Identifier: MIT
//
// A loop waits for descriptors through this interface and knows nothing of the system call behind it. A back end is one
// file that implements it. The factory in loop_options chooses the back end, so a program contains no code of a back
// end that it does not name.
//
//        event_loop ──────────────> io_back_end          prepare, watch, wait
//        io_node ─────────────────> io_back_end          add, remove, needs
//        io_operation ────────────> io_intake            receive, lend, accept: only if the back end does these itself
//        io_node <───────────────── the back end         readable, writable, awaken()
//
// Two kinds of kernel interface fit. A readiness interface reports that a call would succeed, and the operation then
// makes the call. A completion interface makes the call itself: its back end gives each node an io_intake, which holds
// what the kernel has already received or accepted.
//
// On this page:  io_back_end · io_intake · io_backend_factory
// Above it:      the back ends, each in a file of its own in coro/io

#ifndef NETNOTES_CORO_IO_BACK_END_HPP
#define NETNOTES_CORO_IO_BACK_END_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>





namespace netnotes {

namespace detail {
class scheduler;
class io_node;
class io_back_end;
}  // namespace detail

/// Makes the back end of a loop. Returns an empty owner and sets `refusal` if the kernel does not offer this back end;
/// the loop then uses the default of loop_options. Throws std::system_error if the kernel refuses a descriptor.
using io_backend_factory = detail::owner<detail::io_back_end> (*)(detail::scheduler& loop, std::error_code& refusal);

namespace detail {

/// Returns true if `part` begins inside `whole`. The two need not belong to one object, so addresses are compared as
/// numbers.
inline bool is_inside(std::span<const std::byte> part, std::span<const std::byte> whole) noexcept {
    return reinterpret_cast<std::uintptr_t>(part.data()) - reinterpret_cast<std::uintptr_t>(whole.data()) <
           whole.size();
}

/// Waits for descriptors on behalf of one loop.
class io_back_end {
  public:
    io_back_end(const io_back_end&) = delete;
    io_back_end& operator=(const io_back_end&) = delete;
    virtual ~io_back_end() = default;

    /// Is called by the thread that is about to wait. Throws std::logic_error if this thread may not wait.
    virtual void prepare() {}
    /// Starts to watch the node's descriptor. Throws std::system_error if the system refuses.
    virtual void add(io_node& node) = 0;
    /// Stops watching the node; no operation waits for it any more. Is called before the descriptor is closed. Returns
    /// false while the kernel still uses the node. Then the back end calls io_node::release(loop) when the kernel has
    /// finished.
    virtual bool remove(io_node& node) noexcept = 0;
    /// Tells the back end that an operation now waits for the node, to write or to read. If the back end cannot arrange
    /// that now, it calls scheduler::look_again(), and the operation tries again at the next turn.
    virtual void needs(io_node& node, bool to_write) noexcept = 0;
    /// Watches a descriptor that ends a wait each time it is written to. With `is_stop`, take_stop() then also returns
    /// true. Throws std::system_error if the system refuses.
    virtual void watch(int descriptor, bool is_stop) = 0;
    /// Stops watching the descriptor of a stop.
    virtual void unwatch(int descriptor) noexcept = 0;
    /// Waits for at most `timeout`. Sets `readable` and `writable` of each ready node and calls its awaken(). Returns
    /// true if there was any event. Throws std::system_error if the system refuses to wait.
    virtual bool wait(duration timeout) = 0;

    /// Returns true, once, if a stop was requested since the last call.
    [[nodiscard]] bool take_stop() noexcept { return std::exchange(saw_stop_, false); }
    /// Returns true if the bytes lie in memory that io_intake::lend() lends.
    [[nodiscard]] bool has_lent(std::span<const std::byte> bytes) const noexcept { return is_inside(bytes, lends_); }

  protected:
    io_back_end() noexcept = default;
    bool saw_stop_ = false;
    std::span<const std::byte> lends_;  // memory from which an io_intake lends; empty for a readiness interface
};

/// Holds what a completion back end has received or accepted for a node before any task has asked for it. Each call
/// returns false if there is nothing yet. A failure sets `error` to a value of errno and returns true.
class io_intake {
  public:
    io_intake(const io_intake&) = delete;
    io_intake& operator=(const io_intake&) = delete;

    /// Copies received bytes to `room`. A `size` of 0 is the end of the stream.
    virtual bool receive(mutable_buffer room, std::size_t& size, int& error) noexcept = 0;
    /// Sets `bytes` to received bytes without copying them. They stay valid until the next call of lend() or wait().
    virtual bool lend(std::span<std::byte>& bytes, int& error) noexcept = 0;
    /// Takes an accepted connection, and passes its ownership to the caller.
    virtual bool accept(int& descriptor, int& error) noexcept = 0;
    /// Returns true if something was received, also if a report of it waits to be handled.
    [[nodiscard]] virtual bool has_arrived() const noexcept = 0;

  protected:
    io_intake() noexcept = default;
    ~io_intake() = default;
};

}  // namespace detail
}  // namespace netnotes

#endif  // NETNOTES_CORO_IO_BACK_END_HPP


// netnotes/coro/timer_wheel.hpp: a hundred thousand timers
// SPDX-License-Identifier: MIT
//
// Every connection has a timeout, and nearly every timeout is cancelled before it expires. So arming and cancelling
// must cost almost nothing, even with many timers. A sorted structure sorts all timers, but the program needs only the
// next timer. A wheel does not sort. It divides time into ticks, and puts each timer in the list of a slot.
//
//        level 0    64 slots of 1 tick each          the next 64 ticks
//        level 1    64 slots of 64 ticks             the next 4,096
//        level 2    64 slots of 4,096 ticks          ...
//
// A timer that is far away is put in a coarse slot. When time reaches that slot, its timers *cascade*: they are put in
// slots of a lower level. This happens to a timer only a few times, and never after it is cancelled. Each level marks
// its occupied slots in the bits of a 64-bit number. So a few instructions find the next occupied slot.
//
// Source: G. Varghese, T. Lauck: "Hashed and Hierarchical Timing Wheels", 1987.
//
// On this page:  timer · timer_wheel

#ifndef NETNOTES_CORO_TIMER_WHEEL_HPP
#define NETNOTES_CORO_TIMER_WHEEL_HPP

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>



namespace netnotes {

namespace detail {
/// A link of a circular list. The head of the list is a link too: it marks the beginning and the end.
struct timer_link {
    timer_link() noexcept = default;
    timer_link(const timer_link&) = delete;
    timer_link& operator=(const timer_link&) = delete;
    /// Returns true if the list has no other link.
    [[nodiscard]] bool is_alone() const noexcept { return next == this; }
    /// Removes this link from its list.
    void unlink() noexcept {
        previous->next = next;
        next->previous = previous;
        next = previous = this;
    }
    /// Makes this link the last of the list. It must be alone.
    void append_to(timer_link& list) noexcept {
        previous = list.previous;
        next = &list;
        previous->next = list.previous = this;
    }
    timer_link* next = this;
    timer_link* previous = this;
};
}  // namespace detail

/// A timer of a timer_wheel. Make it a member or a base of the object that has a timeout. The wheel links the timer,
/// and does not own it. Use it in the thread of its wheel.
class timer : private detail::timer_link {
  public:
    /// Makes a timer that is not armed.
    timer() noexcept = default;
    /// Cancels the timer.
    ~timer() { cancel(); }

    /// Returns true from timer_wheel::arm() until take_due() returns the timer, or until it is cancelled.
    [[nodiscard]] bool is_armed() const noexcept { return !is_alone(); }
    /// Returns the tick for which the timer was armed last; 0 if it was never armed.
    [[nodiscard]] std::uint64_t tick() const noexcept { return tick_; }
    /// Removes the timer from its wheel. Has no effect if it is not armed.
    void cancel() noexcept { unlink(); }

  private:
    friend class timer_wheel;
    std::uint64_t tick_ = 0;
};

/// Keeps timers and returns them when they expire. The caller decides how long a tick is. Time begins at tick 0, and
/// only take_due() advances it. Arming and cancelling cost a few nanoseconds, even with many timers. For one thread at
/// a time.
class timer_wheel {
  public:
    /// Makes a wheel without timers, at tick 0.
    timer_wheel() noexcept = default;
    timer_wheel(const timer_wheel&) = delete;
    timer_wheel& operator=(const timer_wheel&) = delete;
    /// Cancels the timers that are armed.
    ~timer_wheel();

    /// Arms the timer for `tick`. If it is armed already, it moves. A tick that is not after now() expires at once,
    /// after the timers that have expired already.
    void arm(timer& what, std::uint64_t tick) noexcept;
    /// Advances to `tick` and returns one expired timer, which is now disarmed. Returns nullptr if no expired timer is
    /// left; then now() is `tick`. Timers of an earlier tick come first. Timers of the same tick come in the order of
    /// arming. A `tick` before now() does not move time back.
    [[nodiscard]] timer* take_due(std::uint64_t tick) noexcept;
    /// Returns the tick at which to call take_due() again; nullopt if no timer is armed. It is never after the tick of
    /// the first timer. It may be before that tick, because a timer that is far away cascades on its way.
    [[nodiscard]] std::optional<std::uint64_t> next_tick() noexcept;
    /// Returns the present tick.
    [[nodiscard]] std::uint64_t now() const noexcept { return now_; }

  private:
    static constexpr unsigned bits = 6;  // number of bits of a tick for each level
    static constexpr std::size_t level_count = 64 / bits + 1;
    struct level {
        std::array<detail::timer_link, std::size_t{1} << bits> slots;
        std::uint64_t occupied = 0;  // one bit for each slot; it may stay set after the slot's last timer was cancelled
    };
    struct place {
        std::size_t level, slot;
        std::uint64_t begin;  // the first tick of the slot
    };

    void hang(timer& what) noexcept;
    static timer* first_of(detail::timer_link& list) noexcept {
        return list.is_alone() ? nullptr : static_cast<timer*>(list.next);
    }
    std::optional<place> next_place() noexcept;

    std::array<level, level_count> levels_;
    unsigned occupied_levels_ = 0;  // one bit for each level; it may stay set as well
    detail::timer_link due_;
    std::uint64_t now_ = 0;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

/// Puts the timer in its slot. The highest bit in which its tick differs from now() decides the level. So every timer
/// of a level is in a slot after the present slot. Every timer of a lower level expires before every timer of a higher
/// level. No slot ever holds timers of two rounds.
inline void timer_wheel::hang(timer& what) noexcept {
    if (what.tick_ <= now_) return what.append_to(due_);
    const std::size_t at = (static_cast<std::size_t>(std::bit_width(now_ ^ what.tick_)) - 1) / bits;
    const auto slot = static_cast<std::size_t>((what.tick_ >> (at * bits)) % levels_[at].slots.size());
    what.append_to(levels_[at].slots[slot]);
    levels_[at].occupied |= std::uint64_t{1} << slot;
    occupied_levels_ |= 1u << at;
}

inline void timer_wheel::arm(timer& what, std::uint64_t tick) noexcept {
    what.cancel();
    what.tick_ = tick;
    hang(what);
}

inline std::optional<timer_wheel::place> timer_wheel::next_place() noexcept {
    while (occupied_levels_) {
        const auto at = static_cast<std::size_t>(std::countr_zero(occupied_levels_));
        level& here = levels_[at];
        while (here.occupied) {
            const auto slot = static_cast<std::size_t>(std::countr_zero(here.occupied));
            if (!here.slots[slot].is_alone()) {
                const unsigned above = static_cast<unsigned>(at + 1) * bits;
                const std::uint64_t round = above < 64 ? now_ >> above << above : 0;
                return place{at, slot, round | std::uint64_t{slot} << (at * bits)};
            }
            here.occupied &= here.occupied - 1;
        }
        occupied_levels_ &= occupied_levels_ - 1;
    }
    return std::nullopt;
}

inline std::optional<std::uint64_t> timer_wheel::next_tick() noexcept {
    if (!due_.is_alone()) return now_;
    const auto where = next_place();
    return where ? std::optional{where->begin} : std::nullopt;
}

inline timer* timer_wheel::take_due(std::uint64_t tick) noexcept {
    for (;;) {
        if (timer* const first = first_of(due_)) {
            first->cancel();
            return first;
        }
        const auto where = next_place();
        if (!where || where->begin > tick) {
            if (tick > now_) now_ = tick;
            return nullptr;
        }
        now_ = where->begin;
        detail::timer_link& slot = levels_[where->level].slots[where->slot];
        levels_[where->level].occupied &= ~(std::uint64_t{1} << where->slot);
        while (timer* const first = first_of(slot)) {
            first->cancel();
            hang(*first);
        }
    }
}

inline timer_wheel::~timer_wheel() {
    while (timer* const first = first_of(due_)) first->cancel();
    for (level& each : levels_)
        for (detail::timer_link& slot : each.slots)
            while (timer* const first = first_of(slot)) first->cancel();
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_TIMER_WHEEL_HPP


namespace netnotes {

namespace detail {

class io_node;
class loop_timer;
class posted_call;
class spawned;

/// Decides which task is resumed next, in one thread. Only post_call() may be called from other threads.
class scheduler {
  public:
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;

    /// Returns the time of steady_clock, or virtual time.
    [[nodiscard]] time_point now() const noexcept { return is_virtual_ ? virtual_now_ : clock::now(); }

    /// Puts the chain in the ready queue, so that it is resumed at the next turn.
    void make_ready(fiber& chain) noexcept {
        if (!ready_end_) return;  // all tasks are being destroyed
        chain.next_ready_ = nullptr;
        *ready_end_ = &chain;
        ready_end_ = &chain.next_ready_;
    }
    /// Resumes the chain inside this call. The chain may be destroyed when the call returns.
    void resume(const fiber& chain) noexcept {
        steps_ = steps_a_turn;
        runs(chain);
        if (slow_after_ == never)
            chain.resume();
        else
            resume_watched(chain);
    }
    /// Counts a step of the running task. Returns true if the task may continue without a wait, and false after
    /// `steps_a_turn` steps. Otherwise a peer that always sends would keep all other tasks waiting.
    [[nodiscard]] bool take_step() noexcept { return --steps_ > 0; }
    /// Counts a step that may take a value before it has looked at its chain. Returns false for a cancelled chain, too,
    /// because its result may be dropped, and the value with it.
    [[nodiscard]] bool take_quick_step() noexcept { return --steps_ > 0 && may_take_ == cancellations_; }
    /// Notes that `chain` runs now. Returns the note before, for runs_again().
    unsigned runs(const fiber& chain) noexcept {
        return std::exchange(may_take_, chain.is_cancelled() ? cancellations_ - 1 : cancellations_);
    }
    /// Notes that the chain of an earlier runs() runs again, because the chain inside it has returned.
    void runs_again(unsigned note) noexcept { may_take_ = note; }
    /// Notes that a chain is cancelled. It may be the running chain, or a chain that waits for it. So every earlier note is
    /// void, and a running chain takes no quick step before the loop resumes it.
    void notes_cancellation() noexcept { ++cancellations_; }
    /// Makes the operations of `node` try again at the next turn.
    void look_again(io_node& node) noexcept;
    /// Arms the timer. With time_point::max() it never expires, not even in virtual time.
    void arm(loop_timer& what, time_point when) noexcept;
    /// Returns the buffer that all tasks receive into. Its bytes are valid until the task that has received them waits.
    [[nodiscard]] std::span<std::byte> lent_buffer() const noexcept { return {lent_.get(), lent_size}; }
    /// Returns true if these bytes are in lent_buffer(), or in a buffer that the back end has lent.
    [[nodiscard]] bool has_lent(std::span<const std::byte> bytes) const noexcept {
        return is_inside(bytes, lent_buffer()) || back_end_->has_lent(bytes);
    }
    /// Makes the loop call `call`. May be called from any thread and from a signal handler. Do not post the same object
    /// again before the loop has called it.
    void post_call(posted_call& call) noexcept;
    /// Returns the object that waits for descriptors.
    [[nodiscard]] io_back_end& back_end() const noexcept { return *back_end_; }
    /// Returns true from the moment when the task of run() has ended until run() returns.
    [[nodiscard]] bool main_has_ended() const noexcept { return main_has_ended_; }

  protected:
    static constexpr int steps_a_turn = 64;
    static constexpr std::size_t lent_size = 64 * 1024;
    static constexpr unsigned tick_bits = 20;  // a tick is 2^20 ns, a little more than a millisecond

    using slow_function = void (*)(const char* name, duration took);
    scheduler(bool is_virtual, duration slow_after, slow_function slow)
        : is_virtual_{is_virtual}, slow_after_{slow_after}, slow_{slow}, lent_{new std::byte[lent_size]} {}
    ~scheduler() = default;
    void resume_watched(const fiber& chain) noexcept;
    void run_ready() noexcept;
    void run_posted() noexcept;
    void forget_posted() noexcept;
    void run_timers() noexcept;
    [[nodiscard]] duration time_to_next_timer() noexcept;
    [[nodiscard]] std::uint64_t tick_of(time_point when) const noexcept;  // not before `when`
    [[nodiscard]] std::uint64_t ticks_passed() const noexcept;
    /// Ends the run with this exception, unless it already ends with an earlier exception.
    void fails(std::exception_ptr exception) noexcept {
        if (!failure_) failure_ = std::move(exception);
    }

    friend io_node;
    friend spawned;
    const bool is_virtual_;  // see loop_options
    const duration slow_after_;
    const slow_function slow_;
    int steps_ = 0;
    unsigned cancellations_ = 0;
    unsigned may_take_ = 0;  // differs from cancellations_ if the running chain may be cancelled
    fiber* ready_ = nullptr;
    fiber** ready_end_ = &ready_;
    timer_wheel timers_;
    time_point origin_ = clock::now();
    time_point virtual_now_ = origin_;
    // Nodes that were closed in this turn. Events of the same batch, and awaiters, may still refer to them.
    io_node* retired_ = nullptr;
    io_node* pending_ = nullptr;  // nodes with an operation that had to give up its turn
    owner<std::byte[]> lent_;
    spawned* spawned_ = nullptr;  // list of tasks that have not ended or have a handle
    std::size_t size_ = 0;        // spawned tasks that have not ended
    const spawned* main_ = nullptr;  // the task of run()
    bool main_has_ended_ = false;
    std::exception_ptr failure_;
    stop_event wake_;  // post_call() wakes the loop with it: a stop_event is an eventfd
    std::atomic<posted_call*> posted_{nullptr};
    std::atomic<bool> asleep_{false};
    std::atomic<int> posting_{0};  // threads inside of post_call()
    owner<io_back_end> back_end_;
};

/// A timer that calls expired() when its time has come.
class loop_timer : public timer {
  protected:
    friend scheduler;
    loop_timer() noexcept = default;
    ~loop_timer() = default;
    virtual void expired() noexcept = 0;
};

/// A call that another thread or a signal handler asks the loop to make: see scheduler::post_call().
class posted_call {
  public:
    posted_call(const posted_call&) = delete;
    posted_call& operator=(const posted_call&) = delete;

  protected:
    friend scheduler;
    posted_call() noexcept = default;
    ~posted_call() = default;
    /// Called once, in the loop's thread. An exception of it ends the run.
    virtual void call() = 0;
    /// Called instead of call() if the loop is destroyed first. An object without another owner deletes itself, here
    /// and in call().
    virtual void forget() noexcept { call(); }

  private:
    posted_call* next_ = nullptr;
};

/// The base of awaiters whose task the loop resumes. go_on(), go_on_next() and go_on_now() end the wait, so cancelling
/// comes too late after that.
class loop_operation : public operation {
  public:
    /// Ends the wait. The coroutine is resumed at the next turn.
    void go_on() noexcept {
        decided();
        chain().loop().make_ready(chain());
    }
    /// Makes the coroutine ready, but does not end the wait: await_resume() must do that. Until then the wait can still
    /// be cancelled.
    void comes_round() noexcept { chain().loop().make_ready(chain()); }
    /// Ends the wait. The coroutine is resumed as soon as the running coroutine has returned to the loop.
    void go_on_next() noexcept {
        decided();
        chain().loop().runs(chain());
        between.next = chain().goes_on_at();
    }
    /// Ends the wait. The coroutine is resumed inside this call, and this object may be destroyed when the call
    /// returns.
    void go_on_now() noexcept {
        decided();
        chain().loop().resume(chain());
    }

  protected:
    loop_operation() noexcept = default;
    ~loop_operation() = default;
    /// Call in await_suspend() of a cancelled task, and return its result. The task is resumed at once, and
    /// await_resume() throws. A task that swallows the exception many times must give up its turn now and then.
    static bool hear_at_once(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        return !whose.loop().take_step() && leave_turn(waiter, whose);
    }
    /// Call in await_suspend() if there is nothing to wait for, and return its result. The coroutine is resumed one
    /// turn later, after all tasks that are ready now.
    static bool leave_turn(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        whose.goes_on_at(waiter);
        whose.loop().make_ready(whose);
        return true;
    }
};

/// Keeps a task fair to the others. Write `co_await stepping{}` before an operation that may complete or fail without a
/// wait. It suspends the task for one turn after many steps. Throws netnotes::cancelled if the task is cancelled.
class stepping : public loop_operation {
  public:
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) noexcept {
        whose_ = &waiter.promise().chain();
        return hear_at_once(waiter, *whose_);
    }
    void await_resume() const {
        if (whose_->is_cancelled()) throw_cancelled();
    }

  private:
    void cancelled() noexcept override {}
    fiber* whose_ = nullptr;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline void fiber::cancel() noexcept {
    if (std::exchange(cancelled_, true)) return;
    if (loop_) loop_->notes_cancellation();
    if (waits_for_) waits_for_->cancelled();
}
inline void fiber::withdraw() noexcept {
    cancelled_ = true;
    if (loop_) loop_->notes_cancellation();
    if (std::exchange(withdrawn_, true)) return;
    if (waits_for_) waits_for_->cancelled();
}

inline void scheduler::arm(loop_timer& what, time_point when) noexcept {
    if (when == time_point::max())
        what.cancel();
    else
        timers_.arm(what, tick_of(when));
}

inline void scheduler::run_ready() noexcept {
    fiber* chain = std::exchange(ready_, nullptr);
    ready_end_ = &ready_;
    while (chain) {
        fiber* const next = chain->next_ready_;  // read first: resuming may destroy the chain, or queue it again
        resume(*chain);
        chain = next;
    }
}
inline void scheduler::resume_watched(const fiber& chain) noexcept {
    const char* const name = chain.name();
    const time_point begin = clock::now();
    chain.resume();
    const duration took = clock::now() - begin;
    if (took > slow_after_ && slow_) slow_(name, took);
}

// -- time

inline std::uint64_t scheduler::ticks_passed() const noexcept {
    const auto passed = static_cast<std::uint64_t>((now() - origin_).count());
    return is_virtual_ ? passed : passed >> tick_bits;
}
inline std::uint64_t scheduler::tick_of(time_point when) const noexcept {
    if (when <= origin_) return 0;
    const auto distance = static_cast<std::uint64_t>((when - origin_).count());
    return is_virtual_ ? distance : (distance >> tick_bits) + 1;
}
inline duration scheduler::time_to_next_timer() noexcept {
    const auto tick = timers_.next_tick();
    if (!tick) return never;
    if (is_virtual_) return duration::zero();
    const time_point when = later(origin_, duration{static_cast<duration::rep>(*tick << tick_bits)});
    return detail::max(when - clock::now(), duration::zero());
}
inline void scheduler::run_timers() noexcept {
    const std::uint64_t passed = ticks_passed();
    while (timer* const due = timers_.take_due(passed)) static_cast<loop_timer*>(due)->expired();
}

// -- posted calls

// The poster stores its call first and then checks asleep_. The loop sets asleep_ first and then checks posted_. With
// this order at least one side sees the other (sequential consistency). A posted call may end the loop before
// post_call() has returned. So the destructor of the loop waits until posting_ is 0.
inline void scheduler::post_call(posted_call& call) noexcept {
    posting_.fetch_add(1);
    posted_call* before = posted_.load(std::memory_order_relaxed);
    do call.next_ = before;
    while (!posted_.compare_exchange_weak(before, &call));
    if (asleep_.exchange(false)) wake_.request_stop();
    posting_.fetch_sub(1);
}
inline void scheduler::run_posted() noexcept {
    posted_call* latest = posted_.exchange(nullptr);
    posted_call* first = nullptr;  // the call that was posted first is made first
    while (latest) {
        posted_call* const next = std::exchange(latest->next_, first);
        first = std::exchange(latest, next);
    }
    while (first) {
        posted_call* const now = std::exchange(first, first->next_);
        try {
            now->call();
        } catch (...) {
            fails(std::current_exception());
        }
    }
}
inline void scheduler::forget_posted() noexcept {
    for (posted_call* call = posted_.exchange(nullptr); call;) std::exchange(call, call->next_)->forget();
}

}  // namespace detail
}  // namespace netnotes

#endif  // NETNOTES_CORO_SCHEDULER_HPP


namespace netnotes::detail {

class io_operation;

/// A descriptor of a loop: what is known of its state, and which operations wait for it.
class io_node {
  public:
    /// The operations that a completion back end does by itself on the descriptor.
    enum class kind : unsigned char {
        any,       ///< only wait: a datagram socket, a pipe, any other descriptor
        stream,    ///< receive
        listener,  ///< accept
    };
    /// The fate of the descriptor when the node is retired.
    enum class ends_with : bool { nothing, close };
    /// Registers the descriptor with the loop's back end. With ends_with::close the node closes the descriptor when it
    /// is retired. Throws std::system_error if the system refuses to wait for the descriptor; it is not closed then.
    /// With `hears_to_write`, the back end watches for writing from the beginning: for a socket that will connect.
    io_node(scheduler& loop, int descriptor, kind what = kind::any, ends_with end = ends_with::nothing,
            bool hears_to_write = false);
    io_node(const io_node&) = delete;
    io_node& operator=(const io_node&) = delete;
    static void* operator new(std::size_t size) { return frames.take(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { frames.give_back(memory, size); }

    /// Returns the loop. The node must not be closed.
    [[nodiscard]] scheduler& loop() const noexcept { return *loop_; }
    /// Returns the descriptor, or -1 if the node is `closed`.
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    /// Returns true if an operation waits to read, or has_writer(): to write.
    [[nodiscard]] bool has_reader() const noexcept { return waiting_[0] != nullptr; }
    [[nodiscard]] bool has_writer() const noexcept { return waiting_[1] != nullptr; }
    /// Notes that the reading operation must first send. It is then also resumed when the descriptor becomes writable.
    void let_reader_send(bool does) noexcept { reader_sends_ = does; }
    /// Returns true if the reading operation must first send.
    [[nodiscard]] bool reader_sends() const noexcept { return reader_sends_; }
    /// Limits each later wait to `timeout`: it then fails with ETIMEDOUT. `never` means no limit. Allocates memory.
    void set_timeout(duration timeout);
    /// Returns the limit of each wait, or `never`.
    [[nodiscard]] duration timeout() const noexcept { return limits_ ? limits_->time : never; }
    /// Makes room for keep(). Allocates memory.
    void make_room_to_keep() {
        set_up_limits();
        limits_->rare.reset(new rare_limits{*this});
    }
    /// Keeps a connection that a listener has taken, if nobody can have it yet. The listener's end closes it. Call
    /// make_room_to_keep() before; one connection has room.
    void keep(int connection) noexcept { limits_->rare->kept = connection; }
    /// Returns the connection of keep(), which then belongs to the caller, or -1.
    [[nodiscard]] int take_kept() noexcept {
        return limits_ && limits_->rare ? std::exchange(limits_->rare->kept, -1) : -1;
    }

    /// Stands for the descriptor of a closed socket, in every thread. An operation on it fails with EBADF.
    static io_node closed;
    /// Returns true for `closed` and for a retired node. An operation that was made before the end of its object may
    /// begin after it in the same turn, when the number already belongs to another descriptor. It then fails with EBADF.
    /// In a later turn the node does not exist any more, so no operation may begin then.
    [[nodiscard]] bool is_closed() const noexcept { return !loop_; }

    /// Retires a node, as the Release of an owner.
    struct retire {
        void operator()(io_node* node) const noexcept { node->leave(); }
    };

    // For back ends.

    /// Returns true if the socket was closed. The node still exists, because an event may refer to it.
    [[nodiscard]] bool is_retired() const noexcept { return is_retired_; }
    /// Remembers for the back end whether it has asked the system to report when the descriptor can be written to.
    void set_heard_to_write(bool is) noexcept { is_heard_to_write_ = is; }
    /// Returns what set_heard_to_write() has set.
    [[nodiscard]] bool is_heard_to_write() const noexcept { return is_heard_to_write_; }
    /// Lets waiting operations attempt again, if the descriptor is ready for them. Resumes their tasks inside this
    /// call.
    void awaken() noexcept;
    /// Is called by a back end whose remove() has returned false, when the kernel no longer uses the node. The loop
    /// deletes the node at the end of the turn.
    void release(scheduler& loop) noexcept {
        is_in_hand_ = false;
        discard(loop);
    }
    io_intake* intake = nullptr;  ///< set by a completion back end

    // For loops.

    /// Lets the operations attempt again that have left their turn to other tasks: see scheduler::look_again().
    static void run_pending(scheduler& loop) noexcept;
    /// Deletes all nodes of the list.
    static void destroy_list(io_node* list) noexcept {
        while (list) delete std::exchange(list, list->next_);
    }

    bool readable = false;     ///< there may be bytes to read. If false, an event will report the next bytes
    bool writable = true;      ///< the kernel may take bytes. If false, an event will report when it does
    bool read_to_end : 1 = false;    ///< a short receive does not prove that no more bytes are there: read until EAGAIN
    bool one_by_one : 1 = false;     ///< a listener: a back end must not accept before a task waits for it
    bool ends_by_reset : 1 = false;  ///< the descriptor is a connection with unsent bytes: close it with a reset

    /// Returns the kind that was passed to the constructor.
    [[nodiscard]] kind what() const noexcept { return kind_; }

  private:
    friend io_operation;
    friend scheduler;
    constexpr io_node() noexcept : kind_{kind::any}, closes_{false}, descriptor_{-1}, loop_{nullptr} {}
    constexpr ~io_node() = default;
    void leave() noexcept;
    void discard(scheduler& loop) noexcept;
    struct deadline final : loop_timer {
        explicit deadline(io_operation*& place) noexcept : waiting{place} {}
        inline void expired() noexcept override;
        io_operation*& waiting;
    };
    /// What few nodes need. Most connections never wait to write, so the deadline of writing is made when the first
    /// task does. A listener has it for its connection.
    struct rare_limits {
        explicit rare_limits(io_node& node) noexcept : writing{node.waiting_[1]} {}
        deadline writing;
        int kept = -1;  // see keep()
    };
    struct limits {
        explicit limits(io_node& node) noexcept : reading{node.waiting_[0]} {}
        duration time = never;
        deadline reading;
        owner<rare_limits> rare{};
    };
    void set_up_limits() {
        if (!limits_) limits_ = owner<limits>{new limits{*this}};
    }

    kind kind_ : 2;
    bool is_retired_ : 1 = false;
    bool is_pending_ : 1 = false;
    bool is_in_hand_ : 1 = false;
    bool reader_sends_ : 1 = false;
    bool is_heard_to_write_ : 1 = false;
    bool closes_ : 1;
    int descriptor_;
    scheduler* loop_;  // nullptr: see is_closed()
    std::array<io_operation*, 2> waiting_{};  // the operations that wait to read and to write
    io_node* next_ = nullptr;                 // in the loop's list of retired or of pending nodes
    owner<limits> limits_;
};

/// The base of awaiters that make a call on a descriptor and may have to wait for it. It lives in the coroutine's
/// frame. One operation at a time may wait in each direction of a node.
class io_operation : public loop_operation {
  public:
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin(*this, waiter);
    }
    /// For `reporting`: returns the error of a failed operation, if it is to be reported, and clears it. A refused wait,
    /// and a cancellation if it is not `also_cancelled`, stay for await_resume() to throw.
    std::error_code take_report(bool also_cancelled) noexcept {
        if (error_ <= 0 || (error_ == ECANCELED && !also_cancelled)) return {};
        return {std::exchange(error_, 0), std::system_category()};
    }

  protected:
    enum class direction : bool { read, write };
    io_operation(io_node& node, direction way) noexcept : node_{node}, direction_{way} {}
    [[gnu::always_inline]] ~io_operation() {
        if (is_waiting()) [[unlikely]]
            leave_place();
    }
    /// Makes the call, unless `node_` already knows that it would block. Returns true if the call is done or has failed
    /// (error_). Returns false if it would block; then node_.readable or node_.writable is false.
    virtual bool attempt() noexcept = 0;
    /// Repeats a receiving call until it is done, fails, or would block. Returns false if it would block. Call it only
    /// if node_.readable is true. A stream that returned fewer bytes than `asked` is empty, so the next receive will
    /// wait without a system call.
    template <class Call>
    bool receive(Call call, std::size_t& size, std::size_t asked) noexcept {
        do {
            const auto got = call();
            if (got >= 0) [[likely]] {
                size = static_cast<std::size_t>(got);
                if (size - 1 < asked - 1 && !node_.read_to_end) node_.readable = false;  // 0 < size < asked
                return true;
            }
            if (failed()) return true;
            if (detail::would_block(errno)) node_.readable = false;
        } while (node_.readable);
        return false;
    }
    /// Receives bytes of a stream and sets `size`, which is 0 at the end. Returns false if it would block.
    bool receive(mutable_buffer room, std::size_t& size) noexcept;
    /// Like receive(), but sets `bytes` to where the bytes lie: in the loop's buffer, or in memory of the back end.
    bool receive_lent(std::span<std::byte>& bytes) noexcept;
    /// Repeats a sending call until it is done, fails, or would block. Returns false if it would block. The call itself
    /// stores how many bytes it has sent.
    template <class Call>
    bool transmit(Call call) noexcept {
        while (node_.writable) {
            if (call() >= 0 || failed()) return true;
            if (detail::would_block(errno)) node_.writable = false;
        }
        return false;
    }

    /// For await_resume(): returns the error of a failed operation and clears it, so that the operation can be awaited
    /// again. Throws netnotes::cancelled if the task was cancelled, and std::logic_error if the wait was refused.
    [[gnu::noinline]] std::error_code take_failure() {
        const int error = std::exchange(error_, 0);
        if (error == ECANCELED) throw_cancelled();
        if (error < 0) throw_refusal(error);
        return {error, std::system_category()};
    }

    /// For await_suspend() if there is nothing to do. The task resumes one turn later. The operation fails if the node
    /// is closed or the task is cancelled.
    template <class Promise>
    bool leave_at_once(std::coroutine_handle<Promise> waiter) {
        fiber& whose = waiter.promise().chain();
        if (node_.is_closed()) error_ = EBADF;
        if (whose.is_cancelled()) error_ = ECANCELED;
        return leave_turn(waiter, whose);
    }

    /// For await_suspend(): attempts the call and returns true if the task has to wait. `Derived` is the class that
    /// defines attempt(). Most calls need not wait, so the compiler should inline all of it.
    template <class Derived, class Promise>
    [[gnu::always_inline]] static bool begin(Derived& operation, std::coroutine_handle<Promise> waiter) {
        io_operation& self = operation;
        fiber& whose = waiter.promise().chain();
        if (whose.is_cancelled()) [[unlikely]]
            return self.was_cancelled(waiter, whose);
        if (self.place() || &whose.loop() != self.node_.loop_) [[unlikely]]
            return self.refuse(waiter, whose);
        // Before the call: received bytes may lie in the lent buffer, so the task must be able to use them at once.
        if (!whose.loop().take_step()) [[unlikely]]
            return self.leave_step(waiter, whose);
        if (operation.attempt()) [[likely]]
            return false;
        // Not `whose`: to keep it during attempt() would slow down the calls that need not wait.
        self.put_aside(waiter, waiter.promise().chain());
        return true;
    }
    /// Fast path of await_suspend() for an operation that only receives. If the node is known to be empty and the back
    /// end need not be told, it suspends without a receive and returns true. Most receives end here, because the
    /// receive before took all bytes. Returns false if the caller must use begin().
    template <class Promise>
    [[gnu::always_inline]] bool begin_wait(std::coroutine_handle<Promise> waiter) {
        fiber& whose = waiter.promise().chain();
        if (node_.readable || node_.intake || whose.is_cancelled() || place() || &whose.loop() != node_.loop_)
            return false;
        waits(waiter, whose);
        place() = this;
        if (node_.limits_) arm_deadline();
        return true;
    }

    /// Ends the wait with this value of errno. The task resumes at the next turn.
    void give_up(int error) noexcept {
        leave_place();
        error_ = error;
        go_on();
    }

    io_node& node_;
    int error_ = 0;  // a value of errno, or of `refusal`; 0 means success
    direction direction_;

  private:
    friend io_node;
    /// Makes the operation fail. A task that retries it for ever still leaves its turn to other tasks now and then.
    bool refuse(std::coroutine_handle<> waiter, fiber& whose) noexcept;
    [[noreturn]] static void throw_refusal(int why);
    enum refusal : int { other_loop = -1, two_tasks = -2 };  // values of error_ that are not values of errno
    [[gnu::noinline]] bool failed() noexcept {
        if (errno == EINTR || detail::would_block(errno)) return false;
        error_ = errno;
        return true;
    }
    io_operation*& place() const noexcept { return node_.waiting_[static_cast<std::size_t>(direction_)]; }
    void cancel_deadline() noexcept {
        if (!node_.limits_) return;
        if (direction_ == direction::read)
            node_.limits_->reading.cancel();
        else if (node_.limits_->rare)
            node_.limits_->rare->writing.cancel();
    }
    [[gnu::noinline]] void leave_place() noexcept {
        place() = nullptr;
        cancel_deadline();
    }
    [[gnu::noinline]] void put_aside(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        waits(waiter, whose);
        place() = this;
        tell_back_end();
        if (node_.limits_) arm_deadline();
    }
    [[gnu::noinline]] bool leave_step(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        put_aside(waiter, whose);
        whose.loop().look_again(node_);
        return true;
    }
    [[gnu::noinline]] bool was_cancelled(std::coroutine_handle<> waiter, fiber& whose) noexcept {
        error_ = ECANCELED;
        return hear_at_once(waiter, whose);
    }
    void arm_deadline() noexcept;
    /// Tells the back end of the wait, if the back end does not watch for this event already.
    void tell_back_end() noexcept {
        const bool to_write = direction_ == direction::write || node_.reader_sends();
        if (node_.intake || (to_write && !node_.is_heard_to_write_)) node_.loop().back_end().needs(node_, to_write);
    }
    void cancelled() noexcept override { give_up(ECANCELED); }
    /// Attempts again, and resumes the task if the call is done. The caller has cleared place() before.
    void try_again() noexcept {
        if (attempt()) {
            cancel_deadline();
            return go_on_now();
        }
        place() = this;
        tell_back_end();
    }
};

/// The base of `class my_call final : public io_awaiter<my_call>` with a public attempt(). The compiler knows which
/// attempt() it is and can inline it.
template <class Derived, class Base = io_operation>
class io_awaiter : public Base {
  public:
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return io_operation::begin(static_cast<Derived&>(*this), waiter);
    }

  protected:
    using Base::Base;
    [[gnu::always_inline]] ~io_awaiter() = default;
};
/// Like io_awaiter, for an operation that only receives. It tries the fast path begin_wait() first.
template <class Derived, class Base = io_operation>
class io_receiver : public io_awaiter<Derived, Base> {
  public:
    template <class Promise>
    [[gnu::always_inline]] bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return this->begin_wait(waiter) || begin_after_all(waiter);
    }

  protected:
    using io_awaiter<Derived, Base>::io_awaiter;
    [[gnu::always_inline]] ~io_receiver() = default;

  private:
    template <class Promise>
    [[gnu::noinline]] bool begin_after_all(std::coroutine_handle<Promise> waiter) {
        return io_operation::begin(static_cast<Derived&>(*this), waiter);
    }
};

/// Awaits an operation, but reports an error instead of throwing it. It then returns an empty value. If the operation
/// has so_far(), it returns that, the number of bytes or datagrams that are done, and reports a cancellation, too.
template <class Operation>
class [[nodiscard]] reporting final {
    static constexpr bool has_count = requires(Operation& what) { what.so_far(); };

  public:
    template <class... Arguments>
    explicit reporting(std::error_code& error, Arguments&&... arguments)
        : operation_{std::forward<Arguments>(arguments)...}, error_{error} {}
    reporting(const reporting&) = delete;
    reporting& operator=(const reporting&) = delete;
    [[gnu::always_inline]] ~reporting() = default;
    using write_co_await = write_co_await_before_the_call;
    template <class Value, class Advice = write_co_await_before_the_call>
    requires std::is_arithmetic_v<Value>
    operator Value() const = delete;
    /// Returns where the error is reported, for with_timeout().
    [[nodiscard]] std::error_code* report() const noexcept { return &error_; }
    bool await_ready() { return operation_.await_ready(); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return operation_.await_suspend(waiter);
    }
    auto await_resume() {
        error_ = operation_.take_report(has_count);
        if constexpr (has_count) {
            const std::size_t count = operation_.so_far();
            if (error_) return count;
            operation_.await_resume();
            return count;
        } else {
            using value = decltype(operation_.await_resume());
            if (error_) return value();
            return operation_.await_resume();
        }
    }

  private:
    Operation operation_;
    std::error_code& error_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline constinit io_node io_node::closed{};
inline io_node::io_node(scheduler& loop, int descriptor, kind what, ends_with end, bool hears_to_write)
    : kind_{what},
      is_heard_to_write_{hears_to_write},
      closes_{end == ends_with::close},
      descriptor_{descriptor},
      loop_{&loop} {
    loop.back_end().add(*this);
}
inline void io_node::leave() noexcept {
    is_retired_ = true;
    is_in_hand_ = !loop_->back_end().remove(*this);
    scheduler& loop = *std::exchange(loop_, nullptr);
    // A task that still waits would wait for ever, for an object that no longer exists.
    for (io_operation* const each : waiting_)
        if (each) each->give_up(EBADF);
    if (const int connection = take_kept(); connection >= 0) ::close(connection);
    const int own = closes_ ? descriptor_ : -1;
    const bool resets = ends_by_reset;
    discard(loop);
    if (own < 0) return;
    constexpr ::linger at_once{1, 0};
    if (resets) [[unlikely]]
        ::setsockopt(own, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(own);
}
inline void io_node::discard(scheduler& loop) noexcept {
    if (!is_pending_ && !is_in_hand_) next_ = std::exchange(loop.retired_, this);
}
inline void io_node::set_timeout(duration timeout) {
    if (timeout == never && !limits_) return;
    set_up_limits();
    limits_->time = timeout;
}
inline void io_node::deadline::expired() noexcept {
    if (waiting) waiting->give_up(ETIMEDOUT);
}
inline void io_node::awaken() noexcept {
    if (waiting_[0] && (readable || (writable && reader_sends_))) std::exchange(waiting_[0], nullptr)->try_again();
    if (waiting_[1] && writable && !is_retired_) std::exchange(waiting_[1], nullptr)->try_again();
}
inline void scheduler::look_again(io_node& node) noexcept {
    if (node.is_pending_) return;
    node.is_pending_ = true;
    node.next_ = std::exchange(pending_, &node);
}
inline void io_node::run_pending(scheduler& loop) noexcept {
    io_node* list = std::exchange(loop.pending_, nullptr);
    while (list) {
        io_node& node = *std::exchange(list, list->next_);
        node.is_pending_ = false;
        if (node.is_retired_)
            node.discard(loop);
        else {  // even if the descriptor is not ready: the bytes may lie in a buffer above it
            if (node.waiting_[0]) std::exchange(node.waiting_[0], nullptr)->try_again();
            if (node.waiting_[1] && !node.is_retired_) std::exchange(node.waiting_[1], nullptr)->try_again();
        }
    }
}

[[gnu::noinline]] inline bool io_operation::refuse(std::coroutine_handle<> waiter, fiber& whose) noexcept {
    error_ = node_.is_closed() ? EBADF : &whose.loop() != node_.loop_ ? other_loop : two_tasks;
    return hear_at_once(waiter, whose);
}
inline void io_operation::throw_refusal(int why) {
    if (why == other_loop) throw std::logic_error{"this descriptor belongs to another event loop"};
    throw std::logic_error{"two tasks wait for one descriptor in one direction: let only one receive, and one send"};
}
[[gnu::noinline]] inline void io_operation::arm_deadline() noexcept {
    io_node::limits& limits = *node_.limits_;
    if (limits.time == never) return;
    if (direction_ == direction::write && !limits.rare) {
        limits.rare.reset(new (std::nothrow) io_node::rare_limits{node_});
        if (!limits.rare) return give_up(ENOMEM);
    }
    node_.loop().arm(direction_ == direction::read ? limits.reading : limits.rare->writing,
                    later(node_.loop().now(), detail::max(limits.time, duration::zero())));
}

inline bool io_operation::receive(mutable_buffer room, std::size_t& size) noexcept {
    if (!node_.readable) return false;
    if (node_.intake) [[unlikely]]
        return node_.intake->receive(room, size, error_);
    return receive([&] { return ::recv(node_.descriptor(), room.data(), room.size(), 0); }, size, room.size());
}
inline bool io_operation::receive_lent(std::span<std::byte>& bytes) noexcept {
    if (!node_.readable) [[unlikely]]
        return false;
    if (node_.intake) [[unlikely]]
        return node_.intake->lend(bytes, error_);
    const auto room = [this] { return node_.loop().lent_buffer(); };
    std::size_t size = 0;
    if (!receive([&] { return ::recv(node_.descriptor(), room().data(), room().size(), 0); }, size, room().size()))
        return false;
    bytes = room().first(size);
    return true;
}

}  // namespace netnotes::detail

#endif  // NETNOTES_CORO_IO_OPERATION_HPP


namespace netnotes::detail {

/// Waits with epoll, edge-triggered. Each descriptor is registered once, for reading. It is registered for writing only
/// when an operation has to wait to write. Most write events are useless, because no task waits to write. They would
/// wake the loop for each new connection, after each send of a datagram, and after each read at the other end of a
/// pipe.
///
/// Therefore the back end stops watching for writing when no operation waits any more. Only streams and listeners stay
/// registered, because TCP reports nothing until a write has found the buffer full again.
class epoll_back_end final : public io_back_end {
  public:
    void add(io_node& node) override { poller_.add(node.descriptor(), wanted(node), token(node), trigger::edge); }
    bool remove(io_node& node) noexcept override {
        poller_.remove(node.descriptor());
        return true;
    }
    void needs(io_node& node, bool to_write) noexcept override {
        if (!to_write || node.writable || node.is_heard_to_write() || hear_to_write(node, true)) return;
        // epoll has refused, so no event will come. Look now, and let the operation try again at the next turn.
        pollfd now{node.descriptor(), POLLOUT, 0};
        const timespec at_once{};
        node.writable = ::ppoll(&now, 1, &at_once, nullptr) != 0;
        node.loop().look_again(node);
    }
    void watch(int descriptor, bool is_stop) override {
        poller_.add(descriptor, interest::read, is_stop ? stop_token : wake_token, trigger::edge);
    }
    void unwatch(int descriptor) noexcept override { poller_.remove(descriptor); }
    inline bool wait(duration timeout) override;

  private:
    static std::uint64_t token(const io_node& node) noexcept { return reinterpret_cast<std::uintptr_t>(&node); }
    static interest wanted(const io_node& node) noexcept {
        constexpr interest always = interest::read | interest::peer_done | interest::urgent;
        return node.is_heard_to_write() ? always | interest::write : always;
    }
    /// Starts or stops to watch for writing. Returns false if the system refuses. If the descriptor is already
    /// writable, the next wait reports it.
    bool hear_to_write(io_node& node, bool does) noexcept;

    static constexpr std::uint64_t wake_token = 0;  // no node has the address 0 or 1
    static constexpr std::uint64_t stop_token = 1;
    epoll_poller poller_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

[[gnu::noinline]] inline bool epoll_back_end::hear_to_write(io_node& node, bool does) noexcept {
    const bool did = node.is_heard_to_write();
    node.set_heard_to_write(does);
    try {
        poller_.modify(node.descriptor(), wanted(node), token(node), trigger::edge);
    } catch (const std::exception&) {
        node.set_heard_to_write(did);
        return false;
    }
    return true;
}

// An edge-triggered event is reported only once, so the node stores it (readable, writable).
inline bool epoll_back_end::wait(duration timeout) {
    const std::span<const event> events = poller_.wait(timeout);
    for (const event& happened : events) {
        if (happened.token <= stop_token) [[unlikely]] {
            if (happened.token == stop_token) saw_stop_ = true;
            continue;
        }
        auto& node = *reinterpret_cast<io_node*>(happened.token);
        if (node.is_retired()) continue;  // closed by an earlier event of this batch
        constexpr interest over = interest::hang_up | interest::error;
        if (any_of(happened.ready, interest::read | interest::peer_done | interest::urgent | over)) {
            node.readable = true;
            // The end of a stream may arrive in the same event as its last bytes. A datagram socket has no end.
            if (node.what() != io_node::kind::any && any_of(happened.ready, interest::peer_done | interest::urgent | over))
                node.read_to_end = true;
        }
        if (any_of(happened.ready, interest::write | over)) node.writable = true;
        node.awaken();
        if (node.what() == io_node::kind::any && node.is_heard_to_write() && !node.has_writer() && !node.is_retired())
            hear_to_write(node, false);
    }
    return !events.empty();
}

}  // namespace netnotes::detail

namespace netnotes::io_backend {
/// Returns a back end that waits with epoll(7), for loop_options::backend. It is a readiness interface: a wait reports
/// that bytes have arrived, and a second system call receives them. Throws std::system_error if the kernel refuses a
/// descriptor.
[[nodiscard]] inline detail::owner<detail::io_back_end> epoll(detail::scheduler&, std::error_code&) {
    return detail::owner<detail::io_back_end>{new detail::epoll_back_end};
}
}  // namespace netnotes::io_backend

#endif  // NETNOTES_CORO_IO_EPOLL_HPP

// netnotes/coro/join.hpp: the end of a task that was spawned
// SPDX-License-Identifier: MIT
//
// spawn() begins a task and returns a handle. The handle is how another task waits for the end of that task, gets its
// result, or cancels it:
//
//     task<> both() {
//         auto first = spawn(sum(1, 1'000));          // begins when both() waits
//         auto second = spawn(sum(1'000, 2'000));
//         const int one = co_await first.join();      // waits for its end; returns its result or throws its exception
//         const int two = co_await second.join();
//         std::cout << one + two << '\n';
//     }
//
//        spawn ──┬── the caller continues ──── join() waits ─────> result
//                └── the task ──────────────── ends ─────┘
//
// A program need not join a task. If it does not, an exception in the task ends the run. coro/group.hpp has tasks that
// cannot outlive a scope.
//
// On this page:  join_handle

#ifndef NETNOTES_CORO_JOIN_HPP
#define NETNOTES_CORO_JOIN_HPP

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>




namespace netnotes {

class event_loop;
namespace detail {
template <class T>
class spawned_task;
}  // namespace detail

template <class T = void>
class join_handle;

/// Refers to a spawned task, for the caller that wants its result. It can be moved, not copied. Use it in the loop's
/// thread. It may outlive the task and the loop.
///
/// Dropping the handle does not end the task. The result is then lost. If the task throws, event_loop::run() ends and
/// throws that exception.
template <class T>
class join_handle {
  public:
    /// Makes an empty handle.
    join_handle() noexcept = default;
    /// Takes the task of `other`, which is empty afterwards.
    join_handle(join_handle&& other) noexcept : task_{std::exchange(other.task_, nullptr)} {}
    /// Drops the own task and takes that of `other`, which is empty afterwards.
    join_handle& operator=(join_handle&& other) noexcept {
        join_handle{std::move(other)}.swap(*this);
        return *this;
    }
    /// Drops the handle. The task runs on.
    ~join_handle();
    /// A mistake: the message says what to write.
    template <class Result = T>
    std::suspend_never operator co_await() const {
        static_assert(!std::is_same_v<Result, T>, "a handle of a spawned task: write co_await handle.join()");
        return {};
    }
    /// Exchanges the two handles.
    void swap(join_handle& other) noexcept { std::swap(task_, other.task_); }

    /// `co_await handle.join()` suspends until the task has ended. Returns its result or throws its exception, once.
    ///
    /// If the task was cancelled, join() throws std::system_error with errc::operation_canceled. If the waiting task
    /// itself is cancelled, join() throws netnotes::cancelled; the joined task runs on, and another join() can take its
    /// result. Throws std::logic_error if the handle is empty or the result was taken already. It throws the same if
    /// another task waits in join(), or if the task belongs to another loop.
    [[nodiscard]] auto join();
    /// Cancels the task: its present wait and every later wait throw netnotes::cancelled. Does not suspend. Has no
    /// effect if the task has ended or the handle is empty.
    void cancel() noexcept;
    /// Returns true if the task has ended; false if it has not, or if the handle is empty.
    [[nodiscard]] bool has_ended() const noexcept;

  private:
    friend event_loop;
    explicit join_handle(detail::spawned_task<T>& task) noexcept : task_{&task} {}

    detail::spawned_task<T>* task_ = nullptr;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

inline bool is_cancellation(const std::exception_ptr& exception) noexcept {
    try {
        std::rethrow_exception(exception);
    } catch (const cancelled&) {
        return true;
    } catch (...) {
        return false;
    }
}
/// Rethrows an exception of a task to a caller that was not cancelled. So netnotes::cancelled becomes std::system_error
/// with errc::operation_canceled, whose text begins with `what`.
[[noreturn]] inline void rethrow_outside(const std::exception_ptr& exception, const char* what) {
    try {
        std::rethrow_exception(exception);
    } catch (const cancelled&) {
        detail::throw_error(std::make_error_code(std::errc::operation_canceled), what);
    }
}

// ---- spawned tasks

class spawned : public fiber {
  public:
    static void* operator new(std::size_t size) { return frames.take(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { frames.give_back(memory, size); }

    [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
    void drop_handle() noexcept {
        has_handle_ = false;
        release();
    }

  protected:
    friend event_loop;
    template <class T>
    friend class join_share;
    template <class T>
    friend class joining;
    spawned(scheduler& loop, const char* name) noexcept
        : fiber{loop, name}, next_spawned_{loop.spawned_}, previous_spawned_{&loop.spawned_} {
        if (next_spawned_) next_spawned_->previous_spawned_ = &next_spawned_;
        loop.spawned_ = this;
        ++loop.size_;
    }
    virtual ~spawned() {
        if (!has_ended_) --loop().size_;  // the task was empty, and the derived class threw
        if (has_loop_) leave();
    }
    [[nodiscard]] virtual std::exception_ptr exception() const noexcept = 0;
    bool postpone() noexcept override {
        loop().make_ready(*this);
        return true;
    }
    /// Destroys the coroutine where it waits.
    virtual void break_off() noexcept = 0;
    void finish() noexcept {
        --loop().size_;
        has_ended_ = true;
        if (loop().main_ == this) loop().main_has_ended_ = true;
        if (joiner_) std::exchange(joiner_, nullptr)->comes_round();
        release();
    }

  private:
    void leave() noexcept {
        has_loop_ = false;
        *previous_spawned_ = next_spawned_;
        if (next_spawned_) next_spawned_->previous_spawned_ = previous_spawned_;
    }
    /// Ends the task because its loop is being destroyed. Deletes this object unless a handle refers to it.
    void lose_loop() noexcept {
        leave();
        if (!has_ended_) {
            break_off();
            joiner_ = nullptr;
            --loop().size_;
            has_ended_ = true;
        }
        release();
    }
    void release() noexcept {
        if (has_ended_ && !has_handle_ && joins_ == 0) abandon();
    }
    /// Deletes this object, because no handle and no join() refers to it. If its exception was not taken, the run fails
    /// with it. A cancelled task that ended by netnotes::cancelled is not a failure.
    void abandon() noexcept {
        if (!was_taken_ && has_loop_)
            if (const std::exception_ptr lost = exception(); lost && !(is_cancelled() && is_cancellation(lost)))
                loop().fails(lost);
        delete this;
    }

    // A server may have one such object for each connection. So these members come first, in the padding of the base.
    bool has_handle_ : 1 = true;
    bool has_ended_ : 1 = false;
    bool has_loop_ : 1 = true;

  protected:
    bool was_taken_ : 1 = false;  // true after the result or the exception was taken

  private:
    // Awaiters that refer to this object: a waiting awaiter, and cancelled awaiters that are not resumed yet.
    std::uint32_t joins_ = 0;
    spawned* next_spawned_;
    spawned** previous_spawned_;
    loop_operation* joiner_ = nullptr;
};

template <class T>
class spawned_task final : public spawned {
  public:
    spawned_task(scheduler& loop, task<T>&& what, const char* name)
        : spawned{loop, name}, task_{task_access::release(what)} {
        if (!task_) throw_empty_task();
        goes_on_at(task_);
        task_.promise().belongs_to(*this);
    }
    T take() {
        if (was_taken_) throw std::logic_error{"join: the result of this task was taken already"};
        was_taken_ = true;
        return outcome_.take();
    }
    /// Does the same as take(), but changes the exception as rethrow_outside() does.
    T take_outside(const char* what) {
        if (!was_taken_ && outcome_.exception()) {
            was_taken_ = true;
            rethrow_outside(outcome_.exception(), what);
        }
        return take();
    }

  private:
    ~spawned_task() override {
        if (has_ended()) outcome_.~result();
    }
    [[nodiscard]] std::exception_ptr exception() const noexcept override { return outcome_.exception(); }
    void break_off() noexcept override {
        task_.destroy();
        leave_awaiter();
        new (&outcome_) result<T>;
        try {
            outcome_.set_exception(std::make_exception_ptr(cancelled{}));
        } catch (...) {  // no memory for the exception
            outcome_.set_exception(std::current_exception());
        }
    }
    void ended() noexcept override {
        const auto task = task_;
        new (&outcome_) result<T>;
        try {
            outcome_.take_over(task.promise().outcome);
        } catch (...) {
            outcome_.set_exception(std::current_exception());
        }
        task.destroy();  // now, and not with the handle, because its parameters may own connections
        finish();
    }

    union {
        std::coroutine_handle<task_promise<T>> task_;  // until the task has ended
        result<T> outcome_;                            // after that
    };
};

/// Keeps a spawned task alive for an awaiter, because the handle may be dropped before the awaiter has the result.
template <class T>
class join_share {
  public:
    explicit join_share(spawned_task<T>* task) : task_{task} {
        if (task_) ++task_->joins_;
    }
    join_share(join_share&& other) noexcept : task_{std::exchange(other.task_, nullptr)} {}
    join_share& operator=(join_share&&) = delete;
    ~join_share() {
        if (!task_) return;
        --task_->joins_;
        task_->release();
    }
    [[nodiscard]] spawned_task<T>* get() const noexcept { return task_; }

  private:
    spawned_task<T>* task_;
};

template <class T>
class joining : public loop_operation {
  public:
    explicit joining(join_share<T>&& share) noexcept : share_{std::move(share)}, task_{share_.get()} {}
    ~joining() {
        if (task_ && task_->joiner_ == this) task_->joiner_ = nullptr;
    }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        fiber& whose = waiter.promise().chain();
        whose_ = &whose;
        was_cancelled_ = whose.is_cancelled() && (!task_ || whose.is_withdrawn() || !task_->has_ended());
        if (was_cancelled_ || (refusal_ = why_not(whose))) return hear_at_once(waiter, whose);
        if (task_->has_ended()) {
            if (whose.loop().take_step()) return false;
            waits(waiter, whose);
            comes_round();
            return true;
        }
        waits(waiter, whose);
        task_->joiner_ = this;
        return true;
    }
    T await_resume() {
        if (is_waiting()) decided();
        if (was_cancelled_) throw_cancelled();
        if (refusal_) throw std::logic_error{refusal_};
        if (whose_->is_cancelled()) return task_->take();
        return task_->take_outside("join");
    }

  private:
    /// Returns why this task may not wait for the other task; nullptr if it may.
    [[nodiscard]] const char* why_not(const fiber& whose) const noexcept {
        if (!task_) return "join: empty handle: default-constructed or moved from";
        if (task_->has_ended()) return nullptr;
        if (task_->joiner_) return "join: another task already waits for this task";
        return &whose.loop() != &task_->loop() ? "join: this task belongs to another event loop" : nullptr;
    }
    /// Gives up the wait. If the joined task has ended and the waiting task is to be resumed, the wait succeeds all the
    /// same. But if the result would be dropped (fiber::withdraw()), it stays with the joined task.
    void cancelled() noexcept override {
        const bool has_ended = task_->joiner_ != this;
        if (has_ended && !chain().is_withdrawn()) return;
        was_cancelled_ = true;
        if (has_ended) return decided();
        task_->joiner_ = nullptr;
        go_on();
    }

    join_share<T> share_;
    spawned_task<T>* task_;
    const fiber* whose_ = nullptr;
    const char* refusal_ = nullptr;
    bool was_cancelled_ = false;
};

}  // namespace detail

template <class T>
join_handle<T>::~join_handle() {
    if (task_) task_->drop_handle();
}
template <class T>
auto join_handle<T>::join() {
    return detail::awaited_once<detail::joining<T>, detail::join_share<T>>{detail::join_share<T>{task_}};
}
template <class T>
void join_handle<T>::cancel() noexcept {
    if (task_ && !task_->has_ended()) task_->cancel();
}
template <class T>
bool join_handle<T>::has_ended() const noexcept {
    return task_ && task_->has_ended();
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_JOIN_HPP


// netnotes/coro/sleep.hpp: a pause, and a turn for the other tasks
// SPDX-License-Identifier: MIT
//
// One thread runs all tasks of a loop. So a task that computes for long, or calls sleep(3), stops all of them. These
// two waits let the other tasks run:
//
//     co_await sleep_for(100ms);      // this task is resumed after 100 ms on the loop's clock
//     co_await yield();               // each task that is ready gets a turn, then this task is resumed
//
//        this task   ──── yield() ·················· ──── sleep_for(100ms) ··············· ────
//        other tasks              ─────────────────                        ───── … ───────
//
// Example 24 uses virtual time, where the clock jumps to the next timer. So a demonstration of an hour takes no time.
//
// On this page:  yield · sleep_for, sleep_until

#ifndef NETNOTES_CORO_SLEEP_HPP
#define NETNOTES_CORO_SLEEP_HPP

#include <coroutine>




namespace netnotes {

namespace detail {
class yielding;
class sleeping;
}  // namespace detail

/// `co_await yield()` suspends for one turn, so that every other task that is ready runs first. A long computation
/// should call it now and then. Throws netnotes::cancelled.
[[nodiscard]] detail::yielding yield() noexcept;
/// `co_await sleep_for(time)` suspends for `time` on the loop's clock: never shorter, and up to two milliseconds longer
/// if the loop is idle. Zero and less suspends for one turn. `never` sleeps until the task is cancelled. Throws
/// netnotes::cancelled.
[[nodiscard]] detail::sleeping sleep_for(wait_time time) noexcept;
/// `co_await sleep_until(when)` suspends until this point in time on the loop's clock. Otherwise it is like
/// sleep_for().
[[nodiscard]] detail::sleeping sleep_until(time_point when) noexcept;

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

class yielding {  // not an operation: its chain is in the ready queue at once, so there is no wait to cancel
  public:
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> waiter) noexcept {
        chain_ = &waiter.promise().chain();
        chain_->goes_on_at(waiter);
        chain_->loop().make_ready(*chain_);
    }
    void await_resume() const {
        if (chain_->is_cancelled()) throw_cancelled();
    }

  private:
    fiber* chain_ = nullptr;
};

class sleeping final : public loop_operation, private loop_timer {
  public:
    /// Sleeps for `time`, or until `when` if `time` is never. The loop's clock is known only when the wait begins.
    sleeping(duration time, time_point when) noexcept : time_{time}, when_{when} {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) noexcept {
        fiber& whose = waiter.promise().chain();
        if ((was_cancelled_ = whose.is_cancelled())) return hear_at_once(waiter, whose);
        has_expired_ = false;
        waits(waiter, whose);
        scheduler& loop = whose.loop();
        loop.arm(*this, time_ == never ? when_ : later(loop.now(), time_));
        return true;
    }
    void await_resume() {
        // If the timer expires in the turn in which the task of run() ends, cancelling the sleep comes too late. But
        // the objects that this task uses may be destroyed by then, so it is cancelled here.
        if (was_cancelled_ || (has_expired_ && chain().is_cancelled() && chain().loop().main_has_ended())) throw_cancelled();
    }

  private:
    /// Makes the task ready. It does not resume the task inside this call, because the task may sleep again until a
    /// time that is past. Then its timer would expire again, without end.
    void expired() noexcept override {
        has_expired_ = true;
        go_on();
    }
    void cancelled() noexcept override {
        was_cancelled_ = true;
        cancel();
        go_on();
    }

    duration time_;
    time_point when_;
    bool was_cancelled_ = false;
    bool has_expired_ = false;
};

}  // namespace detail

inline detail::yielding yield() noexcept { return {}; }
inline detail::sleeping sleep_for(wait_time time) noexcept { return {time, time_point::max()}; }
inline detail::sleeping sleep_until(time_point when) noexcept { return {never, when}; }

}  // namespace netnotes

#endif  // NETNOTES_CORO_SLEEP_HPP



namespace netnotes {

/// Says how an event_loop waits, and whether it watches its tasks.
struct loop_options {
    /// If nothing is ready, the loop polls for this long before it sleeps. This costs a processor and lowers the
    /// latency.
    duration busy_poll = duration::zero();
    /// The watchdog: the loop calls `slow` if a task has kept the thread for longer than this. `never` costs nothing.
    duration slow_after = never;
    void (*slow)(const char* name, duration took) = nullptr;  ///< `name` is the name given to spawn(), or ""
    /// For tests: the clock stands still while any task can run. If all tasks wait, it jumps to the first timer.
    bool virtual_time = false;
    /// How the loop waits for descriptors: io_backend::epoll, or io_backend::io_uring (include coro/io/io_uring.hpp).
    /// If the kernel refuses the chosen back end, the loop uses this default; event_loop::backend() returns the back
    /// end in use. nullptr means the default.
    io_backend_factory backend = io_backend::epoll;
};

/// Runs tasks in the thread that calls run(). Other threads may only call post().
///
/// After fork(2) the loop belongs to the parent. The child shares the poller, and must not use or destroy its copy of
/// the loop. It may run a loop of its own if the forking thread was not inside run(). Inside a task, fork only if the
/// child calls exec(3) at once.
class event_loop : public detail::scheduler {
  public:
    /// Makes a loop that does not run yet. Throws std::system_error if the system refuses a descriptor.
    explicit event_loop(const loop_options& options = {});
    /// Destroys the tasks that have not ended, and the posted functions that have not been called. Sockets and other
    /// descriptors that use the loop must be destroyed before; handles may outlive it.
    ~event_loop();

    /// Runs the task, and the spawned tasks beside it, until the task has ended. Then it cancels the other tasks and
    /// waits until they have ended. Blocks the thread. Returns the task's result or throws its exception.
    ///
    /// If the task ends by netnotes::cancelled, run() throws std::system_error with errc::operation_canceled. If a
    /// spawned task fails and its exception cannot be taken by join() any more, run() throws that exception instead.
    ///
    /// Throws std::logic_error, before the task begins, if the task is empty or a loop already runs in this thread. It
    /// throws the same if this loop runs in another thread, or if the back end ties the loop to another thread. If the
    /// kernel refuses to wait, all tasks are destroyed where they wait, and run() throws std::system_error.
    template <class T>
    T run(task<T>&& main);
    /// Does the same as run(main), but a stop request cancels all tasks, `main` too. Returns true if `main` returned,
    /// and false if it ended by netnotes::cancelled. `stop` must outlive the call.
    bool run(task<>&& main, const stop_event& stop);
    /// Calls `main()`, which returns a task, and runs that task. The function lives as long as its task.
    template <task_function Function>
    decltype(auto) run(Function main) {
        return run(detail::call_in_frame(std::move(main)));
    }
    template <task_function Function>
    bool run(Function main, const stop_event& stop) {
        return run(detail::call_in_frame(std::move(main)), stop);
    }

    /// Runs what with_timeout(), when_all() and the like return: `loop.run(with_timeout(10s, get(url)))`.
    template <class Awaiter, class... Parts>
    decltype(auto) run(detail::awaited_once<Awaiter, Parts...>&& main) {
        return run(detail::await_in_frame(std::move(main)));
    }
    template <class Awaiter, class... Parts>
    bool run(detail::awaited_once<Awaiter, Parts...>&& main, const stop_event& stop) {
        return run(detail::await_in_frame(std::move(main)), stop);
    }

    /// A mistake: the message says what to write.
    template <class T, class... Stop>
    auto run(const task<T>&, const Stop&...) {
        static_assert(std::is_same_v<T, task<T>>, "a task runs once: write run(std::move(it)) for a task with a name");
    }

    template <class Function, class... Stop>
    requires(std::is_invocable_v<Function&> && !task_function<Function>) auto run(Function, const Stop&...) {
        static_assert(task_function<Function>,
                      "the function must return a task: write []() -> task<> { ...; co_return; }");
    }

    /// Adds a task, which begins at the next turn and runs concurrently with the others. Returns a handle to wait for
    /// it. Call in the loop's thread, inside or outside of run(). The watchdog reports `name`, which is not copied.
    /// Throws std::logic_error if the task is empty.
    template <class T>
    join_handle<T> spawn(task<T>&& what, const char* name = "");
    /// A mistake: the message says what to write.
    template <class T>
    auto spawn(const task<T>&, const char* = "") {
        static_assert(std::is_same_v<T, task<T>>,
                      "a task runs once: write spawn(std::move(it)) for a task with a name");
    }
    /// Adds the task that `what()` returns. The function is called at the next turn and lives as long as its task.
    template <task_function Function>
    auto spawn(Function what, const char* name = "") {
        return spawn(detail::call_in_frame(std::move(what)), name);
    }

    /// Makes the loop call `what()` in its thread, soon, and returns at once. Any thread may call it while the loop
    /// exists. Do not call it in a signal handler, because it allocates; use remote_event there. If `what()` throws,
    /// the run ends and run() throws that exception.
    template <class Function>
    void post(Function what);

    /// Returns the number of tasks that have not ended, with the task of run().
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Returns the back end in use: the chosen one, or the default of loop_options if the kernel has refused it.
    [[nodiscard]] io_backend_factory backend() const noexcept { return options_.backend; }
    /// Returns why the kernel has refused the chosen back end; no error if it has not.
    [[nodiscard]] std::error_code refusal() const noexcept { return refusal_; }

    /// Returns the loop that runs in this thread. Throws std::logic_error outside of run().
    [[nodiscard]] static event_loop& current();

  private:
    static constexpr int turns_without_poll = 64;  // a wait costs as much as a hundred switches

    class running;
    void run_until(detail::spawned& main);
    template <class Done>
    void turn_until(Done done);
    void poll();
    void cancel_all() noexcept;
    void break_off_all() noexcept;

    loop_options options_;
    int turns_ = 0;
    bool is_ending_ = false;  // a task that is spawned now begins as cancelled
    std::atomic<bool> is_running_{false};
    std::error_code refusal_;
    static inline constinit thread_local event_loop* current_ = nullptr;
};

/// Calls event_loop::current().spawn(): adds a task, or the task that a function returns, to the loop that runs in this
/// thread. Throws std::logic_error
/// outside of run(), or if the task is empty.
template <class T>
join_handle<T> spawn(task<T>&& what, const char* name = "");
template <task_function Function>
auto spawn(Function what, const char* name = "");
/// Mistakes: the message says what to write.
template <class T>
auto spawn(const task<T>&, const char* = "") {
    static_assert(std::is_same_v<T, task<T>>, "a task runs once: write spawn(std::move(it)) for a task with a name");
}
template <class Function>
requires(std::is_invocable_v<Function&> && !task_function<Function>) auto spawn(Function, const char* = "") {
    static_assert(task_function<Function>, "the function must return a task: write []() -> task<> { ...; co_return; }");
}

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

template <class Function>
class posted_function final : public posted_call {
  public:
    explicit posted_function(Function what) : what_{std::move(what)} {}

  private:
    void call() override {
        const owner<posted_function> released_at_the_end{this};
        what_();
    }
    void forget() noexcept override { delete this; }
    Function what_;
};

}  // namespace detail

// ---- the loop

inline event_loop::event_loop(const loop_options& options)
    : scheduler{options.virtual_time, options.slow_after, options.slow}, options_{options} {
    if (options.backend) back_end_ = options.backend(*this, refusal_);
    if (!back_end_) {
        options_.backend = loop_options{}.backend;
        back_end_ = options_.backend(*this, refusal_);
    }
    back_end_->watch(wake_.native_handle(), false);
}
inline event_loop::~event_loop() {
    ready_end_ = nullptr;  // make_ready() does nothing from here on
    // Repeats, because destructors may spawn and post, and another thread may still be inside post().
    while (spawned_ || posted_.load() || posting_.load() != 0) {
        while (spawned_) spawned_->lose_loop();
        forget_posted();
        if (posting_.load() != 0) ::sched_yield();
    }
    detail::io_node::run_pending(*this);
    back_end_.reset();  // it may still use some nodes of the next line
    detail::io_node::destroy_list(retired_);
}
inline event_loop& event_loop::current() {
    if (!current_) throw std::logic_error{"no event loop runs in this thread: call this in a task"};
    return *current_;
}

template <class T>
join_handle<T> event_loop::spawn(task<T>&& what, const char* name) {
    task<T> own{std::move(what)};  // is destroyed even if there is no memory
    auto* const spawned = new detail::spawned_task<T>{*this, std::move(own), name};
    if (is_ending_) spawned->cancel();
    make_ready(*spawned);
    return join_handle<T>{*spawned};
}

class event_loop::running {
  public:
    explicit running(event_loop& loop) : loop_{loop} {
        if (current_) throw std::logic_error{"run: a loop runs in this thread already; await the task"};
        if (loop_.is_running_.exchange(true))
            throw std::logic_error{"run: this loop runs in another thread; make a loop for each thread"};
        current_ = &loop_;
    }
    running(const running&) = delete;
    running& operator=(const running&) = delete;
    ~running() {
        current_ = nullptr;
        loop_.is_ending_ = false;
        loop_.is_running_.store(false);
    }

  private:
    event_loop& loop_;
};

template <class T>
T event_loop::run(task<T>&& main) {
    task<T> own{std::move(main)};  // is destroyed even if the loop cannot run
    const running here{*this};
    back_end_->prepare();
    join_handle<T> handle = spawn(std::move(own), "main");
    run_until(*handle.task_);
    return handle.task_->take_outside("run");
}
inline bool event_loop::run(task<>&& main, const stop_event& stop) {
    task<> own{std::move(main)};
    const running here{*this};
    back_end_->prepare();
    back_end_->watch(stop.native_handle(), true);
    struct leaving {
        event_loop& loop;
        int descriptor;
        ~leaving() { loop.back_end_->unwatch(descriptor); }
    } at_the_end{*this, stop.native_handle()};
    join_handle<> handle = spawn(std::move(own), "main");
    run_until(*handle.task_);
    try {
        handle.task_->take();
        return true;
    } catch (const cancelled&) {
        return false;
    }
}

inline void event_loop::run_until(detail::spawned& main) {
    main_ = &main;
    const struct forgetting {
        event_loop& loop;
        ~forgetting() {
            loop.main_ = nullptr;
            loop.main_has_ended_ = false;
        }
    } at_the_end{*this};
    try {
        turn_until([this] { return main_has_ended_ || failure_; });
        cancel_all();
        turn_until([&] { return size_ == 0; });
    } catch (...) {  // the loop cannot wait. Tasks must not continue in a later run, when their references are invalid
        break_off_all();
        asleep_.store(false);
        failure_ = nullptr;
        throw;
    }
    if (!failure_) return;
    main.was_taken_ = true;  // run() can throw only one exception, and the next run must not throw the other
    detail::rethrow_outside(std::exchange(failure_, nullptr), "a spawned task");
}

inline void event_loop::cancel_all() noexcept {
    is_ending_ = true;
    for (detail::spawned* each = spawned_; each; each = each->next_spawned_)
        if (!each->has_ended_) each->cancel();
}

/// Destroys all tasks where they wait.
inline void event_loop::break_off_all() noexcept {
    ready_ = nullptr;
    ready_end_ = nullptr;  // make_ready() does nothing meanwhile
    while (spawned_) spawned_->lose_loop();
    ready_end_ = &ready_;
}

template <class Done>
void event_loop::turn_until(Done done) {
    while (!done()) {
        detail::io_node* const retired = std::exchange(retired_, nullptr);
        run_ready();
        detail::io_node::destroy_list(retired);
        if (ready_ && ++turns_ < turns_without_poll) continue;
        turns_ = 0;
        if (!done()) poll();
    }
}

inline void event_loop::poll() {
    const bool must_not_wait = ready_ || pending_ || posted_.load(std::memory_order_relaxed);
    duration timeout = must_not_wait ? duration::zero() : time_to_next_timer();
    bool has_come = false;
    if (timeout > duration::zero() && options_.busy_poll > duration::zero()) {
        const time_point until = detail::later(clock::now(), detail::min(options_.busy_poll, timeout));
        do has_come = back_end_->wait(duration::zero());
        while (!has_come && !posted_.load(std::memory_order_relaxed) && clock::now() < until);
        if (!has_come) timeout = time_to_next_timer();  // shorter now, because time has passed
    }
    if (!has_come) {
        if (timeout > duration::zero()) {
            asleep_.store(true);  // see post_call()
            if (posted_.load()) timeout = duration::zero();
        }
        has_come = back_end_->wait(timeout);
        asleep_.store(false, std::memory_order_relaxed);  // one wake-up too many does no harm
    }
    if (back_end_->take_stop()) cancel_all();
    if (pending_) detail::io_node::run_pending(*this);
    if (posted_.load(std::memory_order_relaxed)) run_posted();
    const auto next = timers_.next_tick();
    if (!next) return;
    if (options_.virtual_time && !ready_ && !pending_ && !has_come && !posted_.load())
        virtual_now_ = detail::max(virtual_now_, origin_ + duration{static_cast<duration::rep>(*next)});
    run_timers();
}

// ---- the rest

template <class Function>
void event_loop::post(Function what) {
    post_call(*new detail::posted_function<Function>{std::move(what)});
}
template <class T>
join_handle<T> spawn(task<T>&& what, const char* name) {
    return event_loop::current().spawn(std::move(what), name);
}
template <task_function Function>
auto spawn(Function what, const char* name) {
    return event_loop::current().spawn(std::move(what), name);
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_LOOP_HPP



namespace netnotes {

namespace detail {
/// Wraps a descriptor as a socket, for calls that do not wait. Does not own the descriptor and does not close it.
class borrowed_socket {
  public:
    explicit borrowed_socket(int descriptor, bool is_ip = false) noexcept : socket_{descriptor, false} {
        socket_.takes_notes_ = is_ip;
    }
    borrowed_socket(const borrowed_socket&) = delete;
    borrowed_socket& operator=(const borrowed_socket&) = delete;
    ~borrowed_socket() { static_cast<void>(socket_.release()); }
    socket* operator->() noexcept { return &socket_; }
    socket& operator*() noexcept { return socket_; }

  private:
    socket socket_;
};

/// The common base of async_stream, async_listener and async_datagram: owns a socket. It can be moved, not copied. No
/// call of this class suspends. All calls but is_open(), native_handle() and close() fail with errc::bad_file_descriptor
/// if the socket is closed. Only the loop's thread may use it.
class async_socket {
  public:
    /// Returns true if this object owns a socket.
    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(node_); }
    /// Returns the descriptor, or -1 if the socket is closed.
    [[nodiscard]] int native_handle() const noexcept { return node_ ? node_->descriptor() : -1; }
    /// Sets an option of socket/options.hpp. Throws std::system_error if the system refuses it.
    template <class Option>
    void set_option(const Option& option) {
        borrow()->set_option(option);
    }
    template <class Option>
    void set_option(const Option& option, std::error_code& error) noexcept {
        borrow_any()->set_option(option, error);
    }
    /// Returns the value of an option. Throws std::system_error if the system refuses.
    template <class Option>
    [[nodiscard]] auto get_option() const {
        return borrow()->template get_option<Option>();
    }
    /// Set and return an option as in C: see socket_handle::set_option().
    void set_option(int level, int name, std::span<const std::byte> value) { borrow()->set_option(level, name, value); }
    void set_option(int level, int name, std::span<const std::byte> value, std::error_code& error) noexcept {
        borrow_any()->set_option(level, name, value, error);
    }
    void set_option(int level, int name, int value) { borrow()->set_option(level, name, value); }
    std::size_t get_option(int level, int name, std::span<std::byte> value) const {
        return borrow()->get_option(level, name, value);
    }
    std::size_t get_option(int level, int name, std::span<std::byte> value, std::error_code& error) const noexcept {
        return borrow_any()->get_option(level, name, value, error);
    }
    /// Returns and clears the error that occurred in the background (SO_ERROR), or no error. After close() it returns
    /// errc::bad_file_descriptor.
    [[nodiscard]] std::error_code take_error() noexcept { return borrow_any()->take_error(); }
    /// Returns the socket's own address. Throws std::system_error.
    [[nodiscard]] socket_address local_endpoint() const { return borrow()->local_endpoint(); }
    [[nodiscard]] socket_address local_endpoint(std::error_code& error) const noexcept {
        return borrow_any()->local_endpoint(error);
    }
    /// Limits how long each later call waits for the peer: the call then throws errc::timed_out. `never` means no
    /// limit.
    void set_timeout(wait_time timeout) { opened().set_timeout(timeout); }
    /// Returns the limit of each call, or `never`.
    [[nodiscard]] duration timeout() const { return opened().timeout(); }
    /// Closes the socket at once. A task that is waiting on it, and every later call, fails with
    /// errc::bad_file_descriptor.
    void close() noexcept { node_.reset(); }
    /// For authors of awaitables. Returns the node of this socket, or io_node::closed.
    [[nodiscard]] io_node& node() const noexcept { return node_ ? *node_ : io_node::closed; }

  protected:
    async_socket() noexcept = default;
    async_socket(event_loop& loop, socket&& made, io_node::kind what) : async_socket{loop, made, what, is_ip(made)} {}
    async_socket(event_loop& loop, socket& made, io_node::kind what, bool is_ip, bool connects = false)
        : node_{new io_node{loop, (made.set_blocking(false), made.native_handle()), what, io_node::ends_with::close,
                            connects}} {
        static_cast<void>(made.release());
        // On a Unix socket a receive also ends where a descriptor was passed (unix(7)), even if more bytes follow.
        node_->read_to_end = !is_ip;
    }
    [[nodiscard]] borrowed_socket borrow() const { return borrowed_socket{opened().descriptor()}; }
    /// Does the same for a closed socket, too. Every call on that one fails with errc::bad_file_descriptor.
    [[nodiscard]] borrowed_socket borrow_any() const noexcept { return borrowed_socket{native_handle()}; }
    static bool is_ip(const socket& made) noexcept {
        std::error_code unknown;
        return made.local_endpoint(unknown).is_ip();
    }
    async_socket(async_socket&&) noexcept = default;
    async_socket& operator=(async_socket&&) noexcept = default;
    ~async_socket() = default;

    [[nodiscard, gnu::always_inline]] inline io_node& opened() const {
        if (!node_) [[unlikely]]
            refuse();
        return *node_;
    }
    [[noreturn, gnu::cold, gnu::noinline]] static void refuse() {
        detail::throw_error(std::make_error_code(std::errc::bad_file_descriptor), "a closed socket");
    }
    owner<io_node, io_node::retire> node_;
};

/// The base of awaiters on a socket. Its errors name the peer.
class socket_operation : public io_operation {
  protected:
    using io_operation::io_operation;
    [[gnu::always_inline]] ~socket_operation() = default;
    /// Throws the error of a failed operation. See fail().
    [[gnu::always_inline]] inline void throw_if_failed(const char* attempt) {
        if (error_ != 0) [[unlikely]]
            fail(attempt);
    }
    /// Throws, for example, "recv from 192.0.2.1:80: Connection reset by peer".
    [[noreturn, gnu::cold, gnu::noinline]] void fail(const std::string& attempt) {
        const std::error_code error = take_failure();
        socket_address peer;
        socklen_t size = socket_address::capacity;
        // After close() the kernel may already have given this descriptor number to another socket.
        const bool is_open = !node_.is_closed() && error.value() != EBADF;
        const bool known = is_open && ::getpeername(node_.descriptor(), peer.data(), &size) == 0;
        if (known) peer.resize(size);
        detail::throw_error(error, attempt, known ? " " : error.value() == EBADF ? " a closed socket" : " the peer",
                            known ? peer.to_string() : "");
    }
};

/// The base of operations that pause and try again when no event will come. For example, no event reports that another
/// Unix socket's queue has room again (unix(7)).
class pausing_operation : public socket_operation, private loop_timer {
  protected:
    using socket_operation::socket_operation;
    ~pausing_operation() = default;
    [[nodiscard]] bool is_pausing() const noexcept { return is_armed(); }
    /// Starts a pause. When it ends, the operation attempts again.
    void pause(duration time = std::chrono::milliseconds{5}) noexcept {
        node_.loop().arm(*this, later(node_.loop().now(), time));
    }

  private:
    void expired() noexcept override {
        if (!is_waiting()) return;
        (direction_ == direction::read ? node_.readable : node_.writable) = true;
        node_.loop().look_again(node_);
    }
};

}  // namespace detail
}  // namespace netnotes

#endif  // NETNOTES_CORO_IO_SOCKET_HPP



namespace netnotes {

namespace detail {
class receiving_lent;
class receiving;
class receiving_exactly;
class sending;
class sending_all;
class connecting;
class accepting;
// What a compiler shows for a mistake: see tests/package/mistakes.txt.
struct write_async_connect_for_a_name_and_braces_for_an_endpoint;
struct print_its_peer_endpoint_or_receive_and_print_as_text;
}  // namespace detail

/// Owns a connection, of TCP or of a Unix socket. Use it only in tasks of its loop. One task may receive while another
/// task sends. A second task in the same direction, or a task of another loop, gets std::logic_error.
///
/// Awaited calls throw std::system_error if the system reports an error, and netnotes::cancelled if the task is
/// cancelled. To read lines, or messages that end with a delimiter, use async_buffered_stream (coro/buffered.hpp). It
/// keeps the bytes behind a message for the next message.
///
/// It has the calls of tcp_stream, but a task is limited and stopped in another way. Instead of set_deadline() write
/// with_timeout(), and instead of stop_with() cancel the task. It does not give its socket back, because the loop may
/// have received bytes already. A call refers to its stream: await it before the stream is closed or destroyed.
class async_stream : public detail::async_socket {
  public:
    /// Creates a closed stream. Every operation on it fails with errc::bad_file_descriptor.
    async_stream() noexcept = default;
    /// Takes over a connected stream socket and makes it non-blocking. Without `loop` it uses the loop that runs in
    /// this thread (std::logic_error if no loop runs). The stream must not outlive the loop. Throws std::system_error
    /// if the loop's back end refuses the descriptor.
    explicit async_stream(socket connected) : async_stream{event_loop::current(), std::move(connected)} {}
    explicit async_stream(tcp_stream connected) : async_stream{std::move(connected).into_socket()} {}
    async_stream(event_loop& loop, tcp_stream connected) : async_stream{loop, std::move(connected).into_socket()} {}
    async_stream(event_loop& loop, socket connected)
        : async_socket{loop, std::move(connected), detail::io_node::kind::stream} {}

    /// Connects to `where` within `timeout` and returns the stream. Throws errc::connection_refused, errc::timed_out
    /// (without a timeout after about two minutes), and other errors of connect(2). The timeout is for connecting only.
    /// For a host name use async_connect() (coro/connect.hpp).
    [[nodiscard]] static task<async_stream> connect(socket_address where, wait_time timeout = never);
    /// Does the same, so that an address and a port suffice: `co_await async_stream::connect({"127.0.0.1", 80})`.
    [[nodiscard]] static task<async_stream> connect(endpoint where, wait_time timeout = never);
    template <class Host, class Advice = detail::write_async_connect_for_a_name_and_braces_for_an_endpoint>
    requires std::is_convertible_v<const Host&, std::string_view>
    static task<async_stream> connect(const Host&, int) = delete;
    /// Do the same, but report an error instead of throwing it, and then return a closed stream. A scanner expects most
    /// of its errors. A cancellation is still thrown. `error` must stay valid until the task ends.
    [[nodiscard]] static detail::reporting_task<async_stream> connect(socket_address where, std::error_code& error);
    [[nodiscard]] static detail::reporting_task<async_stream> connect(endpoint where, std::error_code& error);
    [[nodiscard]] static detail::reporting_task<async_stream> connect(socket_address where, wait_time timeout,
                                                                      std::error_code& error);
    [[nodiscard]] static detail::reporting_task<async_stream> connect(endpoint where, wait_time timeout,
                                                                      std::error_code& error);

    /// Returns the address of the peer. Does not wait. Throws std::system_error if the connection no longer exists.
    [[nodiscard]] socket_address peer_endpoint() const { return borrow()->peer_endpoint(); }
    [[nodiscard]] socket_address peer_endpoint(std::error_code& error) const noexcept {
        return borrow_any()->peer_endpoint(error);
    }

    /// Switches keep-alive on with these numbers, or off with nullopt: see tcp_stream::set_keep_alive(). Does not wait.
    /// Throws std::system_error, for a Unix socket errc::operation_not_supported.
    void set_keep_alive(const std::optional<netnotes::keep_alive>& numbers) {
        detail::set_keep_alive(*borrow(), numbers);
    }
    /// Returns the numbers in force, or nullopt if keep-alive is off.
    [[nodiscard]] std::optional<netnotes::keep_alive> keep_alive() const { return detail::keep_alive_of(*borrow()); }
    /// Returns the connection's state as the kernel sees it now: see tcp_stream::info(). Does not wait. Fails with
    /// errc::operation_not_supported for a Unix socket.
    [[nodiscard]] connection_info info() const { return detail::info_of(*borrow()); }
    [[nodiscard]] connection_info info(std::error_code& error) const noexcept {
        return detail::info_of(*borrow_any(), error);
    }

    /// Returns the bytes that have arrived, at most 64 KiB, or an empty span at the end of the stream. Suspends until
    /// bytes arrive.
    ///
    /// The bytes lie in the loop's buffer, which the next receive overwrites. They are valid until the next co_await or
    /// task_group::spawn(). You may pass them to send() or send_all(), which copy them before they suspend. Do not
    /// return them out of a task that with_timeout, when_all, when_any, with_group or spawn runs. The awaiting task
    /// resumes one turn later, when another task may already have received. To limit the time, use set_timeout(), or
    /// `co_await with_timeout(2s, stream.recv())`, which returns the same bytes.
    [[nodiscard]] detail::receiving_lent recv();
    /// Receives at least one byte and at most buffer.size(). Returns the number of bytes, or 0 at the end of the
    /// stream. An empty buffer also returns 0. Suspends until bytes arrive; the buffer must stay valid until then.
    [[nodiscard]] detail::receiving recv(mutable_buffer buffer);
    /// Does the same, but reports an error instead of throwing it, and then returns 0. So do the other forms with an
    /// error: `error` must stay valid as long as the buffer, and a cancellation is still thrown.
    [[nodiscard]] detail::reporting<detail::receiving> recv(mutable_buffer buffer, std::error_code& error);
    /// Fills the whole buffer, and suspends until that is done. Returns buffer.size(), or 0 if the stream ended before
    /// the first byte. Throws errc::protocol_error if the stream ends in the middle. After an error or a cancellation
    /// the bytes that arrived lie at the beginning of the buffer. To learn their number, use the next form.
    [[nodiscard]] detail::receiving_exactly recv_exact(mutable_buffer buffer);
    /// Does the same with a buffer that already holds `filled` bytes, and adds to `filled` every byte that arrives. So
    /// a message can be continued after a cancellation, for example by with_timeout(): call again with the same two
    /// arguments. `filled` must stay valid as long as the buffer. The caller sets it to 0 before the next message.
    [[nodiscard]] detail::receiving_exactly recv_exact(mutable_buffer buffer, std::size_t& filled);
    /// Fills the whole buffer, but reports an error instead of throwing it. Returns the number of bytes that lie in the
    /// buffer, also after an error: errc::protocol_error if the stream ends in the middle, or operation_canceled if the
    /// task is cancelled. Throws only std::logic_error. `error` must stay valid as long as the buffer.
    [[nodiscard]] detail::reporting<detail::receiving_exactly> recv_exact(mutable_buffer buffer,
                                                                          std::error_code& error);
    /// Sends at least one of the bytes and returns how many it has sent. Suspends while the kernel takes no more. The
    /// bytes must stay valid until then, unless recv() has lent them.
    [[nodiscard]] detail::sending send(const_buffer bytes);
    [[nodiscard]] detail::reporting<detail::sending> send(const_buffer bytes, std::error_code& error);
    /// Sends all bytes, and suspends until the kernel has taken the last byte. The bytes must stay valid until then,
    /// unless recv() has lent them. If it fails or is cancelled before that, close() sends a reset, so that the peer
    /// can tell that bytes are missing.
    [[nodiscard]] detail::sending_all send_all(const_buffer bytes);
    /// Does the same, but reports an error instead of throwing it: operation_canceled if the task is cancelled. Returns
    /// how many bytes the kernel took.
    [[nodiscard]] detail::reporting<detail::sending_all> send_all(const_buffer bytes, std::error_code& error);
    /// Sends a file, or a part of it, as socket::send_file() does. Include coro/send_file.hpp to call it. Returns the
    /// number of bytes. Suspends until the kernel has taken the last byte. Throws std::system_error. If it fails or is
    /// cancelled in the middle, close() sends a reset. The stream must stay in its place and open until then.
    [[nodiscard]] inline task<std::uint64_t> send_file(input_file file, send_file_options options = {});
    /// Does the same, but reports an error instead of throwing it: operation_canceled if the task is cancelled. Returns
    /// how many bytes the kernel took. `error` must stay valid until the task ends.
    [[nodiscard]] inline detail::reporting_task<std::uint64_t> send_file(input_file file, send_file_options options,
                                                                         std::error_code& error);

    /// Returns true if bytes, the end of the stream or an error have arrived that no task has received. Does not wait.
    /// So a pool of idle connections can tell which one is still good: a server may have closed it meanwhile, or may
    /// have sent bytes that nobody has asked for. MSG_PEEK alone does not see what the back end received ahead.
    [[nodiscard]] bool has_arrived() const noexcept;

    /// Shuts down one direction, or both directions, of the connection: see socket::shutdown(). Does not wait.
    void shutdown(shutdown_direction direction) { borrow()->shutdown(direction); }
    void shutdown(shutdown_direction direction, std::error_code& error) noexcept {
        borrow_any()->shutdown(direction, error);
    }

  private:
    friend detail::accepting;
    static task<async_stream> connect_or_report(socket_address where, wait_time timeout, std::error_code& error);
    inline task<std::uint64_t> send_file_or_report(input_file file, send_file_options options, std::error_code& error);
    async_stream(event_loop& loop, socket&& made, bool is_ip, bool connects = false)
        : async_socket{loop, made, detail::io_node::kind::stream, is_ip, connects} {}
};

template <class Traits, class Advice = detail::print_its_peer_endpoint_or_receive_and_print_as_text>
void operator<<(std::basic_ostream<char, Traits>&, const async_stream&) = delete;

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

class [[nodiscard]] receiving_lent final : public io_receiver<receiving_lent, socket_operation> {
  public:
    explicit receiving_lent(io_node& node) noexcept : io_receiver{node, direction::read} {}
    [[gnu::always_inline]] ~receiving_lent() = default;
    std::span<std::byte> await_resume() {
        throw_if_failed("recv from");
        return bytes_;
    }
    bool attempt() noexcept override { return receive_lent(bytes_); }

  private:
    std::span<std::byte> bytes_;  // lent until the task suspends again
};

class [[nodiscard]] receiving final : public io_receiver<receiving, socket_operation> {
  public:
    receiving(io_node& node, mutable_buffer room) noexcept : io_receiver{node, direction::read}, room_{room} {}
    [[gnu::always_inline]] ~receiving() = default;
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    [[gnu::always_inline]] bool await_suspend(std::coroutine_handle<Promise> waiter) {
        if (room_.empty()) [[unlikely]]
            return leave_at_once(waiter);
        return io_receiver::await_suspend(waiter);
    }
    std::size_t await_resume() {
        throw_if_failed("recv from");
        return size_;
    }
    bool attempt() noexcept override { return receive(room_, size_); }

  private:
    mutable_buffer room_;
    std::size_t size_ = 0;
};

class [[nodiscard]] receiving_exactly final : public io_receiver<receiving_exactly, socket_operation> {
  public:
    receiving_exactly(io_node& node, mutable_buffer room) noexcept
        : io_receiver{node, direction::read}, room_{room}, filled_{own_} {}
    receiving_exactly(io_node& node, mutable_buffer room, std::size_t& filled) noexcept
        : io_receiver{node, direction::read}, room_{room}, filled_{filled} {}
    [[gnu::always_inline]] ~receiving_exactly() = default;
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    [[gnu::always_inline]] bool await_suspend(std::coroutine_handle<Promise> waiter) {
        if (filled_ >= room_.size()) [[unlikely]]
            return leave_at_once(waiter);
        return io_receiver::await_suspend(waiter);
    }
    /// Returns the number of bytes. After an error the same object can be awaited again. It then continues behind the
    /// bytes that it already has.
    std::size_t await_resume() {
        if (error_ != 0)
            fail(detail::joined("recv_exact (", std::to_string(filled_), " of ", std::to_string(room_.size()),
                                " bytes) from"));
        const std::size_t size = filled_;
        own_ = 0;
        return size;
    }
    [[nodiscard]] std::size_t so_far() const noexcept { return filled_; }
    bool attempt() noexcept override {
        while (filled_ < room_.size()) {
            const std::span<std::byte> rest = room_.subspan(filled_);
            std::size_t size = 0;
            if (!receive(rest, size)) return false;
            if (size == 0) {
                if (error_ == 0 && filled_ > 0) error_ = EPROTO;  // the stream ended in the middle
                return true;
            }
            filled_ += size;
        }
        return true;
    }

  private:
    mutable_buffer room_;
    std::size_t own_ = 0;
    std::size_t& filled_;  // own_, or the caller's
};

/// Holds the bytes to send. Bytes that recv() has lent are copied before the task suspends, because other tasks receive
/// into the lent buffer.
class sending_bytes : public socket_operation {
  protected:
    enum class wanted : bool { some, all };
    sending_bytes(io_node& node, const_buffer bytes, wanted how_many) noexcept
        : socket_operation{node, direction::write}, wants_{how_many}, rest_{bytes}, size_{bytes.size()} {}
    [[gnu::always_inline]] ~sending_bytes() {
        if (has_waited()) [[unlikely]]  // most operations have not waited, so they have nothing to clean up
            end_after_wait();
    }
    /// Sends once. Returns false if the operation has to wait.
    bool send_some(int flags = 0) noexcept {
        return transmit([&] {
            const auto sent = ::send(node_.descriptor(), rest_.data(), rest_.size(), flags | MSG_NOSIGNAL);
            if (sent > 0) rest_ = rest_.subspan(static_cast<std::size_t>(sent));
            return sent;
        });
    }
    [[nodiscard]] std::span<const std::byte> all() const noexcept {
        return {rest_.data() - (size_ - rest_.size()), size_};
    }
    /// Makes close() send a reset, because bytes are missing: an orderly end would tell the peer that it has
    /// everything. With false, makes the end orderly again, for a second attempt.
    [[gnu::noinline]] void end_by_reset(bool does) const noexcept {
        const ::linger how{does ? 1 : 0, 0};
        if (!node_.is_retired())  // after close() the number may belong to another descriptor
            ::setsockopt(node_.descriptor(), SOL_SOCKET, SO_LINGER, &how, sizeof how);
    }
    /// Copies lent bytes if the operation waits. Without memory for them it ends the wait: errc::not_enough_memory.
    [[gnu::noinline]] void keep_bytes() noexcept {
        if (!is_waiting() || is_kept_ || !node_.loop().has_lent(rest_)) return;
        std::byte* const kept = new (std::nothrow) std::byte[size_];
        if (!kept) return give_up(ENOMEM);
        detail::copy_n(all().data(), size_, kept);
        rest_ = std::span<const std::byte>{kept + (size_ - rest_.size()), rest_.size()};
        is_kept_ = true;
    }

  private:
    [[gnu::noinline]] void end_after_wait() const noexcept {
        if (is_waiting() && wants_ == wanted::all) end_by_reset(true);  // the frame is destroyed while the task waits
        if (is_kept_) delete[] all().data();
    }

    wanted wants_;
    bool is_kept_ = false;  // all() is our copy

  protected:
    bool resets_ = false;  // the operation failed in the middle, so close() sends a reset
    std::span<const std::byte> rest_;
    std::size_t size_;
};
template <class Derived>
class sending_awaiter : public io_awaiter<Derived, sending_bytes> {
  public:
    template <class Promise>
    [[gnu::always_inline]] bool await_suspend(std::coroutine_handle<Promise> waiter) {
        if (this->resets_) [[unlikely]] {  // the operation has failed and is awaited again
            this->resets_ = false;
            this->end_by_reset(false);
        }
        if (!io_operation::begin(static_cast<Derived&>(*this), waiter)) [[likely]]
            return false;
        this->keep_bytes();
        return true;
    }

  protected:
    using io_awaiter<Derived, sending_bytes>::io_awaiter;
    [[gnu::always_inline]] ~sending_awaiter() = default;
};

class [[nodiscard]] sending final : public sending_awaiter<sending> {
  public:
    // `flags` may be MSG_MORE. Then the kernel keeps the bytes and sends them together with the bytes that follow.
    sending(io_node& node, const_buffer bytes, int flags = 0) noexcept
        : sending_awaiter{node, bytes, wanted::some}, flags_{flags} {}
    [[gnu::always_inline]] ~sending() = default;
    std::size_t await_resume() {
        throw_if_failed("send to");
        return size_ - rest_.size();
    }
    bool attempt() noexcept override {
        rest_ = all();  // the operation may be awaited again
        return send_some(flags_);
    }

  private:
    int flags_;
};

class [[nodiscard]] sending_all final : public sending_awaiter<sending_all> {
  public:
    sending_all(io_node& node, const_buffer bytes) noexcept : sending_awaiter{node, bytes, wanted::all} {}
    [[gnu::always_inline]] ~sending_all() = default;
    void await_resume() {
        if (error_ != 0) [[unlikely]]
            fail_in_the_middle();
    }
    std::error_code take_report(bool also_cancelled) noexcept {
        end_by_reset_if_failed();
        return sending_awaiter::take_report(also_cancelled);
    }
    [[nodiscard]] std::size_t so_far() const noexcept { return size_ - rest_.size(); }
    [[gnu::always_inline]] inline bool attempt() noexcept override {
        if (rest_.empty()) [[unlikely]]
            return begin_again();
        do {
            if (!send_some()) return false;
        } while (!rest_.empty() && error_ == 0);
        return true;
    }

  private:
    /// Called if no bytes are left. Either there were no bytes at all, or the operation has sent them and is awaited
    /// again: then it sends them a second time.
    [[gnu::noinline]] bool begin_again() noexcept {
        if (size_ == 0) return true;
        rest_ = all();
        return attempt();
    }
    void end_by_reset_if_failed() noexcept {
        if (error_ > 0 && error_ != EBADF) end_by_reset(resets_ = true);
    }
    [[noreturn, gnu::cold, gnu::noinline]] void fail_in_the_middle() {
        end_by_reset_if_failed();
        fail(detail::joined("send_all (", std::to_string(rest_.size()), " bytes not sent) to"));
    }
};

class [[nodiscard]] connecting final : public io_awaiter<connecting, pausing_operation> {
  public:
    connecting(io_node& node, const socket_address& where) noexcept : io_awaiter{node, direction::write}, where_{where} {}
    void await_resume() {
        if (error_ != 0)
            detail::throw_error(take_failure(), "connect ", where_.to_string());
    }
    bool attempt() noexcept override {
        if (is_pausing()) return false;
        if (has_begun_) {
            if (!node_.writable) return false;
            socklen_t size = sizeof error_;
            if (::getsockopt(node_.descriptor(), SOL_SOCKET, SO_ERROR, &error_, &size) != 0) error_ = errno;
            if (error_ == 0) refuse_itself();
            return true;
        }
        // Before connect() the poller reports the socket as hung up; that is ignored. From here on its reports count:
        // the peer's first bytes may arrive in the same event as the connection itself.
        node_.readable = false;
        node_.read_to_end = !where_.is_ip();
        const int error = ::connect(node_.descriptor(), where_.data(), where_.size()) == 0 ? 0 : errno;
        if (error == 0) {
            refuse_itself();
            return true;
        }
        // The kernel continues to connect, even after EINTR. The socket becomes writable when the result is known.
        if (error == EINPROGRESS || error == EINTR) {
            has_begun_ = true;
            return node_.writable = false;
        }
        if (detail::would_block(error) && !where_.is_ip()) {
            pause();
            return false;
        }
        error_ = detail::would_block(error) ? EADDRNOTAVAIL : error;  // no port is free; see socket.hpp
        return true;
    }

  private:
    void refuse_itself() noexcept {
        if (!meets_itself(node_.descriptor(), where_)) return;
        dissolve(node_.descriptor());  // see socket::connect()
        error_ = ECONNREFUSED;
    }
    socket_address where_;
    bool has_begun_ = false;
};

/// Makes a socket that does not block from the beginning, which saves the system calls of set_blocking(). Returns an
/// empty socket with an error.
inline socket make_to_connect(address_family family, std::error_code& error) noexcept {
    const int made = ::socket(static_cast<int>(family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    error = made < 0 ? last_error() : std::error_code{};
    return socket{made, false};
}

}  // namespace detail

inline bool async_stream::has_arrived() const noexcept {
    const detail::io_node& node = this->node();
    if (node.intake && node.intake->has_arrived()) return true;
    char byte = 0;
    const auto got = ::recv(node.descriptor(), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || !detail::would_block(errno);
}
inline task<async_stream> async_stream::connect(socket_address where, wait_time timeout) {
    co_await detail::stepping{};  // the next line may fail, and a task that retries must let other tasks run
    std::error_code error;
    socket made = detail::make_to_connect(where.family(), error);
    if (error) detail::throw_error(error, "socket");
    async_stream stream{event_loop::current(), std::move(made), where.is_ip(), true};
    stream.set_timeout(timeout);
    co_await detail::connecting{*stream.node_, where};
    stream.set_timeout(never);
    co_return stream;
}
inline task<async_stream> async_stream::connect(endpoint where, wait_time timeout) {
    return connect(socket_address{where}, timeout);
}
inline task<async_stream> async_stream::connect_or_report(socket_address where, wait_time timeout,
                                                          std::error_code& error) {
    co_await detail::stepping{};
    async_stream stream;
    try {
        socket made = detail::make_to_connect(where.family(), error);
        if (!error) stream = async_stream{event_loop::current(), std::move(made), where.is_ip(), true};
    } catch (const std::system_error& refusal) {
        error = refusal.code();
    }
    if (error) co_return stream;
    stream.set_timeout(timeout);
    co_await detail::reporting<detail::connecting>{error, *stream.node_, where};
    if (error)
        stream.close();
    else
        stream.set_timeout(never);
    co_return stream;
}
inline detail::reporting_task<async_stream> async_stream::connect(socket_address where, wait_time timeout,
                                                                  std::error_code& error) {
    return {connect_or_report(where, timeout, error), error};
}
inline detail::reporting_task<async_stream> async_stream::connect(endpoint where, wait_time timeout,
                                                                  std::error_code& error) {
    return connect(socket_address{where}, timeout, error);
}
inline detail::reporting_task<async_stream> async_stream::connect(socket_address where, std::error_code& error) {
    return connect(where, never, error);
}
inline detail::reporting_task<async_stream> async_stream::connect(endpoint where, std::error_code& error) {
    return connect(socket_address{where}, never, error);
}
inline detail::receiving_lent async_stream::recv() { return detail::receiving_lent{node()}; }
inline detail::receiving async_stream::recv(mutable_buffer buffer) { return {node(), buffer}; }
inline detail::receiving_exactly async_stream::recv_exact(mutable_buffer buffer) { return {node(), buffer}; }
inline detail::receiving_exactly async_stream::recv_exact(mutable_buffer buffer, std::size_t& filled) {
    return {node(), buffer, filled};
}
inline detail::sending async_stream::send(const_buffer bytes) { return {node(), bytes}; }
inline detail::sending_all async_stream::send_all(const_buffer bytes) { return {node(), bytes}; }
inline detail::reporting<detail::receiving> async_stream::recv(mutable_buffer buffer, std::error_code& error) {
    return detail::reporting<detail::receiving>{error, node(), buffer};
}
inline detail::reporting<detail::receiving_exactly> async_stream::recv_exact(mutable_buffer buffer,
                                                                             std::error_code& error) {
    return detail::reporting<detail::receiving_exactly>{error, node(), buffer};
}
inline detail::reporting<detail::sending> async_stream::send(const_buffer bytes, std::error_code& error) {
    return detail::reporting<detail::sending>{error, node(), bytes};
}
inline detail::reporting<detail::sending_all> async_stream::send_all(const_buffer bytes, std::error_code& error) {
    return detail::reporting<detail::sending_all>{error, node(), bytes};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_STREAM_HPP


namespace netnotes {

namespace detail {
class buffered_state;
template <class Message>
class reading;
struct line_message;
struct delimited_message;
struct sized_message;
template <class Call>
class reading_value;
struct filling_call;
struct receiving_call;
struct skipping_call;
class writing;
template <class Message>
using message_report = reporting<reading<Message>>;  // the forms with an error
template <class Call>
using value_report = reporting<reading_value<Call>>;
}  // namespace detail

/// Reads messages from a connection, and writes to it through a buffer. Use it in one task, or in a reading task and a
/// writing task. The writing task must then call flush(), because the reading task may already be waiting.
///
/// It has the reading calls of buffered_reader. A call that returns a message returns std::optional<std::string_view>.
/// The view is valid until the next reading call. They suspend until the message is complete. Before they suspend, they
/// send the gathered bytes, and free empty buffers. An error or a cancellation loses no byte: call again to continue.
/// The header tcp/reader.hpp lists what happens at the end of the stream and with a message that is too long.
///
/// Awaited calls throw what async_stream's calls throw, for example errc::bad_file_descriptor on a closed stream.
class async_buffered_stream {
  public:
    /// Creates an object without a stream. Every operation on it fails with errc::bad_file_descriptor.
    async_buffered_stream() noexcept = default;
    /// Takes over the stream. A message may have at most `limit` bytes. If more than `high_water` bytes have gathered,
    /// write() sends them. Both buffers are empty at first and grow from 4 KiB.
    explicit async_buffered_stream(async_stream stream, std::size_t limit = 64 * 1024,
                                   std::size_t high_water = 64 * 1024);
    /// Takes over the stream and the buffers of another object, which is then without a stream. Views and waiting calls
    /// stay valid.
    async_buffered_stream(async_buffered_stream&&) noexcept;
    async_buffered_stream& operator=(async_buffered_stream&&) noexcept;
    /// Closes the connection. Gathered bytes that were not flushed are lost, and then the connection ends in a reset.
    /// Assignment does the same to the connection that it replaces, and stream().close() to its own.
    ~async_buffered_stream();

    /// Returns the next line without its "\n" or "\r\n", or nullopt at the end of the stream.
    [[nodiscard]] detail::reading<detail::line_message> recv_line();
    /// Does the same, but reports an error instead of throwing it, and then returns nullopt. So do the other forms with
    /// an error. They still throw a cancellation. `error` must stay valid until the call returns its result.
    [[nodiscard]] detail::message_report<detail::line_message> recv_line(std::error_code& error);
    /// Returns the next bytes up to and with the delimiter, or nullopt at the end of the stream. The delimiter's text
    /// must stay valid until the call returns its result.
    [[nodiscard]] detail::reading<detail::delimited_message> recv_until(std::string_view delimiter);
    [[nodiscard]] detail::message_report<detail::delimited_message> recv_until(std::string_view delimiter,
                                                                               std::error_code& error);
    /// Returns the next `size` bytes, or nullopt at the end of the stream.
    [[nodiscard]] detail::reading<detail::sized_message> recv_exact(std::size_t size);
    [[nodiscard]] detail::message_report<detail::sized_message> recv_exact(std::size_t size, std::error_code& error);
    /// Fills the caller's buffer, so the limit does not apply. Returns buffer.size(), or 0 at the end of the stream.
    /// The buffer must stay valid until then.
    [[nodiscard]] detail::reading_value<detail::filling_call> recv_exact(mutable_buffer buffer);
    /// Does the same with a buffer that already holds `filled` bytes, and adds to `filled` every byte that arrives. So
    /// no byte is lost by an error or a cancellation: call again with the same arguments.
    [[nodiscard]] detail::reading_value<detail::filling_call> recv_exact(mutable_buffer buffer, std::size_t& filled);
    /// Fills the caller's buffer, but reports an error instead of throwing it: operation_canceled if the task is
    /// cancelled. Returns the number of bytes that lie in the buffer, also after an error; continue behind them.
    [[nodiscard]] detail::value_report<detail::filling_call> recv_exact(mutable_buffer buffer, std::error_code& error);
    /// Receives at least one byte and at most buffer.size(), first the bytes that were read ahead. Returns their
    /// number, or 0 at the end of the stream.
    [[nodiscard]] detail::reading_value<detail::receiving_call> recv(mutable_buffer buffer);
    [[nodiscard]] detail::value_report<detail::receiving_call> recv(mutable_buffer buffer, std::error_code& error);
    /// Discards everything up to and with the delimiter, whatever its size. Returns false if the stream ended before
    /// the delimiter.
    [[nodiscard]] detail::reading_value<detail::skipping_call> skip_until(std::string_view delimiter);
    [[nodiscard]] detail::value_report<detail::skipping_call> skip_until(std::string_view delimiter,
                                                                          std::error_code& error);

    /// Work like recv_until(), recv_line() and recv_exact(), but only on bytes that have already been received. They do
    /// not wait, and return nullopt if these bytes do not suffice.
    std::optional<std::string_view> take_until(std::string_view delimiter) noexcept;
    std::optional<std::string_view> take_line() noexcept;
    std::optional<std::string_view> take_exact(std::size_t size) noexcept;
    /// Returns the bytes that have been received and not yet taken. They are valid until the next reading call.
    [[nodiscard]] std::string_view buffered() const noexcept;
    /// Returns the greatest length of a message, with its delimiter, in bytes.
    [[nodiscard]] std::size_t limit() const noexcept;
    /// Returns the size of the buffer for received bytes. It is 0 while a reading call waits and nothing is in it.
    [[nodiscard]] std::size_t capacity() const noexcept;
    /// Frees the buffer for received bytes if it is empty. Reading calls do so themselves before they wait.
    void shrink_to_fit() noexcept;

    /// Copies the bytes behind the gathered bytes. The copy is made at the call, but the result must still be awaited.
    /// If more than `high_water` bytes have gathered, it sends all of them and suspends until the kernel has taken
    /// them.
    [[nodiscard]] detail::writing write(const_buffer bytes);
    /// Gathers the bytes without a wait, from any task of the loop, and returns true. Returns false, and gathers
    /// nothing, if more than `high_water` bytes would then wait that the kernel does not take, or if the stream is
    /// closed. So a peer that does not read costs bounded memory, and the caller can disconnect it with
    /// stream().close().
    ///
    /// If a task waits in a reading call, or in a call that sends, that task sends the bytes at the next turn.
    /// Otherwise the next such call sends them.
    [[nodiscard]] bool try_send(const_buffer bytes);
    /// Sends the gathered bytes and suspends until the kernel has taken them.
    [[nodiscard]] detail::writing flush();
    /// Returns the number of bytes that have gathered and are not sent yet.
    [[nodiscard]] std::size_t unsent() const noexcept;
    /// Returns the connection, for its options, peer, timeout, shutdown() and close(). Call flush() before shutdown()
    /// and close(). Throws errc::bad_file_descriptor if there is no stream. Do not receive or send through it directly.
    [[nodiscard]] async_stream& stream();

  private:
    [[nodiscard, gnu::always_inline]] inline detail::buffered_state& opened() const {
        return state_ ? *state_ : empty();
    }
    static detail::buffered_state& empty();
    detail::owner<detail::buffered_state> state_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

class buffered_operation;

class buffered_state {
  public:
    buffered_state(async_stream&& taken, std::size_t limit, std::size_t most)
        : stream{std::move(taken)}, reader{from, limit}, high_water{most} {}

    /// Gathers bytes. From now on a close of the connection is a reset, because bytes would be missing.
    void gather(std::string_view bytes) {
        unsent.append(bytes);
        stream.node().ends_by_reset = unsent.size() > 0;
    }
    void remove_sent(std::size_t size) noexcept {
        unsent.remove(size);
        if (unsent.size() == 0) stream.node().ends_by_reset = false;
    }
    /// Returns true if `size` more bytes keep the bound. If they do not at first, sends what the kernel takes now.
    bool has_room(std::size_t size) noexcept {
        if (size > high_water || stream.node().is_closed()) return false;
        if (unsent.size() > high_water - size) send_now();
        return unsent.size() <= high_water - size;
    }
    [[gnu::noinline]] void send_now() noexcept {
        io_node& to = stream.node();
        while (unsent.size() > 0 && to.writable && !to.has_writer()) {
            const auto taken = ::send(to.descriptor(), unsent.data(), unsent.size(), MSG_NOSIGNAL);
            if (taken >= 0)
                remove_sent(static_cast<std::size_t>(taken));
            else if (detail::would_block(errno))
                to.writable = false;
            else if (errno != EINTR)
                return;  // the next call that sends reports the error
        }
    }

    /// The reader's source: it receives from the socket, but sends the gathered bytes first.
    struct source {
        std::size_t recv(mutable_buffer room, std::error_code& error) noexcept;
        static constexpr int most = 16;  ///< receives of one attempt; then other tasks have their turn
        buffered_state& state;
        buffered_operation* current = nullptr;  ///< the operation that receives
        int left = 0;                           ///< how many more receives it may make in this attempt
    };
    [[nodiscard]] io_node& node() const noexcept { return stream.node(); }

    async_stream stream;
    source from{*this};
    buffered_reader<source> reader;
    std::size_t high_water;
    gathered_bytes unsent;
};

class buffered_operation : public socket_operation {
  public:
    std::error_code take_report(bool also_cancelled) noexcept {
        if (error_ != 0) stop_sending();
        return socket_operation::take_report(also_cancelled);
    }

  protected:
    friend buffered_state;
    buffered_operation(buffered_state& state, direction way) : socket_operation{state.node(), way}, state_{state} {}
    [[gnu::always_inline]] ~buffered_operation() = default;

    /// Sends until no byte is left or an error occurs. Returns false if the operation has to wait.
    bool send_gathered() noexcept {
        while (state_.unsent.size() > 0 && error_ == 0) {
            const bool done = transmit([this] {
                const auto taken = ::send(node_.descriptor(), state_.unsent.data(), state_.unsent.size(), MSG_NOSIGNAL);
                if (taken > 0) state_.remove_sent(static_cast<std::size_t>(taken));
                return taken;
            });
            if (!done) return false;
        }
        return true;
    }
    /// Runs `call(error)`, a call of the reader. Returns false if it would block; then empty buffers are freed.
    template <class Call>
    bool attempt_to_read(Call call) noexcept {
        std::error_code error;
        state_.from.current = this;
        state_.from.left = buffered_state::source::most;
        call(error);
        if (error == std::errc::operation_would_block) {
            state_.reader.shrink_to_fit();
            return false;
        }
        error_ = error.value();
        return true;
    }
    /// Throws if the call failed.
    void throw_if_read_failed(const char* name) {
        if (error_ == 0) [[likely]]
            return;
        stop_sending();
        fail(name);
    }
    /// After a failure this operation no longer sends.
    void stop_sending() noexcept {
        if (!node_.is_closed() && !node_.has_reader()) node_.let_reader_send(false);
    }

    buffered_state& state_;
};

inline std::size_t buffered_state::source::recv(mutable_buffer room, std::error_code& error) noexcept {
    buffered_operation& operation = *current;
    std::size_t size = 0;
    // If another task already waits to send, that task sends the gathered bytes.
    io_node& node = operation.node_;
    node.let_reader_send(state.unsent.size() > 0 && !node.has_writer() && !operation.send_gathered());
    if (node.reader_sends()) {
        error = std::make_error_code(std::errc::operation_would_block);
        return 0;
    }
    if (operation.error_ == 0 && left-- == 0) {
        node.loop().look_again(node);
        error = std::make_error_code(std::errc::operation_would_block);
        return 0;
    }
    if (operation.error_ == 0 && !operation.receive(room, size)) {
        error = std::make_error_code(std::errc::operation_would_block);
        return 0;
    }
    error = {operation.error_, std::system_category()};
    return size;
}

/// Reads one message. `Message` is its kind: take() takes a message from the buffer, receive() receives the missing
/// bytes.
template <class Message>
class [[nodiscard]] reading final : public io_awaiter<reading<Message>, buffered_operation> {
    using base = io_awaiter<reading<Message>, buffered_operation>;

  public:
    reading(buffered_state& state, Message message)
        : base{state, base::direction::read}, message_{std::move(message)} {}
    [[gnu::always_inline]] ~reading() = default;
    /// Takes a message that is already in the buffer and returns true, so small messages cost little. After about 60
    /// such messages in a row it returns false, and the other tasks run. A cancelled task takes nothing here.
    bool await_ready() noexcept {
        return !this->node_.is_closed() && this->node_.loop().take_quick_step() &&
               keep(message_.take(this->state_.reader));
    }
    std::optional<std::string_view> await_resume() {
        this->throw_if_read_failed(Message::name);
        if (!has_come_) return std::nullopt;
        return std::string_view{data_, size_};
    }
    bool attempt() noexcept override {
        return this->attempt_to_read(
            [this](std::error_code& error) { keep(message_.receive(this->state_.reader, error)); });
    }

  private:
    bool keep(const std::optional<std::string_view>& message) noexcept {
        has_come_ = message.has_value();
        if (has_come_) {
            data_ = message->data();
            size_ = message->size();
        }
        return has_come_;
    }
    Message message_;
    // Three members instead of a std::optional, which the compiler copies 16 bytes at a time. A processor has to wait
    // if it loads 16 bytes at once that were stored as two words just before.
    bool has_come_ = false;
    const char* data_ = nullptr;
    std::size_t size_ = 0;
};
struct line_message {
    static constexpr const char* name = "recv_line from";
    auto take(auto& reader) const noexcept { return reader.take_line(); }
    auto receive(auto& reader, std::error_code& error) const noexcept { return reader.recv_line(error); }
};
struct delimited_message {
    static constexpr const char* name = "recv_until from";
    auto take(auto& reader) const noexcept { return reader.take_until(delimiter); }
    auto receive(auto& reader, std::error_code& error) const noexcept { return reader.recv_until(delimiter, error); }
    std::string_view delimiter;
};
struct sized_message {
    static constexpr const char* name = "recv_exact from";
    auto take(auto& reader) const noexcept { return reader.take_exact(size); }
    auto receive(auto& reader, std::error_code& error) const noexcept { return reader.recv_exact(size, error); }
    std::size_t size;
};

/// Reads into memory of the caller, or skips bytes. `Call` is the kind: take() uses the bytes in the buffer and returns
/// true if they suffice, receive() receives the missing bytes.
template <class Call>
class [[nodiscard]] reading_value final : public io_awaiter<reading_value<Call>, buffered_operation> {
    using base = io_awaiter<reading_value<Call>, buffered_operation>;

  public:
    reading_value(buffered_state& state, Call call) : base{state, base::direction::read}, call_{call} {}
    [[gnu::always_inline]] ~reading_value() = default;
    bool await_ready() noexcept {
        return !this->node_.is_closed() && this->node_.loop().take_quick_step() && call_.take(this->state_.reader);
    }
    typename Call::value await_resume() {
        this->throw_if_read_failed(Call::name);
        return call_.result();
    }
    [[nodiscard]] std::size_t so_far() noexcept requires(requires(Call& call) { call.filled(); }) {
        return call_.filled();
    }
    bool attempt() noexcept override {
        return this->attempt_to_read([this](std::error_code& error) { call_.receive(this->state_.reader, error); });
    }

  private:
    Call call_;
};
struct filling_call {
    using value = std::size_t;
    static constexpr const char* name = "recv_exact from";
    bool take(auto& reader) noexcept {
        std::error_code unused;  // these bytes are in the buffer
        if (!rest().empty() && !reader.buffered().empty()) filled() += reader.recv(rest(), unused);
        return rest().empty();
    }
    void receive(auto& reader, std::error_code& error) noexcept {
        if (rest().empty()) return;
        filled() += reader.recv_exact(rest(), error);
        if (!error && !rest().empty() && filled() > 0) error = std::make_error_code(std::errc::protocol_error);
    }
    std::size_t result() noexcept {
        const std::size_t size = filled();
        own = 0;
        return size;
    }
    std::size_t& filled() noexcept { return counter ? *counter : own; }
    mutable_buffer rest() noexcept { return room.subspan(detail::min(filled(), room.size())); }
    mutable_buffer room;
    std::size_t* counter;  // the caller's, or nullptr
    std::size_t own = 0;
};
struct receiving_call {
    using value = std::size_t;
    static constexpr const char* name = "recv from";
    bool take(auto& reader) noexcept {
        std::error_code unused;
        if (!room.empty() && reader.buffered().empty()) return false;
        size = room.empty() ? 0 : reader.recv(room, unused);
        return true;
    }
    void receive(auto& reader, std::error_code& error) noexcept { size = room.empty() ? 0 : reader.recv(room, error); }
    std::size_t result() const noexcept { return size; }
    mutable_buffer room;
    std::size_t size = 0;
};
struct skipping_call {
    using value = bool;
    static constexpr const char* name = "skip_until from";
    bool take(auto& reader) noexcept { return was_found = reader.take_until(delimiter).has_value(); }
    void receive(auto& reader, std::error_code& error) noexcept { was_found = reader.skip_until(delimiter, error); }
    bool result() const noexcept { return was_found; }
    std::string_view delimiter;
    bool was_found = false;
};

class [[nodiscard]] writing final : public io_awaiter<writing, buffered_operation> {
  public:
    writing(buffered_state& state, std::size_t most) : io_awaiter{state, direction::write}, most_{most} {}
    [[gnu::always_inline]] ~writing() = default;
    bool await_ready() const noexcept {
        return !node_.is_closed() && state_.unsent.size() <= most_ && node_.loop().take_step();
    }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        if (state_.unsent.size() <= most_) return leave_at_once(waiter);
        const bool waits = io_awaiter::await_suspend(waiter);
        if (waits) tell_reader();
        return waits;
    }
    [[gnu::always_inline]] void await_resume() {
        if (error_ != 0 || node_.reader_sends()) [[unlikely]]
            tell_reader();
        throw_if_failed("send to");
    }
    bool attempt() noexcept override { return send_gathered(); }

  private:
    /// Makes a waiting reader try again, because the task that sends has changed. Either this task now sends, and the
    /// reader can receive; or it no longer does, and the reader may have to send first.
    [[gnu::noinline]] void tell_reader() const noexcept {
        if (node_.has_reader() && !node_.is_retired()) node_.loop().look_again(node_);
    }
    std::size_t most_;
};

}  // namespace detail

inline async_buffered_stream::async_buffered_stream(async_stream stream, std::size_t limit, std::size_t high_water)
    : state_{new detail::buffered_state{std::move(stream), limit, high_water}} {}
inline async_buffered_stream::async_buffered_stream(async_buffered_stream&&) noexcept = default;
inline async_buffered_stream& async_buffered_stream::operator=(async_buffered_stream&&) noexcept = default;
inline async_buffered_stream::~async_buffered_stream() = default;

inline detail::reading<detail::line_message> async_buffered_stream::recv_line() { return {opened(), {}}; }
inline detail::reading<detail::delimited_message> async_buffered_stream::recv_until(std::string_view delimiter) {
    return {opened(), {delimiter}};
}
inline detail::reading<detail::sized_message> async_buffered_stream::recv_exact(std::size_t size) {
    return {opened(), {size}};
}
inline detail::reading_value<detail::filling_call> async_buffered_stream::recv_exact(mutable_buffer buffer) {
    return {opened(), {buffer, nullptr}};
}
inline detail::reading_value<detail::filling_call> async_buffered_stream::recv_exact(mutable_buffer buffer,
                                                                                     std::size_t& filled) {
    return {opened(), {buffer, &filled}};
}
inline detail::reading_value<detail::receiving_call> async_buffered_stream::recv(mutable_buffer buffer) {
    return {opened(), {buffer}};
}
inline detail::reading_value<detail::skipping_call> async_buffered_stream::skip_until(std::string_view delimiter) {
    return {opened(), {delimiter}};
}
inline detail::message_report<detail::line_message> async_buffered_stream::recv_line(std::error_code& error) {
    return detail::message_report<detail::line_message>{error, opened(), detail::line_message{}};
}
inline detail::message_report<detail::delimited_message> async_buffered_stream::recv_until(std::string_view delimiter,
                                                                                           std::error_code& error) {
    return detail::message_report<detail::delimited_message>{error, opened(), detail::delimited_message{delimiter}};
}
inline detail::message_report<detail::sized_message> async_buffered_stream::recv_exact(std::size_t size,
                                                                                       std::error_code& error) {
    return detail::message_report<detail::sized_message>{error, opened(), detail::sized_message{size}};
}
inline detail::value_report<detail::filling_call> async_buffered_stream::recv_exact(mutable_buffer buffer,
                                                                                    std::error_code& error) {
    return detail::value_report<detail::filling_call>{error, opened(), detail::filling_call{buffer, nullptr}};
}
inline detail::value_report<detail::receiving_call> async_buffered_stream::recv(mutable_buffer buffer,
                                                                                std::error_code& error) {
    return detail::value_report<detail::receiving_call>{error, opened(), detail::receiving_call{buffer}};
}
inline detail::value_report<detail::skipping_call> async_buffered_stream::skip_until(std::string_view delimiter,
                                                                                     std::error_code& error) {
    return detail::value_report<detail::skipping_call>{error, opened(), detail::skipping_call{delimiter}};
}
inline std::optional<std::string_view> async_buffered_stream::take_until(std::string_view delimiter) noexcept {
    return opened().reader.take_until(delimiter);
}
inline std::optional<std::string_view> async_buffered_stream::take_line() noexcept { return opened().reader.take_line(); }
inline std::optional<std::string_view> async_buffered_stream::take_exact(std::size_t size) noexcept {
    return opened().reader.take_exact(size);
}
inline std::string_view async_buffered_stream::buffered() const noexcept { return opened().reader.buffered(); }
inline std::size_t async_buffered_stream::limit() const noexcept { return opened().reader.limit(); }
inline std::size_t async_buffered_stream::capacity() const noexcept { return opened().reader.capacity(); }
inline void async_buffered_stream::shrink_to_fit() noexcept { opened().reader.shrink_to_fit(); }
inline detail::writing async_buffered_stream::write(const_buffer bytes) {
    detail::buffered_state& state = opened();
    if (!state.node().is_closed()) [[likely]]  // a closed stream gathers no bytes
        state.gather(as_text(bytes));
    return {state, state.high_water};
}
inline bool async_buffered_stream::try_send(const_buffer bytes) {
    detail::buffered_state& state = opened();
    detail::io_node& node = state.node();
    if (!state.has_room(bytes.size())) return false;
    state.gather(as_text(bytes));
    if (node.has_reader()) node.loop().look_again(node);
    return true;
}
inline detail::writing async_buffered_stream::flush() { return {opened(), 0}; }
inline std::size_t async_buffered_stream::unsent() const noexcept { return state_ ? state_->unsent.size() : 0; }
inline async_stream& async_buffered_stream::stream() {
    if (!state_) detail::throw_error(std::make_error_code(std::errc::bad_file_descriptor), "a closed socket");
    return state_->stream;
}
/// Returns a state with a closed stream. Every operation on it fails with errc::bad_file_descriptor.
[[gnu::noinline]] inline detail::buffered_state& async_buffered_stream::empty() {
    static thread_local detail::buffered_state none{async_stream{}, 1, 0};
    return none;
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_BUFFERED_HPP

// netnotes/coro/byte_stream.hpp: a stream of your own, and lines over it
// SPDX-License-Identifier: MIT
//
// A protocol such as HTTP needs only four calls of its connection: recv, send, shutdown and close. So it can run over
// anything that has them: a socket, a connection that TLS encrypts, or a stream in memory for a test. The concept
// async_byte_stream names these four calls:
//
//     class encrypted {
//       public:
//         encrypted(async_stream below) : below_{std::move(below)} {}          not explicit, so serve() can make it
//         task<std::size_t> recv(mutable_buffer buffer);                       at least one byte; 0 at the end
//         task<std::size_t> send(const_buffer bytes);                          at least one byte
//         void shutdown(shutdown_direction direction) { below_.shutdown(direction); }
//         void close() noexcept { below_.close(); }
//     };
//     task<> talk(encrypted client) {                                          a handler for serve()
//         basic_async_buffered_stream lines{std::move(client)};
//         auto line = co_await lines.recv_line(); ...
//     }
//     loop.run(serve(where, talk));
//
// Lines of a keyboard or of a pipe need only an object from which tasks can read, such as an async_descriptor:
//
//     basic_async_buffered_stream keyboard{async_descriptor{STDIN_FILENO}};
//     while (auto line = co_await keyboard.recv_line()) ...
//
//        your protocol ──> basic_async_buffered_stream<encrypted> ──> encrypted ──> async_stream ──> kernel
//
// On this page:  async_byte_stream · basic_async_buffered_stream
// Beside it:     coro/buffered.hpp, the same calls for sockets, with less memory and fewer copies

#ifndef NETNOTES_CORO_BYTE_STREAM_HPP
#define NETNOTES_CORO_BYTE_STREAM_HPP

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>







// netnotes/coro/pump.hpp: bytes from one connection to another, for tasks
// SPDX-License-Identifier: MIT
//
// A proxy for a thousand clients is a handler of two lines. The header tcp/pump.hpp explains what a loop written by
// hand gets wrong:
//
//     task<> proxy(async_stream client) {
//         async_stream server = co_await async_connect("example.net", 80);
//         co_await pump_both(client, server);
//     }
//
//        client ── bytes ──> pump(client, server) ── bytes ──> server          each direction ends by itself
//               <── bytes ── pump(server, client) <── bytes ──
//
// A keyboard and a screen are ends of a pump, too. So netcat is these lines:
//
//     task<> netcat(async_stream& server) {
//         async_descriptor keyboard{STDIN_FILENO}, screen{STDOUT_FILENO};
//         const auto body = [&](task_group& group) -> task<> {
//             group.spawn(pump(keyboard, server));
//             co_await pump(server, screen);
//             group.cancel();                         // the server has ended, so nobody need type on
//         };
//         co_await with_group(body);
//     }
//
// On this page:  async_byte_source · async_byte_sink · copy_bytes · pump · pump_both
// Below it:      coro/stream.hpp, coro/descriptor.hpp; tcp/pump.hpp, the same for threads
// The notes:     gevent版-TCP服务器 (the gevent server)

#ifndef NETNOTES_CORO_PUMP_HPP
#define NETNOTES_CORO_PUMP_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>




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


// netnotes/coro/timeout.hpp: an end for each wait, and a cleanup that may wait
// SPDX-License-Identifier: MIT
//
// A peer may never answer. So each wait for it needs a limit, and the limit should hold for the whole conversation:
//
//     auto answer = co_await with_timeout(2s, ask(server));             // the result, or errc::timed_out
//     std::size_t size = co_await with_timeout(2s, stream.recv(room));  // one operation, without a task around it
//
//        with_timeout(2s, ask) ── ask() ─────────── answer ──> the result
//                              └─ 2 s ──> cancel ask(), wait until it has ended, throw errc::timed_out
//
// A timeout cancels the task, and each later wait of a cancelled task throws. That is wrong for a cleanup that has to
// wait, such as a last message to the peer. shield() runs such a cleanup to its end, but not longer than its bound:
//
//     std::exception_ptr failure;
//     try { co_await talk(stream); } catch (...) { failure = std::current_exception(); }     // no co_await inside catch
//     co_await shield(2s, say_goodbye(stream));
//     if (failure) std::rethrow_exception(failure);
//
//        talk() ── cancelled ──> shield(2s, say_goodbye) ──> its end, or its cancellation after 2 s ──> cancelled
//
// On this page:  with_timeout · shield
// Below it:      coro/parts.hpp
// The notes:     asyncio, async/await; example 25

#ifndef NETNOTES_CORO_TIMEOUT_HPP
#define NETNOTES_CORO_TIMEOUT_HPP

#include <coroutine>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>



// netnotes/coro/parts.hpp: one task that waits for several
// SPDX-License-Identifier: MIT
//
// when_all(), when_any(), with_timeout(), shield(), with_group() and serve() do the same: they run tasks beside one
// another and wait until all have ended. They differ only in what they do when a part ends or the waiting task is
// cancelled:
//
//        joint_wait ──┬── part: task a ───────── ends ──> part_ended(a)
//                     ├── part: task b ─────────────────────── ends ──> part_ended(b)
//                     └── part: task c ──── ends ──> part_ended(c)          └── the last one: resume the waiting task
//
//        the waiting task is cancelled ──> cancel_parts(), and it still waits until all parts have ended
//
// On this page:  for authors of awaitables: joint_wait · part_base, part
// Above it:      coro/when.hpp, coro/timeout.hpp, coro/group.hpp, coro/serve.hpp

#ifndef NETNOTES_CORO_PARTS_HPP
#define NETNOTES_CORO_PARTS_HPP

#include <coroutine>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>





namespace netnotes::detail {

/// What a compiler shows if a task with a name is passed where the task has to be moved.
template <class... Ts>
auto advise_to_move() {  // auto: the compiler then reports it before anything else
    static_assert(sizeof...(Ts) == 0, "a task runs once: write std::move(it) for a task, or a vector of tasks, with a name");
}

template <class T>
using value_or_monostate = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
class part_base;

/// Waits until several chains, its parts, have ended.
class joint_wait : public loop_operation {
  public:
    bool await_ready() const noexcept { return false; }

  protected:
    friend class part_base;
    /// `has_result`: see part_base::end().
    explicit joint_wait(bool has_result) noexcept : has_result_{has_result} {}
    ~joint_wait() = default;

    /// Tells the derived class that a part has ended. The last part resumes the waiting task after this call.
    virtual void part_ended(part_base& which) noexcept = 0;

    /// Calls `begin()`, which begins the parts. They begin inside this call, even if this chain has kept other tasks
    /// waiting for many steps. A part may refer to an object that another task ends, or to lent bytes, and must use them
    /// before any other task runs. Its first operation then gives up the turn.
    template <class Begin>
    bool begin_all(std::coroutine_handle<> waiter, fiber& whose, Begin begin) {
        waits(waiter, whose);
        running_ = 1;  // counts this call, so that a part that ends at once does not resume the waiting task here
        const bool may_go_on = whose.loop().take_step();
        begin();
        if (--running_ > 0) return true;
        decided();
        return !may_go_on && leave_turn(waiter, whose);  // there was no part, or all have ended without an operation
    }

    /// Cancels all parts.
    virtual void cancel_parts() noexcept = 0;
    /// Cancels all parts. Nested waits are put in a list and cancelled one after another, so that the stack does not
    /// grow.
    void cancelled() noexcept final {
        static constinit thread_local joint_wait* to_be_cancelled = nullptr;
        static constinit thread_local bool is_at_it = false;
        if (std::exchange(is_listed_, true)) return;
        next_ = std::exchange(to_be_cancelled, this);
        if (std::exchange(is_at_it, true)) return;
        while (to_be_cancelled) {
            joint_wait& first = *std::exchange(to_be_cancelled, to_be_cancelled->next_);
            first.is_listed_ = false;
            first.cancel_parts();
        }
        is_at_it = false;
    }

  public:
    [[nodiscard]] std::size_t running() const noexcept { return running_; }

  private:
    std::size_t running_ = 0;
    joint_wait* next_ = nullptr;
    bool has_result_;
    bool is_listed_ = false;
};

/// One of the chains that a joint_wait waits for.
class part_base : public fiber {
  public:
    [[nodiscard]] virtual std::exception_ptr exception() const noexcept = 0;
    [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
    /// Withdraws this part if `whole`, the waiting chain, was withdrawn; cancels it otherwise.
    void cancel_with(const fiber& whole) noexcept {
        if (whole.is_withdrawn())
            withdraw();
        else
            cancel();
    }

  protected:
    part_base() noexcept = default;
    virtual ~part_base() = default;
    void begin(joint_wait& whole, std::coroutine_handle<> self, bool is_shielded, bool is_operation) {
        whole_ = &whole;
        belongs_to(whole.chain());
        if (whole.chain().is_cancelled() && !is_shielded) cancel_with(whole.chain());
        ++whole.running_;
        if (is_operation || !between.is_deep()) {
            scheduler& loop = this->loop();  // this part may be destroyed when resume() returns
            const unsigned before = loop.runs(*this);
            self.resume();
            return loop.runs_again(before);
        }
        goes_on_at(self);
        postpone();
    }
    /// Returns the wait that this part belongs to. The part must have begun.
    [[nodiscard]] joint_wait& whole() const noexcept { return *whole_; }
    /// Ends a part that has no task to run.
    void fail_at_once(joint_wait& whole) noexcept {
        whole_ = &whole;
        belongs_to(whole.chain());
        ++whole.running_;
        end();
    }
    /// Ends this part. The last part to end resumes the waiting task. If there is a result, the waiting task is resumed
    /// before any other chain. The result may have been taken from a socket or a channel, and must reach the waiting
    /// task before another task can cancel it.
    void end() noexcept {
        has_ended_ = true;
        joint_wait& whole = *whole_;
        whole.part_ended(*this);  // this call may destroy the part
        if (--whole.running_ > 0) return;
        if (whole.has_result_)
            whole.go_on_next();
        else
            whole.go_on();
    }

  private:
    bool postpone() noexcept final {
        loop().make_ready(*this);
        return true;
    }
    joint_wait* whole_ = nullptr;
    bool has_ended_ = false;
};

template <class T>
class part : public part_base {
  public:
    /// Takes a task. An empty task fails when it begins, so that its error comes from the wait.
    explicit part(task<T>&& what) noexcept : task_{task_access::release(what)} {}
    ~part() override {
        if (!task_) return;
        task_.destroy();
        leave_awaiter();
    }
    [[nodiscard]] std::exception_ptr exception() const noexcept override { return outcome_.exception(); }
    T take() { return outcome_.take(); }
    value_or_monostate<T> take_value() {
        if constexpr (std::is_void_v<T>) {
            outcome_.take();
            return {};
        } else {
            return outcome_.take();
        }
    }
    /// Begins the task: inside this call, or at the next turn if the stack is deep. A task around one operation always
    /// begins inside this call, because the operation may refer to an object that another task ends. It begins as
    /// cancelled if the waiting chain is cancelled, unless `is_shielded`.
    void begin(joint_wait& whole, bool is_shielded = false) {
        if (!task_) return fail(whole);
        task_.promise().belongs_to(*this);
        part_base::begin(whole, task_, is_shielded, task_.promise().is_operation());
    }
    [[nodiscard]] bool is_empty() const noexcept { return !task_; }

  private:
    [[gnu::noinline]] void fail(joint_wait& whole) {
        outcome_.set_exception(std::make_exception_ptr(
            std::logic_error{"empty task: default-constructed, moved from, or already awaited"}));
        fail_at_once(whole);
    }
    void ended() noexcept override {
        try {
            outcome_.take_over(task_.promise().outcome);
        } catch (...) {
            outcome_.set_exception(std::current_exception());
        }
        std::exchange(task_, nullptr).destroy();
        end();
    }

    std::coroutine_handle<task_promise<T>> task_;
    result<T> outcome_;
};

}  // namespace netnotes::detail

#endif  // NETNOTES_CORO_PARTS_HPP




namespace netnotes {

namespace detail {
template <class T>
class waiting_with_timeout;
template <class T>
class waiting_in_shield;

/// Says which wait has timed out: its name, and the function that waits. Where to report it: nullptr if it is thrown.
struct wait_name {
    const char* name;
    const char* caller;
    std::error_code* report = nullptr;
};

template <class Awaitable>
concept has_awaiter = requires(Awaitable&& what) { static_cast<Awaitable&&>(what).operator co_await(); };
template <class Awaitable>
concept is_awaiter = requires(Awaitable&& what) {
    what.await_ready();
    what.await_resume();
};
template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& what) {
    if constexpr (has_awaiter<Awaitable>)
        return static_cast<Awaitable&&>(what).operator co_await();
    else
        return static_cast<Awaitable&&>(what);
}
/// What `co_await what` returns.
template <class Awaitable>
using await_result = decltype(awaiter_of(std::declval<Awaitable>()).await_resume());

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<task<T>> = true;
template <class T>
inline constexpr bool is_task<reporting_task<T>> = true;
}  // namespace detail

/// An operation of this library that can be awaited, such as stream.recv(buffer) or handle.join(). Not a task.
template <class Operation>
concept awaitable_operation = (detail::has_awaiter<Operation> || detail::is_awaiter<Operation>)&&
    !detail::is_task<std::remove_cvref_t<Operation>>;

/// `co_await with_timeout(2s, a())` runs the task, and cancels it when `time` has passed. Returns the task's result or
/// throws its exception. If the timeout has ended the task, it throws std::system_error with errc::timed_out. what()
/// then names the wait and the time: `with_timeout in fetch: not done after 2 s`. With a name, it is `ask the server:
/// not done after 2 s`. The name is not copied.
///
/// If the task returns a result in spite of the cancellation, that result is returned. With `never` there is no
/// timeout.
///
/// A call of this library that reports its error in a std::error_code reports errc::timed_out there, too, and
/// with_timeout() then throws nothing: `co_await with_timeout(2s, stream.recv(buffer, error))`. A limit around another
/// limit throws all the same.
template <class T>
[[nodiscard]] auto with_timeout(wait_time time, task<T>&& what, const char* name = nullptr,
                                const char* caller = __builtin_FUNCTION()) {
    return detail::awaited_once<detail::waiting_with_timeout<T>, duration, task<T>, detail::wait_name>{
        time, std::move(what), detail::wait_name{name, caller}};
}
template <class T>
[[nodiscard]] auto with_timeout(wait_time time, detail::reporting_task<T>&& what, const char* name = nullptr,
                                const char* caller = __builtin_FUNCTION()) {
    std::error_code* const report = what.report();
    return detail::awaited_once<detail::waiting_with_timeout<T>, duration, task<T>, detail::wait_name>{
        time, std::move(what), detail::wait_name{name, caller, report}};
}
/// Runs the task that `what()` returns. The function lives as long as its task.
template <task_function Function>
[[nodiscard]] auto with_timeout(wait_time time, Function what, const char* name = nullptr,
                                const char* caller = __builtin_FUNCTION()) {
    return with_timeout(time, detail::call_in_frame(std::move(what)), name, caller);
}
/// Awaits one operation and returns its result: `co_await with_timeout(2s, stream.recv(buffer))`. Await it in the same
/// expression, because the operation is not copied. Bytes that stream.recv() lends are valid until the next wait, as
/// without a timeout.
template <awaitable_operation Operation>
[[nodiscard]] auto with_timeout(wait_time time, Operation&& operation, const char* name = nullptr,
                                const char* caller = __builtin_FUNCTION());

/// A mistake: the message says what to write.
template <class What, class Rep, class Period>
auto with_timeout(What&&, std::chrono::duration<Rep, Period>) {
    static_assert(std::is_same_v<What, void>, "the time comes first: write with_timeout(2s, what)");
}
template <class T>
auto with_timeout(wait_time, const task<T>&, const char* = nullptr, const char* = nullptr) {
    detail::advise_to_move<T>();
}
template <class Function>
requires(std::is_invocable_v<Function&> && !task_function<Function>) auto with_timeout(wait_time, Function) {
    static_assert(task_function<Function>, "the function must return a task: write []() -> task<> { ...; co_return; }");
}

/// `co_await shield(2s, cleanup())` runs the task to its end even if the awaiting task is cancelled, before or during
/// the call. When `at_most` has passed since the cancellation, it cancels the task. Without a cancellation there is no
/// limit. Returns the task's result or throws its exception. The next wait of a cancelled caller throws
/// netnotes::cancelled, as always.
///
/// If the main task of event_loop::run() awaits the rest of its work in shield(), a stop lets that work finish. Tasks
/// that do not run inside shield() are cancelled at once.
template <class T>
[[nodiscard]] auto shield(wait_time at_most, task<T>&& what) {
    return detail::awaited_once<detail::waiting_in_shield<T>, duration, task<T>>{at_most, std::move(what)};
}
/// Runs the task that `what()` returns. The function lives as long as its task.
template <task_function Function>
[[nodiscard]] auto shield(wait_time at_most, Function what) {
    return shield(at_most, detail::call_in_frame(std::move(what)));
}
/// Awaits one operation and returns its result, in the same expression: `co_await shield(2s,
/// stream.send_all("bye\n"))`.
template <awaitable_operation Operation>
[[nodiscard]] auto shield(wait_time at_most, Operation&& operation);
/// A mistake: the message says what to write.
template <class T>
auto shield(wait_time, const task<T>&) {
    detail::advise_to_move<T>();
}

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Returns "2 s", "250 ms", "1500 us" or "7 ns": the largest unit that needs no fraction.
inline std::string to_text(duration time) {
    const auto count = std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
    if (count % 1'000'000'000 == 0) return std::to_string(count / 1'000'000'000) + " s";
    if (count % 1'000'000 == 0) return std::to_string(count / 1'000'000) + " ms";
    if (count % 1'000 == 0) return std::to_string(count / 1'000) + " us";
    return std::to_string(count) + " ns";
}

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_timed_out(const wait_name& what, duration after) {
    const std::string where =
        what.name ? std::string{what.name} : std::string{"with_timeout in "}.append(what.caller);
    throw std::system_error{std::make_error_code(std::errc::timed_out), where + ": not done after " + to_text(after)};
}

/// Awaits an operation that lies in the frame of the caller.
template <class Operation>
task<await_result<Operation>> await_in_frame(Operation&& operation) {
    co_return co_await static_cast<Operation&&>(operation);
}
template <class Operation>
task<await_result<Operation>> await_there(Operation&& operation) {
    auto made = await_in_frame<Operation>(static_cast<Operation&&>(operation));
    task_access::is_operation(made);
    return made;
}

template <class T>
class [[nodiscard]] waiting_with_timeout : public joint_wait, private loop_timer {
  public:
    waiting_with_timeout(duration time, task<T>&& what, const wait_name& name)
        : joint_wait{true}, part_{std::move(what)}, time_{time}, name_{name} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        fiber& whose = waiter.promise().chain();
        return begin_all(waiter, whose, [&] {
            if (time_ != never) whose.loop().arm(*this, later(whose.loop().now(), time_));
            part_.begin(*this);
        });
    }
    T await_resume() {
        if (has_expired_ && !chain().is_cancelled()) [[unlikely]] {
            const bool was_cancelled = part_.exception() && is_cancellation(part_.exception());
            if (was_cancelled && !name_.report) throw_timed_out(name_, time_);
            // A call that counts reports its cancellation itself, and returns the count.
            if (was_cancelled || (name_.report && *name_.report == std::errc::operation_canceled))
                *name_.report = std::make_error_code(std::errc::timed_out);
            if constexpr (std::is_void_v<T> || std::is_default_constructible_v<T>)
                if (was_cancelled) return T();
        }
        return part_.take();
    }

  private:
    void part_ended(part_base&) noexcept override { cancel(); }
    void cancel_parts() noexcept override { part_.cancel_with(chain()); }
    void expired() noexcept override {
        has_expired_ = true;
        part_.cancel();
    }

    part<T> part_;
    duration time_;
    wait_name name_;
    bool has_expired_ = false;
};

template <class T>
class [[nodiscard]] waiting_in_shield : public joint_wait, private loop_timer {
  public:
    waiting_in_shield(duration at_most, task<T>&& what)
        : joint_wait{true}, part_{std::move(what)}, at_most_{at_most} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        fiber& whose = waiter.promise().chain();
        return begin_all(waiter, whose, [&] {
            if (whose.is_cancelled()) cancel_parts();
            part_.begin(*this, true);
        });
    }
    T await_resume() { return part_.take(); }

  private:
    void part_ended(part_base&) noexcept override { cancel(); }
    /// The waiting chain was cancelled: now the time runs. It may be called twice, by cancel() and by withdraw().
    void cancel_parts() noexcept override {
        scheduler& loop = chain().loop();
        if (!std::exchange(is_limited_, true)) loop.arm(*this, later(loop.now(), at_most_));
    }
    void expired() noexcept override { part_.cancel_with(chain()); }

    part<T> part_;
    duration at_most_;
    bool is_limited_ = false;
};

}  // namespace detail

template <awaitable_operation Operation>
auto with_timeout(wait_time time, Operation&& operation, const char* name, const char* caller) {
    if constexpr (requires { operation.report(); }) {
        std::error_code* const report = operation.report();
        return with_timeout(
            time, detail::reporting_task{detail::await_there<Operation>(static_cast<Operation&&>(operation)), *report},
            name, caller);
    } else {
        return with_timeout(time, detail::await_there<Operation>(static_cast<Operation&&>(operation)), name, caller);
    }
}
template <awaitable_operation Operation>
auto shield(wait_time at_most, Operation&& operation) {
    return shield(at_most, detail::await_there<Operation>(static_cast<Operation&&>(operation)));
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_TIMEOUT_HPP

// netnotes/coro/when.hpp: all results, the first, or the first that succeeds
// SPDX-License-Identifier: MIT
//
// Often a task needs the results of several others, and the others can run at the same time. Then it takes as long as
// the slowest of them, and not as long as all together:
//
//     auto [page, icon] = co_await when_all(fetch("/"), fetch("/icon"));    both results, or the first exception
//     auto first = co_await when_any(ask(mirror_1), ask(mirror_2));         the first that ends; the other is cancelled
//     auto answer = co_await first_success(ask(mirror_1), ask(mirror_2));   the first that does not fail
//
//     std::vector<task<std::string>> tasks;                                 or any number of them, of one kind:
//     for (const std::string& name : names) tasks.push_back(fetch(name));
//     std::vector<std::string> pages = co_await when_all(std::move(tasks));
//
//        when_all       ── a ────────> result         when_any  ── a ─────────> cancelled
//                       ── b ──> result  (waits)                ── b ──> result          first_success goes on if
//                                                                                        b throws, and waits for a
//
// No task outlives the wait: the losers are cancelled, and the wait lasts until they have ended, too. If the awaiting
// task is cancelled, all these tasks are cancelled.
//
// On this page:  when_all · when_any · first_success, first_result
// Below it:      coro/parts.hpp
// The notes:     asyncio, async/await; example 25

#ifndef NETNOTES_CORO_WHEN_HPP
#define NETNOTES_CORO_WHEN_HPP

#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>




namespace netnotes {

/// The first result of several tasks: `auto [index, value] = co_await when_any(std::move(tasks))`.
template <class T>
struct first_result {
    first_result(std::size_t which, detail::value_or_monostate<T>&& result)
        : index{which}, value{std::forward<detail::value_or_monostate<T>>(result)} {}
    std::size_t index;                    ///< the position of its task
    detail::value_or_monostate<T> value;  ///< std::monostate for a task<void>
};

namespace detail {
template <class... Ts>
class waiting_for_all;
template <class... Ts>
class waiting_for_any;
template <class T>
class waiting_for_all_of;
template <class T>
class waiting_for_any_of;
/// Says which part ends the wait: the first that ends, or the first that succeeds.
enum class winner_is : bool { first, first_success };
template <class T>
using all_results = std::conditional_t<std::is_void_v<T>, void, std::vector<value_or_monostate<T>>>;
inline void refuse_empty(bool is_empty, const char* why);
}  // namespace detail

/// `co_await when_all(a(), b())` runs all tasks at the same time and waits until all have ended. It begins them in this
/// order, each up to its first wait. Returns a std::tuple of the results, with std::monostate for a task<void>.
///
/// If a task throws, the others are cancelled. When all have ended, the first exception is thrown and the other results
/// are dropped. If a result must not be lost, such as a value from a channel, let the task store it in a variable
/// outside.
template <class... Ts>
[[nodiscard]] detail::awaited_once<detail::waiting_for_all<Ts...>, task<Ts>...> when_all(task<Ts>&&... tasks) {
    return detail::awaited_once<detail::waiting_for_all<Ts...>, task<Ts>...>{std::move(tasks)...};
}

/// `co_await when_any(a(), b())` runs all tasks at the same time until the first ends. Then it cancels the others, and
/// waits until they have ended. Returns the result of the first task as a std::variant, whose index() is the position
/// of that task; or throws its exception. The results and exceptions of the others are dropped.
template <class... Ts>
requires(sizeof...(Ts) > 0)
    [[nodiscard]] auto when_any(task<Ts>&&... tasks) {
    return detail::awaited_once<detail::waiting_for_any<Ts...>, detail::winner_is, task<Ts>...>{
        detail::winner_is::first, std::move(tasks)...};
}

/// `co_await first_success(a(), b())` runs all tasks at the same time until the first returns a result. Then it cancels
/// the others, and waits until they have ended. Returns a std::variant as when_any() does. If every task throws, it
/// throws what the first of them to end has thrown.
template <class... Ts>
requires(sizeof...(Ts) > 0)
    [[nodiscard]] auto first_success(task<Ts>&&... tasks) {
    return detail::awaited_once<detail::waiting_for_any<Ts...>, detail::winner_is, task<Ts>...>{
        detail::winner_is::first_success, std::move(tasks)...};
}

/// Does the same as when_all(a(), b()), for any number of tasks of one kind. Returns a std::vector of the results in
/// the order of the tasks, or nothing for tasks of void. For an empty vector it does not wait.
template <class T>
requires(!std::is_reference_v<T>)
    [[nodiscard]] auto when_all(std::vector<task<T>>&& tasks) {
    return detail::awaited_once<detail::waiting_for_all_of<T>, std::vector<task<T>>>{std::move(tasks)};
}
/// Does the same as when_any(a(), b()), for any number of tasks of one kind. Returns a first_result. Throws
/// std::invalid_argument if the vector is empty.
template <class T>
requires(!std::is_reference_v<T>)
    [[nodiscard]] auto when_any(std::vector<task<T>>&& tasks) {
    detail::refuse_empty(tasks.empty(), "when_any: no tasks");
    return detail::awaited_once<detail::waiting_for_any_of<T>, detail::winner_is, std::vector<std::exception_ptr>*,
                                std::vector<task<T>>>{detail::winner_is::first, nullptr, std::move(tasks)};
}
/// Does the same as first_success(a(), b()), for any number of tasks of one kind. Returns a first_result. Throws
/// std::invalid_argument if the vector is empty.
template <class T>
requires(!std::is_reference_v<T>)
    [[nodiscard]] auto first_success(std::vector<task<T>>&& tasks) {
    detail::refuse_empty(tasks.empty(), "first_success: no tasks");
    return detail::awaited_once<detail::waiting_for_any_of<T>, detail::winner_is, std::vector<std::exception_ptr>*,
                                std::vector<task<T>>>{detail::winner_is::first_success, nullptr, std::move(tasks)};
}
/// Does the same, and adds the exception of each task that fails before a success to `failures`, in the order of their
/// ends. `failures` must stay valid until the call returns.
template <class T>
requires(!std::is_reference_v<T>)
    [[nodiscard]] auto first_success(std::vector<task<T>>&& tasks, std::vector<std::exception_ptr>& failures) {
    detail::refuse_empty(tasks.empty(), "first_success: no tasks");
    return detail::awaited_once<detail::waiting_for_any_of<T>, detail::winner_is, std::vector<std::exception_ptr>*,
                                std::vector<task<T>>>{detail::winner_is::first_success, &failures, std::move(tasks)};
}

// Mistakes: the message says what to write.
template <class... What>
requires((requires { typename std::remove_cvref_t<What>::write_co_await; } || ...))
auto when_all(What&&...) {
    static_assert(sizeof...(What) == 0, "pass tasks only: write a function that returns task<> around the operation");
}
template <class... What>
requires((requires { typename std::remove_cvref_t<What>::write_co_await; } || ...))
auto when_any(What&&...) {
    static_assert(sizeof...(What) == 0, "pass tasks only: write a function that returns task<> around the operation");
}
template <class... Ts>
requires(sizeof...(Ts) > 0)
auto when_all(const task<Ts>&...) {
    detail::advise_to_move<Ts...>();
}
template <class... Ts>
requires(sizeof...(Ts) > 0)
auto when_any(const task<Ts>&...) {
    detail::advise_to_move<Ts...>();
}
template <class... Ts>
requires(sizeof...(Ts) > 0)
auto first_success(const task<Ts>&...) {
    detail::advise_to_move<Ts...>();
}
template <class T>
auto when_all(const std::vector<task<T>>&) {
    detail::advise_to_move<T>();
}
template <class T>
auto when_any(const std::vector<task<T>>&) {
    detail::advise_to_move<T>();
}
template <class T, class... Failures>
auto first_success(const std::vector<task<T>>&, Failures&...) {
    detail::advise_to_move<T>();
}

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Adds an exception to the list. Without memory for it, the exception is dropped.
inline void keep_failure(std::vector<std::exception_ptr>& failures, const std::exception_ptr& thrown) noexcept {
    try {
        failures.push_back(thrown);
    } catch (const std::bad_alloc&) {
    }
}

/// A wait for results. If the waiting task is cancelled already, the parts begin as cancelled, and the wait throws, even
/// if they end without a wait. Otherwise a loop over such waits could not be cancelled.
class wait_for_results : public joint_wait {
  protected:
    wait_for_results() noexcept : joint_wait{true} {}
    ~wait_for_results() = default;
    template <class Begin>
    bool begin_parts(std::coroutine_handle<> waiter, fiber& whose, Begin begin) {
        return begin_all(waiter, whose, [&] {
            if ((was_cancelled_ = whose.is_cancelled())) cancelled();
            begin();
        });
    }
    void throw_if_it_was_cancelled() const {
        if (was_cancelled_) throw_cancelled();
    }

  private:
    bool was_cancelled_ = false;
};

template <class... Ts>
class [[nodiscard]] waiting_for_all : public wait_for_results {
  public:
    explicit waiting_for_all(task<Ts>&&... tasks) : parts_{std::move(tasks)...} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin_parts(waiter, waiter.promise().chain(), [this] {
            std::apply([this](auto&... parts) { (parts.begin(*this), ...); }, parts_);
        });
    }
    std::tuple<value_or_monostate<Ts>...> await_resume() {
        throw_if_it_was_cancelled();
        if (failure_) std::rethrow_exception(failure_);
        return std::apply([](auto&... parts) { return std::tuple<value_or_monostate<Ts>...>{parts.take_value()...}; },
                          parts_);
    }

  private:
    void part_ended(part_base& which) noexcept override {
        if (failure_ || !(failure_ = which.exception())) return;
        cancelled();
    }
    void cancel_parts() noexcept override {
        std::apply([](auto&... parts) { (parts.withdraw(), ...); }, parts_);  // their results are not used
    }

    std::tuple<part<Ts>...> parts_;
    std::exception_ptr failure_;
};

/// The contest of when_any() and first_success(): remembers the winner, or the failures if every part fails.
class contest : public wait_for_results {
  protected:
    contest(winner_is what, std::vector<std::exception_ptr>* failures) noexcept
        : needs_success_{what == winner_is::first_success}, failures_{failures} {}
    ~contest() = default;
    /// Returns the winner. If there is no winner, throws the first failure, or netnotes::cancelled.
    const part_base& winner() const {
        throw_if_it_was_cancelled();
        if (!first_ && chain().is_cancelled()) throw_cancelled();
        if (!first_) std::rethrow_exception(failure_);
        return *first_;
    }

  private:
    void part_ended(part_base& which) noexcept final {
        if (first_) return;
        const std::exception_ptr thrown = needs_success_ ? which.exception() : nullptr;
        if (!thrown) {
            first_ = &which;
            return cancelled();
        }
        if (!failure_) failure_ = thrown;
        if (failures_) keep_failure(*failures_, thrown);
    }

    bool needs_success_;
    const part_base* first_ = nullptr;
    std::exception_ptr failure_;
    std::vector<std::exception_ptr>* failures_;
};

template <class... Ts>
class [[nodiscard]] waiting_for_any : public contest {
  public:
    explicit waiting_for_any(winner_is what, task<Ts>&&... tasks) : contest{what, nullptr}, parts_{std::move(tasks)...} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin_parts(waiter, waiter.promise().chain(), [this] {
            std::apply([this](auto&... parts) { (parts.begin(*this), ...); }, parts_);
        });
    }
    std::variant<value_or_monostate<Ts>...> await_resume() { return result_of<0>(winner()); }

  private:
    using outcome = std::variant<value_or_monostate<Ts>...>;
    template <std::size_t I>
    outcome result_of(const part_base& first) {
        auto& candidate = std::get<I>(parts_);
        if (&candidate == &first) return outcome{std::in_place_index<I>, candidate.take_value()};
        if constexpr (I + 1 < sizeof...(Ts))
            return result_of<I + 1>(first);
        else
            std::terminate();  // cannot happen: the winner is one of the parts
    }
    void cancel_parts() noexcept override {
        std::apply([](auto&... parts) { (parts.withdraw(), ...); }, parts_);  // their results are not used
    }

    std::tuple<part<Ts>...> parts_;
};

/// The parts of a range. They stay in place, because a part cannot be moved.
template <class T>
class part_list {
  public:
    explicit part_list(std::vector<task<T>>&& tasks)
        : first_{allocate(tasks.size())}, size_{tasks.size()} {
        for (std::size_t i = 0; i < size_; ++i) new (first_ + i) part<T>{std::move(tasks[i])};
    }
    part_list(const part_list&) = delete;
    part_list& operator=(const part_list&) = delete;
    ~part_list() {
        for (part<T>& each : *this) each.~part();
        ::operator delete(first_, std::align_val_t{alignof(part<T>)});
    }
    [[nodiscard]] part<T>* begin() const noexcept { return first_; }
    [[nodiscard]] part<T>* end() const noexcept { return first_ + size_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    void withdraw() const noexcept {
        for (part<T>& each : *this) each.withdraw();
    }

  private:
    static part<T>* allocate(std::size_t count) {
        if (count > static_cast<std::size_t>(-1) / sizeof(part<T>)) throw std::bad_array_new_length{};
        return static_cast<part<T>*>(::operator new(count * sizeof(part<T>), std::align_val_t{alignof(part<T>)}));
    }
    part<T>* first_;
    std::size_t size_;
};

template <class T>
class [[nodiscard]] waiting_for_all_of : public wait_for_results {
  public:
    explicit waiting_for_all_of(std::vector<task<T>>&& tasks) : parts_{std::move(tasks)} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin_parts(waiter, waiter.promise().chain(), [this] {
            for (part<T>& each : parts_) each.begin(*this);
        });
    }
    all_results<T> await_resume() {
        throw_if_it_was_cancelled();
        if (failure_) std::rethrow_exception(failure_);
        if constexpr (!std::is_void_v<T>) {
            std::vector<T> results;
            results.reserve(parts_.size());
            for (part<T>& each : parts_) results.push_back(each.take());
            return results;
        }
    }

  private:
    void part_ended(part_base& which) noexcept override {
        if (failure_ || !(failure_ = which.exception())) return;
        cancelled();
    }
    void cancel_parts() noexcept override { parts_.withdraw(); }  // their results are not used

    part_list<T> parts_;
    std::exception_ptr failure_;
};

template <class T>
class [[nodiscard]] waiting_for_any_of : public contest {
  public:
    waiting_for_any_of(winner_is what, std::vector<std::exception_ptr>* failures, std::vector<task<T>>&& tasks)
        : contest{what, failures}, parts_{std::move(tasks)} {}
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin_parts(waiter, waiter.promise().chain(), [this] {
            for (part<T>& each : parts_) each.begin(*this);
        });
    }
    first_result<T> await_resume() {
        const part_base& first = winner();
        part<T>* at = parts_.begin();
        while (at != &first) ++at;
        return {static_cast<std::size_t>(at - parts_.begin()), at->take_value()};
    }

  private:
    void cancel_parts() noexcept override { parts_.withdraw(); }  // their results are not used
    part_list<T> parts_;
};

inline void refuse_empty(bool is_empty, const char* why) {
    if (is_empty) throw std::invalid_argument{why};
}

}  // namespace detail
}  // namespace netnotes

#endif  // NETNOTES_CORO_WHEN_HPP


namespace netnotes {

namespace detail {
template <class From>
concept has_recv = requires(From& from, mutable_buffer room) {
    { std::declval<await_result<decltype(from.recv(room))>>() } -> std::convertible_to<std::size_t>;
};
template <class From>
concept has_read = requires(From& from, mutable_buffer room) {
    { std::declval<await_result<decltype(from.read(room))>>() } -> std::convertible_to<std::size_t>;
};
template <class From>
concept lends_bytes = requires(From& from) {
    { std::declval<await_result<decltype(from.recv())>>() } -> std::convertible_to<std::span<const std::byte>>;
};
template <class To>
concept sends_all = requires(To& to, const_buffer bytes) { std::declval<await_result<decltype(to.send_all(bytes))>>(); };
template <class To>
concept writes_all = requires(To& to, const_buffer bytes) { to.write_all(bytes); };
template <class To>
concept sends_some = requires(To& to, const_buffer bytes) {
    { std::declval<await_result<decltype(to.send(bytes))>>() } -> std::convertible_to<std::size_t>;
};
template <class To>
concept writes_and_flushes = requires(To& to, const_buffer bytes) {
    to.write(bytes);
    to.flush();
    to.stream().shutdown(shutdown_direction::send);
};
}  // namespace detail

/// An object out of which tasks take bytes: an async_stream, a buffered stream, an async_descriptor, or a stream of your
/// own (async_byte_stream).
template <class From>
concept async_byte_source = detail::has_recv<From> || detail::has_read<From>;
/// An object into which tasks put bytes: one of the same types.
template <class To>
concept async_byte_sink =
    detail::sends_all<To> || detail::writes_all<To> || detail::sends_some<To> || detail::writes_and_flushes<To>;

/// Moves bytes from one object to another until `from` ends, or until `max_bytes` bytes have moved. Returns their
/// number. Receives no byte beyond `max_bytes`, and does not end `to`. Both objects must stay valid and in their places
/// until the task ends. Throws what their calls throw; then some bytes may have moved.
template <async_byte_source From, async_byte_sink To>
[[nodiscard]] task<std::uint64_t> copy_bytes(From& from, To& to, std::uint64_t max_bytes = ~std::uint64_t{0});

/// Moves bytes until `from` ends, and then ends the sending direction of `to` (half-close), if it has directions.
/// Returns the number of bytes. If `from` fails, close() of `to` sends a reset, so that its peer can tell that bytes
/// are missing. A cancellation between two receives does not do that. Throws what the calls of both objects throw.
///
/// While it waits for bytes of an async_stream it holds no buffer; for other objects it holds one of 16 KiB.
template <async_byte_source From, async_byte_sink To>
[[nodiscard]] task<std::uint64_t> pump(From& from, To& to);

/// Moves bytes in both directions at the same time until both have ended. Each end is passed on by itself. Returns how
/// many bytes went from `first` to `second`, and how many went back. If a direction fails, the other is cancelled, and
/// the call throws. Then, and after a cancellation, close() of both objects sends a reset, so that no peer takes a part
/// for the whole. To limit the silence, call set_timeout() of both streams: then a direction in which no byte comes for
/// this time fails with errc::timed_out. That ends both directions, even if bytes move in the other.
template <class First, class Second>
requires(async_byte_source<First>&& async_byte_sink<First>&& async_byte_source<Second>&& async_byte_sink<Second>)
    [[nodiscard]] task<std::pair<std::uint64_t, std::uint64_t>> pump_both(First& first, Second& second);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Puts all bytes into `to`. The name of the call depends on the type.
template <class To>
task<> put_all(To& to, std::span<const std::byte> bytes) {
    if constexpr (sends_all<To>) {
        co_await to.send_all(bytes);
    } else if constexpr (writes_all<To>) {
        co_await to.write_all(bytes);
    } else if constexpr (writes_and_flushes<To>) {
        co_await to.write(bytes);
        co_await to.flush();
    } else {
        while (!bytes.empty()) {
            const std::size_t sent = co_await to.send(bytes);
            bytes = bytes.subspan(sent);
        }
    }
}
template <class From>
auto take_some(From& from, mutable_buffer room) {
    if constexpr (has_recv<From>)
        return from.recv(room);
    else
        return from.read(room);
}
template <class To>
void end_sending(To& to) {
    if constexpr (requires { to.shutdown(shutdown_direction::send); })
        to.shutdown(shutdown_direction::send);
    else if constexpr (requires { to.stream().shutdown(shutdown_direction::send); })
        to.stream().shutdown(shutdown_direction::send);
}
/// Makes close() send a reset, also for a stream inside a buffered stream.
template <class To>
void end_by_reset(To& to) noexcept {
    if constexpr (requires { to.stream(); }) {
        try {
            reset_at_close(to.stream());
        } catch (const std::system_error&) {  // the buffered stream was closed meanwhile, and has no stream
        }
    } else {
        reset_at_close(to);
    }
}
/// Moves the bytes of one direction, and then ends it. If there is `another` direction, it reports that the peer of
/// `to` has gone already.
template <class From, class To>
task<std::uint64_t> pump_way(From& from, To& to, bool another) {
    std::uint64_t moved = 0;
    try {
        if constexpr (lends_bytes<From> && sends_all<To>) {
            for (;;) {
                const auto bytes = co_await from.recv();
                if (bytes.empty()) break;
                const std::size_t size = bytes.size();
                co_await to.send_all(bytes);  // copies lent bytes if it has to wait
                moved += size;
            }
        } else {
            moved = co_await copy_bytes(from, to);
        }
    } catch (const std::system_error&) {
        end_by_reset(to);
        throw;
    }
    try {
        end_sending(to);
    } catch (const std::system_error& failure) {
        if (!another || failure.code() != std::errc::not_connected) throw;
    }
    co_return moved;
}

}  // namespace detail

template <async_byte_source From, async_byte_sink To>
task<std::uint64_t> copy_bytes(From& from, To& to, std::uint64_t max_bytes) {
    constexpr std::size_t most = 16 * 1024;
    const detail::owner<std::byte[]> room{new std::byte[most]};
    std::uint64_t moved = 0;
    while (moved < max_bytes) {
        const auto wanted = static_cast<std::size_t>(detail::min<std::uint64_t>(most, max_bytes - moved));
        const std::span<std::byte> some{room.get(), wanted};
        const std::size_t size = co_await detail::take_some(from, some);
        if (size == 0) break;
        co_await detail::put_all(to, some.first(size));
        moved += size;
    }
    co_return moved;
}

template <async_byte_source From, async_byte_sink To>
task<std::uint64_t> pump(From& from, To& to) {
    return detail::pump_way(from, to, false);
}

template <class First, class Second>
requires(async_byte_source<First>&& async_byte_sink<First>&& async_byte_source<Second>&& async_byte_sink<Second>)
    task<std::pair<std::uint64_t, std::uint64_t>> pump_both(First& first, Second& second) {
    try {
        auto [there, back] =
            co_await when_all(detail::pump_way(first, second, true), detail::pump_way(second, first, true));
        co_return std::pair<std::uint64_t, std::uint64_t>{there, back};
    } catch (...) {
        detail::end_by_reset(first);
        detail::end_by_reset(second);
        throw;
    }
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_PUMP_HPP




namespace netnotes {

/// A stream that tasks can use. `co_await stream.recv(buffer)` returns at least one byte, or 0 at the end of the
/// stream. `co_await stream.send(bytes)` returns how many bytes it has sent, at least one. shutdown() and close() do
/// not wait. A cancelled recv() or send() must lose no byte. async_stream is such a stream.
template <class Stream>
concept async_byte_stream = requires(Stream& stream, mutable_buffer buffer, const_buffer bytes) {
    { std::declval<detail::await_result<decltype(stream.recv(buffer))>>() } -> std::convertible_to<std::size_t>;
    { std::declval<detail::await_result<decltype(stream.send(bytes))>>() } -> std::convertible_to<std::size_t>;
    stream.shutdown(shutdown_direction::send);
    stream.close();
};

/// Reads messages from any async_byte_stream, and writes to it through a buffer: the same calls as
/// async_buffered_stream, with the same results and errors, but tasks. Only try_send() is missing, because a stream of
/// this kind has no send() that does not wait. Use it in one task, or in a reading task and a writing task, which must
/// then call flush().
///
/// An object without send(), such as an async_descriptor, can be read in the same way, and has no write() and flush().
///
/// While it waits it holds a buffer of 4 KiB, because recv() of an unknown stream needs one.
template <async_byte_source Stream>
class basic_async_buffered_stream {
    static constexpr bool sends = detail::sends_some<Stream>;

  public:
    /// Takes over the stream. A message may have at most `limit` bytes. If more than `high_water` bytes have gathered,
    /// write() sends them.
    explicit basic_async_buffered_stream(Stream stream, std::size_t limit = 64 * 1024,
                                         std::size_t high_water = 64 * 1024)
        : state_{new state{std::move(stream), limit, high_water}} {}
    /// Takes over the stream and the buffers of another object, which must not be used afterwards. Waiting tasks stay
    /// valid.
    basic_async_buffered_stream(basic_async_buffered_stream&&) noexcept = default;
    basic_async_buffered_stream& operator=(basic_async_buffered_stream&& other) noexcept {
        basic_async_buffered_stream taken{std::move(other)};
        std::swap(state_, taken.state_);
        return *this;
    }
    /// Closes the stream, or destroys an object without close(). A task that is waiting on it fails as after
    /// stream().close(). Assignment does the same to the stream that it replaces.
    ~basic_async_buffered_stream() {
        if (!state_.is_shared()) return;  // otherwise a task still owns the state
        if constexpr (requires { state_->stream.close(); })
            state_->stream.close();
        else
            static_cast<void>(Stream{std::move(state_->stream)});
    }

    /// Work like the calls of async_buffered_stream with the same names. Each returns a task. `error` must stay valid
    /// until the task ends.
    [[nodiscard]] task<std::optional<std::string_view>> recv_line() { return read<message>(state_, line_call); }
    [[nodiscard]] detail::reporting_task<std::optional<std::string_view>> recv_line(std::error_code& error) {
        return {report<message>(state_, line_call, error), error};
    }
    [[nodiscard]] task<std::optional<std::string_view>> recv_until(std::string_view delimiter) {
        return read<message>(state_, until_call(delimiter));
    }
    [[nodiscard]] detail::reporting_task<std::optional<std::string_view>> recv_until(std::string_view delimiter,
                                                                                     std::error_code& error) {
        return {report<message>(state_, until_call(delimiter), error), error};
    }
    [[nodiscard]] task<std::optional<std::string_view>> recv_exact(std::size_t size) {
        return read<message>(state_, exact_call(size));
    }
    [[nodiscard]] detail::reporting_task<std::optional<std::string_view>> recv_exact(std::size_t size,
                                                                                     std::error_code& error) {
        return {report<message>(state_, exact_call(size), error), error};
    }
    [[nodiscard]] task<std::size_t> recv_exact(mutable_buffer buffer) { return fill_from_0(state_, buffer); }
    [[nodiscard]] task<std::size_t> recv_exact(mutable_buffer buffer, std::size_t& filled) {
        return read<std::size_t>(state_, filling_call(buffer, filled));
    }
    [[nodiscard]] detail::reporting_task<std::size_t> recv_exact(mutable_buffer buffer, std::error_code& error) {
        return {report_filled(state_, buffer, error), error};
    }
    [[nodiscard]] task<std::size_t> recv(mutable_buffer buffer) {
        return read<std::size_t>(state_, receiving_call(buffer));
    }
    [[nodiscard]] detail::reporting_task<std::size_t> recv(mutable_buffer buffer, std::error_code& error) {
        return {report<std::size_t>(state_, receiving_call(buffer), error), error};
    }
    [[nodiscard]] task<bool> skip_until(std::string_view delimiter) {
        return read<bool>(state_, skipping_call(delimiter));
    }
    [[nodiscard]] detail::reporting_task<bool> skip_until(std::string_view delimiter, std::error_code& error) {
        return {report<bool>(state_, skipping_call(delimiter), error), error};
    }
    /// Return what the calls of async_buffered_stream with the same names return. They do not wait.
    std::optional<std::string_view> take_until(std::string_view delimiter) noexcept {
        return state_->reader.take_until(delimiter);
    }
    std::optional<std::string_view> take_line() noexcept { return state_->reader.take_line(); }
    std::optional<std::string_view> take_exact(std::size_t size) noexcept { return state_->reader.take_exact(size); }
    /// Returns the bytes that are in the reader. Bytes that were received and not looked at yet do not count.
    [[nodiscard]] std::string_view buffered() const noexcept { return state_->reader.buffered(); }
    [[nodiscard]] std::size_t limit() const noexcept { return state_->reader.limit(); }
    [[nodiscard]] std::size_t capacity() const noexcept { return state_->reader.capacity(); }
    void shrink_to_fit() noexcept { state_->reader.shrink_to_fit(); }

    /// Copies the bytes behind the gathered bytes, at the call. The task sends them if there are more than
    /// `high_water`.
    [[nodiscard]] task<> write(const_buffer bytes) requires sends {
        state_->unsent.append(as_text(bytes));
        return send_above(state_, state_->high_water);
    }
    /// Sends the gathered bytes. If another task is sending already, that task sends these bytes, too, and flush() does
    /// not wait for it. Gathered bytes that were not flushed are lost when the object is destroyed.
    [[nodiscard]] task<> flush() requires sends { return send_above(state_, 0); }
    /// Returns the number of bytes that have gathered and are not sent yet.
    [[nodiscard]] std::size_t unsent() const noexcept { return state_->unsent.size() + state_->in_flight.size(); }
    /// Returns the stream, for shutdown(), close() and calls of its own. Do not receive or send through it directly.
    [[nodiscard]] Stream& stream() noexcept { return state_->stream; }

  private:
    /// Holds the bytes of one receive, for the reader to take.
    struct source {
        std::size_t recv(mutable_buffer room, std::error_code& error) noexcept {
            if (begin == end && !has_ended) error = std::make_error_code(std::errc::operation_would_block);
            const std::size_t size = detail::min(room.size(), end - begin);
            detail::copy_n(bytes.get() + begin, size, room.data());
            begin += size;
            return size;
        }
        detail::owner<std::byte[]> bytes;
        std::size_t begin = 0, end = 0;
        bool has_ended = false;
    };
    using reader = buffered_reader<source>;
    struct state {
        state(Stream&& taken, std::size_t limit, std::size_t most)
            : stream{std::move(taken)}, reader{from, limit}, high_water{most} {}
        Stream stream;
        source from;
        basic_async_buffered_stream::reader reader;
        std::size_t high_water;
        detail::gathered_bytes unsent;
        detail::gathered_bytes in_flight;  // stays in place while send() waits, although a task may write more
        bool is_sending = false;
        std::size_t holders = 0;
    };
    /// One of several owners of the state. All of them belong to one loop, so the count needs no atomic.
    class holder {
      public:
        explicit holder(state* held) noexcept : held_{held} { ++held_->holders; }
        holder(const holder& other) noexcept : held_{other.held_} {
            if (held_) ++held_->holders;
        }
        holder(holder&& other) noexcept : held_{std::exchange(other.held_, nullptr)} {}
        holder& operator=(holder other) noexcept {
            std::swap(held_, other.held_);
            return *this;
        }
        ~holder() {
            if (held_ && --held_->holders == 0) delete held_;
        }
        state& operator*() const noexcept { return *held_; }
        state* operator->() const noexcept { return held_; }
        [[nodiscard]] bool is_shared() const noexcept { return held_ && held_->holders > 1; }

      private:
        state* held_;
    };

    // The calls of the reader, for the form that throws and for the form that reports.
    using message = std::optional<std::string_view>;
    static message line_call(reader& from, std::error_code& error) { return from.recv_line(error); }
    static auto until_call(std::string_view delimiter) {
        return [delimiter](reader& from, std::error_code& error) { return from.recv_until(delimiter, error); };
    }
    static auto exact_call(std::size_t size) {
        return [size](reader& from, std::error_code& error) { return from.recv_exact(size, error); };
    }
    static auto filling_call(mutable_buffer buffer, std::size_t& filled) {
        return [buffer, &filled](reader& from, std::error_code& error) {
            if (filled >= buffer.size()) return filled;
            filled += from.recv_exact(buffer.subspan(filled), error);
            if (!error && filled > 0 && filled < buffer.size())
                error = std::make_error_code(std::errc::protocol_error);
            return filled;
        };
    }
    static auto receiving_call(mutable_buffer buffer) {
        return [buffer](reader& from, std::error_code& error) { return buffer.empty() ? 0 : from.recv(buffer, error); };
    }
    static auto skipping_call(std::string_view delimiter) {
        return [delimiter](reader& from, std::error_code& error) { return from.skip_until(delimiter, error); };
    }

    template <class T, class Call>
    static task<T> report(holder of, Call call, std::error_code& error) {
        error.clear();
        try {
            co_return co_await read<T>(of, call);
        } catch (const std::system_error& failure) {
            error = failure.code();
        }
        co_return T{};
    }
    static task<std::size_t> fill_from_0(holder of, mutable_buffer buffer) {
        std::size_t filled = 0;
        co_return co_await read<std::size_t>(of, filling_call(buffer, filled));
    }
    static task<std::size_t> report_filled(holder of, mutable_buffer buffer, std::error_code& error) {
        error.clear();
        std::size_t filled = 0;
        try {
            co_await read<std::size_t>(of, filling_call(buffer, filled));
        } catch (const std::system_error& failure) {
            error = failure.code();
        } catch (const cancelled&) {
            error = std::make_error_code(std::errc::operation_canceled);
        }
        co_return filled;
    }
    template <class T, class Call>
    static task<T> read(holder of, Call call) {
        constexpr std::size_t room = 4096;
        for (;;) {
            std::error_code error;
            T result = call(of->reader, error);
            if (!error) co_return result;
            if (error != std::errc::operation_would_block) detail::throw_error(error, "read from a stream");
            if constexpr (sends) co_await send_above(of, 0);
            of->reader.shrink_to_fit();
            if (!of->from.bytes) of->from.bytes = detail::owner<std::byte[]>{new std::byte[room]};
            of->from.begin = of->from.end = 0;
            const std::span<std::byte> all{of->from.bytes.get(), room};
            of->from.end = co_await detail::take_some(of->stream, all);
            of->from.has_ended = of->from.end == 0;
        }
    }
    static task<> send_above(holder of, std::size_t most) {
        if (of->is_sending || of->unsent.size() + of->in_flight.size() <= most) co_return;
        const struct sending {
            explicit sending(state& all) noexcept : of{all} { of.is_sending = true; }
            sending(const sending&) = delete;
            sending& operator=(const sending&) = delete;
            ~sending() { of.is_sending = false; }
            state& of;
        } now{*of};
        for (;;) {
            if (of->in_flight.size() == 0) std::swap(of->in_flight, of->unsent);
            if (of->in_flight.size() == 0) co_return;
            const std::string_view bytes{of->in_flight.data(), of->in_flight.size()};
            const std::size_t sent = co_await of->stream.send(bytes);
            of->in_flight.remove(sent);
        }
    }

    holder state_;  // shared with the tasks that use it
};

}  // namespace netnotes

#endif  // NETNOTES_CORO_BYTE_STREAM_HPP

// netnotes/coro/connect.hpp: connecting to a host by its name
// SPDX-License-Identifier: MIT
//
// A host name stands for several addresses, and some of them may not answer. A client that tries them in sequence waits
// about two minutes for each dead address. So the attempts run as a race with a staggered start, Happy Eyeballs (RFC
// 8305):
//
//     async_stream server = co_await with_timeout(5s, async_connect("example.net", 80));
//
//        async_resolve() ──> 2001:db8::1, 192.0.2.1, 2001:db8::2
//
//          0 ms   2001:db8::1  ──── SYN ───>  . . .             cancelled: another attempt has won
//        250 ms   192.0.2.1    ──── SYN ───>  <─── SYN, ACK     the result
//                 2001:db8::2                                   would begin at 500 ms, or when an attempt fails
//
// Each attempt is a task of a group, so no attempt outlives the race. The header tcp/connect.hpp has the same race
// without coroutines. The race needs two pages there and only a few lines here: that is the benefit of structured
// concurrency.
//
// On this page:  async_connect · async_udp_connect
// Below it:      coro/lookup.hpp (async_resolve), coro/group.hpp
// The notes:     socket 简单服务器 (gethostname), TCP客户端; example 25

#ifndef NETNOTES_CORO_CONNECT_HPP
#define NETNOTES_CORO_CONNECT_HPP

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>





// netnotes/udp/connect.hpp: a UDP socket for one peer, found by its name
// SPDX-License-Identifier: MIT
//
// A client that asks one server needs the server's address, a socket of the same family, and connect(). This call does
// all three:
//
//     udp_socket server = udp_connect("ntp.example.net", 123);
//     server.set_timeout(2s);
//     server.send(request);
//     auto answer = server.recv_from(buffer);                          from this server only
//
//        "ntp.example.net" ── resolve() ──> 2001:db8::1   no route from here
//                                           192.0.2.1     connected
//
// The call cannot tell whether a server is there, because UDP has no handshake: it sends nothing. It takes the first
// address to which this host has a route. A host without IPv6 so comes to the IPv4 address of a server.
//
// On this page:  udp_connect
// Above it:      coro/connect.hpp (async_udp_connect), the same for tasks
// The notes:     udp 发送、接收数据; example 06

#ifndef NETNOTES_UDP_CONNECT_HPP
#define NETNOTES_UDP_CONNECT_HPP

#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <utility>


// netnotes/udp/socket.hpp: datagrams
// SPDX-License-Identifier: MIT
//
// UDP adds two things to IP: ports, and a checksum. Both addresses are in IP's header; UDP's own 8 bytes are both
// ports, the length, and the checksum (RFC 768). UDP keeps the borders of messages: one send is one receive, whole or
// not at all. UDP promises no delivery: a datagram may be lost, arrive twice, or overtake another, without a report.
// The checksum keeps a *damaged* datagram from being delivered. A program that needs more must do it itself, and must
// not flood a path that is full (RFC 8085 §3.1). The notes see UDP in local networks, but most such programs work
// across the Internet: QUIC, WebRTC, NTP, WireGuard, DNS.
//
//        sender                                       receiver
//          | send_to("one") ────────────────────────>  | recv_from() -> "one", and who sent it
//          | send_to("two") ────── ✗                   |                               nobody is told
//          | send_to("three") ──────────────────────>  | recv_from(4 bytes) -> "thre", truncated: "e" is gone
//          | send_to("")  ──────────────────────────>  | recv_from() -> no bytes, and a sender: a datagram too
//
// A datagram holds up to 65,507 bytes over IPv4 (65,535 less 20 for IP and 8 for UDP) and 65,527 over IPv6. The notes
// say "64 KB". Above the path's MTU, often 1,500, a datagram travels in fragments, and one lost fragment loses the
// whole datagram (RFC 8085 §3.2). Datagrams of 1,200 bytes pass nearly everywhere: QUIC relies on them (RFC 9000 §14).
//
// *Connecting* a UDP socket sends nothing. It notes the peer: then datagrams of others are not delivered, and send()
// needs no address. If no program listens there (ICMP port unreachable), the next call fails with
// errc::connection_refused. An unconnected socket gets no such error, whatever udp(7) says.
//
// A host has several addresses, and a server on the wildcard address (0.0.0.0, ::) is asked at any of them. Its answer
// must leave from that very address: a connected client and every firewall drop an answer from another address. So the
// kernel tells such a socket to which address each datagram came, and the socket keeps this beside the sender:
//
//        client ── "?" to 192.0.2.9 ──> recv_from() -> "?", sender: the client, who asked 192.0.2.9
//               <── "!" from 192.0.2.9 ── send_to("!", sender)            and not from the host's first address
//
// On this page:  udp_socket: sending and receiving
// Below it:      udp/datagram.hpp, sizes and senders; udp/batch.hpp, many datagrams at once; udp/multicast.hpp, groups
// The notes:     UDP, UDP特点, udp端口号动态变化解释, udp 发送数据, udp绑定, udp echo 服务器, udp广播, 单全双工信息收发
//                (UDP, its ports, sending, binding, echo, broadcast, full duplex); examples 06 to 09

#ifndef NETNOTES_UDP_SOCKET_HPP
#define NETNOTES_UDP_SOCKET_HPP

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>


// netnotes/udp/batch.hpp: many datagrams at once
// SPDX-License-Identifier: MIT
//
// A datagram costs a system call and little else, so a program with many datagrams saves calls:
//
//        send_batch   recv_batch                  many datagrams in one call: sendmmsg(2), recvmmsg(2)
//        send_segments   enable_receive_offload   many in one buffer, which the kernel cuts up: udp(7)
//
//        net::datagram_batch batch{32, 1500};                          // namespace net = netnotes
//        for (const auto& [bytes, sender, truncated] : socket.recv_batch(batch)) ...
//
// On this page:  datagram_batch · batch_socket, the part of udp_socket that knows many datagrams
// The notes:     beyond them

#ifndef NETNOTES_UDP_BATCH_HPP
#define NETNOTES_UDP_BATCH_HPP

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>





// netnotes/udp/datagram.hpp: datagrams and their senders
// SPDX-License-Identifier: MIT
//
// A datagram is a message with an address on it. The kernel keeps its borders, and cuts off what the buffer cannot
// hold:
//
//        send_to("three") ──────────────────────────>  recv_from(4 bytes) -> "thre", truncated
//
//        max_datagram_v4   65,507 bytes      65,535 less 20 for IP and 8 for UDP
//        max_datagram_v6   65,527 bytes      65,535 less 8 for UDP
//
// On this page:  sizes · datagram_peer · received_datagram, outgoing_datagram
// The notes:     UDP特点 (what is special about UDP); examples 06 and 07

#ifndef NETNOTES_UDP_DATAGRAM_HPP
#define NETNOTES_UDP_DATAGRAM_HPP

#include <netinet/in.h>

#include <cstddef>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>




namespace netnotes {

namespace detail {
struct write_net_endpoint_around_the_text;  // see tests/package/mistakes.txt
}

// ---- Sizes ---------------------------------------------------------------------------------------------

/// The largest payload that the protocol allows. UDP's length field of 16 bits also counts its header of 8 bytes. Over
/// IPv4 the packet's length field counts IP's header of 20 bytes as well (RFC 768, RFC 791 §3.1).
inline constexpr std::size_t max_datagram_v4 = 65'535 - 20 - 8;
inline constexpr std::size_t max_datagram_v6 = 65'535 - 8;
/// Returns the limit for that peer. An IPv4-mapped address is reached over IPv4.
[[nodiscard]] constexpr std::size_t max_datagram(const ip_address& to) noexcept {
    return to.unmapped().is_v4() ? max_datagram_v4 : max_datagram_v6;
}

/// The other end of an exchange: its endpoint, and the address of this host to which it has written. The calls
/// send_to() and send_batch() answer from that address.
class datagram_peer : public endpoint {
  public:
    constexpr datagram_peer() noexcept = default;
    constexpr datagram_peer(const endpoint& where, const ip_address& local = {}) noexcept
        : endpoint{where}, local_{local} {}
    using endpoint::endpoint;
    template <class Text, class Advice = detail::write_net_endpoint_around_the_text>
    requires std::is_convertible_v<const Text&, std::string_view>
    datagram_peer(const Text&) = delete;

    /// Returns the address of this host that the peer has written to. For a broadcast or an IPv4 group, it is the
    /// address from which to answer. It is 0.0.0.0 if it is not known: then the system chooses, as it does for `::`. It
    /// is known on a socket that is bound to the wildcard address (udp_options::local_address), except for a datagram
    /// to an IPv6 group.
    [[nodiscard]] constexpr const ip_address& local_address() const noexcept { return local_; }

  private:
    ip_address local_{};
};

/// A received datagram.
struct received_datagram {
    std::span<std::byte> bytes;  ///< the part of the buffer that was filled; empty for an empty datagram
    /// An IPv4 peer of an IPv6 socket is ::ffff:a.b.c.d; see ip_address::unmapped(). Port 0 is legal here: the
    /// sender wants no answer (RFC 768), and Linux would not send an answer to it.
    datagram_peer sender;
    bool truncated = false;  ///< the datagram was longer than the buffer, and the rest of it is gone
};

namespace detail {
struct print_as_text_of_its_bytes;  // what a compiler shows for a mistake: see tests/package/mistakes.txt
}  // namespace detail
template <class Traits, class Advice = detail::print_as_text_of_its_bytes>
void operator<<(std::basic_ostream<char, Traits>&, const received_datagram&) = delete;
/// A datagram to send.
struct outgoing_datagram {
    const_buffer bytes;
    datagram_peer to{};  ///< left out on a connected socket
};

namespace detail {
/// Returns the text behind "send_to 192.0.2.1:80": the size, and the limit if the size exceeds it.
inline std::string datagram_size(std::size_t size, const ip_address& to, const std::error_code& error) {
    std::string limit;
    if (size > max_datagram(to))
        limit = joined("; a datagram over IPv", to.unmapped().is_v4() ? '4' : '6', " holds at most ",
                       std::to_string(max_datagram(to)));
    else if (error == std::errc::message_size)
        limit = "; the path takes less in one piece";
    return joined(" (", std::to_string(size), " bytes", limit, ')');
}
/// Returns the text behind "send_to 192.0.2.1:80": " from 192.0.2.9" if an address was chosen.
inline std::string from_local(const datagram_peer& to) {
    return to.local_address().is_unspecified() ? "" : joined(" from ", to.local_address().to_string());
}
inline address_family family_of_address(const ip_address& address) noexcept {
    return address.is_v4() ? address_family::inet : address_family::inet6;
}
}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_UDP_DATAGRAM_HPP

// netnotes/udp/multicast.hpp: datagrams to groups
// SPDX-License-Identifier: MIT
//
// A datagram to a group reaches every socket that has joined the group (RFC 1112, RFC 4291 §2.7). IPv6 has no
// broadcast; a group does that work.
//
//        group    224.0.0.0/4 or ff00::/8
//        join     the kernel tells the routers of the link that a program here listens (IGMP, MLD)
//        TTL      0 stays on this host, 1 stays on this link, and each router takes one
//
//        net::udp_socket receiver{{net::ipv4_address::any(), 6666}};        // namespace net = netnotes
//        receiver.join(net::ip_address{"239.255.77.1"});
//
// On this page:  multicast_socket, the part of udp_socket that knows groups
// The notes:     udp广播 (broadcast); example 08

#ifndef NETNOTES_UDP_MULTICAST_HPP
#define NETNOTES_UDP_MULTICAST_HPP

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <span>
#include <string>
#include <system_error>
#include <utility>


// netnotes/socket/interfaces.hpp: the network interfaces of this machine
// SPDX-License-Identifier: MIT
//
// An interface is a place where a host meets a network: a card, a wireless adapter, the loopback inside the machine.
// Each interface has a name, a number, and any number of addresses. A socket that is bound to 0.0.0.0 or :: listens on
// all of them.
//
//        for (const net::network_interface& each : net::interfaces())          // namespace net = netnotes
//            for (const net::interface_address& mine : each.addresses)
//                std::cout << each.name << ' ' << mine.address << '\n';        // lo 127.0.0.1/8
//
//        lo    ── 127.0.0.1/8   ::1/128                      up, loopback
//        eth0  ── 192.168.1.77/24   fe80::1%2/64             up, 02:42:c0:a8:01:4d
//                      │         └── prefix: which neighbours need no router
//                      └── address: its zone is the interface's number, because fe80::/10 exists on every link
//
// On this page:  network_interface, interface_address · interfaces, interface_index
// The notes:     IP地址 (ifconfig, ip addr); example 02

#ifndef NETNOTES_SOCKET_INTERFACES_HPP
#define NETNOTES_SOCKET_INTERFACES_HPP

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>


// netnotes/ip/interface.hpp: an address together with its network
// SPDX-License-Identifier: MIT
//
// A host's configuration says both at once: 192.168.1.77/24 is the host's own address, and the network in which its
// neighbours are. The class network keeps the leading bits only, because a network is a set of addresses. This class
// keeps all bits:
//
//        192.168.1.77 / 24
//        address  192.168.1.77              this host
//        network  192.168.1.0/24            the addresses that it reaches without a router
//
//        constexpr ip_interface mine{"192.168.1.77/24"};
//        static_assert(mine.network().contains("192.168.1.20"_ip));
//
// Python calls the same value ipaddress.ip_interface.
//
// On this page:  ip_interface
// The notes:     子网掩码 (netmasks); examples 02 and 03

#ifndef NETNOTES_IP_INTERFACE_HPP
#define NETNOTES_IP_INTERFACE_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string_view>

// netnotes/ip/network.hpp: networks
// SPDX-License-Identifier: MIT
//
// A *network* is a run of leading bits that its addresses share (the prefix); what remains numbers the hosts inside.
// The netmask is that same prefix length, spelled as an address:
//
//        192.168.1.77 / 24                  11000000 10101000 00000001 | 01001101
//        netmask  255.255.255.0             11111111 11111111 11111111 | 00000000
//        network  192.168.1.0               11000000 10101000 00000001 | 00000000   host part all zeros
//        last     192.168.1.255             11000000 10101000 00000001 | 11111111   ... all ones
//
//        static_assert("192.168.1.0/24"_net.contains("192.168.1.77"_ip));
//
// On this page:  network · ip_range · summarize, collapse, exclude · the literal _net
// The notes:     子网掩码 (netmasks); example 03

#ifndef NETNOTES_IP_NETWORK_HPP
#define NETNOTES_IP_NETWORK_HPP

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>




namespace netnotes {

// ---- Networks ------------------------------------------------------------------------------------------

/// Says how to treat an address with bits outside its prefix, such as 192.168.1.77/24. Refusing it catches typing
/// errors. Clearing the bits gives the network in which the address lies.
enum class host_bits { refused, cleared };

/// Consecutive items, computed one at a time and never stored: the addresses or the subnets of a network.
template <class Item>
class ip_range;

/// An address and a prefix length: the block of all addresses that begin with the same bits (CIDR, RFC 4632).
/// `larger mask` means more ones and so a *smaller* network; the notes say the opposite.
class network : public detail::printable<network> {
  public:
    static constexpr std::size_t text_capacity = ip_address::text_capacity + 4;

    /// Creates 0.0.0.0/0, all of IPv4.
    constexpr network() noexcept = default;
    /// Creates the network of an address and a prefix. Throws std::invalid_argument if the prefix is longer than the
    /// address, or if host bits are set and refused. A zone is dropped: a network is a set of numbers, not a place.
    constexpr network(const ip_address& address, unsigned prefix_length, host_bits rule = host_bits::refused)
        : base_{address.is_v6_, address.value_}, prefix_length_{static_cast<std::uint8_t>(prefix_length)} {
        if (prefix_length > base_.width()) throw std::invalid_argument{"prefix length beyond the width of the address"};
        if (rule == host_bits::refused && (base_.value_ & hosts_mask()) != detail::uint128{})
            throw std::invalid_argument{"bits are set in the host part of the address of a network"};
        base_.value_ = base_.value_ & ~hosts_mask();
    }
    /// Reads `192.0.2.0/24` or `2001:db8::/32`. For IPv4 it also reads a netmask, `192.0.2.0/255.255.255.0`, or a host
    /// mask, `192.0.2.0/0.0.0.255`. An address without a prefix is the network of that address alone. A netmask must
    /// be a run of ones and then zeros. The mask 255.0.255.0 was legal once (RFC 950) and is not now (RFC 4632 §3.1).
    /// Throws parse_error.
    constexpr explicit network(std::string_view text, host_bits rule = host_bits::refused) {
        parse_failure why;
        const auto read = parse(text, rule, why);
        if (!read) throw parse_error{"network", text, why};
        *this = *read;
    }
    /// Returns nullopt for a text that the constructor refuses; `why` then has the reason and the place.
    static constexpr std::optional<network> parse(std::string_view text, host_bits rule, parse_failure& why) noexcept {
        const std::size_t slash = detail::min(text.find('/'), text.size());
        const auto address = ip_address::parse(text.substr(0, slash), why);
        if (!address) return std::nullopt;
        const auto refused = [&](std::string_view pattern, std::size_t position, std::uint32_t value = 0) {
            why = parse_failure{pattern, position, 0, value};
            return std::nullopt;
        };
        if (address->zone_.size > 0) return refused("a network has no zone", text.find('%'));
        std::uint32_t prefix_length = address->width();
        if (slash < text.size()) {
            const std::string_view tail = text.substr(slash + 1);
            if (address->is_v4() && tail.find('.') != tail.npos) {
                const auto mask = ipv4_address::parse(tail, why);
                if (!mask) return why.shift(static_cast<std::ptrdiff_t>(slash + 1)), std::nullopt;
                const std::uint32_t bits = mask->to_uint();
                const int ones = std::countl_one(bits), zeros = std::countl_zero(bits);
                const bool is_netmask = ones + std::countr_zero(bits) >= 32;
                if (!is_netmask && zeros + std::countr_one(bits) != 32)
                    return refused("the mask is not a run of ones and then zeros", slash + 1);
                prefix_length = static_cast<std::uint32_t>(is_netmask ? ones : zeros);
            } else if (!detail::read_number(tail.data(), tail.data() + tail.size(), address->width(), prefix_length,
                                            why)) {
                return why.shift(static_cast<std::ptrdiff_t>(slash + 1)), std::nullopt;
            }
        }
        if (rule == host_bits::refused &&
            (address->value_ & detail::ones(address->width() - prefix_length)) != detail::uint128{})
            return refused("bits are set beyond the first %", 0, prefix_length);
        return network{*address, prefix_length, host_bits::cleared};
    }
    static constexpr std::optional<network> parse(std::string_view text, host_bits rule = host_bits::refused) noexcept {
        parse_failure why;
        return parse(text, rule, why);
    }
    static constexpr std::optional<network> parse(std::string_view text, parse_failure& why) noexcept {
        return parse(text, host_bits::refused, why);
    }

    /// Returns the lowest address: all host bits are zero.
    [[nodiscard]] constexpr ip_address address() const noexcept { return base_; }
    /// Returns how many bits of an address belong to the network.
    [[nodiscard]] constexpr unsigned prefix_length() const noexcept { return prefix_length_; }
    /// Returns how many bits are left for the hosts.
    [[nodiscard]] constexpr unsigned host_width() const noexcept { return base_.width() - prefix_length_; }
    [[nodiscard]] constexpr bool is_v4() const noexcept { return base_.is_v4(); }
    [[nodiscard]] constexpr bool is_v6() const noexcept { return base_.is_v6(); }
    [[nodiscard]] constexpr ip_address netmask() const noexcept {
        return {is_v6(), detail::ones(base_.width()) & ~hosts_mask()};
    }
    [[nodiscard]] constexpr ip_address hostmask() const noexcept { return {is_v6(), hosts_mask()}; }

    /// Returns the lowest or the highest address of the network.
    [[nodiscard]] constexpr ip_address first() const noexcept { return base_; }
    [[nodiscard]] constexpr ip_address last() const noexcept { return {is_v6(), base_.value_ | hosts_mask()}; }
    /// Returns the broadcast address: the last address of an IPv4 network, which reaches all its hosts (RFC 919).
    /// Returns nullopt for a /31 or /32 (RFC 3021) and for IPv6, where multicast does that work.
    [[nodiscard]] constexpr std::optional<ip_address> broadcast() const noexcept {
        return is_v4() && host_width() > 1 ? std::optional{last()} : std::nullopt;
    }
    /// Returns the first address that a host may have. IPv4 keeps the all-zeros address for the network itself. IPv6
    /// keeps it for "any router of this subnet" (RFC 4291 §2.6.1). Links of two hosts (/31 RFC 3021, /127 RFC 6164) use
    /// both addresses.
    [[nodiscard]] constexpr ip_address first_host() const noexcept { return host_width() > 1 ? *base_.next() : base_; }
    [[nodiscard]] constexpr ip_address last_host() const noexcept { return broadcast() ? *last().previous() : last(); }

    /// Returns the number of addresses, 2 to the host_width(). Returns nullopt if 64 bits cannot hold the number.
    [[nodiscard]] constexpr std::optional<std::uint64_t> address_count() const noexcept {
        return host_width() < 64 ? std::optional{std::uint64_t{1} << host_width()} : std::nullopt;
    }
    /// Returns the number of addresses that a host may have: for IPv4 two fewer, except in a /31 or /32.
    [[nodiscard]] constexpr std::optional<std::uint64_t> host_count() const noexcept {
        const std::uint64_t kept = host_width() <= 1 ? 0 : is_v4() ? 2 : 1;
        return address_count() ? std::optional{*address_count() - kept} : std::nullopt;
    }
    /// Returns address_count() in decimal digits, exact for every network: 2^128 has 39 digits.
    [[nodiscard]] std::string address_count_string() const;

    /// Returns true if the address lies in this network, whatever its zone. Returns false for an address of the other
    /// family: ::ffff:192.0.2.1 is not in 192.0.2.0/24, but its unmapped() is.
    [[nodiscard]] constexpr bool contains(const ip_address& address) const noexcept {
        return address.is_v6_ == base_.is_v6_ && (address.value_ & ~hosts_mask()) == base_.value_;
    }
    [[nodiscard]] constexpr bool contains(const network& other) const noexcept {
        return prefix_length_ <= other.prefix_length_ && contains(other.base_);
    }
    /// Returns true if the networks share an address. Then one network contains the other: prefixes nest or are apart.
    [[nodiscard]] constexpr bool overlaps(const network& other) const noexcept {
        return contains(other) || other.contains(*this);
    }

    /// Returns the network with a prefix of `prefix_length` bits around this network. Throws std::invalid_argument for
    /// a longer prefix.
    [[nodiscard]] constexpr network supernet(unsigned prefix_length) const {
        if (prefix_length > prefix_length_)
            throw std::invalid_argument{"the prefix of a supernet is not longer than the network's"};
        return {base_, prefix_length, host_bits::cleared};
    }
    /// Returns the networks with a prefix of `prefix_length` bits inside this network, lowest first, without allocating
    /// memory. Throws std::invalid_argument if the prefix is shorter than the network's, or longer than an address.
    [[nodiscard]] constexpr ip_range<network> subnets(unsigned prefix_length) const;
    /// Returns every address that a host may have, in order.
    [[nodiscard]] constexpr ip_range<ip_address> hosts() const noexcept;
    /// Returns the address at `index`; the first has index 0. Throws std::out_of_range beyond the last, and for a
    /// negative index: last() is the last address.
    template <std::integral Index>
    requires(sizeof(Index) <= sizeof(std::uint64_t)) [[nodiscard]] constexpr ip_address operator[](Index index) const {
        if constexpr (std::is_signed_v<Index>)  // an implicit conversion would turn -1 into 2^64 - 1
            if (index < 0) throw std::out_of_range{"negative index into a network"};
        const auto offset = static_cast<std::uint64_t>(index);
        if (address_count() && offset >= *address_count())
            throw std::out_of_range{"index beyond the last address of the network"};
        return {is_v6(), base_.value_ + detail::uint128{0, offset}};
    }

    /// Returns the address at an index of 128 bits: an IPv6 network may have more than 2^64 addresses. Throws
    /// std::out_of_range beyond the last address.
    [[nodiscard]] constexpr ip_address operator[](uint128 index) const {
        if (index > hosts_mask()) throw std::out_of_range{"index beyond the last address of the network"};
        return {is_v6(), base_.value_ + index};
    }

    /// Returns the prefix length of the smallest IPv4 network that has room for this number of hosts. Returns nullopt
    /// for more than 2^32 - 2 hosts. 1,500 hosts need a /21: the notes' 255.255.0.0 wastes 64,000 addresses.
    static constexpr std::optional<unsigned> prefix_length_for_hosts(std::uint64_t hosts) noexcept {
        for (unsigned prefix_length = 33; prefix_length-- > 0;)
            if (hosts <= *network{ipv4_address{}, prefix_length}.host_count()) return prefix_length;
        return std::nullopt;
    }

    /// Returns a number that is equal for equal networks, for std::hash.
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return detail::mix(base_.hash() + prefix_length_); }
    /// Writes the text of to_string() to `out`, without a NUL, and returns the place behind its last character. Make
    /// room for text_capacity characters.
    constexpr char* write(char* out) const noexcept {
        out = base_.write(out);
        *out++ = '/';
        return detail::write_number(out, prefix_length_);
    }

    /// Compares by address; of equal addresses the larger network comes first.
    friend constexpr auto operator<=>(const network&, const network&) noexcept = default;

  private:
    friend class ip_range<network>;
    constexpr detail::uint128 hosts_mask() const noexcept { return detail::ones(host_width()); }

    ip_address base_;
    std::uint8_t prefix_length_ = 0;
};

/// Addresses or networks of one size in order, which are computed one after the other: the result of hosts() and
/// subnets().
template <class Item>
class ip_range {
  public:
    /// Goes through the range. It is a forward iterator; the range need not outlive it. operator* makes its value, so
    /// for C++17 it is an input iterator.
    class iterator {
      public:
        using value_type = Item;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = Item;

        constexpr iterator() noexcept = default;
        constexpr Item operator*() const noexcept { return at_; }
        constexpr iterator& operator++() noexcept {
            ended_ = at_ == last_;  // the last address of all has no successor, so the end cannot be "one beyond"
            if (!ended_) at_ = successor(at_);
            return *this;
        }
        constexpr iterator operator++(int) noexcept {
            const iterator before = *this;
            ++*this;
            return before;
        }
        friend constexpr bool operator==(const iterator&, const iterator&) noexcept = default;

      private:
        friend ip_range;
        constexpr iterator(const Item& at, const Item& last, bool ended) noexcept
            : at_{at}, last_{last}, ended_{ended} {}
        Item at_;
        Item last_;
        bool ended_ = true;
    };

    [[nodiscard]] constexpr iterator begin() const noexcept { return {first_, last_, false}; }
    [[nodiscard]] constexpr iterator end() const noexcept { return {last_, last_, true}; }

  private:
    friend class network;
    constexpr ip_range(const Item& first, const Item& last) noexcept : first_{first}, last_{last} {}  // both included
    static constexpr ip_address successor(const ip_address& address) noexcept { return *address.next(); }
    static constexpr network successor(network block) noexcept {
        block.base_ = *block.last().next();
        return block;
    }
    Item first_;
    Item last_;
};

constexpr ip_range<ip_address> network::hosts() const noexcept { return {first_host(), last_host()}; }
constexpr ip_range<network> network::subnets(unsigned prefix_length) const {
    if (prefix_length < prefix_length_)
        throw std::invalid_argument{"the prefix of a subnet is not shorter than the network's"};
    return {network{base_, prefix_length}, network{last(), prefix_length, host_bits::cleared}};
}

/// Writes the fewest networks that together hold exactly the addresses from `first` to `last`, in order, and returns
/// the place behind the last network. There are at most 62 of them for IPv4 and 254 for IPv6. Throws
/// std::invalid_argument if the families or the zones differ, or if last < first. A common zone is dropped, because a
/// network has no zone.
template <class Output>
constexpr Output summarize(ip_address first, const ip_address& last, Output out) {
    if (first.is_v6() != last.is_v6() || first.zone_ != last.zone_ || last < first)
        throw std::invalid_argument{"not a range: last is below first, or of another family or zone"};
    for (;;) {
        // The block that begins here is as large as both its alignment and the rest of the range allow.
        const auto rest = last.value_ - first.value_;
        const unsigned room = rest == detail::ones(128) ? 128 : detail::bit_width(rest + detail::uint128{0, 1}) - 1;
        const unsigned aligned =
            first.value_ == detail::uint128{} ? first.width() : detail::trailing_zeros(first.value_);
        const network block{first, first.width() - detail::min(room, aligned)};
        *out++ = block;
        if (block.last().value_ == last.value_) return out;
        first = *block.last().next();
    }
}

/// Sorts the networks, drops each network that lies in another, and joins pairs that make a whole. Returns the part of
/// the span that holds the result; the rest of the span is unspecified. It is a template because span and sort() take
/// the compiler as long as a whole chapter: only a program that calls it pays for them.
template <class Networks = std::span<network>>
constexpr Networks collapse(std::type_identity_t<Networks> networks) {
    detail::sort(networks.data(), networks.size());
    std::size_t kept = 0;
    for (const network block : networks) {
        if (kept > 0 && networks[kept - 1].contains(block)) continue;
        networks[kept++] = block;
        // The last two may be the halves of a network, which may again be a half, and so on up.
        while (kept > 1 && networks[kept - 1].prefix_length() > 0) {
            const unsigned prefix_length = networks[kept - 1].prefix_length();
            const network whole = networks[kept - 1].supernet(prefix_length - 1);
            if (networks[kept - 2] != network{whole.address(), prefix_length}) break;
            networks[--kept - 1] = whole;
        }
    }
    return networks.first(kept);
}

/// Writes the networks that remain of `outer` without `inner`, from the largest to the smallest, and returns the place
/// behind the last network. There is a network for every bit by which the prefixes differ. Throws std::invalid_argument
/// unless `inner` lies in `outer`.
template <class Output>
constexpr Output exclude(const network& outer, const network& inner, Output out) {
    if (!outer.contains(inner)) throw std::invalid_argument{"the network to exclude is not inside"};
    for (unsigned prefix_length = outer.prefix_length(); prefix_length < inner.prefix_length(); ++prefix_length)
        for (const network half :
             network{inner.address(), prefix_length, host_bits::cleared}.subnets(prefix_length + 1))
            if (!half.contains(inner)) *out++ = half;
    return out;
}

inline std::string network::address_count_string() const {
    std::string digits{"1"};  // the lowest first, doubled once for every host bit
    for (unsigned bit = 0; bit < host_width(); ++bit) {
        int carry = 0;
        for (char& digit : digits) {
            const int doubled = 2 * (digit - '0') + carry;
            digit = static_cast<char>('0' + doubled % 10);
            carry = doubled / 10;
        }
        if (carry > 0) digits += '1';
    }
    for (std::size_t i = 0, last = digits.size() - 1; i < last; ++i, --last) std::swap(digits[i], digits[last]);
    return digits;
}

/// Needs `using namespace netnotes::literals;`. A wrong text is an error of the compiler.
namespace literals {
/// Returns the network of the text: `"192.0.2.0/24"_net`.
consteval network operator""_net(const char* text, std::size_t size) { return network{std::string_view{text, size}}; }
}  // namespace literals

}  // namespace netnotes

#endif  // NETNOTES_IP_NETWORK_HPP


namespace netnotes {

/// An address and the prefix length of the network in which it lies (RFC 4632 §3.1, RFC 4291 §2.3). A regular value: it
/// compares, hashes and prints as `192.168.1.77/24`. All members are safe to call from several threads, and none of
/// them blocks.
class ip_interface : public detail::printable<ip_interface> {
  public:
    /// The longest text in bytes.
    static constexpr std::size_t text_capacity = ip_address::text_capacity + 4;

    /// Makes 0.0.0.0/0.
    constexpr ip_interface() noexcept = default;
    /// Keeps both. The zone of a link-local address stays. Throws std::invalid_argument when the prefix is longer than
    /// the address: 32 bits for IPv4, 128 for IPv6.
    constexpr ip_interface(const ip_address& address, unsigned prefix_length)
        : address_{address}, prefix_length_{static_cast<std::uint8_t>(prefix_length)} {
        if (prefix_length > address.width())
            throw std::invalid_argument{"prefix length beyond the width of the address"};
    }
    /// Reads the texts that network reads: `192.168.1.77/24`, `192.168.1.77/255.255.255.0`, `2001:db8::7/64`. An
    /// address alone has the longest prefix. Throws parse_error, which tells the position of the fault.
    constexpr explicit ip_interface(std::string_view text) {
        parse_failure why;
        const auto read = parse(text, why);
        if (!read) throw parse_error{"interface address", text, why};
        *this = *read;
    }
    /// Reads the same texts. Returns std::nullopt for any other text, and `why` then tells the fault. Never throws.
    static constexpr std::optional<ip_interface> parse(std::string_view text, parse_failure& why) noexcept {
        const std::size_t slash = text.find('/');
        const auto address = ip_address::parse(text.substr(0, slash), why);
        if (!address) return std::nullopt;
        if (slash == text.npos) return ip_interface{*address, address->width()};
        // A network has no zone, so its parser sees the text without one. The same number of characters must stay in
        // front of a fault that it finds.
        const std::size_t zone = text.substr(0, slash).find('%');
        if (zone != text.npos) {
            std::uint32_t prefix_length = 0;
            const std::string_view tail = text.substr(slash + 1);
            if (!detail::read_number(tail.data(), tail.data() + tail.size(), address->width(), prefix_length, why))
                return why.shift(static_cast<std::ptrdiff_t>(slash + 1)), std::nullopt;
            return ip_interface{*address, prefix_length};
        }
        const auto block = netnotes::network::parse(text, host_bits::cleared, why);
        if (!block) return std::nullopt;
        return ip_interface{*address, block->prefix_length()};
    }
    /// Reads the same texts. Returns std::nullopt for any other text.
    static constexpr std::optional<ip_interface> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns the address with all its bits, and with its zone.
    [[nodiscard]] constexpr const ip_address& address() const noexcept { return address_; }
    /// Returns the number of bits that the network's addresses share.
    [[nodiscard]] constexpr unsigned prefix_length() const noexcept { return prefix_length_; }
    /// Returns the network in which the address lies, without a zone.
    [[nodiscard]] constexpr netnotes::network network() const noexcept {
        return {address_, prefix_length_, host_bits::cleared};
    }

    /// Returns the hash value for std::hash.
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept {
        return detail::mix(address_.hash() + prefix_length_);
    }
    /// Writes the text at `out`, which has room for text_capacity bytes. Returns the end of the text.
    constexpr char* write(char* out) const noexcept {
        out = address_.write(out);
        *out++ = '/';
        return detail::write_number(out, prefix_length_);
    }

    /// Compares by address, then by prefix length.
    friend constexpr auto operator<=>(const ip_interface&, const ip_interface&) noexcept = default;

  private:
    ip_address address_;
    std::uint8_t prefix_length_ = 0;
};

}  // namespace netnotes

#endif  // NETNOTES_IP_INTERFACE_HPP



namespace netnotes {

/// An address of an interface.
struct interface_address {
    /// The address and its network. The zone of a link-local address is the interface's number: fe80::1%2/64.
    ip_interface address;
    /// Where a datagram reaches all hosts of the network. Only an IPv4 address can have it.
    std::optional<ip_address> broadcast;
    /// The other end, when the address was given for a link of two hosts (PPP, a tunnel).
    std::optional<ip_address> peer;
};

/// An interface as it was when interfaces() asked the kernel. A value: it does not follow later changes.
struct network_interface {
    std::string name;    ///< "eth0", "lo"
    unsigned index = 0;  ///< the kernel's number, 1 and up; see interface_index(). 0 if the interface has just gone
    bool is_up = false;  ///< an administrator has switched it on
    bool is_running = false;         ///< the link works: a cable is in it, an access point answers
    bool is_loopback = false;        ///< what leaves here arrives here
    bool is_point_to_point = false;  ///< the link has exactly one other end
    bool can_broadcast = false;      ///< a datagram can reach all hosts of the link
    bool can_multicast = false;      ///< a socket can join groups on it
    /// The address below IP: six bytes as "02:42:c0:a8:01:4d" for Ethernet and Wi-Fi. Empty where the link has none.
    std::string hardware_address;
    std::vector<interface_address> addresses;  ///< in the kernel's order; other families than IP are left out
};

/// Returns the number of the network interface "eth0" or "lo" (RFC 3493 §4.1), 1 or more. Throws std::system_error if
/// no interface has that name.
[[nodiscard]] inline unsigned interface_index(const std::string& name) {
    const unsigned index = ::if_nametoindex(name.c_str());
    if (index == 0) detail::throw_error(detail::last_error(), "interface ", name);
    return index;
}

/// Returns the interfaces of this machine, or of the network namespace in which the program runs, in the kernel's
/// order. Asks the kernel each time, and does not wait for any host: getifaddrs(3). Throws std::system_error when the
/// kernel refuses (no memory, no descriptor). Threads may call it at once.
[[nodiscard]] std::vector<network_interface> interfaces();
/// Does the same, and reports a failure in `error` instead. Returns an empty list then.
[[nodiscard]] std::vector<network_interface> interfaces(std::error_code& error);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Returns the address in the kernel's structure. Returns std::nullopt for a null pointer and for other families.
inline std::optional<ip_address> ip_of(const sockaddr* from) {
    if (!from) return std::nullopt;
    const int family = from->sa_family;
    if (family != AF_INET && family != AF_INET6) return std::nullopt;
    socket_address address;
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    std::memcpy(address.data(), from, size);
    address.resize(size);
    return address.ip().address();
}

/// How many leading ones a netmask has. The kernel keeps prefixes, so no mask has a hole.
inline unsigned prefix_length_of(const sockaddr* mask, unsigned width) {
    // (The kernel gives no mask with an address that has no network: it stands alone.)
    const auto bits = ip_of(mask);
    if (!bits) return width;
    if (bits->is_v4()) return static_cast<unsigned>(std::countl_one(bits->v4().to_uint()));
    unsigned length = 0;
    for (const std::uint8_t octet : bits->v6().to_octets()) length += static_cast<unsigned>(std::popcount(octet));
    return length;
}

/// The kernel's struct sockaddr_ll (packet(7)). <netpacket/packet.h> and <linux/if_packet.h> both define it, and cannot
/// be included together. So a header that is copied into programs includes neither.
struct link_address {
    std::uint16_t family, protocol;
    std::int32_t interface;
    std::uint16_t type;
    std::uint8_t packet_type, size;
    std::uint8_t bytes[8];
};

/// Returns the bytes of AF_PACKET's address as text: "02:42:c0:a8:01:4d".
inline std::string hardware_address_of(const sockaddr* from) {
    link_address link{};
    std::memcpy(&link, from, sizeof link);
    const std::size_t size = detail::min<std::size_t>(link.size, sizeof link.bytes);
    std::string text;
    bool is_any = false;
    for (std::size_t i = 0; i < size; ++i) {
        if (i > 0) text += ':';
        text += {hexadecimal_digits[link.bytes[i] >> 4], hexadecimal_digits[link.bytes[i] & 0xf]};
        is_any = is_any || link.bytes[i] != 0;
    }
    return is_any ? text : std::string{};  // the loopback's address is all zeros, which is no address
}

/// Stores `other` as the peer or the broadcast address of `mine`. In getifaddrs(3) one field has both meanings:
/// ifa_dstaddr and ifa_broadaddr are the same union. The flags of the link do not decide. An Ethernet link, too, may
/// have a peer: `ip address add 10.7.0.1 peer 10.7.0.2 dev eth0`. The host bits of a broadcast address are all ones
/// (RFC 919 §7). A network of two addresses, or of a single address, has no broadcast address.
inline void set_other(interface_address& mine, const ip_address& other, const network_interface& link) {
    const network around = mine.address.network();
    if (other == mine.address.address()) return;  // without a peer, glibc repeats the address itself
    if (other.is_v4() && around.is_v4() && link.can_broadcast && around.host_width() > 1 &&
        (other.v4().to_uint() | around.netmask().v4().to_uint()) == ~std::uint32_t{0})
        mine.broadcast = other;
    else
        mine.peer = other;
}

}  // namespace detail

inline std::vector<network_interface> interfaces(std::error_code& error) {
    std::vector<network_interface> found;
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) {
        error = detail::last_error();
        return found;
    }
    error.clear();
    const struct guard {
        ifaddrs* list;
        ~guard() { ::freeifaddrs(list); }
    } freed{list};
    // The kernel lists all links first, then all IPv4 addresses, then all IPv6 addresses. An alias of old, "eth0:1", is
    // an address of eth0 with a label, not an interface.
    for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
        const std::string_view label{entry->ifa_name};
        const std::string_view name = label.substr(0, label.find(':'));
        const auto is_same = [&](const network_interface& each) { return each.name == name; };
        auto place = detail::find_if(found.begin(), found.end(), is_same);
        if (place == found.end()) {
            network_interface added;
            added.name = name;
            added.index = ::if_nametoindex(added.name.c_str());
            added.is_up = entry->ifa_flags & IFF_UP;
            added.is_running = entry->ifa_flags & IFF_RUNNING;
            added.is_loopback = entry->ifa_flags & IFF_LOOPBACK;
            added.is_point_to_point = entry->ifa_flags & IFF_POINTOPOINT;
            added.can_broadcast = entry->ifa_flags & IFF_BROADCAST;
            added.can_multicast = entry->ifa_flags & IFF_MULTICAST;
            place = found.insert(place, std::move(added));
        }
        if (!entry->ifa_addr) continue;
        if (entry->ifa_addr->sa_family == AF_PACKET) {
            place->hardware_address = detail::hardware_address_of(entry->ifa_addr);
            continue;
        }
        const auto address = detail::ip_of(entry->ifa_addr);
        if (!address) continue;
        interface_address mine{
            ip_interface{*address, detail::prefix_length_of(entry->ifa_netmask, address->width())}, {}, {}};
        if (const auto other = detail::ip_of(entry->ifa_dstaddr)) detail::set_other(mine, *other, *place);
        place->addresses.push_back(mine);
    }
    return found;
}

inline std::vector<network_interface> interfaces() {
    std::error_code error;
    auto found = interfaces(error);
    if (error) detail::throw_error(error, "interfaces of this machine");
    return found;
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_INTERFACES_HPP




namespace netnotes {

/// The calls of a UDP socket that concern groups. Programs use it as a part of udp_socket.
class multicast_socket : protected socket {
  public:
    // A group is an address in 224.0.0.0/4 or ff00::/8. A socket joins a group on one interface. The parameter
    // `interface` is the number of that interface (interface_index); 0 lets the routing table choose. For an IPv6 group
    // the zone suffices: ff02::1234%eth0. An IPv6 socket that is not ipv6_only may join IPv4 groups as well. RFC 3678
    // §5.1 defines the calls.

    /// Joins the group: the socket receives datagrams to the group and this socket's port. Bind that port first, on the
    /// wildcard address. Fails with errc::address_in_use if it has joined already, no_such_device without an interface
    /// or a route.
    void join(const ip_address& group, unsigned interface = 0);
    void join(const ip_address& group, unsigned interface, std::error_code& error) noexcept;
    /// Leaves the group. Fails with errc::address_not_available if the socket is no member. Closing leaves all groups.
    void leave(const ip_address& group, unsigned interface = 0);
    void leave(const ip_address& group, unsigned interface, std::error_code& error) noexcept;
    /// Joins the group for datagrams of that source only: source-specific multicast. 232.0.0.0/8 and ff3x::/32 are
    /// reserved for it (RFC 4607). May be called for several sources, but not together with the plain join().
    void join(const ip_address& group, const ip_address& source, unsigned interface = 0);
    void join(const ip_address& group, const ip_address& source, unsigned interface, std::error_code& error) noexcept;
    void leave(const ip_address& group, const ip_address& source, unsigned interface = 0);
    void leave(const ip_address& group, const ip_address& source, unsigned interface, std::error_code& error) noexcept;

    /// Sets the interface by which this socket's datagrams to groups leave; 0 lets the routing table choose.
    void set_multicast_interface(unsigned interface);
    void set_multicast_interface(unsigned interface, std::error_code& error) noexcept;
    /// Sets whether members on this host, this socket included, receive the datagrams that this socket sends. They do
    /// by default. (Datagrams that leave by the interface "lo" come back in any case.)
    void set_multicast_loop(bool loop);
    void set_multicast_loop(bool loop, std::error_code& error) noexcept;
    /// Returns true if members on this host receive what this socket sends.
    [[nodiscard]] bool multicast_loop() const;
    /// Sets how far a datagram to a group may go, 0 to 255. With 0 it stays on this host; with 1, the default, on this
    /// link. Every router on the way needs 1 more. IPv6 calls it the hop limit. Fails with errc::invalid_argument out
    /// of range.
    void set_multicast_ttl(int ttl);
    void set_multicast_ttl(int ttl, std::error_code& error) noexcept;
    /// Returns how far a datagram to a group may go.
    [[nodiscard]] int multicast_ttl() const;

  protected:
    using socket::socket;
    multicast_socket() noexcept = default;
    explicit multicast_socket(socket&& taken) noexcept : socket{std::move(taken)} {}
    bool is_v6() const noexcept;

  private:
    void membership(int name, const ip_address& group, const ip_address* source, unsigned interface,
                    std::error_code& error) noexcept;
    void membership(int name, const ip_address& group, const ip_address* source, unsigned interface);
    template <class ValueV4>
    void set_multicast(int name_v4, const ValueV4& value_v4, int name_v6, int value, std::error_code& error) noexcept;
    int get_multicast(int name_v4, int name_v6) const;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline bool multicast_socket::is_v6() const noexcept {
    std::error_code error;
    return socket::local_endpoint(error).family() == address_family::inet6;
}

inline void multicast_socket::membership(int name, const ip_address& group, const ip_address* source,
                                         unsigned interface, std::error_code& error) noexcept {
    // The option level follows the group: an IPv6 socket takes IPv4's options for its IPv4 side (Linux).
    const bool v4 = group.unmapped().is_v4();
    const socket_address address = detail::to_socket_address({group.unmapped(), 0}, error);
    if (error) return;
    if (!v4 && interface == 0) {
        sockaddr_in6 zoned;
        std::memcpy(&zoned, address.data(), sizeof zoned);
        interface = zoned.sin6_scope_id;
    }
    const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
    if (!source) {
        group_req request{};
        request.gr_interface = interface;
        std::memcpy(&request.gr_group, address.data(), address.size());
        return set_option(level, name, detail::bytes_of(request), error);
    }
    const socket_address from = detail::to_socket_address({source->unmapped(), 0}, error);
    if (error) return;
    group_source_req request{};
    request.gsr_interface = interface;
    std::memcpy(&request.gsr_group, address.data(), address.size());
    std::memcpy(&request.gsr_source, from.data(), from.size());
    set_option(level, name, detail::bytes_of(request), error);
}
inline void multicast_socket::membership(int name, const ip_address& group, const ip_address* source,
                                         unsigned interface) {
    std::error_code error;
    membership(name, group, source, interface, error);
    if (!error) return;
    const bool joins = name == MCAST_JOIN_GROUP || name == MCAST_JOIN_SOURCE_GROUP;
    fail(error, detail::joined(joins ? "join " : "leave ", group.to_string(), source ? " from " : "",
                               source ? source->to_string() : ""));
}

inline void multicast_socket::join(const ip_address& group, unsigned interface) {
    membership(MCAST_JOIN_GROUP, group, nullptr, interface);
}
inline void multicast_socket::join(const ip_address& group, unsigned interface, std::error_code& error) noexcept {
    membership(MCAST_JOIN_GROUP, group, nullptr, interface, error);
}
inline void multicast_socket::leave(const ip_address& group, unsigned interface) {
    membership(MCAST_LEAVE_GROUP, group, nullptr, interface);
}
inline void multicast_socket::leave(const ip_address& group, unsigned interface, std::error_code& error) noexcept {
    membership(MCAST_LEAVE_GROUP, group, nullptr, interface, error);
}
inline void multicast_socket::join(const ip_address& group, const ip_address& source, unsigned interface) {
    membership(MCAST_JOIN_SOURCE_GROUP, group, &source, interface);
}
inline void multicast_socket::join(const ip_address& group, const ip_address& source, unsigned interface,
                                   std::error_code& error) noexcept {
    membership(MCAST_JOIN_SOURCE_GROUP, group, &source, interface, error);
}
inline void multicast_socket::leave(const ip_address& group, const ip_address& source, unsigned interface) {
    membership(MCAST_LEAVE_SOURCE_GROUP, group, &source, interface);
}
inline void multicast_socket::leave(const ip_address& group, const ip_address& source, unsigned interface,
                                    std::error_code& error) noexcept {
    membership(MCAST_LEAVE_SOURCE_GROUP, group, &source, interface, error);
}

/// Sets both options on an IPv6 socket, because it may send to IPv4 groups too.
template <class ValueV4>
void multicast_socket::set_multicast(int name_v4, const ValueV4& value_v4, int name_v6, int value,
                                     std::error_code& error) noexcept {
    const bool v6 = is_v6();
    if (v6) set_option(IPPROTO_IPV6, name_v6, detail::bytes_of(value), error);
    if (v6 && error) return;
    std::error_code v4_error;
    set_option(IPPROTO_IP, name_v4, detail::bytes_of(value_v4), v4_error);
    if (!v6) error = v4_error;
}
inline int multicast_socket::get_multicast(int name_v4, int name_v6) const {
    int value = 0;
    const bool v6 = is_v6();
    get_option(v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? name_v6 : name_v4, detail::room_of(value));
    return value;
}

inline void multicast_socket::set_multicast_interface(unsigned interface, std::error_code& error) noexcept {
    ip_mreqn request{};
    request.imr_ifindex = static_cast<int>(interface);
    set_multicast(IP_MULTICAST_IF, request, IPV6_MULTICAST_IF, static_cast<int>(interface), error);
}
inline void multicast_socket::set_multicast_interface(unsigned interface) {
    std::error_code error;
    set_multicast_interface(interface, error);
    if (error) fail(error, detail::joined("multicast interface ", std::to_string(interface)));
}

inline void multicast_socket::set_multicast_loop(bool loop, std::error_code& error) noexcept {
    set_multicast(IP_MULTICAST_LOOP, static_cast<int>(loop), IPV6_MULTICAST_LOOP, loop, error);
}
inline void multicast_socket::set_multicast_loop(bool loop) {
    std::error_code error;
    set_multicast_loop(loop, error);
    if (error) fail(error, "multicast loop");
}
inline bool multicast_socket::multicast_loop() const {
    return get_multicast(IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP) != 0;
}

inline void multicast_socket::set_multicast_ttl(int ttl, std::error_code& error) noexcept {
    if (ttl < 0) {  // to the kernel, -1 means the default
        error = std::make_error_code(std::errc::invalid_argument);
        return;
    }
    set_multicast(IP_MULTICAST_TTL, ttl, IPV6_MULTICAST_HOPS, ttl, error);
}
inline void multicast_socket::set_multicast_ttl(int ttl) {
    std::error_code error;
    set_multicast_ttl(ttl, error);
    if (error) fail(error, detail::joined("multicast TTL ", std::to_string(ttl)));
}
inline int multicast_socket::multicast_ttl() const { return get_multicast(IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS); }

}  // namespace netnotes

#endif  // NETNOTES_UDP_MULTICAST_HPP


namespace netnotes {

/// Room for many datagrams, made once and used again and again by udp_socket::recv_batch(), which allocates nothing.
/// It takes count * size bytes and about 500 more for each datagram; with any_size 15 KB more for each.
class datagram_batch {
  public:
    /// A size that no datagram exceeds, even if the kernel merges datagrams.
    static constexpr std::size_t any_size = 65'535;

    /// Makes room for 1 to 1,024 datagrams (recvmmsg(2) takes no more than UIO_MAXIOV), each of 1 byte to any_size. A
    /// longer datagram will be truncated. Throws std::invalid_argument for other numbers.
    explicit datagram_batch(std::size_t count = 64, std::size_t size = 2048);
    datagram_batch(datagram_batch&&) noexcept = default;
    datagram_batch& operator=(datagram_batch&&) noexcept = default;

    /// Returns for how many datagrams there is room, and how many bytes each may have.
    [[nodiscard]] std::size_t count() const noexcept { return slots_.size(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

  private:
    friend class batch_socket;
    struct slot {
        iovec part;
        socket_address sender;
        alignas(cmsghdr) detail::details_note::buffer control;
    };
    void prepare() noexcept;
    void take_apart(std::size_t filled);

    std::size_t size_;
    detail::owner<std::byte[]> bytes_;
    std::vector<slot> slots_;
    std::vector<mmsghdr> messages_;
    std::vector<received_datagram> received_;
};

/// The calls of a UDP socket that concern many datagrams at once. Programs use it as a part of udp_socket.
class batch_socket : public multicast_socket {
  public:
    using received = received_datagram;
    /// Waits for one datagram and returns as many as there are, up to the batch's count (recvmmsg(2)), in their order.
    /// The result lies in the batch and is valid until its next use. If an error occurs behind the first datagram, the
    /// next call reports it.
    std::span<const received> recv_batch(datagram_batch& batch);
    std::span<const received> recv_batch(datagram_batch& batch, std::error_code& error) noexcept;

    using outgoing = outgoing_datagram;
    /// Sends all datagrams, in their order, 64 in one system call (sendmmsg(2)). The second form returns how many were
    /// sent before the error. That number is the index of the datagram that failed, and no datagram behind it was sent.
    /// Only a refusal that arrives while the batch is being sent is left for a later call to report. A server passes
    /// MSG_DONTWAIT, as for send_to().
    void send_batch(std::span<const outgoing> datagrams, int flags = 0);
    std::size_t send_batch(std::span<const outgoing> datagrams, std::error_code& error, int flags = 0) noexcept;

    // -- many datagrams in one buffer

    /// Sends the bytes as datagrams of `size` bytes each; the last datagram holds the rest. Without bytes it sends no
    /// datagram. The kernel takes up to 64 at a time and cuts them apart as late as it can (UDP_SEGMENT, udp(7), Linux
    /// 4.18). If it cannot, because it is older or they exceed the interface's MTU, the same datagrams go out as a
    /// batch. Returns the number of datagrams sent; what() says it after an error. `to` may be left out on a connected
    /// socket. Fails with errc::invalid_argument for size 0.
    void send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to = {}, int flags = 0);
    std::size_t send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to, std::error_code& error,
                              int flags = 0) noexcept;

    /// Lets the kernel deliver consecutive datagrams of one sender in one piece (UDP_GRO, udp(7), Linux 5.0). Returns
    /// false if the kernel does not know the option. It cannot be switched off. Throws std::system_error, and then
    /// nothing has changed.
    ///
    /// From now on, whatever the result, receive with recv_batch() only. It takes the piece apart again, so it returns
    /// the same datagrams, perhaps more than its count. Its batch must have the size datagram_batch::any_size, or it
    /// fails with errc::invalid_argument. recv_from() could not separate the datagrams of a piece, so it fails with
    /// errc::operation_not_supported.
    bool enable_receive_offload();
    bool enable_receive_offload(std::error_code& error) noexcept;

  protected:
    using multicast_socket::multicast_socket;
    batch_socket() noexcept = default;
    explicit batch_socket(socket&& taken) noexcept : multicast_socket{std::move(taken)} {}

    bool offload_allowed_ = true;
    bool receive_offload_ = false;

  private:
    static constexpr std::size_t max_at_once = 64;  // datagrams in a system call; UDP_SEGMENT takes no more (udp(7))

    template <class Datagram>
    std::size_t send_many(std::size_t count, Datagram datagram, time_point until, int flags,
                          std::error_code& error) noexcept;
    bool kernel_can_segment() noexcept;
    std::error_code send_merged(const_buffer bytes, std::size_t size, const socket_address& to,
                                const detail::source_note& source, time_point until, int flags) noexcept;
    endpoint destination(const datagram_peer& to) const noexcept;

    enum class segmentation : char { untried, kernel, here } segmentation_ = segmentation::untried;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline datagram_batch::datagram_batch(std::size_t count, std::size_t size) : size_{size} {
    if (count < 1 || count > 1024 || size < 1 || size > any_size)
        throw std::invalid_argument{"a batch must hold 1 to 1024 datagrams of 1 to 65535 bytes"};
    bytes_.reset(new std::byte[count * size]);  // not zeroed
    slots_.resize(count);
    messages_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        slots_[i].part = {bytes_.get() + i * size, size};
        messages_[i].msg_hdr.msg_iov = &slots_[i].part;
        messages_[i].msg_hdr.msg_iovlen = 1;
        messages_[i].msg_hdr.msg_name = slots_[i].sender.data();
    }
    // Linux merges up to 64, and a local sender's segments may come as they were sent: 64, or 128 in newer kernels.
    received_.reserve(size == any_size ? count * 128 : count);
}

inline void datagram_batch::prepare() noexcept {
    received_.clear();
    for (std::size_t i = 0; i < messages_.size(); ++i) {  // the kernel has written over them
        msghdr& header = messages_[i].msg_hdr;
        header.msg_namelen = socket_address::capacity;
        header.msg_control = slots_[i].control.data();
        header.msg_controllen = static_cast<socklen_t>(slots_[i].control.size());
        header.msg_flags = 0;
    }
}

/// Collects the datagrams of each message: a single datagram, unless the kernel reports a size of merged datagrams.
inline void datagram_batch::take_apart(std::size_t filled) {
    for (std::size_t i = 0; i < filled; ++i) {
        msghdr& header = messages_[i].msg_hdr;
        slots_[i].sender.resize(header.msg_namelen);
        const detail::datagram_notes notes = detail::datagram_notes::of(header);
        const datagram_peer sender =
            slots_[i].sender.is_ip() ? datagram_peer{slots_[i].sender.ip(), notes.local} : datagram_peer{};
        std::span<std::byte> rest{bytes_.get() + i * size_, detail::min<std::size_t>(messages_[i].msg_len, size_)};
        for (; notes.segment > 0 && rest.size() > notes.segment; rest = rest.subspan(notes.segment))
            received_.push_back({rest.first(notes.segment), sender, false});
        received_.push_back({rest, sender, (header.msg_flags & MSG_TRUNC) != 0});
    }
}

// ---- sending

/// Returns the endpoint that a datagram goes to, for an error's text. It is empty if the socket has no peer.
inline endpoint batch_socket::destination(const datagram_peer& to) const noexcept {
    if (to != endpoint{}) return to;
    std::error_code unknown;
    const socket_address peer = socket::peer_endpoint(unknown);
    return unknown ? endpoint{} : peer.ip();
}

/// `datagram(number, address, source, error)` returns the payload of that datagram. It sets its destination (without a
/// family: no destination) and the address from which the datagram is to leave.
template <class Datagram>
std::size_t batch_socket::send_many(std::size_t count, Datagram datagram, time_point until, int flags,
                                  std::error_code& error) noexcept {
    mmsghdr messages[max_at_once];  // not set to zero: a batch of two should not cost that of 64
    iovec parts[max_at_once];
    sockaddr_in6 names[max_at_once];
    detail::source_note sources[max_at_once];
    for (std::size_t sent = 0;;) {
        if (sent > 0 && is_too_late(until)) {  // a fast path outruns every limit
            error = std::make_error_code(std::errc::timed_out);
            return sent;
        }
        std::error_code not_an_address;
        std::size_t ready = 0;
        for (; ready < detail::min(max_at_once, count - sent); ++ready) {
            socket_address to;
            const const_buffer bytes = datagram(sent + ready, to, sources[ready], not_an_address);
            if (not_an_address) break;
            parts[ready] = {const_cast<std::byte*>(bytes.data()), bytes.size()};  // sendmmsg() only reads it
            messages[ready] = {};
            messages[ready].msg_hdr.msg_iov = &parts[ready];
            messages[ready].msg_hdr.msg_iovlen = 1;
            sources[ready].add_to(messages[ready].msg_hdr);
            if (!to.is_ip()) continue;
            std::memcpy(&names[ready], to.data(), to.size());
            messages[ready].msg_hdr.msg_name = &names[ready];
            messages[ready].msg_hdr.msg_namelen = to.size();
        }
        if (ready > 0) {
            // sendmmsg() stops at the datagram that fails. Unless that is the first datagram, it drops the error.
            // A second call from there reports it.
            const int taken = attempt(
                [&] {
                    return ::sendmmsg(native_handle(), messages, static_cast<unsigned>(ready), flags | MSG_NOSIGNAL);
                },
                POLLOUT, flags, until, error);
            if (taken < 0) return sent;
            sent += static_cast<std::size_t>(taken);
            if (static_cast<std::size_t>(taken) < ready) continue;
        }
        error = not_an_address;
        if (error || sent == count) return sent;
    }
}

inline std::size_t batch_socket::send_batch(std::span<const outgoing> datagrams, std::error_code& error,
                                          int flags) noexcept {
    error.clear();
    if (datagrams.empty()) return 0;
    return send_many(
        datagrams.size(),
        [&](std::size_t number, socket_address& address, detail::source_note& source, std::error_code& bad) {
            const auto& [bytes, to] = datagrams[number];
            if (to != endpoint{}) address = detail::to_socket_address(to, bad);
            if (!bad) source.choose(to.local_address(), bad);
            return bytes;
        },
        end_of_call(), flags, error);
}
inline void batch_socket::send_batch(std::span<const outgoing> datagrams, int flags) {
    std::error_code error;
    const std::size_t sent = send_batch(datagrams, error, flags);
    if (!error) return;
    const auto& [bytes, to] = datagrams[sent];
    const endpoint where = destination(to);
    detail::throw_error(error, "send_batch (", std::to_string(sent), " of ", std::to_string(datagrams.size()),
                        " datagrams sent) to ", where.to_string(), detail::from_local(to),
                        detail::datagram_size(bytes.size(), where.address(), error));
}

// ---- segments

/// A kernel that does not know UDP_SEGMENT would ignore it and send one long datagram, so we ask it first.
inline bool batch_socket::kernel_can_segment() noexcept {
    if (segmentation_ == segmentation::untried) {
        int size = 0;
        std::error_code error;
        if (offload_allowed_) get_option(IPPROTO_UDP, UDP_SEGMENT, detail::room_of(size), error);
        segmentation_ = error || !offload_allowed_ ? segmentation::here : segmentation::kernel;
    }
    return segmentation_ == segmentation::kernel;
}

inline std::error_code batch_socket::send_merged(const_buffer bytes, std::size_t size, const socket_address& to,
                                               const detail::source_note& source, time_point until,
                                               int flags) noexcept {
    const auto segment = static_cast<std::uint16_t>(size);
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof segment) + detail::source_note::capacity> control{};
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    if (to.is_ip()) {
        message.msg_name = const_cast<sockaddr*>(to.data());
        message.msg_namelen = to.size();
    }
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = static_cast<decltype(message.msg_controllen)>(CMSG_SPACE(sizeof segment) + source.size());
    std::memcpy(control.data() + CMSG_SPACE(sizeof segment), source.data(), source.size());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = IPPROTO_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof segment);
    std::memcpy(CMSG_DATA(header), &segment, sizeof segment);
    std::error_code error;
    attempt([&] { return ::sendmsg(native_handle(), &message, flags | MSG_NOSIGNAL); }, POLLOUT, flags, until, error);
    return error;
}

inline std::size_t batch_socket::send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to,
                                             std::error_code& error, int flags) noexcept {
    if (size == 0) {
        error = std::make_error_code(std::errc::invalid_argument);
        return 0;
    }
    error.clear();
    socket_address address;
    detail::source_note from_where;
    if (to != endpoint{}) address = detail::to_socket_address(to, error);
    if (!error) from_where.choose(to.local_address(), error);
    if (error || bytes.empty()) return 0;
    const std::size_t count = bytes.size() / size + (bytes.size() % size != 0);
    const auto from = [&](std::size_t first, std::size_t segments) {
        const auto rest = std::span<const std::byte>{bytes}.subspan(first * size);
        return const_buffer{segments > rest.size() / size ? rest : rest.first(segments * size)};
    };
    const time_point until = end_of_call();
    std::size_t sent = 0;
    // A merged piece must itself be no longer than a datagram.
    const std::size_t together = detail::min(max_at_once, max_datagram_v4 / size);
    while (together > 1 && sent + 1 < count && kernel_can_segment()) {
        if (sent > 0 && is_too_late(until)) {
            error = std::make_error_code(std::errc::timed_out);
            return sent;
        }
        error = send_merged(from(sent, together), size, address, from_where, until, flags);
        // The kernel refuses a segment longer than the MTU, and a device or a socket without checksums (EINVAL,
        // EMSGSIZE, EIO). The batch below then succeeds or reports the real error.
        const int refusal = error.value();
        if (refusal == EINVAL || refusal == EMSGSIZE || refusal == EIO || refusal == EOPNOTSUPP ||
            refusal == ENOPROTOOPT)
            break;
        if (error) return sent;
        sent += detail::min(together, count - sent);
    }
    error.clear();
    if (sent == count) return sent;
    const std::size_t first = sent;
    return first + send_many(
                       count - first,
                       [&](std::size_t number, socket_address& name, detail::source_note& source, std::error_code&) {
                           name = address;
                           source = from_where;
                           return from(first + number, 1);
                       },
                       until, flags, error);
}
inline void batch_socket::send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to, int flags) {
    std::error_code error;
    const std::size_t sent = send_segments(bytes, size, to, error, flags);
    if (!error) return;
    const endpoint where = destination(to);
    detail::throw_error(error, "send_segments (", std::to_string(sent), " datagrams sent) to ", where.to_string(),
                        detail::from_local(to),
                        detail::datagram_size(detail::min(size, bytes.size()), where.address(), error));
}

// ---- receiving

inline bool batch_socket::enable_receive_offload(std::error_code& error) noexcept {
    error.clear();
    const int on = 1;
    std::error_code refused = std::make_error_code(std::errc::no_protocol_option);
    if (offload_allowed_) set_option(IPPROTO_UDP, UDP_GRO, detail::bytes_of(on), refused);
    if (refused && refused != std::errc::no_protocol_option) {
        error = refused;
        return false;
    }
    receive_offload_ = true;
    return !refused;
}
inline bool batch_socket::enable_receive_offload() {
    std::error_code error;
    const bool merges = enable_receive_offload(error);
    if (error) fail(error, "enable_receive_offload");
    return merges;
}

inline std::span<const batch_socket::received> batch_socket::recv_batch(datagram_batch& batch,
                                                                    std::error_code& error) noexcept {
    if (receive_offload_ && batch.size() < datagram_batch::any_size) {
        error = std::make_error_code(std::errc::invalid_argument);
        return {};
    }
    batch.prepare();
    const int filled = attempt(
        [&] {
            return ::recvmmsg(native_handle(), batch.messages_.data(), static_cast<unsigned>(batch.count()),
                              MSG_WAITFORONE, nullptr);
        },
        POLLIN, 0, end_of_call(), error);
    if (filled < 0) return {};
    try {
        batch.take_apart(static_cast<std::size_t>(filled));
    } catch (const std::bad_alloc&) {  // a kernel that merges more than any kernel has so far
        error = std::make_error_code(std::errc::not_enough_memory);
    }
    return batch.received_;
}
inline std::span<const batch_socket::received> batch_socket::recv_batch(datagram_batch& batch) {
    std::error_code error;
    const auto result = recv_batch(batch, error);
    if (error) fail(error, "recv_batch");
    return result;
}

}  // namespace netnotes

#endif  // NETNOTES_UDP_BATCH_HPP


namespace netnotes {

// ---- The socket ----------------------------------------------------------------------------------------

/// The settings of a udp_socket.
struct udp_options {
    /// Allows several sockets on one port. Each of them gets a datagram to a group or a broadcast address; only one
    /// socket gets a datagram to the host's own address. All sockets must set it, and any program may do so
    /// (socket(7)).
    bool reuse_address = false;
    /// Keeps an IPv6 socket from exchanging datagrams with IPv4 peers as ::ffff:a.b.c.d (RFC 3493 §5.3).
    bool ipv6_only = false;
    /// Shares the port with other sockets of this user that set it too: the kernel distributes the senders among them.
    bool reuse_port = false;
    /// Asks the kernel to segment and to merge, where it can. false gives the same datagrams in more system calls.
    bool kernel_offload = true;
    /// Makes a socket on the wildcard address report to which address each datagram came (see the first page). It costs
    /// no system call, but some 70 ns for each datagram; set false if no datagram is answered. A socket bound to a
    /// single address always answers from there.
    bool local_address = true;
};

/// A UDP socket. Its calls wait without a limit by default. The functions set_timeout() and set_deadline() limit them
/// (errc::timed_out). After set_blocking(false) no call waits (errc::operation_would_block). With stop_with() a stop
/// ends them (errc::operation_canceled). Two threads may share a socket: one thread sends and one thread receives.
///
/// A socket receives only from multicast groups that it has joined itself. Linux would otherwise deliver to a socket on
/// the wildcard address what *any* program on the host has joined (IP_MULTICAST_ALL, ip(7)).
class udp_socket : public batch_socket {
  public:
    /// Creates an empty socket: is_open() returns false.
    udp_socket() noexcept = default;
    /// Creates a socket without an address. Its port is 0, so no peer can send to it yet. The call bind() gives it a
    /// port, or its first send or connect() takes a port from the system's range. Before that, a receive gets no
    /// datagram. Throws std::system_error.
    explicit udp_socket(address_family family, udp_options options = {});
    udp_socket(address_family family, udp_options options, std::error_code& error) noexcept;
    /// Creates a socket and binds it to `where`. With port 0 the system chooses a port, which local_endpoint() returns.
    /// Throws std::system_error: errc::address_in_use, permission_denied below port 1024, address_not_available.
    ///
    /// On a system without IPv6, `::` is taken as 0.0.0.0. With ipv6_only set, the system's error is thrown instead.
    explicit udp_socket(const endpoint& where, udp_options options = {});
    udp_socket(const endpoint& where, udp_options options, std::error_code& error) noexcept;
    /// Takes over a UDP socket over IPv4 or IPv6, with its timeouts and its stop.
    explicit udp_socket(socket&& taken) noexcept : batch_socket{std::move(taken)} { take_notes(); }

    using socket::close;
    using socket::deadline;
    using socket::get_option;
    using socket::is_blocking;
    using socket::is_open;
    using socket::native_handle;
    using socket::release;
    using socket::set_blocking;
    using socket::set_deadline;
    using socket::set_option;
    using socket::set_timeout;
    using socket::stop_with;
    using socket::take_error;
    using socket::timeout;
    using socket::wait;

    /// Returns this socket as a plain socket.
    [[nodiscard]] socket into_socket() && noexcept { return std::move(*this); }

    /// Gives the socket its address, as the constructor does.
    void bind(const endpoint& where);
    void bind(const endpoint& where, std::error_code& error) noexcept;
    /// Returns the address and port of this socket. The port is 0 until the socket has a port. The address is the
    /// wildcard until bind() or connect() sets an address.
    [[nodiscard]] endpoint local_endpoint() const { return socket::local_endpoint().ip(); }
    [[nodiscard]] endpoint local_endpoint(std::error_code& error) const noexcept;
    /// Returns the peer of a connected socket. Throws errc::not_connected for an unconnected socket.
    [[nodiscard]] endpoint peer_endpoint() const { return socket::peer_endpoint().ip(); }
    [[nodiscard]] endpoint peer_endpoint(std::error_code& error) const noexcept;

    // -- one peer

    /// Notes the peer: from now on only its datagrams are let in, and send() sends to it. Nothing is sent, so connect()
    /// never waits, and it does not show that the peer is there. Earlier datagrams of others are still in the queue, so
    /// check the sender.
    ///
    /// connect() may be called again, for another peer, and keeps the port. It first forgets the old peer as
    /// disconnect() does, because Linux would keep the source address for that peer. After a failure the socket has no
    /// peer.
    void connect(const endpoint& peer);
    void connect(const endpoint& peer, std::error_code& error) noexcept;
    /// Forgets the peer: datagrams from every sender are let in again, under the same port. Linux takes away a port
    /// that it chose itself, so disconnect() binds it again. If another socket has taken the port in that moment, it
    /// fails with errc::address_in_use.
    void disconnect();
    void disconnect(std::error_code& error) noexcept;

    // -- sending

    /// Sends one datagram, whole or not at all. It waits while the send buffer is full. A datagram that was sent may
    /// still be lost, and a receiver may not exist. `flags` are the flags of send(2).
    ///
    /// A server answers with MSG_DONTWAIT: a full buffer is then errc::operation_would_block, and the answer is lost.
    /// Otherwise any neighbour could stop it for seconds. The kernel keeps datagrams to a neighbour that does not
    /// answer ARP, and they fill the send buffer (arp(7)). A forged sender is such a neighbour.
    ///
    /// Throws std::system_error, for example
    /// errc::message_size above the limit, which what() names. To a broadcast address without option::broadcast it is
    /// permission_denied. To port 0, which no socket can have, it is invalid_argument. Without a route it is
    /// network_unreachable.
    ///
    /// To received::sender it leaves from the address that the sender has written to: `send_to(bytes, got.sender)`. To
    /// choose another address of this host, call `send_to(bytes, {to, from})`. It fails with errc::invalid_argument or
    /// network_unreachable if this host does not have the address.
    void send_to(const_buffer bytes, const datagram_peer& to, int flags = 0);
    void send_to(const_buffer bytes, const datagram_peer& to, std::error_code& error, int flags = 0) noexcept;
    /// Sends one datagram to the peer of a connected socket; without a peer: errc::destination_address_required.
    /// errc::connection_refused is about an *earlier* datagram. This datagram was then not sent, and the next call may
    /// send it.
    void send(const_buffer bytes, int flags = 0);
    void send(const_buffer bytes, std::error_code& error, int flags = 0) noexcept;

    // -- receiving

    /// Waits for one datagram and returns it. It makes one system call if the datagram is there already, and does not
    /// allocate. A connected socket receives from its peer only. It throws errc::connection_refused if no socket took
    /// an earlier datagram of its own; then the socket still works. `flags` are the flags of recv(2): with MSG_DONTWAIT
    /// this call does not wait, with MSG_PEEK the datagram stays in the queue.
    received recv_from(mutable_buffer buffer, int flags = 0);
    received recv_from(mutable_buffer buffer, std::error_code& error, int flags = 0) noexcept;
    /// Does the same as recv_from() above, and fills `details`: see socket::recv_from(). Call tell_details() once
    /// before.
    received recv_from(mutable_buffer buffer, datagram_details& details, int flags = 0);
    received recv_from(mutable_buffer buffer, datagram_details& details, std::error_code& e, int flags = 0) noexcept;
    using socket::tell_details;

  private:
    void prepare(udp_options options, std::error_code& error) noexcept;
    received receive(mutable_buffer buffer, datagram_details* details, int flags, std::error_code& error) noexcept;
    static bool may_do_without_ipv6(const endpoint& where, udp_options options, const std::error_code& error) noexcept;

    bool wants_local_address_ = true;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

// ---- making

inline void udp_socket::prepare(udp_options options, std::error_code& error) noexcept {
    if (options.reuse_address) set_option(option::reuse_address{}, error);
    if (!error && options.reuse_port) set_option(option::reuse_port{}, error);
    if (error) return;
    take_notes();
    offload_allowed_ = options.kernel_offload;
    wants_local_address_ = options.local_address;
    const int off = 0;
    const auto no = detail::bytes_of(off);
    std::error_code too_old;  // IPV6_MULTICAST_ALL is of Linux 4.20
    set_option(IPPROTO_IP, IP_MULTICAST_ALL, no, too_old);
    if (!is_v6()) return;
    set_option(IPPROTO_IPV6, IPV6_MULTICAST_ALL, no, too_old);
    // Set in both cases, because the default is a setting of the system (net.ipv6.bindv6only).
    set_option(option::ipv6_only{options.ipv6_only}, error);
}

inline udp_socket::udp_socket(address_family family, udp_options options, std::error_code& error) noexcept
    : batch_socket{family, socket_type::datagram, 0, error} {
    if (!error) prepare(options, error);
    if (error) *this = udp_socket{};
}
inline udp_socket::udp_socket(address_family family, udp_options options) {
    std::error_code error;
    *this = udp_socket{family, options, error};
    if (error) detail::throw_error(error, "UDP socket");
}
/// A program that listens on `::` means "everywhere". Without IPv6, everywhere is 0.0.0.0.
inline bool udp_socket::may_do_without_ipv6(const endpoint& where, udp_options options,
                                            const std::error_code& error) noexcept {
    return !options.ipv6_only && detail::may_do_without_ipv6(where, error);
}
inline udp_socket::udp_socket(const endpoint& where, udp_options options, std::error_code& error) noexcept
    : udp_socket{detail::family_of_address(where.address()), options, error} {
    if (!error) bind(where, error);
    if (error) *this = udp_socket{};
    if (may_do_without_ipv6(where, options, error))
        *this = udp_socket{endpoint{ipv4_address::any(), where.port()}, options, error};
}
inline udp_socket::udp_socket(const endpoint& where, udp_options options) {
    std::error_code error;
    *this = udp_socket{detail::family_of_address(where.address()), options, error};
    const bool is_made = !error;
    if (is_made) bind(where, error);
    if (may_do_without_ipv6(where, options, error))
        *this = udp_socket{endpoint{ipv4_address::any(), where.port()}, options};
    else if (error)
        detail::throw_error(error, is_made ? "bind " : "UDP socket", is_made ? where.to_string() : "");
}

inline void udp_socket::bind(const endpoint& where, std::error_code& error) noexcept {
    const socket_address address = detail::to_socket_address(where, error);
    // Before it is bound: the first datagram may be there when bind(2) returns.
    if (!error && wants_local_address_ && where.address().is_unspecified()) tell_local_address(error);
    if (!error) socket::bind(address, error);
}
inline void udp_socket::bind(const endpoint& where) {
    std::error_code error;
    bind(where, error);
    if (error) detail::throw_error(error, "bind ", where.to_string());
}

inline endpoint udp_socket::local_endpoint(std::error_code& error) const noexcept {
    const socket_address address = socket::local_endpoint(error);
    return error ? endpoint{} : address.ip();
}
inline endpoint udp_socket::peer_endpoint(std::error_code& error) const noexcept {
    const socket_address address = socket::peer_endpoint(error);
    return error ? endpoint{} : address.ip();
}

// ---- one peer

inline void udp_socket::connect(const endpoint& peer, std::error_code& error) noexcept {
    std::error_code has_no_peer;
    static_cast<void>(socket::peer_endpoint(has_no_peer));
    if (!has_no_peer) {
        disconnect(error);
        if (error) return;
    }
    const socket_address address = detail::to_socket_address(peer, error);
    if (!error) socket::connect(address, error);
}
inline void udp_socket::connect(const endpoint& peer) {
    std::error_code error;
    connect(peer, error);
    if (error) detail::throw_error(error, "connect ", peer.to_string());
}

inline void udp_socket::disconnect(std::error_code& error) noexcept {
    const endpoint before = local_endpoint(error);
    const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};  // connect(2)
    if (!error && ::connect(native_handle(), &nobody, sizeof nobody) != 0) error = detail::last_error();
    if (error) return;
    const endpoint after = local_endpoint(error);
    if (!error && after.port() != before.port()) bind({after.address(), before.port()}, error);
}
inline void udp_socket::disconnect() {
    std::error_code error;
    disconnect(error);
    if (error) fail(error, "disconnect");
}

// ---- sending

inline void udp_socket::send_to(const_buffer bytes, const datagram_peer& to, std::error_code& error,
                                int flags) noexcept {
    const socket_address address = detail::to_socket_address(to, error);
    if (!error) socket::send_to(bytes, address, to.local_address(), error, flags);
}
inline void udp_socket::send_to(const_buffer bytes, const datagram_peer& to, int flags) {
    std::error_code error;
    send_to(bytes, to, error, flags);
    if (error)
        detail::throw_error(error, "send_to ", to.to_string(), detail::from_local(to),
                            detail::datagram_size(bytes.size(), to.address(), error));
}
inline void udp_socket::send(const_buffer bytes, std::error_code& error, int flags) noexcept {
    socket::send(bytes, error, flags);
}
inline void udp_socket::send(const_buffer bytes, int flags) {
    std::error_code error;
    send(bytes, error, flags);
    if (!error) return;
    std::error_code unknown;
    const endpoint peer = peer_endpoint(unknown);
    if (unknown) fail(error, "send");
    detail::throw_error(error, "send to ", peer.to_string(),
                        detail::datagram_size(bytes.size(), peer.address(), error));
}

// ---- receiving

inline udp_socket::received udp_socket::receive(mutable_buffer buffer, datagram_details* details, int flags,
                                                std::error_code& error) noexcept {
    if (receive_offload_) {
        error = std::make_error_code(std::errc::operation_not_supported);
        return {};
    }
    const socket::received got =
        details ? socket::recv_from(buffer, *details, error, flags) : socket::recv_from(buffer, error, flags);
    if (error || !got.sender.is_ip()) return {};
    return {got.bytes, datagram_peer{got.sender.ip(), got.local}, got.truncated};
}
inline udp_socket::received udp_socket::recv_from(mutable_buffer buffer, std::error_code& error, int flags) noexcept {
    return receive(buffer, nullptr, flags, error);
}
inline udp_socket::received udp_socket::recv_from(mutable_buffer buffer, datagram_details& details,
                                                  std::error_code& error, int flags) noexcept {
    return receive(buffer, &details, flags, error);
}
inline udp_socket::received udp_socket::recv_from(mutable_buffer buffer, int flags) {
    std::error_code error;
    const received result = receive(buffer, nullptr, flags, error);
    if (error) fail(error, "recv_from");
    return result;
}
inline udp_socket::received udp_socket::recv_from(mutable_buffer buffer, datagram_details& details, int flags) {
    std::error_code error;
    const received result = receive(buffer, &details, flags, error);
    if (error) fail(error, "recv_from");
    return result;
}

}  // namespace netnotes

#endif  // NETNOTES_UDP_SOCKET_HPP


namespace netnotes {

/// Looks up the host and returns a socket that is connected to the first of its addresses that this host can reach. It
/// receives from this peer only, and send() sends to it: see udp_socket::connect().
///
/// Sends nothing. Blocks while the name is looked up, at most for `timeout` (errc::timed_out); with an address it does
/// not block. Throws the errors of resolve(). Throws the error of the first address if this host can reach none, for
/// example errc::network_unreachable; what() names the host.
[[nodiscard]] udp_socket udp_connect(const std::string& host, std::uint16_t port, wait_time timeout = never,
                                     udp_options options = {});

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Returns a socket that is connected to the first endpoint to which that is possible.
inline udp_socket connect_to_first_route(std::span<const endpoint> found, const std::string& host, std::uint16_t port,
                                         udp_options options) {
    std::error_code first;
    for (const endpoint& each : found) {
        std::error_code error;
        udp_socket made{each.address().is_v4() ? address_family::inet : address_family::inet6, options, error};
        if (!error) made.connect(each, error);
        if (!error) return made;
        if (!first) first = error;
    }
    throw_error(first, "connect a UDP socket to ", host, " port ", std::to_string(port));
}

}  // namespace detail

inline udp_socket udp_connect(const std::string& host, std::uint16_t port, wait_time timeout, udp_options options) {
    const auto found = resolve(host, std::to_string(port), {.type = socket_type::datagram}, timeout);
    return detail::connect_to_first_route(found, host, port, options);
}

}  // namespace netnotes

#endif  // NETNOTES_UDP_CONNECT_HPP

// netnotes/coro/group.hpp: tasks beside one another
// SPDX-License-Identifier: MIT
//
// A task from spawn() may outlive the function that began it. Most functions need the opposite. Several tasks run at
// the same time *inside* the function, and all of them have ended when it returns or throws. Then the text of the
// function shows when each task runs, and the tasks can use the function's variables. This is called structured
// concurrency. It improves on spawn() as `while` improved on goto.
//
//     auto [page, icon] = co_await when_all(fetch("/"), fetch("/icon"));      two tasks, or a vector: coro/when.hpp
//     auto answer = co_await with_timeout(2s, ask(server));                   one task: coro/timeout.hpp
//     co_await with_group(clients);                                           tasks that begin one by one:
//
//         task<> clients(task_group& group) {
//             for (const std::string& name : names) group.spawn(ask_and_tell(name));
//             co_return;
//         }
//
//        with_group ──┬── the body ──────────X fails               the first failure cancels all the others;
//                     ├── a task ────────────────x cancelled       when the last of them has ended, with_group()
//                     └── a task ───────────────────x cancelled    throws the failure, and no task runs on
//
// If the awaiting task is cancelled, all these tasks are cancelled too, and it is resumed when the last has ended.
//
// On this page:  with_group, task_group
// Below it:      coro/when.hpp (when_all, when_any), coro/timeout.hpp (with_timeout, shield), coro/parts.hpp
// The notes:     asyncio, async/await; example 25

#ifndef NETNOTES_CORO_GROUP_HPP
#define NETNOTES_CORO_GROUP_HPP

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>







namespace netnotes {

namespace detail {
template <class Body, class T>
class waiting_for_group;
}  // namespace detail

/// The tasks that belong to one with_group(). Use it only in the loop's thread, and only while that with_group() runs.
class task_group {
  public:
    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;

    /// Begins a task of this group: runs it up to its first wait, inside this call. If the task throws, all other tasks
    /// of the group are cancelled. After cancel() the task begins as cancelled. Does not suspend. Throws
    /// std::logic_error if `what` is empty, if the body has not begun, or if all tasks of the group have ended.
    void spawn(task<>&& what);
    /// Begins a task that returns a value, which is dropped.
    template <class T>
    void spawn(task<T>&& what) {
        spawn(drop_result(std::move(what)));
    }
    /// A mistake: the message says what to write.
    template <class T>
    void spawn(const task<T>&) {
        detail::advise_to_move<T>();
    }
    /// Begins the task that `what()` returns. The function lives as long as its task.
    template <task_function Function>
    void spawn(Function what) {
        spawn(detail::call_in_frame(std::move(what)));
    }
    /// Cancels all tasks of the group, with the body, and every task that is spawned later. A spawned task that ends by
    /// this cancellation is not a failure. If the body ends by it, with_group() throws std::system_error with
    /// errc::operation_canceled. Does not suspend.
    void cancel() noexcept;
    /// Returns the number of spawned tasks that have not ended. The body does not count.
    [[nodiscard]] std::size_t size() const noexcept;

  private:
    template <class Body, class T>
    friend class detail::waiting_for_group;
    class state;
    explicit task_group(state& shared) noexcept : state_{shared} {}
    template <class T>
    static task<> drop_result(task<T> what) {
        co_await std::move(what);
    }
    state& state_;
};

/// `co_await with_group(body)` calls `body(task_group&)`, which returns a task. It runs that task and all tasks that
/// are spawned in the group, and waits until the last has ended. Returns the body's result, or throws the first
/// exception of all these tasks. The body may end before the other tasks, so variables that they share must be outside
/// of the body.
template <task_function<task_group&> Body>
[[nodiscard]] auto with_group(Body body);
/// Does the same, and tells all failures: it adds each exception to `failures`, in the order in which the tasks end,
/// also the first exception. A task that ends by its cancellation is not a failure. `failures` must stay valid until
/// the call returns or throws.
///
///     std::vector<std::exception_ptr> failures;
///     try { co_await with_group(body, failures); } catch (const std::exception&) {}        then look at `failures`
template <task_function<task_group&> Body>
[[nodiscard]] auto with_group(Body body, std::vector<std::exception_ptr>& failures);

// ========================================================================================================
// How it is done
// ========================================================================================================

// ---- the group

class task_group::state {
  public:
    template <class Body, class T>
    friend class detail::waiting_for_group;
    friend task_group;
    class member;

  private:
    explicit state(std::vector<std::exception_ptr>* failures) noexcept : failures_{failures} {}
    void take_failure(const detail::part_base& from) noexcept;
    void cancel() noexcept;

    detail::joint_wait* whole_ = nullptr;
    detail::part_base* body_ = nullptr;
    member* members_ = nullptr;
    std::size_t size_ = 0;
    bool is_cancelled_ = false;
    bool was_asked_ = false;     // by task_group::cancel()
    bool has_no_body_ = false;   // the call of the body has thrown
    std::exception_ptr failure_;
    std::vector<std::exception_ptr>* failures_;  // all of them, if the caller wants to know
};

/// A spawned task of a group. The group deletes it when the task has ended.
class task_group::state::member final : public detail::part<void> {
  public:
    static void* operator new(std::size_t size) { return detail::frames.take(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { detail::frames.give_back(memory, size); }
    member(state& group, task<>&& what)
        : detail::part<void>{std::move(what)}, group_{group}, next_{group.members_}, previous_{&group.members_} {
        if (next_) next_->previous_ = &next_;
        group.members_ = this;
        ++group.size_;
    }
    ~member() override {
        *previous_ = next_;
        if (next_) next_->previous_ = previous_;
        --group_.size_;
    }
    [[nodiscard]] member* next() const noexcept { return next_; }

  private:
    state& group_;
    member* next_;
    member** previous_;
};

inline void task_group::state::cancel() noexcept {
    is_cancelled_ = true;
    if (!whole_) return;  // the body has not begun
    const detail::fiber& whole = whole_->chain();
    if (body_) body_->cancel_with(whole);
    for (member* each = members_; each; each = each->next()) each->cancel_with(whole);
}

inline void task_group::state::take_failure(const detail::part_base& from) noexcept {
    const std::exception_ptr thrown = from.exception();
    if (!thrown) return;
    const bool is_known = has_no_body_ && &from == body_;
    if (failures_ && !is_known && !detail::is_cancellation(thrown)) detail::keep_failure(*failures_, thrown);
    if (failure_) return;
    const bool as_asked = was_asked_ && !whole_->chain().is_cancelled();
    if (as_asked && &from != body_ && detail::is_cancellation(thrown)) return;
    failure_ = thrown;
    cancel();
}

inline void task_group::spawn(task<>&& what) {
    if (!state_.whole_ || state_.whole_->running() == 0)
        throw std::logic_error{"task_group::spawn: the group has not begun, or has ended"};
    auto* const made = new state::member{state_, std::move(what)};
    if (made->is_empty()) {
        delete made;
        detail::throw_empty_task();
    }
    if (state_.is_cancelled_) made->cancel();
    made->begin(*state_.whole_);
}
inline void task_group::cancel() noexcept {
    state_.was_asked_ = true;
    state_.cancel();
}
inline std::size_t task_group::size() const noexcept { return state_.size_; }

namespace detail {

template <class Body, class T>
class [[nodiscard]] waiting_for_group : public joint_wait {
  public:
    waiting_for_group(Body&& body, std::vector<std::exception_ptr>* failures)
        : joint_wait{!std::is_void_v<T>}, state_{failures}, body_{std::move(body)}, part_{make()} {}
    ~waiting_for_group() {
        while (state_.members_) delete state_.members_;  // if the frame is destroyed during the wait
    }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        state_.whole_ = this;
        state_.body_ = &part_;
        return begin_all(waiter, waiter.promise().chain(), [this] { part_.begin(*this); });
    }
    T await_resume() {
        if (state_.failure_ && state_.was_asked_ && !this->chain().is_cancelled())
            rethrow_outside(state_.failure_, "with_group");  // the group was cancelled, but not its caller
        if (state_.failure_) std::rethrow_exception(state_.failure_);
        return part_.take();
    }

  private:
    /// Calls the body. If the body throws before it returns a task, that counts as a failure of the task.
    task<T> make() {
        try {
            return body_(group_);
        } catch (...) {
            state_.failure_ = std::current_exception();
            state_.has_no_body_ = true;
            if (state_.failures_) keep_failure(*state_.failures_, state_.failure_);
            return {};
        }
    }
    void part_ended(part_base& which) noexcept override {
        state_.take_failure(which);
        if (&which == &part_)
            state_.body_ = nullptr;
        else
            delete static_cast<task_group::state::member*>(&which);
    }
    void cancel_parts() noexcept override { state_.cancel(); }

    task_group::state state_;
    task_group group_{state_};
    Body body_;
    part<T> part_;
};

}  // namespace detail

template <task_function<task_group&> Body>
auto with_group(Body body) {
    using result = detail::task_result<Body, task_group&>;
    return detail::awaited_once<detail::waiting_for_group<Body, result>, Body, std::vector<std::exception_ptr>*>{
        std::move(body), nullptr};
}
template <task_function<task_group&> Body>
auto with_group(Body body, std::vector<std::exception_ptr>& failures) {
    using result = detail::task_result<Body, task_group&>;
    return detail::awaited_once<detail::waiting_for_group<Body, result>, Body, std::vector<std::exception_ptr>*>{
        std::move(body), &failures};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_GROUP_HPP

// netnotes/coro/lookup.hpp: looking up names while other tasks run
// SPDX-License-Identifier: MIT
//
// A socket can be made non-blocking, but the resolver cannot. The function getaddrinfo(3) blocks its thread until a
// name server answers, and for seconds if no server does. A loop has one thread, so all its tasks would wait. Therefore
// the call runs in another thread, and only the task that asks waits:
//
//     const auto endpoints = co_await async_resolve("www.example.org", "80");
//
//        task  ── async_resolve() ············································· endpoints ──>
//                       │                                                           ↑
//        a thread       └── getaddrinfo(3) ── asks /etc/hosts and the name servers ─┘
//
// At most 8 such threads run, so a crowd of clients does not become a crowd of threads. A thread ends when no lookup is
// queued. A host that is an address needs no thread.
//
// On this page:  async_resolve · async_canonical_name · async_resolve_name
// Above it:      coro/connect.hpp (async_connect)

#ifndef NETNOTES_CORO_LOOKUP_HPP
#define NETNOTES_CORO_LOOKUP_HPP

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <concepts>
#include <coroutine>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>





namespace netnotes {

/// Returns the endpoints of a host and a service, in the order in which to try them. It is the resolve() of
/// socket/resolve.hpp for tasks, and throws the same errors. It suspends until the answer arrives. It does not suspend
/// if the host is an address or empty and the service is a number or empty.
///
/// A cancelled task does not wait for the answer. getaddrinfo() cannot be interrupted, so the lookup continues in its
/// thread, and its result is discarded. At most 8 lookups of a process run at a time, abandoned lookups included;
/// further lookups are queued. Throws errc::resource_unavailable_try_again if it cannot start a first thread.
///
/// A loop with virtual time does not wait for a lookup: its clock may jump while the lookup runs. Pass addresses there.
[[nodiscard]] task<std::vector<endpoint>> async_resolve(std::string host, std::string service,
                                                        resolve_hints hints = {});
/// Does the same, but reports an error instead of throwing it, and then returns no endpoints. A cancellation is still
/// thrown. `error` must stay valid until the task ends.
[[nodiscard]] detail::reporting_task<std::vector<endpoint>> async_resolve(std::string host, std::string service,
                                                                          resolve_hints hints, std::error_code& error);
/// Returns the endpoints of a host and a port. A number above 65535 is an error, not a different port.
template <std::integral Port>
[[nodiscard]] task<std::vector<endpoint>> async_resolve(std::string host, Port port, resolve_hints hints = {}) {
    return async_resolve(std::move(host), std::to_string(port), hints);
}

/// Returns the official name of a host: canonical_name() of socket/resolve.hpp for tasks, with the same errors. It waits
/// and ends like async_resolve().
[[nodiscard]] task<std::string> async_canonical_name(std::string host);
/// Returns the name of the host that has this address, or nullopt if it has no name: resolve_name() of
/// socket/resolve.hpp for tasks, with the same errors. It waits and ends like async_resolve(). The owner of an address
/// chooses its name and may lie.
[[nodiscard]] task<std::optional<std::string>> async_resolve_name(endpoint where);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

// ---- looking up

class lookup_threads;

/// One lookup. If its task abandons it while a thread works on it, it lives until the thread has finished.
class lookup final : public posted_call {
  public:
    lookup(std::string host, std::string service, resolve_hints hints) noexcept
        : host_{std::move(host)}, service_{std::move(service)}, hints_{hints} {}
    explicit lookup(std::string host) noexcept : wanted_{question::canonical_name}, host_{std::move(host)} {}
    explicit lookup(const endpoint& where) : endpoints(1, where), wanted_{question::name} {}

    std::vector<endpoint> endpoints;  // the answer, or the address whose name is asked for
    std::optional<std::string> name;
    std::error_code error;

    struct abandon {
        void operator()(lookup* one) const noexcept;
    };
    class waiting;

  private:
    friend lookup_threads;
    enum class state {
        idle,     // not begun, or finished: only the owner has a pointer to it
        queued,   // waits for a thread
        running,  // a thread works on it, and then posts it, or deletes it if it was abandoned
        posted,   // waits for the loop to call it
    };
    ~lookup() = default;
    inline void call() override;
    void look() noexcept {
        try {
            switch (wanted_) {
                case question::endpoints: endpoints = resolve(host_, service_, hints_, error); break;
                case question::canonical_name: name = canonical_name(host_); break;
                case question::name: name = resolve_name(endpoints.front()); break;
            }
        } catch (const std::system_error& failure) {
            error = failure.code();
        } catch (...) {
            error = std::make_error_code(std::errc::not_enough_memory);
        }
    }

    enum class question { endpoints, canonical_name, name };
    question wanted_ = question::endpoints;
    std::string host_, service_;
    resolve_hints hints_{};
    waiting* waiting_ = nullptr;  // used only in the loop's thread
    lookup_threads* threads_ = nullptr;
    // The members below are guarded by lookup_threads::mutex_.
    scheduler* loop_ = nullptr;
    lookup* behind_ = nullptr;
    lookup** place_ = nullptr;  // the pointer that points to this lookup: the previous `behind_`, or `first_`
    state state_ = state::idle;
    bool is_wanted_ = true;
};

/// The threads of all lookups, and the queue of lookups. A process has one object, which is never destroyed because a
/// thread may still be in getaddrinfo() when the program ends.
class lookup_threads {
  public:
    static constexpr int most = 8;

    static lookup_threads& of_this_process() {
        static std::atomic<lookup_threads*> all{nullptr};
        lookup_threads* there = all.load();
        // fork() copies only the thread that calls it. In the child this object counts threads that do not exist there,
        // and one of them may hold the mutex. So the child makes a new object.
        if (there && there->process_ == ::getpid()) return *there;
        owner<lookup_threads> made{new lookup_threads};
        return all.compare_exchange_strong(there, made.get()) ? *made.release() : *there;
    }

    /// Queues the lookup, and starts a thread if fewer than `most` run. Throws std::system_error if no thread runs and
    /// none can be started.
    void begin(lookup& one, scheduler& loop) {
        const std::lock_guard lock{mutex_};
        if (running_ < most) {
            try {
                start();
                ++running_;
            } catch (const std::system_error&) {
                if (running_ == 0) throw;  // otherwise a running thread will take this lookup from the queue
            }
        }
        one.threads_ = this;
        one.loop_ = &loop;
        one.state_ = lookup::state::queued;
        one.place_ = end_;
        *end_ = &one;
        end_ = &one.behind_;
    }
    /// Deletes the lookup now, or lets its thread or its loop delete it.
    void abandon(lookup* one) noexcept {
        const std::lock_guard lock{mutex_};
        one->is_wanted_ = false;
        switch (one->state_) {
            case lookup::state::queued: take_out(*one); [[fallthrough]];
            case lookup::state::idle: delete one; break;
            case lookup::state::running:
            case lookup::state::posted: break;
        }
    }

  private:
    // The new thread blocks all signals, so that the kernel delivers them to the program's own threads.
    void start() {
        sigset_t all, before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_t thread;
        const auto run = [](void* threads) -> void* {
            static_cast<lookup_threads*>(threads)->work();
            return nullptr;
        };
        const int failure = ::pthread_create(&thread, nullptr, run, this);
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (failure != 0) detail::throw_error({failure, std::system_category()}, "pthread_create");
        ::pthread_detach(thread);
    }
    void work() noexcept {
        std::unique_lock lock{mutex_};
        while (first_) {
            lookup* const one = first_;
            take_out(*one);
            one->state_ = lookup::state::running;
            lock.unlock();
            one->look();
            lock.lock();
            if (!one->is_wanted_) {
                delete one;
                continue;
            }
            one->state_ = lookup::state::posted;
            one->loop_->post_call(*one);  // under the lock: abandon() waits for it, so the loop still exists
        }
        --running_;
    }
    void take_out(const lookup& one) noexcept {
        *one.place_ = one.behind_;
        (one.behind_ ? one.behind_->place_ : end_) = one.place_;
    }

    const pid_t process_ = ::getpid();
    std::mutex mutex_;
    int running_ = 0;
    lookup* first_ = nullptr;
    lookup** end_ = &first_;
};

/// Awaiter: begins the lookup and suspends until it has finished, with a result or with an error.
class lookup::waiting final : public loop_operation {
  public:
    explicit waiting(lookup& one) noexcept : one_{one} {}
    ~waiting() { one_.waiting_ = nullptr; }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        fiber& whose = waiter.promise().chain();
        if ((was_cancelled_ = whose.is_cancelled())) return hear_at_once(waiter, whose);
        try {
            lookup_threads::of_this_process().begin(one_, whose.loop());
        } catch (const std::system_error& refusal) {
            one_.error = refusal.code();
            return hear_at_once(waiter, whose);
        }
        waits(waiter, whose);  // not too late: the loop calls call() later, in this same thread
        one_.waiting_ = this;
        return true;
    }
    void await_resume() const {
        if (was_cancelled_) throw_cancelled();
    }

  private:
    void cancelled() noexcept override {
        one_.waiting_ = nullptr;
        was_cancelled_ = true;
        go_on();
    }
    lookup& one_;
    bool was_cancelled_ = false;
};

inline void lookup::call() {
    if (!is_wanted_) {
        delete this;
        return;
    }
    state_ = state::idle;
    if (waiting_) std::exchange(waiting_, nullptr)->go_on();
}
inline void lookup::abandon::operator()(lookup* one) const noexcept {
    if (one->threads_)
        one->threads_->abandon(one);
    else
        delete one;
}

/// Returns true if the answer needs no name server and no file.
inline bool is_numeric(std::string_view host, std::string_view service) noexcept {
    return (host.empty() || ip_address::parse(host) || is_number_of_old(host)) &&
           (service.empty() || is_like_number(service));
}

}  // namespace detail

inline task<std::vector<endpoint>> async_resolve(std::string host, std::string service, resolve_hints hints) {
    if (detail::is_numeric(host, service)) {
        co_await detail::stepping{};
        co_return resolve(host, service, hints);
    }
    const detail::owner<detail::lookup, detail::lookup::abandon> one{new detail::lookup{host, service, hints}};
    co_await detail::lookup::waiting{*one};
    if (one->error) detail::throw_error(one->error, "resolve ", detail::with_service(host, service));
    co_return std::move(one->endpoints);
}
namespace detail {
inline task<std::vector<endpoint>> resolve_or_report(std::string host, std::string service, resolve_hints hints,
                                                     std::error_code& error) {
    error.clear();
    try {
        co_return co_await async_resolve(std::move(host), std::move(service), hints);
    } catch (const std::system_error& failure) {
        error = failure.code();
    }
    co_return std::vector<endpoint>{};
}
}  // namespace detail
inline detail::reporting_task<std::vector<endpoint>> async_resolve(std::string host, std::string service,
                                                                   resolve_hints hints, std::error_code& error) {
    return {detail::resolve_or_report(std::move(host), std::move(service), hints, error), error};
}
inline task<std::string> async_canonical_name(std::string host) {
    if (ip_address::parse(host)) {
        co_await detail::stepping{};
        co_return host;
    }
    const detail::owner<detail::lookup, detail::lookup::abandon> one{new detail::lookup{host}};
    co_await detail::lookup::waiting{*one};
    if (one->error) detail::throw_error(one->error, "canonical name of ", visible(host));
    co_return std::move(*one->name);
}
inline task<std::optional<std::string>> async_resolve_name(endpoint where) {
    const detail::owner<detail::lookup, detail::lookup::abandon> one{new detail::lookup{where}};
    co_await detail::lookup::waiting{*one};
    if (one->error) detail::throw_error(one->error, "name of ", where.address().to_string());
    co_return std::move(one->name);
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_LOOKUP_HPP



// netnotes/coro/sync.hpp: tasks that wait for one another
// SPDX-License-Identifier: MIT
//
// The tasks of a loop never run at the same time. A task gives up the thread only at co_await, and in
// task_group::spawn(), which begins the new task at once. Between two such places, shared variables need no lock. But
// tasks also need to wait for one another:
//
//        event        all wait until it is set                   "the configuration has been read"
//        semaphore    at most n tasks at a time                  at most 100 connections
//        mutex        one task at a time, across a co_await      one request at a time on a connection
//        channel      passes values, and stores at most n        a producer that is too fast waits
//
//        try_send() and try_receive() do not wait: a full or empty channel is told by their result
//
//        producer ── send(1) send(2) send(3) waits ──> [1][2] ──> receive() ── consumer
//                                               ^                     │
//                                               └──── room again ─────┘
//
// The task that has waited longest is resumed first. A cancelled wait leaves the queue and takes nothing: no value,
// permit or lock. If one of these is already reserved for the task, the cancellation comes too late: the task gets it.
// A task whose result will be dropped is an exception: it lost in when_any(), or another task of its when_all() failed.
// Then the value, permit or lock passes to the next waiting task. Values keep their order.
//
// These objects must outlive the tasks that wait for them; otherwise the wait throws std::logic_error. Use each object
// only with tasks of one loop, in that loop's thread. Another thread uses event_loop::post().
//
// On this page:  async_event · async_semaphore · async_mutex · channel

#ifndef NETNOTES_CORO_SYNC_HPP
#define NETNOTES_CORO_SYNC_HPP

#include <cstddef>
#include <deque>
#include <optional>
#include <stdexcept>
#include <utility>




namespace netnotes {

namespace detail {

/// Links the awaiters that wait for one object, in order of arrival. The awaiters stay in their coroutine frames.
class wait_queue {
  public:
    class waiter;
    wait_queue() noexcept = default;
    wait_queue(const wait_queue&) = delete;
    wait_queue& operator=(const wait_queue&) = delete;
    ~wait_queue();
    [[nodiscard]] bool empty() const noexcept { return waiting_.first == nullptr; }
    [[nodiscard]] waiter* first() const noexcept { return waiting_.first; }
    /// Returns the first awaiter that has been granted the object but whose task has not been resumed yet.
    [[nodiscard]] waiter* first_granted() const noexcept { return granted_.first; }

  private:
    struct list {
        waiter* first = nullptr;
        waiter* last = nullptr;
    };
    list waiting_, granted_;
};

/// Waits in a wait_queue. There are two ways to end the wait:
/// - grant() reserves a permit or value. The task takes it when it is resumed, one turn later. If the task is withdrawn
///   before that (it lost in when_any(), for example), give_back() passes the permit or value to the next awaiter.
/// - serve() ends the wait at once. An event's waiter and a channel's sender have nothing to take.
class wait_queue::waiter : public loop_operation {
  public:
    bool await_ready() const noexcept { return false; }

  protected:
    waiter() noexcept = default;
    ~waiter() {
        if (is_waiting()) leave();
    }
    /// Gives a grant back if the frame is destroyed while it waits. A class that overrides give_back() calls this in
    /// its destructor.
    void is_destroyed() noexcept {
        if (state_ == state::granted) give_back();
    }
    /// Call in await_suspend(), and return its result. Enters the queue until serve() or grant(). `is_there()` returns
    /// true if it could take the object; then the wait ends at once, or after one turn for the other tasks.
    template <class Promise, class IsThere>
    bool stand_in(wait_queue& queue, std::coroutine_handle<Promise> self, IsThere is_there) {
        fiber& whose = self.promise().chain();
        state_ = state::none;
        if (whose.is_cancelled()) {
            state_ = state::cancelled;
            return hear_at_once(self, whose);
        }
        if (!is_there()) {
            waits(self, whose);
            queue_ = &queue;
            enter(state::queued);
            return true;
        }
        if (whose.loop().take_step()) return false;
        if (is_final_) return leave_turn(self, whose);
        waits(self, whose);
        queue_ = &queue;
        grant();
        return true;
    }
    /// Call in await_resume(). Throws netnotes::cancelled, or std::logic_error if the queue was destroyed.
    void finish() {
        if (state_ == state::granted) {
            leave();
            decided();
        }
        switch (std::exchange(state_, state::none)) {
            case state::none:
            case state::queued:
            case state::granted: return;
            case state::cancelled: throw_cancelled();
            case state::left_alone: throw std::logic_error{"the object that this task waited for was destroyed"};
        }
    }
    /// Passes a grant to the next awaiter.
    virtual void give_back() noexcept {}
    bool is_final_ = false;  ///< true: a wait that ends at once cannot be cancelled before the task is resumed

  public:
    /// Ends the wait: it has succeeded.
    void serve() noexcept {
        leave();
        state_ = state::none;
        go_on();
    }
    /// Reserves what the task waits for. The task takes it when it is resumed.
    void grant() noexcept {
        if (state_ == state::queued) leave();
        enter(state::granted);
        comes_round();
    }
    /// Turns a grant into success, because the queue is being destroyed.
    void keep() noexcept {
        leave();
        state_ = state::none;
        decided();
    }
    /// Ends the wait with std::logic_error, because the queue is being destroyed.
    void leave_alone() noexcept {
        const bool stands_in_turn = state_ == state::granted;
        leave();
        state_ = state::left_alone;
        if (stands_in_turn)
            decided();
        else
            go_on();
    }

  private:
    enum class state : unsigned char { none, queued, granted, cancelled, left_alone };
    [[nodiscard]] list& place() const noexcept {
        return state_ == state::granted ? queue_->granted_ : queue_->waiting_;
    }
    void enter(state as) noexcept {
        state_ = as;
        list& where = place();
        behind_ = nullptr;
        before_ = where.last;
        (before_ ? before_->behind_ : where.first) = this;
        where.last = this;
    }
    void leave() noexcept {
        (before_ ? before_->behind_ : place().first) = behind_;
        (behind_ ? behind_->before_ : place().last) = before_;
    }
    void cancelled() noexcept override {
        if (state_ == state::granted && !chain().is_withdrawn()) return;
        leave();
        if (std::exchange(state_, state::cancelled) == state::queued) return go_on();
        decided();
        give_back();
    }
    wait_queue* queue_ = nullptr;
    waiter* before_ = nullptr;
    waiter* behind_ = nullptr;
    state state_ = state::none;
};

inline wait_queue::~wait_queue() {
    while (granted_.first) granted_.first->keep();
    while (waiting_.first) waiting_.first->leave_alone();
}

}  // namespace detail

/// A flag that tasks can wait for. It begins as not set. For tasks of one loop; it must outlive every wait.
class async_event {
  public:
    /// A mistake: the message says what to write.
    template <class Self = async_event>
    std::suspend_never operator co_await() const {
        static_assert(!std::is_same_v<Self, async_event>, "write co_await it.wait()");
        return {};
    }
    class waiting;
    /// Returns true from set() until reset().
    [[nodiscard]] bool is_set() const noexcept { return is_set_; }
    /// Sets the event and ends the wait of every waiting task. The tasks are resumed at the next turn, in order of
    /// arrival.
    void set() noexcept;
    /// Clears the event, so that later waits suspend. Tasks that set() has released still resume.
    void reset() noexcept { is_set_ = false; }
    /// `co_await event.wait()` suspends until set(), and does not wait if the event is set. Throws netnotes::cancelled,
    /// or std::logic_error if the event is destroyed during the wait.
    [[nodiscard]] waiting wait() noexcept;

  private:
    bool is_set_ = false;
    detail::wait_queue queue_;
};

/// A fixed number of permits. A permit gives itself back when it is destroyed. For tasks of one loop. The semaphore
/// must outlive its permits and every wait.
class async_semaphore {
  public:
    /// A mistake: the message says what to write.
    template <class Self = async_semaphore>
    std::suspend_never operator co_await() const {
        static_assert(!std::is_same_v<Self, async_semaphore>, "write co_await it.acquire()");
        return {};
    }
    class permit;
    class acquiring;
    /// Makes a semaphore with this many free permits. With 0, acquire() never succeeds.
    explicit async_semaphore(std::size_t permits) noexcept : free_{permits} {}
    async_semaphore(const async_semaphore&) = delete;
    async_semaphore& operator=(const async_semaphore&) = delete;
    /// Destroys the semaphore. Every acquire() that has not returned throws std::logic_error. Permits must be gone.
    ~async_semaphore() {
        while (queue_.first_granted()) queue_.first_granted()->leave_alone();
    }

    /// `co_await semaphore.acquire()` suspends until a permit is free, and returns it. Tasks get permits in order of
    /// arrival. Throws netnotes::cancelled, or std::logic_error if the semaphore is destroyed during the wait.
    [[nodiscard]] acquiring acquire() noexcept;
    /// Returns a permit, or an empty permit if no permit is free. Does not suspend.
    [[nodiscard]] permit try_acquire() noexcept;
    /// Returns the number of free permits.
    [[nodiscard]] std::size_t available() const noexcept { return free_; }

  private:
    bool take() noexcept {
        if (free_ == 0) return false;
        --free_;
        return true;
    }
    void give_back() noexcept;
    std::size_t free_;
    detail::wait_queue queue_;
};

/// Holds one permit of a semaphore until it is destroyed. It can be moved, not copied. Must not outlive the semaphore.
class [[nodiscard]] async_semaphore::permit {
  public:
    /// Makes an empty permit.
    permit() noexcept = default;
    /// Takes the permit of `other`, which is empty afterwards.
    permit(permit&& other) noexcept : semaphore_{std::exchange(other.semaphore_, nullptr)} {}
    /// Gives the own permit back and takes that of `other`, which is empty afterwards.
    permit& operator=(permit&& other) noexcept {
        permit{std::move(other)}.swap(*this);
        return *this;
    }
    /// Gives the permit back. If a task waits for it, the task that has waited longest gets it.
    ~permit() {
        if (semaphore_) semaphore_->give_back();
    }
    /// Exchanges the two permits.
    void swap(permit& other) noexcept { std::swap(semaphore_, other.semaphore_); }
    /// Returns true if it holds a permit, false if it is empty.
    explicit operator bool() const noexcept { return semaphore_ != nullptr; }

  private:
    friend async_semaphore;
    explicit permit(async_semaphore& from) noexcept : semaphore_{&from} {}
    async_semaphore* semaphore_ = nullptr;
};

/// A semaphore with one permit: `auto guard = co_await mutex.lock();`. You need it only if other tasks must stay out
/// *across* a co_await. For tasks of one loop; it must outlive its guards and every wait. A task that locks it twice
/// waits for ever.
class async_mutex {
  public:
    /// A mistake: the message says what to write.
    template <class Self = async_mutex>
    std::suspend_never operator co_await() const {
        static_assert(!std::is_same_v<Self, async_mutex>, "write co_await it.lock()");
        return {};
    }
    /// Holds the lock until it is destroyed.
    using guard = async_semaphore::permit;
    /// `co_await mutex.lock()` suspends until the mutex is free, and returns the guard. Tasks get the lock in order of
    /// arrival. Throws netnotes::cancelled, or std::logic_error if the mutex is destroyed during the wait.
    [[nodiscard]] async_semaphore::acquiring lock() noexcept;
    /// Returns the guard, or an empty guard if the mutex is locked. Does not suspend.
    [[nodiscard]] guard try_lock() noexcept { return semaphore_.try_acquire(); }

  private:
    async_semaphore semaphore_{1};
};

/// Passes values from task to task, in the order in which they were sent. Each value goes to one receiver. For tasks of
/// one loop; it must outlive every wait.
template <class T>
class channel {
  public:
    /// A mistake: the message says what to write.
    template <class Self = channel>
    auto operator co_await() const {  // auto: the compiler then reports it before anything else
        static_assert(!std::is_same_v<Self, channel>, "write co_await it.receive()");
        return std::suspend_never{};
    }
    class sending;
    class receiving;
    /// Makes a channel that stores at most `capacity` values. With 0, send() waits until a task receives the value.
    explicit channel(std::size_t capacity) : capacity_{capacity} {}
    channel(const channel&) = delete;
    channel& operator=(const channel&) = delete;
    /// Destroys the channel and the values in it. If a value is already reserved for a receiver, the receiver still
    /// gets it. Every other waiting task throws std::logic_error.
    ~channel();

    /// `co_await c.send(value)` passes the value on, and suspends while the channel is full. Throws std::logic_error if
    /// the channel is closed, or if it is closed or destroyed during the wait. Throws netnotes::cancelled, and the
    /// exceptions of moving a T.
    [[nodiscard]] detail::awaited_once<sending, channel*, T> send(T value);
    /// `co_await c.receive()` suspends until there is a value, and returns it as std::optional<T>. Returns nullopt if
    /// the channel is closed and empty. Throws netnotes::cancelled, what moving a T throws, or std::logic_error if the
    /// channel is destroyed during the wait. If a move throws, the value stays in the channel.
    [[nodiscard]] receiving receive() noexcept;
    /// Passes the value on and returns true, if that needs no wait. Returns false if the channel is full; the value is
    /// then not moved. Does not suspend. Throws std::logic_error if the channel is closed.
    template <class Value = T>
    [[nodiscard]] bool try_send(Value&& value);
    /// Returns a value, or nullopt if the channel is empty. Does not suspend. See is_closed().
    [[nodiscard]] std::optional<T> try_receive();
    /// Closes the channel. Every send() throws from now on, even if it already waits. Stored values can still be
    /// received. Waiting receivers get nullopt.
    void close() noexcept;
    /// Returns true after close().
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }
    /// Returns how many stored values can be received, at most `capacity`. A value that a cancelled receiver gave back
    /// may be stored beyond that and is not counted.
    [[nodiscard]] std::size_t size() const noexcept { return detail::min(left(), capacity_); }
    /// Returns how many values the channel can store.
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  private:
    [[nodiscard]] std::size_t left() const noexcept { return kept_.size() - granted_; }
    /// Returns true if a value can be passed on now. A sender that has waited longer comes first.
    [[nodiscard]] bool has_room() const noexcept {
        return !receivers_.empty() || (senders_.empty() && left() < capacity_);
    }
    std::optional<T> take_front();
    void let_sender_in();
    void grant_next() noexcept;

    std::size_t capacity_;
    bool is_closed_ = false;
    std::size_t granted_ = 0;  // number of stored values that are reserved for receivers that have yet to be resumed
    std::deque<T> kept_;
    detail::wait_queue senders_, receivers_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

class [[nodiscard]] async_event::waiting final : public detail::wait_queue::waiter {
  public:
    explicit waiting(async_event& event) noexcept : event_{event} { is_final_ = true; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
        return stand_in(event_.queue_, self, [this] { return event_.is_set_; });
    }
    void await_resume() { finish(); }

  private:
    async_event& event_;
};
inline async_event::waiting async_event::wait() noexcept { return waiting{*this}; }
inline void async_event::set() noexcept {
    is_set_ = true;
    while (!queue_.empty()) queue_.first()->serve();
}

class [[nodiscard]] async_semaphore::acquiring final : public detail::wait_queue::waiter {
  public:
    explicit acquiring(async_semaphore& from) noexcept : semaphore_{from} {}
    ~acquiring() { is_destroyed(); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
        return stand_in(semaphore_.queue_, self, [this] { return semaphore_.take(); });
    }
    permit await_resume() {
        finish();
        return permit{semaphore_};
    }

  private:
    void give_back() noexcept override { semaphore_.give_back(); }
    async_semaphore& semaphore_;
};
inline async_semaphore::acquiring async_semaphore::acquire() noexcept { return acquiring{*this}; }
inline async_semaphore::permit async_semaphore::try_acquire() noexcept { return take() ? permit{*this} : permit{}; }
/// Passes the permit straight to the first waiting task, so that no other task can take it first.
inline void async_semaphore::give_back() noexcept {
    if (queue_.empty())
        ++free_;
    else
        queue_.first()->grant();
}
inline async_semaphore::acquiring async_mutex::lock() noexcept { return semaphore_.acquire(); }

template <class T>
class [[nodiscard]] channel<T>::receiving final : public detail::wait_queue::waiter {
  public:
    explicit receiving(channel& from) noexcept : from_{&from} {}
    ~receiving() { this->is_destroyed(); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
        has_value_ = false;
        return this->stand_in(from_->receivers_, self, [this] {
            if (from_->left() == 0) from_->let_sender_in();
            has_value_ = from_->left() > 0;
            if (has_value_) ++from_->granted_;
            return has_value_ || from_->is_closed_;
        });
    }
    std::optional<T> await_resume() {
        this->finish();
        if (!from_) return std::exchange(value_, std::nullopt);
        if (has_value_) --from_->granted_;
        if (from_->left() == 0) return std::nullopt;
        return from_->take_front();
    }

  private:
    friend channel;
    friend sending;
    void give_back() noexcept override {
        if (!has_value_) return;
        --from_->granted_;
        from_->grant_next();
    }
    channel* from_;
    bool has_value_ = false;  // one of the stored values is reserved for this receiver
    std::optional<T> value_;  // the reserved value, if the channel was destroyed before this task was resumed
};

template <class T>
class channel<T>::sending : public detail::wait_queue::waiter {
  public:
    sending(channel* to, T&& value) : to_{*to}, value_{std::move(value)} { this->is_final_ = true; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
        return this->stand_in(to_.senders_, self, [this] { return hand_over(); });
    }
    void await_resume() {
        this->finish();
        if (was_refused_) throw std::logic_error{"channel::send: the channel is closed"};
    }

  private:
    friend channel;
    friend receiving;
    bool hand_over() {
        if ((was_refused_ = to_.is_closed_)) return true;
        if (!to_.has_room()) return false;
        to_.kept_.push_back(std::move(value_));
        to_.grant_next();
        return true;
    }
    channel& to_;
    T value_;
    bool was_refused_ = false;
};

/// Stores the value of the first waiting sender, if there is one, and ends its wait. Call before a value is removed:
/// one value more than `capacity_` fits until then.
template <class T>
void channel<T>::let_sender_in() {
    if (senders_.empty() || left() > capacity_) return;
    auto& sender = static_cast<sending&>(*senders_.first());
    kept_.push_back(std::move(sender.value_));
    sender.serve();
}
/// Removes the first value, and returns it. If a move throws, the value passes to the next receiver.
template <class T>
std::optional<T> channel<T>::take_front() {
    struct keeping {
        channel* from;
        ~keeping() {
            if (from) from->grant_next();
        }
    } unless_taken{this};
    let_sender_in();  // first, because this may throw
    std::optional<T> value{std::move(kept_.front())};
    kept_.pop_front();
    unless_taken.from = nullptr;
    return value;
}
template <class T>
template <class Value>
bool channel<T>::try_send(Value&& value) {
    if (is_closed_) throw std::logic_error{"channel::send: the channel is closed"};
    if (!has_room()) return false;
    kept_.push_back(std::forward<Value>(value));
    grant_next();
    return true;
}
template <class T>
std::optional<T> channel<T>::try_receive() {
    if (left() == 0) let_sender_in();
    if (left() == 0) return std::nullopt;
    return take_front();
}
template <class T>
void channel<T>::grant_next() noexcept {
    if (left() == 0 || receivers_.empty()) return;
    auto& receiver = static_cast<receiving&>(*receivers_.first());
    receiver.has_value_ = true;
    ++granted_;
    receiver.grant();
}
template <class T>
detail::awaited_once<typename channel<T>::sending, channel<T>*, T> channel<T>::send(T value) {
    return detail::awaited_once<sending, channel*, T>{this, std::move(value)};
}
template <class T>
typename channel<T>::receiving channel<T>::receive() noexcept {
    return receiving{*this};
}
template <class T>
void channel<T>::close() noexcept {
    is_closed_ = true;
    while (!receivers_.empty()) receivers_.first()->grant();
    while (!senders_.empty()) {
        static_cast<sending*>(senders_.first())->was_refused_ = true;
        senders_.first()->serve();
    }
}
template <class T>
channel<T>::~channel() {
    while (receivers_.first_granted()) {
        auto& receiver = static_cast<receiving&>(*receivers_.first_granted());
        receiver.from_ = nullptr;
        if (receiver.has_value_) try {
                receiver.value_.emplace(std::move(kept_.front()));
                kept_.pop_front();
            } catch (...) {
                receiver.leave_alone();
                continue;
            }
        receiver.keep();
    }
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_SYNC_HPP

// netnotes/coro/udp.hpp: a UDP socket for tasks
// SPDX-License-Identifier: MIT
//
// The class async_udp has the calls of udp_socket, with the same words and arguments. Calls that may have to wait are
// awaited with co_await; the others are called as usual:
//
//     task<> echo() {
//         async_udp socket{{ipv6_address::any(), 7}};
//         std::array<std::byte, 2048> room;
//         for (;;) {
//             const auto got = co_await socket.recv_from(room);
//             std::error_code lost;                                        no client's address ends or stops the server
//             co_await socket.send_to(got.bytes, got.sender, lost, MSG_DONTWAIT);   from the address that was asked
//         }
//     }
//
//        many clients ── datagrams ──> one socket ── recv_batch() ──> [ d | d | d ]    one system call for all of them
//                                                 <── send_batch() ── [ d | d | d ]
//
// The header udp/socket.hpp explains UDP and each call. coro/datagram.hpp has sockets of any family, with less.
//
// On this page:  async_udp
// The notes:     udp echo 服务器 (a UDP echo server)

#ifndef NETNOTES_CORO_UDP_HPP
#define NETNOTES_CORO_UDP_HPP

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <system_error>
#include <utility>






namespace netnotes {

namespace detail {
template <class Call>
class udp_operation;
template <class Call>
using udp_reporting = reporting<udp_operation<Call>>;  // the forms with an error
struct udp_recv_from;
struct udp_recv_details;
struct udp_recv_batch;
struct udp_send_to;
struct udp_send;
struct udp_send_batch;
struct udp_send_segments;
}  // namespace detail

/// Owns a UDP socket. Use it only in tasks of its loop. One task may receive while another task sends. A second task in
/// the same direction, or a task of another loop, gets std::logic_error. It can be moved, also while a task waits.
///
/// Awaited calls throw std::system_error if the system reports an error, and netnotes::cancelled if the task is
/// cancelled. On a closed socket every call throws errc::bad_file_descriptor. A call refers to its socket: await it
/// before the socket is closed or destroyed.
class async_udp {
  public:
    /// Creates a closed socket.
    async_udp() noexcept = default;
    /// Creates a socket as udp_socket does, for the loop that runs in this thread (std::logic_error if no loop runs).
    explicit async_udp(address_family family, udp_options options = {}) : async_udp{udp_socket{family, options}} {}
    explicit async_udp(const endpoint& where, udp_options options = {}) : async_udp{udp_socket{where, options}} {}
    /// Do the same, but report an error of the system, and then create a closed socket.
    async_udp(address_family family, udp_options options, std::error_code& error)
        : async_udp{udp_socket{family, options, error}, error} {}
    async_udp(const endpoint& where, udp_options options, std::error_code& error)
        : async_udp{udp_socket{where, options, error}, error} {}
    /// Takes over a socket and makes it non-blocking. The object must not outlive the loop. Throws std::system_error if
    /// the loop's back end refuses the descriptor.
    explicit async_udp(udp_socket made) : async_udp{event_loop::current(), std::move(made)} {}
    async_udp(event_loop& loop, udp_socket made) : state_{new state{loop, std::move(made)}} {}

    /// Receives one datagram. Returns a udp_socket::received: the filled part of the buffer, the sender, and whether
    /// the datagram was longer than the buffer. Suspends until a datagram arrives; the buffer must stay valid until
    /// then.
    [[nodiscard]] detail::udp_operation<detail::udp_recv_from> recv_from(mutable_buffer buffer);
    /// Does the same, but reports an error instead of throwing it, and then returns no bytes. For set_timeout(): a
    /// client asks again after errc::timed_out. A cancellation is still thrown. `error` must stay valid as long as the
    /// buffer.
    [[nodiscard]] detail::udp_reporting<detail::udp_recv_from> recv_from(mutable_buffer buffer, std::error_code& error);
    /// Does the same and fills `details`, as udp_socket::recv_from() does. Call tell_details() before. `details` must
    /// stay valid as long as the buffer.
    [[nodiscard]] detail::udp_operation<detail::udp_recv_details> recv_from(mutable_buffer buffer,
                                                                            datagram_details& details);
    [[nodiscard]] detail::udp_reporting<detail::udp_recv_details> recv_from(mutable_buffer buffer,
                                                                            datagram_details& details,
                                                                            std::error_code& error);
    /// Suspends until there is a datagram, and returns as many as there are, up to the batch's count. The result lies
    /// in the batch and is valid until its next use.
    [[nodiscard]] detail::udp_operation<detail::udp_recv_batch> recv_batch(datagram_batch& batch);
    [[nodiscard]] detail::udp_reporting<detail::udp_recv_batch> recv_batch(datagram_batch& batch,
                                                                           std::error_code& error);
    /// Sends one datagram, whole or not at all. Suspends while the socket's buffer is full; `bytes` must stay valid
    /// until then. To received::sender it leaves from the address that the sender has written to. `flags` are the flags
    /// of send(2). With MSG_DONTWAIT a full buffer is errc::operation_would_block, and the task does not wait. A server
    /// needs this: see udp_socket::send_to().
    [[nodiscard]] detail::udp_operation<detail::udp_send_to> send_to(const_buffer bytes, const datagram_peer& to,
                                                                     int flags = 0);
    /// Does the same, but reports an error instead of throwing it. A server needs this form: a sender can forge an
    /// address to which nothing can be sent. A cancellation is still thrown. `error` must stay valid as long as `bytes`.
    [[nodiscard]] detail::udp_reporting<detail::udp_send_to> send_to(const_buffer bytes, const datagram_peer& to,
                                                                     std::error_code& error, int flags = 0);
    /// Sends one datagram to the peer of connect().
    [[nodiscard]] detail::udp_operation<detail::udp_send> send(const_buffer bytes, int flags = 0);
    [[nodiscard]] detail::udp_reporting<detail::udp_send> send(const_buffer bytes, std::error_code& error,
                                                               int flags = 0);
    /// Sends all datagrams, in their order. Returns their number. They must stay valid until then. `flags` mean
    /// what they mean for send_to().
    [[nodiscard]] detail::udp_operation<detail::udp_send_batch> send_batch(
        std::span<const udp_socket::outgoing> datagrams, int flags = 0);
    /// Does the same, but reports an error instead of throwing it: operation_canceled if the task is cancelled. Returns
    /// the number of datagrams that were sent.
    [[nodiscard]] detail::udp_reporting<detail::udp_send_batch> send_batch(
        std::span<const udp_socket::outgoing> datagrams, std::error_code& error, int flags = 0);
    /// Sends the bytes as datagrams of `size` bytes each, and returns their number: see udp_socket::send_segments().
    [[nodiscard]] detail::udp_operation<detail::udp_send_segments> send_segments(const_buffer bytes, std::size_t size,
                                                                                 const datagram_peer& to = {},
                                                                                 int flags = 0);
    [[nodiscard]] detail::udp_reporting<detail::udp_send_segments> send_segments(const_buffer bytes, std::size_t size,
                                                                                 const datagram_peer& to,
                                                                                 std::error_code& error,
                                                                                 int flags = 0);

    /// Do what the calls of udp_socket with the same names do. They do not wait. On a closed socket the forms with an
    /// error report errc::bad_file_descriptor, and the others throw it.
    void bind(const endpoint& where) { opened().socket.bind(where); }
    void bind(const endpoint& where, std::error_code& error) noexcept { any().bind(where, error); }
    void connect(const endpoint& peer) { opened().socket.connect(peer); }
    void connect(const endpoint& peer, std::error_code& error) noexcept { any().connect(peer, error); }
    void disconnect() { opened().socket.disconnect(); }
    void disconnect(std::error_code& error) noexcept { any().disconnect(error); }
    template <class... Arguments>
    void join(const ip_address& group, const Arguments&... source_or_interface) {
        opened().socket.join(group, source_or_interface...);
    }
    void join(const ip_address& group, unsigned interface, std::error_code& error) noexcept {
        any().join(group, interface, error);
    }
    void join(const ip_address& group, const ip_address& source, unsigned interface, std::error_code& error) noexcept {
        any().join(group, source, interface, error);
    }
    template <class... Arguments>
    void leave(const ip_address& group, const Arguments&... source_or_interface) {
        opened().socket.leave(group, source_or_interface...);
    }
    void leave(const ip_address& group, unsigned interface, std::error_code& error) noexcept {
        any().leave(group, interface, error);
    }
    void leave(const ip_address& group, const ip_address& source, unsigned interface, std::error_code& error) noexcept {
        any().leave(group, source, interface, error);
    }
    void set_multicast_interface(unsigned interface) { opened().socket.set_multicast_interface(interface); }
    void set_multicast_interface(unsigned interface, std::error_code& error) noexcept {
        any().set_multicast_interface(interface, error);
    }
    void set_multicast_loop(bool loop) { opened().socket.set_multicast_loop(loop); }
    void set_multicast_loop(bool loop, std::error_code& error) noexcept { any().set_multicast_loop(loop, error); }
    void set_multicast_ttl(int ttl) { opened().socket.set_multicast_ttl(ttl); }
    void set_multicast_ttl(int ttl, std::error_code& error) noexcept { any().set_multicast_ttl(ttl, error); }
    [[nodiscard]] bool multicast_loop() const { return opened().socket.multicast_loop(); }
    [[nodiscard]] int multicast_ttl() const { return opened().socket.multicast_ttl(); }
    void tell_details() { opened().socket.tell_details(); }
    void tell_details(std::error_code& error) noexcept { any().tell_details(error); }
    bool enable_receive_offload() { return opened().socket.enable_receive_offload(); }
    bool enable_receive_offload(std::error_code& error) noexcept { return any().enable_receive_offload(error); }
    [[nodiscard]] endpoint local_endpoint() const { return opened().socket.local_endpoint(); }
    [[nodiscard]] endpoint local_endpoint(std::error_code& error) const noexcept { return any().local_endpoint(error); }
    [[nodiscard]] endpoint peer_endpoint() const { return opened().socket.peer_endpoint(); }
    [[nodiscard]] endpoint peer_endpoint(std::error_code& error) const noexcept { return any().peer_endpoint(error); }
    [[nodiscard]] std::error_code take_error() noexcept { return any().take_error(); }
    template <class Option>
    void set_option(const Option& option) {
        opened().socket.set_option(option);
    }
    template <class Option>
    void set_option(const Option& option, std::error_code& error) noexcept {
        any().set_option(option, error);
    }
    template <class Option>
    [[nodiscard]] auto get_option() const {
        return opened().socket.template get_option<Option>();
    }
    void set_option(int level, int name, std::span<const std::byte> value) {
        opened().socket.set_option(level, name, value);
    }
    void set_option(int level, int name, std::span<const std::byte> value, std::error_code& error) noexcept {
        any().set_option(level, name, value, error);
    }
    void set_option(int level, int name, int value) { opened().socket.set_option(level, name, value); }
    std::size_t get_option(int level, int name, std::span<std::byte> value) const {
        return opened().socket.get_option(level, name, value);
    }
    std::size_t get_option(int level, int name, std::span<std::byte> value, std::error_code& error) const noexcept {
        return any().get_option(level, name, value, error);
    }

    /// Limits how long each later call waits: it then throws errc::timed_out. `never` means no limit.
    void set_timeout(wait_time timeout) { opened().node->set_timeout(timeout); }
    /// Returns the limit of each call, or `never`.
    [[nodiscard]] duration timeout() const { return opened().node->timeout(); }
    /// Returns true if this object owns a socket.
    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(state_); }
    /// Returns the descriptor, or -1 if the socket is closed.
    [[nodiscard]] int native_handle() const noexcept { return state_ ? state_->node->descriptor() : -1; }
    /// Closes the socket at once. A task that is waiting on it fails with errc::bad_file_descriptor.
    void close() noexcept { state_.reset(); }

  private:
    async_udp(udp_socket&& made, std::error_code& error) {
        if (error) return;
        try {
            *this = async_udp{std::move(made)};
        } catch (const std::system_error& refusal) {
            error = refusal.code();
        }
    }
    template <class Call>
    friend class detail::udp_operation;
    struct state {
        state(event_loop& loop, udp_socket&& made) : socket{std::move(made)} {
            socket.set_blocking(false);
            node.reset(new detail::io_node{loop, socket.native_handle()});
        }
        udp_socket socket;
        detail::owner<detail::io_node, detail::io_node::retire> node;  // is retired before the socket is closed
    };
    [[nodiscard]] state& opened() const {
        if (!state_) detail::throw_error(std::make_error_code(std::errc::bad_file_descriptor), "a closed socket");
        return *state_;
    }
    /// Returns the socket, or a closed socket, whose calls fail with errc::bad_file_descriptor.
    [[nodiscard]] udp_socket& any() const noexcept {
        static thread_local udp_socket closed;
        return state_ ? state_->socket : closed;
    }
    [[nodiscard]] detail::io_node& node() const noexcept {
        return state_ ? *state_->node : detail::io_node::closed;
    }
    detail::owner<state> state_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Waits until `Call` has done its work. A call returns true if it is done, and sets `error` if it fails or would
/// block.
template <class Call>
class [[nodiscard]] udp_operation final : public io_awaiter<udp_operation<Call>> {
    using base = io_awaiter<udp_operation<Call>>;

  public:
    udp_operation(const async_udp& from, Call call)
        : base{from.node(), Call::receives ? base::direction::read : base::direction::write},
          socket_{from.state_ ? &from.state_->socket : nullptr},
          call_{std::move(call)} {}
    typename Call::value await_resume() {
        if (this->error_ != 0) detail::throw_error(this->take_failure(), Call::name);
        return call_.take();
    }
    /// Returns how many datagrams are sent. The next use of the operation counts from 0.
    std::size_t so_far() noexcept requires(requires(Call& call) { call.sent; }) { return call_.take(); }
    bool attempt() noexcept override {
        bool& is_ready = Call::receives ? this->node_.readable : this->node_.writable;
        const bool may_wait = waits();
        if (may_wait && !is_ready) return false;
        std::error_code error;
        call_(*socket_, error);
        if (may_wait && error == std::errc::operation_would_block) return is_ready = false;
        this->error_ = error.value();
        return true;
    }

  private:
    [[nodiscard]] bool waits() const noexcept {
        if constexpr (requires(const Call& call) { call.flags; })
            return (call_.flags & MSG_DONTWAIT) == 0;
        else
            return true;
    }
    udp_socket* socket_;
    Call call_;
};

struct udp_recv_from {
    static constexpr bool receives = true;
    static constexpr const char* name = "recv_from";
    using value = udp_socket::received;
    void operator()(udp_socket& socket, std::error_code& error) noexcept { got = socket.recv_from(room, error); }
    value take() noexcept { return got; }
    mutable_buffer room;
    value got{};
};
struct udp_recv_details {
    static constexpr bool receives = true;
    static constexpr const char* name = "recv_from";
    using value = udp_socket::received;
    void operator()(udp_socket& socket, std::error_code& error) noexcept {
        got = socket.recv_from(room, details, error);
    }
    value take() noexcept { return got; }
    mutable_buffer room;
    datagram_details& details;
    value got{};
};
struct udp_recv_batch {
    static constexpr bool receives = true;
    static constexpr const char* name = "recv_batch";
    using value = std::span<const udp_socket::received>;
    void operator()(udp_socket& socket, std::error_code& error) noexcept { got = socket.recv_batch(batch, error); }
    value take() noexcept { return got; }
    datagram_batch& batch;
    value got{};
};
struct udp_send_to {
    static constexpr bool receives = false;
    static constexpr const char* name = "send_to";
    using value = void;
    void operator()(udp_socket& socket, std::error_code& error) noexcept { socket.send_to(bytes, to, error, flags); }
    void take() noexcept {}
    const_buffer bytes;
    datagram_peer to;
    int flags;
};
struct udp_send {
    static constexpr bool receives = false;
    static constexpr const char* name = "send";
    using value = void;
    void operator()(udp_socket& socket, std::error_code& error) noexcept { socket.send(bytes, error, flags); }
    void take() noexcept {}
    const_buffer bytes;
    int flags;
};
struct udp_send_batch {
    static constexpr bool receives = false;
    static constexpr const char* name = "send_batch";
    using value = std::size_t;
    void operator()(udp_socket& socket, std::error_code& error) noexcept {
        sent += socket.send_batch(datagrams.subspan(sent), error, flags);
    }
    value take() noexcept { return std::exchange(sent, 0); }
    std::span<const udp_socket::outgoing> datagrams;
    int flags;
    std::size_t sent = 0;
};
struct udp_send_segments {
    static constexpr bool receives = false;
    static constexpr const char* name = "send_segments";
    using value = std::size_t;
    void operator()(udp_socket& socket, std::error_code& error) noexcept {
        const std::size_t done = sent * size;
        const auto rest = done < bytes.size() ? bytes.subspan(done) : const_buffer{};
        sent += socket.send_segments(rest, size, to, error, flags);
    }
    value take() noexcept { return std::exchange(sent, 0); }
    const_buffer bytes;
    std::size_t size;
    datagram_peer to;
    int flags;
    std::size_t sent = 0;
};

}  // namespace detail

inline detail::udp_operation<detail::udp_recv_from> async_udp::recv_from(mutable_buffer buffer) {
    return {*this, {buffer}};
}
inline detail::udp_operation<detail::udp_recv_details> async_udp::recv_from(mutable_buffer buffer,
                                                                            datagram_details& details) {
    return {*this, {buffer, details}};
}
inline detail::udp_operation<detail::udp_recv_batch> async_udp::recv_batch(datagram_batch& batch) {
    return {*this, {batch}};
}
inline detail::udp_operation<detail::udp_send_to> async_udp::send_to(const_buffer bytes, const datagram_peer& to,
                                                                        int flags) {
    return {*this, {bytes, to, flags}};
}
inline detail::udp_operation<detail::udp_send> async_udp::send(const_buffer bytes, int flags) {
    return {*this, {bytes, flags}};
}
inline detail::udp_operation<detail::udp_send_batch> async_udp::send_batch(
    std::span<const udp_socket::outgoing> datagrams, int flags) {
    return {*this, {datagrams, flags}};
}
inline detail::udp_operation<detail::udp_send_segments> async_udp::send_segments(const_buffer bytes, std::size_t size,
                                                                                const datagram_peer& to, int flags) {
    return {*this, {bytes, size, to, flags}};
}

inline detail::udp_reporting<detail::udp_recv_from> async_udp::recv_from(mutable_buffer buffer,
                                                                         std::error_code& error) {
    return detail::udp_reporting<detail::udp_recv_from>{error, *this, detail::udp_recv_from{buffer}};
}
inline detail::udp_reporting<detail::udp_recv_details> async_udp::recv_from(mutable_buffer buffer,
                                                                            datagram_details& details,
                                                                            std::error_code& error) {
    return detail::udp_reporting<detail::udp_recv_details>{error, *this, detail::udp_recv_details{buffer, details}};
}
inline detail::udp_reporting<detail::udp_recv_batch> async_udp::recv_batch(datagram_batch& batch,
                                                                           std::error_code& error) {
    return detail::udp_reporting<detail::udp_recv_batch>{error, *this, detail::udp_recv_batch{batch}};
}
inline detail::udp_reporting<detail::udp_send_to> async_udp::send_to(const_buffer bytes, const datagram_peer& to,
                                                                     std::error_code& error, int flags) {
    return detail::udp_reporting<detail::udp_send_to>{error, *this, detail::udp_send_to{bytes, to, flags}};
}
inline detail::udp_reporting<detail::udp_send> async_udp::send(const_buffer bytes, std::error_code& error, int flags) {
    return detail::udp_reporting<detail::udp_send>{error, *this, detail::udp_send{bytes, flags}};
}
inline detail::udp_reporting<detail::udp_send_batch> async_udp::send_batch(
    std::span<const udp_socket::outgoing> datagrams, std::error_code& error, int flags) {
    return detail::udp_reporting<detail::udp_send_batch>{error, *this, detail::udp_send_batch{datagrams, flags}};
}
inline detail::udp_reporting<detail::udp_send_segments> async_udp::send_segments(const_buffer bytes, std::size_t size,
                                                                                 const datagram_peer& to,
                                                                                 std::error_code& error, int flags) {
    return detail::udp_reporting<detail::udp_send_segments>{error, *this,
                                                            detail::udp_send_segments{bytes, size, to, flags}};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_UDP_HPP


namespace netnotes {

/// Connects to a host and returns the first connection that is established, as tcp_stream::connect() does. The attempts
/// begin one after the other, with the address families in turn. The next attempt begins when one has failed, or after
/// `attempt_delay` (at least 10 ms). The remaining attempts are cancelled when one has succeeded.
///
/// Throws std::system_error if the lookup fails or if every attempt fails. It then reports the most informative error:
/// refused first, then no answer, then no route. what() names the address.
///
/// It has no timeout of its own; the system's is about two minutes. Use with_timeout(). A cancellation ends all
/// attempts.
[[nodiscard]] task<async_stream> async_connect(std::string host, std::uint16_t port,
                                               wait_time attempt_delay = std::chrono::milliseconds{250});
namespace detail {
struct give_the_host_and_the_port_as_two_arguments;  // what a compiler shows for a mistake: tests/package/mistakes.txt
}  // namespace detail
template <class Host, class Advice = detail::give_the_host_and_the_port_as_two_arguments>
requires std::is_convertible_v<const Host&, std::string_view>
task<async_stream> async_connect(const Host&) = delete;
/// Tries these endpoints in the given order, and returns a connection to the first that answers. Throws
/// errc::destination_address_required if the list is empty.
[[nodiscard]] task<async_stream> async_connect(std::vector<endpoint> endpoints,
                                               wait_time attempt_delay = std::chrono::milliseconds{250});
/// Connects as above, and returns the connection. The options of tcp_stream::connect() apply: a timeout for all of
/// it, the local address, and a hook for options that must be set early. Throws errc::timed_out after options.timeout.
/// options.stop must be nullptr, because a task is cancelled instead; otherwise it throws std::invalid_argument. The
/// hook's function must live until the task ends, so give a lambda with captures a name.
[[nodiscard]] task<async_stream> async_connect(std::string host, std::uint16_t port, connect_options options);
[[nodiscard]] task<async_stream> async_connect(std::vector<endpoint> endpoints, connect_options options);
/// Do the same, but report an error of the system instead of throwing it, and then return a closed stream. A
/// cancellation is still thrown. `error` must stay valid until the task ends.
[[nodiscard]] detail::reporting_task<async_stream> async_connect(std::string host, std::uint16_t port,
                                                                 connect_options options, std::error_code& error);
[[nodiscard]] detail::reporting_task<async_stream> async_connect(std::vector<endpoint> endpoints,
                                                                 connect_options options, std::error_code& error);
/// Looks up the host and returns a UDP socket that is connected to the first of its addresses that this host can reach,
/// as udp_connect() does. Sends nothing, and suspends only while the name is looked up. Throws what udp_connect()
/// throws.
[[nodiscard]] task<async_udp> async_udp_connect(std::string host, std::uint16_t port, udp_options options = {});

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

struct connect_race {
    std::vector<endpoint> endpoints;
    async_stream winner;
    attempt_end worst;  ///< the most informative failure so far
    connect_options options;
    std::size_t failed = 0;      // attempts that have failed since the race last looked
    std::size_t connecting = 0;  // attempts that have a socket
    async_event changed;
};

inline task<> attempt(connect_race& all, std::size_t which) {
    std::error_code error;
    for (bool is_over = false; !is_over;) {
        is_over = true;
        ++all.connecting;
        const endpoint& where = all.endpoints[which];
        co_await stepping{};  // what follows may fail at once, and the other tasks must run
        socket made = make_to_connect(family_of(where), error);
        if (!error) prepare_to_connect(made, where, all.options, error);
        try {
            if (!error) {
                async_stream stream{std::move(made)};
                co_await connecting{stream.node(), socket_address{where}};
                if (!all.winner.is_open()) all.winner = std::move(stream);
            }
        } catch (const std::system_error& failure) {
            error = failure.code();
        }
        --all.connecting;
        if (lacks_descriptors(error) && all.connecting > 0) {  // another attempt will end and free its descriptor
            co_await sleep_for(all.options.attempt_delay);
            error.clear();
            is_over = false;
        }
    }
    if (error) ++all.failed;
    if (error && (!all.worst.attempt || meaning(error.value()) > meaning(all.worst.error.value())))
        all.worst = {which, error};
    all.changed.set();
}

inline task<> wait_for(async_event& what) { co_await what.wait(); }
/// Waits for the event. Returns false if it is not set within the time.
inline task<bool> has_happened(async_event& what, duration at_most) {
    try {
        co_await with_timeout(at_most, wait_for(what));
        co_return true;
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::timed_out) throw;
    }
    co_return false;
}

inline task<> run_race(connect_race& all, task_group& attempts) {
    const std::size_t count = all.endpoints.size();
    std::size_t next = 0, to_begin = 1;  // one attempt for each failure, and one more when the delay has passed
    const auto may_begin = [&] { return next < count; };
    while (!all.winner.is_open() && (next < count || attempts.size() > 0)) {
        all.changed.reset();
        for (; to_begin > 0 && may_begin(); --to_begin) attempts.spawn(attempt(all, next++));
        const bool has_ended = co_await has_happened(all.changed, may_begin() ? all.options.attempt_delay : never);
        to_begin += std::exchange(all.failed, 0) + (has_ended ? 0 : 1);
    }
    attempts.cancel();
}

inline task<async_stream> connect_to_first(std::string where, std::vector<endpoint> endpoints,
                                                connect_options options) {
    options.attempt_delay = detail::max<duration>(options.attempt_delay, std::chrono::milliseconds{10});
    connect_race all{std::move(endpoints), {}, {}, options, 0, 0, {}};
    const auto body = [&all](task_group& attempts) { return run_race(all, attempts); };
    if (all.endpoints.empty()) all.worst.error = std::make_error_code(std::errc::destination_address_required);
    co_await with_group(body);
    if (!all.winner.is_open()) throw_connect_error(all.worst.error, where, all_of(all.endpoints), all.worst.attempt);
    co_return std::move(all.winner);
}

inline task<async_stream> resolve_and_connect(std::string host, std::uint16_t port, connect_options options) {
    const std::vector<endpoint> found = co_await async_resolve(host, port);
    std::string where = detail::with_service(host, std::to_string(port));
    co_return co_await detail::connect_to_first(std::move(where), interleave_families(all_of(found)), options);
}
inline task<async_stream> connect_within(std::string where, task<async_stream> what, connect_options options) {
    if (options.stop) throw std::invalid_argument{"async_connect: a stop is for threads; cancel the task instead"};
    const std::string name = "connect " + where;
    co_return co_await with_timeout(options.timeout, std::move(what), name.c_str());
}

inline task<async_stream> report_connect(task<async_stream> what, std::error_code& error) {
    error.clear();
    try {
        co_return co_await std::move(what);
    } catch (const std::system_error& failure) {
        error = failure.code();
    }
    co_return async_stream{};
}

}  // namespace detail

static_assert(std::is_trivially_destructible_v<connect_options>);  // for g++ 12: see coro/task.hpp

inline task<async_stream> async_connect(std::string host, std::uint16_t port, wait_time attempt_delay) {
    return detail::resolve_and_connect(std::move(host), port, {.attempt_delay = attempt_delay});
}
inline task<async_stream> async_connect(std::vector<endpoint> endpoints, wait_time attempt_delay) {
    std::string where = endpoints.empty() ? "nowhere" : endpoints[0].to_string();
    return detail::connect_to_first(std::move(where), std::move(endpoints), {.attempt_delay = attempt_delay});
}
inline task<async_stream> async_connect(std::string host, std::uint16_t port, connect_options options) {
    std::string where = detail::with_service(host, std::to_string(port));
    return detail::connect_within(std::move(where), detail::resolve_and_connect(host, port, options), options);
}
inline task<async_stream> async_connect(std::vector<endpoint> endpoints, connect_options options) {
    std::string where = endpoints.empty() ? "nowhere" : endpoints[0].to_string();
    task<async_stream> all = detail::connect_to_first(where, std::move(endpoints), options);
    return detail::connect_within(std::move(where), std::move(all), options);
}
inline detail::reporting_task<async_stream> async_connect(std::string host, std::uint16_t port,
                                                          connect_options options, std::error_code& error) {
    return {detail::report_connect(async_connect(std::move(host), port, options), error), error};
}
inline detail::reporting_task<async_stream> async_connect(std::vector<endpoint> endpoints, connect_options options,
                                                          std::error_code& error) {
    return {detail::report_connect(async_connect(std::move(endpoints), options), error), error};
}
inline task<async_udp> async_udp_connect(std::string host, std::uint16_t port, udp_options options) {
    const resolve_hints hints{.type = socket_type::datagram};
    const std::vector<endpoint> found = co_await async_resolve(host, port, hints);
    co_return async_udp{detail::connect_to_first_route(found, host, port, options)};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_CONNECT_HPP

// netnotes/coro/datagram.hpp: datagrams for tasks
// SPDX-License-Identifier: MIT
//
// Datagrams keep the borders of messages: the bytes of one send arrive in one receive. A UDP server needs only one
// socket for all its clients, because each datagram carries the address of its sender:
//
//     task<> echo(async_datagram socket) {
//         std::array<std::byte, 2048> room;
//         for (;;) {
//             const auto got = co_await socket.recv_from(room);
//             std::error_code lost;  // no client's address ends the server or lets it wait
//             co_await socket.send_to(got.bytes, got.sender, got.local, lost, MSG_DONTWAIT);
//         }
//     }
//
//        client a ── "one" ──>             ── "one" ──> client a
//        client b ── "two" ──>  one socket ── "two" ──> client b
//
// The header udp/socket.hpp explains UDP and has the calls that block.
//
// On this page:  async_datagram
// The notes:     udp echo 服务器 (a UDP echo server)

#ifndef NETNOTES_CORO_DATAGRAM_HPP
#define NETNOTES_CORO_DATAGRAM_HPP

#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>





namespace netnotes {

namespace detail {
class receiving_from;
class sending_to;
}  // namespace detail

/// Owns a datagram socket, UDP or Unix. Use it only in tasks of its loop. One task may receive while another task
/// sends. A second task in the same direction, or a task of another loop, gets std::logic_error.
///
/// Awaited calls throw std::system_error if the system reports an error, and netnotes::cancelled if the task is
/// cancelled.
class async_datagram : public detail::async_socket {
  public:
    /// Creates a closed socket. Every operation on it fails with errc::bad_file_descriptor.
    async_datagram() noexcept = default;
    /// Takes over a datagram socket and makes it non-blocking. Without `loop` it uses the loop that runs in this thread
    /// (std::logic_error if no loop runs). The object must not outlive the loop. On a socket bound to the wildcard
    /// address it also calls tell_local_address(). Throws std::system_error if the loop's back end refuses the
    /// descriptor.
    explicit async_datagram(socket made) : async_datagram{event_loop::current(), std::move(made)} {}
    async_datagram(event_loop& loop, socket made)
        : async_socket{loop, asked_for_addresses(std::move(made)), detail::io_node::kind::any} {}

    /// Receives one datagram. Returns a socket::received: the filled part of the buffer, the sender, and whether the
    /// datagram was longer than the buffer. Suspends until a datagram arrives; the buffer must stay valid until then.
    [[nodiscard]] detail::receiving_from recv_from(mutable_buffer buffer);
    /// Does the same, but reports an error instead of throwing it, and then returns no bytes. A cancellation is still
    /// thrown. `error` must stay valid as long as the buffer.
    [[nodiscard]] detail::reporting<detail::receiving_from> recv_from(mutable_buffer buffer, std::error_code& error);
    /// Sends one datagram, whole or not at all. Suspends while the socket's buffer is full; `bytes` must stay valid
    /// until then. A server passes as `from` the address to which the question came, received::local. With 0.0.0.0 the
    /// system chooses. `flags` are the flags of send(2). With MSG_DONTWAIT a full buffer is errc::operation_would_block,
    /// and the task does not wait. A server needs this: see udp_socket::send_to(). Throws errc::message_size if the
    /// datagram is too long, and the other errors of socket::send_to().
    [[nodiscard]] detail::sending_to send_to(const_buffer bytes, const socket_address& where,
                                             const ip_address& from = {}, int flags = 0);
    /// Does the same, but reports an error instead of throwing it. A server needs this form: a sender can forge an
    /// address to which nothing can be sent. A cancellation is still thrown. `error` must stay valid as long as `bytes`.
    [[nodiscard]] detail::reporting<detail::sending_to> send_to(const_buffer bytes, const socket_address& where,
                                                                const ip_address& from, std::error_code& error,
                                                                int flags = 0);

  private:
    static socket asked_for_addresses(socket&& made) noexcept {
        std::error_code error;
        const socket_address local = made.local_endpoint(error);
        if (!error && local.is_ip() && local.ip().address().is_unspecified()) made.tell_local_address(error);
        return std::move(made);
    }
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

class [[nodiscard]] receiving_from final : public io_awaiter<receiving_from, socket_operation> {
  public:
    receiving_from(io_node& node, mutable_buffer room) noexcept : io_awaiter{node, direction::read}, room_{room} {}
    socket::received await_resume() {
        if (error_ != 0) detail::throw_error(take_failure(), "recv_from");
        return received_;
    }
    bool attempt() noexcept override {
        if (!node_.readable) return false;
        std::error_code error;
        borrowed_socket own{node_.descriptor(), !node_.read_to_end};
        received_ = own->recv_from(room_, error);
        if (error == std::errc::operation_would_block) return node_.readable = false;
        error_ = error.value();
        return true;
    }

  private:
    mutable_buffer room_;
    socket::received received_;
};

class [[nodiscard]] sending_to final : public io_awaiter<sending_to, pausing_operation> {
  public:
    sending_to(io_node& node, const_buffer bytes, const socket_address& where, const ip_address& from,
               int flags) noexcept
        : io_awaiter{node, direction::write}, bytes_{bytes}, where_{where}, from_{from}, flags_{flags} {}
    void await_resume() {
        if (error_ != 0)
            detail::throw_error(take_failure(), "send_to ", where_.to_string(), " (",
                                std::to_string(bytes_.size()), " bytes)");
    }
    bool attempt() noexcept override {
        // After each failed send a Unix socket is reported as writable, because the kernel frees the unsent bytes. So
        // that report does not end the pause.
        const bool may_wait = (flags_ & MSG_DONTWAIT) == 0;
        if (may_wait && (is_pausing() || !node_.writable)) return false;
        std::error_code error;
        borrowed_socket own{node_.descriptor()};
        own->send_to(bytes_, where_, from_, error, flags_);
        if (may_wait && error == std::errc::operation_would_block) {
            if (!where_.is_ip()) pause();
            return node_.writable = false;
        }
        error_ = error.value();
        return true;
    }

  private:
    const_buffer bytes_;
    socket_address where_;
    ip_address from_;
    int flags_;
};

}  // namespace detail

inline detail::receiving_from async_datagram::recv_from(mutable_buffer buffer) { return {node(), buffer}; }
inline detail::sending_to async_datagram::send_to(const_buffer bytes, const socket_address& where,
                                                  const ip_address& from, int flags) {
    return {node(), bytes, where, from, flags};
}
inline detail::reporting<detail::receiving_from> async_datagram::recv_from(mutable_buffer buffer,
                                                                           std::error_code& error) {
    return detail::reporting<detail::receiving_from>{error, node(), buffer};
}
inline detail::reporting<detail::sending_to> async_datagram::send_to(const_buffer bytes, const socket_address& where,
                                                                     const ip_address& from, std::error_code& error,
                                                                     int flags) {
    return detail::reporting<detail::sending_to>{error, node(), bytes, where, from, flags};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_DATAGRAM_HPP

// netnotes/coro/descriptor.hpp: any descriptor, for tasks
// SPDX-License-Identifier: MIT
//
// A task can wait for other descriptors than sockets: the keyboard, a pipe to another program, a timerfd, an inotify.
// Bytes come and go with two calls. They also work if the shell has put a file in the keyboard's place:
//
//     async_descriptor keyboard{STDIN_FILENO};
//     for (std::array<char, 4096> room;;) {
//         const std::size_t size = co_await keyboard.read(room);
//         if (size == 0) break;                                              // Ctrl-D, or the end of the file
//         co_await server.send_all(std::span{room}.first(size));
//     }
//
// The first page of coro/byte_stream.hpp reads lines from it. Another system call needs a loop of its own, and a
// non-blocking descriptor:
//
//     for (;;) {
//         co_await events.readable();
//         while ((size = ::recvmsg(descriptor, ...)) > 0) ...   // until EAGAIN: only *new* bytes are reported again
//     }
//
//        readable() ──> suspend ──> the loop sees new bytes ──> resume: recvmsg(2), recvmsg(2), ... EAGAIN
//             ^                                                                                       │
//             └───────────────────────────────────────────────────────────────────────────────────────┘
//
// On this page:  async_descriptor
// The notes:     select 回显服务器 waits for a keyboard and for sockets at once

#ifndef NETNOTES_CORO_DESCRIPTOR_HPP
#define NETNOTES_CORO_DESCRIPTOR_HPP

#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <system_error>
#include <utility>






namespace netnotes {

/// Waits until a descriptor is ready. It does not own the descriptor and does not make it non-blocking. Destroy this
/// object before you close the descriptor, and before the loop ends. Use it only in tasks of its loop. One task may
/// wait to read while another waits to write; a second task in the same direction gets std::logic_error.
///
/// A regular file is always ready, so the kernel reports no event for it. The object then takes one descriptor more, and
/// each wait ends at once.
class async_descriptor {
  public:
    /// Registers the descriptor with the loop. Without `loop` it uses the loop that runs in this thread
    /// (std::logic_error if no loop runs). Throws std::system_error, for example errc::bad_file_descriptor.
    explicit async_descriptor(int descriptor) : async_descriptor{event_loop::current(), descriptor} {}
    async_descriptor(event_loop& loop, int descriptor);
    async_descriptor(async_descriptor&&) noexcept = default;
    async_descriptor& operator=(async_descriptor&&) noexcept = default;

    class waiting;
    class reading;
    class writing;
    /// `co_await d.read(buffer)` reads at least one byte and at most buffer.size(), and returns the number. Returns 0 at
    /// the end: Ctrl-D at a keyboard, the end of a file, or a pipe whose writers have closed it. An empty buffer also
    /// returns 0. Suspends until bytes arrive; the buffer must stay valid until then.
    ///
    /// The descriptor need not be non-blocking, because each read(2) follows a poll(2). So a program can leave standard
    /// input as other programs expect it. If another program reads from the same terminal or pipe, its read may take
    /// the bytes in between; then this call blocks the loop unless the descriptor is non-blocking. Throws the errors of
    /// read(2) and of readable().
    [[nodiscard]] reading read(mutable_buffer buffer) noexcept;
    /// `co_await d.write_all(bytes)` writes all bytes, and suspends while the descriptor takes no more. The bytes must
    /// stay valid until then. It writes at most PIPE_BUF bytes in a call, so a pipe need not be non-blocking. Throws the
    /// errors of write(2) and of writable(). A pipe without a reader raises SIGPIPE, which ends a program that does not
    /// ignore it (signal(7)); then the error is errc::broken_pipe.
    [[nodiscard]] writing write_all(const_buffer bytes) noexcept;

    /// `co_await d.readable()` suspends until there are bytes to read, or the end, or an error. Then read until EAGAIN,
    /// because the next readable() waits for new bytes. Throws errc::timed_out, and netnotes::cancelled if the task is
    /// cancelled. Throws errc::bad_file_descriptor if the object was moved from.
    [[nodiscard]] waiting readable() noexcept;
    /// `co_await d.writable()` suspends until the descriptor takes bytes, or has an error. Then write until EAGAIN,
    /// because the next writable() may wait for new room. Throws the same errors as readable().
    [[nodiscard]] waiting writable() noexcept;
    /// Limits every later wait to `timeout`: it then fails with errc::timed_out. `never` means no limit. Throws
    /// errc::bad_file_descriptor if the object was moved from.
    void set_timeout(wait_time timeout) {
        if (!node_) detail::throw_error(std::make_error_code(std::errc::bad_file_descriptor), "async_descriptor");
        node_->set_timeout(timeout);
    }

  private:
    [[nodiscard]] detail::io_node& node() const noexcept { return node_ ? *node_ : detail::io_node::closed; }
    detail::owner<detail::io_node, detail::io_node::retire> node_;
    int descriptor_;
    bool is_always_ready_ = false;  // the loop cannot wait for the descriptor, and node_ stands for an eventfd
};

// ========================================================================================================
// How it is done
// ========================================================================================================

class [[nodiscard]] async_descriptor::waiting : public detail::io_operation {
  public:
    void await_resume() {
        if (error_ != 0) detail::throw_error(take_failure(), "wait for a descriptor");
    }

  private:
    friend async_descriptor;
    waiting(const async_descriptor& of, direction way) noexcept
        : detail::io_operation{of.node(), way}, is_always_ready_{of.is_always_ready_} {}
    bool attempt() noexcept override {
        return std::exchange(direction_ == direction::read ? node_.readable : node_.writable, false) ||
               is_always_ready_;
    }
    bool is_always_ready_;
};

class [[nodiscard]] async_descriptor::reading final : public detail::io_awaiter<reading> {
  public:
    std::size_t await_resume() {
        if (error_ != 0) detail::throw_error(take_failure(), "read from a descriptor");
        return size_;
    }
    bool attempt() noexcept override {
        if (room_.empty()) return true;
        while (node_.readable || is_always_ready_) {
            pollfd asked{descriptor_, POLLIN, 0};
            const ssize_t got = ::poll(&asked, 1, 0) == 0 ? -1 : ::read(descriptor_, room_.data(), room_.size());
            if (got >= 0) return size_ = static_cast<std::size_t>(got), true;
            if (asked.revents == 0 || detail::would_block(errno)) return node_.readable = false;
            if (errno == EINTR) continue;
            error_ = errno;
            return true;
        }
        return false;
    }

  private:
    friend async_descriptor;
    reading(const async_descriptor& of, mutable_buffer room) noexcept
        : io_awaiter{of.node(), direction::read},
          room_{room},
          descriptor_{of.descriptor_},
          is_always_ready_{of.is_always_ready_} {}
    mutable_buffer room_;
    std::size_t size_ = 0;
    int descriptor_;
    bool is_always_ready_;
};

class [[nodiscard]] async_descriptor::writing final : public detail::io_awaiter<writing> {
  public:
    void await_resume() {
        if (error_ != 0) detail::throw_error(take_failure(), "write to a descriptor");
    }
    bool attempt() noexcept override {
        while (!rest_.empty()) {
            if (!node_.writable && !is_always_ready_) return false;
            pollfd asked{descriptor_, POLLOUT, 0};
            const std::size_t size = detail::min<std::size_t>(rest_.size(), PIPE_BUF);
            const ssize_t took = ::poll(&asked, 1, 0) == 0 ? -1 : ::write(descriptor_, rest_.data(), size);
            if (took >= 0) {
                rest_ = rest_.subspan(static_cast<std::size_t>(took));
            } else if (asked.revents == 0 || detail::would_block(errno)) {
                node_.writable = false;
            } else if (errno != EINTR) {
                error_ = errno;
                break;
            }
        }
        return true;
    }

  private:
    friend async_descriptor;
    writing(const async_descriptor& of, const_buffer bytes) noexcept
        : io_awaiter{of.node(), direction::write},
          rest_{std::as_bytes(std::span{bytes.data(), bytes.size()})},
          descriptor_{of.descriptor_},
          is_always_ready_{of.is_always_ready_} {}
    std::span<const std::byte> rest_;
    int descriptor_;
    bool is_always_ready_;
};

inline async_descriptor::async_descriptor(event_loop& loop, int descriptor) : descriptor_{descriptor} {
    using detail::io_node;
    try {
        node_.reset(new io_node{loop, descriptor});
        node_->writable = false;  // the back end reports it if the descriptor is writable
    } catch (const std::system_error& refused) {
        if (refused.code() != std::errc::operation_not_permitted) throw;
        is_always_ready_ = true;
    }
    if (!is_always_ready_) return;
    const int substitute = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (substitute < 0) detail::throw_error(detail::last_error(), "eventfd");
    try {
        node_.reset(new io_node{loop, substitute, io_node::kind::any, io_node::ends_with::close});
    } catch (...) {
        ::close(substitute);
        throw;
    }
}
inline async_descriptor::reading async_descriptor::read(mutable_buffer buffer) noexcept { return {*this, buffer}; }
inline async_descriptor::writing async_descriptor::write_all(const_buffer bytes) noexcept { return {*this, bytes}; }
inline async_descriptor::waiting async_descriptor::readable() noexcept { return {*this, waiting::direction::read}; }
inline async_descriptor::waiting async_descriptor::writable() noexcept { return {*this, waiting::direction::write}; }

}  // namespace netnotes

#endif  // NETNOTES_CORO_DESCRIPTOR_HPP

// netnotes/coro/descriptors.hpp: descriptors that travel over a Unix socket, for tasks
// SPDX-License-Identifier: MIT
//
// A server hands its connections to workers, which are other processes. The header socket/descriptors.hpp explains how
// a descriptor travels. Here a task waits for it while other tasks run:
//
//     task<> worker(async_unix_socket manager) {
//         for (std::array<std::byte, 100> room;;) {
//             auto got = co_await manager.recv_descriptors(room);
//             if (got.bytes.empty()) co_return;                                   // the manager has ended
//             for (owned_descriptor& each : got.descriptors)
//                 spawn(serve_one(async_stream{netnotes::socket{each.release()}}));
//         }
//     }
//
//        manager ── "client 7" + descriptor ──> [ Unix socket ] ── recv_descriptors() ──> worker
//
// It is a class of its own, because a back end may receive ahead for an async_stream, and the kernel closes the descriptors
// of bytes that are received without them.
//
// On this page:  async_unix_socket
// Below it:      socket/descriptors.hpp
// The notes:     公共用途的套接字函数; unix(7)

#ifndef NETNOTES_CORO_DESCRIPTORS_HPP
#define NETNOTES_CORO_DESCRIPTORS_HPP

#include <cstddef>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <utility>

// netnotes/socket/descriptors.hpp: descriptors that travel over a Unix socket
// SPDX-License-Identifier: MIT
//
// A Unix socket joins two programs of one machine. So it can carry more than bytes: open descriptors, and the identity
// of the peer. A number alone would mean nothing in another process. The kernel therefore installs the same open file
// in the receiver, under a new number (unix(7), SCM_RIGHTS).
//
//        process 1                                               process 2
//        descriptor 5 ──┐ send_descriptors ───────────────────>  recv_descriptors ┌── descriptor 9
//                       └──────────────> one open file <──────────────────────────┘
//
//        net::send_descriptors(there, std::array{file, client.native_handle()}, "two of them");
//
//        auto got = net::recv_descriptors(here, buffer);
//        net::socket client{got.descriptors[1].release()};
//
// A server uses this to hand a connection to a worker, and systemd to hand a listener to a server. peer_credentials()
// tells which user runs the peer, as the kernel knows it, so the peer cannot lie.
//
// On this page (coro/descriptors.hpp has the same for tasks):
//                owned_descriptor · send_descriptors · recv_descriptors · credentials · peer_credentials
// The notes:     公共用途的套接字函数; fileno(); unix(7), cmsg(3)

#ifndef NETNOTES_SOCKET_DESCRIPTORS_HPP
#define NETNOTES_SOCKET_DESCRIPTORS_HPP

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>





namespace netnotes {

/// Owns a descriptor and closes it in its destructor. It can be moved, not copied.
class owned_descriptor {
  public:
    /// Creates an empty owner: is_open() returns false.
    owned_descriptor() noexcept = default;
    /// Takes over an open descriptor.
    explicit owned_descriptor(int descriptor) noexcept : descriptor_{descriptor} {}
    owned_descriptor(owned_descriptor&& other) noexcept : descriptor_{other.release()} {}
    owned_descriptor& operator=(owned_descriptor&& other) noexcept {
        owned_descriptor taken{std::move(other)};
        std::swap(descriptor_, taken.descriptor_);
        return *this;
    }
    ~owned_descriptor() {
        if (is_open()) ::close(descriptor_);
    }
    /// Returns false after release(), and for an object that was moved away.
    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
    /// Returns the descriptor, which this object keeps; -1 if it is closed.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_; }
    /// Returns the descriptor, which the caller must close.
    [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

  private:
    int descriptor_ = -1;
};

/// The most descriptors that one message can carry (SCM_MAX_FD of the kernel).
inline constexpr std::size_t max_descriptors = 253;

/// Sends the bytes, and with the first of them the descriptors. They stay open here, and the caller may close them once
/// the call has returned. At least one byte is needed, because a stream carries no message without bytes. Fails with
/// errc::invalid_argument without bytes or with more than max_descriptors. In all else it is like socket::send_all().
/// On an error the second form returns how many bytes the kernel took. If it took any, the descriptors have left as
/// well.
void send_descriptors(socket& to, std::span<const int> descriptors, const_buffer bytes);
std::size_t send_descriptors(socket& to, std::span<const int> descriptors, const_buffer bytes,
                             std::error_code& error) noexcept;

/// A message with descriptors.
struct received_descriptors {
    std::span<std::byte> bytes;                 ///< the part of the buffer that was filled; empty: end of the stream
    std::vector<owned_descriptor> descriptors;  ///< in the order of the sender, close-on-exec
    bool truncated = false;                     ///< a datagram was longer than the buffer, and its rest is lost
};
/// Receives bytes, and the descriptors that came with them. On a stream one call never mixes the bytes of two messages
/// with descriptors (unix(7)).
///
/// If a message brings more descriptors than `max_count`, all of its descriptors are closed, and the call fails with
/// errc::message_size. If this process may open no more descriptors, it fails with errc::too_many_files_open in the
/// same way. So a stranger cannot fill the process with descriptors that no code knows. The second form then still
/// returns the bytes. A plain recv() takes no descriptors: the kernel closes them.
[[nodiscard]] received_descriptors recv_descriptors(socket& from, mutable_buffer buffer, std::size_t max_count = 16);
[[nodiscard]] received_descriptors recv_descriptors(socket& from, mutable_buffer buffer, std::size_t max_count,
                                                    std::error_code& error);

/// The process at the other end of a Unix socket, at the time when it connected or called listen() or socketpair().
struct credentials {
    pid_t process = 0;
    uid_t user = 0;
    gid_t group = 0;
    friend bool operator==(const credentials&, const credentials&) = default;
};
/// Returns the credentials of a connected Unix socket's peer (SO_PEERCRED). Throws std::system_error, for example
/// errc::not_connected. For a socket of another family it is errc::operation_not_supported.
[[nodiscard]] credentials peer_credentials(const socket& connection);
[[nodiscard]] credentials peer_credentials(const socket& connection, std::error_code& error) noexcept;

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
struct descriptor_messages {
    using room = std::array<char, CMSG_SPACE(sizeof(int) * max_descriptors)>;  // to be aligned as a cmsghdr
    /// Room for data that the kernel puts before the descriptors if the program has asked for it: the sender's
    /// credentials and its pidfd (SO_PASSCRED, SO_PASSPIDFD, unix(7)).
    static constexpr std::size_t room_before = CMSG_SPACE(sizeof(::ucred)) + CMSG_SPACE(sizeof(int));

    static std::size_t send(socket& to, std::span<const int> descriptors, const_buffer bytes,
                            std::error_code& error) noexcept {
        error = std::make_error_code(std::errc::invalid_argument);
        if (bytes.empty() || descriptors.size() > max_descriptors) return 0;
        alignas(cmsghdr) room control{};
        iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        if (!descriptors.empty()) {
            message.msg_control = control.data();
            message.msg_controllen =
                static_cast<decltype(message.msg_controllen)>(CMSG_SPACE(descriptors.size_bytes()));
            cmsghdr header{};
            header.cmsg_level = SOL_SOCKET;
            header.cmsg_type = SCM_RIGHTS;
            header.cmsg_len = static_cast<decltype(header.cmsg_len)>(CMSG_LEN(descriptors.size_bytes()));
            std::memcpy(control.data(), &header, sizeof header);
            std::memcpy(control.data() + CMSG_LEN(0), descriptors.data(), descriptors.size_bytes());
        }
        const time_point until = to.end_of_call();  // of both parts together
        const auto first = to.attempt([&] { return ::sendmsg(to.native_handle(), &message, MSG_NOSIGNAL); }, POLLOUT, 0,
                                      until, error);
        if (first < 0) return 0;
        const auto sent = static_cast<std::size_t>(first);
        return sent == bytes.size() ? sent : sent + to.send_all_until(bytes.subspan(sent), until, error);
    }

    static received_descriptors receive(socket& from, mutable_buffer buffer, std::size_t max_count,
                                        std::error_code& error) {
        max_count = detail::min(max_count, max_descriptors);
        received_descriptors result;
        result.descriptors.reserve(max_count + room_before / sizeof(int));  // before the call: an exception after it would lose descriptors
        alignas(cmsghdr) std::array<char, room_before + std::tuple_size_v<room>> control{};
        msghdr message{};
        const auto size = from.attempt(
            [&] {
                iovec part{buffer.data(), buffer.size()};
                message = {};
                message.msg_iov = &part;
                message.msg_iovlen = 1;
                message.msg_control = control.data();
                // CMSG_SPACE() rounds up, and the kernel would use that room for one descriptor more.
                message.msg_controllen =
                    static_cast<decltype(message.msg_controllen)>(room_before + CMSG_LEN(sizeof(int) * max_count));
                return ::recvmsg(from.native_handle(), &message, MSG_CMSG_CLOEXEC);
            },
            POLLIN, 0, time_point::min(), error);
        if (size < 0) return result;
        result.bytes = buffer.first(detail::min(static_cast<std::size_t>(size), buffer.size()));
        result.truncated = (message.msg_flags & MSG_TRUNC) != 0;
        if (message.msg_controllen > 0)
            for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
                constexpr int pidfd_of_sender = 4;  // SCM_PIDFD, which old headers lack
                if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == pidfd_of_sender) {
                    int unwanted = -1;
                    if (read_note(*part, unwanted)) static_cast<void>(owned_descriptor{unwanted});
                }
                if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
                for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= part->cmsg_len; at += sizeof(int)) {
                    int descriptor = -1;
                    std::memcpy(&descriptor, reinterpret_cast<const char*>(part) + at, sizeof descriptor);
                    result.descriptors.emplace_back(descriptor);
                }
            }
        // Without credentials their room holds some descriptors more than the caller wants.
        if ((message.msg_flags & MSG_CTRUNC) != 0 || result.descriptors.size() > max_count) {
            error = std::make_error_code(result.descriptors.size() < max_count ? std::errc::too_many_files_open
                                                                               : std::errc::message_size);
            result.descriptors.clear();
        }
        return result;
    }

    [[noreturn]] static void fail(const socket& connection, const std::error_code& error, const char* what) {
        connection.fail_with_peer(error, what);
    }
};
}  // namespace detail

inline std::size_t send_descriptors(socket& to, std::span<const int> descriptors, const_buffer bytes,
                                    std::error_code& error) noexcept {
    return detail::descriptor_messages::send(to, descriptors, bytes, error);
}
inline void send_descriptors(socket& to, std::span<const int> descriptors, const_buffer bytes) {
    std::error_code error;
    send_descriptors(to, descriptors, bytes, error);
    if (error) detail::descriptor_messages::fail(to, error, "send_descriptors to");
}

inline received_descriptors recv_descriptors(socket& from, mutable_buffer buffer, std::size_t max_count,
                                             std::error_code& error) {
    return detail::descriptor_messages::receive(from, buffer, max_count, error);
}
inline received_descriptors recv_descriptors(socket& from, mutable_buffer buffer, std::size_t max_count) {
    std::error_code error;
    received_descriptors result = recv_descriptors(from, buffer, max_count, error);
    if (error) detail::descriptor_messages::fail(from, error, "recv_descriptors from");
    return result;
}

inline credentials peer_credentials(const socket& connection, std::error_code& error) noexcept {
    ::ucred raw{};
    const std::size_t size =
        connection.get_option(SOL_SOCKET, SO_PEERCRED, detail::room_of(raw), error);
    if (error || size < sizeof raw) return {};
    const socket_address local = connection.local_endpoint(error);
    if (!error && local.family() != address_family::local)
        error = std::make_error_code(std::errc::operation_not_supported);
    else if (!error && raw.pid == 0 && raw.uid == static_cast<uid_t>(-1))  // the kernel's word for "nobody"
        error = std::make_error_code(std::errc::not_connected);
    return error ? credentials{} : credentials{raw.pid, raw.uid, raw.gid};
}
inline credentials peer_credentials(const socket& connection) {
    std::error_code error;
    const credentials result = peer_credentials(connection, error);
    if (error) detail::throw_error(error, "peer_credentials");
    return result;
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_DESCRIPTORS_HPP




namespace netnotes {

namespace detail {
class sending_descriptors;
class receiving_descriptors;
}  // namespace detail

/// Owns a Unix socket of any type, over which tasks pass descriptors. Use it only in tasks of its loop. One task may
/// receive while another task sends. A second task in the same direction, or a task of another loop, gets
/// std::logic_error.
///
/// Awaited calls throw std::system_error if the system reports an error, and netnotes::cancelled if the task is
/// cancelled.
class async_unix_socket : public detail::async_socket {
  public:
    /// Creates a closed socket. Every operation on it fails with errc::bad_file_descriptor.
    async_unix_socket() noexcept = default;
    /// Takes over a connected Unix socket and makes it non-blocking. Without `loop` it uses the loop that runs in this
    /// thread (std::logic_error if no loop runs). The object must not outlive the loop. Throws std::system_error if the
    /// loop's back end refuses the descriptor.
    explicit async_unix_socket(socket connected) : async_unix_socket{event_loop::current(), std::move(connected)} {}
    async_unix_socket(event_loop& loop, socket connected)
        : async_socket{loop, std::move(connected), detail::io_node::kind::any} {}

    /// Sends the bytes, and with the first of them the descriptors, as netnotes::send_descriptors() does. Suspends while
    /// the socket takes no more. The bytes and the array of descriptors must stay valid until then. They stay open here,
    /// and the caller may close them once the call has returned. After a failure a part may have left.
    [[nodiscard]] detail::sending_descriptors send_descriptors(std::span<const int> descriptors, const_buffer bytes);
    /// Does the same, but reports an error instead of throwing it: operation_canceled if the task is cancelled. Returns
    /// how many bytes the kernel took. If it took any, the descriptors have left as well. `error` must stay valid as
    /// long as the bytes.
    [[nodiscard]] detail::reporting<detail::sending_descriptors> send_descriptors(std::span<const int> descriptors,
                                                                                  const_buffer bytes,
                                                                                  std::error_code& error);
    /// Receives bytes and the descriptors that came with them, as netnotes::recv_descriptors() does, and fails as it
    /// does. Suspends until bytes arrive; the buffer must stay valid until then.
    [[nodiscard]] detail::receiving_descriptors recv_descriptors(mutable_buffer buffer, std::size_t max_count = 16);
    /// Does the same, but reports an error instead of throwing it, and then returns no bytes. A cancellation is still
    /// thrown. `error` must stay valid as long as the buffer.
    [[nodiscard]] detail::reporting<detail::receiving_descriptors> recv_descriptors(mutable_buffer buffer,
                                                                                    std::size_t max_count,
                                                                                    std::error_code& error);
    /// Returns which process is at the other end: see netnotes::peer_credentials(). Does not wait.
    [[nodiscard]] credentials peer_credentials() const { return netnotes::peer_credentials(*borrow()); }
    [[nodiscard]] credentials peer_credentials(std::error_code& error) const noexcept {
        return netnotes::peer_credentials(*borrow_any(), error);
    }
    /// Shuts down one direction, or both directions: see socket::shutdown(). Does not wait.
    void shutdown(shutdown_direction direction) { borrow()->shutdown(direction); }
    void shutdown(shutdown_direction direction, std::error_code& error) noexcept {
        borrow_any()->shutdown(direction, error);
    }
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

class [[nodiscard]] sending_descriptors final : public io_awaiter<sending_descriptors, pausing_operation> {
  public:
    sending_descriptors(io_node& node, std::span<const int> descriptors, const_buffer bytes) noexcept
        : io_awaiter{node, direction::write}, descriptors_{descriptors}, bytes_{bytes} {}
    void await_resume() {
        const std::size_t sent = std::exchange(sent_, 0);
        if (error_ != 0)
            fail(detail::joined("send_descriptors (", std::to_string(sent), " of ", std::to_string(bytes_.size()),
                                " bytes sent) to"));
    }
    /// Returns how many bytes are sent. The next use of the operation counts from 0.
    std::size_t so_far() noexcept { return std::exchange(sent_, 0); }
    bool attempt() noexcept override {
        if (is_pausing() || !node_.writable) return false;
        std::error_code error;
        borrowed_socket own{node_.descriptor()};
        socket& to = *own;
        sent_ += sent_ == 0 ? netnotes::send_descriptors(to, descriptors_, bytes_, error)
                            : to.send_all(bytes_.subspan(sent_), error);
        if (error == std::errc::operation_would_block) {
            pause();  // a datagram socket is reported as writable though its peer's queue is full
            return node_.writable = false;
        }
        error_ = error.value();
        return true;
    }

  private:
    std::span<const int> descriptors_;
    const_buffer bytes_;
    std::size_t sent_ = 0;
};

class [[nodiscard]] receiving_descriptors final : public io_awaiter<receiving_descriptors, socket_operation> {
  public:
    receiving_descriptors(io_node& node, mutable_buffer room, std::size_t max_count) noexcept
        : io_awaiter{node, direction::read}, room_{room}, max_count_{max_count} {}
    received_descriptors await_resume() {
        throw_if_failed("recv_descriptors from");
        return std::move(received_);
    }
    bool attempt() noexcept override {
        if (!node_.readable) return false;
        std::error_code error;
        borrowed_socket own{node_.descriptor()};
        try {
            received_ = netnotes::recv_descriptors(*own, room_, max_count_, error);
        } catch (const std::bad_alloc&) {  // before it has received
            error = std::make_error_code(std::errc::not_enough_memory);
        }
        if (error == std::errc::operation_would_block) return node_.readable = false;
        error_ = error.value();
        return true;
    }

  private:
    mutable_buffer room_;
    std::size_t max_count_;
    received_descriptors received_;
};

}  // namespace detail

inline detail::sending_descriptors async_unix_socket::send_descriptors(std::span<const int> descriptors,
                                                                       const_buffer bytes) {
    return {node(), descriptors, bytes};
}
inline detail::reporting<detail::sending_descriptors> async_unix_socket::send_descriptors(
    std::span<const int> descriptors, const_buffer bytes, std::error_code& error) {
    return detail::reporting<detail::sending_descriptors>{error, node(), descriptors, bytes};
}
inline detail::receiving_descriptors async_unix_socket::recv_descriptors(mutable_buffer buffer, std::size_t max_count) {
    return {node(), buffer, max_count};
}
inline detail::reporting<detail::receiving_descriptors> async_unix_socket::recv_descriptors(mutable_buffer buffer,
                                                                                            std::size_t max_count,
                                                                                            std::error_code& error) {
    return detail::reporting<detail::receiving_descriptors>{error, node(), buffer, max_count};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_DESCRIPTORS_HPP

// netnotes/coro/every_core.hpp: one loop for each processor
// SPDX-License-Identifier: MIT
//
// A loop uses only one processor. To use the others, a program could share one loop among threads, but then all data of
// the tasks would need locks. It is simpler to make one loop for each processor:
//
//        processor 0             processor 1             processor 2
//        event_loop              event_loop              event_loop
//        its listener            its listener            its listener         the same port: SO_REUSEPORT
//            └───────────────────────┴───────────────────────┴── the kernel distributes the connections
//
// A connection stays with the loop that has accepted it, so its tasks share no data with tasks of another thread. Data
// that all threads need (a count, a cache) still needs a lock or an atomic. The kernel chooses the listener by a hash
// of the addresses, not by the load of a loop. If a few clients cause most of the work, one loop may get all of them.
//
//     serve_on_every_core({ipv6_address::any(), 6666}, echo, stop);        // a serve() in each of the loops
//
//     auto one = [&](event_loop& loop, unsigned index) { return work(loop, index); };
//     run_on_every_core(one, stop);                                        // any task in each of the loops
//
// On this page:  every_core_options · core_count · run_on_every_core · listen_on_every_core · serve_on_every_core
// Below it:      coro/loop.hpp, coro/serve.hpp
// The notes:     协程问题 (1:N: a coroutine server uses one processor); example 26

#ifndef NETNOTES_CORO_EVERY_CORE_HPP
#define NETNOTES_CORO_EVERY_CORE_HPP

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <concepts>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>


// netnotes/coro/listener.hpp: a listener for tasks
// SPDX-License-Identifier: MIT
//
// The kernel establishes connections and puts them into the listener's queue. The call accept() takes the first of
// them, and waits while the queue is empty:
//
//     task<> accept_all(async_listener listener) {
//         for (;;) {
//             auto next = co_await listener.accept();      // if no descriptor is free, it waits for one
//             spawn(greet(std::move(next.stream)));
//         }
//     }
//
//        clients ── SYN ──> kernel ──> queue [ c | b | a ] ── accept() ──> a
//
// The function serve() in coro/serve.hpp is this loop with limits, timeouts and a clean stop.
//
// On this page:  async_listener
// The notes:     gevent版-TCP服务器 (the gevent server); example 26

#ifndef NETNOTES_CORO_LISTENER_HPP
#define NETNOTES_CORO_LISTENER_HPP

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <new>
#include <system_error>
#include <utility>






namespace netnotes {

namespace detail {
class accepting;
}  // namespace detail

/// Accepts connections in tasks of one loop. Only one task at a time may wait in accept(); a second task gets
/// std::logic_error. So does a task of another loop.
class async_listener : public detail::async_socket {
  public:
    /// Creates a closed listener. Every operation on it fails with errc::bad_file_descriptor.
    async_listener() noexcept = default;
    /// Takes over a listening stream socket and makes it non-blocking. Without `loop` it uses the loop that runs in
    /// this thread (std::logic_error if no loop runs). The listener must not outlive the loop. Throws std::system_error
    /// if the loop's back end refuses the descriptor.
    explicit async_listener(socket listening) : async_listener{event_loop::current(), std::move(listening)} {}
    explicit async_listener(tcp_listener listening) : async_listener{std::move(listening).into_socket()} {}
    /// Listens at `where` as tcp_listener does, for the loop that runs in this thread. Throws what both throw.
    explicit async_listener(const endpoint& where, listen_options options = {})
        : async_listener{tcp_listener{where, options}} {}
    async_listener(event_loop& loop, tcp_listener listening)
        : async_listener{loop, std::move(listening).into_socket()} {}
    async_listener(event_loop& loop, socket listening)
        : async_socket{loop, std::move(listening), detail::io_node::kind::listener} {
        node().make_room_to_keep();
    }

    struct accepted;
    /// Suspends until there is a connection, and returns it. A connection that ended in the queue is skipped.
    ///
    /// If descriptors or memory run out (EMFILE, ENFILE, ENOBUFS, ENOMEM, or ENOSPC of the back end), it tries again
    /// every 100 ms. The clients wait in the queue meanwhile. A timeout (set_timeout()) and a cancellation end this
    /// wait, too. A connection that this call has taken is not lost: the next accept() returns it. Throws
    /// std::system_error if the listener fails, errc::timed_out, and netnotes::cancelled.
    [[nodiscard]] detail::accepting accept();
    /// Does the same, but reports an error instead of throwing it, and then returns a closed stream. A cancellation is
    /// still thrown. `error` must stay valid until the call returns.
    [[nodiscard]] detail::reporting<detail::accepting> accept(std::error_code& error);
    /// Returns the number of established connections that accept() has not taken yet: see tcp_listener::queue_length().
    /// A back end may have taken some of them already. Throws std::system_error.
    [[nodiscard]] std::uint32_t queue_length() const { return detail::queue_length_of(*borrow()); }
    /// Keeps the back end from accepting a client before a task waits in accept(), as some do. Each client that was
    /// accepted ahead has a descriptor. Call it if descriptors are counted. Does not wait, and does nothing if the
    /// listener is closed.
    void accept_one_by_one() noexcept {
        if (is_open()) node().one_by_one = true;
    }
};
/// A connection and the address of its peer. The address is empty (without a family) if the peer is a Unix socket
/// without a name. It may be empty, too, if the client has already reset the connection.
struct async_listener::accepted {
    accepted() noexcept = default;
    accepted(async_stream&& connection, const socket_address& from) noexcept
        : stream{std::move(connection)}, peer{from} {}
    async_stream stream;
    socket_address peer;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

class [[nodiscard]] accepting final : public io_awaiter<accepting, pausing_operation> {
  public:
    explicit accepting(io_node& node) noexcept : io_awaiter{node, direction::read} {}
    async_listener::accepted await_resume() {
        if (error_ != 0) detail::throw_error(take_failure(), "accept");
        return {std::move(stream_), made_.peer};
    }
    bool attempt() noexcept override {
        if (is_pausing() || !node_.readable) return false;
        if (!take_kept()) {
            const bool is_decided = node_.intake ? accept_from_back_end() : accept_directly();
            if (!is_decided) return false;
        }
        if (error_ == 0) register_connection();
        if (!is_shortage(error_) && error_ != ENOSPC) return true;
        error_ = 0;
        pause(accept_pause);
        return false;  // `readable` stays true, so the back end accepts nothing during the pause
    }

  private:
    bool accept_directly() noexcept {
        std::error_code error;
        borrowed_socket listener{node_.descriptor()};
        made_ = listener->accept(error);
        if (error == std::errc::operation_would_block) return node_.readable = false;
        error_ = error.value();
        return true;
    }
    bool accept_from_back_end() noexcept {
        int descriptor = -1;
        do {
            error_ = 0;
            if (!node_.intake->accept(descriptor, error_)) return false;
        } while (is_passed_over(error_));
        if (error_ != 0) return true;
        made_.connection = socket{descriptor, false};
        ask_for_peer();
        return true;
    }
    /// Takes the connection that an earlier attempt could not register, perhaps one of another accept().
    bool take_kept() noexcept {
        const int descriptor = node_.take_kept();
        if (descriptor < 0) return false;
        made_.connection = socket{descriptor, false};
        ask_for_peer();
        return true;
    }
    void ask_for_peer() noexcept {
        std::error_code has_left;
        made_.peer = made_.connection.peer_endpoint(has_left);
        if (has_left) made_.peer = former_peer(made_.connection.native_handle());
    }
    /// Returns the peer of a connection that the peer has reset. The bytes that it sent can still be received, but
    /// getpeername() fails with ENOTCONN. Linux answers SO_PEERNAME all the same, if the size is not above that of the
    /// address. Returns an empty address if it does not.
    static socket_address former_peer(int descriptor) noexcept {
        constexpr int peer_name = 28;  // SO_PEERNAME, which some headers lack
        for (socklen_t size : {socklen_t{sizeof(sockaddr_in6)}, socklen_t{sizeof(sockaddr_in)}}) {
            socket_address peer;
            if (::getsockopt(descriptor, SOL_SOCKET, peer_name, peer.data(), &size) != 0) continue;
            peer.resize(size);
            return peer;
        }
        return {};
    }
    /// Makes the stream. If the back end or the memory allocation fails, the node keeps the connection for the next
    /// attempt. This call may end before that, and then the connection is for the next accept().
    void register_connection() noexcept {
        try {
            // The connection has the family of its peer. To ask the socket would cost a system call for each
            // connection.
            stream_ = async_stream{static_cast<event_loop&>(node_.loop()), std::move(made_.connection), made_.peer.is_ip()};
        } catch (const std::system_error& failure) {
            error_ = failure.code().value();
        } catch (const std::bad_alloc&) {
            error_ = ENOMEM;
        }
        if (error_ != 0) node_.keep(made_.connection.release());
    }
    socket::accepted made_;
    async_stream stream_;
};

}  // namespace detail

inline detail::accepting async_listener::accept() { return detail::accepting{node()}; }
inline detail::reporting<detail::accepting> async_listener::accept(std::error_code& error) {
    return detail::reporting<detail::accepting>{error, node()};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_LISTENER_HPP


// netnotes/coro/serve.hpp: a server of tasks that no client ends
// SPDX-License-Identifier: MIT
//
// A loop that accepts and spawns is quickly written. But it ends with the first client that resets its connection. A
// handler that throws, or a crowd of clients that uses up all descriptors, ends it, too. The function serve() is this
// loop with an answer to each of these cases. You write only the handler, which is the conversation with one client:
//
//     task<> echo(async_stream client) {
//         for (;;) {
//             auto bytes = co_await client.recv();
//             if (bytes.empty()) co_return;
//             co_await client.send_all(bytes);
//         }
//     }
//     int main() {
//         stop_event stop;
//         stop_on_signals signals{stop};
//         event_loop loop;
//         loop.run(serve({ipv4_address::loopback(), 6666}, echo, {.max_connections = 1000}), stop);
//     }
//
//        accept ──> handler(client) ──┬── returns ──> close                  and the next client takes its place
//          ^                          ├── throws  ──> on_error, close
//          └── room for one more <────┘   if a send was cut short: a reset, so that the peer can tell
//
//   a client resets, or a handler throws     on_error reports it, and the other clients do not notice
//   a client sends nothing                   errc::timed_out after idle_timeout
//   a client sends a byte now and then       errc::timed_out after request_timeout without an answer
//   max_connections clients are connected    further clients wait in the kernel's queue until one leaves
//   max_per_client connections of one        a further connection from there is reset, so one client cannot take all
//     address                                  places. on_error reports errc::connection_refused
//   no descriptor or no memory is left       clients wait in the queue; accept() tries again every 100 ms. on_error
//                                            reports a client for which no memory is left after accept()
//   a stop is requested, or serve() is       it closes the listener. Handlers read the bytes that have arrived, then
//     cancelled                              the end of the stream. Those still running after stop_grace are cancelled
//
// A handler may also take a stream of your own that is made from an async_stream, for example an encrypted stream: see
// coro/byte_stream.hpp.
//
// If a send fails, the connection ends in a reset. If a handler throws between two sends of one answer, the connection
// ends in order, and the peer cannot tell that bytes are missing. Such a handler must ask for a reset before it throws:
//
//     client.set_option(option::linger{std::chrono::seconds{0}});
//     throw std::runtime_error{"half of the answer is missing"};
//
// A buffered stream gathers answers and sends them when its reader has to wait. If a handler throws before that, all
// gathered answers are lost, the answers to earlier requests included. If the client is to get them, call flush() first.
//
// On this page:  serve_options · serve
// Below it:      coro/listener.hpp, coro/stream.hpp
// Beside it:     server/reactor.hpp and server/blocking.hpp, servers without coroutines
// The notes:     gevent版-TCP服务器 (the gevent server)

#ifndef NETNOTES_CORO_SERVE_HPP
#define NETNOTES_CORO_SERVE_HPP

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iterator>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>


// netnotes/ip/keyed_hash.hpp: a hash that nobody can compute without the key
// SPDX-License-Identifier: MIT
//
// A hash table finds an entry fast because its entries spread over many chains. A stranger who chooses the entries, and
// can compute the hash, chooses entries that share a chain. Each search then walks along all of them:
//
//        hash without a key          hash with a key that the stranger does not know
//        chain 0  a─b─c─d─e─f        chain 0  c
//        chain 1                     chain 1  a─f
//        chain 2                     chain 2  d
//        chain 3                     chain 3  b─e
//
// A server sorts its clients by their addresses, and strangers choose those: a host has 2^64 addresses of its IPv6
// network, and the sender of a datagram can forge any. SipHash is made for such tables (Aumasson and Bernstein, 2012).
// It takes some 20 ns.
//
// On this page:  keyed_hash
// Above it:      socket/random.hpp: a random key; lan/tcp_cookie.hpp: SYN cookies; coro/serve.hpp
// The notes:     tcp半链接攻击; example 35

#ifndef NETNOTES_IP_KEYED_HASH_HPP
#define NETNOTES_IP_KEYED_HASH_HPP

#include <array>
#include <bit>
#include <cstdint>



namespace netnotes {

/// A hash that nobody can compute without the key: SipHash-2-4 (Aumasson and Bernstein, 2012), over numbers of 64 bits.
class keyed_hash {
  public:
    /// A secret of 128 bits; make it random.
    struct key {
        std::uint64_t first = 0;
        std::uint64_t second = 0;
    };
    constexpr explicit keyed_hash(const key& secret) noexcept
        : v_{secret.first ^ 0x736f6d6570736575, secret.second ^ 0x646f72616e646f6d, secret.first ^ 0x6c7967656e657261,
             secret.second ^ 0x7465646279746573} {}

    /// Takes a number into the hash, or the address and the port of an endpoint.
    constexpr keyed_hash& add(std::uint64_t number) noexcept {
        v_[3] ^= number;
        mix();
        mix();
        v_[0] ^= number;
        size_ += 8;
        return *this;
    }
    constexpr keyed_hash& add(const endpoint& end) noexcept {
        if (end.address().is_v4()) return add(std::uint64_t{end.address().v4().to_uint()} << 16 | end.port());
        const auto address = end.address().v6().to_uint();
        return add(address.high).add(address.low).add(end.port());
    }
    /// Returns the hash of the numbers so far.
    [[nodiscard]] constexpr std::uint64_t value() const noexcept {
        keyed_hash end = *this;
        end.add(std::uint64_t{size_ & 0xff} << 56);  // the last block: no rest, and the length
        end.v_[2] ^= 0xff;
        for (unsigned i = 0; i < 4; ++i) end.mix();
        return end.v_[0] ^ end.v_[1] ^ end.v_[2] ^ end.v_[3];
    }

  private:
    constexpr void mix() noexcept {
        v_[0] += v_[1];
        v_[2] += v_[3];
        v_[1] = std::rotl(v_[1], 13) ^ v_[0];
        v_[3] = std::rotl(v_[3], 16) ^ v_[2];
        v_[0] = std::rotl(v_[0], 32);
        v_[2] += v_[1];
        v_[0] += v_[3];
        v_[1] = std::rotl(v_[1], 17) ^ v_[2];
        v_[3] = std::rotl(v_[3], 21) ^ v_[0];
        v_[2] = std::rotl(v_[2], 32);
    }
    std::array<std::uint64_t, 4> v_;
    std::uint32_t size_ = 0;
};

}  // namespace netnotes

#endif  // NETNOTES_IP_KEYED_HASH_HPP


// netnotes/socket/random.hpp: a key that nobody guesses
// SPDX-License-Identifier: MIT
//
// A secret must come from the kernel. It gathers what nobody can predict, such as the times of interrupts, and makes a
// stream of random bytes of that. A clock is no secret: a stranger knows the hour, and tries its microseconds.
//
//        interrupts, devices ──> the kernel's generator ── getrandom(2) ──> key ──> keyed_hash
//
// On this page:  random_key()
// Below it:      ip/keyed_hash.hpp
// The notes:     tcp半链接攻击; example 35

#ifndef NETNOTES_SOCKET_RANDOM_HPP
#define NETNOTES_SOCKET_RANDOM_HPP

#include <sys/auxv.h>
#include <sys/random.h>

#include <cstring>



namespace netnotes {

/// Returns a new random key. Does not wait. Each process has 16 random bytes of the kernel (AT_RANDOM, getauxval(3)).
/// They are the key if the kernel has no better ones yet, which happens only while the machine boots.
[[nodiscard]] inline keyed_hash::key random_key() noexcept {
    keyed_hash::key made;
    static_assert(sizeof made == 16);
    if (::getrandom(&made, sizeof made, GRND_NONBLOCK) != sizeof made)
        if (const void* const at_start = reinterpret_cast<const void*>(::getauxval(AT_RANDOM)))
            std::memcpy(&made, at_start, sizeof made);
    return made;
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_RANDOM_HPP

// netnotes/socket/stale.hpp: the file that a Unix socket leaves behind
// SPDX-License-Identifier: MIT
//
// A Unix socket with a path makes a file, and close() does not remove it. If a server ends without unlink(2), for
// example because it was killed, the file stays. The next start then fails: "Address already in use". To remove every
// such file before bind() would be wrong: it takes the path away from a server that runs.
//
//        /run/my.sock  ── no socket is bound to it ────> stale: may be replaced
//                      ── a socket is bound to it ─────> in use, even if it does not accept just now
//                      ── it is no socket ─────────────> another kind of file: never removed
//
//        net::socket listener{net::address_family::local, net::socket_type::stream};
//        net::bind_replacing_stale(listener, net::unix_endpoint{"/run/my.sock"});
//        listener.listen();
//
// On this page:  is_stale · bind_replacing_stale
// The notes:     bind, close (公共用途的套接字函数); unix(7)

#ifndef NETNOTES_SOCKET_STALE_HPP
#define NETNOTES_SOCKET_STALE_HPP

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>




namespace netnotes {

/// Returns true if the path is a socket to which no open socket is bound any more. An abstract name is never stale. The
/// check makes no connection, so a running server does not notice it. Throws std::system_error if the answer cannot be
/// found, for example errc::permission_denied.
[[nodiscard]] bool is_stale(const unix_endpoint& where);
[[nodiscard]] bool is_stale(const unix_endpoint& where, std::error_code& error) noexcept;

/// Binds like socket::bind(), but replaces a stale socket at that path. Throws errc::address_in_use if a socket is bound
/// there or if the file is no socket. If two processes do this at the same time, one of them gets the path and the other
/// gets the error: the folder is locked meanwhile (flock(2)). If the folder cannot be locked, it replaces nothing and
/// throws that error: errc::permission_denied, for example, in a folder that this process may not read.
void bind_replacing_stale(socket& unbound, const unix_endpoint& where);
void bind_replacing_stale(socket& unbound, const unix_endpoint& where, std::error_code& error);

// ========================================================================================================
// How it is done
// ========================================================================================================

inline bool is_stale(const unix_endpoint& where, std::error_code& error) noexcept {
    error.clear();
    if (where.is_abstract() || where.is_unnamed()) return false;
    struct stat status {};
    if (::lstat(where.name().c_str(), &status) != 0) {
        if (errno != ENOENT) error = detail::last_error();
        return false;
    }
    if (!S_ISSOCK(status.st_mode)) return false;
    // A datagram socket: its connect() only looks who is there. For a stream socket that is there it fails with
    // EPROTOTYPE, and the server sees no client.
    socket probe{address_family::local, socket_type::datagram, 0, error};
    if (error) return false;
    probe.connect(where, error);  // does not wait
    const bool is_refused = error == std::errc::connection_refused;
    // A datagram socket that is connected to another socket refuses us with EPERM. It is in use.
    if (is_refused || error == std::errc::wrong_protocol_type || error == std::errc::operation_not_permitted ||
        error == std::errc::no_such_file_or_directory)
        error.clear();
    return is_refused;
}
inline bool is_stale(const unix_endpoint& where) {
    std::error_code error;
    const bool result = is_stale(where, error);
    if (error) detail::throw_error(error, "is_stale ", where.to_string());
    return result;
}

inline void bind_replacing_stale(socket& unbound, const unix_endpoint& where, std::error_code& error) {
    unbound.bind(where, error);
    if (error != std::errc::address_in_use || where.is_abstract()) return;
    const std::error_code in_use = error;
    const std::string& path = where.name();
    const auto slash = path.rfind('/');
    const std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);
    const owned_descriptor lock{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    std::error_code not_locked = lock.is_open() ? std::error_code{} : detail::last_error();
    while (lock.is_open() && ::flock(lock.native_handle(), LOCK_EX) != 0) {
        if (errno == EINTR) continue;
        not_locked = detail::last_error();
        break;
    }
    if (!is_stale(where, error)) {
        error = in_use;
        return;
    }
    if (not_locked) {
        error = not_locked;
        return;
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        error = detail::last_error();
        return;
    }
    unbound.bind(where, error);
}
inline void bind_replacing_stale(socket& unbound, const unix_endpoint& where) {
    std::error_code error;
    bind_replacing_stale(unbound, where, error);
    if (error) detail::throw_error(error, "bind ", where.to_string());
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_STALE_HPP








namespace netnotes {

/// The limits of serve(), and its error report. No member has a destructor, so the struct may be a temporary in a
/// co_await expression; g++ 12 destroys other temporaries twice there.
struct serve_options {
    std::size_t max_connections = 10'000;  ///< further clients wait in the listener's queue. Must be above zero
    /// The most connections from one IP address. A further one is reset at once. A host can have every address of its
    /// IPv6 network, so addresses with the same first 64 bits count as one. Behind a NAT many people share an address,
    /// and behind a proxy of your own all clients have its address. SIZE_MAX means no limit. Must be above zero.
    std::size_t max_per_client = SIZE_MAX;
    /// The descriptors that one connection needs: 1 for the connection itself, 2 for a proxy, which connects as well.
    /// Above 1, serve() admits only as many connections as the process has descriptors for (RLIMIT_NOFILE). Otherwise
    /// the listener could take the last descriptor, and then no handler gets its second. A back end then accepts no
    /// client ahead, either: see async_listener::accept_one_by_one().
    std::size_t descriptors_per_connection = 1;
    /// The timeout of each call that waits for the client: see async_stream::set_timeout(). Must be above zero.
    wait_time idle_timeout = std::chrono::minutes{5};
    /// Cancels a handler if the peer has acknowledged no new byte of an answer for this time. It then reports
    /// errc::timed_out. The cancellation may come up to a quarter later. It limits the time between answers, not the
    /// life of a connection. Choose `never` if handlers may stay silent. Only for TCP. Must be above zero. The default,
    /// nullopt, means four times idle_timeout.
    std::optional<wait_time> request_timeout{};
    wait_time stop_grace = std::chrono::seconds{2};  ///< after a stop, handlers may run for this time

    /// Is called in the loop's thread with each exception that a handler throws, and with errc::timed_out after
    /// request_timeout. nullptr reports nothing. The function must not throw or block.
    void (*on_error)(const socket_address& peer, const std::exception& failure) = [](const socket_address& peer,
                                                                                     const std::exception& failure) {
        std::fprintf(stderr, "%s: %s\n", peer.to_string().c_str(), failure.what());
    };
};
static_assert(std::is_trivially_destructible_v<serve_options>);

/// A function that returns task<>. Its parameters are (async_stream) or (async_stream, endpoint). For Unix sockets the
/// second parameter is a socket_address. A client whose address is no IP address does not reach a handler that takes an
/// endpoint: on_error reports it, and the connection is closed.
template <class Handler>
concept connection_handler =
    std::is_invocable_r_v<task<>, Handler&, async_stream> ||
    std::is_invocable_r_v<task<>, Handler&, async_stream, const socket_address&> ||
    std::is_invocable_r_v<task<>, Handler&, async_stream, const endpoint&>;

namespace detail {

/// The address of a client. An IP address takes 28 bytes here, and not the 136 of a socket_address.
class peer_name {
  public:
    peer_name(const socket_address& from, int descriptor) : ip_{} {
        if (from.is_ip())
            std::memcpy(&ip_, from.data(), detail::min<std::size_t>(from.size(), sizeof ip_));
        else
            other_ = {AF_UNSPEC, new named{from, cookie_of(descriptor)}};
    }
    peer_name(const peer_name&) = delete;
    peer_name& operator=(const peer_name&) = delete;
    ~peer_name() {
        if (!is_ip()) delete other_.name;
    }
    [[nodiscard]] bool is_ip() const noexcept { return ip_.sin6_family != AF_UNSPEC; }
    [[nodiscard]] socket_address get() const noexcept {
        if (!is_ip()) return other_.name->address;
        socket_address peer;
        const std::size_t size = ip_.sin6_family == AF_INET ? sizeof(sockaddr_in) : sizeof ip_;
        std::memcpy(peer.data(), &ip_, size);
        peer.resize(static_cast<socklen_t>(size));
        return peer;
    }
    /// Returns what serve_options::max_per_client counts: the IPv4 address, also of an IPv4 client of an IPv6 listener,
    /// or the first 64 bits of an IPv6 address. The bytes keep the order of the network.
    [[nodiscard]] std::uint64_t place() const noexcept {
        std::array<unsigned char, 8> bytes{0, 0, 0xff, 0xff};  // as the first bytes of an IPv6 address no host has these
        if (ip_.sin6_family == AF_INET)
            std::memcpy(bytes.data() + 4, &reinterpret_cast<const sockaddr_in&>(ip_).sin_addr, 4);
        else if (IN6_IS_ADDR_V4MAPPED(&ip_.sin6_addr))
            std::memcpy(bytes.data() + 4, ip_.sin6_addr.s6_addr + 12, 4);
        else
            std::memcpy(bytes.data(), ip_.sin6_addr.s6_addr, 8);
        return std::bit_cast<std::uint64_t>(bytes);
    }
    /// Returns true if the descriptor is a connection with this peer. Most clients of a Unix socket have no name, so
    /// the kernel's number of the socket must be the same, too.
    [[nodiscard]] bool is_peer_of(int descriptor) const noexcept {
        std::error_code is_gone;
        const socket_address peer = borrowed_socket{descriptor}->peer_endpoint(is_gone);
        return !is_gone && peer == get() && (is_ip() || other_.name->cookie == cookie_of(descriptor));
    }

  private:
    struct named {
        socket_address address;
        std::uint64_t cookie;
    };
    /// Returns a number that no other socket has until the next boot (SO_COOKIE, Linux 4.6), or 0 if the system has none.
    static std::uint64_t cookie_of(int descriptor) noexcept {
        constexpr int cookie = 57;  // SO_COOKIE, which old headers lack
        std::uint64_t value = 0;
        socklen_t size = sizeof value;
        return ::getsockopt(descriptor, SOL_SOCKET, cookie, &value, &size) == 0 ? value : 0;
    }
    struct [[gnu::packed, gnu::aligned(4)]] elsewhere {  // as sockaddr_in6 is, which saves 8 bytes for each client
        sa_family_t family;
        named* name;
    };
    union {  // the family comes first in both
        sockaddr_in6 ip_;
        elsewhere other_;
    };
};

/// The clients by their addresses, so that the clients of an address can be counted. Each chain holds the clients of
/// some addresses. Clients choose their addresses, so the chains depend on a secret.
template <class Client>
class crowd {
  public:
    [[nodiscard]] Client*& at(std::uint64_t place) noexcept { return chains_[chain_of(place)]; }
    [[nodiscard]] std::size_t chain_of(std::uint64_t place) const noexcept {
        return static_cast<std::size_t>(keyed_hash{secret_}.add(place).value() % std::size(chains_));
    }

  private:
    Client* chains_[1024] = {};
    keyed_hash::key secret_ = random_key();
};

template <class Handler>
class [[nodiscard]] serving final : public joint_wait, private loop_timer {
  public:
    serving(async_listener&& listener, Handler&& handler, const serve_options& options)
        : joint_wait{false},
          handler_{std::move(handler)},
          options_{options},
          accepting_{accept_all(std::move(listener))} {
        if (!options_.request_timeout)
            options_.request_timeout = options.idle_timeout > never / 4 ? never : 4 * options.idle_timeout;
        if (options.max_connections == 0 || options.max_per_client == 0 || options.idle_timeout <= duration::zero() ||
            *options_.request_timeout <= duration::zero())
            throw std::invalid_argument{
                "serve_options: max_connections, max_per_client and the timeouts must be above zero"};
        if (options.descriptors_per_connection > 1)
            options_.max_connections = detail::min(options.max_connections, room_for(options.descriptors_per_connection));
    }
    ~serving() {
        while (clients_) delete clients_;  // some are left only if the frame is destroyed while the task waits
    }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        return begin_all(waiter, waiter.promise().chain(), [this] { accepting_.begin(*this); });
    }
    void await_resume() { accepting_.take(); }  // throws, because accept_all() ends only by a failure or a cancellation

  private:
    /// A connection. part_ended() deletes it when its handler has ended.
    class client final : public part<void> {
      public:
        static void* operator new(std::size_t size) { return frames.take(size); }
        static void operator delete(void* memory, std::size_t size) noexcept { frames.give_back(memory, size); }
        client(serving& all, int descriptor, const socket_address& from, async_stream&& stream)
            : part<void>{all.call(std::move(stream), from)},
              older{all.clients_},
              previous_{&all.clients_},
              peer_{from, descriptor},
              descriptor_{descriptor} {
            if (all.crowd_ && peer_.is_ip()) neighbour_ = std::exchange(all.crowd_->at(peer_.place()), this);
            if (older) older->previous_ = &older;
            all.clients_ = this;
            ++all.count_;
        }
        ~client() override {
            *previous_ = older;
            if (older) older->previous_ = previous_;
            auto& all = static_cast<serving&>(whole());
            if (all.crowd_ && peer_.is_ip()) {
                client** at = &all.crowd_->at(peer_.place());
                while (*at != this) at = &(*at)->neighbour_;
                *at = neighbour_;
            }
            all.look_.skip(*this);
            --all.count_;
        }
        void hear_no_more() noexcept {
            if (is_there()) ::shutdown(descriptor_, SHUT_RD);
        }

        /// Cancels the handler if the peer has acknowledged no new byte at five looks in a row. The kernel counts these
        /// bytes, so sending calls need not.
        void look() noexcept {
            if (!peer_.is_ip() || has_timed_out) return;
            kernel_tcp_info now{};
            socklen_t size = sizeof now;
            // After a reset the kernel knows no numbers, and the connection counts as quiet. Its handler may still be
            // waiting for something else.
            const bool is_known = is_there() && ::getsockopt(descriptor_, IPPROTO_TCP, TCP_INFO, &now, &size) == 0;
            const auto acknowledged = static_cast<std::uint32_t>(now.bytes_acked);
            if (is_known && std::exchange(acknowledged_, acknowledged) != acknowledged) quiet_quarters_ = 0;
            if (++quiet_quarters_ <= 4) return;
            has_timed_out = true;
            fiber::cancel();
        }
        [[nodiscard]] socket_address peer() const { return peer_.get(); }
        /// Returns how many of the clients from this one on in its chain come from `place`.
        [[nodiscard]] static std::size_t count_from(const client* each, std::uint64_t place) noexcept {
            std::size_t count = 0;
            for (; each; each = each->neighbour_) count += each->peer_.place() == place;
            return count;
        }
        client* older;

      private:
        /// Returns true if the descriptor still belongs to this client. The handler owns the stream and may have closed
        /// it. The kernel may then have given the number to another descriptor.
        bool is_there() const noexcept { return peer_.is_peer_of(descriptor_); }

        client** previous_;
        client* neighbour_ = nullptr;  // the next client in the same chain of the crowd
        peer_name peer_;
        int descriptor_;
        std::uint32_t acknowledged_ = 0;  // the lower half of the kernel's number suffices to see a change
        unsigned char quiet_quarters_ = 0;

      public:
        bool has_timed_out = false;
    };

    /// Looks at all clients after every quarter of request_timeout. One timer for all of them saves memory. It looks at
    /// some clients, and then at the others in the next turn.
    class looking final : private loop_timer {
      public:
        explicit looking(serving& all) noexcept : all_{all} {}
        /// Begins, unless it has begun.
        void begin() noexcept {
            if (*all_.options_.request_timeout != never && !is_armed()) look_later();
        }
        /// A client is destroyed.
        void skip(const client& gone) noexcept {
            if (next_ == &gone) next_ = gone.older;
        }

      private:
        void look_later() noexcept {
            scheduler& loop = all_.chain().loop();
            loop.arm(*this, later(loop.now(), *all_.options_.request_timeout / 4));
        }
        void expired() noexcept override {
            if (!next_) next_ = all_.clients_;
            for (int i = 0; next_ && i < 64; ++i) std::exchange(next_, next_->older)->look();
            if (next_) return all_.chain().loop().arm(*this, all_.chain().loop().now());
            if (all_.clients_) look_later();
        }
        serving& all_;
        client* next_ = nullptr;
    };

    /// Returns how many connections the process has descriptors for, at least 1. The lowest free number tells how many
    /// are open now, because the kernel gives out the lowest first.
    static std::size_t room_for(std::size_t descriptors_each) noexcept {
        rlimit limit{};
        if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
        const int lowest = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
        if (lowest >= 0) ::close(lowest);
        const auto open = static_cast<rlim_t>(detail::max(lowest, 0));
        const rlim_t left = limit.rlim_cur > open ? limit.rlim_cur - open : 0;
        return detail::max<std::size_t>(1, static_cast<std::size_t>(left) / descriptors_each);
    }

    /// Returns false if the client's address has as many connections as it may have. Then the client is reset.
    [[nodiscard]] bool is_welcome(async_listener::accepted& one) {
        if (!crowd_ || !one.peer.is_ip()) return true;
        const std::uint64_t place = peer_name{one.peer, -1}.place();
        if (client::count_from(crowd_->at(place), place) < options_.max_per_client) return true;
        one.stream.node().ends_by_reset = true;
        if (options_.on_error)
            options_.on_error(one.peer, std::system_error{std::make_error_code(std::errc::connection_refused),
                                                          "more connections than max_per_client"});
        return false;
    }
    task<> accept_all(async_listener listener) {
        if (options_.max_per_client != SIZE_MAX) crowd_.reset(new crowd<client>);
        if (options_.descriptors_per_connection > 1) listener.accept_one_by_one();
        for (;;) {
            while (count_ >= options_.max_connections) {
                has_room_.reset();
                co_await has_room_.wait();
            }
            auto accepted = co_await listener.accept();
            bool is_short = false;
            try {
                if (!is_welcome(accepted)) continue;
                const int descriptor = accepted.stream.native_handle();
                accepted.stream.set_timeout(options_.idle_timeout);
                auto* const made = new client{*this, descriptor, accepted.peer, std::move(accepted.stream)};
                made->begin(*this);
                look_.begin();
            } catch (const std::bad_alloc& failure) {  // this client is lost
                is_short = true;
                if (options_.on_error) options_.on_error(accepted.peer, failure);
            }
            if (is_short) co_await sleep_for(accept_pause);
        }
    }
    /// Calls the handler. If it throws before it returns a task, that exception is treated like one from the task. A
    /// handler that takes only the stream needs no frame around its task. Otherwise that frame owns the peer's address,
    /// to which the handler's task may refer.
    task<> call(async_stream&& stream, const socket_address& peer) {
        try {
            if constexpr (std::is_invocable_v<Handler&, async_stream, const socket_address&>)
                return call_with(std::move(stream), peer);
            else if constexpr (std::is_invocable_v<Handler&, async_stream, const endpoint&>)
                return call_with(std::move(stream), peer.ip());  // throws if the peer has no IP address
            else
                return handler_(std::move(stream));
        } catch (const std::bad_alloc&) {
            throw;
        } catch (...) {
            return fail(std::current_exception());
        }
    }
    template <class Peer>
    task<> call_with(async_stream stream, Peer peer) {
        co_await handler_(std::move(stream), std::as_const(peer));
    }
    static task<> fail(std::exception_ptr failure) {
        std::rethrow_exception(std::move(failure));
        co_return;
    }
    void part_ended(part_base& which) noexcept override {
        if (&which == &accepting_) {  // the listener is closed
            for (client* each = clients_; each; each = each->older) each->hear_no_more();
            scheduler& loop = chain().loop();
            if (clients_) loop.arm(*this, later(loop.now(), options_.stop_grace));
            return;
        }
        auto* const one = static_cast<client*>(&which);
        if (one->has_timed_out)
            report(*one, std::make_exception_ptr(std::system_error{std::make_error_code(std::errc::timed_out)}));
        else if (const std::exception_ptr thrown = one->exception(); thrown && !is_cancellation(thrown))
            report(*one, thrown);
        delete one;
        has_room_.set();
    }
    void report(const client& one, const std::exception_ptr& thrown) noexcept {
        if (!options_.on_error) return;
        try {
            std::rethrow_exception(thrown);
        } catch (const std::exception& failure) {
            options_.on_error(one.peer(), failure);
        } catch (...) {
            options_.on_error(one.peer(), std::runtime_error{"the handler threw an object that is not a std::exception"});
        }
    }
    void cancel_parts() noexcept override { accepting_.cancel(); }
    void expired() noexcept override {  // stop_grace has passed
        for (client* each = clients_; each; each = each->older) each->fiber::cancel();
    }

    Handler handler_;
    serve_options options_;
    client* clients_ = nullptr;
    std::size_t count_ = 0;
    owner<crowd<client>> crowd_;  // exists only if the connections of an address are limited
    looking look_{*this};
    async_event has_room_;
    part<void> accepting_;
};

}  // namespace detail

/// Accepts connections and runs handler(stream) or handler(stream, peer) for each, until it is cancelled, for example
/// by the stop of event_loop::run(). Then it closes the listener, waits for the handlers, and throws
/// netnotes::cancelled. It cancels handlers that have not ended after stop_grace.
///
/// Throws std::system_error if the listener fails, and std::invalid_argument if an option that must be above zero is
/// not. All connections share one handler object. If it is a lambda, its captures live as long as the server.
///
/// All handlers run in the thread of this loop, so they need no locks, and they use one processor. To use every
/// processor, call serve_on_every_core() (coro/every_core.hpp).
template <connection_handler Handler>
task<> serve(async_listener listener, Handler handler, serve_options options = {}) {
    detail::serving<Handler> all{std::move(listener), std::move(handler), options};
    co_await all;
}
/// Serves connections of a tcp_listener that you have made. It uses the loop that runs this task.
template <connection_handler Handler>
task<> serve(tcp_listener listener, Handler handler, serve_options options = {}) {
    detail::serving<Handler> all{async_listener{std::move(listener)}, std::move(handler), options};
    co_await all;
}
/// Listens at `where` and serves the connections. Small answers are sent at once (option::no_delay). Also throws the
/// errors of tcp_listener's constructor, for example errc::address_in_use.
template <connection_handler Handler>
task<> serve(endpoint where, Handler handler, serve_options options = {}) {
    tcp_listener listener{where};
    listener.set_option(option::no_delay{});
    detail::serving<Handler> all{async_listener{std::move(listener)}, std::move(handler), options};
    co_await all;
}

/// Listens on the Unix socket `where` and serves the connections. Replaces a stale file there: see
/// bind_replacing_stale() in socket/stale.hpp, whose errors it also throws. The file stays when the server ends.
template <connection_handler Handler>
task<> serve(unix_endpoint where, Handler handler, serve_options options = {}) {
    socket listener{address_family::local, socket_type::stream};
    bind_replacing_stale(listener, where);
    listener.listen();
    detail::serving<Handler> all{async_listener{std::move(listener)}, std::move(handler), options};
    co_await all;
}

/// A mistake: the message says what to write.
template <class Handler>
requires(!connection_handler<Handler>) task<> serve(endpoint, Handler, serve_options = {}) {
    static_assert(connection_handler<Handler>,
                  "the handler must take an async_stream by value and return a task: write "
                  "[](async_stream client) -> task<> { ...; co_return; }");
    return {};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_SERVE_HPP


namespace netnotes {

/// The options of run_on_every_core().
struct every_core_options {
    unsigned threads = 0;  ///< the number of threads; 0 means core_count()
    /// Binds each thread to one processor. Its caches stay warm, but the kernel can no longer move the thread to a
    /// processor that is less busy.
    bool pinned = false;
    loop_options loop = {};  ///< the options of every loop
};

/// Returns the number of processors on which this thread may run (sched_getaffinity(2)), at least 1. It can be smaller
/// than the number of the machine's processors.
[[nodiscard]] inline unsigned core_count() noexcept {
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return static_cast<unsigned>(detail::max(1l, ::sysconf(_SC_NPROCESSORS_ONLN)));
    return static_cast<unsigned>(detail::max(1, CPU_COUNT(&allowed)));
}

/// Runs a loop in each of `options.threads` threads; the first is the caller's thread. Each thread calls `make(loop,
/// index)`, which returns the task<> to run. Several threads call `make` at the same time.
///
/// Blocks until all loops have ended. A stop request cancels the tasks of all loops. Returns false if a task of `make`
/// ended by that cancellation. If a thread fails, the function requests `stop` itself, waits for the other threads, and
/// throws the first exception. Throws std::system_error if the system refuses a thread or a descriptor.
template <class Make>
bool run_on_every_core(Make make, stop_event& stop, const every_core_options& options = {});

/// Returns `threads` listeners (0 means core_count()) that share the address `where`: listen_options::reuse_port. If its
/// port is 0, the system chooses one port for all of them. Small answers are sent at once (option::no_delay).
///
/// Throws the errors of tcp_listener's constructor. But another program of the same user that has set SO_REUSEPORT, too,
/// is no error: the kernel then gives it a share of the clients (socket(7)).
[[nodiscard]] inline std::vector<tcp_listener> listen_on_every_core(endpoint where, unsigned threads = 0);

/// Runs serve() with each of the listeners in a thread and a loop of its own. Each thread has its own copy of `handler`.
/// `limits` hold for each loop: max_connections and max_per_client are limits of one thread, and several threads call
/// on_error at the same time. The listeners decide the number of threads, and options.threads is not used.
///
/// Blocks until a stop is requested and the handlers have ended or stop_grace has passed; then it returns. Throws the
/// errors of serve() and of run_on_every_core().
template <connection_handler Handler>
requires(std::copy_constructible<Handler>)
void serve_on_every_core(std::vector<tcp_listener> listeners, Handler handler, stop_event& stop,
                         const serve_options& limits = {}, const every_core_options& options = {});
/// Listens at `where` with listen_on_every_core(where, options.threads) and serves as above. Also throws its errors.
template <connection_handler Handler>
requires(std::copy_constructible<Handler>)
void serve_on_every_core(endpoint where, Handler handler, stop_event& stop, const serve_options& limits = {},
                         const every_core_options& options = {});

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
/// Binds this thread to the index-th of the processors that it may use. Ignores errors, because the program also runs
/// without the binding.
inline void stay_on_core(unsigned index) noexcept {
    cpu_set_t allowed, one;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    index %= static_cast<unsigned>(detail::max(1, CPU_COUNT(&allowed)));
    for (int core = 0; core < CPU_SETSIZE; ++core) {
        if (!CPU_ISSET(core, &allowed) || index-- > 0) continue;
        CPU_ZERO(&one);
        CPU_SET(core, &one);
        ::sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

/// Restores the set of processors on which this thread may run. It is needed because the first thread is the caller's.
class affinity_of_caller {
  public:
    affinity_of_caller() noexcept : is_known_{::sched_getaffinity(0, sizeof before_, &before_) == 0} {}
    affinity_of_caller(const affinity_of_caller&) = delete;
    affinity_of_caller& operator=(const affinity_of_caller&) = delete;
    ~affinity_of_caller() {
        if (is_known_) ::sched_setaffinity(0, sizeof before_, &before_);
    }

  private:
    cpu_set_t before_;
    bool is_known_;
};

/// Threads that call `run(index)`. The destructor waits for their ends.
template <class Run>
class joined_threads {
  public:
    explicit joined_threads(Run& run) noexcept : run_{run} {}
    joined_threads(const joined_threads&) = delete;
    joined_threads& operator=(const joined_threads&) = delete;
    ~joined_threads() {
        for (const one& each : all_) ::pthread_join(each.thread, nullptr);
    }
    /// Makes room for `most` threads.
    void reserve(std::size_t most) { all_.reserve(most); }
    /// Starts a thread, for which there is room. Throws std::system_error if the system refuses it.
    void start(unsigned index) {
        one& added = all_.emplace_back(one{{}, run_, index});  // stays in place, because the room is reserved
        const auto begin = [](void* object) -> void* {
            one& self = *static_cast<one*>(object);
            self.run(self.index);
            return nullptr;
        };
        const int failure = ::pthread_create(&added.thread, nullptr, begin, &added);
        if (failure == 0) return;
        all_.pop_back();
        detail::throw_error({failure, std::system_category()}, "pthread_create");
    }

  private:
    struct one {
        pthread_t thread;
        Run& run;
        unsigned index;
    };
    Run& run_;
    std::vector<one> all_;
};
}  // namespace detail

template <class Make>
bool run_on_every_core(Make make, stop_event& stop, const every_core_options& options) {
    std::atomic<bool> has_ended_well{true};
    std::atomic_flag has_failed;
    std::exception_ptr failure;
    const auto fails = [&](std::exception_ptr exception) noexcept {
        if (!has_failed.test_and_set()) failure = std::move(exception);
        stop.request_stop();
    };
    const auto run = [&](unsigned index) noexcept {
        try {
            if (options.pinned) detail::stay_on_core(index);
            event_loop loop{options.loop};
            if (!loop.run(make(loop, index), stop)) has_ended_well = false;
        } catch (...) {
            fails(std::current_exception());
        }
    };
    const unsigned count = options.threads > 0 ? options.threads : core_count();
    {
        const detail::affinity_of_caller at_the_end;
        detail::joined_threads others{run};
        bool have_begun = false;
        try {
            others.reserve(count - 1);
            for (unsigned index = 1; index < count; ++index) others.start(index);
            have_begun = true;
        } catch (...) {
            fails(std::current_exception());
        }
        if (have_begun) run(0);  // even if another thread has failed already, so that each thread calls make()
    }
    if (failure) std::rethrow_exception(failure);
    return has_ended_well;
}

inline std::vector<tcp_listener> listen_on_every_core(endpoint where, unsigned threads) {
    std::vector<tcp_listener> listeners;
    for (unsigned left = threads > 0 ? threads : core_count(); left > 0; --left) {
        listeners.emplace_back(where, listen_options{.reuse_port = true}).set_option(option::no_delay{});
        where = listeners.front().local_endpoint();
    }
    return listeners;
}

template <connection_handler Handler>
requires(std::copy_constructible<Handler>)
void serve_on_every_core(std::vector<tcp_listener> listeners, Handler handler, stop_event& stop,
                         const serve_options& limits, const every_core_options& options) {
    if (listeners.empty()) throw std::invalid_argument{"serve_on_every_core: no listener"};
    every_core_options each = options;
    each.threads = static_cast<unsigned>(listeners.size());
    const auto one = [&](event_loop&, unsigned index) { return serve(std::move(listeners[index]), handler, limits); };
    run_on_every_core(one, stop, each);
}
template <connection_handler Handler>
requires(std::copy_constructible<Handler>)
void serve_on_every_core(endpoint where, Handler handler, stop_event& stop, const serve_options& limits,
                         const every_core_options& options) {
    serve_on_every_core(listen_on_every_core(where, options.threads), std::move(handler), stop, limits, options);
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_EVERY_CORE_HPP


// netnotes/coro/generator.hpp: functions that pause
// SPDX-License-Identifier: MIT
//
// A normal function runs from its beginning to its end, and then its variables are gone. A *coroutine* can stop in the
// middle and continue later. Its variables do not live on the stack but in a *frame* on the heap. The frame also stores
// the place where the coroutine stopped. To resume a coroutine is a call, and to pause it is a return.
//
// There is no second stack and no copy of the processor's registers. The notes say that a coroutine "carries its own
// CPU context". That is true of coroutines with their own stack, such as Python's greenlets. It is not true of Python's
// generators, nor of C++'s coroutines.
//
//        generator: asymmetric. co_yield                 greenlet: symmetric. Each coroutine names
//        always returns to the caller of next()          the next one, and no caller is in charge
//
//          loop ── next() ──> coroutine                    run() ──> a ── switch_to(b) ──> b
//            ^                    │                                   ^                    │
//            └── co_yield value ──┘                                   └── switch_to(a) ────┘
//
// A coroutine runs until it pauses: that is called *co-operative*. Between two pauses no other coroutine of the thread
// can change its data. But a coroutine that never pauses keeps all others waiting.
//
// The parameters of a coroutine are copied into its frame. The object behind a reference or a pointer is not copied, so
// it must live as long as the coroutine. The same holds for a lambda's captures, because the lambda holds them and not
// the frame. So write a lambda that is a coroutine without captures, and give it parameters.
//
// On this page:  generator · greenlet · switch_to
// The notes:     协程简单例子 (a generator), greenlet 版协程 (greenlets); examples 22 and 23

#ifndef NETNOTES_CORO_GENERATOR_HPP
#define NETNOTES_CORO_GENERATOR_HPP

#include <coroutine>
#include <cstddef>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <type_traits>
#include <utility>



namespace netnotes {

// ---- The generator -------------------------------------------------------------------------------------

/// A sequence of values. Each value is computed when the caller asks for it:
///
///     generator<int> count_to(int last) { for (int i = 1; i <= last; ++i) co_yield i; }
///
///     for (int i : count_to(3)) ...                                   as a range
///     while (int* i = numbers.next()) ...                             or step by step, like Python's next()
///
/// A generator is an input range, so its values can be read only once. A second loop continues behind the value at
/// which the first loop ended. A temporary is yielded without a copy, so T may be move-only. A `generator<T&>` yields
/// the object itself.
///
/// If the coroutine throws, the exception leaves the call that resumed it, and the generator has ended. To destroy a
/// generator in the middle destroys the coroutine's variables. Only one thread at a time may use a generator.
/// `co_await` inside a generator does not compile.
template <class T>
class [[nodiscard]] generator {
  public:
    class promise_type;
    class iterator;
    using value_type = std::remove_cvref_t<T>;
    using reference = std::conditional_t<std::is_reference_v<T>, T, T&&>;
    using pointer = std::add_pointer_t<reference>;

    /// Takes over the coroutine of `other`, which is then empty: its next() returns nullptr.
    generator(generator&& other) noexcept : coroutine_{std::exchange(other.coroutine_, nullptr)} {}
    generator& operator=(generator&& other) noexcept {
        generator{std::move(other)}.swap(*this);
        return *this;
    }
    ~generator() {
        if (coroutine_) coroutine_.destroy();
    }
    void swap(generator& other) noexcept { std::swap(coroutine_, other.coroutine_); }

    /// Resumes the coroutine until its next co_yield. Returns the address of the yielded value, or nullptr if the
    /// coroutine has ended. The value is valid until the coroutine is resumed again. Throws the exception of the
    /// coroutine, and std::logic_error if the coroutine calls next() on its own generator.
    pointer next();
    /// Calls next() and returns an iterator at that value. Throws the same as next().
    [[nodiscard]] iterator begin() { return iterator{next() ? coroutine_ : nullptr}; }
    /// Returns the end of the range.
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

  private:
    explicit generator(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_{coroutine} {}
    static pointer next_of(std::coroutine_handle<promise_type> coroutine);

    std::coroutine_handle<promise_type> coroutine_;
};

/// Iterates over the values of a generator. It refers to the coroutine and not to the generator object, so it stays
/// valid when the generator is moved or swapped. Do not use it after the generator that owns the coroutine is
/// destroyed.
template <class T>
class generator<T>::iterator {
  public:
    using value_type = generator::value_type;
    using difference_type = std::ptrdiff_t;

    iterator(iterator&& other) noexcept : source_{std::exchange(other.source_, nullptr)} {}
    iterator& operator=(iterator&& other) noexcept {
        source_ = std::exchange(other.source_, nullptr);
        return *this;
    }
    /// Returns the value, which is valid until the coroutine is resumed. The iterator must not be at the end.
    [[nodiscard]] reference operator*() const noexcept {
        return static_cast<reference>(*source_.promise().value_);
    }
    /// Resumes the coroutine until its next value; see generator::next().
    iterator& operator++() {
        const auto source = std::exchange(source_, nullptr);  // if the next line throws, the iterator is at the end
        if (next_of(source)) source_ = source;
        return *this;
    }
    void operator++(int) { ++*this; }
    /// Returns true if the coroutine has ended.
    friend bool operator==(const iterator& at, std::default_sentinel_t) noexcept { return !at.source_; }

  private:
    friend generator;
    explicit iterator(std::coroutine_handle<promise_type> source) noexcept : source_{source} {}

    std::coroutine_handle<promise_type> source_;
};

// ---- The greenlet --------------------------------------------------------------------------------------

/// A coroutine that names the next coroutine when it pauses, like Python's greenlet:
///
///     greenlet a_body(greenlet& b) { ...; co_await switch_to(b); ... }
///
///     greenlet a, b;                        // declared first, because each body needs the other greenlet
///     a = a_body(b);
///     b = b_body(a);
///     a.run();                              // until one of them ends; the other one stays paused
///
/// Only one thread at a time may use a greenlet. To destroy a paused greenlet destroys its variables. A greenlet must
/// not destroy itself.
class [[nodiscard]] greenlet {
  public:
    class promise_type;
    class switching;

    /// Creates an empty greenlet. It can be assigned to, but not run.
    greenlet() noexcept = default;
    /// Takes over the coroutine of `other`, which is then empty.
    greenlet(greenlet&& other) noexcept : coroutine_{std::exchange(other.coroutine_, nullptr)} {}
    greenlet& operator=(greenlet&& other) noexcept {
        greenlet{std::move(other)}.swap(*this);
        return *this;
    }
    ~greenlet() {
        if (coroutine_) coroutine_.destroy();
    }
    void swap(greenlet& other) noexcept { std::swap(coroutine_, other.coroutine_); }

    /// Resumes this greenlet, and then each greenlet that is switched to, until one of them ends. Throws the exception
    /// of that greenlet. A greenlet may call run() too; then one run happens inside another. Throws std::logic_error if
    /// this greenlet is empty, has ended, or is already running.
    void run();
    /// Returns true if the greenlet has run to its end. Returns false for an empty greenlet.
    [[nodiscard]] bool finished() const noexcept { return coroutine_ && coroutine_.done(); }

  private:
    friend switching switch_to(greenlet& next) noexcept;
    [[nodiscard]] promise_type& to_be_continued() const;
    explicit greenlet(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_{coroutine} {}

    std::coroutine_handle<promise_type> coroutine_;
};

/// Pauses this greenlet and resumes `next`, until another greenlet switches back: `co_await switch_to(next)`. The
/// co_await throws std::logic_error if `next` is empty, has ended, or waits in an outer run().
[[nodiscard]] greenlet::switching switch_to(greenlet& next) noexcept;

// ========================================================================================================
// How it is done
// ========================================================================================================

template <class T>
class generator<T>::promise_type {
  public:
    generator get_return_object() noexcept {
        return generator{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    /// Stores the address of the yielded object. A temporary lives until the end of the full expression, and the
    /// coroutine pauses inside this expression. So the object outlives the pause.
    std::suspend_always yield_value(reference value) noexcept {
        value_ = __builtin_addressof(value);  // std::addressof without <memory>
        return {};
    }
    /// Yields a copy of a variable, because the coroutine may still use the variable.
    auto yield_value(const value_type& value) requires(!std::is_reference_v<T> &&
                                                       std::is_copy_constructible_v<value_type>) {
        return copied{value, value_};
    }
    void return_void() const noexcept {}
    void unhandled_exception() const { throw; }  // leaves next(), and the coroutine counts as ended
    void await_transform() = delete;

  private:
    friend generator;
    friend iterator;
    class copied : public std::suspend_always {
      public:
        copied(const value_type& value, pointer& where) : value_{value}, where_{where} {}
        void await_suspend(std::coroutine_handle<>) noexcept { where_ = __builtin_addressof(value_); }

      private:
        value_type value_;
        pointer& where_;
    };

    pointer value_ = nullptr;
    bool is_running_ = false;
};

template <class T>
typename generator<T>::pointer generator<T>::next() {
    return next_of(coroutine_);
}
template <class T>
typename generator<T>::pointer generator<T>::next_of(std::coroutine_handle<promise_type> coroutine) {
    if (!coroutine || coroutine.done()) return nullptr;
    promise_type& promise = coroutine.promise();
    if (promise.is_running_) throw std::logic_error{"a generator cannot ask itself for the next value"};
    const struct running {
        promise_type& promise;
        explicit running(promise_type& of) noexcept : promise{of} { promise.is_running_ = true; }
        ~running() { promise.is_running_ = false; }
    } until_it_pauses{promise};
    coroutine.resume();
    return coroutine.done() ? nullptr : promise.value_;
}

// C++ has its own way to switch from one coroutine to another, "symmetric transfer": await_suspend() returns the handle
// of the next coroutine. This works well only if the compiler turns the call into a jump. The compiler g++ does so from
// -O2 on, but not with a sanitizer. Without the jump each switch leaves a return address on the stack, and it overflows
// after about 100,000 switches. So here a switch is a return to run(), which calls the next greenlet. That costs a
// nanosecond, and the stack never grows, with any compiler.

class greenlet::promise_type {
  public:
    greenlet get_return_object() noexcept { return greenlet{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const { throw; }  // leaves resume(), and so run()
    /// Allows only co_await switch_to(). After any other co_await nothing would resume this greenlet.
    switching await_transform(switching next) const noexcept;

  private:
    friend greenlet;
    friend switching;
    /// The variable in which run() looks for the next greenlet. nullptr while this greenlet is paused.
    promise_type** next_ = nullptr;
};

class [[nodiscard]] greenlet::switching {
  public:
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<promise_type> from) const {
        promise_type& current = from.promise();
        if (next_.coroutine_ == from) return false;  // a switch to itself does nothing
        promise_type& next = next_.to_be_continued();
        next.next_ = current.next_;
        *std::exchange(current.next_, nullptr) = &next;
        return true;
    }
    void await_resume() const noexcept {}

  private:
    friend switching switch_to(greenlet& next) noexcept;
    explicit switching(greenlet& next) noexcept : next_{next} {}

    greenlet& next_;
};

inline greenlet::switching greenlet::promise_type::await_transform(switching next) const noexcept { return next; }

inline greenlet::switching switch_to(greenlet& next) noexcept { return greenlet::switching{next}; }

inline greenlet::promise_type& greenlet::to_be_continued() const {
    if (!coroutine_) throw std::logic_error{"empty greenlet: default-constructed or moved from"};
    if (coroutine_.done()) throw std::logic_error{"this greenlet has ended"};
    if (coroutine_.promise().next_) throw std::logic_error{"this greenlet is running already"};
    return coroutine_.promise();
}

inline void greenlet::run() {
    promise_type* next = &to_be_continued();
    next->next_ = &next;
    while (promise_type* const current = std::exchange(next, nullptr))
        std::coroutine_handle<promise_type>::from_promise(*current).resume();
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_GENERATOR_HPP


// netnotes/coro/io/io_uring.hpp: the back end that lets the kernel receive
// SPDX-License-Identifier: MIT
//
// epoll reports that bytes have arrived. To receive them, the program needs another system call for each connection.
// With io_uring (Linux 5.1; this page needs 6.1) a program writes requests into a ring of memory that it shares with
// the kernel. The kernel carries them out and writes the results into a second ring. One call, io_uring_enter(2), hands
// over any number of requests and waits for completions:
//
//        the loop                                             the kernel
//          │  submission ring   [receive from 7, for ever]      │
//          ├───────────────────────────────────────────────────>│
//          │        io_uring_enter: "take these, wait for one"  │ bytes arrive for 7, for 9, for 12
//          │<───────────────────────────────────────────────────┤ and are copied into buffers of the pool
//          │  completion ring   [7: 64 bytes in buffer 3] [9: 64 in 4] [12: 0, the end]
//
// A *multishot* request stays active: a connection needs one receive request for its whole life, and a listener one
// accept request. The buffers are *provided*: the kernel takes a buffer from a pool when bytes arrive, so a waiting
// connection holds no buffer. The task's recv() lends this very buffer, without a copy.
//
// Four rules follow from this:
//   - A multishot request keeps running even if the program does not read. The back end cancels the request if a
//     connection is not read, because its peer would fill the pool, or if the program stops accepting on a listener.
//   - If the pool is empty, the request ends. Then the connection is waited for and received from as with epoll.
//   - While a request runs, the kernel uses the descriptor, and close(2) alone would not close the connection. So the
//     request is cancelled first, and its node lives until its last completion.
//   - Sends do not use the ring. The program sends directly, as with epoll, because most sends succeed at once.
//
// Containers and hardened systems often forbid io_uring (seccomp, kernel.io_uring_disabled). A loop then uses epoll.
//
// On this page:  io_backend::io_uring
// Below it:      coro/io/ring.hpp: io_uring (the two rings), receive_pool (the buffers)
// The notes:     epoll版-TCP服务器 (the epoll server), one step further; examples 26 and 27

#ifndef NETNOTES_CORO_IO_IO_URING_HPP
#define NETNOTES_CORO_IO_IO_URING_HPP

#include <cerrno>
#include <system_error>



// netnotes/coro/io/ring.hpp: two rings of memory, shared with the kernel
// SPDX-License-Identifier: MIT
//
// io_uring(7) consists of two rings in memory that the program and the kernel share. The program writes requests into
// one ring, and the kernel writes their results into the other. One system call hands over many requests:
//
//        program ── requests ──> [ submission ring ] ──> kernel
//        program <── results ─── [ completion ring ] <── kernel
//
// The kernel receives into buffers of a pool, so an idle connection needs no buffer. These classes know nothing of
// tasks or of the loop; io_uring.hpp uses them.
//
// On this page:  io_uring (the two rings) · receive_pool (the buffers)
// Above it:      coro/io/io_uring.hpp

#ifndef NETNOTES_CORO_IO_RING_HPP
#define NETNOTES_CORO_IO_RING_HPP

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <system_error>






#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#endif

#if defined(IORING_RECV_MULTISHOT) && \
    defined(IORING_SETUP_DEFER_TASKRUN)  // the system's header is of Linux 6.1 or newer
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace netnotes::detail {

/// Owns memory that the system has mapped with mmap(2).
class mapping {
  public:
    mapping() noexcept = default;
    /// Maps `size` bytes of the descriptor from `offset` on, shared with the kernel. Without a descriptor the memory is
    /// private and zeroed. Throws std::system_error.
    explicit mapping(std::size_t size, int descriptor = -1, std::uint64_t offset = 0)
        : data_{::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE, descriptor,
                       static_cast<off_t>(offset))},
          size_{size} {
        if (data_ == MAP_FAILED) detail::throw_error(detail::last_error(), "mmap");
    }
    mapping(const mapping&) = delete;
    mapping& operator=(const mapping&) = delete;
    mapping& operator=(mapping&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~mapping() {
        if (size_ > 0) ::munmap(data_, size_);
    }
    [[nodiscard]] std::byte* data() const noexcept { return static_cast<std::byte*>(data_); }
    /// Returns a pointer to the T that lies `offset` bytes from the beginning.
    template <class T>
    [[nodiscard]] T* at(std::size_t offset) const noexcept {
        return reinterpret_cast<T*>(data() + offset);
    }

  private:
    void* data_ = nullptr;
    std::size_t size_ = 0;
};

/// The two rings, and the three system calls behind them. Each ring has a head and a tail, two numbers that only grow.
/// The writer moves the tail, and the reader moves the head. The entries between them are in the ring.
class io_uring {
  public:
    /// Makes rings for this number of requests and completions, each a power of two. They are disabled until enable().
    /// Throws std::system_error.
    io_uring(std::uint32_t requests, std::uint32_t completions);
    io_uring(const io_uring&) = delete;
    io_uring& operator=(const io_uring&) = delete;
    ~io_uring() { ::close(descriptor_); }

    /// Enables the rings. From now on only the calling thread may call enter(). Throws std::system_error.
    void enable() {
        if (call_register(IORING_REGISTER_ENABLE_RINGS, nullptr, 0) != 0)
            detail::throw_error(detail::last_error(), "io_uring_register");
    }
    /// Calls io_uring_register(2). Returns its result; -1 means a failure, and errno says why.
    int call_register(unsigned operation, void* argument, unsigned count) const noexcept {
        return static_cast<int>(::syscall(__NR_io_uring_register, descriptor_, operation, argument, count));
    }

    /// Returns a request to fill in, all bytes zero. Returns nullptr if the ring is full.
    [[nodiscard]] io_uring_sqe* next_request() noexcept;
    /// Turns requests with this name that were not handed over yet into requests that do nothing and have name 0.
    /// Returns true if there were any.
    bool withdraw(std::uint64_t name) noexcept;
    /// Hands over the filled requests, and waits for a completion for at most `timeout`. Returns 0 or a value of errno.
    /// ETIME (no completion in time) and EINTR are harmless.
    int enter(duration timeout) noexcept;

    /// Returns true if a completion with this name waits to be handled.
    [[nodiscard]] bool has_completion(std::uint64_t name) const noexcept {
        const std::uint32_t end = __atomic_load_n(completion_tail_, __ATOMIC_ACQUIRE);
        for (std::uint32_t at = *completion_head_; at != end; ++at)
            if (completions_[at & completion_mask_].user_data == name) return true;
        return false;
    }
    /// Calls `handle(completion)` for each completion that was in the ring at the call. Returns true if there were any.
    template <class Handle>
    bool for_each_completion(Handle handle) {
        const std::uint32_t end = __atomic_load_n(completion_tail_, __ATOMIC_ACQUIRE);
        std::uint32_t head = *completion_head_;
        const bool any = head != end;
        while (head != end) {
            const io_uring_cqe completion = completions_[head & completion_mask_];
            __atomic_store_n(completion_head_, ++head, __ATOMIC_RELEASE);
            handle(completion);
        }
        return any;
    }

  private:
    int descriptor_;
    mapping rings_, requests_memory_;
    io_uring_sqe* requests_ = nullptr;
    const io_uring_cqe* completions_ = nullptr;
    std::uint32_t request_mask_ = 0, completion_mask_ = 0;
    std::uint32_t tail_ = 0;  // of the requests; enter() shows it to the kernel
    std::uint32_t *request_head_ = nullptr, *request_tail_ = nullptr;
    std::uint32_t *completion_head_ = nullptr, *completion_tail_ = nullptr;
};

/// The buffers into which the kernel receives. It uses them in the order in which they were given back.
class receive_pool {
  public:
    static constexpr std::uint16_t count = 1024;      // number of buffers
    static constexpr std::uint32_t size = 16 * 1024;  // bytes in each; a page that was never written needs no memory
    static constexpr std::uint16_t group = 0;
    static constexpr std::uint16_t none = 0xffff;  // the id of no buffer

    /// Registers the pool with the ring. Throws std::system_error.
    explicit receive_pool(io_uring& ring);
    /// Returns the memory of all buffers.
    [[nodiscard]] std::span<std::byte> all() const noexcept { return {memory_.data(), std::size_t{count} * size}; }
    /// Returns the memory of one buffer.
    [[nodiscard]] std::byte* data(std::uint16_t id) const noexcept { return memory_.data() + std::size_t{id} * size; }
    /// Gives a buffer back to the kernel.
    void give_back(std::uint16_t id) noexcept;

    /// Describes a buffer that the kernel has filled.
    struct filled {
        std::uint32_t length;
        std::uint16_t next;  // the next filled buffer of the same connection
    };
    std::array<filled, count> received{};

  private:
    mapping memory_, ring_memory_;
    io_uring_buf* buffers_;
    std::uint16_t tail_ = 0;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline io_uring::io_uring(std::uint32_t requests, std::uint32_t completions) {
    io_uring_params parameters{};
    // DEFER_TASKRUN: the kernel works on completions only inside enter(), so it does not interrupt the program.
    // R_DISABLED: the thread that makes a loop need not be the thread that runs it.
    parameters.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
                       IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED;
    parameters.cq_entries = completions;
    descriptor_ = static_cast<int>(::syscall(__NR_io_uring_setup, requests, &parameters));
    if (descriptor_ < 0) detail::throw_error(detail::last_error(), "io_uring_setup");
    try {
        const io_sqring_offsets& in = parameters.sq_off;
        const io_cqring_offsets& out = parameters.cq_off;
        const std::size_t size = detail::max<std::size_t>(in.array + parameters.sq_entries * sizeof(std::uint32_t),
                                                       out.cqes + parameters.cq_entries * sizeof(io_uring_cqe));
        rings_ = mapping{size, descriptor_, IORING_OFF_SQ_RING};
        requests_memory_ = mapping{parameters.sq_entries * sizeof(io_uring_sqe), descriptor_, IORING_OFF_SQES};
        requests_ = requests_memory_.at<io_uring_sqe>(0);
        completions_ = rings_.at<io_uring_cqe>(out.cqes);
        request_head_ = rings_.at<std::uint32_t>(in.head);
        request_tail_ = rings_.at<std::uint32_t>(in.tail);
        completion_head_ = rings_.at<std::uint32_t>(out.head);
        completion_tail_ = rings_.at<std::uint32_t>(out.tail);
        request_mask_ = parameters.sq_entries - 1;
        completion_mask_ = parameters.cq_entries - 1;
        // The ring holds indices of requests, so requests could be handed over in another order. We need only this
        // order.
        std::uint32_t* const order = rings_.at<std::uint32_t>(in.array);
        for (std::uint32_t i = 0; i < parameters.sq_entries; ++i) order[i] = i;
    } catch (...) {
        ::close(descriptor_);
        throw;
    }
}

inline io_uring_sqe* io_uring::next_request() noexcept {
    if (tail_ - __atomic_load_n(request_head_, __ATOMIC_ACQUIRE) > request_mask_) return nullptr;
    io_uring_sqe& request = requests_[tail_++ & request_mask_];
    std::memset(&request, 0, sizeof request);
    return &request;
}

inline bool io_uring::withdraw(std::uint64_t name) noexcept {
    bool found = false;
    for (std::uint32_t i = __atomic_load_n(request_head_, __ATOMIC_ACQUIRE); i != tail_; ++i) {
        io_uring_sqe& request = requests_[i & request_mask_];
        if (request.user_data != name) continue;
        std::memset(&request, 0, sizeof request);  // IORING_OP_NOP
        found = true;
    }
    return found;
}

inline int io_uring::enter(duration timeout) noexcept {
    __atomic_store_n(request_tail_, tail_, __ATOMIC_RELEASE);
    const std::uint32_t count = tail_ - __atomic_load_n(request_head_, __ATOMIC_ACQUIRE);
    const unsigned at_least = timeout > duration::zero() ? 1 : 0;
    __kernel_timespec time{};
    io_uring_getevents_arg limit{};
    if (at_least > 0 && timeout != never) {
        time.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(timeout).count();
        time.tv_nsec = (timeout % std::chrono::seconds{1}).count();
        limit.ts = reinterpret_cast<std::uintptr_t>(&time);
    }
    const auto done = ::syscall(__NR_io_uring_enter, descriptor_, count, at_least,
                                IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &limit, sizeof limit);
    return done < 0 ? errno : 0;
}

inline receive_pool::receive_pool(io_uring& ring)
    : memory_{std::size_t{count} * size},
      ring_memory_{count * sizeof(io_uring_buf)},
      buffers_{ring_memory_.at<io_uring_buf>(0)} {
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffers_);
    registration.ring_entries = count;
    registration.bgid = group;
    if (ring.call_register(IORING_REGISTER_PBUF_RING, &registration, 1) != 0)
        detail::throw_error(detail::last_error(), "io_uring_register");
    for (std::uint16_t id = 0; id < count; ++id) give_back(id);
}
inline void receive_pool::give_back(std::uint16_t id) noexcept {
    io_uring_buf& place = buffers_[tail_++ & (count - 1)];
    place.addr = reinterpret_cast<std::uintptr_t>(data(id));
    place.len = size;
    place.bid = id;
    // The kernel's tail lies in an unused field of the first entry.
    __atomic_store_n(&buffers_[0].resv, tail_, __ATOMIC_RELEASE);
}

}  // namespace netnotes::detail

#endif

#endif  // NETNOTES_CORO_IO_RING_HPP


namespace netnotes::io_backend {
/// Makes a back end that waits with io_uring, for loop_options::backend. It is a completion interface: a wait returns
/// bytes that the kernel has already received.
///
///     event_loop loop{{.backend = io_backend::io_uring}};
///
/// It needs Linux 6.1 and a system that allows io_uring. Otherwise it returns an empty owner and sets `refusal`, and
/// the loop uses epoll. Only the thread that first runs such a loop may run it again; in another thread run() throws
/// std::logic_error.
[[nodiscard]] inline detail::owner<detail::io_back_end> io_uring(detail::scheduler& loop, std::error_code& refusal);
}  // namespace netnotes::io_backend

#if defined(IORING_RECV_MULTISHOT) && \
    defined(IORING_SETUP_DEFER_TASKRUN)  // the system's header is of Linux 6.1 or newer
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace netnotes::detail {

/// Waits with io_uring. Only the thread that waits first may use it.
class io_uring_back_end final : public io_back_end {
  public:
    explicit io_uring_back_end(scheduler& loop) : loop_{loop} { lends_ = pool_.all(); }
    static constexpr std::uint32_t max_requests = 256, max_completions = 4096;

    // `inline` stands here and not only below. Otherwise every program contains all these functions and their table.
    inline ~io_uring_back_end() override;
    inline void prepare() override;
    inline void add(io_node& node) override;
    inline bool remove(io_node& node) noexcept override;
    inline void needs(io_node& node, bool to_write) noexcept override;
    inline void watch(int descriptor, bool is_stop) override;
    inline void unwatch(int descriptor) noexcept override;
    inline bool wait(duration timeout) override;

  private:
    class intake;
    static intake& intake_of(io_node& node) noexcept;
    // The names of requests. The address of a node is a multiple of 16, so its low bits can hold the direction.
    static constexpr std::uint64_t nobody = 0, wake = 8, stop = 16, reading = 1, writing = 2, directions = 3;
    static std::uint64_t name(const io_node& node, std::uint64_t direction) noexcept {
        return reinterpret_cast<std::uintptr_t>(&node) | direction;
    }
    [[nodiscard]] std::uint64_t stop_name() const noexcept { return stop | runs_ << 8; }

    io_uring_sqe* next_request() noexcept;
    bool request_poll(int descriptor, std::uint32_t events, std::uint64_t name, std::uint32_t flags = 0) noexcept;
    bool request_cancel(std::uint64_t name) noexcept;
    void handle(const io_uring_cqe& completion) noexcept;
    void let_go(intake& in) noexcept;
    void has_read(io_node& node, const io_uring_cqe& completion) noexcept;
    void lend(std::uint16_t id) noexcept {
        if (lent_ != receive_pool::none) pool_.give_back(lent_);
        lent_ = id;
    }

    scheduler& loop_;
    io_uring ring_{max_requests, max_completions};
    receive_pool pool_{ring_};
    std::uint16_t lent_ = receive_pool::none;
    bool is_enabled_ = false;
    int wake_descriptor_ = -1;
    std::uint64_t runs_ = 0;
    intake* in_hand_ = nullptr;  // list: the intakes of retired nodes that the kernel still uses
};

// ========================================================================================================
// How it is done
// ========================================================================================================

/// The active requests of a node, and the bytes or connections that they have delivered.
class io_uring_back_end::intake final : public io_intake {
  public:
    intake(io_uring_back_end& owner, io_node& node) : owner_{owner}, node_{node} {
        if (node.what() == io_node::kind::listener) connections_.reserve(max_connections);
    }
    ~intake() {
        while (first_ != receive_pool::none) owner_.pool_.give_back(take_first());
        while (!connections_.empty()) {
            ::close(connections_.back());
            connections_.pop_back();
        }
    }
    static void* operator new(std::size_t size) { return frames.take(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { frames.give_back(memory, size); }

    bool receive(mutable_buffer room, std::size_t& size, int& error) noexcept override {
        size = 0;
        while (first_ != receive_pool::none && size < room.size()) {
            receive_pool::filled& first = owner_.pool_.received[first_];
            const std::size_t taken = detail::min<std::size_t>(first.length - offset_, room.size() - size);
            std::memcpy(room.data() + size, owner_.pool_.data(first_) + offset_, taken);
            size += taken;
            offset_ += static_cast<std::uint32_t>(taken);
            if (offset_ == first.length) owner_.pool_.give_back(take_first());
        }
        if (size > 0) return is_taken();
        return outcome_ != nothing ? take_outcome(error) : receive_directly(room, size, error);
    }
    bool lend(std::span<std::byte>& bytes, int& error) noexcept override {
        bytes = {};
        if (first_ != receive_pool::none) {
            const std::size_t length = owner_.pool_.received[first_].length;
            bytes = {owner_.pool_.data(first_) + offset_, length - offset_};
            owner_.lend(take_first());
            return is_taken();
        }
        if (outcome_ != nothing) return take_outcome(error);
        std::size_t size = 0;
        const std::span<std::byte> room = node_.loop().lent_buffer();
        if (!receive_directly(room, size, error)) return false;
        bytes = room.first(size);
        return true;
    }
    bool accept(int& descriptor, int& error) noexcept override {
        if (!connections_.empty()) {
            descriptor = connections_.front();  // the list is short: a hundred at most, after a rush of clients
            connections_.erase(connections_.begin());
            return is_taken();
        }
        if (outcome_ != nothing) return take_outcome(error);
        if (!is_polled) return node_.readable = false;
        do descriptor = ::accept4(node_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        while (descriptor < 0 && errno == EINTR);
        if (descriptor >= 0) return true;
        if (would_block(errno)) return node_.readable = is_polled = false;
        error = errno;
        return true;
    }

    /// Adds a buffer that the kernel has filled.
    void append(std::uint16_t id, std::uint32_t length) noexcept {
        owner_.pool_.received[id] = {length, receive_pool::none};
        (first_ == receive_pool::none ? first_ : owner_.pool_.received[last_].next) = id;
        last_ = id;
        ++count_;
    }
    /// Adds a connection that the kernel has accepted. Needs no memory: see max_connections.
    void append_connection(int descriptor) noexcept { connections_.push_back(descriptor); }
    /// Notes what follows the delivered bytes: 0 is the end of the stream, otherwise a value of errno.
    void ends(int error) noexcept { outcome_ = error; }
    [[nodiscard]] bool has_arrived() const noexcept override {
        // A task runs in the middle of a batch of completions, or behind a call that has let the kernel make more.
        return has_any() || owner_.ring_.has_completion(name(node_, reading));
    }
    /// Returns true if a task can take something without waiting.
    [[nodiscard]] bool has_any() const noexcept {
        return first_ != receive_pool::none || !connections_.empty() || outcome_ != nothing;
    }
    /// Returns true if more has been delivered than a node should hold, so its request must be cancelled.
    [[nodiscard]] bool is_full() const noexcept { return count_ > most || connections_.size() > most; }

    [[nodiscard]] io_node& node() const noexcept { return node_; }
    void link(intake*& list) noexcept {
        next_ = list;
        place_ = &list;
        if (next_) next_->place_ = &next_;
        list = this;
    }
    void unlink() noexcept {
        *place_ = next_;
        if (next_) next_->place_ = place_;
    }

    bool is_reading = false, is_writing = false;  // a request is active
    bool is_cancelling = false;                   // the reading request is being cancelled
    bool is_polled = false;                       // the node is waited for and received from as with epoll

  private:
    static constexpr std::uint16_t most = 8;
    // The greatest number of connections that wait here. A request begins when none waits, and at more than `most` it is
    // cancelled. Until then the kernel fills the completion ring once, and once more before it takes the cancellation.
    static constexpr std::size_t max_connections = most + 2 * std::size_t{max_completions};
    static constexpr int nothing = -1;

    std::uint16_t take_first() noexcept {
        --count_;
        offset_ = 0;
        return std::exchange(first_, owner_.pool_.received[first_].next);
    }
    bool is_taken() noexcept {
        node_.readable = has_any();
        return true;
    }
    bool take_outcome(int& error) noexcept {
        error = std::exchange(outcome_, nothing);
        return is_taken();
    }
    bool receive_directly(mutable_buffer room, std::size_t& size, int& error) noexcept {
        if (!is_polled) return node_.readable = false;
        ssize_t got = 0;
        do got = ::recv(node_.descriptor(), room.data(), room.size(), 0);
        while (got < 0 && errno == EINTR);
        if (got < 0 && would_block(errno)) return node_.readable = is_polled = false;
        if (got < 0)
            error = errno;
        else
            size = static_cast<std::size_t>(got);
        if (size < room.size()) node_.readable = is_polled = false;
        return true;
    }

    io_uring_back_end& owner_;
    io_node& node_;
    std::uint16_t first_ = receive_pool::none, last_ = receive_pool::none, count_ = 0;
    std::uint32_t offset_ = 0;  // bytes of the first buffer that were already taken
    int outcome_ = nothing;     // what follows the buffers: 0 is the end, otherwise a value of errno
    std::vector<int> connections_;
    intake* next_ = nullptr;    // in the list in_hand_
    intake** place_ = nullptr;  // the pointer that points to this intake
};

inline io_uring_back_end::intake& io_uring_back_end::intake_of(io_node& node) noexcept {
    return static_cast<intake&>(*node.intake);
}

inline io_uring_back_end::~io_uring_back_end() {
    // Safe, because the kernel stores only the names of the nodes, and no completion will be handled any more.
    while (in_hand_) let_go(*in_hand_);
}

inline void io_uring_back_end::let_go(intake& in) noexcept {
    io_node& node = in.node();
    in.unlink();
    delete &in;
    node.intake = nullptr;
    node.release(loop_);
}

inline void io_uring_back_end::add(io_node& node) {
    if (node.what() == io_node::kind::any) {
        struct stat status {};
        int error = ::fstat(node.descriptor(), &status) == 0 ? 0 : errno;
        if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) error = EPERM;  // always ready; epoll refuses it, too
        if (error != 0)
            throw_error({error, std::system_category()}, "wait for descriptor ", std::to_string(node.descriptor()));
    }
    node.intake = new intake{*this, node};
}

inline bool io_uring_back_end::remove(io_node& node) noexcept {
    intake& in = intake_of(node);
    // The kernel has not seen the requests that are still in the ring. They must go, because their descriptor number
    // may soon belong to another descriptor.
    if (in.is_reading && ring_.withdraw(name(node, reading))) in.is_reading = false;
    if (in.is_writing && ring_.withdraw(name(node, writing))) in.is_writing = false;
    if (!in.is_reading && !in.is_writing) {
        delete &in;
        node.intake = nullptr;
        return true;
    }
    if (in.is_reading) request_cancel(name(node, reading));
    if (in.is_writing) request_cancel(name(node, writing));
    ring_.enter(duration::zero());
    in.link(in_hand_);
    return false;
}

inline io_uring_sqe* io_uring_back_end::next_request() noexcept {
    io_uring_sqe* request = ring_.next_request();
    if (!request && ring_.enter(duration::zero()) == 0) request = ring_.next_request();
    return request;
}
inline bool io_uring_back_end::request_poll(int descriptor, std::uint32_t events, std::uint64_t name,
                                            std::uint32_t flags) noexcept {
    io_uring_sqe* const request = next_request();
    if (!request) return false;
    request->opcode = IORING_OP_POLL_ADD;
    request->fd = descriptor;
    request->len = flags;
    request->poll32_events = events;
    request->user_data = name;
    return true;
}
inline bool io_uring_back_end::request_cancel(std::uint64_t name) noexcept {
    io_uring_sqe* const request = next_request();
    if (!request) return false;
    request->opcode = IORING_OP_ASYNC_CANCEL;
    request->fd = -1;
    request->addr = name;
    request->user_data = nobody;
    return true;
}

inline void io_uring_back_end::needs(io_node& node, bool to_write) noexcept {
    intake& in = intake_of(node);
    if (to_write) {
        if (in.is_writing || node.writable) return;
        in.is_writing = request_poll(node.descriptor(), POLLOUT, name(node, writing));
        if (!in.is_writing) loop_.look_again(node);
        return;
    }
    if (in.is_reading || node.readable) return;
    if (node.one_by_one) in.is_polled = true;
    if (node.what() == io_node::kind::any || in.is_polled) {
        in.is_reading = request_poll(node.descriptor(), POLLIN | POLLPRI | POLLRDHUP, name(node, reading));
    } else if (io_uring_sqe* const request = next_request()) {
        request->fd = node.descriptor();
        request->user_data = name(node, reading);
        if (node.what() == io_node::kind::stream) {
            request->opcode = IORING_OP_RECV;
            request->ioprio = IORING_RECV_MULTISHOT;
            request->flags = IOSQE_BUFFER_SELECT;
            request->buf_group = receive_pool::group;
        } else {
            request->opcode = IORING_OP_ACCEPT;
            request->ioprio = IORING_ACCEPT_MULTISHOT;
            request->accept_flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
        }
        in.is_reading = true;
    }
    if (!in.is_reading) loop_.look_again(node);
}

inline void io_uring_back_end::watch(int descriptor, bool is_stop) {
    if (is_stop)
        ++runs_;  // completions that carry an earlier run number are ignored
    else
        wake_descriptor_ = descriptor;
    if (!request_poll(descriptor, POLLIN, is_stop ? stop_name() : wake, IORING_POLL_ADD_MULTI))
        detail::throw_error({EBUSY, std::system_category()}, "io_uring");
}
inline void io_uring_back_end::unwatch(int) noexcept {
    if (!ring_.withdraw(stop_name())) request_cancel(stop_name());
    ++runs_;
}

inline void io_uring_back_end::prepare() {
    if (!is_enabled_) ring_.enable();
    is_enabled_ = true;
    if (ring_.enter(duration::zero()) == EEXIST)
        throw std::logic_error{"a loop with io_uring must run in the thread that ran it first"};
}
inline bool io_uring_back_end::wait(duration timeout) {
    lend(receive_pool::none);
    if (!is_enabled_) prepare();
    const int error = ring_.enter(timeout);
    if (error != 0 && error != ETIME && error != EINTR && error != EBUSY && error != EAGAIN)
        detail::throw_error({error, std::system_category()}, "io_uring_enter");
    return ring_.for_each_completion([this](const io_uring_cqe& each) { handle(each); });
}

inline void io_uring_back_end::handle(const io_uring_cqe& completion) noexcept {
    const std::uint64_t name = completion.user_data;
    const bool goes_on = (completion.flags & IORING_CQE_F_MORE) != 0;
    if (name == nobody) return;
    if (name == wake) {
        if (!goes_on) request_poll(wake_descriptor_, POLLIN, wake, IORING_POLL_ADD_MULTI);
        return;
    }
    if ((name & directions) == 0) {
        if (name == stop_name() && completion.res > 0) saw_stop_ = true;
        return;
    }
    auto& node = *reinterpret_cast<io_node*>(name & ~directions);
    intake& in = intake_of(node);
    if ((name & reading) != 0) {
        if (!goes_on) in.is_reading = false;
        has_read(node, completion);
    } else {
        in.is_writing = false;
        node.writable = true;
    }
    if (node.is_retired()) {
        if (!in.is_reading && !in.is_writing) let_go(in);
        return;
    }
    node.awaken();
    // If the request has ended and an operation still waits, a new request is needed.
    if (!node.is_retired() && node.has_reader()) needs(node, node.reader_sends());
}

inline void io_uring_back_end::has_read(io_node& node, const io_uring_cqe& completion) noexcept {
    intake& in = intake_of(node);
    const int result = completion.res;
    const bool was_cancelled = !in.is_reading && std::exchange(in.is_cancelling, false);
    if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
        const auto id = static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
        if (result > 0)
            in.append(id, static_cast<std::uint32_t>(result));
        else
            pool_.give_back(id);
    }
    const bool was_polled = node.what() == io_node::kind::any || in.is_polled;
    if (was_polled) {
        node.readable = true;
        return;
    }
    if (node.what() == io_node::kind::listener && result >= 0)
        in.append_connection(result);
    else if (result == -ENOBUFS || result == -EAGAIN || result == -EINTR || result == -EINVAL ||
             (result == -ECANCELED && !was_cancelled))
        in.is_polled = true;  // no buffer is free, the socket allows no multishot, or the kernel ended the request
    else if (result <= 0 && result != -ECANCELED &&
             !(node.what() == io_node::kind::listener && is_passed_over(-result)))
        in.ends(-result);
    node.readable = in.has_any();
    if (in.is_full() && in.is_reading && !in.is_cancelling) in.is_cancelling = request_cancel(name(node, reading));
}

}  // namespace netnotes::detail

namespace netnotes::io_backend {
inline detail::owner<detail::io_back_end> io_uring(detail::scheduler& loop, std::error_code& refusal) {
    try {
        return detail::owner<detail::io_back_end>{new detail::io_uring_back_end{loop}};
    } catch (const std::system_error& error) {
        refusal = error.code();
        return nullptr;
    }
}
}  // namespace netnotes::io_backend

#else

namespace netnotes::io_backend {
inline detail::owner<detail::io_back_end> io_uring(detail::scheduler&, std::error_code& refusal) {
    refusal = {ENOSYS, std::system_category()};
    return nullptr;
}
}  // namespace netnotes::io_backend

#endif

#endif  // NETNOTES_CORO_IO_IO_URING_HPP






// netnotes/coro/send_file.hpp: files over the connections of tasks
// SPDX-License-Identifier: MIT
//
// async_stream::send_file() takes the same arguments as socket::send_file(). The task waits whenever the kernel takes
// no more bytes, and the other tasks run:
//
//        task<> answer(async_stream client) {
//            co_await client.send_all("here it is:\r\n");
//            co_await client.send_file("kernel.img");
//        }
//
//        task a  ── sendfile(2): 200 KB ──> the socket is full, wait ──> 300 KB ──> wait ──> ...
//        task b                             runs                          runs
//
// A file has no event that says "the bytes have come from the disk". If the kernel must read them from a slow disk
// first, the loop and all its tasks wait for it. For bytes of a pipe or a terminal use async_descriptor.
//
// On this page:  async_stream::send_file
// Below it:      socket/file.hpp, files and the settings; coro/stream.hpp
// The notes:     gevent版-TCP服务器; tftp下载 (a server of files)

#ifndef NETNOTES_CORO_SEND_FILE_HPP
#define NETNOTES_CORO_SEND_FILE_HPP

#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>





namespace netnotes {

namespace detail {

/// Sends one part of a file. Returns its size; 0 is the end of the file. Returns -1 if the file must be read instead.
class [[nodiscard]] sending_file_part final : public io_awaiter<sending_file_part, socket_operation> {
  public:
    sending_file_part(io_node& node, file_part& part) noexcept : io_awaiter{node, direction::write}, part_{part} {}
    [[gnu::always_inline]] ~sending_file_part() = default;
    ssize_t await_resume() {
        if (file_part::is_refused(error_)) {
            error_ = 0;
            return -1;
        }
        throw_if_failed("send_file to");
        return size_;
    }
    bool attempt() noexcept override {
        return transmit([this] { return size_ = part_.step(node_.descriptor(), file_part::largest_step); });
    }

  private:
    file_part& part_;
    ssize_t size_ = 0;
};

/// Makes close() send a reset unless the file was sent to its end.
class cut_guard {
  public:
    explicit cut_guard(const async_socket& connection) noexcept : connection_{connection} {}
    cut_guard(const cut_guard&) = delete;
    cut_guard& operator=(const cut_guard&) = delete;
    ~cut_guard() {
        constexpr ::linger reset{1, 0};
        if (is_armed_ && connection_.is_open())
            ::setsockopt(connection_.native_handle(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    void arm(bool does) noexcept { is_armed_ = does; }

  private:
    const async_socket& connection_;
    bool is_armed_ = true;
};

/// Reads the rest of a file and sends it. A coroutine of its own, because few files need its buffer.
inline task<> send_by_reading(async_stream& to, file_part& part, std::string name, progress_callback progress,
                              cut_guard& guard) {
    std::string room(file_part::block, '\0');
    while (!part.is_done()) {
        std::error_code error;
        const std::size_t size = part.read(reinterpret_cast<std::byte*>(room.data()), room.size(), false, error);
        if (error) {
            guard.arm(part.sent() > 0);
            detail::throw_error(error, "send_file ", name);
        }
        if (size == 0) break;
        co_await to.send_all(std::string_view{room}.substr(0, size));
        part.taken(size);
        progress(part.sent());
    }
}

inline task<> send_part(async_stream& to, file_part& part, std::string name, progress_callback progress) {
    cut_guard guard{to};
    while (!part.is_done()) {
        const ssize_t size = co_await sending_file_part{to.node(), part};
        if (size < 0) co_await send_by_reading(to, part, name, progress, guard);
        if (size <= 0) break;
        progress(part.sent());
    }
    guard.arm(false);
}

}  // namespace detail

inline task<std::uint64_t> async_stream::send_file(input_file file, send_file_options options) {
    std::error_code error;
    detail::file_part part{file, options, error};
    if (error) detail::throw_error(error, file.error() ? "open " : "send_file ", file.name());
    co_await detail::send_part(*this, part, file.name(), options.progress);
    co_return part.sent();
}
inline detail::reporting_task<std::uint64_t> async_stream::send_file(input_file file, send_file_options options,
                                                                     std::error_code& error) {
    return {send_file_or_report(std::move(file), options, error), error};
}
inline task<std::uint64_t> async_stream::send_file_or_report(input_file file, send_file_options options,
                                                             std::error_code& error) {
    detail::file_part part{file, options, error};
    if (error) co_return std::uint64_t{0};
    bool is_of_progress = false;  // its exceptions are the caller's
    auto guarded = [&](std::uint64_t sent) {
        is_of_progress = true;
        options.progress(sent);
        is_of_progress = false;
    };
    const progress_callback report{guarded};
    try {
        co_await detail::send_part(*this, part, file.name(), report);
    } catch (const std::system_error& failure) {
        if (is_of_progress) throw;
        error = failure.code();
    } catch (const cancelled&) {
        if (is_of_progress) throw;
        error = std::make_error_code(std::errc::operation_canceled);
    }
    co_return part.sent();
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_SEND_FILE_HPP


// netnotes/coro/signal.hpp: waking a task from another thread or from a signal
// SPDX-License-Identifier: MIT
//
// A signal handler interrupts the program anywhere, perhaps in the middle of malloc(), so it may call only a few
// functions (signal-safety(7)). Another thread may run at any time. Neither of them may touch the data that the tasks
// of a loop share. But both can set a bit and wake the loop:
//
//        signal handler  ──┐                                           ┌──> tasks that wait for the bit
//        another thread  ──┴── a bit, a place in a list, write(2) ──> loop
//
// With async_signals a task waits for signals. So the answer to SIGHUP is a line in a task, not code in a handler:
//
//     task<> rereads_its_configuration() {
//         async_signals signals{SIGHUP};
//         for (;;) {
//             co_await signals.next();
//             reread();
//         }
//     }
//
// On this page:  remote_event · async_signals
// Beside it:     socket/stop.hpp, for programs that use signals only to stop
// The notes:     their servers end by Ctrl-C and a traceback (socket 简单服务器)

#ifndef NETNOTES_CORO_SIGNAL_HPP
#define NETNOTES_CORO_SIGNAL_HPP

#include <sched.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <system_error>
#include <utility>




namespace netnotes {

namespace detail {

/// A message to the tasks of a loop: 64 bits. It is posted to the loop once, until the loop has called it. It outlives
/// its owner if the loop still has to call it.
class remote_word final : public posted_call {
  public:
    explicit remote_word(event_loop& loop) noexcept : loop_{loop} {}

    /// Sets the bits and wakes the loop. May be called by any thread and by a signal handler.
    void leave(std::uint64_t bits) noexcept {
        leaving_.fetch_add(1);
        bits_.fetch_or(bits);
        if (!is_posted_.exchange(true)) loop_.post_call(*this);
        leaving_.fetch_sub(1);
    }
    /// Clears the lowest bit that is set and returns its number. Returns `none` if no bit is set.
    [[nodiscard]] int take() noexcept {
        const std::uint64_t bits = bits_.load();
        if (bits != 0) bits_.fetch_and(~(bits & (~bits + 1)));
        return std::countr_zero(bits);
    }
    /// Sets a bit again and hands it to the next waiting task, because its task was cancelled before it resumed.
    void return_bit(int bit) noexcept;
    static constexpr int none = 64;
    wait_queue waiting;

    struct abandon {
        void operator()(remote_word* word) const noexcept {
            // The task may have received the bits and ended before leave() has returned in the other thread.
            while (word->leaving_.load() != 0) ::sched_yield();
            word->is_abandoned_ = true;
            if (!word->is_posted_.exchange(true)) delete word;  // otherwise call() deletes it
        }
    };

  private:
    ~remote_word() = default;
    inline void call() override;
    void hand_out() noexcept;

    event_loop& loop_;
    std::atomic<std::uint64_t> bits_{0};
    std::atomic<bool> is_posted_{false};
    std::atomic<int> leaving_{0};  // threads and handlers inside leave()
    bool is_abandoned_ = false;    // used only in the loop's thread
    static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "a signal handler may not wait for a lock");
};

class waiting_for_word : public wait_queue::waiter {
  public:
    explicit waiting_for_word(remote_word& word) noexcept : word_{word} {}
    ~waiting_for_word() { is_destroyed(); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
        bit_ = remote_word::none;
        return stand_in(word_.waiting, self, [this] {
            if (word_.waiting.empty()) bit_ = word_.take();
            return bit_ != remote_word::none;
        });
    }

  protected:
    int taken() {
        finish();
        return bit_;
    }

  private:
    friend remote_word;
    inline void give_back() noexcept override;
    remote_word& word_;
    int bit_ = remote_word::none;
};

inline void waiting_for_word::give_back() noexcept { word_.return_bit(bit_); }

/// Gives each waiting task its bit before the task resumes. So no other task can take the bit in between.
inline void remote_word::call() {
    if (is_abandoned_) {
        delete this;
        return;
    }
    is_posted_.store(false);  // before the bits are read: bits that are set from now on post this again
    hand_out();
}
inline void remote_word::return_bit(int bit) noexcept {
    bits_.fetch_or(std::uint64_t{1} << bit);
    hand_out();
}
inline void remote_word::hand_out() noexcept {
    while (!waiting.empty()) {
        const int bit = take();
        if (bit == none) break;
        auto& first = static_cast<waiting_for_word&>(*waiting.first());
        first.bit_ = bit;
        first.grant();
    }
}

}  // namespace detail

/// An event that another thread or a signal handler sets, and for which tasks of a loop wait. It stays set until one
/// task has received it. Several calls of set() before that count once.
///
/// Only set() may be called outside the loop's thread, and not while the object is being destroyed. The object must not
/// outlive the loop.
class remote_event {
  public:
    class waiting;
    /// Makes an event for the given loop, or for the loop that runs in this thread (std::logic_error if no loop runs).
    /// Allocates memory.
    remote_event() : remote_event{event_loop::current()} {}
    explicit remote_event(event_loop& loop) : word_{new detail::remote_word{loop}} {}

    /// Sets the event and wakes the loop. May be called by any thread and by a signal handler. Does not block or throw.
    void set() noexcept { word_->leave(1); }
    /// `co_await event.wait()` suspends until the event is set, and clears it. Each set() resumes one task. Throws
    /// netnotes::cancelled if the task is cancelled.
    [[nodiscard]] waiting wait() noexcept;

  private:
    detail::owner<detail::remote_word, detail::remote_word::abandon> word_;
};

/// Catches signals, for tasks that wait for them. While the object exists, these signals have no other effect: they do
/// not end the program. A signal that arrives several times before a task takes it counts once. A signal belongs to the
/// whole process, so only one object in a process may catch it. The object must not outlive its loop.
class async_signals {
  public:
    class waiting;
    /// Begins to catch the signals, for the given loop or the loop that runs in this thread. Throws std::logic_error if
    /// another object catches one of them, or if no loop runs. Throws std::system_error (EINVAL) if a number is not a
    /// signal, or if the signal cannot be caught (SIGKILL, SIGSTOP).
    template <std::convertible_to<int>... Signals>
    explicit async_signals(Signals... signals) : async_signals{event_loop::current(), signals...} {}
    template <std::convertible_to<int>... Signals>
    explicit async_signals(event_loop& loop, Signals... signals) : word_{new detail::remote_word{loop}} {
        try {
            (catch_signal(signals), ...);
        } catch (...) {
            give_back();
            throw;
        }
    }
    async_signals(const async_signals&) = delete;
    async_signals& operator=(const async_signals&) = delete;
    /// Restores the earlier handlers.
    ~async_signals() { give_back(); }

    /// `int number = co_await signals.next()` returns the number of a signal that has arrived, the lowest one first.
    /// Suspends until there is one. Throws netnotes::cancelled if the task is cancelled.
    [[nodiscard]] waiting next() noexcept;

  private:
    static constexpr int most = 64;  // Linux: 1 to 64
    void catch_signal(int number);
    void give_back() noexcept;
    static void handle(int number) noexcept;

    static inline constinit std::array<std::atomic<detail::remote_word*>, most + 1> owners{};
    static inline constinit std::atomic<int> handling{0};
    detail::owner<detail::remote_word, detail::remote_word::abandon> word_;
    std::array<detail::owner<struct sigaction>, most + 1> before_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

class [[nodiscard]] remote_event::waiting final : public detail::waiting_for_word {
  public:
    using detail::waiting_for_word::waiting_for_word;
    void await_resume() { taken(); }
};
inline remote_event::waiting remote_event::wait() noexcept { return waiting{*word_}; }

class [[nodiscard]] async_signals::waiting final : public detail::waiting_for_word {
  public:
    using detail::waiting_for_word::waiting_for_word;
    int await_resume() { return taken() + 1; }
};
inline async_signals::waiting async_signals::next() noexcept { return waiting{*word_}; }

inline void async_signals::catch_signal(int number) {
    if (number < 1 || number > most) detail::throw_error({EINVAL, std::system_category()}, "sigaction");
    const auto index = static_cast<std::size_t>(number);
    if (before_[index]) return;  // named twice
    detail::owner<struct sigaction> before{new (struct sigaction)()};
    detail::remote_word* none = nullptr;
    if (!owners[index].compare_exchange_strong(none, word_.get()))
        throw std::logic_error{"another async_signals object already catches this signal"};
    struct sigaction action {};
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;  // only the loop notices the signal; blocking calls of other threads continue
    if (::sigaction(number, &action, before.get()) != 0) {
        const int error = errno;
        owners[index].store(nullptr);
        detail::throw_error({error, std::system_category()}, "sigaction");
    }
    before_[index] = std::move(before);
}
inline void async_signals::give_back() noexcept {
    for (int number = 1; number <= most; ++number) {
        const auto index = static_cast<std::size_t>(number);
        if (!before_[index]) continue;
        ::sigaction(number, before_[index].get(), nullptr);
        owners[index].store(nullptr);
    }
    while (handling.load() != 0) {
    }  // a handler in another thread may still use our word
}
inline void async_signals::handle(int number) noexcept {
    const int saved = errno;
    ++handling;
    if (detail::remote_word* const word = owners[static_cast<std::size_t>(number)].load())
        word->leave(std::uint64_t{1} << (number - 1));
    --handling;
    errno = saved;
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_SIGNAL_HPP








// netnotes/ip.hpp: addresses, networks, endpoints and ports
// SPDX-License-Identifier: MIT
//
// An IP address is a number that names one network interface: 32 bits for IPv4, 128 bits for IPv6. A network is a range
// of addresses that begin with the same bits. A port is a 16-bit number that selects a socket on a host. An address
// together with a port is an endpoint.
//
//        192.168.1.77           11000000 10101000 00000001 01001101      an address
//        192.168.1.0/24         └──── 24 bits: network ──┘ └ host ┘      its network: all addresses that begin so
//        192.168.1.77:6666                                               an endpoint: the address, and port 6666
//
// This module parses, prints, compares and computes these values. It makes no system call. All of it is constexpr, so
// the compiler checks an address that stands in your source:
//
//        static_assert("192.168.1.0/24"_net.contains("192.168.1.77"_ip));
//        "192.168.1.256"_ip                 // error: octet 4 is 256, above 255, at character 10
//
// A text from a user is parsed while the program runs. The function parse() returns nullopt if the text is wrong; the
// constructor throws an error that names the reason and the place.
//
//        text ──parse──> ipv4_address ─┐                    ┌─> network     address / prefix length
//        text ──parse──> ipv6_address ─┴──> ip_address ─────┤
//                                                           └─> endpoint    address : port
//
// Chapters, lowest first:
//     ip/version.hpp     the version of the library
//     ip/text.hpp        how addresses are read and written, and the errors that say where a text is wrong
//     ip/address.hpp     IPv4 and IPv6 addresses
//     ip/arithmetic.hpp  the addresses before and behind an address, and distances
//     ip/network.hpp     networks: prefixes, netmasks, subnets, ranges
//     ip/interface.hpp   an address together with its network: 192.168.1.77/24
//     ip/special.hpp     ranges that mean something, and the classes A to E
//     ip/number.hpp      numbers in a text from a stranger
//     ip/endpoint.hpp    an address and a port; classes of ports, services
//     ip/keyed_hash.hpp  a hash that nobody can compute without the key
//     ip/tcp_state.hpp   the eleven states of a TCP connection
//
// The notes:     端口 (ports), IP地址 (IP addresses), 子网掩码 (netmasks)
// Examples:      02_ip_addresses, 03_subnet_masks, 04_ports_and_services

#ifndef NETNOTES_IP_HPP
#define NETNOTES_IP_HPP



// netnotes/ip/arithmetic.hpp: the addresses before and behind an address
// SPDX-License-Identifier: MIT
//
// An address is a number, so it has neighbours, and two addresses have a distance:
//
//        192.168.1.254 ── + 1 ──> 192.168.1.255 ── + 1 ──> 192.168.2.0
//                      <────────────── - 2 ───────────────
//
//        static_assert("192.168.1.254"_ip + 2 == "192.168.2.0"_ip);
//        static_assert("192.168.2.0"_ip - "192.168.1.254"_ip == 2);
//
// An integer type wraps at its end. An address must not: a loop that passes 255.255.255.255 would go on with 0.0.0.0,
// another host. So a step beyond the first or the last address throws std::out_of_range, as Python's ipaddress raises.
//
// On this page:  + - += -= for ipv4_address, ipv6_address, ip_address
// The notes:     IP地址 (IP addresses); example 02

#ifndef NETNOTES_IP_ARITHMETIC_HPP
#define NETNOTES_IP_ARITHMETIC_HPP

#include <concepts>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <type_traits>



namespace netnotes {

namespace detail {

template <class Address>
concept address_value =
    std::same_as<Address, ipv4_address> || std::same_as<Address, ipv6_address> || std::same_as<Address, ip_address>;
/// A count of addresses. Not bool and not a character: `address + true` is a slip of the pen.
template <class Count>
concept address_count =
    std::integral<Count> && !std::same_as<Count, bool> && !std::same_as<Count, char> && !std::same_as<Count, wchar_t> &&
    !std::same_as<Count, char8_t> && !std::same_as<Count, char16_t> && !std::same_as<Count, char32_t> &&
    sizeof(Count) <= sizeof(std::uint64_t);

/// The address as a number, and back. The zone of an IPv6 address stays.
constexpr uint128 number_of(ipv4_address address) noexcept { return {0, address.to_uint()}; }
constexpr uint128 number_of(const ipv6_address& address) noexcept { return address.to_uint(); }
constexpr uint128 number_of(const ip_address& address) noexcept {
    return address.is_v4() ? number_of(address.v4()) : number_of(address.v6());
}
constexpr ipv4_address with_number(ipv4_address, uint128 number) noexcept {
    return ipv4_address{static_cast<std::uint32_t>(number.low)};
}
constexpr ipv6_address with_number(const ipv6_address& like, uint128 number) {
    const ipv6_address moved{number};
    return like.zone().empty() || moved.ipv4_mapped() ? moved : moved.with_zone(like.zone());
}
constexpr ip_address with_number(const ip_address& like, uint128 number) {
    if (like.is_v4()) return with_number(like.v4(), number);
    return with_number(like.v6(), number);
}
constexpr unsigned width_of(ipv4_address) noexcept { return ipv4_address::width; }
constexpr unsigned width_of(const ipv6_address&) noexcept { return ipv6_address::width; }
constexpr unsigned width_of(const ip_address& address) noexcept { return address.width(); }

/// Returns the address `count` steps up, or down. Throws std::out_of_range beyond the ends.
template <class Address>
constexpr Address moved(const Address& from, bool is_up, uint128 count) {
    const uint128 number = number_of(from);
    const uint128 room = is_up ? ones(width_of(from)) - number : number;
    if (count > room)
        throw std::out_of_range{is_up ? "a step beyond the last address" : "a step below the first address"};
    return with_number(from, is_up ? number + count : number - count);
}
template <class Count>
constexpr uint128 magnitude(Count count) noexcept {
    const auto bits = static_cast<std::uint64_t>(count);  // of a negative number: modulo 2^64
    return {0, count < 0 ? std::uint64_t{0} - bits : bits};
}
template <class Count>
constexpr bool is_negative(Count count) noexcept {
    if constexpr (std::is_signed_v<Count>) return count < 0;
    return false;
}

}  // namespace detail

/// Returns the address that lies `count` addresses higher; a negative count goes down. The zone of an IPv6 address
/// stays, except in an IPv4-mapped address, which has none. Throws std::out_of_range beyond the first and the last
/// address.
template <detail::address_value Address, detail::address_count Count>
[[nodiscard]] constexpr Address operator+(const Address& address, Count count) {
    return detail::moved(address, !detail::is_negative(count), detail::magnitude(count));
}
/// Returns the address that lies `count` addresses lower; a negative count goes up. Throws as operator+.
template <detail::address_value Address, detail::address_count Count>
[[nodiscard]] constexpr Address operator-(const Address& address, Count count) {
    return detail::moved(address, detail::is_negative(count), detail::magnitude(count));
}
/// Returns the IPv6 address that lies `count` addresses higher; see operator+ above. For steps of more than 64 bits.
[[nodiscard]] constexpr ipv6_address operator+(const ipv6_address& address, uint128 count) {
    return detail::moved(address, true, count);
}
/// Returns the IPv6 address that lies `count` addresses lower; see operator+ above.
[[nodiscard]] constexpr ipv6_address operator-(const ipv6_address& address, uint128 count) {
    return detail::moved(address, false, count);
}

/// Moves the address up by `count`. Returns the address. Throws as operator+, and the address is then as before.
template <detail::address_value Address, detail::address_count Count>
constexpr Address& operator+=(Address& address, Count count) {
    return address = address + count;
}
/// Moves the address down by `count`. Returns the address. Throws as operator-, and the address is then as before.
template <detail::address_value Address, detail::address_count Count>
constexpr Address& operator-=(Address& address, Count count) {
    return address = address - count;
}

/// Returns how far `to` lies above `from`; negative when it lies below. Never throws for two IPv4 addresses.
/// Throws std::invalid_argument for addresses of two families or of two zones, which have no distance. Throws
/// std::out_of_range for a distance that 64 bits cannot hold: `to.to_uint() - from.to_uint()` has 128 bits.
template <detail::address_value Address>
[[nodiscard]] constexpr std::int64_t operator-(const Address& to, const Address& from) {
    if constexpr (std::same_as<Address, ip_address>)
        if (to.is_v4() != from.is_v4()) throw std::invalid_argument{"no distance between an IPv4 and an IPv6 address"};
    if (detail::with_number(to, {}) != detail::with_number(from, {}))
        throw std::invalid_argument{"no distance between addresses in different zones"};
    const bool is_above = to >= from;
    const uint128 distance =
        is_above ? detail::number_of(to) - detail::number_of(from) : detail::number_of(from) - detail::number_of(to);
    constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (distance.high != 0 || distance.low > largest + (is_above ? 0 : 1))
        throw std::out_of_range{"the distance between the addresses has more than 64 bits"};
    return static_cast<std::int64_t>(is_above ? distance.low : std::uint64_t{0} - distance.low);
}

}  // namespace netnotes

#endif  // NETNOTES_IP_ARITHMETIC_HPP





// netnotes/ip/number.hpp: numbers in a text from a stranger
// SPDX-License-Identifier: MIT
//
// A port, the size of a chunk, a length in a header: protocols write numbers as text, and a peer may write anything
// there. The functions of the C library are too friendly for that. strtol(3) skips spaces, takes a sign, stops at the
// first letter without a word, and reads "010" as 8 if it may choose the base. Two programs that read one text as two
// numbers disagree about where a message ends, and an attacker uses that (request smuggling, RFC 9112 §11.2). So these
// functions take the whole text or nothing:
//
//        parse_number<std::uint16_t>("65535")      65535
//        parse_number<std::uint16_t>("65536")      nullopt: the number is above 65535
//        parse_number<unsigned>("+1")              nullopt: unexpected character '+', at character 0
//        parse_number<unsigned>("01")              nullopt: a leading zero, at character 0
//        parse_number<std::size_t>("1aF", 16)      431
//        parse_number<int>("-7")                   -7: only a signed type takes a minus
//
// On this page:  parse_number, read_number
// Beside it:     ip/endpoint.hpp: parse_port
// The notes:     端口 (ports); example 04

#ifndef NETNOTES_IP_NUMBER_HPP
#define NETNOTES_IP_NUMBER_HPP

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>



namespace netnotes {

namespace detail {
template <class Number>
concept readable_number = std::is_integral_v<Number> && !std::is_same_v<std::remove_cv_t<Number>, bool> &&
    sizeof(Number) <= sizeof(std::uint64_t);
/// Reads a whole text as a number of which the magnitude is at most `most`, or `most_negative` behind a minus.
constexpr bool read_whole_number(std::string_view text, unsigned base, std::uint64_t most, std::uint64_t most_negative,
                                 std::uint64_t& value, parse_failure& why) noexcept;
}  // namespace detail

/// Reads the whole text as a number in that base, 2 to 36. Returns nullopt if the text is something else, or if the
/// type cannot hold the number; `why` then says why. Takes no space and no plus. Takes a minus only for a signed type,
/// and not in front of 0. Takes no leading zero in base 10, where it could mean an octal number. In other bases leading
/// zeros are usual: the chunk "00ff". Digits above 9 are letters of either case, without a prefix such as 0x.
template <detail::readable_number Number>
constexpr std::optional<Number> parse_number(std::string_view text, parse_failure& why, unsigned base = 10) noexcept {
    using unsigned_number = std::make_unsigned_t<Number>;
    constexpr bool is_signed = std::is_signed_v<Number>;
    constexpr std::uint64_t most = static_cast<unsigned_number>(-1) >> (is_signed ? 1 : 0);
    std::uint64_t value = 0;
    if (!detail::read_whole_number(text, base, most, is_signed ? most + 1 : 0, value, why)) return std::nullopt;
    return static_cast<Number>(value);
}
template <detail::readable_number Number>
constexpr std::optional<Number> parse_number(std::string_view text, unsigned base = 10) noexcept {
    parse_failure why;
    return parse_number<Number>(text, why, base);
}
/// Does the same for an argument of a program: `read_number<int>(argv[1])`. Throws parse_error, whose what() is for
/// example `"12x" is no number: unexpected character 'x', at character 2`.
template <detail::readable_number Number>
constexpr Number read_number(std::string_view text, unsigned base = 10) {
    parse_failure why;
    const auto number = parse_number<Number>(text, why, base);
    if (!number) throw parse_error{"number", text, why};
    return *number;
}

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

constexpr bool read_whole_number(std::string_view text, unsigned base, std::uint64_t most, std::uint64_t most_negative,
                                 std::uint64_t& value, parse_failure& why) noexcept {
    const char* const first = text.data();
    const char* const last = first + text.size();
    const bool is_negative = most_negative > 0 && text.starts_with('-');
    const char* const digits = first + (is_negative ? 1 : 0);
    const std::uint64_t limit = is_negative ? most_negative : most;
    if (base < 2 || base > 36) return refuse(why, "base % is not one of 2 to 36", 0, 0, base);
    if (digits == last) return refuse(why, "a number is missing", digits - first);
    std::uint64_t number = 0;
    bool is_above = false;
    for (const char* p = digits; p != last; ++p) {
        unsigned digit = digit_value(*p);
        if (digit > 9) {
            const unsigned letter = (static_cast<unsigned char>(*p) | 0x20u) - unsigned{'a'};
            digit = letter < 26 ? letter + 10 : 36;
        }
        if (digit >= base) return refuse_character(why, first, p);
        is_above = is_above || number > (limit - digit) / base;  // a wrong character is reported first
        if (!is_above) number = number * base + digit;
    }
    if (*digits == '0' && ((base == 10 && last - digits > 1) || (is_negative && number == 0)))
        return refuse(why, is_negative ? "a zero behind the minus" : "a leading zero", digits - first);
    if (is_above && limit > 0xffff'ffff) return refuse(why, "the number is too large", digits - first);
    if (is_above)
        return refuse(why, is_negative ? "the number is below -%" : "the number is above %", digits - first, 0,
                      static_cast<std::uint32_t>(limit));
    value = is_negative ? std::uint64_t{0} - number : number;
    return true;
}

}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_IP_NUMBER_HPP

// netnotes/ip/special.hpp: ranges of addresses that mean something
// SPDX-License-Identifier: MIT
//
// Some ranges of addresses have a meaning of their own: loopback, private networks, documentation, NAT64 and others.
// IANA keeps them in two registries, and this chapter has both as tables. Before such ranges there were the classes A
// to E.
//
//        10.0.0.0/8 ── Private-Use, RFC 1918 ── a router may forward it, but not beyond an organisation
//
// On this page:  special_range · find_special_range · is_global, is_global_unicast · ipv4_class_range
// The notes:     A–E类IP地址 (classes), 私有ip (private addresses); example 02

#ifndef NETNOTES_IP_SPECIAL_HPP
#define NETNOTES_IP_SPECIAL_HPP

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>




namespace netnotes {

// ---- Special-purpose ranges ----------------------------------------------------------------------------

/// A row of the IANA IPv4 or IPv6 Special-Purpose Address Registry (RFC 6890, RFC 8190), as of October 2025.
/// Where the registry says "not applicable" (6to4, Teredo, abandoned ranges) the answer here is no.
struct special_range {
    network block;
    std::string_view name;
    std::string_view reference;
    bool source;              ///< may be the source of a packet that crosses a router.
    bool destination;         ///< may be the destination of such a packet.
    bool forwardable;         ///< a router may forward packets to it.
    bool globally_reachable;  ///< packets may cross the borders of an organisation.
    bool reserved;            ///< IP itself requires that every implementation treats it specially
};

namespace detail {
constexpr special_range row(std::string_view block, std::string_view name, std::string_view reference,
                            std::string_view flags) {
    return {network{block},  name,           reference, flags[0] == 'S', flags[1] == 'D', flags[2] == 'F',
            flags[3] == 'G', flags[4] == 'R'};
}
}  // namespace detail

inline constexpr std::array ipv4_special_ranges{
    detail::row("0.0.0.0/8", "This network", "RFC 791 §3.2", "S---R"),
    detail::row("0.0.0.0/32", "This host on this network", "RFC 1122 §3.2.1.3", "S---R"),
    detail::row("10.0.0.0/8", "Private-Use", "RFC 1918", "SDF--"),
    detail::row("100.64.0.0/10", "Shared Address Space", "RFC 6598", "SDF--"),
    detail::row("127.0.0.0/8", "Loopback", "RFC 1122 §3.2.1.3", "----R"),
    detail::row("169.254.0.0/16", "Link Local", "RFC 3927", "SD--R"),
    detail::row("172.16.0.0/12", "Private-Use", "RFC 1918", "SDF--"),
    detail::row("192.0.0.0/24", "IETF Protocol Assignments", "RFC 6890 §2.1", "-----"),
    detail::row("192.0.0.0/29", "IPv4 Service Continuity Prefix", "RFC 7335", "SDF--"),
    detail::row("192.0.0.8/32", "IPv4 dummy address", "RFC 7600", "S----"),
    detail::row("192.0.0.9/32", "Port Control Protocol Anycast", "RFC 7723", "SDFG-"),
    detail::row("192.0.0.10/32", "Traversal Using Relays around NAT Anycast", "RFC 8155", "SDFG-"),
    detail::row("192.0.0.170/32", "NAT64/DNS64 Discovery", "RFC 8880, RFC 7050", "----R"),
    detail::row("192.0.0.171/32", "NAT64/DNS64 Discovery", "RFC 8880, RFC 7050", "----R"),
    detail::row("192.0.2.0/24", "Documentation (TEST-NET-1)", "RFC 5737", "-----"),
    detail::row("192.31.196.0/24", "AS112-v4", "RFC 7535", "SDFG-"),
    detail::row("192.52.193.0/24", "AMT", "RFC 7450", "SDFG-"),
    detail::row("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", "RFC 7526", "-----"),
    detail::row("192.88.99.2/32", "6a44-relay anycast address", "RFC 6751", "SDF--"),
    detail::row("192.168.0.0/16", "Private-Use", "RFC 1918", "SDF--"),
    detail::row("192.175.48.0/24", "Direct Delegation AS112 Service", "RFC 7534", "SDFG-"),
    detail::row("198.18.0.0/15", "Benchmarking", "RFC 2544", "SDF--"),
    detail::row("198.51.100.0/24", "Documentation (TEST-NET-2)", "RFC 5737", "-----"),
    detail::row("203.0.113.0/24", "Documentation (TEST-NET-3)", "RFC 5737", "-----"),
    detail::row("240.0.0.0/4", "Reserved", "RFC 1112 §4", "----R"),
    detail::row("255.255.255.255/32", "Limited Broadcast", "RFC 8190, RFC 919 §7", "-D--R"),
};

inline constexpr std::array ipv6_special_ranges{
    detail::row("::1/128", "Loopback Address", "RFC 4291", "----R"),
    detail::row("::/128", "Unspecified Address", "RFC 4291", "S---R"),
    detail::row("::ffff:0:0/96", "IPv4-mapped Address", "RFC 4291", "----R"),
    detail::row("64:ff9b::/96", "IPv4-IPv6 Translation", "RFC 6052", "SDFG-"),
    detail::row("64:ff9b:1::/48", "IPv4-IPv6 Translation", "RFC 8215", "SDF--"),
    detail::row("100::/64", "Discard-Only Address Block", "RFC 6666", "SDF--"),
    detail::row("100:0:0:1::/64", "Dummy IPv6 Prefix", "RFC 9780", "S----"),
    detail::row("2001::/23", "IETF Protocol Assignments", "RFC 2928", "-----"),
    detail::row("2001::/32", "TEREDO", "RFC 4380, RFC 8190", "SDF--"),
    detail::row("2001:1::1/128", "Port Control Protocol Anycast", "RFC 7723", "SDFG-"),
    detail::row("2001:1::2/128", "Traversal Using Relays around NAT Anycast", "RFC 8155", "SDFG-"),
    detail::row("2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", "RFC 9665", "SDFG-"),
    detail::row("2001:2::/48", "Benchmarking", "RFC 5180", "SDF--"),
    detail::row("2001:3::/32", "AMT", "RFC 7450", "SDFG-"),
    detail::row("2001:4:112::/48", "AS112-v6", "RFC 7535", "SDFG-"),
    detail::row("2001:10::/28", "Deprecated (previously ORCHID)", "RFC 4843", "-----"),
    detail::row("2001:20::/28", "ORCHIDv2", "RFC 7343", "SDFG-"),
    detail::row("2001:30::/28", "Drone Remote ID Protocol Entity Tags", "RFC 9374", "SDFG-"),
    detail::row("2001:db8::/32", "Documentation", "RFC 3849", "-----"),
    detail::row("2002::/16", "6to4", "RFC 3056", "SDF--"),
    detail::row("2620:4f:8000::/48", "Direct Delegation AS112 Service", "RFC 7534", "SDFG-"),
    detail::row("3fff::/20", "Documentation", "RFC 9637", "-----"),
    detail::row("5f00::/16", "Segment Routing (SRv6) SIDs", "RFC 9602", "SDF--"),
    detail::row("fc00::/7", "Unique-Local", "RFC 4193, RFC 8190", "SDF--"),
    detail::row("fe80::/10", "Link-Local Unicast", "RFC 4291", "SD--R"),
};

namespace detail {
/// The row with the longest prefix that holds the address, or the table's end. (Not a pointer that may be
/// null: for g++ with -fsanitize=undefined a comparison with nullptr is no constant, and is_global() would be none.)
constexpr auto find_row(const auto& table, const ip_address& address) noexcept {
    auto best = table.end();
    for (auto row = table.begin(); row != table.end(); ++row)
        if (row->block.contains(address) &&
            (best == table.end() || row->block.prefix_length() > best->block.prefix_length()))
            best = row;
    return best;
}
}  // namespace detail

/// Returns the row with the longest prefix that contains the address. Returns nullptr if no row does: then the address
/// is ordinary, or multicast.
constexpr const special_range* find_special_range(const ip_address& address) noexcept {
    const auto found = [&](const auto& table) -> const special_range* {
        const auto row = detail::find_row(table, address);
        return row == table.end() ? nullptr : &*row;
    };
    return address.is_v6() ? found(ipv6_special_ranges) : found(ipv4_special_ranges);
}

constexpr bool ipv4_address::is_global() const noexcept {
    if (is_multicast()) return !in(0xe0000000, 24) && !in(0xef000000, 8);
    const auto row = detail::find_row(ipv4_special_ranges, *this);
    return row == ipv4_special_ranges.end() || row->globally_reachable;
}

constexpr bool ipv6_address::is_global() const noexcept {
    if (const auto mapped = ipv4_mapped()) return mapped->is_global();
    if (is_multicast()) return (value_.high >> 48 & 0xf) == 0xe;
    const auto inside = embedded_ipv4();
    if (inside && !inside->is_global()) return false;
    const auto row = detail::find_row(ipv6_special_ranges, *this);
    return row == ipv6_special_ranges.end() || row->globally_reachable;
}
constexpr bool ipv6_address::is_global_unicast() const noexcept {
    if (const auto inside = embedded_ipv4(); inside && !inside->is_global_unicast()) return false;
    return (in(0x2000, 3) || is_mapped() || is_nat64()) && is_global();
}

constexpr bool ipv4_address::is_global_unicast() const noexcept { return is_global() && !is_multicast(); }

constexpr bool ip_address::is_global() const noexcept {
    return is_v6_ ? as_v6().is_global() : as_v4().is_global();
}

constexpr bool ip_address::is_global_unicast() const noexcept {
    return is_v6_ ? as_v6().is_global_unicast() : as_v4().is_global_unicast();
}

// ---- The classes of old --------------------------------------------------------------------------------

/// A line of the notes' table of classes, with corrected numbers. The notes' ranges name *hosts*, leave out networks
/// that the notes then count, and end class C in the wrong binary number.
struct ipv4_class_range {
    ipv4_class letter;
    network block;  ///< all addresses that begin with the class's leading bits
    std::string_view leading_bits;
    unsigned network_octets;          ///< 0 for D and E, which are not divided into networks.
    std::uint32_t networks;           ///< 2^7, 2^14, 2^21
    std::uint32_t hosts_per_network;  ///< without the all-zeros and the all-ones host
};

/// Of the 128 networks of class A, 0 and 127 are special: 126 remain. 128.0, 191.255 and 223.255.255 were
/// reserved once and are ordinary now (RFC 5735 dropped them). A class A network holds 16,777,214 hosts.
inline constexpr std::array<ipv4_class_range, 5> ipv4_class_ranges{{
    {ipv4_class::a, network{"0.0.0.0/1"}, "0", 1, 1u << 7, (1u << 24) - 2},
    {ipv4_class::b, network{"128.0.0.0/2"}, "10", 2, 1u << 14, (1u << 16) - 2},
    {ipv4_class::c, network{"192.0.0.0/3"}, "110", 3, 1u << 21, (1u << 8) - 2},
    {ipv4_class::d, network{"224.0.0.0/4"}, "1110", 0, 0, 0},
    {ipv4_class::e, network{"240.0.0.0/4"}, "1111", 0, 0, 0},
}};

constexpr ipv4_class ipv4_address::address_class() const noexcept {
    return ipv4_class_ranges[static_cast<std::size_t>(detail::min(std::countl_one(value_), 4))].letter;
}

}  // namespace netnotes

#endif  // NETNOTES_IP_SPECIAL_HPP





#endif  // NETNOTES_IP_HPP

// netnotes/poll.hpp: waiting for many descriptors at once
// SPDX-License-Identifier: MIT
//
// A thread that waits in recv() for one client cannot serve another client. A poller waits for many descriptors in one
// call. It returns the descriptors that are ready: the next call on them does not have to wait.
//
//        a: nothing yet ───────┐
//        b: bytes arrive ──────┼──> poller.wait() returns: b is ready to read ──> recv from b, then wait again
//        c: nothing yet ───────┘
//
// The operating system has three such calls. They have one interface here:
//
//        epoll_poller poller;                                    // or select_poller, or poll_poller
//        poller.add(listener.native_handle(), interest::read, 1);
//        for (const event& happened : poller.wait(never))
//            if (happened.token == 1 && any_of(happened.ready, interest::read)) listener.accept();
//
//    select_poller    select(2)    takes descriptors below 1024 only; each wait looks at all of them
//    poll_poller      poll(2)      takes any descriptor; each wait looks at all of them
//    epoll_poller     epoll(7)     takes any descriptor; each wait looks only at ready descriptors
//
// A descriptor in a poller should be non-blocking, because "ready" is a hint: the bytes may be gone when the program
// reads.
//
// This page brings only those chapters of ip.hpp and socket.hpp that pollers need.
//
// Chapters:
//     poll/interest.hpp    the events to wait for, the triggers, and the concept poller
//     poll/select.hpp      select(2)
//     poll/poll.hpp        poll(2)
//     poll/epoll.hpp       epoll(7)
//
// The notes:     单进程服务器,非阻塞模式 (asking each in turn), select原理, select 优缺点, epoll使用说明
// Examples:      18_nonblocking_server, 19_select_server

#ifndef NETNOTES_POLL_HPP
#define NETNOTES_POLL_HPP




// netnotes/poll/poll.hpp: waiting with poll(2)
// SPDX-License-Identifier: MIT
//
// poll(2) is select(2) without the limit of 1,024: the program passes a list of descriptors at every call.
//
// On this page:  poll_poller
// The notes:     select 优缺点 (select, and what poll does better); example 27

#ifndef NETNOTES_POLL_POLL_HPP
#define NETNOTES_POLL_POLL_HPP

#include <poll.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <system_error>
#include <vector>




namespace netnotes {

namespace detail {
static_assert(POLLIN == 0x1 && POLLPRI == 0x2 && POLLOUT == 0x4 && POLLERR == 0x8 && POLLHUP == 0x10 &&
              POLLRDHUP == 0x2000);
}  // namespace detail

/// Waits with poll(2). Each entry of its list has the descriptor, the interest, and room for the answer, so the poller
/// copies nothing before a call. But the kernel checks every descriptor at every call.
///
/// add(), modify() and remove() take constant time. Only add() makes a system call, to check that the descriptor is
/// open. Only add() takes memory: 56 bytes for each descriptor, and 4 for each number up to the highest.
class poll_poller : public detail::takes_objects<poll_poller> {
  public:
    using takes_objects::add, takes_objects::modify, takes_objects::remove;
    static constexpr bool has_edge = false;  ///< add() and modify() refuse trigger::edge
    // There is no batch size: each wait() reports all ready descriptors.

    /// Creates an empty poller. It has no descriptor and no memory of its own yet.
    poll_poller() noexcept = default;
    poll_poller(poll_poller&&) noexcept = default;
    poll_poller& operator=(poll_poller&&) noexcept = default;

    /// Adds a descriptor. Throws the errors of the concept poller, or std::bad_alloc; then the poller is unchanged. A
    /// regular file is always ready.
    void add(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        constexpr const char* attempt = "poll add ";
        detail::require_open(attempt, descriptor);  // so the number is not negative
        detail::require_no_edge(how, attempt, descriptor);
        const auto number = static_cast<std::size_t>(descriptor);
        if (place_of(descriptor) != nowhere) detail::refuse(EEXIST, attempt, descriptor);
        if (number >= places_.size()) places_.resize(number + 1, nowhere);
        const std::size_t size = watched_.size();
        if (size == watched_.capacity()) watched_.reserve(detail::max<std::size_t>(64, 2 * size));
        if (size == who_.capacity()) who_.reserve(watched_.capacity());
        // The caller may be in the middle of the last wait()'s events, so events_ must not move. Room for more events
        // is taken here, because wait() must not fail for lack of memory.
        if (detail::max(events_.size(), room_.size()) <= size) room_.resize(watched_.capacity());
        watched_.push_back({descriptor, to_raw(what), 0});
        who_.push_back({descriptor, how == trigger::one_shot, token});
        places_[number] = static_cast<std::uint32_t>(size);
    }
    /// Replaces the interest, the token and the trigger. It makes no system call and takes no memory. Throws the errors
    /// of the concept poller.
    void modify(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        constexpr const char* attempt = "poll modify ";
        const std::uint32_t place = place_of(descriptor);
        if (place == nowhere) detail::refuse(ENOENT, attempt, descriptor);
        detail::require_no_edge(how, attempt, descriptor);
        watched_[place] = {descriptor, to_raw(what), 0};
        who_[place] = {descriptor, how == trigger::one_shot, token};
    }
    /// Removes a descriptor; does nothing if the poller does not have it. It makes no system call.
    void remove(int descriptor) noexcept {
        const std::uint32_t place = place_of(descriptor);
        if (place == nowhere) return;
        watched_[place] = watched_.back();  // the last entry fills the gap
        who_[place] = who_.back();
        places_[static_cast<std::size_t>(who_[place].descriptor)] = place;
        places_[static_cast<std::size_t>(descriptor)] = nowhere;
        watched_.pop_back();
        who_.pop_back();
    }

    /// Waits for events; never returns early. A descriptor that was closed before remove() is reported once as an error
    /// (POLLNVAL) and then removed. Throws std::system_error if poll(2) fails, for example because RLIMIT_NOFILE was
    /// lowered below the number of descriptors.
    std::span<const event> wait(wait_time timeout) {
        if (room_.size() > events_.size()) events_.swap(room_);
        for (detail::countdown time{timeout};;) {
            const timespec left = detail::to_timespec(time.left());
            const int ready =
                ::ppoll(watched_.data(), watched_.size(), time.left() == never ? nullptr : &left, nullptr);
            if (ready < 0 && errno != EINTR) detail::throw_error(detail::last_error(), "poll");
            if (ready > 0) return collect(static_cast<std::size_t>(ready));
            if (time.is_over() && ready == 0) return {};
        }
    }

  private:
    struct registration {
        int descriptor;  ///< also kept here, because a reported one-shot descriptor is -1 in watched_ until modify()
        bool one_shot;
        std::uint64_t token;
    };
    static constexpr std::uint32_t nowhere = ~std::uint32_t{0};
    static short to_raw(interest what) noexcept { return static_cast<short>(detail::to_bits(what)); }
    static interest from_raw(short raw) noexcept {
        const interest ready = detail::to_interest(static_cast<std::uint16_t>(raw));
        return (raw & POLLNVAL) != 0 ? ready | interest::error : ready;
    }
    std::uint32_t place_of(int descriptor) const noexcept {
        const auto number = static_cast<std::size_t>(descriptor);  // a negative number becomes larger than all others
        return number < places_.size() ? places_[number] : nowhere;
    }
    std::span<const event> collect(std::size_t ready) noexcept {
        std::size_t count = 0;
        for (std::size_t place = 0; count < ready && place < watched_.size();) {
            const short raw = watched_[place].revents;
            if (raw != 0) events_[count++] = {who_[place].token, from_raw(raw)};
            if ((raw & POLLNVAL) != 0) {
                remove(who_[place].descriptor);  // another descriptor has moved to this place: check it too
                continue;
            }
            if (raw != 0 && who_[place].one_shot) watched_[place].fd = -1;  // poll(2) ignores negative numbers
            ++place;
        }
        return {events_.data(), count};
    }

    std::vector<pollfd> watched_;        // the list for poll(2)
    std::vector<registration> who_;      // the token and trigger for the same index of watched_
    std::vector<std::uint32_t> places_;  // for each descriptor: its index in watched_ and who_
    std::vector<event> events_, room_;
};
static_assert(poller<poll_poller>);

}  // namespace netnotes

#endif  // NETNOTES_POLL_POLL_HPP

// netnotes/poll/select.hpp: waiting with select(2)
// SPDX-License-Identifier: MIT
//
// select(2) is the oldest of the three calls, and every system has it. The program passes three sets of bits and gets
// three sets back. Descriptors must be below 1,024.
//
// On this page:  select_poller
// The notes:     select原理, select 优缺点; example 19

#ifndef NETNOTES_POLL_SELECT_HPP
#define NETNOTES_POLL_SELECT_HPP

#include <fcntl.h>
#include <sys/select.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <system_error>
#include <utility>




namespace netnotes {

/// Waits with select(2), for few descriptors. The kernel writes its answer over the three sets that it gets, so the
/// poller copies them for each call.
///
/// The sets have FD_SETSIZE bits, 1024 with glibc on every machine. The notes say 2048 on 64-bit machines, which is
/// wrong. They name /proc/sys/fs/file-max, but that limits the open files of the whole system. No macro and no other
/// kernel raises the limit, because glibc fixes the size of fd_set.
///
/// The *number* of each descriptor must be below the limit, not their count. A program with 1100 open files cannot wait
/// for a new socket. The C interface does not check: FD_SET writes beyond the end of the set and destroys other data.
/// Here add() throws.
///
/// The object has about 25 kB, and takes no other memory.
class select_poller : public detail::takes_objects<select_poller> {
  public:
    using takes_objects::add, takes_objects::modify, takes_objects::remove;
    static constexpr bool has_edge = false;  ///< add() and modify() refuse trigger::edge
    /// The most events that a wait() returns: all ready descriptors.
    static constexpr std::size_t batch = FD_SETSIZE;

    /// Creates an empty poller.
    select_poller() noexcept = default;
    select_poller(select_poller&& other) noexcept : list_{std::exchange(other.list_, {})} {}
    select_poller& operator=(select_poller&& other) noexcept {
        std::swap(list_, other.list_);
        return *this;
    }

    /// Adds a descriptor. Throws the errors of the concept poller: errc::value_too_large from FD_SETSIZE on. A regular
    /// file is always ready.
    void add(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        constexpr const char* attempt = "select add ";
        if (descriptor >= FD_SETSIZE) refuse_number(attempt, descriptor);
        detail::require_open(attempt, descriptor);
        detail::require_no_edge(how, attempt, descriptor);
        if (FD_ISSET(descriptor, &list_.present)) detail::refuse(EEXIST, attempt, descriptor);
        FD_SET(descriptor, &list_.present);
        list_.end = detail::max(list_.end, descriptor + 1);
        set(descriptor, what, token, how);
    }
    /// Replaces the interest, the token and the trigger. It makes no system call and takes no memory. Throws the errors
    /// of the concept poller.
    void modify(int descriptor, interest what, std::uint64_t token, trigger how = trigger::level) {
        constexpr const char* attempt = "select modify ";
        if (!is_present(descriptor)) detail::refuse(ENOENT, attempt, descriptor);
        detail::require_no_edge(how, attempt, descriptor);
        set(descriptor, what, token, how);
    }
    /// Removes a descriptor; does nothing if the poller does not have it. It makes no system call.
    void remove(int descriptor) noexcept {
        if (!is_present(descriptor)) return;
        ask_for(descriptor, interest::none);
        FD_CLR(descriptor, &list_.present);
        while (list_.end > 0 && !FD_ISSET(list_.end - 1, &list_.present)) --list_.end;
    }

    /// Waits for events; never returns early. If a descriptor was closed before remove(), the whole select(2) fails
    /// with EBADF. The poller then finds that descriptor, reports it once as an error, and removes it. Throws
    /// std::system_error if select(2) fails for another reason.
    std::span<const event> wait(wait_time timeout) {
        for (detail::countdown time{timeout};;) {
            sets found = list_.asked;
            const timespec left = detail::to_timespec(time.left());
            const int ready = ::pselect(list_.end, &found.read, &found.write, &found.urgent,
                                        time.left() == never ? nullptr : &left, nullptr);
            if (ready < 0 && errno != EINTR && errno != EBADF)
                detail::throw_error(detail::last_error(), "select");
            const std::size_t count = ready > 0 ? collect(found, ready) : ready < 0 && errno == EBADF ? forget() : 0;
            if (count > 0 || (time.is_over() && ready == 0)) return {events_.data(), count};
        }
    }

  private:
    struct sets {
        fd_set read{}, write{}, urgent{};
    };
    struct list {
        sets asked;
        fd_set present{}, one_shot{};
        int end = 0;  ///< the highest descriptor plus one: select(2) stops there
        std::array<std::uint64_t, FD_SETSIZE> tokens{};
    };

    [[noreturn]] static void refuse_number(const char* attempt, int descriptor) {
        static_assert(FD_SETSIZE == 1024, "the text below and the first page name this number");
        detail::refuse(EOVERFLOW, attempt, descriptor, ": a descriptor must be below FD_SETSIZE, 1024");
    }
    bool is_present(int descriptor) const noexcept {
        return descriptor >= 0 && descriptor < FD_SETSIZE && FD_ISSET(descriptor, &list_.present);
    }
    static void put(int descriptor, bool member, fd_set& set) noexcept {
        if (member)
            FD_SET(descriptor, &set);
        else
            FD_CLR(descriptor, &set);
    }
    void ask_for(int descriptor, interest what) noexcept {
        put(descriptor, any_of(what, interest::read), list_.asked.read);
        put(descriptor, any_of(what, interest::write), list_.asked.write);
        put(descriptor, any_of(what, interest::urgent), list_.asked.urgent);
    }
    void set(int descriptor, interest what, std::uint64_t token, trigger how) noexcept {
        ask_for(descriptor, what);
        put(descriptor, how == trigger::one_shot, list_.one_shot);
        list_.tokens[static_cast<std::size_t>(descriptor)] = token;
    }
    /// Turns select's answer into events and returns their number. `left` is the number of bits set in the three sets.
    std::size_t collect(const sets& found, int left) noexcept {
        std::size_t count = 0;
        for (int descriptor = 0; left > 0 && descriptor < list_.end; ++descriptor) {
            interest ready = interest::none;
            if (FD_ISSET(descriptor, &found.read)) ready |= interest::read, --left;
            if (FD_ISSET(descriptor, &found.write)) ready |= interest::write, --left;
            if (FD_ISSET(descriptor, &found.urgent)) ready |= interest::urgent, --left;
            if (ready == interest::none) continue;
            events_[count++] = {list_.tokens[static_cast<std::size_t>(descriptor)], ready};
            if (FD_ISSET(descriptor, &list_.one_shot)) ask_for(descriptor, interest::none);
        }
        return count;
    }
    /// Reports and removes every descriptor that is no longer open. Returns the number of events.
    std::size_t forget() noexcept {
        std::size_t count = 0;
        for (int descriptor = list_.end - 1; descriptor >= 0; --descriptor) {
            if (!FD_ISSET(descriptor, &list_.present) || ::fcntl(descriptor, F_GETFD) >= 0) continue;
            events_[count++] = {list_.tokens[static_cast<std::size_t>(descriptor)], interest::error};
            remove(descriptor);
        }
        return count;
    }

    list list_;
    std::array<event, batch> events_{};
};
static_assert(poller<select_poller>);

}  // namespace netnotes

#endif  // NETNOTES_POLL_SELECT_HPP


#endif  // NETNOTES_POLL_HPP

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









#endif  // NETNOTES_TCP_HPP


#endif  // NETNOTES_CORO_HPP
