#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

/// The sizes of segments that a cookie can tell, in three bits: 0 stands for 216, and 7 for 1460.
constexpr std::array<std::uint16_t, 8> segment_sizes{216, 536, 768, 1024, 1220, 1360, 1440, 1460};

/// Returns 24 bits that nobody can compute without the server's secret. The check has this function. `client` is an
/// address and a port, and `number` is the sequence number of the client's SYN.
std::uint32_t secret_hash(const std::string& client, std::uint32_t number, std::uint64_t minute);

/// Returns the sequence number of the server's SYN-ACK. `mss` is the largest segment that the client takes.
std::uint32_t make_cookie(const std::string& client, std::uint32_t number, std::uint16_t mss, std::uint64_t minute);

/// Judges the ACK that ends a handshake, by its two numbers. Returns the size of segments for the new connection, or
/// nothing if the ACK answers no cookie of this minute or of the minute before.
std::optional<std::uint16_t> check_ack(const std::string& client, std::uint32_t sequence, std::uint32_t acknowledgment,
                                       std::uint64_t minute);
