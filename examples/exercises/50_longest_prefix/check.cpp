#include "longest_prefix.hpp"

#include "grader.hpp"

#include <netnotes/lan/route.hpp>

#include <algorithm>
#include <sstream>

namespace {

namespace net = netnotes;

std::string dotted(std::uint32_t address) { return net::ipv4_address{address}.to_string(); }
std::string shown(const route& which) {
    return dotted(which.network) + '/' + std::to_string(which.prefix) +
           (which.via ? " via " + dotted(*which.via) : std::string{}) + " port " + std::to_string(which.port);
}

/// Reads "10.0.0.0/8 via 10.0.1.1 port 2".
route read(std::string_view text) {
    route made;
    std::istringstream words{std::string{text}};
    std::string network, word;
    words >> network;
    const net::network parsed{network};
    made.network = parsed.address().v4().to_uint();
    made.prefix = parsed.prefix_length();
    while (words >> word)
        if (word == "via" && words >> word) made.via = net::ipv4_address{word}.to_uint();
        else words >> made.port;
    return made;
}

/// The library is the judge.
std::optional<std::string> wanted(const std::vector<route>& routes, std::uint32_t destination) {
    net::lan::route_table table;
    for (const route& each : routes) {
        net::lan::route entry{.destination = {net::ipv4_address{each.network}, each.prefix}, .port = each.port};
        if (each.via) entry.via = net::ipv4_address{*each.via};
        table.add(entry);
    }
    const auto next = table.next(net::ipv4_address{destination});
    if (!next) return std::nullopt;
    return next->neighbour.to_string() + " port " + std::to_string(next->port);
}
void judge(grader::sheet& steps, const std::vector<route>& routes, std::uint32_t destination) {
    std::string call = "next_hop({";
    for (const route& each : routes) call += (call.back() == '{' ? "" : ", ") + shown(each);
    std::optional<std::string> given;
    if (const auto next = next_hop(routes, destination))
        given = dotted(next->neighbour) + " port " + std::to_string(next->port);
    steps.equal(call + "}, " + dotted(destination) + ")", given, wanted(routes, destination));
}

/// A network that contains `address`, or the network beside that network.
route route_near(grader::sheet& steps, std::uint32_t address, unsigned port) {
    route made{.prefix = steps.below(8) == 0 ? 32 * steps.below(2) : steps.below(33), .port = port};
    if (steps.below(3) == 0 && made.prefix > 0) address ^= 1u << (32 - made.prefix);
    const net::network around{net::ipv4_address{address}, made.prefix, net::host_bits::cleared};
    made.network = around.address().v4().to_uint();
    if (steps.below(2)) made.via = 0x0a000000 + steps.below(256);
    return made;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto ask = [&](std::initializer_list<const char*> lines, std::initializer_list<const char*> destinations) {
        std::vector<route> routes;
        for (const char* each : lines) routes.push_back(read(each));
        for (const char* each : destinations) judge(steps, routes, net::ipv4_address{each}.to_uint());
    };
    steps.step("a router is the next step", "下一步是路由器", [&] {
        ask({"10.0.0.0/8 via 192.168.1.1 port 1"}, {"10.0.0.1", "10.255.255.255"});
        ask({"10.0.0.0/8 via 192.168.1.1 port 1", "172.16.0.0/12 via 192.168.1.2 port 2"}, {"172.31.255.255"});
    });
    steps.step("no route contains the destination", "没有路由包含目的地址", [&] {
        ask({}, {"10.0.0.1"});
        ask({"10.0.0.0/8 via 192.168.1.1 port 1", "172.16.0.0/12 port 2"}, {"11.0.0.0", "9.255.255.255", "172.32.0.0", "0.0.0.0"});
    });
    steps.step("the destination itself is a neighbour", "目的主机就是邻居", [&] {
        ask({"192.168.1.0/24 port 3"}, {"192.168.1.77"});
    });
    steps.step("the longest prefix wins, in each order", "最长的前缀胜出，与顺序无关", [&] {
        const std::initializer_list<const char*> destinations{"10.9.3.4", "10.9.0.0", "10.8.255.255", "10.9.3.7"};
        ask({"10.0.0.0/8 via 10.0.1.1 port 0", "10.9.0.0/16 via 10.0.1.7 port 1", "10.9.3.4/32 via 10.0.1.9 port 2"}, destinations);
        ask({"10.9.3.4/32 via 10.0.1.9 port 2", "10.9.0.0/16 via 10.0.1.7 port 1", "10.0.0.0/8 via 10.0.1.1 port 0"}, destinations);
        ask({"10.9.0.0/16 via 10.0.1.7 port 1", "10.9.3.4/32 via 10.0.1.9 port 2", "10.0.0.0/8 via 10.0.1.1 port 0"}, destinations);
    });
    steps.step("the default route 0.0.0.0/0 is the last choice", "默认路由 0.0.0.0/0 是最后的选择", [&] {
        const std::initializer_list<const char*> destinations{"10.0.0.1", "192.0.2.1", "0.0.0.0", "255.255.255.255"};
        ask({"10.0.0.0/8 port 1", "0.0.0.0/0 via 10.0.0.254 port 1"}, destinations);
        ask({"0.0.0.0/0 via 10.0.0.254 port 1", "10.0.0.0/8 port 1", "255.255.255.255/32 port 2"}, destinations);
    });
    steps.step("random tables", "随机的路由表", [&] {
        for (int i = 0; i < 3'000; ++i) {
            const auto center = static_cast<std::uint32_t>(steps.random()());
            std::vector<route> routes;
            for (std::uint32_t k = 1 + steps.below(5); k > 0; --k) {
                const route made = route_near(steps, center, k);
                const auto is_same = [&](const route& other) {
                    return other.network == made.network && other.prefix == made.prefix;
                };
                if (std::none_of(routes.begin(), routes.end(), is_same)) routes.push_back(made);
            }
            judge(steps, routes, steps.below(2) ? center : center ^ (1u << steps.below(32)));
        }
    });
    return steps.result();
}
