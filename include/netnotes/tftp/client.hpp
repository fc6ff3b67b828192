// netnotes/tftp/client.hpp: getting and putting files with TFTP
// SPDX-License-Identifier: MIT
//
// The machine of tftp/transfer.hpp with a socket and a clock, for a program that waits. (For a task of a loop:
// tftp/async_client.hpp.)
//
//     tftp::client server{{"192.0.2.1", tftp::port}};
//     tftp::file_sink file{"kernel.img", tftp::existing_file::replace};
//     server.get("kernel.img", file, {.block_size = 1428, .window_size = 16});          blocks; throws what went wrong
//
//        transfer ──next()──> send_segments(2)      a window goes out in one call
//           ^                      |
//           └──receive()── recv_batch(2) <── wait until deadline() ──> expired()
//
// A file that has come is in the sink when the call returns, whole; else it throws, and the sink was not finished. See
// tftp/file.hpp for sinks that then leave no trace.
//
// On this page:  request · client
// The notes:     tftp 客户端 示例代码 (the client); example 14

#ifndef NETNOTES_TFTP_CLIENT_HPP
#define NETNOTES_TFTP_CLIENT_HPP

#include <time.h>  // linux/errqueue.h needs it

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../udp/socket.hpp"
#include "transfer.hpp"

namespace netnotes::tftp {

/// The options of a client's transfer that are not in `settings`.
struct request {
    tftp::mode mode = mode::octet;
    time_point deadline = time_point::max();  ///< of the whole transfer, which then fails with errc::timed_out
    /// Ends the transfer with errc::operation_canceled. In a task leave it empty, and cancel the task instead.
    const stop_event* stop = nullptr;
    /// The client calls this function now and then, and at the end. It gets the bytes of the file so far, and the size
    /// of the file if it is known.
    std::function<void(std::uint64_t bytes, std::optional<std::uint64_t> of)> progress{};
};

/// A client that blocks. The object remembers how fast the last transfer was, and asks for no window that would take
/// too long at that rate: see settings::link_rate. Only one thread at a time may use it.
class client {
  public:
    /// Sends nothing yet. Port 69 unless the server has another.
    explicit client(const endpoint& server) : server_{server} {}

    /// Reads the file of that name into the sink. Blocks, and returns how the transfer went. Throws std::system_error:
    /// a tftp::error with the server's words, errc::timed_out if nothing is heard for settings::patience, or the sink's
    /// error. Throws std::invalid_argument for a name that no request can carry.
    outcome get(std::string_view file_name, sink& into, const settings& wishes = {}, const request& more = {});
    /// Writes the bytes of the source to the file `file_name` of the server. Blocks, returns and throws as get() does.
    outcome put(source& from, std::string_view file_name, const settings& wishes = {}, const request& more = {});
    /// Read and write, but throw no std::system_error: `error` and the returned outcome say what went wrong.
    outcome get(std::string_view file_name, sink& into, const settings& wishes, const request& more,
                std::error_code& error);
    outcome put(source& from, std::string_view file_name, const settings& wishes, const request& more,
                std::error_code& error);

  private:
    endpoint server_;
    std::uint64_t rate_ = 0;  // of the last transfer with a window: bytes a second
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// "get kernel.img from 192.0.2.1:69: File not found (no such image)"
[[noreturn]] inline void fail(const char* what, std::string_view file_name, const char* direction,
                              const endpoint& server, const outcome& result) {
    std::string words = what;
    words += file_name;
    words += direction;
    words += server.to_string();
    if (!result.message.empty()) {
        words += result.is_from_peer ? " says " : ": ";
        words += result.is_from_peer ? netnotes::quoted(result.message) : result.message;
    }
    throw std::system_error{result.error, words};
}

/// A socket for one transfer. Datagrams that the kernel has merged are taken apart again.
class transfer_socket {
  public:
    /// Throws std::system_error.
    transfer_socket(const endpoint& local, bool has_window)
        : socket_{local}, batch_{has_window ? 8u : 2u, datagram_batch::any_size} {
        if (has_window) {
            // The kernel must have room for a whole window. Otherwise it drops datagrams, and they are sent again and
            // again.
            constexpr int wished = 4 << 20;
            std::error_code as_much_as_allowed;
            socket_.set_option(SOL_SOCKET, SO_RCVBUF, std::as_bytes(std::span{&wished, 1}), as_much_as_allowed);
            socket_.enable_receive_offload(as_much_as_allowed);
        }
        // If no program listens there, an ICMP error arrives at once. A socket without a peer gets it only if it asks
        // for it (ip(7)).
        constexpr int yes = 1;
        const auto on = std::as_bytes(std::span{&yes, 1});
        std::error_code unimportant;
        socket_.set_option(IPPROTO_IP, IP_RECVERR, on, unimportant);
        if (local.address().is_v6()) socket_.set_option(IPPROTO_IPV6, IPV6_RECVERR, on, unimportant);
        socket_.set_blocking(false);
    }
    [[nodiscard]] udp_socket& socket() noexcept { return socket_; }

    /// Hands over all that is to be sent. False when the socket takes no more for now.
    bool send(transfer& one) noexcept {
        for (bool is_first_try = true;;) {
            if (unsent_.bytes.empty()) unsent_ = one.next();
            if (unsent_.bytes.empty()) return true;
            std::error_code error;
            if (unsent_.bytes.size() <= unsent_.segment)
                socket_.send_to(unsent_.bytes, unsent_.to, error);
            else {
                const std::size_t sent = socket_.send_segments(unsent_.bytes, unsent_.segment, unsent_.to, error);
                unsent_.bytes = unsent_.bytes.subspan(std::min(sent * unsent_.segment, unsent_.bytes.size()));
            }
            if (error == std::errc::operation_would_block || error == std::errc::no_buffer_space) return false;
            // The kernel reports an ICMP error of an earlier datagram instead of sending this datagram.
            if (error && read_errors(one) && !one.has_ended() && std::exchange(is_first_try, false)) continue;
            is_first_try = true;
            // Whatever else it is (no route, a firewall), it may pass: to the machine the datagram is lost.
            unsent_ = {};
            if (error) failure_ = error;
        }
    }
    /// Handles the received datagrams. Returns false if more may be waiting. This happens if the send buffer is full,
    /// or after many datagrams, so that timers and a stop have their turn.
    bool receive(transfer& one, time_point now) noexcept {
        constexpr int rounds = 64;
        for (int round = 0; round < rounds; ++round) {
            if (one.has_ended()) return true;
            std::error_code error;
            const auto all = socket_.recv_batch(batch_, error);
            for (const auto& each : all) take(one, each, now);
            if (!all.empty()) forget_unsent(one);
            if (error == std::errc::operation_would_block) {
                // Woken for nothing? Then by an error that a send has reported, and that is still in the queue.
                if (round == 0) read_errors(one);
                return true;
            }
            if (error) read_errors(one);  // of an earlier datagram: nobody listens there, say
            if (!send(one)) return false;
            // Room was left, so that was all: in lock-step a second call for each block would bring nothing.
            if (!error && all.size() < batch_.count()) return true;
        }
        return false;
    }
    /// Returns the error of the last send or receive that failed. It may be the reason for the silence of the server.
    [[nodiscard]] const std::error_code& failure() const noexcept { return failure_; }
    /// Drops the datagrams that found no room, because the machine may now want to send others.
    void forget_unsent(const transfer& one) noexcept {
        if (!one.still_goes()) unsent_ = {};
    }
    void forget_failure() noexcept { failure_.clear(); }

  private:
    /// Reads the ICMP errors of sent datagrams. Returns true if there was one. Each names its datagram, so an error of
    /// another address does not end the transfer.
    bool read_errors(transfer& one) noexcept {
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
            if (::recvmsg(socket_.native_handle(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;
            to.resize(message.msg_namelen);
            for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
                if (!(part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) &&
                    !(part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR))
                    continue;
                sock_extended_err what;
                std::memcpy(&what, CMSG_DATA(part), sizeof what);
                if (!to.is_ip() || to.ip() != one.peer()) continue;
                failure_ = {static_cast<int>(what.ee_errno), std::system_category()};
                if (what.ee_errno == ECONNREFUSED && what.ee_origin != SO_EE_ORIGIN_LOCAL) one.unreachable(to.ip());
            }
        }
        return count > 0;
    }
    void take(transfer& one, const udp_socket::received& datagram, time_point now) noexcept {
        forget_failure();
        if (!datagram.truncated) one.receive(datagram.sender, datagram.bytes, now);
    }
    udp_socket socket_;
    datagram_batch batch_;
    transfer::outgoing unsent_{};
    std::error_code failure_;
};

/// The local end of a socket that talks to that server.
inline endpoint any_port_for(const endpoint& server) {
    if (server.address().is_v4()) return {ipv4_address::any(), 0};
    return {ipv6_address::any(), 0};
}
/// As recv_from() will name it: a zone as a number.
inline endpoint as_received(const endpoint& server) { return socket_address{server}.ip(); }

class progress_teller {
  public:
    explicit progress_teller(const request& more) noexcept : more_{more} {}
    void tell(const transfer& one, bool is_last) {
        if (!more_.progress) return;
        // A call for each of a million blocks would cost more than the blocks.
        const outcome& so_far = one.result();
        if (!is_last && so_far.bytes - told_ < 64 * 1024) return;
        told_ = so_far.bytes;
        more_.progress(so_far.bytes, so_far.size);
    }

  private:
    const request& more_;
    std::uint64_t told_ = 0;
};

inline void give_up(transfer& one, transfer_socket& socket, std::errc why, std::string_view words) noexcept {
    one.abort(error::not_defined, std::make_error_code(why), words);
    socket.forget_unsent(one);
    socket.send(one);
}

/// Calls the progress function. If it throws, the transfer is aborted and the server is told.
inline void tell(progress_teller& teller, transfer& one, transfer_socket& socket) {
    try {
        teller.tell(one, false);
    } catch (...) {
        give_up(one, socket, std::errc::operation_canceled, "stopped");
        throw;
    }
}

/// The event that ended a wait. False when nobody waits any longer: it is given up, or was decided already and only
/// stayed for the peer's sake.
inline bool react(transfer& one, transfer_socket& socket, const request& more, const std::error_code& error,
                  time_point now, bool& is_drained) {
    if (error == std::errc::operation_canceled)
        give_up(one, socket, std::errc::operation_canceled, "stopped");
    else if (error && error != std::errc::timed_out)
        throw std::system_error{error, "wait for a TFTP server"};
    else if (now >= more.deadline) {
        socket.forget_failure();
        give_up(one, socket, std::errc::timed_out, "it takes too long");
    } else {
        is_drained = socket.receive(one, now);
        if (now >= one.deadline()) {
            one.expired(now);
            socket.forget_unsent(one);
        }
        return true;
    }
    return false;
}

/// Returns the settings with the measured rate, unless the caller knows a rate.
inline settings with_rate(settings wishes, std::uint64_t rate) noexcept {
    if (wishes.link_rate == 0) wishes.link_rate = rate;
    return wishes;
}
/// Learns the rate of the link from a finished transfer. In lock-step the time depends on the round trips and not on
/// the link, and a short file says little, so these are ignored.
inline void learn_rate(std::uint64_t& rate, const outcome& result, duration took) noexcept {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    if (result.window_size == 1 || result.blocks <= result.window_size || milliseconds <= 0) return;
    rate = result.blocks * result.block_size * 1'000 / static_cast<std::uint64_t>(milliseconds);
}

inline outcome run(transfer& one, transfer_socket& socket, const request& more) {
    progress_teller teller{more};
    one.begin(clock::now());
    for (;;) {
        const bool all_sent = socket.send(one);
        if (one.has_ended()) break;
        std::error_code error;
        bool is_drained = true;  // if it is not, the next wait ends at once
        // A socket with a stop could send nothing after the stop, but the server must get an error.
        netnotes::detail::wait_for(socket.socket().native_handle(), all_sent ? POLLIN : POLLOUT, more.stop,
                                   std::min(one.deadline(), more.deadline), error);
        if (!react(one, socket, more, error, clock::now(), is_drained)) break;
        tell(teller, one, socket);
    }
    teller.tell(one, true);
    return one.result();
}

/// Silence has a reason now and then, and the socket knows it.
inline outcome explained(outcome result, const transfer_socket& socket) {
    if (result.error == std::errc::timed_out && socket.failure()) {
        result.error = socket.failure();
        result.message = "nothing was received";
    }
    return result;
}

}  // namespace detail

inline outcome client::get(std::string_view file_name, sink& into, const settings& wishes, const request& more,
                           std::error_code& error) {
    transfer one{detail::as_received(server_), file_name, more.mode, into, detail::with_rate(wishes, rate_)};
    detail::transfer_socket socket{detail::any_port_for(server_), wishes.window_size > 1};
    const time_point began = clock::now();
    outcome result = detail::explained(detail::run(one, socket, more), socket);
    detail::learn_rate(rate_, result, clock::now() - began);
    error = result.error;
    return result;
}
inline outcome client::put(source& from, std::string_view file_name, const settings& wishes, const request& more,
                           std::error_code& error) {
    transfer one{detail::as_received(server_), file_name, more.mode, from, detail::with_rate(wishes, rate_)};
    detail::transfer_socket socket{detail::any_port_for(server_), false};
    const time_point began = clock::now();
    outcome result = detail::explained(detail::run(one, socket, more), socket);
    detail::learn_rate(rate_, result, clock::now() - began);
    error = result.error;
    return result;
}
inline outcome client::get(std::string_view file_name, sink& into, const settings& wishes, const request& more) {
    std::error_code error;
    outcome result = get(file_name, into, wishes, more, error);
    if (error) detail::fail("get ", file_name, " from ", server_, result);
    return result;
}
inline outcome client::put(source& from, std::string_view file_name, const settings& wishes, const request& more) {
    std::error_code error;
    outcome result = put(from, file_name, wishes, more, error);
    if (error) detail::fail("put ", file_name, " to ", server_, result);
    return result;
}

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_CLIENT_HPP
