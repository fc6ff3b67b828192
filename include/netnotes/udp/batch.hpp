// netnotes/udp/batch.hpp: room for many datagrams
// SPDX-License-Identifier: MIT
//
// A datagram costs a system call and little else, so a program with many datagrams saves calls: recvmmsg(2) fills a
// whole batch with one.
//
//        net::datagram_batch batch{32, 1500};                          // namespace net = netnotes
//        for (const auto& [bytes, sender, truncated] : socket.recv_batch(batch)) ...
//
// On this page:  datagram_batch
// The notes:     beyond them

#ifndef NETNOTES_UDP_BATCH_HPP
#define NETNOTES_UDP_BATCH_HPP

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <stdexcept>
#include <vector>

#include "../ip/algorithm.hpp"
#include "../socket/message.hpp"
#include "../socket/owner.hpp"
#include "datagram.hpp"

namespace netnotes {

class udp_socket;

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
    friend class udp_socket;
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

}  // namespace netnotes

#endif  // NETNOTES_UDP_BATCH_HPP
