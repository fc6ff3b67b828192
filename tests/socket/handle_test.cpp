// The owner of a descriptor, and its errors.
// SPDX-License-Identifier: MIT

#include <netnotes/socket/resolve.hpp>

#include "sockets.hpp"

// ---- Ownership -----------------------------------------------------------------------------------------

static_assert(!std::is_copy_constructible_v<net::socket> && !std::is_copy_assignable_v<net::socket>);
static_assert(std::is_nothrow_move_constructible_v<net::socket> && std::is_nothrow_move_assignable_v<net::socket>);
static_assert(std::is_nothrow_default_constructible_v<net::socket>);
static_assert(!std::is_convertible_v<int, net::socket>, "a number becomes a socket only if somebody says so");

TEST_CASE("a default-constructed socket is closed") {
    net::socket none;
    CHECK_FALSE(none.is_open());
    CHECK(none.native_handle() == -1);
    CHECK(failure_of([&] { none.listen(); }).code == std::errc::bad_file_descriptor);
    CHECK(failure_of([&] { none.close(); }).what == "close: Bad file descriptor");
}

TEST_CASE("sockets of every family and type can be made and are closed once") {
    const std::vector<std::pair<address_family, socket_type>> kinds{
        {address_family::inet, socket_type::stream},           {address_family::inet, socket_type::datagram},
        {address_family::inet6, socket_type::stream},          {address_family::inet6, socket_type::datagram},
        {address_family::local, socket_type::stream},          {address_family::local, socket_type::datagram},
        {address_family::local, socket_type::sequenced_packet}};
    const bool inet6 = loopbacks().size() > 1;
    for (const auto& [family, type] : kinds) {
        if (family == address_family::inet6 && !inet6) continue;
        INFO("family " << static_cast<int>(family) << ", type " << static_cast<int>(type));
        const auto before = open_descriptors();
        {
            const net::socket made{family, type};
            CHECK(made.is_open());
            CHECK(is_close_on_exec(made.native_handle()));
            CHECK_FALSE(has_nonblock(made.native_handle()));
            CHECK(open_descriptors() == before + 1);
            int real_type = 0, real_family = 0;
            made.get_option(SOL_SOCKET, SO_TYPE, std::as_writable_bytes(std::span{&real_type, 1}));
            made.get_option(SOL_SOCKET, SO_DOMAIN, std::as_writable_bytes(std::span{&real_family, 1}));
            CHECK(real_type == static_cast<int>(type));
            CHECK(real_family == static_cast<int>(family));
        }
        CHECK(open_descriptors() == before);
    }
}

TEST_CASE("a socket that cannot be made says so and holds nothing") {
    const auto before = open_descriptors();
    const auto failure = failure_of([] { net::socket{address_family::inet, socket_type::sequenced_packet}; });
    CHECK(failure.code == std::error_code{ESOCKTNOSUPPORT, std::system_category()});
    CHECK(failure.what == "socket: Socket type not supported");
    std::error_code error;
    const net::socket none{address_family::inet, socket_type::stream, IPPROTO_UDP, error};
    CHECK(error == std::errc::protocol_not_supported);
    CHECK_FALSE(none.is_open());
    CHECK(open_descriptors() == before);
}

TEST_CASE("every descriptor that the library makes is close-on-exec") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket listener = listening(address);
        const net::socket client = client_of(listener);
        CHECK(is_close_on_exec(listener.native_handle()));
        CHECK(is_close_on_exec(client.native_handle()));
        CHECK(is_close_on_exec(listener.accept().connection.native_handle()));
    }
    for (const socket_type type : {socket_type::stream, socket_type::datagram, socket_type::sequenced_packet}) {
        const auto [first, second] = net::socket_pair(type);
        CHECK(is_close_on_exec(first.native_handle()));
        CHECK(is_close_on_exec(second.native_handle()));
    }
}

TEST_CASE("moving a socket hands on the descriptor with its mode and leaves none behind") {
    const auto before = open_descriptors();
    {
        net::socket first{address_family::inet, socket_type::stream};
        const int descriptor = first.native_handle();
        first.set_timeout(3s);
        net::socket second{std::move(first)};
        CHECK_FALSE(first.is_open());  // NOLINT(bugprone-use-after-move): that is what is asked
        CHECK(first.timeout() == net::never);
        CHECK(second.native_handle() == descriptor);
        CHECK(second.timeout() == 3s);

        net::socket third{address_family::inet, socket_type::datagram};
        CHECK(open_descriptors() == before + 2);
        third = std::move(second);  // closes what it had
        CHECK(open_descriptors() == before + 1);
        CHECK(third.native_handle() == descriptor);
        CHECK_FALSE(second.is_open());  // NOLINT(bugprone-use-after-move)

        net::socket& itself = third;
        third = std::move(itself);
        CHECK(third.native_handle() == descriptor);
        CHECK(third.timeout() == 3s);
        CHECK(open_descriptors() == before + 1);

        net::socket none;
        none.swap(third);
        CHECK(none.native_handle() == descriptor);
        CHECK_FALSE(third.is_open());
        none = net::socket{};
        CHECK(open_descriptors() == before);
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("a released descriptor is the caller's to close") {
    const auto before = open_descriptors();
    int descriptor = -1;
    {
        net::socket giving{address_family::inet, socket_type::stream};
        descriptor = giving.release();
        CHECK_FALSE(giving.is_open());
    }
    CHECK(open_descriptors() == before + 1);
    {
        const net::socket taking{descriptor};
        CHECK(taking.native_handle() == descriptor);
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("a closed socket does not close the next owner of its number") {
    net::socket first{address_family::inet, socket_type::stream};
    const int number = first.native_handle();
    first.close();
    CHECK_FALSE(first.is_open());
    const net::socket next{address_family::inet, socket_type::stream};
    REQUIRE(next.native_handle() == number);  // the kernel gives the lowest free number
    std::error_code error;
    first.close(error);
    CHECK(error == std::errc::bad_file_descriptor);
    first = net::socket{};
    CHECK(::fcntl(number, F_GETFD) >= 0);
}

// ---- Errors --------------------------------------------------------------------------------------------

TEST_CASE("an error says the operation and the endpoint and the system's words") {
    for (const net::ip_address& address : loopbacks()) {
        const net::socket holder = listening(address);
        const std::string where = holder.local_endpoint().to_string();
        net::socket other{family_of(address), socket_type::stream};
        const auto bind = failure_of([&] { other.bind(holder.local_endpoint()); });
        CHECK(bind.code == std::errc::address_in_use);
        CHECK(bind.what == "bind " + where + ": Address already in use");

        const closed_port closed{address};
        for (const net::duration timeout : {net::never, net::duration{1h}}) {
            net::socket caller{family_of(address), socket_type::stream};
            caller.set_timeout(timeout);
            const auto connect = failure_of([&] { caller.connect(closed.where()); });
            CHECK(connect.code == std::errc::connection_refused);
            CHECK(connect.what == "connect " + closed.where().to_string() + ": Connection refused");
        }

        net::socket client, server;
        std::tie(client, server) = tcp_pair(address);
        const std::string peer = client.peer_endpoint().to_string();
        const std::string self = client.local_endpoint().to_string();
        client.set_timeout(0s);
        CHECK(failure_of([&] {
                  char c[1];
                  client.recv(c);
              }).what == "recv from " + peer + ": Connection timed out");
        client.shutdown(net::shutdown_direction::send);
        CHECK(failure_of([&] { client.send("x"); }).what == "send to " + peer + ": Broken pipe");
        CHECK(failure_of([&] { client.send_all("four"); }).what ==
              "send_all (0 of 4 bytes sent) to " + peer + ": Broken pipe");
        CHECK(failure_of([&] { client.accept(); }).what == "accept on " + self + ": Invalid argument");

        net::socket datagrams = bound(address, socket_type::datagram);
        const std::string here = datagrams.local_endpoint().to_string();
        CHECK(failure_of([&] { datagrams.listen(); }).what == "listen on " + here + ": Operation not supported");
        datagrams.set_blocking(false);
        CHECK(failure_of([&] {
                  char c[1];
                  datagrams.recv_from(c);
              }).what == "recv_from on " + here + ": Resource temporarily unavailable");
        CHECK(failure_of([&] { datagrams.shutdown(net::shutdown_direction::send); }).what ==
              "shutdown of the connection to the peer of " + here + ": Transport endpoint is not connected");
        CHECK(failure_of([&] { datagrams.set_option(-1, 7, 1); }).what ==
              "setsockopt(-1, 7) on " + here + ": Protocol not available");
        CHECK_THAT(failure_of([&] {
                       std::byte b[4];
                       datagrams.get_option(-1, 7, b);
                   }).what,
                   Catch::Matchers::StartsWith("getsockopt(-1, 7) on " + here + ": "));
    }
}

TEST_CASE("a peer that has gone is still named by our own end") {
    net::socket client, server;
    std::tie(client, server) = tcp_pair();
    const std::string self = client.local_endpoint().to_string();
    reset(server);
    CHECK(failure_of([&] {
              char c[1];
              client.recv(c);
          }).what == "recv from the peer of " + self + ": Connection reset by peer");
}

// Every call that takes a std::error_code: what it does with a closed socket, and that it never throws.
#define NETNOTES_NOEXCEPT(call) static_assert(noexcept(std::declval<net::socket&>().call))
NETNOTES_NOEXCEPT(bind(std::declval<const net::socket_address&>(), std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(listen(1, std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(accept(std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(connect(std::declval<const net::socket_address&>(), std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(recv(std::declval<net::mutable_buffer>(), std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(send(std::declval<net::const_buffer>(), std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(send_all(std::declval<net::const_buffer>(), std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(recv_from(std::declval<net::mutable_buffer>(), std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(send_to(std::declval<net::const_buffer>(), std::declval<const net::socket_address&>(),
                          std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(shutdown(net::shutdown_direction::both, std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(close(std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(local_endpoint(std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(peer_endpoint(std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(set_option(net::option::keep_alive{}, std::declval<std::error_code&>()));
NETNOTES_NOEXCEPT(wait(POLLIN, std::declval<net::time_point>(), std::declval<std::error_code&>()));
#undef NETNOTES_NOEXCEPT

namespace {
/// The calls with a std::error_code, to be tried one after another.
std::vector<std::pair<std::string, std::function<void(net::socket&, std::error_code&)>>> quiet_calls() {
    static const net::socket_address where{net::endpoint{localhost, 9}};
    static char buffer[8];
    return {{"bind", [](auto& s, auto& error) { s.bind(where, error); }},
            {"listen", [](auto& s, auto& error) { s.listen(1, error); }},
            {"accept", [](auto& s, auto& error) { s.accept(error); }},
            {"connect", [](auto& s, auto& error) { s.connect(where, error); }},
            {"recv", [](auto& s, auto& error) { s.recv(buffer, error); }},
            {"send", [](auto& s, auto& error) { s.send("x", error); }},
            {"send_all", [](auto& s, auto& error) { s.send_all("x", error); }},
            {"recv_from", [](auto& s, auto& error) { s.recv_from(buffer, error); }},
            {"send_to", [](auto& s, auto& error) { s.send_to("x", where, error); }},
            {"shutdown", [](auto& s, auto& error) { s.shutdown(net::shutdown_direction::both, error); }},
            {"local_endpoint", [](auto& s, auto& error) { static_cast<void>(s.local_endpoint(error)); }},
            {"peer_endpoint", [](auto& s, auto& error) { static_cast<void>(s.peer_endpoint(error)); }},
            {"set_option", [](auto& s, auto& error) { s.set_option(net::option::keep_alive{}, error); }},
            {"close", [](auto& s, auto& error) { s.close(error); }}};
}
}  // namespace

TEST_CASE("the overloads with an error code report and do not throw") {
    for (const auto& [name, call] : quiet_calls()) {
        INFO(name);
        net::socket none;
        std::error_code error;
        call(none, error);
        CHECK(error == std::errc::bad_file_descriptor);
        CHECK(error.category() == std::system_category());
    }
    std::error_code error;
    net::socket none;
    CHECK(none.take_error() == std::errc::bad_file_descriptor);
    CHECK(none.send_all("x", error) == 0);
    CHECK_FALSE(none.accept(error).connection.is_open());
    CHECK(none.recv_from(std::span<std::byte>{}, error).bytes.empty());
}

TEST_CASE("success wipes out the error of the call before") {
    const auto old_error = std::make_error_code(std::errc::io_error);
    std::error_code error = old_error;
    const auto succeeds = [&](auto call) {
        error = old_error;
        call();
        return !error;
    };
    net::socket listener;
    CHECK(succeeds([&] { listener = net::socket{address_family::inet, socket_type::stream, 0, error}; }));
    CHECK(succeeds([&] { listener.set_option(net::option::reuse_address{}, error); }));
    CHECK(succeeds([&] { listener.bind(net::endpoint{localhost, 0}, error); }));
    CHECK(succeeds([&] { listener.listen(1, error); }));
    net::socket_address where;
    CHECK(succeeds([&] { where = listener.local_endpoint(error); }));
    net::socket client{address_family::inet, socket_type::stream}, server;
    CHECK(succeeds([&] { client.connect(where, error); }));
    CHECK(succeeds([&] { server = listener.accept(error).connection; }));
    CHECK(succeeds([&] { CHECK(client.peer_endpoint(error) == where); }));
    CHECK(succeeds([&] { CHECK(client.send("1", error) == 1); }));
    CHECK(succeeds([&] { CHECK(client.send_all("23", error) == 2); }));
    CHECK(succeeds([&] { CHECK(client.send_all("", error) == 0); }));
    CHECK(succeeds([&] { client.shutdown(net::shutdown_direction::send, error); }));
    CHECK(succeeds([&] { server.wait(POLLIN, net::time_point::max(), error); }));
    char buffer[8];
    CHECK(succeeds([&] { server.recv(buffer, error); }));
    CHECK(succeeds([&] { static_cast<void>(net::resolve("127.0.0.1", "80", {}, error)); }));
    CHECK(succeeds([&] { client.close(error); }));
    net::socket first = bound(localhost, socket_type::datagram), second = bound(localhost, socket_type::datagram);
    CHECK(succeeds([&] { first.send_to("x", second.local_endpoint(), error); }));
    CHECK(succeeds([&] { CHECK(second.recv_from(buffer, error).bytes.size() == 1); }));
}
