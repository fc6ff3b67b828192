// Many datagrams in one system call: batches, and segments with the kernel's help and without it.
// SPDX-License-Identifier: MIT

#include "datagrams.hpp"

// ---- Batches -------------------------------------------------------------------------------------------

TEST_CASE("a batch keeps order, borders and senders, and takes no more than its count") {
    for (const net::ip_address& address : loopbacks()) {
        net::udp_socket receiver = bound(address), first = bound(address), second = bound(address);
        texts sent;
        for (int i = 0; i < 10; ++i) {
            sent.push_back("datagram " + std::to_string(i));
            (i % 2 == 0 ? first : second).send_to(sent.back(), receiver.local_endpoint());
        }
        net::datagram_batch batch{4, 100};
        CHECK(batch.count() == 4);
        CHECK(batch.size() == 100);
        texts received;
        for (const std::size_t expected : {4u, 4u, 2u}) {
            const auto part = receiver.recv_batch(batch);
            REQUIRE(part.size() == expected);
            for (const auto& [bytes, sender, truncated] : part) {
                CHECK(sender == (received.size() % 2 == 0 ? first : second).local_endpoint());
                CHECK_FALSE(truncated);
                received.push_back(text(bytes));
            }
        }
        CHECK(received == sent);
    }
}

TEST_CASE("a batch may hold empty and truncated datagrams, and the next use starts afresh") {
    net::udp_socket receiver = bound(loopback), sender = bound(loopback);
    const net::endpoint where = receiver.local_endpoint();
    net::datagram_batch batch{8, 4};
    for (int round = 0; round < 2; ++round) {
        for (const char* const sent : {"", "1234", "12345", "", "1"}) sender.send_to(sent, where);
        const auto got = receiver.recv_batch(batch);
        CHECK(texts_of(got) == texts{"", "1234", "1234", "", "1"});
        std::vector<bool> truncated;
        for (const auto& one : got) {
            truncated.push_back(one.truncated);
            CHECK(one.sender == sender.local_endpoint());
        }
        CHECK(truncated == std::vector<bool>{false, false, true, false, false});
    }
}

TEST_CASE("a batch that is moved goes on working") {
    net::udp_socket receiver = bound(loopback), sender = bound(loopback);
    net::datagram_batch first{2, 16};
    net::datagram_batch second{std::move(first)};
    first = net::datagram_batch{1, 1};
    sender.send_to("moved", receiver.local_endpoint());
    CHECK(texts_of(receiver.recv_batch(second)) == texts{"moved"});
}

TEST_CASE("the bounds of a batch are kept") {
    for (const auto& [count, size] :
         std::vector<std::pair<std::size_t, std::size_t>>{{0, 1}, {1025, 1}, {1, 0}, {1, 65'536}, {SIZE_MAX, SIZE_MAX}})
        CHECK_THROWS_AS((net::datagram_batch{count, size}), std::invalid_argument);
    CHECK(net::datagram_batch{1024, 1}.count() == 1024);
}

TEST_CASE("a batch of any length is sent in order") {
    for (const net::ip_address& address : loopbacks()) {
        for (const std::size_t count : {0u, 1u, 64u, 65u, 130u}) {
            INFO(count);
            net::udp_socket receiver = bound(address), sender = bound(address);
            texts sent;
            for (std::size_t i = 0; i < count; ++i) sent.push_back(std::to_string(i));
            std::vector<net::udp_socket::outgoing> datagrams;
            for (const std::string& one : sent) datagrams.push_back({one, receiver.local_endpoint()});
            sender.send_batch(datagrams);
            net::datagram_batch batch{200, 16};
            texts received;
            while (received.size() < count)
                for (const std::string& one : texts_of(receiver.recv_batch(batch))) received.push_back(one);
            CHECK(received == sent);
            CHECK(has_nothing(receiver));
        }
    }
}

TEST_CASE("with a timeout of zero all datagrams are sent that need no wait") {
    for (const bool kernel : {false, true}) {
        net::udp_socket receiver = bound(loopback), sender = bound(loopback, {.kernel_offload = kernel});
        sender.set_timeout(0s);
        const std::vector<net::udp_socket::outgoing> many(130, {"x", receiver.local_endpoint()});
        std::error_code error;
        CHECK(sender.send_batch(many, error) == 130);
        CHECK_FALSE(error);
        CHECK(sender.send_segments(pattern(130), 1, receiver.local_endpoint(), error) == 130);
        CHECK_FALSE(error);
        // A time that was not zero is up when it is up, although no datagram has to wait.
        sender.set_deadline(net::clock::now() - 1s);
        CHECK(sender.send_batch(many, error) == 64);
        CHECK(error == std::errc::timed_out);
    }
}

TEST_CASE("a batch goes to many receivers, and without a named receiver to the peer") {
    net::udp_socket first = bound(loopback), second = bound(loopback), sender = bound(loopback);
    const std::array<net::udp_socket::outgoing, 3> mixed{
        {{"1", first.local_endpoint()}, {"2", second.local_endpoint()}, {"", first.local_endpoint()}}};
    sender.send_batch(mixed);
    CHECK(receive(first) == "1");
    CHECK(receive(first).empty());
    CHECK(receive(second) == "2");
    const std::array<net::udp_socket::outgoing, 2> unnamed{{{"a"}, {"b"}}};
    std::error_code error;
    CHECK(sender.send_batch(unnamed, error) == 0);
    CHECK(error == std::errc::destination_address_required);
    sender.connect(second.local_endpoint());
    sender.send_batch(unnamed);
    CHECK(receive(second) == "a");
    CHECK(receive(second) == "b");
}

TEST_CASE("when a batch fails it is known which datagram did, and none behind it was sent") {
    const std::string too_long(65'508, 'x');
    net::udp_socket receiver = bound(loopback), sender = bound(loopback);
    const net::endpoint where = receiver.local_endpoint(), nowhere{"fe80::1%no-such-dev", 9};
    for (const std::size_t bad : {0u, 1u, 2u, 63u, 64u, 65u, 99u}) {
        for (const bool is_address : {false, true}) {
            INFO(bad);
            std::vector<net::udp_socket::outgoing> datagrams(100, {"good", where});
            if (is_address)
                datagrams[bad].to = nowhere;
            else
                datagrams[bad].bytes = too_long;
            std::error_code error;
            CHECK(sender.send_batch(datagrams, error) == bad);
            if (!is_address) CHECK(error == std::errc::message_size);
            CHECK(error);
            for (std::size_t i = 0; i < bad; ++i) CHECK(receive(receiver) == "good");
            CHECK(has_nothing(receiver));
        }
    }
    const std::array<net::udp_socket::outgoing, 3> three{{{"1", where}, {too_long, where}, {"3", where}}};
    const auto failure = failure_of([&] { sender.send_batch(three); });
    CHECK(failure.code == std::errc::message_size);
    CHECK(failure.what == "send_batch (1 of 3 datagrams sent) to " + where.to_string() +
                              " (65508 bytes; a datagram over IPv4 holds at most 65507): Message too long");
}

TEST_CASE("receiving and sending allocate nothing, and a batch only when it is made") {
    net::udp_socket receiver = bound(loopback), sender = bound(loopback);
    const net::endpoint where = receiver.local_endpoint();
    net::datagram_batch batch{16, 64};
    const std::array<net::udp_socket::outgoing, 3> three{{{"1", where}, {"2", where}, {"3", where}}};
    std::array<std::byte, 64> buffer;
    std::error_code error;
    std::size_t received = 0;
    const std::size_t before = allocations;
    for (int i = 0; i < 10; ++i) {
        sender.send_to("x", where, error);
        received += receiver.recv_from(buffer, error).bytes.size();
        sender.send_batch(three, error);
        received += receiver.recv_batch(batch, error).size();
        sender.send_segments("abc", 1, where, error);
        received += receiver.recv_batch(batch, error).size();
        receiver.recv_from(buffer, error, MSG_DONTWAIT);  // and nor does an error
    }
    CHECK(allocations == before);
    CHECK(received == 70);
}

TEST_CASE("a batch keeps the local address of an IPv4 datagram on an IPv6 socket that tells details") {
    if (loopbacks().size() < 2) return;
    for (const bool with_details : {false, true}) {
        for (const char* const asked : {"127.0.0.1", "127.0.0.2"}) {
            INFO(asked << (with_details ? ", with details" : ""));
            net::udp_socket receiver{net::endpoint{net::ipv6_address::any(), 0}}, sender = bound(loopback);
            if (with_details) {
                if (!support::tells_arrival()) NETNOTES_SKIP("no time of arrival on this machine");
                receiver.tell_details();
            }
            const net::endpoint where{net::ipv4_address{asked}, receiver.local_endpoint().port()};
            sender.send_to("one", where);
            sender.send_to("two", where);
            net::datagram_batch batch{4, 16};
            const auto got = receiver.recv_batch(batch);
            REQUIRE(texts_of(got) == texts{"one", "two"});
            for (const auto& each : got) CHECK(each.sender.local_address() == where.address());
        }
    }
}

// ---- Segments ------------------------------------------------------------------------------------------

namespace {

/// The ways in which segments can come to leave: the kernel's help, none of it, and help that is refused when it is
/// asked for (a socket without checksums cannot have it).
struct way {
    std::string name;
    net::udp_options options;
    bool refused = false;
};
const std::vector<way> ways{{"with the kernel", {}}, {"without it", {.kernel_offload = false}}, {"refused", {}, true}};

net::udp_socket sender_by(const way& how, const net::ip_address& address) {
    net::udp_socket sender = bound(address, how.options);
    if (how.refused) sender.set_option(SOL_SOCKET, SO_NO_CHECK, 1);
    return sender;
}

texts cut(const std::string& bytes, std::size_t size) {
    texts parts;
    for (std::size_t at = 0; at < bytes.size(); at += size) parts.push_back(bytes.substr(at, size));
    return parts;
}

struct load {
    std::size_t bytes, size;
};
/// Nothing, less than one, one, exact, a short rest, a kernel's worth of 64 and one more, several, and the longest.
const std::vector<load> loads{{0, 10},          {7, 10},         {10, 10},        {20, 10},        {25, 10},
                              {1, 1},           {640, 10},       {641, 10},       {650, 10},       {1295, 10},
                              {10'000, 1'200},  {65'507, 1'200}, {65'508, 1'024}, {70'000, 1'472}, {90'000, 30'000},
                              {65'507, 65'507}, {70'000, 65'507}};

}  // namespace

TEST_CASE("segments are the same datagrams with the kernel's help, without it, and where it refuses") {
    for (const net::ip_address& address : loopbacks()) {
        for (const way& how : ways) {
            if (how.refused && address.is_v6()) continue;  // IPv6 has no datagrams without a checksum
            for (const auto& [bytes, size] : loads) {
                INFO(address << ", " << how.name << ": " << bytes << " in segments of " << size);
                net::udp_socket receiver = bound(address), sender = sender_by(how, address);
                receiver.set_option(net::option::receive_buffer{1 << 20});
                receiver.set_timeout(60s);  // what is lost is a failure, not a wait
                const std::string sent = pattern(bytes);
                const texts expected = cut(sent, size);
                sender.send_segments(sent, size, receiver.local_endpoint());
                texts received;
                while (received.size() < expected.size()) received.push_back(receive(receiver));
                CHECK((received == expected));
                CHECK(has_nothing(receiver));

                std::error_code error;
                sender.connect(receiver.local_endpoint());
                CHECK(sender.send_segments(sent, size, {}, error) == expected.size());
                CHECK_FALSE(error);
                received.clear();
                while (received.size() < expected.size()) received.push_back(receive(receiver));
                CHECK((received == expected));
            }
        }
    }
}

TEST_CASE("what is wrong with segments is told, and the same in every way") {
    for (const way& how : ways) {
        INFO(how.name);
        net::udp_socket receiver = bound(loopback), sender = sender_by(how, loopback);
        const net::endpoint where = receiver.local_endpoint();
        std::error_code error;
        CHECK(sender.send_segments("abc", 0, where, error) == 0);
        CHECK(error == std::errc::invalid_argument);
        CHECK(sender.send_segments("abc", 1, {loopback, 0}, error) == 0);
        CHECK(error == std::errc::invalid_argument);  // not only because segments are refused with that very code
        CHECK(sender.send_segments("abc", 1, {}, error) == 0);
        CHECK(error == std::errc::destination_address_required);
        const std::string two(2 * 65'508, 'x');
        CHECK(sender.send_segments(two, 65'508, where, error) == 0);
        CHECK(error == std::errc::message_size);
        CHECK(failure_of([&] { sender.send_segments(two, 65'508, where); }).what ==
              "send_segments (0 datagrams sent) to " + where.to_string() +
                  " (65508 bytes; a datagram over IPv4 holds at most 65507): Message too long");
        CHECK(sender.send_segments("abc", SIZE_MAX, where, error) == 1);  // one, and shorter
        CHECK_FALSE(error);
        CHECK(receive(receiver) == "abc");
        CHECK(has_nothing(receiver));
        const net::endpoint broadcast{net::ipv4_address{127, 255, 255, 255}, where.port()};
        CHECK(sender.send_segments("abc", 1, broadcast, error) == 0);
        CHECK(error == std::errc::permission_denied);
    }
}

TEST_CASE("merged datagrams are taken apart again, and one by one they are the same") {
    for (const net::ip_address& address : loopbacks()) {
        for (const bool merges : {true, false}) {
            for (const way& how : ways) {
                if (how.refused && address.is_v6()) continue;
                for (const auto& [bytes, size] : loads) {
                    INFO(address << ", " << how.name << (merges ? ", merged: " : ": ") << bytes << " in segments of "
                                 << size);
                    net::udp_socket receiver = bound(address, {.kernel_offload = merges});
                    receiver.set_option(net::option::receive_buffer{1 << 20});
                    receiver.set_timeout(60s);
                    const bool helped = receiver.enable_receive_offload();
                    if (!merges) CHECK_FALSE(helped);
                    net::udp_socket sender = sender_by(how, address);
                    const std::string sent = pattern(bytes);
                    const texts expected = cut(sent, size);
                    sender.send_segments(sent, size, receiver.local_endpoint());
                    net::datagram_batch batch{3, net::datagram_batch::any_size};
                    texts received;
                    while (received.size() < expected.size())
                        for (const auto& one : receiver.recv_batch(batch)) {
                            CHECK_FALSE(one.truncated);
                            CHECK(one.sender == sender.local_endpoint());
                            received.push_back(text(one.bytes));
                        }
                    CHECK((received == expected));
                }
            }
        }
    }
}

TEST_CASE("where the kernel merges, one message brings many datagrams") {
    net::udp_socket receiver = bound(loopback), sender = bound(loopback);
    if (!receiver.enable_receive_offload()) NETNOTES_SKIP("this kernel has no UDP_GRO");
    sender.send_segments(pattern(640), 10, receiver.local_endpoint());
    sender.send_to("", receiver.local_endpoint());
    net::datagram_batch batch{1, net::datagram_batch::any_size};
    const std::size_t before = allocations;
    CHECK(receiver.recv_batch(batch).size() == 64);
    const auto empty = receiver.recv_batch(batch);
    CHECK(allocations == before);
    REQUIRE(empty.size() == 1);
    CHECK(empty[0].bytes.empty());
    CHECK(empty[0].sender == sender.local_endpoint());
}

TEST_CASE("with receive offload what could lose or glue datagrams is refused, helped by the kernel or not") {
    for (const bool merges : {true, false}) {
        net::udp_socket receiver = bound(loopback, {.kernel_offload = merges});
        receiver.set_timeout(0s);
        receiver.enable_receive_offload();
        char buffer[8];
        CHECK(failure_of([&] { receiver.recv_from(buffer); }).code == std::errc::operation_not_supported);
        net::datagram_batch small{4, 2048};
        CHECK(failure_of([&] { receiver.recv_batch(small); }).code == std::errc::invalid_argument);
        net::udp_socket moved = std::move(receiver);
        CHECK(failure_of([&] { moved.recv_from(buffer); }).code == std::errc::operation_not_supported);
    }
    net::udp_socket none;
    std::error_code error;
    CHECK_FALSE(none.enable_receive_offload(error));
    CHECK(error == std::errc::bad_file_descriptor);
}
