import { ACTIONS, SERVICE_NAMES, serviceOf, subjectOf } from '@agent-platform/contracts';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NATS_USERS, natsAccountsConfig, permissionsOf } from './nats-permissions';

const FILE = join(__dirname, '../../../infra/nats/accounts.conf');
/** Operators give each user its password in a variable. */
const config = natsAccountsConfig((user) => `$NATS_${user.toUpperCase().replaceAll('-', '_')}_PASSWORD`);

describe('NATS permissions', () => {
  it('stand in infra/nats/accounts.conf as they follow from the registry (UPDATE_GENERATED=1 writes it)', () => {
    if (process.env.UPDATE_GENERATED) writeFileSync(FILE, config);
    expect(readFileSync(FILE, 'utf8')).toBe(config);
  });

  it('let only gateway and executor call actions', () => {
    for (const user of NATS_USERS) {
      const { publish } = permissionsOf(user);
      const mayCall = user === 'gateway' || user === 'workflow-executor';
      for (const action of ACTIONS) expect(publish.includes(subjectOf(action))).toBe(mayCall);
    }
  });

  it('let each service listen to its own actions and to no other', () => {
    for (const service of SERVICE_NAMES) {
      const { subscribe } = permissionsOf(service);
      for (const action of ACTIONS) expect(subscribe.includes(subjectOf(action))).toBe(serviceOf(action) === service);
    }
  });

  it('give nobody a wildcard over calls, and each an inbox of its own', () => {
    for (const user of NATS_USERS) {
      const { publish, subscribe } = permissionsOf(user);
      for (const subject of [...publish, ...subscribe]) expect(subject).not.toMatch(/^(>|rpc\.>|\*|_INBOX\.>|\$JS\.>)/);
      expect(subscribe.filter((subject) => subject.startsWith('_INBOX.'))).toEqual([`_INBOX.${user}.>`]);
    }
  });
});
