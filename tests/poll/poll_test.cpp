// Waiting for many descriptors: what is reported, when, how often, and what is not. By select, poll and epoll alike,
// unless the name of a test says otherwise.

#include <netnotes/poll.hpp>

#include "../catch.hpp"
#include "../support.hpp"

#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using net::interest, net::trigger, net::any_of;

static std::atomic<int> looks_at_the_clock{0};
// Not under a sanitizer, which has put its own function in that place, and looks at the clock before main() begins. Then
// the test that counts is skipped.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WITH_THE_OWN_CLOCK
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WITH_THE_OWN_CLOCK
#endif
#endif
#ifndef WITH_THE_OWN_CLOCK
/// In the place of the C library's, which the standard library's clocks call. The kernel's answer is the same.
extern "C" int clock_gettime(clockid_t which, timespec* time) noexcept {
    looks_at_the_clock.fetch_add(1, std::memory_order_relaxed);
    return static_cast<int>(::syscall(SYS_clock_gettime, which, time));
}
#endif

namespace {

constexpr net::duration now{};

#define ON_EVERY_POLLER(name) TEMPLATE_TEST_CASE(name, "", net::select_poller, net::poll_poller, net::epoll_poller)
#define ON_SELECT_AND_POLL(name) TEMPLATE_TEST_CASE(name, "", net::select_poller, net::poll_poller)

/// As the first page of poll.hpp says: what select has no word for comes as readable or writable.
template <class Poller>
constexpr bool is_select = std::is_same_v<Poller, net::select_poller>;
template <class Poller>
const std::string name_of = is_select<Poller>  ? "select"
                            : Poller::has_edge ? "epoll"
                                               : "poll";

template <class Poller>
bool exists_for(trigger how) {
    return how != trigger::edge || Poller::has_edge;
}

/// The events of one wait, copied out of the poller.
template <class Poller>
std::vector<net::event> events_of(Poller& poller, net::duration timeout = now) {
    const auto events = poller.wait(timeout);
    return {events.begin(), events.end()};
}
/// The readiness of the only event there is; none when there is no event.
template <class Poller>
interest ready_of(Poller& poller, net::duration timeout = now) {
    const auto events = events_of(poller, timeout);
    REQUIRE(events.size() <= 1);
    return events.empty() ? interest::none : events[0].ready;
}
/// ... of one among others.
template <class Poller>
interest ready_of_token(Poller& poller, std::uint64_t token) {
    interest ready = interest::none;
    for (const net::event& happened : poller.wait(now))
        if (happened.token == token) ready |= happened.ready;
    return ready;
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
/// ... and the end of the stream, too.
void wait_until_done(const net::socket& stream) {
    std::error_code error;
    stream.wait(POLLRDHUP, net::time_point::max(), error);
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

ON_EVERY_POLLER("a level-triggered descriptor is reported at every wait as long as bytes are left") {
    auto [ours, theirs] = net::socket_pair();
    TestType poller;
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

ON_EVERY_POLLER("a one-shot descriptor is reported once until modify arms it again") {
    auto [ours, theirs] = net::socket_pair();
    TestType poller;
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

ON_EVERY_POLLER("add and modify are level-triggered unless said otherwise") {
    flag up{true};
    TestType poller;
    poller.add(up.native_handle(), interest::read, 1);
    CHECK(ready_of(poller) == interest::read);
    CHECK(ready_of(poller) == interest::read);
    for (const trigger how : {trigger::one_shot, trigger::edge}) {
        if (how == trigger::edge && !TestType::has_edge) continue;
        poller.modify(up.native_handle(), interest::read, 1, how);
        CHECK(ready_of(poller) == interest::read);
        CHECK(events_of(poller).empty());
    }
    poller.modify(up.native_handle(), interest::read, 1);
    CHECK(ready_of(poller) == interest::read);
    CHECK(ready_of(poller) == interest::read);
}

// ---- what is reported ----------------------------------------------------------------------------------

ON_EVERY_POLLER("writability goes when the send buffer is full and comes back when the peer has read") {
    auto [ours, theirs] = net::socket_pair();
    ours.set_blocking(false);
    const trigger how = GENERATE(filter(exists_for<TestType>, values({trigger::level, trigger::edge})));
    TestType poller;
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

ON_EVERY_POLLER("only what is asked for is reported and both of it when both is") {
    auto [ours, theirs] = net::socket_pair();
    theirs.send_all("x");
    TestType poller;
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

ON_EVERY_POLLER("a peer that has shut down its sending side is reported as done while bytes are still to be read") {
    auto [client, server] = support::tcp_pair();
    client.send_all("last");
    client.shutdown(net::shutdown_direction::send);
    TestType asking, not_asking;
    asking.add(server.native_handle(), interest::read | interest::peer_done, 1);
    not_asking.add(server.native_handle(), interest::read, 1);
    wait_until_done(server);
    if constexpr (is_select<TestType>)
        CHECK(ready_of(asking) == interest::read);  // only reading tells
    else
        CHECK(ready_of(asking) == (interest::read | interest::peer_done));
    CHECK(ready_of(not_asking) == interest::read);
    CHECK(bytes_waiting(server.native_handle()) == 4);
    // It is half of a goodbye: no hang-up until we say ours.
    server.shutdown(net::shutdown_direction::send);
    if constexpr (!is_select<TestType>)
        CHECK(all_of(ready_of(asking), interest::read | interest::peer_done | interest::hang_up));
    std::array<char, 10> buffer;
    REQUIRE(server.recv(buffer) == 4);
    CHECK(any_of(ready_of(asking), interest::read));
    CHECK(server.recv(buffer) == 0);
}

ON_EVERY_POLLER("a hang-up is reported to whoever asks for reading and but for select even to who asks for nothing") {
    auto [ours, theirs] = net::socket_pair();
    theirs.close();
    TestType poller;
    poller.add(ours.native_handle(), interest::read, 1);
    if constexpr (is_select<TestType>) {
        CHECK(ready_of(poller) == interest::read);  // it has three sets, and none for this
        poller.modify(ours.native_handle(), interest::none, 1);
        CHECK(events_of(poller).empty());
    } else {
        CHECK(ready_of(poller) == (interest::read | interest::hang_up));
        poller.modify(ours.native_handle(), interest::none, 1);
        CHECK(ready_of(poller) == interest::hang_up);
    }
}

ON_EVERY_POLLER("a reset is reported as readable and but for select as error and hang-up together with it") {
    auto [client, server] = support::tcp_pair();
    TestType poller;
    poller.add(server.native_handle(), interest::read, 1);
    reset(std::move(client));
    const interest ready = ready_of(poller, net::never);
    if constexpr (is_select<TestType>) {
        CHECK(ready == interest::read);
        poller.modify(server.native_handle(), interest::write, 1);
        CHECK(ready_of(poller) == interest::write);  // so that who waits to send is not left waiting
        CHECK(server.take_error() == std::errc::connection_reset);
    } else {
        // Whoever compares with read alone, as the notes do, has now lost a client.
        CHECK(ready == (interest::read | interest::error | interest::hang_up));
        CHECK(server.take_error() == std::errc::connection_reset);
        // The error is told once, the hang-up lasts, whatever is asked for.
        poller.modify(server.native_handle(), interest::none, 1);
        CHECK(ready_of(poller) == interest::hang_up);
    }
}

ON_EVERY_POLLER("urgent data is reported to whoever asks for it until its mark has been passed") {
    auto [client, server] = support::tcp_pair();
    REQUIRE(client.send("ab!", MSG_OOB) == 3);
    client.send_all("cd");
    while (bytes_waiting(server.native_handle()) < 2) wait_until_readable(server);
    TestType asking, not_asking;
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

ON_EVERY_POLLER("a refused connect is reported as writable with an error that take_error names") {
    const support::closed_port nobody{net::ipv4_address::loopback()};
    net::socket connecting{net::address_family::inet, net::socket_type::stream};
    connecting.set_blocking(false);
    std::error_code error;
    connecting.connect(nobody.where(), error);
    REQUIRE(error == std::errc::operation_in_progress);
    TestType poller;
    poller.add(connecting.native_handle(), interest::write, 1);
    const interest ready = ready_of(poller, net::never);
    CHECK(all_of(ready, is_select<TestType> ? interest::write : interest::write | interest::error));
    CHECK(connecting.take_error() == std::errc::connection_refused);
}

ON_EVERY_POLLER("the writing end of a pipe without a reader has an error") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    net::socket reading{ends[0]}, writing{ends[1]};  // they close what they hold, and do no more here
    TestType poller;
    poller.add(writing.native_handle(), interest::none, 1);
    CHECK(events_of(poller).empty());
    reading.close();
    if constexpr (is_select<TestType>) {
        CHECK(events_of(poller).empty());
        poller.modify(writing.native_handle(), interest::read, 1);
        CHECK(ready_of(poller) == interest::read);
    } else {
        CHECK(ready_of(poller) == interest::error);
    }
}

// ---- adding and removing -------------------------------------------------------------------------------

ON_EVERY_POLLER("adding a descriptor a second time fails and changes nothing") {
    flag up{true};
    TestType poller;
    poller.add(up.native_handle(), interest::read, 1);
    const auto failure = support::failure_of([&] { poller.add(up.native_handle(), interest::write, 2); });
    CHECK(failure.code == std::errc::file_exists);
    CHECK_THAT(failure.what, ContainsSubstring(name_of<TestType> + " add " + std::to_string(up.native_handle()) + ':'));
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 1);
    CHECK(events[0].ready == interest::read);
}

ON_EVERY_POLLER("a regular file is always ready and epoll therefore refuses it") {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::tmpfile(), &std::fclose};
    REQUIRE(file);
    TestType poller;
    if constexpr (TestType::has_edge) {
        const auto failure = support::failure_of([&] { poller.add(::fileno(file.get()), interest::read, 1); });
        CHECK(failure.code == std::errc::operation_not_permitted);
    } else {
        poller.add(::fileno(file.get()), interest::read | interest::write, 1);
        CHECK(ready_of(poller) == (interest::read | interest::write));
        CHECK(ready_of(poller) == (interest::read | interest::write));
    }
}

ON_EVERY_POLLER("what was not added cannot be modified and what is no descriptor cannot be added") {
    flag up{true};
    TestType poller;
    const auto failure = support::failure_of([&] { poller.modify(up.native_handle(), interest::read, 1); });
    CHECK(failure.code == std::errc::no_such_file_or_directory);
    CHECK_THAT(failure.what,
               ContainsSubstring(name_of<TestType> + " modify " + std::to_string(up.native_handle()) + ':'));
    const int gone = [] { return flag{true}.native_handle(); }();
    for (const int descriptor : {-1, std::numeric_limits<int>::min(), gone}) {
        const auto refusal = support::failure_of([&] { poller.add(descriptor, interest::read, 1); });
        CHECK(refusal.code == std::errc::bad_file_descriptor);
        CHECK_THAT(refusal.what, ContainsSubstring(name_of<TestType> + " add " + std::to_string(descriptor) + ':'));
        CHECK_THROWS_AS(poller.modify(descriptor, interest::read, 1), std::system_error);
        poller.remove(descriptor);
    }
    CHECK(events_of(poller).empty());
}

ON_SELECT_AND_POLL("an edge trigger is refused where there is none") {
    flag up{true};
    TestType poller;
    STATIC_REQUIRE_FALSE(TestType::has_edge);
    const auto add = [&] { poller.add(up.native_handle(), interest::read, 1, trigger::edge); };
    const auto modify = [&] { poller.modify(up.native_handle(), interest::write, 2, trigger::edge); };
    CHECK(support::failure_of(add).code == std::errc::operation_not_supported);
    CHECK_THAT(support::failure_of(add).what, ContainsSubstring("edge-triggered"));
    CHECK(events_of(poller).empty());
    poller.add(up.native_handle(), interest::read, 1);
    CHECK(support::failure_of(modify).code == std::errc::operation_not_supported);
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 1);
    CHECK(events[0].ready == interest::read);
}

TEST_CASE("select refuses the descriptors that its sets have no bit for and takes the last that they have") {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    if (before.rlim_max < FD_SETSIZE + 1) NETNOTES_SKIP("no descriptor may be as high as 1024 here");
    rlimit enough = before;
    enough.rlim_cur = std::max<rlim_t>(before.rlim_cur, FD_SETSIZE + 1);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &enough) == 0);
    {
        const flag up{true}, down{false};
        const net::socket last{::fcntl(up.native_handle(), F_DUPFD_CLOEXEC, FD_SETSIZE - 1)};
        const net::socket beyond{::fcntl(up.native_handle(), F_DUPFD_CLOEXEC, FD_SETSIZE)};
        REQUIRE(last.native_handle() == 1023);
        REQUIRE(beyond.native_handle() == 1024);
        net::select_poller by_select;
        by_select.add(down.native_handle(), interest::read, 0);
        by_select.add(1023, interest::read, 1);
        const auto failure = support::failure_of([&] { by_select.add(1024, interest::read, 2); });
        CHECK(failure.code == std::errc::value_too_large);
        CHECK_THAT(failure.what, ContainsSubstring("select add 1024: a descriptor must be below FD_SETSIZE, 1024"));
        for (const int number : {1024, 1025, 4096, std::numeric_limits<int>::max()}) {  // whether open or not
            CHECK(support::failure_of([&] { by_select.add(number, interest::read, 2); }).code ==
                  std::errc::value_too_large);
            CHECK(support::failure_of([&] { by_select.modify(number, interest::read, 2); }).code ==
                  std::errc::no_such_file_or_directory);
            by_select.remove(number);
        }
        for (int i = 0; i < 2; ++i) {
            const auto events = events_of(by_select);
            REQUIRE(events.size() == 1);
            CHECK(events[0].token == 1);
            CHECK(events[0].ready == interest::read);
        }
        by_select.remove(1023);
        CHECK(events_of(by_select).empty());

        // Nor has the kernel: the limit is the size of the C library's fd_set. It looks at as many bits as it is told.
        std::array<std::uint8_t, 2 * sizeof(fd_set)> bits{};
        const auto place = static_cast<std::size_t>(beyond.native_handle()) / 8;  // of a little-endian machine
        bits[place] = static_cast<std::uint8_t>(1 << beyond.native_handle() % 8);
        const auto asked = bits;
        if constexpr (std::endian::native == std::endian::little) {
            timespec no_time{};
            CHECK(::syscall(SYS_pselect6, beyond.native_handle() + 1, bits.data(), nullptr, nullptr, &no_time,
                            nullptr) == 1);
            CHECK(bits == asked);
        }

        net::poll_poller by_poll;  // has no such limit, either
        by_poll.add(1024, interest::read, 3);
        CHECK(ready_of(by_poll) == interest::read);
    }
    ::setrlimit(RLIMIT_NOFILE, &before);
}

ON_SELECT_AND_POLL("a descriptor closed without removing it is reported once as an error and then forgotten") {
    flag up{true}, still{true};
    TestType poller;
    auto closed = std::make_unique<flag>(false);
    const int number = closed->native_handle();
    poller.add(still.native_handle(), interest::none, 3);
    poller.add(number, interest::read | interest::write, 42);
    poller.add(up.native_handle(), interest::read, 1);
    CHECK(all_of(ready_of_token(poller, 42), interest::write));
    closed.reset();
    std::vector<net::event> seen;  // alone or together with what is ready
    while (std::none_of(seen.begin(), seen.end(), [](const auto& happened) { return happened.token == 42; }))
        seen = events_of(poller, net::never);
    for (const auto& happened : seen)
        if (happened.token == 42) CHECK(happened.ready == interest::error);
    const auto events = events_of(poller);  // neither does it spin, nor is anybody else lost
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 1);
    CHECK(support::failure_of([&] { poller.modify(number, interest::read, 42); }).code ==
          std::errc::no_such_file_or_directory);
    poller.remove(number);
    poller.modify(still.native_handle(), interest::read, 3);
    CHECK(events_of(poller).size() == 2);

    // The number is free for whatever gets it next.
    const flag next{true};
    REQUIRE(next.native_handle() == number);
    poller.add(number, interest::read, 43);
    CHECK(ready_of_token(poller, 43) == interest::read);
}

ON_SELECT_AND_POLL("all that were closed without being removed are forgotten however many") {
    TestType poller;
    std::vector<flag> flags;
    for (std::size_t i = 0; i < 100; ++i) {
        flags.emplace_back(true);
        poller.add(flags.back().native_handle(), interest::read, i);
    }
    while (flags.size() > 50) flags.pop_back();
    std::set<std::uint64_t> closed, open;
    for (int i = 0; i < 2; ++i)
        for (const auto& happened : events_of(poller))
            (happened.ready == interest::error ? closed : open).insert(happened.token);
    CHECK(closed.size() == 50);
    CHECK(*closed.begin() == 50);
    CHECK(open.size() == 50);
    const auto rest = events_of(poller);
    CHECK(rest.size() == 50);
    CHECK(std::all_of(rest.begin(), rest.end(), [](const auto& happened) { return happened.token < 50; }));
}

ON_EVERY_POLLER("a removed descriptor is reported no more and may be added again") {
    flag up{true};
    TestType poller;
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

TEST_CASE("epoll reports a closed descriptor no more when nobody has a duplicate of it") {
    auto [ours, theirs] = net::socket_pair();
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::read, 1);
    theirs.send_all("x");
    CHECK(ready_of(poller) == interest::read);
    ours.close();
    CHECK(events_of(poller).empty());
}

TEST_CASE("epoll goes on reporting a closed descriptor as long as a duplicate of it lives") {
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

ON_EVERY_POLLER("removing before closing keeps a duplicate silent") {
    auto [ours, theirs] = net::socket_pair();
    TestType poller;
    poller.add(ours.native_handle(), interest::read, 42);
    net::socket duplicate{::dup(ours.native_handle())};
    poller.remove(ours.native_handle());
    ours.close();
    theirs.send_all("x");
    CHECK(events_of(poller).empty());
}

ON_EVERY_POLLER("the token comes back as it was given up to the last bit") {
    flag up{true};
    TestType poller;
    const std::uint64_t token = GENERATE(std::uint64_t{0}, std::uint64_t{0x8000000000000001}, ~std::uint64_t{0});
    poller.add(up.native_handle(), interest::read, token);
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == token);
}

// ---- time ----------------------------------------------------------------------------------------------

ON_EVERY_POLLER("a wait of zero or less returns at once and without events when nothing is ready") {
    flag down{false};
    TestType poller;
    poller.add(down.native_handle(), interest::read, 1);
    CHECK(poller.wait(net::duration::zero()).empty());
    CHECK(poller.wait(-1ns).empty());
    CHECK(poller.wait(-1h).empty());
    CHECK(poller.wait(net::duration::min()).empty());
    down.raise();
    CHECK(poller.wait(-1h).size() == 1);  // it looks nevertheless
}

ON_EVERY_POLLER("a wait without events does not return before its time") {
    TestType poller;
    for (const net::duration timeout : {net::duration{1ns}, net::duration{1us}, net::duration{1500us},
                                        net::duration{20ms}, net::duration{20'300us}}) {
        const auto before = net::clock::now();
        CHECK(poller.wait(timeout).empty());
        CHECK(net::clock::now() - before >= timeout);
    }
}

ON_EVERY_POLLER("a wait for ever and a wait of no time do not look at the clock") {
    const auto looks_during = [](auto call) {
        const int before = looks_at_the_clock;
        call();
        return looks_at_the_clock - before;
    };
    if (looks_during([] { (void)net::clock::now(); }) != 1) NETNOTES_SKIP("the standard library brings its own clock");
    flag up{true};
    TestType poller;
    CHECK(looks_during([&] { poller.wait(now); }) == 0);
    poller.add(up.native_handle(), interest::read, 1);
    CHECK(looks_during([&] { poller.wait(now); }) == 0);
    CHECK(looks_during([&] { poller.wait(net::never); }) == 0);
    CHECK(looks_during([&] { poller.wait(1h); }) == 1);  // when the time began: a signal may make it begin anew
}

// ThreadSanitizer runs a handler when the thread next calls something that it intercepts, and g++'s does not intercept
// pselect(): there no signal would ever be seen.
#if defined(__SANITIZE_THREAD__)
#define ON_EVERY_POLLER_THAT_SEES_SIGNALS(name) TEMPLATE_TEST_CASE(name, "", net::poll_poller, net::epoll_poller)
#else
#define ON_EVERY_POLLER_THAT_SEES_SIGNALS ON_EVERY_POLLER
#endif

ON_EVERY_POLLER_THAT_SEES_SIGNALS("signals do not end a wait before its time") {
    TestType poller;
    signals_seen = 0;
    const signal_storm storm;
    const auto before = net::clock::now();
    CHECK(poller.wait(200ms).empty());
    CHECK(net::clock::now() - before >= 200ms);
    CHECK(signals_seen > 0);
}

ON_EVERY_POLLER_THAT_SEES_SIGNALS("a wait for ever outlasts signals and ends with an event") {
    auto [ours, theirs] = net::socket_pair();
    TestType poller;
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

ON_EVERY_POLLER("a timeout too long for the system call is waited for nevertheless") {
    auto [ours, theirs] = net::socket_pair();
    TestType poller;
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

ON_EVERY_POLLER("three hundred ready descriptors come in batches and each of them once") {
    const trigger how =
        GENERATE(filter(exists_for<TestType>, values({trigger::level, trigger::edge, trigger::one_shot})));
    constexpr std::size_t count = 300;
    STATIC_REQUIRE(net::epoll_poller::batch == 128);
    constexpr std::size_t batch = TestType::has_edge ? 128 : count;  // select and poll keep nothing back
    std::vector<flag> flags;
    flags.reserve(count);
    TestType poller;
    for (std::size_t i = 0; i < count; ++i) {
        flags.emplace_back(true);
        poller.add(flags.back().native_handle(), interest::read, i, how);
    }
    std::map<std::uint64_t, int> reports;
    std::size_t waits = 0;
    for (;; ++waits) {
        const auto events = events_of(poller);
        if (events.empty()) break;
        CHECK(events.size() <= batch);
        for (const auto& happened : events) {
            REQUIRE(happened.token < count);
            CHECK(happened.ready == interest::read);
            ++reports[happened.token];
            flags[happened.token].lower();
        }
    }
    CHECK(waits == (count + batch - 1) / batch);
    CHECK(reports.size() == count);
    CHECK(std::all_of(reports.begin(), reports.end(), [](const auto& report) { return report.second == 1; }));
}

ON_EVERY_POLLER("descriptors that stay ready do not hide the others behind the end of a batch") {
    constexpr std::size_t count = 300;
    std::vector<flag> flags;
    flags.reserve(count);
    TestType poller;
    for (std::size_t i = 0; i < count; ++i) {
        flags.emplace_back(true);
        poller.add(flags.back().native_handle(), interest::read, i);
    }
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 3; ++i)
        for (const auto& happened : events_of(poller)) seen.insert(happened.token);
    CHECK(seen.size() == count);
}

ON_EVERY_POLLER("whoever walks through the events may add and remove meanwhile") {
    TestType poller;
    std::vector<flag> flags;
    flags.reserve(400);
    const auto add = [&] {
        flags.emplace_back(true);
        poller.add(flags.back().native_handle(), interest::read, flags.size());
    };
    for (int i = 0; i < 50; ++i) add();
    std::set<std::uint64_t> seen;
    for (const net::event& happened : poller.wait(now)) {
        seen.insert(happened.token);
        for (int i = 0; i < 5; ++i) add();
        poller.remove(flags[happened.token - 1].native_handle());
    }
    CHECK(seen.size() == 50);
    CHECK(*seen.rbegin() == 50);
    seen.clear();
    for (int i = 0; i < 3; ++i)
        for (const net::event& happened : poller.wait(now)) seen.insert(happened.token);
    CHECK(seen.size() == 250);
    CHECK(*seen.begin() == 51);
}

ON_EVERY_POLLER("waiting takes no memory") {
    TestType poller;
    std::vector<flag> flags;
    for (std::size_t i = 0; i < 200; ++i) {
        flags.emplace_back(true);
        poller.add(flags.back().native_handle(), interest::read, i);
    }
    const net::event* const place = poller.wait(now).data();
    for (int i = 0; i < 10; ++i) CHECK(poller.wait(now).data() == place);
}

ON_EVERY_POLLER("whatever is added and modified and removed what is reported is what is ready and asked for") {
    struct entry {
        bool there = false, up = false, asked = false, armed = false;
        trigger how = trigger::level;
        std::uint64_t token = 0;
    };
    constexpr std::size_t count = 40;
    std::vector<flag> flags;
    for (std::size_t i = 0; i < count; ++i) flags.emplace_back(false);
    std::vector<entry> model(count);
    TestType poller;
    std::mt19937 random{GENERATE(1u, 2u, 3u)};
    for (std::uint64_t step = 1; step <= 3000; ++step) {
        const std::size_t i = random() % count;
        entry& each = model[i];
        switch (random() % 5) {
            case 0:
            case 1:
                each.asked = random() % 4 != 0;
                each.how = random() % 3 == 0 ? trigger::one_shot : trigger::level;
                each.token = step;
                each.armed = true;
                if (each.there)
                    poller.modify(flags[i].native_handle(), each.asked ? interest::read : interest::none, step,
                                  each.how);
                else
                    poller.add(flags[i].native_handle(), each.asked ? interest::read : interest::none, step, each.how);
                each.there = true;
                break;
            case 2:
                poller.remove(flags[i].native_handle());
                each.there = false;
                break;
            default: each.up ? flags[i].lower() : flags[i].raise(); each.up = !each.up;
        }
        if (random() % 4 != 0) continue;
        std::set<std::uint64_t> expected, seen;
        for (entry& other : model) {
            if (!other.there || !other.up || !other.asked || !other.armed) continue;
            expected.insert(other.token);
            other.armed = other.how != trigger::one_shot;
        }
        for (const net::event& happened : poller.wait(now)) seen.insert(happened.token);
        REQUIRE(seen == expected);
    }
}

// ---- the poller as an object ---------------------------------------------------------------------------

ON_EVERY_POLLER("a moved poller keeps what was added and the one moved from holds nothing") {
    flag first{true}, second{true};
    TestType original;
    original.add(first.native_handle(), interest::read, 1);
    TestType moved{std::move(original)};
    auto events = events_of(moved);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 1);

    TestType other;
    other.add(second.native_handle(), interest::read, 2);
    other = std::move(moved);
    events = events_of(other);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 1);
    if constexpr (std::is_same_v<TestType, net::epoll_poller>)
        CHECK_THROWS_AS(original.add(first.native_handle(), interest::read, 1), std::system_error);
    else
        CHECK(original.wait(now).empty());  // NOLINT(bugprone-use-after-move)
}

ON_EVERY_POLLER("pollers are moved and not copied") {
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<TestType>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<TestType>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<TestType>);
    STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<TestType>);
}

TEST_CASE("an epoll poller gives back its descriptor") {
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

ON_EVERY_POLLER("a request to stop wakes a poller and goes on waking it") {
    net::stop_event stop;
    TestType poller;
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

ON_EVERY_POLLER("a wait of any length does not overflow") {
    TestType poller;
    const flag down{false};
    poller.add(down.native_handle(), interest::read, 1);
    for (const net::wait_time none : {net::wait_time{0ns}, net::wait_time{-1ns}, net::wait_time{net::duration::min()},
                                      net::wait_time{std::chrono::hours::min()}, net::wait_time{std::chrono::duration<double>{-1e300}}})
        CHECK(poller.wait(none).empty());
    const auto begin = net::clock::now();
    CHECK(poller.wait(std::chrono::duration<double>{0.002}).empty());
    CHECK(net::clock::now() - begin >= 2ms);
    for (const net::wait_time longest : {net::wait_time{net::never}, net::wait_time{net::never - 1ns},
                                         net::wait_time{std::chrono::hours::max()}, net::wait_time{std::chrono::years::max()},
                                         net::wait_time{std::chrono::duration<double>{1e300}}}) {
        const flag rings{false};
        poller.add(rings.native_handle(), interest::read, 2);
        std::thread ringing{[&] {
            std::this_thread::sleep_for(2ms);  // so that the wait has most likely begun
            ::eventfd_write(rings.native_handle(), 1);
        }};
        const auto events = poller.wait(longest);
        CHECK(events.size() == 1);
        ringing.join();
        poller.remove(rings.native_handle());
    }
}

ON_EVERY_POLLER("a descriptor that turns ready during a wait ends it") {
    flag down{false};
    TestType poller;
    poller.add(down.native_handle(), interest::read, 3, TestType::has_edge ? trigger::edge : trigger::level);
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
    static constexpr bool has_edge = false;
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
    static constexpr bool has_edge = true;
    void add(int, interest, std::uint64_t, trigger);
    void modify(int, interest, std::uint64_t, trigger);
    std::span<const net::event> wait(net::duration);
};
struct waits_for_numbers {
    static constexpr bool has_edge = true;
    void add(int, interest, std::uint64_t, trigger);
    void modify(int, interest, std::uint64_t, trigger);
    void remove(int);
    std::span<const int> wait(net::duration);
};

struct without_a_word_on_edges {
    void add(int, interest, std::uint64_t, trigger);
    void modify(int, interest, std::uint64_t, trigger);
    void remove(int);
    std::span<const net::event> wait(net::duration);
};

std::size_t count_ready(net::poller auto& poller) {
    const std::span<const net::event> events = poller.wait(now);
    return events.size();
}

}  // namespace

TEST_CASE("a poller written by hand is a poller and something less is not") {
    STATIC_REQUIRE(net::poller<net::epoll_poller>);
    STATIC_REQUIRE(net::poller<net::poll_poller>);
    STATIC_REQUIRE(net::poller<net::select_poller>);
    STATIC_REQUIRE_FALSE(net::poller<without_a_word_on_edges>);
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
