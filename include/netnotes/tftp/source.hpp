// netnotes/tftp/source.hpp: what a transfer reads from and writes to
// SPDX-License-Identifier: MIT
//
// A transfer asks a source for the bytes that it sends, and gives a sink the bytes that it receives. Files are in
// tftp/file.hpp, memory, streams and functions in tftp/content.hpp.
//
// On this page:  source · text_source · sink · to_error
// The notes:     tftp 客户端; example 14

#ifndef NETNOTES_TFTP_SOURCE_HPP
#define NETNOTES_TFTP_SOURCE_HPP

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "packet.hpp"

namespace netnotes::tftp {

/// Gives the bytes of a file, in order, once.
class source {
  public:
    virtual ~source() = default;
    /// Fills the room from its front and returns how many bytes it has filled: 0 only at the end, or with an error.
    virtual std::size_t read(std::span<std::byte> room, std::error_code& error) noexcept = 0;
    /// Returns the size of the file in bytes, or nullopt if it is not known beforehand.
    [[nodiscard]] virtual std::optional<std::uint64_t> size() const noexcept { return std::nullopt; }
};

/// A text that this object owns, for content that is made on the spot. memory_source of tftp/content.hpp refers to
/// bytes of the caller instead.
class text_source final : public source {
  public:
    explicit text_source(std::string text) noexcept : text_{std::move(text)} {}
    std::size_t read(std::span<std::byte> room, std::error_code&) noexcept override {
        const auto rest = std::as_bytes(std::span{text_}).subspan(read_);
        const auto piece = rest.first(std::min(room.size(), rest.size()));
        std::copy(piece.begin(), piece.end(), room.begin());
        read_ += piece.size();
        return piece.size();
    }
    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override { return text_.size(); }

  private:
    std::string text_;
    std::size_t read_ = 0;  // bytes of the text that were read
};

/// Takes the bytes of a file, in order, each once.
class sink {
  public:
    virtual ~sink() = default;
    /// Takes the next bytes of the file. Sets `error` to refuse them; then the transfer ends with that error.
    virtual void write(std::span<const std::byte> bytes, std::error_code& error) noexcept = 0;
    /// Takes the size that the peer announces, before the first write(). An error refuses the transfer.
    virtual void expect(std::uint64_t /*size*/, std::error_code& /*error*/) noexcept {}
    /// Ends the file. It is called before the last acknowledgment, so that the sender hears of a full disk. No write()
    /// follows. If the transfer fails it is not called.
    virtual void finish(std::error_code& error) noexcept = 0;
};

/// Returns the TFTP error that fits an error of the system: 3 for a full disk, 2 for a forbidden file, ...; otherwise
/// 0.
[[nodiscard]] error to_error(const std::error_code& code) noexcept;

// ========================================================================================================
// How it is done
// ========================================================================================================

inline error to_error(const std::error_code& code) noexcept {
    if (code.category() == error_category()) return static_cast<error>(code.value());
    for (const auto none :
         {std::errc::no_such_file_or_directory, std::errc::not_a_directory, std::errc::filename_too_long})
        if (code == none) return error::file_not_found;
    for (const auto forbidden :
         {std::errc::permission_denied, std::errc::operation_not_permitted, std::errc::is_a_directory,
          std::errc::too_many_symbolic_link_levels, std::errc::read_only_file_system})
        if (code == forbidden) return error::access_violation;
    for (const auto full : {std::errc::no_space_on_device, std::errc::file_too_large})
        if (code == full) return error::disk_full;
#ifdef EDQUOT  // POSIX has it, Windows and std::errc have not
    if (code == std::error_code{EDQUOT, std::generic_category()} ||
        code == std::error_code{EDQUOT, std::system_category()})
        return error::disk_full;
#endif
    if (code == std::errc::file_exists) return error::file_already_exists;
    return error::not_defined;
}

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_SOURCE_HPP
