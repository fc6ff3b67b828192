// netnotes/ip/address.hpp: addresses, networks, endpoints and ports
// SPDX-License-Identifier: MIT
//
// An IP address is a number; everything else on this page is notation or arithmetic on that number.
// An IPv4 address has 32 bits, an IPv6 address 128. A *network* is a run of leading bits that its
// addresses share (the prefix); what remains numbers the hosts inside. The netmask is that same prefix
// length, spelled as an address:
//
//        192.168.1.77 / 24                  11000000 10101000 00000001 | 01001101
//        netmask  255.255.255.0             11111111 11111111 11111111 | 00000000
//        network  192.168.1.0               11000000 10101000 00000001 | 00000000   host part all zeros
//        last     192.168.1.255             11000000 10101000 00000001 | 11111111   ... all ones
//
// A *port* is a 16-bit number that picks one socket behind an address, separately for TCP and for UDP.
// Address and port together are an *endpoint*, written 192.0.2.1:80 or [2001:db8::1]:80.
//
// This header asks the operating system nothing. It is values: constexpr throughout, no allocation but
// in to_string(), so a wrong literal does not compile:
//
//        static_assert("192.168.1.0/24"_net.contains("192.168.1.77"_ip));
//        "192.168.1.256"_ip                 // error: octet 4 is 256, above 255, at character 10
//
// Parsing is strict and says what it dislikes, and where; ip/text.hpp tells why.
//
// On this page:  ipv4_address · ipv6_address · ip_address · network · summarize, collapse, exclude ·
//                special-purpose ranges · the classes A to E · endpoint · ports and services · literals
// Below it:      ip/text.hpp, how the texts are read and written
// The notes:     端口 (ports), IP地址 (IP addresses), 子网掩码 (netmasks); examples 02, 03 and 04

#ifndef NETNOTES_IP_ADDRESS_HPP
#define NETNOTES_IP_ADDRESS_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "text.hpp"

namespace netnotes {

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
    /// From the number in host byte order: 0x7f000001 is 127.0.0.1.
    constexpr explicit ipv4_address(std::uint32_t value) noexcept : value_{value} {}
    constexpr ipv4_address(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) noexcept
        : value_{std::uint32_t{a} << 24 | std::uint32_t{b} << 16 | std::uint32_t{c} << 8 | d} {}
    /// From four octets in the order in which they are written, which is also that of the wire.
    constexpr explicit ipv4_address(std::array<std::uint8_t, 4> octets) noexcept
        : ipv4_address{octets[0], octets[1], octets[2], octets[3]} {}
    /// From dotted decimal, four parts from 0 to 255, no leading zeros. Throws parse_error.
    constexpr explicit ipv4_address(std::string_view text) {
        if (parse_failure why; !detail::read_ipv4(text.data(), text.data() + text.size(), value_, why))
            throw parse_error{"IPv4 address", text, why};
    }
    /// As the constructor, but an unreadable text gives no value; `why` then says what is wrong with it.
    static constexpr std::optional<ipv4_address> parse(std::string_view text, parse_failure& why) noexcept {
        std::uint32_t value{};
        if (!detail::read_ipv4(text.data(), text.data() + text.size(), value, why)) return std::nullopt;
        return ipv4_address{value};
    }
    static constexpr std::optional<ipv4_address> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    /// 0.0.0.0: as a place to bind, every local address (INADDR_ANY, ip(7)).
    static constexpr ipv4_address any() noexcept { return {}; }
    /// 127.0.0.1, this host.
    static constexpr ipv4_address loopback() noexcept { return {127, 0, 0, 1}; }
    /// 255.255.255.255: every host on this link; no router passes it on (RFC 919 §7).
    static constexpr ipv4_address broadcast() noexcept { return ipv4_address{0xffffffff}; }

    [[nodiscard]] constexpr std::uint32_t to_uint() const noexcept { return value_; }  ///< host byte order
    [[nodiscard]] constexpr std::array<std::uint8_t, 4> to_octets() const noexcept {
        return {octet(24), octet(16), octet(8), octet(0)};
    }
    [[nodiscard]] constexpr ipv4_class address_class() const noexcept;

    [[nodiscard]] constexpr bool is_unspecified() const noexcept { return value_ == 0; }
    /// 127.0.0.0/8, all of it (RFC 1122 §3.2.1.3(g)); the notes leave 127.0.0.0 out.
    [[nodiscard]] constexpr bool is_loopback() const noexcept { return in(0x7f000000, 8); }
    /// 10/8, 172.16/12, 192.168/16 (RFC 1918 §3). Other ranges are not global either: see special_range.
    [[nodiscard]] constexpr bool is_private() const noexcept {
        return in(0x0a000000, 8) || in(0xac100000, 12) || in(0xc0a80000, 16);
    }
    /// 169.254/16 (RFC 3927)
    [[nodiscard]] constexpr bool is_link_local() const noexcept { return in(0xa9fe0000, 16); }
    /// 224.0.0.0/4, whole: a group has no host part that could be all ones (RFC 1112 §4).
    [[nodiscard]] constexpr bool is_multicast() const noexcept { return in(0xe0000000, 4); }
    /// 240.0.0.0/4 (RFC 1112 §4). 255.255.255.255 lies in it and is the limited broadcast.
    [[nodiscard]] constexpr bool is_reserved() const noexcept { return in(0xf0000000, 4); }
    [[nodiscard]] constexpr bool is_broadcast() const noexcept { return value_ == 0xffffffff; }
    /// 192.0.2/24, 198.51.100/24, 203.0.113/24: for examples in texts (RFC 5737).
    [[nodiscard]] constexpr bool is_documentation() const noexcept {
        return in(0xc0000200, 24) || in(0xc6336400, 24) || in(0xcb007100, 24);
    }
    /// 100.64/10: between a provider and its customers (RFC 6598).
    [[nodiscard]] constexpr bool is_shared() const noexcept { return in(0x64400000, 10); }
    /// 198.18/15 (RFC 2544)
    [[nodiscard]] constexpr bool is_benchmarking() const noexcept { return in(0xc6120000, 15); }
    /// Reachable from everywhere, as far as the number can tell: the IANA registry does not say otherwise,
    /// and a multicast group is neither local to the link nor to an organisation (RFC 5771, RFC 2365).
    [[nodiscard]] constexpr bool is_global() const noexcept;
    /// Is it global, and one host's address? See ipv6_address::is_global_unicast().
    [[nodiscard]] constexpr bool is_global_unicast() const noexcept { return is_global() && !is_multicast(); }

    /// The name under which DNS keeps the name of this address: `1.2.0.192.in-addr.arpa` (RFC 1035 §3.5).
    [[nodiscard]] std::string reverse_pointer() const;
    /// Well mixed, but no secret goes into it: a hostile peer can choose colliding addresses.
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return detail::mix(value_); }
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
/// ::ffff:192.0.2.1 is IPv4 in an IPv6 coat: a dual-stack socket shows its IPv4 peers so. The is_…
/// questions look through the coat, for a filter that is fooled by ::ffff:127.0.0.1 is no filter (the
/// fault of CVE-2024-24790). Translators and tunnels put IPv4 addresses into other IPv6 addresses, too. There
/// is_global() and is_global_unicast() look inside, and embedded_ipv4() returns what they see.
class ipv6_address : public detail::printable<ipv6_address> {
  public:
    static constexpr unsigned width = 128;            ///< bits
    static constexpr std::size_t text_capacity = 64;  ///< 45 for the longest address, '%' and 15 for the zone

    /// ::
    constexpr ipv6_address() noexcept = default;
    /// From sixteen octets in the order of the wire.
    constexpr explicit ipv6_address(const std::array<std::uint8_t, 16>& octets) noexcept {
        for (unsigned i = 0; i < 8; ++i) {
            value_.high = value_.high << 8 | octets[i];
            value_.low = value_.low << 8 | octets[i + 8];
        }
    }
    /// The IPv4-mapped form, ::ffff:a.b.c.d (RFC 4291 §2.5.5.2).
    constexpr explicit ipv6_address(ipv4_address address) noexcept
        : value_{0, std::uint64_t{0xffff} << 32 | address.to_uint()} {}
    /// From any form of RFC 4291 §2.2, a zone after '%' allowed. Throws parse_error.
    constexpr explicit ipv6_address(std::string_view text) {
        if (parse_failure why; !detail::read_ipv6(text.data(), text.data() + text.size(), value_, zone_, why))
            throw parse_error{"IPv6 address", text, why};
    }
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

    /// ::  — as a place to bind, every local address, of IPv4 too where the socket is dual-stack (ipv6(7)).
    static constexpr ipv6_address any() noexcept { return {}; }
    /// ::1
    static constexpr ipv6_address loopback() noexcept { return ipv6_address{detail::uint128{0, 1}, {}}; }

    [[nodiscard]] constexpr std::array<std::uint8_t, 16> to_octets() const noexcept {
        std::array<std::uint8_t, 16> octets{};
        for (unsigned i = 0; i < 8; ++i) {
            octets[i] = static_cast<std::uint8_t>(value_.high >> (56 - 8 * i));
            octets[i + 8] = static_cast<std::uint8_t>(value_.low >> (56 - 8 * i));
        }
        return octets;
    }
    /// An interface's name or number; empty when there is none. Valid as long as this object.
    [[nodiscard]] constexpr std::string_view zone() const noexcept { return zone_.view(); }
    /// The same address in another zone, or with "" in none. Throws parse_error for a zone
    /// of more than 15 characters, or one that could not be read back.
    [[nodiscard]] constexpr ipv6_address with_zone(std::string_view zone) const {
        parse_failure why;
        ipv6_address changed{value_, {}};
        if (zone.empty()) return changed;
        if (is_mapped()) throw parse_error{"zone", zone, parse_failure{"an IPv4-mapped address has no zone", 0}};
        if (!detail::read_zone(zone.data(), zone.data() + zone.size(), changed.zone_, why))
            throw parse_error{"zone", zone, why};
        return changed;
    }

    /// The IPv4 address inside ::ffff:a.b.c.d.
    [[nodiscard]] constexpr std::optional<ipv4_address> ipv4_mapped() const noexcept {
        if (!is_mapped()) return std::nullopt;
        return ipv4_address{static_cast<std::uint32_t>(value_.low)};
    }
    /// The router's IPv4 address inside a 6to4 address, 2002:a.b.c.d::/48 (RFC 3056 §2).
    [[nodiscard]] constexpr std::optional<ipv4_address> six_to_four() const noexcept {
        if (value_.high >> 48 != 0x2002) return std::nullopt;
        return ipv4_address{static_cast<std::uint32_t>(value_.high >> 16)};
    }
    struct teredo_parts {
        ipv4_address server;
        ipv4_address client;
    };
    /// Server and client inside a Teredo address, 2001::/32; the client is stored inverted (RFC 4380 §4).
    [[nodiscard]] constexpr std::optional<teredo_parts> teredo() const noexcept {
        if (value_.high >> 32 != 0x20010000) return std::nullopt;
        return teredo_parts{ipv4_address{static_cast<std::uint32_t>(value_.high)},
                            ipv4_address{static_cast<std::uint32_t>(~value_.low)}};
    }

    /// The IPv4 host that a packet to this address may end at, because a translator or a tunnel takes the IPv4 address
    /// out of it; nullopt when the address has none of these forms:
    ///
    ///     ::ffff:a.b.c.d        IPv4-mapped                                        RFC 4291 §2.5.5.2
    ///     ::a.b.c.d             IPv4-compatible, deprecated; :: and ::1 are not    RFC 4291 §2.5.5.1
    ///     64:ff9b::a.b.c.d      NAT64, the well-known prefix                       RFC 6052 §2.1
    ///     64:ff9b:1:…:a.b.c.d   NAT64 in one network, read as a prefix of /96      RFC 8215, RFC 6052 §2.2
    ///     2002:a.b.c.d::        6to4, the router                                   RFC 3056 §2
    ///     2001:0:…              Teredo, the client                                 RFC 4380 §4
    ///     …:0:5efe:a.b.c.d      ISATAP under any prefix, also 200:5efe             RFC 5214 §6.1
    ///
    /// A network may use prefixes of its own for NAT64 (RFC 6052 §2.2); no address tells that.
    [[nodiscard]] constexpr std::optional<ipv4_address> embedded_ipv4() const noexcept {
        const auto low = static_cast<std::uint32_t>(value_.low);
        if (is_mapped() || is_compatible() || is_nat64()) return ipv4_address{low};
        if (value_.high >> 16 == 0x0064'ff9b'0001) return ipv4_address{low};
        if (const auto router = six_to_four()) return router;
        if (const auto parts = teredo()) return parts->client;
        // The bits "universal" and "group" of the interface identifier do not count (RFC 4291 §2.5.1).
        if ((value_.low >> 32 & ~std::uint64_t{0x0300'0000}) == 0x5efe && !is_multicast()) return ipv4_address{low};
        return std::nullopt;
    }

    [[nodiscard]] constexpr bool is_unspecified() const noexcept {
        return ask(&ipv4_address::is_unspecified, value_ == detail::uint128{});
    }
    [[nodiscard]] constexpr bool is_loopback() const noexcept {
        return ask(&ipv4_address::is_loopback, value_ == detail::uint128{0, 1});
    }
    /// fc00::/7, unique local addresses (RFC 4193): what 10/8 is to IPv4.
    [[nodiscard]] constexpr bool is_private() const noexcept { return ask(&ipv4_address::is_private, in(0xfc00, 7)); }
    [[nodiscard]] constexpr bool is_link_local() const noexcept {
        return ask(&ipv4_address::is_link_local, in(0xfe80, 10));
    }
    /// fec0::/10, given up in 2004 (RFC 3879).
    [[nodiscard]] constexpr bool is_site_local() const noexcept { return in(0xfec0, 10); }
    [[nodiscard]] constexpr bool is_multicast() const noexcept {
        return ask(&ipv4_address::is_multicast, in(0xff00, 8));
    }
    /// The blocks that IANA's IPv6 address space registry marks "Reserved by IETF": all but 2000::/3, fc00::/7,
    /// fe80::/9 and ff00::/8. (::1 lies in such a block, 0000::/8. fec0::/10 is one, too; see is_site_local().)
    [[nodiscard]] constexpr bool is_reserved() const noexcept {
        return ask(&ipv4_address::is_reserved, !in(0x2000, 3) && !in(0xfc00, 7) && !in(0xfe80, 9) && !in(0xff00, 8));
    }
    /// 2001:db8::/32 (RFC 3849) and 3fff::/20 (RFC 9637).
    [[nodiscard]] constexpr bool is_documentation() const noexcept {
        return ask(&ipv4_address::is_documentation, value_.high >> 32 == 0x20010db8 || in(0x3fff, 16, 0, 4));
    }
    /// 2001:2::/48 (RFC 5180)
    [[nodiscard]] constexpr bool is_benchmarking() const noexcept {
        return ask(&ipv4_address::is_benchmarking, value_.high >> 16 == 0x200100020000);
    }
    /// As ipv4_address::is_global(); of multicast the scope nibble decides, and only 0xe is global (RFC 4291 §2.7).
    /// An address with an IPv4 address inside is global only if that one is, too; see embedded_ipv4().
    [[nodiscard]] constexpr bool is_global() const noexcept;
    /// Returns true if the address is global, lies in the part of IPv6 that IANA gives out (2000::/3) or is a form of
    /// IPv4 (mapped, NAT64), and is no group. This is the question for a program that connects to what a stranger
    /// names: false for loopback, private, site-local, reserved and deprecated addresses, also those inside others.
    /// Ask it of the endpoint that you then connect to, because a name may resolve differently the second time.
    [[nodiscard]] constexpr bool is_global_unicast() const noexcept;

    /// All eight groups with all their zeros: 2001:0db8:0000:0000:0000:0000:0000:0001.
    [[nodiscard]] std::string exploded() const;
    /// Thirty-two hexadecimal digits, the last first, under ip6.arpa (RFC 3596 §2.5).
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
    /// A text with a colon in it is read as IPv6, any other as IPv4. Throws parse_error.
    constexpr explicit ip_address(std::string_view text)
        : ip_address{text.find(':') == text.npos ? ip_address{ipv4_address{text}} : ip_address{ipv6_address{text}}} {}
    static constexpr std::optional<ip_address> parse(std::string_view text, parse_failure& why) noexcept {
        if (text.find(':') == text.npos) return ipv4_address::parse(text, why);
        return ipv6_address::parse(text, why);
    }
    static constexpr std::optional<ip_address> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    [[nodiscard]] constexpr bool is_v4() const noexcept { return !is_v6_; }
    [[nodiscard]] constexpr bool is_v6() const noexcept { return is_v6_; }
    [[nodiscard]] constexpr unsigned width() const noexcept { return is_v6_ ? 128 : 32; }  ///< bits
    /// The address as what it is. Asked for the other one: std::logic_error.
    [[nodiscard]] constexpr ipv4_address v4() const {
        return is_v6_ ? throw std::logic_error{"v4() of an IPv6 address"} : as_v4();
    }
    [[nodiscard]] constexpr ipv6_address v6() const {
        return is_v6_ ? as_v6() : throw std::logic_error{"v6() of an IPv4 address"};
    }
    /// An IPv4-mapped IPv6 address as the IPv4 address that it holds; every other as it is. Compare and
    /// count the peers of a dual-stack listener by this.
    [[nodiscard]] constexpr ip_address unmapped() const noexcept {
        const auto mapped = is_v6_ ? as_v6().ipv4_mapped() : std::nullopt;
        return mapped ? ip_address{*mapped} : *this;
    }
    /// Returns the IPv4 address inside an IPv6 address of any of the known forms; see ipv6_address::embedded_ipv4().
    /// Returns nullopt for all others, and for an IPv4 address, which is inside nothing.
    [[nodiscard]] constexpr std::optional<ipv4_address> embedded_ipv4() const noexcept {
        return is_v6_ ? as_v6().embedded_ipv4() : std::nullopt;
    }
    /// The neighbours; none beyond the ends. The zone stays.
    [[nodiscard]] constexpr std::optional<ip_address> next() const noexcept {
        if (value_ == detail::ones(width())) return std::nullopt;
        return ip_address{is_v6_, value_ + detail::uint128{0, 1}, zone_};
    }
    [[nodiscard]] constexpr std::optional<ip_address> previous() const noexcept {
        if (value_ == detail::uint128{}) return std::nullopt;
        return ip_address{is_v6_, value_ - detail::uint128{0, 1}, zone_};
    }

    /// Calls `question` with the ipv4_address or the ipv6_address.
    constexpr auto visit(auto&& question) const { return is_v6_ ? question(as_v6()) : question(as_v4()); }

    // The questions that both families answer; the families themselves say what each means.
    // clang-format off
    [[nodiscard]] constexpr bool is_unspecified() const noexcept { return visit([](auto a) { return a.is_unspecified(); }); }
    [[nodiscard]] constexpr bool is_loopback() const noexcept { return visit([](auto a) { return a.is_loopback(); }); }
    [[nodiscard]] constexpr bool is_private() const noexcept { return visit([](auto a) { return a.is_private(); }); }
    [[nodiscard]] constexpr bool is_link_local() const noexcept { return visit([](auto a) { return a.is_link_local(); }); }
    [[nodiscard]] constexpr bool is_multicast() const noexcept { return visit([](auto a) { return a.is_multicast(); }); }
    [[nodiscard]] constexpr bool is_reserved() const noexcept { return visit([](auto a) { return a.is_reserved(); }); }
    [[nodiscard]] constexpr bool is_documentation() const noexcept { return visit([](auto a) { return a.is_documentation(); }); }
    [[nodiscard]] constexpr bool is_benchmarking() const noexcept { return visit([](auto a) { return a.is_benchmarking(); }); }
    [[nodiscard]] constexpr bool is_global() const noexcept { return visit([](auto a) { return a.is_global(); }); }
    [[nodiscard]] constexpr bool is_global_unicast() const noexcept { return visit([](auto a) { return a.is_global_unicast(); }); }
    [[nodiscard]] std::string reverse_pointer() const { return visit([](auto a) { return a.reverse_pointer(); }); }
    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return visit([](auto a) { return a.hash(); }); }
    constexpr char* write(char* out) const noexcept { return visit([&](auto a) { return a.write(out); }); }
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

// ---- Networks ------------------------------------------------------------------------------------------

/// What to do with an address that has bits outside its prefix, as 192.168.1.77/24 has: refuse it, which
/// catches slips of the pen, or clear them and take the network in which the address lies.
enum class host_bits { refused, cleared };

/// Consecutive items, computed one at a time and never stored: the addresses or the subnets of a network.
template <class Item>
class ip_range;

/// An address and a prefix length: the block of all addresses that begin with the same bits (CIDR, RFC 4632).
/// `larger mask` means more ones and so a *smaller* network; the notes have it the other way round.
class network : public detail::printable<network> {
  public:
    static constexpr std::size_t text_capacity = ip_address::text_capacity + 4;

    /// 0.0.0.0/0, all of IPv4.
    constexpr network() noexcept = default;
    /// Throws std::invalid_argument when the prefix is longer than the address, or when host bits are set
    /// and refused. A zone is dropped: a network is a set of numbers, not a place.
    constexpr network(const ip_address& address, unsigned prefix_length, host_bits rule = host_bits::refused)
        : base_{address.is_v6_, address.value_}, prefix_length_{static_cast<std::uint8_t>(prefix_length)} {
        if (prefix_length > base_.width()) throw std::invalid_argument{"prefix length beyond the width of the address"};
        if (rule == host_bits::refused && (base_.value_ & hosts_mask()) != detail::uint128{})
            throw std::invalid_argument{"bits are set in the host part of the address of a network"};
        base_.value_ = base_.value_ & ~hosts_mask();
    }
    /// From `192.0.2.0/24`, `2001:db8::/32`, a netmask `192.0.2.0/255.255.255.0` or a host mask
    /// `192.0.2.0/0.0.0.255` (IPv4 only). An address alone is the network of that one address. A mask must
    /// be a run of ones and then zeros: 255.0.255.0 was legal once (RFC 950) and is not now (RFC 4632 §3.1).
    /// Throws parse_error.
    constexpr explicit network(std::string_view text, host_bits rule = host_bits::refused) {
        parse_failure why;
        const auto read = parse(text, rule, why);
        if (!read) throw parse_error{"network", text, why};
        *this = *read;
    }
    static constexpr std::optional<network> parse(std::string_view text, host_bits rule, parse_failure& why) noexcept {
        const std::size_t slash = std::min(text.find('/'), text.size());
        const auto address = ip_address::parse(text.substr(0, slash), why);
        if (!address) return std::nullopt;
        const auto refused = [&](std::string_view pattern, std::size_t position, std::uint32_t value = 0) {
            why = parse_failure{pattern, position, 0, value};
            return std::nullopt;
        };
        if (address->zone_.size > 0) return refused("a network has no zone", text.find('%'));
        std::uint32_t prefix_length = address->width();
        if (slash < text.size()) {
            const std::string_view tail = text.substr(slash + 1);
            if (address->is_v4() && tail.find('.') != tail.npos) {
                const auto mask = ipv4_address::parse(tail, why);
                if (!mask) return why.shift(static_cast<std::ptrdiff_t>(slash + 1)), std::nullopt;
                const std::uint32_t bits = mask->to_uint();
                const int ones = std::countl_one(bits), zeros = std::countl_zero(bits);
                const bool is_netmask = ones + std::countr_zero(bits) >= 32;
                if (!is_netmask && zeros + std::countr_one(bits) != 32)
                    return refused("the mask is not a run of ones and then zeros", slash + 1);
                prefix_length = static_cast<std::uint32_t>(is_netmask ? ones : zeros);
            } else if (!detail::read_number(tail.data(), tail.data() + tail.size(), address->width(), prefix_length,
                                            why)) {
                return why.shift(static_cast<std::ptrdiff_t>(slash + 1)), std::nullopt;
            }
        }
        if (rule == host_bits::refused &&
            (address->value_ & detail::ones(address->width() - prefix_length)) != detail::uint128{})
            return refused("bits are set beyond the first %", 0, prefix_length);
        return network{*address, prefix_length, host_bits::cleared};
    }
    static constexpr std::optional<network> parse(std::string_view text, host_bits rule = host_bits::refused) noexcept {
        parse_failure why;
        return parse(text, rule, why);
    }
    static constexpr std::optional<network> parse(std::string_view text, parse_failure& why) noexcept {
        return parse(text, host_bits::refused, why);
    }

    [[nodiscard]] constexpr ip_address address() const noexcept { return base_; }  ///< all host bits zero
    [[nodiscard]] constexpr unsigned prefix_length() const noexcept { return prefix_length_; }
    /// How many bits are left for the hosts.
    [[nodiscard]] constexpr unsigned host_width() const noexcept { return base_.width() - prefix_length_; }
    [[nodiscard]] constexpr bool is_v4() const noexcept { return base_.is_v4(); }
    [[nodiscard]] constexpr bool is_v6() const noexcept { return base_.is_v6(); }
    [[nodiscard]] constexpr ip_address netmask() const noexcept {
        return {is_v6(), detail::ones(base_.width()) & ~hosts_mask()};
    }
    [[nodiscard]] constexpr ip_address hostmask() const noexcept { return {is_v6(), hosts_mask()}; }

    [[nodiscard]] constexpr ip_address first() const noexcept { return base_; }
    [[nodiscard]] constexpr ip_address last() const noexcept { return {is_v6(), base_.value_ | hosts_mask()}; }
    /// The last address of an IPv4 network, which reaches all its hosts (RFC 919). A /31 or /32 has none
    /// (RFC 3021), and neither has IPv6: there multicast does that work.
    [[nodiscard]] constexpr std::optional<ip_address> broadcast() const noexcept {
        return is_v4() && host_width() > 1 ? std::optional{last()} : std::nullopt;
    }
    /// The first address that a host may have. IPv4 keeps the all-zeros one for the network itself, IPv6
    /// for "any router of this subnet" (RFC 4291 §2.6.1); links of two (/31 RFC 3021, /127 RFC 6164) use both.
    [[nodiscard]] constexpr ip_address first_host() const noexcept { return host_width() > 1 ? *base_.next() : base_; }
    [[nodiscard]] constexpr ip_address last_host() const noexcept { return broadcast() ? *last().previous() : last(); }

    /// How many addresses there are: 2 to the host_width(). None when that is more than 64 bits can count.
    [[nodiscard]] constexpr std::optional<std::uint64_t> address_count() const noexcept {
        return host_width() < 64 ? std::optional{std::uint64_t{1} << host_width()} : std::nullopt;
    }
    /// ... and how many of them a host may have: for IPv4 two fewer, except in a /31 or /32.
    [[nodiscard]] constexpr std::optional<std::uint64_t> host_count() const noexcept {
        const std::uint64_t kept = host_width() <= 1 ? 0 : is_v4() ? 2 : 1;
        return address_count() ? std::optional{*address_count() - kept} : std::nullopt;
    }
    /// address_count() in decimal digits, exact for every network: 2^128 has 39 of them.
    [[nodiscard]] std::string address_count_string() const;

    /// False for an address of the other family: ::ffff:192.0.2.1 is not in 192.0.2.0/24, unmapped() it is.
    /// The zone is not looked at.
    [[nodiscard]] constexpr bool contains(const ip_address& address) const noexcept {
        return address.is_v6_ == base_.is_v6_ && (address.value_ & ~hosts_mask()) == base_.value_;
    }
    [[nodiscard]] constexpr bool contains(const network& other) const noexcept {
        return prefix_length_ <= other.prefix_length_ && contains(other.base_);
    }
    /// Two networks overlap only if one of them contains the other: prefixes nest or are apart.
    [[nodiscard]] constexpr bool overlaps(const network& other) const noexcept {
        return contains(other) || other.contains(*this);
    }

    /// The network of that shorter prefix around this one. Throws std::invalid_argument for a longer one.
    [[nodiscard]] constexpr network supernet(unsigned prefix_length) const {
        if (prefix_length > prefix_length_)
            throw std::invalid_argument{"the prefix of a supernet is not longer than the network's"};
        return {base_, prefix_length, host_bits::cleared};
    }
    /// The networks of that longer prefix inside this one, lowest first; no memory is taken however many.
    /// Throws std::invalid_argument for a shorter prefix, or one beyond the address.
    [[nodiscard]] constexpr ip_range<network> subnets(unsigned prefix_length) const;
    /// Every address that a host may have, in order.
    [[nodiscard]] constexpr ip_range<ip_address> hosts() const noexcept;
    /// The address at `index`, the first being 0. Throws std::out_of_range beyond the last, and for a negative index:
    /// last() is the last address.
    template <std::integral Index>
    requires(sizeof(Index) <= sizeof(std::uint64_t)) [[nodiscard]] constexpr ip_address operator[](Index index) const {
        if constexpr (std::is_signed_v<Index>)  // converted without a word, -1 would be 2^64 - 1
            if (index < 0) throw std::out_of_range{"a negative index into a network"};
        const auto offset = static_cast<std::uint64_t>(index);
        if (address_count() && offset >= *address_count())
            throw std::out_of_range{"an index beyond the last address of the network"};
        return {is_v6(), base_.value_ + detail::uint128{0, offset}};
    }

    /// The smallest network, as an IPv4 prefix length, that has room for so many hosts; none for more than
    /// 2^32 - 2 of them. 1,500 hosts need a /21: the notes' 255.255.0.0 gives away 64,000 addresses.
    static constexpr std::optional<unsigned> prefix_length_for_hosts(std::uint64_t hosts) noexcept {
        for (unsigned prefix_length = 33; prefix_length-- > 0;)
            if (hosts <= *network{ipv4_address{}, prefix_length}.host_count()) return prefix_length;
        return std::nullopt;
    }

    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return detail::mix(base_.hash() + prefix_length_); }
    constexpr char* write(char* out) const noexcept {
        out = base_.write(out);
        *out++ = '/';
        return detail::write_number(out, prefix_length_);
    }

    /// By address, then the larger network first.
    friend constexpr auto operator<=>(const network&, const network&) noexcept = default;

  private:
    friend class ip_range<network>;
    constexpr detail::uint128 hosts_mask() const noexcept { return detail::ones(host_width()); }

    ip_address base_;
    std::uint8_t prefix_length_ = 0;
};

template <class Item>
class ip_range {
  public:
    class iterator {
      public:
        using value_type = Item;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;  // operator* makes its value, so no more than this for C++17
        using iterator_concept = std::forward_iterator_tag;
        using pointer = void;
        using reference = Item;

        constexpr iterator() noexcept = default;
        constexpr Item operator*() const noexcept { return at_; }
        constexpr iterator& operator++() noexcept {
            ended_ = at_ == last_;  // the last address of all has no successor, so the end cannot be "one beyond"
            if (!ended_) at_ = successor(at_);
            return *this;
        }
        constexpr iterator operator++(int) noexcept {
            const iterator before = *this;
            ++*this;
            return before;
        }
        friend constexpr bool operator==(const iterator&, const iterator&) noexcept = default;

      private:
        friend ip_range;
        constexpr iterator(const Item& at, const Item& last, bool ended) noexcept
            : at_{at}, last_{last}, ended_{ended} {}
        Item at_;
        Item last_;
        bool ended_ = true;
    };

    [[nodiscard]] constexpr iterator begin() const noexcept { return {first_, last_, false}; }
    [[nodiscard]] constexpr iterator end() const noexcept { return {last_, last_, true}; }

  private:
    friend class network;
    constexpr ip_range(const Item& first, const Item& last) noexcept : first_{first}, last_{last} {}  // both included
    static constexpr ip_address successor(const ip_address& address) noexcept { return *address.next(); }
    static constexpr network successor(network block) noexcept {
        block.base_ = *block.last().next();
        return block;
    }
    Item first_;
    Item last_;
};

constexpr ip_range<ip_address> network::hosts() const noexcept { return {first_host(), last_host()}; }
constexpr ip_range<network> network::subnets(unsigned prefix_length) const {
    if (prefix_length < prefix_length_)
        throw std::invalid_argument{"the prefix of a subnet is not shorter than the network's"};
    return {network{base_, prefix_length}, network{last(), prefix_length, host_bits::cleared}};
}

/// Writes the fewest networks that together hold exactly the addresses from `first` to `last`, in order:
/// at most 62 for IPv4, 254 for IPv6. Throws std::invalid_argument when the families or the zones differ, or when
/// last < first. (A zone that both have is dropped: a network has none.)
template <class Output>
constexpr Output summarize(ip_address first, const ip_address& last, Output out) {
    if (first.is_v6() != last.is_v6() || first.zone_ != last.zone_ || last < first)
        throw std::invalid_argument{"not a range of addresses"};
    for (;;) {
        // The block that begins here is as large as both its alignment and the rest of the range allow.
        const auto rest = last.value_ - first.value_;
        const unsigned room = rest == detail::ones(128) ? 128 : detail::bit_width(rest + detail::uint128{0, 1}) - 1;
        const unsigned aligned =
            first.value_ == detail::uint128{} ? first.width() : detail::trailing_zeros(first.value_);
        const network block{first, first.width() - std::min(room, aligned)};
        *out++ = block;
        if (block.last().value_ == last.value_) return out;
        first = *block.last().next();
    }
}

/// Sorts the networks, drops those that lie in another, joins pairs that make a whole, and returns the part
/// of the span that holds the result; what lies behind that part is left unspecified.
constexpr std::span<network> collapse(std::span<network> networks) {
    std::sort(networks.begin(), networks.end());
    std::size_t kept = 0;
    for (const network block : networks) {
        if (kept > 0 && networks[kept - 1].contains(block)) continue;
        networks[kept++] = block;
        // The last two may be the halves of one network, and that one again a half, and so on up.
        while (kept > 1 && networks[kept - 1].prefix_length() > 0) {
            const unsigned prefix_length = networks[kept - 1].prefix_length();
            const network whole = networks[kept - 1].supernet(prefix_length - 1);
            if (networks[kept - 2] != network{whole.address(), prefix_length}) break;
            networks[--kept - 1] = whole;
        }
    }
    return networks.first(kept);
}

/// Writes the networks that are left of `outer` without `inner`, from the largest to the smallest: one for
/// every bit by which the prefixes differ. Throws std::invalid_argument unless `inner` lies in `outer`.
template <class Output>
constexpr Output exclude(const network& outer, const network& inner, Output out) {
    if (!outer.contains(inner)) throw std::invalid_argument{"the network to exclude lies outside"};
    for (unsigned prefix_length = outer.prefix_length(); prefix_length < inner.prefix_length(); ++prefix_length)
        for (const network half :
             network{inner.address(), prefix_length, host_bits::cleared}.subnets(prefix_length + 1))
            if (!half.contains(inner)) *out++ = half;
    return out;
}

// ---- Special-purpose ranges ----------------------------------------------------------------------------

/// A row of the IANA IPv4 or IPv6 Special-Purpose Address Registry (RFC 6890, RFC 8190), as of October 2025.
/// Where the registry says "not applicable" (6to4, Teredo, what was given up) the answer here is no.
struct special_range {
    network block;
    std::string_view name;
    std::string_view reference;
    bool source;              ///< may stand as the source of a packet that crosses a router
    bool destination;         ///< ... as its destination
    bool forwardable;         ///< a router may forward packets to it
    bool globally_reachable;  ///< ... beyond the borders of an organisation
    bool reserved;            ///< IP itself requires that every implementation treats it specially
};

namespace detail {
constexpr special_range row(std::string_view block, std::string_view name, std::string_view reference,
                            std::string_view flags) {
    return {network{block},  name,           reference, flags[0] == 'S', flags[1] == 'D', flags[2] == 'F',
            flags[3] == 'G', flags[4] == 'R'};
}
}  // namespace detail

inline constexpr std::array ipv4_special_ranges{
    detail::row("0.0.0.0/8", "This network", "RFC 791 §3.2", "S---R"),
    detail::row("0.0.0.0/32", "This host on this network", "RFC 1122 §3.2.1.3", "S---R"),
    detail::row("10.0.0.0/8", "Private-Use", "RFC 1918", "SDF--"),
    detail::row("100.64.0.0/10", "Shared Address Space", "RFC 6598", "SDF--"),
    detail::row("127.0.0.0/8", "Loopback", "RFC 1122 §3.2.1.3", "----R"),
    detail::row("169.254.0.0/16", "Link Local", "RFC 3927", "SD--R"),
    detail::row("172.16.0.0/12", "Private-Use", "RFC 1918", "SDF--"),
    detail::row("192.0.0.0/24", "IETF Protocol Assignments", "RFC 6890 §2.1", "-----"),
    detail::row("192.0.0.0/29", "IPv4 Service Continuity Prefix", "RFC 7335", "SDF--"),
    detail::row("192.0.0.8/32", "IPv4 dummy address", "RFC 7600", "S----"),
    detail::row("192.0.0.9/32", "Port Control Protocol Anycast", "RFC 7723", "SDFG-"),
    detail::row("192.0.0.10/32", "Traversal Using Relays around NAT Anycast", "RFC 8155", "SDFG-"),
    detail::row("192.0.0.170/32", "NAT64/DNS64 Discovery", "RFC 8880, RFC 7050", "----R"),
    detail::row("192.0.0.171/32", "NAT64/DNS64 Discovery", "RFC 8880, RFC 7050", "----R"),
    detail::row("192.0.2.0/24", "Documentation (TEST-NET-1)", "RFC 5737", "-----"),
    detail::row("192.31.196.0/24", "AS112-v4", "RFC 7535", "SDFG-"),
    detail::row("192.52.193.0/24", "AMT", "RFC 7450", "SDFG-"),
    detail::row("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", "RFC 7526", "-----"),
    detail::row("192.88.99.2/32", "6a44-relay anycast address", "RFC 6751", "SDF--"),
    detail::row("192.168.0.0/16", "Private-Use", "RFC 1918", "SDF--"),
    detail::row("192.175.48.0/24", "Direct Delegation AS112 Service", "RFC 7534", "SDFG-"),
    detail::row("198.18.0.0/15", "Benchmarking", "RFC 2544", "SDF--"),
    detail::row("198.51.100.0/24", "Documentation (TEST-NET-2)", "RFC 5737", "-----"),
    detail::row("203.0.113.0/24", "Documentation (TEST-NET-3)", "RFC 5737", "-----"),
    detail::row("240.0.0.0/4", "Reserved", "RFC 1112 §4", "----R"),
    detail::row("255.255.255.255/32", "Limited Broadcast", "RFC 8190, RFC 919 §7", "-D--R"),
};

inline constexpr std::array ipv6_special_ranges{
    detail::row("::1/128", "Loopback Address", "RFC 4291", "----R"),
    detail::row("::/128", "Unspecified Address", "RFC 4291", "S---R"),
    detail::row("::ffff:0:0/96", "IPv4-mapped Address", "RFC 4291", "----R"),
    detail::row("64:ff9b::/96", "IPv4-IPv6 Translation", "RFC 6052", "SDFG-"),
    detail::row("64:ff9b:1::/48", "IPv4-IPv6 Translation", "RFC 8215", "SDF--"),
    detail::row("100::/64", "Discard-Only Address Block", "RFC 6666", "SDF--"),
    detail::row("100:0:0:1::/64", "Dummy IPv6 Prefix", "RFC 9780", "S----"),
    detail::row("2001::/23", "IETF Protocol Assignments", "RFC 2928", "-----"),
    detail::row("2001::/32", "TEREDO", "RFC 4380, RFC 8190", "SDF--"),
    detail::row("2001:1::1/128", "Port Control Protocol Anycast", "RFC 7723", "SDFG-"),
    detail::row("2001:1::2/128", "Traversal Using Relays around NAT Anycast", "RFC 8155", "SDFG-"),
    detail::row("2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", "RFC 9665", "SDFG-"),
    detail::row("2001:2::/48", "Benchmarking", "RFC 5180", "SDF--"),
    detail::row("2001:3::/32", "AMT", "RFC 7450", "SDFG-"),
    detail::row("2001:4:112::/48", "AS112-v6", "RFC 7535", "SDFG-"),
    detail::row("2001:10::/28", "Deprecated (previously ORCHID)", "RFC 4843", "-----"),
    detail::row("2001:20::/28", "ORCHIDv2", "RFC 7343", "SDFG-"),
    detail::row("2001:30::/28", "Drone Remote ID Protocol Entity Tags", "RFC 9374", "SDFG-"),
    detail::row("2001:db8::/32", "Documentation", "RFC 3849", "-----"),
    detail::row("2002::/16", "6to4", "RFC 3056", "SDF--"),
    detail::row("2620:4f:8000::/48", "Direct Delegation AS112 Service", "RFC 7534", "SDFG-"),
    detail::row("3fff::/20", "Documentation", "RFC 9637", "-----"),
    detail::row("5f00::/16", "Segment Routing (SRv6) SIDs", "RFC 9602", "SDF--"),
    detail::row("fc00::/7", "Unique-Local", "RFC 4193, RFC 8190", "SDF--"),
    detail::row("fe80::/10", "Link-Local Unicast", "RFC 4291", "SD--R"),
};

namespace detail {
/// The row with the longest prefix that holds the address, or the table's end. (Not a pointer that may be
/// null: for g++ with -fsanitize=undefined a comparison with nullptr is no constant, and is_global() would be none.)
constexpr auto find_row(const auto& table, const ip_address& address) noexcept {
    auto best = table.end();
    for (auto row = table.begin(); row != table.end(); ++row)
        if (row->block.contains(address) &&
            (best == table.end() || row->block.prefix_length() > best->block.prefix_length()))
            best = row;
    return best;
}
}  // namespace detail

/// The row with the longest prefix that holds the address, or nullptr: then it is ordinary, or multicast.
constexpr const special_range* find_special_range(const ip_address& address) noexcept {
    const auto found = [&](const auto& table) -> const special_range* {
        const auto row = detail::find_row(table, address);
        return row == table.end() ? nullptr : &*row;
    };
    return address.is_v6() ? found(ipv6_special_ranges) : found(ipv4_special_ranges);
}

constexpr bool ipv4_address::is_global() const noexcept {
    if (is_multicast()) return !in(0xe0000000, 24) && !in(0xef000000, 8);
    const auto row = detail::find_row(ipv4_special_ranges, *this);
    return row == ipv4_special_ranges.end() || row->globally_reachable;
}

constexpr bool ipv6_address::is_global() const noexcept {
    if (const auto mapped = ipv4_mapped()) return mapped->is_global();
    if (is_multicast()) return (value_.high >> 48 & 0xf) == 0xe;
    const auto inside = embedded_ipv4();
    if (inside && !inside->is_global()) return false;
    const auto row = detail::find_row(ipv6_special_ranges, *this);
    return row == ipv6_special_ranges.end() || row->globally_reachable;
}
constexpr bool ipv6_address::is_global_unicast() const noexcept {
    if (const auto inside = embedded_ipv4(); inside && !inside->is_global_unicast()) return false;
    return (in(0x2000, 3) || is_mapped() || is_nat64()) && is_global();
}

// ---- The classes of old --------------------------------------------------------------------------------

/// A line of the notes' table of classes, with its numbers put right. The notes' ranges name *hosts*, leave
/// out networks that they then count, and end class C in the wrong binary number.
struct ipv4_class_range {
    ipv4_class letter;
    network block;  ///< all addresses that begin with the class's leading bits
    std::string_view leading_bits;
    unsigned network_octets;          ///< 0 for D and E, which are not divided into networks
    std::uint32_t networks;           ///< 2^7, 2^14, 2^21
    std::uint32_t hosts_per_network;  ///< without the all-zeros and the all-ones host
};

/// Of the 128 networks of class A, 0 and 127 are special: 126 remain. 128.0, 191.255 and 223.255.255 were
/// reserved once and are ordinary now (RFC 5735 dropped them). A class A network holds 16,777,214 hosts.
inline constexpr std::array<ipv4_class_range, 5> ipv4_class_ranges{{
    {ipv4_class::a, network{"0.0.0.0/1"}, "0", 1, 1u << 7, (1u << 24) - 2},
    {ipv4_class::b, network{"128.0.0.0/2"}, "10", 2, 1u << 14, (1u << 16) - 2},
    {ipv4_class::c, network{"192.0.0.0/3"}, "110", 3, 1u << 21, (1u << 8) - 2},
    {ipv4_class::d, network{"224.0.0.0/4"}, "1110", 0, 0, 0},
    {ipv4_class::e, network{"240.0.0.0/4"}, "1111", 0, 0, 0},
}};

constexpr ipv4_class ipv4_address::address_class() const noexcept {
    return ipv4_class_ranges[static_cast<std::size_t>(std::min(std::countl_one(value_), 4))].letter;
}

// ---- Endpoints -----------------------------------------------------------------------------------------

/// An address and a port: where a socket listens, or whom it talks to. The port is in host byte order; it
/// is turned round only where the system's own structure is filled.
class endpoint : public detail::printable<endpoint> {
  public:
    static constexpr std::size_t text_capacity = ip_address::text_capacity + 8;

    /// 0.0.0.0:0
    constexpr endpoint() noexcept = default;
    constexpr endpoint(const ip_address& address, std::uint16_t port) noexcept : address_{address}, port_{port} {}
    constexpr endpoint(ipv4_address address, std::uint16_t port) noexcept : address_{address}, port_{port} {}
    constexpr endpoint(const ipv6_address& address, std::uint16_t port) noexcept : address_{address}, port_{port} {}
    /// Throws parse_error when the text is not an address. (A name is not: see resolve() in socket.hpp.)
    constexpr endpoint(std::string_view address, std::uint16_t port) : address_{address}, port_{port} {}
    /// From `192.0.2.1:80` or `[2001:db8::1]:80`: without brackets, where does the address end? (RFC 3986
    /// §3.2.2.) Throws parse_error.
    constexpr explicit endpoint(std::string_view text) {
        parse_failure why;
        const auto read = parse(text, why);
        if (!read) throw parse_error{"endpoint", text, why};
        *this = *read;
    }
    static constexpr std::optional<endpoint> parse(std::string_view text, parse_failure& why) noexcept {
        const auto refused = [&](std::string_view pattern, std::size_t position) {
            why = parse_failure{pattern, position};
            return std::nullopt;
        };
        const bool bracketed = text.starts_with('[');
        const std::size_t colon = bracketed ? std::min(text.find(']'), text.size() - 1) + 1 : text.find(':');
        if (bracketed && text[colon - 1] != ']') return refused("']' is missing", text.size());
        if (colon >= text.size() || text[colon] != ':')
            return refused("':' and a port are missing", std::min(colon, text.size()));
        if (!bracketed && text.find(':', colon + 1) != text.npos)
            return refused("a second ':'; an IPv6 address needs brackets before a port", text.find(':', colon + 1));
        const std::string_view host = bracketed ? text.substr(1, colon - 2) : text.substr(0, colon);
        const std::optional<ip_address> address = bracketed ? std::optional<ip_address>{ipv6_address::parse(host, why)}
                                                            : std::optional<ip_address>{ipv4_address::parse(host, why)};
        if (!address) return why.shift(bracketed ? 1 : 0), std::nullopt;
        std::uint32_t port = 0;
        if (!detail::read_number(text.data() + colon + 1, text.data() + text.size(), 65535, port, why))
            return why.shift(static_cast<std::ptrdiff_t>(colon + 1)), std::nullopt;
        return endpoint{*address, static_cast<std::uint16_t>(port)};
    }
    static constexpr std::optional<endpoint> parse(std::string_view text) noexcept {
        parse_failure why;
        return parse(text, why);
    }

    [[nodiscard]] constexpr ip_address address() const noexcept { return address_; }
    [[nodiscard]] constexpr std::uint16_t port() const noexcept { return port_; }

    [[nodiscard]] constexpr std::uint64_t hash() const noexcept { return detail::mix(address_.hash() + port_); }
    constexpr char* write(char* out) const noexcept {
        if (address_.is_v6()) *out++ = '[';
        out = address_.write(out);
        if (address_.is_v6()) *out++ = ']';
        *out++ = ':';
        return detail::write_number(out, port_);
    }
    friend constexpr auto operator<=>(const endpoint&, const endpoint&) noexcept = default;

  private:
    ip_address address_;
    std::uint16_t port_ = 0;
};

// ---- Ports and services --------------------------------------------------------------------------------

/// How IANA divides the ports (RFC 6335 §6): system 0 to 1023, user 1024 to 49151, dynamic from 49152. What
/// a system gives out for port 0 is another matter: Linux takes 32768 to 60999 (ip(7)).
enum class port_class { well_known, registered, dynamic };

constexpr port_class classify_port(std::uint16_t port) noexcept {
    return port < 1024 ? port_class::well_known : port < 49152 ? port_class::registered : port_class::dynamic;
}

enum class transport { tcp, udp };

/// A service and the port that IANA gave it, under its registered name.
struct service {
    std::string_view name;
    std::uint16_t port;
    netnotes::transport transport;
    std::string_view purpose;
};

/// The notes' services, put right (FTP's control port is 21, not 20) and completed by what is in use today.
inline constexpr std::array<service, 27> services{{
    {"ftp-data", 20, transport::tcp, "the server's source port of active-mode FTP data"},
    {"ftp", 21, transport::tcp, "file transfer, the control connection"},
    {"ssh", 22, transport::tcp, "secure shell and file copy"},
    {"telnet", 23, transport::tcp, "command line without any secrecy"},
    {"smtp", 25, transport::tcp, "mail from server to server"},
    {"domain", 53, transport::tcp, "names to addresses: long answers and zone transfers"},
    {"domain", 53, transport::udp, "names to addresses"},
    {"bootps", 67, transport::udp, "DHCP, the server's side"},
    {"bootpc", 68, transport::udp, "DHCP, the client's side"},
    {"tftp", 69, transport::udp, "trivial file transfer, the request only"},
    {"gopher", 70, transport::tcp, "menus and texts, before the web"},
    {"http", 80, transport::tcp, "web pages"},
    {"pop3", 110, transport::tcp, "fetching mail"},
    {"sunrpc", 111, transport::tcp, "the RPC port mapper"},
    {"nntp", 119, transport::tcp, "news articles"},
    {"ntp", 123, transport::udp, "the time of day"},
    {"imap", 143, transport::tcp, "mailboxes that stay on the server (IMAP4)"},
    {"snmp", 161, transport::udp, "asking and setting network devices"},
    {"https", 443, transport::tcp, "web pages over TLS"},
    {"https", 443, transport::udp, "web pages over QUIC (HTTP/3)"},
    {"submissions", 465, transport::tcp, "handing in mail over TLS"},
    {"router", 520, transport::udp, "RIP: routers tell each other their routes"},
    {"submission", 587, transport::tcp, "handing in mail"},
    {"imaps", 993, transport::tcp, "IMAP over TLS"},
    {"pop3s", 995, transport::tcp, "POP3 over TLS"},
    {"nfs", 2049, transport::tcp, "files of another host as if they were here"},
    {"ircu", 6667, transport::tcp, "internet relay chat; browsers refuse 6665 to 6669, so no HTTP there"},
}};

/// nullptr when the table does not know it; the system's own database is asked by resolve() in socket.hpp.
constexpr const service* find_service(std::string_view name, transport protocol) noexcept {
    const auto found = std::find_if(services.begin(), services.end(),
                                    [&](const service& s) { return s.name == name && s.transport == protocol; });
    return found == services.end() ? nullptr : &*found;
}
constexpr const service* find_service(std::uint16_t port, transport protocol) noexcept {
    const auto found = std::find_if(services.begin(), services.end(),
                                    [&](const service& s) { return s.port == port && s.transport == protocol; });
    return found == services.end() ? nullptr : &*found;
}

// ---- Longer texts --------------------------------------------------------------------------------------

inline std::string ipv4_address::reverse_pointer() const {
    return ipv4_address{octet(0), octet(8), octet(16), octet(24)}.to_string() + ".in-addr.arpa";
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
    return text + "ip6.arpa";
}

inline std::string network::address_count_string() const {
    std::string digits{"1"};  // the lowest first, doubled once for every host bit
    for (unsigned bit = 0; bit < host_width(); ++bit) {
        int carry = 0;
        for (char& digit : digits) {
            const int doubled = 2 * (digit - '0') + carry;
            digit = static_cast<char>('0' + doubled % 10);
            carry = doubled / 10;
        }
        if (carry > 0) digits += '1';
    }
    std::reverse(digits.begin(), digits.end());
    return digits;
}

// ---- Literals ------------------------------------------------------------------------------------------

/// `using namespace netnotes::literals;` and a wrong text is an error of the compiler.
namespace literals {
consteval ip_address operator""_ip(const char* text, std::size_t size) {
    return ip_address{std::string_view{text, size}};
}
consteval network operator""_net(const char* text, std::size_t size) { return network{std::string_view{text, size}}; }
consteval endpoint operator""_endpoint(const char* text, std::size_t size) {
    return endpoint{std::string_view{text, size}};
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
