#include "syn_cookie.hpp"

#include "grader.hpp"

#include <netnotes/lan/tcp_cookie.hpp>

#include <sstream>

namespace {

namespace net = netnotes;
using net::packet::sequence;

constexpr net::lan::keyed_hash::key secret{0x0706050403020100, 0x0f0e0d0c0b0a0908};
const net::endpoint server{"192.0.2.1:80"};

}  // namespace

std::uint32_t secret_hash(const std::string& client, std::uint32_t number, std::uint64_t minute) {
    net::lan::keyed_hash all{secret};
    return static_cast<std::uint32_t>(all.add(server).add(net::endpoint{client}).add(number).add(minute).value() & 0xffffff);
}

namespace {

/// The library is the judge.
class judge {
  public:
    static std::uint32_t make(const std::string& client, std::uint32_t number, std::uint16_t mss, std::uint64_t minute) {
        return cookies.make(server, net::endpoint{client}, sequence{number}, mss, time(minute)).to_uint();
    }
    static std::optional<std::uint16_t> check(const std::string& client, std::uint32_t number, std::uint32_t acknowledgment,
                                              std::uint64_t minute) {
        return cookies.check(sequence{acknowledgment - 1}, server, net::endpoint{client}, sequence{number - 1}, time(minute));
    }

  private:
    static std::chrono::nanoseconds time(std::uint64_t minute) { return net::lan::syn_cookies::period * static_cast<int>(minute); }
    static constexpr net::lan::syn_cookies cookies{secret};
};

/// The three parts of a cookie, and its 32 bits.
std::string parts(std::uint32_t cookie) {
    std::ostringstream out;
    out << grader::either("minute ", "分钟 ") << (cookie >> 27) << grader::either(", size ", "，大小 ") << (cookie >> 24 & 7)
        << grader::either(", hash ", "，散列 ") << std::hex << (cookie & 0xffffff) << " (" << cookie << ')';
    return out.str();
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const std::string one = "192.0.2.7:40000", other = "192.0.2.8:40000";
    const auto ask_make = [&](const std::string& client, std::uint32_t number, std::uint16_t mss, std::uint64_t minute) {
        std::ostringstream call;
        call << "make_cookie(" << client << ", " << number << ", " << mss << ", " << minute << ')';
        steps.equal(call.str(), parts(make_cookie(client, number, mss, minute)), parts(judge::make(client, number, mss, minute)));
    };
    const auto ask_ack = [&](const std::string& client, std::uint32_t number, std::uint32_t acknowledgment, std::uint64_t minute) {
        std::ostringstream call;
        call << "check_ack(" << client << ", " << number << ", " << acknowledgment << ", " << minute << ')'
             << grader::either(", whose cookie is ", "（cookie 是 ") << parts(acknowledgment - 1) << grader::either(",", "）");
        steps.equal(call.str(), check_ack(client, number, acknowledgment, minute),
                    judge::check(client, number, acknowledgment, minute));
    };
    /// The ACK of a client that got a cookie.
    const auto answered = [&](std::uint32_t number, std::uint16_t mss, std::uint64_t then, std::uint64_t now) {
        ask_ack(one, number + 1, judge::make(one, number, mss, then) + 1, now);
    };
    steps.step("the cookie has the hash, and the size in three bits", "cookie 含有散列值，以及三位的大小", [&] {
        for (const std::uint16_t mss : {1460, 536, 216}) ask_make(one, 1000, mss, 0);
        ask_make(other, 0xffffffff, 1440, 0);
    });
    steps.step("a size between two sizes is rounded down", "两个大小之间的值向下取", [&] {
        for (const std::uint16_t size : segment_sizes)
            for (const int more : {-1, 0, 1}) ask_make(one, 1000, static_cast<std::uint16_t>(size + more), 0);
        for (const std::uint16_t mss : {0, 1, 9000, 65535}) ask_make(one, 1000, mss, 0);
    });
    steps.step("the minute has five bits", "分钟占五位", [&] {
        for (const std::uint64_t minute : {1, 5, 31, 32, 33, 63, 1000}) ask_make(one, 1000, 1460, minute);
    });
    steps.step("the ACK brings the cookie back", "ACK 带回 cookie", [&] {
        for (const std::uint16_t mss : {1460, 1000, 0}) answered(1000, mss, 5, 5);
        answered(1000, 1460, 0, 0);
        answered(0xffffffff, 1460, 5, 5);
        answered(0xfffffffe, 1460, 31, 31);
    });
    steps.step("a cookie is valid for this minute and the next minute", "cookie 在本分钟和下一分钟有效", [&] {
        for (const std::uint64_t then : {0, 1, 5, 30, 31, 32})
            for (const std::uint64_t age : {0, 1, 2, 3, 31, 32, 33, 64}) answered(1000, 1460, then, then + age);
        for (const std::uint64_t now : {0, 1, 4, 30, 31}) answered(1000, 1460, now + 1, now);
        answered(1000, 1460, 31, 0);
        // The minute before 0 does not exist. A clock that wraps would find it, with this hash.
        const std::uint32_t cookie = 31u << 27 | 7u << 24 | secret_hash(one, 1000, ~std::uint64_t{0});
        steps.equal("check_ack() at minute 0, of a cookie of minute -1", check_ack(one, 1001, cookie + 1, 0),
                    std::optional<std::uint16_t>{});
    });
    steps.step("a number that nobody sent is no cookie", "没有人发出过的序号不是 cookie", [&] {
        const std::uint32_t cookie = judge::make(one, 1000, 1460, 5);
        ask_ack(other, 1001, cookie + 1, 5);
        for (const std::uint32_t number : {1000u, 1002u, 0u}) ask_ack(one, number, cookie + 1, 5);
        for (unsigned bit = 0; bit < 32; ++bit) ask_ack(one, 1001, (cookie ^ 1u << bit) + 1, 5);
        for (const std::uint32_t guess : {0u, 1u, cookie, cookie + 2}) ask_ack(one, 1001, guess, 5);
    });
    steps.step("random clients", "随机的客户端", [&] {
        for (int i = 0; i < 3'000; ++i) {
            const std::string client = "10.0." + std::to_string(steps.below(256)) + ".1:" + std::to_string(1024 + steps.below(60000));
            const auto number = static_cast<std::uint32_t>(steps.random()());
            const auto mss = static_cast<std::uint16_t>(steps.below(1600));
            const std::uint64_t then = steps.below(100);
            ask_make(client, number, mss, then);
            std::uint32_t cookie = judge::make(client, number, mss, then);
            if (steps.below(4) == 0) cookie ^= 1u << steps.below(32);
            ask_ack(client, number + 1, cookie + 1, steps.below(2) ? then + 1 : then + steps.below(4) * steps.below(33));
        }
    });
    return steps.result();
}
