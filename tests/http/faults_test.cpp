// What a web server does when the kernel says no, or when there is no memory. Each call that it makes is made to fail in
// turn (faults.hpp): the first, the second, and so on until the last. A client gets its answers, or a 500 in place of an
// answer, or the connection ends early. No other client notices, the next is served, and nothing is lost.

#include <netnotes/http.hpp>

#include "../back_end.hpp"
#include "../fault_sweep.hpp"
#include "../support.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using faults::account;
using faults::call;
using faults::script;
using faults::sweep;
using faults::under;
using support::background;
namespace http = netnotes::http;

namespace {

const std::vector<std::pair<call, int>> all_faults{
    {call::allocate, ENOMEM},         {call::accept4, EINTR},           {call::accept4, ECONNABORTED},
    {call::accept4, EMFILE},          {call::accept4, ENOMEM},          {call::close, EINTR},
    {call::epoll_create1, EMFILE},    {call::epoll_ctl, ENOMEM},        {call::epoll_wait, EINTR},
    {call::eventfd, EMFILE},          {call::fcntl, EINVAL},            {call::fstat, EIO},
    {call::getpeername, ENOTCONN},    {call::getsockname, ENOBUFS},     {call::getsockopt, ENOBUFS},
    {call::io_uring_enter, EINTR},    {call::io_uring_enter, EBUSY},    {call::io_uring_register, ENOMEM},
    {call::io_uring_setup, ENOMEM},   {call::mmap, ENOMEM},             {call::read, EINTR},
    {call::recv, EINTR},              {call::recv, ECONNRESET},         {call::recv, ENOMEM},
    {call::send, EINTR},              {call::send, ECONNRESET},         {call::send, EPIPE},
    {call::send, ENOBUFS},            {call::sendfile, EINTR},          {call::sendfile, EIO},
    {call::sendfile, ECONNRESET},     {call::setsockopt, ENOMEM},       {call::shutdown, ENOTCONN},
};

/// A folder with one file, which is large enough for sendfile(2).
class folder {
  public:
    folder() {
        if (!::mkdtemp(name_.data())) throw std::system_error{errno, std::system_category(), "mkdtemp"};
        std::ofstream{file()} << content;
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    ~folder() {
        std::remove(file().c_str());
        std::remove(name_.c_str());
    }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    const std::string content = support::pattern(40'000);

  private:
    [[nodiscard]] std::string file() const { return name_ + "/file.bin"; }
    std::string name_ = "/tmp/netnotes-faults-XXXXXX";
};

net::task<> chat(http::websocket& peer) {
    for (;;) {
        const auto message = co_await peer.recv();
        if (!message) co_return;
        co_await peer.send(message->data);
    }
}
/// Everything that a server answers: a text, a body in pieces, a file, the body of the request, and a WebSocket.
class site {
  public:
    explicit site(const std::string& root) : files_{root} {}
    net::task<http::response> operator()(http::request& ask) const {
        if (ask.path() == "/chat") co_return http::accept_websocket(ask, chat);
        if (ask.path() == "/echo") {
            std::string body = co_await ask.text();
            co_return http::response{200, std::move(body)};
        }
        if (ask.path() == "/pieces") co_return http::response{200, http::pieces(three()), "text/plain"};
        co_return files_.answer(ask);
    }

  private:
    static net::generator<std::string> three() {
        for (const char* each : {"one", "two", "three"}) {
            std::string piece = each;
            co_yield std::move(piece);
        }
    }
    http::files files_;
};

/// The answers without the fields that differ from run to run.
std::string without_times(std::string text) {
    for (const std::string_view field : {"Date: ", "ETag: ", "Last-Modified: "})
        for (std::size_t at = 0; (at = text.find(field, at)) != text.npos;) {
            const std::size_t end = text.find("\r\n", at);
            text.erase(at, end == text.npos ? end : end + 2 - at);  // or the connection ended in the middle of it
        }
    return text;
}
std::string exchange(const net::endpoint& where, std::string_view bytes, account& into) {
    std::string back;
    try {
        net::tcp_stream client{where};
        client.set_timeout(50s);
        client.send_all(bytes);  // the kernel's buffers hold it
        char buffer[16 * 1024];
        while (const std::size_t size = client.recv(buffer)) back.append(buffer, size);
    } catch (const std::system_error& error) {
        if (error.code() == std::errc::timed_out) ++into.wrong;
    }
    return without_times(std::move(back));
}
/// Judges answers: each must be the expected one or a 500, up to where the connection ended.
void judge(std::string_view heard, const std::vector<std::string>& expected, account& into) {
    const std::string_view failed = "HTTP/1.1 500 Internal Server Error\r\n";
    bool is_whole = true;
    for (const std::string& each : expected) {
        if (heard.starts_with(each)) {
            heard.remove_prefix(each.size());
            continue;
        }
        is_whole = false;
        if (each.starts_with(heard) || failed.starts_with(heard)) return void(++into.broken);
        if (!heard.starts_with(failed)) break;
        const std::string_view last = "500: the server has failed\n";
        const std::size_t end = heard.find(last);
        if (end == heard.npos) return void(++into.broken);
        heard.remove_prefix(end + last.size());
    }
    ++(!heard.empty() ? into.wrong : is_whole ? into.right : into.broken);
}

constexpr std::string_view requests =
    "GET /pieces HTTP/1.1\r\nHost: a\r\n\r\n"
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    "GET /file.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
std::vector<std::string> answers(const std::string& file) {
    return {"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nContent-Type: application/octet-stream\r\n"
            "X-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: 40000\r\n\r\n" +
                file};
}
std::string chat_request() {
    std::string bytes =
        "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    http::write_frame(bytes, http::websocket_opcode::text, "hello", true, 1);
    http::write_close(bytes, http::websocket_close::normal, "", 2);
    return bytes;
}
/// The conversation, and two others: a server without memory for the message says 1011, or nothing more.
void judge_chat(std::string_view heard, account& into) {
    std::string whole =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        "Connection: Upgrade\r\n\r\n";
    std::string failed = whole;
    http::write_close(failed, http::websocket_close::internal_error);
    http::write_frame(whole, http::websocket_opcode::text, "hello");
    std::string later = whole;
    http::write_close(later, http::websocket_close::internal_error);
    http::write_close(whole, http::websocket_close::normal);
    const bool is_early = whole.starts_with(heard) || failed.starts_with(heard) || later.starts_with(heard) ||
                          heard.starts_with("HTTP/1.1 500 ");
    ++(heard == whole ? into.right : is_early ? into.broken : into.wrong);
}

/// The server is under the script from its loop's first call to the last. Three clients, and when the fault has struck,
/// one more, which must be served.
account serve_some(script& chosen, const site& pages, const std::vector<std::string>& expected) {
    account came;
    net::stop_event stop;
    net::tcp_listener door{{net::ipv4_address::loopback(), 0}};
    const net::endpoint where = door.local_endpoint();
    std::promise<bool> is_there;
    {
        background serving{[&]() -> std::exception_ptr {
            bool has_begun = false;
            const under here{chosen};
            try {
                test_loop loop;
                net::async_listener listener{loop, std::move(door).into_socket()};
                has_begun = true;
                {
                    const under nothing;
                    is_there.set_value(true);
                }
                http::server_options options;
                options.on_error = nullptr;
                const auto handler = [&pages](http::request& ask) { return pages(ask); };
                loop.run(http::serve(std::move(listener), handler, options), stop);
            } catch (...) {
                const under nothing;
                if (!has_begun) is_there.set_value(false);
                return std::current_exception();
            }
            return nullptr;
        }};
        const struct stopping {
            net::stop_event& event;
            ~stopping() { event.request_stop(); }
        } stopped_in_the_end{stop};
        if (is_there.get_future().get()) {
            judge(exchange(where, requests, came), expected, came);
            judge_chat(exchange(where, chat_request(), came), came);
            judge(exchange(where, requests, came), expected, came);
        }
        stop.request_stop();
        came.failure = serving.get();
    }
    came.has_ended = !came.failure;
    return came;
}

}  // namespace

TEST_CASE("no single fault brings down a web server or more than one of its conversations") {
    if (asks_for_io_uring() && test_loop{}.backend() != net::io_backend::io_uring)
        NETNOTES_SKIP("the kernel has no io_uring for us");
    const folder root;
    const site pages{root.name()};
    const std::vector<std::string> expected = answers(root.content);
    const auto session = [&](script& chosen) { return serve_some(chosen, pages, expected); };
    CHECK(sweep(all_faults, session, [](const account& came, script& chosen, call what) {
              INFO(faults::name(what));
              if (came.has_ended) {
                  CHECK(came.right >= (chosen.failed() == 0 ? 3 : 2));
                  return;
              }
              // Without its first descriptors and memory there is no server, and it says so before anybody is served.
              CHECK(chosen.failed() == 1);
              CHECK(came.right == 0);
          }) > 100);
}

TEST_CASE("a web server answers every byte however little a call moves and however often it is interrupted") {
    const folder root;
    const site pages{root.name()};
    for (const std::size_t most : {1u, 7u, 1000u}) {
        script chosen;
        for (const call what : faults::interruptible) chosen.interrupt(what, 3);
        chosen.interrupt(call::io_uring_enter, 3);
        chosen.at_most(call::send, most);
        chosen.at_most(call::sendfile, std::max<std::size_t>(most, 100));
        const account came = serve_some(chosen, pages, answers(root.content));
        CHECK(came.has_ended);
        CHECK(came.right == 3);
    }
}
