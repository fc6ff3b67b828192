#include "kill.hpp"
#include "stale.hpp"

void test() {
    bench server;
    server.turn({});
    const auto before = server.watched();
    auto a = server.connect("close 1"), b = server.connect("hello");
    server.turn({server.newcomer()});
    CHECK(server.accepted() == 2);
    CHECK(server.watched() == before + 2);

    // One batch: a closes b, then c takes b's place, then comes the event of b that the kernel had seen before.
    auto c = server.connect("me");
    server.turn({server.readable(0), server.newcomer(), server.readable(1)});
    CHECK(server.accepted() == 3);
    CHECK(server.received(1).empty());
    CHECK(server.received(2).empty());  // the event was not for c
    CHECK(b.answer() == "closed");
    CHECK(c.answer().empty());
    CHECK(server.watched() == before + 2);

    server.turn({server.readable(2)});
    CHECK(server.received(2) == "me");
    CHECK(c.answer() == "ok");
    CHECK(a.answer() == "ok");

    // An event of a client that has gone, and no other client is in its place.
    auto d = server.connect("close 2"), e = server.connect("e");
    server.turn({server.newcomer()});
    server.turn({server.readable(3), server.readable(2)});
    CHECK(c.answer() == "closed");
    CHECK(server.watched() == before + 3);

    // One place is free. Two more clients must get two places.
    auto f = server.connect("f"), g = server.connect("g");
    server.turn({server.newcomer()});
    server.turn({server.readable(4), server.readable(5), server.readable(6)});
    CHECK(e.answer() == "ok");
    CHECK(f.answer() == "ok");
    CHECK(g.answer() == "ok");
}
