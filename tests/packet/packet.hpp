// What the tests of packet share.
// SPDX-License-Identifier: MIT

#pragma once

#include <netnotes/packet.hpp>

#include "../catch.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace net = netnotes;
namespace packet = netnotes::packet;
using namespace net::literals;
using namespace std::string_literals;
using namespace std::string_view_literals;

/// The bytes of a text of hexadecimal digits; blanks and other characters between them are skipped.
inline std::vector<std::byte> hex(std::string_view text) {
    std::vector<std::byte> bytes;
    unsigned value = 0, digits = 0;
    for (const char c : text) {
        const unsigned digit = net::detail::hexadecimal_value[static_cast<unsigned char>(c)];
        if (digit > 15) continue;
        value = value << 4 | digit;
        if (++digits % 2 == 0) bytes.push_back(static_cast<std::byte>(value & 0xff));
    }
    if (digits % 2 != 0) throw std::invalid_argument{"half a byte"};
    return bytes;
}

/// A copy of bytes in a block of the heap of exactly their size: AddressSanitizer sees every access beyond it.
class exact_copy {
  public:
    explicit exact_copy(std::span<const std::byte> bytes)
        : bytes_{std::make_unique<std::byte[]>(bytes.size())}, size_{bytes.size()} {
        std::copy(bytes.begin(), bytes.end(), bytes_.get());
    }
    operator std::span<const std::byte>() const noexcept { return {bytes_.get(), size_}; }
    std::byte& operator[](std::size_t i) { return bytes_[i]; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

  private:
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t size_;
};

inline bool same_bytes(std::span<const std::byte> a, std::span<const std::byte> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}
