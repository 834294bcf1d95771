#!/bin/sh
# `make scale`: more or fewer containers of a service. deploy/scale.sh api=3 ws=3
set -eu
. "$(dirname "$0")/engine.sh"

if [ $# -eq 0 ]; then
    echo "Give the numbers of containers: make scale API=3 WS=3" >&2
    exit 2
fi
parts="" scaled="" settings=""
for one in "$@"; do
    parts="$parts ${one%%=*}"
    scaled="$scaled --scale $one"
    name=$(echo "${one%%=*}" | tr '[:lower:]' '[:upper:]')
    settings="$settings${settings:+, }${name}_REPLICAS=${one#*=}"
done
docker compose $profiles up --detach --no-recreate --wait --wait-timeout 120 $scaled $parts
echo "To keep this at the next \`make up\`, write into .env: $settings"
