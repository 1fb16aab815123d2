{{- define "ap.migrateFolder" -}}/run/secrets/migrate{{- end -}}

{{/* The container that migrates, as an item of a list. Safe to run twice and at once, and while services work. */}}
{{- define "ap.migrateContainer" -}}
{{- $values := .Values.migrations -}}
{{- $folder := include "ap.migrateFolder" . -}}
{{- $user := ternary "postgres" $values.user .Values.demo.enabled -}}
{{- $env := dict
  "DATABASE_URL" (include "ap.databaseUrl" (dict "root" . "user" $user))
  "DATABASE_PASSWORD_FILE" (printf "%s/password" $folder)
  "AGENT_KEYS_FILE" (printf "%s/agent-keys" $folder)
  "START_WAIT_SECONDS" .Values.defaults.startWaitSeconds -}}
{{- if .Values.database.ca.existingSecret -}}
{{- $_ := set $env "DATABASE_CA_FILE" (printf "%s/database-ca" $folder) -}}
{{- end -}}
{{- if or .Values.demo.enabled $values.rolePasswords.existingSecret -}}
{{- $_ := set $env "ROLE_PASSWORDS_FILE" (printf "%s/role-passwords" $folder) -}}
{{- end -}}
- name: migrate
  image: {{ include "ap.image" (dict "root" . "app" "migrate" "image" $values.image) }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  env:
    {{- include "ap.envList" $env | nindent 4 }}
  resources:
    {{- toYaml $values.resources | nindent 4 }}
  securityContext:
    {{- toYaml .Values.defaults.securityContext | nindent 4 }}
  volumeMounts:
    - { name: migrate, mountPath: {{ $folder }}, readOnly: true }
{{- end -}}

{{- define "ap.migrateVolume" -}}
{{- $values := .Values.migrations -}}
- name: migrate
  projected:
    defaultMode: 0440
    sources:
      {{- include "ap.secretFile" (dict "secret" (include "ap.secretOf" (dict "root" . "given" $values.existingSecret)) "key" $values.key "path" "password") | nindent 6 }}
      {{- include "ap.secretFile" (dict "secret" (include "ap.secretOf" (dict "root" . "given" $values.agentKeys.existingSecret)) "key" $values.agentKeys.key "path" "agent-keys") | nindent 6 }}
      {{- if .Values.database.ca.existingSecret }}
      {{- include "ap.secretFile" (dict "secret" .Values.database.ca.existingSecret "key" .Values.database.ca.key "path" "database-ca") | nindent 6 }}
      {{- end }}
      {{- if or .Values.demo.enabled $values.rolePasswords.existingSecret }}
      {{- include "ap.secretFile" (dict "secret" (include "ap.secretOf" (dict "root" . "given" $values.rolePasswords.existingSecret)) "key" $values.rolePasswords.key "path" "role-passwords") | nindent 6 }}
      {{- end }}
{{- end -}}

{{/* The pod of the Job. */}}
{{- define "ap.migratePod" -}}
{{- $scope := dict "root" . "component" "migrate" "values" .Values.defaults -}}
metadata:
  labels:
    {{- include "ap.labels" $scope | nindent 4 }}
spec:
  restartPolicy: Never
  {{- include "ap.podDefaults" $scope | nindent 2 }}
  containers:
    {{- include "ap.migrateContainer" . | nindent 4 }}
  volumes:
    {{- include "ap.migrateVolume" . | nindent 4 }}
  {{- range $field := list "nodeSelector" "tolerations" "affinity" }}
  {{- with index $.Values.defaults $field }}
  {{ $field }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end -}}
