export { parseDurationMs } from './duration';
