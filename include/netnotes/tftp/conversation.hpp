// netnotes/tftp/conversation.hpp: a transfer of a server, with its socket and its clock
// SPDX-License-Identifier: MIT
//
// The server makes a conversation for each request that it answers: a transfer, a socket and a timer.
//
//        recvmmsg(2) ──> take() ────> the transfer's receive() ─┐
//        the timer ─────────────────> its expired() ────────────┤
//        sendmsg(2) <── advance() <── its next() <──────────────┘
//
// With `single_port` the conversation has no socket, and the server hands it what comes for it.
//
// On this page:  conversation_owner · errand · queue · conversation
// Above it:      tftp/server_core.hpp

#ifndef NETNOTES_TFTP_CONVERSATION_HPP
#define NETNOTES_TFTP_CONVERSATION_HPP

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../coro/descriptor.hpp"
#include "../coro/loop.hpp"
#include "../udp/socket.hpp"
#include "datagrams.hpp"
#include "rate_limit.hpp"
#include "service.hpp"
#include "transfer.hpp"

namespace netnotes::tftp {

namespace detail {

class conversation;

/// The things that the transfers of one server share: its socket, its options, the buffer for datagrams, and the rates.
/// The server itself hears through it what becomes of a transfer.
class conversation_owner {
  public:
    conversation_owner(const conversation_owner&) = delete;
    conversation_owner& operator=(const conversation_owner&) = delete;

    /// A transfer has its outcome.
    virtual void decided(conversation& one, const transfer_record& record) noexcept = 0;
    /// A transfer does not count any more, though it may stay a while.
    virtual void no_more_counted(conversation& one) noexcept = 0;
    /// The client of a transfer has answered. `unproven_bytes` went to it before.
    virtual void proven(conversation& one, std::size_t unproven_bytes) noexcept = 0;
    /// A transfer has ended: destroys it.
    virtual void remove(conversation& one) noexcept = 0;

    /// ICMP messages wait at the server's own socket.
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
    [[nodiscard]] time_point charge(std::size_t size, time_point now) noexcept { return pace_.charge(size, now); }
    [[nodiscard]] netnotes::socket& socket() noexcept { return socket_; }
    [[nodiscard]] const server_options& options() const noexcept { return options_; }
    [[nodiscard]] inbox& inbox_for(bool is_upload) noexcept { return is_upload ? *data_ : acknowledgments_; }
    [[nodiscard]] bool kernel_can_segment() const noexcept { return kernel_can_segment_; }

    static constexpr int max_batches = 4;  // then the others have their turn

  protected:
    conversation_owner(udp_socket&& bound, server_options&& options)
        : socket_{std::move(bound).into_socket()},
          options_{std::move(options)},
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
    virtual ~conversation_owner() = default;
    void make_room_for_data() {
        if (!data_) data_.emplace(8, std::size_t{65'535});
    }

    static constexpr int wished_room = 4 << 20;
    netnotes::socket socket_;
    server_options options_;
    std::size_t receive_room_ = 0;
    rate_limit pace_;
    address_rate_limit unproven_pace_, single_port_pace_;
    bool has_errors_ = false;  // ICMP messages wait at the server's socket

  private:
    static constexpr duration unproven_burst = std::chrono::seconds{4};
    void prepare_socket();
    bool kernel_can_segment_ = false;
    inbox acknowledgments_{4, 1024};
    std::optional<inbox> data_;
};

/// Runs a task in a chain of its own. A stop cancels the task that waits in run(), and this task goes on.
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
    /// Uses `own` if it is open, and else the server's socket.
    template <class End>
    conversation(conversation_owner& whole, event_loop& loop, asked&& what, const packet& request,
                 const destination& client, std::unique_ptr<End> end, netnotes::socket own, const settings& limits);
    ~conversation() override { drop(); }  // before the descriptor for which it waits

    void begin(time_point now) noexcept;
    /// A datagram has come on its socket, or on the server's for it.
    void take(const endpoint& from, std::span<const std::byte> datagram, time_point now) noexcept;
    /// Sends what is to be sent. True when nothing is left to do; then whoever has called this sees to its end.
    [[nodiscard]] bool advance(time_point now) noexcept;
    /// Its end: this will be destroyed, perhaps now.
    void leave() noexcept;
    /// Does the same, and sends the client an error.
    void abort(time_point now) noexcept;
    /// The same, and the client is not told: it has forgotten this transfer itself.
    void forget(std::errc why, std::string_view message) noexcept;
    /// Ends the transfer of a client that never answered. The request counts as not answered. The log is not told,
    /// because a forged request must not be worth a line.
    void drop_unanswered() noexcept;
    /// An ICMP message says that nothing arrives at the client.
    void unreachable(int code) noexcept;
    [[nodiscard]] const endpoint& client() const noexcept { return asked_.client; }
    [[nodiscard]] bool is_decided() const noexcept { return is_told_; }
    /// Returns true if the client has acknowledged anything. Until then the address of the request may be forged.
    [[nodiscard]] bool is_proven() const noexcept { return is_proven_; }
    [[nodiscard]] time_point began() const noexcept { return began_; }
    [[nodiscard]] std::uint64_t blocks() const noexcept { return machine_.result().blocks; }
    /// Returns true if a client sends this packet first, in answer to the beginning of a transfer.
    [[nodiscard]] bool is_first_answer(const packet& what) const noexcept {
        if (is_upload()) return what.what == opcode::data && what.block == 1;
        return what.what == opcode::acknowledgment && what.block == (has_granted_ ? 0 : 1);
    }
    [[nodiscard]] std::span<const std::byte> request() const noexcept { return std::as_bytes(std::span{asked_.bytes}); }
    /// Returns the next conversation of its queue.
    [[nodiscard]] conversation* later() const noexcept { return later_; }
    [[nodiscard]] bool is_for(std::span<const std::byte> request) const noexcept {
        const auto said = std::as_bytes(std::span{asked_.bytes});
        return std::equal(request.begin(), request.end(), said.begin(), said.end());
    }

  private:
    friend queue;
    static constexpr duration until_there_is_room = std::chrono::milliseconds{2};
    task<> listen();
    void cannot_listen(std::error_code why) noexcept;
    inline void is_done() noexcept override;
    inline void expired() noexcept override;
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

    conversation_owner& whole_;
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

// ---- what transfers share

/// Switches on the socket options that the system has; the server works without them, too, but not as well.
inline void conversation_owner::prepare_socket() {
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
conversation::conversation(conversation_owner& whole, event_loop& loop, asked&& what, const packet& request,
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
    if (!machine_.still_goes()) unsent_ = {};  // no room for it; a new packet may change what to send
    if (!is_proven_ && from == asked_.client) look_for_proof(datagram);
    // Not what has come again: it has, perhaps, because we take our time.
    if (is_upload()) charge(static_cast<std::size_t>(machine_.result().bytes - before), now);
}
/// A client that acknowledges has received from us, so the request was its own. (On a single port an acknowledgment
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
/// Reads the ICMP messages about this conversation, if it has a socket of its own.
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

/// Ends the transfer with an error, for the client and for the log.
inline void conversation::cannot_listen(std::error_code why) noexcept {
    unsent_ = {};
    machine_.abort(error::not_defined, why, "the server cannot wait for the client");
    static_cast<void>(advance(loop().now()));
    loop_timer::cancel();
}
/// Hears the client, on a socket of its own. Any other end of the conversation cancels this task.
inline task<> conversation::listen() {
    inbox& room = whole_.inbox_for(is_upload());
    for (bool may_have_more = false;;) {
        try {
            if (may_have_more)
                co_await yield();
            else
                co_await ready_->readable();
        } catch (const std::system_error& failure) {  // nothing of the client would be received any more
            cannot_listen(failure.code());
            co_return;
        }
        may_have_more = true;
        for (int i = 0; i < conversation_owner::max_batches && may_have_more; ++i) {
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

}  // namespace detail

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_CONVERSATION_HPP
