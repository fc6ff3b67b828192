#include "redis.hpp"

#include "serving.hpp"

#include <climits>
#include <map>
#include <thread>

namespace {

namespace net = grader::net;
using words = std::vector<std::string>;

std::string encoded(const words& request) {
    std::string text = "*" + std::to_string(request.size()) + "\r\n";
    for (const std::string& each : request) text += "$" + std::to_string(each.size()) + "\r\n" + each + "\r\n";
    return text;
}
std::string bulk(const std::string& text) { return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"; }
const std::string nil = "$-1\r\n";

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const auto expect = [&](net::tcp_stream& client, const words& request, const std::string& wanted) {
        client.send_all(encoded(request));
        const std::string got = grader::receive(client, wanted.size());
        std::string text;
        for (const std::string& each : request) text += (text.empty() ? "" : " ") + each.substr(0, 40);
        steps.equal(text, got.substr(0, 200), wanted.substr(0, 200));
        steps.expect(got == wanted, text, "given all bytes", "some are wrong");
    };
    /// The answer is a line that begins with these characters.
    const auto expect_error = [&](net::tcp_stream& client, const std::string& bytes, const std::string& wanted) {
        client.send_all(bytes);
        std::string got = grader::receive(client, wanted.size());
        steps.equal(grader::shown(bytes.substr(0, 60)), got, wanted);
        while (!got.empty() && got.back() != '\n') {
            const std::string more = grader::receive(client, 1);
            if (more.empty()) break;
            got += more;
        }
        steps.expect(got.size() > 2 && got.substr(got.size() - 2) == "\r\n", "an error", "ended with \\r\\n", "it was " + grader::shown(got));
    };
    steps.step("PING is answered with +PONG", "PING 的回答是 +PONG", [&] {
        grader::server_process server{serve};
        net::tcp_stream client = server.connect();
        expect(client, {"PING"}, "+PONG\r\n");
    });
    steps.step("many requests, and many clients at the same time", "多个请求，多个客户端同时连接", [&] {
        grader::server_process server{serve};
        std::vector<net::tcp_stream> clients;
        for (int i = 0; i < 10; ++i) clients.push_back(server.connect());
        for (int round = 0; round < 3; ++round)
            for (auto at = clients.rbegin(); at != clients.rend(); ++at) expect(*at, {"PING"}, "+PONG\r\n");
        clients[3].close();
        clients[5].shutdown(net::shutdown_direction::send);
        steps.expect(grader::is_at_end(clients[5]), "a client that ends its stream", "seen the server's end too", "it did not");
        expect(clients[4], {"ping"}, "+PONG\r\n");
        steps.expect(server.end(), "the server", "ended at the stop", "it ended with an error");
    });
    steps.step("ECHO, in pieces, and many requests in one piece", "ECHO：请求分段到达，以及多个请求一起到达", [&] {
        grader::server_process server{serve};
        net::tcp_stream client = server.connect();
        expect(client, {"ECHO", "hello"}, bulk("hello"));
        expect(client, {"echo", ""}, bulk(""));
        expect(client, {"PING", "text"}, bulk("text"));
        client.set_option(net::option::no_delay{});
        for (const char c : encoded({"ECHO", "byte by byte"})) {
            client.send_all(std::string{c});
            std::this_thread::yield();
        }
        steps.equal("ECHO, sent byte by byte", grader::receive(client, 19), bulk("byte by byte"));
        std::string all, wanted;
        for (int i = 0; i < 500; ++i) {
            all += encoded({"ECHO", std::to_string(i)});
            wanted += bulk(std::to_string(i));
        }
        client.send_all(all);
        steps.expect(grader::receive(client, wanted.size()) == wanted, "500 requests in one piece",
                     "got 500 answers in order", "they are others");
        const std::string start = encoded({"ECHO", "first"}) + encoded({"ECHO", "second"});
        client.send_all(start.substr(0, 40));
        steps.equal("one request and a half", grader::receive(client, 11), bulk("first"));
        client.send_all(start.substr(40));
        steps.equal("the other half", grader::receive(client, 12), bulk("second"));
    });
    steps.step("SET, GET and DEL keep any bytes", "SET、GET 和 DEL 保存任意字节", [&] {
        grader::server_process server{serve};
        net::tcp_stream client = server.connect(), other = server.connect();
        expect(client, {"GET", "name"}, nil);
        expect(client, {"SET", "name", "li ming"}, "+OK\r\n");
        expect(other, {"get", "name"}, bulk("li ming"));
        expect(other, {"set", "name", ""}, "+OK\r\n");
        expect(client, {"GET", "name"}, bulk(""));
        expect(client, {"GET", "Name"}, nil);
        const std::string bytes{"\r\n$3\r\n\0\xff*1", 10};
        expect(client, {"SET", bytes, bytes}, "+OK\r\n");
        expect(other, {"GET", bytes}, bulk(bytes));
        expect(client, {"DEL", "name", "nothing", bytes}, ":2\r\n");
        expect(client, {"DEL", "name"}, ":0\r\n");
        expect(other, {"GET", "name"}, nil);
        expect(client, {"SET", "large", std::string(3'000'000, 'x')}, "+OK\r\n");
        expect(other, {"GET", "large"}, bulk(std::string(3'000'000, 'x')));
    });
    steps.step("wrong requests get an error, and the connection stays", "错误的请求得到错误回答，连接保持打开", [&] {
        grader::server_process server{serve};
        net::tcp_stream client = server.connect();
        expect_error(client, encoded({"FLY", "x"}), "-ERR unknown command 'FLY'");
        expect_error(client, encoded({"GET"}), "-ERR wrong number of arguments for 'get' command");
        expect_error(client, encoded({"Get", "a", "b"}), "-ERR wrong number of arguments for 'get' command");
        for (const words& each : {words{"ECHO"}, words{"ECHO", "a", "b"}, words{"SET", "a"}, words{"DEL"}, words{"PING", "a", "b"},
                                  words{"PTTL"}, words{"PTTL", "a", "b"}, words{"INCR", "a", "b"}})
            expect_error(client, encoded(each), "-ERR wrong number of arguments for");
        expect_error(client, encoded({"SET", "a", "b", "c"}), "-ERR syntax error");
        expect(client, {"GET", "a"}, nil);
        expect(client, {"PING"}, "+PONG\r\n");
    });
    steps.step("INCR counts, and refuses what is no number", "INCR 计数，并拒绝不是数字的值", [&] {
        grader::server_process server{serve};
        net::tcp_stream client = server.connect(), other = server.connect();
        expect(client, {"INCR", "n"}, ":1\r\n");
        expect(other, {"INCR", "n"}, ":2\r\n");
        expect(client, {"GET", "n"}, bulk("2"));
        expect(client, {"SET", "n", "-1"}, "+OK\r\n");
        expect(client, {"INCR", "n"}, ":0\r\n");
        const std::string wrong = "-ERR value is not an integer or out of range";
        for (const char* each : {"x", "", "1x", " 1", "1 ", "1.5", "9223372036854775808"}) {
            expect(client, {"SET", "n", each}, "+OK\r\n");
            expect_error(client, encoded({"INCR", "n"}), wrong);
            expect(client, {"GET", "n"}, bulk(each));
        }
        expect(client, {"SET", "n", std::to_string(LLONG_MAX - 1)}, "+OK\r\n");
        expect(client, {"INCR", "n"}, ":" + std::to_string(LLONG_MAX) + "\r\n");
        expect_error(client, encoded({"INCR", "n"}), "-ERR increment or decrement would overflow");
        expect_error(client, encoded({"INCR"}), "-ERR wrong number of arguments for 'incr' command");
        std::map<std::string, int> counts;
        for (int i = 0; i < 200; ++i) {
            const std::string key = "key" + std::to_string(steps.below(20));
            expect(i % 2 ? client : other, {"incr", key}, ":" + std::to_string(++counts[key]) + "\r\n");
        }
    });
    steps.step("a value with PX or EX goes when its time is over", "带 PX 或 EX 的值到时间就消失", [&] {
        grader::server_process server{serve};
        net::tcp_stream client = server.connect();
        const auto left = [&](const std::string& key) {
            client.send_all(encoded({"PTTL", key}));
            std::string line;
            while (line.empty() || line.back() != '\n') {
                const std::string more = grader::receive(client, 1);
                if (more.empty()) break;
                line += more;
            }
            return line.size() > 3 && line[0] == ':' ? std::atoll(line.c_str() + 1) : -99;
        };
        expect(client, {"SET", "long", "x", "PX", "60000"}, "+OK\r\n");
        const long long long_left = left("long");
        steps.expect(long_left > 40'000 && long_left <= 60'000, "PTTL of a value with PX 60000", "given at most 60000",
                     "gave " + std::to_string(long_left));
        expect(client, {"SET", "seconds", "x", "ex", "100"}, "+OK\r\n");
        const long long seconds = left("seconds");
        steps.expect(seconds > 80'000 && seconds <= 100'000, "PTTL of a value with EX 100", "given at most 100000",
                     "gave " + std::to_string(seconds));
        expect(client, {"INCR", "n"}, ":1\r\n");
        steps.equal("PTTL of a value without a time", left("n"), -1LL);
        steps.equal("PTTL of no value", left("nothing"), -2LL);
        for (const words& each : {words{"SET", "short", "x", "px", "60"}, words{"SET", "other", "7", "PX", "60"}})
            expect(client, each, "+OK\r\n");
        const auto begin = std::chrono::steady_clock::now();
        std::string got = bulk("x");
        while (got == bulk("x")) {
            client.send_all(encoded({"GET", "short"}));
            got = grader::receive(client, 5);  // the null answer, or the beginning of the value
            if (got != nil) got += grader::receive(client, 2);
        }
        steps.equal("GET of a value whose time is over", got, nil);
        steps.expect(std::chrono::steady_clock::now() - begin > std::chrono::milliseconds{40}, "a value with PX 60",
                     "lived for 60 ms", "it went earlier");
        for (long long rest = left("other"); rest != -2; rest = left("other"))
            steps.expect(rest >= 0 && rest <= 60, "PTTL of a value with PX 60", "given at most 60", "gave " + std::to_string(rest));
        expect(client, {"DEL", "other"}, ":0\r\n");
        expect(client, {"INCR", "other"}, ":1\r\n");
        steps.equal("PTTL of a new value in an old place", left("other"), -1LL);
        expect(client, {"GET", "long"}, bulk("x"));
        expect(client, {"SET", "long", "y"}, "+OK\r\n");
        steps.equal("PTTL behind a SET without a time", left("long"), -1LL);
        expect(client, {"SET", "n", "5", "PX", "60000"}, "+OK\r\n");
        expect(client, {"INCR", "n"}, ":6\r\n");
        steps.expect(left("n") > 40'000, "PTTL behind INCR", "kept the time", "the time has gone");
        for (const char* each : {"0", "-1"})
            expect_error(client, encoded({"SET", "n", "x", "PX", each}), "-ERR invalid expire time in 'set' command");
        expect_error(client, encoded({"SET", "n", "x", "EX", "soon"}), "-ERR value is not an integer or out of range");
        expect_error(client, encoded({"SET", "n", "x", "PX"}), "-ERR syntax error");
        expect_error(client, encoded({"SET", "n", "x", "FX", "10"}), "-ERR syntax error");
        expect_error(client, encoded({"SET", "n", "x", "EX", "9223372036854775807"}), "-ERR invalid expire time in 'set' command");
        expect(client, {"GET", "n"}, bulk("6"));
    });
    steps.step("hostile clients harm nobody: each gets a protocol error and the end", "恶意客户端得到协议错误并被关闭，不影响别人", [&] {
        grader::server_process server{serve, 30};
        net::tcp_stream good = server.connect();
        for (const std::string bytes : {"*x\r\n", "*1\r\n+PING\r\n", "*1\r\n$-2\r\n", "*1\r\n$99999999999\r\n",
                                        "*99999999999\r\n", "*1\r\n$4x\r\nPING\r\n"}) {
            net::tcp_stream client = server.connect();
            expect_error(client, bytes, "-ERR Protocol error");
            steps.expect(grader::is_at_end(client), "the server", "closed behind a protocol error", "it did not");
            expect(good, {"PING"}, "+PONG\r\n");
        }
        net::tcp_stream endless = server.connect();
        expect_error(endless, "*" + std::string(100'000, '1'), "-ERR Protocol error");
        net::tcp_stream slow = server.connect();  // asks for 600 MB and receives nothing
        expect(good, {"SET", "large", std::string(3'000'000, 'x')}, "+OK\r\n");
        std::string requests;
        for (int i = 0; i < 200; ++i) requests += encoded({"GET", "large"});
        slow.send_all(requests);
        for (int i = 0; i < 60; ++i) {
            net::tcp_stream client = server.connect();
            expect(client, {"PING"}, "+PONG\r\n");
            if (i % 2) client.set_option(net::option::linger{std::chrono::seconds{0}});
        }
        const auto used = server.used_beside_work();
        steps.expect(used < std::chrono::milliseconds{100}, "a client that receives nothing", "let the server sleep",
                     "beside 200 ms of other work it used " + std::to_string(used.count()) + " ms of processor time");
        steps.expect(server.resident() < 450, "200 answers of 3 MB that a client does not receive", "left the server small",
                     "it has " + std::to_string(server.resident()) + " MB");
        expect(good, {"PING"}, "+PONG\r\n");
        std::size_t size = 0;
        for (std::error_code error; size < 200 * (3'000'000 + 12) && !error;) {
            static char buffer[1 << 20];
            const std::size_t got = slow.recv(buffer, error);
            if (got == 0) break;
            size += got;
        }
        steps.equal("the slow client, when it receives: bytes", size, std::size_t{200 * (3'000'000 + 12)});
        steps.expect(server.end(), "the server", "ended at the stop", "it ended with an error");
    });
    steps.step("redis-cli, where it is installed, agrees", "如果装有 redis-cli，它的结果也一致", [&] {
        if (std::system("command -v redis-cli >/dev/null 2>&1") != 0) {
            std::cout << grader::either(" (not installed)", "（没有安装）");
            return;
        }
        grader::server_process server{serve};
        const auto ask = [&](const std::string& request) {
            const std::string command = "redis-cli -p " + std::to_string(server.where().port()) + " --no-raw " + request + " 2>&1";
            std::string got;
            FILE* const output = ::popen(command.c_str(), "r");
            for (int c = 0; (c = std::fgetc(output)) != EOF;) got += static_cast<char>(c);
            ::pclose(output);
            return got;
        };
        steps.equal("redis-cli PING", ask("PING"), std::string{"PONG\n"});
        steps.equal("redis-cli SET", ask("SET a 'b c'"), std::string{"OK\n"});
        steps.equal("redis-cli GET", ask("GET a"), std::string{"\"b c\"\n"});
        steps.equal("redis-cli GET", ask("GET b"), std::string{"(nil)\n"});
        steps.equal("redis-cli INCR", ask("INCR n"), std::string{"(integer) 1\n"});
        steps.equal("redis-cli GET without a key", ask("GET").substr(0, 11), std::string{"(error) ERR"});
    });
    return steps.result();
}
