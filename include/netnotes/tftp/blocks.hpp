// netnotes/tftp/blocks.hpp: the numbers of blocks, and the blocks of a file that is sent
// SPDX-License-Identifier: MIT
//
// A block number has 16 bits on the wire, and a file may have more blocks. So both ends count in 64 bits, and the
// number on the wire rolls over: to 0 unless the ends agree on 1.
//
//        count      1 ... 65,535   65,536   65,537
//        number     1 ... 65,535        0        1       rollover 0
//                   1 ... 65,535        1        2       rollover 1
//
// A sender keeps the blocks of a window in memory, because each may have to be sent again. Neighbours lie side by side,
// so one system call sends several.
//
// On this page:  block_numbers · block_ring
// Above it:      tftp/transfer.hpp

#ifndef NETNOTES_TFTP_BLOCKS_HPP
#define NETNOTES_TFTP_BLOCKS_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <system_error>

#include "netascii.hpp"
#include "packet.hpp"
#include "source.hpp"

namespace netnotes::tftp::detail {

/// Converts between counts of blocks and numbers on the wire. Count 0 is the place before the first block.
class block_numbers {
  public:
    block_numbers() noexcept = default;
    explicit block_numbers(bool rolls_to_one) noexcept : rolls_to_one_{rolls_to_one} {}
    [[nodiscard]] bool rolls_to_one() const noexcept { return rolls_to_one_; }
    /// Returns how many different numbers there are.
    [[nodiscard]] std::uint32_t size() const noexcept { return rolls_to_one_ ? 65'535 : 65'536; }
    /// Returns the number of the count-th block.
    [[nodiscard]] std::uint16_t number_of(std::uint64_t count) const noexcept {
        if (count <= 65'535) return static_cast<std::uint16_t>(count);
        return static_cast<std::uint16_t>(rolls_to_one_ ? (count - 1) % 65'535 + 1 : count % 65'536);
    }
    /// Returns how many blocks behind the count-th the next block with this number is: less than size().
    [[nodiscard]] std::uint32_t distance(std::uint64_t count, std::uint16_t number) const noexcept {
        return (number + size() - number_of(count) % size()) % size();
    }

  private:
    bool rolls_to_one_ = false;
};

/// Reads a source block by block into a ring of datagrams.
class block_ring {
  public:
    /// What went wrong in load(): an error, or a file that ended early.
    enum class trouble : unsigned char { none, read_failed, became_shorter, too_long };

    /// Takes memory for `slots` blocks. Returns false if there is no memory.
    bool begin(source& from, mode how, std::size_t slots, std::size_t block_size, std::optional<std::uint64_t> size,
               std::uint64_t max_bytes) noexcept {
        from_ = &from;
        mode_ = how;
        slots_ = slots;
        block_size_ = block_size;
        announced_ = size;
        max_bytes_ = max_bytes;
        ring_.reset(new (std::nothrow) std::byte[slots * (block_size + data_header_size)]);
        return static_cast<bool>(ring_);
    }
    [[nodiscard]] bool has_begun() const noexcept { return static_cast<bool>(ring_); }
    [[nodiscard]] std::size_t slots() const noexcept { return slots_; }
    /// Returns the number of the last block, or 0 while that is unknown.
    [[nodiscard]] std::uint64_t last() const noexcept { return last_; }
    [[nodiscard]] std::uint64_t loaded() const noexcept { return loaded_; }
    /// Returns how many bytes of the source were read.
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    /// Returns the size of a block's datagram. The last block is shorter than the others.
    [[nodiscard]] std::size_t size_of(std::uint64_t block) const noexcept {
        return (block == last_ ? last_size_ : block_size_) + data_header_size;
    }
    /// Returns the room of a block with its header.
    [[nodiscard]] std::span<std::byte> slot(std::uint64_t block) const noexcept {
        const std::size_t size = block_size_ + data_header_size;
        return {ring_.get() + static_cast<std::size_t>((block - 1) % slots_) * size, size};
    }
    /// Returns true if the block is the first of the ring, so that its predecessor does not lie in front of it.
    [[nodiscard]] bool begins_ring(std::uint64_t block) const noexcept { return (block - 1) % slots_ == 0; }

    /// Reads the block that follows the last loaded block. `failure` then has the error of the source, if any.
    trouble load(const block_numbers& numbers, std::error_code& failure) noexcept {
        const std::span<std::byte> place = slot(loaded_ + 1);
        write_data_header(place, numbers.number_of(loaded_ + 1));
        const std::size_t size = fill(place.subspan(data_header_size), failure);
        if (failure) return trouble::read_failed;
        if (mode_ == mode::octet && size < block_size_ && announced_ && bytes_ < *announced_)
            return trouble::became_shorter;
        if (bytes_ > max_bytes_) return trouble::too_long;
        ++loaded_;
        if (size == block_size_) return trouble::none;
        last_ = loaded_;
        last_size_ = size;
        return trouble::none;
    }

  private:
    static constexpr std::size_t text_piece = 1024;

    std::size_t fill(std::span<std::byte> block, std::error_code& failure) noexcept {
        std::size_t filled = 0;
        while (filled < block.size()) {
            const std::size_t more = mode_ == mode::octet ? read_bytes(block.subspan(filled), failure)
                                                          : read_lines(block.subspan(filled), failure);
            if (more == 0) break;
            filled += more;
        }
        return filled;
    }
    /// If the file grows meanwhile, only the announced size is sent.
    std::size_t read_bytes(std::span<std::byte> room, std::error_code& failure) noexcept {
        if (announced_)
            room = room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), *announced_ - bytes_)));
        const std::size_t size = room.empty() ? 0 : from_->read(room, failure);
        bytes_ += size;
        return size;
    }
    std::size_t read_lines(std::span<std::byte> room, std::error_code& failure) noexcept {
        if (text_begin_ == text_end_ && !has_ended_) {
            text_begin_ = 0;
            text_end_ = from_->read(text_, failure);
            bytes_ += text_end_;
            has_ended_ = text_end_ == 0;
        }
        const auto done = encoder_.encode(std::span{text_}.subspan(text_begin_, text_end_ - text_begin_), room);
        text_begin_ += done.taken;
        return done.made;
    }

    source* from_ = nullptr;
    mode mode_ = mode::octet;
    std::unique_ptr<std::byte[]> ring_{};
    std::size_t slots_ = 0, block_size_ = 0;
    std::optional<std::uint64_t> announced_{};
    std::uint64_t max_bytes_ = 0, bytes_ = 0;
    std::uint64_t loaded_ = 0;  // blocks that are, or were, in the ring
    std::uint64_t last_ = 0;
    std::size_t last_size_ = 0;  // bytes of the last block
    netascii_encoder encoder_{};
    std::array<std::byte, text_piece> text_{};  // of the source, before its conversion
    std::size_t text_begin_ = 0, text_end_ = 0;
    bool has_ended_ = false;
};

}  // namespace netnotes::tftp::detail

#endif  // NETNOTES_TFTP_BLOCKS_HPP
