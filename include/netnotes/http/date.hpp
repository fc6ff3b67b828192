// netnotes/http/date.hpp: points in time as HTTP writes them
// SPDX-License-Identifier: MIT
//
//        Sun, 06 Nov 1994 08:49:37 GMT       the form to write: always GMT, always 29 characters
//        Sunday, 06-Nov-94 08:49:37 GMT      an old form, which a recipient must still read (RFC 850)
//        Sun Nov  6 08:49:37 1994            an older form: what asctime() of C prints
//
// Programs compare dates, so they must not depend on the language of the machine: strftime() writes `So, 06 Nov` where
// the locale is German. Here names of days and months are always English.
//
// The second form has a year of two digits. A date that seems to be more than 50 years in the future belongs to the
// past century (RFC 9110 §5.6.7). So the reader needs to know the year of today.
//
// On this page:  time_point, write_date, read_date
// Sources:       RFC 9110 §5.6.7

#ifndef NETNOTES_HTTP_DATE_HPP
#define NETNOTES_HTTP_DATE_HPP

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "../ip/text.hpp"

namespace netnotes::http {

/// A date of HTTP: seconds since 1970 in UTC, leap seconds not counted. std::chrono::floor<seconds> makes it out of
/// system_clock::now().
using time_point = std::chrono::sys_seconds;

/// Returns the date as HTTP writes it, 29 characters: `Sun, 06 Nov 1994 08:49:37 GMT`. Years outside 0 to 9999 become
/// the first or the last second of that range.
[[nodiscard, gnu::cold]] std::string write_date(time_point when);
/// Reads a date in any of the three forms of RFC 9110 §5.6.7. Returns nullopt if the text is not such a date, if the
/// date does not exist (30 February), or if it is before 1 January of the year 1. The day of the week is only checked
/// to be the name of a day. `now` decides the century where the year has two digits.
[[nodiscard]] std::optional<time_point> read_date(std::string_view text, time_point now) noexcept;
/// Does the same, where `now` is the time of the system's clock.
[[nodiscard]] inline std::optional<time_point> read_date(std::string_view text) noexcept {
    return read_date(text, std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
}

// ========================================================================================================
// How it is done
// ========================================================================================================

namespace detail {

inline constexpr std::array<std::string_view, 7> day_names{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                           "Thursday", "Friday", "Saturday"};
inline constexpr std::string_view month_names = "JanFebMarAprMayJunJulAugSepOctNovDec";

/// Reads a date from left to right. After the first character that does not fit, everything fails.
class date_reader {
  public:
    constexpr explicit date_reader(std::string_view text) noexcept : rest_{text} {}

    constexpr bool skip(std::string_view what) noexcept {
        if (!rest_.starts_with(what)) return false;
        rest_.remove_prefix(what.size());
        return true;
    }
    /// Reads exactly `digits` digits; with `is_padded` the first may be a space instead.
    constexpr bool number(unsigned digits, int& value, bool is_padded = false) noexcept {
        if (rest_.size() < digits) return false;
        value = 0;
        for (unsigned i = 0; i < digits; ++i) {
            const char c = is_padded && i == 0 && rest_[0] == ' ' ? '0' : rest_[i];
            if (netnotes::detail::digit_value(c) > 9) return false;
            value = value * 10 + (c - '0');
        }
        rest_.remove_prefix(digits);
        return true;
    }
    constexpr bool month(unsigned& value) noexcept {
        const std::string_view name = rest_.substr(0, 3);
        if (name.size() != 3) return false;
        for (value = 1; value <= 12; ++value)
            if (month_names.substr(std::size_t{3} * (value - 1), 3) == name) return skip(name);
        return false;
    }
    /// Reads the name of a day: all of it, or its first three letters.
    constexpr bool day_name(bool is_short) noexcept {
        for (const std::string_view name : day_names)
            if (skip(is_short ? name.substr(0, 3) : name)) return true;
        return false;
    }
    constexpr bool time_of_day(int& hour, int& minute, int& second) noexcept {
        return number(2, hour) && skip(":") && number(2, minute) && skip(":") && number(2, second);
    }
    [[nodiscard]] constexpr bool at_end() const noexcept { return rest_.empty(); }
    [[nodiscard]] constexpr std::string_view rest() const noexcept { return rest_; }

  private:
    std::string_view rest_;
};

inline void put_two_digits(char* out, unsigned value) noexcept {
    out[0] = static_cast<char>('0' + value / 10);
    out[1] = static_cast<char>('0' + value % 10);
}

}  // namespace detail

inline std::string write_date(time_point when) {
    namespace chrono = std::chrono;
    constexpr time_point first = chrono::sys_days{chrono::year{0} / 1 / 1};
    constexpr time_point last = chrono::sys_days{chrono::year{10000} / 1 / 1} - chrono::seconds{1};
    when = when < first ? first : when > last ? last : when;
    const auto day = chrono::floor<chrono::days>(when);
    const chrono::year_month_day date{day};
    const auto second = static_cast<unsigned>((when - day).count());
    const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
    std::string text = "Sun, 06 Nov 1994 08:49:37 GMT";
    char* const out = text.data();
    detail::day_names[chrono::weekday{day}.c_encoding()].copy(out, 3);
    detail::put_two_digits(out + 5, static_cast<unsigned>(date.day()));
    detail::month_names.copy(out + 8, 3, std::size_t{3} * (static_cast<unsigned>(date.month()) - 1));
    detail::put_two_digits(out + 12, year / 100);
    detail::put_two_digits(out + 14, year % 100);
    detail::put_two_digits(out + 17, second / 3600);
    detail::put_two_digits(out + 20, second / 60 % 60);
    detail::put_two_digits(out + 23, second % 60);
    return text;
}

inline std::optional<time_point> read_date(std::string_view text, time_point now) noexcept {
    namespace chrono = std::chrono;
    int day = 0, year = 0, hour = 0, minute = 0, second = 0;
    unsigned month = 0;
    detail::date_reader in{text};
    bool is_read = false;
    if (const std::size_t comma = text.find(','); comma == 3) {  // Sun, 06 Nov 1994 08:49:37 GMT
        is_read = in.day_name(true) && in.skip(", ") && in.number(2, day) && in.skip(" ") && in.month(month) &&
                  in.skip(" ") && in.number(4, year) && in.skip(" ") && in.time_of_day(hour, minute, second) &&
                  in.skip(" GMT");
    } else if (comma != text.npos) {  // Sunday, 06-Nov-94 08:49:37 GMT
        is_read = in.day_name(false) && in.skip(", ") && in.number(2, day) && in.skip("-") && in.month(month) &&
                  in.skip("-") && in.number(2, year) && in.skip(" ") && in.time_of_day(hour, minute, second) &&
                  in.skip(" GMT");
        const int this_year = static_cast<int>(chrono::year_month_day{chrono::floor<chrono::days>(now)}.year());
        year += this_year / 100 * 100;
        if (year > this_year + 50) year -= 100;
    } else {  // Sun Nov  6 08:49:37 1994
        is_read = in.day_name(true) && in.skip(" ") && in.month(month) && in.skip(" ") && in.number(2, day, true) &&
                  in.skip(" ") && in.time_of_day(hour, minute, second) && in.skip(" ") && in.number(4, year);
    }
    const chrono::year_month_day date{chrono::year{year}, chrono::month{month},
                                      chrono::day{static_cast<unsigned>(day)}};
    if (!is_read || !in.at_end() || year < 1 || !date.ok()) return std::nullopt;
    if (hour > 23 || minute > 59 || second > 60) return std::nullopt;  // 60: a leap second, which is the next one here
    return chrono::sys_days{date} + chrono::hours{hour} + chrono::minutes{minute} + chrono::seconds{second};
}

}  // namespace netnotes::http

#endif  // NETNOTES_HTTP_DATE_HPP
