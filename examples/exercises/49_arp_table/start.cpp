#include "arp_table.hpp"

void arp_table::send(const std::string& ip, const std::string& packet) {
    const auto found = entries_.find(ip);
    if (found == entries_.end()) {
        wire_.ask(ip);  // the packet is dropped: TCP will send it again
        return;
    }
    wire_.transmit(*found->second.card, packet);
}

void arp_table::heard(const arp_packet& packet) { entries_[packet.sender_ip].card = packet.sender_card; }

void arp_table::add_static(const std::string& ip, const std::string& card) { entries_[ip] = {card, true, {}}; }
