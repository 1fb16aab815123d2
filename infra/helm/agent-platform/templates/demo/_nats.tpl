{{- define "ap.demoNatsConfig" -}}
nats.conf: |
  jetstream { store_dir: /data, sync_interval: always }
  max_payload: 8MB
  include accounts.conf
accounts.conf: |
  {{- .Files.Get "files/nats-accounts.conf" | nindent 2 }}
{{- end -}}
