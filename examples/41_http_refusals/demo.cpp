// examples/41_http_refusals/demo.cpp: six programs and the same strange requests: each program takes some of them
//
//        client ──> proxy ──> server            If the two find the end of a request at two places, a client can hide a
//                                               second request from the proxy: request smuggling.
//
// No single strange request is the fault. The fault is that two programs in a row read it in two ways. Nobody knows
// which program will stand in front of a server. So a server should refuse each request that can be read in two ways.
//
// The table was made by tests/interop/http_peers.py --table on Debian 12: nginx 1.22, node 20, aiohttp 3.8, h11 0.14,
// Beast of Boost 1.81, and cpp-httplib 0.11. Newer versions refuse more. The column of netnotes is computed while you
// look.
//
// The notes:     this lesson goes beyond them. Its counterpart is smuggling.cpp
// Type:          demo
// You will see:  what demo.txt shows: a table, and three pairs of programs that see two different conversations

#include "../demo.hpp"

#include <netnotes/http/connection.hpp>

#include <algorithm>

using example::heading;
using example::say;
namespace http = netnotes::http;
using event = http::connection::event;

namespace {

struct row {
    std::string_view what;
    std::string_view
        takes;  ///< nginx, node, aiohttp, h11, Beast, cpp-httplib: + takes it, . refuses it, ? says nothing
    std::string_view bytes;
};
constexpr row rows[] = {
    {"lines that end with LF alone", "+.++..", "GET / HTTP/1.1\nHost: a\n\n"},
    {"two spaces before the target", "+++..+", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"a space behind the version", "+....+", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
    {"no version: HTTP/0.9", "+.+...", "GET /\r\n\r\n"},
    {"HTTP/2.0 in text", "..++..", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
    {"%00 in the path", ".+++++", "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"a folded line", "..++++", "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n"},
    {"a space before the colon", "..+..+", "GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n"},
    {"an empty name", "..+..+", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"},
    {"a line that ends with CR CR LF", "+....+", "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\r\n\r\n"},
    {"ESC in a value", "+..+.+", "GET / HTTP/1.1\r\nHost: a\r\nA: \x1b[2J\r\n\r\n"},
    {"no Host", "..+.++", "GET / HTTP/1.1\r\n\r\n"},
    {"two Hosts", ".+..++", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
    {"a list as Host", ".+++++", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
    {"Content-Length and chunks", "...+.+",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"two equal Content-Lengths", "...+++",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"},
    {"Content-Length: 5, 5", "...+++", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello"},
    {"Content-Length: +5", ".....+", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello"},
    {"Content-Length: 2^64 + 5", "...?.+",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\nhello"},
    {"chunks in HTTP/1.0", "..++++", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"two Transfer-Encodings", ".....+",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"chunked, chunked", "..+..+",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"},
    {"a chunk of size +5", ".....+",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n"},
    {"a space behind the size", "+.++.+",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n"},
    {"LF alone behind the size", "+....+",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n"},
    {"LF alone behind the data", "+....+",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n"},
    {"a folded trailer", "+.++++",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n"},
};

/// Returns the refusal of our server, or an empty text.
std::string refusal_of(std::string_view bytes) {
    http::connection server{http::connection::role::server, {}};
    server.receive(bytes, {});
    server.receive_end();
    for (;;) {
        const event what = server.next({});
        if (what == event::end) server.send(http::response{200});
        if (what == event::refused) return server.refusal_message();
        if (what == event::need_data || what == event::closed) return "";
    }
}

void table() {
    heading("Which program takes which request: + takes it, . refuses it, ? says nothing");
    constexpr std::string_view names[] = {"nginx", "node", "aiohttp", "h11", "Beast", "cpp-httplib"};
    std::string line(32, ' ');
    for (const auto name : names) (line += name) += "  ";
    say(line, "netnotes");
    int sums[std::size(names) + 1] = {};
    for (const auto& [what, takes, bytes] : rows) {
        line = what;
        line.resize(32, ' ');
        for (std::size_t i = 0; i < std::size(names); ++i) {
            line += takes[i];
            line.append(names[i].size() + 1, ' ');
            sums[i] += takes[i] == '+' ? 1 : 0;
        }
        const std::string why = refusal_of(bytes);
        sums[std::size(names)] += why.empty() ? 1 : 0;
        say(line, why.empty() ? "+" : ". " + why.substr(0, 3));
    }
    line = "taken, of " + std::to_string(std::size(rows));
    line.resize(32, ' ');
    for (std::size_t i = 0; i < std::size(names); ++i) {
        std::string number = std::to_string(sums[i]);
        number.resize(names[i].size() + 2, ' ');
        line += number;
    }
    say(line, sums[std::size(names)]);
}

/// A reader as many were once written: it never refuses, and it has habits.
struct habits {
    std::string_view name;
    bool believes_chunks = false;  ///< Transfer-Encoding wins over Content-Length
    bool forgives_space = false;   ///< `Transfer-Encoding : chunked` is Transfer-Encoding
    bool takes_last = false;       ///< of two Content-Lengths
};

/// Returns the first lines of the requests that a reader with these habits sees.
std::vector<std::string> requests_seen(std::string_view text, const habits& its) {
    std::vector<std::string> seen;
    while (!text.empty()) {
        seen.emplace_back(text.substr(0, text.find("\r\n")));
        const std::size_t end = std::min(text.find("\r\n\r\n"), text.size() - 4);
        std::optional<std::uint64_t> length;
        bool is_chunked = false;
        for (std::size_t at = text.find("\r\n") + 2; at < end; at = text.find("\r\n", at) + 2) {
            const std::string_view line = text.substr(at, text.find("\r\n", at) - at);
            std::string_view name = line.substr(0, line.find(':'));
            if (its.forgives_space) name = http::trimmed(name);
            const std::string_view value = http::trimmed(line.substr(line.find(':') + 1));
            if (http::same_name(name, "Content-Length") && (!length || its.takes_last))
                length = http::read_decimal(value);
            if (http::same_name(name, "Transfer-Encoding")) is_chunked = true;
        }
        text.remove_prefix(end + 4);
        if (is_chunked && (its.believes_chunks || !length)) {
            http::body_decoder chunks{{http::framing::kind::chunked, 0}};
            while (!text.empty() && !chunks.is_done() && !chunks.is_refused())
                text.remove_prefix(chunks.next(text).consumed);
        } else
            text.remove_prefix(std::min<std::size_t>(text.size(), static_cast<std::size_t>(length.value_or(0))));
    }
    return seen;
}

void hide(std::string_view fields, std::string_view body, const habits& front, const habits& back) {
    const std::string text =
        std::string{"POST /comment HTTP/1.1\r\nHost: a\r\n"}.append(fields).append("\r\n").append(body);
    for (std::string_view rest = fields; !rest.empty(); rest.remove_prefix(rest.find("\r\n") + 2))
        say("  ", rest.substr(0, rest.find("\r\n")));
    for (const habits& each : {front, back}) {
        std::string line = "    the " + std::string{each.name};
        line.resize(46, ' ');
        for (const auto& request : requests_seen(text, each)) line += " [" + request + "]";
        say(line);
    }
    say("    netnotes: ", refusal_of(text), "\n");
}

void pairs() {
    heading("What two readings let through: POST /comment, and what stands in its body");
    const std::string_view secret = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
    const std::string chunks = std::string{"0\r\n\r\n"}.append(secret);
    const std::string length = "Content-Length: " + std::to_string(chunks.size()) + "\r\n";
    hide(length + "Transfer-Encoding: chunked\r\n", chunks, {.name = "proxy believes Content-Length"},
         {.name = "server believes chunks", .believes_chunks = true});
    hide(length + "Transfer-Encoding : chunked\r\n", chunks,
         {.name = "proxy does not know the field", .believes_chunks = true},
         {.name = "server forgives the space", .believes_chunks = true, .forgives_space = true});
    hide("Content-Length: " + std::to_string(secret.size()) + "\r\nContent-Length: 0\r\n", secret,
         {.name = "proxy takes the first length"}, {.name = "server takes the last length", .takes_last = true});
    say("The proxy checks who may ask for /admin. In each case it has seen no request for /admin.");
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Strange requests: which programs take them, and what a disagreement of two programs lets through.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"give no argument"};
        table();
        pairs();
    });
}
