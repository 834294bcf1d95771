#!/bin/sh
# `make backup`: writes what users have written and chosen (key-value stores, hashed keys, settings,
# histories) to a file.
# The argument is its name; without one, backups/ gets a file named for the time.
set -eu
umask 077 # it holds what users may not want to be read
name=${1:-}
case $name in "" | /*) ;; *) name=$PWD/$name ;; esac
. "$(dirname "$0")/engine.sh"

if [ -z "$name" ]; then
    mkdir -p backups
    name=backups/grux-$(date -u +%Y%m%dT%H%M%SZ).jsonl
fi
# Under another name until it is whole.
if ! docker compose run --rm --no-deps -T tools backup >"$name.part"; then
    rm -f "$name.part"
    echo "There is no backup. Is Grux running? \`make ps\` shows it, \`make up\` starts it." >&2
    exit 1
fi
mv "$name.part" "$name"
echo "The backup is in $name. To go back to it: make restore FILE=$name"
