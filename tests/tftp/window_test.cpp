// What a window costs where the link is slow, loses, or has a peer that acknowledges whatever it did not expect: the
// bytes that are sent and the time that it takes, in virtual time, with fixed seeds.

#include <netnotes/tftp/transfer.hpp>

#include "reader.hpp"

#include "../catch.hpp"

using namespace std::chrono_literals;
using tftp_link::answers;
using tftp_link::cost;
using tftp_link::cost_of;
using tftp_link::foreign_reader;
using tftp_link::route;
namespace tftp = netnotes::tftp;

TEST_CASE("a doubled block of a window brings a few repetitions, and not one for each block to the end of the file") {
    for (const auto how : {answers::each, answers::every_second, answers::once_a_window, answers::never})
        for (const std::uint64_t window : {2u, 4u, 8u, 16u, 64u}) {
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
        for (const std::uint64_t window : {1u, 2u, 4u, 8u, 16u})
            for (const double lost : {0.0, 0.01, 0.02, 0.05})
                for (const double doubled : {0.0, 0.01, 0.02, 0.05}) {
                    CAPTURE(static_cast<int>(how), window, lost, doubled);
                    foreign_reader reader{how, window, {.lost = lost, .doubled = doubled}, 7 * window + 1};
                    const auto times = reader.read(3'406, 512);
                    REQUIRE(times);
                    CHECK(*times <= 1.5);
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

TEST_CASE("on a link of any rate nothing is repeated while nothing is lost") {
    for (const std::uint64_t rate : {64'000u, 128'000u, 256'000u, 1'000'000u, 10'000'000u, 1'000'000'000u})
        for (const int window : {1, 4, 16, 64, 128, 256})
            for (const int block_size : {512, 1428, 8192, 65'464})
                for (const bool has_short_queue : {false, true})
                    for (const tftp::duration delay : {tftp::duration{100us}, tftp::duration{50ms}})
                        for (const bool is_upload : {false, true}) {
                            route way{rate, static_cast<std::uint16_t>(window), static_cast<std::uint16_t>(block_size)};
                            if (!fits(way)) continue;
                            if (window * block_size > (1 << 20)) continue;  // the same again, and slow to test
                            way.queue = has_short_queue ? static_cast<std::size_t>(window) + 4 : 0;
                            way.delay = delay;
                            way.is_upload = is_upload;
                            way.seed =
                                static_cast<std::uint64_t>(window) * 31u + static_cast<std::uint64_t>(block_size);
                            CAPTURE(rate, window, block_size, has_short_queue, delay.count(), is_upload);
                            const cost of = cost_of(way);
                            CHECK(of.is_whole);
                            CHECK(of.bytes <= 1.15);
                            CHECK(of.time <= 1.2);
                        }
}

TEST_CASE("with one datagram lost in a hundred, half of the file is repeated at most, in three times the time") {
    for (const std::uint64_t rate : {64'000u, 256'000u, 1'000'000u, 10'000'000u})
        for (const int window : {1, 4, 16, 64})
            for (const int block_size : {512, 1428})
                for (const bool has_short_queue : {false, true})
                    for (const bool is_upload : {false, true}) {
                        CAPTURE(rate, window, block_size, has_short_queue, is_upload);
                        route way{rate, static_cast<std::uint16_t>(window), static_cast<std::uint16_t>(block_size)};
                        way.queue = has_short_queue ? static_cast<std::size_t>(window) + 4 : 0;
                        way.lost = 0.01;
                        way.is_upload = is_upload;
                        way.seed = static_cast<std::uint64_t>(window) * 31u + static_cast<std::uint64_t>(block_size);
                        const cost of = cost_of(way);
                        CHECK(of.is_whole);
                        CHECK(of.bytes <= 1.5);
                        CHECK(of.time <= 3);
                    }
}
