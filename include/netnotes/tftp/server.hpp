// netnotes/tftp/server.hpp: a TFTP server, for thousands of transfers in one thread
// SPDX-License-Identifier: MIT
//
//     tftp::server server{{ipv6_address::any(), tftp::port}, tftp::serve_files("/srv/tftp")};
//     loop.run(server.run(), stop);
//
// A request comes to port 69. The server answers from another port, which it makes for this transfer alone. So the two
// ends tell their transfers apart (RFC 1350 §4).
//
//        :69     ── request ───> a new one? is there room? has the handler such a file?
//                                    │ no: an error, and that is all
//                                    └ yes: a conversation: the machine of tftp/transfer.hpp, on a socket of its own
//        :49152  ── datagrams ─> recvmmsg(2) ──> receive() ─┐
//                                the timer ────> expired() ─┤
//                <── a window ── sendmsg(2) <─── next()  <──┘
//
// Some NATs let in only datagrams from the port to which the client has written. Then the answers must come from port
// 69, too. With `single_port` all transfers share one socket, and the client's address and port tell them apart.
//
// The server answers from the address that was asked; see tftp/datagrams.hpp. It does not answer a request to a
// broadcast or multicast address (RFC 1123 §4.2.3.5).
//
// A client that gets no answer repeats its request. While its transfer has not been acknowledged, an identical request
// from the same port begins no second transfer. Once the client has acknowledged something, the same request means that
// the client was started again, or that the network has delayed a copy. So a second transfer begins beside the first,
// and the client decides: if it answers the second, the first is forgotten.
//
// A sender address can be forged. Then the answers go to a victim that did not ask, and they may be larger than the
// request. A forger can cause these answers:
//
//        request of 10 bytes, no options     2 blocks (516 bytes each): 104 times its bytes
//        request with options                3 option acknowledgments, each hardly longer than the request
//        request that is refused or broken   1 error: its code and one line
//        ... and an acknowledgment, forged   nothing: it must go to the transfer's own port, which the forger does not
//                                            know (one of 28,232 with Linux's default range)
//        ... the same with `single_port`     the first window, once: at most 64 KiB; then one datagram at each timeout
//
// Two rates limit these answers. Until a client at an address has acknowledged something, the server sends it at most
// server_options::unproven_rate bytes a second, after a first burst of four seconds' worth. With `single_port` the
// server sends at most single_port_rate bytes a second to an address in all.
//
// Some risks remain. A forger can have all these bytes sent to a victim, by many requests, and with `single_port` by
// forged acknowledgments. A forger that knows a client's port can end its transfer by a forged error. For this it must
// guess the server's port (with `single_port` it knows the port). Under a flood of forged requests a new transfer keeps
// its place only until max_transfers newer requests have come. So a client on a slow path may have to ask again. With
// `single_port` forged acknowledgments also keep places, each until settings::patience ends.
//
// On this page:  server
// The notes:     TFTP下载过程 (port 69, and a new port for the transfer); example 14

#ifndef NETNOTES_TFTP_SERVER_HPP
#define NETNOTES_TFTP_SERVER_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "../coro/task.hpp"
#include "../udp/socket.hpp"
#include "server_core.hpp"
#include "service.hpp"

namespace netnotes::tftp {

/// A server for one socket. Not for two threads at once; it must outlive its run().
class server {
  public:
    /// Binds, and serves nothing yet. Throws std::system_error: errc::address_in_use; errc::permission_denied below
    /// port 1024; std::invalid_argument for limits out of range.
    server(const endpoint& where, handlers serves, server_options options = {});
    /// Takes a socket that is bound already. Throws std::invalid_argument for limits out of range.
    server(udp_socket bound, handlers serves, server_options options = {});
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server();

    /// Returns the address and port to which it is bound.
    [[nodiscard]] endpoint local_endpoint() const;
    /// Serves, in the loop that runs it, until it is cancelled or stop() is called. Then it answers no request any
    /// more. Transfers that are under way go on for options.grace; then they are broken off with an error. It returns
    /// when the last transfer has ended. If it was cancelled it throws netnotes::cancelled then; if its socket fails it
    /// throws std::system_error.
    [[nodiscard]] task<> run();
    /// Begins a stop, after which run() returns. Call it in the loop's thread.
    void stop() noexcept;

    /// Returns how many transfers are under way.
    [[nodiscard]] std::size_t size() const noexcept;
    /// Returns the number of requests that were not answered, or whose transfer was dropped for a newer request before
    /// the client had answered. The reasons are too many transfers, no descriptor, no memory, or too many bytes to
    /// their address: see server_options.
    [[nodiscard]] std::uint64_t dropped() const noexcept;

  private:
    std::unique_ptr<detail::server_core> core_;
};

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
