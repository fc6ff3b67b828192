#include "spoofed_answer.hpp"

#include "grader.hpp"

#include <netnotes/packet/dns.hpp>

#include <cctype>
#include <iterator>
#include <span>

namespace {

namespace packet = netnotes::packet;

const std::string server = "192.0.2.53:53";

std::optional<packet::dns_view> view(const std::string& datagram) {
    return packet::dns_view::parse(std::as_bytes(std::span{datagram}));
}

/// The library is the judge.
bool judge(const std::string& query, const std::string& source, const std::string& datagram) {
    const auto asked = view(query), answer = view(datagram);
    if (source != server || !answer || !answer->header().is_response || answer->id() != asked->id()) return false;
    const auto question = asked->questions().begin(), repeated = answer->questions().begin();
    return answer->question_count() == 1 && repeated != std::default_sentinel && repeated->name == question->name &&
           repeated->type == question->type && repeated->query_class == question->query_class;
}

std::string word(unsigned value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }

std::string question(std::string_view name, unsigned type = 1, unsigned query_class = 1) {
    const packet::dns_name read{name};
    std::string out;
    for (const std::byte each : read.wire()) out += static_cast<char>(each);
    return out + word(type) + word(query_class);
}

/// Returns a message with one question and, if `has_record`, an address for its name.
std::string message(unsigned id, unsigned flags, const std::string& asked, bool has_record) {
    std::string out = word(id) + word(flags) + word(1) + word(has_record) + word(0) + word(0) + asked;
    if (has_record) out += word(0xc00c) + word(1) + word(1) + word(0) + word(300) + word(4) + "\xc0" + word(2) + "\x07";
    return out;
}
std::string query_of(unsigned id, const std::string& asked) { return message(id, 0x0100, asked, false); }
std::string answer_of(unsigned id, const std::string& asked) { return message(id, 0x8180, asked, true); }

std::string hex(const std::string& bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const char each : bytes) {
        const auto byte = static_cast<unsigned char>(each);
        ((out += out.empty() ? "" : " ") += digits[byte >> 4]) += digits[byte & 15];
    }
    return out.empty() ? grader::either("no bytes", "没有字节") : out;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto ask_from = [&](const std::string& source, const std::string& query, const std::string& datagram) {
        const std::string call = grader::either("is_answer() for the query ", "is_answer()，查询为 ") + hex(query) +
                                 grader::either(" to ", "，发往 ") + server +
                                 grader::either(" and the datagram ", "，数据报为 ") + hex(datagram) +
                                 grader::either(" from ", "，来自 ") + source;
        steps.equal(call, is_answer(query, server, source, datagram), judge(query, source, datagram));
    };
    const auto ask = [&](const std::string& query, const std::string& datagram) { ask_from(server, query, datagram); };
    const std::string www = question("www.example.com"), query = query_of(0x1234, www), answer = answer_of(0x1234, www);
    /// Each datagram that differs from the answer in one bit.
    const auto flip = [&](const std::string& asked, std::size_t begin, std::size_t end) {
        for (std::size_t bit = 8 * begin; bit < 8 * end; ++bit) {
            std::string other = answer_of(0x1234, asked);
            other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
            ask(query_of(0x1234, asked), other);
        }
    };
    steps.step("the answer of the server is the answer, with any records", "服务器的回答就是回答，无论带什么记录", [&] {
        for (const unsigned id : {0x1234u, 0u, 0xffffu, 0x80ffu})
            for (const char* name : {"www.example.com", "a", ".", "xn--fiqs8s"})
                for (const unsigned type : {1u, 28u, 65u, 0x4161u})
                    ask(query_of(id, question(name, type)), answer_of(id, question(name, type)));
        ask(query, message(0x1234, 0x8183, www, false));  // the name does not exist
        ask(query, message(0x1234, 0x8380, www, false));  // the records were too large
    });
    steps.step("another address or port is not the server", "别的地址或端口不是服务器", [&] {
        for (const char* source : {"192.0.2.66:53", "192.0.2.53:54", "192.0.2.53:5353", "192.0.2.5:53", "[::1]:53"})
            ask_from(source, query, answer);
    });
    steps.step("a query is not an answer, and another id is not ours", "查询不是回答，别的编号不是我们的", [&] {
        ask(query, query);
        flip(www, 0, 4);
        for (unsigned flags = 0; flags < 0x8000; flags += 0x100) ask(query, message(0x1234, flags, www, true));
        for (const unsigned id : {0x3412u, 0x1200u, 0x0034u, 0u}) ask(query, answer_of(id, www));
    });
    steps.step("an answer to another question is not ours", "对别的问题的回答不是我们的", [&] {
        for (const char* name : {"www.example.org", "example.com", "www.example.co", "ww.wexample.com", "."})
            ask(query, answer_of(0x1234, question(name)));
        ask(query_of(0x1234, question(".")), answer);
        for (const unsigned type : {28u, 0u, 2u, 0x0101u, 255u})
            ask(query, answer_of(0x1234, question("www.example.com", type)));
        for (const unsigned other : {3u, 0u, 0x0101u, 255u})
            ask(query, answer_of(0x1234, question("www.example.com", 1, other)));
        for (const unsigned count : {0u, 2u, 0x0100u, 0x0101u})
            ask(query, answer.substr(0, 4) + word(count) + answer.substr(6));
        ask(query, answer.substr(0, 12) + word(0xc00c) + answer.substr(14));  // a pointer to itself
        flip(www, 4, 12 + www.size());
    });
    steps.step("letter case does not count, and only letters have it", "不区分字母大小写，但只有字母才有大小写", [&] {
        for (const char* name : {"WWW.EXAMPLE.COM", "wWw.eXaMpLe.cOm"}) {
            ask(query, answer_of(0x1234, question(name)));
            ask(query_of(0x1234, question(name)), answer);
        }
        // Letters, their neighbours, bytes above 127, and letters as type and class.
        const std::string odd = question("AZaz.@[`{.\\196\\228.-_09", 0x4161, 0x5a7a);
        flip(odd, 12, 12 + odd.size());
        const std::string https = question("a.example", 65), unknown = question("a.example", 97);
        ask(query_of(1, https), answer_of(1, unknown));
        ask(query_of(1, unknown), answer_of(1, https));
    });
    steps.step("a datagram that ends within the question is not the answer", "在问题里就结束的数据报不是回答", [&] {
        for (const std::string& asked : {www, question(".")})
            for (std::size_t size = 0; size <= answer_of(1, asked).size(); ++size)
                ask(query_of(1, asked), answer_of(1, asked).substr(0, size));
    });
    steps.step("random datagrams", "随机的数据报", [&] {
        const auto random_question = [&] {
            std::string name;
            for (std::uint32_t labels = steps.below(4); labels > 0; --labels) {
                for (std::uint32_t left = 1 + steps.below(6); left > 0; --left) name += "abAByzYZ019-"[steps.below(12)];
                name += '.';
            }
            return question(name.empty() ? "." : name, 1 + steps.below(300), steps.below(8) ? 1 : 3);
        };
        for (int i = 0; i < 3'000; ++i) {
            const auto id = steps.below(65536);
            const std::string asked = random_question();
            std::string source = server;
            std::string datagram = message(id, 0x8000 | steps.below(0x8000), asked, steps.below(2) != 0);
            switch (steps.below(6)) {
                case 0: source = "192.0.2." + std::to_string(steps.below(256)) + ":53"; break;
                case 1: datagram = answer_of(id, random_question()); break;
                case 2: datagram.resize(steps.below(static_cast<std::uint32_t>(datagram.size()))); break;
                case 3: {
                    char& byte = datagram[steps.below(static_cast<std::uint32_t>(12 + asked.size()))];
                    byte = static_cast<char>(byte ^ 1 << steps.below(8));
                    break;
                }
                case 4:
                    for (std::size_t at = 12; at < 12 + asked.size() - 4; ++at)
                        if (std::isalpha(static_cast<unsigned char>(datagram[at])) && steps.below(2))
                            datagram[at] = static_cast<char>(datagram[at] ^ 0x20);
                    break;
                default: break;
            }
            ask_from(source, query_of(id, asked), datagram);
        }
    });
    return steps.result();
}
