// netnotes/web/template_parser.hpp: from the tags of a template to a program
// SPDX-License-Identifier: MIT
//
// A template is read once. It becomes a list of nodes, and a node that has a body knows where the body ends:
//
//        <ul>{% for x in all %}<li>{{ x }}{% empty %}none{% endfor %}</ul>
//
//        0 text <ul>     1 loop x in all: body 2 to 4, empty 4 to 5     5 text </ul>
//                          2 text <li>   3 variable x   4 text none
//
// A faulty tag is reported when the template is read, with the line and in Django's words. It need not stand where
// something is printed.
//
// On this page:  (what template.hpp uses: program, parser)
// The notes:     DTL语言 (标签), 模板的继承; examples 44, 45

#ifndef NETNOTES_WEB_TEMPLATE_PARSER_HPP
#define NETNOTES_WEB_TEMPLATE_PARSER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "template_expression.hpp"
#include "template_lexer.hpp"

namespace netnotes::web::detail::templates {

enum class node_kind : std::uint8_t {
    text,
    variable,
    loop,
    choice,
    branch,
    with,
    autoescape,
    block,
    extends,
    include,
    url,
    csrf_token,
    static_file
};

inline constexpr std::uint32_t no_index = static_cast<std::uint32_t>(-1);

struct node {
    node_kind what{};
    bool flag = false;  // loop: reversed; autoescape: on; include: only
    std::uint32_t line = 0;
    std::uint32_t first = 0;                  // an expression; of a branch a condition, or no_index for else
    std::uint32_t middle = 0;                 // loop: where the nodes behind {% empty %} begin
    std::uint32_t end = 0;                    // behind the body
    std::uint32_t names = 0, name_count = 0;  // loop: its variables; with, include, url: assignments
    std::string_view text;                    // text; the name of a block, or behind `as`
};
struct assignment {
    std::string_view name;  // empty: an argument of {% url %} without a name
    std::uint32_t what = 0;
};

/// A template, read. The views inside refer to `source`, so it is neither copied nor moved.
struct program {
    program(std::string_view text, std::string_view file) : source{text}, name{file} {}
    program(const program&) = delete;
    program& operator=(const program&) = delete;

    std::string source, name;
    std::vector<node> nodes;
    std::vector<expression> expressions;
    std::vector<condition> conditions;
    std::vector<assignment> assignments;
    std::vector<std::string_view> names;
    std::vector<std::pair<std::string_view, std::uint32_t>> blocks;
    bool has_extends = false;
};

class parser {
  public:
    explicit parser(program& to) : to_{to}, tokens_{tokens_of(to.source)} {}

    /// Throws template_error with the place of the innermost tag that is at fault.
    void parse() {
        try {
            parse({}, 0);
        } catch (const template_error& error) {
            if (error.line() != 0) throw;
            throw template_error{error.kind(), error.message(), to_.name, line_};
        }
    }

  private:
    using words = std::vector<std::string_view>;
    static constexpr unsigned max_depth = 100;

    template <class... Parts>
    [[noreturn]] void refuse_at(std::size_t line, const Parts&... parts) const {
        throw template_error{"TemplateSyntaxError", netnotes::detail::joined(parts...), to_.name, line};
    }
    /// Runs something, and gives an error that has no place the place of this tag.
    template <class F>
    void placed(std::size_t line, const F& run) {
        try {
            run();
        } catch (const template_error& error) {
            if (error.line() != 0) throw;
            throw template_error{error.kind(), error.message(), to_.name, line};
        }
    }

    std::uint32_t here() const noexcept { return static_cast<std::uint32_t>(to_.nodes.size()); }
    std::uint32_t add(node_kind what, std::size_t line) {
        node made;
        made.what = what;
        made.line = static_cast<std::uint32_t>(line);
        to_.nodes.push_back(made);
        return here() - 1;
    }
    std::uint32_t add_expression(std::string_view text) {
        to_.expressions.push_back(read_expression(text));
        return static_cast<std::uint32_t>(to_.expressions.size() - 1);
    }

    /// Reads nodes up to one of these tags, and leaves that tag. Without any of them it reads to the end.
    void parse(const words& until, unsigned depth) {
        if (depth == max_depth) refuse("Tags are nested more than 100 deep.");
        bool has_tags = false;
        for (; at_ < tokens_.size(); ++at_) {
            const token& next = tokens_[at_];
            line_ = next.line;
            if (next.kind == token_kind::text) {
                to_.nodes[add(node_kind::text, next.line)].text = next.contents;
            } else if (next.kind == token_kind::variable) {
                if (next.contents.empty())
                    refuse_at(next.line, "Empty variable tag on line ", std::to_string(next.line));
                placed(next.line, [&] {
                    const std::uint32_t what = add_expression(next.contents);
                    to_.nodes[add(node_kind::variable, next.line)].first = what;
                });
                has_tags = true;
            } else if (next.kind == token_kind::block) {
                const std::string_view name = first_word(next.contents);
                if (name.empty()) refuse_at(next.line, "Empty block tag on line ", std::to_string(next.line));
                if (std::find(until.begin(), until.end(), name) != until.end()) return;
                open_.push_back(&next);
                placed(next.line, [&] { tag(name, next, until, depth, has_tags); });
                has_tags = true;
                open_.pop_back();
                if (at_ == tokens_.size()) break;  // {% extends %} has read everything
            }
        }
        if (!until.empty()) unclosed(until);
    }
    [[noreturn]] void unclosed(const words& until) const {
        std::string expected;
        for (const auto word : until) expected.append(expected.empty() ? "" : ", ").append(word);
        const token& open = *open_.back();
        refuse_at(open.line, "Unclosed tag on line ", std::to_string(open.line), ": '", first_word(open.contents),
                  "'. Looking for one of: ", expected, ".");
    }
    [[noreturn]] void invalid(const token& which, std::string_view name, const words& expected) const {
        std::string list;
        for (std::size_t i = 0; i < expected.size(); ++i)
            list += netnotes::detail::joined(i == 0                     ? ", expected '"
                                             : i + 1 == expected.size() ? " or '"
                                                                        : ", '",
                                             expected[i], "'");
        refuse_at(which.line, "Invalid block tag on line ", std::to_string(which.line), ": '", name, "'", list,
                  ". Did you forget to register or load this tag?");
    }

    void tag(std::string_view name, const token& here_is, const words& until, unsigned depth, bool has_tags) {
        if (name == "for") return loop(here_is, depth);
        if (name == "if") return choice(here_is, depth);
        if (name == "block") return block(here_is, depth);
        if (name == "extends") return extends(here_is, depth, has_tags);
        if (name == "include") return include(here_is);
        if (name == "with") return with(here_is, depth);
        if (name == "autoescape") return autoescape(here_is, depth);
        if (name == "comment") return comment();
        if (name == "verbatim") return body({"endverbatim"}, depth);
        if (name == "url") return url(here_is);
        if (name == "csrf_token") return void(add(node_kind::csrf_token, here_is.line));
        if (name == "load") return load(here_is);
        if (name == "static" && has_static_) return static_file(here_is);
        invalid(here_is, name, until);
    }
    /// Reads a body up to its end tag; at_ is then at that tag.
    void body(const words& until, unsigned depth) {
        ++at_;
        parse(until, depth + 1);
    }

    void loop(const token& tag_token, unsigned depth) {
        using netnotes::detail::joined;
        const words bits = words_of(tag_token.contents);
        if (bits.size() < 4) refuse(joined("'for' statements should have at least four words: ", tag_token.contents));
        const bool is_reversed = bits.back() == "reversed";
        const std::size_t in = bits.size() - (is_reversed ? 3 : 2);
        if (bits[in] != "in")
            refuse(joined("'for' statements should use the format 'for x in y': ", tag_token.contents));
        // The variables are separated by commas, with blanks around or not.
        const auto names = static_cast<std::uint32_t>(to_.names.size());
        const auto wrong = [&] { refuse(joined("'for' tag received an invalid argument: ", tag_token.contents)); };
        bool has_comma = true;
        for (std::size_t i = 1; i < in; ++i) {
            const auto parts = parts_of(bits[i], ',');
            for (std::size_t k = 0; k < parts.size(); ++k) {
                if (k > 0) {
                    if (has_comma) wrong();
                    has_comma = true;
                }
                if (parts[k].empty()) continue;
                if (!has_comma || parts[k].find_first_of("\"'| ") != std::string_view::npos) wrong();
                to_.names.push_back(parts[k]);
                has_comma = false;
            }
        }
        if (has_comma) wrong();
        const auto count = static_cast<std::uint32_t>(to_.names.size()) - names;
        const std::uint32_t what = add_expression(bits[in + 1]);
        const std::uint32_t whole = add(node_kind::loop, tag_token.line);
        body({"empty", "endfor"}, depth);
        const std::uint32_t middle = here();
        if (tokens_[at_].contents == "empty") body({"endfor"}, depth);
        node& made = to_.nodes[whole];
        made.flag = is_reversed;
        made.first = what;
        made.names = names;
        made.name_count = count;
        made.middle = middle;
        made.end = here();
    }
    std::uint32_t read_condition(const token& tag_token) {
        words bits = words_of(tag_token.contents);
        bits.erase(bits.begin());
        return condition_reader{std::move(bits), to_.conditions}.read();
    }
    void choice(const token& tag_token, unsigned depth) {
        const std::uint32_t whole = add(node_kind::choice, tag_token.line);
        const auto branch = [&](std::uint32_t what, const words& until) {
            const std::uint32_t made = add(node_kind::branch, tokens_[at_].line);
            to_.nodes[made].first = what;
            body(until, depth);
            to_.nodes[made].end = here();
        };
        branch(read_condition(tag_token), {"elif", "else", "endif"});
        while (tokens_[at_].contents.starts_with("elif"))
            branch(read_condition(tokens_[at_]), {"elif", "else", "endif"});
        if (tokens_[at_].contents == "else") branch(no_index, {"endif"});
        if (tokens_[at_].contents != "endif")
            refuse(netnotes::detail::joined("Malformed template tag at line ", std::to_string(tokens_[at_].line),
                                            ": \"", tokens_[at_].contents, "\""));
        to_.nodes[whole].end = here();
    }
    void block(const token& tag_token, unsigned depth) {
        using netnotes::detail::joined;
        const words bits = plain_words(tag_token.contents);
        if (bits.size() != 2) refuse("'block' tag takes only one argument");
        for (const auto& [name, index] : to_.blocks)
            if (name == bits[1]) refuse(joined("'block' tag with name '", name, "' appears more than once"));
        const std::uint32_t whole = add(node_kind::block, tag_token.line);
        to_.nodes[whole].text = bits[1];
        to_.blocks.emplace_back(bits[1], whole);
        body({"endblock"}, depth);
        const std::string full = joined("endblock ", bits[1]);
        if (tokens_[at_].contents != "endblock" && tokens_[at_].contents != full)
            invalid(tokens_[at_], "endblock", {"endblock", full});
        to_.nodes[whole].end = here();
    }
    void extends(const token& tag_token, unsigned depth, bool has_tags) {
        const words bits = words_of(tag_token.contents);
        if (bits.size() != 2) refuse("'extends' takes one argument");
        const std::uint32_t what = add_expression(bits[1]);
        const std::uint32_t whole = add(node_kind::extends, tag_token.line);
        to_.nodes[whole].first = what;
        body({}, depth);
        if (to_.has_extends) refuse("'extends' cannot appear more than once in the same template");
        to_.has_extends = true;
        to_.nodes[whole].end = here();
        if (has_tags)
            refuse(netnotes::detail::joined("<ExtendsNode: extends ", bits[1],
                                            "> must be the first tag in the template."));
    }
    /// Reads words like name=value from `at` on, and returns how many there are; with `is_legacy` also `value as name`.
    std::uint32_t read_assignments(const words& bits, std::size_t& at, bool is_legacy) {
        const std::size_t begin = to_.assignments.size();
        std::vector<assignment> made;
        bool is_plain = true;
        if (at < bits.size() && name_before_equals(bits[at]).empty()) is_plain = false;
        if (!is_plain && !is_legacy) return 0;
        while (at < bits.size()) {
            std::string_view name, what;
            if (is_plain) {
                name = name_before_equals(bits[at]);
                if (name.empty()) break;
                what = bits[at].substr(name.size() + 1);
                ++at;
            } else {
                if (bits.size() - at < 3 || bits[at + 1] != "as") break;
                name = bits[at + 2];
                what = bits[at];
                at += 3;
            }
            const std::uint32_t index = add_expression(what);
            const auto same =
                std::find_if(made.begin(), made.end(), [&](const auto& each) { return each.name == name; });
            if (same != made.end())
                same->what = index;
            else
                made.push_back({name, index});
        }
        to_.assignments.insert(to_.assignments.end(), made.begin(), made.end());
        return static_cast<std::uint32_t>(to_.assignments.size() - begin);
    }
    /// The name of name=value; empty if the word has another form.
    static std::string_view name_before_equals(std::string_view word) noexcept {
        const auto end = std::find_if_not(word.begin(), word.end(), is_word);
        const auto size = static_cast<std::size_t>(end - word.begin());
        return size > 0 && size + 1 < word.size() && *end == '=' ? word.substr(0, size) : std::string_view{};
    }
    void with(const token& tag_token, unsigned depth) {
        using netnotes::detail::joined;
        const words bits = words_of(tag_token.contents);
        const std::uint32_t whole = add(node_kind::with, tag_token.line);
        std::size_t at = 1;
        const auto names = static_cast<std::uint32_t>(to_.assignments.size());
        const std::uint32_t count = read_assignments(bits, at, true);
        if (count == 0) refuse("'with' expected at least one variable assignment");
        if (at < bits.size()) refuse(joined("'with' received an invalid token: ", repr_of(bits[at])));
        to_.nodes[whole].names = names;
        to_.nodes[whole].name_count = count;
        body({"endwith"}, depth);
        to_.nodes[whole].end = here();
    }
    void include(const token& tag_token) {
        using netnotes::detail::joined;
        const words bits = words_of(tag_token.contents);
        if (bits.size() < 2)
            refuse("'include' tag takes at least one argument: the name of the template to be included.");
        const std::uint32_t whole = add(node_kind::include, tag_token.line);
        const auto names = static_cast<std::uint32_t>(to_.assignments.size());
        std::uint32_t count = 0;
        bool has_with = false, has_only = false;
        for (std::size_t at = 2; at < bits.size();) {
            const std::string_view option = bits[at++];
            if ((option == "with" && has_with) || (option == "only" && has_only))
                refuse(joined("The ", repr_of(option), " option was specified more than once."));
            if (option == "with") {
                has_with = true;
                count = read_assignments(bits, at, false);
                if (count == 0) refuse("\"with\" in 'include' tag needs at least one keyword argument.");
            } else if (option == "only") {
                has_only = true;
            } else {
                refuse(joined("Unknown argument for 'include' tag: ", repr_of(option), "."));
            }
        }
        const std::uint32_t what = add_expression(bits[1]);
        node& made = to_.nodes[whole];
        made.first = what;
        made.names = names;
        made.name_count = count;
        made.flag = has_only;
    }
    void autoescape(const token& tag_token, unsigned depth) {
        const words bits = plain_words(tag_token.contents);
        if (bits.size() != 2) refuse("'autoescape' tag requires exactly one argument.");
        if (bits[1] != "on" && bits[1] != "off") refuse("'autoescape' argument should be 'on' or 'off'");
        const std::uint32_t whole = add(node_kind::autoescape, tag_token.line);
        body({"endautoescape"}, depth);
        to_.nodes[whole].flag = bits[1] == "on";
        to_.nodes[whole].end = here();
    }
    void comment() {
        for (++at_; at_ < tokens_.size(); ++at_)
            if (tokens_[at_].kind == token_kind::block && tokens_[at_].contents == "endcomment") return;
        unclosed({"endcomment"});
    }
    void url(const token& tag_token) {
        words bits = words_of(tag_token.contents);
        if (bits.size() < 2) refuse("'url' takes at least one argument, a URL pattern name.");
        const std::uint32_t whole = add(node_kind::url, tag_token.line);
        const std::uint32_t what = add_expression(bits[1]);
        std::string_view as;
        if (bits.size() >= 4 && bits[bits.size() - 2] == "as") {
            as = bits.back();
            bits.resize(bits.size() - 2);
        }
        const auto names = static_cast<std::uint32_t>(to_.assignments.size());
        for (std::size_t i = 2; i < bits.size(); ++i) {
            const std::string_view name = name_before_equals(bits[i]);
            const std::uint32_t index = add_expression(name.empty() ? bits[i] : bits[i].substr(name.size() + 1));
            to_.assignments.push_back({name, index});
        }
        node& made = to_.nodes[whole];
        made.first = what;
        made.text = as;
        made.names = names;
        made.name_count = static_cast<std::uint32_t>(to_.assignments.size()) - names;
    }
    void load(const token& tag_token) {
        using netnotes::detail::joined;
        const words bits = plain_words(tag_token.contents);
        const auto check = [](std::string_view library) {
            if (library == "static") return;
            refuse(joined("'", library, "' is not a registered tag library. Must be one of:\nstatic"));
        };
        if (bits.size() >= 4 && bits[bits.size() - 2] == "from") {
            check(bits.back());
            for (std::size_t i = 1; i + 2 < bits.size(); ++i)
                if (bits[i] != "static")
                    refuse(joined("'", bits[i], "' is not a valid tag or filter in tag library 'static'"));
            has_static_ = true;
            return;
        }
        for (std::size_t i = 1; i < bits.size(); ++i) {
            check(bits[i]);
            has_static_ = true;
        }
    }
    void static_file(const token& tag_token) {
        const words bits = words_of(tag_token.contents);
        if (bits.size() < 2) refuse("'static' takes at least one argument (path to file)");
        const std::uint32_t what = add_expression(bits[1]);
        const std::uint32_t whole = add(node_kind::static_file, tag_token.line);
        to_.nodes[whole].first = what;
        if (bits.size() >= 4 && bits[bits.size() - 2] == "as") to_.nodes[whole].text = bits[3];
    }

    program& to_;
    std::vector<token> tokens_;
    std::vector<const token*> open_;  // tags whose end has not come
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    bool has_static_ = false;
};

}  // namespace netnotes::web::detail::templates

#endif  // NETNOTES_WEB_TEMPLATE_PARSER_HPP
