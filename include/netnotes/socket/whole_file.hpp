// netnotes/socket/whole_file.hpp: a file that is whole or not there
// SPDX-License-Identifier: MIT
//
// A program that writes what it receives straight into a file leaves half a file when the connection breaks. The next
// program takes that half for the whole, and the old content is lost. So the bytes go into another file, in the same
// folder and without a name. It gets the name when all bytes are there:
//
//        (no name: O_TMPFILE)  <── write, write, write ... finish():  link(2), which never replaces,
//        kernel.img                                                   and rename(2), which replaces in one step
//
// A file without a name vanishes with the process that has it, even if that is killed. Where a file system knows no
// such files it has a name that nobody asks for, ".netnotes-part-...", until then.
//
// On this page:  existing_file; for authors of downloads: whole_file
// Above it:      tftp/file.hpp, http/download.hpp
// The notes:     tftp 客户端 示例代码 (`open(name, "w")`); open(2), rename(2)

#ifndef NETNOTES_SOCKET_WHOLE_FILE_HPP
#define NETNOTES_SOCKET_WHOLE_FILE_HPP

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../ip/algorithm.hpp"
#include "../ip/text.hpp"
#include "owner.hpp"

namespace netnotes {

/// The fate of an old file that has the name of the new file.
enum class existing_file {
    keep,     ///< it stays, and the new file fails: errc::file_exists
    replace,  ///< by the new file, when the new file is whole
};

static_assert(sizeof(off_t) >= 8, "files of 2 GiB and more need a 64-bit off_t: compile with -D_FILE_OFFSET_BITS=64");

namespace detail {

/// An open file.
class file_descriptor {
  public:
    file_descriptor() noexcept = default;
    explicit file_descriptor(int number) noexcept : number_{number} {}
    file_descriptor(file_descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
    file_descriptor& operator=(file_descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~file_descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int number() const noexcept { return number_; }
    [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }

  private:
    int number_ = -1;
};

/// A file that appears under its name when it is whole, and not before. If this is destroyed earlier there is nothing.
class whole_file {
  public:
    /// Makes the file beside its target. Throws std::system_error with the path: errc::file_exists, permission_denied,
    /// no_such_file_or_directory for the folder, ...; errc::operation_not_permitted where the target is no regular
    /// file.
    explicit whole_file(const std::string& path, existing_file policy = existing_file::replace);
    /// Makes the file in an open folder. `name` has no slash.
    whole_file(file_descriptor folder, std::string name, existing_file policy)
        : whole_file{std::move(folder), name, policy, name} {}
    whole_file(whole_file&& other) noexcept;
    whole_file& operator=(whole_file&&) = delete;
    ~whole_file();

    /// Takes the next bytes. Small pieces gather until they are worth a system call.
    void write(std::span<const std::byte> bytes, std::error_code& error) noexcept;
    /// Asks the file system for room, and sets errc::no_space_on_device if it has too little. No room is reserved,
    /// because otherwise a stranger could take the whole disk with one datagram.
    void expect(std::uint64_t size, std::error_code& error) noexcept;
    /// Gives the file its name. Sets errc::file_exists if the name was taken meanwhile and the old file is to be kept.
    void finish(std::error_code& error) noexcept;

  private:
    whole_file(file_descriptor folder, std::string name, existing_file policy, const std::string& shown);
    bool make_unnamed() noexcept;
    void make_part(const std::string& shown);
    void write_out(const std::byte* bytes, std::size_t size, std::error_code& error) noexcept;
    void flush(std::error_code& error) noexcept;
    int give_name() noexcept;

    static constexpr std::size_t write_behind = 16 * 1024;
    file_descriptor folder_, file_;
    std::string name_, part_;  // in that folder
    existing_file policy_;
    detail::owner<std::byte[]> buffer_{};
    std::size_t gathered_ = 0;
    bool has_part_ = false;  // under that name; else it is without one, or done
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline constexpr std::string_view part_prefix = ".netnotes-part-";
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
inline file_descriptor open_folder(const std::string& path) {
    file_descriptor folder{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!folder.is_open()) throw_system(errno, "open the folder ", path);
    return folder;
}
/// "/proc/self/fd/7": what a descriptor stands for, as a path.
class descriptor_path {
  public:
    explicit descriptor_path(int number) noexcept {
        char* const end = detail::copy_n(prefix.data(), prefix.size(), text_.data());
        *std::to_chars(end, text_.data() + text_.size() - 1, number).ptr = '\0';
    }
    [[nodiscard]] const char* c_str() const noexcept { return text_.data(); }

  private:
    static constexpr std::string_view prefix = "/proc/self/fd/";
    std::array<char, prefix.size() + 12> text_{};
};

inline whole_file::whole_file(const std::string& path, existing_file policy)
    : whole_file{open_folder(folder_of(path)), name_in_folder(path), policy, path} {}
inline whole_file::whole_file(file_descriptor folder, std::string name, existing_file policy, const std::string& shown)
    : folder_{std::move(folder)}, name_{std::move(name)}, policy_{policy} {
    if (name_.empty()) throw_system(EISDIR, "create ", shown);
    struct stat status {};
    if (::fstatat(folder_.number(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
        // Said early, for the peer need not send anything then; what counts is finish().
        if (policy_ == existing_file::keep) throw_system(EEXIST, "create ", shown);
        if (!S_ISREG(status.st_mode)) throw_system(EPERM, "replace what is no file, ", shown);
    } else if (errno != ENOENT)
        throw_system(errno, "create ", shown);
    if (!make_unnamed()) make_part(shown);
    // Who replaces a file does not mean to change who may read it.
    if (status.st_nlink > 0) static_cast<void>(::fchmod(file_.number(), status.st_mode & 0777));
}
/// Without a name; it will be named by way of /proc. False where there is no /proc, or no such file can be made.
inline bool whole_file::make_unnamed() noexcept {
    const descriptor_path here{folder_.number()};
    file_ = file_descriptor{::open(here.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666)};
    return file_.is_open();
}
inline void whole_file::make_part(const std::string& shown) {
    do {
        part_ = part_name();
        file_ = file_descriptor{
            ::openat(folder_.number(), part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
    } while (!file_.is_open() && errno == EEXIST);  // of one killed; NOLINT(clang-analyzer-unix.Errno): openat set it
    if (!file_.is_open()) throw_system(errno, "create ", shown);
    has_part_ = true;
}
inline whole_file::whole_file(whole_file&& other) noexcept
    : folder_{std::move(other.folder_)},
      file_{std::move(other.file_)},
      name_{std::move(other.name_)},
      part_{std::move(other.part_)},
      policy_{other.policy_},
      buffer_{std::move(other.buffer_)},
      gathered_{other.gathered_},
      has_part_{std::exchange(other.has_part_, false)} {}
inline whole_file::~whole_file() {
    if (has_part_) ::unlinkat(folder_.number(), part_.c_str(), 0);
}

inline void whole_file::expect(std::uint64_t size, std::error_code& error) noexcept {
    struct statvfs disk {};
    if (size > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()))
        error = std::make_error_code(std::errc::file_too_large);
    else if (::fstatvfs(file_.number(), &disk) == 0 && disk.f_blocks > 0 && size / disk.f_frsize > disk.f_bavail)
        error = std::make_error_code(std::errc::no_space_on_device);
}
inline void whole_file::write(std::span<const std::byte> bytes, std::error_code& error) noexcept {
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
        const std::size_t size = detail::min(bytes.size(), write_behind - gathered_);
        std::memcpy(buffer_.get() + gathered_, bytes.data(), size);
        gathered_ += size;
        bytes = bytes.subspan(size);
        if (gathered_ == write_behind) flush(error);
    }
}
inline void whole_file::write_out(const std::byte* bytes, std::size_t size, std::error_code& error) noexcept {
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
inline void whole_file::flush(std::error_code& error) noexcept {
    write_out(buffer_.get(), std::exchange(gathered_, 0), error);
}
inline void whole_file::finish(std::error_code& error) noexcept {
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
inline int whole_file::give_name() noexcept try {
    const int folder = folder_.number();
    if (!has_part_) {
        const descriptor_path here{file_.number()};
        const auto link_as = [&](const std::string& name) {
            return ::linkat(AT_FDCWD, here.c_str(), folder, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
        };
        if (policy_ == existing_file::keep) return link_as(name_) ? 0 : errno;
        do part_ = part_name();
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

}  // namespace detail
}  // namespace netnotes

#endif  // NETNOTES_SOCKET_WHOLE_FILE_HPP
