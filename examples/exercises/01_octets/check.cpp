#include "octets.hpp"

#include "grader.hpp"

#include <netnotes/ip.hpp>

namespace {

// The library is the judge: it reads a whole address.
std::optional<int> wanted(const std::string& text) {
    const auto address = netnotes::ipv4_address::parse("1.2.3." + text);
    if (!address) return std::nullopt;
    return static_cast<int>(address->to_uint() & 255);
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto ask = [&](const std::string& text) {
        steps.equal("octet(" + grader::shown(text) + ")", octet(text), wanted(text));
    };
    steps.step("numbers from 0 to 255 are read", "读取 0 到 255", [&] {
        for (int i = 0; i <= 255; ++i) ask(std::to_string(i));
    });
    steps.step("larger numbers are refused", "拒绝更大的数", [&] {
        for (const char* text : {"256", "257", "999", "1000", "4294967296", "99999999999999999999"}) ask(text);
    });
    steps.step("text that is no number is refused", "拒绝不是数字的文本", [&] {
        for (const char* text : {"", " ", "x", "-1", "+1", " 1", "1 ", "1x", "x1", "1.", "0x1", "1e1", "\xc2\xb2"}) ask(text);
        ask(std::string{"1\0", 2});
    });
    steps.step("leading zeros are refused: 010 is 8 for some programs and 10 for others",
               "拒绝前导零：010 在有的程序里是 8，在有的程序里是 10", [&] {
                   for (const char* text : {"00", "01", "010", "001", "000", "0255"}) ask(text);
               });
    steps.step("random texts", "随机文本", [&] {
        constexpr std::string_view letters = "0123456789 +-x.";
        for (int i = 0; i < 20'000; ++i) {
            std::string text;
            for (auto size = steps.below(5); size > 0; --size)
                text += letters[steps.below(i % 2 ? 10 : static_cast<std::uint32_t>(letters.size()))];
            ask(text);
        }
    });
    return steps.result();
}
