#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

constexpr std::size_t block_size = 8;  ///< bytes. A block with fewer bytes is the last block of the file.

/// The way to a receiver. Anything that is sent, by either side, may be lost, doubled or late.
class wire {
  public:
    /// Sends a block. The receiver acknowledges each block that arrives, also a block that it has already.
    virtual void send(std::uint16_t number, std::string_view data) = 0;
    /// Waits for an acknowledgment. Returns nothing if no acknowledgment has come one second after the last send().
    virtual std::optional<std::uint16_t> receive() = 0;

  protected:
    ~wire() = default;
};

/// Sends the file, and returns when the last block is acknowledged. Returns false if the receiver is silent: if a block
/// was sent eight times and is not acknowledged.
bool send_file(wire& net, std::string_view file);
