# Sourced by the other scripts here: finds Docker, makes passwords, and finds whether there is a token.

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

deploy/passwords.sh

# From the gateway's environment, as compose assembles it from .env and the shell.
setting() {
    docker compose config | sed -n "s/^      $1: //p" | tr -d "\"'" | head -1
}

if [ -n "$(setting DISCORD_TOKEN)" ]; then demo=""; else demo="--profile demo"; fi
profiles=$demo
if docker compose --profile webhooks config | grep -q '^      WEBHOOKS: .*whsec_'; then
    profiles="$demo --profile webhooks"
fi
