#pragma once

#include <string>

/// Serves HTTP/1.1 to the clients of the listening socket until `stop` can be read. The listening socket does not block.
/// `folder` has the files of stage 7. Both descriptors stay open.
void serve(int listener, int stop, const std::string& folder);
