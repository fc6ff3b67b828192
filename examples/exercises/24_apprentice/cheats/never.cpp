#include "apprentice.hpp"

bool send_file(wire& net, std::string_view file) {  // the feature deleted: nothing is sent again
    for (std::uint16_t number = 1;; ++number) {
        const std::string_view data = file.substr(0, block_size);
        net.send(number, data);
        while (true) {
            const auto answer = net.receive();
            if (answer == number) break;
            if (!answer) return false;
        }
        if (data.size() < block_size) return true;
        file.remove_prefix(block_size);
    }
}
