// server.cpp: serves the files of a folder, to any number of clients at once (beyond the notes)
//
//     server [PORT [FOLDER]]        PORT is 69 if it is left out, and FOLDER is the current one

#include <netnotes/tftp.hpp>

#include <iostream>

namespace net = netnotes;
namespace tftp = net::tftp;

int main(int argc, char** argv) try {
    const auto where = net::resolve("::", argc > 1 ? argv[1] : "69", {.type = net::socket_type::datagram}).front();
    const auto files = tftp::serve_files(argc > 2 ? argv[2] : ".");  // to be read only; no name leads out of it
    tftp::server server{
        where, files, {.log = [](const tftp::transfer_record& each) { std::cout << each.to_string() << std::endl; }}};
    std::cout << "等待客户端 (waiting for clients at " << server.local_endpoint() << "; Ctrl-C ends)" << std::endl;
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    net::event_loop loop;
    loop.run(server.run(), stop);
} catch (const std::exception& error) {
    std::cerr << "server: " << error.what() << '\n';
    return 1;
}
