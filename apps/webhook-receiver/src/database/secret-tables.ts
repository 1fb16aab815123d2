import type { VaultTables } from '@agent-platform/vault';

/** Where the secrets of subscriptions and endpoints are kept. Part of landed migrations: never changed. */
export const SECRET_TABLES: VaultTables = { schema: 'event', table: 'secrets', noun: 'secret' };
