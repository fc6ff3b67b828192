// Capturing on the loopback interface, for demonstrations that show what a program of this machine sends.
//
//     example::loopback_capture capture;          needs CAP_NET_RAW: see capabilities(7)
//     while (const auto record = capture.next()) ...
//
// Each process can have that privilege in a network of its own: enter_own_network().

#pragma once

#include "demo.hpp"

#include <netnotes/packet.hpp>

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <cstring>

namespace example {

/// Moves this process into a network namespace that no other process uses (network_namespaces(7)), and sets its loopback
/// interface up. Returns false if the system does not permit that. Call it before the first thread starts.
inline bool enter_own_network() {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWNET) != 0) return false;
    ifreq interface {};
    std::strcpy(interface.ifr_name, "lo");  // a new network's loopback interface is down
    interface.ifr_flags = IFF_UP;
    const net::socket any{net::address_family::inet, net::socket_type::datagram};
    if (::ioctl(any.native_handle(), SIOCSIFFLAGS, &interface) != 0)
        throw std::system_error{errno, std::system_category(), "lo"};
    return true;
}

/// Receives every packet of the loopback interface, with the 14 bytes of Ethernet that Linux puts in front (packet(7)).
class loopback_capture {
  public:
    /// Throws std::system_error: errc::operation_not_permitted without CAP_NET_RAW.
    loopback_capture()
        : socket_{static_cast<net::address_family>(AF_PACKET), static_cast<net::socket_type>(SOCK_RAW), 0},
          buffer_(net::packet::max_captured_size) {
        sockaddr_ll where{};
        where.sll_family = AF_PACKET;
        where.sll_protocol = htons(ETH_P_ALL);
        where.sll_ifindex = static_cast<int>(::if_nametoindex("lo"));
        net::socket_address address;
        std::memcpy(address.data(), &where, sizeof where);
        address.resize(sizeof where);
        socket_.bind(address);
        socket_.set_option(SOL_SOCKET, SO_RCVBUF, 8 << 20);  // many packets may wait for next()
    }
    /// Returns the next packet. Its bytes are valid until the next call. Waits as the socket does: returns nullopt if the
    /// socket does not block and no packet is there.
    std::optional<net::packet::capture_record> next() {
        for (;;) {
            std::error_code error;
            const auto [bytes, from, truncated, local] = socket_.recv_from(buffer_, error);
            if (error == std::errc::operation_would_block) return std::nullopt;
            if (error) throw std::system_error{error, "capture"};
            sockaddr_ll link;
            std::memcpy(&link, from.data(), sizeof link);
            if (link.sll_pkttype == PACKET_OUTGOING) continue;  // it comes again, as a packet that arrives
            timespec time{};
            ::ioctl(socket_.native_handle(), SIOCGSTAMPNS, &time);
            const std::chrono::nanoseconds since_1970 =
                std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
            return net::packet::capture_record{.bytes = bytes,
                                               .original_size = bytes.size(),
                                               .time = net::packet::capture_time{since_1970},
                                               .link = net::packet::link_type::ethernet};
        }
    }
    [[nodiscard]] net::socket& socket() noexcept { return socket_; }

  private:
    net::socket socket_;
    std::vector<std::byte> buffer_;
};

/// Drops all segments that arrive for a socket, as a network that loses them: a filter that keeps nothing (socket(7)).
inline void lose_all(net::tcp_stream& stream, bool deaf) {
    if (!deaf) return stream.set_option(SOL_SOCKET, SO_DETACH_FILTER, 0);
    sock_filter program[] = {{BPF_RET | BPF_K, 0, 0, 0}};
    const sock_fprog filter{1, program};
    stream.set_option(SOL_SOCKET, SO_ATTACH_FILTER, std::as_bytes(std::span{&filter, 1}));
}

}  // namespace example
