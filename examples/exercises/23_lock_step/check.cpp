#include "lock_step.hpp"

#include "grader.hpp"

#include <algorithm>
#include <functional>
#include <map>

namespace {

/// A server and the way to it, with a clock of its own: no network, no time that passes.
class simulated final : public wire {
  public:
    using fate = std::function<std::vector<int>(bool to_server, int count)>;  ///< the delays of the copies, in ms

    simulated(std::string file, fate what) : file_{std::move(file)}, fate_{std::move(what)} {}

    void request() override {
        ++requests;
        carry(true, [this] {
            if (current_ != 0) return;  // it has begun
            current_ = 1;
            say();
        });
    }
    void acknowledge(std::uint16_t number) override {
        ++acknowledgments;
        carry(true, [this, number] {
            if (current_ == 0 || has_ended || has_given_up || number != static_cast<std::uint16_t>(current_)) return;
            tries_ = 0;
            if (current_ * block_size > file_.size())
                has_ended = true;
            else if (++current_; current_ != dies_at)
                say();
            else
                has_given_up = true;
        });
    }
    std::optional<block> receive() override {
        if (++receives_ > 2'000'000 || now_ > 1'000'000'000) throw std::runtime_error{"fetch() receives for ever"};
        const long until = now_ + 3000;
        while (arrived_.empty() && !events_.empty() && events_.begin()->first <= until) {
            const auto first = events_.begin();
            now_ = std::max(now_, first->first);
            const auto what = std::move(first->second);
            events_.erase(first);
            what();
        }
        if (arrived_.empty()) return now_ = until, ++silences, std::nullopt;
        block got = std::move(arrived_.front());
        arrived_.erase(arrived_.begin());
        return got;
    }
    /// Lets everything happen that is still under way.
    void finish() {
        while (!events_.empty()) {
            const auto first = events_.begin();
            now_ = std::max(now_, first->first);
            const auto what = std::move(first->second);
            events_.erase(first);
            what();
        }
    }
    int requests = 0, acknowledgments = 0, silences = 0;
    bool has_ended = false, has_given_up = false;
    std::size_t dies_at = 0;

  private:
    void carry(bool to_server, std::function<void()> what) {
        for (const int delay : fate_(to_server, counts_[to_server]++)) events_.emplace(now_ + delay, what);
    }
    void say() {
        const std::size_t number = current_;
        carry(false, [this, number] {
            arrived_.push_back(
                {static_cast<std::uint16_t>(number), file_.substr((number - 1) * block_size, block_size)});
        });
        events_.emplace(now_ + 1000, [this, number] {
            if (has_ended || current_ != number || has_given_up) return;
            if (++tries_ == 8)
                has_given_up = true;
            else
                say();
        });
    }
    std::string file_;
    fate fate_;
    std::multimap<long, std::function<void()>> events_;
    std::vector<block> arrived_;
    std::size_t current_ = 0;
    long now_ = 0, receives_ = 0;
    int tries_ = 0, counts_[2] = {};
};

std::vector<int> perfect(bool, int) { return {10}; }
std::string text(std::size_t size) {
    std::string made;
    for (std::size_t i = 0; i < size; ++i) made += static_cast<char>('a' + i / block_size % 26);
    return made;
}
/// Fails unless the file is whole. Says sizes only, where the texts are long.
void same(grader::sheet& steps, const std::string& got, const std::string& wanted) {
    if (wanted.size() <= 80) return steps.equal("fetch()", got, wanted);
    steps.expect(got == wanted, "fetch()",
                 grader::either("returned the file of ", "返回文件，字节数 ") + std::to_string(wanted.size()) +
                     grader::either(" bytes", " 字节"),
                 grader::either("returned ", "返回了 ") + std::to_string(got.size()) +
                     grader::either(" bytes", " 字节") +
                     (got.size() == wanted.size() ? grader::either(", others", "，内容不同") : ""));
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    steps.step("on a perfect link files of 0 to 40 bytes arrive", "在没有差错的链路上，0 到 40 字节的文件都能到达", [&] {
        for (std::size_t size = 0; size <= 40; ++size) {
            simulated net{text(size), perfect};
            same(steps, fetch(net), text(size));
            steps.equal(grader::either("the number of requests", "请求的次数"), net.requests, 1);
        }
    });
    steps.step("a request that is lost is sent again", "丢失的请求会重新发送", [&] {
        simulated net{text(20), [](bool to_server, int count) {
                          return to_server && count < 3 ? std::vector<int>{} : std::vector{10};
                      }};
        same(steps, fetch(net), text(20));
    });
    steps.step("a block that comes twice is written once", "收到两次的块只写一次", [&] {
        simulated net{text(36), [](bool to_server, int count) {
                          return !to_server && count % 2 == 1 ? std::vector{10, 11} : std::vector{10};
                      }};
        same(steps, fetch(net), text(36));
    });
    steps.step("a block whose acknowledgment was lost is acknowledged again", "确认丢失后，对重复的块再次确认", [&] {
        simulated net{text(36), [](bool to_server, int count) {
                          return to_server && (count == 1 || count == 3 || count == 4) ? std::vector<int>{}
                                                                                       : std::vector{10};
                      }};
        same(steps, fetch(net), text(36));
        steps.expect(!net.has_given_up, grader::either("the server", "服务器"),
                     grader::either("been told that its block has arrived", "得知块已到达"),
                     grader::either("it gave up", "它放弃了"));
    });
    steps.step("an old block that comes late is not written", "迟到的旧块不会被写入", [&] {
        simulated net{text(60), [](bool to_server, int count) {
                          return !to_server && count % 3 == 0 ? std::vector{10, 55} : std::vector{10};
                      }};
        same(steps, fetch(net), text(60));
    });
    steps.step("the last acknowledgment is sent again, too", "最后一个确认丢失后也会重发", [&] {
        for (const int lost : {1, 2, 3, 4}) {
            simulated net{text(12), [lost](bool to_server, int count) {
                              return to_server && count >= 2 && count < 2 + lost ? std::vector<int>{} : std::vector{10};
                          }};
            same(steps, fetch(net), text(12));
            net.finish();
            steps.expect(net.has_ended, grader::either("the server", "服务器"),
                         grader::either("heard that the last block has arrived", "得知最后一块已到达"),
                         grader::either("it repeated the block in vain", "它一直在重发这一块"));
        }
    });
    steps.step("a link that is silent now and then delays the file only", "时断时续的链路只会使文件迟到", [&] {
        simulated net{text(100), [](bool to_server, int count) {
                          return !to_server && count % 5 != 4 ? std::vector<int>{} : std::vector{10};
                      }};
        same(steps, fetch(net), text(100));
        steps.equal(grader::either("the number of requests, once the server has begun", "服务器开始之后请求的总次数"),
                    net.requests, 2);
    });
    steps.step("a server that is silent, or falls silent, is given up", "服务器一直沉默或中途沉默时放弃", [&] {
        for (const bool answers_first : {false, true}) {
            simulated net{text(60), [&](bool, int) { return answers_first ? std::vector{10} : std::vector<int>{}; }};
            net.dies_at = 4;
            bool has_thrown = false;
            try {
                fetch(net);
            } catch (const std::runtime_error& error) {
                has_thrown = std::string_view{error.what()} != "fetch() receives for ever";
            }
            steps.expect(has_thrown, "fetch()",
                         grader::either("thrown a std::runtime_error", "抛出 std::runtime_error"),
                         net.silences > 100 ? grader::either("waited for ever", "一直在等待")
                                            : grader::either("returned a file", "返回了文件"));
            steps.expect(net.silences == 8, "fetch()", grader::either("been patient 8 times", "沉默 8 次后放弃"),
                         grader::either("it was ", "实际次数是 ") + std::to_string(net.silences));
            if (!answers_first)
                steps.expect(net.requests >= 7, grader::either("the request", "请求"),
                             grader::either("been sent again each time", "每次都重发"),
                             grader::either("it was sent ", "发送次数是 ") + std::to_string(net.requests) +
                                 grader::either(" times", " 次"));
        }
    });
    steps.step("a file of 65,600 blocks arrives: after block 65535 comes block 0",
               "65,600 块的文件能到达：65535 之后是 0", [&] {
                   simulated net{text(65'600 * block_size - 1), perfect};
                   same(steps, fetch(net), text(65'600 * block_size - 1));
                   steps.expect(net.acknowledgments == 65'600, grader::either("each block", "每一块"),
                                grader::either("been acknowledged once", "只确认一次"),
                                std::to_string(net.acknowledgments) +
                                    grader::either(" acknowledgments were sent", " 个确认被发送"));
               });
    steps.step("300 files arrive on a link that loses, doubles and delays",
               "300 个文件经过会丢失、重复、延迟的链路到达", [&] {
                   for (int i = 0; i < 300; ++i) {
                       std::mt19937& random = steps.random();
                       const std::string file = text(random() % 200);
                       simulated net{file, [&random](bool, int) {
                                         const auto dice = random() % 10;
                                         if (dice < 2) return std::vector<int>{};
                                         if (dice < 4) return std::vector{10, 10 + static_cast<int>(random() % 90)};
                                         return std::vector{static_cast<int>(5 + random() % 10)};
                                     }};
                       try {
                           same(steps, fetch(net), file);
                       } catch (const std::runtime_error&) {
                           steps.expect((net.has_given_up && !net.has_ended) || net.requests >= 8, "fetch()",
                                        grader::either("continued", "继续"),
                                        grader::either("it gave up a server that was there", "它放弃了还在的服务器"));
                       }
                   }
               });
    return steps.result();
}
