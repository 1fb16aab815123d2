export { startNats, startPostgres } from '@agent-platform/local-servers';
export { natsAccountsConfig } from '@agent-platform/messaging';
