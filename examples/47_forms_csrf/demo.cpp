// examples/47_forms_csrf/demo.cpp: a form of the own page passes, a form of a foreign page does not
//
//        own page       cookie: SECRET    form: TOKEN(SECRET)    Origin: http://shop.example      the form passes
//        foreign page   cookie: SECRET    form: –                Origin: http://evil.example      403, with the reason
//
// A browser adds the cookie and Origin. A page can choose neither, and it cannot read the pages of another site.
//
// The notes:     DTL语言 (csrf_token)
// Type:          demo
// You will see:  what demo.txt shows: requests, their answers, and an attack that measures sizes

#include "../demo.hpp"

#include <netnotes/web.hpp>

#include <algorithm>
#include <set>

using example::heading;
using example::say;
namespace http = netnotes::http;
namespace web = netnotes::web;

namespace {

/// A site with one form. Its templates must stay where they are, so it cannot be copied.
struct shop {
    web::template_map texts{{"form", R"(<form method="post">{% csrf_token %}<button>Buy</button></form>)"}};
    web::templates pages{texts};
    web::routes table;
    web::site site{table};

    shop() {
        table.path("", [this](http::request& ask) -> web::view_answer {
            if (ask.method() == http::method::post) return http::response{200, "bought\n"};
            return web::template_response{&pages, "form", {}, {}};
        });
        table.path("login/", [](http::request& ask) {
            web::csrf::rotate(ask);
            return http::response{200, "welcome\n"};
        });
        site.add(web::csrf{{"https://partner.example"}});
    }
    shop(const shop&) = delete;
    shop& operator=(const shop&) = delete;
};

/// Returns what stands between two texts.
std::string between(std::string_view text, std::string_view begin, std::string_view end) {
    const auto at = std::min(text.find(begin), text.size() - begin.size()) + begin.size();
    return std::string{text.substr(at, text.find(end, at) - at)};
}
/// What a person's browser holds of the site: the cookie, and the token of the page on the screen.
struct browser {
    std::string secret{}, token{};
    void open(const shop& which, std::string_view path = "/") {
        http::request ask{"GET", path, {{"Host", "shop.example"}}};
        if (!secret.empty()) ask.fields().set("Cookie", "csrftoken=" + secret);
        const http::response page = which.site.answer(ask);
        secret = between(page.fields.find("Set-Cookie").value_or(""), "csrftoken=", ";");
        if (path == "/") token = between(page.body, "value=\"", "\"");
    }
};
struct sent {
    std::string_view secret{}, token{}, origin{};
};
std::string post(const shop& which, sent what) {
    http::request ask{"POST", "/", {{"Host", "shop.example"}}};
    if (!what.secret.empty()) ask.fields().set("Cookie", "csrftoken=" + std::string{what.secret});
    if (!what.origin.empty()) ask.fields().set("Origin", what.origin);
    if (!what.token.empty()) ask.set_body("csrfmiddlewaretoken=" + std::string{what.token});
    return which.site.answer(ask).body;
}
void show(std::string_view what, std::string_view answer) {
    say("  ", what, "\n      ", answer.substr(0, answer.find('\n')));
}

void own_page(const shop& here) {
    heading("The own page");
    const http::response page = here.site.answer(http::request{"GET", "/", {{"Host", "shop.example"}}});
    const std::string cookie{page.fields.find("Set-Cookie").value_or("")};
    const std::string secret = between(cookie, "csrftoken=", ";"), token = between(page.body, "value=\"", "\"");
    const auto hidden = [](std::string text, const std::string& what, const std::string& name) {
        return text.replace(text.find(what), what.size(), name);
    };
    say("  Set-Cookie: ", hidden(cookie, secret, "SECRET"));
    say("  ", hidden(page.body, token, "TOKEN"));
    say("  SECRET has ", secret.size(), " characters, and TOKEN has ", token.size(), ".\n");
    show("the form", post(here, {secret, token, "http://shop.example"}));
    show("an old browser without Origin", post(here, {secret, token, ""}));
    show("the page of a partner", post(here, {secret, token, "https://partner.example"}));
}

void foreign_pages(const shop& here) {
    heading("Foreign pages");
    browser victim, attacker;
    victim.open(here);
    attacker.open(here);
    show("a form on another site", post(here, {victim.secret, "", "http://evil.example"}));
    show("the same, and a stolen token", post(here, {victim.secret, victim.token, "http://evil.example"}));
    show("a page that hides its origin", post(here, {victim.secret, victim.token, "null"}));
    show("a name that begins like ours", post(here, {victim.secret, victim.token, "http://shop.example.evil.example"}));
    show("another port of the same host", post(here, {victim.secret, victim.token, "http://shop.example:8001"}));
    say("\nOld browsers send no Origin. Then the token decides:");
    show("a form without token", post(here, {victim.secret, "", ""}));
    show("the attacker's own token", post(here, {victim.secret, attacker.token, ""}));
    show("an invented token", post(here, {victim.secret, std::string(64, 'a'), ""}));
    show("a browser without cookie", post(here, {"", attacker.token, ""}));
}

void many_pages(const shop& here) {
    heading("Each page has a token of its own");
    browser person;
    person.open(here);
    const browser first = person;
    std::set<std::string> tokens;
    std::size_t taken = 0;
    for (int i = 0; i < 100; ++i) {
        person.open(here);
        tokens.insert(person.token);
        if (post(here, {person.secret, person.token, ""}) == "bought\n") ++taken;
    }
    say("  100 pages have ", tokens.size(), " tokens, and ", taken, " of them pass. The secret ",
        person.secret == first.secret ? "stays." : "changes.");
    show("a page that was open all the time", post(here, {person.secret, first.token, ""}));
    person.open(here, "/login/");
    say("  At the login the secret ", person.secret == first.secret ? "stays." : "changes.");
    show("a token from before the login", post(here, {person.secret, first.token, ""}));
}

// ---- BREACH ---------------------------------------------------------------------------------------------

/// Counts what a compressor sends: letters, and references to a text of at least four letters that came before.
std::size_t compressed_size(std::string_view page) {
    std::size_t count = 0;
    for (std::size_t at = 0; at < page.size(); ++count) {
        std::size_t longest = 0;
        for (std::size_t from = 0; from < at; ++from) {
            std::size_t same = 0;
            while (at + same < page.size() && page[from + same] == page[at + same]) ++same;
            longest = std::max(longest, same);
        }
        at += longest >= 4 ? longest : 1;
    }
    return count;
}
/// Finds a token letter by letter, as an attacker does who sees sizes only: the page shows the guess, and a right
/// letter makes the page smaller. `token_of_page` returns the token of the next page.
template <class Token>
std::string measure(Token token_of_page, std::size_t size) {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    std::string known;
    while (known.size() < size) {
        std::size_t smallest = std::string::npos;
        char best = '?';
        for (const char each : letters) {
            const std::string page =
                "Nothing found for token=" + known + each + ". <form token=" + token_of_page() + ">";
            if (const std::size_t count = compressed_size(page); count < smallest) smallest = count, best = each;
        }
        known += best;
    }
    return known;
}
void breach(const shop& here) {
    heading("An attacker who measures sizes (BREACH)");
    const std::string fixed = "k7QmW2xTzB9dLr4H";
    say("  all pages have the token  ", fixed);
    say("  the attacker finds        ", measure([&] { return fixed; }, fixed.size()), "\n");
    browser victim;
    const std::string found = measure([&] { return victim.open(here), victim.token; }, fixed.size());
    victim.open(here);
    say("  if each page has another token, the attacker finds ",
        victim.token.starts_with(found) ? "the token of the next page" : "nothing of use");
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Forms of the own page and of foreign pages, and which of them a site takes.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"give no argument"};
        const shop here;
        own_page(here);
        foreign_pages(here);
        many_pages(here);
        breach(here);
    });
}
