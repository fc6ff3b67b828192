#pragma once

#include <string>

/// Serves the files of `folder` by TFTP (RFC 1350) until `stop` can be read. `door` is a bound UDP socket for IPv4: requests
/// come to it. Both descriptors stay open.
void serve(int door, const std::string& folder, int stop);
