# Sourced by the other scripts here: finds Docker, checks FRONT_DOOR, makes passwords, and finds whether there
# is a token.

cd "$(dirname "$0")/.." || exit 1

if ! docker compose version >/dev/null 2>&1; then
    echo "Docker with compose is needed: https://docs.docker.com/engine/install/" >&2
    echo "Without Docker, \`make run\` starts Grux on this machine." >&2
    exit 1
fi
if ! problem=$(docker info 2>&1 >/dev/null); then
    echo "Docker does not respond. Check that it is running and that you may use it. Its message:" >&2
    echo "  $problem" >&2
    exit 1
fi

# As compose reads it, from .env and the shell. It could not read docker-compose.yml with a wrong one. The name
# is there because compose takes none from a folder that has no Latin letter or digit in its name.
front_door=$(echo '{name: grux, services: {door: {image: "${FRONT_DOOR:-caddy}"}}}' |
    docker compose --file - config | sed -n 's/^    image: //p')
case $front_door in
caddy | haproxy) ;;
"") exit 1 ;; # compose has said why it cannot read .env
*)
    echo "FRONT_DOOR is $front_door, but must be caddy or haproxy: change it in .env (docs/self-hosting.md)." >&2
    exit 2
    ;;
esac

# Compose makes URLs of it.
site=$(echo '{name: grux, services: {door: {image: "${SITE_ADDRESS:-none}"}}}' |
    docker compose --file - config | sed -n 's/^    image: //p')
case $site in
*[/:]*)
    echo "SITE_ADDRESS is $site, but must be a host name alone, such as presence.example.org: change it in .env." >&2
    exit 2
    ;;
esac

deploy/passwords.sh

# Compose replaces no container whose files alone have changed.
reload_files() {
    if [ -n "$(docker compose ps --quiet redis)" ]; then
        docker compose exec -T redis sh /etc/grux/start.sh reload </dev/null >/dev/null
    fi
    # Not `compose kill`: Docker would take it for a stop, and start Prometheus no more after a crash.
    if [ -n "$(docker compose --profile metrics ps --quiet prometheus)" ]; then
        docker compose --profile metrics exec -T prometheus killall -HUP prometheus </dev/null
    fi
}

# From the gateway's environment, as compose assembles it from .env and the shell.
setting() {
    docker compose config | sed -n "s/^      $1: //p" | tr -d "\"'" | head -1
}

if [ -n "$(setting DISCORD_TOKEN)" ]; then demo=""; else demo="--profile demo"; fi
profiles=$demo
if docker compose --profile webhooks config | grep -q '^      WEBHOOKS: .*whsec_'; then
    profiles="$demo --profile webhooks"
fi
