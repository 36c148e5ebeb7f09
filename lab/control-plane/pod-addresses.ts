const RECYCLED = /^ *\{\{ \$podIPs := PodIPsWith .*\}\}$/m;

/** Twelve networks of 250 × 250 addresses: 172.16.0.1 to 172.27.249.250. A pod with hostNetwork keeps its node's. */
const UNIQUE = `
      {{ if not .spec.hostNetwork }}
      {{ $version := atoi .metadata.resourceVersion }}
      {{ $network := add 16 (mod (div $version 62500) 12) }}
      {{ $podIPs = list (printf "172.%d.%d.%d" $network (mod (div $version 250) 250) (add 1 (mod $version 250))) }}
      {{ end }}`;

/**
 * kwok's stages with a pod's address made of its resourceVersion, which no other object ever has. By itself kwok gives
 * an address to the next pod as soon as it is free, so fast at times that Endpoints never show it gone: nobody leaves
 * then, and a test that waits for it waits in vain. Where the same address for another pod is what is tested, it is
 * made on purpose.
 */
export function uniquePodAddresses(stages: string): string {
  if (!RECYCLED.test(stages))
    throw new Error('kwok\'s stage "pod-ready" takes no addresses from PodIPsWith any more');
  return stages.replace(RECYCLED, (recycled) => recycled + UNIQUE);
}
