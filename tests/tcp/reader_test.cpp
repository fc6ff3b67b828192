// What tcp/reader.hpp promises: whole messages however they arrive, a bound, and no byte lost on the way.

#include <netnotes/tcp/reader.hpp>
#include <netnotes/tcp/stream.hpp>

#include "../support.hpp"

#include <deque>
#include <optional>
#include <random>

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;
using support::background;
using support::failure_of;
using support::open_descriptors;
using support::pattern;

// What the sanitizers would otherwise end the program for.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1"; }

namespace {

constexpr auto a_while = 30ms;

/// A stream that brings what it was told to, piece by piece, an error between them where one was wished for.
class scripted {
  public:
    scripted& brings(std::string piece) {
        steps_.push_back({std::move(piece), {}});
        return *this;
    }
    scripted& brings_one_by_one(std::string_view bytes) {
        for (const char c : bytes) brings(std::string(1, c));
        return *this;
    }
    scripted& fails(std::errc error) {
        steps_.push_back({{}, std::make_error_code(error)});
        return *this;
    }
    /// As recv(2): a piece longer than the buffer is not lost, and behind the last one is the end.
    std::size_t recv(net::mutable_buffer buffer, std::error_code& error) noexcept {
        ++receives;
        error.clear();
        if (steps_.empty()) return 0;
        step& next = steps_.front();
        if (next.error) {
            error = next.error;
            steps_.pop_front();
            return 0;
        }
        const std::size_t size = std::min(buffer.size(), next.bytes.size());
        std::copy_n(reinterpret_cast<const std::byte*>(next.bytes.data()), size, buffer.data());
        next.bytes.erase(0, size);
        if (next.bytes.empty()) steps_.pop_front();
        return size;
    }
    std::size_t receives = 0;

  private:
    struct step {
        std::string bytes;
        std::error_code error;
    };
    std::deque<step> steps_;
};

using result = std::optional<std::string_view>;
constexpr std::nullopt_t the_end = std::nullopt;

/// A reader on one end of a connection, and the other end.
struct conversation {
    explicit conversation(std::size_t limit = 64 * 1024) : reader{stream, limit} {}
    net::tcp_listener listener{{net::ipv4_address::loopback(), 0}};
    net::tcp_stream peer{listener.local_endpoint()};
    net::tcp_stream stream = listener.accept().stream;
    net::buffered_reader<net::tcp_stream> reader;
};

}  // namespace

static_assert(net::byte_source<net::tcp_stream> && net::byte_source<net::socket> && net::byte_source<scripted>);
static_assert(!net::byte_source<net::tcp_listener>);
static_assert(!std::is_move_constructible_v<net::buffered_reader<net::socket>>);

// ---- Messages ------------------------------------------------------------------------------------------

TEST_CASE("lines come whole however the stream is cut") {
    const std::string text = "one\r\n\r\ntwo\nthree \r four\r\n\nlast";
    for (std::size_t cut = 1; cut <= text.size(); ++cut) {
        INFO("pieces of " << cut);
        scripted stream;
        for (std::size_t at = 0; at < text.size(); at += cut) stream.brings(text.substr(at, cut));
        net::buffered_reader reader{stream};
        for (const auto line : {"one"sv, ""sv, "two"sv, "three \r four"sv, ""sv, "last"sv})
            CHECK(reader.recv_line() == result{line});
        CHECK(reader.recv_line() == the_end);
        CHECK(reader.recv_line() == the_end);
    }
}

TEST_CASE("what has been received is taken without asking for more") {
    scripted stream;
    stream.brings("one\r\ntwo\n\nthree;four--five;-").brings("-six\n");
    net::buffered_reader reader{stream};
    CHECK(reader.take_line() == the_end);
    CHECK(reader.take_until(";") == the_end);
    CHECK(reader.take_exact(1) == the_end);
    CHECK(stream.receives == 0);
    CHECK(reader.recv_line() == result{"one"});
    CHECK(stream.receives == 1);
    CHECK(reader.take_line() == result{"two"});
    CHECK(reader.take_line() == result{""});
    CHECK(reader.take_line() == the_end);  // "three;..." has no end yet
    CHECK(reader.take_until(";") == result{"three;"});
    CHECK(reader.take_until("--") == result{"four--"});
    CHECK(reader.take_until("--") == the_end);  // its half stands at the end of the buffer
    CHECK(reader.take_until("") == the_end);
    CHECK(reader.take_exact(2) == result{"fi"});
    CHECK(reader.buffered() == "ve;-");
    CHECK(reader.take_exact(5) == the_end);
    CHECK(stream.receives == 1);
    CHECK(reader.recv_until("--") == result{"ve;--"});  // found across the border, for all the searching before
    CHECK(reader.take_line() == result{"six"});
    CHECK(reader.take_line() == the_end);
    CHECK(stream.receives == 2);
}

TEST_CASE("what is taken keeps the limit") {
    for (const std::size_t limit : {std::size_t{4}, std::size_t{5}}) {
        CAPTURE(limit);
        scripted stream;
        stream.brings("1\n234\n567\n");
        net::buffered_reader reader{stream, limit};
        std::error_code error;
        CHECK(reader.recv_line() == result{"1"});
        CHECK(reader.take_exact(limit + 1) == the_end);
        const auto line = reader.recv_line(error);
        CHECK(line == result{"234"});  // four bytes with its end
        scripted longer;
        longer.brings("1\n23456789\n");
        net::buffered_reader other{longer, limit};
        CHECK(other.recv_line() == result{"1"});
        CHECK(other.take_line() == the_end);
        CHECK(other.take_until("9") == the_end);
    }
}

TEST_CASE("a delimiter is found wherever the stream is cut and comes with the message") {
    const std::string text = "a\r\n\r\r\n\r\nb\r\n\r\n\r\n\r\n";
    for (std::size_t first = 0; first <= text.size(); ++first)
        for (std::size_t second = first; second <= text.size(); ++second) {
            INFO("cut at " << first << " and " << second);
            scripted stream;
            for (const auto& piece : {text.substr(0, first), text.substr(first, second - first), text.substr(second)})
                if (!piece.empty()) stream.brings(piece);
            net::buffered_reader reader{stream};
            CHECK(reader.recv_until("\r\n\r\n") == result{"a\r\n\r\r\n\r\n"});
            CHECK(reader.recv_until("\r\n\r\n") == result{"b\r\n\r\n"});
            CHECK(reader.recv_until("\r\n\r\n") == result{"\r\n\r\n"});
            CHECK(reader.recv_until("\r\n\r\n") == the_end);
        }
}

TEST_CASE("lengths and delimiters and plain receives can be mixed") {
    scripted stream;
    stream.brings("5\nhelloGET /\r\n").brings("\r\nrest").brings(" of it");
    net::buffered_reader reader{stream};
    CHECK(reader.recv_line() == result{"5"});
    CHECK(reader.recv_exact(5) == result{"hello"});
    CHECK(reader.recv_until("\r\n\r\n") == result{"GET /\r\n\r\n"});
    CHECK(reader.buffered() == "rest");
    char buffer[3];
    CHECK(reader.recv(buffer) == 3);
    CHECK(std::string_view{buffer, 3} == "res");
    CHECK(reader.recv(buffer) == 1);  // what is there, and nobody is asked for more
    CHECK(reader.recv(buffer) == 3);
    CHECK(std::string_view{buffer, 3} == " of");
    char all[3];
    CHECK(reader.recv_exact(all) == 3);
    CHECK(std::string_view{all, 3} == " it");
    CHECK(reader.recv_exact(all) == 0);
    CHECK(reader.recv(buffer) == 0);
}

TEST_CASE("bytes that mean something elsewhere mean nothing here") {
    scripted stream;
    stream.brings("a\0b\n\xff\xfe\0\n"s);
    net::buffered_reader reader{stream};
    CHECK(reader.recv_line() == result{"a\0b"sv});
    CHECK(reader.recv_until("\0\n"sv) == result{"\xff\xfe\0\n"sv});
}

TEST_CASE("what is already there is given without asking") {
    scripted stream;
    stream.brings("a\nb\nc\n");
    net::buffered_reader reader{stream};
    CHECK(stream.receives == 0);
    CHECK(reader.recv_line() == result{"a"});
    CHECK(reader.recv_line() == result{"b"});
    CHECK(reader.recv_exact(2) == result{"c\n"});
    CHECK(stream.receives == 1);
}

TEST_CASE("of nothing there is an empty message and nobody is asked") {
    scripted stream;
    net::buffered_reader reader{stream};
    CHECK(reader.recv_exact(std::size_t{0}) == result{""});
    CHECK(reader.recv_exact(net::mutable_buffer{}) == 0);
    CHECK(stream.receives == 0);
    CHECK(reader.capacity() == 0);
}

TEST_CASE("a delimiter of nothing is refused") {
    scripted stream;
    stream.brings("x");
    net::buffered_reader reader{stream};
    CHECK(failure_of([&] { reader.recv_until(""); }).code == std::errc::invalid_argument);
    CHECK(failure_of([&] { reader.skip_until(""); }).code == std::errc::invalid_argument);
    CHECK(reader.recv_exact(1) == result{"x"});
}

TEST_CASE("many messages of any size come back as they were sent") {
    std::mt19937 random{12345};
    for (int round = 0; round < 20; ++round) {
        std::vector<std::string> messages;
        std::string wire;
        for (int i = 0; i < 200; ++i) {
            messages.push_back(std::string(random() % (i % 17 == 0 ? 9000 : 60), static_cast<char>('a' + i % 26)));
            wire += messages.back() + "--";
        }
        scripted stream;
        while (!wire.empty()) {
            const std::size_t size = std::min<std::size_t>(wire.size(), 1 + random() % (round % 2 ? 5 : 6000));
            stream.brings(wire.substr(0, size));
            wire.erase(0, size);
        }
        net::buffered_reader reader{stream, 9100};
        std::size_t right = 0;
        for (const std::string& message : messages) right += reader.recv_until("--") == result{message + "--"};
        CHECK(right == messages.size());
        CHECK(reader.recv_until("--") == the_end);
        CHECK(reader.capacity() <= 9100);
    }
}

// ---- The end -------------------------------------------------------------------------------------------

TEST_CASE("an end in the middle of a message is an error and what came is not lost") {
    scripted stream;
    stream.brings("whole\n").brings("half a li");
    net::buffered_reader reader{stream};
    CHECK(reader.recv_until("\n") == result{"whole\n"});
    for (int again = 0; again < 2; ++again) {
        const auto failure = failure_of([&] { reader.recv_until("\n"); });
        CHECK(failure.code == std::errc::protocol_error);
        CHECK(failure.what == "recv_until (9 bytes, then the end of the stream): Protocol error");
        CHECK(reader.buffered() == "half a li");
    }
    CHECK(failure_of([&] { reader.recv_exact(10); }).what ==
          "recv_exact (9 bytes, then the end of the stream): Protocol error");
    char buffer[10];
    std::error_code error;
    CHECK(reader.recv_line(error) == result{"half a li"});
    CHECK_FALSE(error);
    CHECK(reader.recv_exact(buffer) == 0);
}

TEST_CASE("an end in the middle of the caller's buffer says how much of it is filled") {
    scripted stream;
    stream.brings("x\nabc").brings("de");
    net::buffered_reader reader{stream};
    CHECK(reader.recv_line() == result{"x"});
    char buffer[8];
    std::error_code error;
    CHECK(reader.recv_exact(buffer, error) == 5);
    CHECK(error == std::errc::protocol_error);
    CHECK(std::string_view{buffer, 5} == "abcde");
}

TEST_CASE("an error of the stream that looks like our own is not taken for the end") {
    scripted stream;
    stream.brings("abc").fails(std::errc::protocol_error).brings("d\n");
    net::buffered_reader reader{stream};
    std::error_code error;
    CHECK(reader.recv_line(error) == the_end);
    CHECK(error == std::errc::protocol_error);
    CHECK(reader.recv_line(error) == result{"abcd"});
    CHECK_FALSE(error);
}

// ---- The limit -----------------------------------------------------------------------------------------

TEST_CASE("what is too long is so however it arrives") {
    for (const std::size_t limit : {1u, 10u, 4096u, 5000u}) {
        for (const std::size_t piece : {1u, 7u, 100'000u}) {
            INFO("limit " << limit << ", pieces of " << piece);
            const std::string fits(limit - 1, 'f'), too_long(limit, 't');
            const std::string text = fits + '\n' + too_long + "\nnext\n";
            scripted stream;
            for (std::size_t at = 0; at < text.size(); at += piece) stream.brings(text.substr(at, piece));
            net::buffered_reader reader{stream, limit};
            CHECK(reader.recv_line() == result{fits});
            for (int again = 0; again < 3; ++again)
                CHECK(failure_of([&] { reader.recv_line(); }).what ==
                      "recv_line (the limit is " + std::to_string(limit) + " bytes): Message too long");
            CHECK(reader.buffered().substr(0, limit) == too_long);
            CHECK(reader.skip_until("\n"));
            if (limit > 4) CHECK(reader.recv_line() == result{"next"});
        }
    }
}

TEST_CASE("a length above the limit is refused before anything is read") {
    scripted stream;
    stream.brings("0123456789");
    net::buffered_reader reader{stream, 5};
    for (const std::size_t size : {std::size_t{6}, ~std::size_t{0}}) {
        std::error_code error;
        CHECK(reader.recv_exact(size, error) == the_end);
        CHECK(error == std::errc::message_size);
    }
    CHECK(stream.receives == 0);
    CHECK(reader.recv_exact(5) == result{"01234"});
    char all[5];  // the caller's own memory has the caller's bound
    CHECK(reader.recv_exact(all) == 5);
}

TEST_CASE("without a limit a length that no memory has is told as that and nothing is lost") {
    scripted stream;
    stream.brings("0123456789");
    net::buffered_reader reader{stream, ~std::size_t{0}};
    CHECK(reader.recv_exact(4) == result{"0123"});
    std::error_code error;
    CHECK(reader.recv_exact(~std::size_t{0}, error) == the_end);
    CHECK(error == std::errc::not_enough_memory);
    CHECK(reader.recv_exact(6) == result{"456789"});
}

TEST_CASE("memory stays within the limit whatever the peer sends") {
    scripted stream;
    stream.brings(std::string(1'000'000, 'x')).brings("\r\nrest\r\n");
    net::buffered_reader reader{stream, 10'000};
    CHECK(failure_of([&] { reader.recv_until("\r\n"); }).code == std::errc::message_size);
    CHECK(reader.capacity() == 10'000);
    CHECK(reader.skip_until("\r\n"));
    CHECK(reader.recv_line() == result{"rest"});
    CHECK(reader.capacity() == 10'000);
}

TEST_CASE("skipping finds a delimiter that comes in two parts, and is not misled by its beginning") {
    scripted stream;
    stream.brings("xxxx\r").brings("\nnot yet: \r\n\r").brings("x\r\n\r").brings("\nhere").fails(std::errc::timed_out);
    net::buffered_reader reader{stream, 8};
    CHECK(reader.skip_until("\r\n\r\n"));
    CHECK(reader.buffered() == "here");
    std::error_code error;
    CHECK_FALSE(reader.skip_until("\n", error));
    CHECK(error == std::errc::timed_out);
    CHECK_FALSE(reader.skip_until("\n", error));  // the end came first
    CHECK_FALSE(error);
    CHECK(reader.buffered().empty());
}

TEST_CASE("a delimiter longer than the limit can be skipped to") {
    const std::string delimiter = pattern(6000);
    scripted stream;
    stream.brings("junk" + delimiter.substr(0, 3000) + delimiter.substr(0, 4500))
        .brings(delimiter.substr(4500) + "x\n");
    net::buffered_reader reader{stream, 10};
    CHECK(reader.skip_until(delimiter));
    CHECK(reader.recv_line() == result{"x"});
}

// ---- Interruptions -------------------------------------------------------------------------------------

TEST_CASE("after an error the call goes on where it was") {
    for (const std::errc interruption :
         {std::errc::timed_out, std::errc::operation_would_block, std::errc::operation_canceled}) {
        scripted stream;
        stream.fails(interruption)
            .brings("one")
            .fails(interruption)
            .brings(" line\r")
            .fails(interruption)
            .brings("\nfive");
        stream.fails(interruption).brings("5");
        net::buffered_reader reader{stream};
        std::error_code error;
        for (int times = 0; times < 3; ++times) {
            CHECK(reader.recv_line(error) == the_end);
            CHECK(error == interruption);
        }
        CHECK(reader.buffered() == "one line\r");
        CHECK(reader.recv_line(error) == result{"one line"});
        CHECK_FALSE(error);
        CHECK(reader.recv_exact(5, error) == the_end);
        CHECK(error == interruption);
        CHECK(reader.buffered() == "five");
        CHECK(reader.recv_exact(5, error) == result{"five5"});
        CHECK_FALSE(error);
    }
}

TEST_CASE("a change of the delimiter in the middle finds what was passed over") {
    scripted stream;
    stream.brings("a;b,c").fails(std::errc::timed_out).brings(";");
    net::buffered_reader reader{stream};
    std::error_code error;
    CHECK(reader.recv_until("\n", error) == the_end);
    CHECK(reader.recv_until(",", error) == result{"a;b,"});
    CHECK(reader.recv_until(";", error) == result{"c;"});
}

TEST_CASE("a delimiter may come out of the stream itself") {
    scripted stream;
    stream.brings("END\n").brings("some text E").brings("N").brings("D and more");
    net::buffered_reader reader{stream};
    const auto delimiter = reader.recv_line();
    CHECK(reader.recv_until(*delimiter) == result{"some text END"});
    CHECK(reader.buffered() == " and more");
}

TEST_CASE("a peer that sends byte by byte makes the reader search and copy no more than once") {
    // Were each byte a reason to look at all those before it, this would look at half a million million.
    const std::string line(1'000'000, 'x');
    scripted stream;
    stream.brings_one_by_one(line + "\n");
    net::buffered_reader reader{stream, 2'000'000};
    CHECK(reader.recv_line() == result{line});
    CHECK(stream.receives == line.size() + 1);
    // The same where every byte is a call of its own, as in a server that does not wait.
    scripted hesitant;
    for (const char c : line + "\n") hesitant.brings(std::string(1, c)).fails(std::errc::operation_would_block);
    net::buffered_reader again{hesitant, 2'000'000};
    std::error_code error;
    std::size_t calls = 1;
    result found;
    while (!(found = again.recv_line(error))) ++calls;
    CHECK(*found == line);
    CHECK(calls == line.size() + 1);
}

// ---- On real connections -------------------------------------------------------------------------------

TEST_CASE("messages come whole through a connection") {
    conversation talk;
    background sender{[&] {
        for (int i = 0; i < 1000; ++i) talk.peer.send_all("message " + std::to_string(i) + "\r\n");
        talk.peer.shutdown(net::shutdown_direction::send);
    }};
    std::size_t right = 0;
    for (int i = 0; i < 1000; ++i) right += talk.reader.recv_line() == result{"message " + std::to_string(i)};
    CHECK(right == 1000);
    CHECK(talk.reader.recv_line() == the_end);
    sender.get();
}

TEST_CASE("a reader reads from a plain socket of any kind") {
    for (auto& [name, first, second] : support::links()) {
        INFO(name);
        net::buffered_reader reader{first};
        second.send_all("line\nrest");
        second.close();
        CHECK(reader.recv_line() == result{"line"});
        CHECK(reader.recv_exact(4) == result{"rest"});
        CHECK(reader.recv_line() == the_end);
        CHECK(&reader.stream() == &first);
    }
}

TEST_CASE("an error names the peer") {
    conversation talk{10};
    const std::string peer = talk.peer.local_endpoint().to_string();
    talk.peer.send_all("1234");
    talk.stream.set_timeout(a_while);
    CHECK(failure_of([&] { talk.reader.recv_line(); }).what ==
          "recv_line from " + peer + " (4 bytes so far): Connection timed out");
    talk.peer.send_all("567890");
    CHECK(failure_of([&] { talk.reader.recv_until("\n"); }).what ==
          "recv_until from " + peer + " (the limit is 10 bytes): Message too long");
    talk.peer.close();
    char buffer[20];
    CHECK(failure_of([&] { talk.reader.recv_exact(buffer); }).what ==
          "recv_exact from " + peer + " (10 bytes, then the end of the stream): Protocol error");
}

TEST_CASE("a timeout is for the whole message and loses nothing of it") {
    conversation talk;
    talk.stream.set_timeout(a_while);
    std::atomic<bool> enough{false};
    std::atomic<std::size_t> sent{0};
    background trickle{[&] {  // always a byte in time for one more receive
        while (!enough) {
            talk.peer.send_all("x");
            ++sent;
            std::this_thread::sleep_for(1ms);
        }
        talk.peer.send_all("\n");
    }};
    const auto start = net::clock::now();
    std::error_code error;
    CHECK(talk.reader.recv_line(error) == the_end);
    CHECK(error == std::errc::timed_out);
    CHECK(net::clock::now() - start >= a_while);
    char buffer[100'000];
    std::error_code exact_error;
    const std::size_t filled = talk.reader.recv_exact(buffer, exact_error);
    CHECK(exact_error == std::errc::timed_out);
    enough = true;
    trickle.get();
    talk.stream.set_timeout(net::never);
    CHECK(filled + talk.reader.recv_line()->size() == sent);
}

TEST_CASE("a timeout of zero takes what has come") {
    conversation talk;
    talk.stream.set_timeout(0s);
    std::error_code error;
    CHECK(talk.reader.recv_line(error) == the_end);
    CHECK(error == std::errc::timed_out);
    talk.peer.send_all("here\n");
    talk.stream.wait(POLLIN, net::time_point::max(), error);
    CHECK(talk.reader.recv_line(error) == result{"here"});
    CHECK_FALSE(error);
}

TEST_CASE("a timeout of zero takes a message of many receives that is there") {
    auto [first, second] = net::socket_pair();
    net::buffered_reader reader{first};
    first.set_timeout(0s);
    const std::string line = pattern(20'000);
    second.send_all(line + "!\n");
    std::error_code error;
    CHECK(reader.recv_until("!\n", error) == result{line + "!\n"});
    CHECK_FALSE(error);
    CHECK(reader.recv_line(error) == the_end);
    CHECK(error == std::errc::timed_out);
}

TEST_CASE("the answer timeout ends a wait for a message that may take longer") {
    conversation talk;
    talk.stream.set_timeout(1h);
    const auto start = net::clock::now();
    talk.stream.set_answer_timeout(a_while);
    talk.peer.send_all("half");
    std::error_code error;
    CHECK(talk.reader.recv_line(error) == the_end);
    CHECK(error == std::errc::timed_out);
    CHECK(net::clock::now() - start >= a_while);
    CHECK(talk.reader.buffered() == "half");
}

TEST_CASE("an error of a stream whose peer has no IP address is the error that it is") {
    auto [first, second] = net::socket_pair();
    net::tcp_stream stream{std::move(first)};
    stream.set_timeout(0s);
    net::buffered_reader reader{stream};
    CHECK(failure_of([&] { reader.recv_line(); }).what == "recv_line (0 bytes so far): Connection timed out");
}

TEST_CASE("on a stream that does not wait the reader does not wait") {
    conversation talk;
    talk.stream.set_blocking(false);
    std::error_code error;
    CHECK(talk.reader.recv_line(error) == the_end);
    CHECK(error == std::errc::operation_would_block);
    talk.peer.send_all("half");
    talk.stream.wait(POLLIN, net::time_point::max(), error);
    CHECK(talk.reader.recv_line(error) == the_end);
    CHECK(error == std::errc::operation_would_block);
    CHECK(talk.reader.buffered() == "half");
    talk.peer.send_all(" a line\n");
    talk.stream.wait(POLLIN, net::time_point::max(), error);
    CHECK(talk.reader.recv_line(error) == result{"half a line"});
}

TEST_CASE("a deadline and a stop end the wait for the rest of a message") {
    conversation talk;
    std::error_code error;
    talk.peer.send_all("half");
    talk.stream.set_deadline(net::clock::now() + a_while);
    CHECK(talk.reader.recv_line(error) == the_end);
    CHECK(error == std::errc::timed_out);
    net::stop_event stop;
    talk.stream.set_timeout(1h);
    talk.stream.stop_with(stop);
    background waiting{[&] {
        std::error_code why;
        talk.reader.recv_line(why);
        return why;
    }};
    waiting.await_waiting();
    stop.request_stop();
    CHECK(waiting.get() == std::errc::operation_canceled);
    CHECK(talk.reader.buffered() == "half");
}

TEST_CASE("a reset in the middle is the error that it is and leaves what came") {
    conversation talk;
    talk.peer.send_all("half");
    std::error_code error;
    talk.stream.set_timeout(a_while);
    CHECK(talk.reader.recv_line(error) == the_end);
    talk.stream.set_timeout(net::never);
    talk.peer.set_option(net::option::linger{0s});
    talk.peer.close();
    CHECK(talk.reader.recv_line(error) == the_end);
    CHECK(error == std::errc::connection_reset);
    CHECK(talk.reader.buffered() == "half");
}
