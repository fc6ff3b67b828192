#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// A fragment of an IPv4 packet.
struct fragment {
    /// Bytes 6 and 7 of the header. The low 13 bits are the offset, in units of eight bytes: the place of `data` within
    /// the whole payload. The bit 0x2000 says that more fragments follow. The other two bits do not matter here.
    std::uint16_t place = 0;
    std::string data{};  ///< the part of the payload
};

/// Cuts the payload of a packet for a link. Header and data of a fragment have at most `mtu` bytes; the header has 20
/// bytes. Each fragment but the last holds as many bytes as possible. A payload that fits, even without a byte, is one
/// fragment. Returns nothing if the MTU has no room for eight bytes of data. The payload has at most 65,515 bytes.
std::vector<fragment> cut(const std::string& payload, unsigned mtu);

/// Joins the fragments of one packet, in the order of their arrival. Returns nothing if bytes are missing.
std::optional<std::string> join(const std::vector<fragment>& arrived);
