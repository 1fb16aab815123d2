import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { findProgram, runCommand } from './command.mjs';
import { step, Stop } from './terminal.mjs';

/** Notes which lock file the packages were installed from. */
const STAMP = 'node_modules/.agent-platform-lock';
const INSTALL_TIMEOUT_MS = 9 * 60_000;

/** @throws Stop when this Node.js is too old */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Stop(`This needs Node.js 20.19 or later, and this is ${process.versions.node}. See https://nodejs.org.`);
  }
}

/** Installs the npm packages of the lock file, unless they are there. */
export async function installPackages() {
  const lock = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lock) return;
  await step('npm packages installed', async () => {
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    const { code, output } = await runCommand(npm, ['ci', '--no-audit', '--no-fund'], {
      timeoutMs: INSTALL_TIMEOUT_MS,
    });
    if (code !== 0) throw new Stop(`npm ci failed. It said:\n\n${output.split('\n').slice(-15).join('\n')}`);
    writeFileSync(STAMP, lock);
  });
}

/** Package managers that may have nats-server, with what they are told. The first that is there is used. */
const MANAGERS = [
  { program: 'apt-get', update: ['update', '-qq'], install: ['install', '-y', '-qq', 'nats-server'], needsRoot: true },
  { program: 'dnf', install: ['install', '-y', 'nats-server'], needsRoot: true },
  { program: 'apk', install: ['add', 'nats-server'], needsRoot: true },
  { program: 'pacman', install: ['-S', '--noconfirm', 'nats-server'], needsRoot: true },
  { program: 'zypper', install: ['--non-interactive', 'install', 'nats-server'], needsRoot: true },
  { program: 'brew', install: ['install', 'nats-server'], needsRoot: false },
];

/** Installs nats-server by the system's package manager, unless it is there. */
export async function installNatsServer() {
  if (findProgram('nats-server')) return;
  await step('nats-server installed', async () => {
    const manager = MANAGERS.find(({ program }) => findProgram(program));
    const said = manager ? await installBy(manager) : 'no package manager was found';
    if (findProgram('nats-server')) return;
    throw new Stop(
      `nats-server is not installed, and could not be installed (${said}).\n` +
        '  Download it from https://github.com/nats-io/nats-server/releases, unpack it, and put nats-server on your PATH\n' +
        '  (for example in /usr/local/bin); or set NATS_URL to a NATS server of your own, and start again.',
    );
  });
}

async function installBy({ program, update, install, needsRoot }) {
  const asRoot = !needsRoot || process.getuid?.() === 0;
  if (!asRoot && !findProgram('sudo')) return `${program} needs root, and there is no sudo`;
  const manage = (args) => {
    const command = asRoot ? [program, ...args] : ['sudo', '-n', program, ...args];
    return runCommand(command[0], command.slice(1), {
      timeoutMs: INSTALL_TIMEOUT_MS,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  };
  if (update) await manage(update);
  const { output } = await manage(install);
  return `${program} said: ${output.trim().split('\n').at(-1) ?? ''}`;
}
