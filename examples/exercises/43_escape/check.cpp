#include "escape.hpp"

#include "grader.hpp"

#include <netnotes/web/value.hpp>

namespace web = netnotes::web;

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto is = [&](const std::string& text, const std::string& wanted) {
        const std::vector<char> copy(text.begin(), text.end());  // no spare room: a read beyond the text is noticed
        steps.equal("escape(" + grader::shown(text) + ")", escape({copy.data(), copy.size()}), wanted);
    };
    steps.step("text without special characters stays", "没有特殊字符的文本保持不变", [&] {
        for (const char* text : {"", "a", "hello, world", "100 % (of 7); a=b\\c/d`e#f\t\r\n", "文件 é"}) is(text, text);
    });
    steps.step("each of the five characters", "五个字符中的每一个", [&] {
        is("a < b", "a &lt; b");
        is("a > b", "a &gt; b");
        is("a & b", "a &amp; b");
        is("say \"hi\"", "say &quot;hi&quot;");
        is("it's", "it&#x27;s");
        is("&<>\"'", "&amp;&lt;&gt;&quot;&#x27;");
    });
    steps.step("a script is text", "脚本成为文本",
               [&] { is("<script>alert('x')</script>", "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;"); });
    steps.step("no text leaves an attribute", "任何文本都不能离开属性", [&] {
        is("\" onmouseover=\"alert(1)", "&quot; onmouseover=&quot;alert(1)");
        is("' onmouseover='alert(1)", "&#x27; onmouseover=&#x27;alert(1)");
    });
    steps.step("text that looks escaped is text, too", "看上去已经转义的文本也是文本", [&] {
        for (const char* text : {"&lt;", "&amp;", "&gt;b", "&#x27;", "&quot;", "&copy;", "&amp;amp;", "&#60;"}) {
            is(text, "&amp;" + std::string{text + 1});
        }
        is("&amp;lt;", "&amp;amp;lt;");
    });
    steps.step("a zero byte, and bytes above 127", "零字节和大于 127 的字节", [&] {
        is(std::string{"a\0<", 3}, std::string{"a\0&lt;", 6});
        is("\x80\xff\xc3<", "\x80\xff\xc3&lt;");
    });
    steps.step("random text, against the library", "随机文本，与库对照", [&] {
        const std::string_view characters = "&<>\"'ab;#x27ltgmpquo \\/`=";
        for (int round = 0; round < 2000; ++round) {
            std::string text(steps.below(20), ' ');
            for (char& each : text) each = characters[steps.below(static_cast<std::uint32_t>(characters.size()))];
            is(text, web::escape(text));
        }
        std::string bytes(256, ' ');
        for (int i = 0; i < 256; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>(i);
        is(bytes, web::escape(bytes));
    });
    steps.step("a text of 6 MB takes no longer than it must", "6 MB 的文本不会用去过多时间", [&] {
        std::string text;
        for (int i = 0; i < 600'000; ++i) text += "'\"<&>";
        text += std::string(3'000'000, 'x');  // and each other byte is cheap, too
        steps.expect(escape(text) == web::escape(text), grader::either("the text of 6 MB", "6 MB 的文本"),
                     grader::either("been escaped", "被转义"), grader::either("it differs", "结果不同"));
    });
    return steps.result();
}
