// hello_uring.cpp: a loop on io_uring that looks only for the blank line, for http.py --io-uring: hello_uring [PORT]
//
// It is the least that a server on io_uring can do. It receives and sends through the ring, so one io_uring_enter(2) serves
// many clients. It takes one answer for each receive, so it cannot pipeline, and it believes that each send succeeds whole.

#include <netnotes/coro/io/ring.hpp>
#include <netnotes/tcp/stream.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace net = netnotes;

int main(int argc, char** argv) {
    using net::detail::receive_pool;
    const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0);
    net::tcp_listener listener{{net::ipv4_address::loopback(), port}};
    listener.set_option(net::option::no_delay{});
    std::cout << "listening on " << listener.local_endpoint().port() << std::endl;
    static net::detail::io_uring ring{256, 4096};
    static receive_pool pool{ring};
    ring.enable();
    static constexpr std::string_view answer =
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: 13\r\n\r\nHello, world\n";
    constexpr std::uint64_t accepting = 1, sending = 2, receiving = 3;  // in the low bits of a request's name
    const auto request = [&](unsigned char opcode, int descriptor, std::uint64_t name) -> io_uring_sqe& {
        io_uring_sqe* next = ring.next_request();
        while (!next) {
            ring.enter(net::duration::zero());
            next = ring.next_request();
        }
        next->opcode = opcode;
        next->fd = descriptor;
        next->user_data = static_cast<std::uint64_t>(descriptor) << 2 | name;
        return *next;
    };
    const auto receive = [&](int descriptor) {
        io_uring_sqe& next = request(IORING_OP_RECV, descriptor, receiving);
        next.ioprio = IORING_RECV_MULTISHOT;
        next.flags = IOSQE_BUFFER_SELECT;
        next.buf_group = receive_pool::group;
    };
    request(IORING_OP_ACCEPT, listener.native_handle(), accepting).ioprio = IORING_ACCEPT_MULTISHOT;
    for (;;) {
        ring.enter(net::never);
        ring.for_each_completion([&](const io_uring_cqe& done) {
            const int descriptor = static_cast<int>(done.user_data >> 2);
            if ((done.user_data & 3) == accepting && done.res >= 0) return receive(done.res);
            if ((done.user_data & 3) != receiving) return;
            if ((done.flags & IORING_CQE_F_BUFFER) != 0) {
                const auto id = static_cast<std::uint16_t>(done.flags >> IORING_CQE_BUFFER_SHIFT);
                const std::string_view bytes{reinterpret_cast<const char*>(pool.data(id)),
                                             static_cast<std::size_t>(done.res)};
                if (bytes.find("\r\n\r\n") != bytes.npos) {
                    io_uring_sqe& next = request(IORING_OP_SEND, descriptor, sending);
                    next.addr = reinterpret_cast<std::uintptr_t>(answer.data());
                    next.len = static_cast<std::uint32_t>(answer.size());
                    next.msg_flags = MSG_NOSIGNAL;
                    next.flags = IOSQE_CQE_SKIP_SUCCESS;
                }
                pool.give_back(id);
            }
            if ((done.flags & IORING_CQE_F_MORE) != 0) return;
            if (done.res > 0 || done.res == -ENOBUFS)
                receive(descriptor);
            else
                ::close(descriptor);
        });
    }
}
