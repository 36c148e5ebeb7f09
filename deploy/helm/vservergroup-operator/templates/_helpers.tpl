{{/* Where a name is a whole value it is quoted: YAML reads some (no, 123, 1e3) as something else. */}}
{{- define "vservergroup-operator.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Of 55 characters at most: with -metrics or -webhook it is the name of a Service, which has up to 63. */}}
{{- define "vservergroup-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 55 | trimSuffix "-" }}
{{- else if contains (include "vservergroup-operator.name" .) .Release.Name }}
{{- .Release.Name | trunc 55 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "vservergroup-operator.name" .) | trunc 55 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "vservergroup-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "vservergroup-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "vservergroup-operator.ownLabels" -}}
{{ include "vservergroup-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "vservergroup-operator.labels" -}}
{{ include "vservergroup-operator.ownLabels" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The same with further labels, which go before those that all objects have: (list . labels) */}}
{{- define "vservergroup-operator.labelsWith" -}}
{{- toYaml (merge (dict) (index . 1) (include "vservergroup-operator.labels" (index . 0) | fromYaml)) }}
{{- end }}

{{- define "vservergroup-operator.podLabels" -}}
{{- toYaml (merge (include "vservergroup-operator.selectorLabels" . | fromYaml) .Values.podLabels .Values.commonLabels) }}
{{- end }}

{{- define "vservergroup-operator.leaseName" -}}
{{- .Values.leaderElection.leaseName | default (include "vservergroup-operator.fullname" .) }}
{{- end }}

{{- define "vservergroup-operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "vservergroup-operator.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "vservergroup-operator.image" -}}
{{- with .Values.image -}}
{{- $repository := required "image.repository is needed: the registry and name that you pushed the operator's image to (docs/image.md), for example --set image.repository=$REGISTRY/vservergroup-operator" .repository }}
{{- if .digest }}{{ $repository }}@{{ .digest }}{{ else }}{{ $repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* Gives the operator the ClusterRole whose name ends so: in the namespaces that it looks after, or in all. */}}
{{- define "vservergroup-operator.roleBindings" -}}
{{- $root := index . 0 }}
{{- $name := printf "%s%s" (include "vservergroup-operator.fullname" $root) (index . 1) }}
{{- range $root.Values.namespaces | default (list "") }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ ternary "RoleBinding" "ClusterRoleBinding" (ne . "") }}
metadata:
  name: {{ $name | quote }}
  {{- with . }}
  namespace: {{ . | quote }}
  {{- end }}
  labels:
    {{- include "vservergroup-operator.labels" $root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $name | quote }}
subjects:
  - kind: ServiceAccount
    name: {{ include "vservergroup-operator.serviceAccountName" $root | quote }}
    namespace: {{ $root.Release.Namespace | quote }}
{{- end }}
{{- end }}

{{/* The environment of the operator: what has a value of its own, and whatever else is set under config. */}}
{{- define "vservergroup-operator.config" -}}
{{- $region := required "region is needed: the region of the load balancers, for example --set region=cn-hangzhou" .Values.region }}
{{- if and .Values.credentials.rrsa.roleName .Values.credentials.existingSecret }}
{{- fail "credentials.rrsa.roleName and credentials.existingSecret are two ways to sign in: set one of them" }}
{{- end }}
{{- with .Values.credentials }}
{{- if and .rrsa.roleArn (or .rrsa.roleName .existingSecret) }}
{{- fail "credentials.rrsa.roleArn is a way to sign in of its own: set it without credentials.rrsa.roleName and credentials.existingSecret" }}
{{- end }}
{{- if ne (empty .rrsa.roleArn) (empty .rrsa.oidcProviderArn) }}
{{- fail "credentials.rrsa.roleArn and credentials.rrsa.oidcProviderArn need each other: set both, or neither" }}
{{- end }}
{{- end }}
{{- $config := dict "VSGB_REGION" $region "VSGB_LOG_LEVEL" "info" }}
{{- with .Values.vpcId }}{{ $_ := set $config "VSGB_VPC_ID" . }}{{ end }}
{{- with .Values.clusterId }}{{ $_ := set $config "VSGB_CLUSTER_ID" . }}{{ end }}
{{- if .Values.credentials.existingSecret }}{{ $_ := set $config "VSGB_CREDENTIALS_DIR" "/var/run/secrets/vservergroup-operator" }}{{ end }}
{{- with .Values.credentials.rrsa }}{{ if .roleArn }}
{{- $_ := set $config "ALIBABA_CLOUD_ROLE_ARN" .roleArn }}
{{- $_ := set $config "ALIBABA_CLOUD_OIDC_PROVIDER_ARN" .oidcProviderArn }}
{{- $_ := set $config "ALIBABA_CLOUD_OIDC_TOKEN_FILE" "/var/run/secrets/vservergroup-operator-rrsa/token" }}
{{- end }}{{ end }}
{{- with .Values.namespaces }}{{ $_ := set $config "VSGB_NAMESPACE" (join "," .) }}{{ end }}
{{- if .Values.grants.required }}{{ $_ := set $config "VSGB_REQUIRE_GRANTS" "true" }}{{ end }}
{{- if .Values.readinessGates.enabled }}{{ $_ := set $config "VSGB_READINESS_GATES" "true" }}{{ end }}
{{- if .Values.webhook.enabled }}
{{- $_ := set $config "VSGB_WEBHOOK_ADDRESS" ":9443" }}
{{- $_ := set $config "VSGB_WEBHOOK_NAME" (printf "%s-webhook" (include "vservergroup-operator.fullname" .)) }}
{{- if .Values.webhook.tls.existingSecret }}{{ $_ := set $config "VSGB_WEBHOOK_TLS_DIR" "/var/run/secrets/vservergroup-operator-webhook" }}{{ end }}
{{- end }}
{{- $lease := include "vservergroup-operator.leaseName" . }}
{{- if ne $lease "vservergroup-operator" }}{{ $_ := set $config "VSGB_LEADER_ELECT_LEASE_NAME" $lease }}{{ end }}
{{- if ne .Values.metrics.auth "none" }}{{ $_ := set $config "VSGB_METRICS_AUTH" .Values.metrics.auth }}{{ end }}
{{- if .Values.metrics.tls.existingSecret }}{{ $_ := set $config "VSGB_METRICS_TLS_DIR" "/var/run/secrets/vservergroup-operator-metrics" }}{{ end }}
{{- toYaml (mergeOverwrite $config .Values.config) }}
{{- end }}
