// packet_files: the capture chapters as a program, for packet_files.py, which compares it with capinfos and tshark
// SPDX-License-Identifier: MIT
//
//     packet_files write FOLDER                  writes capture files of every kind that the library writes
//     packet_files list FILE                     a line a record: number, time, sizes, interface, comments, bytes (hex)
//     packet_files copy FILE NEW.pcap|.pcapng    writes the records again
//     packet_files names                         the names of all fields
//     packet_files fields FILE NAME...           what tshark -T fields -e NAME ... prints
//     packet_files summary FILE                  the line of every packet
//     packet_files follow FILE                   every TCP stream: `stream N CLIENT SERVER`, then `C hex` and `S hex`
//
// What could not be read is said in the last line of `list` and `copy`.

#include <netnotes/packet.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace netnotes::packet;
namespace net = netnotes;
using bytes = std::vector<std::byte>;

namespace {

bytes read_file(const char* name) {
    std::ifstream file{name, std::ios::binary};
    if (!file) throw std::runtime_error{std::string{"cannot read "} + name};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    const auto* const begin = reinterpret_cast<const std::byte*>(text.data());
    return {begin, begin + text.size()};
}
std::string hex(std::span<const std::byte> from) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const std::byte byte : from) {
        text += digits[std::to_integer<unsigned>(byte) >> 4];
        text += digits[std::to_integer<unsigned>(byte) & 15];
    }
    return text;
}
std::string hex_of(std::string_view text) { return hex(std::as_bytes(std::span{text.data(), text.size()})); }
std::string seconds_of(const std::optional<capture_time>& time) {
    if (!time) return "";
    const auto count = time->time_since_epoch().count();
    std::string fraction = std::to_string(count % 1'000'000'000);
    fraction.insert(0, 9 - fraction.size(), '0');
    return net::detail::joined(std::to_string(count / 1'000'000'000), ".", fraction);
}

// ---- Reading -----------------------------------------------------------------------------------------------

/// Fuzzed pcap files have fractions of a second that are a second and more. tshark prints them as they stand.
bool has_odd_time(const capture_reader& reader, const capture_record& record, std::span<const std::byte> file) {
    if (reader.is_pcapng()) return false;
    const auto* const fraction = file.data() + record.offset + 4;
    const std::uint32_t value = reader.is_big_endian() ? detail::load_32(fraction) : detail::load_little_32(fraction);
    return value >= (reader.interfaces()[0].resolution == time_resolution::nanoseconds() ? 1'000'000'000u : 1'000'000u);
}

int list(const bytes& file) {
    capture_reader reader{file};
    std::size_t number = 0;
    for (const capture_record& record : reader) {
        std::string comments;
        for (const capture_option& option : record.options)
            if (option.code == capture_option::comment)
                comments += net::detail::joined(comments.empty() ? "" : ",", option.text());
        const capture_interface& interface = reader.interfaces()[record.interface_index];
        std::cout << ++number << '\t' << seconds_of(record.time) << '\t' << record.bytes.size() << '\t'
                  << record.original_size << '\t' << record.interface_index << '\t' << hex_of(interface.name()) << '\t'
                  << hex_of(comments) << '\t' << static_cast<int>(record.link) << '\t' << hex(record.bytes) << '\t'
                  << (has_odd_time(reader, record, file) ? "odd" : "") << '\n';
    }
    if (reader.failure()) std::cout << "failure " << reader.failure().message() << '\n';
    return 0;
}

int copy(const bytes& file, const std::string& name) {
    std::ofstream out{name, std::ios::binary};
    capture_reader reader{file};
    auto record = reader.next();
    if (name.ends_with(".pcapng")) {
        pcapng_writer writer{out, {.comment = "copied", .application = "packet_files"}};
        std::vector<std::uint32_t> known;
        for (; record; record = reader.next()) {
            while (known.size() < reader.interfaces().size()) {
                const capture_interface& from = reader.interfaces()[known.size()];
                known.push_back(writer.add_interface({.name = from.name(),
                                                      .description = from.description(),
                                                      .comment = {},
                                                      .link = from.link,
                                                      .snapshot_length = 0}));
            }
            writer.write(known[record->interface_index], record->time.value_or(capture_time{}), record->bytes,
                         {.comment = record->comment(), .original_size = record->original_size});
        }
    } else {
        pcap_writer writer{out, record ? record->link : link_type::ethernet};
        for (; record; record = reader.next())
            writer.write(record->time.value_or(capture_time{}), record->bytes, record->original_size);
    }
    if (reader.failure()) std::cout << "failure " << reader.failure().message() << '\n';
    return out.flush() ? 0 : 1;
}

int print_summaries(const bytes& file) {
    capture_reader reader{file};
    for (const capture_record& record : reader)
        std::cout << summary(dissect(record.bytes, record.original_size, record.link)) << '\n';
    return 0;
}

int print_fields(const bytes& file, std::span<char*> names) {
    capture_reader reader{file};
    for (const capture_record& record : reader) {
        const frame_view frame = dissect(record.bytes, record.original_size, record.link);
        for (std::size_t i = 0; i < names.size(); ++i)
            std::cout << (i == 0 ? "" : "\t") << text_of(frame, names[i]).value_or("");
        std::cout << '\n';
    }
    return 0;
}

int follow(const bytes& file) {
    capture_reader reader{file};
    tcp_follower follower{{.max_memory = std::size_t{1} << 30, .history = 0}};
    reassembler fragments{{.max_memory = std::size_t{1} << 28, .timeout = std::chrono::hours{24}}};
    struct told {
        std::string header, lines, gap;
        char last = 0;
        bool has_ended = false;
    };
    std::vector<told> all;
    const auto handler = [&](const stream_event& event) {
        const auto number = static_cast<std::size_t>(event.stream.number);
        if (all.size() <= number) all.resize(number + 1);
        told& to = all[number];
        const char side = event.side == stream_side::client ? 'C' : 'S';
        const auto tell = [&](const std::string& text) {
            if (to.has_ended) return;
            if (side != to.last) {
                to.lines += '\n';
                to.lines += side;
                to.lines += ' ';
            }
            to.last = side;
            to.lines += text;
        };
        if (event.what == stream_event::kind::opened)
            to.header = net::detail::joined(event.stream.client.to_string(), " ", event.stream.server.to_string());
        if (event.what == stream_event::kind::data) tell(std::exchange(to.gap, "") + hex(event.bytes));
        if (event.what == stream_event::kind::finished) to.gap.clear();  // tshark does not know of a gap before a FIN
        if (event.what != stream_event::kind::gap) return;
        // tshark does not show what waits behind a gap when the capture ends.
        if (event.reason != stream_event::gap_reason::acknowledged) to.has_ended = true;
        const std::string text =
            net::detail::joined("[", std::to_string(event.size), " bytes missing in capture file]");
        to.gap = hex(std::as_bytes(std::span{text.c_str(), text.size() + 1}));
    };
    packet_failure why;
    for (const capture_record& record : reader) {
        const frame_view frame = dissect(record.bytes, record.original_size, record.link);
        if (const auto segment = tcp_segment::from(frame)) follower.add(*segment, handler);
        if (!frame.is_fragment()) continue;
        auto part = frame.ipv4()   ? ip_fragment::from(*frame.ipv4())
                    : frame.ipv6() ? ip_fragment::from(*frame.ipv6())
                                   : std::nullopt;
        if (!part) continue;
        const auto whole = fragments.add(*part, record.time.value_or(capture_time{}));
        if (!whole.is_complete() || whole.protocol != ip_protocol::tcp) continue;
        if (const auto header = tcp_view::parse(whole.payload, why))
            follower.add({part->source, part->destination, *header, header->payload().size()}, handler);
    }
    for (std::size_t i = 0; i < all.size(); ++i)
        std::cout << "stream " << i << ' ' << all[i].header << all[i].lines << '\n';
    return 0;
}

// ---- Writing -----------------------------------------------------------------------------------------------

/// A frame of Ethernet, IPv4 or IPv6, and TCP or UDP, with right lengths and checksums.
bytes frame(const net::endpoint& from, const net::endpoint& to, ip_protocol protocol,
            std::span<const std::byte> inner) {
    bytes out(14);
    std::fill_n(out.begin(), 12, std::byte{0x02});
    out[5] = std::byte{1}, out[11] = std::byte{2};
    const bool is_v4 = from.address().is_v4();
    detail::store_16(out.data() + 12, is_v4 ? 0x0800 : 0x86dd);
    bytes header(is_v4 ? 20 : 40), segment{inner.begin(), inner.end()};
    detail::store_16(segment.data(), from.port());
    detail::store_16(segment.data() + 2, to.port());
    const std::size_t checksum_at = protocol == ip_protocol::tcp ? 16 : 6;
    const auto size = static_cast<std::uint32_t>(segment.size());
    internet_sum sum;
    if (is_v4) {
        header[0] = std::byte{0x45};
        detail::store_16(header.data() + 2, static_cast<std::uint16_t>(20 + size));
        header[8] = std::byte{64};
        header[9] = static_cast<std::byte>(protocol);
        detail::store_32(header.data() + 12, from.address().v4().to_uint());
        detail::store_32(header.data() + 16, to.address().v4().to_uint());
        detail::store_16(header.data() + 10, internet_checksum(header));
        sum = pseudo_header(from.address().v4(), to.address().v4(), protocol, size);
    } else {
        header[0] = std::byte{0x60};
        detail::store_16(header.data() + 4, static_cast<std::uint16_t>(size));
        header[6] = static_cast<std::byte>(protocol);
        header[7] = std::byte{64};
        const auto put = [&](const net::ipv6_address& address, std::size_t at) {
            for (const std::uint8_t octet : address.to_octets()) header[at++] = static_cast<std::byte>(octet);
        };
        put(from.address().v6(), 8);
        put(to.address().v6(), 24);
        sum = pseudo_header(from.address().v6(), to.address().v6(), protocol, size);
    }
    sum.add(segment);
    detail::store_16(segment.data() + checksum_at, sum.checksum());
    out.insert(out.end(), header.begin(), header.end());
    out.insert(out.end(), segment.begin(), segment.end());
    return out;
}
bytes tcp_frame(const net::endpoint& from, const net::endpoint& to, std::uint32_t number, std::uint32_t acknowledged,
                tcp_flags flags, std::string_view payload) {
    bytes segment(20);
    detail::store_32(segment.data() + 4, number);
    detail::store_32(segment.data() + 8, acknowledged);
    segment[12] = std::byte{0x50};
    segment[13] = std::byte{flags.to_uint()};
    detail::store_16(segment.data() + 14, 65'535);
    for (const char c : payload) segment.push_back(static_cast<std::byte>(c));
    return frame(from, to, ip_protocol::tcp, segment);
}

/// What two programs say to each other over a bad line, as a capture on the way has it: frames are lost for good behind
/// the capture or before it, doubled, cut anew, and out of order.
std::vector<bytes> conversation(std::uint32_t seed, const net::endpoint& client, const net::endpoint& server) {
    std::mt19937 random{seed};
    std::vector<bytes> frames;
    const std::uint32_t start[2]{static_cast<std::uint32_t>(random()) | 1, static_cast<std::uint32_t>(random()) | 1};
    std::uint32_t sent[2]{1, 1};  // behind the SYN
    frames.push_back(tcp_frame(client, server, start[0], 0, tcp_flag::syn, ""));
    frames.push_back(tcp_frame(server, client, start[1], start[0] + 1, tcp_flag::syn | tcp_flag::ack, ""));
    frames.push_back(tcp_frame(client, server, start[0] + 1, start[1] + 1, tcp_flag::ack, ""));
    for (int turn = 0; turn < 12; ++turn) {
        const unsigned side = random() % 2;
        const net::endpoint &from = side == 0 ? client : server, &to = side == 0 ? server : client;
        std::string text;
        for (std::size_t i = 1 + random() % 600; i > 0; --i) text += static_cast<char>('a' + random() % 26);
        std::vector<bytes> burst;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t size = 1 + random() % 120;
            const std::string_view part = std::string_view{text}.substr(at, size);
            const std::uint32_t number = start[side] + sent[side] + static_cast<std::uint32_t>(at);
            const std::uint32_t answer = start[1 - side] + sent[1 - side];
            if (random() % 12 != 0)  // else the capture lacks it
                burst.push_back(tcp_frame(from, to, number, answer, tcp_flag::ack | tcp_flag::psh, part));
            if (random() % 10 == 0 && at > 0) {  // sent again, with what came before it
                const std::size_t back = random() % at;
                burst.push_back(tcp_frame(from, to, number - static_cast<std::uint32_t>(at - back), answer,
                                          tcp_flag::ack, std::string_view{text}.substr(back, size + 40)));
            }
            at += size;
        }
        for (std::size_t i = 1; i < burst.size(); ++i)
            if (random() % 5 == 0) std::swap(burst[i], burst[i - 1]);
        frames.insert(frames.end(), burst.begin(), burst.end());
        sent[side] += static_cast<std::uint32_t>(text.size());
        if (random() % 3 != 0)
            frames.push_back(
                tcp_frame(to, from, start[1 - side] + sent[1 - side], start[side] + sent[side], tcp_flag::ack, ""));
    }
    for (const unsigned side : {0u, 1u}) {
        const net::endpoint &from = side == 0 ? client : server, &to = side == 0 ? server : client;
        frames.push_back(tcp_frame(from, to, start[side] + sent[side], start[1 - side] + sent[1 - side],
                                   tcp_flag::fin | tcp_flag::ack, ""));
        ++sent[side];
    }
    frames.push_back(tcp_frame(client, server, start[0] + sent[0], start[1] + sent[1], tcp_flag::ack, ""));
    return frames;
}

bytes dns_frame() {
    std::vector<std::byte> room(8 + dns_udp_size);
    dns_builder message{std::span{room}.subspan(8), {.id = 7, .is_response = true, .is_recursion_available = true}};
    const dns_name name{"www.example.com"}, zone{"example.com"}, mail{"mail.example.com"};
    const auto answer = dns_section::answer;
    message.question(name, dns_type::any);
    message.target(answer, dns_type::cname, name, 300, mail);
    message.address(answer, mail, 60, net::ip_address{"192.0.2.1"});
    message.address(answer, mail, 60, net::ip_address{"2001:db8::1"});
    message.mail_exchange(answer, zone, 60, {10, mail});
    message.texts(answer, zone, 60, {"v=spf1 -all", "second"});
    message.service(answer, dns_name{"_tftp._udp.example.com"}, 60, {1, 2, 69, mail});
    message.target(answer, dns_type::ptr, dns_name{"1.2.0.192.in-addr.arpa"}, 60, mail);
    message.target(dns_section::authority, dns_type::ns, zone, 60, dns_name{"ns.example.com"});
    message.start_of_authority(dns_section::authority, zone, 60, {name, dns_name{"me.example.com"}, 2026, 1, 2, 3, 4});
    message.extension({.udp_payload_size = 1232, .is_dnssec_ok = true});
    if (message.is_truncated()) throw std::logic_error{"the DNS message does not fit"};
    room.resize(8 + message.message().size());
    detail::store_16(room.data() + 4, static_cast<std::uint16_t>(room.size()));
    return frame({net::ip_address{"192.0.2.53"}, 53}, {net::ip_address{"192.0.2.9"}, 40000}, ip_protocol::udp, room);
}

int write(const std::string& folder) {
    const net::endpoint client4{"192.0.2.1", 40000}, server4{"192.0.2.2", 80}, client6{"2001:db8::1", 40000},
        server6{"2001:db8::2", 80};
    capture_time now{std::chrono::nanoseconds{1'600'000'000'123'456'789}};
    const auto step = [&] { return now += std::chrono::nanoseconds{1'234'567}; };
    for (std::uint32_t seed = 0; seed < 6; ++seed) {
        std::ofstream out{net::detail::joined(folder, "/streams", std::to_string(seed), ".pcap"), std::ios::binary};
        pcap_writer writer{out};
        const bool is_v4 = seed % 2 == 0;
        auto one = conversation(seed, is_v4 ? client4 : client6, is_v4 ? server4 : server6);
        const auto second = conversation(seed + 1000, {is_v4 ? client4.address() : client6.address(), 40001},
                                         is_v4 ? server4 : server6);
        const auto third = conversation(seed + 2000, is_v4 ? client4 : client6, is_v4 ? server4 : server6);
        for (std::size_t i = 0; i < std::max(one.size(), second.size()); ++i) {
            if (i < one.size()) writer.write(step(), one[i]);
            if (i < second.size()) writer.write(step(), second[i]);
        }
        for (const bytes& frame : third) writer.write(step(), frame);  // the ports of the first, once more
    }
    {
        std::ofstream out{folder + "/dns.pcap", std::ios::binary};
        pcap_writer{out}.write(step(), dns_frame());
    }
    {
        std::ofstream out{folder + "/short.pcap", std::ios::binary};
        pcap_writer writer{out, link_type::ethernet, 60};
        for (const bytes& frame : conversation(1, client4, server4)) writer.write(step(), frame);
    }
    {
        std::ofstream out{folder + "/empty.pcap", std::ios::binary};
        pcap_writer{out, link_type::raw_ip};
    }
    {
        std::ofstream out{folder + "/named.pcapng", std::ios::binary};
        pcapng_writer writer{out, {.comment = "two cables", .application = "packet_files"}};
        const auto first =
            writer.add_interface({.name = "link h1\u2013s1", .description = "a cable", .comment = "new"});
        const auto second = writer.add_interface({.name = "link s1\u2013h2", .snapshot_length = 70});
        std::size_t i = 0;
        for (const bytes& frame : conversation(2, client4, server4)) {
            writer.write(++i % 2 == 0 ? first : second, step(), frame,
                         {.comment = i % 5 == 0 ? "lost on the way" : "", .original_size = {}});
        }
        const auto raw = writer.add_interface({.name = "raw", .link = link_type::raw_ip});
        writer.write(raw, step(), std::span<const std::byte>{dns_frame()}.subspan(14),
                     {.comment = "no Ethernet", .original_size = {}});
    }
    {
        std::ofstream out{folder + "/empty.pcapng", std::ios::binary};
        pcapng_writer{out}.add_interface({});
    }
    return 0;
}

}  // namespace

int main(int count, char** words) try {
    const std::string_view what = count > 1 ? words[1] : "";
    if (what == "write" && count == 3) return write(words[2]);
    if (what == "list" && count == 3) return list(read_file(words[2]));
    if (what == "copy" && count == 4) return copy(read_file(words[2]), words[3]);
    if (what == "names")
        for (const field& each : all_fields) std::cout << each.filter_name << '\n';
    if (what == "names") return 0;
    if (what == "fields" && count > 3)
        return print_fields(read_file(words[2]), std::span{words, words + count}.subspan(3));
    if (what == "summary" && count == 3) return print_summaries(read_file(words[2]));
    if (what == "follow" && count == 3) return follow(read_file(words[2]));
    std::cerr << "usage: packet_files write FOLDER | list FILE | copy FILE NEW | names | fields FILE NAME... | summary "
                 "FILE | follow FILE\n";
    return 2;
} catch (const std::exception& error) {
    std::cerr << "packet_files: " << error.what() << '\n';
    return 1;
}
