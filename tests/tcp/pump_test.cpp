// What tcp/pump.hpp promises: every byte in order, each end by itself, and a reset where bytes are missing.
// SPDX-License-Identifier: MIT

#include <netnotes/tcp/pump.hpp>
#include <netnotes/tcp/reader.hpp>
#include <netnotes/tcp/stream.hpp>

#include "../support.hpp"

#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <future>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace net = netnotes;
using namespace std::chrono_literals;

namespace {

struct two_ends {
    net::tcp_stream one, other;
};
two_ends connected() {
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    net::tcp_stream client{listener.local_endpoint()};
    return {std::move(client), listener.accept().stream};
}
std::string receive_all(net::tcp_stream& from) {
    std::string all;
    std::array<char, 10'000> room;
    for (std::size_t size; (size = from.recv(room)) > 0;) all.append(room.data(), size);
    return all;
}
std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 2654435761u >> 13);
    return text;
}
template <class Call>
std::error_code code_of(Call call) {
    try {
        call();
    } catch (const std::system_error& error) {
        return error.code();
    }
    return {};
}

}  // namespace

TEST_CASE("a copy moves at most as many bytes as it was told, and the buffered bytes first") {
    two_ends in = connected(), out = connected();
    in.one.send_all("first line\n0123456789rest");
    in.one.close();
    net::buffered_reader reader{in.other};
    CHECK(reader.recv_line() == "first line");
    CHECK(net::copy_bytes(reader, out.one, 0) == 0);
    CHECK(net::copy_bytes(reader, out.one, 4) == 4);
    CHECK(net::copy_bytes(reader, out.one, 6) == 6);
    CHECK(reader.recv_exact(2) == "re");
    CHECK(net::copy_bytes(reader, out.one, 1000) == 2);  // then the end
    out.one.send_all("!");                               // the copy has not ended it
    out.one.close();
    CHECK(receive_all(out.other) == "0123456789st!");
}

TEST_CASE("a pump moves a long stream whole, and passes its end on while the answer is still to come") {
    const std::string bytes = pattern(3'000'001);
    two_ends in = connected(), out = connected();
    auto sending = std::async(std::launch::async, [&] {
        in.one.send_all(bytes);
        in.one.shutdown(net::shutdown_direction::send);
    });
    auto pumping = std::async(std::launch::async, [&] { return net::pump(in.other, out.one); });
    const std::string arrived = receive_all(out.other);
    CHECK((arrived == bytes));
    CHECK(pumping.get() == bytes.size());
    out.other.send_all("answer");
    std::array<char, 6> room;
    CHECK(out.one.recv_exact(room) == 6);
}

TEST_CASE("both directions run at once, each to its own end") {
    const std::string bytes = pattern(2'000'003);
    two_ends in = connected(), out = connected();
    auto pumping = std::async(std::launch::async, [&] { return net::pump_both(in.other, out.one); });
    // The client sends everything before it reads, and the server answers as it reads: neither may wait for the other.
    auto serving = std::async(std::launch::async, [&] {
        std::array<char, 5'000> room;
        for (std::size_t size; (size = out.other.recv(room)) > 0;) out.other.send_all(std::span{room}.first(size));
        out.other.send_all("the end");
        out.other.close();
    });
    auto reading = std::async(std::launch::async, [&] { return receive_all(in.one); });
    in.one.send_all(bytes);
    in.one.shutdown(net::shutdown_direction::send);
    CHECK((reading.get() == bytes + "the end"));
    serving.get();
    const auto moved = pumping.get();
    CHECK(moved.first == bytes.size());
    CHECK(moved.second == bytes.size() + 7);
}

TEST_CASE("a reset is passed on as a reset") {
    for (const bool in_both : {false, true}) {
        CAPTURE(in_both);
        two_ends in = connected(), out = connected();
        in.one.send_all("half of it");
        std::array<char, 10> room;
        auto pumping = std::async(std::launch::async, [&] {
            const std::error_code code = code_of([&] {
                if (in_both)
                    net::pump_both(in.other, out.one);
                else
                    net::pump(in.other, out.one);
            });
            out.one.close();
            return code;
        });
        CHECK(out.other.recv_exact(room) == 10);
        in.one.set_option(net::option::linger{0s});
        in.one.close();
        CHECK(pumping.get() == std::errc::connection_reset);
        CHECK(code_of([&] { static_cast<void>(out.other.recv(room)); }) == std::errc::connection_reset);
    }
}

TEST_CASE("the reset of a peer that has ended its own direction ends both") {
    two_ends in = connected(), out = connected();
    auto pumping = std::async(std::launch::async, [&] {
        const std::error_code code = code_of([&] { net::pump_both(in.other, out.one); });
        out.one.close();
        return code;
    });
    in.one.shutdown(net::shutdown_direction::send);
    std::array<char, 1> room;
    CHECK(out.other.recv(room) == 0);
    in.one.set_option(net::option::linger{0s});
    in.one.close();
    CHECK(pumping.get() == std::errc::broken_pipe);
    CHECK(out.other.take_error() == std::errc::broken_pipe);  // so a reset sounds behind the end of the stream
}

TEST_CASE("a pump in both directions lifts the time limits of its streams and gives them back") {
    two_ends in = connected(), out = connected();
    const auto past = net::clock::now();
    in.other.set_timeout(1ms);
    in.other.set_answer_timeout(1ms);
    out.one.set_deadline(past);
    // The time lets a pump that keeps the limits fail. A correct pump passes without it.
    std::this_thread::sleep_for(2ms);
    auto pumping = std::async(std::launch::async, [&] { return net::pump_both(in.other, out.one); });
    for (int i = 0; i < 3; ++i) {
        in.one.send_all("upload");
        std::array<char, 6> room;
        CHECK(out.other.recv_exact(room) == 6);
        std::this_thread::sleep_for(2ms);
    }
    in.one.shutdown(net::shutdown_direction::send);
    out.other.shutdown(net::shutdown_direction::send);
    CHECK(pumping.get() == std::pair<std::uint64_t, std::uint64_t>{18, 0});
    CHECK(out.one.deadline() == past);
    CHECK(in.other.timeout() == 1ms);
    std::this_thread::sleep_for(2ms);
    std::array<char, 1> room;
    CHECK(code_of([&] { static_cast<void>(in.other.recv(room)); }) == std::errc::timed_out);  // and not the end
}

TEST_CASE("the stop of either stream ends a pump in both directions") {
    for (const bool is_first : {false, true}) {
        two_ends in = connected(), out = connected();
        net::stop_event stop;
        (is_first ? in.other : out.one).stop_with(stop);
        support::background pumping{[&] { return code_of([&] { net::pump_both(in.other, out.one); }); }};
        pumping.await_waiting();
        stop.request_stop();
        CHECK(pumping.get() == std::errc::operation_canceled);
    }
}

TEST_CASE("silence and a stop end a pump in both directions") {
    two_ends in = connected(), out = connected();
    std::error_code error;
    net::pump_both(in.other, out.one, {.idle_timeout = 1ms}, error);
    CHECK(error == std::errc::timed_out);
    two_ends again = connected(), there = connected();
    net::stop_event stop;
    stop.request_stop();
    CHECK(code_of([&] { net::pump_both(again.other, there.one, {.stop = &stop}); }) == std::errc::operation_canceled);
}

namespace {
/// Receives a byte four times, then the end. Each receive takes as long as the idle timeout, and the next byte comes
/// half an idle timeout later.
class slow_talker {
  public:
    explicit slow_talker(std::chrono::milliseconds idle) : idle_{idle} { come_after(1ns); }
    ~slow_talker() { ::close(timer_); }
    slow_talker(const slow_talker&) = delete;
    slow_talker& operator=(const slow_talker&) = delete;
    std::size_t recv(net::mutable_buffer room, std::error_code& error, int = 0) {
        std::uint64_t expiries = 0;
        if (::read(timer_, &expiries, sizeof expiries) < 0) {
            error = std::make_error_code(std::errc::operation_would_block);
            return 0;
        }
        CHECK(room.size() == 64 * 1024);  // what a pump holds at most
        come_after(idle_);
        pollfd expiry{timer_, POLLIN, 0};
        ::poll(&expiry, 1, -1);
        come_after(idle_ / 2);  // which also forgets the expiry before
        if (left_ == 0) return 0;
        room[0] = std::byte{'x'};
        --left_;
        return 1;
    }
    std::size_t send(net::const_buffer bytes, std::error_code&, int = 0) { return bytes.size(); }
    std::size_t send_all(net::const_buffer bytes, std::error_code&) { return bytes.size(); }
    void shutdown(net::shutdown_direction, std::error_code&) {}
    [[nodiscard]] int native_handle() const { return timer_; }

  private:
    void come_after(std::chrono::nanoseconds time) {
        itimerspec when{};
        when.it_value.tv_nsec = time.count();
        ::timerfd_settime(timer_, 0, &when, nullptr);
    }
    std::chrono::milliseconds idle_;
    int timer_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    int left_ = 4;
};
/// Says nothing, and ends when its peer has ended.
class listener_only {
  public:
    std::size_t recv(net::mutable_buffer, std::error_code& error, int = 0) {
        if (!has_ended_) error = std::make_error_code(std::errc::operation_would_block);
        return 0;
    }
    std::size_t send(net::const_buffer bytes, std::error_code&, int = 0) { return bytes.size(); }
    std::size_t send_all(net::const_buffer bytes, std::error_code&) { return bytes.size(); }
    void shutdown(net::shutdown_direction, std::error_code&) {
        has_ended_ = true;
        never_ready_.request_stop();
    }
    [[nodiscard]] int native_handle() const { return never_ready_.native_handle(); }

  private:
    bool has_ended_ = false;
    net::stop_event never_ready_;
};
}  // namespace

TEST_CASE("a byte in one direction suffices, and the idle timeout begins anew in both") {
    // The kernel's timer says when the next byte comes, so the test does not depend on how fast the machine is.
    const auto idle = 20ms;
    std::error_code error;
    slow_talker talker{idle}, other_talker{idle};
    listener_only listens, listens_too;
    CHECK(net::pump_both(talker, listens, {.idle_timeout = idle}, error) == std::pair<std::uint64_t, std::uint64_t>{4, 0});
    CHECK(!error);
    CHECK(net::pump_both(listens_too, other_talker, {.idle_timeout = idle}, error) ==
          std::pair<std::uint64_t, std::uint64_t>{0, 4});
    CHECK(!error);
}

TEST_CASE("a peer that does not read holds up its own direction only") {
    two_ends in = connected(), out = connected();
    const std::string much = pattern(20'000'000);  // more than the kernel holds
    auto pumping = std::async(std::launch::async, [&] { return net::pump_both(in.other, out.one); });
    auto sending = std::async(std::launch::async, [&] {
        in.one.send_all(much);
        in.one.shutdown(net::shutdown_direction::send);
    });
    for (int i = 0; i < 100; ++i) {  // the other direction answers all the while
        out.other.send_all("ping");
        std::array<char, 4> room;
        CHECK(in.one.recv_exact(room) == 4);
    }
    out.other.shutdown(net::shutdown_direction::send);
    CHECK((receive_all(out.other) == much));
    CHECK(pumping.get() == std::pair<std::uint64_t, std::uint64_t>{much.size(), 400});
}
