import { natsAccountsConfig } from '@agent-platform/messaging';
import { isWellFormedApiKey } from '@agent-platform/shared-security';
import { testEnvironment } from '@agent-platform/testing';
import Ajv2020 from 'ajv/dist/2020';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { problemsOfCompose, readCompose } from './compose-rules';
import { problemsOfRecipe } from './recipe-rules';

const { root, folder } = testEnvironment();
const read = (file: string) => readFileSync(join(root, 'infra/docker', file), 'utf8');

/** The text with one part of it replaced, which must be there. */
function broken(text: string, part: string | RegExp, replacement: string): string {
  const other = text.replace(part, replacement);
  if (other === text) throw new Error(`There is no ${String(part)}`);
  return other;
}

describe('the recipe of the images', () => {
  const recipe = read('Dockerfile');

  it('keeps the rules', () => expect(problemsOfRecipe(recipe)).toEqual([]));

  it.each<[string, string | RegExp, string, RegExp]>([
    ['an unknown instruction', 'WORKDIR /app', 'WORKDIRS /app', /Unknown instruction/],
    ['a base without a version', 'node:24.21.0-slim\n\n', 'node:slim\n\n', /not pinned/],
    ['root', 'USER 1000:1000', 'USER root', /USER/],
    ['a user by name', 'USER 1000:1000', 'USER node', /USER/],
    ['an entry through a shell', /ENTRYPOINT .*/, 'ENTRYPOINT node main.js', /shell/],
    ['another signal', 'SIGTERM', 'SIGINT', /STOPSIGNAL/],
    ['a health check', 'HEALTHCHECK NONE', 'HEALTHCHECK CMD ["node"]', /HEALTHCHECK/],
    ['a relative folder', 'WORKDIR /app', 'WORKDIR app', /WORKDIR/],
    ['a command in the last stage', 'USER 1000', 'RUN apt-get update\nUSER 1000', /last stage/],
    ['files of the checkout', 'COPY --from=build /packed', 'COPY apps', /other stages/],
    ['an app that its user may change', 'COPY --from=build', 'COPY --chown=1000 --from=build', /user’s to change/],
    ['ADD', 'COPY tools tools', 'ADD tools tools', /ADD/],
    ['packages beside the lock', '"npm", "ci"', '"npm", "install"', /npm ci/],
    ['a secret as an argument', 'ARG VERSION=dev', 'ARG NPM_TOKEN', /NPM_TOKEN/],
    ['a secret as a variable', 'PORT=8080', 'MASTER_KEY=x', /MASTER_KEY/],
    ['a missing label', 'org.opencontainers.image.revision', 'revision', /image\.revision is missing/],
  ])('refuses %s', (_name, part, replacement, problem) => {
    expect(problemsOfRecipe(broken(recipe, part, replacement)).join('\n')).toMatch(problem);
  });
});

describe('the compose file', () => {
  const text = read('compose.yaml');
  const compose = readCompose(text);
  const isValid = new Ajv2020({ strict: false, validateFormats: false }).compile(
    JSON.parse(read('compose-spec.schema.json')) as object,
  );

  it('keeps the schema and the rules', () => {
    expect([isValid(compose), isValid.errors]).toEqual([true, null]);
    expect(problemsOfCompose(compose)).toEqual([]);
  });

  it('runs every app that has an image, each built as its own', () => {
    const apps = readdirSync(join(root, 'apps')).filter((app) => !['cli', 'e2e', 'standalone'].includes(app));
    const built = Object.values(compose.services).flatMap(
      ({ build }) => (build as { args: { APP: string } })?.args.APP ?? [],
    );
    expect(built.sort()).toEqual(apps.sort());
    for (const app of apps) {
      const service = compose.services[app];
      expect(service).toMatchObject({ build: { args: { APP: app } } });
      expect(service?.image).toContain(`agent-platform-${app}:`);
    }
  });

  it.each<[string, string | RegExp, string]>([
    ['an unknown option', '  stop_grace_period: 30s', '  stop_grace: 30s'],
    ['a wrong type', 'read_only: true', 'read_only: [true]'],
    ['an option of another place', 'shm_size: 256m', 'condition: x'],
  ])('the schema refuses %s', (_name, part, replacement) => {
    expect(isValid(readCompose(broken(text, part, replacement)))).toBe(false);
  });

  it.each<[string, string | RegExp, string, RegExp]>([
    ['a file system to write to', 'read_only: true', 'read_only: false', /auth can write/],
    ['capabilities', 'cap_drop: [ALL]', 'cap_drop: [NET_RAW]', /nats has capabilities/],
    ['new privileges', "['no-new-privileges:true']", '[]', /gateway can get new privileges/],
    ['a shared network', '    user: postgres', '    network_mode: host', /postgres shares/],
    ['an image without a version', 'nats:2.12.3-alpine', 'nats', /nats has no version/],
    ['a port for all', '127.0.0.1:${GATEWAY_PORT', '${GATEWAY_PORT', /gateway opens/],
    [
      'a secret that is not mounted',
      'target: nats-password }]',
      'target: password }]',
      /gateway has no .* NATS_PASSWORD_FILE/,
    ],
    ['a secret that is not there', '  master-key: {', '  master: {', /auth uses a secret master-key that is not there/],
    ['a secret in a variable', 'nats://auth@', 'nats://auth:x@', /auth has a secret in NATS_URL/],
    [
      'no health check',
      /\n {2}healthcheck:\n {4}test:\n {6}- CMD\n {6}- node[^]*?start_interval: 1s/,
      '',
      /auth has no health check/,
    ],
    ['no wait', 'service_completed_successfully', 'service_started', /auth does not wait until migrate/],
    ['a secret of nobody', 'secrets: [nats.conf]', 'secrets: []', /nobody uses the secret nats.conf/],
  ])('refuses %s', (_name, part, replacement, problem) => {
    expect(problemsOfCompose(readCompose(broken(text, part, replacement))).join('\n')).toMatch(problem);
  });

  it('make-secrets makes every secret, each once, and a configuration that nats-server takes', () => {
    const secrets = join(mkdtempSync(join(folder, 'compose-')), 'secrets');
    const env = { PATH: process.env.PATH, SECRETS_DIR: secrets, NEW_KEYS: 'node dist/apps/migrate/main.js new-keys' };
    const make = () => execFileSync(join(root, 'infra/docker/make-secrets.sh'), { cwd: root, env });
    const contents = () =>
      Object.fromEntries(readdirSync(secrets).map((name) => [name, readFileSync(join(secrets, name), 'utf8')]));
    make();
    const made = contents();
    make();
    expect(contents()).toEqual(made);
    expect(Object.values(compose.secrets).map(({ file }) => made[basename(file)])).not.toContain(undefined);
    expect(statSync(secrets).mode & 0o777).toBe(0o700);
    expect(made['master-key']).toMatch(/^[0-9a-f]{48}$/);
    const keys = JSON.parse(made['agent-keys.json'] ?? '') as Record<string, string>;
    expect(Object.values(keys).every(isWellFormedApiKey)).toBe(true);
    const passwords = JSON.parse(made['role-passwords.json'] ?? '') as Record<string, string>;
    expect(passwords.ap_workflow).toBe(made['database-workflow']);

    // The server of a distribution may be older than the option, and there is no /data.
    const conf = join(secrets, 'test.conf');
    writeFileSync(
      conf,
      broken(made['nats.conf'] ?? '', 'store_dir: /data, sync_interval: always', `store_dir: "${secrets}"`),
    );
    execFileSync('nats-server', ['-t', '-c', conf], { env: { PATH: `${process.env.PATH}:/usr/sbin` }, stdio: 'pipe' });
    expect(made['nats.conf']).toContain(
      natsAccountsConfig((user) => `$NATS_${user.replace('-', '_').toUpperCase()}_PASSWORD`),
    );
  });
});
