#include "grader.hpp"

namespace {

using std::string;

string number(std::size_t value) { return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)}; }
string hex(const string& bytes) {
    string text;
    for (const unsigned char each : bytes)
        for (const int half : {each >> 4, each & 15}) text += "0123456789abcdef"[half];
    return text;
}
const string zero(1, '\0');

/// A datagram, in parts. The part that is `wanted` becomes a blank.
struct parts {
    std::vector<string> bytes;   // each part
    std::size_t more = 0;        // bytes of data that are not printed
    std::size_t wanted = 0;      // a part, or one of the two numbers below
    const char* why = "";
};
constexpr std::size_t udp_length = 100, data_size = 101;

grader::question blanked(const string& name, const parts& datagram) {
    std::size_t size = 8 + datagram.more;
    for (const string& each : datagram.bytes) size += each.size();
    grader::question made{name + " udp ", "", datagram.why};
    const auto put = [&](bool is_blank, const string& text) {
        if (is_blank) made.answer = text;
        made.text += is_blank ? string(text.size(), '_') : text;
    };
    put(datagram.wanted == udp_length, hex(number(size)));
    made.text += " tftp ";
    for (std::size_t i = 0; i < datagram.bytes.size(); ++i) put(datagram.wanted == i, hex(datagram.bytes[i]));
    if (datagram.more == 0 && datagram.wanted != data_size) return made;
    made.text += " and ";
    if (datagram.wanted == data_size) made.text += "?", made.answer = std::to_string(datagram.more);
    else made.text += std::to_string(datagram.more);
    made.text += " bytes";
    return made;
}

constexpr const char* why_code = "1 read, 2 write, 3 data, 4 acknowledgment, 5 error, 6 option acknowledgment; two bytes each.";
constexpr const char* why_zero = "A zero byte ends each text.";
constexpr const char* why_length = "Count bytes, not characters: 8 of UDP, 2 of the code, each text and its zero byte.";
constexpr const char* why_again = "The same block is sent again, with the same number.";
constexpr const char* why_next = "The first block of data has number 1, and each new block has the next number.";
constexpr const char* why_ack = "An acknowledgment has the number of the block that has arrived.";
constexpr const char* why_none = "A request to write, and options, are acknowledged with block 0: no data has arrived yet.";
constexpr const char* why_last = "Only a block of fewer than 512 bytes ends the file. If nothing is left, it is empty.";

string data(std::size_t block) { return number(3) + number(block); }

std::vector<grader::question> make(std::uint32_t seed) {
    std::vector<grader::question> all;
    const auto add = [&](const char* name, const parts& datagram) { all.push_back(blanked(name, datagram)); };
    // Reads a file of 1,027 bytes. The second acknowledgment is lost.
    add("a1 client:", {{number(1), "moon.txt", zero, "octet", zero}, 0, 0, why_code});
    add("a2 server:", {{number(3), number(1)}, 512, 1, why_next});
    add("a3 client:", {{number(4), number(1)}, 0, 0, why_code});
    add("a4 server:", {{number(3), number(2)}, 512, udp_length, "8 bytes of UDP, 4 of TFTP, and the data."});
    add("a5 client, lost:", {{number(4), number(2)}, 0, 1, why_ack});
    add("a6 server, again:", {{number(3), number(2)}, 512, 1, why_again});
    add("a7 client:", {{number(4), number(2)}, 0, 1, why_ack});
    add("a8 server:", {{number(3), number(3)}, 3, 1, why_next});
    add("a9 client:", {{number(4), number(3)}, 0, 1, why_ack});
    // Writes a file with a Chinese name.
    add("b1 client, 文件.txt:", {{number(2), "文", "件.txt", zero, "octet", zero}, 0, udp_length, why_length});
    add("b2 server:", {{number(4), number(0)}, 0, 1, why_none});
    add("b3 client:", {{number(3), number(1)}, 512, 1, why_next});
    // Asks for larger blocks; a file that is not there.
    add("c1 client:", {{number(1), "moon.txt", zero, "octet", zero, "blksize", zero, "1024", zero}, 0, 6, why_zero});
    add("c2 server:", {{number(6), "blksize", zero, "1024", zero}, 0, 0, why_code});
    add("c3 client:", {{number(4), number(0)}, 0, 1, why_none});
    add("c4 server:", {{data(1)}, 1024, udp_length, "The server has granted 1024 bytes for each block."});
    add("d1 server, file not found:", {{number(5), number(1), "File not found", zero}, 0, 1, "RFC 1350, appendix: code 1."});
    // Chosen at random: a name, the number of whole blocks, and sometimes nothing behind them.
    std::mt19937 random{seed};
    string name;
    const char* const letters[] = {"a", "b", "7", "é", "月", "图"};
    for (std::size_t i = 0; i < 4 + random() % 5; ++i) name += letters[random() % std::size(letters)];
    const std::size_t whole = 3 + random() % 90, rest = random() % 2 ? 0 : 1 + random() % 511;
    const string size = std::to_string(whole * 512 + rest);
    add(("e1 client, " + name + ":").c_str(), {{number(1), name, zero, "octet", zero}, 0, udp_length, why_length});
    add(("e2 server, the last block of " + size + " bytes:").c_str(), {{number(3), number(whole + 1)}, rest, 1, why_last});
    add(("e3 server, the last block of " + size + " bytes:").c_str(), {{data(whole + 1)}, rest, data_size, why_last});
    add(("e4 client, to the last of " + size + " bytes:").c_str(), {{number(4), number(whole + 1)}, 0, 1, why_ack});
    add("f1 server, the last block of 512 bytes:", {{number(3), number(2)}, 0, 1, why_last});
    return all;
}

}  // namespace

int main(int argc, char** argv) { return grader::run_sheet(argc, argv, make); }
