#include "masks.hpp"

std::uint32_t mask_of(unsigned prefix) { return ~std::uint32_t{0} << (32 - prefix); }

std::optional<unsigned> prefix_of(std::uint32_t mask) {
    unsigned ones = 0;
    for (; mask != 0; mask <<= 1) ones += mask >> 31;
    return ones;
}

std::optional<unsigned> prefix_for(std::uint64_t hosts) {
    if (hosts <= 254) return 24;      // class C
    if (hosts <= 65534) return 16;    // class B
    if (hosts <= 16777214) return 8;  // class A
    return std::nullopt;
}
