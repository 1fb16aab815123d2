export { ConfigError, loadConfig } from './load-config';
export { Variable } from './variable';
