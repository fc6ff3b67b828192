// examples/30_wireshark/demo.cpp: a small Wireshark for the terminal
//
// A capture file is a list of packets with their times. Four questions are asked of it again and again:
//
//        which packets are there?            demo read FILE
//        which of them do I want?            demo read FILE --filter 'tcp.dstport == 80 && tcp.len > 0'
//        which values do their fields have?  demo read FILE --fields ip.src,tcp.flags
//        what did the two programs say?      demo follow FILE 0
//
// The file is read in pieces, so it may be larger than memory. It may also be a pipe into which another program still
// writes. FILE is then -, and each packet is shown as soon as it has come: tcpdump -i lo -U -w - | demo read -
//
// The names of the fields are Wireshark's. So is the output of --fields: `tshark -r FILE -T fields -e ip.src -e tcp.flags`
// prints the same bytes.
//
// The notes:     网络分析工具, wireshark
// Type:          demo                        a demonstration
//                demo read FILE              see above; --tree and --hex show each packet in detail
//                demo follow FILE N          the stream with the number N; with --raw as hexadecimal digits
//                demo capture --port N       what passes the loopback interface; Ctrl-C ends
//                demo write FILE             writes the packets of the demonstration, for Wireshark
// You will see:  what demo.txt shows

#include "../capturing.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <functional>
#include <iomanip>
#include <sstream>
#include <tuple>

using example::heading;
using example::say;
using example::usage_error;
namespace packet = net::packet;

namespace {

// ---- A display filter -----------------------------------------------------------------------------------

/// A condition on a frame, as Wireshark's display filters write it: `tcp.port == 80 && !tcp.flags.syn`. It knows the names
/// of packet::all_fields, names of protocols, and ip.addr, tcp.port and udp.port, which mean either end. The operators are
/// == != < <= > >= ! && || and parentheses.
class display_filter {
  public:
    explicit display_filter(std::string_view text) : rest_{text} {
        condition_ = any();
        skip();
        if (!rest_.empty()) fail("an operator");
    }
    bool operator()(const packet::frame_view& frame) const { return condition_(frame); }

  private:
    using condition = std::function<bool(const packet::frame_view&)>;

    condition any() {
        condition left = all();
        while (take("||"))
            left = [left, right = all()](const packet::frame_view& frame) { return left(frame) || right(frame); };
        return left;
    }
    condition all() {
        condition left = one();
        while (take("&&"))
            left = [left, right = one()](const packet::frame_view& frame) { return left(frame) && right(frame); };
        return left;
    }
    condition one() {
        if (++parts_ > 1000) throw usage_error{"filter: more than 1000 conditions"};
        if (take("!")) return [inner = one()](const packet::frame_view& frame) { return !inner(frame); };
        if (take("(")) {
            condition inner = any();
            if (!take(")")) fail("')'");
            return inner;
        }
        const std::string name = word("the name of a field or of a protocol");
        std::vector<std::string> fields{name};  // the condition holds if it holds for one of them
        for (const auto& [either, first, second] : {std::tuple{"ip.addr", "ip.src", "ip.dst"},
                                                    {"tcp.port", "tcp.srcport", "tcp.dstport"},
                                                    {"udp.port", "udp.srcport", "udp.dstport"},
                                                    {"eth.addr", "eth.src", "eth.dst"}})
            if (name == either) fields = {first, second};
        constexpr std::pair<std::string_view, packet::layer> protocols[] = {
            {"eth", packet::layer::ethernet}, {"vlan", packet::layer::vlan},     {"arp", packet::layer::arp},
            {"ip", packet::layer::ipv4},      {"ipv6", packet::layer::ipv6},     {"icmp", packet::layer::icmp},
            {"udp", packet::layer::udp},      {"icmpv6", packet::layer::icmpv6}, {"tcp", packet::layer::tcp}};
        for (const auto& [protocol, header] : protocols)
            if (name == protocol)
                return [header = header](const packet::frame_view& frame) { return frame.has(header); };
        if (name == "dns")
            return [](const packet::frame_view& frame) { return place_of(frame, packet::layer::dns).has_value(); };
        for (const std::string& field : fields)
            if (packet::find_field(field) == nullptr) throw usage_error{"no field is called " + net::visible(field)};
        for (const std::string_view symbol : {"==", "!=", "<=", ">=", "<", ">"})
            if (take(symbol))
                return [fields, symbol, value = word("a value")](const packet::frame_view& frame) {
                    return std::ranges::any_of(fields, [&](const std::string& field) {
                        const auto text = packet::text_of(frame, field);
                        return text && holds(*text, symbol, value);
                    });
                };
        return [fields](const packet::frame_view& frame) {  // without an operator: the packet has the field
            return std::ranges::any_of(fields, [&](const auto& field) { return !!packet::text_of(frame, field); });
        };
    }
    static std::optional<std::uint64_t> number(std::string_view text) {
        const bool hexadecimal = text.starts_with("0x");
        if (hexadecimal) text.remove_prefix(2);
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
        if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
        return value;
    }
    static bool holds(const std::string& text, std::string_view symbol, const std::string& wanted) {
        const auto left = number(text), right = number(wanted);
        const auto order = left && right ? *left <=> *right : text <=> wanted;
        if (symbol == "==") return order == 0;
        if (symbol == "!=") return order != 0;
        if (symbol == "<") return order < 0;
        if (symbol == "<=") return order <= 0;
        return symbol == ">" ? order > 0 : order >= 0;
    }
    void skip() {
        while (rest_.starts_with(' ')) rest_.remove_prefix(1);
    }
    bool take(std::string_view symbol) {
        skip();
        if (!rest_.starts_with(symbol) || (symbol == "!" && rest_.starts_with("!="))) return false;
        rest_.remove_prefix(symbol.size());
        return true;
    }
    std::string word(std::string_view what) {
        skip();
        const auto size = std::min(rest_.find_first_of(" =!<>&|()"), rest_.size());
        if (size == 0) fail(what);
        const std::string found{rest_.substr(0, size)};
        rest_.remove_prefix(size);
        return found;
    }
    [[noreturn]] void fail(std::string_view wanted) const {
        throw usage_error{"filter: " + std::string{wanted} + " is missing before '" + net::visible(rest_) + "'"};
    }

    std::string_view rest_;
    std::size_t parts_ = 0;
    condition condition_;
};

// ---- Showing packets ------------------------------------------------------------------------------------

struct view_options {
    std::optional<display_filter> filter{};
    std::vector<std::string> fields{};
    bool tree = false, hex = false;

    static view_options from(example::arguments& words) {
        view_options options;
        if (const auto text = words.value("--filter")) options.filter.emplace(*text);
        if (const auto names = words.value("--fields")) {
            std::istringstream list{*names};
            for (std::string name; std::getline(list, name, ',');) options.fields.push_back(name);
            for (const std::string& name : options.fields)
                if (packet::find_field(name) == nullptr) throw usage_error{"no field is called " + net::visible(name)};
        }
        options.tree = words.flag("--tree");
        options.hex = words.flag("--hex");
        return options;
    }
};

/// Shows packets, one after the other. Times count from the first packet.
class viewer {
  public:
    explicit viewer(view_options options) : options_{std::move(options)} {}
    void show(const packet::capture_record& record) {
        const packet::frame_view frame = packet::dissect(record.bytes, record.original_size, record.link);
        ++number_;
        const auto time = record.time.value_or(packet::capture_time{});
        if (!first_) first_ = time;
        if (options_.filter && !(*options_.filter)(frame)) return;
        if (!options_.fields.empty()) {
            std::string line;
            for (const std::string& name : options_.fields)
                line.append(&name == options_.fields.data() ? "" : "\t")
                    .append(packet::text_of(frame, name).value_or(""));
            return say(line);
        }
        std::ostringstream line;
        line << std::setw(4) << number_ << std::fixed << std::setprecision(6) << std::setw(11)
             << std::chrono::duration<double>(time - *first_).count() << "  " << packet::summary(frame);
        if (!record.comment().empty()) line << "  # " << net::visible(record.comment());
        say(line.str());
        if (options_.tree) say(packet::tree(frame));
        if (options_.hex) say(packet::hex_dump(record.bytes));
    }

  private:
    view_options options_;
    std::optional<packet::capture_time> first_;
    std::size_t number_ = 0;
};

using bytes = std::vector<std::byte>;
using packet_handler = std::function<void(const packet::capture_record&)>;

/// Calls `treat` with each packet of a capture file. Returns why reading has ended before the end of the file.
packet::packet_failure each_packet(std::span<const std::byte> file, const packet_handler& treat) {
    packet::capture_reader reader{file};
    for (const packet::capture_record& record : reader) treat(record);
    return reader.failure();
}

/// A file that is read, or standard input if its name is "-".
class input_file {
  public:
    explicit input_file(const std::string& name)
        : is_standard_{name == "-"},
          name_{is_standard_ ? "standard input" : name},
          file_{is_standard_ ? STDIN_FILENO : ::open(name.c_str(), O_RDONLY | O_CLOEXEC)} {
        if (file_ < 0) throw std::system_error{errno, std::generic_category(), name_};
    }
    input_file(const input_file&) = delete;
    input_file& operator=(const input_file&) = delete;
    ~input_file() {
        if (!is_standard_) ::close(file_);
    }
    /// Returns how many bytes were read, and 0 at the end of the file. Waits only if a pipe is empty.
    std::size_t read(std::span<std::byte> buffer) {
        const ssize_t size = ::read(file_, buffer.data(), buffer.size());
        if (size < 0) throw std::system_error{errno, std::generic_category(), name_};
        return static_cast<std::size_t>(size);
    }

  private:
    const bool is_standard_;
    const std::string name_;
    const int file_;
};

/// Reads the file in pieces, and calls `treat` with each packet as soon as it has come.
packet::packet_failure each_packet(const std::string& name, const packet_handler& treat) {
    input_file file{name};
    bytes piece(256 * 1024);
    packet::capture_reader reader;
    while (!reader.failure()) {
        const std::size_t size = file.read(piece);
        if (size == 0) break;
        reader.add(std::span{piece}.first(size));
        for (const packet::capture_record& record : reader) treat(record);
        if (!std::cout) throw std::runtime_error{"standard output cannot be written"};  // the pipe may never end
    }
    reader.finish();
    return reader.failure();
}

/// Shows a capture: the bytes of a file, or the name of a file.
void show_all(const auto& capture, view_options options) {
    viewer view{std::move(options)};
    const auto failure = each_packet(capture, [&](const packet::capture_record& record) { view.show(record); });
    if (failure) throw std::runtime_error{failure.message()};
}

/// Shows what the two programs of a stream said. With `raw` as tshark's `-z follow,tcp,raw,N` does: a line for each segment,
/// with a tab in front of what the server sent.
void follow(const auto& capture, std::uint64_t number, bool raw) {
    packet::tcp_follower follower;
    bool found = false;
    const auto tell = [&](const packet::stream_event& event) {
        if (event.stream.number != number) return;
        found = true;
        using kind = packet::stream_event::kind;
        const bool by_client = event.side == packet::stream_side::client;
        if (event.what == kind::data && raw) {
            std::string line = by_client ? "" : "\t";
            for (const std::byte byte : event.bytes)
                for (const unsigned shift : {4u, 0u})
                    line += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> shift & 15];
            return say(line);
        }
        if (raw) return;
        if (event.what == kind::opened) say("client ", event.stream.client, ", server ", event.stream.server);
        if (event.what == kind::data) {
            say(by_client ? "client, " : "server, ", event.bytes.size(), " bytes:");
            std::istringstream text{std::string{reinterpret_cast<const char*>(event.bytes.data()), event.bytes.size()}};
            for (std::string line; std::getline(text, line);)
                say("    ", net::visible(line + (text.eof() ? "" : "\n")));
        }
        if (event.what == kind::gap) say(by_client ? "client: " : "server: ", event.size, " bytes are missing");
        if (event.what == kind::retransmission)
            say(by_client ? "client: " : "server: ", event.size, " bytes came again");
        if (event.what == kind::finished) say(by_client ? "client: end" : "server: end");
        if (event.what == kind::reset) say(by_client ? "client: reset" : "server: reset");
    };
    const auto failure = each_packet(capture, [&](const packet::capture_record& record) {
        const auto frame = packet::dissect(record.bytes, record.original_size, record.link);
        if (const auto segment = packet::tcp_segment::from(frame)) follower.add(*segment, tell);
    });
    follower.finish(tell);
    if (failure) throw std::runtime_error{failure.message()};
    if (!found) throw std::runtime_error{"the capture has no stream " + std::to_string(number)};
}

// ---- The packets of the demonstration -------------------------------------------------------------------

/// Returns a capture file: a client asks for an address, and then for a page. One segment is lost and sent again.
bytes conversation() {
    using namespace packet;
    constexpr mac_address client_card{"02:00:00:00:00:0a"}, server_card{"02:00:00:00:00:50"};
    constexpr net::ipv4_address client_host{192, 168, 1, 10}, server_host{192, 168, 1, 80};
    std::ostringstream file;
    pcap_writer writer{file};
    capture_time now{std::chrono::sys_days{std::chrono::year{2026} / 11 / 29}};
    const auto send = [&](const auto&... layers) {
        bytes frame;
        packet::write(frame, layers...);
        writer.write(now, frame);
        now += std::chrono::microseconds{500};
    };
    const ethernet out{.destination = server_card, .source = client_card};
    const ethernet back{.destination = client_card, .source = server_card};
    const ipv4 there{.dont_fragment = true, .source = client_host, .destination = server_host};
    const ipv4 here{.dont_fragment = true, .source = server_host, .destination = client_host};
    send(ethernet{.source = client_card}, arp{.operation = arp_operation::request,
                                              .sender_hardware_address = client_card,
                                              .sender_protocol_address = client_host,
                                              .target_protocol_address = server_host});
    send(back, arp{.operation = arp_operation::reply,
                   .sender_hardware_address = server_card,
                   .sender_protocol_address = server_host,
                   .target_hardware_address = client_card,
                   .target_protocol_address = client_host});
    // A question of DNS: its number, flags, counts, the name in pieces with their lengths, type A, class IN.
    constexpr std::string_view question{"\x1c\x0f\x01\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1", 33};
    constexpr std::string_view answer{
        "\x1c\x0f\x81\x80\0\1\0\1\0\0\0\0\3www\7example\3com\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\xa8\1\x50",
        49};
    send(out, there, udp{.source_port = 40953, .destination_port = 53}, question);
    send(back, here, udp{.source_port = 53, .destination_port = 40953}, answer);

    constexpr std::string_view request = "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n";
    constexpr std::string_view head = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n", body = "Hello, world!\n";
    const auto ack = tcp_flags{tcp_flag::ack};
    const auto client = [&](std::size_t seq, std::size_t acknowledged, tcp_flags flags, std::string_view data = {}) {
        send(out, there,
             tcp{.source_port = 40944,
                 .destination_port = 80,
                 .sequence_number = sequence{1000} + static_cast<std::uint32_t>(seq),
                 .acknowledgment_number = sequence{flags.ack() ? 5000 + static_cast<std::uint32_t>(acknowledged) : 0},
                 .flags = flags,
                 .window = 64240},
             data);
    };
    const auto server = [&](std::size_t seq, std::size_t acknowledged, tcp_flags flags, std::string_view data = {}) {
        send(back, here,
             tcp{.source_port = 80,
                 .destination_port = 40944,
                 .sequence_number = sequence{5000} + static_cast<std::uint32_t>(seq),
                 .acknowledgment_number = sequence{1000} + static_cast<std::uint32_t>(acknowledged),
                 .flags = flags,
                 .window = 65160},
             data);
    };
    const std::size_t asked = 1 + request.size(), end = 1 + head.size() + body.size();
    client(0, 0, tcp_flag::syn);
    server(0, 1, tcp_flag::syn | tcp_flag::ack);
    client(1, 1, ack);
    client(1, 1, tcp_flag::psh | ack, request);
    server(1 + head.size(), asked, tcp_flag::psh | ack, body);  // the first part of the answer was lost before
    client(asked, 1, ack);                                      // ... so the client still asks for it
    server(1, asked, tcp_flag::psh | ack, head);
    client(asked, end, ack);
    server(end, asked, tcp_flag::fin | ack);
    client(asked, end + 1, tcp_flag::fin | ack);
    server(end + 1, asked + 1, ack);
    const std::string text = file.str();
    const auto span = std::as_bytes(std::span{text});
    return {span.begin(), span.end()};
}

void demonstrate() {
    const bytes file = conversation();
    heading("demo read FILE: a line for each packet");
    show_all(file, {});
    for (const std::string_view filter : {"udp", "tcp.len > 0", "ip.src == 192.168.1.80 && !(tcp.flags.push == 1)"}) {
        heading("--filter '" + std::string{filter} + "'");
        show_all(file, {.filter = display_filter{filter}});
    }
    heading("--fields ip.src,tcp.dstport,tcp.flags --filter tcp.len>0");
    show_all(file, {.filter = display_filter{"tcp.len>0"}, .fields = {"ip.src", "tcp.dstport", "tcp.flags"}});
    heading("--tree --hex --filter tcp.flags.fin==1&&ip.src==192.168.1.10");
    show_all(file, {.filter = display_filter{"tcp.flags.fin==1&&ip.src==192.168.1.10"}, .tree = true, .hex = true});
    heading("demo follow FILE 0: what the two programs said");
    follow(file, 0, false);
    say("The body arrived before the head. The follower kept it until the gap was filled, as the client's kernel did.");
    heading("A file that was cut, because the program that captured was killed");
    packet::capture_reader reader{std::span{file}.first(300)};
    std::size_t whole = 0;
    while (reader.next()) ++whole;
    say(whole, " whole packets, and then: ", reader.failure().message());
    say("Is the file only cut short? ", reader.is_cut_short() ? "yes" : "no");
}

// ---- Live captures --------------------------------------------------------------------------------------

struct capture_options {
    std::optional<unsigned> port, count;
    std::optional<std::string> file;
};
void capture(const capture_options& live, view_options options) {
    const auto port = live.port, count = live.count;
    const auto& target = live.file;
    viewer view{std::move(options)};
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    std::optional<example::loopback_capture> packets;
    try {
        packets.emplace();
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::operation_not_permitted) throw;
        throw std::runtime_error{
            "this needs the capability cap_net_raw: run it as root, or in a network of its own with "
            "unshare -r -n (and there first: ip link set lo up)"};
    }
    packets->socket().stop_with(stop);
    std::ofstream file;
    std::optional<packet::pcap_writer> writer;
    if (target) {
        file.open(*target, std::ios::binary);
        if (!file) throw std::runtime_error{*target + ": cannot be written"};
        file.exceptions(std::ios::badbit | std::ios::failbit);
        writer.emplace(file);
    }
    say("capturing on lo", port ? ", port " + std::to_string(*port) : "", "; Ctrl-C ends");
    std::size_t seen = 0;
    try {
        while (!count || seen < *count) {
            const auto record = packets->next();
            const auto frame = packet::dissect(record->bytes);
            const auto has_port = [&](const auto& header) {
                return header && (header->source_port() == *port || header->destination_port() == *port);
            };
            if (port && !has_port(frame.tcp()) && !has_port(frame.udp())) continue;
            if (writer) writer->write(*record->time, record->bytes);
            view.show(*record);
            std::cout.flush();
            ++seen;
        }
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::operation_canceled) throw;
    }
    say(seen, " packets");
}

constexpr std::string_view help = R"(usage: demo
       demo read FILE [--filter CONDITION] [--fields NAME,NAME...] [--tree] [--hex]
       demo follow FILE NUMBER [--raw]
       demo capture [--port PORT] [--count N] [--write FILE] [options of read]
       demo write FILE
       demo --help

A small Wireshark. Without an argument: a demonstration with a capture of its own.

  read             lists the packets of a pcap or pcapng file. If FILE is -, it lists the packets of standard input,
                   each as soon as it has come: tcpdump -i lo -U -w - | demo read -
  --filter         shows only packets that meet a condition: 'tcp.port == 80 && tcp.len > 0', arp, '!udp'
  --fields         prints these fields only, as `tshark -T fields -e NAME -e NAME ...` does
  --tree, --hex    shows all fields of each packet; its bytes
  follow           shows what both programs of a TCP stream said. Streams are counted from 0. FILE may be -, too
  --raw            prints hexadecimal digits, with a tab in front of the server's, as `tshark -z follow,tcp,raw,N` does
  capture          shows what passes the loopback interface until Ctrl-C or N packets; it needs cap_net_raw
  write            writes the packets of the demonstration into a file
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (words.empty()) return demonstrate();
        capture_options live;
        live.port = words.number("--port", 1, 65535);
        live.count = words.number("--count", 1, 1'000'000);
        live.file = words.value("--write");
        view_options options = view_options::from(words);
        const bool raw = words.flag("--raw");
        const auto rest = words.rest();
        if (rest.size() == 1 && rest[0] == "capture") return capture(live, std::move(options));
        if (live.port || live.count || live.file) throw usage_error{"--port, --count and --write belong to capture"};
        if (rest.size() == 2 && rest[0] == "read") return show_all(rest[1], std::move(options));
        if (rest.size() == 3 && rest[0] == "follow")
            return follow(rest[1], example::arguments::to_number("NUMBER", rest[2], 0, 1'000'000), raw);
        if (rest.size() == 2 && rest[0] == "write") {
            const bytes content = conversation();
            std::ofstream file{rest[1], std::ios::binary};
            file.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
            if (!file.flush()) throw std::runtime_error{rest[1] + ": cannot be written"};
            return;
        }
        throw usage_error{"either nothing, or read, follow, capture or write, each with its own arguments"};
    });
}
