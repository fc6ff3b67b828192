// netnotes/tftp/file.hpp: files that are whole or not there, in a folder that no name leaves
// SPDX-License-Identifier: MIT
//
// A file that is opened for writing when the transfer begins is empty from then on. If the transfer fails, the old
// content is lost. The notes' client does so, and leaves an empty file if the server has no such file. A file_sink is a
// file that gets its name when all bytes are there: see socket/whole_file.hpp.
//
// A name from the network may lead anywhere. It may be `../../etc/shadow` or a symbolic link. It may name a FIFO that
// blocks its reader, or a device that acts when it is opened. A check of the name and then open(2) are two steps, and
// the folder may change between them. So each part of the name is looked up below the part before it (openat(2)), never
// through a link (O_NOFOLLOW), and without being opened yet (O_PATH). The check then looks at the descriptor, not at
// the name, and the same descriptor is opened if it is a regular file.
//
// On this page:  file_source · file_sink · directory
// Below it:      socket/whole_file.hpp
// The notes:     tftp 客户端 示例代码 (`open(name, "w")`); example 14

#ifndef NETNOTES_TFTP_FILE_HPP
#define NETNOTES_TFTP_FILE_HPP

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../socket/whole_file.hpp"
#include "transfer.hpp"

namespace netnotes::tftp {

using netnotes::existing_file;
namespace detail {
using netnotes::detail::descriptor_path;
using netnotes::detail::file_descriptor;
using netnotes::detail::open_folder;
using netnotes::detail::part_prefix;
using netnotes::detail::throw_system;
using netnotes::detail::whole_file;
}  // namespace detail

/// A regular file, read from its beginning.
class file_source final : public source {
  public:
    /// Throws std::system_error, also for what is no regular file: errc::is_a_directory, errc::operation_not_permitted.
    /// Never waits for a FIFO's other end, and never opens a device.
    explicit file_source(const std::string& path);
    inline std::size_t read(std::span<std::byte> room, std::error_code& error) noexcept override;
    /// Returns the size, or nullopt for a file of /proc or /sys, whose size is not known before it is read.
    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override { return size_; }

  private:
    friend class directory;
    explicit file_source(detail::file_descriptor file, std::optional<std::uint64_t> size) noexcept;

    static constexpr std::size_t read_ahead = 16 * 1024;
    detail::file_descriptor file_;
    std::optional<std::uint64_t> size_;
    std::unique_ptr<std::byte[]> buffer_{};  // small blocks are not worth a system call each
    std::size_t begin_ = 0, end_ = 0;
};

/// A file that appears under its name when it is whole, and not before. If this is destroyed earlier there is nothing.
class file_sink final : public sink {
  public:
    /// Makes the file beside its target. Throws std::system_error: errc::file_exists, permission_denied,
    /// no_such_file_or_directory for the folder, ...; errc::operation_not_permitted where the target is no regular
    /// file.
    explicit file_sink(const std::string& path, existing_file policy = existing_file::replace);
    file_sink(file_sink&&) noexcept = default;
    file_sink& operator=(file_sink&&) = delete;
    ~file_sink() override = default;

    inline void write(std::span<const std::byte> bytes, std::error_code& error) noexcept override;
    /// Asks the file system for room, and sets errc::no_space_on_device if it has too little. No room is reserved,
    /// because otherwise a stranger could take the whole disk with one datagram.
    inline void expect(std::uint64_t size, std::error_code& error) noexcept override;
    /// Gives the file its name. Sets errc::file_exists if the name was taken meanwhile and the old file is to be kept.
    inline void finish(std::error_code& error) noexcept override;

  private:
    friend class directory;
    explicit file_sink(detail::whole_file file) noexcept : file_{std::move(file)} {}

    detail::whole_file file_;
};

/// A folder for strangers: a name can only reach files in the folder and below it. The parts of a name have "/" between
/// them. A "/" in front is ignored, as TFTP servers do: "/a" is "a".
///
/// Calls refuse a name with errc::permission_denied if it has a part "..", a backslash (a separator for some clients)
/// or a NUL. They do the same if any part is a symbolic link, or if the name belongs to a file that is still being
/// written. A folder is errc::is_a_directory. A device, a FIFO or a socket is errc::operation_not_permitted. A name
/// that ends with "/" or "/." asks for a folder, so it is errc::not_a_directory for a file.
class directory {
  public:
    /// Opens the folder. The path to it may contain symbolic links. Throws std::system_error.
    explicit directory(const std::string& path);

    /// Opens a file for reading and returns it. Throws std::system_error: the errors above,
    /// errc::no_such_file_or_directory and others.
    [[nodiscard]] file_source open(std::string_view name) const;
    /// Returns a file to write into. The folders of its name must exist. Throws std::system_error.
    [[nodiscard]] file_sink create(std::string_view name, existing_file policy) const;

  private:
    [[nodiscard]] detail::file_descriptor walk(std::string_view name, std::string& last) const;

    detail::file_descriptor root_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Returns the file's size, or nullopt if the size from stat(2) is wrong. The content of files in /proc and /sys is
/// made when it is read. Files in /proc report size 0, files in /sys the size of a page. So this reads the last byte
/// and a byte behind it.
inline std::optional<std::uint64_t> size_that_is_true(int file, off_t size) noexcept {
    constexpr int max_attempts = 3;
    for (int i = 0; i < max_attempts; ++i) {
        std::array<char, 2> bytes;
        const off_t last = std::max<off_t>(size - 1, 0);
        ssize_t got = 0;
        do got = ::pread(file, bytes.data(), bytes.size(), last);
        while (got < 0 && errno == EINTR);
        if (got == (size > 0 ? 1 : 0)) return static_cast<std::uint64_t>(size);
        // A file that is being written has another size by now. The new size is right.
        struct stat now {};
        if (::fstat(file, &now) != 0 || now.st_size == size) break;
        size = now.st_size;
    }
    return std::nullopt;
}

/// A regular file, whatever has been put in its place: nothing is waited for, and no device is set going by opening it.
inline file_descriptor open_regular(int folder, const std::string& name, int links,
                                    std::optional<std::uint64_t>& size) {
    const file_descriptor held{::openat(folder, name.c_str(), O_PATH | O_CLOEXEC | links)};
    if (!held.is_open()) throw_system(errno, "open ", name);
    struct stat status {};
    if (::fstat(held.number(), &status) != 0) throw_system(errno, "stat ", name);
    if (S_ISLNK(status.st_mode)) throw_system(EACCES, "open a link, ", name);
    if (S_ISDIR(status.st_mode)) throw_system(EISDIR, "open ", name);
    if (!S_ISREG(status.st_mode)) throw_system(EPERM, "open what is no file, ", name);
    constexpr int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    file_descriptor file{::open(descriptor_path{held.number()}.c_str(), flags)};
    if (!file.is_open() && errno == ENOENT) {  // no /proc here: by its name again, if that is still the same file
        file = file_descriptor{::openat(folder, name.c_str(), flags | links)};
        struct stat now {};
        if (file.is_open() &&
            (::fstat(file.number(), &now) != 0 || now.st_dev != status.st_dev || now.st_ino != status.st_ino))
            throw_system(EACCES, "open what has just been put in the place of ", name);
    }
    if (!file.is_open()) throw_system(errno, "open ", name);
    size = size_that_is_true(file.number(), status.st_size);
    return file;
}

}  // namespace detail

inline file_source::file_source(detail::file_descriptor file, std::optional<std::uint64_t> size) noexcept
    : file_{std::move(file)}, size_{size} {}
inline file_source::file_source(const std::string& path) { file_ = detail::open_regular(AT_FDCWD, path, 0, size_); }

inline std::size_t file_source::read(std::span<std::byte> room, std::error_code& error) noexcept {
    const auto from_file = [&](std::byte* to, std::size_t size) -> std::size_t {
        ssize_t got = 0;
        do got = ::read(file_.number(), to, size);
        while (got < 0 && errno == EINTR);
        if (got >= 0) return static_cast<std::size_t>(got);
        error = {errno, std::system_category()};
        return 0;
    };
    if (begin_ == end_ && room.size() >= read_ahead / 4) return from_file(room.data(), room.size());
    if (begin_ == end_) {
        if (!buffer_) buffer_.reset(new (std::nothrow) std::byte[read_ahead]);
        if (!buffer_) return from_file(room.data(), room.size());
        begin_ = 0;
        end_ = from_file(buffer_.get(), read_ahead);
    }
    const std::size_t size = std::min(room.size(), end_ - begin_);
    if (size > 0) std::memcpy(room.data(), buffer_.get() + begin_, size);
    begin_ += size;
    return size;
}

inline file_sink::file_sink(const std::string& path, existing_file policy) : file_{path, policy} {}
inline void file_sink::write(std::span<const std::byte> bytes, std::error_code& error) noexcept {
    file_.write(bytes, error);
}
inline void file_sink::expect(std::uint64_t size, std::error_code& error) noexcept { file_.expect(size, error); }
inline void file_sink::finish(std::error_code& error) noexcept { file_.finish(error); }

inline directory::directory(const std::string& path) : root_{detail::open_folder(path)} {}

inline detail::file_descriptor directory::walk(std::string_view name, std::string& last) const {
    if (name.find('\\') != name.npos || name.find('\0') != name.npos)
        detail::throw_system(EACCES, "open a name with a backslash or a NUL, ", name);
    detail::file_descriptor folder{::fcntl(root_.number(), F_DUPFD_CLOEXEC, 0)};
    if (!folder.is_open()) detail::throw_system(errno, "open ", name);
    std::string part;
    // Without O_DIRECTORY, which says of a link what it says of a file: that it is no folder.
    const auto enter_part = [&] {
        folder = detail::file_descriptor{::openat(folder.number(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
        struct stat status {};
        if (!folder.is_open() || ::fstat(folder.number(), &status) != 0) detail::throw_system(errno, "open ", name);
        if (S_ISLNK(status.st_mode)) detail::throw_system(EACCES, "follow a link in ", name);
        if (!S_ISDIR(status.st_mode)) detail::throw_system(ENOTDIR, "open ", name);
    };
    bool asks_for_folder = true;
    for (std::size_t begin = 0; begin <= name.size();) {
        const std::size_t end = std::min(name.find('/', begin), name.size());
        std::string next{name.substr(begin, end - begin)};
        begin = end + 1;
        asks_for_folder = next.empty() || next == ".";
        if (asks_for_folder) continue;
        if (next == ".." || next.starts_with(detail::part_prefix)) detail::throw_system(EACCES, "open ", name);
        if (!part.empty()) enter_part();
        part = std::move(next);
    }
    if (asks_for_folder) {
        if (!part.empty()) enter_part();
        detail::throw_system(EISDIR, "open ", name);
    }
    last = std::move(part);
    return folder;
}
inline file_source directory::open(std::string_view name) const {
    std::string last;
    const detail::file_descriptor folder = walk(name, last);
    std::optional<std::uint64_t> size;
    detail::file_descriptor file = detail::open_regular(folder.number(), last, O_NOFOLLOW, size);
    return file_source{std::move(file), size};
}
inline file_sink directory::create(std::string_view name, existing_file policy) const {
    std::string last;
    detail::file_descriptor folder = walk(name, last);
    return file_sink{detail::whole_file{std::move(folder), std::move(last), policy}};
}

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_FILE_HPP
