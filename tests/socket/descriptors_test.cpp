// What socket/descriptors.hpp promises: descriptors arrive with their bytes, close-on-exec, and no descriptor leaks.

#include <netnotes/socket/descriptors.hpp>

#include "sockets.hpp"

#include <sys/wait.h>

#include <functional>
#include <thread>

// Link with --wrap=ppoll: a test can take the place of a wait of its thread.
namespace {
thread_local std::function<int(pollfd* watched, const timespec* left)> on_ppoll;
}
extern "C" {
int __real_ppoll(pollfd* watched, nfds_t count, const timespec* left, const sigset_t* signals);
int __wrap_ppoll(pollfd* watched, nfds_t count, const timespec* left, const sigset_t* signals);
int __wrap_ppoll(pollfd* watched, nfds_t count, const timespec* left, const sigset_t* signals) {
    return on_ppoll && left ? on_ppoll(watched, left) : __real_ppoll(watched, count, left, signals);
}
}

namespace {

bool same_file(int a, int b) {
    struct stat one {
    }, other{};
    return ::fstat(a, &one) == 0 && ::fstat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}
std::vector<socket_type> unix_types() {
    return {socket_type::stream, socket_type::datagram, socket_type::sequenced_packet};
}

TEST_CASE("descriptors arrive in order with their bytes and close-on-exec") {
    const auto before = open_descriptors();
    for (const socket_type type : unix_types()) {
        auto [first, second] = net::socket_pair(type);
        int pipe[2];
        REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
        const net::owned_descriptor in{pipe[0]}, out{pipe[1]};
        net::send_descriptors(first, pipe, "a pipe");
        char buffer[32];
        const auto got = net::recv_descriptors(second, buffer);
        CHECK(net::as_text(got.bytes) == "a pipe");
        CHECK_FALSE(got.truncated);
        REQUIRE(got.descriptors.size() == 2);
        for (std::size_t i = 0; i < 2; ++i) {
            CHECK(got.descriptors[i].native_handle() != pipe[i]);
            CHECK(same_file(got.descriptors[i].native_handle(), pipe[i]));
            CHECK(is_close_on_exec(got.descriptors[i].native_handle()));
        }
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("descriptors that are sent give new time to a socket with an answer timeout") {
    constexpr net::duration limit = 60ms;
    for (bool is_done = false; !is_done;) {  // again if the machine has kept the send waiting for the limit
        auto [here, there] = net::socket_pair();
        here.set_answer_timeout(limit);
        std::this_thread::sleep_for(limit / 2);
        const auto sent = net::clock::now();
        std::error_code error;
        net::send_descriptors(here, std::array{0}, "x", error);
        is_done = !error;
        char c[1];
        here.recv(c, error);
        CHECK(error == std::errc::timed_out);
        if (is_done) CHECK(net::clock::now() - sent >= limit);
    }
}

TEST_CASE("a connection is handed on") {
    auto [here, there] = net::socket_pair();
    auto [client, server] = tcp_pair();
    net::send_descriptors(here, std::array{server.native_handle()}, "x");
    server.close();
    char buffer[8];
    auto got = net::recv_descriptors(there, buffer);
    REQUIRE(got.descriptors.size() == 1);
    net::socket worker{got.descriptors[0].release()};
    worker.send_all("from the worker");
    worker.close();
    CHECK(receive_all(client) == "from the worker");
}

TEST_CASE("more descriptors than allowed are all closed and are an error") {
    for (const socket_type type : unix_types()) {
        for (const std::size_t room : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
            auto [first, second] = net::socket_pair(type);
            const std::vector<int> three(3, 0);
            net::send_descriptors(first, three, "three");
            net::send_descriptors(first, std::vector<int>(room, 0), "enough");
            char buffer[5];
            const auto before = open_descriptors();
            std::error_code error;
            const auto cut = net::recv_descriptors(second, buffer, room, error);
            CHECK(error == std::errc::message_size);
            CHECK(cut.descriptors.empty());
            CHECK(open_descriptors() == before);
            CHECK(net::as_text(cut.bytes) == "three");
            char more[6];
            CHECK(net::recv_descriptors(second, more, room, error).descriptors.size() == room);
            CHECK_FALSE(error);
            net::send_descriptors(first, three, "three");
            CHECK(failure_of([&, &second = second] { (void)net::recv_descriptors(second, buffer, room); }).code ==
                  std::errc::message_size);
        }
    }
}

TEST_CASE("a process that may open no more descriptors is told and keeps none") {
    auto [first, second] = net::socket_pair();
    net::send_descriptors(first, std::vector<int>(3, 0), "x");
    struct rlimit before {};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const auto open = open_descriptors();
    const net::owned_descriptor lowest{::dup(0)};
    struct rlimit few = before;
    few.rlim_cur = static_cast<rlim_t>(lowest.native_handle()) + 2;  // one may come, perhaps
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    char buffer[8];
    std::error_code error;
    const auto got = net::recv_descriptors(second, buffer, 16, error);
    ::setrlimit(RLIMIT_NOFILE, &before);
    CHECK(error == std::errc::too_many_files_open);
    CHECK(got.descriptors.empty());
    CHECK(open_descriptors() == open + 1);
}

TEST_CASE("descriptors arrive beside the credentials that the program has asked for") {
    for (const socket_type type : unix_types())
        for (std::size_t count = 0; count <= 20; ++count) {
            CAPTURE(count);
            auto [first, second] = net::socket_pair(type);
            second.set_option(SOL_SOCKET, SO_PASSCRED, 1);
            net::send_descriptors(first, std::vector<int>(count, 0), "x");
            char buffer[8];
            std::error_code error;
            CHECK(net::recv_descriptors(second, buffer, count, error).descriptors.size() == count);
            CHECK_FALSE(error);
            if (count == 0) continue;
            net::send_descriptors(first, std::vector<int>(count, 0), "x");
            const auto before = open_descriptors();
            static_cast<void>(net::recv_descriptors(second, buffer, count - 1, error));
            CHECK(error == std::errc::message_size);
            CHECK(open_descriptors() == before);
        }
}

TEST_CASE("the descriptor of the sender's process that the program has asked for is closed") {
    constexpr int pass_pidfd = 76;  // SO_PASSPIDFD, of Linux 6.5
    auto [first, second] = net::socket_pair();
    std::error_code unknown;
    const int on = 1;
    second.set_option(SOL_SOCKET, pass_pidfd, net::detail::bytes_of(on), unknown);
    if (unknown) NETNOTES_SKIP("this kernel passes no pidfd");
    const auto before = open_descriptors();
    char buffer[8];
    for (const std::size_t count : {0u, 1u}) {
        net::send_descriptors(first, std::vector<int>(count, 0), "x");
        CHECK(net::recv_descriptors(second, buffer).descriptors.size() == count);
        CHECK(open_descriptors() == before);
    }
}

TEST_CASE("both parts of a long message with descriptors share one timeout") {
    auto [first, second] = net::socket_pair();
    net::socket &sender = first, &receiver = second;
    receiver.set_blocking(false);
    sender.set_blocking(false);
    std::error_code error;
    while (!error) sender.send(much(), error);
    sender.set_timeout(a_while);
    std::vector<net::duration> waits;
    on_ppoll = [&](pollfd* watched, const timespec* left) {
        waits.push_back(std::chrono::seconds{left->tv_sec} + std::chrono::nanoseconds{left->tv_nsec});
        if (waits.size() > 1) return 0;  // its time is up
        std::this_thread::sleep_until(net::clock::now() + waits.front());
        std::error_code empty;
        char room[4096];
        while (!empty) receiver.recv(room, empty);
        watched->revents = POLLOUT;
        return 1;
    };
    const int standard_input[] = {0};
    const std::size_t sent = net::send_descriptors(sender, standard_input, much(), error);
    on_ppoll = nullptr;
    if (waits.empty()) NETNOTES_SKIP("ppoll has another name here");
    CHECK(error == std::errc::timed_out);
    CHECK(sent > 0);
    CHECK(sent < much().size());
    waits.erase(waits.begin());
    for (const net::duration wait : waits) CHECK(wait == 0s);  // the first part has used up the time
}

TEST_CASE("a datagram without bytes brings its descriptors, too") {
    const auto before = open_descriptors();
    for (const socket_type type : {socket_type::datagram, socket_type::sequenced_packet}) {
        auto [first, second] = net::socket_pair(type);
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
        msghdr message{};
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* const part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof(int));  // the data is 0, standard input
        REQUIRE(::sendmsg(first.native_handle(), &message, 0) == 0);
        char buffer[8];
        const auto got = net::recv_descriptors(second, buffer);
        CHECK(got.bytes.empty());
        CHECK(got.descriptors.size() == 1);
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("descriptors need a byte and have a largest number") {
    auto [first, second] = net::socket_pair();
    std::error_code error;
    CHECK(net::send_descriptors(first, std::array{0}, "", error) == 0);
    CHECK(error == std::errc::invalid_argument);
    net::send_descriptors(first, std::vector<int>(net::max_descriptors + 1, 0), "x", error);
    CHECK(error == std::errc::invalid_argument);
    net::send_descriptors(first, std::array{-1}, "x", error);
    CHECK(error == std::errc::bad_file_descriptor);
    char buffer[8];
    net::send_descriptors(first, std::vector<int>(net::max_descriptors, 0), "x");
    CHECK(net::recv_descriptors(second, buffer, net::max_descriptors).descriptors.size() == net::max_descriptors);
    net::send_descriptors(first, {}, "none");
    CHECK(net::recv_descriptors(second, buffer).descriptors.empty());
    first.close();
    CHECK(net::recv_descriptors(second, buffer).bytes.empty());  // the end of the stream
}

TEST_CASE("descriptors travel with the first of many bytes and the rest follows") {
    auto [first, second] = net::socket_pair();
    background sender{[&first = first] {
        net::send_descriptors(first, std::array{0}, std::string_view{much()});
        first.close();
    }};
    char buffer[100];
    const auto got = net::recv_descriptors(second, buffer);
    CHECK(got.descriptors.size() == 1);
    const std::string rest = receive_all(second);
    sender.get();
    CHECK(got.bytes.size() + rest.size() == much().size());
    CHECK((rest == much().substr(got.bytes.size())));
}

TEST_CASE("a wait for descriptors has the socket's time limit") {
    auto [first, second] = net::socket_pair();
    second.set_timeout(a_while);
    char buffer[8];
    CHECK(failure_of([&, &second = second] { (void)net::recv_descriptors(second, buffer); }).code ==
          std::errc::timed_out);
}

TEST_CASE("a plain receive takes no descriptors") {
    auto [first, second] = net::socket_pair();
    net::send_descriptors(first, std::array{0, 1, 2}, "bytes only");
    const auto before = open_descriptors();
    CHECK(receive_exactly(second, 10) == "bytes only");
    CHECK(open_descriptors() == before);
}

TEST_CASE("the kernel tells who the peer is") {
    const net::credentials own{::getpid(), ::getuid(), ::getgid()};
    auto [first, second] = net::socket_pair();
    CHECK(net::peer_credentials(first) == own);
    net::socket listener{address_family::local, socket_type::stream},
        client{address_family::local, socket_type::stream};
    listener.bind(unused_name());
    listener.listen();
    std::error_code error;
    CHECK(net::peer_credentials(client, error) == net::credentials{});
    CHECK(error == std::errc::not_connected);
    client.connect(listener.local_endpoint());
    CHECK(net::peer_credentials(client) == own);
    auto [one, other] = tcp_pair();
    CHECK(failure_of([&one = one] { (void)net::peer_credentials(one); }).code == std::errc::operation_not_supported);

    const pid_t child = ::fork();  // another process connects
    if (child == 0) {
        net::socket from_child{address_family::local, socket_type::stream};
        from_child.connect(listener.local_endpoint(), error);
        ::_exit(error ? 1 : 0);
    }
    listener.accept();
    CHECK(net::peer_credentials(listener.accept().connection).process == child);
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

}  // namespace
