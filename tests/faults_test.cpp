// What the library does when the kernel says no: every system call that it makes is made to fail, to be
// interrupted and to do less than it was asked for (faults.hpp). What must come of it is always one of two: the
// work is done as if nothing had been, or there is an error that tells; never a crash, a hang, a lost byte
// or a lost descriptor.

#include <netnotes/makefile.hpp>
#include <netnotes/netnotes.hpp>

#include "faults.hpp"
#include "support.hpp"

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
    for (const call what : {call::accept4, call::connect, call::epoll_wait, call::ppoll, call::recv, call::recvmsg,
                            call::send, call::sendto})
        chosen.interrupt(what, 3);
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

TEST_CASE("every call of the library is caught by the seam") {
    // Were one of them not wrapped by the linker, its faults would be none and the tests below worth nothing.
    script chosen;
    for (std::size_t i = 0; i < faults::names.size(); ++i) chosen.fail_always(static_cast<call>(i), EIO);
    net::socket socket{address_family::inet, socket_type::stream};
    net::socket datagrams{address_family::inet, socket_type::datagram};
    net::epoll_poller poller;
    net::stop_event stop;
    const net::socket_address where{anywhere_on_loopback};
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
    CHECK(fails([&] { datagrams.close(); }));
    for (std::size_t i = 0; i < faults::names.size(); ++i) {
        INFO(faults::names[i]);
        CHECK(chosen.made(static_cast<call>(i)) > 0);
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
        first.close();
        CHECK((reading.get() == bytes.substr(0, sent)));
    }
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

TEST_CASE("accept tells of a lack and the client waits in the queue") {
    for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM}) {
        INFO(std::system_category().message(error));
        net::socket listener = listening(localhost);
        const net::socket client = support::client_of(listener);
        script chosen;
        chosen.fail(call::accept4, error);
        const under here{chosen};
        CHECK(failure_of([&] { listener.accept(); }).code == system_error(error));
        CHECK(listener.accept().peer == client.local_endpoint());
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
            first.close();
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
        const auto [bytes, from, truncated] = receiver.recv_from(buffer);
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
        REQUIRE(next->native_handle() == number);  // another's by now
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
    std::this_thread::sleep_for(a_while);  // time to do the wrong thing; whoever does the right one waits
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
    // Linux says EAGAIN when all ports are in use, and no readiness would ever tell of one that is free again.
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
    {call::epoll_create1, EMFILE},
    {call::epoll_ctl, ENOMEM},
    {call::epoll_ctl, ENOSPC},
    {call::epoll_wait, EINTR},
    {call::eventfd, EMFILE},
    {call::fcntl, EINVAL},
    {call::getpeername, ENOTCONN},
    {call::getsockname, ENOBUFS},
    {call::getsockopt, ENOBUFS},
    {call::listen, EADDRINUSE},
    {call::ppoll, EINTR},
    {call::ppoll, ENOMEM},
    {call::recv, EINTR},
    {call::recv, ECONNRESET},
    {call::recv, ENOMEM},
    {call::recv, ETIMEDOUT},
    {call::recvmsg, EINTR},
    {call::recvmsg, ENOMEM},
    {call::send, EINTR},
    {call::send, EPIPE},
    {call::accept4, EAGAIN},
    {call::recv, EAGAIN},
    {call::send, EAGAIN},
    {call::send, ECONNRESET},
    {call::send, ENOBUFS},
    {call::sendto, EINTR},
    {call::sendto, ENOBUFS},
    {call::setsockopt, ENOMEM},
    {call::shutdown, ENOTCONN},
    {call::socket, EMFILE},
    {call::socketpair, EMFILE},
};

/// Has a conversation with the first call of a kind failing, then with the second, and so on until there is no
/// such call any more; and so for all kinds. Returns how many faults there were.
unsigned sweep(const std::function<void(script&)>& conversation, const std::set<std::pair<call, int>>& left_out = {}) {
    unsigned struck = 0;
    for (const auto& [what, error] : all_faults) {
        for (unsigned nth = 1; !left_out.contains({what, error}); ++nth) {
            INFO(faults::name(what) << " number " << nth << " fails: " << std::system_category().message(error));
            const auto before = open_descriptors();
            script chosen;
            chosen.fail(what, error, nth);
            conversation(chosen);
            CHECK(open_descriptors() == before);
            if (chosen.failed() == 0) break;
            ++struck;
        }
    }
    return struck;
}

enum class outcome { echoed, failed, wrong };

/// Sends all, hears what comes back, and says whether it is the same.
outcome converse(const net::endpoint& where, const std::string& bytes) {
    try {
        net::tcp_stream client{where};
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
    } catch (const std::system_error&) {
        return outcome::failed;
    }
}

using serve = std::function<void(net::tcp_listener, const net::stop_event&)>;
using visit = std::function<void(const net::endpoint&)>;

/// Runs a server in a thread that is under a script from the first call to the last, lets clients who are not
/// visit it, and stops it. Says how it ended.
enum class ending { by_stop, by_error, before_it_began };
ending with_server(script& chosen, const serve& server, const visit& clients) {
    net::stop_event stop;
    std::promise<net::endpoint> listening_at;
    background serving{[&] {
        const under here{chosen};
        bool is_listening = false;
        try {
            net::tcp_listener listener{anywhere_on_loopback};
            const net::endpoint where = listener.local_endpoint();
            is_listening = true;
            listening_at.set_value(where);
            server(std::move(listener), stop);
            return ending::by_stop;
        } catch (const std::system_error&) {
            if (is_listening) return ending::by_error;
            listening_at.set_exception(std::current_exception());
            return ending::before_it_began;
        }
    }};
    const struct stopping {  // whatever comes out of a client: the server's thread is joined at the end
        net::stop_event& event;
        ~stopping() { event.request_stop(); }
    } stopped_in_the_end{stop};
    std::optional<net::endpoint> where;
    try {
        where = listening_at.get_future().get();
    } catch (const std::system_error&) {  // it did not come so far
    }
    if (where) clients(*where);
    stop.request_stop();
    return serving.get();
}

/// The conversation of the sweeps: two clients, of whom one at most meets the fault. The calls named are those
/// without which the server cannot go on.
std::function<void(script&)> two_clients(const serve& server, const std::vector<call>& vital) {
    return [=, bytes = pattern(20'000)](script& chosen) {
        int echoed = 0;
        const ending ended = with_server(chosen, server, [&](const net::endpoint& where) {
            for (int i = 0; i < 2; ++i) {
                const outcome came = converse(where, bytes);
                CHECK(came != outcome::wrong);
                echoed += came == outcome::echoed;
            }
        });
        if (ended == ending::by_stop) CHECK(echoed >= (chosen.failed() == 0 ? 2 : 1));
        if (ended == ending::by_error)
            CHECK(std::any_of(vital.begin(), vital.end(), [&](call what) { return chosen.failed(what) > 0; }));
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
serve serve_by_reactor(net::trigger how) {
    return [how](net::tcp_listener listener, const net::stop_event& stop) {
        const auto handler = [](net::connection& client, std::span<const std::byte> bytes) { client.send(bytes); };
        net::reactor_server server{std::move(listener).into_socket(), handler, {.how = how, .read_size = 4096}};
        server.run(stop);
    };
}
const std::vector<call> vital_for_reactor{call::epoll_create1, call::epoll_ctl, call::fcntl, call::getsockopt};

const std::vector<std::pair<std::string, serve>>& all_servers() {
    static const std::vector<std::pair<std::string, serve>> all{
        {"iterative server", serve_iteratively},
        {"iterative server of a stream", serve_lines},
        {"reactor on edges", serve_by_reactor(net::trigger::edge)},
        {"reactor on levels", serve_by_reactor(net::trigger::level)}};
    return all;
}

}  // namespace

TEST_CASE("every server echoes a mebibyte through interruptions and short sends") {
    const std::string bytes = pattern(1 << 20);
    for (const auto& [name, server] : all_servers()) {
        INFO(name);
        const auto before = open_descriptors();
        script chosen;
        interrupt_everything(chosen);
        chosen.at_most(call::send, 99);
        CHECK(ending::by_stop == with_server(chosen, server, [&](const net::endpoint& where) {
                  CHECK(converse(where, bytes) == outcome::echoed);
              }));
        CHECK(open_descriptors() == before);
    }
}

TEST_CASE("every server that may rely on nothing echoes a mebibyte through short receives") {
    const std::string bytes = pattern(1 << 20);
    for (const auto& [name, server] : all_servers()) {
        // On edges a short receive means that the queue is empty, and of the kernel that is true.
        if (name == "reactor on edges") continue;
        INFO(name);
        script chosen;
        interrupt_everything(chosen);
        chosen.at_most(call::recv, 99);
        chosen.at_most(call::send, 49);
        CHECK(ending::by_stop == with_server(chosen, server, [&](const net::endpoint& where) {
                  CHECK(converse(where, bytes) == outcome::echoed);
              }));
    }
}

TEST_CASE("every server echoes byte by byte") {
    const std::string bytes = pattern(20'000);
    for (const auto& [name, server] : all_servers()) {
        INFO(name);
        script chosen;
        chosen.at_most(call::send, 1);
        if (name != "reactor on edges") chosen.at_most(call::recv, 1);
        CHECK(ending::by_stop == with_server(chosen, server, [&](const net::endpoint& where) {
                  CHECK(converse(where, bytes) == outcome::echoed);
              }));
    }
}

TEST_CASE("every server echoes under random faults") {
    const std::string bytes = pattern(40'000);
    for (const auto& [name, server] : all_servers()) {
        if (name == "reactor on edges") continue;  // for random faults cut receives short
        for (std::uint32_t seed = 1; seed <= 10; ++seed) {
            INFO(name << ", seed " << seed);
            script chosen;
            chosen.random(seed, 30);
            CHECK(ending::by_stop == with_server(chosen, server, [&](const net::endpoint& where) {
                      for (int i = 0; i < 2; ++i) CHECK(converse(where, bytes) == outcome::echoed);
                  }));
        }
    }
}

TEST_CASE("no single fault brings down more than one conversation with the iterative server") {
    CHECK(sweep(two_clients(serve_iteratively, {call::fcntl})) > 30);
}

TEST_CASE("no single fault brings down more than one conversation by streams") {
    CHECK(sweep(two_clients(serve_lines, {call::fcntl})) > 30);
}

TEST_CASE("no single fault brings down more than one conversation with the reactor on levels") {
    CHECK(sweep(two_clients(serve_by_reactor(net::trigger::level), vital_for_reactor)) > 30);
}

TEST_CASE("no single fault brings down more than one conversation with the reactor on edges") {
    // The kernel does not say that there is nothing while there is something; on edges one may rely on that.
    CHECK(sweep(two_clients(serve_by_reactor(net::trigger::edge), vital_for_reactor),
                {{call::recv, EAGAIN}, {call::send, EAGAIN}}) > 30);
}

TEST_CASE("a client has its answer or an error whatever fails on its side") {
    const std::string bytes = pattern(20'000);
    CHECK(sweep([&](script& chosen) {
              script none;
              CHECK(ending::by_stop == with_server(none, serve_iteratively, [&](const net::endpoint& where) {
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
              CHECK(ending::by_stop == with_server(none, serve_iteratively, [&](const net::endpoint& where) {
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
    for (const auto& [name, server] : all_servers()) {
        INFO(name);
        script chosen;
        chosen.fail(call::accept4, EMFILE, 1);
        chosen.fail(call::accept4, ENFILE, 2);
        chosen.fail(call::accept4, ENOBUFS, 3);
        chosen.fail(call::accept4, ENOMEM, 4);
        CHECK(ending::by_stop == with_server(chosen, server, [&](const net::endpoint& where) {
                  CHECK(converse(where, "patient") == outcome::echoed);
              }));
        CHECK(chosen.failed() == 4);
    }
}

TEST_CASE("a poller waits its time through interruptions") {
    net::epoll_poller poller;
    script chosen;
    chosen.interrupt(call::epoll_wait, 3);
    const under here{chosen};
    const auto start = net::clock::now();
    CHECK(poller.wait(a_while).empty());
    CHECK(net::clock::now() - start >= a_while);
    CHECK(chosen.made(call::epoll_wait) == 4);
}
