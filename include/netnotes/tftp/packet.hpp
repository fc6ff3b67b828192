// netnotes/tftp/packet.hpp: what TFTP says, byte by byte
// SPDX-License-Identifier: MIT
//
// The Trivial File Transfer Protocol moves a file with six kinds of datagrams. All begin with two bytes that say which:
//
//        2 bytes     string    1     string    1   then, as often as wanted, an option and its value (RFC 2347)
//       ┌────────┬───────────┬───┬───────────┬───┬───────────┬───┬───────────┬───┐
//       │ 1 or 2 │ file name │ 0 │   mode    │ 0 │ "blksize" │ 0 │  "1428"   │ 0 │   read, write request
//       └────────┴───────────┴───┴───────────┴───┴───────────┴───┴───────────┴───┘
//       ┌────────┬───────────┬─────────────────────────────┐
//       │   3    │ block no. │ 512 bytes; fewer: the last  │                           data
//       └────────┴───────────┴─────────────────────────────┘
//       ┌────────┬───────────┐    ┌────────┬──────┬─────────┬───┐  ┌────────┬───────────┬───┬─────────┬───┐
//       │   4    │ block no. │    │   5    │ code │ message │ 0 │  │   6    │ "blksize" │ 0 │ "1428"  │ 0 │
//       └────────┴───────────┘    └────────┴──────┴─────────┴───┘  └────────┴───────────┴───┴─────────┴───┘
//        acknowledgment            error                            option acknowledgment (RFC 2347)
//
// The notes list the first five (RFC 1350). The sixth, and error code 8, came with the options. RFC 2348 adds block
// sizes up to 65,464. RFC 2349 adds the size of the file and the time between attempts. RFC 7440 adds windows of
// several blocks. Only a short block ends a file, so a file whose length is a multiple of the block size ends with an
// *empty* block. Names are counted in bytes, not in characters: "文件.txt" has ten bytes.
//
// This page has values and bytes only: no socket, no file, no time. A datagram is read within its bounds, and refused
// if it is malformed. Reading allocates nothing.
//
// On this page:  opcode · error · mode · options · packet, parse · write_...
// The notes:     TFTP 协议介绍, TFTP数据包的格式; example 14

#ifndef NETNOTES_TFTP_PACKET_HPP
#define NETNOTES_TFTP_PACKET_HPP

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace netnotes::tftp {

/// Where servers listen; the transfer itself then goes between two other ports (RFC 1350 §4).
inline constexpr std::uint16_t port = 69;

/// The kinds of datagrams (RFC 1350 §5, RFC 2347).
enum class opcode : std::uint16_t {
    read_request = 1,
    write_request = 2,
    data = 3,
    acknowledgment = 4,
    error = 5,
    option_acknowledgment = 6,
};

/// The code of an error datagram (RFC 1350, appendix; RFC 2347). It is a std::error_code, too.
enum class error : std::uint16_t {
    not_defined = 0,  ///< see its message
    file_not_found = 1,
    access_violation = 2,
    disk_full = 3,  ///< or an allocation exceeded
    illegal_operation = 4,
    unknown_transfer_id = 5,  ///< from a port that has no part in this transfer
    file_already_exists = 6,
    no_such_user = 7,
    option_refused = 8,
};
/// Returns the words of RFC 1350 for the error. For another number it returns "An error that no RFC knows".
[[nodiscard]] constexpr std::string_view to_string(error code) noexcept;
/// Returns the category that is called "tftp"; an error_code of it has the number that the datagram had.
[[nodiscard]] const std::error_category& error_category() noexcept;
/// Returns the error as a std::error_code.
[[nodiscard]] inline std::error_code make_error_code(error code) noexcept {
    return {static_cast<int>(code), error_category()};
}

/// How the bytes of a file are sent. A third mode, "mail", is obsolete (RFC 1350 §1).
enum class mode {
    octet,     ///< as they are
    netascii,  ///< lines: "\n" travels as CR LF, CR as CR NUL (RFC 764); see netascii_encoder
};
/// Returns the word that a request sends.
[[nodiscard]] constexpr std::string_view to_string(mode what) noexcept {
    return what == mode::octet ? "octet" : "netascii";
}

inline constexpr std::uint16_t min_block_size = 8, max_block_size = 65'464, usual_block_size = 512;
/// The most bytes of a request (RFC 2347). Every other datagram but data is shorter.
inline constexpr std::size_t max_request_size = 512;

/// The options that a request asks for, or that an option acknowledgment grants. An absent option has its usual value.
struct options {
    std::optional<std::uint16_t> block_size;     ///< bytes: 8 to 65,464 (RFC 2348); else 512
    std::optional<std::uint16_t> window_size;    ///< blocks until an acknowledgment: 1 to 65,535 (RFC 7440); else 1
    std::optional<std::uint8_t> timeout;         ///< seconds: 1 to 255 (RFC 2349)
    std::optional<std::uint64_t> transfer_size;  ///< bytes; a reader asks with 0 (RFC 2349)
    /// The number of the block behind block 65,535: 0 or 1. Most programs take 0 without the option. No RFC has this
    /// option; atftp and other programs know it.
    std::optional<std::uint8_t> rollover;

    /// Returns true if an option is there.
    [[nodiscard]] bool any() const noexcept {
        return block_size || window_size || timeout || transfer_size || rollover;
    }
    friend bool operator==(const options&, const options&) = default;
};

/// The fields of a datagram. The views point into the datagram.
struct packet {
    opcode what{};
    std::string_view file_name{};      ///< of a request; never empty
    std::optional<tftp::mode> mode{};  ///< of a request; nullopt for "mail" and for an unknown mode
    tftp::options options{};           ///< of a request or an option acknowledgment
    /// True if an option has no value, has a value out of its range, or is given twice. In an acknowledgment an unknown
    /// name counts, too. A bad option counts as absent. If an option is given twice, both count as absent: an option
    /// "may only be specified once" (RFC 2347). A server still answers a request with a bad option. A client must
    /// refuse an acknowledgment with a bad option.
    bool has_bad_option = false;
    std::uint16_t block = 0;  ///< of data or an acknowledgment
    std::span<const std::byte> data{};
    std::uint16_t error_code = 0;  ///< as it came; it may be a number that no RFC has
    std::string_view message{};    ///< of an error; it may hold any bytes: see visible()
};

/// Reads a datagram. Returns nullopt for a datagram of an unknown kind or that is cut off, and for a request without
/// name, mode, or last NUL. Some clients pad a datagram: NULs behind the last option are ignored. An
/// option without a value counts as a bad option.
[[nodiscard]] std::optional<packet> parse(std::span<const std::byte> datagram) noexcept;
/// Returns true if the datagram begins as a request does. If parse() cannot read such a datagram, a server answers
/// error::illegal_operation. Without an answer the client would repeat its request and never learn the reason.
[[nodiscard]] bool begins_as_request(std::span<const std::byte> datagram) noexcept;

// -- Writing. Each function returns how many bytes of `room` it used. max_request_size bytes are enough for all of
// them.

/// Writes a request: `what` is read_request or write_request. Returns its size, or 0 if the file name is empty, has a
/// NUL, or does not fit.
[[nodiscard]] std::size_t write_request(std::span<std::byte> room, opcode what, std::string_view file_name, mode how,
                                        const options& wished) noexcept;
/// How many bytes stand before the data.
inline constexpr std::size_t data_header_size = 4;
/// Writes a datagram, and returns the number of bytes: the four in front of the data, an acknowledgment, or the options
/// that the server grants.
std::size_t write_data_header(std::span<std::byte> room, std::uint16_t block) noexcept;
std::size_t write_acknowledgment(std::span<std::byte> room, std::uint16_t block) noexcept;
std::size_t write_option_acknowledgment(std::span<std::byte> room, const options& granted) noexcept;
/// Writes an error and returns its size. The message is cut to what fits, and at its first NUL.
std::size_t write_error(std::span<std::byte> room, error code, std::string_view message) noexcept;


// ========================================================================================================
// How it is done
// ========================================================================================================

constexpr std::string_view to_string(error code) noexcept {
    switch (code) {
        case error::not_defined: return "Not defined, see error message";
        case error::file_not_found: return "File not found";
        case error::access_violation: return "Access violation";
        case error::disk_full: return "Disk full or allocation exceeded";
        case error::illegal_operation: return "Illegal TFTP operation";
        case error::unknown_transfer_id: return "Unknown transfer ID";
        case error::file_already_exists: return "File already exists";
        case error::no_such_user: return "No such user";
        case error::option_refused: return "Option negotiation refused";
    }
    return "An error that no RFC knows";
}

namespace detail {

class category final : public std::error_category {
  public:
    [[nodiscard]] const char* name() const noexcept override { return "tftp"; }
    [[nodiscard]] std::string message(int code) const override {
        return std::string{to_string(static_cast<error>(code))};
    }
};

/// Reads a datagram from its front.
class reader {
  public:
    explicit reader(std::span<const std::byte> bytes) noexcept : rest_{bytes} {}
    [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }
    [[nodiscard]] std::span<const std::byte> rest() const noexcept { return rest_; }
    std::optional<std::uint16_t> number() noexcept {
        if (rest_.size() < 2) return std::nullopt;
        const auto value = std::to_integer<unsigned>(rest_[0]) << 8 | std::to_integer<unsigned>(rest_[1]);
        rest_ = rest_.subspan(2);
        return static_cast<std::uint16_t>(value);
    }
    [[nodiscard]] std::size_t trailing_nuls() const noexcept {
        const auto is_nul = [](std::byte byte) { return byte == std::byte{0}; };
        const auto last = std::find_if_not(rest_.rbegin(), rest_.rend(), is_nul);
        return static_cast<std::size_t>(last - rest_.rbegin());
    }
    /// Reads up to the next NUL. Returns nullopt if there is no NUL any more.
    std::optional<std::string_view> text() noexcept {
        if (rest_.empty()) return std::nullopt;
        const auto* const begin = reinterpret_cast<const char*>(rest_.data());
        const auto* const end = static_cast<const char*>(std::memchr(begin, 0, rest_.size()));
        if (!end) return std::nullopt;
        const std::string_view found{begin, static_cast<std::size_t>(end - begin)};
        rest_ = rest_.subspan(found.size() + 1);
        return found;
    }

  private:
    std::span<const std::byte> rest_;
};

/// Writes one; what does not fit makes it fail, for good.
class writer {
  public:
    explicit writer(std::span<std::byte> room) noexcept : room_{room} {}
    void number(unsigned value) noexcept {
        put(static_cast<std::byte>(value >> 8));
        put(static_cast<std::byte>(value));
    }
    void text(std::string_view value) noexcept {
        for (const char c : value) put(static_cast<std::byte>(c));
        put(std::byte{0});
    }
    void option(std::string_view name, std::uint64_t value) noexcept {
        std::array<char, 20> digits;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
        text(name);
        text({digits.data(), static_cast<std::size_t>(end - digits.data())});
    }
    void all(const options& what) noexcept {
        if (what.block_size) option("blksize", *what.block_size);
        if (what.window_size) option("windowsize", *what.window_size);
        if (what.timeout) option("timeout", *what.timeout);
        if (what.transfer_size) option("tsize", *what.transfer_size);
        if (what.rollover) option("rollover", *what.rollover);
    }
    [[nodiscard]] std::size_t size() const noexcept { return fits_ ? used_ : 0; }

  private:
    void put(std::byte byte) noexcept {
        if (used_ < room_.size())
            room_[used_++] = byte;
        else
            fits_ = false;
    }
    std::span<std::byte> room_;
    std::size_t used_ = 0;
    bool fits_ = true;
};

/// The words of the protocol are written in any mixture of cases (RFC 1350 §5, RFC 2347).
constexpr bool same_word(std::string_view a, std::string_view b) noexcept {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

/// A decimal number in its range, and nothing else.
inline std::optional<std::uint64_t> to_number(std::string_view text, std::uint64_t least, std::uint64_t most) noexcept {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < least || value > most)
        return std::nullopt;
    return value;
}
/// Options one behind the other, each of which may come once.
class option_reader {
  public:
    explicit option_reader(options& all) noexcept : all_{all} {}
    enum class verdict { good, bad, unknown };
    /// A bad option counts as absent from then on: see packet::has_bad_option.
    verdict read(std::string_view name, std::string_view value) noexcept {
        if (same_word(name, "blksize")) return set(all_.block_size, 1, value, min_block_size, max_block_size);
        if (same_word(name, "windowsize")) return set(all_.window_size, 2, value, 1, 65'535);
        if (same_word(name, "timeout")) return set(all_.timeout, 4, value, 1, 255);
        if (same_word(name, "tsize")) return set(all_.transfer_size, 8, value, 0, ~std::uint64_t{0});
        if (same_word(name, "rollover")) return set(all_.rollover, 16, value, 0, 1);
        return verdict::unknown;
    }

  private:
    template <class Number>
    verdict set(std::optional<Number>& option, unsigned bit, std::string_view text, std::uint64_t least,
                std::uint64_t most) noexcept {
        const bool came_before = (given_ & bit) != 0;
        given_ |= bit;
        option.reset();
        const auto value = to_number(text, least, most);
        if (came_before || !value) return verdict::bad;
        option = static_cast<Number>(*value);
        return verdict::good;
    }
    options& all_;
    unsigned given_ = 0;
};
/// Returns false for a request that ends inside an option's value or name.
inline bool read_options(reader& from, packet& into) noexcept {
    const bool is_request = into.what != opcode::option_acknowledgment;
    option_reader options{into.options};
    // Counted once: looking for padding before each option would take the square of the datagram's size.
    const std::size_t padding = from.trailing_nuls();
    while (from.rest().size() > padding) {
        const auto name = from.text();
        const auto value = name ? from.text() : std::nullopt;
        if (!value && !from.empty() && is_request) return false;
        const auto verdict = name ? options.read(*name, value.value_or("")) : option_reader::verdict::bad;
        // A server passes over an option that it does not know. A client cannot have asked for one (RFC 2347).
        if (!value || verdict == option_reader::verdict::bad ||
            (verdict == option_reader::verdict::unknown && !is_request))
            into.has_bad_option = true;
        if (!value) return true;
    }
    return true;
}

}  // namespace detail

inline const std::error_category& error_category() noexcept {
    static const detail::category only;
    return only;
}

inline bool begins_as_request(std::span<const std::byte> datagram) noexcept {
    const auto what = detail::reader{datagram}.number();
    return what == static_cast<std::uint16_t>(opcode::read_request) ||
           what == static_cast<std::uint16_t>(opcode::write_request);
}

inline std::optional<packet> parse(std::span<const std::byte> datagram) noexcept {
    detail::reader from{datagram};
    packet read;
    const auto what = from.number();
    if (!what) return std::nullopt;
    read.what = static_cast<opcode>(*what);
    switch (read.what) {
        case opcode::read_request:
        case opcode::write_request: {
            const auto name = from.text();
            const auto how = name ? from.text() : std::nullopt;
            if (!how || name->empty()) return std::nullopt;
            read.file_name = *name;
            if (detail::same_word(*how, "octet")) read.mode = mode::octet;
            if (detail::same_word(*how, "netascii")) read.mode = mode::netascii;
            if (!detail::read_options(from, read)) return std::nullopt;
            return read;
        }
        case opcode::data:
        case opcode::acknowledgment: {
            const auto block = from.number();
            if (!block) return std::nullopt;
            read.block = *block;
            if (read.what == opcode::data) read.data = from.rest();
            return read;  // some add bytes to an acknowledgment, and mean nothing by it
        }
        case opcode::error: {
            const auto code = from.number();
            if (!code) return std::nullopt;
            read.error_code = *code;
            // The message is for people; some forget its end, and it would be a pity to lose the code for that.
            const auto message = from.text();
            read.message =
                message ? *message
                        : std::string_view{reinterpret_cast<const char*>(from.rest().data()), from.rest().size()};
            return read;
        }
        case opcode::option_acknowledgment:
            if (!detail::read_options(from, read)) return std::nullopt;
            return read;
    }
    return std::nullopt;
}

inline std::size_t write_request(std::span<std::byte> room, opcode what, std::string_view file_name, mode how,
                                 const options& wished) noexcept {
    if (file_name.empty() || file_name.find('\0') != file_name.npos) return 0;
    detail::writer to{room.first(std::min(room.size(), max_request_size))};
    to.number(static_cast<unsigned>(what));
    to.text(file_name);
    to.text(to_string(how));
    to.all(wished);
    return to.size();
}
inline std::size_t write_data_header(std::span<std::byte> room, std::uint16_t block) noexcept {
    detail::writer to{room};
    to.number(static_cast<unsigned>(opcode::data));
    to.number(block);
    return to.size();
}
inline std::size_t write_acknowledgment(std::span<std::byte> room, std::uint16_t block) noexcept {
    detail::writer to{room};
    to.number(static_cast<unsigned>(opcode::acknowledgment));
    to.number(block);
    return to.size();
}
inline std::size_t write_option_acknowledgment(std::span<std::byte> room, const options& granted) noexcept {
    detail::writer to{room};
    to.number(static_cast<unsigned>(opcode::option_acknowledgment));
    to.all(granted);
    return to.size();
}
inline std::size_t write_error(std::span<std::byte> room, error code, std::string_view message) noexcept {
    detail::writer to{room};
    to.number(static_cast<unsigned>(opcode::error));
    to.number(static_cast<unsigned>(code));
    message = message.substr(
        0, std::min({message.find('\0'), message.size(), room.size() - std::min<std::size_t>(room.size(), 5)}));
    to.text(message);
    return to.size();
}

}  // namespace netnotes::tftp

template <>
struct std::is_error_code_enum<netnotes::tftp::error> : std::true_type {};

#endif  // NETNOTES_TFTP_PACKET_HPP
