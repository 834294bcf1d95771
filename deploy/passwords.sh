#!/bin/sh
# Writes a random password for each user of Redis into .env, unless it is set there or in the
# environment. Prints none. `make up` runs it; without make, run it once before `docker compose up`.
set -eu
cd "$(dirname "$0")/.."
file=.env

umask 077 # if the file is new
if [ -O "$file" ]; then chmod go-rwx "$file"; fi # it may be a copy of .env.example, with a token in it
for user in ADMIN GATEWAY API WS CARDS WEBHOOKS; do
    name=REDIS_${user}_PASSWORD
    eval "value=\${$name:-}"
    if [ -n "$value" ] || grep -q "^$name=." "$file" 2>/dev/null; then continue; fi
    # The file may not end with a line break.
    if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo >>"$file"; fi
    echo "$name=$(od -An -N 24 -t x1 /dev/urandom | tr -d ' \n')" >>"$file"
done
