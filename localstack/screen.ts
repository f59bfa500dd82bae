/** The one place of the local twin that writes to the terminal. */
import { join } from 'node:path';
import { type Endpoints, endpointsFileOf } from '../shared/contracts/endpoints.ts';
import { dayOf, formatDay } from '../shared/events/calendar.ts';
import { UserError } from './processes/user-error.ts';

/** A line of progress: standard output holds the result of a command. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Writes why nothing runs: a user's error in its own words, a defect of ours with its stack. */
export function sayFailure(reason: unknown): void {
  const text = reason instanceof UserError || !(reason instanceof Error) ? String(reason) : reason.stack;
  process.stderr.write(`\n${text?.replace(/^UserError: /, '')}\n`);
}

/** What a newcomer sees when everything is ready. */
export function readyScreen(endpoints: Endpoints, dataDir: string): string {
  const url = endpoints.api;
  const today = formatDay(dayOf(Date.now()));
  return `
Odometer is ready: ${url}

  Send an event:
    curl -s ${url}/api/v1/usage/events -H 'content-type: application/json' \\
      -d '{"organization_id":"org_1","metric_name":"api_calls","quantity":"1.5","idempotency_key":"first"}'
  Read what was counted:
    curl -s '${url}/api/v1/usage/summary/org_1?start_date=${today}&end_date=${today}'

  Addresses: ${endpointsFileOf(dataDir)}
  Data:      ${dataDir}
  Logs:      ${join(dataDir, 'logs')}
  Stop:      Ctrl-C here, or npm stop elsewhere; the data stays.
`;
}
