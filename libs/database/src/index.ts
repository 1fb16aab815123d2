export { migrate, pendingMigrations, withMigrationLock, type MigratedSchema, type Migration } from './migrate';
export { checkRole, createPool, type PoolOptions } from './pool';
export { prepareDatabase } from './prepare-database';
export { OWNER_ROLE, roleOf } from './roles';
export { inTransaction, readAs, rfc3339, unavailableIfDisconnected, type RowContext, type Tx } from './transaction';
