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

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "template_filters.hpp"
#include "template_lexer.hpp"
#include "value.hpp"

namespace netnotes::web::detail::templates {

/// A literal, or a name with its lookups.
struct operand {
    std::optional<value> literal;
    std::vector<std::string_view> parts;
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
    made.parts = parts_of(text, '.');
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

    [[nodiscard]] std::optional<value> find(std::string_view name) const {
        if (name == "counter") return index + 1;
        if (name == "counter0") return index;
        if (name == "revcounter") return count - index;
        if (name == "revcounter0") return count - index - 1;
        if (name == "first") return index == 0;
        if (name == "last") return index + 1 == count;
        if (name == "parentloop") return parent == nullptr ? value{map{}} : parent->all();
        return std::nullopt;
    }
    [[nodiscard]] value all() const {
        map made;
        for (const auto* name : {"parentloop", "counter0", "counter", "revcounter", "revcounter0", "first", "last"})
            made.set(name, *find(name));
        return made;
    }
};

/// A name in the scope. `loop` and `block` are set for the names forloop and block.
struct binding {
    std::string_view name;
    value what;
    const loop_state* loop = nullptr;
    bool is_block = false;
};

/// The names that a template knows at this moment. The last binding of a name counts.
class scope {
  public:
    explicit scope(const map& context) noexcept : context_{&context} {}

    /// A deque: evaluate() may return a value in it while {{ x|add:block.super }} adds names.
    std::deque<binding> bindings;
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
            if (bindings[i - 1].name == name) return &bindings[i - 1];
        return nullptr;
    }
    /// Returns the value of an operand, or nullptr if its name is not known. `holder` keeps what was made for the
    /// answer.
    const value* resolve(const operand& which, value& holder, std::string_view* missing = nullptr) const {
        if (which.literal) return &*which.literal;
        const value* current = nullptr;
        std::size_t next = 1;
        const std::string_view name = which.parts[0];
        const auto hold = [&](value made) { return holder = std::move(made), &holder; };
        const auto is_missing = [&](std::string_view part) -> const value* {
            if (missing != nullptr) *missing = part;
            return nullptr;
        };
        if (const binding* found = find(name); found == nullptr) {
            current = context_->find(name);
            if (current == nullptr) current = constant(name);
            if (current == nullptr) return is_missing(name);
        } else if (found->loop != nullptr) {
            if (which.parts.size() == 1) return hold(found->loop->all());
            const loop_state* loop = found->loop;
            for (; next + 1 < which.parts.size() && which.parts[next] == "parentloop" && loop->parent != nullptr;
                 ++next)
                loop = loop->parent;
            auto answer = loop->find(which.parts[next]);
            if (!answer) return is_missing(which.parts[next]);
            ++next;
            current = hold(*std::move(answer));
        } else if (found->is_block && which.parts.size() > 1) {
            const std::string_view part = which.parts[next++];
            if (part == "super")
                current = hold(super_of(found->what.string()));
            else if (part == "name")
                current = &found->what;
            else
                return is_missing(part);
        } else {
            current = &found->what;
        }
        for (;; ++next) {
            if (auto answer = current->call()) current = hold(*std::move(answer));
            if (next == which.parts.size()) return current;
            auto answer = part_of(*current, which.parts[next]);
            if (!answer.first && !answer.second) return is_missing(which.parts[next]);
            if (answer.second != nullptr && current != &holder)
                current = answer.second;
            else
                current = hold(answer.second != nullptr ? value{*answer.second} : *std::move(answer.first));
        }
    }
    /// Returns the value of an expression; `holder` keeps it if it was made. A name that is not known is the empty
    /// text, or None for a condition.
    const value& evaluate(const expression& which, value& holder, bool missing_is_none = false) const {
        static const value none, empty{""};
        const value* current = resolve(which.what, holder);
        if (current == nullptr) current = missing_is_none ? &none : &empty;
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
    /// An entry, an item or a character: as a value of its own, or as a pointer into `what`.
    static std::pair<std::optional<value>, const value*> part_of(const value& what, std::string_view part) {
        if (const map* entries = what.as_map()) {
            if (const value* found = entries->find(part)) return {std::nullopt, found};
            if (part != "items" && part != "keys" && part != "values") return {};
            list made;
            for (const auto& [key, each] : *entries)
                made.push_back(part == "items" ? value{list{key, each}} : part == "keys" ? value{key} : each);
            return {value{std::move(made)}, nullptr};
        }
        const auto index = whole_number(value{part});
        const auto size = what.size();
        if (!index || !size) return {};
        const auto place = *index < 0 ? *index + static_cast<std::int64_t>(*size) : *index;
        if (place < 0 || place >= static_cast<std::int64_t>(*size)) return {};
        if (const list* items = what.as_list()) return {std::nullopt, &(*items)[static_cast<std::size_t>(place)]};
        return {value{std::string{*character_at(what.string(), static_cast<std::size_t>(place))}}, nullptr};
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

/// Returns what a condition is. An operator whose operands cannot be compared is false, as in Django.
inline value evaluate(const std::vector<condition>& all, std::uint32_t which, const scope& names) {
    const condition& what = all[which];
    if (what.what == operation::leaf) {
        value holder;
        return names.evaluate(what.leaf, holder, true);
    }
    try {
        const value left = evaluate(all, what.left, names);
        if (what.what == operation::logical_not) return !left.is_true();
        if (what.what == operation::logical_or && left.is_true()) return left;
        if (what.what == operation::logical_and && !left.is_true()) return left;
        const value right = evaluate(all, what.right, names);
        const auto is_same = [&] { return left.kind() == right.kind() && left == right; };
        const auto order = [&] { return value::compare(left, right); };
        switch (what.what) {
            case operation::in: return value::contains(right, left).value_or(false);
            case operation::not_in: return !value::contains(right, left).value_or(true);
            case operation::is: return is_same();
            case operation::is_not: return !is_same();
            case operation::equal: return left == right;
            case operation::unequal: return !(left == right);
            case operation::greater: return order().value_or(0) > 0;
            case operation::less: return order().value_or(0) < 0;
            case operation::at_least: return order().value_or(-1) >= 0;
            case operation::at_most: return order().value_or(1) <= 0;
            default: return right;
        }
    } catch (const template_error&) {
        return false;
    }
}

}  // namespace netnotes::web::detail::templates

#endif  // NETNOTES_WEB_TEMPLATE_EXPRESSION_HPP
