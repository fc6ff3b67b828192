// netnotes/web/route_forms.hpp: from the regular expression of a route to the paths that it takes
// SPDX-License-Identifier: MIT
//
// A route goes from a path to a view. The way back starts with the route's regular expression, and fills its groups:
//
//        ^articles/(\d+)/$                           articles/ _ /
//        ^comments/(?:page-(?P<number>\d+)/)?$       comments/      or     comments/page- number /
//
// So an expression has forms, each of them with other groups. As in Django, what may be left away is left away, and
// what stands for many characters becomes one of them: [abc] is a, and \d is 0. A part with groups may be left away or
// not, so there are two forms. An expression with alternatives outside of its groups has only the empty form. A form
// that the expression does not take again is no answer.
//
// On this page:  (what routes.hpp uses: forms_of)
// The notes:     视图view, 配置url; example 43

#ifndef NETNOTES_WEB_ROUTE_FORMS_HPP
#define NETNOTES_WEB_ROUTE_FORMS_HPP

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pattern.hpp"
#include "value.hpp"

namespace netnotes::web::detail::routing {

/// A piece of a form: text, or a group with its number and perhaps a name.
struct form_part {
    std::string text;
    std::size_t group = 0;  // 0: this is text
    std::string name{};
};
using form = std::vector<form_part>;

/// Reads the expression of a route, which pattern has read before, so that it is right.
class form_reader {
  public:
    /// How many forms an expression may have: each optional part with groups doubles them.
    static constexpr std::size_t max_forms = 64;

    explicit form_reader(std::string_view text) noexcept : text_{text} {}

    /// Returns the forms, or nullopt if there are too many, or if they are too long.
    std::optional<std::vector<form>> read() {
        std::vector<item> items;
        std::vector<std::size_t> open;  // where the items of each group without a number begin
        while (const auto next = take()) {
            const auto [what, is_escaped] = *next;
            const char sign = is_escaped || what.size() != 1 ? '\0' : what[0];
            if (sign == '|') {
                has_choice_ = true;
                return std::vector<form>(1);
            }
            if (sign == '$') break;
            if (sign == '^') continue;
            if (sign == '(') {
                if (text_.substr(at_).starts_with("?:"))
                    at_ += 2, open.push_back(items.size());
                else
                    items.push_back(read_group());
            } else if (sign == ')' && !open.empty()) {
                item whole;
                const auto begin = items.begin() + static_cast<std::ptrdiff_t>(open.back());
                for (auto each = begin; each != items.end(); ++each)
                    if (!append(whole, *each)) return std::nullopt;
                items.erase(begin, items.end());
                items.push_back(std::move(whole));
                open.pop_back();
            } else if (sign == '[') {
                const auto first = take();  // of [^/] this is ^, which often fits
                if (first && first->first == "^" && text_.substr(at_).starts_with(']')) ++at_;
                items.push_back(item{{{{first ? first->first : std::string{}}}}});
                while (const auto inside = take())
                    if (!inside->second && inside->first == "]") break;
            } else if (!items.empty() && (sign == '*' || sign == '?' || sign == '+' || (sign == '{' && is_count()))) {
                const std::size_t count = least_count(sign);
                if (text_.substr(at_).starts_with('?')) ++at_;
                if (count == 0 && items.back().has_group)
                    items.back().ways.insert(items.back().ways.begin(), form{});
                else if (count == 0)
                    items.pop_back();
                else if (items.back().size * count > max_size)
                    return std::nullopt;
                else
                    items.insert(items.end(), count - 1, item{items.back()});
            } else {
                items.push_back(item{{{{what}}}});
            }
        }
        item whole;
        for (const item& each : items)
            if (!append(whole, each)) return std::nullopt;
        return std::move(whole.ways);
    }

    /// Returns true if read() has met alternatives outside of the groups.
    [[nodiscard]] bool has_choice() const noexcept { return has_choice_; }

  private:
    static constexpr std::size_t max_size = 100'000;  // of a form, in pieces; x{1000} has a thousand
    struct item {
        std::vector<form> ways{form{}};
        bool has_group = false;
        std::size_t size = 1;
    };

    /// Puts each form of `more` behind each form of `to`.
    static bool append(item& to, const item& more) {
        to.size += more.size;
        if (to.ways.size() * more.ways.size() > max_forms || to.size > max_size) return false;
        std::vector<form> made;
        for (const form& begin : to.ways)
            for (const form& end : more.ways) {
                made.push_back(begin);
                for (const form_part& each : end)
                    if (each.group == 0 && !made.back().empty() && made.back().back().group == 0)
                        made.back().back().text += each.text;
                    else
                        made.back().push_back(each);
            }
        to.ways = std::move(made);
        to.has_group = to.has_group || more.has_group;
        return true;
    }
    /// Takes a character. One behind a backslash is another one of its kind, and places like \b are passed over.
    std::optional<std::pair<std::string, bool>> take() {
        while (at_ < text_.size()) {
            std::size_t size = character_size(text_.substr(at_));
            std::string what{text_.substr(std::exchange(at_, at_ + size), size)};
            if (what != "\\" || at_ == text_.size()) return std::pair{std::move(what), false};
            size = character_size(text_.substr(at_));
            what = text_.substr(std::exchange(at_, at_ + size), size);
            constexpr std::string_view kinds = "dDsSwW", members = "0x xx!", places = "AbBZ";
            if (what.size() == 1 && places.find(what[0]) != places.npos) continue;
            const std::size_t kind = what.size() == 1 ? kinds.find(what[0]) : kinds.npos;
            if (kind != kinds.npos) what = members[kind];
            return std::pair{std::move(what), true};
        }
        return std::nullopt;
    }
    /// Reads a group with a number up to its end, with the groups inside. `at_` is behind its parenthesis.
    item read_group() {
        form_part made;
        made.group = ++groups_;
        if (text_.substr(at_).starts_with("?P<")) {
            const std::size_t end = std::min(text_.find('>', at_), text_.size());
            made.name = text_.substr(at_ + 3, end - at_ - 3);
        }
        bool in_set = false;
        for (std::size_t depth = 1; depth > 0;) {
            const auto next = take();
            if (!next) break;
            if (next->second || next->first.size() != 1) continue;
            const char sign = next->first[0];
            if (in_set) {
                in_set = sign != ']';
            } else if (sign == '[') {
                in_set = true;
                if (text_.substr(at_).starts_with('^')) ++at_;
                if (text_.substr(at_).starts_with(']')) ++at_;
            } else if (sign == '(') {
                ++depth;
                if (!text_.substr(at_).starts_with('?') || text_.substr(at_).starts_with("?P<")) ++groups_;
            } else if (sign == ')') {
                --depth;
            }
        }
        return {{{std::move(made)}}, true};
    }
    /// Returns whether {2}, {2,}, {,5} or {2,5} begins here: another brace is a character. `at_` is behind it.
    [[nodiscard]] bool is_count() const {
        const std::size_t end = text_.find_first_not_of("0123456789,", at_);
        return end != text_.npos && end > at_ && text_[end] == '}';
    }
    /// How often something is repeated at least. `at_` is behind the sign of the repetition.
    std::size_t least_count(char sign) {
        if (sign != '{') return sign == '+' ? 1 : 0;
        const std::size_t end = std::min(text_.find('}', at_), text_.size());
        std::size_t count = 0;
        for (; at_ < end && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
            count = std::min<std::size_t>(count * 10 + static_cast<std::size_t>(text_[at_] - '0'), max_size);
        at_ = std::min(end + 1, text_.size());
        return count;
    }

    std::string_view text_;
    std::size_t at_ = 0, groups_ = 0;
    bool has_choice_ = false;
};

/// One piece of a route: a path of its own, or that of a table which was included.
struct piece {
    std::string text;  // as it was written
    web::pattern compiled;
    bool is_path;
};
/// A form of a whole route. Each group also knows its number among the arguments of the view, or has npos.
struct whole_form {
    form parts;
    std::vector<std::size_t> places;
};
/// Returns the forms of a route. If there are too many, the list is empty.
inline std::vector<whole_form> forms_of(const std::vector<piece>& pieces) {
    std::vector<whole_form> all(1);
    std::size_t arguments = 0;
    for (const piece& each : pieces) {
        const auto& names = each.compiled.names();
        const auto place = [&](const form_part& part) {
            if (names.empty()) return arguments + part.group - 1;
            const auto found =
                std::find_if(names.begin(), names.end(), [&](const auto& name) { return name.first == part.name; });
            return found == names.end() ? std::string::npos
                                        : arguments + static_cast<std::size_t>(found - names.begin());
        };
        form_reader reader{each.compiled.text()};
        const auto forms = reader.read();
        if (!forms) return {};
        if (reader.has_choice()) return std::vector<whole_form>(1);
        std::vector<whole_form> longer;
        for (const whole_form& begin : all)
            for (const form& end : *forms) {
                longer.push_back(begin);
                for (const form_part& part : end) {
                    longer.back().parts.push_back(part);
                    if (part.group != 0) longer.back().places.push_back(place(part));
                }
            }
        if (longer.size() > form_reader::max_forms) return {};
        all = std::move(longer);
        arguments += names.empty() ? each.compiled.group_count() : names.size();
    }
    return all;
}

}  // namespace netnotes::web::detail::routing

#endif  // NETNOTES_WEB_ROUTE_FORMS_HPP
