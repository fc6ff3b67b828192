// templates.cpp: renders one template for a full list, for an empty list, and with a misspelt tag (beyond the notes)

#include <netnotes/web.hpp>

#include <iostream>

namespace web = netnotes::web;

constexpr const char* page = R"({# The list of articles #}
<h1>{{ title|upper }}</h1>
<ul>{% for article in articles %}
  <li>{{ forloop.counter }}. {{ article.name|title }}{% if article.price > 10 %} (dear){% endif %}</li>{% empty %}
  <li>nothing yet</li>{% endfor %}
</ul>
<p>{{ articles|length }} article{{ articles|pluralize }}</p>
)";

struct article {
    std::string name;
    double price;
};
// A template asks for the name and the price by these words.
web::map describe(const article& a) { return {{"name", a.name}, {"price", a.price}}; }

int main() {
    web::template_map texts{{"list.html", page}};
    texts.set("wrong.html", "<form>\n  {% crsf_token %}\n</form>\n");
    const web::templates pages{texts};

    const std::vector<article> articles{{"moby dick", 12.5}, {"ulysses & more", 8}};
    std::cout << pages.render("list.html", {{"title", "Books"}, {"articles", articles}}) << '\n';
    std::cout << pages.render("list.html", {{"title", "Records"}, {"articles", web::list{}}}) << '\n';
    try {
        std::cout << pages.render("wrong.html");
    } catch (const web::template_error& error) {
        std::cout << error.what() << '\n';
    }
}
