#include "grader.hpp"

#include <netnotes/packet/build.hpp>
#include <netnotes/packet/dns.hpp>
#include <netnotes/packet/dns_build.hpp>
#include <netnotes/packet/fields.hpp>
#include <netnotes/packet/frame.hpp>
#include <netnotes/packet/print.hpp>

namespace {

namespace net = netnotes;
namespace packet = netnotes::packet;
using grader::either;

/// A field that the sheet asks for. The library knows its place and its value.
struct field {
    const char* filter_name;
    const char* name;
    const char* why;
};
const field mac_to{"eth.dst", "destination MAC address",
                   either("Ethernet begins with the destination: 6 bytes.", "以太网首部的开头是目的地址，6 个字节。")};
const field mac_from{"eth.src", "source MAC address",
                     either("The source follows the destination: 6 bytes.", "源地址跟在目的地址后面，6 个字节。")};
const field type{"eth.type", "ether type",
                 either("The last two of the 14 bytes of Ethernet say what follows.", "以太网首部 14 个字节中的最后两个说明后面是什么。")};
const field header{"ip.hdr_len", "bytes of the IPv4 header",
                   either("The low half of the first byte counts words of four bytes.", "第一个字节的低半部分以四字节为单位。")};
const field ttl{"ip.ttl", "TTL",
                either("The TTL is the byte at 8 of the IPv4 header.", "TTL 是 IPv4 首部从 0 数起的第 8 个字节。")};
const field protocol{"ip.proto", "protocol",
                     either("The protocol follows the TTL: 6 is TCP, 17 is UDP.", "协议在 TTL 之后：6 是 TCP，17 是 UDP。")};
const field from{"ip.src", "source IPv4 address",
                 either("The source is at 12 of the IPv4 header, behind the checksum.", "源地址在 IPv4 首部从 0 数起的第 12 个字节，在校验和之后。")};
const field to{"ip.dst", "destination IPv4 address",
               either("The destination is at 16 of the IPv4 header.", "目的地址在 IPv4 首部从 0 数起的第 16 个字节。")};
const char* const why_ports = either("The ports begin behind the whole IPv4 header, and its first byte tells its length.",
                                     "端口在整个 IPv4 首部之后；首部的第一个字节说明它的长度。");
const field udp_from{"udp.srcport", "source port", why_ports}, udp_to{"udp.dstport", "destination port", why_ports};
const field tcp_from{"tcp.srcport", "source port", why_ports}, tcp_to{"tcp.dstport", "destination port", why_ports};
const field udp_length{"udp.length", "UDP length",
                       either("It is at 4 of the UDP header, and counts that header, too.", "它在 UDP 首部从 0 数起的第 4 个字节，也包括 UDP 首部。")};
const field tcp_header{"tcp.hdr_len", "bytes of the TCP header",
                       either("The high half of the byte at 12 counts words of four bytes.", "从 0 数起的第 12 个字节的高半部分以四字节为单位。")};
const field dns_id{"dns.id", "DNS identifier",
                   either("The first two bytes behind the UDP header.", "UDP 首部后面的头两个字节。")};

/// One frame, and the questions about it. The dump stands above the first question.
class frame {
  public:
    template <class... Layers>
    frame(std::vector<grader::question>& all, char name, const Layers&... layers) : all_{all}, name_{name} {
        packet::write(bytes_, layers...);
        const std::string padding = "Padding";  // what a careless driver has left in its buffer
        for (const char each : padding)
            if (bytes_.size() < 60) bytes_.push_back(static_cast<std::byte>(each));
        while (bytes_.size() < 60) bytes_.push_back(std::byte{0});
        above_ = std::string{"frame "} + name + "\n" + packet::hex_dump(bytes_);
    }
    frame& value(const field& which) { return ask(which.name, packet::text_of(seen(), which.filter_name).value(), which.why); }
    frame& place(const field& which) {
        const auto at = packet::place_of(seen(), *packet::find_field(which.filter_name)).value();
        return ask(std::string{"where is the "} + which.name, range(at.first_byte(), at.byte_count()), which.why);
    }
    frame& data_size() {
        return ask("bytes of TCP data", std::to_string(seen().payload().size()),
                   either("Total length of IPv4, less both headers. Bytes behind it only fill the frame.",
                          "IPv4 的总长度减去两个首部。总长度之外的字节只是填充。"));
    }
    frame& padding() {
        return ask("where is the padding", range(bytes_.size() - seen().trailer().size(), seen().trailer().size()),
                   either("The IPv4 packet ends where its total length says: count from its first byte.",
                          "IPv4 分组在总长度处结束：从它的第一个字节数起。"));
    }
    frame& dns_name() {
        packet::packet_failure failure;
        const auto message = packet::dns_view::parse(seen().payload(), failure);
        return ask("name in the question", (*message.value().questions().begin()).name.to_string(),
                   either("Each part of the name has a byte with its length in front.", "名字的每一段前面有一个字节，表示这一段的长度。"));
    }

  private:
    packet::frame_view seen() const { return packet::dissect(bytes_); }
    static std::string range(std::size_t first, std::size_t count) {
        std::string text;
        for (const std::size_t at : {first, first + count - 1}) {
            if (!text.empty()) text += '-';
            (text += "0123456789abcdef"[at >> 4]) += "0123456789abcdef"[at & 15];
            if (count == 1) break;
        }
        return text;
    }
    frame& ask(const std::string& what, const std::string& answer, const char* why) {
        all_.push_back({name_ + (": " + what), answer, why, above_});
        above_.clear();
        return *this;
    }
    std::vector<grader::question>& all_;
    char name_;
    std::vector<std::byte> bytes_;
    std::string above_;
};

std::vector<std::byte> question_for(std::uint16_t id, const std::string& name) {
    std::array<std::byte, 512> room;
    packet::dns_builder message{room, packet::dns_header{.id = id}};
    message.question(packet::dns_name{name}, packet::dns_type::a);
    return {message.message().begin(), message.message().end()};
}

std::vector<grader::question> make(std::uint32_t seed) {
    std::vector<grader::question> all;
    const packet::mac_address card{0x02005e100001}, router{0x02005e1000fe};
    const net::ipv4_address host{"192.0.2.33"}, resolver{"198.51.100.53"};

    frame{all, 'a', packet::ethernet{.destination = router, .source = card},
          packet::ipv4{.identification = 0x1234, .source = host, .destination = resolver},
          packet::udp{.source_port = 40000, .destination_port = 53}, question_for(0xbeef, "moon.example")}
        .place(mac_to).value(mac_from).place(mac_from).value(type).place(type).value(header).value(ttl).place(ttl)
        .value(protocol).value(from).place(from).value(to).value(udp_from).place(udp_from).value(udp_to)
        .value(udp_length).value(dns_id).dns_name();
    frame{all, 'b', packet::ethernet{.destination = card, .source = router},
          packet::ipv4{.identification = 0x0017, .time_to_live = 17, .source = resolver, .destination = host},
          packet::tcp{.source_port = 6, .destination_port = 0x0800, .sequence_number = packet::sequence{0x06110800},
                      .flags = packet::tcp_flag::ack},
          "hi"}
        .value(mac_to).value(ttl).value(protocol).value(tcp_from).place(tcp_to).value(tcp_header).data_size().padding();

    std::mt19937 random{seed};
    const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
    const auto card_of = [&] { return packet::mac_address{0x020000000000 | std::uint64_t{random()}}; };
    const auto address = [&] { return net::ipv4_address{0x0a000000 | below(1 << 24)}; };
    const auto port = [&] { return static_cast<std::uint16_t>(1024 + below(64512)); };
    const auto ip = [&](std::uint32_t words) {
        packet::ipv4 made{.identification = port(), .time_to_live = static_cast<std::uint8_t>(1 + below(255)),
                          .source = address(), .destination = address()};
        for (; words > 0; --words) made.options.router_alert();
        return made;
    };
    const auto text = [&] {
        std::string out;
        for (std::uint32_t size = 1 + below(6); size > 0; --size) out += static_cast<char>('a' + below(26));
        return out;
    };
    const packet::mac_address first = card_of(), second = card_of();
    std::string name = text();
    name += "." + text() + ".example";
    frame{all, 'c', packet::ethernet{.destination = first, .source = second}, ip(1 + below(2)),
          packet::udp{.source_port = port(), .destination_port = 53}, question_for(port(), name)}
        .value(mac_from).value(header).value(ttl).value(protocol).value(to).place(from).value(udp_from).place(udp_to)
        .value(udp_length).place(dns_id).dns_name();
    // At most one word of options in all, and few data: the frame is shorter than 60 bytes and has padding.
    const std::uint32_t options = below(3);
    packet::tcp_options idle;
    for (int i = 0; options == 2 && i < 4; ++i) idle.no_operation();
    const std::string data(below(options == 0 ? 6 : 2), 'x');
    frame{all, 'd', packet::ethernet{.destination = second, .source = first}, ip(options == 1 ? 1 : 0),
          packet::tcp{.source_port = port(), .destination_port = port(), .sequence_number = packet::sequence{below(1u << 31)},
                      .flags = packet::tcp_flag::ack, .options = idle},
          data}
        .value(mac_to).place(type).value(header).value(ttl).place(protocol).value(from).value(tcp_from).value(tcp_to)
        .value(tcp_header).data_size();
    return all;
}

}  // namespace

int main(int argc, char** argv) { return grader::run_sheet(argc, argv, make); }
