#include "grader.hpp"

#include <netnotes/web/middleware.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace {

namespace http = netnotes::http;
namespace web = netnotes::web;
using grader::either;

/// What happens in a question: "B.request throws", "view throws", "view returns a template".
using events = std::vector<std::string>;

/// Layers and a view that print their hooks, and do what the events say.
class traced_site {
  public:
    traced_site(std::string_view layers, const events& what) : what_{what} {
        table_.path("", [this](const http::request&) { return view(); });
        for (const char name : layers) site_.add(std::make_shared<layer>(*this, name));
    }
    std::string run() {
        const http::response made = site_.answer(http::request{"GET", "/"});
        return printed_ + std::to_string(made.status.code());
    }

  private:
    class layer : public web::middleware {
      public:
        layer(traced_site& of, char name) : of_{of}, name_{name} {}
        std::optional<http::response> process_request(http::request&) override { return hook("request"); }
        std::optional<http::response> process_view(http::request&) override { return hook("view"); }
        void process_template_response(http::request&, web::template_response&) override { hook("template"); }
        std::optional<http::response> process_exception(http::request&, const std::exception&) override { return hook("exception"); }
        http::response process_response(http::request&, http::response made) override { return hook("response"), std::move(made); }

      private:
        std::optional<http::response> hook(const char* which) { return of_.happen(std::string{name_} + '.' + which); }
        traced_site& of_;
        char name_;
    };
    bool is(const std::string& event) const { return std::find(what_.begin(), what_.end(), event) != what_.end(); }
    std::optional<http::response> happen(const std::string& hook) {
        printed_ += hook + ' ';
        if (is(hook + " throws")) throw std::runtime_error{hook};
        if (is(hook + " answers")) return http::response{200, hook};
        return std::nullopt;
    }
    web::view_answer view() {
        printed_ += "view ";
        if (is("view throws")) throw std::runtime_error{"view"};
        if (is("view returns a template")) return web::template_response{&pages_, "page", {}, {}};
        if (is("view returns a faulty template")) return web::template_response{&pages_, "nothing", {}, {}};
        return http::response{200, "view"};
    }
    events what_;
    std::string printed_;
    web::template_map texts_{{"page", "a page"}};
    web::templates pages_{texts_};
    web::routes table_;
    web::site site_{table_};
};

std::string text_of(std::string_view layers, const events& what) {
    std::string text;
    for (const char name : layers) text += std::string{text.empty() ? "" : ", "} + name;
    for (const std::string& each : what) text += "; " + each;
    return text;
}

std::vector<grader::question> make(std::uint32_t seed) {
    std::vector<grader::question> all;
    const auto ask = [&](std::string_view layers, const events& what, const char* why) {
        const std::string text = text_of(layers, what);
        for (const grader::question& each : all)
            if (each.text == text) return;
        all.push_back({text, traced_site{layers, what}.run(), why});
    };
    ask("A", {}, either("A layer sees the request on its way in, and the response on its way out.", "一个层在请求进来时看到请求，在响应出去时看到响应。"));
    ask("AB", {}, either("Layers are nested as they are listed: A stands around B.", "各层按列出的顺序嵌套：A 在 B 的外面。"));
    ask("AB", {"A.request answers"}, either("Neither the view nor an inner layer runs. The layer that answers sees its response.",
                                           "视图和内层都不运行。作出回答的层会看到自己的响应。"));
    ask("AB", {"B.request answers"}, either("Each layer that was entered sees the response.", "每个进入过的层都看到响应。"));
    ask("AB", {"B.request throws"}, either("An exception of a hook becomes a 500 at its layer. The layers around it see a response.",
                                          "钩子抛出的异常在它那一层变成 500。外面的层看到的是响应。"));
    ask("AB", {"A.view answers"}, either("All layers were entered, so all of them see the response.", "所有的层都进入过，所以都看到响应。"));
    ask("AB", {"B.view throws"}, either("process_exception is for exceptions of the view and of the page, not of a hook.",
                                       "process_exception 只处理视图和网页的异常，不处理钩子的异常。"));
    ask("AB", {"view throws"}, either("The inner layers are asked first. Without an answer it is a 500, and each layer sees it.",
                                     "先问内层。没有层回答就是 500，每一层都看到它。"));
    ask("AB", {"view throws", "B.exception answers"}, either("The first answer counts, and A.exception is not asked.", "第一个回答有效，不再问 A.exception。"));
    ask("AB", {"view throws", "B.exception throws"}, either("The new exception is a 500. A.exception is not asked.", "新的异常变成 500，不再问 A.exception。"));
    ask("AB", {"B.response throws"}, either("It becomes a 500 at B, and A sees a response as always.", "它在 B 处变成 500，A 照常看到响应。"));
    ask("AB", {"view returns a template"}, either("The template hooks run from the inside to the outside, before the page is rendered.",
                                                 "template 钩子从内向外运行，然后才渲染网页。"));
    ask("AB", {"view returns a faulty template"}, either("A page that cannot be rendered goes to process_exception, too.",
                                                        "不能渲染的网页也交给 process_exception。"));
    std::mt19937 random{seed};
    const auto one_of = [&](const std::vector<std::string>& some) { return some[random() % some.size()]; };
    while (all.size() < 19) {
        const std::string layers = random() % 3 == 0 ? "AB" : "ABC";
        const std::string name(1, layers[random() % layers.size()]);
        const std::string view = one_of({"", "view throws", "view returns a template", "view returns a faulty template"});
        const bool fails = view == "view throws" || view == "view returns a faulty template";
        events what;
        if (!view.empty()) what.push_back(view);
        what.push_back(name + one_of(fails ? events{".exception answers", ".exception throws", ".request throws"}
                                           : events{".request answers", ".request throws", ".view answers", ".view throws", ".response throws"}));
        ask(layers, what, either("Write the layers as nested boxes, and follow the request with a finger.", "把各层画成嵌套的方框，用手指跟着请求走。"));
    }
    return all;
}

}  // namespace

int main(int argc, char** argv) { return grader::run_sheet(argc, argv, make); }
