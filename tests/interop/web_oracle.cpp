// tests/interop/web_oracle.cpp: answers questions about patterns, templates and middleware, for web_django.py
// SPDX-License-Identifier: MIT
//
// A question is a row of texts, each written as SIZE:BYTES. Questions and answers end with a line feed.
//
//     pattern METHOD PATTERN TEXT     METHOD is search, match or fullmatch. The answer is "refused", "no",
//                                     or "yes" and behind it BEGIN-END of each group, - for a group that took no part
//     template COUNT NAME TEXT... VALUE...
//                                     COUNT templates, of which the first is rendered, and the context, a value.
//                                     The answer is "page" and the bytes, or "error", KIND and the text, in hex digits
//     middleware VIEW FAULT...        three layers A, B, C around a view. VIEW is ok, page, bad_page or throws; a FAULT
//                                     is A.request=answer or A.request=throw, and so on for view, template, exception and
//                                     response. The answer is the trace, the status, and the body of a 200
//
//     host NAME ALLOWED...            the answer is the name, in hex digits, and "yes" or "no": whether the list has it
//     reverse COUNT PATTERN... (args TEXT... | named NAME TEXT...)
//                                     COUNT routes of one name, the last of which have a prefix if it is "in:PATTERN".
//                                     The answer is "path" and the path of that name, or "error", KIND and the text
//
// A value is N, T, F, iNUMBER, dNUMBER, sTEXT, STEXT (safe), tSECONDS, lCOUNT and its items, or mCOUNT and its names and
// values.

#include <netnotes/web/hosts.hpp>
#include <netnotes/web/middleware.hpp>
#include <netnotes/web/pattern.hpp>
#include <netnotes/web/template.hpp>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace http = netnotes::http;
namespace web = netnotes::web;

namespace {

bool read_row(std::istream& in, std::vector<std::string>& row) {
    row.clear();
    for (std::size_t size = 0; in.peek() != '\n';) {
        if (!(in >> size) || in.get() != ':') return false;
        row.emplace_back(size, '\0');
        in.read(row.back().data(), static_cast<std::streamsize>(size));
    }
    in.get();
    return static_cast<bool>(in);
}

std::string match(const std::vector<std::string>& row) {
    netnotes::parse_failure why;
    const auto pattern = web::pattern::parse(row.at(2), why);
    if (!pattern) return "refused " + why.message();
    const std::string& text = row.at(3);
    const auto found = row[1] == "search"  ? pattern->search(text)
                       : row[1] == "match" ? pattern->match(text)
                                           : pattern->full_match(text);
    if (!found) return "no";
    std::string answer = "yes";
    for (std::size_t i = 0; i < found->size(); ++i) {
        const auto group = (*found)[i];
        if (!group) {
            answer += " -";
            continue;
        }
        const auto begin = static_cast<std::size_t>(group->data() - text.data());
        answer += " " + std::to_string(begin) + "-" + std::to_string(begin + group->size());
    }
    return answer;
}

web::value read_value(const std::vector<std::string>& row, std::size_t& at) {
    const std::string& word = row.at(at++);
    const std::string rest = word.substr(1);
    switch (word.at(0)) {
        case 'N': return nullptr;
        case 'T': return true;
        case 'F': return false;
        case 'i': return std::stoll(rest);
        case 'd': return std::stod(rest);
        case 's': return rest;
        case 'S': return web::safe_string{rest};
        case 't': return web::time_value{std::chrono::seconds{std::stoll(rest)}};
        case 'l': {
            web::list items;
            for (std::size_t count = std::stoul(rest); count > 0; --count) items.push_back(read_value(row, at));
            return items;
        }
        default: {
            web::map entries;
            for (std::size_t count = std::stoul(rest); count > 0; --count) {
                const std::string& name = row.at(at++);
                entries.set(name, read_value(row, at));
            }
            return entries;
        }
    }
}
std::string hex(std::string_view text) {
    std::string made;
    for (const char c : text)
        made += {netnotes::detail::hexadecimal_digits[static_cast<unsigned char>(c) >> 4],
                 netnotes::detail::hexadecimal_digits[c & 15]};
    return made;
}
std::string render(const std::vector<std::string>& row) {
    web::template_map texts;
    std::size_t at = 2;
    for (std::size_t count = std::stoul(row.at(1)); count > 0; --count, at += 2) texts.set(row.at(at), row.at(at + 1));
    const std::string first = row.at(2);
    try {
        const web::value context = read_value(row, at);
        return "page " + hex(web::templates{texts}.render(first, *context.as_map()));
    } catch (const web::template_error& error) {
        return "error " + error.kind() + " " + hex(error.message());
    }
}

class traced : public web::middleware {
  public:
    traced(std::string name, const std::vector<std::string>& row, std::string& trace)
        : name_{std::move(name)}, row_{row}, trace_{trace} {}
    std::optional<http::response> process_request(http::request&) override { return hook("request"); }
    std::optional<http::response> process_view(http::request&) override { return hook("view"); }
    void process_template_response(http::request&, web::template_response&) override { hook("template"); }
    std::optional<http::response> process_exception(http::request&, const std::exception&) override {
        return hook("exception");
    }
    http::response process_response(http::request&, http::response made) override {
        if (auto other = hook("response")) return *std::move(other);
        return made;
    }

  private:
    std::optional<http::response> hook(const std::string& which) {
        const std::string word = name_ + "." + which;
        trace_ += word + " ";
        for (const std::string& each : row_)
            if (each == word + "=throw")
                throw std::runtime_error{word};
            else if (each == word + "=answer")
                return http::response{200, word};
        return std::nullopt;
    }
    std::string name_;
    const std::vector<std::string>& row_;
    std::string& trace_;
};
std::string trace(const std::vector<std::string>& row) {
    std::string made;
    const web::template_map texts{{"page", "page"}, {"bad_page", "{{ 5|first }}"}};
    const web::templates pages{texts};
    web::routes table;
    table.path("", [&](const http::request&) -> web::view_answer {
        made += "view ";
        if (row[1] == "throws") throw std::runtime_error{"view"};
        if (row[1] == "ok") return http::response{200, "ok"};
        return web::template_response{&pages, row[1], {}, {}};
    });
    web::site site{table};
    for (const auto* name : {"A", "B", "C"}) site.add(std::make_shared<traced>(name, row, made));
    const http::response answer = site.answer(http::request{"GET", "/"});
    return made + std::to_string(answer.status.code()) + (answer.status.code() == 200 ? " " + answer.body : "");
}

std::string host(const std::vector<std::string>& row) {
    const web::allowed_hosts hosts{{row.begin() + 2, row.end()}};
    const std::string name = web::allowed_hosts::name_of(row.at(1));
    return "name " + hex(name) + (!name.empty() && hosts.allows(name) ? " yes" : " no");
}

/// Adds a route with as many arguments as the pattern has groups.
void add_route(web::routes& to, const std::string& text) {
    const web::pattern pattern{text};
    const std::size_t groups = pattern.names().empty() ? pattern.group_count() : pattern.names().size();
    const auto view = [](const http::request&, const auto&...) { return http::response{200}; };
    using text_type = const std::string&;
    const auto with = [&]<class... Arguments>() {
        to.re_path(
            text, [view](const http::request& ask, Arguments... all) { return view(ask, all...); }, "name");
    };
    switch (groups) {
        case 0: return with.operator()<>();
        case 1: return with.operator()<text_type>();
        case 2: return with.operator()<text_type, text_type>();
        case 3: return with.operator()<text_type, text_type, text_type>();
        case 4: return with.operator()<text_type, text_type, text_type, text_type>();
        case 5: return with.operator()<text_type, text_type, text_type, text_type, text_type>();
        default: return with.operator()<text_type, text_type, text_type, text_type, text_type, text_type>();
    }
}
std::string reverse(const std::vector<std::string>& row) try {
    web::routes table, inner;
    std::size_t at = 2;
    for (std::size_t count = std::stoul(row.at(1)); count > 0; --count, ++at)
        if (row.at(at).starts_with("in:"))
            add_route(inner, row[at].substr(3));
        else
            add_route(table, row[at]);
    table.include("in/", inner);
    web::list arguments;
    web::map named;
    for (const bool is_named = row.at(at++) == "named"; at < row.size(); ++at)
        if (is_named)
            named.set(row.at(at), row.at(at + 1)), ++at;
        else
            arguments.emplace_back(row[at]);
    return "path " + hex(table.reverse("name", arguments, named));
} catch (const web::template_error& error) {
    return "error " + error.kind() + " " + hex(error.message());
}

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    std::cin.tie(nullptr);
    for (std::vector<std::string> row; read_row(std::cin, row);)
        if (row.at(0) == "pattern")
            std::cout << match(row) << '\n';
        else if (row.at(0) == "template")
            std::cout << render(row) << '\n';
        else if (row.at(0) == "middleware")
            std::cout << trace(row) << '\n';
        else if (row.at(0) == "reverse")
            std::cout << reverse(row) << '\n';
        else if (row.at(0) == "host")
            std::cout << host(row) << '\n';
        else
            return 2;
}
