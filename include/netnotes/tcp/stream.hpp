// netnotes/tcp/stream.hpp: connections
// SPDX-License-Identifier: MIT
//
// TCP makes of a network that loses, doubles and reorders packets a pipe of bytes in each direction: what goes
// in at one end comes out at the other, all of it, in order, once, or the connection fails. It is reliable
// because it numbers every byte and sends again what is not acknowledged (RFC 9293 §2.2), not because it is
// "connection-oriented". What it does not keep are the borders between two sends: a receive is not a message.
//
//        client                                             server
//          |                                        tcp_listener{where}      socket, bind, listen
//        tcp_stream{where}   ──── SYN ─────────────────>  |
//          |                 <─── SYN, ACK ─────────────  |   the kernel answers; the program need not have
//          |                 ──── ACK ─────────────────>  |   called accept() yet
//          |                                        accept() -> stream, peer
//        send_all("hello")   ──── 5 bytes ─────────────>  recv() -> "hel", recv() -> "lo"
//        shutdown(send)      ──── FIN ─────────────────>  recv() -> 0: no more will come
//        recv() -> "bye"     <─── 3 bytes ──────────────  send_all("bye"): the other half is still open
//        recv() -> 0         <─── FIN ──────────────────  close()
//
// Two limits hold the bytes under way: flow control, the room that the peer has, and congestion control, a guess at
// what the net can carry (RFC 5681). connection_info shows them: peer_window and congestion_window. In a segment's
// header the data offset counts words of 32 bits, and four reserved bits and eight flags follow it, not six and six
// as in the notes (RFC 9293 §3.1).
//
// Whoever closes first keeps the connection's ghost for a minute (TIME_WAIT), and with it the port. A server
// that closes first could then not be started again on that port; hence listeners set SO_REUSEADDR, from the
// first run on, for on Linux it helps only if the earlier socket had it too.
//
// On this page:  options, keep_alive, linger · tcp_state, connection_info · connecting · tcp_stream · tcp_listener
// Above it:      server/blocking.hpp, servers that block; tcp/reader.hpp, lines and messages
// The notes:     TCP三次握手 至 保活 (handshake, close, states, keep-alive), TCP长连接和短连接 (long and short
//                connections), TCP服务器, TCP客户端 (server and client); examples 10, 11 and 12

#ifndef NETNOTES_TCP_STREAM_HPP
#define NETNOTES_TCP_STREAM_HPP

#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

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

    /// From the last sign of life to the verdict.
    [[nodiscard]] constexpr std::chrono::seconds until_verdict() const noexcept { return idle + interval * count; }
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

// ---- Connecting ----------------------------------------------------------------------------------------

// A name stands for several addresses, and some of them may be dead: IPv6 that ends at the next router, a server that
// is down. To try them one after another is to wait two minutes for each of those; all at once is to burden everybody.
// So a race with a staggered start, *Happy Eyeballs* (RFC 8305):
//
//        resolve("example.net") -> 2001:db8::1, 2001:db8::2, 192.0.2.1
//
//          0 ms   2001:db8::1  ──── SYN ───>  . . .             closed, for another was faster
//        250 ms   192.0.2.1    ──── SYN ───>  <─── SYN, ACK     this one
//                 2001:db8::2                                   would have been next, at 500 ms or when one had failed

/// How to connect where there are several addresses, and all that may end it.
struct connect_options {
    wait_time timeout = never;  ///< for all attempts together; zero: only what stands at once
    /// How long an attempt is alone before the next one begins beside it: the Connection Attempt Delay of RFC 8305 §5,
    /// 250 ms recommended. Less than 10 ms counts as 10 ms.
    wait_time attempt_delay = std::chrono::milliseconds{250};
    const stop_event* stop = nullptr;  ///< ends it with errc::operation_canceled; for connecting only, as the timeout
};

/// The order in which to try the addresses of a host (RFC 8305 §4): the families by turns, beginning with that of the
/// first, and each family in the order in which it came. So one broken family costs one attempt, not half of them.
[[nodiscard]] std::vector<endpoint> interleave_families(std::span<const endpoint> endpoints);

// ---- Streams and listeners -----------------------------------------------------------------------------

/// One end of a TCP connection: the socket's calls that make sense for it.
class tcp_stream : private socket {
  public:
    /// None: is_open() is false.
    tcp_stream() noexcept = default;
    /// Takes over a connected stream socket.
    explicit tcp_stream(socket&& connected) noexcept : socket{std::move(connected)} {}
    /// Connects, and waits for it: as long as the system tries, about two minutes when nobody answers.
    /// Throws std::system_error.
    explicit tcp_stream(const endpoint& where) : tcp_stream{connect(where)} {}
    /// Connects within `timeout`, or errc::timed_out. The limit is for connecting only. Zero is now: a peer on this
    /// machine may well answer within the call, one elsewhere cannot.
    static tcp_stream connect(const endpoint& where, wait_time timeout = never);
    static tcp_stream connect(const endpoint& where, wait_time timeout, std::error_code& error);
    static tcp_stream connect(const endpoint& where, const connect_options& options);
    static tcp_stream connect(const endpoint& where, const connect_options& options, std::error_code& error);

    /// Happy Eyeballs, version 2 (RFC 8305): resolves the host, and of its addresses, in the order of
    /// interleave_families(), tries the first; when it has failed, or after 250 ms without an answer, the next as well,
    /// and so on: an address that does not answer never holds up the next one. The first that stands is it; the others
    /// are closed. (Each attempt needs a descriptor. Where none is left the next attempt waits for one.) So a host that is reachable
    /// by one address is reached, and who waits for a dead one waits a quarter of a second and not two minutes.
    ///
    /// Resolving comes first and blocks, for seconds when no name server answers; no stop can end it (getaddrinfo(3)),
    /// and the timeout begins behind it. Hence, too, all addresses of both families are known when the first attempt
    /// begins, and the resolution delay of RFC 8305 §3 has no place here.
    ///
    /// When none stands the error is the one that tells most: refused, before no answer, before no way there. what()
    /// says whose it is and how many there were.
    static tcp_stream connect(const std::string& host, std::uint16_t port, wait_time timeout = never);
    static tcp_stream connect(const std::string& host, std::uint16_t port, const connect_options& options);
    static tcp_stream connect(const std::string& host, std::uint16_t port, const connect_options& options,
                              std::error_code& error);
    /// The same for endpoints that one has already, in their order. errc::destination_address_required for none.
    static tcp_stream connect(std::span<const endpoint> endpoints, const connect_options& options = {});
    static tcp_stream connect(std::span<const endpoint> endpoints, const connect_options& options,
                              std::error_code& error);

    using socket::close;
    using socket::deadline;
    using socket::get_option;
    using socket::is_blocking;
    using socket::is_open;
    using socket::native_handle;
    using socket::recv;
    using socket::recv_exact;
    using socket::release;
    using socket::send;
    using socket::send_all;
    using socket::set_answer_timeout;
    using socket::set_blocking;
    using socket::set_deadline;
    using socket::set_option;
    using socket::set_timeout;
    using socket::shutdown;
    using socket::stop_with;
    using socket::take_error;
    using socket::timeout;
    using socket::wait;

    /// Switches keep-alive on with these numbers; with none, off. Throws std::system_error: errc::invalid_argument
    /// when one is out of its range, and then nothing has changed.
    void set_keep_alive(const std::optional<netnotes::keep_alive>& numbers);
    /// The numbers in force, or none when it is off.
    [[nodiscard]] std::optional<netnotes::keep_alive> keep_alive() const;

    /// The connection as the kernel sees it now. Works as long as the descriptor is open, also when the connection is
    /// gone: TIME_WAIT belongs to no descriptor, so who asks in that state is told CLOSED (and /proc/net/tcp knows).
    [[nodiscard]] connection_info info() const;
    [[nodiscard]] connection_info info(std::error_code& error) const noexcept;

    [[nodiscard]] endpoint local_endpoint() const { return socket::local_endpoint().ip(); }
    /// errc::not_connected once a reset has come.
    [[nodiscard]] endpoint peer_endpoint() const { return socket::peer_endpoint().ip(); }
    /// The same end as a plain socket.
    [[nodiscard]] socket into_socket() && noexcept { return std::move(*this); }
};

struct listen_options {
    int backlog = SOMAXCONN;  ///< see socket::listen()
    /// An IPv6 wildcard listener also takes IPv4 clients, as ::ffff:a.b.c.d, unless this is set (RFC 3493 §5.3).
    bool ipv6_only = false;
    /// Share the port with other listeners that say the same.
    bool reuse_port = false;
};

/// A socket that makes connections. SO_REUSEADDR is set, for the reason on the first page.
class tcp_listener : private socket {
  public:
    tcp_listener() noexcept = default;
    /// socket, options, bind, listen. Port 0 lets the system choose: local_endpoint() tells. Bind the wildcard
    /// address to be reached from outside; the host's own name often stands for 127.0.1.1, and then only this
    /// host reaches the server. Throws std::system_error: errc::address_in_use, permission_denied.
    ///
    /// On a system without IPv6 `::` is 0.0.0.0, unless the options say ipv6_only: then it is the system's error.
    explicit tcp_listener(const endpoint& where, listen_options options = {});

    struct accepted {
        tcp_stream stream;
        endpoint peer;  ///< `peer.address().unmapped()` where IPv4 clients come to an IPv6 listener
    };
    /// Waits for the next connection; see socket::accept().
    accepted accept();
    accepted accept(std::error_code& error) noexcept;

    using socket::close;
    using socket::get_option;
    using socket::is_open;
    using socket::native_handle;
    using socket::set_blocking;
    using socket::set_deadline;
    using socket::set_option;
    using socket::set_timeout;
    using socket::stop_with;

    /// How many connections stand and wait for accept(). One more than the backlog, and who knocks is not answered.
    [[nodiscard]] std::uint32_t queue_length() const;

    [[nodiscard]] endpoint local_endpoint() const { return socket::local_endpoint().ip(); }
    [[nodiscard]] socket into_socket() && noexcept { return std::move(*this); }

  private:
    void open(const endpoint& where, const listen_options& options, std::error_code& error, const char*& what);
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
inline address_family family_of(const endpoint& where) noexcept {
    return where.address().is_v4() ? address_family::inet : address_family::inet6;
}

/// Of two failures of two addresses, which tells a person more? An answer, then silence, then no way there.
constexpr int meaning(int error) noexcept {
    switch (error) {
        case ECONNREFUSED:
        case ECONNRESET: return 4;
        case ETIMEDOUT:
        case EHOSTUNREACH:
        case EHOSTDOWN: return 3;
        case ENETUNREACH:
        case ENETDOWN:
        case EADDRNOTAVAIL:
        case EAFNOSUPPORT: return 1;
        default: return 2;  // no descriptors, not permitted, ...
    }
}

/// This process or the system has none left; one that is closed will help.
inline bool lacks_descriptors(const std::error_code& error) noexcept {
    return error.value() == EMFILE || error.value() == ENFILE;
}

/// RFC 8305 §5 without a network and without a clock, which `world` has:
///
///     now()           the time
///     start(i)        begins attempt i. No error: it stands. errc::operation_in_progress: we shall see. Else: failed
///     wait(until)     until an attempt has ended, and which, and how; or until that time, and then none; or an error
///                     that ends everything, with none
///
/// An attempt that hears nothing does not hold up the next address, however many there are. Only where no descriptor is
/// left the next attempt waits for one: it tries again after each delay, and when an attempt has ended.
struct attempt_end {
    std::optional<std::size_t> attempt;
    std::error_code error;
};
/// Returns the attempt that won, or, with an error, the one whose error it is, if it is an attempt's.
template <class World>
std::optional<std::size_t> race(World& world, std::size_t count, duration delay, time_point until,
                                std::error_code& error) {
    std::size_t started = 0, pending = 0;
    time_point next_start = time_point::min();
    attempt_end worst;
    const auto failed = [&](std::size_t attempt, const std::error_code& why) {
        if (!worst.attempt || meaning(why.value()) > meaning(worst.error.value())) worst = {attempt, why};
        next_start = time_point::min();
    };
    for (;;) {
        const bool may_start = started < count;
        if (may_start && (pending == 0 || world.now() >= next_start)) {
            const std::size_t attempt = started;
            error = world.start(attempt);
            if (!error) return attempt;
            if (lacks_descriptors(error) && pending > 0) {
                next_start = later(world.now(), delay);
                continue;
            }
            ++started;
            if (error == std::errc::operation_in_progress) {
                ++pending;
                next_start = later(world.now(), delay);
            } else {
                failed(attempt, error);
            }
            continue;
        }
        if (pending == 0) {
            error = worst.error;
            return worst.attempt;
        }
        const attempt_end ended = world.wait(may_start ? std::min(next_start, until) : until);
        if (ended.attempt) {
            if (!ended.error) {
                error.clear();
                return ended.attempt;
            }
            --pending;
            failed(*ended.attempt, ended.error);
        } else if (ended.error) {
            error = ended.error;
            return {};
        } else if (world.now() >= until) {
            error = std::make_error_code(std::errc::timed_out);
            return {};
        }
    }
}

inline socket_address to_address(const endpoint& where, std::error_code& error) {
    try {
        error.clear();
        return socket_address{where};
    } catch (const std::system_error& failure) {  // its zone is no interface
        error = failure.code();
        return {};
    }
}

/// The world of a real race: sockets, and one poll(2) for all of them.
class connecting_sockets {
  public:
    connecting_sockets(std::span<const endpoint> endpoints, const stop_event* stop) noexcept
        : endpoints_{endpoints}, stop_{stop} {}

    static time_point now() noexcept { return clock::now(); }

    std::error_code start(std::size_t attempt) {
        std::error_code error;
        const socket_address address = to_address(endpoints_[attempt], error);
        if (error) return error;
        socket connecting{family_of(endpoints_[attempt]), socket_type::stream, 0, error};
        if (error) return error;
        connecting.set_timeout(duration::zero());
        connecting.connect(address, error);
        if (error && error != std::errc::timed_out) return error;  // (the network's own timeout takes longer)
        lanes_.push_back({std::move(connecting), attempt, {}});
        return error ? std::make_error_code(std::errc::operation_in_progress) : error;
    }

    attempt_end wait(time_point until) {
        watched_.clear();
        for (const lane& one : lanes_) watched_.push_back({one.connecting.native_handle(), POLLOUT, 0});
        watched_.push_back({stop_ ? stop_->native_handle() : -1, POLLIN, 0});  // poll(2) passes over -1
        std::error_code error;
        poll_until(watched_, until, error);
        if (error == std::errc::timed_out) return {};
        if (!error && watched_.back().revents != 0) error = std::make_error_code(std::errc::operation_canceled);
        if (error) return {{}, error};
        // One that stands, before any that has failed: else another attempt would be begun for nothing.
        auto failed = lanes_.end();
        for (auto one = lanes_.begin(); one != lanes_.end(); ++one) {
            if (watched_[static_cast<std::size_t>(one - lanes_.begin())].revents == 0) continue;
            if (!one->error) one->error = one->connecting.take_error();
            if (!one->error) return {one->attempt, {}};
            if (failed == lanes_.end()) failed = one;
        }
        const attempt_end ended{failed->attempt, failed->error};
        lanes_.erase(failed);
        return ended;
    }

    /// The one that won. The others are closed with this object.
    socket take(std::size_t attempt) {
        auto& won =
            *std::find_if(lanes_.begin(), lanes_.end(), [&](const lane& one) { return one.attempt == attempt; });
        won.connecting.set_timeout(never);
        return std::move(won.connecting);
    }

  private:
    struct lane {
        socket connecting;
        std::size_t attempt = 0;
        std::error_code error;  ///< SO_ERROR tells it only once, and a later look must still see it
    };
    std::span<const endpoint> endpoints_;
    const stop_event* stop_;
    std::vector<lane> lanes_;  // in the order in which they began
    std::vector<pollfd> watched_;
};

/// `whose` is the endpoint that the error is of, if it is one's.
inline socket connect_to(std::span<const endpoint> endpoints, const connect_options& options,
                         std::optional<std::size_t>& whose, std::error_code& error) {
    whose.reset();
    error = endpoints.empty() ? std::make_error_code(std::errc::destination_address_required)
            : options.stop && options.stop->stop_requested() ? std::make_error_code(std::errc::operation_canceled)
                                                             : std::error_code{};
    if (error) return {};
    if (endpoints.size() == 1 && options.timeout == never && !options.stop) {  // nothing to race with
        const socket_address address = to_address(endpoints[0], error);
        if (error) return {};
        socket connecting{family_of(endpoints[0]), socket_type::stream, 0, error};
        if (!error) connecting.connect(address, error);
        return error ? socket{} : std::move(connecting);
    }
    connecting_sockets sockets{endpoints, options.stop};
    const duration delay = std::max<duration>(options.attempt_delay, std::chrono::milliseconds{10});
    whose = race(sockets, endpoints.size(), delay, end_of(options.timeout), error);
    return error ? socket{} : sockets.take(*whose);
}

/// "connect example.com:80 (192.0.2.1:80, one of 3 addresses): Connection refused"
[[noreturn]] inline void throw_connect_error(const std::error_code& error, std::string_view where,
                                             std::span<const endpoint> endpoints, std::optional<std::size_t> whose) {
    if (endpoints.size() < 2) throw_error(error, "connect ", where);
    const std::string number = std::to_string(endpoints.size());
    if (!whose) throw_error(error, "connect ", where, " (", number, " addresses)");
    throw_error(error, "connect ", where, " (", endpoints[*whose].to_string(), ", one of ", number, " addresses)");
}
}  // namespace detail

inline std::vector<endpoint> interleave_families(std::span<const endpoint> endpoints) {
    std::vector<endpoint> order;
    order.reserve(endpoints.size());
    const auto is_v4 = [](const endpoint& one) { return one.address().is_v4(); };
    bool v4 = !endpoints.empty() && is_v4(endpoints.front());
    std::array<std::size_t, 2> next{};  // of each family, where to look for its next
    while (order.size() < endpoints.size()) {
        std::size_t& i = next[v4];
        while (i < endpoints.size() && is_v4(endpoints[i]) != v4) ++i;
        if (i < endpoints.size()) order.push_back(endpoints[i++]);
        v4 = !v4;  // also when that family has no more: then the other one goes on alone
    }
    return order;
}

inline tcp_stream tcp_stream::connect(std::span<const endpoint> endpoints, const connect_options& options,
                                      std::error_code& error) {
    std::optional<std::size_t> whose;
    return tcp_stream{detail::connect_to(endpoints, options, whose, error)};
}
inline tcp_stream tcp_stream::connect(std::span<const endpoint> endpoints, const connect_options& options) {
    std::error_code error;
    std::optional<std::size_t> whose;
    tcp_stream stream{detail::connect_to(endpoints, options, whose, error)};
    if (error)
        detail::throw_connect_error(error, endpoints.empty() ? "nowhere" : endpoints[0].to_string(), endpoints, whose);
    return stream;
}
inline tcp_stream tcp_stream::connect(const endpoint& where, const connect_options& options, std::error_code& error) {
    return connect(std::span{&where, 1}, options, error);
}
inline tcp_stream tcp_stream::connect(const endpoint& where, const connect_options& options) {
    return connect(std::span{&where, 1}, options);
}
inline tcp_stream tcp_stream::connect(const endpoint& where, wait_time timeout, std::error_code& error) {
    return connect(where, connect_options{.timeout = timeout}, error);
}
inline tcp_stream tcp_stream::connect(const endpoint& where, wait_time timeout) {
    return connect(where, connect_options{.timeout = timeout});
}
inline tcp_stream tcp_stream::connect(const std::string& host, std::uint16_t port, const connect_options& options,
                                      std::error_code& error) {
    const auto endpoints = resolve(host, std::to_string(port), {}, error);
    if (error) return {};
    return connect(interleave_families(endpoints), options, error);
}
inline tcp_stream tcp_stream::connect(const std::string& host, std::uint16_t port, const connect_options& options) {
    const auto endpoints = interleave_families(resolve(host, port));
    std::error_code error;
    std::optional<std::size_t> whose;
    tcp_stream stream{detail::connect_to(endpoints, options, whose, error)};
    if (error) detail::throw_connect_error(error, detail::with_service(host, std::to_string(port)), endpoints, whose);
    return stream;
}
inline tcp_stream tcp_stream::connect(const std::string& host, std::uint16_t port, wait_time timeout) {
    return connect(host, port, connect_options{.timeout = timeout});
}

// ---- keep-alive

inline void tcp_stream::set_keep_alive(const std::optional<netnotes::keep_alive>& numbers) {
    if (!numbers) return set_option(option::keep_alive{false});
    const auto in_range = [](std::int64_t value, std::int64_t most) { return 1 <= value && value <= most; };
    if (!in_range(numbers->idle.count(), 32767))
        detail::throw_error(std::make_error_code(std::errc::invalid_argument), "keep-alive idle ",
                            std::to_string(numbers->idle.count()), " s (1 to 32767)");
    if (!in_range(numbers->interval.count(), 32767))
        detail::throw_error(std::make_error_code(std::errc::invalid_argument), "keep-alive interval ",
                            std::to_string(numbers->interval.count()), " s (1 to 32767)");
    if (!in_range(numbers->count, 127))
        detail::throw_error(std::make_error_code(std::errc::invalid_argument), "keep-alive count ",
                            std::to_string(numbers->count), " (1 to 127)");
    set_option(option::keep_alive_idle{numbers->idle});
    set_option(option::keep_alive_interval{numbers->interval});
    set_option(option::keep_alive_count{numbers->count});
    set_option(option::keep_alive{});  // the last, so that no probe goes by the old numbers
}
inline std::optional<keep_alive> tcp_stream::keep_alive() const {
    if (!get_option<option::keep_alive>()) return std::nullopt;
    return netnotes::keep_alive{get_option<option::keep_alive_idle>(), get_option<option::keep_alive_interval>(),
                                get_option<option::keep_alive_count>()};
}

// ---- TCP_INFO

namespace detail {
/// The kernel's struct tcp_info as far as we need it (linux/tcp.h). That of glibc's netinet/tcp.h ends in the middle,
/// and the two headers cannot be included together. The kernel only ever adds to the end of it.
struct kernel_tcp_info {
    std::uint8_t state, ca_state, retransmits, probes, backoff, options, window_scales, flags;
    std::uint32_t rto, ato, snd_mss, rcv_mss, unacked, sacked, lost, retrans, fackets;
    std::uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
    std::uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering, rcv_rtt, rcv_space;
    std::uint32_t total_retrans;
    std::uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
    std::uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
    std::uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
    std::uint32_t delivered, delivered_ce;
    std::uint64_t bytes_sent, bytes_retrans;
    std::uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd;
};
static_assert(offsetof(kernel_tcp_info, rto) == offsetof(::tcp_info, tcpi_rto));
static_assert(offsetof(kernel_tcp_info, total_retrans) == offsetof(::tcp_info, tcpi_total_retrans));
static_assert(offsetof(kernel_tcp_info, pacing_rate) == 104 && offsetof(kernel_tcp_info, snd_wnd) == 228);
}  // namespace detail

inline connection_info tcp_stream::info(std::error_code& error) const noexcept {
    detail::kernel_tcp_info raw{};
    get_option(IPPROTO_TCP, TCP_INFO, std::as_writable_bytes(std::span{&raw, 1}), error);
    connection_info info;
    if (error) return info;
    using std::chrono::microseconds;
    info.state = static_cast<tcp_state>(raw.state);
    info.round_trip_time = microseconds{raw.rtt};
    info.round_trip_variation = microseconds{raw.rttvar};
    // Before the first measurement the least of all is the greatest number there is.
    info.minimum_round_trip_time = microseconds{raw.min_rtt == ~std::uint32_t{0} ? 0 : raw.min_rtt};
    info.retransmission_timeout = microseconds{raw.rto};
    info.maximum_segment_size = raw.snd_mss;
    info.congestion_window = raw.snd_cwnd;
    info.peer_window = raw.snd_wnd;
    info.unacknowledged = raw.unacked;
    info.lost = raw.lost;
    info.timeouts_in_a_row = raw.retransmits;
    info.retransmissions = raw.total_retrans;
    info.probes = raw.probes;
    info.bytes_not_sent = raw.notsent_bytes;
    info.bytes_acknowledged = raw.bytes_acked;
    info.bytes_received = raw.bytes_received;
    info.segments_sent = raw.segs_out;
    info.segments_received = raw.segs_in;
    info.data_segments_sent = raw.data_segs_out;
    info.data_segments_received = raw.data_segs_in;
    return info;
}
inline connection_info tcp_stream::info() const {
    std::error_code error;
    const connection_info result = info(error);
    if (error) detail::throw_error(error, "getsockopt(TCP_INFO)");
    return result;
}

inline std::uint32_t tcp_listener::queue_length() const {
    ::tcp_info raw{};
    get_option(IPPROTO_TCP, TCP_INFO, std::as_writable_bytes(std::span{&raw, 1}));
    return raw.tcpi_unacked;  // of a listener, this field is that
}

// ---- tcp_listener

/// `what` names the step that has failed.
inline void tcp_listener::open(const endpoint& where, const listen_options& options, std::error_code& error,
                               const char*& what) {
    const socket_address address{where};
    what = "socket";
    socket made{address.family(), socket_type::stream, 0, error};
    if (error) return;
    what = "setsockopt for ";
    made.set_option(option::reuse_address{}, error);
    if (!error && options.reuse_port) made.set_option(option::reuse_port{}, error);
    // Said either way: the default is a setting of the system (net.ipv6.bindv6only).
    if (!error && where.address().is_v6()) made.set_option(option::ipv6_only{options.ipv6_only}, error);
    if (error) return;
    what = "bind ";
    made.bind(address, error);
    if (error) return;
    what = "listen on ";
    made.listen(options.backlog, error);
    if (!error) made.swap(*this);
}
inline tcp_listener::tcp_listener(const endpoint& where, listen_options options) {
    std::error_code error;
    const char* what = "";
    endpoint tried = where;
    open(tried, options, error, what);
    // A program that listens on `::` means "everywhere", and where there is no IPv6 everywhere is 0.0.0.0.
    if (!options.ipv6_only && detail::may_do_without_ipv6(where, error)) {
        tried = endpoint{ipv4_address::any(), where.port()};
        open(tried, options, error, what);
    }
    if (error) detail::throw_error(error, what, std::string_view{what}.ends_with(' ') ? tried.to_string() : "");
}

inline tcp_listener::accepted tcp_listener::accept(std::error_code& error) noexcept {
    socket::accepted made = socket::accept(error);
    if (error) return {};
    return {tcp_stream{std::move(made.connection)}, made.peer.ip()};
}
inline tcp_listener::accepted tcp_listener::accept() {
    socket::accepted made = socket::accept();
    return {tcp_stream{std::move(made.connection)}, made.peer.ip()};
}

}  // namespace netnotes

#endif  // NETNOTES_TCP_STREAM_HPP
