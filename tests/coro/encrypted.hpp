// tests/coro/encrypted.hpp: a stream of a test's own, which changes each byte on its way. It keeps no secret.

#pragma once

#include <netnotes/coro/byte_stream.hpp>
#include <netnotes/coro/stream.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace coro_tests {

class encrypted {
  public:
    encrypted(net::async_stream below) : below_{std::move(below)} {}
    net::task<std::size_t> recv(net::mutable_buffer buffer) {
        const std::size_t size = co_await below_.recv(buffer);
        for (std::byte& each : buffer.first(size)) each ^= key(received_++);
        co_return size;
    }
    net::task<std::size_t> send(net::const_buffer bytes) {
        std::string wire{net::as_text(bytes)};
        for (std::size_t i = 0; i < wire.size(); ++i) wire[i] = static_cast<char>(std::byte(wire[i]) ^ key(sent_ + i));
        const std::size_t size = co_await below_.send(wire);
        sent_ += size;
        co_return size;
    }
    void shutdown(net::shutdown_direction direction) { below_.shutdown(direction); }
    void close() noexcept { below_.close(); }

    /// What the bytes of one direction become, from its beginning on. To apply it twice gives the text again.
    static std::string cipher(std::string_view text) {
        std::string wire{text};
        for (std::size_t i = 0; i < wire.size(); ++i) wire[i] = static_cast<char>(std::byte(wire[i]) ^ key(i));
        return wire;
    }

  private:
    static std::byte key(std::size_t at) noexcept { return static_cast<std::byte>(0x5a + 7 * at); }
    net::async_stream below_;
    std::size_t received_ = 0, sent_ = 0;
};

}  // namespace coro_tests

using coro_tests::encrypted;
