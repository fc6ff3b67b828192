// A UDP socket whose send buffer is full, for threads and for tasks. Datagrams to a neighbour that does not answer ARP
// fill it; here the kernel's answer is played.

#include <netnotes/coro/datagram.hpp>
#include <netnotes/coro/udp.hpp>

#include "../back_end.hpp"
#include "../support.hpp"

#include <array>
#include <cerrno>
#include <string>
#include <vector>

// Link with --wrap=send, sendto, sendmsg and sendmmsg: the next calls of this thread find the buffer full.
namespace {
thread_local int full_for = 0, calls = 0;
bool is_full() {
    ++calls;
    if (full_for == 0) return false;
    --full_for;
    errno = EAGAIN;
    return true;
}
}  // namespace
extern "C" {
ssize_t __real_send(int fd, const void* bytes, std::size_t size, int flags);
ssize_t __wrap_send(int fd, const void* bytes, std::size_t size, int flags);
ssize_t __wrap_send(int fd, const void* bytes, std::size_t size, int flags) {
    return is_full() ? -1 : __real_send(fd, bytes, size, flags);
}
ssize_t __real_sendto(int fd, const void* bytes, std::size_t size, int flags, const sockaddr* to, socklen_t length);
ssize_t __wrap_sendto(int fd, const void* bytes, std::size_t size, int flags, const sockaddr* to, socklen_t length);
ssize_t __wrap_sendto(int fd, const void* bytes, std::size_t size, int flags, const sockaddr* to, socklen_t length) {
    return is_full() ? -1 : __real_sendto(fd, bytes, size, flags, to, length);
}
ssize_t __real_sendmsg(int fd, const msghdr* message, int flags);
ssize_t __wrap_sendmsg(int fd, const msghdr* message, int flags);
ssize_t __wrap_sendmsg(int fd, const msghdr* message, int flags) {
    return is_full() ? -1 : __real_sendmsg(fd, message, flags);
}
int __real_sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
    return is_full() ? -1 : __real_sendmmsg(fd, messages, count, flags);
}
}

using support::failure_of;

namespace {

const net::endpoint anywhere{net::ipv4_address::loopback(), 0};

/// The next call finds a full buffer.
void fill() {
    full_for = 1;
    calls = 0;
}
std::size_t waiting_at(net::udp_socket& receiver) {
    net::datagram_batch batch{64, 16};
    receiver.set_blocking(false);
    std::error_code error;
    return receiver.recv_batch(batch, error).size();
}

}  // namespace

TEST_CASE("with MSG_DONTWAIT a full send buffer loses the datagram and does not stop a thread") {
    net::udp_socket receiver{anywhere}, sender{anywhere};
    const net::endpoint to = receiver.local_endpoint();
    const net::datagram_peer from_here{to, to.address()};
    const std::vector<net::udp_socket::outgoing> many(3, {net::const_buffer{"x"}, to});
    for (const int flags : {0, int{MSG_DONTWAIT}}) {
        INFO(flags);
        const bool waits = flags == 0;
        std::error_code error;
        const auto check = [&](std::size_t datagrams) {
            CHECK((error == net::would_block) == !waits);
            CHECK(static_cast<bool>(error) == !waits);
            CHECK(calls == (waits ? 2 : 1));
            CHECK(waiting_at(receiver) == (waits ? datagrams : 0));
        };
        fill(), sender.send_to("x", to, error, flags), check(1);
        fill(), sender.send_to("x", from_here, error, flags), check(1);
        fill();
        CHECK(sender.send_batch(many, error, flags) == (waits ? 3u : 0u));
        check(3);
        fill();
        CHECK(sender.send_segments("abc", 1, to, error, flags) == (waits ? 3u : 0u));
        check(3);
    }
    fill();
    CHECK(failure_of([&] { sender.send_batch(many, MSG_DONTWAIT); }).code == net::would_block);
    fill();
    CHECK(failure_of([&] { sender.send_segments("abc", 1, to, MSG_DONTWAIT); }).code == net::would_block);
}

TEST_CASE("with MSG_DONTWAIT a full send buffer loses the datagram and does not suspend a task") {
    test_loop loop;
    const auto main = []() -> net::task<> {
        net::udp_socket receiver{anywhere};
        const net::endpoint to = receiver.local_endpoint();
        net::async_udp sender{anywhere};
        net::async_datagram plain{net::socket{net::address_family::inet, net::socket_type::datagram}};
        const std::vector<net::udp_socket::outgoing> many(3, {net::const_buffer{"x"}, to});
        for (const int flags : {0, int{MSG_DONTWAIT}}) {
            INFO(flags);
            const bool waits = flags == 0;
            std::error_code error;
            const auto check = [&](std::size_t datagrams) {
                CHECK((error == net::would_block) == !waits);
                CHECK(static_cast<bool>(error) == !waits);
                CHECK(calls == (waits ? 2 : 1));
                CHECK(waiting_at(receiver) == (waits ? datagrams : 0));
            };
            fill();
            co_await sender.send_to("x", to, error, flags);
            check(1);
            fill();
            std::size_t sent = co_await sender.send_batch(many, error, flags);
            CHECK(sent == (waits ? 3u : 0u));
            check(3);
            fill();
            sent = co_await sender.send_segments("abc", 1, to, error, flags);
            CHECK(sent == (waits ? 3u : 0u));
            check(3);
            fill();
            co_await plain.send_to("x", to, {}, error, flags);
            check(1);
        }
        sender.connect(to);
        for (const bool is_plain : {false, true}) {
            std::error_code thrown;
            try {
                fill();
                if (is_plain)
                    co_await plain.send_to("x", to, {}, MSG_DONTWAIT);
                else
                    co_await sender.send("x", MSG_DONTWAIT);
            } catch (const std::system_error& failure) {
                thrown = failure.code();
            }
            CHECK(thrown == net::would_block);
        }
        co_await sender.send("x", MSG_DONTWAIT);  // the socket is as writable as before
        CHECK(waiting_at(receiver) == 1);
    };
    loop.run(main());
}
