import type { AnyReason, MessagesText, ReasonText } from './messages.ts';

const NOTHING = '';

/** A reason without an entry does not compile. */
const REASONS: Readonly<Record<AnyReason, ReasonText>> = {
  Synced: {
    meaning: '组中的成员与期望完全一致。',
    todo: '无需操作。如果仍有请求失败：`kubectl vsgb diff NAME`，然后检查负载均衡的健康检查，它不由 operator 负责。',
  },
  Progressing: {
    meaning: '正在添加、调整权重、排空或移除后端服务器。',
    todo: '无需操作。超过一分钟：查看 operator 的日志、`vsgb_oldest_leaver_seconds` 和 `vsgb_api_waiting_calls`。',
  },
  Suspended: {
    meaning: 'spec.suspend 为 true：不改动该组。',
    todo: '恢复：`kubectl patch vsgb NAME --type merge -p \'{"spec":{"suspend":false}}\'`。`kubectl get vsgb NAME -o yaml --show-managed-fields` 显示谁设置了 `spec.suspend`。',
  },
  DryRun: {
    meaning: 'operator 以 --dry-run 运行：只显示变更，不执行。',
    todo: '去掉 `--dry-run` 运行 operator；`kubectl -n vservergroup-operator describe deployment vservergroup-operator` 显示其环境变量和 ConfigMap。`kubectl vsgb diff NAME` 给出每个变更的原因。',
  },
  Deleting: {
    meaning: '绑定正在删除，其后端服务器正在离开该组。',
    todo: '无需操作；`kubectl vsgb status NAME` 显示还剩什么。超过 `spec.drain.seconds`：查看事件。要将后端服务器保留在组中，请在删除之前将 `spec.deletionPolicy` 设置为 `Retain`。',
  },
  ServiceNotFound: {
    meaning:
      '命名空间中没有该名称的 Service。如果该 Service 已被删除，组中属于它的后端服务器会离开；如果绑定之前指定的是另一个 Service，那个 Service 的后端服务器保留。',
    todo: '创建该 Service，或更正 `spec.serviceRef.name`（`kubectl get service -n NAMESPACE`）。',
  },
  PortNotFound: {
    meaning: 'Service 没有该端口号或名称的端口。',
    todo: '更正 `spec.serviceRef.port`，或 `kubectl get service SERVICE -o yaml` 中的 `spec.ports` 及其 targetPort。',
  },
  NodesNotFound: {
    meaning: '`spec.nodeSelector` 没有选中集群中的任何节点。组中属于其他节点的后端服务器保留。',
    todo: '更正 `spec.nodeSelector`，或为应当作为后端服务器的节点添加标签（`kubectl get nodes --show-labels`）。',
  },
  AddressFamilyNotFound: {
    meaning:
      'Service 的端点没有 `spec.addressFamily` 所指定地址族的地址。组中属于另一地址族的后端服务器保留。',
    todo: '更正 `spec.addressFamily`，或 Service 的 `spec.ipFamilies`（`kubectl get endpointslices -l kubernetes.io/service-name=SERVICE` 的 ADDRESSTYPE 列）。',
  },
  ServiceNotSupported: {
    meaning: '这种 Service 无法提供成员：类型为 ExternalName，或使用 ecs 但没有节点端口。',
    todo: '使用选择 Pod 的 Service；对于 `backendType: ecs`，使用类型为 NodePort 或 LoadBalancer 的 Service。查看 `kubectl get service SERVICE -o yaml` 中的 `spec.type` 和 `spec.ports[].nodePort`。',
  },
  GroupNotFound: {
    meaning: '该地域中不存在该虚拟服务器组或其负载均衡。',
    todo: '对照控制台检查 `spec.vServerGroupId`（或 `spec.vServerGroup`）和 `spec.regionId`。如果该组是有意删除的，请删除绑定：没有组也可以删除。',
  },
  GroupNameAmbiguous: {
    meaning: '负载均衡有多个虚拟服务器组使用 spec.vServerGroup 中的名称。不改动其中任何一个。',
    todo: '在控制台中为其余的组改名，只留一个使用该名称；或改用指定 `spec.vServerGroupId` 的绑定。',
  },
  LoadBalancerNotReady: {
    meaning: '负载均衡已锁定、停止或欠费，不接受变更。',
    todo: '在控制台中启动或解锁负载均衡，或结清账单。之后 operator 会继续。',
  },
  GroupNotGranted: {
    meaning:
      '命名空间未被授予该组。不会为该绑定添加任何后端服务器；它在组中已有的后端服务器在存活期间保留，失效后照常离开。',
    todo: '`kubectl get namespace NAMESPACE -o yaml` 显示授权。如果该命名空间可以使用该组，请由集群管理员将该组或其负载均衡的 ID 添加到命名空间的注解 `slb.alibabacloud.com/grants`。要移除该绑定在组中的后端服务器，请删除该绑定。[security.md](../security.md#grants)',
  },
  ExclusiveNotGranted: {
    meaning:
      'spec.ownership 为 Exclusive，但命名空间没有对应的授权：他人的条目保持不变，与 Shared 相同。其他操作照常进行。',
    todo: '将 `spec.ownership` 设置为 `Shared`。如果该命名空间可以移除他人的条目，请由集群管理员在注解 `slb.alibabacloud.com/grants` 中列出带 `:Exclusive` 的 ID。[security.md](../security.md#grants)',
  },
  RoleNotAllowed: {
    meaning: 'operator 不允许扮演 spec.assumeRole 中的角色：不会调用该组。',
    todo: '`--assumable-role`（`VSGB_ASSUMABLE_ROLE`）在启动时读取。绑定在组中已有的后端服务器会保留：[security.md](../security.md#groups-of-other-accounts)。',
  },
  AccessDenied: {
    meaning: '账号无权读取或更改该组。',
    todo: '授予消息中指出的 RAM 操作权限；`deploy/ram-policy.json` 包含全部操作。如果扮演了角色，这些权限须授予该角色本身。',
  },
  CredentialsInvalid: {
    meaning: 'AccessKey 或令牌被拒绝。',
    todo: '检查 AccessKey、挂载的 Secret，或 RRSA 的角色和 OIDC 提供商（Pod 的环境变量中有 `ALIBABA_CLOUD_ROLE_ARN`），以及 `vsgb_credentials_expiry_timestamp_seconds`。如果扮演了角色，还要检查对该角色的 `sts:AssumeRole` 权限，以及其信任策略和外部 ID。新的凭据会自动生效。',
  },
  UnknownRegion: {
    meaning: '没有接入点为该地域提供服务。',
    todo: '更正 `spec.regionId`（删除绑定并重新创建）或 `--region`；如果该地域的接入点使用其他名称，请指定 `--slb-endpoint`。曾经读取过的组出现 `ENOTFOUND` 时为 Reconciling：请检查 DNS。',
  },
  VpcUnknown: {
    meaning: '不知道 Pod 所在的 VPC，因此无法查询弹性网卡。',
    todo: '为 operator 指定 `--vpc-id`：不同 VPC 中的私网地址可能重复。',
  },
  EniNotFound: {
    meaning: '没有弹性网卡（ENI）拥有该 Pod 的 IP 地址。',
    todo: '`backendType: eni` 要求使用 Terway：`kubectl get pods -o wide` 中的地址是否属于 VPC？检查 `--vpc-id` 和 `--region`，或使用 `backendType: ecs` 和 NodePort 类型的 Service。',
  },
  NodeWithoutInstance: {
    meaning: '节点没有 spec.providerID，无法确定其实例。',
    todo: '将节点的 `spec.providerID` 设置为 `REGION.INSTANCE`，在 ACK 上由 cloud controller manager 设置（`kubectl get node NODE -o yaml`）。',
  },
  BackendsRefused: {
    meaning: '负载均衡拒绝了部分后端服务器。其余的已在组中。',
    todo: '请查询错误码：`status.backends` 中每个状态为 `Refused` 的后端服务器都带有错误码。operator 会在最长一到两分钟后重试，修改绑定会立即重试。',
  },
  NodesNotReady: {
    meaning: '节点未就绪，但后端服务器仍保留：同时未就绪的过多，或它们是最后的后端服务器。',
    todo: '检查节点（`kubectl get nodes`，及其 Ready 状况的消息）及其到 API 服务器的网络。如果节点确实已丢失，请删除节点或其上的 Pod。',
  },
  HeldByMinBackends: {
    meaning: '由于 spec.minBackends，已离开的后端服务器仍保留在组中。',
    todo: '查看为什么就绪的 Pod 太少（`kubectl get pods`；被保留的后端服务器在 `status.backends` 中的状态为 `Held`），或调低 spec.minBackends。',
  },
  QuotaExceeded: {
    meaning: '负载均衡或账号的后端服务器配额已用完。移除操作照常进行。',
    todo: '在控制台申请更高的配额，或移除不需要的后端服务器（`kubectl vsgb remove`；`kubectl get vsgb -o wide` 的 `FOREIGN` 列）。',
  },
  Throttled: {
    meaning: 'API 限制了调用频率。',
    todo: '暂时无需操作。如果持续出现，请查看还有谁在使用该账号，在配额中心提高调用频率，或调低 `--api-qps` 以免影响其他使用者；`vsgb_api_rate_limit` 是当前的频率。',
  },
  ApiUnavailable: {
    meaning: 'API 无法访问或调用失败。',
    todo: '检查从集群到接入点的网络（DNS、NetworkPolicy、代理）；错误码为 `Certificate` 和 `InvalidTimeStamp.Expired` 时为 Stalled，请检查证书和时钟。`vsgb_api_requests_total` 包含错误码。重试时移除操作优先。',
  },
  InvalidSpec: {
    meaning: '无法读取 spec。消息中指出了字段。',
    todo: '更正 spec。当前版本的 CRD 会拒绝这样的 spec：已安装的版本较旧，请重新应用（`kubectl get crd vservergroupbindings.slb.alibabacloud.com`）。',
  },
  DeletionBlocked: {
    meaning: '绑定正在删除，但无法读取决定如何处理其后端服务器的字段。',
    todo: '更正该字段，绑定删除期间也可以更正：`kubectl patch vsgb NAME --type merge -p \'{"spec":{"deletionPolicy":"Remove"}}\'`。`Retain` 将后端服务器保留在组中。如果 API 服务器两者都不接受，请移除 finalizer。',
  },
  FinalizerNotWritten: {
    meaning:
      'API 服务器不接受写入 finalizer（没有它就不会添加任何后端服务器），或不接受从正在删除的绑定上移除它。',
    todo: '如果消息中没有策略：`kubectl auth can-i patch vservergroupbindings.slb.alibabacloud.com --as=system:serviceaccount:vservergroup-operator:vservergroup-operator`。手动：`kubectl edit vsgb NAME`，`metadata.finalizers`。',
  },
  InternalError: {
    meaning: 'operator 发生故障，会重试。',
    todo: '请报告问题，并附上该消息和前后的 operator 日志。',
  },
  Added: { meaning: '后端服务器已添加到组中。', todo: NOTHING },
  Removed: { meaning: '后端服务器已从组中移除。', todo: NOTHING },
  Draining: {
    meaning: '后端服务器的权重已设为 0；正在离开的稍后移除。',
    todo: '无需操作：经过 `spec.drain.seconds` 或 Pod 消失之后移除。已排空节点的后端服务器会保留，直到执行 `kubectl vsgb drain NODE --undo`；即将离开的节点的后端服务器会保留，直到它们消失或该节点最终留下。',
  },
  Weighed: { meaning: '后端服务器的权重已更改。', todo: NOTHING },
  Recovered: { meaning: '之前的事件所报告的问题已经消除。', todo: NOTHING },
  InvalidWeight: {
    meaning: 'Pod 的注解 slb.alibabacloud.com/weight 不是有效的权重。使用其他权重代替。',
    todo: '在 Deployment 的模板中更正 Pod 的注解。',
  },
  AddressOutside: {
    meaning: '某个端点不是本集群和本云上的 Pod，没有弹性网卡拥有其地址。',
    todo: '从 Service 的端点中去掉该地址，或检查 `--vpc-id` 和 `--region`。',
  },
  GroupRenamed: {
    meaning: '该虚拟服务器组是按名称找到的，现在的名称已不同。绑定仍使用该组。',
    todo: '将组的名称改回。如果指的是另一个组，请删除绑定，并为那个组新建绑定。',
  },
  AmbiguousPort: {
    meaning: 'Service 有多个端口使用 spec.serviceRef.port 中的端口号。使用第一个。',
    todo: '在 `spec.serviceRef.port` 中指定端口的名称。',
  },
  HoldTooShort: {
    meaning: 'Pod 有终止保持（注解 slb.alibabacloud.com/hold），但短于 status.holdSeconds。',
    todo: '在 Deployment 的模板中为 Pod 设置该保持时间：使用 `kubectl vsgb inject`，或手动设置（[zero-downtime.md](zero-downtime.md#终止保持)）。',
  },
  ReadinessGateTimedOut: {
    meaning:
      '针对 Pod：它等待进入各组的时间过长，其就绪门控 slb.alibabacloud.com/load-balancer-ready 仍被打开。',
    todo: '请查看消息的内容以及绑定的 Ready 状况。问题消除后，该 Pod 会立即被添加。',
  },
  GrantsUnreadable: {
    meaning: '命名空间的授权中有一项无法读取。其他各项有效，正在工作的绑定照常进行。',
    todo: '请由集群管理员更正命名空间的注解：`kubectl annotate namespace NAMESPACE --overwrite slb.alibabacloud.com/grants="rsp-… lb-…"`。`deploy/policies/grants.yaml` 会拒绝这样的项。',
  },
  EndpointsTruncated: {
    meaning: 'Kubernetes 截断了 Endpoints 中的地址，因此缺少部分 Pod。',
    todo: '以 `--endpoints-source=auto` 或 `endpointslices` 运行 operator。',
  },
};

export const chinese: MessagesText = {
  title: '消息',
  languages: '[English](../messages.md) | 简体中文',
  introduction:
    '绑定的用户在 `kubectl describe vsgb NAME`、`kubectl vsgb status` 和 `kubectl get events` 中看到的内容：虚拟服务器组、后端服务器（最多列出五个名称），云 API 出错时还有其操作、错误码和请求 ID，以及该做什么或接下来会发生什么。报告问题的状况还会以相同的原因和消息产生一次 Warning 事件；事件 `Recovered` 表示问题已经消除。消息本身为英文。\n\n状况遵循 [kstatus](https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md)：可以使用 `kubectl wait --for=condition=Ready vsgb/NAME`。Argo CD 和 Flux 见 [gitops.md](../gitops.md)。',
  headings: {
    ready: 'Ready True',
    reconciling: 'Ready False、Reconciling True：operator 自动继续',
    stalled: 'Ready False、Stalled True：需要人工处理才能继续',
    off: 'Ready False：已停用',
    Normal: 'Normal 事件',
    Warning: '其他 Warning 事件',
  },
  reason: (reason) => REASONS[reason],
};
