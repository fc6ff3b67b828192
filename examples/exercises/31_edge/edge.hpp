#pragma once

/// Serves clients of the listening socket until `stop` can be read. The listening socket does not block. The server sends
/// "ok\n" for each line that a client sends, and closes when the client has ended its stream.
void serve(int listener, int stop);
