{{/* What the schema cannot say of the values. */}}
{{- define "vservergroup-operator.check" -}}
{{- $fullname := include "vservergroup-operator.fullname" . }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $fullname) }}
{{- fail (printf "%s cannot begin the name of a Service, which starts with a letter and has no dots: set fullnameOverride" $fullname) }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if hasPrefix "VSGB_" .name }}
{{- fail (printf "extraEnv: %s is a setting of the operator: put it under config, or set the value that stands for it" .name) }}
{{- end }}
{{- end }}
{{- $own := include "vservergroup-operator.ownLabels" . | fromYaml }}
{{- range $label, $_ := .Values.commonLabels }}
{{- if hasKey $own $label }}
{{- fail (printf "commonLabels: %s is set by the chart: take another name" $label) }}
{{- end }}
{{- end }}
{{- range $label, $_ := .Values.podLabels }}
{{- if hasKey (include "vservergroup-operator.selectorLabels" $ | fromYaml) $label }}
{{- fail (printf "podLabels: %s is what the Deployment finds its pods by: take another name" $label) }}
{{- end }}
{{- end }}
{{- range .Values.extraObjects }}
{{- range regexSplit "(?m)^---" (tpl (kindIs "string" . | ternary . (toYaml .)) $) -1 }}
{{- if eq (get (fromYaml .) "kind") "VServerGroupBinding" }}
{{- fail "extraObjects: a VServerGroupBinding would be left by helm uninstall, which deletes the operator first: apply bindings apart from this release, and delete them before you uninstall it" }}
{{- end }}
{{- end }}
{{- end }}
{{- include "vservergroup-operator.checkGracePeriod" . }}
{{- end }}

{{/* A pod that is killed in the middle of a call leaves a group whose state is unknown, and its Lease to run out. */}}
{{- define "vservergroup-operator.checkGracePeriod" -}}
{{- $timeout := get .Values.config "VSGB_SHUTDOWN_TIMEOUT" | default "10s" }}
{{- range .Values.extraArgs }}
{{- if hasPrefix "--shutdown-timeout=" . }}{{ $timeout = trimPrefix "--shutdown-timeout=" . }}{{ end }}
{{- end }}
{{- $start := toDate "2006-01-02" "2000-01-01" }}
{{- $end := $start | mustDateModify $timeout | mustDateModify "999ms" }}
{{- $calls := sub ($end | unixEpoch | int64) ($start | unixEpoch | int64) }}
{{- $preStop := ternary 5 0 .Values.webhook.enabled }}
{{- $needed := add $calls $preStop 7 }}
{{- if lt (int64 .Values.terminationGracePeriodSeconds) $needed }}
{{- fail (printf "terminationGracePeriodSeconds is %d, and a pod may take %d s to end: %s for calls in flight (--shutdown-timeout), 7 s for the last statuses and the Lease%s. Raise it, or lower VSGB_SHUTDOWN_TIMEOUT" (int64 .Values.terminationGracePeriodSeconds) $needed $timeout (ternary ", 5 s until no pods are sent to the webhook" "" .Values.webhook.enabled)) }}
{{- end }}
{{- end }}
