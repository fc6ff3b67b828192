// tests/http/corpus.hpp: requests that are right, and requests that somebody's server once took wrongly
// SPDX-License-Identifier: MIT
//
// Each entry is the bytes of a connection, up to the end of what the client sends. parser_test.cpp feeds them whole,
// cut at every place, and byte by byte. interop/http_peers.py sends them to other servers.

#pragma once

#include <netnotes/http/refusal.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace corpus {

using netnotes::http::reason;

struct entry {
    std::string_view name;
    std::string bytes;
    reason why = reason::none;  // the refusal; none: it is accepted
};

/// A request with a Host, more fields, and a body.
inline std::string get(std::string_view fields, std::string_view body = {}) {
    return std::string{"GET / HTTP/1.1\r\nHost: a\r\n"}.append(fields).append("\r\n").append(body);
}
inline std::string post(std::string_view fields, std::string_view body = {}) {
    return std::string{"POST / HTTP/1.1\r\nHost: a\r\n"}.append(fields).append("\r\n").append(body);
}
inline std::string chunked(std::string_view body) { return post("Transfer-Encoding: chunked\r\n", body); }
inline std::string line(std::string_view first) { return std::string{first}.append("\r\nHost: a\r\n\r\n"); }
inline std::string many_fields(int count) {
    std::string fields;
    for (int i = 0; i < count; ++i) fields.append("X-").append(std::to_string(i)).append(": 1\r\n");
    return get(fields);
}
/// Text with a NUL in it: a literal ends there.
template <std::size_t Size>
std::string all(const char (&text)[Size]) {
    return {text, Size - 1};
}

inline std::vector<entry> requests() {
    const std::string big(9000, 'a');
    return {
        // what must be taken
        {"simple", get("")},
        {"http-1.0", "GET / HTTP/1.0\r\n\r\n"},
        {"http-1.0-with-host", "GET / HTTP/1.0\r\nHost: a\r\n\r\n"},
        {"http-1.2", line("GET / HTTP/1.2")},
        {"http-1.9", line("GET / HTTP/1.9")},
        {"empty-line-before", "\r\n" + get("")},
        {"two-pipelined", get("") + get("A: b\r\n")},
        {"post-then-get", post("Content-Length: 5\r\n", "hello") + get("")},
        {"old-browser", post("Content-Length: 5\r\n", "hello\r\n") + get("")},
        {"empty-value", get("Empty:\r\n")},
        {"spaces-in-value", get("A: \t b c \t \r\n")},
        {"tab-in-value", get("Abcdefghijk: lmnopqrst\tuvwxyz0123456789\r\n")},
        {"high-bytes-in-value", get("A: caf\xc3\xa9 and \xff\r\n")},
        {"colon-in-value", get("A: b:c\r\n")},
        {"strange-token", get("!#$%&'*+-.^_`|~09az: x\r\n")},
        {"absolute-target", line("GET http://b/c?d HTTP/1.1")},
        {"absolute-without-path", line("GET http://b HTTP/1.1")},
        {"asterisk", line("OPTIONS * HTTP/1.1")},
        {"unknown-method", line("BREW / HTTP/1.1")},
        {"query", line("GET /a?b=c&d={e}|f^g HTTP/1.1")},
        {"percent", line("GET /a%20b%2F HTTP/1.1")},
        {"percent-in-query", line("GET /?a=100% HTTP/1.1")},
        {"dots", line("GET /../../etc/passwd HTTP/1.1")},
        {"host-with-port", "GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n"},
        {"empty-host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
        {"length-0", post("Content-Length: 0\r\n")},
        {"length-with-zeros", post("Content-Length: 005\r\n", "hello")},
        {"length-on-get", get("Content-Length: 5\r\n", "hello")},
        {"close", get("Connection: close\r\n")},
        {"keep-alive-1.0", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"},
        {"close-and-keep-alive", get("Connection: keep-alive, close\r\n")},
        {"upgrade", get("Connection: Upgrade\r\nUpgrade: websocket\r\n")},
        {"expect", post("Expect: 100-continue\r\nContent-Length: 5\r\n", "hello")},
        {"chunks", chunked("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")},
        {"chunks-then-get", chunked("5\r\nhello\r\n0\r\n\r\n") + get("")},
        {"chunked-in-capitals", post("TRANSFER-ENCODING: CHUNKED\r\n", "1\r\na\r\n0\r\n\r\n")},
        {"chunk-hex", chunked("0A\r\n0123456789\r\n00\r\n\r\n")},
        {"chunk-extension", chunked("5;a=\"b c\";d\r\nhello\r\n0;e\r\n\r\n")},
        {"trailers", chunked("5\r\nhello\r\n0\r\nChecksum: 12\r\nB: c\r\n\r\n") + get("")},
        {"trailer-length-means-nothing", chunked("1\r\na\r\n0\r\nContent-Length: 50\r\nHost: b\r\n\r\n") + get("")},
        {"hundred-fields", many_fields(99)},
        {"target-at-the-limit", line("GET /" + std::string(8192 - 14, 'a') + " HTTP/1.1")},

        // the first line
        {"tls", all("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), reason::tls},
        {"two-empty-lines-before", "\r\n\r\n" + get(""), reason::empty_line},
        {"space-before-method", line(" GET / HTTP/1.1"), reason::bad_method},
        {"method-no-token", line("GE(T / HTTP/1.1"), reason::bad_method},
        {"method-with-colon", line("GET: / HTTP/1.1"), reason::bad_method},
        {"tab-behind-method", line("GET\t/ HTTP/1.1"), reason::bad_method},
        {"only-method", line("GET"), reason::missing_target},
        {"http-0.9", "GET /\r\n\r\n", reason::missing_version},
        {"two-spaces-before-target", line("GET  / HTTP/1.1"), reason::spaces},
        {"two-spaces-before-version", line("GET /  HTTP/1.1"), reason::spaces},
        {"space-behind-version", line("GET / HTTP/1.1 "), reason::spaces},
        {"space-in-target", line("GET /a b HTTP/1.1"), reason::bad_version},
        {"tab-in-target", line("GET /a\tb HTTP/1.1"), reason::bad_target},
        {"fragment", line("GET /a#b HTTP/1.1"), reason::bad_target},
        {"utf-8-in-target", line("GET /caf\xc3\xa9 HTTP/1.1"), reason::bad_target},
        {"nul-in-target", all("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"), reason::nul},
        {"target-without-slash", line("GET index.html HTTP/1.1"), reason::target_form},
        {"asterisk-with-get", line("GET * HTTP/1.1"), reason::target_form},
        {"absolute-without-host", line("GET http:///a HTTP/1.1"), reason::target_form},
        {"absolute-with-user", line("GET http://me@b/ HTTP/1.1"), reason::target_form},
        {"absolute-ftp", line("GET ftp://b/ HTTP/1.1"), reason::target_form},
        {"bad-percent", line("GET /%zz HTTP/1.1"), reason::percent},
        {"short-percent", line("GET /% HTTP/1.1"), reason::percent},
        {"percent-00", line("GET /secret%00.html HTTP/1.1"), reason::nul_in_path},
        {"version-in-small-letters", line("GET / http/1.1"), reason::bad_version},
        {"version-without-digit", line("GET / HTTP/1."), reason::bad_version},
        {"version-with-two-digits", line("GET / HTTP/1.10"), reason::bad_version},
        {"version-with-sign", line("GET / HTTP/+1.1"), reason::bad_version},
        {"version-of-another", line("GET / RTSP/1.1"), reason::bad_version},
        {"http-0.1", line("GET / HTTP/0.1"), reason::unsupported_version},
        {"http-2.0", line("GET / HTTP/2.0"), reason::unsupported_version},
        {"http-2-preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", reason::unsupported_version},
        {"connect", line("CONNECT a:443 HTTP/1.1"), reason::no_tunnels},
        {"long-target", line("GET /" + big + " HTTP/1.1"), reason::start_line_too_long},
        {"long-target-by-one", line("GET /" + std::string(8192 - 13, 'a') + " HTTP/1.1"), reason::start_line_too_long},
        {"long-method", line(big + " / HTTP/1.1"), reason::start_line_too_long},

        // lines
        {"bare-lf", "GET / HTTP/1.1\nHost: a\n\n", reason::bare_lf},
        {"bare-lf-in-fields", "GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n", reason::bare_lf},
        {"bare-lf-at-the-end", "GET / HTTP/1.1\r\nHost: a\r\n\n", reason::bare_lf},
        {"bare-lf-before-request", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", reason::bare_lf},
        {"bare-cr-in-value", get("A: b\rc\r\n"), reason::bare_cr},
        {"bare-cr-behind-line", "GET / HTTP/1.1\rHost: a\r\n\r\n", reason::bare_cr},
        {"bare-cr-behind-method", "GET\r/ HTTP/1.1\r\nHost: a\r\n\r\n", reason::bare_cr},
        {"bare-cr-in-target", "GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n", reason::bare_cr},
        {"bare-cr-in-version", "GET / HTTP\r/1.1\r\nHost: a\r\n\r\n", reason::bare_cr},
        {"bare-cr-in-name", get("A\rB: c\r\n"), reason::bare_cr},
        {"bare-cr-at-the-end", "GET / HTTP/1.1\r\nHost: a\r\n\rGET /b HTTP/1.1\r\n\r\n", reason::bare_cr},
        {"cr-cr-lf", get("A: b\r\r\n"), reason::bare_cr},
        {"nul-in-value", all("GET / HTTP/1.1\r\nHost: a\r\nA: b\0c\r\n\r\n"), reason::nul},
        {"nul-in-name", all("GET / HTTP/1.1\r\nHost: a\r\nA\0: b\r\n\r\n"), reason::nul},
        {"escape-in-value", get("A: \x1b[2J\r\n"), reason::control_character},
        {"delete-in-value", get("A: \x7f\r\n"), reason::control_character},

        // fields
        {"fold", get("A: b\r\n c\r\n"), reason::fold},
        {"fold-with-tab", get("A: b\r\n\tc\r\n"), reason::fold},
        {"fold-behind-first-line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", reason::fold},
        {"fold-of-length", post("Content-Length:\r\n 5\r\n", "hello"), reason::bad_length},
        {"space-before-colon", get("A : b\r\n"), reason::space_before_colon},
        {"tab-before-colon", get("A\t: b\r\n"), reason::space_before_colon},
        {"space-before-colon-of-coding", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
         reason::space_before_colon},
        {"no-colon", get("A\r\n"), reason::missing_colon},
        {"no-colon-but-space", get("A b\r\n"), reason::missing_colon},
        {"empty-name", get(": b\r\n"), reason::empty_name},
        {"name-in-parentheses", get("(A): b\r\n"), reason::bad_name},
        {"name-with-high-byte", get("caf\xc3\xa9: b\r\n"), reason::bad_name},
        {"too-many-fields", many_fields(100), reason::too_many_fields},
        {"two-thousand-fields", many_fields(2000), reason::too_many_fields},
        {"large-field", get("A: " + std::string(40'000, 'b') + "\r\n"), reason::fields_too_large},
        {"large-name", get(std::string(40'000, 'b') + ": a\r\n"), reason::fields_too_large},

        // Host
        {"no-host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", reason::missing_host},
        {"two-hosts", get("Host: b\r\n"), reason::second_host},
        {"two-equal-hosts", get("Host: a\r\n"), reason::second_host},
        {"two-hosts-in-1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", reason::second_host},
        {"host-with-user", "GET / HTTP/1.1\r\nHost: me@a\r\n\r\n", reason::bad_host},
        {"host-with-path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", reason::bad_host},
        {"host-list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", reason::bad_host},
        {"host-with-bad-port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", reason::bad_host},
        {"host-with-space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", reason::bad_host},

        // where the body ends
        {"length-and-coding", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
         reason::length_and_coding},
        {"coding-and-length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
         reason::length_and_coding},
        {"coding-and-length-0", post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "0\r\n\r\n"),
         reason::length_and_coding},
        {"two-lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), reason::second_length},
        {"two-equal-lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), reason::second_length},
        {"list-of-lengths", post("Content-Length: 5, 5\r\n", "hello"), reason::bad_length},
        {"length-with-plus", post("Content-Length: +5\r\n", "hello"), reason::bad_length},
        {"length-with-minus", post("Content-Length: -5\r\n", "hello"), reason::bad_length},
        {"length-in-hex", post("Content-Length: 0x5\r\n", "hello"), reason::bad_length},
        {"length-with-underscore", post("Content-Length: 5_0\r\n", "hello"), reason::bad_length},
        {"length-with-space", post("Content-Length: 5 0\r\n", "hello"), reason::bad_length},
        {"length-with-fraction", post("Content-Length: 5.0\r\n", "hello"), reason::bad_length},
        {"length-empty", post("Content-Length:\r\n"), reason::bad_length},
        {"length-beyond-64-bits", post("Content-Length: 18446744073709551621\r\n", "hello"), reason::bad_length},
        {"length-too-large", post("Content-Length: 1048577\r\n", "hello"), reason::body_too_large},
        {"coding-in-1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", reason::coding_in_1_0},
        {"two-codings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
         reason::second_coding},
        {"coding-twice", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), reason::bad_coding},
        {"coding-with-comma", post("Transfer-Encoding: chunked,\r\n", "0\r\n\r\n"), reason::bad_coding},
        {"coding-empty", post("Transfer-Encoding:\r\n", "0\r\n\r\n"), reason::chunked_not_last},
        {"coding-identity", post("Transfer-Encoding: identity\r\n", "hello"), reason::chunked_not_last},
        {"coding-xchunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), reason::chunked_not_last},
        {"coding-in-quotes", post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), reason::chunked_not_last},
        {"coding-with-parameter", post("Transfer-Encoding: chunked;a=b\r\n", "0\r\n\r\n"), reason::chunked_not_last},
        {"chunked-first", post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), reason::chunked_not_last},
        {"coding-gzip", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), reason::unknown_coding},
        {"expect-something", post("Expect: 200-ok\r\n"), reason::bad_expectation},

        // chunks
        {"chunk-size-empty", chunked("\r\nhello\r\n0\r\n\r\n"), reason::bad_chunk_size},
        {"chunk-size-with-plus", chunked("+5\r\nhello\r\n0\r\n\r\n"), reason::bad_chunk_size},
        {"chunk-size-with-minus", chunked("-5\r\nhello\r\n0\r\n\r\n"), reason::bad_chunk_size},
        {"chunk-size-with-0x", chunked("0x5\r\nhello\r\n0\r\n\r\n"), reason::bad_extension},
        {"chunk-size-with-underscore", chunked("5_0\r\nhello\r\n0\r\n\r\n"), reason::bad_extension},
        {"chunk-size-with-space-before", chunked(" 5\r\nhello\r\n0\r\n\r\n"), reason::bad_chunk_size},
        {"chunk-size-with-space-behind", chunked("5 \r\nhello\r\n0\r\n\r\n"), reason::bad_extension},
        {"chunk-size-beyond-64-bits", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), reason::chunk_size_too_large},
        {"chunk-size-with-many-zeros", chunked("00000000000000005\r\nhello\r\n0\r\n\r\n"),
         reason::chunk_size_too_large},
        {"chunk-size-huge", chunked("fffffffffffffffb\r\nhello\r\n0\r\n\r\n"), reason::body_too_large},
        {"chunk-bare-lf", chunked("5\nhello\r\n0\r\n\r\n"), reason::bare_lf},
        {"chunk-bare-lf-behind-data", chunked("5\r\nhello\n0\r\n\r\n"), reason::bare_lf},
        {"chunk-bare-cr", chunked("5\rhello\r\n0\r\n\r\n"), reason::bare_cr},
        {"chunk-longer-than-its-size", chunked("5\r\nhello!\r\n0\r\n\r\n"), reason::missing_chunk_end},
        {"chunk-without-end", chunked("5\r\nhello0\r\n\r\n"), reason::missing_chunk_end},
        {"chunk-extension-bare-lf", chunked("5;a\nhello\r\n0\r\n\r\n"), reason::bare_lf},
        {"chunk-extension-bare-cr", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), reason::bare_cr},
        {"chunk-extension-nul", chunked(all("5;a\0b\r\nhello\r\n0\r\n\r\n")), reason::nul},
        {"chunk-extension-large", chunked("5;" + std::string(2000, 'a') + "\r\nhello\r\n0\r\n\r\n"),
         reason::extensions_too_large},
        {"trailer-space-before-colon", chunked("0\r\nA : b\r\n\r\n"), reason::space_before_colon},
        {"trailer-fold", chunked("0\r\nA: b\r\n c\r\n\r\n"), reason::fold},
        {"trailer-bare-lf", chunked("0\r\nA: b\n\r\n"), reason::bare_lf},
        {"trailer-end-bare-lf", chunked("0\r\n\n"), reason::bare_lf},
        {"trailer-large", chunked("0\r\nA: " + std::string(5000, 'a') + "\r\n\r\n"), reason::trailers_too_large},
    };
}

}  // namespace corpus
