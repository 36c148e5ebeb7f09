import { PAUSE_IMAGE } from '../programs/images.ts';
import type { NodePrograms } from '../programs/programs.ts';

export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';
/** Where the kubelet looks for logind. */
export const SYSTEM_BUS = '/run/dbus/system_bus_socket';
const NETWORKS = '/run/cni/net.d';

export interface NodeConfiguration {
  readonly address: string;
  readonly podRange: string;
  readonly providerId: string;
  readonly cgroup: string;
  readonly maxContainerRestartPeriod: string | undefined;
}

/** https://github.com/containerd/containerd/blob/main/docs/cri/config.md */
export function containerdConfiguration({ runc, cniFolder }: NodePrograms): string {
  const runtime = '[plugins."io.containerd.cri.v1.runtime"';
  return `
version = 3

[grpc]
address = "${CONTAINERD_SOCKET}"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "${PAUSE_IMAGE}"

${runtime}]
disable_apparmor = true
# Root in a container of its own, as in many CI systems, may not have CAP_SYS_RESOURCE.
restrict_oom_score_adj = true

${runtime}.cni]
bin_dirs = ["${cniFolder}"]
conf_dir = "${NETWORKS}"

${runtime}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

${runtime}.containerd.runtimes.runc.options]
BinaryName = "${runc}"
SystemdCgroup = false
`;
}

/** A pod has a cable to its node, and its address there is the address at which everybody reaches it. */
export const CNI_FILE = `${NETWORKS}/10-pods.conflist`;

export function cniConfiguration({ podRange }: NodeConfiguration): string {
  return JSON.stringify({
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'ptp',
        ipam: {
          type: 'host-local',
          dataDir: '/run/cni/addresses',
          ranges: [[{ subnet: podRange }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
    ],
  });
}

/** https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1 */
export function kubeletConfiguration({
  address,
  providerId,
  cgroup,
  maxContainerRestartPeriod,
}: NodeConfiguration): string {
  return JSON.stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address,
    providerID: providerId,
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,

    // Nothing outside this enclosure can reach the kubelet, and the API server has no client certificate for it.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },

    cgroupDriver: 'cgroupfs',
    cgroupRoot: cgroup,
    failCgroupV1: false,
    enforceNodeAllocatable: [],

    // Without a way out there is no DNS either.
    resolvConf: '',
    failSwapOn: false,
    makeIPTablesUtilChains: false,
    localStorageCapacityIsolation: false,

    // Disks and memory are those of the whole computer, and how full they are must not affect the tests.
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': '0%', 'nodefs.available': '0%', 'imagefs.available': '0%' },

    nodeStatusUpdateFrequency: '2s',
    // Renewed after a quarter of this.
    nodeLeaseDurationSeconds: 8,

    crashLoopBackOff: { maxContainerRestartPeriod },

    shutdownGracePeriod: '60s',
    shutdownGracePeriodCriticalPods: '10s',
  });
}
