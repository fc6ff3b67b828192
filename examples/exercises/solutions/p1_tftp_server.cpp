#include "tftp_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

namespace {

using std::chrono::steady_clock;

std::string number(unsigned value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }
unsigned number_at(std::string_view bytes, std::size_t at) {
    return static_cast<unsigned>(static_cast<unsigned char>(bytes[at]) << 8 | static_cast<unsigned char>(bytes[at + 1]));
}
std::string error(unsigned code, const char* words) { return number(5) + number(code) + words + '\0'; }

/// The texts of a request, each of which ends with a zero byte.
std::vector<std::string> texts(std::string_view bytes) {
    std::vector<std::string> all;
    for (std::size_t end; (end = bytes.find('\0')) != bytes.npos; bytes.remove_prefix(end + 1))
        all.emplace_back(bytes.substr(0, end));
    return all;
}

struct transfer {
    int socket;
    sockaddr_in peer;
    int file;
    std::string path, temporary;  // of a file that is written, until it is whole
    std::size_t block_size = 512;
    std::uint16_t block = 0;  // the block that was sent last, or received last
    bool is_last = false;     // it was the last
    std::string said{};       // sent again if no answer comes
    steady_clock::time_point due{};
    int tries = 0;
    bool is_over = false;

    bool writes() const { return !path.empty(); }
    void repeat() {
        ::sendto(socket, said.data(), said.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&peer), sizeof peer);
        due = steady_clock::now() + std::chrono::seconds{1};
    }
    void say(std::string datagram) {
        said = std::move(datagram);
        tries = 0;
        repeat();
    }
    void refuse(unsigned code, const char* words) {
        say(error(code, words));
        is_over = true;
    }
    void send_block() {
        std::string data(block_size, '\0');
        std::size_t size = 0;
        for (ssize_t more; size < block_size; size += static_cast<std::size_t>(more)) {
            more = ::read(file, data.data() + size, block_size - size);
            if (more < 0) return refuse(0, "read error");
            if (more == 0) break;
        }
        data.resize(size);
        is_last = size < block_size;
        say(number(3) + number(++block) + data);
    }
    void take_block(std::string_view data) {
        if (data.size() > block_size) return refuse(4, "block too long");
        if (::write(file, data.data(), data.size()) != static_cast<ssize_t>(data.size())) return refuse(3, "disk full");
        ++block;
        is_last = data.size() < block_size;
        // link(2) gives the whole file its name, unless another file has it already.
        if (is_last && ::link(temporary.c_str(), path.c_str()) != 0) return refuse(6, "file exists");
        say(number(4) + number(block));
    }
    void hear(std::string_view datagram) {
        if (datagram.size() < 4) return;
        const unsigned what = number_at(datagram, 0), which = number_at(datagram, 2);
        if (what == 5) is_over = true;
        if (what == 4 && !writes() && which == block) {  // an older acknowledgment draws nothing (RFC 1123 §4.2.3.1)
            if (is_last) is_over = true;
            else send_block();
        }
        if (what == 3 && writes()) {
            if (which == static_cast<std::uint16_t>(block + 1) && !is_last) take_block(datagram.substr(4));
            else if (which == block) repeat();  // our acknowledgment was lost
        }
    }
    void expired() {
        if (++tries == 6) is_over = true;
        else if (writes() && is_last) due += std::chrono::seconds{1};  // stays to acknowledge the last block again
        else repeat();
    }
    void close() {
        ::close(socket);
        ::close(file);
        if (writes()) ::unlink(temporary.c_str());
    }
};

class server {
  public:
    server(int door, const std::string& folder) : door_{door}, folder_{folder} {}
    ~server() {
        for (transfer& each : transfers_) each.close();
    }
    void run(int stop) {
        for (;;) {
            std::vector<pollfd> waiting{{stop, POLLIN, 0}, {door_, POLLIN, 0}};
            auto due = steady_clock::now() + std::chrono::hours{1};
            for (const transfer& each : transfers_) {
                waiting.push_back({each.socket, POLLIN, 0});
                due = std::min(due, each.due);
            }
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - steady_clock::now()).count();
            ::poll(waiting.data(), waiting.size(), static_cast<int>(std::max<long>(left, 0)));
            if (waiting[0].revents) return;
            for (std::size_t i = 0; i < transfers_.size(); ++i) {
                if (waiting[i + 2].revents) receive(transfers_[i]);
                if (!transfers_[i].is_over && steady_clock::now() >= transfers_[i].due) transfers_[i].expired();
            }
            std::erase_if(transfers_, [](transfer& each) { return each.is_over && (each.close(), true); });
            if (waiting[1].revents) request();
        }
    }

  private:
    void receive(transfer& one) {
        sockaddr_in from{};
        socklen_t size = sizeof from;
        const ssize_t length = ::recvfrom(one.socket, buffer_, sizeof buffer_, 0, reinterpret_cast<sockaddr*>(&from), &size);
        if (length < 0) return;
        const std::string_view datagram{buffer_, static_cast<std::size_t>(length)};
        if (from.sin_port == one.peer.sin_port && from.sin_addr.s_addr == one.peer.sin_addr.s_addr) return one.hear(datagram);
        if (datagram.size() >= 2 && number_at(datagram, 0) == 5) return;  // an error is never answered
        const std::string answer = error(5, "unknown transfer ID");
        ::sendto(one.socket, answer.data(), answer.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), size);
    }
    void request() {
        transfer one{-1, {}, -1, {}, {}};
        socklen_t size = sizeof one.peer;
        const ssize_t length = ::recvfrom(door_, buffer_, sizeof buffer_, 0, reinterpret_cast<sockaddr*>(&one.peer), &size);
        if (length < 2) return;
        const std::string_view datagram{buffer_, static_cast<std::size_t>(length)};
        const unsigned what = number_at(datagram, 0);
        if (what >= 3 && what <= 6) return;  // it belongs to no transfer
        one.socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        sockaddr_in here{};
        size = sizeof here;
        ::getsockname(door_, reinterpret_cast<sockaddr*>(&here), &size);
        here.sin_port = 0;  // a new port for each transfer, of the address that the client has asked
        ::bind(one.socket, reinterpret_cast<sockaddr*>(&here), size);
        begin(one, what, texts(datagram.substr(2)));
        if (one.is_over) one.close();
        else transfers_.push_back(std::move(one));
    }
    void begin(transfer& one, unsigned what, const std::vector<std::string>& words) {
        if (what == 0 || what > 2 || words.size() < 2 || ::strcasecmp(words[1].c_str(), "octet") != 0)
            return one.refuse(4, "illegal operation");
        const std::string& name = words[0];
        if (name.empty() || name[0] == '.' || name.find('/') != name.npos) return one.refuse(2, "access violation");
        struct stat info {};
        if (what == 1) {
            one.file = ::open((folder_ + "/" + name).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
            if (::fstat(one.file, &info) != 0 || !S_ISREG(info.st_mode)) return one.refuse(1, "file not found");
        } else {
            if (::lstat((folder_ + "/" + name).c_str(), &info) == 0) return one.refuse(6, "file exists");
            one.path = folder_ + "/" + name;
            one.temporary = folder_ + "/.upload-XXXXXX";
            one.file = ::mkostemp(one.temporary.data(), O_CLOEXEC);
            if (one.file < 0) return one.refuse(2, "access violation");
        }
        std::string granted;
        for (std::size_t i = 2; i + 1 < words.size(); i += 2) {
            const unsigned long value = std::strtoul(words[i + 1].c_str(), nullptr, 10);
            if (::strcasecmp(words[i].c_str(), "blksize") == 0 && value >= 8) {
                one.block_size = std::min(value, 8192ul);
                granted += "blksize" + std::string(1, '\0') + std::to_string(one.block_size) + '\0';
            } else if (::strcasecmp(words[i].c_str(), "tsize") == 0) {
                granted += "tsize" + std::string(1, '\0');
                granted += (what == 1 ? std::to_string(info.st_size) : words[i + 1]) + '\0';
            }
        }
        if (!granted.empty()) one.say(number(6) + granted);
        else if (what == 1) one.send_block();
        else one.say(number(4) + number(0));
    }

    int door_;
    std::string folder_;
    std::vector<transfer> transfers_;
    char buffer_[65536];
};

}  // namespace

void serve(int door, const std::string& folder, int stop) { server{door, folder}.run(stop); }
