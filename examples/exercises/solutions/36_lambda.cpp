#include "lambda.hpp"

namespace net = netnotes;

net::task<> greet_all(std::vector<visitor> visitors, std::vector<std::string>& said) {
    std::vector<net::join_handle<void>> handles;
    for (const visitor& each : visitors) {
        auto greet = [each, &said]() -> net::task<> {
            co_await net::sleep_for(each.delay());
            said.push_back("hello " + each.name());
        };
        handles.push_back(net::spawn(std::move(greet)));  // the function, not its task: spawn() keeps it as long as the task
    }
    for (net::join_handle<void>& handle : handles) co_await handle.join();
}
