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
// of a list lies in one string, so a list of nine fields needs two allocations and not eighteen. The list of an answer
// that has only a Content-Type of plain text or HTML needs none.
//
// On this page:  field, fields
// Sources:       RFC 9110 §5

#ifndef NETNOTES_HTTP_FIELDS_HPP
#define NETNOTES_HTTP_FIELDS_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../ip/text.hpp"
#include "syntax.hpp"

namespace netnotes::http {

namespace detail {
struct checked_fields;  // http/head.hpp

// A list of small structs. The first `few` lie in the list itself, so a short list needs no allocation.
template <class T, std::uint32_t few>
class short_list {
    static_assert(std::is_trivially_copyable_v<T>);

  public:
    short_list() noexcept = default;
    short_list(const short_list& other) {
        reserve(other.size_);
        std::copy(other.begin(), other.end(), begin());
        size_ = other.size_;
    }
    short_list(short_list&& other) noexcept
        : first_{other.first_},
          more_{std::move(other.more_)},
          size_{std::exchange(other.size_, 0)},
          room_{std::exchange(other.room_, few)} {}
    short_list& operator=(const short_list& other) { return *this = short_list{other}; }
    short_list& operator=(short_list&& other) noexcept {
        first_ = other.first_;
        more_ = std::move(other.more_);
        size_ = std::exchange(other.size_, 0);
        room_ = std::exchange(other.room_, few);
        return *this;
    }
    ~short_list() = default;

    [[nodiscard]] const T* begin() const noexcept { return more_ ? more_.get() : first_.data(); }
    [[nodiscard]] T* begin() noexcept { return more_ ? more_.get() : first_.data(); }
    [[nodiscard]] const T* end() const noexcept { return begin() + size_; }
    [[nodiscard]] T* end() noexcept { return begin() + size_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] const T& operator[](std::size_t at) const noexcept { return begin()[at]; }
    void clear() noexcept { size_ = 0; }
    void push_back(const T& added) {
        if (size_ == room_) [[unlikely]]
            reserve(std::size_t{2} * size_);
        begin()[size_++] = added;
    }
    void reserve(std::size_t size) {
        if (size <= room_) return;
        std::unique_ptr<T[]> larger{new T[size]};
        std::copy(begin(), end(), larger.get());
        more_ = std::move(larger);
        room_ = static_cast<std::uint32_t>(size);
    }
    // Removes the elements from `from` on for which the predicate is true, and returns their number.
    template <class Predicate>
    std::size_t erase_if(T* from, Predicate is_unwanted) noexcept {
        T* const new_end = std::remove_if(from, end(), is_unwanted);
        const auto removed = static_cast<std::uint32_t>(end() - new_end);
        size_ -= removed;
        return removed;
    }

  private:
    std::array<T, few> first_{};
    std::unique_ptr<T[]> more_;  // all elements, if they are more than `few`
    std::uint32_t size_ = 0, room_ = few;
};
}  // namespace detail

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
        return entries_.erase_if(entries_.begin(), [&](const entry& each) { return same_name(name_of(each), name); });
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
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
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
    friend class files;
    struct entry {
        std::uint32_t name_at, name_size, value_at, value_size;
    };

    // The texts of the field that most answers have are not copied into each list. The places of an entry count from
    // the beginning of these texts, and text_ comes behind them.
    static constexpr std::string_view content_type = "Content-Type", plain = "text/plain; charset=utf-8",
                                      html = "text/html; charset=utf-8",
                                      common = "Content-Typetext/plain; charset=utf-8text/html; charset=utf-8";
    static constexpr std::uint32_t plain_at = content_type.size(), html_at = plain_at + plain.size();
    static_assert(common.substr(plain_at, plain.size()) == plain && common.substr(html_at) == html);

    [[nodiscard]] const char* at(std::uint32_t place) const noexcept {
        return place < common.size() ? common.data() + place : text_.data() + (place - common.size());
    }
    [[nodiscard]] std::string_view name_of(const entry& each) const noexcept {
        return {at(each.name_at), each.name_size};
    }
    [[nodiscard]] std::string_view value_of(const entry& each) const noexcept {
        return {at(each.value_at), each.value_size};
    }
    // The place of the byte behind text_.
    [[nodiscard]] std::uint32_t next_place() const noexcept {
        return static_cast<std::uint32_t>(common.size() + text_.size());
    }
    [[nodiscard]] bool is_own(std::string_view text) const noexcept {
        const std::less<const char*> before;
        return !before(text.data(), text_.data()) && before(text.data(), text_.data() + text_.size());
    }
    /// Appends the text of a field, whose name is a token. Throws as add() does for the value.
    entry append(std::string_view name, std::string_view value);
    [[noreturn]] static void refuse_name(std::string_view name);
    [[noreturn]] static void refuse_value(std::string_view name, std::string_view value);
    // Makes room for a list of known size, so that it does not grow step by step.
    void reserve(std::size_t count, std::size_t bytes) {
        entries_.reserve(count);
        text_.reserve(bytes);
    }
    /// Makes this the first field of an empty list.
    void set_media_type(std::string_view type) {
        if (type == plain) return entries_.push_back({0, content_type.size(), plain_at, plain.size()});
        if (type == html) return entries_.push_back({0, content_type.size(), html_at, html.size()});
        type = trimmed(type);
        if (!is_field_value(type) || type.size() > 0xffff) refuse_value(content_type, type);
        entries_.push_back({0, content_type.size(), next_place(), static_cast<std::uint32_t>(type.size())});
        text_ += type;
    }

    // The text of a removed field stays here until clear(). A program that sets one field again and again in the same
    // list would be strange, so nothing is moved together. There may be other text between names and values.
    std::string text_;
    detail::short_list<entry, 2> entries_;
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
    throw std::invalid_argument{netnotes::detail::joined("the name of an HTTP field is a token (RFC 9110 §5.1), and ",
                                                         netnotes::quoted(name), " is not")};
}
[[gnu::noinline]] inline void fields::refuse_value(std::string_view name, std::string_view value) {
    throw std::invalid_argument{
        netnotes::detail::joined("the value of the HTTP field ", netnotes::quoted(name),
                                 " holds a control character (RFC 9110 §5.5): ",
                                 netnotes::quoted(value.substr(0, 200)))};
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
    const auto name_size = static_cast<std::uint32_t>(name.size());
    const std::uint32_t place = next_place();
    const entry made{place, name_size, place + name_size, static_cast<std::uint32_t>(value.size())};
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
    entry* const first = std::find_if(entries_.begin(), entries_.end(), is_same);
    if (first == entries_.end()) return entries_.push_back(made);
    *first = made;
    entries_.erase_if(first + 1, is_same);
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_FIELDS_HPP
