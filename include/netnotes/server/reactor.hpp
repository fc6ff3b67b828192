// netnotes/server/reactor.hpp: a server for thousands of clients, in one thread
// SPDX-License-Identifier: MIT
//
// A reactor waits for events and calls back: your code never waits, it is told. This one is a whole server on
// any poller of poll.hpp and any listening stream socket, TCP or Unix:
//
//        int main() {
//            net::stop_event stop;
//            net::stop_on_signals signals{stop};
//            net::tcp_listener listener{{net::ipv4_address::loopback(), 6666}};
//            listener.set_option(net::option::no_delay{});    // an answer does not wait until the last is acknowledged
//            net::reactor_server server{std::move(listener).into_socket(), [](auto& client, auto bytes) {
//                client.send(bytes);                          // the echo server, complete
//            }};
//            server.run(stop);
//        }
//
// (tcp_listener is of tcp.hpp.) It waits with epoll, unless it is given another poller: {listener, handler, options, net::poll_poller{}}.
//
// The rest of this page is what makes the difference between that idea and a server that survives its clients.
//
//   a client that reads slowly        send() never waits: what the kernel does not take is queued. Above the high
//                                     water mark the client is not *read* any more, until the queue has fallen
//                                     to the low mark: who does not take answers may not ask. Bounded memory,
//                                     and nobody else notices.
//   a client that says nothing        is closed after the idle timeout; all share it, so the connections stand
//                                     in the order of their last activity and only the first is looked at
//   a client that says one byte now   is never idle, so each exchange has a deadline of its own: request_timeout
//   and then, or reads so slowly
//   a client that has no more to say  still gets its answer, when the handler has it: the connection stays half
//   and waits for its answer          open until then (RFC 9293 §3.6)
//   an answer that cannot be sent     ends in a reset, so that the peer can tell it from a whole one: max_queue, a
//   whole                             timeout, a handler that throws, a stop that has waited long enough
//   a client that sends without end   has its turn, some reads, and then the others have theirs
//   too many clients                  wait in the kernel's queue until one leaves
//   no descriptors left (EMFILE)      a level-triggered listener would report the waiting client for ever and
//                                     the loop would spin; it is left alone until one leaves, or 100 ms
//   a descriptor that the poller      is closed, and so its client refused: it would do him no good to wait. All
//   cannot hold (select, from 1024)   others are served
//   a connection closed in the        each event carries slot and generation of its connection, so an event of
//   middle of a batch of events       the past cannot hit the next owner of the slot, nor of the descriptor
//   a stop                            takes in what has already arrived, answers it, sends the queues, within a
//                                     bound, and returns
//
//              ┌──────────── read ───────────┐         close_after_sending(),           all sent
//        open ─┤                             ├─ open ──── end of stream ───> draining ──────────> lingering
//              └─ queue > high: paused ──────┘                                  (FIN sent, the rest is dropped
//                 until queue <= low                                             until the peer ends, too) ─> closed
//
// Lingering matters: to close while bytes of the peer lie unread turns the FIN into a reset, which may destroy
// the last answer before the peer has read it (RFC 9293 §3.6.1, and RFC 9112 §9.6 tells the story for HTTP).
// It ends with the idle timeout at the latest, however much the peer goes on to say, and with a stop's grace.
//
// On this page:  reactor_server; its connection and reactor_options stand in server/connection.hpp
// The notes:     包含writeList服务器 (write queues), epoll版-TCP服务器 (the epoll server); examples 20 and 21

#ifndef NETNOTES_SERVER_REACTOR_HPP
#define NETNOTES_SERVER_REACTOR_HPP

#include <sys/ioctl.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "../poll/epoll.hpp"
#include "connection.hpp"

namespace netnotes {

/// The server. Its handler is called as handler(connection&, std::span<const std::byte> bytes) with what has
/// come, valid until it returns; a receive is not a message. Members that the handler may have, too:
///
///     on_open(connection&)                          a client has come
///     on_end(connection&)                           it has no more to say; what is queued still goes out, and the
///                                                   answer that it waits for. A handler that does not answer calls
///                                                   close_after_sending() here
///     on_close(connection&, std::error_code why)    it is gone: no error after an orderly end, timed_out for an
///                                                   idle one or a slow one, no_buffer_space above max_queue,
///                                                   operation_canceled at a stop, or what the system said
///     on_error(connection&, const std::exception&)  the handler threw it; the connection is being closed
///     on_accept_error(std::error_code)              no descriptors or no memory for a new client; or the poller
///                                                   cannot hold its descriptor (value_too_large), so it was closed
template <class Handler, poller Poller = epoll_poller>
class reactor_server {
  public:
    /// Takes a listening stream socket. Throws std::system_error, std::invalid_argument for options that
    /// contradict each other, or the poller: trigger::edge where it has none.
    explicit reactor_server(socket listener, Handler handler, reactor_options options = {}, Poller poller = {})
        : listener_{listener.release()},  // without the stop_event or the time limit that it may have had
          handler_{std::move(handler)},
          poller_{std::move(poller)},
          buffer_(options.read_size) {
        if (options.low_water > options.high_water || options.high_water > options.max_queue ||
            options.read_size == 0 || options.max_connections == 0 || options.idle_timeout <= duration::zero() ||
            options.request_timeout.value_or(wait_time{never}) <= duration::zero() || options.how == trigger::one_shot)
            throw std::invalid_argument{"reactor options that contradict each other"};
        if (!options.request_timeout)
            options.request_timeout = options.idle_timeout > never / 4 ? never : 4 * options.idle_timeout;
        if (!options.how) options.how = Poller::has_edge ? trigger::edge : trigger::level;
        if (options.how == trigger::edge && !Poller::has_edge)
            throw std::invalid_argument{"a reactor with trigger::edge on a poller that has no edges"};
        if (!listener_.get_option<option::accepts_connections>())
            throw std::invalid_argument{"the socket of a reactor server does not listen"};
        shared_.options = options;
        listener_.set_blocking(false);  // and with it those that it accepts
    }
    reactor_server(const reactor_server&) = delete;
    reactor_server& operator=(const reactor_server&) = delete;

    /// Serves until a stop is requested and what had come by then is answered (below the high water mark: a
    /// client that does not take its answers is not read any more). Once; the listener is closed when it
    /// returns. What a client does never comes out of here as an exception; std::system_error is thrown when the
    /// listener or the poller itself fails.
    void run(const stop_event& stop);

    [[nodiscard]] std::size_t connection_count() const noexcept { return count_; }
    [[nodiscard]] Handler& handler() noexcept { return handler_; }

  private:
    using state = connection::state;
    struct slot {
        std::unique_ptr<connection> occupant;
        std::uint32_t generation = 0;
    };
    static constexpr std::uint64_t listener_token = ~std::uint64_t{0};
    static constexpr std::uint64_t stop_token = listener_token - 1;
    static constexpr duration stop_look = std::chrono::milliseconds{5};
    static constexpr int reads_a_turn = 16;
    static constexpr int accepts_a_turn = 64;

    void accept_clients();
    void admit(socket&& accepted, const socket_address& peer);
    void pause_listener(time_point until);
    void resume_listener();
    void dispatch(const event& happened);
    void read(connection& client, int turns);
    void settle();
    void settle(connection& client);
    void destroy(connection& client);
    void begin_stop(const stop_event& stop);
    void close_idle();
    duration time_to_wait() const noexcept;
    connection* find(std::uint64_t id) noexcept {
        const std::size_t index = id & 0xffffffff;
        if (index >= slots_.size() || slots_[index].generation != id >> 32) return nullptr;
        return slots_[index].occupant.get();
    }
    /// A poller may have a clock of its own: then the server's whole time is that clock's. See poll/poll.hpp.
    time_point time() const noexcept {
        if constexpr (requires { { poller_.now() } noexcept -> std::same_as<time_point>; })
            return poller_.now();
        else
            return clock::now();
    }
    bool is_edge() const noexcept { return shared_.options.how == trigger::edge; }
    template <class Call>
    void guarded(connection& client, Call call);
    void append_to_activity(connection& client) noexcept;
    void remove_from_activity(connection& client) noexcept;
    void follow_exchange(connection& client) noexcept;
    void begin_exchange(connection& client) noexcept;
    void end_exchange(connection& client) noexcept;

    socket listener_;
    Handler handler_;
    Poller poller_;
    std::vector<std::byte> buffer_;
    connection::shared shared_;
    std::vector<slot> slots_;
    std::vector<std::uint32_t> free_slots_;
    std::vector<std::uint64_t> pending_, pending_now_;  // edge-triggered connections with more to read
    connection* longest_idle_ = nullptr;
    connection* last_active_ = nullptr;
    connection* longest_exchange_ = nullptr;
    connection* latest_exchange_ = nullptr;
    std::size_t count_ = 0;
    time_point now_{};                          // of this turn: one look at the clock for all
    std::optional<time_point> listener_pause_;  // while it is out of the poller: until when
    bool stopping_ = false;
    time_point stop_end_ = time_point::max();
};

// ========================================================================================================
// How it is done
// ========================================================================================================

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::run(const stop_event& stop) {
    poller_.add(listener_.native_handle(), interest::read, listener_token, trigger::level);
    poller_.add(stop.native_handle(), interest::read, stop_token, trigger::level);
    while (!stopping_ || count_ > 0) {
        const std::span<const event> events = poller_.wait(time_to_wait());
        now_ = time();
        bool stop_seen = false;
        for (const event& happened : events) {
            if (happened.token == stop_token)
                stop_seen = true;
            else if (happened.token == listener_token)
                accept_clients();
            else
                dispatch(happened);
            settle();
        }
        // Those whose turn ended with bytes unread. The list is exchanged first: they may be put on it again.
        pending_now_.clear();
        pending_now_.swap(pending_);
        for (const std::uint64_t id : pending_now_) {
            if (connection* const client = find(id)) {
                client->is_pending_ = false;
                read(*client, reads_a_turn);
                settle();
            }
        }
        if (stop_seen && !stopping_) begin_stop(stop);
        if (listener_pause_ && now_ >= *listener_pause_) resume_listener();
        close_idle();
        settle();
    }
}

template <class Handler, poller Poller>
duration reactor_server<Handler, Poller>::time_to_wait() const noexcept {
    if (!pending_.empty()) return duration::zero();
    time_point wake = stopping_ ? std::min(stop_end_, now_ + stop_look) : time_point::max();
    if (listener_pause_) wake = std::min(wake, *listener_pause_);
    if (const duration idle = shared_.options.idle_timeout; longest_idle_ && idle != never)
        wake = std::min(wake, detail::later(longest_idle_->active_, idle));
    if (longest_exchange_)
        wake = std::min(wake, detail::later(longest_exchange_->exchange_begin_, *shared_.options.request_timeout));
    return wake == time_point::max() ? never : std::max(wake - time(), duration::zero());
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::accept_clients() {
    for (int i = 0; i < accepts_a_turn && count_ < shared_.options.max_connections; ++i) {
        std::error_code error;
        auto [accepted, peer] = listener_.accept(error);
        if (error == std::errc::operation_would_block) return;
        if (detail::is_not_listening(error)) detail::throw_error(error, "accept");
        if (!error) {
            try {
                admit(std::move(accepted), peer);
                continue;
            } catch (const std::system_error& failure) {  // ENOSPC, ENOMEM of epoll
                error = failure.code();
                if (error == std::errc::value_too_large) {  // no descriptor for this poller; and it is closed already
                    if constexpr (requires { handler_.on_accept_error(error); }) handler_.on_accept_error(error);
                    continue;
                }
            } catch (const std::bad_alloc&) {
                error = std::make_error_code(std::errc::not_enough_memory);
            }
        }
        // Or accept() found no descriptor or no memory: EMFILE, ENFILE, ENOBUFS, ENOMEM.
        if constexpr (requires { handler_.on_accept_error(error); }) handler_.on_accept_error(error);
        return pause_listener(now_ + detail::accept_pause);
    }
    if (count_ >= shared_.options.max_connections) pause_listener(time_point::max());
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::admit(socket&& accepted, const socket_address& peer) {
    if (free_slots_.empty()) {
        // All memory that a client may need outside his connection is taken here, where its lack turns away one
        // client: giving back a slot and remembering that there is more to read can then never fail.
        if (slots_.size() == slots_.capacity()) slots_.reserve(std::max<std::size_t>(64, 2 * slots_.size()));
        free_slots_.reserve(slots_.capacity());
        pending_.reserve(slots_.capacity());
        pending_now_.reserve(slots_.capacity());
        slots_.emplace_back();
        free_slots_.push_back(static_cast<std::uint32_t>(slots_.size() - 1));
    }
    const std::uint32_t index = free_slots_.back();
    slot& place = slots_[index];
    const std::uint64_t id = std::uint64_t{place.generation} << 32 | index;
    std::unique_ptr<connection> client{new connection{std::move(accepted), peer, id, shared_}};
    client->registered_ =
        is_edge() ? interest::read | interest::write | interest::peer_done | interest::urgent : interest::read;
    client->read_to_end_ = !peer.is_ip();  // a descriptor passed over a Unix socket makes a short read, too
    poller_.add(client->native_handle(), client->registered_, id, *shared_.options.how);
    free_slots_.pop_back();
    place.occupant = std::move(client);
    append_to_activity(*place.occupant);
    ++count_;
    if constexpr (requires { handler_.on_open(*place.occupant); })
        guarded(*place.occupant, [&] { handler_.on_open(*place.occupant); });
}

/// Out of the poller, and not only without interest: errors and hang-ups are reported to the uninterested, too.
template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::pause_listener(time_point until) {
    if (!listener_pause_) poller_.remove(listener_.native_handle());
    listener_pause_ = until;
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::resume_listener() {
    if (!listener_pause_ || stopping_) return;
    try {
        poller_.add(listener_.native_handle(), interest::read, listener_token, trigger::level);
        listener_pause_.reset();
    } catch (const std::system_error& failure) {  // others have taken its place (max_user_watches), or the memory
        const std::error_code why = failure.code();
        if constexpr (requires { handler_.on_accept_error(why); }) handler_.on_accept_error(why);
        listener_pause_ = now_ + detail::accept_pause;
    }
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::dispatch(const event& happened) {
    connection* const client = find(happened.token);
    if (!client) return;  // closed earlier in this batch
    if (any_of(happened.ready, interest::peer_done | interest::hang_up | interest::error | interest::urgent))
        client->read_to_end_ = true;
    // An error or a hang-up is reported whatever is asked for, at every wait. While the client is not read,
    // nothing would consume it and the loop would spin; and to whom no answer can be sent there is no reason
    // to keep one for.
    if (!client->is_read() && any_of(happened.ready, interest::hang_up | interest::error)) {
        const std::error_code why = client->socket_.take_error();
        return client->close(why ? why : std::make_error_code(std::errc::connection_reset));
    }
    if (any_of(happened.ready, interest::write)) client->flush();
    if (any_of(happened.ready, interest::read | interest::peer_done | interest::hang_up | interest::error)) {
        client->unread_ = is_edge();
        read(*client, is_edge() ? reads_a_turn : 1);
    }
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::read(connection& client, int turns) {
    for (; turns > 0; --turns) {
        // A pause or a draining leaves unread_ as it is: whoever ends it puts the client on the pending list.
        if (!client.is_read()) return;
        std::error_code error;
        const std::size_t size = client.socket_.recv(buffer_, error);
        if (error == std::errc::operation_would_block) {
            client.unread_ = false;
            return;
        }
        if (error) return client.close(error);
        if (client.state_ == state::open) client.progressed_ = true;  // what nobody wants prolongs no farewell
        client.changed();
        if (size == 0) {
            client.unread_ = false;
            client.input_ended_ = true;
            if (client.state_ == state::lingering) return client.close();
            if constexpr (requires { handler_.on_end(client); }) guarded(client, [&] { handler_.on_end(client); });
            return;  // settle() ends it, unless an answer is still to come
        }
        if (client.state_ == state::open) {
            client.is_asked_ = true;
            guarded(client, [&] { handler_(client, std::span<const std::byte>{buffer_}.first(size)); });
        }
        // A short receive means that the kernel's queue was empty when we looked (epoll(7), question 9), so the
        // next one would only fetch EAGAIN. Not so at the mark of urgent data; and when the peer is done, its last
        // bytes and its FIN may have shared one event, and no other will come.
        if (size < buffer_.size() && !client.read_to_end_) {
            client.unread_ = false;
            return;
        }
    }
    if (client.unread_) client.changed();  // its turn is over; settle() puts it on the pending list
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::settle() {
    while (connection* const client = shared_.changed) {
        shared_.changed = client->next_changed_;
        settle(*client);
    }
}

/// Brings what is outside a connection (poller, idle order, pending list) in line with what is inside.
template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::settle(connection& client) {
    if (client.input_ended_ && !client.is_kept_ && (!client.is_asked_ || stopping_)) client.close_after_sending();
    if (client.state_ == state::draining && client.queued() == 0) {
        std::error_code error;
        if (!client.input_ended_) client.socket_.shutdown(shutdown_direction::send, error);
        client.state_ = state::lingering;
        client.unread_ = is_edge();
        if (client.input_ended_)
            client.close();  // nothing more can come
        else if (error)
            client.close(error);  // the peer has reset it
    }
    if (client.state_ == state::closed) return destroy(client);
    follow_exchange(client);
    client.is_changed_ = false;  // not earlier: what is done above must not put it on the list again
    if (std::exchange(client.progressed_, false)) {
        remove_from_activity(client);
        append_to_activity(client);
    }
    if (is_edge()) {
        if (client.is_read() && client.unread_ && !std::exchange(client.is_pending_, true))
            pending_.push_back(client.id_);
        return;
    }
    interest wanted = client.is_read() ? interest::read : interest::none;
    if (client.queued() > 0) wanted |= interest::write;
    if (wanted == client.registered_) return;
    try {
        poller_.modify(client.native_handle(), wanted, client.id_, trigger::level);
        client.registered_ = wanted;
    } catch (const std::system_error& failure) {  // its descriptor was closed behind our back: by the handler?
        client.close(failure.code());
    }
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::destroy(connection& client) {
    if constexpr (requires { handler_.on_close(client, client.reason_); }) {
        try {
            handler_.on_close(client, client.reason_);
        } catch (const std::exception& failure) {
            if constexpr (requires { handler_.on_error(client, failure); }) handler_.on_error(client, failure);
        }
    }
    // An orderly end would tell the peer that it has all of the answer (RFC 9293 §3.6).
    std::error_code is_gone;
    if (client.is_cut_ || client.queued() > 0) client.socket_.set_option(option::linger{std::chrono::seconds{0}}, is_gone);
    poller_.remove(client.native_handle());
    remove_from_activity(client);
    end_exchange(client);
    if (client.is_pending_) std::erase(pending_, client.id_);
    const auto index = static_cast<std::uint32_t>(client.id_ & 0xffffffff);
    ++slots_[index].generation;
    slots_[index].occupant.reset();
    free_slots_.push_back(index);
    --count_;
    resume_listener();
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::begin_stop(const stop_event& stop) {
    for (std::size_t before = count_ + 1; before != count_;) {  // who stands in the queue believes to be connected
        before = count_;
        accept_clients();
    }
    settle();
    stopping_ = true;
    stop_end_ = detail::later(now_, shared_.options.stop_grace);
    if (!listener_pause_) poller_.remove(listener_.native_handle());
    listener_pause_.reset();
    poller_.remove(stop.native_handle());  // it stays readable, and has been heard
    listener_ = {};  // whatever close() may say: the listener is gone, and those it has accepted are to be answered
    for (const slot& place : slots_) {
        connection* const client = place.occupant.get();
        if (!client) continue;
        if (time() >= stop_end_) break;  // so much to answer: close_idle() closes the rest
        int arrived = 0;
        ::ioctl(client->native_handle(), FIONREAD, &arrived);
        client->unread_ = !client->input_ended_;
        read(*client, arrived / static_cast<int>(std::min<std::size_t>(buffer_.size(), 1 << 30)) + reads_a_turn);
        // To close while bytes lie unread would be a reset, and so would be the peer's next byte; it destroys what the
        // kernel has yet to send. Where nothing is on its way nothing can be destroyed.
        if (client->queued() > 0 || client->unread_ || !client->is_delivered() || client->state_ == state::lingering)
            client->close_after_sending();
        else
            client->close(std::make_error_code(std::errc::operation_canceled));
    }
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::close_idle() {
    if (stopping_)  // of acknowledgments no event tells, so a stop looks every few milliseconds: see time_to_wait()
        for (const slot& place : slots_)
            if (connection* const client = place.occupant.get();
                client && (now_ >= stop_end_ || (client->state_ == state::lingering && client->is_delivered())))
                client->close(std::make_error_code(std::errc::operation_canceled));
    const auto is_over = [this](time_point begin, duration limit) {
        return limit != never && detail::later(begin, limit) <= now_;
    };
    for (connection* client = longest_idle_; client && is_over(client->active_, shared_.options.idle_timeout);
         client = client->later_)
        client->close(std::make_error_code(std::errc::timed_out));
    for (connection* client = longest_exchange_;
         client && is_over(client->exchange_begin_, *shared_.options.request_timeout);
         client = client->later_exchange_)
        client->close(std::make_error_code(std::errc::timed_out));
}

template <class Handler, poller Poller>
template <class Call>
void reactor_server<Handler, Poller>::guarded(connection& client, Call call) {
    try {
        call();
    } catch (const std::exception& failure) {
        if constexpr (requires { handler_.on_error(client, failure); }) handler_.on_error(client, failure);
        client.is_cut_ = client.is_cut_ || client.state_ == state::open;  // half of an answer may have gone out
        client.close(std::make_error_code(std::errc::state_not_recoverable));
    }
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::append_to_activity(connection& client) noexcept {
    client.active_ = now_;
    client.earlier_ = std::exchange(last_active_, &client);
    client.later_ = nullptr;
    (client.earlier_ ? client.earlier_->later_ : longest_idle_) = &client;
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::remove_from_activity(connection& client) noexcept {
    (client.earlier_ ? client.earlier_->later_ : longest_idle_) = client.later_;
    (client.later_ ? client.later_->earlier_ : last_active_) = client.earlier_;
}

/// The deadlines are all equally far from their beginnings, so the list stays in order by itself. An exchange that is
/// over by the time of this call was never on it: most are.
template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::follow_exchange(connection& client) noexcept {
    constexpr std::size_t not_yet_known = static_cast<std::size_t>(-1);
    if (client.state_ == state::lingering || (!client.is_asked_ && client.queued() == 0)) return end_exchange(client);
    if (client.exchange_begin_ != time_point::max()) {
        if (client.is_asked_ && client.owed_ > 0) return;
        if (client.owed_ > client.queued()) client.owed_ = client.queued();  // it has just been answered
        if (client.owed_ > 0) return;
        end_exchange(client);  // and the next one has begun
    }
    begin_exchange(client);
    client.owed_ = client.is_asked_ && client.queued() == 0 ? not_yet_known : client.queued();
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::begin_exchange(connection& client) noexcept {
    client.exchange_begin_ = now_;
    client.earlier_exchange_ = std::exchange(latest_exchange_, &client);
    client.later_exchange_ = nullptr;
    (client.earlier_exchange_ ? client.earlier_exchange_->later_exchange_ : longest_exchange_) = &client;
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::end_exchange(connection& client) noexcept {
    if (std::exchange(client.exchange_begin_, time_point::max()) == time_point::max()) return;
    (client.earlier_exchange_ ? client.earlier_exchange_->later_exchange_ : longest_exchange_) = client.later_exchange_;
    (client.later_exchange_ ? client.later_exchange_->earlier_exchange_ : latest_exchange_) = client.earlier_exchange_;
}

}  // namespace netnotes

#endif  // NETNOTES_SERVER_REACTOR_HPP
