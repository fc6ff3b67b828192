// netnotes/tftp/datagrams.hpp: how a TFTP server receives and sends
// SPDX-License-Identifier: MIT
//
// A server with thousands of sockets does three things in another way than udp_socket.
//
// A shared buffer. The server handles all received datagrams before it receives again, so its sockets need no own
// buffers. If a call returns fewer datagrams than fit, the socket was empty, so the call that would return EAGAIN is
// skipped.
//
// The right address. A host has many addresses, and the server is bound to all of them (0.0.0.0). The system would
// answer from the address that is nearest to the client. But the client takes an answer only from the address that it
// asked. So the server reads the address to which each datagram came, and sends the answer from there (IP_PKTINFO,
// ip(7); RFC 3542 §6.1):
//
//        client ── to 192.0.2.9 ──> eth0: 192.0.2.1, 192.0.2.9, a socket on 0.0.0.0
//               <── from 192.0.2.9 ──                           and not from 192.0.2.1
//
// Errors from the network. If a datagram cannot be delivered, a router or the peer's host answers with an ICMP message.
// The kernel keeps the message in an error queue (IP_RECVERR, ip(7)), and the next call on the socket fails once with
// its error. That error says nothing about the datagram of that call, so the call is repeated.
//
// On this page:  destination · arrival · inbox · read_errors · send_run
// Above it:      tftp/server.hpp

#ifndef NETNOTES_TFTP_DATAGRAMS_HPP
#define NETNOTES_TFTP_DATAGRAMS_HPP

#include <time.h>  // linux/errqueue.h needs it

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "../ip/endpoint.hpp"
#include "../socket/address.hpp"
#include "../socket/message.hpp"
#include "../socket/socket.hpp"
#include "transfer.hpp"

namespace netnotes::tftp::detail {

/// The peer's address, to which an answer goes, and our address, from which it is sent.
struct destination {
    socket_address to{};
    netnotes::detail::source_note from{};
};

/// A received datagram. Only the server's own socket fills `answer`, `local` and `is_to_group`.
struct arrival {
    std::span<const std::byte> bytes{};
    endpoint sender{};         ///< An IPv4 sender has its IPv4 address, not a mapped address.
    destination answer{};      ///< The place to answer to.
    ip_address local{};        ///< The own address to which the datagram came; 0.0.0.0 if it is not known.
    bool is_to_group = false;  ///< The datagram came to a broadcast or a multicast address.
    bool is_cut = false;       ///< The datagram was longer than the buffer: `bytes` is its beginning.
};

/// Returns true for the error of an ICMP message. A call on a socket with IP_RECVERR reports it instead of its own
/// result.
inline bool is_of_icmp(int code) noexcept {
    return code == ECONNREFUSED || code == EHOSTUNREACH || code == ENETUNREACH || code == EHOSTDOWN ||
           code == ENOPROTOOPT || code == EPROTO || code == EACCES;
}

/// Asks the kernel to keep the ICMP messages about the datagrams that this socket sends. Without them a server waits
/// for a lost client until settings::patience ends.
inline void keep_errors(netnotes::socket& of, address_family family) noexcept {
    constexpr int on = 1;
    std::error_code unimportant;
    const auto value = std::as_bytes(std::span{&on, 1});
    of.set_option(IPPROTO_IP, IP_RECVERR, value, unimportant);  // of an IPv6 socket: about IPv4 clients
    if (family == address_family::inet6) of.set_option(IPPROTO_IPV6, IPV6_RECVERR, value, unimportant);
}

/// Takes at most 64 ICMP messages from the socket's error queue. Calls `each` with the endpoint to which the lost
/// datagram was sent (IPv4 not as a mapped address), and with the error's number. Returns true if there was a message.
template <class Each>
bool read_errors(int descriptor, Each each) {
    constexpr int most = 64;
    int count = 0;
    for (; count < most; ++count) {
        socket_address to;
        alignas(cmsghdr) std::array<char, 256> control;
        msghdr message{};
        message.msg_name = to.data();
        message.msg_namelen = socket_address::capacity;
        message.msg_control = control.data();
        message.msg_controllen = static_cast<decltype(message.msg_controllen)>(control.size());
        ssize_t size = 0;
        do size = ::recvmsg(descriptor, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
        while (size < 0 && errno == EINTR);
        if (size < 0) break;
        to.resize(message.msg_namelen);
        if (!to.is_ip()) continue;
        const endpoint where{to.ip().address().unmapped(), to.ip().port()};
        for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
            if (!(part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) &&
                !(part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR))
                continue;
            sock_extended_err what;
            std::memcpy(&what, CMSG_DATA(part), sizeof what);
            if (what.ee_origin != SO_EE_ORIGIN_LOCAL) each(where, static_cast<int>(what.ee_errno));
        }
    }
    return count > 0;
}

/// The shared buffer for received datagrams. All sockets of a kind can share it, because the server handles the
/// datagrams at once.
class inbox {
  public:
    inbox(std::size_t count, std::size_t size) : size_{size}, slots_(count), messages_(count) {
        bytes_.reset(new std::byte[count * size]);  // not zeroed
        for (std::size_t i = 0; i < count; ++i) {
            slots_[i].part = {bytes_.get() + i * size, size};
            messages_[i].msg_hdr.msg_iov = &slots_[i].part;
            messages_[i].msg_hdr.msg_iovlen = 1;
            messages_[i].msg_hdr.msg_name = slots_[i].sender.data();
            messages_[i].msg_hdr.msg_control = slots_[i].control.data();
        }
    }
    /// Receives datagrams and calls `each` for each of them. Returns false if the socket is empty; an event then
    /// reports the next datagram. Sets `has_errors` if ICMP messages wait for read_errors(). They make the call fail,
    /// and datagrams may wait behind them.
    template <class Each>
    bool receive(int descriptor, bool& has_errors, Each each) {
        for (mmsghdr& message : messages_) {  // the kernel overwrites these fields at each call
            message.msg_hdr.msg_namelen = socket_address::capacity;
            message.msg_hdr.msg_controllen = sizeof(slot::control);
            message.msg_hdr.msg_flags = 0;
        }
        int filled = 0;
        do
            filled = ::recvmmsg(descriptor, messages_.data(), static_cast<unsigned>(messages_.size()), MSG_DONTWAIT,
                                nullptr);
        while (filled < 0 && errno == EINTR);
        if (filled < 0 && is_of_icmp(errno)) return has_errors = true;
        for (std::size_t i = 0; filled > 0 && i < static_cast<std::size_t>(filled); ++i) take_apart(i, each);
        return filled > 0 && static_cast<std::size_t>(filled) == messages_.size();
    }

  private:
    struct slot {
        iovec part;
        socket_address sender;
        alignas(cmsghdr) netnotes::detail::details_note::buffer control;
    };

    template <class Each>
    void take_apart(std::size_t index, Each each) {
        msghdr& header = messages_[index].msg_hdr;
        slot& in = slots_[index];
        in.sender.resize(header.msg_namelen);
        if (!in.sender.is_ip()) return;
        arrival one;
        one.is_cut = (header.msg_flags & MSG_TRUNC) != 0;
        const endpoint sender = in.sender.ip();
        one.sender = {sender.address().unmapped(), sender.port()};
        const auto notes = netnotes::detail::datagram_notes::of(header);
        one.local = notes.local;
        one.is_to_group = notes.is_to_group;
        one.answer.to = in.sender;
        std::error_code system_chooses;
        one.answer.from.choose(notes.local, system_chooses);
        std::span<const std::byte> rest{bytes_.get() + index * size_,
                                        std::min<std::size_t>(messages_[index].msg_len, size_)};
        for (; notes.segment > 0 && rest.size() > notes.segment; rest = rest.subspan(notes.segment)) {
            one.bytes = rest.first(notes.segment);
            each(std::as_const(one));
        }
        one.bytes = rest;
        each(std::as_const(one));
    }

    std::size_t size_;
    std::unique_ptr<std::byte[]> bytes_;
    std::vector<slot> slots_;
    std::vector<mmsghdr> messages_;
};

/// Sends a run of datagrams, in one call if the kernel can cut them apart. Sets `merges` to false if the kernel cannot.
/// Removes the sent bytes from the run. Returns false if the send buffer is full. Other errors (no route, a firewall)
/// may pass, so the datagrams count as sent and are lost. Sets `has_errors` if a call reported an ICMP message.
inline bool send_run(int descriptor, const destination& where, transfer::outgoing& run, bool& merges,
                     bool& has_errors) noexcept {
    constexpr int max_reports = 2;
    int reports = 0;
    constexpr std::size_t most = 16;
    std::array<iovec, most> parts;
    std::array<mmsghdr, most> messages;
    alignas(cmsghdr) std::array<char, netnotes::detail::source_note::capacity + CMSG_SPACE(sizeof(std::uint16_t))> control;
    while (!run.bytes.empty()) {
        const bool together = merges && run.bytes.size() > run.segment;
        std::size_t count = 0;
        for (auto rest = run.bytes; !rest.empty() && count < most; ++count) {
            const auto part = together ? rest : rest.first(std::min(rest.size(), run.segment));
            rest = rest.subspan(part.size());
            parts[count] = {const_cast<std::byte*>(part.data()), part.size()};
            messages[count] = {};
            msghdr& header = messages[count].msg_hdr;
            header.msg_name = const_cast<sockaddr*>(where.to.data());
            header.msg_namelen = where.to.size();
            header.msg_iov = &parts[count];
            header.msg_iovlen = 1;
            header.msg_control = where.from.size() > 0 ? const_cast<char*>(where.from.data()) : nullptr;
            header.msg_controllen = static_cast<socklen_t>(where.from.size());
        }
        if (together) {
            const auto segment = static_cast<std::uint16_t>(run.segment);
            cmsghdr cut{};
            cut.cmsg_level = IPPROTO_UDP;
            cut.cmsg_type = UDP_SEGMENT;
            cut.cmsg_len = CMSG_LEN(sizeof segment);
            std::memcpy(control.data(), where.from.data(), where.from.size());
            std::memcpy(control.data() + where.from.size(), &cut, sizeof cut);
            std::memcpy(control.data() + where.from.size() + CMSG_LEN(0), &segment, sizeof segment);
            messages[0].msg_hdr.msg_control = control.data();
            messages[0].msg_hdr.msg_controllen = static_cast<socklen_t>(where.from.size() + CMSG_SPACE(sizeof segment));
        }
        const int sent = count == 1
                             ? (::sendmsg(descriptor, &messages[0].msg_hdr, MSG_DONTWAIT) < 0 ? -1 : 1)
                             : ::sendmmsg(descriptor, messages.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
        if (sent > 0) {
            std::size_t size = 0;
            for (std::size_t i = 0; i < static_cast<std::size_t>(sent); ++i) size += parts[i].iov_len;
            run.bytes = run.bytes.subspan(size);
            reports = 0;
        } else if (is_of_icmp(errno) && reports++ < max_reports) {
            has_errors = true;  // about an earlier datagram; or about this datagram, and then the error comes again
        } else if (netnotes::detail::would_block(errno) || errno == ENOBUFS) {
            return false;
        } else if (together) {
            merges = false;  // too long for the MTU, or the device cannot cut: sends the datagrams singly from now on
        } else if (errno != EINTR) {
            run.bytes = run.bytes.subspan(parts[0].iov_len);
        }
    }
    return true;
}

}  // namespace netnotes::tftp::detail

#endif  // NETNOTES_TFTP_DATAGRAMS_HPP
