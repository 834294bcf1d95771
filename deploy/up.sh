#!/bin/sh
# `make up`: starts everything in containers, or applies a changed .env to what runs.
# With the bot of DISCORD_TOKEN; without a token, as a demo with simulated users.
set -eu
. "$(dirname "$0")/engine.sh"
GRUX_REVISION=${GRUX_REVISION:-$(git rev-parse --short HEAD 2>/dev/null || echo unknown)}
export GRUX_REVISION

if [ -z "$demo" ]; then # a demo may have run before
    docker compose --profile demo rm --stop --force simulator >/dev/null 2>&1
fi
if ! docker compose $demo up --detach --build --wait --wait-timeout 180 "$@"; then
    echo >&2
    docker compose $demo logs --no-log-prefix --tail 3 gateway >&2
    echo >&2
    echo "Some services did not start. The gateway's last log lines are above; \`make logs\` shows all" >&2
    echo "logs, and \`docker compose run --rm gateway doctor\` looks for the cause." >&2
    exit 1
fi

http=$(setting PUBLIC_URL)
ws=$(setting PUBLIC_WS_URL)
echo
if [ -n "$demo" ]; then
    cat <<END
Grux runs with simulated users, because DISCORD_TOKEN is not set in .env.

  curl $http/user/161092844126208001
  new WebSocket("$ws/?user_id=161092844126208001").onmessage = (frame) => console.log(frame.data)

The first prints a presence. The second, in a browser's console, prints its changes every few seconds.
END
else
    cat <<END
Grux runs: $http and $ws

  curl $http/user/<the id of a member of a server that the bot is in>
  docker compose run --rm gateway doctor    checks the setup
END
fi
echo
echo "\`make logs\` follows the logs, \`make down\` stops Grux."
