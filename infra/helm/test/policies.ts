import type { Manifest } from './helm';

interface Probe {
  readonly httpGet?: { readonly path: string };
  readonly tcpSocket?: object;
  readonly periodSeconds?: number;
  readonly failureThreshold?: number;
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly resources?: { readonly requests?: Record<string, string>; readonly limits?: Record<string, string> };
  readonly securityContext?: {
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly privileged?: boolean;
    readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  };
}

interface PodSpec {
  readonly automountServiceAccountToken?: boolean;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext?: {
    readonly runAsNonRoot?: boolean;
    readonly runAsUser?: number;
    readonly seccompProfile?: { readonly type: string };
  };
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes?: readonly Record<string, unknown>[];
  readonly topologySpreadConstraints?: readonly object[];
}

/** A pod of some kind of object, with the labels that it has. */
interface Pods {
  readonly of: Manifest;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
}

type Labels = Readonly<Record<string, string>>;
const SECRET_NAME = /password|secret|token|master_key|credential|api_key/i;
/** What may change with a version, and so must be in no selector. */
const UNSTABLE_LABELS = ['app.kubernetes.io/version', 'helm.sh/chart', 'app.kubernetes.io/managed-by'];

/** What is wrong with the objects of one release, each in a sentence that names the object. */
export function violationsOf(manifests: readonly Manifest[], { hasPolicies = true, hasBudgets = true } = {}): string[] {
  const pods = manifests.flatMap(podsOf);
  return [
    ...namesOf(manifests),
    ...manifests.flatMap(secretHooks),
    ...pods.flatMap(podViolations),
    ...manifests.flatMap((manifest) => selectorViolations(manifest)),
    ...replicaViolations(manifests, hasBudgets),
    ...(hasPolicies ? pods.flatMap((found) => policyViolations(found, manifests)) : []),
  ];
}

function nameOf({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.name}`;
}

function podsOf(manifest: Manifest): Pods[] {
  const { kind } = manifest;
  if (kind === 'Pod') {
    return [{ of: manifest, labels: manifest.metadata.labels ?? {}, spec: manifest.spec as PodSpec }];
  }
  if (!['Deployment', 'StatefulSet', 'Job'].includes(kind)) return [];
  const { template } = manifest.spec as { template: { metadata: { labels: Labels }; spec: PodSpec } };
  return [{ of: manifest, labels: template.metadata.labels, spec: template.spec }];
}

function namesOf(manifests: readonly Manifest[]): string[] {
  const seen = new Set<string>();
  return manifests.map(nameOf).flatMap((name) => {
    const known = seen.has(name);
    seen.add(name);
    const tooLong = name.length - name.indexOf(' ') - 1 > 63;
    return [...(known ? [`${name}: there are two.`] : []), ...(tooLong ? [`${name}: the name is too long.`] : [])];
  });
}

/** A hook is not part of the release: it would be gone, or stay behind. */
function secretHooks(manifest: Manifest): string[] {
  const isHook = Object.keys(manifest.metadata.annotations ?? {}).includes('helm.sh/hook');
  return isHook && manifest.kind === 'Secret' ? [`${nameOf(manifest)}: a Secret must be no hook.`] : [];
}

function podViolations({ of, spec }: Pods): string[] {
  const say = (problem: string) => `${nameOf(of)}: ${problem}`;
  const problems: string[] = [];
  if (spec.automountServiceAccountToken !== false) problems.push('it gets a token of Kubernetes.');
  if (spec.hostNetwork || spec.hostPID) problems.push('it shares namespaces of its node.');
  const context = spec.securityContext;
  if (context?.runAsNonRoot !== true || context.runAsUser === 0) problems.push('it may run as root.');
  if (context?.seccompProfile?.type !== 'RuntimeDefault') problems.push('it may make any system call.');
  if (spec.volumes?.some((volume) => 'hostPath' in volume)) problems.push('it mounts a folder of its node.');
  const isService = of.kind === 'Deployment';
  if (isService && (spec.terminationGracePeriodSeconds ?? 0) < 30) problems.push('it is killed before it has stopped.');
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  return [
    ...problems.map(say),
    ...containers.flatMap((container) =>
      containerViolations(container).map((problem) => say(`${container.name} ${problem}`)),
    ),
    ...(isService || of.kind === 'StatefulSet'
      ? spec.containers.flatMap((container) => probeViolations(container, isService)).map(say)
      : []),
  ];
}

function containerViolations({ image, env = [], resources, securityContext: context }: Container): string[] {
  const problems: string[] = [];
  const [, tag] = /:([\w][\w.-]*)(?:@sha256:[0-9a-f]{64})?$/.exec(image) ?? [];
  if (tag === undefined || tag === 'latest') problems.push('has an image of no version.');
  if (context?.allowPrivilegeEscalation !== false || context.privileged) problems.push('may get more rights.');
  if (context?.readOnlyRootFilesystem !== true) problems.push('may write its own files.');
  if (!context?.capabilities?.drop?.includes('ALL') || context.capabilities.add) problems.push('keeps capabilities.');
  if (!resources?.requests?.cpu || !resources.requests.memory) problems.push('asks for no resources.');
  if (!resources?.limits?.memory) problems.push('has no limit of memory.');
  for (const { name, value } of env) {
    if (value !== undefined && SECRET_NAME.test(name) && !name.endsWith('_FILE'))
      problems.push(`has ${name} in clear.`);
    if (value !== undefined && /:\/\/[^/@]*:[^/@]*@/.test(value)) problems.push(`has a password in ${name}.`);
  }
  return problems;
}

function probeViolations(
  { name, startupProbe, readinessProbe, livenessProbe, env = [] }: Container,
  isService: boolean,
): string[] {
  const probes = { startupProbe, readinessProbe, livenessProbe };
  const missing = Object.entries(probes).flatMap(([kind, probe]) => (probe ? [] : [`${name} has no ${kind}.`]));
  if (!isService || missing.length > 0) return missing;
  const paths = Object.values(probes).map((probe) => probe?.httpGet?.path);
  const problems: string[] = [];
  if (new Set(paths).size !== 3) problems.push(`${name} has one path for several probes.`);
  const waits = Number(env.find((variable) => variable.name === 'START_WAIT_SECONDS')?.value ?? 0);
  const patience = (startupProbe?.periodSeconds ?? 10) * (startupProbe?.failureThreshold ?? 3);
  if (patience <= waits) problems.push(`${name} is restarted while it still waits to start.`);
  return problems;
}

function selectorOf({ kind, spec }: Manifest): Labels | undefined {
  const { selector, podSelector } = (spec ?? {}) as {
    selector?: Labels | { matchLabels: Labels };
    podSelector?: { matchLabels: Labels };
  };
  if (kind === 'Service') return selector as Labels;
  if (kind === 'NetworkPolicy') return podSelector?.matchLabels;
  return (selector as { matchLabels?: Labels } | undefined)?.matchLabels;
}

function selectorViolations(manifest: Manifest): string[] {
  const selector = selectorOf(manifest);
  if (!selector) return [];
  const unstable = UNSTABLE_LABELS.filter((label) => label in selector);
  const isOwn = 'app.kubernetes.io/instance' in selector;
  return [
    ...unstable.map((label) => `${nameOf(manifest)}: it selects by ${label}, which changes.`),
    ...(isOwn ? [] : [`${nameOf(manifest)}: it selects pods of other releases.`]),
  ];
}

const matches = (selector: Labels, labels: Labels) =>
  Object.entries(selector).every(([name, value]) => labels[name] === value);

function replicaViolations(manifests: readonly Manifest[], hasBudgets: boolean): string[] {
  const deployments = manifests.filter(({ kind }) => kind === 'Deployment');
  return deployments.flatMap((deployment) => {
    const name = nameOf(deployment);
    const { replicas, strategy, template } = deployment.spec as {
      replicas?: number;
      strategy?: { rollingUpdate?: { maxUnavailable?: number } };
      template: { metadata: { labels: Labels }; spec: PodSpec };
    };
    const scaler = manifests.find(
      ({ kind, spec }) =>
        ['HorizontalPodAutoscaler', 'ScaledObject'].includes(kind) &&
        (spec as { scaleTargetRef: { name: string } }).scaleTargetRef.name === deployment.metadata.name,
    );
    const problems: string[] = [];
    if (scaler && replicas !== undefined) problems.push('an upgrade undoes what its autoscaler has decided.');
    if (!scaler && replicas === undefined) problems.push('nobody says how many pods there are.');
    if (strategy?.rollingUpdate?.maxUnavailable !== 0)
      problems.push('an upgrade takes a pod away before another is there.');
    const scaled = scaler?.spec as { minReplicas?: number; minReplicaCount?: number } | undefined;
    const least = replicas ?? scaled?.minReplicas ?? scaled?.minReplicaCount ?? 1;
    const budgets = manifests.filter(
      (manifest) =>
        manifest.kind === 'PodDisruptionBudget' && matches(selectorOf(manifest) ?? {}, template.metadata.labels),
    );
    if (hasBudgets && least > 1 && budgets.length !== 1) problems.push(`it has ${budgets.length} disruption budgets.`);
    if (least === 1 && budgets.length > 0) problems.push('its only pod keeps its node from being drained.');
    const services = manifests.filter(
      (manifest) => manifest.kind === 'Service' && matches(selectorOf(manifest) ?? {}, template.metadata.labels),
    );
    if (services.length !== 1) problems.push(`it has ${services.length} services.`);
    return problems.map((problem) => `${name}: ${problem}`);
  });
}

/** Tests come for a moment; all else is told what it may reach. */
function policyViolations({ of, labels }: Pods, manifests: readonly Manifest[]): string[] {
  if (of.metadata.annotations?.['helm.sh/hook'] === 'test') return [];
  const own = manifests.filter(
    (manifest) => manifest.kind === 'NetworkPolicy' && matches(selectorOf(manifest) ?? {}, labels),
  );
  const problems = own.flatMap(({ spec }) => {
    const { policyTypes, egress = [] } = spec as {
      policyTypes: string[];
      egress?: { ports?: object[]; to?: object[] }[];
    };
    return [
      ...(policyTypes.includes('Ingress') && policyTypes.includes('Egress')
        ? []
        : ['its policy leaves a direction open.']),
      ...(egress.some((rule) => !rule.ports && !rule.to) ? ['it may reach everything.'] : []),
    ];
  });
  if (own.length !== 1) problems.push(`it has ${own.length} network policies.`);
  return problems.map((problem) => `${nameOf(of)}: ${problem}`);
}
