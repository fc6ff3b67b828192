// examples/45_inheritance/demo.cpp: which text of a child is printed, and which is lost
//
//        base.html      ──── A ────[ title ]──── B ────[ content ]──── C ────
//                                      ^                    ^
//        child.html     {% extends %}  └ block title        └ block content
//
// The child has no place of its own. It only fills the blocks of its parent.
//
// The notes:     模板的继承
// Type:          demo
// You will see:  what demo.txt shows: blocks filled, kept and extended; what is lost; three generations; faults

#include "../demo.hpp"

#include <netnotes/web.hpp>

using example::heading;
using example::say;
namespace web = netnotes::web;

namespace {

web::template_map texts{{"base", "<{% block a %}A{% endblock %}-{% block b %}B{% endblock %}>"}};

/// Prints a template and the page.
void show(const std::string& name, const std::string& text) {
    texts.set(name, text);
    std::string made;
    try {
        made = web::templates{texts}.render(name, {{"x", 1}});
    } catch (const web::template_error& error) {
        made = error.what();
    }
    say("  ", name, ":  ", text, "\n      ", made);
}

void filling() {
    heading("模板的继承: a child fills blocks");
    show("base", "<{% block a %}A{% endblock %}-{% block b %}B{% endblock %}>");
    show("child", "{% extends 'base' %}{% block a %}one{% endblock %}");
    show("child", "{% extends 'base' %}{% block a %}[{{ block.super }}]{% endblock %}");
}

void losing() {
    heading("Lost text");
    show("child", "before {% extends 'base' %} behind");
    show("child", "{% extends 'base' %}{% block c %}no such block{% endblock %}");
    show("child", "{% extends 'base' %}{% if 0 %}{% block a %}in a condition{% endblock %}{% endif %}");
    say("The last block counts all the same: blocks are collected when the template is read.");
}

void generations() {
    heading("Three generations");
    show("middle", "{% extends 'base' %}{% block b %}(middle, {{ block.super }}){% endblock %}");
    show("child", "{% extends 'middle' %}{% block b %}child, {{ block.super }}{% endblock %}");
}

void including() {
    heading("Include: a part that several pages share");
    texts.set("part", "[{{ x }} {{ y }}]");
    show("page", "{% include 'part' %}{% include 'part' with y=2 %}{% include 'part' with y=3 only %}");
    show("page", "{% for x in 'ab' %}{% include 'part' with y=forloop.counter %}{% endfor %}");
}

void faults() {
    heading("Faults");
    show("child", "{{ x }}{% extends 'base' %}");
    show("child", "{% extends 'base' %}{% extends 'base' %}");
    show("child", "{% block a %}{% endblock %}{% block a %}{% endblock %}");
    show("child", "{% extends 'bsae' %}");
    show("child", "{% extends 'child' %}");
    show("loop", "{% include 'loop' %}");
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Templates that extend and include other templates.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"give no argument"};
        filling();
        losing();
        generations();
        including();
        faults();
    });
}
