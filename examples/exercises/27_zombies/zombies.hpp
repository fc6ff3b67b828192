#pragma once

/// Serves clients of the listening socket until `stop` can be read, each client in a process of its own. A client sends
/// its name and a line end. It gets "hello\n", and then the server closes the connection.
void serve(int listener, int stop);
