#pragma once

#include <cstdint>
#include <optional>
#include <vector>

/// A line of a routing table. An IPv4 address is a number here: 10.0.0.1 is 0x0a000001.
struct route {
    std::uint32_t network = 0;           ///< the first address of the network
    unsigned prefix = 0;                 ///< the length of the network's prefix, from 0 to 32
    std::optional<std::uint32_t> via{};  ///< the next router; nothing if the network is connected directly
    unsigned port = 0;                   ///< the port that leads there
};

/// The next step of a packet.
struct hop {
    std::uint32_t neighbour = 0;  ///< the host or router whose card gets the frame
    unsigned port = 0;            ///< the port that sends the frame
};

/// Returns the next step of a packet for `destination`, or nothing if no route contains this address. No two routes of
/// a table have the same network and the same prefix.
std::optional<hop> next_hop(const std::vector<route>& routes, std::uint32_t destination);
