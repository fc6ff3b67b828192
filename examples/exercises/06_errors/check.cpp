#include "grader.hpp"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

// This check speaks to the system directly, because the answers are about the system's own calls.
namespace {

using grader::question;

std::string name_of(int error) {
    constexpr std::pair<int, const char*> names[] = {
        {0, "ok"},
        {EACCES, "EACCES"},
        {EADDRINUSE, "EADDRINUSE"},
        {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
        {EAFNOSUPPORT, "EAFNOSUPPORT"},
        {EAGAIN, "EAGAIN"},
        {EBADF, "EBADF"},
        {ECONNREFUSED, "ECONNREFUSED"},
        {ECONNRESET, "ECONNRESET"},
        {EDESTADDRREQ, "EDESTADDRREQ"},
        {EINPROGRESS, "EINPROGRESS"},
        {EINVAL, "EINVAL"},
        {EISCONN, "EISCONN"},
        {EMSGSIZE, "EMSGSIZE"},
        {ENOENT, "ENOENT"},
        {ENOTCONN, "ENOTCONN"},
        {ENOTSOCK, "ENOTSOCK"},
        {EOPNOTSUPP, "EOPNOTSUPP"},
        {EPIPE, "EPIPE"},
        {EPROTOTYPE, "EPROTOTYPE"},
    };
    for (const auto& [number, name] : names)
        if (number == error) return name;
    return "errno " + std::to_string(error);
}
std::string result_of(ssize_t result) { return result < 0 ? name_of(errno) : "ok"; }

struct address : sockaddr_in {
    explicit address(std::uint16_t port = 0, std::uint32_t host = INADDR_LOOPBACK) : sockaddr_in{} {
        sin_family = AF_INET;
        sin_port = htons(port);
        sin_addr.s_addr = htonl(host);
    }
    operator const sockaddr*() const { return reinterpret_cast<const sockaddr*>(this); }
};
/// A descriptor that closes itself.
struct descriptor {
    explicit descriptor(int fd) : number{fd} {}
    descriptor(descriptor&& other) noexcept : number{std::exchange(other.number, -1)} {}
    ~descriptor() { close(); }
    void close() {
        if (number >= 0) ::close(number);
        number = -1;
    }
    operator int() const { return number; }
    int number;
};
descriptor tcp() { return descriptor{::socket(AF_INET, SOCK_STREAM, 0)}; }
descriptor udp() { return descriptor{::socket(AF_INET, SOCK_DGRAM, 0)}; }
std::uint16_t bound(int fd, std::uint32_t host = INADDR_LOOPBACK) {
    address where{0, host};
    socklen_t size = sizeof(sockaddr_in);
    ::bind(fd, where, size);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(static_cast<sockaddr_in*>(&where)), &size);
    return ntohs(where.sin_port);
}
ssize_t connected(int fd, std::uint16_t port) { return ::connect(fd, address{port}, sizeof(sockaddr_in)); }
ssize_t sent(int fd, std::size_t size = 1, std::uint16_t port = 0, std::uint32_t host = INADDR_LOOPBACK) {
    const std::string bytes(size, 'x');
    if (port == 0) return ::send(fd, bytes.data(), size, MSG_NOSIGNAL);
    return ::sendto(fd, bytes.data(), size, MSG_NOSIGNAL, address{port, host}, sizeof(sockaddr_in));
}
ssize_t received(int fd) {
    char byte;
    return ::recv(fd, &byte, 1, 0);
}
void wait_for(int fd, short events) {
    pollfd waiting{fd, events, 0};
    ::poll(&waiting, 1, 5000 * grader::patience);
}
/// A connection over TCP; `server` is the accepted side.
struct pair {
    descriptor listener = tcp(), client = tcp(), server{-1};
    pair() {
        const auto port = bound(listener);
        ::listen(listener, 5);
        connected(client, port);
        server.number = ::accept(listener, nullptr, nullptr);
    }
    void reset_by_server() {
        const linger now{1, 0};
        ::setsockopt(server, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        server.close();
        wait_for(client, POLLIN);
    }
};

// ---- The calls. Each returns the name of its error, as this computer gives it now. -----------------------------------

std::string refused() {
    const descriptor taken = tcp(), client = tcp();
    return result_of(connected(client, bound(taken)));  // bound, but it does not listen
}
std::string in_use() {
    const descriptor first = tcp(), second = tcp();
    const auto port = bound(first);
    return result_of(::bind(second, address{port}, sizeof(sockaddr_in)));
}
std::string both_protocols() {
    for (;;) {
        const descriptor first = tcp(), second = udp();
        const auto port = bound(first);
        const std::string result = result_of(::bind(second, address{port}, sizeof(sockaddr_in)));
        if (result != "EADDRINUSE") return result;  // otherwise another program has the UDP port by chance
    }
}
std::string foreign_address() { return result_of(::bind(tcp(), address{0, 0xc0000201}, sizeof(sockaddr_in))); }
std::string second_connect() {
    const pair both;
    const descriptor other = tcp();
    const auto port = bound(other);
    return result_of(connected(both.client, port));
}
std::string not_connected() { return result_of(received(tcp())); }
std::string send_not_connected() { return result_of(sent(tcp())); }
std::string accept_without_listen() {
    const descriptor socket = tcp();
    bound(socket);
    return result_of(::accept(socket, nullptr, nullptr));
}
std::string listen_on_udp() { return result_of(::listen(udp(), 5)); }
std::string nothing_there() {
    const pair both;
    ::fcntl(both.client, F_SETFL, O_NONBLOCK);
    return result_of(received(both.client));
}
std::string timeout() {
    const pair both;
    const timeval soon{0, 10'000};
    ::setsockopt(both.client, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    return result_of(received(both.client));
}
std::string recv_after_reset() {
    pair both;
    both.reset_by_server();
    return result_of(received(both.client));
}
std::string send_after_shutdown() {
    const pair both;
    ::shutdown(both.client, SHUT_WR);
    return result_of(sent(both.client));
}
std::string send_to_closed(int which) {
    pair both;
    both.server.close();
    wait_for(both.client, POLLIN);
    std::string result = result_of(sent(both.client));
    wait_for(both.client, 0);  // until the reset has come
    if (which == 2) result = result_of(sent(both.client));
    return result;
}
std::string recv_after_close() {
    pair both;
    both.server.close();
    return received(both.client) == 0 ? "0" : "not 0";
}
std::string not_a_socket() {
    const descriptor file{::open("/dev/null", O_RDWR)};
    return result_of(sent(file));
}
std::string closed_descriptor() {
    descriptor socket = tcp();
    const int number = socket;
    socket.close();
    return result_of(sent(number));
}
std::string no_destination() { return result_of(sent(udp())); }
std::string udp_size(std::size_t size) {
    const descriptor receiver = udp(), sender = udp();
    const int room = 1 << 20;
    ::setsockopt(sender, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    return result_of(sent(sender, size, bound(receiver)));
}
std::string broadcast() { return result_of(sent(udp(), 1, 9, 0x7fffffff)); }
std::string udp_nobody(int which) {
    const descriptor sender = udp();
    {
        const descriptor gone = udp();
        connected(sender, bound(gone));
    }
    std::string result = result_of(sent(sender));
    if (which == 2) {
        wait_for(sender, POLLIN);  // the host says: port unreachable
        result = result_of(sent(sender));
    }
    return result;
}
std::string wrong_family() {
    sockaddr_in6 where{};
    where.sin6_family = AF_INET6;
    where.sin6_port = htons(9);
    where.sin6_addr = in6addr_loopback;
    return result_of(::connect(tcp(), reinterpret_cast<const sockaddr*>(&where), sizeof where));
}
std::string no_such_path() {
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    std::strcpy(where.sun_path, "/nowhere/at/all");
    const descriptor socket{::socket(AF_UNIX, SOCK_STREAM, 0)};
    return result_of(::connect(socket, reinterpret_cast<const sockaddr*>(&where), sizeof where));
}
std::string pending_error_read_twice() {
    const descriptor taken = tcp(), client = tcp();
    const auto port = bound(taken);
    ::fcntl(client, F_SETFL, O_NONBLOCK);
    connected(client, port);
    wait_for(client, POLLOUT);
    int error = 0;
    socklen_t size = sizeof error;
    for (int i = 0; i < 2; ++i) ::getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &size);
    return name_of(error);
}

std::vector<question> make(std::uint32_t seed) {
    std::vector<question> all;
    const auto ask = [&](const char* text, const std::string& answer, const char* english, const char* chinese) {
        all.push_back({text, answer, grader::either(english, chinese)});
    };
    ask("tcp: connect() to a port where no program listens", refused(), "The host answers with a reset.",
        "主机用复位报文回答。");
    ask("tcp: bind() to a port that another socket has", in_use(), "An address and a port belong to one socket.",
        "一个地址和端口只属于一个套接字。");
    ask("udp: bind() to a port that a tcp socket has", both_protocols(), "TCP and UDP count their ports separately.",
        "TCP 和 UDP 的端口互相独立。");
    ask("tcp: bind() to 192.0.2.1, which is no address of this host", foreign_address(), "See bind(2).",
        "见 bind(2)。");
    ask("tcp: recv() before connect()", not_connected(), "There is no peer yet.", "还没有对端。");
    ask("tcp: recv() with O_NONBLOCK, and no byte is there", nothing_there(), "Try again later.", "稍后再试。");
    ask("tcp: recv() with SO_RCVTIMEO, and the time is over", timeout(),
        "See SO_RCVTIMEO in socket(7): it is not ETIMEDOUT.", "见 socket(7) 的 SO_RCVTIMEO：不是 ETIMEDOUT。");
    ask("tcp: recv() after the peer has reset the connection", recv_after_reset(), "The peer sent RST.",
        "对端发送了 RST。");
    ask("tcp: the first send() after the peer has called close()", send_to_closed(1),
        "The FIN says only that the peer sends no more. The kernel sends the bytes.",
        "FIN 只表示对端不再发送。内核照样发出字节。");
    ask("tcp: the second send(), when the reset has arrived", send_to_closed(2),
        "Without MSG_NOSIGNAL a signal ends the program here.", "没有 MSG_NOSIGNAL，程序在这里会被信号终止。");
    ask("udp: send() before connect()", no_destination(), "To which address?", "发到哪个地址？");
    ask("udp: sendto() with 65507 bytes to 127.0.0.1", udp_size(65507), "65535 - 20 - 8.", "65535 - 20 - 8。");
    ask("udp: sendto() a broadcast address without SO_BROADCAST", broadcast(),
        "The program has to ask for the permission.", "程序必须先申请许可。");
    ask("udp: the first send() to a port without a socket", udp_nobody(1),
        "The kernel has sent it; the answer is still to come.", "内核已经发出；回答还没有到。");
    ask("udp: the second send(), when the host's answer has arrived", udp_nobody(2),
        "A connected socket reports the ICMP message of the first datagram.",
        "已连接的套接字报告第一个数据报引起的 ICMP 报文。");

    std::vector<question> others;
    std::swap(all, others);
    ask("tcp: connect() of a socket that is connected", second_connect(), "It has a peer.", "它已经有对端。");
    ask("tcp: send() before connect()", send_not_connected(), "tcp(7): it is as if the peer had gone.",
        "tcp(7)：如同对端已经离开。");
    ask("tcp: accept() before listen()", accept_without_listen(), "See accept(2).", "见 accept(2)。");
    ask("udp: listen()", listen_on_udp(), "UDP has no connections.", "UDP 没有连接。");
    ask("tcp: send() after shutdown(SHUT_WR)", send_after_shutdown(), "This side has said that it sends no more.",
        "这一端已声明不再发送。");
    ask("send() on a descriptor of /dev/null", not_a_socket(), "It is a file.", "它是文件。");
    ask("send() on a closed descriptor", closed_descriptor(), "The number belongs to no file.",
        "这个号码不属于任何文件。");
    ask("tcp: connect() of an AF_INET socket to an AF_INET6 address", wrong_family(), "The families differ.",
        "地址族不同。");
    ask("unix: connect() to a path that does not exist", no_such_path(), "As open(2) of that path.",
        "与 open(2) 该路径相同。");
    ask("tcp: SO_ERROR of a refused connection, read for the second time", pending_error_read_twice(),
        "Reading SO_ERROR clears it.", "读取 SO_ERROR 会将它清除。");
    ask("tcp: recv() after the peer has called close() returns the number", recv_after_close(),
        "The end of the stream.", "流的结束。");
    std::mt19937 random{seed};
    std::shuffle(all.begin(), all.end(), random);
    all.resize(6);
    const std::size_t size = 65500 + random() % 16;
    ask(("udp: sendto() with " + std::to_string(size) + " bytes to 127.0.0.1").c_str(), udp_size(size),
        "65535 - 20 - 8 is the most.", "最多 65535 - 20 - 8。");
    others.insert(others.end(), all.begin(), all.end());
    return others;
}

}  // namespace

int main(int argc, char** argv) { return grader::run_sheet(argc, argv, make); }
