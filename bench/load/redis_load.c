/* The same Redis commands over and over, pipelined: `redis_load PORT`.
 *
 * A line on stdin, a JSON line on stdout:
 *   COUNT PIPELINE REPLIES USERS EACH FILE
 * sends the RESP of FILE COUNT times, PIPELINE of them at once; each is answered by REPLIES lines.
 * It is of EACH users, 500000000000000000, 500000000000000001, …: the next of USERS users stand in
 * their place, and the time's number in that of `mph 000000`, so that each is a change.
 */
#include "load.h"

static const char USER[] = "50000000000000", CHANGE[] = "mph 000000"; /* the user's last 4 follow */
static long long first = 500000000000000000LL;

/* The user of the file that has the number n is the (from + n)th of `users`. */
static void stamp_users(char *text, size_t size, long long from, long long users) {
    int known = strlen(USER), width = known + 4;
    for (char *at = text; (at = memmem(at, text + size - at, USER, known)); at += width) {
        char digits[24], last[5] = {0};
        memcpy(last, at + known, 4);
        snprintf(digits, sizeof digits, "%lld", first + (from + atoi(last)) % users);
        memcpy(at, digits, width);
    }
}

static void stamp_change(char *text, size_t size, long long number) {
    int known = strlen("mph "), width = strlen(CHANGE);
    char digits[24];
    snprintf(digits, sizeof digits, "%06lld", number);
    for (char *at = text; (at = memmem(at, text + size - at, CHANGE, width)); at += width)
        memcpy(at + known, digits, width - known);
}

static void send_all(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t sent = write(fd, data, size);
        if (sent <= 0) die("write");
        data += sent, size -= sent;
    }
}

static void await_lines(int fd, long long lines) {
    static char answer[1 << 16];
    while (lines > 0) {
        ssize_t got = read(fd, answer, sizeof answer);
        if (got <= 0) die("redis hung up");
        for (char *at = answer; (at = memchr(at, '\n', answer + got - at)); at++) lines--;
        if (*answer == '-') {
            fprintf(stderr, "%.*s", (int)got, answer);
            exit(1);
        }
    }
}

int main(int argc, char **argv) {
    static char command[1 << 18], line[512], path[256];
    long long count, pipeline, replies, users, each, sent = 0;
    if (argc != 2) return 2;
    connect_to_these(argv[1]);
    int fd = connect_to(0);
    while (read_command(line, sizeof line)) {
        if (sscanf(line, "%lld %lld %lld %lld %lld %255s", &count, &pipeline, &replies, &users, &each,
                   path) != 6)
            return 2;
        FILE *file = fopen(path, "rb");
        if (!file) die(path);
        size_t size = fread(command, 1, sizeof command, file);
        fclose(file);
        char *batch = malloc(size * pipeline);
        int64_t began = now_ns();
        for (long long done = 0; done < count; done += pipeline) {
            for (long long i = 0; i < pipeline; i++, sent += each) {
                char *one = batch + i * size;
                memcpy(one, command, size);
                stamp_users(one, size, sent, users);
                stamp_change(one, size, (sent / users + 1) % 1000000);
            }
            send_all(fd, batch, size * pipeline);
            await_lines(fd, replies * pipeline);
        }
        printf("{\"seconds\": %.6f}\n", (now_ns() - began) / 1e9);
        fflush(stdout);
        free(batch);
    }
}
