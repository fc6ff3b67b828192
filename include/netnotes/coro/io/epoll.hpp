// netnotes/coro/io/epoll.hpp: the back end that waits with epoll
// SPDX-License-Identifier: MIT
//
// With epoll(7) the kernel keeps the list of descriptors. A wait returns only the ready descriptors, so it is fast even
// if the list is long. This back end registers each descriptor once. The operations then make their calls themselves:
//
//        io_node ── add() ──> epoll_ctl(ADD)
//        loop ───── wait() ─> epoll_wait ──> readable or writable ──> io_node::awaken() ──> the operation tries again
//
// It is the default of loop_options. The other back end of the library is in coro/io/io_uring.hpp.
//
// On this page:  io_backend::epoll
// Below it:      poll/epoll.hpp, epoll_poller
// The notes:     epoll版-TCP服务器 (the epoll server)

#ifndef NETNOTES_CORO_IO_EPOLL_HPP
#define NETNOTES_CORO_IO_EPOLL_HPP

#include <poll.h>
#include <cstdint>
#include <ctime>
#include <exception>
#include <span>
#include <system_error>

#include "../../poll/epoll.hpp"
#include "operation.hpp"

namespace netnotes::detail {

/// Waits with epoll, edge-triggered. Each descriptor is registered once, for reading. It is registered for writing only
/// when an operation has to wait to write. Most write events are useless, because no task waits to write. They would
/// wake the loop for each new connection, after each send of a datagram, and after each read at the other end of a
/// pipe.
///
/// Therefore the back end stops watching for writing when no operation waits any more. Only streams and listeners stay
/// registered, because TCP reports nothing until a write has found the buffer full again.
class epoll_back_end final : public io_back_end {
  public:
    void add(io_node& node) override { poller_.add(node.descriptor(), wanted(node), token(node), trigger::edge); }
    bool remove(io_node& node) noexcept override {
        poller_.remove(node.descriptor());
        return true;
    }
    void needs(io_node& node, bool to_write) noexcept override {
        if (!to_write || node.writable || node.is_heard_to_write() || hear_to_write(node, true)) return;
        // epoll has refused, so no event will come. Look now, and let the operation try again at the next turn.
        pollfd now{node.descriptor(), POLLOUT, 0};
        const timespec at_once{};
        node.writable = ::ppoll(&now, 1, &at_once, nullptr) != 0;
        node.loop().look_again(node);
    }
    void watch(int descriptor, bool is_stop) override {
        poller_.add(descriptor, interest::read, is_stop ? stop_token : wake_token, trigger::edge);
    }
    void unwatch(int descriptor) noexcept override { poller_.remove(descriptor); }
    inline bool wait(duration timeout) override;

  private:
    static std::uint64_t token(const io_node& node) noexcept { return reinterpret_cast<std::uintptr_t>(&node); }
    static interest wanted(const io_node& node) noexcept {
        constexpr interest always = interest::read | interest::peer_done | interest::urgent;
        return node.is_heard_to_write() ? always | interest::write : always;
    }
    /// Starts or stops to watch for writing. Returns false if the system refuses. If the descriptor is already
    /// writable, the next wait reports it.
    bool hear_to_write(io_node& node, bool does) noexcept;

    static constexpr std::uint64_t wake_token = 0;  // no node has the address 0 or 1
    static constexpr std::uint64_t stop_token = 1;
    epoll_poller poller_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

[[gnu::noinline]] inline bool epoll_back_end::hear_to_write(io_node& node, bool does) noexcept {
    const bool did = node.is_heard_to_write();
    node.set_heard_to_write(does);
    try {
        poller_.modify(node.descriptor(), wanted(node), token(node), trigger::edge);
    } catch (const std::exception&) {
        node.set_heard_to_write(did);
        return false;
    }
    return true;
}

// An edge-triggered event is reported only once, so the node stores it (readable, writable).
inline bool epoll_back_end::wait(duration timeout) {
    const std::span<const event> events = poller_.wait(timeout);
    for (const event& happened : events) {
        if (happened.token <= stop_token) [[unlikely]] {
            if (happened.token == stop_token) saw_stop_ = true;
            continue;
        }
        auto& node = *reinterpret_cast<io_node*>(happened.token);
        if (node.is_retired()) continue;  // closed by an earlier event of this batch
        constexpr interest over = interest::hang_up | interest::error;
        if (any_of(happened.ready, interest::read | interest::peer_done | interest::urgent | over)) {
            node.readable = true;
            // The end of a stream may arrive in the same event as its last bytes. A datagram socket has no end.
            if (node.what() != io_node::kind::any && any_of(happened.ready, interest::peer_done | interest::urgent | over))
                node.read_to_end = true;
        }
        if (any_of(happened.ready, interest::write | over)) node.writable = true;
        node.awaken();
        if (node.what() == io_node::kind::any && node.is_heard_to_write() && !node.has_writer() && !node.is_retired())
            hear_to_write(node, false);
    }
    return !events.empty();
}

}  // namespace netnotes::detail

namespace netnotes::io_backend {
/// Returns a back end that waits with epoll(7), for loop_options::backend. It is a readiness interface: a wait reports
/// that bytes have arrived, and a second system call receives them. Throws std::system_error if the kernel refuses a
/// descriptor.
[[nodiscard]] inline detail::owner<detail::io_back_end> epoll(detail::scheduler&, std::error_code&) {
    return detail::owner<detail::io_back_end>{new detail::epoll_back_end};
}
}  // namespace netnotes::io_backend

#endif  // NETNOTES_CORO_IO_EPOLL_HPP
