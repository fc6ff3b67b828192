// netnotes/tftp/server_core.hpp: which request begins a transfer, and which transfer gets a datagram
// SPDX-License-Identifier: MIT
//
//        :69 ── request ──> is it a copy? ─ yes ─> to its transfer, or nothing
//                               no
//                           is there room? ─ no ─> an unanswered transfer makes room, or nothing
//                               yes
//                           has the handler such a file? ─ no ─> an error
//                               yes
//                           a conversation
//
// On this page:  server_core · serving
// Above it:      tftp/server.hpp

#ifndef NETNOTES_TFTP_SERVER_CORE_HPP
#define NETNOTES_TFTP_SERVER_CORE_HPP

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
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

#include "../coro/descriptor.hpp"
#include "../coro/loop.hpp"
#include "../ip/keyed_hash.hpp"
#include "../socket/random.hpp"
#include "../udp/socket.hpp"
#include "conversation.hpp"
#include "datagrams.hpp"
#include "service.hpp"
#include "transfer.hpp"

namespace netnotes::tftp {

namespace detail {

class serving;

/// Clients choose their addresses, and can forge them. So the chains of the tables depend on a secret.
struct client_hash {
    std::size_t operator()(const endpoint& client) const noexcept {
        return static_cast<std::size_t>(keyed_hash{secret}.add(client).value());
    }
    std::size_t operator()(const ip_address& client) const noexcept { return (*this)(endpoint{client, 0}); }
    keyed_hash::key secret = random_key();
};

/// All of them, and the socket to which requests come.
class server_core final : public conversation_owner {
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
    inline void decided(conversation& one, const transfer_record& record) noexcept override;
    inline void no_more_counted(conversation& one) noexcept override;
    inline void proven(conversation& one, std::size_t unproven_bytes) noexcept override;
    inline void remove(conversation& one) noexcept override;
    [[nodiscard]] std::size_t size() const noexcept { return undecided_; }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

  private:
    /// An answer needs some time, so a request does not replace a transfer whose request came together with it.
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

    handlers serves_;
    inbox requests_;

    event_loop* loop_ = nullptr;
    serving* waiter_ = nullptr;
    std::optional<async_descriptor> ready_;
    std::unique_ptr<reception> reception_;
    patience grace_{*this};
    std::unordered_multimap<endpoint, std::unique_ptr<conversation>, client_hash> all_;
    std::size_t undecided_ = 0;                              // the others stay a while, see settings::dally
    queue unproven_;                                         // undecided, and the client has not answered yet
    queue dallying_;                                         // decided
    std::unordered_map<ip_address, std::size_t, client_hash> of_client_;  // undecided ones of it
    std::uint64_t dropped_ = 0;
    bool is_stopping_ = false;
    std::exception_ptr failure_;
};

/// The wait of run().
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
    /// Begins a stop. The transfers that are under way go on until the grace ends.
    void cancelled() noexcept override {
        was_cancelled_ = true;
        whole_.begin_stop();
    }
    server_core& whole_;
    bool was_cancelled_ = false;
};

// ---- all of them

inline server_core::server_core(udp_socket&& bound, handlers&& serves, server_options&& options)
    : conversation_owner{std::move(bound), std::move(options)},
      serves_{std::move(serves)},
      requests_{options_.single_port ? std::size_t{16} : 32, options_.single_port ? std::size_t{65'535} : 1024} {}

inline void server_core::begin(serving& waiter, event_loop& loop) {
    if (waiter_) throw std::logic_error{"this TFTP server is already running"};
    make_room_for_data();
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
/// Resumes run() after a stop, when the last transfer has ended.
inline void server_core::settle() noexcept {
    if (!is_stopping_ || !waiter_) return;
    // A stop does not wait for transfers that dally. They go at the next turn, because this may be a call of theirs.
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
/// Reports that the client of this conversation has answered. So it has forgotten an earlier transfer of the same
/// request, and on a single port every earlier transfer.
inline void server_core::proven(conversation& one, std::size_t unproven_bytes) noexcept {
    if (!one.is_decided()) queue::take_out(one);
    unproven_pace_.give_back(one.client().address(), unproven_bytes);
    const auto is_earlier = [&](const auto& each) {
        const conversation& other = *each.second;
        return &other != &one && !other.is_decided() && other.is_proven() &&
               (options_.single_port || other.is_for(one.request()));
    };
    const auto [begin, end] = all_.equal_range(one.client());
    const auto found = std::find_if(begin, end, is_earlier);
    if (found != end) found->second->forget(std::errc::connection_aborted, "the client has begun anew");
}
/// Ends the oldest transfer that stays only because its last acknowledgment may be lost. It goes when the loop resumes
/// its task. Returns false if no transfer stays.
inline bool server_core::send_away_oldest() noexcept {
    if (!dallying_.oldest()) return false;
    conversation& one = *dallying_.oldest();
    queue::take_out(one);
    one.leave();
    return true;
}
inline conversation* server_core::oldest_unproven(const ip_address* of) const noexcept {
    conversation* one = unproven_.oldest();
    while (one && of && one->client().address() != *of) one = one->later();
    return one;
}
/// Ends a transfer whose client has not answered, to make room for a new transfer: the oldest, or the oldest of an
/// address. Returns false if there is no such transfer.
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
/// Returns false if the client is to ask again: transfers of its address may make room, in a moment. (If none of them
/// will it is refused, see attempt().)
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
        } catch (const std::system_error&) {  // no request would be received any more: run() throws it
            if (!failure_) failure_ = std::current_exception();
            begin_stop();
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
/// Hands a datagram to its transfer. On a single port a client may have two transfers: the earlier has moved, and the
/// later waits for its first answer.
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
    if (what.what == opcode::error) {  // it does not say which of them it means
        give_to(*earlier);
        return give_to(*later);
    }
    if (later->is_first_answer(what)) return give_to(*later);
    // If the client goes on with the earlier transfer, the later request was a late copy.
    const std::uint64_t before = earlier->blocks();
    earlier->take(datagram.sender, datagram.bytes, now);
    const bool has_moved = earlier->blocks() != before;
    if (earlier->advance(now)) earlier->leave();
    if (has_moved) later->forget(std::errc::connection_aborted, "a request that came late");
}

/// Returns true if the request is a copy, and belongs to a transfer that is there. Otherwise makes way for a new
/// transfer. A client that repeats its request after the end of its transfer has done with it. On a single port so has
/// a client that asks for something else, because the two transfers could not be told apart.
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
    // A shortage: transfers whose client has not answered, or that are over, have what is needed, perhaps. Each gives
    // up its file at once, and its socket when the loop comes to it. To open a file below the root takes some more.
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
        if (!request.mode)
            throw std::system_error{make_error_code(error::illegal_operation), "unknown mode: use octet or netascii"};
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
/// Makes a socket for a transfer, bound to the address to which the request came.
inline netnotes::socket server_core::own_socket(const arrival& datagram, bool gets_windows) const {
    ip_address from = datagram.local;
    if (from.is_unspecified() && datagram.sender.address().is_v6()) from = ipv6_address::any();
    const socket_address local = endpoint{from, 0};
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
    // A window must find room in the kernel until the loop has its turn. There a datagram takes more than its bytes.
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
/// A client that gets no answer repeats its request until its patience ends.
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
        // The client is not told the attempt, which may name a path. It gets the system's words.
        refuse(datagram, code, why.code() == make_error_code(error::not_defined) ? words : meaning);
        // To std::error_code an error without a number means success.
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

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_SERVER_CORE_HPP
