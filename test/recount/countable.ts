import { isQuantity } from './decimal.ts';
import type { LoggedEvent } from './logged-event.ts';

const organizationPattern = /^(?!\.\.?$)[A-Za-z0-9._:@+-]{1,128}$/;
const metricPattern = /^(?!\.\.?$)[A-Za-z0-9._:@+/~=-]{1,128}$/;
const earliestMs = Date.UTC(2000, 0, 1);
const latestMs = Date.UTC(2200, 0, 1);
const keyCharsMax = 512;

/** Whether an event of our own envelope can be counted at all; one that cannot belongs into quarantine. */
export function isCountable(event: LoggedEvent): boolean {
  const { organization, metric, dimensions, quantity, key, eventTimeMs, fingerprint } = event;
  return (
    organizationPattern.test(organization) &&
    metricPattern.test(metric) &&
    isDimensions(dimensions) &&
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

const member = /"([a-z0-9_]{1,64})":"((?:[^"\\\p{Cc}]|\\["\\])*)"/uy;
const valueCharsMax = 128;

/** Empty, or `{"name":"value",...}`: up to eight names, each above the one before, and values of up to 128 characters. */
function isDimensions(text: string): boolean {
  if (text === '') return true;
  if (!text.startsWith('{') || !text.isWellFormed()) return false;
  const names: string[] = [];
  for (let at = 1; ; at += 1) {
    member.lastIndex = at;
    const [found, name = '', value = ''] = member.exec(text) ?? [];
    if (found === undefined || [...value.replace(/\\(.)/gu, '$1')].length > valueCharsMax) return false;
    if (names.length > 0 && name <= (names.at(-1) ?? '')) return false;
    names.push(name);
    at += found.length;
    if (text[at] !== ',') return names.length <= 8 && text.slice(at) === '}';
  }
}
