// What a window costs where the link is slow, loses, or has a peer that acknowledges whatever it did not expect: the
// bytes that are sent and the time that it takes, in virtual time, with fixed seeds.

#include <netnotes/tftp/transfer.hpp>

#include "link.hpp"

#include "../catch.hpp"

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
        bytes request(tftp::max_request_size);
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
                    // With a peer that says nothing every loss costs a whole window: no sender can know where it is.
                    const bool is_costly = how == answers::never && window >= 8 && lost == 0.05;
                    CHECK(*times <= (is_costly ? 2.0 : 1.5));
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

// ---- Slow links ------------------------------------------------------------------------------------------

namespace {
struct cost {
    bool is_whole;
    double bytes, time;  ///< as multiples of the file and of the ideal time, of which 2 s more are free
};
/// What a file of some windows costs on that link, read or written.
cost cost_of(std::uint64_t bits_a_second, std::uint16_t window, std::uint16_t block_size, bool has_short_queue,
             tftp::duration delay, double lost, bool is_upload) {
    const std::uint64_t rate = bits_a_second / 8, datagram = block_size + 46u;
    const std::size_t size = std::max<std::size_t>(std::size_t{6} * window, 300) * block_size;
    memory_source from{bytes(size)};
    memory_sink to;
    lossy_link link{window * 31u + block_size,
                    {.lost = lost, .delay = delay, .rate = rate, .queue = has_short_queue ? (window + 4u) * datagram : 0,
                     .tells_of_ends = true}};
    const tftp::settings wishes{.block_size = block_size, .window_size = window};
    auto client =
        is_upload ? std::make_unique<tftp::transfer>(lossy_link::server_door, "f", tftp::mode::octet, from, wishes)
                  : std::make_unique<tftp::transfer>(lossy_link::server_door, "f", tftp::mode::octet, to, wishes);
    const tftp::time_point begin = link.now;
    tftp::time_point last = begin;
    const auto serve = [&](const tftp::packet& request) {
        const tftp::settings limits{.block_size = 65'464, .window_size = 65'535, .dally = 3s};
        return is_upload ? std::make_unique<tftp::transfer>(lossy_link::client_port, request, to, limits)
                         : std::make_unique<tftp::transfer>(lossy_link::client_port, request, from, limits);
    };
    link.run(*client, serve, [&](bool, std::span<const std::byte>, int) { last = link.now; });
    const auto seconds = [](tftp::duration of) { return std::chrono::duration<double>(of).count(); };
    const double blocks = static_cast<double>(size / block_size + 1), windows = std::ceil(blocks / window);
    const double ideal = (static_cast<double>(size) + blocks * 46) / static_cast<double>(rate) +
                         (windows + 1) * (2 * seconds(delay) + 46 / static_cast<double>(rate));
    return {client->result().is_whole() && to.is_finished,
            static_cast<double>(link.sent_bytes[is_upload]) / (static_cast<double>(size) + 4 * blocks),
            std::max(0.0, seconds(last - begin) - 2) / ideal};
}
bool fits(std::uint64_t bits_a_second, std::uint64_t window, std::uint64_t block_size) {  // into the patience
    return window * (block_size + 46) * 8 < 29 * bits_a_second && window * (block_size + 4) < (4u << 20);
}
}  // namespace

TEST_CASE("on a link of any rate nothing is repeated while nothing is lost") {
    for (const std::uint64_t rate : {64'000, 128'000, 256'000, 1'000'000, 10'000'000, 1'000'000'000})
        for (const int window : {1, 4, 16, 64, 128, 256})
            for (const int block_size : {512, 1428, 8192, 65'464})
                for (const bool has_short_queue : {false, true})
                    for (const tftp::duration delay : {tftp::duration{100us}, tftp::duration{50ms}})
                        for (const bool is_upload : {false, true}) {
                            if (!fits(rate, static_cast<std::uint64_t>(window), static_cast<std::uint64_t>(block_size))) continue;
                            if (window * block_size > (1 << 20)) continue;  // the same again, and slow to test
                            CAPTURE(rate, window, block_size, has_short_queue, delay.count(), is_upload);
                            const cost of = cost_of(rate, static_cast<std::uint16_t>(window), static_cast<std::uint16_t>(block_size),
                                                    has_short_queue, delay, 0, is_upload);
                            CHECK(of.is_whole);
                            CHECK(of.bytes <= 1.15);
                            CHECK(of.time <= 1.2);
                        }
}

TEST_CASE("with one datagram lost in a hundred, half of the file is repeated at most, in three times the time") {
    for (const std::uint64_t rate : {64'000, 256'000, 1'000'000, 10'000'000})
        for (const int window : {1, 4, 16, 64})
            for (const int block_size : {512, 1428})
                for (const bool has_short_queue : {false, true})
                    for (const bool is_upload : {false, true}) {
                        CAPTURE(rate, window, block_size, has_short_queue, is_upload);
                        const cost of = cost_of(rate, static_cast<std::uint16_t>(window), static_cast<std::uint16_t>(block_size), has_short_queue,
                                                5ms, 0.01, is_upload);
                        CHECK(of.is_whole);
                        CHECK(of.bytes <= 1.5);
                        CHECK(of.time <= 3);
                    }
}
