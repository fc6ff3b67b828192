// netnotes/tftp/outbox.hpp: the datagrams of a transfer that carry no data
// SPDX-License-Identifier: MIT
//
// A transfer keeps the last request, acknowledgment or error that it said to its peer, because it may have to say that
// again. To strangers it says only that they have no part in the transfer, one at a time (RFC 1350 §4).
//
// On this page:  outbox
// Above it:      tftp/transfer.hpp

#ifndef NETNOTES_TFTP_OUTBOX_HPP
#define NETNOTES_TFTP_OUTBOX_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "../ip/endpoint.hpp"
#include "packet.hpp"

namespace netnotes::tftp::detail {

/// Room for a datagram to the peer, and for a datagram to a stranger. A `take` function returns no bytes if nothing
/// must be sent. The bytes are valid until the next call of any member.
class outbox {
  public:
    /// Prepares a request. Returns false if no request can carry the name.
    bool prepare_request(opcode what, std::string_view file_name, mode how, const options& wished) noexcept {
        size_ = write_request(room_, what, file_name, how, wished);
        return size_ != 0;
    }
    void prepare_option_acknowledgment(const options& granted) noexcept {
        size_ = write_option_acknowledgment(room_, granted);
    }
    /// Cuts the options off the request that was prepared.
    void drop_options() noexcept {  // they begin behind the mode
        const auto end_of_text = [&](auto begin) { return std::find(begin, room_.end(), std::byte{0}) + 1; };
        size_ = static_cast<std::size_t>(end_of_text(end_of_text(room_.begin() + 2)) - room_.begin());
    }
    void acknowledge(std::uint16_t block) noexcept {
        size_ = write_acknowledgment(room_, block);
        is_full_ = true;
    }
    void tell_error(error code, std::string_view message) noexcept {
        size_ = write_error(room_, code, message);
        is_full_ = true;
    }
    /// Sends again the datagram that was sent or prepared last.
    void say_again() noexcept { is_full_ = size_ > 0; }
    void say_nothing() noexcept { is_full_ = false; }
    [[nodiscard]] std::span<const std::byte> take() noexcept {
        if (!std::exchange(is_full_, false)) return {};
        return std::span{room_}.first(size_);
    }

    /// Tells a stranger that it has no part in this transfer. Passes over it while another stranger waits.
    void refuse(const endpoint& stranger) noexcept {
        if (stranger_size_ != 0) return;
        stranger_ = stranger;
        stranger_size_ = write_error(stranger_room_, error::unknown_transfer_id, to_string(error::unknown_transfer_id));
    }
    [[nodiscard]] std::span<const std::byte> take_refusal() noexcept {
        return std::span{stranger_room_}.first(std::exchange(stranger_size_, 0));
    }
    [[nodiscard]] const endpoint& stranger() const noexcept { return stranger_; }

  private:
    std::array<std::byte, max_request_size> room_{};
    std::size_t size_ = 0;
    bool is_full_ = false;
    endpoint stranger_{};
    std::array<std::byte, 32> stranger_room_{};
    std::size_t stranger_size_ = 0;
};

}  // namespace netnotes::tftp::detail

#endif  // NETNOTES_TFTP_OUTBOX_HPP
