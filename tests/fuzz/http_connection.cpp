// tests/fuzz/http_connection.cpp: a client that sends anything, to a server that must keep its order
// SPDX-License-Identifier: MIT
//
// The input is cut in two: decisions of the server and of the network, and the bytes of the client. Two servers get the
// same bytes and answer in the same way: one gets them whole, the other in pieces. Both see the same requests with the same
// bodies, both end for the same reason, and each answers each request once. A client of ours reads the answers, and finds
// as many as the server has given.

#include "fuzz.hpp"

#include <string>
#include <string_view>

#include <netnotes/http/connection.hpp>

namespace http = netnotes::http;
using fuzz::require;
using http::connection;
using event = connection::event;

namespace {

/// How the handler behaves; the same for both servers.
struct manner {
    bool answers_early = false;
    bool chunks = false;
    bool is_short = false;
};

class server {
  public:
    explicit server(manner how, const http::connection_settings& wishes)
        : how_{how}, talk_{connection::role::server, connection::time{}, wishes} {}

    void feed(std::string_view bytes) {
        if (is_over_) return;
        talk_.receive(bytes, {});
        run();
    }
    void end() {
        talk_.receive_end();
        run();
    }
    [[nodiscard]] const std::string& log() const noexcept { return log_; }
    [[nodiscard]] const std::string& out() const noexcept { return out_; }
    [[nodiscard]] const connection& talk() const noexcept { return talk_; }
    [[nodiscard]] int answers() const noexcept { return answers_; }
    std::string methods;

  private:
    void run() {
        for (int steps = 0;; ++steps) {
            require(steps < 100'000, "a server makes progress");
            const event what = talk_.next({});
            if (what == event::request) {
                log_ += "request " + std::string{talk_.request().target} + "\n";
                methods += talk_.request().method == http::method::head ? 'H' : 'G';
                is_answered_ = false;
                body_.clear();
                if (how_.answers_early) answer();
            } else if (what == event::data) {
                require(!talk_.data().empty(), "data are bytes");
                body_ += talk_.data();
            } else if (what == event::end) {
                log_ += "body " + body_ + "\n";
                if (!is_answered_) answer();
            } else if (what == event::paused)
                require(false, "no request waits for its answer here");
            else {
                is_over_ = what != event::need_data;
                break;
            }
        }
        out_ += talk_.output();
        talk_.sent(talk_.output().size(), {});
    }
    void answer() {
        is_answered_ = true;
        ++answers_;
        if (how_.chunks)
            talk_.begin(http::response{200}, std::nullopt);
        else
            talk_.begin(http::response{200}, 5);
        talk_.write(how_.is_short ? "four" : "fives");
        talk_.finish();
    }

    manner how_;
    connection talk_;
    std::string log_, out_, body_;
    int answers_ = 0;
    bool is_answered_ = false, is_over_ = false;
};

/// A client of ours reads all answers. Returns how many there are.
int count_answers(const server& from) {
    int count = 0;
    std::string_view rest = from.out();
    for (std::size_t i = 0; i <= from.methods.size(); ++i) {
        connection reader{connection::role::client, connection::time{}};
        const bool is_head = i < from.methods.size() && from.methods[i] == 'H';
        reader.send(http::request{is_head ? "HEAD" : "GET", "/", {{"Host", "a"}}});
        reader.receive(rest, {});
        reader.receive_end();
        bool has_head = false;
        for (;;) {
            const event what = reader.next({});
            if (what == event::response) has_head = true;
            if (what == event::end) break;
            if (what == event::refused || what == event::closed) {
                require(!has_head || from.talk().why() == http::ending::short_body, "an answer is whole");
                return count;
            }
        }
        ++count;
        rest = rest.substr(rest.size() - reader.rest().size());
        if (rest.empty()) break;
    }
    require(rest.empty(), "nothing stands behind the answers");
    return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::choices choose{{data, size}};
    manner how;
    how.answers_early = choose.yes();
    how.chunks = choose.yes();
    how.is_short = choose.below(8) == 1;
    http::connection_settings wishes;
    if (choose.yes()) {
        wishes.bounds.body = choose.byte();
        wishes.bounds.extensions = choose.below(20);
        wishes.bounds.trailers = choose.byte();
        wishes.max_drain = choose.byte();
    }
    const std::size_t step = 1 + choose.below(9);
    const auto taken = choose.take(4000);
    const std::string_view bytes{reinterpret_cast<const char*>(taken.data()), taken.size()};

    server whole{how, wishes}, pieces{how, wishes};
    whole.feed(bytes);
    for (std::size_t at = 0; at < bytes.size(); at += step) pieces.feed(bytes.substr(at, step));
    whole.end();
    pieces.end();
    // With answers before the bodies, how much of an unread body is skipped depends on the pieces; and whether the client
    // waits for a 100 depends on when its body comes.
    if (!how.answers_early && bytes.find("xpect") == bytes.npos) {
        require(whole.log() == pieces.log(), "the same requests and bodies");
        require(whole.talk().why() == pieces.talk().why(), "the same end");
        require(whole.talk().refusal().why == pieces.talk().refusal().why, "the same refusal");
        require(whole.answers() == pieces.answers(), "the same number of answers");
    }
    for (const server* each : {&whole, &pieces}) {
        const bool has_error = each->talk().why() == http::ending::refused &&
                               each->out().find("\r\n400: ") + each->out().find("\r\n4") != 0;
        const int found = count_answers(*each);
        require(found == each->answers() || (has_error && found == each->answers() + 1) ||
                    (each->talk().why() == http::ending::short_body && found + 1 == each->answers()),
                "each request has one answer");
    }
    return 0;
}
