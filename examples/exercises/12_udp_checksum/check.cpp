#include "grader.hpp"

#include <netnotes/packet/checksum.hpp>

namespace {

namespace net = netnotes;
using grader::question;
using bytes = std::vector<unsigned char>;

std::string hex(const bytes& all) {
    std::string out;
    for (const unsigned char each : all) {
        constexpr std::string_view digits = "0123456789abcdef";
        if (!out.empty()) out += ' ';
        (out += digits[each >> 4]) += digits[each & 15];
    }
    return out;
}
bytes number(std::size_t value) { return {static_cast<unsigned char>(value >> 8), static_cast<unsigned char>(value)}; }
void append(bytes& to, const bytes& more) { to.insert(to.end(), more.begin(), more.end()); }
bytes of(std::string_view text) { return {text.begin(), text.end()}; }

std::uint16_t sum(const bytes& all) {
    return static_cast<std::uint16_t>(~net::packet::internet_checksum(std::as_bytes(std::span{all})));
}
const char* folding() {
    return grader::either("Add the numbers of 16 bits; add each carry at the right end.",
                          "把 16 位的数相加，进位加到最右边。");
}
question sum_of(const bytes& all) { return {"sum of " + hex(all), hex(number(sum(all))), folding()}; }
question checksum_of(const bytes& all) {
    return {"checksum of " + hex(all), hex(number(0xffffu ^ sum(all))),
            grader::either("The checksum has a 1 where the sum has a 0.", "校验和是和的按位取反。")};
}

/// A UDP datagram, and the pseudo-header in front of it.
struct datagram {
    bytes source, destination, data;
    std::size_t from, to;
    bytes header(std::size_t checksum) const {
        bytes out = number(from);
        append(out, number(to));
        append(out, number(data.size() + 8));
        append(out, number(checksum));
        return out;
    }
    bytes pseudo_header() const {
        bytes out = source;
        append(out, destination);
        append(out, {0, 17});
        append(out, number(data.size() + 8));
        return out;
    }
    std::size_t checksum() const {
        bytes all = pseudo_header();
        append(all, header(0));
        append(all, data);
        const std::size_t value = 0xffffu ^ sum(all);
        return value == 0 ? 0xffff : value;  // RFC 768: zero would say that there is no checksum
    }
    std::string ways() const { return hex(source) + " > " + hex(destination) + ": "; }
};
question pseudo_of(const datagram& sent) {
    return {"pseudo-header of " + sent.ways() + hex(sent.header(0)) + " " + hex(sent.data), hex(sent.pseudo_header()),
            grader::either("Source, destination, a zero byte, the protocol 17, the UDP length: 12 bytes.",
                           "源地址、目的地址、一个零字节、协议号 17、UDP 长度：共 12 个字节。")};
}
question blank(const datagram& sent) {
    const bytes head = sent.header(0);
    return {"fill in __ __: " + sent.ways() + hex({head.begin(), head.begin() + 6}) + " __ __ " + hex(sent.data),
            hex(number(sent.checksum())),
            grader::either("Sum the pseudo-header, the header with 00 00, and the data with a zero behind an odd byte.",
                           "把伪首部、校验和为 00 00 的首部和数据相加；数据字节数为奇数时末尾补一个零。")};
}
question whole(datagram sent, int damage) {
    const std::size_t checksum = sent.checksum();
    if (damage == 1) sent.data[1] ^= 4;  // one bit
    if (damage == 2)
        std::swap(sent.data[0], sent.data[2]), std::swap(sent.data[1], sent.data[3]);  // two words change places
    if (damage == 3) sent.destination[3] ^= 1;                                         // it came to another host
    bytes all = sent.pseudo_header();
    append(all, sent.header(checksum));
    append(all, sent.data);
    return {"does the checksum fit (yes or no): " + sent.ways() + hex(sent.header(checksum)) + " " + hex(sent.data),
            sum(all) == 0xffff ? "yes" : "no",
            grader::either("Sum everything with the checksum: ff ff fits. The order of the words does not matter.",
                           "把包括校验和在内的全部内容相加：结果是 ff ff 就正确。字的顺序没有影响。")};
}

std::vector<question> make(std::uint32_t seed) {
    std::mt19937 random{seed};
    const auto some = [&](std::size_t size) {
        bytes out(size);
        for (unsigned char& each : out) each = static_cast<unsigned char>(random());
        return out;
    };
    const bytes home{10, 0, 0, 1}, away{10, 0, 0, 2};
    std::vector<question> all{
        sum_of({0x00, 0x01, 0xf2, 0x03}), sum_of({0xf2, 0x03, 0xf4, 0xf5}), sum_of({0xff, 0xff, 0x00, 0x01}),
        checksum_of({0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}), sum_of({0x12, 0x34, 0x56})};
    all.push_back(pseudo_of({home, away, of("hi"), 1024, 53}));
    all.push_back(blank({home, away, of("hi"), 1024, 53}));
    all.push_back(blank({home, away, of("hi!"), 1024, 53}));
    datagram zero{home, away, {0, 0}, 1024, 53};  // its data makes the sum ffff
    zero.data = number(zero.checksum());
    all.push_back(blank(zero));
    for (const int damage : {0, 1, 2, 3}) all.push_back(whole({home, away, of("abcdef"), 4000, 4001}, damage));

    all.push_back(sum_of(some(6)));
    all.push_back(checksum_of(some(7)));
    for (const std::size_t size : {4u, 5u, 12u, 33u})
        all.push_back(blank(
            {{192, 0, 2, static_cast<unsigned char>(random())}, {198, 51, 100, 9}, some(size), random() % 65536, 69}));
    return all;
}

}  // namespace

int main(int argc, char** argv) { return grader::run_sheet(argc, argv, make); }
