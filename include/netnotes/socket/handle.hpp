// netnotes/socket/handle.hpp: an open socket, whatever it is used for
// SPDX-License-Identifier: MIT
//
// A socket is held by the kernel. The program holds a small number for it, the *descriptor*. This class owns the
// descriptor. It has the calls that all sockets share: options, endpoints of both sides, shutdown, and timeouts.
// The class socket adds the calls that move bytes.
//
//        set_blocking(false)     a call returns at once: errc::operation_would_block
//        set_timeout(2s)         a call ends within two seconds: errc::timed_out
//        set_deadline(end)       all calls end by this moment
//        stop_with(stop)         a request to stop ends each wait: errc::operation_canceled
//
// On this page:  socket_handle · shutdown_direction
// The notes:     公共用途的套接字函数 (the functions that all sockets have); example 05

#ifndef NETNOTES_SOCKET_HANDLE_HPP
#define NETNOTES_SOCKET_HANDLE_HPP

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "../ip/algorithm.hpp"
#include "address.hpp"
#include "buffer.hpp"
#include "options.hpp"
#include "stop.hpp"
#include "time.hpp"
#include "wait.hpp"

namespace netnotes {

namespace detail {
struct descriptor_messages;  // of socket/descriptors.hpp
class limits_lifted;         // of tcp/pump.hpp

/// A point in time that the sending thread moves while the receiving thread reads it. Relaxed, because no other memory
/// depends on it.
class shared_time_point {
  public:
    [[nodiscard]] time_point load() const noexcept {
        return time_point{duration{since_epoch_.load(std::memory_order_relaxed)}};
    }
    void store(time_point when) noexcept {
        since_epoch_.store(when.time_since_epoch().count(), std::memory_order_relaxed);
    }

  private:
    std::atomic<duration::rep> since_epoch_{time_point::max().time_since_epoch().count()};
};
}

/// Which direction of a connection shutdown() ends.
enum class shutdown_direction : int { receive = SHUT_RD, send = SHUT_WR, both = SHUT_RDWR };

/// The error of a call that cannot finish now on a socket that does not block. A short name for
/// std::errc::operation_would_block (EAGAIN): `if (error == netnotes::would_block) continue;`.
inline constexpr std::errc would_block = std::errc::operation_would_block;

/// Owns a socket. A handle can be moved but not copied, and its destructor closes the socket.
///
/// The mode of the socket decides whether a call waits. A new socket waits without a limit. set_timeout() and
/// set_deadline() limit the wait, and set_blocking(false) forbids it: errc::operation_would_block. stop_with() ends a
/// wait early with errc::operation_canceled. Two threads may share a socket: one thread sends and one thread receives.
/// No thread may close the socket or change its mode while another thread uses it.
class socket_handle {
  public:
    using native_handle_type = int;

    /// Creates an empty handle: is_open() returns false.
    socket_handle() noexcept = default;
    /// Takes over an open descriptor. `blocking` tells its present mode, which is not changed.
    explicit socket_handle(native_handle_type descriptor, bool blocking = true) noexcept
        : descriptor_{descriptor}, blocking_{blocking} {}
    socket_handle(socket_handle&& other) noexcept { swap(other); }
    socket_handle& operator=(socket_handle&& other) noexcept {
        socket_handle{std::move(other)}.swap(*this);
        return *this;
    }
    ~socket_handle() {
        std::error_code ignored;
        if (is_open()) close(ignored);
    }
    void swap(socket_handle& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        std::swap(blocking_, other.blocking_);
        std::swap(timeout_, other.timeout_);
        std::swap(deadline_, other.deadline_);
        std::swap(stop_, other.stop_);
        std::swap(answer_time_, other.answer_time_);
        const time_point answer_end = answer_end_.load();
        answer_end_.store(other.answer_end_.load());
        other.answer_end_.store(answer_end);
        std::swap(is_cut_, other.is_cut_);
        std::swap(takes_notes_, other.takes_notes_);
        std::swap(was_tried_to_receive_, other.was_tried_to_receive_);
        std::swap(was_tried_to_send_, other.was_tried_to_send_);
    }

    /// Returns false after close() and release(), and for a socket that was moved away.
    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
    /// Returns the descriptor, which the socket keeps; -1 if it is closed.
    [[nodiscard]] native_handle_type native_handle() const noexcept { return descriptor_; }
    /// Returns the descriptor, which the caller must close. It is non-blocking if a timeout, a deadline, a stop or
    /// set_blocking(false) was in force.
    [[nodiscard]] native_handle_type release() noexcept { return std::exchange(descriptor_, -1); }

    /// Ends one direction of the connection, or both, and leaves the descriptor open. After shutdown(send) the peer
    /// reads the end of the stream, and its bytes can still be received.
    void shutdown(shutdown_direction direction);
    void shutdown(shutdown_direction direction, std::error_code& error) noexcept;
    /// Closes the descriptor. The connection ends with its last descriptor (fork and dup make more). If received bytes
    /// were not read, the kernel sends a reset instead of an orderly end. The destructor does the same.
    void close();
    void close(std::error_code& error) noexcept;

    /// Returns the address of this end or of the peer. An error of the kernel leaves it empty: errc::not_connected, for
    /// example.
    [[nodiscard]] socket_address local_endpoint() const;
    [[nodiscard]] socket_address local_endpoint(std::error_code& error) const noexcept;
    [[nodiscard]] socket_address peer_endpoint() const;
    [[nodiscard]] socket_address peer_endpoint(std::error_code& error) const noexcept;

    /// Sets an option. Fails with errc::invalid_argument for a value out of the option's range.
    template <class Option>
    void set_option(const Option& option) {
        if constexpr (requires { option.is_in_range(); })
            if (!option.is_in_range())
                fail(std::make_error_code(std::errc::invalid_argument), "set an option out of its range");
        const auto native = option.to_native();
        set_option(Option::level, Option::name, detail::bytes_of(native));
    }
    template <class Option>
    void set_option(const Option& option, std::error_code& error) noexcept {
        if constexpr (requires { option.is_in_range(); })
            if (!option.is_in_range()) {
                error = std::make_error_code(std::errc::invalid_argument);
                return;
            }
        const auto native = option.to_native();
        set_option(Option::level, Option::name, detail::bytes_of(native), error);
    }
    /// Returns the option's value: bool, int, ..., as the option's type says.
    template <class Option>
    [[nodiscard]] auto get_option() const {
        typename Option::native_type native{};
        get_option(Option::level, Option::name, detail::room_of(native));
        return Option::from_native(native);
    }
    /// Sets an option as in C, if the option has no type here. All forms throw std::system_error. SO_RCVTIMEO and
    /// SO_SNDTIMEO have no effect on the calls of this class, which continue to wait: set_timeout() limits them.
    void set_option(int level, int name, std::span<const std::byte> value);
    void set_option(int level, int name, std::span<const std::byte> value, std::error_code& error) noexcept;
    void set_option(int level, int name, int value) { set_option(level, name, detail::bytes_of(value)); }
    /// Returns how many bytes of `value` were filled.
    std::size_t get_option(int level, int name, std::span<std::byte> value) const;
    std::size_t get_option(int level, int name, std::span<std::byte> value, std::error_code& error) const noexcept;
    /// Returns and clears the error that occurred in the background (SO_ERROR), or no error.
    [[nodiscard]] std::error_code take_error() noexcept;

    // -- how long a call may take

    // These throw std::system_error if the descriptor cannot be switched. The mode then stays as it was.

    /// Limits every call from now on to this time, all its parts and waits together; then it fails with
    /// errc::timed_out. `never` removes the limit. With zero or less a call does everything that needs no wait, and
    /// fails where it would have to wait.
    void set_timeout(wait_time timeout);
    /// Ends all calls from now on at this moment. Use it for an exchange of many calls that has a limit as a whole.
    /// Once the moment has passed, one more receive and one more send are tried, without a wait: what is there already
    /// can be taken. After that each call fails with errc::timed_out, however fast the peer sends.
    void set_deadline(time_point deadline);
    /// Makes every call from now on also fail with errc::timed_out if nothing has been sent for `time`. So a peer that
    /// sends single bytes and never a whole request cannot hold a server, while a dialogue has no limit. The time
    /// begins now, and again with each send of at least one byte. A send in another thread also gives new time to a
    /// receive that waits already. It holds beside set_timeout() and set_deadline(). `never` removes it.
    void set_answer_timeout(wait_time time);
    /// Returns the time that set_timeout() has set, otherwise `never`.
    [[nodiscard]] duration timeout() const noexcept { return timeout_; }
    /// Returns the moment that set_deadline() has set.
    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }
    /// Sets whether calls may wait. With false no call waits: a call that cannot finish at once fails with
    /// errc::operation_would_block. With true calls wait again, without a limit.
    void set_blocking(bool blocking);
    /// Returns false after set_blocking(false).
    [[nodiscard]] bool is_blocking() const noexcept { return blocking_; }
    /// Lets a stop end the calls. Once it is requested, every call that may wait fails with errc::operation_canceled.
    /// The event must outlive the socket's last call. Accepted sockets follow the same event.
    void stop_with(const stop_event& stop);

    /// Waits until the socket can be read (POLLIN) or written (POLLOUT), an error included, or until `until`.
    /// For calls of your own on native_handle(). set_answer_timeout() and stop_with() end this wait, too.
    void wait(short events, time_point until, std::error_code& error) const noexcept;

  protected:
    // For sockets that make system calls of their own, under the same rules.
    time_point end_of_call() const noexcept;  // without the answer's, which moves with each send
    bool is_too_late(time_point until) const noexcept;
    template <class Call>
    auto attempt(Call call, short events, int flags, time_point until, std::error_code& error) const noexcept;
    [[noreturn, gnu::cold]] void fail(const std::error_code& error, const std::string& what) const;
    /// Makes recv_from() give the kernel room for notes. Never call it for a Unix socket: there the notes could be
    /// descriptors that a stranger passes, and no code would close them.
    void take_notes() noexcept { takes_notes_ = true; }
    [[noreturn, gnu::cold]] void fail_with_peer(const std::error_code& error, const std::string& what) const;
    std::error_code forbidden(short events) const noexcept;
    void wait_for(int descriptor, short events, time_point until, std::error_code& error) const noexcept;
    void wait_a_moment(time_point until, std::error_code& error) const noexcept;

    native_handle_type descriptor_ = -1;
    bool blocking_ = true;
    bool takes_notes_ = false;
    duration timeout_ = never;
    time_point deadline_ = time_point::max();
    const stop_event* stop_ = nullptr;
    duration answer_time_ = never;
    mutable detail::shared_time_point answer_end_;
    bool is_cut_ = false;  ///< the last send_all() has failed
    // The deadline has passed and one call was tried since. Each is used by one thread: the receiver or the sender.
    mutable bool was_tried_to_receive_ = false, was_tried_to_send_ = false;

  private:
    friend detail::descriptor_messages;
    friend detail::limits_lifted;
    // O_NONBLOCK is set whenever a call must not wait inside the kernel: there it could neither be timed nor
    // stopped. (recv() would do with a flag, but accept() and connect() have none.)
    void change_mode(bool blocking, duration timeout, time_point deadline, const stop_event* stop) {
        change_mode(blocking, timeout, deadline, stop, answer_time_);
    }
    void change_mode(bool blocking, duration timeout, time_point deadline, const stop_event* stop,
                     duration answer_time);
    bool has_no_port() const noexcept;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

/// "listen on 0.0.0.0:80: Address already in use"
inline void socket_handle::fail(const std::error_code& error, const std::string& what) const {
    std::error_code unknown;
    const socket_address local = local_endpoint(unknown);
    detail::throw_error(error, what, unknown ? "" : " on ", unknown ? "" : local.to_string());
}

/// Throws with a text like "recv from 192.0.2.1:80: Connection reset by peer". The peer's address is read only now,
/// because only an error needs it. After a reset the kernel no longer knows it. The text then names the own endpoint:
/// "recv from the peer of 192.0.2.7:40000".
inline void socket_handle::fail_with_peer(const std::error_code& error, const std::string& what) const {
    std::error_code unknown;
    const socket_address peer = peer_endpoint(unknown);
    const std::string name = unknown ? "" : peer.to_string();
    if (!name.empty() && name.front() != '(') detail::throw_error(error, what, ' ', name);  // not "(unnamed)"
    const socket_address own = local_endpoint(unknown);
    if (unknown || !own.is_ip()) detail::throw_error(error, what, " the peer");
    detail::throw_error(error, what, " the peer of ", own.to_string());
}

inline void socket_handle::wait(short events, time_point until, std::error_code& error) const noexcept {
    if (is_open()) return wait_for(descriptor_, events, until, error);
    error = std::make_error_code(std::errc::bad_file_descriptor);  // poll(2) would ignore it and wait
}
inline void socket_handle::wait_for(int descriptor, short events, time_point until,
                                    std::error_code& error) const noexcept {
    for (;;) {
        const time_point answer_end = answer_end_.load();
        detail::wait_for(descriptor, events, stop_, detail::min(until, answer_end), error);
        // A send in another thread has perhaps moved the end meanwhile. Then the wait is not over.
        if (error != std::errc::timed_out || until <= answer_end || answer_end_.load() == answer_end) return;
    }
}
/// Pauses before the next attempt, if the event cannot be polled for.
inline void socket_handle::wait_a_moment(time_point until, std::error_code& error) const noexcept {
    until = detail::min(until, answer_end_.load());
    detail::wait_for(-1, 0, stop_, detail::min(until, clock::now() + std::chrono::milliseconds{5}), error);
    if (error == std::errc::timed_out && clock::now() < until) error.clear();
}

inline time_point socket_handle::end_of_call() const noexcept {
    return timeout_ == never ? deadline_ : detail::end_of(timeout_);
}
/// Returns true if a call of many parts has used up its time, although no part had to wait: a fast peer must not carry
/// it past its limit. A call that may not wait has no such limit. It ends at the first part that would wait.
inline bool socket_handle::is_too_late(time_point until) const noexcept {
    return until != time_point::max() && timeout_ > duration::zero() && clock::now() >= until;
}

/// Returns the error that forbids a call to begin. If a peer always has bytes for us, no call waits. Without this check
/// such a program would miss its deadline or a stop, because only a wait notices them.
inline std::error_code socket_handle::forbidden(short events) const noexcept {
    if (stop_ && stop_->stop_requested()) return std::make_error_code(std::errc::operation_canceled);
    const time_point answer_end = answer_end_.load();
    const time_point end = detail::min(deadline_, answer_end);
    if (end == time_point::max()) return {};
    const time_point now = clock::now();
    if (now < end) return {};
    bool& was_tried = events == POLLOUT ? was_tried_to_send_ : was_tried_to_receive_;
    if (now >= answer_end || was_tried) return std::make_error_code(std::errc::timed_out);
    was_tried = true;
    return {};
}

/// A datagram socket gets a port with its first send or connect. If all ports are in use, the kernel returns EAGAIN.
inline bool socket_handle::has_no_port() const noexcept {
    std::error_code error;
    const socket_address local = local_endpoint(error);
    return !error && local.is_ip() && local.ip().port() == 0;
}

/// Makes the system call. Repeats it if a signal interrupted it, and waits if the call would block and may wait.
/// Without a deadline, a call that succeeds at once costs only that system call and no look at the clock.
template <class Call>
auto socket_handle::attempt(Call call, short events, int flags, time_point until,
                            std::error_code& error) const noexcept {
    decltype(call()) result = -1;
    if ((error = forbidden(events))) return result;
    // poll() may report a descriptor as ready although the call would block. It sees our own queue, but not the
    // queue of the Unix socket that send_to() names. It reports a datagram with a wrong checksum, and a datagram
    // socket that was shut down, as readable. Another thread may also be faster. None of these may spin or lose the
    // time limit.
    const int max_in_a_row = events == POLLOUT ? 1 : 16;
    for (int polls_in_a_row = 0;;) {
        result = call();
        if (result >= 0) {
            if (events == POLLOUT && result > 0 && answer_time_ != never)
                answer_end_.store(detail::end_of(answer_time_));
            error.clear();
            return result;
        }
        if (errno == EINTR) continue;
        error = detail::last_error();
        if (!detail::would_block(errno) || !blocking_ || (flags & (MSG_DONTWAIT | MSG_ERRQUEUE)) != 0) return result;
        if (events == POLLOUT && has_no_port()) {
            error = std::make_error_code(std::errc::address_not_available);
            return result;
        }
        if (until == time_point::min()) until = end_of_call();
        if (polls_in_a_row++ < max_in_a_row) {
            wait(events, until, error);
        } else {
            wait_a_moment(until, error);
            polls_in_a_row = 0;
        }
        if (error) return result;
    }
}

inline void socket_handle::change_mode(bool blocking, duration timeout, time_point deadline, const stop_event* stop,
                                       duration answer_time) {
    const auto waits = [](bool is_blocking, duration time, time_point end, const stop_event* event, duration answer) {
        return is_blocking && time == never && end == time_point::max() && !event && answer == never;
    };
    const bool in_kernel = waits(blocking, timeout, deadline, stop, answer_time);
    if (in_kernel != waits(blocking_, timeout_, deadline_, stop_, answer_time_)) {
        const int flags = ::fcntl(descriptor_, F_GETFL);
        if (flags < 0 || ::fcntl(descriptor_, F_SETFL, in_kernel ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) < 0)
            fail(detail::last_error(), "fcntl");
    }
    blocking_ = blocking;
    timeout_ = timeout;
    deadline_ = deadline;
    was_tried_to_receive_ = was_tried_to_send_ = false;
    stop_ = stop;
    answer_time_ = answer_time;
}

inline void socket_handle::set_timeout(wait_time timeout) { change_mode(true, timeout, time_point::max(), stop_); }
inline void socket_handle::set_deadline(time_point deadline) { change_mode(true, never, deadline, stop_); }
inline void socket_handle::set_answer_timeout(wait_time time) {
    change_mode(blocking_, timeout_, deadline_, stop_, time);
    answer_end_.store(detail::end_of(time));
}
inline void socket_handle::set_blocking(bool blocking) { change_mode(blocking, never, time_point::max(), stop_); }
inline void socket_handle::stop_with(const stop_event& stop) { change_mode(blocking_, timeout_, deadline_, &stop); }

inline void socket_handle::shutdown(shutdown_direction direction, std::error_code& error) noexcept {
    error = ::shutdown(descriptor_, static_cast<int>(direction)) == 0 ? std::error_code{} : detail::last_error();
}
inline void socket_handle::shutdown(shutdown_direction direction) {
    std::error_code error;
    shutdown(direction, error);
    if (error) fail_with_peer(error, "shutdown of the connection to");
}

inline void socket_handle::close(std::error_code& error) noexcept {
    constexpr ::linger reset{1, 0};
    if (is_cut_) ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    // Never close twice, not even after EINTR: on Linux the descriptor is already closed. Another thread may have
    // opened a file with the same number (close(2)).
    error = ::close(release()) == 0 ? std::error_code{} : detail::last_error();
}
inline void socket_handle::close() {
    std::error_code error;
    close(error);
    if (error) detail::throw_error(error, "close");
}

inline socket_address socket_handle::local_endpoint(std::error_code& error) const noexcept {
    socket_address address;
    socklen_t size = socket_address::capacity;
    error = ::getsockname(descriptor_, address.data(), &size) == 0 ? std::error_code{} : detail::last_error();
    address.resize(size);
    return address;
}
inline socket_address socket_handle::local_endpoint() const {
    std::error_code error;
    const socket_address address = local_endpoint(error);
    if (error) detail::throw_error(error, "getsockname");
    return address;
}

inline socket_address socket_handle::peer_endpoint(std::error_code& error) const noexcept {
    socket_address address;
    socklen_t size = socket_address::capacity;
    error = ::getpeername(descriptor_, address.data(), &size) == 0 ? std::error_code{} : detail::last_error();
    address.resize(size);
    return address;
}
inline socket_address socket_handle::peer_endpoint() const {
    std::error_code error;
    const socket_address address = peer_endpoint(error);
    if (error) detail::throw_error(error, "getpeername");
    return address;
}

inline void socket_handle::set_option(int level, int name, std::span<const std::byte> value,
                                      std::error_code& error) noexcept {
    error = ::setsockopt(descriptor_, level, name, value.data(), static_cast<socklen_t>(value.size())) == 0
                ? std::error_code{}
                : detail::last_error();
}
inline void socket_handle::set_option(int level, int name, std::span<const std::byte> value) {
    std::error_code error;
    set_option(level, name, value, error);
    if (error) fail(error, detail::joined("setsockopt(", std::to_string(level), ", ", std::to_string(name), ')'));
}
inline std::size_t socket_handle::get_option(int level, int name, std::span<std::byte> value,
                                             std::error_code& error) const noexcept {
    socklen_t size = static_cast<socklen_t>(value.size());
    error = ::getsockopt(descriptor_, level, name, value.data(), &size) == 0 ? std::error_code{} : detail::last_error();
    return error ? 0 : size;
}
inline std::size_t socket_handle::get_option(int level, int name, std::span<std::byte> value) const {
    std::error_code error;
    const std::size_t size = get_option(level, name, value, error);
    if (error) fail(error, detail::joined("getsockopt(", std::to_string(level), ", ", std::to_string(name), ')'));
    return size;
}
inline std::error_code socket_handle::take_error() noexcept {
    int pending = 0;
    std::error_code error;
    get_option(SOL_SOCKET, SO_ERROR, detail::room_of(pending), error);
    return error ? error : std::error_code{pending, std::system_category()};
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_HANDLE_HPP
