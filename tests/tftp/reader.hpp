// tests/tftp/reader.hpp: a reader that is not ours, and a slow link between it and our sender, in virtual time
// SPDX-License-Identifier: MIT

#pragma once

#include <netnotes/tftp/transfer.hpp>

#include "link.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace tftp_link {

using namespace std::chrono_literals;

/// When a reader acknowledges a block that is not the next one. All count a window from their last acknowledgment on.
enum class answers { each, every_second, once_a_window, never };

/// A reader as EDK2 and U-Boot have them, behind a network that loses and doubles. It reads from our server.
class foreign_reader {
  public:
    foreign_reader(answers how, std::uint64_t window, weather net, std::uint64_t seed)
        : how_{how}, window_{window}, net_{net}, random_{seed} {}
    /// These blocks come twice, whatever the network does.
    std::vector<std::uint64_t> doubled_blocks{};
    /// The time that the reader needs for each datagram. At most `buffer` datagrams wait for it.
    tftp::duration reading{};
    std::size_t buffer = 1'000;

    /// Reads a file. Returns how many times its bytes were sent, or nothing if the file does not arrive.
    std::optional<double> read(std::size_t blocks, std::uint16_t block_size) {
        memory_source file{bytes(blocks * block_size - 1)};
        bytes request(tftp::max_request_size);
        tftp::options asked;
        asked.block_size = block_size;
        asked.window_size = static_cast<std::uint16_t>(window_);
        request.resize(tftp::write_request(request, tftp::opcode::read_request, "f", tftp::mode::octet, asked));
        tftp::transfer server{
            lossy_link::client_port, tftp::parse(request).value(), file, {.block_size = 65'464, .window_size = 1024}};
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
                const event what = under_way_.begin()->second;
                under_way_.erase(under_way_.begin());
                if (what.to_server) {
                    const bytes datagram{std::byte{0}, std::byte{4}, static_cast<std::byte>(what.number >> 8),
                                         static_cast<std::byte>(what.number)};
                    server.receive(lossy_link::client_port, datagram, now_);
                } else if (!what.is_read && reading > 0s) {
                    wait_to_be_read(what.number);
                } else {
                    if (what.is_read) --waiting_;
                    hears(what.number, blocks);
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
                    const auto datagram = out.bytes.subspan(at, std::min(out.segment, out.bytes.size() - at));
                    const auto block = tftp::parse(datagram);
                    if (!block || block->what != tftp::opcode::data) continue;
                    ++sent;
                    const auto doubled = std::find(doubled_blocks.begin(), doubled_blocks.end(), block->block);
                    const bool comes_twice = doubled != doubled_blocks.end();
                    if (comes_twice) doubled_blocks.erase(doubled);
                    post(false, block->block, datagram.size(), comes_twice);
                }
        }
        took = now_ - start;
        failure = server.result().error;
        if (!server.result().is_whole() || done_ != blocks) return std::nullopt;
        return static_cast<double>(sent) / static_cast<double>(blocks);
    }
    tftp::duration took{};      ///< by the last read()
    std::error_code failure{};  ///< of the server, then

  private:
    struct event {
        bool to_server, is_read;
        std::uint64_t number;
    };
    static constexpr tftp::time_point start{1h};
    bool happens(double chance) { return std::uniform_real_distribution<>{0, 1}(random_) < chance; }
    void post(bool to_server, std::uint64_t number, std::size_t size, bool twice = false) {
        const int copies = twice ? 2 : happens(net_.lost) ? 0 : happens(net_.doubled) ? 2 : 1;
        for (int i = 0; i < copies; ++i) {
            tftp::time_point when = now_;
            if (net_.rate != 0 && !to_server) {
                free_at_ = std::max(free_at_, now_);
                const auto waits = static_cast<std::uint64_t>((free_at_ - now_).count());
                const std::uint64_t whole = size + net_.overhead;
                if (net_.queue != 0 && waits * net_.rate / 1'000'000'000 + whole > net_.queue) continue;
                free_at_ += std::chrono::nanoseconds{whole * 1'000'000'000 / net_.rate};
                when = free_at_;
            }
            under_way_.emplace(when + net_.delay, event{to_server, false, number});
        }
    }
    void wait_to_be_read(std::uint64_t number) {
        if (waiting_ == buffer) return;  // there is no room: it is lost
        ++waiting_;
        read_at_ = std::max(read_at_, now_) + reading;
        under_way_.emplace(read_at_, event{false, true, number});
    }
    void acknowledge() {
        post(true, done_ % 65'536, 4);
        acknowledged_ = done_;
    }
    void hears(std::uint64_t number, std::size_t blocks) {
        if (number != (done_ + 1) % 65'536) {
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
    weather net_;
    std::mt19937_64 random_;
    tftp::time_point now_ = start, free_at_ = start, read_at_ = start;
    std::multimap<tftp::time_point, event> under_way_;
    std::size_t waiting_ = 0;
    std::uint64_t done_ = 0, acknowledged_ = 0, seconds_ = 0;
    bool has_told_ = false;
};

/// A link between two ends of ours, and a file on its way over it.
struct route {
    std::uint64_t bits_a_second = 1'000'000;
    std::uint16_t window = 16, block_size = 1428;
    std::size_t queue = 0;  ///< datagrams; 0: no limit
    tftp::duration delay = 5ms;
    double lost = 0, doubled = 0;
    bool is_upload = false;
    std::uint64_t seed = 1;
};
struct cost {
    bool is_whole;
    double bytes, time;  ///< as multiples of the file and of the ideal time, of which 2 s more are free
    std::error_code error{};
};
/// What a file of some windows costs on that link.
inline cost cost_of(const route& way) {
    const std::uint64_t rate = way.bits_a_second / 8, datagram = way.block_size + 46u;
    const std::size_t size = std::max<std::size_t>(std::size_t{6} * way.window, 300) * way.block_size;
    memory_source from{bytes(size)};
    memory_sink to;
    lossy_link link{way.seed, weather{.lost = way.lost,
                                      .doubled = way.doubled,
                                      .delay = way.delay,
                                      .rate = rate,
                                      .queue = way.queue * datagram,
                                      .tells_of_ends = true}};
    const tftp::settings wishes{.block_size = way.block_size, .window_size = way.window};
    auto client = way.is_upload
                      ? std::make_unique<tftp::transfer>(lossy_link::server_door, "f", tftp::mode::octet, from, wishes)
                      : std::make_unique<tftp::transfer>(lossy_link::server_door, "f", tftp::mode::octet, to, wishes);
    const tftp::time_point begin = link.now;
    tftp::time_point last = begin;
    const auto serve = [&](const tftp::packet& request) {
        const tftp::settings limits{.block_size = 65'464, .window_size = 65'535, .dally = 3s};
        return way.is_upload ? std::make_unique<tftp::transfer>(lossy_link::client_port, request, to, limits)
                             : std::make_unique<tftp::transfer>(lossy_link::client_port, request, from, limits);
    };
    link.run(*client, serve, [&](bool, std::span<const std::byte>, int) { last = link.now; });
    const auto seconds = [](tftp::duration of) { return std::chrono::duration<double>(of).count(); };
    const double blocks = static_cast<double>(size / way.block_size + 1), windows = std::ceil(blocks / way.window);
    const double ideal = (static_cast<double>(size) + blocks * 46) / static_cast<double>(rate) +
                         (windows + 1) * (2 * seconds(way.delay) + 46 / static_cast<double>(rate));
    return {client->result().is_whole() && to.is_finished,
            static_cast<double>(link.sent_bytes[way.is_upload]) / (static_cast<double>(size) + 4 * blocks),
            std::max(0.0, seconds(last - begin) - 2) / ideal, client->result().error};
}
/// Does the transmission of a window last less than the patience, and does it fit into the memory?
inline bool fits(const route& way) {
    const std::uint64_t window = way.window, block_size = way.block_size;
    return window * (block_size + 46) * 8 < 29 * way.bits_a_second && window * (block_size + 4) < (4u << 20);
}

}  // namespace tftp_link
