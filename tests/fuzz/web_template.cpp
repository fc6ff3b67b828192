// tests/fuzz/web_template.cpp: the text of a template
// SPDX-License-Identifier: MIT
//
// It becomes a page or a template_error with a line of the text. A value of a stranger never becomes a tag: without `safe`
// and `autoescape off` in the text, its angle bracket does not reach the page.

#include "fuzz.hpp"

#include <netnotes/web/template.hpp>

namespace web = netnotes::web;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::as_text({data, size});
    static const web::template_map texts{{"base", "[{% block a %}A{% endblock %}{% block b %}B{% endblock %}]"},
                                         {"part", "({{ x }})"}};
    static const web::map context{
        {"x", "\x01<q>\x02"}, {"n", 3}, {"l", web::list{"a", "\x01<q>", 2}}, {"d", web::map{{"k", "v"}}}};
    web::template_settings settings;
    settings.max_output = 100'000;
    const web::templates pages{texts, settings};
    try {
        const std::string page = pages.render_text(text, context);
        require(page.size() <= 100'000, "a page is bounded");
        const bool is_escaped =
            text.find("safe") == text.npos && text.find("off") == text.npos && text.find('\x01') == text.npos;
        require(!is_escaped || page.find("\x01<q>") == page.npos, "a value is escaped");
    } catch (const web::template_error& error) {
        require(error.line() >= 1, "an error has a line");
        require(!error.kind().empty(), "an error has Django's name");
    }
    return 0;
}
