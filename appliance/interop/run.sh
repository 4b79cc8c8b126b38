#!/usr/bin/env bash
# Real clients against a running server, over HTTP and HTTPS: each moves real
# data both ways and compares the bytes.
#
#   appliance/interop/run.sh [CLIENT...]      default: every file in clients/
#
# A client's script gets ENDPOINT, HOST, SCHEME, REGION, CA (PEM file, for
# HTTPS), AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, BUCKET, TREE (files with odd
# names), MANY (over 1,000 files), BIG (a file of over 100 MB) and WORK (a
# directory of its own) and MAKE_BUCKET, a command for clients that cannot. It exits 0 when all went well, 77 when it cannot run
# here, saying why. MUCURA_TEST_INSTALL=1 installs what is missing (apt, npm).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
server=
cleanup() { [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; rm -rf "$work"; }
trap cleanup EXIT

[ "${MUCURA_TEST_INSTALL:-}" = 1 ] && "$here/install.sh"
[ -x "$top/bin/mucurad" ] || make -C "$top" build

# The files.
export TREE=$work/tree MANY=$work/many BIG=$work/tree/big.bin
mkdir -p "$TREE/dir with space/é" "$MANY"
head -c 110000000 /dev/urandom > "$BIG"
head -c 70000 /dev/urandom > "$TREE/a b.bin"
head -c 5000 /dev/urandom > "$TREE/plus+plus.bin"
head -c 5001 /dev/urandom > "$TREE/per%cent 100%25.bin"
echo "naïve café" > "$TREE/é à ü.txt"
head -c 300000 /dev/urandom > "$TREE/emoji 😀.bin"
echo nested > "$TREE/dir with space/é/nested & (odd) [x]=~.txt"
: > "$TREE/empty"
for i in $(seq 1 1050); do echo "$i" > "$MANY/f$i"; done

# A CA of our own, and a certificate for the loopback addresses.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=Mucura test CA" \
  -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout "$work/key.pem" -out "$work/csr.pem" 2>/dev/null
openssl x509 -req -in "$work/csr.pem" -CA "$work/ca.pem" -CAkey "$work/ca.key" -days 2 -out "$work/cert.pem" \
  -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") 2>/dev/null

# One account: clients are no administrators.
export AWS_ACCESS_KEY_ID=INTEROPACCESSKEY AWS_SECRET_ACCESS_KEY=interop/secret+0123456789 REGION=mucura
export REAL_HOME=$HOME MAKE_BUCKET=$here/make_bucket AWS_DEFAULT_REGION=$REGION AWS_EC2_METADATA_DISABLED=true
export MUCURA_ROOT_ACCESS_KEY_ID=INTEROPROOT MUCURA_ROOT_SECRET_ACCESS_KEY=interop-root-secret
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL AWS_CA_BUNDLE http_proxy https_proxy HTTP_PROXY HTTPS_PROXY
"$top/bin/mucurad" account add interop --data "$work/data" --access-key-id "$AWS_ACCESS_KEY_ID" \
  --secret-access-key "$AWS_SECRET_ACCESS_KEY" > /dev/null

start() { # SCHEME
  port=$((20000 + RANDOM % 20000))
  flags=()
  [ "$1" = https ] && flags=(--tls-cert "$work/cert.pem" --tls-key "$work/key.pem")
  "$top/bin/mucurad" serve --data "$work/data" --listen "127.0.0.1:$port" --admin-listen "127.0.0.1:$((port + 1))" \
    "${flags[@]}" > "$work/server.log" 2>&1 &
  server=$!
  for _ in $(seq 200); do
    curl -sf "http://127.0.0.1:$((port + 1))/-/ready" > /dev/null && break
    kill -0 "$server" || { cat "$work/server.log"; exit 1; }
    sleep 0.05
  done
  export SCHEME=$1 HOST=localhost:$port ENDPOINT=$1://localhost:$port CA=$work/ca.pem
}

passed=0 failed=0 skipped=0
for scheme in http https; do
  start "$scheme"
  for script in "$here"/clients/*; do
    name=$(basename "$script"); name=${name%.*}
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
    export WORK=$work/$scheme-$name BUCKET=$(echo "it-$scheme-$name" | tr _ -)
    mkdir -p "$WORK" "$WORK/home"
    began=$SECONDS code=0
    (cd "$WORK" && HOME=$WORK/home timeout 900 "$script") > "$WORK.log" 2>&1 || code=$?
    case $code in
      0) passed=$((passed + 1)); echo "PASS $scheme $name ($((SECONDS - began)) s)" ;;
      77) skipped=$((skipped + 1)); echo "SKIP $scheme $name: $(tail -n 1 "$WORK.log")" ;;
      *) failed=$((failed + 1)); echo "FAIL $scheme $name (exit $code)"; tail -n 40 "$WORK.log" | sed 's/^/    /'
         grep -v '"status":2' "$work/server.log" | tail -n 5 | sed 's/^/    server: /' ;;
    esac
    rm -rf "$WORK"
  done
  kill "$server"; wait "$server" || { echo "FAIL: the server did not end cleanly"; failed=$((failed + 1)); }
  server=
done
if grep -qF "$AWS_SECRET_ACCESS_KEY" "$work/server.log"; then echo "FAIL: the log holds a secret"; failed=$((failed + 1)); fi
"$top/bin/mucurad" fsck --read-data --data "$work/data" || failed=$((failed + 1))
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
