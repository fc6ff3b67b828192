// Adding and removing descriptors, one and many.
// SPDX-License-Identifier: MIT

#include "pollers.hpp"

// ---- adding and removing -------------------------------------------------------------------------------

ON_EVERY_POLLER("adding a descriptor a second time fails and changes nothing") {
    flag up{true};
    TestType poller;
    poller.add(up.native_handle(), interest::read, 1);
    const auto failure = support::failure_of([&] { poller.add(up.native_handle(), interest::write, 2); });
    CHECK(failure.code == std::errc::file_exists);
    CHECK_THAT(failure.what, ContainsSubstring(name_of<TestType> + " add " + std::to_string(up.native_handle()) + ':'));
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 1);
    CHECK(events[0].ready == interest::read);
}

ON_EVERY_POLLER("a regular file is always ready and epoll therefore refuses it") {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::tmpfile(), &std::fclose};
    REQUIRE(file);
    TestType poller;
    if constexpr (TestType::has_edge) {
        const auto failure = support::failure_of([&] { poller.add(::fileno(file.get()), interest::read, 1); });
        CHECK(failure.code == std::errc::operation_not_permitted);
    } else {
        poller.add(::fileno(file.get()), interest::read | interest::write, 1);
        CHECK(ready_of(poller) == (interest::read | interest::write));
        CHECK(ready_of(poller) == (interest::read | interest::write));
    }
}

ON_EVERY_POLLER("what was not added cannot be modified and what is no descriptor cannot be added") {
    flag up{true};
    TestType poller;
    const auto failure = support::failure_of([&] { poller.modify(up.native_handle(), interest::read, 1); });
    CHECK(failure.code == std::errc::no_such_file_or_directory);
    CHECK_THAT(failure.what,
               ContainsSubstring(name_of<TestType> + " modify " + std::to_string(up.native_handle()) + ':'));
    const int gone = [] { return flag{true}.native_handle(); }();
    for (const int descriptor : {-1, std::numeric_limits<int>::min(), gone}) {
        const auto refusal = support::failure_of([&] { poller.add(descriptor, interest::read, 1); });
        CHECK(refusal.code == std::errc::bad_file_descriptor);
        CHECK_THAT(refusal.what, ContainsSubstring(name_of<TestType> + " add " + std::to_string(descriptor) + ':'));
        CHECK_THROWS_AS(poller.modify(descriptor, interest::read, 1), std::system_error);
        poller.remove(descriptor);
    }
    CHECK(events_of(poller).empty());
}

ON_SELECT_AND_POLL("a poller without edge triggers refuses them") {
    flag up{true};
    TestType poller;
    STATIC_REQUIRE_FALSE(TestType::has_edge);
    const auto add = [&] { poller.add(up.native_handle(), interest::read, 1, trigger::edge); };
    const auto modify = [&] { poller.modify(up.native_handle(), interest::write, 2, trigger::edge); };
    CHECK(support::failure_of(add).code == std::errc::operation_not_supported);
    CHECK_THAT(support::failure_of(add).what, ContainsSubstring("edge-triggered"));
    CHECK(events_of(poller).empty());
    poller.add(up.native_handle(), interest::read, 1);
    CHECK(support::failure_of(modify).code == std::errc::operation_not_supported);
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 1);
    CHECK(events[0].ready == interest::read);
}

TEST_CASE("select refuses the descriptors that its sets have no bit for and takes the last that they have") {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    if (before.rlim_max < FD_SETSIZE + 1) NETNOTES_SKIP("no descriptor may be as high as 1024 here");
    rlimit enough = before;
    enough.rlim_cur = std::max<rlim_t>(before.rlim_cur, FD_SETSIZE + 1);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &enough) == 0);
    {
        const flag up{true}, down{false};
        const net::socket last{::fcntl(up.native_handle(), F_DUPFD_CLOEXEC, FD_SETSIZE - 1)};
        const net::socket beyond{::fcntl(up.native_handle(), F_DUPFD_CLOEXEC, FD_SETSIZE)};
        REQUIRE(last.native_handle() == 1023);
        REQUIRE(beyond.native_handle() == 1024);
        net::select_poller by_select;
        by_select.add(down.native_handle(), interest::read, 0);
        by_select.add(1023, interest::read, 1);
        const auto failure = support::failure_of([&] { by_select.add(1024, interest::read, 2); });
        CHECK(failure.code == std::errc::value_too_large);
        CHECK_THAT(failure.what, ContainsSubstring("select add 1024: a descriptor must be below FD_SETSIZE, 1024"));
        for (const int number : {1024, 1025, 4096, std::numeric_limits<int>::max()}) {  // whether open or not
            CHECK(support::failure_of([&] { by_select.add(number, interest::read, 2); }).code ==
                  std::errc::value_too_large);
            CHECK(support::failure_of([&] { by_select.modify(number, interest::read, 2); }).code ==
                  std::errc::no_such_file_or_directory);
            by_select.remove(number);
        }
        for (int i = 0; i < 2; ++i) {
            const auto events = events_of(by_select);
            REQUIRE(events.size() == 1);
            CHECK(events[0].token == 1);
            CHECK(events[0].ready == interest::read);
        }
        by_select.remove(1023);
        CHECK(events_of(by_select).empty());

        // Nor has the kernel: the limit is the size of the C library's fd_set. It looks at as many bits as it is told.
        std::array<std::uint8_t, 2 * sizeof(fd_set)> bits{};
        const auto place = static_cast<std::size_t>(beyond.native_handle()) / 8;  // of a little-endian machine
        bits[place] = static_cast<std::uint8_t>(1 << beyond.native_handle() % 8);
        const auto asked = bits;
        if constexpr (std::endian::native == std::endian::little) {
            timespec no_time{};
            CHECK(::syscall(SYS_pselect6, beyond.native_handle() + 1, bits.data(), nullptr, nullptr, &no_time,
                            nullptr) == 1);
            CHECK(bits == asked);
        }

        net::poll_poller by_poll;  // has no such limit, either
        by_poll.add(1024, interest::read, 3);
        CHECK(ready_of(by_poll) == interest::read);
    }
    ::setrlimit(RLIMIT_NOFILE, &before);
}

ON_SELECT_AND_POLL("a descriptor closed without removing it is reported once as an error and then forgotten") {
    flag up{true}, still{true};
    TestType poller;
    auto closed = std::make_unique<flag>(false);
    const int number = closed->native_handle();
    poller.add(still.native_handle(), interest::none, 3);
    poller.add(number, interest::read | interest::write, 42);
    poller.add(up.native_handle(), interest::read, 1);
    CHECK(all_of(ready_of_token(poller, 42), interest::write));
    closed.reset();
    std::vector<net::event> seen;  // alone or together with what is ready
    while (std::none_of(seen.begin(), seen.end(), [](const auto& happened) { return happened.token == 42; }))
        seen = events_of(poller, net::never);
    for (const auto& happened : seen)
        if (happened.token == 42) CHECK(happened.ready == interest::error);
    const auto events = events_of(poller);  // neither does it spin, nor is anybody else lost
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 1);
    CHECK(support::failure_of([&] { poller.modify(number, interest::read, 42); }).code ==
          std::errc::no_such_file_or_directory);
    poller.remove(number);
    poller.modify(still.native_handle(), interest::read, 3);
    CHECK(events_of(poller).size() == 2);

    // The number is free for whatever gets it next.
    const flag next{true};
    REQUIRE(next.native_handle() == number);
    poller.add(number, interest::read, 43);
    CHECK(ready_of_token(poller, 43) == interest::read);
}

ON_SELECT_AND_POLL("all that were closed without being removed are forgotten however many") {
    TestType poller;
    std::vector<flag> flags;
    for (std::size_t i = 0; i < 100; ++i) {
        flags.emplace_back(true);
        poller.add(flags.back().native_handle(), interest::read, i);
    }
    while (flags.size() > 50) flags.pop_back();
    std::set<std::uint64_t> closed, open;
    for (int i = 0; i < 2; ++i)
        for (const auto& happened : events_of(poller))
            (happened.ready == interest::error ? closed : open).insert(happened.token);
    CHECK(closed.size() == 50);
    CHECK(*closed.begin() == 50);
    CHECK(open.size() == 50);
    const auto rest = events_of(poller);
    CHECK(rest.size() == 50);
    CHECK(std::all_of(rest.begin(), rest.end(), [](const auto& happened) { return happened.token < 50; }));
}

ON_EVERY_POLLER("a removed descriptor is reported no more and may be added again") {
    flag up{true};
    TestType poller;
    poller.add(up.native_handle(), interest::read, 1);
    CHECK(ready_of(poller) == interest::read);
    poller.remove(up.native_handle());
    CHECK(events_of(poller).empty());
    poller.remove(up.native_handle());  // it is not there: nothing happens
    poller.add(up.native_handle(), interest::read, 2);
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 2);
}

TEST_CASE("epoll reports a closed descriptor no more when nobody has a duplicate of it") {
    auto [ours, theirs] = net::socket_pair();
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::read, 1);
    theirs.send_all("x");
    CHECK(ready_of(poller) == interest::read);
    ours.close();
    CHECK(events_of(poller).empty());
}

TEST_CASE("epoll goes on reporting a closed descriptor as long as a duplicate of it lives") {
    // The interest belongs to the open file behind the number (epoll(7), question 6). A fact of the kernel's,
    // shown here because it is why remove() must come before close().
    auto [ours, theirs] = net::socket_pair();
    net::epoll_poller poller;
    poller.add(ours.native_handle(), interest::read, 42);
    const int number = ours.native_handle();
    net::socket duplicate{::dup(number)};
    REQUIRE(duplicate.is_open());
    ours.close();
    theirs.send_all("x");
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 42);

    // And it cannot be stopped by its number, which means nothing now ...
    const auto failure = support::failure_of([&] { poller.modify(number, interest::none, 42); });
    CHECK(failure.code == std::errc::bad_file_descriptor);
    poller.remove(number);
    CHECK(events_of(poller).size() == 1);
    // ... nor by the duplicate's, which was never added. Only the last close() ends it.
    poller.remove(duplicate.native_handle());
    CHECK(events_of(poller).size() == 1);
    duplicate.close();
    CHECK(events_of(poller).empty());
}

ON_EVERY_POLLER("removing before closing keeps a duplicate silent") {
    auto [ours, theirs] = net::socket_pair();
    TestType poller;
    poller.add(ours.native_handle(), interest::read, 42);
    net::socket duplicate{::dup(ours.native_handle())};
    poller.remove(ours.native_handle());
    ours.close();
    theirs.send_all("x");
    CHECK(events_of(poller).empty());
}

ON_EVERY_POLLER("the token comes back as it was given up to the last bit") {
    flag up{true};
    TestType poller;
    const std::uint64_t token = GENERATE(std::uint64_t{0}, std::uint64_t{0x8000000000000001}, ~std::uint64_t{0});
    poller.add(up.native_handle(), interest::read, token);
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == token);
}

// ---- many ----------------------------------------------------------------------------------------------

ON_EVERY_POLLER("three hundred ready descriptors come in batches and each of them once") {
    const trigger how =
        GENERATE(filter(exists_for<TestType>, values({trigger::level, trigger::edge, trigger::one_shot})));
    constexpr std::size_t count = 300;
    STATIC_REQUIRE(net::epoll_poller::batch == 128);
    constexpr std::size_t batch = TestType::has_edge ? 128 : count;  // select and poll keep nothing back
    std::vector<flag> flags;
    flags.reserve(count);
    TestType poller;
    for (std::size_t i = 0; i < count; ++i) {
        flags.emplace_back(true);
        poller.add(flags.back().native_handle(), interest::read, i, how);
    }
    std::map<std::uint64_t, int> reports;
    std::size_t waits = 0;
    for (;; ++waits) {
        const auto events = events_of(poller);
        if (events.empty()) break;
        CHECK(events.size() <= batch);
        for (const auto& happened : events) {
            REQUIRE(happened.token < count);
            CHECK(happened.ready == interest::read);
            ++reports[happened.token];
            flags[happened.token].lower();
        }
    }
    CHECK(waits == (count + batch - 1) / batch);
    CHECK(reports.size() == count);
    CHECK(std::all_of(reports.begin(), reports.end(), [](const auto& report) { return report.second == 1; }));
}

ON_EVERY_POLLER("descriptors that stay ready do not hide the others behind the end of a batch") {
    constexpr std::size_t count = 300;
    std::vector<flag> flags;
    flags.reserve(count);
    TestType poller;
    for (std::size_t i = 0; i < count; ++i) {
        flags.emplace_back(true);
        poller.add(flags.back().native_handle(), interest::read, i);
    }
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 3; ++i)
        for (const auto& happened : events_of(poller)) seen.insert(happened.token);
    CHECK(seen.size() == count);
}

ON_EVERY_POLLER("whoever walks through the events may add and remove meanwhile") {
    TestType poller;
    std::vector<flag> flags;
    flags.reserve(400);
    const auto add = [&] {
        flags.emplace_back(true);
        poller.add(flags.back().native_handle(), interest::read, flags.size());
    };
    for (int i = 0; i < 50; ++i) add();
    std::set<std::uint64_t> seen;
    for (const net::event& happened : poller.wait(now)) {
        seen.insert(happened.token);
        for (int i = 0; i < 5; ++i) add();
        poller.remove(flags[happened.token - 1].native_handle());
    }
    CHECK(seen.size() == 50);
    CHECK(*seen.rbegin() == 50);
    seen.clear();
    for (int i = 0; i < 3; ++i)
        for (const net::event& happened : poller.wait(now)) seen.insert(happened.token);
    CHECK(seen.size() == 250);
    CHECK(*seen.begin() == 51);
}

ON_EVERY_POLLER("waiting takes no memory") {
    TestType poller;
    std::vector<flag> flags;
    for (std::size_t i = 0; i < 200; ++i) {
        flags.emplace_back(true);
        poller.add(flags.back().native_handle(), interest::read, i);
    }
    const net::event* const place = poller.wait(now).data();
    for (int i = 0; i < 10; ++i) CHECK(poller.wait(now).data() == place);
}

ON_EVERY_POLLER("whatever is added and modified and removed what is reported is what is ready and asked for") {
    struct entry {
        bool there = false, up = false, asked = false, armed = false;
        trigger how = trigger::level;
        std::uint64_t token = 0;
    };
    constexpr std::size_t count = 40;
    std::vector<flag> flags;
    for (std::size_t i = 0; i < count; ++i) flags.emplace_back(false);
    std::vector<entry> model(count);
    TestType poller;
    std::mt19937 random{GENERATE(1u, 2u, 3u)};
    for (std::uint64_t step = 1; step <= 3000; ++step) {
        const std::size_t i = random() % count;
        entry& each = model[i];
        switch (random() % 5) {
            case 0:
            case 1:
                each.asked = random() % 4 != 0;
                each.how = random() % 3 == 0 ? trigger::one_shot : trigger::level;
                each.token = step;
                each.armed = true;
                if (each.there)
                    poller.modify(flags[i].native_handle(), each.asked ? interest::read : interest::none, step,
                                  each.how);
                else
                    poller.add(flags[i].native_handle(), each.asked ? interest::read : interest::none, step, each.how);
                each.there = true;
                break;
            case 2:
                poller.remove(flags[i].native_handle());
                each.there = false;
                break;
            default: each.up ? flags[i].lower() : flags[i].raise(); each.up = !each.up;
        }
        if (random() % 4 != 0) continue;
        std::set<std::uint64_t> expected, seen;
        for (entry& other : model) {
            if (!other.there || !other.up || !other.asked || !other.armed) continue;
            expected.insert(other.token);
            other.armed = other.how != trigger::one_shot;
        }
        for (const net::event& happened : poller.wait(now)) seen.insert(happened.token);
        REQUIRE(seen == expected);
    }
}

ON_EVERY_POLLER("a socket stands for its descriptor") {
    auto [near, far] = netnotes::socket_pair();
    near.set_blocking(false);
    std::array<char, 4> room{};
    std::error_code error;
    near.recv(room, error);
    CHECK(error == netnotes::would_block);
    TestType poller;
    poller.add(near, interest::write, 1);
    CHECK(support::failure_of([&, &end = near] { poller.add(end.native_handle(), interest::read, 2); }).code ==
          std::errc::file_exists);
    CHECK(ready_of(poller) == interest::write);
    poller.modify(near, interest::read, 3);
    CHECK(events_of(poller).empty());
    far.send_all("x");
    const auto events = events_of(poller);
    REQUIRE(events.size() == 1);
    CHECK(events[0].token == 3);
    poller.remove(near);
    CHECK(events_of(poller).empty());
    CHECK(support::failure_of([&] { poller.add(netnotes::socket{}, interest::read, 1); }).code ==
          std::errc::bad_file_descriptor);
}
