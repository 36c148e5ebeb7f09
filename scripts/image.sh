#!/usr/bin/env bash
# Builds the image with the first of docker, podman and buildah that is installed. Arguments are passed to the build:
#   scripts/image.sh --build-arg RUNTIME_IMAGE=name@sha256:… --target simulator
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
tag=${IMAGE:-vservergroup-operator:$version}

for tool in docker podman buildah; do
  if command -v "$tool" >/dev/null; then
    exec "$tool" build --tag "$tag" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" "$@" .
  fi
done
echo "image: docker, podman or buildah is needed, and none is installed" >&2
exit 1
