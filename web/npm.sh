#!/bin/sh
# Run a script of package.json with the tools that package-lock.json pins: `web/npm.sh lint`.
# Without Node.js it says so and succeeds: running Grux needs none of this.
set -eu
cd "$(dirname "$0")"

if ! command -v npm >/dev/null || ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
    echo "Skipped: $1 of web/, because Node.js 20 or newer with npm is not on the PATH."
    exit 0
fi
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    echo "Installing web/package-lock.json into web/node_modules ..."
    npm ci --silent || { echo "npm could not install web/package-lock.json." >&2; exit 1; }
fi
exec npm run --silent "$1"
