// escaping.cpp: puts what you type into a page, escaped and not escaped (beyond the notes)

#include <netnotes/web.hpp>

#include <iostream>

namespace web = netnotes::web;

const web::template_map texts{{"page.html", R"(escaped:         <p title="{{ typed }}">{{ typed }}</p>
safe:            <p>{{ typed|safe }}</p>
autoescape off:  <p>{% autoescape off %}{{ typed }}{% endautoescape %}</p>
in an address:   <a href="/search/?q={{ typed|urlencode }}">again</a>
)"}};

int main() {
    const web::templates pages{texts};
    std::cout << "请输入 (your text): " << std::flush;
    for (std::string typed; std::getline(std::cin, typed);) {
        std::cout << pages.render("page.html", {{"typed", typed}});
        std::cout << "请输入 (your text): " << std::flush;
    }
    std::cout << '\n';
}
