// What the library does when the kernel says no: every system call that it makes is made to fail, to be
// interrupted and to do less than it was asked for (faults.hpp). What must come of it is always one of two: the
// work is done as if nothing had been, or there is an error that tells; never a crash, a hang, a lost byte,
// a lost descriptor, thread or child.

#include <netnotes/netnotes.hpp>
#include <netnotes/socket/iostream.hpp>

#include "../faults.hpp"
#include "../support.hpp"

#include <atomic>
#include <csignal>
#include <functional>
#include <future>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace std::string_literals;
using Catch::Matchers::ContainsSubstring;
using faults::call;
using faults::script;
using faults::under;
using net::address_family;
using net::socket_type;
using support::background;
using support::failure_of;
using support::links;
using support::listening;
using support::loopbacks;
using support::open_descriptors;
using support::pattern;
using support::receive_all;
using support::receive_exactly;

namespace {

constexpr auto a_while = 30ms;
const net::ip_address localhost = net::ipv4_address::loopback();
const net::endpoint anywhere_on_loopback{localhost, 0};

std::error_code system_error(int number) { return {number, std::system_category()}; }

/// All that may wait is interrupted three times before it gets through.
void interrupt_everything(script& chosen) {
    for (const call what : faults::interruptible) chosen.interrupt(what, 3);
}

bool has_children() {
    siginfo_t any{};
    return ::waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) == 0;
}
std::ptrdiff_t running_threads() {
    const std::filesystem::directory_iterator all{"/proc/self/task"};
    return std::distance(begin(all), end(all));
}
/// A joined thread may be seen for a moment longer, so the test looks again until the number is right.
bool has_threads(std::ptrdiff_t expected) {
    for (const auto give_up = net::clock::now() + 120s; running_threads() != expected; std::this_thread::yield())
        if (net::clock::now() > give_up) return false;
    return true;
}

/// Can this kernel cut a long datagram apart? Where it cannot, it is never asked to.
bool kernel_segments() {
    int size = 0;
    std::error_code error;
    net::socket{address_family::inet, socket_type::datagram}.get_option(
        IPPROTO_UDP, UDP_SEGMENT, std::as_writable_bytes(std::span{&size, 1}), error);
    return !error;
}

}  // namespace

// ---- The seam itself -----------------------------------------------------------------------------------

TEST_CASE("a script makes the calls fail that it names and no other") {
    auto [first, second] = net::socket_pair();
    first.send_all("abcdef");
    script chosen;
    chosen.fail(call::recv, EIO, 2);
    char c[8];
    {
        const under here{chosen};
        CHECK(::recv(second.native_handle(), c, 1, 0) == 1);
        errno = 0;
        CHECK(::recv(second.native_handle(), c, 1, 0) == -1);
        CHECK(errno == EIO);
        CHECK(::recv(second.native_handle(), c, 1, 0) == 1);
        chosen.at_most(call::recv, 2);
        CHECK(::recv(second.native_handle(), c, 8, 0) == 2);
        chosen.interrupt(call::recv, 1);
        CHECK(::recv(second.native_handle(), c, 8, 0) == -1);
        CHECK(errno == EINTR);
        background other_thread{
            [&socket = second] { return ::recv(socket.native_handle(), std::string(1, ' ').data(), 1, 0); }};
        CHECK(other_thread.get() == 1);  // it is not under the script
    }
    CHECK(chosen.made(call::recv) == 5);
    CHECK(chosen.failed() == 2);
    CHECK(::recv(second.native_handle(), c, 8, 0) == 1);  // nor is this one any more
    CHECK(c[0] == 'f');
}

TEST_CASE("the same seed brings the same faults") {
    const auto fates = [](std::uint32_t seed) {
        script chosen;
        chosen.random(seed, 30);
        std::vector<faults::fate> all;
        for (int i = 0; i < 100; ++i) all.push_back(chosen.next(i % 2 ? call::recv : call::send));
        return all;
    };
    CHECK((fates(1) == fates(1)));
    CHECK_FALSE((fates(1) == fates(2)));
}

TEST_CASE("a script is shared by the processes that come of one and by threads where it says so") {
    script chosen;
    chosen.fail(call::read, EIO, 3);
    chosen.fail(call::read, EINTR, 5);
    char c[1];
    const auto attempt = [&] { return ::read(-1, c, 0) == 0 ? 0 : errno; };  // without a fault it is EBADF
    const under here{chosen};
    CHECK(attempt() == EBADF);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(attempt() == EBADF && attempt() == EIO ? 0 : 1);
    int status = -1;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
    CHECK(attempt() == EBADF);
    CHECK(chosen.made(call::read) == 4);
    int of_thread = 0;
    std::thread{[&] { of_thread = attempt(); }}.join();
    CHECK(of_thread == EBADF);
    chosen.follow_threads();
    std::thread{[&] { of_thread = attempt(); }}.join();
    CHECK(of_thread == EINTR);
    CHECK(chosen.made(call::read) == 5);
    chosen.fail(call::thread_start, EAGAIN);
    CHECK(failure_of([] { std::thread{[] {}}; }).code == std::errc::resource_unavailable_try_again);
}

TEST_CASE("every call of the library is caught by the seam") {
    // Were one of them not wrapped by the linker, its faults would be none and the tests below worth nothing.
    script chosen;
    for (std::size_t i = 0; i < faults::names.size(); ++i) chosen.fail_always(static_cast<call>(i), EIO);
    net::socket socket{address_family::inet, socket_type::stream};
    net::socket datagrams{address_family::inet, socket_type::datagram};
    net::epoll_poller poller;
    net::poll_poller poll_poller;
    net::select_poller select_poller;
    net::stop_event stop;
    const net::socket_address where{anywhere_on_loopback};
    const net::udp_socket receiver{anywhere_on_loopback};
    net::udp_socket sender{anywhere_on_loopback};
    const net::endpoint there = receiver.local_endpoint();
    sender.send_segments("xx", 1, there);  // now it knows whether the kernel can
    net::datagram_batch batch{1};
    const bool segments = kernel_segments();
    socket.set_timeout(0s);
    const under here{chosen};
    const auto fails = [](auto call_it) { return failure_of(call_it).code == system_error(EIO); };
    char buffer[1];
    CHECK(fails([&] { net::socket{address_family::inet, socket_type::stream}; }));
    CHECK(fails([&] { static_cast<void>(net::socket_pair()); }));
    CHECK(fails([&] { socket.set_option(net::option::reuse_address{}); }));
    CHECK(fails([&] { static_cast<void>(socket.get_option<net::option::reuse_address>()); }));
    CHECK(fails([&] { socket.bind(where); }));
    CHECK(fails([&] { socket.listen(); }));
    CHECK(fails([&] { static_cast<void>(socket.local_endpoint()); }));
    CHECK(fails([&] { static_cast<void>(socket.peer_endpoint()); }));
    CHECK(fails([&] { socket.accept(); }));
    CHECK(fails([&] { socket.connect(where); }));
    CHECK(fails([&] { socket.recv(buffer); }));
    CHECK(fails([&] { socket.send("x"); }));
    CHECK(fails([&] { socket.send_all("x"); }));
    CHECK(fails([&] { datagrams.recv_from(buffer); }));
    CHECK(fails([&] { datagrams.send_to("x", where); }));
    CHECK(fails([&] { socket.shutdown(net::shutdown_direction::both); }));
    CHECK(fails([&] { socket.set_blocking(true); }));
    std::error_code error;
    socket.wait(POLLIN, net::clock::now(), error);
    CHECK(error == system_error(EIO));
    CHECK(fails([&] { net::stop_event another; }));
    stop.request_stop();  // what its write() says does not matter
    CHECK(fails([&] { net::epoll_poller another; }));
    CHECK(fails([&] { poller.add(stop.native_handle(), net::interest::read, 1); }));
    CHECK(fails([&] { poller.wait(0s); }));
    CHECK(fails([&] { poll_poller.add(stop.native_handle(), net::interest::read, 1); }));
    CHECK(fails([&] { poll_poller.wait(0s); }));
    CHECK(fails([&] { select_poller.add(stop.native_handle(), net::interest::read, 1); }));
    CHECK(fails([&] { select_poller.wait(0s); }));
    const net::udp_socket::outgoing one{"x", there};
    CHECK(fails([&] { sender.send_batch(std::span{&one, 1}); }));
    CHECK(fails([&] { sender.recv_batch(batch); }));
    CHECK(fails([&] { sender.send_segments("xx", 1, there); }));
    CHECK(fails([&] { sender.disconnect(); }));
    CHECK(fails([&] { datagrams.close(); }));
    // The calls that only servers make are tested with the servers.
    const std::set of_servers{call::dup3, call::fork, call::pidfd_open, call::read, call::thread_start, call::waitpid};
    for (std::size_t i = 0; i < faults::names.size(); ++i) {
        const auto what = static_cast<call>(i);
        if (of_servers.contains(what) || (what == call::sendmsg && !segments)) continue;
        INFO(faults::names[i]);
        CHECK(chosen.made(what) > 0);
    }
}

// ---- Sockets -------------------------------------------------------------------------------------------

TEST_CASE("bytes arrive whole however little a call moves and however often it is interrupted") {
    for (const net::duration timeout : {net::never, net::duration{1h}}) {
        for (auto& [name, first, second] : links()) {
            INFO(name);
            const std::string bytes = pattern(20'000);
            first.set_timeout(timeout);
            second.set_timeout(timeout);
            script of_sender, of_receiver;
            for (script* const chosen : {&of_sender, &of_receiver}) {
                interrupt_everything(*chosen);
                chosen->at_most(call::send, 1);
                chosen->at_most(call::recv, 1);
            }
            background sending{[&, &socket = first] {
                const under here{of_sender};
                socket.send_all(bytes);
                socket.shutdown(net::shutdown_direction::send);
            }};
            {
                const under here{of_receiver};
                CHECK((receive_all(second) == bytes));
            }
            sending.get();
            CHECK(of_sender.made(call::send) >= 4 * bytes.size());  // three interruptions, then a byte
        }
    }
}

TEST_CASE("bytes arrive whole under random faults") {
    for (std::uint32_t seed = 1; seed <= 10; ++seed) {
        for (auto& [name, first, second] : links()) {
            INFO(name << ", seed " << seed);
            const std::string bytes = pattern(30'000);
            script of_sender, of_receiver;
            of_sender.random(seed, 40);
            of_receiver.random(seed + 1000, 40);
            background sending{[&, &socket = first] {
                const under here{of_sender};
                socket.send_all(bytes);
                socket.close();
            }};
            const under here{of_receiver};
            CHECK((receive_all(second) == bytes));
            sending.get();
        }
    }
}

TEST_CASE("would block on a socket that waits is a reason to wait") {
    // A second thread was faster, a datagram had a bad checksum: readiness is a hint and not a promise.
    for (const net::duration timeout : {net::never, net::duration{1h}}) {
        script chosen;
        for (const call what : {call::recv, call::send, call::accept4, call::recvmsg, call::sendto})
            for (const unsigned nth : {1u, 2u, 3u}) chosen.fail(what, EAGAIN, nth);
        net::socket listener = listening(localhost), client = support::client_of(listener);
        net::socket receiver = support::bound(localhost, socket_type::datagram);
        net::socket sender = support::bound(localhost, socket_type::datagram);
        for (net::socket* const socket : {&listener, &client, &receiver, &sender}) socket->set_timeout(timeout);
        const under here{chosen};
        net::socket server = listener.accept().connection;
        server.set_timeout(timeout);
        client.send_all("x");
        char buffer[8];
        CHECK(server.recv(buffer) == 1);
        sender.send_to("datagram", receiver.local_endpoint());
        CHECK(net::as_text(receiver.recv_from(buffer).bytes) == "datagram");
        CHECK(chosen.failed() == 15);
    }
}

TEST_CASE("would block in the end is a timeout") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        script chosen;
        const under here{chosen};
        first.set_timeout(a_while);
        second.set_timeout(a_while);
        chosen.fail(call::recv, EAGAIN);
        chosen.interrupt(call::ppoll, 2);
        const auto start = net::clock::now();
        std::error_code error;
        char c[1];
        second.recv(c, error);
        CHECK(error == std::errc::timed_out);
        CHECK(net::clock::now() - start >= a_while);
        // There is room all the time, and yet there never is: still the limit is one.
        chosen.fail_always(call::send, EAGAIN);
        CHECK(first.send_all("x", error) == 0);
        CHECK(error == std::errc::timed_out);
        CHECK(net::clock::now() - start >= 2 * a_while);
    }
}

TEST_CASE("a transfer that never has to wait still ends when its time is up") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        background reading{[&socket = second] { return receive_all(socket); }};
        const std::string bytes = pattern(64 << 20);
        script chosen;
        chosen.at_most(call::send, 1);  // every send succeeds, and there are 64 million of them
        first.set_timeout(a_while);
        const auto start = net::clock::now();
        std::error_code error;
        std::size_t sent = 0;
        {
            const under here{chosen};
            sent = first.send_all(bytes, error);
        }
        CHECK(error == std::errc::timed_out);
        CHECK(net::clock::now() - start >= a_while);
        first.shutdown(net::shutdown_direction::send);  // to close now would be to reset
        CHECK((reading.get() == bytes.substr(0, sent)));
    }
}

TEST_CASE("with a timeout of zero all that needs no wait is sent and received, however small the steps") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        first.set_timeout(0s);
        second.set_timeout(0s);
        const std::string bytes = pattern(1000);
        script chosen;
        chosen.at_most(call::send, 10);
        chosen.at_most(call::recv, 10);
        const under here{chosen};
        std::error_code error;
        CHECK(first.send_all(bytes, error) == bytes.size());
        CHECK_FALSE(error);
        std::string back(bytes.size() + 1, '?');
        const auto all = std::as_writable_bytes(std::span{back});
        CHECK(second.recv_exact(all.first(bytes.size()), error) == bytes.size());
        CHECK_FALSE(error);
        CHECK(back == bytes + "?");
        CHECK(second.recv_exact(all, error) == 0);
        CHECK(error == std::errc::timed_out);
    }
}

TEST_CASE("an answer of which a reactor could send only the first part ends in a reset") {
    struct handler {
        void operator()(net::connection& client, std::span<const std::byte>) const {
            client.send(std::string(5000, 'x'));
        }
    };
    script chosen;
    chosen.at_most(call::send, 1000);
    chosen.fail(call::send, ENOBUFS, 2);
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    net::tcp_stream client{listener.local_endpoint()};
    net::stop_event stop;
    background serving{[&] {
        const under here{chosen};
        net::reactor_server{std::move(listener).into_socket(), handler{}}.run(stop);
    }};
    client.send_all("?");
    std::error_code error;
    char room[5000];
    while (client.recv(room, error) > 0) continue;
    CHECK(error == std::errc::connection_reset);
    stop.request_stop();
    serving.get();
}

TEST_CASE("an interrupted connect is not made twice") {
    for (const net::duration timeout : {net::never, net::duration{1h}}) {
        for (const net::ip_address& address : loopbacks()) {
            net::socket listener = listening(address);
            net::socket client{support::family_of(address), socket_type::stream};
            client.set_timeout(timeout);
            script chosen;
            chosen.interrupt(call::connect, 1);
            chosen.interrupt(call::ppoll, 2);
            {
                const under here{chosen};
                client.connect(listener.local_endpoint());
            }
            CHECK(chosen.made(call::connect) == 1);
            CHECK(client.peer_endpoint() == listener.local_endpoint());
            CHECK(listener.accept().peer == client.local_endpoint());
        }
    }
}

TEST_CASE("an interrupted connect that is refused is refused") {
    for (const net::ip_address& address : loopbacks()) {
        const support::closed_port closed{address};
        script chosen;
        chosen.interrupt(call::connect, 1);
        const under here{chosen};
        net::socket client{support::family_of(address), socket_type::stream};
        CHECK(failure_of([&] { client.connect(closed.where()); }).code == std::errc::connection_refused);
    }
}

TEST_CASE("an interrupted connect to a Unix socket is made again for it has not begun") {
    const auto name = net::unix_endpoint::abstract("netnotes-faults-" + std::to_string(::getpid()));
    net::socket listener{address_family::local, socket_type::stream},
        client{address_family::local, socket_type::stream};
    listener.bind(name);
    listener.listen();
    script chosen;
    chosen.interrupt(call::connect, 3);
    {
        const under here{chosen};
        client.connect(name);
    }
    CHECK(client.peer_endpoint().local() == name);
    CHECK(listener.accept().connection.is_open());
}

TEST_CASE("a connect that cannot be waited for says why") {
    net::socket listener = listening(localhost);
    net::socket client{address_family::inet, socket_type::stream};
    client.set_timeout(1h);
    script chosen;
    chosen.fail(call::ppoll, ENOMEM);
    const under here{chosen};
    CHECK(failure_of([&] { client.connect(listener.local_endpoint()); }).code == std::errc::not_enough_memory);
}

TEST_CASE("a wait that cannot be made is an error and no loop") {
    auto [first, second] = net::socket_pair();
    script chosen;
    chosen.fail_always(call::ppoll, ENOMEM);
    const under here{chosen};
    second.set_timeout(1h);
    char c[1];
    std::error_code error;
    second.recv(c, error);
    CHECK(error == std::errc::not_enough_memory);
}

TEST_CASE("accept passes over connections that died in the queue") {
    for (const int error :
         {ECONNABORTED, ENETDOWN, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, ENETUNREACH, EINTR}) {
        INFO(std::system_category().message(error));
        net::socket listener = listening(localhost);
        const net::socket client = support::client_of(listener);
        script chosen;
        for (const unsigned nth : {1u, 2u, 3u}) chosen.fail(call::accept4, error, nth);
        const under here{chosen};
        CHECK(listener.accept().peer == client.local_endpoint());
        CHECK(chosen.made(call::accept4) == 4);
    }
}

TEST_CASE("connections that die for ever do not carry accept past its limit") {
    net::socket listener = listening(localhost);
    script chosen;
    chosen.fail_always(call::accept4, ECONNABORTED);
    std::error_code error;
    {
        const under here{chosen};
        const auto start = net::clock::now();
        listener.set_timeout(a_while);
        listener.accept(error);
        CHECK(error == std::errc::timed_out);
        CHECK(net::clock::now() - start >= a_while);
        listener.set_deadline(net::clock::now() + a_while);
        listener.accept(error);
        CHECK(error == std::errc::timed_out);
    }
    net::stop_event stop;
    listener.stop_with(stop);
    listener.set_timeout(net::never);
    background accepting{[&] {
        const under here{chosen};
        std::error_code why;
        listener.accept(why);
        return why;
    }};
    const unsigned before = chosen.made(call::accept4);
    while (chosen.made(call::accept4) == before) std::this_thread::yield();
    stop.request_stop();
    CHECK(accepting.get() == std::errc::operation_canceled);
}

TEST_CASE("the attempts of an accept that finds no descriptor have one time limit together") {
    net::socket listener = listening(localhost);
    script chosen;
    chosen.fail(call::accept4, EMFILE);  // later there are descriptors, but no client
    const under here{chosen};
    constexpr auto limit = 150ms;  // longer than the pause after the first attempt
    listener.set_timeout(limit);
    faults::allowed_to_wait = 0ns;
    const std::error_code why = failure_of([&] { listener.accept(); }).code;
    CHECK((why == std::errc::timed_out || why == system_error(EMFILE)));  // EMFILE if the machine stood still
    CHECK(faults::allowed_to_wait <= limit);
}

TEST_CASE("an iterative server that finds no descriptor waits before it tries again") {
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    const net::tcp_stream client{listener.local_endpoint()};
    script chosen;
    for (const unsigned nth : {1u, 2u, 3u}) chosen.fail(call::accept4, EMFILE, nth);
    const under here{chosen};
    net::stop_event stop;
    faults::allowed_to_wait = 0ns;
    net::iterative_server{std::move(listener), [&](net::tcp_stream&, const net::endpoint&) { stop.request_stop(); }}.run(stop);
    CHECK(chosen.made(call::accept4) == 4);
    CHECK(faults::allowed_to_wait > 0ns);  // only the pauses have a limit
}

TEST_CASE("accept tells of a lack and the client waits in the queue") {
    for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM}) {
        INFO(std::system_category().message(error));
        net::socket listener = listening(localhost);
        const net::socket client = support::client_of(listener);
        script chosen;
        chosen.fail(call::accept4, error);
        const under here{chosen};
        std::error_code told;
        listener.accept(told);
        CHECK(told == system_error(error));
        CHECK(listener.accept().peer == client.local_endpoint());
    }
}

TEST_CASE("the plain accept tries again when a lack may pass and tells of what will not") {
    for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
        INFO(std::system_category().message(error));
        net::socket listener = listening(localhost);
        const net::socket client = support::client_of(listener);
        script chosen;
        chosen.fail(call::accept4, error);
        const auto begin = net::clock::now();
        const under here{chosen};
        CHECK(listener.accept().peer == client.local_endpoint());
        CHECK(chosen.made(call::accept4) == 2);
        CHECK(net::clock::now() - begin >= 100ms);
    }
    for (const int error : {EPERM, EBADF, EINVAL}) {
        net::socket listener = listening(localhost);
        script chosen;
        chosen.fail(call::accept4, error);
        const under here{chosen};
        CHECK(failure_of([&] { listener.accept(); }).code == system_error(error));
    }
}

TEST_CASE("without descriptors there is an error and nothing is held") {
    net::tcp_listener listener{anywhere_on_loopback};
    const net::endpoint where = listener.local_endpoint();
    const auto before = open_descriptors();
    script chosen;
    for (const call what : {call::socket, call::socketpair, call::eventfd, call::epoll_create1})
        chosen.fail_always(what, EMFILE);
    const under here{chosen};
    CHECK(failure_of([&] { net::tcp_stream{where}; }).what == "connect " + where.to_string() + ": Too many open files");
    CHECK(failure_of([&] { net::tcp_listener{where}; }).what == "socket: Too many open files");
    CHECK(failure_of([&] { static_cast<void>(net::socket_pair()); }).what == "socketpair: Too many open files");
    CHECK(failure_of([&] { net::stop_event stop; }).what == "eventfd: Too many open files");
    CHECK(failure_of([&] { net::epoll_poller poller; }).what == "epoll_create1: Too many open files");
    CHECK(open_descriptors() == before);
}

TEST_CASE("a transfer that fails in the middle tells how far it came") {
    for (const int number : {ECONNRESET, EPIPE, ENOBUFS, ETIMEDOUT}) {
        for (auto& [name, first, second] : links()) {
            INFO(name << ": " << std::system_category().message(number));
            const std::string bytes = pattern(10'000);
            script chosen;
            chosen.at_most(call::send, 1000);
            chosen.fail(call::send, number, 4);
            chosen.fail(call::send, number, 8);
            {
                const under here{chosen};
                std::error_code error;
                CHECK(first.send_all(bytes, error) == 3000);
                CHECK(error == system_error(number));
                CHECK_THAT(failure_of([&, &socket = first] { socket.send_all(bytes); }).what,
                           ContainsSubstring("send_all (3000 of 10000 bytes sent) to "));
            }
            first.shutdown(net::shutdown_direction::send);
            CHECK((receive_all(second) == bytes.substr(0, 3000) + bytes.substr(0, 3000)));
        }
    }
}

TEST_CASE("a receive that fails is an error and not an end") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        first.send_all("xy");
        script chosen;
        chosen.fail(call::recv, ECONNRESET, 2);
        chosen.fail(call::recv, ENOMEM, 3);
        const under here{chosen};
        char c[1];
        CHECK(second.recv(c) == 1);
        CHECK(failure_of([&, &socket = second] { socket.recv(c); }).code == std::errc::connection_reset);
        CHECK(failure_of([&, &socket = second] { socket.recv(c); }).code == std::errc::not_enough_memory);
        CHECK(second.recv(c) == 1);
    }
}

TEST_CASE("datagrams arrive whole through interruptions and their errors are told") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket receiver = support::bound(address, socket_type::datagram);
        net::socket sender = support::bound(address, socket_type::datagram);
        script chosen;
        interrupt_everything(chosen);
        const under here{chosen};
        sender.send_to("interrupted", receiver.local_endpoint());
        char buffer[16];
        const auto [bytes, from, truncated, local] = receiver.recv_from(buffer);
        CHECK(net::as_text(bytes) == "interrupted");
        CHECK(from == sender.local_endpoint());
        chosen.interrupt(call::sendto, 0);
        chosen.fail(call::sendto, ENOBUFS);
        CHECK(failure_of([&] { sender.send_to("x", receiver.local_endpoint()); }).code == std::errc::no_buffer_space);
        chosen.fail(call::recvmsg, ECONNREFUSED);
        std::error_code error;
        CHECK(receiver.recv_from(buffer, error).bytes.empty());
        CHECK(error == std::errc::connection_refused);
    }
}

TEST_CASE("close is never made twice and not even after an interruption") {
    script chosen;
    chosen.fail_always(call::close, EINTR);
    net::socket socket{address_family::inet, socket_type::stream};
    const int number = socket.native_handle();
    std::optional<net::socket> next;
    {
        const under here{chosen};
        CHECK(failure_of([&] { socket.close(); }).code == std::errc::interrupted);
        CHECK_FALSE(socket.is_open());
        next.emplace(address_family::inet, socket_type::stream);
        REQUIRE(next->native_handle() == number);  // reused for another descriptor by now
        socket = net::socket{};
    }
    CHECK(chosen.made(call::close) == 1);
    CHECK(::fcntl(number, F_GETFD) >= 0);
}

TEST_CASE("stop_on_signals does not end while its handler is at work in another thread") {
    void (*const before)(int) = std::signal(SIGTERM, SIG_IGN);
    std::atomic<bool> is_inside{false}, may_go_on{false}, is_over{false}, was_over{false};
    script chosen;
    chosen.before(call::write, [&] {  // in the handler, which has the event in its hand
        is_inside = true;
        while (!may_go_on) std::this_thread::yield();
        was_over = is_over.load();
    });
    net::stop_event event;
    std::optional<net::stop_on_signals> on_signals{std::in_place, event};
    background struck{[&] {
        const under here{chosen};
        ::raise(SIGTERM);
    }};
    while (!is_inside) std::this_thread::yield();
    background ending{[&] {
        on_signals.reset();
        is_over = true;  // from here on the event may be destroyed
    }};
    std::this_thread::sleep_for(a_while);  // time for the wrong behaviour; a right server waits
    may_go_on = true;
    struck.get();
    ending.get();
    CHECK_FALSE(was_over);
    CHECK(event.stop_requested());
    std::signal(SIGTERM, before);
}

TEST_CASE("an error keeps its words when the endpoints cannot be asked for") {
    auto [first, second] = support::tcp_pair();
    script chosen;
    chosen.fail_always(call::recv, ECONNRESET);
    chosen.fail_always(call::getpeername, ENOTCONN);
    chosen.fail_always(call::getsockname, ENOBUFS);
    const under here{chosen};
    char c[1];
    CHECK(failure_of([&, &socket = first] { socket.recv(c); }).what == "recv from the peer: Connection reset by peer");
}

TEST_CASE("a mode that cannot be set is an error") {
    net::socket socket{address_family::inet, socket_type::stream};
    script chosen;
    chosen.fail(call::fcntl, EINVAL, 1);
    chosen.fail(call::fcntl, EINVAL, 3);  // of the second try, the call that writes
    const under here{chosen};
    for (int i = 0; i < 2; ++i) {
        CHECK(failure_of([&] { socket.set_timeout(1s); }).code == std::errc::invalid_argument);
        CHECK(socket.timeout() == net::never);  // what it was: the descriptor would still wait in the kernel
    }
    socket.set_timeout(1s);
    CHECK(socket.timeout() == 1s);
}

TEST_CASE("without a free port there is an error and no wait") {
    // Linux says EAGAIN if all ports are in use, and no event would ever report that a port is free again.
    script chosen;
    chosen.fail_always(call::connect, EAGAIN);
    chosen.fail_always(call::sendto, EAGAIN);
    const support::closed_port closed{localhost};
    net::socket stream{address_family::inet, socket_type::stream},
        datagrams{address_family::inet, socket_type::datagram};
    const under here{chosen};
    CHECK(failure_of([&] { stream.connect(closed.where()); }).code == std::errc::address_not_available);
    CHECK(failure_of([&] { datagrams.send_to("x", closed.where()); }).code == std::errc::address_not_available);
}

TEST_CASE("a machine without IPv6 listens on every IPv4 address where it was told to listen on all") {
    const net::endpoint everywhere{net::ipv6_address::any(), 0};
    for (const int error : {EAFNOSUPPORT, EADDRNOTAVAIL}) {  // no protocol, or a protocol that is switched off
        const call fails = error == EAFNOSUPPORT ? call::socket : call::bind;
        if (fails == call::bind && !support::has_ipv6()) continue;
        const auto under_fault = [&](auto what) {
            script chosen;
            chosen.fail(fails, error);
            const under here{chosen};
            return what();
        };
        const auto before = open_descriptors();
        {
            const auto listener = under_fault([&] { return net::tcp_listener{everywhere}; });
            CHECK(listener.local_endpoint().address() == net::ip_address{net::ipv4_address::any()});
            CHECK(net::tcp_stream{{localhost, listener.local_endpoint().port()}}.is_open());
            const auto throwing = under_fault([&] { return net::udp_socket{everywhere}; });
            CHECK(throwing.local_endpoint().address() == net::ip_address{net::ipv4_address::any()});
            std::error_code none;
            const auto coded = under_fault([&] { return net::udp_socket{everywhere, {}, none}; });
            CHECK_FALSE(none);
            CHECK(coded.local_endpoint().address() == net::ip_address{net::ipv4_address::any()});
        }
        // Where IPv6 alone is meant, or one of its addresses, there is no other.
        const net::endpoint one{net::ipv6_address::loopback(), 0};
        const auto code_of = [&](auto what) { return under_fault([&] { return failure_of(what).code.value(); }); };
        CHECK(code_of([&] { net::tcp_listener{everywhere, {.ipv6_only = true}}; }) == error);
        CHECK(code_of([&] { net::udp_socket{everywhere, {.ipv6_only = true}}; }) == error);
        CHECK(code_of([&] { net::tcp_listener{one}; }) == error);
        CHECK(code_of([&] { net::udp_socket{one}; }) == error);
        CHECK(open_descriptors() == before);
    }
}

TEST_CASE("a machine without IPv6 connects to a name by IPv4") {
    if (!support::has_ipv6()) NETNOTES_SKIP("no IPv6 on this machine to be taken away");
    const auto order = net::resolve("", 80);
    if (order.size() != 2 || !order[0].address().is_v6()) NETNOTES_SKIP("no name here has an IPv6 address first");
    net::tcp_listener listener{anywhere_on_loopback};
    script chosen;
    chosen.fail(call::socket, EAFNOSUPPORT);
    const under here{chosen};
    const net::tcp_stream client = net::tcp_stream::connect("", listener.local_endpoint().port());
    CHECK(listener.accept().peer == client.local_endpoint());
}

// ---- Many datagrams in one call ------------------------------------------------------------------------

namespace {

/// Datagrams of many lengths, one empty, of which none can stand for another.
std::vector<std::string> letters(std::size_t count) {
    std::vector<std::string> all{""};
    while (all.size() < count) all.push_back(std::to_string(all.size()) + std::string(all.size() % 50, '.'));
    return all;
}
std::vector<net::udp_socket::outgoing> addressed(const std::vector<std::string>& texts, const net::endpoint& to) {
    std::vector<net::udp_socket::outgoing> all;
    for (const std::string& text : texts) all.push_back({text, to});
    return all;
}
auto from(const std::vector<net::udp_socket::outgoing>& all, std::size_t first) {
    return std::span{all}.subspan(first);
}
/// Takes a batch, and adds it to what came before.
void take_batch(net::udp_socket& receiver, net::datagram_batch& batch, std::vector<std::string>& all,
                std::error_code& error) {
    for (const auto& datagram : receiver.recv_batch(batch, error)) {
        CHECK_FALSE(datagram.truncated);
        all.emplace_back(net::as_text(datagram.bytes));
    }
}
/// All that is in the queue. On this machine, bytes that were not dropped have arrived when the send returns.
std::vector<std::string> queued(net::udp_socket& receiver) {
    net::datagram_batch batch;
    std::vector<std::string> all;
    receiver.set_timeout(0s);
    for (std::error_code error; !error;) take_batch(receiver, batch, all, error);
    receiver.set_timeout(1min);
    return all;
}
/// As they are cut out of one buffer.
std::vector<std::string> cut(const std::string& bytes, std::size_t size) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < bytes.size(); i += size) all.push_back(bytes.substr(i, size));
    return all;
}

struct correspondents {
    explicit correspondents(const net::ip_address& address = localhost, net::udp_options options = {})
        : receiver{net::endpoint{address, 0}},
          sender{net::endpoint{address, 0}, options},
          where{receiver.local_endpoint()} {}
    net::udp_socket receiver, sender;
    net::endpoint where;
};

}  // namespace

TEST_CASE("a batch arrives whole and in order however few datagrams a call takes and however often it is interrupted") {
    const std::vector<std::string> texts = letters(100);
    for (const net::ip_address& address : loopbacks()) {
        for (const net::duration timeout : {net::never, net::duration{1min}}) {
            for (const std::size_t most : {1u, 2u, 7u, 63u, 64u}) {
                INFO(address.to_string() << ", " << most << " at most");
                correspondents two{address};
                two.receiver.set_timeout(timeout);
                two.sender.set_timeout(timeout);
                script chosen;
                interrupt_everything(chosen);
                for (const call what : {call::sendmmsg, call::recvmmsg}) {
                    chosen.at_most(what, most);
                    for (const unsigned nth : {1u, 2u, 6u, 7u}) chosen.fail(what, EAGAIN, nth);
                }
                const under here{chosen};
                two.sender.send_batch(addressed(texts, two.where));
                net::datagram_batch batch;
                std::vector<std::string> arrived;
                for (std::error_code error; !error && arrived.size() < texts.size();)
                    take_batch(two.receiver, batch, arrived, error);
                CHECK((arrived == texts));
                CHECK(queued(two.receiver).empty());
                CHECK(chosen.made(call::sendmmsg) >= 4 * ((texts.size() + most - 1) / most));
            }
        }
    }
}

TEST_CASE("a batch that fails in the middle says where and goes on from there") {
    const std::vector<std::string> texts = letters(100);
    for (const int number : {ENOBUFS, ENOMEM, EPERM, ENETUNREACH, ECONNREFUSED, EMSGSIZE}) {
        for (const std::size_t most : {1u, 10u, 30u}) {
            INFO(std::system_category().message(number) << ", " << most << " at most");
            correspondents two;
            const auto batch = addressed(texts, two.where);
            script chosen;
            chosen.at_most(call::sendmmsg, most);
            for (const unsigned nth : {1u, 4u, 6u}) chosen.fail(call::sendmmsg, number, nth);
            const under here{chosen};
            std::error_code error;
            CHECK(two.sender.send_batch(batch, error) == 0);
            CHECK(error == system_error(number));
            CHECK(two.sender.send_batch(batch, error) == 2 * most);
            CHECK(error == system_error(number));
            CHECK_THAT(failure_of([&] { two.sender.send_batch(from(batch, 2 * most)); }).what,
                       ContainsSubstring("send_batch (" + std::to_string(most) + " of " +
                                         std::to_string(texts.size() - 2 * most) + " datagrams sent) to " +
                                         two.where.to_string()));
            CHECK(two.sender.send_batch(from(batch, 3 * most), error) == texts.size() - 3 * most);
            CHECK_FALSE(error);
            CHECK((queued(two.receiver) == texts));
        }
    }
}

TEST_CASE("a batch that would have to wait and must not says how far it came") {
    const std::vector<std::string> texts = letters(100);
    correspondents two;
    const auto batch = addressed(texts, two.where);
    script chosen;
    chosen.at_most(call::sendmmsg, 30);
    chosen.fail(call::sendmmsg, EAGAIN, 3);
    chosen.fail(call::recvmmsg, EAGAIN, 1);
    two.sender.set_blocking(false);
    two.receiver.set_blocking(false);
    {
        const under here{chosen};
        std::error_code error;
        CHECK(two.sender.send_batch(batch, error) == 60);
        CHECK(error == std::errc::operation_would_block);
        CHECK(two.sender.send_batch(from(batch, 60), error) == 40);
        CHECK_FALSE(error);
        net::datagram_batch room;
        CHECK(two.receiver.recv_batch(room, error).empty());
        CHECK(error == std::errc::operation_would_block);
    }
    CHECK((queued(two.receiver) == texts));
}

TEST_CASE("a batch that is received with an error in between is received whole") {
    const std::vector<std::string> texts = letters(100);
    for (const bool offload : {false, true}) {
        correspondents two;
        if (offload) two.receiver.enable_receive_offload();
        two.sender.send_batch(addressed(texts, two.where));
        two.receiver.set_timeout(1min);
        script chosen;
        chosen.at_most(call::recvmmsg, 9);
        const std::vector errors{ECONNREFUSED, ENOMEM, EHOSTUNREACH, ENOBUFS};
        for (unsigned i = 0; i < errors.size(); ++i) chosen.fail(call::recvmmsg, errors[i], 2 * i + 1);
        const under here{chosen};
        net::datagram_batch batch{20, offload ? net::datagram_batch::any_size : 2048};
        std::vector<std::string> arrived;
        std::vector<int> told;
        while (arrived.size() < texts.size()) {
            std::error_code error;
            take_batch(two.receiver, batch, arrived, error);
            if (error) told.push_back(error.value());
        }
        CHECK((arrived == texts));
        CHECK(told == errors);
    }
}

TEST_CASE("segments that the kernel refuses go out as the same datagrams") {
    if (!kernel_segments()) NETNOTES_SKIP("this kernel does not segment");
    for (const net::ip_address& address : loopbacks()) {
        for (const std::size_t size : {1u, 7u, 50u}) {
            const std::string bytes = pattern(129 * size + (size + 1) / 2);
            for (const int refusal : {EINVAL, EMSGSIZE, EIO, EOPNOTSUPP, ENOPROTOOPT}) {
                for (const unsigned nth : {1u, 2u, 3u, 4u}) {
                    INFO(address.to_string() << ", " << size << " bytes each, sendmsg number " << nth
                                             << " fails: " << std::system_category().message(refusal));
                    correspondents two{address};
                    script chosen;
                    chosen.fail(call::sendmsg, refusal, nth);
                    chosen.interrupt(call::sendmsg, 1);
                    chosen.interrupt(call::sendmmsg, 1);
                    chosen.at_most(call::sendmmsg, 29);
                    {
                        const under here{chosen};
                        two.sender.send_segments(bytes, size, two.where);
                        CHECK(chosen.made(call::sendmmsg) > 0);
                    }
                    CHECK((queued(two.receiver) == cut(bytes, size)));
                }
            }
        }
    }
}

TEST_CASE("segments without a kernel that can are the same datagrams") {
    const std::string bytes = pattern(5003);
    for (const int refusal : {ENOPROTOOPT, EOPNOTSUPP}) {
        correspondents two;
        script chosen;
        chosen.fail_always(call::getsockopt, refusal);
        {
            const under here{chosen};
            two.sender.send_segments(bytes, 50, two.where);
        }
        CHECK(chosen.made(call::sendmsg) == 0);
        CHECK((queued(two.receiver) == cut(bytes, 50)));
    }
}

TEST_CASE("segments that fail in the middle say how many were sent") {
    if (!kernel_segments()) NETNOTES_SKIP("this kernel does not segment");
    const std::string bytes = pattern(130 * 10);
    for (const int number : {ENOBUFS, ENOMEM, ECONNREFUSED, ENETUNREACH, EPERM}) {
        INFO(std::system_category().message(number));
        correspondents two;
        script chosen;
        chosen.fail(call::sendmsg, number, 2);
        chosen.fail(call::sendmsg, EMSGSIZE, 3);  // now by hand ...
        chosen.at_most(call::sendmmsg, 20);
        chosen.fail(call::sendmmsg, number, 3);  // ... and that fails, too
        {
            const under here{chosen};
            std::error_code error;
            CHECK(two.sender.send_segments(bytes, 10, two.where, error) == 64);
            CHECK(error == system_error(number));
            CHECK(two.sender.send_segments(std::string_view{bytes}.substr(640), 10, two.where, error) == 40);
            CHECK(error == system_error(number));
            CHECK(two.sender.send_segments(std::string_view{bytes}.substr(1040), 10, two.where, error) == 26);
            CHECK_FALSE(error);
        }
        CHECK((queued(two.receiver) == cut(bytes, 10)));
    }
}

TEST_CASE("many datagrams without a free port are an error and no wait") {
    script chosen;
    chosen.fail_always(call::sendmmsg, EAGAIN);
    chosen.fail_always(call::sendmsg, EAGAIN);
    const correspondents two;
    net::udp_socket sender{address_family::inet};  // without a port
    const auto batch = addressed(letters(3), two.where);
    const under here{chosen};
    CHECK(failure_of([&] { sender.send_batch(batch); }).code == std::errc::address_not_available);
    CHECK(failure_of([&] { sender.send_segments("abc", 1, two.where); }).code == std::errc::address_not_available);
}

TEST_CASE("many datagrams that never get through are a timeout in the end") {
    // The poller says each time that now they would.
    correspondents two;
    two.sender.send_to("x", two.where);
    const auto batch = addressed(letters(3), two.where);
    script chosen;
    for (const call what : {call::sendmmsg, call::sendmsg, call::recvmmsg}) chosen.fail_always(what, EAGAIN);
    net::datagram_batch room;
    for (const bool by_deadline : {false, true}) {
        const auto times_out = [&](net::udp_socket& socket, auto call_it) {
            const auto start = net::clock::now();
            if (by_deadline)
                socket.set_deadline(start + a_while);
            else
                socket.set_timeout(a_while);
            const under here{chosen};
            return failure_of(call_it).code == std::errc::timed_out && net::clock::now() - start >= a_while;
        };
        CHECK(times_out(two.sender, [&] { two.sender.send_batch(batch); }));
        CHECK(times_out(two.receiver, [&] { two.receiver.recv_batch(room); }));
        if (kernel_segments()) CHECK(times_out(two.sender, [&] { two.sender.send_segments("abc", 1, two.where); }));
    }
}

// ---- Messages out of a stream --------------------------------------------------------------------------

namespace {

/// What the sender has said before the reader begins, so that all depends on the script alone.
struct said {
    net::socket reader;
    explicit said(net::socket& first, net::socket& second, const std::string& bytes) : reader{std::move(second)} {
        first.send_all(bytes);
        first.close();
    }
};

/// Calls until there is no error, as one may after all errors here.
template <class Call>
auto until_done(Call call, unsigned& errors) {
    for (;;) {
        std::error_code error;
        const auto result = call(error);
        if (!error) return result;
        ++errors;
    }
}

/// A message for every call of a buffered_reader.
const std::string messages = [] {
    std::string all;
    for (int i = 0; i < 3; ++i)
        all += "HELO " + std::to_string(i) + "\r\nkey: value;;" + pattern(37) + pattern(5003) + "eleven byte" +
               std::string(300, '-') + "\nEND" + std::string(i == 0 ? 4090 : 0, 'x') + ";;";
    return all + "a last line";
}();

/// Reads them, and returns all bytes that it was given.
std::string read_messages(net::socket& from, unsigned& errors) {
    net::buffered_reader reader{from};
    std::string all;
    const auto text = [&](auto call, std::string_view behind) {
        if (const auto got = until_done(call, errors)) all += *got, all += behind;
    };
    for (int i = 0; i < 3; ++i) {
        text([&](auto& error) { return reader.recv_line(error); }, "\r\n");
        text([&](auto& error) { return reader.recv_until(";;", error); }, "");
        text([&](auto& error) { return reader.recv_exact(37, error); }, "");
        std::string room(5003, '\0');
        std::size_t filled = 0;
        until_done([&](auto& error) { return filled += reader.recv_exact(std::span{room}.subspan(filled), error); },
                   errors);
        all += room.substr(0, filled);
        for (std::size_t missing = 11; missing > 0;) {
            const std::size_t size =
                until_done([&](auto& error) { return reader.recv(std::span{room}.first(missing), error); }, errors);
            if (size == 0) return all;
            all += room.substr(0, size);
            missing -= size;
        }
        if (until_done([&](auto& error) { return reader.skip_until("\nEND", error); }, errors))
            all += std::string(300, '-') + "\nEND";
        text([&](auto& error) { return reader.recv_until(";;", error); }, "");
    }
    text([&](auto& error) { return reader.recv_line(error); }, "");
    CHECK_FALSE(until_done([&](auto& error) { return reader.recv_line(error); }, errors));
    return all;
}
/// By socket::recv_exact(), 100 bytes at a time.
std::string read_hundreds(net::socket& from, unsigned& errors) {
    std::string all;
    for (char room[100];;) {
        std::size_t filled = 0;
        bool ended = false;
        until_done(
            [&](auto& error) {
                filled += from.recv_exact(std::span{room}.subspan(filled), error);
                ended = filled < sizeof room && !error;
                if (error != std::errc::protocol_error) return filled;
                error.clear();  // the rest is shorter
                ended = true;
                return filled;
            },
            errors);
        all.append(room, filled);
        if (ended) return all;
    }
}

const std::vector<std::pair<std::string, std::function<void(net::socket&)>>> modes{
    {"for ever", [](net::socket&) {}},
    {"with a timeout", [](net::socket& socket) { socket.set_timeout(1h); }},
    {"with a deadline", [](net::socket& socket) { socket.set_deadline(net::clock::now() + 1h); }},
    {"never", [](net::socket& socket) { socket.set_blocking(false); }}};

/// Reads the messages in both ways, over all links and in all modes, each time with the same script anew. How many
/// calls have met with an error of it.
unsigned read_under(const std::function<void(script&)>& prepare) {
    unsigned failed = 0;
    for (const auto& [mode, set_mode] : modes) {
        for (const auto read : {read_messages, read_hundreds}) {
            for (auto& [name, first, second] : links()) {
                INFO(name << ", by " << (read == read_messages ? "messages" : "hundreds") << ", waits " << mode);
                said words{first, second, messages};
                set_mode(words.reader);
                script chosen;
                prepare(chosen);
                unsigned errors = 0;
                const under here{chosen};
                CHECK((read(words.reader, errors) == messages));
                CHECK(errors <= chosen.failed());
                failed += chosen.failed();
            }
        }
    }
    return failed;
}

}  // namespace

TEST_CASE("messages are read whole through short receives of every size") {
    for (std::size_t most = 1; most <= 5200; most = most < 20 ? most + 1 : most * 5 / 4) {
        INFO(most << " bytes at most");
        read_under([&](script& chosen) {
            chosen.at_most(call::recv, most);
            if (most > 10) interrupt_everything(chosen);
        });
    }
}

TEST_CASE("messages are read whole when any one receive fails and is made again") {
    for (const int error : {EAGAIN, ECONNRESET}) {
        for (unsigned nth = 1;; ++nth) {
            INFO("receive number " << nth << " fails: " << std::system_category().message(error));
            const unsigned failed = read_under([&](script& chosen) {
                chosen.at_most(call::recv, 1499);
                chosen.fail(call::recv, error, nth);
            });
            if (failed == 0) break;
        }
    }
}

TEST_CASE("messages are read whole when every second receive fails and is made again") {
    for (const std::size_t most : {1u, 3u, 64u, 1000u, 100'000u}) {
        INFO(most << " bytes at most");
        const unsigned failed = read_under([&](script& chosen) {
            chosen.at_most(call::recv, most);
            constexpr std::array errors{EINTR, EAGAIN, ECONNRESET, ENOMEM};
            for (unsigned i = 0; i < 4000; ++i) chosen.fail(call::recv, errors[i % errors.size()], 2 * i + 1);
        });
        CHECK(failed > 0);
    }
}

TEST_CASE("messages are read whole under random faults") {
    for (std::uint32_t seed = 1; seed <= 20; ++seed) {
        INFO("seed " << seed);
        read_under([&](script& chosen) { chosen.random(seed, 40); });
    }
}

// ---- Whole conversations -------------------------------------------------------------------------------

namespace {

/// The errors that each call may really bring.
const std::vector<std::pair<call, int>> all_faults{
    {call::accept4, EMFILE},
    {call::accept4, ECONNABORTED},
    {call::accept4, ENOBUFS},
    {call::accept4, EINTR},
    {call::bind, EADDRINUSE},
    {call::close, EINTR},
    {call::close, EIO},
    {call::connect, EINTR},
    {call::connect, ECONNREFUSED},
    {call::connect, EADDRNOTAVAIL},
    {call::connect, ENETUNREACH},
    {call::dup3, EBUSY},
    {call::epoll_create1, EMFILE},
    {call::epoll_ctl, ENOMEM},
    {call::epoll_ctl, ENOSPC},
    {call::epoll_wait, EINTR},
    {call::eventfd, EMFILE},
    {call::fcntl, EINVAL},
    {call::fork, EAGAIN},
    {call::fork, ENOMEM},
    {call::getpeername, ENOTCONN},
    {call::getsockname, ENOBUFS},
    {call::getsockopt, ENOBUFS},
    {call::listen, EADDRINUSE},
    {call::pidfd_open, EMFILE},
    {call::pidfd_open, ENOSYS},
    {call::ppoll, EINTR},
    {call::ppoll, ENOMEM},
    {call::pselect, EINTR},
    {call::pselect, ENOMEM},
    {call::recv, EINTR},
    {call::recv, ECONNRESET},
    {call::recv, ENOMEM},
    {call::recv, ETIMEDOUT},
    {call::recvmmsg, EINTR},
    {call::recvmmsg, EAGAIN},
    {call::recvmmsg, ECONNREFUSED},
    {call::recvmmsg, ENOMEM},
    {call::recvmsg, EINTR},
    {call::recvmsg, ENOMEM},
    {call::send, EINTR},
    {call::send, EPIPE},
    {call::accept4, EAGAIN},
    {call::recv, EAGAIN},
    {call::send, EAGAIN},
    {call::send, ECONNRESET},
    {call::send, ENOBUFS},
    {call::sendmmsg, EINTR},
    {call::sendmmsg, EAGAIN},
    {call::sendmmsg, ECONNREFUSED},
    {call::sendmmsg, ENOBUFS},
    {call::sendmsg, EINTR},
    {call::sendmsg, EAGAIN},
    {call::sendmsg, EINVAL},
    {call::sendmsg, EIO},
    {call::sendmsg, ENOBUFS},
    {call::sendto, EINTR},
    {call::sendto, ENOBUFS},
    {call::setsockopt, ENOMEM},
    {call::shutdown, ENOTCONN},
    {call::socket, EMFILE},
    {call::socketpair, EMFILE},
    {call::thread_start, EAGAIN},
    {call::waitpid, EINTR},
};

/// Has a conversation with the first call of a kind failing, then with the second, and so on until there is no
/// such call any more; and so for all kinds. Returns how many faults there were.
unsigned sweep(const std::function<void(script&)>& conversation, const std::set<std::pair<call, int>>& left_out = {}) {
    unsigned struck = 0;
    for (const auto& [what, error] : all_faults) {
        for (unsigned nth = 1; !left_out.contains({what, error}); ++nth) {
            INFO(faults::name(what) << " number " << nth << " fails: " << std::system_category().message(error));
            const auto before = open_descriptors(), threads_before = running_threads();
            script chosen;
            chosen.fail(what, error, nth);
            conversation(chosen);
            CHECK(open_descriptors() == before);
            CHECK(has_threads(threads_before));
            CHECK_FALSE(has_children());
            if (chosen.failed() == 0) break;
            ++struck;
        }
    }
    return struck;
}

enum class outcome { echoed, failed, wrong, hung };

/// Sends all, hears what comes back, and says whether it is the same.
outcome converse(const net::endpoint& where, const std::string& bytes) {
    try {
        net::tcp_stream client{where};
        client.set_timeout(1min);
        background sending{[&] {
            std::error_code error;
            client.send_all(bytes, error);
            if (!error) client.shutdown(net::shutdown_direction::send, error);
        }};
        std::string back;
        char buffer[16 * 1024];
        while (const std::size_t size = client.recv(buffer)) back.append(buffer, size);
        if (back == bytes) return outcome::echoed;
        // A server that has failed may close in order. Then less has come back, but nothing else.
        return bytes.starts_with(back) ? outcome::failed : outcome::wrong;
    } catch (const std::system_error& error) {
        return error.code() == std::errc::timed_out ? outcome::hung : outcome::failed;
    }
}

using serve = std::function<void(net::tcp_listener, const net::stop_event&)>;
using visit = std::function<void(const net::endpoint&)>;

/// A server to be tried.
struct kind {
    std::string name;
    serve run;
    std::vector<call> vital{};  ///< the calls without which it cannot go on
    bool forks = false;
};

/// Makes a listener, tells where it is, and serves.
enum class ending { by_stop, by_error, before_it_began };
ending serve_there(const serve& server, const net::stop_event& stop,
                   const std::function<void(const net::endpoint&)>& is_listening) {
    bool has_begun = false;
    try {
        net::tcp_listener listener{anywhere_on_loopback};
        const net::endpoint where = listener.local_endpoint();
        has_begun = true;
        is_listening(where);
        server(std::move(listener), stop);
        return ending::by_stop;
    } catch (const std::system_error&) {
        return has_begun ? ending::by_error : ending::before_it_began;
    }
}

ending in_a_thread(script& chosen, const serve& server, const visit& clients) {
    net::stop_event stop;
    std::promise<std::optional<net::endpoint>> listening_at;
    background serving{[&] {
        const under here{chosen};
        const ending ended = serve_there(server, stop, [&](const net::endpoint& at) { listening_at.set_value(at); });
        if (ended == ending::before_it_began) listening_at.set_value({});
        return ended;
    }};
    const struct stopping {  // whatever comes out of a client: the server's thread is joined at the end
        net::stop_event& event;
        ~stopping() { event.request_stop(); }
    } stopped_in_the_end{stop};
    if (const auto where = listening_at.get_future().get()) clients(*where);
    stop.request_stop();
    return serving.get();
}

/// A server that forks has a process with one thread, and so one of its own; Ctrl-C is what stops it. It sees to it
/// that nothing is left behind there, for from here it cannot be seen.
ending in_a_process(script& chosen, const serve& server, const visit& clients) {
    constexpr int lost_a_descriptor = 10, lost_a_child = 11;
    auto [ours, theirs] = net::socket_pair();
    const pid_t process = ::fork();
    if (process == 0) {
        std::signal(SIGABRT, SIG_DFL);  // Catch2 would report it, here as well as there
        net::stop_event stop;
        const net::stop_on_signals on_signals{stop};
        const auto before = open_descriptors();
        ending ended{};
        {
            const under here{chosen};
            ended = serve_there(server, stop, [&, &answer = theirs](const net::endpoint& where) {
                const under nothing;
                answer.send_all(std::to_string(where.port()));
                answer.shutdown(net::shutdown_direction::send);
            });
        }
        ::_exit(has_children() ? lost_a_child : open_descriptors() != before ? lost_a_descriptor : int(ended));
    }
    theirs.close();
    const struct ended_in_the_end {  // whatever comes out of a client
        pid_t process;
        ~ended_in_the_end() {
            if (::kill(process, SIGKILL) == 0) ::waitpid(process, nullptr, 0);
        }
    } guard{process};
    if (const std::string port = receive_all(ours); !port.empty())
        clients({localhost, static_cast<std::uint16_t>(std::stoi(port))});
    ::kill(process, SIGTERM);
    siginfo_t how{};
    ::waitid(P_PID, static_cast<id_t>(process), &how, WEXITED | WNOWAIT);
    CHECK(how.si_code == CLD_EXITED);
    CHECK(how.si_status != lost_a_descriptor);
    CHECK(how.si_status != lost_a_child);
    return static_cast<ending>(how.si_status);
}

/// Runs a server that is under a script from the first call to the last, lets clients who are not visit it, and
/// stops it. Says how it ended.
ending with_server(script& chosen, const kind& server, const visit& clients) {
    return (server.forks ? in_a_process : in_a_thread)(chosen, server.run, clients);
}

/// The conversation of the sweeps: two clients, of whom one at most meets the fault, and once it has struck another
/// one, who meets none.
std::function<void(script&)> some_clients(const kind& server) {
    // (To fork is slow, of a process with sanitizers above all: fewer calls are enough there.)
    return [&server, bytes = pattern(server.forks ? 6000 : 20'000)](script& chosen) {
        int echoed = 0;
        bool served_afterwards = true;
        const ending ended = with_server(chosen, server, [&](const net::endpoint& where) {
            const auto is_echoed = [&] {
                const outcome came = converse(where, bytes);
                CHECK((came == outcome::echoed || came == outcome::failed));
                return came == outcome::echoed;
            };
            for (int i = 0; i < 2; ++i) echoed += is_echoed();
            if (chosen.failed() > 0) served_afterwards = is_echoed();
        });
        if (ended == ending::by_stop) {
            CHECK(echoed >= (chosen.failed() == 0 ? 2 : 1));
            CHECK(served_afterwards);
        }
        if (ended == ending::by_error)
            CHECK(std::any_of(server.vital.begin(), server.vital.end(),
                              [&](call what) { return chosen.failed(what) > 0; }));
        if (ended == ending::before_it_began) CHECK(chosen.failed() == 1);
    };
}

// ---- servers to be tried

void echo(net::tcp_stream& stream, const net::endpoint&) {
    char buffer[4096];
    while (const std::size_t size = stream.recv(buffer)) stream.send_all(std::span{buffer}.first(size));
}
void serve_iteratively(net::tcp_listener listener, const net::stop_event& stop) {
    net::iterative_server{std::move(listener), echo}.run(stop);
}
void serve_lines(net::tcp_listener listener, const net::stop_event& stop) {
    net::iterative_server{std::move(listener),
                          [](net::tcp_stream& connection, const net::endpoint&) {
                              net::socket_iostream stream{std::move(connection).into_socket()};
                              for (char c; stream.get(c);) stream.put(c);
                          }}
        .run(stop);
}
void serve_in_threads(net::tcp_listener listener, const net::stop_event& stop) {
    under::current()->follow_threads();
    net::threaded_server{std::move(listener), echo}.run(stop);
}
void serve_in_processes(net::tcp_listener listener, const net::stop_event& stop) {
    net::forking_server{std::move(listener), echo, {.stop_grace = 1min}}.run(stop);
}
template <class Poller>
serve serve_by_reactor(net::trigger how) {
    return [how](net::tcp_listener listener, const net::stop_event& stop) {
        const auto handler = [](net::connection& client, std::span<const std::byte> bytes) { client.send(bytes); };
        net::reactor_server server{
            std::move(listener).into_socket(), handler, {.how = how, .read_size = 4096}, Poller{}};
        server.run(stop);
    };
}

const kind iterative{"iterative server", serve_iteratively, {call::fcntl}};
const kind iterative_of_streams{"iterative server of a stream", serve_lines, {call::fcntl}};
const kind threaded{
    "threaded server", serve_in_threads, {call::epoll_create1, call::epoll_ctl, call::eventfd, call::fcntl}};
const kind forking{"forking server", serve_in_processes, {call::epoll_create1, call::epoll_ctl, call::fcntl}, true};
const kind reactor_on_edges{"reactor on edges",
                            serve_by_reactor<net::epoll_poller>(net::trigger::edge),
                            {call::epoll_create1, call::epoll_ctl, call::fcntl, call::getsockopt, call::eventfd}};
const kind reactor_on_levels{"reactor on levels", serve_by_reactor<net::epoll_poller>(net::trigger::level),
                             reactor_on_edges.vital};
const kind reactor_on_poll{"reactor on poll",
                           serve_by_reactor<net::poll_poller>(net::trigger::level),
                           {call::ppoll, call::fcntl, call::getsockopt, call::eventfd}};
const kind reactor_on_select{"reactor on select",
                             serve_by_reactor<net::select_poller>(net::trigger::level),
                             {call::pselect, call::fcntl, call::getsockopt, call::eventfd}};

const std::vector<const kind*> all_servers{&iterative,       &iterative_of_streams, &threaded,
                                           &forking,         &reactor_on_edges,     &reactor_on_levels,
                                           &reactor_on_poll, &reactor_on_select};

}  // namespace

TEST_CASE("every call of the servers is caught by the seam") {
    const kind one_thread{"threaded server of one thread", [](net::tcp_listener listener, const net::stop_event& stop) {
                              under::current()->follow_threads();
                              net::threaded_server{std::move(listener), echo, {.max_threads = 1}}.run(stop);
                          }};
    for (const auto& [server, calls] :
         {std::pair{&one_thread, std::set{call::thread_start, call::recv, call::write, call::read}},
          std::pair{&forking, std::set{call::fork, call::pidfd_open, call::dup3, call::recv, call::waitpid}}}) {
        script chosen;
        CHECK(ending::by_stop == with_server(chosen, *server, [&](const net::endpoint& where) {
                  for (int i = 0; i < 2; ++i) CHECK(converse(where, "x") == outcome::echoed);
              }));
        for (const call what : calls) {
            INFO(server->name << ": " << faults::name(what));
            CHECK(chosen.made(what) > 0);
        }
    }
}

TEST_CASE("every server echoes a mebibyte through interruptions and short sends") {
    const std::string bytes = pattern(1 << 20);
    for (const kind* const server : all_servers) {
        INFO(server->name);
        const auto before = open_descriptors();
        script chosen;
        interrupt_everything(chosen);
        chosen.at_most(call::send, 99);
        CHECK(ending::by_stop == with_server(chosen, *server, [&](const net::endpoint& where) {
                  CHECK(converse(where, bytes) == outcome::echoed);
              }));
        CHECK(open_descriptors() == before);
    }
}

TEST_CASE("every server that may rely on nothing echoes a mebibyte through short receives") {
    const std::string bytes = pattern(1 << 20);
    for (const kind* const server : all_servers) {
        // On edges a short receive means that the queue is empty, and of the kernel that is true.
        if (server == &reactor_on_edges) continue;
        INFO(server->name);
        script chosen;
        interrupt_everything(chosen);
        chosen.at_most(call::recv, 99);
        chosen.at_most(call::send, 49);
        CHECK(ending::by_stop == with_server(chosen, *server, [&](const net::endpoint& where) {
                  CHECK(converse(where, bytes) == outcome::echoed);
              }));
    }
}

TEST_CASE("every server echoes byte by byte") {
    const std::string bytes = pattern(20'000);
    for (const kind* const server : all_servers) {
        INFO(server->name);
        script chosen;
        chosen.at_most(call::send, 1);
        if (server != &reactor_on_edges) chosen.at_most(call::recv, 1);
        CHECK(ending::by_stop == with_server(chosen, *server, [&](const net::endpoint& where) {
                  CHECK(converse(where, bytes) == outcome::echoed);
              }));
    }
}

TEST_CASE("every server echoes under random faults") {
    const std::string bytes = pattern(40'000);
    for (const kind* const server : all_servers) {
        if (server == &reactor_on_edges) continue;  // for random faults cut receives short
        for (std::uint32_t seed = 1; seed <= 10; ++seed) {
            INFO(server->name << ", seed " << seed);
            script chosen;
            chosen.random(seed, 30);
            CHECK(ending::by_stop == with_server(chosen, *server, [&](const net::endpoint& where) {
                      for (int i = 0; i < 2; ++i) CHECK(converse(where, bytes) == outcome::echoed);
                  }));
        }
    }
}

TEST_CASE("no single fault brings down more than one conversation with the iterative server") {
    CHECK(sweep(some_clients(iterative)) > 30);
}

TEST_CASE("no single fault brings down more than one conversation by streams") {
    CHECK(sweep(some_clients(iterative_of_streams)) > 30);
}

TEST_CASE("no single fault brings down more than one conversation with the threaded server") {
    CHECK(sweep(some_clients(threaded)) > 30);
}

TEST_CASE("no single fault brings down more than one conversation with the forking server") {
    CHECK(sweep(some_clients(forking)) > 30);
}

TEST_CASE("no single fault brings down more than one conversation with the reactor on levels") {
    CHECK(sweep(some_clients(reactor_on_levels)) > 30);
}

TEST_CASE("no single fault brings down more than one conversation with the reactor on edges") {
    // The kernel does not say that there is nothing while there is something; on edges one may rely on that.
    CHECK(sweep(some_clients(reactor_on_edges), {{call::recv, EAGAIN}, {call::send, EAGAIN}}) > 30);
}

TEST_CASE("no single fault brings down more than one conversation with the reactor on poll") {
    CHECK(sweep(some_clients(reactor_on_poll)) > 30);
}

TEST_CASE("no single fault brings down more than one conversation with the reactor on select") {
    CHECK(sweep(some_clients(reactor_on_select)) > 30);
}

TEST_CASE("a client for whom there is no thread or no process is sent away and the next one is served") {
    for (const auto& [server, what, error] :
         {std::tuple{&threaded, call::thread_start, EAGAIN}, std::tuple{&forking, call::fork, EAGAIN},
          std::tuple{&forking, call::fork, ENOMEM}, std::tuple{&forking, call::dup3, EBUSY}}) {
        INFO(faults::name(what) << ": " << std::system_category().message(error));
        script chosen;
        for (const unsigned nth : {1u, 2u}) chosen.fail(what, error, nth);
        CHECK(ending::by_stop == with_server(chosen, *server, [&](const net::endpoint& where) {
                  for (int i = 0; i < 2; ++i) CHECK(converse(where, "turned away") == outcome::failed);
                  for (int i = 0; i < 2; ++i) CHECK(converse(where, "at last") == outcome::echoed);
              }));
        CHECK(chosen.failed() == 2);
    }
}

TEST_CASE("children for whom there are no descriptors are waited for nevertheless") {
    for (const int error : {ENOSYS, EMFILE}) {
        script chosen;
        chosen.fail_always(call::pidfd_open, error);
        CHECK(ending::by_stop == with_server(chosen, forking, [&](const net::endpoint& where) {
                  for (int i = 0; i < 3; ++i) CHECK(converse(where, "watched") == outcome::echoed);
                  CHECK(chosen.failed() == 3);
              }));
    }
}

TEST_CASE("datagrams arrive or there is an error whatever fails") {
    for (const bool offload : {true, false}) {
        CHECK(sweep([&](script& chosen) {
                  const std::vector<std::string> texts = letters(70);
                  const std::string bytes = pattern(1999);
                  std::vector<std::string> sent = texts, arrived;
                  for (std::string& each : cut(bytes, 20)) sent.push_back(std::move(each));
                  sent.push_back("connected");
                  sent.push_back("the last");
                  const under here{chosen};
                  const auto failure = failure_of([&] {
                      correspondents two{localhost, {.kernel_offload = offload}};
                      two.receiver.set_timeout(1min);
                      two.receiver.set_option(net::option::receive_buffer{1 << 20});
                      two.sender.send_batch(addressed(texts, two.where));
                      two.sender.connect(two.where);
                      two.sender.send_segments(bytes, 20);
                      two.sender.send("connected");
                      two.sender.disconnect();
                      two.sender.send_to("the last", two.where);
                      net::datagram_batch batch;
                      while (arrived.size() < sent.size())
                          for (const auto& datagram : two.receiver.recv_batch(batch))
                              arrived.emplace_back(net::as_text(datagram.bytes));
                      two.sender.close();
                  });
                  CHECK(failure.code != std::errc::timed_out);
                  CHECK(arrived.size() <= sent.size());
                  CHECK(std::equal(arrived.begin(), arrived.end(), sent.begin()));
                  if (failure.code)
                      CHECK(chosen.failed() == 1);
                  else
                      CHECK((arrived == sent));
              }) > 20);
    }
}

namespace {
/// Nobody answers there: its queue is full.
class silent_server {
  public:
    silent_server() : listener_{listening(net::ip_address{"127.0.0.2"}, 0)}, inside_{support::client_of(listener_)} {}
    [[nodiscard]] net::endpoint where() const { return listener_.local_endpoint().ip(); }

  private:
    net::socket listener_, inside_;
};
}  // namespace

TEST_CASE("a connection is made to an address that is good whatever fails on the way") {
    const silent_server silent;
    const support::closed_port closed{localhost};
    const net::tcp_listener good{anywhere_on_loopback}, spare{anywhere_on_loopback};
    const std::vector endpoints{silent.where(), closed.where(), good.local_endpoint(), spare.local_endpoint()};
    // (fcntl: to switch a socket's mode cannot really fail, and the error would not be an attempt's.)
    CHECK(sweep(
              [&](script& chosen) {
                  const under here{chosen};
                  std::error_code error;
                  const net::tcp_stream client =
                      net::tcp_stream::connect(endpoints, {.timeout = 1min, .attempt_delay = 10ms}, error);
                  if (chosen.failed(call::ppoll) > 0 && error) {
                      CHECK(error == std::errc::not_enough_memory);  // there is nothing to wait with
                      CHECK_FALSE(client.is_open());
                      return;
                  }
                  REQUIRE_FALSE(error);
                  CHECK(client.timeout() == net::never);
                  const under nothing;
                  const net::endpoint peer = client.peer_endpoint();
                  CHECK((peer == endpoints[2] || (peer == endpoints[3] && chosen.failed() > 0)));
              },
              {{call::fcntl, EINVAL}}) > 20);
}

TEST_CASE("the one address that is left is connected to whichever it is") {
    const std::vector<net::tcp_listener> listeners = [] {
        std::vector<net::tcp_listener> all;
        for (int i = 0; i < 5; ++i) all.emplace_back(anywhere_on_loopback);
        return all;
    }();
    std::vector<net::endpoint> endpoints;
    for (const auto& listener : listeners) endpoints.push_back(listener.local_endpoint());
    for (const auto& [what, error] : {std::pair{call::socket, EMFILE}, std::pair{call::socket, EAFNOSUPPORT},
                                      std::pair{call::connect, ECONNREFUSED}, std::pair{call::connect, ENETUNREACH},
                                      std::pair{call::connect, EAGAIN}, std::pair{call::getsockopt, ENOBUFS}}) {
        for (unsigned left = 1; left <= endpoints.size() + 1; ++left) {
            INFO(faults::name(what) << " fails but for number " << left << ": "
                                    << std::system_category().message(error));
            const auto before = open_descriptors();
            {
                script chosen;
                for (unsigned nth = 1; nth <= endpoints.size(); ++nth)
                    if (nth != left) chosen.fail(what, error, nth);
                const under here{chosen};
                std::error_code why;
                const net::tcp_stream client =
                    net::tcp_stream::connect(endpoints, {.timeout = 1min, .attempt_delay = 1min}, why);
                if (left <= endpoints.size()) {
                    REQUIRE_FALSE(why);
                    CHECK(client.peer_endpoint() == endpoints[left - 1]);
                } else {
                    CHECK_FALSE(client.is_open());
                    CHECK(why == (error == EAGAIN ? std::make_error_code(std::errc::address_not_available)
                                                  : system_error(error)));
                }
            }
            CHECK(open_descriptors() == before);
        }
    }
}

TEST_CASE("a race that is interrupted all the time is won") {
    const silent_server silent;
    const support::closed_port closed{localhost};
    const net::tcp_listener good{anywhere_on_loopback};
    const std::vector endpoints{silent.where(), closed.where(), good.local_endpoint()};
    for (const net::duration timeout : {net::never, net::duration{1min}}) {
        script chosen;
        interrupt_everything(chosen);
        chosen.interrupt(call::connect, 1);
        const under here{chosen};
        const auto client = net::tcp_stream::connect(endpoints, {.timeout = timeout, .attempt_delay = 10ms});
        CHECK(client.peer_endpoint() == endpoints[2]);
        CHECK(chosen.failed(call::ppoll) > 0);
    }
}

TEST_CASE("a client has its answer or an error whatever fails on its side") {
    const std::string bytes = pattern(20'000);
    CHECK(sweep([&](script& chosen) {
              script none;
              CHECK(ending::by_stop == with_server(none, iterative, [&](const net::endpoint& where) {
                        const under here{chosen};
                        std::string back;
                        const auto failure = failure_of([&] {
                            net::tcp_stream client = net::tcp_stream::connect("127.0.0.1", where.port(), 1h);
                            client.set_timeout(1h);
                            client.send_all(bytes);
                            client.shutdown(net::shutdown_direction::send);
                            char buffer[4096];
                            while (const std::size_t size = client.recv(buffer)) back.append(buffer, size);
                            client.close();
                        });
                        if (failure.code)
                            CHECK(bytes.starts_with(back));
                        else
                            CHECK((back == bytes));
                    }));
          }) > 20);
}

TEST_CASE("a client with a stream has its answer or a bad stream whatever fails on its side") {
    const std::string bytes = pattern(20'000);
    CHECK(sweep([&](script& chosen) {
              script none;
              CHECK(ending::by_stop == with_server(none, iterative, [&](const net::endpoint& where) {
                        const under here{chosen};
                        const auto failure = failure_of([&] {
                            net::socket_iostream stream{net::tcp_stream{where}.into_socket()};
                            stream.connection().set_timeout(1h);
                            stream << bytes << std::flush;
                            // Or the server would wait for the end of the question, and we for the answer's.
                            stream.connection().shutdown(net::shutdown_direction::send);
                            std::string back;
                            for (char c; stream.get(c);) back.push_back(c);
                            CHECK(stream.bad() == bool(stream.error()));
                            CHECK(bytes.starts_with(back));
                            if (!stream.bad()) CHECK((back == bytes));
                        });
                        if (failure.code) CHECK(chosen.failed() == 1);
                    }));
          }) > 20);
}

TEST_CASE("a server without descriptors serves the client who waits when there is one again") {
    for (const kind* const server : all_servers) {
        INFO(server->name);
        script chosen;
        chosen.fail(call::accept4, EMFILE, 1);
        chosen.fail(call::accept4, ENFILE, 2);
        chosen.fail(call::accept4, ENOBUFS, 3);
        chosen.fail(call::accept4, ENOMEM, 4);
        CHECK(ending::by_stop == with_server(chosen, *server, [&](const net::endpoint& where) {
                  CHECK(converse(where, "patient") == outcome::echoed);
              }));
        CHECK(chosen.failed() == 4);
    }
}

namespace {
template <class Poller, call What>
struct waiting_by : Poller {
    static constexpr call what = What;
};
using by_epoll = waiting_by<net::epoll_poller, call::epoll_wait>;
using by_poll = waiting_by<net::poll_poller, call::ppoll>;
using by_select = waiting_by<net::select_poller, call::pselect>;
}  // namespace

TEMPLATE_TEST_CASE("a poller waits its time through interruptions", "", by_epoll, by_poll, by_select) {
    TestType poller;
    script chosen;
    chosen.interrupt(poller.what, 3);
    const under here{chosen};
    const auto start = net::clock::now();
    CHECK(poller.wait(a_while).empty());
    CHECK(net::clock::now() - start >= a_while);
    CHECK(chosen.made(poller.what) == 4);
}

TEMPLATE_TEST_CASE("a poller that cannot wait says why and then goes on", "", by_epoll, by_poll, by_select) {
    TestType poller;
    net::stop_event stop;
    stop.request_stop();
    poller.add(stop.native_handle(), net::interest::read, 7);
    script chosen;
    chosen.fail(poller.what, ENOMEM);
    const under here{chosen};
    CHECK(failure_of([&] { poller.wait(net::never); }).code == std::errc::not_enough_memory);
    const auto events = poller.wait(net::never);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 7);
}
