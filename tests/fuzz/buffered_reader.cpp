// tests/fuzz/buffered_reader.cpp: messages out of a stream, however it is cut, beside a model of a few lines
// SPDX-License-Identifier: MIT
//
// The first bytes of the input decide what is called, and how much each receive brings; the rest is the stream. The
// model has the whole stream at hand, and what each call must give follows from its documentation alone: where the
// bytes are cut must make no difference, and an error must lose none of them.

#include "fuzz.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <netnotes/tcp/reader.hpp>

namespace net = netnotes;
using fuzz::require;

namespace {

/// Gives the stream in pieces. Sometimes nothing has come yet, and at the end there is an end, or an error for ever.
class pieces {
  public:
    pieces(std::string_view stream, fuzz::choices& decides, bool ends_badly)
        : stream_{stream}, decides_{decides}, ends_badly_{ends_badly} {}

    std::size_t recv(net::mutable_buffer room, std::error_code& error) {
        error.clear();
        require(!room.empty(), "it asks for something");
        if (stays_away_ > 0 && decides_.below(4) == 3) {
            --stays_away_;
            error = std::make_error_code(std::errc::operation_would_block);
            return 0;
        }
        if (given_ == stream_.size()) {
            if (ends_badly_) error = std::make_error_code(std::errc::connection_reset);
            return 0;
        }
        const std::size_t size = std::min({1 + decides_.below(20), room.size(), stream_.size() - given_});
        const std::string_view piece = stream_.substr(given_, size);
        std::ranges::copy(std::as_bytes(std::span{piece}), room.begin());
        given_ += size;
        return size;
    }
    [[nodiscard]] std::size_t given() const { return given_; }

  private:
    std::string_view stream_;
    fuzz::choices& decides_;
    bool ends_badly_;
    std::size_t given_ = 0;
    int stays_away_ = 100;
};

enum class end { none, gone, broken_off, too_long, invalid, error };

struct expected {
    std::optional<std::string_view> message;
    end how = end::none;
    std::size_t taken = 0;
};

/// What the documentation promises, of what is left of the stream.
class model {
  public:
    model(std::string_view stream, std::size_t limit, bool ends_badly)
        : stream_{stream}, limit_{limit}, ends_badly_{ends_badly} {}

    [[nodiscard]] std::string_view rest() const { return stream_.substr(at_); }
    void take(std::size_t size) { at_ += size; }
    [[nodiscard]] std::size_t at() const { return at_; }

    [[nodiscard]] expected until(std::string_view delimiter) const {
        if (delimiter.empty()) return {{}, end::invalid, 0};
        const std::size_t found = rest().find(delimiter);
        // Too long is what has no delimiter within the limit, whether or not one comes behind it.
        if (found != std::string_view::npos && found + delimiter.size() <= limit_)
            return {rest().substr(0, found + delimiter.size()), end::none, found + delimiter.size()};
        if (found != std::string_view::npos || rest().size() >= limit_) return {{}, end::too_long, 0};
        return at_the_end();
    }
    [[nodiscard]] expected line() const {
        expected whole = until("\n");
        if (whole.message) whole.message->remove_suffix(whole.message->ends_with("\r\n") ? 2 : 1);
        if (whole.how == end::broken_off) return {rest(), end::none, rest().size()};  // the last needs no newline
        return whole;
    }
    [[nodiscard]] expected exactly(std::size_t size) const {
        if (size > limit_) return {{}, end::too_long, 0};
        if (rest().size() >= size) return {rest().substr(0, size), end::none, size};
        return at_the_end();
    }

  private:
    [[nodiscard]] expected at_the_end() const {
        if (ends_badly_) return {{}, end::error, 0};
        return {{}, rest().empty() ? end::gone : end::broken_off, 0};
    }
    std::string_view stream_;
    std::size_t limit_;
    bool ends_badly_;
    std::size_t at_ = 0;
};

end how_it_ended(const std::optional<std::string_view>& message, const std::error_code& error) {
    if (error == std::errc::protocol_error) return end::broken_off;
    if (error == std::errc::message_size) return end::too_long;
    if (error == std::errc::invalid_argument) return end::invalid;
    if (error) return end::error;
    return message ? end::none : end::gone;
}

constexpr std::string_view delimiters[]{"\n", "\r\n", "a", "aa", "aab", "\n\n", std::string_view{"\0", 1}, ""};
constexpr std::size_t sizes[]{0, 1, 2, 3, 7, 16, 64, 1000};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::choices input{{data, size}};
    const bool ends_badly = input.yes();
    const std::size_t limit = fuzz::choices{input.take(1)}.one_of<std::size_t>({1, 2, 3, 8, 16, 64, 4096, 65536});
    const std::size_t decisions = std::min<std::size_t>(size / 3, 200);
    fuzz::choices calls{input.take(decisions)}, cuts{input.take(decisions)};
    const std::string stream{fuzz::as_text(input.take(size))};

    pieces source{stream, cuts, ends_badly};
    net::buffered_reader<pieces> reader{source, limit};
    model should{stream, limit, ends_badly};

    const auto compare = [&](const expected& wanted, auto call) {
        std::error_code error;
        std::optional<std::string_view> got;
        do got = call(error);
        while (error == std::errc::operation_would_block);  // nothing is lost: call again
        require(how_it_ended(got, error) == wanted.how, "it ends as it should");
        require(got.has_value() == wanted.message.has_value(), "a message, or none");
        require(!got || *got == *wanted.message, "the message");
        should.take(wanted.taken);
    };
    for (int step = 0; step < 400; ++step) {
        const bool is_over = calls.empty();
        const std::string_view delimiter = calls.one_of(delimiters);
        const std::size_t count = calls.one_of(sizes);
        // When the decisions are used up the rest is read by lines.
        switch (is_over ? 0 : calls.below(8)) {
            case 0: compare(should.line(), [&](auto& error) { return reader.recv_line(error); }); break;
            case 1:
                compare(should.until(delimiter), [&](auto& error) { return reader.recv_until(delimiter, error); });
                break;
            case 2: compare(should.exactly(count), [&](auto& error) { return reader.recv_exact(count, error); }); break;
            case 3: {  // what has been received already, and nothing beyond it
                const std::string_view there = reader.buffered();
                const std::size_t found = delimiter.empty() ? std::string_view::npos : there.find(delimiter);
                const auto got = reader.take_until(delimiter);
                const bool fits = found != std::string_view::npos && found + delimiter.size() <= limit;
                require(got.has_value() == fits, "take_until() takes what is there, and no more");
                if (!got) break;
                require(*got == should.rest().substr(0, found + delimiter.size()), "the message that is there");
                should.take(got->size());
                break;
            }
            case 4: {
                const bool fits = count <= limit && count <= reader.buffered().size();
                const auto got = reader.take_exact(count);
                require(got.has_value() == fits, "take_exact() takes what is there, and no more");
                if (!got) break;
                require(*got == should.rest().substr(0, count), "the bytes that are there");
                should.take(count);
                break;
            }
            case 5: {
                std::array<std::byte, 16> room;
                const std::size_t wanted = 1 + count % room.size();
                std::error_code error;
                const std::size_t got = reader.recv(std::span{room}.first(wanted), error);
                require(got <= wanted && got <= should.rest().size(), "recv() gives no more than there is");
                require(!error || got == 0, "an error brings no bytes");
                require(!error || error == std::errc::operation_would_block || (ends_badly && should.rest().empty()),
                        "an error only where there is one");
                const auto bytes = std::as_bytes(std::span{should.rest()}).first(got);
                require(std::ranges::equal(std::span{room}.first(got), bytes), "recv() gives the next bytes");
                if (got == 0 && !error) require(should.rest().empty() && !ends_badly, "0 is the end of the stream");
                should.take(got);
                break;
            }
            case 6: {
                if (delimiter.empty()) break;
                std::error_code error;
                bool found = false;
                do found = reader.skip_until(delimiter, error);
                while (error == std::errc::operation_would_block);
                const std::size_t at = should.rest().find(delimiter);
                require(found == (at != std::string_view::npos), "skip_until() finds what is there");
                if (found)
                    should.take(at + delimiter.size());
                else if (!error)
                    should.take(should.rest().size());
                else {
                    require(ends_badly, "an error only where there is one");
                    require(reader.buffered().size() < delimiter.size(), "only what may begin a delimiter is kept");
                    should.take(should.rest().size() - reader.buffered().size());
                }
                break;
            }
            default: {
                const std::string_view there = reader.buffered();
                require(there == should.rest().substr(0, there.size()), "what is buffered comes next");
            }
        }
        require(should.at() + reader.buffered().size() == source.given(), "no byte is lost or doubled");
        require(reader.capacity() <= std::max<std::size_t>(4096, limit), "the memory is bounded");
        if (is_over && should.rest().empty()) break;
    }
    return 0;
}
