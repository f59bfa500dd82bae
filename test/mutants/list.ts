import { commitMutants } from './list/commit.ts';
import { doorMutants } from './list/door.ts';
import { eventMutants } from './list/events.ts';
import { segmentMutants } from './list/segments.ts';
import { serverMutants } from './list/servers.ts';
import { shardMutants } from './list/shards.ts';
import type { Mutant } from './mutant.ts';

/** Every mutant. `find` is short and at the heart of its rule, so that other changes of the file leave it alone. */
export const mutants: readonly Mutant[] = [
  ...eventMutants,
  ...segmentMutants,
  ...commitMutants,
  ...doorMutants,
  ...shardMutants,
  ...serverMutants,
];
