// examples/14_tftp/demo.cpp: files by TFTP over a link that loses datagrams, and a server and a client for daily use
//
//        client                                     server
//          │ read request "moon.img" ─────────────> :69      the request, and nothing else, goes to port 69
//          │ <──────────────── options     :49152            the transfer has a port of its own
//          │ acknowledgment 0 ───────────> :49152
//          │ <──────────────── data 1 ... 8                  a window: eight blocks, one acknowledgment
//          │ acknowledgment 8 ───────────>
//
// The protocol is a machine without a network and without a clock (tftp/transfer.hpp). The demonstration lets two of these
// machines talk over a link that loses, doubles and delays datagrams, one in ten each. The time is the link's own, so half
// an hour of retransmissions passes in a moment. Then the real client and server drive the same machine with sockets.
//
// The notes:     TFTP 协议介绍, TFTP下载过程, TFTP数据包的格式, tftp 客户端 示例代码
// Type:          demo                                                    the demonstration
//                demo serve --root . --port 6969                         a server; Ctrl-C stops it
//                demo get localhost:6969 README.md copy.md               a download
//                demo put copy.md tftp://localhost:6969/upload.md        an upload, to a server with --writable
// You will see:  what demo.txt shows: the log of a download of more than 32 MiB, past the block number 65,535, and how
//                the machine treats each case that the notes' client treats wrongly

#include <netnotes/tftp.hpp>

#include <grp.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <map>
#include <memory>
#include <random>

#include "../demo.hpp"

using example::heading;
using example::say;
namespace tftp = net::tftp;

namespace {

using namespace std::chrono_literals;
using bytes = std::vector<std::byte>;

// ---- The server and the client -------------------------------------------------------------------------

/// Gives up the rights of root, for good, and takes the rights of the user `name`. The order matters: setgroups() and
/// setgid() need root's rights, and setuid() takes them away. Each call is checked. Otherwise a failure would leave a
/// server that runs as root.
void become(const std::string& name) {
    const auto check = [&](bool is_done, const char* attempt) {
        if (!is_done) throw std::system_error{errno, std::system_category(), attempt + (" for user " + name)};
    };
    errno = 0;
    const passwd* const user = ::getpwnam(name.c_str());
    if (!user && errno == 0) throw std::runtime_error{"there is no user " + net::quoted(name)};
    check(user != nullptr, "getpwnam");
    check(::setgroups(1, &user->pw_gid) == 0, "setgroups");
    check(::setgid(user->pw_gid) == 0, "setgid");
    check(::setuid(user->pw_uid) == 0, "setuid");
    if (user->pw_uid != 0 && ::setuid(0) == 0) throw std::runtime_error{"root's rights came back"};
}

void serve(const net::endpoint& where, const std::string& root, std::optional<tftp::existing_file> writing,
           tftp::server_options options, const std::optional<std::string>& user, bool quiet) {
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    example::raise_descriptor_limit();
    if (!quiet) options.log = [](const tftp::transfer_record& each) { say(each.to_string()); };
    net::event_loop loop;
    tftp::server server{where, tftp::serve_files(root, writing), std::move(options)};
    if (user) become(*user);  // the port and the folder are open by now
    example::announce(server.local_endpoint());
    loop.run(server.run(), stop);
}

/// Shows the progress: on a terminal in one line that is written again and again, elsewhere in a line each 64 MiB.
class progress_bar {
  public:
    void operator()(std::uint64_t done, std::optional<std::uint64_t> of) {
        const auto now = net::clock::now();
        const std::chrono::duration<double> took = now - began_;
        if (is_terminal_ ? now - told_ < 100ms : done < told_bytes_ + (64u << 20)) return;
        told_ = now;
        told_bytes_ = done;
        const double rate = static_cast<double>(done) / std::max(took.count(), 1e-3);
        std::ostringstream line;
        line << std::fixed << std::setprecision(1) << static_cast<double>(done) / 1e6 << " MB, " << rate / 1e6
             << " MB/s";
        if (of && *of >= done && *of > 0) {
            line << ", " << 100 * done / *of << " %";
            if (rate > 0) line << ", " << std::setprecision(0) << static_cast<double>(*of - done) / rate << " s left";
        }
        std::cerr << (is_terminal_ ? "\r\033[K" : "") << line.str() << (is_terminal_ ? "" : "\n") << std::flush;
    }
    void clear() const {
        if (is_terminal_) std::cerr << "\r\033[K" << std::flush;
    }

  private:
    bool is_terminal_ = ::isatty(2) != 0;
    std::chrono::steady_clock::time_point began_ = net::clock::now(), told_{};
    std::uint64_t told_bytes_ = 0;
};

/// Standard input and output. A program that reads the output gets the beginning before the transfer has ended.
class standard_input final : public tftp::source {
  public:
    std::size_t read(std::span<std::byte> room, std::error_code& error) noexcept override {
        has_begun = true;
        return from_.read(room, error);
    }
    bool has_begun = false;

  private:
    tftp::stream_source from_{std::cin};
};
class standard_output final : public tftp::sink {
  public:
    void write(std::span<const std::byte> some, std::error_code& error) noexcept override {
        has_begun = true;
        into_.write(some, error);
    }
    void finish(std::error_code& error) noexcept override { into_.finish(error); }
    bool has_begun = false;

  private:
    tftp::stream_sink into_{std::cout};
};

tftp::uri to_place(const std::vector<std::string>& words, std::size_t& used) {
    if (used >= words.size())
        throw example::usage_error{"a server is missing: give a tftp:// URI, or HOST:PORT and FILE"};
    const std::string& first = words[used++];
    net::parse_failure why;
    const bool is_uri = first.find("://") != std::string::npos;
    const std::string before = is_uri ? "" : "tftp://";  // the same parser reads HOST:PORT
    if (!is_uri && first.find_first_of("/?#;") != std::string::npos)
        throw example::usage_error{"'" + first + "' is neither HOST:PORT nor begins with tftp://"};
    if (!is_uri && used >= words.size()) throw example::usage_error{"the name of the file is missing behind HOST:PORT"};
    // The name of the file stands in a word of its own, because it may hold any character.
    auto place = tftp::uri::parse(is_uri ? first : before + first + "/-", why);
    if (!place) {
        why.shift(-static_cast<std::ptrdiff_t>(before.size()));
        const bool may_be_v6 = !is_uri && std::count(first.begin(), first.end(), ':') > 1;
        throw example::usage_error{"'" + first + "': " + why.message() +
                                   (may_be_v6 ? "; an IPv6 address stands in brackets, [::1]:69" : "")};
    }
    if (!is_uri) place->file_name = words[used++];
    return *place;
}

/// Tries the addresses of the host until a server answers. It stops earlier if `is_too_late`: the program cannot read
/// standard input again, or take back its output.
template <class Transfer, class Late>
void for_each_address(const tftp::uri& place, Late is_too_late, Transfer transfer) {
    const auto addresses = net::resolve(place.host, std::to_string(place.port), {.type = net::socket_type::datagram});
    for (std::size_t i = 0;; ++i) {
        try {
            return transfer(addresses.at(i));
        } catch (const std::system_error& error) {
            const std::errc silences[]{std::errc::timed_out,        std::errc::connection_refused,
                                       std::errc::host_unreachable, std::errc::network_unreachable,
                                       std::errc::network_down,     std::errc::address_not_available};
            const bool is_silent = std::any_of(std::begin(silences), std::end(silences),
                                               [&](std::errc each) { return error.code() == each; });
            if (!is_silent || is_too_late() || i + 1 == addresses.size()) throw;
            std::cerr << error.what() << "; trying the next address\n";
        }
    }
}

struct wishes {
    tftp::settings how{.window_size = 16};  // 16 blocks fit into any kernel's buffer, and save 15 of 16 round trips
    std::optional<unsigned> block_size, window_size;
    std::optional<tftp::mode> mode{};
    tftp::request more{};

    void of(const tftp::uri& place) {
        how.block_size =
            static_cast<std::uint16_t>(block_size.value_or(place.options.block_size.value_or(how.block_size)));
        how.window_size =
            static_cast<std::uint16_t>(window_size.value_or(place.options.window_size.value_or(how.window_size)));
        if (!how.timeout) how.timeout = place.options.timeout;
        how.rollover = place.options.rollover;
        more.mode = mode.value_or(place.mode);
    }
};

void report(std::string_view what, const tftp::outcome& result, net::clock::time_point began) {
    const std::chrono::duration<double> took = net::clock::now() - began;
    std::cerr << what << ": " << result.bytes << " bytes in " << std::fixed << std::setprecision(3) << took.count()
              << " s, blocks of " << result.block_size << ", window of " << result.window_size << '\n';
}

void transfer_file(bool is_upload, const std::vector<std::string>& words, wishes how) {
    std::size_t used = 1;
    std::string local;
    if (is_upload && used < words.size()) local = words[used++];
    const tftp::uri place = to_place(words, used);
    if (!is_upload)
        local = used < words.size() ? words[used++] : place.file_name.substr(place.file_name.rfind('/') + 1);
    if (used != words.size()) throw example::usage_error{"too many words: " + words[used]};
    if (local.empty()) throw example::usage_error{"the name of the local file is missing"};
    how.of(place);
    net::stop_event stop;
    const net::stop_on_signals signals{stop};
    how.more.stop = &stop;
    progress_bar bar;
    how.more.progress = std::ref(bar);
    const auto began = net::clock::now();
    standard_input input;
    standard_output output;
    const auto is_too_late = [&] { return input.has_begun || output.has_begun; };
    for_each_address(place, is_too_late, [&](const net::endpoint& server) {
        tftp::client client{server};
        try {
            tftp::outcome result;
            if (is_upload && local == "-") {
                result = client.put(input, place.file_name, how.how, how.more);
            } else if (is_upload) {
                tftp::file_source file{local};
                result = client.put(file, place.file_name, how.how, how.more);
            } else if (local == "-") {
                result = client.get(place.file_name, output, how.how, how.more);
            } else {
                tftp::file_sink file{local, tftp::existing_file::replace};
                result = client.get(place.file_name, file, how.how, how.more);
            }
            bar.clear();
            report(place.file_name, result, began);
        } catch (...) {
            bar.clear();
            throw;
        }
    });
}

// ---- A link that loses, doubles and delays -------------------------------------------------------------

class pattern_source final : public tftp::source {
  public:
    explicit pattern_source(std::uint64_t size) : size_{size} {}
    std::size_t read(std::span<std::byte> room, std::error_code&) noexcept override {
        const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), size_ - at_));
        for (std::size_t i = 0; i < some; ++i) room[i] = byte_at(at_ + i);
        at_ += some;
        return some;
    }
    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override { return size_; }
    static std::byte byte_at(std::uint64_t at) noexcept { return static_cast<std::byte>(at % 251 + at / 65'521); }

  private:
    std::uint64_t size_, at_ = 0;
};
class checking_sink final : public tftp::sink {
  public:
    void write(std::span<const std::byte> some, std::error_code&) noexcept override {
        for (const std::byte each : some) right += each == pattern_source::byte_at(total++);
    }
    void finish(std::error_code&) noexcept override { is_finished = true; }
    std::uint64_t right = 0, total = 0;
    bool is_finished = false;
};

const net::endpoint door{net::ipv4_address{"192.0.2.1"}, tftp::port};
const net::endpoint server_port{net::ipv4_address{"192.0.2.1"}, 49'152};
const net::endpoint client_port{net::ipv4_address{"192.0.2.2"}, 50'000};

/// Two machines, the datagrams on their way between them, and the time.
class bad_link {
  public:
    explicit bad_link(tftp::transfer& client) : client_{client} {}

    void run(tftp::source& file, const tftp::settings& limits) {
        client_.begin(now_);
        post(client_, true);
        for (;;) {
            auto next = std::min(client_.deadline(), server_ ? server_->deadline() : tftp::time_point::max());
            if (!under_way_.empty()) next = std::min(next, under_way_.begin()->first);
            if (next == tftp::time_point::max()) return;
            now_ = std::max(now_, next);
            if (!under_way_.empty() && under_way_.begin()->first <= now_) {
                const auto [to_client, datagram] = std::move(under_way_.extract(under_way_.begin()).mapped());
                if (to_client)
                    client_.receive(server_port, datagram, now_);
                else if (server_)
                    server_->receive(client_port, datagram, now_);
                else if (const auto request = tftp::parse(datagram)) {
                    server_.emplace(client_port, *request, file, limits);
                    server_->begin(now_);
                }
            }
            client_.expired(now_);
            post(client_, true);
            if (!server_) continue;
            server_->expired(now_);
            post(*server_, false);
        }
    }
    void tell_sums() const {
        say(sent_, " datagrams: ", lost_, " lost, ", doubled_, " doubled, ", late_, " late, in ", seconds(),
            " of the link's time");
        say("retransmitted: ", server_->result().repeated,
            "; received twice or out of order: ", client_.result().duplicates);
    }

  private:
    bool one_in_ten() { return random_() % 10 == 0; }
    void post(tftp::transfer& from, bool is_client) {
        for (;;) {
            const auto out = from.next();
            if (out.bytes.empty()) return;
            for (std::size_t at = 0; at < out.bytes.size(); at += out.segment)
                throw_in(out.to, is_client, out.bytes.subspan(at, std::min(out.segment, out.bytes.size() - at)));
        }
    }
    void throw_in(const net::endpoint& to, bool is_client, std::span<const std::byte> datagram) {
        const bool is_lost = one_in_ten(), is_doubled = !is_lost && one_in_ten(), is_late = !is_lost && one_in_ten();
        ++sent_;
        lost_ += is_lost;
        doubled_ += is_doubled;
        late_ += is_late;
        for (int copies = is_lost ? 0 : is_doubled ? 2 : 1; copies > 0; --copies)
            under_way_.emplace(now_ + (is_late ? 7ms : 2ms),
                               std::pair{!is_client, bytes(datagram.begin(), datagram.end())});
        note(to, is_client, *tftp::parse(datagram), is_lost ? "lost" : is_doubled ? "doubled" : is_late ? "late" : "");
    }

    // The log shows how the transfer begins, where the block numbers roll over, and how it ends.
    void note(const net::endpoint& to, bool is_client, const tftp::packet& what, const char* fate) {
        const bool is_data = what.what == tftp::opcode::data;
        if (is_data && what.block == 65'533) turn_ = 14;
        const bool is_last = is_data ? what.data.size() < 512 : has_last_;
        has_last_ = is_last;
        if (sent_ > 24 && turn_ == 0 && !is_last) return;
        if (turn_ == 14 || (is_last && !was_last_)) say("   ...");
        if (turn_ > 0) --turn_;
        was_last_ = was_last_ || is_last;
        std::ostringstream line;
        line << std::setw(11) << seconds() << (is_client ? "  client ──> " : "  server ──> ")
             << (is_client ? to.port() : 0);
        std::string words = line.str();
        if (!is_client) words.pop_back(), words += "client";
        say(words, "  ", describe(what), *fate ? "   ✗ " : "", fate);
    }

  public:
    static std::string describe(const tftp::packet& what) {
        std::ostringstream text;
        const auto option = [&](const char* name, const auto& value) {
            if (value) text << ' ' << name << '=' << *value;
        };
        if (what.what == tftp::opcode::read_request) text << "read request " << net::quoted(what.file_name) << " octet";
        if (what.what == tftp::opcode::option_acknowledgment) text << "options granted:";
        option("windowsize", what.options.window_size);
        option("tsize", what.options.transfer_size);
        if (what.what == tftp::opcode::data) text << "data " << what.block << ", " << what.data.size() << " bytes";
        if (what.what == tftp::opcode::acknowledgment) text << "acknowledgment " << what.block;
        if (what.what == tftp::opcode::error) text << "error " << what.error_code << ", " << net::quoted(what.message);
        return text.str();
    }

  private:
    [[nodiscard]] std::string seconds() const {
        std::ostringstream text;
        text << std::fixed << std::setprecision(3) << std::chrono::duration<double>(now_ - tftp::time_point{1h}).count()
             << " s";
        return text.str();
    }

    tftp::transfer& client_;
    std::optional<tftp::transfer> server_;
    std::multimap<tftp::time_point, std::pair<bool, bytes>> under_way_;
    tftp::time_point now_{1h};
    std::mt19937 random_{7};
    std::uint64_t sent_ = 0, lost_ = 0, doubled_ = 0, late_ = 0;
    int turn_ = 0;
    bool has_last_ = false, was_last_ = false;
};

void over_a_bad_link() {
    heading("TFTP下载过程: 32 MiB over a link that loses, doubles and delays datagrams, one in ten each");
    pattern_source file{(32u << 20) + 512 * 3};  // 65,539 full blocks, and an empty block behind them
    checking_sink copy;
    tftp::transfer client{door, "moon.img", tftp::mode::octet, copy, {.block_size = 512, .window_size = 4}};
    bad_link link{client};
    link.run(file, {.window_size = 4, .patience = 1min});
    link.tell_sums();
    say(client.result().blocks, " blocks; the last block is empty, because only a short block ends a file");
    say("the file is whole: ", copy.is_finished ? "yes, " : "no, ", copy.right, " of ", *file.size(), " bytes right");
}

/// Gives a receiver single datagrams, and shows its answers.
void what_a_receiver_answers() {
    heading("tftp 客户端: a block that arrives twice, and a datagram from a stranger");
    checking_sink copy;
    tftp::transfer client{door, "moon.img", tftp::mode::octet, copy, {.with_options = false}};
    const auto hears = [&](const char* words, const net::endpoint& from, std::uint16_t block) {
        bytes datagram(tftp::data_header_size + 512);
        tftp::write_data_header(datagram, block);
        client.receive(from, datagram, tftp::time_point{1h});
        const auto out = client.next();
        say(words, "data ", block, "  ──>  ", bad_link::describe(*tftp::parse(out.bytes)), ", to ", out.to.port(), "; ",
            copy.total, " bytes written");
    };
    client.begin(tftp::time_point{1h});
    static_cast<void>(client.next());
    hears("from 49152       ", server_port, 1);
    hears("from 49152 again ", server_port, 1);  // the notes' client takes it for block 2, and loses block 2
    hears("from a stranger  ", {server_port.address(), 6666}, 2);
    hears("from 49152       ", server_port, 2);
}

// ---- The real thing, on loopback -----------------------------------------------------------------------

std::string failure_of(const std::function<void()>& attempt) {
    try {
        attempt();
        return "no failure";
    } catch (const std::system_error& error) {
        return error.what();
    }
}

void with_server(const std::function<void(const std::string& folder, tftp::client& client)>& use) {
    std::string folder = (std::filesystem::temp_directory_path() / "tftp-XXXXXX").string();
    if (!::mkdtemp(folder.data())) throw std::system_error{errno, std::system_category(), folder};
    const auto remove = [&](void*) { std::filesystem::remove_all(folder); };
    const std::unique_ptr<void, decltype(remove)> at_the_end{&folder, remove};
    net::stop_event stop;
    net::event_loop loop;
    tftp::server server{{net::ipv4_address::loopback(), 0}, tftp::serve_files(folder, tftp::existing_file::keep)};
    example::background serving{stop, [&] { loop.run(server.run(), stop); }};
    tftp::client client{server.local_endpoint()};
    use(folder, client);
    stop.request_stop();
    serving.finish();
}

void on_loopback(const std::string& folder, tftp::client& client) {
    heading("tftp 客户端: the real client and server over loopback");
    for (const std::size_t size : {0u, 511u, 512u, 1024u, 33u << 20}) {
        std::ofstream{folder + "/file", std::ios::binary} << std::string(size, 'x');
        tftp::file_sink copy{folder + "/copy", tftp::existing_file::replace};
        const auto result = client.get("file", copy, {.block_size = 512, .window_size = 64});
        say(std::setw(8), result.bytes, " bytes: ", result.blocks, " blocks");
    }
    heading("A refused download leaves the local file as it was");
    std::ofstream{folder + "/mine"} << "precious";
    const auto fetch = [&](const char* name) {
        tftp::file_sink copy{folder + "/mine", tftp::existing_file::replace};
        client.get(name, copy);
    };
    const auto size_of = [&](const char* name) { return std::filesystem::file_size(folder + "/" + name); };
    const std::string why = failure_of([&] { fetch("nothing"); });
    say(why.substr(0, 12), why.substr(why.find(" says ")));
    say("mine: still ", size_of("mine"), " bytes (the notes' client empties it before it asks)");
    for (const char* name : {"../../etc/passwd", "/etc/passwd"}) {
        const std::string refusal = failure_of([&] { fetch(name); });
        say("get ", name, refusal.substr(refusal.find(" says ")));
    }
    tftp::file_source mine{folder + "/mine"};
    const std::string taken = failure_of([&] { client.put(mine, "file"); });
    say("put file", taken.substr(taken.find(" says ")));
}

void demonstrate() {
    over_a_bad_link();
    what_a_receiver_answers();
    with_server(on_loopback);
}

constexpr std::string_view help = R"(usage: demo
       demo serve --root DIR [--bind ADDRESS] [--port N] [--writable] [--overwrite] [--single-port]
                     [--max-transfers N] [--max-upload MIB] [--user NAME] [--quiet]
       demo get [OPTION]... URI|HOST:PORT FILE [LOCAL]
       demo put [OPTION]... LOCAL URI|HOST:PORT FILE
       demo --help

A TFTP client and server (RFC 1350, 2347, 2348, 2349, 7440). Without an argument: a demonstration.

  serve                 serves the files of a folder; clients may only read them
  --root DIR            the folder; no name and no link leads out of it
  --bind ADDRESS        the address to listen on; :: by default, which takes both families
  --port N              69 by default, which needs root; 0 lets the system choose
  --writable            clients may also write new files
  --overwrite           clients may also replace files
  --single-port         answers from that port, for clients behind a NAT, and not from a new port for each transfer
  --max-transfers N     limits the transfers at a time, of all clients and of each; by default 1000 of all and 100 of
                        each. A further request replaces a transfer whose client has not answered yet, or gets no answer
  --max-upload MIB      the longest file that a client may write; 1024 MiB by default
  --user NAME           when started as root: becomes this user as soon as the port and the folder are open. Use it:
                        without it, the server serves all files that root may read
  --quiet               prints only the line `listening on ADDRESS:PORT`
  get                   reads the file of URI, tftp://HOST[:PORT]/FILE[;mode=octet|netascii][?blksize=N&windowsize=N],
                        into LOCAL, by default the last part of FILE; `-` is standard output. The file appears when it
                        is whole, not before
  put                   writes LOCAL to the server; `-` is standard input
  --block-size N        bytes, 8 to 65464; 1428 by default, which fits into a frame of Ethernet
  --window-size N       blocks for each acknowledgment; 16 by default, and 1 if the server knows no windows
  --timeout S           seconds until a retransmission, 1 to 255, agreed with the server; by default it is measured
  --mode octet|netascii bytes as they are, the default, or text

Exit status: 0 if the whole file was transferred, 1 if it was not, 2 for wrong arguments.
)";

void run(example::arguments& words) {
    if (words.empty()) return demonstrate();
    const auto root = words.value("--root"), bind = words.value("--bind");
    const auto port = words.number("--port", 0, 65'535), most = words.number("--max-transfers", 1, 1'000'000);
    const auto user = words.value("--user");
    const auto max_upload = words.number("--max-upload", 0, 1u << 30);
    const bool writable = words.flag("--writable"), overwrite = words.flag("--overwrite");
    const bool single_port = words.flag("--single-port"), quiet = words.flag("--quiet");
    const bool for_server =
        root || bind || port || most || writable || overwrite || single_port || quiet || user || max_upload;
    wishes how;
    how.block_size = words.number("--block-size", tftp::min_block_size, tftp::max_block_size);
    how.window_size = words.number("--window-size", 1, 65'535);
    if (const auto seconds = words.number("--timeout", 1, 255)) how.how.timeout = static_cast<std::uint8_t>(*seconds);
    const auto mode = words.value("--mode");
    if (mode && *mode != "octet" && *mode != "netascii") throw example::usage_error{"--mode is octet or netascii"};
    if (mode) how.mode = *mode == "netascii" ? tftp::mode::netascii : tftp::mode::octet;
    const bool for_client = how.block_size || how.window_size || how.how.timeout || mode;
    const auto rest = words.rest();
    const std::string role = rest.empty() ? "" : rest.front();
    if (role == "serve" && rest.size() == 1 && !for_client) {
        if (!root) throw example::usage_error{"serve needs --root and a folder"};
        const auto address = net::ip_address::parse(bind.value_or("::"));
        if (!address)
            throw example::usage_error{"--bind takes an address, such as 127.0.0.1 or ::, not '" + *bind + "'"};
        tftp::server_options options{.max_upload = std::uint64_t{max_upload.value_or(1024)} << 20,
                                     .single_port = single_port};
        if (most) options.max_transfers = options.max_per_client = *most;
        std::optional<tftp::existing_file> writing;
        if (writable || overwrite) writing = overwrite ? tftp::existing_file::replace : tftp::existing_file::keep;
        std::signal(SIGPIPE, SIG_IGN);  // a program that has read the first line may stop reading
        for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, SIG_IGN);
        words.output_matters = false;
        const net::endpoint where{*address, static_cast<std::uint16_t>(port.value_or(tftp::port))};
        return serve(where, *root, writing, std::move(options), user, quiet);
    }
    if ((role == "get" || role == "put") && !for_server) return transfer_file(role == "put", rest, std::move(how));
    throw example::usage_error{"give no argument, or serve, get or put, each with its own options"};
}

}  // namespace

int main(int argc, char** argv) { return example::run(argc, argv, help, run); }
