// netnotes/tftp/delivery.hpp: from blocks to a file
// SPDX-License-Identifier: MIT
//
// A receiver passes each new block to the sink. Before that it checks the block against the limits and the size that
// the writer has announced. It also turns netascii into the line ends of this system.
//
//        block ──> is it within max_bytes, and within the announced size? ──> netascii ──> sink::write()
//        last block ──> is the size as announced? ──> sink::finish()         the file gets its name now, and not before
//
// All names here are in detail: programs use tftp/client.hpp and tftp/server.hpp.
//
// On this page:  failed_delivery · delivery
// The notes:     TFTP客户端 (the TFTP client); example 14

#ifndef NETNOTES_TFTP_DELIVERY_HPP
#define NETNOTES_TFTP_DELIVERY_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

#include "netascii.hpp"
#include "packet.hpp"
#include "source.hpp"

namespace netnotes::tftp::detail {

/// Why a receiver must end its transfer.
struct failed_delivery {
    std::error_code why;
    std::string_view message;
    bool is_local;  ///< the sink has failed, or our limit is reached; else the peer has broken its word
};

/// A receiver's file, from the first byte to the last. The sink must outlive it.
class delivery {
  public:
    using result = std::optional<failed_delivery>;

    /// Takes at most `max_bytes` bytes. `into` is null for a sender, which delivers nothing.
    delivery(sink* into, mode how, std::uint64_t max_bytes) noexcept : sink_{into}, mode_{how}, max_bytes_{max_bytes} {}

    /// Tells the sink the size that the file will have, if it was announced. `is_promise`: a writer has been let in for
    /// this size, so more bytes or fewer are an error. To a reader the size is no promise.
    [[nodiscard]] result expect(const std::optional<std::uint64_t>& size, bool is_promise) noexcept {
        if (!size) return std::nullopt;
        if (*size > max_bytes_) return too_long();
        std::error_code refusal;
        sink_->expect(*size, refusal);
        if (refusal) return failed_delivery{refusal, "there is no room for the file", true};
        if (is_promise && mode_ == mode::octet) promised_ = *size;
        return std::nullopt;
    }
    /// Writes the bytes of a block.
    [[nodiscard]] result write(std::span<const std::byte> data) noexcept {
        if (mode_ == mode::netascii) return write_lines(data);
        bytes_ += data.size();
        if (bytes_ > max_bytes_) return too_long();
        // At once: the sink has made room for the announced size, and no more.
        if (promised_ && bytes_ > *promised_) return broken_promise("the file is longer than announced");
        if (data.empty()) return std::nullopt;
        std::error_code failure;
        sink_->write(data, failure);
        return written(failure);
    }
    /// Ends the file: only now it gets its name.
    [[nodiscard]] result finish() noexcept {
        std::error_code failure;
        if (const auto rest = decoder_.finish()) {
            if (++bytes_ > max_bytes_) return too_long();
            sink_->write(std::span{&*rest, 1}, failure);
        }
        if (!failure && promised_ && bytes_ != *promised_)
            return broken_promise("the file is not as long as announced");
        if (!failure) sink_->finish(failure);
        if (failure) return failed_delivery{failure, "the file cannot be kept", true};
        return std::nullopt;
    }
    /// Returns how many bytes of the file have come, after the conversion from netascii.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  private:
    static failed_delivery too_long() noexcept {
        return {std::make_error_code(std::errc::file_too_large), "the file is too long", true};
    }
    static failed_delivery broken_promise(std::string_view message) noexcept {
        return {std::make_error_code(std::errc::protocol_error), message, false};
    }
    static result written(const std::error_code& failure) noexcept {
        return failure ? result{failed_delivery{failure, "the file cannot be written", true}} : std::nullopt;
    }
    result write_lines(std::span<const std::byte> data) noexcept {
        std::error_code failure;
        std::array<std::byte, 1024> piece;
        while (!data.empty() && !failure) {
            const auto now = data.first(std::min(data.size(), piece.size()));
            data = data.subspan(now.size());
            std::copy(now.begin(), now.end(), piece.begin());
            std::optional<std::byte> before;
            const std::size_t size = decoder_.decode(std::span{piece}.first(now.size()), before);
            bytes_ += size + (before ? 1 : 0);
            if (bytes_ > max_bytes_) return too_long();
            if (before) sink_->write(std::span{&*before, 1}, failure);
            if (!failure && size > 0) sink_->write(std::span{piece}.first(size), failure);
        }
        return written(failure);
    }

    sink* sink_;
    mode mode_;
    std::uint64_t max_bytes_;
    std::uint64_t bytes_ = 0;
    std::optional<std::uint64_t> promised_;
    netascii_decoder decoder_{};
};

}  // namespace netnotes::tftp::detail

#endif  // NETNOTES_TFTP_DELIVERY_HPP
