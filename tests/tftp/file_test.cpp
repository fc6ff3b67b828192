// What tftp/file.hpp promises: whole files or none, and a folder that no name leaves.

#include <netnotes/tftp/file.hpp>

#include "../old_kernel.hpp"
#include "../support.hpp"

#include "../catch.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <tuple>

namespace tftp = netnotes::tftp;
using support::failure_of;
using support::in_a_child;
using support::take_away_new_calls;
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
std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span{text}); }
/// Read to its end, in pieces of that size.
std::string all_of(tftp::source& from, std::size_t piece = 512) {
    std::string all;
    std::vector<std::byte> room(piece);
    std::error_code error;
    while (const std::size_t size = from.read(room, error)) all += net::as_text(std::span{room}.first(size));
    CHECK(!error);
    return all;
}
std::error_code write_all(tftp::sink& into, std::string_view content, std::size_t piece = 512) {
    std::error_code error;
    for (; !content.empty() && !error; content.remove_prefix(std::min(piece, content.size())))
        into.write(bytes(content.substr(0, piece)), error);
    if (!error) into.finish(error);
    return error;
}

}  // namespace

// ---- sources

TEST_CASE("a file is read from its beginning to its end, in pieces of any size") {
    const temporary_folder folder;
    for (const std::size_t size : {0u, 1u, 511u, 512u, 16'384u, 16'385u, 100'000u}) {
        const std::string content = support::pattern(size);
        put(folder.file("f"), content);
        for (const std::size_t piece : {1u, 7u, 512u, 1428u, 8192u, 65'464u}) {
            if (piece < 7 && size > 20'000) continue;
            tftp::file_source source{folder.file("f")};
            CHECK(source.size() == size);
            CHECK(all_of(source, piece) == content);
            std::error_code error;
            std::byte more{};
            CHECK(source.read({&more, 1}, error) == 0);
            CHECK(!error);
        }
    }
}
TEST_CASE("a size that stat(2) makes up is not believed: /proc says 0, /sys a page") {
    std::size_t tried = 0;
    for (const char* const path :
         {"/proc/self/status", "/proc/version", "/proc/self/cmdline", "/sys/class/net/lo/address",
          "/sys/class/net/lo/mtu", "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/devices/system/cpu/online"}) {
        if (!std::filesystem::exists(path)) continue;
        INFO(path);
        ++tried;
        tftp::file_source source{path};
        CHECK_FALSE(source.size());
        const std::string content = all_of(source, 100);
        CHECK_FALSE(content.empty());
        // The size of the process is another one each time.
        if (path != std::string_view{"/proc/self/status"}) CHECK(content == content_of(path));
        const std::filesystem::path where{path};
        const tftp::directory folder{where.parent_path().string()};
        CHECK_FALSE(folder.open(where.filename().string()).size());
    }
    CHECK(tried >= 3);
}
TEST_CASE("small pieces of a file are read ahead") {
    const temporary_folder folder;
    put(folder.file("f"), support::pattern(1000));
    tftp::file_source source{folder.file("f")};
    std::array<std::byte, 100> room;
    std::error_code error;
    errno = EINTR;  // of an earlier call
    CHECK(source.read(room, error) == 100);
    std::filesystem::resize_file(folder.file("f"), 0);
    std::size_t rest = 0;
    while (const std::size_t size = source.read(room, error)) rest += size;
    CHECK(rest == 900);
    CHECK(!error);
}
TEST_CASE("the size of a file that changes meanwhile is the new one") {
    const temporary_folder folder;
    put(folder.file("f"), support::pattern(5));
    const net::detail::file_descriptor file{::open(folder.file("f").c_str(), O_RDONLY | O_CLOEXEC)};
    for (const off_t old : {0, 1, 3, 5, 8, 5000}) {
        INFO(old);
        errno = EINTR;  // of an earlier call
        CHECK(tftp::detail::size_that_is_true(file.number(), old) == std::uint64_t{5});
    }
}
TEST_CASE("a size that is true is known, of any file") {
    const temporary_folder folder;
    for (const std::size_t size : {0u, 1u, 2u, 4095u, 4096u, 4097u}) {
        put(folder.file("f"), support::pattern(size));
        CHECK(tftp::file_source{folder.file("f")}.size() == size);
    }
    std::filesystem::resize_file(folder.file("f"), std::uintmax_t{5} << 30);  // and nearly all of it a hole
    CHECK(tftp::file_source{folder.file("f")}.size() == std::uint64_t{5} << 30);
    const tftp::file_source growing{folder.file("f")};
    CHECK(growing.size() == std::uint64_t{5} << 30);
}
TEST_CASE("what is no regular file is not read, and nobody waits for it") {
    const temporary_folder folder;
    REQUIRE(::mkfifo(folder.file("fifo").c_str(), 0666) == 0);
    CHECK(failure_of([&] { tftp::file_source{folder.file("fifo")}; }).code == std::errc::operation_not_permitted);
    CHECK(failure_of([&] { tftp::file_source{"/dev/zero"}; }).code == std::errc::operation_not_permitted);
    CHECK(failure_of([&] { tftp::file_source{folder.file("")}; }).code == std::errc::is_a_directory);
    CHECK(failure_of([&] { tftp::file_source{folder.file("none")}; }).code == std::errc::no_such_file_or_directory);
    CHECK_THAT(failure_of([&] { tftp::file_source{folder.file("none")}; }).what,
               Catch::Matchers::ContainsSubstring("none"));
}

// ---- sinks

TEST_CASE("a file appears under its name when it is whole, and not before") {
    const temporary_folder folder;
    for (const std::size_t size : {0u, 1u, 512u, 16'384u, 100'000u})
        for (const std::size_t piece : {1u, 512u, 8192u, 65'464u}) {
            if (piece == 1 && size > 20'000) continue;
            const std::string content = support::pattern(size);
            tftp::file_sink sink{folder.file("f")};
            std::error_code error;
            for (std::size_t at = 0; at < size && !error; at += piece)
                sink.write(bytes(std::string_view{content}.substr(at, piece)), error);
            CHECK(!std::filesystem::exists(folder.file("f")));
            sink.finish(error);
            CHECK(!error);
            CHECK(content_of(folder.file("f")) == content);
            CHECK(names_in(folder.file("")) == std::vector<std::string>{"f"});
            std::filesystem::remove(folder.file("f"));
        }
}
TEST_CASE("what is not finished leaves nothing, and harms nothing") {
    const temporary_folder folder;
    put(folder.file("old"), "as it was");
    for (const char* const name : {"old", "new"}) {
        tftp::file_sink sink{folder.file(name)};
        std::error_code error;
        sink.write(bytes(support::pattern(100'000)), error);
        CHECK(!error);
    }
    CHECK(names_in(folder.file("")) == std::vector<std::string>{"old"});
    CHECK(content_of(folder.file("old")) == "as it was");
}
TEST_CASE("an unfinished file vanishes with its process, even if that is killed") {
    const temporary_folder folder;
    const int probe = ::open(folder.file("").c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
    if (probe < 0) {
        WARN("SKIPPED: this file system knows no files without a name");
        return;
    }
    ::close(probe);
    put(folder.file("old"), "as it was");
    for (const auto policy : {tftp::existing_file::keep, tftp::existing_file::replace})
        for (const char* const name : {"old", "new"}) {
            if (policy == tftp::existing_file::keep && name == std::string_view{"old"}) continue;
            int ends[2];
            REQUIRE(::pipe(ends) == 0);
            const pid_t child = ::fork();
            REQUIRE(child >= 0);
            if (child == 0) {
                ::close(ends[0]);
                tftp::file_sink sink{folder.file(name), policy};
                std::error_code error;
                sink.write(bytes(support::pattern(100'000)), error);
                const char done = error ? 'n' : 'y';
                if (::write(ends[1], &done, 1) == 1)
                    for (;;) ::pause();
                ::_exit(1);
            }
            ::close(ends[1]);
            char done = 0;
            CHECK(::read(ends[0], &done, 1) == 1);
            CHECK(done == 'y');
            ::kill(child, SIGKILL);
            int status = 0;
            ::waitpid(child, &status, 0);
            ::close(ends[0]);
            CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
            CHECK(names_in(folder.file("")) == std::vector<std::string>{"old"});
            CHECK(content_of(folder.file("old")) == "as it was");
        }
}
TEST_CASE("replacing is one step: an open old file stays readable, and the new file has its permissions") {
    const temporary_folder folder;
    put(folder.file("f"), "old");
    std::filesystem::permissions(folder.file("f"), std::filesystem::perms{0640});
    tftp::file_source reader{folder.file("f")};
    tftp::file_sink sink{folder.file("f"), tftp::existing_file::replace};
    CHECK(!write_all(sink, "new"));
    CHECK(all_of(reader) == "old");
    CHECK(content_of(folder.file("f")) == "new");
    CHECK(std::filesystem::status(folder.file("f")).permissions() == std::filesystem::perms{0640});
    CHECK(names_in(folder.file("")).size() == 1);
}
TEST_CASE("what is to be kept is kept, also when it has come meanwhile") {
    const temporary_folder folder;
    put(folder.file("f"), "first");
    const auto early = failure_of([&] { tftp::file_sink(folder.file("f"), tftp::existing_file::keep); });
    CHECK(early.code == std::errc::file_exists);
    CHECK(tftp::to_error(early.code) == tftp::error::file_already_exists);

    {
        tftp::file_sink sink{folder.file("g"), tftp::existing_file::keep};
        put(folder.file("g"), "faster");
        CHECK(write_all(sink, "slower") == std::errc::file_exists);
    }
    CHECK(content_of(folder.file("g")) == "faster");
    CHECK(names_in(folder.file("")) == std::vector<std::string>{"f", "g"});

    tftp::file_sink sink{folder.file("h"), tftp::existing_file::keep};
    CHECK(!write_all(sink, "alone"));
    CHECK(content_of(folder.file("h")) == "alone");
}
TEST_CASE("a link under the name of the new file is not written through") {
    const temporary_folder folder;
    put(folder.file("victim"), "precious");
    std::filesystem::create_symlink("victim", folder.file("link"));
    CHECK(failure_of([&] { tftp::file_sink{folder.file("link")}; }).code == std::errc::operation_not_permitted);
    {  // nor a file that appears at the last moment
        tftp::file_sink sink{folder.file("f")};
        std::filesystem::create_symlink("victim", folder.file("f"));
        CHECK(!write_all(sink, "new"));
    }
    CHECK(content_of(folder.file("victim")) == "precious");
    CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(folder.file("f"))));
}
TEST_CASE("a full disk is an error, and leaves what was there") {
    const temporary_folder folder;
    put(folder.file("f"), "old");
    const std::string told = in_a_child([&] {
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit most{50'000, 50'000};
        if (::setrlimit(RLIMIT_FSIZE, &most) != 0) return std::string{"setrlimit"};
        tftp::file_sink sink{folder.file("f")};
        const std::error_code error = write_all(sink, support::pattern(60'000));
        return tftp::to_error(error) == tftp::error::disk_full ? "disk full" : error.message();
    });
    CHECK(told == "disk full");
    CHECK(content_of(folder.file("f")) == "old");
    CHECK(names_in(folder.file("")) == std::vector<std::string>{"f"});
}
TEST_CASE("a file that no disk can take is refused when it is announced") {
    const temporary_folder folder;
    for (const std::uint64_t size : {~std::uint64_t{0}, ~std::uint64_t{0} >> 1}) {
        tftp::file_sink sink{folder.file("f")};
        std::error_code error;
        sink.expect(size, error);
        CHECK(tftp::to_error(error) == tftp::error::disk_full);
    }
}
TEST_CASE("a file that was announced takes no room before its bytes have come") {
    const temporary_folder folder;
    tftp::file_sink sink{folder.file("f")};
    std::error_code error;
    sink.expect(8 << 20, error);
    CHECK(!error);
    CHECK(!write_all(sink, "short"));
    struct stat status {};
    REQUIRE(::stat(folder.file("f").c_str(), &status) == 0);
    CHECK(status.st_size == 5);
    CHECK(status.st_blocks * 512 < 1 << 20);
}
TEST_CASE("a folder that does not exist, or that is no folder, is an error") {
    const temporary_folder folder;
    put(folder.file("f"), "");
    CHECK(failure_of([&] { tftp::file_sink{folder.file("none/f")}; }).code == std::errc::no_such_file_or_directory);
    CHECK(failure_of([&] { tftp::file_sink{folder.file("f/g")}; }).code == std::errc::not_a_directory);
    CHECK(failure_of([&] { tftp::file_sink{folder.file("")}; }).code == std::errc::is_a_directory);
    CHECK(failure_of([&] { tftp::directory{folder.file("f")}; }).code == std::errc::not_a_directory);
}
TEST_CASE("without files that have no name, and without renameat2, it is the same") {
    const temporary_folder folder;
    put(folder.file("old"), "old");
    const std::string told = in_a_child([&]() -> std::string {
        if (!take_away_new_calls()) return "no seccomp";
        std::string seen;
        std::error_code error;
        {
            tftp::file_sink sink{folder.file("old")};
            sink.write(bytes("half"), error);
            for (const auto& name : names_in(folder.file(""))) seen += name.substr(0, 15) + ' ';
        }
        tftp::file_sink replacing{folder.file("old")};
        if (write_all(replacing, "new")) seen += "replace failed ";
        tftp::file_sink keeping{folder.file("kept"), tftp::existing_file::keep};
        if (write_all(keeping, "kept")) seen += "keep failed ";
        tftp::file_sink late{folder.file("late"), tftp::existing_file::keep};
        put(folder.file("late"), "faster");
        if (write_all(late, "slower") == std::errc::file_exists) seen += "kept";
        const auto sinks = [&] { tftp::file_sink moved{std::move(late)}; };
        sinks();
        // _exit() destroys nothing: what is left must be gone here.
        { tftp::file_sink gone{std::move(keeping)}; }
        { tftp::file_sink gone{std::move(replacing)}; }
        return seen;
    });
    if (told == "no seccomp") NETNOTES_SKIP("the kernel lets no filter be set");
    CHECK(told == ".netnotes-part- old kept");
    CHECK(names_in(folder.file("")) == std::vector<std::string>{"kept", "late", "old"});
    CHECK(content_of(folder.file("old")) == "new");
    CHECK(content_of(folder.file("kept")) == "kept");
    CHECK(content_of(folder.file("late")) == "faster");
}

// ---- the jail

namespace {
/// A root with a little in it, and beside it what nobody is to see.
struct jail {
    jail() {
        std::filesystem::create_directories(folder.file("root/sub/deep"));
        std::filesystem::create_directories(folder.file("outside"));
        put(folder.file("root/f"), "inside");
        put(folder.file("root/sub/f"), "inside");
        put(folder.file("root/sub/deep/f"), "inside");
        put(folder.file("secret"), "outside");
        put(folder.file("outside/f"), "outside");
    }
    [[nodiscard]] std::string file(const std::string& name) const { return folder.file("root/" + name); }
    temporary_folder folder;
};
}  // namespace

TEST_CASE("names lead to what is below the root") {
    const jail here;
    const tftp::directory root{here.folder.file("root")};
    for (const char* const name : {"f", "/f", "//f", "./f", "sub/f", "/sub/f", "sub//f", "sub/./f", "sub/deep/f"}) {
        CAPTURE(name);
        tftp::file_source source = root.open(name);
        CHECK(all_of(source) == "inside");
    }
    put(here.file("...\xe6\x96\x87\n"), "inside");  // strange, and harmless
    tftp::file_source source = root.open("...\xe6\x96\x87\n");
    CHECK(all_of(source) == "inside");
}
TEST_CASE("no name leads out of the root, for reading or for writing") {
    const jail here;
    std::filesystem::create_symlink("../secret", here.file("link"));
    std::filesystem::create_symlink("../outside", here.file("door"));
    std::filesystem::create_symlink("f", here.file("harmless"));
    std::filesystem::create_symlink("sub", here.file("harmless_folder"));
    std::filesystem::create_symlink("loop", here.file("loop"));
    std::filesystem::create_symlink("/", here.file("top"));
    const auto before = std::filesystem::file_size(here.folder.file("secret"));
    const tftp::directory root{here.folder.file("root")};
    const std::string absolute = here.folder.file("secret");
    using namespace std::string_view_literals;
    for (const std::string_view name : {".."sv,
                                        "../secret"sv,
                                        "../../etc/passwd"sv,
                                        "/../secret"sv,
                                        "sub/../../secret"sv,
                                        "sub/../f"sv,
                                        "./../secret"sv,
                                        "..\\secret"sv,
                                        "..\\..\\etc\\passwd"sv,
                                        "sub\\f"sv,
                                        "f\0.txt"sv,
                                        "../secret\0.jpg"sv,
                                        "link"sv,
                                        "door/f"sv,
                                        "door/../secret"sv,
                                        "harmless"sv,
                                        "harmless_folder/f"sv,
                                        "loop"sv,
                                        "loop/f"sv,
                                        "top/etc/passwd"sv,
                                        ".netnotes-part-1-1"sv,
                                        "sub/.netnotes-part-1-1"sv}) {
        CAPTURE(name);
        const auto reading = failure_of([&] { std::ignore = root.open(name); });
        CHECK(reading.code == std::errc::permission_denied);
        CHECK(tftp::to_error(reading.code) == tftp::error::access_violation);
        const auto writing = failure_of([&] { std::ignore = root.create(name, tftp::existing_file::replace); });
        CHECK(tftp::to_error(writing.code) == tftp::error::access_violation);
    }
    for (const std::string_view name :
         {std::string_view{absolute}, "/etc/passwd"sv, "~root/.profile"sv, "%2e%2e/secret"sv, "..%2fsecret"sv, "f/"sv,
          "sub/none"sv, "f/f"sv, ""sv, "/"sv, "."sv, "sub"sv, "sub/"sv}) {
        CAPTURE(name);
        CHECK(failure_of([&] { std::ignore = root.open(name); }).code);
    }
    CHECK(failure_of([&] { std::ignore = root.open(std::string(300, 'x')); }).code == std::errc::filename_too_long);
    CHECK(failure_of([&] { std::ignore = root.open(std::string(200, '/')); }).code == std::errc::is_a_directory);
    CHECK(failure_of([&] { std::ignore = root.open("sub"); }).code == std::errc::is_a_directory);
    CHECK(failure_of([&] { std::ignore = root.open("f/f"); }).code == std::errc::not_a_directory);
    CHECK(failure_of([&] { std::ignore = root.create("none/f", {}); }).code == std::errc::no_such_file_or_directory);
    CHECK(std::filesystem::file_size(here.folder.file("secret")) == before);
    CHECK(names_in(here.folder.file("outside")) == std::vector<std::string>{"f"});
}
TEST_CASE("a name that ends as a folder's does is no file's") {
    const temporary_folder folder;
    std::filesystem::create_directories(folder.file("root/d/e"));
    put(folder.file("root/f"), "a file");
    put(folder.file("root/d/f"), "another");
    std::filesystem::create_symlink("f", folder.file("root/l"));
    std::filesystem::create_symlink("d", folder.file("root/m"));
    const tftp::directory root{folder.file("root")};
    for (const char* const name : {"f", "/f", "//f", "./f", "/./f", ".//.//f", "./././f"}) {
        tftp::file_source source = root.open(name);
        CHECK(all_of(source) == "a file");
    }
    for (const char* const name : {"d/f", "d//f", "d/./f", "./d/.//./f"}) {
        tftp::file_source source = root.open(name);
        CHECK(all_of(source) == "another");
    }
    const std::pair<std::errc, std::vector<const char*>> refusals[]{
        {std::errc::not_a_directory,
         {"f/.", "f/", "f//", "/f/.", "./f/.", "f/./", "f/./.", "f//.", "f/.//", "d/f/.", "d/f/", "f/f", "f/./f",
          "f//f", "f/x", "f/x/."}},
        {std::errc::is_a_directory, {"", ".", "/", "./", "/.", "//", "d", "d/", "d/.", "d//", "d/e", "d/e/.", "./d/./"}},
        {std::errc::no_such_file_or_directory,
         {"x", "x/", "x/.", "d/x/.", "x/f", "f ", " f", "f.", ".f", "...", "d/...", "F"}},
        {std::errc::permission_denied,
         {"..", "../f", "d/../f", "f/../f", "f/..", "d/..", "/../f", "./../f", "d/e/../f", "l", "l/", "l/.", "m/f",
          "m/", "m/.", "f\\.", ".\\f"}},
    };
    for (const auto& [error, names] : refusals)
        for (const char* const name : names) {
            INFO(name);
            CHECK(failure_of([&] { std::ignore = root.open(name); }).code == error);
            // A new file can be made, but not where a folder is asked for.
            if (error == std::errc::no_such_file_or_directory && !std::strchr(name, '/')) continue;
            const auto written =
                failure_of([&] { std::ignore = root.create(name, tftp::existing_file::replace); }).code;
            if (error == std::errc::not_a_directory || std::string_view{name}.ends_with("/.")) CHECK(written == error);
        }
    CHECK(content_of(folder.file("root/f")) == "a file");
}

TEST_CASE("a FIFO, a socket or a device in the root is refused, and nobody waits for it") {
    const jail here;
    REQUIRE(::mkfifo(here.file("fifo").c_str(), 0666) == 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string path = here.file("socket");
    REQUIRE(path.size() < sizeof name.sun_path);
    std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
    const net::socket unix_socket{net::address_family::local, net::socket_type::stream};
    REQUIRE(::bind(unix_socket.native_handle(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
    const tftp::directory root{here.folder.file("root")};
    for (const char* const each : {"fifo", "socket"}) {
        CAPTURE(each);
        CHECK(failure_of([&] { std::ignore = root.open(each); }).code == std::errc::operation_not_permitted);
        CHECK(failure_of([&] { std::ignore = root.create(each, tftp::existing_file::replace); }).code ==
              std::errc::operation_not_permitted);
    }
    const tftp::directory devices{"/dev"};
    CHECK(failure_of([&] { std::ignore = devices.open("zero"); }).code == std::errc::operation_not_permitted);
}
TEST_CASE("a link that takes the place of a file or folder meanwhile leads nowhere") {
    const jail here;
    std::filesystem::create_symlink("../outside", here.file("other_folder"));
    std::filesystem::create_symlink("../secret", here.file("other_file"));
    REQUIRE(::mkfifo(here.file("other_fifo").c_str(), 0666) == 0);
    put(here.file("g"), "inside");
    put(here.file("h"), "inside");
    std::atomic<bool> is_over{false};
    support::background swapper{[&] {
        while (!is_over) {
            const auto exchange = [&](const char* a, const char* b) {
                constexpr unsigned exchange_both = 2;  // RENAME_EXCHANGE, linux/fs.h
                return ::syscall(SYS_renameat2, AT_FDCWD, here.file(a).c_str(), AT_FDCWD, here.file(b).c_str(),
                                 exchange_both);
            };
            exchange("sub", "other_folder");
            exchange("g", "other_file");
            exchange("h", "other_fifo");
        }
        return 0;
    }};
    const tftp::directory root{here.folder.file("root")};
    int found = 0, refused = 0, wrong = 0;
    for (int i = 0; i < 3000 || (found == 0 && i < 1'000'000); ++i)
        for (const char* const name : {"sub/f", "g", "h"}) {
            try {
                tftp::file_source source = root.open(name);
                std::array<std::byte, 16> room;
                std::error_code error;
                const std::size_t size = source.read(room, error);
                net::as_text(std::span{room}.first(size)) == "inside" ? ++found : ++wrong;
            } catch (const std::system_error&) {
                ++refused;
            }
        }
    is_over = true;
    swapper.get();
    CHECK(wrong == 0);
    CHECK(found > 0);
    INFO(found << " found, " << refused << " refused");
}
TEST_CASE("the root stays what it was when it is moved, and links to it are followed") {
    const jail here;
    std::filesystem::create_symlink("root", here.folder.file("way"));
    const tftp::directory root{here.folder.file("way")};
    std::filesystem::rename(here.folder.file("root"), here.folder.file("moved"));
    std::filesystem::create_symlink("outside", here.folder.file("root"));
    tftp::file_source source = root.open("f");
    CHECK(all_of(source) == "inside");
    tftp::file_sink sink = root.create("sub/new", tftp::existing_file::keep);
    CHECK(!write_all(sink, "new"));
    CHECK(content_of(here.folder.file("moved/sub/new")) == "new");
}
TEST_CASE("in a root without /proc it is the same") {
    const jail here;
    std::filesystem::create_symlink("f", here.file("link"));
    REQUIRE(::mkfifo(here.file("fifo").c_str(), 0666) == 0);
    const std::string told = in_a_child([&]() -> std::string {
        if (::chroot(here.folder.file("root").c_str()) != 0 || ::chdir("/") != 0) return "no chroot";
        const tftp::directory root{"/"};
        tftp::file_source source = root.open("sub/f");
        std::string seen = all_of(source);
        for (const char* const name : {"link", "fifo"})
            if (failure_of([&] { std::ignore = root.open(name); }).code) seen += ", refused";
        {
            tftp::file_sink sink = root.create("g", tftp::existing_file::keep);
            if (!write_all(sink, "new")) seen += ", written";
        }
        return seen;
    });
    if (told == "no chroot") NETNOTES_SKIP("only root may call chroot");
    CHECK(told == "inside, refused, refused, written");
    CHECK(content_of(here.file("g")) == "new");
    CHECK(names_in(here.file("")) == std::vector<std::string>{"f", "fifo", "g", "link", "sub"});
}
TEST_CASE("no descriptor is left open") {
    const jail here;
    const auto before = support::open_descriptors();
    {
        const tftp::directory root{here.folder.file("root")};
        for (int i = 0; i < 20; ++i) {
            tftp::file_source source = root.open("sub/deep/f");
            tftp::file_sink sink = root.create("sub/new", tftp::existing_file::replace);
            CHECK(!write_all(sink, "x"));
            CHECK(failure_of([&] { std::ignore = root.open("sub/none"); }).code);
            CHECK(failure_of([&] { std::ignore = root.open("sub/deep"); }).code);
        }
    }
    CHECK(support::open_descriptors() == before);
}
