import { isQuantity } from './decimal.ts';
import type { LoggedEvent } from './envelope.ts';

const organizationPattern = /^(?!\.\.?$)[A-Za-z0-9._:@+-]{1,128}$/;
const metricPattern = /^(?!\.\.?$)[A-Za-z0-9._:@+/~=-]{1,128}$/;
const earliestMs = Date.UTC(2000, 0, 1);
const latestMs = Date.UTC(2200, 0, 1);
const keyCharsMax = 512;

/** Whether an event of our own envelope can be counted at all; one that cannot belongs into quarantine. */
export function isCountable(event: LoggedEvent): boolean {
  const { organization, metric, quantity, key, eventTimeMs, fingerprint } = event;
  return (
    organizationPattern.test(organization) &&
    metricPattern.test(metric) &&
    isQuantity(quantity) &&
    /^[0-9a-f]{32}$/.test(fingerprint) &&
    eventTimeMs >= earliestMs &&
    eventTimeMs < latestMs &&
    key.length > 0 &&
    key.length <= keyCharsMax &&
    key.isWellFormed() &&
    !key.includes('\0')
  );
}
