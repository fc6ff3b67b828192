// netnotes/coro/pump.hpp: bytes from one connection to another, for tasks
// SPDX-License-Identifier: MIT
//
// A proxy for a thousand clients is a handler of two lines. The header tcp/pump.hpp explains what a loop written by
// hand gets wrong:
//
//     task<> proxy(async_stream client) {
//         async_stream server = co_await async_connect("example.net", 80);
//         co_await pump_both(client, server);
//     }
//
//        client ── bytes ──> pump(client, server) ── bytes ──> server          each direction ends by itself
//               <── bytes ── pump(server, client) <── bytes ──
//
// A keyboard and a screen are ends of a pump, too. So netcat is these lines:
//
//     task<> netcat(async_stream& server) {
//         async_descriptor keyboard{STDIN_FILENO}, screen{STDOUT_FILENO};
//         const auto body = [&](task_group& group) -> task<> {
//             group.spawn(pump(keyboard, server));
//             co_await pump(server, screen);
//             group.cancel();                         // the server has ended, so nobody need type on
//         };
//         co_await with_group(body);
//     }
//
// On this page:  async_byte_source · async_byte_sink · copy_bytes · pump · pump_both
// Below it:      coro/stream.hpp, coro/descriptor.hpp; tcp/pump.hpp, the same for threads
// The notes:     gevent版-TCP服务器 (the gevent server)

#ifndef NETNOTES_CORO_PUMP_HPP
#define NETNOTES_CORO_PUMP_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>

#include "../ip/algorithm.hpp"
#include "../socket/owner.hpp"
#include "../socket/socket.hpp"
#include "../tcp/pump.hpp"
#include "task.hpp"
#include "timeout.hpp"
#include "when.hpp"

namespace netnotes {

namespace detail {
template <class From>
concept has_recv = requires(From& from, mutable_buffer room) {
    { std::declval<await_result<decltype(from.recv(room))>>() } -> std::convertible_to<std::size_t>;
};
template <class From>
concept has_read = requires(From& from, mutable_buffer room) {
    { std::declval<await_result<decltype(from.read(room))>>() } -> std::convertible_to<std::size_t>;
};
template <class From>
concept lends_bytes = requires(From& from) {
    { std::declval<await_result<decltype(from.recv())>>() } -> std::convertible_to<std::span<const std::byte>>;
};
template <class To>
concept sends_all = requires(To& to, const_buffer bytes) { std::declval<await_result<decltype(to.send_all(bytes))>>(); };
template <class To>
concept writes_all = requires(To& to, const_buffer bytes) { to.write_all(bytes); };
template <class To>
concept sends_some = requires(To& to, const_buffer bytes) {
    { std::declval<await_result<decltype(to.send(bytes))>>() } -> std::convertible_to<std::size_t>;
};
template <class To>
concept writes_and_flushes = requires(To& to, const_buffer bytes) {
    to.write(bytes);
    to.flush();
    to.stream().shutdown(shutdown_direction::send);
};
}  // namespace detail

/// An object out of which tasks take bytes: an async_stream, a buffered stream, an async_descriptor, or a stream of your
/// own (async_byte_stream).
template <class From>
concept async_byte_source = detail::has_recv<From> || detail::has_read<From>;
/// An object into which tasks put bytes: one of the same types.
template <class To>
concept async_byte_sink =
    detail::sends_all<To> || detail::writes_all<To> || detail::sends_some<To> || detail::writes_and_flushes<To>;

/// Moves bytes from one object to another until `from` ends, or until `max_bytes` bytes have moved. Returns their
/// number. Receives no byte beyond `max_bytes`, and does not end `to`. Both objects must stay valid and in their places
/// until the task ends. Throws what their calls throw; then some bytes may have moved.
template <async_byte_source From, async_byte_sink To>
[[nodiscard]] task<std::uint64_t> copy_bytes(From& from, To& to, std::uint64_t max_bytes = ~std::uint64_t{0});

/// Moves bytes until `from` ends, and then ends the sending direction of `to` (half-close), if it has directions.
/// Returns the number of bytes. If `from` fails, close() of `to` sends a reset, so that its peer can tell that bytes
/// are missing. A cancellation between two receives does not do that. Throws what the calls of both objects throw.
///
/// While it waits for bytes of an async_stream it holds no buffer; for other objects it holds one of 16 KiB.
template <async_byte_source From, async_byte_sink To>
[[nodiscard]] task<std::uint64_t> pump(From& from, To& to);

/// Moves bytes in both directions at the same time until both have ended. Each end is passed on by itself. Returns how
/// many bytes went from `first` to `second`, and how many went back. If a direction fails, the other is cancelled, and
/// the call throws. Then, and after a cancellation, close() of both objects sends a reset, so that no peer takes a part
/// for the whole. To limit the silence, call set_timeout() of both streams: then a direction in which no byte comes for
/// this time fails with errc::timed_out. That ends both directions, even if bytes move in the other.
template <class First, class Second>
requires(async_byte_source<First>&& async_byte_sink<First>&& async_byte_source<Second>&& async_byte_sink<Second>)
    [[nodiscard]] task<std::pair<std::uint64_t, std::uint64_t>> pump_both(First& first, Second& second);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Puts all bytes into `to`. The name of the call depends on the type.
template <class To>
task<> put_all(To& to, std::span<const std::byte> bytes) {
    if constexpr (sends_all<To>) {
        co_await to.send_all(bytes);
    } else if constexpr (writes_all<To>) {
        co_await to.write_all(bytes);
    } else if constexpr (writes_and_flushes<To>) {
        co_await to.write(bytes);
        co_await to.flush();
    } else {
        while (!bytes.empty()) {
            const std::size_t sent = co_await to.send(bytes);
            bytes = bytes.subspan(sent);
        }
    }
}
template <class From>
auto take_some(From& from, mutable_buffer room) {
    if constexpr (has_recv<From>)
        return from.recv(room);
    else
        return from.read(room);
}
template <class To>
void end_sending(To& to) {
    if constexpr (requires { to.shutdown(shutdown_direction::send); })
        to.shutdown(shutdown_direction::send);
    else if constexpr (requires { to.stream().shutdown(shutdown_direction::send); })
        to.stream().shutdown(shutdown_direction::send);
}
/// Makes close() send a reset, also for a stream inside a buffered stream.
template <class To>
void end_by_reset(To& to) noexcept {
    if constexpr (requires { to.stream(); }) {
        try {
            reset_at_close(to.stream());
        } catch (const std::system_error&) {  // the buffered stream was closed meanwhile, and has no stream
        }
    } else {
        reset_at_close(to);
    }
}
/// Moves the bytes of one direction, and then ends it. If there is `another` direction, it reports that the peer of
/// `to` has gone already.
template <class From, class To>
task<std::uint64_t> pump_way(From& from, To& to, bool another) {
    std::uint64_t moved = 0;
    try {
        if constexpr (lends_bytes<From> && sends_all<To>) {
            for (;;) {
                const auto bytes = co_await from.recv();
                if (bytes.empty()) break;
                const std::size_t size = bytes.size();
                co_await to.send_all(bytes);  // copies lent bytes if it has to wait
                moved += size;
            }
        } else {
            moved = co_await copy_bytes(from, to);
        }
    } catch (const std::system_error&) {
        end_by_reset(to);
        throw;
    }
    try {
        end_sending(to);
    } catch (const std::system_error& failure) {
        if (!another || failure.code() != std::errc::not_connected) throw;
    }
    co_return moved;
}

}  // namespace detail

template <async_byte_source From, async_byte_sink To>
task<std::uint64_t> copy_bytes(From& from, To& to, std::uint64_t max_bytes) {
    constexpr std::size_t most = 16 * 1024;
    const detail::owner<std::byte[]> room{new std::byte[most]};
    std::uint64_t moved = 0;
    while (moved < max_bytes) {
        const auto wanted = static_cast<std::size_t>(detail::min<std::uint64_t>(most, max_bytes - moved));
        const std::span<std::byte> some{room.get(), wanted};
        const std::size_t size = co_await detail::take_some(from, some);
        if (size == 0) break;
        co_await detail::put_all(to, some.first(size));
        moved += size;
    }
    co_return moved;
}

template <async_byte_source From, async_byte_sink To>
task<std::uint64_t> pump(From& from, To& to) {
    return detail::pump_way(from, to, false);
}

template <class First, class Second>
requires(async_byte_source<First>&& async_byte_sink<First>&& async_byte_source<Second>&& async_byte_sink<Second>)
    task<std::pair<std::uint64_t, std::uint64_t>> pump_both(First& first, Second& second) {
    try {
        auto [there, back] =
            co_await when_all(detail::pump_way(first, second, true), detail::pump_way(second, first, true));
        co_return std::pair<std::uint64_t, std::uint64_t>{there, back};
    } catch (...) {
        detail::end_by_reset(first);
        detail::end_by_reset(second);
        throw;
    }
}

}  // namespace netnotes

#endif  // NETNOTES_CORO_PUMP_HPP
