import { X509Certificate } from 'node:crypto';
import { SCHEMA_VERSION } from '../../api/names.ts';
import type { KubernetesVersion } from '../../kubernetes/client/cluster-version.ts';
import { type Finding, failed, ok, unknown, warning } from './finding.ts';
import type { KubeSeen, Seen, Unread } from './seen.ts';

/** What was seen through the API server, with the caller's rights. */
export interface ClusterSurvey {
  readonly version: KubeSeen<KubernetesVersion>;
  readonly crd: KubeSeen<InstalledCrd>;
  /** Fields of the CRD that belongs to this version of the plugin. */
  readonly expectedFields: readonly string[];
  readonly pluginVersion: string;
  readonly namespace: string;
  /** Those of the operator in its namespace. */
  readonly deployments: KubeSeen<readonly OperatorDeployment[]>;
  readonly webhooks: KubeSeen<readonly InstalledWebhook[]>;
  /** The current time by the API server's clock, or else by this machine's. Milliseconds since the Unix epoch. */
  readonly now: number;
}

export interface InstalledCrd {
  readonly established: boolean;
  readonly servedVersions: readonly string[];
  /** Fields of the served version that the plugin knows; empty if that version is not served. */
  readonly fields: readonly string[];
}

export interface OperatorDeployment {
  readonly name: string;
  readonly image: string;
  /** Of its pods, as kubectl takes it. */
  readonly selector: string;
  readonly wanted: number;
  readonly ready: number;
  /** Why containers of its pods are waiting, e.g. `ImagePullBackOff: Back-off pulling image "…"`, without duplicates. */
  readonly waiting: readonly string[];
  readonly dryRun: Seen<boolean, Unread>;
  /** Undefined if its settings say that a replica leads without one. */
  readonly election: Seen<LeaderElection | undefined, Unread>;
}

export interface LeaderElection {
  /** The namespace of the Lease. */
  readonly namespace: string;
  readonly leaseName: string;
  readonly lease: KubeSeen<HeldLease>;
}

export interface HeldLease {
  /** '' if nobody holds the Lease. */
  readonly holder: string;
  /** Milliseconds since the Unix epoch; NaN if the Lease was never renewed. */
  readonly renewedAt: number;
  readonly durationMs: number;
}

export interface InstalledWebhook {
  readonly name: string;
  readonly service: string;
  /** PEM; '' if the operator has not written it yet. */
  readonly caBundle: string;
  /** Ready endpoints of the webhook's Service. */
  readonly readyEndpoints: KubeSeen<number>;
  /** The result of a request through the API server, which takes the same path as admission reviews. */
  readonly answers: KubeSeen<unknown>;
}

/** As documented in docs/install.md. */
export const OLDEST_KUBERNETES: KubernetesVersion = { major: 1, minor: 27 };

export function judgeCluster(seen: ClusterSurvey): readonly Finding[] {
  // Without the version, nothing else can be read either.
  if ('failure' in seen.version) return [kubernetes(seen)];
  return [kubernetes(seen), crd(seen), ...operator(seen), ...webhook(seen)];
}

function kubernetes({ version }: ClusterSurvey): Finding {
  const check = 'Kubernetes';
  if ('failure' in version)
    return failed(check, version.failure.message, 'Check --kubeconfig and --context: kubectl version.');
  const { major, minor } = version.value;
  const named = `${major}.${minor}`;
  const oldest = `${OLDEST_KUBERNETES.major}.${OLDEST_KUBERNETES.minor}`;
  return major > OLDEST_KUBERNETES.major || minor >= OLDEST_KUBERNETES.minor
    ? ok(check, `${named}, and ${oldest} is needed`)
    : failed(check, `${named}, and ${oldest} is needed`, 'Upgrade the cluster: docs/install.md.');
}

const APPLY_CRD = "Apply the CRD of the operator's version: kubectl apply -f crds/, or upgrade with Helm.";

function crd({ crd: installed, expectedFields, pluginVersion }: ClusterSurvey): Finding {
  const check = 'CRD';
  if ('failure' in installed)
    return installed.failure.is === 'missing'
      ? failed(check, 'it is not installed', APPLY_CRD)
      : unseen(check, { what: 'the CustomResourceDefinition', why: installed.failure });
  const { established, servedVersions, fields } = installed.value;
  if (!servedVersions.includes(SCHEMA_VERSION))
    return failed(
      check,
      `it serves ${servedVersions.join(', ') || 'no version'}, not ${SCHEMA_VERSION}`,
      APPLY_CRD,
    );
  if (!established)
    return failed(check, 'the API server does not serve it yet', 'kubectl describe crd says why.');
  const lacking = expectedFields.filter((field) => !fields.includes(field));
  if (lacking.length > 0)
    return failed(
      check,
      `it is older than ${pluginVersion}: the API server drops ${some(outermost(lacking))}`,
      APPLY_CRD,
    );
  const more = outermost(fields.filter((field) => !expectedFields.includes(field)));
  return more.length === 0
    ? ok(check, `${SCHEMA_VERSION} with every field of ${pluginVersion}`)
    : warning(
        check,
        `it is newer than ${pluginVersion}: it has ${some(more)}`,
        "Take the plugin of the operator's version: docs/plugin.md.",
      );
}

function operator({ deployments, namespace, pluginVersion, now }: ClusterSurvey): readonly Finding[] {
  const check = 'operator';
  if ('failure' in deployments)
    return [unseen(check, { what: `the Deployments of ${namespace}`, why: deployments.failure })];
  if (deployments.value.length === 0)
    return [
      failed(
        check,
        `namespace ${namespace} has no Deployment of the operator`,
        'Install it (docs/install.md), or name its namespace with --operator-namespace.',
      ),
    ];
  return deployments.value.flatMap((deployment) => [
    ...replicas(deployment, namespace),
    ...otherVersion(deployment, pluginVersion),
    ...dryRun(deployment),
    leader(deployment, namespace, now),
  ]);
}

function replicas(
  { name, selector, wanted, ready, waiting, image }: OperatorDeployment,
  namespace: string,
): readonly Finding[] {
  const check = 'operator';
  if (wanted === 0)
    return [
      failed(
        check,
        `${name} is scaled to 0: nothing is added, and nothing removed`,
        `kubectl -n ${namespace} scale deployment ${name} --replicas 2`,
      ),
    ];
  const message = `${ready} of ${wanted} pods of ${name} are ready`;
  if (ready >= wanted) return [ok(check, `${message}, ${image}`)];
  const why = waiting.length === 0 ? '' : `: ${waiting.join('; ')}`;
  const advice = `kubectl -n ${namespace} describe pods, and logs -l ${selector} --prefix --tail=-1`;
  return [ready === 0 ? failed(check, message + why, advice) : warning(check, message + why, advice)];
}

/** A tag that is not a version, or a digest, says nothing. */
function otherVersion({ image }: OperatorDeployment, pluginVersion: string): readonly Finding[] {
  const tag = /:v?(\d+\.\d+\.\d+[^@/]*)$/.exec(image)?.[1];
  if (tag === undefined || tag === pluginVersion) return [];
  return [
    warning(
      'version',
      `the operator is ${tag}, and this plugin ${pluginVersion}`,
      "Take the plugin of the operator's version: docs/plugin.md.",
    ),
  ];
}

function dryRun({ name, dryRun: seen }: OperatorDeployment): readonly Finding[] {
  const check = 'dry run';
  if ('failure' in seen) return [unseen(check, seen.failure)];
  if (!seen.value) return [];
  return [warning(check, `${name} changes no group`, 'Take VSGB_DRY_RUN off once you have seen enough.')];
}

function leader(
  { name, selector, election: seen, wanted }: OperatorDeployment,
  namespace: string,
  now: number,
): Finding {
  const check = 'leader';
  const look = `kubectl -n ${namespace} logs -l ${selector} --prefix --tail=-1: "The Lease could not be read or written", and why.`;
  if (wanted === 0) return unknown(check, 'no replica is wanted', 'See the line about the operator.');
  if ('failure' in seen) return unseen(check, seen.failure);
  const election = seen.value;
  if (election === undefined)
    return wanted === 1
      ? ok(check, `the only replica of ${name} leads, without an election`)
      : failed(
          check,
          `${wanted} replicas of ${name} lead at the same time, without an election`,
          'Run it with --leader-elect, or with one replica.',
        );
  const { lease } = election;
  const leaseName = `${election.namespace}/${election.leaseName}`;
  if ('failure' in lease) {
    if (lease.failure.is !== 'missing')
      return unseen(check, { what: `the Lease ${leaseName}`, why: lease.failure });
    return failed(check, `there is no Lease ${leaseName}: nobody has led yet`, look);
  }
  const { holder, renewedAt, durationMs } = lease.value;
  const seconds = Math.max(0, Math.round((now - renewedAt) / 1000));
  if (holder === '') return failed(check, `nobody holds the Lease ${leaseName}`, look);
  // Twice the duration, because the clocks of the leader and the API server may differ.
  return now - renewedAt <= 2 * durationMs
    ? ok(check, `${holder} leads, heard of ${seconds} s ago`)
    : failed(
        check,
        `${holder} held the Lease ${leaseName}, and has not been heard of for ${seconds} s`,
        look,
      );
}

function webhook({ webhooks, now }: ClusterSurvey): readonly Finding[] {
  const check = 'webhook';
  if ('failure' in webhooks)
    return [unseen(check, { what: 'MutatingWebhookConfigurations', why: webhooks.failure })];
  if (webhooks.value.length === 0)
    return [ok(check, 'not installed: gate and hold come by kubectl vsgb inject, where they are wanted')];
  return webhooks.value.flatMap((installed) => [reached(installed), trusted(installed, now)]);
}

const NOT_CALLED = 'Until then pods get neither gate nor hold, and none is refused.';

function reached({ name, service, readyEndpoints, answers }: InstalledWebhook): Finding {
  const check = 'webhook';
  if ('failure' in readyEndpoints)
    return unseen(check, { what: `the EndpointSlices of Service ${service}`, why: readyEndpoints.failure });
  if (readyEndpoints.value === 0)
    return failed(
      check,
      `Service ${service} of ${name} has no ready endpoint`,
      `Does the operator run with --webhook-address, and is it ready? ${NOT_CALLED}`,
    );
  const behind = `${readyEndpoints.value} pods behind Service ${service}`;
  if ('value' in answers) return ok(check, `answers; ${behind}`);
  if (answers.failure.is === 'forbidden')
    return unknown(
      check,
      `${behind}; whether they answer was not asked`,
      `It takes the right to get services/proxy in the operator's namespace.`,
    );
  return failed(
    check,
    `${behind}, but no answer: ${answers.failure.message}`,
    `Let the API server through to port 9443 of the pods: security group, NetworkPolicy. ${NOT_CALLED}`,
  );
}

const SOON_MS = 3 * 24 * 3_600_000;

function trusted({ name, caBundle }: InstalledWebhook, now: number): Finding {
  const check = 'webhook trust';
  const log =
    'The log says "The webhook\'s certificate, or the API server\'s trust in it, could not be read or written" and why.';
  if (caBundle === '') return failed(check, `${name} has no caBundle: the API server trusts nobody`, log);
  const ends = expiriesOf(caBundle);
  const last = Math.max(...ends);
  if (ends.length === 0 || Number.isNaN(last))
    return failed(check, `the caBundle of ${name} is no certificate`, log);
  const day = new Date(last).toISOString().slice(0, 10);
  if (last <= now) return failed(check, `what ${name} trusts has expired on ${day}`, log);
  return last - now < SOON_MS
    ? warning(check, `what ${name} trusts expires on ${day}`, log)
    : ok(check, `until ${day}`);
}

function expiriesOf(bundle: string): readonly number[] {
  const certificates = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return certificates.map((pem) => {
    try {
      return Date.parse(new X509Certificate(pem).validTo);
    } catch {
      return Number.NaN;
    }
  });
}

export function unseen(check: string, { what, why }: Unread): Finding {
  return why.is === 'forbidden'
    ? unknown(check, `you may not read ${what}`, 'Ask someone who may, as a cluster administrator.')
    : unknown(check, `${what} could not be read: ${why.message}`, 'Check again later.');
}

/** The fields that are not inside another of these fields. */
function outermost(fields: readonly string[]): readonly string[] {
  return fields.filter(
    (field) => !fields.some((other) => field.startsWith(`${other}.`) || field.startsWith(`${other}[]`)),
  );
}

function some(names: readonly string[]): string {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return names.slice(0, 3).join(', ') + more;
}
