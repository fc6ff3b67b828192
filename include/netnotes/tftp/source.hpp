// netnotes/tftp/source.hpp: what a transfer reads from and writes to
// SPDX-License-Identifier: MIT
//
// A transfer asks a source for the bytes that it sends, and gives a sink the bytes that it receives. Files are in
// tftp/file.hpp, memory, streams and functions in tftp/content.hpp.
//
// On this page:  source · sink · to_error
// The notes:     tftp 客户端; example 14

#ifndef NETNOTES_TFTP_SOURCE_HPP
#define NETNOTES_TFTP_SOURCE_HPP

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <system_error>

#include "packet.hpp"

namespace netnotes::tftp {

/// Where the bytes come from. Asked in order, once.
class source {
  public:
    virtual ~source() = default;
    /// Fills the room from its front; 0 only at the end, or with an error.
    virtual std::size_t read(std::span<std::byte> room, std::error_code& error) noexcept = 0;
    /// Bytes in all, where that is known beforehand.
    [[nodiscard]] virtual std::optional<std::uint64_t> size() const noexcept { return std::nullopt; }
};

/// Where they go. In order, each once.
class sink {
  public:
    virtual ~sink() = default;
    virtual void write(std::span<const std::byte> bytes, std::error_code& error) noexcept = 0;
    /// How much the peer says there will be, before the first write(). An error refuses the transfer.
    virtual void expect(std::uint64_t /*size*/, std::error_code& /*error*/) noexcept {}
    /// All is there. Called before the last acknowledgment, so that the sender hears of a full disk. Nothing is written
    /// behind it; where it is not called the transfer has failed.
    virtual void finish(std::error_code& error) noexcept = 0;
};

/// The TFTP error that says best what the system has said: of a full disk 3, of a forbidden one 2, ...; else 0.
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
