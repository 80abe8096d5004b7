{{/* Names, labels and what else all templates share. */}}

{{- define "mosaic.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "mosaic.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if or (contains (include "mosaic.name" .) .Release.Name) (contains .Release.Name (include "mosaic.name" .)) -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "mosaic.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "mosaic.selector" -}}
app.kubernetes.io/name: {{ include "mosaic.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "mosaic.labels" -}}
{{ include "mosaic.selector" . }}
app.kubernetes.io/part-of: mosaic
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Name, namespace and labels of an object: root, component, and the end of its name. */}}
{{- define "mosaic.metadata" -}}
name: {{ include "mosaic.fullname" .root }}{{ with .suffix }}-{{ . }}{{ end }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "mosaic.labels" . | nindent 2 }}
{{- end -}}

{{- define "mosaic.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}
{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "mosaic.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "mosaic.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "mosaic.serverKeySecret" -}}
{{- .Values.serverKey.existingSecret | default (printf "%s-server-key" (include "mosaic.fullname" .)) -}}
{{- end -}}

{{/* The roles that are played, with commas between them. */}}
{{- define "mosaic.roles" -}}
{{- $roles := list -}}
{{- range list "outbox" "inbox" "encryption" -}}
{{- if (get $.Values.workers .).enabled -}}{{- $roles = append $roles . -}}{{- end -}}
{{- end -}}
{{- join "," $roles -}}
{{- end -}}

{{/* base with what over says anew, also where that is false, 0 or empty; as YAML. */}}
{{- define "mosaic.overlay" -}}
{{- $result := deepCopy .base -}}
{{- range $key, $value := .over -}}
{{- $old := get $result $key -}}
{{- if and (kindIs "map" $value) (kindIs "map" $old) -}}
{{- $_ := set $result $key (fromYaml (include "mosaic.overlay" (dict "base" $old "over" $value))) -}}
{{- else -}}
{{- $_ := set $result $key $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $result -}}
{{- end -}}

{{/* What a service's pods have: pods, and what the service says anew; as YAML. */}}
{{- define "mosaic.podValues" -}}
{{- $own := ternary .root.Values.gateway (get .root.Values.workers .component) (eq .component "gateway") -}}
{{- include "mosaic.overlay" (dict "base" .root.Values.pods "over" $own) -}}
{{- end -}}

{{/* Stops what cannot work, with a sentence that says what to do. */}}
{{- define "mosaic.check" -}}
{{- $values := .Values -}}
{{- if not $values.s3.bucket -}}
{{- fail "s3.bucket is not set: name the bucket that is to hold the records." -}}
{{- end -}}
{{- if not (or $values.nats.urls $values.trial.enabled) -}}
{{- fail "nats.urls is empty: name NATS servers, or set trial.enabled=true to try the server out." -}}
{{- end -}}
{{- if not (or $values.redis.urls $values.redis.auth.urlsKey $values.trial.enabled) -}}
{{- fail "redis.urls is empty: name Redis servers, or set trial.enabled=true to try the server out." -}}
{{- end -}}
{{- if not (or $values.serverKey.existingSecret $values.serverKey.generate) -}}
{{- fail "serverKey.existingSecret is not set: name the Secret with the server's key, or set serverKey.generate=true to have one made." -}}
{{- end -}}
{{- if not (or $values.gateway.mtls.enabled $values.gateway.uws.enabled) -}}
{{- fail "Both listeners are off: set gateway.mtls.enabled or gateway.uws.enabled." -}}
{{- end -}}
{{- if not (or $values.gateway.mtls.enabled $values.gateway.uws.public) -}}
{{- fail "gateway.uws.public is false and gateway.mtls.enabled too: nobody could connect." -}}
{{- end -}}
{{- if not (include "mosaic.roles" .) -}}
{{- fail "No role is played: enable one below workers." -}}
{{- end -}}
{{- if and (eq $values.redis.mode "sentinel") (not $values.redis.sentinelMaster) -}}
{{- fail "redis.sentinelMaster is not set: name the master as the Sentinels know it." -}}
{{- end -}}
{{- if and $values.gateway.uws.enabled $values.gateway.mtls.enabled (eq (int $values.gateway.uws.port) (int $values.gateway.mtls.port)) -}}
{{- fail "gateway.mtls.port and gateway.uws.port are the same: a Service needs two." -}}
{{- end -}}
{{- end -}}
