// Waiting for many descriptors: what is reported, when, how often, and what is not.

#include <netnotes/poll.hpp>

#include "catch.hpp"
#include "support.hpp"

#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using net::interest, net::trigger, net::any_of;

namespace {

constexpr net::duration now{};

/// The events of one wait, copied out of the poller.
std::vector<net::event> events_of(net::epoll_poller& poller, net::duration timeout = now) {
    const auto events = poller.wait(timeout);
    return {events.begin(), events.end()};
}
/// The readiness of the only event there is; none when there is no event.
interest ready_of(net::epoll_poller& poller, net::duration timeout = now) {
    const auto events = events_of(poller, timeout);
    REQUIRE(events.size() <= 1);
    return events.empty() ? interest::none : events[0].ready;
}
constexpr bool all_of(interest set, interest flags) {
    return (static_cast<unsigned>(set) & static_cast<unsigned>(flags)) == static_cast<unsigned>(flags);
}

std::size_t bytes_waiting(int descriptor) {
    int count = 0;
    REQUIRE(::ioctl(descriptor, FIONREAD, &count) == 0);
    return static_cast<std::size_t>(count);
}
/// A TCP peer's bytes have travelled when they can be counted here. (Those of a socket pair do at once.)
void wait_until_readable(const net::socket& stream) {
    std::error_code error;
    stream.wait(POLLIN, net::time_point::max(), error);
    REQUIRE_FALSE(error);
}
void reset(net::socket stream) { stream.set_option(net::option::linger{0s}); }  // and closes it

/// An eventfd that is readable, or not: the smallest thing that can be waited for.
class flag {
  public:
    explicit flag(bool up) : descriptor_{::eventfd(up ? 1 : 0, EFD_NONBLOCK | EFD_CLOEXEC)} {
        if (descriptor_ < 0) throw std::system_error{errno, std::system_category(), "eventfd"};
    }
    flag(flag&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
    flag& operator=(flag&&) = delete;
    ~flag() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    void raise() const { REQUIRE(::eventfd_write(descriptor_, 1) == 0); }
    void lower() const {
        eventfd_t value = 0;
        REQUIRE(::eventfd_read(descriptor_, &value) == 0);
    }
    [[nodiscard]] int native_handle() const { return descriptor_; }

  private:
    int descriptor_;
};

std::atomic<int> signals_seen{0};

/// Sends SIGUSR1 to the thread that made it, again and again, as long as it lives.
class signal_storm {
  public:
    signal_storm() {
        struct sigaction action {};
        action.sa_handler = [](int) { ++signals_seen; };
        REQUIRE(::sigaction(SIGUSR1, &action, &before_) == 0);
        sender_ = std::thread{[this, target = ::pthread_self()] {
            while (!done_) {
                ::pthread_kill(target, SIGUSR1);
                std::this_thread::sleep_for(2ms);  // a rhythm; nothing is won by it
            }
        }};
    }
    ~signal_storm() {
        done_ = true;
        sender_.join();
        ::sigaction(SIGUSR1, &before_, nullptr);
    }

  private:
    struct sigaction before_ {};
    std::atomic<bool> done_{false};
    std::thread sender_;
};

}  // namespace

// ---- the flags -----------------------------------------------------------------------------------------

TEST_CASE("a set of interests has the flags it was made of and no others") {
    constexpr interest set = interest::read | interest::hang_up;
    STATIC_REQUIRE(any_of(set, interest::read));
    STATIC_REQUIRE(any_of(set, interest::hang_up));
    STATIC_REQUIRE(any_of(set, interest::write | interest::read));
    STATIC_REQUIRE_FALSE(any_of(set, interest::write | interest::error | interest::peer_done | interest::urgent));
    STATIC_REQUIRE_FALSE(any_of(set, interest::none));
    STATIC_REQUIRE_FALSE(any_of(interest::none, set));
    interest growing = interest::none;
    growing |= interest::write;
    growing |= interest::error;
    CHECK(growing == (interest::error | interest::write));
}

// ---- level, edge, one-shot -----------------------------------------------------------------------------

TEST_CASE("a level-triggered descriptor is reported at every wait as long as bytes are left") {
    auto [ours, theirs] = net::socket_pair();
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::read, 7);
    CHECK(events_of(poller).empty());

    theirs.send_all(std::string(2000, 'x'));
    std::array<char, 1000> half;
    for (int i = 0; i < 3; ++i) {
        const auto events = events_of(poller);
        REQUIRE(events.size() == 1);
        CHECK(events[0].token == 7);
        CHECK(events[0].ready == interest::read);
    }
    REQUIRE(ours.recv(half) == 1000);
    CHECK(ready_of(poller) == interest::read);
    REQUIRE(ours.recv(half) == 1000);
    CHECK(events_of(poller).empty());
}

TEST_CASE("an edge-triggered descriptor is reported once and again only when something new has come") {
    auto [client, server] = support::tcp_pair();
    net::epoll_poller poller;
    poller.add(server.native_handle(), interest::read, 7, trigger::edge);
    CHECK(events_of(poller).empty());

    client.send_all(std::string(2000, 'x'));
    CHECK(ready_of(poller, net::never) == interest::read);
    while (bytes_waiting(server.native_handle()) < 2000) wait_until_readable(server);
    events_of(poller);  // were the 2000 bytes to come in two pieces, that was the second announcement

    std::array<char, 1000> half;
    REQUIRE(server.recv(half) == 1000);
    CHECK(events_of(poller).empty());  // 1000 bytes lie there, and nobody says so
    CHECK(events_of(poller, 20ms).empty());

    client.send_all("y");
    CHECK(ready_of(poller, net::never) == interest::read);
    CHECK(bytes_waiting(server.native_handle()) == 1001);
    CHECK(events_of(poller).empty());
}

TEST_CASE("an edge-triggered descriptor that is ready when it is added is reported") {
    auto [ours, theirs] = net::socket_pair();
    theirs.send_all("early");
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::read, 1, trigger::edge);
    CHECK(ready_of(poller) == interest::read);
    CHECK(events_of(poller).empty());
}

TEST_CASE("modify looks anew so that an edge trigger repeats what is ready now") {
    auto [ours, theirs] = net::socket_pair();
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::read, 1, trigger::edge);
    theirs.send_all("x");
    CHECK(ready_of(poller) == interest::read);
    CHECK(events_of(poller).empty());
    poller.modify(ours.native_handle(), interest::read, 2, trigger::edge);
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 2);
    CHECK(events_of(poller).empty());
}

TEST_CASE("one accept for each event of an edge-triggered listener leaves clients standing in the queue") {
    net::socket listener = support::listening(net::ipv4_address::loopback());
    listener.set_blocking(false);
    std::vector<net::socket> clients;
    for (int i = 0; i < 3; ++i) clients.push_back(support::client_of(listener));
    net::epoll_poller poller;
    poller.add(listener.native_handle(), interest::read, 1, trigger::edge);
    CHECK(ready_of(poller) == interest::read);
    std::vector<net::socket> served;
    served.push_back(listener.accept().connection);
    CHECK(events_of(poller).empty());

    // The cure: accept until there is nobody. The other two had been there all the time.
    std::error_code error;
    while (!error) {
        auto next = listener.accept(error);
        if (!error) served.push_back(std::move(next.connection));
    }
    CHECK(error == std::errc::operation_would_block);
    CHECK(served.size() == 3);
}

TEST_CASE("a one-shot descriptor is reported once until modify arms it again") {
    auto [ours, theirs] = net::socket_pair();
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::read, 1, trigger::one_shot);
    theirs.send_all("x");
    CHECK(ready_of(poller) == interest::read);
    CHECK(events_of(poller).empty());
    theirs.send_all("y");  // something new, which an edge trigger would report
    CHECK(events_of(poller).empty());
    poller.modify(ours.native_handle(), interest::read, 2, trigger::one_shot);
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 2);
    CHECK(events[0].ready == interest::read);
    CHECK(events_of(poller).empty());
}

TEST_CASE("add and modify are level-triggered unless said otherwise") {
    flag up{true};
    net::epoll_poller poller;
    poller.add(up.native_handle(), interest::read, 1);
    CHECK(ready_of(poller) == interest::read);
    CHECK(ready_of(poller) == interest::read);
    poller.modify(up.native_handle(), interest::read, 1, trigger::edge);
    CHECK(ready_of(poller) == interest::read);
    CHECK(events_of(poller).empty());
    poller.modify(up.native_handle(), interest::read, 1);
    CHECK(ready_of(poller) == interest::read);
    CHECK(ready_of(poller) == interest::read);
}

// ---- what is reported ----------------------------------------------------------------------------------

TEST_CASE("writability goes when the send buffer is full and comes back when the peer has read") {
    auto [ours, theirs] = net::socket_pair();
    ours.set_blocking(false);
    const trigger how = GENERATE(trigger::level, trigger::edge);
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::write, 1, how);
    CHECK(ready_of(poller) == interest::write);

    std::error_code error;
    const std::size_t sent = ours.send_all(std::string(8 << 20, 'x'), error);
    REQUIRE(error == std::errc::operation_would_block);
    CHECK(events_of(poller).empty());

    std::vector<std::byte> buffer(sent);
    for (std::size_t received = 0; received < sent;) received += theirs.recv(buffer);
    CHECK(ready_of(poller) == interest::write);
}

TEST_CASE("only what is asked for is reported and both of it when both is") {
    auto [ours, theirs] = net::socket_pair();
    theirs.send_all("x");
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::none, 1);
    CHECK(events_of(poller).empty());
    poller.modify(ours.native_handle(), interest::write, 1);
    CHECK(ready_of(poller) == interest::write);
    poller.modify(ours.native_handle(), interest::read, 1);
    CHECK(ready_of(poller) == interest::read);
    poller.modify(ours.native_handle(), interest::read | interest::write, 1);
    CHECK(ready_of(poller) == (interest::read | interest::write));
    poller.modify(ours.native_handle(), interest::none, 1);
    CHECK(events_of(poller).empty());
}

TEST_CASE("a peer that has shut down its sending side is reported as done while bytes are still to be read") {
    auto [client, server] = support::tcp_pair();
    client.send_all("last");
    client.shutdown(net::shutdown_direction::send);
    net::epoll_poller asking, not_asking;
    asking.add(server.native_handle(), interest::read | interest::peer_done, 1);
    not_asking.add(server.native_handle(), interest::read, 1);
    interest ready = interest::none;
    while (!any_of(ready, interest::peer_done)) ready = ready_of(asking, net::never);
    CHECK(ready == (interest::read | interest::peer_done));
    CHECK(ready_of(not_asking) == interest::read);
    CHECK(bytes_waiting(server.native_handle()) == 4);
    // It is half of a goodbye: no hang-up until we say ours.
    server.shutdown(net::shutdown_direction::send);
    CHECK(all_of(ready_of(asking), interest::read | interest::peer_done | interest::hang_up));
}

TEST_CASE("a hang-up is reported though only reading or even nothing was asked for") {
    auto [ours, theirs] = net::socket_pair();
    theirs.close();
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::read, 1);
    CHECK(ready_of(poller) == (interest::read | interest::hang_up));
    poller.modify(ours.native_handle(), interest::none, 1);
    CHECK(ready_of(poller) == interest::hang_up);
}

TEST_CASE("a reset is reported as readable and error and hang-up together") {
    auto [client, server] = support::tcp_pair();
    net::epoll_poller poller;
    poller.add(server.native_handle(), interest::read, 1);
    reset(std::move(client));
    const interest ready = ready_of(poller, net::never);
    // Whoever compares with read alone, as the notes do, has now lost a client.
    CHECK(ready == (interest::read | interest::error | interest::hang_up));
    CHECK(any_of(ready, interest::read));
    CHECK(any_of(ready, interest::error));
    CHECK(any_of(ready, interest::hang_up));
    CHECK(server.take_error() == std::errc::connection_reset);
    // The error is told once, the hang-up lasts, whatever is asked for.
    poller.modify(server.native_handle(), interest::none, 1);
    CHECK(ready_of(poller) == interest::hang_up);
}

TEST_CASE("urgent data is reported to whoever asks for it until its mark has been passed") {
    auto [client, server] = support::tcp_pair();
    REQUIRE(client.send("ab!", MSG_OOB) == 3);
    client.send_all("cd");
    while (bytes_waiting(server.native_handle()) < 2) wait_until_readable(server);
    net::epoll_poller asking, not_asking;
    asking.add(server.native_handle(), interest::read | interest::urgent, 1);
    not_asking.add(server.native_handle(), interest::read, 1);
    CHECK(ready_of(asking, net::never) == (interest::read | interest::urgent));
    CHECK(ready_of(not_asking) == interest::read);
    // Why it matters: this receive is short, and yet it did not empty the queue.
    std::array<char, 100> buffer;
    REQUIRE(server.recv(buffer) == 2);
    CHECK(any_of(ready_of(asking), interest::urgent));
    REQUIRE(server.recv(buffer) == 2);
    CHECK(std::string(buffer.data(), 2) == "cd");
    CHECK(events_of(asking).empty());
}

TEST_CASE("a refused connect is reported as writable with an error that take_error names") {
    const support::closed_port nobody{net::ipv4_address::loopback()};
    net::socket connecting{net::address_family::inet, net::socket_type::stream};
    connecting.set_blocking(false);
    std::error_code error;
    connecting.connect(nobody.where(), error);
    REQUIRE(error == std::errc::operation_in_progress);
    net::epoll_poller poller;
    poller.add(connecting.native_handle(), interest::write, 1);
    const interest ready = ready_of(poller, net::never);
    CHECK(all_of(ready, interest::write | interest::error));
    CHECK(connecting.take_error() == std::errc::connection_refused);
}

TEST_CASE("the writing end of a pipe without a reader has an error") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    net::socket reading{ends[0]}, writing{ends[1]};  // they close what they hold, and do no more here
    net::epoll_poller poller;
    poller.add(writing.native_handle(), interest::none, 1);
    CHECK(events_of(poller).empty());
    reading.close();
    CHECK(ready_of(poller) == interest::error);
}

// ---- adding and removing -------------------------------------------------------------------------------

TEST_CASE("adding a descriptor a second time fails and changes nothing") {
    flag up{true};
    net::epoll_poller poller;
    poller.add(up.native_handle(), interest::read, 1);
    const auto failure = support::failure_of([&] { poller.add(up.native_handle(), interest::write, 2); });
    CHECK(failure.code == std::errc::file_exists);
    CHECK_THAT(failure.what, ContainsSubstring("epoll add " + std::to_string(up.native_handle()) + ':'));
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 1);
    CHECK(events[0].ready == interest::read);
}

TEST_CASE("a regular file cannot be added") {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::tmpfile(), &std::fclose};
    REQUIRE(file);
    net::epoll_poller poller;
    const auto failure = support::failure_of([&] { poller.add(::fileno(file.get()), interest::read, 1); });
    CHECK(failure.code == std::errc::operation_not_permitted);
}

TEST_CASE("what was not added cannot be modified and what is no descriptor cannot be added") {
    flag up{true};
    net::epoll_poller poller;
    const auto failure = support::failure_of([&] { poller.modify(up.native_handle(), interest::read, 1); });
    CHECK(failure.code == std::errc::no_such_file_or_directory);
    CHECK_THAT(failure.what, ContainsSubstring("epoll modify " + std::to_string(up.native_handle()) + ':'));
    CHECK(support::failure_of([&] { poller.add(-1, interest::read, 1); }).code == std::errc::bad_file_descriptor);
}

TEST_CASE("a removed descriptor is reported no more and may be added again") {
    flag up{true};
    net::epoll_poller poller;
    poller.add(up.native_handle(), interest::read, 1);
    CHECK(ready_of(poller) == interest::read);
    poller.remove(up.native_handle());
    CHECK(events_of(poller).empty());
    poller.remove(up.native_handle());  // it is not there: nothing happens
    poller.add(up.native_handle(), interest::read, 2);
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 2);
}

TEST_CASE("a closed descriptor is reported no more when nobody has a duplicate of it") {
    auto [ours, theirs] = net::socket_pair();
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::read, 1);
    theirs.send_all("x");
    CHECK(ready_of(poller) == interest::read);
    ours.close();
    CHECK(events_of(poller).empty());
}

TEST_CASE("a closed descriptor goes on being reported as long as a duplicate of it lives") {
    // The interest belongs to the open file behind the number (epoll(7), question 6). A fact of the kernel's,
    // shown here because it is why remove() must come before close().
    auto [ours, theirs] = net::socket_pair();
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::read, 42);
    const int number = ours.native_handle();
    net::socket duplicate{::dup(number)};
    REQUIRE(duplicate.is_open());
    ours.close();
    theirs.send_all("x");
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 42);

    // And it cannot be stopped by its number, which means nothing now ...
    const auto failure = support::failure_of([&] { poller.modify(number, interest::none, 42); });
    CHECK(failure.code == std::errc::bad_file_descriptor);
    poller.remove(number);
    CHECK(events_of(poller).size() == 1);
    // ... nor by the duplicate's, which was never added. Only the last close() ends it.
    poller.remove(duplicate.native_handle());
    CHECK(events_of(poller).size() == 1);
    duplicate.close();
    CHECK(events_of(poller).empty());
}

TEST_CASE("removing before closing keeps a duplicate silent") {
    auto [ours, theirs] = net::socket_pair();
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::read, 42);
    net::socket duplicate{::dup(ours.native_handle())};
    poller.remove(ours.native_handle());
    ours.close();
    theirs.send_all("x");
    CHECK(events_of(poller).empty());
}

TEST_CASE("the token comes back as it was given up to the last bit") {
    flag up{true};
    net::epoll_poller poller;
    const std::uint64_t token = GENERATE(std::uint64_t{0}, std::uint64_t{0x8000000000000001}, ~std::uint64_t{0});
    poller.add(up.native_handle(), interest::read, token);
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == token);
}

// ---- time ----------------------------------------------------------------------------------------------

TEST_CASE("a wait of zero or less returns at once and without events when nothing is ready") {
    flag down{false};
    net::epoll_poller poller;
    poller.add(down.native_handle(), interest::read, 1);
    CHECK(poller.wait(net::duration::zero()).empty());
    CHECK(poller.wait(-1ns).empty());
    CHECK(poller.wait(-1h).empty());
    CHECK(poller.wait(net::duration::min()).empty());
    down.raise();
    CHECK(poller.wait(-1h).size() == 1);  // it looks nevertheless
}

TEST_CASE("a wait without events does not return before its time") {
    net::epoll_poller poller;
    for (const net::duration timeout : {net::duration{1ns}, net::duration{1us}, net::duration{1500us},
                                        net::duration{20ms}, net::duration{20'300us}}) {
        const auto before = net::clock::now();
        CHECK(poller.wait(timeout).empty());
        CHECK(net::clock::now() - before >= timeout);
    }
}

TEST_CASE("signals do not end a wait before its time") {
    net::epoll_poller poller;
    signals_seen = 0;
    const signal_storm storm;
    const auto before = net::clock::now();
    CHECK(poller.wait(200ms).empty());
    CHECK(net::clock::now() - before >= 200ms);
    CHECK(signals_seen > 0);
}

TEST_CASE("a wait for ever outlasts signals and ends with an event") {
    auto [ours, theirs] = net::socket_pair();
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::read, 1);
    signals_seen = 0;
    std::thread writer{[&there = theirs] {
        while (signals_seen < 5) std::this_thread::yield();
        there.send_all("x");
    }};
    {
        const signal_storm storm;
        const auto events = poller.wait(net::never);
        REQUIRE(events.size() == 1);
        CHECK(events[0].ready == interest::read);
        CHECK(signals_seen >= 5);
    }
    writer.join();
}

TEST_CASE("a timeout too long for the system call is waited for nevertheless") {
    auto [ours, theirs] = net::socket_pair();
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::read, 1);
    // 2^31 ms are 24 days; the number must neither wrap to "now" nor to "for ever and then some".
    const net::duration timeout =
        GENERATE(net::duration{24h * 50}, net::duration{24h * 365 * 200}, net::never - 1ns, net::never);
    std::thread writer{[&there = theirs] {
        std::this_thread::sleep_for(20ms);  // so that there is something to wait for; not needed to pass
        there.send_all("x");
    }};
    CHECK(poller.wait(timeout).size() == 1);
    writer.join();
}

// ---- many ----------------------------------------------------------------------------------------------

TEST_CASE("three hundred ready descriptors come in batches and each of them once") {
    const trigger how = GENERATE(trigger::level, trigger::edge, trigger::one_shot);
    constexpr std::size_t count = 300;
    STATIC_REQUIRE(net::epoll_poller::batch == 128);
    std::vector<flag> flags;
    flags.reserve(count);
    net::epoll_poller poller;
    for (std::size_t i = 0; i < count; ++i) {
        flags.emplace_back(true);
        poller.add(flags.back().native_handle(), interest::read, i, how);
    }
    std::map<std::uint64_t, int> reports;
    std::size_t waits = 0;
    for (;; ++waits) {
        const auto events = events_of(poller);
        if (events.empty()) break;
        CHECK(events.size() <= net::epoll_poller::batch);
        for (const auto& happened : events) {
            REQUIRE(happened.token < count);
            CHECK(happened.ready == interest::read);
            ++reports[happened.token];
            flags[happened.token].lower();
        }
    }
    CHECK(waits == 3);
    CHECK(reports.size() == count);
    CHECK(std::all_of(reports.begin(), reports.end(), [](const auto& report) { return report.second == 1; }));
}

TEST_CASE("descriptors that stay ready do not hide the others behind the end of a batch") {
    constexpr std::size_t count = 300;
    std::vector<flag> flags;
    flags.reserve(count);
    net::epoll_poller poller;
    for (std::size_t i = 0; i < count; ++i) {
        flags.emplace_back(true);
        poller.add(flags.back().native_handle(), interest::read, i);
    }
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 3; ++i)
        for (const auto& happened : events_of(poller)) seen.insert(happened.token);
    CHECK(seen.size() == count);
}

// ---- the poller as an object ---------------------------------------------------------------------------

TEST_CASE("a moved poller keeps what was added and the one moved from holds nothing") {
    flag first{true}, second{true};
    net::epoll_poller original;
    original.add(first.native_handle(), interest::read, 1);
    net::epoll_poller moved{std::move(original)};
    auto events = events_of(moved);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 1);

    net::epoll_poller other;
    other.add(second.native_handle(), interest::read, 2);
    other = std::move(moved);
    events = events_of(other);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 1);
    CHECK_THROWS_AS(original.add(first.native_handle(), interest::read, 1), std::system_error);
}

TEST_CASE("pollers are moved and not copied and give back their descriptor") {
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<net::epoll_poller>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<net::epoll_poller>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<net::epoll_poller>);
    STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<net::epoll_poller>);

    const auto next_descriptor = [] {
        const flag probe{false};
        return probe.native_handle();
    };
    const int before = next_descriptor();
    {
        net::epoll_poller one, two;
        net::epoll_poller three{std::move(one)};
        two = std::move(three);
        CHECK(next_descriptor() > before);
    }
    CHECK(next_descriptor() == before);
}

TEST_CASE("a poller without a free descriptor says so") {
    // UBSan needs a descriptor of its own when it meets a class with virtual functions for the first time. Here
    // it meets std::system_error while there still is one.
    net::epoll_poller first;
    REQUIRE(support::failure_of([&] { first.add(-1, interest::read, 1); }).code == std::errc::bad_file_descriptor);

    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit none = before;
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_NOFILE, &none);
    const auto failure = support::failure_of([] { net::epoll_poller poller; });
    ::setrlimit(RLIMIT_NOFILE, &before);
    CHECK(failure.code == std::errc::too_many_files_open);
    CHECK_THAT(failure.what, ContainsSubstring("epoll_create1"));
}

TEST_CASE("a request to stop wakes a poller and goes on waking it") {
    net::stop_event stop;
    net::epoll_poller poller;
    poller.add(stop.native_handle(), interest::read, 9);
    CHECK(events_of(poller).empty());
    std::thread other{[&stop] { stop.request_stop(); }};
    const auto events = events_of(poller, net::never);
    other.join();
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 9);
    CHECK(any_of(events[0].ready, interest::read));
    CHECK(events_of(poller).size() == 1);
    stop.request_stop();
    CHECK(events_of(poller).size() == 1);
}

TEST_CASE("a descriptor that turns ready during a wait ends it") {
    flag down{false};
    net::epoll_poller poller;
    poller.add(down.native_handle(), interest::read, 3, trigger::edge);
    std::thread other{[&down] { ::eventfd_write(down.native_handle(), 1); }};
    const auto events = events_of(poller, net::never);
    other.join();
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 3);
}

// ---- the concept ---------------------------------------------------------------------------------------

namespace {

/// The smallest poller: everything that was added is always ready.
class eager_poller {
  public:
    void add(int descriptor, interest what, std::uint64_t token, trigger) { events_[descriptor] = {token, what}; }
    void modify(int descriptor, interest what, std::uint64_t token, trigger) { events_[descriptor] = {token, what}; }
    void remove(int descriptor) { events_.erase(descriptor); }
    const std::vector<net::event>& wait(net::duration) {
        batch_.clear();
        for (const auto& [descriptor, happened] : events_) batch_.push_back(happened);
        return batch_;
    }

  private:
    std::map<int, net::event> events_;
    std::vector<net::event> batch_;
};
struct without_remove {
    void add(int, interest, std::uint64_t, trigger);
    void modify(int, interest, std::uint64_t, trigger);
    std::span<const net::event> wait(net::duration);
};
struct waits_for_numbers {
    void add(int, interest, std::uint64_t, trigger);
    void modify(int, interest, std::uint64_t, trigger);
    void remove(int);
    std::span<const int> wait(net::duration);
};

std::size_t count_ready(net::poller auto& poller) {
    const std::span<const net::event> events = poller.wait(now);
    return events.size();
}

}  // namespace

TEST_CASE("a poller written by hand is a poller and something less is not") {
    STATIC_REQUIRE(net::poller<net::epoll_poller>);
    STATIC_REQUIRE(net::poller<eager_poller>);
    STATIC_REQUIRE_FALSE(net::poller<without_remove>);
    STATIC_REQUIRE_FALSE(net::poller<waits_for_numbers>);
    STATIC_REQUIRE_FALSE(net::poller<int>);

    eager_poller eager;
    eager.add(0, interest::read, 1, trigger::level);
    eager.add(1, interest::write, 2, trigger::level);
    CHECK(count_ready(eager) == 2);
    net::epoll_poller real;
    flag up{true};
    real.add(up.native_handle(), interest::read, 1);
    CHECK(count_ready(real) == 1);
}
