#include "web_server.hpp"

#include "serving.hpp"

#include <algorithm>
#include <filesystem>
#include <thread>

namespace {

namespace net = grader::net;
namespace files = std::filesystem;
using grader::either;
using std::string;

struct answer {
    int status = 0;
    string head{}, body{};

    /// Returns the value of a field, or nothing. Names do not depend on capitals.
    std::optional<string> field(const string& name) const {
        for (std::size_t at = head.find("\r\n"); at != head.npos && at + 2 < head.size();
             at = head.find("\r\n", at + 2)) {
            const std::size_t end = head.find("\r\n", at + 2), colon = head.find(':', at);
            if (end == head.npos || colon > end) continue;
            if (!grader::detail::same_word(head.substr(at + 2, colon - at - 2), name)) continue;
            return grader::detail::one_line(head.substr(colon + 1, end - colon - 1));
        }
        return std::nullopt;
    }
};

string request(const string& first, const string& fields = "", const string& body = "") {
    return first + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n" + body;
}
string get(const string& target, const string& fields = "") { return request("GET " + target, fields); }
string post(const string& body) {
    return request("POST /echo", "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
}
string chunked(const string& body, const string& fields = "") {
    return request("POST /echo", "Transfer-Encoding: chunked\r\n" + fields, body);
}

/// One client. It knows what it has sent last, for the verdict.
class visitor {
  public:
    visitor(grader::sheet& steps, net::tcp_stream stream) : steps_{&steps}, stream_{std::move(stream)} {
        stream_.set_option(net::option::no_delay{});
    }
    void send(const string& bytes) {
        said_ = grader::shown(bytes.substr(0, 160)) + (bytes.size() > 160 ? "..." : "");
        std::error_code ignored;  // a server that has closed already is judged by its answer
        stream_.send_all(bytes, ignored);
    }
    void say_in_pieces(const string& bytes, std::size_t size) {
        for (std::size_t at = 0; at < bytes.size(); at += size) {
            send(bytes.substr(at, size));
            std::this_thread::yield();
        }
        said_ = grader::shown(bytes.substr(0, 160)) + either(", in pieces", "，分段发送");
    }
    /// Receives one answer. `has_body` is false for the answer to HEAD.
    answer hear(bool has_body = true) {
        answer got;
        while (kept_.find("\r\n\r\n") == kept_.npos) {
            if (receive()) continue;
            steps_->expect(false, said_, either("got a head that ends with an empty line", "得到以空行结束的头部"),
                           kept_.empty()
                               ? either("no byte came", "没有收到任何字节")
                               : either("these bytes came: ", "收到的是：") + grader::shown(kept_.substr(0, 300)));
        }
        const std::size_t end = kept_.find("\r\n\r\n") + 4;
        got.head = kept_.substr(0, end);
        kept_.erase(0, end);
        const string line = got.head.substr(0, got.head.find("\r\n"));
        steps_->expect(line.size() > 12 && line.compare(0, 9, "HTTP/1.1 ") == 0 && line[12] == ' ' &&
                           std::all_of(line.begin() + 9, line.begin() + 12, grader::detail::is_digit),
                       said_, either("got a line such as \"HTTP/1.1 200 OK\"", "得到 \"HTTP/1.1 200 OK\" 这样的一行"),
                       either("the line is ", "这一行是 ") + grader::shown(line));
        got.status = std::atoi(line.c_str() + 9);
        if (got.status / 100 == 1 || got.status == 304) return got;
        const auto length = got.field("Content-Length");
        steps_->expect(length && !length->empty() && length->size() < 12 &&
                           std::all_of(length->begin(), length->end(), grader::detail::is_digit),
                       said_, either("got an answer with a Content-Length", "得到带 Content-Length 的回答"),
                       either("its head is ", "头部是 ") + grader::shown(got.head));
        const auto size = has_body ? static_cast<std::size_t>(std::atoll(length->c_str())) : 0;
        while (kept_.size() < size && receive()) {
        }
        steps_->expect(kept_.size() >= size, said_,
                       either("got a body of ", "得到主体，字节数是 ") + std::to_string(size) +
                           either(" bytes, as its head says", "（头部所说）"),
                       either("its size is ", "实际字节数是 ") + std::to_string(kept_.size()));
        got.body = kept_.substr(0, size);
        kept_.erase(0, size);
        return got;
    }
    /// Sends a request, and expects an answer with this status.
    answer ask(const string& bytes, int status, bool has_body = true) {
        send(bytes);
        return expect(status, has_body);
    }
    answer expect(int status, bool has_body = true) {
        const answer got = hear(has_body);
        steps_->expect(got.status == status, said_, either("got status ", "得到状态 ") + std::to_string(status),
                       either("it got ", "得到的是 ") + grader::shown(got.head.substr(0, got.head.find("\r\n"))));
        return got;
    }
    void expect_body(const answer& got, const string& wanted) {
        steps_->expect(
            got.body == wanted, said_, either("got the body ", "得到主体 ") + grader::shown(wanted.substr(0, 200)),
            either("it got ", "得到的是 ") + grader::shown(got.body.substr(0, 200)) +
                (got.body.substr(0, 200) == wanted.substr(0, 200) ? either(", and more behind it", "，后面还有") : ""));
    }
    void expect_field(const answer& got, const string& name, const string& wanted) {
        const auto value = got.field(name);
        steps_->expect(value && grader::detail::same_word(*value, wanted), said_,
                       either("got the field ", "得到字段 ") + name + ": " + wanted,
                       value ? either("it has ", "它的值是 ") + grader::shown(*value)
                             : either("the head has no such field", "头部没有这个字段"));
    }
    /// The server ends the stream, or resets it, and sends nothing before that.
    void expect_end() {
        const bool more = !kept_.empty() || receive();
        steps_->expect(!more && !is_silent_, said_,
                       either("been followed by the end of the connection", "在回答之后看到连接结束"),
                       more ? either("these bytes came: ", "收到的是：") + grader::shown(kept_.substr(0, 200))
                            : either("the connection stayed open for six seconds", "连接在六秒内一直打开"));
    }
    net::tcp_stream& stream() { return stream_; }

  private:
    bool receive() {
        char buffer[65536];
        std::error_code error;
        const std::size_t size = stream_.recv(std::as_writable_bytes(std::span{buffer}), error);
        is_silent_ = error == std::errc::timed_out;
        kept_.append(buffer, size);
        return size > 0;
    }
    grader::sheet* steps_;
    net::tcp_stream stream_;
    string said_, kept_;
    bool is_silent_ = false;
};

/// A folder with files, beside files that no client may get.
struct place {
    string top, root;

    place() {
        top = files::temp_directory_path().string() + "/netnotes-web-XXXXXX";
        if (!::mkdtemp(top.data())) throw std::runtime_error{"mkdtemp"};
        root = top + "/served";
        for (const char* each :
             {"/served/page.html", "/served/a.txt", "/served/style.css", "/served/data", "/served/my notes.txt",
              "/served/a%25.txt", "/served/a..b.txt", "/served/below/a.txt", "/secret.txt", "/served2/secret.txt"}) {
            files::create_directories(files::path{top + each}.parent_path());
            std::ofstream{top + each} << each;
        }
        std::ofstream{root + "/letters"} << "abcdefghijklmnopqrstuvwxyz";
        std::ofstream{root + "/empty"};
        std::ofstream{root + "/large"} << string(3'000'000, 'x');
        files::create_symlink("../secret.txt", root + "/link.txt");
        files::create_directory_symlink("..", root + "/up");
        ::mkfifo((root + "/pipe").c_str(), 0600);
    }
    ~place() {
        std::error_code ignored;
        files::remove_all(top, ignored);
    }
};

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    const place here;
    const auto run = [&](int listener, int stop) { serve(listener, stop, here.root); };
    const auto visit = [&](const grader::server_process& server) { return visitor{steps, server.connect()}; };
    const auto ends = [&](grader::server_process& server) {
        steps.expect(server.end(), "the server", "ended at the stop", "it ended with an error");
    };
    const auto refuses = [&](const grader::server_process& server, const string& bytes, int status) {
        visitor client = visit(server);
        client.ask(bytes, status);
        client.expect_end();
    };

    steps.step("1: the start line has a target: / is there, all others are not",
               "第 1 关：起始行里有目标：/ 存在，别的都不存在", [&] {
                   grader::server_process server{run};
                   const auto one = [&](const string& target, int status) {
                       visitor client = visit(server);
                       const answer got = client.ask(get(target), status);
                       if (status == 200) client.expect_body(got, "hello");
                   };
                   one("/", 200);
                   one("/nothing", 404);
                   one("/?a=1", 200);
                   one("//", 404);
               });
    steps.step("2: fields, and a head in pieces", "第 2 关：字段，以及分段到达的头部", [&] {
        grader::server_process server{run};
        const auto agent = [&](const string& field, const string& wanted) {
            visitor client = visit(server);
            client.expect_body(client.ask(get("/agent", field), 200), wanted);
        };
        agent("User-Agent: check/1.0\r\n", "check/1.0");
        agent("Accept: */*\r\nuser-AGENT:\t two words \t\r\nX: User-Agent: no\r\n", "two words");
        agent("X-User-Agent: no\r\nUser-Agent:\r\n", "");
        visit(server).ask(get("/agent", "Agent: no\r\n"), 404);
        visitor slow = visit(server);
        slow.say_in_pieces(get("/agent", "User-Agent: slow\r\n"), 1);
        slow.expect_body(slow.expect(200), "slow");
        visit(server).ask("GET / HTTP/1.1\r\n\r\n", 400);
        visit(server).ask("GET / HTTP/1.1\r\nhost: a\r\nHost: a\r\n\r\n", 400);
        visit(server).ask("GET / HTTP/1.0\r\n\r\n", 200);
    });
    steps.step(
        "3: the connection stays open, and requests come in one piece", "第 3 关：连接保持打开，多个请求一起到达", [&] {
            grader::server_process server{run};
            std::vector<visitor> clients;
            for (int i = 0; i < 10; ++i) clients.push_back(visit(server));
            for (int round = 0; round < 3; ++round)
                for (auto at = clients.rbegin(); at != clients.rend(); ++at)
                    at->expect_body(at->ask(get("/"), 200), "hello");
            clients[1].ask(get("/nothing"), 404);
            clients[1].ask(get("/"), 200);
            string all;
            for (int i = 0; i < 500; ++i) all += get("/agent", "User-Agent: " + std::to_string(i) + "\r\n");
            clients[2].send(all + get("/").substr(0, 20));
            for (int i = 0; i < 500; ++i) clients[2].expect_body(clients[2].expect(200), std::to_string(i));
            clients[2].ask(get("/").substr(20), 200);
            for (const char* each : {"Connection: close\r\n", "connection: Close\r\n", "Connection: x, close\r\n"}) {
                visitor client = visit(server);
                client.ask(get("/", each) + get("/"), 200);
                client.expect_end();
            }
            visitor open = visit(server);
            open.ask(get("/", "Connection: closed\r\nX: close\r\n"), 200);
            open.ask(get("/"), 200);
            refuses(server, "GET / HTTP/1.0\r\n\r\n", 200);
            clients[3].stream().close();
            clients[4].send(get("/"));
            clients[4].stream().shutdown(net::shutdown_direction::send);
            clients[4].expect(200);
            clients[4].expect_end();
            clients[5].ask(get("/"), 200);
            ends(server);
        });
    steps.step("4: HEAD, other methods, and heads that are wrong", "第 4 关：HEAD、别的方法、错误的头部", [&] {
        grader::server_process server{run};
        visitor client = visit(server);
        client.expect_field(client.ask(request("HEAD /"), 200, false), "Content-Length", "5");
        client.ask(request("HEAD /nothing"), 404, false);
        client.expect_body(client.ask(get("/"), 200), "hello");
        for (const char* each : {"DELETE /", "POST /", "get /", "PUT /agent"}) {
            const answer got = client.ask(request(each, "Content-Length: 0\r\n"), 405);
            client.expect_field(got, "Allow", "GET, HEAD");
        }
        client.ask(request("DELETE /nothing"), 404);
        for (const char* each : {"GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 x", "GET / http/1.1", "GET / HTTP/1.x",
                                 "GET / HTTP/11", "GET / HTTP/1.10", " GET / HTTP/1.1", "/ HTTP/1.1", "G@T / HTTP/1.1",
                                 "GET x HTTP/1.1", "GET\t/ HTTP/1.1"})
            refuses(server, string{each} + "\r\nHost: a\r\n\r\n", 400);
        for (const char* each : {"no colon\r\n", ": x\r\n", "User Agent: x\r\n", "User-Agent : x\r\n",
                                 "User-Agent: a\r\n b\r\n", "User-Agent: a\rb\r\n", " User-Agent: a\r\n"})
            refuses(server, get("/", each), 400);
        refuses(server, get("/", string{"X: a\0b\r\n", 8}), 400);
        refuses(server, "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
        client.expect_body(client.ask(get("/", "X: " + string(8000, 'x') + "\r\n"), 200), "hello");
        string many;
        for (int i = 0; i < 4000; ++i) many += "X: " + std::to_string(i) + "\r\n";
        for (const string& each : {"X: " + string(100'000, 'x'), many, "X: " + string(17'000, 'x') + "\r\n"}) {
            visitor endless = visit(server);
            endless.ask(get("/", each), 431);
            endless.expect_end();
        }
        client.ask(get("/"), 200);
    });
    steps.step("5: a body with a Content-Length comes back", "第 5 关：带 Content-Length 的主体原样返回", [&] {
        grader::server_process server{run};
        visitor client = visit(server);
        client.expect_body(client.ask(post("ping"), 200), "ping");
        client.expect_body(client.ask(post(""), 200), "");
        client.expect_body(client.ask(request("POST /echo"), 200), "");
        const string bytes = string{"\r\n\r\n\0\xff", 6} + get("/nothing");  // a body is no request
        client.expect_body(client.ask(post(bytes), 200), bytes);
        client.send(post("one") + post("two") + get("/"));
        for (const char* each : {"one", "two", "hello"}) client.expect_body(client.expect(200), each);
        client.say_in_pieces(post("byte by byte"), 1);
        client.expect_body(client.expect(200), "byte by byte");
        client.ask(request("POST /nothing", "Content-Length: 3\r\n", "abc"), 404);
        client.expect_field(client.ask(get("/echo"), 405), "Allow", "POST");
        const string large(1024 * 1024, 'x');
        client.expect_body(client.ask(post(large), 200), large);
        const auto length = [](const string& text) {
            return request("POST /echo", "Content-Length: " + text + "\r\n", "12345");
        };
        for (const char* each :
             {"x", "", "+5", "-5", "5x", "0x5", "5 5", "5\r\nContent-Length: 6", "99999999999999999999x"})
            refuses(server, length(each), 400);
        refuses(server, length("1048577"), 413);
        visitor patient = visit(server);
        patient.ask(request("POST /echo", "Content-Length: 5\r\nExpect: 100-continue\r\n"), 100);
        patient.expect_body(patient.ask("hello", 200), "hello");
        visitor refused = visit(server);
        refused.ask(request("POST /echo", "Content-Length: 2000000\r\nExpect: 100-continue\r\n"), 413);
        refused.expect_end();
        ends(server);
    });
    steps.step("6: a body in chunks", "第 6 关：分块的主体", [&] {
        grader::server_process server{run};
        visitor client = visit(server);
        client.expect_body(client.ask(chunked("4\r\npi\r\n\r\n3\r\nng!\r\n0\r\n\r\n"), 200), "pi\r\nng!");
        client.expect_body(client.ask(chunked("0\r\n\r\n"), 200), "");
        client.expect_body(client.ask(chunked("A;name=value\r\n0123456789\r\n0000;x\r\nTrailer: x\r\n\r\n"), 200),
                           "0123456789");
        client.say_in_pieces(chunked("5\r\nabcde\r\n1\r\nf\r\n0\r\nX: y\r\n\r\n"), 1);
        client.expect_body(client.expect(200), "abcdef");
        client.send(chunked("1\r\na\r\n0\r\n\r\n") + get("/"));
        for (const char* each : {"a", "hello"}) client.expect_body(client.expect(200), each);
        for (const char* each : {"x\r\n", "\r\n", "-1\r\n", "+1\r\na\r\n", "0x1\r\na\r\n", "1 \r\na\r\n",
                                 "1\r\nab\r\n0\r\n\r\n", "3\r\nab\r\n0\r\n\r\n", "fffffffffffffffff\r\n"})
            refuses(server, chunked(each), 400);
        refuses(server, chunked("0\r\n\r\n", "Content-Length: 5\r\n"), 400);
        refuses(server, request("POST /echo", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501);
        string many;
        for (int i = 0; i < 20; ++i) many += "ffff\r\n" + string(65535, 'x') + "\r\n";
        visitor endless = visit(server);
        endless.ask(chunked(many), 413);
        endless.expect_end();
        client.ask(get("/"), 200);
    });
    steps.step("7: files of a folder, and no others", "第 7 关：文件夹里的文件，且只有这些文件", [&] {
        grader::server_process server{run};
        visitor client = visit(server);
        const auto serves = [&](const string& target, const string& name, const string& type) {
            const answer got = client.ask(get("/files/" + target), 200);
            client.expect_body(got, "/served/" + name);
            client.expect_field(got, "Content-Type", type);
        };
        serves("page.html", "page.html", "text/html");
        serves("a.txt", "a.txt", "text/plain");
        serves("style.css", "style.css", "text/css");
        serves("data", "data", "application/octet-stream");
        serves("below/a.txt?x=/../", "below/a.txt", "text/plain");
        serves("my%20notes%2etxt", "my notes.txt", "text/plain");
        serves("a%2525.txt", "a%25.txt", "text/plain");
        serves("a..b.txt", "a..b.txt", "text/plain");
        client.expect_body(client.ask(get("/files/empty"), 200), "");
        client.expect_field(client.ask(request("HEAD /files/large"), 200, false), "Content-Length", "3000000");
        client.expect_body(client.ask(get("/files/large"), 200), string(3'000'000, 'x'));
        client.expect_field(client.ask(request("DELETE /files/a.txt"), 405), "Allow", "GET, HEAD");
        for (const char* each :
             {"nothing.txt", "", "below", "below/", "pipe", "../secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt",
              "%2E%2E%2Fsecret.txt", "below/../../secret.txt", "../served2/secret.txt", "a.txt%00", "a.txt%00.html",
              "link.txt", "up/secret.txt", "a%2.txt", "%zz", "a.txt/"}) {
            client.send(get(string{"/files/"} + each));
            const answer got = client.hear();
            steps.expect(got.status == 404 || got.status == 400, grader::shown(string{"GET /files/"} + each),
                         either("got status 404 or 400", "得到状态 404 或 400"),
                         either("it got ", "得到的是 ") + std::to_string(got.status) + " " +
                             grader::shown(got.body.substr(0, 60)));
            if (got.status == 400) client = visit(server);
        }
        ends(server);
    });
    steps.step("8: a client that has the file already gets 304", "第 8 关：已经有这个文件的客户端得到 304", [&] {
        grader::server_process server{run};
        visitor client = visit(server);
        const answer first = client.ask(get("/files/letters"), 200);
        const string tag = first.field("ETag").value_or("");
        steps.expect(tag.size() > 2 && tag.front() == '"' && tag.back() == '"' && tag.find('"', 1) == tag.size() - 1,
                     "a file", either("got an ETag in quotation marks", "得到带引号的 ETag"),
                     tag.empty() ? either("it got none", "没有得到") : either("it got ", "得到的是 ") + tag);
        client.expect_field(client.ask(get("/files/letters"), 200), "ETag", tag);
        client.expect_field(client.ask(request("HEAD /files/letters"), 200, false), "ETag", tag);
        for (const string& each : {tag, string{"*"}, "W/" + tag, "\"x\", " + tag + ", \"y\"", "\"x\"," + tag}) {
            client.expect_field(client.ask(get("/files/letters", "If-None-Match: " + each + "\r\n"), 304), "ETag", tag);
            client.ask(request("HEAD /files/letters", "If-None-Match: " + each + "\r\n"), 304);
        }
        for (const string& each :
             {string{"\"x\""}, "\"x" + tag.substr(1), tag.substr(0, tag.size() - 1) + "x\"", string{"\"\""}})
            client.expect_body(client.ask(get("/files/letters", "If-None-Match: " + each + "\r\n"), 200),
                               "abcdefghijklmnopqrstuvwxyz");
        client.ask(get("/files/nothing", "If-None-Match: *\r\n"), 404);
        const string other = client.ask(get("/files/data"), 200).field("ETag").value_or("");
        steps.expect(other != tag, "another file", either("got another ETag", "得到另一个 ETag"),
                     either("it got the same", "得到的相同"));
        std::ofstream{here.root + "/new"} << "ABCDEFGHIJKLMNOPQRSTUVWXYZ";  // of the same size
        files::rename(here.root + "/new", here.root + "/letters");
        const answer changed = client.ask(get("/files/letters", "If-None-Match: " + tag + "\r\n"), 200);
        client.expect_body(changed, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        steps.expect(changed.field("ETag").value_or(tag) != tag, "a file that has changed",
                     either("got a new ETag", "得到新的 ETag"), either("it got the old one", "得到的还是旧的"));
        ends(server);
    });
    steps.step("9: one range of a file", "第 9 关：文件的一个范围", [&] {
        grader::server_process server{run};
        visitor client = visit(server);
        const string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", big = "99999999999999999999";
        const auto ranged = [](const string& range, const string& more = "") {
            return get("/files/letters", "Range: " + range + "\r\n" + more);
        };
        const auto part = [&](const string& range, std::size_t from, std::size_t to) {
            const answer got = client.ask(ranged(range), 206);
            client.expect_body(got, letters.substr(from, to + 1 - from));
            client.expect_field(got, "Content-Range",
                                "bytes " + std::to_string(from) + "-" + std::to_string(to) + "/26");
        };
        part("bytes=0-4", 0, 4);
        part("bytes=25-25", 25, 25);
        part("bytes=5-", 5, 25);
        part("bytes=-3", 23, 25);
        part("bytes=-26", 0, 25);
        part("bytes=-100", 0, 25);
        part("bytes=20-99", 20, 25);
        part("bytes=20-" + big, 20, 25);
        part("bytes=-" + big, 0, 25);
        for (int i = 0; i < 20; ++i) {
            const std::size_t from = steps.below(26), to = from + steps.below(26 - static_cast<std::uint32_t>(from));
            part("bytes=" + std::to_string(from) + "-" + std::to_string(to), from, to);
        }
        for (const string& each :
             {string{"bytes=26-"}, string{"bytes=30-40"}, string{"bytes=-0"}, "bytes=" + big + "-"})
            client.expect_field(client.ask(ranged(each), 416), "Content-Range", "bytes */26");
        for (const char* each : {"bytes=5-4", "bytes=x-4", "bytes=-", "bytes=", "bytes", "bytes=1-2x", "bytes=+1-2",
                                 "bytes=1", "lines=0-4"})
            client.expect_body(client.ask(ranged(each), 200), letters);
        client.send(ranged("bytes=0-0,2-2"));
        const int several = client.hear().status;
        steps.expect(several == 200 || several == 206, grader::shown("Range: bytes=0-0,2-2"),
                     either("got status 200 or 206", "得到状态 200 或 206"),
                     either("it got ", "得到的是 ") + std::to_string(several));
        client.expect_field(client.ask(get("/files/letters"), 200), "Accept-Ranges", "bytes");
        const string tag = client.ask(get("/files/letters"), 200).field("ETag").value_or("");
        client.ask(ranged("bytes=0-4", "If-None-Match: " + tag + "\r\n"), 304);
        client.expect_body(client.ask(ranged("bytes=0-4", "If-Range: " + tag + "\r\n"), 206), "ABCDE");
        for (const string& each : {string{"\"x\""}, "W/" + tag})
            client.expect_body(client.ask(ranged("bytes=0-4", "If-Range: " + each + "\r\n"), 200), letters);
        client.expect_field(client.ask(request("HEAD /files/letters", "Range: bytes=0-4\r\n"), 200, false),
                            "Content-Length", "26");
        client.ask(get("/files/empty", "Range: bytes=0-\r\n"), 416);
        const answer end = client.ask(get("/files/large", "Range: bytes=-1000000\r\n"), 206);
        client.expect_body(end, string(1'000'000, 'x'));
        client.expect_field(client.ask(get("/"), 200), "Content-Length", "5");
        ends(server);
    });
    steps.step("10: hostile clients harm nobody", "第 10 关：恶意客户端不影响别人", [&] {
        grader::server_process server{run, 30};
        visitor good = visit(server), slow = visit(server), silent = visit(server), sender = visit(server);
        silent.send("GET / HTT");
        sender.send(request("POST /echo", "Content-Length: 1000000\r\n", string(1000, 'x')));
        string many;
        for (int i = 0; i < 200; ++i) many += get("/files/large");  // 600 MB, and the client receives nothing
        slow.send(many);
        for (int i = 0; i < 60; ++i) {
            visitor client = visit(server);
            client.ask(get("/files/a.txt"), 200);
            client.send(i % 2 ? get("/files/large") : string{"GET / HT"});
            if (i % 3) client.stream().set_option(net::option::linger{std::chrono::seconds{0}});
        }
        good.ask(get("/"), 200);
        const auto used = server.used_beside_work();
        steps.expect(used < std::chrono::milliseconds{100}, "a client that receives nothing", "let the server sleep",
                     "beside 200 ms of other work it used " + std::to_string(used.count()) + " ms of processor time");
        steps.expect(server.resident() < 450,
                     either("200 files of 3 MB that a client does not receive", "客户端不接收的 200 个 3 MB 文件"),
                     "left the server small", "it has " + std::to_string(server.resident()) + " MB");
        {
            std::vector<visitor> crowd;  // more than the server has descriptors for
            for (int i = 0; i < 40; ++i) crowd.push_back(visit(server));
            good.ask(get("/files/a.txt"), 200);
            const auto waiting = server.used_beside_work();
            steps.expect(
                waiting < std::chrono::milliseconds{100},
                either("a server without a free descriptor", "没有空闲描述符的服务器"), "slept",
                "beside 200 ms of other work it used " + std::to_string(waiting.count()) + " ms of processor time");
        }
        good.expect_body(good.ask(get("/files/a.txt"), 200), "/served/a.txt");
        for (int i = 0; i < 200; ++i) {
            const std::size_t size = slow.expect(200).body.size();
            steps.equal("the slow client, when it receives: bytes", size, std::size_t{3'000'000});
        }
        ends(server);
    });
    steps.step("curl, where it is installed, agrees", "如果装有 curl，它的结果也一致", [&] {
        if (std::system("command -v curl >/dev/null 2>&1") != 0) {
            std::cout << either(" (not installed)", "（没有安装）");
            return;
        }
        grader::server_process server{run};
        const string where = "http://127.0.0.1:" + std::to_string(server.where().port());
        const string command =
            "cd " + here.top + " && curl -s -S --path-as-is -m " + std::to_string(8 * grader::patience) + ' ';
        const auto curl = [&](const string& words) {
            string line = command + words + " 2>&1", got;
            for (std::size_t at; (at = line.find("URL")) != line.npos;) line.replace(at, 3, where);
            FILE* const output = ::popen(line.c_str(), "r");
            for (int c = 0; (c = std::fgetc(output)) != EOF;) got += static_cast<char>(c);
            ::pclose(output);
            return got;
        };
        steps.equal("curl URL/", curl("URL/"), string{"hello"});
        steps.equal("curl, twice on one connection", curl("URL/ URL/ -w ' %{num_connects}'"), string{"hello 1hello 0"});
        steps.equal("curl -I", curl("-I URL/files/letters").substr(0, 12), string{"HTTP/1.1 200"});
        steps.equal("curl -A", curl("-A me URL/agent"), string{"me"});
        steps.equal("curl --data", curl("--data a=b URL/echo"), string{"a=b"});
        steps.equal("curl, a chunked body", curl("-H 'Transfer-Encoding: chunked' --data-binary @secret.txt URL/echo"),
                    string{"/secret.txt"});
        steps.equal("curl -H Expect", curl("-H 'Expect: 100-continue' --data-binary @served/letters URL/echo"),
                    string{"ABCDEFGHIJKLMNOPQRSTUVWXYZ"});
        steps.equal("curl of a path that leads out", curl("-o /dev/null -w '%{http_code}' URL/files/..%2fsecret.txt"),
                    string{"404"});
        steps.equal("curl -r 2-4", curl("-r 2-4 URL/files/letters"), string{"CDE"});
        curl("-o part -r 0-9 URL/files/letters");
        curl("-o part -C - URL/files/letters");
        steps.equal("curl -C -, which goes on with a part", curl("-o /dev/null URL/; cat part"),
                    string{"ABCDEFGHIJKLMNOPQRSTUVWXYZ"});
        curl("-o tagged --etag-save tag URL/files/letters");
        steps.equal("curl --etag-compare", curl("-o again --etag-compare tag -w '%{http_code}' URL/files/letters"),
                    string{"304"});
        ends(server);
    });
    return steps.result();
}
