export { IsCertificates, IsCheckedBy, IsPasswordOf } from './credentials';
export { ConfigError, loadConfig } from './load-config';
export { Variable } from './variable';
