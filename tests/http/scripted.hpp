// tests/http/scripted.hpp: clients for tests of a web server: one from a script, without a network, and one over TCP
// SPDX-License-Identifier: MIT

#ifndef NETNOTES_TESTS_HTTP_SCRIPTED_HPP
#define NETNOTES_TESTS_HTTP_SCRIPTED_HPP

#include <netnotes/http/server.hpp>

#include "../back_end.hpp"
#include "../support.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace http = netnotes::http;
using namespace std::chrono_literals;

// ---- a client without a network: it says its pieces, and then it leaves, stays silent or fails

enum class ending { leaves, is_silent, fails };

/// What a scripted client says and hears. The stream is moved into the server, so this stays outside.
struct script {
    std::vector<std::string> pieces;
    ending end = ending::leaves;
    std::size_t most_sent = std::string::npos;  // the number of bytes that the client takes
    std::string heard{};
    std::size_t sends = 0, calls = 0;
    std::size_t most_offered = 0;  // the bytes that one call of send() was given
    std::size_t fails_at = std::string::npos;  // the number of the call that fails: of recv() and send() together
    std::size_t most_at_once = std::string::npos;  // the bytes that one call of send() takes
    net::duration pause{};                         // before each piece
    net::duration send_pause{};                    // before each call of send() takes bytes
    bool has_shut_down = false, is_closed = false;
};
class scripted_stream {
  public:
    explicit scripted_stream(script& all) : all_{&all} {}
    net::task<std::size_t> recv(net::mutable_buffer buffer) {
        fail_in_turn();
        if (next_ == all_->pieces.size()) {
            if (all_->end == ending::fails) throw std::system_error{ECONNRESET, std::system_category(), "scripted"};
            if (all_->end == ending::is_silent) co_await net::sleep_for(24h);
            co_return std::size_t{0};
        }
        if (all_->pause > net::duration::zero()) {  // counted from the first call, however often that is withdrawn
            if (!due_) due_ = net::event_loop::current().now() + all_->pause;
            const net::duration left = *due_ - net::event_loop::current().now();
            if (left > net::duration::zero()) co_await net::sleep_for(left);
        }
        std::string& piece = all_->pieces[next_];
        const std::size_t size = std::min(piece.size(), buffer.size());
        std::copy_n(piece.data(), size, reinterpret_cast<char*>(buffer.data()));
        piece.erase(0, size);
        if (piece.empty()) {
            ++next_;
            due_.reset();
        }
        co_return size;
    }
    net::task<std::size_t> send(net::const_buffer bytes) {
        fail_in_turn();
        if (all_->heard.size() >= all_->most_sent) co_await net::sleep_for(24h);
        if (all_->send_pause > net::duration::zero()) co_await net::sleep_for(all_->send_pause);
        ++all_->sends;
        all_->most_offered = std::max(all_->most_offered, bytes.size());
        const std::size_t size = std::min({bytes.size(), all_->most_sent - all_->heard.size(), all_->most_at_once});
        all_->heard += net::as_text(bytes.first(size));
        co_return size;
    }
    void shutdown(net::shutdown_direction) { all_->has_shut_down = true; }
    void close() noexcept { all_->is_closed = true; }

  private:
    void fail_in_turn() const {
        if (all_->calls++ == all_->fails_at) throw std::system_error{ECONNRESET, std::system_category(), "scripted"};
    }
    script* all_;
    std::size_t next_ = 0;
    std::optional<net::time_point> due_;  // of the next piece
};
static_assert(net::async_byte_stream<scripted_stream>);

inline std::vector<std::string> told;
inline void tell(const net::socket_address&, const std::exception& failure) { told.emplace_back(failure.what()); }
inline std::vector<std::string> logged;
inline void log_line(std::string_view line) { logged.emplace_back(line); }

/// Lets a server talk to the scripted client, on a clock that jumps. Returns how long that took.
template <class Handler>
net::duration play(script& client, Handler handler, http::server_options options = {}) {
    told.clear();
    logged.clear();
    options.on_error = tell;
    options.on_access = log_line;
    net::loop_options how;
    how.virtual_time = true;
    test_loop loop{how};
    net::duration took{};
    const auto main = [&]() -> net::task<> {
        const auto begin = loop.now();
        try {
            co_await http::converse(scripted_stream{client}, handler, options);
        } catch (const std::exception& error) {
            told.emplace_back(error.what());
        }
        took = loop.now() - begin;
    };
    loop.run(main());
    return took;
}
/// The answers without their Date, which changes.
inline std::string heard(const script& client) {
    std::string text = client.heard;
    for (std::size_t at = 0; (at = text.find("Date: ", at)) != text.npos;)
        text.erase(at, text.find("\r\n", at) + 2 - at);
    return text;
}
template <class Handler>
std::string answers(std::string_view request, Handler handler, http::server_options options = {}) {
    script client{{std::string{request}}};
    play(client, handler, options);
    return heard(client);
}

inline http::response echo_path(http::request& ask) { return {200, ask.path() + "\n", "text/plain"}; }
inline net::task<http::response> echo_body(http::request& ask) {
    const std::string body = co_await ask.text();
    co_return http::response{200, std::string{ask.method_name()} + " " + body, "text/plain"};
}
inline std::string get(std::string_view path, std::string_view more = "") {
    return "GET " + std::string{path} + " HTTP/1.1\r\nHost: a\r\n" + std::string{more} + "\r\n";
}
inline std::string post(std::string_view body, std::string_view more = "") {
    return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string{more} + "Content-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string{body};
}
inline std::string ok(std::string_view body, std::string_view more = "") {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" + std::string{more} +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string{body};
}

// ---- over sockets

/// Plays a client beside a server, in one loop, and then stops the server.
template <class Stream = net::async_stream, class Handler, class Client>
void play_over_tcp(Handler handler, Client client, http::server_options options = {}) {
    told.clear();
    options.on_error = tell;
    test_loop loop;
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    const net::endpoint where = listener.local_endpoint();
    const auto both = [&]() -> net::task<> {
        auto server = net::spawn(http::serve<Stream>(std::move(listener), handler, options));
        co_await client(where, server);
        server.cancel();
        std::error_code how;
        try {
            co_await server.join();
        } catch (const std::system_error& error) {
            how = error.code();
        }
        CHECK(how == std::errc::operation_canceled);
    };
    loop.run(both());
}
/// Receives until `size` bytes have come, or the end.
inline net::task<std::string> receive(net::async_stream& from, std::size_t size) {
    std::string all;
    while (all.size() < size) {
        const auto bytes = co_await from.recv();
        if (bytes.empty()) break;
        all += net::as_text(bytes);
    }
    co_return all;
}
inline net::task<std::string> receive_until(net::async_stream& from, std::string end) {
    std::string all;
    while (all.find(end) == all.npos) {
        const auto bytes = co_await from.recv();
        if (bytes.empty()) break;
        all += net::as_text(bytes);
    }
    co_return all;
}

#endif  // NETNOTES_TESTS_HTTP_SCRIPTED_HPP
