// netnotes/socket/stale.hpp: the file that a Unix socket leaves behind
// SPDX-License-Identifier: MIT
//
// A Unix socket with a path makes a file, and close() does not remove it. If a server ends without unlink(2), for
// example because it was killed, the file stays. The next start then fails: "Address already in use". To remove every
// such file before bind() would be wrong: it takes the path away from a server that runs.
//
//        /run/my.sock  ── no socket is bound to it ────> stale: may be replaced
//                      ── a socket is bound to it ─────> in use, even if it does not accept just now
//                      ── it is no socket ─────────────> another kind of file: never removed
//
//        net::socket listener{net::address_family::local, net::socket_type::stream};
//        net::bind_replacing_stale(listener, net::unix_endpoint{"/run/my.sock"});
//        listener.listen();
//
// On this page:  is_stale · bind_replacing_stale
// The notes:     bind, close (公共用途的套接字函数); unix(7)

#ifndef NETNOTES_SOCKET_STALE_HPP
#define NETNOTES_SOCKET_STALE_HPP

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "descriptors.hpp"
#include "socket.hpp"

namespace netnotes {

/// Returns true if the path is a socket to which no open socket is bound any more. An abstract name is never stale. The
/// check makes no connection, so a running server does not notice it. Throws std::system_error if the answer cannot be
/// found, for example errc::permission_denied.
[[nodiscard]] bool is_stale(const unix_endpoint& where);
[[nodiscard]] bool is_stale(const unix_endpoint& where, std::error_code& error) noexcept;

/// Binds like socket::bind(), but replaces a stale socket at that path. Throws errc::address_in_use if a socket is bound
/// there or if the file is no socket. If two processes do this at the same time, one of them gets the path and the other
/// gets the error: the folder is locked meanwhile (flock(2)). If the folder cannot be locked, it replaces nothing and
/// throws that error: errc::permission_denied, for example, in a folder that this process may not read.
void bind_replacing_stale(socket& unbound, const unix_endpoint& where);
void bind_replacing_stale(socket& unbound, const unix_endpoint& where, std::error_code& error);

// ========================================================================================================
// How it is done
// ========================================================================================================

inline bool is_stale(const unix_endpoint& where, std::error_code& error) noexcept {
    error.clear();
    if (where.is_abstract() || where.is_unnamed()) return false;
    struct stat status {};
    if (::lstat(where.name().c_str(), &status) != 0) {
        if (errno != ENOENT) error = detail::last_error();
        return false;
    }
    if (!S_ISSOCK(status.st_mode)) return false;
    // A datagram socket: its connect() only looks who is there. For a stream socket that is there it fails with
    // EPROTOTYPE, and the server sees no client.
    socket probe{address_family::local, socket_type::datagram, 0, error};
    if (error) return false;
    probe.connect(where, error);  // does not wait
    const bool is_refused = error == std::errc::connection_refused;
    // A datagram socket that is connected to another socket refuses us with EPERM. It is in use.
    if (is_refused || error == std::errc::wrong_protocol_type || error == std::errc::operation_not_permitted ||
        error == std::errc::no_such_file_or_directory)
        error.clear();
    return is_refused;
}
inline bool is_stale(const unix_endpoint& where) {
    std::error_code error;
    const bool result = is_stale(where, error);
    if (error) detail::throw_error(error, "is_stale ", where.to_string());
    return result;
}

inline void bind_replacing_stale(socket& unbound, const unix_endpoint& where, std::error_code& error) {
    unbound.bind(where, error);
    if (error != std::errc::address_in_use || where.is_abstract()) return;
    const std::error_code in_use = error;
    const std::string& path = where.name();
    const auto slash = path.rfind('/');
    const std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);
    const owned_descriptor lock{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    std::error_code not_locked = lock.is_open() ? std::error_code{} : detail::last_error();
    while (lock.is_open() && ::flock(lock.native_handle(), LOCK_EX) != 0) {
        if (errno == EINTR) continue;
        not_locked = detail::last_error();
        break;
    }
    if (!is_stale(where, error)) {
        error = in_use;
        return;
    }
    if (not_locked) {
        error = not_locked;
        return;
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        error = detail::last_error();
        return;
    }
    unbound.bind(where, error);
}
inline void bind_replacing_stale(socket& unbound, const unix_endpoint& where) {
    std::error_code error;
    bind_replacing_stale(unbound, where, error);
    if (error) detail::throw_error(error, "bind ", where.to_string());
}

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_STALE_HPP
