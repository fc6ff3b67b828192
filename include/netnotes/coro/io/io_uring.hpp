// netnotes/coro/io/io_uring.hpp: the back end that lets the kernel receive
// SPDX-License-Identifier: MIT
//
// epoll reports that bytes have arrived. To receive them, the program needs another system call for each connection.
// With io_uring (Linux 5.1; this page needs 6.1) a program writes requests into a ring of memory that it shares with
// the kernel. The kernel carries them out and writes the results into a second ring. One call, io_uring_enter(2), hands
// over any number of requests and waits for completions:
//
//        the loop                                             the kernel
//          │  submission ring   [receive from 7, for ever]      │
//          ├───────────────────────────────────────────────────>│
//          │        io_uring_enter: "take these, wait for one"  │ bytes arrive for 7, for 9, for 12
//          │<───────────────────────────────────────────────────┤ and are copied into buffers of the pool
//          │  completion ring   [7: 64 bytes in buffer 3] [9: 64 in 4] [12: 0, the end]
//
// A *multishot* request stays active: a connection needs one receive request for its whole life, and a listener one
// accept request. The buffers are *provided*: the kernel takes a buffer from a pool when bytes arrive, so a waiting
// connection holds no buffer. The task's recv() lends this very buffer, without a copy.
//
// Four rules follow from this:
//   - A multishot request keeps running even if the program does not read. The back end cancels the request if a
//     connection is not read, because its peer would fill the pool, or if the program stops accepting on a listener.
//   - If the pool is empty, the request ends. Then the connection is waited for and received from as with epoll.
//   - While a request runs, the kernel uses the descriptor, and close(2) alone would not close the connection. So the
//     request is cancelled first, and its node lives until its last completion.
//   - Sends do not use the ring. The program sends directly, as with epoll, because most sends succeed at once.
//
// Containers and hardened systems often forbid io_uring (seccomp, kernel.io_uring_disabled). A loop then uses epoll.
//
// On this page:  io_backend::io_uring
// Below it:      coro/io/ring.hpp: io_uring (the two rings), receive_pool (the buffers)
// The notes:     epoll版-TCP服务器 (the epoll server), one step further; examples 26 and 27

#ifndef NETNOTES_CORO_IO_IO_URING_HPP
#define NETNOTES_CORO_IO_IO_URING_HPP

#include <cerrno>
#include <system_error>

#include "../../ip/algorithm.hpp"
#include "operation.hpp"
#include "ring.hpp"

namespace netnotes::io_backend {
/// Makes a back end that waits with io_uring, for loop_options::backend. It is a completion interface: a wait returns
/// bytes that the kernel has already received.
///
///     event_loop loop{{.backend = io_backend::io_uring}};
///
/// It needs Linux 6.1 and a system that allows io_uring. Otherwise it returns an empty owner and sets `refusal`, and
/// the loop uses epoll. Only the thread that first runs such a loop may run it again; in another thread run() throws
/// std::logic_error.
[[nodiscard]] inline detail::owner<detail::io_back_end> io_uring(detail::scheduler& loop, std::error_code& refusal);
}  // namespace netnotes::io_backend

#if defined(IORING_RECV_MULTISHOT) && \
    defined(IORING_SETUP_DEFER_TASKRUN)  // the system's header is of Linux 6.1 or newer
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace netnotes::detail {

/// Waits with io_uring. Only the thread that waits first may use it.
class io_uring_back_end final : public io_back_end {
  public:
    explicit io_uring_back_end(scheduler& loop) : loop_{loop} { lends_ = pool_.all(); }
    static constexpr std::uint32_t max_requests = 256, max_completions = 4096;

    // `inline` stands here and not only below. Otherwise every program contains all these functions and their table.
    inline ~io_uring_back_end() override;
    inline void prepare() override;
    inline void add(io_node& node) override;
    inline bool remove(io_node& node) noexcept override;
    inline void needs(io_node& node, bool to_write) noexcept override;
    inline void watch(int descriptor, bool is_stop) override;
    inline void unwatch(int descriptor) noexcept override;
    inline bool wait(duration timeout) override;

  private:
    class intake;
    static intake& intake_of(io_node& node) noexcept;
    // The names of requests. The address of a node is a multiple of 16, so its low bits can hold the direction.
    static constexpr std::uint64_t nobody = 0, wake = 8, stop = 16, reading = 1, writing = 2, directions = 3;
    static std::uint64_t name(const io_node& node, std::uint64_t direction) noexcept {
        return reinterpret_cast<std::uintptr_t>(&node) | direction;
    }
    [[nodiscard]] std::uint64_t stop_name() const noexcept { return stop | runs_ << 8; }

    io_uring_sqe* next_request() noexcept;
    bool request_poll(int descriptor, std::uint32_t events, std::uint64_t name, std::uint32_t flags = 0) noexcept;
    bool request_cancel(std::uint64_t name) noexcept;
    void handle(const io_uring_cqe& completion) noexcept;
    void let_go(intake& in) noexcept;
    void has_read(io_node& node, const io_uring_cqe& completion) noexcept;
    void lend(std::uint16_t id) noexcept {
        if (lent_ != receive_pool::none) pool_.give_back(lent_);
        lent_ = id;
    }

    scheduler& loop_;
    io_uring ring_{max_requests, max_completions};
    receive_pool pool_{ring_};
    std::uint16_t lent_ = receive_pool::none;
    bool is_enabled_ = false;
    int wake_descriptor_ = -1;
    std::uint64_t runs_ = 0;
    intake* in_hand_ = nullptr;  // list: the intakes of retired nodes that the kernel still uses
};

// ========================================================================================================
// How it is done
// ========================================================================================================

/// The active requests of a node, and the bytes or connections that they have delivered.
class io_uring_back_end::intake final : public io_intake {
  public:
    intake(io_uring_back_end& owner, io_node& node) : owner_{owner}, node_{node} {
        if (node.what() == io_node::kind::listener) connections_.reserve(max_connections);
    }
    ~intake() {
        while (first_ != receive_pool::none) owner_.pool_.give_back(take_first());
        while (!connections_.empty()) {
            ::close(connections_.back());
            connections_.pop_back();
        }
    }
    static void* operator new(std::size_t size) { return frames.take(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { frames.give_back(memory, size); }

    bool receive(mutable_buffer room, std::size_t& size, int& error) noexcept override {
        size = 0;
        while (first_ != receive_pool::none && size < room.size()) {
            receive_pool::filled& first = owner_.pool_.received[first_];
            const std::size_t taken = detail::min<std::size_t>(first.length - offset_, room.size() - size);
            std::memcpy(room.data() + size, owner_.pool_.data(first_) + offset_, taken);
            size += taken;
            offset_ += static_cast<std::uint32_t>(taken);
            if (offset_ == first.length) owner_.pool_.give_back(take_first());
        }
        if (size > 0) return is_taken();
        return outcome_ != nothing ? take_outcome(error) : receive_directly(room, size, error);
    }
    bool lend(std::span<std::byte>& bytes, int& error) noexcept override {
        bytes = {};
        if (first_ != receive_pool::none) {
            const std::size_t length = owner_.pool_.received[first_].length;
            bytes = {owner_.pool_.data(first_) + offset_, length - offset_};
            owner_.lend(take_first());
            return is_taken();
        }
        if (outcome_ != nothing) return take_outcome(error);
        std::size_t size = 0;
        const std::span<std::byte> room = node_.loop().lent_buffer();
        if (!receive_directly(room, size, error)) return false;
        bytes = room.first(size);
        return true;
    }
    bool accept(int& descriptor, int& error) noexcept override {
        if (!connections_.empty()) {
            descriptor = connections_.front();  // the list is short: a hundred at most, after a rush of clients
            connections_.erase(connections_.begin());
            return is_taken();
        }
        if (outcome_ != nothing) return take_outcome(error);
        if (!is_polled) return node_.readable = false;
        do descriptor = ::accept4(node_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        while (descriptor < 0 && errno == EINTR);
        if (descriptor >= 0) return true;
        if (would_block(errno)) return node_.readable = is_polled = false;
        error = errno;
        return true;
    }

    /// Adds a buffer that the kernel has filled.
    void append(std::uint16_t id, std::uint32_t length) noexcept {
        owner_.pool_.received[id] = {length, receive_pool::none};
        (first_ == receive_pool::none ? first_ : owner_.pool_.received[last_].next) = id;
        last_ = id;
        ++count_;
    }
    /// Adds a connection that the kernel has accepted. Needs no memory: see max_connections.
    void append_connection(int descriptor) noexcept { connections_.push_back(descriptor); }
    /// Notes what follows the delivered bytes: 0 is the end of the stream, otherwise a value of errno.
    void ends(int error) noexcept { outcome_ = error; }
    [[nodiscard]] bool has_arrived() const noexcept override {
        // A task runs in the middle of a batch of completions, or behind a call that has let the kernel make more.
        return has_any() || owner_.ring_.has_completion(name(node_, reading));
    }
    /// Returns true if a task can take something without waiting.
    [[nodiscard]] bool has_any() const noexcept {
        return first_ != receive_pool::none || !connections_.empty() || outcome_ != nothing;
    }
    /// Returns true if more has been delivered than a node should hold, so its request must be cancelled.
    [[nodiscard]] bool is_full() const noexcept { return count_ > most || connections_.size() > most; }

    [[nodiscard]] io_node& node() const noexcept { return node_; }
    void link(intake*& list) noexcept {
        next_ = list;
        place_ = &list;
        if (next_) next_->place_ = &next_;
        list = this;
    }
    void unlink() noexcept {
        *place_ = next_;
        if (next_) next_->place_ = place_;
    }

    bool is_reading = false, is_writing = false;  // a request is active
    bool is_cancelling = false;                   // the reading request is being cancelled
    bool is_polled = false;                       // the node is waited for and received from as with epoll

  private:
    static constexpr std::uint16_t most = 8;
    // The greatest number of connections that wait here. A request begins when none waits, and at more than `most` it is
    // cancelled. Until then the kernel fills the completion ring once, and once more before it takes the cancellation.
    static constexpr std::size_t max_connections = most + 2 * std::size_t{max_completions};
    static constexpr int nothing = -1;

    std::uint16_t take_first() noexcept {
        --count_;
        offset_ = 0;
        return std::exchange(first_, owner_.pool_.received[first_].next);
    }
    bool is_taken() noexcept {
        node_.readable = has_any();
        return true;
    }
    bool take_outcome(int& error) noexcept {
        error = std::exchange(outcome_, nothing);
        return is_taken();
    }
    bool receive_directly(mutable_buffer room, std::size_t& size, int& error) noexcept {
        if (!is_polled) return node_.readable = false;
        ssize_t got = 0;
        do got = ::recv(node_.descriptor(), room.data(), room.size(), 0);
        while (got < 0 && errno == EINTR);
        if (got < 0 && would_block(errno)) return node_.readable = is_polled = false;
        if (got < 0)
            error = errno;
        else
            size = static_cast<std::size_t>(got);
        if (size < room.size()) node_.readable = is_polled = false;
        return true;
    }

    io_uring_back_end& owner_;
    io_node& node_;
    std::uint16_t first_ = receive_pool::none, last_ = receive_pool::none, count_ = 0;
    std::uint32_t offset_ = 0;  // bytes of the first buffer that were already taken
    int outcome_ = nothing;     // what follows the buffers: 0 is the end, otherwise a value of errno
    std::vector<int> connections_;
    intake* next_ = nullptr;    // in the list in_hand_
    intake** place_ = nullptr;  // the pointer that points to this intake
};

inline io_uring_back_end::intake& io_uring_back_end::intake_of(io_node& node) noexcept {
    return static_cast<intake&>(*node.intake);
}

inline io_uring_back_end::~io_uring_back_end() {
    // Safe, because the kernel stores only the names of the nodes, and no completion will be handled any more.
    while (in_hand_) let_go(*in_hand_);
}

inline void io_uring_back_end::let_go(intake& in) noexcept {
    io_node& node = in.node();
    in.unlink();
    delete &in;
    node.intake = nullptr;
    node.release(loop_);
}

inline void io_uring_back_end::add(io_node& node) {
    if (node.what() == io_node::kind::any) {
        struct stat status {};
        int error = ::fstat(node.descriptor(), &status) == 0 ? 0 : errno;
        if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) error = EPERM;  // always ready; epoll refuses it, too
        if (error != 0)
            throw_error({error, std::system_category()}, "wait for descriptor ", std::to_string(node.descriptor()));
    }
    node.intake = new intake{*this, node};
}

inline bool io_uring_back_end::remove(io_node& node) noexcept {
    intake& in = intake_of(node);
    // The kernel has not seen the requests that are still in the ring. They must go, because their descriptor number
    // may soon belong to another descriptor.
    if (in.is_reading && ring_.withdraw(name(node, reading))) in.is_reading = false;
    if (in.is_writing && ring_.withdraw(name(node, writing))) in.is_writing = false;
    if (!in.is_reading && !in.is_writing) {
        delete &in;
        node.intake = nullptr;
        return true;
    }
    if (in.is_reading) request_cancel(name(node, reading));
    if (in.is_writing) request_cancel(name(node, writing));
    ring_.enter(duration::zero());
    in.link(in_hand_);
    return false;
}

inline io_uring_sqe* io_uring_back_end::next_request() noexcept {
    io_uring_sqe* request = ring_.next_request();
    if (!request && ring_.enter(duration::zero()) == 0) request = ring_.next_request();
    return request;
}
inline bool io_uring_back_end::request_poll(int descriptor, std::uint32_t events, std::uint64_t name,
                                            std::uint32_t flags) noexcept {
    io_uring_sqe* const request = next_request();
    if (!request) return false;
    request->opcode = IORING_OP_POLL_ADD;
    request->fd = descriptor;
    request->len = flags;
    request->poll32_events = events;
    request->user_data = name;
    return true;
}
inline bool io_uring_back_end::request_cancel(std::uint64_t name) noexcept {
    io_uring_sqe* const request = next_request();
    if (!request) return false;
    request->opcode = IORING_OP_ASYNC_CANCEL;
    request->fd = -1;
    request->addr = name;
    request->user_data = nobody;
    return true;
}

inline void io_uring_back_end::needs(io_node& node, bool to_write) noexcept {
    intake& in = intake_of(node);
    if (to_write) {
        if (in.is_writing || node.writable) return;
        in.is_writing = request_poll(node.descriptor(), POLLOUT, name(node, writing));
        if (!in.is_writing) loop_.look_again(node);
        return;
    }
    if (in.is_reading || node.readable) return;
    if (node.one_by_one) in.is_polled = true;
    if (node.what() == io_node::kind::any || in.is_polled) {
        in.is_reading = request_poll(node.descriptor(), POLLIN | POLLPRI | POLLRDHUP, name(node, reading));
    } else if (io_uring_sqe* const request = next_request()) {
        request->fd = node.descriptor();
        request->user_data = name(node, reading);
        if (node.what() == io_node::kind::stream) {
            request->opcode = IORING_OP_RECV;
            request->ioprio = IORING_RECV_MULTISHOT;
            request->flags = IOSQE_BUFFER_SELECT;
            request->buf_group = receive_pool::group;
        } else {
            request->opcode = IORING_OP_ACCEPT;
            request->ioprio = IORING_ACCEPT_MULTISHOT;
            request->accept_flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
        }
        in.is_reading = true;
    }
    if (!in.is_reading) loop_.look_again(node);
}

inline void io_uring_back_end::watch(int descriptor, bool is_stop) {
    if (is_stop)
        ++runs_;  // completions that carry an earlier run number are ignored
    else
        wake_descriptor_ = descriptor;
    if (!request_poll(descriptor, POLLIN, is_stop ? stop_name() : wake, IORING_POLL_ADD_MULTI))
        detail::throw_error({EBUSY, std::system_category()}, "io_uring");
}
inline void io_uring_back_end::unwatch(int) noexcept {
    if (!ring_.withdraw(stop_name())) request_cancel(stop_name());
    ++runs_;
}

inline void io_uring_back_end::prepare() {
    if (!is_enabled_) ring_.enable();
    is_enabled_ = true;
    if (ring_.enter(duration::zero()) == EEXIST)
        throw std::logic_error{"a loop with io_uring must run in the thread that ran it first"};
}
inline bool io_uring_back_end::wait(duration timeout) {
    lend(receive_pool::none);
    if (!is_enabled_) prepare();
    const int error = ring_.enter(timeout);
    if (error != 0 && error != ETIME && error != EINTR && error != EBUSY && error != EAGAIN)
        detail::throw_error({error, std::system_category()}, "io_uring_enter");
    return ring_.for_each_completion([this](const io_uring_cqe& each) { handle(each); });
}

inline void io_uring_back_end::handle(const io_uring_cqe& completion) noexcept {
    const std::uint64_t name = completion.user_data;
    const bool goes_on = (completion.flags & IORING_CQE_F_MORE) != 0;
    if (name == nobody) return;
    if (name == wake) {
        if (!goes_on) request_poll(wake_descriptor_, POLLIN, wake, IORING_POLL_ADD_MULTI);
        return;
    }
    if ((name & directions) == 0) {
        if (name == stop_name() && completion.res > 0) saw_stop_ = true;
        return;
    }
    auto& node = *reinterpret_cast<io_node*>(name & ~directions);
    intake& in = intake_of(node);
    if ((name & reading) != 0) {
        if (!goes_on) in.is_reading = false;
        has_read(node, completion);
    } else {
        in.is_writing = false;
        node.writable = true;
    }
    if (node.is_retired()) {
        if (!in.is_reading && !in.is_writing) let_go(in);
        return;
    }
    node.awaken();
    // If the request has ended and an operation still waits, a new request is needed.
    if (!node.is_retired() && node.has_reader()) needs(node, node.reader_sends());
}

inline void io_uring_back_end::has_read(io_node& node, const io_uring_cqe& completion) noexcept {
    intake& in = intake_of(node);
    const int result = completion.res;
    const bool was_cancelled = !in.is_reading && std::exchange(in.is_cancelling, false);
    if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
        const auto id = static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
        if (result > 0)
            in.append(id, static_cast<std::uint32_t>(result));
        else
            pool_.give_back(id);
    }
    const bool was_polled = node.what() == io_node::kind::any || in.is_polled;
    if (was_polled) {
        node.readable = true;
        return;
    }
    if (node.what() == io_node::kind::listener && result >= 0)
        in.append_connection(result);
    else if (result == -ENOBUFS || result == -EAGAIN || result == -EINTR || result == -EINVAL ||
             (result == -ECANCELED && !was_cancelled))
        in.is_polled = true;  // no buffer is free, the socket allows no multishot, or the kernel ended the request
    else if (result <= 0 && result != -ECANCELED &&
             !(node.what() == io_node::kind::listener && is_passed_over(-result)))
        in.ends(-result);
    node.readable = in.has_any();
    if (in.is_full() && in.is_reading && !in.is_cancelling) in.is_cancelling = request_cancel(name(node, reading));
}

}  // namespace netnotes::detail

namespace netnotes::io_backend {
inline detail::owner<detail::io_back_end> io_uring(detail::scheduler& loop, std::error_code& refusal) {
    try {
        return detail::owner<detail::io_back_end>{new detail::io_uring_back_end{loop}};
    } catch (const std::system_error& error) {
        refusal = error.code();
        return nullptr;
    }
}
}  // namespace netnotes::io_backend

#else

namespace netnotes::io_backend {
inline detail::owner<detail::io_back_end> io_uring(detail::scheduler&, std::error_code& refusal) {
    refusal = {ENOSYS, std::system_category()};
    return nullptr;
}
}  // namespace netnotes::io_backend

#endif

#endif  // NETNOTES_CORO_IO_IO_URING_HPP
