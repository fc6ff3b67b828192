#include "grader.hpp"

#include <netnotes/tcp.hpp>
#include <netnotes/udp.hpp>

#include <sys/ioctl.h>

#include <algorithm>

namespace {

namespace net = netnotes;
using grader::question;
using sizes = std::vector<std::size_t>;

/// A sender and a receiver over UDP, or over TCP.
struct udp_pair {
    net::udp_socket receiver{{net::ipv4_address::loopback(), 0}}, sender{net::address_family::inet};
    udp_pair() {
        sender.connect(receiver.local_endpoint());
        receiver.set_timeout(std::chrono::seconds{5} * grader::patience);
    }
    int fd() const { return receiver.native_handle(); }
};
struct tcp_pair {
    net::tcp_stream sender, receiver;
    tcp_pair() {
        net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
        sender = net::tcp_stream{listener.local_endpoint()};
        receiver = std::move(listener.accept().stream);
        receiver.set_timeout(std::chrono::seconds{5} * grader::patience);
    }
    int fd() const { return receiver.native_handle(); }
    void wait_for(std::size_t size) const {
        std::vector<char> all(size);
        ::recv(fd(), all.data(), size, MSG_PEEK | MSG_WAITALL);
    }
};

std::string shown(const sizes& values) {
    std::string out;
    for (const std::size_t each : values) out += (out.empty() ? "" : ", ") + std::to_string(each);
    return out;
}
std::string plural(const sizes& values) { return shown(values) + " bytes"; }
const char* borders() {
    return grader::either("A recv() takes one datagram. The buffer has no room for the rest, which is lost.",
                          "一次 recv() 取走一个数据报。缓冲区放不下的部分就丢失了。");
}
const char* stream() {
    return grader::either("TCP carries a stream of bytes: it does not know where a send() ended.",
                          "TCP 传送的是字节流：它不知道一次 send() 在哪里结束。");
}

/// What the calls of recv() return, one after the other.
template <class Pair>
std::string returned(const Pair& both, std::size_t room, std::size_t calls, int flags = 0) {
    std::vector<char> buffer(room);
    std::string out;
    for (std::size_t i = 0; i < calls; ++i) {
        const ssize_t size = ::recv(both.fd(), buffer.data(), room, flags);
        out += (i > 0 ? " " : "") + (size < 0 ? std::string{"error"} : std::to_string(size));
    }
    return out;
}
question udp(const sizes& sent, std::size_t room) {
    udp_pair both;
    for (const std::size_t size : sent) both.sender.send(std::string(size, 'x'));
    return {"udp: sent " + plural(sent) + "; buffer " + std::to_string(room) + "; the " + std::to_string(sent.size()) +
                " calls of recv() return",
            returned(both, room, sent.size()), borders()};
}
question tcp(const sizes& sent, std::size_t room, std::size_t calls) {
    tcp_pair both;
    std::size_t total = 0;
    for (const std::size_t size : sent) both.sender.send_all(std::string(size, 'x')), total += size;
    both.wait_for(total);
    return {"tcp: sent " + plural(sent) + ", all have arrived; buffer " + std::to_string(room) + "; the first " +
                (calls == 1 ? "call of recv() returns" : std::to_string(calls) + " calls of recv() return"),
            returned(both, room, calls), stream()};
}
question ended(bool is_tcp) {
    std::string answer;
    if (is_tcp) {
        tcp_pair both;
        both.sender.send_all("abc");
        both.sender.send_all("");
        both.sender.close();
        answer = returned(both, 10, 3);
    } else {
        udp_pair both;
        for (const char* text : {"abc", "", "de"}) both.sender.send(text);
        both.sender.close();
        answer = returned(both, 10, 3);
    }
    return {is_tcp ? "tcp: sent 3, 0 bytes, then close(); buffer 10; 3 calls of recv() return"
                   : "udp: sent 3, 0, 2 bytes, then close(); buffer 10; 3 calls of recv() return",
            answer,
            grader::either("UDP carries an empty datagram, and close() sends none. TCP sends no empty segment for you, "
                           "and 0 is the end.",
                           "UDP 能传送空数据报，而 close() 不发送数据报。TCP 不会为你发送空报文段，0 表示结束。")};
}
question flagged(const char* name, int flags, std::size_t size, std::size_t room) {
    udp_pair both;
    both.sender.send(std::string(size, 'x'));
    both.sender.send(std::string(size + 1, 'x'));
    std::string first = returned(both, room, 1, flags);
    return {"udp: sent " + plural({size, size + 1}) + "; buffer " + std::to_string(room) + "; recv() with " + name +
                ", then recv() without it return",
            first + " " + returned(both, room, 1),
            grader::either("MSG_TRUNC returns the true size; MSG_PEEK leaves the datagram where it is.",
                           "MSG_TRUNC 返回真正的大小；MSG_PEEK 把数据报留在原处。")};
}
question waiting(const sizes& sent) {
    udp_pair both;
    for (const std::size_t size : sent) both.sender.send(std::string(size, 'x'));
    int size = 0;
    ::ioctl(both.fd(), FIONREAD, &size);
    return {
        "udp: sent " + plural(sent) + "; FIONREAD says", std::to_string(size),
        grader::either("It tells the size of the next datagram only: udp(7).", "它只给出下一个数据报的大小：udp(7)。")};
}
question largest(std::size_t size) {
    udp_pair both;
    std::error_code error;
    both.sender.send(std::string(size, 'x'), error);
    return {"udp over IPv4: may a datagram have " + std::to_string(size) + " bytes (yes or no)", error ? "no" : "yes",
            grader::either("65535 - 20 - 8.", "65535 - 20 - 8。")};
}

std::vector<question> make(std::uint32_t seed) {
    std::vector<question> all{udp({3, 3}, 100),   tcp({3, 3}, 100, 1), udp({10, 3}, 4),
                              tcp({10, 3}, 4, 4), ended(false),        ended(true)};
    all.push_back(flagged("MSG_TRUNC", MSG_TRUNC, 10, 4));
    all.push_back(flagged("MSG_PEEK", MSG_PEEK, 10, 4));
    all.push_back(waiting({5, 7, 9}));
    for (const std::size_t size : {65507u, 65508u}) all.push_back(largest(size));

    std::mt19937 random{seed};
    const auto some = [&](std::size_t count) {
        sizes out(count);
        for (std::size_t& each : out) each = 1 + random() % 60;
        return out;
    };
    for (int i = 0; i < 2; ++i) all.push_back(udp(some(3 + random() % 3), 8 + random() % 40));
    for (int i = 0; i < 2; ++i) {
        const sizes sent = some(4);
        std::size_t total = 0;
        for (const std::size_t each : sent) total += each;
        const std::size_t room = total / 3 + 1;
        all.push_back(tcp(sent, room, 3));
    }
    all.push_back(waiting(some(3)));
    const std::size_t size = 20 + random() % 40;
    all.push_back(flagged("MSG_TRUNC", MSG_TRUNC, size, 1 + random() % 19));
    return all;
}

}  // namespace

int main(int argc, char** argv) { return grader::run_sheet(argc, argv, make); }
