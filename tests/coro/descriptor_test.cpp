// What coro/descriptor.hpp and coro/io/operation.hpp promise: a task waits for a descriptor, and hears what becomes of
// it.

#include <netnotes/coro/descriptor.hpp>
#include <netnotes/coro/timeout.hpp>

#include "../catch.hpp"
#include "tasks.hpp"

// ---- descriptors ---------------------------------------------------------------------------------------

TEST_CASE("a descriptor is waited for until there is something to read, and at its end") {
    test_loop loop{in_virtual_time};
    pipe_ends ends = make_pipe();
    const auto reads = [&]() -> net::task<std::string> {
        net::async_descriptor descriptor{loop, ends.read.get()};
        std::string all;
        for (int i = 0; i < 3; ++i) {
            co_await descriptor.readable();
            all += '[';
            all += get(ends.read.get());
            all += ']';
        }
        co_return all;
    };
    const auto body = [&]() -> net::task<std::string> {
        put(ends.write.get(), "before");
        auto reader = net::spawn(reads());
        co_await net::sleep_for(1s);
        put(ends.write.get(), "then");
        co_await net::sleep_for(1s);
        ends.write.close();
        co_return co_await reader.join();
    };
    CHECK(loop.run(body()) == "[before][then][]");
}

TEST_CASE("a descriptor that takes no more is waited for until it does, from the first wait on") {
    test_loop loop{in_virtual_time};
    pipe_ends ends = make_pipe();
    std::size_t written = fill(ends.write.get());
    const std::size_t at_first = written;
    bool is_writable = false;
    const auto writes = [&]() -> net::task<> {
        net::async_descriptor descriptor{loop, ends.write.get()};
        co_await descriptor.writable();
        is_writable = true;
        written += fill(ends.write.get());
        co_await descriptor.writable();
        put(ends.write.get(), "end");
    };
    const auto body = [&]() -> net::task<> {
        auto writer = net::spawn(writes());
        co_await net::sleep_for(1s);
        CHECK(!is_writable);
        CHECK(get(ends.read.get()).size() == at_first);
        co_await net::sleep_for(1s);
        CHECK(is_writable);
        CHECK(!writer.has_ended());
        CHECK(written > at_first);
        const std::string rest = get(ends.read.get());
        co_await writer.join();
        CHECK(rest.size() == written - at_first);
        CHECK(get(ends.read.get()) == "end");
    };
    loop.run(body());
}

TEST_CASE("an eventfd wakes the task that waits for it, once for each time") {
    test_loop loop{in_virtual_time};
    const handle counter{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    std::vector<std::uint64_t> got;
    const auto reads = [&]() -> net::task<> {
        net::async_descriptor descriptor{loop, counter.get()};
        for (int i = 0; i < 3; ++i) {
            co_await descriptor.readable();
            std::uint64_t value = 0;
            if (::read(counter.get(), &value, sizeof value) == sizeof value) got.push_back(value);
        }
    };
    const auto body = [&]() -> net::task<> {
        auto reader = net::spawn(reads());
        for (std::uint64_t value = 1; value <= 3; ++value) {
            co_await net::sleep_for(1s);
            REQUIRE(::write(counter.get(), &value, sizeof value) == sizeof value);
        }
        co_await reader.join();
    };
    loop.run(body());
    CHECK(got == std::vector<std::uint64_t>{1, 2, 3});
}

TEST_CASE("one task may read a socket while another writes it") {
    test_loop loop;
    std::pair<net::socket, net::socket> pair = net::socket_pair();
    net::socket &near = pair.first, &far = pair.second;
    near.set_blocking(false);
    far.set_blocking(false);
    constexpr std::size_t total = 3'000'000;
    const std::string all = support::pattern(total);
    const auto sends = [&](net::async_descriptor& at, int descriptor) -> net::task<> {
        for (std::size_t sent = 0; sent < total;) {
            const ssize_t size = ::write(descriptor, all.data() + sent, total - sent);
            if (size > 0)
                sent += static_cast<std::size_t>(size);
            else
                co_await at.writable();
        }
    };
    const auto receives = [&](net::async_descriptor& at, int descriptor) -> net::task<bool> {
        std::string got;
        while (got.size() < total) {
            const std::string some = get(descriptor);
            if (some.empty()) co_await at.readable();
            got += some;
        }
        co_return got == all;
    };
    const auto body = [&]() -> net::task<bool> {
        net::async_descriptor a{loop, near.native_handle()}, b{loop, far.native_handle()};
        auto first = net::spawn(sends(a, near.native_handle()));
        auto second = net::spawn(receives(a, near.native_handle()));
        auto third = net::spawn(sends(b, far.native_handle()));
        auto fourth = net::spawn(receives(b, far.native_handle()));
        co_await first.join();
        co_await third.join();
        const bool one = co_await second.join();
        const bool other = co_await fourth.join();
        co_return one&& other;
    };
    CHECK(loop.run(body()));
}

TEST_CASE("two tasks that wait for one descriptor in the same direction are an error of the second") {
    test_loop loop{in_virtual_time};
    std::pair<net::socket, net::socket> pair = net::socket_pair();
    net::socket &near = pair.first, &far = pair.second;
    near.set_blocking(false);
    fill(near.native_handle());
    std::string log;
    const auto body = [&]() -> net::task<> {
        net::async_descriptor descriptor{loop, near.native_handle()};
        const auto waits = [&](bool reads) -> net::task<> {
            try {
                if (reads)
                    co_await descriptor.readable();
                else
                    co_await descriptor.writable();
                log += reads ? "read " : "write ";
            } catch (const std::logic_error&) {
                log += reads ? "read refused " : "write refused ";
            }
        };
        std::vector<net::join_handle<>> all;
        for (const bool reads : {true, false, true, false}) all.push_back(net::spawn(waits(reads)));
        co_await net::sleep_for(1s);
        CHECK(log == "read refused write refused ");
        far.send_all(std::string_view{"x"});
        co_await all[0].join();
        std::vector<std::byte> room(1 << 20);
        far.set_timeout(0s);
        for (std::error_code error; !error;) far.recv(room, error);
        co_await all[1].join();
    };
    loop.run(body());
    CHECK(log == "read refused write refused read write ");
}

TEST_CASE("if a descriptor is destroyed, the task that waits for it gets an error") {
    test_loop loop{in_virtual_time};
    pipe_ends ends = make_pipe();
    std::pair<net::socket, net::socket> pair = net::socket_pair();
    net::socket& near = pair.first;
    near.set_blocking(false);
    fill(near.native_handle());
    const auto body = [&]() -> net::task<int> {
        std::optional<net::async_descriptor> pipe, stream;
        pipe.emplace(loop, ends.read.get());
        stream.emplace(loop, near.native_handle());
        int told = 0;
        const auto waits = [&](int which) -> net::task<> {
            try {
                if (which == 0) co_await pipe->readable();
                if (which == 1) co_await stream->readable();
                if (which == 2) co_await stream->writable();
            } catch (const std::system_error& error) {
                told += error.code() == std::errc::bad_file_descriptor;
            }
        };
        std::vector<net::join_handle<>> all;
        for (const int which : {0, 1, 2}) all.push_back(net::spawn(waits(which)));
        co_await net::sleep_for(1s);
        pipe.reset();
        *stream = net::async_descriptor{loop, ends.write.get()};
        for (auto& each : all) co_await each.join();
        co_return told;
    };
    CHECK(loop.run(body()) == 3);
}

TEST_CASE("a descriptor that is not open, and a descriptor that the loop already has, are refused") {
    test_loop loop;
    const auto attempt = [&](int descriptor) {
        return support::failure_of([&] { const net::async_descriptor made{loop, descriptor}; }).code;
    };
    CHECK(attempt(-1) == std::errc::bad_file_descriptor);
    pipe_ends ends = make_pipe();
    if (loop.backend() == net::io_backend::epoll) {
        const net::async_descriptor first{loop, ends.read.get()};
        CHECK(attempt(ends.read.get()) == std::errc::file_exists);
    }
    CHECK(!attempt(ends.read.get()));
}

TEST_CASE("a regular file is written and read like a keyboard, and each wait for it ends at once") {
    test_loop loop;
    const support::temporary_folder folder;
    const handle file{::open(folder.file("a").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    const std::string all = support::pattern(20'000);
    const auto body = [&]() -> net::task<std::string> {
        net::async_descriptor descriptor{file.get()};
        co_await descriptor.write_all(all);
        REQUIRE(::lseek(file.get(), 0, SEEK_SET) == 0);
        co_await descriptor.readable();
        co_await descriptor.readable();
        co_await descriptor.writable();
        std::string got;
        for (std::array<char, 6000> room{};;) {
            const std::size_t size = co_await descriptor.read(room);
            if (size == 0) co_return got;
            got.append(room.data(), size);
        }
    };
    const std::string got = loop.run(body());
    CHECK(got == all);
}

TEST_CASE("read() and write_all() wait at a pipe that is blocking, and the loop does not") {
    test_loop loop{in_virtual_time};
    std::array<int, 2> both{};
    REQUIRE(::pipe2(both.data(), O_CLOEXEC) == 0);  // blocking, as a shell makes them
    const handle from{both[0]};
    handle to{both[1]};
    const std::string all = support::pattern(300'000);  // more than a pipe holds
    std::string got, log;
    const auto writes = [&]() -> net::task<> {
        net::async_descriptor out{to.get()};
        co_await out.write_all(all);
        log += "written ";
        co_await net::sleep_for(1s);
        co_await out.write_all("!");
        co_await out.write_all("");
    };
    const auto body = [&]() -> net::task<> {
        auto writer = net::spawn(writes());
        co_await net::sleep_for(1s);
        CHECK(log.empty());
        net::async_descriptor in{from.get()};
        std::array<char, 1000> room{};
        while (got.size() < all.size()) got.append(room.data(), co_await in.read(room));
        const std::size_t none = co_await in.read(std::span{room}.first(0));
        CHECK(none == 0);
        const std::size_t last = co_await in.read(room);  // waits for the writer, which sleeps
        CHECK(last == 1);
        CHECK(room[0] == '!');
        co_await writer.join();
        to.close();
        const std::size_t end = co_await in.read(room);
        CHECK(end == 0);
    };
    loop.run(body());
    CHECK(got == all);
}

TEST_CASE("read() ends with its timeout, with errors of read(2), and after a move") {
    test_loop loop{in_virtual_time};
    pipe_ends ends = make_pipe();
    const support::temporary_folder folder;
    const handle only_to_write{::open(folder.file("a").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    const auto code_of = [](net::async_descriptor& from) -> net::task<std::error_code> {
        std::array<char, 10> room{};
        try {
            const std::size_t size = co_await from.read(room);
            CHECK(size == 0);
        } catch (const std::system_error& error) {
            co_return error.code();
        }
        co_return std::error_code{};
    };
    const auto body = [&]() -> net::task<> {
        net::async_descriptor one{ends.read.get()}, file{only_to_write.get()};
        net::async_descriptor other{std::move(one)};
        other.set_timeout(1s);
        const auto silent = co_await code_of(other);
        CHECK(silent == std::errc::timed_out);
        const auto moved = co_await code_of(one);
        CHECK(moved == std::errc::bad_file_descriptor);
        const auto wrong = co_await code_of(file);
        CHECK(wrong == std::errc::bad_file_descriptor);
    };
    loop.run(body());
}

TEST_CASE("a loop says how it waits, and why not as was wished") {
    test_loop loop;
    if (!asks_for_io_uring()) {
        CHECK(loop.backend() == net::io_backend::epoll);
        CHECK(!loop.refusal());
    } else if (loop.backend() == net::io_backend::epoll) {
        CHECK(loop.refusal());
        NETNOTES_SKIP("io_uring: " + loop.refusal().message());
    }
}

TEST_CASE("a descriptor belongs to its loop, and waiting for it in another is an error") {
    net::event_loop loop, other;
    pipe_ends ends = make_pipe();
    net::async_descriptor descriptor{other, ends.read.get()};
    const auto body = [&]() -> net::task<> { co_await descriptor.readable(); };
    CHECK_THROWS_AS(loop.run(body()), std::logic_error);
}

TEST_CASE("an event for a descriptor that was closed meanwhile wakes nobody, though another has its number") {
    test_loop loop{in_virtual_time};
    std::array<pipe_ends, 2> both{make_pipe(), make_pipe()};
    const pipe_ends silent = make_pipe();
    int woken = 0;
    std::string log;
    const auto body = [&]() -> net::task<> {
        std::array<std::optional<net::async_descriptor>, 2> descriptors;
        std::optional<net::join_handle<>> watcher;
        const auto watches = [&](net::async_descriptor& what) -> net::task<> {
            co_await what.readable();
            log += "woken by its own";
        };
        // The two are reported in one batch. The first task to resume closes the other's descriptor. An empty pipe then
        // gets its number and its place in the poller, and a task waits for the pipe.
        const auto waits = [&](std::size_t which) -> net::task<> {
            try {
                co_await descriptors[which]->readable();
            } catch (const std::system_error& error) {
                log += error.code() == std::errc::bad_file_descriptor ? "told " : "? ";
                co_return;
            }
            if (++woken > 1) co_return;
            const std::size_t other = 1 - which;
            const int number = both[other].read.get();
            descriptors[other].reset();
            REQUIRE(::dup3(silent.read.get(), number, O_CLOEXEC) == number);
            descriptors[other].emplace(loop, number);
            watcher = net::spawn(watches(*descriptors[other]));
        };
        std::vector<net::join_handle<>> all;
        for (const std::size_t which : {0u, 1u}) {
            descriptors[which].emplace(loop, both[which].read.get());
            all.push_back(net::spawn(waits(which)));
        }
        co_await net::sleep_for(1s);
        for (const pipe_ends& each : both) put(each.write.get(), "x");
        for (auto& each : all) co_await each.join();
        co_await net::sleep_for(1s);
        CHECK(!watcher->has_ended());
        put(silent.write.get(), "x");
        co_await watcher->join();
    };
    loop.run(body());
    CHECK(woken == 1);
    CHECK(log == "told woken by its own");
}

TEST_CASE("a wait for a descriptor ends after its timeout, and not when it was in time") {
    test_loop loop{in_virtual_time};
    pipe_ends ends = make_pipe();
    const auto body = [&]() -> net::task<std::string> {
        const node_owner node{new net::detail::io_node{loop, ends.read.get()}};
        CHECK(node->timeout() == net::never);
        node->set_timeout(10s);
        CHECK(node->timeout() == 10s);
        std::string log;
        std::array<char, 10> room{};
        const auto reads = [&]() -> net::task<> {
            for (int i = 0; i < 3; ++i) {
                try {
                    reading operation{*node, room};
                    const std::size_t size = co_await operation;
                    log += std::string{room.data(), size};
                } catch (const std::system_error& error) {
                    log += error.code() == std::errc::timed_out ? "timed out " : "? ";
                }
            }
        };
        auto reader = net::spawn(reads());
        const net::time_point begin = loop.now();
        co_await net::sleep_for(9s);
        put(ends.write.get(), "in time ");
        co_await net::sleep_for(9s);
        CHECK(log == "in time ");
        put(ends.write.get(), "again ");
        co_await reader.join();
        CHECK(loop.now() - begin == 28s);
        co_return log;
    };
    CHECK(loop.run(body()) == "in time again timed out ");
}

TEST_CASE("an object that was moved from refuses a timeout, and each wait") {
    test_loop loop;
    const pipe_ends ends = make_pipe();
    net::async_descriptor one{loop, ends.read.get()};
    net::async_descriptor other{std::move(one)};
    CHECK_THROWS_AS(one.set_timeout(1s), std::system_error);
    other.set_timeout(1ms);
    const auto waits = [&]() -> net::task<> { co_await other.readable(); };
    CHECK_THROWS_AS(loop.run(waits), std::system_error);
}

TEST_CASE("a read into an empty buffer returns 0 at once, before the first byte and after the last") {
    test_loop loop{in_virtual_time};
    auto ends = make_pipe();
    loop.run([&]() -> net::task<> {
        net::async_descriptor reading{ends.read.get()};
        std::array<std::byte, 16> room{};
        const net::mutable_buffer nothing = std::span{room}.first(0);
        const auto before = co_await net::with_timeout(1s, reading.read(nothing));
        CHECK(before == 0);
        put(ends.write.get(), "hello");
        const auto size = co_await reading.read(room);
        CHECK(size == 5);
        for (int i = 0; i < 3; ++i) {
            const auto after = co_await net::with_timeout(1s, reading.read(nothing));
            CHECK(after == 0);
        }
        put(ends.write.get(), "more");
        const auto more = co_await reading.read(room);
        CHECK(more == 4);
    });
}
