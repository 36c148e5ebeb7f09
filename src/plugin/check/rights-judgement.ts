import { PROBED_WRITES, type ProbedWrite } from '../../alibaba/api/rights-probe.ts';
import type { ApiError } from '../../cloud/api-error.ts';
import { failureOf, notShown, told } from './cloud-failures.ts';
import { type Finding, failed, ok, unknown, warning } from './finding.ts';
import type { CloudSeen, CloudSurvey } from './seen-in-cloud.ts';

const GROUP = 'vServer group';

export function groupAndRights(seen: CloudSurvey): readonly Finding[] {
  const describe = 'slb:DescribeVServerGroupAttribute';
  const error = failureOf(seen.group);
  if (seen.groupId !== undefined)
    return [
      group(seen.groupId, seen),
      right(describe, error),
      lesserRight('slb:DescribeVServerGroups', seen.siblings, seen, 'spec.vServerGroup'),
      lesserRight('slb:DescribeHealthStatus', seen.health, seen, 'spec.readiness.gate: Healthy'),
      ...PROBED_WRITES.map((action) => write(action, seen)),
    ];
  const unnamed = unknown(
    GROUP,
    'none was named: the rights on load balancers were not checked',
    'Name one with --group.',
  );
  return error?.kind === 'denied' ? [unnamed, denied(describe, error)] : [unnamed];
}

/** Judges the right to an action that was called for real because it changes nothing. */
export function right(check: string, error: ApiError | undefined): Finding {
  if (error?.kind === 'denied') return denied(check, error);
  return error === undefined ? ok(check, 'allowed') : notShown(check, error);
}

/** Judges the right to an action that only some bindings need; `by` says which. */
function lesserRight(
  check: string,
  asked: CloudSeen<unknown> | undefined,
  { group: described }: CloudSurvey,
  by: string,
): Finding {
  if (asked === undefined) return notAsked(check, described);
  const error = failureOf(asked);
  if (error?.kind !== 'denied') return error === undefined ? ok(check, 'allowed') : notShown(check, error);
  return warning(check, `${told(error)}; only bindings with ${by} need it`, error.hint.text);
}

function write(action: ProbedWrite, { writes, group: described }: CloudSurvey): Finding {
  const check = `slb:${action}`;
  if (writes === undefined) return notAsked(check, described);
  const error = failureOf(writes[action]);
  if (error === undefined) return ok(check, 'allowed: a call that changes nothing was accepted');
  if (error.kind === 'denied') return denied(check, error);
  if (error.kind !== 'bug') return notShown(check, error);
  return unknown(
    check,
    `not denied, but refused as incomplete (${error.code}): whether the API checks rights before parameters is not documented, and only a change would prove it`,
    'Compare the RAM policy with deploy/ram-policy.json. If the right is missing, the first binding says so: AccessDenied.',
  );
}

function group(groupId: string, { group: described, groupRole, region: set }: CloudSurvey): Finding {
  if ('value' in described) {
    const { loadBalancerId, rows } = described.value;
    const role = groupRole === undefined ? '' : `, read with the role ${groupRole.roleArn}`;
    return ok(
      GROUP,
      `${groupId} of load balancer ${loadBalancerId ?? '(not told)'}, ${rows.length} backends${role}`,
    );
  }
  const { failure } = described;
  if (failure.kind === 'groupMissing')
    return failed(GROUP, `there is no ${groupId} in ${set}`, 'Check its id and region in the SLB console.');
  return notShown(GROUP, failure);
}

function denied(check: string, error: ApiError): Finding {
  return failed(check, told(error), error.hint.text);
}

function notAsked(check: string, described: CloudSurvey['group']): Finding {
  return failureOf(described) === undefined
    ? unknown(check, 'the group names no load balancer', 'Look at the group in the SLB console.')
    : unknown(check, 'not checked: the group could not be read', 'See the lines above.');
}
