// examples/31_handshake_and_close/demo.cpp: the segments that open and close a connection, as a sequence diagram
//
//        opening               three segments
//        closing               four segments if the other side pauses, three if it closes at once
//        both close at once    six segments if both FINs are lost and sent again
//        a late SYN            SYN; SYN, ACK; and a RST
//
// A FIN says that its sender has no more data. It does not ask for permission. The answer is an ACK. If the other side
// closes within the delay of that ACK, its own FIN carries it, and a segment is saved.
//
// A SYN from an old connection may arrive late. The server answers it as every SYN. The client has no such connection, so
// its kernel answers with a reset, and the server forgets the connection at once (RFC 9293 §3.5, figure 8).
//
// The notes:     TCP三次握手图解, 为什么TCP客户端最后还要发送一次确认, tcp四次挥手图解过程,
//                为什么建立连接是三次握手,关闭连接确是四次挥手呢?
// Type:          demo                       a demonstration, with segments that it builds itself
//                demo capture [--svg]       plays them on the loopback interface, if the system permits it
//                demo draw FILE [--svg]     the connections of a capture file
// You will see:  what demo.txt shows

#include "../capturing.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <thread>

using example::heading;
using example::say;
using example::usage_error;
namespace packet = net::packet;
using packet::sequence;
using packet::tcp_flag;
using packet::tcp_flags;

namespace {

using namespace std::chrono_literals;
using bytes = std::vector<std::byte>;

// ---- The diagram ----------------------------------------------------------------------------------------

/// A sequence diagram of a connection: an arrow for each segment, downwards in time. Numbers count from the SYN of each
/// side, or from its first segment.
class diagram {
  public:
    void add(const packet::tcp_segment& segment) {
        const packet::tcp_view& tcp = segment.header;
        const net::endpoint from{segment.source, tcp.source_port()};
        if (arrows_.empty()) client_ = tcp.flags().syn() && tcp.flags().ack() ? net::endpoint{} : from;
        const bool by_client = from == client_;
        auto& mine = first_[by_client];
        auto& other = first_[!by_client];
        if (!mine || (tcp.flags().syn() && !tcp.flags().ack())) mine = tcp.sequence_number();
        if (!other && tcp.flags().ack()) other = tcp.acknowledgment_number();
        std::string label;
        constexpr std::pair<tcp_flag, std::string_view> names[] = {
            {tcp_flag::syn, "SYN"}, {tcp_flag::fin, "FIN"}, {tcp_flag::rst, "RST"}, {tcp_flag::ack, "ACK"}};
        for (const auto& [flag, name] : names)
            if (tcp.flags().has(flag)) label.append(label.empty() ? "" : ",").append(name);
        label += " seq " + std::to_string(tcp.sequence_number() - *mine);
        if (tcp.flags().ack()) label += " ack " + std::to_string(tcp.acknowledgment_number() - *other);
        if (segment.payload_size > 0) label += " (" + std::to_string(segment.payload_size) + " bytes)";
        arrows_.push_back({by_client, label});
    }
    [[nodiscard]] std::size_t size() const noexcept { return arrows_.size(); }

    [[nodiscard]] std::string text() const {
        std::string all = "  client" + std::string(46, ' ') + "server\n";
        for (const auto& [by_client, label] : arrows_) {
            const std::size_t dashes = 42 - std::min<std::size_t>(label.size(), 42);
            const std::string left(dashes / 2, '-'), right(dashes - dashes / 2, '-');
            all += by_client ? "    |  " + left + " " + label + " " + right + ">  |\n"
                             : "    |  <" + left + " " + label + " " + right + "  |\n";
        }
        return all;
    }
    /// Returns the diagram as a picture: Scalable Vector Graphics, which every browser shows.
    [[nodiscard]] std::string svg() const {
        const std::string height = std::to_string(60 + 40 * arrows_.size()),
                          end = std::to_string(50 + 40 * arrows_.size());
        std::string all = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"480\" height=\"" + height +
                          "\" font-family=\"sans-serif\" font-size=\"13\" text-anchor=\"middle\">\n"
                          "<defs><marker id=\"tip\" markerWidth=\"10\" markerHeight=\"8\" refX=\"9\" refY=\"4\" "
                          "orient=\"auto\"><path d=\"M0,0 L10,4 L0,8 z\"/></marker></defs>\n";
        for (const auto& [name, x] : {std::pair{"client", "60"}, {"server", "420"}})
            all.append("<text x=\"")
                .append(x)
                .append("\" y=\"20\">")
                .append(name)
                .append("</text><line x1=\"")
                .append(x)
                .append("\" y1=\"30\" x2=\"")
                .append(x)
                .append("\" y2=\"" + end + "\" stroke=\"gray\"/>\n");
        for (std::size_t i = 0; i < arrows_.size(); ++i) {
            const std::size_t y = 50 + 40 * i;
            const auto& [by_client, label] = arrows_[i];
            // An arrow slopes, because a segment needs time.
            all += "<line x1=\"" + std::string{by_client ? "60" : "420"} + "\" y1=\"" + std::to_string(y) + "\" x2=\"" +
                   (by_client ? "420" : "60") + "\" y2=\"" + std::to_string(y + 20) +
                   "\" stroke=\"black\" marker-end=\"url(#tip)\"/><text x=\"240\" y=\"" + std::to_string(y) + "\">" +
                   label + "</text>\n";
        }
        return all + "</svg>\n";
    }
    void print(bool as_svg) const { std::cout << (as_svg ? svg() : text()); }

  private:
    struct arrow {
        bool by_client;
        std::string label;
    };
    std::vector<arrow> arrows_;
    net::endpoint client_;
    std::array<std::optional<sequence>, 2> first_;
};

// ---- The demonstration ----------------------------------------------------------------------------------

const net::endpoint client_name{net::ipv4_address::loopback(), 40944}, server_name{net::ipv4_address::loopback(), 6666};

/// Returns a whole frame, as the loopback interface has it, with everything computed that is not given.
bytes frame_of(const net::endpoint& from, const net::endpoint& to, packet::tcp header, std::string_view data = {}) {
    header.source_port = from.port();
    header.destination_port = to.port();
    header.window = 65495;
    bytes frame;
    packet::write(frame, packet::ethernet{.destination = {}},
                  packet::ipv4{.source = from.address().v4(), .destination = to.address().v4()}, header, data);
    return frame;
}

/// A conversation of segments that this program builds. The client's numbers begin with 1000, the server's with 5000.
class script {
  public:
    script& client(tcp_flags flags, std::uint32_t seq, std::uint32_t ack, std::string_view data = {}) {
        return add(frame_of(client_name, server_name,
                            {.sequence_number = sequence{1000 + seq},
                             .acknowledgment_number = sequence{flags.ack() ? 5000 + ack : 0},
                             .flags = flags},
                            data));
    }
    script& server(tcp_flags flags, std::uint32_t seq, std::uint32_t ack, std::string_view data = {}) {
        return add(frame_of(
            server_name, client_name,
            {.sequence_number = sequence{5000 + seq}, .acknowledgment_number = sequence{1000 + ack}, .flags = flags},
            data));
    }
    void print() const { std::cout << picture_.text(); }

  private:
    script& add(const bytes& frame) {
        picture_.add(packet::tcp_segment::from(packet::dissect(frame)).value());
        return *this;
    }
    diagram picture_;
};

void demonstrate() {
    const tcp_flags syn = tcp_flag::syn, ack = tcp_flag::ack, syn_ack = syn | ack, fin_ack = tcp_flag::fin | ack;
    const auto opened = [&] { return script{}.client(syn, 0, 0).server(syn_ack, 0, 1).client(ack, 1, 1); };
    heading("三次握手: three segments open a connection");
    opened().print();
    say("A SYN takes a number, so the acknowledgment is 1. Each side has told its first number, and has heard that "
        "the");
    say("other side knows it. That is why two segments do not suffice.");
    heading("四次挥手: four segments close it, if the server pauses");
    opened().client(fin_ack, 1, 1).server(ack, 1, 2).server(fin_ack, 1, 2).client(ack, 2, 2).print();
    say("Between its ACK and its FIN the server may still send. A FIN carries an ACK as every later segment "
        "does.");
    heading("... and three, if the server closes at once");
    opened().client(fin_ack, 1, 1).server(fin_ack, 1, 2).client(ack, 2, 2).print();
    say("The server's FIN carries the ACK. So four is no law: the notes' reason holds for a server that pauses.");
    heading("Six: both close at once, and both FINs are lost once");
    opened()
        .client(fin_ack, 1, 1)
        .server(fin_ack, 1, 1)
        .client(fin_ack, 1, 1)
        .server(fin_ack, 1, 1)
        .client(ack, 2, 2)
        .server(ack, 2, 2)
        .print();
    say("Each side sends its FIN again until the other side has acknowledged it.");
    heading("A late SYN: the notes say that the client stays silent. It sends a RST");
    script{}.client(syn, 0, 0).server(syn_ack, 0, 1).client(tcp_flag::rst, 1, 0).print();
    say("The client has no such connection. The reset has the number that the server expects, so the server forgets "
        "at");
    say("once. Silence would make the server send its SYN,ACK five times more (tcp_synack_retries).");
}

// ---- The same on the loopback interface -----------------------------------------------------------------

/// Receives segments of one connection, and draws them.
class live {
  public:
    live() : listener_{net::endpoint{net::ipv4_address::loopback(), 0}} { capture_.socket().set_timeout(20s); }
    struct ends {
        net::tcp_stream client, server;
        std::uint16_t port;  // of the client
    };
    ends connect() {
        net::tcp_stream client{listener_.local_endpoint()};
        const auto port = client.local_endpoint().port();
        return {std::move(client), listener_.accept().stream, port};
    }
    /// Waits until both sides have acknowledged the other side's FIN, or until a reset.
    diagram until_the_end(std::uint16_t port) {
        return collect(port, [fins = std::array<std::optional<sequence>, 2>{}, done = std::array<bool, 2>{}](
                                 bool by_client, const packet::tcp_view& tcp) mutable {
            if (tcp.flags().fin())
                fins[by_client] = tcp.sequence_number() + static_cast<std::uint32_t>(tcp.payload().size());
            const auto& other = fins[!by_client];
            if (tcp.flags().ack() && other && tcp.acknowledgment_number() == *other + 1) done[by_client] = true;
            return (done[0] && done[1]) || tcp.flags().rst();
        });
    }
    /// Sends a SYN as if it came from a port of this host, and shows what becomes of it.
    diagram late_syn() {
        net::tcp_listener closed{net::endpoint{net::ipv4_address::loopback(), 0}};
        const net::endpoint from = closed.local_endpoint();
        closed.close();  // now no program has this port
        const bytes frame =
            frame_of(from, listener_.local_endpoint(), {.sequence_number = sequence{1000}, .flags = tcp_flag::syn});
        // A raw socket sends a packet as it is (raw(7)). It begins with the header of IPv4, behind 14 bytes of Ethernet.
        net::socket raw{net::address_family::inet, static_cast<net::socket_type>(SOCK_RAW), IPPROTO_RAW};
        raw.send_to(std::span{frame}.subspan(14), net::endpoint{net::ipv4_address::loopback(), 0});
        return collect(from.port(), [](bool, const packet::tcp_view& tcp) { return tcp.flags().rst(); });
    }
    [[nodiscard]] std::size_t clients_in_the_queue() { return listener_.queue_length(); }

  private:
    template <class Done>
    diagram collect(std::uint16_t port, Done done) {
        diagram picture;
        for (;;) {
            const auto record = capture_.next();
            const auto segment = packet::tcp_segment::from(packet::dissect(record->bytes));
            if (!segment) continue;
            const bool by_client = segment->header.source_port() == port;
            if (!by_client && segment->header.destination_port() != port) continue;
            picture.add(*segment);
            if (done(by_client, segment->header)) return picture;
        }
    }
    example::loopback_capture capture_;
    net::tcp_listener listener_;
};

/// Plays a closing until it took `wanted` segments beside the three of the handshake. A busy machine may need several
/// attempts, because delays of the kernel decide. Gives up after 50 attempts.
diagram play(live& network, std::size_t wanted, const std::function<void(live::ends&)>& closing) {
    for (int attempt = 1;; ++attempt) {
        live::ends both = network.connect();
        closing(both);
        const diagram picture = network.until_the_end(both.port);
        if (picture.size() == 3 + wanted || attempt == 50) return picture;
    }
}

void capture(bool as_svg) {
    std::optional<live> network;
    try {
        example::enter_own_network();
        network.emplace();
    } catch (const std::system_error& failure) {
        return say("not here: ", failure.what());
    }
    const auto show = [&](std::string_view title, const diagram& picture) {
        if (!as_svg) heading(title);
        picture.print(as_svg);
        if (!as_svg) say(picture.size(), " segments");
    };
    show("The server pauses: three to open, four to close", play(*network, 4, [](live::ends& both) {
             both.client.shutdown(net::shutdown_direction::send);
             // No system call waits for a state, so this looks again and again: has the server's kernel sent its ACK?
             while (both.client.info().state != net::tcp_state::fin_wait_2) std::this_thread::sleep_for(1ms);
             both.server.close();
         }));
    show("The server closes at once: three to open, three to close", play(*network, 3, [](live::ends& both) {
             both.client.close();
             both.server.close();
         }));
    show("Both close at once, and the network loses both FINs: three to open, six to close",
         play(*network, 6, [](live::ends& both) {
             example::lose_all(both.client, true);
             example::lose_all(both.server, true);
             both.client.shutdown(net::shutdown_direction::send);
             both.server.shutdown(net::shutdown_direction::send);
             example::lose_all(both.client, false);
             example::lose_all(both.server, false);
             char end[1];
             both.client.recv(end);
             both.server.recv(end);
         }));
    show("A late SYN, and the RST that ends it", network->late_syn());
    if (!as_svg) say("clients in the server's queue: ", network->clients_in_the_queue());
}

// ---- A capture file -------------------------------------------------------------------------------------

void draw(const std::string& name, bool as_svg) {
    std::ifstream file{name, std::ios::binary};
    std::string content;
    if (file) content.assign(std::istreambuf_iterator{file}, {});
    if (!file) throw std::runtime_error{name + ": cannot be read"};
    packet::capture_reader reader{std::as_bytes(std::span{content})};
    std::map<std::pair<net::endpoint, net::endpoint>, diagram> connections;  // by the smaller end and the larger end
    for (const packet::capture_record& record : reader) {
        const auto segment =
            packet::tcp_segment::from(packet::dissect(record.bytes, record.original_size, record.link));
        if (!segment) continue;
        const net::endpoint from{segment->source, segment->header.source_port()};
        const net::endpoint to{segment->destination, segment->header.destination_port()};
        connections[std::minmax(from, to)].add(*segment);
    }
    for (const auto& [ends, picture] : connections) {
        if (!as_svg) heading(ends.first.to_string() + " and " + ends.second.to_string());
        picture.print(as_svg);
    }
    if (reader.failure()) throw std::runtime_error{name + ": " + reader.failure().message()};
}

constexpr std::string_view help = R"(usage: demo
       demo capture [--svg]
       demo draw FILE [--svg]
       demo --help

The segments that open and close a TCP connection. Without an argument: a demonstration.

  capture          plays them on the loopback interface of a network of its own, if the system permits it
  draw             draws the connections of a capture file
  --svg            draws pictures for a browser, one after the other; redirect them into a file NAME.html
)";

}  // namespace

int main(int argc, char** argv) {
    return example::run(argc, argv, help, [](example::arguments& words) {
        if (words.empty()) return demonstrate();
        const bool as_svg = words.flag("--svg");
        const auto rest = words.rest();
        if (rest.size() == 1 && rest[0] == "capture") return capture(as_svg);
        if (rest.size() == 2 && rest[0] == "draw") return draw(rest[1], as_svg);
        throw usage_error{"either nothing, or capture, or draw FILE"};
    });
}
