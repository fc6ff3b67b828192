// netnotes/web/template_lexer.hpp: from the text of a template to its tags
// SPDX-License-Identifier: MIT
//
// A template is text with tags in it. A tag stands on one line and has one of three kinds of braces:
//
//   Hello, {{ name|title }}!{% if is_new %} Welcome.{% endif %}{# a comment #}
//   text   a variable        a block tag   text     a block tag a comment: nothing
//
// Braces that are not closed on their line are text, as in Django. The words of a block tag are separated by blanks,
// and a string in quotes may contain blanks.
//
// On this page:  template_error · (what template.hpp uses: tokens and words)
// The notes:     DTL语言; example 44

#ifndef NETNOTES_WEB_TEMPLATE_LEXER_HPP
#define NETNOTES_WEB_TEMPLATE_LEXER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../ip/text.hpp"

namespace netnotes::web {

/// Thrown for a template that cannot be read or rendered. It has the name and the text of Django's exception, and the
/// place, which Django shows on its yellow page only. what() has all: `page.html, line 3: TemplateSyntaxError: ...`.
class template_error : public std::runtime_error {
  public:
    template_error(std::string_view kind, std::string_view message, std::string_view file = {}, std::size_t line = 0)
        : std::runtime_error{line == 0 ? netnotes::detail::joined(kind, ": ", message)
                                       : netnotes::detail::joined(file, ", line ", std::to_string(line), ": ", kind,
                                                                  ": ", message)},
          kind_{kind},
          message_{message},
          file_{file},
          line_{line} {}

    /// Returns the name of Django's exception, for example TemplateSyntaxError or TemplateDoesNotExist.
    [[nodiscard]] const std::string& kind() const noexcept { return kind_; }
    /// Returns the text of Django's exception.
    [[nodiscard]] const std::string& message() const noexcept { return message_; }
    /// Returns the name of the template.
    [[nodiscard]] const std::string& file() const noexcept { return file_; }
    /// Returns the line on which the tag stands, counted from 1, or 0 if it is unknown.
    [[nodiscard]] std::size_t line() const noexcept { return line_; }

  private:
    std::string kind_, message_, file_;
    std::size_t line_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail::templates {

[[noreturn]] inline void refuse(std::string_view message) { throw template_error{"TemplateSyntaxError", message}; }

enum class token_kind : std::uint8_t { text, variable, block, comment };

struct token {
    token_kind kind{};
    std::string_view contents;  // of a tag: what stands between the braces, without blanks around it
    std::size_t line = 0;
};

constexpr bool is_blank(char c) noexcept {
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f');
}
/// A letter, a digit or an underscore. A byte of a longer character counts as a letter.
constexpr bool is_word(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
constexpr std::string_view stripped(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

/// Cuts a template into texts and tags.
inline std::vector<token> tokens_of(std::string_view text) {
    std::vector<token> all;
    std::string end_of_verbatim;
    std::size_t begin = 0, line = 1, counted = 0, line_end = 0;
    std::size_t unclosed[3] = {0, 0, 0};  // up to there no closing brace of this kind comes: so the whole stays linear
    const auto add = [&](token_kind kind, std::string_view contents, std::size_t at) {
        line += static_cast<std::size_t>(std::count(text.begin() + static_cast<std::ptrdiff_t>(counted),
                                                    text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
        counted = at;
        all.push_back({kind, contents, line});
    };
    const auto add_text = [&](std::size_t end) {
        if (end > begin) add(token_kind::text, text.substr(begin, end - begin), begin);
    };
    for (std::size_t at = text.find('{'); at != text.npos; at = text.find('{', at)) {
        const char kind = at + 1 < text.size() ? text[at + 1] : '\0';
        const std::size_t which = kind == '{' ? 0 : kind == '%' ? 1 : 2;
        if ((kind != '{' && kind != '%' && kind != '#') || at < unclosed[which]) {
            ++at;
            continue;
        }
        if (at >= line_end) line_end = std::min(text.find('\n', at), text.size());
        const char closing[] = {kind == '{' ? '}' : kind, '}'};
        const std::size_t close = text.substr(0, line_end).find(std::string_view{closing, 2}, at + 2);
        if (close == text.npos) {
            unclosed[which] = line_end;
            ++at;
            continue;
        }
        const std::string_view contents = stripped(text.substr(at + 2, close - at - 2));
        if (!end_of_verbatim.empty() && kind == '%' && contents == end_of_verbatim) end_of_verbatim.clear();
        if (!end_of_verbatim.empty()) {
            add_text(at);
            add(token_kind::text, text.substr(at, close + 2 - at), at);
        } else {
            add_text(at);
            add(which == 0 ? token_kind::variable : which == 1 ? token_kind::block : token_kind::comment, contents, at);
            if (kind == '%' && (contents == "verbatim" || contents.starts_with("verbatim ")))
                end_of_verbatim = netnotes::detail::joined("end", contents);
        }
        begin = at = close + 2;
    }
    add_text(text.size());
    return all;
}

/// The first word of a tag, or an empty text.
constexpr std::string_view first_word(std::string_view contents) noexcept {
    contents = stripped(contents);
    return contents.substr(
        0, static_cast<std::size_t>(std::find_if(contents.begin(), contents.end(), is_blank) - contents.begin()));
}
/// The words between blanks, as Python's split().
inline std::vector<std::string_view> plain_words(std::string_view text) {
    std::vector<std::string_view> words;
    for (text = stripped(text); !text.empty(); text = stripped(text)) {
        words.push_back(first_word(text));
        text.remove_prefix(words.back().size());
    }
    return words;
}
/// Returns the place behind the string in quotes that begins at `at`, or npos if the string does not end.
constexpr std::size_t behind_string(std::string_view text, std::size_t at) noexcept {
    for (std::size_t i = at + 1; i < text.size(); ++i) {
        if (text[i] == '\\')
            ++i;
        else if (text[i] == text[at])
            return i + 1;
    }
    return text.npos;
}
/// The words of a tag. A string in quotes is a part of its word, with its blanks.
inline std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    std::size_t at = 0;
    std::size_t open[2] = {text.npos, text.npos};  // from there on a quote of this kind is known not to end
    while (true) {
        while (at < text.size() && is_blank(text[at])) ++at;
        if (at == text.size()) return words;
        const std::size_t begin = at;
        bool has_string = false;
        while (at < text.size() && !is_blank(text[at])) {
            if (text[at] != '"' && text[at] != '\'') {
                ++at;
                continue;
            }
            std::size_t& known = open[text[at] == '"' ? 0 : 1];
            const std::size_t behind = at >= known ? text.npos : behind_string(text, at);
            if (behind == text.npos) {
                known = std::min(known, at);
                if (has_string) break;  // the next word begins with this quote
                while (at < text.size() && !is_blank(text[at])) ++at;
                break;
            }
            has_string = true;
            at = behind;
        }
        words.push_back(text.substr(begin, at - begin));
    }
}

}  // namespace detail::templates

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_TEMPLATE_LEXER_HPP
