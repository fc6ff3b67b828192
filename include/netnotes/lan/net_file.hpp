// netnotes/lan/net_file.hpp: networks written as text
// SPDX-License-Identifier: MIT
//
// A network and what happens in it, without a compiler. A line is a statement; the rest of a line behind `#` is a
// comment:
//
//        host A 10.0.1.2/24 via 10.0.1.1            # a host, and its default gateway
//        host B 10.0.2.2/24 via 10.0.2.1
//        switch S1
//        router R 10.0.1.1/24 10.0.2.1/24
//        link A S1 10ms loss 1%
//        link S1 R.0                                # port 0 of R; without the number the next free port
//        link R.1 B
//        ping A B count 3                           # an action: the next begins when nothing happens any more
//
// Statements that build:                                           Options:
//     hub NAME
//     switch NAME                                                  ageing TIME, table SIZE
//     host NAME ADDRESS/PREFIX                                     via ADDRESS
//     router NAME ADDRESS/PREFIX...                                rip, nat PORT
//     link END END                                                 TIME, RATE, mtu BYTES, loss SHARE, double SHARE,
//                                                                  late SHARE, queue FRAMES, lose NUMBER
//     route NODE NETWORK via ADDRESS
//     arp NODE ADDRESS MAC        a permanent entry
//     open ROUTER tcp|udp PORT ADDRESS PORT      NAPT: an outside port for a server inside
//     seed NUMBER                 of what happens by chance
//
// Actions, done in their order:
//     ping FROM TO                                                 count, size, ttl, every TIME, df
//     traceroute FROM TO                                           hops NUMBER
//     udp FROM TO PORT WORD       sends a datagram
//     wait TIME                   lets time pass
//     cut END END, mend END END   the cable between two nodes
//     flush NODE                  forgets what a switch has learnt, or the ARP cache of a host
//     show NODE                   its tables
//
// A TIME is a number with a unit: ns, us, ms, s or min. A RATE has kbit, Mbit or Gbit. A SHARE has %. No blank stands
// between a number and its unit. FROM and TO are names of nodes; TO may be an address. An error names the line, and says
// what was expected.
//
// On this page:  net_file_error · scenario
// The notes:     Packet Tracer; examples 32 to 34

#ifndef NETNOTES_LAN_NET_FILE_HPP
#define NETNOTES_LAN_NET_FILE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../ip/text.hpp"
#include "router.hpp"
#include "switch.hpp"

namespace netnotes::lan {

/// A fault in the text of a network. what() begins with the line: `line 4: no node has the name "B9"`.
class net_file_error : public std::invalid_argument {
  public:
    net_file_error(std::size_t line, const std::string& message)
        : std::invalid_argument{"line " + std::to_string(line) + ": " + message}, line_{line} {}
    /// Returns the number of the line, counted from 1.
    [[nodiscard]] std::size_t line() const noexcept { return line_; }

  private:
    std::size_t line_;
};

/// A network and its actions, read from a text. The network must outlive it.
///
///     lan::network net;
///     lan::scenario play{net, text};
///     for (std::size_t i = 0; i < play.size(); ++i) say(play.statement(i), '\n', play.perform(i));
class scenario {
  public:
    static constexpr std::size_t max_text = 1 << 20;  ///< bytes of a text

    /// Builds the nodes and cables. Throws net_file_error for a text that it cannot read; the network may then have a
    /// part of the nodes.
    scenario(network& net, std::string_view text);

    /// Returns how many actions there are.
    [[nodiscard]] std::size_t size() const noexcept { return actions_.size(); }
    /// Returns the statement of an action, without its comment.
    [[nodiscard]] const std::string& statement(std::size_t index) const { return actions_.at(index).statement; }
    /// Begins an action. Then let the network run, and ask result().
    void begin(std::size_t index);
    /// Returns what the action has brought: for a ping what ping prints. It may be empty.
    [[nodiscard]] std::string result(std::size_t index) const;
    /// Begins an action, runs the network until nothing happens any more, and returns the result. The result says so if
    /// `max_events` events were not enough.
    std::string perform(std::size_t index, std::size_t max_events = 1'000'000);

  private:
    struct action {
        std::string statement;
        std::size_t line = 0;
        std::function<void(action&)> begin{};
        const ping_session* ping = nullptr;
        const trace_session* trace = nullptr;
        const node* shown = nullptr;
        std::string text{};
    };
    class reader;
    network* net_;
    std::vector<action> actions_;
};

// ---- How it is done ------------------------------------------------------------------------------------

/// Reads the words of a line.
class scenario::reader {
  public:
    reader(scenario& into, network& net, std::string_view line, std::size_t number)
        : into_{&into}, net_{&net}, number_{number} {
        line = line.substr(0, line.find('#'));
        const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
        for (std::size_t at = 0; at < line.size();) {
            if (is_blank(line[at])) {
                ++at;
                continue;
            }
            std::size_t end = at;
            while (end < line.size() && !is_blank(line[end])) ++end;
            words_.push_back(line.substr(at, end - at));
            statement_ += (statement_.empty() ? "" : " ") + netnotes::visible(words_.back());
            at = end;
        }
    }
    void read();

  private:
    [[noreturn]] void fail(const std::string& message) const { throw net_file_error{number_, message}; }
    [[noreturn]] void expected(std::string_view what) const {
        std::string found =
            at_ < words_.size() ? netnotes::detail::quoted_beginning(words_[at_]) : "the end of the line";
        fail(netnotes::detail::joined("expected ", what, ", and found ", found));
    }
    [[nodiscard]] bool at_end() const noexcept { return at_ == words_.size(); }
    /// Takes the next word if it is this word.
    bool take(std::string_view word) {
        if (at_end() || words_[at_] != word) return false;
        ++at_;
        return true;
    }
    std::string_view word(std::string_view what) {
        if (at_end()) expected(what);
        return words_[at_++];
    }
    /// Reads what a constructor reads from a text, and reports its error with the line.
    template <class Value, class... More>
    Value value(std::string_view what, const More&... more) {
        if (at_end()) expected(what);
        try {
            return Value{words_[at_++], more...};
        } catch (const std::invalid_argument& error) {
            fail(netnotes::detail::joined("expected ", what, ": ", error.what()));
        }
    }
    std::uint32_t number(std::string_view what, std::uint32_t least, std::uint32_t most) {
        std::uint32_t read = 0;
        parse_failure why;
        const std::string_view text = at_end() ? std::string_view{} : words_[at_];
        if (!netnotes::detail::read_number(text.data(), text.data() + text.size(), most, read, why) || read < least)
            expected(netnotes::detail::joined(what, " from ", std::to_string(least), " to ", std::to_string(most)));
        ++at_;
        return read;
    }
    struct unit {
        std::string_view name;
        std::uint64_t size;
    };
    /// Reads a number with a unit, for example `1.5ms`. Returns nullopt if the next word is something else.
    std::optional<std::uint64_t> measure(std::span<const unit> units, std::uint64_t most);
    std::optional<virtual_time> time() {
        static constexpr unit units[]{
            {"ns", 1}, {"us", 1000}, {"ms", 1'000'000}, {"s", 1'000'000'000}, {"min", 60'000'000'000}};
        const auto read = measure(units, 3'600'000'000'000);
        return read ? std::optional{virtual_time{static_cast<std::int64_t>(*read)}} : std::nullopt;
    }
    virtual_time time(std::string_view what) {
        const auto read = time();
        if (!read) expected(netnotes::detail::joined(what, ", for example 10ms, at most an hour"));
        return *read;
    }
    std::uint32_t share() {
        static constexpr unit units[]{{"%", 10'000}};
        const auto read = measure(units, 1'000'000);
        if (!read) expected("a share from 0% to 100%");
        return static_cast<std::uint32_t>(*read);
    }
    lan::node& node(std::string_view what) {
        const std::string_view name = word(what);
        if (lan::node* const found = net_->find(name)) return *found;
        --at_;
        fail(netnotes::detail::joined("no node has the name ", netnotes::detail::quoted_beginning(name)));
    }
    template <auto Cast>
    auto& node_as(std::string_view what) {
        lan::node& found = node(what);
        if (auto* const right = (found.*Cast)()) return *right;
        fail(netnotes::detail::joined("expected ", what, ", and ", found.name(), " is a ", found.kind()));
    }
    port end();
    ipv4_address target();
    cable& cable_between();
    void read_switch();
    void read_router();
    void read_link();
    void read_ping();
    void read_udp();
    /// Calls `build`, and reports what it throws with the line.
    template <class Build>
    decltype(auto) built(Build build) const {
        try {
            return build();
        } catch (const net_file_error&) {
            throw;
        } catch (const std::exception& error) {
            fail(error.what());
        }
    }
    void add(std::function<void(action&)> begin) {
        action made;
        made.statement = statement_;
        made.line = number_;
        made.begin = std::move(begin);
        into_->actions_.push_back(std::move(made));
    }
    void finish() const {
        if (!at_end()) expected("the end of the line");
    }

    scenario* into_;
    network* net_;
    std::size_t number_;
    std::vector<std::string_view> words_;
    std::string statement_;
    std::size_t at_ = 0;
};

inline std::optional<std::uint64_t> scenario::reader::measure(std::span<const unit> units, std::uint64_t most) {
    if (at_end()) return std::nullopt;
    const std::string_view text = words_[at_];
    const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const std::size_t point = std::min(text.substr(0, digits).find('.'), digits);
    if (digits == 0 || point == 0 || point > 12 || digits - point > 7) return std::nullopt;
    for (const unit& each : units) {
        if (text.substr(digits) != each.name) continue;
        std::uint64_t whole = 0, rest = 0, scale = 1;
        for (const char c : text.substr(0, point)) whole = whole * 10 + netnotes::detail::digit_value(c);
        for (const char c : text.substr(std::min(point + 1, digits), digits - std::min(point + 1, digits))) {
            if (c == '.') return std::nullopt;
            rest = rest * 10 + netnotes::detail::digit_value(c);
            scale *= 10;
        }
        if (whole > most / each.size) return std::nullopt;
        const std::uint64_t result = whole * each.size + rest * each.size / scale;  // rest is below a million
        if (result > most) return std::nullopt;
        ++at_;
        return result;
    }
    return std::nullopt;
}

inline port scenario::reader::end() {
    const std::string_view name = word("a node");
    if (lan::node* const found = net_->find(name)) return built([&] { return port{*found}; });
    const std::size_t dot = name.rfind('.');
    lan::node* const owner = dot == name.npos ? nullptr : net_->find(name.substr(0, dot));
    if (owner == nullptr)
        fail(netnotes::detail::joined("no node has the name ", netnotes::detail::quoted_beginning(name)));
    std::uint32_t number = 0;
    parse_failure why;
    const std::string_view digits = name.substr(dot + 1);
    if (!netnotes::detail::read_number(digits.data(), digits.data() + digits.size(), 0xffff, number, why))
        fail(netnotes::detail::joined("expected the number of a port behind ", owner->name(), "."));
    return built([&] { return (*owner)[number]; });
}

inline ipv4_address scenario::reader::target() {
    if (at_end()) expected("a node or an address");
    if (const auto read = ipv4_address::parse(words_[at_])) return ++at_, *read;
    return node_as<&node::as_ip_node>("a node with an address, or an address").address();
}

inline cable& scenario::reader::cable_between() {
    lan::node &a = node("a node"), &b = node("a node");
    for (const auto& each : net_->cables())
        if ((&each->end(0) == &a && &each->end(1) == &b) || (&each->end(0) == &b && &each->end(1) == &a)) return *each;
    fail(netnotes::detail::joined("no cable connects ", a.name(), " and ", b.name()));
}

inline void scenario::reader::read_switch() {
    const auto name = word("a name");
    auto& made = built([&]() -> auto& { return net_->learning_switch(name); });
    while (!at_end())
        if (take("ageing"))
            made.ageing = time("a time");
        else if (take("table"))
            made.max_entries = number("a number of entries", 0, 1'000'000);
        else
            expected("ageing, table, or the end of the line");
}

inline void scenario::reader::read_router() {
    const auto name = word("a name");
    std::vector<std::string_view> interfaces;
    while (!at_end() && words_[at_].find('/') != std::string_view::npos) interfaces.push_back(words_[at_++]);
    if (interfaces.empty()) expected("an interface, for example 10.0.1.1/24");
    auto& made =
        built([&]() -> auto& { return net_->add<lan::router>(name, std::span<const std::string_view>{interfaces}); });
    while (!at_end())
        if (take("rip"))
            made.enable_rip();
        else if (take("nat"))
            made.masquerade(number("the outside port", 0, static_cast<std::uint32_t>(interfaces.size() - 1)));
        else
            expected("another interface, rip, nat, or the end of the line");
}

inline void scenario::reader::read_link() {
    static constexpr unit rates[]{{"bit", 1}, {"kbit", 1000}, {"Mbit", 1'000'000}, {"Gbit", 1'000'000'000}};
    const port a = end(), b = end();
    cable_settings how;
    std::vector<std::uint32_t> doomed;
    while (!at_end()) {
        if (const auto delay = time()) {
            if (*delay > std::chrono::seconds{10}) fail("a cable delays by 10 s at most");
            how.delay = *delay;
        } else if (const auto rate = measure(rates, 1'000'000'000'000)) {
            if (*rate < 1000) fail("a cable has 1 kbit a second at least");
            how.rate = *rate;
        } else if (take("mtu")) {
            how.mtu = number("an MTU", 68, 65'535);
        } else if (take("loss")) {
            how.loss = share();
        } else if (take("double")) {
            how.duplication = share();
        } else if (take("late")) {
            how.reordering = share();
        } else if (take("queue")) {
            how.max_queue = number("a number of frames", 0, 1'000'000);
        } else if (take("lose")) {
            doomed.push_back(number("the number of a frame", 1, 1'000'000'000));
        } else {
            expected(
                "a time such as 10ms, a rate such as 100Mbit, mtu, loss, double, late, queue, lose, or the end of the "
                "line");
        }
    }
    cable& made = built([&]() -> cable& { return net_->connect(a, b, how); });
    for (const std::uint32_t each : doomed) made.lose_nth(each);
}

inline void scenario::reader::read_ping() {
    lan::host& from = node_as<&node::as_host>("a host or a router");
    const ipv4_address to = target();
    ping_options how;
    while (!at_end())
        if (take("count"))
            how.count = number("a number of requests", 1, 65'535);
        else if (take("size"))
            how.size = number("a number of bytes", 0, 65'507);
        else if (take("ttl"))
            how.time_to_live = static_cast<std::uint8_t>(number("a time to live", 1, 255));
        else if (take("every"))
            how.interval = time("a time");
        else if (take("df"))
            how.dont_fragment = true;
        else
            expected("count, size, ttl, every, df, or the end of the line");
    add([&from, to, how](action& mine) { mine.ping = &from.ping(to, how); });
}

inline void scenario::reader::read_udp() {
    auto& from = node_as<&node::as_ip_node>("a host or a router");
    const ipv4_address to = target();
    const auto port = static_cast<std::uint16_t>(number("a port", 1, 65'535));
    const std::string data{word("a word to send")};
    add([&from, to, port, data](action& mine) {
        const bool is_sent = from.send_udp(40'000, {to, port}, std::as_bytes(std::span{data}));
        mine.text = is_sent ? "" : "no route: network unreachable\n";
    });
}

inline void scenario::reader::read() {
    if (words_.empty()) return;
    if (take("hub")) {
        const auto name = word("a name");
        built([&] { net_->hub(name); });
    } else if (take("switch")) {
        read_switch();
    } else if (take("host")) {
        const auto name = word("a name");
        if (at_end() || words_[at_].find('/') == std::string_view::npos)  // without a prefix a host has no neighbours
            expected("an interface, for example 10.0.1.2/24");
        const std::string_view interface = words_[at_++];
        auto& made = built([&]() -> auto& { return net_->host(name, interface); });
        if (take("via")) {
            const auto gateway = word("the address of the default gateway");
            built([&] { made.default_gateway(gateway); });
        } else if (!at_end()) {
            expected("via, or the end of the line");
        }
    } else if (take("router")) {
        read_router();
    } else if (take("link")) {
        read_link();
    } else if (take("route")) {
        auto& from = node_as<&node::as_ip_node>("a host or a router");
        const auto network = word("a network, for example 10.0.3.0/24");
        if (!take("via")) expected("via");
        const auto via = word("the address of the next router");
        built([&] { from.add_route(network, via); });
    } else if (take("arp")) {
        auto& from = node_as<&node::as_ip_node>("a host or a router");
        const auto neighbour = value<ipv4_address>("an address");
        const auto card = value<packet::mac_address>("a hardware address");
        unsigned port = 0;
        while (port < from.port_count() && !from.interface(port).network().contains(neighbour)) ++port;
        if (port == from.port_count()) fail(neighbour.to_string() + " is no neighbour of " + from.name());
        from.arp(port).add_static(neighbour, card);
    } else if (take("open")) {
        auto& from = node_as<&node::as_router>("a router");
        const bool is_tcp = take("tcp");
        if (!is_tcp && !take("udp")) expected("tcp or udp");
        const auto outside = static_cast<std::uint16_t>(number("a port", 1, 65'535));
        const auto inside = value<ipv4_address>("an address");
        const auto port = static_cast<std::uint16_t>(number("a port", 1, 65'535));
        from.forward_port(is_tcp ? packet::ip_protocol::tcp : packet::ip_protocol::udp, outside, {inside, port});
    } else if (take("seed")) {
        net_->random() = random_numbers{number("a number", 0, 0xffff'ffff)};
    } else if (take("ping")) {
        read_ping();
    } else if (take("traceroute")) {
        lan::host& from = node_as<&node::as_host>("a host or a router");
        const ipv4_address to = target();
        trace_options how;
        if (take("hops")) how.max_hops = number("a number of hops", 1, 255);
        add([&from, to, how](action& mine) { mine.trace = &from.traceroute(to, how); });
    } else if (take("udp")) {
        read_udp();
    } else if (take("wait")) {
        const virtual_time duration = time("a time");
        add([duration, net = net_](action&) { net->after(duration, [] {}); });
    } else if (take("cut")) {
        cable& which = cable_between();
        add([&which, net = net_](action&) { which.cut_at(net->now()); });
    } else if (take("mend")) {
        cable& which = cable_between();
        add([&which, net = net_](action&) { which.mend_at(net->now()); });
    } else if (take("flush")) {
        lan::node& which = node("a node");
        add([&which](action&) {
            if (auto* const known = which.as_switch()) known->clear();
            if (auto* const known = which.as_ip_node())
                for (unsigned i = 0; i < known->port_count(); ++i) known->arp(i).clear();
        });
    } else if (take("show")) {
        const lan::node& which = node("a node");
        add([&which](action& mine) { mine.shown = &which; });
    } else {
        expected(
            "hub, switch, host, router, link, route, arp, open, seed, ping, traceroute, udp, wait, cut, mend, flush or "
            "show");
    }
    finish();
}

inline scenario::scenario(network& net, std::string_view text) : net_{&net} {
    if (text.size() > max_text) throw net_file_error{1, "the text has more than 1,048,576 bytes"};
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // the byte order mark that some editors write
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        reader{*this, net, text.substr(0, end), number}.read();
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

inline void scenario::begin(std::size_t index) {
    action& which = actions_.at(index);
    if (net_->now() > std::chrono::hours{250'000})
        throw net_file_error{which.line, "more than 28 years have passed in this network"};
    which.begin(which);
}

inline std::string scenario::result(std::size_t index) const {
    const action& which = actions_.at(index);
    if (which.ping != nullptr) return which.ping->text();
    if (which.trace != nullptr) return which.trace->text();
    if (which.shown != nullptr) return which.shown->tables();
    return which.text;
}

inline std::string scenario::perform(std::size_t index, std::size_t max_events) {
    begin(index);
    const bool is_over = net_->run(max_events);
    std::string text = result(index);
    if (!is_over)
        text += "still busy after " + std::to_string(max_events) + " events: is there a loop of switches or hubs?\n";
    return text;
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_NET_FILE_HPP
