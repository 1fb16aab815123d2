export { addressConfig, DatabaseUnusable, type DatabaseAddress } from './address';
export { DatabaseMetrics } from './database-metrics';
export { migrate, pendingMigrations, withMigrationLock, type MigratedSchema, type Migration } from './migrate';
export { checkRole, createPool, type ConnectionOptions } from './pool';
export { prepareDatabase } from './prepare-database';
export { ReadPipeline } from './read-pipeline';
export { OWNER_ROLE, roleOf } from './roles';
export { ownerRowsV1, ownRowsV1, serviceRowsV1 } from './row-policies.sql';
export { storable } from './storable';
export {
  inServiceTransaction,
  inTransaction,
  isPassing,
  readAllAs,
  readAs,
  rfc3339,
  unavailableIfDisconnected,
  type RowContext,
  type Tx,
} from './transaction';
