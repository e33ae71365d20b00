{{/* An address as a text of 32 or 128 bits; empty where it is none. */}}
{{- define "callscribe.bits" -}}
{{- $nibbles := "" }}
{{- if regexMatch `^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\.|$)){4}$` . }}
{{- if not (hasSuffix "." .) }}
{{- range splitList "." . }}{{ $nibbles = printf "%s%02x" $nibbles (atoi .) }}{{ end }}
{{- end }}
{{- else }}
{{- $halves := splitList "::" . }}
{{- $groups := list }}
{{- $wrong := or (gt (len $halves) 2) (not (contains ":" .)) }}
{{- range $position, $half := $halves }}
{{- if $position }}{{ $groups = append $groups "::" }}{{ end }}
{{- if $half }}
{{- $groups = concat $groups (splitList ":" $half) }}
{{- if not (regexMatch `^[0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{1,4})*$` $half) }}{{ $wrong = true }}{{ end }}
{{- end }}
{{- end }}
{{- $missing := sub 9 (len $groups) | int }}
{{- if and (not $wrong) (ternary (ge $missing 1) (eq $missing 1) (eq (len $halves) 2)) }}
{{- range $groups }}
{{- $padded := ternary (repeat (mul 4 $missing | int) "0") (printf "000%s" (lower .)) (eq . "::") }}
{{- $nibbles = printf "%s%s" $nibbles (ternary $padded (substr (sub (len $padded) 4 | int) -1 $padded) (eq . "::")) }}
{{- end }}
{{- end }}
{{- end }}
{{- range splitList "" $nibbles }}{{ printf "%04b" (index (dict "0" 0 "1" 1 "2" 2 "3" 3 "4" 4 "5" 5 "6" 6 "7" 7 "8" 8 "9" 9 "a" 10 "b" 11 "c" 12 "d" 13 "e" 14 "f" 15) .) }}{{ end }}
{{- end }}

{{/* The first bits that all addresses of a network share, "none" where it is no network. */}}
{{- define "callscribe.network" -}}
{{- $parts := splitList "/" . }}
{{- $bits := include "callscribe.bits" (first $parts) }}
{{- $length := last $parts }}
{{- if eq (len $parts) 1 }}{{ $length = len $bits | toString }}{{ end }}
{{- if or (not $bits) (gt (len $parts) 2) (not (regexMatch `^[0-9]{1,3}$` $length)) -}} none
{{- else if gt (atoi $length) (len $bits) -}} none
{{- else if contains "1" (substr (atoi $length) (len $bits) $bits) -}} host
{{- else -}}
{{ ternary "6" "4" (gt (len $bits) 32) }}.{{ trunc (atoi $length) $bits }}
{{- end }}
{{- end }}

{{/* What is wrong with a network, as a sentence; empty where nothing is. */}}
{{- define "callscribe.networkFault" -}}
{{- $found := include "callscribe.network" . | trim }}
{{- if eq $found "none" }}'{{ . }}' does not appear to be an IPv4 or IPv6 network
{{- else if eq $found "host" }}{{ . }} has host bits set
{{- end }}
{{- end }}

{{/* A network as a NetworkPolicy wants it: an address alone is none. */}}
{{- define "callscribe.cidr" -}}
{{- . }}{{ if not (contains "/" .) }}{{ ternary "/128" "/32" (contains ":" .) }}{{ end }}
{{- end }}

{{/* The parts of a list with commas, as a JSON list. */}}
{{- define "callscribe.parts" -}}
{{- $found := list }}
{{- range splitList "," (. | default "") }}{{ with trim . }}{{ $found = append $found . }}{{ end }}{{ end }}
{{- toJson $found }}
{{- end }}

{{/* The port of a URL of HTTP. */}}
{{- define "callscribe.urlPort" -}}
{{- $port := regexReplaceAll `^https?://[^/?#]*?(:([0-9]+))?([/?#].*)?$` . "${2}" }}
{{- $port | default (ternary "443" "80" (hasPrefix "https:" .)) }}
{{- end }}

{{/* The host of a URL of HTTP, without brackets; empty where it is none. */}}
{{- define "callscribe.urlHost" -}}
{{- if regexMatch `^https?://([^/?#\\\s]*@)?([^/?#@:\[\]\\\s]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{0,5})?([/?#]\S*)?$` . }}
{{- regexReplaceAll `^https?://([^/?#]*@)?\[?([^/?#@\[\]]+?)\]?(:[0-9]*)?([/?#].*)?$` . "${2}" }}
{{- end }}
{{- end }}
