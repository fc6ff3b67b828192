// examples/49_web_project/demo.cpp: a guest book, from an empty folder to a server
//
//        demo new DIR ──> DIR/main.cpp, templates/, static/
//
//        browser ──> http::serve ──> access line ──> csrf ──> routes ──┬─> index ──> templates/index.html
//                                                                      ├─> add   ──> entries.txt
//                                                                      └─> file  ──> static/style.css
//
// The notes:     虚拟环境, 安装django, 进入shell, 静态文件
// Type:          demo                                    a demonstration
//                demo new DIR                            makes a project
//                demo serve --in DIR                     serves it; then open http://localhost:8000
//                demo shell --in DIR                     asks it from the keyboard
// You will see:  what demo.txt shows: the project, its pages, a form and a foreign form, and the file of the entries

#include "skeleton.hpp"

#include <netnotes/http.hpp>
#include <netnotes/web.hpp>

#include "../serving.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

using example::heading;
using example::say;
namespace fs = std::filesystem;
namespace http = netnotes::http;
namespace web = netnotes::web;

namespace {

// ---- new ------------------------------------------------------------------------------------------------

void write_file(const fs::path& path, std::string_view text) {
    std::ofstream out{path, std::ios::binary};
    out << text;
    out.close();
    if (!out) throw std::runtime_error{"cannot write " + path.filename().string()};
}
void make_project(const fs::path& folder) {
    if (fs::exists(folder) && !fs::is_empty(folder))
        throw std::runtime_error{net::quoted(folder.string()) + " is not empty: give the name of a new folder"};
    for (const skeleton::file& each : skeleton::files) {
        fs::create_directories((folder / each.name).parent_path());
        write_file(folder / each.name, each.text);
    }
}
void tell_project(const fs::path& folder) {
    make_project(folder);
    for (const skeleton::file& each : skeleton::files) say("  ", each.name);
}

// ---- The project ----------------------------------------------------------------------------------------

/// The entries, one a line, in a file that is whole or not there.
class book {
  public:
    static constexpr std::size_t max_entries = 1000, max_size = 1000;  // of an entry, in bytes

    explicit book(fs::path path) : path_{std::move(path)} {}
    [[nodiscard]] web::list entries() const {
        web::list all;
        std::ifstream file{path_};
        for (std::string line; std::getline(file, line);) all.push_back(line);
        return all;
    }
    /// Adds an entry. The new text goes into a second file. rename(2) gives it the name in one step, so that each
    /// reader sees the old file or the new file. If the disk is full, the old file stays.
    void add(std::string_view name, std::string_view text) const {
        std::string all;
        for (const web::value& each : entries()) all += each.text() + "\n";
        fs::path next = path_;
        next += ".new";
        // A line break of a stranger becomes \n, two characters: it cannot begin another entry.
        write_file(next, all + net::visible(name) + ": " + net::visible(text) + "\n");
        fs::rename(next, path_);
    }

  private:
    fs::path path_;
};

/// Prints a line for each request.
class access_line : public web::middleware {
    http::response process_response(http::request& ask, http::response made) override {
        say(ask.method_name(), ' ', net::visible(ask.path()), ' ', made.status.code());
        return made;
    }
};

/// The guest book in a folder. The routes refer to this object, so it cannot be copied.
class project {
  public:
    explicit project(const fs::path& folder, web::route_settings settings = {})
        : book_{folder / "entries.txt"},
          files_{(folder / "static").string()},
          dirs_{folder / "templates"},
          pages_{dirs_, settings_of_templates()},
          site_{table_, settings} {
        table_.path(
            "", [this](const http::request&) { return page(book_.entries()); }, "index");
        table_.path("add/", [this](const http::request& ask) { return add(ask); }, "add", {http::method::post});
        table_.path(
            "entry/<int:number>/", [this](const http::request& ask, std::size_t number) { return entry(ask, number); },
            "entry");
        table_.path("static/<path:name>", [this](const http::request& ask, const std::string& name) {
            return files_.answer(ask, "/" + http::percent_encode(name, "/"));
        });
        pages_.check("index.html");  // a fault in it is found at the start
    }
    project(const project&) = delete;
    project& operator=(const project&) = delete;

    /// Adds a line of the log for each request.
    void log() { site_.add(access_line{}); }
    /// Refuses names that are not this site's, and foreign forms. Without names it answers for this computer. Call it
    /// after log(), so that the line stands around it.
    void protect(std::vector<std::string> names = {}) {
        site_.add(web::allowed_hosts{std::move(names), true}).add(web::csrf{});
    }

    [[nodiscard]] const web::routes& table() const { return table_; }
    [[nodiscard]] http::response answer(http::request& ask) const { return site_.answer(ask); }
    /// Renders a piece of a template, which knows the entries.
    [[nodiscard]] std::string render(std::string_view text) const {
        return pages_.render_text(text, {{"entries", book_.entries()}});
    }

  private:
    web::template_settings settings_of_templates() {
        web::template_settings settings;
        settings.reload = true;
        settings.reverse = [this](std::string_view name, const web::list& arguments, const web::map& named) {
            return table_.reverse(name, arguments, named);
        };
        return settings;
    }
    [[nodiscard]] web::template_response page(web::list entries) const {
        return {&pages_, "index.html", {{"entries", std::move(entries)}}, {}};
    }
    [[nodiscard]] web::view_answer entry(const http::request& ask, std::size_t number) const {
        const web::list all = book_.entries();
        if (number == 0 || number > all.size()) return http::not_found(ask);
        return page({all[number - 1]});
    }
    [[nodiscard]] http::response add(const http::request& ask) const {
        net::parse_failure why;
        const auto form = http::form::parse(ask.body(), why);
        if (!form) return {http::status::bad_request, "400: " + why.message() + "\n"};
        const std::string_view name = form->get("name").value_or(""), text = form->get("text").value_or("");
        if (name.empty() || text.empty() || name.size() + text.size() > book::max_size)
            return {http::status::bad_request, "400: give a name and a text, of at most 1000 bytes\n"};
        if (book_.entries().size() >= book::max_entries) return {507, "507: the book is full\n"};
        book_.add(name, text);
        return http::redirect(table_.reverse("index"));
    }

    book book_;
    http::files files_;
    web::template_folders dirs_;
    web::routes table_;
    web::templates pages_;
    web::site site_;
};

/// Returns what http::serve() calls for each request.
auto handler_of(const project& site) {
    return [&site](http::request& ask) -> net::task<http::response> {
        ask.set_body(co_await ask.text());
        co_return site.answer(ask);
    };
}
void serve(const example::serve_options& options, const fs::path& folder, std::vector<std::string> names) {
    project site{folder};
    if (!options.quiet) site.log();
    site.protect(std::move(names));
    example::serve_http(options, handler_of(site), true);
}

// ---- shell ----------------------------------------------------------------------------------------------

std::vector<std::string> words_of(std::string_view line) {
    std::istringstream in{std::string{line}};
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    return words;
}
web::list values_of(const std::vector<std::string>& words) {
    web::list values;
    for (std::size_t i = 2; i < words.size(); ++i) {
        if (const auto number = net::parse_number<std::int64_t>(words[i]))
            values.emplace_back(*number);
        else
            values.emplace_back(words[i]);
    }
    return values;
}
/// Answers one line of the shell.
void obey(const project& site, std::string_view line) try {
    const auto words = words_of(line);
    if (line.find("{{") != line.npos || line.find("{%") != line.npos) {
        say(site.render(line));
    } else if (words.size() >= 2 && words[0] == "reverse") {
        say(site.table().reverse(words[1], values_of(words)));
    } else if (words.size() == 2) {
        http::request ask{words[0], words[1], {{"Host", "localhost"}}};
        const http::response made = site.answer(ask);
        say(made.status.to_string());
        if (const auto place = made.fields.find("Location")) say("Location: ", *place);
        say(made.source ? "(a file)\n" : made.body);
    } else if (!words.empty()) {
        say("GET /PATH, or reverse NAME ARGUMENT..., or a piece of a template: {{ entries|length }}");
    }
} catch (const std::exception& error) {
    say(error.what());
}
void shell(const fs::path& folder) {
    project site{folder, {.debug = true}};
    site.protect();
    say("the routes:\n", site.table().text(), "GET /PATH, or reverse NAME ARGUMENT..., or a piece of a template");
    std::cout << ">>> " << std::flush;
    example::each_line([&](std::string_view line) {
        obey(site, line);
        std::cout << ">>> " << std::flush;
    });
    say("");
}

// ---- The demonstration ----------------------------------------------------------------------------------

std::string between(std::string_view text, std::string_view begin, std::string_view end) {
    const std::size_t at = text.find(begin);
    if (at == text.npos) return {};
    text.remove_prefix(at + begin.size());
    return std::string{text.substr(0, text.find(end))};
}
std::string replaced(std::string text, const std::string& what, std::string_view by) {
    for (std::size_t at = text.find(what); !what.empty() && at != text.npos; at = text.find(what, at + by.size()))
        text.replace(at, what.size(), by);
    return text;
}
void print_file(const fs::path& path) {
    std::ifstream file{path};
    for (std::string line; std::getline(file, line);) say("    ", line);
}

/// A browser, as far as this lesson needs one: it keeps the cookie, and the token of the form.
class browser {
  public:
    explicit browser(net::endpoint where) : where_{where} {}
    /// Asks for a page and prints the answer. A form is sent with POST. `all`: its body is printed, too.
    net::task<> ask(std::string head, std::string form = "", bool all = true, std::string host = "localhost") {
        std::string text = head + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n";
        if (!cookie_.empty()) text += "Cookie: csrftoken=" + cookie_ + "\r\n";
        if (!form.empty()) text += "Content-Length: " + std::to_string(form.size()) + "\r\n";
        text += "\r\n" + form;
        if (host != "localhost") say("  > Host: ", host);
        say("  > ", head, form.empty() ? "" : "   ",
            replaced(form, between(form, "csrfmiddlewaretoken=", "&"), "TOKEN"));
        auto server = co_await net::async_stream::connect(where_);
        co_await server.send_all(text);
        const std::string heard = co_await example::recv_all(server);
        if (const std::string set = between(heard, "csrftoken=", ";"); !set.empty()) cookie_ = set;
        if (const std::string made = between(heard, "csrfmiddlewaretoken\" value=\"", "\""); !made.empty())
            token_ = made;
        print(replaced(replaced(heard, token_, "TOKEN"), cookie_, "SECRET"), all);
    }
    [[nodiscard]] const std::string& token() const { return token_; }

  private:
    static void print(const std::string& heard, bool all) {
        std::istringstream lines{heard};
        bool is_head = true, is_first = true;
        for (std::string line; std::getline(lines, line); is_first = false) {
            if (line.ends_with('\r')) line.pop_back();
            if (is_head && line.empty()) is_head = false;
            const bool is_told = is_first || line.starts_with("Set-Cookie") || line.starts_with("Location") ||
                                 line.starts_with("Content-Type");
            if (is_head ? is_told : all && !line.empty()) say("  < ", line);
        }
        say("");
    }
    net::endpoint where_;
    std::string cookie_, token_;
};

net::task<> visit(net::endpoint where, fs::path entries) {
    browser ann{where};
    heading("A page, made of two templates");
    co_await ann.ask("GET /");
    co_await ann.ask("GET /static/style.css");

    heading("A form, from our own page and from a foreign page");
    const std::string own = "csrfmiddlewaretoken=" + ann.token() + "&name=Ann&text=";
    co_await ann.ask("POST /add/", own + "Hello%0Athere");
    co_await ann.ask("POST /add/", own + "%3Cscript%3Ealert(1)%3C/script%3E", false);
    co_await ann.ask("POST /add/", "name=Ann&text=I+love+spam");
    browser stranger{where};
    co_await stranger.ask("POST /add/", own + "without+a+cookie");
    say("The file has a line for each entry:");
    print_file(entries);
    say("\nThe page escapes what a stranger has typed:\n");
    co_await ann.ask("GET /");

    heading("A name that is not ours: a page of somebody else may have it");
    co_await ann.ask("GET /", "", true, "evil.example");

    heading("The file is whole or not there");
    std::ifstream reader{entries};
    std::string first, second, third;
    std::getline(reader, first);
    co_await ann.ask("POST /add/", own + "again", false);
    std::getline(reader, second);
    say("A reader that has opened the file before still reads the old file, to its end: ",
        std::getline(reader, third) ? "no" : "two entries");
    say("Now no file can be written, as if the disk were full:\n");
    fs::create_directory(entries.string() + ".new");
    co_await ann.ask("POST /add/", own + "lost");
    say("The file is as it was:");
    print_file(entries);
}
/// Runs the browser beside the server, in one loop. The end of this task ends the run, and so the server.
net::task<> beside(net::tcp_listener listener, const project& site, fs::path entries) {
    const net::endpoint where = listener.local_endpoint();
    net::spawn(http::serve(std::move(listener), handler_of(site)), "server");
    co_await visit(where, std::move(entries));
}

void demonstrate() {
    heading("A new project");
    const example::passing_folder here{"49"};
    tell_project(here.path());
    {
        project site{here.path(), {.debug = true}};
        site.protect();
        net::event_loop loop;
        loop.run(beside(net::tcp_listener{{net::ipv4_address::loopback(), 0}}, site, here.path() / "entries.txt"));
    }
    heading("The shell, in a new process: it finds the entries in the file");
    const project again{here.path(), {.debug = true}};
    for (const std::string_view line : {"{{ entries|length }} {{ \"a\"|upper }}", "reverse entry 2",
                                        "reverse shop:list 3 4", "GET /entry/2/", "GET /articles/42/"}) {
        say(">>> ", line);
        obey(again, line);
    }
}

constexpr std::string_view help = R"(usage: demo
       demo new DIR
       demo serve [--in DIR] [--bind ADDRESS] [--port N] [--host NAME] [--quiet]
       demo shell [--in DIR]
       demo connect HOST PORT
       demo --help

A guest book: routes, templates, a form, static files. Without an argument: a demonstration.

  new               writes a project into DIR, a new or empty folder: main.cpp, templates/ and static/
  serve             serves the project until Ctrl-C, and prints a line for each request
  shell             answers what you type: GET /PATH, reverse NAME ARGUMENT..., a piece of a template; Ctrl-D ends it
  --in DIR          the project; without this option a new project is made, and thrown away at the end
  --bind ADDRESS    where to listen: 127.0.0.1 (the default), 0.0.0.0, ::1, :: for both families, ...
  --port N          8000 by default, because browsers refuse 6666; 0 lets the system choose
  --host NAME       the name of the site, as in Django's ALLOWED_HOSTS; without this option localhost and 127.0.0.1.
                    A request for another name gets a 400
  --quiet           prints only the line `listening on ADDRESS:PORT`
  connect           sends what you type and shows what the server says; Ctrl-D ends it
)";

/// Calls `use` with the folder of the project, which is a passing one if none was given.
void in_project(const std::optional<std::string>& folder, const std::function<void(const fs::path&)>& use) {
    if (folder) return use(*folder);
    const example::passing_folder here{"49"};
    make_project(here.path());
    use(here.path());
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view first = argc > 1 ? argv[1] : "";
    if (first == "new" || first == "shell")
        return example::run(argc, argv, help, [](example::arguments& words) {
            const auto folder = words.value("--in");
            const auto rest = words.rest();
            if (rest.size() == 2 && rest[0] == "new" && !folder) return tell_project(rest[1]);
            if (rest.size() == 1 && rest[0] == "shell") return in_project(folder, shell);
            throw example::usage_error{"either new DIR, or shell with --in DIR or without"};
        });
    std::optional<std::string> folder, name;
    example::roles roles;
    roles.more_options = [&](example::arguments& options) {
        folder = options.value("--in");
        name = options.value("--host");
    };
    roles.demonstrate = demonstrate;
    roles.serve = [&](const example::serve_options& options) {
        std::vector<std::string> names;
        if (name) names.push_back(*name);
        in_project(folder, [&](const fs::path& path) { serve(options, path, names); });
    };
    roles.port = 8000;
    return example::run(argc, argv, help, roles);
}
