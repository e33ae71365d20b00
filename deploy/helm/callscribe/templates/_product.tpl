{{/* What the chart knows of the services, in one place. A test holds it against their own code. */}}
{{- define "callscribe.product" -}}
# --- of the roles: python -m deploy.roles ---
services: [gateway, vad, denoise, asr, align]
# --- end ---
# Those that run on GPUs alone, with the extra of their image.
gpuOnly: {align: asr-vllm}
ports: {http: 8000, admin: 9101, metrics: 9100, redis: 6379}
# Settings that give a protocol of telephones a port; tcp: no ingress passes it on.
protocols:
  - {setting: stream_port, tcp: true}
  - {setting: stream_ws_port, tcp: false}
  - {setting: vosk_port, tcp: false}
  - {setting: audiosocket_port, tcp: true}
# The setting that bounds what a pod accepts.
capacity:
  gateway: {setting: max_sessions, default: 500}
  vad: {setting: vad_slots, default: 256}
  denoise: {setting: denoise_slots, default: 32}
# Settings that follow from other values.
owned: [host, port, metrics_host, metrics_port, redis_url, log_format, drain_s, asr_engine,
  asr_device, asr_model, align_model, align_device, vad_device, vad_engine, denoise_device,
  denoise_engine, ssl_certfile, ssl_keyfile, generate_self_signed_cert, self_signed_cert_dir,
  admin_host, admin_port, webhook_secret_file, keys_file, twilio_auth_token_file, jwt_secret_file,
  jwt_public_key_file, jwt_jwks_file, sinks_file]
# Pairs of settings, the first of which must be small enough for the second.
defaults: {heartbeat_s: 0.5, lease_s: 1.5, min_speech_duration: 0.2, max_utterance: 30.0}
tenant: "[a-z0-9][a-z0-9._-]{0,62}"
# Legs or calls that one pod on a core is given where the values do not say.
perPod: {vad: 230, denoise: 29, asr: 14}
{{- end }}

{{/* The services of this site in the order of the flow, as a JSON list. */}}
{{- define "callscribe.services" -}}
{{- $found := list }}
{{- range (include "callscribe.product" . | fromYaml).services }}
{{- if dig "enabled" true (index $.Values .) }}{{ $found = append $found . }}{{ end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{/* "yes" where each pod of a service holds one GPU. Takes (list $name $service). */}}
{{- define "callscribe.onGpu" -}}
{{- $name := index . 0 }}{{ $service := index . 1 }}
{{- $alone := hasKey (include "callscribe.product" . | fromYaml).gpuOnly $name }}
{{- if or $alone (eq (get $service "device") "cuda") (eq (get $service "engine") "vllm") }}yes{{ end }}
{{- end }}

{{/* The extra that a service's image is built with. */}}
{{- define "callscribe.extra" -}}
{{- $name := index . 0 }}
{{- $alone := (include "callscribe.product" . | fromYaml).gpuOnly }}
{{- if hasKey $alone $name }}{{ get $alone $name }}
{{- else if eq $name "asr" }}{{ ternary "asr-vllm" "asr-cpu" (eq (index . 1).engine "vllm") }}
{{- else if include "callscribe.onGpu" . }}gpu
{{- else }}{{ $name }}{{ end }}
{{- end }}

{{/* The ports of telephones that are switched on, by name. Takes the gateway's values. */}}
{{- define "callscribe.telephones" -}}
{{- $found := dict }}
{{- $settings := .settings }}
{{- range (include "callscribe.product" . | fromYaml).protocols }}
{{- $setting := .setting }}
{{- with get $settings $setting }}
{{- $_ := set $found ($setting | trimSuffix "_port" | replace "_" "-") (int .) }}
{{- end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{/* Seconds from a pod's deletion to its kill; the drain ends before. */}}
{{- define "callscribe.grace" -}}
{{- $name := index . 0 }}{{ $service := index . 1 }}
{{- add (ternary 10 0 (eq $name "gateway")) ($service.drainS | int) 60 }}
{{- end }}

{{/* Seconds that a pod may take to start; the first start of vLLM compiles. */}}
{{- define "callscribe.startup" -}}
{{- $service := index . 1 }}
{{- if $service.startupS }}{{ $service.startupS | int }}{{ else }}{{ ternary 1800 300 (eq $service.engine "vllm") }}{{ end }}
{{- end }}

{{/* Units for which one pod is asked for. Takes (list $root $name $service); 0: too few. */}}
{{- define "callscribe.perPod" -}}
{{- $root := index . 0 }}{{ $service := index . 2 }}
{{- if $service.perPod }}{{ $service.perPod | int }}
{{- else if get $service.settings "asr_legs" }}
{{- divf $service.settings.asr_legs $root.Values.autoscaling.legsPerCall | include "callscribe.fits" }}
{{- else }}{{ (include "callscribe.product" . | fromYaml).perPod.asr }}{{ end }}
{{- end }}

{{/* Units per pod with which a full pod is beyond the 10 % that the HPA ignores. */}}
{{- define "callscribe.fits" -}}
{{- subf (divf . 1.1) 1e-9 | floor | int }}
{{- end }}

{{/* Whole cores that a pod asks for, at least one. Takes a quantity. */}}
{{- define "callscribe.cores" -}}
{{- if hasSuffix "m" . }}{{ max 1 (div (trimSuffix "m" . | int64) 1000) }}{{ else }}{{ max 1 (floor . | int64) }}{{ end }}
{{- end }}

{{/* Where a model lies in the volume. Takes its name at the hub. */}}
{{- define "callscribe.modelPath" -}}
/models/{{ base . }}
{{- end }}

{{/* Models that lie in the volume, by service, as a JSON object. */}}
{{- define "callscribe.models" -}}
{{- $found := dict }}
{{- range $name := include "callscribe.services" . | fromJsonArray }}
{{- with get (index $.Values $name) "model" }}{{ $_ := set $found $name . }}{{ end }}
{{- end }}
{{- toJson $found }}
{{- end }}
