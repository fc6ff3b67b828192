#include "csrf.hpp"

#include "grader.hpp"

#include <algorithm>
#include <set>

namespace {

using grader::either;
using grader::shown;

std::string some_secret() {
    std::string made;
    while (made.size() < 32) made += random_letter();
    return made;
}
/// A token as the task describes it.
std::string token_of(const std::string& secret, const std::string& mask) {
    std::string made = mask;
    for (std::size_t i = 0; i < secret.size(); ++i) made += letters[(letters.find(secret[i]) + letters.find(mask[i])) % letters.size()];
    return made;
}
/// Counts what a compressor sends: letters, and references to a text of at least three letters that came before.
std::size_t compressed_size(std::string_view page) {
    std::size_t count = 0;
    for (std::size_t at = 0; at < page.size(); ++count) {
        std::size_t longest = 0;
        for (std::size_t from = 0; from < at; ++from) {
            std::size_t same = 0;
            while (at + same < page.size() && page[from + same] == page[at + same]) ++same;
            longest = std::max(longest, same);
        }
        at += longest >= 3 ? longest : 1;
    }
    return count;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const std::string secret = some_secret(), other = some_secret(), ours{our_origin};
    const auto judge = [&](const request& ask, bool wanted, const char* what) {
        const std::string told = ask.method + ", " + what;
        steps.expect(is_ours(ask) == wanted, told, wanted ? either("passed", "通过") : either("been refused", "被拒绝"),
                     wanted ? either("it was refused", "被拒绝了") : either("it passed", "通过了"));
    };
    steps.step("the form of the own page passes", "本站网页的表单通过", [&] {
        for (int i = 0; i < 20; ++i) {
            const std::string mine = some_secret();
            judge({"POST", ours, mine, new_token(mine)}, true, either("own page, own token", "本站网页，自己的令牌"));
            judge({"POST", "", mine, new_token(mine)}, true, either("an old browser without Origin", "没有 Origin 的旧浏览器"));
        }
    });
    steps.step("reading needs no token", "读取不需要令牌", [&] {
        for (const char* method : {"GET", "HEAD", "OPTIONS", "TRACE"}) {
            judge({method, "", "", ""}, true, either("without cookie", "没有 cookie"));
            judge({method, "https://evil.example", secret, "x"}, true, either("a link on another site", "其他网站上的链接"));
        }
    });
    steps.step("the page of another site is refused", "其他网站的网页被拒绝", [&] {
        for (const char* origin : {"https://evil.example", "http://shop.example", "https://shop.example.evil.example", "https://shop.example:8443",
                                   "https://shop.exampl", "https://evil-shop.example", "null", "shop.example", "HTTPS://SHOP.EXAMPLE/"})
            judge({"POST", origin, secret, new_token(secret)}, false, (std::string{"Origin "} + origin).c_str());
    });
    steps.step("every method but the four needs a token", "除那四种以外，每种方法都需要令牌", [&] {
        for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "get", "BREW", ""}) {
            judge({method, "", secret, ""}, false, either("without token", "没有令牌"));
            judge({method, ours, secret, new_token(other)}, false, either("the token of another person", "别人的令牌"));
            judge({method, ours, secret, new_token(secret)}, true, either("own token", "自己的令牌"));
        }
    });
    steps.step("half a secret is refused", "残缺的秘密被拒绝", [&] {
        const std::string token = new_token(secret);
        judge({"POST", ours, "", ""}, false, either("no cookie and no token", "没有 cookie，也没有令牌"));
        judge({"POST", ours, "", token}, false, either("no cookie", "没有 cookie"));
        judge({"POST", ours, secret.substr(1), token}, false, either("a cookie of 31 letters", "31 个字母的 cookie"));
        judge({"POST", ours, secret + "a", token}, false, either("a cookie of 33 letters", "33 个字母的 cookie"));
        judge({"POST", ours, secret, token.substr(0, 63)}, false, either("a token of 63 letters", "63 个字母的令牌"));
        judge({"POST", ours, secret, token + "a"}, false, either("a token of 65 letters", "65 个字母的令牌"));
        judge({"POST", ours, secret, secret}, false, either("the secret as the token", "把秘密当作令牌"));
        judge({"POST", ours, std::string(32, '-'), std::string(64, '-')}, false, either("characters that are no letters", "不是字母的字符"));
        judge({"POST", ours, secret, std::string(63, 'a') + '-'}, false, either("a token with a character that is no letter", "令牌里有不是字母的字符"));
        judge({"POST", ours, "a", "b"}, false, either("a cookie of one letter", "一个字母的 cookie"));
    });
    steps.step("each page has another token, and all of them pass", "每个网页的令牌都不同，并且都通过", [&] {
        std::set<std::string> tokens;
        for (int i = 0; i < 200; ++i) tokens.insert(new_token(secret));
        steps.equal(either("the number of different tokens of 200 pages", "200 个网页的不同令牌的个数"), tokens.size(), std::size_t{200});
        for (const std::string& each : tokens) judge({"POST", ours, secret, each}, true, either("a token of an earlier page", "较早网页的令牌"));
    });
    steps.step("a token is a mask of 32 letters and the masked secret", "令牌是 32 个字母的掩码和掩盖后的秘密", [&] {
        for (int i = 0; i < 50; ++i) {
            const std::string mine = some_secret(), token = new_token(mine);
            steps.equal(either("the token", "令牌"), token, token_of(mine, token.substr(0, 32)));
            judge({"POST", ours, mine, token_of(mine, some_secret())}, true, either("a token that the check has made", "检查程序制作的令牌"));
        }
    });
    steps.step("one wrong letter is enough", "错一个字母就够了", [&] {
        for (std::size_t at = 0; at < 64; ++at) {
            std::string token = new_token(secret);
            token[at] = letters[(letters.find(token[at]) + 1 + steps.below(61)) % letters.size()];
            judge({"POST", ours, secret, token}, false, (either("letter ", "字母 ") + std::to_string(at + 1) + either(" is wrong", " 错")).c_str());
        }
    });
    steps.step("sizes of compressed pages tell nothing (BREACH)", "压缩后网页的大小不泄露任何信息（BREACH）", [&] {
        // The page repeats what the attacker sends, behind the words that stand before the token.
        const std::string mine = some_secret();
        std::size_t right = 0;
        for (std::size_t known = 0; known < 16; ++known) {
            std::size_t smallest = std::string::npos;
            char best = '?';
            for (const char guess : letters) {
                const std::size_t size = compressed_size("q=" + mine.substr(0, known) + guess + " token=" + new_token(mine));
                if (size < smallest) smallest = size, best = guess;
            }
            right += best == mine[known];
        }
        steps.expect(right < 10, either("an attacker who knows all letters before", "知道前面全部字母的攻击者"),
                     either("guessed few of 16 letters", "在 16 个字母里猜对很少"),
                     either("guessed ", "猜对了 ") + std::to_string(right));
    });
    return steps.result();
}
