// netnotes/socket/descriptors.hpp: descriptors that travel over a Unix socket
// SPDX-License-Identifier: MIT
//
// A Unix socket joins two programs of one machine. So it can carry more than bytes: open descriptors, and the identity
// of the peer. A number alone would mean nothing in another process. The kernel therefore installs the same open file
// in the receiver, under a new number (unix(7), SCM_RIGHTS).
//
//        process 1                                               process 2
//        descriptor 5 ──┐ send_descriptors ───────────────────>  recv_descriptors ┌── descriptor 9
//                       └──────────────> one open file <──────────────────────────┘
//
//        net::send_descriptors(there, std::array{file, client.native_handle()}, "two of them");
//
//        auto got = net::recv_descriptors(here, buffer);
//        net::socket client{got.descriptors[1].release()};
//
// A server uses this to hand a connection to a worker, and systemd to hand a listener to a server. peer_credentials()
// tells which user runs the peer, as the kernel knows it, so the peer cannot lie.
//
// On this page (coro/descriptors.hpp has the same for tasks):
//                owned_descriptor · send_descriptors · recv_descriptors · credentials · peer_credentials
// The notes:     公共用途的套接字函数; fileno(); unix(7), cmsg(3)

#ifndef NETNOTES_SOCKET_DESCRIPTORS_HPP
#define NETNOTES_SOCKET_DESCRIPTORS_HPP

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "../ip/algorithm.hpp"
#include "buffer.hpp"
#include "socket.hpp"

namespace netnotes {

/// Owns a descriptor and closes it in its destructor. It can be moved, not copied.
class owned_descriptor {
  public:
    /// Creates an empty owner: is_open() returns false.
    owned_descriptor() noexcept = default;
    /// Takes over an open descriptor.
    explicit owned_descriptor(int descriptor) noexcept : descriptor_{descriptor} {}
    owned_descriptor(owned_descriptor&& other) noexcept : descriptor_{other.release()} {}
    owned_descriptor& operator=(owned_descriptor&& other) noexcept {
        owned_descriptor taken{std::move(other)};
        std::swap(descriptor_, taken.descriptor_);
        return *this;
    }
    ~owned_descriptor() {
        if (is_open()) ::close(descriptor_);
    }
    /// Returns false after release(), and for an object that was moved away.
    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
    /// Returns the descriptor, which this object keeps; -1 if it is closed.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_; }
    /// Returns the descriptor, which the caller must close.
    [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

  private:
    int descriptor_ = -1;
};

/// The most descriptors that one message can carry (SCM_MAX_FD of the kernel).
inline constexpr std::size_t max_descriptors = 253;

/// Sends the bytes, and with the first of them the descriptors. They stay open here, and the caller may close them once
/// the call has returned. At least one byte is needed, because a stream carries no message without bytes. Fails with
/// errc::invalid_argument without bytes or with more than max_descriptors. In all else it is like socket::send_all().
/// On an error the second form returns how many bytes the kernel took. If it took any, the descriptors have left as
/// well.
void send_descriptors(socket& to, std::span<const int> descriptors, const_buffer bytes);
std::size_t send_descriptors(socket& to, std::span<const int> descriptors, const_buffer bytes,
                             std::error_code& error) noexcept;

/// A message with descriptors.
struct received_descriptors {
    std::span<std::byte> bytes;                 ///< the part of the buffer that was filled; empty: end of the stream
    std::vector<owned_descriptor> descriptors;  ///< in the order of the sender, close-on-exec
    bool truncated = false;                     ///< a datagram was longer than the buffer, and its rest is lost
};
/// Receives bytes, and the descriptors that came with them. On a stream one call never mixes the bytes of two messages
/// with descriptors (unix(7)).
///
/// If a message brings more descriptors than `max_count`, all of its descriptors are closed, and the call fails with
/// errc::message_size. If this process may open no more descriptors, it fails with errc::too_many_files_open in the
/// same way. So a stranger cannot fill the process with descriptors that no code knows. The second form then still
/// returns the bytes. A plain recv() takes no descriptors: the kernel closes them.
[[nodiscard]] received_descriptors recv_descriptors(socket& from, mutable_buffer buffer, std::size_t max_count = 16);
[[nodiscard]] received_descriptors recv_descriptors(socket& from, mutable_buffer buffer, std::size_t max_count,
                                                    std::error_code& error);

/// The process at the other end of a Unix socket, at the time when it connected or called listen() or socketpair().
struct credentials {
    pid_t process = 0;
    uid_t user = 0;
    gid_t group = 0;
    friend bool operator==(const credentials&, const credentials&) = default;
};
/// Returns the credentials of a connected Unix socket's peer (SO_PEERCRED). Throws std::system_error, for example
/// errc::not_connected. For a socket of another family it is errc::operation_not_supported.
[[nodiscard]] credentials peer_credentials(const socket& connection);
[[nodiscard]] credentials peer_credentials(const socket& connection, std::error_code& error) noexcept;

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
struct descriptor_messages {
    using room = std::array<char, CMSG_SPACE(sizeof(int) * max_descriptors)>;  // to be aligned as a cmsghdr
    /// Room for data that the kernel puts before the descriptors if the program has asked for it: the sender's
    /// credentials and its pidfd (SO_PASSCRED, SO_PASSPIDFD, unix(7)).
    static constexpr std::size_t room_before = CMSG_SPACE(sizeof(::ucred)) + CMSG_SPACE(sizeof(int));

    static std::size_t send(socket& to, std::span<const int> descriptors, const_buffer bytes,
                            std::error_code& error) noexcept {
        error = std::make_error_code(std::errc::invalid_argument);
        if (bytes.empty() || descriptors.size() > max_descriptors) return 0;
        alignas(cmsghdr) room control{};
        iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        if (!descriptors.empty()) {
            message.msg_control = control.data();
            message.msg_controllen =
                static_cast<decltype(message.msg_controllen)>(CMSG_SPACE(descriptors.size_bytes()));
            cmsghdr header{};
            header.cmsg_level = SOL_SOCKET;
            header.cmsg_type = SCM_RIGHTS;
            header.cmsg_len = static_cast<decltype(header.cmsg_len)>(CMSG_LEN(descriptors.size_bytes()));
            std::memcpy(control.data(), &header, sizeof header);
            std::memcpy(control.data() + CMSG_LEN(0), descriptors.data(), descriptors.size_bytes());
        }
        const time_point until = to.end_of_call();  // of both parts together
        const auto first = to.attempt([&] { return ::sendmsg(to.native_handle(), &message, MSG_NOSIGNAL); }, POLLOUT, 0,
                                      until, error);
        if (first < 0) return 0;
        const auto sent = static_cast<std::size_t>(first);
        return sent == bytes.size() ? sent : sent + to.send_all_until(bytes.subspan(sent), until, error);
    }

    static received_descriptors receive(socket& from, mutable_buffer buffer, std::size_t max_count,
                                        std::error_code& error) {
        max_count = detail::min(max_count, max_descriptors);
        received_descriptors result;
        result.descriptors.reserve(max_count + room_before / sizeof(int));  // before the call: an exception after it would lose descriptors
        alignas(cmsghdr) std::array<char, room_before + std::tuple_size_v<room>> control{};
        msghdr message{};
        const auto size = from.attempt(
            [&] {
                iovec part{buffer.data(), buffer.size()};
                message = {};
                message.msg_iov = &part;
                message.msg_iovlen = 1;
                message.msg_control = control.data();
                // CMSG_SPACE() rounds up, and the kernel would use that room for one descriptor more.
                message.msg_controllen =
                    static_cast<decltype(message.msg_controllen)>(room_before + CMSG_LEN(sizeof(int) * max_count));
                return ::recvmsg(from.native_handle(), &message, MSG_CMSG_CLOEXEC);
            },
            POLLIN, 0, time_point::min(), error);
        if (size < 0) return result;
        result.bytes = buffer.first(detail::min(static_cast<std::size_t>(size), buffer.size()));
        result.truncated = (message.msg_flags & MSG_TRUNC) != 0;
        if (message.msg_controllen > 0)
            for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
                constexpr int pidfd_of_sender = 4;  // SCM_PIDFD, which old headers lack
                if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == pidfd_of_sender) {
                    int unwanted = -1;
                    if (read_note(*part, unwanted)) static_cast<void>(owned_descriptor{unwanted});
                }
                if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
                for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= part->cmsg_len; at += sizeof(int)) {
                    int descriptor = -1;
                    std::memcpy(&descriptor, reinterpret_cast<const char*>(part) + at, sizeof descriptor);
                    result.descriptors.emplace_back(descriptor);
                }
            }
        // Without credentials their room holds some descriptors more than the caller wants.
        if ((message.msg_flags & MSG_CTRUNC) != 0 || result.descriptors.size() > max_count) {
            error = std::make_error_code(result.descriptors.size() < max_count ? std::errc::too_many_files_open
                                                                               : std::errc::message_size);
            result.descriptors.clear();
        }
        return result;
    }

    [[noreturn]] static void fail(const socket& connection, const std::error_code& error, const char* what) {
        connection.fail_with_peer(error, what);
    }
};
}  // namespace detail

inline std::size_t send_descriptors(socket& to, std::span<const int> descriptors, const_buffer bytes,
                                    std::error_code& error) noexcept {
    return detail::descriptor_messages::send(to, descriptors, bytes, error);
}
inline void send_descriptors(socket& to, std::span<const int> descriptors, const_buffer bytes) {
    std::error_code error;
    send_descriptors(to, descriptors, bytes, error);
    if (error) detail::descriptor_messages::fail(to, error, "send_descriptors to");
}

inline received_descriptors recv_descriptors(socket& from, mutable_buffer buffer, std::size_t max_count,
                                             std::error_code& error) {
    return detail::descriptor_messages::receive(from, buffer, max_count, error);
}
inline received_descriptors recv_descriptors(socket& from, mutable_buffer buffer, std::size_t max_count) {
    std::error_code error;
    received_descriptors result = recv_descriptors(from, buffer, max_count, error);
    if (error) detail::descriptor_messages::fail(from, error, "recv_descriptors from");
    return result;
}

inline credentials peer_credentials(const socket& connection, std::error_code& error) noexcept {
    ::ucred raw{};
    const std::size_t size =
        connection.get_option(SOL_SOCKET, SO_PEERCRED, detail::room_of(raw), error);
    if (error || size < sizeof raw) return {};
    const socket_address local = connection.local_endpoint(error);
    if (!error && local.family() != address_family::local)
        error = std::make_error_code(std::errc::operation_not_supported);
    else if (!error && raw.pid == 0 && raw.uid == static_cast<uid_t>(-1))  // the kernel's word for "nobody"
        error = std::make_error_code(std::errc::not_connected);
    return error ? credentials{} : credentials{raw.pid, raw.uid, raw.gid};
}
inline credentials peer_credentials(const socket& connection) {
    std::error_code error;
    const credentials result = peer_credentials(connection, error);
    if (error) detail::throw_error(error, "peer_credentials");
    return result;
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_DESCRIPTORS_HPP
