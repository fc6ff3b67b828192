#pragma once

/// Serves clients of the listening socket until `stop` can be read. Sends "hello\n" to a new client, and keeps the
/// connection until the client has closed it.
void serve(int listener, int stop);
