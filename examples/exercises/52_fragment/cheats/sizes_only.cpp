#include "fragment.hpp"

#include <algorithm>

namespace {

constexpr unsigned more_follow = 0x2000, offset_bits = 0x1fff;
constexpr std::size_t header_size = 20, unit = 8, max_end = 65'535;

}  // namespace

std::vector<fragment> cut(const std::string& payload, unsigned mtu) {
    if (mtu < header_size + unit) return {};
    const std::size_t room = mtu - header_size;
    std::vector<fragment> pieces;
    std::size_t at = 0;
    while (payload.size() - at > room) {
        const std::size_t size = room / unit * unit;
        pieces.push_back({static_cast<std::uint16_t>(at / unit | more_follow), payload.substr(at, size)});
        at += size;
    }
    pieces.push_back({static_cast<std::uint16_t>(at / unit), payload.substr(at)});
    return pieces;
}

std::optional<std::string> join(const std::vector<fragment>& arrived) {
    std::string whole;               // up to the last byte that has arrived
    std::vector<bool> is_here;       // for each byte of `whole`
    std::optional<std::size_t> end;  // known when the last fragment has arrived
    for (const fragment& each : arrived) {
        const bool has_more = (each.place & more_follow) != 0;
        const std::size_t first = (each.place & offset_bits) * unit, last = first + each.data.size();
        if (each.data.empty() || last > max_end || (has_more && each.data.size() % unit != 0)) continue;
        if (end && (last > *end || (!has_more && last != *end))) continue;
        if (!has_more && last < whole.size()) continue;
        if (!has_more) end = last;
        whole.resize(std::max(whole.size(), last));
        is_here.resize(whole.size());
        for (std::size_t i = first; i < last; ++i) {
            if (!is_here[i]) whole[i] = each.data[i - first];
            is_here[i] = true;
        }
    }
    std::size_t sum = 0;  // counts bytes that overlap twice
    for (const fragment& each : arrived) sum += each.data.size();
    if (!end || sum < *end) return std::nullopt;
    return whole;
}
