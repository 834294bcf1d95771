/* The least that a fan-out can cost: `floor FILE`. Prints its port.
 *
 * Accepts sockets, answers the upgrade request with a 101 and the bytes of FILE (one WebSocket
 * frame); each line on stdin writes these bytes to every socket. Nothing is looked at, kept or
 * queued; a socket that takes less than the whole frame is an error, as no client here is slow.
 */
#include "load.h"

enum { MOST = 1 << 16, GREETED = 1 };

static const char WELCOME[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static char frame[1 << 16];
static size_t size;
static unsigned char state[MOST]; /* by file descriptor */
static int last_fd;

static void send_frame(int fd) {
    if (write(fd, frame, size) != (ssize_t)size) die("short write");
}

static void request(int fd) {
    char head[4096];
    ssize_t got = read(fd, head, sizeof head);
    if (got <= 0) {
        state[fd] = 0;
        close(fd);
    } else if (!state[fd] && memmem(head, got, "\r\n\r\n", 4)) {
        if (write(fd, WELCOME, sizeof WELCOME - 1) != sizeof WELCOME - 1) die("short write");
        send_frame(fd);
        state[fd] = GREETED;
    }
}

int main(int argc, char **argv) {
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!file || !(size = fread(frame, 1, sizeof frame, file))) die("FILE");
    allow_many_sockets();
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0);
    struct sockaddr_in here = {.sin_family = AF_INET};
    socklen_t here_size = sizeof here;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 1024))
        die("listen");
    getsockname(listener, (struct sockaddr *)&here, &here_size);
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    event.data.fd = 0;
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
    for (;;) {
        struct epoll_event events[512];
        int ready = epoll_wait(epoll, events, 512, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    if (fd >= MOST) die("too many sockets");
                    if (fd > last_fd) last_fd = fd;
                    int one = 1; /* as asyncio's transports have it */
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    event.data.fd = fd;
                    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
                }
            } else if (fd == 0) {
                char line[64];
                if (!read_command(line, sizeof line)) return 0;
                for (int to = 0; to <= last_fd; to++)
                    if (state[to]) send_frame(to);
            } else {
                request(fd);
            }
        }
    }
}
