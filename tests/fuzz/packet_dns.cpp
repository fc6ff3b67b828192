// tests/fuzz/packet_dns.cpp: any bytes as a message of DNS, and any text as a name
// SPDX-License-Identifier: MIT
//
// A name that was read is written as text, and read again: the same name. A message that can be read to its end is
// written again, record by record, with other pointers: it says the same, and is not longer than without pointers.

#include "fuzz.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include <netnotes/packet/dns_build.hpp>

namespace packet = netnotes::packet;
using fuzz::require;
using bytes = std::vector<std::byte>;

namespace {

void check_name(const packet::dns_name_view& name) {
    const std::string text = name.to_string();
    require(text.size() <= packet::dns_name::text_capacity, "a text has room");
    for (const char c : text) require(c > ' ' && c <= '~', "a text is safe for a terminal");
    const packet::dns_name again{text};
    require(again == name && again.hash() == name.hash(), "a name, read from its text, is the same name");
    require(again.wire_size() == name.wire_size() && name.wire_size() <= 255, "a name has at most 255 bytes");
    require(name.is_within(packet::dns_name{}) && name.is_within(again), "a name lies within itself and the root");
    std::size_t labels = 0;
    for (const auto label : name)
        require(!label.empty() && label.size() <= 63 && ++labels < 128, "a label has 1 to 63");
}

void check_text(std::string_view text) {
    netnotes::parse_failure why;
    const auto name = packet::dns_name::parse(text, why);
    if (!name) return require(why.position() <= text.size(), "an error has a place in the text");
    check_name(*name);
    std::size_t at = 0;
    packet::packet_failure failure;
    const auto read = packet::dns_name_view::parse(name->wire(), at, failure);
    require(read && *read == *name && at == name->wire_size(), "a name travels");
}

/// The record in words, with its data if they can be read.
std::string said(const packet::dns_record& record) {
    std::string text = record.name.to_string() + " " + std::to_string(static_cast<int>(record.type)) + " " +
                       std::to_string(static_cast<int>(record.record_class)) + " " +
                       std::to_string(record.time_to_live) + " " + std::to_string(static_cast<int>(record.section));
    const auto add = [&](const std::string& more) { text += " " + more; };
    const auto name = [&](const packet::dns_name_view& view) { check_name(view), add(view.to_string()); };
    if (const auto address = record.address()) add(address->to_string());
    if (const auto target = record.target()) name(*target);
    if (const auto mail = record.mail_exchange()) add(std::to_string(mail->preference)), name(mail->exchange);
    for (const auto part : record.texts()) add(std::string(reinterpret_cast<const char*>(part.data()), part.size()));
    if (const auto soa = record.start_of_authority()) {
        name(soa->primary_server), name(soa->mailbox);
        for (const auto number : {soa->serial, soa->refresh, soa->retry, soa->expire, soa->minimum})
            add(std::to_string(number));
    }
    if (const auto service = record.service()) {
        for (const auto number : {service->priority, service->weight, service->port}) add(std::to_string(number));
        name(service->target);
    }
    if (const auto extension = record.extension())
        for (const packet::dns_option& option : extension->options)
            add(std::to_string(option.code) + ":" + std::to_string(option.value.size()));
    return text;
}

bool write(packet::dns_builder& to, const packet::dns_record& record) {
    const auto& [section, name, time] = std::tie(record.section, record.name, record.time_to_live);
    if (record.record_class == packet::dns_class::internet) {
        if (const auto address = record.address()) return to.address(section, name, time, *address);
        if (const auto target = record.target()) return to.target(section, record.type, name, time, *target);
        if (const auto mail = record.mail_exchange()) return to.mail_exchange(section, name, time, *mail);
        if (const auto soa = record.start_of_authority()) return to.start_of_authority(section, name, time, *soa);
        if (const auto service = record.service()) return to.service(section, name, time, *service);
    }
    return to.record(section, name, record.type, record.record_class, time, record.data);
}

void check_message(std::span<const std::byte> datagram) {
    packet::packet_failure why;
    const auto view = packet::dns_view::parse(datagram, why);
    require(view.has_value() == (datagram.size() >= 12), "a header has 12 bytes");
    if (!view) return;
    require(view->header().flags() == view->flags(), "each flag has its place");
    std::vector<std::string> all;
    std::size_t room = 12, broken = 0;
    for (const packet::dns_question& question : view->questions()) {
        check_name(question.name);
        room += question.name.wire_size() + 4;
    }
    for (const packet::dns_record& record : view->records()) {
        check_name(record.name);
        all.push_back(said(record));
        broken += static_cast<bool>(record.check());
        room += record.name.wire_size() + 10 + 2 * 255 + record.data.size();
    }
    std::size_t count = 0;
    for (const auto& list : {view->answers(), view->authorities(), view->additionals()})
        for (const packet::dns_record& record : list)
            require(said(record) == all.at(count++), "each list has its part");
    require(count == all.size(), "the lists have all records");
    const auto failure = view->check();
    if (broken > 0) require(static_cast<bool>(failure), "broken data are reported");
    if (failure)
        return require(!failure.message().empty() && failure.offset() <= datagram.size(), "a failure has a place");
    // DNSSEC's records and others that hold names cannot be written again: pointers in their data lead elsewhere. Here
    // their data are copied as bytes, and compared as bytes.
    bytes again(std::min<std::size_t>(room, 65'535));
    packet::dns_builder builder{again, view->header()};
    for (const packet::dns_question& question : view->questions())
        if (!builder.question(question.name, question.type, question.query_class)) return;
    for (const packet::dns_record& record : view->records()) {
        // A broken pointer cannot be among the data of a class that is not the Internet's, but a good one can.
        if (record.record_class != packet::dns_class::internet &&
            (record.target() || record.mail_exchange() || record.start_of_authority() || record.service()))
            return;
        if (!write(builder, record)) return;
    }
    const auto read = packet::dns_view::parse(builder.message(), why);
    require(read && !read->check(), "what we write can be read");
    require(read->question_count() == view->question_count() && read->header() == view->header(),
            "the header is the same");
    std::size_t i = 0;
    for (const packet::dns_record& record : read->records()) {
        // A name may take its letters from an earlier name.
        const auto equal = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
        const std::string text = said(record);
        require(i < all.size() && std::equal(text.begin(), text.end(), all[i].begin(), all[i].end(), equal),
                "a record, written again, says the same");
        ++i;
    }
    require(i == all.size(), "all records are there");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span input{data, size};
    check_message(fuzz::as_bytes(input));
    check_text(fuzz::as_text(input));
    return 0;
}
