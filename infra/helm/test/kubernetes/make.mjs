// Makes schemas.json: what Kubernetes and the operators that the chart knows take, closed against unknown fields.
//   node infra/helm/test/kubernetes/make.mjs      run it for another version of one; it fetches sources and needs unzip
// All are under the Apache License 2.0: https://www.apache.org/licenses/LICENSE-2.0
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

const KUBERNETES = 'k8s.io/kubernetes@v1.34.2';
const KINDS = {
  'v1/ConfigMap': 'io.k8s.api.core.v1.ConfigMap',
  'v1/Pod': 'io.k8s.api.core.v1.Pod',
  'v1/Secret': 'io.k8s.api.core.v1.Secret',
  'v1/Service': 'io.k8s.api.core.v1.Service',
  'v1/ServiceAccount': 'io.k8s.api.core.v1.ServiceAccount',
  'apps/v1/Deployment': 'io.k8s.api.apps.v1.Deployment',
  'apps/v1/StatefulSet': 'io.k8s.api.apps.v1.StatefulSet',
  'autoscaling/v2/HorizontalPodAutoscaler': 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
  'batch/v1/Job': 'io.k8s.api.batch.v1.Job',
  'networking.k8s.io/v1/Ingress': 'io.k8s.api.networking.v1.Ingress',
  'networking.k8s.io/v1/NetworkPolicy': 'io.k8s.api.networking.v1.NetworkPolicy',
  'policy/v1/PodDisruptionBudget': 'io.k8s.api.policy.v1.PodDisruptionBudget',
};
/** Files of their modules. */
const RESOURCES = {
  'github.com/kedacore/keda/v2@v2.18.1': ['config/crd/bases/keda.sh_scaledobjects.yaml'],
  'sigs.k8s.io/gateway-api@v1.4.0': ['config/crd/standard/gateway.networking.k8s.io_httproutes.yaml'],
  'github.com/prometheus-operator/prometheus-operator@v0.86.1': [
    'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml',
    'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml',
  ],
  'github.com/cloudnative-pg/cloudnative-pg@v1.27.1': ['config/crd/bases/postgresql.cnpg.io_clusters.yaml'],
};
const INT_OR_STRING = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';
const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity';

/** A file of a Go module's source, from the module proxy. */
async function read(module, file) {
  const [path, version] = module.split('@');
  const zip = join(folder, `${module.replaceAll('/', '_')}.zip`);
  if (!fetched.has(zip)) {
    const response = await fetch(`https://proxy.golang.org/${path}/@v/${version}.zip`);
    if (!response.ok) throw new Error(`${module}: ${response.status}`);
    writeFileSync(zip, Buffer.from(await response.arrayBuffer()));
    fetched.add(zip);
  }
  return execFileSync('unzip', ['-p', zip, `${module}/${file}`], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
}
const folder = mkdtempSync(join(tmpdir(), 'kubernetes-schemas-'));
const fetched = new Set();

/** Only what validates, and no field that is not named. */
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== 'object') return schema;
  if (schema['x-kubernetes-int-or-string']) return { type: ['string', 'integer'] };
  const result = {};
  for (const [name, value] of Object.entries(schema)) {
    if (name === 'properties') {
      result.properties = Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, closed(inner)]));
    } else if (name === 'pattern' && value.includes('(?')) {
      // Go knows flags that JavaScript does not.
    } else if (
      [
        'type',
        'required',
        'enum',
        '$ref',
        'pattern',
        'minimum',
        'maximum',
        'minLength',
        'maxLength',
        'minItems',
        'maxItems',
      ].includes(name)
    ) {
      result[name] = value;
    } else if (['items', 'additionalProperties', 'allOf', 'anyOf', 'oneOf', 'not'].includes(name)) {
      result[name] = closed(value);
    }
  }
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] || schema['x-kubernetes-embedded-resource'];
  if (result.properties && result.additionalProperties === undefined && !isOpen) result.additionalProperties = false;
  // A field may be null, which is as if it were not there.
  if (typeof result.type === 'string' && schema.nullable) result.type = [result.type, 'null'];
  return result;
}

const { definitions } = JSON.parse(await read(KUBERNETES, 'api/openapi-spec/swagger.json'));
definitions[INT_OR_STRING] = { 'x-kubernetes-int-or-string': true };
const kept = {};
function keep(name) {
  if (kept[name]) return;
  kept[name] = name === QUANTITY ? { type: ['string', 'number'] } : closed(definitions[name]);
  for (const [, inner] of JSON.stringify(kept[name]).matchAll(/"#\/definitions\/([^"]+)"/g)) keep(inner);
}
const kinds = {};
for (const [kind, name] of Object.entries(KINDS)) {
  keep(name);
  kinds[kind] = { $ref: `#/definitions/${name}` };
}
for (const [module, files] of Object.entries(RESOURCES)) {
  for (const file of files) {
    const { spec } = parse(await read(module, file));
    const { name, schema } = spec.versions.find(({ storage }) => storage);
    const made = closed(schema.openAPIV3Schema);
    made.properties.metadata = { $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' };
    kinds[`${spec.group}/${name}/${spec.names.kind}`] = made;
  }
}
const sources = [KUBERNETES, ...Object.keys(RESOURCES)];
const target = new URL('schemas.json', import.meta.url);
writeFileSync(target, `${JSON.stringify({ sources, licence: 'Apache-2.0', kinds, definitions: kept })}\n`);
rmSync(folder, { recursive: true });
