import { ApiError } from '../../cloud/api-error.ts';
import { podInterfaces, region, vpc } from './address-judgement.ts';
import { judgeClock } from './clock-judgement.ts';
import { failureOf, SEE_CREDENTIALS, told } from './cloud-failures.ts';
import { type Finding, failed, ok, unknown } from './finding.ts';
import { groupAndRights, right } from './rights-judgement.ts';
import { assumableRoles } from './role-judgement.ts';
import type { CloudSeen, CloudSurvey } from './seen-in-cloud.ts';

export function judgeCloud(survey: CloudSurvey): readonly Finding[] {
  const seen = 'failure' in survey.credentials ? uncalled(survey, survey.credentials.failure) : survey;
  return [
    credentials(seen),
    endpoint('SLB endpoint', seen.endpoints.slb, failureOf(seen.group)),
    endpoint('ECS endpoint', seen.endpoints.ecs, failureOf(seen.interfaces)),
    region(seen),
    right('ecs:DescribeNetworkInterfaces', failureOf(seen.interfaces)),
    ...groupAndRights(seen),
    ...assumableRoles(seen),
    vpc(seen),
    podInterfaces(seen),
    judgeClock('cloud clock', seen.cloudAheadMs, CLOUD_CLOCK),
    judgeClock('API server clock', seen.apiServerAheadMs, 'times in events and status are off by as much'),
  ];
}

const CLOUD_CLOCK =
  'from 15 minutes on the cloud refuses calls that are signed by it, and the operator signs by the time of the refusal';

/** Without credentials nothing was called: an answer among the failures is that of STS. */
function uncalled(survey: CloudSurvey, why: ApiError): CloudSurvey {
  const failure = new ApiError({
    ...why,
    kind: 'credentials',
    reason: 'CredentialsInvalid',
    requestId: undefined,
  });
  const instead = <T>(seen: CloudSeen<T>): CloudSeen<T> => ('failure' in seen ? { failure } : seen);
  return { ...survey, group: instead(survey.group), interfaces: instead(survey.interfaces) };
}

function credentials({ credentials: given, group: asked, interfaces }: CloudSurvey): Finding {
  const check = 'credentials';
  if ('failure' in given) return failed(check, told(given.failure), given.failure.hint.text);
  const refusal = [failureOf(asked), failureOf(interfaces)].find((error) => error?.kind === 'credentials');
  return refusal === undefined
    ? ok(check, given.value)
    : failed(check, `${given.value}: ${told(refusal)}`, refusal.hint.text);
}

const UNREACHABLE =
  'From where the operator runs, port 443 of this host has to be reachable: look at --endpoint-network, DNS, NAT, NetworkPolicy and proxy.';

/** Any answer from the API, even a refusal, shows that the endpoint can be reached. */
function endpoint(check: string, url: string, error: ApiError | undefined): Finding {
  if (error?.reason === 'UnknownRegion') return failed(check, `${url}: ${told(error)}`, error.hint.text);
  if (error === undefined || error.requestId !== undefined) return ok(check, `${url} answers`);
  if (error.kind === 'credentials')
    return unknown(check, `${url} was not called: there are no credentials`, SEE_CREDENTIALS);
  const advice = error.kind === 'configuration' ? error.hint.text : UNREACHABLE;
  return failed(check, `${url}: ${told(error)}`, advice);
}
