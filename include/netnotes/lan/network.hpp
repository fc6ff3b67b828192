// netnotes/lan/network.hpp: nodes, cables between them, and the loop that moves frames
// SPDX-License-Identifier: MIT
//
// A network holds nodes and cables. A node is anything with ports: a host, a switch, or a class of your own. It hears
// of two things only: a frame has arrived at a port, or a time has come.
//
//        class repeater : public lan::node {
//          public:
//            repeater(lan::network& net, std::string_view name) : node{net, name} { add_ports(2); }
//            std::string_view kind() const noexcept override { return "repeater"; }
//            void receive(unsigned port, const lan::frame& frame) override { send(1 - port, frame); }
//        };
//        ...
//        auto& r = net.add<repeater>("R");
//        net.connect(a, r);                           // takes the next free port; r[1] names a certain port
//
// The network moves in three ways. step() goes on to the next frame that arrives somewhere: it is the button "Forward"
// of Packet Tracer. run() goes on until nothing happens any more. run_until() goes on to a point in time.
//
// Everything that entered a cable is kept, also what the cable lost: passages() returns it, and save() writes a capture
// file with an interface for each cable, which Wireshark opens.
//
// On this page:  port · node · passage · cable · network
// The notes:     Packet Tracer; examples 32 to 34

#ifndef NETNOTES_LAN_NETWORK_HPP
#define NETNOTES_LAN_NETWORK_HPP

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../packet/names.hpp"
#include "../packet/pcapng.hpp"
#include "cable.hpp"
#include "event.hpp"

namespace netnotes::lan {

class network;
class node;
class cable;
class hub;
class learning_switch;
class ip_node;
class host;
class router;

/// A port of a node, for network::connect(). A node converts to its next free port.
struct port {
    node* owner = nullptr;
    unsigned number = 0;
    port(node& which);
    port(node& which, unsigned index) noexcept : owner{&which}, number{index} {}
};

/// Anything with ports. Derive from it, and let the network create it: `net.add<my_node>("X")`. The network owns its
/// nodes and keeps them in their places, so references to them stay valid as long as the network.
class node {
  public:
    /// Takes a name of 1 to 32 characters: letters, digits, `-`, `_` and `.`. Throws std::invalid_argument for another
    /// name, and if a node of the network has the name already.
    node(network& net, std::string_view name);
    virtual ~node() = default;
    node(const node&) = delete;
    node& operator=(const node&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Returns the network of the node.
    [[nodiscard]] network& net() const noexcept { return *net_; }
    /// Returns the number of the node, counted from 1 in the order of creation.
    [[nodiscard]] unsigned number() const noexcept { return number_; }
    [[nodiscard]] unsigned port_count() const noexcept { return static_cast<unsigned>(ports_.size()); }
    /// Returns the cable at a port, or nullptr if the port has no cable or does not exist.
    [[nodiscard]] cable* cable_at(unsigned port) const noexcept {
        return port < ports_.size() ? ports_[port].wire : nullptr;
    }
    /// Returns a port, for network::connect(). Throws std::out_of_range for a port that the node does not have.
    [[nodiscard]] port operator[](unsigned number);
    /// Returns the hardware address of a port: 02:00, the node's number in two bytes, and the port's number in two
    /// bytes. Hubs and switches do not use it.
    [[nodiscard]] packet::mac_address port_address(unsigned port) const noexcept {
        return packet::mac_address{std::uint64_t{0x0200} << 32 | std::uint64_t{number_ & 0xffff} << 16 |
                                   (port & 0xffff)};
    }

    /// Returns what the node is, for maps and tables, for example `host`.
    [[nodiscard]] virtual std::string_view kind() const noexcept { return "node"; }
    /// Returns the tables of the node as text, one line for each entry. It is empty if the node has none.
    [[nodiscard]] virtual std::string tables() const { return {}; }
    /// Returns the node as a device of that kind, or nullptr. A router is a host, too. It works without run-time type
    /// information.
    [[nodiscard]] virtual learning_switch* as_switch() noexcept { return nullptr; }
    [[nodiscard]] virtual ip_node* as_ip_node() noexcept { return nullptr; }
    [[nodiscard]] virtual host* as_host() noexcept { return nullptr; }
    [[nodiscard]] virtual router* as_router() noexcept { return nullptr; }
    /// Treats a frame that has arrived at a port. The frame may be kept.
    virtual void receive(unsigned port, const frame& arrived) = 0;

  protected:
    /// Adds ports without a cable.
    void add_ports(unsigned count) { ports_.resize(ports_.size() + count); }
    /// Sends a frame into the cable at a port. Without a cable the frame is lost, as on a real port.
    void send(unsigned port, const frame& out);
    /// Returns true if connect() may add ports to the node. A hub and a switch have as many ports as they need.
    [[nodiscard]] virtual bool grows() const noexcept { return false; }
    /// Called after a cable was connected to a port.
    virtual void connected(unsigned port) { (void)port; }

  private:
    friend network;
    friend port;
    struct port_state {
        cable* wire = nullptr;
        unsigned end = 0;  // 0 or 1: which end of the cable
    };
    [[nodiscard]] unsigned free_port();

    network* net_;
    std::string name_;
    unsigned number_;
    std::vector<port_state> ports_;
};

/// A frame that entered a cable, and its fate.
struct passage {
    virtual_time sent{};     ///< when the node sent it
    virtual_time arrived{};  ///< when it is at the other end; of a lost frame, when it would be
    const cable* wire = nullptr;
    unsigned from = 0;  ///< the end where it entered, 0 or 1
    lan::fate fate{};
    lan::frame frame{};

    /// Returns the node at the end where the frame went in, or where it came out.
    [[nodiscard]] const node& sender() const noexcept;
    [[nodiscard]] const node& receiver() const noexcept;
};

/// A cable between two ports.
class cable {
  public:
    /// Decides about a frame; `from` is the end where it enters. Return fate::delivered to let the cable decide.
    using judgement = std::function<fate(unsigned from, const frame& entering)>;

    /// The settings of the cable. You may change them at any time. It counts for frames that enter from then on.
    cable_settings settings;
    /// If set, this function judges each frame first. For tests and demonstrations.
    judgement judge;

    /// Returns the node at an end, 0 or 1. End 0 was named first in network::connect().
    [[nodiscard]] node& end(unsigned which) const noexcept { return *ends_[which & 1].owner; }
    /// Returns the number of the port at an end.
    [[nodiscard]] unsigned port_at(unsigned which) const noexcept { return ends_[which & 1].number; }
    /// Returns the names of both ends, for example `A–S1`. A node of several ports shows the number: `R.0–S1.2`.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Returns the number of the cable, counted from 0. It is its interface number in a capture file.
    [[nodiscard]] std::size_t number() const noexcept { return number_; }

    /// Takes out the n-th frame that enters from now on, counted from 1, in either direction. Several calls add up.
    /// Does nothing for 0.
    void lose_nth(std::uint64_t n) {
        if (n > 0) doomed_.push_back(entered_[0] + entered_[1] + n);
    }
    /// Takes out the n-th frame that enters at an end, 0 or 1, from now on.
    void lose_nth(std::uint64_t n, unsigned from) {
        if (n > 0) doomed_from_[from & 1].push_back(entered_[from & 1] + n);
    }
    /// Loses every frame that enters at this time or later, and every frame that would arrive then.
    void cut_at(virtual_time when) { cut_ = when; }
    /// Ends a cut at this time. Frames that were lost before stay lost.
    void mend_at(virtual_time when) { mend_ = when; }
    /// Returns true if the cable is cut at `when`.
    [[nodiscard]] bool is_cut(virtual_time when) const noexcept {
        return cut_ && when >= *cut_ && !(mend_ && *mend_ >= *cut_ && when >= *mend_);
    }
    /// Returns how many frames have entered at an end, 0 or 1, lost frames included.
    [[nodiscard]] std::uint64_t entered(unsigned from) const noexcept { return entered_[from & 1]; }

  private:
    friend network;
    cable(port a, port b, const cable_settings& how, std::size_t number)
        : settings{how}, ends_{a, b}, number_{number} {}
    static bool take_out(std::vector<std::uint64_t>& doomed, std::uint64_t number) {
        return std::erase(doomed, number) > 0;
    }

    std::array<port, 2> ends_;
    std::string name_;
    std::size_t number_;
    std::array<std::uint64_t, 2> entered_{};
    std::array<virtual_time, 2> busy_until_{};
    std::array<std::vector<virtual_time>, 2> queue_;  // when the waiting frames begin to enter
    std::vector<std::uint64_t> doomed_;
    std::array<std::vector<std::uint64_t>, 2> doomed_from_;
    std::optional<virtual_time> cut_, mend_;
};

/// A simulated network. It touches no real interface: it has no socket, no clock and no thread. Equal programs with
/// equal seeds make equal networks, byte by byte, on every machine. Use it in one thread at a time. It cannot be copied
/// or moved.
class network {
  public:
    using action = std::function<void()>;
    /// Says whether run() waits for a timer. A background timer, for example that of a periodic message, does not keep
    /// run() going.
    enum class timer_kind : std::uint8_t { foreground, background };

  private:
    struct happening {
        action call;  // of a timer
        frame arriving;
        const cable* wire = nullptr;
        std::size_t record = no_record;  // of the passage, and
        std::size_t generation = 0;      // how often passages had been forgotten before it was made
        unsigned end = 0;
        timer_kind kind = timer_kind::foreground;
    };
    static constexpr std::size_t no_record = static_cast<std::size_t>(-1);

  public:
    using timer = event_queue<happening>::ticket;

    /// Creates an empty network at the time 0.
    explicit network(std::uint64_t seed = 1) : random_{seed} {}
    network(const network&) = delete;
    network& operator=(const network&) = delete;

    // ---- Building

    /// Creates a node of your own class and returns it. Its constructor gets the network, the name, and the other
    /// arguments.
    template <std::derived_from<node> Node, class... Arguments>
    Node& add(std::string_view name, Arguments&&... arguments) {
        auto made = std::make_unique<Node>(*this, name, std::forward<Arguments>(arguments)...);
        Node& result = *made;
        by_name_.emplace(made->name(), made.get());
        nodes_.push_back(std::move(made));
        return result;
    }
    /// Creates a hub and returns it; include lan/switch.hpp.
    lan::hub& hub(std::string_view name);
    /// Creates a switch and returns it; include lan/switch.hpp.
    lan::learning_switch& learning_switch(std::string_view name);
    /// Creates a host with an interface such as `10.0.1.2/24`, and returns it; include lan/host.hpp. Throws
    /// parse_error.
    lan::host& host(std::string_view name, std::string_view interface);
    /// Creates a router with an interface for each text, and returns it; include lan/router.hpp. Throws parse_error.
    lan::router& router(std::string_view name, std::initializer_list<std::string_view> interfaces);

    /// Connects two ports by a cable, and returns the cable. Throws std::invalid_argument if a port has a cable
    /// already, if a node has no free port, if both ports are the same, or if a setting is out of range.
    cable& connect(port a, port b, const cable_settings& how = {});

    /// Returns the node with the name `name`, or nullptr.
    [[nodiscard]] node* find(std::string_view name) const noexcept {
        const auto found = by_name_.find(name);
        return found == by_name_.end() ? nullptr : found->second;
    }
    [[nodiscard]] std::span<const std::unique_ptr<node>> nodes() const noexcept { return nodes_; }
    [[nodiscard]] std::span<const std::unique_ptr<cable>> cables() const noexcept { return cables_; }

    // ---- Time

    /// Returns the virtual time.
    [[nodiscard]] virtual_time now() const noexcept { return now_; }
    /// Returns the generator of the network. Nodes of your own should use it too.
    [[nodiscard]] random_numbers& random() noexcept { return random_; }
    /// Calls `call` after `delay`. A negative delay counts as 0, and a longer delay than 146 years as 146 years.
    /// Returns a timer to cancel it with. Throws std::bad_alloc only.
    timer after(virtual_time delay, action call, timer_kind kind = timer_kind::foreground) {
        foreground_ += kind == timer_kind::foreground;
        happening what;
        what.call = std::move(call);
        what.kind = kind;
        return events_.add(now_ + std::clamp(delay, virtual_time{}, max_delay), std::move(what));
    }
    /// Cancels a timer. Returns false if it has been called already, was cancelled, or never was.
    bool cancel(timer which) noexcept {
        const happening* const found = events_.find(which);
        if (found == nullptr || !found->call) return false;
        foreground_ -= found->kind == timer_kind::foreground;
        return events_.cancel(which);
    }

    /// Moves on until a frame has arrived at a node and was treated there. Returns that frame's passage, which is valid
    /// until the network moves again. Returns nullptr if no frame is on its way and no foreground timer is left.
    const passage* step();
    /// Moves on until no frame is on its way and no foreground timer is left. Returns false if `max_events` events have
    /// happened before that. A loop of switches, for example, never comes to rest.
    bool run(std::size_t max_events = 1'000'000);
    /// Moves on to a point in time, and lets everything happen that happens until then. Returns false after
    /// `max_events` events; the time is then earlier. Does nothing if the time has passed already.
    bool run_until(virtual_time time, std::size_t max_events = 1'000'000);
    bool run_for(virtual_time duration, std::size_t max_events = 1'000'000) {
        return run_until(now_ + duration, max_events);
    }
    /// Returns how many events wait: frames on their way, and timers.
    [[nodiscard]] std::size_t pending() const noexcept { return events_.size(); }

    // ---- What has happened

    /// Returns every frame that has entered a cable, in the order of the times at which they were sent.
    [[nodiscard]] std::span<const passage> passages() const noexcept { return passages_; }
    /// Forgets the passages, for example what prepared an experiment.
    void forget_passages() noexcept {
        passages_.clear();
        ++generation_;
    }
    /// Keeps at most `max_count` passages from now on. Later frames are transported, but not kept.
    void keep_passages(std::size_t max_count) { max_passages_ = max_count; }
    /// Writes the passages as a pcapng file: an interface for each cable, with its name, and a comment at each frame
    /// that did not simply arrive. The time 0 is 1970-01-01. Errors of the stream are the stream's.
    void save(std::ostream& out) const;

  private:
    friend node;
    static constexpr std::size_t max_frames = 1'000'000;                // on their way at the same time
    static constexpr virtual_time max_delay = virtual_time::max() / 2;  // so that a time has room behind it
    void transmit(cable& wire, unsigned from, const frame& entering);
    void deliver(const cable& wire, unsigned from, const frame& entering, virtual_time when, std::size_t record);
    fate judge(cable& wire, unsigned from, const frame& entering);
    /// Lets the next event happen, if there is one.
    void happen();

    virtual_time now_{};
    random_numbers random_;
    event_queue<happening> events_;
    std::size_t foreground_ = 0;
    std::size_t frames_ = 0;
    std::vector<std::unique_ptr<node>> nodes_;
    std::vector<std::unique_ptr<cable>> cables_;
    std::map<std::string, node*, std::less<>> by_name_;
    std::vector<passage> passages_;
    std::size_t max_passages_ = 1'000'000;
    std::size_t generation_ = 0;
    passage last_;
    bool frame_arrived_ = false;
};

// ---- How it is done ------------------------------------------------------------------------------------

inline port::port(node& which) : owner{&which}, number{which.free_port()} {}

inline node::node(network& net, std::string_view name)
    : net_{&net}, name_{name}, number_{static_cast<unsigned>(net.nodes().size() + 1)} {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    };
    if (name.empty() || name.size() > 32 || !std::all_of(name.begin(), name.end(), fits))
        throw std::invalid_argument{netnotes::detail::quoted_beginning(name) +
                                    " is no name of a node: 1 to 32 letters, digits, '-', '_' and '.'"};
    if (net.find(name) != nullptr) throw std::invalid_argument{"two nodes have the name " + name_};
}
inline port node::operator[](unsigned number) {
    if (number >= port_count()) throw std::out_of_range{name_ + " has no port " + std::to_string(number)};
    return {*this, number};
}
inline unsigned node::free_port() {
    for (unsigned i = 0; i < port_count(); ++i)
        if (ports_[i].wire == nullptr) return i;
    if (!grows()) throw std::invalid_argument{name_ + " has no free port"};
    add_ports(1);
    return port_count() - 1;
}
inline void node::send(unsigned port, const frame& out) {
    if (port < ports_.size() && ports_[port].wire != nullptr) net_->transmit(*ports_[port].wire, ports_[port].end, out);
}

inline const node& passage::sender() const noexcept { return wire->end(from); }
inline const node& passage::receiver() const noexcept { return wire->end(1 - from); }

inline cable& network::connect(port a, port b, const cable_settings& how) {
    for (const port& each : {a, b}) {
        if (&each.owner->net() != this) throw std::invalid_argument{each.owner->name() + " is in another network"};
        if (each.number >= each.owner->port_count() || each.owner->cable_at(each.number) != nullptr)
            throw std::invalid_argument{"port " + std::to_string(each.number) + " of " + each.owner->name() +
                                        " has a cable already"};
    }
    if (a.owner == b.owner && a.number == b.number)
        throw std::invalid_argument{"a cable leads from " + a.owner->name() + " to the same port"};
    if (how.delay < virtual_time{} || how.lateness < virtual_time{})
        throw std::invalid_argument{"the delay of a cable is negative"};
    if (how.mtu < 68 || how.mtu > 65'535)  // RFC 791 §3.2: every module forwards 68 bytes without fragmentation
        throw std::invalid_argument{"an MTU is 68 to 65535 bytes, not " + std::to_string(how.mtu)};
    cables_.push_back(std::unique_ptr<cable>{new cable{a, b, how, cables_.size()}});
    cable& made = *cables_.back();
    for (unsigned end = 0; end < 2; ++end) {
        const port& at = made.ends_[end];
        at.owner->ports_[at.number] = {&made, end};
        if (end == 1) made.name_ += "\u2013";
        made.name_ += at.owner->name();
        if (at.owner->port_count() > 1 || at.owner->grows()) made.name_ += "." + std::to_string(at.number);
    }
    for (const port& each : made.ends_) each.owner->connected(each.number);
    return made;
}

inline fate network::judge(cable& wire, unsigned from, const frame& entering) {
    const std::uint64_t mine = ++wire.entered_[from], all = wire.entered_[0] + wire.entered_[1];
    if (entering.empty() || entering.size() > wire.settings.mtu + 14) return fate::too_long;
    if (wire.judge)
        if (const fate decided = wire.judge(from, entering); decided != fate::delivered) return decided;
    const bool by_all = cable::take_out(wire.doomed_, all), by_end = cable::take_out(wire.doomed_from_[from], mine);
    if (by_all || by_end) return fate::taken_out;
    if (random_.chance(wire.settings.loss)) return fate::lost;
    if (random_.chance(wire.settings.duplication)) return fate::doubled;
    if (random_.chance(wire.settings.reordering)) return fate::delayed;
    return fate::delivered;
}

inline void network::deliver(const cable& wire, unsigned from, const frame& entering, virtual_time when,
                             std::size_t record) {
    happening what;
    what.arriving = entering;
    what.wire = &wire;
    what.end = 1 - from;
    what.record = record;
    what.generation = generation_;
    events_.add(std::max(when, now_), std::move(what));  // a delay may have been made negative meanwhile
    ++frames_;
}

inline void network::transmit(cable& wire, unsigned from, const frame& entering) {
    const cable_settings& how = wire.settings;
    fate what = judge(wire, from, entering);
    virtual_time begins = now_, ends = now_;
    if (how.rate > 0 && what != fate::too_long) {
        auto& waiting = wire.queue_[from];
        std::erase_if(waiting, [this](virtual_time begin) { return begin <= now_; });
        begins = std::max(now_, wire.busy_until_[from]);
        const std::uint64_t bits = (std::max<std::size_t>(entering.size(), 60) + 24) * std::uint64_t{8};
        ends = begins + virtual_time{static_cast<std::int64_t>((bits * 1'000'000'000 + how.rate - 1) / how.rate)};
        if (waiting.size() >= how.max_queue) {
            what = fate::overflowed;
        } else {
            wire.busy_until_[from] = ends;
            if (begins > now_) waiting.push_back(begins);
        }
    }
    if (frames_ >= max_frames && arrives(what)) what = fate::overflowed;  // a loop of switches makes more and more
    virtual_time arrives_at = ends + how.delay;
    if (what == fate::delayed) arrives_at += how.lateness;
    if (wire.is_cut(now_) || (arrives(what) && wire.is_cut(arrives_at))) what = fate::cut;
    std::size_t record = no_record;
    if (passages_.size() < max_passages_) {
        record = passages_.size();
        passages_.push_back({now_, arrives_at, &wire, from, what, entering});
    }
    if (!arrives(what)) return;
    deliver(wire, from, entering, arrives_at, record);
    if (what == fate::doubled) deliver(wire, from, entering, arrives_at, record);
}

inline void network::happen() {
    auto next = events_.take();
    frame_arrived_ = false;
    if (!next) return;
    now_ = next->time;
    happening& what = next->event;
    if (what.call) {
        foreground_ -= what.kind == timer_kind::foreground;
        return what.call();
    }
    --frames_;
    frame_arrived_ = true;
    // The passage may have been forgotten meanwhile, so a copy serves step().
    last_ = {now_, now_, what.wire, 1 - what.end, fate::delivered, what.arriving};
    if (what.generation == generation_ && what.record < passages_.size()) last_ = passages_[what.record];
    what.wire->end(what.end).receive(what.wire->port_at(what.end), what.arriving);
}

inline const passage* network::step() {
    while (frames_ > 0 || foreground_ > 0) {
        happen();
        if (frame_arrived_) return &last_;
    }
    return nullptr;
}
inline bool network::run(std::size_t max_events) {
    for (; frames_ > 0 || foreground_ > 0; --max_events) {
        if (max_events == 0) return false;
        happen();
    }
    return true;
}
inline bool network::run_until(virtual_time time, std::size_t max_events) {
    for (auto next = events_.next_time(); next && *next <= time; next = events_.next_time(), --max_events) {
        if (max_events == 0) return false;
        happen();
    }
    now_ = std::max(now_, time);
    return true;
}

inline void network::save(std::ostream& out) const {
    packet::pcapng_writer writer{out, {.application = "netnotes"}};
    for (const auto& each : cables_) writer.add_interface({.name = each->name()});
    for (const passage& each : passages_)
        writer.write(static_cast<std::uint32_t>(each.wire->number()), packet::capture_time{each.sent},
                     each.frame.bytes(), {.comment = to_string(each.fate)});
}

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_NETWORK_HPP
