/* What the load programs share: a clock, latencies, and the socket they connect with. */
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

/* A connection from 127.0.0.<2…> (ports of one address run out). A close resets it: no TIME_WAIT. */
static inline int connect_to(int port, int number) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) die("socket");
    struct linger reset = {1, 0};
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + number % 8);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    bind(fd, (struct sockaddr *)&from, sizeof from); /* where it fails, 127.0.0.1 does */
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
    return fd;
}

static inline void nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

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
