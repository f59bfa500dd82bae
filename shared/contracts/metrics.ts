/** Names of the metrics that the functions count, with their units; dashboards and alarms use these constants. */
export const metricEventsAccepted = 'EventsAccepted';
export const metricEventsRejected = 'EventsRejected';
export const metricRequestsOverloaded = 'RequestsOverloaded';
export const metricSegmentsStored = 'SegmentsStored';
export const metricSegmentsDropped = 'SegmentsDropped';
export const metricEventsCommitted = 'EventsCommitted';
export const metricEventsDuplicate = 'EventsDuplicate';
export const metricEventsQuarantined = 'EventsQuarantined';
export const metricPartitionsHalted = 'PartitionsHalted';
