// The reactor server, and what clients do to it: many, slow, silent, endless, vanishing, at the worst moment.
//
// Most tests run a real server in a thread of its own, with real connections, in every manner: on epoll with either
// trigger, on poll, and on select. Its poller stands in a wrapper that counts, and that can hold the server between
// two waits: whatever happens meanwhile is reported to it in one batch. Where the order inside a batch is the point,
// a poller made of a script says what happens.

#include <netnotes/poll.hpp>
#include <netnotes/server/reactor.hpp>

#include "../catch.hpp"
#include "../support.hpp"

#include <netnotes/tcp/stream.hpp>

#include <malloc.h>
#include <sys/eventfd.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <ostream>
#include <random>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <variant>
#include <vector>

using namespace std::chrono_literals;
using namespace std::string_literals;
using net::interest, net::trigger, net::any_of;
using support::open_descriptors;
using bytes_view = std::span<const std::byte>;

// ---- memory, counted and refused -----------------------------------------------------------------------

// Not with a sanitizer, which has an operator new of its own and is to keep it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WITHOUT_MEMORY_TESTS
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define WITHOUT_MEMORY_TESTS
#endif
#endif

#ifndef WITHOUT_MEMORY_TESTS
namespace {
std::atomic<std::ptrdiff_t> memory_in_use{0};                                // of all threads, from operator new
thread_local std::size_t largest_allocation = static_cast<std::size_t>(-1);  // of this thread; above it, bad_alloc
}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {  // inlined, g++ takes it for no match of the other
    void* const memory = size > largest_allocation ? nullptr : std::malloc(size);
    if (!memory) throw std::bad_alloc{};
    memory_in_use += static_cast<std::ptrdiff_t>(::malloc_usable_size(memory));
    return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    if (memory) memory_in_use -= static_cast<std::ptrdiff_t>(::malloc_usable_size(memory));
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
#endif

namespace {

// ---- the manners in which a server may run ----

enum class kind { epoll, poll, select };

struct manner {
    trigger how;
    kind on = kind::epoll;
    manner(trigger with, kind poller = kind::epoll) : how{with}, on{poller} {}
    operator trigger() const { return how; }
};
std::ostream& operator<<(std::ostream& to, const manner& what) {
    return to << (what.on == kind::select ? "select"
                  : what.on == kind::poll ? "poll"
                                          : "epoll")
              << (what.how == trigger::edge ? ", edge" : ", level");
}

manner every_manner() {
    return GENERATE(manner(trigger::level), manner(trigger::edge), manner(trigger::level, kind::poll),
                    manner(trigger::level, kind::select));
}
/// For a poller that is not one of these.
trigger both_triggers() { return GENERATE(trigger::level, trigger::edge); }

struct server_options : net::reactor_options {
    kind on = kind::epoll;
    bool time_stands_still = false;  ///< for the server, until running_server::pass() or the end of the test
    server_options() = default;
    server_options(const net::reactor_options& options) : net::reactor_options{options} {}
    explicit server_options(const manner& as) : on{as.on} { how = as.how; }
};

// ---- the server under observation ----------------------------------------------------------------------

/// What the pollers tell the test, and what the test asks of them.
class observations {
  public:
    std::atomic<int> waits{0};
    std::atomic<int> modifies{0};         ///< of connections
    std::atomic<int> listener_events{0};  ///< how often a client was announced
    std::atomic<bool> stop_has_begun{false};
    std::atomic<net::duration> last_timeout{net::duration::zero()};
    int listener = -1;
    std::set<int> connections{};  ///< descriptors in the poller, with the stop event's. For the server's thread
    /// What happens between a wait and the first look at its events, and may put them in order. The server's, too
    std::function<void(std::vector<net::event>&)> meddle{};

    /// The server's time. While it stands still nothing that the machine does makes a client idle.
    [[nodiscard]] net::time_point now() const noexcept {
        const net::time_point still = still_;
        return still != net::time_point::min() ? still : net::clock::now() + passed_.load();
    }
    [[nodiscard]] bool time_stands_still() const noexcept { return still_.load() != net::time_point::min(); }
    void hold_time() { still_ = net::clock::now(); }
    void pass(net::duration time) { still_ = still_.load() + time; }
    void let_time_run() {
        const net::time_point still = still_;
        if (still == net::time_point::min()) return;
        passed_ = std::max(still - net::clock::now(), net::duration::zero());
        still_ = net::time_point::min();
    }

    observations() {
        if (wake_ < 0) throw std::system_error{errno, std::system_category(), "eventfd"};
    }
    observations(const observations&) = delete;
    observations& operator=(const observations&) = delete;
    ~observations() { ::close(wake_); }

    void post(std::function<void()> job) {
        const std::scoped_lock locked{lock_};
        jobs_.push_back(std::move(job));
        ::eventfd_write(wake_, 1);
    }
    void run_jobs() {
        std::vector<std::function<void()>> jobs;
        {
            const std::scoped_lock locked{lock_};
            eventfd_t times = 0;
            ::eventfd_read(wake_, &times);
            jobs.swap(jobs_);
        }
        for (const auto& job : jobs) job();
    }
    [[nodiscard]] int wake_descriptor() const { return wake_; }

  private:
    std::atomic<net::time_point> still_{net::time_point::min()};  ///< that: time runs
    std::atomic<net::duration> passed_{net::duration::zero()};
    int wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    std::mutex lock_;
    std::vector<std::function<void()>> jobs_;
};

/// A poller, watched. Between two waits it runs the test's jobs in the server's thread: then the server
/// has finished with all events of before.
class observed_poller {
  public:
    static constexpr bool has_edge = true;  // if the one inside has: the tests do not ask for more
    observed_poller(observations& seen, kind on) : seen_{&seen} {
        if (on == kind::poll) real_.emplace<net::poll_poller>();
        if (on == kind::select) real_.emplace<net::select_poller>();
        batch_.reserve(2048);
        add_to_real(seen.wake_descriptor(), interest::read, wake_token, trigger::level);
    }
    void add(int descriptor, interest what, std::uint64_t token, trigger how) {
        if (descriptor == seen_->listener)
            listener_token_ = token;
        else
            seen_->connections.insert(descriptor);
        add_to_real(descriptor, what, token, how);
    }
    void modify(int descriptor, interest what, std::uint64_t token, trigger how) {
        if (descriptor != seen_->listener) ++seen_->modifies;
        std::visit([&](auto& real) { real.modify(descriptor, what, token, how); }, real_);
    }
    void remove(int descriptor) {
        if (descriptor == seen_->listener) seen_->stop_has_begun = true;
        seen_->connections.erase(descriptor);
        std::visit([&](auto& real) { real.remove(descriptor); }, real_);
    }
    [[nodiscard]] net::time_point now() const noexcept { return seen_->now(); }
    std::span<const net::event> wait(net::duration timeout) {
        const net::time_point until = net::detail::later(now(), std::max(timeout, net::duration::zero()));
        seen_->last_timeout = timeout;
        for (;;) {
            seen_->run_jobs();
            ++seen_->waits;
            batch_.clear();
            // While time stands still only an event or a job ends a wait; a job may let time pass.
            const net::duration left = until <= now()                                                   ? net::duration::zero()
                                       : until == net::time_point::max() || seen_->time_stands_still() ? net::never
                                                                                                        : until - now();
            const auto events = std::visit([&](auto& real) { return real.wait(left); }, real_);
            for (const net::event& happened : events) {
                if (happened.token == wake_token) continue;
                if (happened.token == listener_token_) ++seen_->listener_events;
                batch_.push_back(happened);
            }
            if (!batch_.empty() && seen_->meddle) seen_->meddle(batch_);
            if (!batch_.empty() || now() >= until) return batch_;
        }
    }

  private:
    void add_to_real(int descriptor, interest what, std::uint64_t token, trigger how) {
        std::visit([&](auto& real) { real.add(descriptor, what, token, how); }, real_);
    }
    static constexpr std::uint64_t wake_token = 0x7777777777777777;
    std::variant<net::epoll_poller, net::poll_poller, net::select_poller> real_;
    observations* seen_;
    std::uint64_t listener_token_ = wake_token;
    std::vector<net::event> batch_;
};

/// What the handler was told. The server's thread writes, the test waits for what it wants to see.
struct journal {
    int opened = 0;
    int ended = 0;
    int calls = 0;          ///< of the handler proper
    std::size_t bytes = 0;  ///< ... with so many bytes
    std::size_t max_queued = 0;
    std::map<std::uint64_t, int> closes;  ///< of each connection, how many
    std::vector<std::error_code> reasons;
    std::vector<std::string> errors;
    std::vector<std::error_code> accept_errors;
};

/// What a test wants to happen. An echo server, unless said otherwise.
struct hooks {
    std::function<void(net::connection&, bytes_view)> bytes = [](net::connection& client, bytes_view received) {
        client.send(received);
    };
    std::function<void(net::connection&)> open{}, end{};
    std::function<void(net::connection&, std::error_code)> close{};
    std::function<void(std::error_code)> accept_error{};
};

struct journalist {
    journal written;
    std::mutex lock;
    std::condition_variable changed;

    template <class Change>
    void write(Change change) {
        {
            const std::scoped_lock locked{lock};
            change(written);
        }
        changed.notify_all();
    }
};

/// The handler: writes down, then does what the hook says.
struct recording_handler {
    journalist* to;
    hooks actions;

    void operator()(net::connection& client, bytes_view received) {
        to->write([&](journal& j) { ++j.calls, j.bytes += received.size(); });
        actions.bytes(client, received);
        to->write([&](journal& j) { j.max_queued = std::max(j.max_queued, client.queued()); });
    }
    void on_open(net::connection& client) {
        to->write([&](journal& j) { ++j.opened, j.closes[client.id()] += 0; });
        if (actions.open) actions.open(client);
    }
    void on_end(net::connection& client) {
        to->write([&](journal& j) { ++j.ended; });
        if (actions.end) actions.end(client);
    }
    void on_close(net::connection& client, std::error_code why) {
        to->write([&](journal& j) { ++j.closes[client.id()], j.reasons.push_back(why); });
        if (actions.close) actions.close(client, why);
    }
    void on_error(net::connection&, const std::exception& failure) {
        to->write([&](journal& j) { j.errors.emplace_back(failure.what()); });
    }
    void on_accept_error(std::error_code why) {
        if (actions.accept_error) actions.accept_error(why);
        to->write([&](journal& j) { j.accept_errors.push_back(why); });
    }
};

net::socket loopback_listener() { return net::tcp_listener{{net::ipv4_address::loopback(), 0}}.into_socket(); }
/// Its connections inherit small buffers, so that little data is enough to fill them.
net::socket listener_with_small_buffers() {
    net::socket listener = loopback_listener();
    listener.set_option(net::option::receive_buffer{8192});
    listener.set_option(net::option::send_buffer{8192});
    return listener;
}

/// A server that runs in a thread as long as this object lives, or until finish().
class running_server {
  public:
    explicit running_server(hooks actions = {}, server_options options = {}, net::socket listener = loopback_listener())
        : where_{listener.local_endpoint()},
          poller_{observe(listener, options)},
          server_{std::move(listener), recording_handler{&journal_, std::move(actions)}, options, std::move(poller_)},
          thread_{[this] {
              try {
                  server_.run(stop_);
              } catch (...) {
                  failure_ = std::current_exception();
              }
          }} {}
    ~running_server() {
        seen_.post([this] { seen_.let_time_run(); });
        stop_.request_stop();
        if (thread_.joinable()) thread_.join();
    }

    [[nodiscard]] net::endpoint where() const { return where_.ip(); }
    [[nodiscard]] const net::socket_address& address() const { return where_; }
    void request_stop() { stop_.request_stop(); }
    /// Waits until run() has returned, and throws what it threw.
    void finish() {
        seen_.post([this] { seen_.let_time_run(); });
        stop_.request_stop();
        wait_for_end();
    }
    void wait_for_end() {
        thread_.join();
        if (failure_) std::rethrow_exception(failure_);
    }

    /// Waits until the journal fits. (That it never does is noticed by the time limit of the whole program.)
    template <class Condition>
    void wait_until(Condition condition) {
        std::unique_lock locked{journal_.lock};
        journal_.changed.wait(locked, [&] { return condition(journal_.written); });
    }
    journal read() {
        const std::scoped_lock locked{journal_.lock};
        return journal_.written;
    }
    observations& seen() { return seen_; }
    /// After run(), or in the server's thread.
    auto& server() { return server_; }

    /// Runs a job in the server's thread, between two waits, and returns its result.
    template <class Job>
    auto there(Job job) {
        auto task = std::make_shared<std::packaged_task<decltype(job())()>>(std::move(job));
        auto result = task->get_future();
        seen_.post([task] { (*task)(); });
        return result.get();
    }
    std::size_t connections() {
        return there([this] { return server_.connection_count(); });
    }
    /// Lets so much time pass for the server, and returns when the server has done what it does about that.
    void pass(net::duration time) {
        there([this, time] { return seen_.pass(time), 0; });
        there([] { return 0; });
    }
    /// Lets time pass until so many connections are left. (A byte that the kernel takes late begins an idle time anew.)
    void pass_until_left(std::size_t count, net::duration step) {
        while (connections() > count) pass(step);
    }
    /// Returns when nothing that the server has sent is on its way any more.
    void wait_until_acknowledged() {
        const auto under_way = [this] {
            int sum = 0;
            for (const int descriptor : seen_.connections) {
                int bytes = 0;
                if (::ioctl(descriptor, TIOCOUTQ, &bytes) == 0) sum += bytes;
            }
            return sum;
        };
        while (there(under_way) != 0) std::this_thread::yield();
    }
    /// Returns when so many have been closed since the beginning, and been forgotten.
    void wait_until_closed(std::size_t count) {
        wait_until([&](const journal& j) { return j.reasons.size() >= count; });
        there([] { return 0; });
    }

    /// Holds the server between two waits as long as the returned object lives.
    [[nodiscard]] auto hold() {
        struct held {
            std::promise<void> release{};
            ~held() { release.set_value(); }
        };
        auto holding = std::make_unique<held>();
        std::promise<void> arrived;
        auto arrival = arrived.get_future();
        seen_.post([&arrived, released = holding->release.get_future().share()] {
            arrived.set_value();
            released.wait();
        });
        arrival.wait();
        return holding;
    }

  private:
    observed_poller observe(const net::socket& listener, const server_options& options) {
        seen_.listener = listener.native_handle();
        if (options.time_stands_still) seen_.hold_time();
        return observed_poller{seen_, options.on};
    }

    net::socket_address where_;
    net::stop_event stop_;
    observations seen_;
    journalist journal_;
    observed_poller poller_;  // moved into the server
    net::reactor_server<recording_handler, observed_poller> server_;
    std::exception_ptr failure_;
    std::thread thread_;  // last: it uses all the others
};

// ---- clients -------------------------------------------------------------------------------------------

net::tcp_stream client_with_small_buffers(const net::endpoint& where) {
    net::socket connecting{net::address_family::inet, net::socket_type::stream};
    connecting.set_option(net::option::receive_buffer{8192});
    connecting.set_option(net::option::send_buffer{8192});
    connecting.connect(where);
    return net::tcp_stream{std::move(connecting)};
}

/// Everything up to the end of the stream. A reset is an exception.
template <class Stream>
std::string recv_to_end(Stream& stream) {
    std::string all;
    std::array<char, 64 * 1024> part;
    while (const std::size_t size = stream.recv(part)) all.append(part.data(), size);
    return all;
}
/// The same, whether it ends well or not.
std::string recv_until_over(net::tcp_stream& stream, std::error_code& error) {
    std::string all;
    std::array<char, 64 * 1024> part;
    while (const std::size_t size = stream.recv(part, error)) all.append(part.data(), size);
    return all;
}
template <class Stream>
std::string recv_exactly(Stream& stream, std::size_t size) {
    std::string all(size, '\0');
    for (std::size_t filled = 0; filled < size;) {
        const std::size_t received = stream.recv(std::span{all}.subspan(filled));
        if (received == 0) throw std::runtime_error{"the stream ended after " + std::to_string(filled) + " bytes"};
        filled += received;
    }
    return all;
}
template <class Stream>
bool is_echoed(Stream& stream, const std::string& text) {
    stream.send_all(text);
    return recv_exactly(stream, text.size()) == text;
}
/// Sends all, says goodbye, and receives all at the same time.
template <class Stream>
std::string exchange(Stream& stream, const std::string& text) {
    auto sending = std::async(std::launch::async, [&] {
        stream.send_all(text);
        stream.shutdown(net::shutdown_direction::send);
    });
    std::string answer = recv_to_end(stream);
    sending.get();
    return answer;
}
void reset(net::tcp_stream& stream) {
    stream.set_option(net::option::linger{0s});
    stream.close();
}
std::string random_bytes(std::size_t size, unsigned seed) {
    std::mt19937 random{seed};
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    return bytes;
}
/// Sends without reading until the condition holds, and returns what was sent.
template <class Condition>
std::string send_until(net::tcp_stream& stream, running_server& server, Condition condition) {
    const std::string part = random_bytes(16 * 1024, 1);
    std::string sent;
    stream.set_blocking(false);
    while (!condition(server.read())) {
        std::error_code error;
        sent.append(part, 0, stream.send_all(part, error));
        if (error && error != std::errc::operation_would_block) throw std::system_error{error};
        if (error) std::this_thread::yield();
    }
    stream.set_blocking(true);
    return sent;
}

/// The soft limit of descriptors, for a while.
class descriptor_limit {
  public:
    explicit descriptor_limit(rlim_t limit) {
        if (::getrlimit(RLIMIT_NOFILE, &before_) != 0) throw std::system_error{errno, std::system_category()};
        rlimit wanted = before_;
        wanted.rlim_cur = std::min(limit, before_.rlim_max);
        if (::setrlimit(RLIMIT_NOFILE, &wanted) != 0) throw std::system_error{errno, std::system_category()};
    }
    descriptor_limit(const descriptor_limit&) = delete;
    descriptor_limit& operator=(const descriptor_limit&) = delete;
    ~descriptor_limit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    [[nodiscard]] static rlim_t now() {
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        return limit.rlim_cur;
    }

  private:
    rlimit before_{};
};

server_options options_for(const manner& how) {
    server_options options{how};
    options.max_queue = 16 << 20;  // tests send much at once
    return options;
}
/// With these a few hundred kilobytes are much.
server_options small_options(const manner& how) {
    server_options options{how};
    options.high_water = 64 * 1024;
    options.low_water = 16 * 1024;
    options.read_size = 8 * 1024;
    return options;
}

/// A client whose descriptor is not among those that select can hold: these are the server's.
net::tcp_stream out_of_the_way(net::tcp_stream client) {
    net::socket moved{::fcntl(client.native_handle(), F_DUPFD_CLOEXEC, FD_SETSIZE)};
    if (!moved.is_open()) throw std::system_error{errno, std::system_category(), "F_DUPFD"};
    return net::tcp_stream{std::move(moved)};
}

constexpr int reads_a_turn = 16;  // as in server/reactor.hpp

}  // namespace

// ---- echo ----------------------------------------------------------------------------------------------

TEMPLATE_TEST_CASE("the server of the first page is an echo server on every poller", "", net::select_poller,
                   net::poll_poller, net::epoll_poller) {
    const net::endpoint anywhere{net::ipv4_address::loopback(), 0};
    net::tcp_listener listener{anywhere};
    listener.set_option(net::option::no_delay{});
    const net::endpoint where = listener.local_endpoint();
    net::stop_event stop;
    net::reactor_server server{
        std::move(listener).into_socket(), [](auto& client, auto bytes) { client.send(bytes); }, {}, TestType{}};
    std::thread running{[&] { server.run(stop); }};
    net::tcp_stream client{where};
    CHECK(exchange(client, "hello") == "hello");
    client.close();
    stop.request_stop();
    running.join();
    CHECK(server.connection_count() == 0);
}

TEST_CASE("what is sent comes back whole though the client closes its sending side first") {
    const manner how = every_manner();
    const std::size_t size = GENERATE(0u, 1u, 64u * 1024, 64u * 1024 + 1, 10u * 1024 * 1024);
    CAPTURE(how, size);
    running_server server{{}, options_for(how)};
    const std::string text = random_bytes(size, 7);
    net::tcp_stream client{server.where()};
    const std::string answer = exchange(client, text);
    CHECK(answer.size() == size);
    const bool same = answer == text;
    CHECK(same);
    server.wait_until_closed(1);
    const journal seen = server.read();
    CHECK(seen.opened == 1);
    CHECK(seen.ended == 1);
    CHECK(seen.bytes == size);
    CHECK(seen.reasons == std::vector<std::error_code>{{}});
    if (how == trigger::edge) CHECK(server.seen().modifies == 0);  // registered once, for all
}

TEST_CASE("a thousand clients at once each get their own bytes back") {
    const manner how = every_manner();
    CAPTURE(how);
    constexpr std::size_t count = 1000;
    const descriptor_limit raised{RLIM_INFINITY};
    if (descriptor_limit::now() < FD_SETSIZE + count + 10) NETNOTES_SKIP("too few descriptors for a thousand clients");
    running_server server{{}, options_for(how)};
    std::vector<net::tcp_stream> clients;
    std::vector<std::string> texts;
    for (unsigned i = 0; i < count; ++i) {
        clients.push_back(out_of_the_way(net::tcp_stream{server.where()}));
        texts.push_back(random_bytes(1 + i * 7 % 5000, i));
    }
    for (std::size_t i = 0; i < count; ++i) clients[i].send_all(texts[i]);
    std::size_t right = 0;
    for (std::size_t i = 0; i < count; ++i) right += recv_exactly(clients[i], texts[i].size()) == texts[i];
    CHECK(right == count);
    CHECK(server.connections() == count);
    for (auto& client : clients) client.shutdown(net::shutdown_direction::send);
    for (auto& client : clients) right -= recv_to_end(client).empty();
    CHECK(right == 0);
    server.wait_until_closed(count);
}

TEST_CASE("a client says something many times") {
    const manner how = every_manner();
    running_server server{{}, options_for(how)};
    net::tcp_stream client{server.where()};
    int right = 0;
    for (unsigned i = 0; i < 500; ++i) right += is_echoed(client, random_bytes(1 + i, i));
    CHECK(right == 500);
    CHECK(server.seen().modifies == 0);  // nothing had to be asked for anew
}

TEST_CASE("clients of a Unix socket are served too") {
    const manner how = every_manner();
    const auto where = net::unix_endpoint::abstract("netnotes-reactor-test-" + std::to_string(::getpid()));
    net::socket listener{net::address_family::local, net::socket_type::stream};
    listener.bind(where);
    listener.listen();
    std::atomic<bool> peer_is_unnamed{false};
    hooks actions;
    actions.open = [&](net::connection& client) { peer_is_unnamed = client.peer().local().is_unnamed(); };
    running_server server{actions, small_options(how), std::move(listener)};
    const std::string text = random_bytes(1 << 20, 3);
    std::vector<net::socket> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back(net::address_family::local, net::socket_type::stream);
        clients.back().connect(where);
    }
    for (auto& client : clients) {
        const bool same = exchange(client, text) == text;
        CHECK(same);
    }
    server.wait_until_closed(3);
    CHECK(peer_is_unnamed);
    CHECK(server.read().reasons == std::vector<std::error_code>(3));
}

TEST_CASE("a connection knows its peer and has a number of its own") {
    const manner how = every_manner();
    std::mutex lock;
    std::set<std::uint64_t> numbers;
    std::set<std::string> peers;
    hooks actions;
    actions.open = [&](net::connection& client) {
        const std::scoped_lock locked{lock};
        numbers.insert(client.id());
        peers.insert(client.peer().to_string());
    };
    running_server server{actions, options_for(how)};
    std::set<std::string> expected;
    for (std::size_t i = 0; i < 20; ++i) {
        net::tcp_stream first{server.where()}, second{server.where()};
        expected.insert(first.local_endpoint().to_string());
        expected.insert(second.local_endpoint().to_string());
        CHECK(is_echoed(first, "1"));
        CHECK(is_echoed(second, "2"));
        first.close();
        second.close();
        server.wait_until_closed(2 * (i + 1));  // so that the next two stand where these did
    }
    const std::scoped_lock locked{lock};
    CHECK(numbers.size() == 40);
    CHECK(peers == expected);
}

// ---- leaving -------------------------------------------------------------------------------------------

TEST_CASE("clients that leave in any order and any manner leave nothing behind") {
    const manner how = every_manner();
    const unsigned seed = GENERATE(1u, 2u, 3u);
    CAPTURE(how, seed);
    constexpr std::size_t count = 200;
    running_server server{{}, small_options(how)};
    std::ptrdiff_t at_rest = 0;
    std::mt19937 random{seed};
    std::size_t wrong = 0;
    for (std::size_t round = 0; round < 3; ++round) {
        std::vector<net::tcp_stream> clients;
        for (std::size_t i = 0; i < count; ++i) clients.emplace_back(server.where());
        std::shuffle(clients.begin(), clients.end(), random);
        for (net::tcp_stream& client : clients) {
            const std::string text = random_bytes(1 + random() % 20'000, static_cast<unsigned>(random()));
            switch (random() % 6) {
                case 0: client.close(); break;
                case 1: reset(client); break;
                case 2:  // half-close
                    wrong += exchange(client, text) != text;
                    client.close();
                    break;
                case 3:  // the answer comes when nobody is there
                    client.send_all(text);
                    client.close();
                    break;
                case 4:  // ... and this one said "no more" before
                    client.send_all(text);
                    client.shutdown(net::shutdown_direction::send);
                    client.close();
                    break;
                default: wrong += !is_echoed(client, text); reset(client);
            }
        }
        clients.clear();
        server.wait_until_closed(count * (round + 1));
        if (round == 0) at_rest = open_descriptors();
        CHECK(open_descriptors() == at_rest);
    }
    CHECK(wrong == 0);
    const journal seen = server.read();
    CHECK(seen.closes.size() == 3 * count);
    CHECK(std::all_of(seen.closes.begin(), seen.closes.end(), [](const auto& close) { return close.second == 1; }));
    CHECK(std::all_of(seen.reasons.begin(), seen.reasons.end(), [](const std::error_code& why) {
        return !why || why == std::errc::connection_reset || why == std::errc::broken_pipe;
    }));
    CHECK(net::tcp_stream{server.where()}.is_open());
}

TEST_CASE("descriptors return to the count of before the first client") {
    const manner how = every_manner();
    running_server server{{}, options_for(how)};
    const auto at_rest = server.there(open_descriptors);
    {
        std::vector<net::tcp_stream> clients;
        for (int i = 0; i < 20; ++i) clients.emplace_back(server.where());
        for (auto& client : clients) CHECK(is_echoed(client, "x"));
        CHECK(open_descriptors() == at_rest + 40);
    }
    server.wait_until_closed(20);
    CHECK(open_descriptors() == at_rest);
}

TEST_CASE("the reason of a close tells how it came to be") {
    const manner how = every_manner();
    CAPTURE(how);
    running_server server{{}, options_for(how)};
    net::tcp_stream client{server.where()};
    REQUIRE(is_echoed(client, "hello"));
    SECTION("an orderly end has no error and the end of the stream is told before") {
        client.close();
        server.wait_until_closed(1);
        CHECK(server.read().ended == 1);
        CHECK(server.read().reasons == std::vector<std::error_code>{{}});
    }
    SECTION("a reset is a reset and no end of the stream") {
        reset(client);
        server.wait_until_closed(1);
        CHECK(server.read().ended == 0);
        REQUIRE(server.read().reasons.size() == 1);
        CHECK(server.read().reasons[0] == std::errc::connection_reset);
    }
    SECTION("a stop is an operation canceled") {
        server.wait_until_acknowledged();
        server.finish();
        CHECK(server.read().ended == 0);
        REQUIRE(server.read().reasons.size() == 1);
        CHECK(server.read().reasons[0] == std::errc::operation_canceled);
    }
    const journal seen = server.read();
    CHECK(seen.closes.size() == 1);
    CHECK(seen.closes.begin()->second == 1);
}

TEST_CASE("a reset that comes to light with the last word is told") {
    const manner how = every_manner();
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) { client.close_after_sending(); };
    running_server server{actions, options_for(how)};
    {
        const auto held = server.hold();
        net::tcp_stream client{server.where()};
        client.send_all("x");
        reset(client);
    }
    server.wait_until_closed(1);
    CHECK(server.read().ended == 0);
    CHECK(server.read().reasons[0]);  // not_connected, or connection_reset: whichever call noticed
}

TEST_CASE("a client that was reset while it stood in the queue is accepted and forgotten") {
    const manner how = every_manner();
    running_server server{{}, options_for(how)};
    net::tcp_stream healthy;
    {
        const auto held = server.hold();
        net::tcp_stream dead{server.where()};
        healthy = net::tcp_stream{server.where()};
        reset(dead);
    }
    CHECK(is_echoed(healthy, "still there"));
    server.wait_until([](const journal& j) { return j.reasons.size() >= 1; });
    CHECK(server.read().reasons[0] == std::errc::connection_reset);
    CHECK(server.read().accept_errors.empty());
    CHECK(server.connections() == 1);
}

TEST_CASE("last bytes and the end of the stream that come in one event are both seen") {
    // An edge-triggered poller announces the two together, once. Whoever stops at a short read, as is right
    // otherwise, never learns of the end; and whoever stops after some reads must come back.
    const manner how = every_manner();
    server_options options = options_for(how);
    options.read_size = 512;
    const std::size_t size = GENERATE(0u, 1u, 511u, 512u, 513u, 2u * 512, 15u * 512, 16u * 512 - 1, 16u * 512,
                                      16u * 512 + 1, 17u * 512, 32u * 512, 33u * 512 + 1);
    const bool is_new = GENERATE(false, true);
    CAPTURE(how, size, is_new);
    running_server server{{}, options};
    net::tcp_stream client;
    if (!is_new) {
        client = net::tcp_stream{server.where()};
        REQUIRE(is_echoed(client, "x"));
    }
    const std::string text = random_bytes(size, 5);
    {
        const auto held = server.hold();
        if (is_new) client = net::tcp_stream{server.where()};
        if (size > 0) client.send_all(text);
        client.shutdown(net::shutdown_direction::send);
    }
    const bool same = recv_to_end(client) == text;
    CHECK(same);
    server.wait_until_closed(1);
    CHECK(server.read().ended == 1);
    CHECK(server.read().reasons == std::vector<std::error_code>{{}});
}

TEST_CASE("what the handler sends at the end of the stream is the last thing that the client receives") {
    const manner how = every_manner();
    hooks actions;
    actions.end = [](net::connection& client) { client.send("bye"); };
    running_server server{actions, options_for(how)};
    net::tcp_stream client{server.where()};
    CHECK(exchange(client, "hello ") == "hello bye");
}

// ---- what handlers do ----------------------------------------------------------------------------------

TEST_CASE("a greeting is sent before the client has said anything") {
    const manner how = every_manner();
    hooks actions;
    actions.open = [](net::connection& client) { client.send("220 ready\r\n"); };
    running_server server{actions, options_for(how)};
    net::tcp_stream client{server.where()};
    CHECK(recv_exactly(client, 11) == "220 ready\r\n");
    CHECK(is_echoed(client, "hello"));
}

TEST_CASE("a connection that is closed when it opens is gone before the first read") {
    const manner how = every_manner();
    const bool orderly = GENERATE(false, true);
    hooks actions;
    actions.open = [orderly](net::connection& client) {
        client.send("go away");
        orderly ? client.close_after_sending() : client.close();
    };
    running_server server{actions, options_for(how)};
    for (int i = 0; i < 3; ++i) {
        net::tcp_stream client{server.where()};
        CHECK(recv_to_end(client) == "go away");
    }
    server.wait_until_closed(3);
    CHECK(server.read().calls == 0);
    CHECK(server.read().reasons == std::vector<std::error_code>(3));
}

TEST_CASE("what one says is broadcast to all") {
    const manner how = every_manner();
    std::map<std::uint64_t, net::connection*> present;  // only the server's thread looks at it
    hooks actions;
    actions.open = [&](net::connection& client) { present[client.id()] = &client; };
    actions.bytes = [&](net::connection&, bytes_view received) {
        for (const auto& [id, client] : present) client->send(received);
    };
    actions.close = [&](net::connection& client, std::error_code) {
        present.erase(client.id());
        for (const auto& [id, other] : present) other->send("one has left");
    };
    running_server server{actions, options_for(how)};
    std::vector<net::tcp_stream> clients;
    for (int i = 0; i < 10; ++i) clients.emplace_back(server.where());
    server.wait_until([](const journal& j) { return j.opened >= 10; });
    clients[3].send_all("hello");
    for (auto& client : clients) CHECK(recv_exactly(client, 5) == "hello");
    clients[5].close();
    clients.erase(clients.begin() + 5);
    for (auto& client : clients) CHECK(recv_exactly(client, 12) == "one has left");
}

TEST_CASE("a handler that closes its own connection is not called again for it") {
    const manner how = every_manner();
    CAPTURE(how);
    hooks actions;
    const std::error_code reason = std::make_error_code(std::errc::protocol_error);
    actions.bytes = [&](net::connection& client, bytes_view) {
        client.close(reason);
        client.close(std::make_error_code(std::errc::io_error));  // the first word counts
        client.send("too late");
        client.close_after_sending();
    };
    server_options options = options_for(how);
    options.read_size = 16;
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all(std::string(160, 'x'));  // ten reads
    std::error_code error;
    CHECK(recv_until_over(client, error).empty());
    server.wait_until_closed(1);
    CHECK(server.read().calls == 1);
    CHECK(server.read().ended == 0);
    CHECK(server.read().reasons == std::vector<std::error_code>{reason});
}

TEST_CASE("after the last word nothing more is sent and nothing more is read") {
    const manner how = every_manner();
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) {
        client.send("last");
        client.close_after_sending();
        client.send("later");
    };
    server_options options = options_for(how);
    options.read_size = 16;
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all(std::string(160, 'x'));
    CHECK(recv_to_end(client) == "last");    // the end of the stream, and no reset, though bytes were left
    client.send_all(std::string(160, 'x'));  // they are dropped
    client.close();
    server.wait_until_closed(1);
    CHECK(server.read().calls == 1);
    CHECK(server.read().ended == 0);  // nobody asked for it any more
    CHECK(server.read().reasons == std::vector<std::error_code>{{}});
}

TEST_CASE("a handler that throws loses its connection and no other") {
    const manner how = every_manner();
    const std::string place = GENERATE("open"s, "bytes"s, "end"s, "close"s);
    CAPTURE(how, place);
    std::atomic<bool> armed{false};
    const auto fail_at = [&](const std::string& here) {
        if (armed && here == place) throw std::runtime_error{"failed at " + here};
    };
    hooks actions;
    actions.open = [&](net::connection&) { fail_at("open"); };
    actions.bytes = [&](net::connection& client, bytes_view received) {
        fail_at("bytes");
        client.send(received);
    };
    actions.end = [&](net::connection&) { fail_at("end"); };
    actions.close = [&](net::connection&, std::error_code) { fail_at("close"); };
    running_server server{actions, options_for(how)};
    net::tcp_stream bystander{server.where()};
    CHECK(is_echoed(bystander, "before"));
    armed = true;
    net::tcp_stream client{server.where()};
    std::error_code error;
    client.send_all("x", error);
    client.shutdown(net::shutdown_direction::send, error);
    recv_until_over(client, error);
    server.wait_until([](const journal& j) { return j.reasons.size() >= 1 && j.errors.size() >= 1; });
    armed = false;
    CHECK(is_echoed(bystander, "after"));
    CHECK(server.connections() == 1);
    CHECK(server.read().errors == std::vector{"failed at " + place});
    const std::error_code why = server.read().reasons[0];
    if (place == "close")
        CHECK_FALSE(why);  // it had ended well before
    else
        CHECK(why == std::errc::state_not_recoverable);
}

TEST_CASE("connections that close each other in a row are all closed once") {
    const manner how = every_manner();
    std::vector<net::connection*> present;
    hooks actions;
    actions.open = [&](net::connection& client) { present.push_back(&client); };
    actions.bytes = [&](net::connection& client, bytes_view) { client.close(); };
    actions.close = [&](net::connection& client, std::error_code) {
        std::erase(present, &client);
        if (!present.empty()) present.back()->close(std::make_error_code(std::errc::owner_dead));
        for (net::connection* const other : present) other->send("x");
    };
    running_server server{actions, options_for(how)};
    std::vector<net::tcp_stream> clients;
    for (int i = 0; i < 20; ++i) clients.emplace_back(server.where());
    server.wait_until([](const journal& j) { return j.opened >= 20; });
    clients[7].send_all("fall");
    server.wait_until_closed(20);
    const journal seen = server.read();
    CHECK(seen.reasons.size() == 20);
    CHECK(std::all_of(seen.closes.begin(), seen.closes.end(), [](const auto& close) { return close.second == 1; }));
    CHECK(std::count(seen.reasons.begin(), seen.reasons.end(), std::errc::owner_dead) == 19);
}

// ---- slow, silent and gone -----------------------------------------------------------------------------

TEST_CASE("a client that does not read is not read beyond the high water mark and then gets every byte") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = small_options(how);
    options.high_water = 256 * 1024;  // far above what the kernel may still take when the pause has begun
    bool was_paused = false, read_too_early = false;  // the server's thread alone writes and the test reads last
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        if (std::exchange(was_paused, false) && client.queued() > options.low_water) read_too_early = true;
        client.send(received);
        if (client.queued() > options.high_water) was_paused = true;
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream other{server.where()};
    net::tcp_stream slow = client_with_small_buffers(server.where());
    const std::string text = random_bytes(2 << 20, 11);
    auto sending = std::async(std::launch::async, [&] {
        slow.send_all(text);
        slow.shutdown(net::shutdown_direction::send);
    });
    server.wait_until([&](const journal& j) { return j.max_queued > options.high_water; });

    // Nobody else notices, and the server does not spin.
    const std::size_t handled = server.read().bytes;
    const int waits = server.seen().waits;
    int right = 0;
    for (int i = 0; i < 100; ++i) right += is_echoed(other, std::to_string(i) + '\n');
    CHECK(right == 100);
    CHECK(server.seen().waits - waits <= 210);  // some were waits for the slow one's buffers to fill
    CHECK(server.read().bytes == handled + 290);

    const std::string answer = recv_to_end(slow);
    sending.get();
    CHECK(answer.size() == text.size());
    const bool same = answer == text;
    CHECK(same);
    slow.close();
    other.close();
    server.finish();
    CHECK_FALSE(read_too_early);
    CHECK(server.read().max_queued <= options.high_water + options.read_size);
    if (how == trigger::edge) CHECK(server.seen().modifies == 0);
}

TEST_CASE("a peer that never reads is closed after the idle timeout") {
    const manner how = every_manner();
    const bool draining = GENERATE(false, true);
    CAPTURE(how, draining);
    server_options options = options_for(how);
    options.idle_timeout = 200ms;
    options.time_stands_still = true;
    hooks actions;
    actions.bytes = [draining](net::connection& client, bytes_view) {
        client.send(std::string(1 << 20, 'a'));
        if (draining) client.close_after_sending();
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.max_queued > 0; });
    server.pass(200ms - 1ns);
    CHECK(server.connections() == 1);
    server.pass_until_left(0, 200ms);
    CHECK(server.read().reasons.at(0) == std::errc::timed_out);
    std::error_code error;
    CHECK(recv_until_over(client, error).size() < 1 << 20);
    CHECK(error == std::errc::connection_reset);
}

TEST_CASE("a silent client is closed after the idle timeout and not before") {
    const manner how = every_manner();
    const bool has_spoken = GENERATE(false, true);
    CAPTURE(how, has_spoken);
    server_options options = options_for(how);
    options.idle_timeout = 200ms;
    options.time_stands_still = true;
    running_server server{{}, options};
    net::tcp_stream client{server.where()};
    server.wait_until([](const journal& j) { return j.opened == 1; });
    if (has_spoken) {
        server.pass(150ms);
        CHECK(is_echoed(client, "the last word"));
    }
    server.pass(200ms - 1ns);
    CHECK(server.connections() == 1);
    server.pass(1ns);
    CHECK(server.connections() == 0);
    CHECK(recv_to_end(client).empty());
    CHECK(server.read().reasons.at(0) == std::errc::timed_out);
}

TEST_CASE("the longest time limits of a server wait for ever") {
    const manner how = every_manner();
    const net::wait_time longest = GENERATE(net::wait_time{net::never}, net::wait_time{net::never - 1ns},
                                            net::wait_time{std::chrono::hours::max()},
                                            net::wait_time{std::chrono::years::max()},
                                            net::wait_time{std::chrono::duration<double>{1e300}});
    server_options options = options_for(how);
    options.idle_timeout = longest;
    options.stop_grace = longest;
    options.request_timeout = longest;
    if (GENERATE(false, true)) options.request_timeout.reset();
    running_server server{{}, options};
    net::tcp_stream client{server.where()}, asks{server.where()};
    CHECK(is_echoed(client, "x"));
    CHECK(server.there([&] { return server.seen().last_timeout.load(); }) == net::never);
    CHECK(server.connections() == 2);
    server.finish();
    CHECK(recv_to_end(client).empty());
}

TEST_CASE("a time of grace below zero is none") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.stop_grace = GENERATE(net::wait_time{0ns}, net::wait_time{-1ns}, net::wait_time{net::duration::min()},
                                  net::wait_time{std::chrono::hours::min()});
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) { client.send(std::string(1 << 20, 'a')); };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.max_queued > 0; });
    server.finish();
    std::error_code error;
    recv_until_over(client, error);
    CHECK(error == std::errc::connection_reset);
}

TEST_CASE("a handler that sends more than the greatest queue loses its connection") {
    const manner how = every_manner();
    const std::size_t part = GENERATE(1u << 10, 1u << 20);
    server_options options = options_for(how);
    options.max_queue = 512 * 1024;
    hooks actions;
    std::atomic<std::size_t> most{0};
    actions.bytes = [&](net::connection& client, bytes_view) {
        for (std::size_t sent = 0; sent < 2 << 20; sent += part) {
            client.send(std::string(part, 'a'));
            most = std::max(most.load(), client.queued());
        }
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where()), other{server.where()};
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.reasons.size() >= 1; });
    CHECK(server.read().reasons[0] == std::errc::no_buffer_space);
    CHECK(most <= 512 * 1024);
    std::error_code error;
    CHECK(recv_until_over(client, error).size() < 2 << 20);
    CHECK(error == std::errc::connection_reset);
    CHECK(server.connections() == 1);
}

TEST_CASE("an answer that is lost ends in a reset whatever the reason") {
    const manner how = every_manner();
    const std::string reason = GENERATE("idle"s, "request"s, "handler closes"s, "handler throws"s, "stop"s, "too much"s);
    CAPTURE(how, reason);
    server_options options = options_for(how);
    options.stop_grace = 50ms;
    options.time_stands_still = true;
    if (reason == "idle") options.idle_timeout = 100ms;
    if (reason == "request") options.request_timeout = 100ms;
    if (reason == "too much") options.max_queue = options.high_water;
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view) {
        client.send(std::string(1 << 20, 'a'));
        if (reason == "handler closes") client.close();
        if (reason == "handler throws") throw std::runtime_error{"in the middle"};
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("x");
    if (reason == "stop") {
        server.wait_until([](const journal& j) { return j.max_queued > 0; });
        server.finish();
    } else if (reason == "idle" || reason == "request") {
        server.wait_until([](const journal& j) { return j.max_queued > 0; });
        server.pass_until_left(0, 100ms);
    } else
        server.wait_until_closed(1);
    std::error_code error;
    CHECK(recv_until_over(client, error).size() < 1 << 20);
    CHECK(error == std::errc::connection_reset);
}

TEST_CASE("a handler that throws after half an answer ends in a reset though nothing is queued") {
    const manner how = every_manner();
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) {
        client.send("HTTP/1.1 200 OK\r\n");
        throw std::runtime_error{"and the rest?"};
    };
    running_server server{actions, options_for(how)};
    net::tcp_stream client{server.where()};
    client.send_all("GET");
    std::error_code error;
    recv_until_over(client, error);
    CHECK(error == std::errc::connection_reset);
}

TEST_CASE("a close with nothing queued is an orderly end") {
    const manner how = every_manner();
    const bool is_idle = GENERATE(false, true);
    server_options options = options_for(how);
    options.idle_timeout = 50ms;
    options.time_stands_still = true;
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        client.send(received);
        if (!is_idle) client.close(std::make_error_code(std::errc::owner_dead));
    };
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all("whole");
    CHECK(recv_exactly(client, 5) == "whole");
    if (is_idle) server.pass(50ms);
    CHECK(recv_to_end(client).empty());
}

// ---- the deadline of an exchange ------------------------------------------------------------------------

TEST_CASE("who is never idle and never answered is closed and a dialogue and a log live on") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.request_timeout = 100ms;
    options.time_stands_still = true;
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        const char word = net::as_text(received)[0];
        if (word == 'd') client.send(received);
        if (word == 'l') client.end_exchange();
    };
    running_server server{actions, options};
    net::tcp_stream trickles{server.where()}, talks{server.where()}, logs{server.where()};
    for (int round = 1; round <= 10; ++round) {
        trickles.send_all("t");
        logs.send_all("l");
        REQUIRE(is_echoed(talks, "d"));
        server.wait_until([&](const journal& j) { return j.calls == 3 * round; });
        if (round == 10) server.pass(10ms - 1ns);
        CHECK(server.connections() == 3);
        server.pass(round == 10 ? 1ns : 10ms);
    }
    CHECK(server.read().reasons == std::vector{std::make_error_code(std::errc::timed_out)});
    std::error_code error;
    CHECK(recv_until_over(trickles, error).empty());
    CHECK(is_echoed(talks, "d"));
    CHECK(server.connections() == 2);
}

TEST_CASE("who takes an answer bit by bit is closed after the time for the whole") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.request_timeout = 200ms;
    options.idle_timeout = 100ms;
    options.time_stands_still = true;
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) { client.send(std::string(2 << 20, 'a')); };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.max_queued > 0; });
    // Each time it takes so much that the server sends more: it is never idle.
    const auto queued = [&] {
        return server.there([&] { return server.seen().waits.load(); });
    };
    for (int i = 0; i < 20; ++i) {
        CHECK(server.connections() == 1);
        for (const int before = queued(); queued() <= before + 2;) recv_exactly(client, 8192);
        server.pass(10ms);
    }
    CHECK(server.connections() == 0);
    CHECK(server.read().reasons.at(0) == std::errc::timed_out);
    std::error_code error;
    recv_until_over(client, error);
    CHECK(error == std::errc::connection_reset);
}

TEST_CASE("nothing said of the time for an exchange is four idle timeouts") {
    const trigger how = both_triggers();
    server_options options;
    options.how = how;
    options.idle_timeout = 50ms;
    options.time_stands_still = true;
    hooks actions;
    actions.bytes = [](net::connection&, bytes_view) {};
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    for (int sent = 1; sent <= 5; ++sent) {
        client.send_all("x");
        server.wait_until([&](const journal& j) { return j.calls == sent; });
        if (sent < 5) server.pass(40ms);
    }
    server.pass(40ms - 1ns);
    CHECK(server.connections() == 1);
    server.pass(1ns);
    CHECK(server.connections() == 0);
    CHECK(server.read().reasons.at(0) == std::errc::timed_out);
}

// ---- half open -----------------------------------------------------------------------------------------

TEST_CASE("a client that has ended its half still gets the answer that comes later") {
    const manner how = every_manner();
    const bool in_parts = GENERATE(false, true);
    CAPTURE(how, in_parts);
    net::connection* asker = nullptr;
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        const std::string_view word = net::as_text(received);
        if (word == "ask") asker = &client;
        if (word == "answer" && asker) asker->send("answer");
        if (word == "no more" && asker) asker->close_after_sending();
    };
    actions.end = [&](net::connection& client) {
        if (in_parts && &client == asker) client.keep_open();
    };
    actions.close = [&](net::connection& client, std::error_code) {
        if (&client == asker) asker = nullptr;
    };
    running_server server{actions, options_for(how)};
    net::tcp_stream asks{server.where()}, answers{server.where()};
    asks.send_all("ask");
    asks.shutdown(net::shutdown_direction::send);
    server.wait_until([](const journal& j) { return j.ended == 1; });
    const int waits = server.seen().waits;
    CHECK(server.connections() == 2);
    CHECK(server.seen().waits - waits < 20);  // the end of the stream does not make it spin
    answers.send_all("answer");
    CHECK(recv_exactly(asks, 6) == "answer");
    if (in_parts) {
        answers.send_all("answer");
        CHECK(recv_exactly(asks, 6) == "answer");
        CHECK(server.connections() == 2);
        answers.send_all("no more");
    }
    CHECK(recv_to_end(asks).empty());
    server.wait_until_closed(1);
    CHECK(server.read().reasons == std::vector<std::error_code>{{}});
    CHECK(server.read().ended == 1);
}

TEST_CASE("a half open client that nobody answers is closed after the idle timeout or by the handler at once") {
    const manner how = every_manner();
    const bool at_once = GENERATE(false, true);
    server_options options = options_for(how);
    options.idle_timeout = 50ms;
    options.time_stands_still = true;
    hooks actions;
    actions.bytes = [](net::connection&, bytes_view) {};
    actions.end = [&](net::connection& client) {
        if (at_once) client.close_after_sending();
    };
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all("ask");
    client.shutdown(net::shutdown_direction::send);
    server.wait_until([](const journal& j) { return j.ended == 1; });
    if (!at_once) {
        server.pass(50ms - 1ns);
        CHECK(server.connections() == 1);
        server.pass(1ns);
    }
    CHECK(recv_to_end(client).empty());
    server.wait_until_closed(1);
    CHECK(server.read().reasons[0] == (at_once ? std::error_code{} : std::make_error_code(std::errc::timed_out)));
}

TEST_CASE("a stop does not wait for the answer to a half open client") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.stop_grace = net::never;
    hooks actions;
    actions.bytes = [](net::connection&, bytes_view) {};
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all("ask");
    client.shutdown(net::shutdown_direction::send);
    server.wait_until([](const journal& j) { return j.ended == 1; });
    server.finish();
    CHECK(recv_to_end(client).empty());
}

TEST_CASE("a reset ends a connection that is not being read") {
    // Error and hang-up are reported unasked, at every wait: not to act on them would be to spin.
    const manner how = every_manner();
    const bool draining = GENERATE(false, true);
    CAPTURE(how, draining);
    const server_options options = small_options(how);
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        client.send(received);
        if (draining && client.queued() > options.high_water) client.close_after_sending();
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream other{server.where()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    send_until(client, server, [&](const journal& j) { return j.max_queued > options.high_water; });
    reset(client);
    server.wait_until([](const journal& j) { return j.reasons.size() >= 1; });
    CHECK(server.read().reasons[0] == std::errc::connection_reset);
    const int waits = server.seen().waits;
    for (int i = 0; i < 20; ++i) CHECK(is_echoed(other, "x"));
    CHECK(server.seen().waits - waits <= 42);
    CHECK(server.read().ended == 0);
}

TEST_CASE("the end of the stream of a client that is not being read waits without spinning") {
    const manner how = every_manner();
    CAPTURE(how);
    const server_options options = small_options(how);
    running_server server{{}, options, listener_with_small_buffers()};
    net::tcp_stream other{server.where()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    const std::string sent =
        send_until(client, server, [&](const journal& j) { return j.max_queued > options.high_water; });
    client.shutdown(net::shutdown_direction::send);
    for (int i = 0; i < 5; ++i) CHECK(is_echoed(other, "x"));  // the news has arrived by now
    const int waits = server.seen().waits;
    for (int i = 0; i < 20; ++i) CHECK(is_echoed(other, "x"));
    CHECK(server.seen().waits - waits <= 42);
    CHECK(server.read().ended == 0);
    const bool same = recv_to_end(client) == sent;
    CHECK(same);
    server.wait_until([](const journal& j) { return j.reasons.size() >= 1; });
    CHECK(server.read().ended == 1);
    CHECK_FALSE(server.read().reasons[0]);
}

// ---- the last word -------------------------------------------------------------------------------------

TEST_CASE("a long last word arrives whole though the client keeps talking") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.max_queue = 16 << 20;
    const std::string answer = random_bytes(8 << 20, 3);
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view) {
        client.send(answer);
        client.close_after_sending();
    };
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all("x");
    std::atomic<bool> done{false};
    auto talking = std::async(std::launch::async, [&] {
        const std::string chatter(4096, 'c');
        while (!done) client.send_all(chatter);
    });
    const std::string received = recv_to_end(client);  // not a reset
    done = true;
    talking.get();  // nor was the chatter refused
    const bool same = received == answer;
    CHECK(same);
    CHECK(server.read().reasons.empty());  // the server lingers ...
    client.close();
    server.wait_until_closed(1);  // ... until the client ends, too
    CHECK(server.read().reasons == std::vector<std::error_code>{{}});
    CHECK(server.read().calls == 1);
}

TEST_CASE("a client that does not end after the last word is given up after the idle timeout") {
    const manner how = every_manner();
    const bool talkative = GENERATE(false, true);
    CAPTURE(how, talkative);
    server_options options = options_for(how);
    options.idle_timeout = 200ms;
    options.time_stands_still = true;
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) {
        client.send("bye");
        client.close_after_sending();
    };
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all("x");
    CHECK(recv_to_end(client) == "bye");
    server.pass(200ms - 1ns);
    CHECK(server.connections() == 1);
    if (talkative) client.send_all("chatter");
    server.pass(1ns);
    CHECK(server.connections() == 0);
    CHECK(server.read().reasons[0] == std::errc::timed_out);
}

// ---- fairness ------------------------------------------------------------------------------------------

TEST_CASE("a client that sends without end does not keep another waiting") {
    // The handler itself gives the endless client its next bytes, so that the server never finds it empty.
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.read_size = 4096;
    std::atomic<std::uint64_t> endless_id{0};
    std::atomic<bool> other_was_served{false};
    net::tcp_stream endless;
    std::atomic<int> calls_before{0};
    const std::string part(options.read_size, 'e');
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        if (client.id() != endless_id) {
            other_was_served = true;
            return client.send(received);
        }
        if (other_was_served) return;
        ++calls_before;
        std::error_code error;
        endless.send_all(part, error);
    };
    actions.open = [&](net::connection& client) { endless_id = client.id(); };
    running_server server{actions, options};
    net::tcp_stream other{server.where()};
    server.wait_until([](const journal& j) { return j.opened >= 1; });
    endless = net::tcp_stream{server.where()};
    server.wait_until([](const journal& j) { return j.opened >= 2; });
    endless.set_blocking(false);
    {
        const auto held = server.hold();
        for (int i = 0; i < 8; ++i) endless.send_all(part);
        other.send_all("ping");
    }
    CHECK(recv_exactly(other, 4) == "ping");
    CHECK(calls_before <= 2 * reads_a_turn);
}

TEST_CASE("between two waits a client that sends without end has no more than its turns however long it goes on") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.read_size = 4096;
    const std::string part(options.read_size, 'e');
    net::tcp_stream endless;
    running_server* server = nullptr;
    int of_which_wait = -1, in_this_wait = 0, most = 0;
    std::atomic<int> calls{0};
    hooks actions;
    actions.bytes = [&](net::connection&, bytes_view) {
        if (calls++ >= 5000) return;
        if (std::exchange(of_which_wait, server->seen().waits.load()) != server->seen().waits) in_this_wait = 0;
        most = std::max(most, ++in_this_wait);
        std::error_code error;
        endless.send_all(part, error);
    };
    running_server own{actions, options};
    server = &own;
    endless = net::tcp_stream{own.where()};
    own.wait_until([](const journal& j) { return j.opened >= 1; });
    endless.set_blocking(false);
    {
        const auto held = own.hold();
        for (int i = 0; i < 8; ++i) endless.send_all(part);
    }
    own.wait_until([](const journal& j) { return j.calls >= 5000; });
    own.there([] { return 0; });
    CHECK(most <= 2 * reads_a_turn);  // one for an event, one as pending
    CHECK(most > 1 - (how.how == trigger::level));
}

TEST_CASE("a client whose turn ended with bytes unread goes on in the next") {
    net::reactor_options options;
    options.read_size = 64;
    running_server server{{}, options};
    net::tcp_stream client{server.where()};
    REQUIRE(is_echoed(client, "x"));
    const std::string text = random_bytes(64 * reads_a_turn * 5 + 1, 2);
    {
        const auto held = server.hold();
        client.send_all(text);
    }
    CHECK(recv_exactly(client, text.size()) == text);
    CHECK(is_echoed(client, "and on"));
}

// ---- too many ------------------------------------------------------------------------------------------

TEST_CASE("a client beyond the limit waits in the queue until another leaves") {
    const manner how = every_manner();
    const bool by_reset = GENERATE(false, true);
    server_options options = options_for(how);
    options.max_connections = 2;
    running_server server{{}, options};
    net::tcp_stream first{server.where()}, second{server.where()};
    CHECK(is_echoed(first, "1"));
    CHECK(is_echoed(second, "2"));
    net::tcp_stream third{server.where()}, fourth{server.where()};
    third.send_all("3");
    fourth.send_all("4");
    const int announced = server.seen().listener_events;
    for (int i = 0; i < 20; ++i) {
        CHECK(is_echoed(first, "x"));
        CHECK(is_echoed(second, "y"));
    }
    CHECK(server.read().opened == 2);
    CHECK(server.connections() == 2);
    CHECK(server.seen().listener_events - announced <= 1);  // it is not looked at, so it does not make us spin
    by_reset ? reset(first) : first.close();
    CHECK(recv_exactly(third, 1) == "3");
    CHECK(is_echoed(third, "third"));
    CHECK(server.read().opened == 3);
    second.close();
    CHECK(recv_exactly(fourth, 1) == "4");
    CHECK(server.connections() == 2);
    CHECK(server.read().accept_errors.empty());
}

TEST_CASE("a limit of one is a server of one after another") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.max_connections = 1;
    running_server server{{}, options};
    std::vector<net::tcp_stream> clients;
    for (int i = 0; i < 100; ++i) {
        clients.emplace_back(server.where());
        clients.back().send_all(std::to_string(i));
        clients.back().shutdown(net::shutdown_direction::send);
    }
    for (int i = 0; i < 100; ++i) CHECK(recv_to_end(clients[static_cast<std::size_t>(i)]) == std::to_string(i));
    server.wait_until_closed(100);
    CHECK(server.read().opened == 100);
}

TEST_CASE("without free descriptors the server does not spin and goes on when there is one") {
    const manner how = every_manner();
    CAPTURE(how);
    std::vector<int> waits;  // the server's until it has ended
    running_server* running = nullptr;
    hooks actions;
    actions.accept_error = [&](std::error_code) { waits.push_back(running->seen().waits); };
    running_server server{actions, options_for(how)};
    running = &server;
    net::tcp_stream first{server.where()};
    CHECK(is_echoed(first, "1"));

    // Sockets that are to connect, one descriptor to be given back, and then none is left.
    net::socket second{net::address_family::inet, net::socket_type::stream};
    net::socket third{net::address_family::inet, net::socket_type::stream};
    net::socket spare{::dup(first.native_handle())};
    const int next = ::dup(first.native_handle());
    REQUIRE(next > spare.native_handle());
    ::close(next);
    // No CHECK as long as the limit holds: UBSan needs a descriptor when it meets a class for the first time.
    struct {
        int one_more;
        net::duration three_tries;
        bool others_are_served, served_with_the_spare, served_when_one_left;
    } seen{};
    {
        const descriptor_limit none_left{static_cast<rlim_t>(next)};
        seen.one_more = ::dup(first.native_handle());
        const net::time_point begin = net::clock::now();
        second.connect(server.where());  // the kernel answers for the server, as ever
        second.send_all("2");
        server.wait_until([](const journal& j) { return j.accept_errors.size() >= 3; });
        seen.three_tries = net::clock::now() - begin;
        seen.others_are_served = is_echoed(first, "served meanwhile");
        spare.close();
        seen.served_with_the_spare = recv_exactly(second, 1) == "2";

        // Again; and now a client leaves.
        const std::size_t errors = server.read().accept_errors.size();
        third.connect(server.where());
        third.send_all("3");
        server.wait_until([&](const journal& j) { return j.accept_errors.size() > errors; });
        first.close();
        seen.served_when_one_left = recv_exactly(third, 1) == "3";
    }
    CHECK(seen.one_more == -1);
    CHECK(seen.three_tries >= 200ms);  // twice 100 ms between them
    CHECK(seen.others_are_served);
    CHECK(seen.served_with_the_spare);
    CHECK(seen.served_when_one_left);
    CHECK(is_echoed(second, "second"));
    for (const std::error_code& error : server.read().accept_errors) CHECK(error == std::errc::too_many_files_open);
    second.close();
    third.close();
    server.finish();
    CHECK(waits[2] - waits[0] <= 4);  // one wait for the time to pass and one for the client, each time
}

// ---- memory --------------------------------------------------------------------------------------------

#ifndef WITHOUT_MEMORY_TESTS
TEST_CASE("the memory of a queue is given back when it has been sent") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.high_water = 2 << 20;
    options.low_water = 16 * 1024;
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) {
        const std::string answer(3 << 20, 'a');
        client.send(answer);
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    std::string received(3 << 20, '\0');
    const std::ptrdiff_t before = memory_in_use;
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.max_queued > 2u << 20; });
    const std::ptrdiff_t during = server.there([] { return memory_in_use.load(); });
    CHECK(during - before > 2 << 20);
    for (std::size_t size = 0; size < received.size();) size += client.recv(std::span{received}.subspan(size));
    const std::ptrdiff_t after = server.there([] { return memory_in_use.load(); });
    CHECK(after - before < 256 * 1024);
}

TEST_CASE("the memory of a queue that is never empty stays within its bounds") {
    const manner how = every_manner();
    const server_options options = small_options(how);
    std::atomic<std::ptrdiff_t> most{0};
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        for (int i = 0; i < 4; ++i) client.send(received);  // more than goes out meanwhile
        most = std::max(most.load(), memory_in_use.load());
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    const std::string part = random_bytes(64 * 1024, 3);
    std::array<char, 64 * 1024> received;
    client.send_all("x");
    CHECK(recv_exactly(client, 4) == "xxxx");
    const std::ptrdiff_t before = memory_in_use;
    std::thread sender{[&] {
        for (int i = 0; i < 80; ++i) client.send_all(part);
        client.shutdown(net::shutdown_direction::send);
    }};
    std::size_t size = 0;
    while (const std::size_t got = client.recv(received)) size += got;
    sender.join();
    CHECK(size == 4 * 80 * part.size());
    CHECK(server.read().max_queued > options.high_water);
    CHECK(most - before < 512 * 1024);
}

TEST_CASE("a thousand clients one after another need no more memory than the first") {
    net::reactor_options options;
    options.how = both_triggers();
    net::socket listener = loopback_listener();
    const net::endpoint where = listener.local_endpoint().ip();
    net::stop_event stop;
    net::reactor_server server{std::move(listener),
                               [](net::connection& client, bytes_view received) { client.send(received); }, options};
    std::thread running{[&] { server.run(stop); }};
    const auto serve = [&](int count) {
        int right = 0;
        for (int i = 0; i < count; ++i) {
            net::tcp_stream client{where};
            right += exchange(client, "hello") == "hello";
        }
        return right;
    };
    CHECK(serve(10) == 10);
    const std::ptrdiff_t before = memory_in_use;
    CHECK(serve(1000) == 1000);
    CHECK(memory_in_use - before < 8 * 1024);
    stop.request_stop();
    running.join();
}

TEST_CASE("a queue for which there is no memory costs its connection and no more") {
    const manner how = every_manner();
    const std::string answer(2 << 20, 'a');
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        if (received.size() == 1) return client.send(received);
        largest_allocation = 256 * 1024;
        client.send(answer);
        largest_allocation = static_cast<std::size_t>(-1);
    };
    running_server server{actions, options_for(how), listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where()), other{server.where()};
    client.send_all("xx");
    server.wait_until([](const journal& j) { return j.reasons.size() >= 1; });
    CHECK(server.read().reasons[0] == std::errc::not_enough_memory);
    CHECK(is_echoed(other, "x"));
}

TEST_CASE("without memory for a new client the server tells it and goes on") {
    const manner how = every_manner();
    hooks actions;
    actions.accept_error = [](std::error_code) { largest_allocation = static_cast<std::size_t>(-1); };
    running_server server{actions, options_for(how)};
    net::tcp_stream first{server.where()};
    CHECK(is_echoed(first, "1"));
    const auto at_rest = server.there(open_descriptors);
    std::atomic<bool> poor{false};
    server.seen().post([&] {
        largest_allocation = 0;
        poor = true;
    });
    while (!poor) std::this_thread::yield();
    net::tcp_stream second{server.where()};
    CHECK(recv_to_end(second).empty());
    second.close();
    server.wait_until([](const journal& j) { return j.accept_errors.size() >= 1; });
    CHECK(server.read().accept_errors[0] == std::errc::not_enough_memory);
    CHECK(server.there(open_descriptors) == at_rest);
    net::tcp_stream third{server.where()};
    CHECK(is_echoed(third, "3"));
    CHECK(is_echoed(first, "1"));
    CHECK(server.read().opened == 2);
}
#endif

// ---- the order of events, by a script ------------------------------------------------------------------

namespace {

/// A poller whose events the test makes up, step by step, in the thread that runs the server.
class script {
  public:
    struct registration {
        int descriptor;
        interest what;
        std::uint64_t token;
        trigger how;
    };
    using step = std::function<std::vector<net::event>(net::duration timeout)>;

    std::vector<step> steps{};
    std::vector<registration> added{};         ///< in order of adding
    std::map<int, registration> registered{};  ///< now
    std::error_code refuse_to_add{};
    net::time_point time{1h};  ///< the server's: it passes when a step says so

    [[nodiscard]] std::uint64_t token_of(int descriptor) const { return registered.at(descriptor).token; }

    class poller {
      public:
        static constexpr bool has_edge = true;
        explicit poller(script& of) : script_{&of} {}
        void add(int descriptor, interest what, std::uint64_t token, trigger how) {
            if (script_->refuse_to_add) throw std::system_error{script_->refuse_to_add, "add"};
            if (!script_->registered.try_emplace(descriptor, registration{descriptor, what, token, how}).second)
                throw std::system_error{std::make_error_code(std::errc::file_exists), "add"};
            script_->added.push_back({descriptor, what, token, how});
        }
        void modify(int descriptor, interest what, std::uint64_t token, trigger how) {
            script_->registered.at(descriptor) = {descriptor, what, token, how};
        }
        void remove(int descriptor) { script_->registered.erase(descriptor); }
        [[nodiscard]] net::time_point now() const noexcept { return script_->time; }
        std::span<const net::event> wait(net::duration timeout) {
            if (next_ == script_->steps.size()) throw std::logic_error{"the script is over and the server runs on"};
            batch_ = script_->steps[next_++](timeout);
            return batch_;
        }

      private:
        script* script_;
        std::size_t next_ = 0;
        std::vector<net::event> batch_{};
    };
};
static_assert(net::poller<script::poller>);

/// ... and one that knows levels only.
struct level_poller : script::poller {
    using script::poller::poller;
    static constexpr bool has_edge = false;
};
static_assert(net::poller<level_poller>);

/// A server that lives in the test's thread and follows a script.
struct scripted {
    script story{};
    journalist written{};
    net::stop_event stop{};
    net::socket listener = loopback_listener();
    net::endpoint where = listener.local_endpoint().ip();
    int listener_descriptor = listener.native_handle();
    hooks actions{};
    net::reactor_options options{.stop_grace = 0ns};  // a stop is the end of the play

    template <class Poller = script::poller>
    void run() {
        net::reactor_server server{std::move(listener), recording_handler{&written, actions}, options, Poller{story}};
        server.run(stop);
        CHECK(server.connection_count() == 0);
        CHECK(story.registered.empty());  // what was added was removed, before it was closed
    }
    [[nodiscard]] net::event client_comes() const { return {story.token_of(listener_descriptor), interest::read}; }
    /// The n-th connection that was added.
    [[nodiscard]] script::registration connection(std::size_t n) const {
        for (const script::registration& added : story.added)
            if (added.descriptor != listener_descriptor && added.descriptor != stop.native_handle() && n-- == 0)
                return added;
        throw std::logic_error{"so many connections have not been added"};
    }
    [[nodiscard]] net::event happens(std::size_t n, interest ready = interest::read) const {
        return {connection(n).token, ready};
    }
    [[nodiscard]] net::event end() {
        stop.request_stop();
        return {story.token_of(stop.native_handle()), interest::read};
    }
};

}  // namespace

TEST_CASE("an event of a connection that was closed earlier in the batch does not hit its successor") {
    const trigger how = both_triggers();
    CAPTURE(how);
    scripted play;
    play.options.how = how;
    std::vector<net::connection*> opened;
    play.actions.open = [&](net::connection& client) { opened.push_back(&client); };
    play.actions.bytes = [&](net::connection& client, bytes_view) {
        if (&client == opened[0]) opened[1]->close();
    };
    net::tcp_stream a{play.where}, b{play.where}, c;
    play.story.steps = {
        [&](net::duration) { return std::vector{play.client_comes()}; },
        [&](net::duration) {
            a.send_all("close b");
            b.send_all("b");
            c = net::tcp_stream{play.where};
            c.send_all("c");
            return std::vector{play.happens(0), play.client_comes(),
                               play.happens(1, interest::read | interest::hang_up | interest::error)};
        },
        [&](net::duration) {
            REQUIRE(play.story.added.size() == 5);
            CHECK(play.connection(2).descriptor == play.connection(1).descriptor);  // the number has a new owner
            CHECK(play.connection(2).token != play.connection(1).token);
            CHECK(play.written.written.calls == 1);  // a's. The event was b's, so nobody looked at what c said
            CHECK(play.written.written.reasons.size() == 1);
            return std::vector{play.happens(2)};
        },
        [&](net::duration) {
            CHECK(play.written.written.calls == 2);
            return std::vector{play.end()};
        },
    };
    play.run();
    CHECK(play.written.written.opened == 3);
    CHECK(play.written.written.reasons.size() == 3);
}

TEST_CASE("a connection that waits for its next turn and is closed meanwhile does not give it to its successor") {
    scripted play;
    play.options.read_size = 1;
    std::vector<net::connection*> opened;
    play.actions.open = [&](net::connection& client) { opened.push_back(&client); };
    play.actions.bytes = [&](net::connection& client, bytes_view) {
        if (&client == opened[0]) opened[1]->close();
    };
    net::tcp_stream a{play.where}, b{play.where}, c;
    play.story.steps = {
        [&](net::duration timeout) {
            CHECK(timeout == net::never);  // no connection yet, so there is nothing to wait for but events
            return std::vector{play.client_comes()};
        },
        [&](net::duration timeout) {
            CHECK(timeout > 0ns);
            b.send_all(std::string(100, 'b'));
            return std::vector{play.happens(1)};
        },
        [&](net::duration timeout) {
            CHECK(timeout == 0ns);  // b has more, and no event will say so
            // The first reads, and then as many after the events of the same round.
            CHECK(play.written.written.calls % reads_a_turn == 0);
            CHECK(play.written.written.calls <= 2 * reads_a_turn);
            play.written.written.calls = 0;
            a.send_all("a");
            c = net::tcp_stream{play.where};
            c.send_all("c");
            return std::vector{play.happens(0), play.client_comes()};
        },
        [&](net::duration timeout) {
            CHECK(timeout > 0ns);
            REQUIRE(play.story.added.size() == 5);
            CHECK(play.connection(2).descriptor == play.connection(1).descriptor);
            CHECK(play.written.written.calls == 1);
            return std::vector{play.end()};
        },
    };
    play.run();
}

TEST_CASE("the idle timeout closes the idle and nobody else") {
    // By a script, so that a busy machine makes nobody idle who is not: in each round all others say something.
    const trigger how = both_triggers();
    CAPTURE(how);
    scripted play;
    play.options.how = how;
    play.options.idle_timeout = 200ms;
    play.actions.bytes = [](net::connection& client, bytes_view received) {
        if (net::as_text(received) != "-") client.send(received);
    };
    net::tcp_stream active{play.where}, unanswered{play.where}, idle{play.where};
    const net::time_point begin = play.story.time;
    const journal& seen = play.written.written;
    play.story.steps = {[&](net::duration) { return std::vector{play.client_comes()}; }};
    for (int i = 0; i < 100; ++i)
        play.story.steps.emplace_back([&](net::duration timeout) {
            net::time_point& now = play.story.time;
            CHECK((seen.reasons.size() > 0) == (now - begin >= 200ms));
            if (seen.reasons.size() == 3) return std::vector{play.end()};
            if (seen.reasons.size() > 0) {  // from now on they are silent, too
                CHECK(seen.closes.at(play.connection(2).token) == 1);
                now += timeout;
                return std::vector<net::event>{};
            }
            CHECK(timeout == begin + 200ms - now);
            now += 10ms;
            if (now - begin >= 200ms) return std::vector<net::event>{};
            active.send_all("x");
            unanswered.send_all("-");
            return std::vector{play.happens(0), play.happens(1)};
        });
    play.run();
    CHECK(seen.reasons == std::vector(3, std::make_error_code(std::errc::timed_out)));
    CHECK(play.story.time - begin == 190ms + 200ms);
}

TEST_CASE("a client that only listens is not idle while bytes go out to it") {
    const trigger how = both_triggers();
    CAPTURE(how);
    scripted play;
    play.options.how = how;
    play.options.idle_timeout = 200ms;
    play.options.request_timeout = net::never;
    play.options.max_queue = 4 << 20;
    play.listener.set_option(net::option::send_buffer{8192});
    play.actions.bytes = [](net::connection& client, bytes_view) { client.send(std::string(1 << 20, 'a')); };
    net::tcp_stream client = client_with_small_buffers(play.where);
    client.set_blocking(false);
    play.story.steps = {
        [&](net::duration) { return std::vector{play.client_comes()}; },
        [&](net::duration) {
            client.send_all("x");
            return std::vector{play.happens(0)};
        },
    };
    for (int i = 0; i < 10; ++i)
        play.story.steps.emplace_back([&](net::duration) {
            REQUIRE(play.written.written.reasons.empty());
            std::array<char, 64 * 1024> part;
            std::error_code error;
            pollfd server_end{play.connection(0).descriptor, POLLOUT, 0};
            while (::poll(&server_end, 1, 0) == 0) client.recv(part, error);  // until there is room, which the poller tells
            play.story.time += 150ms;
            return std::vector{play.happens(0, interest::write)};
        });
    play.story.steps.emplace_back([&](net::duration) {
        CHECK(play.written.written.reasons.empty());
        return std::vector{play.end()};
    });
    play.run();
}

TEST_CASE("what a client says after the last word does not put off the idle timeout") {
    const trigger how = both_triggers();
    scripted play;
    play.options.how = how;
    play.options.idle_timeout = 200ms;
    play.actions.bytes = [](net::connection& client, bytes_view) { client.close_after_sending(); };
    net::tcp_stream client{play.where};
    play.story.steps = {
        [&](net::duration) { return std::vector{play.client_comes()}; },
        [&](net::duration) {
            client.send_all("x");
            return std::vector{play.happens(0)};
        },
    };
    for (int i = 0; i < 10; ++i)
        play.story.steps.emplace_back([&](net::duration) {
            REQUIRE(play.written.written.reasons.empty());
            std::error_code error;
            client.send_all("chatter", error);
            play.story.time += 20ms;
            return std::vector{play.happens(0)};
        });
    play.story.steps.emplace_back([&](net::duration) {
        CHECK(play.written.written.reasons.size() == 1);
        return std::vector{play.end()};
    });
    play.run();
    CHECK(play.written.written.calls == 1);
    CHECK(play.written.written.reasons.at(0) == std::errc::timed_out);
}

TEST_CASE("a hang-up alone ends a connection that is not being read") {
    // epoll adds that it is writable, and then sending fails. Another poller need not.
    const trigger how = both_triggers();
    CAPTURE(how);
    scripted play;
    play.options.how = how;
    play.options.max_queue = 4 << 20;
    play.listener.set_option(net::option::send_buffer{8192});
    play.actions.bytes = [](net::connection& client, bytes_view) { client.send(std::string(1 << 20, 'a')); };
    net::tcp_stream client = client_with_small_buffers(play.where);
    play.story.steps = {
        [&](net::duration) { return std::vector{play.client_comes()}; },
        [&](net::duration) {
            client.send_all("x");
            return std::vector{play.happens(0)};
        },
        [&](net::duration) {
            reset(client);
            return std::vector{play.happens(0, interest::hang_up | interest::error)};
        },
        [&](net::duration) {
            CHECK(play.written.written.reasons.size() == 1);
            return std::vector{play.end()};
        },
    };
    play.run();
    CHECK(play.written.written.reasons.at(0) == std::errc::connection_reset);
}

TEST_CASE("readiness is a hint and a false one does no harm") {
    const trigger how = both_triggers();
    scripted play;
    play.options.how = how;
    net::tcp_stream client{play.where};
    const auto everything =
        interest::read | interest::write | interest::peer_done | interest::hang_up | interest::error;
    play.story.steps = {
        [&](net::duration) {
            return std::vector{play.client_comes(), play.client_comes()};
        },
        [&](net::duration) {
            return std::vector{play.happens(0),
                               play.happens(0, interest::write),
                               play.happens(0, interest::none),
                               play.happens(0, interest::read | interest::write),
                               play.happens(0, everything),
                               net::event{play.connection(0).token + 1, everything},
                               net::event{play.connection(0).token + (std::uint64_t{1} << 32), everything},
                               net::event{0x0123456789abcdef, everything}};
        },
        [&](net::duration) { return std::vector<net::event>{}; },
        [&](net::duration) {
            CHECK(play.written.written.reasons.empty());
            client.send_all("still here");
            return std::vector{play.happens(0)};
        },
        [&](net::duration) { return std::vector{play.end()}; },
    };
    play.run();
    CHECK(recv_to_end(client) == "still here");
}

TEST_CASE("a poller that refuses a new client is a shortage like any other") {
    const trigger how = both_triggers();
    scripted play;
    play.options.how = how;
    net::tcp_stream first{play.where}, second;
    const auto descriptors = open_descriptors();
    play.story.steps = {
        [&](net::duration) {
            play.story.refuse_to_add = std::make_error_code(std::errc::no_space_on_device);  // max_user_watches
            return std::vector{play.client_comes()};
        },
        [&](net::duration timeout) {
            CHECK(timeout > 0ns);
            CHECK(timeout <= 100ms);
            CHECK_FALSE(play.story.registered.contains(play.listener_descriptor));
            CHECK(play.written.written.accept_errors.size() == 1);
            CHECK(play.written.written.opened == 0);
            CHECK(open_descriptors() == descriptors);
            play.story.time += timeout;  // as a poller does in which nothing happens
            return std::vector<net::event>{};
        },
        [&](net::duration timeout) {
            // Not even the listener has found its place again. That must not end the server.
            CHECK_FALSE(play.story.registered.contains(play.listener_descriptor));
            CHECK(play.written.written.accept_errors.size() == 2);
            play.story.refuse_to_add = {};
            play.story.time += timeout;
            return std::vector<net::event>{};
        },
        [&](net::duration) {
            CHECK(play.story.registered.at(play.listener_descriptor).what == interest::read);
            second = net::tcp_stream{play.where};
            second.send_all("2");
            return std::vector{play.client_comes()};
        },
        [&](net::duration) { return std::vector{play.happens(0)}; },
        [&](net::duration) { return std::vector{play.end()}; },
    };
    play.run();
    CHECK(play.written.written.accept_errors[0] == std::errc::no_space_on_device);
    CHECK(recv_to_end(first).empty());
    CHECK(recv_to_end(second) == "2");
}

TEST_CASE("a level-triggered connection is asked for what it can use and for nothing else") {
    scripted play;
    play.options = small_options(trigger::level);
    play.options.low_water = play.options.high_water - 1;
    play.options.stop_grace = 0ns;
    play.listener.set_option(net::option::send_buffer{8192});
    play.actions.bytes = [&](net::connection& client, bytes_view) { client.send(std::string(200 * 1024, 'a')); };
    net::tcp_stream client = client_with_small_buffers(play.where);
    std::size_t received = 0;
    bool was_below = false;
    const auto asked = [&] { return play.story.registered.at(play.connection(0).descriptor).what; };
    const auto drink = [&] {  // until the kernel has no more for us
        std::array<char, 4096> part;
        std::error_code error;
        client.set_blocking(false);
        while (const std::size_t size = client.recv(part, error)) received += size;
        return std::vector{play.happens(0, interest::write)};
    };
    play.story.steps = {
        [&](net::duration) { return std::vector{play.client_comes()}; },
        [&](net::duration) {
            CHECK(asked() == interest::read);
            client.send_all("x");
            return std::vector{play.happens(0)};
        },
        [&](net::duration) {
            CHECK(asked() == interest::write);  // above the high water mark
            return drink();
        },
    };
    for (int i = 0; i < 1000; ++i)
        play.story.steps.emplace_back([&](net::duration) {
            if (asked() == interest::read) return std::vector{play.end()};  // all is sent
            const bool below = asked() == (interest::read | interest::write);
            CHECK((below || asked() == interest::write));
            was_below = was_below || below;
            return drink();
        });
    play.run();
    CHECK(was_below);
    client.set_blocking(true);
    received += recv_to_end(client).size();
    CHECK(received == 200 * 1024);
}

TEST_CASE("nothing said of the trigger is edge where the poller has it and else level") {
    const bool has_edge = GENERATE(true, false);
    scripted play;
    net::tcp_stream client{play.where};
    play.story.steps = {
        [&](net::duration) { return std::vector{play.client_comes()}; },
        [&](net::duration) {
            CHECK(play.connection(0).how == (has_edge ? trigger::edge : trigger::level));
            CHECK(play.story.registered.at(play.listener_descriptor).how == trigger::level);
            client.send_all("hello");
            return std::vector{play.happens(0)};
        },
        [&](net::duration) { return std::vector{play.end()}; },
    };
    has_edge ? play.run() : play.run<level_poller>();
    CHECK(recv_to_end(client) == "hello");
}

// ---- the worst moment, on every poller -----------------------------------------------------------------

TEST_CASE("on every poller an event of a connection closed before it in the batch does not hit its successor") {
    const manner how = every_manner();
    CAPTURE(how);
    net::connection *first = nullptr, *second = nullptr;  // and the rest: of the server's thread
    int closed = -1, successor = -1, waits_of_batch = 0, waits_of_successor = 0;
    running_server* running = nullptr;
    hooks actions;
    actions.open = [&](net::connection& client) {
        if (!first)
            first = &client;
        else if (!second)
            second = &client;
        else
            successor = client.native_handle();
    };
    actions.bytes = [&](net::connection& client, bytes_view received) {
        if (&client == first && received.size() == 5) {
            closed = second->native_handle();
            second->close();
        }
        if (&client != first && successor >= 0 && waits_of_successor == 0) waits_of_successor = running->seen().waits;
        client.send(received);
    };
    running_server server{actions, options_for(how)};
    running = &server;
    net::tcp_stream a{server.where()}, b{server.where()};
    CHECK(is_echoed(a, "a"));
    CHECK(is_echoed(b, "b"));
    net::socket c{net::address_family::inet, net::socket_type::stream};
    std::uint64_t a_token = 0, b_token = 0;
    std::size_t events = 0;
    {
        const auto held = server.hold();
        a_token = first->id();
        b_token = second->id();
        // First a, then whoever is new, and at last b: of whom all that is known by then is past.
        server.seen().meddle = [&](std::vector<net::event>& batch) {
            if (events == 0) {
                events = batch.size();
                waits_of_batch = server.seen().waits;
            }
            const auto rank = [&](const net::event& one) {
                return one.token == a_token ? 0 : one.token == b_token ? 2 : 1;
            };
            std::sort(batch.begin(), batch.end(),
                      [&](const net::event& one, const net::event& other) { return rank(one) < rank(other); });
        };
        a.send_all("close");
        b.send_all("a past word");
        c.connect(server.where());
        c.send_all("c");
    }
    net::tcp_stream talks{std::move(c)};
    CHECK(recv_exactly(a, 5) == "close");
    CHECK(recv_exactly(talks, 1) == "c");
    CHECK(is_echoed(talks, "and on"));
    std::error_code error;
    CHECK(recv_until_over(b, error).empty());
    server.finish();
    CHECK(events == 3);
    CHECK(closed == successor);                  // else this was not about it
    CHECK(waits_of_successor > waits_of_batch);  // nobody looked at what c said because something had been b's
    CHECK(server.read().opened == 3);
}

TEST_CASE("on every poller what somebody else has taken before the server looks is missed by nobody") {
    // A readiness is a hint. Here another holds the same connection, and the same listener, and is quicker.
    const manner how = every_manner();
    CAPTURE(how);
    net::socket listener = loopback_listener();
    net::socket same_listener{::dup(listener.native_handle())};
    int served = -1;
    hooks actions;
    actions.open = [&](net::connection& client) { served = client.native_handle(); };
    running_server server{actions, options_for(how), std::move(listener)};
    net::tcp_stream a{server.where()};
    CHECK(is_echoed(a, "x"));
    net::tcp_stream b;
    net::socket stolen_connection;
    std::string stolen(5, ' ');
    bool done = false;  // the server's, until it has ended
    {
        const auto held = server.hold();
        net::socket same_connection{::dup(served)};
        server.seen().meddle = [&, thief = std::make_shared<net::socket>(std::move(same_connection))](auto& batch) {
            if (std::exchange(done, true)) return;
            CHECK(batch.size() == 2);
            thief->recv(stolen);
            thief->close();
            stolen_connection = same_listener.accept().connection;
        };
        a.send_all("steal");
        b = net::tcp_stream{server.where()};
    }
    while (!server.there([&] { return done; })) std::this_thread::yield();
    CHECK(stolen == "steal");
    CHECK(is_echoed(a, "still here"));
    stolen_connection.send_all("mine");
    CHECK(recv_exactly(b, 4) == "mine");
    net::tcp_stream next{server.where()};
    CHECK(is_echoed(next, "next"));
    CHECK(server.read().reasons.empty());
    CHECK(server.read().accept_errors.empty());
    CHECK(server.read().opened == 2);
    same_listener.close();
}

TEST_CASE("a client whose descriptor select cannot hold is refused and all others are served") {
    const descriptor_limit raised{RLIM_INFINITY};
    if (descriptor_limit::now() < FD_SETSIZE + 200) NETNOTES_SKIP("no descriptor is as high as select's limit here");
    std::vector<int> waits;  // the server's until it has ended
    running_server* running = nullptr;
    hooks actions;
    actions.accept_error = [&](std::error_code) { waits.push_back(running->seen().waits); };
    running_server server{actions, options_for({trigger::level, kind::select})};
    running = &server;
    std::vector<net::socket> clients;
    for (int i = 0; i < 74; ++i) {
        const net::socket low{net::address_family::inet, net::socket_type::stream};
        clients.emplace_back(::fcntl(low.native_handle(), F_DUPFD_CLOEXEC, FD_SETSIZE + 100));
    }
    std::vector<net::socket> fill;  // all descriptors that select could hold but three
    do fill.emplace_back(::dup(clients[0].native_handle()));
    while (fill.back().native_handle() < FD_SETSIZE - 1);
    REQUIRE(fill.back().native_handle() == FD_SETSIZE - 1);
    fill.resize(fill.size() - 3);

    for (std::size_t i = 0; i < 3; ++i) {
        clients[i].connect(server.where());
        CHECK(is_echoed(clients[i], "x"));
    }
    {
        const auto held = server.hold();
        for (std::size_t i = 3; i < 73; ++i) clients[i].connect(server.where());  // more than are accepted in one turn
    }
    int refused = 0;
    for (std::size_t i = 3; i < 73; ++i) {
        std::error_code error;
        char byte;
        refused += clients[i].recv(std::span{&byte, 1}, error) == 0;
    }
    CHECK(refused == 70);
    CHECK(server.there([&] { return server.seen().last_timeout.load(); }) > 1s);  // the listener is not left alone
    for (std::size_t i = 0; i < 3; ++i) CHECK(is_echoed(clients[i], "served all the time"));
    clients[1].close();
    server.wait_until_closed(1);
    clients[73].connect(server.where());
    CHECK(is_echoed(clients[73], "in his place"));
    server.finish();
    const journal seen = server.read();
    CHECK(seen.opened == 4);
    CHECK(seen.accept_errors.size() == 70);
    for (const std::error_code& error : seen.accept_errors) CHECK(error == std::errc::value_too_large);
    REQUIRE(waits.size() == 70);
    CHECK(waits.back() - waits.front() <= 1);  // 64, and the rest
}

TEST_CASE("a descriptor that the handler has closed itself costs its connection and no other") {
    // Not with edges: epoll forgets the descriptor, and the idle timeout does the rest.
    const manner how =
        GENERATE(manner(trigger::level), manner(trigger::level, kind::poll), manner(trigger::level, kind::select));
    CAPTURE(how);
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view received) {
        if (net::as_text(received) != "close") return client.send(received);
        client.send(std::string(1 << 20, 'a'));  // some is queued, so that the poller is told
        ::close(client.native_handle());
    };
    running_server server{actions, options_for(how), listener_with_small_buffers()};
    net::tcp_stream other{server.where()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    CHECK(is_echoed(other, "before"));
    client.send_all("close");
    server.wait_until_closed(1);
    REQUIRE(server.read().reasons.size() == 1);
    CHECK(server.read().reasons[0] == std::errc::bad_file_descriptor);
    const int waits = server.seen().waits;
    for (int i = 0; i < 20; ++i) CHECK(is_echoed(other, "after"));
    CHECK(server.seen().waits - waits <= 42);
}

// ---- stopping ------------------------------------------------------------------------------------------

TEST_CASE("a stop closes idle connections and the listener") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.stop_grace = 1h;  // none of it is needed
    running_server server{{}, options};
    std::vector<net::tcp_stream> clients;
    for (int i = 0; i < 20; ++i) {
        clients.emplace_back(server.where());
        CHECK(is_echoed(clients.back(), "x"));
    }
    server.wait_until_acknowledged();
    server.finish();
    for (auto& client : clients) CHECK(recv_to_end(client).empty());
    CHECK(server.server().connection_count() == 0);
    const journal seen = server.read();
    CHECK(seen.reasons.size() == 20);
    CHECK(std::count(seen.reasons.begin(), seen.reasons.end(), std::errc::operation_canceled) == 20);
    std::error_code error;
    net::tcp_stream::connect(server.where(), net::never, error);
    CHECK(error == std::errc::connection_refused);
}

TEST_CASE("what had arrived before the stop is answered") {
    const manner how = every_manner();
    running_server server{{}, options_for(how)};
    net::tcp_stream known{server.where()};
    CHECK(is_echoed(known, "x"));
    net::tcp_stream unknown;
    {
        const auto held = server.hold();
        known.send_all("known");
        unknown = net::tcp_stream{server.where()};
        unknown.send_all("new");
        server.request_stop();
    }
    CHECK(recv_to_end(known) == "known");
    CHECK(recv_to_end(unknown) == "new");
    known.close();
    unknown.close();
    server.wait_for_end();
}

TEST_CASE("all who stood in the queue before the stop are answered however many") {
    const manner how = every_manner();
    running_server server{{}, options_for(how)};
    std::vector<net::tcp_stream> clients;
    {
        const auto held = server.hold();
        for (int i = 0; i < 300; ++i) {
            clients.emplace_back(server.where());
            clients.back().send_all(std::to_string(i));
        }
        server.request_stop();
    }
    int answered = 0;
    for (std::size_t i = 0; i < clients.size(); ++i) {
        std::error_code error;
        answered += recv_until_over(clients[i], error) == std::to_string(i) && !error;
    }
    CHECK(answered == 300);
    clients.clear();
    server.wait_for_end();
}

TEST_CASE("all that one client had sent before the stop is answered however much") {
    const manner how = every_manner();
    net::socket listener = loopback_listener();
    listener.set_option(net::option::receive_buffer{100'000});  // more than a turn takes in
    server_options options = options_for(how);
    options.read_size = 512;
    running_server server{{}, options, std::move(listener)};
    net::tcp_stream client{server.where()};
    CHECK(is_echoed(client, "x"));
    std::string sent;
    {
        const auto held = server.hold();
        const std::string part = random_bytes(1000, 4);
        while (sent.size() < 60 * part.size()) {
            client.send_all(part);
            sent += part;
        }
        server.request_stop();
    }
    const std::string answer = recv_to_end(client);
    CHECK(answer.size() == sent.size());
    CHECK(answer == sent);
    client.close();
    server.wait_for_end();
}

TEST_CASE("a stop that was requested before run still answers who had come") {
    const trigger how = both_triggers();
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    net::tcp_stream client{listener.local_endpoint()};
    client.send_all("hello");
    net::stop_event stop;
    stop.request_stop();
    net::reactor_server server{std::move(listener).into_socket(),
                               [](net::connection& to, bytes_view received) { to.send(received); }, options_for(how)};
    std::thread running{[&] { server.run(stop); }};
    CHECK(recv_to_end(client) == "hello");
    client.close();
    running.join();
    CHECK(server.connection_count() == 0);
}

TEST_CASE("a stop sends what is queued and then the end of the stream") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.stop_grace = 1h;
    const std::string answer = random_bytes(3 << 20, 8);
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view) { client.send(answer); };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.max_queued > 0; });
    server.request_stop();
    const bool same = recv_to_end(client) == answer;
    CHECK(same);
    client.close();
    server.wait_for_end();
}

TEST_CASE("a stop sends what is queued to a slow reader who had sent more than was read") {
    // Its unread bytes would turn a plain close into a reset, and that would destroy what is still on its way.
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.stop_grace = 1h;
    options.high_water = 512 * 1024;
    running_server server{{}, options};
    net::tcp_stream client{server.where()};
    std::string sent = send_until(client, server, [&](const journal& j) { return j.max_queued > options.high_water; });
    const std::string more = random_bytes(1 << 20, 9);
    std::error_code error;
    client.set_blocking(false);
    sent.append(more, 0, client.send_all(more, error));  // what fits: the server does not read it
    client.set_blocking(true);
    server.request_stop();
    const std::string answer = recv_to_end(client);
    client.close();
    server.wait_for_end();
    CHECK(answer.size() == server.read().bytes);
    const bool same = answer == sent.substr(0, answer.size());
    CHECK(same);
}

TEST_CASE("a stop lets an answer arrive that the kernel still holds though the client goes on talking") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.stop_grace = 1h;
    const std::string answer = random_bytes(300'000, 8);
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view received) {
        if (net::as_text(received) == "x") client.send(answer);
    };
    net::socket listener = loopback_listener();
    listener.set_option(net::option::send_buffer{2 << 20});
    running_server server{actions, options, std::move(listener)};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.calls >= 1; });
    server.request_stop();
    while (!server.seen().stop_has_begun) std::this_thread::yield();
    // Were the server's end closed already, these bytes would be answered by a reset.
    for (int i = 0; i < 10; ++i) {
        std::error_code error;
        client.send_all("more", error);
        std::this_thread::yield();
    }
    const bool same = recv_to_end(client) == answer;
    CHECK(same);
    client.close();
    server.wait_for_end();
    CHECK(server.read().max_queued == 0);  // else this was not about what the kernel holds
}

TEST_CASE("a peer that never reads holds up a stop for the time of grace and no longer") {
    const manner how = every_manner();
    const bool draining = GENERATE(false, true);
    server_options options = options_for(how);
    options.stop_grace = 200ms;
    hooks actions;
    actions.bytes = [draining](net::connection& client, bytes_view) {
        client.send(std::string(1 << 20, 'a'));
        if (draining) client.close_after_sending();
    };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where()), idle{server.where()};
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.max_queued > 0; });
    const net::time_point begin = net::clock::now();
    server.finish();
    CHECK(net::clock::now() - begin >= 200ms);
    const journal seen = server.read();
    CHECK(std::count(seen.reasons.begin(), seen.reasons.end(), std::errc::operation_canceled) == 2);
}

TEST_CASE("a client that talks without end holds up a stop for the time of grace and no longer") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.stop_grace = 100ms;
    hooks actions;
    actions.bytes = [](net::connection&, bytes_view) {};
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    std::atomic<bool> talking{false};
    std::thread talker{[&] {
        const std::string part(64 * 1024, 'x');
        std::error_code error;
        while (!error) client.send_all(part, error), talking = true;
    }};
    while (!talking) std::this_thread::yield();
    server.finish();
    talker.join();
    CHECK(server.read().reasons.size() == 1);
}

TEST_CASE("a stop does not wait for a client to end who has had the last word") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.stop_grace = 1h;  // ctest's limit is shorter
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) {
        client.send("bye");
        client.close_after_sending();
    };
    running_server server{actions, options};
    net::tcp_stream client{server.where()};
    client.send_all("x");
    CHECK(recv_to_end(client) == "bye");
    server.request_stop();
    server.wait_for_end();
    CHECK(server.read().reasons[0] == std::errc::operation_canceled);
}

TEST_CASE("a stop destroys no answer that only the kernel still holds") {
    const manner how = every_manner();
    CAPTURE(how);
    server_options options = options_for(how);
    options.stop_grace = 1h;
    const std::string answer(300'000, 'a');
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view) { client.send(answer); };
    running_server server{actions, options};
    // So small that most of the answer stays on the server's side, in the kernel or in the queue.
    net::socket small{net::address_family::inet, net::socket_type::stream};
    small.set_option(net::option::receive_buffer{4096});
    small.connect(server.where());
    net::tcp_stream client{std::move(small)};
    client.send_all("x");
    char first;
    client.recv(std::span{&first, 1});
    server.request_stop();
    while (!server.seen().stop_has_begun) std::this_thread::yield();
    client.send_all("a byte after the stop, which a closed socket would answer with a reset");
    // Whole, with the byte that was received above; and twice, if the second question came in time.
    const std::size_t size = recv_to_end(client).size() + 1;
    CHECK((size == answer.size() || size == 2 * answer.size()));
    server.wait_for_end();
}

TEST_CASE("a listener that something else stops or limits does not pass that on") {
    const trigger how = both_triggers();
    net::stop_event stop;
    net::socket listener = loopback_listener();
    listener.stop_with(stop);
    listener.set_timeout(1h);
    const net::endpoint where = listener.local_endpoint().ip();
    net::tcp_stream client{where};
    client.send_all("hello");
    stop.request_stop();
    net::reactor_server server{std::move(listener), [](net::connection& to, bytes_view received) { to.send(received); },
                               options_for(how)};
    std::thread running{[&] { server.run(stop); }};
    CHECK(recv_to_end(client) == "hello");
    client.close();
    running.join();
}

TEST_CASE("a grace without end is allowed") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.stop_grace = net::never;
    hooks actions;
    actions.bytes = [](net::connection& client, bytes_view) { client.send(std::string(1 << 20, 'a')); };
    running_server server{actions, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.max_queued > 0; });
    server.request_stop();
    CHECK(recv_to_end(client).size() == 1 << 20);
    client.close();
    server.wait_for_end();
}

TEST_CASE("a stop reaches a server that is at its limit") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.max_connections = 1;
    running_server server{{}, options};
    net::tcp_stream first{server.where()}, second{server.where()};
    CHECK(is_echoed(first, "1"));
    server.wait_until_acknowledged();
    server.finish();
    CHECK(recv_to_end(first).empty());
    std::error_code error;
    CHECK(recv_until_over(second, error).empty());
    CHECK(server.read().opened == 1);
}

TEST_CASE("a handler may request the stop itself") {
    const manner how = every_manner();
    running_server* running = nullptr;
    hooks actions;
    actions.bytes = [&](net::connection& client, bytes_view) {
        client.send("good night");
        running->request_stop();
    };
    running_server server{actions, options_for(how)};
    running = &server;
    net::tcp_stream client{server.where()};
    client.send_all("stop");
    CHECK(recv_to_end(client) == "good night");
    client.close();
    server.wait_for_end();
}

// ---- options and types ---------------------------------------------------------------------------------

TEST_CASE("options that contradict each other are refused") {
    const auto make = [](net::reactor_options options) {
        const auto nothing = [](net::connection&, bytes_view) {};
        const net::reactor_server server{loopback_listener(), nothing, options};
    };
    net::reactor_options options;
    CHECK_NOTHROW(make(options));
    SECTION("a low water mark above the high one") {
        options.low_water = options.high_water + 1;
        CHECK_THROWS_AS(make(options), std::invalid_argument);
        options.low_water = options.high_water;
        CHECK_NOTHROW(make(options));
    }
    SECTION("a high water mark above the greatest queue") {
        options.high_water = options.max_queue + 1;
        CHECK_THROWS_AS(make(options), std::invalid_argument);
        options.high_water = options.max_queue;
        CHECK_NOTHROW(make(options));
    }
    SECTION("reading nothing") {
        options.read_size = 0;
        CHECK_THROWS_AS(make(options), std::invalid_argument);
    }
    SECTION("serving nobody") {
        options.max_connections = 0;
        CHECK_THROWS_AS(make(options), std::invalid_argument);
    }
    SECTION("a trigger that has to be armed again") {
        options.how = trigger::one_shot;
        CHECK_THROWS_AS(make(options), std::invalid_argument);
    }
    SECTION("no time at all for an exchange") {
        options.request_timeout = GENERATE(net::duration::zero(), net::duration{-1s}, net::duration::min());
        CHECK_THROWS_AS(make(options), std::invalid_argument);
    }
    SECTION("no time at all to be idle in") {
        options.idle_timeout = GENERATE(net::duration::zero(), net::duration{-1s}, net::duration::min());
        CHECK_THROWS_AS(make(options), std::invalid_argument);
        options.idle_timeout = 1ns;
        CHECK_NOTHROW(make(options));
    }
    SECTION("edges on a poller that has none") {
        const auto nothing = [](net::connection&, bytes_view) {};
        options.how = trigger::edge;
        CHECK_THROWS_AS((net::reactor_server{loopback_listener(), nothing, options, net::select_poller{}}),
                        std::invalid_argument);
        CHECK_THROWS_AS((net::reactor_server{loopback_listener(), nothing, options, net::poll_poller{}}),
                        std::invalid_argument);
        options.how = trigger::level;
        CHECK_NOTHROW(net::reactor_server{loopback_listener(), nothing, options, net::select_poller{}});
    }
}

TEST_CASE("a socket that does not listen is refused and one that ceases to listen ends the server") {
    const auto nothing = [](net::connection&, bytes_view) {};
    net::socket unready{net::address_family::inet, net::socket_type::stream};
    unready.bind(net::endpoint{net::ipv4_address::loopback(), 0});
    CHECK_THROWS_AS((net::reactor_server{std::move(unready), nothing}), std::invalid_argument);

    net::socket listener = loopback_listener();
    const int descriptor = listener.native_handle();
    running_server server{{}, {}, std::move(listener)};
    net::tcp_stream client{server.where()};
    CHECK(is_echoed(client, "x"));
    REQUIRE(::shutdown(descriptor, SHUT_RDWR) == 0);
    CHECK_THROWS_AS(server.wait_for_end(), std::system_error);
}

TEST_CASE("servers and connections stay where they are") {
    using handler = void (*)(net::connection&, bytes_view);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<net::reactor_server<handler>>);
    STATIC_REQUIRE_FALSE(std::is_move_constructible_v<net::reactor_server<handler>>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<net::connection>);
    STATIC_REQUIRE_FALSE(std::is_move_constructible_v<net::connection>);
}

TEST_CASE("a water mark of zero pauses while anything at all is queued") {
    const manner how = every_manner();
    server_options options = options_for(how);
    options.low_water = options.high_water = 0;
    options.read_size = 1024;
    running_server server{{}, options, listener_with_small_buffers()};
    net::tcp_stream client = client_with_small_buffers(server.where());
    const std::string text = random_bytes(300'000, 6);
    const bool same = exchange(client, text) == text;
    CHECK(same);
    CHECK(server.read().max_queued <= 1024);
}

// ---- short reads that do not mean "empty" --------------------------------------------------------------

TEST_CASE("urgent data does not hide what comes after it") {
    // A receive stops at the urgent mark, so it is short although there is more (tcp(7)).
    const manner how = every_manner();
    CAPTURE(how);
    running_server server{{}, options_for(how)};
    net::tcp_stream client{server.where()};
    REQUIRE(is_echoed(client, "x"));
    {
        const auto held = server.hold();
        client.send_all("before");
        REQUIRE(client.send("!", MSG_OOB) == 1);
        client.send_all("after");
    }
    CHECK(recv_exactly(client, 11) == "beforeafter");
    CHECK(is_echoed(client, "and on"));
}

TEST_CASE("descriptors passed over a Unix socket are dropped and do not hide what comes after them") {
    const manner how = every_manner();
    CAPTURE(how);
    const auto where = net::unix_endpoint::abstract("netnotes-reactor-test-" + std::to_string(::getpid()));
    net::socket listener{net::address_family::local, net::socket_type::stream};
    listener.bind(where);
    listener.listen();
    hooks actions;
    actions.bytes = [](net::connection&, bytes_view) {};  // an answer would wake an edge-triggered server again
    running_server server{actions, options_for(how), std::move(listener)};
    net::socket client{net::address_family::local, net::socket_type::stream};
    client.connect(where);
    client.send_all("x");
    server.wait_until([](const journal& j) { return j.bytes >= 1; });
    const auto descriptors = open_descriptors();
    {
        const auto held = server.hold();
        std::string text = "with a descriptor ";
        iovec part{text.data(), text.size()};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        const int passed = client.native_handle();
        std::memcpy(CMSG_DATA(header), &passed, sizeof passed);
        REQUIRE(::sendmsg(client.native_handle(), &message, 0) == static_cast<ssize_t>(text.size()));
        client.send_all("and without");
    }
    server.wait_until([](const journal& j) { return j.bytes >= 30; });
    CHECK(open_descriptors() == descriptors);
}
