#!/bin/sh
# Writes the passwords of the users of ../redis, and a URL with each, to the end of a secret.env.
# Prints none. deploy/kubernetes/passwords.sh deploy/kubernetes/example/secret.env
set -eu

file=${1:?Name the file: deploy/kubernetes/passwords.sh <folder>/secret.env}
if grep -q "^REDIS_ADMIN_PASSWORD=." "$file" 2>/dev/null; then
    echo "$file has passwords already. Remove its lines with REDIS to get new ones." >&2
    exit 1
fi
umask 077 # if the file is new
if [ -O "$file" ]; then chmod go-rwx "$file"; fi
if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo >>"$file"; fi
for user in ADMIN GATEWAY API WS CARDS WEBHOOKS; do
    password=$(od -An -N 24 -t x1 /dev/urandom | tr -d ' \n')
    echo "REDIS_${user}_PASSWORD=$password"
    [ "$user" = ADMIN ] && continue
    name=$(echo "$user" | tr '[:upper:]' '[:lower:]')
    echo "${user}_REDIS_URL=redis://$name:$password@redis:6379/0"
done >>"$file"
