// netnotes/web/pattern_program.hpp: from the text of a regular expression to a program
// SPDX-License-Identifier: MIT
//
// The machinery under pattern.hpp. A regular expression becomes a list of instructions, in two steps. The first step
// reads the text into a tree. The second step writes the tree down, and writes what is counted as often as it is
// counted:
//
//        (?P<id>\d+)/        0  save 2            the group begins
//                            1  set \d
//                            2  split 1, 3        once more, else on
//                            3  save 3            the group ends
//                            4  literal /
//
// A pattern is the program's own text, but the reader bounds it all the same: how deep groups are nested, how many
// groups there are, and how long the program becomes. A reader without bounds calls itself for each parenthesis until
// the stack is used up, and `((a{1000}){1000}){1000}` fills the memory.
//
// On this page:  (what pattern.hpp uses)
// The notes:     配置url

#ifndef NETNOTES_WEB_PATTERN_PROGRAM_HPP
#define NETNOTES_WEB_PATTERN_PROGRAM_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../ip/text.hpp"

namespace netnotes::web::detail::patterns {

inline constexpr std::size_t max_program_size = 4'000;
inline constexpr std::size_t max_depth = 50;
inline constexpr std::size_t max_groups = 100;
inline constexpr std::size_t max_count = 1'000;

enum class operation : std::uint8_t {
    literal,  // value: the code point
    any,      // any character but a line feed
    set,      // value: the number of the character set
    jump,     // to `first`
    split,    // to `first`, and with lower priority to `second`
    enter,    // a split before the first repetition of something that may be empty
    again,    // a split behind a repetition of something that may be empty, see `walk`
    save,     // value: the number in the list of places
    place,    // value: the letter of the assertion
    matched,
};

struct instruction {
    operation op{};
    std::uint8_t depth = 0;  // how many repetitions of something that may be empty are around it
    std::uint32_t value = 0;
    std::uint32_t first = 0;
    std::uint32_t second = 0;
    bool prefers_exit = false;  // of `again`: the exit is `first`
};

struct character_range {
    char32_t first, last;
};
struct character_set {
    std::vector<character_range> ranges;
    bool is_negated = false;

    [[nodiscard]] bool contains(char32_t point) const noexcept {
        return is_negated != std::any_of(ranges.begin(), ranges.end(), [&](const character_range& range) {
                   return range.first <= point && point <= range.last;
               });
    }
};

constexpr bool is_word(char32_t c) noexcept {
    return (c >= U'0' && c <= U'9') || (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z') || c == U'_';
}

struct program {
    std::vector<instruction> code;
    std::vector<character_set> sets;
    std::vector<std::pair<std::string, std::size_t>> names;  // of groups
    std::size_t groups = 1;
    std::size_t depth = 0;  // the greatest of all instructions
};

inline constexpr std::size_t endless = static_cast<std::size_t>(-1);

/// Reads the character at which the text begins. A byte that is no UTF-8 is a character of its own, above all others.
constexpr std::size_t read_character(std::string_view text, char32_t& point) noexcept {
    if (const std::size_t size = netnotes::detail::read_utf8(text, point); size != 0) return size;
    point = 0x110000 + static_cast<unsigned char>(text[0]);
    return 1;
}

/// A piece of the pattern. Lists of children are chains: `child` is the first of them, and `next` its neighbour.
struct node {
    enum class kind : std::uint8_t { literal, any, set, place, group, sequence, choice, repeat } what{};
    std::uint32_t value =
        0;  // a code point, the number of a set, the letter of a place, the number of a group (0: none)
    std::size_t min = 0, max = 0;
    bool is_lazy = false;
    bool may_be_empty = false;
    std::uint32_t child = 0, next = 0;  // 0: no node
};

class compiler {
  public:
    compiler(std::string_view text, parse_failure& why) : text_{text}, why_{why} { nodes_.emplace_back(); }

    bool compile(program& to) {
        program_ = &to;
        const std::uint32_t root = read_choice(0);
        if (!failed_ && at_ < text_.size()) refuse("')' has no '('", at_);
        if (failed_) return false;
        emit({operation::save, 0, 0});
        write(root, 0);
        emit({operation::save, 0, 1});
        emit({operation::matched});
        return !failed_;
    }

  private:
    using kind = node::kind;

    // ---- Reading: text to nodes. It calls itself for a group only, so max_depth bounds it.

    void refuse(std::string_view reason, std::size_t place) noexcept {
        if (!failed_) why_ = parse_failure{reason, place};
        failed_ = true;
        at_ = text_.size();
    }
    [[nodiscard]] bool sees(std::string_view word) const noexcept { return text_.substr(at_).starts_with(word); }
    bool take(std::string_view word) noexcept {
        if (!sees(word)) return false;
        at_ += word.size();
        return true;
    }
    char32_t take_character() noexcept {
        char32_t point = 0;
        at_ += read_character(text_.substr(at_), point);
        return point;
    }
    std::uint32_t make(const node& what) {
        nodes_.push_back(what);
        return static_cast<std::uint32_t>(nodes_.size() - 1);
    }
    std::uint32_t make_set(character_set set) {
        program_->sets.push_back(std::move(set));
        return make({kind::set, static_cast<std::uint32_t>(program_->sets.size() - 1)});
    }

    std::uint32_t read_choice(std::size_t depth) {
        const std::uint32_t first = read_sequence(depth);
        if (!sees("|")) return first;
        const std::uint32_t whole = make({kind::choice});
        nodes_[whole].child = first;
        nodes_[whole].may_be_empty = nodes_[first].may_be_empty;
        for (std::uint32_t last = first; take("|");) {
            const std::uint32_t more = read_sequence(depth);
            nodes_[last].next = more;
            last = more;
            if (nodes_[more].may_be_empty) nodes_[whole].may_be_empty = true;
        }
        return whole;
    }
    std::uint32_t read_sequence(std::size_t depth) {
        const std::uint32_t whole = make({kind::sequence});
        nodes_[whole].may_be_empty = true;
        std::uint32_t last = 0;
        while (!failed_ && at_ < text_.size() && !sees("|") && !sees(")")) {
            const std::size_t begin = at_;
            std::uint32_t item = read_item(depth);
            if (failed_) break;
            item = read_repeat(item, begin);
            if (failed_) break;
            (last == 0 ? nodes_[whole].child : nodes_[last].next) = item;
            last = item;
            if (!nodes_[item].may_be_empty) nodes_[whole].may_be_empty = false;
        }
        return whole;
    }
    std::uint32_t read_item(std::size_t depth) {
        const std::size_t begin = at_;
        if (take("(")) return read_group(depth, begin);
        if (take("[")) return read_set(begin);
        if (take("\\")) return read_escape(begin);
        if (take(".")) return make({kind::any});
        if (take("^")) return place('A');
        if (take("$")) return place('$');
        if (sees("*") || sees("+") || sees("?")) return refuse("there is nothing to repeat", begin), 0;
        return make({kind::literal, take_character()});
    }
    std::uint32_t place(char letter) {
        const std::uint32_t made = make({kind::place, static_cast<unsigned char>(letter)});
        nodes_[made].may_be_empty = true;
        return made;
    }
    std::uint32_t read_group(std::size_t depth, std::size_t begin) {
        if (depth == max_depth) return refuse("groups are nested too deep", begin), 0;
        std::uint32_t number = 0;
        if (sees("?=") || sees("?!") || sees("?<=") || sees("?<!"))
            return refuse("lookaround is refused: one walk through the text cannot do it", begin), 0;
        if (sees("?P=") || sees("?("))
            return refuse("a backreference is refused: one walk through the text cannot do it", begin), 0;
        if (sees("?") && !sees("?:") && !sees("?P<"))
            return refuse("behind an opening parenthesis and a question mark comes ':' or 'P<'", begin), 0;
        if (!take("?:")) {
            if (program_->groups > max_groups) return refuse("too many groups", begin), 0;
            number = static_cast<std::uint32_t>(program_->groups++);
            if (take("?P<") && !read_name(number)) return 0;
        }
        const std::uint32_t inner = read_choice(depth + 1);
        if (failed_) return 0;
        if (!take(")")) return refuse("this '(' has no ')'", begin), 0;
        const std::uint32_t whole = make({kind::group, number});
        nodes_[whole].child = inner;
        nodes_[whole].may_be_empty = nodes_[inner].may_be_empty;
        return whole;
    }
    bool read_name(std::uint32_t number) {
        const std::size_t begin = at_, end = text_.find('>', at_);
        if (end == text_.npos) return refuse("the name of a group has no '>'", begin), false;
        const std::string_view name = text_.substr(begin, end - begin);
        const auto is_part = [](char c) { return is_word(static_cast<unsigned char>(c)); };
        if (name.empty() || (name[0] >= '0' && name[0] <= '9') || !std::all_of(name.begin(), name.end(), is_part))
            return refuse("the name of a group has letters, digits and _, and begins with no digit", begin), false;
        for (const auto& [other, index] : program_->names)
            if (other == name) return refuse("two groups have this name", begin), false;
        program_->names.emplace_back(name, number);
        at_ = end + 1;
        return true;
    }

    /// The sets of \d, \w and \s, and their opposites with capital letters.
    static std::optional<character_set> named_set(char letter) {
        character_set set;
        switch (letter | 0x20) {
            case 'd': set.ranges = {{U'0', U'9'}}; break;
            case 'w': set.ranges = {{U'0', U'9'}, {U'A', U'Z'}, {U'_', U'_'}, {U'a', U'z'}}; break;
            case 's': set.ranges = {{U'\t', U'\r'}, {U' ', U' '}}; break;
            default: return std::nullopt;
        }
        set.is_negated = letter < 'a';
        return set;
    }
    /// A character that is written behind a backslash; `at_` is behind the backslash. Letters and digits without a
    /// meaning are refused, because a later version may give them one.
    std::optional<char32_t> escaped_character(std::size_t begin) {
        if (at_ == text_.size()) return refuse("a backslash has nothing behind it", begin), std::nullopt;
        const char letter = text_[at_];
        constexpr std::string_view letters = "ntrfva", meanings = "\n\t\r\f\v\a";
        if (const auto found = letters.find(letter); found != letters.npos) return ++at_, meanings[found];
        if (letter == 'x' || letter == 'u') {
            const std::size_t digits = letter == 'x' ? 2 : 4;
            char32_t value = 0;
            for (std::size_t i = 1; i <= digits; ++i) {
                const unsigned digit =
                    at_ + i < text_.size()
                        ? netnotes::detail::hexadecimal_value[static_cast<unsigned char>(text_[at_ + i])]
                        : 16u;
                if (digit > 15) return refuse("hexadecimal digits are missing", begin), std::nullopt;
                value = value << 4 | digit;
            }
            at_ += digits + 1;
            return value;
        }
        if (letter >= '1' && letter <= '9')
            return refuse("a backreference is refused: one walk through the text cannot do it", begin), std::nullopt;
        if (letter != '_' && is_word(static_cast<unsigned char>(letter)))
            return refuse("this escape sequence has no meaning", begin), std::nullopt;
        return take_character();
    }
    std::uint32_t read_escape(std::size_t begin) {
        const char letter = at_ < text_.size() ? text_[at_] : '\0';
        if (auto set = named_set(letter)) return ++at_, make_set(*std::move(set));
        if (letter == 'A' || letter == 'Z' || letter == 'b' || letter == 'B') return ++at_, place(letter);
        const auto point = escaped_character(begin);
        return point ? make({kind::literal, *point}) : 0;
    }
    std::uint32_t read_set(std::size_t begin) {
        character_set set;
        set.is_negated = take("^");
        for (bool is_first = true; is_first || !sees("]"); is_first = false) {
            if (at_ == text_.size()) return refuse("this '[' has no ']'", begin), 0;
            const std::size_t item = at_;
            const auto low = read_set_item(set);
            if (failed_) return 0;
            if (!sees("-") || at_ + 1 == text_.size() || text_[at_ + 1] == ']') {
                if (low) set.ranges.push_back({*low, *low});
                continue;
            }
            ++at_;
            const auto high = read_set_item(set);
            if (failed_) return 0;
            if (!low || !high || *high < *low)
                return refuse("this range of characters is empty or has no end", item), 0;
            set.ranges.push_back({*low, *high});
        }
        ++at_;
        return make_set(std::move(set));
    }
    /// Returns a character, or puts a whole set like \d into `set` and returns nullopt.
    std::optional<char32_t> read_set_item(character_set& set) {
        const std::size_t begin = at_;
        if (!take("\\")) return take_character();
        const char letter = at_ < text_.size() ? text_[at_] : '\0';
        if (letter == 'b') return ++at_, U'\b';
        const auto named = named_set(letter);
        if (!named) return escaped_character(begin);
        ++at_;
        char32_t next = 0;
        for (const auto& range : named->ranges) {
            if (!named->is_negated) {
                set.ranges.push_back(range);
            } else if (range.first > next) {
                set.ranges.push_back({next, range.first - 1});
            }
            next = range.last + 1;
        }
        if (named->is_negated) set.ranges.push_back({next, 0x1100ff});
        return std::nullopt;
    }

    std::uint32_t read_repeat(std::uint32_t item, std::size_t begin) {
        std::size_t min = 0, max = endless;
        if (!read_counts(min, max)) return item;
        if (failed_) return 0;
        if (nodes_[item].what == kind::place) return refuse("there is nothing to repeat", begin), 0;
        node whole{kind::repeat};
        whole.min = min;
        whole.max = max;
        whole.is_lazy = take("?");
        whole.child = item;
        whole.may_be_empty = min == 0 || nodes_[item].may_be_empty;
        const std::size_t behind = at_;
        if (sees("+"))
            return refuse("a possessive repetition is refused: one walk through the text cannot do it", behind), 0;
        if (read_counts(min, max)) return refuse("a repetition stands behind a repetition", behind), 0;
        return make(whole);
    }
    /// Reads * + ? or {m,n}. A brace that is no count is a character.
    bool read_counts(std::size_t& min, std::size_t& max) {
        min = 0;
        max = endless;
        if (take("*")) return true;
        if (take("+")) return min = 1, true;
        if (take("?")) return max = 1, true;
        const std::size_t begin = at_;
        if (!take("{") || sees("}")) return at_ = begin, false;
        const auto number = [&](std::size_t otherwise) {
            if (at_ == text_.size() || text_[at_] < '0' || text_[at_] > '9') return otherwise;
            std::size_t value = 0;
            for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
                value = std::min(value * 10 + static_cast<std::size_t>(text_[at_] - '0'), max_count + 1);
            return value;
        };
        const std::size_t digits = at_;
        min = number(0);
        const bool has_min = at_ > digits;
        if (take(","))
            max = number(endless);
        else
            max = has_min ? min : endless;
        if (!take("}")) return at_ = begin, false;
        if (min > max_count || (max != endless && max > max_count))
            refuse("a count is above 1000", begin);
        else if (max < min)
            refuse("the least count is above the greatest", begin);
        return true;
    }

    // ---- Writing: nodes to instructions.

    std::uint32_t here() const noexcept { return static_cast<std::uint32_t>(program_->code.size()); }
    std::uint32_t emit(const instruction& what) {
        if (program_->code.size() == max_program_size) refuse("the pattern becomes too large", text_.size());
        if (failed_) return 0;
        program_->depth = std::max<std::size_t>(program_->depth, what.depth);
        program_->code.push_back(what);
        return here() - 1;
    }
    void write(std::uint32_t which, std::uint8_t depth) {
        if (++written_ > 10 * max_program_size) refuse("the pattern becomes too large", text_.size());
        if (failed_) return;
        const node what = nodes_[which];
        switch (what.what) {
            case kind::literal: emit({operation::literal, depth, what.value}); break;
            case kind::any: emit({operation::any, depth}); break;
            case kind::set: emit({operation::set, depth, what.value}); break;
            case kind::place: emit({operation::place, depth, what.value}); break;
            case kind::sequence:
                for (std::uint32_t item = what.child; item != 0; item = nodes_[item].next) write(item, depth);
                break;
            case kind::group:
                if (what.value != 0) emit({operation::save, depth, 2 * what.value});
                write(what.child, depth);
                if (what.value != 0) emit({operation::save, depth, 2 * what.value + 1});
                break;
            case kind::choice: write_choice(what, depth); break;
            case kind::repeat: write_repeat(what, depth); break;
        }
    }
    void write_choice(const node& what, std::uint8_t depth) {
        std::vector<std::uint32_t> exits;
        for (std::uint32_t item = what.child; item != 0; item = nodes_[item].next) {
            if (nodes_[item].next == 0) {
                write(item, depth);
                break;
            }
            const std::uint32_t split = emit({operation::split, depth});
            write(item, depth);
            exits.push_back(emit({operation::jump, depth}));
            if (failed_) return;
            program_->code[split].first = split + 1;
            program_->code[split].second = here();
        }
        for (const std::uint32_t exit : exits) program_->code[exit].first = here();
    }
    void write_repeat(const node& what, std::uint8_t depth) {
        for (std::size_t i = 0; i < what.min && !failed_; ++i) write(what.child, depth);
        const bool may_be_empty = nodes_[what.child].may_be_empty;
        const auto inside = static_cast<std::uint8_t>(may_be_empty ? depth + 1 : depth);
        std::vector<std::uint32_t> branches;  // each with a way into the next repetition and a way out
        const std::size_t count = what.max == endless ? 1 : what.max - what.min;
        for (std::size_t i = 0; i < count && !failed_; ++i) {
            branches.push_back(emit({!may_be_empty ? operation::split
                                     : i == 0      ? operation::enter
                                                   : operation::again,
                                     depth}));
            program_->code[branches.back()].first = here();
            write(what.child, inside);
        }
        if (what.max == endless && may_be_empty) {
            branches.push_back(emit({operation::again, depth}));
            program_->code[branches.back()].first = branches.front() + 1;
        } else if (what.max == endless) {
            emit({operation::jump, depth, 0, branches.front()});
        }
        if (failed_) return;
        for (const std::uint32_t each : branches) {
            instruction& split = program_->code[each];
            split.second = here();
            split.prefers_exit = what.is_lazy;
            if (what.is_lazy) std::swap(split.first, split.second);
        }
    }

    std::string_view text_;
    parse_failure& why_;
    program* program_ = nullptr;
    std::vector<node> nodes_;
    std::size_t at_ = 0;
    std::size_t written_ = 0;
    bool failed_ = false;
};

}  // namespace netnotes::web::detail::patterns

#endif  // NETNOTES_WEB_PATTERN_PROGRAM_HPP
