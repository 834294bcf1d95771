/* Thousands of WebSocket clients in one thread: `watchers SERVERS [modest|lanyard|events]`, where SERVERS
 * is PORT or HOST:PORT,HOST:PORT…, connected to in turn. A modest one
 * leaves the core to other processes, such as a probe that measures latency. One of lanyard speaks
 * Lanyard's dialect: its first frame is INIT_STATE, and Hello is not counted. One of events reads
 * Server-Sent Events: each line of data is a frame.
 *
 * Commands on stdin, one JSON line on stdout each:
 *   open COUNT FIRST STEP  connect COUNT clients; client i watches user FIRST + i * STEP. Answers
 *                          when each has its first frame; latencies are connect to first frame.
 *   mark                   count from zero
 *   await FRAMES MS        answer when FRAMES text frames came since the mark, or after MS
 *   close                  reset every connection
 *
 * A frame with "@<nanoseconds>" in it was made at that CLOCK_MONOTONIC: its age is a latency.
 * Pings are answered. Between commands the clients go on reading.
 */
#include "load.h"

#include <sched.h>

enum { MOST = 1 << 16, AT_ONCE = 64, CHUNK = 1 << 17 };

struct client {
    struct wire wire;
    int asked;        /* its request is sent */
    int greeted;      /* the 101 is read */
    int shown;        /* its first frame has come */
    int welcomed;     /* Hello has come, in Lanyard's dialect */
    int have;         /* bytes of an unfinished head, in `head` */
    int64_t skip;     /* bytes of the current frame still to come; of an event's line, those read */
    int data;         /* the current line of an event stream is one of data */
    int64_t began;    /* when it connected */
    char head[512];
};

static struct client *clients;
static int lanyard, events;
static int count, to_open, under_way, alive, epoll;
static int64_t first_user, step, frames, bytes, text_frames_wanted, deadline, opening_since;
static enum { IDLE, OPENING, AWAITING } doing;

static void hang_up(struct client *c) {
    if (c->wire.fd < 0) return;
    close_wire(&c->wire);
    alive--;
    if (!c->shown) under_way--;
}

static void ask(struct client *c) {
    char request[512];
    long long user = first_user + (c - clients) * step;
    int size = events
        ? snprintf(request, sizeof request,
                   "GET /events?user_id=%lld HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                   "Accept: text/event-stream\r\nOrigin: https://example.org\r\n\r\n", user)
        : snprintf(request, sizeof request,
                   "GET /%s%.0lld HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                   "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   "Sec-WebSocket-Version: 13\r\nOrigin: https://example.org\r\n\r\n",
                   lanyard ? "socket" : "?user_id=", lanyard ? 0LL : user);
    if (transmit(&c->wire, request, size) != size) die("write");
    c->asked = 1;
}

static void connect_one(void) {
    struct client *c = &clients[count];
    *c = (struct client){.began = now_ns()};
    open_wire(&c->wire, count);
    nonblocking(c->wire.fd);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = count};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->wire.fd, &event);
    count++, alive++, under_way++, to_open--;
    if (wire_ready(&c->wire)) ask(c);
}

static void take_stamps(const char *data, size_t size) {
    int64_t now = now_ns();
    const char *end = data + size, *at = data;
    while ((at = memmem(at, end - at, "\"@", 2)) && end - at > 4) {
        long long made = strtoll(at + 2, NULL, 10);
        if (made > 1000000) sample(now - made);
        at += 2;
    }
}

/* Op 2 of Lanyard's dialect, masked by zeros. */
static void initialize(struct client *c) {
    char frame[128];
    int size = snprintf(frame + 6, sizeof frame - 6, "{\"op\":2,\"d\":{\"subscribe_to_id\":\"%lld\"}}",
                        (long long)(first_user + (c - clients) * step));
    memcpy(frame, "\x81\0\0\0\0\0", 6);
    frame[1] = (char)(0x80 | size);
    if (transmit(&c->wire, frame, size + 6) != size + 6) die("write");
}

static void text_frame(struct client *c, int64_t size) {
    if (lanyard && !c->welcomed) {
        c->welcomed = 1;
        initialize(c);
        return;
    }
    frames++, bytes += size;
    if (!c->shown) {
        c->shown = 1;
        under_way--;
        if (doing == OPENING) sample(now_ns() - c->began);
    }
}

/* One frame's header at `data`; how many bytes the whole header takes, 0 if more are needed. */
static int frame_header(struct client *c, const unsigned char *data, size_t have) {
    if (have < 2) return 0;
    int size = 2;
    int64_t payload = data[1] & 127;
    if (payload == 126) {
        if (have < (size_t)(size = 4)) return 0;
        payload = data[2] << 8 | data[3];
    } else if (payload == 127) {
        if (have < (size_t)(size = 10)) return 0;
        payload = 0;
        for (int i = 2; i < 10; i++) payload = payload << 8 | data[i];
    }
    c->skip = payload;
    int opcode = data[0] & 15;
    if (opcode == 1) text_frame(c, payload);
    if (opcode == 9 && transmit(&c->wire, "\x8a\x80\0\0\0\0", 6) != 6) die("pong");
    return size;
}

static void take_lines(struct client *c, const char *data, size_t size) {
    while (size) {
        if (!c->skip) c->data = *data == 'd';
        const char *end = memchr(data, '\n', size);
        size_t here = end ? (size_t)(end - data) + 1 : size;
        c->skip += here, data += here, size -= here;
        if (!end) return;
        if (c->data) text_frame(c, c->skip);
        c->skip = 0;
    }
}

static void take(struct client *c, char *data, size_t size) {
    while (size) {
        if (events && c->greeted) {
            take_lines(c, data, size);
            return;
        }
        if (c->skip) {
            size_t here = (int64_t)size < c->skip ? size : (size_t)c->skip;
            c->skip -= here, data += here, size -= here;
            continue;
        }
        /* A head (the 101, or a frame's header) is gathered in the client. */
        size_t room = sizeof c->head - c->have, piece = size < room ? size : room;
        memcpy(c->head + c->have, data, piece);
        size_t gathered = c->have + piece, used = 0;
        if (!c->greeted) {
            char *end = memmem(c->head, gathered, "\r\n\r\n", 4);
            if (end) c->greeted = 1, used = end + 4 - c->head;
        } else {
            used = frame_header(c, (unsigned char *)c->head, gathered);
        }
        if (!used) {
            c->have = gathered;
            if (gathered == sizeof c->head) hang_up(c);
            return;
        }
        used -= c->have; /* of this piece */
        data += used, size -= used, c->have = 0;
    }
}

static void readable(struct client *c) {
    static char chunk[CHUNK];
    if (c->wire.fd < 0 || !wire_ready(&c->wire)) return;
    if (!c->asked) ask(c);
    ssize_t size;
    do { /* TLS gives one record at a time, and may hold the next */
        size = receive(&c->wire, chunk, sizeof chunk);
        if (size <= 0) {
            if (size == 0 || errno != EAGAIN) hang_up(c);
            return;
        }
        if (doing == AWAITING) take_stamps(chunk, size);
        take(c, chunk, size);
    } while (c->wire.fd >= 0 && more_held(&c->wire));
}

static void answer(void) {
    double seconds = doing == OPENING ? (now_ns() - opening_since) / 1e9 : 0;
    printf("{\"frames\": %lld, \"bytes\": %lld, \"alive\": %d, \"seconds\": %.6f, ",
           (long long)frames, (long long)bytes, alive, seconds);
    print_latencies();
    printf("}\n");
    fflush(stdout);
    doing = IDLE;
}

static void command(void) {
    char line[256];
    long long a, b, c;
    if (!read_command(line, sizeof line)) exit(0);
    if (sscanf(line, "open %lld %lld %lld", &a, &b, &c) == 3) {
        if (count + a > MOST) die("too many clients");
        to_open = a, step = c, first_user = b - count * step;
        doing = OPENING, opening_since = now_ns();
    } else if (sscanf(line, "await %lld %lld", &a, &b) == 2) {
        text_frames_wanted = a, deadline = now_ns() + b * 1000000, doing = AWAITING;
    } else if (!strcmp(line, "mark")) {
        frames = bytes = 0;
        answer();
    } else if (!strcmp(line, "close")) {
        for (int i = 0; i < count; i++) hang_up(&clients[i]);
        count = 0;
        answer();
    }
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    connect_to_these(argv[1]);
    allow_many_sockets();
    lanyard = argc > 2 && !strcmp(argv[2], "lanyard");
    events = argc > 2 && !strcmp(argv[2], "events");
    if (argc > 2 && !lanyard && !events) sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0});
    if (!(clients = calloc(MOST, sizeof *clients))) die("calloc");
    epoll = epoll_create1(0);
    struct epoll_event stdin_event = {.events = EPOLLIN, .data.u32 = MOST};
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &stdin_event);
    for (;;) {
        struct epoll_event found[512];
        int ready = epoll_wait(epoll, found, 512, doing == IDLE ? -1 : 10);
        for (int i = 0; i < ready; i++) {
            if (found[i].data.u32 == MOST)
                command();
            else
                readable(&clients[found[i].data.u32]);
        }
        while (doing == OPENING && to_open && under_way < AT_ONCE) connect_one();
        if (doing == OPENING && !to_open && !under_way) answer();
        if (doing == AWAITING && (frames >= text_frames_wanted || now_ns() > deadline)) answer();
    }
}
