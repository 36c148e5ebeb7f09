import { type Finding, failed, ok, unknown, warning } from './finding.ts';

/** The operator's metrics page, or why there is none. */
export type MetricsSeen = { readonly page: string } | { readonly none: string };

const CHECK = 'caches';

/** Judges what the operator knows of the cluster: whether its lists are complete and its watches deliver changes. */
export function judgeCaches(seen: MetricsSeen): Finding {
  if ('none' in seen)
    return unknown(
      CHECK,
      seen.none,
      'Whether the pods are Ready says much of it: see the line about the operator.',
    );
  const values = (name: string) => resourcesOf(seen.page, name);
  const incomplete = values('vsgb_cache_synced').filter(({ value }) => value === 0);
  const dark = values('vsgb_watch_up').filter(({ value }) => value === 0);
  const lists = values('vsgb_cache_lists_total');
  if (values('vsgb_cache_synced').length === 0)
    return unknown(CHECK, 'the metrics name no cache yet', 'Check again in a few seconds.');
  if (incomplete.length > 0)
    return failed(CHECK, `not complete: ${namesOf(incomplete)}`, 'The log says "The list failed" and why.');
  if (dark.length > 0)
    return failed(CHECK, `no changes arrive: ${namesOf(dark)}`, 'The log says "The watch failed" and why.');
  const refused = values('vsgb_cache_refused_objects_total').filter(({ value }) => value > 0);
  if (refused.length > 0)
    return warning(CHECK, `objects that cannot be read: ${namesOf(refused)}`, 'The log names them.');
  const total = lists.reduce((sum, { value }) => sum + value, 0);
  return ok(
    CHECK,
    `complete, and kept by watches: ${namesOf(values('vsgb_watch_up'))}; ${total} lists so far`,
  );
}

interface Sample {
  readonly resource: string;
  readonly value: number;
}

function namesOf(samples: readonly Sample[]): string {
  return samples.map(({ resource }) => resource).join(', ');
}

/** The series of a metric whose only label is `resource`. */
function resourcesOf(page: string, name: string): readonly Sample[] {
  const line = new RegExp(`^${name}\\{resource="([^"]+)"\\} (\\S+)$`, 'gm');
  return [...page.matchAll(line)].map(([, resource = '', value]) => ({ resource, value: Number(value) }));
}
