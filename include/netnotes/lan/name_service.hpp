// netnotes/lan/name_service.hpp: name servers and resolvers in a simulated network
// SPDX-License-Identifier: MIT
//
// A resolver asks a name server by UDP, and believes the first answer that fits. Nothing proves who sent it. What
// "fits" means is therefore all that protects the resolver (RFC 5452 §9.1):
//
//        query    10.0.0.2:51812 ──> 10.0.0.53:53    id 40312, www.exAMPle.Com ?
//        answer   10.0.0.53:53 ──> 10.0.0.2:51812    id 40312, www.exAMPle.Com = 192.0.2.80
//                     │                   │              │           │
//                     the server          the port that  the id      the question, letter by letter, if the
//                     that was asked      asked          of the query   resolver mixes capitals ("0x20")
//
// An attacker who does not see the query must guess the rest. An id that counts upwards and a port that never changes
// leave nothing to guess. A random id leaves 65,536 possibilities, a random port multiplies them by 16,384, and each
// letter of the name by two.
//
// All of that is in vain if the server itself lies. A hijacked resolver gives its answers with the right id from the
// right port: compare answers of several servers, or better, check signatures (DNSSEC, RFC 4033).
//
// On this page:  name_server · lying_resolver · resolver_habits · stub_resolver
// The notes:     dns服务器被劫持, dns欺骗; example 36

#ifndef NETNOTES_LAN_NAME_SERVICE_HPP
#define NETNOTES_LAN_NAME_SERVICE_HPP

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../ip/address.hpp"
#include "../ip/endpoint.hpp"
#include "../packet/dns.hpp"
#include "../packet/dns_build.hpp"
#include "../packet/dns_name.hpp"
#include "host.hpp"
#include "network.hpp"

namespace netnotes::lan {

/// A host that answers questions about IPv4 addresses of names, at port 53.
class name_server : public host {
  public:
    static constexpr std::uint16_t port = 53;

    name_server(network& net, std::string_view name, std::string_view interface) : host{net, name, interface} {
        on_udp(port, [this](const datagram& arrived) { answer(arrived); });
    }
    [[nodiscard]] std::string_view kind() const noexcept override { return "name server"; }

    /// Adds a name, or changes its address. Throws parse_error for an unreadable name.
    void add(std::string_view name, ipv4_address address) {
        const packet::dns_name wanted{name};
        std::erase_if(names_, [&](const auto& each) { return each.first == wanted; });
        names_.emplace_back(wanted, address);
    }
    /// How long the server thinks before it answers, for example because it has to ask others.
    virtual_time delay{};
    /// Returns the number of queries so far.
    [[nodiscard]] std::uint64_t queries() const noexcept { return queries_; }

  protected:
    /// Returns the address of a name, or nullopt if the name does not exist.
    [[nodiscard]] virtual std::optional<ipv4_address> look_up(const packet::dns_name_view& name) const {
        for (const auto& [known, address] : names_)
            if (packet::dns_name_view{known} == name) return address;
        return std::nullopt;
    }

  private:
    void answer(const datagram& arrived) {
        using packet::dns_response_code, packet::dns_opcode;
        const auto query = packet::dns_view::parse(arrived.payload);
        if (!query || query->header().is_response || query->question_count() != 1) return;
        const auto questions = query->questions();
        if (questions.begin() == questions.end()) return;
        const packet::dns_question question = *questions.begin();
        ++queries_;
        std::array<std::byte, packet::dns_udp_size> space;
        const bool is_query = query->header().opcode == dns_opcode::query;
        const auto address = is_query ? look_up(question.name) : std::nullopt;
        packet::dns_builder response{space,
                                     {.id = query->id(),
                                      .is_response = true,
                                      .opcode = query->header().opcode,
                                      .is_authoritative = true,
                                      .response_code = !is_query ? dns_response_code::not_implemented
                                                       : address ? dns_response_code::no_error
                                                                 : dns_response_code::name_error}};
        response.question(question.name, question.type, question.query_class);  // the name with its capitals
        // A name that exists, but not with this type, has an empty answer without an error (RFC 2308 §2.2).
        if (address && question.type == packet::dns_type::a && question.query_class == packet::dns_class::internet)
            response.address(packet::dns_section::answer, question.name, 300, *address);
        std::vector<std::byte> message(response.message().begin(), response.message().end());
        net().after(delay, [this, to = arrived.source, message = std::move(message)] { send_udp(port, to, message); });
    }
    std::vector<std::pair<packet::dns_name, ipv4_address>> names_;
    std::uint64_t queries_ = 0;
};

/// A name server that was hijacked: it answers truly, but for some names (dns服务器被劫持).
class lying_resolver : public name_server {
  public:
    using name_server::name_server;
    /// Lies about a name from now on. Throws parse_error for an unreadable name.
    void lie(std::string_view name, ipv4_address address) { lies_.emplace_back(packet::dns_name{name}, address); }

  protected:
    [[nodiscard]] std::optional<ipv4_address> look_up(const packet::dns_name_view& name) const override {
        for (const auto& [known, address] : lies_)
            if (packet::dns_name_view{known} == name) return address;
        return name_server::look_up(name);
    }

  private:
    std::vector<std::pair<packet::dns_name, ipv4_address>> lies_;
};

/// The values of a query that a forger must guess. The defaults follow RFC 5452 §9.2. A lesson may make the numbers
/// smaller.
struct resolver_habits {
    bool random_id = true;              ///< false: each query has the next number
    unsigned id_bits = 16;              ///< 1 to 16; other numbers count as the nearest of these
    bool random_port = true;            ///< false: all queries come from `first_port`
    std::uint16_t first_port = 49'152;  ///< the first port that is used
    std::uint16_t port_count = 16'384;  ///< how many ports are used: at least 1, and none above 65,535
    bool mixed_case = false;            ///< capitals by chance, and an answer must repeat them
    virtual_time timeout = std::chrono::seconds{2};

    /// Returns how many ids and how many ports the resolver draws from.
    [[nodiscard]] constexpr std::uint64_t ids() const noexcept {
        return std::uint64_t{1} << std::clamp(id_bits, 1u, 16u);
    }
    [[nodiscard]] constexpr std::uint64_t ports() const noexcept {
        return std::clamp<std::uint64_t>(port_count, 1, 65'536u - first_port);
    }
    /// Returns among how many answers a forger must guess that knows the name and sees no query. If it draws answers by
    /// chance, it needs as many tries, on average.
    [[nodiscard]] double possibilities(const packet::dns_name_view& name) const noexcept {
        double all = random_id ? static_cast<double>(ids()) : 1;
        if (random_port) all *= static_cast<double>(ports());
        if (mixed_case)
            for (const auto label : name)
                for (const std::byte each : label)
                    if (is_letter(each)) all *= 2;
        return all;
    }
    [[nodiscard]] static constexpr bool is_letter(std::byte each) noexcept {
        const auto small = std::to_integer<unsigned>(each) | 0x20u;
        return small >= 'a' && small <= 'z';
    }
};

/// The part of a host that asks for addresses. It must live as long as the network runs. While it waits for an answer
/// it takes the datagrams to its port; no program of the host may use the ports of its resolver_habits.
class stub_resolver {
  public:
    /// A question and its result.
    struct lookup {
        packet::dns_name name{};         ///< as it was asked, with its capitals
        std::vector<std::byte> query{};  ///< the question as it was sent
        std::uint16_t id = 0;
        std::uint16_t port = 0;  ///< from which it was asked
        std::optional<ipv4_address> address{};
        bool is_done = false;
        unsigned wrong_sender = 0;    ///< answers that came from elsewhere, or were sent to another address
        unsigned wrong_id = 0;        ///< answers with another id
        unsigned wrong_question = 0;  ///< answers that repeat another name, type or class, or not exactly one question
        network::timer timer{};
    };

    stub_resolver(host& owner, ipv4_address server, const resolver_habits& habits = {})
        : host_{&owner}, server_{server}, habits_{habits} {}
    stub_resolver(const stub_resolver&) = delete;
    stub_resolver& operator=(const stub_resolver&) = delete;

    /// Asks for the address of a name, and returns what is known of the answer. The result changes while the network
    /// runs, and stays valid as long as the resolver. Throws parse_error for an unreadable name.
    const lookup& ask(std::string_view name) {
        random_numbers& random = host_->net().random();
        lookup& asked = lookups_.emplace_back();
        std::string text{name};
        if (habits_.mixed_case)
            for (char& each : text)
                if (resolver_habits::is_letter(static_cast<std::byte>(each)) && random.chance(500'000))
                    each = static_cast<char>(each ^ 0x20);
        asked.name = packet::dns_name{text};
        asked.id = static_cast<std::uint16_t>((habits_.random_id ? random.next() : next_id_++) % habits_.ids());
        asked.port = habits_.first_port;
        if (habits_.random_port) asked.port = static_cast<std::uint16_t>(asked.port + random.below(habits_.ports()));
        std::array<std::byte, packet::dns_udp_size> space;
        packet::dns_builder query{space, {.id = asked.id}};
        query.question(asked.name, packet::dns_type::a);
        asked.query.assign(query.message().begin(), query.message().end());
        open_.push_back(&asked);
        host_->on_udp(asked.port, [this](const datagram& arrived) { hear(arrived); });
        asked.timer = host_->net().after(habits_.timeout, [this, &asked] { finish(asked); });
        host_->send_udp(asked.port, {server_, name_server::port}, query.message());
        return asked;
    }
    /// Returns how the resolver asks and what it believes.
    [[nodiscard]] const resolver_habits& habits() const noexcept { return habits_; }

  private:
    /// Shows a datagram to all questions that were asked from its port: if ports are few, several may share one.
    void hear(const datagram& arrived) {
        const auto asked = open_;  // judge() removes what is answered
        for (lookup* const each : asked)
            if (each->port == arrived.destination.port()) judge(*each, arrived);
    }
    /// The rules of RFC 5452 §9.1: addresses and ports of both sides, the id, and the question with name, type and
    /// class. Habits may ask that the answer repeats the capitals, too.
    void judge(lookup& asked, const datagram& arrived) {
        const bool is_to_us = arrived.destination.address() == host_->source_for(server_);
        if (arrived.source != endpoint{server_, name_server::port} || !is_to_us) return void(++asked.wrong_sender);
        const auto answer = packet::dns_view::parse(arrived.payload);
        if (!answer || !answer->header().is_response || answer->header().opcode != packet::dns_opcode::query) return;
        if (answer->id() != asked.id) return void(++asked.wrong_id);
        const auto query = packet::dns_view::parse(asked.query);
        if (!query || !answer->is_response_to(*query) || !repeats_capitals(*answer, asked.name))
            return void(++asked.wrong_question);
        asked.address = address_in(*answer, asked.name);
        host_->net().cancel(asked.timer);
        finish(asked);
    }
    /// Returns true if the answer writes the name as the question did, or if the habits do not ask for that.
    [[nodiscard]] bool repeats_capitals(const packet::dns_view& answer, const packet::dns_name& name) const noexcept {
        if (!habits_.mixed_case) return true;
        const packet::dns_name copy{(*answer.questions().begin()).name};
        return std::equal(copy.wire().begin(), copy.wire().end(), name.wire().begin(), name.wire().end());
    }
    /// Returns the address of a name, or of the name that it is an alias of. Records about other names say nothing that
    /// was asked, so they are passed over (RFC 5452 §6).
    static std::optional<ipv4_address> address_in(const packet::dns_view& answer,
                                                  const packet::dns_name& name) noexcept {
        packet::dns_name_view wanted{name};
        for (const packet::dns_record& each : answer.answers()) {
            if (each.record_class != packet::dns_class::internet || !(each.name == wanted)) continue;
            if (const auto address = each.address(); address && address->is_v4()) return address->v4();
            if (each.type == packet::dns_type::cname) wanted = each.target().value_or(wanted);
        }
        return std::nullopt;
    }
    void finish(lookup& asked) {
        if (asked.is_done) return;
        asked.is_done = true;
        std::erase(open_, &asked);
        const bool is_used =
            std::any_of(open_.begin(), open_.end(), [&](const lookup* each) { return each->port == asked.port; });
        if (!is_used) host_->on_udp(asked.port, {});
    }

    host* host_;
    ipv4_address server_;
    resolver_habits habits_;
    std::deque<lookup> lookups_;  // a deque keeps its elements in their places
    std::vector<lookup*> open_;   // that wait for an answer
    std::uint16_t next_id_ = 1;
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_NAME_SERVICE_HPP
