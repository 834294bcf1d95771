/* The same Redis commands over and over, pipelined: `redis_load PORT`.
 *
 * A line on stdin, a JSON line on stdout:
 *   COUNT PIPELINE REPLIES USERS FILE
 * sends the RESP of FILE COUNT times, PIPELINE of them at once; each is answered by REPLIES lines.
 * Wherever it says 500000000000000000 the next of USERS users stands instead, and the time's
 * number in place of `mph 000000`, so that each is a change.
 */
#include "load.h"

static const char USER[] = "500000000000000000", CHANGE[] = "mph 000000";
static long long first = 500000000000000000LL;

/* Writes `value` in decimal over the digits that follow `skip` bytes of each `mark`. */
static void stamp(char *text, size_t size, const char *mark, int skip, long long value) {
    int width = strlen(mark) - skip;
    char digits[24];
    snprintf(digits, sizeof digits, "%0*lld", width, value);
    for (char *at = text; (at = memmem(at, text + size - at, mark, strlen(mark))); at += width)
        memcpy(at + skip, digits, width);
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
    static char command[1 << 14], line[512], path[256];
    long long count, pipeline, replies, users, sent = 0;
    if (argc != 2) return 2;
    int fd = connect_to(atoi(argv[1]), 0);
    while (read_command(line, sizeof line)) {
        if (sscanf(line, "%lld %lld %lld %lld %255s", &count, &pipeline, &replies, &users, path) != 5)
            return 2;
        FILE *file = fopen(path, "rb");
        if (!file) die(path);
        size_t size = fread(command, 1, sizeof command, file);
        fclose(file);
        char *batch = malloc(size * pipeline);
        int64_t began = now_ns();
        for (long long done = 0; done < count; done += pipeline) {
            for (long long i = 0; i < pipeline; i++, sent++) {
                char *one = batch + i * size;
                memcpy(one, command, size);
                stamp(one, size, USER, 0, first + sent % users);
                stamp(one, size, CHANGE, 4, (sent / users + 1) % 1000000);
            }
            send_all(fd, batch, size * pipeline);
            await_lines(fd, replies * pipeline);
        }
        printf("{\"seconds\": %.6f}\n", (now_ns() - began) / 1e9);
        fflush(stdout);
        free(batch);
    }
}
