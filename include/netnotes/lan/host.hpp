// netnotes/lan/host.hpp: hosts, with ping and traceroute
// SPDX-License-Identifier: MIT
//
// A host has an interface and a default gateway, the router for all networks but its own. A destination in its own
// network is a neighbour: the host asks for it by ARP. For any other destination it asks for the gateway. The netmask
// decides:
//
//        10.0.1.2/24   →  10.0.2.2     first 24 bits differ: to the gateway
//        10.0.1.2/8    →  10.0.2.2     first 8 bits are equal: "a neighbour". ARP asks, and no host answers.
//
// ping sends echo requests and counts the answers (RFC 1122 §3.2.2.6). traceroute sends datagrams to a port that no
// program uses, with the time to live 1, 2, 3 and so on. The router at which it becomes 0 reports that, and so shows
// its address. The last report is another: the destination says that its port is closed.
//
//        lan::network net;
//        auto& a = net.host("A", "10.0.1.2/24");
//        a.default_gateway("10.0.1.1");
//        const auto& result = a.ping("10.0.2.2");
//        net.run();
//        std::cout << result.text();
//
// On this page:  ping_options, ping_session · trace_options, trace_session · host
// The notes:     ping, 默认网关 (default gateway), 子网掩码; examples 32 to 34

#ifndef NETNOTES_LAN_HOST_HPP
#define NETNOTES_LAN_HOST_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ip_node.hpp"

namespace netnotes::lan {

/// The result of an echo request or of a probe of traceroute.
enum class probe_outcome : std::uint8_t {
    waiting,
    answered,   ///< by the destination
    reported,   ///< a node reports an error: see type and code
    no_answer,  ///< until the timeout
    no_route,   ///< this host knows no way
};

/// How ping() asks.
struct ping_options {
    unsigned count = 1;     ///< requests, 1 to 65,535
    std::size_t size = 56;  ///< bytes of data in each, at most 65,507
    std::uint8_t time_to_live = 64;
    bool dont_fragment = false;
    virtual_time interval = std::chrono::seconds{1};  ///< between two requests
    virtual_time timeout = std::chrono::seconds{5};   ///< how long the host waits for each answer
};

/// A run of ping.
class ping_session {
  public:
    /// A request and its answer.
    struct echo {
        probe_outcome what = probe_outcome::waiting;
        ipv4_address from{};  ///< the node that has answered or reported
        packet::icmp_type type{};
        std::uint8_t code = 0;
        std::uint16_t mtu = 0;          ///< of "fragmentation needed"
        std::uint8_t time_to_live = 0;  ///< that the answer had left
        std::size_t size = 0;           ///< bytes of data in the answer
        virtual_time sent{};
        virtual_time round_trip{};
    };
    /// Returns the address that is asked.
    [[nodiscard]] ipv4_address destination() const noexcept { return destination_; }
    /// Returns the requests that were sent, in order. The first has the sequence number 1.
    [[nodiscard]] const std::vector<echo>& echoes() const noexcept { return echoes_; }
    /// Returns how many requests were answered by the destination.
    [[nodiscard]] std::size_t answered() const noexcept {
        std::size_t count = 0;
        for (const echo& each : echoes_) count += each.what == probe_outcome::answered;
        return count;
    }
    /// Returns true if no request is to be sent, and no answer is waited for.
    [[nodiscard]] bool is_done() const noexcept { return is_done_; }
    /// Returns a line for each request, as ping prints it, and a line with the numbers.
    [[nodiscard]] std::string text() const;

  private:
    friend class host;
    ipv4_address destination_;
    ping_options how_;
    std::uint16_t identifier_ = 0;
    std::vector<echo> echoes_;
    std::size_t open_ = 0;  // requests without an outcome
    std::vector<network::timer> timers_;
    bool is_done_ = false;
};

/// How traceroute() asks.
struct trace_options {
    unsigned max_hops = 30;
    virtual_time timeout = std::chrono::seconds{5};  ///< how long the host waits for each report
    std::uint16_t first_port = 33434;  ///< the destination port of the first probe; each next is one higher
};

/// A run of traceroute.
class trace_session {
  public:
    /// A router on the way, or the destination.
    struct hop {
        probe_outcome what = probe_outcome::waiting;
        ipv4_address from{};
        packet::icmp_type type{};
        std::uint8_t code = 0;
        virtual_time sent{};
        virtual_time round_trip{};
    };
    /// Returns the address at the end of the way.
    [[nodiscard]] ipv4_address destination() const noexcept { return destination_; }
    /// Returns the probes; the first had the time to live 1.
    [[nodiscard]] const std::vector<hop>& hops() const noexcept { return hops_; }
    /// Returns true if the destination has answered.
    [[nodiscard]] bool has_arrived() const noexcept {
        return !hops_.empty() && hops_.back().what == probe_outcome::answered;
    }
    [[nodiscard]] bool is_done() const noexcept { return is_done_; }
    /// Returns a line for each hop, as traceroute prints it.
    [[nodiscard]] std::string text() const;

  private:
    friend class host;
    ipv4_address destination_;
    trace_options how_;
    std::uint16_t source_port_ = 0;
    std::vector<hop> hops_;
    network::timer timer_{};
    bool is_done_ = false;
};

/// A host with one interface, or with several.
class host : public ip_node {
  public:
    /// Throws parse_error for an unreadable address; see ip_node::add_interface().
    host(network& net, std::string_view name, std::string_view interface) : host{net, name} {
        add_interface(ip_interface{interface});
    }
    [[nodiscard]] std::string_view kind() const noexcept override { return "host"; }
    [[nodiscard]] host* as_host() noexcept override { return this; }

    /// Begins to send echo requests, and returns their answers so far. The result changes while the network runs, and
    /// stays valid as long as the host. Throws parse_error for an unreadable address.
    const ping_session& ping(std::string_view destination, const ping_options& how = {}) {
        return ping(ipv4_address{destination}, how);
    }
    const ping_session& ping(ipv4_address destination, const ping_options& how = {});
    /// Begins to look for the routers on the way to a destination, and returns the routers so far. The result changes
    /// while the network runs.
    const trace_session& traceroute(std::string_view destination, const trace_options& how = {}) {
        return traceroute(ipv4_address{destination}, how);
    }
    const trace_session& traceroute(ipv4_address destination, const trace_options& how = {});

  protected:
    host(network& net, std::string_view name) : ip_node{net, name} {
        on_error([this](const icmp_report& what) { hear(what); });
    }
    inline void echo_reply(const packet::ipv4_view& packet, const packet::icmp_view& message) override;

  private:
    void send_echo(ping_session& session);
    void finish(ping_session& session, std::size_t index);
    /// Returns the newest run of ping with an identifier, or nullptr. After 65,536 runs an identifier is used again.
    [[nodiscard]] ping_session* find_ping(std::uint16_t identifier) noexcept {
        const std::size_t runs = pings_.size(), back = (runs - identifier) & 0xffff;
        return back < runs ? &pings_[runs - back - 1] : nullptr;
    }
    void send_probe(trace_session& session);
    void finish(trace_session& session);
    void hear(const icmp_report& what);

    std::deque<ping_session> pings_;  // a deque keeps its elements in their places
    std::deque<trace_session> traces_;
};

// ---- ping ----------------------------------------------------------------------------------------------

inline const ping_session& host::ping(ipv4_address destination, const ping_options& how) {
    pings_.emplace_back();
    ping_session& session = pings_.back();
    session.destination_ = destination;
    session.how_ = how;
    session.how_.count = std::clamp(how.count, 1u, 65'535u);
    session.how_.size = std::min<std::size_t>(how.size, 65'507);
    session.identifier_ = static_cast<std::uint16_t>(pings_.size());
    net().after({}, [this, &session] { send_echo(session); });
    return session;
}

inline void host::send_echo(ping_session& session) {
    const std::size_t index = session.echoes_.size();
    ping_session::echo sent;
    sent.sent = net().now();
    session.echoes_.push_back(sent);
    session.timers_.emplace_back();
    ++session.open_;
    bytes data(session.how_.size);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i & 0xff);
    bytes message;
    const auto sequence = static_cast<std::uint16_t>(index + 1);
    packet::write(message,
                  packet::icmp{.type = packet::icmp_type::echo_request,
                               .rest_of_header = std::uint32_t{session.identifier_} << 16 | sequence},
                  data);
    session.timers_[index] = net().after(session.how_.timeout, [this, &session, index] {
        session.echoes_[index].what = probe_outcome::no_answer;
        finish(session, index);
    });
    if (session.echoes_.size() < session.how_.count)
        net().after(session.how_.interval, [this, &session] { send_echo(session); });
    const packet_options how{.time_to_live = session.how_.time_to_live, .dont_fragment = session.how_.dont_fragment};
    if (!send_packet(session.destination_, packet::ip_protocol::icmp, message, how) &&
        session.echoes_[index].what == probe_outcome::waiting) {
        session.echoes_[index].what = probe_outcome::no_route;
        finish(session, index);
    }
}

inline void host::finish(ping_session& session, std::size_t index) {
    net().cancel(session.timers_[index]);
    session.echoes_[index].round_trip = net().now() - session.echoes_[index].sent;
    --session.open_;
    session.is_done_ = session.open_ == 0 && session.echoes_.size() == session.how_.count;
}

inline void host::echo_reply(const packet::ipv4_view& packet, const packet::icmp_view& message) {
    const std::size_t index = message.sequence_number() - std::size_t{1};
    ping_session* const found = find_ping(message.identifier());
    if (found == nullptr) return;
    ping_session& session = *found;
    if (index >= session.echoes_.size() || session.echoes_[index].what != probe_outcome::waiting) return;
    ping_session::echo& answered = session.echoes_[index];
    answered.what = probe_outcome::answered;
    answered.from = packet.source();
    answered.time_to_live = packet.time_to_live();
    answered.size = message.payload().size();
    finish(session, index);
}

inline void host::hear(const icmp_report& what) {
    const auto quoted = what.quoted.payload();
    if (quoted.size() < 8) return;
    if (what.quoted.protocol() == packet::ip_protocol::icmp) {
        packet::packet_failure why;
        const auto message = packet::icmp_view::parse(quoted, why);
        if (!message || message->type() != packet::icmp_type::echo_request) return;
        const std::size_t index = message->sequence_number() - std::size_t{1};
        ping_session* const found = find_ping(message->identifier());
        if (found == nullptr) return;
        ping_session& session = *found;
        if (what.quoted.destination() != session.destination_ || index >= session.echoes_.size()) return;
        ping_session::echo& concerned = session.echoes_[index];
        if (concerned.what != probe_outcome::waiting) return;
        concerned.what = probe_outcome::reported;
        concerned.from = what.from;
        concerned.type = what.type;
        concerned.code = what.code;
        concerned.mtu = what.next_hop_mtu;
        return finish(session, index);
    }
    if (what.quoted.protocol() != packet::ip_protocol::udp) return;
    const auto source_port = packet::detail::load_16(quoted.data());
    const auto port = packet::detail::load_16(quoted.data() + 2);
    for (trace_session& session : traces_) {
        if (session.is_done_ || session.source_port_ != source_port || session.hops_.empty()) continue;
        trace_session::hop& last = session.hops_.back();
        const std::size_t expected = session.how_.first_port + session.hops_.size() - 1;
        if (port != static_cast<std::uint16_t>(expected) || last.what != probe_outcome::waiting) continue;
        const bool is_port = what.type == packet::icmp_type::destination_unreachable && what.code == 3;
        last.what = is_port && what.from == session.destination_ ? probe_outcome::answered : probe_outcome::reported;
        last.from = what.from;
        last.type = what.type;
        last.code = what.code;
        return finish(session);
    }
}

// ---- traceroute ----------------------------------------------------------------------------------------

inline const trace_session& host::traceroute(ipv4_address destination, const trace_options& how) {
    traces_.emplace_back();
    trace_session& session = traces_.back();
    session.destination_ = destination;
    session.how_ = how;
    session.source_port_ = static_cast<std::uint16_t>(49'152 + traces_.size() % 16'384);
    net().after({}, [this, &session] { send_probe(session); });
    return session;
}

inline void host::send_probe(trace_session& session) {
    session.hops_.push_back({.sent = net().now()});
    const auto port = static_cast<std::uint16_t>(session.how_.first_port + session.hops_.size() - 1);
    const auto time_to_live = static_cast<std::uint8_t>(std::min<std::size_t>(session.hops_.size(), 255));
    session.timer_ = net().after(session.how_.timeout, [this, &session] {
        session.hops_.back().what = probe_outcome::no_answer;
        finish(session);
    });
    const std::vector<std::byte> data(32);
    if (!send_udp(session.source_port_, {session.destination_, port}, data, {.time_to_live = time_to_live}) &&
        session.hops_.back().what == probe_outcome::waiting) {
        session.hops_.back().what = probe_outcome::no_route;
        finish(session);
    }
}

inline void host::finish(trace_session& session) {
    net().cancel(session.timer_);
    trace_session::hop& last = session.hops_.back();
    last.round_trip = net().now() - last.sent;
    const bool goes_on = last.what == probe_outcome::no_answer ||
                         (last.what == probe_outcome::reported && last.type == packet::icmp_type::time_exceeded);
    session.is_done_ = !goes_on || session.hops_.size() >= session.how_.max_hops;
    if (!session.is_done_) net().after({}, [this, &session] { send_probe(session); });
}

// ---- As text -------------------------------------------------------------------------------------------

namespace detail {
/// Returns a duration in milliseconds with three digits behind the point.
inline std::string milliseconds(virtual_time time) {
    const std::string micros = std::to_string(time.count() / 1000 % 1000);
    return std::to_string(time.count() / 1'000'000) + "." + std::string(3 - micros.size(), '0') + micros + " ms";
}
}  // namespace detail

inline std::string ping_session::text() const {
    std::string all;
    for (std::size_t i = 0; i < echoes_.size(); ++i) {
        const echo& each = echoes_[i];
        const std::string number = "seq=" + std::to_string(i + 1);
        switch (each.what) {
            case probe_outcome::waiting: all += number + " is waiting for its answer\n"; break;
            case probe_outcome::no_answer: all += number + " no answer\n"; break;
            case probe_outcome::no_route: all += number + " no route: network unreachable\n"; break;
            case probe_outcome::answered:
                all += std::to_string(each.size + 8) + " bytes from " + each.from.to_string() + ": " + number +
                       " ttl=" + std::to_string(each.time_to_live) + " time=" + detail::milliseconds(each.round_trip) +
                       "\n";
                break;
            case probe_outcome::reported:
                all += "from " + each.from.to_string() + ": " + number + " " +
                       icmp_error_text(each.type, each.code, each.mtu) + "\n";
                break;
        }
    }
    return all + std::to_string(echoes_.size()) + " sent, " + std::to_string(answered()) + " answered\n";
}

inline std::string trace_session::text() const {
    std::string all;
    for (std::size_t i = 0; i < hops_.size(); ++i) {
        const hop& each = hops_[i];
        const std::string number = std::to_string(i + 1);
        all += std::string(number.size() < 2 ? 1 : 0, ' ') + number + "  ";
        switch (each.what) {
            case probe_outcome::waiting: all += "..."; break;
            case probe_outcome::no_answer: all += "*"; break;
            case probe_outcome::no_route: all += "no route: network unreachable"; break;
            case probe_outcome::answered:
            case probe_outcome::reported:
                all += each.from.to_string() + "  " + detail::milliseconds(each.round_trip);
                if (each.what == probe_outcome::reported && each.type != packet::icmp_type::time_exceeded)
                    all += "  " + icmp_error_text(each.type, each.code);
                break;
        }
        all += '\n';
    }
    return all;
}

inline lan::host& network::host(std::string_view name, std::string_view interface) {
    return add<lan::host>(name, interface);
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_HOST_HPP
