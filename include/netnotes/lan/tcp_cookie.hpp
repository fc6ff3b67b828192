// netnotes/lan/tcp_cookie.hpp: initial sequence numbers that nobody guesses, and SYN cookies
// SPDX-License-Identifier: MIT
//
// Where does a connection begin to count? If a stranger could guess, the stranger could send segments in the name of
// the peer. So the number is the output of a keyed hash of both endpoints, plus a clock that makes each next connection
// between the same endpoints begin later (RFC 6528):
//
//        ISN = clock of 4 us + hash(secret, our address and port, the peer's address and port)
//
// A SYN cookie is an initial number as well, of a server that remembers nothing (RFC 4987 §3.6). A SYN costs an
// attacker 60 bytes. If it cost the server an entry in a table until the handshake ends, the table would soon be full:
// the SYN flood. The server therefore writes into its number what it would have remembered, and forgets the SYN:
//
//        ┌───────┬─────┬──────────────────────────────────────────────────┐
//        │ t     │ MSS │ hash(secret, both endpoints, the SYN's number, t) │    t: minutes, about; MSS: one of eight
//        │ 5 bit │ 3   │ 24 bits                                          │
//        └───────┴─────┴──────────────────────────────────────────────────┘
//
// A client that exists acknowledges the number plus one, so the cookie comes back. The server computes the hash again.
// If it is equal, and t is recent, the connection stands. A forged source address never sees the number, and has one
// chance in 16 million per guess. The price: options that do not fit are lost, above all the window scale.
//
// On this page:  initial_sequence() · syn_cookies
// Below it:      ip/keyed_hash.hpp
// The notes:     tcp半链接攻击; example 35

#ifndef NETNOTES_LAN_TCP_COOKIE_HPP
#define NETNOTES_LAN_TCP_COOKIE_HPP

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "../ip/endpoint.hpp"
#include "../ip/keyed_hash.hpp"
#include "../packet/tcp.hpp"

namespace netnotes::lan {

using netnotes::keyed_hash;

/// Returns the number with which a connection begins (RFC 9293 §3.4.1, RFC 6528 §3): the time in units of 4 us, and a
/// hash.
[[nodiscard]] constexpr packet::sequence initial_sequence(const keyed_hash::key& secret, const endpoint& local,
                                                          const endpoint& remote,
                                                          std::chrono::nanoseconds now) noexcept {
    const auto clock = static_cast<std::uint64_t>(now.count()) / 4000;
    return packet::sequence{static_cast<std::uint32_t>(clock + keyed_hash{secret}.add(local).add(remote).value())};
}

/// Makes and checks SYN cookies (RFC 4987 §3.6). A value; it remembers the secret and nothing of any SYN.
class syn_cookies {
  public:
    /// The largest segments that a cookie can tell. A client's is rounded down to one of them.
    static constexpr std::array<std::uint16_t, 8> segment_sizes{216, 536, 768, 1024, 1220, 1360, 1440, 1460};
    /// How long t stays the same. A cookie is valid for one to two of them.
    static constexpr std::chrono::nanoseconds period = std::chrono::seconds{64};

    constexpr explicit syn_cookies(const keyed_hash::key& secret) noexcept : secret_{secret} {}

    /// Returns the server's initial number for a SYN with the number `peers_initial` and that MSS.
    [[nodiscard]] constexpr packet::sequence make(const endpoint& local, const endpoint& remote,
                                                  packet::sequence peers_initial, std::uint16_t segment_size,
                                                  std::chrono::nanoseconds now) const noexcept {
        std::uint32_t index = 0;
        while (index + 1 < segment_sizes.size() && segment_sizes[index + 1] <= segment_size) ++index;
        const std::uint64_t time = time_of(now);
        return packet::sequence{static_cast<std::uint32_t>(time & 31) << 27 | index << 24 |
                                hash(local, remote, peers_initial, time)};
    }
    /// Checks the cookie that an ACK has brought back. Returns the client's MSS, or nullopt if the cookie is forged or
    /// old.
    [[nodiscard]] constexpr std::optional<std::uint16_t> check(packet::sequence cookie, const endpoint& local,
                                                               const endpoint& remote, packet::sequence peers_initial,
                                                               std::chrono::nanoseconds now) const noexcept {
        const std::uint64_t time = time_of(now);
        for (std::uint64_t age = 0; age < 2 && age <= time; ++age) {
            if (((time - age) & 31) != cookie.to_uint() >> 27) continue;
            if (hash(local, remote, peers_initial, time - age) != (cookie.to_uint() & 0xff'ffff)) return std::nullopt;
            return segment_sizes[cookie.to_uint() >> 24 & 7];
        }
        return std::nullopt;
    }

  private:
    [[nodiscard]] static constexpr std::uint64_t time_of(std::chrono::nanoseconds now) noexcept {
        return static_cast<std::uint64_t>(now / period);
    }
    [[nodiscard]] constexpr std::uint32_t hash(const endpoint& local, const endpoint& remote, packet::sequence initial,
                                               std::uint64_t time) const noexcept {
        return static_cast<std::uint32_t>(
            keyed_hash{secret_}.add(local).add(remote).add(initial.to_uint()).add(time).value() & 0xff'ffff);
    }
    keyed_hash::key secret_;
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_COOKIE_HPP
