export { AnswerVault } from './answer-vault';
export { MasterKeys, type GivenMasterKeys } from './master-keys';
export { rotateCommand } from './rotate-command';
export { rotateVault } from './rotate-vault';
export { Vault, type Sealed } from './vault';
export { vaultTablesV1, type VaultTables } from './vault-tables.sql';
