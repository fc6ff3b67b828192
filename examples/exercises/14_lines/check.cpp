#include "lines.hpp"

#include "grader.hpp"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace {

using lines = std::vector<std::string>;

/// A peer that sends each piece when the reader has taken the piece before it. So each piece is one recv(), if the buffer
/// of the reader is large enough.
class peer {
  public:
    peer(lines pieces, bool closes) {
        int fds[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0) reader_ = fds[0], writer_ = fds[1];
        const timeval patience{5, 0};  // a reader that has lost bytes does not wait for ever
        ::setsockopt(reader_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        thread_ = std::thread{[this, pieces = std::move(pieces), closes] {
            for (const std::string& each : pieces) {
                while (waiting() > 0 && !ended_) std::this_thread::sleep_for(std::chrono::microseconds{100});
                for (std::size_t at = 0; at < each.size() && !ended_;) {
                    const ssize_t size =
                        ::send(writer_, each.data() + at, each.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
                    if (size > 0)
                        at += static_cast<std::size_t>(size);
                    else
                        std::this_thread::sleep_for(std::chrono::microseconds{100});
                }
            }
            if (closes) ::shutdown(writer_, SHUT_WR);
        }};
    }
    ~peer() {
        ended_ = true;
        thread_.join();
        ::close(reader_);
        ::close(writer_);
    }
    int socket() const { return reader_; }

  private:
    int waiting() const {
        int size = 0;
        ::ioctl(reader_, FIONREAD, &size);
        return size;
    }
    int reader_ = -1, writer_ = -1;
    std::atomic<bool> ended_ = false;
    std::thread thread_;
};

lines read_all(line_reader& reader, std::size_t count) {
    lines all;
    while (all.size() < count) {
        auto line = reader.next();
        if (!line) break;
        all.push_back(*line);
    }
    return all;
}

}  // namespace

int main(int argc, char** argv) {
    grader::sheet steps{argc, argv};
    // The peer stays connected, so a reader that waits for more bytes than it needs does not end.
    const auto ask = [&](const char* what, const lines& pieces, const lines& wanted) {
        peer one{pieces, false};
        line_reader reader{one.socket()};
        steps.equal(what, read_all(reader, wanted.size()), wanted);
    };
    steps.step("a line in one piece", "一行一次到达", [&] {
        ask("next()", {"hello\n"}, {"hello"});
        ask("next()", {"one\n", "two\n"}, {"one", "two"});
    });
    steps.step("a line in several pieces", "一行分几段到达", [&] {
        ask("next(), with a line in two pieces,", {"hel", "lo\n"}, {"hello"});
        ask("next(), with a line in single bytes,", {"h", "e", "l", "l", "o", "\n"}, {"hello"});
    });
    steps.step("several lines in one piece", "几行一次到达", [&] {
        ask("next(), with two lines in one piece,", {"one\ntwo\n"}, {"one", "two"});
        ask("next(), with a line and a half,", {"one\ntw", "o\nthree\nfo", "ur\n"}, {"one", "two", "three", "four"});
    });
    steps.step("\\r\\n ends a line, too, and an empty line is a line", "\\r\\n 也结束一行，空行也是一行", [&] {
        ask("next()", {"one\r\ntwo\r", "\n\n\r\nthree\n"}, {"one", "two", "", "", "three"});
        ask("next(), with \\r inside a line,", {"a\rb\r\r\n"}, {"a\rb\r"});
        ask("next(), with a zero byte,", {std::string{"a\0b\n", 4}}, {std::string{"a\0b", 3}});
    });
    steps.step("the end of the stream", "流的结束", [&] {
        for (const lines& pieces : {lines{"one\n"}, lines{"one\ntw"}, lines{"one\n", "two\r"}}) {
            peer one{pieces, true};
            line_reader reader{one.socket()};
            steps.equal("next()", reader.next(), std::optional<std::string>{"one"});
            for (int i = 0; i < 2; ++i) steps.equal("next(), at the end,", reader.next(), std::optional<std::string>{});
        }
    });
    steps.step("a line has at most 1,000 bytes", "一行最多 1000 字节", [&] {
        const std::string full(1000, 'x');
        ask("next()", {full + "\n", full + "\nend\n"}, {full, full, "end"});
        ask("next()", {full, "\n"}, {full});
        const auto refused = [&](const lines& pieces, const char* what) {
            peer one{pieces, false};
            line_reader reader{one.socket()};
            try {
                reader.next();
            } catch (const std::length_error&) {
                return;
            }
            steps.expect(false, what, grader::either("thrown std::length_error", "抛出 std::length_error"),
                         grader::either("it did not", "它没有"));
        };
        refused({full + "x\n"}, "next(), with a line of 1,001 bytes,");
        refused({full, "x"}, "next(), with 1,001 bytes and no end yet,");
        refused({std::string(2'000'000, 'x')}, "next(), with two million bytes and no end,");
    });
    steps.step("random lines in random pieces", "随机的行，随机的分段", [&] {
        for (int round = 0; round < 30; ++round) {
            lines wanted, pieces;
            std::string all;
            for (int i = 0; i < 20; ++i) {
                std::string line(steps.below(30), 'a');
                for (char& each : line) each = static_cast<char>('a' + steps.below(26));
                wanted.push_back(line);
                all += line + (steps.below(2) ? "\r\n" : "\n");
            }
            for (std::size_t at = 0; at < all.size();) {
                const std::size_t size = 1 + steps.below(40);
                pieces.push_back(all.substr(at, size));
                at += size;
            }
            ask("next()", pieces, wanted);
        }
    });
    return steps.result();
}
