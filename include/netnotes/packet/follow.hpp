// netnotes/packet/follow.hpp: following TCP streams through a capture
// SPDX-License-Identifier: MIT
//
// Segments go in, in the order in which they were captured. The bytes of each stream come out in the order in which the
// programs sent them:
//
//        captured:   1-100   301-400   101-200   1-100 again              the receiver acknowledges 401
//        events:     data    (kept)    data      retransmission           gap of 100 bytes, data 301-400
//
// A segment behind a gap is kept until the gap is filled. Most gaps are filled, because TCP sends lost bytes again. The
// follower stops waiting for a gap for only three reasons. The receiver acknowledged bytes behind the gap: then it has
// them, and only the capture lacks them. Or the memory is used up. Or the capture ends. That the other side speaks, or
// that a FIN arrives, proves nothing.
//
// A FIN behind a gap is only a claim, because anybody can forge it. The stream ends there when everything before the FIN
// was reported. If bytes behind the FIN come first, or an acknowledgment of such bytes, the FIN is reported as `outside`
// and ignored. So it hides no bytes. Of two FINs behind a gap the first counts.
//
// A hostile sender sends the same bytes twice with different content, so that the observer and the receiver read
// different texts. Here the bytes that came first count, and each difference is an event.
//
// Memory has a bound, and no clock runs. If the bound is reached, the streams that were silent longest are dropped.
//
// On this page:  tcp_segment · tcp_stream, stream_event · follow_limits · tcp_follower
// Source:        RFC 9293 §3.4, §3.10.7
// The notes:     TCP三次握手, 网络分析工具 (follow stream)

#ifndef NETNOTES_PACKET_FOLLOW_HPP
#define NETNOTES_PACKET_FOLLOW_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "../ip/endpoint.hpp"
#include "frame.hpp"
#include "pieces.hpp"
#include "tcp.hpp"

namespace netnotes::packet {

/// A segment of TCP with the addresses of its packet.
struct tcp_segment {
    ip_address source{};
    ip_address destination{};
    tcp_view header;               ///< with the payload, as far as it was captured
    std::size_t payload_size = 0;  ///< bytes of the payload on the wire; at least what header.payload() has

    /// Takes the segment out of a frame. Returns nullopt if the frame has no TCP header, and for a fragment, which
    /// reassembly.hpp joins with the others first. The frame's bytes must outlive the segment.
    [[nodiscard]] static constexpr std::optional<tcp_segment> from(const frame_view& frame) noexcept {
        const auto header = frame.tcp();
        if (!header || frame.is_fragment()) return std::nullopt;
        const std::size_t size = transport_payload_size(frame);
        if (const auto packet = frame.ipv4())
            return tcp_segment{packet->source(), packet->destination(), *header, size};
        if (const auto packet = frame.ipv6())
            return tcp_segment{packet->source(), packet->destination(), *header, size};
        return std::nullopt;
    }
};

/// Says which end of a stream has sent. The client has opened the connection; if the beginning is not in the capture,
/// the client is the end whose segment was seen first.
enum class stream_side : std::uint8_t { client, server };

/// A connection of TCP.
struct tcp_stream {
    std::uint64_t number = 0;  ///< counted from 0 in the order in which the streams appear, as Wireshark's tcp.stream
    endpoint client{};
    endpoint server{};
    bool has_beginning = false;  ///< its first segment was a SYN
};

/// An observation of the follower. It is valid during the call of the handler only.
struct stream_event {
    /// The kind of an observation.
    enum class kind : std::uint8_t {
        opened,          ///< a new stream; always its first event
        data,            ///< `bytes` are the next bytes of the side
        gap,             ///< `size` bytes are missing, and will not come: see `reason`
        retransmission,  ///< `size` bytes from `at` on had arrived before
        conflict,        ///< `size` of the bytes that had arrived before differ, the first at `at`; the old bytes count
        outside,         ///< what cannot belong here is ignored: bytes far away or behind the end, a FIN that
                         ///< disagrees (`at` is its number, `size` is 0), or a RST
        finished,        ///< the side has sent its FIN, and all bytes before it were reported
        reset,           ///< the side has sent a RST
        dropped,         ///< the stream was forgotten to save memory; always its last event
    };
    /// Why bytes are missing.
    enum class gap_reason : std::uint8_t {
        acknowledged,  ///< the receiver has the bytes; the capture has not
        memory,        ///< no more memory to wait for them
        end,           ///< the capture ended, or a new connection has the same ports
    };
    kind what{};
    const tcp_stream& stream;
    stream_side side{};
    sequence at{};                       ///< the number of the first byte that the event is about
    std::size_t size = 0;                ///< bytes
    std::span<const std::byte> bytes{};  ///< of data
    gap_reason reason{};                 ///< of a gap
};

/// Bounds for the memory of a tcp_follower.
struct follow_limits {
    /// Bytes that all streams together may take: bytes behind gaps, the history, and the cost of managing them. A
    /// stream needs about a kilobyte; with less nothing is followed.
    std::size_t max_memory = 64 << 20;
    /// How many of the last reported bytes of each side are kept, to compare retransmissions with. With 0 a
    /// retransmission is compared with bytes behind a gap only.
    std::size_t history = 4096;
};

namespace detail {

/// A reference to a handler, without an allocation. It is valid during the call that it was made for.
class event_sink {
  public:
    template <class Handler>
    explicit event_sink(Handler& handler) noexcept
        : handler_{const_cast<void*>(static_cast<const void*>(std::addressof(handler)))},
          call_{[](void* to, const stream_event& event) { (*static_cast<Handler*>(to))(event); }} {}
    void operator()(const stream_event& event) const { call_(handler_, event); }

  private:
    void* handler_;
    void (*call_)(void*, const stream_event&);
};

}  // namespace detail

/// Follows all TCP streams of a capture. Use one object in one thread at a time.
///
///     tcp_follower follower{{.max_memory = 16 << 20}};
///     follower.add(segment, [&](const stream_event& event) {
///         if (event.what == stream_event::kind::data) …
///     });
///
/// Each function passes its events to the handler, in order, before it returns. The handler must not call the follower.
/// An exception of the handler leaves the function; then only the destructor may be called.
class tcp_follower {
  public:
    tcp_follower() = default;
    explicit tcp_follower(const follow_limits& limits) : limits_{limits} {}
    tcp_follower(const tcp_follower&) = delete;
    tcp_follower& operator=(const tcp_follower&) = delete;

    /// Takes the next segment of the capture. Throws std::bad_alloc, and any exception of the handler.
    template <class Handler>
    void add(const tcp_segment& segment, Handler&& handler) {
        add_to(segment, detail::event_sink{handler});
    }
    /// Ends the capture: reports what is still behind gaps. The streams are not forgotten.
    template <class Handler>
    void finish(Handler&& handler) {
        const detail::event_sink sink{handler};
        for (auto each = streams_.rbegin(); each != streams_.rend(); ++each)
            flush(*each, stream_event::gap_reason::end, sink);
    }

    /// Returns how many streams are known.
    [[nodiscard]] std::size_t size() const noexcept { return streams_.size(); }
    /// Returns how many bytes the streams take, never more than follow_limits::max_memory.
    [[nodiscard]] std::size_t memory() const noexcept { return memory_; }

  private:
    using kind = stream_event::kind;
    /// The bytes that one side sends. Places count from the first byte of the side, which has place 0.
    struct half {
        std::optional<sequence> initial{};  // the number of the SYN, seen or computed
        std::optional<sequence> next{};     // the number of the next byte to report; nullopt until a segment was seen
        std::uint64_t place = 0;            // of that byte
        detail::pieces behind_gap{};
        std::optional<std::uint64_t> end{};  // place of the FIN; a claim until is_finished, behind all kept bytes
        bool is_finished = false;            // everything before the FIN was reported
        std::vector<std::byte> history{};    // the last bytes before `place`
    };
    using ends = std::pair<endpoint, endpoint>;  // the smaller first
    struct stream {
        tcp_stream about;
        ends key;
        std::array<half, 2> halves{};
        bool is_reset = false;
    };
    using place = std::list<stream>::iterator;
    static constexpr std::size_t stream_cost = sizeof(stream) + sizeof(ends) + 160;  // with the nodes of list and map
    static constexpr std::int64_t max_window = std::int64_t{1} << 30;                // RFC 7323 §2.3

    static std::size_t cost(const half& of) noexcept { return of.behind_gap.memory() + of.history.capacity(); }
    static std::int64_t place_of(const half& of, sequence number) noexcept {
        return static_cast<std::int64_t>(of.place) + (number - *of.next);
    }
    static sequence number_of(const half& of, std::uint64_t where) noexcept {
        return *of.next + static_cast<std::uint32_t>(where - of.place);
    }
    static stream_event event(kind what, const stream& of, stream_side side, sequence at, std::size_t size) noexcept {
        return {.what = what, .stream = of.about, .side = side, .at = at, .size = size};
    }

    void add_to(const tcp_segment& segment, const detail::event_sink& sink);
    stream& find(const tcp_segment& segment, stream_side& side, const detail::event_sink& sink);
    void acknowledge(stream& in, stream_side side, sequence number, const detail::event_sink& sink);
    void end_at(stream& in, stream_side side, std::uint64_t where, const detail::event_sink& sink);
    void deny_end(stream& in, stream_side side, const detail::event_sink& sink);
    void accept(stream& in, stream_side side, std::uint64_t where, std::span<const std::byte> bytes,
                const detail::event_sink& sink);
    void keep(stream& in, stream_side side, std::uint64_t where, std::span<const std::byte> bytes,
              const detail::event_sink& sink);
    void report_repetition(const stream& in, stream_side side, std::uint64_t where,
                           const detail::pieces::insertion& done, const detail::event_sink& sink);
    void report_data(stream& in, stream_side side, std::span<const std::byte> bytes, const detail::event_sink& sink);
    void report_gap(stream& in, stream_side side, std::uint64_t to, stream_event::gap_reason reason,
                    const detail::event_sink& sink);
    void drain(stream& in, stream_side side, const detail::event_sink& sink);
    void flush(stream& in, stream_event::gap_reason reason, const detail::event_sink& sink);
    void remember(half& in, std::span<const std::byte> bytes);
    bool forget_history(stream& in) noexcept;
    bool make_room(std::size_t size, const stream* keep, const detail::event_sink& sink);
    void forget(place which);

    follow_limits limits_;
    std::list<stream> streams_;  // the stream that was silent longest is the last
    std::map<ends, place> known_;
    std::size_t memory_ = 0;
    std::uint64_t next_number_ = 0;
};

// ---- Which stream --------------------------------------------------------------------------------------

inline void tcp_follower::forget(place which) {
    for (const half& each : which->halves) memory_ -= cost(each);
    memory_ -= stream_cost;
    known_.erase(which->key);
    streams_.erase(which);
}

/// Drops streams until that much memory is free. `keep` stays. Returns false if that is not enough.
inline bool tcp_follower::make_room(std::size_t size, const stream* keep, const detail::event_sink& sink) {
    while (memory_ + size > limits_.max_memory) {
        if (streams_.empty() || &streams_.back() == keep) return false;
        stream& oldest = streams_.back();
        flush(oldest, stream_event::gap_reason::memory, sink);
        sink(event(kind::dropped, oldest, stream_side::client, {}, 0));
        forget(std::prev(streams_.end()));
    }
    return true;
}

inline tcp_follower::stream& tcp_follower::find(const tcp_segment& segment, stream_side& side,
                                                const detail::event_sink& sink) {
    const endpoint from{segment.source, segment.header.source_port()};
    const endpoint to{segment.destination, segment.header.destination_port()};
    const ends key = from < to ? ends{from, to} : ends{to, from};
    const tcp_flags flags = segment.header.flags();
    auto found = known_.find(key);
    if (found != known_.end()) {
        stream& in = *found->second;
        side = from == in.about.client && from != in.about.server ? stream_side::client
               : from == in.about.server                          ? stream_side::server
                                                                  : stream_side::client;
        const half& mine = in.halves[static_cast<std::size_t>(side)];
        // A new connection with the same ports begins with another number (RFC 6528). A SYN with the same number is
        // sent again, even after a RST, which may have come from a router on the way.
        const bool is_first = flags.syn() && !flags.ack();
        const bool is_new = is_first && mine.initial && *mine.initial != segment.header.sequence_number();
        if (is_first) in.is_reset = false;
        if (!is_new) {
            streams_.splice(streams_.begin(), streams_, found->second);
            return in;
        }
        flush(in, stream_event::gap_reason::end, sink);
        forget(found->second);
    }
    const bool is_answer = flags.syn() && flags.ack();
    side = is_answer ? stream_side::server : stream_side::client;
    make_room(stream_cost, nullptr, sink);
    streams_.push_front({.about = {.number = next_number_,
                                   .client = is_answer ? to : from,
                                   .server = is_answer ? from : to,
                                   .has_beginning = flags.syn()},
                         .key = key});
    try {
        known_.emplace(key, streams_.begin());
    } catch (...) {
        streams_.pop_front();
        throw;
    }
    memory_ += stream_cost;
    ++next_number_;
    sink(event(kind::opened, streams_.front(), side, segment.header.sequence_number(), 0));
    return streams_.front();
}

// ---- What a segment says -------------------------------------------------------------------------------

inline void tcp_follower::add_to(const tcp_segment& segment, const detail::event_sink& sink) {
    const tcp_flags flags = segment.header.flags();
    const sequence number = segment.header.sequence_number();
    if (limits_.max_memory < stream_cost) return;
    stream_side side{};
    stream& in = find(segment, side, sink);
    half& mine = in.halves[static_cast<std::size_t>(side)];
    if (flags.ack()) {
        acknowledge(in, side == stream_side::client ? stream_side::server : stream_side::client,
                    segment.header.acknowledgment_number(), sink);
    }
    const sequence first = flags.syn() ? number + 1 : number;  // of the payload
    if (flags.rst() && !mine.next) {  // the number of a segment that refuses a connection may be 0
        if (!std::exchange(in.is_reset, true)) sink(event(kind::reset, in, side, number, 0));
        return;
    }
    if (!mine.initial) mine.initial = first - 1;
    if (!mine.next) mine.next = first;
    const std::int64_t where = place_of(mine, first), now = static_cast<std::int64_t>(mine.place);
    const auto payload = segment.header.payload();
    const std::int64_t end = where + static_cast<std::int64_t>(std::max(segment.payload_size, payload.size()));
    const bool is_behind_end = mine.end && end > where && end > static_cast<std::int64_t>(*mine.end);
    if (where > now + max_window || where < now - max_window || (is_behind_end && mine.is_finished) ||
        (flags.rst() && where < now))
        return sink(event(kind::outside, in, side, number, payload.size()));
    if (flags.rst()) {
        if (!std::exchange(in.is_reset, true)) sink(event(kind::reset, in, side, number, 0));
        return;
    }
    if (is_behind_end) deny_end(in, side, sink);
    // A keep-alive repeats the last byte, with any content, or no byte (RFC 9293 §3.8.4).
    const bool is_keep_alive = payload.size() <= 1 && where == now - 1 && !flags.syn() && !flags.fin();
    if (!payload.empty() && !is_keep_alive) {
        if (where >= 0) {
            accept(in, side, static_cast<std::uint64_t>(where), payload, sink);
        } else {  // bytes from before the first segment that was captured
            const std::size_t early = std::min(static_cast<std::size_t>(-where), payload.size());
            sink(event(kind::retransmission, in, side, first, early));
            if (early < payload.size()) accept(in, side, 0, payload.subspan(early), sink);
        }
    }
    if (flags.fin() && !mine.is_finished && end >= static_cast<std::int64_t>(mine.place))
        end_at(in, side, static_cast<std::uint64_t>(end), sink);
    drain(in, side, sink);
}

/// Takes a FIN that lies where the reported bytes end, or behind a gap.
inline void tcp_follower::end_at(stream& in, stream_side side, std::uint64_t where, const detail::event_sink& sink) {
    half& of = in.halves[static_cast<std::size_t>(side)];
    if (where > of.place) {
        const bool agrees = of.end ? *of.end == where : of.behind_gap.end() <= where;
        if (!agrees) return sink(event(kind::outside, in, side, number_of(of, where), 0));
        of.end = where;
        return;
    }
    if (of.end && *of.end != where) deny_end(in, side, sink);
    of.end = where;
    memory_ -= of.behind_gap.memory();
    const std::size_t behind = of.behind_gap.cut_at(where);
    memory_ += of.behind_gap.memory();
    if (behind > 0) sink(event(kind::outside, in, side, number_of(of, where), behind));
}

/// Forgets a FIN that lies behind a gap, because the sender has sent more.
inline void tcp_follower::deny_end(stream& in, stream_side side, const detail::event_sink& sink) {
    half& of = in.halves[static_cast<std::size_t>(side)];
    const std::uint64_t where = *of.end;
    of.end.reset();
    sink(event(kind::outside, in, side, number_of(of, where), 0));
}

/// What the receiver has acknowledged is no longer missing in the stream, but in the capture.
inline void tcp_follower::acknowledge(stream& in, stream_side side, sequence number, const detail::event_sink& sink) {
    half& of = in.halves[static_cast<std::size_t>(side)];
    if (!of.initial) of.initial = number - 1;
    if (!of.next) return;
    const std::int64_t where = place_of(of, number);
    if (of.end && !of.is_finished && where > static_cast<std::int64_t>(*of.end) + 1) deny_end(in, side, sink);
    while (!of.behind_gap.empty() && where > static_cast<std::int64_t>(of.behind_gap.first())) {
        report_gap(in, side, of.behind_gap.first(), stream_event::gap_reason::acknowledged, sink);
        drain(in, side, sink);
    }
    if (of.behind_gap.empty() && of.end && of.place < *of.end && where > static_cast<std::int64_t>(*of.end)) {
        report_gap(in, side, *of.end, stream_event::gap_reason::acknowledged, sink);
        drain(in, side, sink);
    }
}

inline void tcp_follower::accept(stream& in, stream_side side, std::uint64_t where, std::span<const std::byte> bytes,
                                 const detail::event_sink& sink) {
    half& to = in.halves[static_cast<std::size_t>(side)];
    if (where > to.place) return keep(in, side, where, bytes, sink);
    // Repeated bytes are compared with the history. Bytes that wait behind a gap came first, too.
    detail::pieces::insertion done;
    const std::size_t old = static_cast<std::size_t>(std::min<std::uint64_t>(to.place - where, bytes.size()));
    const std::size_t known = std::min(static_cast<std::size_t>(to.place - where), to.history.size());
    const std::size_t skipped =
        static_cast<std::size_t>(to.place - where) - known;  // bytes that are not known any more
    if (skipped < old)
        detail::pieces::compare(done, where + skipped, bytes.subspan(skipped, old - skipped),
                                std::span<const std::byte>{to.history}.last(known));
    done.repeated = old;
    auto fresh = bytes.subspan(old);
    to.behind_gap.compare_with(done, to.place, fresh);
    report_repetition(in, side, where, done, sink);
    while (!fresh.empty()) {
        const std::uint64_t start = to.place;
        std::size_t size = fresh.size();
        if (!to.behind_gap.empty())
            size = static_cast<std::size_t>(std::min<std::uint64_t>(size, to.behind_gap.first() - to.place));
        if (size > 0) report_data(in, side, fresh.first(size), sink);
        drain(in, side, sink);
        fresh = fresh.subspan(static_cast<std::size_t>(std::min<std::uint64_t>(to.place - start, fresh.size())));
    }
}

/// Keeps bytes behind a gap, if there is room for them. Otherwise the follower stops waiting for the stream's first gap,
/// and for the next one, until there is room, or until these bytes are the next ones.
inline void tcp_follower::keep(stream& in, stream_side side, std::uint64_t where, std::span<const std::byte> bytes,
                               const detail::event_sink& sink) {
    half& to = in.halves[static_cast<std::size_t>(side)];
    while (!make_room(to.behind_gap.cost_of(where, bytes.size()), &in, sink)) {
        if (forget_history(in)) continue;
        const std::uint64_t first = to.behind_gap.empty() ? where : std::min(where, to.behind_gap.first());
        report_gap(in, side, first, stream_event::gap_reason::memory, sink);
        if (first < where) drain(in, side, sink);
        if (where <= to.place) return accept(in, side, where, bytes, sink);
    }
    memory_ -= to.behind_gap.memory();
    detail::pieces::insertion done;
    try {
        done = to.behind_gap.insert(where, bytes);
    } catch (...) {
        memory_ += to.behind_gap.memory();
        throw;
    }
    memory_ += to.behind_gap.memory();
    report_repetition(in, side, where, done, sink);
}

// ---- What is reported ----------------------------------------------------------------------------------

inline void tcp_follower::report_repetition(const stream& in, stream_side side, std::uint64_t where,
                                            const detail::pieces::insertion& done, const detail::event_sink& sink) {
    const half& of = in.halves[static_cast<std::size_t>(side)];
    if (done.repeated > 0) sink(event(kind::retransmission, in, side, number_of(of, where), done.repeated));
    if (done.different > 0) sink(event(kind::conflict, in, side, number_of(of, done.difference_at), done.different));
}

inline void tcp_follower::remember(half& in, std::span<const std::byte> bytes) {
    const std::size_t most = limits_.history;
    if (most == 0) return;
    if (in.history.capacity() == 0) {
        if (most > limits_.max_memory - memory_) return;  // no stream is dropped for it
        in.history.reserve(most);
        memory_ += in.history.capacity();
    }
    bytes = bytes.last(std::min(bytes.size(), most));
    const std::size_t stays = std::min(in.history.size(), most - bytes.size());
    in.history.erase(in.history.begin(), in.history.end() - static_cast<std::ptrdiff_t>(stays));
    in.history.insert(in.history.end(), bytes.begin(), bytes.end());
}

/// Gives the memory of both histories back. Returns false if there was none.
inline bool tcp_follower::forget_history(stream& in) noexcept {
    const std::size_t before = memory_;
    for (half& each : in.halves) {
        memory_ -= each.history.capacity();
        std::vector<std::byte>{}.swap(each.history);  // (`history = {}` would keep the memory)
    }
    return memory_ < before;
}

inline void tcp_follower::report_data(stream& in, stream_side side, std::span<const std::byte> bytes,
                                      const detail::event_sink& sink) {
    half& of = in.halves[static_cast<std::size_t>(side)];
    stream_event data = event(kind::data, in, side, *of.next, bytes.size());
    data.bytes = bytes;
    of.place += bytes.size();
    *of.next += static_cast<std::uint32_t>(bytes.size());
    remember(of, bytes);
    sink(data);
}

inline void tcp_follower::report_gap(stream& in, stream_side side, std::uint64_t to, stream_event::gap_reason reason,
                                     const detail::event_sink& sink) {
    half& of = in.halves[static_cast<std::size_t>(side)];
    const auto size = static_cast<std::size_t>(to - of.place);
    stream_event gap = event(kind::gap, in, side, *of.next, size);
    gap.reason = reason;
    of.place = to;
    *of.next += static_cast<std::uint32_t>(size);
    of.history.clear();  // its bytes must be those just before `place`
    sink(gap);
}

inline void tcp_follower::drain(stream& in, stream_side side, const detail::event_sink& sink) {
    half& of = in.halves[static_cast<std::size_t>(side)];
    while (!of.behind_gap.empty() && of.behind_gap.first() == of.place) {
        memory_ -= of.behind_gap.memory();
        const auto bytes = of.behind_gap.take_first();
        memory_ += of.behind_gap.memory();
        report_data(in, side, bytes, sink);
    }
    if (of.end && of.place == *of.end && !std::exchange(of.is_finished, true))
        sink(event(kind::finished, in, side, *of.next, 0));
}

inline void tcp_follower::flush(stream& in, stream_event::gap_reason reason, const detail::event_sink& sink) {
    for (const stream_side side : {stream_side::client, stream_side::server}) {
        half& of = in.halves[static_cast<std::size_t>(side)];
        while (!of.behind_gap.empty()) {
            report_gap(in, side, of.behind_gap.first(), reason, sink);
            drain(in, side, sink);
        }
        if (of.end && of.place < *of.end) {
            report_gap(in, side, *of.end, reason, sink);
            drain(in, side, sink);
        }
    }
}

}  // namespace netnotes::packet

#endif  // NETNOTES_PACKET_FOLLOW_HPP
