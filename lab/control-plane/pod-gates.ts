const OPENED = /^ *\{\{ range \.spec\.readinessGates \}\}\n(?:.*\n){3} *\{\{ end \}\}\n/m;
const READY = /status: "True"\n( *)type: Ready\n/;

/** For pods whose containers are ready: makes them Ready as soon as all of their gates are open. */
const POD_GATES_OPEN = `
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata:
  name: pod-gates-open
spec:
  resourceRef:
    apiGroup: v1
    kind: Pod
  selector:
    matchExpressions:
    - key: '.metadata.deletionTimestamp'
      operator: 'DoesNotExist'
    - key: '.spec.readinessGates'
      operator: 'Exists'
    - key: '.status.phase'
      operator: 'In'
      values: ['Running']
    - key: '.status.conditions.[] | select( .type == "Ready" ) | .status'
      operator: 'In'
      values: ['False']
    - key: '([.spec.readinessGates[].conditionType, "ContainersReady"] - [.status.conditions[] | select( .status == "True" ) | .type]) | if length == 0 then "open" else "closed" end'
      operator: 'In'
      values: ['open']
  next:
    statusTemplate: |
      conditions:
      - lastTransitionTime: {{ Now | Quote }}
        status: "True"
        type: Ready
`;

/**
 * Changes kwok's stages to treat readiness gates as a kubelet does: by default, kwok opens all gates of a pod when it starts. A pod
 * whose gate closes, or whose containers are no longer ready, stays Ready: a test must write that change itself.
 */
export function podGatesOfOthers(stages: string): string {
  if (!OPENED.test(stages) || !READY.test(stages))
    throw new Error('kwok\'s stage "pod-ready" opens no readiness gates any more');
  const waiting = stages
    .replace(OPENED, '')
    .replace(READY, 'status: {{ if .spec.readinessGates }}"False"{{ else }}"True"{{ end }}\n$1type: Ready\n');
  return waiting + POD_GATES_OPEN;
}
