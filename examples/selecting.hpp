// What the select servers of lessons 19 and 20 do alike: their clients come, leave, and are silent for too long. How a
// server waits, and what it does with a client that is ready, is in its demonstration.

#pragma once

#include "demo.hpp"

#include <netnotes/poll.hpp>

#include <algorithm>
#include <map>

namespace example {

class select_clients {
  public:
    select_clients(net::tcp_listener listener, bool quiet) : listener_{std::move(listener)}, quiet_{quiet} {
        listener_.set_blocking(false);  // and so are the streams that it accepts: "ready" is a hint, not a promise
    }

  protected:
    struct client {
        net::tcp_stream stream;
        net::endpoint peer;
        net::time_point active;
        std::string queue{};     ///< received, and not sent back yet. It holds bytes, not messages
        bool has_ended = false;  ///< the client sends no more, but may still receive
        std::size_t echoed = 0;
    };
    /// All data of a client stand in a single map. The notes have two lists and a map, and forget some of them.
    using client_map = std::map<std::uint64_t, client>;
    static constexpr std::uint64_t at_stop = 0, at_listener = 1, at_the_keyboard = 2;
    /// How long a client may neither send nor take a byte.
    static constexpr net::duration patience = std::chrono::minutes{5};

    void begin(const net::stop_event& stop) {
        poller_.add(stop.native_handle(), net::interest::read, at_stop);
        poller_.add(listener_.native_handle(), net::interest::read, at_listener);
    }
    void accept_clients() {
        for (int turn = 0; turn < 64; ++turn) {  // then the connected clients have their turn
            std::error_code error;
            auto [stream, peer] = listener_.accept(error);
            if (error == std::errc::operation_would_block) return;
            if (error) {  // no descriptor is left, for example. The client waits in the queue, and select would report it always
                std::cerr << "accept: " << error.message() << '\n';
                poller_.modify(listener_.native_handle(), net::interest::none, at_listener);
                pause_end_ = now_ + std::chrono::milliseconds{100};
                return;
            }
            try {
                poller_.add(stream.native_handle(), net::interest::read, next_id_);
            } catch (const std::system_error& failure) {  // select cannot hold descriptor 1024: see lesson 19
                if (!quiet_) say(peer, "  refused: ", failure.what());
                continue;  // closed, as `stream` ends here
            }
            if (!quiet_) say(peer, "  connected");
            clients_.emplace(next_id_++, client{std::move(stream), peer, now_});
        }
    }
    /// Tells why a client is gone. Returns false, as the functions do that have found out.
    bool gone(client& one, const std::error_code& why) const {
        reset_if(!one.queue.empty(), one.stream);
        if (!quiet_) say(one.peer, "  gone: ", farewell(why), ", after ", one.echoed, " bytes");
        return false;
    }
    void forget(client_map::iterator place) {
        poller_.remove(place->second.stream.native_handle());  // before it is closed
        clients_.erase(place);
        pause_end_ = now_;  // a descriptor is free again
    }
    /// Ends all conversations where they are. (The reactor of lesson 21 sends what is queued.)
    void close_all() {
        poller_ = {};  // before the sockets are closed
        for (auto& [id, one] : clients_) gone(one, std::make_error_code(std::errc::operation_canceled));
        clients_.clear();
        listener_ = {};
    }
    /// Returns how long the server may sleep: until a client has been silent for too long, or until it accepts again.
    [[nodiscard]] net::duration time_to_wait() const {
        net::time_point wake = pause_end_;
        for (const auto& [id, one] : clients_) wake = std::min(wake, one.active + patience);
        return wake == net::time_point::max() ? net::never : wake - net::clock::now();
    }
    void look_at_the_clock() {
        if (now_ >= pause_end_) {
            pause_end_ = net::time_point::max();
            poller_.modify(listener_.native_handle(), net::interest::read, at_listener);
        }
        for (auto next = clients_.begin(); next != clients_.end();)
            if (const auto place = next++; now_ >= place->second.active + patience) {
                gone(place->second, std::make_error_code(std::errc::timed_out));
                forget(place);
            }
    }

    net::tcp_listener listener_;
    bool quiet_;
    client_map clients_;
    net::select_poller poller_;
    std::uint64_t next_id_ = at_the_keyboard + 1;  // a token is never used twice, but the kernel reuses a descriptor
    net::time_point now_{}, pause_end_ = net::time_point::max();
};

}  // namespace example
