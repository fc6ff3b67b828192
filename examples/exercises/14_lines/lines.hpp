#pragma once

#include <optional>
#include <string>

/// Reads lines from a connection.
class line_reader {
  public:
    explicit line_reader(int socket) : socket_{socket} {}

    /// Waits for the next line and returns it without its end, which is "\n" or "\r\n". Returns nothing at the end of the
    /// stream; a line that the end cuts off is no line. Throws std::length_error if a line has more than 1,000 bytes before
    /// its "\n", and does not wait for that "\n".
    std::optional<std::string> next();

  private:
    int socket_;
    std::string received_;  ///< bytes that have come, and that no call of next() has returned yet
};
