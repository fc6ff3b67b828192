// netnotes/packet/dns_build.hpp: writing messages of the Domain Name System
// SPDX-License-Identifier: MIT
//
// The builder writes into the caller's bytes, and allocates nothing. A name whose end was written before ends with a
// pointer to that place, as in dns_name.hpp:
//
//        std::array<std::byte, packet::dns_udp_size> room;
//        packet::dns_builder response{room, {.id = query.id(), .is_response = true}};
//        response.question(name, packet::dns_type::a);
//        response.address(packet::dns_section::answer, name, 300, ipv4_address{"192.0.2.1"});
//        server.send_to(response.message(), peer);
//
// A record that does not fit is left out whole. The header then says that the message is truncated, and the client
// asks again over TCP (RFC 2181 §9).
//
// On this page:  dns_builder
// Source:        RFC 1035 §4
// The notes:     DNS (N61, N62); example 36

#ifndef NETNOTES_PACKET_DNS_BUILD_HPP
#define NETNOTES_PACKET_DNS_BUILD_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>

#include "../ip/address.hpp"
#include "bytes.hpp"
#include "dns.hpp"
#include "dns_name.hpp"

namespace netnotes::packet {

/// Writes a message into bytes that the caller owns. Questions come first, then answers, authorities and additional
/// records. Each function returns false if its item did not fit: then the message is as before, but marked as
/// truncated. Throws std::invalid_argument for an item of an earlier section than the last.
class dns_builder {
  public:
    /// Writes the header. Throws std::length_error if there is no room for its 12 bytes. More room than 65,535 bytes is
    /// not used.
    constexpr dns_builder(std::span<std::byte> room, const dns_header& header)
        : room_{room.first(std::min<std::size_t>(room.size(), 65'535))} {
        if (room.size() < dns_view::header_size) throw std::length_error{"a DNS message has at least 12 bytes"};
        std::fill_n(room_.begin(), dns_view::header_size, std::byte{0});
        detail::store_16(room_.data(), header.id);
        detail::store_16(room_.data() + 2, header.flags());
    }

    /// Writes a question. Returns false if it did not fit; so do the functions below.
    constexpr bool question(const dns_name_view& name, dns_type type, dns_class query_class = dns_class::internet) {
        begin(0);
        put_name(name, true);
        put_16(static_cast<std::uint16_t>(type));
        put_16(static_cast<std::uint16_t>(query_class));
        return finish();
    }

    /// Writes an A or AAAA record. The zone of an IPv6 address is dropped. Returns false if the record did not fit.
    constexpr bool address(dns_section section, const dns_name_view& name, std::uint32_t time_to_live,
                           const ip_address& address) {
        begin_record(section, name, address.is_v4() ? dns_type::a : dns_type::aaaa, time_to_live);
        if (address.is_v4()) {
            put_32(address.v4().to_uint());
        } else {
            for (const std::uint8_t octet : address.v6().to_octets()) put(static_cast<std::byte>(octet));
        }
        return finish_record();
    }
    /// Writes a record whose data are one name: NS, CNAME, PTR, DNAME. Returns false if it did not fit. Throws
    /// std::invalid_argument for another type.
    constexpr bool target(dns_section section, dns_type type, const dns_name_view& name, std::uint32_t time_to_live,
                          const dns_name_view& target) {
        if (type != dns_type::ns && type != dns_type::cname && type != dns_type::ptr && type != dns_type::dname)
            throw std::invalid_argument{"only NS, CNAME, PTR and DNAME records hold one name"};
        begin_record(section, name, type, time_to_live);
        put_name(target, type != dns_type::dname);  // RFC 6672 §2.5
        return finish_record();
    }
    constexpr bool mail_exchange(dns_section section, const dns_name_view& name, std::uint32_t time_to_live,
                                 const dns_mail_exchange& data) {
        begin_record(section, name, dns_type::mx, time_to_live);
        put_16(data.preference);
        put_name(data.exchange, true);
        return finish_record();
    }
    constexpr bool start_of_authority(dns_section section, const dns_name_view& name, std::uint32_t time_to_live,
                                      const dns_start_of_authority& data) {
        begin_record(section, name, dns_type::soa, time_to_live);
        put_name(data.primary_server, true);
        put_name(data.mailbox, true);
        for (const auto number : {data.serial, data.refresh, data.retry, data.expire, data.minimum}) put_32(number);
        return finish_record();
    }
    constexpr bool service(dns_section section, const dns_name_view& name, std::uint32_t time_to_live,
                           const dns_service& data) {
        begin_record(section, name, dns_type::srv, time_to_live);
        put_16(data.priority);
        put_16(data.weight);
        put_16(data.port);
        put_name(data.target, false);  // RFC 2782 forbids pointers here
        return finish_record();
    }
    /// Writes a TXT record. Without a text it holds one empty text. Returns false if the record did not fit. Throws
    /// std::length_error for a text above 255 bytes.
    constexpr bool texts(dns_section section, const dns_name_view& name, std::uint32_t time_to_live,
                         std::initializer_list<std::string_view> texts) {
        for (const std::string_view text : texts)
            if (text.size() > 255) throw std::length_error{"a text of a TXT record has at most 255 bytes"};
        begin_record(section, name, dns_type::txt, time_to_live);
        if (texts.size() == 0) put(std::byte{0});
        for (const std::string_view text : texts) {
            put(static_cast<std::byte>(text.size()));
            for (const char c : text) put(static_cast<std::byte>(c));
        }
        return finish_record();
    }
    /// Writes an OPT record, which belongs to the additional records. Returns false if it did not fit.
    constexpr bool extension(const dns_extension& data) {
        begin_record(dns_section::additional, dns_name_view{}, dns_type::opt,
                     std::uint32_t{data.response_code_high} << 24 | std::uint32_t{data.version} << 16 |
                         (data.is_dnssec_ok ? 0x8000u : 0u),
                     static_cast<dns_class>(data.udp_payload_size));
        for (const dns_option& option : data.options) {
            put_16(option.code);
            put_16(static_cast<std::uint16_t>(option.value.size()));
            put(option.value);
        }
        return finish_record();
    }
    /// Writes a record of any type. Returns false if it did not fit. The data must hold no pointers into another
    /// message.
    constexpr bool record(dns_section section, const dns_name_view& name, dns_type type, dns_class record_class,
                          std::uint32_t time_to_live, std::span<const std::byte> data) {
        begin_record(section, name, type, time_to_live, record_class);
        put(data);
        return finish_record();
    }

    /// Returns the message as it is now. It lies at the beginning of the caller's bytes.
    [[nodiscard]] constexpr std::span<const std::byte> message() const noexcept { return room_.first(size_); }
    /// Returns true if something did not fit.
    [[nodiscard]] constexpr bool is_truncated() const noexcept { return (detail::load_8(room_.data() + 2) & 2) != 0; }

  private:
    constexpr void put(std::byte byte) noexcept {
        if (at_ < room_.size())
            room_[at_++] = byte;
        else
            fits_ = false;
    }
    constexpr void put(std::span<const std::byte> bytes) noexcept {
        for (const std::byte byte : bytes) put(byte);
    }
    constexpr void put_16(std::uint16_t value) noexcept {
        put(static_cast<std::byte>(value >> 8));
        put(static_cast<std::byte>(value & 0xff));
    }
    constexpr void put_32(std::uint32_t value) noexcept {
        put_16(static_cast<std::uint16_t>(value >> 16));
        put_16(static_cast<std::uint16_t>(value & 0xffff));
    }
    /// Writes the labels up to the first place from which the rest of the name was written before.
    constexpr void put_name(const dns_name_view& name, bool with_pointer) noexcept {
        const std::size_t start = at_;
        std::size_t label_count = 0;
        auto label = name.begin();
        for (; label != name.end(); ++label, ++label_count) {
            const auto known = with_pointer ? find(label) : std::nullopt;
            if (known) {
                put_16(static_cast<std::uint16_t>(0xc000u | *known));
                break;
            }
            put(static_cast<std::byte>((*label).size()));
            put(*label);
        }
        if (label == name.end()) put(std::byte{0});
        // Now that the name is complete, others can point to it.
        if (!fits_) return;
        for (std::size_t place = start; label_count > 0; --label_count) {
            if (new_place_count_ == places_.size() || place >= 0x4000) break;
            places_[new_place_count_++] = static_cast<std::uint16_t>(place);
            place += 1u + detail::load_8(room_.data() + place);
        }
    }
    [[nodiscard]] constexpr std::optional<std::uint16_t> find(const dns_name_view::iterator& label) const noexcept {
        for (std::size_t i = 0; i < new_place_count_; ++i)
            if (dns_name_view::have_equal_labels(label, dns_name_view{room_.first(at_), places_[i], 0}.begin()))
                return places_[i];
        return std::nullopt;
    }
    constexpr void begin(unsigned list) {
        if (list < list_) throw std::invalid_argument{"the sections of a DNS message have an order"};
        list_ = list;
        at_ = size_;
        fits_ = true;
        new_place_count_ = place_count_;
    }
    constexpr bool finish() noexcept {
        const std::size_t count_at = 4 + 2 * list_;
        const auto count = detail::load_16(room_.data() + count_at);
        if (!fits_ || count == 0xffff) {
            room_[2] |= std::byte{2};
            return false;
        }
        detail::store_16(room_.data() + count_at, static_cast<std::uint16_t>(count + 1));
        size_ = at_;
        place_count_ = new_place_count_;
        return true;
    }
    constexpr void begin_record(dns_section section, const dns_name_view& name, dns_type type,
                                std::uint32_t time_to_live, dns_class record_class = dns_class::internet) {
        begin(1 + static_cast<unsigned>(section));
        put_name(name, true);
        put_16(static_cast<std::uint16_t>(type));
        put_16(static_cast<std::uint16_t>(record_class));
        put_32(time_to_live);
        data_at_ = at_ + 2;
        put_16(0);
    }
    constexpr bool finish_record() noexcept {
        if (fits_) detail::store_16(room_.data() + data_at_ - 2, static_cast<std::uint16_t>(at_ - data_at_));
        return finish();
    }

    std::span<std::byte> room_;
    std::size_t size_ = dns_view::header_size;  // of the message
    std::size_t at_ = dns_view::header_size;    // behind the part of the current item that was written
    std::size_t data_at_ = 0;
    unsigned list_ = 0;
    bool fits_ = true;
    std::array<std::uint16_t, 128> places_{};  // where labels begin; the first place_count_ are of finished items
    std::size_t place_count_ = 0, new_place_count_ = 0;
};

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_DNS_BUILD_HPP
