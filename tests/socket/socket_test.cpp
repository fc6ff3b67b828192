// What socket.hpp promises: ownership, names, time, stops, and the truth about what happened.
//
// Nothing here sleeps in order to be late or early enough. Where something has to be waited for, the test
// waits for that thing: for a byte, for the end of a stream, for a thread to stand in a system call. A time
// limit is checked from below only ("not before its time"); from above a slow machine may do as it likes.

#include <netnotes/socket/socket.hpp>

#include "../support.hpp"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <tuple>

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;
using Catch::Matchers::ContainsSubstring;
using net::address_family;
using net::socket_type;
using support::background;
using support::bound;
using support::client_of;
using support::closed_port;
using support::failure_of;
using support::family_of;
using support::links;
using support::listening;
using support::loopbacks;
using support::open_descriptors;
using support::pattern;
using support::receive_all;
using support::receive_exactly;
using support::tcp_pair;

namespace {

const net::ip_address localhost = net::ipv4_address::loopback();

/// A short while: long enough to be told from none, short enough to wait for.
constexpr auto a_while = 30ms;

/// More than the kernel's buffers hold between two sockets that nobody reads from.
constexpr std::size_t too_much = 64 << 20;
const std::string& much() {
    static const std::string bytes = pattern(too_much);
    return bytes;
}

bool is_close_on_exec(int descriptor) { return (::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0; }
bool has_nonblock(int descriptor) { return (::fcntl(descriptor, F_GETFL) & O_NONBLOCK) != 0; }
std::uint16_t port_of(const net::socket& socket) { return socket.local_endpoint().ip().port(); }

/// Closes without a goodbye: SO_LINGER with zero seconds makes close() send a reset.
void reset(net::socket& connection) {
    connection.set_option(net::option::linger{0s});
    connection.close();
}

/// A name that no other process uses at the moment.
net::unix_endpoint unused_name() {
    static int count = 0;
    return net::unix_endpoint::abstract("netnotes-" + std::to_string(::getpid()) + '-' + std::to_string(++count));
}

/// A listener whose queue is full: no other client gets in, until one is accepted.
class full_listener {
  public:
    explicit full_listener(const net::ip_address& address)
        : listener_{listening(address, 0)}, inside_{client_of(listener_)} {}
    full_listener()
        : listener_{address_family::local, socket_type::stream}, inside_{address_family::local, socket_type::stream} {
        listener_.bind(unused_name());
        listener_.listen(0);
        inside_.connect(listener_.local_endpoint());
    }
    [[nodiscard]] net::socket_address where() const { return listener_.local_endpoint(); }
    void make_room() { listener_.accept(); }

  private:
    net::socket listener_, inside_;
};
std::list<full_listener> full_listeners() {
    std::list<full_listener> all;
    for (const net::ip_address& address : loopbacks()) all.emplace_back(address);
    all.emplace_back();
    return all;
}

/// For each of those, a client that connects and waits. All at once, for TCP tries again only after a second.
struct late_clients {
    explicit late_clients(net::duration timeout) {
        for (const full_listener& listener : listeners) {
            net::socket& client = clients.emplace_back(listener.where().family(), socket_type::stream);
            client.set_timeout(timeout);
            threads.emplace_back([&client, where = listener.where()] { client.connect(where); });
        }
    }
    bool all_get_in() {
        for (full_listener& listener : listeners) listener.make_room();
        for (auto& thread : threads) thread.get();
        return std::equal(listeners.begin(), listeners.end(), clients.begin(),
                          [](auto& listener, auto& client) { return client.peer_endpoint() == listener.where(); });
    }
    std::list<full_listener> listeners = full_listeners();
    std::list<net::socket> clients;
    std::list<background<std::function<void()>>> threads;
};

}  // namespace

// ---- Ownership -----------------------------------------------------------------------------------------

static_assert(!std::is_copy_constructible_v<net::socket> && !std::is_copy_assignable_v<net::socket>);
static_assert(std::is_nothrow_move_constructible_v<net::socket> && std::is_nothrow_move_assignable_v<net::socket>);
static_assert(std::is_nothrow_default_constructible_v<net::socket>);
static_assert(!std::is_convertible_v<int, net::socket>, "a number becomes a socket only if somebody says so");

TEST_CASE("a socket that was only declared is none") {
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

// ---- Names ---------------------------------------------------------------------------------------------

TEST_CASE("an IPv4 endpoint becomes a sockaddr in network byte order and comes back") {
    const net::endpoint where{net::ipv4_address{192, 0, 2, 77}, 6666};
    const net::socket_address address{where};
    CHECK(address.family() == address_family::inet);
    CHECK(address.is_ip());
    REQUIRE(address.size() == sizeof(sockaddr_in));
    sockaddr_in raw{};
    std::memcpy(&raw, address.data(), sizeof raw);
    CHECK(std::memcmp(&raw.sin_addr, "\xc0\x00\x02\x4d", 4) == 0);
    CHECK(std::memcmp(&raw.sin_port, "\x1a\x0a", 2) == 0);
    CHECK(address.ip() == where);
    CHECK(address.to_string() == "192.0.2.77:6666");
}

TEST_CASE("an IPv6 endpoint becomes a sockaddr in network byte order and comes back") {
    const net::endpoint where{net::ipv6_address{"2001:db8::1:2"}, 443};
    const net::socket_address address{where};
    CHECK(address.family() == address_family::inet6);
    CHECK(address.is_ip());
    REQUIRE(address.size() == sizeof(sockaddr_in6));
    sockaddr_in6 raw{};
    std::memcpy(&raw, address.data(), sizeof raw);
    CHECK(std::memcmp(&raw.sin6_addr, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\1\0\2", 16) == 0);
    CHECK(std::memcmp(&raw.sin6_port, "\x01\xbb", 2) == 0);
    CHECK(raw.sin6_scope_id == 0);
    CHECK(address.ip() == where);
    CHECK(address.to_string() == "[2001:db8::1:2]:443");
}

TEST_CASE("a zone is the number or the name of an interface") {
    const auto scope_of = [](const char* text) {
        const net::socket_address address{net::endpoint{net::ipv6_address{text}, 80}};
        sockaddr_in6 raw{};
        std::memcpy(&raw, address.data(), sizeof raw);
        return raw.sin6_scope_id;
    };
    CHECK(scope_of("fe80::1%7") == 7);
    CHECK(scope_of("fe80::1%4294967295") == 4294967295);
    const unsigned loopback_interface = ::if_nametoindex("lo");
    REQUIRE(loopback_interface != 0);
    CHECK(scope_of("fe80::1%lo") == loopback_interface);

    // Back it comes as the number: the kernel knows no other.
    const net::socket_address address{net::endpoint{net::ipv6_address{"fe80::1%lo"}, 80}};
    const std::string number = std::to_string(loopback_interface);
    CHECK(address.ip() == net::endpoint{net::ipv6_address{"fe80::1%" + number}, 80});
    CHECK(address.to_string() == "[fe80::1%" + number + "]:80");
}

TEST_CASE("a zone that is no interface is an error which names it") {
    for (const char* const text : {"fe80::1%no-such-if", "fe80::1%7x", "fe80::1%4294967296"}) {
        const auto failure = failure_of([&] { net::socket_address{net::endpoint{net::ipv6_address{text}, 80}}; });
        CHECK(failure.code == std::errc::no_such_device);
        CHECK(failure.what == "zone of "s + text + ": No such device");
    }
}

TEST_CASE("an address is asked only for what it is") {
    const net::socket_address none{};
    CHECK(none.family() == address_family::unspecified);
    CHECK_FALSE(none.is_ip());
    CHECK(none.to_string() == "(no address)");
    CHECK(none.local().is_unnamed());
    CHECK_THROWS_AS(none.ip(), std::invalid_argument);
    const net::socket_address ip{net::endpoint{localhost, 80}};
    CHECK_THROWS_WITH(ip.local(), ContainsSubstring("127.0.0.1:80"));
    const net::socket_address local{net::unix_endpoint{"/run/x"}};
    CHECK_THROWS_WITH(local.ip(), ContainsSubstring("/run/x"));
}

TEST_CASE("addresses are equal when they name the same socket") {
    const net::endpoint where{net::ipv6_address{"2001:db8::1"}, 80};
    const net::socket_address address{where};
    net::socket_address with_flow{where};
    reinterpret_cast<sockaddr_in6*>(with_flow.data())->sin6_flowinfo = 0x12345;  // a label on packets, not a name
    CHECK(address == with_flow);
    CHECK_FALSE(address == net::socket_address{net::endpoint{where.address(), 81}});
    CHECK_FALSE(address == net::socket_address{net::unix_endpoint{"/run/x"}});
    CHECK_FALSE(net::socket_address{net::unix_endpoint{"/run/x"}} ==
                net::socket_address{net::unix_endpoint::abstract("/run/x")});
    CHECK(net::socket_address{net::unix_endpoint{"/run/x"}} == net::socket_address{net::unix_endpoint{"/run/x"}});
    CHECK(net::socket_address{} == net::socket_address{});
}

TEST_CASE("a Unix name is a path or an abstract name or none") {
    const net::unix_endpoint path{"/run/service"}, none;
    const auto abstract = net::unix_endpoint::abstract("service");
    CHECK(path.name() == "/run/service");
    CHECK(path.to_string() == "/run/service");
    CHECK_FALSE(path.is_abstract());
    CHECK_FALSE(path.is_unnamed());
    CHECK(abstract.name() == "service");
    CHECK(abstract.to_string() == "@service");
    CHECK(abstract.is_abstract());
    CHECK_FALSE(abstract.is_unnamed());
    CHECK(none.is_unnamed());
    CHECK(none.to_string() == "(unnamed)");
    CHECK(net::unix_endpoint::abstract("").to_string() == "@");  // a NUL and nothing behind it is a name
    CHECK_FALSE(net::unix_endpoint::abstract("").is_unnamed());
    CHECK_FALSE(net::unix_endpoint{"service"} == abstract);
    for (const auto& name : {path, abstract, none, net::unix_endpoint::abstract("a\0b"s)})
        CHECK(net::socket_address{name}.local() == name);
}

TEST_CASE("a Unix name that the kernel would cut or misread is refused") {
    CHECK_THROWS_AS(net::unix_endpoint{""}, std::invalid_argument);  // it would ask for an abstract one
    CHECK_THROWS_AS(net::unix_endpoint{"a\0b"sv}, std::invalid_argument);
    CHECK_THROWS_AS(net::unix_endpoint{"\0b"sv}, std::invalid_argument);
    CHECK_THROWS_AS(net::unix_endpoint{std::string(109, 'x')}, std::invalid_argument);
    CHECK_THROWS_AS(net::unix_endpoint::abstract(std::string(108, 'x')), std::invalid_argument);
    for (const auto& longest :
         {net::unix_endpoint{std::string(108, 'x')}, net::unix_endpoint::abstract(std::string(107, 'x'))}) {
        const net::socket_address address{longest};
        CHECK(address.size() == sizeof(sockaddr_un));
        CHECK(address.local() == longest);
    }
}

TEST_CASE("a server is reached under a path and the path stays when it is gone") {
    const support::temporary_folder folder;
    const net::unix_endpoint name{folder.file("server")};
    {
        net::socket server{address_family::local, socket_type::stream};
        server.bind(name);
        server.listen();
        CHECK(server.local_endpoint().local() == name);
        net::socket client{address_family::local, socket_type::stream};
        client.connect(name);
        CHECK(client.peer_endpoint().local() == name);
        CHECK(client.local_endpoint().local().is_unnamed());
        const auto [connection, peer] = server.accept();
        CHECK(peer.local().is_unnamed());
        CHECK(connection.local_endpoint().local() == name);
    }
    net::socket next{address_family::local, socket_type::stream};
    CHECK(failure_of([&] { next.connect(name); }).what == "connect " + name.name() + ": Connection refused");
    CHECK(failure_of([&] { next.bind(name); }).what == "bind " + name.name() + ": Address already in use");
    std::filesystem::remove(name.name());
    CHECK(failure_of([&] { next.connect(name); }).code == std::errc::no_such_file_or_directory);
    next.bind(name);
}

TEST_CASE("a path of 108 bytes can be bound and connected to by the name that the kernel tells") {
    // The kernel stores a NUL behind it all the same, counts 111 bytes, and does not take 111 back (unix(7), BUGS).
    const support::temporary_folder folder;
    const std::string start = folder.file("");
    REQUIRE(start.size() < 108);
    const net::unix_endpoint name{start + std::string(108 - start.size(), 'x')};
    net::socket server{address_family::local, socket_type::stream};
    server.bind(name);
    server.listen();
    const net::socket_address told = server.local_endpoint();
    CHECK(told.local() == name);
    CHECK(told == net::socket_address{name});
    net::socket client{address_family::local, socket_type::stream};
    client.connect(told);
    CHECK(client.peer_endpoint() == told);
    CHECK(server.accept().connection.local_endpoint() == told);
}

TEST_CASE("an abstract name holds any bytes and vanishes with its socket") {
    const std::string prefix = unused_name().name();
    const auto with_nul = net::unix_endpoint::abstract(prefix + "\0end"s);
    const auto without = net::unix_endpoint::abstract(prefix);  // not the same one, cut at the NUL
    for (int run = 0; run < 2; ++run) {                         // the second run finds the names free
        net::socket first{address_family::local, socket_type::stream};
        net::socket second{address_family::local, socket_type::stream};
        first.bind(with_nul);
        second.bind(without);
        first.listen();
        second.listen();
        CHECK(first.local_endpoint().local() == with_nul);
        CHECK(second.local_endpoint().local() == without);
        net::socket client{address_family::local, socket_type::stream};
        client.connect(with_nul);
        CHECK(client.peer_endpoint().local() == with_nul);
    }
}

TEST_CASE("a Unix socket bound to no name gets one from the system") {
    net::socket server{address_family::local, socket_type::datagram};
    server.bind(net::unix_endpoint{});
    const auto name = server.local_endpoint().local();
    CHECK(name.is_abstract());
    CHECK(name.name().size() == 5);  // unix(7), "Autobind feature"
}

TEST_CASE("port 0 lets the system choose and local_endpoint tells") {
    for (const net::ip_address& address : loopbacks()) {
        const net::socket socket = bound(address, socket_type::stream);
        CHECK(socket.local_endpoint().ip().address() == address);
        CHECK(port_of(socket) != 0);
    }
}

TEST_CASE("a socket is an end of a conversation and need not be connected") {
    for (const net::ip_address& address : loopbacks()) {
        const net::socket fresh{family_of(address), socket_type::stream};
        CHECK(fresh.local_endpoint().ip().port() == 0);
        CHECK(failure_of([&] { static_cast<void>(fresh.peer_endpoint()); }).what ==
              "getpeername: Transport endpoint is not connected");
        const auto [first, second] = tcp_pair(address);
        CHECK(first.local_endpoint() == second.peer_endpoint());
        CHECK(first.peer_endpoint() == second.local_endpoint());
    }
}

// ---- Buffers -------------------------------------------------------------------------------------------

namespace buffers {
template <class T>
constexpr bool receives = std::is_constructible_v<net::mutable_buffer, T>;
template <class T>
constexpr bool sends = std::is_constructible_v<net::const_buffer, T>;

static_assert(receives<std::byte (&)[4]> && receives<char (&)[4]> && receives<unsigned char (&)[4]>);
static_assert(receives<std::array<char, 4>&> && receives<std::vector<std::byte>&> && receives<std::string&>);
static_assert(receives<std::span<std::byte>> && receives<std::span<char>> && receives<std::span<char, 4>>);
static_assert(receives<std::vector<signed char>&> && receives<std::vector<char8_t>&>);
static_assert(!receives<const std::string&> && !receives<const std::vector<std::byte>&> && !receives<std::string_view>,
              "what is not to be changed is not received into");
static_assert(!receives<const char (&)[4]> && !receives<std::span<const std::byte>>);
static_assert(!receives<std::vector<int>&> && !receives<int (&)[4]> && !receives<std::list<char>&>,
              "bytes in one run, and nothing else");

static_assert(sends<const char (&)[4]> && sends<const char*> && sends<std::string_view> && sends<const std::string&>);
static_assert(sends<const std::vector<std::byte>&> && sends<std::array<unsigned char, 4>> && sends<std::span<char>>);
static_assert(sends<std::span<const std::byte>> && sends<std::byte (&)[4]> && sends<net::mutable_buffer>);
static_assert(!sends<char (&)[4]>, "of an array that is filled and sent, one says how much");
static_assert(!sends<std::vector<int>> && !sends<const wchar_t*> && !sends<int>);
}  // namespace buffers

TEST_CASE("a buffer is the very bytes of what it is made from") {
    const auto is_all_of = [](const auto& buffer, const auto& range) {
        return static_cast<const void*>(buffer.data()) == static_cast<const void*>(std::data(range)) &&
               buffer.size() == std::size(range);
    };
    std::byte bytes[3]{};
    char chars[4]{};
    unsigned char octets[4]{};
    const char text[4] = {'t', 'e', 'x', 't'};
    std::array<unsigned char, 5> array{};
    std::string string(6, ' ');
    std::vector<std::byte> vector(7);
    const std::span<char> span{chars};
    const std::string_view view{string};
    CHECK(is_all_of(net::mutable_buffer{bytes}, bytes));
    CHECK(is_all_of(net::mutable_buffer{chars}, chars));
    CHECK(is_all_of(net::mutable_buffer{array}, array));
    CHECK(is_all_of(net::mutable_buffer{string}, string));
    CHECK(is_all_of(net::mutable_buffer{vector}, vector));
    CHECK(is_all_of(net::mutable_buffer{span}, span));
    CHECK(is_all_of(net::mutable_buffer{std::span{vector}.subspan(2)}, std::span{vector}.subspan(2)));
    CHECK(is_all_of(net::const_buffer{bytes}, bytes));
    CHECK(is_all_of(net::const_buffer{octets}, octets));  // an array that is no text: whole, zeros and all
    CHECK(is_all_of(net::const_buffer{text}, text));
    CHECK(is_all_of(net::const_buffer{std::span{chars}}, chars));
    CHECK(is_all_of(net::const_buffer{array}, array));
    CHECK(is_all_of(net::const_buffer{string}, string));
    CHECK(is_all_of(net::const_buffer{vector}, vector));
    CHECK(is_all_of(net::const_buffer{view}, view));
    CHECK(is_all_of(net::const_buffer{net::mutable_buffer{vector}}, vector));
}

TEST_CASE("the NUL behind a literal is not sent and all before it is") {
    CHECK(net::as_text(net::const_buffer{"hello"}) == "hello");
    CHECK(net::const_buffer{""}.empty());
    const char* const pointer = "hello";
    CHECK(net::as_text(net::const_buffer{pointer}) == "hello");
    CHECK(net::as_text(net::const_buffer{"\0\x1cmode\0"}) == "\0\x1cmode\0"sv);  // a packet written as a literal
    CHECK(net::as_text(net::const_buffer{"a\0b"sv}) == "a\0b"sv);
    // No NUL at its end: nothing behind the array may be looked for, let alone sent.
    struct {
        const char magic[4] = {'M', 'A', 'G', 'C'};
        const char secret[4] = {'p', 'i', 'n', '\0'};
    } const record;
    CHECK(net::as_text(net::const_buffer{record.magic}) == "MAGC");
}

TEST_CASE("received bytes are looked at as text without a copy") {
    const std::array<std::byte, 3> bytes{std::byte{'a'}, std::byte{0}, std::byte{0xff}};
    const std::string_view text = net::as_text(bytes);
    CHECK(text == "a\0\xff"sv);
    CHECK(static_cast<const void*>(text.data()) == static_cast<const void*>(bytes.data()));
}

TEST_CASE("bytes of every kind of range travel") {
    auto [first, second] = net::socket_pair();
    const std::vector<std::byte> vector{std::byte{'v'}, std::byte{0}};
    const std::array<unsigned char, 2> array{'a', 0xff};
    first.send_all("literal");
    first.send_all("string"s);
    first.send_all("view"sv);
    first.send_all(vector);
    first.send_all(array);
    first.send_all(std::span{vector}.first(1));
    first.shutdown(net::shutdown_direction::send);
    CHECK(receive_all(second) == "literalstringviewv\0a\xffv"s);
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
              "shutdown of the connection to the peer on " + here + ": Transport endpoint is not connected");
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
          }).what == "recv from the peer on " + self + ": Connection reset by peer");
}

// Every call that takes a std::error_code: what it does to a socket that is none, and that it never throws.
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

// ---- The stream ----------------------------------------------------------------------------------------

TEST_CASE("the end of the stream is 0 and stays 0 behind the last byte") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        first.send_all("last words");
        first.close();
        CHECK(receive_exactly(second, 10) == "last words");
        char buffer[8];
        for (int i = 0; i < 3; ++i) CHECK(second.recv(buffer) == 0);
    }
}

TEST_CASE("the stream has no seams") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        first.send_all("hello");
        first.send_all("world");
        char buffer[16];
        // Two sends, one receive. MSG_WAITALL, for nothing says that both have arrived by now.
        CHECK(second.recv(std::span{buffer}.first(10), MSG_WAITALL) == 10);
        CHECK(std::string_view{buffer, 10} == "helloworld");
        // One send, three receives.
        first.send_all("xxxyyyzzzz");
        CHECK(second.recv(std::span{buffer}.first(3), MSG_WAITALL) == 3);
        CHECK(second.recv(std::span{buffer}.subspan(3, 3), MSG_WAITALL) == 3);
        CHECK(second.recv(std::span{buffer}.subspan(6, 4), MSG_WAITALL) == 4);
        CHECK(std::string_view{buffer, 10} == "xxxyyyzzzz");
        // A look does not take.
        first.send_all("peek");
        CHECK(second.recv(std::span{buffer}.first(4), MSG_PEEK | MSG_WAITALL) == 4);
        CHECK(receive_exactly(second, 4) == "peek");
    }
}

TEST_CASE("the kernel takes part of 64 MiB and then no more") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        first.set_blocking(false);
        std::error_code error;
        std::size_t taken = 0;
        while (const std::size_t size = first.send(std::string_view{much()}.substr(taken), error)) taken += size;
        CHECK(error == std::errc::operation_would_block);
        CHECK(taken > 0);
        CHECK(taken < too_much);
        first.close();
        CHECK((receive_all(second) == much().substr(0, taken)));
    }
}

TEST_CASE("send_all sends everything to a reader that takes little at a time") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        first.set_option(net::option::send_buffer{4096});  // so that it has to wait often
        const std::string bytes = pattern(1 << 20);
        background sending{[&, &sender = first] {
            sender.send_all(bytes);
            sender.close();
        }};
        std::string received;
        char buffer[1000];
        while (const std::size_t size = second.recv(buffer)) received.append(buffer, size);
        sending.get();
        CHECK((received == bytes));
    }
}

TEST_CASE("recv_exact fills the buffer however the bytes come") {
    for (auto& [name, first, second] : support::links()) {
        INFO(name);
        const std::string text = pattern(200'000);
        background sender{[&sending = second, &text] {
            for (std::size_t at = 0; at < text.size(); at += 777)
                sending.send_all(std::string_view{text}.substr(at, 777));
            sending.close();
        }};
        std::string got(text.size() / 2, '?'), rest = got;
        CHECK(first.recv_exact(got) == got.size());
        CHECK(first.recv_exact(rest) == rest.size());
        CHECK(got + rest == text);
        CHECK(first.recv_exact(got) == 0);
        CHECK(first.recv_exact(got) == 0);
        sender.get();
    }
}

TEST_CASE("recv_exact tells an end between two messages from an end in the middle of one") {
    for (auto& [name, first, second] : support::links()) {
        INFO(name);
        const std::string peer = second.local_endpoint().to_string();
        second.send_all("12345678abc");
        second.close();
        char message[8];
        CHECK(first.recv_exact(message) == 8);
        CHECK(std::string_view{message, 8} == "12345678");
        const auto failure = failure_of([&message, &from = first] { from.recv_exact(message); });
        CHECK(failure.code == std::errc::protocol_error);
        CHECK(failure.what ==
              "recv_exact (3 of 8 bytes, then the end of the stream) from " + peer + ": Protocol error");
        CHECK(std::string_view{message, 3} == "abc");
        CHECK(first.recv_exact(message) == 0);
    }
}

TEST_CASE("after recv_exact has failed it is known how much came and the next call goes on") {
    auto [first, second] = support::tcp_pair();
    second.send_all("123");
    first.set_timeout(a_while);
    char message[8];
    std::error_code error;
    CHECK(first.recv_exact(message, error) == 3);
    CHECK(error == std::errc::timed_out);
    second.send_all("45678");
    CHECK(first.recv_exact(std::span{message}.subspan(3), error) == 5);
    CHECK_FALSE(error);
    CHECK(std::string_view{message, 8} == "12345678");
    CHECK(failure_of([&message, &from = first] { from.recv_exact(message); }).what ==
          "recv_exact (0 of 8 bytes) from " + second.local_endpoint().to_string() + ": Connection timed out");
    first.set_blocking(false);
    CHECK(first.recv_exact(message, error) == 0);
    CHECK(error == std::errc::operation_would_block);
}

TEST_CASE("to fill nothing recv_exact asks nobody") {
    net::socket none;
    CHECK(none.recv_exact(net::mutable_buffer{}) == 0);
    std::error_code error = std::make_error_code(std::errc::timed_out);
    CHECK(none.recv_exact(net::mutable_buffer{}, error) == 0);
    CHECK_FALSE(error);
    char one[1];
    CHECK(failure_of([&] { none.recv_exact(one); }).code == std::errc::bad_file_descriptor);
}

TEST_CASE("a peer that trickles cannot stretch the timeout of recv_exact") {
    auto [first, second] = support::tcp_pair();
    std::atomic<bool> enough{false};
    background trickle{[&, &sending = second] {
        while (!enough) {
            sending.send_all("x");
            std::this_thread::sleep_for(1ms);
        }
    }};
    first.set_timeout(a_while);
    std::vector<std::byte> more_than_comes(1'000'000);
    const auto start = net::clock::now();
    std::error_code error;
    CHECK(first.recv_exact(more_than_comes, error) > 0);
    CHECK(error == std::errc::timed_out);
    CHECK(net::clock::now() - start >= a_while);
    enough = true;
    trickle.get();
}

TEST_CASE("both directions are independent of each other") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        const std::string there = pattern(3 << 20), back = pattern(2 << 20);
        background sending{[&, &socket = first] { socket.send_all(there); }};
        background answering{[&, &socket = second] { socket.send_all(back); }};
        background receiving{[&, &socket = first] { return receive_exactly(socket, back.size()); }};
        const std::string received = receive_exactly(second, there.size());
        sending.get();
        answering.get();
        CHECK((received == there));
        CHECK((receiving.get() == back));
    }
}

TEST_CASE("after send_all has failed it is known how much went out") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        const std::string& bytes = much();
        SECTION("the time was up: " + name) {
            first.set_timeout(a_while);
            const auto start = net::clock::now();
            std::error_code error;
            const std::size_t sent = first.send_all(bytes, error);
            CHECK(net::clock::now() - start >= a_while);
            CHECK(error == std::errc::timed_out);
            CHECK(sent > 0);
            CHECK(sent < bytes.size());
            // Every byte that was counted arrives, and no other. (To close now would be to reset.)
            first.shutdown(net::shutdown_direction::send);
            CHECK((receive_all(second) == bytes.substr(0, sent)));
        }
        SECTION("the peer has reset: " + name) {
            background sending{[&, &sender = first] {
                std::error_code error;
                const std::size_t sent = sender.send_all(bytes, error);
                return std::pair{sent, error};
            }};
            CHECK((receive_exactly(second, 1 << 20) == bytes.substr(0, 1 << 20)));
            reset(second);
            const auto [sent, error] = sending.get();
            CHECK((error == std::errc::connection_reset || error == std::errc::broken_pipe));
            CHECK(sent >= 1 << 20);
            CHECK(sent < bytes.size());
        }
        SECTION("it may not wait: " + name) {
            first.set_blocking(false);
            std::error_code error;
            const std::size_t sent = first.send_all(bytes, error);
            CHECK(error == std::errc::operation_would_block);
            first.close();
            CHECK((receive_all(second) == bytes.substr(0, sent)));
        }
        SECTION("the form that throws says it in words: " + name) {
            first.set_timeout(0s);
            const auto failure = failure_of([&, &sender = first] { sender.send_all(bytes); });
            CHECK(failure.code == std::errc::timed_out);
            CHECK_THAT(failure.what, ContainsSubstring(" of 67108864 bytes sent) to "));
            first.shutdown(net::shutdown_direction::send);
            CHECK_THAT(failure.what,
                       ContainsSubstring("send_all (" + std::to_string(receive_all(second).size()) + " of"));
        }
    }
}

TEST_CASE("to close after send_all has failed is to reset and after the next has succeeded it is not") {
    for (const bool is_made_good : {false, true}) {
        auto [first, second] = tcp_pair();
        first.set_timeout(0s);
        std::error_code error;
        std::string text = much();
        const std::size_t sent = first.send_all(text, error);
        REQUIRE(error == std::errc::timed_out);
        if (is_made_good) {
            CHECK((receive_exactly(second, sent) == text.substr(0, sent)));
            first.send_all("and no more");
        }
        first.close();
        if (is_made_good)
            CHECK(receive_all(second) == "and no more");
        else
            CHECK(failure_of([&, &socket = second] { receive_all(socket); }).code == std::errc::connection_reset);
    }
}

TEST_CASE("a peer that has gone is an error and not the death of the process") {
    REQUIRE(std::signal(SIGPIPE, SIG_DFL) != SIG_ERR);  // what kills a program that does not know better
    for (auto& [name, first, second] : links()) {
        INFO(name);
        second.close();
        // Over TCP the first send succeeds: only the answer to it says that nobody is there.
        std::error_code error;
        while (!error) first.send("is anybody there?", error);
        CHECK((error == std::errc::broken_pipe || error == std::errc::connection_reset));
        for (int i = 0; i < 2; ++i)
            CHECK(failure_of([&, &gone = first] { gone.send_all("?"); }).code == std::errc::broken_pipe);
    }
    {
        auto [first, second] = tcp_pair();  // a stream takes send_to(), too, and disregards the name
        first.shutdown(net::shutdown_direction::send);
        CHECK(failure_of([&, &gone = first, &peer = second] { gone.send_to("?", peer.local_endpoint()); }).code ==
              std::errc::broken_pipe);
    }
    auto [first, second] = net::socket_pair(socket_type::datagram);
    const auto name = unused_name();
    net::socket third{address_family::local, socket_type::datagram};
    third.bind(name);
    second.close();
    third.close();
    CHECK(failure_of([&, &sender = first] { sender.send("?"); }).code == std::errc::connection_refused);
    CHECK(failure_of([&, &sender = first] { sender.send_to("?", name); }).code == std::errc::connection_refused);
}

TEST_CASE("a reset is an error and not an end") {
    for (const net::ip_address& address : loopbacks()) {
        auto [client, server] = tcp_pair(address);
        reset(server);
        char buffer[8];
        std::error_code error;
        CHECK(client.recv(buffer, error) == 0);
        CHECK(error == std::errc::connection_reset);
    }
}

TEST_CASE("to close with unread bytes is to reset") {
    for (const net::ip_address& address : loopbacks()) {
        auto [client, server] = tcp_pair(address);
        client.send_all("unread");
        server.wait(POLLIN, net::time_point::max(), *std::make_unique<std::error_code>());  // until they are there
        server.close();
        char buffer[8];
        CHECK(failure_of([&, &socket = client] { socket.recv(buffer); }).code == std::errc::connection_reset);
    }
}

TEST_CASE("to close a listener is to reset those who stand in its queue") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket listener = listening(address);
        net::socket client = client_of(listener);
        listener.close();
        char buffer[8];
        CHECK(failure_of([&] { client.recv(buffer); }).code == std::errc::connection_reset);
    }
}

TEST_CASE("half a goodbye leaves the other half open") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        first.send_all("question");
        first.shutdown(net::shutdown_direction::send);
        CHECK(receive_all(second) == "question");
        second.send_all("still");
        second.close();
        CHECK(receive_all(first) == "still");
        CHECK(failure_of([&, &socket = first] { socket.send("more"); }).code == std::errc::broken_pipe);
    }
}

TEST_CASE("a whole goodbye makes late data an error for who sends it") {
    for (const net::ip_address& address : loopbacks()) {
        auto [client, server] = tcp_pair(address);
        client.close();
        char buffer[8];
        CHECK(server.recv(buffer) == 0);  // looks the same as half a goodbye
        server.send_all("late");          // taken, and answered by a reset
        std::error_code error;
        server.wait(0, net::time_point::max(), error);  // POLLERR and POLLHUP come unasked
        CHECK(failure_of([&, &socket = server] { socket.send("later"); }).code == std::errc::broken_pipe);
    }
}

TEST_CASE("a connection ends when its last descriptor does") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        // As after fork(): two descriptors, one connection.
        std::optional<net::socket> other{net::socket{::dup(first.native_handle())}};
        first.close();
        char buffer[8];
        second.set_timeout(a_while);
        CHECK(failure_of([&, &socket = second] { socket.recv(buffer); }).code == std::errc::timed_out);
        other->send_all("still here");
        CHECK(receive_exactly(second, 10) == "still here");
        other.reset();
        second.set_timeout(net::never);
        CHECK(second.recv(buffer) == 0);
    }
}

// ppoll(2) refuses what does not fit: time_t may have 32 bits, which are 68 years.
TEST_CASE("a timeout of any number of years is waited for") {
    for (const net::duration timeout : {net::duration{24h * 365 * 69}, net::duration{24h * 365 * 136},
                                        net::duration{24h * 365 * 137}, net::never - 1ns, net::never})
        for (const bool is_deadline : {false, true}) {
            CAPTURE(timeout.count(), is_deadline);
            const timespec longest = net::detail::to_timespec(timeout);
            CHECK(longest.tv_sec >= 24 * 3600 * 365 * 68);
            CHECK((longest.tv_nsec >= 0 && longest.tv_nsec < 1'000'000'000));
            auto [first, second] = net::socket_pair();
            if (is_deadline)
                first.set_deadline(timeout > net::time_point::max() - net::clock::now() ? net::time_point::max()
                                                                                       : net::clock::now() + timeout);
            else
                first.set_timeout(timeout);
            background receiver{[&socket = first] {
                char byte[1];
                return socket.recv(byte);
            }};
            receiver.await_waiting();
            second.send_all("x");
            CHECK(receiver.get() == 1);
        }
}

TEST_CASE("after shutdown of receiving there is nothing to receive") {
    auto [first, second] = tcp_pair();
    first.shutdown(net::shutdown_direction::receive);
    char buffer[8];
    CHECK(first.recv(buffer) == 0);
    first.send_all("but I may still talk");
    first.shutdown(net::shutdown_direction::both);
    CHECK(receive_all(second) == "but I may still talk");
}

TEST_CASE("a connection stands before it is accepted") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket listener = listening(address);
        net::socket client = client_of(listener);
        client.send_all("sent before accept");
        auto [connection, peer] = listener.accept();
        CHECK(peer == client.local_endpoint());
        CHECK(receive_exactly(connection, 18) == "sent before accept");
    }
}

TEST_CASE("listen(n) lets in one more than n and refuses nobody") {
    for (const net::ip_address& address : loopbacks()) {
        for (const int backlog : {0, 1, 2, 5}) {
            INFO(address << ", backlog " << backlog);
            const net::socket listener = listening(address, backlog);
            std::vector<net::socket> inside;
            for (int i = 0; i <= backlog; ++i) inside.push_back(client_of(listener));
            net::socket late{family_of(address), socket_type::stream};
            late.set_timeout(a_while);
            std::error_code error;
            late.connect(listener.local_endpoint(), error);
            CHECK(error == std::errc::timed_out);
        }
    }
}

TEST_CASE("a negative backlog is as much as the system allows") {
    net::socket listener = listening(localhost, -1);
    tcp_info info{};
    listener.get_option(IPPROTO_TCP, TCP_INFO, std::as_writable_bytes(std::span{&info, 1}));
    std::ifstream limit{"/proc/sys/net/core/somaxconn"};
    unsigned most = 0;
    REQUIRE(limit >> most);
    CHECK(info.tcpi_sacked == std::min(most, unsigned{SOMAXCONN}));  // for a listener, that is its backlog
}

TEST_CASE("a stream does not connect to itself") {
    // What TCP allows (a simultaneous open, RFC 9293, 3.5), and what happens by chance to a client of a dead port in the
    // range of the ephemeral ones. A socket that is bound first meets itself always.
    for (const net::ip_address& address : support::loopbacks()) {
        const net::ip_address wildcard{address.is_v4() ? net::ip_address{net::ipv4_address::any()}
                                                       : net::ip_address{net::ipv6_address::any()}};
        for (const net::ip_address& to : {address, wildcard})
            for (const auto wait : {"for ever", "5 s", "until", "not"}) {
                INFO(address << " to " << to << ", waiting " << wait);
                net::socket alone = bound(address, socket_type::stream);
                const net::endpoint own{to, alone.local_endpoint().ip().port()};
                if (wait == "5 s"s) alone.set_timeout(5s);
                if (wait == "until"s) alone.set_deadline(net::clock::now() + 5s);
                if (wait == "not"s) alone.set_blocking(false);
                std::error_code error;
                alone.connect(own, error);
                CHECK(error == std::errc::connection_refused);
                CHECK(failure_of([&] { static_cast<void>(alone.peer_endpoint()); }).code == std::errc::not_connected);
                alone.send("to myself", error);
                CHECK(error);
            }
    }
    net::socket alone = bound(localhost, socket_type::stream);
    const net::endpoint own = alone.local_endpoint().ip();
    CHECK(failure_of([&] { alone.connect(own); }).what == "connect " + own.to_string() + ": Connection refused");
}

TEST_CASE("a datagram socket may be its own peer and a stream may have a peer on its port elsewhere") {
    net::socket self = bound(localhost, socket_type::datagram);
    self.connect(self.local_endpoint());
    self.send("to myself");
    char buffer[16];
    CHECK(self.recv(buffer) == 9);
    const net::socket listener = listening(net::ip_address{"127.0.0.2"});
    const net::endpoint there = listener.local_endpoint().ip();
    net::socket client{address_family::inet, socket_type::stream};
    std::error_code error;
    client.bind(net::endpoint{localhost, there.port()}, error);
    if (error) NETNOTES_SKIP("the port is taken at another address");
    client.connect(there);
    CHECK(client.peer_endpoint().ip() == there);
}

namespace {
/// Is there a connection in TIME_WAIT with this end (proc(5), /proc/net/tcp)?
bool has_ghost(const net::socket_address& where) {
    sockaddr_in raw{};
    std::memcpy(&raw, where.data(), sizeof raw);
    char end[16];
    std::snprintf(end, sizeof end, "%08X:%04X", raw.sin_addr.s_addr, unsigned{ntohs(raw.sin_port)});
    std::ifstream connections{"/proc/net/tcp"};
    for (std::string line; std::getline(connections, line);) {
        std::istringstream fields{line};
        std::string number, local, remote, state;
        if (fields >> number >> local >> remote >> state && local == end && state == "06") return true;
    }
    return false;
}
}  // namespace

TEST_CASE("a restarted server binds its port only if the earlier one had said reuse too") {
    for (const bool first_says : {false, true})
        for (const bool second_says : {false, true}) {
            INFO("SO_REUSEADDR first " << first_says << ", then " << second_says);
            net::socket listener{address_family::inet, socket_type::stream};
            listener.set_option(net::option::reuse_address{first_says});
            listener.bind(net::endpoint{localhost, 0});
            listener.listen();
            const net::socket_address where = listener.local_endpoint();
            net::socket client = client_of(listener);
            net::socket server = listener.accept().connection;
            listener.close();
            server.close();  // who closes first keeps the ghost
            CHECK(receive_all(client).empty());
            client.close();
            // Of such ghosts the system keeps a limited number, and beyond it none (net.ipv4.tcp_max_tw_buckets).
            if (!has_ghost(where)) NETNOTES_SKIP("the kernel keeps no TIME_WAIT, or does not show it");

            net::socket next{address_family::inet, socket_type::stream};
            next.set_option(net::option::reuse_address{second_says});
            std::error_code error;
            next.bind(where, error);
            if (first_says && second_says)
                CHECK_FALSE(error);
            else
                CHECK(error == std::errc::address_in_use);
        }
}

TEST_CASE("reuse_address never lets two listen at once") {
    net::socket first{address_family::inet, socket_type::stream}, second{address_family::inet, socket_type::stream};
    first.set_option(net::option::reuse_address{});
    second.set_option(net::option::reuse_address{});
    first.bind(net::endpoint{localhost, 0});
    first.listen();
    CHECK(failure_of([&] { second.bind(first.local_endpoint()); }).code == std::errc::address_in_use);
}

TEST_CASE("reuse_port lets two listen when both say so") {
    for (const bool second_says : {false, true}) {
        net::socket first{address_family::inet, socket_type::stream}, second{address_family::inet, socket_type::stream};
        first.set_option(net::option::reuse_port{});
        second.set_option(net::option::reuse_port{second_says});
        first.bind(net::endpoint{localhost, 0});
        first.listen();
        std::error_code error;
        second.bind(first.local_endpoint(), error);
        if (second_says) {
            CHECK_FALSE(error);
            second.listen();
        } else {
            CHECK(error == std::errc::address_in_use);
        }
    }
}

// ---- Time ----------------------------------------------------------------------------------------------

namespace {
/// One call that has nothing to do but wait: nothing comes, nobody connects, nobody makes room.
struct vain_wait {
    std::string name;
    std::function<net::socket&()> socket;
    std::function<void(std::error_code&)> call;
};

/// Sockets on which each call that may wait would do so for ever.
class vain_waits {
  public:
    vain_waits() {
        for (auto& link : links()) {
            net::socket& silent = keep(std::move(link.first));
            const net::socket& peer = keep(std::move(link.second));
            static_cast<void>(peer);  // it only has to live, and does not talk
            add("recv on " + link.name, silent, [&silent](auto& error) {
                char buffer[8];
                silent.recv(buffer, error);
            });
        }
        for (auto& link : links()) {
            net::socket& full = keep(std::move(link.first));
            keep(std::move(link.second));
            // Whether TCP takes one more byte is never certain, for what it holds may be on its way. In the end not.
            add("send on " + link.name, full, [&full](auto& error) {
                do full.send(much(), error);
                while (!error);
            });
            add("send_all on " + link.name, full, [&full](auto& error) { full.send_all(much(), error); });
        }
        for (const net::ip_address& address : loopbacks()) {
            net::socket& listener = keep(listening(address));
            add("accept on " + address.to_string(), listener, [&listener](auto& error) { listener.accept(error); });
            net::socket& datagrams = keep(bound(address, socket_type::datagram));
            add("recv_from on " + address.to_string(), datagrams, [&datagrams](auto& error) {
                char buffer[8];
                datagrams.recv_from(buffer, error);
            });
        }
        full_ = full_listeners();
        for (const full_listener& listener : full_) {
            const net::socket_address where = listener.where();
            net::socket& late = keep(net::socket{where.family(), socket_type::stream});
            add("connect to " + where.to_string(), late, [&late, where](auto& error) { late.connect(where, error); });
        }
        {
            // A receiver on the same machine whose queue is full: the kernel makes the sender wait (unix(7)).
            const auto name = unused_name();
            net::socket& receiver = keep(net::socket{address_family::local, socket_type::datagram});
            receiver.bind(name);
            net::socket& sender = keep(net::socket{address_family::local, socket_type::datagram});
            sender.set_blocking(false);
            std::error_code full;
            while (!full) sender.send_to("x", name, full);
            sender.set_blocking(true);
            add("send_to " + name.to_string(), sender,
                [&sender, name](auto& error) { sender.send_to("x", name, error); });
        }
    }
    [[nodiscard]] const std::vector<vain_wait>& all() const { return all_; }

  private:
    net::socket& keep(net::socket&& socket) { return sockets_.emplace_back(std::move(socket)); }
    void add(std::string name, net::socket& socket, std::function<void(std::error_code&)> call) {
        all_.push_back({std::move(name), [&socket]() -> net::socket& { return socket; }, std::move(call)});
    }
    std::list<net::socket> sockets_;  // a list: its elements keep their addresses
    std::list<full_listener> full_;
    std::vector<vain_wait> all_;
};
}  // namespace

TEST_CASE("every call that waits ends when its time is up and not before") {
    const vain_waits waits;
    for (const vain_wait& wait : waits.all()) {
        INFO(wait.name);
        wait.socket().set_timeout(a_while);
        CHECK(wait.socket().timeout() == a_while);
        const auto start = net::clock::now();
        std::error_code error;
        wait.call(error);
        CHECK(error == std::errc::timed_out);  // and not EAGAIN, which is what the kernel says of SO_RCVTIMEO
        CHECK(net::clock::now() - start >= a_while);
    }
}

TEST_CASE("every call that waits ends at its deadline and not before") {
    const vain_waits waits;
    for (const vain_wait& wait : waits.all()) {
        INFO(wait.name);
        const auto deadline = net::clock::now() + a_while;
        wait.socket().set_deadline(deadline);
        CHECK(wait.socket().deadline() == deadline);
        std::error_code error;
        wait.call(error);
        CHECK(error == std::errc::timed_out);
        CHECK(net::clock::now() >= deadline);
    }
}

TEST_CASE("a timeout of zero or less is now") {
    const vain_waits waits;
    for (const vain_wait& wait : waits.all()) {
        for (const net::duration timeout : {net::duration::zero(), net::duration{-1s}, net::duration::min()}) {
            INFO(wait.name << ", " << timeout.count());
            wait.socket().set_timeout(timeout);
            std::error_code error;
            wait.call(error);
            CHECK(error == std::errc::timed_out);
            if (wait.name.starts_with("connect")) wait.socket() = {};  // a second try is another question
            if (wait.name.starts_with("connect")) break;
        }
    }
}

TEST_CASE("a timeout of zero takes what is there") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket listener = listening(address);
        net::socket client = client_of(listener);
        listener.set_timeout(0s);
        net::socket server = listener.accept().connection;
        client.set_timeout(0s);
        server.set_timeout(0s);
        client.send_all("x");
        char buffer[8];
        CHECK(server.recv(buffer) == 1);
        CHECK(failure_of([&] { server.recv(buffer); }).code == std::errc::timed_out);

        net::socket receiver = bound(address, socket_type::datagram), sender = bound(address, socket_type::datagram);
        receiver.set_timeout(0s);
        sender.set_timeout(0s);
        sender.send_to("x", receiver.local_endpoint());
        CHECK(receiver.recv_from(buffer).bytes.size() == 1);
    }
}

TEST_CASE("a call that waits goes on when what it waits for has come") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        second.set_timeout(1h);  // a timeout must not turn the wait into a try
        background receiving{[&, &socket = second] { return receive_exactly(socket, 2); }};
        receiving.await_waiting();
        first.send_all("1");
        receiving.await_waiting();
        first.send_all("2");
        CHECK(receiving.get() == "12");
    }
    {
        late_clients clients{1h};
        for (auto& thread : clients.threads) thread.await_waiting();
        CHECK(clients.all_get_in());
    }
    // A datagram socket with a full queue on the other side.
    const auto where = unused_name();
    net::socket receiver{address_family::local, socket_type::datagram},
        sender{address_family::local, socket_type::datagram};
    receiver.bind(where);
    sender.set_blocking(false);
    std::error_code full;
    while (!full) sender.send_to("x", where, full);
    sender.set_timeout(1h);
    background sending{[&] { sender.send_to("one more", where); }};
    sending.await_waiting();
    char buffer[16];
    std::string last;
    while (last != "one more") last = net::as_text(receiver.recv_from(buffer).bytes);
    sending.get();
}

TEST_CASE("a peer that trickles cannot stretch a deadline") {
    for (const auto pause : {0ms, 1ms}) {
        for (auto& [name, first, second] : links()) {
            INFO(name << ", a byte every " << pause.count() << " ms");
            background trickling{[&, &socket = first] {
                std::error_code error;
                while (!error) {  // until the other side has closed
                    socket.send_all("x", error);
                    std::this_thread::sleep_for(pause);
                }
            }};
            const auto deadline = net::clock::now() + a_while;
            second.set_deadline(deadline);
            std::error_code error;
            char byte[1];
            while (second.recv(byte, error) == 1) {
            }
            CHECK(error == std::errc::timed_out);
            CHECK(net::clock::now() >= deadline);
            second.close();
        }
    }
}

TEST_CASE("a reader that trickles cannot stretch the timeout of send_all") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        background trickling{[&, &socket = second] {
            char buffer[1024];
            while (socket.recv(buffer) > 0) std::this_thread::sleep_for(1ms);
        }};
        const std::string& bytes = much();
        first.set_timeout(a_while);
        const auto start = net::clock::now();
        std::error_code error;
        const std::size_t sent = first.send_all(bytes, error);
        CHECK(error == std::errc::timed_out);
        CHECK(net::clock::now() - start >= a_while);
        CHECK(sent < bytes.size());
        reset(first);  // so that the reader need not trickle to the end
        CHECK_NOTHROW([&] {
            try {
                trickling.get();
            } catch (const std::system_error&) {  // the reset
            }
        }());
    }
}

TEST_CASE("a deadline in the past forbids even what could be done at once") {
    for (const auto deadline : {net::clock::now(), net::time_point{}, net::time_point::min()}) {
        auto [first, second] = tcp_pair();
        net::socket listener = listening(localhost), client = client_of(listener);
        net::socket receiver = bound(localhost, socket_type::datagram),
                    sender = bound(localhost, socket_type::datagram);
        first.send_all("data is ready");
        second.wait(POLLIN, net::time_point::max(), *std::make_unique<std::error_code>());
        sender.send_to("so is this", receiver.local_endpoint());
        for (net::socket* const socket : {&second, &listener, &receiver, &sender}) socket->set_deadline(deadline);
        net::socket another{address_family::inet, socket_type::stream};
        another.set_deadline(deadline);

        char buffer[32];
        std::error_code error;
        CHECK(second.recv(buffer, error) == 0);
        CHECK(error == std::errc::timed_out);
        CHECK(second.send("x", error) == 0);
        CHECK(error == std::errc::timed_out);
        CHECK(second.send_all("x", error) == 0);
        CHECK(error == std::errc::timed_out);
        CHECK_FALSE(listener.accept(error).connection.is_open());
        CHECK(error == std::errc::timed_out);
        CHECK(receiver.recv_from(buffer, error).bytes.empty());
        CHECK(error == std::errc::timed_out);
        sender.send_to("x", receiver.local_endpoint(), error);
        CHECK(error == std::errc::timed_out);
        another.connect(listener.local_endpoint(), error);
        CHECK(error == std::errc::timed_out);

        // It is the deadline that forbids: without it, all is there.
        second.set_timeout(net::never);
        CHECK(second.recv(buffer) == 13);
    }
}

TEST_CASE("there is no waiting for a socket that is none") {
    const net::socket none;
    std::error_code error;
    none.wait(POLLIN, net::time_point::max(), error);  // poll() would pass over it, and wait for ever
    CHECK(error == std::errc::bad_file_descriptor);
}

TEST_CASE("wait ends at once for a moment that has passed") {
    auto [first, second] = net::socket_pair();
    for (const auto moment : {net::clock::now(), net::time_point{}, net::time_point::min()}) {
        std::error_code error;
        first.wait(POLLIN, moment, error);
        CHECK(error == std::errc::timed_out);
        first.wait(POLLOUT, moment, error);  // ready is ready
        CHECK_FALSE(error);
    }
}

TEST_CASE("a socket that does not block says that it would have to") {
    const vain_waits waits;
    for (const vain_wait& wait : waits.all()) {
        INFO(wait.name);
        wait.socket().set_blocking(false);
        CHECK_FALSE(wait.socket().is_blocking());
        std::error_code error;
        wait.call(error);
        // A TCP connection is being made meanwhile; to everything else the answer is: not now.
        if (error == std::errc::operation_in_progress)
            CHECK_THAT(wait.name, ContainsSubstring("connect"));
        else
            CHECK(error == std::errc::operation_would_block);
    }
}

TEST_CASE("a single call that is not to wait does not") {
    auto [first, second] = tcp_pair();
    char buffer[8];
    std::error_code error;
    second.recv(buffer, error, MSG_DONTWAIT);
    CHECK(error == std::errc::operation_would_block);
    while (first.send(much(), error, MSG_DONTWAIT) > 0) {
    }
    CHECK(error == std::errc::operation_would_block);
    net::socket datagrams = bound(localhost, socket_type::datagram);
    datagrams.recv_from(buffer, error, MSG_DONTWAIT);
    CHECK(error == std::errc::operation_would_block);
}

TEST_CASE("a connect that does not block is finished by waiting and asking") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket listener = listening(address);
        for (const bool refused : {false, true}) {
            const closed_port closed{address};
            net::socket client{family_of(address), socket_type::stream};
            client.set_blocking(false);
            std::error_code error;
            client.connect(refused ? net::socket_address{closed.where()} : listener.local_endpoint(), error);
            CHECK(error == std::errc::operation_in_progress);
            client.wait(POLLOUT, net::time_point::max(), error);
            CHECK_FALSE(error);
            const std::error_code outcome = client.take_error();
            CHECK((refused ? outcome == std::errc::connection_refused : !outcome));
            CHECK_FALSE(client.take_error());  // told once
        }
    }
}

TEST_CASE("the last mode that was set holds") {
    net::socket socket{address_family::inet, socket_type::stream};
    const auto is = [&](bool blocking, net::duration timeout, net::time_point deadline) {
        const bool waits_in_kernel = blocking && timeout == net::never && deadline == net::time_point::max();
        return socket.is_blocking() == blocking && socket.timeout() == timeout && socket.deadline() == deadline &&
               has_nonblock(socket.native_handle()) == !waits_in_kernel;
    };
    const auto no_deadline = net::time_point::max();
    const auto soon = net::clock::now() + 1h;
    CHECK(is(true, net::never, no_deadline));
    socket.set_timeout(1s);
    CHECK(is(true, 1s, no_deadline));
    socket.set_deadline(soon);
    CHECK(is(true, net::never, soon));
    socket.set_timeout(2s);
    CHECK(is(true, 2s, no_deadline));
    socket.set_blocking(false);
    CHECK(is(false, net::never, no_deadline));
    socket.set_timeout(3s);  // waits again
    CHECK(is(true, 3s, no_deadline));
    socket.set_timeout(net::never);
    CHECK(is(true, net::never, no_deadline));
    socket.set_deadline(soon);
    socket.set_blocking(true);
    CHECK(is(true, net::never, no_deadline));
}

TEST_CASE("a signal interrupts no call") {
    // Handlers without SA_RESTART, as stop_on_signals has them, end a system call with EINTR.
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) {};
    REQUIRE(::sigaction(SIGUSR1, &action, &before) == 0);
    const auto interrupted = [](auto& thread) {  // many times, so that some strike while it waits
        for (int i = 0; i < 20; ++i) {
            thread.await_waiting();
            ::pthread_kill(thread.native_handle(), SIGUSR1);
        }
        thread.await_waiting();
    };
    for (const net::duration timeout : {net::never, net::duration{1h}}) {
        for (auto& [name, first, second] : links()) {
            INFO(name);
            first.set_timeout(timeout);
            second.set_timeout(timeout);
            background receiving{[&, &socket = second] { return receive_exactly(socket, 1); }};
            interrupted(receiving);
            first.send_all("x");
            CHECK(receiving.get() == "x");
            const std::string bytes = pattern(16 << 20);
            background sending{[&, &socket = first] { socket.send_all(bytes); }};
            interrupted(sending);
            CHECK((receive_exactly(second, bytes.size()) == bytes));
            sending.get();
        }
        for (const net::ip_address& address : loopbacks()) {
            net::socket listener = listening(address);
            listener.set_timeout(timeout);
            background accepting{[&] { return listener.accept().peer; }};
            interrupted(accepting);
            const net::socket client = client_of(listener);
            CHECK(accepting.get() == client.local_endpoint());
            net::socket receiver = bound(address, socket_type::datagram);
            receiver.set_timeout(timeout);
            background receiving{[&] {
                char c[1];
                return receiver.recv_from(c).sender;
            }};
            interrupted(receiving);
            net::socket sender = bound(address, socket_type::datagram);
            sender.send_to("x", receiver.local_endpoint());
            CHECK(receiving.get() == sender.local_endpoint());
        }
        late_clients clients{timeout};
        for (auto& thread : clients.threads) interrupted(thread);
        for (auto& thread : clients.threads) CHECK_FALSE(thread.has_ended());  // interrupted is not connected
        CHECK(clients.all_get_in());
    }
    ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE("a signal neither shortens nor stretches a timeout") {
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) {};
    REQUIRE(::sigaction(SIGUSR1, &action, &before) == 0);
    auto [first, second] = net::socket_pair();
    first.set_timeout(a_while);
    const auto start = net::clock::now();
    background receiving{[&, &socket = first] {
        char c[1];
        std::error_code error;
        socket.recv(c, error);
        return error;
    }};
    while (!receiving.has_ended()) {  // an end that signals could put off would never come
        ::pthread_kill(receiving.native_handle(), SIGUSR1);
        std::this_thread::sleep_for(1ms);
    }
    CHECK(receiving.get() == std::errc::timed_out);
    CHECK(net::clock::now() - start >= a_while);
    ::sigaction(SIGUSR1, &before, nullptr);
}

// ---- Stopping ------------------------------------------------------------------------------------------

TEST_CASE("a stop ends every wait and forbids every call from then on") {
    for (const net::duration timeout : {net::never, net::duration{1h}}) {
        const vain_waits waits;
        for (const vain_wait& wait : waits.all()) {
            INFO(wait.name);
            net::stop_event stop;
            wait.socket().set_timeout(timeout);
            wait.socket().stop_with(stop);
            background waiting{[&] {
                std::error_code error;
                wait.call(error);
                return error;
            }};
            waiting.await_waiting();
            CHECK_FALSE(waiting.has_ended());
            stop.request_stop();
            CHECK(waiting.get() == std::errc::operation_canceled);
            std::error_code error;
            wait.call(error);
            CHECK(error == std::errc::operation_canceled);
        }
    }
}

TEST_CASE("a stop is stronger than data that is ready") {
    auto [first, second] = tcp_pair();
    net::socket listener = listening(localhost), client = client_of(listener);
    net::socket receiver = bound(localhost, socket_type::datagram), sender = bound(localhost, socket_type::datagram);
    first.send_all("ready");
    second.wait(POLLIN, net::time_point::max(), *std::make_unique<std::error_code>());
    sender.send_to("ready", receiver.local_endpoint());
    net::socket another{address_family::inet, socket_type::stream};
    net::stop_event stop;
    for (net::socket* const socket : {&second, &listener, &receiver, &sender, &another}) socket->stop_with(stop);
    stop.request_stop();

    char buffer[16];
    std::error_code error;
    CHECK(second.recv(buffer, error) == 0);
    CHECK(error == std::errc::operation_canceled);
    CHECK(second.send_all("x", error) == 0);
    CHECK(error == std::errc::operation_canceled);
    CHECK_FALSE(listener.accept(error).connection.is_open());
    CHECK(error == std::errc::operation_canceled);
    CHECK(receiver.recv_from(buffer, error).bytes.empty());
    CHECK(error == std::errc::operation_canceled);
    sender.send_to("x", receiver.local_endpoint(), error);
    CHECK(error == std::errc::operation_canceled);
    another.connect(listener.local_endpoint(), error);
    CHECK(error == std::errc::operation_canceled);
    second.set_blocking(false);  // even of a socket that never waits
    second.recv(buffer, error);
    CHECK(error == std::errc::operation_canceled);
    CHECK(failure_of([&, &socket = second] { socket.recv(buffer); }).what ==
          "recv from " + first.local_endpoint().to_string() + ": Operation canceled");
}

TEST_CASE("a stop in the middle of send_all leaves the count of what went out") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        net::stop_event stop;
        first.stop_with(stop);
        const std::string& bytes = much();
        background sending{[&, &socket = first] {
            std::error_code error;
            const std::size_t sent = socket.send_all(bytes, error);
            return std::pair{sent, error};
        }};
        sending.await_waiting();
        stop.request_stop();
        const auto [sent, error] = sending.get();
        CHECK(error == std::errc::operation_canceled);
        first.shutdown(net::shutdown_direction::send);
        CHECK((receive_all(second) == bytes.substr(0, sent)));
    }
}

TEST_CASE("accepted sockets inherit the stop but no time limit") {
    for (const net::ip_address& address : loopbacks()) {
        net::stop_event stop;
        net::socket listener = listening(address), client = client_of(listener);
        listener.stop_with(stop);
        listener.set_timeout(1h);
        net::socket server = listener.accept().connection;
        CHECK(server.is_blocking());
        CHECK(server.timeout() == net::never);
        CHECK(server.deadline() == net::time_point::max());
        background receiving{[&] {
            char c[1];
            std::error_code error;
            server.recv(c, error);
            return error;
        }};
        receiving.await_waiting();
        stop.request_stop();
        CHECK(receiving.get() == std::errc::operation_canceled);
    }
}

TEST_CASE("accepted sockets wait or do not wait as their listener does") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket listener = listening(address);
        char buffer[8];
        std::error_code error;

        listener.set_blocking(false);
        const net::socket first_client = client_of(listener);
        listener.wait(POLLIN, net::time_point::max(), error);
        net::socket polled = listener.accept().connection;
        CHECK_FALSE(polled.is_blocking());
        CHECK(has_nonblock(polled.native_handle()));
        polled.recv(buffer, error);
        CHECK(error == std::errc::operation_would_block);

        for (const net::duration timeout : {net::never, net::duration{1h}}) {
            listener.set_timeout(timeout);
            net::socket client = client_of(listener);
            net::socket waiting = listener.accept().connection;
            CHECK(waiting.is_blocking());
            CHECK_FALSE(has_nonblock(waiting.native_handle()));  // whatever limits the listener has
            background receiving{[&] { return receive_exactly(waiting, 1); }};
            receiving.await_waiting();
            client.send_all("x");
            CHECK(receiving.get() == "x");
        }
    }
}

// ---- Datagrams -----------------------------------------------------------------------------------------

TEST_CASE("a datagram arrives whole with its sender") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket receiver = bound(address, socket_type::datagram), sender = bound(address, socket_type::datagram);
        sender.send_to("first", receiver.local_endpoint());
        sender.send_to("second", receiver.local_endpoint());
        char buffer[32];
        const auto [bytes, from, truncated, local] = receiver.recv_from(buffer);
        CHECK(net::as_text(bytes) == "first");
        CHECK(static_cast<void*>(bytes.data()) == buffer);
        CHECK(from == sender.local_endpoint());
        CHECK_FALSE(truncated);
        CHECK(net::as_text(receiver.recv_from(buffer).bytes) == "second");
    }
}

TEST_CASE("a datagram longer than the buffer is reported as truncated and an empty one is not") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket receiver = bound(address, socket_type::datagram), sender = bound(address, socket_type::datagram);
        const auto receive = [&](const std::string& sent, std::size_t room, int flags = 0) {
            sender.send_to(sent, receiver.local_endpoint());
            std::vector<std::byte> buffer(room);
            const auto got = receiver.recv_from(buffer, flags);
            CHECK(got.sender == sender.local_endpoint());
            CHECK(net::as_text(got.bytes) == sent.substr(0, room));
            return got.truncated;
        };
        CHECK(receive("12345", 4));
        CHECK_FALSE(receive("12345", 5));
        CHECK_FALSE(receive("12345", 6));
        CHECK_FALSE(receive("", 4));
        CHECK_FALSE(receive("", 0));
        CHECK(receive("1", 0));
        CHECK(receive("12345", 3, MSG_TRUNC));  // asks for the real length; no more than the buffer was filled
        // What did not fit is lost, not left for the next call.
        receiver.set_timeout(0s);
        char buffer[8];
        std::error_code error;
        receiver.recv_from(buffer, error);
        CHECK(error == std::errc::timed_out);
    }
}

TEST_CASE("a datagram is as long as the protocol allows and no longer") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket receiver = bound(address, socket_type::datagram), sender = bound(address, socket_type::datagram);
        // 65,535 bytes of packet, with the IP header for IPv4 and without it for IPv6, less 8 bytes of UDP.
        const std::size_t most = address.is_v4() ? 65'507 : 65'527;
        const std::string longest = pattern(most), too_long = pattern(most + 1);
        sender.send_to(longest, receiver.local_endpoint());
        std::vector<std::byte> buffer(most + 1);
        CHECK((net::as_text(receiver.recv_from(buffer).bytes) == longest));
        const auto failure = failure_of([&] { sender.send_to(too_long, receiver.local_endpoint()); });
        CHECK(failure.code == std::errc::message_size);
        CHECK(failure.what == "send_to " + receiver.local_endpoint().to_string() + " (" + std::to_string(most + 1) +
                                  " bytes): Message too long");
    }
}

TEST_CASE("a program that does not bind gets a port with its first datagram") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket receiver = bound(address, socket_type::datagram);
        net::socket sender{family_of(address), socket_type::datagram};
        CHECK(port_of(sender) == 0);
        sender.send_to("x", receiver.local_endpoint());
        CHECK(port_of(sender) != 0);
        char buffer[8];
        CHECK(receiver.recv_from(buffer).sender.ip().port() == port_of(sender));
    }
}

TEST_CASE("a connected datagram socket is told that nobody listens and one that is not connected is not") {
    for (const net::ip_address& address : loopbacks()) {
        // A port that was free a moment ago: a bound datagram socket would not be refused but heard.
        std::optional<net::socket> holder{bound(address, socket_type::datagram)};
        const net::socket_address closed = holder->local_endpoint();
        net::socket connected{family_of(address), socket_type::datagram};
        connected.connect(closed);
        holder.reset();
        CHECK(connected.send("anybody?") == 8);  // taken is not delivered
        char buffer[8];
        std::error_code error;
        connected.recv(buffer, error);
        CHECK(error == std::errc::connection_refused);

        net::socket unconnected = bound(address, socket_type::datagram);
        unconnected.send_to("anybody?", closed);
        unconnected.set_timeout(a_while);
        unconnected.recv_from(buffer, error);
        CHECK(error == std::errc::timed_out);
    }
}

TEST_CASE("a datagram socket that was shut down for receiving keeps to its limits although poll calls it readable") {
    net::socket socket = bound(net::ipv4_address::loopback(), socket_type::datagram);
    std::error_code error;
    socket.shutdown(net::shutdown_direction::receive, error);  // ENOTCONN, and yet it is done
    pollfd watched{socket.native_handle(), POLLIN, 0};
    REQUIRE(::poll(&watched, 1, 0) == 1);
    char buffer[8];
    socket.set_timeout(a_while);
    socket.recv_from(buffer, error);
    CHECK(error == std::errc::timed_out);
    socket.set_deadline(net::clock::now() + a_while);
    socket.recv_from(buffer, error);
    CHECK(error == std::errc::timed_out);
    // Nor does it keep the processor busy: it gives it up again and again.
    struct rusage before {};
    struct rusage after {};
    ::getrusage(RUSAGE_THREAD, &before);
    socket.set_timeout(a_while);
    socket.recv_from(buffer, error);
    ::getrusage(RUSAGE_THREAD, &after);
    CHECK(after.ru_nvcsw > before.ru_nvcsw);
    // A stop ends it.
    net::stop_event stop;
    socket.set_timeout(net::never);
    socket.stop_with(stop);
    background waiting{[&] {
        std::error_code why;
        socket.recv_from(buffer, why);
        return why;
    }};
    waiting.await_waiting();
    stop.request_stop();
    CHECK(waiting.get() == std::errc::operation_canceled);
}

TEST_CASE("a connected datagram socket hears its peer only") {
    for (const net::ip_address& address : loopbacks()) {
        net::socket peer = bound(address, socket_type::datagram), stranger = bound(address, socket_type::datagram);
        net::socket socket = bound(address, socket_type::datagram);
        socket.connect(peer.local_endpoint());
        stranger.send_to("from a stranger", socket.local_endpoint());
        peer.send_to("from the peer", socket.local_endpoint());
        char buffer[32];
        CHECK(socket.recv(buffer) == 13);
        socket.send("answer");
        CHECK(net::as_text(peer.recv_from(buffer).bytes) == "answer");
    }
}

TEST_CASE("a broadcast must be asked for and reaches who listens on any address") {
    net::socket receiver = bound(net::ipv4_address::any(), socket_type::datagram);
    net::socket sender{address_family::inet, socket_type::datagram};
    const net::endpoint everyone{net::ipv4_address{127, 255, 255, 255}, port_of(receiver)};  // of the loopback network
    CHECK(failure_of([&] { sender.send_to("hello, world!", everyone); }).code == std::errc::permission_denied);
    sender.set_option(net::option::broadcast{});
    sender.send_to("hello, world!", everyone);
    char buffer[32];
    CHECK(net::as_text(receiver.recv_from(buffer).bytes) == "hello, world!");
}

TEST_CASE("a descriptor that a stranger passes with a Unix datagram is not taken in") {
    auto [first, second] = net::socket_pair(socket_type::datagram);
    const int passed = STDIN_FILENO;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof passed)> control{};
    char text[] = "x";
    iovec part{text, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof passed);
    std::memcpy(CMSG_DATA(header), &passed, sizeof passed);
    REQUIRE(::sendmsg(first.native_handle(), &message, 0) == 1);
    const auto before = open_descriptors();
    std::array<char, 8> buffer{};
    CHECK(second.recv_from(buffer).bytes.size() == 1);
    CHECK(open_descriptors() == before);
    CHECK(failure_of([&, &one = second] { one.tell_local_address(); }).code == std::errc::address_family_not_supported);
}

TEST_CASE("a Unix datagram tells a bound sender and does not invent one") {
    const auto here = unused_name(), there = unused_name();
    net::socket receiver{address_family::local, socket_type::datagram};
    net::socket sender{address_family::local, socket_type::datagram};
    receiver.bind(here);
    char buffer[8];
    sender.send_to("1", here);
    const net::socket_address nobody = receiver.recv_from(buffer).sender;
    CHECK(nobody.family() == address_family::unspecified);
    CHECK(nobody.local().is_unnamed());
    sender.bind(there);
    sender.send_to("2", here);
    CHECK(receiver.recv_from(buffer).sender.local() == there);
}

TEST_CASE("a stream has no sender to tell") {
    auto [first, second] = tcp_pair();
    first.send_all("x");
    char buffer[8];
    const auto got = second.recv_from(buffer);
    CHECK(net::as_text(got.bytes) == "x");
    CHECK(got.sender.family() == address_family::unspecified);
    CHECK_FALSE(got.truncated);
}

// ---- Options -------------------------------------------------------------------------------------------

TEST_CASE("what is set by a typed option is read back") {
    net::socket socket{address_family::inet, socket_type::stream};
    const auto holds = [&]<class Option>(Option) {
        for (const bool value : {true, false, true}) {
            socket.set_option(Option{value});
            if (socket.get_option<Option>() != value) return false;
        }
        socket.set_option(Option{});  // said without a value it is on
        return socket.get_option<Option>() == true;
    };
    CHECK(holds(net::option::reuse_address{}));
    CHECK(holds(net::option::reuse_port{}));
    CHECK(holds(net::option::keep_alive{}));
    CHECK(holds(net::option::broadcast{}));
    static_assert(std::is_same_v<decltype(socket.get_option<net::option::keep_alive>()), bool>);

    socket.set_option(net::option::send_buffer{10'000});
    socket.set_option(net::option::receive_buffer{20'000});
    CHECK(socket.get_option<net::option::send_buffer>() == 20'000);  // twice, as the kernel keeps it
    CHECK(socket.get_option<net::option::receive_buffer>() == 40'000);

    CHECK(socket.get_option<net::option::linger>() == std::nullopt);
    for (const auto& value : {std::optional{0s}, std::optional{77s}, std::optional<std::chrono::seconds>{}}) {
        socket.set_option(net::option::linger{value});
        CHECK(socket.get_option<net::option::linger>() == value);
    }
    CHECK_FALSE(socket.get_option<net::option::accepts_connections>());
    socket.listen();
    CHECK(socket.get_option<net::option::accepts_connections>());
    if (support::has_ipv6()) {
        net::socket socket6{address_family::inet6, socket_type::stream};
        for (const bool value : {true, false}) {
            socket6.set_option(net::option::ipv6_only{value});
            CHECK(socket6.get_option<net::option::ipv6_only>() == value);
        }
    }
    std::error_code error;
    socket.set_option(net::option::ipv6_only{}, error);
    CHECK(error == std::errc::no_protocol_option);
}

TEST_CASE("an option out of its range is refused and changes nothing") {
    net::socket socket{address_family::inet, socket_type::stream};
    const auto refused = [&](const auto& option) {
        std::error_code error;
        socket.set_option(option, error);
        return error == std::errc::invalid_argument &&
               failure_of([&] { socket.set_option(option); }).code == std::errc::invalid_argument;
    };
    CHECK(refused(net::option::linger{-1s}));
    CHECK(refused(net::option::linger{std::chrono::seconds::min()}));
    CHECK(refused(net::option::linger{std::chrono::hours::min()}));
    CHECK(socket.get_option<net::option::linger>() == std::nullopt);
    const int before = socket.get_option<net::option::receive_buffer>();
    CHECK(refused(net::option::receive_buffer{-1}));  // Linux would take it for the largest of all
    CHECK(refused(net::option::send_buffer{std::numeric_limits<int>::min()}));
    CHECK(socket.get_option<net::option::receive_buffer>() == before);
    socket.set_option(net::option::receive_buffer{0});  // the least there is
    CHECK(socket.get_option<net::option::receive_buffer>() > 0);
}

TEST_CASE("the longest time to linger is the kernel's longest in every unit") {
    net::socket socket{address_family::inet, socket_type::stream};
    using std::chrono::hours, std::chrono::seconds, std::chrono::minutes;
    for (const net::option::linger longest :
         {net::option::linger{seconds::max()}, net::option::linger{minutes::max()}, net::option::linger{hours::max()},
          net::option::linger{hours{24 * 365 * 100}}}) {
        socket.set_option(longest);
        CHECK(socket.get_option<net::option::linger>() == seconds{std::numeric_limits<int>::max()});
    }
    socket.set_option(net::option::linger{2min});
    CHECK(socket.get_option<net::option::linger>() == 120s);
}

TEST_CASE("a time to wait saturates and is never shorter than it was said") {
    using namespace std::chrono;
    static_assert(net::wait_time{hours::max()} == net::never && net::wait_time{seconds::max()} == net::never);
    static_assert(net::wait_time{hours::min()} == net::duration::min());
    static_assert(net::wait_time{net::never} == net::never && net::wait_time{} == 0s);
    static_assert(net::wait_time{hours{2'562'047}} == hours{2'562'047} &&
                  net::wait_time{hours{2'562'048}} == net::never);
    static_assert(net::wait_time{hours{-2'562'047}} == hours{-2'562'047});
    static_assert(net::wait_time{seconds{9'223'372'036}} == seconds{9'223'372'036});
    static_assert(net::wait_time{seconds{9'223'372'037}} == net::never);
    static_assert(net::wait_time{duration<int, std::pico>{1}} == 1ns &&
                  net::wait_time{duration<std::int64_t, std::pico>{-1500}} == -1ns);
    static_assert(net::wait_time{duration<std::uint64_t, std::nano>{~std::uint64_t{0}}} == net::never);
    static_assert(net::wait_time{duration<std::uint64_t>{~std::uint64_t{0}}} == net::never);
    static_assert(net::wait_time{duration<short, std::ratio<86400>>{2}} == 48h);
    CHECK(net::wait_time{duration<double>{0.25}} == 250ms);
    CHECK(net::wait_time{duration<float>{1e30F}} == net::never);
    CHECK(net::wait_time{duration<double>{std::numeric_limits<double>::infinity()}} == net::never);
    CHECK(net::wait_time{duration<double>{-std::numeric_limits<double>::infinity()}} == net::duration::min());
    CHECK(net::wait_time{duration<double, std::pico>{0.5}} == 1ns);
    CHECK_THROWS_AS(net::wait_time{duration<double>{std::numeric_limits<double>::quiet_NaN()}}, std::invalid_argument);
}

TEST_CASE("the longest timeouts wait and the shortest do not") {
    auto [first, second] = net::socket_pair();
    char buffer[8];
    const auto times_out_at_once = [&, &in = first](auto time) {
        in.set_timeout(time);
        std::error_code error;
        in.recv(buffer, error);
        return error == std::errc::timed_out;
    };
    using namespace std::chrono;
    CHECK(times_out_at_once(hours::min()));
    CHECK(times_out_at_once(net::duration::min()));
    CHECK(times_out_at_once(0s));
    CHECK(times_out_at_once(duration<double>{-1e300}));
    const auto waits = [&, &in = first, &out = second](auto set) {
        set(in);
        background waiting{[&] { return in.recv(buffer); }};
        waiting.await_waiting();
        out.send("x");
        return waiting.get() == 1;
    };
    CHECK(waits([](net::socket& s) { s.set_timeout(hours::max()); }));
    CHECK(waits([](net::socket& s) { s.set_timeout(duration<double>{1e300}); }));
    CHECK(waits([](net::socket& s) { s.set_timeout(net::duration::max()); }));
    CHECK(waits([](net::socket& s) { s.set_timeout(net::duration::max() - 1ns); }));
    CHECK(waits([](net::socket& s) { s.set_deadline(net::time_point::max()); }));
    CHECK(waits([](net::socket& s) { s.set_deadline(net::time_point::max() - 1ns); }));
    first.set_deadline(net::time_point::min());
    std::error_code error;
    first.recv(buffer, error);
    CHECK(error == std::errc::timed_out);
}

TEST_CASE("an option that has no type here is set and read as in C") {
    net::socket socket{address_family::inet, socket_type::stream};
    socket.set_option(IPPROTO_TCP, TCP_KEEPIDLE, 77);
    int seconds = 0;
    CHECK(socket.get_option(IPPROTO_TCP, TCP_KEEPIDLE, std::as_writable_bytes(std::span{&seconds, 1})) == sizeof(int));
    CHECK(seconds == 77);
    // One whose value is text.
    const std::string_view wanted = "reno";
    socket.set_option(IPPROTO_TCP, TCP_CONGESTION, std::as_bytes(std::span{wanted}));
    std::array<std::byte, 16> name{};
    const std::size_t size = socket.get_option(IPPROTO_TCP, TCP_CONGESTION, name);
    CHECK(size <= name.size());
    CHECK(std::string{net::as_text(name).data()} == "reno");
}

TEST_CASE("linger of zero seconds is a reset and linger of some waits for the peer") {
    auto [first, second] = tcp_pair();
    first.send_all("thrown away?");
    first.set_option(net::option::linger{10s});
    first.close();  // returns when the bytes are acknowledged, and the kernel acknowledges at once
    CHECK(receive_all(second) == "thrown away?");
}

// ---- Pairs ---------------------------------------------------------------------------------------------

TEST_CASE("a pair of sockets talks in both directions and keeps borders as its type does") {
    for (const socket_type type : {socket_type::stream, socket_type::datagram, socket_type::sequenced_packet}) {
        INFO("type " << static_cast<int>(type));
        auto [first, second] = net::socket_pair(type);
        CHECK(first.local_endpoint().local().is_unnamed());
        CHECK(first.peer_endpoint().local().is_unnamed());
        first.send("hello");
        first.send("world");
        char buffer[32];
        const std::size_t size = second.recv(buffer);
        const auto text = std::string_view{buffer, size};
        CHECK(text == (type == socket_type::stream ? "helloworld" : "hello"));
        if (type != socket_type::stream) CHECK(second.recv(buffer) == 5);
        second.send("back");
        CHECK(first.recv(buffer) == 4);
        // Too long for the buffer: a stream keeps the rest, a message loses it.
        first.send("123456");
        CHECK(second.recv(std::span{buffer}.first(4)) == 4);
        first.send("next");
        CHECK(second.recv(buffer) == (type == socket_type::stream ? 6 : 4));
        first.close();
        second.set_timeout(0s);
        if (type == socket_type::datagram)  // no connection, so no end of it
            CHECK(failure_of([&, &socket = second] { socket.recv(buffer); }).code == std::errc::timed_out);
        else
            CHECK(second.recv(buffer) == 0);
    }
    CHECK(failure_of([] { static_cast<void>(net::socket_pair(socket_type{SOCK_RDM})); }).what ==
          "socketpair: Socket type not supported");
}

// ---- Names of hosts ------------------------------------------------------------------------------------

TEST_CASE("a numeric host needs nobody to be asked") {
    using list = std::vector<net::endpoint>;
    CHECK(net::resolve("127.0.0.1", "80") == list{{net::ipv4_address::loopback(), 80}});
    CHECK(net::resolve("127.0.0.1", 65535) == list{{net::ipv4_address::loopback(), 65535}});
    CHECK(net::resolve("192.0.2.1", "") == list{{net::ipv4_address{192, 0, 2, 1}, 0}});
    if (!support::has_ipv6()) NETNOTES_SKIP("the half of this test that needs IPv6");
    CHECK(net::resolve("::1", 80) == list{{net::ipv6_address::loopback(), 80}});
    const auto number = std::to_string(::if_nametoindex("lo"));
    CHECK(net::resolve("fe80::1%lo", 80) == list{{net::ipv6_address{"fe80::1%" + number}, 80}});
}

TEST_CASE("localhost is this machine and every address comes once") {
    std::error_code error;
    const auto found = net::resolve("localhost", "80", {}, error);
    if (error) NETNOTES_SKIP("no localhost in /etc/hosts here");
    REQUIRE_FALSE(found.empty());
    const std::set<std::string> different = [&] {
        std::set<std::string> texts;
        for (const net::endpoint& where : found) texts.insert(where.to_string());
        return texts;
    }();
    CHECK(different.size() == found.size());
    for (const net::endpoint& where : found) {
        CHECK(where.address().is_loopback());
        CHECK(where.port() == 80);
    }
}

TEST_CASE("a service is a name or a number") {
    std::error_code error;
    const auto by_name = net::resolve("127.0.0.1", "http", {}, error);
    if (error) NETNOTES_SKIP("no /etc/services here");
    CHECK(by_name == net::resolve("127.0.0.1", 80));
    CHECK(failure_of([] { static_cast<void>(net::resolve("127.0.0.1", "no-such-service")); }).what ==
          "resolve 127.0.0.1:no-such-service: Servname not supported for ai_socktype");
}

TEST_CASE("a service that begins like a number is a port or an error") {
    const auto refused = [](const std::string& service) {
        std::error_code error;
        const bool nothing = net::resolve("127.0.0.1", service, {}, error).empty();
        return nothing && error == std::error_code{EAI_SERVICE, net::resolver_category()};
    };
    for (const char* const service : {"65536", "65616",  "131152", "300800", "4294967376", "18446744073709551696",
                                      "-1",    "-65456", " 80",    "+80",    "\t80",       "\n80",
                                      "80 ",   "080",    "00",     "0x50",   "0X50",       "80.0",
                                      "8-0",   "1_000",  " ",      "-",      "+"}) {
        CAPTURE(service);
        CHECK(refused(service));
    }
    for (const char* const service : {"0", "1", "9", "10", "65535"}) {
        CAPTURE(service);
        const auto found = net::resolve("127.0.0.1", service);
        REQUIRE(found.size() == 1);
        CHECK(std::to_string(found[0].port()) == service);
    }
    // Given as a number it is no other port either, whatever its type.
    const auto number_refused = [](auto port) {
        return failure_of([&] { static_cast<void>(net::resolve("127.0.0.1", port)); }).code ==
               std::error_code{EAI_SERVICE, net::resolver_category()};
    };
    CHECK(number_refused(65616));
    CHECK(number_refused(-1));
    CHECK(number_refused(std::uint64_t{1} << 32 | 80));
    CHECK(net::resolve("127.0.0.1", std::int64_t{80}) == net::resolve("127.0.0.1", "80"));
}

TEST_CASE("a host that only inet_aton reads is no address") {
    for (const char* const host : {"127.1", "127.0.1", "0x7f000001", "0x7f.1", "0X7F.0.0.1", "0177.0.0.1", "2130706433",
                                   "017700000001", "127.0.0.01", "00.0.0.0", "1", "0", "4294967295", "127.0.0.1 ",
                                   "127.1 evil", "127.0.0.256", "1.2.3.4.5", "127.0.0.1.", "127.1."}) {
        CAPTURE(host);
        std::error_code error;
        CHECK(net::resolve(host, "80", {}, error).empty());
        if (host != "127.0.0.1 "s) CHECK(error == std::error_code{EAI_NONAME, net::resolver_category()});
        CHECK(error.category() == net::resolver_category());
    }
    // A name may begin with a digit (RFC 1123 §2.1), and is asked for.
    using net::detail::is_number_of_old;
    CHECK_FALSE(is_number_of_old("3com.example"));
    CHECK_FALSE(is_number_of_old("1.example"));
    CHECK_FALSE(is_number_of_old("0xg"));
    CHECK_FALSE(is_number_of_old("127.0.0.1"));
    CHECK_FALSE(is_number_of_old("::1"));
}

TEST_CASE("a host that does not exist is an error with the resolver's own words") {
    // .invalid never exists (RFC 6761, 6.4). Where no name server answers that it is unknown, it is "try again".
    const auto failure = failure_of([] { static_cast<void>(net::resolve("no-such-host.invalid", 80)); });
    CHECK(failure.code.category() == net::resolver_category());
    CHECK(
        (failure.code.value() == EAI_NONAME || failure.code.value() == EAI_AGAIN || failure.code.value() == EAI_FAIL));
    CHECK(failure.what == "resolve no-such-host.invalid:80: "s + ::gai_strerror(failure.code.value()));
    CHECK(net::resolver_category().name() == "resolver"s);
    std::error_code error;
    CHECK(net::resolve("no-such-host.invalid", "80", {}, error).empty());
    CHECK(error.category() == net::resolver_category());
    CHECK(failure_of([] { static_cast<void>(net::resolve("", "")); }).code ==
          std::error_code{EAI_NONAME, net::resolver_category()});
}

TEST_CASE("hints narrow what is found") {
    const auto all_are = [](const std::vector<net::endpoint>& found, const net::ip_address& address) {
        return found == std::vector<net::endpoint>{{address, 80}};
    };
    CHECK(all_are(net::resolve("", 80, {.family = address_family::inet}), net::ipv4_address::loopback()));
    CHECK(all_are(net::resolve("", 80, {.family = address_family::inet, .to_bind = true}), net::ipv4_address::any()));
    CHECK(all_are(net::resolve("", 80, {.family = address_family::inet6}), net::ipv6_address::loopback()));
    CHECK(all_are(net::resolve("", 80, {.family = address_family::inet6, .to_bind = true}), net::ipv6_address::any()));
    CHECK(all_are(net::resolve("127.0.0.1", 80, {.type = socket_type::datagram}), net::ipv4_address::loopback()));
    std::error_code error;
    CHECK(net::resolve("127.0.0.1", "80", {.family = address_family::inet6}, error).empty());
    CHECK(error.category() == net::resolver_category());
}
