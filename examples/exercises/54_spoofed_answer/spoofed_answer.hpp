#pragma once

#include <string>

/// Returns true if `datagram`, which came from `source`, is the answer of `server` to `query`. An address and its port
/// are a text such as `192.0.2.53:53`. `query` is the datagram that was sent: 12 bytes of header, one question, and
/// nothing behind it. `datagram` has any bytes, and any size. For everything that is not the answer it returns false.
bool is_answer(const std::string& query, const std::string& server, const std::string& source,
               const std::string& datagram);
