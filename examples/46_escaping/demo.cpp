// examples/46_escaping/demo.cpp: a stranger's text in a page
//
//        typed                      page                                    browser
//        <script>steal()</script>   <script>steal()</script>                runs it: cross-site scripting
//        <script>steal()</script>   &lt;script&gt;steal()&lt;/script&gt;   shows it
//
// The notes:     html转义
// Type:          demo
// You will see:  what demo.txt shows: the five characters, what is safe and what is not, where escaping does not help

#include "../demo.hpp"

#include <netnotes/web.hpp>

using example::heading;
using example::say;
namespace web = netnotes::web;

namespace {

const web::map context{
    {"typed", "<b onclick='x()'>\"Tom & Ann\"</b>"},
    {"html", web::safe_string{"<b>bold</b>"}},
    {"names", web::list{"<i>", "ann"}},
};

void show(std::string_view text) {
    const web::template_map no_files;
    say("  ", text, "\n      ", web::templates{no_files}.render_text(text, context));
}

void five_characters() {
    heading("html转义: five characters are replaced");
    for (const char c : std::string_view{"&<>\"'"}) say("  ", c, "  ", web::escape(std::string_view{&c, 1}));
    show("{{ typed }}");
}

void safe_values() {
    heading("A safe value is printed as it is");
    show("{{ html }}");
    show("{{ typed|safe }}");
    show("{% autoescape off %}{{ typed }}{% endautoescape %}");
    show("{{ nothing|default:'<hr>' }}");
    say("A literal of the template is safe: the author of the page has written it.");
}

void filters() {
    heading("Filters: which of them keep a safe value safe");
    show("{{ html|lower }} {{ html|upper }}");
    say("upper would make &LT; of &lt;, so its result is escaped again.");
    show("{{ names|join:'<br>' }}");
    show("{{ typed|escape|escape }}");
    show("{{ typed|force_escape|force_escape }}");
}

void other_places() {
    heading("Where escaping does not help");
    const web::map evil{{"typed", "javascript:alert(1)"}, {"words", "a onmouseover=alert(1)"}};
    const web::template_map no_files;
    for (const auto* text : {"<a href=\"{{ typed }}\">link</a>", "<p class={{ words }}>", "<p class=\"{{ words }}\">",
                             "<script>var a = {{ typed }};</script>"})
        say("  ", text, "\n      ", web::templates{no_files}.render_text(text, evil));
    say("An address may be a program. An attribute without quotes ends at a blank. In a script all is a program.");
}

constexpr std::string_view help = R"(usage: demo
       demo --help

What a template does with a stranger's text.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"give no argument"};
        five_characters();
        safe_values();
        filters();
        other_places();
    });
}
