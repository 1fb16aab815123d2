import { NATS_USERS } from '@agent-platform/messaging';
import Ajv, { type ValidateFunction } from 'ajv';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { chartReadme, documentedValues } from './documented-values';
import { CHART, findHelms, lint, manifestsOf, template, type Helm, type Manifest } from './helm';
import schemas from './kubernetes/schemas.json';
import { violationsOf } from './policies';

const MINIMAL = join(CHART, 'ci/minimal-values.yaml');
const DEMO = join(CHART, 'values-demo.yaml');
const FULL = join(CHART, 'ci/full-values.yaml');
const EXAMPLES = [...readdirSync(join(CHART, 'ci')).map((name) => join(CHART, 'ci', name)), DEMO];
const nameOf = (path: string) => path.slice(CHART.length + 1);
const values = readFileSync(join(CHART, 'values.yaml'), 'utf8');
const helms = findHelms();
const [helm] = helms as [Helm];
if (helms.length === 0) process.stderr.write('skipped: helm not found\n');
const withHelm = helms.length === 0 ? describe.skip : describe;

const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
const validators = new Map<string, ValidateFunction>();
/** What Kubernetes, or the operator of a kind, would refuse. */
function problemsOf({ apiVersion, kind, ...rest }: Manifest): string[] {
  const name = `${apiVersion}/${kind}`;
  const schema = (schemas.kinds as Record<string, object>)[name];
  if (!schema) return [`${name}: there is no schema of this kind`];
  const validate = validators.get(name) ?? ajv.compile({ ...schema, definitions: schemas.definitions });
  validators.set(name, validate);
  if (validate({ apiVersion, kind, ...rest })) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) =>
      `${kind} ${rest.metadata.name} ${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

/** Renders each thing once, however many ask. */
const rendered = new Map<string, Promise<string>>();
function render(by: Helm, file: string): Promise<string> {
  const key = `${by.version} ${file}`;
  const known = rendered.get(key) ?? template(by, { values: [file] });
  rendered.set(key, known);
  return known;
}
const manifests = async (file: string) => manifestsOf(await render(helm, file));

describe('what needs no helm', () => {
  it('README.md says what values.yaml says', () => {
    const file = join(CHART, 'README.md');
    const made = chartReadme(documentedValues(values));
    if (process.env.UPDATE_GENERATED) writeFileSync(file, made);
    expect(readFileSync(file, 'utf8')).toBe(made);
  });

  it('each value has a sentence', () => {
    const silent = documentedValues(values).filter(
      ({ comment }) => !/^[A-Z`{0-9].*\.$|^(hpa|keda|hook|verify-full|debug): ?.*\.$|^[a-z-]+[ ,].*\.$/.test(comment),
    );
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  it('the schema knows each value, and its defaults are valid', () => {
    const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as object;
    const validate = new Ajv({ strict: false, allErrors: true }).compile(schema);
    expect([validate(parse(values)), validate.errors]).toEqual([true, null]);
  });

  it('the NATS users are those of infra/nats', () => {
    const [own, nats] = ['files/nats-accounts.conf', '../../nats/accounts.conf'].map((path) =>
      readFileSync(join(CHART, path), 'utf8'),
    );
    expect(own).toBe(nats);
  });

  it('the values of CloudNativePG are taken by it, and leave the roles of the services to the migrations', () => {
    const cluster = parse(readFileSync(join(CHART, '../values/cloudnative-pg.yaml'), 'utf8')) as Manifest;
    expect(problemsOf(cluster)).toEqual([]);
    const { managed } = cluster.spec as { managed: { roles: { name: string; createrole: boolean }[] } };
    expect(managed.roles).toMatchObject([{ name: 'ap_migrator', createrole: true }]);
  });

  it('the values of the NATS chart give each user its password', () => {
    const { container } = parse(readFileSync(join(CHART, '../values/nats.yaml'), 'utf8')) as {
      container: { env: Record<string, { valueFrom: { secretKeyRef: { key: string } } }> };
    };
    const keys = Object.entries(container.env).map(([name, { valueFrom }]) => [name, valueFrom.secretKeyRef.key]);
    const expected = NATS_USERS.map((user) => [`NATS_${user.toUpperCase().replaceAll('-', '_')}_PASSWORD`, user]);
    expect(keys.sort()).toEqual(expected.sort());
  });
});

withHelm('rendered', () => {
  describe.each(helms)('by helm $version', (by) => {
    it('passes its lint', async () => {
      expect(await lint(by, MINIMAL)).toContain('0 chart(s) failed');
    });

    it.each(EXAMPLES.map(nameOf))(
      '%s is what every other helm makes of it, and the same a second time',
      async (name) => {
        const text = await render(by, join(CHART, name));
        const first = await render(helm, join(CHART, name));
        expect(manifestsOf(text)).toEqual(manifestsOf(first));
        expect(await template(by, { values: [join(CHART, name)] })).toBe(text);
      },
    );
  });

  describe.each(EXAMPLES.map(nameOf))('%s', (name) => {
    const file = join(CHART, name);

    it('is taken by Kubernetes and its operators', async () => {
      const found = await manifests(file);
      expect(found.length).toBeGreaterThan(10);
      expect(found.flatMap(problemsOf)).toEqual([]);
    });

    it('keeps to the policies', async () => {
      const isWhole = !name.includes('small');
      expect(violationsOf(await manifests(file), { hasPolicies: isWhole, hasBudgets: isWhole })).toEqual([]);
    });
  });

  it('two releases in one namespace have nothing in common', async () => {
    const [one, two] = await Promise.all(
      ['one', 'two'].map(async (release) => manifestsOf(await template(helm, { values: [DEMO], release }))),
    );
    const names = (list: readonly Manifest[] = []) => list.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(names(one).filter((name) => names(two).includes(name))).toEqual([]);
    const selectors = (list: readonly Manifest[] = []) =>
      list
        .filter(({ kind }) => kind === 'Deployment')
        .map(({ spec }) => JSON.stringify((spec as { selector: object }).selector));
    expect(selectors(one).filter((selector) => selectors(two).includes(selector))).toEqual([]);
  });

  it.each([
    ['an unknown value', 'nonsense=1', 'nonsense'],
    ['an unknown value of the database', 'database.hots="x"', 'hots'],
    ['an unknown service', 'services.gatewy={}', 'gatewy'],
    ['an unknown value of a service', 'services.auth.replica=3', 'replica'],
    ['an unknown value of the defaults', 'defaults.probes.ready={}', 'ready'],
    ['an unknown value of a group', 'executorGroups.large.replica=3', 'replica'],
    ['an unknown value deep down', 'defaults.autoscaling.cpu=80', 'cpu'],
    ['text for a number', 'defaults.replicas="two"', 'replicas'],
    ['a number out of bounds', 'database.port=70000', 'port'],
    ['a word that is none of those', 'migrations.mode="later"', 'mode'],
    ['a password in an address', 'nats.url="nats://user:secret@nats:4222"', 'url'],
    ['a name that is none of a variable', 'defaults.env={"log-level":"x"}', 'log-level'],
    ['a stop that is too short', 'defaults.terminationGracePeriodSeconds=10', 'terminationGracePeriodSeconds'],
    [
      'migrations before the database of the demo',
      'demo={"enabled":true,"password":"a","masterKey":"b","agentKeys":{"a":"b"}}',
      'migrations.mode hook',
    ],
    ['a queue where there is none', 'services.auth.autoscaling.type="keda"', 'has no queue'],
    ['a startup that is given up too soon', 'defaults.startWaitSeconds=3600', 'gives up before'],
    ['a route without a Gateway', 'gateway.httpRoute.enabled=true', 'parentRefs'],
    ['an Ingress without a host', 'gateway.ingress.enabled=true', 'ingress.host'],
  ])('refuses %s', async (_what, set, said) => {
    await expect(template(helm, { values: [MINIMAL], set: [set] })).rejects.toThrow(said);
  });

  it('says all that is missing at once', async () => {
    const { message } = (await template(helm, {}).catch((error: unknown) => error)) as Error;
    for (const name of [
      'database.host',
      'database.passwords',
      'nats.url',
      'nats.passwords',
      'masterKey',
      'migrations.existingSecret',
      'migrations.agentKeys',
    ]) {
      expect(message).toContain(name);
    }
  });

  it('each value is given by an example', () => {
    const examples = EXAMPLES.map((file) => parse(readFileSync(file, 'utf8')) as Record<string, object>);
    const isGiven = (path: string) =>
      examples.some((given) => find(given, path) !== undefined) ||
      // What services have may be given for all of them or for one.
      examples.some(({ services = {}, executorGroups = {} }) =>
        Object.values<object>({ ...services, ...executorGroups }).some(
          (own) => path.startsWith('defaults.') && find(own, path.slice('defaults.'.length)) !== undefined,
        ),
      );
    const silent = documentedValues(values).filter(({ path }) => !isGiven(path));
    // Each is one of those that the next test looks at.
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  it('each value that an example gives changes what is made', async () => {
    const files = EXAMPLES.filter((file) => file !== MINIMAL);
    const leaves = files.flatMap((file) =>
      leavesOf(parse(readFileSync(file, 'utf8')) as object).map((path) => ({ file, path })),
    );
    const minimal = leavesOf(parse(readFileSync(MINIMAL, 'utf8')) as object);
    const own = leaves.filter(({ path }) => !minimal.includes(path));
    const silent: string[] = [];
    for (let at = 0; at < own.length; at += 4) {
      await Promise.all(
        own.slice(at, at + 4).map(async ({ file, path }) => {
          const before = await render(helm, file);
          const after = await template(helm, {
            values: [file],
            set: [`${path}=${JSON.stringify(defaultOf(path))}`],
          }).catch(() => 'refused');
          if (after === before) silent.push(`${nameOf(file)}: ${path}`);
        }),
      );
    }
    expect(silent).toEqual([]);
  }, 120_000);

  it('an executor group has pods of its own, that no other selects', async () => {
    const found = await manifests(join(CHART, 'ci/groups-values.yaml'));
    const executors = found.filter(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.name.includes('workflow-executor'),
    );
    expect(executors.map(({ metadata }) => metadata.name).sort()).toEqual([
      'r-agent-platform-workflow-executor',
      'r-agent-platform-workflow-executor-large',
      'r-agent-platform-workflow-executor-scaled',
    ]);
  });

  it('only those that call addresses of users may leave the cluster, and never to private ones', async () => {
    const policies = (await manifests(MINIMAL)).filter(({ kind }) => kind === 'NetworkPolicy');
    const open = policies.filter((policy) => JSON.stringify(policy.spec).includes('0.0.0.0/0'));
    const component = ({ metadata }: Manifest) => metadata.labels?.['app.kubernetes.io/component'];
    expect(open.map(component).sort()).toEqual(['health', 'integrations', 'webhook-receiver', 'workflow-executor']);
    for (const policy of open) {
      for (const range of ['10.0.0.0/8', '169.254.0.0/16', '192.168.0.0/16', 'fc00::/7']) {
        expect(JSON.stringify(policy.spec)).toContain(range);
      }
    }
    const fromAnywhere = policies.filter(({ spec }) =>
      (spec as { ingress: { from?: object }[] }).ingress.some(({ from }) => !from),
    );
    expect(fromAnywhere.map(component)).toEqual(['gateway']);
  });

  it('probes and metrics are not reached from outside', async () => {
    for (const [file, kind] of [
      [FULL, 'Ingress'],
      [join(CHART, 'ci/gateway-api-values.yaml'), 'HTTPRoute'],
    ] as const) {
      const route = (await manifests(file)).find((manifest) => manifest.kind === kind);
      const paths = [...JSON.stringify(route?.spec).matchAll(/"(\/[^"]*)"/g)].map(([, path]) => path ?? '');
      expect(paths).toContain('/v1');
      for (const inner of ['/metrics', '/readyz', '/livez', '/startupz']) {
        expect(paths.filter((path) => inner.startsWith(path))).toEqual([]);
      }
    }
  });

  it('braces of alerts come through as they are', async () => {
    const rule = (await manifests(FULL)).find(({ kind }) => kind === 'PrometheusRule');
    expect(rule?.spec).toEqual(parse(readFileSync(join(CHART, 'files/alerts.yaml'), 'utf8')));
  });

  it('a credential is mounted by those alone that need it', async () => {
    const deployments = (await manifests(MINIMAL)).filter(({ kind }) => kind === 'Deployment');
    const mounting = (path: string) =>
      deployments
        .filter(({ spec }) => JSON.stringify(spec).includes(`"path":"${path}"`))
        .map(({ metadata }) => metadata.name.replace('r-agent-platform-', ''))
        .sort();
    expect(mounting('master-key')).toEqual(['auth', 'integrations', 'webhook-receiver']);
    expect(mounting('database-password')).not.toContain('gateway');
    const keys = deployments.map(({ spec }) =>
      [...JSON.stringify(spec).matchAll(/"key":"(ap_\w+)"/g)].map(([, key]) => key),
    );
    expect(keys.filter((found) => found.length > 1)).toEqual([]);
  });
});

withHelm('the checks themselves', () => {
  let good: readonly Manifest[];
  beforeAll(async () => {
    good = await manifests(FULL);
  });

  /** The objects with one text replaced in each of them. */
  const changed = (from: string | RegExp, to: string) =>
    good.map(
      (manifest) =>
        JSON.parse(
          JSON.stringify(manifest).replaceAll(from instanceof RegExp ? new RegExp(from, 'g') : from, to),
        ) as Manifest,
    );

  it.each([
    ['"readOnlyRootFilesystem":true', '"readOnlyRootFilesystem":false', 'may write its own files'],
    ['"allowPrivilegeEscalation":false', '"allowPrivilegeEscalation":true', 'may get more rights'],
    ['"drop":["ALL"]', '"drop":[]', 'keeps capabilities'],
    ['"runAsNonRoot":true', '"runAsNonRoot":false', 'may run as root'],
    ['"type":"RuntimeDefault"', '"type":"Unconfined"', 'any system call'],
    ['"automountServiceAccountToken":false', '"automountServiceAccountToken":true', 'a token'],
    [/:0\.1\.0-rc\.1"/, ':latest"', 'no version'],
    ['"path":"/livez"', '"path":"/readyz"', 'one path for several probes'],
    ['"name":"MASTER_KEY_FILE"', '"name":"MASTER_KEY"', 'in clear'],
    ['//auth@nats', '//auth:hunter2@nats', 'a password in'],
    ['"maxUnavailable":0', '"maxUnavailable":1', 'before another is there'],
    ['"requests":{', '"wishes":{', 'asks for no resources'],
    ['"limits":{', '"wishes":{', 'no limit of memory'],
    ['"policyTypes":["Ingress","Egress"]', '"policyTypes":["Ingress"]', 'leaves a direction open'],
    ['"kind":"NetworkPolicy"', '"kind":"Nothing"', '0 network policies'],
    ['"kind":"PodDisruptionBudget"', '"kind":"Nothing"', '0 disruption budgets'],
    [
      '"kind":"ConfigMap","metadata":{',
      '"kind":"Secret","metadata":{"annotations":{"helm.sh/hook":"pre-install"},',
      'no hook',
    ],
    ['"matchLabels":{', '"matchLabels":{"helm.sh/chart":"x",', 'which changes'],
  ])('see that %s has become %s', (from, to, said) => {
    expect(violationsOf(good)).toEqual([]);
    expect(violationsOf(changed(from, to)).join('\n')).toContain(said);
  });

  it.each([
    ['"containerPort":8080', '"containerPort":"http"'],
    ['"terminationGracePeriodSeconds"', '"terminationGraceSeconds"'],
    ['"matchLabels"', '"matchLabel"'],
  ])('see that Kubernetes would refuse %s as %s', (from, to) => {
    expect(good.flatMap(problemsOf)).toEqual([]);
    expect(changed(from, to).flatMap(problemsOf)).not.toEqual([]);
  });
});

function find(values: object, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined | null)?.[name], values);
}

/** The paths of all that is given; a map that its user names counts as one. */
function leavesOf(values: object, prefix = ''): string[] {
  return Object.entries(values).flatMap(([name, value]: [string, unknown]) => {
    const path = prefix + name;
    const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value) && !OPEN.test(path);
    return isGroup ? leavesOf(value, `${path}.`) : [path];
  });
}
const OPEN =
  /(annotations|labels|env|podLabels|podAnnotations|nodeSelector|affinity|requests|limits|agentKeys|podSecurityContext|executorGroups\.\w+)$/i;

/** What a value is without the example: null takes it away. */
function defaultOf(path: string): unknown {
  const parts = path.split('.');
  const all = parse(values) as object;
  if (parts[0] !== 'services' && parts[0] !== 'executorGroups') return find(all, path) ?? null;
  return find(all, path) ?? find(all, ['defaults', ...parts.slice(2)].join('.')) ?? null;
}
