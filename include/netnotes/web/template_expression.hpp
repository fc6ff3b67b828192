// netnotes/web/template_expression.hpp: names, literals and conditions of a template
// SPDX-License-Identifier: MIT
//
// A variable tag holds one expression: a name or a literal, and filters behind it. A dot asks the value on its left:
// for the entry of a map, or for the item of a list.
//
//   {{ shop.items.0.name|upper }}       the map shop, its list, the item 0, the entry name; then the filter upper
//   {{ "now"|default:title }}           an argument is a name or a literal, too
//   {% if a and not b|length > 10 %}    conditions have Python's operators, with blanks around them
//
// A name that is not known is no error: it prints nothing, and is None in a condition. Only a misspelt *filter* is one.
//
// On this page:  (what template.hpp uses: expression, condition, scope)
// The notes:     DTL语言 (变量); example 44

#ifndef NETNOTES_WEB_TEMPLATE_EXPRESSION_HPP
#define NETNOTES_WEB_TEMPLATE_EXPRESSION_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "template_filters.hpp"
#include "template_lexer.hpp"
#include "value.hpp"

namespace netnotes::web::detail::templates {

/// What {{ forloop.NAME }} asks a loop for.
enum class loop_part : std::uint8_t { parentloop, counter0, counter, revcounter, revcounter0, first, last, none };
inline constexpr std::string_view loop_parts[] = {"parentloop",  "counter0", "counter", "revcounter",
                                                  "revcounter0", "first",    "last"};

/// A name, or a lookup behind a dot. It is read once, so that a page only compares numbers: `x.0` may be an item, and
/// `x.first` may ask a loop.
struct name_part {
    explicit name_part(std::string_view name)
        : text{name},
          of_loop{static_cast<loop_part>(std::find(std::begin(loop_parts), std::end(loop_parts), name) - loop_parts)},
          index{whole_number(value{name})} {}
    std::string_view text;
    loop_part of_loop;
    std::optional<std::int64_t> index;
};
/// A literal, or a name with its lookups.
struct operand {
    std::optional<value> literal;
    std::vector<name_part> parts;
    std::string_view text;
};
struct filter_call {
    const filter* which;
    std::optional<operand> argument;
};
struct expression {
    operand what;
    std::vector<filter_call> calls;
    std::string_view text;
};

// ---- Reading

/// A string without its quotes, or nullopt if the text is no string.
inline std::optional<std::string> unquoted(std::string_view text) {
    if (text.empty() || (text[0] != '"' && text[0] != '\'') || text.back() != text[0]) return std::nullopt;
    const char quote_mark = text[0];
    text = text.size() < 2 ? std::string_view{} : text.substr(1, text.size() - 2);
    std::string once, made;  // as Python: first \" becomes ", then \\ becomes a backslash
    for (std::size_t i = 0; i < text.size(); ++i)
        if (text[i] != '\\' || i + 1 == text.size() || text[i + 1] != quote_mark) once += text[i];
    for (std::size_t i = 0; i < once.size(); ++i) {
        made += once[i];
        if (once[i] == '\\' && i + 1 < once.size() && once[i + 1] == '\\') ++i;
    }
    return made;
}

inline operand read_operand(std::string_view text) {
    operand made;
    made.text = text;
    if (text.find_first_of(".eE") != text.npos) {
        if (!text.ends_with('.')) {
            if (const auto number = real_number(text)) return made.literal = *number, made;
        }
    } else if (const auto number = whole_number(value{text})) {
        return made.literal = *number, made;
    }
    if (auto literal = unquoted(text)) return made.literal = safe_string{*std::move(literal)}, made;
    if (text[0] == '_' || text.find("._") != text.npos)
        refuse(netnotes::detail::joined("Variables and attributes may not begin with underscores: '", text, "'"));
    for (const std::string_view part : parts_of(text, '.')) made.parts.emplace_back(part);
    return made;
}

/// Returns the place behind the literal or the name that begins at `at`, or `at` if nothing of the kind begins there.
inline std::size_t behind_operand(std::string_view text, std::size_t at) noexcept {
    if (at == text.size()) return at;
    if (text[at] == '"' || text[at] == '\'') {
        const std::size_t behind = behind_string(text, at);
        return behind == text.npos ? at : behind;
    }
    std::size_t end = at;
    while (end < text.size() && (is_word(text[end]) || text[end] == '.')) ++end;
    if (end > at) return end;
    if ((text[at] != '-' && text[at] != '+') || at + 1 == text.size() || !is_digit(text[at + 1])) return at;
    for (++end; end < text.size() && (is_digit(text[end]) || text[end] == '.' || text[end] == 'e');) ++end;
    return end;
}

/// Reads an expression. Throws TemplateSyntaxError with Django's text.
inline expression read_expression(std::string_view text) {
    using netnotes::detail::joined;
    expression made;
    made.text = text;
    std::size_t at = behind_operand(text, 0);
    const bool has_operand = at > 0;
    if (has_operand) made.what = read_operand(text.substr(0, at));
    for (bool is_first = !has_operand;; is_first = false) {
        // Where does the next filter begin? Django looks for it anywhere behind, and complains about what is between.
        std::size_t begin = at, bar = text.npos, name = 0;
        for (std::size_t from = at; (bar = text.find('|', from)) != text.npos; from = bar + 1) {
            name = bar + 1;
            while (name < text.size() && is_blank(text[name])) ++name;
            if (name < text.size() && is_word(text[name])) break;
        }
        if (bar == text.npos) break;
        begin = bar;
        while (begin > at && is_blank(text[begin - 1])) --begin;
        if (begin != at)
            refuse(joined("Could not parse some characters: ", text.substr(0, at), "|", text.substr(at, begin - at),
                          "|", text.substr(begin)));
        if (is_first) refuse(joined("Could not find variable at start of ", text, "."));
        at = name;
        while (at < text.size() && is_word(text[at])) ++at;
        const std::string_view filter_name = text.substr(name, at - name);
        filter_call call{};
        if (at < text.size() && text[at] == ':') {
            const std::size_t end = behind_operand(text, at + 1);
            if (end > at + 1) {
                call.argument = read_operand(text.substr(at + 1, end - at - 1));
                at = end;
            }
        }
        call.which = find_filter(filter_name);
        if (call.which == nullptr) refuse(joined("Invalid filter: '", filter_name, "'"));
        const unsigned given = call.argument ? 2 : 1;
        if (given < call.which->min_arguments || given > call.which->max_arguments)
            refuse(joined(filter_name, " requires ", std::to_string(call.which->min_arguments), " arguments, ",
                          std::to_string(given), " provided"));
        made.calls.push_back(std::move(call));
    }
    if (at != text.size() || text.empty())
        refuse(joined("Could not parse the remainder: '", text.substr(at), "' from '", text, "'"));
    return made;
}

// ---- Names and their values

/// A loop that is running. {{ forloop.counter }} asks it.
struct loop_state {
    std::size_t index = 0, count = 0;
    const loop_state* parent = nullptr;

    [[nodiscard]] value find(loop_part which) const {
        switch (which) {
            case loop_part::counter: return index + 1;
            case loop_part::counter0: return index;
            case loop_part::revcounter: return count - index;
            case loop_part::revcounter0: return count - index - 1;
            case loop_part::first: return index == 0;
            case loop_part::last: return index + 1 == count;
            case loop_part::parentloop: return parent == nullptr ? value{map{}} : parent->all();
            case loop_part::none: break;
        }
        return {};
    }
    [[nodiscard]] value all() const {
        map made;
        for (std::size_t i = 0; i < std::size(loop_parts); ++i)
            made.set(loop_parts[i], find(static_cast<loop_part>(i)));
        return made;
    }
};

/// A name in the scope. It refers to its value, or to a loop that is running. `block` is a name without a value: the
/// name of the block is then in `block`.
struct binding {
    std::string_view name;
    const value* what = nullptr;
    const loop_state* loop = nullptr;
    std::string_view block{};
};

/// The names that a template knows at this moment. The last binding of a name counts.
class scope {
  public:
    explicit scope(const map& context) noexcept : context_{&context} {}

    std::vector<binding> bindings;
    /// Values that nobody else keeps. A deque: evaluate() may return a value in it while {{ x|add:block.super }} adds
    /// more.
    std::deque<value> kept;
    std::size_t frame = 0;  // the first binding of the innermost tag that has names of its own
    bool autoescape = true;
    std::function<value(std::string_view)> super_of;  // renders the parent's block

    /// If `hides`, hides the names below `floor` and the context as long as it lives.
    class hidden_names {
      public:
        hidden_names(scope& names, bool hides, std::size_t floor) noexcept
            : names_{names}, floor_{names.floor_}, context_{names.context_} {
            if (!hides) return;
            names.floor_ = floor;
            names.context_ = &nothing();
        }
        hidden_names(const hidden_names&) = delete;
        hidden_names& operator=(const hidden_names&) = delete;
        ~hidden_names() { names_.floor_ = floor_, names_.context_ = context_; }

      private:
        scope& names_;
        std::size_t floor_;
        const map* context_;
    };

    [[nodiscard]] const binding* find(std::string_view name) const noexcept {
        for (std::size_t i = bindings.size(); i > floor_; --i)
            if (is_same_name(bindings[i - 1].name, name)) return &bindings[i - 1];
        return nullptr;
    }
    /// Returns the value of an operand, or nullptr if its name is not known. `holder` keeps what was made for the
    /// answer: the answer may be a part of it.
    const value* resolve(const operand& which, value& holder, std::string_view* missing = nullptr) const {
        if (which.literal) return &*which.literal;
        const value* current = nullptr;
        std::size_t next = 1;
        const std::size_t size = which.parts.size();
        const auto hold = [&](value made) { return holder = std::move(made), &holder; };
        const auto is_missing = [&](const name_part& part) -> const value* {
            if (missing != nullptr) *missing = part.text;
            return nullptr;
        };
        if (const binding* found = find(which.parts[0].text); found == nullptr) {
            current = context_->find(which.parts[0].text);
            if (current == nullptr) current = constant(which.parts[0].text);
            if (current == nullptr) return is_missing(which.parts[0]);
        } else if (found->what != nullptr) {
            current = found->what;
        } else if (found->loop != nullptr) {
            if (size == 1) return hold(found->loop->all());
            const loop_state* loop = found->loop;
            for (; next + 1 < size && which.parts[next].of_loop == loop_part::parentloop && loop->parent != nullptr;
                 ++next)
                loop = loop->parent;
            if (which.parts[next].of_loop == loop_part::none) return is_missing(which.parts[next]);
            current = hold(loop->find(which.parts[next].of_loop));
            ++next;
        } else if (size == 1 || which.parts[1].text == "name") {
            next = std::min<std::size_t>(size, 2);
            current = hold(value{found->block});
        } else if (which.parts[1].text == "super") {
            next = 2;
            current = hold(super_of(found->block));
        } else {
            return is_missing(which.parts[1]);
        }
        for (;; ++next) {
            if (current->kind() == value_kind::function) current = hold(*current->call());
            if (next == size) return current;
            const name_part& part = which.parts[next];
            if (const map* entries = current->as_map()) {
                if (const value* found = entries->find(part.text))
                    current = found;
                else if (auto made = view_of(*entries, part.text))
                    current = hold(*std::move(made));
                else
                    return is_missing(part);
                continue;
            }
            const auto place = place_of(part, *current);
            if (!place) return is_missing(part);
            if (const list* items = current->as_list())
                current = &(*items)[*place];
            else
                current = hold(std::string{*character_at(current->string(), *place)});
        }
    }
    /// Returns the value of an expression; `holder` keeps it if it was made. A name that is not known is the empty
    /// text, or None for a condition.
    const value& evaluate(const expression& which, value& holder, bool missing_is_none = false) const {
        const value* current = resolve(which.what, holder);
        if (current == nullptr) {
            static const value none, empty{""};
            current = missing_is_none ? &none : &empty;
        }
        if (which.calls.empty()) return *current;
        for (const filter_call& call : which.calls) {
            value argument_holder;
            const value* argument = nullptr;
            if (call.argument) {
                std::string_view missing;
                argument = resolve(*call.argument, argument_holder, &missing);
                if (argument == nullptr)
                    throw template_error{"VariableDoesNotExist",
                                         netnotes::detail::joined("Failed lookup for key [", missing, "]")};
            }
            value made = apply(*call.which, *current, argument, autoescape);
            holder = std::move(made);
            current = &holder;
        }
        return *current;
    }

  private:
    static const map& nothing() noexcept {
        static const map none;
        return none;
    }
    static const value* constant(std::string_view name) noexcept {
        static const value yes{true}, no{false}, none;
        return name == "True" ? &yes : name == "False" ? &no : name == "None" ? &none : nullptr;
    }
    /// The list of a map's items, keys or values; nullopt for another name.
    static std::optional<value> view_of(const map& entries, std::string_view part) {
        if (part != "items" && part != "keys" && part != "values") return std::nullopt;
        list made;
        for (const auto& [key, each] : entries)
            made.push_back(part == "items" ? value{list{key, each}} : part == "keys" ? value{key} : each);
        return made;
    }
    /// Which item of a list, or which character of a text, `x.0` or `x.-1` means.
    static std::optional<std::size_t> place_of(const name_part& part, const value& what) noexcept {
        if (!part.index) return std::nullopt;
        const auto size = what.size();
        if (!size) return std::nullopt;
        const auto place = *part.index < 0 ? *part.index + static_cast<std::int64_t>(*size) : *part.index;
        if (place < 0 || place >= static_cast<std::int64_t>(*size)) return std::nullopt;
        return static_cast<std::size_t>(place);
    }

    const map* context_;
    std::size_t floor_ = 0;
};

// ---- Conditions

enum class operation : std::uint8_t {
    leaf,
    logical_or,
    logical_and,
    logical_not,
    in,
    not_in,
    is,
    is_not,
    equal,
    unequal,
    greater,
    at_least,
    less,
    at_most
};
struct condition {
    operation what{};
    std::uint32_t left = 0, right = 0;
    expression leaf{};
};

/// Reads the words of an `if` with the precedence of Python (a top-down operator parser).
class condition_reader {
  public:
    condition_reader(std::vector<std::string_view> words, std::vector<condition>& to) : to_{to} {
        if (words.size() > max_words) refuse("This condition has more than 200 words.");
        for (std::size_t i = 0; i < words.size(); ++i) {
            const bool has_next = i + 1 < words.size();
            if (words[i] == "is" && has_next && words[i + 1] == "not")
                ++i, items_.push_back({"is not", find("is not"), 0});
            else if (words[i] == "not" && has_next && words[i + 1] == "in")
                ++i, items_.push_back({"not in", find("not in"), 0});
            else if (const auto* found = find(words[i]))
                items_.push_back({words[i], found, 0});
            else
                items_.push_back({words[i], nullptr, add({operation::leaf, 0, 0, read_expression(words[i])})});
        }
    }
    std::uint32_t read() {
        const std::uint32_t whole = read(0);
        if (at_ < items_.size())
            refuse(netnotes::detail::joined("Unused '", items_[at_].text, "' at end of if expression."));
        return whole;
    }

  private:
    static constexpr std::size_t max_words = 200;
    struct symbol {
        std::string_view text;
        operation what;
        unsigned power;
    };
    struct item {
        std::string_view text;
        const symbol* found;  // nullptr: an operand
        std::uint32_t leaf;
    };
    static constexpr symbol symbols[] = {
        {"or", operation::logical_or, 6},  {"and", operation::logical_and, 7}, {"not", operation::logical_not, 8},
        {"in", operation::in, 9},          {"not in", operation::not_in, 9},   {"is", operation::is, 10},
        {"is not", operation::is_not, 10}, {"==", operation::equal, 10},       {"!=", operation::unequal, 10},
        {">", operation::greater, 10},     {">=", operation::at_least, 10},    {"<", operation::less, 10},
        {"<=", operation::at_most, 10},
    };
    static const symbol* find(std::string_view text) noexcept {
        for (const symbol& each : symbols)
            if (each.text == text) return &each;
        return nullptr;
    }
    std::uint32_t add(condition made) {
        to_.push_back(std::move(made));
        return static_cast<std::uint32_t>(to_.size() - 1);
    }
    std::uint32_t read(unsigned power) {
        using netnotes::detail::joined;
        if (at_ == items_.size()) refuse("Unexpected end of expression in if tag.");
        const item& begin = items_[at_++];
        std::uint32_t left = begin.leaf;
        if (begin.found != nullptr) {
            if (begin.found->what != operation::logical_not)
                refuse(joined("Not expecting '", begin.text, "' in this position in if tag."));
            const std::uint32_t inner = read(begin.found->power);
            left = add({operation::logical_not, inner, 0, {}});
        }
        while (at_ < items_.size() && items_[at_].found != nullptr && power < items_[at_].found->power) {
            const symbol& infix = *items_[at_++].found;
            if (infix.what == operation::logical_not) refuse("Not expecting 'not' as infix operator in if tag.");
            const std::uint32_t right = read(infix.power);
            left = add({infix.what, left, right, {}});
        }
        return left;
    }

    std::vector<condition>& to_;
    std::vector<item> items_;
    std::size_t at_ = 0;
};

/// Returns what a condition is; `holder` keeps it if it was made. An operator whose operands cannot be compared is
/// false, as in Django.
inline const value& evaluate(const std::vector<condition>& all, std::uint32_t which, const scope& names,
                             value& holder) {
    const condition& what = all[which];
    if (what.what == operation::leaf) return names.evaluate(what.leaf, holder, true);
    const auto hold = [&](bool answer) -> const value& { return holder = answer; };
    try {
        value left_holder;
        const value& left = evaluate(all, what.left, names, left_holder);
        if (what.what == operation::logical_not) return hold(!left.is_true());
        if ((what.what == operation::logical_or && left.is_true()) ||
            (what.what == operation::logical_and && !left.is_true()))
            return holder = left;
        if (what.what == operation::logical_or || what.what == operation::logical_and)
            return evaluate(all, what.right, names, holder);
        value right_holder;
        const value& right = evaluate(all, what.right, names, right_holder);
        const auto is_same = [&] { return left.kind() == right.kind() && left == right; };
        const auto order = [&] { return value::compare(left, right); };
        switch (what.what) {
            case operation::in: return hold(value::contains(right, left).value_or(false));
            case operation::not_in: return hold(!value::contains(right, left).value_or(true));
            case operation::is: return hold(is_same());
            case operation::is_not: return hold(!is_same());
            case operation::equal: return hold(left == right);
            case operation::unequal: return hold(!(left == right));
            case operation::greater: return hold(order().value_or(0) > 0);
            case operation::less: return hold(order().value_or(0) < 0);
            case operation::at_least: return hold(order().value_or(-1) >= 0);
            default: return hold(order().value_or(1) <= 0);
        }
    } catch (const template_error&) {
        return hold(false);
    }
}

}  // namespace netnotes::web::detail::templates

#endif  // NETNOTES_WEB_TEMPLATE_EXPRESSION_HPP
