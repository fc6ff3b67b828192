// What coro/send_file.hpp promises: tasks send files as socket::send_file() does, and other tasks run meanwhile.

#include <netnotes/coro/send_file.hpp>

#include "streams.hpp"

#include <fstream>
#include <iterator>

namespace {

class file_to_send {
  public:
    explicit file_to_send(std::size_t size) : bytes{pattern(size, 7)} { std::ofstream{path()} << bytes; }
    [[nodiscard]] std::string path() const { return folder_.file("content"); }
    const std::string bytes;

  private:
    support::temporary_folder folder_;
};

net::task<std::uint64_t> send_and_close(net::async_stream& to, const std::string& path,
                                        net::send_file_options options = {}) {
    const std::uint64_t sent = co_await to.send_file(path, options);
    to.close();
    co_return sent;
}

}  // namespace

TEST_CASE("a file arrives whole while both tasks take turns") {
    const file_to_send file{5'000'001};
    const auto addresses = support::loopbacks();
    for (std::size_t way = 0; way <= addresses.size(); ++way) {
        test_loop loop;
        two_ends ends = connected(loop, way == 0 ? nullptr : &addresses[way - 1]);
        const auto body = [&]() -> net::task<> {
            auto [sent, arrived] =
                co_await net::when_all(send_and_close(ends.one, file.path()), receive_all(ends.other));
            CHECK(sent == file.bytes.size());
            CHECK((arrived == file.bytes));
        };
        loop.run(body());
    }
}

TEST_CASE("a task sends a part of a file and hears of its progress") {
    const file_to_send file{3 << 20};
    test_loop loop;
    const net::ip_address address = net::ipv4_address::loopback();
    two_ends ends = connected(loop, &address);
    std::vector<std::uint64_t> told;
    const auto note = [&](std::uint64_t sent) { told.push_back(sent); };
    const auto body = [&]() -> net::task<> {
        auto [sent, arrived] = co_await net::when_all(
            send_and_close(ends.one, file.path(), {.offset = 1000, .count = 2'500'000, .progress = note}),
            receive_all(ends.other));
        CHECK(sent == 2'500'000);
        CHECK((arrived == file.bytes.substr(1000, 2'500'000)));
    };
    loop.run(body());
    CHECK(std::is_sorted(told.begin(), told.end()));
    CHECK(told.size() >= 2);
    CHECK(told.back() == 2'500'000);
}

TEST_CASE("an exception of progress is no error of the connection, also where errors are reported") {
    const file_to_send file{10'000};
    test_loop loop;
    two_ends ends = connected(loop);
    const auto body = [&]() -> net::task<> {
        const auto full = [](std::uint64_t) { throw std::system_error{ENOSPC, std::generic_category()}; };
        const net::send_file_options options{.progress = full};
        std::error_code error;
        std::error_code thrown;
        try {
            co_await ends.one.send_file(file.path(), options, error);
        } catch (const std::system_error& failure) {
            thrown = failure.code();
        }
        CHECK(thrown == std::errc::no_space_on_device);
        CHECK(!error);
    };
    loop.run(body());
}

TEST_CASE("the natural call with every setting is awaited without a double free") {
    const file_to_send file{10'000};
    test_loop loop;
    two_ends ends = connected(loop);
    std::uint64_t last = 0;
    const auto body = [&]() -> net::task<> {
        co_await ends.one.send_file(file.path(),
                                    {.offset = 1, .count = 9, .progress = [&](std::uint64_t n) { last = n; }});
        co_await ends.one.send_file(std::string{file.path()}, {10, 5, [&](std::uint64_t n) { last += n; }});
        ends.one.close();
        const std::string arrived = co_await receive_all(ends.other);
        CHECK(arrived == file.bytes.substr(1, 14));
    };
    loop.run(body());
    CHECK(last == 14);
}

TEST_CASE("a file that cannot be read fails and the connection stays as it is") {
    test_loop loop;
    const net::ip_address address = net::ipv4_address::loopback();
    two_ends ends = connected(loop, &address);
    int pipe[2];
    REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
    const auto send = [](net::async_stream& to, net::input_file file) -> net::task<> {
        co_await to.send_file(std::move(file));
    };
    const auto body = [&]() -> net::task<> {
        const std::error_code missing = co_await error_of(send(ends.one, "/no/such/file"));
        CHECK(missing == std::errc::no_such_file_or_directory);
        const std::error_code folder = co_await error_of(send(ends.one, "/"));
        CHECK(folder == std::errc::is_a_directory);
        const std::error_code of_pipe = co_await error_of(send(ends.one, pipe[0]));
        CHECK(of_pipe == std::errc::invalid_seek);
        co_await ends.one.send_all("404");
        ends.one.close();
        const std::string arrived = co_await receive_all(ends.other);
        CHECK(arrived == "404");
    };
    loop.run(body());
    for (const int each : pipe) ::close(each);
}

TEST_CASE("a task reads what sendfile refuses") {
    test_loop loop;
    two_ends ends = connected(loop);
    std::ifstream file{"/proc/version"};
    const std::string version{std::istreambuf_iterator{file}, {}};
    const auto body = [&]() -> net::task<> {
        const std::uint64_t sent = co_await send_and_close(ends.one, "/proc/version");
        const std::string arrived = co_await receive_all(ends.other);
        CHECK(sent == version.size());
        CHECK(arrived == version);
    };
    loop.run(body());
}

TEST_CASE("a task whose peer is gone gets an error and no signal") {
    const file_to_send file{100'000};
    test_loop loop;
    two_ends ends = connected(loop);
    ends.other.close();
    const auto body = [&]() -> net::task<> {
        const auto send = [](net::async_stream& to, const std::string& path) -> net::task<> {
            co_await to.send_file(path);
        };
        const std::error_code gone = co_await error_of(send(ends.one, file.path()));
        CHECK(gone == std::errc::broken_pipe);
        ends.one.close();
        const std::error_code closed = co_await error_of(send(ends.one, file.path()));
        CHECK(closed == std::errc::bad_file_descriptor);
    };
    loop.run(body());
}

TEST_CASE("a file that is cut by a cancellation ends in a reset") {
    const file_to_send file{30 << 20};
    test_loop loop;
    const net::ip_address address = net::ipv4_address::loopback();
    two_ends ends = connected(loop, &address);
    const auto before = open_descriptors();
    const auto body = [&]() -> net::task<> {
        bool is_late = false;
        try {
            co_await net::with_timeout(20ms, ends.one.send_file(file.path()));
        } catch (const std::system_error& error) {
            is_late = error.code() == std::errc::timed_out;
        }
        CHECK(is_late);
        CHECK(open_descriptors() == before);
        ends.one.close();
        const auto receive = [](net::async_stream& from) -> net::task<> { co_await receive_all(from); };
        const std::error_code end = co_await error_of(receive(ends.other));
        CHECK(end == std::errc::connection_reset);
    };
    loop.run(body());
}
