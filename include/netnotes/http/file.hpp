// netnotes/http/file.hpp: a folder of files for the web, which no path leaves
// SPDX-License-Identifier: MIT
//
// A server of files turns the path of a request into the name of a file. Each year some server does it wrongly, and a
// stranger reads /etc/passwd with GET /../../etc/passwd. The order of the steps decides:
//
//        /docs/a%20b.html ── split at '/' ──> docs, a%20b.html ── decode once ──> docs, a b.html ── open below the root
//                              first                                then               openat2(2), RESOLVE_BENEATH
//
//        /..%2f..%2fetc/passwd     decoded first, it would be split into "..", "..", "etc", "passwd".
//                                  Here it is one piece with a '/' in it, which no file name has: 404
//        /%252e%252e/x             decoded twice, it would be "..". Decoded once, it is "%2e%2e": no such file
//        /notes.txt%00.png         a C function would stop at the NUL and send notes.txt as a picture: 404
//        /link/passwd              a symbolic link that leads out of the folder: the kernel refuses to follow it
//
// A check of the text cannot see a symbolic link, and a link may appear between a check and open(2). So the kernel
// checks, while it opens the file (openat2(2), Linux 5.6). On an older kernel each piece of the path is opened below
// the piece before, and no link is followed at all.
//
//     http::files pictures{"/srv/pictures"};                              // in a handler of http::serve():
//     co_return pictures.answer(ask);                                     // 200, 206, 304, 404, 405, 412, 416 or 301
//
// A browser that has the file already asks whether it has changed, and a download that was cut asks for its rest:
//
//        GET /cat.png                          200, ETag: "65f1c2a0.1b2-2400"        the whole file
//        If-None-Match: "65f1c2a0.1b2-2400"    304                                   no bytes: the copy is still good
//        Range: bytes=1000-                    206, Content-Range: bytes 1000-9215/9216
//        If-Range: "another"                   200                                   it has changed: the whole file
//
// decide_file() makes this decision without a file and without a socket, so its tests need neither.
//
// On this page:  split_path · byte_range, parse_range · file_facts, file_decision, decide_file · files
// Below it:      http/message.hpp
// Above it:      http/server.hpp, which sends the answers
// Sources:       RFC 9110 §13 (conditions), §14 (ranges), §8.8 (validators); openat2(2); RFC 3986 §2.1, §3.3

#ifndef NETNOTES_HTTP_FILE_HPP
#define NETNOTES_HTTP_FILE_HPP

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../coro/task.hpp"
#include "date.hpp"
#include "media.hpp"
#include "message.hpp"
#include "status.hpp"
#include "syntax.hpp"
#include "target.hpp"

namespace netnotes::http {

static_assert(sizeof(off_t) >= 8, "files of 2 GiB and more need a 64-bit off_t: compile with -D_FILE_OFFSET_BITS=64");

// ---- The name of a file --------------------------------------------------------------------------------

/// Turns the path of a target, for example `/docs/a%20b.html`, into a relative path: `docs/a b.html`. It is split at
/// '/', then each piece is decoded once. A '/' at the end stays, because it asks for a folder. The path `/` becomes "".
///
/// Returns nullopt if no file below the root can have this name. A piece must not be empty, must not hold a '/' or a
/// NUL, and must not begin with a dot; "." and ".." do. Files with a dot in front are hidden: `.git` or `.env` should
/// not be on the web, and a server that sends them by accident does so silently. It also returns nullopt for a path
/// without a '/' in front, for a '%' without two hexadecimal digits, and for more than `max_size` bytes.
[[nodiscard]] std::optional<std::string> split_path(std::string_view path, std::size_t max_size = 4095);

// ---- What is sent of a file ----------------------------------------------------------------------------

/// A part of a file: the bytes from `first` to `first + count - 1`.
struct byte_range {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    friend constexpr bool operator==(const byte_range&, const byte_range&) noexcept = default;
};
/// Says what a Range field asks for.
enum class range_kind : std::uint8_t {
    whole,          ///< everything: no range, several ranges, another unit, or a text that is not valid
    part,           ///< one part
    unsatisfiable,  ///< a part behind the end of the file: 416
};
/// Reads the value of a Range field, for a file of `size` bytes, and returns what it asks for. Sets `range` if it is
/// one part. `bytes=5-` means everything from byte 5, and `bytes=-5` the last 5 bytes. An end behind the end of the
/// file is cut, and a suffix longer than the file is the whole file.
///
/// Several ranges are answered with the whole file, which RFC 9110 §14.2 allows. Otherwise a request for a thousand
/// ranges that overlap would get a thousand copies (CVE-2011-3192).
[[nodiscard]] range_kind parse_range(std::string_view value, std::uint64_t size, byte_range& range) noexcept;

/// The facts of a file that a decision needs.
struct file_facts {
    std::uint64_t size = 0;
    time_point modified{};          ///< the time of the last change
    std::uint32_t nanoseconds = 0;  ///< the fraction of that second
};
/// Returns the file's entity tag, with its quotation marks: the time of the last change and the size. Two versions have
/// the same tag only if they have the same size and were written in the same tick of the file system's clock.
[[nodiscard]] std::string entity_tag(const file_facts& file);

/// The fields of a request that decide what is sent. An absent field is empty.
struct file_conditions {
    std::string_view if_match{}, if_unmodified_since{}, if_none_match{}, if_modified_since{}, range{}, if_range{};
};
/// Says what is sent of a file.
struct file_decision {
    int status = 200;    ///< 200, 206 for a part, 304 not modified, 412 precondition failed, 416 no such part
    byte_range bytes{};  ///< what is sent, for 200 and 206
};
/// Returns what is sent. The order is that of RFC 9110 §13.2.2: If-Match, or else If-Unmodified-Since. Then
/// If-None-Match, or else If-Modified-Since. Then Range, if If-Range allows it. `what` is GET or HEAD. A HEAD request
/// has no ranges (RFC 9110 §14.2). A date that is not valid counts as absent.
[[nodiscard]] file_decision decide_file(method what, const file_conditions& asked, const file_facts& file);

// ---- The folder ----------------------------------------------------------------------------------------

/// Owns a file that is open for reading, and knows its facts. It can be moved, not copied.
class opened_file {
  public:
    opened_file() noexcept = default;
    opened_file(opened_file&& other) noexcept
        : facts{other.facts}, is_folder{other.is_folder}, descriptor_{std::exchange(other.descriptor_, -1)} {}
    opened_file& operator=(opened_file&& other) noexcept {
        facts = other.facts;
        is_folder = other.is_folder;
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~opened_file() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    /// Returns true if there is a file.
    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
    /// Returns the descriptor, or -1. It belongs to this object.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_; }
    /// Returns the descriptor, which the caller must close.
    [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

    file_facts facts{};
    bool is_folder = false;

  private:
    friend class files;
    int descriptor_ = -1;
};

/// A part of a file as the body of a response. The server sends it with sendfile(2). Another reader gets it in pieces.
class file_body final : public body_source {
  public:
    /// Takes over the file. The bytes are not read before they are sent.
    file_body(opened_file file, byte_range bytes) noexcept : file_{std::move(file)}, bytes_{bytes} {}
    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override { return bytes_.count; }
    /// Returns the next piece, at most 16 KiB, without a wait for anything but the disk. Throws std::system_error if
    /// the file cannot be read, or is shorter now than it was.
    [[nodiscard]] inline task<std::span<const std::byte>> next() override;
    [[nodiscard]] file_bytes in_file() const noexcept override {
        return {file_.native_handle(), bytes_.first, bytes_.count};
    }
    [[nodiscard]] int native_handle() const noexcept { return file_.native_handle(); }
    /// Returns the bytes that are still to be sent.
    [[nodiscard]] byte_range bytes() const noexcept { return bytes_; }

  private:
    opened_file file_;
    byte_range bytes_;
    std::string piece_{};
};

/// How files opens what is below its folder.
enum class file_lookup : std::uint8_t {
    /// By openat2(2). A symbolic link is followed if it stays below the folder. If the kernel does not know the call,
    /// as `without_links`.
    by_kernel,
    /// Each piece of a path is opened below the piece before, and a symbolic link is not followed at all.
    without_links,
};

/// A folder whose files are on the web. It can be moved, not copied. All calls may be made from several threads.
///
/// It sends regular files only. A folder is answered with its `index.html`, and never with a list of its files. A path
/// of a folder without a '/' at its end is answered with 301. A browser takes the links of the page as relative to the
/// last '/'. All that cannot be sent is a 404, whatever the reason: 403 would tell a stranger what exists.
class files {
  public:
    /// Opens the folder. The path to it may contain symbolic links. Throws std::system_error.
    explicit files(const std::string& root, file_lookup lookup = file_lookup::by_kernel);
    files(files&& other) noexcept : root_{std::exchange(other.root_, -1)}, lookup_{other.lookup_} {}
    files& operator=(files&& other) noexcept {
        std::swap(root_, other.root_);
        lookup_ = other.lookup_;
        return *this;
    }
    ~files() {
        if (root_ >= 0) ::close(root_);
    }

    /// Returns the response to a GET or HEAD request for a file: 200, 206, 304, 412 or 416, 301 for a folder without a
    /// '/' at its end, or 404. Another method is answered with 405. A file of at most 16 KiB is read at once; a longer
    /// file becomes a file_body. Throws std::system_error if the process has no descriptor left, or if the disk fails.
    ///
    /// The response says `X-Content-Type-Options: nosniff`. Without it a browser may take a text that a stranger has
    /// uploaded for a page with scripts.
    [[nodiscard]] response answer(const request& ask) const;
    /// Does the same for another path than that of the request: a handler may take away a prefix, or choose a file. The
    /// path is as in split_path().
    [[nodiscard]] response answer(const request& ask, std::string_view path) const;

    /// Opens what the path of a target names, a regular file or a folder. Does not wait for the other end of a FIFO.
    /// Returns a closed file and sets `error` if there is no such file, or if it may not be sent.
    [[nodiscard]] opened_file open(std::string_view path, std::error_code& error) const;

  private:
    [[nodiscard]] opened_file open_below(int folder, const std::string& name, std::error_code& error) const;

    int root_ = -1;
    file_lookup lookup_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline std::optional<std::string> split_path(std::string_view path, std::size_t max_size) {
    if (!path.starts_with('/') || path.size() > max_size) return std::nullopt;
    std::string result;
    result.reserve(path.size());
    for (std::size_t begin = 1; begin < path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::size_t piece = result.size();
        const std::optional<std::string> name = percent_decode(path.substr(begin, end - begin));
        if (!name || name->empty() || name->front() == '.') return std::nullopt;
        result += *name;
        if (result.find_first_of(std::string_view{"/\0", 2}, piece) != result.npos) return std::nullopt;
        if (end < path.size()) result += '/';
        begin = end + 1;
    }
    return result;
}

inline range_kind parse_range(std::string_view value, std::uint64_t size, byte_range& range) noexcept {
    const std::size_t equals = value.find('=');
    if (equals == value.npos || !same_name(value.substr(0, equals), "bytes")) return range_kind::whole;
    value = trimmed(value.substr(equals + 1));
    const std::size_t dash = value.find('-');
    if (dash == value.npos) return range_kind::whole;
    const std::string_view from = value.substr(0, dash), to = value.substr(dash + 1);
    static constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    // A number above 2^64 is valid, and behind the end of every file.
    const auto read = [](std::string_view digits) -> std::optional<std::uint64_t> {
        if (digits.empty() || !std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }))
            return std::nullopt;
        return read_decimal(digits).value_or(most);
    };
    const std::optional<std::uint64_t> first = read(from), last = read(to);
    if (from.empty()) {
        if (!last) return range_kind::whole;
        const std::uint64_t count = std::min(*last, size);
        if (count == 0) return range_kind::unsatisfiable;
        range = {size - count, count};
        return range_kind::part;
    }
    if (!first || (!last && !to.empty()) || (last && *last < *first)) return range_kind::whole;
    if (*first >= size) return range_kind::unsatisfiable;
    range = {*first, std::min(last.value_or(most), size - 1) - *first + 1};
    return range_kind::part;
}

inline std::string entity_tag(const file_facts& file) {
    std::array<char, 3 * 16 + 4> tag{};
    char* end = tag.data();
    const auto put = [&](char before, std::uint64_t number) {
        *end++ = before;
        end = std::to_chars(end, end + 16, number, 16).ptr;
    };
    put('"', static_cast<std::uint64_t>(file.modified.time_since_epoch().count()));
    put('.', file.nanoseconds);
    put('-', file.size);
    *end++ = '"';
    return {tag.data(), end};
}

namespace detail {

/// Returns true if the list of entity tags, or "*", has this tag. A weak comparison ignores a "W/" in front. A strong
/// one never matches a weak tag (RFC 9110 §8.8.3.2). Our tags are strong.
inline bool has_tag(std::string_view list, std::string_view tag, bool is_strong) noexcept {
    if (trimmed(list) == "*") return true;
    while (!list.empty()) {
        list = trimmed(list);
        if (list.starts_with(',')) {
            list.remove_prefix(1);
            continue;
        }
        const bool is_weak = list.starts_with("W/");
        if (is_weak) list.remove_prefix(2);
        const std::size_t end = list.starts_with('"') ? list.find('"', 1) : list.npos;
        if (end == list.npos) return false;  // not valid, and the text behind it cannot be read either
        if (list.substr(0, end + 1) == tag && !(is_weak && is_strong)) return true;
        list.remove_prefix(end + 1);
    }
    return false;
}

}  // namespace detail

inline file_decision decide_file(method what, const file_conditions& asked, const file_facts& file) {
    const auto has_own_tag = [&](std::string_view list, bool is_strong) {
        return detail::has_tag(list, entity_tag(file), is_strong);
    };
    const auto date = [](std::string_view text) -> std::optional<time_point> {
        return text.empty() ? std::nullopt : read_date(text);
    };
    if (!asked.if_match.empty()) {
        if (!has_own_tag(asked.if_match, true)) return {412, {}};
    } else if (const auto limit = date(asked.if_unmodified_since); limit && file.modified > *limit) {
        return {412, {}};
    }
    if (!asked.if_none_match.empty()) {
        if (has_own_tag(asked.if_none_match, false)) return {304, {}};
    } else if (const auto known = date(asked.if_modified_since); known && file.modified <= *known) {
        return {304, {}};
    }
    const file_decision whole{200, {0, file.size}};
    if (what != method::get || asked.range.empty()) return whole;
    if (const std::string_view same = trimmed(asked.if_range); !same.empty()) {
        // A date must be equal, and not only later: the client has seen exactly this version.
        const bool is_tag = same.starts_with('"') || same.starts_with("W/");
        if (is_tag ? same != entity_tag(file) : date(same) != file.modified) return whole;
    }
    byte_range part;
    switch (parse_range(asked.range, file.size, part)) {
        case range_kind::part: return {206, part};
        case range_kind::unsatisfiable: return {416, {}};
        case range_kind::whole: break;
    }
    return whole;
}

namespace detail {

/// Calls openat2(2), which C libraries do not have yet. The numbers are the same on all architectures but Alpha.
inline int openat2(int folder, const char* name, std::uint64_t flags) noexcept {
#ifdef SYS_openat2
    constexpr long number = SYS_openat2;
#else
    constexpr long number = 437;
#endif
    constexpr std::uint64_t no_magic_links = 0x02, beneath = 0x08;  // RESOLVE_... of linux/openat2.h
    struct {
        std::uint64_t flags, mode, resolve;
    } const how{flags, 0, no_magic_links | beneath};
    return static_cast<int>(::syscall(number, folder, name, &how, sizeof how));
}
constexpr int to_read = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;  // O_NONBLOCK: see files::open()

/// Opens the path piece by piece. A part of it that was a folder may be moved away meanwhile, but ".." is no piece
/// here, so the walk never goes up.
inline int open_without_links(int folder, const std::string& name) noexcept {
    int at = folder;
    for (std::size_t begin = 0;;) {
        const std::size_t end = name.find('/', begin);
        const bool is_last = end == name.npos || end + 1 == name.size();
        std::array<char, 256> piece{};
        const std::size_t size = std::min(end, name.size()) - begin;
        int next = -1;
        if (size >= piece.size()) {
            errno = ENAMETOOLONG;
        } else {
            std::copy_n(name.data() + begin, size, piece.data());
            const int folder_only = is_last && end == name.npos ? 0 : O_DIRECTORY;
            const int flags = is_last ? to_read | folder_only : O_PATH | O_CLOEXEC | O_DIRECTORY;
            next = ::openat(at, size == 0 ? "." : piece.data(), flags | O_NOFOLLOW);
        }
        if (at != folder) {
            const int error = errno;
            ::close(at);
            errno = error;
        }
        if (next < 0 || is_last) return next;
        at = next;
        begin = end + 1;
    }
}

/// Fills `room` with the bytes from `first` on. Returns false and sets errno if they cannot be read. A file that has
/// become shorter sets EIO: the response has promised its old size.
inline bool read_exactly(int file, std::uint64_t first, std::string& room) noexcept {
    for (std::size_t filled = 0; filled < room.size();) {
        const auto got = ::pread(file, room.data() + filled, room.size() - filled, static_cast<off_t>(first + filled));
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) errno = EIO;
        if (got <= 0) return false;
        filled += static_cast<std::size_t>(got);
    }
    return true;
}

}  // namespace detail

inline files::files(const std::string& root, file_lookup lookup)
    : root_{::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)}, lookup_{lookup} {
    if (root_ < 0) throw std::system_error{errno, std::system_category(), "open the folder " + netnotes::quoted(root)};
    if (lookup_ != file_lookup::by_kernel) return;
    const int probe = detail::openat2(root_, ".", O_PATH | O_CLOEXEC);
    // An old kernel answers ENOSYS, and some sandboxes EPERM.
    if (probe < 0)
        lookup_ = file_lookup::without_links;
    else
        ::close(probe);
}
inline opened_file files::open_below(int folder, const std::string& name, std::error_code& error) const {
    opened_file file;
    constexpr int attempts = 3;  // EAGAIN: somewhere a folder was renamed meanwhile, so the kernel cannot be certain
    for (int i = 0; i < attempts && !file.is_open(); ++i) {
        file.descriptor_ = lookup_ == file_lookup::by_kernel
                               ? detail::openat2(folder, name.empty() ? "." : name.c_str(), detail::to_read)
                               : detail::open_without_links(folder, name);
        if (file.descriptor_ < 0 && errno != EAGAIN && errno != EINTR) break;
    }
    struct stat status {};
    if (!file.is_open() || ::fstat(file.descriptor_, &status) != 0) {
        error = std::error_code{errno, std::system_category()};
        return {};
    }
    file.is_folder = S_ISDIR(status.st_mode);
    if (!file.is_folder && !S_ISREG(status.st_mode)) {  // a FIFO, a device, a socket
        error = std::make_error_code(std::errc::operation_not_permitted);
        return {};
    }
    file.facts.size = static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0));
    file.facts.modified = time_point{std::chrono::seconds{status.st_mtim.tv_sec}};
    file.facts.nanoseconds = static_cast<std::uint32_t>(status.st_mtim.tv_nsec);
    error.clear();
    return file;
}
inline opened_file files::open(std::string_view path, std::error_code& error) const {
    const std::optional<std::string> name = split_path(path);
    if (!name) {
        error = std::make_error_code(std::errc::no_such_file_or_directory);
        return {};
    }
    return open_below(root_, *name, error);
}

inline response files::answer(const request& ask) const { return answer(ask, ask.target().raw_path()); }
inline response files::answer(const request& ask, std::string_view path) const {
    if (ask.method() != method::get && ask.method() != method::head) {
        response refused{status::method_not_allowed, "405: files are read with GET\n"};
        refused.fields.set("Allow", "GET, HEAD");
        return refused;
    }
    std::optional<std::string> parts = split_path(path);
    std::error_code error = std::make_error_code(std::errc::no_such_file_or_directory);
    opened_file file;
    std::string name;
    if (parts) {
        name = *std::move(parts);
        file = open_below(root_, name, error);
    }
    if (!error && file.is_folder) {
        if (!name.empty() && !name.ends_with('/')) {
            // The path of the request, not ours: the handler may have taken a prefix away. "//host/" would be a host.
            // A browser takes a backslash for a slash, so "/\host/" would be a host, too.
            std::string_view asked = ask.target().raw_path();
            if (!asked.ends_with('/')) {
                asked.remove_prefix(std::min(asked.find_first_not_of("/\\"), asked.size()));
                std::string where = "/";
                if (!asked.empty()) (where += asked) += '/';
                if (ask.target().has_query()) (where += '?') += ask.query();
                return redirect(where, status::moved_permanently);
            }
            name += '/';  // the handler has named a folder for "/x/": there is no better address
        }
        name += "index.html";
        file = open_below(root_, name, error);
        if (!error && file.is_folder) error = std::make_error_code(std::errc::is_a_directory);
    }
    if (error) {
        // A 404 would be a lie about these, and a cache or a search engine would believe it.
        for (const std::errc trouble : {std::errc::too_many_files_open, std::errc::too_many_files_open_in_system,
                                        std::errc::not_enough_memory, std::errc::io_error})
            if (error == trouble) throw std::system_error{error, "open " + netnotes::quoted(name)};
        return not_found(ask);
    }

    // A list may come in several fields (RFC 9110 §5.3). More than one is rare, so only then is it put together.
    std::string tags, strong_tags;
    const auto list_of = [&](std::string_view field, std::string& joined) -> std::string_view {
        if (ask.fields().count(field) < 2) return ask.field(field).value_or("");
        return joined = ask.fields().joined(field);
    };
    const auto one_of = [&](std::string_view field) { return ask.field(field).value_or(""); };
    file_conditions asked;
    asked.if_match = list_of("If-Match", strong_tags);
    asked.if_none_match = list_of("If-None-Match", tags);
    asked.if_unmodified_since = one_of("If-Unmodified-Since");
    asked.if_modified_since = one_of("If-Modified-Since");
    asked.if_range = one_of("If-Range");
    // Two Range fields have no meaning, so the whole file is sent.
    if (ask.fields().count("Range") == 1) asked.range = one_of("Range");
    const file_facts facts = file.facts;
    const file_decision decision = decide_file(ask.method(), asked, facts);

    response result{decision.status};
    result.fields.reserve(6, 220);
    result.fields.add("Accept-Ranges", "bytes");
    if (decision.status == 412) {
        result.body = "412: the file has changed\n";
        return result;
    }
    const auto range = [&](std::string part) { return "bytes " + std::move(part) + "/" + std::to_string(facts.size); };
    if (decision.status == 416) {
        result.fields.add("Content-Range", range("*"));
        result.body = "416: the file has " + std::to_string(facts.size) + " bytes\n";
        return result;
    }
    result.fields.add("ETag", entity_tag(facts));
    // A file may say that it was changed in the future, but no response may (RFC 9110 §8.8.2.1).
    const time_point now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    result.fields.add("Last-Modified", write_date(std::min(facts.modified, now)));
    if (decision.status == 304) return result;
    result.fields.add("Content-Type", media_type_of(name));
    result.fields.add("X-Content-Type-Options", "nosniff");
    const auto [first, count] = decision.bytes;
    if (decision.status == 206)
        result.fields.add("Content-Range", range(std::to_string(first) + "-" + std::to_string(first + count - 1)));
    constexpr std::uint64_t most_at_once = 16 * 1024;  // two more system calls of sendfile(2) cost more than a copy
    if (count > most_at_once) {
        result.source = std::make_unique<file_body>(std::move(file), decision.bytes);
    } else {
        result.body.resize(static_cast<std::size_t>(count));
        if (!detail::read_exactly(file.native_handle(), first, result.body))
            throw std::system_error{errno, std::system_category(), "read " + netnotes::quoted(name)};
    }
    return result;
}

inline task<std::span<const std::byte>> file_body::next() {
    constexpr std::uint64_t most = 16 * 1024;
    piece_.resize(static_cast<std::size_t>(std::min(bytes_.count, most)));
    if (!piece_.empty() && !detail::read_exactly(file_.native_handle(), bytes_.first, piece_)) {
        const int error = errno;
        throw std::system_error{error, std::system_category(), "read a file that is being sent"};
    }
    bytes_.first += piece_.size();
    bytes_.count -= piece_.size();
    co_return std::as_bytes(std::span<const char>{piece_.data(), piece_.size()});
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_FILE_HPP
