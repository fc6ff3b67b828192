// How many bytes a file costs, and how much time, over a grid of links, windows and readers, in virtual time. A fixed
// sample of the grid belongs to the default run. The whole grid prints what lies outside of the bounds:
//
//        tftp_grid_test "[grid]"

#include "reader.hpp"

#include "../catch.hpp"

#include <cstdio>
#include <string>

using namespace std::chrono_literals;
using tftp_link::answers;
using tftp_link::cost;
using tftp_link::foreign_reader;
using tftp_link::route;
namespace tftp = netnotes::tftp;

namespace {

/// Counts the cells that were tried, and those outside of the bounds, by kind.
struct score {
    int cells = 0, failed = 0, too_many_bytes = 0, too_long = 0;
    [[nodiscard]] int outside() const noexcept { return failed + too_many_bytes + too_long; }
    void print(const char* kind) const {
        std::printf("%-28s %6d cells, %d outside: %d failed, %d too many bytes, %d too long\n", kind, cells, outside(),
                    failed, too_many_bytes, too_long);
    }
};

/// Our reader or writer on a link. `step` and `first` choose a sample: each step-th cell from the first on.
score try_links(double lost, int seeds, int step, bool is_told) {
    score all;
    int cell = 0;
    for (const std::uint64_t rate : {64'000u, 256'000u, 1'000'000u, 10'000'000u, 100'000'000u})
        for (const int window : {1, 2, 4, 8, 16, 32, 64, 128})
            for (const int block_size : {512, 1428, 8192})
                for (const int queue : {0, 1, 2, 3})
                    for (const tftp::duration delay :
                         {tftp::duration{200us}, tftp::duration{5ms}, tftp::duration{50ms}})
                        for (const bool is_upload : {false, true})
                            for (int seed = 1; seed <= seeds; ++seed) {
                                if (cell++ % step != 0) continue;
                                route way{rate,
                                          static_cast<std::uint16_t>(window),
                                          static_cast<std::uint16_t>(block_size),
                                          0,
                                          delay,
                                          lost,
                                          0,
                                          is_upload,
                                          static_cast<std::uint64_t>(cell)};
                                const auto datagrams = static_cast<std::size_t>(window);
                                const bool is_short = queue == 1 && window > 1;
                                way.queue = queue == 0   ? 0
                                            : queue == 1 ? std::max<std::size_t>(datagrams / 2, 4)
                                            : queue == 2 ? datagrams + 4
                                                         : 4 * datagrams;
                                if (!fits(way)) continue;
                                if (queue == 1 && window <= 4) continue;  // the same as with a whole window
                                ++all.cells;
                                const cost of = cost_of(way);
                                const bool is_lossy = lost > 0 || is_short;
                                const bool has_failed = !of.is_whole;
                                const bool is_costly = of.bytes > (is_lossy ? 1.5 : 1.15);
                                const bool is_slow = of.time > (is_lossy ? 3 : 1.2);
                                all.failed += has_failed;
                                all.too_many_bytes += !has_failed && is_costly;
                                all.too_long += !has_failed && !is_costly && is_slow;
                                if (is_told && (has_failed || is_costly || is_slow))
                                    std::printf(
                                        "  rate %llu window %d block %d queue %zu delay %.1f ms %s lost %.2f seed %d: "
                                        "%s bytes %.2f time %.2f\n",
                                        static_cast<unsigned long long>(rate), window, block_size, way.queue,
                                        static_cast<double>(delay.count()) / 1e6, is_upload ? "put" : "get", lost, cell,
                                        has_failed ? of.error.message().c_str() : "whole", of.bytes, of.time);
                            }
    return all;
}

/// Readers that are not ours, with and without a slow link, quick and slow.
score try_readers(int seeds, int step, bool is_told) {
    score all;
    int cell = 0;
    for (const auto how : {answers::each, answers::every_second, answers::once_a_window, answers::never})
        for (const std::uint64_t window : {1u, 2u, 4u, 8u, 16u, 32u, 64u})
            for (const double lost : {0.0, 0.01, 0.02, 0.05})
                for (const double doubled : {0.0, 0.01, 0.02, 0.05})
                    for (const int kind : {0, 1, 2, 3, 4})  // quick; a link of 1 Mbit/s; a reader of 2, 5 and 20 ms
                        for (int seed = 1; seed <= seeds; ++seed) {
                            if (cell++ % step != 0) continue;
                            ++all.cells;
                            foreign_reader reader{
                                how,
                                window,
                                {.lost = lost, .doubled = doubled, .rate = kind == 1 ? 125'000u : 0u, .queue = 0},
                                static_cast<std::uint64_t>(cell)};
                            reader.reading = kind == 2 ? 2ms : kind == 3 ? 5ms : kind == 4 ? 20ms : 0ms;
                            const auto times = reader.read(2'000, 512);
                            const bool is_costly = times && *times > 1.5;
                            all.failed += !times;
                            all.too_many_bytes += is_costly;
                            if (is_told && (!times || is_costly))
                                std::printf(
                                    "  answers %d window %d lost %.2f doubled %.2f kind %d seed %d: %s bytes %.2f time "
                                    "%.1f s\n",
                                    static_cast<int>(how), static_cast<int>(window), lost, doubled, kind, cell,
                                    times ? "whole" : reader.failure.message().c_str(), times.value_or(0),
                                    std::chrono::duration<double>(reader.took).count());
                        }
    return all;
}

}  // namespace

TEST_CASE("a sample of the grid: nothing fails, and few cells lie outside of the bounds") {
    const score clean = try_links(0, 1, 7, false);
    CHECK(clean.cells > 300);
    CHECK(clean.outside() <= 1);
    const score lossy = try_links(0.01, 1, 5, false);
    CHECK(lossy.cells > 300);
    CHECK(lossy.failed == 0);
    CHECK(lossy.outside() * 40 <= lossy.cells);
    const score readers = try_readers(1, 5, false);
    CHECK(readers.cells > 300);
    CHECK(readers.failed == 0);
    CHECK(readers.outside() * 40 <= readers.cells);
}

TEST_CASE("the whole grid, for people", "[.grid]") {
    const score clean = try_links(0, 1, 1, true);
    clean.print("nothing lost");
    const score lossy = try_links(0.01, 3, 1, true);
    lossy.print("1 % lost");
    const score readers = try_readers(2, 1, true);
    readers.print("other readers");
    CHECK(clean.outside() + lossy.outside() + readers.outside() == 0);
}
