// The manners of the demonstrations of attacks: lessons 35, 36 and 37. Each has `demo save ATTACK CURED`.

#pragma once

#include "demo.hpp"

#include <netnotes/lan.hpp>

#include <fstream>

namespace example {

/// Writes what one cable carried, as a capture file.
inline void save(const net::lan::network& network, const net::lan::cable& wire, const std::string& name) {
    std::ofstream file{name, std::ios::binary};
    net::packet::pcapng_writer writer{file, {.application = "netnotes"}};
    writer.add_interface({.name = wire.name()});
    for (const net::lan::passage& each : network.passages())
        if (each.wire == &wire) writer.write(0, net::packet::capture_time{each.sent}, each.frame.bytes(), {});
    if (!file.flush()) throw std::runtime_error{name + ": cannot be written"};
}

/// Runs a demonstration of an attack. `save_both` writes the attack into one file, and the cured run into another.
inline int run_attack(int argc, char** argv, std::string_view help, const std::function<void()>& demonstrate,
                      const std::function<void(const std::string& attack, const std::string& cured)>& save_both) {
    return run(argc, argv, help, [&](arguments& words) {
        const auto rest = words.rest();
        if (rest.empty()) return demonstrate();
        if (rest.size() != 3 || rest[0] != "save") throw usage_error{"either no arguments, or: save ATTACK CURED"};
        save_both(rest[1], rest[2]);
    });
}

}  // namespace example
