// netnotes/coro/connect.hpp: connecting to a host by its name
// SPDX-License-Identifier: MIT
//
// A host name stands for several addresses, and some of them may not answer. A client that tries them in sequence waits
// about two minutes for each dead address. So the attempts run as a race with a staggered start, Happy Eyeballs (RFC
// 8305):
//
//     async_stream server = co_await with_timeout(5s, async_connect("example.net", 80));
//
//        async_resolve() ──> 2001:db8::1, 192.0.2.1, 2001:db8::2
//
//          0 ms   2001:db8::1  ──── SYN ───>  . . .             cancelled: another attempt has won
//        250 ms   192.0.2.1    ──── SYN ───>  <─── SYN, ACK     the result
//                 2001:db8::2                                   would begin at 500 ms, or when an attempt fails
//
// Each attempt is a task of a group, so no attempt outlives the race. The header tcp/connect.hpp has the same race
// without coroutines. The race needs two pages there and only a few lines here: that is the benefit of structured
// concurrency.
//
// On this page:  async_connect · async_udp_connect
// Below it:      coro/lookup.hpp (async_resolve), coro/group.hpp
// The notes:     socket 简单服务器 (gethostname), TCP客户端; example 25

#ifndef NETNOTES_CORO_CONNECT_HPP
#define NETNOTES_CORO_CONNECT_HPP

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "../ip/algorithm.hpp"
#include "../socket/resolve.hpp"
#include "../socket/time.hpp"
#include "../tcp/stream.hpp"
#include "../udp/connect.hpp"
#include "group.hpp"
#include "lookup.hpp"
#include "sleep.hpp"
#include "stream.hpp"
#include "sync.hpp"
#include "udp.hpp"

namespace netnotes {

/// Connects to a host and returns the first connection that is established, as tcp_stream::connect() does. The attempts
/// begin one after the other, with the address families in turn. The next attempt begins when one has failed, or after
/// `attempt_delay` (at least 10 ms). The remaining attempts are cancelled when one has succeeded.
///
/// Throws std::system_error if the lookup fails or if every attempt fails. It then reports the most informative error:
/// refused first, then no answer, then no route. what() names the address.
///
/// It has no timeout of its own; the system's is about two minutes. Use with_timeout(). A cancellation ends all
/// attempts.
[[nodiscard]] task<async_stream> async_connect(std::string host, std::uint16_t port,
                                               wait_time attempt_delay = std::chrono::milliseconds{250});
namespace detail {
struct give_the_host_and_the_port_as_two_arguments;  // what a compiler shows for a mistake: tests/package/mistakes.txt
}  // namespace detail
template <class Host, class Advice = detail::give_the_host_and_the_port_as_two_arguments>
requires std::is_convertible_v<const Host&, std::string_view>
task<async_stream> async_connect(const Host&) = delete;
/// Tries these endpoints in the given order, and returns a connection to the first that answers. Throws
/// errc::destination_address_required if the list is empty.
[[nodiscard]] task<async_stream> async_connect(std::vector<endpoint> endpoints,
                                               wait_time attempt_delay = std::chrono::milliseconds{250});
/// Connects as above, and returns the connection. The options of tcp_stream::connect() apply: a timeout for all of
/// it, the local address, and a hook for options that must be set early. Throws errc::timed_out after options.timeout.
/// options.stop must be nullptr, because a task is cancelled instead; otherwise it throws std::invalid_argument. The
/// hook's function must live until the task ends, so give a lambda with captures a name.
[[nodiscard]] task<async_stream> async_connect(std::string host, std::uint16_t port, connect_options options);
[[nodiscard]] task<async_stream> async_connect(std::vector<endpoint> endpoints, connect_options options);
/// Do the same, but report an error of the system instead of throwing it, and then return a closed stream. A
/// cancellation is still thrown. `error` must stay valid until the task ends.
[[nodiscard]] detail::reporting_task<async_stream> async_connect(std::string host, std::uint16_t port,
                                                                 connect_options options, std::error_code& error);
[[nodiscard]] detail::reporting_task<async_stream> async_connect(std::vector<endpoint> endpoints,
                                                                 connect_options options, std::error_code& error);
/// Looks up the host and returns a UDP socket that is connected to the first of its addresses that this host can reach,
/// as udp_connect() does. Sends nothing, and suspends only while the name is looked up. Throws what udp_connect()
/// throws.
[[nodiscard]] task<async_udp> async_udp_connect(std::string host, std::uint16_t port, udp_options options = {});

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

struct connect_race {
    std::vector<endpoint> endpoints;
    async_stream winner;
    attempt_end worst;  ///< the most informative failure so far
    connect_options options;
    std::size_t failed = 0;      // attempts that have failed since the race last looked
    std::size_t connecting = 0;  // attempts that have a socket
    async_event changed;
};

inline task<> attempt(connect_race& all, std::size_t which) {
    std::error_code error;
    for (bool is_over = false; !is_over;) {
        is_over = true;
        ++all.connecting;
        const endpoint& where = all.endpoints[which];
        co_await stepping{};  // what follows may fail at once, and the other tasks must run
        socket made = make_to_connect(family_of(where), error);
        if (!error) prepare_to_connect(made, where, all.options, error);
        try {
            if (!error) {
                async_stream stream{std::move(made)};
                co_await connecting{stream.node(), socket_address{where}};
                if (!all.winner.is_open()) all.winner = std::move(stream);
            }
        } catch (const std::system_error& failure) {
            error = failure.code();
        }
        --all.connecting;
        if (lacks_descriptors(error) && all.connecting > 0) {  // another attempt will end and free its descriptor
            co_await sleep_for(all.options.attempt_delay);
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
/// Waits for the event. Returns false if it is not set within the time.
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
    std::size_t next = 0, to_begin = 1;  // one attempt for each failure, and one more when the delay has passed
    const auto may_begin = [&] { return next < count; };
    while (!all.winner.is_open() && (next < count || attempts.size() > 0)) {
        all.changed.reset();
        for (; to_begin > 0 && may_begin(); --to_begin) attempts.spawn(attempt(all, next++));
        const bool has_ended = co_await has_happened(all.changed, may_begin() ? all.options.attempt_delay : never);
        to_begin += std::exchange(all.failed, 0) + (has_ended ? 0 : 1);
    }
    attempts.cancel();
}

inline task<async_stream> connect_to_first(std::string where, std::vector<endpoint> endpoints,
                                                connect_options options) {
    options.attempt_delay = detail::max<duration>(options.attempt_delay, std::chrono::milliseconds{10});
    connect_race all{std::move(endpoints), {}, {}, options, 0, 0, {}};
    const auto body = [&all](task_group& attempts) { return run_race(all, attempts); };
    if (all.endpoints.empty()) all.worst.error = std::make_error_code(std::errc::destination_address_required);
    co_await with_group(body);
    if (!all.winner.is_open()) throw_connect_error(all.worst.error, where, all_of(all.endpoints), all.worst.attempt);
    co_return std::move(all.winner);
}

inline task<async_stream> resolve_and_connect(std::string host, std::uint16_t port, connect_options options) {
    const std::vector<endpoint> found = co_await async_resolve(host, port);
    std::string where = detail::with_service(host, std::to_string(port));
    co_return co_await detail::connect_to_first(std::move(where), interleave_families(all_of(found)), options);
}
inline task<async_stream> connect_within(std::string where, task<async_stream> what, connect_options options) {
    if (options.stop) throw std::invalid_argument{"async_connect: a stop is for threads; cancel the task instead"};
    const std::string name = "connect " + where;
    co_return co_await with_timeout(options.timeout, std::move(what), name.c_str());
}

inline task<async_stream> report_connect(task<async_stream> what, std::error_code& error) {
    error.clear();
    try {
        co_return co_await std::move(what);
    } catch (const std::system_error& failure) {
        error = failure.code();
    }
    co_return async_stream{};
}

}  // namespace detail

static_assert(std::is_trivially_destructible_v<connect_options>);  // for g++ 12: see coro/task.hpp

inline task<async_stream> async_connect(std::string host, std::uint16_t port, wait_time attempt_delay) {
    return detail::resolve_and_connect(std::move(host), port, {.attempt_delay = attempt_delay});
}
inline task<async_stream> async_connect(std::vector<endpoint> endpoints, wait_time attempt_delay) {
    std::string where = endpoints.empty() ? "nowhere" : endpoints[0].to_string();
    return detail::connect_to_first(std::move(where), std::move(endpoints), {.attempt_delay = attempt_delay});
}
inline task<async_stream> async_connect(std::string host, std::uint16_t port, connect_options options) {
    std::string where = detail::with_service(host, std::to_string(port));
    return detail::connect_within(std::move(where), detail::resolve_and_connect(host, port, options), options);
}
inline task<async_stream> async_connect(std::vector<endpoint> endpoints, connect_options options) {
    std::string where = endpoints.empty() ? "nowhere" : endpoints[0].to_string();
    task<async_stream> all = detail::connect_to_first(where, std::move(endpoints), options);
    return detail::connect_within(std::move(where), std::move(all), options);
}
inline detail::reporting_task<async_stream> async_connect(std::string host, std::uint16_t port,
                                                          connect_options options, std::error_code& error) {
    return {detail::report_connect(async_connect(std::move(host), port, options), error), error};
}
inline detail::reporting_task<async_stream> async_connect(std::vector<endpoint> endpoints, connect_options options,
                                                          std::error_code& error) {
    return {detail::report_connect(async_connect(std::move(endpoints), options), error), error};
}
inline task<async_udp> async_udp_connect(std::string host, std::uint16_t port, udp_options options) {
    const resolve_hints hints{.type = socket_type::datagram};
    const std::vector<endpoint> found = co_await async_resolve(host, port, hints);
    co_return async_udp{detail::connect_to_first_route(found, host, port, options)};
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_CONNECT_HPP
