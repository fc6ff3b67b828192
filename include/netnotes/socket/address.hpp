// netnotes/socket/address.hpp: the names of sockets
// SPDX-License-Identifier: MIT
//
// A socket's name depends on its family. TCP and UDP use an address and a port. A conversation inside one machine uses
// a path in the file system. The kernel takes every name as a `sockaddr`, a structure whose first field tells its real
// type. This header converts our values to that structure and back. Only this header deals with byte order, structure
// sizes and interface numbers.
//
//        endpoint 192.0.2.1:80  ──┐                        ┌──> sockaddr_in    bytes on the wire: 00 50 c0 00 02 01
//        endpoint [fe80::1%2]:80 ─┼──> socket_address ─────┼──> sockaddr_in6   port, address, and the 2 beside it
//        unix_endpoint "/run/x"  ─┘                        └──> sockaddr_un
//
// On this page:  unix_endpoint · socket_address
// Above it:      socket/resolve.hpp, the names of hosts
// The notes:     socket, Python创建socket (families), socket 简单服务器 (gethostname); examples 01 and 10

#ifndef NETNOTES_SOCKET_ADDRESS_HPP
#define NETNOTES_SOCKET_ADDRESS_HPP

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "../ip/algorithm.hpp"
#include "../ip/endpoint.hpp"

namespace netnotes {

namespace detail {
struct write_net_endpoint_or_net_unix_endpoint_around_the_text;  // see tests/package/mistakes.txt
}

// ---- Names of sockets ----------------------------------------------------------------------------------

/// The family of a socket's addresses (socket(2)).
enum class address_family : int { unspecified = AF_UNSPEC, inet = AF_INET, inet6 = AF_INET6, local = AF_UNIX };

/// How a socket moves its bytes (socket(2)).
enum class socket_type : int {
    stream = SOCK_STREAM,               ///< a connection, bytes in order without borders: TCP.
    datagram = SOCK_DGRAM,              ///< no connection, single messages: UDP.
    sequenced_packet = SOCK_SEQPACKET,  ///< a connection that keeps the messages' borders; AF_UNIX has it
    raw = SOCK_RAW,                     ///< whole packets of a protocol below the ports: ICMP. For root (raw(7))
};

/// The name of a socket for conversations inside one machine (unix(7)). It is a path in the file system, a name in the
/// kernel's *abstract* namespace (Linux), or empty. An abstract name needs no file and vanishes with its socket.
class unix_endpoint {
  public:
    static constexpr std::size_t max_size = sizeof(sockaddr_un::sun_path);  ///< 108 bytes; abstract, one fewer

    /// Creates an empty name, as a client without bind() has.
    unix_endpoint() noexcept = default;
    /// Takes a path. Throws std::invalid_argument if it is empty, holds a NUL, or is longer than max_size.
    explicit unix_endpoint(std::string_view path) : unix_endpoint{path, kind::path} {
        if (path.empty() || path.find('\0') != path.npos)
            throw std::invalid_argument{"a socket's path is empty or contains a NUL"};
    }
    /// Returns an abstract name of any bytes. Throws std::invalid_argument if it is longer than max_size.
    static unix_endpoint abstract(std::string_view name) { return {name, kind::abstract}; }

    /// Returns the path, or the bytes of an abstract name; empty for an unnamed endpoint.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Returns true if the name is abstract: it lies in the kernel, and there is no file of this name.
    [[nodiscard]] bool is_abstract() const noexcept { return is_abstract_; }
    /// Returns true for a socket that was never bound, for example a client.
    [[nodiscard]] bool is_unnamed() const noexcept { return name_.empty() && !is_abstract_; }
    /// Returns the path, `@name` for an abstract name (as ss(8) does), or `(unnamed)`, for a terminal or a log. A peer
    /// chooses its name, so the text is visible(): a line feed in the name is `\n`. name() has the bytes themselves.
    [[nodiscard]] std::string to_string() const {
        return is_unnamed() ? "(unnamed)" : visible(is_abstract_ ? detail::joined('@', name_) : name_);
    }
    friend bool operator==(const unix_endpoint&, const unix_endpoint&) = default;
    /// Writes to_string().
    template <class Traits>
    friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                                        const unix_endpoint& name) {
        const std::string text = name.to_string();
        return out << std::basic_string_view<char, Traits>(text.data(), text.size());
    }

  private:
    enum class kind : bool { path, abstract };  // no bool: {"127.0.0.1", 80} must not fit
    unix_endpoint(std::string_view name, kind what) : name_{name}, is_abstract_{what == kind::abstract} {
        if (name.size() + is_abstract_ > max_size)
            throw std::invalid_argument{"a Unix socket's name has at most " + std::to_string(max_size) + " bytes"};
    }
    std::string name_;
    bool is_abstract_ = false;
};

/// The address of a socket of any family, which the kernel calls a sockaddr. It hides byte order, structure sizes and
/// zones.
class socket_address {
  public:
    /// Creates an address without a family.
    socket_address() noexcept = default;
    /// Takes an IP endpoint. A zone that is not a number is the name of an interface. Throws std::system_error if no
    /// interface has that name.
    socket_address(const endpoint& where);  // NOLINT(google-explicit-constructor)
    socket_address(const unix_endpoint& where) noexcept;
    template <class Text, class Advice = detail::write_net_endpoint_or_net_unix_endpoint_around_the_text>
    requires std::is_convertible_v<const Text&, std::string_view>
    socket_address(const Text&) = delete;

    /// Returns the family, or address_family::unspecified if there is no address.
    [[nodiscard]] address_family family() const noexcept { return static_cast<address_family>(storage_.any.sa_family); }
    /// Returns true for an address with a port, of IPv4 or IPv6.
    [[nodiscard]] bool is_ip() const noexcept {
        return family() == address_family::inet || family() == address_family::inet6;
    }
    /// Returns the IP endpoint. Its zone is the interface's number: `fe80::1%2`. Throws
    /// std::invalid_argument if this is not the address of an IP socket.
    [[nodiscard]] endpoint ip() const;
    /// Returns the name of a Unix socket. The name is empty if there is no address, as for a datagram whose sender did
    /// not bind.
    [[nodiscard]] unix_endpoint local() const;
    /// Returns the text of the endpoint, or `(no address)`.
    [[nodiscard]] std::string to_string() const;

    /// Returns the bytes of the address and their number, for system calls. resize() takes the number that a call
    /// has written.
    [[nodiscard]] const sockaddr* data() const noexcept { return &storage_.any; }
    [[nodiscard]] sockaddr* data() noexcept { return &storage_.any; }
    [[nodiscard]] socklen_t size() const noexcept { return size_; }
    void resize(socklen_t size) noexcept {
        // Behind a path of 108 bytes the kernel keeps and counts a NUL, but does not accept it back (unix(7), BUGS).
        size_ = family() == address_family::local ? detail::min(size, socklen_t{sizeof(sockaddr_un)}) : size;
    }
    static constexpr socklen_t capacity = sizeof(sockaddr_storage);

    friend bool operator==(const socket_address& a, const socket_address& b) {
        if (a.is_ip() && b.is_ip()) return a.ip() == b.ip();  // flow labels and padding do not count
        if (a.family() == address_family::unspecified) return b.family() == a.family();  // the kernel's size is 0
        return a.size_ == b.size_ && std::memcmp(a.data(), b.data(), a.size_) == 0;
    }
    /// Writes to_string().
    template <class Traits>
    friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                                        const socket_address& address) {
        const std::string text = address.to_string();
        return out << std::basic_string_view<char, Traits>(text.data(), text.size());
    }

  private:
    union {
        sockaddr_storage whole{};  // first, so that all of it is zero
        sockaddr any;
        sockaddr_in inet;
        sockaddr_in6 inet6;
        sockaddr_un local;
    } storage_;
    socklen_t size_ = sizeof(sa_family_t);
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {
inline std::error_code last_error() noexcept { return {errno, std::system_category()}; }
/// Returns true if a call failed because the system has no IPv6, and `::` means more than IPv6. Without the protocol
/// there is no socket (EAFNOSUPPORT). If IPv6 is switched off, there is no address (EADDRNOTAVAIL).
inline bool may_do_without_ipv6(const endpoint& where, const std::error_code& error) noexcept {
    return where.address() == ip_address{ipv6_address::any()} &&
           (error.value() == EAFNOSUPPORT || error.value() == EADDRNOTAVAIL) &&
           error.category() == std::system_category();
}
/// Throws the error with the joined texts in front. Not inlined: it is cold, and a hundred functions call it.
[[noreturn, gnu::cold, gnu::noinline]] inline void throw_error(const std::error_code& error, const text_part& a,
                                                    const text_part& b = {}, const text_part& c = {},
                                                    const text_part& d = {}, const text_part& e = {},
                                                    const text_part& f = {}, const text_part& g = {},
                                                    const text_part& h = {}, const text_part& i = {}) {
    throw std::system_error{error, joined(a, b, c, d, e, f, g, h, i)};
}
}  // namespace detail

// ---- socket_address

inline socket_address::socket_address(const endpoint& where) {
    if (where.address().is_v4()) {
        storage_.inet.sin_family = AF_INET;
        storage_.inet.sin_port = htons(where.port());
        storage_.inet.sin_addr.s_addr = htonl(where.address().v4().to_uint());
        size_ = sizeof storage_.inet;
        return;
    }
    const ipv6_address address = where.address().v6();
    const auto octets = address.to_octets();
    storage_.inet6.sin6_family = AF_INET6;
    storage_.inet6.sin6_port = htons(where.port());
    std::memcpy(&storage_.inet6.sin6_addr, octets.data(), octets.size());
    size_ = sizeof storage_.inet6;
    if (const std::string_view zone = address.zone(); !zone.empty()) {
        std::uint32_t index = 0;
        const auto [end, error] = std::from_chars(zone.data(), zone.data() + zone.size(), index);
        if (error != std::errc{} || end != zone.data() + zone.size()) {
            index = ::if_nametoindex(std::string{zone}.c_str());
            if (index == 0) detail::throw_error(detail::last_error(), "zone of ", address.to_string());
        }
        storage_.inet6.sin6_scope_id = index;
    }
}

inline socket_address::socket_address(const unix_endpoint& where) noexcept {
    storage_.local.sun_family = AF_UNIX;
    if (where.is_unnamed()) return;
    const std::size_t nul = where.is_abstract() ? 1 : 0;  // an abstract name begins with a NUL, a path ends with a NUL
    std::memcpy(storage_.local.sun_path + nul, where.name().data(), where.name().size());
    const std::size_t size = detail::min(where.name().size() + 1, unix_endpoint::max_size);
    size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
}

inline endpoint socket_address::ip() const {
    if (family() == address_family::inet)
        return {ipv4_address{ntohl(storage_.inet.sin_addr.s_addr)}, ntohs(storage_.inet.sin_port)};
    if (family() != address_family::inet6)
        throw std::invalid_argument{detail::joined("not the address of an IP socket: ", to_string())};
    std::array<std::uint8_t, 16> octets{};
    std::memcpy(octets.data(), &storage_.inet6.sin6_addr, octets.size());
    // (An IPv4-mapped address has no zone, whatever getaddrinfo() puts there.)
    const ipv6_address address = ipv6_address{octets}.with_zone_number(storage_.inet6.sin6_scope_id);
    return {address, ntohs(storage_.inet6.sin6_port)};
}

inline unix_endpoint socket_address::local() const {
    if (family() == address_family::unspecified) return {};
    if (family() != address_family::local)
        throw std::invalid_argument{detail::joined("not the address of a Unix socket: ", to_string())};
    const std::size_t size = size_ > offsetof(sockaddr_un, sun_path) ? size_ - offsetof(sockaddr_un, sun_path) : 0;
    if (size == 0) return {};
    if (storage_.local.sun_path[0] == '\0') return unix_endpoint::abstract({storage_.local.sun_path + 1, size - 1});
    return unix_endpoint{std::string_view{storage_.local.sun_path, ::strnlen(storage_.local.sun_path, size)}};
}

inline std::string socket_address::to_string() const {
    if (is_ip()) return ip().to_string();
    if (family() == address_family::local) return local().to_string();
    if (family() == address_family::unspecified) return "(no address)";
    return detail::joined("(address family ", std::to_string(storage_.any.sa_family), ')');
}

namespace detail {
/// Converts an address without throwing. Fails if its zone names no interface.
inline socket_address to_socket_address(const endpoint& where, std::error_code& error) noexcept {
    error.clear();
    try {
        return where;
    } catch (const std::system_error& failure) {
        error = failure.code();
    } catch (const std::bad_alloc&) {
        error = std::make_error_code(std::errc::not_enough_memory);
    }
    return {};
}
}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_ADDRESS_HPP
