// netnotes/tftp/file.hpp: files that are whole or not there, in a folder that no name leaves
// SPDX-License-Identifier: MIT
//
// A file that is opened for writing when the transfer begins is empty from then on. If the transfer fails, the old
// content is lost. The notes' client does so, and leaves an empty file if the server has no such file. So the bytes go
// into another file, in the same folder and without a name. It gets the name when all bytes are there:
//
//        (no name: O_TMPFILE)  <── write, write, write ... finish():  link(2), which never replaces,
//        kernel.img                                                   and rename(2), which replaces in one step
//
// A file without a name vanishes with the process that has it, even if that is killed. Where a file system knows no
// such files it has a name that nobody asks for, ".tftp-part-...", until then.
//
// A name from the network may lead anywhere. It may be `../../etc/shadow` or a symbolic link. It may name a FIFO that
// blocks its reader, or a device that acts when it is opened. A check of the name and then open(2) are two steps, and
// the folder may change between them. So each part of the name is looked up below the part before it (openat(2)), never
// through a link (O_NOFOLLOW), and without being opened yet (O_PATH). The check then looks at the descriptor, not at
// the name, and the same descriptor is opened if it is a regular file.
//
// On this page:  file_source · file_sink · existing_file · directory
// The notes:     tftp 客户端 示例代码 (`open(name, "w")`); example 14

#ifndef NETNOTES_TFTP_FILE_HPP
#define NETNOTES_TFTP_FILE_HPP

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "transfer.hpp"

namespace netnotes::tftp {

/// The fate of an old file that has the name of the new file.
enum class existing_file {
    keep,     ///< it stays, and the transfer fails: errc::file_exists
    replace,  ///< by the new file, when the new file is whole
};

static_assert(sizeof(off_t) >= 8, "files of 2 GiB and more need a 64-bit off_t: compile with -D_FILE_OFFSET_BITS=64");

namespace detail {
/// An open file.
class descriptor {
  public:
    descriptor() noexcept = default;
    explicit descriptor(int number) noexcept : number_{number} {}
    descriptor(descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int number() const noexcept { return number_; }
    [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }

  private:
    int number_ = -1;
};
}  // namespace detail

/// A regular file, read from its beginning.
class file_source final : public source {
  public:
    /// Throws std::system_error, also for what is no regular file: errc::is_a_directory, errc::operation_not_permitted.
    /// Never waits for a FIFO's other end, and never opens a device.
    explicit file_source(const std::string& path);
    std::size_t read(std::span<std::byte> room, std::error_code& error) noexcept override;
    /// Returns the size, or nullopt for a file of /proc or /sys, whose size is not known before it is read.
    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override { return size_; }

  private:
    friend class directory;
    explicit file_source(detail::descriptor file, std::optional<std::uint64_t> size) noexcept;

    static constexpr std::size_t read_ahead = 16 * 1024;
    detail::descriptor file_;
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
    file_sink(file_sink&& other) noexcept;
    file_sink& operator=(file_sink&&) = delete;
    ~file_sink() override;

    void write(std::span<const std::byte> bytes, std::error_code& error) noexcept override;
    /// Asks the file system for room, and sets errc::no_space_on_device if it has too little. No room is reserved,
    /// because otherwise a stranger could take the whole disk with one datagram.
    void expect(std::uint64_t size, std::error_code& error) noexcept override;
    /// Gives the file its name. Sets errc::file_exists if the name was taken meanwhile and the old file is to be kept.
    void finish(std::error_code& error) noexcept override;

  private:
    friend class directory;
    file_sink(detail::descriptor folder, std::string name, existing_file policy);
    bool make_unnamed() noexcept;
    void make_part();
    void write_out(const std::byte* bytes, std::size_t size, std::error_code& error) noexcept;
    void flush(std::error_code& error) noexcept;
    int give_name() noexcept;

    static constexpr std::size_t write_behind = 16 * 1024;
    detail::descriptor folder_, file_;
    std::string name_, part_;  // in that folder
    existing_file policy_;
    std::unique_ptr<std::byte[]> buffer_{};
    std::size_t gathered_ = 0;
    bool has_part_ = false;  // under that name; else it is without one, or done
};

/// A folder for strangers: a name can only reach files in the folder and below it. The parts of a name have "/" between
/// them. A "/" in front is ignored, as TFTP servers do: "/a" is "a".
///
/// Calls refuse a name with errc::permission_denied if it has a part "..", a backslash (a separator for some clients)
/// or a NUL. They do the same if any part is a symbolic link, or if the name belongs to a file that is still being
/// written. A folder is errc::is_a_directory. A device, a FIFO or a socket is errc::operation_not_permitted. A name that
/// ends with "/" or "/." asks for a folder, so it is errc::not_a_directory for a file.
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
    [[nodiscard]] detail::descriptor walk(std::string_view name, std::string& last) const;

    detail::descriptor root_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

inline constexpr std::string_view part_prefix = ".tftp-part-";
/// Another one each time.
inline std::string part_name() {
    static std::atomic<unsigned> number{0};
    std::string name{part_prefix};
    name += std::to_string(::getpid());
    name += '-';
    return name += std::to_string(++number);
}

/// The name is a stranger's, perhaps, and what() goes to a log: see quoted().
[[noreturn]] inline void throw_system(int code, const char* attempt, std::string_view name) {
    throw std::system_error{code, std::system_category(), attempt + netnotes::quoted(name)};
}
inline std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}
inline std::string name_in_folder(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == path.npos ? path : path.substr(slash + 1);
}
inline descriptor open_folder(const std::string& path) {
    descriptor folder{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!folder.is_open()) throw_system(errno, "open the folder ", path);
    return folder;
}
/// "/proc/self/fd/7": what a descriptor stands for, as a path.
class descriptor_path {
  public:
    explicit descriptor_path(int number) noexcept {
        const auto end = std::copy(prefix.begin(), prefix.end(), text_.begin());
        *std::to_chars(end, text_.data() + text_.size() - 1, number).ptr = '\0';
    }
    [[nodiscard]] const char* c_str() const noexcept { return text_.data(); }

  private:
    static constexpr std::string_view prefix = "/proc/self/fd/";
    std::array<char, prefix.size() + 12> text_{};
};

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
inline descriptor open_regular(int folder, const std::string& name, int links, std::optional<std::uint64_t>& size) {
    const descriptor held{::openat(folder, name.c_str(), O_PATH | O_CLOEXEC | links)};
    if (!held.is_open()) throw_system(errno, "open ", name);
    struct stat status {};
    if (::fstat(held.number(), &status) != 0) throw_system(errno, "stat ", name);
    if (S_ISLNK(status.st_mode)) throw_system(EACCES, "open a link, ", name);
    if (S_ISDIR(status.st_mode)) throw_system(EISDIR, "open ", name);
    if (!S_ISREG(status.st_mode)) throw_system(EPERM, "open what is no file, ", name);
    constexpr int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    descriptor file{::open(descriptor_path{held.number()}.c_str(), flags)};
    if (!file.is_open() && errno == ENOENT) {  // no /proc here: by its name again, if that is still the same file
        file = descriptor{::openat(folder, name.c_str(), flags | links)};
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

inline file_source::file_source(detail::descriptor file, std::optional<std::uint64_t> size) noexcept
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

inline file_sink::file_sink(const std::string& path, existing_file policy)
    : file_sink{detail::open_folder(detail::folder_of(path)), detail::name_in_folder(path), policy} {}
inline file_sink::file_sink(detail::descriptor folder, std::string name, existing_file policy)
    : folder_{std::move(folder)}, name_{std::move(name)}, policy_{policy} {
    if (name_.empty()) throw std::system_error{EISDIR, std::system_category(), "write to a folder"};
    struct stat status {};
    if (::fstatat(folder_.number(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
        // Said early, for the peer need not send anything then; what counts is finish().
        if (policy_ == existing_file::keep) detail::throw_system(EEXIST, "create ", name_);
        if (!S_ISREG(status.st_mode)) detail::throw_system(EPERM, "replace what is no file, ", name_);
    } else if (errno != ENOENT)
        detail::throw_system(errno, "create ", name_);
    if (!make_unnamed()) make_part();
    // Who replaces a file does not mean to change who may read it.
    if (status.st_nlink > 0) static_cast<void>(::fchmod(file_.number(), status.st_mode & 0777));
}
/// Without a name; it will be named by way of /proc. False where there is no /proc, or no such file can be made.
inline bool file_sink::make_unnamed() noexcept {
    const detail::descriptor_path here{folder_.number()};
    file_ = detail::descriptor{::open(here.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666)};
    return file_.is_open();
}
inline void file_sink::make_part() {
    do {
        part_ = detail::part_name();
        file_ = detail::descriptor{
            ::openat(folder_.number(), part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
    } while (!file_.is_open() && errno == EEXIST);  // of one killed; NOLINT(clang-analyzer-unix.Errno): openat set it
    if (!file_.is_open()) detail::throw_system(errno, "create ", name_);
    has_part_ = true;
}
inline file_sink::file_sink(file_sink&& other) noexcept
    : folder_{std::move(other.folder_)},
      file_{std::move(other.file_)},
      name_{std::move(other.name_)},
      part_{std::move(other.part_)},
      policy_{other.policy_},
      buffer_{std::move(other.buffer_)},
      gathered_{other.gathered_},
      has_part_{std::exchange(other.has_part_, false)} {}
inline file_sink::~file_sink() {
    if (has_part_) ::unlinkat(folder_.number(), part_.c_str(), 0);
}

inline void file_sink::expect(std::uint64_t size, std::error_code& error) noexcept {
    struct statvfs disk {};
    if (size > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()))
        error = std::make_error_code(std::errc::file_too_large);
    else if (::fstatvfs(file_.number(), &disk) == 0 && disk.f_blocks > 0 && size / disk.f_frsize > disk.f_bavail)
        error = std::make_error_code(std::errc::no_space_on_device);
}
inline void file_sink::write(std::span<const std::byte> bytes, std::error_code& error) noexcept {
    if (bytes.size() >= write_behind / 2) {  // large blocks are worth a system call each
        flush(error);
        if (!error) write_out(bytes.data(), bytes.size(), error);
        return;
    }
    if (!buffer_) buffer_.reset(new (std::nothrow) std::byte[write_behind]);
    if (!buffer_) {
        error = std::make_error_code(std::errc::not_enough_memory);
        return;
    }
    while (!bytes.empty() && !error) {
        const std::size_t size = std::min(bytes.size(), write_behind - gathered_);
        std::memcpy(buffer_.get() + gathered_, bytes.data(), size);
        gathered_ += size;
        bytes = bytes.subspan(size);
        if (gathered_ == write_behind) flush(error);
    }
}
inline void file_sink::write_out(const std::byte* bytes, std::size_t size, std::error_code& error) noexcept {
    while (size > 0) {
        const ssize_t written = ::write(file_.number(), bytes, size);
        if (written >= 0) {
            bytes += written;
            size -= static_cast<std::size_t>(written);
        } else if (errno != EINTR) {
            error = {errno, std::system_category()};
            return;
        }
    }
}
inline void file_sink::flush(std::error_code& error) noexcept {
    write_out(buffer_.get(), std::exchange(gathered_, 0), error);
}
inline void file_sink::finish(std::error_code& error) noexcept {
    flush(error);
    // NFS tells of a full disk only at close(2). So a duplicate is closed before the file gets its name: the file
    // itself might be gone once it is closed.
    if (error) return;
    if (const int same = ::dup(file_.number()); same >= 0 && ::close(same) != 0)
        error = {errno, std::system_category()};
    if (error) return;
    if (const int failure = give_name(); failure != 0) error = {failure, std::system_category()};
}
/// Gives errno, or 0.
inline int file_sink::give_name() noexcept try {
    const int folder = folder_.number();
    if (!has_part_) {
        const detail::descriptor_path here{file_.number()};
        const auto link_as = [&](const std::string& name) {
            return ::linkat(AT_FDCWD, here.c_str(), folder, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
        };
        if (policy_ == existing_file::keep) return link_as(name_) ? 0 : errno;
        do part_ = detail::part_name();
        while (!(has_part_ = link_as(part_)) && errno == EEXIST);
        if (!has_part_) return errno;
    }
    if (policy_ == existing_file::keep) {
        // By its number, because musl has had the function only since 1.2.5.
        constexpr unsigned no_replace = 1;  // RENAME_NOREPLACE, linux/fs.h
        if (::syscall(SYS_renameat2, folder, part_.c_str(), folder, name_.c_str(), no_replace) != 0) {
            if (errno != EINVAL && errno != ENOSYS) return errno;
            // It cannot do that; then a second name, and the destructor takes away the first.
            return ::linkat(folder, part_.c_str(), folder, name_.c_str(), 0) == 0 ? 0 : errno;
        }
    } else if (::renameat(folder, part_.c_str(), folder, name_.c_str()) != 0)
        return errno;
    has_part_ = false;
    return 0;
} catch (const std::bad_alloc&) {
    return ENOMEM;
}

inline directory::directory(const std::string& path) : root_{detail::open_folder(path)} {}

inline detail::descriptor directory::walk(std::string_view name, std::string& last) const {
    if (name.find('\\') != name.npos || name.find('\0') != name.npos)
        detail::throw_system(EACCES, "open a name with a backslash or a NUL, ", name);
    detail::descriptor folder{::fcntl(root_.number(), F_DUPFD_CLOEXEC, 0)};
    if (!folder.is_open()) detail::throw_system(errno, "open ", name);
    std::string part;
    // Without O_DIRECTORY, which says of a link what it says of a file: that it is no folder.
    const auto enter_part = [&] {
        folder = detail::descriptor{::openat(folder.number(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
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
    const detail::descriptor folder = walk(name, last);
    std::optional<std::uint64_t> size;
    detail::descriptor file = detail::open_regular(folder.number(), last, O_NOFOLLOW, size);
    return file_source{std::move(file), size};
}
inline file_sink directory::create(std::string_view name, existing_file policy) const {
    std::string last;
    detail::descriptor folder = walk(name, last);
    return file_sink{std::move(folder), std::move(last), policy};
}

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_FILE_HPP
