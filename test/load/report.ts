/** What Artillery wrote about a run, in the few figures that a person reads. */
import { readFileSync } from 'node:fs';

interface ArtilleryReport {
  readonly aggregate: {
    readonly counters: Readonly<Record<string, number>>;
    readonly summaries: Readonly<Record<string, Readonly<Record<string, number>>>>;
    readonly firstMetricAt: number;
    readonly lastMetricAt: number;
  };
}

export interface LoadFigures {
  readonly seconds: number;
  readonly requests: number;
  readonly sent: number;
  readonly accepted: number;
  readonly refused: number;
  /** Virtual users that got no answer, by the kind of failure. */
  readonly errors: Readonly<Record<string, number>>;
  readonly codes: Readonly<Record<string, number>>;
  /** Milliseconds, of writes and of reads. */
  readonly latency: Readonly<Record<'write' | 'read', Readonly<Record<string, number>>>>;
}

export function readFigures(path: string): LoadFigures {
  // Written by the pinned Artillery in this shape.
  const { aggregate } = JSON.parse(readFileSync(path, 'utf8')) as ArtilleryReport;
  const { counters, summaries } = aggregate;
  const latencyOf = (name: string) => summaries[`plugins.metrics-by-endpoint.response_time.${name}`] ?? {};
  return {
    seconds: (aggregate.lastMetricAt - aggregate.firstMetricAt) / 1000,
    requests: counters['http.requests'] ?? 0,
    sent: counters['events.sent'] ?? 0,
    accepted: counters['events.accepted'] ?? 0,
    refused: counters['events.refused'] ?? 0,
    errors: countersBelow(counters, 'errors.'),
    codes: countersBelow(counters, 'http.codes.'),
    latency: { write: latencyOf('write'), read: latencyOf('read') },
  };
}

function countersBelow(counters: Readonly<Record<string, number>>, prefix: string): Record<string, number> {
  const found = Object.entries(counters).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(found.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** Accepted events are counted; unanswered ones may be (U1), so the count is between the two bounds. */
export function countsAgree({ sent, accepted, refused }: LoadFigures, counted: number): boolean {
  const unanswered = sent - accepted - refused;
  return counted >= accepted && counted <= accepted + refused + unanswered;
}

export function describeFigures(figures: LoadFigures, counted: number, thresholdsMet: boolean): string {
  const { seconds, requests, sent, accepted, refused, latency } = figures;
  const ms = (kind: 'write' | 'read') => {
    const { p50, p95, p99, max } = latency[kind];
    return `${kind} latency: p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms, max ${max} ms`;
  };
  const listed = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'none';
  return [
    `${requests} requests in ${seconds.toFixed(1)} s (${Math.round(requests / seconds)}/s): ${sent} events, ${requests - sent} reads`,
    `answers: ${listed(figures.codes)}; without an answer: ${listed(figures.errors)}`,
    ms('write'),
    ms('read'),
    `accepted ${accepted}, refused ${refused}, counted ${counted}: ${countsAgree(figures, counted) ? 'agree' : 'DO NOT AGREE'}`,
    `thresholds: ${thresholdsMet ? 'met' : 'NOT MET'}`,
    '',
  ].join('\n');
}
