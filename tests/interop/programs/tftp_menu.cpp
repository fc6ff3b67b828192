// tftp_menu.cpp PORT: answers a request for /menu/NAME with a text that is made on the spot

#include <netnotes/tftp.hpp>

namespace net = netnotes;

std::optional<std::string> menu(const net::tftp::file_request& what) {
    if (!what.file_name.starts_with("/menu/")) return std::nullopt;
    return "menu of " + std::string{what.file_name.substr(6)} + " for " + what.client.address().to_string() + '\n';
}

int main(int, char** argv) {
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    const net::endpoint where{net::ipv6_address::any(), net::read_number<std::uint16_t>(argv[1])};
    net::event_loop loop;
    net::tftp::server server{where, net::tftp::serve_text(menu)};
    loop.run(server.run(), stop);
}
