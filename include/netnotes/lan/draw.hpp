// netnotes/lan/draw.hpp: maps and sequence diagrams, as text
// SPDX-License-Identifier: MIT
//
// A map shows how the nodes hang together, as a tree from the first node on. A sequence diagram has a column for each node and a
// row for each frame; time goes downwards:
//
//        A  10.0.1.2/24                        A       S       B
//        └── S                        0.000000 |------>|       |   ARP: where is 10.0.1.3? tell 10.0.1.2
//            └── B  10.0.1.3/24       0.000010 |       |------>|   ARP: where is 10.0.1.3? tell 10.0.1.2
//                                     0.000020 |       |   x---|   ARP: 10.0.1.3 is at …  [lost on the way]
//
// On this page:  map_text · sequence_diagram
// The notes:     Packet Tracer; examples 32 to 34

#ifndef NETNOTES_LAN_DRAW_HPP
#define NETNOTES_LAN_DRAW_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host.hpp"
#include "network.hpp"
#include "print.hpp"

namespace netnotes::lan {

namespace detail {

/// A node's place in the tree that both drawings share: the first node is the root, and a cable leads to each other node.
struct tree_place {
    node* which = nullptr;
    std::size_t parent = 0;  // index of the place from which it was found; of a root its own index
    std::size_t depth = 0;
    const cable* wire = nullptr;  // that leads to the parent
};
/// Returns all nodes, in depth-first order. A node without a way to the first node begins a tree of its own.
inline std::vector<tree_place> tree_of(const network& net) {
    // The cables of each node, in the order of its ports. Nodes are numbered from 1 in the order of creation.
    std::vector<tree_place> order;
    std::vector<bool> is_known(net.nodes().size() + 1);
    for (const auto& root : net.nodes()) {
        if (is_known[root->number()]) continue;
        std::vector<tree_place> waiting{{root.get(), order.size(), 0, nullptr}};
        while (!waiting.empty()) {
            const tree_place next = waiting.back();
            waiting.pop_back();
            if (is_known[next.which->number()]) continue;
            is_known[next.which->number()] = true;
            const std::size_t index = order.size();
            order.push_back(next);
            for (unsigned port = next.which->port_count(); port-- > 0;) {
                const cable* const wire = next.which->cable_at(port);
                if (wire == nullptr) continue;
                node& other = &wire->end(0) == next.which ? wire->end(1) : wire->end(0);
                if (!is_known[other.number()]) waiting.push_back({&other, index, next.depth + 1, wire});
            }
        }
    }
    return order;
}
/// Returns a share of a million in per cent, for example `0.5 %`.
inline std::string percentage(std::uint32_t per_million) {
    std::string text = std::to_string(per_million / 10'000), rest = std::to_string(per_million % 10'000 + 10'000);
    rest[0] = '.';
    while (rest.ends_with('0')) rest.pop_back();
    return text + (rest.size() > 1 ? rest : "") + " %";
}
/// Returns a rate with the largest unit that leaves a whole number, for example `10 Mbit/s`.
inline std::string rate_text(std::uint64_t rate) {
    for (const auto& [size, unit] : {std::pair{1'000'000'000u, " Gbit/s"}, {1'000'000u, " Mbit/s"}, {1000u, " kbit/s"}})
        if (rate % size == 0) return std::to_string(rate / size) + unit;
    return std::to_string(rate) + " bit/s";
}
/// Returns what a cable does beyond the usual, for example `10.000 ms, loses 1 %`.
inline std::string cable_text(const cable& wire) {
    const cable_settings usual, &how = wire.settings;
    std::string text;
    const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
    if (how.delay != usual.delay) add(milliseconds(how.delay));
    if (how.rate != 0) add(rate_text(how.rate));
    if (how.mtu != usual.mtu) add("MTU " + std::to_string(how.mtu));
    if (how.loss != 0) add("loses " + percentage(how.loss));
    if (how.duplication != 0) add("doubles " + percentage(how.duplication));
    if (how.reordering != 0) add("delays " + percentage(how.reordering));
    return text;
}
inline std::string addresses_of(node& which) {
    std::string text;
    if (const ip_node* const known = which.as_ip_node())
        for (unsigned port = 0; port < known->port_count(); ++port)
            text += (port == 0 ? "" : "  ") + known->interface(port).to_string();
    return text;
}

}  // namespace detail

/// Returns a map of the network as a tree, a line for each node. Cables that would close a circle stand in lines below.
[[nodiscard]] inline std::string map_text(const network& net) {
    const auto order = detail::tree_of(net);
    std::string text;
    std::set<const cable*> drawn;
    std::vector<bool> goes_on;  // for each depth: does another child follow?
    for (std::size_t i = 0; i < order.size(); ++i) {
        const detail::tree_place& each = order[i];
        // Another child of the same parent follows before the tree leaves that parent.
        bool has_sibling = false;
        for (std::size_t j = i + 1; j < order.size() && order[j].depth >= each.depth; ++j)
            has_sibling = has_sibling || (order[j].depth == each.depth && each.depth > 0);
        goes_on.resize(each.depth);
        for (std::size_t depth = 1; depth < each.depth; ++depth) text += goes_on[depth] ? "│   " : "    ";
        if (each.depth > 0) text += has_sibling ? "├── " : "└── ";
        goes_on.push_back(has_sibling);
        text += each.which->name();
        if (const std::string addresses = detail::addresses_of(*each.which); !addresses.empty())
            text += "  " + addresses;
        else
            text += netnotes::detail::joined("  ", each.which->kind());
        if (each.wire != nullptr) {
            drawn.insert(each.wire);
            if (const std::string how = detail::cable_text(*each.wire); !how.empty()) text += "  (" + how + ")";
        }
        text += "\n";
    }
    for (const auto& each : net.cables())
        if (!drawn.contains(each.get())) text += "and a cable " + each->name() + "\n";
    return text;
}

/// Returns a sequence diagram: a column for each node, a row for each passage.
[[nodiscard]] inline std::string sequence_diagram(const network& net, std::span<const passage> passages) {
    constexpr std::size_t width = 8;
    const auto order = detail::tree_of(net);
    std::vector<std::size_t> columns(net.nodes().size() + 1);
    std::string empty, text(11, ' ');
    for (std::size_t i = 0; i < order.size(); ++i) {
        columns[order[i].which->number()] = i * width;
        empty += "|" + std::string(i + 1 < order.size() ? width - 1 : 0, ' ');
        std::string name = order[i].which->name().substr(0, width - 1);
        name.resize(width, ' ');
        text += name;
    }
    while (text.ends_with(' ')) text.pop_back();
    text += "\n";
    for (const passage& each : passages) {
        const std::size_t from = columns[each.sender().number()], to = columns[each.receiver().number()];
        std::string row = empty;
        const std::size_t left = std::min(from, to), right = std::max(from, to);
        const bool is_lost = !arrives(each.fate);
        if (left == right) {  // a cable from a node to itself
            row[left] = is_lost ? 'x' : 'o';
        } else {
            for (std::size_t at = left + 1; at < right; ++at) row[at] = '-';
            if (is_lost) {  // the arrow ends in the middle
                const std::size_t middle = (left + right) / 2;
                for (std::size_t at = left + 1; at < right; ++at)
                    if (from < to ? at > middle : at < middle) row[at] = at % width == 0 ? '|' : ' ';
                row[middle] = 'x';
            } else {
                row[from < to ? right - 1 : left + 1] = from < to ? '>' : '<';
            }
        }
        text += time_text(each.sent) + "   " + row + "   " + detail::contents_of(each.frame);
        if (each.fate != fate::delivered) text += netnotes::detail::joined("  [", to_string(each.fate), "]");
        text += "\n";
    }
    return text;
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_DRAW_HPP
