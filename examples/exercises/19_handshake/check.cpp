#include "grader.hpp"

#include <netnotes/packet/build.hpp>

namespace {

namespace net = netnotes;
namespace packet = netnotes::packet;
using packet::tcp_flag;

constexpr const char* why_syn = "The first segment opens: it has SYN, and no ACK yet.";
constexpr const char* why_offset = "The header's length in words of four bytes; these options have one word.";
constexpr const char* why_count = "SYN and FIN count as one byte each, a byte of data counts as one, and an ACK alone counts as 0.";
constexpr const char* why_number = "An acknowledgment names the next byte that is expected; a sender continues with that number.";
constexpr const char* why_fin = "Compare the numbers that follow: one more than the data explains. So this segment ended the stream.";

enum class blank { flags, offset, sequence, acknowledgment };

/// A conversation: it keeps the numbers of both ends, and turns each segment into a line with a blank.
class conversation {
  public:
    conversation(std::vector<grader::question>& to, char name, std::uint16_t client_port, std::uint32_t client,
                 std::uint32_t server)
        : to_{to}, name_{name}, ports_{client_port, 6666}, next_{packet::sequence{client}, packet::sequence{server}} {}

    void say(int from, packet::tcp_flags flags, const std::string& data, blank what, const char* why) {
        const int peer = 1 - from;
        packet::tcp header{.source_port = ports_[from], .destination_port = ports_[peer], .sequence_number = next_[from],
                           .flags = flags};
        if (flags.ack()) header.acknowledgment_number = next_[peer];
        if (flags.syn()) header.options = packet::tcp_options{}.maximum_segment_size(1460);
        std::vector<std::byte> bytes;
        packet::write(bytes, packet::ipv4{.source = net::ipv4_address{"192.0.2.1"}, .destination = net::ipv4_address{"192.0.2.2"}},
                      header, data);
        std::string text;
        for (std::size_t i = 20; i < bytes.size(); ++i)
            for (const unsigned half : {std::to_integer<unsigned>(bytes[i]) >> 4, std::to_integer<unsigned>(bytes[i]) & 15u})
                text += "0123456789abcdef"[half];
        const auto [at, size] = what == blank::flags      ? std::pair<std::size_t, std::size_t>{26, 2}
                                : what == blank::offset   ? std::pair<std::size_t, std::size_t>{24, 1}
                                : what == blank::sequence ? std::pair<std::size_t, std::size_t>{8, 8}
                                                          : std::pair<std::size_t, std::size_t>{16, 8};
        const std::string answer = text.substr(at, size);
        text.replace(at, size, size, '_');
        for (std::size_t i = 8; i < text.size(); i += 9) text.insert(i, " ");
        to_.push_back({name_ + std::to_string(++count_) + (from == 0 ? " client: " : " server: ") + text, answer, why});
        next_[from] += static_cast<std::uint32_t>(data.size()) + flags.syn() + flags.fin();
    }

  private:
    std::vector<grader::question>& to_;
    char name_;
    int count_ = 0;
    std::uint16_t ports_[2];
    packet::sequence next_[2];
};

/// `first` asks, the other answers; then `closes` closes first.
void talk(conversation line, int first, int closes, const std::string& question, const std::string& answer) {
    const packet::tcp_flags ack = tcp_flag::ack, push = tcp_flag::psh | tcp_flag::ack, fin = tcp_flag::fin | tcp_flag::ack;
    line.say(0, tcp_flag::syn, "", first == 0 ? blank::flags : blank::offset, first == 0 ? why_syn : why_offset);
    line.say(1, tcp_flag::syn | tcp_flag::ack, "", blank::acknowledgment, why_count);
    line.say(0, ack, "", blank::sequence, why_number);
    line.say(first, push, question, blank::sequence, "An ACK without data takes no number.");
    line.say(1 - first, ack, "", blank::acknowledgment, why_count);
    line.say(1 - first, push, answer, blank::acknowledgment, "Nothing has come since the last acknowledgment.");
    line.say(first, push, question, blank::sequence, why_count);
    line.say(closes, fin, "", blank::flags, why_fin);
    line.say(1 - closes, ack, "", blank::acknowledgment, why_count);
    line.say(1 - closes, fin, "", blank::sequence, why_number);
    line.say(closes, ack, "", blank::acknowledgment, why_count);
    line.say(closes, ack, "", blank::sequence, "It is sent again; the FIN has taken a number, and nothing came behind it.");
}

std::vector<grader::question> make(std::uint32_t seed) {
    std::vector<grader::question> all;
    talk({all, 'a', 40960, 0x1000, 0x2000}, 0, 0, "hello", "hi");
    std::mt19937 random{seed};
    const auto text = [&] { return std::string(1 + random() % 11, static_cast<char>('a' + random() % 26)); };
    const auto port = static_cast<std::uint16_t>(32768 + random() % 28232);
    const auto number = static_cast<std::uint32_t>(random());
    const auto near_the_end = static_cast<std::uint32_t>(-1 - static_cast<int>(random() % 4));
    talk({all, 'b', port, number, near_the_end}, 1, static_cast<int>(random() % 2), text(), text() + "\r\n");
    return all;
}

}  // namespace

int main(int argc, char** argv) { return grader::run_sheet(argc, argv, make); }
