#include "longest_prefix.hpp"

namespace {

bool contains(const route& which, std::uint32_t address) {
    // A shift by 32 bits is undefined for a number of 32 bits, so a longer number is shifted.
    const auto mask = static_cast<std::uint32_t>(~std::uint64_t{0} << (32 - which.prefix));
    return (address & mask) == which.network;
}

}  // namespace

std::optional<hop> next_hop(const std::vector<route>& routes, std::uint32_t destination) {
    const route* best = nullptr;
    for (const route& each : routes)
        if (contains(each, destination) && (!best || each.prefix > best->prefix)) best = &each;
    if (!best) return std::nullopt;
    // Without a router between them, the destination itself is the neighbour.
    return hop{best->via.value_or(destination), best->port};
}
