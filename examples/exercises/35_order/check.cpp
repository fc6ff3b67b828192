#include "grader.hpp"

#include <netnotes/coro.hpp>

#include <map>
#include <sstream>

namespace {

namespace net = netnotes;
using grader::question;

/// A program is one line: "main: m1 spawn(A) yield m2 | A: a1 sleep(10) a2". A word with no meaning is printed.
class program {
  public:
    explicit program(const std::string& text) {
        std::istringstream words{text};
        std::string name;
        for (std::string word; words >> word;) {
            if (word.back() == ':') name = word.substr(0, word.size() - 1);
            else if (word != "|") bodies_[name].push_back(word);
        }
    }
    std::string run() {
        net::loop_options options;
        options.virtual_time = true;
        net::event_loop loop{options};
        loop.run(body("main"));
        return printed_;
    }

  private:
    static std::string argument(const std::string& word) { return word.substr(word.find('(') + 1, word.size() - word.find('(') - 2); }
    net::task<> body(std::string name) {
        for (const std::string& word : bodies_.at(name)) {
            const std::string what = word.substr(0, word.find('('));
            if (what == "yield") co_await net::yield();
            else if (what == "sleep") co_await net::sleep_for(std::chrono::milliseconds{std::stoi(argument(word))});
            else if (what == "spawn") handles_.emplace(argument(word), net::spawn(body(argument(word))));
            else if (what == "join") co_await handles_.at(argument(word)).join();
            else if (what == "await") co_await body(argument(word));
            else printed_ += (printed_.empty() ? "" : " ") + word;
        }
    }
    std::map<std::string, std::vector<std::string>> bodies_;
    std::map<std::string, net::join_handle<void>> handles_;
    std::string printed_;
};

std::string random_body(std::mt19937& random, char letter) {
    std::string text = std::string{static_cast<char>(letter - 'a' + 'A')} + ": " + letter + "1";
    for (int i = 2; i < 4; ++i) {
        text += random() % 2 ? " yield" : " sleep(" + std::to_string(10 * (1 + random() % 3) + static_cast<unsigned>(letter - 'a')) + ")";
        text += std::string{" "} + letter + std::to_string(i);
    }
    return text;
}

std::vector<question> make(std::uint32_t seed) {
    std::vector<question> all;
    const auto ask = [&](const std::string& text, const std::string& why) {
        for (const question& each : all)
            if (each.text == text) return;
        all.push_back({text, program{text}.run(), why});
    };
    ask("main: m1 await(A) m2 | A: a1 a2", "await runs the task as a function.");
    ask("main: m1 spawn(A) m2 join(A) m3 | A: a1", "A spawned task begins at the next turn: when main waits.");
    ask("main: spawn(A) spawn(B) m1 yield m2 | A: a1 | B: b1", "Tasks begin in the order in which they were spawned.");
    ask("main: spawn(A) spawn(B) join(B) join(A) m1 | A: a1 yield a2 yield a3 | B: b1 yield b2 yield b3", "yield goes to the end of the queue.");
    ask("main: spawn(A) m1 | A: a1", "A spawned task begins in any case, and main's end cancels it at its first wait.");
    ask("main: spawn(A) yield m1 | A: a1 sleep(10) a2", "When main ends, A is cancelled where it waits.");
    ask("main: spawn(A) spawn(B) join(A) join(B) | A: a1 sleep(20) a2 | B: b1 sleep(10) b2", "The timer that expires first resumes its task first.");
    ask("main: spawn(A) spawn(B) join(A) m1 join(B) m2 | A: sleep(30) a1 | B: sleep(10) b1 sleep(10) b2 sleep(20) b3", "10, 20, 30, 40 ms.");
    ask("main: spawn(A) spawn(B) join(A) join(B) | A: a1 await(C) a2 | B: b1 yield b2 | C: c1 yield c2", "A waits while C waits.");
    ask("main: spawn(A) join(A) m1 | A: a1 spawn(B) a2 yield a3 | B: b1 yield b2", "B stands behind nothing, and main waits for A alone.");
    std::mt19937 random{seed};
    for (int i = 0; i < 6; ++i)
        ask("main: spawn(A) spawn(B) m1 join(A) m2 join(B) m3 | " + random_body(random, 'a') + " | " + random_body(random, 'b'),
            "Write the queue of ready tasks and the list of timers on paper, turn by turn.");
    return all;
}

}  // namespace

int main(int argc, char** argv) { return grader::run_sheet(argc, argv, make); }
