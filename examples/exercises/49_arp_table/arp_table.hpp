#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

/// What the table can do with the network card of its host.
class wire {
  public:
    virtual ~wire() = default;
    /// Sends a question to all cards: which card has the address `ip`?
    virtual void ask(const std::string& ip) = 0;
    /// Sends a packet to a card.
    virtual void transmit(const std::string& card, const std::string& packet) = 0;
};

/// An ARP packet that the host has received.
struct arp_packet {
    bool is_question = false;  ///< otherwise it is an answer
    std::string sender_ip{};   ///< "10.0.0.7"
    std::string sender_card{};  ///< the sender's hardware address, "02:00:00:00:00:07"
    std::string target_ip{};   ///< the address that is asked for, or that gets the answer
};

/// Knows which card has which IP address on one link.
class arp_table {
  public:
    arp_table(wire& card, std::string own_ip) : wire_{card}, own_ip_{std::move(own_ip)} {}

    /// Sends a packet to a neighbour, now or when the card of the neighbour is known.
    void send(const std::string& ip, const std::string& packet);
    /// Takes note of the sender of an ARP packet, as the task says.
    void heard(const arp_packet& packet);
    /// Enters a card by hand. ARP packets do not change this entry.
    void add_static(const std::string& ip, const std::string& card);

  private:
    struct entry {
        std::optional<std::string> card{};  ///< nothing while the answer has not come
        bool is_static = false;
        std::deque<std::string> waiting{};  ///< packets that wait for the answer
    };
    wire& wire_;
    std::string own_ip_;
    std::map<std::string, entry> entries_;
};
