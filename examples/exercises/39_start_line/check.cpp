#include "start_line.hpp"

#include "grader.hpp"

#include <netnotes/http/parser.hpp>

#include <sstream>

namespace {

namespace http = netnotes::http;

/// What the library says of the first line alone. Returns nothing for its rules that are not a part of this exercise.
std::optional<start_line> library(std::string_view bytes) {
    const std::size_t end = bytes.find('\n');
    std::string text{bytes.substr(0, end == bytes.npos ? end : end + 1)};
    if (end != bytes.npos) text += "Host: a\r\n\r\n";
    http::limits bounds;
    bounds.start_line = 8000;
    http::request_head head;
    http::head_progress seen;
    const auto result = http::parse_head(text, seen, head, bounds);
    if (result.needs_more()) return start_line{};
    if (result.is_complete())
        return start_line{200, std::string{head.method_name}, std::string{head.target}, head.minor_version};
    using http::reason;
    const reason why = result.refusal.why;
    if (why == reason::target_form || why == reason::percent || why == reason::no_tunnels) return std::nullopt;
    return start_line{result.refusal.status().code(), "", "", 0};
}

std::string shown(const start_line& line) {
    std::ostringstream out;
    out << line.status;
    if (line.status == 200)
        out << ' ' << grader::shown(line.method) << ' ' << grader::shown(line.target) << " 1." << line.minor_version;
    return out.str();
}
std::string call(std::string_view bytes) {
    if (bytes.size() > 100)
        return "read_start_line() " + grader::translated("of " + std::to_string(bytes.size()) + " bytes");
    return "read_start_line(" + grader::shown(bytes) + ")";
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto same = [&](const std::string& what, const std::string& got, const std::string& wanted) {
        steps.expect(got == wanted, what, grader::either("given ", "得到 ") + wanted,
                     grader::either("gave ", "得到了 ") + got);
    };
    const auto is = [&](const std::string& bytes, const start_line& wanted) {
        // A copy without spare room, so that a read beyond the bytes is noticed.
        const std::vector<char> copy(bytes.begin(), bytes.end());
        same(call(bytes), shown(read_start_line({copy.data(), copy.size()})), shown(wanted));
    };
    const auto status = [&](const std::string& bytes, int wanted) {
        steps.equal(call(bytes), read_start_line(bytes).status, wanted);
    };
    steps.step("a line in one piece", "一行一次到达", [&] {
        is("GET / HTTP/1.1\r\n", {200, "GET", "/", 1});
        is("POST /notes?page=2 HTTP/1.1\r\n", {200, "POST", "/notes?page=2", 1});
    });
    steps.step("a line that is cut anywhere", "在任何地方切开的一行", [&] {
        const std::string line = "GET /notes HTTP/1.1\r\n";
        for (std::size_t size = 0; size < line.size(); ++size) status(line.substr(0, size), 0);
    });
    steps.step("the bytes behind the line are not looked at", "不看这一行后面的字节", [&] {
        for (const char* rest : {"H", "Host: a\r\n\r\n", "\n", "\r\n\r\nbody HTTP/2.0\r\n"})
            is(std::string{"GET / HTTP/1.1\r\n"} + rest, {200, "GET", "/", 1});
    });
    steps.step("versions", "版本", [&] {
        is("GET / HTTP/1.0\r\n", {200, "GET", "/", 0});
        is("GET / HTTP/1.2\r\n", {200, "GET", "/", 1});
        is("GET / HTTP/1.9\r\n", {200, "GET", "/", 1});
        for (const char* version : {"HTTP/2.0", "HTTP/0.9", "HTTP/3.1", "HTTP/9.9"})
            status(std::string{"GET / "} + version + "\r\n", 505);
        for (const char* version :
             {"HTTP/1", "HTTP/1.", "HTTP/1.10", "HTTP/01.1", "http/1.1", "HTTP/1,1", "HTTP/a.1", "HTTP/1.a", "HTTP/+.1",
              "HTTP/1.:", "HTTP/:.1", "HTTP/1./", "HTTP//.1", "HTTPS/1.1", "JTTP/1.1", ""})
            status(std::string{"GET / "} + version + "\r\n", 400);
    });
    steps.step("wrong lines", "错误的行", [&] {
        for (const char* line :
             {"GET", "GET ", "GET /", " / HTTP/1.1", "GET  HTTP/1.1", "GET  / HTTP/1.1", "GET /  HTTP/1.1",
              "GET / HTTP/1.1 ", "G@T / HTTP/1.1", "GET /a b HTTP/1.1", "GET\t/ HTTP/1.1", "GET /#a HTTP/1.1",
              "GET /\x80 HTTP/1.1", "GET / HTTP/1.1\r", "GE\rT / HTTP/1.1", "(GET) / HTTP/1.1"})
            status(std::string{line} + "\r\n", 400);
        status(std::string{"GET /a\0b HTTP/1.1\r\n", 20}, 400);
        status(std::string{"G\0T / HTTP/1.1\r\n", 16}, 400);
    });
    steps.step("\\n without \\r is wrong at once", "没有 \\r 的 \\n 立即算错误", [&] {
        for (const char* line : {"GET / HTTP/1.1\n", "GET / HTTP/1.1\nHost: a\r\n", "GET\n", "\n"}) status(line, 400);
    });
    steps.step("a line has at most 8,000 bytes", "一行最多 8000 字节", [&] {
        const auto of = [](std::size_t size) { return "GET /" + std::string(size - 14, 'x') + " HTTP/1.1"; };
        is(of(8000) + "\r\n", {200, "GET", "/" + std::string(7986, 'x'), 1});
        for (const std::size_t size : {7999, 8000}) status(of(size), 0);
        status(of(8000) + "\r", 0);
        status(of(8001) + "\r\n", 414);
        status("GET /" + std::string(7997, 'x'), 414);
        status(std::string(2'000'000, 'x'), 414);
    });
    steps.step("random lines, cut anywhere, against the library", "随机的行，在任何地方切开，与库对照", [&] {
        const char* const methods[] = {"GET", "POST", "OPTIONS", "M-SEARCH", "get", "x!~"};
        const char* const targets[] = {"/", "/notes", "/a/b?c=d&e", "/~user/[1]", "/\"<>\\^`{|}"};
        const char* const versions[] = {"HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.5", "HTTP/2.0"};
        const std::string_view other{" \t\r\n\0/.19Ga@#\x7f\x80H", 17};
        for (int round = 0; round < 300; ++round) {
            std::string line = std::string{methods[steps.below(6)]} + ' ' + targets[steps.below(5)] + ' ' +
                               versions[steps.below(5)] + "\r\n";
            if (steps.below(4) > 0) {
                const std::size_t at = 1 + steps.below(static_cast<std::uint32_t>(line.size() - 1));
                const char byte = other[steps.below(static_cast<std::uint32_t>(other.size()))];
                switch (steps.below(3)) {
                    case 0: line[at] = byte; break;
                    case 1: line.insert(at, 1, byte); break;
                    default: line.erase(at, 1);
                }
            }
            for (std::size_t size = 0; size <= line.size(); ++size) {
                const std::string bytes = line.substr(0, size);
                const auto wanted = library(bytes);
                if (!wanted) continue;
                const start_line got = read_start_line(bytes);
                const bool has_ended = bytes.find('\n') != bytes.npos;
                // A refusal may come early, or with the end of the line.
                if (wanted->status >= 400 && (got.status >= 400 || (got.status == 0 && !has_ended))) continue;
                if (wanted->status == 0 && got.status == 400 && bytes.ends_with('\r') && library(line + "x") &&
                    library(line + "x\r\n")->status != 200)
                    continue;
                same(call(bytes), shown(got), shown(*wanted));
            }
        }
    });
    return steps.result();
}
