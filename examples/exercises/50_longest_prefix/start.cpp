#include "longest_prefix.hpp"

std::optional<hop> next_hop(const std::vector<route>& routes, std::uint32_t destination) {
    for (const route& each : routes) {
        const std::uint32_t mask = ~std::uint32_t{0} << (32 - each.prefix);
        if ((destination & mask) == each.network) return hop{each.via.value_or(each.network), each.port};
    }
    return std::nullopt;
}
