// netnotes/packet/dns.hpp: messages of the Domain Name System
// SPDX-License-Identifier: MIT
//
// A message is a header, the questions, and three lists of records. A response repeats the question:
//
//        ┌────────┬──────────────────┬───────────┬─────────┬───────────┬────────────┐
//        │   id   │ flags            │ questions │ answers │ authority │ additional │   16 bits each
//        ├────────┴──────────────────┴───────────┴─────────┴───────────┴────────────┤
//        │ www.example.com  A  IN                                                   │   question
//        │ www.example.com  A  IN  300 s  4 bytes: 192.0.2.1                        │   record: name, type, class,
//        │ …                                                                        │   seconds to live, data
//        └──────────────────────────────────────────────────────────────────────────┘
//
// The view checks the header when it is made. Questions and records are read while you iterate, because a name may have
// any size. A list ends before a record that cannot be read; check() reads the whole message and says why.
//
//        packet::packet_failure why;
//        if (const auto message = packet::dns_view::parse(datagram, why))
//            for (const packet::dns_record& record : message->answers())
//                if (const auto address = record.address()) std::cout << *address;
//
// Each accessor of a record is for one kind of data. It returns nullopt for another type, and for data that cannot be
// read. Nothing here allocates or throws.
//
// On this page:  dns_type, dns_class … · dns_header · dns_question · dns_record and its data · dns_view
// Source:        RFC 1035 §4, RFC 2782 (SRV), RFC 3596 (AAAA), RFC 6891 (OPT)
// The notes:     DNS (N61, N62); example 36

#ifndef NETNOTES_PACKET_DNS_HPP
#define NETNOTES_PACKET_DNS_HPP

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

/// The port of DNS, of UDP and of TCP. Over TCP each message follows its size in two bytes (RFC 1035 §4.2.2).
inline constexpr std::uint16_t dns_port = 53;
/// Most bytes of a message over UDP, if the query has no OPT record that allows more (RFC 1035 §4.2.1).
inline constexpr std::size_t dns_udp_size = 512;

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

/// The task that a message gives the server.
enum class dns_opcode : std::uint8_t { query = 0, inverse_query = 1, status = 2, notify = 4, update = 5 };

/// How a server answers (RFC 1035 §4.1.1, RFC 6895 §2.3). The numbers above 15 need an OPT record.
enum class dns_response_code : std::uint16_t {
    no_error = 0,
    format_error = 1,
    server_failure = 2,
    name_error = 3,  ///< the name does not exist: NXDOMAIN
    not_implemented = 4,
    refused = 5,
    bad_version = 16,
};

/// Which list of a message a record belongs to.
enum class dns_section : std::uint8_t { answer, authority, additional };

/// The first four bytes of a message, as values. The defaults make a query to a recursive server.
struct dns_header {
    std::uint16_t id = 0;
    bool is_response = false;
    dns_opcode opcode = dns_opcode::query;  ///< 4 bits
    bool is_authoritative = false;
    bool is_truncated = false;  ///< records are missing: ask again over TCP
    bool is_recursion_desired = true;
    bool is_recursion_available = false;
    bool reserved = false;           ///< to be zero
    bool is_authentic_data = false;  ///< RFC 4035 §3.2.3
    bool is_checking_disabled = false;
    dns_response_code response_code = dns_response_code::no_error;  ///< the lower 4 bits

    /// Returns the 16 bits behind the id.
    [[nodiscard]] constexpr std::uint16_t flags() const noexcept {
        const auto bit = [](bool value, unsigned place) { return static_cast<unsigned>(value) << place; };
        return static_cast<std::uint16_t>(
            bit(is_response, 15) | (static_cast<unsigned>(opcode) & 15) << 11 | bit(is_authoritative, 10) |
            bit(is_truncated, 9) | bit(is_recursion_desired, 8) | bit(is_recursion_available, 7) | bit(reserved, 6) |
            bit(is_authentic_data, 5) | bit(is_checking_disabled, 4) | (static_cast<unsigned>(response_code) & 15));
    }
    [[nodiscard]] static constexpr dns_header from(std::uint16_t id, std::uint16_t flags) noexcept {
        const auto bit = [&](unsigned place) { return (flags >> place & 1) != 0; };
        return {.id = id,
                .is_response = bit(15),
                .opcode = static_cast<dns_opcode>(flags >> 11 & 15),
                .is_authoritative = bit(10),
                .is_truncated = bit(9),
                .is_recursion_desired = bit(8),
                .is_recursion_available = bit(7),
                .reserved = bit(6),
                .is_authentic_data = bit(5),
                .is_checking_disabled = bit(4),
                .response_code = static_cast<dns_response_code>(flags & 15)};
    }
    friend constexpr bool operator==(const dns_header&, const dns_header&) noexcept = default;
};

/// A question: which records of which name (RFC 1035 §4.1.2).
struct dns_question {
    dns_name_view name{};
    dns_type type{};
    dns_class query_class{};
    friend constexpr bool operator==(const dns_question&, const dns_question&) noexcept = default;
};

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

    /// Returns why an accessor cannot read the data. The result converts to false if the data are right, and for a type
    /// without an accessor.
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

// ---- The view ------------------------------------------------------------------------------------------

/// A message, read from bytes that must outlive it. Over TCP leave the two bytes of the size away.
class dns_view {
  public:
    static constexpr std::size_t header_size = 12;

    /// Checks that the header is there. Otherwise returns nullopt, and `why` is cut short.
    static constexpr std::optional<dns_view> parse(std::span<const std::byte> message, packet_failure& why) noexcept {
        if (message.size() < header_size)
            return why = packet_failure::cut_short(layer::dns, 0, message.size(), header_size), std::nullopt;
        return dns_view{message};
    }
    static constexpr std::optional<dns_view> parse(std::span<const std::byte> message) noexcept {
        packet_failure why;
        return parse(message, why);
    }

    /// Returns the fields of the header, each by itself, or together. The counts are what the header announces: a list
    /// may have fewer items, if the message cannot be read.
    [[nodiscard]] constexpr std::uint16_t id() const noexcept { return word(0); }
    [[nodiscard]] constexpr std::uint16_t flags() const noexcept { return word(2); }
    [[nodiscard]] constexpr dns_header header() const noexcept { return dns_header::from(id(), flags()); }
    [[nodiscard]] constexpr std::uint16_t question_count() const noexcept { return word(4); }
    [[nodiscard]] constexpr std::uint16_t answer_count() const noexcept { return word(6); }
    [[nodiscard]] constexpr std::uint16_t authority_count() const noexcept { return word(8); }
    [[nodiscard]] constexpr std::uint16_t additional_count() const noexcept { return word(10); }
    /// Returns the whole message.
    [[nodiscard]] constexpr std::span<const std::byte> bytes() const noexcept { return message_; }

    template <class Item>
    class list;
    /// Returns the items of a section, which are read as the loop goes on; so do the functions below.
    [[nodiscard]] constexpr list<dns_question> questions() const noexcept;
    /// Returns the records of all three lists; dns_record::section tells them apart.
    [[nodiscard]] constexpr list<dns_record> records() const noexcept;
    [[nodiscard]] constexpr list<dns_record> answers() const noexcept;
    [[nodiscard]] constexpr list<dns_record> authorities() const noexcept;
    [[nodiscard]] constexpr list<dns_record> additionals() const noexcept;
    /// Returns the first OPT record's content, or nullopt.
    [[nodiscard]] constexpr std::optional<dns_extension> extension() const noexcept;

    /// Returns true if this is a response with the id, the opcode and the questions of the query (RFC 5452 §9.1). The
    /// case of names does not count. Any other message may be forged. The caller checks the sender's address and port.
    [[nodiscard]] constexpr bool is_response_to(const dns_view& query) const noexcept;
    /// Reads every question and record, and the data of each type that has an accessor. Returns the first failure, or
    /// an object that converts to false. Bytes behind the last record are no failure.
    [[nodiscard]] constexpr packet_failure check() const noexcept;

  private:
    constexpr explicit dns_view(std::span<const std::byte> message) noexcept : message_{message} {}
    [[nodiscard]] constexpr std::uint16_t word(std::size_t at) const noexcept {
        return detail::load_16(message_.data() + at);
    }
    constexpr bool read(dns_question& to, std::size_t& at, packet_failure& why) const noexcept;
    constexpr bool read(dns_record& to, std::size_t& at, packet_failure& why) const noexcept;
    [[nodiscard]] constexpr dns_section section_of(std::size_t index) const noexcept {
        return index < answer_count()                       ? dns_section::answer
               : index < answer_count() + authority_count() ? dns_section::authority
                                                            : dns_section::additional;
    }
    [[nodiscard]] constexpr std::size_t record_count() const noexcept {
        return std::size_t{answer_count()} + authority_count() + additional_count();
    }
    [[nodiscard]] constexpr list<dns_record> records(std::size_t first, std::size_t count) const noexcept;

    std::span<const std::byte> message_;
};

/// Questions or records, read one after the other while you iterate. The list ends before an item that cannot be read.
template <class Item>
class dns_view::list {
  public:
    /// Reads the next item with each step.
    class iterator {
      public:
        using value_type = Item;
        using difference_type = std::ptrdiff_t;
        constexpr iterator() noexcept = default;
        constexpr const Item& operator*() const noexcept { return now_; }
        constexpr const Item* operator->() const noexcept { return &now_; }
        constexpr iterator& operator++() noexcept { return read(), *this; }
        constexpr void operator++(int) noexcept { read(); }
        friend constexpr bool operator==(const iterator& a, std::default_sentinel_t) noexcept { return a.ended_; }

      private:
        friend list;
        constexpr iterator(const list& whole, std::size_t at) noexcept
            : message_{whole.message_}, at_{at}, index_{whole.first_}, last_{whole.first_ + whole.count_} {
            read();
        }
        constexpr void read() noexcept {
            packet_failure why;
            ended_ = index_ == last_ || !message_.read(now_, at_, why);
            if constexpr (requires { now_.section; })
                if (!ended_) now_.section = message_.section_of(index_);
            ++index_;
        }
        dns_view message_{std::span<const std::byte>{}};
        std::size_t at_ = 0, index_ = 0, last_ = 0;
        Item now_;
        bool ended_ = true;
    };
    /// Skips what comes before the list, which takes the more time the longer that is.
    [[nodiscard]] constexpr iterator begin() const noexcept;
    [[nodiscard]] constexpr std::default_sentinel_t end() const noexcept { return {}; }

  private:
    friend dns_view;
    constexpr list(const dns_view& message, std::size_t first, std::size_t count) noexcept
        : message_{message}, first_{first}, count_{count} {}
    dns_view message_;
    std::size_t first_, count_;  // of questions, or of the records of all lists
};

// ---- Reading -------------------------------------------------------------------------------------------

constexpr bool dns_view::read(dns_question& to, std::size_t& at, packet_failure& why) const noexcept {
    const auto name = dns_name_view::parse(message_, at, why);
    if (!name) return false;
    if (message_.size() - at < 4)
        return why = packet_failure::cut_short(layer::dns, at, message_.size() - at, 4), false;
    to = {*name, static_cast<dns_type>(word(at)), static_cast<dns_class>(word(at + 2))};
    at += 4;
    return true;
}

constexpr bool dns_view::read(dns_record& to, std::size_t& at, packet_failure& why) const noexcept {
    const std::size_t start = at;
    const auto name = dns_name_view::parse(message_, at, why);
    if (!name) return false;
    const std::size_t rest = message_.size() - at;
    if (rest < 10) return why = packet_failure::cut_short(layer::dns, at, rest, 10), false;
    const std::size_t size = word(at + 8);
    if (size > rest - 10) return why = packet_failure::cut_short(layer::dns, at + 10, rest - 10, size), false;
    to.name = *name;
    to.type = static_cast<dns_type>(word(at));
    to.record_class = static_cast<dns_class>(word(at + 2));
    to.time_to_live = detail::load_32(message_.data() + at + 4);
    to.data = message_.subspan(at + 10, size);
    to.offset = start;
    to.message_ = message_;
    at += 10 + size;
    return true;
}

template <class Item>
constexpr auto dns_view::list<Item>::begin() const noexcept -> iterator {
    std::size_t at = header_size;
    packet_failure why;
    iterator nothing;
    if constexpr (requires(Item item) { item.section; }) {
        dns_question question;
        for (std::size_t i = message_.question_count(); i > 0; --i)
            if (!message_.read(question, at, why)) return nothing;
        Item skipped;
        for (std::size_t i = 0; i < first_; ++i)
            if (!message_.read(skipped, at, why)) return nothing;
    }
    return iterator{*this, at};
}

constexpr dns_view::list<dns_question> dns_view::questions() const noexcept { return {*this, 0, question_count()}; }
constexpr dns_view::list<dns_record> dns_view::records() const noexcept { return {*this, 0, record_count()}; }
constexpr dns_view::list<dns_record> dns_view::answers() const noexcept { return {*this, 0, answer_count()}; }
constexpr dns_view::list<dns_record> dns_view::authorities() const noexcept {
    return {*this, answer_count(), authority_count()};
}
constexpr dns_view::list<dns_record> dns_view::additionals() const noexcept {
    return {*this, std::size_t{answer_count()} + authority_count(), additional_count()};
}

constexpr std::optional<dns_extension> dns_view::extension() const noexcept {
    for (const dns_record& record : additionals())
        if (const auto found = record.extension()) return found;
    return std::nullopt;
}

constexpr bool dns_view::is_response_to(const dns_view& query) const noexcept {
    const dns_header own = header(), asked = query.header();
    auto mine = questions().begin(), theirs = query.questions().begin();
    std::size_t equal = 0;
    for (auto end = std::default_sentinel; mine != end && theirs != end && *mine == *theirs; ++mine, ++theirs) ++equal;
    return own.is_response && !asked.is_response && own.id == asked.id && own.opcode == asked.opcode &&
           equal == question_count() && equal == query.question_count();
}

constexpr packet_failure dns_view::check() const noexcept {
    packet_failure why;
    std::size_t at = header_size;
    dns_question question;
    dns_record record;
    for (std::size_t i = question_count(); i > 0; --i)
        if (!read(question, at, why)) return why;
    for (std::size_t i = record_count(); i > 0; --i) {
        if (!read(record, at, why)) return why;
        if (const auto found = record.check()) return found;
    }
    return why;
}

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

#endif  // NETNOTES_PACKET_DNS_HPP
