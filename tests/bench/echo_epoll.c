/* The reference: an echo server as one writes it by hand, a level-triggered epoll loop in C. A request costs a recv, a
 * send and its part of an epoll_wait; there are no timers and no limits. What a library adds is measured against it.
 *
 *     echo_epoll [--port N]                     on 127.0.0.1; the first line is `listening on PORT`
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { batch = 256, room = 64 * 1024 };

/* A client that does not take its answers is not read any more, so one buffer for each client is enough. */
struct client {
    int descriptor;
    size_t sent, size; /* of what is left over */
    char* rest;
};

static int poller;

static void fail(const char* attempt) {
    perror(attempt);
    exit(1);
}

static void leave(struct client* who) {
    close(who->descriptor); /* epoll forgets it by that */
    free(who->rest);
    free(who);
}

static void watch(struct client* who, int operation, unsigned events) {
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = events;
    event.data.ptr = who;
    if (epoll_ctl(poller, operation, who->descriptor, &event) != 0) leave(who);
}

static void take_in(int listener) {
    const int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct client* who;
    if (descriptor < 0) return;
    who = calloc(1, sizeof *who);
    if (who == NULL) {
        close(descriptor);
        return;
    }
    who->descriptor = descriptor;
    watch(who, EPOLL_CTL_ADD, EPOLLIN);
}

static void go_on_sending(struct client* who) {
    const ssize_t sent = send(who->descriptor, who->rest + who->sent, who->size - who->sent, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR) leave(who);
        return;
    }
    who->sent += (size_t)sent;
    if (who->sent < who->size) return;
    free(who->rest);
    who->rest = NULL;
    watch(who, EPOLL_CTL_MOD, EPOLLIN);
}

static void serve(struct client* who) {
    static char buffer[room];
    const ssize_t size = recv(who->descriptor, buffer, sizeof buffer, 0);
    ssize_t sent;
    if (size <= 0) {
        if (size == 0 || (errno != EAGAIN && errno != EINTR)) leave(who);
        return;
    }
    sent = send(who->descriptor, buffer, (size_t)size, MSG_NOSIGNAL);
    if (sent == size) return;
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            leave(who);
            return;
        }
        sent = 0;
    }
    who->size = (size_t)(size - sent);
    who->sent = 0;
    who->rest = malloc(who->size);
    if (who->rest == NULL) {
        leave(who);
        return;
    }
    memcpy(who->rest, buffer + sent, who->size);
    watch(who, EPOLL_CTL_MOD, EPOLLOUT);
}

static int usage(FILE* out, int status) {
    fputs("usage: echo_epoll [--port N]\n", out);
    return status;
}

int main(int argc, char** argv) {
    struct epoll_event events[batch], event;
    struct sockaddr_in where;
    socklen_t size = sizeof where;
    struct rlimit limit;
    sigset_t signals;
    const int one = 1;
    int listener;
    long port = 6666;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) return usage(stdout, 0);
    if (argc != 1) {
        char* end;
        if (argc != 3 || strcmp(argv[1], "--port") != 0) return usage(stderr, 2);
        port = strtol(argv[2], &end, 10);
        if (*argv[2] == '\0' || *end != '\0' || port < 0 || port > 65535) return usage(stderr, 2);
    }
    /* As a descriptor: a handler's flag may be set just before epoll_wait, which would then wait for ever. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }

    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0) fail("socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    memset(&where, 0, sizeof where);
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port = htons((unsigned short)port);
    if (bind(listener, (struct sockaddr*)&where, sizeof where) != 0) fail("bind");
    if (listen(listener, SOMAXCONN) != 0) fail("listen");
    if (getsockname(listener, (struct sockaddr*)&where, &size) != 0) fail("getsockname");
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) fail("epoll_create1");
    memset(&event, 0, sizeof event);
    event.events = EPOLLIN;
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) != 0) fail("epoll_ctl");
    event.data.ptr = &poller;
    if (epoll_ctl(poller, EPOLL_CTL_ADD, signalfd(-1, &signals, SFD_CLOEXEC), &event) != 0) fail("signalfd");
    printf("listening on %d\n", ntohs(where.sin_port));
    fflush(stdout);

    for (;;) {
        const int ready = epoll_wait(poller, events, batch, -1);
        int i;
        if (ready < 0 && errno != EINTR) fail("epoll_wait");
        for (i = 0; i < ready; ++i) {
            struct client* const who = events[i].data.ptr;
            if (who == NULL)
                take_in(listener);
            else if (events[i].data.ptr == &poller)
                return 0;
            else if (who->rest != NULL)
                go_on_sending(who);
            else
                serve(who);
        }
    }
}
