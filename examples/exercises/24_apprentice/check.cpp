#include "apprentice.hpp"

#include "grader.hpp"

#include <algorithm>
#include <functional>
#include <map>

namespace {

/// A receiver and the way to it, with a clock of its own: no network, no time that passes.
class simulated final : public wire {
  public:
    using fate = std::function<std::vector<int>(bool to_receiver, int count)>;  ///< the delays of the copies, in ms
    explicit simulated(fate what) : fate_{std::move(what)} {}

    void send(std::uint16_t number, std::string_view data) override {
        if (++blocks > 2'000'000) throw std::runtime_error{"send_file() sends for ever"};
        sent_at_ = now_;
        carry(true, [this, number, data = std::string{data}] {
            if (number == static_cast<std::uint16_t>(done_ + 1) && !has_ended) {
                done_ = number;
                file += data;
                has_ended = data.size() < block_size;
            }
            carry(false, [this, number] { answers_.push_back(number); });
        });
    }
    std::optional<std::uint16_t> receive() override {
        while (answers_.empty() && !events_.empty() && events_.begin()->first < sent_at_ + 1000) {
            const auto first = events_.begin();
            now_ = std::max(now_, first->first);
            const auto what = std::move(first->second);
            events_.erase(first);
            what();
        }
        if (answers_.empty()) return now_ = sent_at_ + 1000, sent_at_ = now_, ++timeouts, std::nullopt;
        const std::uint16_t answer = answers_.front();
        answers_.erase(answers_.begin());
        if (++receives_ > 2'000'000) throw std::runtime_error{"send_file() receives for ever"};
        return answer;
    }
    std::string file;
    bool has_ended = false;
    int blocks = 0, timeouts = 0;

  private:
    void carry(bool to_receiver, std::function<void()> what) {
        for (const int delay : fate_(to_receiver, counts_[to_receiver]++)) events_.emplace(now_ + delay, what);
    }
    fate fate_;
    std::multimap<long, std::function<void()>> events_;
    std::vector<std::uint16_t> answers_;
    std::uint16_t done_ = 0;
    long now_ = 0, sent_at_ = 0;
    int counts_[2] = {}, receives_ = 0;
};

std::string text(std::size_t size) {
    std::string made;
    for (std::size_t i = 0; i < size; ++i) made += static_cast<char>('a' + i / block_size % 26);
    return made;
}
/// Sends a file, which must arrive with `most` blocks on the link and no more.
void try_it(grader::sheet& steps, simulated& net, std::size_t size, const std::function<int()>& most) {
    const std::string file = text(size);
    const bool is_whole = send_file(net, file);
    steps.expect(is_whole, "send_file()", grader::either("returned true", "返回 true"),
                 grader::either("it gave up", "它放弃了"));
    steps.expect(
        net.has_ended && net.file == file, grader::either("the receiver", "接收方"),
        grader::either("the file of ", "收到文件，字节数 ") + std::to_string(size) + grader::either(" bytes", " 字节"),
        grader::either("it has ", "它有 ") + std::to_string(net.file.size()) + grader::either(" bytes", " 字节") +
            (net.has_ended ? "" : grader::either(" and waits for more", "，还在等待")));
    steps.expect(
        net.blocks <= most(), grader::either("the link", "链路"),
        grader::either("carried ", "最多传送 ") + std::to_string(most()) + grader::either(" blocks at most", " 块"),
        grader::either("it carried ", "传送了 ") + std::to_string(net.blocks));
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto blocks_of = [](std::size_t size) { return static_cast<int>(size / block_size + 1); };
    steps.step("on a perfect link each block is sent once", "在没有差错的链路上每块只发一次", [&] {
        for (std::size_t size = 0; size <= 40; ++size) {
            simulated net{[](bool, int) { return std::vector{10}; }};
            try_it(steps, net, size, [&] { return blocks_of(size); });
        }
    });
    steps.step("a lost block, and a block whose acknowledgment is lost, is sent again", "块或确认丢失后会重发", [&] {
        for (const bool direction : {false, true}) {
            simulated net{[direction](bool to_receiver, int count) {
                return to_receiver == direction && (count == 1 || count == 3 || count == 4) ? std::vector<int>{}
                                                                                            : std::vector{10};
            }};
            try_it(steps, net, 60, [&] { return blocks_of(60) + 3; });
        }
    });
    steps.step("one late acknowledgment does not double all blocks behind it", "一个迟到的确认不会使后面的块都发两遍",
               [&] {
                   simulated net{
                       [](bool to_receiver, int count) { return std::vector{!to_receiver && count == 0 ? 1005 : 10}; }};
                   try_it(steps, net, 8000, [&] { return blocks_of(8000) + 1; });
               });
    steps.step("a silent receiver is sent each block eight times", "对沉默的接收方，每块发送八次", [&] {
        for (const int last : {0, 3}) {
            simulated net{[last](bool to_receiver, int count) {
                return !to_receiver && count >= last ? std::vector<int>{} : std::vector{10};
            }};
            steps.equal("send_file()", send_file(net, text(60)), false);
            steps.equal(grader::either("the number of blocks on the link", "链路上的块数"), net.blocks, last + 8);
        }
    });
    steps.step("each block may be lost seven times", "每块都可以丢失七次", [&] {
        simulated net{[](bool to_receiver, int count) {
            return to_receiver && count % 8 != 7 ? std::vector<int>{} : std::vector{10};
        }};
        try_it(steps, net, 30, [&] { return 8 * blocks_of(30); });
    });
    steps.step(
        "200 files arrive on a bad link, and only a timeout repeats a block",
        "200 个文件经过很差的链路到达，只有超时才重发", [&] {
            for (int i = 0; i < 200; ++i) {
                std::mt19937& random = steps.random();
                const std::size_t size = random() % 300;
                int losses = 0;
                bool is_lost = false;
                simulated net{[&](bool, int) {  // at most three losses, until two datagrams have arrived in a row
                    const bool was_lost = is_lost;
                    is_lost = losses < 3 && random() % 10 < 2;
                    if (is_lost) return ++losses, std::vector<int>{};
                    if (!was_lost) losses = 0;
                    if (random() % 4 == 0) return std::vector{10, static_cast<int>(10 + random() % 1500)};
                    return std::vector{static_cast<int>(5 + random() % 10)};
                }};
                try_it(steps, net, size, [&] { return blocks_of(size) + net.timeouts; });
            }
        });
    return steps.result();
}
