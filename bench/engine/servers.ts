export { startPostgres } from '@agent-platform/local-servers';
