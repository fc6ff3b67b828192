// select_limits.cpp: finds out what fits into a set of select() (the notes: "select 优缺点", 0 lines)

#include <netnotes/poll.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <deque>
#include <iostream>

namespace net = netnotes;

int main() try {
    rlimit limit{};  // how many descriptors this process may have
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 2000);
    setrlimit(RLIMIT_NOFILE, &limit);

    net::select_poller select;
    net::epoll_poller epoll;
    std::deque<net::stop_event> events;  // each has a descriptor
    for (int number = 0; number < FD_SETSIZE;) number = events.emplace_back().native_handle();
    epoll.add(events.back().native_handle(), net::interest::read, 0);
    std::cout << "epoll takes descriptor " << events.back().native_handle() << '\n';
    select.add(events.back().native_handle(), net::interest::read, 0);
} catch (const std::system_error& error) {
    std::cout << error.what() << '\n';  // no failure: this is what the program shows
}
