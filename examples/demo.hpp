// The manners that all demonstrations share, so that each of them holds only what it teaches.
//
//     demo                             a demonstration: plays all parts itself and narrates
//     demo serve --port 6666           the real server; its first line is `listening on ...`
//     demo connect localhost 6666      the real client, between your keyboard and the server
//     demo --help
//
// Exit status: 0 for success, 1 if something failed, 2 for wrong arguments.

#pragma once

#include <netnotes/socket.hpp>
#include <netnotes/tcp.hpp>

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <exception>
#include <functional>
#include <iostream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace net = netnotes;

namespace example {

/// Arguments that make no sense: exit status 2, with the usage.
struct usage_error : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

/// The command line. Options are taken out by name; what is left over is taken out last.
class arguments {
  public:
    arguments(int argc, char** argv) : rest_{argv + (argc > 0 ? 1 : 0), argv + argc} {}

    [[nodiscard]] bool empty() const { return rest_.empty(); }
    [[nodiscard]] std::size_t size() const { return rest_.size(); }
    bool output_matters = true;  ///< is it a failure when standard output cannot be written?
    /// Was `name` given? For options without a value.
    bool flag(std::string_view name) {
        const auto found = find(name);
        if (found == rest_.end()) return false;
        rest_.erase(found);
        refuse_twice(name);
        return true;
    }
    /// The word behind `name`, if it was given.
    std::optional<std::string> value(std::string_view name) {
        const auto found = find(name);
        if (found == rest_.end()) return std::nullopt;
        if (found + 1 == rest_.end()) throw usage_error{std::string{name} + " needs a value"};
        const std::string value = *(found + 1);
        rest_.erase(found, found + 2);
        refuse_twice(name);
        return value;
    }
    /// The words behind each `name`, for options that may be given several times.
    std::vector<std::string> values(std::string_view name) {
        std::vector<std::string> all;
        for (auto found = find(name); found != rest_.end(); found = find(name)) {
            if (found + 1 == rest_.end()) throw usage_error{std::string{name} + " needs a value"};
            all.push_back(*(found + 1));
            rest_.erase(found, found + 2);
        }
        return all;
    }
    /// ... as a number from `least` to `most`.
    std::optional<unsigned> number(std::string_view name, unsigned least, unsigned most) {
        const auto text = value(name);
        if (!text) return std::nullopt;
        return to_number(name, *text, least, most);
    }
    /// Returns the words that are left. Throws for a word that begins with '-', because this demonstration does not know
    /// that option. A single '-' stands for standard input.
    std::vector<std::string> rest() {
        for (const std::string& word : rest_)
            if (word.size() > 1 && word[0] == '-') throw usage_error{"unknown option " + word};
        return std::exchange(rest_, {});
    }
    static unsigned to_number(std::string_view what, std::string_view text, unsigned least, unsigned most) {
        unsigned number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc{} || end != text.data() + text.size() || number < least || number > most)
            throw usage_error{std::string{what} + " takes a number from " + std::to_string(least) + " to " +
                              std::to_string(most) + ", not '" + std::string{text} + "'"};
        return number;
    }

  private:
    std::vector<std::string>::iterator find(std::string_view name) {
        return std::find(rest_.begin(), rest_.end(), name);
    }
    void refuse_twice(std::string_view name) {
        if (find(name) != rest_.end()) throw usage_error{std::string{name} + " is given twice"};
    }
    std::vector<std::string> rest_;
};

/// Runs an example's body and turns what goes wrong into a message and an exit status. `help` begins with the
/// line or lines of usage, which are shown for wrong arguments, up to the first empty line.
inline int run(int argc, char** argv, std::string_view help, const std::function<void(arguments&)>& body) {
    const std::string_view path = argc > 0 ? argv[0] : "example";
    const std::string_view name = path.substr(path.rfind('/') + 1);
    try {
        arguments words{argc, argv};
        if (words.flag("--help") || words.flag("-h"))
            std::cout << help;
        else
            body(words);
        // A program whose output was lost has not done its work: think of `... > /dev/full`.
        if (!std::cout.flush() && words.output_matters) throw std::runtime_error{"standard output cannot be written"};
        return 0;
    } catch (const usage_error& error) {
        std::cerr << name << ": " << error.what() << '\n' << help.substr(0, help.find("\n\n")) << '\n';
        return 2;
    } catch (const std::exception& error) {
        std::cout.flush();
        std::cerr << name << ": " << error.what() << '\n';
        return 1;
    }
}

/// One line of narration, whatever its parts are. In one piece, and at once: other threads say something, too.
template <class... Parts>
void say(const Parts&... parts) {
    std::ostringstream line;
    (line << ... << parts) << '\n';
    std::cout << line.str() << std::flush;
}
/// A new step of a demonstration.
inline void heading(std::string_view text) {
    std::size_t columns = 0;  // on the screen: a Chinese character is three bytes in UTF-8 and two columns wide
    for (const char c : text) columns += (c & 0xc0) == 0x80 ? 0 : (c & 0xf0) == 0xe0 ? 2 : 1;
    say('\n', text, '\n', std::string(columns, '-'));
}

/// each_line() keeps this many characters of a line, and one more. It drops the rest, so a line may be endless.
inline constexpr std::size_t longest_line = 256;

/// Calls `treat` with each line of standard input, without its "\n" or "\r\n", until the input or the output ends.
inline void each_line(const std::function<void(std::string_view line)>& treat) {
    // Without this, cin and cout hand every character to C's stdin and stdout, and a million lines take long.
    std::ios_base::sync_with_stdio(false);
    std::streambuf& input = *std::cin.rdbuf();
    std::string line;
    for (int c = 0; std::cout && c != std::char_traits<char>::eof();) {
        // A program that talks to us line by line gets its answers before we wait for its next line.
        if (input.in_avail() <= 0) std::cout.flush();
        line.clear();
        while ((c = input.sbumpc()) != '\n' && c != std::char_traits<char>::eof())
            if (line.size() <= longest_line) line += static_cast<char>(c);
        if (c != '\n' && line.empty()) return;
        if (line.ends_with('\r')) line.pop_back();
        treat(line);
    }
}

/// Returns a stranger's text, fit to stand in a table and on a terminal, and not too long for it.
inline std::string shown(std::string_view line) {
    const std::string text = net::visible(line.substr(0, longest_line));
    return line.size() > longest_line ? text + "..." : text;
}

/// A part of a demonstration that plays in a thread of its own. If the demonstration fails before finish(), the part
/// is asked to stop, so that the failure is reported instead of waited for.
class background {
  public:
    background(net::stop_event& stop, std::function<void()> part)
        : stop_{stop}, thread_{[this, part = std::move(part)] {
              try {
                  part();
              } catch (...) {
                  failure_ = std::current_exception();
              }
          }} {}
    background(const background&) = delete;
    background& operator=(const background&) = delete;
    ~background() {
        stop_.request_stop();
        if (thread_.joinable()) thread_.join();
    }
    /// Waits for the end of the part. What it has thrown comes out here.
    void finish() {
        if (thread_.joinable()) thread_.join();
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    }

  private:
    net::stop_event& stop_;
    std::exception_ptr failure_;
    std::thread thread_;  // the last, so that the rest is there when it begins
};

struct serve_options {
    net::endpoint where;  ///< --bind and --port; 127.0.0.1:6666 unless said otherwise
    bool quiet = false;   ///< --quiet: only the line `listening on ...`
};

void connect_and_talk(const std::string& host, std::uint16_t port);

/// What an example with a server and a client consists of.
struct roles {
    std::function<void()> demonstrate;
    std::function<void(const serve_options&)> serve;
    std::function<void(const std::string& host, std::uint16_t port)> connect = connect_and_talk;
    std::function<void(arguments&)> more_options = [](arguments&) {};    ///< takes out what only this server has
    std::function<void(arguments&)> client_options = [](arguments&) {};  ///< ... and what only this client has
    std::uint16_t port = 6666;                                           ///< the server's, unless --port is given
};

inline int run(int argc, char** argv, std::string_view help, const roles& parts) {
    return run(argc, argv, help, [&](arguments& words) {
        if (words.empty()) return parts.demonstrate();
        const auto takes = [&words](const std::function<void(arguments&)>& options) {
            const std::size_t before = words.size();
            options(words);
            return words.size() != before;
        };
        const bool more_options = takes(parts.more_options);
        const bool client_options = takes(parts.client_options);
        serve_options options;
        const auto bind = words.value("--bind");
        const auto port = words.number("--port", 0, 65535);
        options.quiet = words.flag("--quiet");
        const bool server_options = bind || port || options.quiet || more_options;
        const auto rest = words.rest();
        if (rest.size() == 1 && rest[0] == "serve" && !client_options) {
            const auto address = net::ip_address::parse(bind.value_or("127.0.0.1"));
            if (!address)
                throw usage_error{"--bind takes an address, such as 127.0.0.1, 0.0.0.0 or ::, not '" + *bind + "'"};
            options.where = {*address, static_cast<std::uint16_t>(port.value_or(parts.port))};
            // A script may read the first line of a server and close the pipe. That must not end the server. (If the
            // script keeps the pipe open without reading, the log fills it and writing waits. Use --quiet then.)
            std::signal(SIGPIPE, SIG_IGN);
            // A program may send the signal twice, as timeout(1) does: to the process, and to its group. The second
            // signal must not kill a server that is ending. So stop_on_signals puts back SIG_IGN.
            for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, SIG_IGN);
            words.output_matters = false;
            return parts.serve(options);
        }
        if (rest.size() == 3 && rest[0] == "connect" && !server_options)
            return parts.connect(rest[1], static_cast<std::uint16_t>(arguments::to_number("PORT", rest[2], 1, 65535)));
        throw usage_error{"either nothing, or serve, or connect HOST PORT, each with its own options"};
    });
}

/// Why a client is gone, for a server's log.
inline std::string farewell(const std::error_code& why) {
    if (!why) return "no more to say";
    if (why == std::errc::timed_out) return "did nothing for too long";
    if (why == std::errc::operation_canceled) return "the server stops";
    return why.message();
}

/// For a server that is about to close a connection. If bytes for the client are lost by that, the close will be a reset: an
/// orderly end would tell the client that it has everything.
inline void reset_if(bool bytes_are_lost, net::tcp_stream& stream) {
    std::error_code is_gone;
    if (bytes_are_lost) stream.set_option(net::option::linger{std::chrono::seconds{0}}, is_gone);
}

/// Every server's first line, at once, so that a script that has started it knows where it listens.
inline void announce(const net::endpoint& where) { say("listening on ", where); }

/// For a server: as many descriptors as the administrator allows (the hard limit); a shell often gives 1024. Returns how
/// many.
inline rlim_t raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

/// Opens a server's listener and announces it. The process may have as many descriptors as the administrator allows.
inline net::tcp_listener listen(const serve_options& options) {
    raise_descriptor_limit();
    net::tcp_listener listener{options.where};
    listener.set_option(net::option::no_delay{});  // an answer does not wait until the last answer is acknowledged
    announce(listener.local_endpoint());
    return listener;
}

/// Sends a client its own bytes back until the client sends no more. Returns how many bytes it has sent. `error` says why
/// the conversation has ended early.
inline std::size_t echo(net::tcp_stream& client, std::error_code& error) {
    char buffer[16 * 1024];
    std::size_t echoed = 0;
    // A receive of 0 bytes is the end of the stream. A further receive returns 0 again. The notes' loop prints
    // "客户端已经关闭" (the client has closed) and goes round again, because it has no `break`.
    for (;;) {
        const std::size_t size = client.recv(buffer, error);
        if (error || size == 0) return echoed;
        echoed += client.send_all(std::span{buffer}.first(size), error);
        if (error) return echoed;
    }
}

/// A server in a thread, for a demonstration.
class running_server {
  public:
    /// Calls `serve` in the thread, with a listener at this endpoint. `serve` returns when a stop is requested.
    running_server(const net::endpoint& where, std::function<void(net::tcp_listener, const net::stop_event&)> serve)
        : listener_{where}, where_{listener_.local_endpoint()}, thread_{stop_, [this, serve = std::move(serve)] {
                                                                            serve(std::move(listener_), stop_);
                                                                        }} {}
    void stop() {
        stop_.request_stop();
        thread_.finish();
    }
    [[nodiscard]] const net::endpoint& where() const { return where_; }

  private:
    net::stop_event stop_;
    net::tcp_listener listener_;
    net::endpoint where_;
    background thread_;
};

/// Returns the next bytes from a server. So few bytes arrive in one piece.
inline std::string heard(net::tcp_stream& client) {
    char buffer[100];
    const std::size_t size = client.recv(buffer);
    return size == 0 ? "(the end)" : '"' + std::string{buffer, size} + '"';
}
/// Sends a text and returns the next bytes from the server.
inline std::string answer_to(net::tcp_stream& client, std::string_view text) {
    client.send_all(text);
    return heard(client);
}

/// Shows a text above the last row of the screen, in which a person types: see lesson 09.
inline void show_above(const std::string& text) {
    winsize screen{};
    ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &screen);
    const std::string above = std::to_string(std::max<int>(screen.ws_row, 2) - 1);
    std::cout << "\0337\33[1;" + above + "r\33[" + above + "H\n" + text + "\33[r\0338" << std::flush;
}

/// A real client: what is typed goes to the server, what the server says is shown, in both directions at the
/// same time, until the server has no more to say. The end of the input (Ctrl-D) is passed on, as the end of
/// our half of the connection. Throws if the server closes before that.
inline void talk(net::tcp_stream server) {
    server.set_blocking(false);
    std::string unsent;
    bool input_open = true;
    const bool is_terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
    if (is_terminal) std::cout << "\33[999B" << std::flush;  // to the last row
    for (;;) {
        // Reading the keyboard only when all has gone out, and never waiting in send(): the server may itself
        // be waiting until we take what it has for us.
        pollfd watched[2] = {
            {input_open && unsent.empty() ? 0 : -1, POLLIN, 0},
            {server.native_handle(), static_cast<short>(unsent.empty() ? POLLIN : POLLIN | POLLOUT), 0}};
        if (::poll(watched, 2, -1) < 0) throw std::system_error{errno, std::system_category(), "poll"};
        char buffer[16 * 1024];
        if (watched[0].revents != 0) {
            const auto size = ::read(0, buffer, sizeof buffer);
            if (size < 0) throw std::system_error{errno, std::system_category(), "standard input"};
            unsent.append(buffer, static_cast<std::size_t>(size));
            input_open = size > 0;
            if (!input_open) server.shutdown(net::shutdown_direction::send);
        }
        std::error_code error;
        if (!unsent.empty()) unsent.erase(0, server.send(unsent, error));
        if (error && error != std::errc::operation_would_block) throw std::system_error{error, "send to the server"};
        if (watched[1].revents & (POLLIN | POLLHUP | POLLERR)) {
            const std::size_t size = server.recv(buffer, error);
            if (error == std::errc::operation_would_block) continue;
            if (error) throw std::system_error{error, "receive from the server"};
            if (size == 0 && input_open) throw std::runtime_error{"the server has closed the connection"};
            if (size == 0) return;
            std::string_view text{buffer, size};
            while (is_terminal && text.find('\n') != text.npos) {
                const std::string_view line = text.substr(0, text.find('\n'));
                show_above(net::visible(line.substr(0, line.size() - line.ends_with('\r'))));
                text.remove_prefix(line.size() + 1);
            }
            if (!(std::cout << text << std::flush)) throw std::runtime_error{"standard output cannot be written"};
        }
    }
}

/// What `demo connect` does: connects the keyboard and the screen with a server.
inline void connect_and_talk(const std::string& host, std::uint16_t port) {
    std::cerr << "connecting to " << host << ':' << port << " ..." << std::endl;
    talk(net::tcp_stream::connect(host, port, std::chrono::seconds{10}));
}

}  // namespace example
