// What a window costs where the link is slow, loses, or has a peer that acknowledges whatever it did not expect: the
// bytes that are sent and the time that it takes, in virtual time, with fixed seeds.

#include <netnotes/tftp_transfer.hpp>

#include "tftp_link.hpp"

#include "catch.hpp"

#include <cmath>
#include <map>

using namespace std::chrono_literals;
using tftp_link::bytes;
using tftp_link::lossy_link;
using tftp_link::memory_sink;
using tftp_link::memory_source;
namespace net = netnotes;
namespace tftp = netnotes::tftp;

namespace {

const tftp::time_point start{1h};

// ---- Peers that acknowledge what they did not expect ----------------------------------------------------

/// When a reader acknowledges a block that is not the next one. All count a window from their last acknowledgment on.
enum class answers { each, every_second, once_a_window, never };

/// A reader as EDK2 and U-Boot have them, behind a net that loses and doubles; and our server. Returns how many times
/// the bytes of the file were sent, or nothing if the file does not arrive.
class foreign_reader {
  public:
    foreign_reader(answers how, std::uint64_t window, tftp_link::weather net, std::uint64_t seed)
        : how_{how}, window_{window}, net_{net}, random_{seed} {}
    /// These blocks come twice, whatever the net does.
    std::vector<std::uint64_t> doubled_blocks{};

    std::optional<double> read(std::size_t blocks, std::uint16_t block_size) {
        memory_source file{bytes(blocks * block_size - 1)};
        bytes request(tftp::most_request_size);
        tftp::options asked;
        asked.block_size = block_size;
        asked.window_size = static_cast<std::uint16_t>(window_);
        request.resize(tftp::write_request(request, tftp::opcode::read_request, "f", tftp::mode::octet, asked));
        tftp::transfer server{lossy_link::client_port, tftp::parse(request).value(), file,
                              {.block_size = 65'464, .window_size = 1024}};
        server.begin(now_);
        while (!server.next().bytes.empty()) continue;  // the option acknowledgment: it has arrived
        acknowledge();
        tftp::time_point patience = now_ + 2s;  // then the reader says its last acknowledgment again
        std::uint64_t sent = 0;
        while (!server.has_ended()) {
            tftp::time_point next = std::min(server.deadline(), patience);
            if (!under_way_.empty()) next = std::min(next, under_way_.begin()->first);
            now_ = std::max(now_, next);
            if (!under_way_.empty() && under_way_.begin()->first <= now_) {
                const auto [to_server, number] = under_way_.begin()->second;
                under_way_.erase(under_way_.begin());
                if (to_server) {
                    const bytes datagram{std::byte{0}, std::byte{4}, static_cast<std::byte>(number >> 8),
                                         static_cast<std::byte>(number)};
                    server.receive(lossy_link::client_port, datagram, now_);
                } else {
                    hears(number, blocks);
                    patience = now_ + 2s;
                }
            } else if (server.deadline() <= now_)
                server.expired(now_);
            else if (done_ < blocks) {
                acknowledge();
                patience = now_ + 2s;
            } else
                patience = tftp::time_point::max();
            for (auto out = server.next(); !out.bytes.empty(); out = server.next())
                for (std::size_t at = 0; at < out.bytes.size(); at += out.segment) {
                    const auto block = tftp::parse(out.bytes.subspan(at, std::min(out.segment, out.bytes.size() - at)));
                    if (!block || block->what != tftp::opcode::data) continue;
                    ++sent;
                    const auto doubled = std::find(doubled_blocks.begin(), doubled_blocks.end(), block->block);
                    const bool comes_twice = doubled != doubled_blocks.end();
                    if (comes_twice) doubled_blocks.erase(doubled);
                    post(false, block->block, comes_twice);
                }
        }
        if (!server.result().is_whole() || done_ != blocks) return std::nullopt;
        return static_cast<double>(sent) / static_cast<double>(blocks);
    }

  private:
    bool happens(double chance) { return std::uniform_real_distribution<>{0, 1}(random_) < chance; }
    void post(bool to_server, std::uint64_t number, bool twice = false) {
        const int copies = twice ? 2 : happens(net_.lost) ? 0 : happens(net_.doubled) ? 2 : 1;
        for (int i = 0; i < copies; ++i) under_way_.emplace(now_ + net_.delay, std::pair{to_server, number});
    }
    void acknowledge() {
        post(true, done_ % 65'536);
        acknowledged_ = done_;
        unexpected_ = 0;
    }
    void hears(std::uint64_t number, std::size_t blocks) {
        if (number != (done_ + 1) % 65'536) {
            ++unexpected_;
            const bool is_told = how_ == answers::each || (how_ == answers::every_second && ++seconds_ % 2 == 0) ||
                                 (how_ == answers::once_a_window && !std::exchange(has_told_, true));
            if (is_told) acknowledge();
            if (done_ == blocks) acknowledge();  // the last block is acknowledged again by all of them
            return;
        }
        ++done_;
        has_told_ = false;
        if (done_ == blocks || done_ - acknowledged_ == window_) acknowledge();
    }
    answers how_;
    std::uint64_t window_;
    tftp_link::weather net_;
    std::mt19937_64 random_;
    tftp::time_point now_ = start;
    std::multimap<tftp::time_point, std::pair<bool, std::uint64_t>> under_way_;
    std::uint64_t done_ = 0, acknowledged_ = 0, unexpected_ = 0, seconds_ = 0;
    bool has_told_ = false;
};

}  // namespace

TEST_CASE("a doubled block of a window brings a few repetitions, and not one for each block to the end of the file") {
    for (const auto how : {answers::each, answers::every_second, answers::once_a_window, answers::never})
        for (const std::uint64_t window : {2, 4, 8, 16, 64}) {
            CAPTURE(static_cast<int>(how), window);
            foreign_reader reader{how, window, {}, 1};
            reader.doubled_blocks = {1'000};
            const auto times = reader.read(3'406, 1468);
            REQUIRE(times);
            CHECK(*times <= 1 + 2.0 * static_cast<double>(window) / 3'406);
        }
}

TEST_CASE("whatever a peer acknowledges, losses and doubles do not bring more than half of the file again") {
    double worst = 0;
    for (const auto how : {answers::each, answers::every_second, answers::once_a_window, answers::never})
        for (const std::uint64_t window : {1, 2, 4, 8, 16})
            for (const double lost : {0.0, 0.01, 0.02, 0.05})
                for (const double doubled : {0.0, 0.01, 0.02, 0.05}) {
                    CAPTURE(static_cast<int>(how), window, lost, doubled);
                    foreign_reader reader{how, window, {.lost = lost, .doubled = doubled}, 7 * window + 1};
                    const auto times = reader.read(3'406, 512);
                    REQUIRE(times);
                    // A peer that says nothing lets the sender repeat whole windows only.
                    CHECK(*times <= (how == answers::never && window == 16 ? 1.8 : 1.5));
                    worst = std::max(worst, *times);
                }
    CHECK(worst > 1.1);  // there was something to repeat
}

TEST_CASE("a wide window, too, with 2 % of loss and of doubles") {
    for (const auto how : {answers::each, answers::every_second, answers::once_a_window})
        for (const double lost : {0.0, 0.01, 0.02})
            for (const double doubled : {0.0, 0.01, 0.02}) {
                CAPTURE(static_cast<int>(how), lost, doubled);
                foreign_reader reader{how, 64, {.lost = lost, .doubled = doubled}, 11};
                const auto times = reader.read(6'000, 512);
                REQUIRE(times);
                CHECK(*times <= 1.5);
            }
}
