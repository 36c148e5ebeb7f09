import { OPERATOR } from '../../api/names.ts';
import { judgeCluster, unseen } from '../check/cluster-judgement.ts';
import { type Finding, type Level, unknown } from '../check/finding.ts';
import { checkCloudFromHere } from '../check/from-here.ts';
import { checkInOperator } from '../check/in-operator.ts';
import { type ClusterSeen, surveyCluster } from '../check/survey-cluster.ts';
import { type Command, type CommandCall, DONE, FAILED, LEFT } from '../command.ts';
import { cloudConfig } from '../connections.ts';
import { CLOUD, KUBERNETES } from '../flags.ts';
import { answer } from '../output/table.ts';
import type { Style, Terminal } from '../output/terminal.ts';

export const check: Command = {
  name: 'check',
  summary: 'Check what a first binding needs: rights, network, clocks, CRD, operator, webhook.',
  arguments: '',
  fewest: 0,
  most: 0,
  details: `kubectl vsgb check
kubectl vsgb check --group rsp-bp1x0abc        also the rights on this group and its load balancer
kubectl vsgb check --from here --region cn-hangzhou   before the operator is installed

One line per finding: ok, warning, failed or unknown, and what to do. Cluster and operator are checked with your rights in
Kubernetes. The cloud is called from a pod of the operator (kubectl exec), with the operator's credentials, settings, network
and clock, none of which leaves the pod; or, with --from here, from this machine, with credentials as for diff. Changes nothing.
Rights on load balancers are checked with --group. The API has no dry run: a removal names a backend that is not in the group,
which the API is documented to ignore; calls to add and to weigh name nothing, and the output says what that proves. All appear
in the cloud's audit log. Each role that --assumable-role lists is assumed, with the external ids that bindings name for it.
Needs, in Kubernetes, to read CustomResourceDefinitions and MutatingWebhookConfigurations, in the operator's namespace to
read its objects and to create pods/exec, and services/proxy for the webhook. What you may not read is unknown.`,
  exitCodes: {
    [DONE]: 'nothing failed; warnings and unknowns are shown',
    [LEFT]: 'something failed',
    [FAILED]: 'a wrong argument',
  },
  flags: ['group', 'from', 'operatorNamespace', 'output', ...KUBERNETES, ...CLOUD, 'vpcId', 'assumableRole'],
  async run(call) {
    const { options, terminal, clock, signal } = call;
    // Reject wrong arguments before sending any request.
    const fromHere =
      options.own('from') === 'here' ? cloudConfig(options, options.operator('region')) : undefined;
    const groupId = options.own('group');
    const namespace = options.own('operatorNamespace');
    const cluster = call.cluster();
    const seen = await surveyCluster({ cluster, clock, signal, namespace });
    const cloud =
      fromHere === undefined
        ? await fromOperator(call, seen, groupId)
        : await checkCloudFromHere({
            config: fromHere,
            groupId,
            assumableRoles: options.operator('assumableRole'),
            cluster,
            namespaces: [],
            bindingSelector: undefined,
            clock,
            signal,
          });
    const findings = [...judgeCluster(seen.survey), ...cloud];
    show(terminal, options.own('output'), findings);
    return findings.some(({ level }) => level === 'failed') ? LEFT : DONE;
  },
};

const CLOUD_CHECK = 'cloud';
const FROM_HERE = 'Or call the cloud from this machine, with its own credentials: --from here.';

async function fromOperator(
  { options, signal, env }: CommandCall,
  { pod: seen }: ClusterSeen,
  groupId: string | undefined,
): Promise<readonly Finding[]> {
  if ('failure' in seen) {
    const { message, advice } = unseen(CLOUD_CHECK, seen.failure);
    return [unknown(CLOUD_CHECK, `not looked at: ${message}`, `${advice} ${FROM_HERE}`)];
  }
  const pod = seen.value;
  if (pod === undefined)
    return [
      unknown(
        CLOUD_CHECK,
        `not looked at: no pod of ${OPERATOR} runs that it could be called from`,
        `See the line about the operator. ${FROM_HERE}`,
      ),
    ];
  const [kubeconfig, context] = [options.operator('kubeconfig'), options.operator('context')];
  const connection = [
    ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]),
    ...(context === undefined ? [] : ['--context', context]),
  ];
  return await checkInOperator({ pod, groupId, connection, env, signal });
}

const STYLES: Readonly<Record<Level, Style | undefined>> = {
  ok: 'good',
  warning: 'warn',
  failed: 'bad',
  unknown: undefined,
};

function show(terminal: Terminal, format: 'table' | 'json' | 'yaml', findings: readonly Finding[]): void {
  if (format !== 'table') {
    answer(terminal, format, { findings }, { rows: [], columns: [], empty: '' });
    return;
  }
  const width = Math.max(...findings.map(({ check }) => check.length));
  // Unlike tables, lines are not cut to the terminal's width, because the advice is at their end.
  for (const { check, level, message, advice } of findings) {
    const text = advice === undefined ? message : `${message}. ${advice}`;
    const oneLine = text.replace(/\s+/g, ' ');
    terminal.print(
      `${terminal.styled(level, STYLES[level])}${' '.repeat(10 - level.length)}${check.padEnd(width)}   ${oneLine}`,
    );
  }
}
