{{/* Each template prints a sentence a line. Nothing is printed where the values can work. */}}
{{- define "callscribe.refuse.redis" -}}
{{- $redis := .Values.redis }}
{{- if $redis.userSecrets }}
{{- include "callscribe.refuse.users" $redis }}
{{- else if not $redis.secret }}
redis.secret: name the Secret that holds the URL of Redis under the key url
{{- else if $redis.url }}
redis.url: the Secret redis.secret holds it; leave one of them out
{{- end }}
{{- if $redis.bundled }}
{{- range $name := list "tlsSecret" "clientSecret" }}
{{- if get $redis $name }}
redis.{{ $name }}: the bundled Redis does not speak TLS
{{- end }}
{{- end }}
{{- if $redis.networks }}
redis.networks: they say where another Redis is, and redis.bundled brings one
{{- end }}
{{- /* What one Redis carries with frames of 32 ms: docs/scaling.md. */}}
{{- $gateway := .Values.gateway }}
{{- $most := mul (ternary $gateway.maxReplicas $gateway.replicas .Values.autoscaling.enabled) $gateway.perPod }}
{{- if gt $most 700 }}
redis.bundled: one Redis carries about 700 calls and the gateways {{ $most }}; name a Cluster, or lower gateway.maxReplicas
{{- end }}
{{- else if not $redis.networks }}
redis.networks: name the networks of your Redis, or set redis.bundled
{{- end }}
{{- include "callscribe.refuse.networks" (list "redis.networks" $redis.networks) }}
{{- include "callscribe.refuse.networks" (list "dns.networks" .Values.dns.networks) }}
{{- if not (concat .Values.dns.namespaces .Values.dns.networks) }}
dns.namespaces: no name could be resolved; say where the resolvers are, here or as dns.networks
{{- end }}
{{- end }}

{{- define "callscribe.refuse.users" -}}
{{- if .secret }}
redis.userSecrets: not together with redis.secret, whose URL has one user for all
{{- end }}
{{- if .bundled }}
{{- if .url }}
redis.url: redis.bundled brings its own
{{- end }}
{{- else if not .url }}
redis.url: name where Redis is; services log in with redis.userSecrets
{{- else if regexMatch `\?` (regexReplaceAll `\?sentinel_username=[^&]*$` .url "") }}
redis.url: of its options only sentinel_username; the manifests add the others
{{- else }}
{{- $scheme := regexReplaceAll `://.*$` .url "" }}
{{- $authority := regexReplaceAll `^[^:]*://([^/?#]*).*$` .url "${1}" }}
{{- $path := regexReplaceAll `^[^:]*://[^/?#]*([^?#]*).*$` .url "${1}" }}
{{- $hosts := regexReplaceAll `^.*@` $authority "" }}
{{- $kind := regexReplaceAll `^rediss?\+?` $scheme "" }}
{{- if not (regexMatch `^(rediss?(\+(sentinel|cluster))?|unix)://` .url) }}
redis.url: the scheme must be one of redis, rediss, unix, redis+sentinel, rediss+sentinel, redis+cluster, rediss+cluster
{{- else if and (eq $kind "") (not (regexMatch `^/?[0-9]*$` $path)) }}
redis.url: the part after the host is not a database number
{{- else if and (eq $kind "sentinel") (not (regexMatch `^/[A-Za-z0-9_.-]+(/[0-9]*)?$` $path)) }}
redis.url: a sentinel's hosts must be followed by /<service> or /<service>/<database number>
{{- else if and (eq $kind "cluster") (not (has $path (list "" "/" "/0"))) }}
redis.url: a cluster has only database 0
{{- else if and (ne $scheme "unix") (not (regexMatch `^((\[[0-9A-Fa-f:.]+\]|[^:\[\],]+)(:[0-9]+)?(,|$))+$` $hosts)) }}
redis.url: one of the hosts is empty or invalid
{{- else if contains "@" $authority }}
redis.url: leave out user and password; each service has its own
{{- else if not (hasPrefix "rediss" $scheme) }}
{{- range $name := list "tlsSecret" "clientSecret" }}
{{- if get $ $name }}
redis.{{ $name }}: redis.url is not of TLS: rediss://
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "callscribe.refuse.networks" -}}
{{- $path := index . 0 }}
{{- range index . 1 }}
{{- with include "callscribe.networkFault" . }}
{{ $path }}: {{ . }}
{{- end }}
{{- end }}
{{- end }}
