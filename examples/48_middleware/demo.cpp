// examples/48_middleware/demo.cpp: the order of the hooks, whatever throws
//
//        ┌ A ─────────────────────────────┐
//        │ ┌ B ─────────────────────────┐ │
//        │ │ ┌ view ──────────────────┐ │ │
//        │ │ └────────────────────────┘ │ │
//        │ └────────────────────────────┘ │
//        └────────────────────────────────┘
//
// A request goes in through A and B, and the response comes out through B and A.
//
// The notes:     中间件
// Type:          demo
// You will see:  what demo.txt shows: the trace of each case

#include "../demo.hpp"

#include <netnotes/web.hpp>

using example::heading;
using example::say;
namespace http = netnotes::http;
namespace web = netnotes::web;

namespace {

std::string trace;

/// Writes down its hooks, and answers or throws in one of them.
class layer : public web::middleware {
  public:
    layer(std::string name, std::string fault) : name_{std::move(name)}, fault_{std::move(fault)} {}
    std::optional<http::response> process_request(http::request&) override { return hook("request"); }
    std::optional<http::response> process_view(http::request&) override { return hook("view"); }
    void process_template_response(http::request&, web::template_response&) override { hook("template"); }
    std::optional<http::response> process_exception(http::request&, const std::exception&) override {
        return hook("exception");
    }
    http::response process_response(http::request&, http::response made) override {
        return hook("response"), std::move(made);
    }

  private:
    std::optional<http::response> hook(const std::string& which) {
        trace += name_ + "." + which + " ";
        if (fault_ == which + " throws") throw std::runtime_error{name_ + "." + which};
        if (fault_ == which + " answers") return http::response{200, name_ + " answers"};
        return std::nullopt;
    }
    std::string name_, fault_;
};

/// Sends one request through A and B to a view of this kind.
void show(const std::string& view, const std::string& a = "", const std::string& b = "") {
    const web::template_map texts{{"page", "a page"}, {"bad page", "{{ 5|first }}"}};
    const web::templates pages{texts};
    web::routes table;
    table.path("", [&](const http::request&) -> web::view_answer {
        trace += "view ";
        if (view == "throws") throw std::runtime_error{"the view"};
        if (view == "text") return http::response{200, "a text"};
        return web::template_response{&pages, view, {}, {}};
    });
    web::site site{table, {.debug = true}};
    site.add(layer{"A", a}).add(layer{"B", b});
    trace.clear();
    const http::response answer = site.answer(http::request{"GET", "/"});
    say("  ", view == "throws" ? "the view throws" : "the view returns a " + view, a.empty() ? "" : ", A." + a,
        b.empty() ? "" : ", B." + b);
    say("      ", trace, "-> ", answer.body.substr(0, answer.body.find('\n')));
}

constexpr std::string_view help = R"(usage: demo
       demo --help

Layers of middleware around a view, and the order of their hooks.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"give no argument"};
        heading("中间件: in from the outside, out from the inside");
        show("text");
        show("page");
        heading("A layer answers in the view's place");
        show("text", "", "request answers");
        show("text", "request answers");
        show("text", "view answers");
        heading("The view throws");
        show("throws");
        show("throws", "exception answers");
        show("throws", "", "exception answers");
        show("bad page", "exception answers");
        heading("A hook throws");
        show("text", "", "request throws");
        show("text", "", "view throws");
        show("text", "", "response throws");
        show("page", "template throws");
        show("throws", "", "exception throws");
    });
}
