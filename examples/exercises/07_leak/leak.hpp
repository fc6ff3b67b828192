#pragma once

/// Serves clients of the listening socket until `stop` can be read. Sends "hello\n" to each client and closes.
void serve(int listener, int stop);
