// netnotes/lan/cable.hpp: what a cable does to a frame
// SPDX-License-Identifier: MIT
//
// A cable has two ends. A frame that goes in at one end comes out at the other end, later. Pushing all its bits into
// the cable takes time (the rate), and then each bit needs time for the way (the delay).
//
//        A ├───────────── 10 ms, 100 Mbit/s ─────────────┤ S1
//
//        a frame of 1,514 bytes:  123 us until its last bit is in the cable, and 10 ms until that bit is out
//
// Real cables, and above all radio links, lose frames. Networks also deliver frames twice or in another order. Here all
// of that happens on request: by chance with a stated probability, or to a certain frame.
//
//        cable.lose_nth(3);                           // the third frame that enters from now on does not arrive
//        cable.cut_at(2s);                            // from this time on nothing arrives
//        cable.judge = [](unsigned from, const lan::frame& entering) { ... };   // your own decision about each frame
//
// On this page:  frame · fate · cable_settings
// The notes:     Packet Tracer; 网线 (cables)

#ifndef NETNOTES_LAN_CABLE_HPP
#define NETNOTES_LAN_CABLE_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "event.hpp"

namespace netnotes::lan {

/// The bytes of an Ethernet frame, from the destination address to the end of the payload, without the CRC. A value
/// that is cheap to copy: copies share the bytes, which nobody can change. A hub that repeats a frame to ten ports
/// copies no byte.
class frame {
  public:
    /// Creates a frame without bytes. No cable transports it.
    frame() noexcept = default;
    /// Takes the bytes. Throws std::bad_alloc only.
    explicit frame(std::vector<std::byte> bytes)
        : bytes_{std::make_shared<const std::vector<std::byte>>(std::move(bytes))} {}

    /// Returns the bytes; a copy of the frame shares them.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
        return bytes_ ? std::span<const std::byte>{*bytes_} : std::span<const std::byte>{};
    }
    /// Returns the number of bytes.
    [[nodiscard]] std::size_t size() const noexcept { return bytes_ ? bytes_->size() : 0; }
    /// Returns true if the frame has no bytes.
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  private:
    std::shared_ptr<const std::vector<std::byte>> bytes_;
};

/// The fate of a frame that enters a cable.
enum class fate : std::uint8_t {
    delivered,
    delayed,     ///< arrives later than frames that entered after it
    doubled,     ///< arrives twice
    lost,        ///< by chance
    taken_out,   ///< by lose_nth(), or by cable::judge
    cut,         ///< the cable is cut
    too_long,    ///< longer than the cable's MTU and an Ethernet header
    overflowed,  ///< too many frames wait for the cable, because its rate is too low
};

/// Returns what a capture says about a frame of this fate, for example `lost on the way`. It is empty for delivered.
[[nodiscard]] constexpr std::string_view to_string(fate what) noexcept {
    switch (what) {
        case fate::delivered: return "";
        case fate::delayed: return "delayed: later frames overtake it";
        case fate::doubled: return "arrives twice";
        case fate::lost: return "lost on the way";
        case fate::taken_out: return "lost on the way, as the script says";
        case fate::cut: return "lost: the cable is cut";
        case fate::too_long: return "dropped: longer than the MTU of the cable";
        case fate::overflowed: return "dropped: too many frames wait for the cable";
    }
    return "";
}
/// Returns true if the frame reaches the other end.
[[nodiscard]] constexpr bool arrives(fate what) noexcept {
    return what == fate::delivered || what == fate::delayed || what == fate::doubled;
}

/// Returns a probability in the unit of cable_settings: per_cent(1) is 10,000 of a million.
[[nodiscard]] constexpr std::uint32_t per_cent(std::uint32_t percentage) noexcept { return percentage * 10'000; }

/// The properties of a cable. Probabilities are parts of a million, from 0 to 1,000,000; each frame is judged by
/// itself.
struct cable_settings {
    /// How long a bit is on its way. 10 us is the delay of two kilometres of glass fibre. Must not be negative.
    virtual_time delay = std::chrono::microseconds{10};
    /// Bits per second in each direction; 0 stands for no limit. A frame takes its own time and that of 24 bytes more:
    /// the preamble, the CRC, and the gap between frames (IEEE 802.3 §3.1.1, §4.4.2).
    std::uint64_t rate = 0;
    /// Most bytes of an IP packet. The interfaces at both ends take it over.
    std::size_t mtu = 1500;
    std::uint32_t loss = 0;                                ///< probability that a frame is lost
    std::uint32_t duplication = 0;                         ///< probability that a frame arrives twice
    std::uint32_t reordering = 0;                          ///< probability that a frame is delayed by `lateness`
    virtual_time lateness = std::chrono::milliseconds{1};  ///< must not be negative
    std::size_t max_queue = 1000;  ///< frames that wait for a cable with a limited rate, in each direction
};

}  // namespace netnotes::lan

#endif  // NETNOTES_LAN_CABLE_HPP
