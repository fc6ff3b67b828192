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
// http::serve() takes a site as its handler, also if some of its views are tasks.
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

#include "../coro/task.hpp"
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
    /// is no std::exception passes, such as netnotes::cancelled. A view that is a task is such a 500.
    [[nodiscard]] http::response answer(http::request& ask) const {
        passage way = enter(ask);
        if (way.view) {
            try {
                way.answered = (*way.view)(ask);
            } catch (const std::exception&) {
                way.fault = std::current_exception();
            }
        }
        return leave(ask, std::move(way));
    }
    [[nodiscard]] http::response answer(http::request&& ask) const { return answer(ask); }
    /// Returns the same as answer(), and waits for a view that is a task. The site and the request must live as long as
    /// the task.
    [[nodiscard]] task<http::response> async_answer(http::request& ask) const {
        passage way = enter(ask);
        if (way.view) {
            try {
                if (way.view->waits()) {
                    auto running = way.view->start(ask);
                    auto made = co_await std::move(running);
                    way.answered = std::move(made);
                } else {
                    way.answered = (*way.view)(ask);
                }
            } catch (const std::exception&) {
                way.fault = std::current_exception();
            }
        }
        co_return leave(ask, std::move(way));
    }
    /// Returns the response to a request whose body it has waited for, because web::csrf reads the body. This makes a
    /// site a handler of http::serve(). A view that takes its body in pieces needs a handler of your own, which calls async_answer().
    template <std::same_as<http::request> Request>  // a template: request::text() has its code in http/server.hpp
    [[nodiscard]] task<http::response> operator()(Request& ask) const {
        auto body = co_await ask.text();
        ask.set_body(std::move(body));
        auto made = co_await async_answer(ask);
        co_return made;
    }

  private:
    /// A request on its way.
    struct passage {
        std::size_t entered = 0;               // how many layers will see the response
        std::optional<http::response> made{};  // without the view, or
        std::optional<routes::ready_view> view{};
        std::optional<view_answer> answered{};  // by the view, or
        std::exception_ptr fault{};
    };
    [[nodiscard]] http::response failed(const std::exception& error) const {
        return {http::status::internal_server_error,
                settings_.debug ? "500: " + visible(error.what()) + "\n" : "500: the server has failed\n"};
    }
    /// The way in, up to the view.
    passage enter(http::request& ask) const {
        passage way;
        try {
            for (; !way.made && way.entered < layers_.size(); ++way.entered)
                way.made = layers_[way.entered]->process_request(ask);
            if (way.made) return way;
            auto found = table_->find(ask, settings_);
            if (auto* made = std::get_if<http::response>(&found)) way.made = std::move(*made);
            for (std::size_t i = 0; !way.made && i < layers_.size(); ++i) way.made = layers_[i]->process_view(ask);
            if (!way.made) way.view = std::get<routes::ready_view>(std::move(found));
        } catch (const std::exception& error) {
            way.made = failed(error);
        }
        return way;
    }
    /// The way out, from what the view has returned or thrown.
    http::response leave(http::request& ask, passage way) const {
        try {
            if (!way.made) way.made = way.fault ? rescued(ask, way.fault) : finished(ask, *std::move(way.answered));
        } catch (const std::exception& error) {
            way.made = failed(error);
        }
        http::response made = *std::move(way.made);
        for (std::size_t i = way.entered; i > 0; --i) {
            try {
                made = layers_[i - 1]->process_response(ask, std::move(made));
            } catch (const std::exception& error) {
                made = failed(error);
            }
        }
        return made;
    }
    http::response finished(http::request& ask, view_answer answered) const {
        auto* const page = std::get_if<template_response>(&answered);
        if (page == nullptr) return std::get<http::response>(std::move(answered));
        for (std::size_t i = layers_.size(); i > 0; --i) layers_[i - 1]->process_template_response(ask, *page);
        std::exception_ptr fault;
        try {
            return page->render();
        } catch (const std::exception&) {
            fault = std::current_exception();
        }
        return rescued(ask, fault);
    }
    /// Returns what the layers make of an exception. Throws it again if none of them answers.
    http::response rescued(http::request& ask, const std::exception_ptr& fault) const {
        try {
            std::rethrow_exception(fault);
        } catch (const std::exception& error) {
            for (std::size_t i = layers_.size(); i > 0; --i)
                if (auto made = layers_[i - 1]->process_exception(ask, error)) return *std::move(made);
            throw;
        }
    }

    const routes* table_;
    route_settings settings_;
    std::vector<std::shared_ptr<middleware>> layers_;
};

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_MIDDLEWARE_HPP
