#include "lambda.hpp"

#include "grader.hpp"

namespace {

namespace net = netnotes;
using namespace std::chrono_literals;
using texts = std::vector<std::string>;

struct result {
    texts said;
    net::duration took{};
};
result run(const std::vector<visitor>& visitors) {
    result all;
    net::loop_options options;
    options.virtual_time = true;
    net::event_loop loop{options};
    const auto main = [&]() -> net::task<> {
        const net::time_point begin = loop.now();
        co_await greet_all(visitors, all.said);
        all.took = loop.now() - begin;
    };
    loop.run(main());
    return all;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    steps.step("one visitor is greeted", "问候一位访客", [&] {
        steps.equal("greet_all()", run({visitor{"li", 10ms}}).said, texts{"hello li"});
        steps.equal("greet_all() without visitors", run({}).said, texts{});
    });
    steps.step("each visitor by its own name", "用各自的名字问候每一位访客", [&] {
        std::vector<visitor> visitors;
        texts wanted;
        for (int i = 0; i < 50; ++i) {
            visitors.emplace_back("visitor with the number " + std::to_string(i), std::chrono::milliseconds{10 * i});
            wanted.push_back("hello visitor with the number " + std::to_string(i));
        }
        steps.equal("greet_all()", run(visitors).said, wanted);
    });
    steps.step("all at the same time", "同时问候所有访客", [&] {
        const result got = run({visitor{"slow", 3s}, visitor{"fast", 1s}, visitor{"middle", 2s}});
        steps.equal("greet_all()", got.said, texts{"hello fast", "hello middle", "hello slow"});
        steps.expect(got.took >= 3s && got.took < 4s, "delays of 1, 2 and 3 s", "taken 3 s",
                     "took " + std::to_string(got.took / 1ms) + " ms");
    });
    steps.step("no visitor is left alive", "不留下任何访客对象", [&] {
        run({visitor{"a", 10ms}, visitor{"b", 20ms}});
        steps.equal("visitors alive: the count", visitor::count, 0);
    });
    steps.step("nor if the loop ends before them", "循环提前结束时也不留下", [&] {
        {
            net::event_loop loop;
            texts said;
            const auto main = [&]() -> net::task<> {
                const auto handle = net::spawn(greet_all({visitor{"late", 1h}, visitor{"later", 2h}}, said));
                for (int i = 0; i < 10; ++i) co_await net::yield();
            };
            loop.run(main());
            steps.equal("greet_all()", said, texts{});
        }
        steps.equal("visitors alive: the count", visitor::count, 0);
    });
    return steps.result();
}
