/* The reference for web servers: a level-triggered epoll loop in C that looks only for the blank line behind a head, and
 * sends a fixed answer. It parses nothing, bounds nothing and has no timers. What a web server adds is measured against it.
 *
 *     hello_epoll [PORT]                        on 127.0.0.1; the first line is `listening on PORT`
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { batch = 256, room = 64 * 1024 };

static const char answer[] =
    "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 13\r\n\r\nHello, world\n";

int main(int argc, char** argv) {
    static char bytes[room], answers[room * 8];
    struct epoll_event events[batch];
    struct sockaddr_in where;
    socklen_t size = sizeof where;
    const int poller = epoll_create1(EPOLL_CLOEXEC), listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    memset(&where, 0, sizeof where);
    where.sin_family = AF_INET;
    where.sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 0));
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    signal(SIGPIPE, SIG_IGN);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* connections inherit it */
    if (bind(listener, (struct sockaddr*)&where, sizeof where) != 0 || listen(listener, SOMAXCONN) != 0) {
        perror("bind");
        return 1;
    }
    memset(events, 0, sizeof events);
    events[0].events = EPOLLIN;
    events[0].data.fd = listener;
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &events[0]);
    getsockname(listener, (struct sockaddr*)&where, &size);
    printf("listening on %d\n", ntohs(where.sin_port));
    fflush(stdout);
    for (;;) {
        const int count = epoll_wait(poller, events, batch, -1);
        for (int i = 0; i < count; ++i) {
            const int from = events[i].data.fd;
            if (from == listener) {
                struct epoll_event added;
                memset(&added, 0, sizeof added);
                added.events = EPOLLIN;
                added.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (added.data.fd >= 0) epoll_ctl(poller, EPOLL_CTL_ADD, added.data.fd, &added);
                continue;
            }
            const ssize_t got = recv(from, bytes, room, 0);
            if (got <= 0) {
                close(from);
                continue;
            }
            size_t ready = 0; /* a head that comes in two pieces would get no answer: wrk does not cut */
            const char* at = bytes;
            while ((at = memmem(at, (size_t)(bytes + got - at), "\r\n\r\n", 4)) != NULL) {
                if (ready + sizeof answer - 1 <= sizeof answers) {
                    memcpy(answers + ready, answer, sizeof answer - 1);
                    ready += sizeof answer - 1;
                }
                at += 4;
            }
            if (ready > 0 && send(from, answers, ready, MSG_NOSIGNAL) != (ssize_t)ready) close(from);
        }
    }
}
