{{/*
What services are told: environment, and secrets as files. A setting that is named here is no setting of
gateway.settings and the like; the schema is made from that.
*/}}

{{/* Settings as a map of texts: root, component; as YAML. */}}
{{- define "mosaic.settings" -}}
{{- $v := .root.Values -}}
{{- $isWorker := has .component (list "outbox" "inbox" "encryption") -}}
{{- $s := dict "MOSAIC_LOG" "json" -}}
{{- $trial := $v.trial.enabled -}}
{{- $name := include "mosaic.fullname" .root -}}
{{- if ne .component "admin" -}}
{{- $_ := set $s "MOSAIC_HEALTH_LISTEN" (printf "%s:8445" $v.listenAddress) -}}
{{- $_ := set $s "MOSAIC_NATS_URLS" (ternary (printf "nats://%s-nats:4222" $name) (join "," $v.nats.urls) (and $trial (not $v.nats.urls))) -}}
{{- $_ := set $s "MOSAIC_NATS_NAMESPACE" $v.nats.namespace -}}
{{- if $v.tracing.endpoint -}}
{{- $_ := set $s "MOSAIC_TRACES" $v.tracing.endpoint -}}
{{- /* A small number must not become 1e-05. */ -}}
{{- $_ := set $s "MOSAIC_TRACES_SAMPLE" (printf "%.6f" (float64 $v.tracing.sample)) -}}
{{- end -}}
{{- $service := ternary (printf "-%s" .component) "" $v.nats.auth.perService -}}
{{- with $v.nats.auth.user }}{{ $_ := set $s "MOSAIC_NATS_USER" (print . $service) }}{{ end -}}
{{- $_ := set $s "MOSAIC_NATS_INBOX_PREFIX" (print $v.nats.inboxPrefix (replace "-" "." $service)) -}}
{{- end -}}
{{- if not $v.redis.auth.urlsKey -}}
{{- $_ := set $s "MOSAIC_REDIS_URLS" (ternary (printf "redis://%s-valkey:6379" $name) (join "," $v.redis.urls) (and $trial (not $v.redis.urls))) -}}
{{- end -}}
{{- $_ := set $s "MOSAIC_REDIS_MODE" $v.redis.mode -}}
{{- $_ := set $s "MOSAIC_REDIS_KEY_PREFIX" $v.redis.keyPrefix -}}
{{- with $v.redis.sentinelMaster }}{{ $_ := set $s "MOSAIC_REDIS_SENTINEL_MASTER" . }}{{ end -}}
{{- with $v.redis.auth.user }}{{ $_ := set $s "MOSAIC_REDIS_USER" . }}{{ end -}}
{{- if eq .component "gateway" -}}
{{- include "mosaic.gatewaySettings" (dict "root" .root "s" $s) -}}
{{- else -}}
{{- $_ := set $s "MOSAIC_OBJECTS" "s3" -}}
{{- $_ := set $s "MOSAIC_S3_BUCKET" $v.s3.bucket -}}
{{- $_ := set $s "MOSAIC_S3_REGION" $v.s3.region -}}
{{- with $v.s3.endpoint }}{{ $_ := set $s "MOSAIC_S3_ENDPOINT" . }}{{ end -}}
{{- if kindIs "bool" $v.s3.pathStyle }}{{ $_ := set $s "MOSAIC_S3_PATH_STYLE" (toString $v.s3.pathStyle) }}{{ end -}}
{{- with $v.s3.prefix }}{{ $_ := set $s "MOSAIC_S3_PREFIX" . }}{{ end -}}
{{- end -}}
{{- $own := list $v.settings -}}
{{- if eq .component "gateway" }}{{ $own = append $own $v.gateway.settings }}{{ end -}}
{{- if ne .component "gateway" }}{{ $own = append $own $v.workers.settings }}{{ end -}}
{{- if $isWorker }}{{ $own = append $own (get $v.workers .component).settings }}{{ end -}}
{{- range $own -}}
{{- range $key, $value := . -}}
{{- /* A whole number must not become 1e+06. */ -}}
{{- $_ := set $s $key (ternary (printf "%.0f" (float64 $value)) (toString $value) (kindIs "float64" $value)) -}}
{{- end -}}
{{- end -}}
{{- range $key, $value := $s }}
{{ $key }}: {{ $value | quote }}
{{- end -}}
{{- end -}}

{{- define "mosaic.gatewaySettings" -}}
{{- $g := .root.Values.gateway -}}
{{- $address := .root.Values.listenAddress -}}
{{- $_ := set .s "MOSAIC_ROLES" (include "mosaic.roles" .root) -}}
{{- $_ := set .s "MOSAIC_MTLS_LISTEN" (ternary (printf "%s:8443" $address) "off" $g.mtls.enabled) -}}
{{- $_ := set .s "MOSAIC_UWS_LISTEN" (ternary (printf "%s:8444" $address) "off" $g.uws.enabled) -}}
{{- $_ := set .s "MOSAIC_UWS_TLS" (toString $g.uws.tls) -}}
{{- $_ := set .s "MOSAIC_PROXY_PROTOCOL_FROM" (join "," $g.proxyProtocolFrom | default "none") -}}
{{- $_ := set .s "MOSAIC_ALLOWED" (join "," $g.allowed | default "none") -}}
{{- $_ := set .s "MOSAIC_DRAIN_DELAY" (printf "%ds" (int $g.drain.delaySeconds)) -}}
{{- $_ := set .s "MOSAIC_DRAIN_TIME" (printf "%ds" (int $g.drain.timeSeconds)) -}}
{{- with $g.serviceUrl }}{{ $_ := set $.s "MOSAIC_SERVICE_URL" . }}{{ end -}}
{{- end -}}

{{/* Secrets as files: a list of setting, secret, key; as YAML with the field files. */}}
{{- define "mosaic.secretFiles" -}}
{{- $v := .root.Values -}}
{{- $n := $v.nats -}}
{{- $r := $v.redis -}}
{{- $all := list -}}
{{- if eq .component "gateway" -}}
{{- $all = append $all (list "MOSAIC_SERVER_KEY" (include "mosaic.serverKeySecret" .root) $v.serverKey.key) -}}
{{- else -}}
{{- $all = append $all (list "MOSAIC_S3_SECRET_ACCESS_KEY" (include "mosaic.s3Secret" .) $v.s3.auth.secretAccessKeyKey) -}}
{{- $all = append $all (list "MOSAIC_INDEX_SECRET" $v.indexSecret.existingSecret $v.indexSecret.key) -}}
{{- end -}}
{{- if ne .component "admin" -}}
{{- $service := ternary (printf "-%s" .component) "" $n.auth.perService -}}
{{- with $n.auth.credsKey }}{{ $all = append $all (list "MOSAIC_NATS_CREDS" $n.auth.existingSecret (print . $service)) }}{{ end -}}
{{- with $n.auth.nkeyKey }}{{ $all = append $all (list "MOSAIC_NATS_NKEY" $n.auth.existingSecret (print . $service)) }}{{ end -}}
{{- with $n.auth.tokenKey }}{{ $all = append $all (list "MOSAIC_NATS_TOKEN" $n.auth.existingSecret (print . $service)) }}{{ end -}}
{{- with $n.auth.passwordKey }}{{ $all = append $all (list "MOSAIC_NATS_PASSWORD" $n.auth.existingSecret (print . $service)) }}{{ end -}}
{{- $all = append $all (list "MOSAIC_NATS_TLS_CA" $n.tls.existingSecret $n.tls.caKey) -}}
{{- $all = append $all (list "MOSAIC_NATS_TLS_CERT" $n.tls.existingSecret $n.tls.certKey) -}}
{{- $all = append $all (list "MOSAIC_NATS_TLS_KEY" $n.tls.existingSecret $n.tls.keyKey) -}}
{{- end -}}
{{- $all = append $all (list "MOSAIC_REDIS_URLS" $r.auth.existingSecret $r.auth.urlsKey) -}}
{{- $all = append $all (list "MOSAIC_REDIS_PASSWORD" $r.auth.existingSecret $r.auth.passwordKey) -}}
{{- $all = append $all (list "MOSAIC_REDIS_TLS_CA" $r.tls.existingSecret $r.tls.caKey) -}}
{{- $all = append $all (list "MOSAIC_REDIS_TLS_CERT" $r.tls.existingSecret $r.tls.certKey) -}}
{{- $all = append $all (list "MOSAIC_REDIS_TLS_KEY" $r.tls.existingSecret $r.tls.keyKey) -}}
{{- $files := list -}}
{{- range $all -}}
{{- if and (index . 1) (index . 2) -}}
{{- $file := index . 0 | trimPrefix "MOSAIC_" | lower | replace "_" "-" -}}
{{- $files = append $files (dict "setting" (index . 0) "secret" (index . 1) "key" (index . 2) "file" $file) -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "files" $files) -}}
{{- end -}}

{{/* The Secret of who a container is to the object store: root, suffix. */}}
{{- define "mosaic.s3Secret" -}}
{{- $auth := .root.Values.s3.auth -}}
{{- ternary $auth.compactSecret $auth.existingSecret (and (eq .suffix "compact") (ne $auth.compactSecret "")) -}}
{{- end -}}

{{/* The environment of a container: root, component, suffix, extra. */}}
{{- define "mosaic.env" -}}
{{- range $name, $value := fromYaml (include "mosaic.settings" .) }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- range (fromYaml (include "mosaic.secretFiles" .)).files }}
- name: {{ .setting }}_FILE
  value: /etc/mosaic/{{ .file }}
{{- end }}
{{- with .root.Values.s3.auth }}
{{- if and .existingSecret (ne $.component "gateway") }}
- name: MOSAIC_S3_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ include "mosaic.s3Secret" $ }}
      key: {{ .accessKeyIdKey }}
{{- end }}
{{- end }}
{{- with .extra }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "mosaic.secretVolume" -}}
{{- with (fromYaml (include "mosaic.secretFiles" .)).files -}}
- name: secrets
  projected:
    # 0440, for the pod's group.
    defaultMode: 288
    sources:
      {{- range . }}
      - secret:
          name: {{ .secret }}
          items:
            - key: {{ .key }}
              path: {{ .file }}
      {{- end }}
{{- end -}}
{{- end -}}
