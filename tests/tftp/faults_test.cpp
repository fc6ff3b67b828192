// What the TFTP client and server do when the kernel says no, the disk is full or there is no memory: each call that
// they make is made to fail in turn. The result must be the whole file, or an error that says why. It must never be a
// part of a file under its name, a lost descriptor or block of memory, a crash or a hang. The next client is served.

#include <netnotes/tftp/async_client.hpp>
#include <netnotes/tftp/client.hpp>
#include <netnotes/tftp/content.hpp>
#include <netnotes/tftp/file.hpp>
#include <netnotes/tftp/server.hpp>

#include "../back_end.hpp"
#include "../fault_sweep.hpp"
#include "../support.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
namespace tftp = netnotes::tftp;
using faults::account;
using faults::call;
using faults::script;
using faults::session;
using faults::sweep;
using faults::under;
using support::background;

namespace {

const net::endpoint anywhere_on_loopback{net::ipv4_address::loopback(), 0};

const std::vector<std::pair<call, int>> all_faults{
    {call::allocate, ENOMEM},
    {call::bind, EADDRINUSE},
    {call::close, EIO},
    {call::epoll_create1, EMFILE},
    {call::epoll_ctl, ENOMEM},
    {call::epoll_wait, EINTR},
    {call::eventfd, EMFILE},
    {call::fcntl, EINVAL},
    {call::fstat, EIO},
    {call::fstatat, EACCES},
    {call::fstatvfs, EIO},
    {call::getsockname, ENOBUFS},
    {call::getsockopt, ENOBUFS},
    {call::io_uring_enter, EINTR},
    {call::io_uring_register, ENOMEM},
    {call::io_uring_setup, ENOMEM},
    {call::linkat, EDQUOT},
    {call::linkat, EEXIST},
    {call::linkat, ENOENT},
    {call::mmap, ENOMEM},
    {call::open, EACCES},
    {call::open, EMFILE},
    {call::openat, EACCES},
    {call::openat, EINTR},
    {call::openat, EMFILE},
    {call::openat, ENFILE},
    {call::openat, EOPNOTSUPP},
    {call::ppoll, EINTR},
    {call::ppoll, ENOMEM},
    {call::read, EINTR},
    {call::read, EIO},
    {call::recv, EINTR},
    {call::recvmmsg, EINTR},
    {call::recvmmsg, ECONNREFUSED},
    {call::recvmmsg, ENOMEM},
    {call::recvmsg, ECONNREFUSED},
    {call::recvmsg, EINTR},
    {call::recvmsg, ENOMEM},
    {call::renameat, EXDEV},
    {call::renameat2, EINVAL},
    {call::renameat2, ENOSYS},
    {call::sendmmsg, EAGAIN},
    {call::sendmmsg, ENOBUFS},
    {call::sendmsg, EAGAIN},
    {call::sendmsg, EINTR},
    {call::sendmsg, EIO},
    {call::sendmsg, ENOBUFS},
    {call::sendmsg, EPERM},
    {call::sendto, EAGAIN},
    {call::sendto, EINTR},
    {call::sendto, ENETUNREACH},
    {call::sendto, ENOBUFS},
    {call::setsockopt, ENOMEM},
    {call::setsockopt, ENOPROTOOPT},
    {call::socket, EMFILE},
    {call::socket, ENFILE},
    {call::socket, ENOBUFS},
    {call::unlinkat, EIO},
    {call::write, EDQUOT},
    {call::write, EFBIG},
    {call::write, EINTR},
    {call::write, EIO},
    {call::write, ENOSPC},
};

void put_file(const std::string& path, std::string_view content) { std::ofstream{path, std::ios::binary} << content; }
std::string content_of(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}
const std::string content = support::pattern(40'000);  // some blocks, and more than the files' buffers hold
const std::string old_content = "what was there before";

/// A folder with a file to read, a file that is to be replaced, and what came of both.
class site {
  public:
    site() {
        const under nothing;
        std::filesystem::create_directory(folder.file("root"));
        std::filesystem::create_directory(folder.file("here"));
        put_file(root("read"), content);
        put_file(here("write"), content);
        put_file(root("written"), old_content);
        put_file(here("got"), old_content);
    }
    [[nodiscard]] std::string root(const std::string& name = {}) const { return folder.file("root/" + name); }
    [[nodiscard]] std::string here(const std::string& name) const { return folder.file("here/" + name); }

    /// A file is the new one or the old one, and nothing in between; and nothing else lies about.
    void judge(account& came, bool may_leave_parts) const {
        const under nothing;
        for (const std::string& path : {root("written"), here("got"), here("got again")}) {
            if (!std::filesystem::exists(path)) continue;
            const std::string now = content_of(path);
            if (now != content && now != old_content) ++came.wrong;
        }
        std::size_t files = 0;
        for (const char* each : {"root", "here"})
            files += static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{folder.file(each)},
                                                            std::filesystem::directory_iterator{}));
        const std::size_t known = 4 + std::filesystem::exists(here("got again"));
        if (files != known && !may_leave_parts) ++came.wrong;
    }
    /// A transfer has been told to be whole.
    void judge_whole(account& came, const std::string& path) const {
        const under nothing;
        ++came.right;
        if (content_of(path) != content) ++came.wrong;
    }

    support::temporary_folder folder;
};

tftp::settings hurried(std::uint16_t window) {
    tftp::settings how{.block_size = 1428, .window_size = window};
    how.first_timeout = how.min_timeout = 5ms;  // a datagram that was not sent is soon sent again
    how.max_timeout = 40ms;
    how.patience = 60s;  // of both clocks: a thread that the machine keeps waiting is not a peer that is gone
    return how;
}
tftp::server_options hurried_server() {
    tftp::server_options options;
    options.limits = hurried(16);
    options.limits.block_size = 1428;
    options.limits.dally = 20ms;
    options.grace = 100ms;
    return options;
}

// ---- Server and client as tasks of one loop, both under the script. Time is virtual.

net::task<> fetch(const site& at, account& came, net::endpoint server, std::string name, std::uint16_t window) {
    tftp::file_sink file{at.here(name), tftp::existing_file::replace};
    co_await tftp::get(server, "read", file, hurried(window));
    at.judge_whole(came, at.here(name));
}
net::task<> store(const site& at, account& came, net::endpoint server) {
    tftp::file_source file{at.here("write")};
    co_await tftp::put(server, file, "written", hurried(4));
    at.judge_whole(came, at.root("written"));
}
/// A transfer is whole, or has an error.
net::task<> count(account& came, net::task<> transfer) {
    try {
        co_await std::move(transfer);
    } catch (const std::exception&) {
        ++came.broken;
    }
}
net::task<> run(tftp::server& server) { co_await server.run(); }
net::task<> transfers(const site& at, tftp::server& server, account& came) {
    const net::endpoint door = server.local_endpoint();
    auto serving = net::spawn(run(server));
    co_await count(came, fetch(at, came, door, "got", 1));
    co_await count(came, store(at, came, door));
    co_await count(came, fetch(at, came, door, "got again", 8));
    server.stop();
    co_await serving.join();
}

account serve_and_fetch(script& chosen, bool may_leave_parts) {
    account came;
    const site at;
    background working{[&]() -> std::exception_ptr {
        const under here{chosen};
        try {
            tftp::server server{anywhere_on_loopback, tftp::serve_files(at.root(), tftp::existing_file::replace),
                                hurried_server()};
            test_loop loop{{.virtual_time = true}};
            loop.run(transfers(at, server, came));
            came.has_ended = true;
        } catch (...) {
            return std::current_exception();
        }
        return nullptr;
    }};
    came.failure = working.get();
    at.judge(came, may_leave_parts);
    return came;
}

// ---- The blocking client under the script, its server not

account fetch_blocking(script& chosen, bool may_leave_parts) {
    account came;
    const site at;
    net::stop_event stop;
    tftp::server server{anywhere_on_loopback, tftp::serve_files(at.root(), tftp::existing_file::replace),
                        hurried_server()};
    background serving{[&] {
        net::event_loop loop;
        return loop.run(server.run(), stop);
    }};
    {
        const struct stopping {
            net::stop_event& event;
            ~stopping() { event.request_stop(); }
        } in_the_end{stop};
        background working{[&]() -> std::exception_ptr {
            const under here{chosen};
            const auto count = [&](auto transfer) {
                try {
                    transfer();
                } catch (const std::exception&) {
                    ++came.broken;
                }
            };
            const auto fetch = [&](const char* name, std::uint16_t window) {
                tftp::file_sink file{at.here(name), tftp::existing_file::replace};
                tftp::client{server.local_endpoint()}.get("read", file, hurried(window));
                at.judge_whole(came, at.here(name));
            };
            try {
                count([&] { fetch("got", 1); });
                count([&] {
                    tftp::file_source file{at.here("write")};
                    tftp::client{server.local_endpoint()}.put(file, "written", hurried(4));
                    at.judge_whole(came, at.root("written"));
                });
                count([&] { fetch("got again", 8); });
                came.has_ended = true;
            } catch (...) {
                return std::current_exception();
            }
            return nullptr;
        }};
        came.failure = working.get();
    }
    serving.get();
    at.judge(came, may_leave_parts);
    return came;
}

/// With one fault at most one of three transfers fails; without a fault all succeed.
void check_three(const account& came, script& chosen, call) {
    if (chosen.failed() == 0) CHECK(came.right == 3);
    if (came.has_ended) CHECK(came.right >= 2);
    CHECK((came.has_ended || chosen.failed() == 1));
    CHECK((came.has_ended || came.failed()));
}

}  // namespace

TEST_CASE(
    "no single fault of a TFTP server or of clients in tasks costs more than a transfer, or leaves part of a file") {
    if (asks_for_io_uring() && test_loop{}.backend() != net::io_backend::io_uring)
        NETNOTES_SKIP("the kernel has no io_uring for us");
    for (const auto& each : all_faults) {
        // A part that cannot be removed stays; the next server with that folder need not mind.
        const bool may_leave_parts = each.first == call::unlinkat;
        sweep(
            {each}, [&](script& chosen) { return serve_and_fetch(chosen, may_leave_parts); }, check_three);
    }
}

TEST_CASE("no single fault of a blocking TFTP client costs more than a transfer, or leaves part of a file") {
    unsigned struck = 0;
    for (const auto& each : all_faults) {
        const bool may_leave_parts = each.first == call::unlinkat;
        struck += sweep(
            {each}, [&](script& chosen) { return fetch_blocking(chosen, may_leave_parts); }, check_three);
    }
    CHECK(struck > 50);
}

TEST_CASE("a datagram for which there was no room goes when there is some, and not when it would be said again") {
    if (asks_for_io_uring() && test_loop{}.backend() != net::io_backend::io_uring)
        NETNOTES_SKIP("the kernel has no io_uring for us");
    const site at;
    for (unsigned nth = 1; nth <= 5; ++nth) {
        script chosen;
        chosen.fail(call::sendto, EAGAIN, nth);  // of the client's: the server uses another
        test_loop loop{{.virtual_time = true}};
        tftp::server server{anywhere_on_loopback, tftp::serve_files(at.root())};
        const auto body = [&]() -> net::task<> {
            auto serving = net::spawn(server.run());
            tftp::function_sink nowhere{[](std::span<const std::byte>) {}};
            const net::time_point begin = loop.now();
            const under here{chosen};
            const auto result = co_await tftp::get(server.local_endpoint(), "read", nowhere);
            CHECK(result.bytes == content.size());
            CHECK(result.repeated == 0);
            CHECK(loop.now() - begin < std::chrono::milliseconds{200});
            server.stop();
            co_await serving.join();
        };
        loop.run(body());
        CHECK(chosen.made(call::sendto) > 5);
    }
}

TEST_CASE("files without a name and renameat2 may both be missing") {
    for (const int error : {EOPNOTSUPP, EISDIR, ENOENT}) {
        const site at;
        account came;
        script chosen;
        chosen.fail_always(call::linkat, error);      // a file without a name cannot be given one
        chosen.fail_always(call::renameat2, EINVAL);  // as on some network file systems
        {
            const under here{chosen};
            std::error_code failure;
            tftp::file_sink replaced{at.here("got"), tftp::existing_file::replace};
            replaced.write(std::as_bytes(std::span{content}), failure);
            if (!failure) replaced.finish(failure);
            came.right += !failure;
            tftp::file_sink made{at.here("got again"), tftp::existing_file::keep};
            made.write(std::as_bytes(std::span{content}), failure);
            if (!failure) made.finish(failure);
            came.right += !failure;
        }
        INFO("linkat: " << std::system_category().message(error));
        at.judge(came, false);
        CHECK(came.wrong == 0);
    }
}
