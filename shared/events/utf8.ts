const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * The text of bytes that are UTF-8, without a byte order mark at their start; null for any other bytes. Nothing is
 * replaced: different bytes that became one replacement character would make two keys one.
 */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}
