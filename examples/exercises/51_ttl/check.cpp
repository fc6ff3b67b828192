#include "grader.hpp"

#include <netnotes/lan/route.hpp>

#include <algorithm>
#include <utility>

namespace {

namespace net = netnotes;
using grader::either;

constexpr std::size_t refuse = 99;  // in place of a next node: the route says that the network cannot be reached

/// Where a packet has been, and what ended its way.
struct trip {
    enum { arrived, exceeded, unreachable } fate = arrived;
    std::size_t end = 0;  ///< the node
    unsigned ttl = 0;     ///< in the packet at the end
    std::vector<std::size_t> visited{};

    std::string times(std::size_t node) const { return std::to_string(std::count(visited.begin(), visited.end(), node)); }
};

/// The host A at R1, the routers R1, R2, ..., and the host B at one of them. Node 0 is A, node 1 is R1.
class routers {
  public:
    routers(std::size_t count, std::size_t router_of_b, const char* address_of_b)
        : tables_(count + 2), shown_(count + 2), at_b_{router_of_b}, address_of_b_{address_of_b} {
        add(1, "10.0.1.0/24", 0);
    }
    std::size_t b() const { return tables_.size() - 1; }
    std::size_t count() const { return b() - 1; }
    std::string name(std::size_t node) const { return node == 0 ? "A" : node == b() ? "B" : "R" + std::to_string(node); }

    void add(std::size_t router, const char* network, std::size_t next) {
        // The port of the route is the next node.
        tables_[router].add({.destination = net::network{network}, .port = static_cast<unsigned>(next)});
        shown_[router] += (shown_[router].empty() ? "" : ", ") + std::string{network} + " → " +
                          (next == refuse ? "unreachable" : name(next));
    }
    /// Adds a route to `network` on each router from `first` to `last`, each to its neighbour in this direction.
    void add_chain(const char* network, std::size_t first, std::size_t last) {
        for (std::size_t at = first; at != last; at += first < last ? 1 : -1) add(at, network, first < last ? at + 1 : at - 1);
    }
    trip send(std::size_t from, net::ipv4_address destination, unsigned ttl) const {
        std::size_t at = from == 0 ? 1 : from == b() ? at_b_ : from;
        trip made{.ttl = ttl};
        for (bool is_sender = at == from;; is_sender = false) {
            if (!is_sender) made.visited.push_back(at);
            made.end = at;
            if (at == 0 || at == b()) return made;
            const auto next = tables_[at].next(destination);
            if (!next || next->port == refuse) return made.fate = trip::unreachable, made;
            if (!is_sender && --made.ttl == 0) return made.fate = trip::exceeded, made;
            at = next->port;
        }
    }
    trip request(net::ipv4_address to, unsigned ttl) const { return send(0, to, ttl); }
    trip request(unsigned ttl) const { return send(0, address_of_b_, ttl); }
    trip back(std::size_t from, unsigned ttl) const { return send(from, net::ipv4_address{"10.0.1.2"}, ttl); }

    /// Returns who answers a ping of A, and how.
    std::string ping(net::ipv4_address to, unsigned ttl) const {
        const trip there = request(to, ttl);
        if (back(there.end, 64).fate != trip::arrived) return "nobody";  // the way back ended early
        const char* how = there.fate == trip::exceeded ? " exceeded" : there.fate == trip::unreachable ? " unreachable" : " reply";
        return name(there.end) + how;
    }
    std::string text(char letter) const {
        std::string all = letter + std::string{": A 10.0.1.2"} + either(" is at R1", " 在 R1") + ", B " + address_of_b_.to_string() +
                          either(" is at R", " 在 R") + std::to_string(at_b_) + '\n';
        for (std::size_t i = 1; i < b(); ++i) all += letter + std::string{"  R"} + std::to_string(i) + ": " + shown_[i] + '\n';
        return all;
    }
    net::ipv4_address address_of_b() const { return address_of_b_; }

  private:
    std::vector<net::lan::route_table> tables_;
    std::vector<std::string> shown_;
    std::size_t at_b_;
    net::ipv4_address address_of_b_;
};

/// The questions about one map.
class section {
  public:
    section(std::vector<grader::question>& all, char letter, const routers& map)
        : all_{all}, letter_{letter}, map_{map}, above_{map.text(letter)} {}

    void ask(const std::string& text, const std::string& answer, const char* why) {
        all_.push_back({letter_ + std::string{": "} + text, answer, why, std::exchange(above_, "")});
    }
    void ping(net::ipv4_address to, unsigned ttl) {
        const std::string answer = map_.ping(to, ttl);
        ask("ping " + to.to_string() + " with TTL " + std::to_string(ttl), answer,
            answer == "nobody" ? either("The report or the reply needs routes to A. Follow it from router to router.",
                                        "报告或回答需要通往 A 的路由。请逐个路由器跟踪它。")
            : answer.ends_with("exceeded") || answer.ends_with("reply")
                ? either("Each router subtracts 1. The router that gets 0 drops the packet and reports it to A.",
                         "每个路由器减 1。得到 0 的路由器丢弃数据包，并报告给 A。")
                : either("A router without a way for the packet reports it to A. The longest prefix decides.",
                         "没有路可走的路由器报告给 A。由最长的前缀决定。"));
    }
    void ping(unsigned ttl) { ping(map_.address_of_b(), ttl); }
    void ttl_at_b(unsigned ttl) {
        ask("TTL of the request at B, if A sends it with " + std::to_string(ttl), std::to_string(map_.request(ttl).ttl),
            either("Each router on the way subtracts 1, and a host does not.", "途中每个路由器减 1，主机不减。"));
    }
    void ttl_at_a(unsigned ttl) {
        ask("TTL of the reply at A, if B sends it with " + std::to_string(ttl), std::to_string(map_.back(map_.b(), ttl).ttl),
            either("The reply is a new packet. Each router on its way subtracts 1.", "回答是新的数据包，途中每个路由器减 1。"));
    }
    void visits(net::ipv4_address to, unsigned ttl, std::size_t router) {
        ask("how often " + map_.name(router) + " gets the packet of ping " + to.to_string() + " with TTL " + std::to_string(ttl),
            map_.request(to, ttl).times(router),
            either("The packet visits as many routers as its TTL says. Write the first visits down, and see them repeat.",
                   "TTL 是几，数据包就经过几次路由器。写出最初几次，看它怎样重复。"));
    }

  private:
    std::vector<grader::question>& all_;
    char letter_;
    const routers& map_;
    std::string above_;
};

/// A line of routers from A to B. The router `forgetful` has no route back to A.
routers line(std::size_t count, std::size_t forgetful) {
    routers map{count, count, "10.0.4.2"};
    map.add_chain("10.0.4.0/24", 1, count);
    map.add(count, "10.0.4.0/24", map.b());
    for (std::size_t i = 2; i <= count; ++i)
        if (i != forgetful) map.add(i, "10.0.1.0/24", i - 1);
    return map;
}
/// The last router knows only a part of its network, and sends the rest to the router `again`.
routers loop(std::size_t count, std::size_t again, bool is_mended) {
    routers map{count, count, "10.8.1.2"};
    map.add_chain("10.8.0.0/16", 1, count);
    map.add(count, "10.8.1.0/24", map.b());
    if (is_mended) map.add(count, "10.8.0.0/16", refuse);
    map.add_chain("10.0.1.0/24", count - 1, 1);
    map.add(count, "0.0.0.0/0", again);
    return map;
}

std::vector<grader::question> make(std::uint32_t seed) {
    std::vector<grader::question> all;
    const net::ipv4_address unused{"10.8.7.7"};
    {
        const routers map = line(3, 0);
        section a{all, 'a', map};
        for (const unsigned ttl : {1u, 3u, 4u}) a.ping(ttl);
        a.ttl_at_b(64);
        a.ttl_at_a(128);
    }
    {
        const routers map = line(3, 2);
        section b{all, 'b', map};
        for (const unsigned ttl : {1u, 2u, 64u}) b.ping(ttl);
        b.ask("the router that drops the reply of B", map.name(map.back(map.b(), 64).end),
              either("It has no route to A.", "它没有通往 A 的路由。"));
    }
    {
        const routers map = loop(3, 2, false);
        section c{all, 'c', map};
        c.ping(64);
        for (const unsigned ttl : {2u, 3u, 4u, 64u}) c.ping(unused, ttl);
        c.visits(unused, 64, 3);
        c.visits(unused, 255, 3);
    }
    {
        const routers map = loop(3, 2, true);
        section d{all, 'd', map};
        d.ping(64);
        d.ping(unused, 64);
        d.visits(unused, 255, 3);
    }
    std::mt19937 random{seed};
    const auto between = [&](unsigned least, unsigned most) { return least + static_cast<unsigned>(random() % (most - least + 1)); };
    {
        const unsigned count = between(4, 7);
        const routers map = line(count, 0);
        section e{all, 'e', map};
        e.ping(between(2, count - 1));
        e.ping(count + between(0, 1));
        e.ttl_at_b(between(40, 255));
        e.ttl_at_a(between(40, 255));
    }
    {
        const unsigned count = between(4, 7), forgetful = between(3, count - 1);
        const routers map = line(count, forgetful);
        section f{all, 'f', map};
        f.ping(forgetful - 1);
        f.ping(forgetful + between(0, 1));
    }
    {
        const unsigned count = between(4, 6), ttl = between(20, 255);
        const routers map = loop(count, count - between(1, 2), false);
        section g{all, 'g', map};
        g.ping(unused, ttl);
        g.visits(unused, ttl, count);
        g.visits(unused, between(20, 255), count - 1);
    }
    return all;
}

}  // namespace

int main(int argc, char** argv) { return grader::run_sheet(argc, argv, make); }
