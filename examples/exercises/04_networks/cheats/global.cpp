// One fault ends the program before test() runs. The other faults must not count as found.
#include "kill.hpp"

#include <netnotes/ip/network.hpp>

#include <cstdlib>

struct early {
    early() {
        if (netnotes::network{"192.168.1.0/31"}.host_count() != 2) std::abort();
    }
};
const early at_once;

void test() { CHECK(netnotes::network{"192.168.1.0/24"}.host_count() == 254); }
