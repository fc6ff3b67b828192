#include "tftp_names.hpp"

#include "grader.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

namespace {

namespace files = std::filesystem;

/// A folder with files, beside files that nobody may get.
class place {
  public:
    place() {
        std::string name = files::temp_directory_path().string() + "/netnotes-names-XXXXXX";
        if (!::mkdtemp(name.data())) throw std::runtime_error{"mkdtemp"};
        root = files::canonical(name);
        folder = root + "/tftp";
        files::create_directories(folder + "/sub/deeper");
        files::create_directories(root + "/tftp2");
        files::create_directories(folder + "/....");
        for (const char* each :
             {"/tftp/moon.img", "/tftp/sub/deep.txt", "/tftp/sub/deeper/file", "/tftp/a..b.txt", "/tftp/..hidden",
              "/tftp/.../x", "/tftp/..../y", "/tftp/name with spaces", "/tftp/文件.txt", "/secret", "/tftp2/secret"}) {
            files::create_directories(files::path{root + each}.parent_path());
            std::ofstream{root + each} << each;
        }
        files::create_symlink("../secret", folder + "/link");
        files::create_symlink(root + "/secret", folder + "/far");
        files::create_directory_symlink("../tftp2", folder + "/way");
        files::create_directory_symlink("..", folder + "/sub/up");
        ::mkfifo((folder + "/pipe").c_str(), 0600);
        ::mkfifo((folder + "/sub/pipe").c_str(), 0600);
    }
    ~place() {
        std::error_code ignored;
        files::remove_all(root, ignored);
    }
    std::string root, folder;
};

/// What a client gets for a name.
std::optional<std::string> get(const place& where, const std::string& name) {
    const int file = open_file(where.folder, name);
    if (file == -1) return std::nullopt;
    std::string text(100, '\0');
    const ssize_t size = ::read(file, text.data(), text.size());
    ::close(file);
    if (size < 0) return "(a descriptor that cannot be read)";
    text.resize(static_cast<std::size_t>(size));
    return text;
}
int open_descriptors() {
    int count = 0;
    DIR* const all = ::opendir("/proc/self/fd");
    while (::readdir(all)) ++count;
    ::closedir(all);
    return count;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    std::cout << std::flush;
    const place here;
    const auto gets = [&](const std::string& name) {
        steps.equal(grader::either("the request for ", "请求 ") + grader::shown(name), get(here, name),
                    std::optional{"/tftp/" + name});
    };
    const auto refused = [&](const std::string& name) {
        steps.equal(grader::either("the request for ", "请求 ") + grader::shown(name), get(here, name),
                    std::optional<std::string>{});
    };
    steps.step("files of the folder can be read", "文件夹里的文件可以读取", [&] {
        for (const char* name : {"moon.img", "sub/deep.txt", "sub/deeper/file", "name with spaces", "文件.txt"})
            gets(name);
    });
    steps.step("two dots in a name are no way up", "名字里的两个点不能通向上一级", [&] {
        for (const char* name : {"a..b.txt", "..hidden", ".../x", "..../y"}) gets(name);
    });
    steps.step("no name leads out of the folder", "任何名字都不能通向文件夹之外", [&] {
        for (const char* name :
             {"../secret", "sub/../../secret", "....//secret", "..././secret", "./../secret", "../tftp2/secret", "..",
              "../", "/etc/passwd", "//etc/passwd", "....//tftp2/secret", "sub/..//../tftp2/secret"})
            refused(name);
        refused(here.root + "/secret");
        refused("../../../../../../../../.." + here.root + "/secret");
    });
    steps.step("no link leads out of the folder", "任何链接都不能通向文件夹之外", [&] {
        for (const char* name : {"link", "far", "way/secret", "sub/up/../secret", "sub/up/link", "./way/secret"})
            refused(name);
    });
    steps.step("only a regular file is a file, and nothing blocks", "只有普通文件才算文件，并且不会阻塞", [&] {
        for (const char* name :
             {"", ".", "sub", "sub/", "sub/deeper", "pipe", "sub/pipe", "moon.img/", "moon.img/x", "/", "nothing"})
            refused(name);
    });
    steps.step("2,000 names made of pieces lead to no other file", "由片段拼成的 2,000 个名字不会通向别的文件", [&] {
        const char* const pieces[] = {"..",  "/",  ".",    "sub", "moon.img", "secret", "tftp2",
                                      "way", "up", "....", "../", "//",       "tftp"};
        for (int i = 0; i < 2000; ++i) {
            std::string name;
            for (std::uint32_t size = 1 + steps.below(7); size > 0; --size)
                name += pieces[steps.below(std::size(pieces))];
            const auto got = get(here, name);
            steps.expect(!got || got->rfind("/tftp/", 0) == 0,
                         grader::either("the request for ", "请求 ") + grader::shown(name),
                         grader::either("given nothing outside of the folder", "不给出文件夹之外的内容"),
                         grader::either("gave ", "得到了 ") + grader::shown(got));
        }
    });
    steps.step("a request leaves no descriptor open", "请求不会留下打开的描述符", [&] {
        const int before = open_descriptors();
        for (const char* name : {"moon.img", "sub", "pipe", "../secret", "moon.img/x", "link", ".", "nothing",
                                 "sub/nothing", "way/secret"})
            get(here, name);
        steps.equal(grader::either("the count of descriptors", "描述符的数目"), open_descriptors(), before);
    });
    return steps.result();
}
