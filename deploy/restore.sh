#!/bin/sh
# `make restore FILE=...`: replaces what users have written by what `make backup` has written to the file.
set -eu
name=${1:-}
if [ -z "$name" ]; then
    echo "Name the file: make restore FILE=backups/..." >&2
    exit 2
fi
if [ ! -r "$name" ]; then
    echo "There is no file $name that can be read." >&2
    exit 2
fi
case $name in /*) ;; *) name=$PWD/$name ;; esac
. "$(dirname "$0")/engine.sh"

docker compose run --rm --no-deps -T tools restore <"$name"
