// What coro/io/back_end.hpp promises: a back end is one file. This file has a third back end, of poll(2), and a loop runs on
// it without knowing.

#include <netnotes/coro/datagram.hpp>
#include <netnotes/coro/descriptor.hpp>
#include <netnotes/coro/group.hpp>
#include <netnotes/coro/io/back_end.hpp>
#include <netnotes/coro/io/operation.hpp>
#include <netnotes/coro/listener.hpp>
#include <netnotes/coro/loop.hpp>
#include <netnotes/coro/serve.hpp>
#include <netnotes/coro/stream.hpp>

#include "../support.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

/// Waits with poll(2). poll is level-triggered, so nothing need be registered: each wait asks for exactly those directions
/// in which an operation waits.
class poll_back_end final : public net::detail::io_back_end {
  public:
    void add(net::detail::io_node& node) override { nodes_.push_back(&node); }
    bool remove(net::detail::io_node& node) noexcept override {
        nodes_.erase(std::find(nodes_.begin(), nodes_.end(), &node));
        std::replace(asked_.begin(), asked_.end(), &node, static_cast<net::detail::io_node*>(nullptr));
        return true;
    }
    void needs(net::detail::io_node&, bool) noexcept override {}
    void watch(int descriptor, bool is_stop) override { (is_stop ? stop_ : wake_) = descriptor; }
    void unwatch(int) noexcept override { stop_ = -1; }
    bool wait(net::duration timeout) override {
        ++waits;
        asked_.assign(nodes_.begin(), nodes_.end());
        polled_.assign({{wake_, POLLIN, 0}, {stop_, POLLIN, 0}});  // poll(2) ignores a descriptor of -1
        for (const net::detail::io_node* const node : asked_) {
            const bool reads = node->has_reader(), writes = node->has_writer() || node->reader_sends();
            polled_.push_back({reads || writes ? node->descriptor() : -1,
                               static_cast<short>((reads ? POLLIN | POLLRDHUP : 0) | (writes ? POLLOUT : 0)), 0});
        }
        const int ready = ::poll(polled_.data(), polled_.size(), milliseconds(timeout));
        if (ready < 0 && errno != EINTR) throw std::system_error{errno, std::system_category(), "poll"};
        if (ready <= 0) return false;
        if (polled_[0].revents != 0) {  // level-triggered: what is not read wakes us again
            std::uint64_t times = 0;
            static_cast<void>(::read(wake_, &times, sizeof times));
        }
        if (polled_[1].revents != 0) {  // the stop stays requested, so it is heard once
            saw_stop_ = true;
            stop_ = -1;
        }
        for (std::size_t i = 0; i < asked_.size(); ++i) {
            const short events = polled_[i + 2].revents;
            if (!asked_[i] || events == 0) continue;  // another node's task has closed it in this turn
            net::detail::io_node& node = *asked_[i];
            if ((events & ~POLLOUT) != 0) node.readable = true;
            if ((events & ~(POLLIN | POLLRDHUP)) != 0) node.writable = true;
            node.awaken();
        }
        return true;
    }

    static inline int waits = 0;

  private:
    static int milliseconds(net::duration timeout) {
        if (timeout == net::never) return -1;
        return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(std::min<net::duration>(timeout, 1h)).count());
    }
    std::vector<net::detail::io_node*> nodes_, asked_;
    std::vector<pollfd> polled_;
    int wake_ = -1, stop_ = -1;
};
net::detail::owner<net::detail::io_back_end> with_poll(net::detail::scheduler&, std::error_code&) {
    return net::detail::owner<net::detail::io_back_end>{new poll_back_end};
}
net::detail::owner<net::detail::io_back_end> refused(net::detail::scheduler&, std::error_code& refusal) {
    refusal = std::make_error_code(std::errc::function_not_supported);
    return nullptr;
}

net::task<> echo(net::async_stream client) {
    for (;;) {
        const auto bytes = co_await client.recv();
        if (bytes.empty()) co_return;
        co_await client.send_all(bytes);
    }
}
net::task<> serve_some(net::async_listener& listener, int count) {
    for (int i = 0; i < count; ++i) {
        auto next = co_await listener.accept();
        net::spawn(echo(std::move(next.stream)));
    }
}
net::task<> send_and_end(net::async_stream& to, const std::string& text) {
    co_await to.send_all(text);
    to.shutdown(net::shutdown_direction::send);
}
net::task<std::string> receive_all(net::async_stream& from) {
    std::string all;
    for (;;) {
        const auto bytes = co_await from.recv();
        if (bytes.empty()) break;
        all += net::as_text(bytes);
    }
    co_return all;
}
net::task<bool> comes_back(net::socket_address where, std::string text) {
    net::async_stream client = co_await net::async_stream::connect(where);
    auto both = co_await net::when_all(send_and_end(client, text), receive_all(client));
    co_return std::get<1>(both) == text;
}

}  // namespace

TEST_CASE("an echo runs on a back end that the library does not know") {
    const auto before = support::open_descriptors();
    {
        net::event_loop loop{{.backend = with_poll}};
        CHECK(loop.backend() == with_poll);
        CHECK_FALSE(loop.refusal());
        const auto main = [](net::event_loop& on) -> net::task<int> {
            net::async_listener listener{on, net::tcp_listener{{net::ipv4_address::loopback(), 0}}};
            const auto where = listener.local_endpoint();
            auto server = net::spawn(serve_some(listener, 3));
            std::vector<net::join_handle<bool>> clients;
            for (const std::size_t size : {1u, 5000u, 3'000'000u})  // the last fills every buffer, so both sides wait to send
                clients.push_back(net::spawn(comes_back(where, support::pattern(size))));
            int good = 0;
            for (auto& each : clients) {
                const bool is_good = co_await each.join();
                good += is_good ? 1 : 0;
            }
            co_await server.join();
            co_return good;
        };
        poll_back_end::waits = 0;
        CHECK(loop.run(main(loop)) == 3);
        CHECK(poll_back_end::waits > 0);
    }
    CHECK(support::open_descriptors() == before);
}

TEST_CASE("serve runs on a back end that the library does not know, until a stop") {
    net::event_loop loop{{.backend = with_poll}};
    net::stop_event stop;
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    const auto where = listener.local_endpoint();
    std::string answer;
    std::thread client{[&] {
        net::socket connected{net::address_family::inet, net::socket_type::stream};
        connected.connect(where);
        connected.send_all("is anybody there?");
        answer = support::receive_exactly(connected, 17);
        stop.request_stop();
    }};
    CHECK_FALSE(loop.run(net::serve(std::move(listener), echo), stop));
    client.join();
    CHECK(answer == "is anybody there?");
}

TEST_CASE("posted calls, timeouts and a close reach tasks on a back end that the library does not know") {
    net::event_loop loop{{.backend = with_poll}};
    auto [here, there] = net::socket_pair();
    const auto main = [](net::event_loop& on, net::socket own) -> net::task<std::vector<std::error_code>> {
        std::vector<std::error_code> found;
        net::async_stream stream{on, std::move(own)};
        stream.set_timeout(1ms);
        try {
            co_await stream.recv();
        } catch (const std::system_error& error) {
            found.push_back(error.code());
        }
        stream.set_timeout(net::never);
        std::thread other{[&] { on.post([&] { stream.close(); }); }};
        try {
            co_await stream.recv();
        } catch (const std::system_error& error) {
            found.push_back(error.code());
        }
        other.join();
        co_return found;
    };
    const auto found = loop.run(main(loop, std::move(here)));
    REQUIRE(found.size() == 2);
    CHECK(found[0] == std::errc::timed_out);
    CHECK(found[1] == std::errc::bad_file_descriptor);
}

TEST_CASE("a datagram and a pipe are waited for on a back end that the library does not know") {
    net::event_loop loop{{.backend = with_poll}};
    const auto main = [](net::event_loop& on) -> net::task<std::string> {
        net::socket plain{net::address_family::inet, net::socket_type::datagram};
        plain.bind(net::endpoint{net::ipv4_address::loopback(), 0});
        net::async_datagram datagrams{on, std::move(plain)};
        const auto where = datagrams.local_endpoint();
        const auto send_later = [](net::async_datagram& to, net::socket_address address) -> net::task<> {
            co_await net::yield();
            co_await to.send_to("asked", address);
        };
        auto sender = net::spawn(send_later(datagrams, where));
        std::array<std::byte, 16> room{};
        const auto got = co_await datagrams.recv_from(room);
        std::string all{net::as_text(got.bytes)};
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) throw std::system_error{errno, std::system_category()};
        {
            net::async_descriptor reading{on, ends[0]};
            on.post([&] { static_cast<void>(::write(ends[1], "piped", 5)); });
            co_await reading.readable();
            std::array<char, 16> text{};
            all.append(text.data(), static_cast<std::size_t>(::read(ends[0], text.data(), text.size())));
        }
        ::close(ends[0]);
        ::close(ends[1]);
        co_return all;
    };
    CHECK(loop.run(main(loop)) == "askedpiped");
}

TEST_CASE("a loop whose back end is refused uses the default and says why") {
    net::event_loop loop{{.backend = refused}};
    CHECK(loop.backend() == net::loop_options{}.backend);
    CHECK(loop.refusal() == std::errc::function_not_supported);
    const net::event_loop unnamed{{.backend = nullptr}};
    CHECK(unnamed.backend() == net::loop_options{}.backend);
    CHECK_FALSE(unnamed.refusal());
}
