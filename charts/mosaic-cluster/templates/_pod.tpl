{{/* What every pod of the chart has: the restricted profile, no token, one folder to write to. */}}

{{- define "mosaic.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "mosaic.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The start of a pod's spec: root. */}}
{{- define "mosaic.podStart" -}}
serviceAccountName: {{ include "mosaic.serviceAccount" . }}
automountServiceAccountToken: false
# Variables made of Services' names would be settings that nobody knows.
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* A container's mounts: root, component, extra. */}}
{{- define "mosaic.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if (fromYaml (include "mosaic.secretFiles" .)).files }}
- name: secrets
  mountPath: /etc/mosaic
  readOnly: true
{{- end }}
{{- with .extra }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A pod's volumes: root, component, size, extra. */}}
{{- define "mosaic.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .size }}
{{- with include "mosaic.secretVolume" . }}
{{ . }}
{{- end }}
{{- with .extra }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Where a service's pods go: root, component, pod. */}}
{{- define "mosaic.placement" -}}
{{- with .pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- if .pod.affinity }}
affinity:
  {{- toYaml .pod.affinity | nindent 2 }}
{{- else if int .pod.spread.antiAffinityWeight }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: {{ int .pod.spread.antiAffinityWeight }}
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "mosaic.selector" . | nindent 14 }}
{{- end }}
{{- with .pod.spread.topologyKeys }}
topologySpreadConstraints:
  {{- range . }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $.pod.spread.whenUnsatisfiable }}
    # Each revision by itself: the pods that a rollout replaces don't count.
    matchLabelKeys: [pod-template-hash]
    # A machine that is being drained is no place that lacks a pod.
    nodeTaintsPolicy: Honor
    labelSelector:
      matchLabels:
        {{- include "mosaic.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Seconds in which a pod comes to an end by itself, and some more. */}}
{{- define "mosaic.gracePeriod" -}}
{{- if eq .component "gateway" -}}
{{- with .root.Values.gateway.drain -}}
{{- /* Both drain settings, the 20 s in which the process closes everything else, and 10. */ -}}
{{- add (int .delaySeconds) (int .timeSeconds) 30 -}}
{{- end -}}
{{- else -}}
{{- /* A worker closes within 25 s. */ -}}
40
{{- end -}}
{{- end -}}
