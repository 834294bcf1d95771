#!/bin/sh
# Starts HAProxy in its container, and reloads it when Caddy has got or renewed the certificate of
# SITE_ADDRESS. A reload keeps connections.
set -eu
config=/etc/grux/containers.cfg
lists=/tmp

# HAProxy reads both lists from files.
echo "${TRUSTED_PROXIES:-}" | tr -s ', ' '\n\n' >"$lists/trusted-proxies"
: >"$lists/certificates"

# Lists the newest certificate, if it is not the one that is loaded. Its key is another file, and does
# not fit to it for a moment while Caddy writes both: then HAProxy rejects them, and the next look succeeds.
name=$(echo "${SITE_ADDRESS:-}" | tr '[:upper:]' '[:lower:]') # as Caddy writes it
loaded=""
renewed() {
    newest=$(ls -t /data/caddy/certificates/*/"$name"/"$name".crt 2>/dev/null | head -n 1)
    [ -n "$newest" ] && sum=$(cksum "$newest") && [ "$sum" != "$loaded" ] || return 1
    echo "$newest" >"$lists/certificates.new"
    CERTIFICATES=$lists/certificates.new haproxy -c -f "$config" >/dev/null || return 1
    mv "$lists/certificates.new" "$lists/certificates"
    loaded=$sum
}

export CERTIFICATES="$lists/certificates"
if [ -z "$name" ]; then exec haproxy -W -db -f "$config"; fi

renewed || echo "There is no certificate yet: Caddy gets one, and port 443 answers then."
haproxy -W -db -f "$config" &
haproxy=$!
trap 'kill -TERM $haproxy; wait $haproxy; exit 0' TERM INT
while kill -0 $haproxy 2>/dev/null; do
    if renewed; then
        # The signal would be lost before HAProxy has a handler for it.
        until grep -qs '^SigCgt:.*[89a-f]..$' "/proc/$haproxy/status" || ! kill -0 $haproxy; do sleep 1; done
        kill -USR2 $haproxy
        echo "The certificate is new: HAProxy is reloaded."
    fi
    sleep 2 &
    wait $! # unlike `sleep 2`, a signal ends it at once
done
wait $haproxy
