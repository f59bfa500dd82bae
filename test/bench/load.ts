/** A closed loop of event batches over keep-alive connections; every event has a key of its own. */
import { Pool } from 'undici';

export interface LoadPlan {
  readonly url: string;
  readonly seconds: number;
  readonly batch: number;
  readonly connections: number;
  readonly organizations: number;
}

export interface LoadReport {
  readonly accepted: number;
  readonly refusedRequests: number;
  readonly seconds: number;
  /** Milliseconds of every accepted request, sorted. */
  readonly latencies: readonly number[];
}

const metrics = ['api_calls', 'storage', 'bandwidth', 'input_tokens', 'output_tokens'];
const path = '/api/v1/usage/events/batch';
const headers = { 'content-type': 'application/json' };

/** Runs the plan and resolves when the last request is answered. */
export async function runLoad(plan: LoadPlan): Promise<LoadReport> {
  const pool = new Pool(plan.url, { connections: plan.connections, pipelining: 1 });
  const run = Date.now().toString(36);
  const latencies: number[] = [];
  let accepted = 0;
  let refusedRequests = 0;
  let sequence = 0;
  const startedAt = performance.now();
  const endAt = startedAt + plan.seconds * 1000;
  async function connection(): Promise<void> {
    while (performance.now() < endAt) {
      sequence += 1;
      const body = batchBody(plan, run, sequence);
      const sentAt = performance.now();
      const response = await pool.request({ path, method: 'POST', headers, body });
      const answer = (await response.body.json()) as { readonly accepted?: number };
      if (response.statusCode === 202) {
        latencies.push(performance.now() - sentAt);
        accepted += answer.accepted ?? 0;
      } else {
        refusedRequests += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
  await Promise.all(Array.from({ length: plan.connections }, connection));
  const seconds = (performance.now() - startedAt) / 1000;
  await pool.close();
  return { accepted, refusedRequests, seconds, latencies: latencies.toSorted((a, b) => a - b) };
}

function batchBody(plan: LoadPlan, run: string, sequence: number): string {
  const timestamp = new Date().toISOString();
  const events: string[] = [];
  for (let i = 0; i < plan.batch; i++) {
    const number = sequence * plan.batch + i;
    const organization = `org_${number % plan.organizations}`;
    const metric = metrics[(number * 7) % metrics.length];
    events.push(
      `{"organization_id":"${organization}","metric_name":"${metric}","quantity":${number % 1000},` +
        `"idempotency_key":"${run}-${number}","timestamp":"${timestamp}"}`,
    );
  }
  return `{"events":[${events.join(',')}]}`;
}

/** The value below which `share` of the sorted values lie. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
