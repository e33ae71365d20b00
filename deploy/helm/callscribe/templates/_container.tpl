{{/* Settings that follow from the values, as a JSON object. Takes (list $root $name $service). */}}
{{- define "callscribe.ownSettings" -}}
{{- $root := index . 0 }}{{ $name := index . 1 }}{{ $service := index . 2 }}
{{- $product := include "callscribe.product" $root | fromYaml }}
{{- $ports := $product.ports }}
{{- $gpu := include "callscribe.onGpu" (rest .) }}
{{- $own := dict "log_format" "json" "drain_s" $service.drainS }}
{{- if eq $name "gateway" }}
{{- /* Prometheus shows no key, which the metrics would need at the port for calls. */}}
{{- $_ := set $own "port" $ports.http }}{{ $_ := set $own "admin_port" $ports.admin }}
{{- else }}
{{- $_ := set $own "metrics_port" $ports.metrics }}
{{- end }}
{{- if eq $name "asr" }}
{{- $_ := set $own "asr_engine" $service.engine }}
{{- $_ := set $own "asr_device" (ternary "cuda" "cpu" (eq $gpu "yes")) }}
{{- /* It would count the cores of the node, since no limit of CPU hides them. */}}
{{- if not $gpu }}{{ $_ := set $own "asr_concurrency" (include "callscribe.cores" $service.cpu) }}{{ end }}
{{- else if hasKey $product.gpuOnly $name }}
{{- $_ := set $own (printf "%s_device" $name) "cuda" }}
{{- else if ne $name "gateway" }}
{{- $_ := set $own (printf "%s_device" $name) $service.device }}
{{- end }}
{{- with get $service "model" }}{{ $_ := set $own (printf "%s_model" $name) (include "callscribe.modelPath" .) }}{{ end }}
{{- toJson $own }}
{{- end }}

{{/* The variables of a container. Takes (list $root $name $service). */}}
{{- define "callscribe.environment" -}}
{{- $root := index . 0 }}{{ $service := index . 2 }}
{{- include "callscribe.redisVariable" $root }}
{{- $own := include "callscribe.ownSettings" . | fromJson }}
{{- $files := include "callscribe.secretSettings" . | fromJson }}
{{- range $name, $value := merge (deepCopy $service.settings) $files $own }}
- {name: CALLSCRIBE_{{ upper $name }}, value: {{ include "callscribe.text" $value | quote }}}
{{- end }}
{{- if and (eq (index . 1) "gateway") $root.Values.sinks.awsSecret }}
- {name: AWS_SHARED_CREDENTIALS_FILE, value: /etc/callscribe/aws/credentials}
{{- end }}
{{- /* Number libraries would otherwise take every core, in every container. */}}
- {name: OMP_NUM_THREADS, value: "1"}
- {name: OPENBLAS_NUM_THREADS, value: "1"}
{{- if get $service "model" }}
- {name: HF_HUB_OFFLINE, value: "1"}
{{- end }}
{{- end }}

{{/* The ports of a container. Takes (list $root $name $service). */}}
{{- define "callscribe.containerPorts" -}}
{{- $ports := (include "callscribe.product" (index . 0) | fromYaml).ports }}
{{- if eq (index . 1) "gateway" -}}
- {name: http, containerPort: {{ $ports.http }}}
- {name: admin, containerPort: {{ $ports.admin }}}
{{- range $name, $port := include "callscribe.telephones" (index . 2) | fromJson }}
- {name: {{ $name }}, containerPort: {{ $port | int }}}
{{- end }}
{{- else -}}
- {name: metrics, containerPort: {{ $ports.metrics }}}
{{- end }}
{{- end }}

{{/* The probes. A worker is sent nothing: it is ready for the sake of roll-outs. */}}
{{- define "callscribe.probes" -}}
{{- $service := index . 2 }}
{{- $gateway := eq (index . 1) "gateway" }}
{{- $where := dict "port" (ternary "http" "metrics" $gateway) }}
{{- /* The kubelet does not verify the certificate. */}}
{{- if and $gateway $service.tlsSecret }}{{ $_ := set $where "scheme" "HTTPS" }}{{ end }}
{{- $ready := toJson (merge (dict "path" "/ready") $where) }}
{{- $alive := toJson (merge (dict "path" "/health") $where) -}}
startupProbe:
  {{- /* A gateway is not ready without workers, and a restart does not change that. */}}
  httpGet: {{ ternary $alive $ready $gateway }}
  periodSeconds: 5
  failureThreshold: {{ div (add (include "callscribe.startup" (rest .) | int) 4) 5 }}
readinessProbe:
  httpGet: {{ $ready }}
  periodSeconds: 5
  timeoutSeconds: 4
livenessProbe:
  httpGet: {{ $alive }}
  periodSeconds: 10
  timeoutSeconds: 4
{{- end }}
