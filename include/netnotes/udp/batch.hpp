// netnotes/udp/batch.hpp: many datagrams at once
// SPDX-License-Identifier: MIT
//
// A datagram costs a system call and little else, so a program with many datagrams saves calls:
//
//        send_batch   recv_batch                  many datagrams in one call: sendmmsg(2), recvmmsg(2)
//        send_segments   enable_receive_offload   many in one buffer, which the kernel cuts up: udp(7)
//
//        net::datagram_batch batch{32, 1500};                          // namespace net = netnotes
//        for (const auto& [bytes, sender, truncated] : socket.recv_batch(batch)) ...
//
// On this page:  datagram_batch · batch_socket, the part of udp_socket that knows many datagrams
// The notes:     beyond them

#ifndef NETNOTES_UDP_BATCH_HPP
#define NETNOTES_UDP_BATCH_HPP

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../ip/algorithm.hpp"
#include "../socket/buffer.hpp"
#include "../socket/message.hpp"
#include "../socket/owner.hpp"
#include "datagram.hpp"
#include "multicast.hpp"

namespace netnotes {

/// Room for many datagrams, made once and used again and again by udp_socket::recv_batch(), which allocates nothing.
/// It takes count * size bytes and about 500 more for each datagram; with any_size 15 KB more for each.
class datagram_batch {
  public:
    /// A size that no datagram exceeds, even if the kernel merges datagrams.
    static constexpr std::size_t any_size = 65'535;

    /// Makes room for 1 to 1,024 datagrams (recvmmsg(2) takes no more than UIO_MAXIOV), each of 1 byte to any_size. A
    /// longer datagram will be truncated. Throws std::invalid_argument for other numbers.
    explicit datagram_batch(std::size_t count = 64, std::size_t size = 2048);
    datagram_batch(datagram_batch&&) noexcept = default;
    datagram_batch& operator=(datagram_batch&&) noexcept = default;

    /// Returns for how many datagrams there is room, and how many bytes each may have.
    [[nodiscard]] std::size_t count() const noexcept { return slots_.size(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

  private:
    friend class batch_socket;
    struct slot {
        iovec part;
        socket_address sender;
        alignas(cmsghdr) detail::details_note::buffer control;
    };
    void prepare() noexcept;
    void take_apart(std::size_t filled);

    std::size_t size_;
    detail::owner<std::byte[]> bytes_;
    std::vector<slot> slots_;
    std::vector<mmsghdr> messages_;
    std::vector<received_datagram> received_;
};

/// The calls of a UDP socket that concern many datagrams at once. Programs use it as a part of udp_socket.
class batch_socket : public multicast_socket {
  public:
    using received = received_datagram;
    /// Waits for one datagram and returns as many as there are, up to the batch's count (recvmmsg(2)), in their order.
    /// The result lies in the batch and is valid until its next use. If an error occurs behind the first datagram, the
    /// next call reports it.
    std::span<const received> recv_batch(datagram_batch& batch);
    std::span<const received> recv_batch(datagram_batch& batch, std::error_code& error) noexcept;

    using outgoing = outgoing_datagram;
    /// Sends all datagrams, in their order, 64 in one system call (sendmmsg(2)). The second form returns how many were
    /// sent before the error. That number is the index of the datagram that failed, and no datagram behind it was sent.
    /// Only a refusal that arrives while the batch is being sent is left for a later call to report. A server passes
    /// MSG_DONTWAIT, as for send_to().
    void send_batch(std::span<const outgoing> datagrams, int flags = 0);
    std::size_t send_batch(std::span<const outgoing> datagrams, std::error_code& error, int flags = 0) noexcept;

    // -- many datagrams in one buffer

    /// Sends the bytes as datagrams of `size` bytes each; the last datagram holds the rest. Without bytes it sends no
    /// datagram. The kernel takes up to 64 at a time and cuts them apart as late as it can (UDP_SEGMENT, udp(7), Linux
    /// 4.18). If it cannot, because it is older or they exceed the interface's MTU, the same datagrams go out as a
    /// batch. Returns the number of datagrams sent; what() says it after an error. `to` may be left out on a connected
    /// socket. Fails with errc::invalid_argument for size 0.
    void send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to = {}, int flags = 0);
    std::size_t send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to, std::error_code& error,
                              int flags = 0) noexcept;

    /// Lets the kernel deliver consecutive datagrams of one sender in one piece (UDP_GRO, udp(7), Linux 5.0). Returns
    /// false if the kernel does not know the option. It cannot be switched off. Throws std::system_error, and then
    /// nothing has changed.
    ///
    /// From now on, whatever the result, receive with recv_batch() only. It takes the piece apart again, so it returns
    /// the same datagrams, perhaps more than its count. Its batch must have the size datagram_batch::any_size, or it
    /// fails with errc::invalid_argument. recv_from() could not separate the datagrams of a piece, so it fails with
    /// errc::operation_not_supported.
    bool enable_receive_offload();
    bool enable_receive_offload(std::error_code& error) noexcept;

  protected:
    using multicast_socket::multicast_socket;
    batch_socket() noexcept = default;
    explicit batch_socket(socket&& taken) noexcept : multicast_socket{std::move(taken)} {}

    bool offload_allowed_ = true;
    bool receive_offload_ = false;

  private:
    static constexpr std::size_t max_at_once = 64;  // datagrams in a system call; UDP_SEGMENT takes no more (udp(7))

    template <class Datagram>
    std::size_t send_many(std::size_t count, Datagram datagram, time_point until, int flags,
                          std::error_code& error) noexcept;
    bool kernel_can_segment() noexcept;
    std::error_code send_merged(const_buffer bytes, std::size_t size, const socket_address& to,
                                const detail::source_note& source, time_point until, int flags) noexcept;
    endpoint destination(const datagram_peer& to) const noexcept;

    enum class segmentation : char { untried, kernel, here } segmentation_ = segmentation::untried;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline datagram_batch::datagram_batch(std::size_t count, std::size_t size) : size_{size} {
    if (count < 1 || count > 1024 || size < 1 || size > any_size)
        throw std::invalid_argument{"a batch must hold 1 to 1024 datagrams of 1 to 65535 bytes"};
    bytes_.reset(new std::byte[count * size]);  // not zeroed
    slots_.resize(count);
    messages_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        slots_[i].part = {bytes_.get() + i * size, size};
        messages_[i].msg_hdr.msg_iov = &slots_[i].part;
        messages_[i].msg_hdr.msg_iovlen = 1;
        messages_[i].msg_hdr.msg_name = slots_[i].sender.data();
    }
    // Linux merges up to 64, and a local sender's segments may come as they were sent: 64, or 128 in newer kernels.
    received_.reserve(size == any_size ? count * 128 : count);
}

inline void datagram_batch::prepare() noexcept {
    received_.clear();
    for (std::size_t i = 0; i < messages_.size(); ++i) {  // the kernel has written over them
        msghdr& header = messages_[i].msg_hdr;
        header.msg_namelen = socket_address::capacity;
        header.msg_control = slots_[i].control.data();
        header.msg_controllen = static_cast<socklen_t>(slots_[i].control.size());
        header.msg_flags = 0;
    }
}

/// Collects the datagrams of each message: a single datagram, unless the kernel reports a size of merged datagrams.
inline void datagram_batch::take_apart(std::size_t filled) {
    for (std::size_t i = 0; i < filled; ++i) {
        msghdr& header = messages_[i].msg_hdr;
        slots_[i].sender.resize(header.msg_namelen);
        const detail::datagram_notes notes = detail::datagram_notes::of(header);
        const datagram_peer sender =
            slots_[i].sender.is_ip() ? datagram_peer{slots_[i].sender.ip(), notes.local} : datagram_peer{};
        std::span<std::byte> rest{bytes_.get() + i * size_, detail::min<std::size_t>(messages_[i].msg_len, size_)};
        for (; notes.segment > 0 && rest.size() > notes.segment; rest = rest.subspan(notes.segment))
            received_.push_back({rest.first(notes.segment), sender, false});
        received_.push_back({rest, sender, (header.msg_flags & MSG_TRUNC) != 0});
    }
}

// ---- sending

/// Returns the endpoint that a datagram goes to, for an error's text. It is empty if the socket has no peer.
inline endpoint batch_socket::destination(const datagram_peer& to) const noexcept {
    if (to != endpoint{}) return to;
    std::error_code unknown;
    const socket_address peer = socket::peer_endpoint(unknown);
    return unknown ? endpoint{} : peer.ip();
}

/// `datagram(number, address, source, error)` returns the payload of that datagram. It sets its destination (without a
/// family: no destination) and the address from which the datagram is to leave.
template <class Datagram>
std::size_t batch_socket::send_many(std::size_t count, Datagram datagram, time_point until, int flags,
                                  std::error_code& error) noexcept {
    mmsghdr messages[max_at_once];  // not set to zero: a batch of two should not cost that of 64
    iovec parts[max_at_once];
    sockaddr_in6 names[max_at_once];
    detail::source_note sources[max_at_once];
    for (std::size_t sent = 0;;) {
        if (sent > 0 && is_too_late(until)) {  // a fast path outruns every limit
            error = std::make_error_code(std::errc::timed_out);
            return sent;
        }
        std::error_code not_an_address;
        std::size_t ready = 0;
        for (; ready < detail::min(max_at_once, count - sent); ++ready) {
            socket_address to;
            const const_buffer bytes = datagram(sent + ready, to, sources[ready], not_an_address);
            if (not_an_address) break;
            parts[ready] = {const_cast<std::byte*>(bytes.data()), bytes.size()};  // sendmmsg() only reads it
            messages[ready] = {};
            messages[ready].msg_hdr.msg_iov = &parts[ready];
            messages[ready].msg_hdr.msg_iovlen = 1;
            sources[ready].add_to(messages[ready].msg_hdr);
            if (!to.is_ip()) continue;
            std::memcpy(&names[ready], to.data(), to.size());
            messages[ready].msg_hdr.msg_name = &names[ready];
            messages[ready].msg_hdr.msg_namelen = to.size();
        }
        if (ready > 0) {
            // sendmmsg() stops at the datagram that fails. Unless that is the first datagram, it drops the error.
            // A second call from there reports it.
            const int taken = attempt(
                [&] {
                    return ::sendmmsg(native_handle(), messages, static_cast<unsigned>(ready), flags | MSG_NOSIGNAL);
                },
                POLLOUT, flags, until, error);
            if (taken < 0) return sent;
            sent += static_cast<std::size_t>(taken);
            if (static_cast<std::size_t>(taken) < ready) continue;
        }
        error = not_an_address;
        if (error || sent == count) return sent;
    }
}

inline std::size_t batch_socket::send_batch(std::span<const outgoing> datagrams, std::error_code& error,
                                          int flags) noexcept {
    error.clear();
    if (datagrams.empty()) return 0;
    return send_many(
        datagrams.size(),
        [&](std::size_t number, socket_address& address, detail::source_note& source, std::error_code& bad) {
            const auto& [bytes, to] = datagrams[number];
            if (to != endpoint{}) address = detail::to_socket_address(to, bad);
            if (!bad) source.choose(to.local_address(), bad);
            return bytes;
        },
        end_of_call(), flags, error);
}
inline void batch_socket::send_batch(std::span<const outgoing> datagrams, int flags) {
    std::error_code error;
    const std::size_t sent = send_batch(datagrams, error, flags);
    if (!error) return;
    const auto& [bytes, to] = datagrams[sent];
    const endpoint where = destination(to);
    detail::throw_error(error, "send_batch (", std::to_string(sent), " of ", std::to_string(datagrams.size()),
                        " datagrams sent) to ", where.to_string(), detail::from_local(to),
                        detail::datagram_size(bytes.size(), where.address(), error));
}

// ---- segments

/// A kernel that does not know UDP_SEGMENT would ignore it and send one long datagram, so we ask it first.
inline bool batch_socket::kernel_can_segment() noexcept {
    if (segmentation_ == segmentation::untried) {
        int size = 0;
        std::error_code error;
        if (offload_allowed_) get_option(IPPROTO_UDP, UDP_SEGMENT, detail::room_of(size), error);
        segmentation_ = error || !offload_allowed_ ? segmentation::here : segmentation::kernel;
    }
    return segmentation_ == segmentation::kernel;
}

inline std::error_code batch_socket::send_merged(const_buffer bytes, std::size_t size, const socket_address& to,
                                               const detail::source_note& source, time_point until,
                                               int flags) noexcept {
    const auto segment = static_cast<std::uint16_t>(size);
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof segment) + detail::source_note::capacity> control{};
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    if (to.is_ip()) {
        message.msg_name = const_cast<sockaddr*>(to.data());
        message.msg_namelen = to.size();
    }
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = static_cast<decltype(message.msg_controllen)>(CMSG_SPACE(sizeof segment) + source.size());
    std::memcpy(control.data() + CMSG_SPACE(sizeof segment), source.data(), source.size());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = IPPROTO_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof segment);
    std::memcpy(CMSG_DATA(header), &segment, sizeof segment);
    std::error_code error;
    attempt([&] { return ::sendmsg(native_handle(), &message, flags | MSG_NOSIGNAL); }, POLLOUT, flags, until, error);
    return error;
}

inline std::size_t batch_socket::send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to,
                                             std::error_code& error, int flags) noexcept {
    if (size == 0) {
        error = std::make_error_code(std::errc::invalid_argument);
        return 0;
    }
    error.clear();
    socket_address address;
    detail::source_note from_where;
    if (to != endpoint{}) address = detail::to_socket_address(to, error);
    if (!error) from_where.choose(to.local_address(), error);
    if (error || bytes.empty()) return 0;
    const std::size_t count = bytes.size() / size + (bytes.size() % size != 0);
    const auto from = [&](std::size_t first, std::size_t segments) {
        const auto rest = std::span<const std::byte>{bytes}.subspan(first * size);
        return const_buffer{segments > rest.size() / size ? rest : rest.first(segments * size)};
    };
    const time_point until = end_of_call();
    std::size_t sent = 0;
    // A merged piece must itself be no longer than a datagram.
    const std::size_t together = detail::min(max_at_once, max_datagram_v4 / size);
    while (together > 1 && sent + 1 < count && kernel_can_segment()) {
        if (sent > 0 && is_too_late(until)) {
            error = std::make_error_code(std::errc::timed_out);
            return sent;
        }
        error = send_merged(from(sent, together), size, address, from_where, until, flags);
        // The kernel refuses a segment longer than the MTU, and a device or a socket without checksums (EINVAL,
        // EMSGSIZE, EIO). The batch below then succeeds or reports the real error.
        const int refusal = error.value();
        if (refusal == EINVAL || refusal == EMSGSIZE || refusal == EIO || refusal == EOPNOTSUPP ||
            refusal == ENOPROTOOPT)
            break;
        if (error) return sent;
        sent += detail::min(together, count - sent);
    }
    error.clear();
    if (sent == count) return sent;
    const std::size_t first = sent;
    return first + send_many(
                       count - first,
                       [&](std::size_t number, socket_address& name, detail::source_note& source, std::error_code&) {
                           name = address;
                           source = from_where;
                           return from(first + number, 1);
                       },
                       until, flags, error);
}
inline void batch_socket::send_segments(const_buffer bytes, std::size_t size, const datagram_peer& to, int flags) {
    std::error_code error;
    const std::size_t sent = send_segments(bytes, size, to, error, flags);
    if (!error) return;
    const endpoint where = destination(to);
    detail::throw_error(error, "send_segments (", std::to_string(sent), " datagrams sent) to ", where.to_string(),
                        detail::from_local(to),
                        detail::datagram_size(detail::min(size, bytes.size()), where.address(), error));
}

// ---- receiving

inline bool batch_socket::enable_receive_offload(std::error_code& error) noexcept {
    error.clear();
    const int on = 1;
    std::error_code refused = std::make_error_code(std::errc::no_protocol_option);
    if (offload_allowed_) set_option(IPPROTO_UDP, UDP_GRO, detail::bytes_of(on), refused);
    if (refused && refused != std::errc::no_protocol_option) {
        error = refused;
        return false;
    }
    receive_offload_ = true;
    return !refused;
}
inline bool batch_socket::enable_receive_offload() {
    std::error_code error;
    const bool merges = enable_receive_offload(error);
    if (error) fail(error, "enable_receive_offload");
    return merges;
}

inline std::span<const batch_socket::received> batch_socket::recv_batch(datagram_batch& batch,
                                                                    std::error_code& error) noexcept {
    if (receive_offload_ && batch.size() < datagram_batch::any_size) {
        error = std::make_error_code(std::errc::invalid_argument);
        return {};
    }
    batch.prepare();
    const int filled = attempt(
        [&] {
            return ::recvmmsg(native_handle(), batch.messages_.data(), static_cast<unsigned>(batch.count()),
                              MSG_WAITFORONE, nullptr);
        },
        POLLIN, 0, end_of_call(), error);
    if (filled < 0) return {};
    try {
        batch.take_apart(static_cast<std::size_t>(filled));
    } catch (const std::bad_alloc&) {  // a kernel that merges more than any kernel has so far
        error = std::make_error_code(std::errc::not_enough_memory);
    }
    return batch.received_;
}
inline std::span<const batch_socket::received> batch_socket::recv_batch(datagram_batch& batch) {
    std::error_code error;
    const auto result = recv_batch(batch, error);
    if (error) fail(error, "recv_batch");
    return result;
}

}  // namespace netnotes

#endif  // NETNOTES_UDP_BATCH_HPP
