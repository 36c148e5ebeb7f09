/** Kubernetes' MicroTime of a `Clock.wall()`: the API server takes six digits after the point and nothing else. */
export function microTime(wall: number): string {
  return new Date(wall).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
}
