// What tftp/server.hpp promises: with clients of the library, with datagrams made by hand, and with clients who mean
// harm.

#include <netnotes/coro/datagram.hpp>
#include <netnotes/coro/group.hpp>
#include <netnotes/coro/udp.hpp>
#include <netnotes/tftp/async_client.hpp>
#include <netnotes/tftp/client.hpp>
#include <netnotes/tftp/server.hpp>

#include "../back_end.hpp"
#include "../support.hpp"

#include "../catch.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <memory>
#include <mutex>
#include <optional>

using namespace std::chrono_literals;
namespace tftp = netnotes::tftp;
using support::failure_of;
using support::temporary_folder;
using Catch::Matchers::ContainsSubstring;

namespace {

void put_file(const std::string& path, std::string_view content) { std::ofstream{path, std::ios::binary} << content; }
std::string content_of(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}
std::vector<std::string> names_in(const std::string& folder) {
    std::vector<std::string> names;
    for (const auto& each : std::filesystem::directory_iterator{folder})
        names.push_back(each.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

class text_source final : public tftp::source {
  public:
    explicit text_source(std::string content) : content_{std::move(content)} {}
    std::size_t read(std::span<std::byte> room, std::error_code&) noexcept override {
        const std::size_t size = std::min(room.size(), content_.size() - taken_);
        std::copy_n(std::as_bytes(std::span{content_}).begin() + static_cast<std::ptrdiff_t>(taken_), size,
                    room.begin());
        taken_ += size;
        return size;
    }
    std::optional<std::uint64_t> size() const noexcept override { return content_.size(); }

  private:
    std::string content_;
    std::size_t taken_ = 0;
};
class text_sink final : public tftp::sink {
  public:
    void write(std::span<const std::byte> bytes, std::error_code& error) noexcept override {
        if (content.size() + bytes.size() > room)
            error = std::make_error_code(std::errc::no_space_on_device);
        else
            content += net::as_text(bytes);
    }
    void finish(std::error_code&) noexcept override { is_finished = true; }
    std::string content;
    std::size_t room = ~std::size_t{0};
    bool is_finished = false;
};

/// A folder with a file, and a server for it in another thread.
class served {
  public:
    explicit served(tftp::server_options options = {}, std::optional<tftp::existing_file> writing = std::nullopt,
                    net::endpoint where = {net::ipv4_address::loopback(), 0})
        : served{{}, std::move(options), writing, where} {}
    explicit served(tftp::handlers handlers, tftp::server_options options = {},
                    std::optional<tftp::existing_file> writing = std::nullopt,
                    net::endpoint where = {net::ipv4_address::loopback(), 0}) {
        std::filesystem::create_directory(folder.file("root"));
        put_file(file("f"), "inside");
        put_file(folder.file("secret"), "outside");
        if (!handlers.read) handlers = tftp::serve_files(folder.file("root"), writing);
        options.log = [this](const tftp::transfer_record& record) {
            const std::lock_guard guard{mutex_};
            records_.push_back(record);
        };
        server.emplace(where, std::move(handlers), std::move(options));
        door = server->local_endpoint();
        if (door.address().is_unspecified()) door = {net::ipv4_address::loopback(), door.port()};
        thread_.emplace([this] {
            test_loop loop;
            return loop.run(server->run(), stop_);
        });
    }
    ~served() { stop_.request_stop(); }

    [[nodiscard]] std::string file(const std::string& name) const { return folder.file("root/" + name); }
    /// Ends the server: what it has told of.
    std::vector<tftp::transfer_record> records() {
        stop_.request_stop();
        thread_->get();
        return records_;
    }
    void request_stop() { stop_.request_stop(); }
    [[nodiscard]] bool has_ended() const { return thread_->has_ended(); }

    temporary_folder folder;
    net::endpoint door;
    std::optional<tftp::server> server;

  private:
    struct thread : support::background<std::function<bool()>> {
        explicit thread(std::function<bool()> what) : background{std::move(what)} {}
    };
    std::mutex mutex_;
    std::vector<tftp::transfer_record> records_;
    net::stop_event stop_;
    std::optional<thread> thread_;
};

/// A client that sends what the test says.
class peer {
  public:
    explicit peer(net::ip_address local = net::ipv4_address::loopback()) : socket_{net::endpoint{local, 0}} {
        socket_.set_timeout(120s);
    }
    void say(const net::endpoint& to, std::string_view bytes) { socket_.send_to(bytes, to); }
    std::string hear() {
        const auto got = socket_.recv_from(room_);
        from = got.sender;
        return std::string{net::as_text(got.bytes)};
    }
    /// Nothing is there, and as the server answers in order, nothing will come.
    bool hears_nothing() {
        std::error_code error;
        std::ignore = socket_.recv_from(room_, error, MSG_DONTWAIT);
        return error == std::errc::operation_would_block;
    }
    net::udp_socket& socket() { return socket_; }
    net::endpoint from;

  private:
    net::udp_socket socket_;
    std::array<std::byte, 65'536> room_;
};
std::string number(int value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }
std::string request(int opcode, std::string_view name, std::string_view more = {}) {
    std::string bytes = number(opcode);
    bytes += name;
    bytes += '\0';
    bytes += "octet";
    bytes += '\0';
    for (const char c : more) bytes += c == '|' ? '\0' : c;
    return bytes;
}
std::string read_request(std::string_view name, std::string_view more = {}) { return request(1, name, more); }
std::string write_request(std::string_view name, std::string_view more = {}) { return request(2, name, more); }
std::string data(int block, std::string_view content) { return number(3) + number(block) + std::string{content}; }
std::string acknowledgment(int block) { return number(4) + number(block); }
std::string error(int code, std::string_view words) {
    return number(5) + number(code) + std::string{words} + std::string(1, '\0');
}
/// Of an error datagram; -1 of another.
int code_of(const std::string& datagram) {
    return datagram.size() > 4 && datagram.starts_with(number(5)) ? datagram[3] : -1;
}
/// Does the server still serve?
void check_alive(const served& here) {
    peer client;
    client.say(here.door, read_request("f"));
    CHECK(client.hear() == data(1, "inside"));
    client.say(client.from, acknowledgment(1));
}
constexpr std::array ports{false, true};

}  // namespace

// ---- whole transfers

TEST_CASE("files go both ways, over IPv4 and IPv6, from a port of their own and from one for all") {
    const auto address = GENERATE(from_range(support::loopbacks()));
    const bool single_port = GENERATE(false, true);
    CAPTURE(address.to_string(), single_port);
    served here{{.single_port = single_port}, tftp::existing_file::replace, {address, 0}};
    tftp::client client{here.door};
    for (const std::size_t size : {0u, 1u, 511u, 512u, 513u, 1024u, 1'000'000u})
        for (const auto& wishes :
             {tftp::settings{.block_size = 512}, tftp::settings{.block_size = 1428, .window_size = 16},
              tftp::settings{.block_size = 65'464, .window_size = 4}, tftp::settings{.with_options = false}}) {
            CAPTURE(size, wishes.block_size, wishes.window_size);
            const std::string content = support::pattern(size);
            text_source from{content};
            CHECK(client.put(from, "up", wishes).bytes == size);
            CHECK(content_of(here.file("up")) == content);
            text_sink into;
            CHECK(client.get("up", into, wishes).bytes == size);
            CHECK(into.content == content);
        }
    const auto records = here.records();
    CHECK(records.size() == 56);
    CHECK(std::all_of(records.begin(), records.end(), [](const auto& each) { return each.result.is_whole(); }));
    CHECK(names_in(here.file("")) == std::vector<std::string>{"f", "up"});
}
TEST_CASE("RFC 1350 section 4: each transfer has a port of its own, or all have one, as is wished") {
    for (const bool single_port : ports) {
        served here{{.single_port = single_port}};
        peer client, other;
        client.say(here.door, read_request("f"));
        CHECK(client.hear() == data(1, "inside"));
        other.say(here.door, read_request("f"));
        CHECK(other.hear() == data(1, "inside"));
        CHECK((client.from == here.door) == single_port);
        CHECK((other.from == client.from) == single_port);
        other.say(other.from, acknowledgment(1));
        client.say(client.from, acknowledgment(1));
        CHECK(here.records().size() == 2);
    }
}
TEST_CASE("it answers from the address that was asked") {
    for (const bool single_port : ports)
        for (const bool for_both : {false, true}) {
            if (for_both && !support::has_ipv6()) continue;
            const net::endpoint any =
                for_both ? net::endpoint{net::ipv6_address::any(), 0} : net::endpoint{net::ipv4_address::any(), 0};
            served here{{.single_port = single_port}, {}, any};
            const std::uint16_t port = here.server->local_endpoint().port();
            for (const char* const name : {"127.0.0.1", "127.0.0.2", "127.9.8.7"}) {
                const net::ip_address asked{net::ipv4_address{name}};
                peer client;
                client.say({asked, port}, read_request("f"));
                CHECK(client.hear() == data(1, "inside"));
                CHECK(client.from.address() == asked);
                client.say(client.from, acknowledgment(1));
                client.say({asked, port}, read_request("none"));
                CHECK(code_of(client.hear()) == 1);
                CHECK(client.from.address() == asked);
            }
            if (for_both) {
                peer client{net::ipv6_address::loopback()};
                client.say({net::ipv6_address::loopback(), port}, read_request("f"));
                CHECK(client.hear() == data(1, "inside"));
                CHECK(client.from.address() == net::ip_address{net::ipv6_address::loopback()});
                client.say(client.from, acknowledgment(1));
            }
            for (const auto& each : here.records())
                CHECK(!each.client.address().is_v4() ==
                      (each.client.address() == net::ip_address{net::ipv6_address::loopback()}));
        }
}
TEST_CASE("it answers from the address that was asked, even if its socket tells details") {
    if (!support::has_ipv6() || !support::tells_arrival()) NETNOTES_SKIP("no ::1 or no time of arrival");
    for (const bool single_port : ports) {
        net::udp_socket bound{net::endpoint{net::ipv6_address::any(), 0}};
        bound.tell_details();
        const std::uint16_t port = bound.local_endpoint().port();
        tftp::handlers handlers;
        handlers.read = [](const tftp::file_request&) { return std::make_unique<text_source>("inside"); };
        net::stop_event stop;
        tftp::server server{std::move(bound), std::move(handlers), {.single_port = single_port}};
        support::background serves{[&] {
            test_loop loop;
            return loop.run(server.run(), stop);
        }};
        const net::ip_address asked{net::ipv4_address{"127.0.0.2"}};
        peer client;
        client.say({asked, port}, read_request("f"));
        CHECK(client.hear() == data(1, "inside"));
        CHECK(client.from.address() == asked);
        client.say(client.from, acknowledgment(1));
        stop.request_stop();
    }
}
TEST_CASE("a request that had come before the server was made is answered, too") {
    for (const net::ip_address any : {net::ip_address{net::ipv4_address::any()}, {net::ipv6_address::any()}}) {
        if (any.is_v6() && !support::has_ipv6()) continue;
        // Of such a datagram the kernel has not kept to which address it came.
        net::udp_socket bound{net::endpoint{any, 0}};
        peer client;
        client.say({net::ipv4_address::loopback(), bound.local_endpoint().port()}, read_request("f"));
        std::array<std::byte, 64> room;
        std::ignore = bound.recv_from(room, MSG_PEEK);  // it is there
        net::stop_event stop;
        tftp::handlers handlers;
        handlers.read = [](const tftp::file_request&) { return std::make_unique<text_source>("inside"); };
        tftp::server server{std::move(bound), std::move(handlers), {}};
        support::background serves{[&] {
            test_loop loop;
            return loop.run(server.run(), stop);
        }};
        CHECK(client.hear() == data(1, "inside"));
        client.say(client.from, acknowledgment(1));
        stop.request_stop();
    }
}
TEST_CASE("RFC 1123 section 4.2.3.5: a request to a broadcast address is not answered") {
    served here{{}, {}, {net::ipv4_address::any(), 0}};
    peer client;
    client.socket().set_option(net::option::broadcast{});
    client.say({net::ipv4_address{"127.255.255.255"}, here.door.port()}, read_request("none"));
    client.say(here.door, read_request("f"));
    CHECK(client.hear() == data(1, "inside"));
    client.say(client.from, acknowledgment(1));
    CHECK(here.records().size() == 1);
}
TEST_CASE("where the kernel refuses to cut a window into datagrams they go out one by one") {
    const temporary_folder folder;
    const std::string content = support::pattern(200'000);
    put_file(folder.file("g"), content);
    net::udp_socket door{net::endpoint{net::ipv4_address::loopback(), 0}};
    constexpr int on = 1;  // without checksums UDP_SEGMENT is EIO
    door.set_option(SOL_SOCKET, SO_NO_CHECK, std::as_bytes(std::span{&on, 1}));
    tftp::server server{std::move(door), tftp::serve_files(folder.file("")), {.single_port = true}};
    text_sink into;
    tftp::outcome result;
    const auto main = [&]() -> net::task<> {
        auto running = net::spawn(server.run());
        const tftp::settings wishes{.block_size = 1000, .window_size = 40};
        result = co_await tftp::get(server.local_endpoint(), "g", into, wishes);
        server.stop();
        co_await running.join();
    };
    test_loop loop;
    loop.run(main());
    CHECK(into.content == content);
    CHECK(result.window_size == 40);
    CHECK(result.duplicates == 0);
}
TEST_CASE("hundreds of transfers go on at once") {
    for (const bool single_port : ports) {
        served here{{.max_per_client = 1000, .single_port = single_port}};
        const std::string content = support::pattern(100'000);
        put_file(here.file("g"), content);
        test_loop loop;
        std::vector<text_sink> sinks(200);
        const auto one = [&](text_sink& into) -> net::task<> {
            tftp::settings wishes{.block_size = 1428, .window_size = 8};
            co_await tftp::get(here.door, "g", into, wishes);
        };
        auto all = [&](net::task_group& group) -> net::task<> {
            for (text_sink& each : sinks) group.spawn(one(each));
            co_return;
        };
        const auto main = [&]() -> net::task<> { co_await net::with_group(all); };
        loop.run(main());
        CHECK(std::all_of(sinks.begin(), sinks.end(), [&](const text_sink& each) { return each.content == content; }));
        CHECK(here.records().size() == 200);
    }
}

// ---- what is refused

TEST_CASE("what cannot be had is told with its code and the system's words, and nothing else") {
    for (const bool single_port : ports) {
        served here{{.single_port = single_port}, tftp::existing_file::keep};
        std::filesystem::create_directory(here.file("folder"));
        peer client;
        const auto answer = [&](const std::string& asked) {
            client.say(here.door, asked);
            return client.hear();
        };
        CHECK(answer(read_request("none")) == error(1, "No such file or directory"));
        CHECK(answer(read_request("folder")) == error(2, "Is a directory"));
        CHECK(answer(read_request("folder/none")) == error(1, "No such file or directory"));
        CHECK(answer(write_request("f")) == error(6, "File exists"));
        CHECK(answer(write_request("none/f")) == error(1, "No such file or directory"));
        CHECK(answer(number(1) + "f" + std::string(1, '\0') + "mail" + std::string(1, '\0')) ==
              error(4, "Illegal TFTP operation"));
        CHECK(content_of(here.file("f")) == "inside");
        check_alive(here);
        const auto records = here.records();
        REQUIRE(records.size() == 7);
        CHECK(records[0].file_name == "none");
        CHECK(records[0].result.error == std::errc::no_such_file_or_directory);
        CHECK(records[3].what == tftp::opcode::write_request);
        CHECK(records[3].result.error == std::errc::file_exists);
    }
}
TEST_CASE("it is read-only unless told otherwise") {
    served here;
    peer client;
    client.say(here.door, write_request("g"));
    CHECK(client.hear() == error(2, "Access violation"));
    CHECK(names_in(here.file("")) == std::vector<std::string>{"f"});
}
TEST_CASE("no name leads out of the root") {
    served here{{}, tftp::existing_file::replace};
    std::filesystem::create_symlink("../secret", here.file("link"));
    REQUIRE(::mkfifo(here.file("fifo").c_str(), 0666) == 0);
    peer client;
    for (const std::string& name : {std::string{"../secret"}, std::string{"/../secret"}, std::string{"..\\secret"},
                                    std::string{"x/../../secret"}, std::string{"link"}, std::string{"fifo"},
                                    here.folder.file("secret"), std::string(400, 'x'), std::string{".."}}) {
        CAPTURE(name);
        for (const auto& asked : {read_request(name), write_request(name)}) {
            client.say(here.door, asked);
            const int code = code_of(client.hear());
            CHECK((code == 1 || code == 2));
        }
    }
    CHECK(content_of(here.folder.file("secret")) == "outside");
    check_alive(here);
}
TEST_CASE("what is no request is not answered as one, and an error not at all") {
    for (const bool single_port : ports) {
        served here{{.single_port = single_port}};
        peer client;
        const std::string nul(1, '\0');
        // 0x0100 is a request whose bytes are swapped. RFC 1350 section 5 knows no such opcode, so a stranger gets no
        // answer for it. tftpd-hpa is silent, too.
        for (const std::string& datagram :
             {std::string{}, std::string{"x"}, nul, number(7) + "f" + nul, number(0), number(0x101) + "f" + nul,
              number(0x100) + "f" + nul + "octet" + nul, number(0xffff) + "f" + nul, error(0, "?"),
              std::string(2000, 'x')})
            client.say(here.door, datagram);
        client.say(here.door, data(1, "stray"));
        CHECK(client.hear() == error(5, "Unknown transfer ID"));
        client.say(here.door, acknowledgment(1));
        CHECK(client.hear() == error(5, "Unknown transfer ID"));
        check_alive(here);
        CHECK(client.hears_nothing());
        CHECK(here.records().size() == 1);
    }
}
TEST_CASE("a broken request is answered with an error, and told to the log") {
    for (const bool single_port : ports) {
        served here{{.single_port = single_port}, tftp::existing_file::keep};
        peer client;
        const std::string nul(1, '\0');
        std::size_t count = 0;
        for (const int opcode : {1, 2})
            for (const std::string& rest :
                 {std::string{}, std::string{"f"}, "f" + nul, "f" + nul + "octet", nul + "octet" + nul, nul, nul + nul,
                  "f" + nul + "octet" + nul + "blksize", "f" + nul + "octet" + nul + "blksize" + nul + "1024",
                  "f" + nul + "/../secret" + nul + "octet" + nul, "f" + nul + nul + "octet" + nul,
                  std::string(1100, 'x'), std::string(60'000, 'x')}) {
                client.say(here.door, number(opcode) + rest);
                CHECK(client.hear() == error(4, "Illegal TFTP operation"));
                ++count;
            }
        check_alive(here);
        CHECK(client.hears_nothing());
        const auto records = here.records();
        REQUIRE(records.size() == count + 1);
        for (std::size_t i = 0; i < count; ++i) {
            CHECK(records[i].result.error == make_error_code(tftp::error::illegal_operation));
            CHECK(records[i].what == (i < count / 2 ? tftp::opcode::read_request : tftp::opcode::write_request));
        }
        CHECK(names_in(here.file("")) == std::vector<std::string>{"f"});
    }
}
TEST_CASE("NULs behind a request, and an option without a value, do no harm") {
    for (const bool single_port : ports) {
        served here{{.single_port = single_port}, tftp::existing_file::replace};
        for (const std::size_t count : {1u, 2u, 3u, 4u, 5u, 20u, 101u}) {
            const std::string padding(count, '\0');
            peer plain, with_option, writer;
            plain.say(here.door, read_request("f") + padding);
            CHECK(plain.hear() == data(1, "inside"));
            plain.say(plain.from, acknowledgment(1));
            with_option.say(here.door, read_request("f", "blksize|1024|") + padding);
            CHECK(with_option.hear() == number(6) + "blksize" + '\0' + "1024" + '\0');
            with_option.say(with_option.from, error(0, "enough"));
            writer.say(here.door, write_request("up") + padding);
            CHECK(writer.hear() == acknowledgment(0));
            writer.say(writer.from, data(1, "new"));
            CHECK(writer.hear() == acknowledgment(1));
        }
        peer client;
        client.say(here.door, read_request("f", "blksize|"));
        CHECK(client.hear() == data(1, "inside"));
        client.say(client.from, acknowledgment(1));
        here.records();
        CHECK(content_of(here.file("up")) == "new");
    }
}
TEST_CASE("RFC 1350 section 4: a stranger is told so, and disturbs nobody") {
    served here;
    put_file(here.file("g"), std::string(600, 'g'));
    peer client, stranger;
    client.say(here.door, read_request("g"));
    CHECK(client.hear() == data(1, std::string(512, 'g')));
    stranger.say(client.from, acknowledgment(1));
    CHECK(stranger.hear() == error(5, "Unknown transfer ID"));
    stranger.say(client.from, error(0, "die"));
    client.say(client.from, acknowledgment(1));
    CHECK(client.hear() == data(2, std::string(88, 'g')));
    client.say(client.from, acknowledgment(2));
    const auto records = here.records();
    REQUIRE(records.size() == 1);
    CHECK(records[0].result.is_whole());
    CHECK(stranger.hears_nothing());
}

// ---- requests that come again

TEST_CASE("a request that comes again begins no second transfer") {
    for (const bool single_port : ports) {
        served here{{.single_port = single_port}};
        put_file(here.file("g"), std::string(600, 'g'));
        peer client;
        for (int i = 0; i < 3; ++i) client.say(here.door, read_request("g"));
        CHECK(client.hear() == data(1, std::string(512, 'g')));
        const net::endpoint port = client.from;
        client.say(here.door, read_request("g"));
        client.say(here.door, read_request("none"));  // behind it: when this is answered, that was seen
        CHECK(code_of(client.hear()) == 1);
        if (single_port) continue;  // this client has asked for something else, so the server does not wait for it
        client.say(port, acknowledgment(1));
        CHECK(client.hear() == data(2, std::string(88, 'g')));
        CHECK(client.from == port);
        client.say(port, acknowledgment(2));
        const auto records = here.records();
        REQUIRE(records.size() == 2);
        CHECK(records[1].result.is_whole());
        CHECK(client.hears_nothing());
    }
}
TEST_CASE("another request from the same port is another transfer; on a single port it takes the place of the first") {
    for (const bool single_port : ports) {
        served here{{.single_port = single_port}};
        put_file(here.file("g"), std::string(600, 'g'));
        peer client;
        client.say(here.door, read_request("g"));
        CHECK(client.hear() == data(1, std::string(512, 'g')));
        const net::endpoint first = client.from;
        client.say(here.door, read_request("f"));
        CHECK(client.hear() == data(1, "inside"));
        CHECK((client.from == first) == single_port);
        client.say(client.from, acknowledgment(1));
        if (!single_port) {
            client.say(first, acknowledgment(1));
            CHECK(client.hear() == data(2, std::string(88, 'g')));
            client.say(first, acknowledgment(2));
        }
        const auto records = here.records();
        REQUIRE(records.size() == 2);
        if (single_port) {
            CHECK(records[0].result.error == std::errc::connection_aborted);
            CHECK(records[1].result.is_whole());
        } else
            CHECK((records[0].result.is_whole() && records[1].result.is_whole()));
        CHECK(client.hears_nothing());
    }
}

TEST_CASE("once a transfer has moved, the same request from the same port begins it anew, at once") {
    const bool single_port = GENERATE(false, true);
    const bool writes = GENERATE(false, true);
    const std::string options = GENERATE("", "blksize|512|", "blksize|512|windowsize|4|");
    CAPTURE(single_port, writes, options);
    served here{{.single_port = single_port}, tftp::existing_file::replace};
    const std::string content = support::pattern(20 * 512 + 88);
    put_file(here.file("g"), content);
    const auto block = [&](int i) { return data(i, content.substr(static_cast<std::size_t>(i - 1) * 512, 512)); };
    const int window = options.ends_with("windowsize|4|") ? 4 : 1;
    peer client;
    const std::string asked = writes ? write_request("up", options) : read_request("g", options);
    const auto begin = [&] {
        client.say(here.door, asked);
        std::string heard = client.hear();
        if (options.empty()) {
            CHECK(heard == (writes ? acknowledgment(0) : block(1)));
            return;
        }
        CHECK(heard.starts_with(number(6)));
        if (writes) return;
        client.say(client.from, acknowledgment(0));
        for (int i = 1; i <= window; ++i) CHECK(client.hear() == block(i));
    };
    /// To the block `last` from behind the first window's beginning on.
    const auto go_on = [&](int last) {
        for (int i = 1; i <= last; ++i) {
            if (writes) client.say(client.from, block(i));
            if (i % window != 0 && i != 21) continue;
            if (writes)
                CHECK(client.hear() == acknowledgment(i));
            else {
                client.say(client.from, acknowledgment(i));
                for (int k = i + 1; k <= std::min(i + window, 21); ++k) CHECK(client.hear() == block(k));
            }
        }
    };
    for (int i = 0; i < 3; ++i) {  // it is switched off in the middle, three times
        begin();
        go_on(8);
    }
    begin();
    go_on(21);
    CHECK(client.hears_nothing());
    const auto records = here.records();
    REQUIRE(records.size() == 4);
    for (std::size_t i = 0; i < 3; ++i) CHECK(records[i].result.error == std::errc::connection_aborted);
    CHECK(records[3].result.is_whole());
    if (writes) CHECK(content_of(here.file("up")) == content);
}
TEST_CASE("a copy of the request that comes late does not end the transfer") {
    const bool single_port = GENERATE(false, true);
    const bool writes = GENERATE(false, true);
    const bool another_file = GENERATE(false, true);
    CAPTURE(single_port, writes, another_file);
    served here{{.single_port = single_port}, tftp::existing_file::replace};
    const std::string content = support::pattern(5 * 512 + 88);
    put_file(here.file("g"), content);
    const auto block = [&](int i) { return data(i, content.substr(static_cast<std::size_t>(i - 1) * 512, 512)); };
    peer client;
    const auto asked = [&](std::string_view name) { return writes ? write_request(name) : read_request(name); };
    client.say(here.door, asked(writes ? "up" : "g"));
    const std::string first = client.hear();
    const net::endpoint port = client.from;
    const std::string late = asked(another_file ? "f" : writes ? "up" : "g");
    for (int i = 1; i <= 6; ++i) {
        client.say(port, writes ? block(i) : acknowledgment(i));
        if (writes || i < 6) CHECK(client.hear() == (writes ? acknowledgment(i) : block(i + 1)));
        if (i != 3) continue;
        client.say(here.door, late);  // perhaps forged
        const std::string heard = client.hear();
        CHECK(heard == (another_file && !writes ? data(1, "inside") : first));
        if (!single_port) client.say(client.from, error(5, "Unknown transfer ID"));  // as a client answers a stranger
    }
    const auto records = here.records();
    REQUIRE(records.size() == 2);
    CHECK_FALSE(records[0].result.is_whole());
    CHECK(records[1].result.is_whole());
    if (writes) CHECK(content_of(here.file("up")) == content);
    if (another_file && writes) CHECK(content_of(here.file("f")) == "inside");
}

// ---- limits

TEST_CASE("an upload beyond the most is refused when it is announced, and broken off when it is not") {
    served here{{.max_upload = 1000, .grace = 0s}, tftp::existing_file::replace};
    put_file(here.file("g"), std::string(1500, 'g'));
    peer client;
    client.say(here.door, write_request("up", "tsize|1001|"));
    CHECK(code_of(client.hear()) == 3);
    client.say(here.door, write_request("up"));
    CHECK(client.hear() == acknowledgment(0));
    client.say(client.from, data(1, std::string(512, 'x')));
    CHECK(client.hear() == acknowledgment(1));
    client.say(client.from, data(2, std::string(489, 'x')));
    CHECK(code_of(client.hear()) == 3);
    text_sink into;  // what is read may be longer
    tftp::client{here.door}.get("g", into);
    CHECK(into.content.size() == 1500);
    here.records();
    CHECK(names_in(here.file("")) == std::vector<std::string>{"f", "g"});
}
TEST_CASE("an announced size of 0 means that it is not known") {
    for (const bool single_port : ports) {
        served here{{.single_port = single_port}, tftp::existing_file::replace};
        for (const std::string& content : {std::string{}, std::string{"hello"}, std::string(511, 'x')}) {
            peer client;
            client.say(here.door, write_request("up", "tsize|0|"));
            CHECK_FALSE(code_of(client.hear()) >= 0);
            client.say(client.from, data(1, content));
            CHECK(client.hear() == acknowledgment(1));
            CHECK(content_of(here.file("up")) == content);
        }
        here.records();
    }
}

TEST_CASE("beyond the most transfers a request is not answered, until there is room") {
    served here{{.max_transfers = 2, .grace = 0s}};
    put_file(here.file("g"), std::string(600, 'g'));
    peer first, second, third;
    for (peer* each : {&first, &second}) {
        each->say(here.door, read_request("g"));
        CHECK(each->hear() == data(1, std::string(512, 'g')));
        each->say(each->from, acknowledgment(1));
        CHECK(each->hear() == data(2, std::string(88, 'g')));
    }
    third.say(here.door, read_request("f"));
    third.say(here.door, acknowledgment(0));  // an answer to this comes behind none to that
    CHECK(code_of(third.hear()) == 5);
    first.say(first.from, acknowledgment(2));
    for (std::string answer; answer.empty();) {  // its end is noticed soon
        third.say(here.door, read_request("f"));
        third.say(here.door, acknowledgment(0));
        answer = third.hear();
        if (code_of(answer) == 5)
            answer.clear();
        else
            CHECK(answer == data(1, "inside"));
    }
    here.records();
    CHECK(here.server->dropped() >= 1);
}
TEST_CASE("beyond the most transfers of one client it is refused, and others are not") {
    served here{{.max_per_client = 2, .grace = 0s}};
    put_file(here.file("g"), std::string(600, 'g'));
    peer first, second, third, other{net::ipv4_address{"127.0.0.2"}};
    for (peer* each : {&first, &second, &other}) {
        each->say(here.door, read_request("g"));
        CHECK(each->hear() == data(1, std::string(512, 'g')));
        each->say(each->from, acknowledgment(1));
        CHECK(each->hear() == data(2, std::string(88, 'g')));
    }
    third.say(here.door, read_request("f"));
    CHECK(third.hear() == error(0, "too many transfers at once"));
}
TEST_CASE("an upload that has its outcome counts no more, though it stays a while") {
    served here{{.max_transfers = 2, .max_per_client = 1}, tftp::existing_file::replace};
    peer client;
    for (int i = 0; i < 3; ++i) {
        client.say(here.door, write_request("g" + std::to_string(i)));
        CHECK(client.hear() == acknowledgment(0));
        client.say(client.from, data(1, "new"));
        CHECK(client.hear() == acknowledgment(1));
    }
    CHECK(here.records().size() == 3);
}
TEST_CASE("a file beyond the most bytes is refused, and broken off where it had not been announced") {
    served here{{.limits = {.block_size = 1428, .max_bytes = 1000}}, tftp::existing_file::replace};
    put_file(here.file("g"), std::string(2000, 'g'));
    peer client;
    client.say(here.door, write_request("h", "tsize|1001|"));
    CHECK(code_of(client.hear()) == 3);
    client.say(here.door, write_request("h"));
    CHECK(client.hear() == acknowledgment(0));
    client.say(client.from, data(1, std::string(512, 'h')));
    CHECK(client.hear() == acknowledgment(1));
    client.say(client.from, data(2, std::string(512, 'h')));
    CHECK(code_of(client.hear()) == 3);
    CHECK(here.records().size() == 2);
    CHECK(names_in(here.file("")) == std::vector<std::string>{"f", "g"});
}
TEST_CASE("what is granted is bounded: block, window, memory") {
    served here{{.limits = {.block_size = 1000, .window_size = 8, .max_memory = 4016}, .grace = 0s}};
    peer client;
    client.say(here.door, read_request("f", "blksize|1428|windowsize|64|timeout|3|nonsense|1|"));
    std::string granted = number(6) + "blksize|1000|windowsize|4|timeout|3|";
    std::replace(granted.begin() + 2, granted.end(), '|', '\0');
    CHECK(client.hear() == granted);
}

// ---- writing

TEST_CASE("an upload that is broken off leaves nothing, and nothing is lost") {
    for (const bool single_port : ports) {
        served here{{.single_port = single_port}, tftp::existing_file::replace};
        peer client;
        for (const char* const name : {"f", "g"}) {
            client.say(here.door, write_request(name));
            CHECK(client.hear() == acknowledgment(0));
            client.say(client.from, data(1, std::string(512, 'x')));
            CHECK(client.hear() == acknowledgment(1));
            CHECK(content_of(here.file("f")) == "inside");
            client.say(client.from, error(0, "no more"));
        }
        const auto records = here.records();
        REQUIRE(records.size() == 2);
        CHECK(records[0].result.is_from_peer);
        CHECK(records[0].result.message == "no more");
        CHECK(content_of(here.file("f")) == "inside");
        CHECK(names_in(here.file("")) == std::vector<std::string>{"f"});
    }
}
TEST_CASE("a file is there when its last block is acknowledged, and the acknowledgment is said again") {
    served here{{.grace = 0s}, tftp::existing_file::replace};
    peer client;
    client.say(here.door, write_request("f"));
    CHECK(client.hear() == acknowledgment(0));
    client.say(client.from, data(1, "new"));
    CHECK(client.hear() == acknowledgment(1));
    CHECK(content_of(here.file("f")) == "new");
    client.say(client.from, data(1, "new"));
    CHECK(client.hear() == acknowledgment(1));
    CHECK(here.records().size() == 1);
}
TEST_CASE("a writing client is told of a full disk") {
    tftp::handlers handlers;
    handlers.read = [](const tftp::file_request&) { return nullptr; };
    handlers.write = [](const tftp::file_request& what) {
        auto made = std::make_unique<text_sink>();
        made->room = what.size.value_or(600) / 2 + 212;
        return made;
    };
    served here{std::move(handlers)};
    peer client;
    client.say(here.door, write_request("f"));
    CHECK(client.hear() == acknowledgment(0));
    client.say(client.from, data(1, std::string(512, 'x')));
    CHECK(client.hear() == acknowledgment(1));
    client.say(client.from, data(2, "x"));
    CHECK(code_of(client.hear()) == 3);
    const auto records = here.records();
    REQUIRE(records.size() == 1);
    CHECK(records[0].result.error == std::errc::no_space_on_device);
}

// ---- handlers

TEST_CASE("content need not be files, and a handler refuses in its own words") {
    tftp::handlers handlers;
    handlers.read = [](const tftp::file_request& what) -> std::unique_ptr<tftp::source> {
        if (what.file_name == "none") return nullptr;
        if (what.file_name == "words")
            throw std::system_error{make_error_code(tftp::error::not_defined), "come back tomorrow"};
        if (what.file_name == "user")
            throw std::system_error{make_error_code(tftp::error::no_such_user), "secret reason"};
        if (what.file_name == "bug") throw std::logic_error{"secret reason"};
        return std::make_unique<text_source>(what.client.address().to_string() + ' ' + std::string{what.file_name});
    };
    served here{std::move(handlers)};
    peer client;
    const auto answer = [&](const std::string& asked) {
        client.say(here.door, asked);
        return client.hear();
    };
    CHECK(answer(read_request("none")) == error(2, "Access violation"));
    CHECK(answer(read_request("words")) == error(0, "come back tomorrow"));
    CHECK(answer(read_request("user")) == error(7, "No such user"));
    CHECK(answer(read_request("bug")) == error(0, "the server has failed"));
    CHECK(answer(write_request("f")) == error(2, "Access violation"));
    CHECK(answer(read_request("/any thing")) == data(1, "127.0.0.1 /any thing"));
    client.say(client.from, acknowledgment(1));
    const auto records = here.records();
    REQUIRE(records.size() == 6);
    for (std::size_t i = 0; i < 5; ++i) CHECK(!records[i].result.is_whole());
    CHECK(records[1].result.message == "come back tomorrow");
    CHECK(records[3].result.message == "secret reason");  // that is for us
    CHECK(records[5].result.is_whole());
}
TEST_CASE("a name that ends as a folder's does is refused as a file that is not there, and the log says why") {
    served here{{}, tftp::existing_file::replace};
    peer client;
    for (const char* const name : {"f/.", "f/", "f//", "f/./.", "f/f"})
        for (const std::string& asks : {read_request(name), write_request(name)}) {
            CAPTURE(name);
            client.say(here.door, asks);
            CHECK(client.hear() == error(1, "Not a directory"));
        }
    client.say(here.door, read_request("none/."));
    CHECK(client.hear() == error(1, "No such file or directory"));
    client.say(here.door, read_request("./"));
    CHECK(client.hear() == error(2, "Is a directory"));
    check_alive(here);
    const auto records = here.records();
    REQUIRE(records.size() >= 2);
    CHECK(records[0].result.error == std::errc::not_a_directory);
    CHECK(records[0].result.message == "open \"f/.\"");
    CHECK(content_of(here.file("f")) == "inside");
}

TEST_CASE("what the log throws ends the server, and comes out of it") {
    test_loop loop;
    tftp::server_options options;
    options.log = [](const tftp::transfer_record&) { throw std::runtime_error{"the log is full"}; };
    const temporary_folder folder;
    tftp::server server{{net::ipv4_address::loopback(), 0}, tftp::serve_files(folder.file("")), options};
    peer client;
    client.say(server.local_endpoint(), read_request("none"));
    CHECK_THROWS_WITH(loop.run(server.run()), "the log is full");
}
namespace {
/// A back end of epoll that shows its nodes to the test. A time limit that the test gives to a node is a failure of the
/// next wait there.
class open_back_end final : public net::detail::io_back_end {
  public:
    static inline std::vector<net::detail::io_node*> nodes;  ///< the watched nodes, the oldest first
    static net::detail::owner<net::detail::io_back_end> make(net::detail::scheduler&, std::error_code&) {
        return net::detail::owner<net::detail::io_back_end>{new open_back_end};
    }
    void add(net::detail::io_node& node) override {
        inner_.add(node);
        nodes.push_back(&node);
    }
    bool remove(net::detail::io_node& node) noexcept override {
        std::erase(nodes, &node);
        return inner_.remove(node);
    }
    void needs(net::detail::io_node& node, bool to_write) noexcept override { inner_.needs(node, to_write); }
    void watch(int descriptor, bool is_stop) override { inner_.watch(descriptor, is_stop); }
    void unwatch(int descriptor) noexcept override { inner_.unwatch(descriptor); }
    bool wait(net::duration timeout) override {
        const bool has_come = inner_.wait(timeout);
        saw_stop_ = inner_.take_stop() || saw_stop_;
        return has_come;
    }

  private:
    net::detail::epoll_back_end inner_;
};
}  // namespace

TEST_CASE("a server that cannot wait for a client tells it so, and ends when it cannot wait for requests") {
    net::event_loop loop{{.backend = open_back_end::make}};
    const temporary_folder folder;
    put_file(folder.file("f"), std::string(2000, 'x'));
    std::vector<tftp::transfer_record> records;
    tftp::server_options options;
    options.log = [&](const tftp::transfer_record& record) { records.push_back(record); };
    tftp::server server{{net::ipv4_address::loopback(), 0}, tftp::serve_files(folder.file("")), options};
    std::string first, last;
    std::error_code why;
    const auto main = [&]() -> net::task<> {
        net::async_udp client{net::udp_socket{net::endpoint{net::ipv4_address::loopback(), 0}}};
        auto running = net::spawn(server.run());
        std::array<std::byte, 600> room;
        const std::string asks = read_request("f"), repeats = acknowledgment(0);
        co_await client.send_to(asks, server.local_endpoint());
        const auto begins = co_await client.recv_from(room);
        first = net::as_text(begins.bytes).substr(0, 4);
        REQUIRE(open_back_end::nodes.size() == 3);  // the client's, the server's, and that of the transfer
        open_back_end::nodes[2]->set_timeout(0s);
        co_await client.send_to(repeats, begins.sender);  // says nothing, but it ends the wait
        const auto ends = co_await client.recv_from(room);
        last = net::as_text(ends.bytes);
        open_back_end::nodes[1]->set_timeout(0s);
        co_await client.send_to(repeats, server.local_endpoint());
        try {
            co_await running.join();
        } catch (const std::system_error& failure) {
            why = failure.code();
        }
    };
    loop.run(main());
    CHECK(first == data(1, ""));
    CHECK(last == error(0, "the server cannot wait for the client"));
    REQUIRE(records.size() == 1);
    CHECK(records[0].result.error == std::errc::timed_out);
    CHECK(why == std::errc::timed_out);
}

TEST_CASE("limits that are none, an address that is taken, and a folder that is not there are told at once") {
    const net::endpoint any{net::ipv4_address::loopback(), 0};
    CHECK_THROWS_AS((tftp::server{any, {}, {.limits = {.block_size = 7}}}), std::invalid_argument);
    CHECK_THROWS_AS((tftp::server{any, {}, {.limits = {.window_size = 0}}}), std::invalid_argument);
    const tftp::server first{any, {}};
    CHECK(failure_of([&] { tftp::server{first.local_endpoint(), {}}; }).code == std::errc::address_in_use);
    CHECK(failure_of([&] { std::ignore = tftp::serve_files("/none"); }).code == std::errc::no_such_file_or_directory);
}

// ---- time, that does not pass

namespace {
/// In one loop, in virtual time: the server, and a client.
class at_no_time {
  public:
    explicit at_no_time(tftp::server_options options = {}) {
        put_file(folder.file("f"), "inside");
        put_file(folder.file("g"), support::pattern(65'536));
        options.log = [this](const tftp::transfer_record& record) { records.push_back(record); };
        server.emplace(net::endpoint{net::ipv4_address::loopback(), 0},
                       tftp::serve_files(folder.file(""), tftp::existing_file::replace), std::move(options));
        door = server->local_endpoint();
    }
    temporary_folder folder;
    std::vector<tftp::transfer_record> records;
    test_loop loop{{.virtual_time = true}};
    std::optional<tftp::server> server;
    net::endpoint door;
};
net::async_datagram a_client() {
    net::socket made{net::address_family::inet, net::socket_type::datagram};
    made.bind(net::endpoint{net::ipv4_address::loopback(), 0});
    return net::async_datagram{std::move(made)};
}
}  // namespace

TEST_CASE("a client who says no more is given up after a while") {
    at_no_time here;
    const auto main = [&]() -> net::task<> {
        auto running = net::spawn(here.server->run());
        auto client = a_client();
        const std::string asked = read_request("f");
        co_await client.send_to(asked, here.door);
        while (here.records.empty()) co_await net::sleep_for(100ms);
        here.server->stop();
        co_await running.join();
    };
    here.loop.run(main());
    REQUIRE(here.records.size() == 1);
    CHECK(here.records[0].result.error == std::errc::timed_out);
    CHECK(here.records[0].took >= 30s);
    CHECK(here.records[0].took < 60s);
    CHECK(here.server->size() == 0);
}
namespace {
/// Asks once, and returns the first answer; "" if there is no answer.
net::task<std::string> first_answer(net::async_datagram& client, net::endpoint door, const std::string& asked) {
    std::array<std::byte, 600> room;
    client.set_timeout(500ms);
    co_await client.send_to(asked, door);
    std::string heard;
    try {
        const auto got = co_await client.recv_from(room);
        heard = net::as_text(got.bytes);
    } catch (const std::system_error&) {
    }
    co_return heard;
}
/// Asks until there is an answer, as clients do. The clock is virtual and the network is not: on a busy machine a
/// datagram may arrive after the virtual half second.
net::task<std::string> answer_of(net::async_datagram& client, net::endpoint door, const std::string& asked) {
    std::string heard;
    for (int i = 0; i < 100 && heard.empty(); ++i) {
        if (i > 0) ::poll(nullptr, 0, 1);
        heard = co_await first_answer(client, door, asked);
    }
    co_return heard;
}
}  // namespace
TEST_CASE("a request beyond max_transfers replaces a transfer whose client never answered") {
    const bool single_port = GENERATE(false, true);
    const bool of_one_client = GENERATE(false, true);
    CAPTURE(single_port, of_one_client);
    tftp::server_options options{.single_port = single_port};
    (of_one_client ? options.max_per_client : options.max_transfers) = 10;
    at_no_time here{options};
    const auto main = [&]() -> net::task<> {
        auto running = net::spawn(here.server->run());
        auto working = a_client(), honest = a_client(), late = a_client();
        std::array<std::byte, 600> room;
        const std::string asked = read_request("g");
        co_await working.send_to(asked, here.door);
        auto heard = co_await working.recv_from(room);
        const auto go_on = [&](int block) -> net::task<> {
            const std::string answer = acknowledgment(block);
            co_await working.send_to(answer, heard.sender);
            do heard = co_await working.recv_from(room);  // what was sent again meanwhile, first
            while (net::as_text(heard.bytes).starts_with(data(block, "")));
            CHECK(net::as_text(heard.bytes).starts_with(data(block + 1, "")));
        };
        co_await go_on(1);
        std::vector<net::async_datagram> silent;
        for (int i = 0; i < 60; ++i) {
            silent.push_back(a_client());
            const std::string says = i % 3 == 0   ? read_request("g")
                                     : i % 3 == 1 ? read_request("g", "blksize|1024|")
                                                  : write_request("up" + std::to_string(i));
            co_await silent.back().send_to(says, here.door);
        }
        // They are as young as the next request, which so must not send them away: their answers may be under way.
        const std::string small = read_request("f");
        std::string answer = co_await first_answer(late, here.door, small);
        CHECK(answer.empty());
        for (int i = 0; i < 30; ++i) {
            auto one = a_client();
            answer = co_await answer_of(one, here.door, small);
            CHECK(answer == data(1, "inside"));
            co_await net::sleep_for(6ms);
        }
        answer = co_await answer_of(honest, here.door, small);
        CHECK(answer == data(1, "inside"));
        co_await go_on(2);  // it has answered, and is not sent away
        const std::string enough = error(0, "enough");
        co_await working.send_to(enough, heard.sender);
        here.server->stop();
        co_await running.join();
    };
    here.loop.run(main());
    CHECK(here.server->dropped() >= 30);
    // A request that had to make room is not worth a line in the log. (On a busy machine others end by their own
    // timeout.)
    CHECK(here.records.size() < here.server->dropped());
    CHECK(names_in(here.folder.file("")) == std::vector<std::string>{"f", "g"});
}
TEST_CASE("a thousand silent requests do not keep a client waiting, even if descriptors are few") {
    const bool single_port = GENERATE(false, true);
    const bool are_few = GENERATE(false, true);
    CAPTURE(single_port, are_few);
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const auto put_back = [&](const rlimit* limit) { ::setrlimit(RLIMIT_NOFILE, limit); };
    const std::unique_ptr<const rlimit, decltype(put_back)> at_the_end{&before, put_back};
    at_no_time here{{.single_port = single_port, .grace = 0s}};
    const auto main = [&]() -> net::task<> {
        auto running = net::spawn(here.server->run());
        auto silent = a_client(), honest = a_client();
        co_await net::yield();
        rlimit few = before;
        few.rlim_cur = static_cast<rlim_t>(support::open_descriptors()) + 60;
        if (are_few) CHECK(::setrlimit(RLIMIT_NOFILE, &few) == 0);
        for (int i = 0; i < 1000; ++i) {  // from one socket: each request is another one
            const std::string asked = read_request("f", "blksize|" + std::to_string(512 + i) + '|');
            co_await silent.send_to(asked, here.door);
            if (i % 16 == 0) co_await net::sleep_for(1ms);
        }
        co_await net::sleep_for(6ms);
        const std::string small = read_request("f");
        const std::string answer = co_await answer_of(honest, here.door, small);
        CHECK(answer == data(1, "inside"));
        here.server->stop();
        co_await running.join();
    };
    here.loop.run(main());
}
TEST_CASE("a client that is gone ends its transfer at once: ICMP port unreachable") {
    const bool single_port = GENERATE(false, true);
    const bool writes = GENERATE(false, true);
    const bool has_moved = GENERATE(false, true);
    CAPTURE(single_port, writes, has_moved);
    at_no_time here{{.single_port = single_port}};
    const auto main = [&]() -> net::task<> {
        auto running = net::spawn(here.server->run());
        auto other = a_client();
        std::array<std::byte, 600> room;
        const std::string asked = read_request("g"), mine = writes ? write_request("h") : read_request("g");
        co_await other.send_to(asked, here.door);
        auto heard = co_await other.recv_from(room);
        {
            auto gone = a_client();
            co_await gone.send_to(mine, here.door);
            const auto first = co_await gone.recv_from(room);
            const std::string next = writes ? data(1, std::string(512, 'x')) : acknowledgment(1);
            if (has_moved) co_await gone.send_to(next, first.sender);
            if (has_moved) co_await gone.recv_from(room);
        }
        // The others are not harmed: not one datagram of theirs is lost, or this would have to wait.
        const auto began = here.loop.now();
        for (int block = 1; block <= 100; ++block) {
            const std::string answer = acknowledgment(block);
            co_await other.send_to(answer, heard.sender);
            heard = co_await other.recv_from(room);
        }
        CHECK(here.loop.now() - began < 1s);
        while (here.records.empty()) co_await net::sleep_for(100ms);
        const std::string enough = error(0, "enough");
        co_await other.send_to(enough, heard.sender);
        while (here.records.size() < 2) co_await net::sleep_for(100ms);
        here.server->stop();
        co_await running.join();
    };
    here.loop.run(main());
    REQUIRE(here.records.size() == 2);
    CHECK(here.records[0].result.error == std::errc::connection_refused);
    CHECK(here.records[0].took < 3s);  // when it was said again
    CHECK(here.records[1].result.message == "enough");
}
namespace {
/// How much the server sends to a client that sends the datagrams of `said` at once and never answers.
struct drawn {
    std::size_t bytes = 0, datagrams = 0;
};
drawn drawn_by(tftp::server_options options, const std::vector<std::string>& said, bool to_where_it_came_from) {
    at_no_time here{std::move(options)};
    put_file(here.folder.file("big"), support::pattern(4 << 20));
    drawn all;
    const auto main = [&]() -> net::task<> {
        auto running = net::spawn(here.server->run());
        auto victim = a_client();
        victim.set_timeout(60s);
        std::vector<std::byte> room(65'536);
        co_await victim.send_to(said.front(), here.door);
        std::size_t next = 1;
        for (;;) {
            std::size_t size = 0;
            net::socket_address sender;
            try {
                const auto got = co_await victim.recv_from(room);
                size = got.bytes.size();
                sender = got.sender;
            } catch (const std::system_error&) {
                break;
            }
            all.bytes += size;
            ++all.datagrams;
            if (next == said.size()) continue;
            if (to_where_it_came_from)
                co_await victim.send_to(said[next++], sender);
            else
                co_await victim.send_to(said[next++], here.door);
        }
        here.server->stop();
        co_await running.join();
    };
    here.loop.run(main());
    return all;
}
}  // namespace
TEST_CASE("what a forged request draws is bounded, as the header says") {
    for (const bool single_port : ports) {
        CAPTURE(single_port);
        const auto drawn_of = [&](const std::string& request) {
            return drawn_by({.single_port = single_port}, {request}, true);
        };
        const auto plain = drawn_of(read_request("big"));
        CHECK(plain.datagrams == 2);
        CHECK(plain.bytes <= 104 * 10);
        const std::string with_options = read_request("big", "blksize|65464|windowsize|64|tsize|0|timeout|1|");
        const auto granted = drawn_of(with_options);
        CHECK(granted.datagrams <= 3);
        CHECK(granted.bytes <= 3 * (with_options.size() + 10));
        const auto upload = drawn_of(write_request("up"));
        CHECK(upload.datagrams <= 3);
        for (const std::string& refused : {read_request("none"), std::string{"\0\1", 2}, acknowledgment(7)}) {
            const auto error = drawn_of(refused);
            CHECK(error.datagrams == 1);
            CHECK(error.bytes < 100);
        }
    }
}
TEST_CASE("what a forged acknowledgment draws is bounded, as the header says") {
    for (const char* const options :
         {"blksize|65464|windowsize|64|", "blksize|1428|windowsize|64|", "windowsize|64|"}) {
        CAPTURE(options);
        // It comes to the port that everybody knows.
        const auto all = drawn_by({.single_port = true}, {read_request("big", options), acknowledgment(0)}, false);
        CHECK(all.bytes <= 64 * 1024 + 70'000 * 3);
        const auto own_port = drawn_by({}, {read_request("big", options), acknowledgment(0)}, false);
        CHECK(own_port.datagrams <= 4);  // and an error: nobody has such a transfer there
        CHECK(own_port.bytes <= 400);
    }
}
TEST_CASE("the bytes that go to one address are bounded, whatever is asked there") {
    const bool single_port = GENERATE(false, true);
    const std::string kind = GENERATE("plain", "error", "stray");
    CAPTURE(single_port, kind);
    at_no_time here{{.max_per_client = 1000, .unproven_rate = 4096, .single_port = single_port}};
    std::size_t bytes = 0, others = 0;
    constexpr auto time = 20s;
    const auto main = [&]() -> net::task<> {
        auto running = net::spawn(here.server->run());
        auto victim = a_client();
        std::array<std::byte, 600> room;
        victim.set_timeout(1ms);
        const auto end = here.loop.now() + time;
        for (int i = 0; here.loop.now() < end; ++i) {
            const std::string said = kind == "plain"
                                         ? read_request(std::string(static_cast<std::size_t>(i % 400), '/') + "g")
                                     : kind == "error" ? read_request("none" + std::to_string(i))
                                                       : acknowledgment(i % 1000);
            co_await victim.send_to(said, here.door);
            try {
                const auto got = co_await victim.recv_from(room);
                bytes += got.bytes.size();
            } catch (const std::system_error&) {
            }
        }
        // Another address has its own allowance.
        net::socket made{net::address_family::inet, net::socket_type::datagram};
        made.bind(net::endpoint{net::ipv4_address{"127.0.0.9"}, 0});
        net::async_datagram other{std::move(made)};
        other.set_timeout(1s);
        const std::string asked = read_request("f");
        co_await other.send_to(asked, here.door);
        const auto got = co_await other.recv_from(room);
        others = got.bytes.size();
        const std::string answer = acknowledgment(1);
        co_await other.send_to(answer, got.sender);
        here.server->stop();
        co_await running.join();
    };
    here.loop.run(main());
    CHECK(others == 10);
    CHECK(bytes <= 4096 * (20 + 4) + 1200);
    CHECK(bytes >= 4096 * 3);
    CHECK((here.server->dropped() > 0) == (kind != "stray"));
}
TEST_CASE("who acknowledges has its allowance back: small files go as fast as they are asked for") {
    const bool single_port = GENERATE(false, true);
    at_no_time here{{.unproven_rate = 4096, .single_port = single_port}};
    const auto main = [&]() -> net::task<> {
        auto running = net::spawn(here.server->run());
        for (int i = 0; i < 200; ++i) {
            text_sink into;
            co_await tftp::get(here.door, "f", into);
            CHECK(into.content == "inside");
        }
        here.server->stop();
        co_await running.join();
    };
    const auto began = here.loop.now();
    here.loop.run(main());
    CHECK(here.loop.now() - began < 1s);
    CHECK(here.server->dropped() == 0);
}
TEST_CASE("on a single port a rate for each address is kept, acknowledged or not") {
    at_no_time here{{.single_port = true, .single_port_rate = 16'384}};
    std::array<text_sink, 3> sinks;
    const auto one = [&](std::size_t i) -> net::task<> {
        const tftp::settings wishes{.block_size = 1428, .window_size = 4};
        co_await tftp::get(here.door, "g", sinks[i], wishes);
    };
    const auto main = [&]() -> net::task<> {
        auto running = net::spawn(here.server->run());
        co_await net::when_all(one(0), one(1), one(2));
        here.server->stop();
        co_await running.join();
    };
    const auto began = here.loop.now();
    here.loop.run(main());
    const auto took = here.loop.now() - began;
    CHECK(took >= 10s);  // 3 times 64 KiB
    CHECK(took < 30s);
    for (const text_sink& each : sinks) CHECK(each.content.size() == 65'536);
}
TEST_CASE("a stop lets what is under way go on, and begins nothing more") {
    const bool single_port = GENERATE(false, true);
    at_no_time here{{.single_port = single_port}};
    const auto main = [&]() -> net::task<> {
        auto running = net::spawn(here.server->run());
        auto client = a_client(), late = a_client();
        std::array<std::byte, 600> room;
        const std::string asked = read_request("g");
        co_await client.send_to(asked, here.door);
        auto got = co_await client.recv_from(room);
        here.server->stop();
        here.server->stop();
        co_await late.send_to(asked, here.door);
        for (int block = 1; block <= 129; ++block) {
            const std::string answer = acknowledgment(block);
            co_await client.send_to(answer, got.sender);
            if (block < 129) got = co_await client.recv_from(room);
        }
        co_await running.join();
        std::error_code nothing;
        late.set_timeout(1s);
        try {
            co_await late.recv_from(room);
        } catch (const std::system_error& failure) {
            nothing = failure.code();
        }
        CHECK(nothing == std::errc::timed_out);
    };
    here.loop.run(main());
    REQUIRE(here.records.size() == 1);
    CHECK(here.records[0].result.is_whole());
    CHECK(here.records[0].result.bytes == 65'536);
}
TEST_CASE("what is not at its end after the grace is broken off, and the clients are told") {
    const bool single_port = GENERATE(false, true);
    at_no_time here{{.single_port = single_port, .grace = 5s}};
    bool was_cancelled = false;
    net::duration took{};
    const auto main = [&]() -> net::task<> {
        auto running = net::spawn(here.server->run());
        auto reader = a_client(), writer = a_client();
        std::array<std::byte, 600> room;
        const std::string reads = read_request("g"), writes = write_request("h");
        co_await reader.send_to(reads, here.door);
        co_await reader.recv_from(room);
        co_await writer.send_to(writes, here.door);
        co_await writer.recv_from(room);
        const auto began = here.loop.now();
        running.cancel();
        try {
            co_await running.join();
        } catch (const std::system_error& failure) {
            was_cancelled = failure.code() == std::errc::operation_canceled;
        }
        took = here.loop.now() - began;
        for (auto* const each : {&reader, &writer}) {
            std::string heard;
            while (code_of(heard) < 0) {  // what was said again, first
                const auto got = co_await each->recv_from(room);
                heard = net::as_text(got.bytes);
            }
            CHECK(heard == error(0, "the server stops"));
        }
    };
    here.loop.run(main());
    CHECK(was_cancelled);
    CHECK(took >= 5s);
    CHECK(took < 6s);
    REQUIRE(here.records.size() == 2);
    for (const auto& each : here.records) CHECK(each.result.error == std::errc::operation_canceled);
    CHECK(names_in(here.folder.file("")) == std::vector<std::string>{"f", "g"});
}
TEST_CASE("a stop does not wait for transfers that only stay for their last acknowledgment") {
    const bool single_port = GENERATE(false, true);
    at_no_time here{{.single_port = single_port}};
    net::duration took{};
    const auto main = [&]() -> net::task<> {
        auto running = net::spawn(here.server->run());
        text_source from{"new"};
        co_await net::yield();
        const auto open_before = support::open_descriptors();
        co_await tftp::put(here.door, from, "h");
        // A transfer that stays needs its own socket, if it has one, but no file.
        CHECK(support::open_descriptors() == open_before + (single_port ? 0 : 1));
        const auto began = here.loop.now();
        here.server->stop();
        co_await running.join();
        took = here.loop.now() - began;
    };
    here.loop.run(main());
    CHECK(took < 1s);
    CHECK(here.records.size() == 1);
}
TEST_CASE("a rate is kept, for each and for all together") {
    const bool for_all = GENERATE(false, true);
    const bool single_port = GENERATE(false, true);
    const bool uploads = GENERATE(false, true);
    tftp::server_options options{.single_port = single_port};
    (for_all ? options.rate : options.rate_each) = 16'384;
    at_no_time here{options};
    std::array<text_sink, 3> sinks;
    const auto one = [&](std::size_t i) -> net::task<> {
        const tftp::settings wishes{.block_size = 1428, .window_size = 16};
        text_source from{support::pattern(65'536)};
        if (uploads)
            co_await tftp::put(here.door, from, "u" + std::to_string(i), wishes);
        else
            co_await tftp::get(here.door, "g", sinks[i], wishes);
    };
    const auto main = [&]() -> net::task<> {
        auto running = net::spawn(here.server->run());
        co_await net::when_all(one(0), one(1), one(2));
        here.server->stop();
        co_await running.join();
    };
    here.loop.run(main());
    REQUIRE(here.records.size() == 3);
    net::duration longest{};
    for (const auto& each : here.records) {
        CHECK(each.result.is_whole());
        CHECK(each.result.block_size <= 4096);
        longest = std::max(longest, each.took);
    }
    // The first and the last window are on no account.
    CHECK(longest >= (for_all ? 10s : 3s));
    CHECK(longest < (for_all ? 30s : 10s));
}

// ---- and the rest

TEST_CASE("no descriptor is left open, whatever becomes of the transfers") {
    const auto before = support::open_descriptors();
    {
        served here{{.grace = 0s}, tftp::existing_file::replace};
        peer client;
        for (int i = 0; i < 20; ++i) {
            client.say(here.door, read_request("f", "blksize|" + std::to_string(500 + i) + '|'));
            client.hear();
            if (i % 2 == 0) client.say(client.from, error(0, "enough"));
            client.say(here.door, read_request("none"));
            client.hear();
            client.say(here.door, write_request("up" + std::to_string(i)));
            client.hear();
        }
    }
    CHECK(support::open_descriptors() == before);
}
TEST_CASE("a server runs once at a time, and may run again") {
    test_loop loop;
    const temporary_folder folder;
    put_file(folder.file("f"), "inside");
    tftp::server server{{net::ipv4_address::loopback(), 0}, tftp::serve_files(folder.file("")), {.grace = 0s}};
    for (int i = 0; i < 2; ++i) {
        text_sink into;
        const auto main = [&]() -> net::task<> {
            auto running = net::spawn(server.run());
            co_await tftp::get(server.local_endpoint(), "f", into);
            std::string second;
            try {
                co_await server.run();
            } catch (const std::logic_error& failure) {
                second = failure.what();
            }
            CHECK(second == "this TFTP server is already running");
            server.stop();
            co_await running.join();
        };
        loop.run(main());
        CHECK(into.content == "inside");
    }
}
TEST_CASE("a transfer is told in one line, without the control characters of a stranger") {
    tftp::transfer_record record{.client = net::endpoint{net::ipv4_address{"192.0.2.7"}, 50'123},
                                 .what = tftp::opcode::read_request,
                                 .file_name = "motd"};
    record.result.bytes = 1024;
    record.took = 21'900us;
    CHECK(record.to_string() == "192.0.2.7:50123 reads \"motd\": 1024 bytes in 0.021 s, 1 × 512");
    record.result.repeated = 3;
    record.what = tftp::opcode::write_request;
    record.mode = tftp::mode::netascii;
    record.took = 61s;
    CHECK(record.to_string() ==
          "192.0.2.7:50123 writes \"motd\" as text: 1024 bytes in 61.000 s, 1 × 512, 3 sent again");
    // C0, C1, a direction, a separator of lines, a quotation mark, a backslash, no UTF-8; and letters, which stay.
    record.file_name =
        "a\n192.0.2.8:1 reads \"b\": 5 bytes\x1b[2J\xc2\x9b"
        "2J\xe2\x80\xae\xe2\x80\xa8\\\xff\xe6\x96\x87";
    record.result.error = make_error_code(tftp::error::file_not_found);
    record.result.message = "\n\"gone\x7f";
    record.result.is_from_peer = true;
    CHECK(record.to_string() ==
          R"(192.0.2.7:50123 writes "a\n192.0.2.8:1 reads \"b\": 5 bytes\x1b[2J\u009b2J\u202e\u2028\\\xff)"
          "\xe6\x96\x87"
          R"(" as text: the client says: File not found ("\n\"gone\x7f"))");
}
TEST_CASE("a stranger's words come into the record in a form that can be printed") {
    served here;
    peer client;
    client.say(here.door, read_request("f"));
    CHECK(client.hear() == data(1, "inside"));
    client.say(client.from, error(0,
                                  "a\n\xc2\x9b"
                                  "2J\xe2\x80\xaez"));
    client.say(here.door, read_request("none\x1b\xff"));
    CHECK(code_of(client.hear()) == 1);
    const auto records = here.records();
    REQUIRE(records.size() == 2);
    CHECK(records[0].result.message == R"(a\n\u009b2J\u202ez)");
    CHECK(records[1].file_name == "none\x1b\xff");
    CHECK_THAT(records[1].result.message, ContainsSubstring(R"(none\x1b\xff)"));
}
TEST_CASE("a finished transfer makes room for a new client") {
    for (const bool single_port : ports) {
        served here{{.max_transfers = 2, .single_port = single_port}, tftp::existing_file::replace};
        for (int i = 0; i < 30; ++i) {  // each would stay for six seconds, in case the last acknowledgment is lost
            peer client;
            client.say(here.door, write_request("up"));
            CHECK(client.hear() == acknowledgment(0));
            client.say(client.from, data(1, "new"));
            CHECK(client.hear() == acknowledgment(1));
        }
        CHECK(here.records().size() == 30);
        CHECK(here.server->dropped() == 0);
    }
}
TEST_CASE("a client that asks again for the same file, after it has got it, gets it again") {
    for (const bool single_port : ports) {
        served here{{.single_port = single_port}, tftp::existing_file::replace};
        peer client;
        for (int i = 0; i < 3; ++i) {
            client.say(here.door, write_request("up"));
            CHECK(client.hear() == acknowledgment(0));
            client.say(client.from, data(1, "new"));
            CHECK(client.hear() == acknowledgment(1));
        }
        CHECK(here.records().size() == 3);
    }
}
