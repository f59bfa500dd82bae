/** The lines of a text as bytes. Only LF ends a line: a string of JSON may hold any other separator. */

const lineFeed = 10;

/** Lines without their LF. Of a line longer than `lineBytesMax` comes at least one byte too many, the rest is not kept. */
export async function* readLines(input: AsyncIterable<Buffer>, lineBytesMax: number): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    let from = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, from)) {
      const last = chunk.subarray(from, end);
      yield parts.length === 0 ? last : Buffer.concat([...parts, last]);
      parts = [];
      bytes = 0;
      from = end + 1;
    }
    const rest = chunk.subarray(from, from + lineBytesMax + 1 - bytes);
    if (rest.length > 0) parts.push(rest);
    bytes += rest.length;
  }
  if (bytes > 0) yield Buffer.concat(parts);
}
