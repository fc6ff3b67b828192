// netnotes/lan/switch.hpp: hubs and switches
// SPDX-License-Identifier: MIT
//
// Both connect the cables of a local network. A frame passes them without change; they have no address of their own.
//
//        hub       repeats every frame to all other ports. Every host sees everything.
//
//        switch    learns: a frame from 02:..:01 came in at port 1, so this card is behind port 1.
//                  From then on it sends frames for 02:..:01 to port 1 only.
//
//                        address            port   age
//                        02:00:00:01:00:00  1      0.3 s        the forwarding database (fdb)
//                        02:00:00:02:00:00  2      12.0 s
//
// A switch *floods*, that is, it does as a hub, in three cases: the frame is a broadcast, it is a multicast, or the address is
// not in the table. So an ARP request reaches every host, each time. An entry that nobody confirms is dropped after five
// minutes, so a host may be moved to another port (IEEE 802.1Q §8.7, §8.8.3). Sixteen groups, 01:80:c2:00:00:00 to :0f, are for
// the switch itself, and no switch passes their frames on (IEEE 802.1Q §8.6.3).
//
// The table has a limited size. An attacker can fill it with invented addresses. The switch then floods everything, as a hub
// does: this is MAC flooding. A switch also believes every source address. A guard can look at each frame first:
//
//        s.add_guard([&](unsigned port, const packet::frame_view& frame) { return !frame.arp() || is_true(port, *frame.arp()); });
//
// Two switches that are connected twice form a loop. A broadcast then circles for ever, and more copies come with each round.
// Real switches prevent that with the spanning tree protocol, which this page leaves out.
//
// On this page:  hub · learning_switch
// The notes:     Packet Tracer: 集线器 (hub), 交换机 (switch); example 32

#ifndef NETNOTES_LAN_SWITCH_HPP
#define NETNOTES_LAN_SWITCH_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../packet/ethernet.hpp"
#include "../packet/frame.hpp"
#include "network.hpp"

namespace netnotes::lan {

/// Repeats each frame to all other ports (IEEE 802.3 §27). The frame keeps its destination; other hosts ignore it.
class hub : public node {
  public:
    hub(network& net, std::string_view name) : node{net, name} {}
    [[nodiscard]] std::string_view kind() const noexcept override { return "hub"; }
    void receive(unsigned port, const frame& arrived) override {
        for (unsigned i = 0; i < port_count(); ++i)
            if (i != port) send(i, arrived);
    }

  protected:
    [[nodiscard]] bool grows() const noexcept override { return true; }
};

/// Sends each frame to the port behind which its destination is, as far as it knows.
class learning_switch : public node {
  public:
    /// Looks at a frame that has arrived at a port. Returns false to drop it; the switch then does not learn from it.
    using guard = std::function<bool(unsigned port, const packet::frame_view& frame)>;
    struct entry {
        unsigned port = 0;
        virtual_time seen{};  ///< when a frame from this address came in last
        bool is_static = false;
    };

    /// How long an entry stays without a frame from its address (IEEE 802.1Q §8.8.3).
    virtual_time ageing = std::chrono::seconds{300};
    /// Most learnt entries. When the table is full, new addresses are not learnt.
    std::size_t max_entries = 8192;

    learning_switch(network& net, std::string_view name) : node{net, name} {}
    [[nodiscard]] std::string_view kind() const noexcept override { return "switch"; }
    [[nodiscard]] learning_switch* as_switch() noexcept override { return this; }

    /// Binds an address to a port for ever. Frames from it that come in elsewhere do not change that.
    void add_static(packet::mac_address address, unsigned port) { entries_[address] = {port, {}, true}; }
    /// Forgets the entry of an address. Returns false if it does not exist.
    bool remove(packet::mac_address address) { return entries_.erase(address) > 0; }
    /// Forgets all learnt entries. Static entries stay.
    void clear() {
        std::erase_if(entries_, [](const auto& each) { return !each.second.is_static; });
    }
    /// Adds a guard. Frames pass the guards in the order in which they were added.
    void add_guard(guard check) { guards_.push_back(std::move(check)); }
    /// Returns how many frames guards have dropped.
    [[nodiscard]] std::uint64_t guarded() const noexcept { return guarded_; }
    /// Returns how many frames were flooded.
    [[nodiscard]] std::uint64_t flooded() const noexcept { return flooded_; }

    /// Returns the port behind which an address is, or nullopt if the switch does not know it.
    [[nodiscard]] std::optional<unsigned> port_of(packet::mac_address address) const {
        const auto found = entries_.find(address);
        if (found == entries_.end() || is_old(found->second)) return std::nullopt;
        return found->second.port;
    }
    /// Returns the forwarding database, without entries that are too old, sorted by address.
    [[nodiscard]] std::map<packet::mac_address, entry> forwarding_database() const {
        auto all = entries_;
        std::erase_if(all, [this](const auto& each) { return is_old(each.second); });
        return all;
    }
    /// Returns a line for each entry: address, port, and how old it is.
    [[nodiscard]] std::string tables() const override {
        std::string text;
        for (const auto& [address, found] : forwarding_database()) {
            text += address.to_string() + "  port " + std::to_string(found.port);
            text += found.is_static ? "  static\n" : "  " + time_text(net().now() - found.seen) + " s ago\n";
        }
        return text;
    }
    inline void receive(unsigned port, const frame& arrived) override;

  protected:
    [[nodiscard]] bool grows() const noexcept override { return true; }

  private:
    [[nodiscard]] bool is_old(const entry& which) const noexcept {
        return !which.is_static && net().now() - which.seen >= ageing;
    }
    void learn(packet::mac_address source, unsigned port);

    std::map<packet::mac_address, entry> entries_;
    std::vector<guard> guards_;
    std::uint64_t guarded_ = 0;
    std::uint64_t flooded_ = 0;
    virtual_time next_sweep_{};
};

// ---- How it is done ------------------------------------------------------------------------------------

inline void learning_switch::learn(packet::mac_address source, unsigned port) {
    // A group never sends: such a source is a fault or a trick, and must not catch the frames for the group.
    if (source.is_multicast() || source.is_unspecified()) return;
    const auto found = entries_.find(source);
    if (found != entries_.end()) {
        if (!found->second.is_static) found->second = {port, net().now(), false};
        return;
    }
    // Looking for old entries takes long, and an attacker can make the switch look: so once a second must do.
    if (entries_.size() >= max_entries && net().now() >= next_sweep_) {
        std::erase_if(entries_, [this](const auto& each) { return is_old(each.second); });
        next_sweep_ = net().now() + std::chrono::seconds{1};
    }
    if (entries_.size() < max_entries) entries_.emplace(source, entry{port, net().now(), false});
}

inline void learning_switch::receive(unsigned port, const frame& arrived) {
    packet::packet_failure why;
    const auto header = packet::ethernet_view::parse(arrived.bytes(), why);
    if (!header) return;  // a fragment of a frame, as after a collision
    if (!guards_.empty()) {
        const packet::frame_view whole = packet::dissect(arrived.bytes());
        for (const guard& check : guards_)
            if (!check(port, whole)) return void(++guarded_);
    }
    learn(header->source(), port);
    const packet::mac_address destination = header->destination();
    if ((destination.to_uint() & ~std::uint64_t{0xf}) == 0x0180'c200'0000) return;
    if (!destination.is_multicast()) {
        if (const auto known = port_of(destination)) {
            if (*known != port) send(*known, arrived);  // otherwise it has reached its destination already
            return;
        }
    }
    ++flooded_;
    for (unsigned i = 0; i < port_count(); ++i)
        if (i != port) send(i, arrived);
}

inline lan::hub& network::hub(std::string_view name) { return add<lan::hub>(name); }
inline lan::learning_switch& network::learning_switch(std::string_view name) { return add<lan::learning_switch>(name); }

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_SWITCH_HPP
