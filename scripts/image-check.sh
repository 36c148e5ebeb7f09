#!/usr/bin/env bash
# Builds both targets without a container engine or any remote image, and checks the results. For Debian, as root:
# apt-get install buildah mmdebstrap. The base is a minimal Debian with the Node of node_modules.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
export CONTAINERS_STORAGE_CONF=$work/storage.conf
cat > "$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "vfs"
graphroot = "$work/storage"
runroot = "$work/run"
CONF
served=
trap '[[ -z $served ]] || kill -- "-$served" 2>/dev/null || true; buildah rm --all >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

base() {
  mmdebstrap --quiet --variant=minbase --include=ca-certificates,libstdc++6,libatomic1 bookworm "$work/rootfs.tar"
  local container
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$work/rootfs.tar" /
  buildah copy --quiet "$container" node_modules/node/bin/node /usr/local/bin/node
  # Not `npm root --global`: that depends on the first node in PATH, and the one of node_modules has no npm beside it.
  buildah copy --quiet "$container" "$(dirname "$(readlink -f "$(command -v npm)")")/.." /usr/local/lib/node_modules/npm
  buildah run "$container" -- ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
  buildah config --env PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "$container"
  buildah commit --quiet --rm "$container" localhost/node-base
}

build() {
  local options=(--build-arg BUILD_IMAGE=localhost/node-base --build-arg RUNTIME_IMAGE=localhost/node-base)
  if [[ -n ${NODE_EXTRA_CA_CERTS:-} ]]; then
    options+=(--build-arg NODE_EXTRA_CA_CERTS --volume "$NODE_EXTRA_CA_CERTS:$NODE_EXTRA_CA_CERTS:ro")
  fi
  buildah build --quiet --pull-never --layers=false "${options[@]}" --target "$1" --tag "localhost/$1" .
}

# Runs in a container that has the image's user, environment and entrypoint, but a read-only root file system.
run() {
  local image=$1 container
  shift
  container=$(buildah from "localhost/$image")
  mapfile -t entrypoint < <(buildah inspect --format '{{range .OCIv1.Config.Entrypoint}}{{println .}}{{end}}' "$container" | sed '/^$/d')
  buildah run "$container" -- "${entrypoint[@]}" "$@"
}

# Runs in the background, in its own process group, until the script ends; sets url.
serve() {
  set -m
  run simulator "$@" > "$work/simulator.log" 2>&1 &
  served=$!
  set +m
  for ((i = 0; i < 300; i++)); do
    url=$(sed -n 's/^listening on //p' "$work/simulator.log")
    [[ -z $url ]] || return 0
    kill -0 "$served" 2>/dev/null || break
    sleep 0.1
  done
  echo "not ok: the simulator does not listen: $(cat "$work/simulator.log")" >&2
  exit 1
}

get() {
  node_modules/node/bin/node -e 'fetch(process.argv[1]).then(async (r) => console.log(r.status, await r.text()))' "$url$1"
}

expect() {
  if grep -q -- "$2" <<< "$3"; then echo "ok: $1"; else echo "not ok: $1: expected $2 in: $3" >&2; exit 1; fi
}

base
build operator
build simulator

expect 'the user is numeric and not root' '^65532:65532$' "$(buildah inspect --type image --format '{{.OCIv1.Config.User}}' localhost/operator)"
expect 'the operator prints its version' '^[0-9]*\.[0-9]' "$(run operator --version)"
expect 'the operator prints its flags' '--region' "$(run operator --help)"
expect 'a wrong flag ends with 2' '^2$' "$(run operator --nonsense >/dev/null 2>&1; echo $?)"
expect 'the simulator prints its flags' '--port' "$(run simulator --help)"

serve --group rsp-0
expect 'the simulator answers' '^200 .*"rsp-0"' "$(get /_state)"
page=$(get /console)
expect 'the console is a page' '^200 <!doctype html>' "$page"
expect 'the console names its code' 'src="/console/console.js"' "$page"
for asset in $(grep -oE '(href|src)="/[^"]+"' <<< "$page" | cut -d '"' -f 2); do
  expect "the console's $asset is there" '^200 .' "$(get "$asset")"
done

container=$(buildah from localhost/operator)
app=$(buildah mount "$container")/app
expect 'the plugin runs in the image' '^kubectl vsgb' "$(buildah run "$container" -- node /app/kubectl-vsgb.js --help)"
cp "$app/kubectl-vsgb.js" "$work/kubectl-vsgb"
expect 'the plugin runs copied out of it' '^kubectl vsgb' "$(PATH=$PWD/node_modules/node/bin:$PATH "$work/kubectl-vsgb" --help)"
files=$(LC_ALL=C ls "$app" | tr '\n' ' ')
expect 'the image holds the bundle, its code cache, its map, the plugin, licences and SBOM, and nothing else' '^LICENSE compile-cache kubectl-vsgb.js main.js main.js.map package.json sbom.cdx.json third-party-licenses.txt $' "$files"
