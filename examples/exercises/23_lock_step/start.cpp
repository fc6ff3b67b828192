#include "lock_step.hpp"

std::string fetch(wire& net) {
    std::string file;
    net.request();
    for (;;) {
        const auto block = net.receive();
        if (!block) continue;
        file += block->data;
        net.acknowledge(block->number);
        if (block->data.size() < block_size) return file;
    }
}
