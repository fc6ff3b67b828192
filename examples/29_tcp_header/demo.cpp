// examples/29_tcp_header/demo.cpp: what the fields of a TCP header say, and what its checksum notices
//
// The header has 20 bytes, and up to 40 bytes of options behind them. Its checksum covers the header, the data, and a
// *pseudo-header* that is never sent:
//
//        ┌────────────────┬─────────────────────┬───┬───┬────────┐┌────────────────────────┬──────┐
//        │ source address │ destination address │ 0 │ 6 │ length ││ the header of TCP      │ data │
//        └────────────────┴─────────────────────┴───┴───┴────────┘└────────────────────────┴──────┘
//
// So a segment that arrives at the wrong host is noticed. The sum is one's complement of 16-bit words (RFC 1071). It
// finds every single flipped bit. It does not find words that have changed places.
//
// The notes:     TCP报文首部
// Type:          demo
// You will see:  what demo.txt shows

#include "../demo.hpp"

#include <netnotes/packet.hpp>

#include <algorithm>

using example::heading;
using example::say;
namespace packet = netnotes::packet;
using packet::checksum_state;
using packet::sequence;

namespace {

using bytes = std::vector<std::byte>;
constexpr packet::ethernet link{.destination = packet::mac_address{"02:00:00:00:00:50"},
                                .source = packet::mac_address{"02:00:00:00:00:0a"}};
constexpr packet::ipv4 network{.source = net::ipv4_address{192, 168, 1, 10},
                               .destination = net::ipv4_address{192, 168, 1, 80}};
constexpr std::size_t tcp_begin = 34;  // behind 14 bytes of Ethernet and 20 bytes of IPv4

bytes frame_of(const packet::tcp& header, std::string_view data = {}) {
    bytes frame;
    packet::write(frame, link, network, header, data);
    return frame;
}

/// The segment with which the conversation of ../30_wireshark/web.pcap begins.
bytes first_segment() {
    return frame_of({.source_port = 40944,
                     .destination_port = 80,
                     .sequence_number = sequence{1811376125},
                     .flags = packet::tcp_flag::syn,
                     .window = 64240,
                     .options = packet::tcp_options{}
                                    .maximum_segment_size(1460)
                                    .sack_permitted()
                                    .timestamps(3711676909, 0)
                                    .no_operation()
                                    .window_scale(10)});
}

void the_box() {
    heading("The RFC's drawing (RFC 9293 §3.1), with the values of a real segment");
    const bytes frame = first_segment();
    const packet::frame_view seen = packet::dissect(frame);
    std::cout << packet::box(seen, packet::layer::tcp);
    say("检验和 (checksum): ", to_string(seen.checksum_state()));
    heading("Where a field stands: the window, in brackets");
    std::cout << packet::hex_dump(frame, packet::place_of(seen, *packet::find_field("tcp.window_size_value")));
    say("\nThe options, ", seen.tcp()->header_size() - 20, " bytes:");
    say("  maximum segment size ", *seen.tcp()->maximum_segment_size(), ", window scale ",
        int{*seen.tcp()->window_scale()}, ", selective acknowledgments? ",
        seen.tcp()->is_sack_permitted() ? "yes" : "no");
}

/// Flips each bit from `first` to `last` alone, and counts what the receiver says.
void flip_each(std::string_view title, std::size_t first, std::size_t last) {
    const bytes frame = first_segment();
    std::size_t good = 0, bad = 0, unreadable = 0;
    for (std::size_t bit = first; bit < last; ++bit) {
        bytes damaged = frame;
        damaged[bit / 8] ^= std::byte{0x80} >> bit % 8;
        const packet::frame_view seen = packet::dissect(damaged);
        if (!seen.tcp())
            ++unreadable;
        else if (seen.checksum_state() == checksum_state::good)
            ++good;
        else
            ++bad;
    }
    say(title, last - first, " bits: ", bad, " times bad, ", unreadable, " times unreadable, ", good, " times good");
}

void flipping() {
    heading("检验和: each bit is flipped alone");
    flip_each("the segment,        ", tcp_begin * 8, (tcp_begin + 40) * 8);
    flip_each("both IP addresses,  ", 26 * 8, 34 * 8);
    flip_each("the time to live,   ", 22 * 8, 23 * 8);
    say("The addresses belong to the pseudo-header. The time to live does not: each router changes it.");
    say("Unreadable is a data offset below 5 words, or a header longer than the segment.");
}

void not_noticed() {
    heading("What the checksum does not notice");
    bytes frame = frame_of({.source_port = 40944, .destination_port = 80}, "pay 10 to Al; pay 99 to Bo.");
    const auto exchange = [&](std::size_t a, std::size_t b) {
        std::swap_ranges(frame.begin() + static_cast<std::ptrdiff_t>(a),
                         frame.begin() + static_cast<std::ptrdiff_t>(a) + 2,
                         frame.begin() + static_cast<std::ptrdiff_t>(b));
    };
    const auto show = [&](std::string_view title) {
        const packet::frame_view seen = packet::dissect(frame);
        const auto data = seen.payload();
        say(title, net::visible({reinterpret_cast<const char*>(data.data()), data.size()}), "  ",
            to_string(seen.checksum_state()));
    };
    show("sent:                     ");
    exchange(tcp_begin + 24, tcp_begin + 38);  // "10" and "99": both begin at an even place
    show("two words are exchanged:  ");
    say("An addition does not depend on the order. TLS finds such a change; TCP does not.");
}

void offload() {
    heading("A checksum that the network card still has to complete");
    const packet::tcp header{.source_port = 40944, .destination_port = 80, .flags = packet::tcp_flag::ack};
    const std::uint16_t pseudo = static_cast<std::uint16_t>(
        ~packet::pseudo_header(network.source, network.destination, packet::ip_protocol::tcp, 20).checksum());
    packet::tcp unfinished = header;
    unfinished.checksum = pseudo;
    const bytes frame = frame_of(unfinished);
    say("as the sending host captures it: ", to_string(packet::dissect(frame).checksum_state()));
    say("as the receiver captures it:     ", to_string(packet::dissect(frame_of(header)).checksum_state()));
    say("The kernel writes the sum of the pseudo-header only, and the card adds the rest. tcpdump -vv calls such a "
        "checksum");
    say("incorrect. No card completes it on the loopback interface, so each segment there looks so.");
}

void numbers() {
    heading("序号 and 确认号: each byte has a number");
    const auto next = [](std::uint32_t first, std::uint32_t size) { return (sequence{first} + size).to_uint(); };
    say("the notes: number 301, 100 bytes of data. The next segment has number ", next(301, 100));
    say("the notes: number 501, 200 bytes of data. The acknowledgment says ", next(501, 200));
    say("number 4294967290, 10 bytes of data. The next segment has number ", next(4294967290, 10));
    say("Is 4294967290 before 4? ", sequence{4294967290}.is_before(sequence{4}) ? "yes" : "no",
        ". The numbers count modulo 2^32.");
    const bytes syn = first_segment();
    say("A SYN counts as one byte: this one, without data, takes ", packet::dissect(syn).tcp()->segment_length(),
        " number. A FIN does as well.");
}

void fields() {
    heading("Fields of which the notes say something else");
    const packet::tcp_flags all{std::uint8_t{0xff}};
    const bytes eight = frame_of({.reserved = 15, .flags = all});
    const auto flags = packet::dissect(eight).tcp();
    say("保留 (reserved): with all bits set it is ", flags->reserved(),
        ", so it has 4 bits, not 6. RFC 3168 made two of them");
    say("  flags in 2001. Are CWR and ECE set? ", flags->flags().cwr() && flags->flags().ece() ? "yes" : "no");
    for (const std::size_t options : {0u, 12u, 40u}) {
        packet::tcp header{};
        for (std::size_t i = 0; i < options; ++i) header.options.no_operation();
        const bytes frame = frame_of(header);
        const auto seen = packet::dissect(frame).tcp();
        say("数据偏移 (data offset): ", seen->data_offset(), " words of four bytes, a header of ", seen->header_size(),
            " bytes");
    }
    say("窗口 (window): 64240 says how many bytes the sender of this segment accepts, not how many it sends.");
    say("Later windows of this sender are shifted by 10 bits: 63 then means ", 63 << 10, " bytes.");
    say("紧急指针 (urgent pointer): not a count. It points behind the urgent byte, which may be in a later segment.");
}

void back_again() {
    heading("Parsed and written again");
    const bytes frame = first_segment();
    const packet::frame_view seen = packet::dissect(frame);
    bytes again;
    packet::write(again, packet::ethernet::from(*seen.ethernet()), packet::ipv4::from(*seen.ipv4()),
                  packet::tcp::from(*seen.tcp()), seen.payload());
    say("Are all ", frame.size(), " bytes the same? ", again == frame ? "yes" : "no");
}

constexpr std::string_view help = R"(usage: demo
       demo --help

The header of TCP: the RFC's drawing with real values, and what the checksum notices.
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (!words.rest().empty()) throw example::usage_error{"give no argument"};
        the_box();
        flipping();
        not_noticed();
        offload();
        numbers();
        fields();
        back_again();
    });
}
