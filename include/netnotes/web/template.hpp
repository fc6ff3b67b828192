// netnotes/web/template.hpp: pages with gaps, and what fills them
// SPDX-License-Identifier: MIT
//
// A view should compute, and a page should look nice. So the page is a file of its own, a template. The view gives it
// names and values, and the template says where they stand:
//
//        web::template_map texts{{"list.html", "<ul>{% for x in all %}<li>{{ x }}</li>{% endfor %}</ul>"}};
//        const web::templates pages{texts};
//        std::cout << pages.render("list.html", {{"all", web::list{"a", "<b>"}}});
//
// This prints <ul><li>a</li><li>&lt;b&gt;</li></ul>: what a stranger has typed cannot become a tag.
//
// The language is Django's. A page can extend another page, and fills the blocks of that page:
//
//   base.html    <title>{% block title %}Shop{% endblock %}</title>
//   list.html    {% extends "base.html" %}{% block title %}List, {{ block.super }}{% endblock %}
//   prints       <title>List, Shop</title>
//
// Text before {% extends %} is printed. Text behind it is lost, unless it stands in a block that the parent has.
//
// Texts of templates are a part of the program, and values may come from strangers. A template that loops over a long
// list a thousand times is as slow as it is written.
//
// Output and errors equal Django's (3.2), and the line is added. These differ: loops of includes end with a
// template_error, and so does a page of more than 16 MiB. Tags and filters that the notes do not use are not there.
//
// On this page:  templates, template_settings
// The notes:     django模板处理, DTL语言, 模板的继承, html转义; examples 44 to 46

#ifndef NETNOTES_WEB_TEMPLATE_HPP
#define NETNOTES_WEB_TEMPLATE_HPP

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../ip/text.hpp"
#include "template_expression.hpp"
#include "template_loader.hpp"
#include "template_parser.hpp"
#include "value.hpp"

namespace netnotes::web {

/// Settings that all templates share.
struct template_settings {
    /// Whether {{ }} escapes HTML. Only for text that is no HTML.
    bool autoescape = true;
    /// Whether each use looks if the template has changed. For development: it costs system calls.
    bool reload = false;
    /// What {% static %} puts in front of a path: a path or a URL that ends with a slash. "static/" means "/static/",
    /// because a page at /shop/ would look for "static/" in its own folder.
    std::string static_url = "/static/";
    /// What {% url %} calls: the name of a route, its arguments, and its named arguments. To refuse it throws a
    /// template_error of the kind NoReverseMatch. Without a function each {% url %} is refused so.
    std::function<std::string(std::string_view name, const list& arguments, const map& named)> reverse{};
    /// How many bytes a page may have.
    std::size_t max_output = std::size_t{16} << 20;
};

namespace detail::templates {
class renderer;
}

/// Reads templates, keeps what it has read, and renders. Rendering is safe in several threads at once.
class templates {
  public:
    /// The loader must live as long as the templates. Throws std::invalid_argument if static_url does not end with a
    /// slash: "/static" and "a.png" would make "/statica.png".
    explicit templates(const template_loader& loader, template_settings settings = {})
        : loader_{&loader}, settings_{std::move(settings)} {
        std::string& url = settings_.static_url;
        if (!url.empty() && !url.ends_with('/'))
            throw std::invalid_argument{"The STATIC_URL setting must end with a slash, and " + netnotes::quoted(url) +
                                        " does not (urls.E006)."};
        if (!url.starts_with('/') && !url.starts_with("http://") && !url.starts_with("https://")) url.insert(0, 1, '/');
    }

    /// Returns the page that the template and the values make. Throws template_error if the template is not found or
    /// has a fault, and whatever a function among the values throws.
    [[nodiscard]] std::string render(std::string_view name, const map& context = {}) const;
    /// Returns the page that a text makes, which may extend and include templates of the loader.
    [[nodiscard]] std::string render_text(std::string_view text, const map& context = {}) const;
    /// Reads a template, and throws template_error if it has a fault or is not there. Call it at the start of a program
    /// to find faults early.
    void check(std::string_view name) const { static_cast<void>(find(name, 0)); }

    /// Returns the settings that all templates share.
    [[nodiscard]] const template_settings& settings() const noexcept { return settings_; }

  private:
    friend class detail::templates::renderer;
    using program_pointer = std::shared_ptr<const detail::templates::program>;
    program_pointer find(std::string_view name, std::size_t skip) const;
    static program_pointer read(std::string_view text, std::string_view name);

    struct kept {
        program_pointer program;
        std::uint64_t version;
    };
    const template_loader* loader_;
    template_settings settings_;
    mutable std::mutex mutex_;
    mutable std::map<std::pair<std::string, std::size_t>, kept> kept_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail::templates {

/// Gives a variable another value, and its old value at the end of the scope. This holds after an exception, too: a
/// condition in which {{ block.super }} fails is false, and the page goes on.
template <class T>
class for_now {
  public:
    for_now(T& which, T what) : which_{which}, before_{std::exchange(which, std::move(what))} {}
    for_now(const for_now&) = delete;
    for_now& operator=(const for_now&) = delete;
    ~for_now() { which_ = std::move(before_); }

  private:
    T& which_;
    T before_;
};
/// Drops the names that were bound in this scope.
class new_names {
  public:
    explicit new_names(scope& names) noexcept
        : names_{names}, count_{names.bindings.size()}, kept_{names.kept.size()}, frame_{names.frame} {
        names.frame = count_;
    }
    new_names(const new_names&) = delete;
    new_names& operator=(const new_names&) = delete;
    ~new_names() {
        names_.bindings.resize(count_);
        while (names_.kept.size() > kept_) names_.kept.pop_back();
        names_.frame = frame_;
    }

  private:
    scope& names_;
    std::size_t count_, kept_, frame_;
};
/// The page, as far as it is made. A std::string that is longer than the page: a piece of text is then a plain copy.
class output {
  public:
    explicit output(std::size_t max_size) noexcept : max_size_{max_size} {}

    void append(std::string_view text) {
        if (text.size() > text_.size() - size_) grow(text.size());
        std::copy_n(text.data(), text.size(), text_.data() + size_);
        size_ += text.size();
    }
    void append(std::int64_t number) {
        char digits[24];
        const auto end = std::to_chars(digits, std::end(digits), number).ptr;
        append(std::string_view{digits, static_cast<std::size_t>(end - digits)});
    }
    void append_escaped(std::string_view text) {
        escape_in_pieces(text, [this](std::string_view piece) { append(piece); });
    }
    /// Returns the page, and begins another one.
    std::string take() {
        text_.resize(std::exchange(size_, 0));
        return std::exchange(text_, {});
    }

  private:
    void grow(std::size_t more) {
        if (size_ + more > max_size_) throw template_error{"MemoryError", "the page becomes too large"};
        text_.resize(std::min(std::max({2 * text_.size(), size_ + more, std::size_t{1000}}), max_size_));
    }

    std::string text_;
    std::size_t size_ = 0, max_size_;
};

class renderer {
  public:
    renderer(const web::templates& of, const map& context) : of_{of}, names_{context}, out_{of.settings().max_output} {
        names_.autoescape = of.settings().autoescape;
        names_.super_of = [this](std::string_view name) { return super(name); };
    }

    std::string run(const std::shared_ptr<const program>& what) {
        alive_.push_back(what);
        render(*what);
        return out_.take();
    }

  private:
    static constexpr unsigned max_depth = 100, max_tags = 1'000;
    using block_place = std::pair<const program*, std::uint32_t>;
    /// The blocks of each name: the parent's first, the child's last.
    using block_chains = std::map<std::string_view, std::vector<block_place>>;

    void print(const value& what) {
        if (what.is_text())
            return !names_.autoescape || what.is_safe() ? out_.append(what.string())
                                                        : out_.append_escaped(what.string());
        if (what.kind() == value_kind::integer) return out_.append(what.integer());
        // Truth values, other numbers and None have no character that is escaped.
        if (what.kind() < value_kind::string) return out_.append(what.text());
        const std::string text = what.time() ? format_date(*what.time(), "N j, Y, P") : what.text();
        return names_.autoescape ? out_.append_escaped(text) : out_.append(text);
    }
    const value& evaluate(std::uint32_t which, value& holder, bool missing_is_none = false) const {
        return names_.evaluate(now_->expressions[which], holder, missing_is_none);
    }
    /// Gives a name of the innermost scope a value, or another value.
    void bind(std::string_view name, value what) {
        names_.kept.push_back(std::move(what));
        const value* const kept = &names_.kept.back();
        for (std::size_t i = names_.frame; i < names_.bindings.size(); ++i)
            if (names_.bindings[i].name == name) return void(names_.bindings[i] = {name, kept});
        names_.bindings.push_back({name, kept});
    }

    void render(const program& what) { walk(what, 0, static_cast<std::uint32_t>(what.nodes.size())); }
    /// Renders nodes of a template, and gives an error that has no place the place of the tag.
    void walk(const program& in, std::uint32_t first, std::uint32_t last) {
        const for_now<const program*> now{now_, &in};
        try {
            range(first, last);
        } catch (const template_error& error) {
            if (error.line() != 0) throw;
            throw template_error{error.kind(), error.message(), in.name, line_};
        }
    }
    void range(std::uint32_t first, std::uint32_t last) {
        // 100 templates with 100 tags around the next include would need more stack than there is.
        if (tags_ == max_tags) throw template_error{"RecursionError", "tags are nested more than 1000 deep"};
        const for_now tags{tags_, tags_ + 1};
        for (std::uint32_t i = first; i < last;) {
            const node& what = now_->nodes[i];
            line_ = what.line;
            switch (what.what) {
                case node_kind::text: out_.append(what.text), ++i; break;
                case node_kind::variable: {
                    value holder;
                    print(evaluate(what.first, holder));
                    ++i;
                    break;
                }
                case node_kind::loop: loop(i), i = what.end; break;
                case node_kind::choice: choice(i), i = what.end; break;
                case node_kind::with: {
                    const new_names names{names_};
                    assign(what);
                    range(i + 1, what.end);
                    i = what.end;
                    break;
                }
                case node_kind::autoescape: {
                    const for_now autoescape{names_.autoescape, what.flag};
                    range(i + 1, what.end);
                    i = what.end;
                    break;
                }
                case node_kind::block: block(i), i = what.end; break;
                case node_kind::extends: extends(what), i = what.end; break;
                case node_kind::include: include(what), ++i; break;
                case node_kind::url: url(what), ++i; break;
                case node_kind::csrf_token: csrf_token(), ++i; break;
                case node_kind::static_file: static_file(what), ++i; break;
                case node_kind::branch: i = what.end; break;
            }
        }
    }

    void loop(std::uint32_t which) {
        const node what = now_->nodes[which];
        value holder;
        const value sequence = evaluate(what.first, holder, true);
        std::optional<list> made;
        const list* items = sequence.as_list();
        if (items == nullptr) {
            made = sequence.is_none() ? list{} : items_of(sequence);
            if (!made) type_error(netnotes::detail::joined("'", sequence.type_name(), "' object is not iterable"));
            items = &*made;
        }
        if (items->empty()) return range(what.middle, what.end);
        loop_state state;
        state.count = items->size();
        if (const binding* outer = names_.find("forloop"); outer != nullptr) state.parent = outer->loop;
        const new_names names{names_};
        names_.bindings.push_back({"forloop", nullptr, &state});
        const std::size_t first = names_.bindings.size();
        for (std::size_t i = 0; i < items->size(); ++i) {
            state.index = i;
            const value& item = (*items)[what.flag ? items->size() - 1 - i : i];
            if (what.name_count == 1) {
                // The name refers to the item, which the list keeps. {% static ... as x %} may have bound it to a copy.
                if (i == 0) names_.bindings.push_back({now_->names[what.names]});
                names_.bindings[first].what = &item;
                range(which + 1, what.middle);
            } else {
                const new_names own{names_};
                unpack(item, what);
                range(which + 1, what.middle);
            }
            line_ = what.line;
        }
    }
    /// Binds the names of {% for a, b in pairs %} to the items of an item.
    void unpack(const value& item, const node& what) {
        const std::size_t size = item.size().value_or(1);
        if (size != what.name_count)
            throw template_error{"ValueError", netnotes::detail::joined("Need ", std::to_string(what.name_count),
                                                                        " values to unpack in for loop; got ",
                                                                        std::to_string(size), ". ")};
        const list* parts = item.as_list();
        const list made = parts == nullptr ? *items_of(item) : list{};
        for (std::uint32_t k = 0; k < what.name_count; ++k)
            if (parts != nullptr)
                names_.bindings.push_back({now_->names[what.names + k], &(*parts)[k]});
            else
                bind(now_->names[what.names + k], made[k]);
    }
    void choice(std::uint32_t which) {
        const std::uint32_t end = now_->nodes[which].end;
        for (std::uint32_t i = which + 1; i < end; i = now_->nodes[i].end) {
            const node& branch = now_->nodes[i];
            line_ = branch.line;
            if (branch.first != no_index && !holds(branch.first)) continue;
            return range(i + 1, branch.end);
        }
    }
    bool holds(std::uint32_t which) const {
        try {
            value holder;
            return templates::evaluate(now_->conditions, which, names_, holder).is_true();
        } catch (const template_error& error) {
            if (error.kind() == "VariableDoesNotExist") return false;
            throw;
        }
    }
    /// Evaluates all before it binds any of them.
    void assign(const node& what) {
        std::vector<value> made;
        for (std::uint32_t i = 0; i < what.name_count; ++i) {
            value holder;
            made.push_back(evaluate(now_->assignments[what.names + i].what, holder));
        }
        for (std::uint32_t i = 0; i < what.name_count; ++i)
            bind(now_->assignments[what.names + i].name, std::move(made[i]));
    }

    // ---- Inheritance

    void block(std::uint32_t which) {
        const std::string_view name = now_->nodes[which].text;
        const new_names names{names_};
        struct taken {  // out of the chain while it is rendered, so that {{ block.super }} finds the next
            block_place place;
            std::vector<block_place>* chain = nullptr;
            ~taken() {
                if (chain != nullptr) chain->push_back(place);
            }
        } found{{now_, which}};
        if (blocks_ != nullptr) {
            auto& chain = (*blocks_)[name];
            if (!chain.empty()) {
                found.place = chain.back();
                chain.pop_back();
                found.chain = &chain;
            }
        }
        names_.bindings.push_back({"block", nullptr, nullptr, name});
        const auto [in, index] = found.place;
        walk(*in, index + 1, in->nodes[index].end);
    }
    /// {{ block.super }}: the block of this name that is next in the chain.
    value super(std::string_view name) {
        if (blocks_ == nullptr)
            refuse("'BlockNode' object has no attribute 'context'. Did you use {{ block.super }} in a base template?");
        const auto found = blocks_->find(name);
        if (found == blocks_->end() || found->second.empty()) return "";
        const auto [in, index] = found->second.back();
        const for_now page{out_, output{of_.settings().max_output}};
        const for_now<const program*> now{now_, in};
        const for_now line{line_, line_};
        block(index);
        return safe_string{out_.take()};
    }
    void add_blocks(const program& of) {
        for (const auto& [name, index] : of.blocks) {
            auto& chain = (*blocks_)[name];
            chain.insert(chain.begin(), block_place{&of, index});
        }
    }
    void extends(const node& what) {
        value holder;
        const value name = evaluate(what.first, holder);
        const expression& written = now_->expressions[what.first];
        if (!name.is_true()) {
            std::string message =
                netnotes::detail::joined("Invalid template name in 'extends' tag: ", name.repr(), ".");
            if (!written.calls.empty() || !written.what.literal)
                message += netnotes::detail::joined(" Got this from the '", written.text, "' variable.");
            refuse(message);
        }
        block_chains own;
        const for_now blocks{blocks_, blocks_ == nullptr ? &own : blocks_};
        const for_now depth{depth_, depth_};
        add_blocks(*now_);
        // A template does not extend itself: of several with its name it extends the next.
        const std::string text = name.text();
        extended_.push_back(now_->name);
        const auto skip = static_cast<std::size_t>(std::count(extended_.begin(), extended_.end(), text));
        const auto parent = enter(text, skip);
        if (!parent->has_extends) add_blocks(*parent);
        render(*parent);
        extended_.pop_back();
    }
    std::shared_ptr<const program> enter(std::string_view name, std::size_t skip) {
        if (depth_ == max_depth)
            throw template_error{"RecursionError", netnotes::detail::joined(
                                                       "templates are nested more than 100 deep; the last is ", name)};
        auto found = of_.find(name, skip);
        if (!found) throw template_error{"TemplateDoesNotExist", name};
        ++depth_;
        alive_.push_back(found);
        return found;
    }
    void include(const node& what) {
        value holder;
        const value name = evaluate(what.first, holder);
        if (!name.is_true()) throw template_error{"TemplateDoesNotExist", "No template names provided"};
        const new_names names{names_};
        const std::size_t floor = names_.bindings.size();
        assign(what);
        const scope::hidden_names hidden{names_, what.flag, floor};
        const for_now<block_chains*> blocks{blocks_, nullptr};
        const for_now extended{extended_, std::vector<std::string>{}};
        const for_now depth{depth_, depth_};
        const std::size_t alive = alive_.size();
        render(*enter(name.text(), 0));
        alive_.resize(alive);
    }

    // ---- Addresses

    void url(const node& what) {
        value holder;
        const value view = evaluate(what.first, holder);
        list arguments;
        map named;
        for (std::uint32_t i = 0; i < what.name_count; ++i) {
            const assignment& each = now_->assignments[what.names + i];
            value argument_holder;
            const value& argument = evaluate(each.what, argument_holder);
            if (each.name.empty())
                arguments.push_back(argument);
            else
                named.set(each.name, argument);
        }
        std::string made;
        try {
            if (!of_.settings().reverse)
                throw template_error{"NoReverseMatch", netnotes::detail::joined("Reverse for '", view.text(),
                                                                                "' not found: there are no routes.")};
            made = of_.settings().reverse(view.text(), arguments, named);
        } catch (const template_error& error) {
            if (error.kind() != "NoReverseMatch" || what.text.empty()) throw;
        }
        if (what.text.empty()) return print(value{std::move(made)});
        bind(what.text, std::move(made));
    }
    /// Returns "https://cdn.example" of "https://cdn.example/files/", and nothing of "/files/".
    static std::string_view origin_of(std::string_view url) {
        const auto scheme = url.starts_with('/') ? url.npos : url.find("://");
        return scheme == url.npos ? std::string_view{} : url.substr(0, url.find('/', scheme + 3));
    }
    void static_file(const node& what) {
        value holder;
        const value& path = evaluate(what.first, holder);
        if (!path.is_text()) type_error("quote_from_bytes() expected bytes");
        std::string made = quote(path.string(), "/");
        if (!made.starts_with("//")) {  // "/a.png" is not below static_url, and "//host/a.png" has a host of its own
            const std::string_view url = of_.settings().static_url;
            made.insert(0, made.starts_with('/') ? origin_of(url) : url);
        }
        if (what.text.empty()) return print(value{std::move(made)});
        bind(what.text, names_.autoescape ? value{safe_string{escape(made)}} : value{std::move(made)});
    }
    void csrf_token() {
        static const operand name{std::nullopt, {name_part{"csrf_token"}}, "csrf_token"};
        value holder;
        const value* token = names_.resolve(name, holder);
        if (token == nullptr || !token->is_true()) return;
        out_.append("<input type=\"hidden\" name=\"csrfmiddlewaretoken\" value=\"");
        out_.append(escaped(*token));
        out_.append("\">");
    }

    const web::templates& of_;
    scope names_;
    output out_;
    const program* now_ = nullptr;
    std::size_t line_ = 0;
    unsigned depth_ = 0;  // of templates
    unsigned tags_ = 0;   // that are open
    block_chains* blocks_ = nullptr;
    std::vector<std::string> extended_;
    std::vector<std::shared_ptr<const program>> alive_;  // names are views of their texts
};

}  // namespace detail::templates

inline templates::program_pointer templates::read(std::string_view text, std::string_view name) {
    auto made = std::make_shared<detail::templates::program>(text, name);
    detail::templates::parser{*made}.parse();
    return made;
}
inline templates::program_pointer templates::find(std::string_view name, std::size_t skip) const {
    const std::lock_guard lock{mutex_};
    const std::pair key{std::string{name}, skip};
    const std::uint64_t version = settings_.reload ? loader_->version(name, skip) : 0;
    const auto found = kept_.find(key);
    if (found != kept_.end() && found->second.version == version) return found->second.program;
    const auto text = loader_->load(name, skip);
    if (!text) throw template_error{"TemplateDoesNotExist", name};
    auto made = read(text->text, name);
    kept_.insert_or_assign(key, kept{made, version});
    return made;
}
inline std::string templates::render(std::string_view name, const map& context) const {
    const auto found = find(name, 0);
    return detail::templates::renderer{*this, context}.run(found);
}
inline std::string templates::render_text(std::string_view text, const map& context) const {
    const auto made = read(text, "<unknown source>");
    return detail::templates::renderer{*this, context}.run(made);
}

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_TEMPLATE_HPP
