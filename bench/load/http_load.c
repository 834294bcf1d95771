/* Keep-alive HTTP/1.1 GETs, one at a time on each connection: `http_load SERVERS [stay]`, where
 * SERVERS is PORT or HOST:PORT,HOST:PORT…, connected to in turn. With `stay`, connections are kept from one
 * line to the next, so that only the first one pays for handshakes.
 *
 * A line on stdin, a JSON line on stdout:
 *   CONNECTIONS REQUESTS PREFIX FIRST COUNT TAGS
 * asks for PREFIX<id> with ids FIRST, FIRST + 1 … in turn, COUNT different ones. TAGS is `none`,
 * `learn` (remember each path's ETag) or `send` (If-None-Match with the remembered one).
 */
#include "load.h"

enum { MOST_PATHS = 1 << 17, TAG = 64, MOST_CONNECTIONS = 1024, BUFFER = 1 << 15 };

struct connection {
    struct wire wire;
    int open;
    int number; /* which path it waits for */
    int have;
    int64_t asked;
    char buffer[BUFFER];
};

static struct connection *connections;
static char (*tags)[TAG];
static char prefix[128], mode[8];
static long long first, paths, wanted, sent, done, ok, not_modified, other, bytes;

static void ask(struct connection *c) {
    char request[512];
    c->number = sent++ % paths;
    int size = snprintf(request, sizeof request,
                        "GET %s%lld HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://example.org\r\n",
                        prefix, first + c->number);
    if (*mode == 's' && *tags[c->number])
        size += snprintf(request + size, sizeof request - size, "If-None-Match: %s\r\n",
                         tags[c->number]);
    memcpy(request + size, "\r\n", 2);
    c->asked = now_ns();
    if (transmit(&c->wire, request, size + 2) != size + 2) die("write");
}

/* The value of a header (named in lower case, with ": ") in a head whose case does not matter. */
static const char *header(const char *head, const char *name) {
    const char *at = strcasestr(head, name);
    return at ? at + strlen(name) : NULL;
}

/* Whether the whole response has come; its size is then in `size`. */
static int complete(struct connection *c, int *size) {
    c->buffer[c->have] = 0;
    char *end = memmem(c->buffer, c->have, "\r\n\r\n", 4);
    if (!end) return 0;
    *end = 0;
    const char *length = header(c->buffer, "\r\ncontent-length: ");
    int status = atoi(c->buffer + 9);
    *size = end + 4 - c->buffer + (length && status != 304 ? atoi(length) : 0);
    int whole = c->have >= *size;
    if (whole) {
        ok += status == 200, not_modified += status == 304;
        other += status != 200 && status != 304;
        const char *tag = header(c->buffer, "\r\netag: ");
        if (*mode == 'l' && tag) snprintf(tags[c->number], TAG, "%.*s", (int)strcspn(tag, "\r"), tag);
    }
    *end = '\r';
    return whole;
}

static void readable(struct connection *c) {
    int size;
    ssize_t got = receive(&c->wire, c->buffer + c->have, BUFFER - 1 - c->have);
    if (got <= 0) {
        if (got < 0 && errno == EAGAIN) return;
        die("the server hung up");
    }
    c->have += got;
    if (!complete(c, &size)) return;
    sample(now_ns() - c->asked);
    bytes += size, done++, c->have = 0;
    if (sent < wanted) ask(c);
}

static void connect_all(int epoll, int many) {
    for (int i = 0; i < many; i++) {
        struct connection *c = &connections[i];
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        c->have = 0;
        if (!c->open) {
            open_wire(&c->wire, i), c->open = 1;
            if (!wire_ready(&c->wire)) die("connect");
            nonblocking(c->wire.fd);
        }
        epoll_ctl(epoll, EPOLL_CTL_ADD, c->wire.fd, &event);
    }
}

static void run(int many, int stay) {
    int epoll = epoll_create1(0);
    connect_all(epoll, many);
    int64_t began = now_ns();
    for (int i = 0; i < many && sent < wanted; i++) ask(&connections[i]);
    while (done < wanted) {
        struct epoll_event events[256];
        int ready = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < ready; i++) readable(&connections[events[i].data.u32]);
    }
    printf("{\"requests\": %lld, \"seconds\": %.6f, \"ok\": %lld, \"not_modified\": %lld, "
           "\"other\": %lld, \"bytes\": %lld, ",
           done, (now_ns() - began) / 1e9, ok, not_modified, other, bytes);
    print_latencies();
    printf("}\n");
    fflush(stdout);
    for (int i = 0; i < many && !stay; i++) close_wire(&connections[i].wire), connections[i].open = 0;
    close(epoll);
}

int main(int argc, char **argv) {
    char line[512];
    int many;
    if (argc < 2) return 2;
    connect_to_these(argv[1]);
    connections = calloc(MOST_CONNECTIONS, sizeof *connections);
    tags = calloc(MOST_PATHS, sizeof *tags);
    if (!connections || !tags) die("calloc");
    while (read_command(line, sizeof line)) {
        if (sscanf(line, "%d %lld %127s %lld %lld %7s", &many, &wanted, prefix, &first, &paths,
                   mode) != 6 || many > MOST_CONNECTIONS || paths > MOST_PATHS)
            return 2;
        sent = done = ok = not_modified = other = bytes = 0;
        run(many, argc > 2);
    }
}
