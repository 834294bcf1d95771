#!/bin/sh
# `make update`: builds new images and replaces the running containers, without downtime.
# For each service, the same number of new containers start next to the old ones. When they are healthy,
# the old ones stop, one after the other. WebSocket clients are closed with 1012, and reconnect.
# A new gateway starts on standby, and takes over when the old one releases its lease.
set -eu
. "$(dirname "$0")/engine.sh"
GRUX_REVISION=${GRUX_REVISION:-$(git rev-parse --short HEAD 2>/dev/null || echo unknown)}
export GRUX_REVISION

scaled=""
docker compose $profiles build "$@"
if [ -z "$(docker compose ps --quiet api ws cards gateway)" ]; then
    echo "Grux is not running: start it with \`make up\`." >&2
    exit 1
fi
# First, as new containers may need a user of Redis, or a right, that the old one does not have.
docker compose $profiles up --detach --wait --wait-timeout 120 redis
reload_files
for part in api ws cards gateway; do
    old=$(docker compose ps --quiet "$part")
    if [ -z "$old" ]; then # it runs elsewhere, or is switched off
        scaled="$scaled --scale $part=0"
        continue
    fi
    count=$(echo "$old" | wc -l)
    if ! docker compose $profiles up --detach --no-recreate --wait --wait-timeout 120 \
        --scale "$part=$((2 * count))" "$part"; then
        echo "The new $part does not become healthy. Its last log lines:" >&2
        docker compose logs --no-log-prefix --tail 5 "$part" >&2
        for one in $(docker compose ps --all --quiet "$part"); do
            case "$old" in *"$one"*) ;; *) docker rm --force "$one" >/dev/null ;; esac
        done
        echo "The new containers were removed; the old ones still run." >&2
        exit 1
    fi
    for one in $old; do
        docker stop "$one" >/dev/null
        docker rm "$one" >/dev/null
    done
    scaled="$scaled --scale $part=$count"
done
# The other containers are replaced only if their configuration has changed.
docker compose $profiles up --detach --wait --wait-timeout 120 $scaled
