// netnotes/ip/address.hpp: addresses
// SPDX-License-Identifier: MIT
//
// An IP address is a number; everything else on this page is notation or arithmetic on that number. An IPv4 address has
// 32 bits, an IPv6 address 128:
//
//        192.168.1.77      11000000 10101000 00000001 01001101       four octets, in decimal
//        2001:db8::1       2001 0db8 0000 0000 0000 0000 0000 0001   eight groups, in hexadecimal; "::" is zeros
//
// This chapter asks the operating system nothing. It is values: constexpr throughout, no allocation but in to_string(),
// so a wrong literal does not compile:
//
//        "192.168.1.256"_ip                 // error: octet 4 is 256, above 255, at character 10
//
// Parsing is strict and says what it dislikes, and where; ip/text.hpp tells why.
//
// is_global() and is_global_unicast() need a table: include ip/special.hpp where you ask them.
//
// On this page:  ipv4_address · ipv6_address · ip_address · the literal _ip
// The notes:     IP地址 (IP addresses); example 02

#ifndef NETNOTES_IP_ADDRESS_HPP
#define NETNOTES_IP_ADDRESS_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "text.hpp"

namespace netnotes {

namespace detail {
/// Bytes of a packet or a message: a span, an array, a string, a vector of elements of one byte.
template <class Bytes>
concept wire_bytes = requires(const Bytes& bytes) {
    std::size(bytes);
    static_cast<std::uint8_t>(bytes[0]);
    requires sizeof(bytes[0]) == 1;
};
}  // namespace detail

// ---- IPv4 ----------------------------------------------------------------------------------------------

/// The classes of RFC 791, told by the leading bits: 0…, 10…, 110…; and of RFC 1112 §4: 1110… (multicast), 1111…
/// (reserved).
/// History since 1993, when prefixes of any length replaced them (CIDR, RFC 4632); still taught and asked.
enum class ipv4_class : char { a = 'A', b = 'B', c = 'C', d = 'D', e = 'E' };

/// An IPv4 address (RFC 791): a 32-bit number. It names an *interface*, not a computer (RFC 1122 §3.3.4.1).
class ipv4_address : public detail::printable<ipv4_address> {
  public:
    static constexpr unsigned width = 32;             ///< bits
    static constexpr std::size_t text_capacity = 16;  ///< room that any address's text needs, INET_ADDRSTRLEN

    /// 0.0.0.0
    constexpr ipv4_address() noexcept = default;
    /// Takes the number in host byte order: 0x7f000001 is 127.0.0.1.
    constexpr explicit ipv4_address(std::uint32_t value) noexcept : value_{value} {}
    constexpr ipv4_address(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) noexcept
        : value_{std::uint32_t{a} << 24 | std::uint32_t{b} << 16 | std::uint32_t{c} << 8 | d} {}
    /// Takes four octets in the order in which they are written, which is also the order of the wire.
    constexpr explicit ipv4_address(std::array<std::uint8_t, 4> octets) noexcept
        : ipv4_address{octets[0], octets[1], octets[2], octets[3]} {}
    /// Takes four bytes out of a packet or a message, in the order of the wire: `from_bytes(message.subspan(4, 4))`.
    /// Returns nullopt for another number of bytes.
    template <detail::wire_bytes Bytes>
    static constexpr std::optional<ipv4_address> from_bytes(const Bytes& bytes) noexcept {
        if (std::size(bytes) != 4) return std::nullopt;
        std::array<std::uint8_t, 4> octets{};
        for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>(bytes[i]);
        return ipv4_address{octets};
    }
    /// Reads dotted decimal: four parts from 0 to 255, without leading zeros. Throws parse_error.
    constexpr explicit ipv4_address(std::string_view text) {
        if (parse_failure why; !detail::read_ipv4(text.data(), text.data() + text.size(), value_, why))
            throw parse_error{"IPv4 address", text, why};
    }
    /// Reads a text like the constructor, but returns nullopt for an unreadable text; `why` then names the error.
    static constexpr std::optional<ipv4_address> parse(std::string_view text, parse_failure& why) noexcept {
        std::uint32_t value{};
        if (!detail::read_ipv4(text.data(), text.data() + text.size(), value, why)) return std::nullopt;
        return ipv4_address{value};
    }
    static constexpr std::optional<ipv4_address> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns 0.0.0.0. A socket bound to it receives at every local address (INADDR_ANY, ip(7)).
    static constexpr ipv4_address any() noexcept { return {}; }
    /// Returns 127.0.0.1, this host.
    static constexpr ipv4_address loopback() noexcept { return {127, 0, 0, 1}; }
    /// Returns 255.255.255.255: every host on this link. No router forwards it (RFC 919 §7).
    static constexpr ipv4_address broadcast() noexcept { return ipv4_address{0xffffffff}; }

    /// Returns the address as a number, the first octet on top (host byte order), or as its four octets.
    [[nodiscard]] constexpr std::uint32_t to_uint() const noexcept { return value_; }
    [[nodiscard]] constexpr std::array<std::uint8_t, 4> to_octets() const noexcept {
        return {octet(24), octet(16), octet(8), octet(0)};
    }
    /// Returns the class that the first bits of the address had before CIDR, A to E: see ip/special.hpp.
    [[nodiscard]] constexpr ipv4_class address_class() const noexcept;

    /// Returns true for 0.0.0.0 (RFC 1122 §3.2.1.3(a)).
    [[nodiscard]] constexpr bool is_unspecified() const noexcept { return value_ == 0; }
    /// Returns true in 127.0.0.0/8, all of it (RFC 1122 §3.2.1.3(g)); the notes leave 127.0.0.0 out.
    [[nodiscard]] constexpr bool is_loopback() const noexcept { return in(0x7f000000, 8); }
    /// Returns true in 10/8, 172.16/12, 192.168/16 (RFC 1918 §3). Other ranges are not global either: see
    /// special_range.
    [[nodiscard]] constexpr bool is_private() const noexcept {
        return in(0x0a000000, 8) || in(0xac100000, 12) || in(0xc0a80000, 16);
    }
    /// Returns true in 169.254/16 (RFC 3927).
    [[nodiscard]] constexpr bool is_link_local() const noexcept { return in(0xa9fe0000, 16); }
    /// Returns true in 224.0.0.0/4, all of it: a group has no host part that could be all ones (RFC 1112 §4).
    [[nodiscard]] constexpr bool is_multicast() const noexcept { return in(0xe0000000, 4); }
    /// Returns true in 240.0.0.0/4 (RFC 1112 §4). 255.255.255.255 lies in it and is the limited broadcast.
    [[nodiscard]] constexpr bool is_reserved() const noexcept { return in(0xf0000000, 4); }
    [[nodiscard]] constexpr bool is_broadcast() const noexcept { return value_ == 0xffffffff; }
    /// Returns true in 192.0.2/24, 198.51.100/24, 203.0.113/24, which are for examples in texts (RFC 5737).
    [[nodiscard]] constexpr bool is_documentation() const noexcept {
        return in(0xc0000200, 24) || in(0xc6336400, 24) || in(0xcb007100, 24);
    }
    /// Returns true in 100.64/10, between a provider and its customers (RFC 6598).
    [[nodiscard]] constexpr bool is_shared() const noexcept { return in(0x64400000, 10); }
    /// Returns true in 198.18/15 (RFC 2544).
    [[nodiscard]] constexpr bool is_benchmarking() const noexcept { return in(0xc6120000, 15); }
    /// Returns true if the address may be reachable from everywhere, by the IANA registry. Returns false for a
    /// multicast group that is local to the link or to an organisation (RFC 5771, RFC 2365).
    [[nodiscard]] constexpr bool is_global() const noexcept;
    /// Returns true if the address is global and belongs to a single host; see ipv6_address::is_global_unicast().
    [[nodiscard]] constexpr bool is_global_unicast() const noexcept;

    /// Returns the name under which DNS keeps the name of this address: `1.2.0.192.in-addr.arpa` (RFC 1035 §3.5).
    [[nodiscard]] std::string reverse_pointer() const;
    /// Returns a well-mixed hash without a secret: a hostile peer can choose colliding addresses.
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return detail::mix(value_); }
    /// Writes the text of to_string() to `out`, without a NUL, and returns the place behind its last character. Make
    /// room for text_capacity characters.
    constexpr char* write(char* out) const noexcept { return detail::write_ipv4(out, value_); }

    friend constexpr auto operator<=>(const ipv4_address&, const ipv4_address&) noexcept = default;

  private:
    constexpr std::uint8_t octet(unsigned shift) const noexcept { return static_cast<std::uint8_t>(value_ >> shift); }
    constexpr bool in(std::uint32_t block, unsigned prefix) const noexcept {
        return (value_ ^ block) >> (32 - prefix) == 0;
    }

    std::uint32_t value_ = 0;
};

// ---- IPv6 ----------------------------------------------------------------------------------------------

/// An IPv6 address (RFC 4291) and, where it has one, its zone (RFC 4007): `fe80::1%eth0`. Link-local
/// addresses mean something else on every link, so the zone takes part in comparison.
///
/// ::ffff:192.0.2.1 is an IPv4-mapped address: a dual-stack socket shows its IPv4 peers in this form. The is_…
/// questions look at the IPv4 address inside, because ::ffff:127.0.0.1 must not pass a filter (the fault of
/// CVE-2024-24790). Translators and tunnels put IPv4 addresses into other IPv6 addresses, too. There is_global() and
/// is_global_unicast() look inside, and embedded_ipv4() returns what they see.
class ipv6_address : public detail::printable<ipv6_address> {
  public:
    static constexpr unsigned width = 128;            ///< bits
    static constexpr std::size_t text_capacity = 64;  ///< 45 for the longest address, '%' and 15 for the zone

    /// ::
    constexpr ipv6_address() noexcept = default;
    /// Takes sixteen octets in the order of the wire.
    constexpr explicit ipv6_address(const std::array<std::uint8_t, 16>& octets) noexcept {
        for (unsigned i = 0; i < 8; ++i) {
            value_.high = value_.high << 8 | octets[i];
            value_.low = value_.low << 8 | octets[i + 8];
        }
    }
    /// Takes sixteen bytes out of a packet or a message, in the order of the wire. Returns nullopt for another number
    /// of bytes. The address has no zone.
    template <detail::wire_bytes Bytes>
    static constexpr std::optional<ipv6_address> from_bytes(const Bytes& bytes) noexcept {
        if (std::size(bytes) != 16) return std::nullopt;
        std::array<std::uint8_t, 16> octets{};
        for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>(bytes[i]);
        return ipv6_address{octets};
    }
    /// Takes the address as a number of 128 bits, without a zone; see to_uint().
    constexpr explicit ipv6_address(uint128 value) noexcept : value_{value} {}
    /// Takes an IPv4 address into its IPv4-mapped form, ::ffff:a.b.c.d (RFC 4291 §2.5.5.2).
    constexpr explicit ipv6_address(ipv4_address address) noexcept
        : value_{0, std::uint64_t{0xffff} << 32 | address.to_uint()} {}
    /// Reads any form of RFC 4291 §2.2, a zone after '%' allowed. Throws parse_error.
    constexpr explicit ipv6_address(std::string_view text) {
        if (parse_failure why; !detail::read_ipv6(text.data(), text.data() + text.size(), value_, zone_, why))
            throw parse_error{"IPv6 address", text, why};
    }
    /// Returns nullopt if the text is not such an address; `why` then has the reason and the place.
    static constexpr std::optional<ipv6_address> parse(std::string_view text, parse_failure& why) noexcept {
        ipv6_address address;
        if (!detail::read_ipv6(text.data(), text.data() + text.size(), address.value_, address.zone_, why))
            return std::nullopt;
        return address;
    }
    static constexpr std::optional<ipv6_address> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns ::. A socket bound to it receives at every local address, of IPv4 too if it is dual-stack (ipv6(7)).
    static constexpr ipv6_address any() noexcept { return {}; }
    /// Returns ::1. Datagrams to it stay on this host.
    static constexpr ipv6_address loopback() noexcept { return ipv6_address{detail::uint128{0, 1}, {}}; }

    /// Returns the address as a number of 128 bits: ::1 is uint128{0, 1}. The zone is not in it.
    [[nodiscard]] constexpr uint128 to_uint() const noexcept { return value_; }
    [[nodiscard]] constexpr std::array<std::uint8_t, 16> to_octets() const noexcept {
        std::array<std::uint8_t, 16> octets{};
        for (unsigned i = 0; i < 8; ++i) {
            octets[i] = static_cast<std::uint8_t>(value_.high >> (56 - 8 * i));
            octets[i + 8] = static_cast<std::uint8_t>(value_.low >> (56 - 8 * i));
        }
        return octets;
    }
    /// Returns the zone, an interface's name or number, or an empty text. It is valid as long as this object.
    [[nodiscard]] constexpr std::string_view zone() const noexcept { return zone_.view(); }
    /// Returns the same address in another zone, or without a zone for "". Throws parse_error for a zone of more than
    /// 15 characters, or for a zone that could not be read back.
    [[nodiscard]] constexpr ipv6_address with_zone(std::string_view zone) const {
        parse_failure why;
        ipv6_address changed{value_, {}};
        if (zone.empty()) return changed;
        if (is_mapped()) throw parse_error{"zone", zone, parse_failure{"an IPv4-mapped address has no zone", 0}};
        if (!detail::read_zone(zone.data(), zone.data() + zone.size(), changed.zone_, why))
            throw parse_error{"zone", zone, why};
        return changed;
    }
    /// Returns the same address in the zone of the interface with this number, or without a zone for 0. An IPv4-mapped
    /// address has no zone and stays as it is.
    [[nodiscard]] ipv6_address with_zone_number(std::uint32_t number) const noexcept {
        ipv6_address changed{value_, {}};
        if (number == 0 || is_mapped()) return changed;
        parse_failure none;  // digits are a zone
        const std::string digits = std::to_string(number);
        static_cast<void>(detail::read_zone(digits.data(), digits.data() + digits.size(), changed.zone_, none));
        return changed;
    }

    /// Returns the IPv4 address inside ::ffff:a.b.c.d, otherwise nullopt.
    [[nodiscard]] constexpr std::optional<ipv4_address> ipv4_mapped() const noexcept {
        if (!is_mapped()) return std::nullopt;
        return ipv4_address{static_cast<std::uint32_t>(value_.low)};
    }
    /// Returns the router's IPv4 address inside a 6to4 address, 2002:a.b.c.d::/48 (RFC 3056 §2).
    [[nodiscard]] constexpr std::optional<ipv4_address> six_to_four() const noexcept {
        if (value_.high >> 48 != 0x2002) return std::nullopt;
        return ipv4_address{static_cast<std::uint32_t>(value_.high >> 16)};
    }
    struct teredo_parts {
        ipv4_address server;
        ipv4_address client;
    };
    /// Returns the server and the client inside a Teredo address, 2001::/32; the client is stored inverted (RFC 4380
    /// §4).
    [[nodiscard]] constexpr std::optional<teredo_parts> teredo() const noexcept {
        if (value_.high >> 32 != 0x20010000) return std::nullopt;
        return teredo_parts{ipv4_address{static_cast<std::uint32_t>(value_.high)},
                            ipv4_address{static_cast<std::uint32_t>(~value_.low)}};
    }

    /// Returns the IPv4 host that a packet to this address may reach, because a translator or a tunnel extracts the
    /// IPv4 address. Returns nullopt if the address has no such form:
    ///
    ///     ::ffff:a.b.c.d        IPv4-mapped                                        RFC 4291 §2.5.5.2
    ///     ::a.b.c.d             IPv4-compatible, deprecated; :: and ::1 are not    RFC 4291 §2.5.5.1
    ///     ::ffff:0:a.b.c.d      IPv4-translated, of the first stateless translator RFC 2765 §2.1
    ///     64:ff9b::a.b.c.d      NAT64, the well-known prefix                       RFC 6052 §2.1
    ///     64:ff9b:1:…:a.b.c.d   NAT64 in one network, read as a prefix of /96      RFC 8215, RFC 6052 §2.2
    ///     2002:a.b.c.d::        6to4, the router                                   RFC 3056 §2
    ///     2001:0:…              Teredo, the client                                 RFC 4380 §4
    ///     …:0:5efe:a.b.c.d      ISATAP under any prefix, also 200:5efe             RFC 5214 §6.1
    ///
    /// A network may use prefixes of its own for NAT64 (RFC 6052 §2.2); no address tells that.
    [[nodiscard]] constexpr std::optional<ipv4_address> embedded_ipv4() const noexcept {
        const auto low = static_cast<std::uint32_t>(value_.low);
        if (is_mapped() || is_compatible() || is_translated() || is_nat64()) return ipv4_address{low};
        if (value_.high >> 16 == 0x0064'ff9b'0001) return ipv4_address{low};
        if (const auto router = six_to_four()) return router;
        if (const auto parts = teredo()) return parts->client;
        // The bits "universal" and "group" of the interface identifier do not count (RFC 4291 §2.5.1).
        if ((value_.low >> 32 & ~std::uint64_t{0x0300'0000}) == 0x5efe && !is_multicast()) return ipv4_address{low};
        return std::nullopt;
    }

    /// Returns true for ::, and for an IPv4 address inside for which ipv4_address::is_unspecified() does.
    [[nodiscard]] constexpr bool is_unspecified() const noexcept {
        return ask(&ipv4_address::is_unspecified, value_ == detail::uint128{});
    }
    [[nodiscard]] constexpr bool is_loopback() const noexcept {
        return ask(&ipv4_address::is_loopback, value_ == detail::uint128{0, 1});
    }
    /// Returns true in fc00::/7, unique local addresses (RFC 4193), which correspond to 10/8 of IPv4.
    [[nodiscard]] constexpr bool is_private() const noexcept { return ask(&ipv4_address::is_private, in(0xfc00, 7)); }
    [[nodiscard]] constexpr bool is_link_local() const noexcept {
        return ask(&ipv4_address::is_link_local, in(0xfe80, 10));
    }
    /// Returns true in fec0::/10, deprecated in 2004 (RFC 3879).
    [[nodiscard]] constexpr bool is_site_local() const noexcept { return in(0xfec0, 10); }
    [[nodiscard]] constexpr bool is_multicast() const noexcept {
        return ask(&ipv4_address::is_multicast, in(0xff00, 8));
    }
    /// Returns true in the blocks that IANA's IPv6 address space registry marks "Reserved by IETF". These are all
    /// blocks but 2000::/3, fc00::/7, fe80::/9 and ff00::/8. (The block 0000::/8 contains ::1. The block fec0::/10 is
    /// reserved, too; see is_site_local().)
    [[nodiscard]] constexpr bool is_reserved() const noexcept {
        return ask(&ipv4_address::is_reserved, !in(0x2000, 3) && !in(0xfc00, 7) && !in(0xfe80, 9) && !in(0xff00, 8));
    }
    /// Returns true in 2001:db8::/32 (RFC 3849) and 3fff::/20 (RFC 9637).
    [[nodiscard]] constexpr bool is_documentation() const noexcept {
        return ask(&ipv4_address::is_documentation, value_.high >> 32 == 0x20010db8 || in(0x3fff, 16, 0, 4));
    }
    /// Returns true in 2001:2::/48 (RFC 5180).
    [[nodiscard]] constexpr bool is_benchmarking() const noexcept {
        return ask(&ipv4_address::is_benchmarking, value_.high >> 16 == 0x200100020000);
    }
    /// Returns true if routers of the whole Internet forward packets to the address, as ipv4_address::is_global() says.
    /// For multicast the scope nibble decides, and only 0xe is global (RFC 4291 §2.7). An address with an IPv4 address
    /// inside is global only if the IPv4 address is global, too; see embedded_ipv4().
    [[nodiscard]] constexpr bool is_global() const noexcept;
    /// Returns true if the address is global and is no group. It must also lie in the part of IPv6 that IANA assigns
    /// (2000::/3) or be a form of IPv4 (mapped, NAT64). Ask this question before connecting to an address from a
    /// stranger. The answer is false for loopback, private, site-local, reserved and deprecated addresses, also inside
    /// other addresses.
    /// Ask it of the endpoint that you then connect to, because a name may resolve differently the second time.
    [[nodiscard]] constexpr bool is_global_unicast() const noexcept;

    /// Returns all eight groups with all their zeros: 2001:0db8:0000:0000:0000:0000:0000:0001.
    [[nodiscard]] std::string exploded() const;
    /// Returns thirty-two hexadecimal digits, the last first, under ip6.arpa (RFC 3596 §2.5).
    [[nodiscard]] std::string reverse_pointer() const;
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept {
        return detail::mix(detail::mix(value_.high) ^ value_.low);
    }
    constexpr char* write(char* out) const noexcept { return detail::write_ipv6(out, value_, zone_); }

    friend constexpr auto operator<=>(const ipv6_address&, const ipv6_address&) noexcept = default;

  private:
    friend class ip_address;
    constexpr ipv6_address(detail::uint128 value, const detail::zone_name& zone) noexcept
        : value_{value}, zone_{zone} {}
    constexpr bool in(std::uint64_t group, unsigned prefix, std::uint64_t next = 0, unsigned more = 0) const noexcept {
        return ((value_.high >> 32) ^ (group << 16 | next)) >> (32 - prefix - more) == 0;
    }
    constexpr bool is_mapped() const noexcept { return value_.high == 0 && value_.low >> 32 == 0xffff; }
    constexpr bool is_compatible() const noexcept {
        return value_.high == 0 && value_.low >> 32 == 0 && value_.low > 1;
    }
    constexpr bool is_translated() const noexcept { return value_.high == 0 && value_.low >> 32 == 0xffff'0000; }
    constexpr bool is_nat64() const noexcept { return value_.high == 0x0064'ff9b'0000'0000 && value_.low >> 32 == 0; }
    // Not by way of ipv4_mapped(): g++ 12 at -O2 takes its optional for uninitialised and warns.
    constexpr bool ask(bool (ipv4_address::*question)() const noexcept, bool answer) const noexcept {
        return is_mapped() ? (ipv4_address{static_cast<std::uint32_t>(value_.low)}.*question)() : answer;
    }

    detail::uint128 value_;
    detail::zone_name zone_;
};

// ---- Either --------------------------------------------------------------------------------------------

/// An IPv4 or an IPv6 address. IPv4 sorts before IPv6; 127.0.0.1 and ::ffff:127.0.0.1 are different values.
class ip_address : public detail::printable<ip_address> {
  public:
    static constexpr std::size_t text_capacity = ipv6_address::text_capacity;

    /// 0.0.0.0
    constexpr ip_address() noexcept = default;
    constexpr ip_address(ipv4_address address) noexcept : value_{0, address.to_uint()} {}
    constexpr ip_address(const ipv6_address& address) noexcept
        : is_v6_{true}, value_{address.value_}, zone_{address.zone_} {}
    /// Reads a text with a colon as IPv6, any other text as IPv4. Throws parse_error.
    constexpr explicit ip_address(std::string_view text)
        : ip_address{text.find(':') == text.npos ? ip_address{ipv4_address{text}} : ip_address{ipv6_address{text}}} {}
    /// Takes four bytes as IPv4 and sixteen as IPv6, in the order of the wire. Returns nullopt for another number of
    /// bytes.
    template <detail::wire_bytes Bytes>
    static constexpr std::optional<ip_address> from_bytes(const Bytes& bytes) noexcept {
        if (std::size(bytes) == 4) return ipv4_address::from_bytes(bytes);
        return ipv6_address::from_bytes(bytes);
    }
    static constexpr std::optional<ip_address> parse(std::string_view text, parse_failure& why) noexcept {
        if (text.find(':') == text.npos) {
            const auto v4 = ipv4_address::parse(text, why);
            return v4 ? std::optional{ip_address{*v4}} : std::nullopt;
        }
        const auto v6 = ipv6_address::parse(text, why);
        return v6 ? std::optional{ip_address{*v6}} : std::nullopt;
    }
    static constexpr std::optional<ip_address> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// Returns the family of the address.
    [[nodiscard]] constexpr bool is_v4() const noexcept { return !is_v6_; }
    [[nodiscard]] constexpr bool is_v6() const noexcept { return is_v6_; }
    /// Returns the number of bits, 32 or 128.
    [[nodiscard]] constexpr unsigned width() const noexcept { return is_v6_ ? 128 : 32; }
    /// Returns the address in its own family. Throws std::logic_error if the address is of the other family.
    [[nodiscard]] constexpr ipv4_address v4() const {
        return is_v6_ ? throw std::logic_error{"v4() of an IPv6 address"} : as_v4();
    }
    [[nodiscard]] constexpr ipv6_address v6() const {
        return is_v6_ ? as_v6() : throw std::logic_error{"v6() of an IPv4 address"};
    }
    /// Returns the IPv4 address inside an IPv4-mapped IPv6 address, and every other address unchanged. Use it to
    /// compare and count the peers of a dual-stack listener.
    [[nodiscard]] constexpr ip_address unmapped() const noexcept {
        const auto mapped = is_v6_ ? as_v6().ipv4_mapped() : std::nullopt;
        return mapped ? ip_address{*mapped} : *this;
    }
    /// Returns the IPv4 address inside an IPv6 address of any of the known forms; see ipv6_address::embedded_ipv4().
    /// Returns nullopt for all others, and for an IPv4 address, which is inside nothing.
    [[nodiscard]] constexpr std::optional<ipv4_address> embedded_ipv4() const noexcept {
        return is_v6_ ? as_v6().embedded_ipv4() : std::nullopt;
    }
    /// Returns the next address, or nullopt beyond the last address. The zone stays.
    [[nodiscard]] constexpr std::optional<ip_address> next() const noexcept {
        if (value_ == detail::ones(width())) return std::nullopt;
        return ip_address{is_v6_, value_ + detail::uint128{0, 1}, zone_};
    }
    /// Returns the previous address, or nullopt before the first address. The zone stays.
    [[nodiscard]] constexpr std::optional<ip_address> previous() const noexcept {
        if (value_ == detail::uint128{}) return std::nullopt;
        return ip_address{is_v6_, value_ - detail::uint128{0, 1}, zone_};
    }

    /// Calls `question` with the ipv4_address or the ipv6_address, and returns its answer.
    constexpr auto visit(auto&& question) const { return is_v6_ ? question(as_v6()) : question(as_v4()); }

    // The questions that both families answer. Their comments stand at ipv4_address and ipv6_address.
    /// Returns what the same function of the address's family returns; so do the functions below.
    // clang-format off
    [[nodiscard]] constexpr bool is_unspecified() const noexcept {
        return is_v6_ ? as_v6().is_unspecified() : as_v4().is_unspecified();
    }
    [[nodiscard]] constexpr bool is_loopback() const noexcept {
        return is_v6_ ? as_v6().is_loopback() : as_v4().is_loopback();
    }
    [[nodiscard]] constexpr bool is_private() const noexcept {
        return is_v6_ ? as_v6().is_private() : as_v4().is_private();
    }
    [[nodiscard]] constexpr bool is_link_local() const noexcept {
        return is_v6_ ? as_v6().is_link_local() : as_v4().is_link_local();
    }
    [[nodiscard]] constexpr bool is_multicast() const noexcept {
        return is_v6_ ? as_v6().is_multicast() : as_v4().is_multicast();
    }
    [[nodiscard]] constexpr bool is_reserved() const noexcept {
        return is_v6_ ? as_v6().is_reserved() : as_v4().is_reserved();
    }
    [[nodiscard]] constexpr bool is_documentation() const noexcept {
        return is_v6_ ? as_v6().is_documentation() : as_v4().is_documentation();
    }
    [[nodiscard]] constexpr bool is_benchmarking() const noexcept {
        return is_v6_ ? as_v6().is_benchmarking() : as_v4().is_benchmarking();
    }
    [[nodiscard]] constexpr bool is_global() const noexcept;
    [[nodiscard]] constexpr bool is_global_unicast() const noexcept;
    [[nodiscard]] std::string reverse_pointer() const {
        return is_v6_ ? as_v6().reverse_pointer() : as_v4().reverse_pointer();
    }
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return is_v6_ ? as_v6().hash() : as_v4().hash(); }
    constexpr char* write(char* out) const noexcept { return is_v6_ ? as_v6().write(out) : as_v4().write(out); }
    // clang-format on

    friend constexpr auto operator<=>(const ip_address&, const ip_address&) noexcept = default;

  private:
    friend class network;
    template <class Output>
    friend constexpr Output summarize(ip_address first, const ip_address& last, Output out);
    constexpr ip_address(bool is_v6, detail::uint128 value, const detail::zone_name& zone = {}) noexcept
        : is_v6_{is_v6},
          value_{value},
          zone_{is_v6 && ipv6_address{value, zone}.is_mapped() ? detail::zone_name{} : zone} {}
    constexpr ipv4_address as_v4() const noexcept { return ipv4_address{static_cast<std::uint32_t>(value_.low)}; }
    constexpr ipv6_address as_v6() const noexcept { return ipv6_address{value_, zone_}; }

    bool is_v6_ = false;
    detail::uint128 value_;
    detail::zone_name zone_;
};

// ---- Longer texts --------------------------------------------------------------------------------------

inline std::string ipv4_address::reverse_pointer() const {
    return detail::joined(ipv4_address{octet(0), octet(8), octet(16), octet(24)}.to_string(), ".in-addr.arpa");
}

inline std::string ipv6_address::exploded() const {
    std::string text;
    for (const std::uint8_t octet : to_octets()) {
        if (text.size() % 5 == 4) text += ':';
        text += {detail::hexadecimal_digits[octet >> 4], detail::hexadecimal_digits[octet & 0xf]};
    }
    return zone().empty() ? text : detail::joined(text, '%', zone());
}

inline std::string ipv6_address::reverse_pointer() const {
    const auto octets = to_octets();
    std::string text;
    for (std::size_t i = octets.size(); i-- > 0;)
        text += {detail::hexadecimal_digits[octets[i] & 0xf], '.', detail::hexadecimal_digits[octets[i] >> 4], '.'};
    text += "ip6.arpa";
    return text;
}

/// Needs `using namespace netnotes::literals;`. A wrong text is an error of the compiler.
namespace literals {
/// Returns the address of the text: `"192.0.2.1"_ip`.
consteval ip_address operator""_ip(const char* text, std::size_t size) {
    return ip_address{std::string_view{text, size}};
}
}  // namespace literals

}  // namespace netnotes

template <netnotes::detail::text_value Value>
struct std::hash<Value> {
    constexpr std::size_t operator()(const Value& value) const noexcept {
        return static_cast<std::size_t>(value.hash());
    }
};

#endif  // NETNOTES_IP_ADDRESS_HPP
