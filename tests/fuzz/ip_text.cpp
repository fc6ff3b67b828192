// tests/fuzz/ip_text.cpp: a stranger's text as an address, a network, an endpoint
// SPDX-License-Identifier: MIT
//
// Whatever is read prints to a text that reads as the same value; what is refused is refused with a word and a place,
// by parse() and by the constructor alike. Where the C library has the same grammar it must be of the same mind.

#include "fuzz.hpp"

#include <arpa/inet.h>

#include <array>
#include <stdexcept>
#include <string>
#include <system_error>

#include <netnotes/ip.hpp>
#include <netnotes/socket/address.hpp>

namespace net = netnotes;
using fuzz::require;

namespace {

template <class Value>
std::optional<Value> read(std::string_view text) {
    net::parse_failure why;
    const std::optional<Value> value = Value::parse(text, why);
    try {
        const Value constructed{text};
        require(value && constructed == *value, "the constructor reads what parse() reads");
    } catch (const net::parse_error& error) {
        require(!value, "the constructor refuses what parse() refuses");
        require(error.failure().message() == why.message(), "and for the same reason");
        require(why.position() <= text.size(), "the place is in the text, or at its end");
    }
    if (!value) return value;

    const std::string printed = value->to_string();
    require(printed.size() <= Value::text_capacity, "text_capacity is enough");
    const auto again = Value::parse(printed);
    require(again && *again == *value && again->hash() == value->hash(), "what is printed reads as the same value");
    require(again->to_string() == printed, "equal values have equal texts");

    std::string room(printed.size(), '?');
    char* const end = room.data() + room.size();
    require(value->to_chars(room.data(), end).ptr == end && room == printed, "to_chars() writes that text");
    require(value->to_chars(room.data(), end - 1).ec == std::errc::value_too_large, "or says that it does not fit");
    return value;
}

/// inet_pton(3) has our grammar but for the zone; inet_ntop(3) writes what RFC 5952 asks for, but for ::192.0.2.1, the
/// "IPv4-compatible" form, which RFC 4291 gave up.
template <class Address, int Family, std::size_t Size>
void compare_with_c(std::string_view text, const std::optional<Address>& ours) {
    if (text.find('\0') != text.npos || text.find('%') != text.npos) return;
    std::array<std::uint8_t, Size> octets{};
    const bool is_theirs = ::inet_pton(Family, std::string{text}.c_str(), octets.data()) == 1;
    require(is_theirs == ours.has_value(), "inet_pton() reads the same texts");
    if (!ours) return;
    require(ours->to_octets() == octets, "inet_pton() reads the same address");
    const bool is_compatible =
        Size == 16 && std::all_of(octets.begin(), octets.begin() + 12, [](auto o) { return o == 0; });
    char printed[INET6_ADDRSTRLEN];
    ::inet_ntop(Family, octets.data(), printed, sizeof printed);
    require(is_compatible || ours->to_string() == printed, "inet_ntop() writes the same text");
}

void read_network(std::string_view text) {
    read<net::network>(text);
    const auto block = net::network::parse(text, net::host_bits::cleared);
    const auto strict = net::network::parse(text);
    require(!strict || (block && *strict == *block), "clearing no bits changes nothing");
    if (!block) return;
    const auto address = net::ip_address::parse(text.substr(0, text.find('/')));
    require(address && block->contains(*address), "a network contains the address by which it was named");
    require(strict.has_value() == (*address == block->first()), "host bits are refused, and only they");
    require(block->contains(block->first()) && block->contains(block->last()), "it contains its ends");
    require(!block->first().previous() || !block->contains(*block->first().previous()), "and nothing before them");
    require(!block->last().next() || !block->contains(*block->last().next()), "and nothing behind them");
    const std::string mask = block->address().to_string() + '/' + block->netmask().to_string();
    require(block->is_v6() || net::network::parse(mask) == *block, "a netmask is a prefix length");
    require(!block->address_count_string().empty(), "every size has a name");
}

/// The kernel's form has numbers for zones: a name of an interface becomes its number, and is refused if there is no
/// such interface.
void through_the_kernels_form(const net::endpoint& where) {
    try {
        const net::socket_address address{where};
        const net::endpoint back = address.ip();
        require(back.port() == where.port(), "the port survives");
        require(net::socket_address{back} == address && net::socket_address{back}.ip() == back, "and so does the rest");
        if (where.address().is_v6() && !where.address().v6().zone().empty()) return;
        require(back == where, "what has no zone comes back as it was");
    } catch (const std::system_error&) {
        require(where.address().is_v6() && !where.address().v6().zone().empty(), "only a zone can be unknown");
    }
}

void as_a_path(std::string_view text, bool is_abstract) {
    try {
        const auto name = is_abstract ? net::unix_endpoint::abstract(text) : net::unix_endpoint{text};
        require(net::socket_address{name}.local() == name, "a name survives the kernel's form");
    } catch (const std::invalid_argument&) {
        const bool has_nul = text.find('\0') != text.npos;
        const std::size_t most = net::unix_endpoint::max_size - is_abstract;
        require(text.size() > most || (!is_abstract && (text.empty() || has_nul)), "refused for what the page says");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::as_text({data, size});
    compare_with_c<net::ipv4_address, AF_INET, 4>(text, read<net::ipv4_address>(text));
    compare_with_c<net::ipv6_address, AF_INET6, 16>(text, read<net::ipv6_address>(text));
    if (const auto address = read<net::ip_address>(text)) {
        const auto inside = address->embedded_ipv4();
        require(address->is_global() || net::find_special_range(*address) || address->is_multicast() ||
                    (inside && !inside->is_global()),
                "what is not global has a row that says so, or holds an IPv4 address that is not");
        require(net::ip_address::parse(address->unmapped().to_string()) == address->unmapped(),
                "without its coat, too");
        through_the_kernels_form({*address, 65'535});
    }
    read_network(text);
    if (const auto where = read<net::endpoint>(text)) through_the_kernels_form(*where);
    as_a_path(text, false);
    as_a_path(text, true);
    return 0;
}
