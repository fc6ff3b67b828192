// Measures parse_head() with the request that other parsers use for their tables: 703 bytes, nine fields.
//
//     http_bench                     prints nanoseconds a head, for each way
//     http_bench WAY ROUNDS          goes ROUNDS times through it, for callgrind; WAY is one of
//         netnotes       views into the bytes
//         owned          the same, and a request that owns its texts
//         short          a head of 40 bytes
//         bytewise       the head of 703 bytes, which arrives byte by byte
//         http-parser    the C library of that name, with callbacks for target and fields; only where it was found
//     http_bench --smoke             checks that the ways agree
//
// The goal: parse_head() takes at most 0.3 of http-parser's time. http_instructions.sh counts instructions.

#include <netnotes/http/parser.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#ifdef NETNOTES_HTTP_PARSER
#include <http_parser.h>
#endif

namespace http = netnotes::http;

namespace {

constexpr std::string_view small = "GET / HTTP/1.1\r\nHost: localhost:8000\r\n\r\n";
const std::string large_text =
    std::string{"GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n"} +
    "Host: www.kittyhell.com\r\n" +
    "User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) Gecko/20100401 Firefox/3.6.3 " +
    "Pathtraq/0.9\r\n" + "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
    "Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\n" + "Accept-Encoding: gzip,deflate\r\n" +
    "Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\n" + "Keep-Alive: 115\r\n" + "Connection: keep-alive\r\n" +
    "Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; " +
    "__utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx." +
    "xxxxxxxxxx.x; "
    "__utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.livedoor.com|utmcct=/reader/|utmcmd=" +
    "referral\r\n\r\n";
const std::string_view large = large_text;

http::request_head head;

std::size_t parse(std::string_view bytes) {
    http::head_progress seen;
    return http::parse_head(bytes, seen, head).size + head.fields().size();
}
std::size_t owned() { return parse(large) + http::to_request(head).fields().size(); }
std::size_t bytewise() {
    http::head_progress seen;
    for (std::size_t size = 1; size < large.size(); ++size)
        if (!http::parse_head(large.substr(0, size), seen, head).needs_more()) std::abort();
    return http::parse_head(large, seen, head).size + head.fields().size();
}
std::size_t peer() {
#ifdef NETNOTES_HTTP_PARSER
    static std::size_t count;
    static const http_parser_settings settings = [] {
        http_parser_settings made;
        http_parser_settings_init(&made);
        const auto text = [](http_parser*, const char*, std::size_t) { return 0; };
        made.on_url = made.on_header_field = text;
        made.on_header_value = [](http_parser*, const char*, std::size_t) {
            ++count;
            return 0;
        };
        return made;
    }();
    count = 0;
    http_parser parser;
    http_parser_init(&parser, HTTP_REQUEST);
    return http_parser_execute(&parser, &settings, large.data(), large.size()) + count;
#else
    return 0;
#endif
}

std::size_t run(std::string_view way, long rounds) {
    std::size_t sum = 0;
    for (long i = 0; i < rounds; ++i) {
        if (way == "netnotes") sum += parse(large);
        if (way == "owned") sum += owned();
        if (way == "short") sum += parse(small);
        if (way == "bytewise") sum += bytewise();
        if (way == "http-parser") sum += peer();
    }
    return sum;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view way = argc > 1 ? argv[1] : "";
    if (way == "--smoke") {
        const bool is_right = large.size() == 703 && parse(large) == 712 && owned() == 721 && parse(small) == 41 &&
                              bytewise() == 712 && (peer() == 0 || peer() == 712);
        std::puts(is_right ? "well" : "the ways do not agree");
        return is_right ? 0 : 1;
    }
    if (argc == 3) {
        std::printf("%zu\n", run(way, std::atol(argv[2])));
        return 0;
    }
    for (const std::string_view each : {"netnotes", "owned", "short", "bytewise", "http-parser"}) {
        const long rounds = each == "bytewise" ? 5'000 : 200'000;
        double best = 1e12;
        for (int i = 0; i < 5; ++i) {
            const auto began = std::chrono::steady_clock::now();
            if (run(each, rounds) == 0) break;
            const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
            best = std::min(best, took.count() / static_cast<double>(rounds));
        }
        if (best < 1e12) std::printf("%-12.*s %9.1f ns\n", static_cast<int>(each.size()), each.data(), best);
    }
}
