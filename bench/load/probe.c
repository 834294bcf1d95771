/* How long a newcomer waits: `probe PORT`.
 *
 * A line on stdin, a JSON line on stdout:
 *   COUNT EVERY_MS MARK REQUEST_TARGET
 * opens a fresh connection COUNT times, one each EVERY_MS, asks for the target (as a WebSocket if
 * it has a `?`), and measures the time from connect() until MARK has come.
 */
#include "load.h"

static void once(int number, const char *target, const char *mark) {
    static char answer[1 << 16];
    char request[512];
    size_t have = 0;
    int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n",
                        target,
                        strchr(target, '?') ? "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                              "Sec-WebSocket-Version: 13\r\n"
                                            : "");
    int64_t began = now_ns();
    int fd = connect_to(number);
    if (write(fd, request, size) != size) die("write");
    while (!memmem(answer, have, mark, strlen(mark))) {
        ssize_t got = read(fd, answer + have, sizeof answer - have);
        if (got <= 0) die("no answer");
        have += got;
    }
    sample(now_ns() - began);
    close(fd);
}

int main(int argc, char **argv) {
    char line[512], mark[128], target[256];
    int many, every;
    if (argc != 2) return 2;
    connect_to_these(argv[1]);
    while (read_command(line, sizeof line)) {
        if (sscanf(line, "%d %d %127s %255s", &many, &every, mark, target) != 4) return 2;
        for (int i = 0; i < many; i++) {
            once(i, target, mark);
            usleep(every * 1000);
        }
        printf("{");
        print_latencies();
        printf("}\n");
        fflush(stdout);
    }
}
