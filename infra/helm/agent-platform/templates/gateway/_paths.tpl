{{/* What agents, browsers and providers of webhooks reach; probes and metrics are not among it. */}}
{{- define "ap.publicPaths" -}}
- { path: /v1, exact: false }
- { path: /functions/v1, exact: false }
- { path: /graphql, exact: false }
- { path: /docs, exact: false }
- { path: /openapi.json, exact: true }
- { path: /asyncapi.json, exact: true }
- { path: /.well-known/jwks.json, exact: true }
{{- end -}}
