// DNS messages: names with their pointers, records of each kind, and what is written.
// SPDX-License-Identifier: MIT

#include "packet.hpp"

#include <netnotes/packet/dns.hpp>
#include <netnotes/packet/dns_build.hpp>

#include <iomanip>
#include <iterator>

using packet::dns_builder;
using packet::dns_name;
using packet::dns_name_view;
using packet::dns_record;
using packet::dns_section;
using packet::dns_type;
using packet::dns_view;
using packet::packet_failure;

using namespace std::string_literals;

namespace {

/// The bytes of a text, in which "\3" and the like are lengths.
std::vector<std::byte> raw(std::string_view text) {
    const auto* const begin = reinterpret_cast<const std::byte*>(text.data());
    return {begin, begin + text.size()};
}
std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::string shown(std::span<const std::byte> bytes) {
    std::string text;
    for (const std::byte byte : bytes) {
        text += net::detail::hexadecimal_digits[std::to_integer<unsigned>(byte) >> 4];
        text += net::detail::hexadecimal_digits[std::to_integer<unsigned>(byte) & 15];
    }
    return text;
}
/// The name at a place of a message, or the failure.
std::string name_at(std::span<const std::byte> message, std::size_t at, std::size_t end = 0) {
    const exact_copy copy{message};
    packet_failure why;
    const auto name = dns_name_view::parse(copy, at, why);
    if (!name) return why.message();
    if (end != 0) CHECK(at == end);
    CHECK(dns_name{*name}.wire_size() == name->wire_size());
    return name->to_string();
}
dns_view parsed(std::span<const std::byte> message) {
    packet_failure why;
    const auto view = dns_view::parse(message, why);
    REQUIRE(view);
    return *view;
}
const dns_record record_of(std::span<const std::byte> message) {
    const auto answers = parsed(message).answers();
    const auto first = answers.begin();
    REQUIRE(first != answers.end());
    return *first;
}
/// A response without questions and with one record of the root, of that type.
std::vector<std::byte> one_record(unsigned type, std::string_view data) {
    auto bytes = hex("1234 8000 0000 0001 0000 0000  00");
    for (const unsigned number : {type, 1u, 0u, 60u, static_cast<unsigned>(data.size())}) {
        bytes.push_back(static_cast<std::byte>(number >> 8));
        bytes.push_back(static_cast<std::byte>(number & 0xff));
    }
    const auto more = raw(data);
    bytes.insert(bytes.end(), more.begin(), more.end());
    return bytes;
}

/// www.example.com, as a server could answer: an alias, two addresses, a name server and OPT.
std::vector<std::byte> response() {
    return hex(
        "beef 8580 0001 0003 0001 0001"
        "03 777777 07 6578616d706c65 03 636f6d 00  0001 0001"  // 12: question
        "c00c 0005 0001 0000012c 0006  03 616161 c010"         // 33: CNAME aaa.example.com
        "c02d 0001 0001 0000003c 0004  c0000201"               // 51
        "c02d 001c 0001 0000003c 0010  20010db8000000000000000000000001"
        "c010 0002 0001 00015180 0005  02 6e73 c010"
        "00   0029 04d0 01008000 000a  000a 0002 abcd  000c 0000");
}

}  // namespace

// ---- Names -------------------------------------------------------------------------------------------------

TEST_CASE("a name of DNS is read with and without pointers") {
    const auto message = raw("\3www\7example\3com\0\4mail\xc0\4\xc0\4\0"sv);
    CHECK(name_at(message, 0, 17) == "www.example.com");
    CHECK(name_at(message, 4) == "example.com");
    CHECK(name_at(message, 16, 17) == ".");
    CHECK(name_at(message, 17, 24) == "mail.example.com");
    CHECK(name_at(message, 24, 26) == "example.com");
    CHECK(dns_name_view{}.is_root());
    CHECK(dns_name_view{}.to_string() == ".");
    CHECK(dns_name_view{} == dns_name{});
}

TEST_CASE(
    "a pointer of DNS that points to itself, forward, or in a circle is refused (libtins 443, PcapPlusPlus 858)") {
    CHECK(name_at(raw("\xc0\0"sv), 0) == "DNS: pointer to byte 0, not before byte 0, at byte 0");
    CHECK(name_at(raw("\0\xc0\1"sv), 1) == "DNS: pointer to byte 1, not before byte 1, at byte 1");
    CHECK(name_at(raw("\xc0\2\1a\0"sv), 0) == "DNS: pointer to byte 2, not before byte 0, at byte 0");
    CHECK(name_at(raw("\1a\xc0\0"sv), 0) == "DNS: pointer to byte 0, not before byte 0, at byte 2");
    CHECK(name_at(raw("\1a\xc0\4\1b\xc0\0"sv), 4) == "DNS: pointer to byte 4, not before byte 0, at byte 2");
    CHECK(name_at(raw("\1a\1b\xc0\2"sv), 2) == "DNS: pointer to byte 2, not before byte 2, at byte 4");
    CHECK(name_at(raw("\xff\xff"sv), 0) == "DNS: pointer to byte 16383, not before byte 0, at byte 0");
}

TEST_CASE("a name below ip6.arpa with 34 labels is accepted, and so are 127 labels and 100 pointers (libtins 551)") {
    const auto address = net::ipv6_address{"2001:db8::567:89ab"};
    const dns_name name{address.reverse_pointer()};
    CHECK(std::ranges::distance(dns_name_view{name}) == 34);
    CHECK(name_at(name.wire(), 0) == address.reverse_pointer());

    std::string labels, text;
    for (int i = 0; i < 127; ++i) labels += "\1a", text += i == 0 ? "a" : ".a";
    labels += '\0';
    CHECK(labels.size() == 255);
    CHECK(name_at(raw(labels), 0, 255) == text);
    CHECK(name_at(raw("\1a" + labels), 0) == "DNS: the name has more than 255 bytes, at byte 254");

    std::string chain = "\1a\0"s;
    std::size_t last = 0;
    for (int i = 0; i < 100; ++i) {  // each name is a label and a pointer to the name before
        const std::size_t start = chain.size();
        chain += "\1b"s + static_cast<char>(0xc0 | last >> 8) + static_cast<char>(last & 0xff);
        last = start;
    }
    std::string expected;
    for (int i = 0; i < 100; ++i) expected += "b.";
    CHECK(name_at(raw(chain), last) == expected + "a");
}

TEST_CASE("a name of DNS has at most 128 pointers") {
    std::string chain = "\1a\0"s;
    std::size_t last = 0;
    for (int i = 0; i < 129; ++i) {  // each pointer leads to the pointer before
        const std::size_t start = chain.size();
        chain += {static_cast<char>(0xc0 | last >> 8), static_cast<char>(last & 0xff)};
        last = start;
    }
    CHECK(name_at(raw(chain), last - 2) == "a");
    CHECK(name_at(raw(chain), last) == "DNS: the name has more than 128 pointers, at byte 3");

    std::string names = "\0"s;  // a label behind each of 128 pointers: still a name
    last = 0;
    for (int i = 0; i < 127; ++i) {
        const std::size_t start = names.size();
        names += "\1b"s + static_cast<char>(0xc0 | last >> 8) + static_cast<char>(last & 0xff);
        last = start;
    }
    const std::size_t at = names.size();
    names += {static_cast<char>(0xc0 | last >> 8), static_cast<char>(last & 0xff)};
    CHECK(name_at(raw(names), at).size() == 2 * 127 - 1);
}

TEST_CASE("a name of DNS that is cut short or of an unknown form is refused with its place") {
    CHECK(name_at({}, 0) == "DNS: cut short: 0 of 1 bytes are there, at byte 0");
    CHECK(name_at(raw("\3ww"sv), 0) == "DNS: cut short: 3 of 4 bytes are there, at byte 3");
    CHECK(name_at(raw("\1a"sv), 0) == "DNS: cut short: 0 of 1 bytes are there, at byte 2");
    CHECK(name_at(raw("\0\xc0"sv), 1) == "DNS: cut short: 1 of 2 bytes are there, at byte 2");
    CHECK(name_at(raw("\x40"
                      "a"),
                  0) == "DNS: label type is 1, which is unknown, at byte 0");
    CHECK(name_at(raw("\x80\0"sv), 0) == "DNS: label type is 2, which is unknown, at byte 0");
    CHECK(name_at(raw("\0"sv), 5) == "DNS: cut short: 0 of 1 bytes are there, at byte 5");
}

TEST_CASE("names of DNS are compared without case, and keep their letters") {
    constexpr dns_name lower{"www.example.com"}, upper{"WwW.eXample.COM."};
    static_assert(lower == upper);
    static_assert(lower.hash() == upper.hash());
    static_assert(lower != dns_name{"www.example.org"} && lower != dns_name{"w.ww.example.com"});
    CHECK(upper.to_string() == "WwW.eXample.COM");
    const auto message = raw("\7EXAMPLE\3com\0\3wWw\xc0\0"sv);
    packet_failure why;
    std::size_t at = 13;
    const auto name = dns_name_view::parse(message, at, why);
    REQUIRE(name);
    CHECK(*name == lower);
    CHECK(lower == *name);
    CHECK(name->hash() == lower.hash());
    CHECK(dns_name{"\xc4"} != dns_name{"\xe4"});  // letters A to Z only (RFC 4343)
    CHECK(dns_name{"["} != dns_name{"{"});
    std::unordered_set<dns_name> names{lower, upper, dns_name{}};
    CHECK(names.size() == 2);
}

TEST_CASE("a name of DNS lies within its zone") {
    static_assert(dns_name_view{dns_name{"www.example.com"}}.is_within(dns_name{"EXAMPLE.com"}));
    static_assert(dns_name_view{dns_name{"example.com"}}.is_within(dns_name{"example.com"}));
    static_assert(dns_name_view{dns_name{"example.com"}}.is_within(dns_name{}));
    static_assert(dns_name_view{dns_name{}}.is_within(dns_name{}));
    static_assert(!dns_name_view{dns_name{"notexample.com"}}.is_within(dns_name{"example.com"}));
    static_assert(!dns_name_view{dns_name{"com"}}.is_within(dns_name{"example.com"}));
    static_assert(!dns_name_view{dns_name{"www.example.org"}}.is_within(dns_name{"example.com"}));
    SUCCEED();
}

TEST_CASE("any bytes of a label have a text that is read back") {
    const auto message = raw("\5a.b\\c\4 \x1b\x7f\xff\0"sv);
    CHECK(name_at(message, 0) == R"(a\.b\\c.\032\027\127\255)");
    CHECK(shown(dns_name{R"(a\.b\\c.\032\027\127\255)"}.wire()) == shown(message));
    CHECK(shown(dns_name{"."}.wire()) == "00");
    CHECK(shown(dns_name{"a.bc."}.wire()) == "016102626300");
    CHECK(dns_name{R"(\065\b)"} == dns_name{"ab"});
    std::vector<std::byte> every;
    for (unsigned i = 0; i < 256; i += 64) {
        const unsigned size = i < 192 ? 63 : 62;
        every.push_back(static_cast<std::byte>(size));
        for (unsigned j = 0; j < size; ++j) every.push_back(static_cast<std::byte>(i + j));
    }
    every.push_back({});
    REQUIRE(every.size() == 256);
    every.erase(every.begin() + 1), every[0] = std::byte{62};
    const std::string text = name_at(every, 0);
    CHECK(shown(dns_name{text}.wire()) == shown(every));
}

TEST_CASE("a text that is no name of DNS is refused with the place of the error") {
    const auto refusal = [](std::string_view text) {
        net::parse_failure why;
        CHECK(!dns_name::parse(text, why));
        CHECK(!dns_name::parse(text));
        return why.message();
    };
    CHECK(refusal("") == "the name is empty, at character 0");
    CHECK(refusal("..") == "label 1 is empty, at character 0");
    CHECK(refusal("a..b") == "label 2 is empty, at character 2");
    CHECK(refusal("a\\") == "nothing follows the backslash, at character 1");
    CHECK(refusal("a\\25") == "three digits follow a backslash, or none, at character 1");
    CHECK(refusal("a\\2x5") == "three digits follow a backslash, or none, at character 1");
    CHECK(refusal("a\\256") == "the byte is 256, above 255, at character 1");
    const std::string label(63, 'x');
    CHECK(refusal("a." + label + "x") == "label 2 has more than 63 bytes, at character 65");
    const std::string longest = label + "." + label + "." + label + "." + label.substr(2);
    CHECK(dns_name{longest}.wire_size() == 255);
    CHECK(dns_name{longest + "."}.to_string() == longest);
    CHECK(refusal(longest + "x") == "the name has more than 255 bytes, at character 253");
    CHECK(refusal(longest + ".x") == "the name has more than 255 bytes, at character 254");
    CHECK_THROWS_AS(dns_name{"a..b"}, net::parse_error);
}

// ---- Messages ----------------------------------------------------------------------------------------------

TEST_CASE("the header of a DNS message has its flags in the places of RFC 1035") {
    using header = packet::dns_header;
    static_assert(header{}.flags() == 0x0100);
    static_assert(header{.is_response = true, .is_recursion_desired = false}.flags() == 0x8000);
    static_assert(header{.opcode = packet::dns_opcode::update, .is_recursion_desired = false}.flags() == 0x2800);
    static_assert(header{.is_authoritative = true, .is_recursion_desired = false}.flags() == 0x0400);
    static_assert(header{.is_truncated = true, .is_recursion_desired = false}.flags() == 0x0200);
    static_assert(header{.is_recursion_desired = false, .is_recursion_available = true}.flags() == 0x0080);
    static_assert(header{.is_recursion_desired = false, .reserved = true}.flags() == 0x0040);
    static_assert(header{.is_recursion_desired = false, .is_authentic_data = true}.flags() == 0x0020);
    static_assert(header{.is_recursion_desired = false, .is_checking_disabled = true}.flags() == 0x0010);
    for (unsigned flags = 0; flags < 0x10000; ++flags) {
        const auto read = header::from(7, static_cast<std::uint16_t>(flags));
        if (read.flags() != flags || read.id != 7) FAIL(flags);
    }
    const auto bytes = response();
    const auto view = parsed(bytes);
    CHECK(view.id() == 0xbeef);
    CHECK(view.header().is_response);
    CHECK(view.header().is_authoritative);
    CHECK(view.header().response_code == packet::dns_response_code::no_error);
    CHECK(view.question_count() == 1);
    CHECK(view.answer_count() == 3);
    CHECK(view.authority_count() == 1);
    CHECK(view.additional_count() == 1);
}

TEST_CASE("a DNS response is read, question and records of each section") {
    const exact_copy bytes{response()};
    const auto view = parsed(bytes);
    CHECK(!view.check());
    const auto question = *view.questions().begin();
    CHECK(question.name == dns_name{"www.example.com"});
    CHECK(question.type == dns_type::a);
    CHECK(question.query_class == packet::dns_class::internet);
    std::string all;
    for (const dns_record& record : view.records())
        all += std::to_string(static_cast<int>(record.section)) + " " + record.name.to_string() + " " +
               std::string{to_string(record.type)} + " " + std::to_string(record.offset) + "\n";
    CHECK(all ==
          "0 www.example.com CNAME 33\n0 aaa.example.com A 51\n0 aaa.example.com AAAA 67\n1 example.com NS 95\n"
          "2 . OPT 112\n");
    std::string answers;
    for (const dns_record& record : view.answers()) {
        if (const auto name = record.target()) answers += name->to_string() + " ";
        if (const auto address = record.address()) answers += address->to_string() + " ";
    }
    CHECK(answers == "aaa.example.com 192.0.2.1 2001:db8::1 ");
    CHECK(view.authorities().begin()->target() == dns_name{"ns.example.com"});
    CHECK(view.authorities().begin()->time_to_live == 86'400);
    const auto extension = view.extension();
    REQUIRE(extension);
    CHECK(extension->udp_payload_size == 1232);
    CHECK(extension->response_code_high == 1);
    CHECK(extension->version == 0);
    CHECK(extension->is_dnssec_ok);
    std::string options;
    for (const packet::dns_option& option : extension->options)
        options += std::to_string(option.code) + ":" + shown(option.value) + ";";
    CHECK(options == "10:abcd;12:;");
    CHECK(!view.answers().begin()->extension());
    CHECK(!view.answers().begin()->address());
}

TEST_CASE("a DNS message is read at compile time") {
    static constexpr auto message = [] {
        std::array<std::byte, 64> bytes{};
        dns_builder builder{bytes, {.id = 7}};
        builder.question(dns_name{"a.b"}, dns_type::a);
        builder.address(dns_section::answer, dns_name{"a.b"}, 60, net::ipv4_address{192, 0, 2, 1});
        return bytes;
    }();
    static_assert([] {
        packet_failure why;
        const auto view = dns_view::parse(message, why);
        return view && !view->check() && view->answers().begin()->address() == net::ipv4_address{192, 0, 2, 1};
    }());
    SUCCEED();
}

TEST_CASE("records hold mail exchanges, services, texts and the start of authority") {
    const auto mail = one_record(15, "\0\12\4mail\0"sv);
    CHECK(record_of(mail).mail_exchange()->preference == 10);
    CHECK(record_of(mail).mail_exchange()->exchange == dns_name{"mail"});
    CHECK(!record_of(mail).service());
    const auto service = one_record(33, "\0\1\0\2\x1f\x90\4host\0"sv);
    CHECK(record_of(service).service()->priority == 1);
    CHECK(record_of(service).service()->weight == 2);
    CHECK(record_of(service).service()->port == 8080);
    CHECK(record_of(service).service()->target == dns_name{"host"});
    const auto texts = one_record(16, "\5hello\0\3a b"sv);
    const auto record = record_of(texts);
    std::string found;
    for (const auto text : record.texts()) found += text_of(text) + ";";
    CHECK(found == "hello;;a b;");
    CHECK(record_of(one_record(16, "")).texts().empty());
    const auto authority = one_record(6, "\2ns\0\2me\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\1\0"sv);
    const auto soa = record_of(authority).start_of_authority();
    REQUIRE(soa);
    CHECK(soa->primary_server == dns_name{"ns"});
    CHECK(soa->mailbox == dns_name{"me"});
    CHECK((soa->serial == 1 && soa->refresh == 2 && soa->retry == 3 && soa->expire == 4 && soa->minimum == 256));
    for (const auto& bytes : {mail, service, texts, authority}) CHECK(!parsed(bytes).check());
}

TEST_CASE("data of a DNS record that do not fit their type are reported, and the other records stay") {
    const auto failure = [](unsigned type, std::string_view data) {
        const exact_copy bytes{one_record(type, data)};
        const auto record = record_of(bytes);
        CHECK(!record.address());
        CHECK(!record.target());
        CHECK(!record.mail_exchange());
        CHECK(record.texts().empty());
        CHECK(!record.start_of_authority());
        CHECK(!record.service());
        CHECK(!record.extension());
        const auto why = parsed(bytes).check();
        CHECK(!why.is_cut_short() == (why.message().find("cut short") == std::string::npos));
        return why.message();
    };
    CHECK(failure(1, "abc") == "DNS: size of the data is 3, and it should be 4, at byte 23");
    CHECK(failure(28, "abcd") == "DNS: size of the data is 4, and it should be 16, at byte 23");
    CHECK(failure(2, "") == "DNS: size of the data is 0, below 1, at byte 23");
    CHECK(failure(5, "\1a\0b"sv) == "DNS: the last name does not end where the data say, at byte 26");
    CHECK(failure(12, "\xc0\x17") == "DNS: pointer to byte 23, not before byte 23, at byte 23");
    CHECK(failure(15, "\0\1"sv) == "DNS: size of the data is 2, below 3, at byte 23");
    CHECK(failure(6, "\0\0\0\0\0\0"sv) == "DNS: size of the data is 6, below 22, at byte 23");
    CHECK(failure(33, "\0\0\0\0\0\0\1"sv) == "DNS: cut short: 1 of 2 bytes are there, at byte 30");
    CHECK(failure(16, "\5abc") == "DNS: the last text does not end with the data, at byte 23");
    CHECK(failure(41, "\0\1\0\5abcd"sv) == "DNS: the last option does not end with the data, at byte 23");
    CHECK(failure(41, "\0\1\0"sv) == "DNS: the last option does not end with the data, at byte 23");
    CHECK(failure(999, "anything") == "");
}

TEST_CASE("a record of an update needs no data if its class is ANY or NONE (RFC 2136)") {
    std::array<std::byte, 512> room;
    const dns_name zone{"example.com"}, name{"www.example.com"};
    const auto failure = [&](packet::dns_type type, packet::dns_class record_class, std::string_view data) {
        packet::dns_builder update{room, {.opcode = packet::dns_opcode::update}};
        update.question(zone, packet::dns_type::soa);
        update.record(packet::dns_section::authority, name, type, record_class, 0, raw(data));
        const exact_copy bytes{update.message()};
        return parsed(bytes).check().message();
    };
    using enum packet::dns_type;
    for (const auto type : {a, aaaa, ns, soa, mx, srv, txt, opt, caa}) {
        CHECK(failure(type, packet::dns_class::any, "") == "");   // deletes the records, or they must exist
        CHECK(failure(type, packet::dns_class::none, "") == "");  // they must not exist
    }
    CHECK(failure(a, packet::dns_class::none, "\xc0\0\2\1"sv) == "");  // deletes this record
    CHECK(failure(a, packet::dns_class::any, "abc") == "DNS: size of the data is 3, and it should be 4, at byte 45");
    CHECK(failure(a, packet::dns_class::internet, "") == "DNS: size of the data is 0, and it should be 4, at byte 45");
}

TEST_CASE("a DNS message cut at every length is cut short, and is read within its bytes") {
    const auto whole = response();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const exact_copy copy{std::span{whole}.first(size)};
        packet_failure why;
        const auto view = dns_view::parse(copy, why);
        CHECK(view.has_value() == (size >= 12));
        if (!view) {
            CHECK(why == packet_failure::cut_short(packet::layer::dns, 0, size, 12));
            continue;
        }
        why = view->check();
        CHECK(why.is_cut_short());
        CHECK(why.offset() == size);
        std::size_t count = 0;
        for (const dns_record& record : view->records()) count += record.name.wire_size() > 0;
        CHECK(count == (size < 51 ? 0u : size < 67 ? 1u : size < 95 ? 2u : size < 112 ? 3u : 4u));
    }
}

TEST_CASE("a DNS message with any byte changed is read within its bytes") {
    const auto whole = response();
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (unsigned value = 0; value < 256; ++value) {
            exact_copy copy{whole};
            copy[at] = static_cast<std::byte>(value);
            const auto view = parsed(copy);
            const auto why = view.check();
            std::size_t count = 0;
            for (const dns_record& record : view.records()) {
                count += record.name.to_string().empty();
                count += record.target() && record.target()->to_string().empty();
                if (!why && record.check()) FAIL(at << " " << value);
            }
            if (count != 0) FAIL(at << " " << value);
        }
    }
    SUCCEED();
}

// ---- Writing -----------------------------------------------------------------------------------------------

TEST_CASE("a DNS message is written byte for byte, with pointers") {
    std::array<std::byte, 512> room;
    dns_builder builder{room, packet::dns_header::from(0xbeef, 0x8580)};
    const dns_name host{"www.example.com"}, other{"aaa.example.com"}, zone{"example.com"};
    CHECK(builder.question(host, dns_type::a));
    CHECK(builder.target(dns_section::answer, dns_type::cname, host, 300, other));
    CHECK(builder.address(dns_section::answer, dns_name{"AAA.example.com"}, 60, "192.0.2.1"_ip));
    CHECK(builder.address(dns_section::answer, other, 60, "2001:db8::1"_ip));
    CHECK(builder.target(dns_section::authority, dns_type::ns, zone, 86'400, dns_name{"ns.example.com"}));
    const auto whole = response();
    const auto opt = record_of(one_record(41, "\0\12\0\2\xab\xcd\0\14\0\0"sv)).extension();
    REQUIRE(opt);
    CHECK(builder.extension({.udp_payload_size = 1232,
                             .response_code_high = 1,
                             .version = 0,
                             .is_dnssec_ok = true,
                             .options = parsed(whole).extension()->options}));
    CHECK(shown(builder.message()) == shown(whole));
    CHECK(!builder.is_truncated());
}

TEST_CASE("records of each kind are written as RFC 1035 and RFC 2782 have them") {
    std::array<std::byte, 512> room;
    const auto data_of = [&](auto write) {
        dns_builder builder{room, {}};
        CHECK(write(builder));
        CHECK(!parsed(builder.message()).check());
        return shown(builder.message().subspan(12));
    };
    const dns_name zone{"a.b"};
    const auto answer = dns_section::answer;
    CHECK(data_of([&](dns_builder& to) {
              return to.mail_exchange(answer, zone, 1, {10, dns_name{"m.a.b"}});
          }) == shown(hex("0161 0162 00 000f 0001 00000001 0006 000a 016d c00c")));
    CHECK(data_of([&](dns_builder& to) {
              return to.service(answer, zone, 1, {1, 2, 8080, zone});
          }) == shown(hex("0161 0162 00 0021 0001 00000001 000b 0001 0002 1f90 0161 0162 00")));
    CHECK(data_of([&](dns_builder& to) {
              return to.texts(answer, zone, 1, {"hi", ""});
          }) == shown(hex("0161 0162 00 0010 0001 00000001 0004 02 6869 00")));
    CHECK(data_of([&](dns_builder& to) { return to.texts(answer, dns_name{}, 1, {}); }) ==
          shown(hex("00 0010 0001 00000001 0001 00")));
    CHECK(data_of([&](dns_builder& to) {
              return to.start_of_authority(answer, zone, 1, {zone, dns_name{"me.a.b"}, 1, 2, 3, 4, 256});
          }) == shown(hex("0161 0162 00 0006 0001 00000001 001b c00c 02 6d65 c00c"
                          "00000001 00000002 00000003 00000004 00000100")));
    CHECK(data_of([&](dns_builder& to) {
              return to.record(answer, zone, dns_type::caa, packet::dns_class::chaos, 9, hex("0011"));
          }) == shown(hex("0161 0162 00 0101 0003 00000009 0002 0011")));
    CHECK(data_of([&](dns_builder& to) { return to.target(answer, dns_type::dname, zone, 1, zone); }) ==
          shown(hex("0161 0162 00 0027 0001 00000001 0005 0161 0162 00")));
    dns_builder builder{room, {}};
    const std::string too_long(256, 'x');
    CHECK_THROWS_AS(builder.target(answer, dns_type::a, zone, 1, zone), std::invalid_argument);
    CHECK_THROWS_AS(builder.texts(answer, zone, 1, {too_long}), std::length_error);
    CHECK(builder.message().size() == 12);
}

TEST_CASE("a DNS record that does not fit is left out whole, and the message says that it is truncated") {
    const dns_name name{"www.example.com"};
    for (std::size_t size = 12; size < 120; ++size) {
        std::vector<std::byte> room(size);
        dns_builder builder{room, {.id = 1, .is_response = true}};
        std::size_t count = builder.question(name, dns_type::a);
        for (int i = 0; i < 4; ++i) count += builder.address(dns_section::answer, name, 60, "192.0.2.1"_ip);
        const auto view = parsed(builder.message());
        CHECK(!view.check());
        CHECK(count == view.question_count() + std::size_t{view.answer_count()});
        CHECK(builder.is_truncated() == (count < 5));
        CHECK(view.header().is_truncated == (count < 5));
        // Without the question the first record has the whole name, with the others a pointer to it.
        if (size >= 33) CHECK(count == std::min<std::size_t>(1 + (size - 33) / 16, 5));
    }
    std::array<std::byte, 11> small;
    CHECK_THROWS_AS((dns_builder{small, {}}), std::length_error);
}

TEST_CASE("the sections of a DNS message are written in their order") {
    std::array<std::byte, 512> room;
    dns_builder builder{room, {}};
    const dns_name name{"a"};
    CHECK(builder.address(dns_section::authority, name, 1, "192.0.2.1"_ip));
    CHECK_THROWS_AS(builder.address(dns_section::answer, name, 1, "192.0.2.1"_ip), std::invalid_argument);
    CHECK_THROWS_AS(builder.question(name, dns_type::a), std::invalid_argument);
    CHECK(builder.address(dns_section::additional, name, 1, "192.0.2.1"_ip));
}

TEST_CASE("a large DNS message has pointers only to its first 16 KiB, and is read back") {
    std::vector<std::byte> room(65'535);
    dns_builder builder{room, {}};
    std::size_t count = 0;
    while (builder.texts(dns_section::answer, dns_name{"n" + std::to_string(count) + ".example.com"}, 60,
                         {std::string(200, 'x')}))
        ++count;
    CHECK(count > 200);
    const auto view = parsed(builder.message());
    CHECK(!view.check());
    std::size_t read = 0;
    for (const dns_record& record : view.answers())
        if (record.name != dns_name{"n" + std::to_string(read++) + ".example.com"}) FAIL(read);
    CHECK(read == count);
}

TEST_CASE("a name of a message is printed, and a message is read without a failure to look at") {
    std::array<std::byte, 512> room;
    dns_builder builder{room, {.id = 7}};
    CHECK(builder.question(dns_name{"a\\.b.example"}, dns_type::a));
    const auto view = dns_view::parse(builder.message());
    REQUIRE(view);
    CHECK(!dns_view::parse(builder.message().first(11)));
    std::ostringstream out;
    for (const auto& question : view->questions()) out << std::setw(14) << question.name << dns_name_view{};
    CHECK(out.str() == "  a\\.b.example.");
}

TEST_CASE("only records whose data is one name have a target") {
    for (unsigned type = 0; type < 300; ++type) {
        std::array<std::byte, 100> room;
        dns_builder builder{room, {}};
        const std::byte root[1]{};  // the name of the root, which is data of any type
        REQUIRE(builder.record(dns_section::answer, dns_name{"a"}, static_cast<dns_type>(type), packet::dns_class::internet, 1,
                               root));
        const auto view = parsed(builder.message());
        const bool is_name = type == 2 || type == 5 || type == 12 || type == 39;
        CHECK(view.answers().begin()->target().has_value() == is_name);
    }
    CHECK(dns_record{}.offset == 0);
    const packet::dns_start_of_authority empty;
    CHECK((empty.serial | empty.refresh | empty.retry | empty.expire | empty.minimum) == 0);
}

TEST_CASE("iterators of texts are equal at the same place only") {
    std::array<std::byte, 100> room;
    dns_builder builder{room, {}};
    CHECK(builder.texts(dns_section::answer, dns_name{"a"}, 1, {"one", "two"}));
    const auto view = parsed(builder.message());
    const auto texts = view.answers().begin()->texts();
    auto at = texts.begin();
    CHECK(at == texts.begin());
    CHECK(text_of(*at++) == "one");
    CHECK_FALSE(at == texts.begin());
    CHECK(text_of(*at++) == "two");
    CHECK(at == texts.end());
}

TEST_CASE("a message answers a query if it is a response with the same id, opcode and questions") {
    const auto message = [](const packet::dns_header& header, std::initializer_list<const char*> names,
                            dns_type type = dns_type::mx, packet::dns_class in = packet::dns_class::internet) {
        std::vector<std::byte> room(512);
        dns_builder builder{room, header};
        for (const char* name : names) CHECK(builder.question(dns_name{name}, type, in));
        room.resize(builder.message().size());
        return room;
    };
    const packet::dns_header asks{.id = 7}, answers{.id = 7, .is_response = true};
    const auto query = message(asks, {"www.example.com"});
    const auto is_answer = [&](const std::vector<std::byte>& bytes) {
        return parsed(bytes).is_response_to(parsed(query));
    };
    CHECK(is_answer(message(answers, {"www.example.com"})));
    CHECK(is_answer(message(answers, {"WWW.example.COM"})));
    CHECK(is_answer(message({.id = 7, .is_response = true, .response_code = packet::dns_response_code::refused},
                            {"www.example.com"})));
    CHECK_FALSE(is_answer(query));
    CHECK_FALSE(is_answer(message({.id = 8, .is_response = true}, {"www.example.com"})));
    CHECK_FALSE(is_answer(message({.id = 7, .is_response = true, .opcode = packet::dns_opcode::notify},
                                  {"www.example.com"})));
    CHECK_FALSE(is_answer(message(answers, {"www.example.org"})));
    CHECK_FALSE(is_answer(message(answers, {"example.com"})));
    CHECK_FALSE(is_answer(message(answers, {"www.example.com"}, dns_type::a)));
    CHECK_FALSE(is_answer(message(answers, {"www.example.com"}, dns_type::mx, packet::dns_class::chaos)));
    CHECK_FALSE(is_answer(message(answers, {})));
    CHECK_FALSE(is_answer(message(answers, {"www.example.com", "www.example.com"})));
    // A message is no answer to a response, and the announced questions must be there.
    const auto answer = message(answers, {"www.example.com"});
    CHECK_FALSE(parsed(answer).is_response_to(parsed(answer)));
    const auto cut = std::vector(answer.begin(), answer.end() - 1);
    CHECK_FALSE(parsed(cut).is_response_to(parsed(query)));
    const auto cut_query = std::vector(query.begin(), query.end() - 1);
    CHECK_FALSE(parsed(answer).is_response_to(parsed(cut_query)));
    CHECK_FALSE(parsed(cut).is_response_to(parsed(cut_query)));
    const auto two = message(asks, {"a", "b"});
    CHECK(parsed(message(answers, {"a", "b"})).is_response_to(parsed(two)));
    CHECK_FALSE(parsed(message(answers, {"b", "a"})).is_response_to(parsed(two)));
    CHECK_FALSE(parsed(message(answers, {"a", "c"})).is_response_to(parsed(two)));
}
