// What tcp.hpp promises: streams, listeners on both kinds of address, and a server that outlives its clients.

#include <netnotes/tcp_server.hpp>

#include "support.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <array>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>

using namespace std::chrono_literals;
using namespace std::string_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using support::background;
using support::closed_port;
using support::failure_of;
using support::loopbacks;
using support::open_descriptors;
using support::pattern;

namespace {

constexpr auto a_while = 30ms;
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
void reset(net::tcp_stream& connection) {
    connection.set_option(net::option::linger{0s});
    connection.close();
}

/// Holds a port at one address, without listening, and makes something with the same port at another. Until a port
/// is found that is free at both.
template <class Make>
auto free_at_both(const net::ip_address& address, Make make) {
    for (;;) {
        net::socket held = support::bound(address, net::socket_type::stream);
        try {
            auto made = make(held.local_endpoint().ip().port());
            return std::pair{std::move(held), std::move(made)};
        } catch (const std::system_error& error) {
            if (error.code() != std::errc::address_in_use) throw;
        }
    }
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

// ---- The iterative server ------------------------------------------------------------------------------

namespace {
/// A server in a thread of its own, until the end of the scope.
template <class Handler>
class running {
  public:
    explicit running(Handler handler, net::tcp_listener listener = net::tcp_listener{anywhere_on_loopback})
        : where_{listener.local_endpoint()}, server_{std::move(listener), std::move(handler)} {}
    ~running() { stop(); }
    [[nodiscard]] net::tcp_stream client() const { return net::tcp_stream{where_}; }
    [[nodiscard]] const net::endpoint& where() const { return where_; }
    auto& thread() { return thread_; }
    /// Asks it to stop, and returns when it has.
    void stop() {
        stop_.request_stop();
        if (!std::exchange(stopped_, true)) thread_.get();
    }

  private:
    net::endpoint where_;
    net::stop_event stop_;
    net::iterative_server<Handler> server_;
    bool stopped_ = false;
    background<std::function<void()>> thread_{[this] { server_.run(stop_); }};
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

TEST_CASE("the iterative server serves one client after another") {
    for (const net::ip_address& address : loopbacks()) {
        const auto before = open_descriptors();
        {
            running server{echo, net::tcp_listener{{address, 0}}};
            for (int i = 0; i < 5; ++i) {
                net::tcp_stream client = server.client();
                CHECK(echo_of(client, "client " + std::to_string(i)) == "client " + std::to_string(i));
            }
        }
        CHECK(open_descriptors() == before);
    }
}

TEST_CASE("the handler is told who calls and its stream is closed when it returns") {
    story told;
    running server{[&](net::tcp_stream& stream, const net::endpoint& peer) {
        told.tell(peer.to_string());
        stream.send_all("x");
    }};
    net::tcp_stream client = server.client();
    CHECK(receive_all(client) == "x");
    CHECK(told.first(1)[0] == client.local_endpoint().to_string());
}

TEST_CASE("a client who has to wait is already connected and its bytes wait with it") {
    story told;
    running server{[&](net::tcp_stream& stream, const net::endpoint&) { told.tell(receive_all(stream)); }};
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

TEST_CASE("what happens to one client does not disturb the next") {
    struct handler {
        story& told;
        void operator()(net::tcp_stream& stream, const net::endpoint&) {
            const std::string text = receive_some(stream);
            if (text == "throw") throw std::runtime_error{"the handler's own"};
            stream.send_all(text);
            told.tell(receive_all(stream));
        }
        void on_error(const net::endpoint& peer, const std::exception& error) {
            told.tell(peer.to_string() + ' ' + error.what());
        }
    };
    story told;
    running server{handler{told}};

    net::tcp_stream thrower = server.client();
    const std::string thrower_name = thrower.local_endpoint().to_string();
    thrower.send_all("throw");
    CHECK(receive_all(thrower).empty());  // its stream was closed, in order
    CHECK(told.first(1)[0] == thrower_name + " the handler's own");

    net::tcp_stream resetter = server.client();
    const std::string resetter_name = resetter.local_endpoint().to_string();
    resetter.send_all("x");
    CHECK(receive_some(resetter) == "x");
    reset(resetter);
    const std::string report = told.first(2)[1];
    CHECK_THAT(report, StartsWith(resetter_name + " recv from "));
    CHECK_THAT(report, ContainsSubstring("Connection reset by peer"));

    net::tcp_stream gone = server.client();  // resets before it is accepted, or after; both end the same way
    reset(gone);

    net::tcp_stream good = server.client();
    good.send_all("good");
    CHECK(receive_some(good) == "good");
}

TEST_CASE("a handler that is not interested in errors need not hear of them") {
    running server{[](net::tcp_stream&, const net::endpoint&) { throw std::runtime_error{"unheard"}; }};
    for (int i = 0; i < 3; ++i) {
        net::tcp_stream client = server.client();
        CHECK(receive_all(client).empty());
    }
}

TEST_CASE("a stop ends a server that has nothing to do and is no error") {
    struct handler {
        story& told;
        void operator()(net::tcp_stream& stream, const net::endpoint& peer) { echo(stream, peer); }
        void on_accept_error(std::error_code why) { told.tell(why.message()); }
    };
    story told;
    running server{handler{told}};
    server.thread().await_waiting();
    server.stop();
    CHECK(told.size() == 0);
    // Its listener lives as long as the server object; but nobody is served any more.
    net::tcp_stream late = server.client();
    late.set_timeout(a_while);
    late.send_all("x");
    CHECK(failure_of([&] { receive_some(late); }).code == std::errc::timed_out);
}

TEST_CASE("a server whose listener does not listen says so") {
    const net::stop_event stop;
    net::iterative_server closed{net::tcp_listener{}, echo};
    CHECK(failure_of([&] { closed.run(stop); }).code == std::errc::bad_file_descriptor);
    // One that somebody has shut down. No client would ever come, so to try for ever would be no answer.
    net::tcp_listener deaf{anywhere_on_loopback};
    ::shutdown(deaf.native_handle(), SHUT_RDWR);
    net::iterative_server server{std::move(deaf), echo};
    CHECK(failure_of([&] { server.run(stop); }).what == "accept: Invalid argument");
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

TEST_CASE("a stop ends the wait for a client who says nothing and is no error") {
    struct handler {
        story& told;
        void operator()(net::tcp_stream& stream, const net::endpoint&) {
            told.tell("serving");
            try {
                receive_all(stream);
            } catch (const std::system_error& error) {
                told.tell(error.code().message());
                throw;
            }
        }
        void on_error(const net::endpoint&, const std::exception&) { told.tell("reported"); }
    };
    story told;
    running server{handler{told}};
    net::tcp_stream silent = server.client();
    told.first(1);
    server.thread().await_waiting();
    server.stop();
    CHECK(told.first(2) == words{"serving", "Operation canceled"});
    CHECK(receive_all(silent).empty());
}

TEST_CASE("a stop ends the service of a client who never stops sending") {
    story told;
    running server{[&](net::tcp_stream& stream, const net::endpoint&) {
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

TEST_CASE("a stop ends the service of a client who never reads") {
    running server{[&](net::tcp_stream& stream, const net::endpoint&) { stream.send_all(pattern(64 << 20)); }};
    net::tcp_stream client = server.client();
    CHECK_FALSE(receive_some(client).empty());
    server.thread().await_waiting();
    server.stop();
    CHECK(receive_all(client).size() < std::size_t{64} << 20);
}

TEST_CASE("a server without descriptors goes on when there is one again") {
    struct handler {
        story& told;
        void operator()(net::tcp_stream& stream, const net::endpoint&) { stream.send_all("served"); }
        void on_accept_error(std::error_code why) { told.tell(std::to_string(why.value())); }
    };
    story told;
    running server{handler{told}};
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
