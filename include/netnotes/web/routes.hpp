// netnotes/web/routes.hpp: which view answers which path
// SPDX-License-Identifier: MIT
//
// A table of routes is asked from the top to the bottom, and the first route that fits answers. A part in angle
// brackets is given to the view, as the type that the view wants:
//
//        articles/<int:id>/        /articles/42/   ──>  show(request, 42)
//        articles/<slug:name>/     /articles/a-b/  ──>  by_name(request, "a-b")
//
//        http::response show(const http::request&, int id) {
//            return {200, std::to_string(id)};
//        }
//
//        web::routes table;
//        table.path("articles/<int:id>/", show, "detail");
//        std::cout << table.reverse("detail", {42});                       // /articles/42/
//        const http::response page = table.answer(http::request{"GET", "/articles/42/"});
//
// A view that waits is a task. Its request and its arguments live until it has ended:
//
//        task<http::response> slow(http::request&, int id) {
//            co_await sleep_for(std::chrono::seconds{1});
//            co_return http::response{200, std::to_string(id)};
//        }
//
// A path whose parts do not fit the view's arguments does not compile. The notes write tables of regular expressions;
// these are re_path(), and a mismatch throws when the table is made.
//
// The parts: <str:x> or <x> is all but a slash, <int:x> digits, <slug:x> letters, digits, - and _, <path:x> is
// everything, <uuid:x> a UUID in lower case. A path begins without its slash, as Django's do.
//
// On this page:  routes, route_settings · path_text
// The notes:     视图view, 配置url; example 43

#ifndef NETNOTES_WEB_ROUTES_HPP
#define NETNOTES_WEB_ROUTES_HPP

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "../coro/task.hpp"
#include "../http/message.hpp"
#include "pattern.hpp"
#include "route_forms.hpp"
#include "template.hpp"
#include "value.hpp"

namespace netnotes::web {

/// A page that is rendered later, so that middleware can still change its context. A view may return it in place of an
/// http::response.
struct template_response {
    const templates* pages = nullptr;  ///< must live until the page is rendered
    std::string name{};                ///< of the template
    map context{};
    http::status status{};
    /// Renders the page. Throws as templates::render() does.
    [[nodiscard]] http::response render() const {
        return {status, pages->render(name, context), "text/html; charset=utf-8"};
    }
};
/// The result of a view: a response, or a page that is rendered later. A view may also return a task of one of them.
using view_answer = std::variant<http::response, template_response>;

namespace detail::routing {

template <class F>
struct signature : signature<decltype(&F::operator())> {};
template <class R, class Q, class... Arguments, bool is_noexcept>
struct signature<R (*)(Q, Arguments...) noexcept(is_noexcept)> {
    using arguments = std::tuple<std::decay_t<Arguments>...>;
};
template <class C, class R, class Q, class... Arguments, bool is_noexcept>
struct signature<R (C::*)(Q, Arguments...) const noexcept(is_noexcept)> : signature<R (*)(Q, Arguments...)> {};
template <class C, class R, class Q, class... Arguments, bool is_noexcept>
struct signature<R (C::*)(Q, Arguments...) noexcept(is_noexcept)> : signature<R (*)(Q, Arguments...)> {};

template <class View>
using arguments_of = typename signature<std::decay_t<View>>::arguments;

inline void argument_does_not_fit_the_path() {}  // not constexpr: a call of it does not compile
inline void number_of_arguments_differs_from_path() {}
inline void a_path_begins_without_its_slash() {}

/// The next part in angle brackets, from `at` on: its kind and its name. `at` is then behind it.
struct part {
    std::string_view before, kind, name;
};
constexpr std::optional<part> next_part(std::string_view text, std::size_t& at) {
    const std::size_t open = text.find('<', at);
    if (open == text.npos) return std::nullopt;
    const std::size_t close = text.find('>', open);
    if (close == text.npos) return std::nullopt;
    const std::string_view inside = text.substr(open + 1, close - open - 1);
    const std::size_t colon = inside.find(':');
    part found{text.substr(at, open - at), colon == inside.npos ? std::string_view{"str"} : inside.substr(0, colon),
               colon == inside.npos ? inside : inside.substr(colon + 1)};
    at = close + 1;
    return found;
}

template <class Argument>
constexpr bool fits(std::string_view kind) {
    if constexpr (std::integral<Argument>)
        return kind == "int";
    else
        return std::constructible_from<Argument, std::string_view> || std::constructible_from<Argument, std::string>;
}

template <class Arguments>
class path_text;
template <class... Arguments>
class path_text<std::tuple<Arguments...>> {
  public:
    template <std::convertible_to<std::string_view> Text>
    consteval path_text(const Text& text) : text_{text} {  // NOLINT: like a format string
        if (text_.starts_with('/')) a_path_begins_without_its_slash();
        std::string_view kinds[sizeof...(Arguments) + 1];
        std::size_t count = 0, at = 0;
        while (const auto found = next_part(text_, at)) {
            if (count == sizeof...(Arguments)) number_of_arguments_differs_from_path();
            kinds[count++] = found->kind;
        }
        if (count != sizeof...(Arguments)) number_of_arguments_differs_from_path();
        std::size_t i = 0;
        if (!(fits<Arguments>(kinds[i++]) && ...)) argument_does_not_fit_the_path();
    }
    [[nodiscard]] constexpr std::string_view text() const noexcept { return text_; }

  private:
    std::string_view text_;
};

/// Reads an argument; false if the text is no number of this type.
template <class Argument>
bool read_argument(std::string_view text, Argument& to) {
    if constexpr (std::integral<Argument>) {
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
        return error == std::errc{} && end == text.data() + text.size();
    } else {
        to = Argument{text};
        return true;
    }
}

/// Views with their types hidden. They are given arguments that can be read.
using any_view = std::function<std::variant<view_answer, task<view_answer>>(http::request&, std::vector<std::string>)>;

template <class View, class Arguments>
struct view_result;
template <class View, class... Arguments>
struct view_result<View, std::tuple<Arguments...>> : std::invoke_result<const View&, http::request&, Arguments&...> {};
template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<task<T>> = true;
/// True for a view that is a task.
template <class View>
inline constexpr bool waits = is_task<typename view_result<View, arguments_of<View>>::type>;

template <class Arguments>
bool read_arguments(const std::vector<std::string>& texts, Arguments& to) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return (read_argument(texts[I], std::get<I>(to)) && ...);
    }
    (std::make_index_sequence<std::tuple_size_v<Arguments>>{});
}
template <class View>
bool can_read(const std::vector<std::string>& texts) {
    arguments_of<View> unused;
    return read_arguments(texts, unused);
}
template <class View>
auto call(const View& view, http::request& ask, const std::vector<std::string>& texts, arguments_of<View>& arguments) {
    static_cast<void>(read_arguments(texts, arguments));
    return std::apply([&](auto&... each) { return view(ask, each...); }, arguments);
}
/// Runs a view that waits. What it may refer to lies in this frame: the arguments, and the texts that they show.
template <class View>
task<view_answer> run(const View& view, http::request& ask, std::vector<std::string> texts) {
    arguments_of<View> arguments;
    auto running = call(view, ask, texts, arguments);
    auto made = co_await std::move(running);
    view_answer answer{std::move(made)};
    co_return answer;
}
template <class View>
any_view hide(View view) {
    using result = std::variant<view_answer, task<view_answer>>;
    return [view = std::move(view)](http::request& ask, std::vector<std::string> texts) {
        if constexpr (waits<View>) {
            return result{run(view, ask, std::move(texts))};
        } else {
            arguments_of<View> arguments;
            return result{view_answer{call(view, ask, texts, arguments)}};
        }
    };
}

struct route {
    std::vector<piece> pieces;
    std::vector<std::string> spaces;  // namespaces, from the outside
    std::string name;
    any_view view;
    bool (*can_read)(const std::vector<std::string>& arguments);
    bool waits = false;
    std::vector<http::method> methods;  // empty: all
};

inline std::string kind_pattern(std::string_view kind) {
    if (kind == "int") return "[0-9]+";
    if (kind == "str") return "[^/]+";
    if (kind == "slug") return "[-a-zA-Z0-9_]+";
    if (kind == "path") return ".+";
    if (kind == "uuid") return "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    throw std::invalid_argument{netnotes::detail::joined("a path has no parts of the kind ", netnotes::quoted(kind))};
}
inline std::string escaped_for_pattern(std::string_view text) {
    std::string made;
    for (const char c : text) {
        if (std::string_view{"\\^$.|?*+()[]{}"}.find(c) != std::string_view::npos) made += '\\';
        made += c;
    }
    return made;
}
/// The regular expression of a path. `is_whole`: it ends where the path ends.
inline piece read_path(std::string_view text, bool is_whole) {
    std::string made = "^";
    std::size_t at = 0;
    while (const auto found = next_part(text, at))
        made += escaped_for_pattern(found->before) +
                netnotes::detail::joined("(?P<", found->name, ">", kind_pattern(found->kind), ")");
    made += escaped_for_pattern(text.substr(at)) + (is_whole ? "\\Z" : "");
    return {std::string{text}, web::pattern{made}, true};
}

}  // namespace detail::routing

/// How a table answers a path that no route takes.
struct route_settings {
    /// For development: a 404 lists the table. Never for strangers, who would learn about pages that are not linked.
    bool debug = false;
    /// Whether "/articles" is redirected to "/articles/" if only the second is a route.
    bool append_slash = true;
};

/// A table of routes. Make it at the start of a program; afterwards several threads may ask it.
class routes {
  public:
    /// Adds a route for a path with parts in angle brackets. A view is called with the request and the parts, and
    /// returns an http::response, a template_response, or a task of one of them. The route takes these `methods`, or
    /// all if the list is empty. A route that takes GET also takes HEAD. Throws std::invalid_argument if a part has an
    /// unknown kind.
    template <class View>
    requires(!std::is_pointer_v<View>) routes& path(
        detail::routing::path_text<std::type_identity_t<detail::routing::arguments_of<View>>> text, View view,
        std::string name = {}, std::vector<http::method> methods = {}) {
        return add(detail::routing::read_path(text.text(), true), std::move(view), std::move(name), std::move(methods));
    }
    /// Adds a route whose view is a function. If several functions have its name, the only function that takes a request
    /// is the view. So a view may be called index(), although POSIX has a function of that name.
    template <class Result, class Request, class... Arguments>
    routes& path(detail::routing::path_text<std::tuple<std::decay_t<Arguments>...>> text,
                 Result (*view)(Request&, Arguments...), std::string name = {},
                 std::vector<http::method> methods = {}) {
        return add(detail::routing::read_path(text.text(), true), view, std::move(name), std::move(methods));
    }
    /// Adds a route for a regular expression, which is searched in the path: begin it with ^ and end it with $. The
    /// view gets the groups; if some of them have names, only these. Throws std::invalid_argument if their number
    /// differs from that of the view's arguments, and parse_error if the text is no regular expression.
    template <class View>
    requires(!std::is_pointer_v<View>) routes& re_path(std::string_view text, View view, std::string name = {},
                                                       std::vector<http::method> methods = {}) {
        detail::routing::piece made{std::string{text}, pattern{text}, false};
        const std::size_t groups =
            made.compiled.names().empty() ? made.compiled.group_count() : made.compiled.names().size();
        constexpr std::size_t wanted = std::tuple_size_v<detail::routing::arguments_of<View>>;
        if (groups != wanted)
            throw std::invalid_argument{netnotes::detail::joined("the pattern ", netnotes::quoted(text), " has ",
                                                                 std::to_string(groups), " groups, and its view has ",
                                                                 std::to_string(wanted), " arguments")};
        return add(std::move(made), std::move(view), std::move(name), std::move(methods));
    }
    template <class Result, class Request, class... Arguments>
    routes& re_path(std::string_view text, Result (*view)(Request&, Arguments...), std::string name = {},
                    std::vector<http::method> methods = {}) {
        return re_path(
            text, [view](Request& ask, Arguments... each) { return view(ask, each...); }, std::move(name),
            std::move(methods));
    }
    /// Adds all routes of a table behind a prefix. Their names get the namespace in front: shop:list. Throws
    /// std::invalid_argument if the prefix has parts in angle brackets: the views would get them as their own.
    routes& include(std::string_view prefix, const routes& table, std::string_view space = {}) {
        std::size_t begin = 0;
        if (detail::routing::next_part(prefix, begin))
            throw std::invalid_argument{"include: the prefix " + netnotes::quoted(prefix) + " has parts"};
        for (detail::routing::route each : table.routes_) {
            each.pieces.insert(each.pieces.begin(), detail::routing::read_path(prefix, false));
            if (!space.empty()) each.spaces.insert(each.spaces.begin(), std::string{space});
            routes_.push_back(std::move(each));
        }
        return *this;
    }

    /// A view that was found, with its arguments. It refers to the table.
    class ready_view {
      public:
        /// Returns true if the view is a task.
        [[nodiscard]] bool waits() const noexcept { return route_->waits; }
        /// Returns what a view returns that does not wait. Throws std::logic_error if the view is a task.
        [[nodiscard]] view_answer operator()(http::request& ask) const {
            if (waits())
                throw std::logic_error{"the view of " + netnotes::quoted(route_->pieces.back().text) +
                                       " is a task: ask the table or the site with async_answer()"};
            return std::get<view_answer>(route_->view(ask, arguments_));
        }
        /// Returns the task of a view that waits. The request must live as long as the task. Throws std::logic_error if
        /// the view is no task.
        [[nodiscard]] task<view_answer> start(http::request& ask) const {
            if (!waits()) throw std::logic_error{"a view that is no task is called"};
            return std::get<task<view_answer>>(route_->view(ask, arguments_));
        }

      private:
        friend class routes;
        ready_view(const detail::routing::route& found, std::vector<std::string> arguments)
            : route_{&found}, arguments_{std::move(arguments)} {}
        const detail::routing::route* route_;
        std::vector<std::string> arguments_;
    };
    /// Returns the view for a request, or an answer in its place. The answer is 405 with the field Allow if only routes
    /// for other methods fit, 301 to the path with a slash behind it, or 404 if no route fits. A HEAD request gets the
    /// view of GET; the server leaves the body away. A number that its argument's type cannot hold lets the next route
    /// try.
    [[nodiscard]] std::variant<ready_view, http::response> find(const http::request& ask,
                                                                const route_settings& settings = {}) const {
        std::vector<http::method> allowed;
        std::vector<std::string> arguments;
        for (const auto& each : routes_) {
            if (!fits(each, path_of(ask), arguments)) continue;
            if (!takes(each, ask.method()))
                allowed.insert(allowed.end(), each.methods.begin(), each.methods.end());
            else if (each.can_read(arguments))
                return ready_view{each, std::move(arguments)};
        }
        if (!allowed.empty()) return not_allowed(allowed);
        if (settings.append_slash && !ask.path().ends_with('/') && has(std::string{path_of(ask)} + "/")) {
            std::string target = from_root(http::percent_encode(std::string{path_of(ask)} + "/", "/"));
            if (!ask.query().empty()) target.append("?").append(ask.query());
            return http::redirect(target, http::status::moved_permanently);
        }
        return missing(ask, settings);
    }
    /// Returns what the view for this request returns, rendered, or what find() has in its place. Throws
    /// std::logic_error if the view is a task.
    [[nodiscard]] http::response answer(http::request& ask, const route_settings& settings = {}) const {
        auto found = find(ask, settings);
        if (auto* made = std::get_if<http::response>(&found)) return std::move(*made);
        return rendered(std::get<ready_view>(found)(ask));
    }
    [[nodiscard]] http::response answer(http::request&& ask, const route_settings& settings = {}) const {
        return answer(ask, settings);
    }
    /// Returns the same as answer(), and waits for a view that is a task. The table and the request must live as long
    /// as the task.
    [[nodiscard]] task<http::response> async_answer(http::request& ask, route_settings settings = {}) const {
        auto found = find(ask, settings);
        if (auto* made = std::get_if<http::response>(&found)) co_return std::move(*made);
        const ready_view& view = std::get<ready_view>(found);
        if (!view.waits()) co_return rendered(view(ask));
        auto running = view.start(ask);
        auto made = co_await std::move(running);
        co_return rendered(std::move(made));
    }

    /// Returns the path of the last route with this name that takes the arguments, or the named arguments:
    /// "shop:detail", {3}. The route takes the path again and finds the same arguments. The path never begins with two
    /// slashes, which would name another host: the second is %2F. Throws a template_error of the kind NoReverseMatch
    /// with Django's text.
    [[nodiscard]] std::string reverse(std::string_view name, const list& arguments = {}, const map& named = {}) const;

    /// Returns the table, one route a line.
    [[nodiscard]] std::string text() const {
        std::string made;
        for (const auto& each : routes_) {
            made += "    ";
            for (const auto& piece : each.pieces) made += piece.text + (&piece == &each.pieces.back() ? "" : " ");
            if (!each.name.empty()) made += " [name='" + each.name + "']";
            made += '\n';
        }
        return made;
    }

  private:
    using route = detail::routing::route;

    template <class View>
    routes& add(detail::routing::piece what, View view, std::string name, std::vector<http::method> methods) {
        route made;
        made.pieces.push_back(std::move(what));
        made.name = std::move(name);
        made.can_read = &detail::routing::can_read<View>;
        made.waits = detail::routing::waits<View>;
        made.view = detail::routing::hide(std::move(view));
        made.methods = std::move(methods);
        routes_.push_back(std::move(made));
        return *this;
    }
    static std::string_view path_of(const http::request& ask) {
        const std::string_view path = ask.path();
        return path.substr(path.starts_with('/') ? 1 : 0);
    }
    /// The path from the root of the site. Two slashes would name another host (Django CVE-2018-14574).
    static std::string from_root(std::string_view path) {
        return path.starts_with('/') ? netnotes::detail::joined("/%2F", path.substr(1))
                                     : netnotes::detail::joined("/", path);
    }
    static http::response rendered(view_answer made) {
        if (const auto* page = std::get_if<template_response>(&made)) return page->render();
        return std::get<http::response>(std::move(made));
    }
    static bool takes(const route& which, http::method method) {
        if (which.methods.empty()) return true;
        if (method == http::method::head) method = http::method::get;
        return std::find(which.methods.begin(), which.methods.end(), method) != which.methods.end();
    }
    static bool fits(const route& which, std::string_view path, std::vector<std::string>& arguments) {
        arguments.clear();
        for (const auto& piece : which.pieces) {
            const auto found = piece.compiled.search(path);
            if (!found) return false;
            if (piece.compiled.names().empty()) {
                for (std::size_t i = 1; i < found->size(); ++i) arguments.emplace_back((*found)[i].value_or(""));
            } else {
                for (const auto& [name, group] : piece.compiled.names())
                    arguments.emplace_back((*found)[group].value_or(""));
            }
            path.remove_prefix(found->end());
        }
        return true;
    }
    /// Returns the form with its groups filled, or nullopt if other arguments are given, or if the route does not take
    /// the path, or finds other arguments in it.
    static std::optional<std::string> filled(const route& which, const detail::routing::form& parts,
                                             const std::vector<std::size_t>& places, const list& arguments,
                                             const map& named) {
        std::string path;
        std::vector<std::string> given, found;
        std::size_t different = 0;  // how many names were used
        for (auto part = parts.begin(); part != parts.end(); ++part) {
            path += part->text;
            if (part->group == 0) continue;
            const bool is_new = std::none_of(parts.begin(), part, [&](const auto& other) {
                return other.group == part->group && other.name == part->name;
            });
            different += is_new ? 1 : 0;
            const value* what = !named.empty()                    ? named.find(part->name)
                                : given.size() < arguments.size() ? &arguments[given.size()]
                                                                  : nullptr;
            if (what == nullptr) return std::nullopt;
            given.push_back(what->text());
            path += given.back();
        }
        if (named.empty() ? given.size() != arguments.size() : different != named.size()) return std::nullopt;
        if (!fits(which, path, found)) return std::nullopt;
        for (std::size_t i = 0; i < given.size(); ++i)
            if (places[i] < found.size() && found[places[i]] != given[i]) return std::nullopt;
        return path;
    }
    [[nodiscard]] bool has(std::string_view path) const {
        std::vector<std::string> unused;
        return std::any_of(routes_.begin(), routes_.end(), [&](const route& each) { return fits(each, path, unused); });
    }
    static http::response not_allowed(const std::vector<http::method>& allowed) {
        std::vector<std::string_view> names;
        const auto add = [&](http::method which) {
            const std::string_view name = http::name_of(which);
            if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
        };
        for (const http::method each : allowed) {
            add(each);
            if (each == http::method::get) add(http::method::head);
        }
        std::string all;
        for (const std::string_view name : names) all.append(all.empty() ? "" : ", ").append(name);
        return http::response{http::status::method_not_allowed, "405: this page takes " + all + "\n"}.with("Allow",
                                                                                                           all);
    }
    [[nodiscard]] http::response missing(const http::request& ask, const route_settings& settings) const {
        if (!settings.debug) return http::not_found(ask);
        return {http::status::not_found, "Page not found (404)\n\nThese routes were tried, in this order:\n" + text() +
                                             "\nThe path " + netnotes::quoted(path_of(ask).substr(0, 200)) +
                                             " matched none of them.\n"};
    }

    std::vector<route> routes_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

inline std::string routes::reverse(std::string_view name, const list& arguments, const map& named) const {
    using netnotes::detail::joined;
    const auto refuse = [](const std::string& message) { throw template_error{"NoReverseMatch", message}; };
    auto words = detail::templates::parts_of(name, ':');
    const std::string_view last = words.back();
    words.pop_back();
    const auto is_in = [&](const route& which) {
        return std::equal(words.begin(), words.end(), which.spaces.begin(), which.spaces.end());
    };
    std::string tried;
    std::size_t count = 0;
    if (!arguments.empty() && !named.empty())
        throw template_error{"ValueError", "Don't mix *args and **kwargs in call to reverse()!"};
    for (auto at = routes_.rbegin(); at != routes_.rend(); ++at) {  // as in Django, the last route comes first
        const route& each = *at;
        if (each.name != last || !is_in(each)) continue;
        for (const auto& [parts, places] : detail::routing::forms_of(each.pieces))
            if (const auto path = filled(each, parts, places, arguments, named))
                return from_root(http::percent_encode(*path, "/:@!$&'()*+,;=~"));
        ++count;
        std::string text;
        for (const auto& piece : each.pieces)
            text +=
                piece.compiled.text().substr(&piece != &each.pieces.front() && piece.compiled.text()[0] == '^' ? 1 : 0);
        tried += joined(count > 1 ? ", " : "", value{text.substr(text.starts_with('^') ? 1 : 0)}.repr());
    }
    if (count == 0) {
        for (std::size_t i = 0; i < words.size(); ++i) {
            const bool is_known = std::any_of(routes_.begin(), routes_.end(), [&](const route& each) {
                return each.spaces.size() > i &&
                       std::equal(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                  each.spaces.begin());
            });
            if (!is_known) refuse(joined("'", words[i], "' is not a registered namespace"));
        }
        refuse(
            joined("Reverse for '", last, "' not found. '", last, "' is not a valid view function or pattern name."));
    }
    std::string given = "no arguments";
    if (!arguments.empty()) {
        given = value{arguments}.repr();
        given = joined("arguments '(", given.substr(1, given.size() - 2), arguments.size() == 1 ? ",)'" : ")'");
    } else if (!named.empty()) {
        given = joined("keyword arguments '", value{named}.repr(), "'");
    }
    refuse(joined("Reverse for '", last, "' with ", given, " not found. ", std::to_string(count),
                  " pattern(s) tried: [", tried, "]"));
    return {};
}

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_ROUTES_HPP
