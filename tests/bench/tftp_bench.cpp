// A thousand downloads at once from one TFTP server, beside one download alone.
//
//     tftp_bench [--block-size N] [--window-size N] [--transfers N] [--megabytes N] [--smoke]
//
// The server is a process of its own, on loopback, and makes up what it sends; the clients are tasks of another, and
// count what comes. Rounds of one download and of many take turns; the median of their ratios is printed. --smoke runs a
// short round of each and tells only that they work.

#include <netnotes/coro/group.hpp>
#include <netnotes/tftp.hpp>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace net = netnotes;
namespace tftp = netnotes::tftp;

namespace {

struct plan {
    std::uint16_t block_size = 1428, window_size = 64;
    std::size_t transfers = 1000;
    std::uint64_t size = 4 << 20;  // of each of many; the one alone has as much as 64 of them
    int rounds = 5;
};

class made_up final : public tftp::source {
  public:
    explicit made_up(std::uint64_t size) : size_{size}, left_{size} {}
    std::size_t read(std::span<std::byte> room, std::error_code&) noexcept override {
        const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), left_));
        std::memset(room.data(), 'n', some);
        left_ -= some;
        return some;
    }
    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept override { return size_; }

  private:
    std::uint64_t size_, left_;
};
class counted final : public tftp::sink {
  public:
    void write(std::span<const std::byte> bytes, std::error_code&) noexcept override { total += bytes.size(); }
    void finish(std::error_code&) noexcept override {}
    std::uint64_t total = 0;
};

/// The name of a file is its size.
std::unique_ptr<tftp::source> open(const tftp::file_request& what) {
    std::uint64_t size = 0;
    std::from_chars(what.file_name.data(), what.file_name.data() + what.file_name.size(), size);
    return std::make_unique<made_up>(size);
}

/// The server's process.
class server {
  public:
    explicit server(const plan& what) {
        net::udp_socket door{{net::ipv4_address::loopback(), 0}};
        where = door.local_endpoint();
        process_ = ::fork();
        if (process_ < 0) throw std::system_error{errno, std::system_category(), "fork"};
        if (process_ > 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        tftp::server_options options;
        options.max_transfers = options.max_per_client = 2 * what.transfers + 2;
        tftp::server served{std::move(door), tftp::handlers{.read = open}, std::move(options)};
        net::event_loop loop;
        loop.run(served.run());
        ::_exit(0);
    }
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server() {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }
    net::endpoint where;

  private:
    pid_t process_ = -1;
};

net::task<> download(const net::endpoint& from, std::uint64_t size, tftp::settings how) {
    counted into;
    co_await tftp::get(from, std::to_string(size), into, how);
    if (into.total != size) throw std::runtime_error{"a download is not whole"};
}
net::task<> downloads(const net::endpoint& from, std::size_t count, std::uint64_t size, tftp::settings how) {
    const auto all = [&](net::task_group& group) -> net::task<> {
        for (std::size_t i = 0; i < count; ++i) group.spawn(download(from, size, how));
        co_return;
    };
    co_await net::with_group(all);
}
/// Megabytes in a second.
double rate(const net::endpoint& from, std::size_t count, std::uint64_t size, const tftp::settings& how) {
    net::event_loop loop;
    const auto begin = net::clock::now();
    loop.run(downloads(from, count, size, how));
    const std::chrono::duration<double> took = net::clock::now() - begin;
    return static_cast<double>(count) * static_cast<double>(size) / took.count() / 1e6;
}

void measure(const plan& what) {
    const server from{what};
    const tftp::settings how{.block_size = what.block_size, .window_size = what.window_size};
    std::vector<double> one, many, ratios;
    for (int i = 0; i < what.rounds; ++i) {
        one.push_back(rate(from.where, 1, what.size * 64, how));
        many.push_back(rate(from.where, what.transfers, what.size, how));
        ratios.push_back(many.back() / one.back());
    }
    const auto median = [](std::vector<double> all) {
        std::sort(all.begin(), all.end());
        return all[all.size() / 2];
    };
    std::printf("%u-byte blocks, window %u: one download %.0f MB/s, %zu at once %.0f MB/s together: %.2fx (goal 0.9)\n",
                what.block_size, what.window_size, median(one), what.transfers, median(many), median(ratios));
}

unsigned number(const char* text, unsigned most) {
    unsigned value = 0;
    const char* const end = text + std::strlen(text);
    const auto read = std::from_chars(text, end, value);
    if (read.ec != std::errc{} || read.ptr != end || value == 0 || value > most)
        throw std::invalid_argument{std::string{"not a number in its range: "} + text};
    return value;
}

}  // namespace

int main(int argc, char** argv) {
    constexpr const char* usage =
        "usage: tftp_bench [--block-size N] [--window-size N] [--transfers N] [--megabytes N] [--smoke]\n";
    try {
        plan what;
        for (int i = 1; i < argc; ++i) {
            const std::string_view word = argv[i];
            if (word == "--help") return std::fputs(usage, stdout) < 0;
            if (word == "--smoke") {
                what.rounds = 1;
                what.transfers = 50;
                what.size = 64 << 10;
                continue;
            }
            if (i + 1 == argc) throw std::invalid_argument{"a value is missing behind " + std::string{word}};
            const char* const value = argv[++i];
            if (word == "--block-size")
                what.block_size = static_cast<std::uint16_t>(number(value, tftp::max_block_size));
            else if (word == "--window-size")
                what.window_size = static_cast<std::uint16_t>(number(value, 65'535));
            else if (word == "--transfers")
                what.transfers = number(value, 9000);
            else if (word == "--megabytes")
                what.size = std::uint64_t{number(value, 1000)} << 20;
            else
                throw std::invalid_argument{"unknown option " + std::string{word}};
        }
        measure(what);
    } catch (const std::invalid_argument& error) {
        std::fprintf(stderr, "tftp_bench: %s\n%s", error.what(), usage);
        return 2;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "tftp_bench: %s\n", error.what());
        return 1;
    }
}
