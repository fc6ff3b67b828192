// netnotes/coro/connect.hpp: to a host by its name, without holding up the others
// SPDX-License-Identifier: MIT
//
// Sockets can be told not to block; the resolver cannot. getaddrinfo(3) reads files, asks name servers, waits seconds
// for one that is down, and in a loop's thread a thousand others would wait with it. So it is called in a thread of its
// own, and the loop hears of it when it is over:
//
//        co_await async_resolve("example.net", 80)      the task lies aside, the loop goes on
//              │                                                       ^
//              └──> a queue ──> one of 8 threads: getaddrinfo(3) ──────┘ posts what it has found
//
// Eight, however many ask: a crowd of clients with names that nobody answers for is not to become a crowd of threads.
// There is none as long as nobody asks. And an address that is written down as one needs no thread at all.
//
// With the addresses at hand the same race as in tcp.hpp begins, Happy Eyeballs (RFC 8305), with a task for each
// attempt; that this is a few lines here and two pages there is what structured concurrency is for:
//
//     async_stream server = co_await with_timeout(5s, async_connect("example.net", 80));
//
// On this page:  async_resolve · async_connect
// The notes:     socket 简单服务器 (gethostname), TCP客户端; example 25

#ifndef NETNOTES_CORO_CONNECT_HPP
#define NETNOTES_CORO_CONNECT_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../socket/address.hpp"
#include "../tcp/stream.hpp"
#include "group.hpp"
#include "lookup.hpp"
#include "sleep.hpp"
#include "stream.hpp"
#include "sync.hpp"

namespace netnotes {

/// Connects to a host, as tcp_stream::connect() does: its addresses by turns of their families, the next one when one
/// has failed or after `attempt_delay` (at least 10 ms), so that an address that does not answer never holds up the
/// next one; the first that stands is it, and the others are closed. When none stands the error is the one that tells most, and what() says whose it is.
///
/// It has no limit of time but the system's, about two minutes: with_timeout() has. Cancelling closes all.
[[nodiscard]] task<async_stream> async_connect(std::string host, std::uint16_t port,
                                               wait_time attempt_delay = std::chrono::milliseconds{250});
/// The same for endpoints that one has already, in their order. errc::destination_address_required for none.
[[nodiscard]] task<async_stream> async_connect(std::vector<endpoint> endpoints,
                                               wait_time attempt_delay = std::chrono::milliseconds{250});

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

struct connect_race {
    std::vector<endpoint> endpoints;
    async_stream winner;
    attempt_end worst;  ///< of those that have failed
    duration delay;
    std::size_t failed = 0;
    std::size_t connecting = 0;  // attempts that have a socket
    async_event changed;
};

inline task<> attempt(connect_race& all, std::size_t which) {
    std::error_code error;
    for (bool is_over = false; !is_over;) {
        is_over = true;
        ++all.connecting;
        try {
            async_stream stream = co_await async_stream::connect(socket_address{all.endpoints[which]});
            if (!all.winner.is_open()) all.winner = std::move(stream);
        } catch (const std::system_error& failure) {
            error = failure.code();
        }
        --all.connecting;
        if (lacks_descriptors(error) && all.connecting > 0) {  // until another attempt has ended and left its own
            co_await sleep_for(all.delay);
            error.clear();
            is_over = false;
        }
    }
    if (error) ++all.failed;
    if (error && (!all.worst.attempt || meaning(error.value()) > meaning(all.worst.error.value())))
        all.worst = {which, error};
    all.changed.set();
}

inline task<> wait_for(async_event& what) { co_await what.wait(); }
/// False when nothing has.
inline task<bool> has_happened(async_event& what, duration at_most) {
    try {
        co_await with_timeout(at_most, wait_for(what));
        co_return true;
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::timed_out) throw;
    }
    co_return false;
}

inline task<> run_race(connect_race& all, task_group& attempts) {
    const std::size_t count = all.endpoints.size();
    std::size_t next = 0, to_begin = 1;  // another for each that has failed, and when for a while none has ended
    const auto may_begin = [&] { return next < count; };
    while (!all.winner.is_open() && (next < count || attempts.size() > 0)) {
        all.changed.reset();
        for (; to_begin > 0 && may_begin(); --to_begin) attempts.spawn(attempt(all, next++));
        const bool has_ended = co_await has_happened(all.changed, may_begin() ? all.delay : never);
        to_begin += std::exchange(all.failed, 0) + (has_ended ? 0 : 1);
    }
    attempts.cancel();
}

inline task<async_stream> connect_to_first(std::string where, std::vector<endpoint> endpoints, duration delay) {
    delay = std::max<duration>(delay, std::chrono::milliseconds{10});
    connect_race all{std::move(endpoints), {}, {}, delay, 0, 0, {}};
    const auto body = [&all](task_group& attempts) { return run_race(all, attempts); };
    if (all.endpoints.empty()) all.worst.error = std::make_error_code(std::errc::destination_address_required);
    co_await with_group(body);
    if (!all.winner.is_open()) throw_connect_error(all.worst.error, where, all.endpoints, all.worst.attempt);
    co_return std::move(all.winner);
}

}  // namespace detail

inline task<async_stream> async_connect(std::string host, std::uint16_t port, wait_time attempt_delay) {
    const std::vector<endpoint> found = co_await async_resolve(host, port);
    std::string where = detail::with_service(host, std::to_string(port));
    co_return co_await detail::connect_to_first(std::move(where), interleave_families(found), attempt_delay);
}
inline task<async_stream> async_connect(std::vector<endpoint> endpoints, wait_time attempt_delay) {
    std::string where = endpoints.empty() ? "nowhere" : endpoints[0].to_string();
    co_return co_await detail::connect_to_first(std::move(where), std::move(endpoints), attempt_delay);
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_CONNECT_HPP
