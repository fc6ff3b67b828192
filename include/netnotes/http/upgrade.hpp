// netnotes/http/upgrade.hpp: a connection that another protocol takes over
// SPDX-License-Identifier: MIT
//
// A client may ask to speak another protocol on the same connection: `Upgrade: websocket`. If the handler agrees, its
// response has the status 101, and the bytes behind the head belong to the new protocol:
//
//        client                                        http::serve()
//          GET /chat ... Upgrade: x      ─────────>      handler(ask) ──> response 101 with an upgrade as its source
//                                        <─────────      HTTP/1.1 101 Switching Protocols
//          bytes of x  <──────────────────────────>      upgrade::converse(connection)
//
// In a response the source sends the bytes behind the head. So here it is the whole conversation, and response needs no
// member for this rare case. By the time the conversation begins, the request is gone: take what you need out of it
// before.
//
// On this page:  for authors of protocols: upgraded_connection · upgrade · detail::upgraded_link
// Below it:      http/link.hpp, http/message.hpp
// Above it:      http/exchange.hpp, which calls converse(); http/websocket_peer.hpp, a protocol
// Sources:       RFC 9110 §7.8

#ifndef NETNOTES_HTTP_UPGRADE_HPP
#define NETNOTES_HTTP_UPGRADE_HPP

#include <sys/socket.h>

#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>

#include "../coro/stream.hpp"
#include "../coro/task.hpp"
#include "link.hpp"
#include "message.hpp"
#include "server_options.hpp"

namespace netnotes::http {

/// The connection of an upgraded request, whatever stream carries it. One task may receive while another task sends.
class upgraded_connection {
  public:
    upgraded_connection() noexcept = default;
    upgraded_connection(const upgraded_connection&) = delete;
    upgraded_connection& operator=(const upgraded_connection&) = delete;

    /// Waits for the next bytes and returns them, first the bytes that came with the request. They are valid until the
    /// next co_await. No bytes: the peer has ended its stream, or the server stops. Throws std::system_error,
    /// errc::timed_out after `limit` without a byte.
    [[nodiscard]] virtual task<std::string_view> receive(duration limit) = 0;
    /// Sends all bytes, which must stay valid meanwhile. Throws errc::timed_out if the kernel takes none for `limit`.
    [[nodiscard]] virtual task<> send(std::string_view bytes, duration limit) = 0;
    /// Sends these few bytes without waiting, also in a task that is cancelled. Returns false if that is not possible.
    virtual bool send_at_once(std::string_view bytes) noexcept = 0;
    /// Ends the connection with a reset. A task that waits for it fails.
    virtual void abort() noexcept = 0;
    /// Returns true after a stop request to the server.
    [[nodiscard]] virtual bool is_stopping() const noexcept = 0;
    /// Hands an exception to server_options::on_error.
    virtual void report(const std::exception& failure) const noexcept = 0;

  protected:
    ~upgraded_connection() = default;
};

class upgrade;

namespace detail {
// Lets the other protocol use a connection of the server.
using carrier = task<> (*)(upgrade& next, peer_link<async_stream>& link, const server_state& server);
inline task<> carry(upgrade& next, peer_link<async_stream>& link, const server_state& server);
}  // namespace detail

/// What follows a response 101: give it to the response as its source.
class upgrade : public body_source {
  public:
    /// Carries the conversation over a connection of the server. Only a program that makes an upgrade contains that
    /// code.
    const detail::carrier over_tcp = &detail::carry;

    /// Speaks the other protocol until the conversation ends; then the server closes the connection. An exception makes
    /// that a reset, so that the peer can tell.
    [[nodiscard]] virtual task<> converse(upgraded_connection& peer) = 0;
    [[nodiscard]] upgrade* as_upgrade() noexcept final { return this; }
    /// A conversation is no body: it has no pieces.
    task<std::span<const std::byte>> next() final { co_return std::span<const std::byte>{}; }
};

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Takes the other protocol out of a response 101. Returns nullptr for other responses.
[[nodiscard]] inline std::unique_ptr<upgrade> take_upgrade(response& answer) noexcept {
    upgrade* const next = answer.source ? answer.source->as_upgrade() : nullptr;
    if (!next || answer.status != status::switching_protocols) return nullptr;
    static_cast<void>(answer.source.release());
    return std::unique_ptr<upgrade>{next};
}

/// Hides the type of the stream.
template <class Stream>
class upgraded_link final : public upgraded_connection {
  public:
    upgraded_link(peer_link<Stream>& link, const server_state& server) noexcept : link_{link}, server_{server} {}

    task<std::string_view> receive(duration limit) override {
        if (link_.unused().empty()) {
            link_.limit(limit);
            if constexpr (has_lent_recv<Stream>) {
                link_.drop_used();
                const auto bytes = co_await link_.stream.recv();
                co_return as_text(bytes);
            } else {
                constexpr std::size_t room = 4096;
                const bool is_more = co_await link_.receive(room);
                if (!is_more) co_return std::string_view{};
            }
        }
        const std::string_view bytes = link_.unused();
        link_.use(bytes.size());
        co_return bytes;
    }
    task<> send(std::string_view bytes, duration limit) override {
        using link = peer_link<Stream>;
        co_await link_.send(bytes, link::slow_peer::fails, link::follows::nothing, limit);
    }
    bool send_at_once(std::string_view bytes) noexcept override {
        if constexpr (std::is_same_v<Stream, async_stream>) {
            const auto sent =
                ::send(link_.stream.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            return sent == static_cast<ssize_t>(bytes.size());
        } else {
            return false;
        }
    }
    void abort() noexcept override { link_.abort(); }
    [[nodiscard]] bool is_stopping() const noexcept override { return server_.is_stopping(); }
    void report(const std::exception& failure) const noexcept override {
        if (server_.options.on_error) server_.options.on_error(link_.peer(), failure);
    }

  private:
    peer_link<Stream>& link_;
    const server_state& server_;
};

inline task<> carry(upgrade& next, peer_link<async_stream>& link, const server_state& server) {
    upgraded_link<async_stream> peer{link, server};
    co_await next.converse(peer);
}

}  // namespace detail

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_UPGRADE_HPP
