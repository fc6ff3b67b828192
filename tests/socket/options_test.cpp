// Options as types.
// SPDX-License-Identifier: MIT

#include "sockets.hpp"

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
    // Units that are no multiple of the clock's, or no part of it. A product on the way must not overflow either.
    using frames = duration<std::int64_t, std::ratio<1, 60>>;
    static_assert(net::wait_time{frames{60}} == 1s && net::wait_time{frames{-60}} == -1s);
    static_assert(net::wait_time{frames{1}} == 16'666'667ns && net::wait_time{frames{-1}} == -16'666'666ns);
    static_assert(net::wait_time{frames{60LL * 9'223'372'036}} == seconds{9'223'372'036});
    static_assert(net::wait_time{frames{553'402'322'211}} == nanoseconds{9'223'372'036'850'000'000});
    static_assert(net::wait_time{frames{553'402'322'212}} == net::never);
    static_assert(net::wait_time{frames::max()} == net::never && net::wait_time{frames::min()} == net::duration::min());
    using thirds = duration<std::int64_t, std::ratio<3, 10'000'000'000>>;  // 0.3 ns
    static_assert(net::wait_time{thirds{1}} == 1ns && net::wait_time{thirds{10}} == 3ns);
    static_assert(net::wait_time{thirds::max()} == nanoseconds{2'767'011'611'056'432'743});
    using odd = duration<std::int64_t, std::ratio<999'999'937, 1'000'000'007>>;
    static_assert(net::wait_time{odd{1}} == 999'999'931ns && net::wait_time{odd{1'000'000'007}} == 999'999'937s);
    static_assert(net::wait_time{odd{-1}} == -999'999'930ns && net::wait_time{odd::max()} == net::never);
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
    // An option whose value is text.
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
