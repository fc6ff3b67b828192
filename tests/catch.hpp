// tests/catch.hpp: Catch2 version 3 or version 2, whichever is installed
// SPDX-License-Identifier: MIT
//
// Tests are written for version 3. Where version 2 spells something else, it learns the new word here.

#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>

namespace Catch::Matchers {
inline auto ContainsSubstring(const std::string& text, CaseSensitive::Choice choice = CaseSensitive::Yes) {
    return Contains(text, choice);
}
} // namespace Catch::Matchers
#endif

// Leaves a test case that cannot run here, saying why: NETNOTES_SKIP("no IPv6 on this machine"). Version 2
// has no SKIP, so both versions say it with a warning, which ctest looks for (SKIP_REGULAR_EXPRESSION).
// It returns: use it in the test case itself, not in a function called by it.
#define NETNOTES_SKIP(reason)        \
    do {                             \
        WARN("SKIPPED: " << reason); \
        return;                      \
    } while (false)
