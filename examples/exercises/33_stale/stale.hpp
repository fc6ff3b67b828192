// stale.hpp: a reactor_server whose events you write. Nothing runs beside your test, so each order of events is yours.
//
//     bench server;
//     auto a = server.connect("hello");             a client that has connected and sent "hello"
//     server.turn({server.newcomer()});             one wait of the server returns one event: a client is in the queue
//     server.turn({server.readable(0)});            the next one: the first client that was accepted has sent something
//     CHECK(server.received(0) == "hello");
//     CHECK(a.answer() == "ok");

#pragma once

#include <netnotes/server/reactor.hpp>
#include <netnotes/tcp.hpp>

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

namespace net = netnotes;

class bench {
  public:
    /// The client's end of a connection.
    struct client {
        net::tcp_stream stream;
        /// Returns the bytes that have come by now, "" if there are none, or "closed" if the server has closed.
        std::string answer() {
            char buffer[1000];
            const ssize_t size = ::recv(stream.native_handle(), buffer, sizeof buffer, MSG_DONTWAIT);
            if (size > 0) return std::string(buffer, static_cast<std::size_t>(size));
            return size < 0 && errno == EAGAIN ? "" : "closed";
        }
    };
    /// The server sends "ok" for what a client sends. For "close N" it closes the client that was accepted as number N.
    bench()
        : listener_{{net::ipv4_address::loopback(), 0}},
          where_{listener_.local_endpoint()},
          server_{std::move(listener_).into_socket(), handler{*this}, by_level(), script{*this}} {}
    client connect(const std::string& first) {
        client one{net::tcp_stream{where_}};
        one.stream.send_all(first);
        return one;
    }
    net::event newcomer() const { return {listener_token_, net::interest::read}; }
    /// An event of the client that was accepted as number `number`, from 0, whether or not it is there any more.
    net::event readable(std::size_t number) const { return {number_of(number).id, net::interest::read}; }

    /// Returns how many of the server's descriptors the poller holds: clients, the listener, and one for the stop.
    std::size_t watched() const {
        std::size_t count = 0;
        for (const bool each : is_watched_) count += each ? 1 : 0;
        return count;
    }
    std::size_t accepted() const { return accepted_; }
    std::string received(std::size_t number) const { return number_of(number).received; }

    /// One wait returns these events. Then the server handles them, and waits again: in the next turn().
    void turn(std::vector<net::event> events) {
        batch_ = std::move(events);
        has_batch_ = true;
        try {
            server_.run(stop_);
        } catch (const pause&) {}
    }

  private:
    struct pause {};  // leaves run() where it waits; run() registers again what is registered already
    struct known {
        net::connection* place = nullptr;
        std::uint64_t id = 0;
        std::string received{};
    };
    const known& number_of(std::size_t number) const {
        if (number >= accepted_) throw std::out_of_range{"no client with this number was accepted"};
        return clients_[number];
    }
    static net::reactor_options by_level() {
        net::reactor_options options;
        options.how = net::trigger::level;
        return options;
    }
    struct handler {
        bench& owner;
        void on_open(net::connection& client) {
            known& next = owner.clients_.at(owner.accepted_++);
            next.place = &client;
            next.id = client.id();
        }
        void on_close(net::connection& client, std::error_code) {
            for (known& each : owner.clients_)
                if (each.place == &client) each.place = nullptr;
        }
        void operator()(net::connection& client, std::span<const std::byte> bytes) {
            const std::string text{net::as_text(bytes)};
            for (known& each : owner.clients_)
                if (each.place == &client) each.received += text;
            client.send("ok");
            if (text.rfind("close ", 0) != 0) return;
            if (const known& each = owner.number_of(static_cast<std::size_t>(std::stoi(text.substr(6)))); each.place)
                each.place->close();
        }
    };
    struct script {
        bench& owner;
        static constexpr bool has_edge = false;
        void add(int descriptor, net::interest, std::uint64_t token, net::trigger) {
            owner.is_watched_.at(static_cast<std::size_t>(descriptor)) = true;
            if (!std::exchange(owner.has_token_, true)) owner.listener_token_ = token;  // it is the first
        }
        void modify(int, net::interest, std::uint64_t, net::trigger) {}
        void remove(int descriptor) { owner.is_watched_.at(static_cast<std::size_t>(descriptor)) = false; }
        std::span<const net::event> wait(net::duration) {
            if (!std::exchange(owner.has_batch_, false)) throw pause{};
            return owner.batch_;
        }
    };
    net::tcp_listener listener_;
    net::endpoint where_;
    net::stop_event stop_;
    // Arrays: a test is compiled with eight copies of this file, and each function of a container costs time.
    std::array<bool, 1024> is_watched_{};
    std::array<known, 100> clients_{};
    std::size_t accepted_ = 0;
    std::uint64_t listener_token_ = 0;
    bool has_token_ = false;
    std::vector<net::event> batch_;
    bool has_batch_ = false;
    net::reactor_server<handler, script> server_;
};
