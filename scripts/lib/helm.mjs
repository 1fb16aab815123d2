import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findProgram, runCommand } from './command.mjs';

/** The chart is checked with both of the versions that people have. */
export const HELM_VERSIONS = [
  { version: 'v3.22.0', module: 'helm.sh/helm/v3/cmd/helm' },
  { version: 'v4.3.1', module: 'helm.sh/helm/v4/cmd/helm' },
];
const INSTALL_TIMEOUT_MS = 8 * 60_000;

/** Where a version is kept, for all checkouts of this user. */
export const helmFolder = (version) =>
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'agent-platform', `helm-${version}`);

/** Go, where it is; its own folder is often not on the PATH. */
const findGo = () => findProgram('go') ?? ['/usr/local/go/bin/go'].find((path) => existsSync(path));

/** Installs what is missing of helm, where Go is there; where it is not, or there is no network, the checks of the chart are skipped. */
export async function installHelm() {
  const go = findGo();
  if (!go) return;
  for (const { version, module } of HELM_VERSIONS) {
    const folder = helmFolder(version);
    if (existsSync(join(folder, 'helm'))) continue;
    mkdirSync(folder, { recursive: true });
    const env = { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod' };
    await runCommand('nice', ['-n', '19', go, 'install', `${module}@${version}`], {
      timeoutMs: INSTALL_TIMEOUT_MS,
      env,
    });
  }
}
