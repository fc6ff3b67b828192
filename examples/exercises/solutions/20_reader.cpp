#include "kill.hpp"

#include <netnotes/tcp/reader.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace net = netnotes;

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
    std::error_code error;
    {  // any cut, and both ends of a line
        pieces stream{{"HELO a.exa", "mple\r", "\nDATA\nlast"}};
        net::buffered_reader reader{stream};
        CHECK(reader.recv_line() == "HELO a.example");
        CHECK(reader.recv_line() == "DATA");
        CHECK(reader.recv_line() == "last");
        CHECK(!reader.recv_line(error) && !error);
    }
    {  // a delimiter in two pieces; an end in the middle
        pieces stream{{"a: b\r\n\r", "\nbo", "dy"}};
        net::buffered_reader reader{stream};
        CHECK(reader.recv_until("\r\n\r\n") == "a: b\r\n\r\n");
        CHECK(!reader.recv_until("\r\n\r\n", error) && error == std::errc::protocol_error);
        CHECK(reader.buffered() == "body");
    }
    {  // the limit, for a message that arrives in one piece and for a size
        pieces stream{{"123456789;"}};
        net::buffered_reader reader{stream, 8};
        CHECK(!reader.recv_until(";", error) && error == std::errc::message_size);
        CHECK(!reader.recv_exact(9, error) && error == std::errc::message_size);
    }
    {  // bytes that were read ahead
        pieces stream{{"5\nhello", "more"}};
        net::buffered_reader reader{stream};
        char buffer[100];
        CHECK(reader.recv_line() == "5");
        CHECK(reader.recv(std::as_writable_bytes(std::span{buffer})) == 5 && std::string_view(buffer, 5) == "hello");
    }
    {
        pieces stream{{"much too long\r", "\nnext\r\n"}};
        net::buffered_reader reader{stream, 8};
        CHECK(reader.skip_until("\r\n"));
        CHECK(reader.recv_line() == "next");
    }
}
