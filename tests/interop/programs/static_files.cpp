// static_files.cpp FOLDER PORT: a folder on the web: GET, HEAD, keep-alive, ranges, and nothing outside of it

#include <netnotes/http.hpp>

namespace net = netnotes;

int main(int, char** argv) {
    const net::http::files site{argv[1]};
    const auto answer = [&](net::http::request& ask) { return site.answer(ask); };
    net::stop_event stop;
    net::stop_on_signals signals{stop};
    const net::endpoint where{net::ipv4_address::loopback(), net::read_number<std::uint16_t>(argv[2])};
    net::event_loop{}.run(net::http::serve(where, answer), stop);
}
