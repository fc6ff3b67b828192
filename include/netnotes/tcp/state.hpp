// netnotes/tcp/state.hpp: what a connection can be told and asked
// SPDX-License-Identifier: MIT
//
// Options of a connection, keep-alive, and its live state: which of the eleven states it is in, round-trip times, windows,
// retransmissions (TCP_INFO, tcp(7)).
//
// On this page:  option::no_delay, user_timeout · keep_alive · linger · tcp_state · connection_info
// The notes:     tcp十种状态 (states), 保活 (keep-alive); example 11

#ifndef NETNOTES_TCP_STATE_HPP
#define NETNOTES_TCP_STATE_HPP

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

#include "../socket/socket.hpp"

namespace netnotes {

// ---- Options -------------------------------------------------------------------------------------------

namespace option {
/// Send small pieces at once instead of waiting for the acknowledgment of those before (Nagle's algorithm,
/// RFC 9293 §3.7.4). Two small writes and then a read cost 40 ms without it. Accepted sockets inherit it.
using no_delay = flag<IPPROTO_TCP, TCP_NODELAY>;

/// A number of seconds, or milliseconds, as the kernel counts them in an int.
/// What is longer than the int holds is its maximum; what is negative is errc::invalid_argument.
template <class Unit, int Level, int Name>
struct time {
    Unit value;
    using native_type = int;
    static constexpr int level = Level, name = Name;
    template <class Rep, class Period>
    requires std::is_convertible_v<std::chrono::duration<Rep, Period>, Unit>
    constexpr time(const std::chrono::duration<Rep, Period>& given) noexcept : value{detail::saturated<Unit>(given)} {}
    constexpr bool is_in_range() const noexcept { return value.count() >= 0; }
    constexpr native_type to_native() const noexcept {
        return static_cast<int>(std::clamp<std::int64_t>(value.count(), -1, std::numeric_limits<int>::max()));
    }
    static constexpr Unit from_native(native_type native) noexcept { return Unit{native}; }
};
/// The three numbers of keep_alive, one by one; see struct netnotes::keep_alive.
using keep_alive_idle = time<std::chrono::seconds, IPPROTO_TCP, TCP_KEEPIDLE>;
using keep_alive_interval = time<std::chrono::seconds, IPPROTO_TCP, TCP_KEEPINTVL>;
using keep_alive_count = number<IPPROTO_TCP, TCP_KEEPCNT>;

/// How long bytes may wait to be acknowledged, or to be sent because the peer does not read and has no room, before
/// the connection is given up with errc::timed_out (RFC 5482, tcp(7)). Zero is the system's way: net.ipv4.tcp_retries2
/// attempts, about a quarter of an hour, and for ever where the peer's kernel answers that there is still no room.
/// With keep-alive on it also decides when unanswered probes are enough, in place of their count.
using user_timeout = time<std::chrono::milliseconds, IPPROTO_TCP, TCP_USER_TIMEOUT>;
}  // namespace option

/// Keep-alive: how one who only listens finds out that the peer is gone without a goodbye. TCP itself sends nothing
/// while nobody has anything to say, so a peer whose power was cut is missed for ever. It is *off* unless asked for
/// (RFC 9293 §3.8.4), and then, without a word from the peer for `idle`, probes are sent, one every `interval`; when
/// `count` of them are unanswered, the connection ends and a receive is errc::timed_out. Any segment from the peer
/// starts it anew. The defaults are those of Linux (tcp(7)), and they take 2 h 11 min 15 s.
///
/// It says that the peer's *kernel* is there. Whether the program is, only its answers tell: see set_timeout(). And
/// it is silent while sent bytes await their acknowledgment, which option::user_timeout limits.
struct keep_alive {
    std::chrono::seconds idle{7200};    ///< 1 to 32767 s
    std::chrono::seconds interval{75};  ///< 1 to 32767 s
    int count = 9;                      ///< 1 to 127 probes

    /// Returns the time from the peer's last segment to the end of the connection: idle, and `count` intervals. For numbers
    /// out of range the result is the largest or the smallest number of seconds; nothing overflows.
    [[nodiscard]] constexpr std::chrono::seconds until_verdict() const noexcept {
        const auto exact = static_cast<long double>(idle.count()) + static_cast<long double>(interval.count()) * count;
        constexpr auto longest = std::chrono::seconds::max(), shortest = std::chrono::seconds::min();
        if (exact >= static_cast<long double>(longest.count())) return longest;
        if (exact <= static_cast<long double>(shortest.count())) return shortest;
        return std::chrono::seconds{static_cast<std::chrono::seconds::rep>(exact)};
    }
    friend constexpr bool operator==(const keep_alive&, const keep_alive&) = default;
};

// How a connection ends, and what becomes of bytes that were sent and are not yet acknowledged:
//
//   close()                                goes on sending them behind your back; nobody tells you how it ended
//   the same, option::linger{3s}           waits for the acknowledgments, whatever a timeout or a stop says; and when
//                                          the 3 s are over it returns as if all were well
//   the same, option::linger{0s}           throws them away and sends a reset: whatever was still on its way is lost.
//                                          The peer reads errc::connection_reset (on Linux behind the bytes that had
//                                          arrived; elsewhere those may be lost, too). No TIME_WAIT is left
//   close() with unread bytes              a reset as well: read to the end first
//   shutdown(send), then recv() until 0    the only way to *know*: the peer has read all, and said goodbye itself

// ---- The state of a connection -------------------------------------------------------------------------

/// The eleven states (RFC 9293 §3.3.2). The notes count ten, and use the eleventh, CLOSED. The numbers are the
/// kernel's, also in /proc/net/tcp.
enum class tcp_state : std::uint8_t {
    established = TCP_ESTABLISHED,  ///< both may send
    syn_sent = TCP_SYN_SENT,        ///< connect() has asked and hears nothing yet
    syn_received = TCP_SYN_RECV,    ///< asked and answered; the last acknowledgment is missing
    fin_wait_1 = TCP_FIN_WAIT1,     ///< we have said goodbye, and not even the kernel there has heard it
    fin_wait_2 = TCP_FIN_WAIT2,     ///< ... it has; the peer may still send
    time_wait = TCP_TIME_WAIT,      ///< both have said goodbye, we first; what may still be under way must die out
    closed = TCP_CLOSE,             ///< no connection: not yet, or no longer
    close_wait = TCP_CLOSE_WAIT,    ///< the peer has said goodbye, our program has not: it stays so until it does
    last_ack = TCP_LAST_ACK,        ///< now we have, too; one acknowledgment is missing
    listen = TCP_LISTEN,            ///< a listener, and for ever: each connection has a state of its own
    closing = TCP_CLOSING,          ///< the goodbyes of both have crossed
};
/// As RFC 9293 prints them: "SYN-SENT", "FIN-WAIT-1", "CLOSED"; "UNKNOWN" for a number that is none.
[[nodiscard]] constexpr std::string_view to_string(tcp_state state) noexcept {
    constexpr std::array<std::string_view, 12> names{"UNKNOWN",    "ESTABLISHED", "SYN-SENT",  "SYN-RECEIVED",
                                                     "FIN-WAIT-1", "FIN-WAIT-2",  "TIME-WAIT", "CLOSED",
                                                     "CLOSE-WAIT", "LAST-ACK",    "LISTEN",    "CLOSING"};
    const auto number = static_cast<std::size_t>(state);
    return names[number < names.size() ? number : 0];
}

/// What the kernel knows about a connection at this moment: TCP_INFO, tcp(7). (C has a struct of the name tcp_info,
/// outside of any namespace.) What a kernel before 4.19 does not know is zero.
struct connection_info {
    tcp_state state = tcp_state::closed;
    std::chrono::microseconds round_trip_time{};          ///< smoothed; zero before the first was measured
    std::chrono::microseconds round_trip_variation{};     ///< its mean deviation
    std::chrono::microseconds minimum_round_trip_time{};  ///< of late
    std::chrono::microseconds retransmission_timeout{};   ///< how long an acknowledgment is waited for
    std::uint32_t maximum_segment_size = 0;               ///< bytes that we put into one segment at most
    std::uint32_t congestion_window = 0;   ///< segments that may be under way without overloading the net
    std::uint32_t peer_window = 0;         ///< bytes that the peer has room for (Linux 5.4)
    std::uint32_t unacknowledged = 0;      ///< segments sent and not acknowledged
    std::uint32_t lost = 0;                ///< of these, those believed lost
    std::uint32_t timeouts_in_a_row = 0;   ///< how often the same has been sent again in vain
    std::uint32_t retransmissions = 0;     ///< segments sent again, since the connection began
    std::uint32_t probes = 0;              ///< probes, of keep-alive or a closed window, not answered
    std::uint32_t bytes_not_sent = 0;      ///< taken by send(), and not yet sent for the first time
    std::uint64_t bytes_acknowledged = 0;  ///< of ours, by the peer; the SYN counts as one
    std::uint64_t bytes_received = 0;      ///< the peer's; its FIN counts as one
    std::uint32_t segments_sent = 0, segments_received = 0;            ///< all, empty ones too
    std::uint32_t data_segments_sent = 0, data_segments_received = 0;  ///< those with bytes in them
};

}  // namespace netnotes

#endif  // NETNOTES_TCP_STATE_HPP
