#include "arp_table.hpp"

#include "grader.hpp"

#include <netnotes/lan/arp.hpp>

namespace {

namespace net = netnotes;
using lines = std::vector<std::string>;

const std::string own = "10.0.0.1";
std::string ip_of(unsigned host) { return "10.0.0." + std::to_string(host); }
std::string card_of(unsigned host) { return "02:00:00:00:00:0" + std::to_string(host); }

/// Notes what the answer of the learner sends.
struct recorder : wire {
    lines sent{};
    void ask(const std::string& ip) override { sent.push_back("ask(" + ip + ")"); }
    void transmit(const std::string& card, const std::string& packet) override {
        sent.push_back("transmit(" + card + ", " + packet + ")");
    }
};

/// The library is the judge: its cache, as the ARP of a host uses it. No time passes, so nothing is asked again.
class judge {
  public:
    judge() { cache_.settings.max_waiting = 3; }
    void send(const std::string& ip, const std::string& packet) {
        const auto* first = reinterpret_cast<const std::byte*>(packet.data());
        cache_.send(net::ipv4_address{ip}, {first, first + packet.size()});
    }
    void heard(const arp_packet& packet) {
        const net::ipv4_address sender{packet.sender_ip};
        if (packet.sender_ip == own || sender.is_unspecified()) return;
        const bool is_for_us = packet.target_ip == own;
        cache_.heard(sender, net::packet::mac_address{packet.sender_card}, !packet.is_question && is_for_us,
                     packet.is_question && is_for_us);
    }
    void add_static(const std::string& ip, const std::string& card) {
        cache_.add_static(net::ipv4_address{ip}, net::packet::mac_address{card});
    }
    lines sent{};

  private:
    net::lan::network time_{};
    net::lan::arp_cache cache_{
        time_,
        {.ask = [this](net::ipv4_address ip, net::packet::mac_address) { sent.push_back("ask(" + ip.to_string() + ")"); },
         .transmit =
             [this](net::packet::mac_address card, std::vector<std::byte>&& packet) {
                 const std::string text{reinterpret_cast<const char*>(packet.data()), packet.size()};
                 sent.push_back("transmit(" + card.to_string() + ", " + text + ")");
             },
         .give_up = [](std::vector<std::byte>&&) {}}};
};

/// Does the same with the answer of the learner and with the judge, and compares what they send after each call.
class story {
  public:
    explicit story(grader::sheet& steps) : steps_{steps} {}
    story& send(const std::string& ip, const std::string& packet) {
        return both("send(" + ip + ", " + packet + ")", [&](auto& each) { each.send(ip, packet); });
    }
    story& send(unsigned host, const std::string& packet) { return send(ip_of(host), packet); }
    /// An ARP packet of `sender`, with the card that has the number `card`.
    story& question(const std::string& sender, unsigned card, const std::string& target) {
        return heard(grader::either("question of ", "询问："), {true, sender, card_of(card), target});
    }
    story& answer(const std::string& sender, unsigned card, const std::string& target = own) {
        return heard(grader::either("answer of ", "回答："), {false, sender, card_of(card), target});
    }
    story& add_static(unsigned host, unsigned card) {
        return both("add_static(" + ip_of(host) + ", " + card_of(card) + ")",
                    [&](auto& each) { each.add_static(ip_of(host), card_of(card)); });
    }

  private:
    story& heard(const char* kind, const arp_packet& packet) {
        return both("heard(" + std::string{kind} + packet.sender_ip + grader::either(" at ", "，网卡 ") + packet.sender_card +
                        grader::either(", to ", "，发给 ") + packet.target_ip + ")",
                    [&](auto& each) { each.heard(packet); });
    }
    template <class Call>
    story& both(const std::string& text, Call call) {
        told_ += (told_.empty() ? "" : "\n    ") + text;
        wire_.sent.clear();
        judge_.sent.clear();
        call(mine_);
        call(judge_);
        steps_.equal(told_ + "\n    " + grader::either("the last call", "最后一个调用"), wire_.sent, judge_.sent);
        return *this;
    }
    grader::sheet& steps_;
    recorder wire_{};
    arp_table mine_{wire_, own};
    judge judge_{};
    std::string told_{};
};

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    steps.step("an unknown neighbour is asked for, and no packet leaves", "询问未知的邻居，不发送数据包", [&] {
        story{steps}.send(2, "A");
        story{steps}.send(2, "A").send(3, "B");
    });
    steps.step("the answer lets the packet go", "收到回答后发送数据包", [&] {
        story{steps}.send(2, "A").answer(ip_of(2), 2).send(2, "B");
        story{steps}.send(2, "A").send(3, "B").answer(ip_of(3), 3).answer(ip_of(2), 2);
    });
    steps.step("several packets wait for one answer, in order", "几个数据包按顺序等待同一个回答", [&] {
        story{steps}.send(2, "A").send(2, "B").send(2, "C").answer(ip_of(2), 2).answer(ip_of(2), 2);
    });
    steps.step("at most three packets wait, and the oldest is dropped", "最多三个数据包等待，丢弃最早的", [&] {
        story{steps}.send(2, "A").send(2, "B").send(2, "C").send(2, "D").send(2, "E").answer(ip_of(2), 2);
    });
    steps.step("a question for our address makes an entry", "询问我们地址的主机成为新的表项", [&] {
        story{steps}.question(ip_of(2), 2, own).send(2, "A");
        story{steps}.send(2, "A").question(ip_of(2), 2, own);
    });
    steps.step("other ARP packets make no entry", "其他 ARP 包不产生新的表项", [&] {
        story{steps}.question(ip_of(2), 2, ip_of(3)).send(2, "A");
        story{steps}.answer(ip_of(2), 2).send(2, "A");
        story{steps}.answer(ip_of(2), 2, ip_of(3)).send(2, "A");
    });
    steps.step("every ARP packet of a known host renews its card", "已知主机的每个 ARP 包都更新它的网卡", [&] {
        story{steps}.send(2, "A").answer(ip_of(2), 2).answer(ip_of(2), 3).send(2, "B");
        story{steps}.question(ip_of(2), 2, own).question(ip_of(2), 4, ip_of(3)).send(2, "A");
        story{steps}.send(2, "A").question(ip_of(2), 2, ip_of(2));
    });
    steps.step("a static entry stays as it is", "静态表项保持不变", [&] {
        story{steps}.add_static(2, 2).answer(ip_of(2), 6).question(ip_of(2), 6, own).send(2, "A");
        story{steps}.send(2, "A").send(2, "B").add_static(2, 2).send(2, "C").answer(ip_of(2), 6).send(2, "D");
        story{steps}.question(ip_of(2), 6, own).add_static(2, 2).send(2, "A");
    });
    steps.step("our own address and 0.0.0.0 are no neighbours", "自己的地址和 0.0.0.0 不是邻居", [&] {
        story{steps}.question("0.0.0.0", 2, own).send("0.0.0.0", "A").answer("0.0.0.0", 2);
        story{steps}.question(own, 6, own).send(own, "A").answer(own, 6);
    });
    steps.step("random calls", "随机的调用", [&] {
        for (int i = 0; i < 400; ++i) {
            story random{steps};
            char packet = 'A';
            const auto anyone = [&] { return steps.below(12) == 0 ? own : ip_of(2 + steps.below(3)); };
            for (int k = 0; k < 12; ++k) {
                const unsigned host = 2 + steps.below(3), card = 2 + steps.below(5);
                const std::string target = steps.below(2) ? own : ip_of(2 + steps.below(3));
                switch (steps.below(8)) {
                    case 0: random.question(anyone(), card, target); break;
                    case 1: random.answer(anyone(), card, target); break;
                    case 2: steps.below(4) ? random.answer(ip_of(host), card) : random.add_static(host, card); break;
                    default: random.send(host, std::string{packet++}); break;
                }
            }
        }
    });
    return steps.result();
}
