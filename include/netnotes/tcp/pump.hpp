// netnotes/tcp/pump.hpp: bytes from one connection to another
// SPDX-License-Identifier: MIT
//
// A proxy, a tunnel and netcat do the same work: what comes in at one connection goes out at another. Three things go
// wrong in a loop written by hand. The end of one direction is taken for the end of both, and the answer is lost. A
// connection that was reset ends in order on the other side, so the peer takes a part for the whole. And one thread
// waits for a peer that does not read, while the other direction stands still.
//
//        client                      proxy                      server
//          | "GET / ..." ──────────> pump_both ──────────────────> |
//          | FIN  ─────────────────>  shutdown(send) ───── FIN ──> |      the server still answers:
//          | <──────────────────────────────────── "200 OK ..."    |
//          | <───────── FIN ───────── shutdown(send) <──── FIN     |      now both directions have ended
//
//        pump(from, to)                  one direction, to its end
//        pump_both(client, server)       both directions, in one thread
//        copy_bytes(from, to, 1000)      at most 1000 bytes, without an end
//
// On this page:  copy_bytes · pump · pump_options, pump_both
// Above it:      coro/pump.hpp, the same for tasks
// The notes:     TCP长连接和短连接 (long and short connections)

#ifndef NETNOTES_TCP_PUMP_HPP
#define NETNOTES_TCP_PUMP_HPP

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../ip/algorithm.hpp"
#include "../socket/owner.hpp"
#include "../socket/socket.hpp"
#include "../socket/stop.hpp"
#include "../socket/time.hpp"

namespace netnotes {

class tcp_stream;

namespace detail {
template <class Stream>
concept pump_source = requires(Stream& stream, mutable_buffer room, std::error_code& error) {
    { stream.recv(room, error) } -> std::convertible_to<std::size_t>;
};
template <class Stream>
concept pump_sink = requires(Stream& stream, const_buffer bytes, std::error_code& error) {
    { stream.send_all(bytes, error) } -> std::convertible_to<std::size_t>;
    stream.shutdown(shutdown_direction::send, error);
};
template <class Stream>
concept pump_end = pump_source<Stream> && pump_sink<Stream> && requires(Stream& stream) { stream.native_handle(); };
}  // namespace detail

/// Moves bytes from one stream to another until `from` ends, or until `max_bytes` bytes have moved. Returns their
/// number. Receives no byte beyond `max_bytes`, and does not end `to`. `from` may also be a buffered_reader, whose
/// buffered bytes come first. The timeouts of the streams limit each wait. Throws std::system_error. On an error the
/// second form returns how many bytes `to` took.
template <detail::pump_source From, detail::pump_sink To>
std::uint64_t copy_bytes(From& from, To& to, std::uint64_t max_bytes = ~std::uint64_t{0});
template <detail::pump_source From, detail::pump_sink To>
std::uint64_t copy_bytes(From& from, To& to, std::uint64_t max_bytes, std::error_code& error);

/// Moves bytes until `from` ends, and then ends the sending direction of `to` (half-close). Returns the number of
/// bytes. If `from` fails, close() of `to` sends a reset, so that its peer can tell that bytes are missing. Throws
/// std::system_error. On an error the second form returns how many bytes `to` took.
template <detail::pump_source From, detail::pump_sink To>
std::uint64_t pump(From& from, To& to);
template <detail::pump_source From, detail::pump_sink To>
std::uint64_t pump(From& from, To& to, std::error_code& error);

/// The bounds that end pump_both() early.
struct pump_options {
    wait_time idle_timeout = never;    ///< errc::timed_out if no byte has moved in either direction for this long
    const stop_event* stop = nullptr;  ///< a stop ends it with errc::operation_canceled
};
/// Moves bytes in both directions at the same time, in this thread, until both have ended. Each end is passed on by
/// itself, as pump() does. Returns how many bytes went from `first` to `second`, and how many went back. It holds at
/// most 64 KiB for each direction. A stream that is not read takes no more bytes, and the other direction goes on.
///
/// If a direction fails, both connections end, and close() of both sends a reset. A reset by a peer that has ended its
/// own direction counts, too: it will not take the answer. Throws std::system_error. The streams' own timeouts do not
/// count here, and an answer timeout begins anew when the call returns. A stop of the streams (stop_with()) ends the
/// call like `options.stop`, which must outlive it.
template <detail::pump_end First, detail::pump_end Second>
std::pair<std::uint64_t, std::uint64_t> pump_both(First& first, Second& second, const pump_options& options = {});
template <detail::pump_end First, detail::pump_end Second>
std::pair<std::uint64_t, std::uint64_t> pump_both(First& first, Second& second, const pump_options& options,
                                                  std::error_code& error);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

inline constexpr std::size_t pump_room = 64 * 1024;

/// Makes close() send a reset, if the stream is a socket: bytes are missing, and an orderly end would hide that.
template <class Stream>
void reset_at_close(Stream& stream) noexcept {
    if constexpr (requires { stream.set_option(option::linger{std::chrono::seconds{0}}); }) {
        try {
            stream.set_option(option::linger{std::chrono::seconds{0}});
        } catch (const std::system_error&) {  // the socket is closed
        }
    }
}

/// Lifts the time limits of a stream while this object lives, if it is a socket. Its owner waits by itself and makes no
/// call that waits, so the mode of the descriptor does not matter.
class limits_lifted {
  public:
    template <class Stream>
    explicit limits_lifted(Stream& stream) noexcept {
        if constexpr (std::is_convertible_v<Stream*, socket_handle*> || std::derived_from<Stream, tcp_stream>)
            lift(stream);
    }
    limits_lifted(const limits_lifted&) = delete;
    limits_lifted& operator=(const limits_lifted&) = delete;
    ~limits_lifted() {
        if (!socket_) return;
        socket_->deadline_ = deadline_;
        socket_->answer_time_ = answer_time_;
        socket_->answer_end_.store(end_of(answer_time_));
    }
    /// Returns the descriptor of the stream's stop, or -1.
    [[nodiscard]] int stop() const noexcept { return socket_ && socket_->stop_ ? socket_->stop_->native_handle() : -1; }

  private:
    void lift(socket_handle& limited) noexcept {
        socket_ = &limited;
        deadline_ = std::exchange(limited.deadline_, time_point::max());
        answer_time_ = std::exchange(limited.answer_time_, never);
        limited.answer_end_.store(time_point::max());
    }
    socket_handle* socket_ = nullptr;
    time_point deadline_{};
    duration answer_time_{};
};

/// Takes the error that a socket has in store, a reset for example (SO_ERROR).
inline std::error_code take_error_of(int descriptor) noexcept {
    int pending = 0;
    socklen_t size = sizeof pending;
    ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &pending, &size);
    return {pending, std::system_category()};
}

/// One direction of pump_both().
template <class From, class To>
class pump_lane {
  public:
    pump_lane(From& from, To& to) : from_{from}, to_{to}, room_{new std::byte[pump_room]} {}
    /// Returns true if a call would receive (or send), so that poll(2) is to watch for it.
    [[nodiscard]] bool wants_bytes() const noexcept { return !has_ended_ && bytes_.empty(); }
    [[nodiscard]] bool wants_room() const noexcept { return !bytes_.empty(); }
    [[nodiscard]] bool is_over() const noexcept { return has_ended_ && bytes_.empty(); }
    [[nodiscard]] std::uint64_t moved() const noexcept { return moved_; }
    /// Receives and sends what is possible without a wait. Returns true if any byte has moved, or the end.
    bool step(std::error_code& error) noexcept {
        bool has_moved = false;
        if (wants_bytes()) {
            const std::size_t size = from_.recv(std::span{room_.get(), pump_room}, error, MSG_DONTWAIT);
            if (is_still_to_come(error) || error) return false;
            has_moved = true;
            bytes_ = {room_.get(), size};
            if ((has_ended_ = size == 0)) to_.shutdown(shutdown_direction::send, error);
            // The peer of `to_` may have gone already. Then the other direction reports how.
            if (error == std::errc::not_connected) error.clear();
        }
        while (!error && !bytes_.empty()) {
            const std::size_t size = to_.send(bytes_, error, MSG_DONTWAIT);
            if (is_still_to_come(error) || error) break;
            has_moved = true;
            moved_ += size;
            bytes_ = bytes_.subspan(size);
        }
        return has_moved;
    }

  private:
    static bool is_still_to_come(std::error_code& error) noexcept {
        if (error != std::errc::operation_would_block) return false;
        error.clear();
        return true;
    }
    From& from_;
    To& to_;
    detail::owner<std::byte[]> room_;
    std::span<const std::byte> bytes_;  // received and not sent yet
    std::uint64_t moved_ = 0;
    bool has_ended_ = false;
};

}  // namespace detail

template <detail::pump_source From, detail::pump_sink To>
std::uint64_t copy_bytes(From& from, To& to, std::uint64_t max_bytes, std::error_code& error) {
    const detail::owner<std::byte[]> room{new std::byte[detail::pump_room]};
    std::uint64_t moved = 0;
    error.clear();
    while (!error && moved < max_bytes) {
        const auto most = static_cast<std::size_t>(detail::min<std::uint64_t>(detail::pump_room, max_bytes - moved));
        const std::size_t size = from.recv(std::span{room.get(), most}, error);
        if (error || size == 0) break;
        moved += to.send_all(std::span{room.get(), size}, error);
    }
    return moved;
}
template <detail::pump_source From, detail::pump_sink To>
std::uint64_t copy_bytes(From& from, To& to, std::uint64_t max_bytes) {
    std::error_code error;
    const std::uint64_t moved = copy_bytes(from, to, max_bytes, error);
    if (error) detail::throw_error(error, "copy_bytes (", std::to_string(moved), " bytes copied)");
    return moved;
}

template <detail::pump_source From, detail::pump_sink To>
std::uint64_t pump(From& from, To& to, std::error_code& error) {
    const std::uint64_t moved = copy_bytes(from, to, ~std::uint64_t{0}, error);
    if (error)
        detail::reset_at_close(to);
    else
        to.shutdown(shutdown_direction::send, error);
    return moved;
}
template <detail::pump_source From, detail::pump_sink To>
std::uint64_t pump(From& from, To& to) {
    std::error_code error;
    const std::uint64_t moved = pump(from, to, error);
    if (error) detail::throw_error(error, "pump (", std::to_string(moved), " bytes moved)");
    return moved;
}

template <detail::pump_end First, detail::pump_end Second>
std::pair<std::uint64_t, std::uint64_t> pump_both(First& first, Second& second, const pump_options& options,
                                                  std::error_code& error) {
    detail::pump_lane<First, Second> there{first, second};
    detail::pump_lane<Second, First> back{second, first};
    const detail::limits_lifted first_limits{first}, second_limits{second};
    bool has_hung_up[2] = {false, false};
    error.clear();
    for (time_point until = detail::end_of(options.idle_timeout); !error && !(there.is_over() && back.is_over());) {
        const auto watched_for = [](bool to_read, bool to_write) {
            return static_cast<short>((to_read ? POLLIN : 0) | (to_write ? POLLOUT : 0));
        };
        std::array<pollfd, 5> watched{
            pollfd{first.native_handle(), watched_for(there.wants_bytes(), back.wants_room()), 0},
            pollfd{second.native_handle(), watched_for(back.wants_bytes(), there.wants_room()), 0},
            pollfd{options.stop ? options.stop->native_handle() : -1, POLLIN, 0},
            pollfd{first_limits.stop(), POLLIN, 0}, pollfd{second_limits.stop(), POLLIN, 0}};
        for (std::size_t i = 0; i < 2; ++i)  // or a hang-up would be reported again and again
            if (watched[i].events == 0 && has_hung_up[i]) watched[i].fd = -1;
        detail::poll_until(watched.data(), watched.size(), until, error);
        if (!error && (watched[2].revents | watched[3].revents | watched[4].revents) != 0)
            error = std::make_error_code(std::errc::operation_canceled);
        // No call of the lanes would find that a peer has reset which is neither read nor written to now. (A hang-up
        // without an error is only the end of both directions.)
        for (std::size_t i = 0; i < 2; ++i)
            if (!error && watched[i].events == 0 && watched[i].revents != 0) {
                has_hung_up[i] = true;
                error = detail::take_error_of(watched[i].fd);
            }
        bool has_moved = !error && there.step(error);
        has_moved = (!error && back.step(error)) || has_moved;
        if (has_moved) until = detail::end_of(options.idle_timeout);
    }
    if (error) {
        detail::reset_at_close(first);
        detail::reset_at_close(second);
    }
    return {there.moved(), back.moved()};
}
template <detail::pump_end First, detail::pump_end Second>
std::pair<std::uint64_t, std::uint64_t> pump_both(First& first, Second& second, const pump_options& options) {
    std::error_code error;
    const auto moved = pump_both(first, second, options, error);
    if (error)
        detail::throw_error(error, "pump_both (", std::to_string(moved.first), " bytes there, ",
                            std::to_string(moved.second), " back)");
    return moved;
}

}  // namespace netnotes

#endif  // NETNOTES_TCP_PUMP_HPP
