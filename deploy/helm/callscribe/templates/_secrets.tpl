{{/* The Secrets that a service mounts, as a JSON list of {name, secret}. Takes (list $root $name). */}}
{{- define "callscribe.mounted" -}}
{{- $root := index . 0 }}{{ $name := index . 1 }}
{{- $redis := $root.Values.redis }}{{ $gateway := $root.Values.gateway }}
{{- $found := list }}
{{- with $redis.tlsSecret }}{{ $found = append $found (dict "name" "redis" "secret" .) }}{{ end }}
{{- with $redis.clientSecret }}{{ $found = append $found (dict "name" "redis-client" "secret" .) }}{{ end }}
{{- with $redis.userSecrets }}{{ $found = append $found (dict "name" "redis-user" "secret" (printf "%s-%s" . $name)) }}{{ end }}
{{- if eq $name "gateway" }}
{{- range $volume := list "webhook" "keys" "jwt" "twilio" "tls" }}
{{- with get $gateway (printf "%sSecret" $volume) }}{{ $found = append $found (dict "name" $volume "secret" .) }}{{ end }}
{{- end }}
{{- with $root.Values.sinks.secret }}{{ $found = append $found (dict "name" "sinks" "secret" .) }}{{ end }}
{{- with $root.Values.sinks.awsSecret }}{{ $found = append $found (dict "name" "aws" "secret" .) }}{{ end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{/* The URL of the Redis that comes along. */}}
{{- define "callscribe.bundledUrl" -}}
redis://{{ include "callscribe.fullname" . }}-redis:6379/0
{{- end }}

{{/* The variable with the URL of Redis: without users it is a secret, as a password is in it. */}}
{{- define "callscribe.redisVariable" -}}
{{- $redis := .Values.redis -}}
- name: CALLSCRIBE_REDIS_URL
{{- if $redis.userSecrets }}
  {{- $url := $redis.url | default (include "callscribe.bundledUrl" .) }}
  {{- $options := list "passwords=/etc/callscribe/redis-user" }}
  {{- if $redis.tlsSecret }}{{ $options = append $options "ssl_ca_certs=/etc/callscribe/redis/ca.crt" }}{{ end }}
  {{- if $redis.clientSecret }}
  {{- $options = concat $options (list "ssl_certfile=/etc/callscribe/redis-client/tls.crt" "ssl_keyfile=/etc/callscribe/redis-client/tls.key") }}
  {{- end }}
  value: {{ printf "%s%s%s" $url (ternary "&" "?" (contains "?" $url)) (join "&" $options) | quote }}
{{- else }}
  valueFrom:
    secretKeyRef: {name: {{ $redis.secret | quote }}, key: url}
{{- end }}
{{- end }}

{{/* Settings of a service that name files of its Secrets, as a JSON object. */}}
{{- define "callscribe.secretSettings" -}}
{{- $found := dict }}
{{- if eq (index . 1) "gateway" }}
{{- $gateway := (index . 0).Values.gateway }}
{{- if $gateway.webhookSecret }}{{ $_ := set $found "webhook_secret_file" "/etc/callscribe/webhook/secrets" }}{{ end }}
{{- if $gateway.keysSecret }}{{ $_ := set $found "keys_file" "/etc/callscribe/keys/keys.json" }}{{ end }}
{{- if $gateway.jwtSecret }}
{{- $_ := set $found (printf "jwt_%s_file" $gateway.jwtKey) (printf "/etc/callscribe/jwt/%s" $gateway.jwtKey) }}
{{- end }}
{{- if $gateway.twilioSecret }}{{ $_ := set $found "twilio_auth_token_file" "/etc/callscribe/twilio/auth_token" }}{{ end }}
{{- if (index . 0).Values.sinks.secret }}{{ $_ := set $found "sinks_file" "/etc/callscribe/sinks/sinks" }}{{ end }}
{{- if $gateway.tlsSecret }}
{{- $_ := set $found "ssl_certfile" "/etc/callscribe/tls/tls.crt" }}
{{- $_ := set $found "ssl_keyfile" "/etc/callscribe/tls/tls.key" }}
{{- end }}
{{- end }}
{{- toJson $found }}
{{- end }}
