#include "timeout.hpp"

#include "grader.hpp"

#include <memory>

namespace {

namespace net = netnotes;
using namespace std::chrono_literals;
using answer = std::optional<std::string>;

/// What a server does with its one client.
enum class manner { answers, is_silent, drips, closes, sends_half, closes_at_once };

struct server {
    net::async_listener listener;
    net::endpoint where;
    manner how;
    std::string heard{};
    bool is_asked = false, has_seen_end = false;

    server(net::tcp_listener from, manner m) : where{from.local_endpoint()}, how{m} { listener = net::async_listener{std::move(from)}; }
};
net::task<> serve(server& self) {
    net::async_stream stream;
    try {
        auto accepted = co_await self.listener.accept();
        stream = std::move(accepted.stream);
    } catch (const std::system_error&) {  // nobody has come
        co_return;
    }
    self.is_asked = true;
    if (self.how == manner::closes_at_once) co_return;
    const auto bytes = co_await stream.recv();
    self.heard = net::as_text(bytes);
    if (self.how == manner::closes) co_return;
    if (self.how == manner::answers) {
        co_await stream.send_all("forty");
        co_await net::sleep_for(100ms);
        co_await stream.send_all("-two\n");
    }
    if (self.how == manner::sends_half) {
        co_await stream.send_all("for");
        co_return;
    }
    try {
        for (bool is_dripping = self.how == manner::drips; is_dripping;) {
            co_await stream.send_all("x");
            co_await net::sleep_for(300ms);
        }
        const auto more = co_await stream.recv();
        self.has_seen_end = more.empty();
    } catch (const std::system_error&) {
        self.has_seen_end = true;  // a reset is an end, too
    }
}

struct result {
    answer got;
    net::duration took{};
    std::vector<std::unique_ptr<server>> servers;
};
/// Asks servers of these manners, in virtual time. With `cancel_after` the asking task is cancelled.
result run(const std::vector<manner>& manners, net::duration patience, bool with_refusing, net::duration cancel_after = net::never) {
    result all;
    net::loop_options options;
    options.virtual_time = true;
    net::event_loop loop{options};
    const auto main = [&]() -> net::task<> {
        std::vector<net::endpoint> places;
        if (with_refusing) places.push_back(net::tcp_listener{{net::ipv4_address::loopback(), 0}}.local_endpoint());
        std::vector<net::join_handle<void>> handles;
        for (const manner each : manners) {
            all.servers.push_back(std::make_unique<server>(net::tcp_listener{{net::ipv4_address::loopback(), 0}}, each));
            places.push_back(all.servers.back()->where);
            handles.push_back(net::spawn(serve(*all.servers.back())));
        }
        const net::time_point begin = loop.now();
        auto asking = net::spawn(ask(places, "6 * 7", patience));
        if (cancel_after != net::never) {
            co_await net::sleep_for(cancel_after);
            asking.cancel();
        }
        bool is_cancelled = false;
        std::exception_ptr failure;
        try {
            all.got = co_await asking.join();
        } catch (const std::system_error& error) {
            is_cancelled = error.code() == std::errc::operation_canceled;
            if (!is_cancelled) failure = std::current_exception();
        } catch (const std::exception&) {
            failure = std::current_exception();
        }
        if (cancel_after != net::never && !is_cancelled) all.got = "the cancellation was swallowed";
        all.took = loop.now() - begin;
        co_await net::sleep_for(1s);  // the servers see the ends of their connections
        for (auto& each : all.servers) each->listener.close();
        if (failure) std::rethrow_exception(failure);
    };
    loop.run(main());
    return all;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const answer right{"forty-two"}, nothing{};
    const auto expect_time = [&](const result& got, net::duration least, net::duration most, const std::string& what) {
        steps.expect(got.took >= least && got.took <= most, what,
                     "taken from " + std::to_string(least / 1ms) + " to " + std::to_string(most / 1ms) + " ms",
                     "took " + std::to_string(got.took / 1ms) + " ms");
    };
    const auto expect_end = [&](const result& got, std::size_t index) {
        steps.expect(got.servers[index]->has_seen_end, "server " + std::to_string(index + 1), "seen the end of the connection",
                     "the connection is still open");
    };
    steps.step("a server answers, in two pieces", "服务器分两段回答", [&] {
        const result got = run({manner::answers}, 2s, false);
        steps.equal("ask()", got.got, right);
        steps.equal("the question that the server got", got.servers[0]->heard, std::string{"6 * 7\n"});
        expect_end(got, 0);
    });
    steps.step("no server", "没有服务器", [&] { steps.equal("ask()", run({}, 2s, false).got, nothing); });
    steps.step("a server that refuses is passed over", "跳过拒绝连接的服务器", [&] {
        const result got = run({manner::answers}, 2s, true);
        steps.equal("ask()", got.got, right);
        expect_time(got, 100ms, 200ms, "a refused connection and an answer");
        steps.equal("ask(), when the only server refuses", run({}, 2s, true).got, nothing);
    });
    steps.step("a server that closes is passed over", "跳过关闭连接的服务器", [&] {
        const result got = run({manner::closes, manner::closes_at_once, manner::sends_half, manner::answers}, 2s, false);
        steps.equal("ask()", got.got, right);
        expect_time(got, 100ms, 200ms, "three that close, and an answer");
        steps.equal("ask(), when a server sends half a line", run({manner::sends_half}, 2s, false).got, nothing);
    });
    steps.step("a silent server is passed over after the patience", "服务器沉默时，时限一到就跳过", [&] {
        const result got = run({manner::is_silent, manner::answers}, 2s, false);
        steps.equal("ask()", got.got, right);
        expect_time(got, 2s, 2300ms, "2 s for a silent server, and an answer");
        expect_end(got, 0);
    });
    steps.step("a byte now and then does not prolong the patience", "偶尔来一个字节也不会延长时限", [&] {
        const result got = run({manner::drips, manner::answers}, 2s, false);
        steps.equal("ask()", got.got, right);
        expect_time(got, 2s, 2300ms, "2 s for a server that drips, and an answer");
        expect_end(got, 0);
    });
    steps.step("if no server answers, the result is nothing", "没有服务器回答时结果为空", [&] {
        const result got = run({manner::is_silent, manner::is_silent}, 3s, true);
        steps.equal("ask()", got.got, nothing);
        expect_time(got, 6s, 6300ms, "twice 3 s");
        for (const std::size_t i : {0U, 1U}) expect_end(got, i);
    });
    steps.step("a cancelled ask() ends at once, and asks no other server", "被取消的 ask() 立即结束，不再询问别的服务器", [&] {
        const result got = run({manner::is_silent, manner::answers}, 2s, false, 500ms);
        steps.equal("ask()", got.got, nothing);
        expect_time(got, 500ms, 600ms, "a cancellation after 500 ms");
        expect_end(got, 0);
        steps.expect(!got.servers[1]->is_asked, "the second server", "not been asked", "it was");
    });
    return steps.result();
}
