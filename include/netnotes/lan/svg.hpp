// netnotes/lan/svg.hpp: maps and sequence diagrams, as pictures
// SPDX-License-Identifier: MIT
//
// Scalable vector graphics are text that every browser draws. The picture has the map of the network above, and the sequence
// diagram below it:
//
//        <svg xmlns="http://www.w3.org/2000/svg" width="…" height="…">
//        <rect …/> <text …>A</text>                   a node
//        <line … marker-end="url(#tip)"/>             a frame on its way: the arrow slopes, because it needs time
//
// On this page:  svg
// Source:        W3C, Scalable Vector Graphics 2
// The notes:     Packet Tracer; examples 32 to 34

#ifndef NETNOTES_LAN_SVG_HPP
#define NETNOTES_LAN_SVG_HPP

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "draw.hpp"

namespace netnotes::lan {

namespace detail {

/// Writes elements of SVG. All numbers are whole pixels, so the text is equal on every machine.
class svg_writer {
  public:
    void line(std::size_t x1, std::size_t y1, std::size_t x2, std::size_t y2, std::string_view more) {
        text_ += "<line x1=\"" + std::to_string(x1) + "\" y1=\"" + std::to_string(y1) + "\" x2=\"" +
                 std::to_string(x2) + "\" y2=\"" + std::to_string(y2) + "\" ";
        text_.append(more).append("/>\n");
    }
    void box(std::size_t x, std::size_t y, std::size_t width, std::size_t height, std::string_view more) {
        text_ += "<rect x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\" width=\"" +
                 std::to_string(width) + "\" height=\"" + std::to_string(height) + "\" ";
        text_.append(more).append("/>\n");
    }
    void write(std::size_t x, std::size_t y, std::string_view what, std::string_view more = {}) {
        text_ += "<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\" ";
        text_.append(more).append(">");
        for (const char c : what) {
            if (c == '<')
                text_ += "&lt;";
            else if (c == '>')
                text_ += "&gt;";
            else if (c == '&')
                text_ += "&amp;";
            else
                text_ += c;
        }
        text_ += "</text>\n";
    }
    std::string finish(std::size_t width, std::size_t height) {
        std::string all = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + std::to_string(width);
        all += "\" height=\"" + std::to_string(height) + "\" ";
        all += "font-family=\"sans-serif\" font-size=\"12\" text-anchor=\"middle\">\n";
        all += "<defs><marker id=\"tip\" markerWidth=\"10\" markerHeight=\"8\" refX=\"9\" refY=\"4\" orient=\"auto\">";
        all += "<path d=\"M0,0 L10,4 L0,8 z\"/></marker></defs>\n";
        all += "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
        return all += text_ + "</svg>\n";
    }

  private:
    std::string text_;
};

}  // namespace detail

/// Returns a picture of the network: the map, and below it the sequence diagram of the passages, at most `max_frames` of them.
[[nodiscard]] inline std::string svg(const network& net, std::span<const passage> passages,
                                     std::size_t max_frames = 500) {
    constexpr std::size_t step_x = 150, step_y = 70, margin = 80, column = 110, row = 26;
    const auto order = detail::tree_of(net);
    detail::svg_writer out;

    // The map: depth goes to the right, and each leaf has a line of its own.
    std::vector<std::pair<std::size_t, std::size_t>> places(net.nodes().size() + 1);
    std::size_t line = 0, most_depth = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        if (i > 0 && order[i].depth <= order[i - 1].depth) ++line;
        places[order[i].which->number()] = {margin + order[i].depth * step_x, 40 + line * step_y};
        most_depth = std::max(most_depth, order[i].depth);
    }
    for (const auto& each : net.cables()) {
        const auto [x1, y1] = places[each->end(0).number()];
        const auto [x2, y2] = places[each->end(1).number()];
        out.line(x1, y1, x2, y2, "stroke=\"gray\" stroke-width=\"2\"");
        if (const std::string how = detail::cable_text(*each); !how.empty())
            out.write((x1 + x2) / 2, (y1 + y2) / 2 - 6, how, "font-size=\"10\"");
    }
    for (const detail::tree_place& each : order) {
        const auto [x, y] = places[each.which->number()];
        const bool is_router = each.which->kind() == "router", is_host = each.which->kind() == "host";
        out.box(x - 32, y - 14, 64, 28,
                is_host     ? "rx=\"2\" fill=\"#e8f0ff\" stroke=\"black\""
                : is_router ? "rx=\"14\" fill=\"#ffe8d0\" stroke=\"black\""
                            : "rx=\"2\" fill=\"#e8ffe8\" stroke=\"black\"");
        out.write(x, y + 4, each.which->name());
        out.write(x, y + 28, detail::addresses_of(*each.which), "font-size=\"9\"");
    }
    const std::size_t top = 40 + (line + 1) * step_y;

    // The sequence diagram.
    passages = passages.first(std::min(passages.size(), max_frames));
    std::vector<std::size_t> columns(net.nodes().size() + 1);
    for (std::size_t i = 0; i < order.size(); ++i) columns[order[i].which->number()] = margin + i * column;
    const std::size_t bottom = top + 20 + passages.size() * row, right = margin + order.size() * column;
    for (const detail::tree_place& each : order) {
        const std::size_t x = columns[each.which->number()];
        out.write(x, top, each.which->name());
        out.line(x, top + 8, x, bottom, "stroke=\"lightgray\"");
    }
    for (std::size_t i = 0; i < passages.size(); ++i) {
        const passage& each = passages[i];
        const std::size_t y = top + 20 + i * row, from = columns[each.sender().number()];
        const std::size_t to = columns[each.receiver().number()], middle = (from + to) / 2;
        out.write(4, y + 8, time_text(each.sent), "font-size=\"9\" text-anchor=\"start\"");
        if (arrives(each.fate)) {
            out.line(from, y, to, y + 12, "stroke=\"black\" marker-end=\"url(#tip)\"");
        } else {
            out.line(from, y, middle, y + 6, "stroke=\"red\"");
            out.write(middle, y + 10, "x", "fill=\"red\"");
        }
        std::string what = detail::contents_of(each.frame);
        if (each.fate != fate::delivered) what += netnotes::detail::joined(" [", to_string(each.fate), "]");
        out.write(right, y + 10, what, "font-size=\"11\" text-anchor=\"start\"");
    }
    return out.finish(std::max(right + 460, 2 * margin + most_depth * step_x), bottom + 20);
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_SVG_HPP
