// client.cpp: downloads a file into the current folder (the notes: "tftp 客户端 示例代码", 38 lines)
//
//     client [HOST [PORT]]        HOST is localhost if it is left out, and PORT is 69

#include <netnotes/tftp.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>

namespace net = netnotes;
namespace tftp = net::tftp;
using namespace std::chrono_literals;

/// Downloads the file, and says how far it is. The transfer knows the protocol; it has no socket and no clock.
void get(const std::string& name, const net::endpoint& server, const net::stop_event& stop) {
    tftp::file_sink file{std::filesystem::path{name}.filename()};  // appears under its name when all bytes are there
    tftp::transfer transfer{server, name, tftp::mode::octet, file, {.patience = 10s}};
    const bool is_v4 = server.address().is_v4();
    net::udp_socket socket{is_v4 ? net::address_family::inet : net::address_family::inet6};
    socket.set_option(is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_RECVERR : IPV6_RECVERR, 1);  // hear "refused"
    socket.stop_with(stop);

    auto now = net::clock::now(), report = now + 2s;
    bool is_silent = true;
    transfer.begin(now);
    for (char buffer[2048];;) {
        for (auto out = transfer.next(); !out.bytes.empty(); out = transfer.next()) socket.send_to(out.bytes, out.to);
        if (transfer.has_ended()) break;
        std::error_code error;
        socket.set_timeout(std::min(transfer.deadline(), report) - now);
        const auto datagram = socket.recv_from(buffer, error);
        if (error && error != std::errc::timed_out) throw std::system_error{error, server.to_string()};
        now = net::clock::now();
        if (!error) transfer.receive(datagram.sender, datagram.bytes, now), is_silent = false;
        transfer.expired(now);  // the transfer repeats what was not answered in time
        if (now < report) continue;
        report = now + 1s;
        if (is_silent) std::cout << "没有应答 (no answer yet from " << server << ")" << std::endl;
        if (!is_silent) std::cout << "已接收 (received): " << transfer.result().bytes << " bytes" << std::endl;
    }
    const tftp::outcome& result = transfer.result();
    if (result.error) throw std::system_error{result.error, server.to_string() + ": " + result.message};
    std::cout << "已保存 (saved): " << result.bytes << " bytes" << std::endl;
}

int main(int argc, char** argv) try {
    const auto servers =
        net::resolve(argc > 1 ? argv[1] : "localhost", argc > 2 ? argv[2] : "69", {.type = net::socket_type::datagram});
    std::cout << "请输入要下载的文件名 (file to download): " << std::flush;
    std::string name;
    if (!std::getline(std::cin, name) || name.empty()) return 0;
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    for (const net::endpoint& server : servers) {
        try {
            return get(name, server, stop), 0;
        } catch (const std::system_error& error) {
            if (&server == &servers.back() || stop.stop_requested()) throw;
            std::cerr << error.what() << "; the next address ..." << std::endl;
        }
    }
} catch (const std::exception& error) {
    std::cerr << "client: " << error.what() << '\n';
    return 1;
}
