// netnotes/server/reactor.hpp: a server for thousands of clients, in one thread
// SPDX-License-Identifier: MIT
//
// A reactor waits for events and calls your handler for each event, so your code never waits. This header has a whole
// server on any poller of poll.hpp and any listening stream socket, TCP or Unix:
//
//        int main() {
//            net::stop_event stop;
//            net::stop_on_signals signals{stop};
//            net::tcp_listener listener{{net::ipv4_address::loopback(), 6666}};
//            listener.set_option(net::option::no_delay{});    // a small answer is sent at once (no Nagle algorithm)
//            net::reactor_server server{std::move(listener).into_socket(), [](auto& client, auto bytes) {
//                client.send(bytes);                          // the echo server, complete
//            }};
//            server.run(stop);
//        }
//
// (tcp_listener is in tcp.hpp.) The server waits with epoll. To use another poller, pass it as the last argument:
// {listener, handler, options, net::poll_poller{}}.
//
// The rest of this page turns that idea into a server that survives its clients. It must survive:
//
//    a client that reads slowly         send() never waits: the server queues what the kernel does not take. If the
//                                       queue is above the high water mark, the server stops reading this client
//                                       until the queue has fallen to the low mark. So the memory is bounded.
//    a silent client                    It is closed after the idle timeout. The connections form a list in the order
//                                       of their last activity, so the server checks only the front of the list.
//    a client that sends a byte now     It is never idle, so each exchange has its own deadline: request_timeout.
//    and then, or reads that slowly
//    a client that ended its stream     It still gets its answer when the handler has it: the connection stays half
//    and waits for its answer           open until then (RFC 9293 §3.6).
//    an answer that is cut off: by      The connection ends with a reset, so the peer can tell half an answer from a
//    max_queue, a timeout, the end of   whole answer.
//    stop_grace, a throwing handler
//    a client that sends without end    After some reads the server goes on to the other clients.
//    too many clients                   They wait in the kernel's queue until a client leaves.
//    no descriptors left (EMFILE)       A level-triggered listener would report the waiting client at every wait, and
//                                       the loop would spin. So the server stops watching the listener until a client
//                                       leaves, or for 100 ms.
//    a descriptor that the poller       The server closes this connection, because waiting would not help. It serves
//    cannot hold (select: above 1023)   all other clients.
//    a connection that is closed in     Each event carries the slot and the generation of its connection. So an old
//    the middle of a batch of events    event cannot reach a new connection in the same slot.
//    a stop                             The server reads what has already arrived, answers it, sends the queues within
//                                       stop_grace, and returns.
//
//              ┌──────────── read ───────────┐         close_after_sending(),           all sent
//        open ─┤                             ├─ open ──── end of stream ───> draining ──────────> lingering
//              └─ queue > high: paused ──────┘                                 (FIN sent; bytes are dropped until
//                 until queue <= low                                            the peer ends its stream too) ─> closed
//
// Lingering matters. A close while bytes of the peer lie unread sends a reset instead of a FIN. The reset may destroy
// the last answer before the peer has read it (RFC 9293 §3.6.1; for HTTP, RFC 9112 §9.6). Lingering ends after the idle
// timeout at the latest, even if the peer continues to send. After a stop it ends with stop_grace.
//
// On this page:  reactor_server
// Below it:      server/connection.hpp, connection and reactor_options; poll.hpp, the pollers
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
#include "calls.hpp"
#include "connection.hpp"
#include "lists.hpp"

namespace netnotes {

/// Serves many clients in the thread that calls run(). It calls handler(connection&, std::span<const std::byte> bytes)
/// with the bytes that have arrived. The bytes are valid until the handler returns. A receive is not a message: bytes
/// sent in one piece may arrive in many. The handler must not wait, because it would hold up all clients. It may also
/// have these members:
///
///     on_open(connection&)                          a client has connected
///     on_end(connection&)                           the client has ended its stream. Queued bytes, and an answer that
///                                                   the client waits for, are still sent. If the handler does not
///                                                   answer, it must call close_after_sending() here
///     on_drained(connection&)                       the queue, which held bytes, has become empty. Send the next part of
///                                                   a long answer here, or one more file. (If send() leaves nothing
///                                                   in the queue, there is no call: send until queued() is above 0.)
///                                                   The end of the client's stream and a stop wait for the last part
///     on_timer(connection&)                         the time of connection::set_timer() is over
///     on_close(connection&, std::error_code why)    the connection ends. `why` is no error after an orderly end,
///                                                   timed_out for an idle or slow client, no_buffer_space above
///                                                   max_queue, state_not_recoverable after an exception,
///                                                   operation_canceled at a stop, or the system's error
///     on_error(connection&, const std::exception&)  the handler threw this; the server closes the connection. A
///                                                   thrown object of another type arrives as a std::runtime_error
///     on_accept_error(std::error_code)              no descriptor or memory for a new client. value_too_large means
///                                                   that the poller cannot hold its descriptor: it was closed
template <class Handler, poller Poller = epoll_poller>
class reactor_server {
    using state = connection::state;

  public:
    /// Takes over a listening stream socket, the handler and the poller. Throws std::invalid_argument if the socket
    /// does not listen, if options contradict each other, or if the poller has no trigger::edge and the options ask for
    /// it. Throws std::system_error if a call on the socket fails.
    explicit reactor_server(socket listener, Handler handler, reactor_options options = {}, Poller poller = {})
        : listener_{listener.release()},  // drops its stop_event and its time limit
          handler_{std::move(handler)},
          poller_{std::move(poller)},
          buffer_(options.read_size) {
        if (options.low_water > options.high_water || options.high_water > options.max_queue ||
            options.read_size == 0 || options.max_connections == 0 || options.idle_timeout <= duration::zero() ||
            options.request_timeout.value_or(wait_time{never}) <= duration::zero() || options.how == trigger::one_shot)
            throw std::invalid_argument{"reactor_options: low_water <= high_water <= max_queue must hold; read_size, "
                                        "max_connections and the timeouts must be above zero; how is level or edge"};
        if (!options.request_timeout)
            options.request_timeout = options.idle_timeout > never / 4 ? never : 4 * options.idle_timeout;
        if (!options.how) options.how = Poller::has_edge ? trigger::edge : trigger::level;
        if (options.how == trigger::edge && !Poller::has_edge)
            throw std::invalid_argument{"trigger::edge needs a poller with has_edge, for example epoll_poller"};
        if (!listener_.get_option<option::accepts_connections>())
            throw std::invalid_argument{"the socket of a reactor server does not listen"};
        shared_.options = options;
        shared_.now = time();
        listener_.set_blocking(false);  // the sockets that it accepts do not wait either
    }
    reactor_server(const reactor_server&) = delete;
    reactor_server& operator=(const reactor_server&) = delete;

    /// Serves until a stop is requested, then answers what has arrived by then, within stop_grace. It reads no more
    /// from a client that does not take its answers. Call run() once; it closes the listener before it returns. Throws
    /// std::system_error if the listener or the poller fails, but never for an error of a client.
    void run(const stop_event& stop);

    /// Returns the number of connections, lingering connections included. Call it in the thread of run().
    [[nodiscard]] std::size_t connection_count() const noexcept { return count_; }
    /// Returns the connection with this number, or nullptr if it has ended. Call it in the thread of run().
    [[nodiscard]] connection* find(std::uint64_t id) noexcept {
        const std::size_t index = id & 0xffffffff;
        if (index >= slots_.size() || slots_[index].generation != id >> 32) return nullptr;
        return slots_[index].occupant.get();
    }
    /// Makes the thread of run() call `call()` or `call(server)`, soon and between two events. Any thread may post,
    /// also before run(); the server must still exist. Calls are made in their order. A call that run() does not reach
    /// before it returns is dropped. If a call throws, run() ends with that exception. Throws std::bad_alloc.
    template <class Call>
    requires(std::invocable<std::decay_t<Call>&> || std::invocable<std::decay_t<Call>&, reactor_server&>)
    void post(Call&& call) { calls_.push(std::forward<Call>(call)); }
    /// Begins to connect to another server, and returns the connection. The handler's on_open() is called when it is
    /// established. If that fails, on_close() is called with the error and on_open() is not. Before on_open() the
    /// result is good only for set_deadline() and id(): bytes of an earlier send() are dropped. It counts as a
    /// connection, but max_connections does not limit it. Call it in the thread of run(), for example in a posted call.
    /// Throws std::system_error without a descriptor, and std::bad_alloc.
    connection& connect(const socket_address& where);
    /// Returns the handler that the server owns. While run() is running, use it in the thread of run() only.
    [[nodiscard]] Handler& handler() noexcept { return handler_; }

  private:
    struct slot {
        std::unique_ptr<connection> occupant;
        std::uint32_t generation = 0;
    };
    static constexpr std::uint64_t listener_token = ~std::uint64_t{0};
    static constexpr std::uint64_t stop_token = listener_token - 1;
    static constexpr std::uint64_t calls_token = listener_token - 2;
    static constexpr duration stop_look = std::chrono::milliseconds{5};
    static constexpr int reads_a_turn = 16, accepts_a_turn = 64;

    void accept_clients();
    connection& admit(socket&& made, const socket_address& peer, state as);
    void open(connection& client);
    void run_alarms();
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
    /// Returns the time of the poller's clock if it has its own (see the concept poller), otherwise clock::now().
    time_point time() const noexcept {
        if constexpr (requires { { poller_.now() } noexcept -> std::same_as<time_point>; })
            return poller_.now();
        else
            return clock::now();
    }
    bool is_edge() const noexcept { return shared_.options.how == trigger::edge; }
    /// Returns true if on_drained() will be called, and may send the next part of an answer.
    bool may_continue(connection& client) const noexcept {
        if constexpr (requires(Handler& handler) { handler.on_drained(client); }) return client.queued() > 0;
        return false;
    }
    template <class Call>
    void guarded(connection& client, Call call);
    template <class Call>
    bool has_failed(connection& client, Call call);

    socket listener_;
    Handler handler_;
    Poller poller_;
    std::vector<std::byte> buffer_;
    connection::shared shared_;
    std::vector<slot> slots_;
    std::vector<std::uint32_t> free_slots_;
    std::vector<std::uint64_t> pending_, pending_now_;  // edge-triggered connections with more to read
    detail::connection_lists lists_;
    detail::call_queue<reactor_server> calls_;
    std::size_t count_ = 0;
    std::optional<time_point> listener_pause_;  // the end of the pause, while the listener is out of the poller
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
    poller_.add(calls_.native_handle(), interest::read, calls_token, trigger::level);
    while (!stopping_ || count_ > 0) {
        const std::span<const event> events = poller_.wait(time_to_wait());
        shared_.now = time();
        bool stop_seen = false;
        for (const event& happened : events) {
            if (happened.token == stop_token)
                stop_seen = true;
            else if (happened.token == listener_token)
                accept_clients();
            else if (happened.token == calls_token)
                calls_.run_all(*this);
            else
                dispatch(happened);
            settle();
        }
        // Reads the connections whose last turn ended with bytes unread. read() may put them on the list again, so the
        // list is exchanged first.
        pending_now_.clear();
        pending_now_.swap(pending_);
        for (std::size_t i = 0; i < pending_now_.size(); ++i) {  // connect() may reserve more room meanwhile
            if (connection* const client = find(pending_now_[i])) {
                client->is_pending_ = false;
                read(*client, reads_a_turn);
                settle();
            }
        }
        if (stop_seen && !stopping_) begin_stop(stop);
        if (listener_pause_ && shared_.now >= *listener_pause_) resume_listener();
        run_alarms();
        close_idle();
        settle();
    }
    poller_.remove(calls_.native_handle());
}

template <class Handler, poller Poller>
duration reactor_server<Handler, Poller>::time_to_wait() const noexcept {
    if (!pending_.empty()) return duration::zero();
    time_point wake = stopping_ ? std::min(stop_end_, shared_.now + stop_look) : time_point::max();
    if (listener_pause_) wake = std::min(wake, *listener_pause_);
    if (!shared_.alarms.empty()) wake = std::min(wake, shared_.alarms.front().when);
    if (const duration idle = shared_.options.idle_timeout; lists_.longest_idle() && idle != never)
        wake = std::min(wake, detail::later(lists_.longest_idle()->active_, idle));
    if (const connection* const first = lists_.longest_exchange())
        wake = std::min(wake, detail::later(first->exchange_begin_, *shared_.options.request_timeout));
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
                open(admit(std::move(accepted), peer, state::open));
                continue;
            } catch (const std::system_error& failure) {  // ENOSPC, ENOMEM from epoll
                error = failure.code();
                if (error == std::errc::value_too_large) {  // the poller cannot hold it; it is closed already
                    if constexpr (requires { handler_.on_accept_error(error); }) handler_.on_accept_error(error);
                    continue;
                }
            } catch (const std::bad_alloc&) {
                error = std::make_error_code(std::errc::not_enough_memory);
            }
        }
        // Or accept() found no descriptor or memory: EMFILE, ENFILE, ENOBUFS, ENOMEM.
        if constexpr (requires { handler_.on_accept_error(error); }) handler_.on_accept_error(error);
        return pause_listener(shared_.now + detail::accept_pause);
    }
    if (count_ >= shared_.options.max_connections) pause_listener(time_point::max());
}

template <class Handler, poller Poller>
connection& reactor_server<Handler, Poller>::admit(socket&& made, const socket_address& peer, state as) {
    if (free_slots_.empty()) {
        // Takes all memory that a client may need outside its connection. If it is missing, only this client is
        // refused. Later, freeing a slot and adding to the pending list cannot fail.
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
    std::unique_ptr<connection> client{new connection{std::move(made), peer, id, shared_}};
    client->state_ = as;
    client->registered_ = is_edge() ? interest::read | interest::write | interest::peer_done | interest::urgent
                          : as == state::connecting ? interest::write
                                                    : interest::read;
    client->read_to_end_ = !peer.is_ip();  // on a Unix socket a passed descriptor also causes a short read
    poller_.add(client->native_handle(), client->registered_, id, *shared_.options.how);
    free_slots_.pop_back();
    place.occupant = std::move(client);
    lists_.append_to_activity(*place.occupant, shared_.now);
    ++count_;
    return *place.occupant;
}
template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::open(connection& client) {
    if constexpr (requires { handler_.on_open(client); }) guarded(client, [&] { handler_.on_open(client); });
}

template <class Handler, poller Poller>
connection& reactor_server<Handler, Poller>::connect(const socket_address& where) {
    socket made{where.family(), socket_type::stream};
    made.set_blocking(false);
    std::error_code error;
    made.connect(where, error);
    connection& client = admit(std::move(made), where, state::connecting);
    if (stopping_) error = std::make_error_code(std::errc::operation_canceled);
    if (error && error != std::errc::operation_in_progress) client.close(error);
    return client;
}

/// Removes the listener from the poller until `until`. interest::none would not be enough, because a poller always
/// reports errors and hang-ups.
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
    } catch (const std::system_error& failure) {  // epoll's limit (max_user_watches) is reached, or no memory is left
        const std::error_code why = failure.code();
        if constexpr (requires { handler_.on_accept_error(why); }) handler_.on_accept_error(why);
        listener_pause_ = shared_.now + detail::accept_pause;
    }
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::dispatch(const event& happened) {
    connection* const client = find(happened.token);
    if (!client) return;  // closed earlier in this batch
    if (client->state_ == state::connecting) {
        const std::error_code why = client->socket_.take_error();
        if (why) return client->close(why);
        if (!any_of(happened.ready, interest::write)) return;
        client->state_ = state::open;
        client->progressed_ = true;
        client->changed();
        open(*client);
    }
    if (any_of(happened.ready, interest::peer_done | interest::hang_up | interest::error | interest::urgent))
        client->read_to_end_ = true;
    // A poller reports an error or a hang-up at every wait, whatever the interest. A client that is not read does not
    // consume the event, so the loop would spin. No answer can reach this client either, so it is closed.
    if (!client->is_read() && any_of(happened.ready, interest::hang_up | interest::error)) {
        const std::error_code why = client->socket_.take_error();
        return client->close(why ? why : std::make_error_code(std::errc::connection_reset));
    }
    if (any_of(happened.ready, interest::write)) client->flush();
    if (any_of(happened.ready, interest::read | interest::peer_done | interest::hang_up | interest::error)) {
        client->unread_ = is_edge() || stopping_;
        read(*client, is_edge() ? reads_a_turn : 1);
    }
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::read(connection& client, int turns) {
    for (; turns > 0; --turns) {
        // While the client is paused or draining, unread_ stays set. Later settle() puts it on the pending list.
        if (!client.is_read()) return;
        std::error_code error;
        const std::size_t size = client.socket_.recv(buffer_, error);
        if (error == std::errc::operation_would_block) {
            client.unread_ = false;
            if (stopping_) client.changed();  // nothing is left to answer: settle() ends the connection
            return;
        }
        if (error) return client.close(error);
        if (client.state_ == state::open) client.progressed_ = true;  // dropped bytes do not prolong the lingering
        client.changed();
        if (size == 0) {
            client.unread_ = false;
            client.input_ended_ = true;
            if (client.state_ == state::lingering) return client.close();
            if constexpr (requires { handler_.on_end(client); }) guarded(client, [&] { handler_.on_end(client); });
            return;  // settle() ends the connection, unless an answer is still to come
        }
        if (client.state_ == state::open) {
            client.is_asked_ = true;
            guarded(client, [&] { handler_(client, std::span<const std::byte>{buffer_}.first(size)); });
        }
        // A short receive means that the kernel's queue was empty (epoll(7), question 9), so the next receive would
        // only return EAGAIN. There are two exceptions. A receive also stops at the mark of urgent data. And the peer's
        // last bytes and its FIN may share an event, so no other event would report the end.
        if (size < buffer_.size() && !client.read_to_end_) {
            client.unread_ = false;
            return;
        }
    }
    if (client.unread_) client.changed();  // the turn is over; settle() puts the client on the pending list
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::settle() {
    while (connection* const client = shared_.changed) {
        shared_.changed = client->next_changed_;
        settle(*client);
    }
}

/// Updates the poller, the idle list and the pending list after a connection has changed.
template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::settle(connection& client) {
    if constexpr (requires { handler_.on_drained(client); })
        if (std::exchange(client.is_drained_, false) && client.state_ == state::open)
            guarded(client, [&] { handler_.on_drained(client); });
    if (!may_continue(client) && ((client.input_ended_ && !client.is_kept_ && (!client.is_asked_ || stopping_)) ||
                                  (stopping_ && client.state_ == state::open && !client.unread_)))
        client.close_after_sending();
    if (client.state_ == state::draining && client.queued() == 0) {
        std::error_code error;
        if (!client.input_ended_) client.socket_.shutdown(shutdown_direction::send, error);
        client.state_ = state::lingering;
        client.unread_ = is_edge();
        if (client.input_ended_)
            client.close();  // the peer's stream has ended too
        else if (error)
            client.close(error);  // the peer has reset the connection
    }
    if (client.state_ == state::closed) return destroy(client);
    lists_.follow_exchange(client, shared_.now);
    client.is_changed_ = false;  // not earlier, because the calls above must not put it on the list again
    if (std::exchange(client.progressed_, false)) {
        lists_.remove_from_activity(client);
        lists_.append_to_activity(client, shared_.now);
    }
    if ((is_edge() || stopping_) && client.is_read() && client.unread_ && !std::exchange(client.is_pending_, true))
        pending_.push_back(client.id_);
    if (is_edge()) return;
    interest wanted = client.is_read() ? interest::read : interest::none;
    if (client.queued() > 0 || client.state_ == state::connecting) wanted |= interest::write;
    if (wanted == client.registered_) return;
    try {
        poller_.modify(client.native_handle(), wanted, client.id_, trigger::level);
        client.registered_ = wanted;
    } catch (const std::system_error& failure) {  // the handler may have closed the descriptor itself
        client.close(failure.code());
    }
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::destroy(connection& client) {
    if constexpr (requires { handler_.on_close(client, client.reason_); }) {
        has_failed(client, [&] { handler_.on_close(client, client.reason_); });
    }
    poller_.remove(client.native_handle());
    lists_.remove_from_activity(client);
    lists_.end_exchange(client);
    if (client.is_pending_) std::erase(pending_, client.id_);
    const auto index = static_cast<std::uint32_t>(client.id_ & 0xffffffff);
    ++slots_[index].generation;
    if (client.armed_ != time_point::max()) ++shared_.lost_alarms;
    slots_[index].occupant.reset();
    free_slots_.push_back(index);
    --count_;
    resume_listener();
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::begin_stop(const stop_event& stop) {
    for (std::size_t before = count_ + 1; before != count_;) {  // clients in the queue are already connected
        before = count_;
        accept_clients();
    }
    settle();
    stopping_ = true;
    stop_end_ = detail::later(shared_.now, shared_.options.stop_grace);
    if (!listener_pause_) poller_.remove(listener_.native_handle());
    listener_pause_.reset();
    poller_.remove(stop.native_handle());  // it stays readable and would be reported at every wait
    listener_ = {};  // ignores an error of close(): the accepted clients still get their answers
    for (std::size_t i = 0; i < slots_.size(); ++i) {  // connect() may add slots meanwhile
        connection* const client = slots_[i].occupant.get();
        if (!client) continue;
        if (client->state_ == state::connecting) {
            client->close(std::make_error_code(std::errc::operation_canceled));
            continue;
        }
        if (time() >= stop_end_) break;  // stop_grace is over: close_idle() closes the rest
        int arrived = 0;
        ::ioctl(client->native_handle(), FIONREAD, &arrived);
        client->unread_ = !client->input_ended_;
        read(*client, arrived / static_cast<int>(std::min<std::size_t>(buffer_.size(), 1 << 30)) + reads_a_turn);
        // The queue is above its mark. As it falls, the bytes that have arrived are read and answered: see settle().
        // Or on_drained() may send the rest of an answer.
        if (client->state_ == state::open && ((client->paused_ && client->unread_) || may_continue(*client))) continue;
        // A close with unread bytes sends a reset, and so does the peer's next byte after a close. A reset destroys
        // bytes that are not delivered yet. If no bytes are under way, closing at once is safe.
        if (client->queued() > 0 || client->unread_ || !client->is_delivered() || client->state_ == state::lingering)
            client->close_after_sending();
        else
            client->close(std::make_error_code(std::errc::operation_canceled));
    }
}

/// Calls on_timer() for each timer that has expired, and closes the connections whose deadline has passed.
template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::run_alarms() {
    auto& alarms = shared_.alarms;
    shared_.remove_lost_alarms([this](std::uint64_t id) { return find(id); });
    while (!alarms.empty() && alarms.front().when <= shared_.now) {
        const connection::alarm due = alarms.front();
        std::pop_heap(alarms.begin(), alarms.end());
        alarms.pop_back();
        connection* const client = find(due.id);
        if (!client || client->armed_ != due.when) {  // it has ended, or an earlier alarm replaced this alarm
            if (shared_.lost_alarms > 0) --shared_.lost_alarms;
            continue;
        }
        client->armed_ = time_point::max();
        if (client->deadline_ <= shared_.now) {
            client->close(std::make_error_code(std::errc::timed_out));
        } else if (client->timer_ <= shared_.now) {
            client->timer_ = time_point::max();
            if constexpr (requires { handler_.on_timer(*client); })
                guarded(*client, [&] { handler_.on_timer(*client); });
        }
        client->arm();
        settle();
    }
}

template <class Handler, poller Poller>
void reactor_server<Handler, Poller>::close_idle() {
    if (stopping_)  // no event reports acknowledgments, so a stop checks every few milliseconds: see time_to_wait()
        for (const slot& place : slots_)
            if (connection* const client = place.occupant.get();
                client && (shared_.now >= stop_end_ || (client->state_ == state::lingering && client->is_delivered())))
                client->close(std::make_error_code(std::errc::operation_canceled));
    const auto is_over = [this](time_point begin, duration limit) {
        return limit != never && detail::later(begin, limit) <= shared_.now;
    };
    for (connection* client = lists_.longest_idle(); client && is_over(client->active_, shared_.options.idle_timeout);
         client = client->later_)
        client->close(std::make_error_code(std::errc::timed_out));
    for (connection* client = lists_.longest_exchange();
         client && is_over(client->exchange_begin_, *shared_.options.request_timeout); client = client->later_exchange_)
        client->close(std::make_error_code(std::errc::timed_out));
}

template <class Handler, poller Poller>
template <class Call>
void reactor_server<Handler, Poller>::guarded(connection& client, Call call) {
    if (!has_failed(client, call)) return;
    client.is_cut_ = client.is_cut_ || client.state_ == state::open;  // part of an answer may have been sent
    client.close(std::make_error_code(std::errc::state_not_recoverable));
}
/// Calls the handler. Returns true if it has thrown, and tells on_error() what.
template <class Handler, poller Poller>
template <class Call>
bool reactor_server<Handler, Poller>::has_failed(connection& client, Call call) {
    const auto tell = [&](const std::exception& failure) {
        if constexpr (requires { handler_.on_error(client, failure); }) handler_.on_error(client, failure);
    };
    try {
        call();
        return false;
    } catch (const std::exception& failure) {
        tell(failure);
    } catch (...) {
        tell(std::runtime_error{"the handler threw an object that is not a std::exception"});
    }
    return true;
}

}  // namespace netnotes

#endif  // NETNOTES_SERVER_REACTOR_HPP
