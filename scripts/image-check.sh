#!/usr/bin/env bash
# Builds both targets without a container engine or any image from elsewhere, and looks at what came out. For Debian,
# as root: apt-get install buildah mmdebstrap. The base is a minimal Debian with the Node of node_modules.
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
trap 'buildah rm --all >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

base() {
  mmdebstrap --quiet --variant=minbase --include=ca-certificates,libstdc++6,libatomic1 bookworm "$work/rootfs.tar"
  local container
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$work/rootfs.tar" /
  buildah copy --quiet "$container" node_modules/node/bin/node /usr/local/bin/node
  buildah copy --quiet "$container" "$(npm root --global)/npm" /usr/local/lib/node_modules/npm
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

# In a container that has the image's user, environment and entrypoint, but a root file system it cannot write to.
run() {
  local image=$1 container
  shift
  container=$(buildah from "localhost/$image")
  mapfile -t entrypoint < <(buildah inspect --format '{{range .OCIv1.Config.Entrypoint}}{{println .}}{{end}}' "$container" | sed '/^$/d')
  buildah run "$container" -- "${entrypoint[@]}" "$@"
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

container=$(buildah from localhost/operator)
files=$(ls "$(buildah mount "$container")/app" | tr '\n' ' ')
expect 'the image holds the bundle, its code cache, its map and its SBOM, and nothing else' '^compile-cache main.js main.js.map package.json sbom.cdx.json $' "$files"
