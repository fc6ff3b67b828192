// What server/blocking.hpp promises: servers that outlive their clients, one at a time, in processes, in threads.

#include <netnotes/server.hpp>

#include "../support.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <functional>
#include <iterator>
#include <list>
#include <mutex>
#include <optional>

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using support::background;
using support::failure_of;
using support::loopbacks;
using support::open_descriptors;
using support::pattern;

namespace {


const net::endpoint anywhere_on_loopback{net::ipv4_address::loopback(), 0};

std::string receive_all(net::tcp_stream& from) {
    std::string all;
    char buffer[4096];
    while (const std::size_t size = from.recv(buffer)) all.append(buffer, size);
    return all;
}
std::string receive_some(net::tcp_stream& from) {
    char buffer[4096];
    return {buffer, from.recv(buffer)};
}
/// How the stream ends.
std::error_code end_of(net::tcp_stream& from) {
    std::error_code error;
    char buffer[4096];
    while (from.recv(buffer, error) > 0) continue;
    return error;
}
void reset(net::tcp_stream& connection) {
    connection.set_option(net::option::linger{0s});
    connection.close();
}

/// What one thread tells and another waits for, one word at a time.
class story {
  public:
    void tell(std::string word) {
        const std::lock_guard lock{mutex_};
        words_.push_back(std::move(word));
        told_.notify_all();
    }
    /// Waits for as many words and returns those; more may have been told by then.
    std::vector<std::string> first(std::size_t count) {
        std::unique_lock lock{mutex_};
        told_.wait(lock, [&] { return words_.size() >= count; });
        return {words_.begin(), std::next(words_.begin(), static_cast<std::ptrdiff_t>(count))};
    }
    std::size_t size() {
        const std::lock_guard lock{mutex_};
        return words_.size();
    }

  private:
    std::mutex mutex_;
    std::condition_variable told_;
    std::list<std::string> words_;
};
using words = std::vector<std::string>;

/// Takes every descriptor that this process may have, so that the next accept() has none. What happens meanwhile is
/// looked at afterwards: UBSan needs a descriptor to look at an object of a class that it has not met before, and
/// Catch2's assertions are full of them.
class no_descriptors_left {
  public:
    no_descriptors_left() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        struct rlimit few = before_;
        few.rlim_cur = static_cast<rlim_t>(open_descriptors()) + 16;  // few to take, and room for those in use
        ::setrlimit(RLIMIT_NOFILE, &few);
        for (int next; (next = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) taken_.push_back(next);
    }
    no_descriptors_left(const no_descriptors_left&) = delete;
    no_descriptors_left& operator=(const no_descriptors_left&) = delete;
    ~no_descriptors_left() {
        while (!taken_.empty()) give_back_one();
        ::setrlimit(RLIMIT_NOFILE, &before_);
    }
    void give_back_one() {
        ::close(taken_.back());
        taken_.pop_back();
    }

  private:
    struct rlimit before_ {};
    std::vector<int> taken_;
};

}  // namespace

// ---- Servers of one process ----------------------------------------------------------------------------

namespace {
struct one_at_a_time {
    template <class Handler>
    static void serve(net::tcp_listener listener, Handler handler, const net::stop_event& stop) {
        net::iterative_server{std::move(listener), std::move(handler)}.run(stop);
    }
};
struct in_threads {
    template <class Handler>
    static void serve(net::tcp_listener listener, Handler handler, const net::stop_event& stop) {
        net::threaded_server{std::move(listener), std::move(handler)}.run(stop);
    }
};
struct in_many_threads {
    template <class Handler>
    static void serve(net::tcp_listener listener, Handler handler, const net::stop_event& stop) {
        net::threaded_server{std::move(listener), std::move(handler), {.max_threads = 300}}.run(stop);
    }
};
/// No more than two clients at a time.
struct in_two_threads {
    template <class Handler>
    static void serve(net::tcp_listener listener, Handler handler, const net::stop_event& stop) {
        net::threaded_server{std::move(listener), std::move(handler), {.max_threads = 2}}.run(stop);
    }
};

/// A server in a thread of its own, until the end of the scope.
template <class Model>
class running {
  public:
    template <class Handler>
    explicit running(Model, Handler handler, net::tcp_listener listener = net::tcp_listener{anywhere_on_loopback})
        : where_{listener.local_endpoint()},
          serve_{[this, handler = std::move(handler)] { Model::serve(std::move(listener_), handler, stop_); }},
          listener_{std::move(listener)},
          thread_{std::in_place, [this] { serve_(); }} {}
    ~running() { stop(); }
    [[nodiscard]] net::tcp_stream client() const { return net::tcp_stream{where_}; }
    [[nodiscard]] const net::endpoint& where() const { return where_; }
    auto& thread() { return *thread_; }
    /// Asks it to stop, and returns when it has.
    void stop() {
        stop_.request_stop();
        if (!std::exchange(stopped_, true)) thread_->get();
    }

  private:
    net::endpoint where_;
    net::stop_event stop_;
    bool stopped_ = false;
    std::function<void()> serve_;
    net::tcp_listener listener_;
    std::optional<background<std::function<void()>>> thread_;
};

void echo(net::tcp_stream& stream, const net::endpoint&) {
    char buffer[4096];
    while (const std::size_t size = stream.recv(buffer)) stream.send_all(std::span{buffer}.first(size));
}
std::string echo_of(net::tcp_stream& client, std::string_view text) {
    client.send_all(text);
    client.shutdown(net::shutdown_direction::send);
    return receive_all(client);
}
}  // namespace

TEMPLATE_TEST_CASE("a server serves one client after another", "", one_at_a_time, in_threads, in_two_threads) {
    for (const net::ip_address& address : loopbacks()) {
        const auto before = open_descriptors();
        {
            running server{TestType{}, echo, net::tcp_listener{{address, 0}}};
            for (int i = 0; i < 20; ++i) {  // more than two: a thread that has ended makes room
                net::tcp_stream client = server.client();
                CHECK(echo_of(client, "client " + std::to_string(i)) == "client " + std::to_string(i));
            }
        }
        CHECK(open_descriptors() == before);
    }
}

TEMPLATE_TEST_CASE("the handler is told who calls and its stream is closed when it returns", "", one_at_a_time,
                   in_threads) {
    story told;
    running server{TestType{}, [&](net::tcp_stream& stream, const net::endpoint& peer) {
                       told.tell(peer.to_string());
                       stream.send_all("x");
                   }};
    net::tcp_stream client = server.client();
    CHECK(receive_all(client) == "x");
    CHECK(told.first(1)[0] == client.local_endpoint().to_string());
}

TEST_CASE("a client who has to wait is already connected and its bytes wait with it") {
    story told;
    running server{one_at_a_time{},
                   [&](net::tcp_stream& stream, const net::endpoint&) { told.tell(receive_all(stream)); }};
    net::tcp_stream first = server.client();
    server.thread().await_waiting();
    net::tcp_stream second = server.client();
    second.send_all("second");
    second.shutdown(net::shutdown_direction::send);
    first.send_all("first");
    CHECK(told.size() == 0);  // whoever sent first: it is the first who is served
    first.close();
    CHECK(told.first(2) == words{"first", "second"});
}

TEMPLATE_TEST_CASE("what happens to one client does not disturb the next", "", one_at_a_time, in_threads) {
    struct handler {
        story& told;
        void operator()(net::tcp_stream& stream, const net::endpoint&) const {
            const std::string text = receive_some(stream);
            if (text == "throw") throw std::runtime_error{"the handler's own"};
            if (text == "throw 42") throw 42;
            stream.send_all(text);
            told.tell(receive_all(stream));
        }
        void on_error(const net::endpoint& peer, const std::exception& error) const {
            told.tell(peer.to_string() + ' ' + error.what());
        }
    };
    story told;
    running server{TestType{}, handler{told}};

    net::tcp_stream thrower = server.client();
    const std::string thrower_name = thrower.local_endpoint().to_string();
    thrower.send_all("throw");
    CHECK(receive_all(thrower).empty());  // its stream was closed, in order
    CHECK(told.first(1)[0] == thrower_name + " the handler's own");

    net::tcp_stream odd_thrower = server.client();
    const std::string odd_name = odd_thrower.local_endpoint().to_string();
    odd_thrower.send_all("throw 42");
    CHECK(receive_all(odd_thrower).empty());
    CHECK(told.first(2)[1] == odd_name + " the handler threw an object that is not a std::exception");

    net::tcp_stream resetter = server.client();
    const std::string resetter_name = resetter.local_endpoint().to_string();
    resetter.send_all("x");
    CHECK(receive_some(resetter) == "x");
    reset(resetter);
    const std::string report = told.first(3)[2];
    CHECK_THAT(report, StartsWith(resetter_name + " recv from "));
    CHECK_THAT(report, ContainsSubstring("Connection reset by peer"));

    net::tcp_stream gone = server.client();  // resets before it is accepted, or after; both end the same way
    reset(gone);

    net::tcp_stream good = server.client();
    good.send_all("good");
    CHECK(receive_some(good) == "good");
}

TEMPLATE_TEST_CASE("a handler that is not interested in errors need not hear of them", "", one_at_a_time, in_threads) {
    running server{TestType{}, [](net::tcp_stream&, const net::endpoint&) { throw std::runtime_error{"unheard"}; }};
    for (int i = 0; i < 3; ++i) {
        net::tcp_stream client = server.client();
        CHECK(receive_all(client).empty());
    }
}

TEMPLATE_TEST_CASE("a stop ends a server that has nothing to do and is no error", "", one_at_a_time, in_threads) {
    struct handler {
        story& told;
        void operator()(net::tcp_stream& stream, const net::endpoint& peer) const { echo(stream, peer); }
        void on_accept_error(std::error_code why) const { told.tell(why.message()); }
    };
    story told;
    running server{TestType{}, handler{told}};
    server.thread().await_waiting();
    server.stop();
    CHECK(told.size() == 0);
}

TEST_CASE("a server whose listener does not listen says so") {
    const net::stop_event stop;
    net::iterative_server closed{net::tcp_listener{}, echo};
    CHECK(failure_of([&] { closed.run(stop); }).code == std::errc::bad_file_descriptor);
    // A listener that another thread has shut down. No client would ever come, so to try for ever would be no answer.
    net::tcp_listener deaf{anywhere_on_loopback};
    ::shutdown(deaf.native_handle(), SHUT_RDWR);
    net::iterative_server server{std::move(deaf), echo};
    CHECK(failure_of([&] { server.run(stop); }).what == "accept: Invalid argument");
}

TEMPLATE_TEST_CASE("a listener that would not wait makes a server that does", "", one_at_a_time, in_threads) {
    net::tcp_listener impatient{anywhere_on_loopback}, restless{anywhere_on_loopback};
    impatient.set_timeout(0s);
    restless.set_blocking(false);
    for (net::tcp_listener* const listener : {&impatient, &restless}) {
        running server{TestType{}, echo, std::move(*listener)};
        net::tcp_stream client = server.client();
        client.send_all("x");
        CHECK(receive_some(client) == "x");
        server.thread().await_waiting();
        CHECK(echo_of(client, "y") == "y");
    }
}

TEST_CASE("a server of processes or threads whose listener does not listen says so") {
    const net::stop_event stop;
    const auto deaf = [] {
        net::tcp_listener listener{anywhere_on_loopback};
        ::shutdown(listener.native_handle(), SHUT_RDWR);
        return listener;
    };
    CHECK(failure_of([&] {
              net::threaded_server{net::tcp_listener{}, echo}.run(stop);
          }).code == std::errc::bad_file_descriptor);
    CHECK(failure_of([&] {
              net::forking_server{net::tcp_listener{}, echo}.run(stop);
          }).code == std::errc::bad_file_descriptor);
    CHECK(failure_of([&] { net::threaded_server{deaf(), echo}.run(stop); }).what == "accept: Invalid argument");
    CHECK(failure_of([&] { net::forking_server{deaf(), echo}.run(stop); }).what == "accept: Invalid argument");
}

TEST_CASE("a server that may serve nobody is refused") {
    CHECK_THROWS_AS((net::forking_server{net::tcp_listener{anywhere_on_loopback}, echo, {.max_children = 0}}),
                    std::invalid_argument);
    CHECK_THROWS_AS((net::threaded_server{net::tcp_listener{anywhere_on_loopback}, echo, {.max_threads = 0}}),
                    std::invalid_argument);
}

TEST_CASE("a stop that was requested before ends a server at once") {
    net::stop_event stop;
    stop.request_stop();
    net::tcp_listener listener{anywhere_on_loopback};
    const net::tcp_stream waiting{listener.local_endpoint()};
    int served = 0;
    net::iterative_server server{std::move(listener), [&](net::tcp_stream&, const net::endpoint&) { ++served; }};
    server.run(stop);
    CHECK(served == 0);
}

TEMPLATE_TEST_CASE("a stop ends the wait for a client who says nothing and is no error", "", one_at_a_time,
                   in_threads) {
    struct handler {
        story& told;
        void operator()(net::tcp_stream& stream, const net::endpoint&) const {
            told.tell("serving");
            try {
                receive_all(stream);
            } catch (const std::system_error& error) {
                told.tell(error.code().message());
                throw;
            }
        }
        void on_error(const net::endpoint&, const std::exception&) const { told.tell("reported"); }
    };
    story told;
    running server{TestType{}, handler{told}};
    net::tcp_stream silent = server.client();
    told.first(1);
    server.thread().await_waiting();
    server.stop();
    CHECK(told.first(2) == words{"serving", "Operation canceled"});
    CHECK(receive_all(silent).empty());
}

TEMPLATE_TEST_CASE("a stop ends the service of a client who never stops sending", "", one_at_a_time, in_threads) {
    story told;
    running server{TestType{}, [&](net::tcp_stream& stream, const net::endpoint&) {
                       char buffer[512];
                       for (bool first = true; stream.recv(buffer) > 0; first = false)
                           if (first) told.tell("serving");
                   }};
    net::tcp_stream client = server.client();
    background sending{[&] {
        const std::string bytes = pattern(64 * 1024);
        std::error_code error;
        while (!error) client.send_all(bytes, error);  // until the server is gone
        return error;
    }};
    told.first(1);
    server.stop();
    const std::error_code error = sending.get();
    CHECK((error == std::errc::connection_reset || error == std::errc::broken_pipe));
}

TEMPLATE_TEST_CASE("a stop ends the service of a client who never reads", "", one_at_a_time, in_threads) {
    running server{TestType{},
                   [&](net::tcp_stream& stream, const net::endpoint&) { stream.send_all(pattern(64 << 20)); }};
    net::tcp_stream client = server.client();
    CHECK_FALSE(receive_some(client).empty());
    server.thread().await_waiting();
    server.stop();
    CHECK(end_of(client) == std::errc::connection_reset);  // the client is not to take what it has for all
}

namespace {
/// The time limits of a test, in each of the two servers.
struct limits {
    net::duration idle = net::never;
    std::optional<net::duration> request{};
};
struct limited_one_at_a_time {
    static inline limits now;
    template <class Handler>
    static void serve(net::tcp_listener listener, Handler handler, const net::stop_event& stop) {
        net::iterative_server{std::move(listener), std::move(handler),
                              {.idle_timeout = now.idle, .request_timeout = now.request}}
            .run(stop);
    }
};
struct limited_in_threads {
    static inline limits now;
    template <class Handler>
    static void serve(net::tcp_listener listener, Handler handler, const net::stop_event& stop) {
        net::threaded_server{std::move(listener), std::move(handler),
                             {.idle_timeout = now.idle, .request_timeout = now.request}}
            .run(stop);
    }
};
}  // namespace

TEMPLATE_TEST_CASE("a client that sends a byte now and then and is never answered is given up", "",
                   limited_one_at_a_time, limited_in_threads) {
    const bool by_default = GENERATE(false, true);
    TestType::now = by_default ? limits{100ms, {}} : limits{net::never, 200ms};
    story told;
    running server{TestType{}, [&](net::tcp_stream& stream, const net::endpoint&) {
                       char byte;
                       std::error_code error;
                       while (stream.recv(std::span{&byte, 1}, error) > 0) continue;
                       told.tell(error ? error.message() : "the end");
                   }};
    net::tcp_stream client = server.client();
    std::error_code error;
    while (told.size() == 0) {
        client.send_all("x", error);
        std::this_thread::sleep_for(5ms);
    }
    CHECK(told.first(1) == words{std::make_error_code(std::errc::timed_out).message()});
}

TEMPLATE_TEST_CASE("a dialogue outlives the time for an exchange many times over", "", limited_one_at_a_time,
                   limited_in_threads) {
    constexpr net::duration limit = 300ms;
    TestType::now = {net::never, limit};
    running server{TestType{}, echo};
    // The server may give up a client only if the machine has kept an exchange waiting for the limit. Then another
    // tries.
    for (bool is_done = false; !is_done;) {
        net::tcp_stream client = server.client();
        const net::time_point begin = net::clock::now();
        net::time_point last = begin;
        std::error_code error;
        while (!is_done && !error) {
            const net::time_point sent = net::clock::now();
            client.send_all("ping", error);
            char back[4];
            if (!error && client.recv_exact(back, error) == 0) error = std::make_error_code(std::errc::connection_reset);
            if (error) REQUIRE(net::clock::now() - last >= limit);
            last = sent;
            is_done = !error && last - begin > 3 * limit;
        }
    }
}

TEST_CASE("the longest time limits of the blocking servers wait for ever and no grace is below none") {
    const net::wait_time longest = GENERATE(net::wait_time{net::never}, net::wait_time{net::never - 1ns},
                                            net::wait_time{std::chrono::hours::max()},
                                            net::wait_time{std::chrono::duration<float>{1e30F}});
    const bool by_default = GENERATE(false, true);
    const auto one_client = [&](auto serve) {
        net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
        const net::endpoint where = listener.local_endpoint();
        net::stop_event stop;
        std::thread serving{[&] { serve(std::move(listener), stop); }};
        net::tcp_stream client{where};
        client.send_all("ping");
        const std::string heard = receive_some(client);
        stop.request_stop();
        // In a child of a program with several threads, ThreadSanitizer keeps SIGTERM to itself for ever, so that child
        // ends only with its client's last word. (To close is not enough: the child holds the client's socket, too.)
        if (support::has_thread_sanitizer) client.shutdown(net::shutdown_direction::send);
        serving.join();
        CHECK(heard == "ping");
    };
    const std::optional<net::wait_time> request = by_default ? std::nullopt : std::optional{longest};
    one_client([&](net::tcp_listener listener, const net::stop_event& stop) {
        net::iterative_server{std::move(listener), echo, {.idle_timeout = longest, .request_timeout = request}}.run(stop);
    });
    one_client([&](net::tcp_listener listener, const net::stop_event& stop) {
        net::threaded_server{std::move(listener), echo, {.idle_timeout = longest, .request_timeout = request}}.run(stop);
    });
    for (const net::wait_time grace : {longest, net::wait_time{std::chrono::hours::min()}})
        one_client([&](net::tcp_listener listener, const net::stop_event& stop) {
            net::forking_server{std::move(listener), echo,
                                {.stop_grace = grace, .idle_timeout = longest, .request_timeout = request}}
                .run(stop);
        });
}

TEST_CASE("an answer of a child that nobody takes in time ends in a reset") {
    const std::string answer = pattern(64 << 20);
    const auto send_it = [&](net::tcp_stream& stream, const net::endpoint&) {
        std::error_code error;
        stream.send_all(answer, error);
    };
    story told;
    struct handler {
        decltype(send_it)& serve;
        story& told;
        void operator()(net::tcp_stream& stream, const net::endpoint& peer) const { serve(stream, peer); }
        void on_exit(const net::endpoint&, int) const { told.tell("done"); }
    };
    net::tcp_listener listener{anywhere_on_loopback};
    net::tcp_stream client{listener.local_endpoint()};
    net::stop_event stop;
    background serving{[&] {
        net::forking_server{std::move(listener), handler{send_it, told}, {.idle_timeout = 100ms}}.run(stop);
    }};
    CHECK_FALSE(receive_some(client).empty());
    told.first(1);
    CHECK(end_of(client) == std::errc::connection_reset);
    stop.request_stop();
}

TEMPLATE_TEST_CASE("an answer that nobody takes in time ends in a reset", "", limited_one_at_a_time, limited_in_threads) {
    TestType::now = {100ms, {}};
    const std::string answer = pattern(64 << 20);
    story told;
    running server{TestType{}, [&](net::tcp_stream& stream, const net::endpoint&) {
                       std::error_code error;  // a handler that tells nobody
                       stream.send_all(answer, error);
                       told.tell("done");
                   }};
    net::tcp_stream client = server.client();
    CHECK_FALSE(receive_some(client).empty());
    told.first(1);
    CHECK(end_of(client) == std::errc::connection_reset);
}

TEMPLATE_TEST_CASE("a handler that throws between two sends ends in order unless it has asked for a reset", "",
                   limited_one_at_a_time, limited_in_threads) {
    const bool asks = GENERATE(false, true);
    TestType::now = {};
    running server{TestType{}, [&](net::tcp_stream& stream, const net::endpoint&) {
                       receive_some(stream);
                       stream.send_all("half");
                       if (asks) stream.set_option(net::option::linger{0s});
                       throw std::runtime_error{"and the rest?"};
                   }};
    net::tcp_stream client = server.client();
    client.send_all("x");
    CHECK(end_of(client) == std::error_code{asks ? ECONNRESET : 0, std::system_category()});
}

TEST_CASE("an answer that is tried again and sent whole ends well") {
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    net::tcp_stream client{listener.local_endpoint()};
    const std::string text = pattern(64 << 20);
    {
        net::tcp_stream served = listener.accept().stream;
        served.set_timeout(10ms);
        std::error_code error;
        const std::size_t sent = served.send_all(text, error);
        REQUIRE(error == std::errc::timed_out);
        std::thread sending{[&] {
            served.set_timeout(net::never);
            served.send_all(std::string_view{text}.substr(sent));
            served.close();
        }};
        CHECK(receive_all(client) == text);
        sending.join();
    }
}

TEST_CASE("no time for a client is refused") {
    const auto listener = [] { return net::tcp_listener{{net::ipv4_address::loopback(), 0}}; };
    CHECK_THROWS_AS((net::iterative_server{listener(), echo, {.idle_timeout = 0s}}), std::invalid_argument);
    CHECK_THROWS_AS((net::threaded_server{listener(), echo, {.request_timeout = 0s}}), std::invalid_argument);
    CHECK_THROWS_AS((net::forking_server{listener(), echo, {.idle_timeout = -1s}}), std::invalid_argument);
}

TEST_CASE("the plain accept waits for a descriptor as long as it may wait") {
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    net::tcp_stream client{listener.local_endpoint()};
    std::error_code limited, stopped, at_once;
    const auto error_of = [&](std::error_code& error) {
        try {
            listener.accept();
        } catch (const std::system_error& failure) {
            error = failure.code();
        }
    };
    {
        no_descriptors_left none;
        listener.set_timeout(50ms);
        error_of(limited);
        listener.set_blocking(false);
        error_of(at_once);
    }
    CHECK(limited == std::errc::too_many_files_open);
    CHECK(at_once == std::errc::too_many_files_open);
    listener.set_blocking(true);
    net::stop_event stop;
    listener.stop_with(stop);
    {
        no_descriptors_left none;
        std::thread stops{[&] { stop.request_stop(); }};
        error_of(stopped);
        stops.join();
    }
    CHECK(stopped == std::errc::operation_canceled);
    net::tcp_listener other{{net::ipv4_address::loopback(), 0}};
    net::tcp_stream waits{other.local_endpoint()};
    std::thread frees;
    {
        no_descriptors_left none;
        frees = std::thread{[&] { none.give_back_one(); }};
        CHECK(other.accept().peer == waits.local_endpoint());
        frees.join();
    }
}

TEMPLATE_TEST_CASE("a server without descriptors goes on when there is one again", "", one_at_a_time, in_threads) {
    struct handler {
        story& told;
        void operator()(net::tcp_stream& stream, const net::endpoint&) const { stream.send_all("served"); }
        void on_accept_error(std::error_code why) const { told.tell(std::to_string(why.value())); }
    };
    story told;
    running server{TestType{}, handler{told}};
    net::tcp_stream first = server.client();
    CHECK(receive_all(first) == "served");
    net::socket waiting{net::address_family::inet, net::socket_type::stream};  // as long as there are any
    words reported;
    std::string heard;
    {
        no_descriptors_left none;
        waiting.connect(server.where());
        reported = told.first(2);
        none.give_back_one();
        heard = support::receive_all(waiting);
    }
    CHECK(reported == words(2, std::to_string(EMFILE)));
    CHECK(heard == "served");
}

// ---- The threaded server -------------------------------------------------------------------------------

namespace {
template <class Handler>
concept may_run_in_threads = requires {
    typename net::threaded_server<Handler>;
};
struct changes_itself {
    int served = 0;
    void operator()(net::tcp_stream&, const net::endpoint&) { ++served; }
};
struct changes_nothing {
    void operator()(net::tcp_stream&, const net::endpoint&) const {}
};
}  // namespace
static_assert(!may_run_in_threads<changes_itself>, "many threads would change it at once");
static_assert(may_run_in_threads<changes_nothing>);

TEST_CASE("the threaded server serves all clients at once") {
    running server{in_many_threads{}, echo};
    std::vector<net::tcp_stream> clients;
    while (clients.size() < 250) clients.push_back(server.client());
    std::size_t right = 0;
    for (std::size_t i = clients.size(); i-- > 0;) {  // the last to come is the first to ask, and all stay
        const std::string text = "client " + std::to_string(i);
        clients[i].send_all(text);
        right += receive_some(clients[i]) == text;
    }
    CHECK(right == clients.size());
    server.stop();
    for (net::tcp_stream& client : clients) right -= receive_all(client).empty();
    CHECK(right == 0);
}

TEST_CASE("the threaded server serves no more clients at once than it may") {
    story told;
    std::atomic<int> now{0}, most{0};
    running server{in_two_threads{}, [&](net::tcp_stream& stream, const net::endpoint&) {
                       const int here = ++now;
                       for (int seen = most; seen < here && !most.compare_exchange_weak(seen, here);) {
                       }
                       told.tell(receive_some(stream));
                       receive_all(stream);
                       --now;
                   }};
    std::vector<net::tcp_stream> clients;
    for (std::size_t i = 0; i < 10; ++i) {
        clients.push_back(server.client());
        clients.back().send_all("x");
    }
    for (std::size_t i = 0; i < clients.size(); ++i) {
        // A client that leaves makes room for another client.
        CHECK(told.first(std::min(i + 2, clients.size())).size() >= i + 1);
        clients[i].close();
    }
    server.stop();
    CHECK(told.size() == 10);
    CHECK(most == 2);
}

// ---- The forking server --------------------------------------------------------------------------------

namespace {

/// What processes tell, a line at a time: lines so short do not mix in a pipe.
class wire {
  public:
    wire() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error{errno, std::system_category(), "pipe2"};
        reading_ = ends[0], writing_ = ends[1];
    }
    wire(const wire&) = delete;
    wire& operator=(const wire&) = delete;
    ~wire() {
        ::close(reading_);
        ::close(writing_);
    }
    void tell(std::string word) const {
        word += '\n';
        [[maybe_unused]] const auto written = ::write(writing_, word.data(), word.size());
    }
    /// The next; a test that would wait for ever fails instead.
    [[nodiscard]] std::string next() const {
        std::string word;
        for (char c = 0;; word += c) {
            pollfd watched{reading_, POLLIN, 0};
            if (::poll(&watched, 1, 60'000) <= 0 || ::read(reading_, &c, 1) != 1) return "(nothing)";
            if (c == '\n') return word;
        }
    }

  private:
    int reading_ = -1, writing_ = -1;
};

std::string described(int status) {
    return WIFEXITED(status) ? "exit " + std::to_string(WEXITSTATUS(status))
                             : "signal " + std::to_string(WTERMSIG(status));
}
bool has_children() {
    siginfo_t any{};
    return ::waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) == 0;
}
/// Until the end of this process these system calls fail. False where the kernel has no such filters.
template <class... Calls>
bool refuse(int error, Calls... calls) {
    std::vector<sock_filter> program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    for (const long call : {static_cast<long>(calls)...}) {
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/// A process of its own, in a group of its own, which does one thing and exits: with 0 when that has ended well and
/// has left neither descriptors nor children behind.
class other_process {
  public:
    explicit other_process(const std::function<void()>& body) : process_{::fork()} {
        if (process_ != 0) return;
        ::setpgid(0, 0);
        std::signal(SIGABRT, SIG_DFL);  // Catch2 would report it
        const struct rlimit none {};
        ::setrlimit(RLIMIT_CORE, &none);  // there will be crashes
        const auto before = open_descriptors();
        int status = 1;
        try {
            body();
            status = has_children() ? 2 : open_descriptors() != before ? 3 : 0;
        } catch (const std::exception&) {
        }
        ::_exit(status);
    }
    other_process(const other_process&) = delete;
    other_process& operator=(const other_process&) = delete;
    ~other_process() {
        kill(SIGKILL);
        end();
    }
    void kill(int signal) const {
        if (!ended_) ::kill(process_, signal);
    }
    void kill_group(int signal) const {
        if (!ended_) ::kill(-process_, signal);
    }
    std::string end() {
        if (!ended_) ::waitpid(process_, &status_, 0);
        ended_ = true;
        return described(status_);
    }
    [[nodiscard]] pid_t id() const { return process_; }

  private:
    pid_t process_;
    bool ended_ = false;
    int status_ = 0;
};

/// A forking server in a process of its own, ready to be stopped by a signal. The handler is made there, of the stop.
template <class Make>
class forking {
  public:
    explicit forking(Make make, net::forking_options options = {}, const std::function<bool()>& prepare = {})
        : process_{[&] {
              const net::endpoint where{net::ipv4_address::loopback(), 0};
              net::stop_event stop;
              const net::stop_on_signals signals{stop};
              net::tcp_listener listener{where};
              const std::string port = std::to_string(listener.local_endpoint().port());
              net::forking_server server{std::move(listener), make(stop), patient(options)};
              ready_.tell(!prepare || prepare() ? port : "0");
              server.run(stop);
          }},
          port_{static_cast<std::uint16_t>(std::stoi(ready_.next()))} {}
    /// Could `prepare` do what it should?
    [[nodiscard]] bool is_ready() const { return port_ != 0; }
    [[nodiscard]] net::tcp_stream client() const {
        return net::tcp_stream{net::endpoint{net::ipv4_address::loopback(), port_}};
    }
    std::string stop() {
        process_.kill(SIGTERM);
        return process_.end();
    }
    other_process& process() { return process_; }

  private:
    /// The server kills children that have not ended in time. On a busy machine the default time can be too short.
    static net::forking_options patient(net::forking_options options) {
        if (options.stop_grace == net::forking_options{}.stop_grace) options.stop_grace = 1h;
        return options;
    }
    wire ready_;
    other_process process_;
    std::uint16_t port_;
};

/// Does what its client says, and tells what becomes of it.
struct puppet {
    const wire& told;
    const net::stop_event& stop;

    void operator()(net::tcp_stream& stream, const net::endpoint&) const {
        for (std::string order; !(order = receive_some(stream)).empty();) {
            if (order == "exit 7") ::_exit(7);
            if (order == "abort") std::abort();
            if (order == "kill") ::raise(SIGKILL);
            if (order == "throw") throw std::runtime_error{"the handler's own"};
            if (order == "throw 42") throw 42;
            if (order == "hang")
                for (told.tell("hangs");;) ::pause();
            if (order == "who") order = std::to_string(::getpid());
            if (order == "descriptors") order = std::to_string(open_descriptors());
            if (order == "parent's") {
                const std::filesystem::path folder = "/proc/" + std::to_string(::getppid()) + "/fd";
                order = std::to_string(std::distance(std::filesystem::directory_iterator{folder}, {}));
            }
            if (order == "wait for the stop") {
                stream.send_all(order);
                std::error_code why;
                net::detail::wait_for(-1, 0, &stop, net::time_point::max(), why);
                return told.tell(stop.stop_requested() ? why.message() : "woken, but why?");
            }
            stream.send_all(order);
        }
    }
    void on_error(const net::endpoint&, const std::exception& error) const { told.tell(error.what()); }
    void on_exit(const net::endpoint&, int status) const {
        siginfo_t other{};  // the clients here end one by one, but for a stop: nobody else should be dead
        if (!stop.stop_requested()) ::waitid(P_ALL, 0, &other, WEXITED | WNOHANG | WNOWAIT);
        told.tell(described(status) + (other.si_pid != 0 ? ", and a zombie" : ""));
    }
    void on_accept_error(std::error_code why) const { told.tell(why.message()); }
};
auto puppets(const wire& told) {
    return [&](const net::stop_event& stop) { return puppet{told, stop}; };
}
std::string answer_to(net::tcp_stream& client, std::string_view order) {
    client.send_all(order);
    return receive_some(client);
}
std::string to_the_end(net::tcp_stream& client, std::string_view order) {
    client.send_all(order);
    return receive_all(client);
}

}  // namespace

TEST_CASE("the forking server serves all clients at once and leaves nothing behind") {
    const wire told;
    forking server{puppets(told), {.max_children = 300}};
    std::vector<net::tcp_stream> clients;
    while (clients.size() < 250) clients.push_back(server.client());
    std::size_t right = 0;
    for (std::size_t i = clients.size(); i-- > 0;) {
        const std::string text = "client " + std::to_string(i);
        right += answer_to(clients[i], text) == text;
    }
    CHECK(right == clients.size());
    for (std::size_t i = 0; i < 50; ++i) {
        clients.back().close();
        clients.pop_back();
        CHECK(told.next() == "exit 0");  // waited for as soon as it has ended
    }
    CHECK(server.stop() == "exit 0");
    for (net::tcp_stream& client : clients) right -= receive_all(client).empty();
    CHECK(right == 50);
    for (std::size_t i = 0; i < clients.size(); ++i) CHECK(told.next() == "exit 0");
}

TEST_CASE("a child that crashes is told and harms no other") {
    const wire told;
    forking server{puppets(told)};
    net::tcp_stream friendly = server.client();
    CHECK(answer_to(friendly, "hello") == "hello");
    for (const auto& [order, report] :
         {std::pair{"exit 7", "exit 7"}, {"abort", "signal 6"}, {"kill", "signal 9"}}) {
        net::tcp_stream client = server.client();
        CHECK(to_the_end(client, order).empty());
        CHECK(told.next() == report);
        CHECK(answer_to(friendly, "still there?") == "still there?");
    }
    net::tcp_stream thrower = server.client();
    CHECK(to_the_end(thrower, "throw").empty());
    CHECK(told.next() == "the handler's own");
    CHECK(told.next() == "exit 1");
    net::tcp_stream odd_thrower = server.client();
    CHECK(to_the_end(odd_thrower, "throw 42").empty());
    CHECK(told.next() == "the handler threw an object that is not a std::exception");
    CHECK(told.next() == "exit 1");
    friendly.close();
    CHECK(told.next() == "exit 0");
    CHECK(server.stop() == "exit 0");
}

TEST_CASE("the forking server has no more children than it may") {
    struct shared {
        std::atomic<int> now{0}, most{0};
    };
    void* const memory = ::mmap(nullptr, sizeof(shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    shared& count = *new (memory) shared;
    const wire told;
    forking server{[&](const net::stop_event&) {
                       return [&](net::tcp_stream& stream, const net::endpoint&) {
                           const int here = ++count.now;
                           for (int seen = count.most; seen < here && !count.most.compare_exchange_weak(seen, here);) {
                           }
                           told.tell(receive_some(stream));
                           receive_all(stream);
                           --count.now;
                       };
                   },
                   {.max_children = 3}};
    std::vector<net::tcp_stream> clients;
    while (clients.size() < 10) {
        clients.push_back(server.client());
        clients.back().send_all("x");
    }
    CHECK(told.next() == "x");
    CHECK(told.next() == "x");
    for (std::size_t i = 0; i < clients.size(); ++i) {
        if (i < clients.size() - 2) CHECK(told.next() == "x");  // a client that leaves makes room for another client
        clients[i].close();
    }
    CHECK(server.stop() == "exit 0");
    CHECK(count.most == 3);
    ::munmap(memory, sizeof(shared));
}

TEST_CASE("a child has the program's descriptors and its client's, and a server has the descriptors of its children") {
    const wire told;
    forking server{puppets(told), {}, [&] {
                       told.tell(std::to_string(open_descriptors()));  // with the stop and the listener
                       return true;
                   }};
    const int before = std::stoi(told.next());
    std::vector<net::tcp_stream> clients;
    for (int i = 1; i <= 5; ++i) {
        net::tcp_stream& client = clients.emplace_back(server.client());
        CHECK(std::stoi(answer_to(client, "descriptors")) == before);  // the stream in place of the listener
    }
    for (int i = 0; i < 4; ++i) {
        clients.pop_back();
        CHECK(told.next() == "exit 0");
    }
    // The poller and the descriptor of this one child. (That of the folder is counted neither here nor there: the
    // iterator of open_descriptors() counts its own.)
    const int of_parent = std::stoi(answer_to(clients[0], "parent's"));
    CHECK(of_parent + 1 == before + 2);
    CHECK(server.stop() == "exit 0");
}

TEST_CASE("the forking server waits for no child but its own") {
    const wire told;
    other_process process{[&] {
        net::stop_event stop;
        const net::stop_on_signals signals{stop};
        net::tcp_listener listener{anywhere_on_loopback};
        const net::endpoint where = listener.local_endpoint();
        const pid_t other = ::fork();
        if (other == 0) ::_exit(5);
        siginfo_t ended{};
        ::waitid(P_PID, static_cast<id_t>(other), &ended, WEXITED | WNOWAIT);  // a zombie from before the first client
        told.tell(std::to_string(where.port()));
        struct handler {
            void operator()(net::tcp_stream& stream, const net::endpoint&) const { stream.send_all("x"); }
            void on_exit(const net::endpoint&, int status) const { told.tell(described(status)); }
            const wire& told;
        };
        net::forking_server{std::move(listener), handler{told}}.run(stop);
        int status = 0;
        told.tell(::waitpid(other, &status, 0) == other ? described(status) : "somebody has taken it");
    }};
    const auto port = static_cast<std::uint16_t>(std::stoi(told.next()));
    for (int i = 0; i < 3; ++i) {
        net::tcp_stream client{net::endpoint{net::ipv4_address::loopback(), port}};
        CHECK(receive_all(client) == "x");
        CHECK(told.next() == "exit 0");
    }
    process.kill(SIGTERM);
    CHECK(told.next() == "exit 5");
    CHECK(process.end() == "exit 0");
}

TEST_CASE("a stop ends the children while their clients are connected and say nothing") {
    for (const bool to_all : {false, true})  // to the server alone, and as Ctrl-C does
        for (const int signal : {SIGTERM, SIGINT}) {
            INFO("signal " << signal << (to_all ? " to all" : ""));
            const wire told;
            forking server{puppets(told)};
            std::vector<net::tcp_stream> clients;
            for (int i = 0; i < 3; ++i) CHECK(answer_to(clients.emplace_back(server.client()), "x") == "x");
            to_all ? server.process().kill_group(signal) : server.process().kill(signal);
            CHECK(server.process().end() == "exit 0");
            for (net::tcp_stream& client : clients) CHECK(receive_all(client).empty());
            for (int i = 0; i < 3; ++i) CHECK(told.next() == "exit 0");
        }
}

TEST_CASE("a handler sees the stop in the child whichever way it looks") {
    const wire told;
    forking server{puppets(told)};
    net::tcp_stream client = server.client();
    CHECK(answer_to(client, "wait for the stop") == "wait for the stop");
    CHECK(server.stop() == "exit 0");
    CHECK(told.next() == "Operation canceled");
    CHECK(told.next() == "exit 0");
}

TEST_CASE("a stop ends a child whose client never stops sending") {
    const wire told;
    forking server{[&](const net::stop_event&) {
        return [&](net::tcp_stream& stream, const net::endpoint&) {
            char buffer[512];
            for (bool first = true; stream.recv(buffer) > 0; first = false)
                if (first) told.tell("serving");
        };
    }};
    net::tcp_stream client = server.client();
    background sending{[&] {
        const std::string bytes = pattern(64 * 1024);
        std::error_code error;
        while (!error) client.send_all(bytes, error);
        return error;
    }};
    CHECK(told.next() == "serving");
    CHECK(server.stop() == "exit 0");
    const std::error_code error = sending.get();
    CHECK((error == std::errc::connection_reset || error == std::errc::broken_pipe));
}

TEST_CASE("a child that does not heed the stop is killed when the grace is over") {
    const wire told;
    forking server{puppets(told), {.stop_grace = 1ms}};
    net::tcp_stream client = server.client();
    client.send_all("hang");
    CHECK(told.next() == "hangs");
    CHECK(server.stop() == "exit 0");
    CHECK(told.next() == "signal 9");
    CHECK(receive_all(client).empty());
}

TEST_CASE("a signal to one child stops that child and no other") {
    const wire told;
    forking server{puppets(told)};
    net::tcp_stream first = server.client();
    net::tcp_stream second = server.client();
    CHECK(answer_to(first, "x") == "x");
    const pid_t child = std::stoi(answer_to(second, "who"));
    CHECK(child != server.process().id());
    ::kill(child, SIGTERM);
    CHECK(receive_all(second).empty());
    CHECK(told.next() == "exit 0");
    CHECK(answer_to(first, "still there?") == "still there?");
    net::tcp_stream third = server.client();
    CHECK(answer_to(third, "and for others?") == "and for others?");
    CHECK(server.stop() == "exit 0");
}

TEST_CASE("children of a server that is killed end by themselves") {
    const wire told;
    forking server{puppets(told)};
    net::tcp_stream client = server.client();
    CHECK(answer_to(client, "x") == "x");
    server.process().kill(SIGKILL);
    CHECK(receive_all(client).empty());
}

TEST_CASE("children are waited for where the system has no descriptors for them") {
    const wire told;
    forking server{puppets(told), {}, [] { return refuse(ENOSYS, SYS_pidfd_open); }};
    if (!server.is_ready()) NETNOTES_SKIP("no system call filters here");
    for (int i = 0; i < 3; ++i) {
        net::tcp_stream client = server.client();
        CHECK(to_the_end(client, "exit 7").empty());
        CHECK(told.next() == "exit 7");
    }
    net::tcp_stream silent = server.client();
    CHECK(answer_to(silent, "x") == "x");
    CHECK(server.stop() == "exit 0");
    CHECK(told.next() == "exit 0");
    CHECK(receive_all(silent).empty());
}

TEST_CASE("children of a program that ignores their ends are noticed nevertheless") {
    const wire told;
    forking server{puppets(told), {.max_children = 1}, [] { return std::signal(SIGCHLD, SIG_IGN) != SIG_ERR; }};
    for (int i = 0; i < 3; ++i) {
        net::tcp_stream client = server.client();
        CHECK(to_the_end(client, "exit 7").empty());
        CHECK(told.next() == "exit 0");  // the kernel keeps no status then
    }
    CHECK(server.stop() == "exit 0");
}

TEST_CASE("a client for whom no process is to be had is sent away and the server goes on") {
    const wire told;
    forking server{puppets(told), {}, [] {
#ifdef SYS_fork
                       return refuse(EAGAIN, SYS_fork, SYS_clone, SYS_clone3);
#else
                       return refuse(EAGAIN, SYS_clone, SYS_clone3);
#endif
                   }};
    if (!server.is_ready()) NETNOTES_SKIP("no system call filters here");
    for (int i = 0; i < 2; ++i) {
        net::tcp_stream client = server.client();
        CHECK(receive_all(client).empty());
        CHECK(told.next() == "Resource temporarily unavailable");
    }
    CHECK(server.stop() == "exit 0");
}

TEST_CASE("a client for whom no thread is to be had is sent away and the server goes on") {
    const wire told;
    other_process process{[&] {
        net::stop_event stop;
        const net::stop_on_signals signals{stop};
        net::tcp_listener listener{anywhere_on_loopback};
        const std::string port = std::to_string(listener.local_endpoint().port());
        net::threaded_server server{std::move(listener), puppet{told, stop}};
        told.tell(refuse(EAGAIN, SYS_clone, SYS_clone3) ? port : "0");
        server.run(stop);
    }};
    const auto port = static_cast<std::uint16_t>(std::stoi(told.next()));
    if (port == 0) NETNOTES_SKIP("no system call filters here");
    for (int i = 0; i < 2; ++i) {
        net::tcp_stream client{net::endpoint{net::ipv4_address::loopback(), port}};
        CHECK(receive_all(client).empty());
        CHECK(told.next() == "Resource temporarily unavailable");
    }
    process.kill(SIGTERM);
    CHECK(process.end() == "exit 0");
}
