/** The stream of all events, on the subjects `events.>`. */
export const EVENTS_STREAM = 'EVENTS';
