/** What goes wrong in a history. */
import { idleInTransactionTimeoutMs } from '../../shared/limits.ts';
import { envelope, newerEnvelope, sealedEvent } from '../harness/builders/records.ts';
import { poison, type SimulatedShard } from './ledger.ts';
import type { SimulatedLog } from './log.ts';
import type { Model } from './model.ts';
import type { SimulatedProcess } from './process.ts';
import type { Scheduler } from './scheduler.ts';
import type { Fault } from './script.ts';
import type { SimulatedSegments } from './segments.ts';
import type { PartitionState } from './shard-state.ts';

export interface Invocation {
  readonly flusher: number;
  readonly process: SimulatedProcess;
}

/** What a fault may meet. */
interface FaultyWorld {
  readonly scheduler: Scheduler;
  readonly log: SimulatedLog;
  readonly segments: SimulatedSegments;
  readonly shards: readonly SimulatedShard[];
  readonly model: Model;
  /** Of flushers, as far as they have begun. */
  readonly invocations: readonly Invocation[];
  readonly ingests: readonly SimulatedProcess[];
  /** Offset of the consumer's group by partition. */
  readonly group: Map<number, number>;
  readonly saw: (transition: string) => void;
}

export class Faults {
  readonly #world: FaultyWorld;

  constructor(world: FaultyWorld) {
    this.#world = world;
  }

  apply(fault: Fault): void {
    switch (fault.kind) {
      case 'truncate':
        this.#world.log.truncate(fault.partition, fault.count);
        break;
      case 'rewrite':
        this.#rewrite(fault);
        break;
      case 'remake':
        this.#world.log.remake();
        // The consumer's group goes with the topic.
        this.#world.group.clear();
        break;
      case 'expire':
        this.#world.log.expire(fault.partition, this.#stateOf(fault.partition).nextOffset + fault.beyond);
        break;
      case 'foreign':
        this.#world.log
          .of(fault.partition)
          .records.push(Buffer.from(`foreign ${this.#world.scheduler.points}`));
        break;
      case 'newer':
        this.#world.log.of(fault.partition).records.push(newerEnvelope(fault.partition));
        break;
      case 'poison':
        this.#world.log.of(fault.partition).records.push(poisonedEnvelope(fault.partition));
        break;
      case 'restart':
        this.#restart(fault.partition);
        break;
      case 'log':
        if (fault.trouble === 'stale-end') this.#world.model.judgesFreshness = false;
        this.#world.log.trouble(fault.trouble, fault.partition, fault.ms);
        break;
      case 'segments':
        this.#world.segments.trouble(fault.trouble, fault.ms);
        break;
      case 'lose':
      case 'lose-part':
        this.#world.segments.lose(fault.kind === 'lose');
        break;
      case 'remember':
        this.#world.segments.remember();
        break;
      case 'go-back':
        this.#world.segments.goBack();
        break;
      case 'shard':
        this.#world.shards[fault.shard]?.trouble(fault.trouble, fault.ms);
        break;
      case 'commit':
        this.#world.shards[fault.shard]?.nextCommit(fault.fate);
        break;
      case 'freeze':
      case 'kill':
        this.#stopFlusher(fault);
        break;
      case 'step':
        this.#world.model.judgesFreshness = false;
        for (const process of [
          ...this.#world.invocations.map(({ process }) => process),
          ...this.#world.ingests,
        ])
          process.steppedMs += fault.ms;
    }
    this.#world.model.logChanged();
  }

  /** The consumer's group goes on where the flusher does, so that segments of the other records begin there. */
  #rewrite({ partition, below }: Extract<Fault, { kind: 'rewrite' }>): void {
    const { nextOffset } = this.#stateOf(partition);
    this.#world.log.rewrite(partition, nextOffset - below);
    this.#world.group.set(partition, nextOffset);
  }

  #restart(partition: number): void {
    const { log, model, saw, shards } = this.#world;
    const shard = shards.find(({ partitions }) => partitions.has(partition));
    const { start } = log.of(partition);
    if (!shard?.restart(partition, { topic: log.topic, start })) return;
    model.restarted(partition, shard);
    saw('generation begins');
  }

  #stopFlusher(fault: {
    readonly kind: 'freeze' | 'kill';
    readonly flusher: number;
    readonly ms?: number;
  }): void {
    for (const { flusher, process } of this.#world.invocations) {
      if (flusher !== fault.flusher) continue;
      const end = () => {
        for (const shard of this.#world.shards) shard.endSessions(process);
      };
      const { scheduler } = this.#world;
      if (fault.kind === 'freeze') {
        const ms = fault.ms ?? 0;
        process.frozenUntilMs = scheduler.nowMs + ms;
        // The server ends a transaction in which nothing happens for so long.
        if (ms > idleInTransactionTimeoutMs)
          scheduler.after(idleInTransactionTimeoutMs, 'idle sessions end', end);
      } else if (!process.dead) {
        process.dead = true;
        scheduler.after(scheduler.random.below(2000), 'sessions end', end);
      }
    }
  }

  /** Whatever still goes wrong ends. */
  heal(): void {
    this.#world.log.heal();
    this.#world.segments.heal();
    for (const shard of this.#world.shards) shard.heal();
  }

  #stateOf(partition: number): PartitionState {
    const state = this.#world.shards.flatMap((shard) => shard.partitions.get(partition) ?? [])[0];
    if (state === undefined) throw new Error(`no partition ${partition}`);
    return state;
  }
}

/** A record of our own that the shard fails to take every time. */
function poisonedEnvelope(partition: number): Buffer {
  return envelope([sealedEvent({ organization: poison })], { partition });
}
