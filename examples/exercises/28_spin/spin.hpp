#pragma once

/// Serves clients of the listening socket until `stop` can be read: sends back what each client sends. A client that has
/// ended its stream still gets all bytes. At most 64 KiB are kept for a client that does not receive.
void serve(int listener, int stop);
