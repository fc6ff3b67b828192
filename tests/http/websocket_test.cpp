// What http/websocket.hpp promises: the examples of RFC 6455, each rule of frames, and messages at every cut.

#include <netnotes/http/websocket.hpp>
#include <netnotes/http/write.hpp>

#include "../catch.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace http = netnotes::http;
using namespace std::string_literals;
using namespace std::string_view_literals;
using http::websocket_close;
using http::websocket_reader;
using opcode = http::websocket_opcode;
using role = websocket_reader::role;

namespace {

std::string bytes_of(std::initializer_list<int> bytes) {
    std::string text;
    for (const int byte : bytes) text += static_cast<char>(byte);
    return text;
}

/// What a reader finds, as text.
std::string read(std::string_view bytes, role who, std::size_t step, std::size_t max = 1000) {
    websocket_reader reader{who, max};
    std::string all;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        reader.receive(bytes.substr(at, step));
        while (const auto message = reader.next()) {
            all += std::to_string(static_cast<int>(message->what)) + " " + message->data;
            if (message->what == opcode::close) all += " " + std::to_string(static_cast<int>(message->why));
            all += "\n";
        }
    }
    if (reader.is_refused())
        all += "refused " + std::to_string(static_cast<int>(reader.why())) + ": " + std::string{reader.reason()};
    return all;
}
/// The same at every step; a check fails if the steps make a difference.
std::string read_in_pieces(std::string_view bytes, role who = role::client) {
    const std::string whole = read(bytes, who, bytes.size());
    for (std::size_t step = 1; step < bytes.size() && step < 20; ++step) CHECK(read(bytes, who, step) == whole);
    return whole;
}

}  // namespace

TEST_CASE("the handshake of RFC 6455 §1.3") {
    http::request ask{"GET",
                      "/chat",
                      {{"Host", "server.example.com"},
                       {"Upgrade", "websocket"},
                       {"Connection", "keep-alive, Upgrade"},
                       {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                       {"Sec-WebSocket-Version", "13"}}};
    REQUIRE(http::is_websocket(ask));
    const auto answer = http::accept_websocket(ask);
    CHECK(answer.status == 101);
    CHECK(answer.fields.find("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    // The bytes of §1.3: a browser refuses an answer whose field Connection does not say Upgrade.
    std::string head;
    http::head_context context;
    context.keeps_alive = false;
    CHECK(http::write_head(head, answer, context) == http::body_coding::none);
    CHECK(head ==
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nConnection: Upgrade\r\n\r\n");

    for (const auto& [name, value] : {std::pair{"Upgrade", "h2c"},
                                      {"Connection", "close"},
                                      {"Sec-WebSocket-Version", "8"},
                                      {"Sec-WebSocket-Key", "short"},
                                      {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZ!=="}}) {
        http::request wrong{"GET", "/chat", ask.fields()};
        wrong.fields().set(name, value);
        CHECK_FALSE(http::is_websocket(wrong));
    }
    CHECK_FALSE(http::is_websocket(http::request{"POST", "/chat", ask.fields()}));
    ask.set_minor_version(0);
    CHECK_FALSE(http::is_websocket(ask));
}

TEST_CASE("SHA-1 and base64 have the results of their RFCs") {
    const auto hex = [](const auto& digest) {
        std::string text;
        for (const unsigned byte : digest) {
            text += "0123456789abcdef"[byte >> 4];
            text += "0123456789abcdef"[byte & 15];
        }
        return text;
    };
    CHECK(hex(http::detail::sha1("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");  // RFC 3174 §7.3
    CHECK(hex(http::detail::sha1("")) == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    CHECK(hex(http::detail::sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
          "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    CHECK(hex(http::detail::sha1(std::string(1'000'000, 'a'))) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    const auto base64 = [](std::string_view text) {
        return http::detail::base64(std::vector<std::uint8_t>(text.begin(), text.end()));
    };
    CHECK(base64("") == "");  // RFC 4648 §10
    CHECK(base64("f") == "Zg==");
    CHECK(base64("fo") == "Zm8=");
    CHECK(base64("foobar") == "Zm9vYmFy");
}

TEST_CASE("the frames of RFC 6455 §5.7") {
    CHECK(read_in_pieces(bytes_of({0x81, 5, 'H', 'e', 'l', 'l', 'o'})) == "1 Hello\n");
    CHECK(read_in_pieces(bytes_of({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}), role::server) ==
          "1 Hello\n");
    CHECK(read_in_pieces(bytes_of({1, 3, 'H', 'e', 'l', 0x80, 2, 'l', 'o'})) == "1 Hello\n");
    CHECK(read_in_pieces(bytes_of({1, 3, 'H', 'e', 'l', 0x89, 1, '!', 0x80, 2, 'l', 'o'})) == "9 !\n1 Hello\n");
    CHECK(read_in_pieces(bytes_of({0x82, 126, 1, 0}) + std::string(256, 'x')) == "2 " + std::string(256, 'x') + "\n");
    CHECK(read_in_pieces(bytes_of({0x88, 0})) == "8  1005\n");
    CHECK(read_in_pieces(bytes_of({0x88, 5, 3, 232, 'b', 'y', 'e'})) == "8 bye 1000\n");
    CHECK(read_in_pieces(bytes_of({0x88, 0, 0x81, 1, 'x'})) == "8  1005\n");  // nothing follows a close

    std::string written;
    http::write_frame(written, opcode::text, "Hello");
    CHECK(written == bytes_of({0x81, 5, 'H', 'e', 'l', 'l', 'o'}));
    written.clear();
    http::write_frame(written, opcode::text, "Hello", true, 0x37fa213d);
    CHECK(written == bytes_of({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}));
    CHECK_THROWS_AS(http::write_frame(written, opcode::ping, std::string(126, 'x')), std::length_error);
    written.clear();
    http::write_close(written, websocket_close::too_large, std::string(122, 'x') + "\xc3\xa9");
    CHECK(read(written, role::client, 7) == "8 " + std::string(122, 'x') + " 1009\n");  // half a character is not sent
}

TEST_CASE("frames that break a rule are refused, with the status for the peer") {
    const std::pair<std::string, std::string_view> refused[] = {
        {bytes_of({0xc1, 0}), "refused 1002: a reserved bit is set"},
        {bytes_of({0x83, 0}), "refused 1002: an unknown kind of frame"},
        {bytes_of({0x8b, 0}), "refused 1002: an unknown kind of frame"},
        {bytes_of({0x81, 0x80, 0, 0, 0, 0}), "refused 1002: the frame of a server has no mask"},
        {bytes_of({9, 0}), "refused 1002: a control frame has at most 125 bytes, in one piece"},
        {bytes_of({0x89, 126, 0, 126}), "refused 1002: a control frame has at most 125 bytes, in one piece"},
        {bytes_of({0x80, 0}), "refused 1002: no message is there to be continued"},
        {bytes_of({1, 0, 0x81, 0}), "refused 1002: the message before is not complete"},
        {bytes_of({0x81, 126, 0, 125}), "refused 1002: the size is not in its shortest form"},
        {bytes_of({0x81, 127, 0, 0, 0, 0, 0, 0, 255, 255}), "refused 1002: the size is not in its shortest form"},
        {bytes_of({0x81, 127, 128, 0, 0, 0, 0, 1, 0, 0}), "refused 1002: the size is not in its shortest form"},
        {bytes_of({0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}), "refused 1009: the message is too large"},
        {bytes_of({2, 126, 3, 232}) + std::string(1000, 'x') + bytes_of({0x80, 1}),
         "refused 1009: the message is too large"},
        {bytes_of({0x81, 1, 0xff}), "refused 1007: the text is not UTF-8"},
        {bytes_of({0x88, 1, 3}), "refused 1002: half a status"},
        {bytes_of({0x88, 2, 3, 237}), "refused 1002: a status that nobody may send"},  // 1005
        {bytes_of({0x88, 2, 0, 0}), "refused 1002: a status that nobody may send"},
        {bytes_of({0x88, 3, 3, 232, 0xc3}), "refused 1007: the reason is not UTF-8"},
    };
    for (const auto& [bytes, why] : refused) CHECK(read_in_pieces(bytes) == why);
    CHECK(read_in_pieces(bytes_of({0x81, 1, 'x'}), role::server) == "refused 1002: the frame of a client needs a mask");
    // A character may be cut by frames, but not by the end of the message.
    CHECK(read_in_pieces(bytes_of({1, 1, 0xc3, 0x80, 1, 0xa9})) == "1 \xc3\xa9\n");
}

TEST_CASE("text is UTF-8 in its shortest form") {
    for (const auto text : {""sv, "a\0b"sv, "\xc3\xa9"sv, "\xe4\xbd\xa0\xe5\xa5\xbd"sv, "\xf0\x9f\x98\x80"sv,
                            "\xf4\x8f\xbf\xbf"sv, "\xed\x9f\xbf"sv, "\xee\x80\x80"sv})
        CHECK(http::detail::is_utf8(text));
    for (const auto text :
         {"\x80"sv, "\xc3"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xe0\x9f\xbf"sv, "\xed\xa0\x80"sv, "\xf0\x8f\xbf\xbf"sv,
          "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xe4\xbd"sv, "\xe4\xbd\x61"sv, "\xff"sv})
        CHECK_FALSE(http::detail::is_utf8(text));
}

TEST_CASE("what is written is read again, in any fragments and pieces") {
    std::uint32_t random = 3;
    const auto next = [&random](std::uint32_t below) {
        random = random * 1'664'525 + 1'013'904'223;
        return (random >> 8) % below;
    };
    for (const role who : {role::client, role::server})
        for (int round = 0; round < 200; ++round) {
            std::string bytes, expected;
            for (int i = 0; i < 5; ++i) {
                const std::string data(round % 50 == 0 ? 65'536 + next(3) : next(300), static_cast<char>('a' + i));
                const std::size_t pieces = 1 + next(4);
                for (std::size_t piece = 0; piece < pieces; ++piece) {
                    const std::size_t begin = data.size() * piece / pieces, end = data.size() * (piece + 1) / pieces;
                    const std::optional<std::uint32_t> mask =
                        who == role::server ? std::optional{random} : std::nullopt;
                    http::write_frame(bytes, piece == 0 ? opcode::binary : opcode::continuation,
                                      std::string_view{data}.substr(begin, end - begin), piece + 1 == pieces, mask);
                }
                expected += "2 " + data + "\n";
            }
            CHECK((read(bytes, who, 1 + next(900), 70'000) == expected));
        }
}
