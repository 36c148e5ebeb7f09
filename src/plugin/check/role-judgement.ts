import { failureOf, listAdvice, told, withoutCredentials } from './cloud-failures.ts';
import { type Finding, failed, ok, unknown, warning } from './finding.ts';
import { right } from './rights-judgement.ts';
import type { CloudSurvey, RoleSeen } from './seen-in-cloud.ts';

export function assumableRoles({ roles, untriedRoles, credentials }: CloudSurvey): readonly Finding[] {
  const tried = roles.map((role) => assumableRole(role, credentials));
  if (untriedRoles === 0) return tried;
  const message = `${untriedRoles} more roles or external ids were not tried`;
  const advice = 'The bindings that name them say whether they can be assumed.';
  return [...tried, unknown('roles', message, advice)];
}

function assumableRole({ role, isNamed, asked }: RoleSeen, given: CloudSurvey['credentials']): Finding {
  const check = `role ${role.roleArn}`;
  const error = failureOf(asked);
  if (error === undefined || error.kind === 'groupMissing')
    return ok(check, 'assumed, and slb:DescribeVServerGroupAttribute is allowed with it');
  if ('failure' in given) return withoutCredentials(check);
  if (error.kind !== 'credentials') return right(check, error);
  if ('failure' in isNamed)
    return unknown(
      check,
      `without an external id: ${told(error)}; the bindings that may name one cannot be listed: ${isNamed.failure.message}`,
      listAdvice('bindings', isNamed.failure),
    );
  if (isNamed.value) return failed(check, told(error), error.hint.text);
  return warning(
    check,
    `no binding names it, and without an external id: ${told(error)}`,
    `If its trust policy asks for one, check again once a binding names the role. ${error.hint.text}`,
  );
}
