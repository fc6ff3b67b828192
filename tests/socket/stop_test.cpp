// What socket/stop.hpp promises: a wait that can be ended, by another thread and by a signal.

#include <netnotes/socket/stop.hpp>

#include "../support.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

using support::background;
using support::open_descriptors;

namespace {

/// Waits for the event as poll(2) does; for ever, unless said otherwise.
bool is_readable(const net::stop_event& event, int milliseconds) {
    pollfd watched{event.native_handle(), POLLIN, 0};
    int ready = 0;
    while ((ready = ::poll(&watched, 1, milliseconds)) < 0 && errno == EINTR) {
    }
    return ready == 1 && watched.revents == POLLIN;
}

volatile std::sig_atomic_t own_handler_ran = 0;
void own_handler(int, siginfo_t*, void*) { own_handler_ran = own_handler_ran + 1; }

/// Puts a handler of the test's in place, and back what was there before.
class own_action {
  public:
    explicit own_action(int signal) : signal_{signal} {
        own_handler_ran = 0;
        struct sigaction action {};
        action.sa_sigaction = own_handler;
        action.sa_flags = SA_SIGINFO | SA_RESTART;
        ::sigemptyset(&action.sa_mask);
        ::sigaddset(&action.sa_mask, SIGUSR2);
        ::sigaction(signal, &action, &before_);
    }
    own_action(const own_action&) = delete;
    own_action& operator=(const own_action&) = delete;
    ~own_action() { ::sigaction(signal_, &before_, nullptr); }
    [[nodiscard]] bool is_in_force() const {
        struct sigaction now {};
        ::sigaction(signal_, nullptr, &now);
        return now.sa_sigaction == own_handler && (now.sa_flags & SA_SIGINFO) != 0 &&
               (now.sa_flags & SA_RESTART) != 0 && ::sigismember(&now.sa_mask, SIGUSR2) == 1;
    }

  private:
    int signal_;
    struct sigaction before_ {};
};

}  // namespace

static_assert(!std::is_copy_constructible_v<net::stop_event> && !std::is_move_constructible_v<net::stop_event>,
              "a waiting call holds its address");
static_assert(!std::is_copy_constructible_v<net::stop_on_signals>);
static_assert(noexcept(std::declval<net::stop_event&>().request_stop()));

// ---- stop_event ----------------------------------------------------------------------------------------

TEST_CASE("a stop event is quiet until a stop is requested") {
    const net::stop_event event;
    CHECK_FALSE(event.stop_requested());
    CHECK_FALSE(is_readable(event, 0));
}

TEST_CASE("a stop event holds one descriptor that no other program inherits") {
    const auto before = open_descriptors();
    {
        const net::stop_event event;
        CHECK(open_descriptors() == before + 1);
        CHECK((::fcntl(event.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("a stop requested by another thread ends a wait") {
    net::stop_event event;
    background waiting{[&] { return is_readable(event, -1); }};
    waiting.await_waiting();
    event.request_stop();
    CHECK(waiting.get());
    CHECK(event.stop_requested());
}

TEST_CASE("a wait after the request ends at once, and every time") {
    net::stop_event event;
    event.request_stop();
    for (int i = 0; i < 3; ++i) CHECK(is_readable(event, -1));
    background later{[&] { return is_readable(event, -1); }};
    CHECK(later.get());
}

TEST_CASE("one request wakes all who wait") {
    net::stop_event event;
    background first{[&] { return is_readable(event, -1); }};
    background second{[&] { return is_readable(event, -1); }};
    first.await_waiting();
    second.await_waiting();
    event.request_stop();
    CHECK(first.get());
    CHECK(second.get());
}

TEST_CASE("a stop may be requested many times and by several threads at once") {
    net::stop_event event;
    const auto request_often = [&] {
        for (int i = 0; i < 1000; ++i) event.request_stop();
    };
    background first{request_often};
    background second{request_often};
    request_often();
    first.get();
    second.get();
    CHECK(event.stop_requested());
    CHECK(is_readable(event, 0));
}

TEST_CASE("what was written before the request is seen by the thread that was stopped") {
    net::stop_event event;
    int last_words = 0;  // plain: it is the request that orders the two threads, and ThreadSanitizer looks on
    background stopped{[&] {
        while (!event.stop_requested()) std::this_thread::yield();
        return last_words;
    }};
    last_words = 42;
    event.request_stop();
    CHECK(stopped.get() == 42);
}

TEST_CASE("a request does not block when the counter is full and errno stays as it was") {
    net::stop_event event;
    const std::uint64_t most = 0xffff'ffff'ffff'fffe;  // eventfd(2): one more would have to wait
    REQUIRE(::write(event.native_handle(), &most, sizeof most) == sizeof most);
    errno = EDOM;
    event.request_stop();  // its write() fails with EAGAIN
    CHECK(errno == EDOM);
    CHECK(event.stop_requested());
    CHECK(is_readable(event, 0));
}

// ---- after a fork --------------------------------------------------------------------------------------

namespace {
/// What a child made by fork(2) answers: true or false. It exits without a word of Catch2's.
template <class Call>
bool in_a_child(Call call) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(call() ? 0 : 1);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
/// What forking_server does in a child.
void become_own(const net::stop_event& event) {
    event.become_own_after_fork();
    net::stop_on_signals::in_child(event);
}
}  // namespace

TEST_CASE("the event of a child is its own and wakes nobody in its parent") {
    net::stop_event event;
    CHECK(in_a_child([&] {
        const int number = event.native_handle();
        const auto before = open_descriptors();
        event.become_own_after_fork();
        if (event.native_handle() != number || open_descriptors() != before || is_readable(event, 0)) return false;
        if ((::fcntl(number, F_GETFD) & FD_CLOEXEC) == 0) return false;
        event.request_stop();
        return is_readable(event, 0) && event.stop_requested();
    }));
    CHECK_FALSE(event.stop_requested());
    CHECK_FALSE(is_readable(event, 0));
}

TEST_CASE("the parent's request wakes nobody in a child that has an event of its own") {
    net::stop_event event;
    int own[2], asked[2];
    REQUIRE(::pipe2(own, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(asked, O_CLOEXEC) == 0);
    const auto await = [](int descriptor) {
        char c = 0;
        return ::read(descriptor, &c, 1) == 1;
    };
    background parent{[&] {
        const bool heard = await(own[0]);
        event.request_stop();
        return heard && ::write(asked[1], "x", 1) == 1;
    }};
    CHECK(in_a_child([&] {
        event.become_own_after_fork();
        return ::write(own[1], "x", 1) == 1 && await(asked[0]) && !event.stop_requested() && !is_readable(event, 0);
    }));
    CHECK(parent.get());
    for (const int descriptor : {own[0], own[1], asked[0], asked[1]}) ::close(descriptor);
}

TEST_CASE("a stop requested before the fork is requested in the child") {
    net::stop_event event;
    event.request_stop();
    CHECK(in_a_child([&] {
        event.become_own_after_fork();
        return event.stop_requested() && is_readable(event, 0);
    }));
}

TEST_CASE("a child is stopped by SIGTERM whatever its parent has made of the signal") {
    for (void (*const handling)(int) : {SIG_DFL, SIG_IGN}) {
        void (*const before)(int) = std::signal(SIGTERM, handling);
        const net::stop_event event;  // const: in the parent nobody requests it
        CHECK(in_a_child([&] {
            become_own(event);
            ::raise(SIGTERM);
            return event.stop_requested() && is_readable(event, 0);
        }));
        CHECK_FALSE(event.stop_requested());
        std::signal(SIGTERM, before);
    }
    // Signals stop one event in the parent, and in the child the event that the child named.
    net::stop_event of_parent, of_child;
    const net::stop_on_signals on_signals{of_parent};
    CHECK(in_a_child([&] {
        become_own(of_child);
        ::raise(SIGTERM);
        return of_child.stop_requested() && !of_parent.stop_requested();
    }));
    CHECK_FALSE(is_readable(of_parent, 0));
}

TEST_CASE("a child is stopped by SIGINT unless the program has other plans for it") {
    net::stop_event event;
    CHECK(in_a_child([&] {
        std::signal(SIGINT, SIG_DFL);
        become_own(event);
        ::raise(SIGINT);
        return event.stop_requested();
    }));
    CHECK(in_a_child([&] {
        std::signal(SIGINT, SIG_IGN);
        become_own(event);
        ::raise(SIGINT);
        return !event.stop_requested();
    }));
    const own_action own{SIGINT};
    CHECK(in_a_child([&] {
        become_own(event);
        ::raise(SIGINT);
        return !event.stop_requested() && own_handler_ran == 1 && own.is_in_force();
    }));
}

// ---- stop_on_signals -----------------------------------------------------------------------------------

TEST_CASE("SIGINT and SIGTERM request a stop") {
    for (const int signal : {SIGINT, SIGTERM}) {
        INFO("signal " << signal);
        net::stop_event event;
        const net::stop_on_signals on_signals{event};
        CHECK_FALSE(event.stop_requested());
        REQUIRE(::raise(signal) == 0);  // raise() returns when the handler has
        CHECK(event.stop_requested());
        CHECK(is_readable(event, -1));
        REQUIRE(::raise(signal) == 0);  // the impatient user
        CHECK(is_readable(event, -1));
    }
}

TEST_CASE("a signal from outside ends the wait") {
    net::stop_event event;
    const net::stop_on_signals on_signals{event};
    background waiting{[&] { return is_readable(event, -1); }};
    waiting.await_waiting();
    REQUIRE(::kill(::getpid(), SIGTERM) == 0);
    CHECK(waiting.get());
    CHECK(event.stop_requested());
}

TEST_CASE("the handler leaves errno as the interrupted code had it") {
    net::stop_event event;
    const net::stop_on_signals on_signals{event};
    const std::uint64_t most = 0xffff'ffff'ffff'fffe;  // so that the write in the handler fails
    REQUIRE(::write(event.native_handle(), &most, sizeof most) == sizeof most);
    errno = EDOM;
    ::raise(SIGTERM);
    CHECK(errno == EDOM);
    CHECK(event.stop_requested());
}

TEST_CASE("a program that waits for its user in read comes out of it") {
    net::stop_event event;
    const net::stop_on_signals on_signals{event};
    int keyboard[2];
    REQUIRE(::pipe2(keyboard, O_CLOEXEC) == 0);
    background reading{[&] {
        char letter = 0;
        return ::read(keyboard[0], &letter, 1) < 0 ? errno : 0;
    }};
    reading.await_waiting();
    // Again and again, so that it does not matter if the first one comes before read() has begun.
    while (!reading.has_ended()) {
        ::pthread_kill(reading.native_handle(), SIGINT);
        std::this_thread::yield();
    }
    CHECK(event.stop_requested());
    CHECK(reading.get() == EINTR);
    ::close(keyboard[0]);
    ::close(keyboard[1]);
}

TEST_CASE("the handlers from before are put back as they were") {
    for (const int signal : {SIGINT, SIGTERM}) {
        INFO("signal " << signal);
        const own_action own{signal};
        net::stop_event event;
        {
            const net::stop_on_signals on_signals{event};
            CHECK_FALSE(own.is_in_force());
        }
        CHECK(own.is_in_force());
        ::raise(signal);
        CHECK(own_handler_ran == 1);
        CHECK_FALSE(event.stop_requested());
    }
}

TEST_CASE("a signal that was ignored is heeded and then ignored again") {
    void (*const before)(int) = std::signal(SIGINT, SIG_IGN);  // as for what a shell starts with &
    {
        net::stop_event event;
        const net::stop_on_signals on_signals{event};
        ::raise(SIGINT);
        CHECK(event.stop_requested());
    }
    CHECK(::raise(SIGINT) == 0);
    CHECK(std::signal(SIGINT, before) == SIG_IGN);
}

TEST_CASE("a second stop on signals is a mistake and leaves the first at work") {
    net::stop_event first_event, second_event;
    std::optional<net::stop_on_signals> first{first_event};
    CHECK_THROWS_AS(net::stop_on_signals{second_event}, std::logic_error);
    ::raise(SIGTERM);
    CHECK(first_event.stop_requested());
    CHECK_FALSE(second_event.stop_requested());
    first.reset();
    const net::stop_on_signals second{second_event};  // one after the other is no mistake
    ::raise(SIGTERM);
    CHECK(second_event.stop_requested());
}
