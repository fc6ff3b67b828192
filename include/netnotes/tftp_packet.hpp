// netnotes/tftp_packet.hpp: the packets of TFTP
// SPDX-License-Identifier: MIT                 version 0.1.0                 copy with: ip_text.hpp ip.hpp
//
// The Trivial File Transfer Protocol (RFC 1350) moves one file over UDP: to a machine that has no more than a boot ROM,
// so it has to be small. There are six packets, and each begins with its number in two bytes, high byte first:
//
//        1 RRQ    | 0 1 | file name | 0 | mode | 0 | option | 0 | value | 0 | ...   "send me that file"
//        2 WRQ    | 0 2 | the same                                                  "take this file"
//        3 DATA   | 0 3 | block number |  0 to 512 bytes of the file                the first block is number 1
//        4 ACK    | 0 4 | block number |                                            "I have it, and all before it"
//        5 ERROR  | 0 5 | code | text | 0 |                                         and that was the end
//        6 OACK   | 0 6 | option | 0 | value | 0 | ...                              "of your options, these" (RFC 2347)
//
// A block that is shorter than the others is the last one. So a file of exactly 1,024 bytes takes three blocks, and
// the third is empty: without it the receiver could not know that there is no more. The number is there to tell a new
// block from a copy of the old one. It has 16 bits, and after 65,535 it begins again, although RFC 1350 has no word
// on that.
//
// In netascii (RFC 764) a text's line ends in CR LF on the wire, whatever ends it in the file, and a CR that is no
// line's end is followed by NUL. A pair may be cut by the border of two blocks, so whoever converts has to remember.
//
// Everything here is values and bytes: no socket, no clock. Whoever reads a packet reads what a stranger wrote, so
// reading never leaves the datagram, and gives views into it instead of copies.
//
// On this page:  opcode · errc · mode · options · reading a packet · writing one · describe · netascii · uri
// The notes:     TFTP协议分析, TFTP下载器 (the protocol, the downloader); example 14

#ifndef NETNOTES_TFTP_PACKET_HPP
#define NETNOTES_TFTP_PACKET_HPP

#if defined(NETNOTES_VERSION) && NETNOTES_VERSION != 100
#error "netnotes headers of two versions meet here: take all of them from one release"
#endif
#define NETNOTES_VERSION 100  // major * 10000 + minor * 100 + patch

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "ip.hpp"

namespace netnotes::tftp {

// ---- Numbers -------------------------------------------------------------------------------------------

/// The port to which a request goes. Everything after it goes to another, which the answer tells (RFC 1350 §4).
inline constexpr std::uint16_t default_port = 69;

enum class opcode : std::uint16_t {
    read_request = 1,            ///< RRQ
    write_request = 2,           ///< WRQ
    data = 3,                    ///< DATA
    acknowledgement = 4,         ///< ACK
    error = 5,                   ///< ERROR
    option_acknowledgement = 6,  ///< OACK (RFC 2347)
};

/// The codes of an ERROR packet (RFC 1350, appendix; RFC 2347). As std::error_code they have RFC 1350's words, and
/// they are comparable with those of the system: `error == std::errc::no_such_file_or_directory`.
enum class errc : std::uint16_t {
    not_defined = 0,  ///< the packet's text says what it is
    file_not_found = 1,
    access_violation = 2,
    disk_full = 3,  ///< or more than one is allowed to write
    illegal_operation = 4,
    unknown_transfer_id = 5,  ///< from a port that has no part in this transfer
    file_exists = 6,
    no_such_user = 7,    ///< of `mail`, which nobody has any more
    option_refused = 8,  ///< the end of a negotiation (RFC 2347)
};

/// Of errc. A code of 0 is an error too, and std::error_code takes every 0 for none: so `value()` is the packet's
/// number + 1.
[[nodiscard]] const std::error_category& category() noexcept;
[[nodiscard]] inline std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code) + 1, category()};
}
/// The code by which a peer is told of an error of ours: of our category itself, else its nearest relative (ENOSPC is
/// disk_full, EACCES access_violation), else not_defined.
[[nodiscard]] errc to_errc(const std::error_code& error) noexcept;

/// How the bytes of a file become those of the blocks.
enum class mode : std::uint8_t {
    octet,     ///< as they are
    netascii,  ///< as a text, with CR LF between its lines
};
[[nodiscard]] constexpr std::string_view to_string(mode which) noexcept {
    return which == mode::octet ? "octet" : "netascii";
}

// ---- Options -------------------------------------------------------------------------------------------

inline constexpr std::uint16_t default_block_size = 512;    ///< RFC 1350 §5
inline constexpr std::uint16_t least_block_size = 8;        ///< RFC 2348
inline constexpr std::uint16_t largest_block_size = 65464;  ///< RFC 2348
inline constexpr std::size_t header_size = 4;               ///< in front of a DATA packet's bytes
inline constexpr std::size_t largest_request = 512;         ///< RFC 2347, of a RRQ or WRQ with its options

/// What client and server may agree on, in a request, or in the OACK that answers it. What is not there was not asked
/// for, or not granted.
struct options {
    std::optional<std::uint16_t> block_size;   ///< blksize: 8 to 65,464 bytes (RFC 2348)
    std::optional<std::uint16_t> timeout;      ///< timeout: 1 to 255 seconds (RFC 2349)
    std::optional<std::uint64_t> file_size;    ///< tsize: bytes; 0 in a read request asks for it (RFC 2349)
    std::optional<std::uint16_t> window_size;  ///< windowsize: blocks to an ACK, 1 to 65,535 (RFC 7440)
    std::optional<std::uint16_t> rollover;     ///< rollover: the number after 65,535, 0 or 1; no RFC, but tftpd-hpa

    [[nodiscard]] constexpr bool is_empty() const noexcept {
        return !block_size && !timeout && !file_size && !window_size && !rollover;
    }
    friend constexpr bool operator==(const options&, const options&) noexcept = default;
};

// ---- Reading -------------------------------------------------------------------------------------------
//
// Each of these takes a whole datagram, of any content, and gives nothing when it is not such a packet. Texts and
// bytes are views into the datagram. None allocates or throws.

/// A RRQ or WRQ.
struct request {
    opcode operation = opcode::read_request;  ///< or write_request
    std::string_view name;                    ///< of the file: any bytes but NUL, at least one. Not a path to be trusted
    tftp::mode mode = mode::octet;
    /// Those that are known and have a sensible value; the first, of an option that comes twice (RFC 2347 allows none).
    /// A size above its range stands for the largest, since the answer may be less.
    tftp::options options;
};

/// Why a request cannot be served, and what to answer.
struct refusal {
    errc code = errc::illegal_operation;
    std::string_view text;
};

struct data {
    std::uint16_t block = 0;
    std::span<const std::byte> payload;
};

struct error_packet {
    std::uint16_t code = 0;  ///< as it came: it may be above those of errc
    std::string_view text;   ///< as it came: it may hold control characters. See shown()
};

struct option_acknowledgement {
    tftp::options options;
    /// False when an option is unknown, comes twice or is out of its range. Such an OACK is answered by ERROR 8.
    bool is_valid = true;
};

/// None for fewer than two bytes, and for a number that is no opcode.
[[nodiscard]] std::optional<opcode> opcode_of(std::span<const std::byte> datagram) noexcept;
/// For what is not a request, `why` has no text: that should not be answered.
[[nodiscard]] std::optional<request> parse_request(std::span<const std::byte> datagram, refusal& why) noexcept;
[[nodiscard]] std::optional<request> parse_request(std::span<const std::byte> datagram) noexcept;
[[nodiscard]] std::optional<data> parse_data(std::span<const std::byte> datagram) noexcept;
/// The block's number. Bytes behind it do not matter.
[[nodiscard]] std::optional<std::uint16_t> parse_acknowledgement(std::span<const std::byte> datagram) noexcept;
/// A text without its NUL, or none at all, is taken too: the code is what matters.
[[nodiscard]] std::optional<error_packet> parse_error_packet(std::span<const std::byte> datagram) noexcept;
/// None when it is cut off. One without any option is whole: nothing was granted.
[[nodiscard]] std::optional<option_acknowledgement> parse_option_acknowledgement(
    std::span<const std::byte> datagram) noexcept;

/// A stranger's text made fit for a terminal or a log: control characters as '?', and no more than `most` bytes.
[[nodiscard]] std::string shown(std::string_view text, std::size_t most = 128);
/// A packet in a line, for diaries and logs: `RRQ "kernel.img" octet blksize=1428`, `DATA 7, 512 bytes`, `ACK 7`,
/// `ERROR 1 "File not found"`, `malformed, 3 bytes`.
[[nodiscard]] std::string describe(std::span<const std::byte> datagram);

// ---- Writing -------------------------------------------------------------------------------------------
//
// Each of these writes a packet to the beginning of `out` and gives its size; 0 when there is not enough room.

/// 0 too when the name is empty or holds a NUL. Whoever keeps to RFC 2347 gives it largest_request bytes.
[[nodiscard]] std::size_t write_request(std::span<std::byte> out, const request& what) noexcept;
/// The four bytes in front of the payload.
std::size_t write_data_header(std::span<std::byte> out, std::uint16_t block) noexcept;
[[nodiscard]] std::size_t write_acknowledgement(std::span<std::byte> out, std::uint16_t block) noexcept;
/// Of a text that is too long, or holds a NUL, the beginning. An empty one becomes RFC 1350's words for the code.
[[nodiscard]] std::size_t write_error(std::span<std::byte> out, errc code, std::string_view text = {}) noexcept;
[[nodiscard]] std::size_t write_option_acknowledgement(std::span<std::byte> out, const options& granted) noexcept;

// ---- Netascii ------------------------------------------------------------------------------------------

/// From a file, in which LF ends a line, to the wire: LF becomes CR LF, and CR becomes CR NUL. It goes on where it was
/// stopped, so both texts may be cut anywhere.
class netascii_encoder {
  public:
    struct progress {
        std::size_t read, written;
    };
    /// Until all of `file` has been read, or `wire` is full.
    progress encode(std::span<const std::byte> file, std::span<std::byte> wire) noexcept;
    /// The second byte of a pair is still to be written, though `file` has been read: give it room once more.
    [[nodiscard]] bool is_pending() const noexcept { return is_pending_; }

  private:
    bool is_pending_ = false;
    std::byte second_{};
};

/// And back. A CR with something else behind it, which no proper sender writes, stays as it is.
class netascii_decoder {
  public:
    using progress = netascii_encoder::progress;
    /// Until all of `wire` has been read, or `file` is full. One byte more than in `wire` is always enough room.
    progress decode(std::span<const std::byte> wire, std::span<std::byte> file) noexcept;
    /// At the end: true when a CR was the last byte, and nothing came behind it. It belongs to the file.
    [[nodiscard]] bool is_pending() const noexcept { return is_pending_; }

  private:
    bool is_pending_ = false;
};

// ---- URIs ----------------------------------------------------------------------------------------------

/// The name of a file on a server (RFC 3617): `tftp://example.org/dir/file;mode=netascii`. Beyond the RFC it may
/// have a port (`tftp://[2001:db8::1]:6969/file`), and options of the transfer, each behind a ';', '?' or '&':
/// `tftp://192.0.2.1/kernel.img?blksize=1428&windowsize=16`. A ';', '?', '&', '#' or '%' of the file's name itself is
/// written as %3B, %3F, %26, %23, %25.
struct uri {
    std::string host;  ///< a name or an address, an IPv6 address without its brackets
    std::uint16_t port = default_port;
    std::string file;  ///< decoded. A leading slash is part of it only if there are two
    tftp::mode mode = mode::octet;
    tftp::options options;  ///< blksize, windowsize, timeout

    /// Throws parse_error, which says what is wrong and where.
    [[nodiscard]] static uri parse(std::string_view text);
    [[nodiscard]] static std::optional<uri> parse(std::string_view text, parse_failure& why);
    /// Such that parse() gives the same again.
    [[nodiscard]] std::string to_string() const;
    friend bool operator==(const uri&, const uri&) = default;
};

}  // namespace netnotes::tftp

template <>
struct std::is_error_code_enum<netnotes::tftp::errc> : std::true_type {};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace netnotes::detail {

inline std::uint16_t load_16(const std::byte* at) noexcept {
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(at[0]) << 8 | std::to_integer<unsigned>(at[1]));
}
inline void store_16(std::byte* at, std::uint16_t value) noexcept {
    at[0] = static_cast<std::byte>(value >> 8);
    at[1] = static_cast<std::byte>(value & 0xff);
}

/// The letters of ASCII count as equal in both cases, and no others, whatever the locale says.
constexpr bool equal_in_any_case(std::string_view a, std::string_view lower) noexcept {
    return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) {
        return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + ('a' - 'A')) : x) == y;
    });
}

/// Digits and nothing else. Above 2^64 - 1, that.
inline std::optional<std::uint64_t> read_digits(std::string_view text) noexcept {
    std::uint64_t value = 0;
    if (text.empty() || text.front() == '-') return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end != text.data() + text.size()) return std::nullopt;
    return error == std::errc::result_out_of_range ? UINT64_MAX : value;
}

/// The texts of a packet, each with a NUL behind it.
class text_reader {
  public:
    explicit text_reader(std::span<const std::byte> bytes) noexcept
        : rest_{reinterpret_cast<const char*>(bytes.data()), bytes.size()} {}
    [[nodiscard]] bool is_at_end() const noexcept { return rest_.empty(); }
    /// False when there is no NUL any more.
    [[nodiscard]] bool next(std::string_view& text) noexcept {
        const std::size_t end = rest_.find('\0');
        if (end == rest_.npos) return false;
        text = rest_.substr(0, end);
        rest_.remove_prefix(end + 1);
        return true;
    }

  private:
    std::string_view rest_;
};

class text_writer {
  public:
    explicit text_writer(std::span<std::byte> out) noexcept : out_{out} {}
    void number(std::uint16_t value) noexcept {
        if (const auto place = room(2); place.data()) store_16(place.data(), value);
    }
    void text(std::string_view value) noexcept {
        const auto place = room(value.size() + 1);
        if (!place.data()) return;
        std::copy_n(reinterpret_cast<const std::byte*>(value.data()), value.size(), place.data());
        place.back() = std::byte{0};
    }
    void option(std::string_view name, std::uint64_t value) noexcept {
        char digits[20];
        text(name);
        text({digits, static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, value).ptr - digits)});
    }
    void options(const tftp::options& all) noexcept {
        if (all.block_size) option("blksize", *all.block_size);
        if (all.timeout) option("timeout", *all.timeout);
        if (all.file_size) option("tsize", *all.file_size);
        if (all.window_size) option("windowsize", *all.window_size);
        if (all.rollover) option("rollover", *all.rollover);
    }
    /// 0 when something did not fit.
    [[nodiscard]] std::size_t size() const noexcept { return is_full_ ? 0 : used_; }

  private:
    std::span<std::byte> room(std::size_t size) noexcept {
        if (is_full_ || size > out_.size() - used_) {
            is_full_ = true;
            return {};
        }
        used_ += size;
        return out_.subspan(used_ - size, size);
    }
    std::span<std::byte> out_;
    std::size_t used_ = 0;
    bool is_full_ = false;
};

enum class tftp_option_reading {
    understood,
    unknown,
    out_of_range,
    repeated,
};
/// `clamp`: a size above its range becomes the largest. That is for requests, whose answer may be less.
inline tftp_option_reading read_tftp_option(tftp::options& all, std::string_view name, std::string_view value,
                                            bool clamp) noexcept {
    using enum tftp_option_reading;
    const auto take = [&](auto& option, std::uint64_t least, std::uint64_t most, bool may_clamp) {
        if (option) return repeated;
        const auto number = read_digits(value);
        if (!number || *number < least || (*number > most && !may_clamp)) return out_of_range;
        option = static_cast<typename std::remove_reference_t<decltype(option)>::value_type>(std::min(*number, most));
        return understood;
    };
    if (equal_in_any_case(name, "blksize"))
        return take(all.block_size, tftp::least_block_size, tftp::largest_block_size, clamp);
    if (equal_in_any_case(name, "timeout")) return take(all.timeout, 1, 255, false);
    if (equal_in_any_case(name, "tsize")) return take(all.file_size, 0, UINT64_MAX, true);
    if (equal_in_any_case(name, "windowsize")) return take(all.window_size, 1, 65535, clamp);
    if (equal_in_any_case(name, "rollover")) return take(all.rollover, 0, 1, false);
    return unknown;
}

}  // namespace netnotes::detail

namespace netnotes::tftp {

inline const std::error_category& category() noexcept {
    static const struct final_category final : std::error_category {
        [[nodiscard]] const char* name() const noexcept override { return "tftp"; }
        [[nodiscard]] std::string message(int value) const override {
            static constexpr const char* words[] = {"Error that has no number of its own",
                                                    "File not found",
                                                    "Access violation",
                                                    "Disk full or allocation exceeded",
                                                    "Illegal TFTP operation",
                                                    "Unknown transfer ID",
                                                    "File already exists",
                                                    "No such user",
                                                    "Terminate transfer due to option negotiation"};
            return value >= 1 && value <= 9 ? words[value - 1] : "Unknown TFTP error";
        }
        [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
            switch (static_cast<errc>(value - 1)) {
                case errc::file_not_found: return std::errc::no_such_file_or_directory;
                case errc::access_violation: return std::errc::permission_denied;
                case errc::disk_full: return std::errc::no_space_on_device;
                case errc::illegal_operation: return std::errc::protocol_error;
                case errc::file_exists: return std::errc::file_exists;
                default: return {value, *this};
            }
        }
    } category;
    return category;
}

inline errc to_errc(const std::error_code& error) noexcept {
    if (error.category() == category())
        return error.value() >= 1 && error.value() <= 9 ? static_cast<errc>(error.value() - 1) : errc::not_defined;
    const auto is_one_of = [&](auto... conditions) { return ((error == conditions) || ...); };
    if (is_one_of(std::errc::no_such_file_or_directory, std::errc::not_a_directory)) return errc::file_not_found;
    if (is_one_of(std::errc::permission_denied, std::errc::operation_not_permitted, std::errc::read_only_file_system,
                  std::errc::is_a_directory, std::errc::too_many_symbolic_link_levels))
        return errc::access_violation;
    if (is_one_of(std::errc::no_space_on_device, std::errc::file_too_large) ||
        error == std::error_code{EDQUOT, std::system_category()} ||
        error == std::error_code{EDQUOT, std::generic_category()})
        return errc::disk_full;
    if (error == std::errc::file_exists) return errc::file_exists;
    return errc::not_defined;
}

// ---- reading

inline std::optional<opcode> opcode_of(std::span<const std::byte> datagram) noexcept {
    if (datagram.size() < 2) return std::nullopt;
    const std::uint16_t number = detail::load_16(datagram.data());
    if (number < 1 || number > 6) return std::nullopt;
    return static_cast<opcode>(number);
}

inline std::optional<request> parse_request(std::span<const std::byte> datagram, refusal& why) noexcept {
    const auto refused = [&](std::string_view text) {
        why = {errc::illegal_operation, text};
        return std::nullopt;
    };
    const auto operation = opcode_of(datagram);
    if (operation != opcode::read_request && operation != opcode::write_request) return refused({});
    request read{.operation = *operation, .name = {}, .mode = {}, .options = {}};
    detail::text_reader texts{datagram.subspan(2)};
    std::string_view mode_name;
    if (!texts.next(read.name) || !texts.next(mode_name)) return refused("The request is cut off");
    if (read.name.empty()) return refused("The file has no name");
    if (detail::equal_in_any_case(mode_name, "netascii")) {
        read.mode = mode::netascii;
    } else if (detail::equal_in_any_case(mode_name, "mail")) {
        return refused("Mail is not taken");  // RFC 1350 §5: it should not be implemented
    } else if (!detail::equal_in_any_case(mode_name, "octet")) {
        return refused("The mode is neither octet nor netascii");
    }
    while (!texts.is_at_end()) {
        std::string_view name, value;
        if (!texts.next(name)) return refused("The request is cut off");
        if (name.empty()) break;  // some boot ROMs fill up with NUL
        if (!texts.next(value)) return refused("The request is cut off");
        detail::read_tftp_option(read.options, name, value, true);  // what is not understood is as if not asked for
    }
    return read;
}
inline std::optional<request> parse_request(std::span<const std::byte> datagram) noexcept {
    refusal why;
    return parse_request(datagram, why);
}

inline std::optional<data> parse_data(std::span<const std::byte> datagram) noexcept {
    if (datagram.size() < header_size || opcode_of(datagram) != opcode::data) return std::nullopt;
    return data{detail::load_16(datagram.data() + 2), datagram.subspan(header_size)};
}

inline std::optional<std::uint16_t> parse_acknowledgement(std::span<const std::byte> datagram) noexcept {
    if (datagram.size() < 4 || opcode_of(datagram) != opcode::acknowledgement) return std::nullopt;
    return detail::load_16(datagram.data() + 2);
}

inline std::optional<error_packet> parse_error_packet(std::span<const std::byte> datagram) noexcept {
    if (datagram.size() < 4 || opcode_of(datagram) != opcode::error) return std::nullopt;
    const std::string_view rest{reinterpret_cast<const char*>(datagram.data()) + 4, datagram.size() - 4};
    return error_packet{detail::load_16(datagram.data() + 2), rest.substr(0, rest.find('\0'))};
}

inline std::optional<option_acknowledgement> parse_option_acknowledgement(
    std::span<const std::byte> datagram) noexcept {
    if (opcode_of(datagram) != opcode::option_acknowledgement) return std::nullopt;
    option_acknowledgement read;
    for (detail::text_reader texts{datagram.subspan(2)}; !texts.is_at_end();) {
        std::string_view name, value;
        if (!texts.next(name)) return std::nullopt;
        if (name.empty()) break;
        if (!texts.next(value)) return std::nullopt;
        if (detail::read_tftp_option(read.options, name, value, false) != detail::tftp_option_reading::understood)
            read.is_valid = false;
    }
    return read;
}

inline std::string shown(std::string_view text, std::size_t most) {
    std::string safe{text.substr(0, most)};
    for (char& c : safe)
        if ((c >= 0 && c < ' ') || c == '\x7f') c = '?';  // and a text in UTF-8 stays one
    return safe;
}

inline std::string describe(std::span<const std::byte> datagram) {
    const auto with_options = [](std::string text, const options& all) {
        const auto add = [&](const char* name, const auto& value) {
            if (value) text += netnotes::detail::joined(' ', name, '=', std::to_string(*value));
        };
        add("blksize", all.block_size);
        add("timeout", all.timeout);
        add("tsize", all.file_size);
        add("windowsize", all.window_size);
        add("rollover", all.rollover);
        return text;
    };
    const auto quoted = [](std::string_view text) { return netnotes::detail::joined('"', shown(text, 64), '"'); };
    if (const auto read = parse_request(datagram))
        return with_options(netnotes::detail::joined(read->operation == opcode::read_request ? "RRQ " : "WRQ ",
                                                     quoted(read->name), ' ', to_string(read->mode)),
                            read->options);
    if (const auto read = parse_data(datagram))
        return netnotes::detail::joined("DATA ", std::to_string(read->block), ", ",
                                        std::to_string(read->payload.size()), " bytes");
    if (const auto block = parse_acknowledgement(datagram))
        return netnotes::detail::joined("ACK ", std::to_string(*block));
    if (const auto read = parse_error_packet(datagram))
        return netnotes::detail::joined("ERROR ", std::to_string(read->code), ' ', quoted(read->text));
    if (const auto read = parse_option_acknowledgement(datagram)) return with_options("OACK", read->options);
    return netnotes::detail::joined("malformed, ", std::to_string(datagram.size()), " bytes");
}

// ---- writing

inline std::size_t write_request(std::span<std::byte> out, const request& what) noexcept {
    if (what.name.empty() || what.name.find('\0') != what.name.npos) return 0;
    detail::text_writer writer{out};
    writer.number(static_cast<std::uint16_t>(what.operation));
    writer.text(what.name);
    writer.text(to_string(what.mode));
    writer.options(what.options);
    return writer.size();
}

inline std::size_t write_data_header(std::span<std::byte> out, std::uint16_t block) noexcept {
    if (out.size() < header_size) return 0;
    detail::store_16(out.data(), static_cast<std::uint16_t>(opcode::data));
    detail::store_16(out.data() + 2, block);
    return header_size;
}

inline std::size_t write_acknowledgement(std::span<std::byte> out, std::uint16_t block) noexcept {
    if (out.size() < 4) return 0;
    detail::store_16(out.data(), static_cast<std::uint16_t>(opcode::acknowledgement));
    detail::store_16(out.data() + 2, block);
    return 4;
}

inline std::size_t write_error(std::span<std::byte> out, errc code, std::string_view text) noexcept {
    static constexpr std::string_view words[] = {"Error",
                                                 "File not found",
                                                 "Access violation",
                                                 "Disk full or allocation exceeded",
                                                 "Illegal TFTP operation",
                                                 "Unknown transfer ID",
                                                 "File already exists",
                                                 "No such user",
                                                 "Terminate transfer due to option negotiation"};
    if (out.size() < 5) return 0;
    if (text.empty()) text = words[std::min<std::size_t>(static_cast<std::size_t>(code), std::size(words) - 1)];
    text = text.substr(0, std::min(text.find('\0'), out.size() - 5));
    detail::text_writer writer{out};
    writer.number(static_cast<std::uint16_t>(opcode::error));
    writer.number(static_cast<std::uint16_t>(code));
    writer.text(text);
    return writer.size();
}

inline std::size_t write_option_acknowledgement(std::span<std::byte> out, const options& granted) noexcept {
    detail::text_writer writer{out};
    writer.number(static_cast<std::uint16_t>(opcode::option_acknowledgement));
    writer.options(granted);
    return writer.size();
}

// ---- netascii

inline netascii_encoder::progress netascii_encoder::encode(std::span<const std::byte> file,
                                                           std::span<std::byte> wire) noexcept {
    std::size_t read = 0, written = 0;
    while (written < wire.size()) {
        if (is_pending_) {
            wire[written++] = second_;
            is_pending_ = false;
            continue;
        }
        if (read == file.size()) break;
        const std::byte next = file[read++];
        is_pending_ = next == std::byte{'\n'} || next == std::byte{'\r'};
        second_ = next == std::byte{'\n'} ? next : std::byte{0};
        wire[written++] = is_pending_ ? std::byte{'\r'} : next;
    }
    return {read, written};
}

inline netascii_decoder::progress netascii_decoder::decode(std::span<const std::byte> wire,
                                                           std::span<std::byte> file) noexcept {
    std::size_t read = 0, written = 0;
    while (read < wire.size()) {
        const std::byte next = wire[read];
        if (!is_pending_ && next == std::byte{'\r'}) {
            is_pending_ = true;
            ++read;
            continue;
        }
        if (written == file.size()) break;
        if (!is_pending_) {
            file[written++] = next;
            ++read;
            continue;
        }
        is_pending_ = false;
        const bool is_pair = next == std::byte{'\n'} || next == std::byte{0};
        file[written++] = next == std::byte{'\n'} ? next : std::byte{'\r'};
        if (is_pair) ++read;
    }
    return {read, written};
}

// ---- URIs

inline std::optional<uri> uri::parse(std::string_view text, parse_failure& why) {
    const auto refused = [&](std::string_view pattern, std::size_t position, std::uint32_t value = 0) {
        why = parse_failure{pattern, position, 0, value};
        return std::nullopt;
    };
    constexpr std::string_view scheme = "tftp://";
    if (!netnotes::detail::equal_in_any_case(text.substr(0, scheme.size()), scheme))
        return refused("it does not begin with tftp://", 0);
    uri read;

    // host [":" port] "/"
    const std::size_t slash = text.find('/', scheme.size());
    if (slash == text.npos) return refused("'/' and a file are missing", text.size());
    std::size_t at = scheme.size();
    if (text[at] == '[') {
        const std::size_t bracket = text.substr(0, slash).find(']', at);
        if (bracket == text.npos) return refused("']' is missing", slash);
        read.host = text.substr(at + 1, bracket - at - 1);
        if (const std::size_t zone = read.host.find("%25"); zone != read.host.npos)
            read.host.erase(zone + 1, 2);  // RFC 6874: the '%' of a zone is written as in any other part of a URI
        if (!ipv6_address::parse(read.host, why)) return why.shift(static_cast<std::ptrdiff_t>(at + 1)), std::nullopt;
        at = bracket + 1;
    } else {
        const std::size_t end = std::min(slash, text.find(':', at));
        read.host = text.substr(at, end - at);
        for (std::size_t i = at; i < end; ++i) {
            const char c = text[i];
            const bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                                 c == '.' || c == '-' || c == '_';
            if (!is_fine) return refused("@ in the name of a host", i, static_cast<unsigned char>(c));
        }
        at = end;
    }
    if (read.host.empty()) return refused("the host is missing", at);
    if (at != slash) {
        if (text[at] != ':') return refused("neither ':' nor '/' after the host", at);
        const auto port = netnotes::detail::read_digits(text.substr(at + 1, slash - at - 1));
        if (!port || *port < 1 || *port > 65535) return refused("the port is not from 1 to 65535", at + 1);
        read.port = static_cast<std::uint16_t>(*port);
    }

    // file
    const auto digit = [](char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
    };
    const std::size_t end = std::min(text.find_first_of(";?&", slash), text.size());
    for (at = slash + 1; at < end; ++at) {
        char c = text[at];
        if (c == '#') return refused("'#': a file on a TFTP server has no parts", at);
        if (c == '%') {
            const int high = at + 2 < end ? digit(text[at + 1]) : -1, low = at + 2 < end ? digit(text[at + 2]) : -1;
            if (high < 0 || low < 0) return refused("'%' without two hexadecimal digits", at);
            c = static_cast<char>(high << 4 | low);
            at += 2;
        }
        if (c == '\0') return refused("NUL in the name of a file", at);
        read.file += c;
    }
    if (read.file.empty()) return refused("the file is missing", slash + 1);

    // parameters
    bool has_mode = false;
    for (at = end; at < text.size();) {
        const std::size_t begin = at + 1, next = std::min(text.find_first_of(";?&", begin), text.size());
        const std::string_view part = text.substr(begin, next - begin);
        const std::size_t equals = std::min(part.find('='), part.size());
        const std::string_view name = part.substr(0, equals), value = part.substr(std::min(equals + 1, part.size()));
        if (netnotes::detail::equal_in_any_case(name, "mode")) {
            const bool is_netascii = netnotes::detail::equal_in_any_case(value, "netascii");
            if (has_mode || (!is_netascii && !netnotes::detail::equal_in_any_case(value, "octet")))
                return refused("a mode that is neither octet nor netascii, or a second one", begin);
            has_mode = true;
            read.mode = is_netascii ? mode::netascii : mode::octet;
        } else {
            using enum netnotes::detail::tftp_option_reading;
            const auto understood = netnotes::detail::read_tftp_option(read.options, name, value, false);
            if (understood == unknown || read.options.file_size || read.options.rollover)
                return refused("none of mode, blksize, windowsize, timeout", begin);
            if (understood == repeated) return refused("an option for the second time", begin);
            if (understood == out_of_range)
                return refused("not a number in the option's range", begin + std::min(equals + 1, part.size()));
        }
        at = next;
    }
    return read;
}
inline uri uri::parse(std::string_view text) {
    parse_failure why;
    auto read = parse(text, why);
    if (!read) throw parse_error{"TFTP URI", text, why};
    return *std::move(read);
}

inline std::string uri::to_string() const {
    std::string text = "tftp://";
    if (host.find(':') != host.npos) {
        const std::size_t zone = std::min(host.find('%'), host.size());
        text += netnotes::detail::joined('[', host.substr(0, zone), zone < host.size() ? "%25" : "",
                                         host.substr(std::min(zone + 1, host.size())), ']');
    } else {
        text += host;
    }
    if (port != default_port) text += netnotes::detail::joined(':', std::to_string(port));
    text += '/';
    for (const char c : file) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= ' ' || byte >= 0x7f || std::string_view{"\"#%&;<>?[\\]^`{|}"}.find(c) != std::string_view::npos) {
            constexpr std::string_view digits = "0123456789ABCDEF";
            text += {'%', digits[byte >> 4], digits[byte & 0xf]};
        } else {
            text += c;
        }
    }
    if (mode == mode::netascii) text += ";mode=netascii";
    char separator = '?';
    const auto add = [&](const char* name, const auto& value) {
        if (value) text += netnotes::detail::joined(separator, name, '=', std::to_string(*value));
        if (value) separator = '&';
    };
    add("blksize", options.block_size);
    add("windowsize", options.window_size);
    add("timeout", options.timeout);
    return text;
}

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_PACKET_HPP
