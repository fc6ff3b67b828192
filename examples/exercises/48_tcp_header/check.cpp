#include "grader.hpp"

#include <netnotes/packet/build.hpp>
#include <netnotes/packet/fields.hpp>
#include <netnotes/packet/frame.hpp>

namespace {

namespace net = netnotes;
namespace packet = netnotes::packet;
using grader::either;
using packet::tcp_flag;
using bytes = std::vector<std::byte>;

/// The segment of a frame as half bytes, in groups of eight.
std::string digits(const bytes& frame) {
    std::string text;
    for (std::size_t i = packet::dissect(frame).transport_offset(); i < frame.size(); ++i)
        for (const unsigned half : {std::to_integer<unsigned>(frame[i]) >> 4, std::to_integer<unsigned>(frame[i]) & 15u})
            text += "0123456789abcdef"[half];
    return text;
}
std::string grouped(std::string text) {
    for (std::size_t i = 8; i < text.size(); i += 9) text.insert(i, " ");
    return text;
}

/// A field that can be blank. The library knows where it is.
struct blank {
    const char* filter_name;
    std::size_t bits;
    char letter;
    const char* name;
    const char* why;
};
const blank blanks[] = {
    {"tcp.hdr_len", 4, 'O', "data offset O",
     either("All bytes of the segment without its data, in words of four bytes.", "报文段的全部字节数减去数据，以四字节为单位。")},
    {"tcp.flags.cwr", 8, 'F', "flags FF",
     either("Compare with the next acknowledgment: a byte more than the data is SYN or FIN. Data brings PSH.",
            "与下一个确认号比较：比数据多出的一个字节是 SYN 或 FIN。有数据就有 PSH。")},
    {"tcp.seq_raw", 32, 'S', "sequence number SSSSSSSS",
     either("The peer's acknowledgments name it: before a SYN or data the next number, after a SYN one more.",
            "对方的确认号说明它：数据之前的确认号就是它；SYN 之后的确认号比它大一。")},
    {"tcp.ack_raw", 32, 'A', "acknowledgment number AAAAAAAA",
     either("The peer's sequence number, and one for each byte of data, for SYN and for FIN.",
            "对方的序号，加上数据的字节数，SYN 和 FIN 各再加一。")},
    {"tcp.window_size_value", 16, 'W', "window WWWW",
     either("Divide by 2 as often as the sender's own SYN says in its option 3. A SYN is never divided.",
            "发送方自己的 SYN 用选项 3 说明要除以 2 多少次。SYN 里的窗口从不按比例缩小。")},
    {"tcp.checksum", 16, 'C', "checksum CCCC",
     either("Sum the pseudo-header (addresses, 00 06, length) and the segment, fill the other blanks first, and turn the bits round.",
            "先填好其他空白，再把伪首部（地址、00 06、长度）和报文段相加，然后按位取反。")},
};

struct segment {
    int from = 0;  // 0 the client, 1 the server
    packet::tcp_flags flags{};
    std::uint16_t window = 0;
    packet::tcp_options options{};
    std::string data{};
};

/// Two hosts and what they send: it keeps their numbers.
class conversation {
  public:
    conversation(std::uint16_t client_port, std::uint32_t client, std::uint32_t server)
        : ports_{client_port, 80}, next_{packet::sequence{client}, packet::sequence{server}} {}

    packet::tcp header(const segment& sent) const {
        packet::tcp made{.source_port = ports_[sent.from], .destination_port = ports_[1 - sent.from],
                         .sequence_number = next_[sent.from], .flags = sent.flags, .window = sent.window,
                         .options = sent.options};
        if (sent.flags.ack()) made.acknowledgment_number = next_[1 - sent.from];
        return made;
    }
    bytes frame(int from, const packet::tcp& header, const std::string& data = "") const {
        const net::ipv4_address ends[] = {net::ipv4_address{"192.0.2.1"}, net::ipv4_address{"192.0.2.2"}};
        bytes made;
        packet::write(made, packet::ethernet{}, packet::ipv4{.source = ends[from], .destination = ends[1 - from]}, header, data);
        return made;
    }
    bytes send(const segment& sent) {
        bytes made = frame(sent.from, header(sent), sent.data);
        next_[sent.from] += packet::dissect(made).tcp().value().segment_length();
        return made;
    }

  private:
    std::uint16_t ports_[2];
    packet::sequence next_[2];
};

/// Shows all segments. In the segment `hidden` letters stand for its fields, and each is a question.
void fill_in(std::vector<grader::question>& all, char name, conversation line, const std::vector<segment>& sent,
             std::size_t hidden, std::uint32_t free) {
    const bool is_server = sent[hidden].from == 1;
    std::string above = name + std::string{either(": the buffer of the ", "：")} +
                        (is_server ? either("server", "服务器") : either("client", "客户端")) +
                        either(" has room for ", "的缓冲区能容纳 ") + std::to_string(free) + either(" bytes\n", " 个字节\n");
    std::string answers[std::size(blanks)];
    for (std::size_t i = 0; i < sent.size(); ++i) {
        const bytes made = line.send(sent[i]);
        const packet::frame_view seen = packet::dissect(made);
        std::string text = digits(made);
        above += (sent[i].from == 1 ? either("server, ", "服务器，") : either("client, ", "客户端，")) +
                 std::to_string(text.size() / 2) + either(" bytes, ", " 个字节，其中数据 ") +
                 std::to_string(seen.payload().size()) + either(" of them data: ", " 个字节：");
        for (std::size_t k = 0; i == hidden && k < std::size(blanks); ++k) {
            const auto at = packet::place_of(seen, *packet::find_field(blanks[k].filter_name)).value();
            const std::size_t first = at.first_bit / 4 - seen.transport_offset() * 2, size = blanks[k].bits / 4;
            answers[k] = text.substr(first, size);
            text.replace(first, size, size, blanks[k].letter);
        }
        above += grouped(text) + "\n";
    }
    for (std::size_t k = 0; k < std::size(blanks); ++k)
        all.push_back({name + (": " + std::string{blanks[k].name}), answers[k], blanks[k].why, k == 0 ? above : ""});
}

/// Finds the wrong field of a handshake: "2 acknowledgment", with the index of the segment.
std::string wrong_field(const std::vector<bytes>& frames) {
    std::vector<packet::tcp_view> seen;
    std::string found;
    for (const bytes& each : frames) {
        const packet::frame_view frame = packet::dissect(each);
        seen.push_back(frame.tcp().value());
        if (frame.checksum_state() != packet::checksum_state::good) found += std::to_string(seen.size() - 1) + " checksum";
        if (!frame.payload().empty()) found += std::to_string(seen.size() - 1) + " offset";
    }
    const packet::tcp_flags wanted[] = {tcp_flag::syn, tcp_flag::syn | tcp_flag::ack, tcp_flag::ack};
    for (std::size_t i = 0; i < 3; ++i)
        if (!(seen[i].flags() == wanted[i])) found += std::to_string(i) + " flags";
    if (seen[1].acknowledgment_number() != seen[0].sequence_number() + 1) found += "1 acknowledgment";
    if (seen[2].acknowledgment_number() != seen[1].sequence_number() + 1) found += "2 acknowledgment";
    if (seen[2].sequence_number() != seen[0].sequence_number() + 1) found += "2 sequence";
    return found;
}
const char* why_wrong(const std::string& field) {
    if (field == "0 offset" || field == "1 offset")
        return either("Without data the offset counts the whole segment.", "没有数据时，数据偏移等于整个报文段的长度。");
    if (field == "1 flags")
        return either("The second segment has SYN and ACK: 12.", "第二个报文段有 SYN 和 ACK：12。");
    if (field == "2 flags") return either("The third segment has ACK alone: 10.", "第三个报文段只有 ACK：10。");
    if (field == "1 acknowledgment")
        return either("The second segment acknowledges the SYN: the client's number and one.", "第二个报文段确认 SYN：客户端的序号加一。");
    if (field == "2 acknowledgment")
        return either("The third segment acknowledges the server's SYN: its number and one.", "第三个报文段确认服务器的 SYN：服务器的序号加一。");
    if (field == "2 sequence")
        return either("The client's SYN took one number, so its next segment has one more.", "客户端的 SYN 占一个序号，下一个报文段的序号要加一。");
    return either("All other fields fit, so sum each segment with its pseudo-header: ffff is right.",
                  "其他字段都符合，所以把每个报文段与伪首部相加：ffff 才对。");
}

enum class damage { none, hidden_flags, offset, flags_1, flags_2, acknowledgment_1, acknowledgment_2, sequence, checksum };

/// Shows a handshake out of order. The question is its order, or its wrong field.
void shuffled(std::vector<grader::question>& all, char name, conversation line, std::mt19937& random, damage what) {
    std::vector<bytes> frames;
    const packet::tcp_flags flags[] = {tcp_flag::syn, tcp_flag::syn | tcp_flag::ack, tcp_flag::ack};
    const std::size_t victim = random() % (what == damage::offset ? 2 : 3);
    for (std::size_t i = 0; i < 3; ++i) {
        segment sent{.from = i == 1, .flags = flags[i], .window = 64240};
        if (i < 2) sent.options.maximum_segment_size(1460);
        packet::tcp header = line.header(sent);
        if (what == damage::offset && i == victim) header.data_offset = std::uint8_t{5};
        if (what == damage::flags_1 && i == 1) header.flags = tcp_flag::syn;
        if (what == damage::flags_2 && i == 2) header.flags = tcp_flag::syn | tcp_flag::ack;
        if (what == damage::acknowledgment_1 && i == 1) header.acknowledgment_number -= 1;
        if (what == damage::acknowledgment_2 && i == 2) header.acknowledgment_number -= 1;
        if (what == damage::sequence && i == 2) header.sequence_number -= 1;
        frames.push_back(line.frame(sent.from, header));
        if (what == damage::checksum && i == victim) frames.back()[34 + 16] ^= std::byte{0x10};
        line.send(sent);
    }
    std::size_t places[] = {0, 1, 2};  // places[i]: which segment stands on line i
    do
        for (std::size_t i = 2; i > 0; --i) std::swap(places[i], places[random() % (i + 1)]);
    while (places[0] < places[1] && places[1] < places[2]);
    std::string above, order(3, ' ');
    for (std::size_t i = 0; i < 3; ++i) {
        std::string text = digits(frames[places[i]]);
        if (what == damage::hidden_flags) text.replace(26, 2, "FF");
        above += std::string{name} + ' ' + "xyz"[i] + ": " + grouped(text) + '\n';
        order[places[i]] = "xyz"[i];
    }
    if (what == damage::none || what == damage::hidden_flags) {
        all.push_back({name + std::string{": order of x, y, z"}, {order[0], ' ', order[1], ' ', order[2]},
                       either("The first acknowledges nothing, the second acknowledges the first, the third acknowledges the second.",
                              "第一个不确认任何报文段，第二个确认第一个，第三个确认第二个。"),
                       above});
        return;
    }
    const std::string found = wrong_field(frames);
    all.push_back({name + std::string{": the wrong field"}, order[static_cast<std::size_t>(found[0] - '0')] + found.substr(1),
                   why_wrong(found), above});
}

std::vector<grader::question> make(std::uint32_t seed) {
    std::vector<grader::question> all;
    const packet::tcp_flags syn = tcp_flag::syn, ack = tcp_flag::ack, push = ack | tcp_flag::psh, fin = ack | tcp_flag::fin;
    const auto opening = [](std::uint8_t scale) {
        return packet::tcp_options{}.maximum_segment_size(1460).no_operation().window_scale(scale);
    };
    fill_in(all, 'a', {40000, 0x1000, 0x2000},
            {{0, push, 8192, {}, "hello"}, {1, push, 1000, {}, "hi"}, {0, ack, 8192, {}, ""}}, 1, 1000);
    fill_in(all, 'b', {40001, 0xffffffff, 0x7ffffffe},
            {{0, syn, 64240, opening(7), ""}, {1, syn | ack, 20000, opening(3), ""}, {0, ack, 502, {}, ""}}, 1, 20000);

    std::mt19937 random{seed};
    const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
    const auto port = [&] { return static_cast<std::uint16_t>(32768 + below(28000)); };
    const auto text = [&](std::size_t size) {
        std::string out;
        while (out.size() < size) out += static_cast<char>('a' + below(26));
        return out;
    };
    const auto line = [&] {
        const std::uint16_t from = port();
        const std::uint32_t client = below(2) ? 0u - 2 - below(3) : static_cast<std::uint32_t>(random());
        const auto server = static_cast<std::uint32_t>(random());
        return conversation{from, client, server};
    };
    const auto scale = [&] { return static_cast<std::uint8_t>(2 + below(7)); };
    {
        const std::uint8_t of_client = scale();
        std::uint8_t of_server = scale();
        if (of_server == of_client) ++of_server;
        const std::uint32_t window = 200 + below(300);
        packet::tcp_options options;
        if (below(2)) options.no_operation().no_operation().timestamps(static_cast<std::uint32_t>(random()), 0);
        const bool ends = below(2) != 0;
        const std::string request = text(1 + below(9)), answer = text(1 + below(9));
        const conversation both = line();
        fill_in(all, 'c', both,
                {{0, syn, 64240, opening(of_client), ""}, {1, syn | ack, 65160, opening(of_server), ""}, {0, ack, 502, {}, ""},
                 {0, push, 502, {}, request},
                 {1, ends ? push | fin : push, static_cast<std::uint16_t>(window), options, answer},
                 {0, ack, 502, {}, ""}},
                4, window << of_server);
    }
    {
        const std::uint8_t of_client = scale(), of_server = scale();
        const auto window = static_cast<std::uint16_t>(10000 + below(50000));
        const conversation both = line();
        fill_in(all, 'd', both,
                {{0, syn, 64240, opening(of_client), ""},
                 {1, syn | ack, window, below(2) ? opening(of_server).no_operation().no_operation().sack_permitted() : opening(of_server), ""},
                 {0, ack, 502, {}, ""}},
                1, window);
    }
    std::mt19937 fixed{1};
    shuffled(all, 'e', {40002, 0x00001000, 0x00009000}, fixed, damage::none);
    shuffled(all, 'f', {40003, 0x10000000, 0x0fffffff}, fixed, damage::hidden_flags);
    shuffled(all, 'g', {40004, 0x00001000, 0x00009000}, fixed, damage::acknowledgment_1);
    shuffled(all, 'h', {40005, 0x00001000, 0x00009000}, fixed, damage::flags_1);
    shuffled(all, 'i', line(), random, damage::hidden_flags);
    damage rest[] = {damage::offset, damage::flags_2, damage::acknowledgment_2, damage::sequence, damage::checksum};
    for (std::size_t i = 4; i > 0; --i) std::swap(rest[i], rest[below(static_cast<std::uint32_t>(i + 1))]);
    for (std::size_t i = 0; i < 3; ++i) shuffled(all, static_cast<char>('j' + i), line(), random, rest[i]);
    return all;
}

}  // namespace

int main(int argc, char** argv) { return grader::run_sheet(argc, argv, make); }
