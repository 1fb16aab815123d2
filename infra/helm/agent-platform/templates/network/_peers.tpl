{{/* Where a server is: the demo's pod, the peers that were named, or anywhere. */}}
{{- define "ap.peers" -}}
{{- if .root.Values.demo.enabled -}}
to:
  - podSelector:
      matchLabels:
        {{- include "ap.selector" (dict "root" .root "component" .demo) | nindent 8 }}
{{- else if .to -}}
to:
  {{- toYaml .to | nindent 2 }}
{{- end -}}
{{- end -}}
