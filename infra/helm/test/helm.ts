import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { HELM_VERSIONS, helmFolder } from '../../../scripts/lib/helm.mjs';

/** Something that a chart makes. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** A helm that is here. */
export interface Helm {
  readonly version: string;
  readonly path: string;
}

export const CHART = join(__dirname, '../agent-platform');
/** A helm that was built by Go thinks of an old Kubernetes. */
const KUBE_VERSION = '1.34.0';
const run = promisify(execFile);

/** Those that were installed by `npm test`, else the one on the PATH; none where there is neither helm nor Go. */
export function findHelms(): readonly Helm[] {
  const installed = HELM_VERSIONS.map(({ version }) => ({ version, path: join(helmFolder(version), 'helm') }));
  const found = installed.filter(({ path }) => existsSync(path));
  return found.length > 0 ? found : onPath();
}

function onPath(): readonly Helm[] {
  try {
    return [{ version: execFileSync('helm', ['version', '--short'], { encoding: 'utf8' }).trim(), path: 'helm' }];
  } catch {
    return [];
  }
}

export interface RenderOptions {
  readonly values?: readonly string[];
  readonly set?: readonly string[];
  readonly release?: string;
}

/** What helm prints for the chart. @throws Error with what helm says is wrong */
export async function template(helm: Helm, { values = [], set = [], release = 'r' }: RenderOptions): Promise<string> {
  const args = ['template', release, CHART, '--namespace', 'agents', '--kube-version', KUBE_VERSION];
  for (const file of values) args.push('--values', file);
  for (const pair of set) args.push('--set-json', pair);
  const { stdout } = await run(helm.path, args, { maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

export async function lint(helm: Helm, values: string): Promise<string> {
  const args = ['lint', CHART, '--strict', '--kube-version', KUBE_VERSION, '--values', values];
  return (await run(helm.path, args)).stdout;
}

export function manifestsOf(text: string): readonly Manifest[] {
  return parseAllDocuments(text)
    .map((document) => {
      if (document.errors[0]) throw document.errors[0];
      return document.toJS() as Manifest | null;
    })
    .filter((manifest) => manifest !== null);
}
