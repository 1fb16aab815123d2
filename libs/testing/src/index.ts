export { createTestAgent, signatureHeaders } from './agents';
export { startNatsBackend } from './backend';
export { TestClient, type Answer } from './client';
export { testEnvironment } from './environment';
export { startPeer, type Peer } from './peer';
export { createTestDatabase, type TestDatabase } from './test-database';
export {
  MASTER_KEY,
  startApp,
  startTestPlatform,
  type Layout,
  type TestPlatform,
  type TestProcess,
} from './test-platform';
export { until } from './until';
