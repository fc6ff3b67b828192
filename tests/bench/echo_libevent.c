/* The echo server with libevent, as its book shows it: bufferevents, whose input is moved to their output.
 *
 *     echo_libevent [--port N]                  on 127.0.0.1; the first line is `listening on PORT`
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

static void on_bytes(struct bufferevent* client, void* unused) {
    (void)unused;
    bufferevent_write_buffer(client, bufferevent_get_input(client));
}
static void on_end(struct bufferevent* client, short what, void* unused) {
    (void)what;
    (void)unused;
    bufferevent_free(client);
}
static void on_client(struct evconnlistener* listener, evutil_socket_t descriptor, struct sockaddr* peer, int size,
                      void* unused) {
    struct bufferevent* const client =
        bufferevent_socket_new(evconnlistener_get_base(listener), descriptor, BEV_OPT_CLOSE_ON_FREE);
    (void)peer;
    (void)size;
    (void)unused;
    if (client == NULL) {
        evutil_closesocket(descriptor);
        return;
    }
    bufferevent_setcb(client, on_bytes, NULL, on_end, NULL);
    bufferevent_enable(client, EV_READ | EV_WRITE);
}
static void on_signal(evutil_socket_t number, short what, void* base) {
    (void)number;
    (void)what;
    event_base_loopbreak(base);
}

static int usage(FILE* out, int status) {
    fputs("usage: echo_libevent [--port N]\n", out);
    return status;
}

int main(int argc, char** argv) {
    struct event_base* base;
    struct evconnlistener* listener;
    struct sockaddr_in where;
    socklen_t size = sizeof where;
    struct rlimit limit;
    const int one = 1;
    long port = 6666;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) return usage(stdout, 0);
    if (argc != 1) {
        char* end;
        if (argc != 3 || strcmp(argv[1], "--port") != 0) return usage(stderr, 2);
        port = strtol(argv[2], &end, 10);
        if (*argv[2] == '\0' || *end != '\0' || port < 0 || port > 65535) return usage(stderr, 2);
    }
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    base = event_base_new();
    memset(&where, 0, sizeof where);
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port = htons((unsigned short)port);
    listener = base == NULL ? NULL
                            : evconnlistener_new_bind(base, on_client, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE,
                                                      SOMAXCONN, (struct sockaddr*)&where, sizeof where);
    if (listener == NULL) {
        perror("echo_libevent: listen");
        return 1;
    }
    setsockopt(evconnlistener_get_fd(listener), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (getsockname(evconnlistener_get_fd(listener), (struct sockaddr*)&where, &size) != 0) {
        perror("echo_libevent: getsockname");
        return 1;
    }
    event_add(evsignal_new(base, SIGTERM, on_signal, base), NULL);
    event_add(evsignal_new(base, SIGINT, on_signal, base), NULL);
    printf("listening on %d\n", ntohs(where.sin_port));
    fflush(stdout);
    event_base_dispatch(base);
    return 0;
}
