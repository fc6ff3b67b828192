// netnotes/tftp/service.hpp: what a TFTP server serves, within which limits, and what it reports
// SPDX-License-Identifier: MIT
//
// On this page:  file_request, handlers, serve_files, serve_text · transfer_record · server_options
// Above it:      tftp/server.hpp

#ifndef NETNOTES_TFTP_SERVICE_HPP
#define NETNOTES_TFTP_SERVICE_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../ip/endpoint.hpp"
#include "file.hpp"
#include "packet.hpp"
#include "settings.hpp"
#include "source.hpp"

namespace netnotes::tftp {

/// A request of a client.
struct file_request {
    endpoint client{};             ///< an IPv4 client as such, on a socket for both as well
    std::string_view file_name{};  ///< as it came: any bytes but NUL; valid during the call
    tftp::mode mode{};
    std::optional<std::uint64_t> size{};  ///< that the client announces for a file that it writes
};

/// Functions that open files. Each runs in the loop's thread and must not block. To refuse a request it throws a
/// std::system_error. The client is then told to_error(code) with the words of code.message(), or what() if the code is
/// error::not_defined. An empty function refuses every request.
struct handlers {
    std::function<std::unique_ptr<source>(const file_request&)> read{};
    std::function<std::unique_ptr<sink>(const file_request&)> write{};
};
/// Returns handlers that serve the files of a folder and of the folders in it: see `directory`. Clients can read them,
/// and with `writing` also write. Throws std::system_error if there is no such folder.
[[nodiscard]] handlers serve_files(const std::string& root, std::optional<existing_file> writing = std::nullopt);
/// Returns handlers that serve text which is made on the spot. `make(request)` returns the text, or nullopt if there is
/// no such file; a std::system_error that it throws refuses the request as in `handlers`. Nothing can be written:
///
///     tftp::server server{{ipv6_address::any(), 69}, tftp::serve_text([](const tftp::file_request& what) {
///         return what.file_name == "motd" ? std::optional<std::string>{"Hello!\n"} : std::nullopt;
///     })};
[[nodiscard]] handlers serve_text(std::function<std::optional<std::string>(const file_request&)> make);

/// A transfer that has come to its end, or a request that was refused.
struct transfer_record {
    endpoint client{};
    opcode what{};  ///< read_request or write_request
    std::string file_name{};
    tftp::mode mode{};
    outcome result{};
    duration took{};

    /// Returns one line: `192.0.2.7:50123 reads "motd": 1024 bytes in 0.021 s, 1 × 512`. A stranger's words are
    /// escaped: see quoted() and visible().
    [[nodiscard]] std::string to_string() const;
};

/// The limits of a server.
struct server_options {
    /// The limits of what a client is granted, and the times that the server waits for it: see settings.
    settings limits{.block_size = max_block_size,
                    .window_size = 64,
                    .dally = std::chrono::seconds{6},
                    .max_memory = std::size_t{512} << 10};
    /// The most transfers at once. A further request replaces the oldest transfer whose client has not answered yet. If
    /// all clients have answered, or if no descriptor or memory is left, the request gets no answer. The client will
    /// repeat it, and there may be room then.
    ///
    /// Allow three descriptors for each transfer in RLIMIT_NOFILE. These are a socket, a file, and the socket of a
    /// finished transfer that stays for settings::dally. With `single_port` a transfer has no socket of its own.
    std::size_t max_transfers = 1000;
    /// The most transfers of one address. A further request replaces the oldest transfer of that address whose client
    /// has not answered yet. If all have answered, the request is refused.
    std::size_t max_per_client = 100;
    /// The longest file that is taken from a client, in bytes. A longer file is refused; if its size is not announced,
    /// the transfer ends at the limit.
    std::uint64_t max_upload = ~std::uint64_t{0};
    /// Bytes per second of all transfers together, and of each transfer; 0 for no limit. With a limit the server grants
    /// block and window sizes with which a window takes at most a quarter of a second.
    std::uint64_t rate = 0;
    std::uint64_t rate_each = 0;
    /// Bytes per second to each address before a client there has acknowledged them, 0 for no limit. Four seconds'
    /// worth may go at once. Bytes beyond that are not sent, and a new request is not answered.
    std::uint64_t unproven_rate = 256 << 10;
    /// Serves all transfers with one socket: see tftp/server.hpp.
    bool single_port = false;
    /// With `single_port`: bytes per second to each address, acknowledged or not, 0 for no limit. There acknowledgments
    /// can be forged.
    std::uint64_t single_port_rate = 16 << 20;
    /// How long transfers may go on after a stop request.
    duration grace = std::chrono::seconds{10};
    /// The server calls this function with the record of each transfer, as soon as its outcome is decided. A transfer
    /// whose client never answered has no record if another request took its place: see dropped(). An exception of the
    /// function ends the server, and run() throws it.
    std::function<void(const transfer_record&)> log{};
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline handlers serve_files(const std::string& root, std::optional<existing_file> writing) {
    const auto folder = std::make_shared<const directory>(root);
    handlers made;
    made.read = [folder](const file_request& what) -> std::unique_ptr<source> {
        return std::make_unique<file_source>(folder->open(what.file_name));
    };
    if (writing)
        made.write = [folder, policy = *writing](const file_request& what) -> std::unique_ptr<sink> {
            return std::make_unique<file_sink>(folder->create(what.file_name, policy));
        };
    return made;
}

inline handlers serve_text(std::function<std::optional<std::string>(const file_request&)> make) {
    handlers made;
    made.read = [make = std::move(make)](const file_request& what) -> std::unique_ptr<source> {
        std::optional<std::string> text = make(what);
        if (!text) throw std::system_error{std::make_error_code(std::errc::no_such_file_or_directory)};
        return std::make_unique<text_source>(*std::move(text));
    };
    return made;
}

inline std::string transfer_record::to_string() const {
    using std::to_string;
    std::string line = client.to_string();
    line += what == opcode::write_request ? " writes " : " reads ";
    line += netnotes::quoted(file_name);
    line += mode == mode::netascii ? " as text: " : ": ";
    if (!result.is_whole()) {
        if (result.is_from_peer) line += "the client says: ";
        line += result.error.message();
        if (!result.message.empty()) {
            line += " (";
            line += result.is_from_peer ? netnotes::quoted(result.message) : visible(result.message);
            line += ')';
        }
        return line;
    }
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    const std::string fraction = to_string(milliseconds % 1000 + 1000);
    line += to_string(result.bytes) + " bytes in " + to_string(milliseconds / 1000) + '.' + fraction.substr(1) + " s, ";
    line += to_string(result.window_size) + " × " + to_string(result.block_size);
    if (result.repeated > 0) line += ", " + to_string(result.repeated) + " sent again";
    return line;
}

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_SERVICE_HPP
