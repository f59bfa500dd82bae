const byteOrderMark = Buffer.from('\ufeff');

/** The text without the mark that some programs write at its start. The first chunk holds the start as a whole. */
export async function* withoutMark(text: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let first = true;
  for await (const chunk of text) {
    const marked = first && chunk.subarray(0, byteOrderMark.length).equals(byteOrderMark);
    yield marked ? chunk.subarray(byteOrderMark.length) : chunk;
    first = false;
  }
}
