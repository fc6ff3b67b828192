// Drives two echo servers by turns, and tells by how much one is better than the other.
//
// A busy machine is as fast as its other users let it be, so two measurements one after the other say little. Here the
// two servers run at the same time and only one of them is driven, for some tens of milliseconds; then the other, and
// so on. Each slice of A stands between two of B:
//
//        B   A   B   A   B   A   B            a ratio for each A: to the mean of the two B beside it,
//        └── 1 ──┘                            thrown away when these two differ by too much
//                └── 1 ──┘                    (then something else has happened to the machine);
//                        └── 1 ──┘            the result is the median, and the middle half of all is printed
//
// Every byte that comes back is compared. The load runs on one processor, the servers on another. It measures the
// processor time that the server needs for a request: user and kernel time of all its threads and children, in
// nanoseconds (clock_getcpuclockid(3)). It also measures the rate, which needs a quiet machine. This program uses epoll
// by itself, and nothing of the library, so that it is the same for all.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

struct settings {
    std::string a, b;           // commands; b is empty when a is measured alone
    unsigned connect = 0;       // a port: no server is started
    unsigned connections = 64;  // that ask, all at the same time
    unsigned idle = 0;          // beside them, and silent
    unsigned size = 64;         // of a message
    unsigned depth = 1;         // messages of a connection that are under way
    unsigned slice = 30;        // milliseconds
    unsigned rounds = 3;        // the servers are started anew for each
    unsigned tolerance = 10;    // per cent by which B may differ from itself around an A
    double seconds = 6;
    std::uint64_t requests = 0;  // instead of time
    bool short_connections = false, memory = false, same_core = false, csv = false;
};

[[noreturn]] void fail(const std::string& attempt) { throw std::system_error{errno, std::system_category(), attempt}; }

// ---- the server, a process -------------------------------------------------------------------------------

void pin(int processor) {
    if (processor < 0) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(processor), &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) fail("sched_setaffinity");
}

/// Two of the processors that this process may use. If there is only one, both are -1, and nothing is pinned.
struct processors {
    int load = -1, server = -1;
    explicit processors(bool same) {
        cpu_set_t all;
        if (::sched_getaffinity(0, sizeof all, &all) != 0) return;
        for (int i = 0; i < CPU_SETSIZE; ++i) {
            if (!CPU_ISSET(static_cast<std::size_t>(i), &all)) continue;
            if (load < 0) load = i;
            server = i;
        }
        if (same)
            load = server;
        else if (load == server)
            load = server = -1;
    }
};

/// "listening on 127.0.0.1:40123" or "listening on 40123": the number at the end.
unsigned read_port(int from, const std::string& command) {
    std::string line;
    for (char c; line.size() < 200 && ::read(from, &c, 1) == 1 && c != '\n';) line += c;
    const std::size_t digits = line.find_last_not_of("0123456789") + 1;
    unsigned port = 0;
    std::from_chars(line.data() + digits, line.data() + line.size(), port);
    if (!line.starts_with("listening on ") || port == 0 || port > 65'535)
        throw std::runtime_error{"'" + command + "' does not say `listening on PORT` but '" + line + "'"};
    return port;
}

class server {
  public:
    server(const std::string& command, int processor) {
        std::vector<std::string> words;
        std::istringstream text{command};
        for (std::string word; text >> word;) words.push_back(word);
        words.insert(words.end(), {"--port", "0"});
        std::vector<char*> arguments;
        for (std::string& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        int output[2];
        if (::pipe2(output, O_CLOEXEC) != 0) fail("pipe");
        process_ = ::fork();
        if (process_ < 0) fail("fork");
        if (process_ == 0) {
            ::dup2(output[1], 1);
            try {
                pin(processor);
            } catch (...) {
                ::_exit(126);
            }
            ::execvp(arguments[0], arguments.data());
            std::perror(arguments[0]);
            ::_exit(127);
        }
        ::close(output[1]);
        output_ = output[0];
        try {
            port_ = read_port(output_, command);
        } catch (...) {
            end();
            throw;
        }
    }
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server() { end(); }

    [[nodiscard]] unsigned port() const { return port_; }

    /// The time of the process and of its children: the running ones, and in clock ticks also the ones that it has
    /// waited for.
    [[nodiscard]] std::chrono::nanoseconds processor_time() const {
        std::chrono::nanoseconds sum = time_of(process_);
        for (const pid_t child : children()) sum += time_of(child);
        return has_children_ ? sum + time_of_ended() : sum;
    }
    /// Bytes. What processes share is shared out among them.
    [[nodiscard]] double resident() const {
        const auto living = children();
        double sum = resident_of(process_, living.empty() ? "Rss:" : "Pss:");
        for (const pid_t child : living) sum += resident_of(child, "Pss:");
        return sum;
    }

  private:
    static std::chrono::nanoseconds time_of(pid_t process) {
        clockid_t which{};
        timespec time{};
        if (::clock_getcpuclockid(process, &which) != 0 || ::clock_gettime(which, &time) != 0) return {};
        return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
    }
    [[nodiscard]] std::chrono::nanoseconds time_of_ended() const {
        std::ifstream file{"/proc/" + std::to_string(process_) + "/stat"};
        std::string text{std::istreambuf_iterator<char>{file}, {}};
        std::istringstream fields{text.substr(std::min(text.rfind(')') + 1, text.size()))};
        std::string field;
        for (int i = 3; i < 16; ++i) fields >> field;  // proc(5): cutime is the 16th
        long user = 0, system = 0;
        fields >> user >> system;
        return std::chrono::nanoseconds{std::chrono::seconds{1}} * (user + system) / ::sysconf(_SC_CLK_TCK);
    }
    [[nodiscard]] std::vector<pid_t> children() const {
        const std::string number = std::to_string(process_);
        std::ifstream file{"/proc/" + number + "/task/" + number + "/children"};
        std::vector<pid_t> list;
        for (pid_t child; file >> child;) list.push_back(child);
        has_children_ = has_children_ || !list.empty();
        return list;
    }
    static double resident_of(pid_t process, std::string_view what) {
        std::ifstream file{"/proc/" + std::to_string(process) + "/smaps_rollup"};
        for (std::string word; file >> word;) {
            double kilobytes = 0;
            if (word == what && file >> kilobytes) return kilobytes * 1024;
        }
        return 0;
    }
    void end() noexcept {
        ::close(output_);
        ::kill(process_, SIGTERM);
        for (int i = 0; i < 500; ++i) {  // it may have ten thousand clients to take leave of
            if (::waitpid(process_, nullptr, WNOHANG) != 0) return;
            ::usleep(10'000);
        }
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }

    pid_t process_ = -1;
    int output_ = -1;
    unsigned port_ = 0;
    mutable bool has_children_ = false;
};

// ---- the clients -----------------------------------------------------------------------------------------

/// What everybody says: lines of printable characters, `size` bytes each with the line's end, of no regularity. A
/// connection is a stream that begins at one of them and goes round.
class script {
  public:
    static constexpr std::size_t chunk = 256 * 1024;  // every server can receive this number of bytes in one piece
    explicit script(std::size_t size) : size_{size}, period_{size * std::max<std::size_t>(1, 65'521 / size)} {
        text_.resize(period_ + chunk);
        std::uint32_t random = 1;
        for (std::size_t i = 0; i < period_; ++i) {
            random = random * 1'664'525 + 1'013'904'223;
            text_[i] = i % size == size - 1 ? '\n' : static_cast<char>(' ' + (random >> 24) % 95);
        }
        for (std::size_t i = period_; i < text_.size(); ++i) text_[i] = text_[i - period_];
    }
    [[nodiscard]] const char* at(std::uint64_t position) const { return text_.data() + position % period_; }
    [[nodiscard]] std::uint64_t beginning(std::uint64_t number) const { return number * 7 * size_ % period_; }

  private:
    std::size_t size_;
    std::size_t period_;
    std::vector<char> text_;
};

struct order {
    std::chrono::nanoseconds time{};  // or
    std::uint64_t requests = 0;
};
struct outcome {
    double requests = 0, seconds = 0, processor_seconds = 0;
};

class load {
  public:
    load(const settings& what, unsigned port, const server* served)
        : settings_{what}, port_{port}, served_{served}, script_{what.size}, received_(script::chunk) {
        poller_ = ::epoll_create1(EPOLL_CLOEXEC);
        if (poller_ < 0) fail("epoll_create1");
    }
    load(const load&) = delete;
    load& operator=(const load&) = delete;
    ~load() {
        for (const client& each : clients_)
            if (each.descriptor >= 0) ::close(each.descriptor);
        for (const int each : idle_) ::close(each);
        ::close(poller_);
    }

    /// Each has had an answer when this returns, so that the server has really taken it in.
    void open_connections(std::size_t count) {
        for (const std::size_t end = clients_.size() + count; clients_.size() < end;) {
            const std::size_t first = clients_.size();
            for (std::size_t i = 0; i < 64 && clients_.size() < end; ++i) {
                clients_.push_back({});
                open(clients_.size() - 1);
            }
            exchange_once(first);
        }
    }
    /// These, too, have had one; but then they are silent for ever.
    void open_idle(std::size_t count) {
        open_connections(count);
        for (const client& each : clients_) {
            ::epoll_ctl(poller_, EPOLL_CTL_DEL, each.descriptor, nullptr);
            idle_.push_back(each.descriptor);
        }
        clients_.clear();
    }
    outcome drive(const order& what) {
        const auto processor_before = served_ ? served_->processor_time() : 0ns;
        const auto begin = clock_type::now();
        const auto end = begin + what.time;
        budget_ = what.requests > 0 ? what.requests : ~std::uint64_t{0};
        done_ = 0;
        if (settings_.short_connections && clients_.empty()) clients_.resize(settings_.connections);
        for (std::size_t i = 0; i < clients_.size(); ++i) issue(i);
        while (outstanding_ > 0) {
            turn();
            if (what.requests == 0 && clock_type::now() >= end) budget_ = 0;
        }
        const std::chrono::duration<double> took = clock_type::now() - begin;
        const auto processor_after = served_ ? served_->processor_time() : 0ns;
        return {static_cast<double>(done_), took.count(),
                std::chrono::duration<double>(processor_after - processor_before).count()};
    }

  private:
    struct client {
        int descriptor = -1;
        bool is_full = false;  // the kernel has taken no more: wait until it does
        bool is_ending = false;
        std::uint64_t start = 0, promised = 0, sent = 0, received = 0;  // bytes
    };

    void open(std::size_t index) {
        client& who = clients_[index];
        const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (descriptor < 0) fail("socket");
        who = {};
        who.descriptor = descriptor;
        who.start = script_.beginning(serial_);
        const int one = 1;
        ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        sockaddr_in where{};
        where.sin_family = AF_INET;
        if (settings_.short_connections) {
            // Each leaves its port behind in TIME_WAIT for a minute. With this number of addresses there are enough
            // ports.
            ::setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
            where.sin_addr.s_addr = htonl(0x7f01'0001u + static_cast<std::uint32_t>(serial_ % 200));
            if (::bind(descriptor, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) fail("bind");
        }
        ++serial_;
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        where.sin_port = htons(static_cast<std::uint16_t>(port_));
        if (::connect(descriptor, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) fail("connect");
        ::fcntl(descriptor, F_SETFL, O_NONBLOCK);
        watch(EPOLL_CTL_ADD, index, EPOLLIN);
    }
    void watch(int operation, std::size_t index, std::uint32_t events) {
        epoll_event event{};
        event.events = events;
        event.data.u64 = index;
        if (::epoll_ctl(poller_, operation, clients_[index].descriptor, &event) != 0) fail("epoll_ctl");
    }
    void exchange_once(std::size_t first) {
        budget_ = clients_.size() - first;
        const unsigned depth = std::exchange(settings_.depth, 1);
        for (std::size_t i = first; i < clients_.size(); ++i) issue(i);
        while (outstanding_ > 0) turn();
        settings_.depth = depth;
    }
    /// As many messages as may be under way.
    void issue(std::size_t index) {
        client& who = clients_[index];
        if (settings_.short_connections && budget_ > 0 && who.descriptor < 0) open(index);
        std::uint64_t under_way = (who.promised - who.received + settings_.size - 1) / settings_.size;
        while (under_way < settings_.depth && budget_ > 0) {
            who.promised += settings_.size;
            ++under_way;
            --budget_;
            ++outstanding_;
        }
        send(index);
    }
    void send(std::size_t index) {
        client& who = clients_[index];
        while (who.sent < who.promised && !who.is_full) {
            const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(who.promised - who.sent, script::chunk));
            const auto taken = ::send(who.descriptor, script_.at(who.start + who.sent), size, MSG_NOSIGNAL);
            if (taken >= 0) {
                who.sent += static_cast<std::uint64_t>(taken);
            } else if (errno == EAGAIN) {
                who.is_full = true;
                watch(EPOLL_CTL_MOD, index, EPOLLIN | EPOLLOUT);
            } else if (errno != EINTR) {
                fail("send");
            }
        }
    }
    void turn() {
        const int ready = ::epoll_wait(poller_, events_.data(), static_cast<int>(events_.size()), 120'000);
        if (ready < 0 && errno != EINTR) fail("epoll_wait");
        if (ready == 0)
            throw std::runtime_error{std::to_string(outstanding_) + " requests have had no answer for 120 seconds"};
        for (int i = 0; i < ready; ++i) {
            const auto& event = events_[static_cast<std::size_t>(i)];
            const auto index = static_cast<std::size_t>(event.data.u64);
            if (event.events & EPOLLOUT) {
                clients_[index].is_full = false;
                watch(EPOLL_CTL_MOD, index, EPOLLIN);
                send(index);
            }
            if (event.events & ~std::uint32_t{EPOLLOUT}) receive(index);
        }
    }
    void receive(std::size_t index) {
        client& who = clients_[index];
        const auto got = ::recv(who.descriptor, received_.data(), received_.size(), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got < 0) fail("recv");
        if (who.is_ending && got == 0) {  // the end of a short connection, on both sides
            ::close(std::exchange(who.descriptor, -1));
            --outstanding_;
            ++done_;
            return issue(index);
        }
        if (got == 0) throw std::runtime_error{"the server has closed a connection"};
        const auto size = static_cast<std::size_t>(got);
        if (who.received + size > who.sent) throw std::runtime_error{"the server has sent more than it was sent"};
        if (std::memcmp(received_.data(), script_.at(who.start + who.received), size) != 0)
            throw std::runtime_error{"what came back is not what was sent"};
        const std::uint64_t before = who.received / settings_.size;
        who.received += size;
        const std::uint64_t complete = who.received / settings_.size - before;
        if (settings_.short_connections) {
            if (who.received < who.promised) return;
            ::shutdown(who.descriptor, SHUT_WR);
            who.is_ending = true;
            return;
        }
        outstanding_ -= complete;
        done_ += complete;
        if (complete > 0) issue(index);
    }

    settings settings_;
    unsigned port_;
    const server* served_;
    script script_;
    std::vector<char> received_;
    int poller_ = -1;
    std::array<epoll_event, 512> events_{};
    std::vector<client> clients_;
    std::vector<int> idle_;
    std::uint64_t serial_ = 0;
    std::uint64_t budget_ = 0;       // requests that may still be made
    std::uint64_t outstanding_ = 0;  // ... that have been, and are not answered
    std::uint64_t done_ = 0;
};

/// A server with its load, which is a process of its own: so each may have as many descriptors as there are.
class contender {
  public:
    contender(const settings& what, const std::string& command, const processors& where)
        : server_{command, where.server} {
        int line[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line) != 0) fail("socketpair");
        process_ = ::fork();
        if (process_ < 0) fail("fork");
        if (process_ == 0) {
            ::close(line[0]);
            try {
                pin(where.load);
                serve(what, line[1]);
                ::_exit(0);
            } catch (const std::exception& error) {
                std::fprintf(stderr, "echo_load: %s: %s\n", command.c_str(), error.what());
                ::_exit(1);
            }
        }
        ::close(line[1]);
        line_ = line[0];
        drive({.requests = 1});  // it is ready when all connections stand
    }
    contender(const contender&) = delete;
    contender& operator=(const contender&) = delete;
    ~contender() {
        ::close(line_);
        ::waitpid(process_, nullptr, 0);
    }
    outcome drive(const order& what) {
        outcome result;
        if (::send(line_, &what, sizeof what, MSG_NOSIGNAL) != sizeof what ||
            ::recv(line_, &result, sizeof result, 0) != sizeof result)
            throw std::runtime_error{"the measurement has failed"};
        return result;
    }

  private:
    void serve(const settings& what, int line) const {
        load clients{what, server_.port(), &server_};
        clients.open_idle(what.idle);
        if (!what.short_connections) clients.open_connections(what.connections);
        for (order next; ::recv(line, &next, sizeof next, 0) == sizeof next;) {
            const outcome result = clients.drive(next);
            if (::send(line, &result, sizeof result, MSG_NOSIGNAL) != sizeof result) return;
        }
    }

    server server_;
    pid_t process_ = -1;
    int line_ = -1;
};

// ---- figures ---------------------------------------------------------------------------------------------

struct spread {
    double median = std::nan(""), low = std::nan(""), high = std::nan("");
};
spread spread_of(std::vector<double> values) {
    if (values.empty()) return {};
    std::sort(values.begin(), values.end());
    const auto at = [&](double part) {
        const double place = part * static_cast<double>(values.size() - 1);
        const auto below = static_cast<std::size_t>(place);
        const std::size_t above = std::min(below + 1, values.size() - 1);
        return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
    };
    return {at(0.5), at(0.25), at(0.75)};
}

/// One quantity of both, over all slices.
struct comparison {
    const char* name;
    double (*value)(const outcome&);
    bool less_is_better;
    std::vector<double> a{}, b{}, ratios{};
    std::size_t pairs = 0;

    void add(const std::vector<outcome>& slices, double tolerance) {  // of one round: b a b a b
        for (std::size_t i = 0; i < slices.size(); ++i) (i % 2 == 0 ? b : a).push_back(value(slices[i]));
        for (std::size_t i = 1; i + 1 < slices.size(); i += 2) {
            const double before = value(slices[i - 1]), mine = value(slices[i]), after = value(slices[i + 1]);
            const double reference = (before + after) / 2;
            ++pairs;
            if (!(std::abs(before - after) <= tolerance * reference) || !(mine > 0)) continue;
            ratios.push_back(less_is_better ? reference / mine : mine / reference);
        }
    }
    void print(bool csv) const {
        const spread ratio = spread_of(ratios);
        const double of_a = spread_of(a).median, of_b = spread_of(b).median;
        if (csv)
            std::printf("%s,%.4g,%.4g,%.4f,%.4f,%.4f,%zu,%zu\n", name, of_a, of_b, ratio.median, ratio.low, ratio.high,
                        ratios.size(), pairs);
        else
            std::printf("%-28s %10.4g %10.4g    %.3f   (%.3f to %.3f)   %zu of %zu\n", name, of_a, of_b, ratio.median,
                        ratio.low, ratio.high, ratios.size(), pairs);
    }
};

void compare(const settings& what) {
    const processors where{what.same_core};
    if (where.load < 0) std::fputs("echo_load: one processor for all: the rates say nothing\n", stderr);
    comparison rate{"requests per second", [](const outcome& one) { return one.requests / one.seconds; }, false};
    comparison cost{"CPU per request, us",
                    [](const outcome& one) { return one.processor_seconds / one.requests * 1e6; }, true};
    const order slice{.time = std::chrono::milliseconds{what.slice}};
    const auto per_round = std::chrono::duration<double>{what.seconds / what.rounds};
    const double tolerance = what.tolerance / 100.0;
    for (unsigned round = 0; round < what.rounds; ++round) {
        const bool a_first = round % 2 == 1;
        std::unique_ptr<contender> first, second;
        first = std::make_unique<contender>(what, a_first ? what.a : what.b, where);
        second = std::make_unique<contender>(what, a_first ? what.b : what.a, where);
        contender& a = a_first ? *first : *second;
        contender& b = a_first ? *second : *first;
        a.drive(slice);  // to be warm
        std::vector<outcome> slices;
        const auto end = clock_type::now() + per_round;
        for (slices.push_back(b.drive(slice)); slices.size() < 3 || clock_type::now() < end;) {
            slices.push_back(a.drive(slice));
            slices.push_back(b.drive(slice));
        }
        rate.add(slices, tolerance);
        cost.add(slices, tolerance);
    }
    if (!what.csv) {
        std::printf("a: %s\nb: %s\n%u connections%s, messages of %u bytes, %u under way", what.a.c_str(),
                    what.b.c_str(), what.connections, what.short_connections ? " at a time, each for one message" : "",
                    what.size, what.depth);
        if (what.idle > 0) std::printf(", %u idle beside them", what.idle);
        std::printf("\n\n%-28s %10s %10s    how good a is beside b (middle half), pairs kept\n", "", "a", "b");
    }
    rate.print(what.csv);
    cost.print(what.csv);
}

/// Resident memory of a connection that has been answered once and is silent.
double memory_of(const settings& what, const std::string& command, const processors& where) {
    const server served{command, where.server};
    load clients{what, served.port(), &served};
    clients.open_idle(1);
    const double before = served.resident();
    clients.open_idle(what.connections);
    return (served.resident() - before) / what.connections;
}
void compare_memory(const settings& what) {
    const processors where{what.same_core};
    const double a = memory_of(what, what.a, where);
    const double b = what.b.empty() ? std::nan("") : memory_of(what, what.b, where);
    if (what.csv)
        std::printf("bytes per idle connection,%.0f,%.0f,%.4f,,,1,1\n", a, b, b / a);
    else
        std::printf("resident bytes for each of %u idle connections: a %.0f, b %.0f\n", what.connections, a, b);
}

/// One server alone: its figures, not a ratio; or the server of somebody else, which is only given its work.
void drive_alone(const settings& what) {
    const processors where{what.same_core};
    std::optional<server> own;
    if (what.connect == 0) own.emplace(what.a, where.server);
    pin(where.load);
    load clients{what, own ? own->port() : what.connect, own ? &*own : nullptr};
    clients.open_idle(what.idle);
    if (!what.short_connections) clients.open_connections(what.connections);
    const auto time = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>{what.seconds});
    const outcome result = clients.drive({time, what.requests});
    std::printf("%.0f requests in %.3f s: %.0f per second", result.requests, result.seconds,
                result.requests / result.seconds);
    if (own) std::printf(", %.3f us of CPU each", result.processor_seconds / result.requests * 1e6);
    std::printf("\n");
}

// ---- the program -----------------------------------------------------------------------------------------

int usage(bool wanted) {
    std::fputs(
        "usage: echo_load --a COMMAND [--b COMMAND] [--connections N] [--idle N] [--size N] [--depth N] [--short]\n"
        "                 [--seconds S] [--requests N] [--slice MS] [--rounds N] [--tolerance PERCENT] [--same-core]\n"
        "                 [--memory] [--csv]\n"
        "       echo_load --connect PORT --requests N [...]\n",
        wanted ? stdout : stderr);
    if (!wanted) return 2;
    std::fputs(R"(
Drives two echo servers by turns and prints by how much a is better than b. The commands are split at spaces, get
`--port 0` appended, and must print `listening on PORT`. The same command twice measures the noise.

  --a, --b COMMAND     the servers; without b, a is driven alone, and there is no ratio
  --connect PORT       drive a server that runs already, on 127.0.0.1: to be used under strace or valgrind
  --connections N      that ask, 64 by default; --idle N more are open and silent
  --size N             bytes of a message, 64 by default, its "\n" included; every message is a line
  --depth N            messages that a connection has under way, 1 by default
  --short              each connection is opened, asks once, and is closed: requests are connections
  --memory             instead, the server's resident memory for each of N connections
  --seconds S          in all, 6 by default; --requests N: this number of requests instead (one server only)
  --slice MS           how long one is driven before it is the other's turn, 30 by default
  --rounds N           the servers are started anew so often, 3 by default: memory is laid out by chance
  --tolerance PERCENT  a pair is thrown away when b differs from itself by more, 10 by default
  --same-core          load and servers on one processor: every batch is full, and figures hold on a busy machine
  --csv                lines of NAME,A,B,RATIO,LOW,HIGH,KEPT,PAIRS
)",
               stdout);
    return 0;
}

template <class Number>
bool parse(const char* text, Number least, Number most, Number& number) {
    const char* const end = text + std::strlen(text);
    const auto [stopped, error] = std::from_chars(text, end, number);
    return error == std::errc{} && stopped == end && number >= least && number <= most;
}

/// False when it makes no sense.
bool understand(int argc, char** argv, settings& what) {
    struct {
        const char* name;
        unsigned& number;
        unsigned least, most;
    } const numbers[] = {
        {"--connect", what.connect, 1, 65'535}, {"--connections", what.connections, 1, 60'000},
        {"--idle", what.idle, 0, 60'000},       {"--size", what.size, 1, 65'521},
        {"--depth", what.depth, 1, 4096},       {"--slice", what.slice, 1, 60'000},
        {"--rounds", what.rounds, 1, 1000},     {"--tolerance", what.tolerance, 1, 1'000'000},
    };
    struct {
        const char* name;
        bool& flag;
    } const flags[] = {{"--short", what.short_connections},
                       {"--memory", what.memory},
                       {"--same-core", what.same_core},
                       {"--csv", what.csv}};
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        bool is_known = false;
        for (const auto& each : flags)
            if (word == each.name) is_known = each.flag = true;
        if (is_known) continue;
        if (++i == argc) return false;
        for (const auto& each : numbers)
            if (word == each.name) is_known = parse(argv[i], each.least, each.most, each.number);
        if (word == "--a" || word == "--b") {
            (word == "--a" ? what.a : what.b) = argv[i];
            is_known = *argv[i] != '\0';
        }
        if (word == "--seconds") is_known = parse(argv[i], 0.001, 86'400.0, what.seconds);
        if (word == "--requests") is_known = parse(argv[i], std::uint64_t{1}, std::uint64_t{1} << 40, what.requests);
        if (!is_known) return false;
    }
    if ((what.connect != 0) == !what.a.empty() || (what.connect != 0 && (what.memory || !what.b.empty()))) return false;
    if (what.short_connections && (what.depth != 1 || what.memory)) return false;
    return what.requests == 0 || what.b.empty();
}

}  // namespace

int main(int argc, char** argv) {
    settings what;
    if (argc == 2 && argv[1] == std::string_view{"--help"}) return usage(true);
    if (!understand(argc, argv, what)) return usage(false);
    std::signal(SIGPIPE, SIG_IGN);
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    try {
        if (what.memory)
            compare_memory(what);
        else if (!what.b.empty())
            compare(what);
        else
            drive_alone(what);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "echo_load: %s\n", error.what());
        return 1;
    }
}
