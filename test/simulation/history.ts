/** Runs one history: the use cases as they are shipped, between a script, ports in memory and the model. */
import { storeSegments } from '../../functions/consumer/store-segments.ts';
import { LogHistory } from '../../functions/flusher/log-history.ts';
import { runPasses } from '../../functions/flusher/run-passes.ts';
import { summarizeUsage } from '../../functions/query/summarize-usage.ts';
import { isTransient } from '../../shared/errors.ts';
import { noCheckpoint } from '../../shared/ledger/checkpoint.ts';
import { summaryMetricsMax, transactionStartRemainingMs } from '../../shared/limits.ts';
import { partitionOf } from '../../shared/log/routing.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { Faults, type Invocation } from './faults.ts';
import { SimulatedShard } from './ledger.ts';
import { SimulatedLog } from './log.ts';
import { Model } from './model.ts';
import { SimulatedProcess, simulatedStartMs } from './process.ts';
import { caller, judgeAnswer, logPartitions, type Sender, senderOf, sendRequest } from './requests.ts';
import { Scheduler } from './scheduler.ts';
import {
  historyMs,
  isFault,
  type Operation,
  partitionNumbers,
  type Script,
  type SentEvent,
} from './script.ts';
import { SimulatedSegments } from './segments.ts';
import type { PartitionState } from './shard-state.ts';
import { summariesOf } from './summaries.ts';

/** What a history came to. */
export interface Outcome {
  readonly violation: string | null;
  readonly points: number;
  readonly trace: number;
  readonly faultKinds: number;
  /** States and transitions that it reached, as the specification names them. */
  readonly reached: ReadonlySet<string>;
}

const segmentKey = Buffer.alloc(32, 1);
/** After all trouble: this many invocations, so far apart that a log end below progress halts in time. */
const settlingInvocations = 24;
const settlingBudgetMs = 1200;
const settlingPauseMs = 12_000;

export async function runHistory(
  script: Script,
  trace: (line: string) => void = () => undefined,
): Promise<Outcome> {
  const world = new World(script, trace);
  return world.run();
}

class World {
  readonly #script: Script;
  readonly #scheduler: Scheduler;
  readonly #log: SimulatedLog;
  readonly #segments: SimulatedSegments;
  readonly #shards: readonly SimulatedShard[];
  readonly #model: Model;
  readonly #reached = new Set<string>();
  readonly #trace: (line: string) => void;
  readonly #logger: Logger;
  readonly #ingests: readonly (Sender & { readonly process: SimulatedProcess })[];
  /** Offset of the consumer group by partition. */
  readonly #group = new Map<number, number>();
  readonly #histories = [new LogHistory(), new LogHistory()];
  readonly #invocations: Invocation[] = [];
  readonly #faults: Faults;
  #number = 0;

  constructor(script: Script, trace: (line: string) => void) {
    this.#script = script;
    this.#trace = trace;
    this.#scheduler = new Scheduler(script.seed);
    this.#log = new SimulatedLog(partitionNumbers, this.#scheduler);
    this.#model = new Model(this.#log, this.#scheduler);
    const logs = new Map(partitionNumbers.map((number) => [number, `${this.#log.topic}/1`]));
    this.#segments = new SimulatedSegments(this.#scheduler, logs, (outcome) =>
      this.#saw(`segment ${outcome}`),
    );
    this.#logger = this.#makeLogger();
    const watcher = {
      committing: this.#model.committing.bind(this.#model),
      committed: this.#model.committed.bind(this.#model),
      halted: (partition: number, code: string) => {
        this.#saw(`halted ${code}`);
        this.#model.halted(partition, code);
      },
      saw: (transition: string) => this.#saw(transition),
    };
    const homes = [
      { shard: 0, partitions: [0, 4] },
      { shard: 1, partitions: [1] },
    ];
    this.#shards = homes.map((home) => new SimulatedShard(home, this.#scheduler, watcher));
    this.#ingests = [0, 1].map((number) => this.#makeIngest(number));
    this.#faults = new Faults({
      scheduler: this.#scheduler,
      log: this.#log,
      segments: this.#segments,
      shards: this.#shards,
      model: this.#model,
      invocations: this.#invocations,
      group: this.#group,
      saw: (transition) => this.#saw(transition),
      ingests: this.#ingests.map(({ process }) => process),
    });
  }

  async run(): Promise<Outcome> {
    for (const operation of this.#script.operations) {
      this.#scheduler.after(operation.atMs, operation.kind, () => {
        this.#trace(`${operation.atMs} ${JSON.stringify(operation)}`);
        this.#perform(operation);
      });
    }
    const ended = () => this.#model.violation !== null;
    await this.#scheduler.runUntil(historyMs, ended);
    this.#faults.heal();
    // No consumer runs any more: the flusher alone must catch up (U8).
    let rounds = 0;
    while (rounds < settlingInvocations && !ended() && this.#model.unsettled(this.#shards) !== null) {
      if (!this.#shards.some(({ overloaded }) => overloaded)) rounds += 1;
      this.#flush({ flusher: 0, budgetMs: settlingBudgetMs });
      await this.#scheduler.runUntil(this.#scheduler.nowMs + settlingPauseMs, ended);
    }
    const unsettled = this.#model.unsettled(this.#shards);
    if (unsettled !== null) this.#model.fail(unsettled);
    return {
      violation: this.#model.violation,
      points: this.#scheduler.points,
      trace: this.#scheduler.trace,
      faultKinds: new Set(this.#script.operations.filter(isFault).map(({ kind }) => kind)).size,
      reached: this.#reached,
    };
  }

  #saw(transition: string): void {
    this.#reached.add(transition);
    this.#trace(`${this.#scheduler.nowMs}   ${transition}`);
    this.#scheduler.note(transition);
  }

  #makeLogger(): Logger {
    const line = (fields: object, message: string) => {
      // Every field of a log line may be missing.
      const {
        partition,
        code,
        reason = '',
      } = fields as { partition?: number; code?: string; reason?: string };
      this.#trace(`${this.#scheduler.nowMs}   logged: ${message} ${partition ?? ''} ${code ?? ''} ${reason}`);
      this.#reached.add(`logged ${message}`);
      if (message === 'partition waits') this.#reached.add(`waits ${reason.replaceAll(/\d+/g, 'n')}`);
    };
    return { debug: line, info: line, warn: line, error: line };
  }

  #process(name: string): SimulatedProcess {
    const process = new SimulatedProcess(`${name}${this.#number++}`, this.#scheduler);
    return process;
  }

  #makeIngest(number: number) {
    const process = this.#process(`ingest`);
    return { process, ...senderOf(number, { log: this.#log.writer(process), clock: process.clock }) };
  }

  #perform(operation: Operation): void {
    switch (operation.kind) {
      case 'send':
        this.#spawn(this.#send(operation.ingest, operation.events));
        break;
      case 'deliver':
        this.#spawn(this.#deliver(operation));
        break;
      case 'flush':
        this.#flush(operation);
        break;
      case 'read':
        this.#spawn(this.#read(operation.organization));
        break;
      default:
        this.#faults.apply(operation);
    }
  }

  /** Nothing that the use cases are documented to throw ends a history; anything else does. */
  #spawn(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!isTransient(error))
        this.#model.fail(`a use case threw ${error instanceof Error ? error.stack : error}`);
    });
  }

  async #send(ingest: number, events: readonly SentEvent[]): Promise<void> {
    const sender = this.#ingests[ingest];
    if (sender === undefined) return;
    const outcome = await sendRequest(sender, events);
    this.#saw(`request ${outcome.kind}`);
    // By the shards' clock, which the promise is about; the sender's may be set.
    judgeAnswer(this.#model, outcome, { events, nowMs: simulatedStartMs + this.#scheduler.nowMs });
  }

  async #deliver({
    partition,
    count,
    shift,
    frozenMs,
  }: Extract<Operation, { kind: 'deliver' }>): Promise<void> {
    const process = this.#process('consumer');
    const { start, records } = this.#log.of(partition);
    const from = Math.min(records.length, Math.max(start, (this.#group.get(partition) ?? 0) + shift));
    const batch = records.slice(from, from + count).map((value, i) => ({ offset: from + i, value }));
    if (batch.length === 0) return;
    process.frozenUntilMs = this.#scheduler.nowMs + frozenMs;
    const ports = {
      segments: this.#segments.store(process),
      logger: this.#logger,
      metrics: noMetrics,
      clock: process.clock,
    };
    // The group's offset moves when the batch has ended: a second consumer meanwhile gets the same records.
    const waiting = await storeSegments(
      [{ partition, itemPartition: `t-${partition}`, records: batch }],
      segmentKey,
      ports,
    );
    const [stopped] = waiting;
    if (stopped !== undefined) this.#saw('consumer waits for code');
    this.#group.set(partition, stopped?.offset ?? from + batch.length);
  }

  #flush({ flusher, budgetMs }: { readonly flusher: number; readonly budgetMs: number }): void {
    const process = this.#process(`flusher${flusher}.`);
    const endMs = this.#scheduler.nowMs + budgetMs + transactionStartRemainingMs;
    const history = this.#histories[flusher];
    if (history === undefined) return;
    this.#invocations.push({ flusher, process });
    const ports = {
      log: this.#log.reader(process),
      segments: this.#segments.store(process),
      segmentKey,
      logger: this.#logger,
      metrics: noMetrics,
      clock: process.clock,
      checkpoint: noCheckpoint,
    };
    const ledgers = this.#shards.map((shard) => shard.ledger(process));
    const passes = runPasses(ledgers, history, () => endMs - this.#scheduler.nowMs, ports);
    this.#spawn(passes.then(() => this.#saw('flusher ended')));
  }

  async #read(organization: string): Promise<void> {
    const process = this.#process('reader');
    const partition = partitionOf(organization, logPartitions);
    const shard = this.#shards[partition % 4];
    if (shard === undefined) return;
    const request = { organization, limit: summaryMetricsMax, startDay: 0, endDay: 99_999 };
    let [nextOffset, generation] = [0, 0];
    const onSnapshot = (state: PartitionState) => {
      ({ nextOffset, generation } = state);
    };
    const reader = summariesOf(process, { shard, partition, onSnapshot });
    // What was answered before this read began; reads that overlap may be answered in any order.
    const countMin = this.#model.countOf(organization);
    const through = this.#model.throughOf(partition);
    const outcome = await summarizeUsage(reader, caller, request);
    if (outcome.kind !== 'summary') return;
    const { metrics, freshness } = outcome.summary;
    const count = metrics.reduce((sum, { eventCount }) => sum + eventCount, 0);
    const throughMinMs = through.generation === generation ? through.ms : 0;
    const at = { organization, partition, nextOffset, generation };
    this.#model.read(at, { count, countMin, freshness, throughMinMs });
    if (freshness.complete) this.#saw('read complete');
    if (freshness.inFlight === false) this.#saw('read nothing in flight');
  }
}
