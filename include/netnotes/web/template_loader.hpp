// netnotes/web/template_loader.hpp: where the texts of templates come from
// SPDX-License-Identifier: MIT
//
// A template has a name, for example shop/list.html. A loader finds its text. Django looks in two kinds of places:
// first in the folders of the project (DIRS), then in the folder templates/ of each application (APP_DIRS):
//
//        web::template_folders pages;
//        pages.add("templates");           // DIRS
//        pages.add_app("shop");            // APP_DIRS: shop/templates
//
// The notes put the folder of APP_DIRS into the project's root. Django looks for it in each application.
//
// A name cannot leave its folder: `..`, an absolute path, and a symbolic link that points out of the folder are
// refused. So are `./list.html` and `shop//list.html`: each template has one name.
//
// On this page:  template_text, template_loader · template_folders, template_map
// The notes:     配置 DIRS, APP_DIRS; example 45

#ifndef NETNOTES_WEB_TEMPLATE_LOADER_HPP
#define NETNOTES_WEB_TEMPLATE_LOADER_HPP

#include <cstddef>
#include <cstdint>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace netnotes::web {

/// The text of a template, and where it was found.
struct template_text {
    std::string text;
    std::string origin;  ///< a path, or another word that tells two sources apart
};

/// Finds the texts of templates. Both functions may be called by several threads at once.
class template_loader {
  public:
    virtual ~template_loader() = default;
    /// Returns the text of a template, or nullopt if it is not found. `skip` templates of this name are passed over.
    [[nodiscard]] virtual std::optional<template_text> load(std::string_view name, std::size_t skip) const = 0;
    /// Returns a number that changes when load() with the same arguments would return another text. It is asked only if
    /// templates are read again when they have changed.
    [[nodiscard]] virtual std::uint64_t version(std::string_view name, std::size_t skip) const = 0;
};

/// Templates in memory, for tests and for short programs.
class template_map final : public template_loader {
  public:
    template_map() = default;
    template_map(std::initializer_list<std::pair<const std::string, std::string>> texts) : texts_{texts} {}
    /// Sets the text of a template.
    void set(std::string name, std::string text) {
        texts_[std::move(name)] = std::move(text);
        ++version_;
    }
    [[nodiscard]] std::optional<template_text> load(std::string_view name, std::size_t skip) const override {
        const auto found = texts_.find(name);
        if (found == texts_.end() || skip > 0) return std::nullopt;
        return template_text{found->second, found->first};
    }
    [[nodiscard]] std::uint64_t version(std::string_view, std::size_t) const override { return version_; }

  private:
    std::map<std::string, std::string, std::less<>> texts_;
    std::uint64_t version_ = 0;
};

/// Templates in folders, which are asked in the order in which they were added.
class template_folders final : public template_loader {
  public:
    template_folders() = default;
    explicit template_folders(std::filesystem::path folder) { add(std::move(folder)); }

    /// Adds a folder. It need not exist.
    void add(std::filesystem::path folder) { folders_.push_back(std::move(folder)); }
    /// Adds the folder templates/ of an application, whose folder is given.
    void add_app(const std::filesystem::path& app) { add(app / "templates"); }

    /// How large a template may be, in bytes.
    static constexpr std::size_t max_size = std::size_t{1} << 20;

    [[nodiscard]] std::optional<template_text> load(std::string_view name, std::size_t skip) const override {
        const auto path = find(name, skip);
        if (!path) return std::nullopt;
        std::ifstream in{*path, std::ios::binary};
        std::string text(max_size + 1, '\0');
        in.read(text.data(), static_cast<std::streamsize>(text.size()));
        text.resize(static_cast<std::size_t>(in.gcount()));
        if (in.bad() || text.size() > max_size) return std::nullopt;
        return template_text{std::move(text), path->string()};
    }
    [[nodiscard]] std::uint64_t version(std::string_view name, std::size_t skip) const override {
        const auto path = find(name, skip);
        if (!path) return 0;
        std::error_code ignored;
        const auto time = std::filesystem::last_write_time(*path, ignored).time_since_epoch().count();
        return static_cast<std::uint64_t>(time) * 31 + std::filesystem::file_size(*path, ignored) + 1;
    }

  private:
    [[nodiscard]] std::optional<std::filesystem::path> find(std::string_view name, std::size_t skip) const {
        if (!is_inside(name)) return std::nullopt;
        for (const auto& folder : folders_) {
            std::error_code error;
            const auto root = std::filesystem::canonical(folder, error);
            if (error) continue;
            const auto path = std::filesystem::canonical(root / name, error);
            if (error || !std::filesystem::is_regular_file(path, error)) continue;
            const auto [end, unused] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
            if (end != root.end()) continue;  // a symbolic link led out of the folder
            if (skip-- == 0) return path;
        }
        return std::nullopt;
    }
    static bool is_inside(std::string_view name) {
        if (name.empty() || name.find('\0') != name.npos) return false;
        // Only one spelling of each name: a name may come from a stranger, and what was read is kept by its name.
        for (std::string_view rest = name;;) {
            const std::string_view part = rest.substr(0, rest.find('/'));
            if (part.empty() || part == "." || part == "..") return false;
            if (part.size() == rest.size()) return true;
            rest.remove_prefix(part.size() + 1);
        }
    }

    std::vector<std::filesystem::path> folders_;
};

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_TEMPLATE_LOADER_HPP
