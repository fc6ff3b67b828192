#include "arp_table.hpp"

namespace {


}  // namespace

void arp_table::send(const std::string& ip, const std::string& packet) {
    const bool is_new = !entries_.contains(ip);
    entry& found = entries_[ip];
    if (found.card) return wire_.transmit(*found.card, packet);
    found.waiting.push_back(packet);
    if (is_new) wire_.ask(ip);
}

void arp_table::heard(const arp_packet& packet) {
    if (packet.sender_ip == own_ip_ || packet.sender_ip == "0.0.0.0") return;
    const bool is_known = entries_.contains(packet.sender_ip);
    // Only a host that asks for our address becomes a new entry: it waits for a packet of ours.
    if (!is_known && !(packet.is_question && packet.target_ip == own_ip_)) return;
    entry& found = entries_[packet.sender_ip];
    if (found.is_static) return;
    found.card = packet.sender_card;
    for (const std::string& each : std::exchange(found.waiting, {})) wire_.transmit(*found.card, each);
}

void arp_table::add_static(const std::string& ip, const std::string& card) {
    entry& found = entries_[ip];
    found.card = card;
    found.is_static = true;
    for (const std::string& each : std::exchange(found.waiting, {})) wire_.transmit(card, each);
}
