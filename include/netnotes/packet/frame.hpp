// netnotes/packet/frame.hpp: a whole frame, layer by layer
// SPDX-License-Identifier: MIT
//
// dissect() finds every header of a frame, from the outside to the inside:
//
//        captured: ┌──────────┬────────┬───────┬─────────────────┬─────────┐
//                  │ Ethernet │  IPv4  │  TCP  │    payload()    │ trailer │
//                  └──────────┴────────┴───────┴─────────────────┴─────────┘
//                                                                └ payload_ended_by(): ipv4_total_length
//
//        const packet::frame_view frame = packet::dissect(bytes);
//        if (const auto tcp = frame.tcp())
//            std::cout << tcp->source_port() << '\n';
//        if (frame.failure())
//            std::cerr << frame.failure().message() << '\n';
//
// A frame that breaks off in the middle is still useful. The frame_view has the headers in front of the break. Its
// payload is the rest of the bytes. A packet_failure names layer, reason and place. is_whole() is the strict question.
//
// Where a payload ends is not trivial. IPv4, IPv6, UDP and IEEE 802.3 have lengths. A short Ethernet frame is padded. A
// capture may keep the beginning of each frame only. The smallest of these ends counts, and payload_ended_by() names
// it.
//
// Tunnels are not entered. The payload of the outer packet is the inner one, so call dissect() again.
//
// On this page:  dissect · transport_payload_size
// Below it:      packet/frame_view.hpp: length_source, frame_view and the checksums
// The notes:     TCP/IP协议(族), 各协议之间的关系, 网络分析工具

#ifndef NETNOTES_PACKET_FRAME_HPP
#define NETNOTES_PACKET_FRAME_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "ethernet.hpp"
#include "frame_view.hpp"
#include "icmp.hpp"
#include "ipv4.hpp"
#include "ipv6.hpp"
#include "names.hpp"
#include "tcp.hpp"
#include "udp.hpp"
#include "view.hpp"

namespace netnotes::packet {

namespace detail {

/// Walks through a frame from header to header. Its functions for rare cases are not inlined.
class dissector {
  public:
    constexpr dissector(std::span<const std::byte> captured, std::size_t on_the_wire) noexcept {
        frame_.data_ = captured.data();
        frame_.size_ = limit_ = static_cast<std::uint32_t>(captured.size());
        frame_.wire_ = wire_limit_ = static_cast<std::uint32_t>(std::max(on_the_wire, captured.size()));
    }

    /// Reads the frames that make up nearly all traffic, without a call: Ethernet, IP without fragments and extension
    /// headers, and a whole TCP, UDP or ICMP behind it. Leaves all other frames, and all broken ones, to run().
    static constexpr frame_view read(std::span<const std::byte> captured, std::size_t on_the_wire) noexcept {
        const std::byte* const data = captured.data();
        const auto size = static_cast<std::uint32_t>(captured.size());
        const auto rare = [&] { return run(captured, on_the_wire, link_type::ethernet); };
        if (size < 14 + 20 + 8) return rare();
        const std::uint32_t type = load_16(data + 12);
        std::uint32_t transport = 0, end = 0;
        ip_protocol protocol{};
        layer network_layer = layer::ipv4;
        auto ended_by = length_source::ipv4_total_length;
        if (type == ipv4) [[likely]] {
            const std::uint32_t first = load_8(data + 14);
            transport = 14 + (first & 0xf) * 4;
            end = 14u + load_16(data + 14 + 2);
            const bool is_plain = first - 0x45 <= 0x4f - 0x45 && (load_16(data + 14 + 6) & 0x3fff) == 0;
            if (!is_plain || end > size) return rare();
            protocol = static_cast<ip_protocol>(load_8(data + 14 + 9));
        } else {
            if (type != ipv6 || size < 14 + 40) return rare();
            transport = 14 + 40;
            end = transport + load_16(data + 14 + 4);
            if (load_8(data + 14) >> 4 != 6 || end > size) return rare();
            protocol = static_cast<ip_protocol>(load_8(data + 14 + 6));
            network_layer = layer::ipv6;
            ended_by = length_source::ipv6_payload_length;
        }
        // Negative if IPv4's length is smaller than its header.
        const auto left = static_cast<std::int32_t>(end - transport);
        const std::byte* const header = data + transport;
        std::int32_t header_size = 8;
        layer transport_layer = layer::tcp;
        if (left < 8) return rare();
        if (protocol == ip_protocol::tcp) {
            header_size = left < 20 ? 0 : load_8(header + 12) / 16 * 4;
            if (header_size < 20 || header_size > left) return rare();
        } else if (protocol == ip_protocol::udp) {
            if (load_16(header + 4) != left) return rare();
            transport_layer = layer::udp;
        } else if (protocol == (type == ipv4 ? ip_protocol::icmp : ip_protocol::icmpv6)) {
            transport_layer = type == ipv4 ? layer::icmp : layer::icmpv6;
        } else {
            return rare();
        }
        frame_view frame;
        frame.data_ = data;
        frame.size_ = size;
        frame.wire_ = std::max(static_cast<std::uint32_t>(on_the_wire), size);
        frame.network_ = 14;
        frame.transport_ = transport;
        frame.payload_ = transport + static_cast<std::uint32_t>(header_size);
        frame.payload_end_ = end;
        frame.network_end_ = end;
        frame.network_layer_ = network_layer;
        frame.transport_layer_ = transport_layer;
        frame.protocol_ = protocol;
        frame.ended_by_ = ended_by;
        frame.has_ethernet_ = true;
        return frame;
    }
    /// Reads any frame.
    [[gnu::noinline]] static constexpr frame_view run(std::span<const std::byte> captured, std::size_t on_the_wire,
                                                      link_type link) noexcept {
        dissector walker{captured, on_the_wire};
        walker.walk(link);
        return walker.frame_;
    }

  private:
    constexpr void walk(link_type link) noexcept {
        std::uint32_t type = 0;
        if (link == link_type::ethernet && frame_.size_ >= 14) [[likely]] {
            frame_.has_ethernet_ = true;
            at_ = 14;
            type = detail::load_16(frame_.data_ + 12);
            if (type != ipv4 && type != ipv6) type = unwrap(type);
        } else {
            type = link_header(link);
        }
        frame_.network_ = frame_.transport_ = at_;
        if (type == ipv4) [[likely]]
            read_ipv4();
        else if (type == ipv6)
            read_ipv6();
        else
            read_other(type);
        frame_.payload_ = at_;
        frame_.payload_end_ = limit_;
    }

    static constexpr std::uint32_t ipv4 = 0x0800, ipv6 = 0x86dd, arp = 0x0806;
    static constexpr std::uint32_t unknown = 0x10000;  // no protocol that is read here

    constexpr const std::byte* here() const noexcept { return frame_.data_ + at_; }
    constexpr std::uint32_t left() const noexcept { return limit_ - at_; }
    constexpr bool capture_ends_here() const noexcept { return limit_ < wire_limit_; }

    /// Keeps the first failure. `why` counts from the header that begins at at_.
    [[gnu::cold, gnu::noinline]] constexpr void fail(packet_failure why) noexcept {
        if (frame_.failure_) return;
        if (why.is_cut_short() && !capture_ends_here())
            why = why.as_malformed("the header needs # bytes, and % are left");
        why.shift(at_);
        frame_.failure_ = why;
    }
    /// A length of `announced` bytes from at_ on ends beyond the bytes that are there.
    [[gnu::cold, gnu::noinline]] constexpr void exceed(layer where, std::size_t field, std::uint32_t announced,
                                                       const char* pattern) noexcept {
        frame_.is_incomplete_ = true;
        if (announced > wire_limit_ - at_)
            fail({where, field, pattern, announced, wire_limit_ - at_});
        else
            wire_limit_ = at_ + announced;
        frame_.ended_by_ = capture_ends_here() ? length_source::capture : length_source::frame;
    }

    // ---- The link ----

    [[gnu::noinline]] constexpr std::uint32_t unwrap(std::uint32_t type) noexcept {
        while (type == 0x8100 || type == 0x88a8 || type == 0x9100) {
            packet_failure why;
            if (detail::view_maker::check<vlan_view>(here(), left(), why) == 0) return fail(why), unknown;
            type = detail::load_16(here() + 2);
            at_ += 4;
            if (++frame_.vlan_count_ == 255) return unknown;
        }
        if (type > 1500) return type;
        bound(type, layer::ethernet, length_source::ieee_802_3_length, at_ - 2);
        // Logical link control with the subnetwork access protocol: ether_type behind eight bytes (RFC 1042).
        if (left() < 8 || detail::load_48(here()) != 0xaaaa'0300'0000) return unknown;
        type = detail::load_16(here() + 6);
        at_ += 8;
        return type;
    }
    /// Ends the frame's contents after `length` bytes.
    constexpr void bound(std::uint32_t length, layer where, length_source source, std::size_t field) noexcept {
        // fail() will add at_, but the field stands before it.
        if (length > left()) return exceed(where, field - at_, length, "length is % bytes, and # are there");
        limit_ = wire_limit_ = at_ + length;
        frame_.ended_by_ = source;
    }
    [[gnu::noinline]] constexpr std::uint32_t link_header(link_type link) noexcept {
        const auto need = [&](std::uint32_t bytes) {
            if (left() >= bytes) return true;
            fail(packet_failure::cut_short(layer::ethernet, 0, left(), bytes));
            return false;
        };
        switch (link) {
            case link_type::ethernet: return need(14), unknown;
            case link_type::raw_ip: {
                if (!need(1)) return unknown;
                const unsigned version = detail::load_8(here()) >> 4u;
                return version == 6 ? ipv6 : version == 4 ? ipv4 : unknown;
            }
            case link_type::raw_ipv4: return ipv4;
            case link_type::raw_ipv6: return ipv6;
            case link_type::null_loopback:
            case link_type::loop: {
                if (!need(4)) return unknown;
                std::uint32_t family = detail::load_32(here());
                if (family > 0xffff) family = detail::load_little_32(here());
                at_ += 4;
                // AF_INET is 2 everywhere; AF_INET6 is 10, 24, 28 or 30.
                if (family == 2) return ipv4;
                return family == 10 || family == 24 || family == 28 || family == 30 ? ipv6 : unknown;
            }
            case link_type::linux_cooked: {
                if (!need(16)) return unknown;
                at_ += 16;
                return detail::load_16(here() - 2);
            }
            case link_type::linux_cooked_v2: {
                if (!need(20)) return unknown;
                at_ += 20;
                return detail::load_16(here() - 20);
            }
        }
        return unknown;
    }

    // ---- The network ----

    [[gnu::noinline]] constexpr void read_other(std::uint32_t type) noexcept {
        frame_.network_end_ = limit_;
        if (capture_ends_here()) frame_.ended_by_ = length_source::capture;
        if (type != arp) return cut_payload();
        packet_failure why;
        const std::size_t size = detail::view_maker::check<arp_view>(here(), left(), why);
        if (size == 0) return fail(why);
        frame_.network_layer_ = layer::arp;
        at_ += static_cast<std::uint32_t>(size);
        frame_.transport_ = at_;
        limit_ = frame_.network_end_ = at_;
        frame_.ended_by_ = length_source::arp_address_sizes;
    }

    constexpr void read_ipv4() noexcept {
        packet_failure why;
        const auto size = static_cast<std::uint32_t>(detail::view_maker::check<ipv4_view>(here(), left(), why));
        if (size == 0) [[unlikely]]
            return refuse(why);
        frame_.network_layer_ = layer::ipv4;
        const std::byte* const header = here();
        end_network(detail::load_16(header + 2), layer::ipv4, 2, length_source::ipv4_total_length);
        at_ += size;
        frame_.protocol_ = static_cast<ip_protocol>(detail::load_8(header + 9));
        const std::uint32_t fragment = detail::load_16(header + 6);
        if ((fragment & 0x3fff) != 0) [[unlikely]] {
            frame_.is_fragment_ = true;
            if ((fragment & 0x1fff) != 0) return end_without_transport();
        }
        read_transport(frame_.protocol_);
    }

    constexpr void read_ipv6() noexcept {
        packet_failure why;
        if (detail::view_maker::check<ipv6_view>(here(), left(), why) == 0) [[unlikely]]
            return refuse(why);
        frame_.network_layer_ = layer::ipv6;
        const std::byte* const header = here();
        const auto next = static_cast<ip_protocol>(detail::load_8(header + 6));
        const std::uint32_t length = detail::load_16(header + 4);
        end_network(ipv6_view::is_endless(header) ? 0 : length + 40, layer::ipv6, 4,
                    length_source::ipv6_payload_length);
        at_ += 40;
        frame_.protocol_ = next;
        if (is_ipv6_extension(next)) [[unlikely]]
            return read_extensions(next);
        read_transport(next);
    }
    [[gnu::noinline]] constexpr void read_extensions(ip_protocol next) noexcept {
        bool is_later = false;
        while (!is_later && is_ipv6_extension(next)) {
            packet_failure why;
            const auto header = ipv6_extension::parse(next, {here(), left()}, why);
            frame_.protocol_ = next;
            if (!header) {
                fail(why);
                return end_without_transport();
            }
            frame_.has_extension_ = true;
            next = header->next_header();
            frame_.is_fragment_ = frame_.is_fragment_ || header->is_part();
            is_later = header->fragment_offset() != 0;
            at_ += static_cast<std::uint32_t>(header->bytes().size());
        }
        frame_.protocol_ = next;
        if (is_later) return end_without_transport();
        read_transport(next);
    }

    /// Ends the packet after `length` bytes from at_ on; 0 means that it goes to the end.
    constexpr void end_network(std::uint32_t length, layer where, std::size_t field, length_source source) noexcept {
        if (length - 1 < left()) [[likely]] {
            limit_ = wire_limit_ = at_ + length;
            frame_.ended_by_ = source;
        } else if (length != 0) {
            exceed(where, field, length, "length is % bytes, and # are there");
        } else if (capture_ends_here()) {
            frame_.ended_by_ = length_source::capture;
            frame_.is_incomplete_ = true;
        }
        frame_.network_end_ = limit_;
    }
    [[gnu::cold, gnu::noinline]] constexpr void refuse(const packet_failure& why) noexcept {
        fail(why);
        frame_.network_end_ = limit_;
        if (capture_ends_here()) frame_.ended_by_ = length_source::capture;
    }
    constexpr void end_without_transport() noexcept {
        frame_.transport_ = at_;
        cut_payload();
    }
    /// Reports payload bytes that the capture has lost, unless a header has failed before.
    constexpr void cut_payload() noexcept {
        if (capture_ends_here()) [[unlikely]]
            fail(packet_failure::cut_short(layer::payload, 0, left(), wire_limit_ - at_));
    }

    // ---- The transport ----

    constexpr void read_transport(ip_protocol protocol) noexcept {
        frame_.transport_ = at_;
        if (protocol == ip_protocol::tcp) return read_plain<tcp_view>(layer::tcp);
        if (protocol == ip_protocol::udp) return read_udp();
        if (protocol == ip_protocol::icmp && frame_.has(layer::ipv4)) return read_plain<icmp_view>(layer::icmp);
        if (protocol == ip_protocol::icmpv6 && frame_.has(layer::ipv6)) return read_plain<icmpv6_view>(layer::icmpv6);
        cut_payload();
    }
    template <class View>
    constexpr void read_plain(layer which) noexcept {
        packet_failure why;
        const std::size_t size = detail::view_maker::check<View>(here(), left(), why);
        if (size == 0) [[unlikely]]
            return fail(why);
        frame_.transport_layer_ = which;
        at_ += static_cast<std::uint32_t>(size);
        cut_payload();
    }
    constexpr void read_udp() noexcept {
        packet_failure why;
        if (detail::view_maker::check<udp_view>(here(), left(), why) == 0) [[unlikely]]
            return fail(why);
        frame_.transport_layer_ = layer::udp;
        const std::uint32_t length = detail::load_16(here() + 4);
        if (length != left() && length != 0) [[unlikely]]
            end_udp(length);
        at_ += 8;
        cut_payload();
    }
    [[gnu::noinline]] constexpr void end_udp(std::uint32_t length) noexcept {
        if (length < left()) {
            limit_ = wire_limit_ = at_ + length;
            frame_.ended_by_ = length_source::udp_length;
        } else if (!frame_.is_fragment_) {  // the later fragments have the rest
            exceed(layer::udp, 4, length, "length is % bytes, and # are there");
        }
    }

    frame_view frame_;
    std::uint32_t at_ = 0;          // where the next header begins
    std::uint32_t limit_ = 0;       // the end that the innermost length gives, within the captured bytes
    std::uint32_t wire_limit_ = 0;  // the same on the wire: larger than limit_ if the capture lacks bytes
};

}  // namespace detail

/// Finds the headers of a frame of which `captured` bytes were kept and which had `on_the_wire` bytes, and returns a
/// view of them. It never throws: frame_view::failure() says which header could not be read. The view is valid as long
/// as the bytes.
[[nodiscard]] constexpr frame_view dissect(std::span<const std::byte> captured, std::size_t on_the_wire,
                                           link_type link = link_type::ethernet) noexcept {
    return link == link_type::ethernet ? detail::dissector::read(captured, on_the_wire)
                                       : detail::dissector::run(captured, on_the_wire, link);
}
/// Finds the headers of a whole frame, and returns a view of them.
[[nodiscard]] constexpr frame_view dissect(std::span<const std::byte> frame,
                                           link_type link = link_type::ethernet) noexcept {
    return dissect(frame, frame.size(), link);
}

/// Returns how many bytes of payload the transport had on the wire, as the length of IP says. The capture may have kept
/// fewer. Without IP, or if IP gives no length, it is the size of payload().
[[nodiscard]] constexpr std::size_t transport_payload_size(const frame_view& frame) noexcept {
    const std::size_t front = frame.payload_offset() - frame.network_offset();  // the headers from IP on
    std::size_t announced = 0;
    if (const auto packet = frame.ipv4()) announced = packet->total_length();
    if (const auto packet = frame.ipv6(); packet && packet->payload_length() > 0)
        announced = packet->payload_length() + packet->header_size();
    return std::max(frame.payload().size(), announced > front ? announced - front : 0);
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_FRAME_HPP
