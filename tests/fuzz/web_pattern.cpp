// tests/fuzz/web_pattern.cpp: a regular expression, and behind a line's end a text
// SPDX-License-Identifier: MIT
//
// Groups lie in the text, the three kinds of match agree with each other, and the steps are bounded.

#include "fuzz.hpp"

#include <netnotes/web/pattern.hpp>

namespace web = netnotes::web;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = fuzz::as_text({data, size});
    const std::size_t line = std::min(input.find('\n'), input.size());
    const std::string_view text = input.substr(std::min(line + 1, input.size()));
    netnotes::parse_failure why;
    const auto pattern = web::pattern::parse(input.substr(0, line), why);
    if (!pattern) {
        require(why.position() <= line, "the place is in the pattern, or at its end");
        return 0;
    }
    std::size_t steps = 0;
    const auto found = pattern->search(text, &steps), begun = pattern->match(text), whole = pattern->full_match(text);
    require(steps <= (text.size() + 1) * (pattern->program_size() + 1) * 60, "the steps are bounded");
    require(!begun || (found && found->begin() == 0 && found->end() == begun->end()), "search finds the first match");
    require(!whole || (begun && whole->begin() == 0 && whole->end() == text.size()), "full_match takes everything");
    for (const auto* each : {&found, &begun, &whole}) {
        if (!*each) continue;
        require((*each)->size() == pattern->group_count() + 1, "each group has a place");
        for (std::size_t i = 0; i < (*each)->size(); ++i)
            if (const auto group = (**each)[i])
                require(group->data() >= text.data() && group->data() + group->size() <= text.data() + text.size(),
                        "a group lies in the text");
    }
    return 0;
}
