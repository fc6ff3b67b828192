// netnotes/http/message.hpp: a request and a response, as values
// SPDX-License-Identifier: MIT
//
// A message of HTTP is a first line, fields, an empty line, and perhaps a body:
//
//        GET /notes?page=2 HTTP/1.1        HTTP/1.1 200 OK
//        Host: example.com                 Content-Type: text/plain; charset=utf-8
//                                          Content-Length: 6
//
//                                          hello
//
// Here both are values: they can be made by hand, changed, compared and tested without a network.
//
//        http::request ask{"GET", "/notes?page=2", {{"Host", "example.com"}}};
//        std::cout << ask.path();                                      // /notes
//        std::cout << ask.query("page").value_or("1");                 // 2
//
//        http::response{200, "hello\n"};                               // text/plain; charset=utf-8
//        http::response{200, "<p>hello", "text/html; charset=utf-8"};
//        http::redirect("/login/");
//        http::not_found(ask);
//
// A server gives a request to its handler when the head is there, while the body may still be on its way. So a request
// has two ways to its body. body() returns the text that the request holds, for example from a test. text() and recv()
// are tasks that wait for the bytes of a connection. This page only declares them, and http/server.hpp has their code.
// Without a connection they return what body() holds, so a handler can be tested with a request made by hand.
//
// A response has a text as its body, or a body_source: a file, or pieces that a task makes one after the other. The
// chapters above derive from body_source, and this chapter only carries it.
//
// On this page:  body_source · request · response, not_found, redirect
// Sources:       RFC 9112 §2; RFC 9110 §6
// The notes:     Python Internet 模块

#ifndef NETNOTES_HTTP_MESSAGE_HPP
#define NETNOTES_HTTP_MESSAGE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "date.hpp"
#include "fields.hpp"
#include "media.hpp"
#include "status.hpp"
#include "syntax.hpp"
#include "target.hpp"

namespace netnotes {

template <class T>
class task;  // coro/task.hpp: include http/server.hpp to call the members that return a task

namespace http {

namespace detail {
struct checked_request;  // http/head.hpp
}
class upgrade;  // http/upgrade.hpp

/// A body that comes in pieces. The server derives from it for the body of a request that is still arriving; files and
/// generators derive from it for the body of a response.
class body_source {
  public:
    body_source() noexcept = default;
    body_source(const body_source&) = delete;
    body_source& operator=(const body_source&) = delete;
    virtual ~body_source() = default;

    /// Returns how many bytes there are in all, or nullopt if this is known only at the end. In a response such a body
    /// is sent in chunks.
    [[nodiscard]] virtual std::optional<std::uint64_t> size() const noexcept { return std::nullopt; }
    /// Waits for the next piece and returns it. It is valid until the next call. No bytes: the body has ended.
    [[nodiscard]] virtual task<std::span<const std::byte>> next() = 0;

    /// A part of an open file. No part of a file has the descriptor -1.
    struct file_bytes {
        int descriptor = -1;
        std::uint64_t first = 0, count = 0;
    };
    /// Returns where the bytes lie if they are a part of a file. Then a server lets the kernel send them, and does not
    /// call next(). They must stay there as long as this object.
    [[nodiscard]] virtual file_bytes in_file() const noexcept { return {}; }
    /// Returns true if next() never waits for another task or another program. Then a server gathers small pieces, and
    /// it does not keep a client waiting.
    [[nodiscard]] virtual bool is_ready() const noexcept { return false; }
    /// Returns the conversation that follows a response 101, or nullptr if this is a body.
    [[nodiscard]] virtual upgrade* as_upgrade() noexcept { return nullptr; }
};

/// A request: method, target, fields, and a body. It owns everything, so it may outlive the bytes it was read from.
///
/// The version is 1.0 or 1.1, and fields() of a received request are as they came. A request can be moved, not copied.
class request {
  public:
    /// Makes `GET /`.
    request() = default;
    /// Makes a request. The target is in origin, absolute or asterisk form, with its query: "/notes?page=2". Throws
    /// std::invalid_argument if the method is no token, and parse_error if the text is no target.
    request(std::string_view method, std::string_view target, http::fields fields = {}, std::string body = {})
        : request{http::target{target}, method, std::move(fields), std::move(body)} {}
    /// Makes a request with a method of the table. Throws as above, also for `method::other`.
    request(http::method method, std::string_view target, http::fields fields = {}, std::string body = {})
        : request{name_of(method), target, std::move(fields), std::move(body)} {}
    /// Makes a request with a target that was read before. Throws std::invalid_argument if the method is no token.
    request(http::target target, std::string_view method, http::fields fields = {}, std::string body = {})
        : method_{read_method(method)}, target_{std::move(target)}, fields_{std::move(fields)}, body_{std::move(body)} {
        if (!is_token(method))
            throw std::invalid_argument{"the method of an HTTP request is a token, not " + netnotes::quoted(method)};
        if (method_ == http::method::other) other_method_ = method;
    }

    /// Returns the method, or `method::other`; then method_name() has its text.
    [[nodiscard]] http::method method() const noexcept { return method_; }
    [[nodiscard]] std::string_view method_name() const noexcept {
        return method_ == http::method::other ? std::string_view{other_method_} : name_of(method_);
    }
    [[nodiscard]] const http::target& target() const noexcept { return target_; }
    /// Returns the path, decoded, except that an encoded slash stays `%2F`: see target::path().
    [[nodiscard]] const std::string& path() const noexcept { return target_.path(); }
    /// Returns the text behind '?', as it came.
    [[nodiscard]] std::string_view query() const noexcept { return target_.query(); }
    /// Returns the value of the first parameter of the query with that name, decoded: for "?name=a+b%21" it returns "a
    /// b!". Returns nullopt if there is no such parameter or if its percent coding is wrong. http/form.hpp reads them
    /// all.
    [[nodiscard]] std::optional<std::string> query(std::string_view name) const;

    /// Returns the number behind `HTTP/1.`: 0 or 1.
    [[nodiscard]] int minor_version() const noexcept { return minor_version_; }
    void set_minor_version(int minor) noexcept { minor_version_ = minor; }

    [[nodiscard]] const http::fields& fields() const noexcept { return fields_; }
    [[nodiscard]] http::fields& fields() noexcept { return fields_; }
    /// Returns the value of the first field with that name, or nullopt.
    [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const noexcept {
        return fields_.find(name);
    }
    /// Returns host and port as the client named them, for example "example.com:8000". An absolute target has them,
    /// else the field Host (RFC 9112 §3.2.2). Returns "" if both are missing. They come from a stranger: compare them
    /// with a list, and never build a link for others out of them.
    [[nodiscard]] std::string_view host() const noexcept {
        return target_.which() == target::form::absolute ? target_.authority() : fields_.find("Host").value_or("");
    }

    /// Returns the body as far as the request holds it: the text of the constructor or of set_body(). On a server it is
    /// empty; use text() or recv() there.
    [[nodiscard]] const std::string& body() const noexcept { return body_; }
    void set_body(std::string body) noexcept {
        body_ = std::move(body);
        is_given_ = false;
    }

    /// Waits for the whole body and returns it. A second call returns "". If a call is cancelled, the next call of
    /// text() or recv() returns what that one has received, too. Throws as http/server.hpp says, above all if the body
    /// is too large. Include http/server.hpp to call it.
    [[nodiscard]] task<std::string> text();
    /// Waits for the next bytes of the body and returns them. They are valid until the next call. No bytes: the body
    /// has ended. A call that is cancelled takes no bytes. Include http/server.hpp to call it.
    [[nodiscard]] task<std::span<const std::byte>> recv();
    /// Gives the request a body that is still arriving. The source must outlive the request, or be taken away again
    /// with nullptr. For authors of servers.
    void set_source(body_source* source) noexcept { source_ = source; }
    /// Returns the body that is still arriving, or nullptr.
    [[nodiscard]] body_source* source() const noexcept { return source_; }

    request(request&&) = default;
    request& operator=(request&&) = default;

  private:
    friend detail::checked_request;
    http::method method_ = http::method::get;
    int minor_version_ = 1;
    std::string other_method_;
    http::target target_;
    http::fields fields_;
    std::string body_;
    body_source* source_ = nullptr;
    bool is_given_ = false;  // recv() has returned body_
};

/// A response: status, fields, and a body. The server adds Date, Content-Length or Transfer-Encoding, and Connection.
///
/// The members are open, because every combination has a meaning. A response can be moved, not copied.
class response {
  public:
    /// Makes 200 without a body.
    response() = default;
    /// Makes a response with a body of text. An empty body gets no Content-Type. Throws std::invalid_argument if the
    /// media type could not be a field's value.
    response(http::status code, std::string text = {}, std::string_view media_type = "text/plain; charset=utf-8")
        : status{code}, body{std::move(text)} {
        if (!body.empty()) fields.set_media_type(media_type);
    }
    /// Makes a response whose body comes from a source.
    response(http::status code, std::unique_ptr<body_source> from, std::string_view media_type)
        : status{code}, source{std::move(from)} {
        fields.set_media_type(media_type);
    }

    http::status status;                  ///< 200 unless set
    http::fields fields;                  ///< the server adds more: see above
    std::string body;                     ///< the body, if `source` is empty
    std::unique_ptr<body_source> source;  ///< the body, if it is no text in memory

    /// Returns the value of the first field with that name, or nullopt. The view is valid until the fields change.
    [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const noexcept {
        return fields.find(name);
    }
    /// Sets a field and returns the response, so that calls can follow each other. Throws as fields::set() does.
    response& with(std::string_view name, std::string_view value) & {
        fields.set(name, value);
        return *this;
    }
    response&& with(std::string_view name, std::string_view value) && {
        fields.set(name, value);
        return std::move(*this);
    }
};

/// Returns 404 with a short text that names the path.
[[nodiscard]] inline response not_found(const request& ask) {
    return {status::not_found, "404: nothing is at " + netnotes::quoted(ask.path().substr(0, 200)) + "\n"};
}
/// Returns a response that sends the client to another place: a path ("/login/") or a whole URL. The status is 303 for
/// "look there with GET", 307 or 308 for "send the same request there", 302 and 301 as old programs do. Throws
/// std::invalid_argument if the status is no redirect, or if `location` is empty or holds a character that no URL has:
/// take percent_encode() for text of strangers.
[[nodiscard]] inline response redirect(std::string_view location, status how = status::see_other) {
    if (!how.is_redirect()) throw std::invalid_argument{how.to_string() + " is no redirect"};
    for (const char c : location)
        if (c <= ' ' || c > '~')
            throw std::invalid_argument{"no URL to redirect to: " + netnotes::quoted(location.substr(0, 200))};
    if (location.empty()) throw std::invalid_argument{"a redirect needs a place"};
    response answer{how};
    answer.fields.set("Location", location);
    return answer;
}

// ========================================================================================================
// How it is done
// ========================================================================================================

inline std::optional<std::string> request::query(std::string_view name) const {
    const auto decode = [](std::string_view text) {
        std::string spaced{text};
        for (char& c : spaced)
            if (c == '+') c = ' ';
        return percent_decode(spaced);
    };
    std::string_view rest = query();
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('&'), rest.size());
        const std::string_view part = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const std::size_t equals = std::min(part.find('='), part.size());
        if (decode(part.substr(0, equals)) == name) return decode(part.substr(std::min(equals + 1, part.size())));
    }
    return std::nullopt;
}

}  // namespace http
}  // namespace netnotes

#endif  // NETNOTES_HTTP_MESSAGE_HPP
