#include "syn_cookie.hpp"

#include <map>

namespace {

std::map<std::pair<std::string, std::uint32_t>, std::pair<std::uint16_t, std::uint64_t>> half_open;  // what a flood fills

}  // namespace

std::uint32_t make_cookie(const std::string& client, std::uint32_t number, std::uint16_t mss, std::uint64_t minute) {
    std::uint32_t index = 7;
    while (index > 0 && segment_sizes[index] > mss) --index;
    const auto cookie = static_cast<std::uint32_t>(minute % 32) << 27 | index << 24 | secret_hash(client, number, minute);
    half_open[{client, cookie}] = {segment_sizes[index], minute};
    return cookie;
}

std::optional<std::uint16_t> check_ack(const std::string& client, std::uint32_t, std::uint32_t acknowledgment,
                                       std::uint64_t minute) {
    const auto found = half_open.find({client, acknowledgment - 1});
    if (found == half_open.end() || found->second.second > minute || minute - found->second.second > 1) return std::nullopt;
    return found->second.first;
}
