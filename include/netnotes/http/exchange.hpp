// netnotes/http/exchange.hpp: one connection of a web server, from its first byte to its last
// SPDX-License-Identifier: MIT
//
// A connection of HTTP/1.1 is a loop: read a head, call the handler, write the answer. The trouble comes between these
// steps, and each case has an answer here:
//
//        recv ──> head whole? ──yes──> handler(request) ──> answer ──> out ──┐   another head is there already:
//          ^          │no: keep the rest, until the head's deadline          │   do not send yet (pipelining)
//          │          v                                                      │
//          └── receive more                     send all answers together <──┘
//
//   a head comes in pieces          the rest is kept in memory that is freed when it is used up
//   a head comes too slowly         408 after head_timeout, counted from the head's first byte
//   bytes that are no request       400 and a sentence that names the line, and the connection ends
//   the handler reads no body       up to 64 KiB of it are discarded, and beyond that the connection ends
//   `Expect: 100-continue`          "100 Continue" when the handler first waits for the body, not before
//   the handler throws              500 without details; on_error gets them
//   an answer cannot be finished    a reset, so that the client can tell
//   the answer is 101 Switching     the connection belongs to the response's upgrade: see http/upgrade.hpp
//     Protocols
//   the server ends the connection  while the client may still send: it stops sending and reads on for a while. A close
//                                   at once would become a reset, and a reset may destroy the answer on its way
//                                   (RFC 9112 §9.6)
//
// While a connection is idle it holds neither a buffer nor a request, only the frame of its task.
//
// On this page:  server_options · body_error · request_handler · detail::exchange
// Below it:      http/link.hpp, http/parser.hpp, http/body.hpp, http/answer.hpp, http/file.hpp, http/upgrade.hpp
// Above it:      http/server.hpp, which accepts the connections
// Sources:       RFC 9112 §6, §9; RFC 9110 §10.1.1 (Expect)

#ifndef NETNOTES_HTTP_EXCHANGE_HPP
#define NETNOTES_HTTP_EXCHANGE_HPP

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../coro/byte_stream.hpp"
#include "../coro/send_file.hpp"
#include "../coro/stream.hpp"
#include "../coro/task.hpp"
#include "../coro/timeout.hpp"
#include "answer.hpp"
#include "body.hpp"
#include "file.hpp"
#include "link.hpp"
#include "message.hpp"
#include "parser.hpp"
#include "upgrade.hpp"

namespace netnotes::http {

/// The limits of a server, and its reports. No member has a destructor, so the struct may be a temporary in a co_await
/// expression; g++ 12 destroys other temporaries twice there.
struct server_options {
    std::size_t max_connections = 10'000;                   ///< further clients wait in the listener's queue; above zero
    /// The descriptors that one connection needs: 2 if handlers send files or connect to other servers. Above 1,
    /// serve() keeps a descriptor free for each: see netnotes::serve_options.
    std::size_t descriptors_per_connection = 1;
    wait_time head_timeout = std::chrono::seconds{10};      ///< for a whole head, from its first byte; above zero
    wait_time idle_timeout = std::chrono::seconds{60};      ///< between two requests; above zero
    /// For a whole body: this time, and a second more for each 16 KiB that have arrived. Only the waits for the client
    /// count, not the time in which the handler works. Above zero.
    wait_time body_timeout = std::chrono::seconds{10};
    /// While the kernel takes no byte of an answer. Above zero. Linux takes more when a third of the send buffer is
    /// free. The buffer grows with the connection, often to 4 MiB, and a slow client must take that third within this
    /// time.
    wait_time send_timeout = std::chrono::seconds{30};
    wait_time stop_grace = std::chrono::seconds{2};         ///< after a stop, handlers may run for this time
    http::limits limits{};                                  ///< the bounds of heads and bodies
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
    void (*on_access)(std::string_view line) = nullptr;
};
static_assert(std::is_trivially_destructible_v<server_options>);

/// A function of a request that returns a task<response>, or a response. It is called once for each request, also for
/// HEAD: the server then sends the head of the answer only. The request lives until the task has ended.
template <class Handler>
concept request_handler = std::is_invocable_r_v<task<response>, Handler&, request&> ||
                          std::is_invocable_r_v<response, Handler&, request&>;

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

/// Holds what all connections of one server share.
class server_state {
  public:
    explicit server_state(const server_options& chosen) : options{chosen} {
        if (options.max_connections == 0 || options.head_timeout <= duration::zero() ||
            options.idle_timeout <= duration::zero() || options.body_timeout <= duration::zero() ||
            options.send_timeout <= duration::zero())
            throw std::invalid_argument{"http::server_options: max_connections and the timeouts must be above zero"};
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
    const server_options options;
    request_head head;  ///< 3 KiB, but no connection needs it while it waits

  private:
    const netnotes::detail::fiber* chain_ = nullptr;
    std::time_t second_ = -1;
    std::string date_;
};

/// `co_await own_chain{}` returns the chain of the awaiting task. It does not suspend.
class own_chain {
  public:
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
        chain_ = &self.promise().chain();
        return false;
    }
    netnotes::detail::fiber& await_resume() const noexcept { return *chain_; }

  private:
    netnotes::detail::fiber* chain_ = nullptr;
};

/// Reads requests of one connection and answers them, until the connection is idle again or has to end. It exists only
/// while there is something to do.
template <class Stream, class Handler>
class exchange final : public body_source {
  public:
    static void* operator new(std::size_t size) { return netnotes::detail::frames.take(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
        netnotes::detail::frames.give_back(memory, size);
    }
    exchange(peer_link<Stream>& link, server_state& server, Handler& handler)
        : link_{link}, server_{server}, handler_{handler} {}

    /// Takes the first bytes, which may be lent: they are copied as far as they are needed later.
    void begin(std::string_view bytes) {
        const std::size_t used = parse(bytes);
        if (used < bytes.size()) link_.keep(bytes.substr(used));
    }
    /// Takes the bytes that the link has kept.
    void begin() { link_.use(parse(link_.unused())); }

    /// Returns true when the connection is idle, and false if it has to end.
    task<bool> run() {
        for (;;) {
            if (step_ == step::more) {
                if constexpr (requires { link_.stream.set_timeout(duration{}); }) {  // usually a single send is enough
                    if (!out_.empty()) {
                        link_.limit(server_.options.send_timeout);
                        const std::size_t done = co_await link_.stream.send(out_);
                        out_.erase(0, done);
                    }
                }
                if (!out_.empty()) co_await flush();
                if (link_.unused().empty()) {
                    link_.drop_used();
                    co_return true;
                }
                const bool is_more = co_await receive_head();
                if (!is_more) co_return false;
                continue;
            }
            response answer;
            if (step_ == step::refused) {
                answer = refusal_answer(refusal_status_, refusal_);
                keeps_ = false;
                lingers_ = true;
            } else {
                const char* why = nullptr;
                try {
                    if constexpr (std::is_invocable_r_v<task<response>, Handler&, request&>)
                        answer = co_await handler_(ask_);
                    else
                        answer = handler_(ask_);
                    upgrade_ = body_.is_done() ? take_upgrade(answer) : nullptr;
                    if (answer.status.is_interim() && !upgrade_) why = "the handler has returned a response with the status 1xx";
                } catch (const body_error& error) {
                    answer = refusal_answer(error.status(), error.what());
                } catch (const std::exception& error) {
                    if (is_cut_) throw;  // the connection, not the handler
                    report(error);
                    answer = failure_answer();
                } catch (const netnotes::cancelled&) {
                    throw;
                } catch (...) {
                    why = "the handler threw an object that is not a std::exception";
                }
                if (why) {
                    report(std::runtime_error{why});
                    answer = failure_answer();
                }
                forget_body_if_large();
            }
            const body_coding how = append_head(answer);
            std::uint64_t sent = 0;
            if (how != body_coding::none && !append_body(answer, sent)) sent = co_await send_body(answer, how);
            if (server_.options.on_access) log(answer, sent);
            if (upgrade_) {
                co_await flush();
                co_return false;
            }
            if (out_.size() > most_gathered) co_await flush();  // heads gather, too: of HEAD, 204 and 304
            if (!keeps_) {
                if (!body_.is_done()) lingers_ = true;  // unread bytes would make the close a reset
                co_await flush();
                co_return false;
            }
            if (!body_.is_done()) {
                const bool is_drained = co_await drain();
                if (!is_drained) {
                    co_await flush();  // the answers before the damaged body are good
                    co_return false;
                }
            }
            parse_next();
        }
    }
    /// Returns true if the client may still be sending.
    [[nodiscard]] bool lingers() const noexcept { return lingers_; }
    /// Returns the protocol that takes the connection over, or nullptr.
    [[nodiscard]] std::unique_ptr<upgrade> next_protocol() noexcept { return std::move(upgrade_); }

    // The body of the request.

    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override {
        return framing_.how == framing::kind::length ? std::optional{framing_.length} : std::nullopt;
    }
    task<std::span<const std::byte>> next() override {
        for (;;) {
            if (body_.is_done()) co_return std::span<const std::byte>{};
            if (is_broken_) throw body_error{status::bad_request, "400: the body of the request could not be received"};
            if (const std::string_view bytes = link_.unused(); !bytes.empty()) {
                expects_continue_ = false;  // the client does not wait for a 100
                const std::string_view piece = decode(bytes);
                if (!piece.empty()) co_return std::as_bytes(std::span<const char>{piece.data(), piece.size()});
                continue;
            }
            try {
                co_await receive_body();
            } catch (const std::system_error&) {
                is_cut_ = true;
                throw;
            }
        }
    }

  private:
    enum class step : std::uint8_t { head, more, refused };
    static constexpr std::size_t most_gathered = 64 * 1024;  // of answers to pipelined requests
    static constexpr std::size_t most_drained = 64 * 1024;   // of a body that the handler did not read
    static constexpr std::size_t room_for_head = 4 * 1024, room_for_body = 16 * 1024;

    [[nodiscard]] static auto now() { return event_loop::current().now(); }

    // ---- heads

    /// Reads a head from the beginning of the bytes, and returns its size; 0 if it is not whole or refused.
    std::size_t parse(std::string_view bytes) {
        request_head& head = server_.head;
        const http::limits& bounds = server_.options.limits;
        const head_result found = parse_head(bytes, progress_, head, bounds);
        if (found.needs_more()) {
            step_ = step::more;
            return 0;
        }
        progress_ = {};
        has_head_deadline_ = false;
        if (found.is_refused()) {
            refuse(found.refusal.status(), found.refusal.message(bytes));
            return 0;
        }
        step_ = step::head;
        ask_ = to_request(head);
        keeps_ = head.keeps_alive;
        expects_continue_ = head.expects_continue;
        framing_ = head.body();
        body_ = body_decoder{framing_, bounds};
        body_received_ = 0;
        body_waited_ = duration::zero();
        if (framing_.how != framing::kind::none) ask_.set_source(this);
        if (framing_.how == framing::kind::length && framing_.length > bounds.body)
            refuse(status::content_too_large, "413: the body has " + std::to_string(framing_.length) +
                                                  " bytes, and this server takes " + std::to_string(bounds.body) +
                                                  " (RFC 9110 §15.5.14)");
        return found.size;
    }
    void parse_next() {
        const std::string_view bytes = link_.unused();
        if (bytes.empty()) {
            progress_ = {};
            step_ = step::more;
        } else {
            link_.use(parse(bytes));
        }
    }
    void refuse(http::status code, std::string sentence) {
        step_ = step::refused;
        refusal_status_ = code;
        refusal_ = std::move(sentence);
    }
    /// Waits for the rest of a head. Returns false if the client has left.
    task<bool> receive_head() {
        if (!std::exchange(has_head_deadline_, true)) deadline_ = netnotes::detail::later(now(), server_.options.head_timeout);
        const duration left = deadline_ - now();
        bool is_late = left <= duration::zero(), is_more = false;
        if (!is_late) {
            link_.limit(left);
            try {
                is_more = co_await link_.receive(room_for_head);
            } catch (const std::system_error& error) {
                if (error.code() != std::errc::timed_out) throw;
                is_late = true;
            }
        }
        if (is_late)
            refuse(status::request_timeout, "408: the head of the request did not arrive in time");
        else if (is_more)
            link_.use(parse(link_.unused()));
        co_return is_late || is_more;
    }

    // ---- bodies

    /// Decodes the beginning of the bytes, and returns the bytes of the body in it.
    std::string_view decode(std::string_view bytes) {
        const body_decoder::piece found = body_.next(bytes);
        link_.use(found.consumed);
        if (body_.is_refused()) fail_body(body_.refusal().status(), body_.refusal().message());
        return found.data;
    }
    [[noreturn]] void fail_body(http::status code, const std::string& sentence) {
        is_broken_ = true;
        keeps_ = false;
        lingers_ = true;
        throw body_error{code, sentence};
    }
    /// Waits for bytes of the body. Before that it sends the answers that have gathered, and "100 Continue" if the
    /// client waits for it.
    task<> receive_body() {
        is_broken_ = true;  // unless all that follows succeeds
        if (std::exchange(expects_continue_, false)) out_ += "HTTP/1.1 100 Continue\r\n\r\n";
        if (!out_.empty()) co_await flush();
        const auto begin = now();
        const auto earned = std::chrono::seconds{body_received_ / (16 * 1024)};
        const auto end = netnotes::detail::later(netnotes::detail::later(begin, server_.options.body_timeout), earned);
        const duration left = end - begin - body_waited_;
        bool is_late = left <= duration::zero(), is_more = false;
        if (!is_late) {
            link_.limit(left);
            try {
                is_more = co_await link_.receive(room_for_body);
            } catch (const std::system_error& error) {
                if (error.code() != std::errc::timed_out) throw;
                is_late = true;
            }
        }
        body_waited_ += now() - begin;  // not the time in which the handler works: the client cannot help that
        if (is_late) fail_body(status::request_timeout, "408: the body of the request did not arrive in time");
        if (!is_more) {
            if (server_.is_stopping()) fail_body(status::service_unavailable, "503: the server stops");
            body_.end();
            fail_body(body_.refusal().status(), body_.refusal().message());
        }
        is_broken_ = false;
        body_received_ += link_.unused().size();
    }
    /// Decides to close the connection if the handler did not read a body that is too large to be discarded. It also
    /// does so if the client waits for "100 Continue": it gets another answer, and may then send the body or not.
    void forget_body_if_large() {
        if (body_.is_done()) return;
        const bool is_large = framing_.how == framing::kind::length && framing_.length > most_drained;
        if (expects_continue_ || is_large || is_broken_) {
            keeps_ = false;
            lingers_ = true;
        }
    }
    /// Discards the rest of the body. Returns false if the connection must end instead.
    task<bool> drain() {
        std::uint64_t size = 0;
        lingers_ = true;
        try {
            for (;;) {
                const auto piece = co_await next();
                if (piece.empty()) break;
                size += piece.size();
                if (size > most_drained) co_return false;
            }
        } catch (const body_error&) {
            co_return false;
        }
        lingers_ = false;
        co_return true;
    }

    // ---- answers

    [[nodiscard]] response refusal_answer(http::status code, const std::string& sentence) const {
        return response{code, (server_.options.explains_refusals ? sentence : code.to_string()) + "\n"};
    }
    [[nodiscard]] static response failure_answer() {
        return response{status::internal_server_error, "500: the server has failed\n"};
    }
    void report(const std::exception& error) const noexcept {
        if (server_.options.on_error) server_.options.on_error(link_.peer(), error);
    }
    task<> flush() {
        link_.limit(server_.options.send_timeout);
        co_await link_.send(out_);
        out_.clear();
    }
    /// Appends the head of the answer to the answers that have gathered. Decides whether the connection can go on.
    body_coding append_head(const response& answer) {
        const bool is_request = step_ == step::head;
        expects_continue_ = false;  // this answer takes the place of a 100, which must not come behind it
        head_context context;
        context.date = server_.date();
        context.is_head = is_request && ask_.method() == method::head;
        context.minor_version = is_request ? ask_.minor_version() : 1;
        context.keeps_alive = keeps_ && !server_.is_stopping();
        if (out_.capacity() < 512) out_.reserve(512);
        const body_coding how = write_head(out_, answer, context);
        if (keeps_ && !context.keeps_alive) lingers_ = true;  // the client does not expect the end
        keeps_ = context.keeps_alive;
        return how;
    }
    /// Appends the body if it is a text that is short enough, and sets `size`. Returns false otherwise.
    bool append_body(const response& answer, std::uint64_t& size) {
        if (answer.source || answer.body.size() + out_.size() > most_gathered) return false;
        out_ += answer.body;
        size = answer.body.size();
        return true;
    }
    /// Sends what has gathered, and then the body. Returns the number of its bytes.
    task<std::uint64_t> send_body(response& answer, body_coding how) {
        if (answer.source) co_return co_await send_source(*answer.source, how);
        co_await flush();
        co_await link_.send(answer.body);
        co_return answer.body.size();
    }
    task<std::uint64_t> send_source(body_source& from, body_coding how) {
        if constexpr (std::is_same_v<Stream, async_stream>)
            if (const auto* const file = dynamic_cast<const file_body*>(&from)) {
                co_await flush();
                input_file input{file->native_handle()};
                const send_file_options part{file->bytes().first, file->bytes().count, {}};
                const std::uint64_t done = co_await link_.stream.send_file(std::move(input), part);
                if (done < part.count) throw std::runtime_error{"a file has become shorter while it was sent"};
                co_return done;
            }
        // A generator may make many small pieces at once. A piece that another source has waited for is sent at once.
        const bool gathers = dynamic_cast<const generated_body*>(&from) != nullptr;
        const std::optional<std::uint64_t> promised = how == body_coding::length ? from.size() : std::nullopt;
        std::uint64_t sent = 0;
        for (;;) {
            const auto bytes = co_await from.next();
            const std::string_view piece = as_text(bytes);
            if (piece.empty()) break;
            sent += piece.size();
            if (promised && sent > *promised) throw std::runtime_error{"a body has more bytes than its size() says"};
            if (how == body_coding::chunked) out_ += write_chunk_head(piece.size());
            out_ += piece;
            if (how == body_coding::chunked) out_ += "\r\n";
            if (!gathers || out_.size() >= room_for_body) co_await flush();
        }
        if (promised && sent < *promised) throw std::runtime_error{"a body has fewer bytes than its size() says"};
        if (how == body_coding::chunked) out_ += last_chunk;
        co_return sent;
    }
    void log(const response& answer, std::uint64_t sent) const {
        access_entry entry;
        const socket_address peer = link_.peer();
        const std::string address = peer.is_ip() ? peer.ip().address().to_string() : "";
        std::string line;
        if (step_ == step::head) {
            line.append(ask_.method_name()).append(" ").append(ask_.target().text());
            line += ask_.minor_version() > 0 ? " HTTP/1.1" : " HTTP/1.0";
            entry.referer = ask_.field("Referer").value_or("");
            entry.user_agent = ask_.field("User-Agent").value_or("");
        }
        entry.peer = address;
        entry.when = std::time(nullptr);
        entry.request = line;
        entry.status = answer.status.code();
        entry.bytes = sent;
        server_.options.on_access(access_line(entry));
    }

    peer_link<Stream>& link_;
    server_state& server_;
    Handler& handler_;
    std::string out_;  // answers that are not sent yet
    request ask_;
    std::unique_ptr<upgrade> upgrade_;
    framing framing_{};
    body_decoder body_;
    head_progress progress_{};
    std::string refusal_;
    http::status refusal_status_{};
    std::uint64_t body_received_ = 0;
    netnotes::time_point deadline_{};  // of the head
    step step_ = step::more;
    bool keeps_ = true, lingers_ = false, expects_continue_ = false;
    bool is_broken_ = false;  // the rest of the body cannot be read
    bool is_cut_ = false;     // because the connection has failed
    bool has_head_deadline_ = false;
    duration body_waited_{};
};

/// The task of one connection.
template <class Stream, class Handler>
task<> converse(Stream stream, server_state& server, Handler& handler) {
    using exchange = detail::exchange<Stream, Handler>;
    peer_link<Stream> link{std::move(stream)};
    for (;;) {
        std::unique_ptr<exchange> busy;
        link.limit(server.options.idle_timeout);
        try {
            if constexpr (has_lent_recv<Stream>) {
                const auto bytes = co_await link.stream.recv();
                if (!bytes.empty()) {
                    busy = std::make_unique<exchange>(link, server, handler);
                    busy->begin(as_text(bytes));
                }
            } else {
                const bool is_more = co_await link.receive(4096);
                if (is_more) {
                    busy = std::make_unique<exchange>(link, server, handler);
                    busy->begin();
                }
            }
        } catch (const std::system_error&) {  // the client has left, or was silent for idle_timeout
        }
        if (!busy) co_return;
        cut_link_guard guard{link};
        const bool is_idle = co_await busy->run();
        if (const std::unique_ptr<upgrade> next = busy->next_protocol()) {
            busy.reset();  // it may take hours, and needs no request
            upgraded_link<Stream, server_state> peer{link, server};
            co_await next->converse(peer);
            guard.disarm();
            co_await link.linger();
            co_return;
        }
        guard.disarm();
        if (!is_idle) {
            if (busy->lingers()) co_await link.linger();
            co_return;
        }
    }
}

}  // namespace detail

inline task<std::string> request::text() {
    std::string all = std::exchange(body_, {});
    while (source_) {
        const auto piece = co_await source_->next();
        if (piece.empty()) break;
        all += as_text(piece);
    }
    co_return all;
}
inline task<std::span<const std::byte>> request::recv() {
    if (source_) co_return co_await source_->next();
    // The text stays where it is until the request ends, but it is given only once.
    const bool is_first = !std::exchange(is_given_, true);
    co_return is_first ? std::as_bytes(std::span<const char>{body_.data(), body_.size()}) : std::span<const std::byte>{};
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_EXCHANGE_HPP
