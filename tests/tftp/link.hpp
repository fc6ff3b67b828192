// tests/tftp/link.hpp: a network between two transfers that loses, doubles and reorders, in virtual time
// SPDX-License-Identifier: MIT

#pragma once

#include <netnotes/tftp/transfer.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace tftp_link {

namespace net = netnotes;
namespace tftp = netnotes::tftp;

using bytes = std::vector<std::byte>;

inline bytes as_bytes(std::string_view text) {
    bytes made(text.size());
    std::transform(text.begin(), text.end(), made.begin(), [](char c) { return static_cast<std::byte>(c); });
    return made;
}

class memory_source final : public tftp::source {
  public:
    explicit memory_source(bytes content, bool tells_size = true)
        : content_{std::move(content)}, tells_size_{tells_size} {}
    std::size_t read(std::span<std::byte> room, std::error_code& error) noexcept override {
        if (taken_ >= fails_at) {
            error = std::make_error_code(std::errc::io_error);
            return 0;
        }
        const std::size_t size = std::min(room.size(), content_.size() - taken_);
        std::copy_n(content_.begin() + static_cast<std::ptrdiff_t>(taken_), size, room.begin());
        taken_ += size;
        return size;
    }
    std::optional<std::uint64_t> size() const noexcept override {
        if (!tells_size_) return std::nullopt;
        return content_.size();
    }
    std::size_t fails_at = ~std::size_t{0};

  private:
    bytes content_;
    bool tells_size_;
    std::size_t taken_ = 0;
};

class memory_sink final : public tftp::sink {
  public:
    void write(std::span<const std::byte> more, std::error_code& error) noexcept override {
        if (content.size() + more.size() > room)
            error = std::make_error_code(std::errc::no_space_on_device);
        else
            content.insert(content.end(), more.begin(), more.end());
    }
    void finish(std::error_code& error) noexcept override {
        error = at_the_end;
        is_finished = !error;
    }
    bytes content;
    std::size_t room = ~std::size_t{0};
    std::error_code at_the_end;
    bool is_finished = false;
};

struct weather {
    double lost = 0, doubled = 0, late = 0;  ///< of each datagram, from 0 to 1
    net::tftp::duration delay = std::chrono::milliseconds{2};
    /// Of each direction: bytes a second that it carries, and bytes that wait for that at most; 0: no limit. What finds
    /// no room is lost. A datagram takes `overhead` more than its bytes (Ethernet, IP, UDP).
    std::uint64_t rate = 0, queue = 0;
    std::size_t overhead = 42;
    bool tells_of_ends = false;  ///< the client's system answers for a client that has ended: ICMP port unreachable
};

/// Two ends, and what is under way between them. The server answers from a new port, as they do.
class lossy_link {
  public:
    lossy_link(std::uint64_t seed, weather how) : random_{seed}, weather_{how} {}

    static inline const net::endpoint server_door{net::ipv4_address{"192.0.2.1"}, 69};
    static inline const net::endpoint server_port{net::ipv4_address{"192.0.2.1"}, 49'152};
    static inline const net::endpoint client_port{net::ipv4_address{"192.0.2.2"}, 50'000};

    /// Makes the server's side when the first request arrives; nullptr refuses to answer at all.
    using answer = std::function<std::unique_ptr<tftp::transfer>(const tftp::packet&)>;
    /// Sees each datagram that is sent; `fate` is how many of it arrive.
    using diary = std::function<void(bool from_client, std::span<const std::byte>, int fate)>;

    /// Until both have ended, or nobody waits for anything any more. False when it has not come to an end by itself.
    bool run(tftp::transfer& client, const answer& make_server, const diary& note = {},
             std::size_t max_steps = 20'000'000) {
        client.begin(now);
        send(client, true, note);
        for (std::size_t step = 0; step < max_steps; ++step) {
            tftp::time_point next = under_way_.empty() ? tftp::time_point::max() : under_way_.begin()->first;
            next = std::min(next, client.deadline());
            if (server) next = std::min(next, server->deadline());
            if (next == tftp::time_point::max()) return client.has_ended() && (!server || server->has_ended());
            now = std::max(now, next);
            if (!under_way_.empty() && under_way_.begin()->first <= now) {
                const auto [to_client, datagram] = std::move(under_way_.begin()->second);
                under_way_.erase(under_way_.begin());
                if (to_client && weather_.tells_of_ends && client.has_ended() && server) {
                    server->unreachable(client_port);
                } else if (to_client) {
                    client.receive(server_port, datagram, now);
                    send(client, true, note);
                } else {
                    deliver_to_server(datagram, make_server, note);
                }
                continue;
            }
            if (client.deadline() <= now) {
                client.expired(now);
                send(client, true, note);
            }
            if (server && server->deadline() <= now) {
                server->expired(now);
                send(*server, false, note);
            }
        }
        return false;
    }

    std::unique_ptr<tftp::transfer> server;
    tftp::time_point now{std::chrono::hours{1}};
    std::size_t sent_after_end = 0;
    std::uint64_t datagrams[2] = {}, sent_bytes[2] = {};  ///< by the server, by the client
    std::uint64_t overflows = 0;                          ///< datagrams that found no room in a queue
    /// Changes it from now on.
    void set_weather(weather how) { weather_ = how; }

  private:
    void deliver_to_server(const bytes& datagram, const answer& make_server, const diary& note) {
        if (server)
            server->receive(client_port, datagram, now);
        else {
            const auto request = tftp::parse(datagram);
            if (!request || !request->mode || !make_server) return;
            server = make_server(*request);
            if (!server) return;
            server->begin(now);
        }
        send(*server, false, note);
    }
    bool happens(double chance) { return std::uniform_real_distribution<>{0, 1}(random_) < chance; }
    void send(tftp::transfer& from, bool is_client, const diary& note) {
        for (;;) {
            const bool had_ended = from.has_ended();
            const auto out = from.next();
            if (out.bytes.empty()) return;
            if (had_ended && std::exchange(ended_[is_client], true)) ++sent_after_end;  // except the side that says so
            for (std::size_t at = 0; at < out.bytes.size(); at += out.segment) {
                const auto datagram = out.bytes.subspan(at, std::min(out.segment, out.bytes.size() - at));
                const int copies = happens(weather_.lost) ? 0 : happens(weather_.doubled) ? 2 : 1;
                if (note) note(is_client, datagram, copies);
                datagrams[is_client] += 1;
                sent_bytes[is_client] += datagram.size();
                for (int i = 0; i < copies; ++i) {
                    auto when = now;
                    if (weather_.rate != 0) {
                        // A slow link is a queue, and what is lost behind it has taken its time as well.
                        auto& free = free_at_[is_client];
                        free = std::max(free, now);
                        const auto waits = static_cast<std::uint64_t>((free - now).count());
                        const std::uint64_t size = datagram.size() + weather_.overhead;
                        if (weather_.queue != 0 && waits * weather_.rate / 1'000'000'000 + size > weather_.queue) {
                            ++overflows;
                            continue;
                        }
                        free += std::chrono::nanoseconds{size * 1'000'000'000 / weather_.rate};
                        when = free;
                    }
                    when += weather_.delay;
                    if (happens(weather_.late)) when += weather_.delay * (1 + static_cast<int>(random_() % 8));
                    under_way_.emplace(when, std::pair{!is_client, bytes(datagram.begin(), datagram.end())});
                }
            }
        }
    }
    std::mt19937_64 random_;
    weather weather_;
    std::multimap<tftp::time_point, std::pair<bool, bytes>> under_way_;
    bool ended_[2] = {};
    tftp::time_point free_at_[2] = {};
};

}  // namespace tftp_link
