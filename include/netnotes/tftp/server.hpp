// netnotes/tftp/server.hpp: a TFTP server, for thousands of transfers in one thread
// SPDX-License-Identifier: MIT
//
//     tftp::server server{{ipv6_address::any(), tftp::port}, tftp::serve_files("/srv/tftp")};
//     loop.run(server.run(), stop);
//
// A request comes to port 69, and is answered from another port that is made for this transfer alone: that is how the
// two ends tell their transfers apart (RFC 1350 §4).
//
//        :69     ── request ───> a new one? is there room? has the handler such a file?
//                                    │ no: an error, and that is all
//                                    └ yes: a conversation: the machine of tftp/transfer.hpp, on a socket of its own
//        :49152  ── datagrams ─> recvmmsg(2) ──> receive() ─┐
//                                the timer ────> expired() ─┤
//                <── a window ── sendmsg(2) <─── next()  <──┘
//
// Through a NAT that lets in only what comes from the port to which the client has written, the answers must come from
// port 69, too. With `single_port` there is one socket for all, and who is meant is told by the client's address and
// port.
//
// It answers from the address that was asked; see tftp/datagrams.hpp. What was sent to a broadcast or multicast address
// is not answered at all (RFC 1123 §4.2.3.5).
//
// A client that gets no answer repeats its request. While its transfer has not been acknowledged, an identical request
// from the same port begins no second transfer. Once the client has acknowledged something, the same request means that
// the client was started again, or that the network has delayed a copy. So a second transfer begins beside the first, and
// the client decides: if it answers the second, the first is forgotten.
//
// A sender address can be forged. Then the answers go to a victim that did not ask, and they may be larger than the
// request. What a forger can draw from this server:
//
//        request of 10 bytes, no options     2 blocks (516 bytes each): 104 times its bytes
//        request with options                3 option acknowledgments, each hardly longer than the request
//        request that is refused or broken   1 error: its code and one line
//        ... and an acknowledgment, forged   nothing: it must go to the transfer's own port, which the forger does not
//                                            know (one of 28,232 with Linux's default range)
//        ... the same with `single_port`     the first window, once: at most 64 KiB; then one datagram at each timeout
//
// To each address go at most server_options::unproven_rate bytes a second, beyond a beginning of four seconds' worth,
// before a client there has acknowledged something. With `single_port` at most single_port_rate bytes a second go there in
// all. What remains: a forger can have all of that sent to a victim, by many requests, and with `single_port` by forged
// acknowledgments. A forger that knows a client's port can end its transfer by a forged error if it guesses the server's
// port (with `single_port` it knows that). Under a flood of forged requests a new transfer keeps its place only until
// max_transfers newer requests have come, so a client on a slow path may have to ask again. With `single_port` forged
// acknowledgments also keep places, each until settings::patience ends.
//
// On this page:  server
// The notes:     TFTP下载过程 (port 69, and a new port for the transfer); example 14

#ifndef NETNOTES_TFTP_SERVER_HPP
#define NETNOTES_TFTP_SERVER_HPP

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../coro/descriptor.hpp"
#include "../coro/loop.hpp"
#include "../udp/socket.hpp"
#include "datagrams.hpp"
#include "rate_limit.hpp"
#include "service.hpp"
#include "transfer.hpp"

namespace netnotes::tftp {

namespace detail {
class server_core;
}

/// A server for one socket. Not for two threads at once; it must outlive its run().
class server {
  public:
    /// Binds, and serves nothing yet. Throws std::system_error: errc::address_in_use; errc::permission_denied below
    /// port 1024; and std::invalid_argument for limits that are none.
    server(const endpoint& where, handlers serves, server_options options = {});
    /// The same with a socket that is bound already.
    server(udp_socket bound, handlers serves, server_options options = {});
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server();

    /// Where it is bound.
    [[nodiscard]] endpoint local_endpoint() const;
    /// Serves, in the loop that runs it, until it is cancelled or stop() is called. Then no request is answered any
    /// more; who is being served is served on for options.grace, and what then is not at its end is broken off with an
    /// error. It returns when nobody is served any more, however it was told so: cancelled, it throws netnotes::cancelled.
    [[nodiscard]] task<> run();
    /// The same without cancelling: run() then returns. In the loop's thread.
    void stop() noexcept;

    /// Transfers under way.
    [[nodiscard]] std::size_t size() const noexcept;
    /// Requests that were not answered, or whose transfer made room for another before the client had answered: because
    /// there were too many transfers, no descriptors or no memory, or because too much has gone to their address: see server_options.
    [[nodiscard]] std::uint64_t dropped() const noexcept;

  private:
    std::unique_ptr<detail::server_core> core_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// A task in a chain of its own, which is not cancelled with those who wait for it: after a stop it is still needed.
class errand : private netnotes::detail::fiber {
  public:
    errand(netnotes::detail::scheduler& loop, const char* name) noexcept : fiber{loop, name} {}
    void start(task<> what) {
        task_ = netnotes::detail::task_access::release(what);
        task_.promise().belongs_to(*this);
        task_.resume();
    }
    [[nodiscard]] bool is_running() const noexcept { return static_cast<bool>(task_); }
    void break_off() noexcept { fiber::cancel(); }
    using fiber::loop;

  protected:
    virtual ~errand() { drop(); }
    /// Destroys it where it stands.
    void drop() noexcept {
        if (task_) std::exchange(task_, nullptr).destroy();
    }
    /// It has ended; this may be destroyed.
    virtual void is_done() noexcept = 0;

  private:
    void ended() noexcept override {
        std::exchange(task_, nullptr).destroy();
        is_done();
    }
    std::coroutine_handle<netnotes::detail::task_promise<void>> task_;
};

class conversation;

/// Conversations in the order in which they joined. Each is in one queue at most.
class queue {
  public:
    queue() noexcept = default;
    queue(const queue&) = delete;
    queue& operator=(const queue&) = delete;
    [[nodiscard]] conversation* oldest() const noexcept { return oldest_; }
    void add(conversation& one) noexcept;
    /// Takes it out of the queue that it is in.
    static void take_out(conversation& one) noexcept;
    /// Forgets all of them. They are about to be destroyed.
    void clear() noexcept { oldest_ = nullptr, newest_ = &oldest_; }

  private:
    conversation* oldest_ = nullptr;
    conversation** newest_ = &oldest_;
};

/// A transfer with its client.
class conversation final : public errand, private netnotes::detail::loop_timer {
  public:
    struct asked {
        endpoint client;
        std::string bytes;  // the request, to know it again
        transfer_record record;
    };
    /// On a socket of its own, or else on the server's.
    template <class End>
    conversation(server_core& whole, event_loop& loop, asked&& what, const packet& request, const destination& client,
                 std::unique_ptr<End> end, netnotes::socket own, const settings& limits);
    ~conversation() override { drop(); }  // before the descriptor for which it waits

    void begin(time_point now) noexcept;
    /// A datagram has come on its socket, or on the server's for it.
    void take(const endpoint& from, std::span<const std::byte> datagram, time_point now) noexcept;
    /// Sends what is to be sent. True when nothing is left to do; then whoever has called this sees to its end.
    [[nodiscard]] bool advance(time_point now) noexcept;
    /// Its end: this will be destroyed, perhaps now.
    void leave() noexcept;
    /// The same, and the client is told.
    void abort(time_point now) noexcept;
    /// The same, and the client is not told: it has forgotten this transfer itself.
    void forget(std::errc why, std::string_view message) noexcept;
    /// The same for one that never answered. It counts as a request that was not answered, and the log is not told: a
    /// forged request must not be worth a line.
    void drop_unanswered() noexcept;
    /// An ICMP message says that nothing arrives at the client.
    void unreachable(int code) noexcept;
    [[nodiscard]] const endpoint& client() const noexcept { return asked_.client; }
    [[nodiscard]] bool is_decided() const noexcept { return is_told_; }
    /// Has the client acknowledged anything? Before, it may not be where the request says that it is.
    [[nodiscard]] bool is_proven() const noexcept { return is_proven_; }
    [[nodiscard]] time_point began() const noexcept { return began_; }
    [[nodiscard]] std::uint64_t blocks() const noexcept { return machine_.result().blocks; }
    /// Is that what a client says first, when it has heard the beginning of a transfer?
    [[nodiscard]] bool is_first_answer(const packet& what) const noexcept {
        if (is_upload()) return what.what == opcode::data && what.block == 1;
        return what.what == opcode::acknowledgment && what.block == (has_granted_ ? 0 : 1);
    }
    [[nodiscard]] bool is_for(std::span<const std::byte> request) const noexcept {
        const auto said = std::as_bytes(std::span{asked_.bytes});
        return std::equal(request.begin(), request.end(), said.begin(), said.end());
    }

  private:
    friend server_core;
    friend queue;
    static constexpr duration until_there_is_room = std::chrono::milliseconds{2};
    task<> listen();
    void is_done() noexcept override;
    void expired() noexcept override;
    void tell(const outcome& result) noexcept;
    void keep(std::unique_ptr<source>&& from) noexcept { source_ = std::move(from); }
    void keep(std::unique_ptr<sink>&& into) noexcept { sink_ = std::move(into); }
    [[nodiscard]] bool is_upload() const noexcept { return asked_.record.what == opcode::write_request; }
    void charge(std::size_t size, time_point now) noexcept;
    void look_for_proof(std::span<const std::byte> datagram) noexcept;
    void take_errors() noexcept;
    [[nodiscard]] time_point patient_deadline() const noexcept {
        return netnotes::detail::later(machine_.deadline(), slack_);
    }

    server_core& whole_;
    asked asked_;
    std::unique_ptr<source> source_;
    std::unique_ptr<sink> sink_;
    netnotes::socket own_;
    transfer machine_;
    std::optional<async_descriptor> ready_;
    destination client_;
    transfer::outgoing unsent_{};
    rate_limit pace_;
    time_point began_{}, paced_until_{};
    duration slack_{};                // of a deadline: how long we have kept the client waiting ourselves
    std::size_t unproven_bytes_ = 0;  // sent before the proof
    bool merges_;
    bool is_told_ = false, is_proven_ = false;
    bool has_granted_ = false;  // begun with an option acknowledgment
    // Its neighbours in a queue: see there.
    conversation* later_ = nullptr;
    conversation** place_ = nullptr;
    conversation*** end_ = nullptr;
};

class serving;

/// All of them, and the socket to which requests come.
class server_core {
  public:
    server_core(udp_socket&& bound, handlers&& serves, server_options&& options);
    server_core(const server_core&) = delete;
    server_core& operator=(const server_core&) = delete;

    // For run().
    void begin(serving& waiter, event_loop& loop);
    void begin_stop() noexcept;
    void break_off() noexcept;
    void throw_failure() {
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    }

    // For conversations.
    void decided(conversation& one, const transfer_record& record) noexcept;
    void no_more_counted(conversation& one) noexcept;
    void proven(conversation& one, std::size_t unproven_bytes) noexcept;
    void errors_wait() noexcept { has_errors_ = true; }
    [[nodiscard]] bool may_send_unproven(const endpoint& to, time_point now) const noexcept {
        return unproven_pace_.has_room(to.address(), now, unproven_burst);
    }
    void charge_unproven(const endpoint& to, std::size_t size, time_point now) noexcept {
        unproven_pace_.charge(to.address(), size, now);
    }
    [[nodiscard]] time_point charge_address(const endpoint& to, std::size_t size, time_point now) noexcept {
        return single_port_pace_.charge(to.address(), size, now);
    }
    void remove(conversation& one) noexcept;
    [[nodiscard]] netnotes::socket& socket() noexcept { return socket_; }
    [[nodiscard]] const server_options& options() const noexcept { return options_; }
    [[nodiscard]] inbox& inbox_for(bool is_upload) noexcept { return is_upload ? *data_ : acknowledgments_; }
    [[nodiscard]] bool kernel_can_segment() const noexcept { return kernel_can_segment_; }
    [[nodiscard]] time_point charge(std::size_t size, time_point now) noexcept { return pace_.charge(size, now); }

    [[nodiscard]] std::size_t size() const noexcept { return undecided_; }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

    static constexpr int max_batches = 4;  // then the others have their turn

  private:
    static constexpr int wished_room = 4 << 20;
    static constexpr duration unproven_burst = std::chrono::seconds{4};
    /// An answer takes its time: a transfer is not given up for a request that came together with its own.
    static constexpr std::size_t max_on_one_port = 4;
    static constexpr duration min_age = std::chrono::milliseconds{1};

    class reception final : public errand {
      public:
        reception(server_core& whole, event_loop& loop) : errand{loop, "tftp"}, whole_{whole} {}

      private:
        void is_done() noexcept override { whole_.settle(); }
        server_core& whole_;
    };
    class patience final : public netnotes::detail::loop_timer {
      public:
        explicit patience(server_core& whole) noexcept : whole_{whole} {}

      private:
        void expired() noexcept override { whole_.abort_all(); }
        server_core& whole_;
    };

    void prepare_socket();
    task<> listen();
    void take(const arrival& datagram, time_point now) noexcept;
    void hand_over(const arrival& datagram, const packet& what, time_point now) noexcept;
    void take_errors(time_point now) noexcept;
    void begin_conversation(const arrival& datagram, const packet& request, time_point now) noexcept;
    [[nodiscard]] bool passes_over(const arrival& datagram, time_point now) noexcept;
    [[nodiscard]] bool make_room(time_point now) noexcept;
    [[nodiscard]] bool make_room_of(const ip_address& client, time_point now) noexcept;
    [[nodiscard]] conversation* oldest_unproven(const ip_address* of) const noexcept;
    [[nodiscard]] bool give_up_unproven(time_point now, const ip_address* of) noexcept;
    bool attempt(const arrival& datagram, const packet& request, transfer_record& record, time_point now) noexcept;
    template <class End>
    void converse(const arrival& datagram, const packet& request, const transfer_record& record,
                  std::unique_ptr<End> end, time_point now);
    [[nodiscard]] netnotes::socket own_socket(const arrival& datagram, bool gets_windows) const;
    [[nodiscard]] settings limits_for(const packet& request) const noexcept;
    void refuse(const arrival& datagram, error code, std::string_view message) noexcept;
    void refuse_broken(const arrival& datagram) noexcept;
    void refuse(const arrival& datagram, transfer_record& record, const std::system_error& why) noexcept;
    void refuse_for_failure(const arrival& datagram, transfer_record& record, const char* message) noexcept;
    void log(const transfer_record& record) noexcept;
    void settle() noexcept;
    void abort_all() noexcept;
    bool send_away_oldest() noexcept;

    netnotes::socket socket_;
    handlers serves_;
    server_options options_;
    std::size_t receive_room_ = 0;
    bool kernel_can_segment_ = false;
    inbox requests_;
    inbox acknowledgments_{4, 1024};
    std::optional<inbox> data_;
    rate_limit pace_;
    address_rate_limit unproven_pace_, single_port_pace_;

    event_loop* loop_ = nullptr;
    serving* waiter_ = nullptr;
    std::optional<async_descriptor> ready_;
    std::unique_ptr<reception> reception_;
    patience grace_{*this};
    std::unordered_multimap<endpoint, std::unique_ptr<conversation>> all_;
    std::size_t undecided_ = 0;                              // the others stay a while, see settings::dally
    queue unproven_;                                         // undecided, and the client has not answered yet
    queue dallying_;                                         // decided
    std::unordered_map<ip_address, std::size_t> of_client_;  // undecided ones of it
    std::uint64_t dropped_ = 0;
    bool is_stopping_ = false;
    bool has_errors_ = false;  // ICMP messages wait at the server's socket
    std::exception_ptr failure_;
};

/// What run() waits for.
class [[nodiscard]] serving final : public netnotes::detail::loop_operation {
  public:
    explicit serving(server_core& whole) noexcept : whole_{whole} {}
    ~serving() {
        if (is_waiting()) whole_.break_off();
    }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiter) {
        auto& whose = waiter.promise().chain();
        if ((was_cancelled_ = whose.is_cancelled())) return hear_at_once(waiter, whose);
        whole_.begin(*this, static_cast<event_loop&>(whose.loop()));
        waits(waiter, whose);
        return true;
    }
    void await_resume() {
        whole_.throw_failure();
        if (was_cancelled_) netnotes::detail::throw_cancelled();
    }

  private:
    /// Not at once: those who are being served first.
    void cancelled() noexcept override {
        was_cancelled_ = true;
        whole_.begin_stop();
    }
    server_core& whole_;
    bool was_cancelled_ = false;
};

// ---- a queue

inline void queue::add(conversation& one) noexcept {
    take_out(one);
    one.later_ = nullptr;
    one.place_ = newest_;
    one.end_ = &newest_;
    *newest_ = &one;
    newest_ = &one.later_;
}
inline void queue::take_out(conversation& one) noexcept {
    if (!one.place_) return;
    *one.place_ = one.later_;
    (one.later_ ? one.later_->place_ : *one.end_) = one.place_;
    one.place_ = nullptr;
}

// ---- a conversation

template <class End>
conversation::conversation(server_core& whole, event_loop& loop, asked&& what, const packet& request,
                           const destination& client, std::unique_ptr<End> end, netnotes::socket own,
                           const settings& limits)
    : errand{loop, "tftp transfer"},
      whole_{whole},
      asked_{std::move(what)},
      own_{std::move(own)},
      machine_{asked_.client, request, *end, limits},
      client_{client},
      pace_{whole.options().rate_each},
      merges_{whole.kernel_can_segment()} {
    keep(std::move(end));
    if (!own_.is_open()) return;
    keep_errors(own_, client_.to.family());
    if (is_upload() && machine_.result().window_size > 1) {
        constexpr int on = 1;
        std::error_code one_by_one;
        own_.set_option(IPPROTO_UDP, UDP_GRO, std::as_bytes(std::span{&on, 1}), one_by_one);
    }
    ready_.emplace(loop, own_.native_handle());
    start(listen());
}

inline void conversation::begin(time_point now) noexcept {
    began_ = now;
    machine_.begin(now);
    if (advance(now)) leave();
}
inline void conversation::take(const endpoint& from, std::span<const std::byte> datagram, time_point now) noexcept {
    const std::uint64_t before = machine_.result().bytes;
    machine_.receive(from, datagram, now);
    if (!machine_.still_goes()) unsent_ = {};  // there was no room for it; what has come may change what is to be said
    if (!is_proven_ && from == asked_.client) look_for_proof(datagram);
    // Not what has come again: it has, perhaps, because we take our time.
    if (is_upload()) charge(static_cast<std::size_t>(machine_.result().bytes - before), now);
}
/// A client that acknowledges has heard of the transfer, so the request was its own. (On a single port an acknowledgment
/// can be forged.)
inline void conversation::look_for_proof(std::span<const std::byte> datagram) noexcept {
    if (machine_.result().blocks == 0) {
        const auto what = parse(datagram);
        if (!has_granted_ || is_upload() || !what || !is_first_answer(*what)) return;
    }
    is_proven_ = true;
    whole_.proven(*this, std::exchange(unproven_bytes_, 0));
}
inline void conversation::unreachable(int code) noexcept {
    // "No route" may pass, and a transfer that has moved waits for that. "Nobody listens" is the client's own word.
    if (is_proven_ && code != ECONNREFUSED) return;
    unsent_ = {};
    machine_.unreachable(asked_.client);
}
inline void conversation::charge(std::size_t size, time_point now) noexcept {
    if (size == 0) return;
    paced_until_ = std::max(pace_.charge(size, now), whole_.charge(size, now));
    if (!own_.is_open() && !is_upload())
        paced_until_ = std::max(paced_until_, whole_.charge_address(asked_.client, size, now));
    slack_ = std::max(paced_until_ - now, duration::zero());
}

inline bool conversation::advance(time_point now) noexcept {
    for (bool has_room = true; has_room;) {
        if (unsent_.bytes.empty()) {
            if (now < paced_until_ && !machine_.has_ended()) break;
            unsent_ = machine_.next();
            if (unsent_.bytes.empty()) break;
        }
        const bool is_to_client = unsent_.to == asked_.client;
        const bool is_unproven = !is_to_client || !is_proven_;
        const endpoint to = unsent_.to;
        if (is_unproven && !whole_.may_send_unproven(to, now)) {
            unsent_ = {};  // lost, as datagrams are
            continue;
        }
        const std::size_t size = unsent_.bytes.size();
        const int by = own_.is_open() ? own_.native_handle() : whole_.socket().native_handle();
        bool has_errors = false;
        if (is_to_client) {
            if (size > 1 && unsent_.bytes[1] == static_cast<std::byte>(opcode::option_acknowledgment))
                has_granted_ = true;
            has_room = send_run(by, client_, unsent_, merges_, has_errors);
        } else {
            destination stranger;
            std::error_code unknown;
            stranger.to = netnotes::detail::to_socket_address(unsent_.to, unknown);
            has_room = unknown || send_run(by, stranger, unsent_, merges_, has_errors);
            if (unknown) unsent_ = {};
        }
        const std::size_t sent = size - unsent_.bytes.size();
        if (is_unproven) whole_.charge_unproven(to, sent, now);
        if (is_to_client && !is_proven_) unproven_bytes_ += sent;
        if (!is_upload()) charge(sent, now);
        if (has_errors && !own_.is_open()) whole_.errors_wait();
        if (has_errors && own_.is_open()) take_errors();
    }
    if (machine_.has_outcome()) tell(machine_.result());
    if (machine_.has_ended() && unsent_.bytes.empty()) {
        loop_timer::cancel();
        return true;
    }
    time_point when = patient_deadline();
    if (!unsent_.bytes.empty()) when = std::min(when, now + until_there_is_room);
    if (now < paced_until_) when = std::min(when, paced_until_);
    loop().arm(*this, when);
    return false;
}
/// Of a socket of its own.
inline void conversation::take_errors() noexcept {
    read_errors(own_.native_handle(), [&](const endpoint& where, int code) {
        if (where == asked_.client) unreachable(code);
    });
}
inline void conversation::expired() noexcept {
    const time_point now = loop().now();
    if (now >= patient_deadline()) {
        slack_ = {};
        machine_.expired(now);
        if (!machine_.still_goes()) unsent_ = {};  // of a window in pieces the rest still goes
    }
    if (advance(now)) leave();
}

inline void conversation::tell(const outcome& result) noexcept {
    if (std::exchange(is_told_, true)) return;
    try {
        asked_.record.result = result;
    } catch (const std::bad_alloc&) {
        asked_.record.result.error = result.error;
    }
    asked_.record.took = loop().now() - began_;
    // Now, and not at the end: whoever dallies needs no file, and a part of one is to go.
    source_.reset();
    sink_.reset();
    whole_.decided(*this, asked_.record);
}
inline void conversation::leave() noexcept {
    loop_timer::cancel();
    if (is_running())
        break_off();  // see listen()
    else
        whole_.remove(*this);
}
inline void conversation::is_done() noexcept { whole_.remove(*this); }
inline void conversation::abort(time_point now) noexcept {
    unsent_ = {};
    machine_.abort(error::not_defined, std::make_error_code(std::errc::operation_canceled), "the server stops");
    static_cast<void>(advance(now));
    leave();
}
inline void conversation::drop_unanswered() noexcept {
    if (!std::exchange(is_told_, true)) {
        source_.reset();
        sink_.reset();
        whole_.no_more_counted(*this);
    }
    leave();
}
inline void conversation::forget(std::errc why, std::string_view message) noexcept {
    outcome result;
    result.error = std::make_error_code(why);
    try {
        result.message = message;
    } catch (const std::bad_alloc&) {  // the code says enough
    }
    tell(result);
    leave();
}

/// On a socket of its own. Whoever ends it otherwise cancels this.
inline task<> conversation::listen() {
    inbox& room = whole_.inbox_for(is_upload());
    for (bool may_have_more = false;;) {
        try {
            if (may_have_more)
                co_await yield();
            else
                co_await ready_->readable();
        } catch (const std::system_error&) {
            co_return;
        }
        may_have_more = true;
        for (int i = 0; i < server_core::max_batches && may_have_more; ++i) {
            const time_point now = loop().now();
            bool has_errors = false;
            may_have_more = room.receive(own_.native_handle(), has_errors, [&](const arrival& each) {
                if (!each.is_cut) take(each.sender, each.bytes, now);
            });
            // An event without a datagram is the news of an ICMP message, too.
            if (has_errors) take_errors();
            if (advance(now)) co_return;
        }
    }
}

// ---- all of them

inline server_core::server_core(udp_socket&& bound, handlers&& serves, server_options&& options)
    : socket_{std::move(bound).into_socket()},
      serves_{std::move(serves)},
      options_{std::move(options)},
      requests_{options_.single_port ? std::size_t{16} : 32, options_.single_port ? std::size_t{65'535} : 1024},
      pace_{options_.rate},
      unproven_pace_{options_.unproven_rate},
      single_port_pace_{options_.single_port ? options_.single_port_rate : 0} {
    options_.limits.shared_port = options_.single_port;
    const settings& limits = options_.limits;
    if (limits.block_size < min_block_size || limits.block_size > max_block_size || limits.window_size == 0 ||
        limits.timeout == 0 || limits.rollover.value_or(0) > 1)
        throw std::invalid_argument{
            "TFTP: a block size is from 8 to 65464, a window and a timeout from 1 on, a rollover to 0 or 1"};
    prepare_socket();
}

/// What can be had of it: without any of these it serves, too, if not as well.
inline void server_core::prepare_socket() {
    const auto set = [&](int level, int name, int value) {
        std::error_code error;
        socket_.set_option(level, name, std::as_bytes(std::span{&value, 1}), error);
        return !error;
    };
    const auto get = [&](int level, int name) {
        int value = -1;
        std::error_code error;
        socket_.get_option(level, name, std::as_writable_bytes(std::span{&value, 1}), error);
        return error ? -1 : value;
    };
    // A thousand clients that are switched on together ask together.
    set(SOL_SOCKET, SO_RCVBUF, wished_room);
    receive_room_ = static_cast<std::size_t>(std::max(get(SOL_SOCKET, SO_RCVBUF), 0));
    set(IPPROTO_IP, IP_PKTINFO, 1);
    if (socket_.local_endpoint().family() == address_family::inet6) set(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    if (options_.single_port) {
        set(IPPROTO_UDP, UDP_GRO, 1);
        keep_errors(socket_, socket_.local_endpoint().family());
    }
    // A kernel that does not know it would overlook it, and send one long datagram.
    kernel_can_segment_ = get(IPPROTO_UDP, UDP_SEGMENT) >= 0;
}

inline void server_core::begin(serving& waiter, event_loop& loop) {
    if (waiter_) throw std::logic_error{"this TFTP server runs already"};
    if (!data_) data_.emplace(8, std::size_t{65'535});
    try {
        ready_.emplace(loop, socket_.native_handle());
        reception_ = std::make_unique<reception>(*this, loop);
        loop_ = &loop;
        is_stopping_ = false;
        reception_->start(listen());
    } catch (...) {  // nothing of the loop's may stay: it may go before us
        reception_.reset();
        ready_.reset();
        throw;
    }
    waiter_ = &waiter;
}
inline void server_core::begin_stop() noexcept {
    if (!waiter_ || std::exchange(is_stopping_, true)) return;
    if (!options_.single_port) reception_->break_off();
    if (options_.grace != never) loop_->arm(grace_, netnotes::detail::later(loop_->now(), options_.grace));
    settle();
}
/// After a stop: goes on with it when the last one has ended.
inline void server_core::settle() noexcept {
    if (!is_stopping_ || !waiter_) return;
    // Nobody waits for those who dally; they go, at the next turn, for one of them may be who has called this.
    if (undecided_ == 0 && !all_.empty()) return loop_->arm(grace_, loop_->now());
    if (!all_.empty()) return;
    if (reception_->is_running()) return reception_->break_off();
    grace_.cancel();
    reception_.reset();
    ready_.reset();
    std::exchange(waiter_, nullptr)->go_on();
}
/// The loop is being destroyed while it runs.
inline void server_core::break_off() noexcept {
    waiter_ = nullptr;
    unproven_.clear();
    dallying_.clear();
    all_.clear();
    undecided_ = 0;
    of_client_.clear();
    grace_.cancel();
    reception_.reset();
    ready_.reset();
}
inline void server_core::abort_all() noexcept {
    const time_point now = loop_->now();
    for (auto each = all_.begin(); each != all_.end();) (each++)->second->abort(now);
}

inline void server_core::decided(conversation& one, const transfer_record& record) noexcept {
    no_more_counted(one);
    log(record);
    settle();
}
inline void server_core::no_more_counted(conversation& one) noexcept {
    --undecided_;
    dallying_.add(one);
    if (const auto count = of_client_.find(one.client().address()); count != of_client_.end() && --count->second == 0)
        of_client_.erase(count);
}
/// The client of this one has answered. It has then forgotten an earlier transfer of the same request, and on a single
/// port every earlier one.
inline void server_core::proven(conversation& one, std::size_t unproven_bytes) noexcept {
    if (!one.is_decided()) queue::take_out(one);
    unproven_pace_.give_back(one.client().address(), unproven_bytes);
    const auto is_earlier = [&](const auto& each) {
        const conversation& other = *each.second;
        return &other != &one && !other.is_decided() && other.is_proven() &&
               (options_.single_port || other.is_for(std::as_bytes(std::span{one.asked_.bytes})));
    };
    const auto [begin, end] = all_.equal_range(one.client());
    const auto found = std::find_if(begin, end, is_earlier);
    if (found != end) found->second->forget(std::errc::connection_aborted, "the client has begun anew");
}
/// Somebody who has been served, and stays in case his last acknowledgment is lost, makes room for one who has not. He
/// goes when the loop comes to him. False when there is none.
inline bool server_core::send_away_oldest() noexcept {
    if (!dallying_.oldest()) return false;
    conversation& one = *dallying_.oldest();
    queue::take_out(one);
    one.leave();
    return true;
}
inline conversation* server_core::oldest_unproven(const ip_address* of) const noexcept {
    conversation* one = unproven_.oldest();
    while (one && of && one->client().address() != *of) one = one->later_;
    return one;
}
/// A transfer whose client has not answered makes room for a new one: the oldest of them, or the oldest of an address.
/// Returns false if there is none.
inline bool server_core::give_up_unproven(time_point now, const ip_address* of) noexcept {
    conversation* const one = oldest_unproven(of);
    if (!one || now - one->began() < min_age) return false;
    ++dropped_;
    one->drop_unanswered();
    return true;
}
inline bool server_core::make_room(time_point now) noexcept {
    if (undecided_ >= options_.max_transfers && !give_up_unproven(now, nullptr)) return false;
    return all_.size() / 2 < options_.max_transfers || send_away_oldest();
}
/// Returns false if the client is to ask again: transfers of its address may make room, in a moment. (If none of them will
/// it is refused, see attempt().)
inline bool server_core::make_room_of(const ip_address& client, time_point now) noexcept {
    const auto count = of_client_.find(client);
    if (count == of_client_.end() || count->second < options_.max_per_client) return true;
    return give_up_unproven(now, &client) || !oldest_unproven(&client);
}
inline void server_core::remove(conversation& one) noexcept {
    queue::take_out(one);
    const auto [begin, end] = all_.equal_range(one.client());
    const auto found = std::find_if(begin, end, [&](const auto& each) { return each.second.get() == &one; });
    if (found != end) all_.erase(found);
    settle();
}
inline void server_core::log(const transfer_record& record) noexcept {
    if (!options_.log) return;
    try {
        options_.log(record);
    } catch (...) {
        if (!failure_) failure_ = std::current_exception();
        begin_stop();
    }
}

inline task<> server_core::listen() {
    for (bool may_have_more = false;;) {
        try {
            if (may_have_more)
                co_await yield();
            else
                co_await ready_->readable();
        } catch (const std::system_error&) {
            co_return;
        }
        may_have_more = true;
        for (int i = 0; i < max_batches && may_have_more; ++i) {
            const time_point now = loop_->now();
            bool has_errors = false;
            may_have_more = requests_.receive(socket_.native_handle(), has_errors,
                                              [&](const arrival& datagram) { take(datagram, now); });
            if (has_errors || std::exchange(has_errors_, false)) take_errors(now);
        }
    }
}
/// Of the server's own socket: on a single port they are about transfers.
inline void server_core::take_errors(time_point now) noexcept {
    read_errors(socket_.native_handle(), [&](const endpoint& where, int code) {
        // One by one: a transfer that ends leaves the table.
        const auto [begin, end] = all_.equal_range(where);
        std::array<conversation*, max_on_one_port> there{};
        std::size_t count = 0;
        for (auto each = begin; each != end && count < there.size(); ++each) there[count++] = each->second.get();
        for (std::size_t i = 0; i < count; ++i) {
            there[i]->unreachable(code);
            if (there[i]->advance(now)) there[i]->leave();
        }
    });
}
inline void server_core::take(const arrival& datagram, time_point now) noexcept {
    if (datagram.is_to_group || datagram.sender.port() == 0) return;
    const auto what = datagram.is_cut ? std::nullopt : parse(datagram.bytes);
    if (!what) {
        if (begins_as_request(datagram.bytes)) refuse_broken(datagram);
    } else if (what->what == opcode::read_request || what->what == opcode::write_request)
        begin_conversation(datagram, *what, now);
    else if (options_.single_port && all_.contains(datagram.sender))
        hand_over(datagram, *what, now);
    else if (what->what != opcode::error)
        refuse(datagram, error::unknown_transfer_id, to_string(error::unknown_transfer_id));
}
/// On a single port a client may have two transfers: one that has moved, and a later one that waits for its first answer.
inline void server_core::hand_over(const arrival& datagram, const packet& what, time_point now) noexcept {
    const auto [begin, end] = all_.equal_range(datagram.sender);
    conversation *earlier = nullptr, *later = nullptr;
    for (auto each = begin; each != end; ++each) {
        conversation& one = *each->second;
        (one.is_proven() || one.is_decided() ? earlier : later) = &one;
    }
    const auto give_to = [&](conversation& one) {
        one.take(datagram.sender, datagram.bytes, now);
        if (one.advance(now)) one.leave();
    };
    if (!earlier || !later) return give_to(*(earlier ? earlier : later));
    if (what.what == opcode::error) {  // of which of them it speaks is not said
        give_to(*earlier);
        return give_to(*later);
    }
    if (later->is_first_answer(what)) return give_to(*later);
    // The client goes on with the earlier one: then the later request was a copy that came late.
    const std::uint64_t before = earlier->blocks();
    earlier->take(datagram.sender, datagram.bytes, now);
    const bool has_moved = earlier->blocks() != before;
    if (earlier->advance(now)) earlier->leave();
    if (has_moved) later->forget(std::errc::connection_aborted, "a request that came late");
}

/// Does the request belong to a transfer that is there? If it begins a new one, makes way for that: a client that repeats
/// its request after the end of its transfer has done with it, and on a single port so has a client that asks for
/// something else, since the two transfers could not be told apart.
inline bool server_core::passes_over(const arrival& datagram, time_point now) noexcept {
    const auto [begin, end] = all_.equal_range(datagram.sender);
    std::array<conversation*, max_on_one_port> replaced{};
    std::size_t count = 0;
    for (auto each = begin; each != end; ++each) {
        conversation& one = *each->second;
        const bool is_same = one.is_for(datagram.bytes);
        if (is_same && !one.is_decided() && !one.is_proven()) {
            one.take(datagram.sender, datagram.bytes, now);  // which answers once more if it has fallen silent
            if (one.advance(now)) one.leave();
            return true;
        }
        const bool is_over =
            is_same ? one.is_decided() : options_.single_port && (one.is_decided() || !one.is_proven());
        if (is_over && count < replaced.size()) replaced[count++] = &one;
    }
    for (std::size_t i = 0; i < count; ++i)
        replaced[i]->forget(std::errc::connection_aborted, "the client asks for something else");
    return false;
}
inline void server_core::begin_conversation(const arrival& datagram, const packet& request, time_point now) noexcept {
    if (is_stopping_ || passes_over(datagram, now)) return;
    if (!may_send_unproven(datagram.sender, now) || !make_room(now) || !make_room_of(datagram.sender.address(), now)) {
        ++dropped_;
        return;
    }
    transfer_record record{.client = datagram.sender, .what = request.what, .mode = request.mode.value_or(mode::octet)};
    // A shortage: transfers whose client has not answered, or that are over, have what is needed, perhaps. Each gives up
    // its file at once, and its socket when the loop comes to it. To open a file below the root takes some more.
    constexpr int max_attempts = 8;
    for (int i = 0; i < max_attempts; ++i) {
        if (attempt(datagram, request, record, now)) return;
        if (!give_up_unproven(now, nullptr) && !send_away_oldest()) break;
    }
    ++dropped_;
}
/// Returns false if there is a shortage of descriptors or of memory.
inline bool server_core::attempt(const arrival& datagram, const packet& request, transfer_record& record,
                                 time_point now) noexcept {
    try {
        record.file_name = request.file_name;
        const ip_address client = datagram.sender.address();
        const auto same_client = of_client_.find(client);
        if (same_client != of_client_.end() && same_client->second >= options_.max_per_client)
            throw std::system_error{make_error_code(error::not_defined), "too many transfers at once"};
        if (!request.mode) throw std::system_error{make_error_code(error::illegal_operation), "an unknown mode"};
        file_request asked{datagram.sender, request.file_name, *request.mode, std::nullopt};
        if (request.what == opcode::read_request) {
            auto from = serves_.read ? serves_.read(asked) : nullptr;
            if (!from) throw std::system_error{make_error_code(error::access_violation), "read"};
            converse(datagram, request, record, std::move(from), now);
        } else {
            asked.size = request.options.transfer_size;
            if (asked.size == std::uint64_t{0}) asked.size.reset();  // not known: curl and BusyBox read from a pipe
            auto into = serves_.write ? serves_.write(asked) : nullptr;
            if (!into) throw std::system_error{make_error_code(error::access_violation), "write"};
            converse(datagram, request, record, std::move(into), now);
        }
    } catch (const std::system_error& why) {
        for (const std::errc shortage : {std::errc::too_many_files_open, std::errc::too_many_files_open_in_system,
                                         std::errc::no_buffer_space, std::errc::not_enough_memory})
            if (why.code() == shortage) return false;
        refuse(datagram, record, why);
    } catch (const std::bad_alloc&) {
        return false;
    } catch (const std::exception& failure) {  // in these words to us, and not to a stranger
        refuse_for_failure(datagram, record, failure.what());
    } catch (...) {
        refuse_for_failure(datagram, record, "");
    }
    return true;
}
template <class End>
void server_core::converse(const arrival& datagram, const packet& request, const transfer_record& record,
                           std::unique_ptr<End> end, time_point now) {
    const settings limits = limits_for(request);
    netnotes::socket own;
    destination client = datagram.answer;
    if (!options_.single_port) {
        own = own_socket(datagram, request.what == opcode::write_request && request.options.window_size > 1);
        client = {};
        client.to = datagram.sender;
    }
    auto made = std::make_unique<conversation>(
        *this, *loop_, conversation::asked{datagram.sender, std::string{as_text(datagram.bytes)}, record}, request,
        client, std::move(end), std::move(own), limits);
    conversation& one = *made;
    std::size_t& count = of_client_[datagram.sender.address()];
    all_.emplace(datagram.sender, std::move(made));
    ++count;
    ++undecided_;
    unproven_.add(one);
    one.begin(now);
}
/// On the address to which the request came.
inline netnotes::socket server_core::own_socket(const arrival& datagram, bool gets_windows) const {
    socket_address local = datagram.local;
    if (!local.is_ip()) {  // the kernel has not told
        if (datagram.sender.address().is_v4())
            local = endpoint{ipv4_address::any(), 0};
        else
            local = endpoint{ipv6_address::any(), 0};
    }
    netnotes::socket made{local.family(), socket_type::datagram};
    made.bind(local);
    std::error_code as_much_as_allowed;
    if (gets_windows)
        made.set_option(SOL_SOCKET, SO_RCVBUF, std::as_bytes(std::span{&wished_room, 1}), as_much_as_allowed);
    return made;
}
inline settings server_core::limits_for(const packet& request) const noexcept {
    settings limits = options_.limits;
    if (request.what == opcode::write_request) limits.max_bytes = std::min(limits.max_bytes, options_.max_upload);
    const auto reduce = [](std::uint16_t& what, std::uint64_t most, std::uint64_t least) {
        what = static_cast<std::uint16_t>(std::min<std::uint64_t>(what, std::max(most, least)));
    };
    std::uint64_t rate = options_.rate;
    if (options_.rate_each != 0) rate = rate == 0 ? options_.rate_each : std::min(rate, options_.rate_each);
    if (rate != 0) reduce(limits.block_size, rate / 4, usual_block_size);
    const std::uint64_t block = std::min(request.options.block_size.value_or(usual_block_size), limits.block_size);
    if (rate != 0) reduce(limits.window_size, rate / 4 / block, 1);
    // What comes must find room until we have our turn; in the kernel a datagram takes more than its bytes.
    if (request.what == opcode::write_request) reduce(limits.window_size, receive_room_ / (2 * block + 776), 1);
    return limits;
}

inline void server_core::refuse(const arrival& datagram, error code, std::string_view message) noexcept {
    const time_point now = loop_->now();
    if (!may_send_unproven(datagram.sender, now)) return;
    std::array<std::byte, max_request_size> room;
    const std::size_t size = write_error(room, code, message);
    transfer::outgoing what{datagram.sender, std::span{room}.first(size), room.size()};
    bool merges = false;
    send_run(socket_.native_handle(), datagram.answer, what, merges, has_errors_);
    charge_unproven(datagram.sender, size, now);
}
/// A client that hears nothing repeats itself until it gives up.
inline void server_core::refuse_broken(const arrival& datagram) noexcept {
    if (is_stopping_) return;
    const bool reads = datagram.bytes[1] == static_cast<std::byte>(opcode::read_request);
    transfer_record record{.client = datagram.sender, .what = reads ? opcode::read_request : opcode::write_request};
    refuse(datagram, record, std::system_error{make_error_code(error::illegal_operation), "a broken request"});
}
inline void server_core::refuse(const arrival& datagram, transfer_record& record,
                                const std::system_error& why) noexcept {
    try {
        const std::string meaning = why.code().message();
        std::string words = why.what();
        if (words.ends_with(": " + meaning)) words.resize(words.size() - meaning.size() - 2);
        const error code = to_error(why.code());
        // What was attempted may be nobody's business; what the system says of it is said.
        refuse(datagram, code, why.code() == make_error_code(error::not_defined) ? words : meaning);
        // An error without a number is none to std::error_code.
        record.result.error = why.code() ? why.code() : std::make_error_code(std::errc::connection_refused);
        record.result.message = visible(words);
    } catch (const std::bad_alloc&) {
        refuse(datagram, error::not_defined, "no memory");
        record.result.error = std::make_error_code(std::errc::not_enough_memory);
    }
    log(record);
}
inline void server_core::refuse_for_failure(const arrival& datagram, transfer_record& record,
                                            const char* message) noexcept {
    refuse(datagram, error::not_defined, "the server has failed");
    record.result.error = std::make_error_code(std::errc::connection_refused);
    try {
        record.result.message = visible(message);
    } catch (const std::bad_alloc&) {  // then without its words
    }
    log(record);
}

}  // namespace detail

inline server::server(udp_socket bound, handlers serves, server_options options)
    : core_{std::make_unique<detail::server_core>(std::move(bound), std::move(serves), std::move(options))} {}
inline server::server(const endpoint& where, handlers serves, server_options options)
    : server{udp_socket{where}, std::move(serves), std::move(options)} {}
inline server::~server() = default;
inline endpoint server::local_endpoint() const { return core_->socket().local_endpoint().ip(); }
inline task<> server::run() { co_await detail::serving{*core_}; }
inline void server::stop() noexcept { core_->begin_stop(); }
inline std::size_t server::size() const noexcept { return core_->size(); }
inline std::uint64_t server::dropped() const noexcept { return core_->dropped(); }

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_SERVER_HPP
