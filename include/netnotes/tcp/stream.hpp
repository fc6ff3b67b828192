// netnotes/tcp/stream.hpp: connections
// SPDX-License-Identifier: MIT
//
// TCP makes a pipe of bytes in each direction out of a network that loses, duplicates and reorders packets. The bytes
// that go in at one end come out at the other, all of them, in order, once, or the connection fails. TCP is reliable
// because it numbers every byte and retransmits what is not acknowledged (RFC 9293 §2.2), not because it is
// "connection-oriented". TCP does not keep the borders between two sends: a receive is not a message.
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
// Two limits hold the bytes under way. Flow control is the room that the peer has. Congestion control is an
// estimate of what the network can carry (RFC 5681). connection_info shows both: peer_window and congestion_window.
// In a segment's header the data offset counts words of 32 bits. Four reserved bits and eight flags follow it, not
// six and six as in the notes (RFC 9293 §3.1).
//
// The side that closes first keeps the connection in TIME_WAIT for a minute, and with it the port. A server that
// closes first could then not be started again on that port. Listeners therefore set SO_REUSEADDR. They set it in the
// first run already, because on Linux it helps only if the earlier socket had it too.
//
// On this page:  tcp_stream · listen_options · tcp_listener
// Below it:      tcp/state.hpp, options and state; tcp/connect.hpp, several addresses
// Above it:      server/blocking.hpp, servers that block; tcp/reader.hpp, lines and messages
// The notes:     TCP三次握手 至 保活 (handshake, close, states, keep-alive), TCP长连接和短连接 (long and short
//                connections), TCP服务器, TCP客户端 (server and client); examples 10, 11 and 12

#ifndef NETNOTES_TCP_STREAM_HPP
#define NETNOTES_TCP_STREAM_HPP

#include <netinet/tcp.h>

#include <array>
#include <cerrno>
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

#include "../socket/buffer.hpp"
#include "../socket/resolve.hpp"
#include "../socket/socket.hpp"
#include "../socket/time.hpp"
#include "connect.hpp"
#include "state.hpp"

namespace netnotes {

namespace detail {  // what a compiler shows for a mistake: see tests/package/mistakes.txt
struct write_tcp_stream_connect_for_a_name_and_braces_for_an_endpoint;
struct print_its_local_endpoint;
struct print_its_peer_endpoint_or_receive_and_print_as_text;
}  // namespace detail

// ---- Streams and listeners -----------------------------------------------------------------------------

/// One end of a TCP connection: the socket's calls that make sense for it.
class tcp_stream : private socket {
  public:
    /// Creates an empty stream: is_open() returns false.
    tcp_stream() noexcept = default;
    /// Takes over a connected stream socket.
    explicit tcp_stream(socket&& connected) noexcept : socket{std::move(connected)} {}
    /// Connects and waits for the connection. Without an answer the system tries for about two minutes.
    /// Throws std::system_error.
    explicit tcp_stream(const endpoint& where) : tcp_stream{connect(where)} {}
    template <class Host, class Advice = detail::write_tcp_stream_connect_for_a_name_and_braces_for_an_endpoint>
    requires std::is_convertible_v<const Host&, std::string_view>
    tcp_stream(const Host&, int) = delete;
    /// Connects within `timeout` and returns the connection; fails with errc::timed_out after it. The timeout is for
    /// connecting only. With a zero timeout a peer on this machine may still answer within the call; a peer elsewhere
    /// cannot.
    static tcp_stream connect(const endpoint& where, wait_time timeout = never);
    static tcp_stream connect(const endpoint& where, wait_time timeout, std::error_code& error);
    /// A mistake: the message says what to write.
    template <class Number>
    requires std::is_arithmetic_v<Number>
    static tcp_stream connect(const endpoint&, Number) {  // {"127.0.0.1", 80} is a std::string, too, and 5 a port
        static_assert(!std::is_arithmetic_v<Number>, "write the timeout with its unit, like 5s or 500ms");
        return {};
    }
    static tcp_stream connect(const endpoint& where, const connect_options& options);
    static tcp_stream connect(const endpoint& where, const connect_options& options, std::error_code& error);

    /// Resolves the host and connects to the fastest of its addresses: Happy Eyeballs, version 2 (RFC 8305). The
    /// addresses are tried in the order of interleave_families(). The next attempt begins when an attempt has failed,
    /// or after 250 ms without an answer. So a silent address never holds up the next address. The first connection
    /// that is established is returned, and the others are closed. A dead address costs 250 ms, not two minutes.
    /// Each attempt needs a descriptor. If no descriptor is left, the next attempt is tried again every 250 ms, and
    /// whenever another attempt has failed.
    ///
    /// Resolving comes first. All addresses of both families are therefore known when the first attempt begins, and the
    /// resolution delay of RFC 8305 §3 has no place here. The timeout is for resolving and all attempts together. With
    /// a timeout or a stop the resolver runs in a thread: see resolve() in socket/resolve.hpp.
    ///
    /// If every attempt fails, the most informative error is reported. Refused comes first, then no answer, then no
    /// route. what() names the address of this error and the number of addresses.
    static tcp_stream connect(const std::string& host, std::uint16_t port, wait_time timeout = never);
    static tcp_stream connect(const std::string& host, std::uint16_t port, const connect_options& options);
    static tcp_stream connect(const std::string& host, std::uint16_t port, const connect_options& options,
                              std::error_code& error);
    /// Connects to the given endpoints in their order, and returns the first connection that is established. Fails with
    /// errc::destination_address_required if there are no endpoints.
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
    using socket::send_file;
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

    /// Switches keep-alive on with these numbers, or off with nullopt. Throws std::system_error:
    /// errc::invalid_argument if a number is out of its range, and then nothing has changed.
    void set_keep_alive(const std::optional<netnotes::keep_alive>& numbers);
    /// Returns the numbers in force, or nullopt if keep-alive is off.
    [[nodiscard]] std::optional<netnotes::keep_alive> keep_alive() const;

    /// Returns the connection's state as the kernel sees it now. It works while the descriptor is open, even if the
    /// connection has ended. A connection in TIME_WAIT belongs to no descriptor, so info() reports CLOSED for it
    /// (/proc/net/tcp shows TIME-WAIT).
    [[nodiscard]] connection_info info() const;
    [[nodiscard]] connection_info info(std::error_code& error) const noexcept;

    /// Returns the address and port of this end. Throws std::system_error.
    [[nodiscard]] endpoint local_endpoint() const { return socket::local_endpoint().ip(); }
    /// Returns the address and port of the peer. Throws errc::not_connected after a reset has arrived.
    [[nodiscard]] endpoint peer_endpoint() const { return socket::peer_endpoint().ip(); }
    /// Returns the same end of the connection as a plain socket.
    [[nodiscard]] socket into_socket() && noexcept { return std::move(*this); }

  private:
    friend detail::limits_lifted;
    // connect() calls these, not its own overloads: to choose among them, the compiler would check the concepts of
    // ranges for an endpoint and a string, in every program.
    static tcp_stream try_all(std::span<const endpoint> endpoints, const connect_options& options,
                              std::error_code& error);
    static tcp_stream connect_all(std::span<const endpoint> endpoints, const connect_options& options);
    static tcp_stream connect_host(const std::string& host, std::uint16_t port, const connect_options& options);
};

template <class Traits, class Advice = detail::print_its_peer_endpoint_or_receive_and_print_as_text>
void operator<<(std::basic_ostream<char, Traits>&, const tcp_stream&) = delete;

/// The settings of a tcp_listener.
struct listen_options {
    int backlog = SOMAXCONN;  ///< see socket::listen()
    /// An IPv6 wildcard listener also takes IPv4 clients, as ::ffff:a.b.c.d, unless this is set (RFC 3493 §5.3).
    bool ipv6_only = false;
    /// Shares the port with other listeners that set this too.
    bool reuse_port = false;
};

/// A socket that accepts connections. It sets SO_REUSEADDR, for the reason on the first page.
class tcp_listener : private socket {
  public:
    /// Creates an empty listener: is_open() returns false.
    tcp_listener() noexcept = default;
    /// Makes a socket, sets the options, binds and listens. With port 0 the system chooses a port, which
    /// local_endpoint() returns. Bind the wildcard address to be reached from outside: the host's own name often means
    /// 127.0.1.1, which only this host can reach. Throws std::system_error: errc::address_in_use, permission_denied.
    ///
    /// On a system without IPv6, `::` is taken as 0.0.0.0. With ipv6_only set, the system's error is thrown instead.
    explicit tcp_listener(const endpoint& where, listen_options options = {});
    template <class Port, class Advice = detail::write_an_address_and_a_port_in_braces>
    requires std::is_arithmetic_v<Port>
    explicit tcp_listener(Port) = delete;

    /// A new connection and the address of its peer.
    struct accepted {
        tcp_stream stream;
        endpoint peer;  ///< use `peer.address().unmapped()` if IPv4 clients come to an IPv6 listener
    };
    /// Waits for the next connection and returns it; see socket::accept().
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

    /// Returns the number of established connections that accept() has not taken yet. When it exceeds the backlog, the
    /// kernel drops new SYNs. Throws std::system_error.
    [[nodiscard]] std::uint32_t queue_length() const;

    /// Returns the address and port that the listener is bound to. Throws std::system_error.
    [[nodiscard]] endpoint local_endpoint() const { return socket::local_endpoint().ip(); }
    /// Returns the listener as a plain socket.
    [[nodiscard]] socket into_socket() && noexcept { return std::move(*this); }

  private:
    void open(const endpoint& where, const listen_options& options, std::error_code& error, const char*& what);
};

template <class Traits, class Advice = detail::print_its_local_endpoint>
void operator<<(std::basic_ostream<char, Traits>&, const tcp_listener&) = delete;

// ========================================================================================================
// How it is done
// ========================================================================================================

inline tcp_stream tcp_stream::try_all(std::span<const endpoint> endpoints, const connect_options& options,
                                      std::error_code& error) {
    std::optional<std::size_t> whose;
    return tcp_stream{detail::connect_to(endpoints, options, whose, error)};
}
inline tcp_stream tcp_stream::connect_all(std::span<const endpoint> endpoints, const connect_options& options) {
    std::error_code error;
    std::optional<std::size_t> whose;
    tcp_stream stream{detail::connect_to(endpoints, options, whose, error)};
    if (error)
        detail::throw_connect_error(error, endpoints.empty() ? "nowhere" : endpoints[0].to_string(), endpoints, whose);
    return stream;
}
inline tcp_stream tcp_stream::connect_host(const std::string& host, std::uint16_t port,
                                           const connect_options& options) {
    const detail::time_left left{options.timeout};
    const auto found = resolve(host, std::to_string(port), {}, options.timeout, options.stop);
    const auto order = interleave_families(detail::all_of(found));
    const std::span<const endpoint> endpoints = detail::all_of(order);
    connect_options rest = options;
    rest.timeout = left.now();
    std::error_code error;
    std::optional<std::size_t> whose;
    tcp_stream stream{detail::connect_to(endpoints, rest, whose, error)};
    if (error) detail::throw_connect_error(error, detail::with_service(host, std::to_string(port)), endpoints, whose);
    return stream;
}

inline tcp_stream tcp_stream::connect(std::span<const endpoint> endpoints, const connect_options& options,
                                      std::error_code& error) {
    return try_all(endpoints, options, error);
}
inline tcp_stream tcp_stream::connect(std::span<const endpoint> endpoints, const connect_options& options) {
    return connect_all(endpoints, options);
}
inline tcp_stream tcp_stream::connect(const endpoint& where, const connect_options& options, std::error_code& error) {
    return try_all({&where, 1}, options, error);
}
inline tcp_stream tcp_stream::connect(const endpoint& where, const connect_options& options) {
    return connect_all({&where, 1}, options);
}
inline tcp_stream tcp_stream::connect(const endpoint& where, wait_time timeout, std::error_code& error) {
    return try_all({&where, 1}, connect_options{.timeout = timeout}, error);
}
inline tcp_stream tcp_stream::connect(const endpoint& where, wait_time timeout) {
    return connect_all({&where, 1}, connect_options{.timeout = timeout});
}
inline tcp_stream tcp_stream::connect(const std::string& host, std::uint16_t port, const connect_options& options,
                                      std::error_code& error) {
    const detail::time_left left{options.timeout};
    const auto found = resolve(host, std::to_string(port), {}, options.timeout, options.stop, error);
    if (error) return {};
    connect_options rest = options;
    rest.timeout = left.now();
    const auto order = interleave_families(detail::all_of(found));
    return try_all(detail::all_of(order), rest, error);
}
inline tcp_stream tcp_stream::connect(const std::string& host, std::uint16_t port, const connect_options& options) {
    return connect_host(host, port, options);
}
inline tcp_stream tcp_stream::connect(const std::string& host, std::uint16_t port, wait_time timeout) {
    return connect_host(host, port, connect_options{.timeout = timeout});
}

// ---- keep-alive and the kernel's numbers: for tcp_stream, and for async_stream in coro/stream.hpp

namespace detail {
inline void set_keep_alive(socket& of, const std::optional<keep_alive>& numbers) {
    if (!numbers) return of.set_option(option::keep_alive{false});
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
    of.set_option(option::keep_alive_idle{numbers->idle});
    of.set_option(option::keep_alive_interval{numbers->interval});
    of.set_option(option::keep_alive_count{numbers->count});
    of.set_option(option::keep_alive{});  // last, so that no probe is sent by the old numbers
}
inline std::optional<keep_alive> keep_alive_of(const socket& of) {
    if (!of.get_option<option::keep_alive>()) return std::nullopt;
    return keep_alive{of.get_option<option::keep_alive_idle>(), of.get_option<option::keep_alive_interval>(),
                      of.get_option<option::keep_alive_count>()};
}

// ---- TCP_INFO

/// The kernel's struct tcp_info, as far as we need it (linux/tcp.h). The struct in glibc's netinet/tcp.h is shorter,
/// and the two headers cannot be included together. The kernel adds fields only at the end.
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

inline connection_info info_of(const socket& of, std::error_code& error) noexcept {
    kernel_tcp_info raw{};
    of.get_option(IPPROTO_TCP, TCP_INFO, room_of(raw), error);
    connection_info info;
    if (error) return info;
    using std::chrono::microseconds;
    info.state = static_cast<tcp_state>(raw.state);
    info.round_trip_time = microseconds{raw.rtt};
    info.round_trip_variation = microseconds{raw.rttvar};
    // Before the first measurement the kernel reports the greatest number as the minimum.
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
inline connection_info info_of(const socket& of) {
    std::error_code error;
    const connection_info result = info_of(of, error);
    if (error) throw_error(error, "getsockopt(TCP_INFO)");
    return result;
}
/// For a listener: the length of the accept queue.
inline std::uint32_t queue_length_of(const socket& of) {
    ::tcp_info raw{};
    of.get_option(IPPROTO_TCP, TCP_INFO, room_of(raw));
    return raw.tcpi_unacked;
}
}  // namespace detail

inline void tcp_stream::set_keep_alive(const std::optional<netnotes::keep_alive>& numbers) {
    detail::set_keep_alive(*this, numbers);
}
inline std::optional<keep_alive> tcp_stream::keep_alive() const { return detail::keep_alive_of(*this); }
inline connection_info tcp_stream::info() const { return detail::info_of(*this); }
inline connection_info tcp_stream::info(std::error_code& error) const noexcept { return detail::info_of(*this, error); }
inline std::uint32_t tcp_listener::queue_length() const { return detail::queue_length_of(*this); }

// ---- tcp_listener

/// `what` names the step that failed.
inline void tcp_listener::open(const endpoint& where, const listen_options& options, std::error_code& error,
                               const char*& what) {
    const socket_address address{where};
    what = "socket";
    socket made{address.family(), socket_type::stream, 0, error};
    if (error) return;
    what = "setsockopt for ";
    made.set_option(option::reuse_address{}, error);
    if (!error && options.reuse_port) made.set_option(option::reuse_port{}, error);
    // Set in both cases, because the default is a setting of the system (net.ipv6.bindv6only).
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
    // A program that listens on `::` means "everywhere". Without IPv6, everywhere is 0.0.0.0.
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
