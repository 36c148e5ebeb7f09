const RECYCLED = /^ *\{\{ \$podIPs := PodIPsWith .*\}\}$/m;

/** Twelve networks of 250 × 250 addresses: 172.16.0.1 to 172.27.249.250. A pod with hostNetwork keeps its node's. */
const UNIQUE = `
      {{ if not .spec.hostNetwork }}
      {{ $version := atoi .metadata.resourceVersion }}
      {{ $network := add 16 (mod (div $version 62500) 12) }}
      {{ $podIPs = list (printf "172.%d.%d.%d" $network (mod (div $version 250) 250) (add 1 (mod $version 250))) }}
      {{ end }}`;

/**
 * Changes kwok's stages to derive a pod's address from its resourceVersion, which no other object ever has. By default, kwok
 * assigns an address to the next pod as soon as it is free, sometimes so fast that Endpoints never show it gone; a test that waits
 * for the address to leave would then wait in vain. Tests of address reuse reuse an address on purpose.
 */
export function uniquePodAddresses(stages: string): string {
  if (!RECYCLED.test(stages))
    throw new Error('kwok\'s stage "pod-ready" takes no addresses from PodIPsWith any more');
  return stages.replace(RECYCLED, (recycled) => recycled + UNIQUE);
}
