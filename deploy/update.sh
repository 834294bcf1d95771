#!/bin/sh
# `make update`: builds the images anew and replaces what runs, without a gap.
# For each part, as many new containers are started beside the old ones, and have to be healthy
# before the old ones are told to end, one after the other. WebSocket clients hear 1012 (come again).
# A new gateway stands by, and takes over when the old one lets go.
set -eu
. "$(dirname "$0")/engine.sh"
GRUX_REVISION=${GRUX_REVISION:-$(git rev-parse --short HEAD 2>/dev/null || echo unknown)}
export GRUX_REVISION

scaled=""
docker compose $demo build "$@"
for part in api ws gateway; do
    old=$(docker compose ps --quiet "$part")
    if [ -z "$old" ]; then
        echo "Nothing runs that could be updated: \`make up\` starts it." >&2
        exit 1
    fi
    count=$(echo "$old" | wc -l)
    if ! docker compose $demo up --detach --no-recreate --wait --wait-timeout 120 \
        --scale "$part=$((2 * count))" "$part"; then
        echo "The new $part does not become healthy. Its last lines:" >&2
        docker compose logs --no-log-prefix --tail 5 "$part" >&2
        for one in $(docker compose ps --all --quiet "$part"); do
            case "$old" in *"$one"*) ;; *) docker rm --force "$one" >/dev/null ;; esac
        done
        echo "It was removed again; the old one still serves." >&2
        exit 1
    fi
    for one in $old; do
        docker stop "$one" >/dev/null
        docker rm "$one" >/dev/null
    done
    scaled="$scaled --scale $part=$count"
done
# The others are replaced where something of theirs has changed, and left alone where not.
docker compose $demo up --detach --wait --wait-timeout 120 $scaled
