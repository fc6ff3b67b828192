// netnotes/server/connection.hpp: a client of a reactor server, and what the server may take
// SPDX-License-Identifier: MIT
//
// A reactor must never wait for one client. So each connection has a queue for the bytes that its client has not taken
// yet, and two marks that say when to stop reading from a client that does not take its answers:
//
//        handler ── send() ──> queue ──> kernel ──> client
//                                │
//        queue above high_water: nothing more is read from this client
//        queue at low_water:     reading goes on
//        queue above max_queue:  the connection ends, in a reset
//
// Under it:      poll/interest.hpp. Above it: server/reactor.hpp, which has the story
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

/// What a server may take. A connection that does not take its answers holds high_water and the answer to one more
/// read: with an echo handler and these numbers 128 KiB, and 10,000 of them together 1.3 GB. A handler that answers
/// more than it is asked is bounded by max_queue.
struct reactor_options {
    /// Edge: every connection is registered once, for all, and never again touched in the poller; it is read
    /// until there is no more. Level: simpler, one read an event, and the poller is told whenever the wish to write
    /// begins or ends. Nothing: edge, where the poller has it (only epoll does), and else level.
    std::optional<trigger> how{};
    std::size_t max_connections = 10'000;  ///< beyond, clients wait in the listener's queue
    std::size_t high_water = 64 * 1024;    ///< queued bytes above which a connection is not read
    std::size_t low_water = 16 * 1024;     ///< ... and at which it is read again
    std::size_t max_queue = 1024 * 1024;   ///< queued bytes above which it is closed
    std::size_t read_size = 64 * 1024;     ///< bytes that a read brings at most; one buffer for all connections
    wait_time idle_timeout = std::chrono::minutes{5};  ///< without a byte in or out; `never` to allow it. Above zero
    /// The time for one exchange, however many bytes trickle in it. An exchange begins with the first byte that a client
    /// sends, or is sent, after the last exchange. It ends when the handler has sent something and the kernel has taken
    /// what was queued then; so a connection may live for ever, and a long answer has this time for each max_queue of it.
    /// A handler that does not answer each message (a log, a chat room) calls connection::end_exchange(). Nothing: four
    /// idle timeouts. `never`: no deadline. Above zero.
    std::optional<wait_time> request_timeout{};
    wait_time stop_grace = std::chrono::seconds{2};  ///< how long a stop may send what is queued
};

template <class Handler, poller Poller>
class reactor_server;

/// A client of a reactor_server, as its handler sees it. It lives until its on_close() has returned. Only for
/// the thread that runs the server.
class connection {
  public:
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    /// A number that no other connection of this server has or will have (not in the next four thousand
    /// million that use its slot). For keeping things about it.
    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
    [[nodiscard]] const socket_address& peer() const noexcept { return peer_; }
    [[nodiscard]] int native_handle() const noexcept { return socket_.native_handle(); }
    /// Bytes that the kernel has not yet taken.
    [[nodiscard]] std::size_t queued() const noexcept { return queue_.size() - sent_; }

    /// Sends, or queues what cannot be sent now. It does not wait and does not fail: an error closes the
    /// connection, and on_close() tells it. After close_after_sending() or close() nothing more is sent.
    void send(const_buffer bytes) noexcept;
    /// Ends the exchange without an answer: see reactor_options::request_timeout. For a message that needs none.
    void end_exchange() noexcept {
        is_asked_ = false;
        changed();
    }
    /// Keeps the connection after the end of the peer's stream, until close_after_sending(), close(), or a timeout. Call
    /// it in the handler or in on_end(), when an answer comes later and in several parts. (An answer in one part needs no
    /// such call: a client that has asked, and has not yet been answered, is kept until it is.)
    void keep_open() noexcept { is_kept_ = true; }
    /// The last word has been said: reads no more, sends what is queued, then takes leave of the peer.
    void close_after_sending() noexcept {
        if (state_ != state::open) return;
        state_ = state::draining;
        changed();
    }
    /// Closes the connection at once. If bytes are queued they are lost, and the peer is sent a reset. on_close() is told
    /// `reason`.
    void close(std::error_code reason = {}) noexcept {
        if (state_ == state::closed) return;
        state_ = state::closed;
        reason_ = reason;
        changed();
    }

  private:
    template <class Handler, poller Poller>
    friend class reactor_server;

    enum class state : std::uint8_t { open, draining, lingering, closed };
    struct shared {  // what all connections of a server have in common
        reactor_options options;
        connection* changed = nullptr;  ///< a list, through next_changed_, of those to be looked at
    };

    connection(socket&& accepted, const socket_address& peer, std::uint64_t id, shared& server) noexcept
        : socket_{std::move(accepted)}, peer_{peer}, id_{id}, server_{server} {}
    /// Whatever a handler does to whichever connection takes effect when the handler has returned: nothing is
    /// destroyed under the feet of code that is still running.
    void changed() noexcept {
        if (is_changed_) return;
        is_changed_ = true;
        next_changed_ = std::exchange(server_.changed, this);
    }
    /// Open and not paused, or lingering: then what comes is thrown away.
    bool is_read() const noexcept {
        return state_ == state::lingering || (state_ == state::open && !paused_ && !input_ended_);
    }
    /// Has the peer's kernel acknowledged all that ours was given (tcp(7), SIOCOUTQ)? Then nothing can destroy it.
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
    std::size_t sent_ = 0;  ///< of the queue, its front
    std::size_t owed_ = 0;  ///< bytes of the queue that must be sent before the exchange has ended
    std::error_code reason_;
    connection* next_changed_ = nullptr;
    connection* earlier_ = nullptr;  // neighbours in the order of last activity
    connection* later_ = nullptr;
    connection* earlier_exchange_ = nullptr;  // neighbours in the order in which the exchanges have begun
    connection* later_exchange_ = nullptr;
    time_point active_{};
    time_point exchange_begin_ = time_point::max();  // that: none is under way
    interest registered_ = interest::none;
    state state_ = state::open;
    bool is_changed_ = false;
    bool progressed_ = false;   ///< a byte has gone in or out since the last look
    bool paused_ = false;       ///< above the high water mark, and not yet down to the low one
    bool unread_ = false;       ///< edge-triggered: there may be more, and no event will say so
    bool is_pending_ = false;   ///< stands in the list of those with more to read
    bool read_to_end_ = false;  ///< go on until nothing is there, however short the reads
    bool input_ended_ = false;  ///< the end of the stream has been read
    bool is_asked_ = false;     ///< the peer has sent something, and nothing has been sent since
    bool is_kept_ = false;      ///< the handler will end it
    bool is_cut_ = false;       ///< bytes of an answer are lost
};

// ========================================================================================================
// How it is done
// ========================================================================================================

/// Until the kernel has all or no more room: only then is it certain that an edge-triggered poller will report
/// room when there is some.
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
    if (sent == bytes.size() || state_ != state::open) return;
    const auto rest = bytes.subspan(sent);
    is_cut_ = true;  // until all of it is in the queue
    if (rest.size() > server_.options.max_queue - queued())
        return close(std::make_error_code(std::errc::no_buffer_space));
    try {
        if (sent_ > 0 && queue_.size() + rest.size() > queue_.capacity()) {  // the front is free: use it before growing
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
        if (queue_.capacity() > server_.options.low_water)  // the memory of a slow time is given back
            std::vector<std::byte>{}.swap(queue_);          // (`queue_ = {}` would keep it)
        sent_ = 0;
    }
    if (queued() <= server_.options.low_water) paused_ = false;
    changed();
}

}  // namespace netnotes

#endif  // NETNOTES_SERVER_CONNECTION_HPP
