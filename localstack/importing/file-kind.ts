/** What a file is by its first bytes, whatever its name says. */

export type Packing = 'gzip' | 'zstd';

/** As many first bytes as every pattern of a packing or a foreign kind looks at. */
export const startBytes = 4;

const gzip = /^1f8b/;
const zstd = /^28b52ffd/;
/** What is not read, by the hexadecimal digits of its start. UTF-32 is first: its mark begins as that of UTF-16. */
const foreign: readonly (readonly [RegExp, string])[] = [
  [/^(?:fffe0000|0000feff|..000000|000000..)/, 'text in UTF-32: convert it with iconv -f UTF-32 -t UTF-8'],
  [/^(?:fffe|feff|..00..00|00..00..)/, 'text in UTF-16: convert it with iconv -f UTF-16 -t UTF-8'],
  [gzip, 'a gzip file within a packed file: unpack it once'],
  [zstd, 'a zstd file within a packed file: unpack it once'],
  [/^504b0304/, 'a zip archive: unpack it'],
  [/^fd377a58/, 'an xz file: unpack it'],
  [/^425a68/, 'a bzip2 file: unpack it'],
  [/^04224d18/, 'an lz4 file: unpack it'],
  [/^50415231/, 'a Parquet file: write its rows as JSON Lines or CSV'],
];

export function packingOf(start: Buffer): Packing | null {
  const digits = start.toString('hex', 0, startBytes);
  if (gzip.test(digits)) return 'gzip';
  return zstd.test(digits) ? 'zstd' : null;
}

/** What the bytes are and what to do about it, where they are no text in UTF-8; null where they may be. */
export function foreignKind(start: Buffer): string | null {
  const digits = start.toString('hex', 0, startBytes);
  return foreign.find(([pattern]) => pattern.test(digits))?.[1] ?? null;
}
