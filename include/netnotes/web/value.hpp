// netnotes/web/value.hpp: what a template can print
// SPDX-License-Identifier: MIT
//
// A template knows names, and a name has a value. C++ knows types, and a template asks at run time. Between both stands
// this class: one type for everything that a template can print, compare or walk through.
//
//        web::map page{{"title", "Lists"}, {"count", 3}, {"items", web::list{"a", "b"}}};
//        page.set("intro", web::safe_string{"<b>first</b>"});   // HTML already: it is not escaped
//        std::cout << page["items"].text();                     // ['a', 'b'], as Python writes it
//
// A class of yours becomes a map by a function beside it. The function `describe` is found by its argument:
//
//        struct article { int id; std::string title; };
//        web::map describe(const article& a) { return {{"id", a.id}, {"title", a.title}}; }
//
// Values print, compare and count as Python's do, because templates of Django say it so: 1 == 1.0 == True. An empty
// list is false. A missing value is written None. Lists and maps are shared when a value is copied, and they cannot be
// changed after.
//
// On this page:  value, value_kind · list, map · safe_string, time_value · escape
// The notes:     DTL语言, html转义; examples 44, 46

#ifndef NETNOTES_WEB_VALUE_HPP
#define NETNOTES_WEB_VALUE_HPP

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "../ip/text.hpp"

namespace netnotes::web {

class value;

/// Values in their order.
using list = std::vector<value>;

/// Names and their values, in the order in which they were set. A look-up compares one name after the other, because
/// the maps of pages are small.
class map {
  public:
    using entry = std::pair<std::string, value>;
    map() noexcept;
    map(std::initializer_list<entry> entries);
    map(const map&);
    map(map&&) noexcept;
    map& operator=(const map&);
    map& operator=(map&&) noexcept;
    ~map();

    /// Sets a name's value; replaces an earlier value in its place.
    map& set(std::string_view name, value what);
    /// Returns the name's value, or nullptr if the map does not have the name.
    [[nodiscard]] const value* find(std::string_view name) const noexcept;
    /// Returns the name's value, or an empty value if the map does not have the name.
    [[nodiscard]] const value& operator[](std::string_view name) const noexcept;
    [[nodiscard]] std::size_t size() const noexcept;
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] const entry* begin() const noexcept;
    [[nodiscard]] const entry* end() const noexcept;

  private:
    std::vector<entry> entries_;
};

/// Text that is HTML already. Templates print it as it is. Never make it out of a stranger's text.
struct safe_string {
    std::string text;
};
/// A point in time, in UTC, in whole seconds.
using time_value = std::chrono::time_point<std::chrono::system_clock, std::chrono::seconds>;

/// The kinds of values.
enum class value_kind : std::uint8_t { none, boolean, integer, real, string, safe, time, sequence, mapping, function };

namespace detail {
template <class T>
concept describable = requires(const T& object) {
    { describe(object) } -> std::convertible_to<map>;
};
}  // namespace detail

/// A value. A regular value; copies of lists, maps and functions share them.
class value {
  public:
    /// None.
    value() noexcept = default;
    value(std::nullptr_t) noexcept {}
    template <std::same_as<bool> T>
    value(T what) noexcept : held_{what} {}
    /// A whole number of 64 bits. Throws std::out_of_range if the number is above 2^63 - 1.
    template <std::integral T>
    requires(!std::same_as<T, bool> && !std::same_as<T, char>) value(T what) : held_{static_cast<std::int64_t>(what)} {
        if (!std::in_range<std::int64_t>(what)) throw std::out_of_range{"web::value: a number above 2^63 - 1"};
    }
    template <std::floating_point T>
    value(T what) noexcept : held_{static_cast<double>(what)} {}
    value(const char* text) : held_{std::string{text}} {}
    value(std::string_view text) : held_{std::string{text}} {}
    value(std::string text) noexcept : held_{std::move(text)} {}
    value(safe_string text) noexcept : held_{std::move(text)} {}
    value(time_value when) noexcept : held_{when} {}
    value(list items) : held_{std::make_shared<const list>(std::move(items))} {}
    value(map entries) : held_{std::make_shared<const map>(std::move(entries))} {}
    /// Called each time a template asks for the value; it may throw, and the template then throws this.
    template <class F>
    requires(std::is_invocable_r_v<value, const F&> && !std::is_convertible_v<F, std::string_view>) value(F function)
        : held_{std::make_shared<const std::function<value()>>(std::move(function))} {}
    /// An object for which there is a function describe().
    template <detail::describable T>
    value(const T& object) : value(map{describe(object)}) {}
    /// The values of a vector.
    template <class T>
    requires(!std::same_as<T, value> && std::constructible_from<value, const T&>) value(const std::vector<T>& items)
        : value(list(items.begin(), items.end())) {}

    /// Returns which kind of value this is.
    [[nodiscard]] value_kind kind() const noexcept { return static_cast<value_kind>(held_.index()); }
    [[nodiscard]] bool is_none() const noexcept { return kind() == value_kind::none; }
    /// Returns true for a string and for a safe string.
    [[nodiscard]] bool is_text() const noexcept { return kind() == value_kind::string || is_safe(); }
    [[nodiscard]] bool is_safe() const noexcept { return kind() == value_kind::safe; }
    /// Returns true for a boolean, an integer and a real number.
    [[nodiscard]] bool is_number() const noexcept {
        return kind() >= value_kind::boolean && kind() <= value_kind::real;
    }

    /// Returns the characters of a string, empty for every other kind.
    [[nodiscard]] std::string_view string() const noexcept {
        if (const auto* text = std::get_if<std::string>(&held_)) return *text;
        if (const auto* safe = std::get_if<safe_string>(&held_)) return safe->text;
        return {};
    }
    /// Returns the number, or 0 for every other kind.
    [[nodiscard]] double number() const noexcept {
        if (const auto* real = std::get_if<double>(&held_)) return *real;
        return static_cast<double>(integer());
    }
    /// Returns the integer, 1 for true, 0 for every other kind.
    [[nodiscard]] std::int64_t integer() const noexcept {
        if (const auto* whole = std::get_if<std::int64_t>(&held_)) return *whole;
        const auto* truth = std::get_if<bool>(&held_);
        return truth != nullptr && *truth ? 1 : 0;
    }
    [[nodiscard]] std::optional<time_value> time() const noexcept {
        const auto* when = std::get_if<time_value>(&held_);
        return when != nullptr ? std::optional{*when} : std::nullopt;
    }
    /// Returns the list, or nullptr for every other kind.
    [[nodiscard]] const list* as_list() const noexcept {
        const auto* items = std::get_if<std::shared_ptr<const list>>(&held_);
        return items != nullptr ? items->get() : nullptr;
    }
    /// Returns the map, or nullptr for every other kind.
    [[nodiscard]] const map* as_map() const noexcept {
        const auto* entries = std::get_if<std::shared_ptr<const map>>(&held_);
        return entries != nullptr ? entries->get() : nullptr;
    }
    /// Returns what the function returns, or nullopt for every other kind.
    [[nodiscard]] std::optional<value> call() const {
        const auto* function = std::get_if<std::shared_ptr<const std::function<value()>>>(&held_);
        return function != nullptr ? std::optional{(**function)()} : std::nullopt;
    }

    /// Returns false for none, false, 0, and empty values.
    [[nodiscard]] bool is_true() const noexcept;
    /// Returns how many characters, items or entries there are, or nullopt for kinds that have none.
    [[nodiscard]] std::optional<std::size_t> size() const noexcept;
    /// Returns the text that Python's str() makes: 1.0, True, None, ['a', 1].
    [[nodiscard]] std::string text() const;
    /// Returns the text that Python's repr() makes: as text(), and a string stands in quotes.
    [[nodiscard]] std::string repr() const;
    /// Returns the name of Python's type: NoneType, bool, int, float, str, SafeString, datetime.datetime, list, dict,
    /// function.
    [[nodiscard]] std::string_view type_name() const noexcept;

    /// Compares as Python does: numbers by their values, safe strings as strings. Functions are never equal.
    friend bool operator==(const value& a, const value& b) noexcept;
    /// Returns -1, 0 or 1, or nullopt if Python refuses to compare: none, maps, different kinds.
    [[nodiscard]] static std::optional<int> compare(const value& a, const value& b) noexcept;
    /// Returns whether the container has the item: a text a part, a list an item, a map a key. nullopt: no container.
    [[nodiscard]] static std::optional<bool> contains(const value& container, const value& item) noexcept;

  private:
    std::variant<std::monostate, bool, std::int64_t, double, std::string, safe_string, time_value,
                 std::shared_ptr<const list>, std::shared_ptr<const map>, std::shared_ptr<const std::function<value()>>>
        held_;
};

namespace detail {
/// Calls `take` with one piece of the escaped text after the other.
template <class Take>
void escape_in_pieces(std::string_view text, const Take& take) {
    static constexpr auto is_special = [] {
        std::array<bool, 256> made{};
        for (const char c : {'&', '<', '>', '"', '\''}) made[static_cast<unsigned char>(c)] = true;
        return made;
    }();
    std::size_t begin = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!is_special[static_cast<unsigned char>(text[at])]) continue;
        if (at > begin) take(text.substr(begin, at - begin));
        begin = at + 1;
        switch (text[at]) {
            case '&': take("&amp;"); break;
            case '<': take("&lt;"); break;
            case '>': take("&gt;"); break;
            case '"': take("&quot;"); break;
            default: take("&#x27;");
        }
    }
    take(text.substr(begin));
}
/// Compares names, which are short: most comparisons end at the sizes.
inline bool is_same_name(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    if (a.empty() || a.size() > 8) return a == b;
    if (a.size() < 4) return a[0] == b[0] && a[a.size() / 2] == b[a.size() / 2] && a.back() == b.back();
    std::uint32_t first[2], last[2];  // these two overlap
    std::memcpy(&first[0], a.data(), 4), std::memcpy(&first[1], b.data(), 4);
    std::memcpy(&last[0], a.data() + a.size() - 4, 4), std::memcpy(&last[1], b.data() + b.size() - 4, 4);
    return first[0] == first[1] && last[0] == last[1];
}
}  // namespace detail

/// Appends the text to `to` with the five characters replaced that mean something in HTML: & < > " ' become &amp; &lt;
/// &gt; &quot; &#x27;. The result may stand between tags, and in an attribute that has quotes. It may stand neither in
/// a script nor in an attribute without quotes.
inline void escape_to(std::string& to, std::string_view text) {
    detail::escape_in_pieces(text, [&to](std::string_view piece) { to += piece; });
}
/// Returns the text escaped for HTML, see escape_to().
[[nodiscard]] inline std::string escape(std::string_view text) {
    std::string made;
    made.reserve(text.size() + text.size() / 8);
    escape_to(made, text);
    return made;
}

// ========================================================================================================
// How it is done
// ========================================================================================================

inline map::map() noexcept = default;
inline map::map(const map&) = default;
inline map::map(map&&) noexcept = default;
inline map& map::operator=(const map&) = default;
inline map& map::operator=(map&&) noexcept = default;
inline map::~map() = default;
inline map::map(std::initializer_list<entry> entries) {
    for (const entry& each : entries) set(each.first, each.second);
}
inline map& map::set(std::string_view name, value what) {
    for (entry& each : entries_)
        if (each.first == name) return each.second = std::move(what), *this;
    entries_.emplace_back(name, std::move(what));
    return *this;
}
inline const value* map::find(std::string_view name) const noexcept {
    for (const entry& each : entries_)
        if (detail::is_same_name(each.first, name)) return &each.second;
    return nullptr;
}
inline const value& map::operator[](std::string_view name) const noexcept {
    static const value none;
    const value* found = find(name);
    return found != nullptr ? *found : none;
}
inline std::size_t map::size() const noexcept { return entries_.size(); }
inline const map::entry* map::begin() const noexcept { return entries_.data(); }
inline const map::entry* map::end() const noexcept { return entries_.data() + entries_.size(); }

namespace detail {

/// How deep lists and maps are written and compared; deeper ones are written as [...].
inline constexpr unsigned max_value_depth = 100;

/// The size of the character at which the text begins; a byte that is no UTF-8 is a character of its own.
inline std::size_t character_size(std::string_view text) noexcept {
    char32_t point = 0;
    return std::max<std::size_t>(netnotes::detail::read_utf8(text, point), 1);
}
inline std::size_t count_characters(std::string_view text) noexcept {
    std::size_t count = 0;
    for (; !text.empty(); text.remove_prefix(character_size(text))) ++count;
    return count;
}
/// The character with this number, or nullopt.
inline std::optional<std::string_view> character_at(std::string_view text, std::size_t index) noexcept {
    for (; !text.empty(); text.remove_prefix(character_size(text)))
        if (index-- == 0) return text.substr(0, character_size(text));
    return std::nullopt;
}

/// A number as Python writes it: the shortest text that reads as the same number, with an exponent where it is below -4
/// or above 15.
inline std::string real_text(double number) {
    if (std::isnan(number)) return "nan";
    if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
    char digits[40];
    for (int precision = 0; precision < 18; ++precision) {
        std::snprintf(digits, sizeof digits, "%.*e", precision, number);
        if (std::strtod(digits, nullptr) == number) break;
    }
    std::string mantissa{digits};
    const std::size_t at = mantissa.find('e');
    const int exponent = std::atoi(mantissa.c_str() + at + 1);
    mantissa.resize(at);
    std::string sign = mantissa[0] == '-' ? "-" : "";
    std::erase_if(mantissa, [](char c) { return c < '0' || c > '9'; });
    const auto size = static_cast<int>(mantissa.size());
    if (exponent < -4 || exponent > 15) {
        if (size > 1) mantissa.insert(mantissa.begin() + 1, '.');
        const std::string power = std::to_string(std::abs(exponent));
        return sign + mantissa + (exponent < 0 ? "e-" : "e+") + (power.size() < 2 ? "0" : "") + power;
    }
    if (exponent < 0) return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + mantissa;
    if (size <= exponent + 1)
        return sign + mantissa + std::string(static_cast<std::size_t>(exponent + 1 - size), '0') + ".0";
    mantissa.insert(mantissa.begin() + (exponent + 1), '.');
    return sign + mantissa;
}
/// A text as Python's repr() writes it.
inline std::string repr_of(std::string_view text) {
    const char quote = text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
    std::string made{quote};
    for (const char c : text) {
        if (c == quote || c == '\\')
            made += {'\\', c};
        else if (c == '\n')
            made += "\\n";
        else if (c == '\r')
            made += "\\r";
        else if (c == '\t')
            made += "\\t";
        else if (static_cast<unsigned char>(c) < 32 || c == 127)
            made += {'\\', 'x', netnotes::detail::hexadecimal_digits[static_cast<unsigned char>(c) >> 4],
                     netnotes::detail::hexadecimal_digits[c & 15]};
        else
            made += c;
    }
    return made + quote;
}

void write_value(std::string& to, const value& what, bool in_quotes, unsigned depth);
bool are_equal(const value& a, const value& b, unsigned depth) noexcept;
std::optional<int> compare_values(const value& a, const value& b, unsigned depth) noexcept;
std::string plain_time(time_value when);

}  // namespace detail

inline bool value::is_true() const noexcept {
    if (const auto count = size()) return *count != 0;
    return is_number() ? number() != 0 : !is_none();
}
inline std::optional<std::size_t> value::size() const noexcept {
    if (is_text()) return detail::count_characters(string());
    if (const list* items = as_list()) return items->size();
    if (const map* entries = as_map()) return entries->size();
    return std::nullopt;
}
inline std::string value::text() const {
    std::string made;
    detail::write_value(made, *this, false, 0);
    return made;
}
inline std::string value::repr() const {
    std::string made;
    detail::write_value(made, *this, true, 0);
    return made;
}
inline std::string_view value::type_name() const noexcept {
    constexpr std::string_view names[] = {"NoneType",          "bool", "int",  "float",   "str", "SafeString",
                                          "datetime.datetime", "list", "dict", "function"};
    return names[held_.index()];
}
inline bool operator==(const value& a, const value& b) noexcept { return detail::are_equal(a, b, 0); }
inline std::optional<int> value::compare(const value& a, const value& b) noexcept {
    return detail::compare_values(a, b, 0);
}
inline std::optional<bool> value::contains(const value& container, const value& item) noexcept {
    if (container.is_text()) {
        if (!item.is_text()) return std::nullopt;
        return container.string().find(item.string()) != std::string_view::npos;
    }
    if (const list* items = container.as_list()) return std::find(items->begin(), items->end(), item) != items->end();
    if (const map* entries = container.as_map()) {
        if (item.as_list() != nullptr || item.as_map() != nullptr) return std::nullopt;  // not hashable
        return item.is_text() && entries->find(item.string()) != nullptr;
    }
    return std::nullopt;
}

namespace detail {

inline void write_value(std::string& to, const value& what, bool in_quotes, unsigned depth) {
    switch (what.kind()) {
        case value_kind::none: to += "None"; return;
        case value_kind::boolean: to += what.integer() != 0 ? "True" : "False"; return;
        case value_kind::integer: to += std::to_string(what.integer()); return;
        case value_kind::real: to += real_text(what.number()); return;
        case value_kind::string:
        case value_kind::safe: in_quotes ? to += repr_of(what.string()) : to.append(what.string()); return;
        case value_kind::time: to += plain_time(*what.time()); return;
        case value_kind::function: to += "<function>"; return;
        case value_kind::sequence: {
            if (depth == max_value_depth) return void(to += "[...]");
            to += '[';
            for (const value& each : *what.as_list()) {
                if (&each != what.as_list()->data()) to += ", ";
                write_value(to, each, true, depth + 1);
            }
            to += ']';
            return;
        }
        case value_kind::mapping: {
            if (depth == max_value_depth) return void(to += "{...}");
            to += '{';
            for (const auto& each : *what.as_map()) {
                if (&each != what.as_map()->begin()) to += ", ";
                to += repr_of(each.first) + ": ";
                write_value(to, each.second, true, depth + 1);
            }
            to += '}';
        }
    }
}
inline bool are_equal(const value& a, const value& b, unsigned depth) noexcept {
    if (a.is_number() && b.is_number()) return compare_values(a, b, depth) == 0;
    if (a.is_text() && b.is_text()) return a.string() == b.string();
    if (a.kind() != b.kind() || depth == max_value_depth) return false;
    if (a.is_none()) return true;
    if (a.time()) return a.time() == b.time();
    if (const list* x = a.as_list(), *y = b.as_list(); x != nullptr)
        return std::equal(x->begin(), x->end(), y->begin(), y->end(),
                          [&](const value& c, const value& d) { return are_equal(c, d, depth + 1); });
    if (const map* x = a.as_map(), *y = b.as_map(); x != nullptr)
        return x->size() == y->size() && std::all_of(x->begin(), x->end(), [&](const map::entry& each) {
                   const value* other = y->find(each.first);
                   return other != nullptr && are_equal(each.second, *other, depth + 1);
               });
    return false;
}
inline std::optional<int> compare_values(const value& a, const value& b, unsigned depth) noexcept {
    const auto order = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
    if (a.is_number() && b.is_number()) {
        if (a.kind() == value_kind::real || b.kind() == value_kind::real) {
            if (std::isnan(a.number()) || std::isnan(b.number())) return std::nullopt;
            return order(a.number(), b.number());
        }
        return order(a.integer(), b.integer());
    }
    if (a.is_text() && b.is_text()) return order(a.string(), b.string());
    if (a.time() && b.time()) return order(*a.time(), *b.time());
    const list *x = a.as_list(), *y = b.as_list();
    if (x == nullptr || y == nullptr || depth == max_value_depth) return std::nullopt;
    for (std::size_t i = 0; i < x->size() && i < y->size(); ++i)
        if (!are_equal((*x)[i], (*y)[i], depth + 1)) return compare_values((*x)[i], (*y)[i], depth + 1);
    return order(x->size(), y->size());
}
/// The date and the time of day: 2026-11-29 17:09:21.
inline std::string plain_time(time_value when) {
    const auto day = std::chrono::floor<std::chrono::days>(when);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{when - day};
    char made[64];
    std::snprintf(made, sizeof made, "%04d-%02u-%02u %02d:%02d:%02d", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return made;
}

}  // namespace detail

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_VALUE_HPP
