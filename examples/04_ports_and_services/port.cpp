// port.cpp: asks for port numbers and names of services, and prints what belongs to them (beyond the notes)

#include <netnotes/ip.hpp>

#include <charconv>
#include <iostream>

namespace net = netnotes;

const char* name_of(net::port_class value) {
    if (value == net::port_class::well_known) return "公认端口 (well-known port, 0 to 1023)";
    if (value == net::port_class::registered) return "注册端口 (registered port, 1024 to 49151)";
    return "动态端口 (dynamic port, 49152 to 65535)";
}

int main() {
    std::string line;
    while (std::cout << "请输入端口或服务 (a port or a service, Ctrl-D ends): " << std::flush &&
           std::getline(std::cin, line)) {
        std::uint16_t port = 0;
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), port);
        const bool is_port = error == std::errc{} && end == line.data() + line.size();
        if (is_port) std::cout << "  " << name_of(net::classify_port(port)) << '\n';
        bool found = is_port;
        for (const net::service& each : net::services) {
            if (is_port ? each.port != port : each.name != line) continue;
            std::cout << "  " << each.name << ' ' << each.port << '/'
                      << (each.transport == net::transport::tcp ? "tcp" : "udp") << ": " << each.purpose << '\n';
            found = true;
        }
        if (!found) std::cout << "  neither a number from 0 to 65535 nor a service in the table, such as http\n";
    }
    std::cout << '\n';
}
