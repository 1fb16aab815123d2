{{/* The beginning of every name: the release's name, so that two releases share a namespace. With the longest ending it has 63 characters. */}}
{{- define "ap.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 34 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 34 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What tells the pods of a component from all others, for ever: a selector cannot be changed. Of a dict of root and component. */}}
{{- define "ap.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "ap.labels" -}}
{{ include "ap.selector" . }}
app.kubernetes.io/part-of: agent-platform
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 }}
{{- end -}}

{{/* All that runs all the time, as a map by component: {app, values}. */}}
{{- define "ap.components" -}}
{{- $all := dict -}}
{{- range $app, $own := .Values.services -}}
{{- $values := mergeOverwrite (deepCopy $.Values.defaults) (deepCopy (default dict $own)) -}}
{{- if $values.enabled -}}
{{- $_ := set $all $app (dict "app" $app "values" $values) -}}
{{- end -}}
{{- end -}}
{{- range $group, $own := .Values.executorGroups -}}
{{- $shared := mergeOverwrite (deepCopy $.Values.defaults) (deepCopy (default dict (index $.Values.services "workflow-executor"))) -}}
{{- $values := mergeOverwrite $shared (deepCopy (default dict $own)) -}}
{{- if $values.enabled -}}
{{- $_ := set $all (printf "workflow-executor-%s" $group) (dict "app" "workflow-executor" "values" $values) -}}
{{- end -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{/* The database role of each service that has one. */}}
{{- define "ap.roles" -}}
auth: ap_auth
workflow-executor: ap_workflow
integrations: ap_integration
webhook-receiver: ap_event
health: ap_health
query-engine: ap_data
{{- end -}}

{{/* What KEDA counts of the services that have a queue: a name in /v1/status and of agent_platform_queue_depth. */}}
{{- define "ap.queues" -}}
workflow-executor: runsReady
webhook-receiver: deliveriesDue
integrations: callsUnderWay
{{- end -}}

{{- define "ap.keepsSecrets" -}}
{{- if has . (list "auth" "integrations" "webhook-receiver") -}}true{{- end -}}
{{- end -}}

{{/* Those that call addresses which users choose. */}}
{{- define "ap.callsOut" -}}
{{- if has . (list "workflow-executor" "integrations" "webhook-receiver" "health") -}}true{{- end -}}
{{- end -}}

{{- define "ap.image" -}}
{{- $repository := default (printf "%s/agent-platform-%s" .root.Values.image.registry .app) .image.repository -}}
{{- printf "%s:%s" $repository (default (default .root.Chart.AppVersion .root.Values.image.tag) .image.tag) -}}
{{- end -}}

{{- define "ap.demo" -}}{{ include "ap.fullname" . }}-demo{{- end -}}
{{- define "ap.databaseHost" -}}
{{- if .Values.demo.enabled -}}{{ include "ap.demo" . }}-postgres{{- else -}}{{ .Values.database.host }}{{- end -}}
{{- end -}}
{{/* The client takes `require` for verify-full; without an authority nothing can be checked. */}}
{{- define "ap.sslMode" -}}
{{- if .Values.demo.enabled -}}disable
{{- else if and (eq .Values.database.sslMode "require") (not .Values.database.ca.existingSecret) -}}no-verify
{{- else -}}{{ .Values.database.sslMode }}
{{- end -}}
{{- end -}}
{{/* The demo's PostgreSQL has the usual port. */}}
{{- define "ap.databasePort" -}}{{ ternary 5432 .Values.database.port .Values.demo.enabled }}{{- end -}}
{{- define "ap.natsUrl" -}}
{{- if .Values.demo.enabled -}}nats://{{ include "ap.demo" . }}-nats:4222{{- else -}}{{ .Values.nats.url }}{{- end -}}
{{- end -}}
{{/* The port that NATS is reached on. */}}
{{- define "ap.natsPort" -}}
{{- $address := urlParse (include "ap.natsUrl" .) -}}
{{- default "4222" (regexFind "[0-9]+$" (regexFind ":[0-9]+$" $address.host)) -}}
{{- end -}}
{{/* The port of the collector, as its address says. */}}
{{- define "ap.telemetryPort" -}}
{{- $address := urlParse .Values.telemetry.endpoint -}}
{{- default (ternary "443" "80" (eq $address.scheme "https")) (regexFind "[0-9]+$" (regexFind ":[0-9]+$" $address.host)) -}}
{{- end -}}

{{/* A file of a projected volume that is one key of a Secret. Of a dict of secret, key and path. */}}
{{- define "ap.secretFile" -}}
- secret:
    name: {{ .secret }}
    items:
      - key: {{ .key }}
        path: {{ .path }}
{{- end -}}

{{/* Where each credential is: secret and key, by what it is. */}}
{{- define "ap.secretOf" -}}
{{- if .root.Values.demo.enabled -}}{{ include "ap.demo" .root }}{{- else -}}{{ .given }}{{- end -}}
{{- end -}}

{{- define "ap.folder" -}}/run/secrets/agent-platform{{- end -}}

{{/* The credentials of a component as sources of a projected volume: nothing that is another's. */}}
{{- define "ap.credentials" -}}
{{- $root := .root -}}
{{- $values := .values -}}
{{- $role := index (include "ap.roles" . | fromYaml) .app -}}
{{- $nats := default $root.Values.nats.passwords.existingSecret $values.natsPassword.existingSecret -}}
{{ include "ap.secretFile" (dict "secret" (include "ap.secretOf" (dict "root" $root "given" $nats)) "key" (default .app $values.natsPassword.key) "path" "nats-password") }}
{{- if $root.Values.nats.ca.existingSecret }}
{{ include "ap.secretFile" (dict "secret" $root.Values.nats.ca.existingSecret "key" $root.Values.nats.ca.key "path" "nats-ca") }}
{{- end }}
{{- if $role }}
{{- $database := default $root.Values.database.passwords.existingSecret $values.databasePassword.existingSecret }}
{{ include "ap.secretFile" (dict "secret" (include "ap.secretOf" (dict "root" $root "given" $database)) "key" (default $role $values.databasePassword.key) "path" "database-password") }}
{{- if $root.Values.database.ca.existingSecret }}
{{ include "ap.secretFile" (dict "secret" $root.Values.database.ca.existingSecret "key" $root.Values.database.ca.key "path" "database-ca") }}
{{- end }}
{{- end }}
{{- if include "ap.keepsSecrets" .app }}
{{- $master := include "ap.secretOf" (dict "root" $root "given" $root.Values.masterKey.existingSecret) }}
{{ include "ap.secretFile" (dict "secret" $master "key" $root.Values.masterKey.key "path" "master-key") }}
{{- if $root.Values.masterKey.previousKey }}
{{ include "ap.secretFile" (dict "secret" $master "key" $root.Values.masterKey.previousKey "path" "master-key-previous") }}
{{- end }}
{{- end }}
{{- if and $root.Values.telemetry.endpoint $root.Values.telemetry.headers.existingSecret }}
{{ include "ap.secretFile" (dict "secret" $root.Values.telemetry.headers.existingSecret "key" $root.Values.telemetry.headers.key "path" "otlp-headers") }}
{{- end }}
{{- end -}}

{{/* The variables of a component as a map; those of `env` win. */}}
{{- define "ap.env" -}}
{{- $root := .root -}}
{{- $folder := include "ap.folder" . -}}
{{- $role := index (include "ap.roles" . | fromYaml) .app -}}
{{- $env := dict
  "PORT" "8080"
  "HOST" "0.0.0.0"
  "LOG_LEVEL" $root.Values.logLevel
  "VERSION" (default (default $root.Chart.AppVersion $root.Values.image.tag) .values.image.tag)
  "START_WAIT_SECONDS" .values.startWaitSeconds
  "NATS_URL" (regexReplaceAll "^([a-z]+)://" (include "ap.natsUrl" $root) (printf "${1}://%s@" .app))
  "NATS_PASSWORD_FILE" (printf "%s/nats-password" $folder) -}}
{{- if $root.Values.nats.ca.existingSecret -}}
{{- $_ := set $env "NATS_CA_FILE" (printf "%s/nats-ca" $folder) -}}
{{- end -}}
{{- if $role -}}
{{- $_ := set $env "DATABASE_URL" (include "ap.databaseUrl" (dict "root" $root "user" $role)) -}}
{{- $_ := set $env "DATABASE_PASSWORD_FILE" (printf "%s/database-password" $folder) -}}
{{- if $root.Values.database.ca.existingSecret -}}
{{- $_ := set $env "DATABASE_CA_FILE" (printf "%s/database-ca" $folder) -}}
{{- end -}}
{{- end -}}
{{- if include "ap.keepsSecrets" .app -}}
{{- $_ := set $env "MASTER_KEY_FILE" (printf "%s/master-key" $folder) -}}
{{- if $root.Values.masterKey.previousKey -}}
{{- $_ := set $env "MASTER_KEY_PREVIOUS_FILE" (printf "%s/master-key-previous" $folder) -}}
{{- end -}}
{{- end -}}
{{- if has .app (list "workflow-executor" "integrations" "webhook-receiver") -}}
{{- $_ := set $env "EGRESS_ALLOW" $root.Values.egress.allow -}}
{{- $_ := set $env "EGRESS_DENY" $root.Values.egress.deny -}}
{{- end -}}
{{- if and $root.Values.gateway.publicUrl (has .app (list "integrations" "webhook-receiver")) -}}
{{- $_ := set $env "PUBLIC_URL" $root.Values.gateway.publicUrl -}}
{{- end -}}
{{- if and $root.Values.gateway.trustedProxies (eq .app "gateway") -}}
{{- $_ := set $env "TRUSTED_PROXIES" $root.Values.gateway.trustedProxies -}}
{{- end -}}
{{- if $root.Values.telemetry.endpoint -}}
{{- $_ := set $env "OTEL_EXPORTER_OTLP_ENDPOINT" $root.Values.telemetry.endpoint -}}
{{- $_ := set $env "OTEL_TRACES_SAMPLER_ARG" $root.Values.telemetry.samplerRatio -}}
{{- if $root.Values.telemetry.headers.existingSecret -}}
{{- $_ := set $env "OTEL_EXPORTER_OTLP_HEADERS_FILE" (printf "%s/otlp-headers" $folder) -}}
{{- end -}}
{{- end -}}
{{- toYaml (mergeOverwrite $env (deepCopy .values.env)) -}}
{{- end -}}

{{- define "ap.databaseUrl" -}}
{{- $at := printf "%s@%s:%v/%s" .user (include "ap.databaseHost" .root) (include "ap.databasePort" .root) .root.Values.database.name -}}
postgres://{{ $at }}?sslmode={{ include "ap.sslMode" .root }}
{{- end -}}

{{/* A map of variables as a container has them, in the order of their names. */}}
{{- define "ap.envList" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  {{- /* A number as it is written: toString would make 2e+06 of two million. */}}
  value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}
{{- end }}
{{- end -}}

{{- define "ap.serviceAccount" -}}
{{- if .values.serviceAccount.create -}}
{{- default (printf "%s-%s" (include "ap.fullname" .root) .component) .values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Whether the number of pods is an autoscaler's. */}}
{{- define "ap.isScaled" -}}{{- if ne .autoscaling.type "none" -}}true{{- end -}}{{- end -}}

{{/* How many pods there are at the least. */}}
{{- define "ap.leastReplicas" -}}
{{- ternary .autoscaling.minReplicas .replicas (ne .autoscaling.type "none") -}}
{{- end -}}

{{/* The same for Deployments, Jobs and tests: what a pod that needs no more rights has. */}}
{{- define "ap.podDefaults" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  {{- toYaml .values.podSecurityContext | nindent 2 }}
{{- end -}}
