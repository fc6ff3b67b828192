// What socket/whole_file.hpp promises: a file has its name when it is whole, and otherwise nothing is left of it.

#include <netnotes/socket/whole_file.hpp>

#include "../catch.hpp"
#include "../old_kernel.hpp"
#include "../support.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using netnotes::existing_file;
using netnotes::detail::whole_file;
using support::failure_of;
using support::in_a_child;
using support::temporary_folder;

namespace {
void put(const std::string& path, std::string_view content) { std::ofstream{path, std::ios::binary} << content; }
std::string content_of(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}
std::vector<std::string> names_in(const std::string& folder) {
    std::vector<std::string> names;
    for (const auto& each : std::filesystem::directory_iterator{folder})
        names.push_back(each.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}
std::error_code write(whole_file& into, std::string_view content) {
    std::error_code error;
    into.write(std::as_bytes(std::span{content}), error);
    return error;
}
std::error_code finish(whole_file& file) {
    std::error_code error;
    file.finish(error);
    return error;
}
}  // namespace

TEST_CASE("an existing file is replaced when the new file is whole, and keeps its permissions") {
    const temporary_folder folder;
    put(folder.file("f"), "old");
    std::filesystem::permissions(folder.file("f"), std::filesystem::perms{0640});
    const std::string content = support::pattern(100'000);
    whole_file file{folder.file("f")};
    for (std::string_view rest = content; !rest.empty(); rest.remove_prefix(std::min<std::size_t>(777, rest.size()))) {
        CHECK(!write(file, rest.substr(0, 777)));
        CHECK(content_of(folder.file("f")) == "old");
    }
    CHECK(!finish(file));
    CHECK(content_of(folder.file("f")) == content);
    CHECK(std::filesystem::status(folder.file("f")).permissions() == std::filesystem::perms{0640});
    CHECK(names_in(folder.file("")) == std::vector<std::string>{"f"});
}

TEST_CASE("a program without standard input writes a whole file, and descriptor 0 is free again") {
    const temporary_folder folder;
    const std::string path = folder.file("f");
    whole_file file{path};
    CHECK(!write(file, "whole"));
    const int kept = ::fcntl(0, F_DUPFD_CLOEXEC, 3);
    ::close(0);
    const std::error_code error = finish(file);
    const bool is_free = ::fcntl(0, F_GETFD) < 0;
    if (kept >= 0) {
        ::dup2(kept, 0);
        ::close(kept);
    }
    CHECK(!error);
    CHECK(is_free);
    CHECK(content_of(path) == "whole");
}

TEST_CASE("a process that is killed leaves nothing of an unfinished file") {
    const temporary_folder folder;
    const int probe = ::open(folder.file("").c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
    if (probe < 0) NETNOTES_SKIP("this file system knows no files without a name");
    ::close(probe);
    put(folder.file("old"), "as it was");
    for (const char* const name : {"old", "new"}) {
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            whole_file file{folder.file(name)};
            const char done = write(file, support::pattern(100'000)) ? 'n' : 'y';
            if (::write(ends[1], &done, 1) == 1)
                for (;;) ::pause();
            ::_exit(1);
        }
        ::close(ends[1]);
        char done = 0;
        CHECK(::read(ends[0], &done, 1) == 1);
        CHECK(done == 'y');
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        ::close(ends[0]);
        CHECK(names_in(folder.file("")) == std::vector<std::string>{"old"});
        CHECK(content_of(folder.file("old")) == "as it was");
    }
}

TEST_CASE("what cannot be written gives the system's error with the path, and leaves what was there") {
    const temporary_folder folder;
    put(folder.file("f"), "old");
    std::filesystem::create_directory(folder.file("d"));
    const std::pair<std::string, std::errc> cases[]{{"none/f", std::errc::no_such_file_or_directory},
                                                    {"f/g", std::errc::not_a_directory},
                                                    {"", std::errc::is_a_directory},
                                                    {"d/", std::errc::is_a_directory},
                                                    {"d", std::errc::operation_not_permitted}};
    for (const auto& [name, code] : cases) {
        const auto failure = failure_of([&, path = folder.file(name)] { whole_file{path}; });
        CHECK(failure.code == code);
        CHECK_THAT(failure.what, Catch::Matchers::ContainsSubstring(folder.file("")));
        CHECK_THAT(failure.what, Catch::Matchers::ContainsSubstring(std::make_error_code(code).message()));
    }
    const std::string told = in_a_child([&] {
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit most{50'000, 50'000};
        if (::setrlimit(RLIMIT_FSIZE, &most) != 0) return std::string{"setrlimit"};
        whole_file file{folder.file("f")};
        return write(file, support::pattern(60'000)).message();
    });
    CHECK(told == std::make_error_code(std::errc::file_too_large).message());
    CHECK(content_of(folder.file("f")) == "old");
    CHECK(names_in(folder.file("")) == std::vector<std::string>{"d", "f"});
}

TEST_CASE("where no file is without a name, the part has one until it is whole") {
    const temporary_folder folder;
    put(folder.file("old"), "old");
    const std::string told = in_a_child([&]() -> std::string {
        if (!support::take_away_new_calls()) return "no seccomp";
        std::string seen;
        {
            whole_file half{folder.file("old")};
            std::ignore = write(half, "half");
            for (const auto& name : names_in(folder.file(""))) seen += name.substr(0, 15) + ' ';
        }
        for (const auto& name : names_in(folder.file(""))) seen += name + ' ';
        {
            whole_file file{folder.file("old")};
            if (write(file, "new") || finish(file)) seen += "failed";
        }
        return seen;
    });
    if (told == "no seccomp") NETNOTES_SKIP("the kernel lets no filter be set");
    CHECK(told == ".netnotes-part- old old ");
    CHECK(content_of(folder.file("old")) == "new");
    CHECK(names_in(folder.file("")) == std::vector<std::string>{"old"});
}
