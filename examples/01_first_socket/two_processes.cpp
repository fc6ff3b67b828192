// two_processes.cpp: a parent process and its child exchange a line (beyond the notes)

#include <netnotes/socket.hpp>

#include <iostream>

#include <sys/wait.h>
#include <unistd.h>

namespace net = netnotes;

void run_child(net::socket parent) {
    char buffer[1024];
    const std::size_t size = parent.recv(buffer);
    if (size == 0) return;  // the parent has closed its end without a line
    std::cout << "子进程收到 (process " << ::getpid() << " received): " << net::visible({buffer, size}) << std::endl;
    parent.send_all("thank you");
}

int main() try {
    auto [here, there] = net::socket_pair();  // two sockets that are connected from the start
    const pid_t child = ::fork();             // from here on there are two processes, and each has both sockets
    if (child < 0) throw std::system_error{errno, std::system_category(), "fork"};
    if (child == 0) {
        here.close();
        run_child(std::move(there));
        return 0;
    }
    there.close();

    std::cout << "请输入要发送的数据 (data to send): " << std::flush;
    std::string line;
    if (std::getline(std::cin, line)) {
        here.send_all(line + "\n");
        char buffer[1024];
        const std::size_t size = here.recv(buffer);
        std::cout << "父进程收到 (process " << ::getpid() << " received): " << net::visible({buffer, size}) << '\n';
    }
    here.close();
    ::waitpid(child, nullptr, 0);
} catch (const std::system_error& error) {
    std::cerr << "two_processes: " << error.what() << '\n';
    return 1;
}
