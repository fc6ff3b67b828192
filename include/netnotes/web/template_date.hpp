// netnotes/web/template_date.hpp: a point in time, written as a format says
// SPDX-License-Identifier: MIT
//
// Each letter of the format stands for a part of the time, and a letter behind a backslash stands for itself:
//
//        Y-m-d H:i:s        2026-11-29 17:09:21
//        N j, Y             Nov. 29, 2026
//        l \t\h\e jS        Sunday the 29th
//
// These are the letters of PHP's date(), and Django's. Times are in UTC.
//
// On this page:  (what template_filters.hpp uses: format_date)
// The notes:     DTL语言 (过滤器)

#ifndef NETNOTES_WEB_TEMPLATE_DATE_HPP
#define NETNOTES_WEB_TEMPLATE_DATE_HPP

#include <chrono>
#include <string>
#include <string_view>

#include "value.hpp"

namespace netnotes::web::detail::templates {

inline std::string two_digits(unsigned number) {
    return netnotes::detail::joined(number < 10 ? "0" : "", std::to_string(number));
}

/// Returns the time in a format of Django's filter `date`. It knows d j D l S w z, m n M b N F, y Y L t, g G h H i s a
/// A f P, c U. Other letters stand for themselves.
inline std::string format_date(time_value when, std::string_view format) {
    using namespace std::chrono;
    constexpr std::string_view months[] = {"January", "February", "March",     "April",   "May",      "June",
                                           "July",    "August",   "September", "October", "November", "December"};
    constexpr std::string_view short_months[] = {"Jan.", "Feb.", "March", "April", "May",  "June",
                                                 "July", "Aug.", "Sept.", "Oct.",  "Nov.", "Dec."};
    constexpr std::string_view days_of_week[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                 "Thursday", "Friday", "Saturday"};
    const auto midnight = floor<days>(when);
    const year_month_day date{midnight};
    const hh_mm_ss clock{when - midnight};
    const auto hour = static_cast<unsigned>(clock.hours().count());
    const auto minute = static_cast<unsigned>(clock.minutes().count());
    const auto second = static_cast<unsigned>(clock.seconds().count());
    const auto day = static_cast<unsigned>(date.day()), month = static_cast<unsigned>(date.month());
    const int year = static_cast<int>(date.year());
    const unsigned week_day = weekday{midnight}.c_encoding();
    const unsigned hour_12 = hour % 12 == 0 ? 12 : hour % 12;
    const std::string_view half = hour < 12 ? "a.m." : "p.m.";
    const std::string short_time =
        std::to_string(hour_12) + (minute == 0 ? "" : netnotes::detail::joined(":", two_digits(minute)));
    std::string made;
    for (std::size_t i = 0; i < format.size(); ++i) {
        switch (format[i]) {
            case '\\':
                if (++i < format.size()) made += format[i];
                break;
            case 'd': made += two_digits(day); break;
            case 'j': made += std::to_string(day); break;
            case 'D': made += days_of_week[week_day].substr(0, 3); break;
            case 'l': made += days_of_week[week_day]; break;
            case 'S':
                made += day / 10 == 1   ? "th"
                        : day % 10 == 1 ? "st"
                        : day % 10 == 2 ? "nd"
                        : day % 10 == 3 ? "rd"
                                        : "th";
                break;
            case 'w': made += std::to_string(week_day); break;
            case 'z': made += std::to_string((midnight - sys_days{date.year() / January / 1}).count() + 1); break;
            case 'm': made += two_digits(month); break;
            case 'n': made += std::to_string(month); break;
            case 'M': made += months[month - 1].substr(0, 3); break;
            case 'b':
                made += static_cast<char>(months[month - 1][0] | 0x20);
                made += months[month - 1].substr(1, 2);
                break;
            case 'N': made += short_months[month - 1]; break;
            case 'F':
            case 'E': made += months[month - 1]; break;
            case 'y': made += two_digits(static_cast<unsigned>(year % 100)); break;
            case 'Y': made += std::to_string(year); break;
            case 'L': made += date.year().is_leap() ? "True" : "False"; break;
            case 't': made += two_digits(static_cast<unsigned>((date.year() / date.month() / last).day())); break;
            case 'g': made += std::to_string(hour_12); break;
            case 'G': made += std::to_string(hour); break;
            case 'h': made += two_digits(hour_12); break;
            case 'H': made += two_digits(hour); break;
            case 'i': made += two_digits(minute); break;
            case 's': made += two_digits(second); break;
            case 'u': made += "000000"; break;
            case 'a': made += half; break;
            case 'A': made += hour < 12 ? "AM" : "PM"; break;
            case 'f': made += short_time; break;
            case 'P':
                made += minute == 0 && hour == 0    ? "midnight"
                        : minute == 0 && hour == 12 ? "noon"
                                                    : short_time + " " + std::string{half};
                break;
            case 'c':
                made += plain_time(when);
                made[made.size() - 9] = 'T';
                break;
            case 'U': made += std::to_string(when.time_since_epoch().count()); break;
            default: made += format[i];
        }
    }
    return made;
}

}  // namespace netnotes::web::detail::templates

#endif  // NETNOTES_WEB_TEMPLATE_DATE_HPP
