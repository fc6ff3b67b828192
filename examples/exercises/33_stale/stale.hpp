// stale.hpp: a reactor_server whose events you write. Nothing runs beside your test, so each order of events is yours.
//
//     bench server;
//     auto a = server.connect("hello");                a client that has connected and sent "hello"
//     server.turn({server.newcomer()});                one wait of the server returns one event: a client is in the queue
//     server.turn({server.readable(0)});               the next one: the first client that was accepted has sent something
//     CHECK(server.received(0) == "hello");
//     CHECK(a.answer() == "ok");

#pragma once

#include <netnotes/server/reactor.hpp>
#include <netnotes/tcp.hpp>

#include <functional>
#include <map>
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
    bench() : listener_{{net::ipv4_address::loopback(), 0}}, where_{listener_.local_endpoint()} {
        net::reactor_options options;
        options.how = net::trigger::level;
        server_.emplace(std::move(listener_).into_socket(), handler{*this}, options, script{*this});
    }
    client connect(const std::string& first) {
        client one{net::tcp_stream{where_}};
        one.stream.send_all(first);
        return one;
    }
    net::event newcomer() const { return {tokens_.at(0), net::interest::read}; }
    /// An event of the client that was accepted as number `number`, from 0, whether or not it is there any more.
    net::event readable(std::size_t number) const { return {clients_.at(number).id, net::interest::read}; }

    /// Returns how many of the server's descriptors the poller holds: clients, the listener, and one for the stop.
    std::size_t watched() const { return watched_.size(); }
    std::size_t accepted() const { return clients_.size(); }
    std::string received(std::size_t number) const { return clients_.at(number).received; }

    /// One wait returns these events. Then the server handles them, and waits again: in the next turn().
    void turn(std::vector<net::event> events) {
        batch_ = std::move(events);
        has_batch_ = true;
        try {
            server_->run(stop_);
        } catch (const pause&) {}
    }

  private:
    struct pause {};  // leaves run() where it waits; run() registers again what is registered already
    struct known {
        net::connection* place;
        std::uint64_t id;
        std::string received{};
    };
    struct handler {
        bench& owner;
        void on_open(net::connection& client) { owner.clients_.push_back({&client, client.id()}); }
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
            if (known& each = owner.clients_.at(static_cast<std::size_t>(std::stoi(text.substr(6)))); each.place)
                each.place->close();
        }
    };
    struct script {
        bench& owner;
        static constexpr bool has_edge = false;
        void add(int descriptor, net::interest, std::uint64_t token, net::trigger) {
            owner.watched_[descriptor] = token;
            if (owner.tokens_.size() < 2) owner.tokens_.push_back(token);
        }
        void modify(int, net::interest, std::uint64_t, net::trigger) {}
        void remove(int descriptor) { owner.watched_.erase(descriptor); }
        std::span<const net::event> wait(net::duration) {
            if (!std::exchange(owner.has_batch_, false)) throw pause{};
            return owner.batch_;
        }
    };
    net::tcp_listener listener_;
    net::endpoint where_;
    net::stop_event stop_;
    std::map<int, std::uint64_t> watched_;
    std::vector<std::uint64_t> tokens_;  // of the listener and of the stop
    std::vector<known> clients_;
    std::vector<net::event> batch_;
    bool has_batch_ = false;
    std::optional<net::reactor_server<handler, script>> server_;
};
