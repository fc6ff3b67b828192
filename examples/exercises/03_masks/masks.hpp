#pragma once

#include <cstdint>
#include <optional>

/// Returns the netmask with `prefix` ones at its front. `prefix` is from 0 to 32: mask_of(24) is 0xffffff00.
std::uint32_t mask_of(unsigned prefix);

/// Returns how many ones a netmask has, or nothing if the number is no netmask: the ones must stand in front.
std::optional<unsigned> prefix_of(std::uint32_t mask);

/// Returns the prefix of the smallest IPv4 network with addresses for `hosts` hosts, or nothing if no network is that
/// large. The first address of a network and the last address belong to no host, except in a /31 and in a /32.
std::optional<unsigned> prefix_for(std::uint64_t hosts);
