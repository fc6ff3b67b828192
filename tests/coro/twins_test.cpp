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
    s.set_option(net::option::no_delay{});
    s.template get_option<net::option::no_delay>();
    s.local_endpoint();
    s.peer_endpoint();
    s.is_open();
    s.native_handle();
    s.close();
    Stream::connect(where);
};
static_assert(has_the_calls_of_a_stream<net::tcp_stream> && has_the_calls_of_a_stream<net::async_stream>);

template <class Listener>
concept has_the_calls_of_a_listener = requires(Listener& l, std::error_code& error, const net::endpoint& where) {
    Listener{where};
    Listener{where, net::listen_options{}};
    l.accept();
    l.accept(error);
    l.local_endpoint();
    l.set_timeout(1s);
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
    s.bind(where);
    s.connect(where);
    s.disconnect();
    s.recv_from(room);
    s.recv_from(room, error);
    s.recv_from(room, details);
    s.recv_from(room, details, error);
    s.recv_batch(batch);
    s.recv_batch(batch, error);
    s.send(bytes);
    s.send(bytes, error);
    s.send_to(bytes, to);
    s.send_to(bytes, to, error);
    s.send_batch(many);
    s.send_batch(many, error);
    s.send_segments(bytes, 100);
    s.send_segments(bytes, 100, to);
    s.send_segments(bytes, 100, to, error);
    s.join(group);
    s.join(group, 1u);
    s.leave(group);
    s.set_multicast_interface(1u);
    s.set_multicast_loop(true);
    s.set_multicast_ttl(1);
    s.multicast_loop();
    s.multicast_ttl();
    s.tell_details();
    s.enable_receive_offload();
    s.local_endpoint();
    s.peer_endpoint();
    s.set_timeout(1s);
    s.timeout();
    s.set_option(net::option::receive_buffer{4096});
    s.is_open();
    s.native_handle();
    s.close();
};
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
              has_the_calls_of_a_reader<net::async_buffered_stream>);

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

TEST_CASE("the calls of a buffered stream report an error and lose no byte") {
    with_ends([](net::async_stream& near, net::async_stream& far) -> net::task<> {
        net::async_buffered_stream lines{std::move(near), 16};
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
