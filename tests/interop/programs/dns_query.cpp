// dns_query.cpp SERVER:PORT NAME TYPE: asks a name server for the A, AAAA, MX or TXT records of a name

#include <netnotes/coro.hpp>
#include <netnotes/packet.hpp>

#include <iostream>
#include <random>

namespace net = netnotes;
namespace packet = net::packet;
using namespace std::chrono_literals;

using bytes = std::vector<std::byte>;

net::task<bytes> ask_over_tcp(net::endpoint server, packet::dns_view query) {
    auto stream = co_await net::async_stream::connect(server);
    const std::array size{std::byte{0}, static_cast<std::byte>(query.bytes().size())};  // below 256: one question
    co_await stream.send_all(size);
    co_await stream.send_all(query.bytes());
    std::array<std::byte, 2> head{};
    co_await stream.recv_exact(head);
    bytes answer(std::to_integer<std::size_t>(head[0]) << 8 | std::to_integer<std::size_t>(head[1]));
    co_await stream.recv_exact(answer);
    co_return answer;
}

net::task<bytes> ask(net::endpoint server, packet::dns_view query) {
    auto socket = co_await net::async_udp_connect(server.address().to_string(), server.port());
    bytes answer(65'535);
    for (const auto patience : {1s, 2s, 4s}) {
        socket.set_timeout(patience);
        co_await socket.send(query.bytes());
        for (std::error_code error; !error;) {
            const auto received = co_await socket.recv_from(answer, error);
            const auto message = packet::dns_view::parse(received.bytes);
            if (!message || !message->is_response_to(query)) continue;  // forged, or an answer that comes late
            if (message->header().is_truncated) co_return co_await ask_over_tcp(server, query);
            co_return bytes(received.bytes.begin(), received.bytes.end());
        }
    }
    throw std::runtime_error{"the name server does not answer"};
}

net::task<> print(net::endpoint server, packet::dns_name name, std::string_view type) {
    std::array<std::byte, packet::dns_udp_size> room;
    packet::dns_builder query{room, {.id = static_cast<std::uint16_t>(std::random_device{}())}};
    for (const auto each : {packet::dns_type::a, packet::dns_type::aaaa, packet::dns_type::mx, packet::dns_type::txt})
        if (to_string(each) == type) query.question(name, each);
    const bytes answer = co_await ask(server, *packet::dns_view::parse(query.message()));
    for (const packet::dns_record& record : packet::dns_view::parse(answer)->answers()) {
        if (const auto address = record.address()) std::cout << *address << '\n';
        if (const auto mail = record.mail_exchange()) std::cout << mail->preference << ' ' << mail->exchange << '\n';
        for (const auto text : record.texts()) std::cout << net::quoted(net::as_text(text)) << '\n';
    }
}

int main(int, char** argv) {
    net::event_loop{}.run(print(net::endpoint{argv[1]}, packet::dns_name{argv[2]}, argv[3]));
}
