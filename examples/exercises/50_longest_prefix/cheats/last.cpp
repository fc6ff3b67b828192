#include "longest_prefix.hpp"

std::optional<hop> next_hop(const std::vector<route>& routes, std::uint32_t destination) {  // the last match wins
    std::optional<hop> found;
    for (const route& each : routes) {
        const std::uint64_t mask = ~std::uint64_t{0} << (32 - each.prefix);
        if ((destination & mask & 0xffffffff) == each.network) found = hop{each.via.value_or(destination), each.port};
    }
    return found;
}
