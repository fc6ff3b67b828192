// netnotes/http/server_options.hpp: the limits of a web server, and what its connections share
// SPDX-License-Identifier: MIT
//
// A server must survive clients that send too much, too slowly, or nothing. So each size and each wait has a bound, and
// each bound can be set:
//
//        http::server_options options;
//        options.head_timeout = std::chrono::seconds{5};
//        options.limits.body = 10 << 20;
//        options.on_access = [](std::string_view line) { std::clog << line << '\n'; };
//        loop.run(http::serve(where, hello, options), stop);
//
//        connection made ──> a head ──────────> a body ────────────> an answer ───────> the next head
//             idle_timeout    head_timeout       body_timeout         send_timeout       idle_timeout
//
// On this page:  server_options, access_log · body_error · request_handler · detail::server_state
// Above it:      http/exchange.hpp (one connection), http/server.hpp
// Sources:       RFC 9112 §9.5, RFC 6585 §5

#ifndef NETNOTES_HTTP_SERVER_OPTIONS_HPP
#define NETNOTES_HTTP_SERVER_OPTIONS_HPP

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../coro/task.hpp"
#include "../coro/timeout.hpp"
#include "../socket/address.hpp"
#include "answer.hpp"
#include "head.hpp"
#include "message.hpp"
#include "refusal.hpp"

namespace netnotes::http {

namespace detail {
inline void write_access(void (*to)(std::string_view line), const socket_address& peer, const request* ask, status code,
                  std::uint64_t bytes);
}

/// A function `void(std::string_view line)` that takes the lines of the access log, or nothing. A lambda without
/// captures converts to it. Only a program that has such a function contains the code that makes a line.
class access_log {
  public:
    constexpr access_log(std::nullptr_t = nullptr) noexcept {}  // NOLINT(google-explicit-constructor)
    template <class Function>
    requires std::is_convertible_v<Function, void (*)(std::string_view)>
    constexpr access_log(Function to) noexcept  // NOLINT(google-explicit-constructor)
        : to_{to}, write_{&detail::write_access} {}
    /// Returns true if there is a function.
    constexpr explicit operator bool() const noexcept { return to_ != nullptr; }
    /// Calls the function with a line about an answer: see access_line(). It must exist. `ask` is nullptr if no request
    /// could be read.
    void write(const socket_address& peer, const request* ask, status code, std::uint64_t bytes) const {
        write_(to_, peer, ask, code, bytes);
    }

  private:
    void (*to_)(std::string_view) = nullptr;
    decltype(&detail::write_access) write_ = nullptr;
};

/// The limits of a server, and its reports. No member has a destructor, so the struct may be a temporary in a co_await
/// expression; g++ 12 destroys other temporaries twice there.
struct server_options {
    std::size_t max_connections = 10'000;  ///< further clients wait in the listener's queue; above zero
    /// The most connections from one IP address, or from one IPv6 network of 64 bits: see netnotes::serve_options. A
    /// further one is reset at once. A browser opens about six. Behind a proxy of your own leave it at SIZE_MAX, which
    /// means no limit: all clients have the proxy's address there, and the proxy must count them. Above zero.
    std::size_t max_per_client = SIZE_MAX;
    /// The descriptors that one connection needs: 2 if handlers send files or connect to other servers. Above 1,
    /// serve() keeps a descriptor free for each: see netnotes::serve_options.
    std::size_t descriptors_per_connection = 1;
    wait_time head_timeout = std::chrono::seconds{10};  ///< for a whole head, from its first byte; above zero
    wait_time idle_timeout = std::chrono::seconds{60};  ///< between two requests; above zero
    /// For a whole body: this time, and a second more for each 16 KiB that have arrived. Only the waits for the client
    /// count, not the time in which the handler works. Above zero.
    wait_time body_timeout = std::chrono::seconds{10};
    /// While the client takes no byte of an answer. Above zero. The server looks after each such time whether the
    /// client has acknowledged bytes. So a slow client stays, and a client that takes nothing is cut off before the
    /// time has passed twice. (A stream of your own without a native_handle() has this time for each send().)
    wait_time send_timeout = std::chrono::seconds{30};
    wait_time stop_grace = std::chrono::seconds{2};  ///< after a stop, handlers may run for this time
    http::limits limits{};                           ///< the bounds of heads and bodies
    /// The body of a 400 says what is wrong, and where. With false it says only the status.
    bool explains_refusals = true;

    /// Is called in the loop's thread with each exception that a handler throws, and with the errors of connections.
    /// nullptr reports nothing. The function must not throw or block.
    void (*on_error)(const socket_address& peer, const std::exception& failure) = [](const socket_address& peer,
                                                                                     const std::exception& failure) {
        std::fprintf(stderr, "%s: %s\n", peer.to_string().c_str(), failure.what());
    };
    /// Is called in the loop's thread after each answer with a line of the access log, without its line's end: see
    /// access_line(). nullptr makes no line. The function must not throw or block.
    access_log on_access = nullptr;
};
static_assert(std::is_trivially_destructible_v<server_options>);

/// A function of a request that returns a task<response>, or a response. It is called once for each request, also for
/// HEAD: the server then sends the head of the answer only. The request lives until the task has ended.
template <class Handler>
concept request_handler =
    std::is_invocable_r_v<task<response>, Handler&, request&> || std::is_invocable_r_v<response, Handler&, request&>;

/// Thrown by request::text() and request::recv() if the body is not valid, too large, too slow, or cut, or if the
/// server stops. If the handler lets it pass, the server answers with its status and its sentence. The connection ends
/// after the answer in any case.
class body_error : public std::runtime_error {
  public:
    body_error(http::status code, const std::string& sentence) : std::runtime_error{sentence}, status_{code} {}
    /// Returns 400, 408, 413, 431, or 503 if the server stops.
    [[nodiscard]] http::status status() const noexcept { return status_; }

  private:
    http::status status_;
};

namespace detail {

inline void write_access(void (*to)(std::string_view line), const socket_address& peer, const request* ask, status code,
                         std::uint64_t bytes) {
    access_entry entry;
    const std::string address = peer.is_ip() ? peer.ip().address().to_string() : "";
    std::string line;
    if (ask) {
        line.append(ask->method_name()).append(" ").append(ask->target().text());
        line += ask->minor_version() > 0 ? " HTTP/1.1" : " HTTP/1.0";
        entry.referer = ask->field("Referer").value_or("");
        entry.user_agent = ask->field("User-Agent").value_or("");
    }
    entry.peer = address;
    entry.when = std::time(nullptr);
    entry.request = line;
    entry.status = code.code();
    entry.bytes = bytes;
    to(access_line(entry));
}

/// Holds what all connections of one server share.
class server_state {
  public:
    explicit server_state(const server_options& chosen) : options{chosen} {
        if (options.max_connections == 0 || options.max_per_client == 0 || options.head_timeout <= duration::zero() ||
            options.idle_timeout <= duration::zero() || options.body_timeout <= duration::zero() ||
            options.send_timeout <= duration::zero())
            throw std::invalid_argument{
                "http::server_options: max_connections, max_per_client and the timeouts must be above zero"};
        spare_.reserve(most_spare);
    }
    /// Makes a cancellation of this chain the stop of the server.
    void stops_with(const netnotes::detail::fiber& chain) noexcept { chain_ = &chain; }
    [[nodiscard]] bool is_stopping() const noexcept { return chain_ && chain_->is_cancelled(); }
    /// Returns the present time as a Date field has it. It is made once a second.
    [[nodiscard]] std::string_view date() {
        const std::time_t now = std::time(nullptr);
        if (now != second_) {
            date_ = write_date(time_point{std::chrono::seconds{now}});
            second_ = now;
        }
        return date_;
    }
    /// Memory that an exchange needs, and an idle connection does not. Most exchanges find what an earlier one has
    /// left, and allocate nothing for their request and the head of their answer.
    struct workspace {
        request ask;
        std::string out;            ///< answers that are not sent yet
        std::size_t most_head = 0;  ///< the size of the largest head that `ask` has held
    };
    [[nodiscard]] std::unique_ptr<workspace> take_workspace() {
        if (spare_.empty()) return std::make_unique<workspace>();
        std::unique_ptr<workspace> taken = std::move(spare_.back());
        spare_.pop_back();
        return taken;
    }
    /// Keeps the memory for a later exchange, unless it is large.
    void give_back(std::unique_ptr<workspace> used) noexcept {
        if (spare_.size() == spare_.capacity() || used->most_head > most_kept || used->out.capacity() > most_kept)
            return;
        used->out.clear();
        used->ask.set_source(nullptr);
        spare_.push_back(std::move(used));
    }
    const server_options options;
    request_head head;  ///< 3 KiB, but no connection needs it while it waits

  private:
    static constexpr std::size_t most_kept = 8 * 1024, most_spare = 16;
    const netnotes::detail::fiber* chain_ = nullptr;
    std::time_t second_ = -1;
    std::string date_;
    std::vector<std::unique_ptr<workspace>> spare_;
};

}  // namespace detail

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_SERVER_OPTIONS_HPP
