// netnotes/socket/file.hpp: files that a socket sends
// SPDX-License-Identifier: MIT
//
// A server of files could read each block into its own memory and send it from there. The bytes would then be copied
// twice: from the kernel to the program, and back. sendfile(2) moves them inside the kernel.
//
//        read, send     file ──> [ the kernel's cache ] ──> [ the program's buffer ] ──> [ the socket's queue ]
//        sendfile       file ──> [ the kernel's cache ] ───────────────────────────────> [ the socket's queue ]
//
//        stream.send_file("kernel.img");                                            // the whole file
//        stream.send_file("kernel.img", {.offset = 1000, .count = 500});            // bytes 1000 to 1499
//        stream.send_file(descriptor, {.progress = [&](std::uint64_t sent) { bar.show(sent); }});
//
// sendfile(2) refuses some files, for example a file of /proc or a pipe. They are then read and sent in blocks.
//
// On this page:  input_file · send_file_options · progress_callback
// Above it:      socket/socket.hpp, socket::send_file(); coro/send_file.hpp, the same for tasks
// The notes:     send, sendall (公共用途的套接字函数); tftp下载 (a server of files); sendfile(2)

#ifndef NETNOTES_SOCKET_FILE_HPP
#define NETNOTES_SOCKET_FILE_HPP

#include <fcntl.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../ip/algorithm.hpp"
#include "address.hpp"

namespace netnotes {

/// A file to read: a path, or a descriptor that is already open. The file is opened at once; an error is kept, and the
/// call that uses the file reports it. A file that was opened by path is closed with this object. A descriptor still
/// belongs to the caller, who must keep it open as long as this object is used.
class input_file {
  public:
    /// Borrows an open descriptor.
    input_file(int descriptor) noexcept  // NOLINT(google-explicit-constructor)
        : descriptor_{descriptor}, error_{descriptor < 0 ? EBADF : 0} {}
    /// Opens the file for reading. Does not wait for the other end of a FIFO: without a writer it is empty.
    input_file(const char* path) : path_{path}, is_owned_{true} {  // NOLINT(google-explicit-constructor)
        descriptor_ = ::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (descriptor_ < 0)
            error_ = errno;
        else
            ::fcntl(descriptor_, F_SETFL, 0);  // only open() must not wait: a read waits for the writer of a FIFO
    }
    /// Opens the file, like the constructor above. It also takes a std::filesystem::path.
    template <class Path>
    requires requires(const Path& path) {
        { path.c_str() } -> std::same_as<const char*>;
    }
    input_file(const Path& path) : input_file{path.c_str()} {}  // NOLINT(google-explicit-constructor)
    input_file(input_file&& other) noexcept
        : path_{std::move(other.path_)},
          descriptor_{std::exchange(other.descriptor_, -1)},
          error_{std::exchange(other.error_, EBADF)},
          is_owned_{std::exchange(other.is_owned_, false)} {}
    input_file& operator=(input_file&&) = delete;
    ~input_file() {
        if (is_owned_ && descriptor_ >= 0) ::close(descriptor_);
    }

    /// Returns the descriptor, or -1 if the file could not be opened.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_; }
    /// Returns why the file could not be opened, or no error.
    [[nodiscard]] std::error_code error() const noexcept { return {error_, std::system_category()}; }
    /// Returns the path, or "descriptor 3".
    [[nodiscard]] std::string name() const {
        return is_owned_ ? path_ : detail::joined("descriptor ", std::to_string(descriptor_));
    }

  private:
    std::string path_;
    int descriptor_ = -1;
    int error_ = 0;  // a value of errno
    bool is_owned_ = false;
};

namespace detail {
/// Refers to a function object, or keeps a pointer to a function. Of std::function it has only the call.
template <class... Arguments>
class function_reference {
  public:
    constexpr function_reference() noexcept = default;
    template <class Call>
    constexpr explicit function_reference(Call& call) noexcept {
        if constexpr (std::is_function_v<std::remove_pointer_t<std::remove_cv_t<Call>>>) {
            using pointer = std::decay_t<Call>;
            const pointer kept = call;
            object_ = reinterpret_cast<void*>(kept);  // POSIX: a void* holds it (dlsym)
            if (kept)
                call_ = [](void* object, Arguments... arguments) { reinterpret_cast<pointer>(object)(arguments...); };
        } else {
            object_ = const_cast<std::remove_cv_t<Call>*>(&call);
            call_ = [](void* object, Arguments... arguments) { (*static_cast<Call*>(object))(arguments...); };
        }
    }
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return call_ != nullptr; }
    void operator()(Arguments... arguments) const {
        if (call_) call_(object_, arguments...);
    }

  private:
    void* object_ = nullptr;
    void (*call_)(void*, Arguments...) = nullptr;
};
}  // namespace detail

/// Refers to a function `void(std::uint64_t sent)`: a plain function, or an object such as a lambda. It does not own
/// the object, which must live until the call that uses it has ended. A lambda written inside that call does.
class progress_callback {
  public:
    constexpr progress_callback() noexcept = default;
    template <class Call>
    requires(std::invocable<Call&, std::uint64_t> && !std::same_as<std::remove_cvref_t<Call>, progress_callback>)
    constexpr progress_callback(Call&& call) noexcept : call_{call} {}  // NOLINT(google-explicit-constructor)
    /// Returns true if there is a function to call.
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return static_cast<bool>(call_); }
    /// Calls the function with the number of bytes that were sent so far; does nothing without a function.
    void operator()(std::uint64_t sent) const { call_(sent); }

  private:
    detail::function_reference<std::uint64_t> call_;
};

/// The settings of send_file().
struct send_file_options {
    std::uint64_t offset = 0;  ///< The first byte to send. The file's own position is neither used nor changed.
    /// The number of bytes to send, at most. The default sends up to the present end of the file.
    std::uint64_t count = std::numeric_limits<std::uint64_t>::max();
    /// Called after each part with the number of bytes that were sent since the call began. If it throws, send_file()
    /// ends with that exception.
    progress_callback progress{};
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Calls sendfile(2) without a SIGPIPE. send(2) has the flag MSG_NOSIGNAL for this, but sendfile(2) has no flags. So
/// the signal is blocked during the call, and taken away if the call has raised it.
inline ssize_t sendfile_quietly(int to, int from, off_t& offset, std::size_t count) noexcept {
    sigset_t pipe, before, pending;
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
    // An earlier SIGPIPE that the program has blocked by itself is not ours to take.
    const bool is_earlier =
        ::sigismember(&before, SIGPIPE) == 1 && ::sigpending(&pending) == 0 && ::sigismember(&pending, SIGPIPE) == 1;
    const ssize_t sent = ::sendfile(to, from, &offset, count);
    const int error = errno;
    constexpr timespec at_once{};
    // A call that sent a part before it failed has raised the signal too, and returns the size of that part.
    const bool may_have_raised = sent < 0 ? error == EPIPE : static_cast<std::size_t>(sent) < count;
    if (may_have_raised && !is_earlier)
        while (::sigtimedwait(&pipe, nullptr, &at_once) < 0 && errno == EINTR) {
        }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return sent;
}

/// The bytes of a file that are still to be sent, and how they are taken from it.
class file_part {
  public:
    static constexpr std::size_t largest_step = std::size_t{2} << 20;  ///< for progress, deadlines and other tasks
    static constexpr std::size_t block = std::size_t{16} << 10;        ///< to read without sendfile

    file_part(const input_file& file, const send_file_options& options, std::error_code& error) noexcept
        : file_{file.native_handle()}, left_{options.count} {
        constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
        error = file.error();
        if (!error && options.offset > most) error = std::make_error_code(std::errc::value_too_large);
        if (error) return;
        offset_ = static_cast<off_t>(options.offset);
        left_ = detail::min(left_, most - options.offset);
        // With the size known, no last call is needed that only finds the end. And Linux before 6.5 holds the last bytes
        // back for 200 ms if sendfile(2) is asked for more than there is. (A file of /proc says that it is empty.)
        struct stat status {};
        if (::fstat(file_, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
            left_ = detail::min(left_, static_cast<std::uint64_t>(detail::max<off_t>(status.st_size - offset_, 0)));
    }
    [[nodiscard]] bool is_done() const noexcept { return left_ == 0; }
    [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

    /// Sends once with sendfile(2), at most `most` bytes. Returns its result; 0 is the end of the file.
    ssize_t step(int to, std::size_t most) noexcept {
        const ssize_t size =
            sendfile_quietly(to, file_, offset_, static_cast<std::size_t>(detail::min<std::uint64_t>(left_, most)));
        if (size >= 0) count(static_cast<std::size_t>(size));
        return size;
    }
    /// Returns true if an error of step() means that the file must be read. A file that fails for another reason
    /// (a directory, no permission) then fails again when it is read, with that reason.
    [[nodiscard]] static bool is_refused(int error) noexcept {
        return error == EINVAL || error == ENOSYS || error == ESPIPE || error == EOPNOTSUPP || error == EOVERFLOW;
    }
    /// Reads the next bytes and returns their number; 0 is the end of the file. Call taken() after they were sent. A
    /// pipe or a terminal may keep its reader waiting. Without `may_wait` they fail with errc::invalid_seek.
    std::size_t read(std::byte* room, std::size_t room_size, bool may_wait, std::error_code& error) noexcept {
        const auto size = static_cast<std::size_t>(detail::min<std::uint64_t>(left_, room_size));
        for (;;) {
            const ssize_t got = has_position_ ? ::pread(file_, room, size, offset_) : ::read(file_, room, size);
            if (got >= 0) {
                error.clear();
                return static_cast<std::size_t>(got);
            }
            if (errno == ESPIPE && has_position_ && offset_ == 0 &&
                may_wait) {  // a pipe can only be read from where it is
                has_position_ = false;
                continue;
            }
            if (errno == EINTR) continue;
            error = last_error();
            return 0;
        }
    }
    /// Counts bytes of read() that were sent.
    void taken(std::size_t size) noexcept {
        offset_ += static_cast<off_t>(size);
        count(size);
    }

  private:
    void count(std::size_t size) noexcept {
        left_ -= size;
        sent_ += size;
    }

    int file_;
    bool has_position_ = true;
    off_t offset_ = 0;
    std::uint64_t left_, sent_ = 0;
};

}  // namespace detail

}  // namespace netnotes

#endif  // NETNOTES_SOCKET_FILE_HPP
