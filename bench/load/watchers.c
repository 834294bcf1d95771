/* Thousands of WebSocket clients in one thread: `watchers SERVERS [modest|lanyard|events]`, where SERVERS
 * is PORT or HOST:PORT,HOST:PORT…, connected to in turn. A modest one
 * leaves the core to other processes, such as a probe that measures latency. One of lanyard speaks
 * Lanyard's dialect: its first frame is INIT_STATE, and Hello is not counted. One of events reads
 * Server-Sent Events: each line of data is a frame.
 *
 * `watchers SERVERS returning MS FIRST COUNT MARK`: clients that connect again when their connection ends,
 * as a page does: after MS to 5 * MS, or up to 30 * MS if they failed before. Each knows the number of
 * the change that it has seen last: it stands after MARK. They come from COUNT addresses above
 * 127.0.0.1 + FIRST.
 *
 * Commands on stdin, one JSON line on stdout each:
 *   open COUNT FIRST STEP  connect COUNT clients; client i watches user FIRST + i * STEP. Answers
 *                          when each has its first frame; latencies are connect to first frame.
 *   mark                   count from zero
 *   await FRAMES MS        answer when FRAMES text frames came since the mark, or after MS
 *   hold NUMBER MS         answer when each client is connected and has seen this change (-1: any), or
 *                          after MS
 *   close                  reset every connection
 *
 * A frame with "@<nanoseconds>" in it was made at that CLOCK_MONOTONIC: its age is a latency.
 * Pings are answered. Between commands the clients go on reading.
 */
#include "load.h"

#include <sched.h>

enum { MOST = 1 << 16, AT_ONCE = 64, CHUNK = 1 << 17, LOOK_NS = 5000000, OPEN_MS = 15000 };

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
    int64_t due;      /* when a returning one connects again; 0: it need not */
    int64_t left;     /* when its connection ended; 0: it was never shown anything */
    int64_t seen_at;  /* when it saw its last change */
    int seen;         /* the number of that; -1: none */
    int matched;      /* bytes of the mark that have come */
    int number;       /* as far as its digits have come; -1: no number is being read */
    int fresh;        /* nothing was seen yet on this connection */
    int failures;     /* to connect, since it was shown something */
    char head[512];
};

static struct client *clients;
static int lanyard, events, returning, returning_ms;
static int waiting, returned, refused, skipped, back;
static int count, to_open, under_way, alive, epoll;
static int64_t first_user, step, frames, bytes, text_frames_wanted, wanted, deadline, opening_since;
static enum { IDLE, OPENING, AWAITING, HOLDING } doing;
static const char *mark = ""; /* of a returning one's frames: the number of the change follows */

/* After a random time, as the widget does it (web/widget/socket.js), where MS is 1000. */
static void come_back(struct client *c) {
    if (!c->shown) c->failures++, refused++;
    int64_t longest = 5 * returning_ms, least = returning_ms;
    if (c->failures) {
        longest = c->failures < 5 ? returning_ms << c->failures : 30 * returning_ms;
        least = longest / 2;
    }
    c->due = now_ns() + (int64_t)((least + drand48() * (longest - least)) * 1e6);
    waiting++;
}

static void hang_up(struct client *c) {
    if (c->wire.fd < 0) return;
    close_wire(&c->wire);
    alive--;
    if (!c->shown) under_way--;
    else c->left = now_ns();
    if (returning) come_back(c);
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
    c->asked = 1;
    if (transmit(&c->wire, request, size) == size) return;
    if (!may_fail) die("write");
    hang_up(c);
}

static void connect_this(struct client *c, int number) {
    open_wire(&c->wire, number);
    if (c->wire.fd < 0) {
        come_back(c);
        return;
    }
    nonblocking(c->wire.fd);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = c - clients};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->wire.fd, &event);
    alive++, under_way++;
    if (wire_ready(&c->wire) > 0) ask(c);
}

static void connect_one(void) {
    struct client *c = &clients[count];
    *c = (struct client){.began = now_ns(), .seen = -1, .number = -1, .fresh = 1};
    connect_this(c, count++);
    to_open--;
}

/* Those that are due, each at another server than the last time. An attempt may be swallowed: a proxy
 * at its limit leaves it in its backlog. The widget waits as long. */
static void connect_again(void) {
    int64_t now = now_ns(), late = now - OPEN_MS * 1000000LL;
    for (int i = 0; i < count; i++) {
        struct client *c = &clients[i];
        if (c->wire.fd >= 0 && !c->shown && c->began < late) hang_up(c);
        if (!c->due || c->due > now) continue;
        waiting--;
        c->due = 0, c->began = now, c->fresh = 1, c->number = -1;
        c->asked = c->greeted = c->shown = c->have = c->skip = c->matched = 0;
        connect_this(c, i + 1 + c->failures);
    }
}

static void saw(struct client *c) {
    if (c->number < c->seen) back++;
    if (c->number == c->seen) return;
    if (!c->fresh && c->number > c->seen + 1) skipped += c->number - c->seen - 1;
    c->seen = c->number, c->seen_at = now_ns(), c->fresh = 0;
}

/* A part of a frame's payload: the number of the change stands after the mark. */
static void look_for_number(struct client *c, const char *data, size_t size) {
    for (const char *end = data + size; data < end; data++) {
        if (c->number >= 0 && *data >= '0' && *data <= '9') {
            c->number = c->number * 10 + *data - '0';
        } else if (c->number >= 0) {
            saw(c);
            c->number = -1, c->matched = 0;
        } else if (*data == mark[c->matched]) {
            if (!mark[++c->matched]) c->number = 0;
        } else {
            c->matched = *data == mark[0];
        }
    }
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
        c->failures = 0;
        if (c->left) returned++, sample(now_ns() - c->left);
        else if (doing == OPENING) sample(now_ns() - c->began);
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
    if (opcode == 9 && transmit(&c->wire, "\x8a\x80\0\0\0\0", 6) != 6 && !may_fail) die("pong");
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
            if (returning) look_for_number(c, data, here);
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
            if (end && returning && memcmp(c->head, "HTTP/1.1 101", 12)) {
                hang_up(c);
                return;
            }
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
    if (c->wire.fd < 0) return;
    int ready = wire_ready(&c->wire);
    if (ready < 0) hang_up(c);
    if (ready <= 0) return;
    if (!c->asked) ask(c);
    if (c->wire.fd < 0) return;
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

/* How many are connected, and have seen the change. */
static int holding(void) {
    int found = 0;
    for (int i = 0; i < count; i++)
        found += clients[i].wire.fd >= 0 && clients[i].shown && (wanted < 0 || clients[i].seen == wanted);
    return found;
}

static void answer(void) {
    double seconds = doing == OPENING ? (now_ns() - opening_since) / 1e9 : 0;
    printf("{\"frames\": %lld, \"bytes\": %lld, \"alive\": %d, \"seconds\": %.6f, ",
           (long long)frames, (long long)bytes, alive, seconds);
    print_latencies();
    if (returning) {
        int64_t last = 0;
        for (int i = 0; i < count; i++)
            if (clients[i].seen_at > last) last = clients[i].seen_at;
        printf(", \"holding\": %d, \"returned\": %d, \"refused\": %d, \"skipped\": %d, "
               "\"back\": %d, \"last_ns\": %lld",
               holding(), returned, refused, skipped, back, (long long)last);
    }
    printf("}\n");
    fflush(stdout);
    doing = IDLE;
}

static void look_at_all(void) {
    if (now_ns() > deadline || (!waiting && holding() == count)) answer();
}

/* What looks at each client is not done at each event. */
static void every(int64_t *next, void (*look)(void)) {
    if (now_ns() < *next) return;
    look();
    *next = now_ns() + LOOK_NS;
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
    } else if (sscanf(line, "hold %lld %lld", &a, &b) == 2) {
        wanted = a, deadline = now_ns() + b * 1000000, doing = HOLDING;
    } else if (!strcmp(line, "mark")) {
        frames = bytes = 0;
        answer();
    } else if (!strcmp(line, "close")) {
        for (int i = 0; i < count; i++) hang_up(&clients[i]);
        count = waiting = 0;
        answer();
    }
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    connect_to_these(argv[1]);
    allow_many_sockets();
    lanyard = argc > 2 && !strcmp(argv[2], "lanyard");
    events = argc > 2 && !strcmp(argv[2], "events");
    if (argc > 6 && !strcmp(argv[2], "returning")) {
        returning = may_fail = 1, returning_ms = atoi(argv[3]);
        first_address = atoi(argv[4]), addresses = atoi(argv[5]), mark = argv[6];
        srand48(first_address);
    } else if (argc > 2 && !lanyard && !events) sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0});
    if (!(clients = calloc(MOST, sizeof *clients))) die("calloc");
    epoll = epoll_create1(0);
    int64_t next_return = 0, next_look = 0;
    struct epoll_event stdin_event = {.events = EPOLLIN, .data.u32 = MOST};
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &stdin_event);
    for (;;) {
        struct epoll_event found[512];
        int ready = epoll_wait(epoll, found, 512, doing == IDLE && !waiting && !under_way ? -1 : 10);
        for (int i = 0; i < ready; i++) {
            if (found[i].data.u32 == MOST)
                command();
            else
                readable(&clients[found[i].data.u32]);
        }
        if (returning && (waiting || under_way)) every(&next_return, connect_again);
        while (doing == OPENING && to_open && under_way < AT_ONCE) connect_one();
        if (doing == OPENING && !to_open && !under_way && !waiting) answer();
        if (doing == HOLDING) every(&next_look, look_at_all);
        if (doing == AWAITING && (frames >= text_frames_wanted || now_ns() > deadline)) answer();
    }
}
