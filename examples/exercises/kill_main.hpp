// kill_main.hpp: the check of each exercise that asks for a test

#pragma once

#include "grader.hpp"
#include "kill.hpp"

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    steps.step("your test", "你的测试", [&] {
        test();
        steps.expect(killing::checks > 0, "the test", "called CHECK at least once", "it did not");
        if (killing::failures > 0) {
            std::cout << std::endl;
            throw grader::failed{};
        }
    });
    return steps.result();
}
