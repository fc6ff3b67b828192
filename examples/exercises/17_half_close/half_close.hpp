#pragma once

#include <chrono>
#include <string>

/// Reads one line from the client, sends the answer, and closes the connection, so that the client gets the whole answer
/// and then the end of the stream. The client may send more than a line; these bytes are read and dropped. After the answer
/// it waits until the client has closed, but not longer than `limit`.
void answer(int client, const std::string& text, std::chrono::milliseconds limit);
