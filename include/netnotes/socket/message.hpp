// netnotes/socket/message.hpp: what travels beside the bytes of a datagram
// SPDX-License-Identifier: MIT
//
// recvmsg(2) and sendmsg(2) take control messages beside the bytes (cmsg(3)). Every UDP server needs two of them. The
// first says to which of the host's addresses a datagram came. The second says from which address the answer leaves.
// Others tell the interface, the time to live that is left, and when the datagram arrived.
//
//        a host with 192.0.2.1 and 192.0.2.2, its socket on 0.0.0.0
//        client ── to 192.0.2.2 ──> recvmsg: IP_PKTINFO says 192.0.2.2
//        client <── from 192.0.2.2 ── sendmsg: IP_PKTINFO says 192.0.2.2      else the client would not take the answer
//
//        receiver.tell_details();
//        net::datagram_details details;
//        auto got = receiver.recv_from(buffer, details);       // details.interface_index, details.hop_limit, ...
//
// On this page:  datagram_details. The other names are in detail: programs use received::local and send_to() of
//                socket/socket.hpp, or udp.hpp
// The notes:     UDP, udp绑定 (which address a datagram came to); ip(7), ipv6(7), socket(7)

#ifndef NETNOTES_SOCKET_MESSAGE_HPP
#define NETNOTES_SOCKET_MESSAGE_HPP

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <optional>
#include <system_error>

#include "address.hpp"
#include "time.hpp"

namespace netnotes {

/// The facts that the kernel reports beside the bytes of a datagram, after socket::tell_details().
struct datagram_details {
    /// The address that the datagram was sent to: one of this host, a group, or a broadcast address. If it is not
    /// known: 0.0.0.0.
    ip_address destination{};
    unsigned interface_index = 0;           ///< the interface that it came in by: if_indextoname(3), or 0
    std::optional<std::uint8_t> hop_limit;  ///< the time to live that was left: IP_RECVTTL, IPV6_RECVHOPLIMIT
    /// When the kernel took it from the network: SO_TIMESTAMPNS (socket(7)). It is the time of day, which can be set.
    std::optional<std::chrono::system_clock::time_point> arrived;
};

namespace detail {

/// Copies the data of a control message. Returns false if the kernel has cut the message off (MSG_CTRUNC), because the
/// program has asked for more messages than its buffer holds.
template <class Data>
bool read_note(cmsghdr& part, Data& data) noexcept {
    if (part.cmsg_len < CMSG_LEN(sizeof data)) return false;
    std::memcpy(&data, CMSG_DATA(&part), sizeof data);
    return true;
}

/// The facts that the kernel reports beside a datagram's bytes. They are the address to which it came, and the size of
/// each datagram if the kernel has merged several (UDP_GRO).
struct datagram_notes {
    static constexpr std::size_t capacity =
        CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(in6_pktinfo));

    ip_address local{};        ///< our own address, from which to answer; 0.0.0.0 if it is not known
    bool is_to_group = false;  ///< it came to a multicast or a broadcast address
    std::size_t segment = 0;   ///< 0: it is one datagram

    static datagram_notes of(msghdr& header) noexcept {
        datagram_notes notes;
        if (header.msg_controllen == 0) return notes;
        for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
            const auto is = [&](int level, int type) { return part->cmsg_level == level && part->cmsg_type == type; };
            if (is(IPPROTO_IP, IP_PKTINFO)) {
                in_pktinfo info;
                if (!read_note(*part, info)) continue;
                // For a broadcast or a group, the local address is the address from which to answer (ip(7)).
                notes.local = ipv4_address{ntohl(info.ipi_spec_dst.s_addr)};
                // A datagram that came before IP_PKTINFO was set has no local address. Then a multicast group and
                // 255.255.255.255 are recognised, and the broadcast address of a subnet counts as our own.
                const std::uint32_t to = ntohl(info.ipi_addr.s_addr);
                notes.is_to_group = info.ipi_spec_dst.s_addr == htonl(INADDR_ANY)
                                        ? IN_MULTICAST(to) || to == INADDR_BROADCAST
                                        : info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
            } else if (is(IPPROTO_IPV6, IPV6_PKTINFO)) {
                in6_pktinfo info;
                if (!read_note(*part, info)) continue;
                if (IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr)) continue;  // IP_PKTINFO reports this better
                sockaddr_in6 raw{};
                raw.sin6_family = AF_INET6;
                raw.sin6_addr = info.ipi6_addr;
                raw.sin6_scope_id = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0;
                notes.is_to_group = IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
                if (notes.is_to_group) continue;
                socket_address local;
                std::memcpy(local.data(), &raw, sizeof raw);
                local.resize(sizeof raw);
                notes.local = local.ip().address();
            } else if (is(IPPROTO_UDP, 104)) {  // UDP_GRO, which old headers lack
                int value = 0;
                if (!read_note(*part, value)) continue;
                notes.segment = value > 0 ? static_cast<std::size_t>(value) : 0;
            }
        }
        return notes;
    }
};

/// Room for all control messages of a datagram, and the reader of datagram_details. Every receive gives this room:
/// after tell_details() the kernel puts the details before the local address, and drops what does not fit.
struct details_note {
    static constexpr std::size_t capacity =
        datagram_notes::capacity + 2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(timespec));
    using buffer = std::array<char, capacity>;  // to be aligned as a cmsghdr

    static datagram_details of(msghdr& header) noexcept {
        datagram_details details;
        if (header.msg_controllen == 0) return details;
        for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
            const auto is = [&](int level, int type) { return part->cmsg_level == level && part->cmsg_type == type; };
            if (is(IPPROTO_IP, IP_PKTINFO)) {
                in_pktinfo info;
                if (!read_note(*part, info)) continue;
                details.destination = ipv4_address{ntohl(info.ipi_addr.s_addr)};
                details.interface_index = static_cast<unsigned>(info.ipi_ifindex);
            } else if (is(IPPROTO_IPV6, IPV6_PKTINFO)) {
                in6_pktinfo info;
                if (!read_note(*part, info)) continue;
                if (IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr)) continue;  // IP_PKTINFO comes too
                std::array<std::uint8_t, 16> octets{};
                std::memcpy(octets.data(), &info.ipi6_addr, octets.size());
                details.destination = ipv6_address{octets};
                details.interface_index = info.ipi6_ifindex;
            } else if (is(IPPROTO_IP, IP_TTL) || is(IPPROTO_IPV6, IPV6_HOPLIMIT)) {
                int value = 0;
                if (!read_note(*part, value)) continue;
                details.hop_limit = static_cast<std::uint8_t>(value);
            } else if (is(SOL_SOCKET, SO_TIMESTAMPNS)) {
                timespec time;
                if (!read_note(*part, time)) continue;
                details.arrived = std::chrono::system_clock::time_point{
                    std::chrono::duration_cast<std::chrono::system_clock::duration>(
                        std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec})};
            }
        }
        return details;
    }
};

/// The control message that tells the kernel from which address a datagram is to leave.
class source_note {
  public:
    source_note() noexcept = default;
    /// Chooses the address. With 0.0.0.0 and :: the system chooses. Fails if the zone of the address names no
    /// interface.
    void choose(const ip_address& from, std::error_code& error) noexcept {
        size_ = 0;
        error.clear();
        if (from.is_unspecified()) return;
        const socket_address address = to_socket_address({from.unmapped(), 0}, error);
        if (error) return;
        if (address.family() == address_family::inet) {
            sockaddr_in raw;
            std::memcpy(&raw, address.data(), sizeof raw);
            in_pktinfo info{};  // without an interface: the routing table chooses the way
            info.ipi_spec_dst = raw.sin_addr;
            write(IPPROTO_IP, IP_PKTINFO, info);
        } else {
            sockaddr_in6 raw;
            std::memcpy(&raw, address.data(), sizeof raw);
            in6_pktinfo info{};
            info.ipi6_addr = raw.sin6_addr;
            info.ipi6_ifindex = raw.sin6_scope_id;
            write(IPPROTO_IPV6, IPV6_PKTINFO, info);
        }
    }
    [[nodiscard]] const char* data() const noexcept { return bytes_.data(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    static constexpr std::size_t capacity = CMSG_SPACE(sizeof(in6_pktinfo));
    /// Adds the control message to `message`. This object must live until the message is sent.
    void add_to(msghdr& message) noexcept {
        if (size_ == 0) return;
        message.msg_control = bytes_.data();
        message.msg_controllen = static_cast<decltype(message.msg_controllen)>(size_);  // socklen_t in musl
    }

  private:
    template <class Info>
    void write(int level, int type, const Info& info) noexcept {
        cmsghdr header{};
        header.cmsg_level = level;
        header.cmsg_type = type;
        header.cmsg_len = CMSG_LEN(sizeof info);
        bytes_ = {};
        std::memcpy(bytes_.data(), &header, sizeof header);
        std::memcpy(bytes_.data() + CMSG_LEN(0), &info, sizeof info);
        size_ = CMSG_SPACE(sizeof info);
    }
    alignas(cmsghdr) std::array<char, capacity> bytes_;
    std::size_t size_ = 0;
};

}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_MESSAGE_HPP
