#pragma once

#include <string>

/// Opens a file for a client of a TFTP server. `name` is the text of the request, and may be any text without a NUL.
/// Returns a descriptor to read from, or -1 if `name` is no regular file inside of `folder`. Does not block.
int open_file(const std::string& folder, const std::string& name);
