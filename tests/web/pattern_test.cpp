// Regular expressions: what they match, what is refused, and how many steps they take.
// SPDX-License-Identifier: MIT
//
// tests/interop/web_django.py compares them with Python's in thousands of random cases.

#include <netnotes/web/pattern.hpp>

#include "web.hpp"

namespace {

/// All groups of the first match, with | between them; "-" for a group that took no part, "no" for no match.
std::string groups(std::string_view pattern, std::string_view text) {
    const web::pattern made{pattern};
    const auto found = made.search(text);
    if (!found) return "no";
    std::string all;
    for (std::size_t i = 0; i < found->size(); ++i) all.append(i == 0 ? "" : "|").append((*found)[i].value_or("-"));
    return all;
}
std::string refusal(std::string_view text) {
    net::parse_failure why;
    return web::pattern::parse(text, why) ? "taken" : why.message();
}

}  // namespace

TEST_CASE("a URL pattern gives its groups by number and by name") {
    const web::pattern detail{R"(^articles/(?P<year>\d{4})/(\w+)/$)"};
    REQUIRE(detail.group_count() == 2);
    REQUIRE(detail.names().size() == 1);
    const auto found = detail.search("articles/2026/web/");
    REQUIRE(found);
    CHECK((*found)[0] == "articles/2026/web/");
    CHECK((*found)["year"] == "2026");
    CHECK((*found)[1] == "2026");
    CHECK((*found)[2] == "web");
    CHECK((*found)[3] == std::nullopt);
    CHECK((*found)["month"] == std::nullopt);
    CHECK(!detail.search("articles/26/web/"));
    CHECK(!detail.search("/articles/2026/web/"));
}

TEST_CASE("alternatives and repetitions have the priorities of Python") {
    CHECK(groups("a|ab", "ab") == "a");
    CHECK(groups("(a|ab)(c|bcd)(d*)", "abcd") == "abcd|a|bcd|");
    CHECK(groups("a+?", "aaa") == "a");
    CHECK(groups("(a*)(a*)", "aaa") == "aaa|aaa|");
    CHECK(groups("(a*?)(a*)$", "aaa") == "aaa||aaa");
    CHECK(groups("x{2,3}", "xxxx") == "xxx");
    CHECK(groups("x{2,3}?", "xxxx") == "xx");
    CHECK(groups("(?:(a)|b)*", "ab") == "ab|a");
    CHECK(groups("a{,2}b", "aaab") == "aab");
    CHECK(groups("a{x}", "a{x}") == "a{x}");
    CHECK(groups("b|", "a") == "");
}

TEST_CASE("a repetition of something empty repeats once more and stops, as in Python") {
    CHECK(groups("(a*)*", "aa") == "aa|");
    CHECK(groups("(a*)+", "b") == "|");
    CHECK(groups("(a|b*)*", "ab") == "ab|");
    CHECK(groups("(?:|ab)*$", "abab") == "abab");
    CHECK(groups("((a*)(b*))*", "ab") == "ab|||");
    CHECK(groups("(?:(?P<x>a){0}|b.{0,1})*$", "bbb") == "bbb|-");
}

TEST_CASE("anchors and word boundaries hold where Python has them") {
    CHECK(groups("a$", "a\n") == "a");
    CHECK(groups(R"(a\Z)", "a\n") == "no");
    CHECK(groups(R"(\bb\w*)", "ab bc") == "bc");
    CHECK(groups(R"(a\B.)", "a ab") == "ab");
    CHECK(groups("^b", "a\nb") == "no");
    CHECK(groups(".", "\n") == "no");
}

TEST_CASE("a character is a code point of UTF-8 and any other byte stands for itself") {
    CHECK(groups("^.$", "é") == "é");
    CHECK(groups("[à-ö]+", "xéèy") == "éè");
    CHECK(groups("^[^/]+$", "中文") == "中文");
    CHECK(groups("^.$", "\xff") == "\xff");
    CHECK(groups(R"(\w)", "é") == "no");  // ASCII, as with re.ASCII
    CHECK(groups(R"(\u4e2d\x41)", "中A") == "中A");
    CHECK(groups(R"([\W]+)", "aé!") == "é!");
}

TEST_CASE("match begins at the beginning and full_match ends at the end") {
    const web::pattern number{R"(\d+|\d+a)"};
    CHECK(number.search("x12"));
    CHECK(!number.match("x12"));
    CHECK(number.match("12a")->end() == 2);
    CHECK(number.full_match("12a")->end() == 3);
    CHECK(!number.full_match("12ab"));
}

TEST_CASE("what cannot be done in one walk is refused with its place") {
    CHECK_THAT(refusal("a(?=b)"), Catch::Matchers::ContainsSubstring("lookaround is refused") &&
                                      Catch::Matchers::ContainsSubstring("at character 1"));
    for (const auto text : {"(?!a)", "(?<=a)", "(?<!a)"}) CHECK(refusal(text).starts_with("lookaround is refused"));
    CHECK(refusal(R"((a)\1)").starts_with("a backreference is refused"));
    CHECK(refusal("(?P<n>a)(?P=n)").starts_with("a backreference is refused"));
    CHECK(refusal("a*+").starts_with("a possessive repetition is refused"));
    CHECK(refusal("(?i)a") == "behind an opening parenthesis and a question mark comes ':' or 'P<', at character 0");
}

TEST_CASE("a faulty pattern is refused with the place of the fault") {
    CHECK(refusal("ab(c") == "this '(' has no ')', at character 2");
    CHECK(refusal("ab)c") == "')' has no '(', at character 2");
    CHECK(refusal("x[a-") == "this '[' has no ']', at character 1");
    CHECK(refusal("x[z-a]") == "this range of characters is empty or has no end, at character 2");
    CHECK(refusal("*a") == "there is nothing to repeat, at character 0");
    CHECK(refusal("a|^*") == "there is nothing to repeat, at character 2");
    CHECK(refusal("a**") == "a repetition stands behind a repetition, at character 2");
    CHECK(refusal("a{3,2}") == "the least count is above the greatest, at character 1");
    CHECK(refusal("a\\") == "a backslash has nothing behind it, at character 1");
    CHECK(refusal(R"(\q)") == "this escape sequence has no meaning, at character 0");
    CHECK(refusal("(?P<1>a)").starts_with("the name of a group has letters"));
    CHECK(refusal("(?P<a>b)(?P<a>c)") == "two groups have this name, at character 12");
    CHECK_THROWS_AS(web::pattern{"("}, net::parse_error);
}

TEST_CASE("a pattern that would grow without bounds is refused") {
    CHECK(refusal("((a{1000}){1000}){1000}").starts_with("the pattern becomes too large"));
    CHECK(refusal("(?:(?:(?:(?:){1000}){1000}){1000}){1000}").starts_with("the pattern becomes too large"));
    CHECK(refusal("a{1001}") == "a count is above 1000, at character 1");
    CHECK(refusal("a{99999999999999999999}") == "a count is above 1000, at character 1");
    CHECK(refusal(std::string(60, '(') + std::string(60, ')')).starts_with("groups are nested too deep"));
    std::string many;
    for (int i = 0; i < 101; ++i) many += "()";
    CHECK(refusal(many) == "too many groups, at character 200");
}

TEST_CASE("the steps of a search grow as the text does") {
    for (const auto text : {"(a+)+$", "(a|a)*b", "(a*)*(a*)*b", "(.*)*x", "(?:a?){30}a{30}$"}) {
        const web::pattern evil{text};
        const auto steps = [&](std::size_t size) {
            std::size_t count = 0;
            CHECK(!evil.match(std::string(size, 'a') + "!", &count));
            return count;
        };
        const std::size_t once = steps(1'024), twice = steps(2'048);
        INFO(text << ": " << once << " and " << twice);
        CHECK(twice < 2 * once + evil.program_size() * 4);
        CHECK(once < 1'026 * evil.program_size() * 4);
    }
    const web::pattern notes{"(a+)+$"};
    std::size_t count = 0;
    CHECK(!notes.search(std::string(65'536, 'a') + "!", &count));
    CHECK(count < 65'538 * 32);
}
