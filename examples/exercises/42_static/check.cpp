#include "static.hpp"

#include "grader.hpp"

#include <sys/stat.h>

#include <filesystem>

namespace {

namespace files = std::filesystem;

/// A folder with files, beside files that no client may get. Each file contains its own name and a number of this run.
class place {
  public:
    explicit place(std::uint32_t number) : mark{' ' + std::to_string(number)} {
        std::string name = files::temp_directory_path().string() + "/netnotes-static-XXXXXX";
        if (!::mkdtemp(name.data())) throw std::runtime_error{"mkdtemp"};
        top_ = files::canonical(name);
        root = top_ + "/site";
        for (const char* each : {"/site/index.html",   "/site/style.css", "/site/notes.txt",   "/site/pictures/cat.png",
                                 "/site/my notes.txt", "/site/100%.txt",  "/site/a%25.txt",    "/site/a%00.txt",
                                 "/site/文件.txt",     "/site/a+b.txt",   "/site/a..b.txt",    "/site/..hidden.txt",
                                 "/site/.../x.txt",    "/site/users.db",  "/site/users",       "/site/html",
                                 "/site/png",          "/secret.txt",     "/site2/secret.txt", "/site-secret.txt"}) {
            files::create_directories(files::path{top_ + each}.parent_path());
            std::ofstream{top_ + each} << each << mark;
        }
        files::create_directory(root + "/folder.png");
        ::mkfifo((root + "/pipe.txt").c_str(), 0600);
    }
    ~place() {
        std::error_code ignored;
        files::remove_all(top_, ignored);
    }
    std::string root, mark;

  private:
    std::string top_;
};

std::string shown(const answer& what) {
    if (what.status == 200) return "200 " + grader::shown(what.body) + ", " + what.type;
    return std::to_string(what.status) + (what.body.empty() ? "" : " " + grader::shown(what.body));
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const place here{std::random_device{}()};
    const auto asked = [](const std::string& target) {
        return grader::either("the request for ", "请求 ") + grader::shown(target);
    };
    const auto gets = [&](const std::string& target, const std::string& file, const std::string& type) {
        const std::string got = shown(serve(here.root, target)), wanted = shown({200, type, "/site/" + file + here.mark});
        steps.expect(got == wanted, asked(target), grader::either("given ", "得到 ") + wanted,
                     grader::either("gave ", "得到了 ") + got);
    };
    const auto refused = [&](const std::string& target) {
        const answer got = serve(here.root, target);
        steps.expect((got.status == 400 || got.status == 404) && got.body.empty(), asked(target),
                     grader::either("given 400 or 404 without a body", "得到没有主体的 400 或 404"),
                     grader::either("gave ", "得到了 ") + shown(got));
    };
    const std::string text = "text/plain; charset=utf-8";
    steps.step("files of the folder are served", "文件夹里的文件得到回答", [&] {
        gets("/index.html", "index.html", "text/html; charset=utf-8");
        gets("/style.css", "style.css", "text/css; charset=utf-8");
        gets("/notes.txt", "notes.txt", text);
        gets("/pictures/cat.png", "pictures/cat.png", "image/png");
    });
    steps.step("escaped characters are decoded once", "转义的字符只解码一次", [&] {
        gets("/my%20notes.txt", "my notes.txt", text);
        gets("/100%25.txt", "100%.txt", text);
        gets("/a%2525.txt", "a%25.txt", text);
        gets("/a%2500.txt", "a%00.txt", text);
        gets("/%E6%96%87%e4%bb%b6.txt", "文件.txt", text);
        gets("/%69ndex%2Ehtml", "index.html", "text/html; charset=utf-8");
        gets("/p%69ctures/cat.%70ng", "pictures/cat.png", "image/png");
        gets("/a+b.txt", "a+b.txt", text);
    });
    steps.step("two dots in a name are no way up", "名字里的两个点不能通向上一级", [&] {
        gets("/a..b.txt", "a..b.txt", text);
        gets("/..hidden.txt", "..hidden.txt", text);
        gets("/%2e%2ehidden.txt", "..hidden.txt", text);
        gets("/.../x.txt", ".../x.txt", text);
    });
    steps.step("no target leads out of the folder", "任何目标都不能通向文件夹之外", [&] {
        for (const char* target :
             {"/../secret.txt", "/%2e%2e/secret.txt", "/%2E./secret.txt", "/.%2e/site2/secret.txt",
              "/pictures/../../secret.txt", "/pictures/%2e%2e/%2e%2e/secret.txt", "/..%2fsecret.txt",
              "/..%2Fsite2%2Fsecret.txt", "/pictures%2f..%2f..%2fsecret.txt", "/%2e%2e%2fsecret.txt", "2/secret.txt",
              "-secret.txt", "../secret.txt", "%2f../secret.txt"})
            refused(target);
    });
    steps.step("%2F is a part of a name, and no separator", "%2F 是名字的一部分，不是分隔符", [&] {
        for (const char* target : {"/pictures%2fcat.png", "/pictures%2Fcat.png", "/%2Findex.html", "%2Findex.html"})
            refused(target);
    });
    steps.step("only files of the four kinds are given away", "只给出四种类型的文件", [&] {
        for (const char* target :
             {"/users.db", "/users", "/html", "/png", "/users.db%00.png", "/users.db%00/x.html", "/users%00.txt",
              "/users.db%2500.png", "/users.d%62", "/users.db%2epng", "/users.db?.png"})
            refused(target);
        refused(std::string{"/users.db\0.png", 14});
        refused("/index.html%00");
    });
    steps.step("behind a percent sign come two hexadecimal digits", "百分号后面是两个十六进制数字", [&] {
        for (const char* target :
             {"/100%.txt", "/%", "/index.html%", "/index.html%2", "/%zz.txt", "/%+2my notes.txt", "/my%2 notes.txt",
              "/my%2gnotes.txt", "/my% 20notes.txt", "/index%2.html", "/%0x61.txt"})
            refused(target);
    });
    steps.step("only a regular file is a file, and nothing blocks", "只有普通文件才算文件，并且不会阻塞", [&] {
        for (const char* target : {"/", "", "/pictures", "/pictures/", "/folder.png", "/folder.png/", "/pipe.txt",
                                   "/missing.html", "/index.html/", "/index.html/x.txt", "index.html", "xindex.html"})
            refused(target);
    });
    steps.step("2,000 targets made of pieces lead to no other file", "由片段拼成的 2,000 个目标不会通向别的文件", [&] {
        const char* const pieces[] = {"..",       "/",      ".",          "%2e",   "%2f", "%00",
                                      "pictures", "secret", ".txt",       "site2", "/..", "users.db",
                                      ".png",     "cat",    "index.html", "%",     "%25", "/%2e%2e/"};
        for (int i = 0; i < 2000; ++i) {
            std::string target = "/";
            for (std::uint32_t size = 1 + steps.below(7); size > 0; --size)
                target += pieces[steps.below(std::size(pieces))];
            const answer got = serve(here.root, target);
            const std::string name = got.body.substr(0, got.body.rfind(' '));
            steps.expect(got.status != 200 || (name.rfind("/site/", 0) == 0 && got.body == name + here.mark &&
                                               !type_of(name).empty() && got.type == type_of(name)),
                         asked(target), grader::either("given no other file", "不给出别的文件"),
                         grader::either("gave ", "得到了 ") + shown(got));
        }
    });
    return steps.result();
}
