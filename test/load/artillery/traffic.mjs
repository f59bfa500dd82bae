// What Artillery's virtual users send; it loads this file in each of its workers.
import { randomInt, randomUUID } from 'node:crypto';

const organizations = 1000;
const metrics = ['api_calls', 'storage', 'bandwidth'];
const accepted = 202;
const overloaded = 503;

const anyOrganization = () => `org_${1 + randomInt(organizations)}`;

/** One event with a key that nobody else has. */
export function putEvent(request, _context, events, done) {
  request.json = {
    organization_id: anyOrganization(),
    metric_name: metrics[randomInt(metrics.length)],
    quantity: `${randomInt(1000)}.${randomInt(10)}`,
    idempotency_key: randomUUID(),
    timestamp: new Date().toISOString(),
  };
  events.emit('counter', 'events.sent', 1);
  done();
}

/** Counts answers by kind, and each kind from the first answer on, so that thresholds can name them all. */
export function countAnswer(_request, response, _context, events, done) {
  events.emit('counter', 'events.accepted', response.statusCode === accepted ? 1 : 0);
  events.emit('counter', 'events.refused', response.statusCode === overloaded ? 1 : 0);
  done();
}

/** Today's summary of one organization. */
export function askSummary(request, _context, _events, done) {
  const today = new Date().toISOString().slice(0, 10);
  const path = `/api/v1/usage/summary/${anyOrganization()}?start_date=${today}&end_date=${today}`;
  request.url = new URL(path, request.url).href;
  done();
}
