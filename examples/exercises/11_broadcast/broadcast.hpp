#pragma once

#include <netinet/in.h>

#include <chrono>
#include <cstddef>
#include <set>
#include <string>

/// Sends the question "your name?" from a UDP socket to a broadcast address. Each answer is a name. Returns the names
/// when `count` different names have come, or `limit` has passed since the call. Throws std::system_error if the question
/// cannot be sent.
std::set<std::string> find_hosts(int socket, const sockaddr_in& broadcast, std::size_t count,
                                 std::chrono::milliseconds limit);
