#include "chunks.hpp"

#include "grader.hpp"

#include <netnotes/http/body.hpp>

#include <algorithm>
#include <sstream>

namespace {

namespace http = netnotes::http;

/// Describes the outcome of a decoder in words.
std::string verdict(bool is_done, bool is_refused, const std::string& body, std::size_t taken) {
    if (is_refused) return grader::either("refused", "拒绝");
    std::string text =
        grader::shown(body.size() > 200 ? std::to_string(body.size()) + grader::either(" bytes", " 个字节") : body);
    if (!is_done) return text + grader::either(", and more to come", "，还没有结束");
    return text + grader::either(", done after ", "，结束，共取走 ") + std::to_string(taken) +
           grader::either(" bytes", " 个字节");
}

/// Sends the bytes in pieces, the first of `first` bytes and each other of `piece` bytes. Each piece is a copy without spare
/// room, so that a read beyond it is noticed.
std::string decode(std::string_view bytes, std::size_t first, std::size_t piece) {
    chunk_decoder decoder;
    std::string body;
    std::size_t taken = 0;
    for (std::size_t at = 0, size = first; at < bytes.size(); at += size, size = piece) {
        if (decoder.is_done() || decoder.is_refused()) break;
        const std::vector<char> copy(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                     bytes.begin() + static_cast<std::ptrdiff_t>(std::min(at + size, bytes.size())));
        taken += decoder.take({copy.data(), copy.size()}, body);
    }
    return verdict(decoder.is_done(), decoder.is_refused(), body, taken);
}
std::string library(std::string_view bytes) {
    http::limits bounds;
    bounds.body = 1'000'000;
    http::body_decoder decoder{{http::framing::kind::chunked, 0}, bounds};
    std::string body;
    std::size_t taken = 0;
    while (taken < bytes.size() && !decoder.is_done() && !decoder.is_refused()) {
        const auto piece = decoder.next(bytes.substr(taken));
        body += piece.data;
        taken += piece.consumed;
    }
    return verdict(decoder.is_done(), decoder.is_refused(), body, taken);
}
std::string name_of(std::string_view bytes) {
    return bytes.size() > 100 ? grader::either("a long body", "很长的主体") : grader::shown(bytes);
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto same = [&](const std::string& what, const std::string& got, const std::string& wanted) {
        steps.expect(got == wanted, what, grader::either("given ", "得到 ") + wanted,
                     grader::either("gave ", "得到了 ") + got);
    };
    const auto whole = [&](const std::string& bytes) {
        same(name_of(bytes), decode(bytes, bytes.size(), bytes.size()), library(bytes));
    };
    const auto refused = [&](const std::string& bytes) {
        same(name_of(bytes), decode(bytes, bytes.size(), bytes.size()), grader::either("refused", "拒绝"));
    };
    const std::string hello = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    steps.step("a body in one piece", "一次到达的主体", [&] {
        whole(hello);
        whole("0\r\n\r\n");
        whole("A\r\n0123456789\r\n0\r\n\r\n");
        whole("00a\r\n0123456789\r\n000\r\n\r\n");
        whole("1A\r\n" + std::string(26, '\n') + "\r\n0\r\n\r\n");
    });
    steps.step("a body that is cut anywhere", "在任何地方切开的主体", [&] {
        for (std::size_t first = 1; first < hello.size(); ++first)
            same(grader::either("the body, after a first piece of ", "第一段的字节数为 ") + std::to_string(first) +
                     grader::either(" bytes", " 的主体"),
                 decode(hello, first, hello.size()), library(hello));
        same(grader::either("byte by byte, the body", "逐字节到达的主体"), decode(hello, 1, 1), library(hello));
        for (std::size_t size = 0; size < hello.size(); ++size) {  // a part of it is not done
            const std::string part = hello.substr(0, size);
            same(name_of(part), decode(part, 1, 1), library(part));
        }
    });
    steps.step("the bytes behind the body are left", "主体后面的字节留下不取", [&] {
        for (const char* rest : {"G", "GET / HTTP/1.1\r\n", "\r\n", "5\r\nhello\r\n"}) whole(hello + rest);
    });
    steps.step("extensions mean nothing", "扩展没有意义", [&] {
        whole("5;a=b\r\nhello\r\n0;last\r\n\r\n");
        whole("5;\r\nhello\r\n0\r\n\r\n");
        whole("5;" + std::string(500, 'x') + "\r\nhello\r\n0\r\n\r\n");
        refused("5;a\nhello\r\n0\r\n\r\n");
        refused("5;a\rb\r\nhello\r\n0\r\n\r\n");
    });
    steps.step("a size is 1 to 16 hexadecimal digits", "大小是 1 到 16 个十六进制数字", [&] {
        for (const char* size : {"+5",
                                 "-5",
                                 "0x5",
                                 " 5",
                                 "5 ",
                                 "5_0",
                                 "",
                                 ";a",
                                 "g",
                                 "5g",
                                 "5h",
                                 "5.",
                                 "\t5",
                                 "5:",
                                 "/5",
                                 "5@",
                                 "5G",
                                 "5`",
                                 "x",
                                 "10000000000000005",
                                 "00000000000000005",
                                 "100000000000000005",
                                 "5,"})
            refused(std::string{size} + "\r\nhello\r\n0\r\n\r\n");
        whole("0000000000000005\r\nhello\r\n0\r\n\r\n");
        for (const char* size : {"1", "9", "a", "b", "c", "d", "e", "f", "A", "B", "C", "D", "E", "F"}) {
            const std::string text(std::stoul(size, nullptr, 16), 'x');
            whole(std::string{size} + "\r\n" + text + "\r\n0\r\n\r\n");
        }
    });
    steps.step("each line ends with \\r\\n", "每一行以 \\r\\n 结束", [&] {
        for (const char* bytes :
             {"5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r\n0\n\r\n", "5\r\nhello\r\n0\r\n\n",
              "5\r\nhello!\r\n0\r\n\r\n", "5\r\nhel\r\n0\r\n\r\n", "5\r\r\nhello\r\n0\r\n\r\n",
              "5\r\nhello\r\r\n0\r\n\r\n", "\r\n5\r\nhello\r\n0\r\n\r\n"})
            refused(bytes);
        refused("0\r\nName: value\r\n\r\n");
    });
    steps.step("the body has at most 1,000,000 bytes", "主体最多 1,000,000 字节", [&] {
        const std::string most = "F4240\r\n" + std::string(1'000'000, 'x') + "\r\n";
        whole(most + "0\r\n\r\n");
        whole("1\r\nx\r\nF423F\r\n" + std::string(999'999, 'x') + "\r\n0\r\n\r\n");
        refused("F4241\r\n");
        refused("1\r\nx\r\nF4240\r\n");
        refused(most + "1\r\n");
        for (const char* size : {"ffffffffffffffff", "FFFFFFFFFFFFFFFE", "8000000000000000", "100000005"}) {
            refused(std::string{size} + "\r\nx");
            refused("5\r\nhello\r\n" + std::string{size} + "\r\nx");
        }
    });
    steps.step("a line has at most 1,000 bytes", "一行最多 1000 字节", [&] {
        refused("5;" + std::string(2'000'000, 'x'));
        refused(std::string(2'000'000, '1'));
        whole("1;" + std::string(996, 'x') + "\r\na\r\n0\r\n\r\n");  // 1,000 bytes with the line end
        refused("1;" + std::string(997, 'x') + "\r\na\r\n0\r\n\r\n");
    });
    steps.step("random bodies in random pieces, against the library", "随机的主体，随机的分段，与库对照", [&] {
        // A zero stands only in the last chunk. So a change cannot begin trailers, which are no part of this exercise.
        const std::string_view other = "123456789abcdefABCDEFgx+- ;\r\n";
        for (int round = 0; round < 2000; ++round) {
            std::string bytes;
            for (std::uint32_t count = steps.below(4); count > 0; --count) {
                const std::uint32_t size = 1 + steps.below(15) + 16 * steps.below(2);
                if (size == 16) continue;
                std::ostringstream head;
                if (steps.below(2)) head << std::uppercase;
                head << std::hex << size << (steps.below(4) ? "" : ";x") << "\r\n";
                bytes += head.str();
                for (std::uint32_t i = 0; i < size; ++i)
                    bytes += other[steps.below(static_cast<std::uint32_t>(other.size()))];
                bytes += "\r\n";
            }
            bytes += "0\r\n\r\n";
            if (steps.below(2)) {
                const std::size_t at = steps.below(static_cast<std::uint32_t>(bytes.size() - 2));
                const char byte = other[steps.below(static_cast<std::uint32_t>(other.size()))];
                switch (steps.below(3)) {
                    case 0: bytes[at] = byte; break;
                    case 1: bytes.insert(at, 1, byte); break;
                    default: bytes.erase(at, 1);
                }
            }
            const std::size_t first = 1 + steps.below(30), piece = 1 + steps.below(30);
            same(grader::shown(bytes), decode(bytes, first, piece), library(bytes));
        }
    });
    return steps.result();
}
