// tests/interop/http_parser_peer.cpp: what http-parser says about requests, for http_peers.py
// SPDX-License-Identifier: MIT
//
// Reads lines of hexadecimal digits. For each it prints a line with the requests that were seen, each as
// METHOD,TARGET,BODY.

#include <http_parser.h>

#include <iostream>
#include <string>

namespace {

struct seen {
    std::string all, target, body;
};
std::string hex(const std::string& bytes) {
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text.empty() ? "-" : text;
}
seen& of(http_parser* parser) { return *static_cast<seen*>(parser->data); }

}  // namespace

int main() {
    http_parser_settings settings;
    http_parser_settings_init(&settings);
    settings.on_message_begin = [](http_parser* parser) {
        of(parser).target.clear();
        of(parser).body.clear();
        return 0;
    };
    settings.on_url = [](http_parser* parser, const char* at, std::size_t size) {
        of(parser).target.append(at, size);
        return 0;
    };
    settings.on_body = [](http_parser* parser, const char* at, std::size_t size) {
        of(parser).body.append(at, size);
        return 0;
    };
    settings.on_message_complete = [](http_parser* parser) {
        seen& all = of(parser);
        all.all += std::string{" "} + http_method_str(static_cast<http_method>(parser->method)) + "," +
                   hex(all.target) + "," + hex(all.body);
        if (http_should_keep_alive(parser) == 0) http_parser_pause(parser, 1);
        return 0;
    };
    for (std::string line; std::getline(std::cin, line);) {
        std::string bytes;
        for (std::size_t i = 0; i + 1 < line.size(); i += 2)
            bytes += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
        seen all;
        http_parser parser;
        http_parser_init(&parser, HTTP_REQUEST);
        parser.data = &all;
        http_parser_execute(&parser, &settings, bytes.data(), bytes.size());
        const http_errno error = HTTP_PARSER_ERRNO(&parser);
        std::cout << (error == HPE_OK || error == HPE_PAUSED ? 200 : 400) << all.all << std::endl;
    }
}
