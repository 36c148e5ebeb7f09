/** metav1.LabelSelector: all of `matchLabels` and all of `matchExpressions` must hold; an empty one matches everything. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>> | undefined;
  readonly matchExpressions?: readonly Requirement[] | undefined;
}

interface Requirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[] | undefined;
}

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements */
export function matchesSelector(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  const has = (key: string) => Object.hasOwn(labels, key);
  const meets: Record<Requirement['operator'], (key: string, values: readonly string[]) => boolean> = {
    In: (key, values) => has(key) && values.includes(labels[key] ?? ''),
    NotIn: (key, values) => !has(key) || !values.includes(labels[key] ?? ''),
    Exists: (key) => has(key),
    DoesNotExist: (key) => !has(key),
  };
  return (
    Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => has(key) && labels[key] === value) &&
    (selector?.matchExpressions ?? []).every(({ key, operator, values }) =>
      meets[operator](key, values ?? []),
    )
  );
}
