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
if [ "$profiles" = "$demo" ]; then # there may have been endpoints before
    docker compose --profile webhooks rm --stop --force webhooks >/dev/null 2>&1 || true
fi
if ! docker compose $profiles up --detach --build --wait --wait-timeout 180 "$@"; then
    echo >&2
    # Service, state and health of each container that does not run as it should.
    docker compose $profiles ps --all --format '{{.Service}} {{.State}} {{.Health}}' |
        grep -Ev ' running (healthy)?$' | sort -u | while read -r part state health; do
        echo "$part is ${health:-$state}. Its last log lines:" >&2
        docker compose $profiles logs --no-log-prefix --tail 5 "$part" </dev/null >&2
        if [ "$part $state" = "$front_door created" ]; then
            echo "If another program uses its port (see the message above), set HTTP_ADDRESS in .env to" >&2
            echo "another one, such as 127.0.0.1:8081. With SITE_ADDRESS, ports 80 and 443 must be free." >&2
        fi
        echo >&2
    done
    echo "Some services did not start. \`make logs\` shows all logs, and" >&2
    echo "\`docker compose run --rm --no-deps gateway doctor\` looks for the cause." >&2
    exit 1
fi
reload_files

http=$(setting PUBLIC_URL)
ws=$(setting PUBLIC_WS_URL)
echo
if [ -n "$demo" ]; then
    cat <<END
Grux runs with simulated users, because DISCORD_TOKEN is not set in .env.

  $http/ is the page, with a live card

  curl $http/user/161092844126208001
  new WebSocket("$ws/?user_id=161092844126208001").onmessage = (frame) => console.log(frame.data)

The second line prints a presence. The third, in a browser's console, prints its changes every few seconds.
$http/history/161092844126208001 shows what this user did before.
END
else
    cat <<END
Grux runs: $http and $ws

  $http/ is the page: enter an id, and it shows the card of that user
  curl $http/user/<the id of a member of a server that the bot is in>
  docker compose run --rm --no-deps gateway doctor    checks the setup
END
fi
echo
echo "\`make logs\` follows the logs, \`make down\` stops Grux."
