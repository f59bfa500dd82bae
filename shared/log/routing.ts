/** organization -> bucket -> partition -> home shard. Computed here, never by a client library. */
import { bucketCount, shardCount } from '../limits.ts';

/** Version of the map below, kept in every shard's identity row and in the ledger; another value is refused (U9). */
export const routeMapVersion = 1;

/**
 * The bucket of an organization: FNV-1a (32 bits) over its ASCII characters with the 32-bit finalizer of
 * MurmurHash3, modulo 1,024. FNV alone leaves the low bits of similar names alike.
 */
export function bucketOf(organization: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < organization.length; i++) {
    hash = Math.imul(hash ^ organization.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % bucketCount;
}

/** The partition of an organization in a log of `partitions` partitions. */
export function partitionOf(organization: string, partitions: number): number {
  return bucketOf(organization) % partitions;
}

/** The home shard of a partition. */
export function shardOf(partition: number): number {
  return partition % shardCount;
}

/** The partitions of a log of `partitions` partitions whose home is `shard`. */
export function partitionsOf(home: {
  readonly shard: number;
  readonly partitions: number;
}): readonly number[] {
  const all = Array.from({ length: home.partitions }, (_, partition) => partition);
  return all.filter((partition) => shardOf(partition) === home.shard);
}
