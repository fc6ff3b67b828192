// netnotes/web/csrf.hpp: forms that only our own pages can send
// SPDX-License-Identifier: MIT
//
// A browser sends the cookies of a site with every request to it, also with a form that another site has made. This is
// cross-site request forgery: a foreign page lets a person's browser do something in the person's name.
//
//        our page                       cookie  csrftoken = SECRET          form  csrfmiddlewaretoken = TOKEN(SECRET)
//        a foreign page                 cookie  csrftoken = SECRET          form  a guess: it cannot read the cookie
//
// So a form carries a second copy of a secret. The layer compares both copies, and answers 403 if they differ:
//
//        web::site site{table};
//        site.add(web::csrf{});
//
// A page that is a template_response gets the name csrf_token, which {% csrf_token %} prints as a hidden field. The
// token is another one in each page, although the secret stays: an attacker who sees the sizes of compressed pages
// cannot guess it character by character (the attack BREACH).
//
// The layer reads the form in the body of the request. A site waits for the body if it is the handler of http::serve().
// A handler of your own waits first:
//
//        auto handler = [&site](http::request& ask) -> task<http::response> {
//            ask.set_body(co_await ask.text());
//            co_return site.answer(ask);
//        };
//
// On this page:  csrf
// The notes:     DTL语言 (csrf_token); example 47

#ifndef NETNOTES_WEB_CSRF_HPP
#define NETNOTES_WEB_CSRF_HPP

#include <chrono>
#include <cstddef>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../http/form.hpp"
#include "../http/message.hpp"
#include "middleware.hpp"

namespace netnotes::web {

/// A layer that refuses unsafe requests of foreign pages. GET, HEAD, OPTIONS and TRACE pass: they must not change
/// anything.
class csrf : public middleware {
  public:
    static constexpr std::string_view cookie_name = "csrftoken";
    static constexpr std::string_view field_name = "csrfmiddlewaretoken";
    static constexpr std::size_t secret_size = 32;

    /// `trusted` are origins besides the site's own, for example "https://shop.example". `secure` is for a site that is
    /// reached by https:// only: the cookie is not sent otherwise, and a form without Origin must have a Referer of the
    /// site.
    explicit csrf(std::vector<std::string> trusted = {}, bool secure = false)
        : trusted_{std::move(trusted)}, secure_{secure} {}

    /// Returns a new token for this request's secret. Each call returns another text of 64 characters. The response to
    /// this request then sets the cookie. Throws std::logic_error if the request has not passed this layer.
    static std::string token(http::request& ask) {
        const std::string kept{ask.field(secret).value_or("")};
        if (!is_secret(kept)) throw std::logic_error{"csrf::token: this request has not passed the layer web::csrf"};
        ask.fields().set(used, "1");
        return masked(kept, random_text());
    }
    /// Replaces the secret. Call it when somebody logs in: a token that was seen before is then worth nothing.
    static void rotate(http::request& ask) {
        ask.fields().set(secret, random_text());
        ask.fields().set(used, "1");
    }

    std::optional<http::response> process_request(http::request& ask) override {
        const std::string_view sent = cookie(ask);
        ask.fields().set(secret, is_secret(sent) ? std::string{sent} : random_text());  // whatever a client has sent
        ask.fields().erase(used);
        return std::nullopt;
    }
    std::optional<http::response> process_view(http::request& ask) override {
        const std::string fault = fault_of(ask);
        if (fault.empty()) return std::nullopt;
        return http::response{http::status::forbidden, "403: CSRF verification failed: " + fault + "\n"};
    }
    void process_template_response(http::request& ask, template_response& page) override {
        http::request* const asked = &ask;
        page.context.set("csrf_token", value{[asked] { return value{token(*asked)}; }});
    }
    http::response process_response(http::request& ask, http::response made) override {
        if (!ask.field(used)) return made;
        http::set_cookie set{.name = std::string{cookie_name}, .value = std::string{ask.field(secret).value_or("")}};
        set.max_age = std::chrono::hours{24 * 7 * 52};
        set.secure = secure_;
        made.fields.add("Set-Cookie", set.to_string());
        made.fields.add("Vary", "Cookie");
        return made;
    }

    /// Returns which check an unsafe request fails, or an empty text.
    [[nodiscard]] std::string fault_of(const http::request& ask) const {
        switch (ask.method()) {
            case http::method::get:
            case http::method::head:
            case http::method::options:
            case http::method::trace: return {};
            default: break;
        }
        if (const auto origin = ask.field("Origin")) {
            if (!is_trusted(*origin, ask.host()))
                return "Origin checking failed - " + netnotes::visible(origin->substr(0, 200)) +
                       " does not match any trusted origins.";
        } else if (secure_) {
            // An attacker in between can set a cookie for the site by http://, and so knows a secret. Browsers tell by
            // https:// where a form comes from, so the page must be one of ours.
            const std::string_view page = ask.field("Referer").value_or("");
            if (page.empty()) return "Referer checking failed - no Referer.";
            const std::size_t scheme = page.find("://");
            const std::size_t path = scheme == page.npos ? page.size() : page.find_first_of("/?#", scheme + 3);
            if (!is_trusted(page.substr(0, path), ask.host()))
                return "Referer checking failed - " + netnotes::visible(page.substr(0, 200)) +
                       " does not match any trusted origins.";
        }
        const std::string_view kept = cookie(ask);
        if (!is_secret(kept)) return "CSRF cookie not set.";
        std::string given = sent_token(ask);
        if (given.empty()) given = ask.field("X-CSRFToken").value_or("");
        if (given.empty()) return "CSRF token missing.";
        return is_same(unmasked(given), kept) ? std::string{} : "CSRF token incorrect.";
    }

  private:
    // Notes to ourselves in the request, as Django has them in request.META. A client cannot set them: process_request
    // writes over them.
    static constexpr std::string_view secret = "X-Netnotes-CSRF-Secret", used = "X-Netnotes-CSRF-Used";
    static constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    static std::string_view cookie(const http::request& ask) {
        const auto field = ask.field("Cookie");
        return field ? http::cookies::parse(*field).get(cookie_name).value_or("") : std::string_view{};
    }
    /// The token in the body: in a form, or in a form with files, which browsers send as multipart/form-data.
    static std::string sent_token(const http::request& ask) {
        parse_failure unused;
        if (const auto boundary = http::multipart_boundary(ask.field("Content-Type").value_or(""))) {
            const auto parts = http::parse_multipart(ask.body(), *boundary, unused);
            for (const http::form_part& part : parts.value_or(std::vector<http::form_part>{}))
                if (part.name == field_name) return std::string{part.body};
            return {};
        }
        const auto form = http::form::parse(ask.body(), unused);
        return form ? std::string{form->get(field_name).value_or("")} : std::string{};
    }
    static bool is_secret(std::string_view text) noexcept {
        return text.size() == secret_size && text.find_first_not_of(letters) == text.npos;
    }
    static std::string random_text() {
        std::random_device source;
        std::uniform_int_distribution<std::size_t> any{0, letters.size() - 1};
        std::string made;
        for (std::size_t i = 0; i < secret_size; ++i) made += letters[any(source)];
        return made;
    }
    /// The mask, and behind it the secret, each letter moved on by the number of the mask's letter.
    static std::string masked(std::string_view kept, std::string mask) {
        std::string made = std::move(mask);
        for (std::size_t i = 0; i < secret_size; ++i)
            made += letters[(letters.find(kept[i]) + letters.find(made[i])) % letters.size()];
        return made;
    }
    static std::string unmasked(std::string_view token) {
        if (token.size() != 2 * secret_size || token.find_first_not_of(letters) != token.npos) return {};
        std::string made;
        for (std::size_t i = 0; i < secret_size; ++i)
            made += letters[(letters.find(token[secret_size + i]) + letters.size() - letters.find(token[i])) %
                            letters.size()];
        return made;
    }
    /// Takes the same time wherever the texts differ, so an attacker cannot measure how far a guess is right.
    static bool is_same(std::string_view a, std::string_view b) noexcept {
        if (a.size() != b.size()) return false;
        unsigned differ = 0;
        for (std::size_t i = 0; i < a.size(); ++i) differ |= static_cast<unsigned char>(a[i] ^ b[i]);
        return differ == 0;
    }
    [[nodiscard]] bool is_trusted(std::string_view origin, std::string_view host) const {
        for (const std::string& each : trusted_)
            if (each == origin) return true;
        const std::string_view scheme = secure_ ? "https://" : "http://";
        return origin.starts_with(scheme) && !host.empty() && origin.substr(scheme.size()) == host;
    }

    std::vector<std::string> trusted_;
    bool secure_;
};

}  // namespace netnotes::web

#endif  // NETNOTES_WEB_CSRF_HPP
