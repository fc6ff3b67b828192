// netnotes/udp/datagram.hpp: datagrams and their senders
// SPDX-License-Identifier: MIT
//
// A datagram is a message with an address on it. The kernel keeps its borders, and cuts off what the buffer cannot
// hold:
//
//        send_to("three") ──────────────────────────>  recv_from(4 bytes) -> "thre", truncated
//
//        max_datagram_v4   65,507 bytes      65,535 less 20 for IP and 8 for UDP
//        max_datagram_v6   65,527 bytes      65,535 less 8 for UDP
//
// On this page:  sizes · datagram_peer · received_datagram, outgoing_datagram
// The notes:     UDP特点 (what is special about UDP); examples 06 and 07

#ifndef NETNOTES_UDP_DATAGRAM_HPP
#define NETNOTES_UDP_DATAGRAM_HPP

#include <netinet/in.h>

#include <cstddef>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "../socket/address.hpp"
#include "../socket/buffer.hpp"

namespace netnotes {

namespace detail {
struct write_net_endpoint_around_the_text;  // see tests/package/mistakes.txt
}

// ---- Sizes ---------------------------------------------------------------------------------------------

/// The largest payload that the protocol allows. UDP's length field of 16 bits also counts its header of 8 bytes. Over
/// IPv4 the packet's length field counts IP's header of 20 bytes as well (RFC 768, RFC 791 §3.1).
inline constexpr std::size_t max_datagram_v4 = 65'535 - 20 - 8;
inline constexpr std::size_t max_datagram_v6 = 65'535 - 8;
/// Returns the limit for that peer. An IPv4-mapped address is reached over IPv4.
[[nodiscard]] constexpr std::size_t max_datagram(const ip_address& to) noexcept {
    return to.unmapped().is_v4() ? max_datagram_v4 : max_datagram_v6;
}

/// The other end of an exchange: its endpoint, and the address of this host to which it has written. The calls
/// send_to() and send_batch() answer from that address.
class datagram_peer : public endpoint {
  public:
    constexpr datagram_peer() noexcept = default;
    constexpr datagram_peer(const endpoint& where, const ip_address& local = {}) noexcept
        : endpoint{where}, local_{local} {}
    using endpoint::endpoint;
    template <class Text, class Advice = detail::write_net_endpoint_around_the_text>
    requires std::is_convertible_v<const Text&, std::string_view>
    datagram_peer(const Text&) = delete;

    /// Returns the address of this host that the peer has written to. For a broadcast or an IPv4 group, it is the
    /// address from which to answer. It is 0.0.0.0 if it is not known: then the system chooses, as it does for `::`. It
    /// is known on a socket that is bound to the wildcard address (udp_options::local_address), except for a datagram
    /// to an IPv6 group.
    [[nodiscard]] constexpr const ip_address& local_address() const noexcept { return local_; }

  private:
    ip_address local_{};
};

/// A received datagram.
struct received_datagram {
    std::span<std::byte> bytes;  ///< the part of the buffer that was filled; empty for an empty datagram
    /// An IPv4 peer of an IPv6 socket is ::ffff:a.b.c.d; see ip_address::unmapped(). Port 0 is legal here: the
    /// sender wants no answer (RFC 768), and Linux would not send an answer to it.
    datagram_peer sender;
    bool truncated = false;  ///< the datagram was longer than the buffer, and the rest of it is gone
};

namespace detail {
struct print_as_text_of_its_bytes;  // what a compiler shows for a mistake: see tests/package/mistakes.txt
}  // namespace detail
template <class Traits, class Advice = detail::print_as_text_of_its_bytes>
void operator<<(std::basic_ostream<char, Traits>&, const received_datagram&) = delete;
/// A datagram to send.
struct outgoing_datagram {
    const_buffer bytes;
    datagram_peer to{};  ///< left out on a connected socket
};

namespace detail {
/// Returns the text behind "send_to 192.0.2.1:80": the size, and the limit if the size exceeds it.
inline std::string datagram_size(std::size_t size, const ip_address& to, const std::error_code& error) {
    std::string limit;
    if (size > max_datagram(to))
        limit = joined("; a datagram over IPv", to.unmapped().is_v4() ? '4' : '6', " holds at most ",
                       std::to_string(max_datagram(to)));
    else if (error == std::errc::message_size)
        limit = "; the path takes less in one piece";
    return joined(" (", std::to_string(size), " bytes", limit, ')');
}
/// Returns the text behind "send_to 192.0.2.1:80": " from 192.0.2.9" if an address was chosen.
inline std::string from_local(const datagram_peer& to) {
    return to.local_address().is_unspecified() ? "" : joined(" from ", to.local_address().to_string());
}
inline address_family family_of_address(const ip_address& address) noexcept {
    return address.is_v4() ? address_family::inet : address_family::inet6;
}
}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_UDP_DATAGRAM_HPP
