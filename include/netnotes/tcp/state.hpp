// netnotes/tcp/state.hpp: options and live state of a connection
// SPDX-License-Identifier: MIT
//
// This chapter has options of a connection, keep-alive, and the connection's live state. The live state is the name of
// the TCP state, round-trip times, windows and retransmissions (TCP_INFO, tcp(7)).
//
// On this page:  option::no_delay, user_timeout · keep_alive · linger · connection_info
// Below it:      ip/tcp_state.hpp, the eleven states
// The notes:     tcp十种状态 (states), 保活 (keep-alive); example 11

#ifndef NETNOTES_TCP_STATE_HPP
#define NETNOTES_TCP_STATE_HPP

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "../ip/algorithm.hpp"
#include "../ip/tcp_state.hpp"
#include "../socket/socket.hpp"
#include "../socket/time.hpp"

namespace netnotes {

// ---- Options -------------------------------------------------------------------------------------------

namespace option {
/// Sends small pieces at once, without waiting until earlier pieces are acknowledged (it turns off Nagle's algorithm,
/// RFC 9293 §3.7.4). Without it, two small writes and then a read cost 40 ms. Accepted sockets inherit it.
using no_delay = flag<IPPROTO_TCP, TCP_NODELAY>;

/// A number of seconds, or milliseconds, as the kernel counts them in an int.
/// A longer time becomes the int's maximum; a negative time fails with errc::invalid_argument.
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
        return static_cast<int>(detail::clamp<std::int64_t>(value.count(), -1, std::numeric_limits<int>::max()));
    }
    static constexpr Unit from_native(native_type native) noexcept { return Unit{native}; }
};
/// The three numbers of keep_alive as separate options; see struct netnotes::keep_alive.
using keep_alive_idle = time<std::chrono::seconds, IPPROTO_TCP, TCP_KEEPIDLE>;
using keep_alive_interval = time<std::chrono::seconds, IPPROTO_TCP, TCP_KEEPINTVL>;
using keep_alive_count = number<IPPROTO_TCP, TCP_KEEPCNT>;

/// Ends the connection with errc::timed_out if sent bytes stay unacknowledged for this time (RFC 5482, tcp(7)). It also
/// limits how long bytes may wait because the peer does not read, even if the peer's kernel answers. With keep-alive
/// on, this time replaces the count of unanswered probes.
///
/// Zero means the system's limits. Retransmissions then end after about a quarter of an hour (net.ipv4.tcp_retries2).
/// A peer that does not read has no limit while its kernel answers.
using user_timeout = time<std::chrono::milliseconds, IPPROTO_TCP, TCP_USER_TIMEOUT>;
}  // namespace option

/// Keep-alive detects a peer that vanished without closing the connection. A side that only receives needs it. TCP
/// sends nothing on an idle connection, so without keep-alive this side never notices that the peer lost power.
///
/// Keep-alive is *off* by default (RFC 9293 §3.8.4). When it is on and no segment has come from the peer for `idle`,
/// the kernel sends a probe, and repeats it every `interval`. If `count` probes stay unanswered, the connection ends
/// and a receive fails with errc::timed_out. Any segment from the peer starts the count anew. Linux has the same
/// defaults (tcp(7)). With them a lost peer is detected after 2 h 11 min 15 s.
///
/// An answer shows that the peer's *kernel* runs. Only the program's own answers show that the program runs: see
/// set_timeout(). The kernel sends no probes while sent bytes are unacknowledged; option::user_timeout limits that
/// time.
struct keep_alive {
    std::chrono::seconds idle{7200};    ///< 1 to 32767 s
    std::chrono::seconds interval{75};  ///< 1 to 32767 s
    int count = 9;                      ///< 1 to 127 probes

    /// Returns the time from the peer's last segment to the end of the connection: `idle` plus `count` intervals. A
    /// result that does not fit becomes the largest or the smallest number of seconds.
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
//    close()                                the kernel continues to send them; the program does not learn the result
//    close() with option::linger{3s}        waits up to 3 s for the acknowledgments, despite any timeout or stop.
//                                           After 3 s it returns without an error.
//    close() with option::linger{0s}        discards them and sends a reset: bytes under way are lost.
//                                           The peer gets errc::connection_reset. On Linux it first reads the bytes
//                                           that had arrived; elsewhere they may be lost, too. No TIME_WAIT is left.
//    close() with unread bytes              a reset as well: read to the end first
//    shutdown(send), then recv() until 0    the only way to *know* that the peer has read all and has closed, too

// ---- The state of a connection -------------------------------------------------------------------------

// ip/tcp_state.hpp has the kernel's numbers.
static_assert(static_cast<int>(tcp_state::established) == TCP_ESTABLISHED &&
              static_cast<int>(tcp_state::syn_sent) == TCP_SYN_SENT &&
              static_cast<int>(tcp_state::syn_received) == TCP_SYN_RECV &&
              static_cast<int>(tcp_state::fin_wait_1) == TCP_FIN_WAIT1 &&
              static_cast<int>(tcp_state::fin_wait_2) == TCP_FIN_WAIT2 &&
              static_cast<int>(tcp_state::time_wait) == TCP_TIME_WAIT &&
              static_cast<int>(tcp_state::closed) == TCP_CLOSE &&
              static_cast<int>(tcp_state::close_wait) == TCP_CLOSE_WAIT &&
              static_cast<int>(tcp_state::last_ack) == TCP_LAST_ACK &&
              static_cast<int>(tcp_state::listen) == TCP_LISTEN && static_cast<int>(tcp_state::closing) == TCP_CLOSING);

/// The kernel's figures of a connection at this moment: TCP_INFO, tcp(7). The name is not tcp_info, because C has a
/// struct of that name outside of any namespace. A field that an older kernel does not report is zero.
struct connection_info {
    tcp_state state = tcp_state::closed;
    std::chrono::microseconds round_trip_time{};          ///< Smoothed; zero before the first measurement.
    std::chrono::microseconds round_trip_variation{};     ///< Mean deviation of the round-trip time.
    std::chrono::microseconds minimum_round_trip_time{};  ///< The least of recent measurements.
    std::chrono::microseconds retransmission_timeout{};   ///< Wait for an acknowledgment before a retransmission.
    std::uint32_t maximum_segment_size = 0;               ///< The most bytes that we put into a segment.
    std::uint32_t congestion_window = 0;   ///< Segments that may be under way without overloading the network.
    std::uint32_t peer_window = 0;         ///< Bytes that the peer has room for (Linux 5.4).
    std::uint32_t unacknowledged = 0;      ///< Segments sent and not acknowledged.
    std::uint32_t lost = 0;                ///< Unacknowledged segments that the kernel believes lost.
    std::uint32_t timeouts_in_a_row = 0;   ///< Retransmissions of the same segment without an answer.
    std::uint32_t retransmissions = 0;     ///< Segments retransmitted since the connection began.
    std::uint32_t probes = 0;              ///< Unanswered probes, of keep-alive or of a closed window.
    std::uint32_t bytes_not_sent = 0;      ///< Bytes that send() took and the kernel has never sent yet.
    std::uint64_t bytes_acknowledged = 0;  ///< Our bytes that the peer acknowledged; the SYN counts as a byte.
    std::uint64_t bytes_received = 0;      ///< Bytes from the peer; its FIN counts as a byte.
    std::uint32_t segments_sent = 0, segments_received = 0;            ///< All segments, empty segments too.
    std::uint32_t data_segments_sent = 0, data_segments_received = 0;  ///< Only segments that carry bytes.
};

}  // namespace netnotes

#endif  // NETNOTES_TCP_STATE_HPP
