// netnotes/tftp/content.hpp: what is transferred need not be a file
// SPDX-License-Identifier: MIT
//
// A transfer asks a source for bytes and hands bytes to a sink, and knows no more of either. Besides the files of
// tftp/file.hpp these serve most programs:
//
//     tftp::memory_sink image{16 << 20};                            at most 16 MiB
//     server.get("kernel.img", image);                              image.bytes() is all of it
//
//     tftp::memory_source config{text};
//     server.put(config, "switch1.cfg");
//
//     tftp::function_sink checksum{[&](std::span<const std::byte> piece) { crc.add(piece); }};
//
//        source: memory_source     stream_source     function_source
//                     |                  |                  |        read(room): the next bytes, 0 at the end
//                     └──────────────> transfer <───────────┘
//                                        |                           write(bytes), finish()
//        sink:   memory_sink       stream_sink       function_sink
//
// A sink whose transfer fails keeps what had come until then, unfinished: ask is_whole() before you use it.
//
// Below it:      tftp/source.hpp, text_source, which owns its text
// On this page:  memory_source, memory_sink · stream_source, stream_sink · function_source, function_sink
// The notes:     tftp 客户端 示例代码 (which knows files only); example 14

#ifndef NETNOTES_TFTP_CONTENT_HPP
#define NETNOTES_TFTP_CONTENT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <istream>
#include <limits>
#include <new>
#include <optional>
#include <ostream>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "transfer.hpp"

namespace netnotes::tftp {

/// Bytes that lie in memory. They belong to somebody else, and must stay until the transfer has ended.
class memory_source final : public source {
  public:
    explicit memory_source(std::span<const std::byte> bytes) noexcept : rest_{bytes}, size_{bytes.size()} {}
    explicit memory_source(std::string_view text) noexcept : memory_source{std::as_bytes(std::span<const char>{text})} {}

    std::size_t read(std::span<std::byte> room, std::error_code&) noexcept override {
        const auto piece = rest_.first(std::min(room.size(), rest_.size()));
        std::copy(piece.begin(), piece.end(), room.begin());
        rest_ = rest_.subspan(piece.size());
        return piece.size();
    }
    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override { return size_; }

  private:
    std::span<const std::byte> rest_;
    std::size_t size_;
};

/// Keeps what comes in memory.
class memory_sink final : public sink {
  public:
    /// Takes at most `most` bytes. More bytes are refused with errc::no_space_on_device; the peer reads "disk full".
    /// The bound is necessary because the peer decides how long the file is.
    explicit memory_sink(std::size_t most) noexcept : most_{most} {}

    /// Returns true if the whole file has come.
    [[nodiscard]] bool is_whole() const noexcept { return is_whole_; }
    /// Returns the bytes so far. The view is valid until the next write().
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
    /// Returns the bytes so far, as text.
    [[nodiscard]] std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
    }
    /// Moves the bytes out and returns them.
    [[nodiscard]] std::vector<std::byte> release() noexcept { return std::exchange(bytes_, {}); }

    void expect(std::uint64_t size, std::error_code& error) noexcept override {
        if (size > most_) error = std::make_error_code(std::errc::no_space_on_device);
    }
    void write(std::span<const std::byte> piece, std::error_code& error) noexcept override {
        if (piece.size() > most_ - bytes_.size()) {
            error = std::make_error_code(std::errc::no_space_on_device);
            return;
        }
        try {
            bytes_.insert(bytes_.end(), piece.begin(), piece.end());
        } catch (const std::bad_alloc&) {
            error = std::make_error_code(std::errc::not_enough_memory);
        }
    }
    void finish(std::error_code&) noexcept override { is_whole_ = true; }

  private:
    std::size_t most_;
    std::vector<std::byte> bytes_;
    bool is_whole_ = false;
};

/// Sends what a stream has from its position on. The size is not known, so it is not announced. A stream that fails or
/// throws ends the transfer with errc::io_error.
class stream_source final : public source {
  public:
    /// Keeps a reference: the stream must outlive this object. Open files in binary mode; otherwise line ends may be
    /// converted twice.
    explicit stream_source(std::istream& from) noexcept : from_{from} {}

    std::size_t read(std::span<std::byte> room, std::error_code& error) noexcept override {
        constexpr auto most = static_cast<std::size_t>(std::numeric_limits<std::streamsize>::max());
        try {
            if (from_.eof()) return 0;
            from_.read(reinterpret_cast<char*>(room.data()), static_cast<std::streamsize>(std::min(room.size(), most)));
            if (!from_.bad() && (!from_.fail() || from_.eof())) return static_cast<std::size_t>(from_.gcount());
        } catch (const std::exception&) {
        }
        error = std::make_error_code(std::errc::io_error);
        return 0;
    }

  private:
    std::istream& from_;
};

/// Writes into a stream, and flushes it at the end. If the stream fails, both ends get an error; here it is
/// errc::io_error.
class stream_sink final : public sink {
  public:
    /// Keeps a reference: the stream must outlive this object.
    explicit stream_sink(std::ostream& into) noexcept : into_{into} {}
    /// Returns true if the file is whole: finish() was called.
    [[nodiscard]] bool is_whole() const noexcept { return is_whole_; }

    void write(std::span<const std::byte> piece, std::error_code& error) noexcept override {
        attempt(error, [&] {
            into_.write(reinterpret_cast<const char*>(piece.data()), static_cast<std::streamsize>(piece.size()));
        });
    }
    void finish(std::error_code& error) noexcept override {
        attempt(error, [&] { into_.flush(); });
        is_whole_ = !error;
    }

  private:
    template <class Call>
    void attempt(std::error_code& error, Call call) noexcept {
        try {
            call();
            if (into_) return;
        } catch (const std::exception&) {
        }
        error = std::make_error_code(std::errc::io_error);
    }
    std::ostream& into_;
    bool is_whole_ = false;
};

namespace detail {
/// A std::system_error says what it is; whatever else is thrown is an io_error.
template <class Call>
void guarded(std::error_code& error, Call call) noexcept {
    try {
        call();
    } catch (const std::system_error& failure) {
        error = failure.code();
    } catch (...) {
        error = std::make_error_code(std::errc::io_error);
    }
}
}  // namespace detail

/// Gets the content from a function. The function fills `room` from its front and returns the number of bytes, or 0 at
/// the end. It may throw.
class function_source final : public source {
  public:
    using function = std::function<std::size_t(std::span<std::byte> room)>;
    explicit function_source(function next, std::optional<std::uint64_t> size = std::nullopt)
        : next_{std::move(next)}, size_{size} {}

    std::size_t read(std::span<std::byte> room, std::error_code& error) noexcept override {
        std::size_t size = 0;
        detail::guarded(error, [&] { size = std::min(next_(room), room.size()); });
        return size;
    }
    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override { return size_; }

  private:
    function next_;
    std::optional<std::uint64_t> size_;
};

/// Hands each piece to a function as it comes, which may throw: std::system_error{errc::no_space_on_device}, say.
class function_sink final : public sink {
  public:
    using function = std::function<void(std::span<const std::byte> piece)>;
    explicit function_sink(function take) : take_{std::move(take)} {}
    [[nodiscard]] bool is_whole() const noexcept { return is_whole_; }

    void write(std::span<const std::byte> piece, std::error_code& error) noexcept override {
        detail::guarded(error, [&] { take_(piece); });
    }
    void finish(std::error_code&) noexcept override { is_whole_ = true; }

  private:
    function take_;
    bool is_whole_ = false;
};

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_CONTENT_HPP
