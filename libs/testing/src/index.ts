export { createTestAgent, signatureHeaders } from './agents';
export { startNatsBackend } from './backend';
export { startBalancer, type Balancer } from './balancer';
export { everythingWritten, formsOf, logEverything, whereFound } from './canary';
export { makeCertificates, type Certificates } from './certificates';
export { startCliHost, type CliHost, type CliResult } from './cli-host';
export { TestClient, type Answer } from './client';
export { startCommandWorkers, type CommandWorkers } from './command-worker';
export { testEnvironment, testScale } from './environment';
export { createPrivateDatabase, type PrivateDatabase } from './private-database';
export { graphql, type GraphQLAnswer } from './graphql-client';
export { consentInBrowser, startOAuthServer, type OAuthServer } from './oauth-server';
export { startPeer, type Peer } from './peer';
export { INSPECTED, liveHeapBytes } from './live-heap';
export { openSse, type SseClient } from './sse-client';
export { createTestDatabase, type TestDatabase } from './test-database';
export {
  MASTER_KEY,
  startApp,
  startTestPlatform,
  type Layout,
  type TestPlatform,
  type TestProcess,
} from './test-platform';
export { startTlsPostgres } from './tls-servers';
export {
  drawTrace,
  PROMPT_SPANS,
  startTraceCollector,
  type CollectedSpan,
  type TraceCollector,
} from './trace-collector';
export { until } from './until';
export { startWebhookEndpoint, type ReceivedWebhook, type WebhookEndpoint } from './webhook-endpoint';
export { FAULTS, startWebhookSink, type WebhookSink } from './webhook-sink';
