// netnotes/ip/interface.hpp: an address together with its network
// SPDX-License-Identifier: MIT
//
// A host's configuration says both at once: 192.168.1.77/24 is the host's own address, and the network in which its
// neighbours are. The class network keeps the leading bits only, because a network is a set of addresses. This class
// keeps all bits:
//
//        192.168.1.77 / 24
//        address  192.168.1.77              this host
//        network  192.168.1.0/24            the addresses that it reaches without a router
//
//        constexpr ip_interface mine{"192.168.1.77/24"};
//        static_assert(mine.network().contains("192.168.1.20"_ip));
//
// Python calls the same value ipaddress.ip_interface.
//
// On this page:  ip_interface
// The notes:     子网掩码 (netmasks); examples 02 and 03

#ifndef NETNOTES_IP_INTERFACE_HPP
#define NETNOTES_IP_INTERFACE_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "network.hpp"

namespace netnotes {

/// An address and the prefix length of the network in which it lies (RFC 4632 §3.1, RFC 4291 §2.3). A regular value: it
/// compares, hashes and prints as `192.168.1.77/24`. All members are safe to call from several threads, and none of
/// them blocks.
class ip_interface : public detail::printable<ip_interface> {
  public:
    /// The longest text in bytes.
    static constexpr std::size_t text_capacity = ip_address::text_capacity + 4;

    /// Makes 0.0.0.0/0.
    constexpr ip_interface() noexcept = default;
    /// Keeps both. The zone of a link-local address stays. Throws std::invalid_argument when the prefix is longer than
    /// the address: 32 bits for IPv4, 128 for IPv6.
    constexpr ip_interface(const ip_address& address, unsigned prefix_length)
        : address_{address}, prefix_length_{static_cast<std::uint8_t>(prefix_length)} {
        if (prefix_length > address.width())
            throw std::invalid_argument{"prefix length beyond the width of the address"};
    }
    /// Reads the texts that network reads: `192.168.1.77/24`, `192.168.1.77/255.255.255.0`, `2001:db8::7/64`. An
    /// address alone has the longest prefix. Throws parse_error, which tells the position of the fault.
    constexpr explicit ip_interface(std::string_view text) {
        parse_failure why;
        const auto read = parse(text, why);
        if (!read) throw parse_error{"interface address", text, why};
        *this = *read;
    }
    /// Reads the same texts. Returns std::nullopt for any other text, and `why` then tells the fault. Never throws.
    static constexpr std::optional<ip_interface> parse(std::string_view text, parse_failure& why) noexcept {
        const std::size_t slash = text.find('/');
        const auto address = ip_address::parse(text.substr(0, slash), why);
        if (!address) return std::nullopt;
        if (slash == text.npos) return ip_interface{*address, address->width()};
        // A network has no zone, so its parser sees the text without one. The same number of characters must stay in
        // front of a fault that it finds.
        const std::size_t zone = text.substr(0, slash).find('%');
        if (zone != text.npos) {
            std::uint32_t prefix_length = 0;
            const std::string_view tail = text.substr(slash + 1);
            if (!detail::read_number(tail.data(), tail.data() + tail.size(), address->width(), prefix_length, why))
                return why.shift(static_cast<std::ptrdiff_t>(slash + 1)), std::nullopt;
            return ip_interface{*address, prefix_length};
        }
        const auto block = netnotes::network::parse(text, host_bits::cleared, why);
        if (!block) return std::nullopt;
        return ip_interface{*address, block->prefix_length()};
    }
    /// Reads the same texts. Returns std::nullopt for any other text.
    static constexpr std::optional<ip_interface> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns the address with all its bits, and with its zone.
    [[nodiscard]] constexpr const ip_address& address() const noexcept { return address_; }
    /// Returns the number of bits that the network's addresses share.
    [[nodiscard]] constexpr unsigned prefix_length() const noexcept { return prefix_length_; }
    /// Returns the network in which the address lies, without a zone.
    [[nodiscard]] constexpr netnotes::network network() const noexcept {
        return {address_, prefix_length_, host_bits::cleared};
    }

    /// Returns the hash value for std::hash.
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept {
        return detail::mix(address_.hash() + prefix_length_);
    }
    /// Writes the text at `out`, which has room for text_capacity bytes. Returns the end of the text.
    constexpr char* write(char* out) const noexcept {
        out = address_.write(out);
        *out++ = '/';
        return detail::write_number(out, prefix_length_);
    }

    /// Compares by address, then by prefix length.
    friend constexpr auto operator<=>(const ip_interface&, const ip_interface&) noexcept = default;

  private:
    ip_address address_;
    std::uint8_t prefix_length_ = 0;
};

}  // namespace netnotes

#endif  // NETNOTES_IP_INTERFACE_HPP
