// netnotes/server/lists.hpp: which connection has been silent for the longest time
// SPDX-License-Identifier: MIT
//
// A server of 10,000 connections must not look at all of them to find the few that are too slow. Each limit is the same
// for all connections. So a list in the order of the last activity has the next connection to close at its front:
//
//        front:  silent for 290 s  <──>  silent for 120 s  <──>  ...  <──>  a byte just now     a byte moves its
//                (closed at 300 s)                                                               connection to the end
//
// A second list holds the exchanges in the order in which they began. A connection is a member of a list by pointers of
// its own, so nothing is allocated, and leaving a list takes no search.
//
// On this page:  for reactor_server: connection_lists
// Below it:      server/connection.hpp
// Above it:      server/reactor.hpp

#ifndef NETNOTES_SERVER_LISTS_HPP
#define NETNOTES_SERVER_LISTS_HPP

#include <cstddef>
#include <utility>

#include "connection.hpp"

namespace netnotes::detail {

/// The connections of a server in the order of their last activity, and in the order in which their exchanges began.
class connection_lists {
  public:
    [[nodiscard]] connection* longest_idle() const noexcept { return longest_idle_; }
    [[nodiscard]] connection* longest_exchange() const noexcept { return longest_exchange_; }

    /// Adds a connection at the end: its activity is the latest.
    void append_to_activity(connection& client, time_point now) noexcept {
        client.active_ = now;
        client.earlier_ = std::exchange(last_active_, &client);
        client.later_ = nullptr;
        (client.earlier_ ? client.earlier_->later_ : longest_idle_) = &client;
    }
    void remove_from_activity(connection& client) noexcept {
        (client.earlier_ ? client.earlier_->later_ : longest_idle_) = client.later_;
        (client.later_ ? client.later_->earlier_ : last_active_) = client.earlier_;
    }
    /// Puts a connection on the list of exchanges, or takes it off. Every exchange has the same time, so a new exchange
    /// belongs at the list's end. Most exchanges are over before this call and never enter the list.
    void follow_exchange(connection& client, time_point now) noexcept {
        constexpr std::size_t not_yet_known = static_cast<std::size_t>(-1);
        if (client.state_ == connection::state::lingering || (!client.is_asked_ && client.queued() == 0))
            return end_exchange(client);
        if (client.exchange_begin_ != time_point::max()) {
            if (client.is_asked_ && client.owed_ > 0) return;
            if (client.owed_ > client.queued()) client.owed_ = client.queued();  // the handler has just answered
            if (client.owed_ > 0) return;
            end_exchange(client);  // the next exchange has begun
        }
        begin_exchange(client, now);
        client.owed_ = client.is_asked_ && client.queued() == 0 ? not_yet_known : client.queued();
    }
    void end_exchange(connection& client) noexcept {
        if (std::exchange(client.exchange_begin_, time_point::max()) == time_point::max()) return;
        (client.earlier_exchange_ ? client.earlier_exchange_->later_exchange_ : longest_exchange_) =
            client.later_exchange_;
        (client.later_exchange_ ? client.later_exchange_->earlier_exchange_ : latest_exchange_) =
            client.earlier_exchange_;
    }

  private:
    void begin_exchange(connection& client, time_point now) noexcept {
        client.exchange_begin_ = now;
        client.earlier_exchange_ = std::exchange(latest_exchange_, &client);
        client.later_exchange_ = nullptr;
        (client.earlier_exchange_ ? client.earlier_exchange_->later_exchange_ : longest_exchange_) = &client;
    }

    connection* longest_idle_ = nullptr;
    connection* last_active_ = nullptr;
    connection* longest_exchange_ = nullptr;
    connection* latest_exchange_ = nullptr;
};

}  // namespace netnotes::detail

#endif  // NETNOTES_SERVER_LISTS_HPP
