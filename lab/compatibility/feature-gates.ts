/**
 * Feature gate → `on, beta`, from an API server's metrics. A GA gate has no stage there; a removed gate has no line.
 * https://kubernetes.io/docs/reference/instrumentation/metrics/
 */
export function featureGates(metrics: string, gates: readonly string[]): Record<string, string> {
  const lines = metrics.matchAll(/^kubernetes_feature_enabled\{name="(\w+)",stage="(\w*)"\} ([01])$/gm);
  return Object.fromEntries(
    [...lines].flatMap(([, gate = '', stage = '', enabled]) =>
      gates.includes(gate)
        ? [[gate, `${enabled === '1' ? 'on' : 'off'}, ${stage === '' ? 'GA' : stage.toLowerCase()}`]]
        : [],
    ),
  );
}
