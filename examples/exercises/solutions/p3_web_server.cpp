#include "web_server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using std::string, std::string_view;
constexpr std::size_t max_head = 16 * 1024, max_body = 1024 * 1024;

/// Ends a connection behind an answer with this status.
struct refusal {
    int status;
};
struct request {
    string method, target, body;
    std::vector<std::pair<string, string>> fields;  // names in small letters
    bool keeps = true;                              // the connection stays open

    std::optional<string_view> field(string_view name) const {
        for (const auto& [each, value] : fields)
            if (each == name) return value;
        return std::nullopt;
    }
};
struct client {
    string received{}, unsent{};
    int file = -1;  // its bytes follow `unsent`
    off_t at = 0;
    std::size_t rest = 0;
    bool said_continue = false;
    bool is_last = false;  // no request is taken any more
    bool is_shut = false;  // the last answer has left: what the client still sends is thrown away
};

string lower(string_view text) {
    string made{text};
    for (char& c : made)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return made;
}
string_view trimmed(string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}
/// Takes the text before `end` from the front of `text`, and `end` too. Without `end` it takes all.
string_view take(string_view& text, string_view end) {
    const string_view taken = text.substr(0, text.find(end));
    text.remove_prefix(std::min(text.size(), taken.size() + end.size()));
    return taken;
}
/// Returns a number that has digits only. A number with too many digits becomes the largest number.
std::optional<std::uint64_t> number(string_view digits, int base = 10) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (end != digits.data() + digits.size() || error == std::errc::invalid_argument) return std::nullopt;
    return error == std::errc{} ? value : std::numeric_limits<std::uint64_t>::max();
}
bool is_token(string_view text) {
    return !text.empty() &&
           text.find_first_not_of("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
               text.npos;
}
bool has_control(string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 127; });
}
bool lists(string_view values, string_view wanted) {
    while (!values.empty())
        if (lower(trimmed(take(values, ","))) == wanted) return true;
    return false;
}

// ---- Requests --------------------------------------------------------------------------------------------

request parsed_head(string_view head) {
    request made;
    string_view line = take(head, "\r\n");
    made.method = take(line, " ");
    made.target = take(line, " ");
    if (!is_token(made.method) || !made.target.starts_with('/') || has_control(made.target)) throw refusal{400};
    if (line.size() != 8 || !line.starts_with("HTTP/") || line[6] != '.' || !number(line.substr(5, 1)) ||
        !number(line.substr(7, 1)))
        throw refusal{400};
    if (line[5] != '1') throw refusal{505};
    std::size_t hosts = 0;
    while (!head.empty()) {
        string_view value = take(head, "\r\n");
        if (value.find(':') == value.npos) throw refusal{400};
        const string_view name = take(value, ":");
        if (!is_token(name) || has_control(value)) throw refusal{400};
        made.fields.emplace_back(lower(name), trimmed(value));
        if (made.fields.back().first == "host") ++hosts;
        if (made.fields.back().first == "connection" && lists(value, "close")) made.keeps = false;
    }
    if (hosts > 1 || (hosts == 0 && line[7] != '0')) throw refusal{400};
    if (line[7] == '0') made.keeps = false;
    return made;
}
/// Decodes the chunks at the front of `bytes` and takes them. Returns nothing if they are not whole.
std::optional<string> chunks(string_view& bytes) {
    string body;
    for (string_view rest = bytes;;) {
        if (rest.find("\r\n") == rest.npos) {
            if (rest.size() > max_head) throw refusal{400};
            return std::nullopt;
        }
        string_view line = take(rest, "\r\n");
        const auto size = number(take(line, ";"), 16);
        if (!size || *size == std::numeric_limits<std::uint64_t>::max()) throw refusal{400};
        if (*size > max_body - body.size()) throw refusal{413};
        if (*size > 0) {
            if (rest.size() > *size && !string_view{"\r\n"}.starts_with(rest.substr(*size, 2))) throw refusal{400};
            if (rest.size() < *size + 2) return std::nullopt;
            body += rest.substr(0, *size);
            rest.remove_prefix(*size + 2);
            continue;
        }
        for (const string_view trailer = rest; rest.find("\r\n") != rest.npos;) {  // up to an empty line
            if (!take(rest, "\r\n").empty()) continue;
            bytes = rest;
            if (trailer.size() - rest.size() > max_head) throw refusal{431};
            return body;
        }
        if (rest.size() > max_head) throw refusal{431};
        return std::nullopt;
    }
}
/// Takes one request from the front of what was received. Returns nothing if it is not whole, and leaves it.
std::optional<request> take_request(client& one) {
    const std::size_t end = one.received.find("\r\n\r\n");
    if (std::min(end, one.received.size()) > max_head) throw refusal{431};
    if (end == string::npos) return std::nullopt;
    request made = parsed_head(string_view{one.received}.substr(0, end));
    string_view rest = string_view{one.received}.substr(end + 4);
    const auto length = made.field("content-length"), coding = made.field("transfer-encoding");
    std::optional<string> body;
    if (coding) {
        if (length) throw refusal{400};  // two sizes: another server might believe the other one
        if (lower(*coding) != "chunked") throw refusal{501};
        body = chunks(rest);
    } else {
        std::uint64_t size = 0;
        for (const auto& [name, value] : made.fields) {
            if (name != "content-length") continue;
            const auto given = number(value);
            if (!given || value != *length) throw refusal{400};
            size = *given;
        }
        if (size > max_body) throw refusal{413};
        if (rest.size() >= size) {
            body = rest.substr(0, size);
            rest.remove_prefix(size);
        }
    }
    if (!body) {
        if (!std::exchange(one.said_continue, true) && lower(made.field("expect").value_or("")) == "100-continue")
            one.unsent += "HTTP/1.1 100 Continue\r\n\r\n";
        return std::nullopt;
    }
    made.body = std::move(*body);
    one.said_continue = false;
    one.received.erase(0, one.received.size() - rest.size());
    return made;
}

// ---- Answers ---------------------------------------------------------------------------------------------

string line_of(int status) {
    static const std::map<int, const char*> reasons{{200, "OK"},
                                                    {206, "Partial Content"},
                                                    {304, "Not Modified"},
                                                    {400, "Bad Request"},
                                                    {404, "Not Found"},
                                                    {405, "Method Not Allowed"},
                                                    {413, "Content Too Large"},
                                                    {416, "Range Not Satisfiable"},
                                                    {431, "Request Header Fields Too Large"},
                                                    {501, "Not Implemented"},
                                                    {505, "HTTP Version Not Supported"}};
    return std::to_string(status) + ' ' + reasons.at(status);
}
string head(int status, std::size_t size, const string& fields) {
    return "HTTP/1.1 " + line_of(status) + "\r\n" + fields + "Content-Length: " + std::to_string(size) + "\r\n\r\n";
}
void answer(client& one, const request& asked, int status, const string& body, const string& fields = "") {
    one.unsent += head(status, body.size(), fields);
    if (asked.method != "HEAD") one.unsent += body;
}
void answer(client& one, const request& asked, int status) { answer(one, asked, status, line_of(status) + '\n'); }

/// Returns false and answers with 405 if the method is not one of these.
bool allows(client& one, const request& asked, const char* methods) {
    if (lists(methods, lower(asked.method)) && asked.method != lower(asked.method)) return true;
    answer(one, asked, 405, "", "Allow: " + string{methods} + "\r\n");
    return false;
}
std::optional<string> decoded(string_view part) {
    string made;
    while (!part.empty()) {
        std::uint64_t byte = static_cast<unsigned char>(part[0]);
        const bool is_escaped = byte == '%';
        if (is_escaped) {
            const auto value = part.size() < 3 ? std::nullopt : number(part.substr(1, 2), 16);
            if (!value) return std::nullopt;
            byte = *value;
        }
        if (byte == '\0' || byte == '/') return std::nullopt;
        made += static_cast<char>(byte);
        part.remove_prefix(is_escaped ? 3 : 1);
    }
    if (made.empty() || made == "." || made == "..") return std::nullopt;
    return made;
}
/// Opens a file below the folder, one part of its name after the other. No part is a link. Returns -1 if there is no
/// such file. `name` is the last part, decoded: the type must be that of the file which was opened.
int open_below(const string& folder, string_view path, string& name) {
    int found = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (bool is_end = false; !is_end && found >= 0;) {
        is_end = path.find('/') == path.npos;
        const auto part = decoded(take(path, "/"));
        name = part.value_or("");
        const int next = part ? ::openat(found, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
        ::close(found);
        found = next;
    }
    return found;
}
string type_of(string_view name) {
    for (const auto& [end, type] : {std::pair{".html", "text/html"}, {".txt", "text/plain"}, {".css", "text/css"}})
        if (name.ends_with(end)) return type;
    return "application/octet-stream";
}
bool matches(string_view tags, const string& tag) {
    if (tags == "*") return true;
    while (!tags.empty()) {
        string_view each = trimmed(take(tags, ","));
        if (each.starts_with("W/")) each.remove_prefix(2);
        if (each == tag) return true;
    }
    return false;
}
struct range {
    std::uint64_t from, size;
};
/// Returns a range of size 0 if no byte of the file is in it, and nothing if the field says nothing.
std::optional<range> ranged(string_view text, std::uint64_t size) {
    if (take(text, "=") != "bytes" || text.find('-') == text.npos) return std::nullopt;
    const string_view first = take(text, "-");
    const auto from = number(first), to = number(text);
    if (first.empty()) {
        if (!to) return std::nullopt;
        const std::uint64_t last = std::min(*to, size);
        return range{size - last, last};
    }
    if (!from || (!to && !text.empty()) || (to && *to < *from)) return std::nullopt;
    if (*from >= size) return range{0, 0};
    return range{*from, to ? std::min(*to, size - 1) + 1 - *from : size - *from};
}
void answer_file(client& one, const request& asked, const string& folder, string_view path) {
    if (!allows(one, asked, "GET, HEAD")) return;
    string name;
    const int file = open_below(folder, path, name);
    struct stat about {};
    if (file < 0 || ::fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
        if (file >= 0) ::close(file);
        return answer(one, asked, 404);
    }
    const auto size = static_cast<std::uint64_t>(about.st_size);
    const string tag = '"' + std::to_string(about.st_mtim.tv_sec) + '.' + std::to_string(about.st_mtim.tv_nsec) + '-' +
                       std::to_string(about.st_ino) + '-' + std::to_string(size) + '"';
    string fields = "ETag: " + tag + "\r\nAccept-Ranges: bytes\r\n";
    range part{0, size};
    int status = 200;
    if (const auto wanted = asked.field("range");
        wanted && asked.method == "GET" && asked.field("if-range").value_or(tag) == tag)
        if (const auto found = ranged(*wanted, size)) {
            part = *found;
            status = part.size > 0 ? 206 : 416;
        }
    if (const auto known = asked.field("if-none-match"); known && matches(*known, tag)) {
        one.unsent += "HTTP/1.1 " + line_of(304) + "\r\n" + fields + "\r\n";
        status = 304;
    } else if (status == 416) {
        answer(one, asked, status, "", fields + "Content-Range: bytes */" + std::to_string(size) + "\r\n");
    } else {
        if (status == 206)
            fields += "Content-Range: bytes " + std::to_string(part.from) + '-' +
                      std::to_string(part.from + part.size - 1) + '/' + std::to_string(size) + "\r\n";
        one.unsent += head(status, part.size, fields + "Content-Type: " + type_of(name) + "\r\n");
        if (asked.method == "GET" && part.size > 0) {
            one.file = file;
            one.at = static_cast<off_t>(part.from);
            one.rest = part.size;
            return;
        }
    }
    ::close(file);
}
void answer(client& one, const request& asked, const string& folder) {
    string_view path = asked.target;
    path = take(path, "?");
    if (path == "/") {
        if (allows(one, asked, "GET, HEAD")) answer(one, asked, 200, "hello");
    } else if (path == "/agent") {
        if (!allows(one, asked, "GET, HEAD")) return;
        const auto agent = asked.field("user-agent");
        agent ? answer(one, asked, 200, string{*agent}) : answer(one, asked, 404);
    } else if (path == "/echo") {
        if (allows(one, asked, "POST")) answer(one, asked, 200, asked.body);
    } else if (path.starts_with("/files/")) {
        answer_file(one, asked, folder, path.substr(7));
    } else {
        answer(one, asked, 404);
    }
}

// ---- Connections -----------------------------------------------------------------------------------------

bool has_answer(const client& one) { return !one.unsent.empty() || one.rest > 0; }

/// Sends what the socket takes. Returns false if the client has gone.
bool send_some(int socket, client& one) {
    while (!one.unsent.empty()) {
        const ssize_t sent = ::send(socket, one.unsent.data(), one.unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN;
        one.unsent.erase(0, static_cast<std::size_t>(sent));
    }
    while (one.rest > 0) {
        static char buffer[256 * 1024];  // sendfile() would raise SIGPIPE when the client has gone
        const ssize_t size = ::pread(one.file, buffer, std::min(one.rest, sizeof buffer), one.at);
        if (size <= 0) return false;  // the file is shorter now
        const ssize_t sent = ::send(socket, buffer, static_cast<std::size_t>(size), MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN;
        one.at += sent;
        one.rest -= static_cast<std::size_t>(sent);
    }
    if (one.file >= 0) ::close(std::exchange(one.file, -1));
    return true;
}
/// Answers one request after the other while the client receives the answers. Returns false if the client has gone.
bool answer_all(int socket, client& one, const string& folder) {
    for (;;) {
        if (!send_some(socket, one)) return false;
        if (has_answer(one)) return true;
        if (one.is_last) break;
        try {
            const auto asked = take_request(one);
            if (!asked && !has_answer(one)) return true;
            if (!asked) continue;
            one.is_last = !asked->keeps;
            answer(one, *asked, folder);
        } catch (const refusal& refused) {
            one.unsent += head(refused.status, 0, "Connection: close\r\n");
            one.is_last = true;
        }
    }
    if (!std::exchange(one.is_shut, true)) ::shutdown(socket, SHUT_WR);  // a reset could eat the answer
    return true;
}
bool serve(int socket, client& one, const string& folder) {
    static char buffer[65536];
    if (!has_answer(one)) {
        const ssize_t size = ::recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
        if (size < 0 && errno != EAGAIN) return false;
        if (size == 0 && one.is_last) return false;
        if (size == 0) one.is_last = true;
        if (size > 0 && !one.is_last) one.received.append(buffer, static_cast<std::size_t>(size));
    }
    return answer_all(socket, one, folder);
}
void end(int socket, const client& one) {
    if (one.file >= 0) ::close(one.file);
    ::close(socket);
}

}  // namespace

void serve(int listener, int stop, const string& folder) {
    std::map<int, client> clients;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const std::size_t max_clients = std::min<std::size_t>((limit.rlim_cur - 8) / 2, 1000);  // each may have a file
    for (;;) {
        std::vector<pollfd> waiting{{listener, short(clients.size() < max_clients ? POLLIN : 0), 0}, {stop, POLLIN, 0}};
        for (const auto& [socket, one] : clients)
            waiting.push_back({socket, short(has_answer(one) ? POLLOUT : POLLIN), 0});
        ::poll(waiting.data(), waiting.size(), -1);
        if (waiting[1].revents) break;
        for (std::size_t i = 2; i < waiting.size(); ++i)
            if (const int socket = waiting[i].fd; waiting[i].revents && !serve(socket, clients[socket], folder)) {
                end(socket, clients[socket]);
                clients.erase(socket);
            }
        if (waiting[0].revents)
            if (const int socket = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); socket >= 0)
                clients[socket];
    }
    for (const auto& [socket, one] : clients) end(socket, one);
}
