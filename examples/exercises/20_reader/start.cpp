#include "kill.hpp"

#include <netnotes/tcp/reader.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace net = netnotes;

/// A stream that needs no network: each receive returns the next piece, and then comes the end of the stream.
struct pieces {
    std::vector<std::string> left;
    std::size_t recv(net::mutable_buffer room, std::error_code&) noexcept {
        if (left.empty()) return 0;
        const std::size_t size = std::min(room.size(), left.front().size());
        std::copy_n(reinterpret_cast<const std::byte*>(left.front().data()), size, room.data());
        left.front().erase(0, size);
        if (left.front().empty()) left.erase(left.begin());
        return size;
    }
};

void test() {
    pieces stream{{"HELO a.exa", "mple\r\nDATA\r\n"}};
    net::buffered_reader reader{stream};
    CHECK(reader.recv_line() == "HELO a.example");
    CHECK(reader.recv_line() == "DATA");
    CHECK(!reader.recv_line());
}
