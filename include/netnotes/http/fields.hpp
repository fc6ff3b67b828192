// netnotes/http/fields.hpp: the lines between the first line and the body
// SPDX-License-Identifier: MIT
//
// A field is a line "name: value". A message has a list of them. The order is kept, and a name may come twice:
//
//        Host: example.com                    find("host")         "example.com"
//        Accept: text/html                    find("accept")       "text/html", the first of two
//        Accept: image/png                    joined("accept")     "text/html, image/png", which means the same
//        Cookie: seen=1
//
//        http::fields fields{{"Content-Type", "text/html"}};
//        fields.add("Set-Cookie", "seen=1");
//        fields.set("Content-Type", "text/plain");
//        for (const auto& [name, value] : fields) std::cout << name << " = " << value << '\n';
//
// A value that a stranger chose is dangerous here. If it holds a line's end, the text behind it becomes a field of its
// own, or a second response: "/home\r\nSet-Cookie: admin=1" (CWE-113). So add() and set() refuse such a value. All text
// of a list lies in one string, so a list of nine fields needs two allocations and not eighteen.
//
// On this page:  field, fields
// Sources:       RFC 9110 §5

#ifndef NETNOTES_HTTP_FIELDS_HPP
#define NETNOTES_HTTP_FIELDS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../ip/text.hpp"
#include "syntax.hpp"

namespace netnotes::http {

namespace detail {
struct checked_fields;  // http/head.hpp
}

/// One field, as two views into text that lies elsewhere.
struct field {
    std::string_view name;
    std::string_view value;
    friend constexpr bool operator==(const field&, const field&) noexcept = default;
};

/// An ordered list of fields. Names are found whatever their case. The views that it returns are valid until the list
/// is changed, moved or destroyed.
class fields {
  public:
    class iterator;
    using value_type = field;
    using const_iterator = iterator;

    fields() noexcept = default;
    /// Makes a list. Throws as add() does.
    fields(std::initializer_list<field> list) {
        for (const auto& [name, value] : list) add(name, value);
    }

    /// Appends a field, even if one with that name is there. Spaces and tabs at the value's ends are dropped. Throws
    /// std::invalid_argument if the name is no token, or if the value holds a control character other than a tab.
    void add(std::string_view name, std::string_view value);
    /// Makes this the only field with the name `name`. The new field takes the place of the first old field. Throws as
    /// add() does.
    void set(std::string_view name, std::string_view value);
    /// Removes all fields with the name `name`, and returns their number.
    std::size_t erase(std::string_view name) noexcept {
        return std::erase_if(entries_, [&](const entry& each) { return same_name(name_of(each), name); });
    }
    /// Removes all fields, and keeps the memory.
    void clear() noexcept {
        entries_.clear();
        text_.clear();
    }

    /// Returns the value of the first field with the name `name`, or nullopt if there is no such field.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
        for (const entry& each : entries_)
            if (same_name(name_of(each), name)) return value_of(each);
        return std::nullopt;
    }
    /// Returns true if a field with that name is there.
    [[nodiscard]] bool contains(std::string_view name) const noexcept { return find(name).has_value(); }
    /// Returns the number of fields with the name `name`.
    [[nodiscard]] std::size_t count(std::string_view name) const noexcept {
        return static_cast<std::size_t>(std::count_if(
            entries_.begin(), entries_.end(), [&](const entry& each) { return same_name(name_of(each), name); }));
    }
    /// Returns the values of all fields with the name `name`, in order.
    [[nodiscard]] std::vector<std::string_view> all(std::string_view name) const {
        std::vector<std::string_view> values;
        for (const entry& each : entries_)
            if (same_name(name_of(each), name)) values.push_back(value_of(each));
        return values;
    }
    /// Returns the values of all fields with the name `name` as one list with ", " between them, which means the same
    /// (RFC 9110 §5.3). Set-Cookie is the exception: its values may hold commas.
    [[nodiscard]] std::string joined(std::string_view name) const {
        std::string list;
        bool is_first = true;
        for (const entry& each : entries_) {
            if (!same_name(name_of(each), name)) continue;
            if (!is_first) list += ", ";
            is_first = false;
            list += value_of(each);
        }
        return list;
    }
    /// Returns true if the list of values of that name has this element, whatever its case: `Connection: keep-alive,
    /// Upgrade` has "upgrade".
    [[nodiscard]] bool has_element(std::string_view name, std::string_view element) const noexcept {
        bool found = false;
        for (const entry& each : entries_)
            if (same_name(name_of(each), name))
                detail::for_each_element(value_of(each),
                                         [&](std::string_view part) { found = found || same_name(part, element); });
        return found;
    }

    /// Returns the number of fields, or true if there is no field.
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    /// Returns the field with this number, counted from 0. The number must be below size().
    [[nodiscard]] field operator[](std::size_t at) const noexcept {
        return {name_of(entries_[at]), value_of(entries_[at])};
    }
    [[nodiscard]] iterator begin() const noexcept;
    [[nodiscard]] iterator end() const noexcept;

    /// Compares names whatever their case, values, and the order.
    friend bool operator==(const fields& a, const fields& b) noexcept {
        if (a.size() != b.size()) return false;
        for (std::size_t i = 0; i < a.size(); ++i)
            if (!same_name(a[i].name, b[i].name) || a[i].value != b[i].value) return false;
        return true;
    }

  private:
    friend detail::checked_fields;
    friend class response;
    struct entry {
        std::uint32_t name_at, name_size, value_at, value_size;
    };

    [[nodiscard]] std::string_view name_of(const entry& each) const noexcept {
        return {text_.data() + each.name_at, each.name_size};
    }
    [[nodiscard]] std::string_view value_of(const entry& each) const noexcept {
        return {text_.data() + each.value_at, each.value_size};
    }
    [[nodiscard]] bool is_own(std::string_view text) const noexcept {
        const std::less<const char*> before;
        return !before(text.data(), text_.data()) && before(text.data(), text_.data() + text_.size());
    }
    /// Appends the text of a field, whose name is a token. Throws as add() does for the value.
    entry append(std::string_view name, std::string_view value);
    [[noreturn]] static void refuse_name(std::string_view name);
    [[noreturn]] static void refuse_value(std::string_view name, std::string_view value);
    /// Makes this the first field of an empty list.
    void set_media_type(std::string_view type) {
        constexpr std::string_view name = "Content-Type";
        type = trimmed(type);
        if (!is_field_value(type) || type.size() > 0xffff) refuse_value(name, type);
        text_.reserve(name.size() + type.size());
        text_.append(name).append(type);
        entries_.push_back({0, name.size(), name.size(), static_cast<std::uint32_t>(type.size())});
    }

    // The text of a removed field stays here until clear(). A program that sets one field again and again in the same
    // list would be strange, so nothing is moved together. There may be other text between names and values.
    std::string text_;
    std::vector<entry> entries_;
};

/// Goes through a list of fields, and gives each as two views.
class fields::iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = field;
    using difference_type = std::ptrdiff_t;
    using reference = field;
    using pointer = void;

    iterator() noexcept = default;
    field operator*() const noexcept { return (*list_)[at_]; }
    iterator& operator++() noexcept {
        ++at_;
        return *this;
    }
    iterator operator++(int) noexcept {
        iterator before = *this;
        ++at_;
        return before;
    }
    friend bool operator==(const iterator&, const iterator&) noexcept = default;

  private:
    friend fields;
    iterator(const fields* list, std::size_t at) noexcept : list_{list}, at_{at} {}

    const fields* list_ = nullptr;
    std::size_t at_ = 0;
};

inline fields::iterator fields::begin() const noexcept { return {this, 0}; }
inline fields::iterator fields::end() const noexcept { return {this, entries_.size()}; }

[[gnu::noinline]] inline void fields::refuse_name(std::string_view name) {
    throw std::invalid_argument{"the name of an HTTP field is a token (RFC 9110 §5.1), and " + netnotes::quoted(name) +
                                " is not"};
}
[[gnu::noinline]] inline void fields::refuse_value(std::string_view name, std::string_view value) {
    throw std::invalid_argument{
        "the value of the HTTP field " + netnotes::quoted(name) +
        " holds a control character (RFC 9110 §5.5): " + netnotes::quoted(value.substr(0, 200))};
}
inline fields::entry fields::append(std::string_view name, std::string_view value) {
    value = trimmed(value);
    if (!is_field_value(value)) refuse_value(name, value);
    if (name.size() + value.size() > 0x7fff'ffff - std::min<std::size_t>(text_.size(), 0x7fff'ffff))
        throw std::length_error{"a list of HTTP fields has at most 2 GiB"};
    std::string copy;
    if (is_own(name) || is_own(value)) {  // views into this very list would be invalid after the string has grown
        copy.append(name).append(value);
        name = std::string_view{copy}.substr(0, name.size());
        value = std::string_view{copy}.substr(name.size());
    }
    const entry made{static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()),
                     static_cast<std::uint32_t>(text_.size() + name.size()), static_cast<std::uint32_t>(value.size())};
    text_.reserve(text_.size() + name.size() + value.size());
    text_.append(name).append(value);
    return made;
}

inline void fields::add(std::string_view name, std::string_view value) {
    if (!is_token(name)) refuse_name(name);
    const entry made = append(name, value);
    entries_.push_back(made);
}

inline void fields::set(std::string_view name, std::string_view value) {
    if (!is_token(name)) refuse_name(name);
    const entry made = append(name, value);
    const auto is_same = [&](const entry& each) { return same_name(name_of(each), name_of(made)); };
    const auto first = std::find_if(entries_.begin(), entries_.end(), is_same);
    if (first == entries_.end()) return entries_.push_back(made);
    *first = made;
    entries_.erase(std::remove_if(first + 1, entries_.end(), is_same), entries_.end());
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_FIELDS_HPP
