// inheritance.cpp: two pages fill the blocks of one frame (beyond the notes)

#include <netnotes/web.hpp>

#include <iostream>

namespace web = netnotes::web;

const web::template_map texts{
    {"base.html", R"(<title>{% block title %}Shop{% endblock %}</title>
<nav><a href="/">start</a></nav>
{% block content %}<p>welcome</p>{% endblock %}
{% include "footer.html" with year=2026 only %}
)"},
    {"list.html", R"(<!DOCTYPE html>
{% extends "base.html" %}
lost: text behind extends
{% block title %}List, {{ block.super }}{% endblock %}
{% block content %}{% for item in items %}<p>{{ item }}</p>{% endfor %}{% endblock %}
{% block misspelt %}lost: the frame has no block of this name{% endblock %}
)"},
    {"footer.html", "<footer>{{ year }} {{ items }}</footer>"},
};

int main() {
    const web::templates pages{texts};
    std::cout << "---- base.html\n" << pages.render("base.html");
    std::cout << "---- list.html\n" << pages.render("list.html", {{"items", web::list{"apple", "pear"}}});
}
