#include "masks.hpp"

#include "grader.hpp"

#include <netnotes/ip.hpp>

namespace {

namespace net = netnotes;

// The library is the judge.
net::network network_of(unsigned prefix) { return {net::ipv4_address{0u}, prefix}; }
std::uint32_t wanted_mask(unsigned prefix) { return network_of(prefix).netmask().v4().to_uint(); }
std::optional<unsigned> wanted_prefix(std::uint32_t mask) {
    const auto read = net::network::parse("0.0.0.0/" + net::ipv4_address{mask}.to_string());
    if (!read || read->netmask().v4().to_uint() != mask) return std::nullopt;
    return read->prefix_length();
}
std::optional<unsigned> wanted_network(std::uint64_t hosts) {
    for (unsigned prefix = 33; prefix-- > 0;)
        if (network_of(prefix).host_count() >= hosts) return prefix;
    return std::nullopt;
}
std::string dotted(std::uint32_t mask) { return net::ipv4_address{mask}.to_string(); }

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto ask_prefix = [&](std::uint32_t mask) {
        steps.equal("prefix_of(" + dotted(mask) + ")", prefix_of(mask), wanted_prefix(mask));
    };
    const auto ask_hosts = [&](std::uint64_t hosts) {
        steps.equal("prefix_for(" + std::to_string(hosts) + ")", prefix_for(hosts), wanted_network(hosts));
    };
    steps.step("the masks of /1 to /32", "/1 到 /32 的掩码", [&] {
        for (unsigned prefix = 32; prefix > 0; --prefix)
            steps.equal("mask_of(" + std::to_string(prefix) + ")", dotted(mask_of(prefix)),
                        dotted(wanted_mask(prefix)));
    });
    steps.step("the mask of /0", "/0 的掩码", [&] {
        // The number is not known to the compiler. So a shift by 32 does what the processor does.
        volatile unsigned none = 0;
        steps.equal("mask_of(0)", dotted(mask_of(none)), dotted(wanted_mask(0)));
    });
    steps.step("each netmask has a prefix", "每个掩码都有前缀长度", [&] {
        for (unsigned prefix = 0; prefix <= 32; ++prefix) ask_prefix(wanted_mask(prefix));
    });
    steps.step("a number with a hole in its ones is no netmask", "1 的中间有 0 的数不是掩码", [&] {
        for (const std::uint32_t mask :
             {0xff00ff00u, 0x00ffffffu, 1u, 0x80000001u, 0xfffffffdu, 0x7fffffffu, 0xffffff01u})
            ask_prefix(mask);
    });
    steps.step("1,500 hosts, and other numbers of hosts", "1500 台主机，以及其他数目", [&] {
        ask_hosts(1500);
        for (unsigned bits = 0; bits <= 33; ++bits)
            for (std::uint64_t less = 0; less <= 4; ++less)
                if (const std::uint64_t hosts = (std::uint64_t{1} << bits) + 1; hosts >= less) ask_hosts(hosts - less);
        ask_hosts(~std::uint64_t{0});
    });
    steps.step("random numbers", "随机数", [&] {
        for (int i = 0; i < 2'000; ++i) {
            ask_hosts(steps.random()() >> steps.below(32));
            ask_prefix(static_cast<std::uint32_t>(~std::uint64_t{0} << steps.below(33)) ^ (1u << steps.below(32)));
        }
    });
    return steps.result();
}
