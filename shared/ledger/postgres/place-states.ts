/**
 * What became of places of one partition. A commit is found by its range, its rows by the time and the days of that commit,
 * what is kept aside by the place itself: no statement looks at more than the commits that were asked for.
 */
import type pg from 'pg';
import { formatDay } from '../../events/calendar.ts';
import { clocksDifferMsMax, readAnswerTimeoutMs } from '../../limits.ts';
import type { AskedPlace, CommitName, PlaceState } from '../event-lookup.ts';
import { execute } from './execute.ts';
import { fromUuid, toSafeInteger } from './row-values.ts';
import { loadSql } from './sql.ts';

const findCommits = loadSql('find-commits');
const findCountedPlaces = loadSql('find-counted-places');
const findKeptAside = loadSql('find-kept-aside');

interface CommitRow {
  /** Which of the places, from 1. */
  readonly n: number;
  readonly current_generation: number;
  readonly generation: number | null;
  readonly sequence: string | null;
  readonly source: string | null;
  readonly hash: string | null;
  readonly committed_at_ms: string | null;
  readonly days: readonly number[];
  readonly closed_before: number | null;
}

interface KeptRow {
  readonly n: number;
  readonly organization_id: string | null;
  readonly key_hash: string | null;
  readonly first_day: number | null;
  readonly code: string | null;
  readonly bytes: Buffer | null;
}

/** A place that a commit took. */
interface Taken {
  readonly place: AskedPlace;
  readonly row: CommitRow;
  readonly commit: CommitName;
  readonly generation: number;
}

/** In a transaction that may read rows of any organization. */
export async function readPlaceStates(
  client: pg.ClientBase,
  partition: number,
  places: readonly AskedPlace[],
): Promise<readonly PlaceState[]> {
  const read = async <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[]) =>
    (await execute<Row>(client, text, values, readAnswerTimeoutMs)).rows;
  const columns = [places.map(({ offset }) => offset), places.map(({ createdAtMs }) => createdAtMs)];
  const commits = await read<CommitRow>(findCommits, [partition, ...columns, clocksDifferMsMax]);
  const states = new Array<PlaceState>(places.length).fill({ kind: 'uncommitted' });
  const taken: Taken[] = [];
  for (const row of commits) {
    const place = places[row.n - 1];
    const { generation, hash, committed_at_ms: at } = row;
    if (place === undefined || generation === null || hash === null || at === null) continue;
    const commit = { hash, committedAtMs: toSafeInteger(at) };
    if (row.source === 'decision') states[row.n - 1] = { kind: 'skipped', commit };
    else taken.push({ place, row, commit, generation });
  }
  if (taken.length === 0) return states;
  const counted = await read<{ n: number; organization_id: string }>(findCountedPlaces, [
    partition,
    ...commitDays(taken),
    ...placeColumns(taken),
    taken.map(({ place }) => place.createdAtMs),
  ]);
  const generations = taken.map(({ generation }) => generation);
  const kept = await read<KeptRow>(findKeptAside, [partition, generations, ...placeColumns(taken)]);
  const organizationOf = new Map(counted.map(({ n, organization_id: organization }) => [n, organization]));
  const keptOf = new Map(kept.map((row) => [row.n, row]));
  for (const [i, one] of taken.entries()) {
    const { commit } = one;
    const organization = organizationOf.get(i + 1);
    const state: PlaceState =
      organization === undefined
        ? (keptState(one, keptOf.get(i + 1)) ?? notHere(one))
        : { kind: 'counted', commit, organization };
    states[one.row.n - 1] = state;
  }
  return states;
}

/** Times and days of the commits, in pairs, each pair once. */
function commitDays(taken: readonly Taken[]): readonly [readonly number[], readonly string[]] {
  const days = new Map<number, ReadonlySet<number>>();
  for (const { commit, row } of taken) {
    days.set(commit.committedAtMs, new Set([...(days.get(commit.committedAtMs) ?? []), ...row.days]));
  }
  const pairs = [...days].flatMap(([ms, ofCommit]) => [...ofCommit].map((day) => ({ ms, day })));
  return [pairs.map(({ ms }) => ms), pairs.map(({ day }) => formatDay(day))];
}

function placeColumns(taken: readonly Taken[]): readonly (readonly number[])[] {
  return [taken.map(({ place }) => place.offset), taken.map(({ place }) => place.index)];
}

function keptState({ commit, ...taken }: Taken, row: KeptRow | undefined): PlaceState | null {
  if (row === undefined) return null;
  const { organization_id: organization, key_hash: keyHash, first_day: firstDay, code, bytes } = row;
  if (code !== null) return { kind: 'quarantined', commit, code, bytes };
  if (organization === null || keyHash === null || firstDay === null) return null;
  const ofPresentLog = taken.generation === taken.row.current_generation;
  return { kind: 'conflict', commit, organization, keyHash: fromUuid(keyHash), firstDay, ofPresentLog };
}

function notHere({ commit, generation, row }: Taken): PlaceState {
  const { closed_before: closedBefore, current_generation: current, days } = row;
  return {
    kind: 'not_here',
    commit,
    ofPresentLog: generation === current,
    daysClosed: days.some((day) => closedBefore !== null && day < closedBefore),
    closedBefore,
  };
}
