#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Finds the bytes of a body that was sent in chunks.
class chunk_decoder {
  public:
    /// Takes the next bytes of the connection, which may be cut anywhere, and appends the bytes of the body among them to
    /// `body`. Returns how many bytes it has taken. It takes all of them, unless the body ends among them or is refused.
    std::size_t take(std::string_view bytes, std::string& body);

    /// Returns true behind the `\r\n` that ends the body.
    bool is_done() const { return where_ == place::done; }
    /// Returns true if the bytes break a rule.
    bool is_refused() const { return where_ == place::refused; }

  private:
    enum class place { size, data, data_end, last_line, done, refused };
    place where_ = place::size;  ///< what comes next
    std::string line_;           ///< the bytes of a line that has not ended yet
    std::uint64_t left_ = 0;     ///< how many bytes of the chunk have not come yet
    std::uint64_t total_ = 0;    ///< how many bytes all chunks have so far
};
