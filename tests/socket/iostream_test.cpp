// What socket/iostream.hpp promises: a connection that everything which takes a std::iostream can talk to.

#include <netnotes/socket/iostream.hpp>

#include "../support.hpp"

#include <iomanip>
#include <iterator>
#include <optional>
#include <sstream>

using namespace std::chrono_literals;
using namespace std::string_literals;
using support::background;
using support::link;
using support::links;
using support::open_descriptors;
using support::pattern;
using support::receive_all;
using support::receive_exactly;

namespace {
constexpr auto a_while = 30ms;

std::string next_line(std::istream& stream) {
    std::string line;
    std::getline(stream, line);
    return line;
}
void reset(net::socket& connection) {
    connection.set_option(net::option::linger{0s});
    connection.close();
}
}  // namespace

static_assert(std::is_base_of_v<std::iostream, net::socket_iostream>);
static_assert(!std::is_copy_constructible_v<net::socket_iostream> &&
              !std::is_move_constructible_v<net::socket_iostream>);

TEST_CASE("lines come whole from a peer that sends a byte at a time") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        net::socket_iostream stream{std::move(first)};
        background sending{[&peer = second] {
            for (const char letter : "one\r\ntwo\n\nlast without an end"s) peer.send_all(std::string_view{&letter, 1});
            peer.close();
        }};
        CHECK(next_line(stream) == "one\r");  // the '\r' is the protocol's, and stays
        CHECK(next_line(stream) == "two");
        CHECK(next_line(stream).empty());
        CHECK(stream.good());
        CHECK(next_line(stream) == "last without an end");
        CHECK(stream.eof());
        CHECK_FALSE(stream.fail());
        sending.get();
    }
}

TEST_CASE("many lines in one segment are read one by one and nothing is waited for between") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        net::socket_iostream stream{std::move(first)};
        stream.connection().set_timeout(0s);
        second.send_all("a\nb\nc\n");
        std::error_code error;
        stream.connection().wait(POLLIN, net::time_point::max(), error);
        CHECK(next_line(stream) == "a");
        CHECK(stream.rdbuf()->in_avail() == 4);
        CHECK(next_line(stream) == "b");
        CHECK(next_line(stream) == "c");
    }
}

TEST_CASE("formatted input and output travel") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        net::socket_iostream here{std::move(first)}, there{std::move(second)};
        here << 42 << ' ' << std::hex << 255 << ' ' << std::setw(6) << std::setfill('*') << "word" << '\n'
             << std::flush;
        int number = 0, hex = 0;
        std::string word;
        there >> number >> std::hex >> hex >> word;
        CHECK(number == 42);
        CHECK(hex == 255);
        CHECK(word == "**word");
        there << "answer" << std::endl;
        here >> word;
        CHECK(word == "answer");
    }
}

TEST_CASE("what was written goes out before an answer is waited for") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        // Neither side flushes. If the question stayed in the buffer, both would wait for ever.
        background answering{[&peer = second] {
            net::socket_iostream stream{std::move(peer)};
            for (std::string line; std::getline(stream, line);) stream << "you said " << line << '\n';
        }};
        {
            net::socket_iostream stream{std::move(first)};
            for (const std::string word : {"one", "two", "three"}) {
                stream << word << '\n';
                CHECK(next_line(stream) == "you said " + word);
            }
        }
        answering.get();
    }
}

TEST_CASE("what was written stays here until it is flushed") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        net::socket_iostream stream{std::move(first)};
        second.set_timeout(0s);
        char buffer[8];
        std::error_code error;
        stream << "words";
        second.recv(buffer, error);
        CHECK(error == std::errc::timed_out);
        stream.flush();
        second.set_timeout(net::never);
        CHECK(receive_exactly(second, 5) == "words");
        stream.flush();  // of nothing sends nothing
        CHECK(stream.good());
    }
}

TEST_CASE("ten megabytes go through unharmed") {
    const std::string bytes = pattern(10'000'000);
    for (auto& [name, first, second] : links()) {
        INFO(name);
        background echoing{[&peer = second] {  // byte for byte, through << and >>
            net::socket_iostream stream{std::move(peer)};
            char buffer[10'000];
            while (stream.read(buffer, sizeof buffer) || stream.gcount() > 0) stream.write(buffer, stream.gcount());
            return !stream.bad();
        }};
        net::socket_iostream stream{std::move(first)};
        background sending{[&] {
            // Another stream on a duplicate of the same socket: one stream is for one thread.
            net::socket_iostream out{net::socket{::dup(stream.connection().native_handle())}};
            out << bytes << std::flush;
            out.connection().shutdown(net::shutdown_direction::send);
            return out.good();
        }};
        const std::string back{std::istreambuf_iterator<char>{stream}, {}};
        CHECK((back == bytes));
        CHECK(sending.get());
        CHECK(echoing.get());
    }
}

TEST_CASE("every value of a byte is a byte") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        std::string all;
        for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
        net::socket_iostream here{std::move(first)}, there{std::move(second)};
        for (const char c : all) here.put(c);
        here.flush();
        for (const char c : all) CHECK(there.get() == static_cast<unsigned char>(c));  // 0xff is no end
        CHECK(there.good());
    }
}

TEST_CASE("the end of the stream is no error") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        net::socket_iostream stream{std::move(first)};
        second.send_all("7");
        second.close();
        int number = 0;
        stream >> number;
        CHECK(number == 7);
        CHECK(stream.eof());
        CHECK_FALSE(stream.fail());
        stream.clear();
        CHECK(stream.get() == std::char_traits<char>::eof());  // and it stays the end
        CHECK(stream.eof());
        CHECK_FALSE(stream.bad());
        CHECK_FALSE(stream.error());
    }
}

TEST_CASE("a timeout makes the stream bad and error tells why") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        net::socket_iostream stream{std::move(first)};
        stream.connection().set_timeout(a_while);
        second.send_all("half a li");
        const auto start = net::clock::now();
        std::string line;
        CHECK_FALSE(std::getline(stream, line));
        CHECK(net::clock::now() - start >= a_while);
        CHECK(stream.bad());  // an orderly end is not bad()
        CHECK(stream.error() == std::errc::timed_out);
        CHECK(line == "half a li");
    }
}

TEST_CASE("after a timeout the conversation can go on") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        net::socket_iostream stream{std::move(first)};
        stream.connection().set_timeout(0s);
        CHECK(next_line(stream).empty());
        CHECK(stream.error() == std::errc::timed_out);
        stream.connection().set_timeout(net::never);
        stream.clear();
        // It was the peer who was late. The client's text is sent, and the server's answer is read.
        stream << "are you there?" << std::endl;
        CHECK(stream.good());
        CHECK(receive_exactly(second, 15) == "are you there?\n");
        second.send_all("yes\n");
        CHECK(next_line(stream) == "yes");
        CHECK(stream.good());
        CHECK_FALSE(stream.error());
    }
}

TEST_CASE("a reset makes the stream bad") {
    for (const net::ip_address& address : support::loopbacks()) {
        auto [first, second] = support::tcp_pair(address);
        net::socket_iostream stream{std::move(first)};
        reset(second);
        CHECK(stream.get() == std::char_traits<char>::eof());
        CHECK(stream.bad());
        CHECK(stream.error() == std::errc::connection_reset);
    }
}

TEST_CASE("exceptions can be switched on") {
    auto [first, second] = net::socket_pair();
    net::socket_iostream stream{std::move(first)};
    stream.connection().set_timeout(0s);
    stream.exceptions(std::ios::badbit);
    CHECK_THROWS_AS(stream.get(), std::ios_base::failure);
    CHECK(stream.error() == std::errc::timed_out);
}

TEST_CASE("what cannot be sent makes the stream bad") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        net::socket_iostream stream{std::move(first)};
        second.close();
        while (stream << "is anybody there?" << std::flush) {  // over TCP the first words are still taken
        }
        CHECK(stream.bad());
        CHECK((stream.error() == std::errc::broken_pipe || stream.error() == std::errc::connection_reset));
    }
}

TEST_CASE("a peer that does not read makes the stream bad when the time is up") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        net::socket_iostream stream{std::move(first)};
        stream.connection().set_timeout(a_while);
        const std::string bytes(64 << 20, 'x');
        const auto start = net::clock::now();
        stream << bytes << std::flush;
        CHECK(stream.bad());
        CHECK(stream.error() == std::errc::timed_out);
        CHECK(net::clock::now() - start >= a_while);
    }
}

TEST_CASE("a question that cannot be sent makes the stream bad and not just ended") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        net::socket_iostream stream{std::move(first)};
        stream.connection().shutdown(net::shutdown_direction::send);
        stream << "question\n";
        CHECK(next_line(stream).empty());  // its flush fails, before anything is waited for
        CHECK(stream.bad());
        CHECK(stream.error() == std::errc::broken_pipe);
    }
}

TEST_CASE("after a failed send nothing more goes out") {
    const std::string bytes = pattern(64 << 20);
    for (auto& [name, first, second] : links()) {
        INFO(name);
        net::socket_iostream stream{std::move(first)};
        stream.connection().set_timeout(0s);
        stream << bytes << std::flush;
        CHECK(stream.bad());
        background reading{[&peer = second] { return receive_all(peer); }};  // now there would be room
        stream.connection().set_timeout(net::never);
        stream.clear();
        stream << "what comes behind a gap would be taken for what stood there" << std::flush;
        CHECK(stream.bad());
        CHECK(stream.error() == std::errc::timed_out);
        stream.connection().shutdown(net::shutdown_direction::send);
        const std::string received = reading.get();
        CHECK((received == bytes.substr(0, received.size())));
    }
}

TEST_CASE("leaving the scope sends what is buffered and closes") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        const auto before = open_descriptors();
        {
            net::socket_iostream stream{std::move(first)};
            stream << "last words";
            CHECK(open_descriptors() == before);
        }
        CHECK(open_descriptors() == before - 1);
        CHECK(receive_all(second) == "last words");
    }
}

TEST_CASE("leaving the scope of a dead connection throws nothing") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        std::optional<net::socket_iostream> stream{std::in_place, std::move(first)};
        stream->connection().shutdown(net::shutdown_direction::send);
        *stream << "unheard";
        second.close();
        CHECK_NOTHROW(stream.reset());
    }
}

TEST_CASE("a stop ends the wait for a line") {
    for (auto& [name, first, second] : links()) {
        INFO(name);
        net::stop_event stop;
        net::socket_iostream stream{std::move(first)};
        stream.connection().stop_with(stop);
        background reading{[&] { return next_line(stream); }};
        reading.await_waiting();
        stop.request_stop();
        CHECK(reading.get().empty());
        CHECK(stream.bad());
        CHECK(stream.error() == std::errc::operation_canceled);
    }
}

TEST_CASE("a streambuf works on a socket that somebody else owns") {
    auto [first, second] = net::socket_pair();
    {
        net::socket_streambuf buffer{first};
        std::ostream out{&buffer};
        out << "through a borrowed socket";
    }
    CHECK(first.is_open());
    first.close();
    CHECK(receive_all(second) == "through a borrowed socket");
}

TEST_CASE("no exception leaves the buffer, not even with an iterator or where exceptions are asked for") {
    for (const bool wants_exceptions : {false, true}) {
        auto [first, second] = net::socket_pair();
        second.set_timeout(a_while);
        first.send_all("ab");
        net::socket_iostream stream{std::move(second)};
        if (wants_exceptions) stream.exceptions(std::ios::badbit);
        std::string got;
        for (std::istreambuf_iterator<char> at{stream}, end; at != end; ++at) got += *at;
        CHECK(got == "ab");
        CHECK(stream.bad());
        CHECK(stream.error() == std::errc::timed_out);
        CHECK(stream.rdbuf()->sgetc() == std::char_traits<char>::eof());
    }
}

TEST_CASE("a buffer without its stream tells an error by error()") {
    auto [first, second] = net::socket_pair();
    second.set_timeout(a_while);
    net::socket_streambuf buffer{second};
    std::istream stream{&buffer};
    CHECK(next_line(stream).empty());
    CHECK(stream.eof());
    CHECK(buffer.error() == std::errc::timed_out);
}
