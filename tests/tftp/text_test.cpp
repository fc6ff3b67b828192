// What tftp promises about content that is made on the spot: text_source and serve_text.

#include <netnotes/tftp/client.hpp>
#include <netnotes/tftp/content.hpp>
#include <netnotes/tftp/server.hpp>

#include "../support.hpp"

#include <memory>

namespace tftp = netnotes::tftp;
using support::failure_of;

TEST_CASE("a text source owns its text and gives it once in pieces of any size") {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
        const std::string text = support::pattern(100);
        const auto source = [&]() -> std::unique_ptr<tftp::source> {
            std::string gone = text;  // the source outlives it
            return std::make_unique<tftp::text_source>(std::move(gone));
        }();
        CHECK(source->size() == 100);
        std::string all;
        std::vector<std::byte> room(piece);
        std::error_code error;
        while (const std::size_t size = source->read(room, error)) all += net::as_text(std::span{room}.first(size));
        CHECK_FALSE(error);
        CHECK(all == text);
        CHECK(source->size() == 100);
        CHECK(source->read(room, error) == 0);
    }
    CHECK(tftp::text_source{""}.size() == 0);
}

TEST_CASE("a server answers with text that is made for each request") {
    const auto menu = [](const tftp::file_request& what) -> std::optional<std::string> {
        if (what.file_name == "menu/secret")
            throw std::system_error{std::make_error_code(std::errc::permission_denied)};
        if (!what.file_name.starts_with("menu/")) return std::nullopt;
        return "Today: " + std::string{what.file_name.substr(5)} + '\n' + support::pattern(5000);
    };
    tftp::server server{{net::ipv4_address::loopback(), 0}, tftp::serve_text(menu)};
    net::stop_event stop;
    support::background running{[&] {
        net::event_loop loop;
        return loop.run(server.run(), stop);
    }};
    tftp::client client{server.local_endpoint()};
    for (const std::string name : {"soup", "tea"}) {
        tftp::memory_sink answer{100'000};
        client.get("menu/" + name, answer);
        CHECK(answer.text() == "Today: " + name + '\n' + support::pattern(5000));
    }
    tftp::memory_sink none{100};
    CHECK(failure_of([&] { client.get("other", none); }).code == tftp::error::file_not_found);
    CHECK(failure_of([&] { client.get("menu/secret", none); }).code == tftp::error::access_violation);
    tftp::text_source upload{"x"};
    CHECK(failure_of([&] { client.put(upload, "menu/soup"); }).code.category() == tftp::error_category());
    stop.request_stop();
    running.get();
}
