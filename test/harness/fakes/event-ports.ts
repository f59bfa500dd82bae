import type { EventPorts } from '../../../functions/query/to-http-events.ts';
import { Receipts } from '../../../shared/log/receipt.ts';

const notAsked = (): never => {
  throw new Error('the test asks for no event');
};

/** Ports of the routes about single events, for tests of the other routes. */
export const noEvents: EventPorts = {
  receipts: new Receipts(Buffer.alloc(32, 3)),
  lookup: { placesOf: notAsked, countedByKeys: notAsked, ofKey: notAsked, list: notAsked },
  keptAside: [],
  log: { read: notAsked, bounds: notAsked },
  partitions: 20,
};
