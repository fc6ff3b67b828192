// netnotes/lan/tcp_stack.hpp: the TCP of a host: connections, listeners, and the table between them
// SPDX-License-Identifier: MIT
//
// A machine knows one connection; a host has many. The stack looks up to which one a segment belongs: by both addresses
// and both ports. A segment of no connection goes to the listener of its port. If there is no listener, it gets a RST:
//
//        segment ──> addresses and ports in the table? ──yes──> that connection
//                         │ no, or TIME-WAIT that gives way to a SYN
//                         ▼
//                    a listener at the port? ──yes──> half-open, and later a connection
//                         │ no
//                         ▼
//                        RST
//
// Programs of a simulated host are functions. The stack calls them when something has changed, and they look what it
// was:
//
//        lan::network net{1};
//        auto& a = net.host("A", "10.0.0.1/24");
//        auto& b = net.host("B", "10.0.0.2/24");
//        net.connect(a, b);
//        lan::tcp_stack client{a}, server{b};
//        server.listen(80, [](lan::tcp_connection& peer) {
//            peer.on_change = [](lan::tcp_connection& it) { it.send(it.read()); };      // an echo
//        });
//        auto& connection = client.connect({"10.0.0.2", 80});
//        connection.send("hello");
//        net.run();
//        say(connection.read());
//
// On this page:  tcp_connection · tcp_stack
// The notes:     TCP通信过程, tcp半链接攻击; examples 31 and 35

#ifndef NETNOTES_LAN_TCP_STACK_HPP
#define NETNOTES_LAN_TCP_STACK_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../ip/endpoint.hpp"
#include "../packet/build.hpp"
#include "../packet/tcp.hpp"
#include "ip_node.hpp"
#include "network.hpp"
#include "tcp_cookie.hpp"
#include "tcp_listener.hpp"
#include "tcp_machine.hpp"

namespace netnotes::lan {

class tcp_stack;

/// A connection of a host. It stays valid until release(), or as long as its stack. Once the program has called close(),
/// it stays valid only until its state is CLOSED: a timer that uses the connection must be cancelled before that.
class tcp_connection {
  public:
    /// Called after something has changed: bytes have arrived, there is room again, the state is another.
    std::function<void(tcp_connection&)> on_change;

    /// Returns the endpoint of this end, or of the peer.
    [[nodiscard]] const endpoint& local() const noexcept { return local_; }
    [[nodiscard]] const endpoint& remote() const noexcept { return remote_; }
    /// Returns the connection's protocol machine, or its state alone.
    [[nodiscard]] const tcp_machine& machine() const noexcept { return machine_; }
    [[nodiscard]] tcp_state state() const noexcept { return machine_.state(); }
    /// Returns true if the peer has finished, and everything was read.
    [[nodiscard]] bool has_ended() const noexcept {
        return machine_.readable().empty() && (machine_.has_peer_finished() || state() == tcp_state::closed);
    }

    /// Sends bytes, and returns how many were taken: see tcp_machine::send().
    std::size_t send(std::span<const std::byte> bytes);
    std::size_t send(std::string_view text) { return send(std::as_bytes(std::span{text.data(), text.size()})); }
    /// Returns the bytes that have arrived, and forgets them.
    std::string read();
    /// Ends our direction: a FIN follows.
    void shutdown();
    /// Ends both directions; see tcp_machine::close().
    void close();
    /// Ends the connection with a RST.
    void abort();

  private:
    friend tcp_stack;
    tcp_connection(tcp_stack& owner, const endpoint& local, const endpoint& remote, tcp_machine machine)
        : owner_{&owner}, local_{local}, remote_{remote}, machine_{std::move(machine)} {}
    tcp_stack* owner_;
    endpoint local_, remote_;
    tcp_machine machine_;
};

/// The TCP of a host. It takes the segments of the host from its construction on, and must live as long as the network
/// runs. It cannot be copied or moved.
class tcp_stack {
  public:
    using accept_handler = std::function<void(tcp_connection&)>;

    explicit tcp_stack(ip_node& host, const tcp_settings& settings = {})
        : host_{&host}, settings_{settings}, secret_{host.net().random().next(), host.net().random().next()} {
        host.on_protocol(packet::ip_protocol::tcp, [this](const packet::ipv4_view& packet) { receive(packet); });
        host.on_error([this](const icmp_report& report) { hear(report); });
    }
    tcp_stack(const tcp_stack&) = delete;
    tcp_stack& operator=(const tcp_stack&) = delete;
    ~tcp_stack() {
        host_->on_protocol(packet::ip_protocol::tcp, {});
        host_->net().cancel(timer_);
    }

    /// Returns the settings of connections and listeners that begin from now on.
    tcp_settings& settings() noexcept { return settings_; }

    /// Opens a port. `accepted` is called for each connection; without it, connections wait for accept(). Throws
    /// std::invalid_argument if the port has a listener.
    void listen(std::uint16_t port, accept_handler accepted = {}, const listener_options& how = {}) {
        const auto [place, is_new] = ports_.try_emplace(port, open_port{{port, settings_, how, secret_}, {}, {}});
        if (!is_new) throw std::invalid_argument{"port " + std::to_string(port) + " has a listener"};
        place->second.accepted = std::move(accepted);
    }
    /// Returns the listener of a port. Throws std::out_of_range if the port has none.
    [[nodiscard]] const tcp_listener& listener(std::uint16_t port) const { return ports_.at(port).listener; }
    /// Returns the connection that has waited longest, or nullptr.
    tcp_connection* accept(std::uint16_t port) {
        auto& waiting = ports_.at(port).waiting;
        if (waiting.empty()) return nullptr;
        tcp_connection* const first = waiting.front();
        waiting.pop_front();
        return first;
    }
    /// Opens a connection from this local port, 0 for a free port, and returns it. Its SYN leaves when the network
    /// runs. Throws std::invalid_argument if there is no route, or if both ends are in use already.
    tcp_connection& connect(const endpoint& remote, std::uint16_t local_port = 0) {
        const auto source = host_->source_for(remote.address().v4());
        if (!source) throw std::invalid_argument{host_->name() + " has no route to " + remote.to_string()};
        if (local_port == 0) local_port = free_port(*source, remote);
        const endpoint local{*source, local_port};
        tcp_machine machine{settings_, local.port(), remote.port()};
        machine.connect(initial_sequence(secret_, local, remote, now()), now());
        tcp_connection& made = add(local, remote, std::move(machine));
        wake();
        return made;
    }
    /// Forgets a connection that is closed. Returns false, and does nothing, while its state is another.
    bool release(tcp_connection& which) {
        if (which.state() != tcp_state::closed) return false;
        for (auto& [port, open] : ports_) std::erase(open.waiting, &which);
        return connections_.erase({which.local(), which.remote()}) > 0;
    }
    /// Returns the connections, closed ones included, until they are released or forgotten: a connection that the
    /// program has closed is forgotten when its state is CLOSED.
    [[nodiscard]] std::vector<tcp_connection*> connections() const {
        std::vector<tcp_connection*> all;
        for (const auto& each : connections_) all.push_back(each.second.get());
        return all;
    }
    /// Returns a line for each listener and each connection, as `ss -tan` prints it.
    [[nodiscard]] std::string table() const {
        std::string text;
        const auto line = [&text](std::string_view state, std::string_view local, std::string_view remote) {
            text += std::string{state} + std::string(std::max<std::size_t>(state.size(), 13) - state.size() + 1, ' ');
            text += std::string{local} + std::string(std::max<std::size_t>(local.size(), 21) - local.size() + 1, ' ');
            text += std::string{remote} + '\n';
        };
        for (const auto& [port, open] : ports_) {
            line(to_string(tcp_state::listen), "*:" + std::to_string(port), "*");
            if (open.listener.half_open() > 0)
                line(to_string(tcp_state::syn_received), "*:" + std::to_string(port),
                     std::to_string(open.listener.half_open()) + " half-open");
        }
        for (const auto& [ends, each] : connections_)
            line(to_string(each->state()), ends.first.to_string(), ends.second.to_string());
        return text;
    }
    [[nodiscard]] ip_node& host() const noexcept { return *host_; }
    /// Returns how many segments were dropped because they could not be read, or because their checksum was wrong.
    [[nodiscard]] std::uint64_t malformed() const noexcept { return malformed_; }

  private:
    friend tcp_connection;
    using key = std::pair<endpoint, endpoint>;  // local, remote
    struct open_port {
        tcp_listener listener;
        accept_handler accepted;
        std::deque<tcp_connection*> waiting;
    };

    struct written {
        ipv4_address source;
        ipv4_address destination;
        std::vector<std::byte> bytes;  // the first 20 are an IP header that is not used
    };

    [[nodiscard]] virtual_time now() const noexcept { return host_->net().now(); }
    std::uint16_t free_port(ipv4_address source, const endpoint& remote) {
        // Random ports make a forger's guess harder (RFC 6056 §3.3.1).
        for (unsigned tries = 0; tries < 1000; ++tries) {
            const auto port = static_cast<std::uint16_t>(49'152 + host_->net().random().below(16'384));
            if (!connections_.contains({endpoint{source, port}, remote})) return port;
        }
        throw std::invalid_argument{"no free port to " + remote.to_string()};
    }
    tcp_connection& add(const endpoint& local, const endpoint& remote, tcp_machine machine) {
        auto made = std::unique_ptr<tcp_connection>{new tcp_connection{*this, local, remote, std::move(machine)}};
        const auto [place, is_new] = connections_.try_emplace({local, remote}, std::move(made));
        if (!is_new) throw std::invalid_argument{"a connection from " + local.to_string() + " exists"};
        return *place->second;
    }

    void receive(const packet::ipv4_view& packet) {
        if (!host_->is_local(packet.destination())) return;  // to all hosts: no connection (RFC 9293 §3.9.2.3, MUST-57)
        packet::packet_failure why;
        const auto segment = packet::tcp_view::parse(packet.payload(), why);
        if (!segment ||
            segment->checksum_state(packet.source(), packet.destination()) != packet::checksum_state::good) {
            ++malformed_;
            return;
        }
        const endpoint local{packet.destination(), segment->destination_port()};
        const endpoint remote{packet.source(), segment->source_port()};
        auto found = connections_.find({local, remote});
        const auto port = ports_.find(local.port());
        const bool is_over = found != connections_.end() && found->second->machine_.is_closed_by_program() &&
                             found->second->machine_.gives_way_to(*segment);
        if (is_over && port != ports_.end()) {
            connections_.erase(found);
            found = connections_.end();
        }
        if (found != connections_.end()) {
            tcp_connection& here = *found->second;
            here.machine_.receive(*segment, now());
            changed(here);
        } else if (port != ports_.end()) {
            open_port& open = port->second;
            if (auto done = open.listener.receive(local, remote, *segment, open.waiting.size(), now())) {
                tcp_connection& made = add(done->local, done->remote, std::move(done->machine));
                if (open.accepted)
                    open.accepted(made);
                else
                    open.waiting.push_back(&made);
                changed({done->local, done->remote});
            }
        } else if (const auto reset = reset_for(*segment)) {
            transmit(local, remote, {*reset, {}});
        }
        flush();
    }
    /// An ICMP error quotes the segment that did not arrive: its ports, and its sequence number (RFC 5927 §4.1).
    void hear(const icmp_report& report) {
        if (report.quoted.protocol() != packet::ip_protocol::tcp || report.quoted.payload().size() < 8) return;
        const std::byte* const ports = report.quoted.payload().data();
        const endpoint local{report.quoted.source(), packet::detail::load_16(ports)};
        const endpoint remote{report.quoted.destination(), packet::detail::load_16(ports + 2)};
        const packet::sequence number{packet::detail::load_32(ports + 4)};
        const auto found = connections_.find({local, remote});
        if (found == connections_.end() || report.type != packet::icmp_type::destination_unreachable) return;
        tcp_machine& machine = found->second->machine_;
        if (number.is_before(machine.send_unacknowledged()) || !number.is_before(machine.send_next())) return;
        if (report.code == 4)
            machine.path_mtu(report.next_hop_mtu);
        else
            machine.unreachable(report.code == 2 || report.code == 3);
        changed(*found->second);
        wake();
    }
    /// Tells the program that something has changed, unless the program has released the connection meanwhile.
    void changed(const key& ends) {
        if (const auto found = connections_.find(ends); found != connections_.end()) changed(*found->second);
    }
    void changed(tcp_connection& which) {
        if (!which.on_change) return;
        const auto function = which.on_change;  // it may replace itself
        function(which);
    }
    /// Writes a segment for flush(), which sends it: a host may talk to itself, and then be called again at once.
    void transmit(const endpoint& local, const endpoint& remote, const tcp_segment& segment) {
        // The pseudo-header needs both addresses, so an IP header is written in front, and left to the host after that.
        std::vector<std::byte> bytes;
        packet::write(bytes, packet::ipv4{.source = local.address().v4(), .destination = remote.address().v4()},
                      segment.header, segment.payload);
        leaving_.push_back({local.address().v4(), remote.address().v4(), std::move(bytes)});
    }
    /// Sends what all machines have to say, and sets the timer. A connection that nobody needs any more is forgotten.
    void flush() {
        for (auto each = connections_.begin(); each != connections_.end();) {
            tcp_connection& here = *each->second;
            while (const auto segment = here.machine_.next(now())) transmit(here.local_, here.remote_, *segment);
            const bool is_over = here.state() == tcp_state::closed && here.machine_.is_closed_by_program();
            each = is_over ? connections_.erase(each) : std::next(each);
        }
        virtual_time first = tcp_machine::never;
        for (auto& [number, open] : ports_) {
            while (const auto out = open.listener.next(now())) transmit(out->local, out->remote, out->segment);
            first = std::min(first, open.listener.deadline());
        }
        for (const auto& each : connections_) first = std::min(first, each.second->machine_.deadline());
        if (first != timer_at_) {
            host_->net().cancel(timer_);
            timer_at_ = first;
            if (first != tcp_machine::never) timer_ = host_->net().after(first - now(), [this] { expired(); });
        }
        for (const auto& each : std::exchange(leaving_, {})) {
            packet_options how;
            how.dont_fragment = true;  // so that a router reports a smaller MTU on the path (RFC 1191)
            how.source = each.source;
            host_->send_packet(each.destination, packet::ip_protocol::tcp, std::span{each.bytes}.subspan(20), how);
        }
    }
    void expired() {
        timer_at_ = tcp_machine::never;
        for (auto& [number, open] : ports_) open.listener.expired(now());
        // First all machines, and then the functions of the program, which may release connections.
        std::vector<key> news;
        for (const auto& [ends, each] : connections_) {
            const tcp_state before = each->state();
            each->machine_.expired(now());
            if (each->state() != before) news.push_back(ends);
        }
        for (const key& ends : news) changed(ends);
        flush();
    }
    /// Lets the segments leave when the network runs: a program may be in the middle of its function.
    void wake() {
        if (is_waking_) return;
        is_waking_ = true;
        host_->net().after({}, [this] {
            is_waking_ = false;
            flush();
        });
    }

    ip_node* host_;
    tcp_settings settings_;
    keyed_hash::key secret_;
    std::map<key, std::unique_ptr<tcp_connection>> connections_;
    std::map<std::uint16_t, open_port> ports_;
    std::vector<written> leaving_;
    network::timer timer_{};
    virtual_time timer_at_ = tcp_machine::never;
    bool is_waking_ = false;
    std::uint64_t malformed_ = 0;
};

inline std::size_t tcp_connection::send(std::span<const std::byte> bytes) {
    const std::size_t taken = machine_.send(bytes);
    if (taken > 0) owner_->wake();
    return taken;
}
inline std::string tcp_connection::read() {
    const auto bytes = machine_.readable();
    std::string text(bytes.size(), '\0');
    std::transform(bytes.begin(), bytes.end(), text.begin(), [](std::byte b) { return static_cast<char>(b); });
    machine_.consume(bytes.size());
    if (!text.empty()) owner_->wake();
    return text;
}
inline void tcp_connection::shutdown() {
    machine_.shutdown();
    owner_->wake();
}
inline void tcp_connection::close() {
    machine_.close(owner_->now());
    owner_->wake();
}
inline void tcp_connection::abort() {
    machine_.abort();
    owner_->wake();
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_TCP_STACK_HPP
