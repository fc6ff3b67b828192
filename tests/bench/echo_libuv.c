/* The echo server with libuv, in its cheapest form: all clients share one buffer for reading. The bytes are sent at once
 * (uv_try_write), and copied only if the kernel does not take all of them.
 *
 *     echo_libuv [--port N]                     on 127.0.0.1; the first line is `listening on PORT`
 */
#include <uv.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static char buffer[64 * 1024];

struct rest {
    uv_write_t request;
    uv_stream_t* client;
    char bytes[];
};

static void on_closed(uv_handle_t* client) { free(client); }
static void leave(uv_stream_t* client) {
    if (!uv_is_closing((uv_handle_t*)client)) uv_close((uv_handle_t*)client, on_closed);
}
static void give_room(uv_handle_t* client, size_t wished, uv_buf_t* room) {
    (void)client;
    (void)wished;
    *room = uv_buf_init(buffer, sizeof buffer);
}
static void on_bytes(uv_stream_t* client, ssize_t size, const uv_buf_t* bytes);
static void on_sent(uv_write_t* request, int status) {
    struct rest* const rest = (struct rest*)request;
    if (status < 0)
        leave(rest->client);
    else if (!uv_is_closing((uv_handle_t*)rest->client))
        uv_read_start(rest->client, give_room, on_bytes); /* a client that takes its answers may ask again */
    free(rest);
}
static void on_bytes(uv_stream_t* client, ssize_t size, const uv_buf_t* bytes) {
    uv_buf_t whole;
    struct rest* rest;
    int sent;
    if (size == 0) return;
    if (size < 0) {
        leave(client);
        return;
    }
    whole = uv_buf_init(bytes->base, (unsigned)size);
    sent = uv_try_write(client, &whole, 1);
    if (sent == (int)size) return;
    if (sent < 0 && sent != UV_EAGAIN) {
        leave(client);
        return;
    }
    if (sent < 0) sent = 0;
    rest = malloc(sizeof *rest + (size_t)(size - sent));
    if (rest == NULL) {
        leave(client);
        return;
    }
    rest->client = client;
    memcpy(rest->bytes, bytes->base + sent, (size_t)(size - sent));
    whole = uv_buf_init(rest->bytes, (unsigned)(size - sent));
    uv_read_stop(client);
    if (uv_write(&rest->request, client, &whole, 1, on_sent) != 0) {
        free(rest);
        leave(client);
    }
}
static void on_client(uv_stream_t* listener, int status) {
    uv_tcp_t* client;
    if (status < 0) return;
    client = malloc(sizeof *client);
    if (client == NULL) return;
    uv_tcp_init(listener->loop, client);
    if (uv_accept(listener, (uv_stream_t*)client) != 0) {
        leave((uv_stream_t*)client);
        return;
    }
    uv_read_start((uv_stream_t*)client, give_room, on_bytes);
}
static void on_signal(uv_signal_t* which, int number) {
    (void)number;
    uv_stop(which->loop);
}

static int usage(FILE* out, int status) {
    fputs("usage: echo_libuv [--port N]\n", out);
    return status;
}
static int check(const char* attempt, int result) {
    if (result == 0) return 0;
    fprintf(stderr, "echo_libuv: %s: %s\n", attempt, uv_strerror(result));
    return 1;
}

int main(int argc, char** argv) {
    uv_loop_t* const loop = uv_default_loop();
    uv_tcp_t listener;
    uv_signal_t interrupt, terminate;
    struct sockaddr_in where;
    int size = sizeof where;
    struct rlimit limit;
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
    memset(&where, 0, sizeof where);
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port = htons((unsigned short)port);
    uv_tcp_init(loop, &listener);
    if (check("bind", uv_tcp_bind(&listener, (const struct sockaddr*)&where, 0))) return 1;
    if (check("nodelay", uv_tcp_nodelay(&listener, 1))) return 1; /* inherited by what it accepts */
    if (check("listen", uv_listen((uv_stream_t*)&listener, 4096, on_client))) return 1;
    if (check("getsockname", uv_tcp_getsockname(&listener, (struct sockaddr*)&where, &size))) return 1;
    uv_signal_init(loop, &interrupt);
    uv_signal_init(loop, &terminate);
    uv_signal_start(&interrupt, on_signal, SIGINT);
    uv_signal_start(&terminate, on_signal, SIGTERM);
    printf("listening on %d\n", ntohs(where.sin_port));
    fflush(stdout);
    uv_run(loop, UV_RUN_DEFAULT);
    return 0;
}
