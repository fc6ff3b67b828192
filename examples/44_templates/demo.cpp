// examples/44_templates/demo.cpp: what stands in a template, and what it becomes
//
//        template   Hello, {{ name|title }}!      context   name = "ada"
//                            │                                │
//                            └──────────┬─────────────────────┘
//                                       v
//        page       Hello, Ada!
//
// The notes:     django模板处理, DTL语言
// Type:          demo
// You will see:  what demo.txt shows: variables and where they are looked for, filters, loops, conditions, and errors

#include "../demo.hpp"

#include <netnotes/web.hpp>

using example::heading;
using example::say;
namespace web = netnotes::web;

namespace {

const web::map context{
    {"name", "ada lovelace"},
    {"count", 1},
    {"fruits", web::list{"apple", "pear", "fig"}},
    {"nothing", web::list{}},
    {"shop", web::map{{"city", "Paris"}, {"prices", web::map{{"pear", 3}, {"fig", 5}}}}},
    {"day", web::time_value{std::chrono::seconds{1'795'978'161}}},
};

/// Prints a template and what it becomes, or why it becomes nothing.
void show(std::string_view text) {
    const web::template_map no_files;
    std::string made;
    try {
        made = web::templates{no_files}.render_text(text, context);
    } catch (const web::template_error& error) {
        made = error.kind() + ": " + error.message();
    }
    say("  ", text, "\n      ", made);
}

void variables() {
    heading("变量: a dot asks for an entry, or for an item");
    show("{{ name }} in {{ shop.city }}");
    show("{{ fruits.0 }}, {{ fruits.2 }}, {{ name.0 }}");
    show("{{ shop.prices.fig }}");
    say("A name that is not known prints nothing. It is no error:");
    show("[{{ nmae }}][{{ fruits.7 }}][{{ shop.street.number }}]");
}

void filters() {
    heading("过滤器: a filter changes a value");
    show("{{ name|title }}, {{ name|upper }}, {{ name|length }}");
    show("{{ fruits|join:', ' }}");
    show("{{ name|truncatechars:5 }} {{ name|slice:':3' }} {{ name|cut:' ' }}");
    show("{{ count }} fruit{{ count|pluralize }}, {{ fruits|length }} fruit{{ fruits|pluralize }}");
    show("{{ nmae|default:'nobody' }} {{ nothing|yesno:'full,empty' }} {{ count|add:41 }}");
    show("{{ day|date:'Y-m-d H:i' }} {{ day|date:'l, jS F' }}");
}

void tags() {
    heading("标签: loops and conditions");
    show("{% for f in fruits %}{{ forloop.counter }} {{ f }}{% if not forloop.last %}, {% endif %}{% endfor %}");
    show("{% for f in nothing %}{{ f }}{% empty %}no fruit{% endfor %}");
    show("{% for what, price in shop.prices.items reversed %}{{ what }}: {{ price }}; {% endfor %}");
    show("{% if 'fig' in fruits and count < 2 %}a fig{% elif fruits %}fruits{% else %}none{% endif %}");
    show("{% if name|length > 10 %}long{% endif %} {% if nmae > 3 %}never{% else %}None > 3 is false{% endif %}");
    show("{% with p=shop.prices %}{{ p.pear }}{% endwith %} {# a comment #}{% comment %}two{% endcomment %}");
    show("{% verbatim %}{{ name }}{% endverbatim %}");
}

void faults() {
    heading("A fault is reported when the template is read");
    show("{{ name|length>10 }}");
    show("{{ name|uper }}");
    show("{% crsf_token %}");
    show("{% for f in fruits %}{{ f }}");
    show("{% if count = 1 %}one{% endif %}");
    say("The braces must be closed on their line. Else they are text:");
    show("{{ name");
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Templates, and what they become.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"give no argument"};
        variables();
        filters();
        tags();
        faults();
    });
}
