import type { Migration } from '@agent-platform/database';

/** Lets `vault:rotate` encrypt the private key under a new master key. Old pods run beside it. */
export const rotateSealingKeys: Migration = {
  name: '1764400000000-rotate-sealing-keys',
  sql: 'GRANT UPDATE (private_key) ON auth.sealing_keys TO ap_auth;',
};
