#include "generator.hpp"

#include "grader.hpp"

#include <sstream>

namespace {

namespace net = netnotes;
using texts = std::vector<std::string>;

net::generator<std::string> pieces_of(texts all, int& taken, int& alive) {
    struct counted {
        int& count;
        explicit counted(int& c) : count{c} { ++count; }
        ~counted() { --count; }
    } const here{alive};
    for (const std::string& each : all) {
        ++taken;
        co_yield each;
    }
}
net::generator<std::string> endless(int& taken) {
    for (;; ++taken) co_yield "line " + std::to_string(taken) + "\nli";
}
net::generator<std::string> failing() {
    co_yield std::string{"first\nsec"};
    throw std::runtime_error{"the connection was reset"};
}
texts all_lines(const texts& pieces) {
    int taken = 0, alive = 0;
    texts got;
    for (const std::string& each : lines(pieces_of(pieces, taken, alive))) got.push_back(each);
    return got;
}
/// What getline() of an iostream would read from the whole text.
texts wanted(const texts& pieces) {
    std::string whole;
    for (const std::string& each : pieces) whole += each;
    std::istringstream text{whole};
    texts all;
    for (std::string line; std::getline(text, line); all.push_back(line))
        if (!text.eof() && !line.empty() && line.back() == '\r') line.pop_back();
    return all;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto ask = [&](const texts& pieces) { steps.equal("lines(" + grader::shown(pieces) + ")", all_lines(pieces), wanted(pieces)); };
    steps.step("a piece with several lines", "一段数据里有多行", [&] {
        ask({"one\ntwo\nthree\n"});
        ask({"one\n\n\ntwo\n"});
        ask({});
        ask({""});
    });
    steps.step("a line in several pieces", "一行分在多段数据里", [&] {
        ask({"o", "n", "", "e", "\n", "tw", "o\nthr", "ee\n"});
        ask({"one", "\n", "\n", "two\n"});
    });
    steps.step("a last line without a line end", "最后一行没有换行符", [&] {
        ask({"one\ntwo"});
        ask({"one", "\ntw", "o"});
        ask({"only"});
    });
    steps.step("\\r\\n ends a line as well, also in two pieces", "\\r\\n 也是换行，分在两段里也一样", [&] {
        ask({"one\r\ntwo\r\n\r\n"});
        ask({"one\r", "\ntwo\r", "\n"});
        ask({"o\rne\r\r\ntwo\r\n"});
    });
    steps.step("a piece is taken only when the next line needs it", "只在下一行需要时才取下一段", [&] {
        int taken = 0, alive = 0;
        auto all = lines(pieces_of({"one\ntwo\nth", "ree\n", "four\n"}, taken, alive));
        steps.equal("pieces that were taken before the first line is asked for", taken, 0);
        for (const int wanted_pieces : {1, 1, 2, 3}) {
            steps.expect(all.next() != nullptr, "next()", "given a line", "gave none");
            steps.equal("pieces that were taken", taken, wanted_pieces);
        }
        steps.expect(all.next() == nullptr, "next()", "ended", "gave a line");
    });
    steps.step("lines of an endless source", "没有尽头的数据源", [&] {
        int taken = 0;
        auto all = lines(endless(taken));
        for (int i = 0; i < 1000; ++i) {
            const std::string* const line = all.next();
            steps.expect(line != nullptr, "next()", "given a line", "gave none");
            steps.equal("line " + std::to_string(i), *line, (i ? "liline " : "line ") + std::to_string(i));
        }
        steps.expect(taken <= 1000, "1,000 lines", "taken 1,000 pieces", "took " + std::to_string(taken));
    });
    steps.step("a generator that is left in the middle destroys its source", "中途放弃的生成器销毁它的数据源", [&] {
        int taken = 0, alive = 0;
        {
            auto all = lines(pieces_of({"one\n", "two\n"}, taken, alive));
            all.next();
            steps.equal("sources alive", alive, 1);
        }
        steps.equal("sources alive", alive, 0);
    });
    steps.step("an error of the source arrives behind the lines before it", "数据源的错误在它之前的各行之后到达", [&] {
        auto all = lines(failing());
        const std::string* const line = all.next();
        steps.expect(line && *line == "first", "the line before the error", "been given", "it was not");
        std::string what;
        try {
            all.next();
        } catch (const std::runtime_error& error) {
            what = error.what();
        }
        steps.equal("the error", what, std::string{"the connection was reset"});
    });
    steps.step("random pieces", "随机分段", [&] {
        for (int i = 0; i < 3000; ++i) {
            texts pieces(steps.below(6));
            for (std::string& each : pieces)
                for (auto size = steps.below(6); size > 0; --size) each += "ab\r\n\n"[steps.below(5)];
            ask(pieces);
        }
    });
    return steps.result();
}
