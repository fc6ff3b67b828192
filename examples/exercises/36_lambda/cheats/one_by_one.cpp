#include "lambda.hpp"

namespace net = netnotes;

net::task<> greet_all(std::vector<visitor> visitors, std::vector<std::string>& said) {  // the feature deleted: no spawn()
    for (const visitor& each : visitors) {
        co_await net::sleep_for(each.delay());
        said.push_back("hello " + each.name());
    }
}
