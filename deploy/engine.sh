# Read by the scripts beside this one: is there a Docker, and is there a token?

cd "$(dirname "$0")/.." || exit 1

if ! docker compose version >/dev/null 2>&1; then
    echo "Docker with compose is needed: https://docs.docker.com/engine/install/" >&2
    echo "Without Docker, \`make run\` starts all of it on this machine." >&2
    exit 1
fi
if ! problem=$(docker info 2>&1 >/dev/null); then
    echo "Docker does not answer. Is it started, and may you use it? It says:" >&2
    echo "  $problem" >&2
    exit 1
fi

# Of the gateway's environment, as compose puts it together from .env and the shell's.
setting() {
    docker compose config | sed -n "s/^      $1: //p" | tr -d "\"'" | head -1
}

if [ -n "$(setting DISCORD_TOKEN)" ]; then demo=""; else demo="--profile demo"; fi
