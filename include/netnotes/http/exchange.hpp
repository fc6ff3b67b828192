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
//   requests by the thousand in     after each 64 answers the other clients have a turn
//     one piece
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
// On this page:  for authors of servers: detail::exchange, detail::converse
// Below it:      http/server_options.hpp, http/rules.hpp (who closes, and why), http/link.hpp, http/parser.hpp,
//                http/body.hpp, http/answer.hpp, http/file.hpp, http/upgrade.hpp
// Above it:      http/server.hpp, which accepts the connections
// Sources:       RFC 9112 §6, §9; RFC 9110 §10.1.1 (Expect)

#ifndef NETNOTES_HTTP_EXCHANGE_HPP
#define NETNOTES_HTTP_EXCHANGE_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
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
#include <vector>

#include "../coro/byte_stream.hpp"
#include "../coro/sleep.hpp"
#include "../coro/stream.hpp"
#include "../coro/task.hpp"
#include "../coro/timeout.hpp"
#include "answer.hpp"
#include "body.hpp"
#include "file.hpp"
#include "link.hpp"
#include "message.hpp"
#include "parser.hpp"
#include "rules.hpp"
#include "server_options.hpp"
#include "upgrade.hpp"

namespace netnotes::http {

namespace detail {

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

// Awaits a task and leaves its result in the task's frame, which lives as long as this object. So a response is not
// moved, which would take as long as to write its head.
template <class T>
class result_in_place {
  public:
    explicit result_in_place(task<T> awaited) noexcept : awaiter_{netnotes::detail::task_access::release(awaited)} {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiter) const {
        return awaiter_.await_suspend(awaiter);
    }
    T& await_resume() const { return awaiter_.outcome().value(); }

  private:
    netnotes::detail::task_awaiter<T> awaiter_;
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
    ~exchange() override { server_.give_back(std::move(space_)); }

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
                        std::size_t done = 0;
                        try {
                            done = co_await link_.stream.send(out_);
                        } catch (const std::system_error& error) {
                            if (!link_.is_only_slow(error)) throw;
                        }
                        if (std::string_view rest = std::string_view{out_}.substr(done); !rest.empty())
                            co_await link_.send(rest, peer_link<Stream>::slow_peer::is_waited_for);
                        out_.clear();
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
            response own;  // unless the handler is a task and has made one
            std::optional<result_in_place<response>> made;
            response* answer = &own;
            if (step_ == step::refused) {
                own = refusal_answer(refusal_status_, refusal_);
                rules_.refuse();
            } else {
                const char* why = nullptr;
                try {
                    if constexpr (std::is_invocable_r_v<task<response>, Handler&, request&>) {
                        auto& awaited = made.emplace(handler_(ask_));  // a name, because g++ 12 would copy it
                        answer = &co_await awaited;
                    } else {
                        own = handler_(ask_);
                    }
                    upgrade_ = !rules_.is_unread() ? take_upgrade(*answer) : nullptr;
                    if (answer->status.is_interim() && !upgrade_)
                        why = "the handler has returned a response with the status 1xx";
                } catch (const body_error& error) {
                    own = refusal_answer(error.status(), error.what());
                } catch (const std::exception& error) {
                    if (is_cut_) throw;  // the connection, not the handler
                    report(error);
                    own = failure_answer();
                } catch (const netnotes::cancelled&) {
                    throw;
                } catch (...) {
                    why = "the handler threw an object that is not a std::exception";
                }
                if (why) {
                    report(std::runtime_error{why});
                    own = failure_answer();
                    answer = &own;
                }
                if (is_broken_) rules_.end_with(ending::refused);
            }
            const body_coding how = append_head(*answer);
            std::uint64_t sent = 0;
            if (how != body_coding::none && !append_body(*answer, sent)) {
                if (made) {  // the client may read slowly, and the handler's frame holds what the handler was given
                    own = std::move(*answer);
                    answer = &own;
                    made.reset();
                }
                sent = co_await send_body(*answer, how);
            }
            if (const access_log& to = server_.options.on_access)
                to.write(link_.peer(), step_ == step::head ? &ask_ : nullptr, answer->status, sent);
            if (out_.size() > most_gathered) co_await flush();  // heads gather, too: of HEAD, 204 and 304
            if (rules_.why() != ending::none) {
                co_await flush();
                co_return false;
            }
            if (rules_.is_unread()) {
                const bool is_drained = co_await drain();
                if (!is_drained) {
                    co_await flush();  // the answers before the damaged body are good
                    co_return false;
                }
            }
            parse_next();
            // A receive of 64 KiB brings 2,300 short requests. A thousand such clients would keep the others waiting.
            if (++answered_ % most_in_turn == 0) co_await yield();
        }
    }
    /// Returns true if the client may still be sending.
    [[nodiscard]] bool lingers() const noexcept { return rules_.lingers(); }
    /// Returns the protocol that takes the connection over, or nullptr.
    [[nodiscard]] std::unique_ptr<upgrade> next_protocol() noexcept { return std::move(upgrade_); }

    // The body of the request.

    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override {
        const framing& how = rules_.framing();
        return how.how == framing::kind::length ? std::optional{how.length} : std::nullopt;
    }
    task<std::span<const std::byte>> next() override {
        for (;;) {
            co_await netnotes::detail::stepping{};  // a cancelled task takes nothing, because its result may be dropped
            if (!rules_.is_unread()) co_return std::span<const std::byte>{};
            if (is_broken_) throw body_error{status::bad_request, "400: the body of the request could not be received"};
            if (const std::string_view bytes = link_.unused(); !bytes.empty()) {
                const std::string_view piece = decode(bytes);
                if (!piece.empty()) co_return std::as_bytes(std::span<const char>{piece.data(), piece.size()});
                continue;
            }
            try {
                co_await receive_body();
            } catch (const std::system_error&) {
                is_cut_ = true;
                throw;
            } catch (const netnotes::cancelled&) {
                is_broken_ = false;  // the next call goes on where this one has ended
                throw;
            }
        }
    }

  private:
    enum class step : std::uint8_t { head, more, refused };
    static constexpr std::size_t most_gathered = 64 * 1024;  // of answers to pipelined requests
    static constexpr unsigned most_in_turn = 64;  // answers to pipelined requests, before other clients have their turn
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
        checked_request::assign(ask_, head);
        space_->most_head = std::max(space_->most_head, found.size);
        rules_.begin(head, bounds);
        if (rules_.framing().how == framing::kind::none) return found.size;
        body_received_ = 0;
        body_waited_ = duration::zero();
        ask_.set_source(this);
        if (rules_.body().is_refused())
            refuse(status::content_too_large, too_large(rules_.framing().length, bounds.body));
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
    [[nodiscard, gnu::cold]] static std::string too_large(std::uint64_t size, std::uint64_t most) {
        return netnotes::detail::joined("413: the body has ", std::to_string(size), " bytes, and this server takes ",
                                        std::to_string(most), " (RFC 9110 §15.5.14)");
    }
    [[gnu::cold]] void refuse(http::status code, std::string sentence) {
        step_ = step::refused;
        refusal_status_ = code;
        refusal_ = std::move(sentence);
    }
    /// Waits for the rest of a head. Returns false if the client has left.
    task<bool> receive_head() {
        if (!std::exchange(has_head_deadline_, true))
            deadline_ = netnotes::detail::later(now(), server_.options.head_timeout);
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
        else
            rules_.end_with(ending::peer_left);
        co_return is_late || is_more;
    }

    // ---- bodies

    /// Decodes the beginning of the bytes, and returns the bytes of the body in it.
    std::string_view decode(std::string_view bytes) {
        const body_decoder::piece found = rules_.decode(bytes);
        link_.use(found.consumed);
        if (const body_decoder& body = rules_.body(); body.is_refused())
            fail_body(body.refusal().status(), body.refusal().message());
        return found.data;
    }
    [[noreturn]] void fail_body(http::status code, const std::string& sentence) {
        is_broken_ = true;
        rules_.end_at_once_with(ending::refused);
        throw body_error{code, sentence};
    }
    /// Waits for bytes of the body. Before that it sends the answers that have gathered, and "100 Continue" if the
    /// client waits for it.
    task<> receive_body() {
        is_broken_ = true;  // unless all that follows succeeds
        if (rules_.takes_continue()) out_ += "HTTP/1.1 100 Continue\r\n\r\n";
        if (!out_.empty()) co_await flush();
        const auto begin = now();
        const auto earned = exchange_rules::earned_time(body_received_);
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
            } catch (const netnotes::cancelled&) {
                body_waited_ += now() - begin;
                throw;
            }
        }
        body_waited_ += now() - begin;  // not the time in which the handler works: the client cannot help that
        if (is_late) fail_body(status::request_timeout, "408: the body of the request did not arrive in time");
        if (!is_more) {
            if (server_.is_stopping()) fail_body(status::service_unavailable, "503: the server stops");
            rules_.end_body();
            fail_body(rules_.body().refusal().status(), rules_.body().refusal().message());
        }
        is_broken_ = false;
        body_received_ += link_.unused().size();
    }
    /// Discards the rest of the body. Returns false if the connection must end instead.
    task<bool> drain() {
        try {
            for (;;) {
                const auto piece = co_await next();
                if (piece.empty()) break;
                if (!rules_.skips(piece.size())) co_return false;
            }
        } catch (const body_error&) {
            co_return false;
        }
        co_return true;
    }

    // ---- answers

    [[nodiscard, gnu::cold]] response refusal_answer(http::status code, const std::string& sentence) const {
        const std::string text = server_.options.explains_refusals ? sentence : code.to_string();
        return response{code, netnotes::detail::joined(text, '\n')};
    }
    [[nodiscard, gnu::cold]] static response failure_answer() {
        return response{status::internal_server_error, "500: the server has failed\n"};
    }
    [[gnu::cold]] void report(const std::exception& error) const noexcept {
        if (server_.options.on_error) server_.options.on_error(link_.peer(), error);
    }
    /// Sends what has gathered. If it is cancelled, the bytes that were not sent are left for the next call.
    task<> flush(typename peer_link<Stream>::follows then = peer_link<Stream>::follows::nothing) {
        link_.limit(server_.options.send_timeout);
        std::string_view rest = out_;
        try {
            co_await link_.send(rest, peer_link<Stream>::slow_peer::is_waited_for, then);
        } catch (const netnotes::cancelled&) {
            out_.erase(0, out_.size() - rest.size());
            throw;
        }
        out_.clear();
    }
    /// Appends the head of the answer to the answers that have gathered.
    body_coding append_head(const response& answer) {
        const auto size = answer.source ? answer.source->size() : std::optional<std::uint64_t>{answer.body.size()};
        return rules_.answer(out_, answer, size, server_.date(), server_.is_stopping());
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
        if (!answer.source) {
            co_await flush();
            std::string_view rest = answer.body;
            co_await link_.send(rest, peer_link<Stream>::slow_peer::is_waited_for);
            co_return answer.body.size();
        }
        body_source& from = *answer.source;
        if constexpr (std::is_same_v<Stream, async_stream>)
            if (const body_source::file_bytes file = from.in_file(); file.descriptor >= 0) {
                using follows = typename peer_link<Stream>::follows;
                co_await flush(file.count > 0 ? follows::more : follows::nothing);  // the head and the file go together
                const bool is_sent = co_await link_.send_file(file);
                if (is_sent) co_return file.count;
            }
        // A generator may make many small pieces at once. A piece that another source has waited for is sent at once.
        const bool gathers = from.is_ready();
        body_writer body{how, from.size()};
        std::uint64_t sent = 0;
        for (;;) {
            const auto bytes = co_await from.next();
            const std::string_view piece = as_text(bytes);
            if (piece.empty()) break;
            sent += piece.size();
            if (!body.append(out_, piece)) throw std::runtime_error{"a body has more bytes than its size() says"};
            if (!gathers || out_.size() >= room_for_body) co_await flush();
        }
        if (!body.finish(out_)) throw std::runtime_error{"a body has fewer bytes than its size() says"};
        co_return sent;
    }

    peer_link<Stream>& link_;
    server_state& server_;
    Handler& handler_;
    std::unique_ptr<server_state::workspace> space_ = server_.take_workspace();
    std::string& out_ = space_->out;
    request& ask_ = space_->ask;
    std::unique_ptr<upgrade> upgrade_;
    exchange_rules rules_;
    head_progress progress_{};
    std::string refusal_;
    http::status refusal_status_{};
    std::uint64_t body_received_ = 0;
    netnotes::time_point deadline_{};  // of the head
    unsigned answered_ = 0;
    step step_ = step::more;
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
            if constexpr (std::is_same_v<Stream, async_stream>) {
                co_await next->over_tcp(*next, link, server);
            } else {
                upgraded_link<Stream> peer{link, server};
                co_await next->converse(peer);
            }
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
    if (std::exchange(is_given_, false)) body_.clear();
    while (source_) {
        const auto piece = co_await source_->next();
        if (piece.empty()) break;
        body_ += as_text(piece);  // if this call is cancelled, the next one finds it there
    }
    co_return std::exchange(body_, {});
}
inline task<std::span<const std::byte>> request::recv() {
    co_await netnotes::detail::stepping{};
    // The text stays where it is until the request ends, but it is given only once.
    if (!body_.empty() && !std::exchange(is_given_, true))
        co_return std::as_bytes(std::span<const char>{body_.data(), body_.size()});
    if (source_) co_return co_await source_->next();
    co_return std::span<const std::byte>{};
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_EXCHANGE_HPP
