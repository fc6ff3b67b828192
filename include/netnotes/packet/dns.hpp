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
// Nothing here allocates or throws.
//
// On this page:  dns_opcode, dns_response_code, dns_header · dns_question · dns_view
// Below it:      packet/dns_record.hpp: dns_record, and what records hold
// Source:        RFC 1035 §4
// The notes:     DNS (N61, N62); example 36

#ifndef NETNOTES_PACKET_DNS_HPP
#define NETNOTES_PACKET_DNS_HPP

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>

#include "bytes.hpp"
#include "dns_name.hpp"
#include "dns_record.hpp"
#include "names.hpp"

namespace netnotes::packet {

/// The port of DNS, of UDP and of TCP. Over TCP each message follows its size in two bytes (RFC 1035 §4.2.2).
inline constexpr std::uint16_t dns_port = 53;
/// Most bytes of a message over UDP, if the query has no OPT record that allows more (RFC 1035 §4.2.1).
inline constexpr std::size_t dns_udp_size = 512;

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

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_DNS_HPP
