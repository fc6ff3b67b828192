// netnotes/http/client.hpp: pages of the web, ten at once
// SPDX-License-Identifier: MIT
//
//     task<> print(std::string where) {
//         const http::response page = co_await http::get(where);  // the name, the connection, the page: 30 s at most
//         std::cout << page.status.code() << '\n' << page.body;
//     }
//     event_loop loop;
//     loop.run(print("http://example.com/"));
//
// A program that asks one host more than once keeps a client, which keeps connections:
//
//     http::client browser;
//     const auto ten = [&](task_group& all) -> task<> {
//         for (int i = 0; i < 10; ++i) all.spawn(fetch(browser, i));     10 pages of 0.1 s each: 0.1 s, not 1.0
//         co_return;
//     };
//     co_await with_group(ten);
//
//        get ──> a connection of the pool, or Happy Eyeballs ──> request ──> response ──> body ──> back to the pool
//                └──────────────────────────── one deadline for all of it ───────────────────────────┘
//
// The body comes with the response, up to max_body bytes. A longer body comes piece by piece:
//
//     http::response answer = co_await browser.open("http://example.com/big");
//     for (;;) { auto piece = co_await answer.source->next(); if (piece.empty()) break; use(piece); }
//
// A text goes to the server with its media type:
//
//     const http::response reply = co_await browser.post(where, R"({"name": "Li"})", "application/json");
//
//   a status of 404 or 500          is a response like any other, no exception
//   a connection of the pool has    the request is sent again over a new connection: once, only if no byte of an answer
//     died meanwhile                has come, and only if the method is idempotent. `retries = false` forbids it
//   the server sends elsewhere      the response is returned (301, 302, ...), unless max_redirects allows to follow
//   the server sends 1xx            it is skipped
//   the server answers before it    the answer is returned, and the connection is closed
//     has the whole body, and closes
//   the deadline passes             errc::timed_out, whatever the client waited for
//   the answer is no HTTP           errc::protocol_error, with the sentence of http/refusal.hpp
//   a redirect leads to no URL      parse_error. https and file: are no URLs of http, so no redirect leads there
//   to another host or port         the request goes there without Authorization, Proxy-Authorization and Cookie
//
// Each error names the request and the reason:
//        GET http://a/b: the answer is not valid: line 2 "X : y": a space before the colon (RFC 9112 §5.1): Protocol error
//
// The client keeps no cookies, and it unpacks nothing. It asks for no Content-Encoding, and if a server sends gzip all
// the same, the body is the packed bytes.
//
// A server may answer while a long request is still on its way, as an echo does. So the client receives while it sends.
// It keeps at most max_body bytes of such an answer. Beyond that it throws errc::message_size: with a server that does
// not read before its answer is taken, both sides would otherwise wait until the deadline.
//
// There is no TLS: a URL with https is refused with a sentence. Let nginx speak it:
//
//   server { listen 127.0.0.1:8443;  location / { proxy_pass https://example.com;  proxy_ssl_server_name on; } }
//
// On this page:  client_options · client, get
// Above it:      http/download.hpp (a body that becomes a file)
// Below it:      http/url.hpp, http/link.hpp, http/parser.hpp, http/body.hpp, coro/connect.hpp
// Sources:       RFC 9112 §9.3 (persistent connections), RFC 9110 §9.2.2 (retries), §15.4 (redirects)
// The notes:     asyncio、async/await、aiohttp; example 40

#ifndef NETNOTES_HTTP_CLIENT_HPP
#define NETNOTES_HTTP_CLIENT_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "../coro/connect.hpp"
#include "../coro/stream.hpp"
#include "../coro/sync.hpp"
#include "../coro/task.hpp"
#include "../coro/timeout.hpp"
#include "../coro/when.hpp"
#include "body.hpp"
#include "link.hpp"
#include "message.hpp"
#include "parser.hpp"
#include "url.hpp"
#include "write.hpp"

namespace netnotes::http {

/// The limits of a client. No member has a destructor, so the struct may be a temporary in a co_await expression; g++
/// 12 destroys other temporaries twice there.
struct client_options {
    /// For all of a request: the wait for a place in the pool, the look-up of the name, the connection, redirects, and
    /// the body. Must be above zero.
    wait_time timeout = std::chrono::seconds{30};
    std::uint64_t max_body = 16 << 20;  ///< bytes of a body that get() and send() collect
    std::size_t max_connections = 100;  ///< at the same time; a further request waits. Must be above zero
    std::size_t max_per_host = 10;      ///< of them to one host and port. Must be above zero
    std::size_t max_idle = 20;          ///< unused connections that the pool keeps
    wait_time idle_timeout = std::chrono::seconds{15};  ///< the pool uses no connection that was idle for longer
    int max_redirects = 0;                              ///< redirects that a request follows; 0 returns them
    bool retries = true;                                ///< see the first page
    http::limits limits{};                              ///< the bounds of heads. The bound of bodies is max_body
};
static_assert(std::is_trivially_destructible_v<client_options>);

namespace detail {
class client_pool;
class client_exchange;
}  // namespace detail

/// Sends requests, and keeps the connections for the next ones. All tasks that use a client belong to one loop. The
/// client may be destroyed while a task uses it or a body is read. It must be destroyed before the loop, because its
/// idle connections belong to the loop: make the client behind the loop, or in a task.
class client {
  public:
    /// Throws std::invalid_argument if a limit that must be above zero is not.
    explicit client(client_options options = {});

    /// Sends `GET` and returns the response with its body. Throws parse_error for a text that is no URL of http, and
    /// std::system_error if no response arrives: the errors of async_connect(), errc::timed_out, errc::protocol_error,
    /// errc::message_size for a body of more than max_body bytes.
    [[nodiscard]] task<response> get(std::string where);
    /// Sends `POST` with this body and returns the response with its body. Throws like get(), and std::invalid_argument
    /// if the media type could not be a field's value.
    [[nodiscard]] task<response> post(std::string where, std::string body, std::string media_type);
    /// Sends a request with its body() to the host of the URL, and returns the response with its body. The URL's target
    /// takes the place of the request's, and Host is added. Throws like get(). (g++ 12 does not compile a list of
    /// fields inside a co_await expression: give such a request a name, and move it.)
    [[nodiscard]] task<response> send(request ask, url where);
    /// Does the same, but the response has its body as `source`, which is never empty. The connection belongs to it. To
    /// destroy the response early closes the connection. The deadline holds for the body, too.
    [[nodiscard]] task<response> open(request ask, url where);
    /// Does the same with `GET`. Throws like get().
    [[nodiscard]] task<response> open(std::string where);

    /// Returns how many connections are in use, and how many are idle.
    [[nodiscard]] std::size_t busy() const noexcept;
    [[nodiscard]] std::size_t idle() const noexcept;

  private:
    std::shared_ptr<detail::client_pool> pool_;
};

/// Sends `GET` over a connection of its own, and returns the response with its body. Throws like client::get().
[[nodiscard]] inline task<response> get(std::string where, client_options options = {}) {
    client once{options};
    co_return co_await once.get(std::move(where));
}

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

using client_link = peer_link<async_stream>;

/// The connections of a client: how many are in use, and which are idle.
class client_pool {
  public:
    explicit client_pool(const client_options& chosen) : options{chosen} {
        if (options.timeout <= duration::zero() || options.max_connections == 0 || options.max_per_host == 0)
            throw std::invalid_argument{
                "http::client_options: the timeout and the numbers of connections must be above zero"};
    }
    [[nodiscard]] bool has_room(std::string_view host) const noexcept {
        return busy_.size() < options.max_connections &&
               static_cast<std::size_t>(std::count(busy_.begin(), busy_.end(), host)) < options.max_per_host;
    }
    void enter(const std::string& host) { busy_.push_back(host); }
    /// Gives a place back, and the connection if it can be used again.
    void leave(const std::string& host, std::unique_ptr<client_link> link, netnotes::time_point now) noexcept {
        try {
            if (link && options.max_idle > 0) {
                if (idle_.size() >= options.max_idle) idle_.erase(idle_.begin());
                idle_.push_back({host, std::move(link), now});
            }
        } catch (const std::bad_alloc&) {  // then the connection is closed
        }
        leave(host);
    }
    /// A request that waits for a place. A place that becomes free is given to the first of them that it suits. If it
    /// were only woken, the request that has given the place back could take it again before, each time.
    class waiter {
      public:
        waiter(client_pool& pool, const std::string& host) : pool_{pool}, host_{host}, place_{host} {
            pool.waiting_.push_back(this);
        }
        waiter(const waiter&) = delete;
        waiter& operator=(const waiter&) = delete;
        ~waiter() {
            if (has_place_)
                pool_.leave(host_);  // it was cancelled just then: the place is for another
            else if (const auto self = std::find(pool_.waiting_.begin(), pool_.waiting_.end(), this);
                     self != pool_.waiting_.end())
                pool_.waiting_.erase(self);
        }
        /// Returns an awaiter that waits for the place.
        [[nodiscard]] auto wait() { return turn_.wait(); }
        /// Hands the place over to the request.
        void take_place() noexcept { has_place_ = false; }

      private:
        friend client_pool;
        client_pool& pool_;
        const std::string& host_;
        std::string place_;  // goes into busy_, so that giving a place allocates nothing
        async_event turn_;
        bool has_place_ = false;
    };
    /// Returns the idle connection to this host that was used last, or nullptr. A connection on which something has
    /// arrived is no good: the server has closed it, or has sent bytes that nobody has asked for.
    std::unique_ptr<client_link> take(const std::string& host, netnotes::time_point now) {
        std::erase_if(idle_, [&](const idle_link& each) { return now - each.since > options.idle_timeout; });
        for (;;) {
            const auto is_for_host = [&](const idle_link& each) { return each.host == host; };
            const auto last = std::find_if(idle_.rbegin(), idle_.rend(), is_for_host);
            if (last == idle_.rend()) return nullptr;
            std::unique_ptr<client_link> link = std::move(last->link);
            idle_.erase(std::next(last).base());
            if (!link->stream.has_arrived()) return link;
        }
    }
    [[nodiscard]] std::size_t busy() const noexcept { return busy_.size(); }
    [[nodiscard]] std::size_t idle() const noexcept { return idle_.size(); }

    const client_options options;

  private:
    /// Gives a place back. One request more has room now.
    void leave(const std::string& host) noexcept {
        if (const auto place = std::find(busy_.begin(), busy_.end(), host); place != busy_.end()) busy_.erase(place);
        const auto next = std::find_if(waiting_.begin(), waiting_.end(),
                                       [this](const waiter* each) { return has_room(each->host_); });
        if (next == waiting_.end()) return;
        waiter& lucky = **next;
        waiting_.erase(next);
        busy_.push_back(std::move(lucky.place_));
        lucky.has_place_ = true;
        lucky.turn_.set();
    }
    struct idle_link {
        std::string host;
        std::unique_ptr<client_link> link;
        netnotes::time_point since;
    };
    std::vector<std::string> busy_;  // the host of each connection
    std::vector<idle_link> idle_;    // in the order of their last use
    std::deque<waiter*> waiting_;    // in the order in which they came
};

/// One request and its response. As a source it is the body of the response.
class client_exchange final : public body_source {
  public:
    client_exchange(std::shared_ptr<client_pool> pool, const request& ask, const url& where,
                    netnotes::time_point deadline)
        : pool_{std::move(pool)}, host_{where.authority()}, name_{name_of(ask, where)}, deadline_{deadline} {}
    client_exchange(const client_exchange&) = delete;
    client_exchange& operator=(const client_exchange&) = delete;
    ~client_exchange() override { end(false); }

    /// Returns the request as errors name it: "GET http://example.com/notes".
    static std::string name_of(const request& ask, const url& where) {
        constexpr std::size_t most = 300;
        std::string name{ask.method_name()};
        (name += ' ') += where.to_string();
        if (name.size() > most) name.replace(most, name.npos, "...");
        return name;
    }
    /// Returns the error with the name of the request in front. After the deadline it says so.
    [[nodiscard]] std::system_error named(const std::system_error& error) const {
        std::string text = error.what();
        if (text.starts_with(name_)) return error;
        if (error.code() == std::errc::timed_out && now() >= deadline_)
            return {error.code(), name_ + ": no complete answer within client_options::timeout"};
        const std::string words = ": " + error.code().message();
        if (text.ends_with(words)) text.resize(text.size() - words.size());
        return {error.code(), name_ + ": " + text};
    }
    /// Waits for a place in the pool, and for a connection.
    task<> connect(const url& where, bool may_reuse) {
        if (pool_->has_room(host_)) {
            pool_->enter(host_);
        } else {
            client_pool::waiter self{*pool_, host_};
            co_await with_timeout(left(), self.wait());
            self.take_place();
        }
        is_entered_ = true;
        if (may_reuse) link_ = pool_->take(host_, now());
        was_reused = link_ != nullptr;
        if (was_reused) co_return;
        async_stream stream = co_await with_timeout(left(), async_connect(where.host, where.port));
        stream.set_option(option::no_delay{});
        link_ = std::make_unique<client_link>(std::move(stream));
    }
    /// Sends the request, and receives the head of the response.
    task<response> ask(const request& what) {
        asks_for_close_ = what.fields().has_element("Connection", "close");
        std::string out;
        write_head(out, what, what.body().size());
        out += what.body();
        link_->limit(left());
        // A server may answer and close before it has the whole body, for example with 413. Then sending fails, but the
        // answer has come.
        std::exception_ptr failure;
        std::string_view rest{out};
        try {
            const std::size_t size = co_await link_->stream.send(rest);
            rest.remove_prefix(size);
            if (!rest.empty()) {
                task<> sending = send_rest(rest), receiving = receive_meanwhile(failure);
                static_cast<void>(co_await when_any(std::move(sending), std::move(receiving)));
            }
        } catch (const std::system_error& error) {
            if (error.code() == std::errc::timed_out || error.code() == std::errc::message_size) throw;
            failure = std::current_exception();
        }
        is_cut_ = !rest.empty();
        const auto head = std::make_unique<response_head>();
        head_progress seen;
        for (int interim = 0;;) {
            const head_result found = parse_head(link_->unused(), seen, *head, pool_->options.limits);
            if (found.is_refused()) fail("the answer is not valid: " + found.refusal.explain(link_->unused()));
            if (found.is_complete()) {
                if (!head->status.is_interim()) {
                    response answer = to_response(*head);
                    link_->use(found.size);
                    begin_body(*head, what.method());
                    co_return answer;
                }
                if (head->status == status::switching_protocols || ++interim > max_interim)
                    fail("the server answers with " + head->status.to_string());
                link_->use(found.size);
                seen = {};
                continue;
            }
            bool is_more = false;
            try {
                is_more = co_await receive();
            } catch (const std::system_error&) {
                if (!failure) throw;
            }
            if (!is_more && failure) std::rethrow_exception(failure);
            if (!is_more) fail("the server has closed the connection without an answer");
            has_heard = true;
        }
    }

    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override {
        return framing_.how == framing::kind::length || framing_.how == framing::kind::none
                   ? std::optional{framing_.length}
                   : std::nullopt;
    }
    task<std::span<const std::byte>> next() override {
        while (!body_.is_done()) {
            co_await netnotes::detail::stepping{};  // a cancelled task takes nothing, because its result may be dropped
            if (!link_) fail("the body has failed before");
            if (link_->unused().empty()) {
                const bool is_more = co_await receive_named();
                if (!is_more) body_.end();
                if (!is_more && body_.is_done()) break;
            }
            const body_decoder::piece found = body_.next(link_->unused());
            link_->use(found.consumed);
            if (body_.is_refused()) {
                const std::string sentence = body_.refusal().explain();
                end(false);
                fail("the answer is not valid: " + sentence);
            }
            if (!found.data.empty())
                co_return std::as_bytes(std::span<const char>{found.data.data(), found.data.size()});
        }
        end(keeps_ && link_ && link_->unused().empty());
        co_return std::span<const std::byte>{};
    }

    bool was_reused = false;  ///< the connection has served a request before
    bool has_heard = false;   ///< a byte of the answer has come

  private:
    static constexpr int max_interim = 10;
    [[nodiscard]] static netnotes::time_point now() { return event_loop::current().now(); }
    /// Returns how much time is left. Throws errc::timed_out if no time is left.
    [[nodiscard]] duration left() const {
        if (deadline_ == netnotes::time_point::max()) return never;
        const duration time = deadline_ - now();
        if (time <= duration::zero())
            throw named(std::system_error{std::make_error_code(std::errc::timed_out)});
        return time;
    }
    [[noreturn]] void fail(const std::string& sentence) const {
        throw std::system_error{std::make_error_code(std::errc::protocol_error), name_ + ": " + sentence};
    }
    task<bool> receive() {
        constexpr std::size_t room = 16 * 1024;
        link_->limit(left());
        co_return co_await link_->receive(room);
    }
    /// Does the same for a body that is read after the response was given: its errors name the request, too.
    task<bool> receive_named() {
        try {
            const bool is_more = co_await receive();
            co_return is_more;
        } catch (const std::system_error& error) {
            throw named(error);
        }
    }
    task<> send_rest(std::string_view& rest) {
        while (!rest.empty()) {
            const std::size_t size = co_await link_->stream.send(rest);
            rest.remove_prefix(size);
        }
    }
    /// Receives what the server sends while the request is on its way, until the server sends nothing more.
    task<> receive_meanwhile(std::exception_ptr& failure) {
        const std::uint64_t most = pool_->options.max_body;
        try {
            while (link_->unused().size() <= most) {
                const bool is_more = co_await receive();
                if (!is_more) co_return;
                has_heard = true;
            }
        } catch (const std::system_error& error) {
            if (error.code() == std::errc::timed_out) throw;
            failure = std::current_exception();
            co_return;
        }
        throw std::system_error{std::make_error_code(std::errc::message_size),
                                "the server has answered with more than " + std::to_string(most) +
                                    " bytes, and does not take the rest of the request"};
    }
    void begin_body(const response_head& head, method asked) {
        framing_ = head.body(asked);
        http::limits bounds = pool_->options.limits;
        bounds.body = std::numeric_limits<std::uint64_t>::max();  // send() has the bound
        body_ = body_decoder{framing_, bounds};
        keeps_ = !is_cut_ && !asks_for_close_ && head.keeps_alive && framing_.how != framing::kind::until_close;
        if (body_.is_done()) end(keeps_ && link_->unused().empty());
    }
    /// Gives the place in the pool back, and the connection if it may be used again. Otherwise the connection is
    /// closed.
    void end(bool is_usable) noexcept {
        std::unique_ptr<client_link> link = std::move(link_);
        if (!std::exchange(is_entered_, false)) return;
        if (!is_usable) link.reset();
        pool_->leave(host_, std::move(link), is_usable ? now() : netnotes::time_point{});
    }

    std::shared_ptr<client_pool> pool_;
    std::string host_, name_;
    netnotes::time_point deadline_;
    std::unique_ptr<client_link> link_;
    framing framing_{};
    body_decoder body_;
    bool is_entered_ = false, keeps_ = false;
    bool is_cut_ = false;          // the request could not be sent whole
    bool asks_for_close_ = false;  // the request is the last of its connection
};

/// Sends one request, perhaps twice, and returns the response with its body as `source`.
inline task<response> open_once(std::shared_ptr<client_pool> pool, const request& ask, const url& where,
                                netnotes::time_point deadline) {
    for (bool may_reuse = true;; may_reuse = false) {
        auto exchange = std::make_unique<client_exchange>(pool, ask, where, deadline);
        try {
            co_await exchange->connect(where, may_reuse);
            response answer = co_await exchange->ask(ask);
            answer.source = std::move(exchange);
            co_return answer;
        } catch (const std::system_error& error) {
            if (!exchange) throw;  // it belongs to the response
            const bool again = may_reuse && exchange->was_reused && !exchange->has_heard && pool->options.retries &&
                               is_idempotent(ask.method()) && error.code() != std::errc::timed_out;
            if (!again) throw exchange->named(error);
        }
    }
}
/// Sends a request, and follows redirects as far as the options allow it.
inline task<response> open_all(std::shared_ptr<client_pool> pool, request ask, url where) {
    const auto deadline = netnotes::detail::later(event_loop::current().now(), pool->options.timeout);
    for (int redirects = 0;; ++redirects) {
        fields list = std::move(ask.fields());
        std::string body = ask.body();
        list.set("Host", where.authority());
        ask = request{ask.method_name(), where.target, std::move(list), std::move(body)};
        response answer = co_await open_once(pool, ask, where, deadline);
        const int code = answer.status.code();
        const bool is_redirect = code == 301 || code == 302 || code == 303 || code == 307 || code == 308;
        const auto location = answer.fields.find("Location");
        if (!is_redirect || !location || pool->options.max_redirects == 0) co_return answer;
        if (redirects == pool->options.max_redirects)
            throw std::system_error{std::make_error_code(std::errc::too_many_links),
                                    client_exchange::name_of(ask, where) +
                                        ": too many redirects, now to " + netnotes::quoted(*location)};
        parse_failure why;
        const std::optional<url> next = where.resolve(*location, why);
        if (!next) throw parse_error{"URL of http, in a redirect of " + where.to_string(), *location, why};
        if (next->authority() != where.authority())  // what was meant for one host is not for another
            for (const std::string_view secret : {"Authorization", "Cookie", "Proxy-Authorization"})
                ask.fields().erase(secret);
        // Browsers turn POST into GET for 301 and 302, too (RFC 9110 §15.4.2); 307 and 308 keep the method.
        const bool becomes_get =
            (code == 303 && ask.method() != method::head) || (code < 303 && ask.method() == method::post);
        if (becomes_get) {
            fields kept = std::move(ask.fields());
            for (const std::string_view of_body : {"Content-Type", "Content-Encoding", "Content-Language"})
                kept.erase(of_body);
            ask = request{"GET", next->target, std::move(kept)};
        }
        where = *next;
    }
}

}  // namespace detail

inline client::client(client_options options) : pool_{std::make_shared<detail::client_pool>(options)} {}
inline std::size_t client::busy() const noexcept { return pool_->busy(); }
inline std::size_t client::idle() const noexcept { return pool_->idle(); }

inline task<response> client::open(request ask, url where) {
    return detail::open_all(pool_, std::move(ask), std::move(where));
}
inline task<response> client::send(request ask, url where) {
    const std::uint64_t most = pool_->options.max_body;
    const std::string name = where.to_string();
    response answer = co_await open(std::move(ask), std::move(where));
    const std::unique_ptr<body_source> from = std::move(answer.source);
    if (const auto size = from->size(); size && *size <= most) answer.body.reserve(static_cast<std::size_t>(*size));
    for (;;) {
        const auto piece = co_await from->next();
        if (piece.empty()) break;
        if (piece.size() > most - answer.body.size())
            throw std::system_error{std::make_error_code(std::errc::message_size),
                                    "the body of " + name + " has more than " + std::to_string(most) +
                                        " bytes (client_options::max_body)"};
        answer.body += as_text(piece);
    }
    co_return answer;
}
inline task<response> client::open(std::string where) {
    url place = url::parse(where);
    request ask{"GET", place.target};
    response answer = co_await open(std::move(ask), std::move(place));
    co_return answer;
}
inline task<response> client::post(std::string where, std::string body, std::string media_type) {
    url place = url::parse(where);
    request ask{"POST", place.target};
    ask.fields().set("Content-Type", media_type);
    ask.set_body(std::move(body));
    co_return co_await send(std::move(ask), std::move(place));
}
inline task<response> client::get(std::string where) {
    url place = url::parse(where);
    request ask{"GET", place.target};
    co_return co_await send(std::move(ask), std::move(place));
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_CLIENT_HPP
