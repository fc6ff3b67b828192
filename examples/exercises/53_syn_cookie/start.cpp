#include "syn_cookie.hpp"

std::uint32_t make_cookie(const std::string& client, std::uint32_t number, std::uint16_t mss, std::uint64_t minute) {
    (void)mss;  // forgotten, as the SYN is
    return secret_hash(client, number, minute);
}

std::optional<std::uint16_t> check_ack(const std::string& client, std::uint32_t sequence, std::uint32_t acknowledgment,
                                       std::uint64_t minute) {
    if (acknowledgment != secret_hash(client, sequence, minute)) return std::nullopt;
    return segment_sizes[1];
}
