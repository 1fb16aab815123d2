import { parse } from 'yaml';

interface Service {
  readonly image?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly (string | { readonly source: string; readonly target: string })[];
  readonly ports?: readonly string[];
  readonly [option: string]: unknown;
}

/** A compose file, with its merges resolved. */
export interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

export function readCompose(text: string): Compose {
  return parse(text, { merge: true }) as Compose;
}

/** What is wrong with a compose file, by the rules that ours keeps beside the schema's. */
export function problemsOfCompose({ services, secrets }: Compose): string[] {
  const problems = Object.entries(services).flatMap(([name, service]) =>
    problemsOf(service, services, secrets).map((problem) => `${name} ${problem}`),
  );
  const used = new Set(Object.values(services).flatMap((service) => mountedBy(service).map(({ source }) => source)));
  for (const name of Object.keys(secrets)) if (!used.has(name)) problems.push(`nobody uses the secret ${name}`);
  return problems;
}

function mountedBy({ secrets = [] }: Service): { source: string; target: string }[] {
  return secrets.map((secret) => (typeof secret === 'string' ? { source: secret, target: secret } : secret));
}

function problemsOf(service: Service, services: Compose['services'], secrets: Compose['secrets']): string[] {
  const problems: string[] = [];
  const must = (holds: boolean, problem: string) => void (holds || problems.push(problem));
  must(service.read_only === true, 'can write to its file system');
  must(String(service.cap_drop) === 'ALL' && service.cap_add === undefined, 'has capabilities');
  must(String(service.security_opt).includes('no-new-privileges:true'), 'can get new privileges');
  must(service.privileged === undefined && service.network_mode === undefined, 'shares the machine');
  must(/:(\$\{VERSION:-\w+\}|.*\d+\.\d+[^/]*\}?)$/.test(service.image ?? ''), 'has no version');
  for (const port of service.ports ?? []) must(port.startsWith('127.0.0.1:'), `opens ${port} to other machines`);

  const mounted = mountedBy(service);
  for (const { source } of mounted) must(source in secrets, `uses a secret ${source} that is not there`);
  const files = mounted.map(({ target }) => `/run/secrets/${target}`);
  for (const [variable, value] of Object.entries(service.environment ?? {})) {
    if (variable.endsWith('_FILE')) must(files.includes(value), `has no ${value} for ${variable}`);
    else
      must(!/PASSWORD|MASTER_KEY|AGENT_KEYS/.test(variable) && !/:[^/@]+@/.test(value), `has a secret in ${variable}`);
  }
  const isOneShot = service.restart === 'no';
  must(isOneShot || service.healthcheck !== undefined, 'has no health check');
  for (const [other, { condition }] of Object.entries(
    (service.depends_on ?? {}) as Record<string, { condition: string }>,
  )) {
    const needed = services[other]?.restart === 'no' ? 'service_completed_successfully' : 'service_healthy';
    must(condition === needed, `does not wait until ${other} is ${needed}`);
  }
  return problems;
}
