// netnotes/web/pattern.hpp: regular expressions that cannot be made slow
// SPDX-License-Identifier: MIT
//
// A URL table says with a regular expression which paths it takes. The path is a stranger's text. Many matchers try one
// way through the pattern after the other, and go back when a way fails. For `(a+)+$` and forty times the letter a with
// a b behind them they try 2^40 ways. std::regex also calls itself for each character, so a long text ends the program.
//
// This matcher walks all ways at the same time (Thompson, 1968). Each way is a small record: where it is in the
// program, and which groups it has found. Two ways at the same place have the same future, so the one of lower priority
// is dropped:
//
//        pattern  (a|ab)(c|bcd)        text  a b c d
//        behind a:    way 1 before (c|bcd)    way 2 before the b of ab
//        behind ab:   way 1 inside bcd        way 2 before (c|bcd)
//        behind abcd: way 1 has matched       way 2 is gone
//
// The number of ways is at most the size of the program. So the time is at most the size of the program times the
// length of the text.
//
//        const web::pattern detail{R"(^articles/(?P<id>\d+)/$)"};
//        if (const auto found = detail.search("articles/42/")) std::cout << *(*found)["id"];
//
// It reads what Python's `re` reads, as far as one walk can do it, and finds the same groups:
//
//   a  .  \d \D \w \W \s \S  [a-z]  [^/]        a character; \d \w \s know ASCII only, as with re.ASCII
//   x*  x+  x?  x{2}  x{2,}  x{,5}  x{2,5}      repeated; with ? behind it as few times as possible
//   (x)  (?P<name>x)  (?:x)  x|y                groups, alternatives; the first alternative is preferred
//   ^  $  \A  \Z  \b  \B                        places; $ is the end, or before a line feed at the end
//
// Backreferences and lookaround are refused, with their place: one walk cannot do them.
//
// On this page:  pattern, pattern_match
// The notes:     配置url; example 43

#ifndef NETNOTES_WEB_PATTERN_HPP
#define NETNOTES_WEB_PATTERN_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../ip/text.hpp"
#include "pattern_program.hpp"

namespace netnotes::web {

class pattern;

/// The places that a pattern found in a text. It refers to both: neither the pattern nor the text may end before it.
class pattern_match {
  public:
    /// Returns how many groups there are, with group 0, which is the whole.
    [[nodiscard]] std::size_t size() const noexcept { return places_.size() / 2; }
    /// Returns the text of a group: 0 is what the whole pattern matched. Returns nullopt if the group took no part, or
    /// if no group has this number. A group that is repeated has the text of its last repetition.
    [[nodiscard]] std::optional<std::string_view> operator[](std::size_t group) const noexcept {
        if (group >= size() || places_[2 * group + 1] == missing) return std::nullopt;
        return text_.substr(places_[2 * group], places_[2 * group + 1] - places_[2 * group]);
    }
    [[nodiscard]] std::optional<std::string_view> operator[](int group) const noexcept {
        return (*this)[static_cast<std::size_t>(group)];
    }
    /// Returns the text of a named group, or nullopt if it took no part or no group has this name.
    [[nodiscard]] std::optional<std::string_view> operator[](std::string_view name) const noexcept;
    [[nodiscard]] std::optional<std::string_view> operator[](const char* name) const noexcept {
        return (*this)[std::string_view{name}];
    }
    /// Returns the byte of the text at which the match begins.
    [[nodiscard]] std::size_t begin() const noexcept { return places_[0]; }
    /// Returns the byte of the text behind the match.
    [[nodiscard]] std::size_t end() const noexcept { return places_[1]; }

  private:
    friend class pattern;
    static constexpr std::size_t missing = static_cast<std::size_t>(-1);
    pattern_match(const pattern& of, std::string_view text, std::vector<std::size_t> places) noexcept
        : pattern_{&of}, text_{text}, places_{std::move(places)} {}

    const pattern* pattern_;
    std::string_view text_;
    std::vector<std::size_t> places_;  // begin and end of each group
};

/// A regular expression. A regular value: several threads may use a constant object at once.
class pattern {
  public:
    /// How large a program may become. `x{20}` counts as twenty times x.
    static constexpr std::size_t max_program_size = detail::patterns::max_program_size;
    /// How deep groups may be nested.
    static constexpr std::size_t max_depth = detail::patterns::max_depth;
    /// How many groups may be captured.
    static constexpr std::size_t max_groups = detail::patterns::max_groups;
    /// How often a counted repetition may be asked for.
    static constexpr std::size_t max_count = detail::patterns::max_count;

    /// Reads a regular expression. Throws parse_error, which quotes the text and names the place of the fault.
    explicit pattern(std::string_view text);
    /// Reads a regular expression. Returns nullopt if the text is no pattern, or uses something that this matcher
    /// refuses; `why` then has the reason and its place.
    [[nodiscard]] static std::optional<pattern> parse(std::string_view text, parse_failure& why);

    /// Returns the first match anywhere in the text, as Python's re.search(). `steps`, if it is not null, is raised by
    /// the number of instructions that were executed. That number is at most a constant times program_size() times the
    /// number of characters. Throws std::bad_alloc only.
    [[nodiscard]] std::optional<pattern_match> search(std::string_view text, std::size_t* steps = nullptr) const {
        return run(text, false, false, steps);
    }
    /// Returns the match at the beginning of the text, as Python's re.match().
    [[nodiscard]] std::optional<pattern_match> match(std::string_view text, std::size_t* steps = nullptr) const {
        return run(text, true, false, steps);
    }
    /// Returns the match of the whole text, as Python's re.fullmatch().
    [[nodiscard]] std::optional<pattern_match> full_match(std::string_view text, std::size_t* steps = nullptr) const {
        return run(text, true, true, steps);
    }

    /// Returns the text that was read.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// Returns how many groups it captures, without group 0.
    [[nodiscard]] std::size_t group_count() const noexcept { return program_.groups - 1; }
    /// Returns the names of groups and their numbers, in the order of the text.
    [[nodiscard]] const std::vector<std::pair<std::string, std::size_t>>& names() const noexcept {
        return program_.names;
    }
    /// Returns the number of instructions.
    [[nodiscard]] std::size_t program_size() const noexcept { return program_.code.size(); }

    /// Equal texts are equal patterns.
    friend bool operator==(const pattern& a, const pattern& b) noexcept { return a.text_ == b.text_; }

  private:
    pattern() = default;
    std::optional<pattern_match> run(std::string_view text, bool at_begin, bool to_end, std::size_t* steps) const;

    std::string text_;
    detail::patterns::program program_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline std::optional<std::string_view> pattern_match::operator[](std::string_view name) const noexcept {
    for (const auto& [each, group] : pattern_->names())
        if (each == name) return (*this)[group];
    return std::nullopt;
}

namespace detail::patterns {

/// One walk through a text. Python repeats what may be empty once more after it has found nothing, and then stops. So a
/// way must know, for each repetition around it, whether the repetition has moved since it began. Inner repetitions
/// began later: if an outer repetition has not moved, no inner repetition has. One number is therefore enough: how many
/// of the outermost repetitions have moved. A way that takes a character has moved in all of them.
class walk {
  public:
    walk(const program& of, std::string_view text)
        : program_{of},
          text_{text},
          levels_{of.depth + 1},
          places_(2 * of.groups, missing),
          seen_(of.code.size() * levels_, missing),
          waiting_(of.code.size(), missing) {}

    bool run(bool at_begin, bool to_end, std::vector<std::size_t>& found) {
        if (const instruction& first = program_.code[1]; first.op == operation::place && first.value == 'A')
            at_begin = true;
        const std::size_t width = places_.size();
        bool is_found = false;
        for (std::size_t at = 0;; ++at_count_) {
            // Ways that waited for the last character, in the order of their priority; behind them a new way that
            // begins here.
            next_.clear();
            next_places_.clear();
            bool is_done = false;
            for (std::size_t i = 0; i < now_.size() && !is_done; ++i) {
                ++steps_;
                if (!takes(program_.code[now_[i]], previous_)) continue;
                std::copy_n(now_places_.data() + i * width, width, places_.data());
                is_done = follow(now_[i] + 1, program_.code[now_[i]].depth, at, to_end);
            }
            if (!is_found && !is_done && (at == 0 || !at_begin)) {
                std::fill(places_.begin(), places_.end(), missing);
                is_done = follow(0, 0, at, to_end);
            }
            if (is_done) {
                found = places_;
                is_found = true;
            }
            if (at == text_.size() || (next_.empty() && (is_found || at_begin))) return is_found;
            std::swap(now_, next_);
            std::swap(now_places_, next_places_);
            at += read_character(text_.substr(at), previous_);
        }
    }
    /// How many instructions were executed.
    [[nodiscard]] std::size_t steps() const noexcept { return steps_; }

  private:
    static constexpr std::size_t missing = static_cast<std::size_t>(-1);
    struct visit {
        std::uint32_t code;
        std::uint32_t moved;  // or `restores`
        std::size_t value;    // what places_[code] is to be again
    };
    static constexpr std::uint32_t restores = static_cast<std::uint32_t>(-1);

    [[nodiscard]] bool takes(const instruction& what, char32_t point) const noexcept {
        if (what.op == operation::literal) return what.value == point;
        return what.op == operation::any ? point != U'\n' : program_.sets[what.value].contains(point);
    }
    [[nodiscard]] bool holds(std::uint32_t letter, std::size_t at) const noexcept {
        const std::size_t rest = text_.size() - at;
        if (letter == 'A') return at == 0;
        if (letter == 'Z') return rest == 0;
        if (letter == '$') return rest == 0 || (rest == 1 && text_.back() == '\n');
        if (letter == 'B' && text_.empty()) return false;  // so does Python before 3.14
        char32_t next = 0;
        if (rest > 0) read_character(text_.substr(at), next);
        return (is_word(at > 0 ? previous_ : 0) != is_word(next)) == (letter == 'b');
    }

    /// Follows a way until it waits for a character, and all ways that branch off. Returns true if one of them matches:
    /// places_ then has its groups, and ways of lower priority were not followed.
    bool follow(std::uint32_t code, std::uint32_t moved, std::size_t at, bool to_end) {
        branches_.clear();
        do {
            while (const std::uint32_t next = step(code, moved, at)) code = next;
            if (program_.code[code].op == operation::matched && (!to_end || at == text_.size())) return true;
        } while (next_branch(code, moved));
        return false;
    }
    /// Executes an instruction, and returns the next one of this way, or 0 at its end. No way comes to instruction 0.
    std::uint32_t step(std::uint32_t code, std::uint32_t& moved, std::size_t at) {
        ++steps_;
        std::size_t& mark = seen_[code * levels_ + moved];
        if (mark == at_count_) return 0;
        mark = at_count_;
        const instruction& what = program_.code[code];
        switch (what.op) {
            case operation::jump: return what.first;
            case operation::split: branches_.push_back({what.second, moved, 0}); return what.first;
            case operation::enter:
            case operation::again: {
                const bool may_enter = what.op == operation::enter || moved > what.depth;
                moved = std::min<std::uint32_t>(moved, what.depth);
                if (!may_enter) return what.prefers_exit ? what.first : what.second;
                branches_.push_back({what.second, moved, 0});
                return what.first;
            }
            case operation::save:
                if (!branches_.empty()) branches_.push_back({what.value, restores, places_[what.value]});
                places_[what.value] = at;
                return code + 1;
            case operation::place: return holds(what.value, at) ? code + 1 : 0;
            case operation::matched: return 0;
            default:
                if (std::exchange(waiting_[code], at_count_) == at_count_) return 0;
                next_.push_back(code);
                next_places_.insert(next_places_.end(), places_.begin(), places_.end());
                return 0;
        }
    }
    /// Takes the branch of highest priority that is left, with the groups that it had found.
    bool next_branch(std::uint32_t& code, std::uint32_t& moved) {
        while (!branches_.empty()) {
            const visit top = branches_.back();
            branches_.pop_back();
            code = top.code;
            moved = top.moved;
            if (moved != restores) return true;
            places_[code] = top.value;
        }
        return false;
    }

    const program& program_;
    std::string_view text_;
    std::size_t levels_;
    std::vector<std::size_t> places_;
    /// At which character an instruction was last followed, for each number of moved repetitions.
    std::vector<std::size_t> seen_;
    std::vector<std::size_t> waiting_;  // at which character an instruction began to wait
    std::size_t at_count_ = 0, steps_ = 0;
    char32_t previous_ = 0;
    std::vector<std::uint32_t> now_, next_;
    std::vector<std::size_t> now_places_, next_places_;
    std::vector<visit> branches_;
};

}  // namespace detail::patterns

inline std::optional<pattern> pattern::parse(std::string_view text, parse_failure& why) {
    pattern made;
    if (!detail::patterns::compiler{text, why}.compile(made.program_)) return std::nullopt;
    made.text_ = text;
    return made;
}
inline pattern::pattern(std::string_view text) {
    parse_failure why;
    auto made = parse(text, why);
    if (!made) throw parse_error{"pattern", text, why};
    *this = *std::move(made);
}
inline std::optional<pattern_match> pattern::run(std::string_view text, bool at_begin, bool to_end,
                                                 std::size_t* steps) const {
    std::vector<std::size_t> places;
    detail::patterns::walk walk{program_, text};
    const bool is_found = walk.run(at_begin, to_end, places);
    if (steps != nullptr) *steps += walk.steps();
    if (!is_found) return std::nullopt;
    return pattern_match{*this, text, std::move(places)};
}

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_PATTERN_HPP
