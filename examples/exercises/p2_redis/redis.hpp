#pragma once

/// Serves clients of the listening socket until `stop` can be read. It speaks Redis' protocol, RESP 2. The listening socket
/// does not block.
void serve(int listener, int stop);
