#include "apprentice.hpp"

bool send_file(wire& net, std::string_view file) {
    for (std::uint16_t number = 1;; ++number) {
        const std::string_view data = file.substr(0, block_size);
        net.send(number, data);
        for (int tries = 1;;) {
            const auto answer = net.receive();
            if (answer == number) break;
            if (answer) continue;  // of an earlier block: it has come before, and draws nothing
            if (tries == 8) return false;
            ++tries;
            net.send(number, data);
        }
        if (data.size() < block_size) return true;
        file.remove_prefix(block_size);
    }
}
