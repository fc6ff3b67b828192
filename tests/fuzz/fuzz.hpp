// tests/fuzz/fuzz.hpp: what every fuzzer here needs: bytes as decisions, and a word that must hold
// SPDX-License-Identifier: MIT
//
// A fuzzer is one function. It gets bytes that nobody has chosen with care, does with them what a program would do with a
// stranger's, and ends the program when something is not as it was promised. Two kinds are here:
//
//     bytes are the input          what is parsed: ip_text, tftp_packet, tftp_uri, packet_capture, packet_dns, packet_print,
//                                  http_head, lan_net_file
//     bytes are *decisions*        what happens next, of all that may happen: buffered_reader, event_loop,
//                                  tftp_conversation, packet_follow, http_connection, lan_tcp. See `choices`.
//
// "It does not crash" finds little. What finds much is a second opinion: print what was parsed and parse it again; ask the
// C library; keep a simple model beside the real thing and compare after each step.

#ifndef NETNOTES_TESTS_FUZZ_HPP
#define NETNOTES_TESTS_FUZZ_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

/// The fuzzer. Called again and again, by libFuzzer or by driver.cpp; it must leave nothing behind. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

/// Ends the program, with a word about where, when that does not hold.
inline void require(bool holds, const char* what, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    if (holds) return;
    std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    std::abort();
}

/// Decisions, taken from the front of an input. When it is used up every answer is 0: so let 0 be what leads to the end.
class choices {
  public:
    explicit choices(std::span<const std::uint8_t> input) noexcept : rest_{input} {}

    [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }
    std::uint8_t byte() noexcept {
        const auto one = take(1);
        return one.empty() ? std::uint8_t{0} : one[0];
    }
    /// From 0 to count - 1. Small numbers cost one byte, so that a changed byte is a changed decision and no more.
    std::size_t below(std::size_t count) noexcept {
        std::size_t value = byte();
        if (count > 256) value = value << 8 | byte();
        return value % count;
    }
    bool yes() noexcept { return below(2) == 1; }
    template <class T, std::size_t Size>
    T one_of(const T (&values)[Size]) noexcept {
        return values[below(Size)];
    }
    /// The next bytes, as they are; fewer at the end.
    std::span<const std::uint8_t> take(std::size_t size) noexcept {
        const auto taken = rest_.first(std::min(size, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }

  private:
    std::span<const std::uint8_t> rest_;
};

inline std::span<const std::byte> as_bytes(std::span<const std::uint8_t> bytes) noexcept {
    return std::as_bytes(bytes);
}
inline std::string_view as_text(std::span<const std::uint8_t> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace fuzz

#endif  // NETNOTES_TESTS_FUZZ_HPP
