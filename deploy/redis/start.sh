#!/bin/sh
# Starts Redis with the users of users.acl, and with the user `default` for the operator. Their
# passwords are in the environment: letters and digits. The arguments are those of redis-server.
# `start.sh reload` lets the server that runs here take over a users.acl that has changed since.
set -eu
umask 077
acl=${TMPDIR:-/tmp}/users.acl

password() {
    eval "value=\${REDIS_$1_PASSWORD:-}"
    if [ -z "$value" ]; then
        echo "REDIS_$1_PASSWORD is not set: deploy/passwords.sh writes it into .env." >&2
        exit 1
    fi
    case $value in *[!A-Za-z0-9]*)
        echo "REDIS_$1_PASSWORD must consist of letters and digits." >&2
        exit 1
        ;;
    esac
    printf %s "$value"
}

admin=$(password ADMIN)
gateway=$(password GATEWAY)
api=$(password API)
ws=$(password WS)
cards=$(password CARDS)
webhooks=$(password WEBHOOKS)
sed -e "s/^user default off\$/user default on >$admin ~* \\&* +@all/" \
    -e "s/>change-this-gateway />$gateway /" -e "s/>change-this-api />$api /" \
    -e "s/>change-this-ws />$ws /" -e "s/>change-this-cards />$cards /" \
    -e "s/>change-this-webhooks />$webhooks /" \
    "$(dirname "$0")/users.acl" >"$acl"
if [ "${1:-}" = reload ]; then exec redis-cli -e acl load; fi
unset REDIS_ADMIN_PASSWORD REDIS_GATEWAY_PASSWORD REDIS_API_PASSWORD REDIS_WS_PASSWORD REDIS_CARDS_PASSWORD \
    REDIS_WEBHOOKS_PASSWORD
exec redis-server --aclfile "$acl" "$@"
