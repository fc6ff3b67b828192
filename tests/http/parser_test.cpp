// What http/parser.hpp and http/body.hpp promise: each message of the corpus has one meaning, whatever the cuts.

#include <netnotes/http/body.hpp>
#include <netnotes/http/parser.hpp>

#include "../catch.hpp"
#include "corpus.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace http = netnotes::http;
using namespace std::string_literals;
using corpus::reason;

namespace {

std::string show(const http::refusal& why) {
    return "refused " + std::to_string(static_cast<int>(why.why)) + " line " + std::to_string(why.line) + " offset " +
           std::to_string(why.offset) + "+" + std::to_string(why.line_begin) + "\n";
}

/// A server's view of a connection. Bytes come in pieces, and each attempt sees them at a new place, which has exactly
/// their size, so that a sanitizer finds a byte read too far. The events are kept as text.
class reader {
  public:
    void feed(std::string_view bytes) {
        rest_ += bytes;
        while (!is_refused_ && step()) {
        }
    }
    [[nodiscard]] std::string events() const { return text_ + data(); }
    [[nodiscard]] reason why() const noexcept { return why_; }
    [[nodiscard]] bool is_whole() const noexcept { return !in_body_ && rest_.empty(); }
    std::size_t attempts = 0;

  private:
    [[nodiscard]] std::string data() const { return data_.empty() ? "" : "data " + data_ + "\n"; }
    void flush() {
        text_ += data();
        data_.clear();
    }
    void refuse(const http::refusal& why) {
        flush();
        text_ += show(why);
        why_ = why.why;
        is_refused_ = true;
    }
    bool step() {
        const std::unique_ptr<char[]> copy{new char[rest_.size()]};
        std::copy(rest_.begin(), rest_.end(), copy.get());
        const std::string_view bytes{copy.get(), rest_.size()};
        return in_body_ ? body(bytes) : head(bytes);
    }
    bool head(std::string_view bytes) {
        if (bytes.empty()) return false;
        ++attempts;
        const auto result = http::parse_head(bytes, seen_, head_);
        if (result.is_refused()) return refuse(result.refusal), false;
        if (result.needs_more()) return false;
        seen_ = {};
        text_ += "head " + std::string{head_.method_name} + " " + std::string{head_.target} + " 1." +
                 std::to_string(head_.minor_version) + " " + std::string{head_.host} +
                 (head_.keeps_alive ? " keep" : "") + (head_.expects_continue ? " expect" : "") +
                 " upgrade=" + std::string{head_.upgrade} + "\n";
        for (const auto& [name, value] : head_.fields())
            text_.append("  ").append(name).append("=").append(value).append("|\n");
        CHECK_NOTHROW(http::to_request(head_));
        body_ = http::body_decoder{head_.body()};
        in_body_ = true;
        rest_.erase(0, result.size);
        return true;
    }
    bool body(std::string_view bytes) {
        const auto piece = body_.next(bytes);
        data_ += piece.data;
        rest_.erase(0, piece.consumed);
        if (body_.is_refused()) return refuse(body_.refusal()), false;
        if (!body_.is_done()) return piece.consumed > 0 && !rest_.empty();
        flush();
        for (const auto& [name, value] : body_.trailers())
            text_.append("  trailer ").append(name).append("=").append(value).append("|\n");
        text_ += "end\n";
        in_body_ = false;
        return !rest_.empty();
    }

    std::string rest_, text_, data_;
    http::head_progress seen_;
    http::request_head head_;
    http::body_decoder body_;
    bool in_body_ = false, is_refused_ = false;
    reason why_ = reason::none;
};

/// Why a head is refused, in words.
std::string sentence(std::string_view bytes) {
    http::request_head head;
    http::head_progress seen;
    const auto result = http::parse_head(bytes, seen, head);
    return result.is_refused() ? result.refusal.message(bytes) : "";
}

}  // namespace

TEST_CASE("the corpus: each request is accepted, or refused for its reason") {
    for (const auto& [name, bytes, why] : corpus::requests()) {
        INFO(name);
        reader whole;
        whole.feed(bytes);
        INFO(whole.events().substr(0, 500));
        CHECK(whole.why() == why);
        if (why == reason::none) CHECK(whole.is_whole());
    }
}

TEST_CASE("the corpus: the same events at every cut, and byte by byte") {
    for (const auto& [name, bytes, why] : corpus::requests()) {
        INFO(name);
        reader whole;
        whole.feed(bytes);
        reader bytewise;
        for (const char c : bytes) bytewise.feed({&c, 1});
        CHECK((bytewise.events() == whole.events()));
        // Of a long message try the cuts at both ends, at the limits, and some between.
        const std::size_t step = bytes.size() > 2000 ? 509 : 1;
        for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
            const bool is_near_limit = cut > 8150 && cut < 8250;
            if (step > 1 && cut > 100 && bytes.size() - cut > 100 && cut % step != 0 && !is_near_limit) continue;
            reader two;
            two.feed(std::string_view{bytes}.substr(0, cut));
            two.feed(std::string_view{bytes}.substr(cut));
            if (two.events() != whole.events()) {
                INFO("cut at " << cut);
                CHECK(two.events() == whole.events());
            }
        }
    }
}

TEST_CASE("the limits are the same whatever the cuts") {
    // A head that breaks several rules near a limit: the first broken rule or the limit, but never depending on the
    // cuts.
    http::limits bounds;
    bounds.start_line = 20;
    bounds.fields = 30;
    bounds.field_count = 3;
    const std::string lines[] = {"GET /", "\r\n",     " HTTP/1.1\r\n", "a", "\r", "\n",
                                 " ",     "A: b\r\n", "Host: a\r\n",   ":", "%",  "\t"};
    std::uint32_t random = 1;
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes = "GET /";
        for (int i = 0; i < 14; ++i) {
            random = random * 1'664'525 + 1'013'904'223;
            bytes += lines[(random >> 16) % std::size(lines)];
        }
        bytes += "\r\n\r\n\n";
        http::request_head head;
        http::head_progress once;
        const auto whole = http::parse_head(bytes, once, head, bounds);
        REQUIRE_FALSE(whole.needs_more());
        http::head_progress seen;
        for (std::size_t size = 1; size <= bytes.size(); ++size) {
            const auto part = http::parse_head(std::string_view{bytes}.substr(0, size), seen, head, bounds);
            if (part.needs_more()) continue;
            if (part.what != whole.what || part.size != whole.size || part.refusal != whole.refusal) {
                CAPTURE(bytes, size);
                CHECK(show(part.refusal) == show(whole.refusal));
                CHECK(part.size == whole.size);
            }
            break;
        }
    }
}

TEST_CASE("a head that arrives byte by byte is parsed twice, and looked through once") {
    std::string bytes = corpus::get("A: " + std::string(30'000, 'b') + "\r\n");
    http::request_head head;
    http::head_progress seen;
    for (std::size_t size = 1; size < bytes.size(); ++size) {
        REQUIRE(http::parse_head(std::string_view{bytes}.substr(0, size), seen, head).needs_more());
        REQUIRE(seen.seen == size);
    }
    // The parser does not look at seen bytes again: it does not notice the line ends that are there now.
    std::string changed = bytes.substr(0, bytes.size() - 1);
    std::fill(changed.begin() + 100, changed.end() - 200, '\n');
    CHECK(http::parse_head(changed, seen, head).needs_more());
    CHECK(http::parse_head(bytes, seen, head).is_complete());
}

TEST_CASE("the end of a line is no reason to parse a head again") {
    std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n";
    http::request_head head;
    http::head_progress seen;
    REQUIRE(http::parse_head(bytes, seen, head).needs_more());
    std::fill(bytes.begin(), bytes.end() - 2, '\n');  // a parser that looks here again refuses it
    for (int i = 0; i < 3; ++i) {
        bytes += "A: b\r\n";
        CHECK(http::parse_head(bytes, seen, head).needs_more());
    }
    bytes += "\r\n";
    CHECK(http::parse_head(bytes, seen, head).is_refused());
}

TEST_CASE("a refusal of a target tells the place of the byte") {
    const std::pair<std::string_view, std::size_t> refused[] = {{"GET /a%zz HTTP/1.1\r\n\r\n", 6},
                                                                {"GET /a%00?%zz HTTP/1.1\r\n\r\n", 6},
                                                                {"GET http://a/b%zz HTTP/1.1\r\n\r\n", 14},
                                                                {"GET http://a,b/ HTTP/1.1\r\n\r\n", 11}};
    for (const auto& [bytes, place] : refused) {
        INFO(bytes);
        http::request_head head;
        http::head_progress seen;
        const auto result = http::parse_head(bytes, seen, head);
        CHECK(result.is_refused());
        CHECK(result.refusal.offset == place);
    }
}

TEST_CASE("a refusal is a sentence with line, rule and section") {
    CHECK(sentence("GET / HTTP/1.1\r\nA: b\r\nHost : a\r\n\r\n") ==
          "400: line 3 \"Host : a\": a space before the colon (RFC 9112 §5.1)");
    CHECK(sentence("GET / HTTP/1.1\nHost: a\n\n") ==
          "400: line 1 \"GET / HTTP/1.1\": the line ends with LF alone; typing by hand? nc -C sends CR LF (RFC 9112 "
          "§2.2)");
    CHECK(sentence("GET / HTTP/3.0\r\n\r\n") ==
          "505: line 1 \"GET / HTTP/3.0\": this server speaks HTTP/1.1 (RFC 9110 §2.5)");
    CHECK(sentence("GET / HTTP/1.1\r\nA: b\r\n\r\n") == "400: line 3: HTTP/1.1 needs a field Host (RFC 9112 §3.2)");
    CHECK(sentence("\x16\x03\x01") ==
          "400: line 1 \"\\x16\\x03\\x01\": this looks like TLS, and this port speaks plain HTTP (RFC 9112 §3)");
    // Of a long line the place is shown, and control characters are visible.
    const std::string far =
        sentence("GET / HTTP/1.1\r\nHost: a\r\nCookie: " + std::string(200, 'x') + "\x1b[2J\r\n\r\n");
    CHECK(far == "400: line 3 ... \"" + std::string(59, 'x') + "\\x1b\" ...: a control character (RFC 9110 §5.5)");
    for (int i = 0; i <= static_cast<int>(reason::cut_off); ++i) {
        const auto why = static_cast<reason>(i);
        CHECK_FALSE(http::text_of(why).empty());
        CHECK((why == reason::none || http::section_of(why).starts_with("RFC ")));
        CHECK((why == reason::none || http::status_of(why).is_error()));
    }
}

TEST_CASE("a head has views into the bytes, and a request owns its text") {
    std::string bytes = "POST http://b:80/c%20d?e=f HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX-Test:  1 \r\n\r\nabc";
    http::request_head head;
    http::head_progress seen;
    const auto result = http::parse_head(bytes, seen, head);
    REQUIRE(result.is_complete());
    CHECK(bytes.substr(result.size) == "abc");
    CHECK(head.body() == http::framing{http::framing::kind::length, 3});
    CHECK(head.method == http::method::post);
    CHECK(head.host == "a");
    CHECK(head.find("x-test") == "1");
    CHECK(head.find("x-test")->data() == bytes.data() + bytes.find("1 \r"));
    const http::request owned = http::to_request(head);
    std::fill(bytes.begin(), bytes.end(), '#');
    CHECK(owned.method() == http::method::post);
    CHECK(owned.path() == "/c d");
    CHECK(owned.query("e") == "f");
    CHECK(owned.host() == "b:80");
    CHECK(owned.fields() == http::fields{{"Host", "a"}, {"Content-Length", "3"}, {"X-Test", "1"}});
}

TEST_CASE("a head that is used again forgets what it had") {
    http::request_head head;
    http::head_progress seen;
    const std::string first =
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close, upgrade\r\n"
        "Upgrade: x\r\n\r\n";
    REQUIRE(http::parse_head(first, seen, head).is_complete());
    CHECK(head.expects_continue);
    CHECK(head.upgrade == "x");
    http::head_progress next;
    REQUIRE(http::parse_head("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", next, head).is_complete());
    CHECK_FALSE(head.expects_continue);
    CHECK(head.minor_version == 0);
    CHECK(head.keeps_alive);
    CHECK(head.upgrade.empty());
    CHECK(head.host.empty());
    CHECK(head.body() == http::framing{});
    CHECK(head.fields().size() == 1);
    next = {};
    REQUIRE(http::parse_head("GET / HTTP/1.0\r\n\r\n", next, head).is_complete());
    CHECK_FALSE(head.keeps_alive);
    next = {};
    REQUIRE(http::parse_head("GET / HTTP/1.9\r\nHost: a\r\n\r\n", next, head).is_complete());
    CHECK(head.minor_version == 1);
    CHECK(head.keeps_alive);
}

TEST_CASE("the head of a response") {
    using kind = http::framing::kind;
    http::response_head head;
    const auto parse = [&](std::string_view bytes) {
        http::head_progress whole;
        const auto result = http::parse_head(bytes, whole, head);
        http::response_head other;
        for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
            http::head_progress seen;
            auto part = http::parse_head(bytes.substr(0, cut), seen, other);
            if (part.needs_more()) part = http::parse_head(bytes, seen, other);
            if (part.what == result.what && part.size == result.size && part.refusal == result.refusal) continue;
            CAPTURE(cut);
            CHECK(show(part.refusal) == show(result.refusal));
            CHECK(part.size == result.size);
        }
        return result.is_refused() ? result.refusal.why : result.needs_more() ? reason::cut_off : reason::none;
    };
    CHECK(parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") == reason::none);
    CHECK(head.status == 200);
    CHECK(head.reason == "OK");
    CHECK(head.keeps_alive);
    CHECK(head.body(http::method::get) == http::framing{kind::length, 5});
    CHECK(head.body(http::method::head) == http::framing{kind::none, 0});
    CHECK(parse("HTTP/1.0 404 No such\tpage\r\n\r\n") == reason::none);
    CHECK(head.reason == "No such\tpage");
    CHECK(head.body(http::method::get).how == kind::until_close);
    CHECK_FALSE(head.keeps_alive);
    CHECK(parse("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n") == reason::none);
    CHECK(head.reason == "");
    CHECK(head.body(http::method::get).how == kind::chunked);
    CHECK(parse("HTTP/1.1 304\r\nContent-Length: 5\r\n\r\n") == reason::none);
    CHECK(head.body(http::method::get).how == kind::none);
    CHECK(http::to_response(head).status == 304);
    CHECK(parse("HTTP/1.1 599 x\r\n\r\n") == reason::none);
    CHECK(head.status == 599);
    CHECK(parse("HTTP/1.1 200 OK\r\nHost: a\r\nHost: b\r\n\r\n") == reason::none);  // no meaning in a response

    CHECK(parse("HTTP/1.1 20 OK\r\n\r\n") == reason::bad_status);
    CHECK(parse("HTTP/1.1 2000 OK\r\n\r\n") == reason::bad_status);
    CHECK(parse("HTTP/1.1 099 OK\r\n\r\n") == reason::bad_status);
    CHECK(parse("HTTP/1.1 +20 OK\r\n\r\n") == reason::bad_status);
    CHECK(parse("HTTP/1.1\r\n\r\n") == reason::bad_status);
    CHECK(parse("HTTP/2.0 200 OK\r\n\r\n") == reason::unsupported_version);
    CHECK(parse("ICY 200 OK\r\n\r\n") == reason::bad_version);
    CHECK(parse("HTTP/1.1 200 OK\nA: b\n\n") == reason::bare_lf);
    CHECK(parse("HTTP/1.1 200 O\rK\r\n\r\n") == reason::bare_cr);
    CHECK(parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n") == reason::second_length);
    CHECK(parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n") ==
          reason::length_and_coding);
    CHECK(parse("HTTP/1.1 200 " + std::string(9000, 'a') + "\r\n\r\n") == reason::start_line_too_long);
    CHECK(parse("HTTP/1.1 200 OK\r\nA: " + std::string(40'000, 'a') + "\r\n\r\n") == reason::fields_too_large);
}

TEST_CASE("a body ends where its frame says") {
    using kind = http::framing::kind;
    http::body_decoder none;
    CHECK(none.is_done());
    CHECK(none.next("abc").consumed == 0);

    http::body_decoder three{{kind::length, 3}};
    auto piece = three.next("ab");
    CHECK(piece.data == "ab");
    CHECK_FALSE(three.is_done());
    piece = three.next("cde");
    CHECK(piece.data == "c");
    CHECK(piece.consumed == 1);
    CHECK(three.is_done());
    CHECK(three.size() == 3);
    three.end();
    CHECK(three.is_done());

    http::body_decoder rest{{kind::until_close, 0}};
    CHECK(rest.next("abc").data == "abc");
    CHECK_FALSE(rest.is_done());
    rest.end();
    CHECK(rest.is_done());

    http::body_decoder cut{{kind::length, 3}};
    CHECK(cut.next("ab").consumed == 2);
    cut.end();
    CHECK(cut.refusal().message() ==
          "400: byte 2 of the body: the connection has ended inside the message (RFC 9112 §8)");
    http::body_decoder chunks{{kind::chunked, 0}};
    CHECK(chunks.next("3\r\nab").data == "ab");
    chunks.end();
    CHECK(chunks.refusal().why == reason::cut_off);
}

TEST_CASE("a refusal in a body tells the place of the byte") {
    const std::pair<std::string_view, std::size_t> refused[] = {
        {"5\rhello", 1}, {"1\r\na\rb", 4}, {"1\r\nab", 4},           {"x", 0},
        {"5x", 1},       {"5;a\n", 3},     {"0\r\nA : b\r\n\r\n", 4}};
    for (const auto& [bytes, place] : refused) {
        http::body_decoder chunks{{http::framing::kind::chunked, 0}};
        std::string_view rest = bytes;
        while (!chunks.is_refused() && !rest.empty()) rest.remove_prefix(chunks.next(rest).consumed);
        INFO(bytes);
        CHECK(chunks.is_refused());
        CHECK(chunks.refusal().offset == place);
    }
}

TEST_CASE("a body is limited, its extensions and its trailers are, too") {
    using kind = http::framing::kind;
    http::limits bounds;
    bounds.body = 5;
    bounds.extensions = 3;
    bounds.trailers = 6;
    CHECK(http::body_decoder{{kind::length, 6}, bounds}.refusal().status() == 413);
    CHECK_FALSE(http::body_decoder{{kind::length, 5}, bounds}.is_refused());
    const auto decode = [&](kind how, std::string_view bytes) {
        http::body_decoder whole{{how, 0}, bounds};
        while (!bytes.empty() && !whole.is_refused() && !whole.is_done())
            bytes.remove_prefix(whole.next(bytes).consumed);
        return whole.refusal().why;
    };
    CHECK(decode(kind::until_close, "12345") == reason::none);
    CHECK(decode(kind::until_close, "123456") == reason::body_too_large);
    CHECK(decode(kind::chunked, "3\r\n123\r\n2\r\n45\r\n0\r\n\r\n") == reason::none);
    CHECK(decode(kind::chunked, "3\r\n123\r\n3\r\n456\r\n0\r\n\r\n") == reason::body_too_large);
    CHECK(decode(kind::chunked, "1;\r\n1\r\n1;a\r\n1\r\n0\r\n\r\n") == reason::none);
    CHECK(decode(kind::chunked, "1;\r\n1\r\n1;ab\r\n1\r\n0\r\n\r\n") == reason::extensions_too_large);
    CHECK(decode(kind::chunked, "0\r\nA: b\r\n\r\n") == reason::none);
    CHECK(decode(kind::chunked, "0\r\nA: bc\r\n\r\n") == reason::trailers_too_large);
}

TEST_CASE("what writes chunks is read again") {
    for (const std::uint64_t size : {1ull, 9ull, 10ull, 255ull, 65'536ull}) {
        http::limits bounds;
        const std::string data(static_cast<std::size_t>(size), 'x');
        const std::string bytes = http::write_chunk_head(size).append(data).append("\r\n").append(http::last_chunk);
        http::body_decoder decoder{{http::framing::kind::chunked, 0}, bounds};
        std::string read;
        std::string_view rest = bytes;
        while (!decoder.is_done()) {
            const auto piece = decoder.next(rest);
            read += piece.data;
            rest.remove_prefix(piece.consumed);
        }
        CHECK(read == data);
        CHECK(rest.empty());
    }
    CHECK(http::write_chunk_head(~0ull) == "ffffffffffffffff\r\n");
}
