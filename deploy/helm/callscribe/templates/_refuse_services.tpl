{{- define "callscribe.refuse.models" -}}
{{- if and (eq .Values.asr.engine "vllm") (not .Values.asr.model) }}
asr.model: the engine vllm needs one, for example Qwen/Qwen3-ASR-1.7B
{{- end }}
{{- end }}

{{- define "callscribe.refuse.scaling" -}}
{{- $scaling := .Values.autoscaling }}
{{- $product := include "callscribe.product" . | fromYaml }}
{{- range $name := include "callscribe.services" . | fromJsonArray }}
{{- $service := get $.Values $name }}
{{- $replicas := int $service.replicas }}{{ $most := int $service.maxReplicas }}
{{- if lt $replicas 1 }}
{{ $name }}.replicas: at least 1, or disable a stage that is not needed
{{- end }}
{{- if and $most (not $scaling.enabled) }}
{{ $name }}.maxReplicas: it is for autoscaling; enable that or leave it out
{{- end }}
{{- if and $scaling.enabled (lt $most $replicas) }}
{{ $name }}.maxReplicas: {{ $most }} is less than {{ $name }}.replicas ({{ $replicas }})
{{- end }}
{{- if and (hasKey $service.settings "asr_legs") $service.perPod }}
{{ $name }}.perPod: leave it out; it follows from {{ $name }}.settings.asr_legs
{{- else if and (eq (int $service.perPod) 0) (ne $name "asr") }}
{{ $name }}.perPod: at least 1
{{- else if and $scaling.enabled (eq (include "callscribe.perPod" (list $ $name $service) | int) 0) }}
{{ $name }}.settings.asr_legs: too few for a pod to scale by
{{- end }}
{{- with get $product.capacity $name }}
{{- $capacity := get $service.settings .setting | default .default }}
{{- $fits := include "callscribe.fits" $capacity | int }}
{{- if and $scaling.enabled (gt (int $service.perPod) $fits) }}
{{ $name }}.perPod: {{ int $service.perPod }} is too many: the HPA ignores 10 %, and {{ .setting }} is {{ int $capacity }}; at most {{ $fits }}
{{- end }}
{{- end }}
{{- end }}
{{- if $scaling.enabled }}
{{- if not (regexMatch `^https?://` $scaling.prometheus) }}
autoscaling.prometheus: name the URL of Prometheus, which KEDA asks
{{- end }}
{{- if le (float64 $scaling.callsPerMin) 0.0 }}
autoscaling.callsPerMin: how many calls more a minute must be taken; above 0
{{- end }}
{{- if not .Values.monitoring.enabled }}
monitoring: KEDA scales by what Prometheus scrapes; enable it
{{- end }}
{{- $authentication := $scaling.authentication }}
{{- if and $authentication.modes (not $authentication.secretTargetRef) }}
autoscaling.authentication.secretTargetRef: name the Secret for {{ $authentication.modes }}
{{- end }}
{{- if and $authentication.secretTargetRef (not $authentication.modes) }}
autoscaling.authentication.modes: say how KEDA shows what autoscaling.authentication.secretTargetRef holds
{{- end }}
{{- end }}
{{- if and .Values.monitoring.enabled .Values.monitoring.rules (gt (int .Values.monitoring.intervalS) 30) }}
monitoring.intervalS: {{ int .Values.monitoring.intervalS }} s is too long for monitoring.rules; at most 30
{{- end }}
{{- end }}

{{- define "callscribe.refuse.services" -}}
{{- $product := include "callscribe.product" . | fromYaml }}
{{- range $name := include "callscribe.services" . | fromJsonArray }}
{{- $service := get $.Values $name }}
{{- $settings := $service.settings }}
{{- range $setting := $product.owned }}
{{- if hasKey $settings $setting }}
{{ $name }}.settings.{{ $setting }}: the manifests set it
{{- end }}
{{- end }}
{{- if eq (get $service "device") "cuda" }}
{{- include "callscribe.refuse.filter" (list $name $service $product) }}
{{- end }}
{{- if ne $name "gateway" }}
{{- $beat := get $settings "heartbeat_s" | default $product.defaults.heartbeat_s }}
{{- $lease := get $settings "lease_s" | default $product.defaults.lease_s }}
{{- if gt (mulf 2 $beat) (float64 $lease) }}
{{ $name }}: --heartbeat-s: {{ $beat }} s is more than half of --lease-s ({{ $lease }} s)
{{- end }}
{{- end }}
{{- end }}
{{- $settings := .Values.gateway.settings }}
{{- $least := get $settings "min_speech_duration" | default $product.defaults.min_speech_duration }}
{{- $most := get $settings "max_utterance" | default $product.defaults.max_utterance }}
{{- if ge (float64 $least) (float64 $most) }}
gateway: --min-speech-duration: {{ $least }} s is not less than --max-utterance ({{ $most }} s)
{{- end }}
{{- with $settings.port_tenant }}
{{- if not (regexMatch (printf "^%s$" $product.tenant) .) }}
gateway: --port-tenant: a tenant's name has a-z, 0-9, '.', '_' and '-', at most 63, not beginning with a sign; this is {{ squote . }}
{{- end }}
{{- end }}
{{- range $network := include "callscribe.parts" $settings.trusted_proxies | fromJsonArray }}
{{- with include "callscribe.networkFault" $network }}
gateway: --trusted-proxies: '{{ $network }}' is no address or network: {{ . }}
{{- end }}
{{- end }}
{{- range include "callscribe.parts" $settings.webhook_networks | fromJsonArray }}
{{- with include "callscribe.networkFault" . }}
gateway: --webhook-networks: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* The defaults are those of a core. */}}
{{- define "callscribe.refuse.filter" -}}
{{- $name := index . 0 }}{{ $service := index . 1 }}{{ $product := index . 2 }}
{{- $unit := regexFind `[KMGT]i?$` $service.memory }}
{{- $each := get (dict "K" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0) $unit }}
{{- if lt (mulf (trimSuffix $unit $service.memory) $each) (mulf 3 1073741824) }}
{{ $name }}.memory: {{ $service.memory }} is too little for CUDA; at least 3Gi
{{- end }}
{{- $slots := printf "%s_slots" $name }}
{{- if not (hasKey $service.settings $slots) }}
{{ $name }}.settings.{{ $slots }}: name it; {{ (get $product.capacity $name).default }} are for a core, and docs/gpu.md says what a process with a GPU carries
{{- else if eq (int $service.perPod) (get $product.perPod $name | int) }}
{{ $name }}.perPod: name it; {{ int $service.perPod }} are for a core, {{ $slots }} are more
{{- end }}
{{- end }}
