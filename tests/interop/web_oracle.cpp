// tests/interop/web_oracle.cpp: answers questions about patterns, for web_django.py
// SPDX-License-Identifier: MIT
//
// A question is a row of texts, each written as SIZE:BYTES. Questions and answers end with a line feed.
//
//     pattern METHOD PATTERN TEXT     METHOD is search, match or fullmatch. The answer is "refused", "no",
//                                     or "yes" and behind it BEGIN-END of each group, - for a group that took no part

#include <netnotes/web/pattern.hpp>

#include <iostream>
#include <string>
#include <vector>

namespace web = netnotes::web;

namespace {

bool read_row(std::istream& in, std::vector<std::string>& row) {
    row.clear();
    for (std::size_t size = 0; in.peek() != '\n';) {
        if (!(in >> size) || in.get() != ':') return false;
        row.emplace_back(size, '\0');
        in.read(row.back().data(), static_cast<std::streamsize>(size));
    }
    in.get();
    return static_cast<bool>(in);
}

std::string match(const std::vector<std::string>& row) {
    netnotes::parse_failure why;
    const auto pattern = web::pattern::parse(row.at(2), why);
    if (!pattern) return "refused " + why.message();
    const std::string& text = row.at(3);
    const auto found = row[1] == "search"  ? pattern->search(text)
                       : row[1] == "match" ? pattern->match(text)
                                           : pattern->full_match(text);
    if (!found) return "no";
    std::string answer = "yes";
    for (std::size_t i = 0; i < found->size(); ++i) {
        const auto group = (*found)[i];
        if (!group) {
            answer += " -";
            continue;
        }
        const auto begin = static_cast<std::size_t>(group->data() - text.data());
        answer += " " + std::to_string(begin) + "-" + std::to_string(begin + group->size());
    }
    return answer;
}

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    std::cin.tie(nullptr);
    for (std::vector<std::string> row; read_row(std::cin, row);)
        if (row.at(0) == "pattern")
            std::cout << match(row) << '\n';
        else
            return 2;
}
