/** A stage of servers in memory: those of the simulation, in virtual time. */
import type { SummaryReader } from '../../shared/ledger/summary.ts';
import { partitionOf, shardOf } from '../../shared/log/routing.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { SimulatedShard } from './ledger.ts';
import { SimulatedLog } from './log.ts';
import { Model } from './model.ts';
import { SimulatedProcess, simulatedStartMs } from './process.ts';
import { logPartitions } from './requests.ts';
import { Scheduler } from './scheduler.ts';
import { partitionNumbers } from './script.ts';
import { SimulatedSegments } from './segments.ts';
import type { PartitionState } from './shard-state.ts';
import type { Stage, StagedConsumer, StagedCut, StagedFate, StagedFlusher } from './stage.ts';
import { summariesOf } from './summaries.ts';

/** What is waited for in a history must come by then. */
const patienceMs = 600_000;
const stepMs = 100;

export class SimulatedStage implements Stage {
  readonly model: Model;
  readonly summaries: Pick<SummaryReader, 'summarize'>;
  readonly #scheduler: Scheduler;
  readonly #log: SimulatedLog;
  readonly #segments: SimulatedSegments;
  readonly #shards: readonly SimulatedShard[];
  readonly #processes = new Map<string, SimulatedProcess>();
  #wallMs = 0;

  constructor(seed: number) {
    this.#scheduler = new Scheduler(seed);
    this.#log = new SimulatedLog(partitionNumbers, this.#scheduler);
    const model = new Model(this.#log, this.#scheduler);
    this.model = model;
    const logs = new Map(partitionNumbers.map((number) => [number, `${this.#log.topic}/1`]));
    this.#segments = new SimulatedSegments(this.#scheduler, logs, () => undefined);
    const watcher = {
      committing: model.committing.bind(model),
      committed: model.committed.bind(model),
      halted: model.halted.bind(model),
      saw: () => undefined,
    };
    const byShard = Map.groupBy(partitionNumbers, shardOf);
    this.#shards = [...byShard].map(
      ([shard, partitions]) => new SimulatedShard({ shard, partitions }, this.#scheduler, watcher),
    );
    this.summaries = {
      summarize: (query) => {
        const partition = partitionOf(query.organization, logPartitions);
        const shard = this.#shards.find((one) => one.shard === shardOf(partition));
        if (shard === undefined) throw new Error(`nobody holds ${query.organization}`);
        const place = { shard, partition, onSnapshot: () => undefined };
        return summariesOf(this.#process('reader'), place).summarize(query);
      },
    };
  }

  ingest(number: number) {
    const process = this.#process(`ingest${number}`);
    return { log: this.#log.writer(process), clock: this.#clockOf(process) };
  }

  consumer(): StagedConsumer {
    const process = this.#process('consumer');
    return {
      log: this.#log.reader(process),
      segments: this.#segments.store(process),
      clock: this.#clockOf(process),
    };
  }

  flusher(number: number): StagedFlusher {
    const process = this.#flusher(number);
    return {
      log: this.#log.reader(process),
      segments: this.#segments.store(process),
      shards: this.#shards.map((shard) => {
        return { ledger: shard.ledger(process), clock: this.#clockOf(process) };
      }),
    };
  }

  async advanceTo(atMs: number): Promise<void> {
    this.#wallMs = atMs;
    await this.#scheduler.runUntil(Math.max(atMs, this.#scheduler.nowMs), () => false);
  }

  async during<T>(work: Promise<T>): Promise<T> {
    let ended = false;
    const end = () => {
      ended = true;
    };
    work.then(end, end);
    const lastMs = this.#scheduler.nowMs + patienceMs;
    while (!ended) {
      if (this.#scheduler.nowMs > lastMs) throw new Error('what is waited for never comes');
      await this.#scheduler.runUntil(this.#scheduler.nowMs + stepMs, () => ended);
    }
    return work;
  }

  sleep(ms: number): Promise<void> {
    return this.#scheduler.wait(ms, 'sleep');
  }

  /** The model sees everything when it happens. */
  async lookAtLog(): Promise<void> {}

  async lookAtLedger(): Promise<void> {}

  states(): ReadonlyMap<number, PartitionState> {
    return new Map(this.#shards.flatMap(({ partitions }) => [...partitions]));
  }

  async loseTails(cuts: readonly StagedCut[]): Promise<void> {
    for (const { partition, count } of cuts) this.#log.truncate(partition, count);
  }

  async makeTopicAgain(): Promise<void> {
    this.#log.remake();
  }

  async expire({ partition, start }: { readonly partition: number; readonly start: number }): Promise<void> {
    this.#log.expire(partition, start);
  }

  async loseSegments(all: boolean): Promise<void> {
    this.#segments.lose(all);
  }

  async rememberSegments(): Promise<void> {
    this.#segments.remember();
  }

  async segmentsGoBack(): Promise<void> {
    this.#segments.goBack();
  }

  nextCommit({ shard, fate }: { readonly shard: number; readonly fate: StagedFate }): void {
    this.#shards.find((one) => one.shard === shard)?.nextCommit(fate);
  }

  async endTransactions(flusher: number): Promise<void> {
    for (const shard of this.#shards) shard.endSessions(this.#flusher(flusher));
  }

  async close(): Promise<void> {}

  #flusher(number: number): SimulatedProcess {
    return this.#process(`flusher${number}`);
  }

  #process(name: string): SimulatedProcess {
    const known = this.#processes.get(name);
    if (known !== undefined) return known;
    const process = new SimulatedProcess(name, this.#scheduler);
    this.#processes.set(name, process);
    return process;
  }

  /** Dates are those of the script, so that an event has the same day however long a server takes. */
  #clockOf(process: SimulatedProcess): Clock {
    return { ...process.clock, now: () => simulatedStartMs + this.#wallMs };
  }
}
