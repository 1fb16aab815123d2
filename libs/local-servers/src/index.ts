export type { LocalServer } from './child-server';
export { startNats, type LocalNats } from './nats';
export { startPostgres, type LocalPostgres } from './postgres';
