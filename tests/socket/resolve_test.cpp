// What socket/resolve.hpp promises beside the answers themselves (address_test): limits, flags, and the way back.
// Link with --wrap=getaddrinfo and --wrap=getnameinfo: the names of *.test are the test's own.

#include <netnotes/socket/resolve.hpp>
#include <netnotes/tcp/stream.hpp>

#include "sockets.hpp"

#include <netdb.h>
#include <sys/wait.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace {

/// A name server that answers when it is told to.
class {
  public:
    void hold() {
        const std::lock_guard lock{mutex_};
        is_held_ = true;
        asked_ = 0;
    }
    void let_go() {
        std::unique_lock lock{mutex_};
        is_held_ = false;
        changed_.notify_all();
        changed_.wait(lock, [this] { return inside_ == 0; });
    }
    void enter() {
        std::unique_lock lock{mutex_};
        ++asked_;
        ++inside_;
        changed_.notify_all();
        changed_.wait(lock, [this] { return !is_held_; });
        --inside_;
        changed_.notify_all();
    }
    int asked() {
        const std::lock_guard lock{mutex_};
        return asked_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_held_ = false;
    int inside_ = 0, asked_ = 0;
} name_server;

const net::endpoint web{net::ipv4_address{127, 0, 0, 2}, 80};

}  // namespace

extern "C" {
int __real_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**);
int __real_getnameinfo(const sockaddr*, socklen_t, char*, socklen_t, char*, socklen_t, int);
int __wrap_getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
    if (!host || host != "web.test"s) return __real_getaddrinfo(host, service, hints, found);
    if (hints->ai_flags & AI_NUMERICHOST) return EAI_NONAME;
    name_server.enter();
    addrinfo wanted = *hints;
    wanted.ai_flags &= ~AI_CANONNAME;
    const int code = __real_getaddrinfo("127.0.0.2", service, &wanted, found);
    if (code == 0 && (hints->ai_flags & AI_CANONNAME)) (*found)->ai_canonname = ::strdup("web7.test");
    return code;
}
int __wrap_getnameinfo(const sockaddr* address, socklen_t size, char* host, socklen_t room, char*, socklen_t,
                       int flags) {
    net::socket_address where;
    std::memcpy(where.data(), address, size);
    where.resize(size);
    name_server.enter();
    if (where.ip().address() == net::ip_address{"192.0.2.9"}) return EAI_AGAIN;
    if (where.ip().address() != web.address()) return flags & NI_NAMEREQD ? EAI_NONAME : 0;
    std::snprintf(host, room, "web7.test");
    return 0;
}
}

TEST_CASE("a name is resolved within the time limit and the thread that is left behind does no harm") {
    using list = std::vector<net::endpoint>;
    const auto before = open_descriptors();
    CHECK(net::resolve("web.test", "80", {}, 1h) == list{web});
    CHECK(net::resolve("web.test", "80", {}, net::never) == list{web});
    name_server.hold();
    const auto begin = net::clock::now();
    const auto failure = failure_of([] { (void)net::resolve("web.test", "80", {}, a_while); });
    CHECK(failure.code == std::errc::timed_out);
    CHECK_THAT(failure.what, ContainsSubstring("resolve web.test:80"));
    CHECK(net::clock::now() - begin >= a_while);
    CHECK(net::resolve("127.0.0.2", "80", {}, 0s) == list{web});  // asks nobody
    CHECK(failure_of([] { (void)net::canonical_name("web.test", a_while); }).code == std::errc::timed_out);
    CHECK(failure_of([] { (void)net::resolve_name(web, a_while); }).code == std::errc::timed_out);
    name_server.let_go();
    while (open_descriptors() != before) std::this_thread::yield();  // each thread closes what it had
}

TEST_CASE("a timeout of zero asks no name server, however fast its answer would be") {
    const int before = name_server.asked();
    std::error_code error;
    for (int i = 0; i < 1000; ++i) {
        CHECK(net::resolve("web.test", "80", {}, 0s, nullptr, error).empty());
        REQUIRE(error == std::errc::timed_out);
    }
    CHECK(failure_of([] { (void)net::canonical_name("web.test", 0s); }).code == std::errc::timed_out);
    CHECK(failure_of([] { (void)net::resolve_name(web, 0s); }).code == std::errc::timed_out);
    CHECK(name_server.asked() == before);
}

TEST_CASE("threads that a dead name server holds do not pile up, and a child of fork begins anew") {
    net::stop_event stop;
    stop.request_stop();
    const auto before = open_descriptors();
    name_server.hold();
    std::error_code error;
    for (int i = 0; i < net::max_resolver_threads; ++i) {
        (void)net::resolve("web.test", "80", {}, 1h, &stop, error);
        REQUIRE(error == std::errc::operation_canceled);
    }
    (void)net::resolve("web.test", "80", {}, 1h, nullptr, error);
    CHECK(error == std::errc::resource_unavailable_try_again);
    CHECK(net::resolve("127.0.0.2", "80", {}, 1h).size() == 1);  // needs no thread
    if (!support::has_thread_sanitizer) {
        const pid_t child = ::fork();
        if (child == 0) {
            (void)net::resolve("localhost", "80", {}, 1h, nullptr, error);
            ::_exit(error == std::errc::resource_unavailable_try_again);
        }
        int status = -1;
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(status == 0);
    }
    name_server.let_go();
    while (open_descriptors() != before) std::this_thread::yield();
    CHECK(net::resolve("web.test", "80", {}, 1h).size() == 1);  // there is room again
}

TEST_CASE("a stop ends the wait for a name") {
    net::stop_event stop;
    name_server.hold();
    background resolving{[&] {
        std::error_code error;
        (void)net::resolve("web.test", "80", {}, net::never, &stop, error);
        return error;
    }};
    resolving.await_waiting();
    stop.request_stop();
    CHECK(resolving.get() == std::errc::operation_canceled);
    name_server.let_go();
}

TEST_CASE("connecting by name has one time limit for the name and the connection") {
    name_server.hold();
    std::error_code error;
    CHECK_FALSE(net::tcp_stream::connect("web.test", 1, {.timeout = a_while}, error).is_open());
    CHECK(error == std::errc::timed_out);
    CHECK(failure_of([] { net::tcp_stream::connect("web.test", 1, a_while); }).code == std::errc::timed_out);
    name_server.let_go();
    net::tcp_listener listener{{web.address(), 0}};
    const auto port = listener.local_endpoint().port();
    CHECK(net::tcp_stream::connect("web.test", port, 1h).peer_endpoint() == listener.local_endpoint());
    CHECK(net::tcp_stream::connect("web.test", port).peer_endpoint() == listener.local_endpoint());
}

TEST_CASE("numeric_only takes no name of a host or a service") {
    name_server.hold();
    std::error_code error;
    CHECK(net::resolve("web.test", "80", {.numeric_only = true}, error).empty());
    CHECK(error == std::error_code{EAI_NONAME, net::resolver_category()});
    CHECK(net::resolve("web.test", "80", {.numeric_only = true}, 1h, nullptr, error).empty());
    CHECK(net::resolve("127.0.0.2", "http", {.numeric_only = true}, error).empty());
    CHECK(error.category() == net::resolver_category());
    CHECK(net::resolve("127.0.0.2", 80, {.numeric_only = true}) == std::vector{web});
    CHECK(name_server.asked() == 0);
    name_server.let_go();
}

TEST_CASE("a host that a stranger chose writes no control characters into an error") {
    const std::string host = "a\x1b[2Jb\n", service = "c\r";
    const auto words_of = [](auto call) -> std::string {
        try {
            static_cast<void>(call());
        } catch (const std::system_error& failure) {
            return failure.what();
        }
        return "no error";
    };
    const auto is_plain = [](const std::string& words) {
        return words != "no error" && std::none_of(words.begin(), words.end(), [](unsigned char c) { return c < ' '; });
    };
    CHECK(is_plain(words_of([&] { return net::resolve(host, service, {.numeric_only = true}); })));
    CHECK(is_plain(words_of([&] { return net::resolve(host + '\0', service, {}, 1h); })));
    CHECK(is_plain(words_of([&] { return net::canonical_name(host + '\0'); })));
    CHECK(is_plain(words_of([&] { return net::tcp_stream::connect(host + '\0', 80, 1h); })));
}

TEST_CASE("the canonical name is the name behind the aliases") {
    CHECK(net::canonical_name("web.test") == "web7.test");
    CHECK(net::canonical_name("web.test", 1h) == "web7.test");
    CHECK(net::canonical_name("127.0.0.2") == "127.0.0.2");
    for (const auto& bad : {""s, "*"s, "127.1"s, "a\0b"s})
        CHECK(failure_of([&] { (void)net::canonical_name(bad); }).code ==
              std::error_code{EAI_NONAME, net::resolver_category()});
}

TEST_CASE("an address has a name or no name and a name server that does not answer is an error") {
    CHECK(net::resolve_name(web) == "web7.test");
    CHECK(net::resolve_name({web.address(), 9}, 1h) == "web7.test");
    CHECK(net::resolve_name({net::ip_address{"192.0.2.1"}, 80}) == std::nullopt);
    const auto failure = failure_of([] { (void)net::resolve_name({net::ip_address{"192.0.2.9"}, 80}); });
    CHECK(failure.code == std::error_code{EAI_AGAIN, net::resolver_category()});
    CHECK_THAT(failure.what, ContainsSubstring("name of 192.0.2.9"));
}
