#include "masks.hpp"

#include <bit>

std::uint32_t mask_of(unsigned prefix) {
    // A shift by 32 bits is undefined for a number of 32 bits (x86 shifts by 0): so shift a longer number.
    return static_cast<std::uint32_t>(~std::uint64_t{0} << (32 - prefix));
}

std::optional<unsigned> prefix_of(std::uint32_t mask) {
    const auto ones = static_cast<unsigned>(std::countl_one(mask));
    if (mask_of(ones) != mask) return std::nullopt;  // 255.0.255.0
    return ones;
}

std::optional<unsigned> prefix_for(std::uint64_t hosts) {
    for (unsigned prefix = 32;; --prefix) {
        const std::uint64_t addresses = std::uint64_t{1} << (32 - prefix);
        if (hosts <= (prefix >= 31 ? addresses : addresses - 2)) return prefix;  // RFC 3021: a /31 has two hosts
        if (prefix == 0) return std::nullopt;
    }
}
