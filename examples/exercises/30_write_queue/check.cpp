#include "write_queue.hpp"

#include "grader.hpp"

#include <poll.h>
#include <sys/socket.h>

namespace {

/// A connection between two sockets with small buffers. The peer receives when the check says so.
class connection {
  public:
    connection() {
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_) != 0) std::abort();
        const int size = 4096;
        ::setsockopt(ends_[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
    ~connection() {
        ::close(ends_[0]);
        if (ends_[1] >= 0) ::close(ends_[1]);
    }
    int socket() const { return ends_[0]; }
    /// Receives at most `size` bytes.
    void receive(std::size_t size) {
        std::string room(size, '\0');
        const ssize_t got = ::recv(ends_[1], room.data(), size, 0);
        if (got > 0) received.append(room, 0, static_cast<std::size_t>(got));
    }
    bool takes_no_more() const {
        pollfd room{ends_[0], POLLOUT, 0};
        return ::poll(&room, 1, 0) == 0;
    }
    void vanish() {
        ::close(ends_[1]);
        ends_[1] = -1;
    }
    std::string received;

  private:
    int ends_[2];
};

std::string pattern(std::size_t from, std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + (from + i) % 23);
    return bytes;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto expect_received = [&](const connection& peer, std::size_t size) {
        steps.equal("the peer: bytes received", peer.received.size(), size);
        steps.expect(peer.received == pattern(0, size), "the peer", "received the bytes in order", "they are in another order");
    };
    const auto drain = [&](connection& peer, write_queue& queue) {
        for (int i = 0; i < 10'000 && !queue.unsent.empty(); ++i) {
            peer.receive(1000);
            steps.expect(flush(peer.socket(), queue), "flush()", "returned true", "returned false");
        }
        steps.equal("bytes left in the queue, when the peer has received", queue.unsent.size(), std::size_t{0});
        for (int i = 0; i < 1000; ++i) peer.receive(1000);
    };
    steps.step("a socket with room takes the bytes at once", "有空间的套接字立即接受字节", [&] {
        connection peer;
        write_queue queue;
        steps.equal("put(12 bytes)", put(peer.socket(), queue, pattern(0, 12)), true);
        steps.equal("bytes in the queue", queue.unsent.size(), std::size_t{0});
        steps.equal("put() of no bytes", put(peer.socket(), queue, ""), true);
        steps.equal("flush() of an empty queue", flush(peer.socket(), queue), true);
        peer.receive(100);
        expect_received(peer, 12);
    });
    steps.step("what it does not take waits in the queue", "没有接受的字节在队列里等待", [&] {
        connection peer;
        write_queue queue;
        steps.equal("put(50,000 bytes)", put(peer.socket(), queue, pattern(0, 50'000)), true);
        steps.expect(!queue.unsent.empty() && queue.unsent.size() < 50'000, "the queue", "held the bytes that were not taken",
                     "it holds " + std::to_string(queue.unsent.size()));
        steps.equal("put(), when the socket has no room", put(peer.socket(), queue, pattern(50'000, 1000)), true);
        steps.equal("flush(), when the socket has no room", flush(peer.socket(), queue), true);
        drain(peer, queue);
        expect_received(peer, 51'000);
    });
    steps.step("no bytes overtake the queue", "后来的字节不会抢在队列里的字节之前", [&] {
        connection peer;
        write_queue queue;
        put(peer.socket(), queue, pattern(0, 40'000));
        for (int i = 0; i < 6; ++i) peer.receive(1000);
        put(peer.socket(), queue, pattern(40'000, 10));
        drain(peer, queue);
        expect_received(peer, 40'010);
    });
    steps.step("at the limit it is full, and above it the client is to be closed", "达到上限就满了，超过上限就要关闭客户端", [&] {
        connection peer;
        write_queue queue;
        while (!peer.takes_no_more() || queue.unsent.empty()) put(peer.socket(), queue, pattern(0, 100));
        const std::size_t before = queue.unsent.size();
        queue.limit = before + 5000;
        steps.equal("put() up to the limit", put(peer.socket(), queue, pattern(0, 5000)), true);
        steps.equal("bytes in the queue", queue.unsent.size(), before + 5000);
        steps.equal("put() of one byte more", put(peer.socket(), queue, "x"), false);
        steps.expect(queue.unsent.size() <= queue.limit, "the queue", "stayed at its limit", "it has grown");
        write_queue small{{}, 10};
        connection fresh;
        steps.equal("put(500 bytes) with a limit of 10, when the socket has room", put(fresh.socket(), small, pattern(0, 500)), true);
        steps.equal("bytes in the queue", small.unsent.size(), std::size_t{0});
        steps.equal("put(1 MB) with a limit of 10", put(fresh.socket(), small, pattern(500, 1'000'000)), false);
    });
    steps.step("a client that has gone: false, and no signal", "客户端已经离开：返回 false，没有信号", [&] {
        connection peer, other;
        write_queue queue, full;
        put(other.socket(), full, pattern(0, 50'000));
        peer.vanish();
        other.vanish();
        steps.equal("put() to a client that has gone", put(peer.socket(), queue, "hello"), false);
        steps.equal("flush() to a client that has gone", flush(other.socket(), full), false);
        steps.equal("put() to a client that has gone, behind a queue", put(other.socket(), full, "hello"), false);
    });
    steps.step("random sizes", "随机大小", [&] {
        for (int round = 0; round < 60; ++round) {
            connection peer;
            write_queue queue;
            queue.limit = 1'000'000;
            std::size_t sent = 0;
            for (int i = 0; i < 60; ++i) {
                switch (steps.below(3)) {
                    case 0: {
                        const std::size_t size = steps.below(3000);
                        steps.equal("put()", put(peer.socket(), queue, pattern(sent, size)), true);
                        sent += size;
                        break;
                    }
                    case 1: peer.receive(1 + steps.below(6000)); break;
                    default: steps.equal("flush()", flush(peer.socket(), queue), true);
                }
            }
            drain(peer, queue);
            expect_received(peer, sent);
        }
    });
    return steps.result();
}
