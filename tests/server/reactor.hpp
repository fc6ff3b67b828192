// A reactor server under observation, its clients, and the manners in which it may run: for the tests of the reactor.
//
// Most tests run a real server in a thread of its own, with real connections, in every manner: on epoll with either
// trigger, on poll, and on select. Its poller stands in a wrapper that counts, and that can hold the server between
// two waits: whatever happens meanwhile is reported to it in one batch. Where the order inside a batch is the point,
// a poller made of a script says what happens.

#pragma once

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

namespace support {

// ---- the manners in which a server may run ----

enum class kind { epoll, poll, select };

struct manner {
    trigger how;
    kind on = kind::epoll;
    manner(trigger with, kind poller = kind::epoll) : how{with}, on{poller} {}
    operator trigger() const { return how; }
};
inline std::ostream& operator<<(std::ostream& to, const manner& what) {
    return to << (what.on == kind::select ? "select"
                  : what.on == kind::poll ? "poll"
                                          : "epoll")
              << (what.how == trigger::edge ? ", edge" : ", level");
}

inline manner every_manner() {
    return GENERATE(manner(trigger::level), manner(trigger::edge), manner(trigger::level, kind::poll),
                    manner(trigger::level, kind::select));
}
/// For a poller that is not one of these.
inline trigger both_triggers() { return GENERATE(trigger::level, trigger::edge); }

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
    std::size_t bytes = 0;  ///< ... with this number of bytes
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

/// Returns when the peer's kernel has acknowledged all that was sent: then it lies in the receive queue there, even if
/// the peer has not accepted the connection. On a busy machine even loopback delivers late.
inline void wait_until_delivered(const net::tcp_stream& from) {
    for (int under_way = 1; under_way != 0; std::this_thread::yield())
        REQUIRE(::ioctl(from.native_handle(), TIOCOUTQ, &under_way) == 0);
}

inline net::socket loopback_listener() { return net::tcp_listener{{net::ipv4_address::loopback(), 0}}.into_socket(); }
/// Its connections inherit small buffers, so that little data is enough to fill them.
inline net::socket listener_with_small_buffers() {
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
    /// Lets `time` pass on the server's clock, and returns when the server has done all that is due.
    void pass(net::duration time) {
        there([this, time] { return seen_.pass(time), 0; });
        there([] { return 0; });
    }
    /// Lets time pass until `count` connections are left. (A byte that the kernel takes late begins an idle time anew.)
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
    /// Returns when `count` bytes lie unread on the server's connections. Call it while the server is held: on a busy
    /// machine even loopback delivers late, so a byte that was sent has not yet arrived.
    void wait_until_arrived(std::size_t count) {
        for (std::size_t sum = 0; sum < count;) {
            sum = 0;
            for (const int descriptor : seen_.connections) {
                int bytes = 0;
                if (::ioctl(descriptor, FIONREAD, &bytes) == 0) sum += static_cast<std::size_t>(bytes);
            }
            std::this_thread::yield();
        }
    }
    /// Returns when `count` connections have been closed since the beginning, and been forgotten.
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

inline net::tcp_stream client_with_small_buffers(const net::endpoint& where) {
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
inline std::string recv_until_over(net::tcp_stream& stream, std::error_code& error) {
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
inline void reset(net::tcp_stream& stream) {
    stream.set_option(net::option::linger{0s});
    stream.close();
}
inline std::string random_bytes(std::size_t size, unsigned seed) {
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

inline server_options options_for(const manner& how) {
    server_options options{how};
    options.max_queue = 16 << 20;  // tests send much at once
    return options;
}
/// With these a few hundred kilobytes are much.
inline server_options small_options(const manner& how) {
    server_options options{how};
    options.high_water = 64 * 1024;
    options.low_water = 16 * 1024;
    options.read_size = 8 * 1024;
    return options;
}

/// A client with a descriptor that is too high for select, so the low descriptors are the server's.
inline net::tcp_stream out_of_the_way(net::tcp_stream client) {
    net::socket moved{::fcntl(client.native_handle(), F_DUPFD_CLOEXEC, FD_SETSIZE)};
    if (!moved.is_open()) throw std::system_error{errno, std::system_category(), "F_DUPFD"};
    return net::tcp_stream{std::move(moved)};
}

inline constexpr int reads_a_turn = 16;  // as in server/reactor.hpp

}  // namespace support

using namespace support;
