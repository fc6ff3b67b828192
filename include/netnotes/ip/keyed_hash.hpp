// netnotes/ip/keyed_hash.hpp: a hash that nobody can compute without the key
// SPDX-License-Identifier: MIT
//
// A hash table finds an entry fast because its entries spread over many chains. A stranger who chooses the entries, and
// can compute the hash, chooses entries that share a chain. Each search then walks along all of them:
//
//        hash without a key          hash with a key that the stranger does not know
//        chain 0  a─b─c─d─e─f        chain 0  c
//        chain 1                     chain 1  a─f
//        chain 2                     chain 2  d
//        chain 3                     chain 3  b─e
//
// A server sorts its clients by their addresses, and strangers choose those: a host has 2^64 addresses of its IPv6
// network, and the sender of a datagram can forge any. SipHash is made for such tables (Aumasson and Bernstein, 2012).
// It takes some 20 ns.
//
// On this page:  keyed_hash
// Above it:      socket/random.hpp: a random key; lan/tcp_cookie.hpp: SYN cookies; coro/serve.hpp
// The notes:     tcp半链接攻击; example 35

#ifndef NETNOTES_IP_KEYED_HASH_HPP
#define NETNOTES_IP_KEYED_HASH_HPP

#include <array>
#include <bit>
#include <cstdint>

#include "endpoint.hpp"

namespace netnotes {

/// A hash that nobody can compute without the key: SipHash-2-4 (Aumasson and Bernstein, 2012), over numbers of 64 bits.
class keyed_hash {
  public:
    /// A secret of 128 bits; make it random.
    struct key {
        std::uint64_t first = 0;
        std::uint64_t second = 0;
    };
    constexpr explicit keyed_hash(const key& secret) noexcept
        : v_{secret.first ^ 0x736f6d6570736575, secret.second ^ 0x646f72616e646f6d, secret.first ^ 0x6c7967656e657261,
             secret.second ^ 0x7465646279746573} {}

    /// Takes a number into the hash, or the address and the port of an endpoint.
    constexpr keyed_hash& add(std::uint64_t number) noexcept {
        v_[3] ^= number;
        mix();
        mix();
        v_[0] ^= number;
        size_ += 8;
        return *this;
    }
    constexpr keyed_hash& add(const endpoint& end) noexcept {
        if (end.address().is_v4()) return add(std::uint64_t{end.address().v4().to_uint()} << 16 | end.port());
        const auto address = end.address().v6().to_uint();
        return add(address.high).add(address.low).add(end.port());
    }
    /// Returns the hash of the numbers so far.
    [[nodiscard]] constexpr std::uint64_t value() const noexcept {
        keyed_hash end = *this;
        end.add(std::uint64_t{size_ & 0xff} << 56);  // the last block: no rest, and the length
        end.v_[2] ^= 0xff;
        for (unsigned i = 0; i < 4; ++i) end.mix();
        return end.v_[0] ^ end.v_[1] ^ end.v_[2] ^ end.v_[3];
    }

  private:
    constexpr void mix() noexcept {
        v_[0] += v_[1];
        v_[2] += v_[3];
        v_[1] = std::rotl(v_[1], 13) ^ v_[0];
        v_[3] = std::rotl(v_[3], 16) ^ v_[2];
        v_[0] = std::rotl(v_[0], 32);
        v_[2] += v_[1];
        v_[0] += v_[3];
        v_[1] = std::rotl(v_[1], 17) ^ v_[2];
        v_[3] = std::rotl(v_[3], 21) ^ v_[0];
        v_[2] = std::rotl(v_[2], 32);
    }
    std::array<std::uint64_t, 4> v_;
    std::uint32_t size_ = 0;
};

}  // namespace netnotes

#endif  // NETNOTES_IP_KEYED_HASH_HPP
