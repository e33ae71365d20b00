{{- define "callscribe.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) }}
{{- $name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Labels by which everything of this release is found; they never change. */}}
{{- define "callscribe.release" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Labels of one kind of process. Takes (list $root $component). */}}
{{- define "callscribe.component" -}}
{{- include "callscribe.release" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Metadata of an object. Takes (list $root $name), and a component and annotations if it has. */}}
{{- define "callscribe.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "callscribe.fullname" $root }}{{ with index . 1 }}-{{ . }}{{ end }}
namespace: {{ $root.Release.Namespace | quote }}
labels:
  {{- include "callscribe.release" $root | nindent 2 }}
  {{- if gt (len .) 2 }}
  app.kubernetes.io/component: {{ index . 2 }}
  {{- end }}
  app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ $root.Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The whole name of an image. Takes (list $root $name $service). */}}
{{- define "callscribe.image" -}}
{{- $images := (index . 0).Values.images }}
{{- $extra := include "callscribe.extra" (rest .) }}
{{- with $images.registry }}{{ trimSuffix "/" . }}/{{ end }}callscribe-{{ $extra }}:
{{- $images.tag | default (index . 0).Chart.AppVersion }}
{{- with get $images.digests $extra }}@{{ . }}{{ end }}
{{- end }}

{{/* What the pods of all images have in common. Takes (list $root $user $priority). */}}
{{- define "callscribe.pod" -}}
{{- $root := index . 0 -}}
{{- /* Variables of services would look like settings: CALLSCRIBE_PORT. */ -}}
enableServiceLinks: false
automountServiceAccountToken: false
{{- with index . 2 }}
priorityClassName: {{ . | quote }}
{{- end }}
securityContext: {{- toYaml (index . 1) | nindent 2 }}
{{- with $root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "callscribe.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* A number, a switch or a text as a variable holds it: YAML reads 1048576 as a float. */}}
{{- define "callscribe.text" -}}
{{- if kindIs "float64" . }}
{{- if eq . (floor .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- else }}{{ . }}{{ end }}
{{- end }}
