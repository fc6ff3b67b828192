#include "fragment.hpp"

std::vector<fragment> cut(const std::string& payload, unsigned mtu) {
    const std::size_t size = mtu - 20;
    std::vector<fragment> pieces;
    for (std::size_t at = 0; at < payload.size(); at += size) {
        const unsigned more = at + size < payload.size() ? 0x2000 : 0;
        pieces.push_back({static_cast<std::uint16_t>(at | more), payload.substr(at, size)});
    }
    return pieces;
}

std::optional<std::string> join(const std::vector<fragment>& arrived) {
    std::string whole;
    for (const fragment& each : arrived) {
        whole += each.data;
        if ((each.place & 0x2000) == 0) return whole;
    }
    return std::nullopt;
}
