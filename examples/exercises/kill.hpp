// kill.hpp: for the exercises that ask you to write a test. CHECK(condition) notes a condition that does not hold.

#pragma once

#include <iostream>

namespace killing {
inline int checks = 0, failures = 0;
inline void check(bool holds, const char* what, int line) {
    ++checks;
    if (holds) return;
    ++failures;
    std::cout << "\n    line " << line << ": " << what << std::flush;
}
}  // namespace killing

#define CHECK(...) ::killing::check(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, __LINE__)

/// Your test.
void test();
