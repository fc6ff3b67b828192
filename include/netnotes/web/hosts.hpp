// netnotes/web/hosts.hpp: a site answers for its own names only
// SPDX-License-Identifier: MIT
//
// A client writes into each request which host it wants. A stranger can write any name there:
//
//        GET /password/forgotten/ HTTP/1.1
//        Host: evil.example                   a page that builds links out of this name sends its readers there
//
// A name may also belong to an attacker, and lead to an address inside of your network. A browser there then gives the
// attacker's page what a server for insiders answers (DNS rebinding). So Django asks a list, ALLOWED_HOSTS, and answers
// 400 if the name is not in it. So does this layer:
//
//        web::site site{table};
//        site.add(web::allowed_hosts{{"www.example.com", ".example.org"}});
//
//   www.example.com     this name, in capital letters or not, with any port and with a dot behind it or not
//   .example.org        example.org and all names below it
//   *                   every name that is a name at all
//   [::1]  127.0.0.1    addresses are names, too
//
// With an empty list nothing is allowed. In development an empty list means localhost, the names below it, 127.0.0.1
// and [::1].
//
// On this page:  allowed_hosts
// The notes:     创建项目 (settings.py); example 49

#ifndef NETNOTES_WEB_HOSTS_HPP
#define NETNOTES_WEB_HOSTS_HPP

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../http/message.hpp"
#include "../ip/text.hpp"
#include "middleware.hpp"
#include "value.hpp"

namespace netnotes::web {

/// A layer that refuses requests for hosts that are not the site's own, with 400. Add it before all layers that read
/// request::host(), such as web::csrf.
class allowed_hosts : public middleware {
  public:
    /// `hosts` are Django's ALLOWED_HOSTS. `debug` is for development: an empty list then allows this computer, and the
    /// answer 400 says which name is missing in the list.
    explicit allowed_hosts(std::vector<std::string> hosts = {}, bool debug = false)
        : hosts_{std::move(hosts)}, debug_{debug} {
        if (debug_ && hosts_.empty()) hosts_ = {".localhost", "127.0.0.1", "[::1]"};
        for (std::string& each : hosts_) each = lower(each);
    }

    /// Returns the name in a field Host, in small letters: without its port, and without a dot at its end. Returns an
    /// empty text if the field has no name, or another character than letters, digits, '-' and '.'; in brackets stands
    /// an IPv6 address.
    [[nodiscard]] static std::string name_of(std::string_view host) {
        const std::string text = lower(host);
        const auto count = [&](std::size_t at, std::string_view taken) {
            return std::min(text.find_first_not_of(taken, at), text.size()) - at;
        };
        std::size_t end = 0;
        if (text.starts_with('[')) {
            const std::size_t first = 1 + count(1, "0123456789abcdef");
            const std::size_t rest = first < text.size() && text[first] == ':' ? first + 1 : text.size();
            end = rest + count(rest, "0123456789abcdef:.");
            if (end == rest || end == text.size() || text[end++] != ']') return {};
        } else {
            end = count(0, "0123456789abcdefghijklmnopqrstuvwxyz.-");
        }
        if (end < text.size()) {
            const std::size_t digits = text[end] == ':' ? count(end + 1, "0123456789") : 0;
            if (digits == 0 || end + 1 + digits != text.size()) return {};
        }
        if (end > 0 && text[end - 1] == '.') --end;
        return text.substr(0, end);
    }
    /// Returns true if the list has the name, which name_of() has returned.
    [[nodiscard]] bool allows(std::string_view name) const {
        return std::any_of(hosts_.begin(), hosts_.end(), [&](std::string_view each) {
            if (each == "*" || each == name) return true;
            return each.starts_with('.') && (name.ends_with(each) || name == each.substr(1));
        });
    }

    std::optional<http::response> process_request(http::request& ask) override {
        const std::string name = name_of(ask.host());
        if (!name.empty() && allows(name)) return std::nullopt;
        if (!debug_) return http::response{http::status::bad_request, "400: Bad Request\n"};
        std::string text = "400: Invalid HTTP_HOST header: " + repr(ask.host()) + ". ";
        text += name.empty() ? "The domain name provided is not valid according to RFC 1034/1035.\n"
                             : "You may need to add " + repr(name) + " to ALLOWED_HOSTS.\n";
        return http::response{http::status::bad_request, std::move(text)};
    }

  private:
    static std::string lower(std::string_view text) {
        std::string made{text};
        for (char& c : made)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
        return made;
    }
    static std::string repr(std::string_view text) { return netnotes::visible(value{text.substr(0, 200)}.repr()); }

    std::vector<std::string> hosts_;
    bool debug_;
};

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_HOSTS_HPP
