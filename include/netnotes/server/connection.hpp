// netnotes/server/connection.hpp: a client of a reactor server, and the server's limits
// SPDX-License-Identifier: MIT
//
// A reactor must never wait for a single client. So each connection has a queue for the bytes that the kernel has not
// taken yet. Two marks say when to stop reading from a client that does not take its answers:
//
//        handler ── send() ──> queue ──> kernel ──> client
//                                │
//        queue above high_water: the server stops reading from this client
//        queue at low_water:     the server reads again
//        queue above max_queue:  the server resets the connection
//
// Below it:      poll/interest.hpp
// Above it:      server/reactor.hpp, the server and its story
// On this page:  reactor_options · connection

#ifndef NETNOTES_SERVER_CONNECTION_HPP
#define NETNOTES_SERVER_CONNECTION_HPP

#include <sys/ioctl.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "../poll/interest.hpp"
#include "../socket/socket.hpp"

namespace netnotes {

/// The limits of a reactor_server. A connection that does not take its answers queues at most high_water and the answer
/// to one more read. With an echo handler and these numbers this is 128 KiB; 10,000 such connections take 1.3 GB. The
/// limit for a handler whose answers are longer than the requests is max_queue.
struct reactor_options {
    /// Selects how the poller reports connections. With trigger::edge the server registers each connection once and
    /// reads until no bytes are left. With trigger::level it reads once for each event and tells the poller whenever it
    /// starts or stops waiting to write. The default, nullopt, means edge if the poller has it (only epoll does),
    /// otherwise level.
    std::optional<trigger> how{};
    std::size_t max_connections = 10'000;  ///< Clients beyond this number wait in the listener's queue.
    std::size_t high_water = 64 * 1024;    ///< Above this many queued bytes the server stops reading a connection.
    std::size_t low_water = 16 * 1024;     ///< At this many queued bytes the server reads it again.
    std::size_t max_queue = 1024 * 1024;   ///< Above this many queued bytes the server resets it.
    std::size_t read_size = 64 * 1024;     ///< The most bytes of a read. All connections share one buffer of this size.
    /// Closes a connection if no byte went in or out for this time. `never` means no limit. Above zero.
    wait_time idle_timeout = std::chrono::minutes{5};
    /// Limits one exchange, even if bytes still trickle in. An exchange begins with the first byte in either direction
    /// after the last exchange. It ends when the handler has sent an answer and the kernel has taken all bytes that
    /// were queued then. So a connection may live for ever, and each max_queue of a long answer has this time.
    /// A handler that does not answer each message (a log, a chat room) calls connection::end_exchange(). nullopt means
    /// four idle timeouts, and `never` no limit. Above zero.
    std::optional<wait_time> request_timeout{};
    wait_time stop_grace = std::chrono::seconds{2};  ///< After a stop, queued bytes may be sent for this time.
};

template <class Handler, poller Poller>
class reactor_server;
namespace detail {
class connection_lists;
}

/// A client of a reactor_server, as the handler sees it. It lives until on_close() for it has returned. Use it only in
/// the thread that runs the server. No call waits.
class connection {
  public:
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    /// Ends the connection: with a reset if bytes of an answer are lost, because an orderly end would tell the peer
    /// that it has the whole answer (RFC 9293 §3.6).
    ~connection() {
        std::error_code is_gone;
        if (is_cut_ || queued() > 0) socket_.set_option(option::linger{std::chrono::seconds{0}}, is_gone);
    }

    /// Returns a number that identifies this connection in this server, for example as a key of a map. A later
    /// connection gets the same number only after 2^32 connections in the same slot.
    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
    /// Returns the client's address, as accept() reported it.
    [[nodiscard]] const socket_address& peer() const noexcept { return peer_; }
    /// Returns the descriptor, for options of your own. Do not close it.
    [[nodiscard]] int native_handle() const noexcept { return socket_.native_handle(); }
    /// Returns the number of bytes that the kernel has not taken yet.
    [[nodiscard]] std::size_t queued() const noexcept { return queue_.size() - sent_; }

    /// Sends the bytes, and queues a copy of the rest if the kernel does not take all of them now. An error closes the
    /// connection, and on_close() reports it. After close_after_sending() or close() it does nothing.
    void send(const_buffer bytes) noexcept;
    /// Makes the server call the handler's on_timer() for this connection once, after this time. A new call replaces
    /// the time, and `never` cancels it.
    void set_timer(wait_time time) noexcept {
        timer_ = time == never ? time_point::max() : std::max(detail::later(server_.now, time), server_.soon());
        arm();
    }
    /// Limits the connection as a whole: at this moment it is closed with errc::timed_out, even in the middle of an
    /// exchange that goes on. time_point::max() removes the limit. Use it in on_open(), or for
    /// reactor_server::connect().
    void set_deadline(time_point when) noexcept {
        deadline_ = when == time_point::max() ? when : std::max(when, server_.soon());
        arm();
    }
    /// Ends the exchange without an answer, for a message that needs no answer: see reactor_options::request_timeout.
    void end_exchange() noexcept {
        is_asked_ = false;
        changed();
    }
    /// Keeps the connection after the end of the peer's stream, until close_after_sending(), close(), or a timeout.
    /// Call it in the handler or in on_end() if an answer comes later and in several parts. Without this call the
    /// server keeps the connection only until the first part of the answer, and while on_drained() sends more.
    void keep_open() noexcept { is_kept_ = true; }
    /// Stops reading, sends the queued bytes, then ends the stream in order.
    void close_after_sending() noexcept {
        if (state_ != state::open) return;
        state_ = state::draining;
        changed();
    }
    /// Closes the connection when the handler has returned, and passes `reason` to on_close(). Queued bytes are lost,
    /// and then the peer gets a reset.
    void close(std::error_code reason = {}) noexcept {
        if (state_ == state::closed) return;
        state_ = state::closed;
        reason_ = reason;
        changed();
    }

  private:
    template <class Handler, poller Poller>
    friend class reactor_server;
    friend detail::connection_lists;

    enum class state : std::uint8_t { connecting, open, draining, lingering, closed };
    struct alarm {
        time_point when;
        std::uint64_t id;
        friend bool operator<(const alarm& a, const alarm& b) noexcept { return a.when > b.when; }  // earliest on top
    };
    struct shared {  // the state that all connections of a server share
        reactor_options options;
        connection* changed = nullptr;  ///< a list, linked by next_changed_, of the connections for settle()
        time_point now{};               ///< the time of this turn: the clock is read once for all events
        std::size_t lost_alarms = 0;    ///< alarms that were replaced, or whose connection has ended
        std::vector<alarm> alarms;      ///< a heap. Of a connection only the alarm at armed_ counts
        [[nodiscard]] time_point soon() const noexcept { return now + duration{1}; }  // not in this turn
        /// Removes the lost alarms if they are half of the heap. Otherwise a client could let it grow: a handler that
        /// sets a long timer and then a short one for each message loses a long alarm each time.
        template <class Find>
        void remove_lost_alarms(Find find) noexcept {
            if (lost_alarms < 64 || lost_alarms < alarms.size() / 2) return;
            std::erase_if(alarms, [&](const alarm& each) {
                const connection* const whose = find(each.id);
                return !whose || whose->armed_ != each.when;
            });
            std::make_heap(alarms.begin(), alarms.end());
            lost_alarms = 0;
        }
    };

    connection(socket&& accepted, const socket_address& peer, std::uint64_t id, shared& server) noexcept
        : socket_{std::move(accepted)}, peer_{peer}, id_{id}, server_{server} {}
    /// Puts an alarm for the earlier of timer and deadline into the heap, unless an earlier alarm is there already:
    /// then the server looks again at that moment.
    void arm() noexcept {
        const time_point when = std::min(timer_, deadline_);
        if (when >= armed_ || state_ == state::closed) return;
        try {
            server_.alarms.push_back({when, id_});
            std::push_heap(server_.alarms.begin(), server_.alarms.end());
            if (armed_ != time_point::max()) ++server_.lost_alarms;
            armed_ = when;
        } catch (const std::bad_alloc&) {
            close(std::make_error_code(std::errc::not_enough_memory));
        }
    }
    /// Puts this connection on the list for settle(), which runs when the handler has returned. So a handler may close
    /// any connection, and no object that a running function still uses is destroyed.
    void changed() noexcept {
        if (is_changed_) return;
        is_changed_ = true;
        next_changed_ = std::exchange(server_.changed, this);
    }
    /// Returns true if the server reads this connection. While it lingers, the bytes read are dropped.
    bool is_read() const noexcept {
        return state_ == state::lingering || (state_ == state::open && !paused_ && !input_ended_);
    }
    /// Returns true if the peer's kernel has acknowledged all bytes that our kernel took (tcp(7), SIOCOUTQ). Then a
    /// reset can no longer destroy them.
    bool is_delivered() const noexcept {
        int unacknowledged = 0;
        return ::ioctl(native_handle(), TIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0;
    }
    std::size_t send_now(const_buffer bytes) noexcept;
    void flush() noexcept;

    socket socket_;
    socket_address peer_;
    std::uint64_t id_;
    shared& server_;
    std::vector<std::byte> queue_;
    std::size_t sent_ = 0;  ///< the size of the queue's front that the kernel has taken
    std::size_t owed_ = 0;  ///< bytes of the queue that must be sent before the exchange has ended
    std::error_code reason_;
    connection* next_changed_ = nullptr;
    connection* earlier_ = nullptr;  // neighbours in the order of last activity
    connection* later_ = nullptr;
    connection* earlier_exchange_ = nullptr;  // neighbours in the order in which the exchanges began
    connection* later_exchange_ = nullptr;
    time_point active_{};
    time_point exchange_begin_ = time_point::max();  // max(): no exchange is under way
    time_point timer_ = time_point::max();
    time_point deadline_ = time_point::max();
    time_point armed_ = time_point::max();  // the alarm in the heap that counts
    interest registered_ = interest::none;
    state state_ = state::open;
    bool is_changed_ = false;
    bool progressed_ = false;   ///< A byte has gone in or out since the last settle().
    bool paused_ = false;       ///< The queue rose above high_water and has not yet fallen to low_water.
    bool unread_ = false;       ///< Edge-triggered: bytes may be left, and no event will report them.
    bool is_pending_ = false;   ///< The connection is on the list of connections with more to read.
    bool read_to_end_ = false;  ///< Read until EAGAIN, even after a short read.
    bool input_ended_ = false;  ///< The end of the stream has been read.
    bool is_asked_ = false;     ///< The peer has sent bytes, and the handler has sent no answer since.
    bool is_kept_ = false;      ///< The handler will close the connection: keep_open().
    bool is_cut_ = false;       ///< Bytes of an answer are lost.
    bool is_drained_ = false;   ///< The queue has become empty, and on_drained() was not called yet.
};

// ========================================================================================================
// How it is done
// ========================================================================================================

/// Sends until the kernel has all bytes or has no more room. Only after "no room" does an edge-triggered poller report
/// new room. Returns the number of bytes that the kernel took.
inline std::size_t connection::send_now(const_buffer bytes) noexcept {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        std::error_code error;
        const std::size_t size = socket_.send(bytes.subspan(sent), error);
        if (error == std::errc::operation_would_block) break;
        if (error) {
            close(error);
            break;
        }
        sent += size;
        progressed_ = true;
    }
    owed_ -= std::min(owed_, sent);
    return sent;
}

inline void connection::send(const_buffer bytes) noexcept {
    if (state_ != state::open || bytes.empty()) return;
    changed();
    is_asked_ = false;
    const std::size_t sent = queued() == 0 ? send_now(bytes) : 0;
    if (sent == bytes.size()) return;
    is_cut_ = true;                      // until all bytes are in the queue
    if (state_ != state::open) return;  // the connection has failed
    const auto rest = bytes.subspan(sent);
    if (rest.size() > server_.options.max_queue - queued())
        return close(std::make_error_code(std::errc::no_buffer_space));
    try {
        if (sent_ > 0 && queue_.size() + rest.size() > queue_.capacity()) {  // reuse the sent front before growing
            queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(sent_));
            sent_ = 0;
        }
        queue_.insert(queue_.end(), rest.begin(), rest.end());
    } catch (const std::bad_alloc&) {
        return close(std::make_error_code(std::errc::not_enough_memory));
    }
    is_cut_ = false;
    paused_ = paused_ || queued() > server_.options.high_water;
}

inline void connection::flush() noexcept {
    if (queued() == 0) return;
    sent_ += send_now(std::span{queue_}.subspan(sent_));
    if (queued() == 0) {
        queue_.clear();
        if (queue_.capacity() > server_.options.low_water)  // frees the memory that a slow client needed
            std::vector<std::byte>{}.swap(queue_);          // (`queue_ = {}` would keep it)
        sent_ = 0;
        is_drained_ = true;
    }
    if (queued() <= server_.options.low_water) paused_ = false;
    changed();
}

}  // namespace netnotes

#endif  // NETNOTES_SERVER_CONNECTION_HPP
