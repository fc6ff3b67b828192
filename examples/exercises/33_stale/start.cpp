#include "kill.hpp"
#include "stale.hpp"

void test() {
    bench server;
    server.turn({});
    auto a = server.connect("hello");
    server.turn({server.newcomer()});
    CHECK(server.accepted() == 1);
    server.turn({server.readable(0)});
    CHECK(server.received(0) == "hello");
    CHECK(a.answer() == "ok");
}
