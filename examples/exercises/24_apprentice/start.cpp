#include "apprentice.hpp"

bool send_file(wire& net, std::string_view file) {
    for (std::uint16_t number = 1;; ++number) {
        const std::string_view data = file.substr(0, block_size);
        net.send(number, data);
        for (int tries = 1; net.receive() != number; ++tries) {  // no answer, or another answer
            if (tries == 8) return false;
            net.send(number, data);
        }
        if (data.size() < block_size) return true;
        file.remove_prefix(block_size);
    }
}
