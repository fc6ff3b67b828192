// netnotes/http/head.hpp: the head of a message, as views
// SPDX-License-Identifier: MIT
//
// The parser fills a head with views into the bytes that the caller holds:
//
//        bytes   G E T   / n o t e s   H T T P / 1 . 1 \r\n H o s t : a \r\n \r\n
//                └─┬─┘   └───┬─────┘                        └──┬──┘ │
//        head    method    target                        fields()[0].name, .value
//
// The views are valid as long as these bytes. Nothing is allocated: there is room for 100 fields in the head itself,
// which makes it 3 KiB large on a 64-bit machine. A server needs one head for all of its connections, because nothing
// waits between parsing and using it. to_request() makes a value that owns its texts.
//
// On this page:  framing · message_head, request_head, response_head · to_request, to_response
// Sources:       RFC 9112 §6.3, §9.3
// Beside it:     http/parser.hpp, which fills a head; http/message.hpp, the values

#ifndef NETNOTES_HTTP_HEAD_HPP
#define NETNOTES_HTTP_HEAD_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "fields.hpp"
#include "message.hpp"
#include "status.hpp"
#include "syntax.hpp"
#include "target.hpp"

namespace netnotes::http {

namespace detail {
class head_reader;
}

/// Where the body of a message ends (RFC 9112 §6.3).
struct framing {
    /// How the receiver finds the end.
    enum class kind : std::uint8_t {
        none,         ///< there is no body
        length,       ///< after `length` bytes, which may be 0
        chunked,      ///< behind the chunk of size 0
        until_close,  ///< with the connection; only in a response
    };
    kind how = kind::none;
    std::uint64_t length = 0;
    friend bool operator==(const framing&, const framing&) noexcept = default;
};

/// The part that the heads of requests and responses share.
class message_head {
  public:
    static constexpr std::size_t max_fields = 100;

    /// Returns the fields in their order.
    [[nodiscard]] std::span<const field> fields() const noexcept { return {fields_.data(), count_}; }
    /// Returns the value of the first field with that name, or nullopt if no field has it.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
        for (const field& each : fields())
            if (same_name(each.name, name)) return each.value;
        return std::nullopt;
    }

    int minor_version = 1;     ///< the digit behind `HTTP/1.`; 2 to 9 are read as 1 (RFC 9110 §2.5)
    bool keeps_alive = true;   ///< the sender can use the connection once more (RFC 9112 §9.3)
    bool is_chunked = false;   ///< Transfer-Encoding: chunked
    bool has_length = false;   ///< a Content-Length is there
    std::uint64_t length = 0;  ///< its value
    std::string_view upgrade;  ///< the field Upgrade, if Connection names it; else ""

  protected:
    message_head() noexcept = default;

  private:
    friend detail::head_reader;
    std::array<field, max_fields> fields_;
    std::size_t count_ = 0;
};

/// The head of a request. All texts are views into the bytes that were parsed.
class request_head : public message_head {
  public:
    http::method method = http::method::get;  ///< `other` for a method that the table does not know
    std::string_view method_name;
    std::string_view target = "/";  ///< checked: http::target can read it
    std::string_view host;  ///< the field Host, or "" in HTTP/1.0. The target may have another: see request::host()
    bool expects_continue = false;  ///< the client waits for a 100 before it sends the body (RFC 9110 §10.1.1)

    /// Returns where the body ends. Without Content-Length and chunks a request has none.
    [[nodiscard]] framing body() const noexcept {
        using kind = framing::kind;
        return {is_chunked ? kind::chunked : has_length ? kind::length : kind::none, length};
    }
};

/// The head of a response. All texts are views into the bytes that were parsed.
class response_head : public message_head {
  public:
    http::status status;
    std::string_view reason;  ///< the words behind the number; a program must not depend on them

    /// Returns where the body ends, which depends on the method of the request (RFC 9112 §6.3).
    [[nodiscard]] framing body(http::method asked) const noexcept {
        using kind = framing::kind;
        if (asked == method::head || !status.allows_body()) return {};
        return {is_chunked ? kind::chunked : has_length ? kind::length : kind::until_close, length};
    }
};

/// Returns a request that owns its texts, without a body.
[[nodiscard]] request to_request(const request_head& head);
/// Returns a response that owns its texts, without a body.
[[nodiscard]] response to_response(const response_head& head);

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

/// Fills a list with the fields of a head, which a parser has checked. It uses the memory that the list has.
struct checked_fields {
    static void assign(fields& list, std::span<const field> from) {
        list.clear();
        if (from.empty()) return;
        // The views of a head lie in one piece of memory, in order. So one copy takes all of them, and the few bytes
        // between them.
        const char* const first = from.front().name.data();
        const std::string_view last = from.back().value;
        list.text_.assign(first, last.data() + last.size());
        list.entries_.reserve(from.size());
        const auto at = [first](std::string_view text) {
            return static_cast<std::uint32_t>(fields::common.size()) + static_cast<std::uint32_t>(text.data() - first);
        };
        const auto size = [](std::string_view text) { return static_cast<std::uint32_t>(text.size()); };
        for (const auto& [name, value] : from) list.entries_.push_back({at(name), size(name), at(value), size(value)});
    }
};

/// Fills a request with a head that a parser has checked. It uses the memory that the request has.
struct checked_request {
    static void assign(request& made, const request_head& head) {
        made.method_ = head.method;
        made.minor_version_ = head.minor_version;
        if (head.method == method::other) made.other_method_ = head.method_name;
        made.target_.assign(head.target);
        checked_fields::assign(made.fields_, head.fields());
        if (!made.body_.empty()) made.body_ = std::string{};
        made.source_ = nullptr;
        made.is_given_ = false;
    }
};

}  // namespace detail

inline request to_request(const request_head& head) {
    request made;
    detail::checked_request::assign(made, head);
    return made;
}
inline response to_response(const response_head& head) {
    response made{head.status};
    detail::checked_fields::assign(made.fields, head.fields());
    return made;
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_HEAD_HPP
