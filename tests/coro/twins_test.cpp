// What a blocking class takes, its coroutine twin takes too: the same words, arguments and defaults. And the forms that
// report an error, in tasks.

#include <netnotes/coro.hpp>
#include <netnotes/udp.hpp>

#include "../back_end.hpp"
#include "../catch.hpp"
#include "../support.hpp"

#include <fcntl.h>

#include <array>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

template <class Socket>
concept has_the_calls_of_a_socket =
    requires(Socket& s, const Socket& constant, std::span<const std::byte> value, std::span<std::byte> room,
             std::error_code& error) {
    s.set_option(net::option::receive_buffer{4096});
    s.set_option(net::option::receive_buffer{4096}, error);
    s.set_option(SOL_SOCKET, SO_RCVBUF, value);
    s.set_option(SOL_SOCKET, SO_RCVBUF, value, error);
    s.set_option(SOL_SOCKET, SO_RCVBUF, 4096);
    { constant.template get_option<net::option::receive_buffer>() } -> std::same_as<int>;
    { constant.get_option(SOL_SOCKET, SO_RCVBUF, room) } -> std::same_as<std::size_t>;
    { constant.get_option(SOL_SOCKET, SO_RCVBUF, room, error) } -> std::same_as<std::size_t>;
    { s.take_error() } -> std::same_as<std::error_code>;
    { constant.is_open() } -> std::same_as<bool>;
    { constant.native_handle() } -> std::same_as<int>;
};

template <class Stream>
concept has_the_calls_of_a_stream =
    requires(Stream& s, net::mutable_buffer room, net::const_buffer bytes, std::error_code& error,
             const char* file, net::send_file_options how, net::endpoint where) {
    s.recv(room);
    s.recv(room, error);
    s.recv_exact(room);
    s.recv_exact(room, error);
    s.send(bytes);
    s.send(bytes, error);
    s.send_all(bytes);
    s.send_all(bytes, error);
    s.send_file(file);
    s.send_file(file, how);
    s.send_file(file, how, error);
    s.shutdown(net::shutdown_direction::send);
    s.set_timeout(1s);
    s.timeout();
    s.local_endpoint();
    s.peer_endpoint();
    s.set_keep_alive(net::keep_alive{60s, 10s, 3});
    s.set_keep_alive(std::nullopt);
    s.keep_alive();
    s.info();
    s.info(error);
    s.close();
    Stream::connect(where);
    Stream::connect(where, 1s);
    Stream::connect(where, 1s, error);
} && has_the_calls_of_a_socket<Stream>;
static_assert(has_the_calls_of_a_stream<net::tcp_stream> && has_the_calls_of_a_stream<net::async_stream>);

template <class Listener>
concept has_the_calls_of_a_listener = requires(Listener& l, std::error_code& error, const net::endpoint& where) {
    Listener{where};
    Listener{where, net::listen_options{}};
    l.accept();
    l.accept(error);
    l.local_endpoint();
    l.set_timeout(1s);
    { l.queue_length() } -> std::same_as<std::uint32_t>;
    l.template get_option<net::option::receive_buffer>();
    l.is_open();
    l.native_handle();
    l.close();
};
static_assert(has_the_calls_of_a_listener<net::tcp_listener> && has_the_calls_of_a_listener<net::async_listener>);

template <class Udp>
concept has_the_calls_of_udp =
    requires(Udp& s, net::mutable_buffer room, net::const_buffer bytes, std::error_code& error,
             const net::datagram_peer& to, const net::endpoint& where, net::datagram_details& details,
             net::datagram_batch& batch, std::span<const net::udp_socket::outgoing> many, net::ip_address group) {
    Udp{net::address_family::inet};
    Udp{where};
    Udp{where, net::udp_options{}};
    Udp{net::address_family::inet, net::udp_options{}, error};
    Udp{where, net::udp_options{}, error};
    s.bind(where);
    s.bind(where, error);
    s.connect(where);
    s.connect(where, error);
    s.disconnect();
    s.disconnect(error);
    s.recv_from(room);
    s.recv_from(room, error);
    s.recv_from(room, details);
    s.recv_from(room, details, error);
    s.recv_batch(batch);
    s.recv_batch(batch, error);
    s.send(bytes);
    s.send(bytes, MSG_DONTWAIT);
    s.send(bytes, error, MSG_DONTWAIT);
    s.send_to(bytes, to);
    s.send_to(bytes, to, MSG_DONTWAIT);
    s.send_to(bytes, to, error, MSG_DONTWAIT);
    s.send_batch(many);
    s.send_batch(many, MSG_DONTWAIT);
    s.send_batch(many, error, MSG_DONTWAIT);
    s.send_segments(bytes, 100);
    s.send_segments(bytes, 100, to, MSG_DONTWAIT);
    s.send_segments(bytes, 100, to, error, MSG_DONTWAIT);
    s.join(group);
    s.join(group, 1u);
    s.join(group, 1u, error);
    s.join(group, group);
    s.join(group, group, 1u);
    s.join(group, group, 1u, error);
    s.leave(group);
    s.leave(group, 1u);
    s.leave(group, 1u, error);
    s.leave(group, group);
    s.leave(group, group, 1u);
    s.leave(group, group, 1u, error);
    s.set_multicast_interface(1u);
    s.set_multicast_interface(1u, error);
    s.set_multicast_loop(true);
    s.set_multicast_loop(true, error);
    s.set_multicast_ttl(1);
    s.set_multicast_ttl(1, error);
    s.multicast_loop();
    s.multicast_ttl();
    s.tell_details();
    s.tell_details(error);
    s.enable_receive_offload();
    s.enable_receive_offload(error);
    s.local_endpoint();
    s.local_endpoint(error);
    s.peer_endpoint();
    s.peer_endpoint(error);
    s.set_timeout(1s);
    s.timeout();
    s.close();
} && has_the_calls_of_a_socket<Udp>;
static_assert(has_the_calls_of_udp<net::udp_socket> && has_the_calls_of_udp<net::async_udp>);

template <class Reader>
concept has_the_calls_of_a_reader =
    net::message_reader<Reader> && requires(Reader& r, std::string_view delimiter, std::size_t size,
                                            net::mutable_buffer room, std::error_code& error) {
    r.recv_line(error);
    r.recv_until(delimiter, error);
    r.recv_exact(size, error);
    r.recv_exact(room, error);
    r.recv(room, error);
    r.skip_until(delimiter, error);
    r.stream();
};
static_assert(has_the_calls_of_a_reader<net::buffered_reader<net::tcp_stream>> &&
              has_the_calls_of_a_reader<net::async_buffered_stream> &&
              has_the_calls_of_a_reader<net::basic_async_buffered_stream<net::async_stream>> &&
              has_the_calls_of_a_reader<net::basic_async_buffered_stream<net::async_descriptor>>);

// A Unix socket that passes descriptors, and a datagram socket: their blocking twins are a plain socket and functions.
template <class Unix>
concept has_the_calls_of_a_unix_socket = requires(Unix& s, std::span<const int> descriptors, net::const_buffer bytes,
                                                  net::mutable_buffer room, std::error_code& error) {
    s.send_descriptors(descriptors, bytes);
    s.send_descriptors(descriptors, bytes, error);
    s.recv_descriptors(room);
    s.recv_descriptors(room, 2);
    s.recv_descriptors(room, 2, error);
    s.peer_credentials();
    s.peer_credentials(error);
    s.shutdown(net::shutdown_direction::send);
    s.shutdown(net::shutdown_direction::send, error);
} && has_the_calls_of_a_socket<Unix>;
static_assert(has_the_calls_of_a_unix_socket<net::async_unix_socket>);
template <class Datagram>
concept has_the_calls_of_datagrams =
    requires(Datagram& s, net::const_buffer bytes, net::mutable_buffer room, const net::socket_address& where,
             const net::ip_address& from, std::error_code& error) {
    s.recv_from(room);
    s.recv_from(room, error);
    s.send_to(bytes, where);
    s.send_to(bytes, where, from);
    s.send_to(bytes, where, from, error);
    s.local_endpoint();
    s.local_endpoint(error);
} && has_the_calls_of_a_socket<Datagram>;
static_assert(has_the_calls_of_datagrams<net::socket> && has_the_calls_of_datagrams<net::async_datagram>);

/// Runs `body(near, far)`, where far is the other end of near.
template <class Body>
void with_ends(Body body) {
    test_loop loop;
    const auto main = [&]() -> net::task<> {
        auto [near, far] = net::socket_pair();
        net::async_stream one{std::move(near)}, other{std::move(far)};
        co_await body(one, other);
    };
    loop.run(main());
}
net::task<> end_with_a_reset(net::async_stream& stream) {
    // On a Unix socket, a close with unread bytes is a reset for the other end.
    stream.close();
    co_return;
}
constexpr auto timed_out = std::errc::timed_out;
constexpr net::loop_options in_virtual_time{.virtual_time = true};

/// A server that never answers, because its queue is full.
class full_listener {
  public:
    [[nodiscard]] net::endpoint where() const { return listener_.local_endpoint().ip(); }

  private:
    net::socket listener_{support::listening(net::ip_address{"127.0.0.2"}, 0)};
    net::socket inside_{support::client_of(listener_)};
};

}  // namespace

TEST_CASE("recv, send and send_all report an error, and the task goes on") {
    with_ends([](net::async_stream& near, net::async_stream& far) -> net::task<> {
        std::array<char, 8> room{};
        std::error_code error = std::make_error_code(std::errc::io_error);
        near.set_timeout(1ms);
        std::size_t size = co_await near.recv(room, error);
        CHECK((error == timed_out && size == 0));
        co_await far.send_all("hello");
        size = co_await near.recv(room, error);
        CHECK((!error && size == 5));

        const std::string much(4'000'000, 'x');  // more than the socket's buffer takes
        size = co_await near.send_all(much, error);
        CHECK(error == timed_out);
        CHECK((size > 0 && size < much.size()));
        std::string got(size, '\0');
        co_await far.recv_exact(got);  // the kernel had taken this number of bytes, no more
        far.set_timeout(1ms);
        std::size_t more = co_await far.recv(room, error);
        CHECK((error == timed_out && more == 0));

        size = co_await near.send("x", error);
        CHECK((!error && size == 1));
        size = co_await near.send_all("yz", error);
        CHECK((!error && size == 2));
        co_await end_with_a_reset(far);
        size = co_await near.send_all("lost", error);
        CHECK((error == std::errc::broken_pipe && size == 0));
        size = co_await near.send("lost", error);
        CHECK((error == std::errc::broken_pipe && size == 0));
        near.close();
        size = co_await near.recv(room, error);
        CHECK((error == std::errc::bad_file_descriptor && size == 0));
    });
}

TEST_CASE("a cancellation is thrown by recv with an error, and is reported by send_all and recv_exact with their count") {
    with_ends([](net::async_stream& near, net::async_stream& far) -> net::task<> {
        std::error_code received, sent, filled;
        std::size_t taken = 0, got = 0;
        std::array<char, 8> room{}, exact{};
        bool was_thrown = false;
        const auto receive = [&]() -> net::task<> {
            try {
                static_cast<void>(co_await near.recv(room, received));
            } catch (const net::cancelled&) {
                was_thrown = true;
                throw;
            }
        };
        const std::string much(4'000'000, 'x');
        const auto send = [&]() -> net::task<> { taken = co_await near.send_all(much, sent); };
        const auto fill = [&]() -> net::task<> { got = co_await near.recv_exact(exact, filled); };
        auto receiver = net::spawn(receive), sender = net::spawn(send);
        co_await net::yield();
        receiver.cancel();
        sender.cancel();
        std::error_code how;
        try {
            co_await receiver.join();
        } catch (const std::system_error& error) {
            how = error.code();
        }
        CHECK(how == std::errc::operation_canceled);
        CHECK(was_thrown);
        co_await sender.join();
        CHECK(sent == std::errc::operation_canceled);
        CHECK((taken > 0 && taken < much.size()));
        co_await far.send_all("abc");
        auto filler = net::spawn(fill);
        while (near.has_arrived()) co_await net::yield();
        filler.cancel();
        co_await filler.join();
        CHECK((filled == std::errc::operation_canceled && got == 3));
    });
}

TEST_CASE("send_file reports an error and the number of bytes") {
    support::temporary_folder folder;
    const std::string text = support::pattern(100'000);
    std::ofstream{folder.file("text"), std::ios::binary} << text;
    with_ends([&](net::async_stream& near, net::async_stream& far) -> net::task<> {
        std::error_code error;
        std::uint64_t size = co_await near.send_file(folder.file("nothing"), {}, error);
        CHECK((error == std::errc::no_such_file_or_directory && size == 0));
        const net::send_file_options part{.offset = 10, .count = 1'000};
        size = co_await near.send_file(folder.file("text"), part, error);
        CHECK((!error && size == 1'000));
        std::string got(1'000, '\0');
        co_await far.recv_exact(got);
        CHECK((got == text.substr(10, 1'000)));
        far.close();
        size = co_await near.send_file(folder.file("text"), {}, error);
        CHECK((error == std::errc::broken_pipe && size == 0));
    });
}

TEMPLATE_TEST_CASE("the calls of a buffered stream report an error and lose no byte", "", net::async_buffered_stream,
                   net::basic_async_buffered_stream<net::async_stream>) {
    with_ends([](net::async_stream& near, net::async_stream& far) -> net::task<> {
        TestType lines{std::move(near), 16};
        std::error_code error;
        lines.stream().set_timeout(1ms);
        co_await far.send_all("one\r\nhalf");
        auto line = co_await lines.recv_line(error);
        CHECK((!error && line == "one"));
        line = co_await lines.recv_line(error);
        CHECK((error == timed_out && !line));
        auto until = co_await lines.recv_until(";", error);
        CHECK((error == timed_out && !until));
        auto exact = co_await lines.recv_exact(5, error);
        CHECK((error == timed_out && !exact));
        std::array<char, 6> room{};
        std::size_t size = co_await lines.recv_exact(room, error);
        CHECK((error == timed_out && size == 4));
        CHECK((std::string_view{room.data(), 4} == "half"));
        size = co_await lines.recv(room, error);
        CHECK((error == timed_out && size == 0));
        bool found = co_await lines.skip_until(";", error);
        CHECK((error == timed_out && !found));
        co_await far.send_all("a long line without an end;12");
        line = co_await lines.recv_line(error);
        CHECK((error == std::errc::message_size && !line));
        found = co_await lines.skip_until(";", error);
        CHECK((!error && found));
        size = co_await lines.recv(room, error);
        CHECK((!error && size == 2));
        co_await far.send_all("abc");
        std::size_t filled = 0;
        for (int again = 0; again < 2; ++again) {
            const auto fill = [&]() -> net::task<> { size = co_await lines.recv_exact(room, filled); };
            auto filler = net::spawn(fill);
            std::error_code how;
            try {
                co_await filler.join();
            } catch (const std::system_error& failure) {
                how = failure.code();
            }
            CHECK((again == 0 ? how == timed_out && filled == 3 : !how && size == 6));
            co_await far.send_all("def");
        }
        CHECK((std::string_view{room.data(), 6} == "abcdef"));
        size = co_await lines.recv_exact(std::span{room}.first(3), error);
        CHECK((!error && size == 3));
        {
            lines.stream().set_timeout(net::never);
            const auto fill = [&]() -> net::task<> { size = co_await lines.recv_exact(room, error); };
            auto filler = net::spawn(fill);
            co_await net::yield();
            filler.cancel();
            co_await filler.join();
            CHECK((error == std::errc::operation_canceled && size == 0));
        }
        far.close();
        line = co_await lines.recv_line(error);
        CHECK((!error && !line));
    });
}

TEST_CASE("accept reports an error, and takes the next connection") {
    test_loop loop;
    const auto main = [&]() -> net::task<> {
        net::async_listener listener{net::endpoint{net::ipv4_address::loopback(), 0}};
        listener.set_timeout(1ms);
        std::error_code error;
        {
            const auto none = co_await listener.accept(error);
            CHECK((error == timed_out && !none.stream.is_open()));
        }
        listener.set_timeout(net::never);
        const auto client = co_await net::async_stream::connect(listener.local_endpoint());
        auto next = co_await listener.accept(error);
        CHECK_FALSE(error);
        CHECK((next.peer == client.local_endpoint()));
        listener.close();
        const auto none = co_await listener.accept(error);
        CHECK((error == std::errc::bad_file_descriptor && !none.stream.is_open()));
    };
    loop.run(main());
}

TEST_CASE("the calls of a UDP socket report an error and how many datagrams they have sent") {
    test_loop loop;
    const auto main = [&]() -> net::task<> {
        const net::endpoint here{net::ipv4_address::loopback(), 0};
        net::async_udp near{here}, far{here};
        std::array<std::byte, 64> room{};
        std::error_code error;
        near.set_timeout(1ms);
        net::datagram_details details;
        auto got = co_await near.recv_from(room, details, error);
        CHECK((error == timed_out && got.bytes.empty()));
        net::datagram_batch batch{4, 64};
        auto many = co_await near.recv_batch(batch, error);
        CHECK((error == timed_out && many.empty()));
        const net::endpoint to = near.local_endpoint();
        std::vector<net::udp_socket::outgoing> out(2, {net::const_buffer{"hello"}, to});
        std::size_t count = co_await far.send_batch(out, error);
        CHECK((!error && count == 2));
        count = co_await far.send_segments("abcdef", 4, to, error);
        CHECK((!error && count == 2));
        co_await far.send_to("x", to, error);
        CHECK_FALSE(error);
        many = co_await near.recv_batch(batch, error);
        CHECK((!error && many.size() == 4));
        got = co_await near.recv_from(room, error);
        CHECK((!error && got.bytes.size() == 1));
        co_await far.send("nobody is connected", error);
        CHECK(error == std::errc::destination_address_required);
        const std::string too_long(70'000, 'x');
        out.push_back({net::const_buffer{too_long}, to});
        count = co_await far.send_batch(out, error);
        CHECK((error == std::errc::message_size && count == 2));
        co_await far.send_to(too_long, to, error);
        CHECK(error == std::errc::message_size);
    };
    loop.run(main());
}

TEST_CASE("a connection of tasks has keep-alive and the kernel's numbers, as tcp_stream has them") {
    test_loop loop;
    const auto main = [&]() -> net::task<> {
        net::async_listener listener{net::endpoint{net::ipv4_address::loopback(), 0}};
        CHECK(listener.queue_length() == 0);
        auto client = co_await net::async_stream::connect(listener.local_endpoint().ip(), 1min);
        CHECK(client.timeout() == net::never);
        auto server = (co_await listener.accept()).stream;
        CHECK(client.keep_alive() == std::nullopt);
        const net::keep_alive numbers{.idle = 60s, .interval = 10s, .count = 3};
        client.set_keep_alive(numbers);
        CHECK(client.keep_alive() == numbers);
        client.set_keep_alive(std::nullopt);
        CHECK(client.keep_alive() == std::nullopt);
        std::error_code error;
        try {
            client.set_keep_alive(net::keep_alive{.idle = 0s, .interval = 10s, .count = 3});
        } catch (const std::system_error& failure) {
            error = failure.code();
        }
        CHECK(error == std::errc::invalid_argument);
        CHECK(client.info().state == net::tcp_state::established);
        co_await client.send_all("hello");
        std::array<char, 5> room{};
        co_await server.recv_exact(room);
        CHECK(server.info(error).bytes_received == 5);
        CHECK_FALSE(error);

        client.close();
        client.set_option(net::option::no_delay{}, error);
        CHECK(error == std::errc::bad_file_descriptor);
        error.clear();
        CHECK(client.info(error).bytes_received == 0);
        CHECK(error == std::errc::bad_file_descriptor);
        error.clear();
        client.shutdown(net::shutdown_direction::both, error);
        CHECK(error == std::errc::bad_file_descriptor);
        CHECK(client.take_error() == std::errc::bad_file_descriptor);
        auto [one, other] = net::socket_pair();
        net::async_stream local{std::move(one)};
        error.clear();
        CHECK(local.info(error).bytes_received == 0);
        CHECK(error == std::errc::operation_not_supported);
    };
    loop.run(main());
}

TEST_CASE("a full queue of a listener is counted") {
    // A back end that accepts by itself empties the queue, so no task accepts here.
    test_loop loop;
    const auto main = [&]() -> net::task<> {
        net::tcp_listener listening{net::endpoint{net::ipv4_address::loopback(), 0}};
        const net::tcp_stream one{listening.local_endpoint()}, two{listening.local_endpoint()};
        net::async_listener listener{std::move(listening)};
        listener.accept_one_by_one();
        CHECK(listener.queue_length() == 2);
        co_return;
    };
    loop.run(main());
}

TEST_CASE("a closed UDP socket reports its error, and the forms that throw throw it") {
    test_loop loop;
    const auto main = [&]() -> net::task<> {
        const net::endpoint here{net::ipv4_address::loopback(), 0};
        std::error_code error;
        const auto is_closed = [&] { return std::exchange(error, {}) == std::errc::bad_file_descriptor; };
        net::async_udp closed;
        CHECK((closed.bind(here, error), is_closed()));
        CHECK((closed.connect(here, error), is_closed()));
        CHECK((closed.disconnect(error), is_closed()));
        CHECK((closed.join(net::ip_address{"224.0.0.251"}, 0u, error), is_closed()));
        CHECK((closed.leave(net::ip_address{"224.0.0.251"}, 0u, error), is_closed()));
        CHECK((closed.set_multicast_loop(true, error), is_closed()));
        CHECK((closed.set_multicast_ttl(2, error), is_closed()));
        CHECK((closed.tell_details(error), is_closed()));
        CHECK((closed.enable_receive_offload(error), is_closed()));
        CHECK((closed.set_option(net::option::receive_buffer{4096}, error), is_closed()));
        CHECK((closed.local_endpoint(error) == net::endpoint{} && is_closed()));
        CHECK((closed.peer_endpoint(error) == net::endpoint{} && is_closed()));
        CHECK(closed.take_error() == std::errc::bad_file_descriptor);

        net::async_udp open{here, {}, error};
        CHECK((!error && open.is_open()));
        open.leave(net::ip_address{"224.0.0.251"}, 0u, error);
        CHECK(error == std::errc::address_not_available);
        const net::async_udp second{open.local_endpoint(), {}, error};
        CHECK((error == std::errc::address_in_use && !second.is_open()));
        open.connect(open.local_endpoint(), error);
        CHECK((!error && open.peer_endpoint(error) == open.local_endpoint()));
        co_return;
    };
    loop.run(main());
}

TEST_CASE("Unix sockets for descriptors and for datagrams report an error") {
    test_loop loop;
    const auto main = [&]() -> net::task<> {
        std::error_code error;
        std::array<char, 5> room{};
        auto [one, other] = net::socket_pair();
        net::async_unix_socket near{std::move(one)}, far{std::move(other)};
        near.set_timeout(1ms);
        {
            const auto got = co_await near.recv_descriptors(room, 1, error);
            CHECK((error == timed_out && got.bytes.empty()));
        }
        const std::array<int, 2> two{0, 0};
        std::size_t sent = co_await far.send_descriptors(two, "x", error);
        CHECK((!error && sent == 1));
        {
            const auto got = co_await near.recv_descriptors(room, 1, error);
            CHECK((error == std::errc::message_size && got.descriptors.empty()));
        }
        const std::string much(4'000'000, 'x');
        sent = co_await near.send_descriptors(two, much, error);
        CHECK((error == timed_out && sent > 0 && sent < much.size()));
        far.close();
        sent = co_await near.send_descriptors({}, "x", error);
        CHECK((error == std::errc::broken_pipe && sent == 0));
        CHECK(near.peer_credentials(error).process == ::getpid());
        near.close();
        CHECK(near.peer_credentials(error).process == 0);
        CHECK(error == std::errc::bad_file_descriptor);

        net::socket bound{net::address_family::inet, net::socket_type::datagram};
        bound.bind(net::endpoint{net::ipv4_address::loopback(), 0});
        net::async_datagram datagrams{std::move(bound)};
        datagrams.set_timeout(1ms);
        auto got = co_await datagrams.recv_from(room, error);
        CHECK((error == timed_out && got.bytes.empty()));
        co_await datagrams.send_to("hello", datagrams.local_endpoint(), {}, error);
        CHECK_FALSE(error);
        got = co_await datagrams.recv_from(room, error);
        CHECK((!error && got.bytes.size() == 5));
        datagrams.close();
        got = co_await datagrams.recv_from(room, error);
        CHECK((error == std::errc::bad_file_descriptor && got.bytes.empty()));
    };
    loop.run(main());
}

TEST_CASE("connect and resolve report an error") {
    test_loop loop{in_virtual_time};
    const auto main = [&]() -> net::task<> {
        const support::closed_port closed{net::ip_address{"127.0.0.1"}};
        const full_listener silent;
        std::error_code error;
        {
            const auto stream = co_await net::async_stream::connect(silent.where(), 2s, error);
            CHECK((error == timed_out && !stream.is_open()));
        }
        {
            const std::vector<net::endpoint> both{silent.where(), silent.where()};
            const auto stream = co_await net::async_connect(both, {.timeout = 2s}, error);
            CHECK((error == timed_out && !stream.is_open()));
        }
        {
            const auto stream = co_await net::async_connect("127.0.0.1", closed.where().port(), {}, error);
            CHECK((error == std::errc::connection_refused && !stream.is_open()));
        }
        {
            const auto found = co_await net::async_resolve("127.0.0.1", "80", {}, error);
            CHECK((!error && found.size() == 1));
        }
        {
            const auto found = co_await net::async_resolve("127.0.0.1", "65536", {}, error);
            CHECK((error && found.empty()));
        }
    };
    loop.run(main());
}

TEST_CASE("a timeout around a call that reports is reported there, with what the call has done") {
    test_loop loop{in_virtual_time};
    const auto main = [&]() -> net::task<> {
        std::error_code error;
        std::array<char, 8> room{};
        const std::string much(4'000'000, 'x');
        auto [one, other] = net::socket_pair();
        net::async_stream near{std::move(one)}, far{std::move(other)};
        const auto is_late = [&] { return std::exchange(error, {}) == timed_out; };

        std::size_t size = co_await net::with_timeout(1s, near.recv(room, error));
        CHECK((is_late() && size == 0));
        co_await far.send_all("abc");
        size = co_await net::with_timeout(1s, near.recv_exact(room, error));
        CHECK((is_late() && size == 3));
        size = co_await net::with_timeout(1s, near.send_all(much, error));
        CHECK((is_late() && size > 0 && size < much.size()));
        size = co_await net::with_timeout(1s, near.send("x", error));
        CHECK((is_late() && size == 0));
        {
            support::temporary_folder folder;
            std::ofstream{folder.file("text"), std::ios::binary} << much;
            std::tie(one, other) = net::socket_pair();
            net::async_stream from{std::move(one)}, to{std::move(other)};
            const std::uint64_t sent =
                co_await net::with_timeout(1s, from.send_file(folder.file("text"), {}, error));
            CHECK((is_late() && sent > 0 && sent < much.size()));
        }
        {
            net::async_listener listener{net::endpoint{net::ipv4_address::loopback(), 0}};
            const auto none = co_await net::with_timeout(1s, listener.accept(error));
            CHECK((is_late() && !none.stream.is_open()));
        }
        {
            const full_listener silent;
            auto stream = co_await net::with_timeout(1s, net::async_stream::connect(silent.where(), error));
            CHECK((is_late() && !stream.is_open()));
            const std::vector<net::endpoint> there(1, silent.where());
            stream = co_await net::with_timeout(1s, net::async_connect(there, {}, error));
            CHECK((is_late() && !stream.is_open()));
            const auto try_it = [&] { return net::async_stream::connect(silent.where(), error); };
            bool was_thrown = false;
            try {
                stream = co_await net::with_timeout(1s, try_it);
            } catch (const std::system_error& failure) {
                was_thrown = failure.code() == timed_out;
            }
            CHECK(was_thrown);  // a function may do more than this call
        }
        {
            std::tie(one, other) = net::socket_pair();
            net::async_buffered_stream lines{net::async_stream{std::move(one)}};
            const auto line = co_await net::with_timeout(1s, lines.recv_line(error));
            CHECK((is_late() && !line));
        }
        {
            std::tie(one, other) = net::socket_pair();
            net::basic_async_buffered_stream lines{net::async_stream{std::move(one)}};
            auto line = co_await net::with_timeout(1s, lines.recv_line(error));
            CHECK((is_late() && !line));
            other.send_all("ab");
            size = co_await net::with_timeout(1s, lines.recv_exact(room, error));
            CHECK((is_late() && size == 2));
        }
        {
            net::async_udp udp{net::endpoint{net::ipv4_address::loopback(), 0}};
            const auto got = co_await net::with_timeout(1s, udp.recv_from(room, error));
            CHECK((is_late() && got.bytes.empty()));
        }
        {
            net::socket bound{net::address_family::inet, net::socket_type::datagram};
            net::async_datagram datagrams{std::move(bound)};
            const auto got = co_await net::with_timeout(1s, datagrams.recv_from(room, error));
            CHECK((is_late() && got.bytes.empty()));
        }
        {
            std::tie(one, other) = net::socket_pair();
            net::async_unix_socket unix_socket{std::move(one)};
            const auto got = co_await net::with_timeout(1s, unix_socket.recv_descriptors(room, 1, error));
            CHECK((is_late() && got.bytes.empty()));
        }
    };
    loop.run(main());
}

TEST_CASE("a call that reports and is done in time is not touched by its timeout, and an outer cancellation is no timeout") {
    test_loop loop{in_virtual_time};
    const auto main = [&]() -> net::task<> {
        std::error_code error = std::make_error_code(std::errc::io_error);
        std::array<char, 8> room{};
        auto [one, other] = net::socket_pair();
        net::async_stream near{std::move(one)}, far{std::move(other)};
        co_await far.send_all("abc");
        std::size_t size = co_await net::with_timeout(1s, near.recv(room, error));
        CHECK((!error && size == 3));
        const auto waits = [&]() -> net::task<> {
            size = co_await net::with_timeout(1h, near.recv_exact(room, error));
        };
        auto waiter = net::spawn(waits);
        co_await net::yield();
        waiter.cancel();
        co_await waiter.join();
        CHECK((error == std::errc::operation_canceled && size == 0));
    };
    loop.run(main());
}
