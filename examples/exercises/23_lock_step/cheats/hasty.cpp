#include "lock_step.hpp"

#include <stdexcept>

std::string fetch(wire& net) {  // right, but it leaves while the server may still repeat the last block
    std::string file;
    std::uint16_t done = 0;
    net.request();
    for (int silent = 0; silent < 8;) {
        const auto block = net.receive();
        if (!block) {
            ++silent;
            if (file.empty()) net.request();
            else net.acknowledge(done);
            continue;
        }
        silent = 0;
        net.acknowledge(block->number);
        if (block->number != static_cast<std::uint16_t>(done + 1)) continue;
        ++done;
        file += block->data;
        if (block->data.size() < block_size) return file;
    }
    throw std::runtime_error{"the server does not answer"};
}
