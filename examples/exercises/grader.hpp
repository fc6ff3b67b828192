// grader.hpp: how a check tells a learner what it has found
//
// A check has numbered steps. The first step that fails is the last step that runs. It says what should have happened and
// what happened instead:
//
//     int main(int argc, char** argv) {
//         grader::sheet steps{argc, argv};
//         steps.step("one octet is read", "读一个八位组", [&] { steps.equal("octet(\"7\")", octet("7"), 7); });
//         return steps.result();
//     }
//
//       1 one octet is read ... ok
//       2 leading zeros are refused ...
//         octet("010") should have given nothing, but gave 8
//
// A step that takes more than ten seconds ends the program, and the program says which step it was.

#pragma once

#include "chinese.hpp"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace grader {

inline const bool in_chinese = [] {
    const char* language = std::getenv("NETNOTES_LANGUAGE");
    return language && std::string_view{language}.substr(0, 2) == "zh";
}();
inline const char* either(const char* english, const char* chinese) { return in_chinese ? chinese : english; }

namespace detail {
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
/// Puts a `#` in place of each number, such as 20 or 20,000, and appends the numbers to `numbers`.
inline std::string without_numbers(std::string_view text, std::vector<std::string>& numbers) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!is_digit(text[i])) {
            out += text[i];
            continue;
        }
        const std::size_t begin = i;
        while (i + 1 < text.size() &&
               (is_digit(text[i + 1]) || (text[i + 1] == ',' && i + 2 < text.size() && is_digit(text[i + 2]))))
            ++i;
        numbers.emplace_back(text.substr(begin, i + 1 - begin));
        out += '#';
    }
    return out;
}
}  // namespace detail

/// Returns the Chinese of a text of chinese.hpp if the verdict is in Chinese, and otherwise the text itself.
inline std::string translated(const std::string& english) {
    if (!in_chinese) return english;
    std::vector<std::string> numbers;
    const std::string pattern = detail::without_numbers(english, numbers);
    for (const detail::phrase& each : detail::phrases) {
        if (each.english == english) return std::string{each.chinese};
        if (each.english != pattern) continue;
        std::string out;
        auto next = numbers.begin();
        for (const char c : each.chinese)
            if (c == '#' && next != numbers.end()) out += *next++;
            else out += c;
        return out;
    }
    return english;
}

/// Turns a value into text. Text is put in quotation marks, with its control characters visible.
inline std::string shown(std::string_view text) {
    std::string out{"\""};
    for (const char each : text) {
        const auto c = static_cast<unsigned char>(each);
        constexpr std::string_view digits = "0123456789abcdef";
        if (c == '\n') out += "\\n";
        else if (c == '\r') out += "\\r";
        else if (c == '"' || c == '\\') (out += '\\') += static_cast<char>(c);
        else if (c < 0x20 || c == 0x7f) ((out += "\\x") += digits[c >> 4]) += digits[c & 15];
        else out += static_cast<char>(c);
    }
    return out + '"';
}
inline std::string shown(const std::string& text) { return shown(std::string_view{text}); }
inline std::string shown(const char* text) { return shown(std::string_view{text}); }
inline std::string shown(bool value) { return value ? "true" : "false"; }
template <class T> std::string shown(const T& value);
template <class T> std::string shown(const std::optional<T>& value) {
    return value ? shown(*value) : either("nothing", "空");
}
template <class T> std::string shown(const std::vector<T>& values) {
    std::string out{"{"};
    for (const T& each : values) out += (out.size() > 1 ? ", " : "") + shown(each);
    return out + '}';
}
template <class T> std::string shown(const T& value) {
    std::ostringstream out;
    if constexpr (std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::int8_t>) out << static_cast<int>(value);
    else out << value;
    return out.str();
}

/// Limits of time are multiplied by this number: 1 for a learner, and $NETNOTES_PATIENCE on a busy machine (prove.py).
inline const int patience = [] {
    const char* const given = std::getenv("NETNOTES_PATIENCE");
    return given ? std::max(1, std::atoi(given)) : 1;
}();

struct failed : std::exception {};

namespace detail {
inline char alarm_text[400];
inline pid_t group_to_end = 0;  // the processes of a learner's server (serving.hpp)
inline std::string server_end;  // says how a server has ended that should have lived
// The file that says that the last step was reached, and the word that stands in it then. `static`: no other file sees them.
static char verdict_path[1000], verdict_word[20];
/// Takes the name from the environment, and the word from the standard input, before any code of the learner runs.
static void hide_verdict(int, char**, char** environment) {  // getenv() does not work yet
    constexpr char name[] = "NETNOTES_VERDICT=";
    while (*environment && ::strncmp(*environment, name, sizeof name - 1) != 0) ++environment;
    if (!*environment) return;
    char* const path = *environment + sizeof name - 1;
    ::strncpy(verdict_path, path, sizeof verdict_path - 1);
    ::memset(path, 0, ::strlen(path));
    if (::read(0, verdict_word, sizeof verdict_word - 1) <= 0) verdict_path[0] = 0;
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, 0);
    ::close(nothing);
}
[[gnu::section(".preinit_array"), gnu::used]] static void (*const before_all)(int, char**, char**) = hide_verdict;
inline void too_long(int) {
    if (group_to_end > 0) ::kill(-group_to_end, SIGKILL);
    [[maybe_unused]] const auto ignored = ::write(1, alarm_text, ::strlen(alarm_text));
    ::_exit(3);
}
}  // namespace detail

class sheet {
  public:
    /// Takes `--seed N`, so that random cases can be tried again.
    sheet(int argc, char** argv) {
        std::uint32_t seed = std::random_device{}();
        for (int i = 1; i + 1 < argc; ++i)
            if (std::string_view{argv[i]} == "--seed") seed = static_cast<std::uint32_t>(std::atoll(argv[i + 1]));
        begin(seed);
    }
    explicit sheet(std::uint32_t seed) { begin(seed); }

    template <class Body>
    void step(const char* english, const char* chinese, Body body) {
        if (has_failed_) return;
        std::cout << "  " << ++number_ << ' ' << either(english, chinese) << " ..." << std::flush;
        std::ostringstream late;
        late << "\n    " << either("this step did not end within 10 seconds", "这一步 10 秒内没有结束") << '\n';
        late.str().copy(detail::alarm_text, sizeof detail::alarm_text - 1);
        detail::server_end.clear();
        ::alarm(10 * static_cast<unsigned>(patience));
        try {
            body();
            std::cout << " ok" << std::endl;
        } catch (const failed&) {
            has_failed_ = true;
        } catch (const std::exception& error) {
            has_failed_ = true;
            std::cout << "\n    " << either("this was thrown: ", "抛出了异常：") << error.what() << std::endl;
        } catch (...) {
            has_failed_ = true;
            std::cout << "\n    " << either("a value that is no std::exception was thrown", "抛出了不是 std::exception 的值") << std::endl;
        }
        ::alarm(0);
        if (has_failed_ && !detail::server_end.empty()) std::cout << "    " << detail::server_end << std::endl;
        if (has_failed_ && is_random_) std::cout << "    --seed " << seed_ << std::endl;
    }

    /// Ends the step unless `holds`. `should` and `but` complete "WHAT should have SHOULD, but BUT".
    void expect(bool holds, const std::string& what, const std::string& should, const std::string& but) {
        if (holds) return;
        std::cout << "\n    " << translated(what) << either(" should have ", " 应当") << translated(should)
                  << either(", but ", "，但是") << translated(but) << std::endl;
        throw failed{};
    }
    template <class Got, class Wanted>
    void equal(const std::string& what, const Got& got, const Wanted& wanted) {
        expect(got == wanted, what, either("given ", "得到 ") + shown(wanted), either("gave ", "得到了 ") + shown(got));
    }
    /// Random numbers of this run. A step that fails after this prints the seed.
    std::mt19937& random() {
        is_random_ = true;
        return random_;
    }
    std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random()() % limit); }

    /// Returns the exit status, and leaves the mark that the last step was reached.
    int result() {
        if (has_failed_ || number_ == 0) return 1;
        if (*detail::verdict_path) std::ofstream{detail::verdict_path} << detail::verdict_word;
        return 0;
    }

  private:
    void begin(std::uint32_t seed) {
        seed_ = seed;
        random_.seed(seed);
        ::signal(SIGALRM, detail::too_long);
    }
    int number_ = 0;
    bool has_failed_ = false, is_random_ = false;
    std::uint32_t seed_ = 0;
    std::mt19937 random_;
};

// ---- Sheets: exercises whose answer is a text with blanks ------------------------------------------------

/// One line of a sheet: the learner writes the answer behind the `=`.
struct question {
    std::string text;    ///< as it stands in front of the `=`, one line
    std::string answer;  ///< computed by the program now
    std::string why{};   ///< shown when the answer is wrong
    std::string above{};  ///< lines above the question, each behind a `#`: a hex dump, for example
};

namespace detail {
/// Removes the space around the words, and leaves one blank between two words.
inline std::string one_line(const std::string& text) {
    std::istringstream in{text};
    std::string out;
    for (std::string word; in >> word;) (out.empty() ? out : out += ' ') += word;
    return out;
}
/// Compares without regard to upper and lower case: `1F 90` is `1f 90`.
inline bool same_word(const std::string& a, const std::string& b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}
}  // namespace detail

/// The main of a sheet: `questions SEED` prints it, `check SEED FILE` judges a file. `make` returns its questions for a
/// seed: first the fixed ones, then the random ones.
template <class Make>
int run_sheet(int argc, char** argv, Make make) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() < 2) return 2;
    const auto seed = static_cast<std::uint32_t>(std::atoll(words[1].c_str()));
    const std::vector<question> questions = make(seed);
    if (words[0] == "questions") {
        std::cout << either("# Write your answer behind each `=`.\n", "# 把答案写在每个 `=` 后面。\n");
        for (const question& each : questions) {
            std::istringstream above{each.above};
            if (!each.above.empty()) std::cout << "#\n";
            for (std::string line; std::getline(above, line);) std::cout << "# " << line << '\n';
            std::cout << each.text << " = \n";
        }
        return 0;
    }
#ifdef NETNOTES_PROVE  // for prove.py only: a learner's sheet has no such word
    if (words[0] == "answers") {
        for (const question& each : questions) std::cout << each.text << " = " << each.answer << '\n';
        return 0;
    }
#endif
    std::ifstream file{words.at(2)};
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);)
        if (!line.empty() && line[0] != '#') lines.push_back(line);
    sheet steps{seed};
    for (const question& each : questions) {
        steps.step(each.text.c_str(), each.text.c_str(), [&] {
            std::optional<std::string> given;
            for (const std::string& line : lines)
                if (line.rfind(each.text + " =", 0) == 0) given = line.substr(each.text.size() + 2);
            const auto answer = detail::one_line(given.value_or(""));
            if (detail::same_word(answer, each.answer)) return;
            if (!given) std::cout << "\n    " << either("this line is missing in your file", "你的文件里缺少这一行");
            else if (answer.empty()) std::cout << "\n    " << either("no answer yet", "还没有回答");
            else {
                std::cout << "\n    " << shown(answer) << either(" is not the answer.", " 不是正确答案。");
                if (!each.why.empty()) std::cout << ' ' << translated(each.why);
            }
            std::cout << std::endl;
            throw failed{};
        });
    }
    return steps.result();
}

}  // namespace grader
