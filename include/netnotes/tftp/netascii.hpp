// netnotes/tftp/netascii.hpp: text as TFTP sends it
// SPDX-License-Identifier: MIT
//
// In the mode netascii a file travels as lines of text. Both classes here convert piece by piece, so that a datagram
// may end anywhere.
//
//        "a\nb\rc"  ── netascii_encoder ──>  a CR LF b CR NUL c  ── netascii_decoder ──>  "a\nb\rc"
//
// On this page:  netascii_encoder, netascii_decoder
// The notes:     TFTP 协议介绍; example 14

#ifndef NETNOTES_TFTP_NETASCII_HPP
#define NETNOTES_TFTP_NETASCII_HPP

#include <cstddef>
#include <optional>
#include <span>

namespace netnotes::tftp {

/// Converts text of this system to text of the network: "\n" becomes CR LF, and a CR becomes CR NUL. If only the first
/// byte of a pair fits, the next call begins with the second byte.
class netascii_encoder {
  public:
    /// How many bytes were read, and how many were written.
    struct progress {
        std::size_t taken, made;
    };
    /// Converts as much as fits, and returns the two counts.
    progress encode(std::span<const std::byte> from, std::span<std::byte> to) noexcept;
    /// Returns true if the second byte of a pair is still to be written.
    [[nodiscard]] bool has_rest() const noexcept { return has_rest_; }

  private:
    std::byte rest_{};
    bool has_rest_ = false;  // no optional: g++ 12 takes its value for uninitialized
};

/// Converts text of the network to text of this system, in place: the text never grows. A CR that neither LF nor NUL
/// follows stays a CR.
class netascii_decoder {
  public:
    /// Converts in place and returns how many bytes are left. The last piece may have ended with a CR that belongs to
    /// the text. Then `before` has that byte, and the caller puts it in front of the others.
    std::size_t decode(std::span<std::byte> bytes, std::optional<std::byte>& before) noexcept;
    /// Ends the text. Returns the CR that was its last byte, or nullopt.
    [[nodiscard]] std::optional<std::byte> finish() noexcept {
        if (!has_cr_) return std::nullopt;
        has_cr_ = false;
        return std::byte{'\r'};
    }

  private:
    bool has_cr_ = false;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline netascii_encoder::progress netascii_encoder::encode(std::span<const std::byte> from,
                                                           std::span<std::byte> to) noexcept {
    progress done{0, 0};
    while (done.made < to.size()) {
        if (has_rest_) {
            to[done.made++] = rest_;
            has_rest_ = false;
            continue;
        }
        if (done.taken == from.size()) break;
        const std::byte byte = from[done.taken++];
        if (byte == std::byte{'\n'} || byte == std::byte{'\r'}) {
            to[done.made++] = std::byte{'\r'};
            rest_ = byte == std::byte{'\n'} ? byte : std::byte{0};
            has_rest_ = true;
        } else
            to[done.made++] = byte;
    }
    return done;
}

inline std::size_t netascii_decoder::decode(std::span<std::byte> bytes, std::optional<std::byte>& before) noexcept {
    before.reset();
    std::size_t made = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::byte byte = bytes[i];
        if (has_cr_) {
            has_cr_ = false;
            if (byte == std::byte{'\n'} || byte == std::byte{0}) {
                const std::byte meant = byte == std::byte{'\n'} ? byte : std::byte{'\r'};
                bytes[made++] = meant;
                continue;
            }
            // It was a CR by itself. If it came with the last datagram there is no room for it here.
            if (i == 0)
                before = std::byte{'\r'};
            else
                bytes[made++] = std::byte{'\r'};
        }
        if (byte == std::byte{'\r'})
            has_cr_ = true;
        else
            bytes[made++] = byte;
    }
    return made;
}

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_NETASCII_HPP
