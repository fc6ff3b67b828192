#include "lambda.hpp"

namespace net = netnotes;

net::task<> greet_all(std::vector<visitor> visitors, std::vector<std::string>& said) {  // nothing dies, so nothing is dead
    std::vector<net::join_handle<void>> handles;
    for (const visitor& each : visitors) {
        const auto make = [each, &said]() -> net::task<> {
            co_await net::sleep_for(each.delay());
            said.push_back("hello " + each.name());
        };
        const auto* const greet = new auto(make);
        handles.push_back(net::spawn((*greet)()));
    }
    for (net::join_handle<void>& handle : handles) co_await handle.join();
}
