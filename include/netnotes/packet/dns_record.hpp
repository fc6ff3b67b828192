// netnotes/packet/dns_record.hpp: records of the Domain Name System, and what they hold
// SPDX-License-Identifier: MIT
//
// A record says something about a name. The type says what, and which form the data have:
//
//        ┌─────────────────┬──────┬───────┬─────────────────┬──────┬────────────────┐
//        │ name            │ type │ class │ seconds to live │ size │ data           │
//        ├─────────────────┼──────┼───────┼─────────────────┼──────┼────────────────┤
//        │ www.example.com │  A   │  IN   │       300       │   4  │ 192.0.2.1      │
//        │ example.com     │  NS  │  IN   │      86400      │   5  │ ns.example.com │   the name with a pointer
//        └─────────────────┴──────┴───────┴─────────────────┴──────┴────────────────┘
//
// Each accessor of a record is for one kind of data. It returns nullopt for another type, and for data that cannot be
// read. check() says why. Nothing here allocates or throws.
//
// On this page:  dns_type, dns_class, dns_section · what records hold · dns_record
// Source:        RFC 1035 §3.2, §3.3, RFC 2782 (SRV), RFC 3596 (AAAA), RFC 6891 (OPT)
// The notes:     DNS (N61, N62); example 36

#ifndef NETNOTES_PACKET_DNS_RECORD_HPP
#define NETNOTES_PACKET_DNS_RECORD_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "../ip/address.hpp"
#include "bytes.hpp"
#include "dns_name.hpp"
#include "names.hpp"

namespace netnotes::packet {

/// The type of a record, or of the records that a question asks for (IANA, "Resource Record (RR) TYPEs").
enum class dns_type : std::uint16_t {
    a = 1,       ///< an IPv4 address
    ns = 2,      ///< the name of a server that has authority
    cname = 5,   ///< this name is an alias of another name
    soa = 6,     ///< how a zone is maintained
    ptr = 12,    ///< the name of an address
    mx = 15,     ///< a host that takes mail for this name
    txt = 16,    ///< texts
    aaaa = 28,   ///< an IPv6 address
    srv = 33,    ///< host and port of a service
    dname = 39,  ///< an alias of everything below a name
    opt = 41,    ///< no record, but more header
    ds = 43,
    rrsig = 46,
    nsec = 47,
    dnskey = 48,
    svcb = 64,
    https = 65,
    ixfr = 251,
    axfr = 252,
    any = 255,  ///< in questions: every type
    caa = 257,
};
/// Returns the type's name as zone files have it, such as `AAAA`, or "" for a number that this module does not name.
[[nodiscard]] constexpr std::string_view to_string(dns_type type) noexcept;

/// Internet, in practice.
enum class dns_class : std::uint16_t { internet = 1, chaos = 3, hesiod = 4, none = 254, any = 255 };

/// Which list of a message a record belongs to.
enum class dns_section : std::uint8_t { answer, authority, additional };

// ---- What records hold ---------------------------------------------------------------------------------

/// MX (RFC 1035 §3.3.9): the host with the smallest preference is tried first.
struct dns_mail_exchange {
    std::uint16_t preference = 0;
    dns_name_view exchange{};
};
/// SOA (RFC 1035 §3.3.13). All times are seconds.
struct dns_start_of_authority {
    dns_name_view primary_server{};
    dns_name_view mailbox{};    ///< with a dot for the @: hostmaster.example.com
    std::uint32_t serial = 0;   ///< grows with each change of the zone
    std::uint32_t refresh = 0;  ///< after which a secondary server looks for a change
    std::uint32_t retry = 0;
    std::uint32_t expire = 0;
    std::uint32_t minimum = 0;  ///< how long "this name does not exist" may be kept (RFC 2308)
};
/// SRV (RFC 2782): of equal priority, a host is chosen in proportion to its weight.
struct dns_service {
    std::uint16_t priority = 0;
    std::uint16_t weight = 0;
    std::uint16_t port = 0;
    dns_name_view target{};  ///< the root if there is no such service
};

namespace detail {

/// Items that follow each other in bytes that were checked before. `Item` has size_in() and from().
template <class Item>
class packed_list {
  public:
    class iterator {
      public:
        using value_type = typename Item::value_type;
        using difference_type = std::ptrdiff_t;
        constexpr iterator() noexcept = default;
        constexpr explicit iterator(std::span<const std::byte> rest) noexcept : rest_{rest} {}
        constexpr value_type operator*() const noexcept { return Item::from(rest_); }
        constexpr iterator& operator++() noexcept { return rest_ = rest_.subspan(Item::size_in(rest_)), *this; }
        constexpr iterator operator++(int) noexcept {
            const iterator before = *this;
            ++*this;
            return before;
        }
        friend constexpr bool operator==(const iterator& a, const iterator& b) noexcept {
            return a.rest_.data() == b.rest_.data() && a.rest_.size() == b.rest_.size();
        }
        friend constexpr bool operator==(const iterator& a, std::default_sentinel_t) noexcept {
            return a.rest_.empty();
        }

      private:
        std::span<const std::byte> rest_;
    };
    constexpr packed_list() noexcept = default;
    [[nodiscard]] constexpr iterator begin() const noexcept { return iterator{bytes_}; }
    [[nodiscard]] constexpr std::default_sentinel_t end() const noexcept { return {}; }
    [[nodiscard]] constexpr bool empty() const noexcept { return bytes_.empty(); }
    /// Returns nullopt if the last item does not end with the bytes.
    static constexpr std::optional<packed_list> check(std::span<const std::byte> bytes) noexcept {
        packed_list list;
        list.bytes_ = bytes;
        while (!bytes.empty()) {
            const std::size_t size = Item::size_in(bytes);
            if (size > bytes.size()) return std::nullopt;
            bytes = bytes.subspan(size);
        }
        return list;
    }

  private:
    std::span<const std::byte> bytes_;
};

struct character_string {
    using value_type = std::span<const std::byte>;
    static constexpr std::size_t size_in(std::span<const std::byte> bytes) noexcept {
        return 1u + load_8(bytes.data());
    }
    static constexpr value_type from(std::span<const std::byte> bytes) noexcept {
        return bytes.subspan(1, load_8(bytes.data()));
    }
};

}  // namespace detail

/// An option of an OPT record (RFC 6891 §6.1.2), for example a cookie (10).
struct dns_option {
    std::uint16_t code = 0;
    std::span<const std::byte> value{};

    using value_type = dns_option;
    /// Returns how many bytes the first option of `bytes` has, with its header.
    static constexpr std::size_t size_in(std::span<const std::byte> bytes) noexcept {
        return bytes.size() < 4 ? 4 : 4u + detail::load_16(bytes.data() + 2);
    }
    static constexpr dns_option from(std::span<const std::byte> bytes) noexcept {
        return {detail::load_16(bytes.data()), bytes.subspan(4, size_in(bytes) - 4)};
    }
};
/// The texts of a TXT record, each of 0 to 255 bytes. They may hold any bytes.
using dns_texts = detail::packed_list<detail::character_string>;
using dns_options = detail::packed_list<dns_option>;

/// OPT (RFC 6891): more header, in the place of a record. Type and class have another meaning there.
struct dns_extension {
    std::uint16_t udp_payload_size = 1232;  ///< bytes that the sender can receive
    std::uint8_t response_code_high = 0;    ///< the upper 8 of 12 bits
    std::uint8_t version = 0;
    bool is_dnssec_ok = false;  ///< the sender wants signatures (RFC 3225)
    dns_options options{};
};

/// A record of a message. It points into the message, which must outlive it.
class dns_record {
  public:
    dns_name_view name{};
    dns_type type{};
    dns_class record_class{};
    std::uint32_t time_to_live = 0;  ///< seconds for which the record may be kept
    dns_section section{};
    std::span<const std::byte> data{};  ///< as it stands in the message: names in it may have pointers to elsewhere
    std::size_t offset = 0;             ///< where the record begins in the message

    /// Returns the address of an A or AAAA record.
    [[nodiscard]] constexpr std::optional<ip_address> address() const noexcept;
    /// Returns the name that an NS, CNAME, PTR or DNAME record holds.
    [[nodiscard]] constexpr std::optional<dns_name_view> target() const noexcept;
    [[nodiscard]] constexpr std::optional<dns_mail_exchange> mail_exchange() const noexcept;
    /// Returns the texts of a TXT record, and an empty list for another type or if the data cannot be read.
    [[nodiscard]] constexpr dns_texts texts() const noexcept;
    [[nodiscard]] constexpr std::optional<dns_start_of_authority> start_of_authority() const noexcept;
    [[nodiscard]] constexpr std::optional<dns_service> service() const noexcept;
    [[nodiscard]] constexpr std::optional<dns_extension> extension() const noexcept;

    /// Returns why an accessor cannot read the data. The result converts to false if the data are right, for a type
    /// without an accessor, and for a record of an update that needs no data (RFC 2136 §2.4, §2.5).
    [[nodiscard]] constexpr packet_failure check() const noexcept;

  private:
    friend class dns_view;
    std::span<const std::byte> message_{};
    [[nodiscard]] constexpr std::size_t data_at() const noexcept {
        return static_cast<std::size_t>(data.data() - message_.data());
    }
    /// Reads `count` names, the last of which ends `behind` bytes before the data's end.
    template <std::size_t Count>
    constexpr std::optional<std::array<dns_name_view, Count>> names(std::size_t front, std::size_t behind,
                                                                    packet_failure& why) const noexcept;
    constexpr bool is_named() const noexcept {
        return type == dns_type::ns || type == dns_type::cname || type == dns_type::ptr || type == dns_type::dname;
    }
};

// ---- Reading -------------------------------------------------------------------------------------------

template <std::size_t Count>
constexpr std::optional<std::array<dns_name_view, Count>> dns_record::names(std::size_t front, std::size_t behind,
                                                                            packet_failure& why) const noexcept {
    const std::size_t end = data_at() + data.size();
    std::array<dns_name_view, Count> read;
    if (data.size() < front + behind + Count)
        return why = packet_failure{layer::dns, data_at(), "size of the data is %, below #",
                                    static_cast<std::uint32_t>(data.size()),
                                    static_cast<std::uint32_t>(front + behind + Count)},
               std::nullopt;
    std::size_t at = data_at() + front;
    for (dns_name_view& each : read) {
        const auto found = dns_name_view::parse(message_, at, why);
        if (!found) return std::nullopt;
        each = *found;
    }
    if (at + behind != end)
        return why = packet_failure{layer::dns, at, "the last name does not end where the data say"}, std::nullopt;
    return read;
}

constexpr std::optional<ip_address> dns_record::address() const noexcept {
    if (type == dns_type::a && data.size() == 4) return ipv4_address{detail::load_32(data.data())};
    if (type == dns_type::aaaa && data.size() == 16)
        return ipv6_address{uint128{detail::load_64(data.data()), detail::load_64(data.data() + 8)}};
    return std::nullopt;
}
constexpr std::optional<dns_name_view> dns_record::target() const noexcept {
    packet_failure why;
    const auto found = is_named() ? names<1>(0, 0, why) : std::nullopt;
    return found ? std::optional{(*found)[0]} : std::nullopt;
}
constexpr std::optional<dns_mail_exchange> dns_record::mail_exchange() const noexcept {
    packet_failure why;
    const auto found = type == dns_type::mx ? names<1>(2, 0, why) : std::nullopt;
    if (!found) return std::nullopt;
    return dns_mail_exchange{detail::load_16(data.data()), (*found)[0]};
}
constexpr dns_texts dns_record::texts() const noexcept {
    const auto found = type == dns_type::txt ? dns_texts::check(data) : std::nullopt;
    return found.value_or(dns_texts{});
}
constexpr std::optional<dns_start_of_authority> dns_record::start_of_authority() const noexcept {
    packet_failure why;
    const auto found = type == dns_type::soa ? names<2>(0, 20, why) : std::nullopt;
    if (!found) return std::nullopt;
    const auto number = [&](std::size_t i) { return detail::load_32(data.data() + data.size() - 20 + 4 * i); };
    return dns_start_of_authority{(*found)[0], (*found)[1], number(0), number(1), number(2), number(3), number(4)};
}
constexpr std::optional<dns_service> dns_record::service() const noexcept {
    packet_failure why;
    const auto found = type == dns_type::srv ? names<1>(6, 0, why) : std::nullopt;
    if (!found) return std::nullopt;
    const auto number = [&](std::size_t i) { return detail::load_16(data.data() + 2 * i); };
    return dns_service{number(0), number(1), number(2), (*found)[0]};
}
constexpr std::optional<dns_extension> dns_record::extension() const noexcept {
    const auto options = type == dns_type::opt ? dns_options::check(data) : std::nullopt;
    if (!options) return std::nullopt;
    return dns_extension{static_cast<std::uint16_t>(record_class), static_cast<std::uint8_t>(time_to_live >> 24),
                         static_cast<std::uint8_t>(time_to_live >> 16 & 0xff), (time_to_live & 0x8000) != 0, *options};
}

constexpr packet_failure dns_record::check() const noexcept {
    packet_failure why;
    const auto wrong_size = [&](std::uint32_t size) {
        return packet_failure{layer::dns, data_at(), "size of the data is %, and it should be #",
                              static_cast<std::uint32_t>(data.size()), size};
    };
    // An update names the records that it deletes, or that must exist, and leaves their data away.
    if (data.empty() && (record_class == dns_class::any || record_class == dns_class::none)) return why;
    switch (type) {
        case dns_type::a: return data.size() == 4 ? why : wrong_size(4);
        case dns_type::aaaa: return data.size() == 16 ? why : wrong_size(16);
        case dns_type::ns:
        case dns_type::cname:
        case dns_type::ptr:
        case dns_type::dname: names<1>(0, 0, why); break;
        case dns_type::mx: names<1>(2, 0, why); break;
        case dns_type::srv: names<1>(6, 0, why); break;
        case dns_type::soa: names<2>(0, 20, why); break;
        case dns_type::txt:
            if (!dns_texts::check(data)) why = {layer::dns, data_at(), "the last text does not end with the data"};
            break;
        case dns_type::opt:
            if (!extension()) why = {layer::dns, data_at(), "the last option does not end with the data"};
            break;
        default: break;
    }
    return why;
}

constexpr std::string_view to_string(dns_type type) noexcept {
    switch (type) {
        case dns_type::a: return "A";
        case dns_type::ns: return "NS";
        case dns_type::cname: return "CNAME";
        case dns_type::soa: return "SOA";
        case dns_type::ptr: return "PTR";
        case dns_type::mx: return "MX";
        case dns_type::txt: return "TXT";
        case dns_type::aaaa: return "AAAA";
        case dns_type::srv: return "SRV";
        case dns_type::dname: return "DNAME";
        case dns_type::opt: return "OPT";
        case dns_type::ds: return "DS";
        case dns_type::rrsig: return "RRSIG";
        case dns_type::nsec: return "NSEC";
        case dns_type::dnskey: return "DNSKEY";
        case dns_type::svcb: return "SVCB";
        case dns_type::https: return "HTTPS";
        case dns_type::ixfr: return "IXFR";
        case dns_type::axfr: return "AXFR";
        case dns_type::any: return "ANY";
        case dns_type::caa: return "CAA";
    }
    return "";
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_DNS_RECORD_HPP
