// netnotes/tftp_server.hpp: a TFTP server, for thousands of transfers in one thread
// SPDX-License-Identifier: MIT      version 0.1.0      copy with: ip_text.hpp ip.hpp stop.hpp socket_address.hpp socket.hpp udp.hpp poll.hpp task.hpp timer_wheel.hpp scheduler.hpp io_operation.hpp io_uring.hpp event_loop.hpp async_descriptor.hpp tftp_packet.hpp tftp_transfer.hpp tftp_file.hpp tftp_datagrams.hpp
//
//     tftp::server server{{ipv6_address::any(), tftp::port}, tftp::serve_files("/srv/tftp")};
//     loop.run(server.run(), stop);
//
// A request comes to port 69, and is answered from another port that is made for this transfer alone: that is how the
// two ends tell their transfers apart (RFC 1350 §4).
//
//        :69     ── request ───> a new one? is there room? has the handler such a file?
//                                    │ no: an error, and that is all
//                                    └ yes: a conversation: the machine of tftp_transfer.hpp, on a socket of its own
//        :49152  ── datagrams ─> recvmmsg(2) ──> receive() ─┐
//                                the timer ────> expired() ─┤
//                <── a window ── sendmsg(2) <─── next()  <──┘
//
// Through a NAT that lets in only what comes from the port to which the client has written, the answers must come from
// port 69, too. With `single_port` there is one socket for all, and who is meant is told by the client's address and
// port.
//
// It answers from the address that was asked; see tftp_datagrams.hpp. What was sent to a broadcast or multicast address
// is not answered at all (RFC 1123 §4.2.3.5).
//
// A client who has heard nothing says his request again, and is not to get a second transfer for it: a request that
// comes again, byte by byte, from the same port while its transfer runs, is passed over.
//
// On this page:  file_request, handlers, serve_files · transfer_record · server_options · server
// The notes:     TFTP下载过程 (port 69, and a new port for the transfer); example 14

#ifndef NETNOTES_TFTP_SERVER_HPP
#define NETNOTES_TFTP_SERVER_HPP

#if defined(NETNOTES_VERSION) && NETNOTES_VERSION != 100
#error "netnotes headers of two versions meet here: take all of them from one release"
#endif
#define NETNOTES_VERSION 100  // major * 10000 + minor * 100 + patch

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

#include "async_descriptor.hpp"
#include "event_loop.hpp"
#include "tftp_datagrams.hpp"
#include "tftp_file.hpp"
#include "tftp_transfer.hpp"
#include "udp.hpp"

namespace netnotes::tftp {

/// What a client asks for.
struct file_request {
    endpoint client{};             ///< an IPv4 client as such, on a socket for both as well
    std::string_view file_name{};  ///< as it came: any bytes but NUL; valid during the call
    tftp::mode mode{};
    std::optional<std::uint64_t> size{};  ///< of what he would write: his word for it
};

/// Who has the files. Each is called in the loop's thread, which it must not keep waiting. To refuse it throws a
/// std::system_error: the client is told to_error(code), and what code.message() says; of error::not_defined, what().
/// One that is not there refuses all.
struct handlers {
    std::function<std::unique_ptr<source>(const file_request&)> read{};
    std::function<std::unique_ptr<sink>(const file_request&)> write{};
};
/// The files of a folder and the folders in it: see `directory`. They can be read, and with `writing` also written.
/// Throws std::system_error when there is no such folder.
[[nodiscard]] handlers serve_files(const std::string& root, std::optional<existing_file> writing = std::nullopt);

/// A transfer that has come to its end, or a request that was refused.
struct transfer_record {
    endpoint client{};
    opcode what{};  ///< read_request or write_request
    std::string file_name{};
    tftp::mode mode{};
    outcome result{};
    duration took{};

    /// One line: `192.0.2.7:50123 reads "motd": 1024 bytes in 0.021 s (512 × 1)`. What a stranger has sent is in it
    /// without its control characters.
    [[nodiscard]] std::string to_string() const;
};

struct server_options {
    /// The most that is granted to a client, and how long one waits for him: see settings.
    settings limits{.block_size = most_block_size,
                    .window_size = 64,
                    .dally = std::chrono::seconds{6},
                    .most_memory = std::size_t{512} << 10};
    /// How many at once. A request beyond is not answered, nor one for which there is no descriptor or no memory: it
    /// will be said again, and there may be room then. (Each but those on a single port has a descriptor, and one more
    /// for its file, and as many again may have their end behind them and stay for settings::dally; so three for each,
    /// see RLIMIT_NOFILE, getrlimit(2).)
    std::size_t most_transfers = 1000;
    /// From one address. A request beyond is refused.
    std::size_t most_per_client = 100;
    /// Bytes per second, 0 for no limit: of all together, and of each. What is granted of block and window sizes is
    /// then such that a window takes no more than a quarter of a second.
    std::uint64_t rate = 0;
    std::uint64_t rate_each = 0;
    /// All on one socket: see above.
    bool single_port = false;
    /// How long a stop lets those go on that are under way.
    duration grace = std::chrono::seconds{10};
    /// Told of each, when it is decided. What it throws ends the server, and comes out of run().
    std::function<void(const transfer_record&)> log{};
};

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
    /// error. It returns when nobody is served any more, however it was told so: cancelled, with
    /// errc::operation_canceled.
    [[nodiscard]] task<> run();
    /// The same without cancelling: run() then returns. In the loop's thread.
    void stop() noexcept;

    /// Transfers under way.
    [[nodiscard]] std::size_t size() const noexcept;
    /// Requests that were not answered because there were too many transfers, no descriptors or no memory.
    [[nodiscard]] std::uint64_t dropped() const noexcept;

  private:
    std::unique_ptr<detail::server_core> core_;
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// So many bytes in a second, and no more.
class pace {
  public:
    explicit pace(std::uint64_t rate) noexcept : rate_{rate} {}
    /// So much was sent. Until when does that suffice? A little may be made up for, as timers are late.
    time_point charge(std::size_t size, time_point now) noexcept {
        if (rate_ == 0) return now;
        free_ = std::max(free_, now - late) + duration{static_cast<duration::rep>(size * 1'000'000'000ull / rate_)};
        return free_;
    }

  private:
    static constexpr duration late = std::chrono::milliseconds{4};
    std::uint64_t rate_;
    time_point free_{};
};

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
    void take(const endpoint& from, std::span<const std::byte> datagram, time_point now) noexcept;
    /// Sends what is to be sent. True when nothing is left to do; then whoever has called this sees to its end.
    [[nodiscard]] bool advance(time_point now) noexcept;
    /// Its end: this will be destroyed, perhaps now.
    void leave() noexcept;
    /// The same, and the client is told.
    void abort(time_point now) noexcept;
    /// The same, and he is not: he has forgotten it himself.
    void forget() noexcept;
    [[nodiscard]] const endpoint& client() const noexcept { return asked_.client; }
    [[nodiscard]] bool is_decided() const noexcept { return is_told_; }
    [[nodiscard]] bool is_for(std::span<const std::byte> request) const noexcept {
        return std::ranges::equal(request, std::as_bytes(std::span{asked_.bytes}));
    }

  private:
    friend server_core;
    static constexpr duration until_there_is_room = std::chrono::milliseconds{2};
    task<> listen();
    void is_done() noexcept override;
    void expired() noexcept override;
    void tell(const outcome& result) noexcept;
    void keep(std::unique_ptr<source>&& from) noexcept { source_ = std::move(from); }
    void keep(std::unique_ptr<sink>&& into) noexcept { sink_ = std::move(into); }
    [[nodiscard]] bool is_upload() const noexcept { return asked_.record.what == opcode::write_request; }
    void charge(std::size_t size, time_point now) noexcept;
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
    pace pace_;
    time_point began_{}, paced_until_{};
    duration slack_{};  // of a deadline: how long we have kept the client waiting ourselves
    bool merges_;
    bool is_told_ = false;
    // Among those who are decided, of which the core keeps the order.
    conversation* later_ = nullptr;
    conversation** place_ = nullptr;
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
    void remove(conversation& one) noexcept;
    [[nodiscard]] netnotes::socket& socket() noexcept { return socket_; }
    [[nodiscard]] const server_options& options() const noexcept { return options_; }
    [[nodiscard]] inbox& inbox_for(bool is_upload) noexcept { return is_upload ? *data_ : acknowledgments_; }
    [[nodiscard]] bool kernel_can_segment() const noexcept { return kernel_can_segment_; }
    [[nodiscard]] time_point charge(std::size_t size, time_point now) noexcept { return pace_.charge(size, now); }

    [[nodiscard]] std::size_t size() const noexcept { return undecided_; }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

    static constexpr int most_batches = 4;  // then the others have their turn

  private:
    static constexpr int wished_room = 4 << 20;

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
    void begin_conversation(const arrival& datagram, const packet& request, time_point now) noexcept;
    template <class End>
    void converse(const arrival& datagram, const packet& request, const transfer_record& record,
                  std::unique_ptr<End> end, time_point now);
    [[nodiscard]] netnotes::socket own_socket(const arrival& datagram, bool gets_windows) const;
    [[nodiscard]] settings limits_for(const packet& request) const noexcept;
    void refuse(const arrival& datagram, error code, std::string_view message) noexcept;
    void refuse(const arrival& datagram, transfer_record& record, const std::system_error& why) noexcept;
    void refuse_for_failure(const arrival& datagram, transfer_record& record, const char* message) noexcept;
    void log(const transfer_record& record) noexcept;
    void settle() noexcept;
    void abort_all() noexcept;
    void unlink(conversation& one) noexcept;
    bool send_away_oldest() noexcept;
    void run_short() noexcept {
        ++dropped_;
        send_away_oldest();
    }

    netnotes::socket socket_;
    handlers serves_;
    server_options options_;
    std::size_t receive_room_ = 0;
    bool kernel_can_segment_ = false;
    inbox requests_;
    inbox acknowledgments_{4, 1024};
    std::optional<inbox> data_;
    pace pace_;

    event_loop* loop_ = nullptr;
    serving* waiter_ = nullptr;
    std::optional<async_descriptor> ready_;
    std::unique_ptr<reception> reception_;
    patience grace_{*this};
    std::unordered_multimap<endpoint, std::unique_ptr<conversation>> all_;
    std::size_t undecided_ = 0;       // the others stay a while, see settings::dally; ...
    conversation* oldest_ = nullptr;  // ... these are they
    conversation** newest_ = &oldest_;
    std::unordered_map<ip_address, std::size_t> of_client_;  // undecided ones of it
    std::uint64_t dropped_ = 0;
    bool is_stopping_ = false;
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
    unsent_ = {};  // what there was no room for; what has come may change what is to be said
    const std::uint64_t before = machine_.result().bytes;
    machine_.receive(from, datagram, now);
    // Not what has come again: it has, perhaps, because we take our time.
    if (is_upload()) charge(static_cast<std::size_t>(machine_.result().bytes - before), now);
}
inline void conversation::charge(std::size_t size, time_point now) noexcept {
    if (size == 0) return;
    paced_until_ = std::max(pace_.charge(size, now), whole_.charge(size, now));
    slack_ = std::max(paced_until_ - now, duration::zero());
}

inline bool conversation::advance(time_point now) noexcept {
    for (bool has_room = true; has_room;) {
        if (unsent_.bytes.empty()) {
            if (now < paced_until_ && !machine_.has_ended()) break;
            unsent_ = machine_.next();
            if (unsent_.bytes.empty()) break;
        }
        const std::size_t size = unsent_.bytes.size();
        const int by = own_.is_open() ? own_.native_handle() : whole_.socket().native_handle();
        if (unsent_.to == asked_.client) {
            has_room = send_run(by, client_, unsent_, merges_);
        } else {
            destination stranger;
            std::error_code unknown;
            stranger.to = netnotes::detail::to_socket_address(unsent_.to, unknown);
            has_room = unknown || send_run(by, stranger, unsent_, merges_);
            if (unknown) unsent_ = {};
        }
        if (!is_upload()) charge(size - unsent_.bytes.size(), now);
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
inline void conversation::expired() noexcept {
    const time_point now = loop().now();
    if (now >= patient_deadline()) {
        unsent_ = {};
        slack_ = {};
        machine_.expired(now);
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
inline void conversation::forget() noexcept {
    outcome result;
    result.error = std::make_error_code(std::errc::connection_aborted);
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
        for (int i = 0; i < server_core::most_batches && may_have_more; ++i) {
            const time_point now = loop().now();
            may_have_more =
                room.receive(own_.native_handle(), [&](const arrival& each) { take(each.sender, each.bytes, now); });
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
      pace_{options_.rate} {
    const settings& limits = options_.limits;
    if (limits.block_size < least_block_size || limits.block_size > most_block_size || limits.window_size == 0 ||
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
    if (options_.single_port) set(IPPROTO_UDP, UDP_GRO, 1);
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
    oldest_ = nullptr;
    newest_ = &oldest_;
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
    --undecided_;
    one.place_ = newest_;
    *newest_ = &one;
    newest_ = &one.later_;
    if (const auto count = of_client_.find(record.client.address()); count != of_client_.end() && --count->second == 0)
        of_client_.erase(count);
    log(record);
    settle();
}
inline void server_core::unlink(conversation& one) noexcept {
    if (!one.place_) return;
    *one.place_ = one.later_;
    (one.later_ ? one.later_->place_ : newest_) = std::exchange(one.place_, nullptr);
}
/// Somebody who has been served, and stays in case his last acknowledgment is lost, makes room for one who has not. He
/// goes when the loop comes to him. False when there is none.
inline bool server_core::send_away_oldest() noexcept {
    if (!oldest_) return false;
    conversation& one = *oldest_;
    unlink(one);
    one.leave();
    return true;
}
inline void server_core::remove(conversation& one) noexcept {
    unlink(one);
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
        for (int i = 0; i < most_batches && may_have_more; ++i) {
            const time_point now = loop_->now();
            may_have_more =
                requests_.receive(socket_.native_handle(), [&](const arrival& datagram) { take(datagram, now); });
        }
    }
}
inline void server_core::take(const arrival& datagram, time_point now) noexcept {
    const auto what = parse(datagram.bytes);
    if (!what || datagram.is_to_group) return;
    if (what->what == opcode::read_request || what->what == opcode::write_request)
        return begin_conversation(datagram, *what, now);
    if (const auto found = options_.single_port ? all_.find(datagram.sender) : all_.end(); found != all_.end()) {
        conversation& one = *found->second;
        one.take(datagram.sender, datagram.bytes, now);
        if (one.advance(now)) one.leave();
    } else if (what->what != opcode::error)
        refuse(datagram, error::unknown_transfer_id, to_string(error::unknown_transfer_id));
}

inline void server_core::begin_conversation(const arrival& datagram, const packet& request, time_point now) noexcept {
    if (is_stopping_ || datagram.sender.port() == 0) return;
    const auto [begin, end] = all_.equal_range(datagram.sender);
    auto same = end;  // ... and decided
    for (auto each = begin; each != end; ++each) {
        if (!each->second->is_for(datagram.bytes)) continue;
        if (!each->second->is_decided()) return;
        same = each;
    }
    // Who asks for the same again has done with the first, and so has, on one socket, who asks for something else: there
    // they could not be told apart.
    if (same != end)
        same->second->forget();
    else if (options_.single_port && begin != end)
        begin->second->forget();
    const bool are_too_many_here = all_.size() / 2 >= options_.most_transfers;
    if (undecided_ >= options_.most_transfers || (are_too_many_here && !send_away_oldest())) {
        ++dropped_;
        return;
    }
    transfer_record record{.client = datagram.sender, .what = request.what, .mode = request.mode.value_or(mode::octet)};
    try {
        record.file_name = request.file_name;
        const auto same_client = of_client_.find(datagram.sender.address());
        if (same_client != of_client_.end() && same_client->second >= options_.most_per_client)
            throw std::system_error{make_error_code(error::not_defined), "too many transfers at once"};
        if (!request.mode) throw std::system_error{make_error_code(error::illegal_operation), "an unknown mode"};
        file_request asked{datagram.sender, request.file_name, *request.mode, std::nullopt};
        if (request.what == opcode::read_request) {
            auto from = serves_.read ? serves_.read(asked) : nullptr;
            if (!from) throw std::system_error{make_error_code(error::access_violation), "read"};
            converse(datagram, request, record, std::move(from), now);
        } else {
            asked.size = request.options.transfer_size;
            auto into = serves_.write ? serves_.write(asked) : nullptr;
            if (!into) throw std::system_error{make_error_code(error::access_violation), "write"};
            converse(datagram, request, record, std::move(into), now);
        }
    } catch (const std::system_error& why) {
        for (const std::errc shortage : {std::errc::too_many_files_open, std::errc::too_many_files_open_in_system,
                                         std::errc::no_buffer_space, std::errc::not_enough_memory})
            if (why.code() == shortage) return run_short();
        refuse(datagram, record, why);
    } catch (const std::bad_alloc&) {
        run_short();
    } catch (const std::exception& failure) {  // in these words to us, and not to a stranger
        refuse_for_failure(datagram, record, failure.what());
    } catch (...) {
        refuse_for_failure(datagram, record, "");
    }
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
    std::array<std::byte, most_request_size> room;
    transfer::outgoing what{datagram.sender, std::span{room}.first(write_error(room, code, message)), room.size()};
    bool merges = false;
    send_run(socket_.native_handle(), datagram.answer, what, merges);
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
        record.result.message = std::move(words);
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
        record.result.message = message;
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

inline handlers serve_files(const std::string& root, std::optional<existing_file> writing) {
    const auto folder = std::make_shared<const directory>(root);
    handlers made;
    made.read = [folder](const file_request& what) -> std::unique_ptr<source> {
        return std::make_unique<file_source>(folder->open(what.file_name));
    };
    if (writing)
        made.write = [folder, policy = *writing](const file_request& what) -> std::unique_ptr<sink> {
            return std::make_unique<file_sink>(folder->create(what.file_name, policy));
        };
    return made;
}

inline std::string transfer_record::to_string() const {
    using std::to_string;
    std::string line = client.to_string();
    line += what == opcode::write_request ? " writes \"" : " reads \"";
    const auto add = [&line](std::string_view text) {
        for (const char c : text) line += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? '?' : c;
    };
    add(file_name);
    line += mode == mode::netascii ? "\" as text: " : "\": ";
    if (!result.is_whole()) {
        if (result.is_from_peer) line += "the client says: ";
        line += result.error.message();
        if (!result.message.empty()) {
            line += " (";
            add(result.message);
            line += ')';
        }
        return line;
    }
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    const std::string fraction = to_string(milliseconds % 1000 + 1000);
    line += to_string(result.bytes) + " bytes in " + to_string(milliseconds / 1000) + '.' + fraction.substr(1) + " s, ";
    line += to_string(result.window_size) + " × " + to_string(result.block_size);
    if (result.repeated > 0) line += ", " + to_string(result.repeated) + " sent again";
    return line;
}

}  // namespace netnotes::tftp

#endif  // NETNOTES_TFTP_SERVER_HPP
