/** Formats a `Clock.wall()` as a Kubernetes MicroTime: the API server requires exactly six decimal places. */
export function microTime(wall: number): string {
  return new Date(wall).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
}
