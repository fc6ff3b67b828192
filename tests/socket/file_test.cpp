// What socket/file.hpp promises: files go over a connection whole or in part, and no failure kills or is hidden.

#include <netnotes/socket/descriptors.hpp>
#include <netnotes/socket/file.hpp>

#include "sockets.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

namespace {

class file_to_send {
  public:
    explicit file_to_send(std::size_t size) : bytes{pattern(size)} { std::ofstream{path()} << bytes; }
    [[nodiscard]] std::string path() const { return folder_.file("content"); }
    const std::string bytes;

  private:
    support::temporary_folder folder_;
};

/// What the other end receives while `send` runs with the first, which is closed then.
template <class Send>
std::string received_from(net::socket& first, net::socket& second, Send send) {
    background sender{[&] {
        net::socket closing = std::move(first);  // also if `send` fails
        send(closing);
    }};
    std::string all = receive_all(second);
    sender.get();
    return all;
}

TEST_CASE("a file arrives whole over every kind of stream") {
    const file_to_send file{3'000'001};
    for (auto& [name, first, second] : links()) {
        INFO(name);
        std::uint64_t sent = 0;
        const std::string arrived =
            received_from(first, second, [&](net::socket& to) { sent = to.send_file(file.path()); });
        CHECK((arrived == file.bytes));
        CHECK(sent == file.bytes.size());
    }
}

TEST_CASE("a part of a file begins at the offset and ends after the count or with the file") {
    const file_to_send file{10'000};
    const auto part = [&](net::send_file_options options) {
        auto [first, second] = tcp_pair();
        return received_from(first, second, [&](net::socket& to) { to.send_file(file.path(), options); });
    };
    CHECK(part({.offset = 1000, .count = 500}) == file.bytes.substr(1000, 500));
    CHECK(part({.offset = 9'999, .count = 1}) == file.bytes.substr(9'999));
    CHECK(part({.offset = 9'000, .count = 5'000}) == file.bytes.substr(9'000));
    CHECK(part({.offset = 10'000}).empty());
    CHECK(part({.offset = 20'000}).empty());
    CHECK(part({.count = 0}).empty());
    CHECK(failure_of([&] { part({.offset = std::numeric_limits<std::uint64_t>::max()}); }).code ==
          std::errc::value_too_large);
}

TEST_CASE("an open descriptor is borrowed and its position stays") {
    const file_to_send file{5'000};
    const int descriptor = ::open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(::lseek(descriptor, 77, SEEK_SET) == 77);
    const auto before = open_descriptors();
    auto [first, second] = tcp_pair();
    CHECK(received_from(first, second, [&](net::socket& to) { to.send_file(descriptor); }) == file.bytes);
    CHECK(::lseek(descriptor, 0, SEEK_CUR) == 77);
    second.close();
    CHECK(open_descriptors() == before);
    ::close(descriptor);
}

TEST_CASE("a path is opened and closed and may be a path of the file system library") {
    const file_to_send file{5'000};
    auto [first, second] = tcp_pair();
    const auto before = open_descriptors();
    first.send_file(std::filesystem::path{file.path()});
    CHECK(open_descriptors() == before);
    net::input_file opened{file.path()};
    CHECK(open_descriptors() == before + 1);
    CHECK((::fcntl(opened.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
    const net::input_file moved{std::move(opened)};
    first.send_file(moved);
    CHECK(receive_exactly(second, 10'000) == file.bytes + file.bytes);
}

TEST_CASE("progress tells how much was sent") {
    const file_to_send file{5 << 20};
    auto [first, second] = tcp_pair();
    std::vector<std::uint64_t> told;
    const std::string arrived = received_from(first, second, [&](net::socket& to) {
        to.send_file(file.path(), {.offset = 1000, .progress = [&](std::uint64_t sent) { told.push_back(sent); }});
    });
    CHECK(arrived.size() == file.bytes.size() - 1000);
    CHECK(told.size() >= 3);  // no part is above 2 MiB
    CHECK(std::is_sorted(told.begin(), told.end()));
    CHECK(told.back() == arrived.size());
}

namespace {
std::uint64_t last_told = 0;
void note_progress(std::uint64_t sent) { last_told = sent; }
}  // namespace

TEST_CASE("a plain function and a pointer to one can be told of progress, and no function is nobody") {
    const file_to_send file{1000};
    auto [first, second] = tcp_pair();
    void (*const pointer)(std::uint64_t) = note_progress;
    for (const net::progress_callback& told :
         {net::progress_callback{note_progress}, net::progress_callback{&note_progress}, net::progress_callback{pointer}}) {
        last_told = 0;
        CHECK(told);
        CHECK(first.send_file(file.path(), {.progress = told}) == 1000);
        CHECK(last_told == 1000);
    }
    void (*const nothing)(std::uint64_t) = nullptr;
    CHECK_FALSE(net::progress_callback{nothing});
    CHECK(first.send_file(file.path(), {.progress = nothing}) == 1000);
    const auto const_object = [&](std::uint64_t sent) { last_told = sent + 1; };
    CHECK(first.send_file(file.path(), {.progress = const_object}) == 1000);
    CHECK(last_told == 1001);
}

TEST_CASE("a progress callback that throws ends the sending and the peer sees a reset") {
    const file_to_send file{1 << 20};
    auto [first, second] = tcp_pair();
    first.set_option(net::option::send_buffer{4096});
    background sender{[&from = first, &file] {
        struct enough {};
        try {
            from.send_file(file.path(), {.progress = [](std::uint64_t) { throw enough{}; }});
        } catch (const enough&) {
            from.close();
            return true;
        }
        return false;
    }};
    CHECK(failure_of([&end = second] { receive_all(end); }).code == std::errc::connection_reset);
    CHECK(sender.get());
}

TEST_CASE("a file that does not exist is an error that names it and harms no connection") {
    auto [first, second] = tcp_pair();
    const auto failure = failure_of([&from = first] { from.send_file("/no/such/file"); });
    CHECK(failure.code == std::errc::no_such_file_or_directory);
    CHECK_THAT(failure.what, ContainsSubstring("open /no/such/file"));
    std::error_code error;
    CHECK(first.send_file("/no/such/file", {}, error) == 0);
    CHECK(error == std::errc::no_such_file_or_directory);
    CHECK(first.send_file(-1, {}, error) == 0);
    CHECK(error == std::errc::bad_file_descriptor);
    CHECK(first.send_file("/", {}, error) == 0);
    CHECK(error == std::errc::is_a_directory);
    first.send_all("404");
    first.close();
    CHECK(receive_all(second) == "404");  // and an orderly end
}

TEST_CASE("a pipe in which nothing comes cannot hold send_file beyond its limits") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        std::error_code error;
        const auto start = net::clock::now();
        first.set_timeout(a_while);
        first.send_file(ends[0], {}, error);
        CHECK(error == std::errc::timed_out);
        CHECK(net::clock::now() - start >= a_while);
        first.set_timeout(net::never);
        first.set_answer_timeout(a_while);
        first.send_file(ends[0], {}, error);
        CHECK(error == std::errc::timed_out);
        first.set_answer_timeout(net::never);
        first.set_blocking(false);
        first.send_file(ends[0], {}, error);
        CHECK(error == net::would_block);
        first.set_blocking(true);
        net::stop_event stop;
        first.stop_with(stop);
        background sending{[&socket = first, from = ends[0]] {
            std::error_code why;
            socket.send_file(from, {}, why);
            return why;
        }};
        sending.await_waiting();
        stop.request_stop();
        CHECK(sending.get() == std::errc::operation_canceled);
        first.close();
        CHECK(receive_all(second).empty());  // and an orderly end
        ::close(ends[0]);
        ::close(ends[1]);
    }
}

TEST_CASE("what sendfile refuses is read and sent") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        const std::string bytes = pattern(50'000);
        REQUIRE(::write(ends[1], bytes.data(), bytes.size()) == 50'000);
        ::close(ends[1]);
        std::uint64_t told = 0;
        first.send_file(ends[0], {.count = 40'000, .progress = [&](std::uint64_t sent) { told = sent; }});
        CHECK(told == 40'000);
        CHECK(receive_exactly(second, 40'000) == bytes.substr(0, 40'000));
        std::error_code error;
        first.send_file(ends[0], {.offset = 1}, error);
        CHECK(error == std::errc::invalid_seek);
        first.send_file(ends[0], {}, error);  // the rest, to the end of the pipe
        CHECK(!error);
        CHECK(receive_exactly(second, 10'000) == bytes.substr(40'000));
        ::close(ends[0]);

        std::ifstream status{"/proc/version"};
        const std::string version{std::istreambuf_iterator{status}, {}};
        CHECK(received_from(first, second, [](net::socket& to) { to.send_file("/proc/version"); }) == version);
    }
}

TEST_CASE("a FIFO is sent to its end, although its writer pauses") {
    const support::temporary_folder folder;
    const std::string path = folder.file("fifo");
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    auto [first, second] = net::socket_pair(socket_type::stream);
    const net::owned_descriptor reader{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    net::owned_descriptor writer{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    REQUIRE(::write(writer.native_handle(), "one", 3) == 3);
    background sender{[&, &from = first] {
        net::socket closing = std::move(from);
        closing.send_file(path);
    }};
    char buffer[3];
    second.recv_exact(buffer);
    CHECK(std::string_view{buffer, 3} == "one");
    REQUIRE(::write(writer.native_handle(), "two", 3) == 3);
    writer = {};
    CHECK(receive_all(second) == "two");
    sender.get();
}

TEST_CASE("a peer that is gone is an error and no signal") {
    const file_to_send file{100'000};
    for (auto& [name, first, second] : links()) {
        INFO(name);
        second.close();
        std::error_code error;
        for (int i = 0; i < 1000 && error != std::errc::broken_pipe; ++i) first.send_file(file.path(), {}, error);
        CHECK(error == std::errc::broken_pipe);  // SIGPIPE would have ended this program
    }
}

TEST_CASE("a SIGPIPE that the program has blocked and waits for stays pending") {
    const file_to_send file{1000};
    auto [first, second] = net::socket_pair();
    second.close();
    sigset_t pipe, before, pending;
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
    std::error_code error;
    first.send_file(file.path(), {}, error);
    ::sigpending(&pending);
    CHECK(::sigismember(&pending, SIGPIPE) == 0);  // ours was taken away
    ::pthread_kill(::pthread_self(), SIGPIPE);
    first.send_file(file.path(), {}, error);
    ::sigpending(&pending);
    CHECK(::sigismember(&pending, SIGPIPE) == 1);  // the program's own was not
    int taken = 0;
    ::sigwait(&pipe, &taken);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    CHECK(error == std::errc::broken_pipe);
}

TEST_CASE("a time limit is for the whole file and what was sent is told") {
    support::temporary_folder folder;
    std::ofstream{folder.file("large")};
    std::filesystem::resize_file(folder.file("large"), too_much);
    for (auto& [name, first, second] : links()) {
        INFO(name);
        first.set_timeout(a_while);
        const auto begin = net::clock::now();
        std::error_code error;
        const std::uint64_t sent = first.send_file(folder.file("large"), {}, error);
        CHECK(error == std::errc::timed_out);
        CHECK(net::clock::now() - begin >= a_while);
        first.shutdown(net::shutdown_direction::send);
        CHECK(receive_all(second).size() == sent);
    }
}

TEST_CASE("a socket that does not wait sends what goes at once and the caller goes on from there") {
    const file_to_send file{20 << 20};
    auto [first, second] = tcp_pair();
    first.set_blocking(false);
    background receiver{[&end = second] { return receive_all(end); }};
    std::uint64_t sent = 0;
    for (std::error_code error; sent < file.bytes.size();) {
        sent += first.send_file(file.path(), {.offset = sent}, error);
        if (error) REQUIRE(error == std::errc::operation_would_block);
        if (error) first.wait(POLLOUT, net::time_point::max(), error);
    }
    first.close();
    CHECK((receiver.get() == file.bytes));
}

}  // namespace
