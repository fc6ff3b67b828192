#include "longest_prefix.hpp"

std::optional<hop> next_hop(const std::vector<route>& routes, std::uint32_t destination) {
    std::optional<hop> found;
    unsigned longest = 0;
    for (const route& each : routes) {
        if (each.prefix == 0) return hop{each.via.value_or(destination), each.port};  // it contains each address
        const std::uint32_t mask = ~std::uint32_t{0} << (32 - each.prefix);
        if ((destination & mask) != each.network || each.prefix < longest) continue;
        longest = each.prefix;
        found = hop{each.via.value_or(destination), each.port};
    }
    return found;
}
