/** What a run did, in the few lines that a person reads. */
import type { Latency, LoadFigures } from './generator.ts';

/** Accepted events are counted; others that were sent may be (U1), so the count is between the two. */
export function countsAgree({ sent, accepted }: LoadFigures, counted: number): boolean {
  return counted >= accepted && counted <= sent;
}

export function describeFigures(figures: LoadFigures, counted: number): string {
  const { seconds, requests, sent, accepted, write, read, thresholdsMet } = figures;
  const failures = Object.entries(figures.failures).filter(([, count]) => count > 0);
  const listed = failures.map(([name, count]) => `${name} ${count}`).join(', ') || 'none';
  return [
    `${requests} requests in ${seconds.toFixed(1)} s (${Math.round(requests / seconds)}/s): ${sent} events, ${requests - sent} reads`,
    `failures: ${listed}`,
    latencyLine('write', write),
    ...(read === null ? [] : [latencyLine('read', read)]),
    `accepted ${accepted}, counted ${counted}: ${countsAgree(figures, counted) ? 'agree' : 'DO NOT AGREE'}`,
    `thresholds: ${thresholdsMet ? 'met' : 'NOT MET'}`,
    '',
  ].join('\n');
}

function latencyLine(kind: string, { p50, p95, p99, max }: Latency): string {
  return `${kind} latency: p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms, max ${max} ms`;
}
