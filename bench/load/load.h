/* What the load programs share: a clock, latencies, and the connection to a server: plain, or
 * encrypted (compiled with -DWITH_TLS and linked with OpenSSL).
 */
#pragma once
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/ssl.h>
#endif

static inline void die(const char *what) {
    perror(what);
    exit(1);
}

/* CLOCK_MONOTONIC in nanoseconds: the same clock in every process of the machine. */
static inline int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Latencies in nanoseconds; only the first SAMPLES of a run are kept. */
enum { SAMPLES = 2000000 };
static int64_t *samples;
static size_t sampled;

static inline void sample(int64_t latency) {
    if (!samples && !(samples = malloc(SAMPLES * sizeof *samples))) die("malloc");
    if (sampled < SAMPLES) samples[sampled++] = latency;
}

static inline int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Prints "p50": …, "p99": …, "max": … in microseconds, and forgets the samples. */
static inline void print_latencies(void) {
    if (sampled) qsort(samples, sampled, sizeof *samples, by_size);
#define AT(share) (sampled ? samples[(size_t)((sampled - 1) * (share))] / 1000.0 : 0.0)
    printf("\"samples\": %zu, \"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f", sampled, AT(0.5),
           AT(0.99), AT(1.0));
#undef AT
    sampled = 0;
}

/* Allows as many sockets as the hard limit has. */
static inline void allow_many_sockets(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Where to connect to: PORT, or HOST:PORT,HOST:PORT… which take turns. */
enum { MOST_SERVERS = 16 };
static struct sockaddr_in servers[MOST_SERVERS];
static int server_count;

static inline void connect_to_these(const char *list) {
    char text[512], *rest = text, *one;
    snprintf(text, sizeof text, "%s", list);
    while ((one = strsep(&rest, ",")) && server_count < MOST_SERVERS) {
        char *port = strchr(one, ':');
        struct sockaddr_in *to = &servers[server_count++];
        if (port) *port++ = 0;
        to->sin_family = AF_INET;
        to->sin_port = htons(atoi(port ? port : one));
        to->sin_addr.s_addr = port ? inet_addr(one) : htonl(INADDR_LOOPBACK);
    }
}

/* The clients' addresses, above 127.0.0.1: the ports of one run out, and a server may limit each. */
static int first_address = 1, addresses = 8;
/* Whether a connection that fails is -1, and not the end of the program. */
static int may_fail;

/* A connection. A close resets it: no TIME_WAIT. */
static inline int connect_to(int number) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) die("socket");
    struct linger reset = {1, 0};
    struct sockaddr_in from = {.sin_family = AF_INET}, *to = &servers[number % server_count];
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + first_address + number % addresses);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    bind(fd, (struct sockaddr *)&from, sizeof from); /* where it fails, 127.0.0.1 does */
    if (connect(fd, (struct sockaddr *)to, sizeof *to) < 0) {
        if (!may_fail) die("connect");
        close(fd);
        return -1;
    }
    return fd;
}

static inline void nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

/* A connected socket. `receive` and `transmit` are read and write: what they return, and errno. */
#ifdef WITH_TLS

struct wire {
    int fd; /* -1: closed */
    SSL *tls;
};

static inline void open_wire(struct wire *wire, int number) {
    static SSL_CTX *context;
    if (!context) {
        if (!(context = SSL_CTX_new(TLS_client_method()))) die("SSL_CTX_new");
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    }
    if ((wire->fd = connect_to(number)) < 0) return;
    if (!(wire->tls = SSL_new(context)) || !SSL_set_fd(wire->tls, wire->fd)) die("SSL_new");
    SSL_set_tlsext_host_name(wire->tls, "localhost");
    SSL_set_connect_state(wire->tls);
}

static inline ssize_t tls_result(struct wire *wire, int result) {
    if (result > 0) return result;
    int why = SSL_get_error(wire->tls, result);
    if (why == SSL_ERROR_ZERO_RETURN) return 0;
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) errno = EAGAIN;
    else if (why != SSL_ERROR_SYSCALL || !errno) errno = EPROTO;
    return -1;
}

/* 1 when the connection can be written to; until then it is called again for what arrives. -1: it
 * failed, and may. */
static inline int wire_ready(struct wire *wire) {
    if (SSL_is_init_finished(wire->tls)) return 1;
    if (tls_result(wire, SSL_do_handshake(wire->tls)) > 0) return 1;
    if (errno == EAGAIN) return 0;
    if (!may_fail) die("TLS handshake");
    return -1;
}

static inline ssize_t receive(struct wire *wire, void *into, size_t size) {
    return tls_result(wire, SSL_read(wire->tls, into, size));
}

/* Whether data was read from the socket and not yet by `receive`. */
static inline int more_held(struct wire *wire) { return SSL_pending(wire->tls) > 0; }

static inline ssize_t transmit(struct wire *wire, const void *from, size_t size) {
    return tls_result(wire, SSL_write(wire->tls, from, size));
}

static inline void close_wire(struct wire *wire) {
    SSL_free(wire->tls);
    close(wire->fd);
    wire->fd = -1;
}

#else

struct wire {
    int fd;
};

static inline void open_wire(struct wire *wire, int number) { wire->fd = connect_to(number); }

static inline int wire_ready(struct wire *wire) { return wire->fd >= 0; }

static inline ssize_t receive(struct wire *wire, void *into, size_t size) {
    return read(wire->fd, into, size);
}

static inline int more_held(struct wire *wire) {
    (void)wire;
    return 0;
}

static inline ssize_t transmit(struct wire *wire, const void *from, size_t size) {
    return write(wire->fd, from, size);
}

static inline void close_wire(struct wire *wire) {
    close(wire->fd);
    wire->fd = -1;
}

#endif

/* One command line from stdin, byte by byte: nothing of the next one is taken. 0 at its end. */
static inline int read_command(char *line, size_t size) {
    size_t have = 0;
    while (have + 1 < size && read(0, line + have, 1) == 1) {
        if (line[have] == '\n') {
            line[have] = 0;
            return 1;
        }
        have++;
    }
    return 0;
}
