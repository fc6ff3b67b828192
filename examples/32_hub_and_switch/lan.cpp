// lan.cpp: plays a network that is written as text, and shows every frame (beyond the notes)

#include <netnotes/lan.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

namespace lan = netnotes::lan;

void write(const std::string& name, auto content) {
    std::ofstream file{name, std::ios::binary};
    content(file);
    if (!file.flush()) throw std::runtime_error{name + ": cannot be written"};
}

// Moves from frame to frame, as the button "Forward" of Packet Tracer does: one press of Enter, one frame.
void step(lan::network& net) {
    for (std::string line; const lan::passage* passage = net.step();) {
        std::cout << "    " << lan::hop_line(*passage) << std::flush;
        if (!std::getline(std::cin, line)) return void(net.run(100'000));
    }
}

int main(int argc, char** argv) try {
    const std::vector<std::string> words{argv + 1, argv + argc};
    bool steps = false, tables = false;
    std::string file, picture, capture;
    for (std::size_t i = 1; i < words.size(); ++i) {
        if (words[i] == "--step")
            steps = true;
        else if (words[i] == "--tables")
            tables = true;
        else if (words[i] == "--svg" && i + 1 < words.size())
            picture = words[++i];
        else if (words[i] == "--pcap" && i + 1 < words.size())
            capture = words[++i];
        else
            file = file.empty() ? words[i] : "-";
    }
    if (words.empty() || words[0] != "run" || file.empty() || file[0] == '-')
        return std::cerr << "usage: lan run FILE.net [--step] [--svg FILE] [--pcap FILE] [--tables]\n", 2;

    lan::network net;
    std::ifstream in{file};
    const std::string text{std::istreambuf_iterator{in}, {}};
    if (!in) throw std::runtime_error{file + ": cannot be read"};
    lan::scenario play{net, text};
    std::cout << lan::map_text(net);
    for (std::size_t i = 0; i < play.size(); ++i) {
        std::cout << "\n> " << play.statement(i) << '\n';
        const std::size_t before = net.passages().size();
        if (steps) {
            play.begin(i);
            step(net);
            std::cout << play.result(i);
        } else {
            const std::string result = play.perform(i, 100'000);  // a loop of switches never ends
            const auto frames = net.passages().subspan(before);
            std::cout << lan::hops(frames.first(std::min<std::size_t>(frames.size(), 200))) << result;
        }
    }
    if (tables) std::cout << '\n' << lan::all_tables(net);
    if (!picture.empty()) write(picture, [&](std::ostream& out) { out << lan::svg(net, net.passages()); });
    if (!capture.empty()) write(capture, [&](std::ostream& out) { net.save(out); });
} catch (const std::exception& error) {
    return std::cerr << "lan: " << error.what() << '\n', 1;
}
