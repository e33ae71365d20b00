{{- define "callscribe.refuse.secrets" -}}
{{- $gateway := .Values.gateway }}
{{- range $name := list "keysSecret" "jwtSecret" }}
{{- if and (get $gateway $name) $gateway.settings.no_auth }}
gateway.{{ $name }}: not together with gateway.settings.no_auth
{{- end }}
{{- end }}
{{- if not $gateway.jwtSecret }}
{{- range $name := list "jwt_issuer" "jwt_audience" "jwt_tenant" }}
{{- if hasKey $gateway.settings $name }}
gateway.settings.{{ $name }}: without gateway.jwtSecret no token counts
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "callscribe.refuse.webhooks" -}}
{{- $gateway := .Values.gateway }}
{{- $wanted := or $gateway.settings.webhook_url (include "callscribe.parts" $gateway.settings.webhook_hosts | fromJsonArray) }}
{{- if and $wanted (not $gateway.webhookSecret) }}
gateway.webhookSecret: name the Secret that holds the signing keys under secrets
{{- end }}
{{- if and $gateway.webhookSecret (not $wanted) }}
gateway.webhookSecret: it signs nothing; name gateway.settings.webhook_url
{{- end }}
{{- with $gateway.settings.webhook_url }}
{{- if not (include "callscribe.urlHost" .) }}
gateway.settings.webhook_url: '{{ . }}' is not a URL with http or https
{{- end }}
{{- end }}
{{- end }}

{{- define "callscribe.refuse.ways" -}}
{{- $way := .Values.ingress }}{{ $access := .Values.access }}{{ $gateway := .Values.gateway }}
{{- $telephones := include "callscribe.telephones" $gateway | fromJson }}
{{- if not (or $way.enabled $access.networks) }}
ingress: nobody could reach the gateways; enable it, or name access.networks
{{- end }}
{{- if $way.enabled }}
{{- range $name := list "host" "className" "controllerNamespace" }}
{{- if not (get $way $name) }}
ingress.{{ $name }}: it is needed
{{- end }}
{{- end }}
{{- if not $way.tlsSecret }}
ingress.tlsSecret: name the Secret that holds the certificate of ingress.host
{{- end }}
{{- if not (hasKey $gateway.settings "trusted_proxies") }}
gateway.settings.trusted_proxies: name the network of the ingress controller's pods, or every client has its address and shares its limits
{{- end }}
{{- if eq $way.className "nginx" }}{{ include "callscribe.refuse.nginx" . }}{{ end }}
{{- end }}
{{- if and (eq $access.serviceType "LoadBalancer") (not $access.networks) }}
access.networks: name the networks that may reach the gateways
{{- end }}
{{- if and $telephones (not $access.networks) }}
access.networks: an ingress does not pass on {{ keys $telephones | sortAlpha | join ", " }}; name who may reach them
{{- end }}
{{- include "callscribe.refuse.networks" (list "access.networks" $access.networks) }}
{{- range $callers := $access.networks }}
{{- $theirs := include "callscribe.network" $callers | trim }}
{{- $overlap := false }}
{{- range include "callscribe.parts" $gateway.settings.trusted_proxies | fromJsonArray }}
{{- $ours := include "callscribe.network" . | trim }}
{{- if and (contains "." $ours) (contains "." $theirs) (or (hasPrefix $ours $theirs) (hasPrefix $theirs $ours)) }}{{ $overlap = true }}{{ end }}
{{- end }}
{{- if $overlap }}
gateway.settings.trusted_proxies: they overlap access.networks ({{ $callers }}), whose callers could then name any address as theirs
{{- end }}
{{- end }}
{{- $product := include "callscribe.product" . | fromYaml }}
{{- $taken := list ($product.ports.http | int) ($product.ports.admin | int) }}
{{- range $product.protocols }}
{{- $setting := .setting }}
{{- if and .tcp (get $gateway.settings $setting) (not (or $gateway.settings.no_auth $gateway.settings.port_tenant)) }}
gateway.settings.port_tenant: clients of plain TCP show no key; name the tenant that their calls belong to
{{- end }}
{{- with get $gateway.settings $setting }}
{{- if has (int .) $taken }}
gateway.settings.{{ $setting }}: {{ int . }} is taken by another port of a gateway
{{- end }}
{{- $taken = append $taken (int .) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "callscribe.refuse.nginx" -}}
{{- $prefix := "nginx.ingress.kubernetes.io/" }}
{{- $said := .Values.ingress.annotations }}
{{- if and .Values.gateway.tlsSecret (ne (get $said (printf "%sbackend-protocol" $prefix)) "HTTPS") }}
ingress.annotations: gateway.tlsSecret needs {{ $prefix }}backend-protocol: HTTPS
{{- end }}
{{- if not (has "http_503" (splitList " " (get $said (printf "%sproxy-next-upstream" $prefix)))) }}
ingress.annotations: {{ $prefix }}proxy-next-upstream: error timeout http_503 is needed, or a full gateway refuses calls for which others have room
{{- end }}
{{- if ne (get $said (printf "%senable-access-log" $prefix)) "false" }}
ingress.annotations: {{ $prefix }}enable-access-log: "false" is needed, or the log of the controller has the keys that clients put into URLs
{{- end }}
{{- end }}

{{- define "callscribe.refuse.collector" -}}
{{- $there := .Values.collector }}
{{- $endpoint := .Values.gateway.settings.otlp_endpoint }}
{{- if $endpoint }}
{{- if not (include "callscribe.urlHost" $endpoint) }}
gateway.settings.otlp_endpoint: '{{ $endpoint }}' is not a URL with http or https
{{- end }}
{{- if not (or $there.namespace $there.networks) }}
collector: no policy would let spans reach gateway.settings.otlp_endpoint; give this
{{- else if and $there.namespace $there.networks }}
collector.namespace: name either the namespace of its pods or collector.networks
{{- end }}
{{- include "callscribe.refuse.networks" (list "collector.networks" $there.networks) }}
{{- else if or $there.namespace $there.networks }}
gateway.settings.otlp_endpoint: name the URL of the collector that you describe
{{- end }}
{{- end }}

{{- define "callscribe.refuse.sinks" -}}
{{- $there := .Values.sinks }}{{ $settings := .Values.gateway.settings }}
{{- $written := printf "%s,%s" (default "" $settings.sinks) (default "" $settings.recordings) }}
{{- $wanted := or $there.secret $there.awsSecret (contains "://" $written) }}
{{- if regexMatch "://[^/?,@]*:[^/?,@]*@|sasl\\.password=" (default "" $settings.sinks) }}
gateway.settings.sinks: a URL has a password; put it into the Secret of sinks.secret
{{- end }}
{{- if $wanted }}
{{- if not (and $there.networks $there.ports) }}
sinks: no policy would let gateways reach them; name their networks and ports
{{- end }}
{{- include "callscribe.refuse.networks" (list "sinks.networks" $there.networks) }}
{{- else if or $there.networks $there.ports }}
sinks: nothing is written there; name sinks.secret, or gateway.settings.sinks
{{- end }}
{{- end }}
