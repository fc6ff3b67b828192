#include "fragment.hpp"

#include "grader.hpp"

#include <netnotes/lan/fragment.hpp>
#include <netnotes/packet/reassembly.hpp>

namespace {

namespace net = netnotes;
namespace packet = netnotes::packet;
using lines = std::vector<std::string>;
using bytes = std::vector<std::byte>;

std::span<const std::byte> bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
std::string text_of(std::span<const std::byte> data) {
    return {reinterpret_cast<const char*>(data.data()), data.size()};
}
std::string place_of(unsigned place) {
    return grader::either("offset ", "偏移 ") + std::to_string(place & 0x1fff) +
           ((place & 0x2000) != 0 ? grader::either(", more", "，后面还有") : grader::either(", last", "，最后一个"));
}
std::string size_of(unsigned place, std::size_t size) {
    return place_of(place) + grader::either(": bytes ", "：字节数 ") + std::to_string(size);
}

/// The library is the judge.
std::vector<fragment> wanted_cut(const std::string& payload, unsigned mtu) {
    bytes whole;
    packet::write(whole, packet::ipv4{.source = net::ipv4_address{"192.0.2.1"}, .destination = net::ipv4_address{"192.0.2.2"}},
                  bytes_of(payload));
    packet::packet_failure why;
    std::vector<fragment> pieces;
    for (const bytes& each : net::lan::cut_into_fragments(packet::ipv4_view::parse(whole, why).value(), mtu, 0)) {
        const auto piece = packet::ipv4_view::parse(each, why).value();
        pieces.push_back({static_cast<std::uint16_t>(std::to_integer<unsigned>(each[6]) << 8 | std::to_integer<unsigned>(each[7])),
                          text_of(piece.payload())});
    }
    return pieces;
}
std::optional<std::string> wanted_join(const std::vector<fragment>& arrived) {
    packet::reassembler joins;
    for (const fragment& each : arrived) {
        const packet::ip_fragment piece{.source = net::ipv4_address{"192.0.2.1"},
                                        .destination = net::ipv4_address{"192.0.2.2"},
                                        .offset = (each.place & 0x1fffu) * 8,
                                        .has_more = (each.place & 0x2000) != 0,
                                        .payload = bytes_of(each.data)};
        if (const auto result = joins.add(piece, {}); result.is_complete()) return text_of(result.payload);
    }
    return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto ask_cut = [&](std::size_t size, unsigned mtu) {
        std::string payload;
        for (std::size_t i = 0; i < size; ++i) payload += static_cast<char>('a' + i % 23);
        const std::string call = "cut(" + std::to_string(size) + grader::either(" bytes, MTU ", " 字节，MTU ") + std::to_string(mtu) + ")";
        const auto list = [](const std::vector<fragment>& pieces) {
            lines all;
            for (const fragment& each : pieces) all.push_back(size_of(each.place, each.data.size()));
            return all;
        };
        const auto given = cut(payload, mtu), wanted = wanted_cut(payload, mtu);
        steps.equal(call, list(given), list(wanted));
        for (std::size_t i = 0; i < given.size(); ++i)
            steps.expect(given[i].data == wanted[i].data, call, "kept the bytes in order", "they are other bytes");
    };
    const auto ask_join = [&](const std::vector<fragment>& arrived) {
        std::string call = "join({";
        for (const fragment& each : arrived) {
            const std::string data = each.data.size() > 60 ? std::to_string(each.data.size()) + grader::either(" bytes", " 个字节")
                                                           : grader::shown(each.data);
            call += (call.back() == '{' ? "" : "; ") + place_of(each.place) + ": " + data;
        }
        const auto given = join(arrived), wanted = wanted_join(arrived);
        if (given && wanted && given->size() > 100)
            steps.expect(*given == *wanted, call + "})", "returned the whole payload", "they are other bytes");
        else
            steps.equal(call + "})", given, wanted);
    };
    const auto more = [](unsigned offset) { return static_cast<std::uint16_t>(offset | 0x2000); };
    const std::string a = "AAAAAAAA", b = "BBBBBBBB", c = "CCCCCCCC", d = "DDDDDDDD";

    steps.step("a payload that fits stays whole", "放得下的数据不分片", [&] {
        for (const std::size_t size : {1, 100, 1479, 1480}) ask_cut(size, 1500);
        ask_cut(8, 28);
    });
    steps.step("the offset counts units of eight bytes", "偏移以八字节为单位", [&] {
        for (const std::size_t size : {1481, 1488, 2960, 2961, 4008}) ask_cut(size, 1500);
        for (const std::size_t size : {9, 16, 17}) ask_cut(size, 28);
    });
    steps.step("each fragment but the last has a multiple of eight bytes", "除最后一个以外，每片都是八字节的倍数", [&] {
        for (const unsigned mtu : {29u, 35u, 36u, 576u, 1006u, 1492u})
            for (std::size_t size = mtu - 24; size < mtu + 8u; ++size) ask_cut(size, mtu);
        ask_cut(65'515, 68);
    });
    steps.step("an MTU without room, and a payload without bytes", "没有空间的 MTU，以及空的数据", [&] {
        // A loop that gains no byte would fill the memory in ten seconds.
        const std::string late = std::string{"\n    "} +
                                 grader::either("cut() did not end within a second", "cut() 在一秒内没有结束") + "\n";
        grader::detail::alarm_text[late.copy(grader::detail::alarm_text, sizeof grader::detail::alarm_text - 1)] = 0;
        ::alarm(static_cast<unsigned>(grader::patience));
        for (const unsigned mtu : {27u, 21u, 20u, 19u, 1u, 0u}) ask_cut(100, mtu);
        ask_cut(0, 1500);
    });
    steps.step("fragments are joined in order", "按顺序到达的分片可以重组", [&] {
        ask_join({{0, "hello"}});
        ask_join({{more(0), a}, {more(1), b + c}, {3, "end"}});
    });
    steps.step("fragments arrive in each order, and twice", "分片以任意顺序到达，也会重复到达", [&] {
        ask_join({{3, "end"}, {more(0), a}, {more(1), b + c}});
        ask_join({{more(1), b + c}, {3, "end"}, {more(1), b + c}, {more(0), a}});
    });
    steps.step("a packet with a hole is not returned", "有缺口的数据包不返回", [&] {
        ask_join({});
        ask_join({{more(0), a}, {more(1), b}});
        ask_join({{more(0), a}, {2, "end"}});
        ask_join({{more(0), a}, {more(0), a}, {2, "end"}});
        ask_join({{more(1), b}, {2, "end"}});
    });
    steps.step("where fragments overlap, the bytes that came first count", "分片重叠时，先到的字节有效", [&] {
        ask_join({{more(0), a + a}, {more(1), b + b}, {3, "end"}});
        ask_join({{more(1), b + b}, {3, "end"}, {more(0), a + a}});
        ask_join({{more(0), a + a + a}, {more(1), b}, {3, "end"}});
        ask_join({{more(1), b}, {more(0), a + c + d}, {3, "end"}});
    });
    steps.step("the two other bits do not matter", "另外两位没有影响", [&] {
        ask_join({{0x4000, "hello"}});
        ask_join({{0xc001, "end"}, {0xe000, a}});
    });
    steps.step("a fragment that cannot belong to a packet is ignored", "忽略不可能属于数据包的分片", [&] {
        ask_join({{more(0), "AAAAAAA"}, {more(0), a}, {1, "end"}});
        ask_join({{1, ""}, {more(0), a}, {1, "end"}});
        ask_join({{more(0), ""}, {0, ""}});
        ask_join({{8191, b}, {0, "hello"}});
        ask_join({{8190, b + b}, {0, "hello"}});
        ask_join({{more(0), std::string(65'528, 'a')}, {8191, "1234567"}});
        ask_join({{1, "end"}, {more(1), b}, {more(5), b}, {2, "END"}, {more(0), a}});
        ask_join({{more(2), c}, {1, "end"}, {more(0), a}, {more(1), b}, {3, "END"}});
        ask_join({{1, "end"}, {0, "hi"}, {more(0), a}});
    });
    steps.step("random packets, cut and damaged", "随机的数据包，被分片并损坏", [&] {
        for (int i = 0; i < 300; ++i) ask_cut(steps.below(1'200), 20 + steps.below(300));
        for (int i = 0; i < 4'000; ++i) {
            std::vector<fragment> arrived;
            const unsigned size = 1 + steps.below(4);
            for (unsigned at = 0; at < size; ++at)
                arrived.push_back(at + 1 < size ? fragment{more(at), std::string(8, static_cast<char>('A' + at))}
                                                : fragment{static_cast<std::uint16_t>(at), "end"});
            for (unsigned extra = steps.below(4); extra > 0; --extra) {
                const unsigned length = steps.below(4) == 0 ? steps.below(20) : 8 + 8 * steps.below(2);
                const unsigned offset = steps.below(size + 1);
                arrived.push_back({steps.below(3) ? more(offset) : static_cast<std::uint16_t>(offset),
                                   std::string(length, static_cast<char>('x' + extra % 3))});
            }
            for (std::size_t k = arrived.size() - 1; k > 0; --k)
                std::swap(arrived[k], arrived[steps.below(static_cast<std::uint32_t>(k + 1))]);
            if (steps.below(6) == 0) arrived.pop_back();
            ask_join(arrived);
        }
    });
    return steps.result();
}
