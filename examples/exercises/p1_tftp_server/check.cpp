#include "tftp_server.hpp"

#include "grader.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <map>
#include <utility>

namespace {

namespace files = std::filesystem;
using std::string;
const string zero(1, '\0');

string number(std::size_t value) { return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)}; }
string ask_for(int code, const string& name, const string& more = "") {
    return number(code) + name + zero + "octet" + zero + more;
}
string data(std::size_t block, const string& bytes) { return number(3) + number(block) + bytes; }
string acknowledgment(std::size_t block) { return number(4) + number(block); }

/// The datagram in words: "data 1 with 5 bytes".
string words(const string& datagram) {
    if (datagram.size() < 2) return grader::either("no datagram within 8 seconds", "8 秒内没有数据报");
    const int code = datagram[1], second = datagram.size() < 4 ? -1
                                                               : (static_cast<unsigned char>(datagram[2]) << 8) +
                                                                     static_cast<unsigned char>(datagram[3]);
    const string block = " " + std::to_string(second);
    const auto text = [&](std::size_t begin) { return " " + grader::shown(std::string_view{datagram}.substr(begin)); };
    if (code == 3) {
        const string size = std::to_string(datagram.size() - std::min<std::size_t>(datagram.size(), 4));
        return grader::either("data", "数据") + block + grader::either(" with ", "，") + size + grader::either(" bytes", " 个字节");
    }
    if (code == 4) return grader::either("acknowledgment", "确认") + block;
    if (code == 5) return grader::either("error", "错误") + block + text(std::min<std::size_t>(datagram.size(), 4));
    if (code == 6) return grader::either("option acknowledgment", "选项确认") + text(2);
    return grader::shown(datagram);
}

int udp_socket(sockaddr_in& name, in_addr_t address = INADDR_LOOPBACK) {
    const int made = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(address);
    name.sin_port = 0;
    socklen_t size = sizeof name;
    if (::bind(made, reinterpret_cast<sockaddr*>(&name), size) != 0) throw std::runtime_error{"bind"};
    ::getsockname(made, reinterpret_cast<sockaddr*>(&name), &size);
    return made;
}

/// The learner's server, in a process of its own, with a folder of its own.
class server {
  public:
    explicit server(grader::sheet& steps) : steps_{steps}, stop_{::eventfd(0, 0)} {
        string name = files::temp_directory_path().string() + "/netnotes-tftp-XXXXXX";
        if (!::mkdtemp(name.data())) throw std::runtime_error{"mkdtemp"};
        root_ = name;
        files::create_directory(folder());
        put("hello.txt", "hello");
        put("empty", "");
        put("two", text(1024));
        put("long", text(1300));
        std::ofstream{root_ + "/secret"} << "secret";
        door_ = udp_socket(where, INADDR_LOOPBACK + 1);  // one of several addresses of this machine
        process_ = ::fork();
        if (process_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::alarm(0);
            const rlimit limit{100, 100};
            ::setrlimit(RLIMIT_NOFILE, &limit);
            serve(door_, folder(), stop_);
            ::_exit(0);
        }
    }
    ~server() {
        if (process_ > 0) ::kill(process_, SIGKILL), ::waitpid(process_, nullptr, 0);
        ::close(stop_);
        ::close(door_);
        std::error_code ignored;
        files::remove_all(root_, ignored);
    }
    string folder() const { return root_ + "/served"; }
    void put(const string& name, const string& bytes) {
        std::ofstream{folder() + "/" + name, std::ios::binary} << bytes;
    }
    string get(const string& name) const {
        std::ifstream file{folder() + "/" + name, std::ios::binary};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    bool has(const string& name) const { return files::exists(folder() + "/" + name); }
    /// Ends the server in order, and returns the processor time that it took, in ms.
    long end() {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto ignored = ::write(stop_, &one, sizeof one);
        int status = 0;
        rusage used{};
        for (int i = 0; ::wait4(process_, &status, WNOHANG, &used) == 0; ++i) {
            steps_.expect(i < 600, "serve()",
                          grader::either("returned when `stop` can be read", "在 `stop` 可读时返回"),
                          grader::either("it has not", "没有返回"));
            ::poll(nullptr, 0, 10);
        }
        process_ = -1;
        steps_.expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, grader::either("the server", "服务器"),
                      grader::either("lived to the end", "一直运行到最后"),
                      WIFSIGNALED(status) ? grader::either("signal ", "信号 ") + std::to_string(WTERMSIG(status)) +
                                                grader::either(" ended it", " 终止了它")
                                          : grader::either("it exited with status ", "它退出了，状态 ") +
                                                std::to_string(WEXITSTATUS(status)));
        return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
               (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
    }
    static string text(std::size_t size) {
        string made;
        for (std::size_t i = 0; i < size; ++i) made += static_cast<char>('a' + (i / 512 + i) % 26);
        return made;
    }
    sockaddr_in where{};

  private:
    grader::sheet& steps_;
    int stop_, door_ = -1;
    pid_t process_ = -1;
    string root_;
};

/// A client of ours. It waits for each datagram, and says what came instead.
class client {
  public:
    client(grader::sheet& steps, const server& to)
        : steps_{steps}, door_{to.where}, peer_{to.where}, socket_{udp_socket(name)} {}
    ~client() { ::close(socket_); }
    client(client&& from) noexcept
        : name{from.name},
          steps_{from.steps_},
          door_{from.door_},
          peer_{from.peer_},
          socket_{std::exchange(from.socket_, -1)} {}

    /// Sends to the server's door, and then to the port from which the first answer comes.
    void ask(const string& request) {
        peer_ = door_;
        send(request, peer_);
    }
    void say(const string& datagram) { send(datagram, peer_); }
    void say_to(const client& port_of, const string& datagram) { send(datagram, port_of.peer_); }
    string hear() {
        pollfd waiting{socket_, POLLIN, 0};
        if (::poll(&waiting, 1, 8000 * grader::patience) != 1) return "";
        string bytes(66'000, '\0');
        sockaddr_in from{};
        socklen_t size = sizeof from;
        const ssize_t length =
            ::recvfrom(socket_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
        bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
        if (peer_.sin_port == door_.sin_port) peer_ = from;
        is_from_peer_ = from.sin_port == peer_.sin_port;
        return bytes;
    }
    /// The next datagram, which must be this. A datagram that the server has sent again meanwhile does not count.
    void expect(const string& wanted, const string& what) {
        string got = hear();
        for (int i = 0; i < 8 && got == last_ && got != wanted && !got.empty(); ++i) got = hear();
        last_ = got;
        steps_.expect(got == wanted, what, grader::either("drawn ", "得到 ") + words(wanted),
                      words(got) == words(wanted) ? grader::either("the bytes are others", "字节不同")
                                                  : words(got) + grader::either(" came", ""));
        steps_.expect(is_from_peer_, what, grader::either("been answered from the same port", "由同一个端口回答"),
                      grader::either("another port answered", "另一个端口回答了"));
    }
    /// The next datagram, which must be an error with one of these codes.
    void expect_error(const string& codes, const string& what) {
        const string got = hear();
        steps_.expect(got.size() >= 5 && got[0] == 0 && got[1] == 5 && got[2] == 0 &&
                          codes.find(static_cast<char>('0' + got[3])) != codes.npos && got.back() == '\0',
                      what,
                      grader::either("drawn error ", "得到错误 ") + codes.substr(0, 1) +
                          grader::either(", with a text that a zero byte ends", "，文字以零字节结束"),
                      words(got) + grader::either(" came", ""));
    }
    bool is_at_door() const { return peer_.sin_port == door_.sin_port; }
    bool is_at_address() const { return peer_.sin_addr.s_addr == door_.sin_addr.s_addr; }
    sockaddr_in name{};

  private:
    void send(const string& bytes, const sockaddr_in& to) {
        ::sendto(socket_, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
    grader::sheet& steps_;
    sockaddr_in door_, peer_;
    int socket_;
    bool is_from_peer_ = true;
    string last_{};
};

/// Fetches a whole file, in lock-step.
void fetch(client& reader, const string& name, const string& whole, const string& request = "") {
    reader.ask(request.empty() ? ask_for(1, name) : request);
    for (std::size_t block = 1, at = 0;; ++block, at += 512) {
        reader.expect(data(block, whole.substr(at, 512)),
                      block == 1 ? grader::either("the request for ", "请求 ") + name
                                 : grader::either("acknowledgment ", "确认 ") + std::to_string(block - 1) +
                                       grader::either(" of ", " · ") + name);
        reader.say(acknowledgment(block));
        if (whole.size() - at < 512) return;
    }
}
/// Runs a client of other people. Returns false if it is not installed.
bool run(const string& command, int& status) {
    const string program = command.substr(0, command.find(' '));
    if (std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) != 0) return false;
    const string seconds = std::to_string(9 * grader::patience);
    status = std::system(("timeout " + seconds + " " + command + " >/dev/null 2>&1").c_str());
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    steps.step(
        "stage 1: a short file comes in one block, from a new port", "第 1 关：短文件用一个块、从一个新端口送来", [&] {
            server tftp{steps};
            client reader{steps, tftp}, other{steps, tftp};
            fetch(reader, "hello.txt", "hello");
            steps.expect(!reader.is_at_door(), grader::either("the data", "数据"),
                         grader::either("come from a new port", "来自新端口"),
                         grader::either("it came from the port of the request", "它来自请求的端口"));
            fetch(other, "empty", "");
            steps.expect(other.is_at_address(), grader::either("the data", "数据"),
                         grader::either("come from 127.0.0.2, the address that the client has asked",
                                        "来自 127.0.0.2，即客户端请求的地址"),
                         grader::either("it came from another address of this machine", "它来自本机的另一个地址"));
            steps.expect(other.is_at_address(), grader::either("the data", "数据"),
                         grader::either("come from 127.0.0.2, the address that the client has asked",
                                        "来自 127.0.0.2，即客户端请求的地址"),
                         grader::either("it came from another address of this machine", "它来自本机的另一个地址"));
            tftp.end();
        });
    steps.step("stage 2: a long file comes block by block", "第 2 关：长文件逐块送来", [&] {
        server tftp{steps};
        tftp.put("large", server::text(140'000));
        client a{steps, tftp}, b{steps, tftp}, c{steps, tftp}, d{steps, tftp};
        fetch(a, "long", server::text(1300));
        fetch(b, "two", server::text(1024));  // and an empty block
        fetch(c, "large", server::text(140'000));
        fetch(d, "long", server::text(1300), number(1) + "long" + zero + "OcTeT" + zero);
        tftp.end();
    });
    steps.step("stage 3: what cannot be served is refused in words", "第 3 关：不能提供的请求用错误码和文字拒绝", [&] {
        server tftp{steps};
        files::create_directory(tftp.folder() + "/below");
        client reader{steps, tftp};
        const auto refused = [&](const string& request, const char* codes, const string& what) {
            reader.ask(request);
            reader.expect_error(codes, what);
        };
        refused(ask_for(1, "missing"), "1",
                grader::either("a request for a file that is not there", "对不存在的文件的请求"));
        for (const char* name :
             {"../secret", "/etc/passwd", "..", ".", "below", "", "hello.txt/x", "below/../../secret"})
            refused(ask_for(1, name), *name ? "210" : "2104", grader::either("a request for ", "请求 ") + grader::shown(name));
        refused(number(1) + "hello.txt" + zero + "mail" + zero, "40",
                grader::either("a request with the mode mail", "模式为 mail 的请求"));
        refused(number(9) + "hello.txt" + zero + "octet" + zero, "40",
                grader::either("a datagram with the code 9", "操作码为 9 的数据报"));
        refused(number(7) + "hello.txt" + zero + "octet" + zero, "40",
                grader::either("a datagram with the code 7", "操作码为 7 的数据报"));
        for (const string& each : {string{}, zero, number(5), number(5) + number(1) + "no" + zero, acknowledgment(1),
                                   data(1, "x"), number(5) + number(0) + string(400, 'x')})
            reader.ask(each);  // an error draws nothing, and nothing may end the server
        client next{steps, tftp};
        next.ask(number(5) + number(1) + "no" + zero);  // what comes first must be the data, and not an answer to this
        fetch(next, "hello.txt", "hello");
        for (const string& each : {number(1), number(1) + "hello.txt", number(1) + "hello.txt" + zero,
                                   number(1) + "hello.txt" + zero + "octet", number(2), number(1) + string(500, 'x'),
                                   number(1) + zero + zero + zero}) {
            client fool{steps, tftp};
            fool.ask(each);
        }
        client last{steps, tftp};
        fetch(last, "hello.txt", "hello");
        tftp.end();
    });
    steps.step("stage 4: what is lost is sent again, and only that", "第 4 关：丢失的重发，而且只重发丢失的", [&] {
        server tftp{steps};
        tftp.put("many", server::text(100 * 512 + 1));
        client reader{steps, tftp};
        reader.ask(ask_for(1, "long"));
        reader.expect(data(1, server::text(512)), grader::either("the request", "请求"));
        reader.expect(data(1, server::text(512)), grader::either("silence", "沉默"));  // after about a second
        reader.say(acknowledgment(1));
        reader.expect(data(2, server::text(1024).substr(512)), grader::either("acknowledgment 1", "确认 1"));
        client twice{steps, tftp};  // every datagram is acknowledged, and the first one twice
        twice.ask(ask_for(1, "many"));
        int count = 0;
        std::size_t newest = 0;
        for (bool is_last = false; !is_last; ++count) {
            const string got = twice.hear();
            steps.expect(got.size() >= 4 && got[1] == 3, grader::either("an acknowledgment", "确认"),
                         grader::either("drawn data", "引出数据"), words(got) + grader::either(" came", ""));
            const std::size_t block = static_cast<unsigned char>(got[2]) * 256u + static_cast<unsigned char>(got[3]);
            newest = std::max(newest, block);
            twice.say(acknowledgment(block));
            if (count == 0) twice.say(acknowledgment(block));
            is_last = got.size() < 516;
        }
        steps.expect(count <= 130, grader::either("a file of 101 blocks", "101 块的文件"),
                     grader::either("come in some 101 datagrams, though an acknowledgment came twice",
                                    "用大约 101 个数据报送来，即使有一个确认来了两次"),
                     std::to_string(count) + grader::either(" came", ""));
        tftp.end();
    });
    steps.step(
        "stage 5: 20 clients at the same time, and no client waits for another",
        "第 5 关：同时服务 20 个客户端，互不等待", [&] {
            server tftp{steps};
            std::vector<client> readers;
            for (int i = 0; i < 20; ++i) {
                readers.emplace_back(steps, tftp);
                readers.back().ask(ask_for(1, i % 2 ? "long" : "two"));
                readers.back().expect(
                    data(1, server::text(512)),
                    grader::either("the request of client ", "客户端的请求 ") + std::to_string(i + 1));
                steps.expect(readers.back().is_at_address(), grader::either("the data", "数据"),
                             grader::either("come from 127.0.0.2", "来自 127.0.0.2"),
                             grader::either("it came from another address of this machine", "它来自本机的另一个地址"));
            }
            client late{steps, tftp};
            fetch(late, "hello.txt", "hello");
            for (int i = 0; i < 150; ++i) {  // the server has a limit of 100 descriptors
                client other{steps, tftp};
                fetch(other, "hello.txt", "hello");
            }
            // While the 20 are silent, each waits for its block once more. Waiting costs no processor time.
            for (client& each : readers) each.expect(data(1, server::text(512)), grader::either("silence", "沉默"));
            for (client& each : readers) each.say(acknowledgment(1));
            for (client& each : readers)
                each.expect(data(2, server::text(1024).substr(512)), grader::either("acknowledgment 1", "确认 1"));
            const long used = tftp.end();
            steps.expect(used < 700, grader::either("the server", "服务器"),
                         grader::either("waited in poll(), epoll or recv()", "在 poll()、epoll 或 recv() 里等待"),
                         grader::either("used ", "使用了 ") + std::to_string(used) +
                             grader::either(" ms of processor time", " 毫秒处理器时间"));
        });
    steps.step(
        "stage 6: a stranger is told so, and disturbs nothing", "第 6 关：陌生人得到错误 5，并且不影响传输", [&] {
            server tftp{steps};
            client reader{steps, tftp}, stranger{steps, tftp};
            reader.ask(ask_for(1, "long"));
            reader.expect(data(1, server::text(512)), grader::either("the request", "请求"));
            stranger.say_to(reader, acknowledgment(1));
            stranger.expect_error("5", grader::either("an acknowledgment from another port", "来自另一个端口的确认"));
            stranger.say_to(reader, number(5) + number(0) + "stop" + zero);
            stranger.say_to(reader, acknowledgment(1));
            stranger.expect_error("5", grader::either("an acknowledgment from another port", "来自另一个端口的确认"));
            client quiet{steps, tftp};
            quiet.say_to(reader, number(5) + number(0) + "stop" + zero);  // draws nothing
            fetch(quiet, "hello.txt", "hello");
            reader.say(acknowledgment(1));
            reader.expect(data(2, server::text(1024).substr(512)), grader::either("acknowledgment 1", "确认 1"));
            reader.say(number(5) + number(0) + "enough" + zero);  // an error of the client ends its transfer
            reader.say(acknowledgment(2));
            reader.ask(ask_for(1, "hello.txt"));
            string got = reader.hear();
            while (got == data(2, server::text(1024).substr(512))) got = reader.hear();  // it was under way
            steps.expect(got == data(1, "hello"), grader::either("a request behind an error", "错误之后的请求"),
                         grader::either("drawn ", "得到 ") + words(data(1, "hello")),
                         words(got) + grader::either(" came", ""));
            tftp.end();
        });
    steps.step("stage 7: a file is written, and is whole or not there", "第 7 关：写入文件，要么完整，要么不存在", [&] {
        server tftp{steps};
        client writer{steps, tftp}, other{steps, tftp}, reader{steps, tftp}, thief{steps, tftp};
        const string whole = server::text(1000);
        const auto send = [&](client& from, std::size_t block, const string& bytes) {
            from.say(data(block, bytes));
            from.expect(acknowledgment(block), grader::either("data ", "数据 ") + std::to_string(block));
        };
        writer.ask(ask_for(2, "new"));
        writer.expect(acknowledgment(0), grader::either("the request to write", "写请求"));
        steps.expect(!writer.is_at_door(), grader::either("the acknowledgment", "确认"),
                     grader::either("come from a new port", "来自新端口"),
                     grader::either("it came from the port of the request", "它来自请求的端口"));
        send(writer, 1, whole.substr(0, 512));
        send(writer, 1, whole.substr(0, 512));  // again: our acknowledgment was lost
        reader.ask(ask_for(1, "new"));
        reader.expect_error("120",
                            grader::either("a request for a file that is not whole yet", "对尚不完整的文件的请求"));
        send(writer, 2, whole.substr(512));
        steps.expect(tftp.get("new") == whole, grader::either("the file", "文件"),
                     grader::either("the 1000 bytes that were sent", "含有发送的 1000 字节"),
                     grader::either("has ", "实际字节数是 ") + std::to_string(tftp.get("new").size()));
        send(writer, 2, whole.substr(512));  // and the last acknowledgment was lost
        steps.expect(tftp.get("new") == whole, grader::either("the file", "文件"),
                     grader::either("stayed as it was", "保持不变"), grader::either("it has changed", "它变了"));
        other.ask(ask_for(2, "hello.txt"));
        other.expect_error("6", grader::either("a request to write a file that exists", "写已存在的文件的请求"));
        steps.equal(grader::either("the file hello.txt", "文件 hello.txt"), tftp.get("hello.txt"), string{"hello"});
        for (const char* name : {"../evil", "/tmp/../evil", "..", ""}) {
            client evil{steps, tftp};
            evil.ask(ask_for(2, name));
            evil.expect_error("2160", grader::either("a request to write ", "写请求 ") + grader::shown(name));
        }
        thief.ask(ask_for(2, "half"));
        thief.expect(acknowledgment(0), grader::either("the request to write", "写请求"));
        send(thief, 1, whole.substr(0, 512));
        thief.say(number(5) + number(0) + "enough" + zero);
        client again{steps, tftp};
        again.ask(ask_for(1, "half"));
        again.expect_error(
            "120", grader::either("a request for a file whose writer has given up", "对写者已放弃的文件的请求"));
        client full{steps, tftp};  // exactly one block, and an empty one
        full.ask(ask_for(2, "full"));
        full.expect(acknowledgment(0), grader::either("the request to write", "写请求"));
        send(full, 1, whole.substr(0, 512));
        send(full, 2, "");
        steps.expect(tftp.get("full") == whole.substr(0, 512), grader::either("the file", "文件"),
                     grader::either("512 bytes", "512 字节"),
                     grader::either("has ", "实际字节数是 ") + std::to_string(tftp.get("full").size()));
        tftp.end();
        int files_there = 0;
        for ([[maybe_unused]] const auto& each : files::directory_iterator{tftp.folder()}) ++files_there;
        steps.equal(grader::either("the count of files in the folder", "文件夹里的文件数"), files_there, 6);
        server empty{steps};
        files::remove_all(empty.folder());
        client late{steps, empty};
        late.ask(ask_for(2, "new"));
        late.expect_error("21340",
                          grader::either("a request to write where no file can be made", "在无法建立文件处的写请求"));
        empty.end();
    });
    steps.step("stage 8: options are granted (RFC 2347, 2348, 2349)", "第 8 关：支持选项（RFC 2347、2348、2349）", [&] {
        server tftp{steps};
        tftp.put("large", server::text(3000));
        client reader{steps, tftp}, writer{steps, tftp};
        const auto options = [&](client& from, const string& request) {
            from.ask(request);
            const string got = from.hear();
            steps.expect(got.size() > 2 && got[1] == 6 && got.back() == '\0',
                         grader::either("a request with options", "带选项的请求"),
                         grader::either("drawn an option acknowledgment", "得到选项确认"),
                         words(got) + grader::either(" came", ""));
            std::map<string, string> all;
            for (std::size_t at = 2; at < got.size();) {
                const auto text = [&] {
                    string made = got.substr(at, got.find('\0', at) - at);
                    at += made.size() + 1;
                    for (char& c : made) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
                    return made;
                };
                const string name = text();
                steps.expect(at < got.size(), grader::either("each option", "每个选项"),
                             grader::either("a value", "带有值"),
                             grader::either("the last one has none", "最后一个没有值"));
                all[name] = text();
            }
            return all;
        };
        using granted = std::map<string, string>;
        const auto equal = [&](const granted& got, const granted& wanted) {
            const auto as_text = [](const granted& all) {
                string made;
                for (const auto& [name, value] : all) made += (made.empty() ? "" : " ") + name + "=" + value;
                return made;
            };
            steps.equal(grader::either("the request with options", "带选项的请求"), as_text(got), as_text(wanted));
        };
        const string wishes =
            "BlkSize" + zero + "1000" + zero + "tsize" + zero + "0" + zero + "windsurfing" + zero + "7" + zero;
        equal(options(reader, ask_for(1, "large", wishes)), {{"blksize", "1000"}, {"tsize", "3000"}});
        for (std::size_t block = 0; block <= 3; ++block) {
            reader.say(acknowledgment(block));
            reader.expect(data(block + 1, server::text(3000).substr(block * 1000, 1000)),
                          grader::either("acknowledgment ", "确认 ") + std::to_string(block));
        }
        equal(options(writer, ask_for(2, "new", "blksize" + zero + "700" + zero + "tsize" + zero + "900" + zero)),
              {{"blksize", "700"}, {"tsize", "900"}});
        for (std::size_t block = 1; block <= 2; ++block) {
            writer.say(data(block, server::text(900).substr((block - 1) * 700, 700)));
            writer.expect(acknowledgment(block), grader::either("data ", "数据 ") + std::to_string(block));
        }
        steps.expect(tftp.get("new") == server::text(900), grader::either("the file", "文件"),
                     grader::either("the 900 bytes that were sent", "含有发送的 900 字节"),
                     grader::either("has ", "实际字节数是 ") + std::to_string(tftp.get("new").size()));
        client none{steps, tftp};  // RFC 2347: a request whose options are all unknown is answered as if it had none
        fetch(none, "hello.txt", "hello", ask_for(1, "hello.txt", "windsurfing" + zero + "7" + zero));
        client bad{steps, tftp};  // RFC 2348: 8 to 65464
        bad.ask(ask_for(1, "large", "blksize" + zero + "0" + zero));
        const string got = bad.hear();
        steps.expect(got == data(1, server::text(512)) || (got.size() > 4 && got[1] == 5),
                     grader::either("a block size of 0", "块大小 0"),
                     grader::either("been refused, or ignored", "被拒绝或忽略"),
                     words(got) + grader::either(" came", ""));
        tftp.end();
    });
    for (const bool is_curl : {true, false}) {
        const char* const english = is_curl ? "clients of others: curl reads and writes, if it is here"
                                            : "clients of others: tftp-hpa, if it is here";
        const char* const chinese =
            is_curl ? "别人的客户端：curl 读和写（如果已安装）" : "别人的客户端：tftp-hpa（如果已安装）";
        steps.step(english, chinese, [&] {
            server tftp{steps};
            tftp.put("large", server::text(30'000));
            const string port = std::to_string(ntohs(tftp.where.sin_port)), here = tftp.folder() + "/../";
            std::ofstream{here + "mine"} << server::text(5120);
            int status = 0;
            const string curl = "curl -s -m " + std::to_string(8 * grader::patience);
            const string get = is_curl ? curl + " -o " + here + "got tftp://127.0.0.2:" + port + "/large"
                                       : "tftp -m binary 127.0.0.2 " + port + " -c get large " + here + "got";
            const string put = is_curl ? curl + " -T " + here + "mine tftp://127.0.0.2:" + port + "/new"
                                       : "tftp -m binary 127.0.0.2 " + port + " -c put " + here + "mine new";
            if (!run(get, status)) return;
            steps.expect(tftp.get("../got") == server::text(30'000), get,
                         grader::either("fetched 30000 bytes", "取得 30000 字节"),
                         grader::either("it has ", "实际字节数是 ") + std::to_string(tftp.get("../got").size()) +
                             grader::either(", and status ", "，状态 ") + std::to_string(status / 256));
            run(put, status);
            steps.expect(tftp.get("new") == server::text(5120), put,
                         grader::either("written 5120 bytes", "写入 5120 字节"),
                         grader::either("the file has ", "文件的字节数是 ") + std::to_string(tftp.get("new").size()) +
                             grader::either(", status ", "，状态 ") + std::to_string(status / 256));
            tftp.end();
        });
    }
    return steps.result();
}
