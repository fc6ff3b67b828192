// Nothing leaks and nothing runs after its scope, whatever is cancelled when: small scenarios, each of which is played
// again and again, and cancelled one turn of the loop later each time, until it ends before that.
//
// A scenario is a few tasks, its actors, and what they share. At each point each actor is cancelled in turn, and then
// all at once. It may end well all the same, for cancelling loses against what is done already; else it must end with
// errc::operation_canceled. Then nothing of it is left, and what the actors say they have done is compared with what is
// there: no byte, value, permit, signal or connection is lost or doubled. Time is virtual, and nobody else takes part.

#include <netnotes/coro/buffered.hpp>
#include <netnotes/coro/connect.hpp>
#include <netnotes/coro/datagram.hpp>
#include <netnotes/coro/descriptor.hpp>
#include <netnotes/coro/group.hpp>
#include <netnotes/coro/listener.hpp>
#include <netnotes/coro/signal.hpp>
#include <netnotes/coro/stream.hpp>
#include <netnotes/coro/sync.hpp>

#include "../back_end.hpp"
#include "../catch.hpp"
#include "../support.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using net::task, net::yield, net::sleep_for;
using support::open_descriptors;

namespace {

// ---- The driver ----------------------------------------------------------------------------------------

/// What all scenarios have. A derived one says who its actors are, and settles the accounts when they have ended:
/// `undisturbed` when nobody was cancelled, and then all must have been done.
struct scenario {
    explicit scenario(test_loop& in) : loop{in} {}
    test_loop& loop;
    std::array<int, 4> alive{};  // frames of each actor
    /// Without descriptors all that can happen in a turn without time passing has happened after a few turns. With them
    /// it may take until the loop asks the system, which it does each 64 turns while somebody can go on.
    static constexpr std::size_t turns_a_tick = 8;
    static constexpr net::duration tick = 1ns;
};
struct io_scenario : scenario {
    using scenario::scenario;
    static constexpr std::size_t turns_a_tick = 70;
};

/// A variable of a coroutine, counted as long as that lives.
class frame {
  public:
    explicit frame(int& alive) : alive_{alive} { ++alive_; }
    frame(const frame&) = delete;
    frame& operator=(const frame&) = delete;
    ~frame() { --alive_; }

  private:
    int& alive_;
};
/// The first variable of a task that awaits other tasks: they must have ended when it is destroyed.
struct scope {
    int alive = 0;
    scope() = default;
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;
    ~scope() { CHECK(alive == 0); }
};

template <class... Tasks>
std::vector<task<>> these(Tasks... tasks) {
    std::vector<task<>> all;
    (all.push_back(std::move(tasks)), ...);
    return all;
}

/// False when it was cancelled.
task<bool> ends_well(task<> what) {
    try {
        co_await std::move(what);
    } catch (const net::cancelled&) {
        co_return false;
    }
    co_return true;
}

struct outcome {
    bool came_too_late;  // it had ended before
    bool ended_well;
};

/// Cancels actor number `victim` at that point, or all if there is no such number.
template <class Scenario>
task<outcome> play(Scenario& played, std::size_t victim, std::size_t point) {
    std::vector<net::join_handle<bool>> actors;
    std::vector<task<>> bodies = played.actors();
    for (task<>& each : bodies) actors.push_back(net::spawn(ends_well(std::move(each))));
    const auto is_chosen = [&](std::size_t i) { return victim == i || victim == actors.size(); };
    const auto chosen_have_ended = [&] {
        for (std::size_t i = 0; i < actors.size(); ++i)
            if (is_chosen(i) && !actors[i].has_ended()) return false;
        return true;
    };
    for (std::size_t passed = 1; passed <= point && !chosen_have_ended(); ++passed) {
        if (passed % Scenario::turns_a_tick == 0)
            co_await sleep_for(Scenario::tick);
        else
            co_await yield();
    }
    outcome result{chosen_have_ended(), true};
    const auto wait_for = [&](bool chosen) -> task<> {
        for (std::size_t i = 0; i < actors.size(); ++i) {
            if (is_chosen(i) != chosen) continue;
            const bool well = co_await actors[i].join();
            if (!well) result.ended_well = false;
            if (played.alive[i] != 0) FAIL("something of actor " << i << " is left");
        }
    };
    if (!result.came_too_late)
        for (std::size_t i = 0; i < actors.size(); ++i)
            if (is_chosen(i)) actors[i].cancel();
    co_await wait_for(true);
    const bool victim_ended_well = result.ended_well;
    if (!result.came_too_late) {
        for (int i = 0; i < 3; ++i) co_await yield();  // the others go on
        for (auto& each : actors) each.cancel();
    }
    co_await wait_for(false);
    if (result.came_too_late) REQUIRE(result.ended_well);
    co_await played.settle(result.came_too_late);
    result.ended_well = victim_ended_well;
    co_return result;
}

/// Lets the system take note of what was closed.
task<> two_turns() {
    for (int i = 0; i < 2; ++i) co_await sleep_for(1ns);
}

template <class Scenario>
void cancel_everywhere() {
    test_loop loop{{.virtual_time = true}};
    std::size_t actors = 0;
    {
        Scenario counted{loop};
        actors = counted.actors().size();
    }
    for (std::size_t victim = 0; victim <= actors; ++victim) {
        int unwound = 0;
        outcome result{false, false};
        for (std::size_t point = 0; !result.came_too_late; ++point) {
            INFO("actor " << victim << " of " << actors << ", point " << point);
            REQUIRE(point < 20'000);
            loop.run(two_turns());
            const auto descriptors = open_descriptors();
            {
                Scenario played{loop};
                result = loop.run(play(played, victim, point));
                if (!result.ended_well) ++unwound;
            }
            loop.run(two_turns());
            if (loop.size() != 0 || open_descriptors() != descriptors) {
                CHECK(loop.size() == 0);
                REQUIRE(open_descriptors() == descriptors);
            }
        }
        INFO("actor " << victim);
        CHECK(unwound > 0);
    }
}

/// Waits for something that is known to be there, so that a test in which it is not fails and does not hang.
template <class T>
task<T> promptly(task<T> what) {
    if constexpr (std::is_void_v<T>)
        co_await net::with_timeout(1s, std::move(what));
    else
        co_return co_await net::with_timeout(1s, std::move(what));
}

// ---- The loop's own ------------------------------------------------------------------------------------

struct turns_and_time : scenario {
    using scenario::scenario;
    std::vector<task<>> actors() { return these(goes()); }
    task<> goes() {
        const frame here{alive[0]};
        const net::time_point begin = loop.now();
        co_await yield();
        co_await sleep_for(2ns);
        passed = loop.now() - begin;
        co_await yield();
        co_await net::sleep_until(loop.now() + 1ns);
        co_await sleep_for(0ns);
        done = true;
    }
    task<> settle(bool undisturbed) {
        CHECK(done == undisturbed);
        CHECK((passed == 0ns || passed >= 2ns));
        co_return;
    }
    net::duration passed{};
    bool done = false;
};

/// The result of a task that was spawned goes to the joining task, or stays for another task.
struct joining : scenario {
    using scenario::scenario;
    std::vector<task<>> actors() {
        handle = loop.spawn(gives());
        return these(joins());
    }
    task<std::unique_ptr<int>> gives() {
        co_await yield();
        co_await sleep_for(2ns);
        co_return std::make_unique<int>(7);
    }
    task<> joins() {
        const frame here{alive[0]};
        result = co_await handle.join();
    }
    task<> settle(bool) {
        if (!result) result = co_await promptly(again());
        CHECK(*result == 7);
    }
    task<std::unique_ptr<int>> again() { co_return co_await handle.join(); }
    net::join_handle<std::unique_ptr<int>> handle;
    std::unique_ptr<int> result;
};

// ---- One another ---------------------------------------------------------------------------------------

struct events : scenario {
    using scenario::scenario;
    std::vector<task<>> actors() { return these(waits(0), waits(1), sets()); }
    task<> waits(std::size_t who) {
        const frame here{alive[who]};
        co_await event.wait();
        CHECK(event.is_set());
        ++seen;
    }
    task<> sets() {
        const frame here{alive[2]};
        co_await sleep_for(1ns);
        event.set();
        co_await yield();
    }
    task<> settle(bool undisturbed) {
        if (undisturbed) CHECK(seen == 2);
        co_return;
    }
    net::async_event event;
    int seen = 0;
};

/// Three who want two permits, and one of a mutex.
struct permits : scenario {
    using scenario::scenario;
    std::vector<task<>> actors() { return these(works(0), works(1), works(2)); }
    task<> works(std::size_t who) {
        const frame here{alive[who]};
        for (int i = 0; i < 2; ++i) {
            const auto permit = co_await two.acquire();
            CHECK(two.available() < 2);
            co_await yield();
            const auto lock = co_await one.lock();
            CHECK(++inside == 1);
            const inside_counter leaves{inside};
            co_await sleep_for(1ns);
        }
        ++done;
    }
    struct inside_counter {
        int& count;
        ~inside_counter() { --count; }
    };
    task<> settle(bool undisturbed) {
        CHECK(two.available() == 2);
        CHECK(one.try_lock());
        if (undisturbed) CHECK(done == 3);
        co_return;
    }
    net::async_semaphore two{2};
    net::async_mutex one;
    int inside = 0, done = 0;
};

/// Two senders and a receiver: received and left over are what was sent, in the order of each sender.
template <std::size_t Capacity>
struct values : scenario {
    using scenario::scenario;
    using value = std::unique_ptr<int>;
    static constexpr int each = 4;
    std::vector<task<>> actors() { return these(sends(0), sends(1), receives()); }
    task<> sends(std::size_t who) {
        const frame here{alive[who]};
        for (int i = 0; i < each; ++i) {
            value next = std::make_unique<int>(static_cast<int>(who) * 100 + i);
            co_await between.send(std::move(next));
            ++sent[who];
            if (who == 1) co_await yield();
        }
    }
    task<> receives() {
        const frame here{alive[2]};
        for (int i = 0; i < 2 * each; ++i) {
            const auto got = co_await between.receive();
            note(got);
            if (i % 3 == 0) co_await sleep_for(1ns);
        }
    }
    void note(const std::optional<value>& got) {
        REQUIRE((got && *got));
        const auto who = static_cast<std::size_t>(**got / 100);
        CHECK(**got % 100 == received[who]++);
    }
    task<> settle(bool undisturbed) {
        CHECK(between.size() <= Capacity);
        between.close();
        for (;;) {
            const auto got = co_await between.receive();
            if (!got) break;
            CHECK_FALSE(undisturbed);
            note(got);
        }
        CHECK(received == sent);
        if (undisturbed) CHECK(sent == std::array{each, each});
    }
    net::channel<value> between{Capacity};
    std::array<int, 2> sent{}, received{};
};

/// A signal and a remote event are remembered until a task takes them.
template <class Source>
struct outside : io_scenario {
    explicit outside(test_loop& in) : io_scenario{in}, source{in} {}
    std::vector<task<>> actors() { return these(takes(0), takes(1), causes()); }
    task<> takes(std::size_t who) {
        const frame here{alive[who]};
        co_await source.next();
        ++taken;
        heard.set();
    }
    task<> causes() {
        const frame here{alive[2]};
        for (int i = 0; i < 2; ++i) {
            co_await sleep_for(1ns);
            heard.reset();
            source.happen();
            ++happened;
            co_await heard.wait();
        }
    }
    task<> settle(bool undisturbed) {
        if (undisturbed) CHECK(taken == 2);
        if (taken < happened) {
            co_await promptly(source.next());
            ++taken;
        }
        CHECK(taken == happened);
        bool is_over = false;
        try {
            co_await promptly(source.next());
        } catch (const std::system_error& error) {
            is_over = error.code() == std::errc::timed_out;
        }
        CHECK(is_over);
    }
    Source source;
    net::async_event heard;
    int taken = 0, happened = 0;
};
struct from_a_thread {
    explicit from_a_thread(net::event_loop& loop) : event{loop} {}
    void happen() noexcept { event.set(); }
    task<> next() { co_await event.wait(); }
    net::remote_event event;
};
struct from_a_signal {
    explicit from_a_signal(net::event_loop& loop) : signals{loop, SIGUSR1, SIGUSR2} {}
    void happen() noexcept { ::raise(SIGUSR2); }
    task<> next() {
        const int number = co_await signals.next();
        CHECK(number == SIGUSR2);
    }
    net::async_signals signals;
};

// ---- Nests ---------------------------------------------------------------------------------------------

/// Everything in everything, each with a permit that must come back, and values that are received or left.
struct nests : scenario {
    using scenario::scenario;
    std::vector<task<>> actors() { return these(all(alive[0]), sends()); }
    task<> all(int& outside) {
        const frame here{outside};
        scope inside;
        const auto body = [this, &inside](net::task_group& group) -> task<> {
            const frame of_body{inside.alive};
            group.spawn(holds(inside.alive, 2ns));
            group.spawn(the_first_of_three(inside.alive));
            co_await yield();
            group.spawn(together(inside.alive));
            co_await holds(inside.alive, 1ns);
        };
        co_await net::with_group(body);
        CHECK(inside.alive == 0);
        bool was_late = false;
        try {
            co_await net::with_timeout(1ns, together(inside.alive));
        } catch (const std::system_error& error) {
            if (error.code() != std::errc::timed_out) throw;
            was_late = true;
        }
        CHECK(inside.alive == 0);
        CHECK(was_late);
        done = true;
    }
    task<> the_first_of_three(int& outside) {
        const frame here{outside};
        scope inside;
        const auto first =
            co_await net::when_any(receives(inside.alive), holds(inside.alive, 9ns), never_ends(inside.alive));
        CHECK(inside.alive == 0);
        static_cast<void>(first);
        co_await receives(inside.alive);
    }
    task<> together(int& outside) {
        const frame here{outside};
        scope inside;
        co_await net::when_all(holds(inside.alive, 1ns), in_time(inside.alive), a_group(inside.alive));
    }
    task<> in_time(int& outside) {
        const frame here{outside};
        scope inside;
        co_await net::with_timeout(50ns, holds(inside.alive, 2ns));
    }
    task<> a_group(int& outside) {
        const frame here{outside};
        scope inside;
        const auto body = [this, &inside](net::task_group& group) -> task<> {
            group.spawn(never_ends(inside.alive));
            co_await holds(inside.alive, 1ns);
            group.cancel();
        };
        co_await net::with_group(body);
    }
    task<> holds(int& outside, net::duration time) {
        const frame here{outside};
        const auto permit = co_await two.acquire();
        co_await sleep_for(time);
    }
    task<> receives(int& outside) {
        const frame here{outside};
        const auto got = co_await between.receive();
        if (got) received += *got;
    }
    task<> never_ends(int& outside) {
        const frame here{outside};
        co_await sleep_for(net::never);
    }
    task<> sends() {
        const frame here{alive[1]};
        for (int i = 1; i <= 3; ++i) {
            co_await sleep_for(1ns);
            co_await between.send(i);
            sent += i;
        }
    }
    task<> settle(bool undisturbed) {
        if (undisturbed) CHECK(done);
        CHECK(two.available() == 2);
        between.close();
        while (between.size() > 0) {
            const auto got = co_await between.receive();
            received += *got;
        }
        CHECK(received == sent);
    }
    net::async_semaphore two{2};
    net::channel<int> between{3};
    int sent = 0, received = 0;
    bool done = false;
};

// ---- Bytes ---------------------------------------------------------------------------------------------

enum class transport { unix_stream, tcp };

/// Two ends that hold little, so that who sends must wait.
template <transport Kind>
struct two_ends : io_scenario {
    explicit two_ends(test_loop& in) : io_scenario{in} {
        auto [a, b] = Kind == transport::tcp ? support::tcp_pair() : net::socket_pair();
        // The kernel makes of 1 a few KiB. TCP with so little would wait for its own timers now and then.
        const int size = Kind == transport::tcp ? 1 << 16 : 1;
        a.set_option(net::option::send_buffer{size});
        b.set_option(net::option::receive_buffer{size});
        one = net::async_stream{in, std::move(a)};
        other = net::async_stream{in, std::move(b)};
    }
    net::async_stream one, other;
};
/// Returns the bytes that are still to come, up to the end of the stream.
task<> drain(net::async_stream& from, std::string& to) {
    for (;;) {
        const auto bytes = co_await from.recv();
        if (bytes.empty()) break;
        to += net::as_text(bytes);
    }
}
bool begins_with(std::string_view all, std::string_view part) { return all.substr(0, part.size()) == part; }

enum class receiving_call { lent, into_a_buffer, exactly };

/// Bytes come in pieces, and no piece has the size that the receiver asks for.
template <transport Kind, receiving_call Call>
struct receiving : two_ends<Kind> {
    using two_ends<Kind>::two_ends;
    std::vector<task<>> actors() { return these(receives(), sends()); }
    task<> receives() {
        const frame here{this->alive[0]};
        while (received.size() < text.size()) {
            std::array<char, 8> room{};
            if constexpr (Call == receiving_call::lent) {
                const auto bytes = co_await this->other.recv();
                received += net::as_text(bytes);
            } else if constexpr (Call == receiving_call::into_a_buffer) {
                const auto size = co_await this->other.recv(room);
                received.append(room.data(), size);
            } else {
                const keeper keeps{room, received};  // what has come before it was cancelled is here
                co_await this->other.recv_exact(room);
            }
        }
    }
    struct keeper {
        std::array<char, 8>& room;
        std::string& received;
        ~keeper() {
            received.append(room.data(), static_cast<std::size_t>(std::ranges::find(room, '\0') - room.begin()));
        }
    };
    task<> sends() {
        const frame here{this->alive[1]};
        for (const std::size_t size : {3u, 10u, 1u, 10u}) {
            co_await sleep_for(1ns);
            co_await this->one.send_all(std::string_view{text}.substr(sent, size));
            sent += size;
        }
    }
    task<> settle(bool undisturbed) {
        if (undisturbed) CHECK(received == text);
        this->one.shutdown(net::shutdown_direction::send);
        co_await drain(this->other, received);
        CHECK(received == text.substr(0, sent));
    }
    const std::string text = "abcdefghijklmnopqrstuvwx";
    std::size_t sent = 0;
    std::string received;
};

/// More than the kernel takes at once. Each call of send() says what it has sent, and send_all() ends when all is sent.
template <transport Kind, bool All>
struct sending : two_ends<Kind> {
    using two_ends<Kind>::two_ends;
    std::vector<task<>> actors() { return these(sends(), receives()); }
    task<> sends() {
        const frame here{this->alive[0]};
        while (sent < text.size()) {
            const std::string_view rest = std::string_view{text}.substr(sent, text.size() / 2);
            if constexpr (All) {
                co_await this->one.send_all(rest);
                sent += rest.size();
            } else {
                sent += co_await this->one.send(rest);
            }
        }
    }
    task<> receives() {
        const frame here{this->alive[1]};
        while (received.size() < text.size()) {
            const auto bytes = co_await this->other.recv();
            received += net::as_text(bytes);
            co_await yield();
        }
    }
    task<> settle(bool undisturbed) {
        if (undisturbed) CHECK(received.size() == text.size());
        this->one.shutdown(net::shutdown_direction::send);
        co_await drain(this->other, received);
        CHECK((All ? received.size() >= sent : received.size() == sent));
        CHECK(begins_with(text, received));
    }
    const std::string text = support::pattern(Kind == transport::tcp ? 400'000 : 30'000);
    std::size_t sent = 0;
    std::string received;
};

/// An echo of lent bytes. A task that waits to send them keeps a copy, because the next receive overwrites them.
struct echoing : two_ends<transport::unix_stream> {
    explicit echoing(test_loop& in) : two_ends{in} { other.set_option(net::option::send_buffer{1}); }
    std::vector<task<>> actors() { return these(echoes(), sends(), receives()); }
    task<> echoes() {
        const frame here{alive[0]};
        for (std::size_t size = 0; size < text.size();) {
            const auto bytes = co_await other.recv();
            size += bytes.size();
            co_await other.send_all(bytes);
        }
    }
    task<> sends() {
        const frame here{alive[1]};
        co_await one.send_all(text);
    }
    task<> receives() {
        const frame here{alive[2]};
        while (received.size() < text.size()) {
            co_await sleep_for(1ns);
            const auto bytes = co_await one.recv();
            received += net::as_text(bytes);
        }
    }
    task<> settle(bool undisturbed) {
        other.shutdown(net::shutdown_direction::send);
        co_await drain(one, received);
        CHECK(begins_with(text, received));
        if (undisturbed) CHECK(received.size() == text.size());
    }
    const std::string text = support::pattern(12'000);
    std::string received;
};

/// Messages come in fragments, and answers gather: lines, a delimiter, a size.
struct messages : two_ends<transport::unix_stream> {
    explicit messages(test_loop& in) : two_ends{in} {
        other.set_option(net::option::send_buffer{1});
        buffered = net::async_buffered_stream{std::move(other), 64 * 1024, 8000};
    }
    std::vector<task<>> actors() { return these(answers(), asks(), receives()); }
    task<> answers() {
        const frame here{alive[0]};
        for (std::size_t i = 0; i < 3; ++i) {
            const auto line = co_await buffered.recv_line();
            note(line, "\n");
            const auto text = co_await buffered.recv_until("--");
            note(text, "");
            const auto word = co_await buffered.recv_exact(5);
            note(word, "");
            const std::string_view answer = std::string_view{all_answers}.substr(i * size, size);
            written += size;  // it has gathered, even if the wait that follows is cancelled
            co_await buffered.write(answer);
        }
        co_await buffered.flush();
        CHECK(buffered.unsent() == 0);
    }
    void note(const std::optional<std::string_view>& message, std::string_view end) {
        REQUIRE(message);
        read.append(*message).append(end);
    }
    task<> asks() {
        const frame here{alive[1]};
        while (asked < questions.size()) {
            const std::string_view some = questions.substr(asked, 7);
            co_await one.send_all(some);
            asked += some.size();
            co_await sleep_for(1ns);
        }
    }
    task<> receives() {
        const frame here{alive[2]};
        while (received.size() < all_answers.size()) {
            const auto bytes = co_await one.recv();
            received += net::as_text(bytes);
            co_await sleep_for(1ns);
        }
    }
    task<> settle(bool undisturbed) {
        one.shutdown(net::shutdown_direction::send);
        co_await net::when_all(goes_on(), drain(one, received));  // what had gathered goes out
        CHECK(read == questions.substr(0, asked));
        CHECK((received == all_answers.substr(0, written)));
        if (undisturbed) CHECK((asked == questions.size() && written == all_answers.size()));
    }
    task<> goes_on() {
        const std::size_t rest = asked - read.size();  // what was received and is no message yet, too
        if (rest > 0) {
            const auto bytes = co_await buffered.recv_exact(rest);
            note(bytes, "");
        }
        const auto end = co_await buffered.recv_line();
        CHECK_FALSE(end);
        co_await buffered.flush();
        buffered.stream().shutdown(net::shutdown_direction::send);
    }
    net::async_buffered_stream buffered;
    static constexpr std::size_t size = 15'000;  // more than the kernel takes at once, and than may gather
    const std::string all_answers = support::pattern(3 * size);
    const std::string_view questions = "one\ntwo--three1\n--five.a line\nmore--12345";
    std::string read, received;
    std::size_t asked = 0, written = 0;
};

// ---- Connections, datagrams, descriptors ---------------------------------------------------------------

/// Its port is taken, and refuses.
net::socket bound_and_no_more() {
    net::socket made{net::address_family::inet, net::socket_type::stream};
    made.bind(net::endpoint{net::ipv4_address::loopback(), 0});
    return made;
}

/// A connected client is accepted, or waits in the queue.
struct connections : io_scenario {
    explicit connections(test_loop& in)
        : io_scenario{in}, listener{in, support::listening(net::ipv4_address::loopback())} {}
    std::vector<task<>> actors() { return these(accepts(), connects(1), connects(2), connects_after_a_refusal()); }
    task<> accepts() {
        const frame here{alive[0]};
        for (int i = 0; i < 3; ++i) {
            auto next = co_await listener.accept();
            accepted.push_back(next.peer);
            streams.push_back(std::move(next.stream));
        }
    }
    task<> connects(std::size_t who) {
        const frame here{alive[who]};
        co_await sleep_for(net::duration{who});
        auto stream = co_await net::async_stream::connect(listener.local_endpoint());
        connected.push_back(stream.local_endpoint());
        streams.push_back(std::move(stream));
    }
    task<> connects_after_a_refusal() {
        const frame here{alive[3]};
        const std::vector<net::endpoint> both{nobody.local_endpoint().ip(), listener.local_endpoint().ip()};
        auto stream = co_await net::async_connect(both);
        connected.push_back(stream.local_endpoint());
        streams.push_back(std::move(stream));
    }
    task<> settle(bool undisturbed) {
        if (undisturbed) CHECK(accepted.size() == 3);
        for (const net::socket_address& each : connected)
            while (std::ranges::find(accepted, each) == accepted.end()) co_await promptly(accepts_one());
    }
    task<> accepts_one() {
        auto next = co_await listener.accept();
        accepted.push_back(next.peer);
    }
    net::async_listener listener;
    const net::socket nobody = bound_and_no_more();
    std::vector<net::socket_address> accepted, connected;
    std::vector<net::async_stream> streams;
};

/// Datagrams of a machine's own sockets wait for room at the receiver, and no datagram is lost on the way.
struct datagrams : io_scenario {
    explicit datagrams(test_loop& in) : io_scenario{in} {
        net::socket a{net::address_family::local, net::socket_type::datagram};
        net::socket b{net::address_family::local, net::socket_type::datagram};
        b.bind(net::unix_endpoint::abstract(net::detail::joined("netnotes cancellation ", std::to_string(::getpid()))));
        where = b.local_endpoint();
        from = net::async_datagram{in, std::move(a)};
        to = net::async_datagram{in, std::move(b)};
    }
    std::vector<task<>> actors() { return these(sends(), receives()); }
    task<> sends() {
        const frame here{alive[0]};
        for (int i = 0; i < count; ++i) {
            const std::string text = std::to_string(i);
            co_await from.send_to(text, where);
            ++sent;
        }
    }
    task<> receives() {
        const frame here{alive[1]};
        co_await sleep_for(2 * tick);
        while (received < count) co_await receives_one();
    }
    task<> receives_one() {
        std::array<char, 8> room{};
        const auto got = co_await to.recv_from(room);
        CHECK(net::as_text(got.bytes) == std::to_string(received));
        ++received;
    }
    task<> settle(bool undisturbed) {
        if (undisturbed) CHECK(received == count);
        while (received < sent) co_await promptly(receives_one());
        CHECK(received == sent);
    }
    static constexpr net::duration tick = 1ms;  // a task that waits for room tries again each 5 ms
    static constexpr int count = 30;            // the queue holds eleven unless the administrator has said otherwise
    net::socket_address where;
    net::async_datagram from, to;
    int sent = 0, received = 0;
};

/// A pipe, with the calls of the system.
struct pipe_ends : io_scenario {
    explicit pipe_ends(test_loop& in) : io_scenario{in} {
        REQUIRE(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == 0);
        ::fcntl(ends[1], F_SETPIPE_SZ, 4096);
        in_end = std::make_unique<net::async_descriptor>(in, ends[0]);
        out_end = std::make_unique<net::async_descriptor>(in, ends[1]);
    }
    ~pipe_ends() {
        in_end.reset();
        out_end.reset();
        ::close(ends[0]);
        ::close(ends[1]);
    }
    std::vector<task<>> actors() { return these(writes(), reads()); }
    task<> writes() {
        const frame here{alive[0]};
        while (written < text.size()) {
            const auto size = ::write(ends[1], text.data() + written, text.size() - written);
            if (size > 0)
                written += static_cast<std::size_t>(size);
            else
                co_await out_end->writable();
        }
    }
    void read_all() {
        std::array<char, 1500> room{};
        for (ssize_t size = 0; (size = ::read(ends[0], room.data(), room.size())) > 0;)
            received.append(room.data(), static_cast<std::size_t>(size));
    }
    task<> reads() {
        const frame here{alive[1]};
        while (received.size() < text.size()) {
            co_await in_end->readable();
            read_all();
        }
    }
    task<> settle(bool undisturbed) {
        if (undisturbed) CHECK(received.size() == text.size());
        read_all();
        CHECK((received == text.substr(0, written)));
        co_return;
    }
    const std::string text = support::pattern(20'000);
    std::array<int, 2> ends{};
    std::unique_ptr<net::async_descriptor> in_end, out_end;
    std::size_t written = 0;
    std::string received;
};

/// A server with a limit of connections, an idle timeout for each, and everything that comes with it.
struct server : io_scenario {
    explicit server(test_loop& in) : io_scenario{in}, listener{in, support::listening(net::ipv4_address::loopback())} {}
    std::vector<task<>> actors() { return these(serves(), talks(1, 2ns), talks(2, 9ns)); }
    task<> serves() {
        const frame here{alive[0]};
        scope inside;
        const auto body = [this, &inside](net::task_group& group) -> task<> {
            for (int i = 0; i < 2; ++i) {
                auto permit = co_await limit.acquire();
                auto next = co_await listener.accept();
                group.spawn(serves_one(inside.alive, std::move(next.stream), std::move(permit)));
            }
        };
        co_await net::with_group(body);
    }
    task<> serves_one(int& outside, net::async_stream client, net::async_semaphore::permit) {
        const frame here{outside};
        client.set_timeout(5ns);
        try {
            for (;;) {
                const auto bytes = co_await client.recv();
                if (bytes.empty()) break;
                co_await client.send_all(bytes);
            }
        } catch (const std::system_error& error) {
            if (error.code() != std::errc::timed_out) throw;
        }
    }
    task<> talks(std::size_t who, net::duration thinks) {
        const frame here{alive[who]};
        auto stream = co_await net::async_stream::connect(listener.local_endpoint());
        co_await sleep_for(thinks);
        try {
            co_await stream.send_all("hello");
            const auto bytes = co_await stream.recv();
            CHECK(begins_with("hello", net::as_text(bytes)));
        } catch (const std::system_error&) {
        }
        ++talked;
    }
    task<> settle(bool undisturbed) {
        CHECK(limit.available() == 1);
        if (undisturbed) CHECK(talked == 2);
        co_return;
    }
    net::async_listener listener;
    net::async_semaphore limit{1};
    int talked = 0;
};

}  // namespace

TEST_CASE("turns and time, cancelled everywhere") { cancel_everywhere<turns_and_time>(); }
TEST_CASE("a join, cancelled everywhere") { cancel_everywhere<joining>(); }
TEST_CASE("an event, cancelled everywhere") { cancel_everywhere<events>(); }
TEST_CASE("a semaphore and a mutex, cancelled everywhere") { cancel_everywhere<permits>(); }
TEST_CASE("a channel, cancelled everywhere") {
    cancel_everywhere<values<0>>();
    cancel_everywhere<values<1>>();
    cancel_everywhere<values<3>>();
}
TEST_CASE("what comes from outside, cancelled everywhere") {
    cancel_everywhere<outside<from_a_thread>>();
    cancel_everywhere<outside<from_a_signal>>();
}
TEST_CASE("groups, when_all, when_any and timeouts in one another, cancelled everywhere") {
    cancel_everywhere<nests>();
}
TEST_CASE("receiving, cancelled everywhere") {
    cancel_everywhere<receiving<transport::unix_stream, receiving_call::lent>>();
    cancel_everywhere<receiving<transport::unix_stream, receiving_call::into_a_buffer>>();
    cancel_everywhere<receiving<transport::unix_stream, receiving_call::exactly>>();
    cancel_everywhere<receiving<transport::tcp, receiving_call::lent>>();
    cancel_everywhere<receiving<transport::tcp, receiving_call::exactly>>();
}
TEST_CASE("sending, cancelled everywhere") {
    cancel_everywhere<sending<transport::unix_stream, false>>();
    cancel_everywhere<sending<transport::unix_stream, true>>();
    cancel_everywhere<sending<transport::tcp, true>>();
}
TEST_CASE("an echo of lent bytes, cancelled everywhere") { cancel_everywhere<echoing>(); }
TEST_CASE("messages through buffers, cancelled everywhere") { cancel_everywhere<messages>(); }
TEST_CASE("connecting and accepting, cancelled everywhere") { cancel_everywhere<connections>(); }
TEST_CASE("datagrams, cancelled everywhere") { cancel_everywhere<datagrams>(); }
TEST_CASE("the two ends of a pipe, cancelled everywhere") { cancel_everywhere<pipe_ends>(); }
TEST_CASE("a server of many parts, cancelled everywhere") { cancel_everywhere<server>(); }

TEST_CASE("a task that is woken by a signal has it, even if another signal comes before the task is resumed") {
    const auto body = [](net::event_loop& loop) -> net::task<> {
        net::async_signals signals{loop, SIGUSR1};
        net::async_event now;
        const auto first = [](net::async_signals& from) -> net::task<int> { co_return co_await from.next(); };
        const auto second = [](net::async_signals& from, net::async_event& when) -> net::task<int> {
            co_await when.wait();
            co_return co_await from.next();
        };
        auto waits = net::spawn(first(signals));
        auto comes = net::spawn(second(signals, now));
        for (int i = 0; i < 3; ++i) co_await yield();
        loop.post([&now] { now.set(); });  // so the second goes on first, in the turn in which the signal is heard
        ::raise(SIGUSR1);
        const int number = co_await waits.join();
        CHECK(number == SIGUSR1);
        for (int i = 0; i < 3; ++i) co_await yield();
        CHECK_FALSE(comes.has_ended());
        ::raise(SIGUSR1);
        const int next = co_await comes.join();
        CHECK(next == SIGUSR1);
    };
    test_loop loop{{.virtual_time = true}};
    loop.run(body(loop));
}
