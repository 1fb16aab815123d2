export { givenDatabase, GivenDatabaseConfig } from './given-database';
export { readRotation } from './read-rotation';
export { describe, runMain, stopOnSignals } from './run-main';
export { DatabaseServiceConfig, SecretKeepingServiceConfig, ServiceConfig } from './service-config';
export { AGENT_POOL, LOGGER, SERVICE_POOL, startService, type RunningService } from './start-service';
export { ServiceStop } from './service-stop';
export { answerStatus, countUpTo, StatusReport } from './status';
export { within } from './within';
export { WokenPoll } from './woken-poll';
