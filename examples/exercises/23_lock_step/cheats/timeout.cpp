#include "lock_step.hpp"

#include <stdexcept>

std::string fetch(wire& net) {  // repeats, and still takes each block that comes
    std::string file;
    net.request();
    for (int silent = 0; silent < 8;) {
        const auto block = net.receive();
        if (!block) {
            ++silent;
            if (file.empty()) net.request();
            continue;
        }
        silent = 0;
        file += block->data;
        net.acknowledge(block->number);
        if (block->data.size() < block_size) return file;
    }
    throw std::runtime_error{"the server does not answer"};
}
