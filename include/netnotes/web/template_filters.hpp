// netnotes/web/template_filters.hpp: what stands behind the | in a template
// SPDX-License-Identifier: MIT
//
// A filter takes a value and returns another value. It may have one argument:
//
//   {{ name|title }}                       ada lovelace -> Ada Lovelace
//   {{ names|join:", " }}                  ["a", "b"]   -> a, b
//   {{ text|truncatechars:10 }}            -> 9 characters and an ellipsis
//   {{ when|date:"Y-m-d" }}                -> 2026-11-29
//   {{ count }} item{{ count|pluralize }}  -> 1 item, 2 items
//
// Each filter says whether it keeps HTML intact. If it does, and its value was safe, the result is safe. `upper` does
// not: &lt; would become &LT;.
//
// The letters of other alphabets than ASCII keep their case. Python changes them, too.
//
// On this page:  (what template.hpp uses: the table of filters)
// The notes:     DTL语言 (过滤器); example 44

#ifndef NETNOTES_WEB_TEMPLATE_FILTERS_HPP
#define NETNOTES_WEB_TEMPLATE_FILTERS_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <locale>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "template_date.hpp"
#include "template_lexer.hpp"
#include "value.hpp"

namespace netnotes::web::detail::templates {

[[noreturn]] inline void type_error(const std::string& message) { throw template_error{"TypeError", message}; }

/// What Python's int() makes of a value; nullopt for a text that is no whole number, and for other kinds.
inline std::optional<std::int64_t> whole_number(const value& what) {
    if (what.kind() == value_kind::real) {
        const double number = std::trunc(what.number());
        if (!(std::abs(number) < 9.2e18)) return std::nullopt;
        return static_cast<std::int64_t>(number);
    }
    if (what.is_number()) return what.integer();
    std::string_view text = stripped(what.string());
    const bool is_negative = text.starts_with('-');
    if (is_negative || text.starts_with('+')) text.remove_prefix(1);
    std::int64_t number = 0;
    char before = '_';
    for (const char c : text) {
        if (c == '_' ? before == '_' : c < '0' || c > '9') return std::nullopt;
        before = c;
        if (c == '_') continue;
        if (number > (INT64_MAX - 9) / 10) return std::nullopt;
        number = number * 10 + (c - '0');
    }
    if (before == '_') return std::nullopt;
    return is_negative ? -number : number;
}
/// What Python's float() makes of a text.
inline std::optional<double> real_number(std::string_view text) {
    std::string digits{stripped(text)};
    const bool is_plain = !digits.empty() && digits.find_first_not_of("0123456789+-.eE") == digits.npos;
    if (!is_plain) return std::nullopt;
    std::istringstream in{digits};
    in.imbue(std::locale::classic());  // strtod() would want a comma in a program that has called setlocale()
    double number = 0;
    return in >> number && in.peek() == std::istringstream::traits_type::eof() ? std::optional{number} : std::nullopt;
}
inline std::string lower(std::string_view text) {
    std::string made{text};
    for (char& c : made)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    return made;
}
inline std::string upper(std::string_view text) {
    std::string made{text};
    for (char& c : made)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c & ~0x20);
    return made;
}
constexpr bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Each word with a capital; not behind an apostrophe ("it's") and not behind a digit ("1st").
inline std::string title(std::string_view text) {
    std::string made{text};
    char before = ' ';
    for (char& c : made) {
        const bool is_inside = is_lower(before) || is_upper(before);
        if (is_inside && is_upper(c)) c = static_cast<char>(c | 0x20);
        if (!is_inside && is_lower(c)) c = static_cast<char>(c & ~0x20);
        before = c;
    }
    for (std::size_t i = 0; i + 2 < made.size(); ++i)
        if (is_lower(made[i]) && made[i + 1] == '\'' && is_upper(made[i + 2])) {
            made[i + 2] = static_cast<char>(made[i + 2] | 0x20);
            i += 2;
        }
    for (std::size_t i = 0; i + 1 < made.size(); ++i)
        if (is_digit(made[i]) && is_upper(made[i + 1])) made[i + 1] = static_cast<char>(made[i + 1] | 0x20);
    return made;
}
inline std::string without(std::string_view text, std::string_view part) {
    if (part.empty()) return std::string{text};
    std::string made;
    for (std::size_t begin = 0;;) {
        const std::size_t at = std::min(text.find(part, begin), text.size());
        made.append(text, begin, at - begin);
        if (at == text.size()) return made;
        begin = at + part.size();
    }
}
inline std::string truncated(std::string_view text, std::int64_t length) {
    const auto size = static_cast<std::int64_t>(count_characters(text));
    if (size <= length) return std::string{text};
    std::size_t end = 0;
    for (std::int64_t i = 1; i < length; ++i) end += character_size(text.substr(end));
    return std::string{text.substr(0, end)} + "…";
}
/// Percent-encodes as Python's quote(): letters, digits, _ . - ~ and the characters in `kept` stay.
inline std::string quote(std::string_view text, std::string_view kept) {
    std::string made;
    for (const char c : text) {
        const bool is_ascii = (c & 0x80) == 0;
        if (is_ascii && (is_word(c) || c == '.' || c == '-' || c == '~' || kept.find(c) != kept.npos)) {
            made += c;
        } else {
            constexpr std::string_view digits = "0123456789ABCDEF";
            const auto byte = static_cast<unsigned char>(c);
            made += {'%', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return made;
}
inline std::string with_breaks(std::string_view text) {
    std::string made;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
        text[i] == '\n' || text[i] == '\r' ? made += "<br>" : made += text[i];
    }
    return made;
}
/// The value as text, escaped unless it is safe.
inline std::string escaped(const value& what) {
    return what.is_safe() ? std::string{what.string()} : what.is_text() ? escape(what.string()) : escape(what.text());
}
inline std::vector<std::string_view> parts_of(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (std::size_t begin = 0;;) {
        const std::size_t at = std::min(text.find(separator, begin), text.size());
        parts.push_back(text.substr(begin, at - begin));
        if (at == text.size()) return parts;
        begin = at + 1;
    }
}
/// Returns the items of a list, the characters of a text, or the keys of a map; nullopt for any other value.
inline std::optional<list> items_of(const value& what) {
    if (const list* items = what.as_list()) return *items;
    list made;
    if (const map* entries = what.as_map()) {
        for (const auto& each : *entries) made.emplace_back(each.first);
        return made;
    }
    if (!what.is_text()) return std::nullopt;
    for (std::string_view text = what.string(); !text.empty(); text.remove_prefix(character_size(text)))
        made.emplace_back(text.substr(0, character_size(text)));
    return made;
}

inline value at_end(const value& what, bool is_last) {
    if (const auto* items = what.as_list())
        return items->empty() ? value{""} : is_last ? items->back() : items->front();
    if (what.is_text()) {
        const std::size_t size = count_characters(what.string());
        return std::string{character_at(what.string(), is_last && size > 0 ? size - 1 : 0).value_or("")};
    }
    if (what.as_map() != nullptr) throw template_error{"KeyError", is_last ? "-1" : "0"};
    type_error(netnotes::detail::joined("'", what.type_name(), "' object is not subscriptable"));
}
/// Python's value[begin:end:step]; `texts` are its numbers.
inline value slice(const value& what, const std::vector<std::string_view>& texts) {
    const auto size_or_none = what.as_map() != nullptr ? std::nullopt : what.size();
    if (!size_or_none || texts.size() > 3) return what;
    std::optional<std::int64_t> numbers[3];
    for (std::size_t i = 0; i < texts.size(); ++i)
        if (!texts[i].empty() && !(numbers[i] = whole_number(texts[i]))) return what;
    if (texts.size() == 1) std::swap(numbers[0], numbers[1]);
    const auto size = static_cast<std::int64_t>(*size_or_none);
    const std::int64_t step = std::clamp<std::int64_t>(numbers[2].value_or(1), -size - 1, size + 1);
    if (step == 0) return what;
    const std::int64_t least = step > 0 ? 0 : -1, most = step > 0 ? size : size - 1;
    const auto place = [&](std::optional<std::int64_t> number, std::int64_t otherwise) {
        return number ? std::clamp(*number < 0 ? *number + size : *number, least, most) : otherwise;
    };
    const std::int64_t begin = place(numbers[0], step > 0 ? 0 : size - 1),
                       end = place(numbers[1], step > 0 ? size : -1);
    const list all = *items_of(what);
    list made;
    for (std::int64_t i = begin; step > 0 ? i < end : i > end; i += step)
        made.push_back(all[static_cast<std::size_t>(i)]);
    if (what.as_list() != nullptr) return made;
    std::string text;
    for (const value& each : made) text += each.string();
    return text;
}
inline value add(const value& what, const value& more) {
    if (const auto a = whole_number(what), b = whole_number(more); a && b)
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(*a) + static_cast<std::uint64_t>(*b));
    if (what.is_text() && more.is_text()) {
        std::string made{what.string()};
        made += more.string();
        return what.is_safe() && more.is_safe() ? value{safe_string{std::move(made)}} : value{std::move(made)};
    }
    if (what.as_list() != nullptr && more.as_list() != nullptr) {
        list made = *what.as_list();
        made.insert(made.end(), more.as_list()->begin(), more.as_list()->end());
        return made;
    }
    return "";
}
inline value join(const value& what, const value& glue, bool autoescape) {
    const auto items = items_of(what);
    if (!items) return what;
    const std::string between = escaped(glue);
    std::string made;
    for (std::size_t i = 0; i < items->size(); ++i) {
        if (!autoescape && !(*items)[i].is_text()) return what;
        if (i > 0) made += between;
        made += autoescape ? escaped((*items)[i]) : std::string{(*items)[i].string()};
    }
    return safe_string{std::move(made)};
}
inline value yes_no(const value& what, const value* words) {
    if (words != nullptr && !words->is_text())
        throw template_error{"AttributeError",
                             netnotes::detail::joined("'", words->type_name(), "' object has no attribute 'split'")};
    const auto parts = parts_of(words != nullptr ? words->string() : "yes,no,maybe", ',');
    if (parts.size() < 2) return what;
    return std::string{what.is_none() ? parts[parts.size() == 3 ? 2 : 1] : parts[what.is_true() ? 0 : 1]};
}
inline value pluralize(const value& what, const value* endings) {
    if (endings != nullptr && !endings->is_text())
        type_error(netnotes::detail::joined("argument of type '", endings->type_name(), "' is not iterable"));
    std::string both{endings != nullptr ? endings->string() : "s"};
    if (both.find(',') == both.npos) both.insert(both.begin(), ',');
    const auto parts = parts_of(both, ',');
    if (parts.size() > 2) return "";
    std::optional<double> count;
    if (what.is_number())
        count = what.number();
    else if (what.is_text())
        count = real_number(what.string());
    else if (const auto size = what.size())
        count = static_cast<double>(*size);
    return count ? std::string{parts[*count == 1 ? 0 : 1]} : std::string{};
}

/// The arguments of a filter. `argument` may be nullptr.
struct filter_input {
    const value& what;
    const value* argument;
    bool autoescape;

    [[nodiscard]] std::string text() const { return what.is_text() ? std::string{what.string()} : what.text(); }
};

struct filter {
    std::string_view name;
    unsigned min_arguments, max_arguments;  // with the value itself, as Django counts them
    bool is_safe;                           // keeps HTML intact
    value (*apply)(const filter_input&);
};

inline std::string_view text_argument(const filter_input& in, const char* complaint) {
    if (!in.argument->is_text()) type_error(netnotes::detail::joined(complaint, in.argument->type_name()));
    return in.argument->string();
}

// clang-format off
inline constexpr filter filters[]{
    {"add", 2, 2, false, [](const filter_input& in) { return add(in.what, *in.argument); }},
    {"capfirst", 1, 1, true, [](const filter_input& in) -> value {
        std::string text = in.text();
        if (!text.empty() && is_lower(text[0])) text[0] = static_cast<char>(text[0] & ~0x20);
        return text;
    }},
    {"cut", 2, 2, false, [](const filter_input& in) -> value {
        const std::string_view part = text_argument(in, "replace() argument 1 must be str, not ");
        std::string made = without(in.text(), part);
        return in.what.is_safe() && part != ";" ? value{safe_string{std::move(made)}} : value{std::move(made)};
    }},
    {"date", 1, 2, false, [](const filter_input& in) -> value {
        const auto when = in.what.time();
        if (!when) return "";
        const bool is_default = in.argument == nullptr || !in.argument->is_true();
        return format_date(*when, is_default ? "N j, Y" : in.argument->text());
    }},
    {"default", 2, 2, false, [](const filter_input& in) { return in.what.is_true() ? in.what : *in.argument; }},
    {"default_if_none", 2, 2, false, [](const filter_input& in) { return in.what.is_none() ? *in.argument : in.what; }},
    {"escape", 1, 1, true, [](const filter_input& in) -> value { return safe_string{escaped(in.what)}; }},
    {"first", 1, 1, false, [](const filter_input& in) { return at_end(in.what, false); }},
    {"force_escape", 1, 1, true, [](const filter_input& in) -> value { return safe_string{escape(in.text())}; }},
    {"join", 2, 3, true, [](const filter_input& in) { return join(in.what, *in.argument, in.autoescape); }},
    {"last", 1, 1, true, [](const filter_input& in) { return at_end(in.what, true); }},
    {"length", 1, 1, false, [](const filter_input& in) -> value { return in.what.size().value_or(0); }},
    {"linebreaksbr", 1, 2, true, [](const filter_input& in) -> value {
        if (in.argument != nullptr) type_error("linebreaksbr() got multiple values for argument 'autoescape'");
        std::string text = in.text();
        if (in.autoescape && !in.what.is_safe()) text = escape(text);
        return safe_string{with_breaks(text)};
    }},
    {"lower", 1, 1, true, [](const filter_input& in) -> value { return lower(in.text()); }},
    {"pluralize", 1, 2, false, [](const filter_input& in) { return pluralize(in.what, in.argument); }},
    {"safe", 1, 1, true, [](const filter_input& in) -> value { return safe_string{in.text()}; }},
    {"slice", 2, 2, true, [](const filter_input& in) {
        const std::string numbers = in.argument->text();
        return slice(in.what, parts_of(numbers, ':'));
    }},
    {"title", 1, 1, true, [](const filter_input& in) -> value { return title(in.text()); }},
    {"truncatechars", 2, 2, true, [](const filter_input& in) -> value {
        if (!in.argument->is_text() && !in.argument->is_number())
            type_error(netnotes::detail::joined(
                "int() argument must be a string, a bytes-like object or a real number, not '",
                in.argument->type_name(), "'"));
        const auto length = whole_number(*in.argument);
        return length ? truncated(in.text(), *length) : in.text();
    }},
    {"upper", 1, 1, false, [](const filter_input& in) -> value { return upper(in.text()); }},
    {"urlencode", 1, 2, false, [](const filter_input& in) -> value {
        const bool is_default = in.argument == nullptr || in.argument->is_none();
        return quote(in.text(), is_default ? std::string_view{"/"} : in.argument->string());
    }},
    {"yesno", 1, 2, false, [](const filter_input& in) { return yes_no(in.what, in.argument); }},
};
// clang-format on

inline const filter* find_filter(std::string_view name) noexcept {
    for (const filter& each : filters)
        if (each.name == name) return &each;
    return nullptr;
}
/// Applies a filter. If the filter keeps HTML intact and the value was safe, the result is safe.
inline value apply(const filter& which, const value& what, const value* argument, bool autoescape) {
    value made = which.apply({what, argument, autoescape});
    if (!which.is_safe || !what.is_safe() || made.is_safe()) return made;
    return safe_string{made.text()};
}

}  // namespace netnotes::web::detail::templates

#endif  // NETNOTES_WEB_TEMPLATE_FILTERS_HPP
