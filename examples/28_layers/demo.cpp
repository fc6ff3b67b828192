// examples/28_layers/demo.cpp: an HTTP request is wrapped, carried, and unwrapped
//
//        program     GET /hello.txt …                                              69 bytes
//        TCP         │ header, 32 │ GET /hello.txt … │                            101
//        IPv4        │ header, 20 │ header, 32 │ GET /hello.txt … │               121
//        Ethernet    │ header, 14 │ header, 20 │ header, 32 │ GET /hello.txt … │  135 bytes on the wire
//
// Each layer puts its header in front of what the layer above hands down, and does not look into it. At the other end
// each layer removes its header and hands the rest up. A header names the protocol of what follows it by a number:
// Ethernet says 0x0800, IPv4 says 6, TCP says port 80.
//
// The notes:     TCP/IP协议(族), 各协议之间的关系
// Type:          demo
// You will see:  what demo.txt shows: the same request in several wrappings, and what a frame lacks if it is cut

#include "../demo.hpp"

#include <netnotes/packet.hpp>

#include <algorithm>

using example::heading;
using example::say;
namespace packet = netnotes::packet;
using packet::layer;

namespace {

constexpr std::string_view request = "GET /hello.txt HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n";

// What a network card received. ../30_wireshark/web.pcap holds the conversation around it.
constexpr char headers[] =
    "\x02\x00\x00\x00\x00\x50\x02\x00\x00\x00\x00\x0a\x08\x00"                          // Ethernet
    "\x45\x00\x00\x79\x5d\x69\x40\x00\x40\x06\x59\x6b\xc0\xa8\x01\x0a\xc0\xa8\x01\x50"  // IPv4
    "\x9f\xf0\x00\x50\x6b\xf7\x67\xfe\xa0\x71\x0e\xf0\x80\x18\x00\x3f\x0f\x76\x00\x00"  // TCP
    "\x01\x01\x08\x0a\xdd\x3b\xb1\xfb\xab\x44\xe7\xd3";                                 // its options

using bytes = std::vector<std::byte>;

bytes received() {
    const std::string frame = std::string{headers, sizeof headers - 1} + std::string{request};
    const auto span = std::as_bytes(std::span{frame});
    return {span.begin(), span.end()};
}

constexpr packet::ethernet link{.destination = packet::mac_address{"02:00:00:00:00:50"},
                                .source = packet::mac_address{"02:00:00:00:00:0a"}};
constexpr packet::ipv4 network{.identification = 0x5d69,
                               .dont_fragment = true,
                               .source = net::ipv4_address{192, 168, 1, 10},
                               .destination = net::ipv4_address{192, 168, 1, 80}};
const packet::tcp transport{
    .source_port = 40944,
    .destination_port = 80,
    .sequence_number = packet::sequence{1811376126},
    .acknowledgment_number = packet::sequence{2691763952},
    .flags = packet::tcp_flag::psh | packet::tcp_flag::ack,
    .window = 63,
    .options = packet::tcp_options{}.no_operation().no_operation().timestamps(3711676923, 2873419731)};

template <class... Layers>
bytes wrap(const Layers&... layers) {
    bytes frame;
    packet::write(frame, layers...);
    return frame;
}

/// Returns the headers of a frame, from the outside to the inside.
std::string layers_of(const packet::frame_view& frame) {
    std::string names;
    for (const layer each :
         {layer::ethernet, layer::vlan, layer::arp, layer::ipv4, layer::ipv6, layer::icmp, layer::udp, layer::tcp})
        if (frame.has(each)) names.append(names.empty() ? "" : " > ").append(to_string(each));
    return names;
}

void wrapping() {
    heading("Wrapping: each layer adds its header in front");
    say("the program sends                  ", request.size(), " bytes");
    say("TCP adds ports and numbers:       ", wrap(transport, request).size(), " bytes");
    say("IPv4 adds addresses of hosts:     ", wrap(network, transport, request).size(), " bytes");
    const bytes frame = wrap(link, network, transport, request);
    say("Ethernet adds addresses of cards: ", frame.size(), " bytes");
    say("Is this the frame that a real card received, byte for byte? ", frame == received() ? "yes" : "no");
    say("Lengths and both checksums were computed. Everything else was given.");
}

void unwrapping() {
    heading("Unwrapping: each device reads as far as it must");
    const bytes frame = received();
    const packet::frame_view seen = packet::dissect(frame);
    say("a switch reads Ethernet:  to the card ", seen.ethernet()->destination());
    say("a router reads IPv4, too: to the host ", seen.ipv4()->destination());
    say("the host reads TCP, too:  to the program at port ", seen.tcp()->destination_port());
    const auto rest = seen.payload();
    const std::string text{reinterpret_cast<const char*>(rest.data()), rest.size()};
    say("the program reads the rest: ", net::visible(text.substr(0, text.find('\r'))));
    say("\nWhich header follows? Each header says it by a number:");
    say("  Ethernet says ", *packet::text_of(seen, "eth.type"), ", which means ", to_string(seen.ethernet()->type()));
    say("  IPv4 says ", *packet::text_of(seen, "ip.proto"), ", which means ", to_string(seen.protocol()));
    say("  TCP says port ", *packet::text_of(seen, "tcp.dstport"), ", where HTTP is expected, and nothing more");
}

void names() {
    heading("TCP/IP协议(族): four layers, and the seven of the OSI model");
    say("OSI                                   Internet (RFC 1122)             here");
    say("7 application 应用层                  application layer 应用层        HTTP");
    say("6 presentation 表示层                 application layer               HTTP");
    say("5 session 会话层                      application layer               HTTP");
    say("4 transport 传输层                    transport layer 传输层          TCP");
    say("3 network 网络层                      internet layer 网际层           IPv4");
    say("2 data link 数据链路层                link layer 链路层               Ethernet");
    say("1 physical 物理层                     not part of the model           volts, light, radio");
}

void exchanging() {
    heading("A layer can be exchanged, and the layers above do not notice");
    const packet::ipv6 network_6{.source = net::ipv6_address{"2001:db8::10"},
                                 .destination = net::ipv6_address{"2001:db8::80"}};
    const auto show = [](std::string_view title, const bytes& frame) {
        const packet::frame_view seen = packet::dissect(frame);
        const auto rest = seen.payload();
        const bool same = std::ranges::equal(rest, std::as_bytes(std::span{request}));
        say(title, layers_of(seen), ", ", frame.size(), " bytes; the same request? ", same ? "yes" : "no",
            "; checksum ", to_string(seen.checksum_state()));
    };
    show("as captured:  ", wrap(link, network, transport, request));
    show("over IPv6:    ", wrap(link, network_6, transport, request));
    show("in a VLAN:    ", wrap(link, packet::vlan{.identifier = 7}, network, transport, request));
    show("UDP, not TCP: ", wrap(link, network, packet::udp{.source_port = 40944, .destination_port = 80}, request));
}

void cost() {
    heading("What the wrapping costs");
    for (const std::size_t size : {1u, 69u, 1448u}) {
        const bytes frame = wrap(link, network, transport, std::string(size, 'x'));
        say(size, size == 1 ? " byte of data: " : " bytes of data: ", frame.size(), " bytes in the frame, ",
            100 * size / frame.size(), " % is data");
    }
    say("1,448 is the most that fits: a packet of IP has at most 1,500 bytes on Ethernet (the MTU).");
}

void cutting() {
    heading("Cut: what is left of the frame if it ends early");
    const bytes frame = received();
    for (const std::size_t size : {10u, 14u, 30u, 40u, 66u, 100u, 135u}) {
        const packet::frame_view seen = packet::dissect(std::span{frame}.first(size), frame.size());
        const std::string found = layers_of(seen);
        say("the first ", size, " bytes: ", found.empty() ? "no header" : found, ", ", seen.payload().size(),
            " bytes of payload", seen.failure() ? "; " + seen.failure().message() : "");
    }
}

constexpr std::string_view help = R"(usage: demo
       demo --help

An HTTP request is wrapped in TCP, IPv4 and Ethernet, and unwrapped again.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"give no argument"};
        wrapping();
        unwrapping();
        names();
        exchanging();
        cost();
        cutting();
    });
}
