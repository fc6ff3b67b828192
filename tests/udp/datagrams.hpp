// What the tests of udp share: every allocation is counted, and small words for datagrams.
// SPDX-License-Identifier: MIT

#pragma once

#include <netnotes/udp/socket.hpp>

#include "../support.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <stdexcept>

using namespace std::chrono_literals;
using namespace std::string_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using support::background;
using support::failure_of;
using support::loopbacks;
using support::open_descriptors;
using support::pattern;

// ---- Every allocation is counted, so that one can see that there was none -------------------------------

// The sanitizers have an operator new of their own, which must not be mixed with another; with them nothing is counted.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define NETNOTES_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NETNOTES_SANITIZED
#endif

namespace {
std::atomic<std::size_t> allocations{0};
}
#ifndef NETNOTES_SANITIZED
// (Not inlined: g++ 12 would then see free() meet a pointer from operator new, and warn.)
[[gnu::noinline]] void* operator new(std::size_t size) {
    ++allocations;
    if (void* const memory = std::malloc(size > 0 ? size : 1)) return memory;
    throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace udp_tests {

constexpr auto a_while = 30ms;
const net::ip_address loopback{net::ipv4_address::loopback()};
const net::endpoint anywhere_on_loopback{loopback, 0};

inline net::address_family family_of(const net::ip_address& address) { return support::family_of(address); }
inline net::udp_socket bound(const net::ip_address& address, net::udp_options options = {}) {
    return net::udp_socket{net::endpoint{address, 0}, options};
}

/// A port on which nobody hears a stranger, and that nobody else gets: its socket talks to itself only.
class deaf_port {
  public:
    explicit deaf_port(const net::ip_address& address) : holder_{bound(address)} {
        holder_.connect(holder_.local_endpoint());
    }
    [[nodiscard]] net::endpoint where() const { return holder_.local_endpoint(); }
    net::udp_socket& open() {
        holder_.disconnect();
        return holder_;
    }

  private:
    net::udp_socket holder_;
};

inline std::string text(std::span<const std::byte> bytes) { return std::string{net::as_text(bytes)}; }
inline std::string receive(net::udp_socket& from) {
    std::vector<std::byte> buffer(65'536);
    return text(from.recv_from(buffer).bytes);
}
inline bool has_nothing(net::udp_socket& socket) {
    std::array<std::byte, 64> buffer;
    std::error_code error;
    socket.recv_from(buffer, error, MSG_DONTWAIT);
    return error == std::errc::operation_would_block;
}
using texts = std::vector<std::string>;
inline texts texts_of(std::span<const net::udp_socket::received> batch) {
    texts all;
    for (const auto& [bytes, sender, truncated] : batch) all.push_back(text(bytes));
    return all;
}

}  // namespace udp_tests

using namespace udp_tests;
