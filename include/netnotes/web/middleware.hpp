// netnotes/web/middleware.hpp: what happens before and after every view
// SPDX-License-Identifier: MIT
//
// A layer stands around all views. It sees each request on its way in, and each response on its way out. Layers are
// nested as they are listed:
//
//        request ──> A.process_request ──> B.process_request ──> A.process_view ──> B.process_view ──> view
//                                                                                                        │
//        response <── A.process_response <── B.process_response <── A, B.process_template_response <─────┘
//
//        class timer : public web::middleware {
//          public:
//            http::response process_response(http::request&, http::response made) override {
//                return std::move(made).with("Server-Timing", "total");
//            }
//        };
//
// The order is Django's, whatever throws and wherever. The rules that surprise:
//
//     process_request answers    The view and the inner layers do not run. This layer's process_response does.
//     process_request throws     This layer's process_response does not run. The layers around it see a 500.
//     the view throws            process_exception of the *inner* layers is asked first. The first answer counts.
//     a hook throws              It becomes a 500 at that layer, and the layers around it see a response.
//     process_template_response  Only for a template_response, from the inside to the outside, before it is rendered.
//
// On this page:  middleware, site
// The notes:     中间件; example 48

#ifndef NETNOTES_WEB_MIDDLEWARE_HPP
#define NETNOTES_WEB_MIDDLEWARE_HPP

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "../http/message.hpp"
#include "routes.hpp"

namespace netnotes::web {

/// A layer. Override the hooks that you need; the others do nothing. A hook may throw any std::exception. One object
/// serves all requests.
class middleware {
  public:
    virtual ~middleware() = default;
    /// Is called before the route is looked up. Returns a response to answer in the view's place, or nullopt.
    virtual std::optional<http::response> process_request(http::request&) { return std::nullopt; }
    /// Is called when the view is known, before it runs. Returns a response to answer in the view's place, or nullopt.
    virtual std::optional<http::response> process_view(http::request&) { return std::nullopt; }
    /// Is called when the view has returned a page that is not rendered yet. It may change the page.
    virtual void process_template_response(http::request&, template_response&) {}
    /// Is called when the view has thrown, or the page could not be rendered. Returns a response, or nullopt to let the
    /// error go on.
    virtual std::optional<http::response> process_exception(http::request&, const std::exception&) {
        return std::nullopt;
    }
    /// Is called with the response, and returns it, changed or not.
    virtual http::response process_response(http::request&, http::response made) { return made; }
};

/// Routes with layers around them. Make it at the start of a program.
class site {
  public:
    /// The table must live as long as the site.
    explicit site(const routes& table, route_settings settings = {}) : table_{&table}, settings_{settings} {}

    /// Adds a layer. It stands inside of the earlier layers.
    site& add(std::shared_ptr<middleware> layer) {
        layers_.push_back(std::move(layer));
        return *this;
    }
    template <std::derived_from<middleware> Layer>
    site& add(Layer layer) {
        return add(std::make_shared<Layer>(std::move(layer)));
    }

    /// Returns the response. An exception becomes a 500, whose text says what was thrown only in development. Only what
    /// is no std::exception passes, such as netnotes::cancelled.
    [[nodiscard]] http::response answer(http::request& ask) const { return layer(0, ask); }
    [[nodiscard]] http::response answer(http::request&& ask) const { return answer(ask); }
    /// Returns the response, so that http::serve() takes the site as its handler. It does not wait for the body of a
    /// request.
    [[nodiscard]] http::response operator()(http::request& ask) const { return answer(ask); }

  private:
    [[nodiscard]] http::response failed(const std::exception& error) const {
        return {http::status::internal_server_error,
                settings_.debug ? "500: " + visible(error.what()) + "\n" : "500: the server has failed\n"};
    }
    http::response layer(std::size_t which, http::request& ask) const {
        try {
            if (which == layers_.size()) return innermost(ask);
            std::optional<http::response> made = layers_[which]->process_request(ask);
            if (!made) made = layer(which + 1, ask);
            return layers_[which]->process_response(ask, *std::move(made));
        } catch (const std::exception& error) {
            return failed(error);
        }
    }
    http::response innermost(http::request& ask) const {
        auto found = table_->find(ask, settings_);
        if (auto* made = std::get_if<http::response>(&found)) return std::move(*made);
        for (const auto& each : layers_)
            if (auto made = each->process_view(ask)) return *std::move(made);
        std::optional<view_answer> made;
        try {
            made = std::get<routes::ready_view>(found)(ask);
        } catch (const std::exception& error) {
            if (auto answered = rescued(ask, error)) return *std::move(answered);
            throw;
        }
        auto* const page = std::get_if<template_response>(&*made);
        if (page == nullptr) return std::get<http::response>(*std::move(made));
        for (std::size_t i = layers_.size(); i > 0; --i) layers_[i - 1]->process_template_response(ask, *page);
        try {
            return page->render();
        } catch (const std::exception& error) {
            if (auto answered = rescued(ask, error)) return *std::move(answered);
            throw;
        }
    }
    std::optional<http::response> rescued(http::request& ask, const std::exception& error) const {
        for (std::size_t i = layers_.size(); i > 0; --i)
            if (auto made = layers_[i - 1]->process_exception(ask, error)) return made;
        return std::nullopt;
    }

    const routes* table_;
    route_settings settings_;
    std::vector<std::shared_ptr<middleware>> layers_;
};

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_MIDDLEWARE_HPP
