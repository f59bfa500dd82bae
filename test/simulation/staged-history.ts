/**
 * Runs a script in a slow form that real servers can play too: an operation begins when the one before it has ended. A
 * flusher that is held goes on in between.
 */
import { storeSegments } from '../../functions/consumer/store-segments.ts';
import { LogHistory } from '../../functions/flusher/log-history.ts';
import { runPasses } from '../../functions/flusher/run-passes.ts';
import { summarizeUsage } from '../../functions/query/summarize-usage.ts';
import { isTransient } from '../../shared/errors.ts';
import { type Checkpoint, noCheckpoint } from '../../shared/ledger/checkpoint.ts';
import { gapReadBytesMax, summaryMetricsMax, transactionStartRemainingMs } from '../../shared/limits.ts';
import { partitionOf } from '../../shared/log/routing.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { newerEnvelope } from '../harness/builders/records.ts';
import { caller, judgeAnswer, logPartitions, type Sender, senderOf, sendRequest } from './requests.ts';
import type { SentEvent } from './script.ts';
import type { PartitionState } from './shard-state.ts';
import type { Stage } from './stage.ts';
import type { StagedOperation } from './staged-script.ts';

/** What a partition came to, in words that two stages can be compared by. */
interface PartitionVerdict {
  readonly nextOffset: number;
  readonly haltCode: string | null;
  /** Each counted event by its day, key, place and content. */
  readonly counted: readonly string[];
  readonly totals: readonly string[];
}

export interface StagedOutcome {
  readonly violation: string | null;
  readonly partitions: Readonly<Record<number, PartitionVerdict>>;
  /** What the use cases logged, without figures. */
  readonly logged: ReadonlySet<string>;
}

type Of<Kind extends StagedOperation['kind']> = Extract<StagedOperation, { kind: Kind }>;

interface Held {
  readonly release: () => void;
  readonly ended: Promise<void>;
}

const segmentKey = Buffer.alloc(32, 1);
/** After all trouble: this many invocations, so far apart that a log end below progress halts in time. */
const settlingInvocations = 7;
const settlingBudgetMs = 2000;
const settlingPauseMs = 12_000;

export async function runStaged(
  stage: Stage,
  operations: readonly StagedOperation[],
): Promise<StagedOutcome> {
  return new StagedHistory(stage).run(operations);
}

class StagedHistory {
  readonly #stage: Stage;
  readonly #senders: readonly Sender[];
  readonly #histories = [new LogHistory(), new LogHistory()];
  /** Offset of the consumer group by partition. */
  readonly #group = new Map<number, number>();
  readonly #held = new Map<number, Held>();
  /** Flushers that were let go and have not ended. */
  readonly #going: Promise<void>[] = [];
  readonly #logged = new Set<string>();
  readonly #logger: Logger;
  #foreign = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#senders = [0, 1].map((number) => senderOf(number, stage.ingest(number)));
    const line = (fields: object, message: string) => {
      // Every field of a log line may be missing.
      const { code, reason } = fields as { code?: string; reason?: string };
      const words = [message, code, code === undefined ? reason : undefined];
      const text = words.filter((word) => word !== undefined).join(' ');
      this.#logged.add(text.replaceAll(/\d+/g, 'n'));
    };
    this.#logger = { debug: line, info: line, warn: line, error: line };
  }

  async run(operations: readonly StagedOperation[]): Promise<StagedOutcome> {
    const { model } = this.#stage;
    try {
      await this.#play(operations);
    } finally {
      // Where something else has failed, nobody may wait for a flusher that is held.
      for (const { release } of this.#held.values()) release();
    }
    const states = this.#stage.states();
    const unsettled = model.unsettled([{ partitions: states }]);
    if (unsettled !== null) model.fail(unsettled);
    const partitions = Object.fromEntries([...states].map(([number, state]) => [number, verdictOf(state)]));
    return { violation: model.violation, partitions, logged: this.#logged };
  }

  async #play(operations: readonly StagedOperation[]): Promise<void> {
    await this.#stage.lookAtLedger();
    let atMs = 0;
    for (const operation of operations) {
      if (this.#stage.model.violation !== null) break;
      ({ atMs } = operation);
      await this.#stage.advanceTo(atMs);
      await this.#perform(operation);
    }
    await this.#settle(atMs);
  }

  /** No consumer runs any more: the flusher alone must catch up (U8). */
  async #settle(endMs: number): Promise<void> {
    const { model } = this.#stage;
    for (const flusher of [...this.#held.keys()]) await this.#goOn({ flusher, afterMs: 0 });
    for (let i = 1; i <= settlingInvocations && model.violation === null; i++) {
      if (model.unsettled([{ partitions: this.#stage.states() }]) === null) return;
      await this.#stage.advanceTo(endMs + i * settlingPauseMs);
      await this.#flush({ flusher: 0, budgetMs: settlingBudgetMs });
    }
  }

  async #perform(operation: StagedOperation): Promise<void> {
    switch (operation.kind) {
      case 'send':
        return this.#send(operation.ingest, operation.events);
      case 'foreign':
      case 'newer':
        return this.#append(operation);
      case 'deliver':
        return this.#deliver(operation);
      case 'flush':
        return this.#flush(operation);
      case 'hold':
        return this.#hold(operation);
      case 'go-on':
        return this.#goOn(operation);
      case 'read':
        return this.#read(operation.organization);
      default:
        await this.#stage.during(this.#break(operation));
        await this.#stage.lookAtLog();
        this.#stage.model.logChanged();
    }
  }

  async #break(
    fault: Exclude<StagedOperation, Of<'send' | 'deliver' | 'flush' | 'hold' | 'go-on' | 'read'>>,
  ) {
    const stage = this.#stage;
    switch (fault.kind) {
      case 'lose-tails':
        return stage.loseTails(fault.cuts);
      case 'remake':
        return stage.makeTopicAgain();
      case 'expire': {
        const next = stage.states().get(fault.partition)?.nextOffset ?? 0;
        return stage.expire({ partition: fault.partition, start: next + fault.beyond });
      }
      case 'lose':
      case 'lose-part':
        return stage.loseSegments(fault.kind === 'lose');
      case 'remember':
        return stage.rememberSegments();
      case 'go-back':
        return stage.segmentsGoBack();
      case 'end-transactions':
        return stage.endTransactions(fault.flusher);
      case 'commit':
        return stage.nextCommit(fault);
    }
  }

  async #send(ingest: number, events: readonly SentEvent[]): Promise<void> {
    const sender = this.#senders[ingest];
    if (sender === undefined) throw new Error(`there is no ingest ${ingest}`);
    const outcome = await this.#stage.during(sendRequest(sender, events));
    await this.#stage.lookAtLog();
    this.#logged.add(`request ${outcome.kind}`);
    judgeAnswer(this.#stage.model, outcome, { events, nowMs: sender.clock.now() });
  }

  async #append({ kind, partition }: Of<'foreign' | 'newer'>): Promise<void> {
    const value = kind === 'foreign' ? Buffer.from(`foreign ${this.#foreign++}`) : newerEnvelope(partition);
    await this.#stage.during(this.#stage.ingest(0).log.append([{ partition, value }]));
    await this.#stage.lookAtLog();
  }

  async #deliver({ partition, count, shift }: Of<'deliver'>): Promise<void> {
    const { log, segments, clock } = this.#stage.consumer();
    const { start = 0, end = 0 } = (await this.#stage.during(log.bounds())).get(partition) ?? {};
    const from = Math.min(end, Math.max(start, (this.#group.get(partition) ?? 0) + shift));
    const delivered = await this.#stage.during(log.read([{ partition, from, bytesMax: gapReadBytesMax }]));
    const records = (delivered.get(partition) ?? []).slice(0, count);
    if (records.length === 0) return;
    const ports = { segments, logger: this.#logger, metrics: noMetrics, clock };
    const batch = { partition, itemPartition: `t-${partition}`, records };
    const [stopped] = await this.#stage.during(storeSegments([batch], segmentKey, ports));
    this.#group.set(partition, stopped?.offset ?? from + records.length);
  }

  async #flush(request: { readonly flusher: number; readonly budgetMs: number }): Promise<void> {
    await this.#stage.during(this.#passes(request));
    for (const ended of this.#going.splice(0)) await this.#stage.during(ended);
    await this.#stage.lookAtLedger();
  }

  async #passes(
    { flusher, budgetMs }: { readonly flusher: number; readonly budgetMs: number },
    checkpoint: Checkpoint = noCheckpoint,
  ): Promise<void> {
    const { shards, ...ports } = this.#stage.flusher(flusher);
    const history = this.#histories[flusher];
    if (history === undefined) throw new Error(`there is no flusher ${flusher}`);
    const watched: Checkpoint = async (step, partition) => {
      if (step === 'after-commit') await this.#stage.lookAtLedger(flusher);
      await checkpoint(step, partition);
    };
    const rest = { segmentKey, logger: this.#logger, metrics: noMetrics, checkpoint: watched };
    const invocations = shards.map(({ ledger, clock }) => {
      const endMs = clock.monotonic() + budgetMs + transactionStartRemainingMs;
      return runPasses([ledger], history, () => endMs - clock.monotonic(), { ...ports, ...rest, clock });
    });
    for (const ended of await Promise.allSettled(invocations)) {
      if (ended.status === 'fulfilled' || isTransient(ended.reason)) continue;
      const { reason } = ended;
      this.#stage.model.fail(`a use case threw ${reason instanceof Error ? reason.stack : reason}`);
    }
  }

  /** A flush that stops at a step of one partition's commit, as a process does that is frozen there. */
  async #hold({ flusher, budgetMs, partition, step }: Of<'hold'>): Promise<void> {
    const { promise: reached, resolve: reach } = Promise.withResolvers<boolean>();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    let stopped = false;
    const ended = this.#passes({ flusher, budgetMs }, async (at, of) => {
      if (at !== step || of !== partition || stopped) return;
      stopped = true;
      reach(true);
      await released;
    });
    const came = await this.#stage.during(Promise.race([reached, ended.then(() => false)]));
    if (!came) throw new Error(`flusher ${flusher} never came to ${step} of partition ${partition}`);
    this.#held.set(flusher, { release, ended });
  }

  /** At once, and to its end; or after so long, while what follows in the script goes on. */
  async #goOn({ flusher, afterMs }: Pick<Of<'go-on'>, 'flusher' | 'afterMs'>): Promise<void> {
    const held = this.#held.get(flusher);
    if (held === undefined) throw new Error(`flusher ${flusher} is not held`);
    this.#held.delete(flusher);
    if (afterMs > 0) {
      this.#going.push(this.#stage.sleep(afterMs).then(held.release), held.ended);
      return;
    }
    held.release();
    await this.#stage.during(held.ended);
    await this.#stage.lookAtLedger();
  }

  async #read(organization: string): Promise<void> {
    const { model } = this.#stage;
    const partition = partitionOf(organization, logPartitions);
    const request = { organization, limit: summaryMetricsMax, startDay: 0, endDay: 99_999 };
    const { nextOffset = 0, generation = 0 } = this.#stage.states().get(partition) ?? {};
    const countMin = model.countOf(organization);
    const through = model.throughOf(partition);
    const outcome = await this.#stage.during(summarizeUsage(this.#stage.summaries, caller, request));
    if (outcome.kind !== 'summary') throw new Error(`a summary is refused: ${outcome.code}`);
    const { metrics, freshness } = outcome.summary;
    const count = metrics.reduce((sum, { eventCount }) => sum + eventCount, 0);
    if (freshness.complete) this.#logged.add('read complete');
    const throughMinMs = through.generation === generation ? through.ms : 0;
    const at = { organization, partition, nextOffset, generation };
    model.read(at, { count, countMin, freshness, throughMinMs });
  }
}

function verdictOf({ nextOffset, haltCode, events, totals }: PartitionState): PartitionVerdict {
  return {
    nextOffset,
    haltCode,
    counted: [...events.values()]
      .map((event) => [event.day, event.keyHash, event.offset, event.index, event.fingerprint].join(' '))
      .sort(),
    totals: [...totals]
      .map(
        ([name, { thousandths, count }]) => `${name.replaceAll('\n', ' ')} ${thousandths}/1000 in ${count}`,
      )
      .sort(),
  };
}
